"""How processes end at Ctrl-C."""

import contextlib
import signal
import subprocess
import sys

import pytest

pytest.importorskip("rclpy")

PROGRAM = """
import time
import rclpy
from rclpy.executors import SingleThreadedExecutor
from sim2sg_ros.signals import end_between_callbacks, until_signal

def work():
    print("begun", flush=True)
    then = time.monotonic()
    while time.monotonic() - then < 2.0:
        pass
    print("whole", flush=True)

end_between_callbacks()
rclpy.init()
executor = SingleThreadedExecutor()
with until_signal():
    node = rclpy.create_node("busy")
    executor.add_node(node)
    node.create_timer(0.1, work)
    executor.spin()
print("ended", flush=True)
"""


@pytest.mark.parametrize(("signals", "rest"), [(1, ["whole", "ended"]), (2, ["ended"])])
def test_a_callback_ends_whole_unless_a_second_signal_comes(signals, rest):
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "begun\n"
        for _ in range(signals):
            process.send_signal(signal.SIGINT)
            # Two at once are one to Python.
            if signals > 1:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(0.5)
        output, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert output.split() == rest
