"""What all tests share: isolation from other ROS graphs, thread counts, skips with their reasons."""

from __future__ import annotations

import fcntl
import importlib.util
import os
import shutil
import signal
import tempfile

import pytest
from hypothesis import settings


def _claim_domain() -> int:
    """Returns a ROS domain that no other test process of this machine has, by a lock held until this one ends."""
    for step in range(100):  # Domains 1 to 100 have ports on every system.
        domain = 1 + (os.getpid() + step) % 100
        try:
            path = os.path.join(tempfile.gettempdir(), f"sim2sg-test-ros-domain-{domain}")
            fcntl.flock(os.open(path, os.O_CREAT | os.O_WRONLY), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # Another process has it, or another user.
            continue
        return domain
    raise RuntimeError("all ROS domains are taken by other tests")


# Before anything imports rclpy or starts a process.
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
os.environ["ROS_DOMAIN_ID"] = str(_claim_domain())
os.environ.setdefault("ROS_LOG_DIR", os.path.join(tempfile.gettempdir(), "sim2sg-test-ros-log"))
# One thread per process: tests run side by side.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A run in the background (nohup, cron) ignores Ctrl-C, and so would the processes that tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("sim2sg", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("sim2sg")


def _why_no_ros() -> str:
    missing = [name for name in ("rclpy", "sim2sg") if importlib.util.find_spec(name) is None]
    return f"not installed: {', '.join(missing)}" if missing else ""


def _why_no_gpu() -> str:
    return "" if shutil.which("nvidia-smi") else "no NVIDIA GPU: nvidia-smi is missing"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for mark, reason in (("ros", _why_no_ros()), ("gpu", _why_no_gpu())):
        if reason:
            for item in items:
                if item.get_closest_marker(mark):
                    item.add_marker(pytest.mark.skip(reason=reason))
