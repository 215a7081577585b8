"""Frames chosen over many logs."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.logs import listed_logs, open_logs, select_frames
from sim2sg_core.logs.choosing import Candidate, Scan, bit_counts, choose, perceptual_hash, require_frames


def scene(seed: int) -> np.ndarray:
    """A picture of a few large things, grey."""
    rng = np.random.default_rng(seed)
    image = np.full((120, 160), 90, np.uint8)
    for _ in range(6):
        x, y = rng.integers(0, 130), rng.integers(0, 90)
        cv2.rectangle(image, (x, y), (x + 40, y + 30), int(rng.integers(0, 255)), -1)
    return image


def distance(a: int, b: int) -> int:
    return (a ^ b).bit_count()


def test_a_hash_knows_the_picture_through_light_scale_and_compression():
    for seed in range(10):
        image = scene(seed)
        own = perceptual_hash(image)
        noisy = np.clip(image * 0.8 + 20 + np.random.default_rng(seed).normal(0, 3, image.shape), 0, 255)
        small = cv2.resize(noisy.astype(np.uint8), (96, 72), interpolation=cv2.INTER_AREA)
        packed = cv2.imdecode(cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 60])[1], cv2.IMREAD_GRAYSCALE)
        assert distance(own, perceptual_hash(packed)) <= 6
        assert distance(own, perceptual_hash(scene(seed + 100))) > 12


def test_bits_are_counted_as_python_counts_them():
    values = np.random.default_rng(0).integers(0, 2**63, 50, dtype=np.uint64)
    assert bit_counts(values).tolist() == [int(v).bit_count() for v in values]
    assert bit_counts(values[:0]).tolist() == []


@pytest.fixture
def logs(tmp_path):
    """Two drives by the same places: three scenes that both saw, and one of each alone."""
    for name, seen in (("a", [0, 1, 2, 3]), ("b", [2, 0, 1, 4])):
        (tmp_path / name).mkdir()
        for i, seed in enumerate(seen):
            image = scene(seed)
            cv2.imwrite(str(tmp_path / name / f"{i}.png"), image if name == "a" else image // 2 + 60)
    return [tmp_path / "a", tmp_path / "b"]


def test_what_another_log_showed_is_not_taken_again_and_it_is_said_why(logs):
    opened = open_logs(logs)
    found = [Scan(hashed=True).scan(log) for log in opened]
    chosen = choose(found, distinct=8)
    assert [[item.number for item in items] for items in chosen] == [[0, 1, 2, 3], [3]]
    assert chosen[0][0].why == "first" and "differs from all before by" in chosen[1][0].why
    assert [len(items) for items in choose(found)] == [4, 4]
    few = choose(found, 3, 8)
    assert sum(map(len, few)) == 3 and few[1][0].why.endswith(", one of 3 evenly chosen")


@pytest.mark.parametrize("count", [0, 3])
def test_the_same_frames_under_the_same_names_as_when_logs_are_read_one_after_the_other(logs, count):
    opened = open_logs(logs)
    chosen = choose([Scan().scan(log) for log in opened], count)
    streamed = list(select_frames(opened, max_frames=count))
    assert [(c.name, c.why) for items in chosen for c in items] == [(f.name, f.why) for f in streamed]


def test_damaged_frames_have_no_hash_and_stay(tmp_path):
    for i in range(3):
        cv2.imwrite(str(tmp_path / f"{i}.png"), scene(0))
    (tmp_path / "1.png").write_bytes((tmp_path / "1.png").read_bytes()[:40])
    [items] = choose([Scan(hashed=True).scan(log) for log in open_logs(tmp_path)], distinct=8)
    assert [(item.number, item.hash is None) for item in items] == [(0, False), (1, True)]


def test_no_frames_are_an_error(logs):
    require_frames([[], [Candidate(0, "a", "first")]], [])
    with pytest.raises(Sim2SGError, match=r"no frames in .*a, .*b"):
        require_frames([[], []], open_logs(logs))


def test_lists_and_patterns_of_logs(logs, tmp_path):
    assert listed_logs(logs) == logs
    assert listed_logs([str(tmp_path / "[ab]")]) == logs
    (tmp_path / "fleet.txt").write_text(f"# of Monday\n\n{logs[1]}\n  a  \n")
    assert listed_logs([tmp_path / "fleet.txt"]) == logs[::-1]
    assert listed_logs([tmp_path / "gone.txt"]) == [tmp_path / "gone.txt"]
    (tmp_path / "fleet.txt").write_text("*.mcap\n")
    with pytest.raises(Sim2SGError, match="no file fits this pattern"):
        listed_logs([tmp_path / "fleet.txt"])
    (tmp_path / "fleet.txt").write_text("# none\n")
    with pytest.raises(Sim2SGError, match="lists no logs: write a path on each line"):
        listed_logs([tmp_path / "fleet.txt"])
    (tmp_path / "fleet.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(Sim2SGError, match="not a list of logs"):
        listed_logs([tmp_path / "fleet.txt"])


def brightness(image: np.ndarray) -> np.ndarray:
    """Objects of a class that only bright images show."""
    return np.array([1.0, float(image.mean() > 200)], np.float32)


def test_what_is_rare_over_all_logs_is_taken_though_its_log_is_short(tmp_path):
    for name, values in (("a", [20] * 14), ("b", [20, 250])):
        (tmp_path / name).mkdir()
        for i, value in enumerate(values):
            cv2.imwrite(str(tmp_path / name / f"{i}.png"), np.full((48, 64, 3), value, np.uint8))
        (tmp_path / name / "99.png").write_bytes(b"damaged")
    found = [Scan(counter=lambda: brightness).scan(log) for log in open_logs([tmp_path / "a", tmp_path / "b"])]
    assert [items[-1].counts for items in found] == [None, None]
    chosen = choose(found, 4, classes=["cube", "lamp"])
    assert sum(map(len, chosen)) == 4
    assert "every frame, one of 4, for lamp: 1 of the 1 that are expected in all logs" in [c.why for c in chosen[1]]
    assert all(c.counts is None for items in chosen for c in items)
