"""The node's model: loading, warm-up, swapping while the node runs, and ~/graph_info."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.lifecycle import LifecycleNode
from rclpy.parameter import Parameter
from rclpy.task import Future
from sim2sg.msg import GraphInfo
from sim2sg.srv import LoadModel

from sim2sg_core.allocator import trim_memory
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.runtime import ModelInfo, Predictor
from sim2sg_core.runtime.providers import fell_back
from sim2sg_ros.diagnostics import NodeStatus
from sim2sg_ros.error_text import one_line
from sim2sg_ros.parameters import NodeParameters
from sim2sg_ros.qos import latched_qos

THRESHOLDS = ("object_threshold", "relation_threshold")


class LoadedModel(NamedTuple):
    """A model, warmed up.

    Attributes:
        predictor: Runs it.
        requested: The provider that was asked for then: the parameter may have changed since.
    """

    predictor: Predictor
    requested: str


class ModelManager:
    """Holds the model in use, and puts another into use by ~/load_model.

    `predictor` is read in the inference thread and replaced as a whole on the executor: no lock is needed.
    """

    def __init__(
        self,
        node: LifecycleNode,
        status: NodeStatus,
        parameters: Callable[[], NodeParameters],
        ended: Callable[[], bool],
    ) -> None:
        """Creates ~/graph_info and ~/load_model; loads nothing yet.

        Args:
            node: The node.
            status: Is told why a model was not put into use.
            parameters: Returns the parameters in force.
            ended: Whether the process was told to end.
        """
        self._node = node
        self._status = status
        self._parameters = parameters
        self._ended = ended
        self._started_with = parameters()
        self._model: LoadedModel | None = None
        self._loading = False
        self._loader: threading.Thread | None = None
        self._info = node.create_publisher(GraphInfo, "~/graph_info", latched_qos())
        # A group of its own: the others' callbacks go on while this one waits for the new model.
        group = ReentrantCallbackGroup()
        node.create_service(LoadModel, "~/load_model", self._on_load_model, callback_group=group)

    @property
    def predictor(self) -> Predictor | None:
        """The model in use; None while there is none."""
        model = self._model
        return model.predictor if model else None

    @property
    def in_loader(self) -> bool:
        """Whether a thread is still inside onnxruntime to load a model."""
        return self._loader is not None and self._loader.is_alive()

    def configure(self) -> bool:
        """Loads the model that the parameters name and puts it into use. Returns whether it could.

        Raises:
            KeyboardInterrupt: The process was told to end meanwhile; loading takes seconds, ending must not.
        """
        self._node.get_logger().info(f"loading {self._parameters().model}")
        results: list[LoadedModel | str] = []
        thread = self._start_loading(self._parameters().model, results.append)
        while thread.is_alive():
            thread.join(0.05)
            if self._ended() or not self._node.context.ok():
                raise KeyboardInterrupt
        [loaded] = results
        if isinstance(loaded, str):
            self._status.fail(loaded)
            self._node.get_logger().error(f"not configured: {loaded}")
            return False
        self._status.clear_error()
        self._use(loaded)
        return True

    def release(self) -> None:
        """Lets go of the model."""
        self._model = None

    def on_parameters_changed(self, before: NodeParameters) -> None:
        """Publishes ~/graph_info anew where it no longer holds."""
        if any(getattr(before, name) != getattr(self._parameters(), name) for name in THRESHOLDS):
            self._publish_info()

    def facts(self) -> dict[str, str]:
        """Returns what diagnostics tell of the model; `warning` where it does not run as was asked for."""
        info = self._model.predictor.info if self._model else None
        wanted = self._model.requested if self._model else self._parameters().provider
        return {
            "model": info.model_id if info else "",
            "domain": info.domain.name if info else "",
            "provider": info.provider if info else "",
            "requested provider": wanted,
            "input size": f"{info.width}x{info.height}" if info else "",
            "loading": str(self._loading),
            "warning": _why_slow(wanted, info) if info else "",
        }

    def _load(self, model: str) -> LoadedModel | str:
        """Returns a model, loaded and warmed up, or why it cannot be used."""
        if not model:
            return "parameter model is empty: give it the path of a model.onnx"
        parameters = self._parameters()
        try:
            predictor = Predictor(
                model,
                provider=parameters.provider,
                require_provider=parameters.require_provider,
                threads=parameters.threads,
                device=parameters.device,
                fp16=parameters.fp16,
                cache=Path(parameters.engine_cache) if parameters.engine_cache else None,
            )
            predictor.warm_up()
        except Sim2SGError as error:
            return str(error)
        except Exception as error:  # onnxruntime's errors have no common base class.
            return f"{model}: {type(error).__name__}: {one_line(error)[:300]}"
        return LoadedModel(predictor, parameters.provider)

    def _start_loading(self, model: str, done: Callable[[LoadedModel | str], object]) -> threading.Thread:
        """Calls `done` with the result of `_load`, in a thread that it returns."""
        self._loader = threading.Thread(target=lambda: done(self._load(model)), name="load", daemon=True)
        self._loader.start()
        return self._loader

    def _load_aside(self, model: str) -> Future:
        """Starts `_load` in a thread; the future gets its result on the executor, which that wakes."""
        executor = self._node.executor
        assert executor is not None, "services are called by an executor"
        done: Future = Future(executor=executor)

        def hand_over(loaded: LoadedModel | str) -> None:
            if self._node.context.ok():  # Otherwise the executor ends too, and nobody waits any more.
                executor.create_task(done.set_result, loaded)

        self._start_loading(model, hand_over)
        return done

    def _use(self, model: LoadedModel) -> None:
        """Puts a warm model into use: one assignment, so the inference thread sees the old or the new."""
        self._model = model
        info = model.predictor.info
        self._publish_info()
        self._node.get_logger().info(
            f"model {info.model_id} ({info.domain.name}, {info.width}x{info.height}) on {info.provider}"
        )

    async def _on_load_model(self, request: LoadModel.Request, response: LoadModel.Response) -> LoadModel.Response:
        """Loads in a thread, so that the old model goes on meanwhile, and swaps on the executor."""
        if self._model is None:
            response.message = "no model is in use: set parameter model and configure the node"
            return response
        if self._loading:
            response.message = "another model is being loaded"
            response.model_id = self._model.predictor.info.model_id
            return response
        self._loading = True
        path = request.model or self._parameters().model
        loaded: Any = await self._load_aside(path)
        self._loading = False
        if self._model is None:
            response.message = (
                loaded if isinstance(loaded, str) else "the node was cleaned up while the model was loaded"
            )
            return response
        if isinstance(loaded, str):
            self._status.note(loaded)
            self._node.get_logger().error(f"the old model stays in use: {loaded}")
            response.message = loaded
        else:
            self._status.clear_error()
            self._swap(loaded, path, keep_thresholds=request.keep_thresholds)
            response.success = True
        response.model_id = self._model.predictor.info.model_id
        return response

    def _swap(self, model: LoadedModel, path: str, *, keep_thresholds: bool) -> None:
        changed = [Parameter("model", value=path)]
        if not keep_thresholds:
            changed += [Parameter(name, value=getattr(self._started_with, name)) for name in THRESHOLDS]
        self._node.set_parameters(changed)
        self._use(model)
        # When the inference thread has let go of the old model too.
        timer = threading.Timer(1.0, trim_memory)
        timer.daemon = True
        timer.start()

    def _publish_info(self) -> None:
        """Publishes the latched facts about the model in use, if there is one."""
        if self._model is None:
            return
        info, parameters = self._model.predictor.info, self._parameters()
        inverses = info.domain.inverses()
        self._info.publish(
            GraphInfo(
                stamp=self._node.get_clock().now().to_msg(),
                model_id=info.model_id,
                domain=info.domain.name,
                class_names=list(info.classes),
                predicates=list(info.predicates),
                inverses=[inverses.get(name, "") for name in info.predicates],
                symmetric=[p.symmetric for p in info.domain.predicates],
                box=info.domain.box,
                max_objects=info.max_objects,
                object_threshold=parameters.object_threshold,
                relation_threshold=parameters.relation_threshold,
                calibrated=info.calibrated,
                provider=info.provider,
                requested_provider=self._model.requested,
                input_width=info.width,
                input_height=info.height,
            )
        )


def _why_slow(wanted: str, info: ModelInfo) -> str:
    """Says, in one line, that a model does not run where it should; "" where it does."""
    if not fell_back(wanted, info.provider):
        return ""
    if wanted != "auto":
        return f"provider {wanted} was asked for, {info.provider} runs"
    if info.quantized:
        return ""  # It is made for the CPU.
    return "the model runs on the CPU, though onnxruntime is built for GPUs: see the log, or set provider to cpu"
