from __future__ import annotations

import threading
import time
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from sim2sg_ros.mailbox import Mailbox
from sim2sg_ros.worker import Frame, Worker


def test_newest_wins_and_the_replaced_are_counted() -> None:
    box: Mailbox[int] = Mailbox()
    for item in (1, 2, 3):
        box.put(item)
    assert box.take() == 3
    assert box.dropped == 2
    box.put(4)
    assert box.take() == 4
    assert box.dropped == 2


def test_take_times_out_when_empty() -> None:
    started = time.monotonic()
    assert Mailbox[int]().take(timeout=0.05) is None
    assert time.monotonic() - started >= 0.05


def test_close_wakes_a_waiting_reader() -> None:
    box: Mailbox[int] = Mailbox()
    results: list[int | None] = [7]
    reader = threading.Thread(target=lambda: results.append(box.take()))
    reader.start()
    time.sleep(0.05)
    assert reader.is_alive()
    box.close()
    reader.join(2)
    assert results == [7, None]
    box.put(1)
    assert box.take() is None


def test_every_item_is_taken_or_counted_as_dropped() -> None:
    box: Mailbox[int] = Mailbox()
    taken: list[int] = []

    def read() -> None:
        while (item := box.take(timeout=5)) != 999:
            assert item is not None
            taken.append(item)

    reader = threading.Thread(target=read)
    reader.start()
    for item in range(1000):
        box.put(item)
    reader.join(5)
    assert not reader.is_alive()
    assert taken == sorted(taken)
    assert len(taken) + 1 + box.dropped == 1000


@given(st.lists(st.one_of(st.just("take"), st.sampled_from("abc")), max_size=60))
def test_slots_are_read_newest_first_and_each_in_its_turn(steps: list[str]) -> None:
    box: Mailbox[tuple[str, int]] = Mailbox()
    waiting: dict[str, int] = {}
    turns: list[str] = []
    dropped = 0
    for number, step in enumerate(steps):
        if step != "take":
            assert box.put((step, number), step) == (step in waiting)
            dropped += step in waiting
            waiting[step] = number
        elif waiting:
            slot, newest = box.take(timeout=0) or ("", -1)
            assert newest == waiting.pop(slot), "the newest of its slot"
            # Since the slot's last turn each that still waits has had one, or waits for its first.
            since = turns[len(turns) - turns[::-1].index(slot) :] if slot in turns else []
            if slot in turns:
                assert all(other in since for other in waiting)
            turns.append(slot)
        else:
            assert box.take(timeout=0) is None
        assert box.dropped == dropped


def test_a_slow_camera_gets_its_turns_beside_a_fast_one() -> None:
    served: Counter[str] = Counter()

    def process(frame: Frame) -> None:
        served[frame.camera] += 1
        time.sleep(0.02)

    worker = Worker(process, lambda: 0.0)
    replaced: Counter[str] = Counter()
    for number in range(100):
        replaced["fast"] += worker.put(Frame(number, 0.0, "fast"))
        if number % 10 == 0:
            replaced["slow"] += worker.put(Frame(number, 0.0, "slow"))
        time.sleep(0.005)
    time.sleep(0.1)
    assert worker.stop()
    assert replaced["slow"] == 0
    assert served["slow"] == 10
    assert served["fast"] + replaced["fast"] == 100
    assert replaced["fast"] > 20


def test_a_slow_worker_gets_the_newest_frame_never_a_queue() -> None:
    seen: list[int] = []

    def process(frame: Frame) -> None:
        seen.append(frame.message)
        time.sleep(0.1)

    worker = Worker(process, lambda: 0.0)
    for number in range(30):
        worker.mailbox.put(Frame(number, time.perf_counter()))
        time.sleep(0.01)
    time.sleep(0.15)
    assert worker.stop()
    assert seen[-1] == 29
    assert len(seen) <= 6
    assert len(seen) + worker.mailbox.dropped == 30


def test_min_period_limits_the_rate_and_still_takes_the_newest() -> None:
    seen: list[int] = []
    worker = Worker(lambda frame: seen.append(frame.message), lambda: 0.1)
    for number in range(25):
        worker.mailbox.put(Frame(number, 0.0))
        time.sleep(0.01)
    time.sleep(0.15)
    assert worker.stop()
    assert 3 <= len(seen) <= 5
    assert seen[-1] == 24
