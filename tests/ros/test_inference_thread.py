from __future__ import annotations

import threading
import time
from collections import Counter

from sim2sg_ros.inference_thread import InferenceThread, ReceivedImage

PATIENCE = 180.0


class Steps:
    """Work that takes as long as the test wants: an image stays in work until the test asks for the next."""

    def __init__(self) -> None:
        self.seen: list[ReceivedImage] = []
        self._begun, self._may_end = threading.Semaphore(0), threading.Semaphore(0)
        self.thread = InferenceThread(self._process, lambda: 0.0)

    def _process(self, image: ReceivedImage) -> None:
        self.seen.append(image)
        self._begun.release()
        assert self._may_end.acquire(timeout=PATIENCE)

    def begin(self, image: ReceivedImage) -> None:
        """Hands in an image and returns when it is in work."""
        self.thread.put(image)
        self.wait()

    def next(self) -> None:
        """Ends the work on one image and returns when the next is in work."""
        self._may_end.release()
        self.wait()

    def wait(self) -> None:
        assert self._begun.acquire(timeout=PATIENCE)

    def stop(self) -> None:
        self._may_end.release()
        assert self.thread.stop()


def test_a_slow_camera_gets_its_turns_beside_a_fast_one() -> None:
    steps = Steps()
    steps.begin(ReceivedImage(-1, 0.0, "fast"))
    replaced: Counter[str] = Counter()
    for number in range(100):
        replaced["fast"] += steps.thread.put(ReceivedImage(number, 0.0, "fast"))
        if number % 10 == 0:
            replaced["slow"] += steps.thread.put(ReceivedImage(number, 0.0, "slow"))
        if number % 4 == 3:
            steps.next()
    served = Counter(image.camera for image in steps.seen)
    assert replaced["slow"] == 0
    assert served["slow"] == 10
    assert steps.seen[-1].message == 99  # Both slots are empty.
    assert served["fast"] + replaced["fast"] == 101
    assert served["fast"] == 16
    steps.stop()


def test_a_slow_thread_gets_the_newest_image_never_a_queue() -> None:
    steps = Steps()
    steps.begin(ReceivedImage(0, 0.0))
    replaced = sum(steps.thread.put(ReceivedImage(number, 0.0)) for number in range(1, 30))
    steps.next()
    assert [image.message for image in steps.seen] == [0, 29]
    assert replaced == 28
    steps.stop()


def test_min_period_limits_the_rate() -> None:
    seen: list[int] = []
    thread = InferenceThread(lambda image: seen.append(image.message), lambda: 0.05)
    number, started = 0, time.monotonic()
    while len(seen) < 6:
        number += 1
        thread.put(ReceivedImage(number, 0.0))
        time.sleep(0.001)
        assert time.monotonic() < started + PATIENCE
    # Six starts have five periods between them, however slow the machine.
    assert time.monotonic() - started >= 5 * 0.05
    assert thread.stop()
    assert seen == sorted(seen)


def test_what_comes_while_it_waits_is_replaced_by_the_newest() -> None:
    seen: list[int] = []
    asked, answer, done = threading.Semaphore(0), threading.Semaphore(0), threading.Semaphore(0)

    def min_period() -> float:
        """Stands for the wait before an image: it lasts as long as the test wants."""
        asked.release()
        assert answer.acquire(timeout=PATIENCE)
        return 0.0

    def process(image: ReceivedImage) -> None:
        seen.append(image.message)
        done.release()

    thread = InferenceThread(process, min_period)
    for first in (0, 10):
        assert asked.acquire(timeout=PATIENCE)
        for number in range(first, first + 10):
            thread.put(ReceivedImage(number, 0.0))
        answer.release()
        assert done.acquire(timeout=PATIENCE)
    assert seen == [9, 19]
    answer.release()
    assert thread.stop()


def test_a_period_that_is_shortened_counts_at_once() -> None:
    period, done = [1e6], threading.Event()
    worked: list[ReceivedImage] = []

    def process(image: ReceivedImage) -> None:
        worked.append(image)
        if len(worked) == 2:
            done.set()

    thread = InferenceThread(process, lambda: period[0])
    thread.put(ReceivedImage(0, 0.0))
    while not worked:
        time.sleep(0.01)
    thread.put(ReceivedImage(1, 0.0))
    assert not done.wait(0.3)
    period[0] = 0.0
    assert done.wait(PATIENCE)
    assert thread.stop()
