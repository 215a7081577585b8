"""The model of the node: loaded, warmed up, swapped while the node runs, and told of on ~/graph_info."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.lifecycle import LifecycleNode
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.task import Future
from sim2sg.msg import GraphInfo
from sim2sg.srv import LoadModel

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.runtime import Predictor
from sim2sg_ros.inference_pipeline import Pipeline, one_line
from sim2sg_ros.middleware import trim_memory
from sim2sg_ros.parameters import Settings

LATCHED = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)
THRESHOLDS = ("object_threshold", "relation_threshold")


class Models:
    """Puts models into the pipeline, the service ~/load_model included.

    Attributes:
        last_error: Why the last one was not put into use, in one line; "" when it was.
    """

    def __init__(self, node: LifecycleNode, pipeline: Pipeline, settings: Callable[[], Settings]) -> None:
        """Creates ~/graph_info and ~/load_model.

        Args:
            node: The node.
            pipeline: What uses the model.
            settings: Returns the parameters in force.
        """
        self.last_error = ""
        self._node = node
        self._pipeline = pipeline
        self._settings = settings
        self._started_with = settings()
        self._loading = False
        self._info = node.create_publisher(GraphInfo, "~/graph_info", LATCHED)
        # A group of its own: the others' callbacks go on while this one waits for the new model.
        group = ReentrantCallbackGroup()
        node.create_service(LoadModel, "~/load_model", self._on_load_model, callback_group=group)

    def configure(self) -> bool:
        """Loads the model that the parameters name and puts it into use. Returns whether it could."""
        predictor, self.last_error = self._load(self._settings().model)
        if predictor is None:
            self._node.get_logger().error(f"not configured: {self.last_error}")
            return False
        self._use(predictor)
        return True

    def release(self) -> None:
        """Lets go of the model."""
        self._pipeline.predictor = None

    def publish_info(self) -> None:
        """Publishes the latched facts about the model in use, if there is one."""
        if self._pipeline.predictor is None:
            return
        info, now = self._pipeline.predictor.info, self._settings()
        symmetric = {p["name"]: bool(p.get("symmetric")) for p in info.domain_json.get("predicates", [])}
        self._info.publish(
            GraphInfo(
                stamp=self._node.get_clock().now().to_msg(),
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
                requested_provider=now.provider,
                input_width=info.width,
                input_height=info.height,
            )
        )

    def facts(self) -> dict[str, str]:
        """Returns what diagnostics tell of the model; `warning` where it does not run as was asked for."""
        info = self._pipeline.predictor.info if self._pipeline.predictor else None
        wanted = self._settings().provider
        fell_back = info is not None and wanted not in ("auto", info.provider)
        return {
            "model": info.model_id if info else "",
            "domain": info.domain if info else "",
            "provider": info.provider if info else "",
            "requested provider": wanted,
            "input size": f"{info.width}x{info.height}" if info else "",
            "loading": str(self._loading),
            "warning": f"provider {wanted} was asked for, {info.provider} runs" if info and fell_back else "",
        }

    def _load(self, model: str) -> tuple[Predictor | None, str]:
        """Loads a model and warms it up.

        Returns:
            The predictor and "", or None and why not.
        """
        if not model:
            return None, "parameter model is empty: give it the path of a model.onnx"
        settings = self._settings()
        try:
            predictor = Predictor(
                model,
                provider=settings.provider,
                require_provider=settings.require_provider,
                threads=settings.threads,
                device=settings.device,
                fp16=settings.fp16,
                cache=Path(settings.engine_cache) if settings.engine_cache else None,
            )
            predictor.warm_up()
        except Sim2SGError as error:
            return None, str(error)
        except Exception as error:  # onnxruntime's errors have no common base class.
            return None, f"{model}: {type(error).__name__}: {one_line(error)[:300]}"
        return predictor, ""

    def _load_aside(self, model: str) -> Future:
        """Starts `_load` in a thread; the future gets its result on the executor, which that wakes."""
        executor = self._node.executor
        done: Future = Future(executor=executor)

        def work() -> None:
            found = self._load(model)
            if self._node.context.ok():  # Otherwise the executor ends too, and nobody waits any more.
                executor.create_task(done.set_result, found)

        threading.Thread(target=work, name="load", daemon=True).start()
        return done

    def _use(self, predictor: Predictor) -> None:
        """Puts a warm model into use: one assignment, so the inference thread sees the old or the new."""
        self._pipeline.predictor = predictor
        info = predictor.info
        self.publish_info()
        self._node.get_logger().info(
            f"model {info.model_id} ({info.domain}, {info.width}x{info.height}) on {info.provider}"
        )

    async def _on_load_model(self, request: LoadModel.Request, response: LoadModel.Response) -> LoadModel.Response:
        """Loads in a thread, so that the old model goes on meanwhile, and swaps on the executor."""
        if self._pipeline.predictor is None:
            response.message = "no model is in use: set parameter model and configure the node"
            return response
        if self._loading:
            response.message = "another model is being loaded"
            response.model_id = self._pipeline.predictor.info.model_id
            return response
        self._loading = True
        path = request.model or self._settings().model
        predictor, response.message = await self._load_aside(path)  # type: ignore[misc]
        self._loading = False
        if self._pipeline.predictor is None:  # Cleaned up meanwhile.
            response.message = response.message or "the node was cleaned up while the model was loaded"
            return response
        self.last_error = response.message
        if predictor is not None:
            changed = [Parameter("model", value=path)]
            if not request.keep_thresholds:
                changed += [Parameter(name, value=getattr(self._started_with, name)) for name in THRESHOLDS]
            self._node.set_parameters(changed)
            self._use(predictor)
            # When the inference thread has let go of the old model too.
            timer = threading.Timer(1.0, trim_memory)
            timer.daemon = True
            timer.start()
            response.success = True
        else:
            self._node.get_logger().error(f"the old model stays in use: {response.message}")
        response.model_id = self._pipeline.predictor.info.model_id
        return response
