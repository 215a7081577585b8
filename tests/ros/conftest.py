"""A model, a ROS node of the test's own, and nodes under test as processes of their own."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sim2sg_ros import middleware

# rclpy is imported where it is used, so that the tests that need none run without it.

PATIENCE = 180.0
"""Seconds to wait for what has to come, however slow the machine."""
WIDTH, HEIGHT = 96, 64
"""Input of the test model, and the size of most test images."""


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two exported models with random weights, `model-a` and `model-b`."""
    pytest.importorskip("torch", reason="torch, which makes the test model, is not installed")
    # Beside the workers' own folders, so that the export, the slowest part, is done once.
    root = tmp_path_factory.getbasetemp()
    folder = (root.parent if os.environ.get("PYTEST_XDIST_WORKER") else root) / "ros-models"
    folder.mkdir(exist_ok=True)
    first, second = folder / "a.onnx", folder / "b.onnx"
    with (folder / "lock").open("w") as lock:  # One worker exports, the others wait for it.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not second.exists():
            export(first)
            rename(first, second, "model-b")
    return first, second


def export(path: Path) -> None:
    import torch

    from sim2sg_core.domains import load_domain
    from sim2sg_core.model.model_config import ModelConfig
    from sim2sg_core.model.network import SceneGraphNetwork
    from sim2sg_core.model.onnx_export import export_onnx

    torch.manual_seed(0)
    domain = load_domain("clevr")
    config = ModelConfig.from_domain(
        domain, backbone="small", width=WIDTH, height=HEIGHT, channels=16, max_objects=8, max_relations=16
    )
    export_onnx(SceneGraphNetwork(config), domain, path, model_id="model-a")


def rename(source: Path, target: Path, model_id: str) -> None:
    import onnx

    model = onnx.load(source)
    for item in model.metadata_props:
        if item.key == "model_id":
            item.value = model_id
    onnx.save(model, target)


class Peer:
    """The test's own ROS node, spun by hand."""

    def __init__(self) -> None:
        import rclpy
        from rclpy.executors import SingleThreadedExecutor

        self.node = rclpy.create_node("test_peer")
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.node)

    def spin_until(self, condition: Callable[[], Any], timeout: float = PATIENCE) -> Any:
        """Spins until the condition is true and returns its value; fails after the timeout."""
        deadline = time.monotonic() + timeout
        while not (value := condition()):
            assert time.monotonic() < deadline, "timed out"
            self.executor.spin_once(timeout_sec=0.05)
        return value

    def repeat_until(self, action: Callable[[], Any], condition: Callable[[], Any]) -> Any:
        """Does something over and over until the condition is true, whose value it returns.

        For what is published: who subscribes by best effort may miss the first messages, since one side of a
        connection knows of the other before that knows of it.
        """
        deadline = time.monotonic() + PATIENCE
        while not (value := condition()):
            assert time.monotonic() < deadline, "timed out"
            action()
            end = time.monotonic() + 0.3
            while not condition() and time.monotonic() < end:
                self.executor.spin_once(timeout_sec=0.02)
        return value

    def spin_for(self, seconds: float) -> None:
        """Spins for so long, such as to see that nothing comes. For what has to come there is `spin_until`."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.executor.spin_once(timeout_sec=0.02)

    def listen(self, kind: Any, topic: str, *, latched: bool = False) -> list[Any]:
        """Subscribes; messages are appended to the list that is returned."""
        received: list[Any] = []
        self.node.create_subscription(kind, topic, received.append, profile(100, latched=latched))
        return received

    def publisher(self, kind: Any, topic: str, *, best_effort: bool = False) -> Any:
        return self.node.create_publisher(kind, topic, profile(5, best_effort=best_effort))

    def call(self, kind: Any, service: str, **fields: Any) -> Any:
        client = self.node.create_client(kind, service)
        self.spin_until(client.service_is_ready)
        future = client.call_async(kind.Request(**fields))
        self.spin_until(future.done)
        self.node.destroy_client(client)
        return future.result()

    def close(self) -> None:
        self.executor.shutdown()
        self.node.destroy_node()


def profile(depth: int, *, latched: bool = False, best_effort: bool = False) -> Any:
    from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

    return QoSProfile(
        depth=depth,
        reliability=ReliabilityPolicy.BEST_EFFORT if best_effort else ReliabilityPolicy.RELIABLE,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )


class Process:
    """A verb of the command line, running."""

    def __init__(self, log: Path, *words: object) -> None:
        self.log_file = log
        command = [sys.executable, "-m", "sim2sg_core.cli.main", *map(str, words)]
        with log.open("wb") as output:
            # Should it crash, its log says where.
            env = os.environ | {"PYTHONFAULTHANDLER": "1"}
            self.popen = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=env)

    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    def wait(self) -> int:
        """Waits until it has ended by itself and returns its exit status."""
        return self.popen.wait(PATIENCE)

    def stop(self, by: signal.Signals = signal.SIGINT) -> int:
        """Ends it as a user would and returns its exit status."""
        if self.popen.poll() is None:
            self.popen.send_signal(by)
        try:
            status = self.wait()
        finally:
            self.popen.kill()
        if status < 0:
            print(self.log()[-4000:])  # pytest shows it with the failure.
        return status


@pytest.fixture(scope="session")
def ros() -> Iterator[None]:
    import rclpy

    middleware.apply()
    rclpy.init()
    yield
    rclpy.try_shutdown()


@pytest.fixture(scope="module")
def peer(ros: None) -> Iterator[Peer]:
    peer = Peer()
    yield peer
    peer.close()


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Process]]:
    """Starts verbs, and ends those that a test left running."""
    running: list[Process] = []

    def run(*words: object) -> Process:
        running.append(Process(tmp_path_factory.mktemp("process") / "log.txt", *words))
        return running[-1]

    yield run
    for process in running:
        process.stop(signal.SIGKILL)
