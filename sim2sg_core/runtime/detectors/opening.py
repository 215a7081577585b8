"""Opens a detector by its file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.runtime.detectors.class_names import BACKGROUND, MISSING, read_class_names
from sim2sg_core.runtime.detectors.detector import LEAST_SCORE, Detections, suppress
from sim2sg_core.runtime.detectors.networks import NETWORKS, Network
from sim2sg_core.runtime.detectors.output_forms import find_form
from sim2sg_core.runtime.preprocessing import PADDING, NetworkInput, letterbox

ROUNDING = 1e-3
"""By which a score may be above 1."""


def open_detector(file: Path | str, labels: Path | str | None = None) -> FileDetector:
    """Opens a detector and runs it once on a grey image, so that what cannot work is told at once.

    Args:
        file: ONNX, or a frozen TensorFlow graph beside its .pbtxt; see `networks.NETWORKS`.
        labels: Text file with one class name a line; None takes those in the model, else COCO's.

    Raises:
        Sim2SGError: No such file, of unknown type, or with outputs of unknown form.
    """
    path = Path(file)
    if not path.is_file():
        raise Sim2SGError(f"{path}: no such file; give a detector ({', '.join(NETWORKS)})")
    if path.suffix.lower() not in NETWORKS:
        raise Sim2SGError(f"{path}: not a type that can be run; give {' or '.join(NETWORKS)} (export it to ONNX)")
    names = read_class_names(Path(labels)) if labels else ()
    return FileDetector(NETWORKS[path.suffix.lower()](path), str(path), names)


class FileDetector:
    """A network from a file, and the form in which it gives boxes; a `Detector`.

    Attributes:
        names: The classes that it knows.
        input_size: Width and height to which it scales every image, pixels; None where it takes them as they are.
    """

    names: tuple[str, ...]
    input_size: tuple[int, int] | None

    def __init__(self, network: Network, source: str, names: Sequence[str] = ()) -> None:
        """Finds the form of a network's outputs.

        Args:
            network: Runs.
            source: The file, for errors.
            names: Class names by index; empty takes the network's own, else those that are usual for its form.

        Raises:
            Sim2SGError: No form fits.
        """
        self._network, self._source = network, source
        width, height = network.size or (640, 640)
        outputs = network.run(np.full((height, width, 3), PADDING, np.uint8))
        self._form, self._index = find_form(outputs, names or network.names, self._source)
        free = self._form.free_size
        self.input_size = network.size or (None if free is None else (free, free))
        self.names = tuple(dict.fromkeys(name for name in self._index if name not in (BACKGROUND, MISSING)))

    def __call__(self, image: np.ndarray) -> Detections:
        """Returns what is in an (H, W, 3) uint8 RGB image, best first, with a score of `LEAST_SCORE` or more.

        Raises:
            Sim2SGError: Scores beyond 1, or a class that is no number or has no name.
        """
        height, width = image.shape[:2]
        if self.input_size is None:
            pixels, ratio = image, np.ones(2)
        elif self._form.letterboxed:
            pixels, place = letterbox(image, NetworkInput(*self.input_size))
            ratio = place.ratio
        else:
            pixels = cv2.resize(image, self.input_size, interpolation=cv2.INTER_LINEAR)
            ratio = np.array([width, height]) / self.input_size
        raw = self._form.read(self._network.run(pixels), len(self._index), pixels.shape[1], pixels.shape[0])
        scores = np.asarray(raw.scores, float)
        if scores.max(initial=0.0) > 1 + ROUNDING or not np.isfinite(scores).all():
            raise Sim2SGError(
                f"{self._source}: a score of {scores.max():.3g}: scores are from 0 to 1; export it with its sigmoid"
            )
        boxes = (np.asarray(raw.boxes, float).reshape(-1, 2, 2) * ratio).clip(0, [width, height]).reshape(-1, 4)
        keep = np.flatnonzero((scores >= LEAST_SCORE) & (boxes[:, 2:] > boxes[:, :2]).all(axis=1))
        keep = keep[np.argsort(-scores[keep], kind="stable")]
        found = Detections(boxes[keep], scores[keep].clip(0, 1), self._names_of(np.asarray(raw.classes)[keep]))
        # Of those too that suppress boxes themselves: many leave two boxes of one object at an overlap of .5.
        return suppress(found.select(~np.isin(found.names.astype(str), [BACKGROUND, MISSING])))

    def _names_of(self, classes: np.ndarray) -> np.ndarray:
        if len(classes) and not 0 <= classes.min() <= classes.max() < len(self._index):
            raise Sim2SGError(
                f"{self._source}: finds class {classes.max():.0f}, and there are {len(self._index)} names, from 0:"
                " give all names of its classes, one a line"
            )
        if (classes != np.round(classes)).any():
            raise Sim2SGError(f"{self._source}: finds a class that is no whole number: export it again")
        return np.array([self._index[int(c)] for c in classes], dtype=object)
