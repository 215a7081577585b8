"""Scene graphs from images: an exported model behind one small class."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.runtime import pose
from sim2sg_core.runtime.metadata import INPUT, OUTPUTS, ModelInfo, check_file, load_info, same_aspect
from sim2sg_core.runtime.preprocessing import Letterbox, letterbox
from sim2sg_core.runtime.providers import open_session
from sim2sg_core.runtime.relations import relate, usable_relations, wanted_relations
from sim2sg_core.scene import Camera, Pose3D, Relation, SceneGraph, SceneObject

logger = logging.getLogger(__name__)


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


@dataclass(frozen=True, eq=False)
class RawOutput:
    """What the network said of one image, before any camera or threshold: decode it as often as you like.

    Attributes:
        outputs: Name -> array without the batch axis, see `decode`.
        info: The model.
        box: How the image lay in the network's input.
    """

    outputs: dict[str, np.ndarray]
    info: ModelInfo
    box: Letterbox

    def graph(
        self,
        camera: Camera | None = None,
        *,
        object_threshold: float = 0.0,
        relation_threshold: float = 0.0,
        relations: str = "auto",
        file: str = "",
        stamp: int = 0,
    ) -> SceneGraph:
        """Returns the scene graph; arguments and errors as of `Predictor.predict`."""
        view = camera_of(self.info, camera, *self.box.source)
        graph = decode(self.outputs, self.info, self.box, view, object_threshold, relation_threshold, relations)
        return dataclasses.replace(graph, file=file, stamp=int(stamp))


class Predictor:
    """Runs one model. Not thread-safe: buffers are reused from call to call.

    Example:
        >>> predictor = Predictor("model.onnx")
        >>> graph = predictor.predict(image, object_threshold=0.3)
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
    ) -> None:
        """Loads a model; the first inference is still slow, see `warm_up`.

        Args:
            model: ONNX file written by `sim2sg export` or `sim2sg adapt`.
            provider: "auto" (TensorRT, CUDA, CPU: the first that runs), "tensorrt", "cuda" or "cpu".
            require_provider: Raise instead of falling back to a slower provider.
            threads: CPU threads of one inference; 0 takes the cores this process may use.

        Raises:
            Sim2SGError: Not a model of ours, or the provider is missing.
        """
        path = check_file(model)
        info = load_info(path)  # before any engine is built for a file that is not ours
        self._session, running = open_session(path, provider, require_provider=require_provider, threads=threads)
        self.info = dataclasses.replace(info, provider=running)
        self.last_timing = Timing()
        self._input = np.empty((0, info.height, info.width, 3), np.uint8)
        self._warned = False

    def warm_up(self, runs: int = 2) -> float:
        """Runs the model on a grey image, so that the first real frame is as fast as the others.

        Returns:
            Milliseconds of the last run.
        """
        image = np.full((self.info.height, self.info.width, 3), 114, np.uint8)
        for _ in range(max(1, runs)):
            self.predict(image, relations="learned")  # no camera is known yet, which is no trouble here
        return self.last_timing.total_ms

    def predict(
        self,
        image: np.ndarray,
        camera: Camera | None = None,
        *,
        bgr: bool = False,
        object_threshold: float = 0.0,
        relation_threshold: float = 0.0,
        relations: str = "auto",
        file: str = "",
        stamp: int = 0,
    ) -> SceneGraph:
        """Returns the scene graph of one image.

        Args:
            image: (h, w, 3) uint8 of any size, RGB unless `bgr`.
            camera: The image's camera. None takes that of the training log where the image has its
                aspect ratio; without any camera objects have no 3D pose.
            bgr: The channels are blue, green, red (OpenCV).
            object_threshold: Objects with a lower score are left out, and their relations.
            relation_threshold: Relations with a lower P(predicate | both objects) are left out.
            relations: Who decides them: "learned", the network's relation head; "rule", the domain's rules on
                the 3D poses and their uncertainty; "both", the mean of the two logits; "auto", what the model
                says of itself. Rules need a camera over a known ground: without it relations are learned.
            file: Name of the image, kept in the graph.
            stamp: Exposure time in nanoseconds, kept in the graph.

        Returns:
            Objects best first, boxes in pixels of `image` and clipped to it; relations best triplet
            first, only forward predicates, both directions as they were scored.

        Raises:
            Sim2SGError: The image is not 8-bit colour, the camera has another aspect ratio, or `relations`
                is not known.
        """
        return self.predict_batch(
            [image],
            [camera],
            bgr=bgr,
            object_threshold=object_threshold,
            relation_threshold=relation_threshold,
            relations=relations,
            files=[file],
            stamps=[stamp],
        )[0]

    def predict_batch(
        self,
        images: Sequence[np.ndarray],
        cameras: Sequence[Camera | None] | Camera | None = None,
        *,
        bgr: bool = False,
        object_threshold: float = 0.0,
        relation_threshold: float = 0.0,
        relations: str = "auto",
        files: Sequence[str] = (),
        stamps: Sequence[int] = (),
    ) -> list[SceneGraph]:
        """Returns the scene graphs of several images, of any sizes, in one inference.

        Args:
            images: B images, each as for `predict`.
            cameras: One for each image, or one for all.
            bgr: As for `predict`.
            object_threshold: As for `predict`.
            relation_threshold: As for `predict`.
            relations: As for `predict`.
            files: One for each image, or none.
            stamps: One for each image, or none.
        """
        if cameras is None or isinstance(cameras, Camera):
            cameras = [cameras] * len(images)
        for image, camera in zip(images, cameras, strict=True):  # refused before the inference
            view = camera_of(self.info, camera, image.shape[1], image.shape[0])
            self._check_relations(relations, view)
        outputs = self.infer_batch(images, bgr=bgr)
        started = time.perf_counter()
        graphs = [
            output.graph(
                camera,
                object_threshold=object_threshold,
                relation_threshold=relation_threshold,
                relations=relations,
                file=files[i] if files else "",
                stamp=stamps[i] if stamps else 0,
            )
            for i, (output, camera) in enumerate(zip(outputs, cameras, strict=True))
        ]
        self.last_timing = dataclasses.replace(self.last_timing, postprocess_ms=(time.perf_counter() - started) * 1e3)
        return graphs

    def _check_relations(self, asked: str, camera: Camera | None) -> None:
        """Says once when what was asked for cannot be had."""
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
        values = self._session.run(OUTPUTS, {INPUT: self._input[: len(images)]})
        inferred = time.perf_counter()
        self.last_timing = Timing((prepared - started) * 1e3, (inferred - prepared) * 1e3)
        return [
            RawOutput({name: value[i] for name, value in zip(OUTPUTS, values, strict=True)}, self.info, box)
            for i, box in enumerate(boxes)
        ]

    def _fill(self, images: Sequence[np.ndarray], bgr: bool) -> list[Letterbox]:
        """Letterboxes the images into the input buffer, which grows when needed."""
        if len(self._input) < len(images):
            self._input = np.empty((len(images), self.info.height, self.info.width, 3), np.uint8)
        return [
            letterbox(image, self.info.width, self.info.height, bgr=bgr, out=self._input[i])[1]
            for i, image in enumerate(images)
        ]


