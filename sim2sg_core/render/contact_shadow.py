"""Contact shadows: how much of the sky the ground, and the tops of tables, see round what stands on them."""

from __future__ import annotations

import cv2
import numpy as np

from sim2sg_core.render.render_scene import Instance

CONTACT = 192  # Side of a map, texels.
REACH = np.array([[-3.0, -20.0], [45.0, 20.0]])  # The ground's map reaches no farther: x and y from, and to, metres.
TREE, TRUNK = 2.0, 0.12  # What has leaves and is higher, metres, stands on this share of its width.
FLOOR = 0.08  # What is lower, and larger than LARGEST, is a floor itself: a road, a pavement, a rug. Metres.
RAISED = 0.3  # From here on something stands on something else, metres above the ground.
LARGEST = 1.5  # What is larger is no thing on a table, metres.

UNIT_SQUARE = np.array([0.0, 0.0, 1.0, 1.0])  # The rectangle where there is no map.


def contact_map(instances: list[Instance], height: float, strength: float) -> tuple[np.ndarray | None, np.ndarray]:
    """Openness of the ground, and of the floors on it, to the sky: dark under and round what stands there.

    Args:
        instances: What is drawn.
        height: Of the ground, metres.
        strength: 0-1.

    Returns:
        (CONTACT, CONTACT) uint8, 255 = open, None where all is open, and the rectangle [x0, y0, 1/width, 1/height]
        it covers.
    """
    spread = 0.3
    standing = [i for i in instances if i.shadow and abs(i.position[2] - height) < 0.3 and not is_floor(i, height)]
    outlines = [outline for outline in map(_footprint, standing) if _within_reach(outline)]
    if not outlines or strength <= 0:
        return None, UNIT_SQUARE
    corners = np.stack(outlines)
    low = np.maximum(corners.min((0, 1)) - 2 * spread, REACH[0])
    span = np.maximum(np.minimum(corners.max((0, 1)) + 2 * spread, REACH[1]) - low, 1e-3)
    scale = CONTACT / span
    wide = np.zeros((CONTACT, CONTACT), np.float32)
    for polygon in (corners - low) * scale:
        cv2.fillConvexPoly(wide, np.round(polygon * 16).astype(np.int32), 1.0, cv2.LINE_AA, 4)
    # Two passes of a box filter are close to a Gaussian, and cost less.
    near = _blur(wide, 0.5 * spread * scale)
    broad = _blur(near, 1.0 * spread * scale)
    open_ = 255 - (255 * strength) * np.clip(0.75 * near + 0.5 * broad, 0, 1)
    open_[[0, -1]] = open_[:, [0, -1]] = 255.0  # The border repeats outwards.
    return open_.astype(np.uint8), np.concatenate([low, 1 / span])


def raised_map(
    instances: list[Instance], height: float, strength: float, reach: float = 15.0
) -> tuple[np.ndarray | None, np.ndarray]:
    """The same for what stands on things: seen from above, the openness of the surface there and its height.

    One height per place: where things stand on each other's tops (a cup on a book), the highest surface counts.

    Args:
        instances: What is drawn.
        height: Of the ground, metres.
        strength: 0-1.
        reach: Things farther away have none, metres.

    Returns:
        (CONTACT, CONTACT, 2) float16, openness 0-1 and world height in metres, None where nothing stands raised;
        and the rectangle [x0, y0, 1/width, 1/height] it covers.
    """
    things = [
        i for i in instances
        if i.shadow and i.position[2] - height > RAISED and max(i.size[:2]) < LARGEST
        and max(abs(i.position[0]), abs(i.position[1])) < reach
    ]  # fmt: skip
    if not things or strength <= 0:
        return None, UNIT_SQUARE
    things.sort(key=lambda i: float(i.position[2]))
    corners = np.stack([_footprint(i) for i in things])
    spread = 0.07
    low = corners.min((0, 1)) - 4 * spread
    span = np.maximum(corners.max((0, 1)) + 4 * spread - low, 1e-3)
    scale = CONTACT / span
    wide, level = np.zeros((CONTACT, CONTACT), np.float32), np.full((CONTACT, CONTACT), -100.0, np.float32)
    for polygon, thing in zip((corners - low) * scale, things, strict=True):
        pixels = np.round(polygon * 16).astype(np.int32)
        cv2.fillConvexPoly(wide, pixels, 1.0, cv2.LINE_AA, 4)
        middle = polygon.mean(0)
        grown = middle + (polygon - middle) * (1 + 3 * spread * scale / np.maximum(np.ptp(polygon, axis=0) / 2, 0.1))
        cv2.fillConvexPoly(level, np.round(grown * 16).astype(np.int32), float(thing.position[2]), cv2.LINE_8, 4)
    near = _blur(wide, 0.5 * spread * scale)
    broad = _blur(near, 1.0 * spread * scale)
    open_ = 1 - strength * np.clip(0.75 * near + 0.5 * broad, 0, 1)
    return np.stack([open_, level], -1).astype(np.float16), np.concatenate([low, 1 / span])


def is_floor(instance: Instance, height: float) -> bool:
    """Whether scenery is a floor that others stand on as on the ground, whose height is given in metres."""
    top = instance.position[2] - height + instance.size[2]
    return bool(instance.label is None and abs(top) < FLOOR and max(instance.size[:2]) > LARGEST)


def _within_reach(outline: np.ndarray) -> bool:
    """Whether any of an (n, 2) outline may lie within `REACH`."""
    return bool((outline.max(0) > REACH[0]).all() and (outline.min(0) < REACH[1]).all())


def _blur(image: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    """Blurs with deviation sigma (x, y) in pixels."""
    x, y = (max(1, 2 * round(float(v) * 0.87) + 1) for v in sigma)
    return cv2.blur(cv2.blur(image, (x, y)), (x, y))


def _footprint(instance: Instance) -> np.ndarray:
    """(8, 2) an octagon inside the footprint: rounder than the box, near enough for blurred shade."""
    angle = (np.arange(8) + 0.5) * np.pi / 4
    share = TRUNK if instance.leafy and instance.size[2] > TREE else 1.0
    local = np.stack([np.cos(angle), np.sin(angle)], 1) * (0.5 * share * np.asarray(instance.size[:2]))
    c, s = np.cos(instance.yaw), np.sin(instance.yaw)
    return local @ np.array([[c, s], [-s, c]]) + np.asarray(instance.position[:2])
