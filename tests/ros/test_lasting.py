import time

from sim2sg_ros.lasting import Lasting


def test_only_what_holds_without_a_break_counts() -> None:
    condition = Lasting(0.2)
    assert not condition.update(True)
    time.sleep(0.25)
    assert not condition.update(False)
    assert not condition.update(True), "it begins anew"
    time.sleep(0.25)
    assert condition.update(True)
    assert condition.update(True)