def camera_of(info: ModelInfo, camera: Camera | None, width: int, height: int) -> Camera | None:
    """Returns the camera of an image: the given one, scaled to it, else that of the training log, else None.

    Raises:
        Sim2SGError: The given one has another aspect ratio.
    """
    if camera is None:
        return info.camera_for(width, height)
    if (camera.width, camera.height) == (width, height):
        return camera
    if not same_aspect(camera, width, height):
        raise Sim2SGError(
            f"the image is {width}x{height} and its camera {camera.width}x{camera.height}:"
            " give the intrinsics of this image (or no camera)"
        )
    return camera.scaled(width, height)


def decode(
    outputs: dict[str, np.ndarray],
    info: ModelInfo,
    box: Letterbox,
    camera: Camera | None,
    object_threshold: float = 0.0,
    relation_threshold: float = 0.0,
    relations: str = "auto",
) -> SceneGraph:
    """Turns the padded outputs of one image into a graph.

    Padding is told by what cannot be a result: a score of zero, a box without area inside the image, a
    pair of an object with itself.

    Args:
        outputs: Name -> array without the batch axis: boxes (K, 4), scores (K,), classes (K,),
            centres (K, 2), depths (K,), depth_stds (K,), sizes (K, 3), alphas (K,), pairs (R, 2),
            relations (R, P); boxes and centres in input pixels.
        info: Names behind the indices, and the focal length of the depths.
        box: How the image lies in the input.
        camera: Camera of the original image; None gives no poses.
        object_threshold: See `Predictor.predict`.
        relation_threshold: See `Predictor.predict`.
        relations: See `Predictor.predict`.
    """
    width, height = box.source
    boxes = (outputs["boxes"].reshape(-1, 2, 2) * box.ratio).clip(0, [width, height]).reshape(-1, 4)
    scores = outputs["scores"]
    inside = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    order = np.argsort(-scores, kind="stable")
    real = order[((scores > 0) & inside)[order]]
    poses, stds = _poses({name: outputs[name][real] for name in OUTPUTS[2:8]}, info, box, camera)
    keep = real[scores[real].astype(float) >= object_threshold]  # the first of them: they come best first
    objects = tuple(
        SceneObject(info.classes[label], score, xyxy, pose_)
        for label, score, xyxy, pose_ in zip(
            outputs["classes"][keep].tolist(), scores[keep].tolist(), boxes[keep], poses, strict=False
        )
    )
    pairs, probabilities = outputs["pairs"], outputs["relations"]
    how = usable_relations(info, relations, camera)
    if how != "learned" and camera is not None:
        # Of all objects, so that a threshold leaves things out and changes nothing else.
        pairs, probabilities = relate(outputs, info, how, real, [p for p in poses if p], stds, camera)
    found = _relations(pairs, probabilities, keep, scores[keep], info, relation_threshold)
    return SceneGraph(width, height, objects, found, camera=camera)


