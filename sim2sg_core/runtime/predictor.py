"""Scene graphs from images: an exported model behind one small class."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.runtime.cpu import misfit, saturates
from sim2sg_core.runtime.graph_decoding import KEEP_ALL, DecodeOptions, RawOutput, camera_of
from sim2sg_core.runtime.metadata import OUTPUTS, ModelInfo, check_file, load_info
from sim2sg_core.runtime.preprocessing import Letterbox, letterbox
from sim2sg_core.runtime.relation_scores import usable_relations, wanted_relations
from sim2sg_core.runtime.session import check_outputs, check_runs, open_runner
from sim2sg_core.scene import Camera, SceneGraph
from sim2sg_core.scene.depth_image import DepthImage

logger = logging.getLogger(__name__)

DepthSource = DepthImage | Callable[[], DepthImage | None] | None
"""A depth image, or what gives one, or none."""


@dataclass(frozen=True)
class Timing:
    """Milliseconds of the last call, all its images together."""

    preprocess_ms: float = 0.0
    inference_ms: float = 0.0
    postprocess_ms: float = 0.0

    @property
    def total_ms(self) -> float:
        """Sum of the stages."""
        return self.preprocess_ms + self.inference_ms + self.postprocess_ms


class Predictor:
    """Runs one model. Not thread-safe: buffers are reused from call to call.

    Example:
        >>> predictor = Predictor("model.onnx")
        >>> graph = predictor.predict(image, options=DecodeOptions(object_threshold=0.3))
        >>> [(o.label, round(o.score, 2)) for o in graph.objects]
        [('car', 0.93), ('pedestrian', 0.61)]

    Attributes:
        info: What the model knows, and the provider that runs it.
        last_timing: Stages of the last `predict` or `predict_batch`.
    """

    info: ModelInfo
    last_timing: Timing

    def __init__(
        self,
        model: Path | str,
        provider: str = "auto",
        require_provider: bool = False,
        threads: int = 0,
        *,
        device: int = 0,
        fp16: bool = False,
        cache: Path | None = None,
    ) -> None:
        """Loads a model; the first inference is still slow, see `warm_up`.

        Args:
            model: ONNX file written by `sim2sg export` or `sim2sg adapt`.
            provider: "auto" (TensorRT, CUDA, CPU: the first that runs; CPU for a model of `sim2sg quantize`),
                "tensorrt", "cuda" or "cpu".
            require_provider: Raise instead of falling back to a slower provider.
            threads: CPU threads of one inference; 0 takes the cores this process may use.
            device: Number of the GPU.
            fp16: Let TensorRT compute in half precision, faster and slightly less exact.
            cache: Folder of TensorRT engines, see `sim2sg build-engine`; default `engines.default_cache()`.

        Raises:
            Sim2SGError: Not a model of ours, the provider is missing, or fewer than 0 threads.
        """
        if threads < 0:
            raise Sim2SGError(f"threads is {threads}: it must be 0 or more; 0 takes all cores")
        path = check_file(model)
        info = load_info(path)  # before any engine is built for a file that is not ours
        check_runs(path, info)
        if info.quantized and provider == "auto":
            provider = "cpu"  # what it was made for: a GPU would convert to float and back at every layer
        self._run, running = open_runner(
            path,
            provider,
            require_provider=require_provider,
            threads=threads,
            cache=cache,
            device=device,
            fp16=fp16,
        )
        self.info = dataclasses.replace(info, provider=running)
        if running == "cpu" and (line := misfit(info.weight_bits, saturates())):
            logger.warning("%s: %s", path, line)
        self.last_timing = Timing()
        self._input = np.empty((0, info.height, info.width, 3), np.uint8)
        self._warned = False

    def warm_up(self, runs: int = 2) -> float:
        """Runs the model on a grey image, so that the first real frame is as fast as the others.

        Returns:
            Milliseconds of the last run.
        """
        image = np.full((self.info.height, self.info.width, 3), 114, np.uint8)
        learned = DecodeOptions(relations="learned")  # rules would miss a camera, which is no trouble here
        for _ in range(max(1, runs)):
            self.predict(image, options=learned)
        return self.last_timing.total_ms

    def predict(
        self,
        image: np.ndarray,
        camera: Camera | None = None,
        options: DecodeOptions = KEEP_ALL,
        *,
        bgr: bool = False,
        file: str = "",
        stamp: int = 0,
        depth: DepthSource = None,
    ) -> SceneGraph:
        """Returns the scene graph of one image.

        Args:
            image: (h, w, 3) uint8 of any size, RGB unless `bgr`.
            camera: The image's camera. None takes that of the training log where the image has its
                aspect ratio; without any camera objects have no 3D pose.
            options: Thresholds, and who decides relations.
            bgr: The channels are blue, green, red (OpenCV).
            file: Name of the image, kept in the graph.
            stamp: Exposure time in nanoseconds, kept in the graph.
            depth: Depth image that is aligned with it, which makes positions metric; or what gives one, called once
                the network is done, as a depth image may come later than its image.

        Returns:
            Objects best first, boxes in pixels of `image` and clipped to it; relations best triplet
            first, only forward predicates, both directions as they were scored.

        Raises:
            Sim2SGError: The image is not 8-bit colour, or the camera or the depth image has another aspect ratio.
        """
        return self.predict_batch([image], [camera], options, bgr=bgr, files=[file], stamps=[stamp], depths=[depth])[0]

    def predict_batch(
        self,
        images: Sequence[np.ndarray],
        cameras: Sequence[Camera | None] | Camera | None = None,
        options: DecodeOptions = KEEP_ALL,
        *,
        bgr: bool = False,
        files: Sequence[str] = (),
        stamps: Sequence[int] = (),
        depths: Sequence[DepthSource] = (),
    ) -> list[SceneGraph]:
        """Returns the scene graphs of several images, of any sizes, in one inference.

        Args:
            images: B images, each as for `predict`.
            cameras: One for each image, or one for all.
            options: As for `predict`.
            bgr: As for `predict`.
            files: One for each image, or none.
            stamps: One for each image, or none.
            depths: One for each image, or none.
        """
        if cameras is None or isinstance(cameras, Camera):
            cameras = [cameras] * len(images)
        views = []
        for image, camera in zip(images, cameras, strict=True):  # refused before the inference
            views.append(camera_of(self.info, camera, image.shape[1], image.shape[0]))
            self.warn_of_relations(options.relations, views[-1])
        outputs = self.infer_batch(images, bgr=bgr)
        measured = [depth() if callable(depth) else depth for depth in depths] or [None] * len(images)
        started = time.perf_counter()
        graphs = [
            output.graph(view, options, file=files[i] if files else "", stamp=stamps[i] if stamps else 0, depth=depth)
            for i, (output, view, depth) in enumerate(zip(outputs, views, measured, strict=True))
        ]
        self.last_timing = dataclasses.replace(self.last_timing, postprocess_ms=(time.perf_counter() - started) * 1e3)
        return graphs

    def warn_of_relations(self, asked: str, camera: Camera | None) -> None:
        """Says once when the relations that are asked for cannot be had with an image's camera, see `camera_of`."""
        wanted = wanted_relations(self.info, asked)
        if not self._warned and usable_relations(self.info, asked, camera) != wanted:
            self._warned = True
            logger.warning(
                "relations by %s need a camera with its height and pitch over the ground: without them they are"
                " learned; give the camera's intrinsics, height and pitch",
                "rule and network" if wanted == "both" else "rule",
            )

    def infer(self, image: np.ndarray, *, bgr: bool = False) -> RawOutput:
        """Runs the network alone on one image; `RawOutput.graph` then makes graphs for any camera."""
        return self.infer_batch([image], bgr=bgr)[0]

    def infer_batch(self, images: Sequence[np.ndarray], *, bgr: bool = False) -> list[RawOutput]:
        """Runs the network alone on several images of any sizes, in one inference."""
        if not images:
            return []
        started = time.perf_counter()
        boxes = self._fill(images, bgr)
        prepared = time.perf_counter()
        values = self._run(self._input[: len(images)])
        inferred = time.perf_counter()
        check_outputs(dict(zip(OUTPUTS, values, strict=True)), self.info)
        self.last_timing = Timing((prepared - started) * 1e3, (inferred - prepared) * 1e3)
        return [
            RawOutput({name: value[i] for name, value in zip(OUTPUTS, values, strict=True)}, self.info, box)
            for i, box in enumerate(boxes)
        ]

    def _fill(self, images: Sequence[np.ndarray], bgr: bool) -> list[Letterbox]:
        """Letterboxes the images into the input buffer, which grows when needed."""
        if len(self._input) < len(images):
            self._input = np.empty((len(images), self.info.height, self.info.width, 3), np.uint8)
        return [letterbox(image, self.info.input, bgr=bgr, out=self._input[i])[1] for i, image in enumerate(images)]
