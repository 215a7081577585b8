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
from rclpy.signals import SignalHandlerOptions
from sim2sg_ros.signals import end_between_callbacks, spin_until, until_signal

def work():
    print("begun", flush=True)
    then = time.monotonic()
    while time.monotonic() - then < 2.0:
        pass
    print("whole" if rclpy.ok() else "context is invalid", flush=True)

ended = end_between_callbacks()
rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
executor = SingleThreadedExecutor()
with until_signal():
    node = rclpy.create_node("busy")
    executor.add_node(node)
    node.create_timer(0.1, work)
    spin_until(ended, executor)
print("ended", flush=True)
"""

EARLY = """
import os, sys
from sim2sg_ros import node

create = node._create

def create_while_a_signal_comes(*args):
    os.kill(os.getpid(), int(sys.argv[1]))
    return create(*args)

node._create = create_while_a_signal_comes
sys.exit(node.run_node(["--ros-args", "-r", "__node:=early"]))
"""

ACTIVATING = """
import os, sys
from sim2sg_ros import node

activate = node.SceneGraphNode.on_activate

def activate_while_a_signal_comes(self, state):
    os.kill(os.getpid(), int(sys.argv[1]))
    return activate(self, state)

node.SceneGraphNode.on_activate = activate_while_a_signal_comes
sys.exit(node.run_node(["--ros-args", "-r", "__node:=activating", "-p", f"model:={sys.argv[2]}"]))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_the_node_activates_leaves_it_its_context(number, models):
    command = [sys.executable, "-c", ACTIVATING, str(int(number)), str(models[0])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0
    assert "context is invalid" not in done.stderr and "Failed" not in done.stderr and "Traceback" not in done.stderr
    assert "model model-a" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_waits_until_the_node_is_made(number):
    command = [sys.executable, "-c", EARLY, str(int(number))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0
    assert "Warning" not in done.stderr and "Traceback" not in done.stderr


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
