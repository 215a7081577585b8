"""The live node: camera images in, scene graphs out."""

from __future__ import annotations

import gc
import logging
import os
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock, ClockType
from rclpy.exceptions import InvalidParameterTypeException, ParameterException
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from rclpy.timer import Timer
from sim2sg.srv import GetSceneGraph

from sim2sg_core.errors import Sim2SGError
from sim2sg_ros import middleware
from sim2sg_ros.camera_stream import CameraStream
from sim2sg_ros.diagnostics import PATIENCE, NodeStatus, camera_status, model_status
from sim2sg_ros.error_text import one_line
from sim2sg_ros.inference_pipeline import InferencePipeline, message_age
from sim2sg_ros.inference_thread import ReceivedImage
from sim2sg_ros.lasting import Lasting
from sim2sg_ros.model_manager import ModelManager
from sim2sg_ros.parameters import declare_parameters, unknown_parameters, why_invalid
from sim2sg_ros.services import answer_get_scene_graph
from sim2sg_ros.signals import end_between_callbacks, ignore_signals, spin_until, until_signal

SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE
WHY_NO_GRAPH = {
    "unconfigured": "the node is unconfigured: configure it, then activate it",
    "inactive": "the node is inactive: activate it",
    "finalized": "the node is finalized: start it again",
}
SWITCH_INTERVAL = 1e-4
"""Seconds after which a thread that waits for the interpreter gets it. With Python's own 5 ms the inference thread
waits for an image that has come until the executor has nothing to do."""
HAND_OVER = 3e-4
"""Seconds that the executor sleeps after it handed in an image. Else it keeps the interpreter to look for its next
callback, while the inference thread, woken, waits for it: 0.7 ms instead of 0.15 (median). Whatever comes meanwhile is
late by no more than that."""
WATCH_PERIOD = 0.5
"""Seconds between two looks at who publishes images, and whether any arrive."""


