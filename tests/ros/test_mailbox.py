from __future__ import annotations

import threading
import time

from hypothesis import given
from hypothesis import strategies as st

from sim2sg_ros.mailbox import Mailbox

PATIENCE = 180.0


def test_newest_wins_and_putting_tells_what_it_replaced() -> None:
    box: Mailbox[int] = Mailbox()
    assert [box.put(item) for item in (1, 2, 3)] == [False, True, True]
    assert box.take() == 3
    assert not box.put(4)
    assert box.take() == 4


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


def test_every_item_is_taken_or_replaced() -> None:
    box: Mailbox[int] = Mailbox()
    taken: list[int] = []

    def read() -> None:
        while (item := box.take(timeout=PATIENCE)) != 999:
            assert item is not None
            taken.append(item)

    reader = threading.Thread(target=read)
    reader.start()
    replaced = sum(box.put(item) for item in range(1000))
    reader.join(PATIENCE)
    assert not reader.is_alive()
    assert taken == sorted(taken)
    assert len(taken) + 1 + replaced == 1000


@given(st.lists(st.one_of(st.just("take"), st.sampled_from("abc")), max_size=60))
def test_slots_are_read_newest_first_and_each_in_its_turn(steps: list[str]) -> None:
    box: Mailbox[tuple[str, int]] = Mailbox()
    waiting: dict[str, int] = {}
    turns: list[str] = []
    for number, step in enumerate(steps):
        if step != "take":
            assert box.put((step, number), step) == (step in waiting)
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