def _poses(
    kept: dict[str, np.ndarray],
    info: ModelInfo,
    box: Letterbox,
    camera: Camera | None,
) -> tuple[Sequence[Pose3D | None], np.ndarray]:
    """Lifts objects, with the relative deviations of their depths; without a camera there is no pose."""
    if camera is None:
        return [None] * len(kept["depths"]), np.zeros(0)
    depths = kept["depths"].astype(float) * (camera.focal * box.scale / info.focal_ref)
    sizes = kept["sizes"].astype(float)
    positions, yaws, stds = pose.lift(
        kept["centres"] * box.ratio,
        depths,
        kept["depth_stds"].astype(float),
        sizes,
        kept["alphas"].astype(float),
        camera,
        np.array(info.grounded, bool)[kept["classes"]],
    )
    return [Pose3D(p, y, s) for p, y, s in zip(positions, yaws.tolist(), sizes, strict=True)], stds


def _relations(
    pairs: np.ndarray,
    probabilities: np.ndarray,
    keep: np.ndarray,
    scores: np.ndarray,
    info: ModelInfo,
    threshold: float,
) -> tuple[Relation, ...]:
    """Relations between kept objects, best triplet first.

    Args:
        pairs: (R, 2) network indices of subject and object.
        probabilities: (R, P).
        keep: (N,) network indices of the kept objects, in their new order.
        scores: (N,) their scores.
        info: Names and frames of the predicates.
        threshold: Least probability.
    """
    index = np.full(info.max_objects, -1)
    index[keep] = np.arange(len(keep))
    ends = index[pairs]
    real = (ends >= 0).all(axis=1) & (ends[:, 0] != ends[:, 1])
    rows, columns = np.nonzero(real[:, None] & (probabilities.astype(float) >= threshold) & (probabilities > 0))
    subjects, objects = ends[rows].T
    values = probabilities[rows, columns]
    order = np.argsort(-(values * scores[subjects] * scores[objects]), kind="stable")
    return tuple(
        Relation(s, info.predicates[p], o, v, info.frames[p])
        for s, p, o, v in zip(
            subjects[order].tolist(),
            columns[order].tolist(),
            objects[order].tolist(),
            values[order].tolist(),
            strict=True,
        )
    )
