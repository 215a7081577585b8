"""A model that is called with images and logs."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from sim2sg_core.api.graph import Graph
from sim2sg_core.domains import Domain
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.images import read_image
from sim2sg_core.logs import decoded, load_calibration, open_logs, select_frames
from sim2sg_core.logs.frame_cameras import FrameCameras
from sim2sg_core.report.anonymise import private_objects
from sim2sg_core.runtime import DecodeOptions, Predictor
from sim2sg_core.scene import Camera, SceneGraph
from sim2sg_core.scene.graph import DEFAULT_OBJECT_THRESHOLD, DEFAULT_RELATION_THRESHOLD
from sim2sg_core.scene.turning import turned_graph


def load(model: Path | str, provider: str = "auto", threads: int = 0) -> Model:
    """Loads a model.

    Args:
        model: Path of a `model.onnx`, or the name of one that ships: "dining", "drive".
        provider: "auto" (the fastest that works), "cpu", "cuda" or "tensorrt".
        threads: CPU threads; 0 takes all that this process may use.

    Raises:
        Sim2SGError: Not a model of ours, or it cannot run here.
    """
    return Model(Predictor(model, provider, threads=threads))


class Model:
    """A loaded model: call it with an image, or give it a log.

    Attributes:
        id: Its name.
        domain: The classes, predicates and sizes that it was made for.
        classes: What it finds.
        predicates: What it says of pairs.
        provider: What onnxruntime runs on.
    """

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor
        info = predictor.info
        self.id: str = info.model_id
        self.domain: Domain = info.domain
        self.classes: tuple[str, ...] = tuple(info.classes)
        self.predicates: tuple[str, ...] = tuple(info.predicates)
        self.provider: str = info.provider

    def __repr__(self) -> str:
        return f"{self.id} on {self.provider}: finds {', '.join(self.classes)}; says {', '.join(self.predicates)}"

    def __call__(
        self,
        image: np.ndarray | Path | str,
        camera: Camera | Path | str | None = None,
        *,
        min_score: float = DEFAULT_OBJECT_THRESHOLD,
        min_relation: float = DEFAULT_RELATION_THRESHOLD,
        relations: str = "auto",
    ) -> Graph:
        """Returns the scene graph of one image.

        Args:
            image: Path of a file, or (H, W, 3) uint8 RGB; OpenCV's BGR is `image[..., ::-1]`. Anything that
                `numpy.asarray` takes will do, such as a picture of Pillow in mode RGB.
            camera: Its camera, or a calibration file, for 3D poses; None takes that of the model's training log where
                the aspect ratio fits.
            min_score: Least score of an object; 0 keeps all.
            min_relation: Least score of a relation; 0 keeps all.
            relations: "learned", "rule", "both", or "auto": what the model says is better.

        Raises:
            Sim2SGError: Not one image that can be read, not 8-bit colour, or no camera of it.
        """
        _check_scores(min_score=min_score, min_relation=min_relation)
        path = Path(image) if isinstance(image, (str, Path)) else None
        pixels = _pixels(image)
        view = _camera(camera, pixels, path.name if path else "")
        options = DecodeOptions(relations=relations)
        graph = self._predictor.predict(pixels, view, options, file=path.name if path else "")
        return self._finished(graph, min_score, min_relation, path)

    def log(
        self,
        source: Path | str | Iterable[Path | str],
        *,
        topic: str | None = None,
        every: float = 0.0,
        max: int = 0,
        min_change: float = 0.0,
        camera: Path | str | None = None,
        camera_height: float | None = None,
        camera_pitch: float | None = None,
        camera_roll: float | None = None,
        rotate: int = 0,
        min_score: float = DEFAULT_OBJECT_THRESHOLD,
        min_relation: float = DEFAULT_RELATION_THRESHOLD,
        relations: str = "auto",
        strict: bool = False,
    ) -> Iterator[Graph]:
        """Yields the graphs of a log, one after the other; no more than a few images are held.

        Args:
            source: A bag, a video, an image, a folder of any of these, or several.
            topic: Image topic; None takes the only one.
            every: Least seconds between two frames; 0 takes all.
            max: Most frames, evenly chosen; 0 takes all.
            min_change: Least change between frames, see `sim2sg log extract --help`.
            camera: Calibration file; None takes what the log says.
            camera_height: Metres over the ground; None takes what the log says.
            camera_pitch: Degrees, positive looks down.
            camera_roll: Degrees, positive is clockwise.
            rotate: Degrees, clockwise, that turn the images upright: 0, 90, 180 or 270. Graphs are those of the images
                as they were recorded.
            min_score: Least score of an object; 0 keeps all.
            min_relation: Least score of a relation; 0 keeps all.
            relations: As for an image.
            strict: Whether a damaged frame is an error; else it is left out, with a warning at the end.

        Raises:
            Sim2SGError: No log, or none of its frames can be read.
        """
        _check_scores(min_score=min_score, min_relation=min_relation)
        pitch, roll = (None if v is None else math.radians(v) for v in (camera_pitch, camera_roll))
        file = None if camera is None else Path(camera)
        cameras = FrameCameras(file, (camera_height, pitch, roll), self._predictor.info.camera)
        options = DecodeOptions(relations=relations)
        frames = select_frames(open_logs(source, rotate), topic, max, every, min_change)
        seen = False
        for frame, image in decoded(frames, strict=strict):
            seen = True
            view = cameras.find(frame, image.shape[1], image.shape[0])
            graph = self._predictor.predict(image, view, options, file=frame.name, stamp=frame.stamp)
            yield self._finished(turned_graph(graph, -rotate), min_score, min_relation)
        if not seen:
            raise Sim2SGError("no frames in the log")

    def _finished(self, graph: SceneGraph, min_score: float, min_relation: float, path: Path | None = None) -> Graph:
        kept = graph.filtered(min_score, min_relation)
        private = private_objects(graph)
        return Graph.of(kept, classes=self.classes, predicates=self.predicates, path=path, private=private)


def _pixels(image: Any) -> np.ndarray:
    """Returns an image as an array. Raises Sim2SGError where it is none, or several."""
    if isinstance(image, (str, Path)):
        if "://" in str(image):
            raise Sim2SGError(f"{image}: is an address: download the image, or give model.log(…) an s3://bucket/log")
        if Path(image).is_dir():
            raise Sim2SGError(f"{image}: is a folder: model.log(…) yields the graph of each image in it")
        return read_image(image)
    with contextlib.suppress(ValueError):  # arrays of several shapes
        pixels = np.asarray(image)
        if pixels.ndim == 3:
            return pixels
    what = f"of shape {image.shape}" if isinstance(image, np.ndarray) else f"a {type(image).__name__}"
    raise Sim2SGError(
        f"the image is {what}: give a path or an (H, W, 3) uint8 array; model.log(…) takes lists of files, folders and"
        " logs"
    )


def _camera(camera: Any, pixels: np.ndarray, name: str) -> Camera | None:
    """Returns the camera that is given, read where it is a file. Raises Sim2SGError where it is none."""
    if isinstance(camera, (str, Path)):
        return load_calibration(camera, pixels.shape[1], pixels.shape[0], name)
    if camera is None or isinstance(camera, Camera):
        return camera
    raise Sim2SGError(
        f"the camera is a {type(camera).__name__}: give sg.Camera(width, height, K) or a calibration file"
    )


def _check_scores(**least: float) -> None:
    for name, value in least.items():
        if not 0 <= value <= 1:
            raise Sim2SGError(f"{name} is {value:g}: scores are from 0 to 1, as in 0.3")
