"""What a robot does with the node in the soak test: it listens, reloads the model and changes the state."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.executors import SingleThreadedExecutor
from rclpy.subscription import Subscription
from rclpy.task import Future
from sensor_msgs.msg import Image
from sim2sg.msg import SceneGraph
from sim2sg.srv import LoadModel
from visualization_msgs.msg import MarkerArray

DEACTIVATE, ACTIVATE = Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_ACTIVATE


@dataclass
class Requests:
    """How many were asked, and how many answered success."""

    asked: int = 0
    done: int = 0


class User:
    """A ROS node of this process that listens to the cameras `front` and `rear` of a node and calls its services.

    Attributes:
        arrivals: When each graph of `front` came, by time.monotonic, seconds.
        rear_graphs: How many came of `rear`.
        drawn: Overlays and markers received.
        depth_told: Diagnostics of `front` that say from where its depth is.
        depth_problems: Those of them that name a problem with it.
        spans: Start and end of each deactivation, until the answer to the activation, same clock.
        transitions: Changes of state.
        reloads: Reloads of the model.
    """

    def __init__(self, name: str, patience: float) -> None:
        """Starts listening; `patience` is how many seconds a request may take."""
        rclpy.init()
        self.node = rclpy.create_node("soak_user")
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.node)
        self._name, self._patience = name, patience
        self._load = self.node.create_client(LoadModel, f"/{name}/load_model")
        self._change = self.node.create_client(ChangeState, f"/{name}/change_state")
        self._pending: dict[int, float] = {}
        self._loading = self._changing = False
        self._outputs: list[Subscription] = []
        self.arrivals: list[float] = []
        self.rear_graphs = self.drawn = self.depth_told = self.depth_problems = 0
        self.spans: list[tuple[float, float]] = []
        self.transitions, self.reloads = Requests(), Requests()
        self.node.create_subscription(SceneGraph, f"/{name}/front/scene_graph", self._on_front, 50)
        self.node.create_subscription(SceneGraph, f"/{name}/rear/scene_graph", self._on_rear, 50)
        self.node.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 10)

    def spin_once(self) -> None:
        """Handles what comes within 50 ms."""
        self._executor.spin_once(timeout_sec=0.05)

    def spin_until(self, condition: Callable[[], Any], timeout: float = 60.0) -> None:
        """Handles what comes until the condition is true, at most `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while not condition() and time.monotonic() < deadline:
            self.spin_once()

    def is_done(self) -> bool:
        """Whether every request was answered or has taken too long."""
        return all(time.monotonic() - asked > self._patience for asked in self._pending.values())

    def reload(self) -> None:
        """Asks for the present model again, unless it is being loaded."""
        if not self._loading:
            self._loading = True
            self._ask(self._load, LoadModel.Request(keep_thresholds=True), self.reloads, self._on_loaded)

    def deactivate_and_activate(self) -> None:
        """Asks for both, the second as soon as the first is answered; not while the last two are under way."""
        if self._changing:
            return
        self._changing = True
        started = time.monotonic()

        def activated() -> None:
            self._changing = False
            self.spans.append((started, time.monotonic()))

        def activate() -> None:
            self._ask_state(ACTIVATE, activated)

        self._ask_state(DEACTIVATE, activate)

    def toggle_outputs(self) -> None:
        """Subscribes to overlay and markers, or ends that."""
        if self._outputs:
            for subscription in self._outputs:
                self.node.destroy_subscription(subscription)
            self._outputs = []
            return
        for kind, topic in ((Image, "overlay"), (MarkerArray, "markers")):
            full = f"/{self._name}/front/{topic}"
            self._outputs.append(self.node.create_subscription(kind, full, self._on_drawn, 1))

    def close(self) -> None:
        """Ends the node of this process."""
        self._executor.shutdown()
        self.node.destroy_node()
        rclpy.try_shutdown()

    def _ask_state(self, id_: int, then: Callable[[], None]) -> None:
        self._ask(self._change, ChangeState.Request(transition=Transition(id=id_)), self.transitions, then)

    def _ask(self, client: Any, request: Any, count: Requests, then: Callable[[], None]) -> None:
        future = client.call_async(request)
        self._pending[id(future)] = asked = time.monotonic()
        count.asked += 1

        def on_answer(answered: Future) -> None:
            del self._pending[id(answered)]
            count.done += answered.result().success and time.monotonic() - asked <= self._patience
            then()

        future.add_done_callback(on_answer)

    def _on_loaded(self) -> None:
        self._loading = False

    def _on_front(self, _graph: SceneGraph) -> None:
        self.arrivals.append(time.monotonic())

    def _on_rear(self, _graph: SceneGraph) -> None:
        self.rear_graphs += 1

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            values = {pair.key: pair.value for pair in status.values}
            if status.name.endswith(f"{self._name}: front scene graph") and values.get("depth", "none") != "none":
                self.depth_told += 1
                self.depth_problems += bool(values["depth problem"])

    def _on_drawn(self, _message: Any) -> None:
        self.drawn += 1
