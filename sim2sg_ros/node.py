"""The live node: camera images in, scene graphs out."""

from __future__ import annotations

import logging
import signal
import sys
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock, ClockType
from rclpy.exceptions import InvalidParameterTypeException, ParameterException
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from sim2sg.srv import GetSceneGraph

from sim2sg_core.errors import Sim2SGError
from sim2sg_ros import middleware, parameters, services
from sim2sg_ros.camera_stream import CameraStream
from sim2sg_ros.diagnostics import camera_status, model_status
from sim2sg_ros.inference_pipeline import Pipeline, one_line
from sim2sg_ros.inference_thread import Frame, Worker
from sim2sg_ros.model_manager import THRESHOLDS, Models
from sim2sg_ros.signals import end_between_callbacks, until_signal
from sim2sg_ros.tf_lookup import Frames

SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE
WATCH_PERIOD = 0.5
"""Seconds between two looks at who publishes images, and whether any arrive."""


class SceneGraphNode(LifecycleNode):
    """Publishes a scene graph for the newest image of each camera, over and over.

    Configuring loads and warms up the model, activating subscribes. Callbacks run on the executor,
    inference in a thread of its own; the two meet in a mailbox that holds one image of each camera.
    """

    def __init__(self, **kwargs: Any) -> None:
        """Declares parameters and creates what lives as long as the node.

        Args:
            **kwargs: For rclpy's Node (namespace, parameter_overrides, …).
        """
        self._cameras: dict[str, CameraStream] = {}
        self._worker: Worker | None = None
        self._pipeline = Pipeline(self, self._cameras, lambda: self._settings)
        # From here on rclpy may call destroy_node, such as when a parameter is not allowed.
        super().__init__("sim2sg", **kwargs)
        self._settings = parameters.declare(self)
        self._state = "unconfigured"
        self.add_on_set_parameters_callback(self._on_parameters)
        self._models = Models(self, self._pipeline, lambda: self._settings)
        for name in self._settings.cameras:
            camera = self._cameras[name] = CameraStream(self, name)
            service = f"{camera.prefix}/get_scene_graph"
            self.create_service(GetSceneGraph, service, partial(self._on_get_scene_graph, camera))
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        # Not the node's clock: with use_sim_time that one stands still until a simulator runs.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(self._settings.diagnostics_period, self._publish_diagnostics, clock=steady)
        self.create_timer(WATCH_PERIOD, self._watch, clock=steady)
        if self._settings.autostart:
            self._start = self.create_timer(0.0, self._autostart, clock=steady)

    # Lifecycle

    def _autostart(self) -> None:
        self._start.cancel()
        if self._state == "unconfigured" and self.trigger_configure() == SUCCESS:
            self.trigger_activate()

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Loads the model and warms it up. A model that cannot be used leaves the node unconfigured."""
        if not self._models.configure():
            return FAILURE
        self._state = "inactive"
        return super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Subscribes and starts the inference thread."""
        self._pipeline.frames = Frames(self, self._settings.target_frame)
        try:
            for camera in self._cameras.values():
                camera.start(self._settings, partial(self._on_image, camera))
        except RuntimeError as error:  # Such as a QoS override that is none.
            self._stop()
            self._models.last_error = one_line(error)
            self.get_logger().error(f"not activated: {self._models.last_error}")
            return FAILURE
        self._worker = Worker(self._pipeline.process, self._min_period)
        self._state = "active"
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Unsubscribes and ends the inference thread; the model stays loaded."""
        self._stop()
        self._state = "inactive"
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Lets go of the model."""
        self._models.release()
        self._models.last_error = ""
        self._state = "unconfigured"
        return super().on_cleanup(state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Ends everything, from whatever state."""
        self._stop()
        self._models.release()
        self._state = "finalized"
        return super().on_shutdown(state)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Falls back to unconfigured, so that the node can be configured again."""
        self._stop()
        self._models.release()
        self._state = "unconfigured"
        super().on_error(state)
        return SUCCESS

    def destroy_node(self) -> None:
        """Ends the inference thread, then the node."""
        self._stop()
        for camera in self._cameras.values():
            camera.outputs.close()
        super().destroy_node()

    def _stop(self) -> None:
        """Unsubscribes and ends the thread, if there are such."""
        for camera in self._cameras.values():
            camera.stop()
        if self._worker is not None:
            if not self._worker.stop():
                self.get_logger().error("the inference thread hangs in its model and was left behind")
            self._worker = None
        if self._pipeline.frames is not None:
            self._pipeline.frames.close()
            self._pipeline.frames = None

    # Images

    def _on_image(self, camera: CameraStream, message: Any) -> None:
        camera.statistics.count("received")
        if self._worker is not None and self._worker.put(Frame(message, time.perf_counter(), camera.name)):
            camera.statistics.count("replaced")

    def _min_period(self) -> float:
        return 1.0 / self._settings.max_rate if self._settings.max_rate > 0 else 0.0

    # Services and parameters

    def _on_get_scene_graph(
        self, camera: CameraStream, request: GetSceneGraph.Request, response: GetSceneGraph.Response
    ) -> GetSceneGraph.Response:
        latest, predictor = camera.latest, self._pipeline.predictor
        if latest is None or predictor is None:
            why = camera.silence or "no image has come yet"
            response.message = why if self._state == "active" else f"the node is {self._state}: activate it"
            return response
        return services.answer(latest, self._pipeline.age(latest.message), predictor.info, request, response)

    def _on_parameters(self, changed: Sequence[Parameter]) -> SetParametersResult:
        values = {parameter.name: parameter.value for parameter in changed}
        if reason := parameters.check(values):
            return SetParametersResult(successful=False, reason=reason)
        before, self._settings = self._settings, parameters.updated(self._settings, values)
        if any(getattr(before, name) != getattr(self._settings, name) for name in THRESHOLDS):
            self._models.publish_info()
        return SetParametersResult(successful=True)

    # Watching

    def _watch(self) -> None:
        for camera in self._cameras.values():
            camera.watch(self._settings.silence_timeout)

    def _publish_diagnostics(self) -> None:
        facts, error, name = self._models.facts(), self._models.last_error, self.get_fully_qualified_name()
        if self._pipeline.frames is not None and self._pipeline.frames.problem:
            facts["warning"] = facts["warning"] or self._pipeline.frames.problem
        shared = {key: facts[key] for key in ("model", "provider", "warning")}
        status = [
            camera_status(name, camera.name, self._state, error, shared | camera.facts(), camera.statistics)
            for camera in self._cameras.values()
        ]
        array = DiagnosticArray(status=[*status, model_status(name, self._state, error, facts)])
        array.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(array)


class _ToRosLog(logging.Handler):
    """Sends the core's warnings, such as a provider that fell back, to the node's log."""

    def __init__(self, node: SceneGraphNode) -> None:
        super().__init__(logging.WARNING)
        self._node = node

    def emit(self, record: logging.LogRecord) -> None:
        self._node.get_logger().warning(record.getMessage())


def _create(overrides: Sequence[Parameter]) -> SceneGraphNode:
    """Builds the node; what is wrong with its parameters becomes one line."""
    try:
        return SceneGraphNode(parameter_overrides=list(overrides))
    except InvalidParameterTypeException as error:
        raise Sim2SGError(f"{one_line(error)} (of a DOUBLE write 1.0, not 1)") from None
    except (ParameterException, ValueError, RuntimeError) as error:
        if not rclpy.ok():  # A signal came meanwhile.
            raise ExternalShutdownException from None
        raise Sim2SGError(one_line(error)) from None


def main(args: Sequence[str] | None = None, overrides: Sequence[Parameter] = ()) -> int:
    """Runs the node until SIGINT or SIGTERM; a second SIGINT ends it at once.

    Args:
        args: ROS arguments (`--ros-args …`); None takes the process's.
        overrides: Parameter values that go before those in `args`.

    Returns:
        Exit status: 0 after a signal.

    Raises:
        Sim2SGError: A parameter given at start is not allowed.
    """
    end_between_callbacks()
    done = middleware.init(sys.argv[1:] if args is None else args)
    executor = SingleThreadedExecutor()
    node = None
    try:
        with until_signal():
            node = _create(overrides)
            logging.getLogger("sim2sg_core").addHandler(_ToRosLog(node))
            node.get_logger().debug(done)
            executor.add_node(node)
            executor.spin()
    finally:
        # A second Ctrl-C must not cut the end short.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        executor.shutdown(timeout_sec=1.0)
        if node is not None:
            node.destroy_node()
        rclpy.try_shutdown()
    return 0
