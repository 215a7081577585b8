"""Looking closer: what is small in a frame is large in a part of it.

A network that has only seen large objects overlooks small ones; enlarged, they look like what it knows. Found so in the
log, they become content of the next scenes at their true size, and the network learns them small.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Set

import numpy as np

from sim2sg_core.runtime import DecodeOptions, Predictor
from sim2sg_core.scene import Camera, SceneGraph, SceneObject
from sim2sg_core.scene.boxes import box_area, box_iou, intersection

ZOOM = 1.75
"""Windows are the frame's size divided by this: two by two of them overlap by a seventh."""
SAME = 0.5
"""IoU from which two boxes are one object's, whatever its class."""
NESTED = 0.7
"""So are they when this share of the smaller lies inside the other: a part found beside its whole."""
CUT = 2.0
"""Pixels from a window's inner edge: an object that reaches it goes on beyond."""
MIN_SCORE = 0.05


def look_closely(
    predictor: Predictor, image: np.ndarray, camera: Camera, whole: SceneGraph, carriers: Set[str] = frozenset()
) -> SceneGraph:
    """Returns the objects of a frame and of enlarged parts of it.

    Args:
        predictor: Runs the model.
        image: (H, W, 3) uint8 RGB.
        camera: The frame's, its ground known.
        whole: The graph of the frame as a whole, under the same camera.
        carriers: Classes that others stand on, see `merge`.

    Returns:
        The frame's graph with what only the close-ups show; where both show an object the surer one counts. Poses in
        the camera's frame, no relations.
    """
    windows = _windows(image.shape[1], image.shape[0])
    parts = [np.ascontiguousarray(image[y1:y2, x1:x2]) for x1, y1, x2, y2 in windows]
    found = [o for o in whole.objects if o.score >= MIN_SCORE]
    outputs = predictor.infer_batch(parts)
    for window, output in zip(windows, outputs, strict=True):
        graph = output.graph(_cropped(camera, window), DecodeOptions(MIN_SCORE))
        found += [_shifted(o, window) for o in graph.objects if not _is_cut(o, window, image.shape[1], image.shape[0])]
    return dataclasses.replace(whole, objects=tuple(merge(found, carriers)), relations=())


def merge(objects: list[SceneObject], carriers: Set[str] = frozenset()) -> list[SceneObject]:
    """Keeps the surest of every group of boxes that are one object's, best first.

    A box inside another is a part found beside its whole, unless the one is of a class in `carriers` and the other of
    another class: plates lie in the box of their table, and chairs too.
    """
    kept: list[SceneObject] = []
    for item in sorted(objects, key=lambda o: -o.score):
        if kept:
            boxes = np.array([o.box for o in kept])
            whole = np.array([o.label == item.label or not {o.label, item.label} & carriers for o in kept])
            if (box_iou(item.box[None], boxes)[0] > SAME).any() or (whole & (_inside(item.box, boxes) > NESTED)).any():
                continue
        kept.append(item)
    return kept


def _inside(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(N,) share of the smaller of both areas that `box` and each of the others share."""
    return intersection(box[None], others)[0] / np.maximum(np.minimum(box_area(others), box_area(box)), 1e-9)


def _windows(width: int, height: int) -> list[tuple[int, int, int, int]]:
    """Two by two overlapping windows, xyxy pixels."""
    w, h = round(width / ZOOM), round(height / ZOOM)
    return [(x, y, x + w, y + h) for y in (0, height - h) for x in (0, width - w)]


def _cropped(camera: Camera, window: tuple[int, int, int, int]) -> Camera:
    """The same camera, of which only a window is read out."""
    x1, y1, x2, y2 = window
    K = camera.K.copy()
    K[:2, 2] -= x1, y1
    return dataclasses.replace(camera, width=x2 - x1, height=y2 - y1, K=K)


def _shifted(item: SceneObject, window: tuple[int, int, int, int]) -> SceneObject:
    return dataclasses.replace(item, box=item.box + np.array([window[0], window[1]] * 2))


def _is_cut(item: SceneObject, window: tuple[int, int, int, int], width: int, height: int) -> bool:
    """Whether an object of a window (box in the window's pixels) reaches an edge that is not the image's."""
    x1, y1, x2, y2 = window
    box = item.box
    return bool(
        (x1 > 0 and box[0] < CUT)
        or (y1 > 0 and box[1] < CUT)
        or (x2 < width and box[2] > x2 - x1 - CUT)
        or (y2 < height and box[3] > y2 - y1 - CUT)
    )
