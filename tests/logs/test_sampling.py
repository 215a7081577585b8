"""Frames chosen by time and by change."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.logs import open_log, open_logs, sample_frames, sampling
from sim2sg_core.logs.sampling import change, signature, spaced
from tests.logs.bag_writing import T0, bag, picture

SECOND = 10**9


class Still:
    """A frame as `spaced` sees it."""

    def __init__(self, stamp: int, view: np.ndarray | None = None) -> None:
        self.stamp, self.view = stamp, view

    def thumbnail(self) -> np.ndarray:
        assert self.view is not None, "thumbnails cost time: not asked for when change does not matter"
        return self.view


@given(
    gaps=st.lists(st.integers(0, 3 * SECOND), min_size=1, max_size=40),
    interval=st.floats(0, 2),
)
def test_kept_frames_are_apart_and_none_is_dropped_without_need(gaps, interval):
    stamps = (T0 + np.cumsum(gaps)).tolist()
    kept = [item.frame.stamp for item in spaced([Still(s) for s in stamps], interval, 0)]
    assert kept[0] == stamps[0]
    assert all(b - a >= interval * SECOND for a, b in itertools.pairwise(kept))
    for stamp in set(stamps) - set(kept):
        last = max(k for k in kept if k <= stamp)
        assert stamp - last < interval * SECOND


@settings(max_examples=20)
@given(shift=st.integers(-20, 20), seed=st.integers(0, 99))
def test_change_ignores_exposure_and_sees_content(shift, seed):
    rng = np.random.default_rng(seed)
    a = cv2.GaussianBlur(rng.uniform(30, 220, (60, 80)), (0, 0), 3)
    same, other = signature(a), signature(a + shift)
    assert change(same, other) < 1e-3
    moved = a.copy()
    moved[20:40, 20:50] += 60
    # By hand: 600 of 4800 pixels by 60 levels, less the mean that is taken off.
    share = 600 / 4800
    assert change(same, signature(moved)) == pytest.approx(2 * share * (1 - share) * 60, rel=0.1)
    assert change(same, signature(moved)) == change(signature(moved), same)


def test_a_standing_camera_yields_one_frame(tmp_path):
    with bag(tmp_path / "b", "mcap") as b:
        for i in range(30):
            b.compressed("/c/compressed", picture(0) if i < 20 else picture(0)[::-1], T0 + i * SECOND)
    log = open_log(tmp_path / "b")
    stamps = [(f.stamp - T0) // SECOND for f in sample_frames(log, min_change=2)]
    assert stamps == [0, 20]


@pytest.mark.parametrize("raw", [False, True])
def test_the_limit_spreads_over_all_logs(tmp_path, raw):
    for name in ("a", "b"):
        with bag(tmp_path / name, "mcap") as b:
            for i in range(10):
                if raw:
                    b.raw("/c", picture(i).ravel(), 64, 48, "rgb8", 0, T0 + i * SECOND)
                else:
                    b.compressed("/c/compressed", picture(i), T0 + i * SECOND)
    logs = open_logs(tmp_path)
    frames = sample_frames(logs, max_frames=4)
    assert [(f.log.name, (f.stamp - T0) // SECOND) for f in frames] == [
        ("a", 0),
        ("a", 6),
        ("b", 3),
        ("b", 9),
    ]
    for frame, i in zip(frames, (0, 6, 3, 9)):
        assert np.abs(frame.decode().astype(int) - picture(i)).mean() < 3
    assert len(sample_frames(logs, max_frames=99)) == 20
    assert len(sample_frames(logs, max_frames=99, min_interval_s=2)) == 10
    assert [f.name for f in sample_frames(logs, max_frames=4)] == [f.name for f in frames], "repeatable"


def test_unknown_topics_are_refused_before_any_frame(drive):
    with pytest.raises(Sim2SGError, match="no topic /other"):
        sample_frames(open_log(drive()), "/other")


def test_frames_whose_change_cannot_be_told_are_kept(tmp_path):
    for i in range(4):
        cv2.imwrite(str(tmp_path / f"{i}.png"), picture(0)[..., ::-1])
    (tmp_path / "2.png").write_bytes(b"damaged")
    frames = sample_frames(open_log(tmp_path), min_change=2)
    assert [(f.name, f.why) for f in frames] == [("0.png", "first"), ("2.png", "its change cannot be told")]


def test_many_frames_are_not_held(tmp_path, monkeypatch):
    with bag(tmp_path / "b", "mcap") as b:
        for i in range(10):
            b.compressed("/c", picture(i), T0 + i * SECOND)
    size = len(next(open_log(tmp_path / "b").frames()).encoded()[0])
    monkeypatch.setattr(sampling, "HELD_BYTES", 3 * size + 100)
    frames = sample_frames(open_log(tmp_path / "b"))
    assert [f.size > 0 for f in frames] == [True] * 3 + [False] * 7
    assert all(np.abs(f.decode().astype(int) - picture(i)).mean() < 3 for i, f in enumerate(frames))
