from __future__ import annotations

import threading
import time
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from sim2sg_ros.inference_thread import Frame, Worker
from sim2sg_ros.mailbox import Mailbox

PATIENCE = 180.0


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
    reader.join(PATIENCE)
    assert results == [7, None]
    box.put(1)
    assert box.take() is None


def test_every_item_is_taken_or_counted_as_dropped() -> None:
    box: Mailbox[int] = Mailbox()
    taken: list[int] = []

    def read() -> None:
        while (item := box.take(timeout=PATIENCE)) != 999:
            assert item is not None
            taken.append(item)

    reader = threading.Thread(target=read)
    reader.start()
    for item in range(1000):
        box.put(item)
    reader.join(PATIENCE)
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


class Steps:
    """Work that takes as long as the test wants: a frame stays in work until the test asks for the next."""

    def __init__(self) -> None:
        self.seen: list[Frame] = []
        self._begun, self._may_end = threading.Semaphore(0), threading.Semaphore(0)
        self.worker = Worker(self._process, lambda: 0.0)

    def _process(self, frame: Frame) -> None:
        self.seen.append(frame)
        self._begun.release()
        assert self._may_end.acquire(timeout=PATIENCE)

    def begin(self, frame: Frame) -> None:
        """Hands in a frame and returns when it is in work."""
        self.worker.put(frame)
        self.wait()

    def next(self) -> None:
        """Ends the work on one frame and returns when the next is in work."""
        self._may_end.release()
        self.wait()

    def wait(self) -> None:
        assert self._begun.acquire(timeout=PATIENCE)

    def stop(self) -> None:
        self._may_end.release()
        assert self.worker.stop()


def test_a_slow_camera_gets_its_turns_beside_a_fast_one() -> None:
    steps = Steps()
    steps.begin(Frame(-1, 0.0, "fast"))
    replaced: Counter[str] = Counter()
    for number in range(100):
        replaced["fast"] += steps.worker.put(Frame(number, 0.0, "fast"))
        if number % 10 == 0:
            replaced["slow"] += steps.worker.put(Frame(number, 0.0, "slow"))
        if number % 4 == 3:
            steps.next()
    served = Counter(frame.camera for frame in steps.seen)
    assert replaced["slow"] == 0
    assert served["slow"] == 10
    assert steps.seen[-1].message == 99  # Both slots are empty.
    assert served["fast"] + replaced["fast"] == 101
    assert served["fast"] == 16
    steps.stop()


def test_a_slow_worker_gets_the_newest_frame_never_a_queue() -> None:
    steps = Steps()
    steps.begin(Frame(0, 0.0))
    for number in range(1, 30):
        steps.worker.put(Frame(number, 0.0))
    steps.next()
    assert [frame.message for frame in steps.seen] == [0, 29]
    assert steps.worker.mailbox.dropped == 28
    steps.stop()


def test_min_period_limits_the_rate() -> None:
    seen: list[int] = []
    worker = Worker(lambda frame: seen.append(frame.message), lambda: 0.05)
    number, started = 0, time.monotonic()
    while len(seen) < 6:
        number += 1
        worker.put(Frame(number, 0.0))
        time.sleep(0.001)
        assert time.monotonic() < started + PATIENCE
    # Six starts have five periods between them, however slow the machine.
    assert time.monotonic() - started >= 5 * 0.05
    assert worker.stop()
    assert seen == sorted(seen)


def test_what_comes_while_it_waits_is_replaced_by_the_newest() -> None:
    seen: list[int] = []
    asked, answer, done = threading.Semaphore(0), threading.Semaphore(0), threading.Semaphore(0)

    def min_period() -> float:
        """Stands for the wait before a frame: it lasts as long as the test wants."""
        asked.release()
        assert answer.acquire(timeout=PATIENCE)
        return 0.0

    def process(frame: Frame) -> None:
        seen.append(frame.message)
        done.release()

    worker = Worker(process, min_period)
    for first in (0, 10):
        assert asked.acquire(timeout=PATIENCE)
        for number in range(first, first + 10):
            worker.put(Frame(number, 0.0))
        answer.release()
        assert done.acquire(timeout=PATIENCE)
    assert seen == [9, 19]
    answer.release()
    assert worker.stop()
