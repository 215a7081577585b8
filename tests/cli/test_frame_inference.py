"""Frames in batches, as workers infer them, against frames one by one. Here the only worker is this process."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from sim2sg_core.cli import frame_inference
from sim2sg_core.cli.frame_inference import BATCH, infer_by, infer_here
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.fleet import ONE_MACHINE
from sim2sg_core.logs import open_logs, select_frames
from sim2sg_core.runtime import Predictor
from tests.logs.bag_writing import T0, bag, picture


@pytest.fixture
def model(make_model, three_objects):
    return make_model(three_objects)


@pytest.fixture
def logs(tmp_path):
    """Compressed images of a bag; files of 8 and 16 bits, and a damaged one; raw images."""
    with bag(tmp_path / "jpegs", "mcap") as b:
        for i in range(11):
            b.compressed("/cam/image_raw/compressed", picture(i), T0 + i * 10**9)
    folder = tmp_path / "files"
    folder.mkdir()
    for i in range(3):
        cv2.imwrite(str(folder / f"{i}.png"), picture(i))
    cv2.imwrite(str(folder / "3.png"), picture(3).astype(np.uint16) * 16)
    (folder / "4.jpg").write_bytes(cv2.imencode(".jpg", picture(4))[1].tobytes()[:-700])
    with bag(tmp_path / "raw", "mcap") as b:
        for i in range(3):
            b.raw("/cam/image_raw", picture(i).ravel(), 64, 48, "rgb8", 3 * 64, T0 + i * 10**9)
    return open_logs([tmp_path / "jpegs", folder, tmp_path / "raw"])


def told(inferred):
    return [
        (frame.name, output.box, {k: v.tobytes() for k, v in output.outputs.items()}, image().tobytes())
        for frame, output, image in inferred
    ]


def by_worker(model, logs, strict=False):
    return infer_by(ONE_MACHINE, model, "cpu", select_frames(logs), Predictor(model, "cpu"), strict)


def test_batches_give_what_frames_one_by_one_give(model, logs, caplog):
    expected = told(infer_here(select_frames(logs), Predictor(model, "cpu"), False))
    warned = [record.getMessage() for record in caplog.records]
    caplog.clear()
    assert len(expected) == 11 + 4 + 3
    anew = open_logs([log.path for log in logs])  # what is warned of once for each log is so again
    assert told(by_worker(model, anew)) == expected
    assert [record.getMessage() for record in caplog.records] == warned
    assert any("4.jpg" in text and "left out" in text for text in warned)


def test_a_damaged_frame_is_the_same_error_with_strict(model, logs):
    with pytest.raises(Sim2SGError) as one_by_one:
        list(infer_here(select_frames(logs), Predictor(model, "cpu"), True))
    with pytest.raises(Sim2SGError) as in_batches:
        list(by_worker(model, logs, strict=True))
    assert str(in_batches.value) == str(one_by_one.value) and "4.jpg" in str(one_by_one.value)


def test_frames_are_read_as_they_are_inferred(model, logs):
    """One batch ahead at most, be the log as long as it may."""
    taken = []

    def counted():
        for frame in select_frames(logs):
            taken.append(frame.name)
            yield frame

    results = infer_by(ONE_MACHINE, model, "cpu", counted(), Predictor(model, "cpu"), False)
    next(results)
    assert len(taken) == BATCH


def test_large_frames_go_in_small_batches(model, logs, monkeypatch):
    monkeypatch.setattr(frame_inference, "BATCH_BYTES", 1)
    held = frame_inference.deque()
    batches = list(frame_inference._batches(select_frames(logs), held))
    # A file that is sent as it is, however small, fills a batch; what cannot be sent takes no room.
    assert max(map(len, batches)) <= 2 and sum(map(len, batches)) == len(held) == 19
