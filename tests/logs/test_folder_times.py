"""Stamps of folders of images: natural order, and one unit for all names."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import numpy as np
import pytest

from sim2sg_core.logs.folder_times import natural_key, read_times

SECOND = 10**9
START = 1_714_564_800 * SECOND
STEPS = [i * 33_333_333 for i in range(60)]
MOMENTS = [datetime.fromtimestamp(START / 1e9, timezone.utc) + timedelta(milliseconds=33 * i) for i in range(60)]


def test_natural_order():
    names = [f"frame{i}.jpg" for i in (1, 10, 11, 2, 9)]
    assert sorted(names, key=natural_key) == [f"frame{i}.jpg" for i in (1, 2, 9, 10, 11)]
    assert sorted(["b1", "a", "10", "²"], key=natural_key)[0] == "10"


@pytest.mark.parametrize(
    ("names", "unit", "tolerance"),
    [
        ([f"{(START + s) / 1e9:.6f}.png" for s in STEPS], "seconds", 1000),
        ([f"rgb_{(START + s) / 1e9!r}.png" for s in STEPS], "seconds", 1000),
        ([f"cam_{(START + s) // SECOND}_{(START + s) % SECOND:09d}.jpg" for s in STEPS], "seconds", 0),
        ([f"{(START + s) // 10**6}.jpg" for s in STEPS], "milliseconds", 10**6),
        ([f"img-{(START + s) // 10**3}.jpg" for s in STEPS], "microseconds", 1000),
        ([f"cam_{START + s}.jpg" for s in STEPS], "nanoseconds", 0),
        ([f"{m:%Y-%m-%d_%H-%M-%S}_{m.microsecond // 1000:03d}.jpg" for m in MOMENTS], "dates and times", 25 * 10**6),
        ([f"IMG_{m:%Y%m%dT%H%M%S}.{m.microsecond:06d}.jpg" for m in MOMENTS], "dates and times", 25 * 10**6),
        ([f"{s:012d}.jpg" for s in STEPS], "nanoseconds", 0),
        ([f"{s // 1000}.jpg" for s in STEPS], "microseconds", 1000),
    ],
)
def test_sixty_frames_at_thirty_hertz(names, unit, tolerance):
    times = read_times(names)
    assert (times.unit, times.timed) == (unit, True)
    begin = 0 if times.stamps[0] == 0 else START
    assert np.abs(np.array(times.stamps) - begin - STEPS).max() <= tolerance
    assert all(b > a for a, b in zip(times.stamps, times.stamps[1:]))


@pytest.mark.parametrize(
    ("names", "stamps"),
    [
        (["000127.png", "000203.png", "000311.png"], [127, 203, 311]),
        (["0.jpg", "1.jpg", "2.jpg"], [0, 1, 2]),
        ([f"frame{i}.jpg" for i in range(1, 13)], list(range(1, 13))),
        ([f"{i}.png" for i in range(0, 5000, 100)], list(range(0, 5000, 100))),
        (["a.jpg", "b.jpg"], [0, 1]),
        (["a.jpg", "b_7.jpg"], [0, 1]),
        (["1" * 25 + ".jpg"], [0]),
        (["view.png"], [0]),
    ],
)
def test_plain_numbers_tell_no_time(names, stamps):
    times = read_times(names)
    assert times.stamps == stamps and not times.timed


@pytest.mark.parametrize(
    "names",
    [
        [f"VID_20240131_101112_{i:04d}.jpg" for i in range(1, 90)],
        [f"2024-01-31-10-11-12-{i:05d}.png" for i in range(1, 90)],
        [f"2024-01-31-10-11-12-{i:05d}.png" for i in range(1, 900) if i % 10 == 1],
        [f"20240501_120000_{i}.jpg" for i in range(1, 12)],
        [f"1700000000_{i:03d}.jpg" for i in range(1, 90)],
    ],
)
def test_a_counter_behind_the_date_of_a_video_is_no_fraction_of_a_second(names):
    times = read_times(names)
    assert (times.unit, times.timed) == ("plain numbers", False)
    assert times.stamps == [int(name[:-4].replace("-", "_").rpartition("_")[2]) for name in names]


def test_one_date_for_all_names_tells_no_time():
    times = read_times([f"20240501_120000_{letter}.jpg" for letter in "abc"])
    assert (times.stamps, times.timed) == ([0, 1, 2], False)
    assert read_times(["20240501_120000.jpg"]) == ([START], "dates and times", True)


def test_fractions_within_one_second_are_times():
    times = read_times([f"{m:%Y%m%d_%H%M%S}_{m.microsecond // 1000:03d}.jpg" for m in MOMENTS[:20]])
    assert times.stamps == [START + i * 33_000_000 for i in range(20)] and times.timed


def test_one_stray_name_among_many_takes_the_stamp_before():
    names = [f"{START + s}.jpg" for s in STEPS]
    names.insert(20, "cover.jpg")
    times = read_times(names)
    assert times.timed and times.stamps[20] == times.stamps[19] and len(times.stamps) == 61
