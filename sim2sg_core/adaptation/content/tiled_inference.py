"""Tiled inference: what is small in a frame is large in a tile of it. What is very near is easier at half scale.

A network that has only seen large objects overlooks small ones; enlarged, they look like what it knows. One that
learned from renders overlooks what is near, where the detail of real things shows; at half scale that detail is gone.
Found so in the log, both become content of the next scenes at their true size, and the network learns them so. How
probable an object is then says `view_fusion`, which also asks the frame's mirror image.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence, Set

import cv2
import numpy as np

from sim2sg_core.adaptation.content.view_fusion import SAME_IOU, Views, best_scores, evidence_of
from sim2sg_core.runtime import DecodeOptions, Predictor
from sim2sg_core.runtime.preprocessing import PADDING
from sim2sg_core.scene import Camera, SceneGraph, SceneObject
from sim2sg_core.scene.boxes import box_area, box_iou, intersection

TILE_ZOOM = 1.75
"""Tiles are the frame's size divided by this: two by two of them overlap by a seventh."""
NESTED_SHARE = 0.7
"""So are they when this share of the smaller lies inside the other: a part found beside its whole."""
TILE_EDGE = 2.0
"""Pixels from a tile's inner edge: an object that reaches it goes on beyond."""
NEAR_SHARE = 0.2
"""Of the frame's height, from which on an object counts that is found at half scale."""
NEAR_TRUST = 2.0
"""Where both scales show such an object, the box of the surer one counts, and half scale is taken for so much surer."""
MERGED_SCORE = 0.05
"""Least score of an object that is merged; less are the slots that the network pads its list with."""


def see_views(
    predictor: Predictor,
    image: np.ndarray,
    camera: Camera,
    whole: SceneGraph,
    carriers: Set[str] = frozenset(),
    half_scale: bool = False,
) -> Views:
    """Finds the objects of a frame, of its enlarged tiles and, where asked for, of the frame at half scale.

    Args:
        predictor: Runs the model.
        image: (H, W, 3) uint8 RGB.
        camera: The frame's, its ground known.
        whole: The graph of the frame as a whole, under the same camera.
        carriers: Classes that others stand on, see `merge_objects`.
        half_scale: Whether the frame is inferred at half scale too, for what is near.

    Returns:
        What only the other views show is among the objects too. Poses in the camera's frame.
    """
    height, width = image.shape[:2]
    tiles = _tiles(width, height)
    crops = [np.ascontiguousarray(image[y1:y2, x1:x2]) for x1, y1, x2, y2 in tiles]
    *outputs, mirrored = predictor.infer_batch([*crops, np.ascontiguousarray(image[:, ::-1])])
    plain = [o for o in whole.objects if o.score >= MERGED_SCORE]
    enlarged = []
    for tile, output in zip(tiles, outputs, strict=True):
        graph = output.graph(_cropped(camera, tile), DecodeOptions(MERGED_SCORE))
        enlarged += [_shifted(o, tile) for o in graph.objects if not _is_cut(o.box, tile, width, height)]
    turned = [_mirrored(o, width) for o in mirrored.graph(None, DecodeOptions(MERGED_SCORE)).objects]
    near = infer_half_scale(predictor, image, camera) if half_scale else []
    found = merge_objects([*plain, *enlarged], carriers, near)
    scores = [best_scores(found, seen) for seen in (plain, turned, enlarged, near)]
    in_tile = np.array([any(_is_whole(o.box, tile, width, height) for tile in tiles) for o in found], bool)
    high = np.array([o.box[3] - o.box[1] for o in found]) >= NEAR_SHARE * height
    # What a view does show it can show, whatever the edges say.
    evidence = evidence_of(scores, [in_tile | (scores[2] > 0), (high & half_scale) | (scores[3] > 0)])
    return Views(whole, found, evidence)


def infer_half_scale(predictor: Predictor, image: np.ndarray, camera: Camera) -> list[SceneObject]:
    """Returns the near objects of a frame that is shown at half its size, in the middle of a grey picture.

    Args:
        predictor: Runs the model.
        image: (H, W, 3) uint8 RGB.
        camera: The frame's, its ground known.
    """
    height, width = image.shape[:2]
    left, top = width // 2, height // 2
    canvas = cv2.copyMakeBorder(image, top, top, left, left, cv2.BORDER_CONSTANT, value=(PADDING,) * 3)
    view = (-left, -top, width + left, height + top)
    graph = predictor.infer(canvas).graph(_cropped(camera, view), DecodeOptions(MERGED_SCORE))
    limit = np.array([width, height] * 2, float)
    shown = [_shifted(o, view) for o in graph.objects]
    found = [dataclasses.replace(o, box=np.clip(o.box, 0, limit)) for o in shown]
    return [o for o in found if o.box[3] - o.box[1] >= NEAR_SHARE * height and o.box[2] - o.box[0] > 1]


def merge_objects(
    objects: Sequence[SceneObject], carriers: Set[str] = frozenset(), near: Sequence[SceneObject] = ()
) -> list[SceneObject]:
    """Keeps the surest of every group of boxes that are one object's, best first.

    A box inside another is a part found beside its whole, unless the one is of a class in `carriers` and the other of
    another class: plates lie in the box of their table, and chairs too. In the box of a `near` object only those of its
    own class are parts: people walk before near cars.
    """
    kept: list[SceneObject] = []
    trust = [(NEAR_TRUST * o.score, True, o) for o in near] + [(o.score, False, o) for o in objects]
    kept_near: list[bool] = []
    for _, is_near, item in sorted(trust, key=lambda row: -row[0]):
        if kept:
            boxes = np.array([o.box for o in kept])
            whole = np.array(
                [
                    o.label == item.label or not (is_near or other_near or {o.label, item.label} & carriers)
                    for o, other_near in zip(kept, kept_near, strict=True)
                ]
            )
            if (box_iou(item.box[None], boxes)[0] > SAME_IOU).any() or (
                whole & (_inside(item.box, boxes) > NESTED_SHARE)
            ).any():
                continue
        kept.append(item)
        kept_near.append(is_near)
    return sorted(kept, key=lambda o: -o.score)


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


def _mirrored(item: SceneObject, width: int) -> SceneObject:
    """An object of the mirror image where it is in the image; without its pose."""
    x1, y1, x2, y2 = item.box
    return dataclasses.replace(item, box=np.array([width - x2, y1, width - x1, y2]), pose=None)


def _is_whole(box: np.ndarray, tile: tuple[int, int, int, int], width: int, height: int) -> bool:
    """Whether a tile shows the whole of a box of the frame."""
    low, high = np.array(tile[:2]), np.array(tile[2:])
    inside = (box[:2] >= low).all() and (box[2:] <= high).all()
    return bool(inside) and not _is_cut(box - np.tile(low, 2), tile, width, height)


def _is_cut(box: np.ndarray, tile: tuple[int, int, int, int], width: int, height: int) -> bool:
    """Whether a box in a tile's pixels reaches an edge of it that is not the image's."""
    x1, y1, x2, y2 = tile
    return bool(
        (x1 > 0 and box[0] < TILE_EDGE)
        or (y1 > 0 and box[1] < TILE_EDGE)
        or (x2 < width and box[2] > x2 - x1 - TILE_EDGE)
        or (y2 < height and box[3] > y2 - y1 - TILE_EDGE)
    )
