"""Tiled inference: what is small in a frame is large in a tile of it.

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

TILE_ZOOM = 1.75
"""Tiles are the frame's size divided by this: two by two of them overlap by a seventh."""
SAME_IOU = 0.5
"""IoU from which two boxes are one object's, whatever its class."""
NESTED_SHARE = 0.7
"""So are they when this share of the smaller lies inside the other: a part found beside its whole."""
TILE_EDGE = 2.0
"""Pixels from a tile's inner edge: an object that reaches it goes on beyond."""
MERGED_SCORE = 0.05
"""Least score of an object that is merged; less are the slots that the network pads its list with."""


def infer_tiles(
    predictor: Predictor, image: np.ndarray, camera: Camera, whole: SceneGraph, carriers: Set[str] = frozenset()
) -> SceneGraph:
    """Returns the objects of a frame and of its enlarged tiles.

    Args:
        predictor: Runs the model.
        image: (H, W, 3) uint8 RGB.
        camera: The frame's, its ground known.
        whole: The graph of the frame as a whole, under the same camera.
        carriers: Classes that others stand on, see `merge_objects`.

    Returns:
        The frame's graph with what only the tiles show; where both show an object the surer one counts. Poses in
        the camera's frame, no relations.
    """
    tiles = _tiles(image.shape[1], image.shape[0])
    outputs = predictor.infer_batch([np.ascontiguousarray(image[y1:y2, x1:x2]) for x1, y1, x2, y2 in tiles])
    found = [o for o in whole.objects if o.score >= MERGED_SCORE]
    for tile, output in zip(tiles, outputs, strict=True):
        graph = output.graph(_cropped(camera, tile), DecodeOptions(MERGED_SCORE))
        found += [_shifted(o, tile) for o in graph.objects if not _is_cut(o, tile, image.shape[1], image.shape[0])]
    return dataclasses.replace(whole, objects=tuple(merge_objects(found, carriers)), relations=())


def merge_objects(objects: list[SceneObject], carriers: Set[str] = frozenset()) -> list[SceneObject]:
    """Keeps the surest of every group of boxes that are one object's, best first.

    A box inside another is a part found beside its whole, unless the one is of a class in `carriers` and the other of
    another class: plates lie in the box of their table, and chairs too.
    """
    kept: list[SceneObject] = []
    for item in sorted(objects, key=lambda o: -o.score):
        if kept:
            boxes = np.array([o.box for o in kept])
            whole = np.array([o.label == item.label or not {o.label, item.label} & carriers for o in kept])
            if (box_iou(item.box[None], boxes)[0] > SAME_IOU).any() or (
                whole & (_inside(item.box, boxes) > NESTED_SHARE)
            ).any():
                continue
        kept.append(item)
    return kept


def _inside(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(N,) share of the smaller of both areas that `box` and each of the others share."""
    return intersection(box[None], others)[0] / np.maximum(np.minimum(box_area(others), box_area(box)), 1e-9)


def _tiles(width: int, height: int) -> list[tuple[int, int, int, int]]:
    """Two by two overlapping tiles, xyxy pixels."""
    w, h = round(width / TILE_ZOOM), round(height / TILE_ZOOM)
    return [(x, y, x + w, y + h) for y in (0, height - h) for x in (0, width - w)]


def _cropped(camera: Camera, tile: tuple[int, int, int, int]) -> Camera:
    """The same camera, of which only a tile is read out."""
    x1, y1, x2, y2 = tile
    K = camera.K.copy()
    K[:2, 2] -= x1, y1
    return dataclasses.replace(camera, width=x2 - x1, height=y2 - y1, K=K)


def _shifted(item: SceneObject, tile: tuple[int, int, int, int]) -> SceneObject:
    return dataclasses.replace(item, box=item.box + np.array([tile[0], tile[1]] * 2))


def _is_cut(item: SceneObject, tile: tuple[int, int, int, int], width: int, height: int) -> bool:
    """Whether an object of a tile (box in the tile's pixels) reaches an edge that is not the image's."""
    x1, y1, x2, y2 = tile
    box = item.box
    return bool(
        (x1 > 0 and box[0] < TILE_EDGE)
        or (y1 > 0 and box[1] < TILE_EDGE)
        or (x2 < width and box[2] > x2 - x1 - TILE_EDGE)
        or (y2 < height and box[3] > y2 - y1 - TILE_EDGE)
    )
