"""The benchmark of logs: both readers give the same images of the log that it makes."""

from __future__ import annotations

import numpy as np

from benchmarks import logs


def test_readers_agree_and_rows_are_measured(tmp_path):
    logs.make_log(tmp_path / "log", 3 << 20)
    plain, ours = list(logs.plain_frames(tmp_path / "log")), list(logs.our_frames(tmp_path / "log", 2))
    assert len(plain) == len(ours) > 30
    assert all(np.array_equal(a, b) for a, b in zip(plain, ours))
    for part in logs.READERS:
        assert logs.measure(part, tmp_path, 10)["frames_per_s"] > 0
    frames = {part: logs.measure(part, tmp_path, 0)["frames"] for part in logs.WHOLE}
    assert frames["all frames"] == len(plain)
    assert 0 < frames["changes only"] <= len(plain) / logs.VIEW_FRAMES + 1
    assert frames["400 of all, 0.2 s apart"] < len(plain) / 5