class SceneGraphNode(LifecycleNode):
    """Publishes a scene graph for the newest image of each camera, over and over.

    Configuring loads and warms up the model, activating subscribes. Callbacks run on the executor,
    inference in a thread of its own; the two meet in a mailbox that holds one image of each camera.
    """

    def __init__(self, ended: Callable[[], bool] = lambda: False, **kwargs: Any) -> None:
        """Declares parameters and creates what lives as long as the node.

        Args:
            ended: Whether the process was told to end: a model that is being loaded is not waited for then.
            **kwargs: For rclpy's Node (namespace, parameter_overrides, …).
        """
        # Before rclpy's constructor, which may call destroy_node, such as when a parameter is not allowed.
        self._cameras: dict[str, CameraStream] = {}
        self._pipeline: InferencePipeline | None = None
        super().__init__("sim2sg", **kwargs)
        try:
            self._begin(ended)
        except Exception:
            self.destroy_node()  # now, not with the interpreter, when the middleware is gone
            raise

    def _begin(self, ended: Callable[[], bool]) -> None:
        """The rest of the constructor: what may be refused."""
        self._node_parameters = declare_parameters(self)
        for line in unknown_parameters(self):
            self.get_logger().warning(line)
        self._namesake = Lasting()
        self._status = NodeStatus(self.get_fully_qualified_name())
        self._models = ModelManager(self, self._status, lambda: self._node_parameters, ended)
        self.add_on_set_parameters_callback(self._on_parameters)
        for name in self._node_parameters.cameras:
            camera = self._cameras[name] = CameraStream(self, name)
            service = f"{camera.prefix}/get_scene_graph"
            self.create_service(GetSceneGraph, service, partial(self._on_get_scene_graph, camera))
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        # Not the node's clock: with use_sim_time that one stands still until a simulator runs.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(self._node_parameters.diagnostics_period, self._publish_diagnostics, clock=steady)
        self.create_timer(WATCH_PERIOD, self._watch, clock=steady)
        if self._node_parameters.autostart:
            start: Timer = self.create_timer(0.0, lambda: self._autostart(start), clock=steady)

    @property
    def loading(self) -> bool:
        """Whether a model is being loaded in a thread."""
        return self._models.in_loader

    # Lifecycle

    def _autostart(self, timer: Timer) -> None:
        timer.cancel()
        if self._status.state == "unconfigured" and self.trigger_configure() == SUCCESS:
            self.trigger_activate()

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Loads the model and warms it up. A model that cannot be used leaves the node unconfigured."""
        if not self._models.configure():
            return FAILURE
        self._status.enter("inactive")
        return super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Starts the inference thread and subscribes."""
        self._pipeline = InferencePipeline(self, self._cameras, self._models, lambda: self._node_parameters)
        try:
            for camera in self._cameras.values():
                camera.start(self._node_parameters, partial(self._on_image, self._pipeline, camera))
        except Exception as error:  # Such as a QoS override or a topic's name that is none: rclpy has one for each.
            self._stop()
            self._status.fail(one_line(error))
            self.get_logger().error(f"not activated: {self._status.error}")
            return FAILURE
        self._status.clear_error()
        self._status.enter("active")
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Unsubscribes and ends the inference thread; the model stays loaded."""
        self._stop()
        self._status.clear_error()
        self._status.enter("inactive")
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Lets go of the model."""
        self._models.release()
        self._status.clear_error()
        self._status.enter("unconfigured")
        return super().on_cleanup(state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Ends everything, from whatever state."""
        self._stop()
        self._models.release()
        self._status.enter("finalized")
        return super().on_shutdown(state)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Falls back to unconfigured, so that the node can be configured again."""
        self._stop()
        self._models.release()
        self._status.enter("unconfigured")
        # rclpy keeps what went wrong to itself.
        self._status.fail(f"a transition from {state.label} failed: configure the node again")
        self.get_logger().error(self._status.error)
        super().on_error(state)
        return SUCCESS

    def destroy_node(self) -> None:
        """Ends the inference thread, then the node."""
        self._stop()
        for camera in self._cameras.values():
            camera.close()
        super().destroy_node()
        # rclpy leaves its state machine, and with it the node, to the garbage collection, which comes when the
        # middleware is gone. There is none where rclpy's constructor itself refuses a parameter.
        if (machine := getattr(self, "_state_machine", None)) is not None:
            machine.destroy_when_not_in_use()

    def _stop(self) -> None:
        """Ends the thread and unsubscribes, if there are such."""
        if self._pipeline is not None:
            self._pipeline.close()  # Before its cameras, whose publishers the image in work still needs.
            self._pipeline = None
        for camera in self._cameras.values():
            camera.stop()

    # Images

    def _on_image(self, pipeline: InferencePipeline, camera: CameraStream, message: Any) -> None:
        camera.statistics.count("received")
        if pipeline.put(ReceivedImage(message, time.perf_counter(), camera.name)):
            camera.statistics.count("replaced")
        time.sleep(HAND_OVER)

    # Services and parameters

    def _on_get_scene_graph(
        self, camera: CameraStream, request: GetSceneGraph.Request, response: GetSceneGraph.Response
    ) -> GetSceneGraph.Response:
        latest, state = camera.latest, self._status.state
        if latest is None or state != "active":
            why = {"active": camera.silence or "no image has come yet", **WHY_NO_GRAPH}
            response.message = why.get(state, f"the node is {state}")
            return response
        return answer_get_scene_graph(latest, message_age(latest.message, self), request, response)

    def _on_parameters(self, changed: Sequence[Parameter]) -> SetParametersResult:
        values = {parameter.name: parameter.value for parameter in changed}
        if reason := why_invalid({"cameras": self._node_parameters.cameras, **values}):
            return SetParametersResult(successful=False, reason=reason)
        before, self._node_parameters = self._node_parameters, self._node_parameters.updated(values)
        self._models.on_parameters_changed(before)
        return SetParametersResult(successful=True)

    # Watching

    def _watch(self) -> None:
        for camera in self._cameras.values():
            camera.watch(self._node_parameters.silence_timeout)

    def _publish_diagnostics(self) -> None:
        facts = self._models.facts()
        if self._pipeline is not None:
            facts["warning"] = facts["warning"] or self._pipeline.transform_problem
        facts["warning"] = facts["warning"] or self._why_ambiguous()
        patience = self._pipeline.patience if self._pipeline else PATIENCE
        shared = {key: facts[key] for key in ("model", "provider", "warning")}
        status = [
            camera_status(self._status, camera.name, shared | camera.facts(), camera.statistics, patience)
            for camera in self._cameras.values()
        ]
        array = DiagnosticArray(status=[*status, model_status(self._status, facts)])
        array.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(array)

    def _why_ambiguous(self) -> str:
        """Says, in one line, that another node has the same name; "" where none has."""
        name = self._status.name
        same = [f"{space.rstrip('/')}/{own}" for own, space in self.get_node_names_and_namespaces()].count(name)
        if not self._namesake.update(same > 1):
            return ""
        line = f"{same} nodes are called {name}, which services and parameters cannot tell apart: give this one --name"
        self.get_logger().warning(line, once=True)
        return line


class _ToRosLog(logging.Handler):
    """Sends the core's warnings, such as a provider that fell back, to the node's log."""

    def __init__(self, node: SceneGraphNode) -> None:
        super().__init__(logging.WARNING)
        self._node = node

    def emit(self, record: logging.LogRecord) -> None:
        self._node.get_logger().warning(record.getMessage())


def _create(overrides: Sequence[Parameter], ended: Callable[[], bool]) -> SceneGraphNode:
    """Builds the node; what is wrong with its parameters becomes one line."""
    try:
        return SceneGraphNode(ended, parameter_overrides=list(overrides))
    except InvalidParameterTypeException as error:
        raise Sim2SGError(f"{one_line(error)} (of a DOUBLE write 1.0, not 1)") from None
    except (ParameterException, ValueError, RuntimeError) as error:
        raise Sim2SGError(one_line(error)) from None


def run_node(args: Sequence[str] | None = None, overrides: Sequence[Parameter] = ()) -> int:
    """Runs the node until SIGINT or SIGTERM; a second SIGINT ends it at once.

    Args:
        args: ROS arguments (`--ros-args …`); None takes the process's.
        overrides: Parameter values that go before those in `args`.

    Returns:
        Exit status: 0 after a signal.

    Raises:
        Sim2SGError: A parameter given at start is not allowed.
    """
    ended = end_between_callbacks()
    sys.setswitchinterval(SWITCH_INTERVAL)
    applied = middleware.init(sys.argv[1:] if args is None else args, handle_signals=False)
    executor = SingleThreadedExecutor()
    node = None
    try:
        with until_signal():
            node = _create(overrides, ended)
            logging.getLogger("sim2sg_core").addHandler(_ToRosLog(node))
            node.get_logger().debug(applied)
            # What is there by now, mostly modules, stays for good: a full collection then looks at a twentieth of all
            # objects and stops every thread for 0.3 ms, not 45. A model is loaded later and can be let go of.
            gc.collect()
            gc.freeze()
            executor.add_node(node)
            spin_until(ended, executor)
    finally:
        ignore_signals()
        executor.shutdown(timeout_sec=1.0)
        if node is not None:
            node.destroy_node()
        rclpy.try_shutdown()
        if node is not None and node.loading:
            # The interpreter would end the thread inside onnxruntime, which then crashes.
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(0)
    return 0
