"""The live node: camera images in, scene graphs out."""

from __future__ import annotations

import dataclasses
import logging
import signal
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import SetParametersResult
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.exceptions import InvalidParameterTypeException, ParameterException
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.task import Future
from sensor_msgs.msg import CameraInfo
from sim2sg.msg import GraphInfo
from sim2sg.msg import SceneGraph as GraphMessage
from sim2sg.srv import GetSceneGraph, LoadModel

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.runtime import Predictor
from sim2sg_core.scene import SceneGraph
from sim2sg_ros import parameters, settings
from sim2sg_ros.conversions import graph_to_json, graph_to_message, graph_to_text
from sim2sg_ros.diagnostics import Statistics, make_status
from sim2sg_ros.pipeline import Pipeline
from sim2sg_ros.topics import ImageInput
from sim2sg_ros.worker import Frame, Worker

LATCHED = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)
SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE
WATCH_PERIOD = 0.5
"""Seconds between two looks at who publishes images, and whether any arrive."""


class SceneGraphNode(LifecycleNode):
    """Publishes a scene graph for the newest camera image, over and over.

    Configuring loads and warms up the model, activating subscribes. Callbacks run on the executor,
    inference in a thread of its own; the two meet in a mailbox that holds one image.
    """

    def __init__(self, **kwargs: Any) -> None:
        """Declares parameters and creates what lives as long as the node.

        Args:
            **kwargs: For rclpy's Node (namespace, parameter_overrides, …).
        """
        self._input: ImageInput | None = None
        self._worker: Worker | None = None
        super().__init__("sim2sg", **kwargs)
        self._settings = parameters.declare(self)
        self._started_with = self._settings
        self._state = "unconfigured"
        self._loading = False
        self._dropped_before = 0
        self._silence = ""
        self._watched_since = 0.0
        self._statistics = Statistics()
        self.add_on_set_parameters_callback(self._on_parameters)
        self._graphs = self.create_lifecycle_publisher(
            GraphMessage,
            "~/scene_graph",
            QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE),
            qos_overriding_options=QoSOverridingOptions.with_default_policies(),
        )
        self._pipeline = Pipeline(self, self._graphs, lambda: self._settings, self._statistics)
        self._info = self.create_publisher(GraphInfo, "~/graph_info", LATCHED)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self.create_service(GetSceneGraph, "~/get_scene_graph", self._on_get_scene_graph)
        # A group of its own: the others' callbacks go on while this one waits for the new model.
        group = ReentrantCallbackGroup()
        self.create_service(LoadModel, "~/load_model", self._on_load_model, callback_group=group)
        # Not the node's clock: with use_sim_time that one stands still until a simulator runs.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(self._settings.diagnostics_period, self._publish_diagnostics, clock=steady)
        self._watch = self.create_timer(WATCH_PERIOD, self._watch_input, clock=steady)
        if self._settings.autostart:
            self._start = self.create_timer(0.0, self._autostart, clock=steady)

    # Lifecycle

    def _autostart(self) -> None:
        self._start.cancel()
        if self._state == "unconfigured" and self.trigger_configure() == SUCCESS:
            self.trigger_activate()

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Loads the model and warms it up. A model that cannot be used leaves the node unconfigured."""
        predictor, reason = self._load(self._settings.model)
        if predictor is None:
            self._statistics.last_error = reason
            self.get_logger().error(f"not configured: {reason}")
            return FAILURE
        self._use(predictor)
        self._state = "inactive"
        return super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Subscribes and starts the inference thread."""
        self._pipeline.restart()
        self._watched_since = time.monotonic()
        self._worker = Worker(self._pipeline.process, self._min_period)
        try:
            self._input = ImageInput(self, self._settings.transport, self._on_image, self._on_camera_info)
        except RuntimeError as error:  # Such as a QoS override that is none.
            self._stop()
            self._statistics.last_error = " ".join(str(error).split())
            self.get_logger().error(f"not activated: {self._statistics.last_error}")
            return FAILURE
        self._state = "active"
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Unsubscribes and ends the inference thread; the model stays loaded."""
        self._stop()
        self._state = "inactive"
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Lets go of the model."""
        self._pipeline.predictor = None
        self._statistics.last_error = ""
        self._state = "unconfigured"
        return super().on_cleanup(state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Ends everything, from whatever state."""
        self._stop()
        self._pipeline.predictor = None
        self._state = "finalized"
        return super().on_shutdown(state)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Falls back to unconfigured, so that the node can be configured again."""
        self._stop()
        self._pipeline.predictor = None
        self._state = "unconfigured"
        super().on_error(state)
        return SUCCESS

    def destroy_node(self) -> None:
        """Ends the inference thread, then the node."""
        self._stop()
        super().destroy_node()

    def _stop(self) -> None:
        """Unsubscribes and ends the thread, if there are such."""
        if self._input is not None:
            self._input.close()
            self._input = None
        if self._worker is not None:
            if not self._worker.stop():
                self.get_logger().error("the inference thread hangs in its model and was left behind")
            self._dropped_before += self._worker.mailbox.dropped
            self._worker = None
        self._silence = ""

    # Images

    def _on_image(self, message: Any) -> None:
        self._statistics.count("received")
        if self._worker is not None:
            self._worker.mailbox.put(Frame(message, time.perf_counter()))

    def _on_camera_info(self, message: CameraInfo) -> None:
        self._pipeline.camera_info = message

    def _min_period(self) -> float:
        return 1.0 / self._settings.max_rate if self._settings.max_rate > 0 else 0.0

    # Model

    def _load(self, model: str) -> tuple[Predictor | None, str]:
        """Loads a model and warms it up.

        Returns:
            The predictor and "", or None and why not.
        """
        if not model:
            return None, "parameter model is empty: give it the path of a model.onnx"
        try:
            predictor = Predictor(
                model,
                provider=self._settings.provider,
                require_provider=self._settings.require_provider,
                threads=self._settings.threads,
            )
            predictor.warm_up()
        except Sim2SGError as error:
            return None, str(error)
        except Exception as error:  # onnxruntime's errors have no common base class.
            return None, f"{model}: {type(error).__name__}: {' '.join(str(error).split())[:300]}"
        return predictor, ""

    def _load_aside(self, model: str) -> Future:
        """Starts `_load` in a thread; the future gets its result on the executor, which that wakes."""
        executor = self.executor
        done: Future = Future(executor=executor)

        def work() -> None:
            executor.create_task(done.set_result, self._load(model))

        threading.Thread(target=work, name="load", daemon=True).start()
        return done

    def _use(self, predictor: Predictor) -> None:
        """Puts a warm model into use: one assignment, so the inference thread sees the old or the new."""
        self._pipeline.predictor = predictor
        info = predictor.info
        self._publish_info(self._settings)
        self.get_logger().info(f"model {info.model_id} ({info.domain}, {info.width}x{info.height}) on {info.provider}")

    def _publish_info(self, now: parameters.Settings) -> None:
        """Publishes the latched facts about the model in use."""
        if self._pipeline.predictor is None:
            return
        info = self._pipeline.predictor.info
        symmetric = {p["name"]: bool(p.get("symmetric")) for p in info.domain_json.get("predicates", [])}
        self._info.publish(
            GraphInfo(
                stamp=self.get_clock().now().to_msg(),
                model_id=info.model_id,
                domain=info.domain,
                class_names=list(info.classes),
                predicates=list(info.predicates),
                inverses=[info.inverses.get(name, "") for name in info.predicates],
                symmetric=[symmetric.get(name, False) for name in info.predicates],
                box=info.box,
                max_objects=info.max_objects,
                object_threshold=now.object_threshold,
                relation_threshold=now.relation_threshold,
                calibrated=info.calibrated,
                provider=info.provider,
            )
        )

    # Services and parameters

    def _on_get_scene_graph(
        self, request: GetSceneGraph.Request, response: GetSceneGraph.Response
    ) -> GetSceneGraph.Response:
        latest, predictor = self._pipeline.latest, self._pipeline.predictor
        if latest is None or predictor is None:
            why = self._silence or "no image has come yet"
            response.message = why if self._state == "active" else f"the node is {self._state}: activate it"
            return response
        graph, message = latest
        info = predictor.info
        limit, age = request.max_age.sec + request.max_age.nanosec / 1e9, self._pipeline.age(message)
        unknown = {*request.class_names} - {*info.classes} | {*request.predicates} - {*info.predicates}
        if unknown:
            response.message = (
                f"{', '.join(sorted(unknown))}: not known to the model;"
                f" classes are {', '.join(info.classes)}, predicates are {', '.join(info.predicates)}"
            )
        elif 0 < limit < age:
            response.message = f"the latest graph is {age:.2f} s old, max_age is {limit:g} s"
        else:
            graph = select(graph, request)
            response.success = True
            response.graph = graph_to_message(graph, message.header, message.model_id, message.sequence)
            response.graph.processing_time = message.processing_time
            response.text = graph_to_text(graph)
            response.json = graph_to_json(graph)
        return response

    async def _on_load_model(self, request: LoadModel.Request, response: LoadModel.Response) -> LoadModel.Response:
        """Loads in a thread, so that the old model goes on meanwhile, and swaps on the executor."""
        if self._pipeline.predictor is None:
            response.message = "no model is in use: set parameter model and configure the node"
            return response
        if self._loading:
            response.message, response.model_id = (
                "another model is being loaded",
                self._pipeline.predictor.info.model_id,
            )
            return response
        self._loading = True
        path = request.model or self._settings.model
        predictor, response.message = await self._load_aside(path)  # type: ignore[misc]
        self._loading = False
        if self._pipeline.predictor is None:  # Cleaned up meanwhile.
            response.message = response.message or "the node was cleaned up while the model was loaded"
            return response
        if predictor is not None:
            changed = [Parameter("model", value=path)]
            if not request.keep_thresholds:
                names = ("object_threshold", "relation_threshold")
                changed += [Parameter(n, value=getattr(self._started_with, n)) for n in names]
            self.set_parameters(changed)
            self._use(predictor)
            response.success = True
        else:
            self._statistics.last_error = response.message
            self.get_logger().error(f"the old model stays in use: {response.message}")
        response.model_id = self._pipeline.predictor.info.model_id
        return response

    def _on_parameters(self, changed: Sequence[Parameter]) -> SetParametersResult:
        values = {parameter.name: parameter.value for parameter in changed}
        if reason := parameters.check(values):
            return SetParametersResult(successful=False, reason=reason)
        before, self._settings = self._settings, parameters.updated(self._settings, values)
        thresholds = ("object_threshold", "relation_threshold")
        if any(getattr(before, name) != getattr(self._settings, name) for name in thresholds):
            self._publish_info(self._settings)
        return SetParametersResult(successful=True)

    # Watching

    def _watch_input(self) -> None:
        if self._input is None:
            return
        self._input.update()
        timeout = self._settings.silence_timeout
        quiet = time.monotonic() - max(self._watched_since, self._statistics.last_received)
        if timeout <= 0 or quiet < timeout:
            self._silence = ""
            return
        self._silence = f"no image for {quiet:.0f} s: {self._input.why_silent()}"
        self.get_logger().warning(self._silence, throttle_duration_sec=max(5.0, timeout))

    def _publish_diagnostics(self) -> None:
        info = self._pipeline.predictor.info if self._pipeline.predictor else None
        wanted = self._settings.provider
        fell_back = info is not None and wanted not in ("auto", info.provider)
        facts = {
            "state": self._state,
            "model": info.model_id if info else "",
            "provider": info.provider if info else "",
            "input": self._input.listening_to if self._input else "",
            "warning": f"provider {wanted} was asked for, {info.provider} runs" if info and fell_back else "",
        }
        dropped = self._dropped_before + (self._worker.mailbox.dropped if self._worker else 0)
        status = make_status(
            self.get_fully_qualified_name(), self._state, self._silence, facts, self._statistics, dropped
        )
        array = DiagnosticArray(status=[status])
        array.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(array)


def select(graph: SceneGraph, request: GetSceneGraph.Request) -> SceneGraph:
    """Returns the part of a graph that a GetSceneGraph request asks for."""
    classes = set(request.class_names)
    graph = graph.select([i for i, o in enumerate(graph.objects) if not classes or o.label in classes])
    graph = graph.filtered(request.min_object_score, request.min_relation_score)
    predicates = set(request.predicates)
    kept = tuple(r for r in graph.relations if not predicates or r.predicate in predicates)
    return dataclasses.replace(graph, relations=kept)


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
        raise Sim2SGError(f"{' '.join(str(error).split())} (of a DOUBLE write 1.0, not 1)") from None
    except (ParameterException, ValueError, RuntimeError) as error:
        raise Sim2SGError(" ".join(str(error).split())) from None


def main(args: Sequence[str] | None = None, overrides: Sequence[Parameter] = ()) -> int:
    """Runs the node until SIGINT or SIGTERM.

    Args:
        args: ROS arguments (`--ros-args …`); None takes the process's.
        overrides: Parameter values that go before those in `args`.

    Returns:
        Exit status: 0 after a signal.

    Raises:
        Sim2SGError: A parameter given at start is not allowed.
    """
    done = settings.init(sys.argv[1:] if args is None else args)
    executor = SingleThreadedExecutor()
    node = None
    try:
        node = _create(overrides)
        logging.getLogger("sim2sg_core").addHandler(_ToRosLog(node))
        node.get_logger().debug(done)
        executor.add_node(node)
        executor.spin()
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        # A second Ctrl-C must not cut the end short.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        executor.shutdown(timeout_sec=1.0)
        if node is not None:
            node.destroy_node()
        rclpy.try_shutdown()
    return 0
