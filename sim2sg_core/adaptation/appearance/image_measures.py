"""What can be measured of how a picture looks, given the boxes in it: floor, colours of objects, noise, sharpness.

The same measures are taken of frames of a log and of renders; `appearance_fit` compares the two. Light is linear in the
renderer's encoding and relative: 1 shows as white.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from sim2sg_core.lifting.extrinsics import extrinsics_of_ground
from sim2sg_core.scene import Camera, SceneGraph
from sim2sg_core.scene.boxes import box_iou

MEASURED_SCORE = 0.3  # of objects that are measured
NOT_FLOOR_SCORE = 0.15  # what scores above this may be an object and is not floor
MEASURED_SIDE = 12.0  # pixels of the box of an object that is measured, at least
INNER = 0.8  # of the half axes of the ellipse within a box that is taken for the object
PATCH = 128  # pixels of a floor patch, before it is mirrored
GRID = 24  # cells across an object, for features of its shading
LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True, eq=False)
class Crop:
    """One object.

    Attributes:
        label: Its class.
        weight: Its score.
        color: (3,) its linear colour over the brightness of the floor about it.
        shading: (F,) features of the material, without units and blind to the colour.
    """

    label: str
    weight: float
    color: np.ndarray
    shading: np.ndarray


@dataclass(frozen=True, eq=False)
class Measures:
    """One picture.

    Attributes:
        floor: (3,) median linear colour of what is ground and no object; None when there is too little.
        noise: Finest diagonal detail of smooth places, grey levels.
        sharpness: Gradient of strong edges over their gradient in a blurred copy; None without objects.
        shadow: Brightness of the darkest tenth of the floor beside objects over that of the floor about them; None
            without objects.
        crops: Its objects.
    """

    floor: np.ndarray | None
    noise: float
    sharpness: float | None
    shadow: float | None
    crops: tuple[Crop, ...]


def linear_light(image: np.ndarray) -> np.ndarray:
    """Undoes the renderer's encoding (a square root after a soft shoulder) of grey levels 0-255."""
    squared = (np.asarray(image, np.float32) / 255) ** 2
    # The shoulder y = c / (1 + 0.18 c²), solved for c.
    return np.asarray((1 - np.sqrt(np.maximum(1 - 0.72 * squared**2, 0))) / (0.36 * np.maximum(squared, 1e-6)))


def measure_image(image: np.ndarray, graph: SceneGraph) -> Measures:
    """Measures a picture.

    Args:
        image: (H, W, 3) uint8 RGB.
        graph: Its objects; unthresholded ones count by their scores.
    """
    light = linear_light(image)
    mask = floor_mask(graph)
    enough = mask.sum() > 0.02 * mask.size
    floor = np.median(light[mask], axis=0) if enough else None
    if floor is None:
        return Measures(None, fine_noise(image), edge_sharpness(image, graph), None, ())
    field = _floor_field(light, mask)
    shadow = _shadow(light, field, graph)
    return Measures(floor, fine_noise(image), edge_sharpness(image, graph), shadow, _crops(light, field, graph))


def floor_mask(graph: SceneGraph) -> np.ndarray:
    """(H, W) bool: below the horizon (or the lower half) and clear of anything that may be an object."""
    height, width = graph.height, graph.width
    top = 0.5 * height
    if graph.camera is not None and graph.camera.ground is not None:
        top = _lowest_horizon(graph.camera, extrinsics_of_ground(graph.camera.ground)[1]) + 0.12 * height
    mask = np.zeros((height, width), bool)
    mask[int(np.clip(top, 0, 0.8 * height)) :] = True
    for item in graph.objects:
        if item.score >= NOT_FLOOR_SCORE:
            pad = 0.12 * np.repeat([[item.box[2] - item.box[0], item.box[3] - item.box[1]]], 2, 0).ravel()
            x1, y1, x2, y2 = (item.box + pad * [-1, -1, 1, 1]).round().astype(int)
            mask[max(y1, 0) : max(y2, 0), max(x1, 0) : max(x2, 0)] = False
    return mask


def _lowest_horizon(camera: Camera, pitch: float) -> float:
    """Returns the lowest row, pixels, that the horizon comes to in the image, roll left out: a lens bends it."""
    if camera.is_pinhole:
        return float(camera.K[1, 2] - camera.K[1, 1] * np.tan(pitch))
    sides, _ = camera.bounded_rays(np.array([[0.0, camera.K[1, 2]], [camera.width, camera.K[1, 2]]]))
    across = np.linspace(sides[0, 0], sides[1, 0], 65)
    shown = np.hypot(across, np.tan(pitch)) <= camera.widest
    points = np.stack([across, np.full_like(across, -np.tan(pitch)), np.ones_like(across)], axis=1)
    return float(camera.project(points[shown])[:, 1].max(initial=-np.inf))


def fine_noise(image: np.ndarray) -> float:
    """Mean finest diagonal detail (Haar) of the smoother quarter of the picture's 16x16 blocks, grey levels.

    Edges and textures are thus left out. It is no standard deviation: compression eats some of the noise, so what
    noise a value stands for is read from a curve that is measured on renders.
    """
    grey = np.asarray(image, np.float32) @ LUMA
    grey = grey[: len(grey) // 16 * 16, : grey.shape[1] // 16 * 16]
    detail = np.abs(grey[::2, ::2] - grey[1::2, ::2] - grey[::2, 1::2] + grey[1::2, 1::2]) / 2
    blocks = cv2.resize(detail, (detail.shape[1] // 8, detail.shape[0] // 8), interpolation=cv2.INTER_AREA)
    return float(np.percentile(blocks, 25))


def edge_sharpness(image: np.ndarray, graph: SceneGraph) -> float | None:
    """Mean gradient at the outlines of objects over that of a copy blurred by 1.5 pixels; None without objects."""
    grey = np.asarray(image, np.float32) @ LUMA
    near = np.zeros(grey.shape, bool)
    for item in graph.objects:
        if item.score >= MEASURED_SCORE:
            x1, y1, x2, y2 = np.maximum(item.box + [-3, -3, 3, 3], 0).astype(int)
            near[y1:y2, x1:x2] = True
    blurred = gradient(cv2.GaussianBlur(grey, (0, 0), 1.5))
    if near.sum() < 100:
        return None
    strong = near & (blurred >= np.percentile(blurred[near], 92))
    return float(gradient(grey)[strong].mean() / max(float(blurred[strong].mean()), 1e-6))


def gradient(grey: np.ndarray) -> np.ndarray:
    """Length of the gradient by central differences, (H, W) float32."""
    return np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0, ksize=1), cv2.Sobel(grey, cv2.CV_32F, 0, 1, ksize=1)) / 2


def _floor_field(light: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """(H/8, W/8) smooth brightness of the floor, also where objects stand (normalised convolution)."""
    size = (max(light.shape[1] // 8, 1), max(light.shape[0] // 8, 1))
    weight = mask.astype(np.float32)
    value = cv2.resize((light @ LUMA) * weight, size, interpolation=cv2.INTER_AREA)
    cover = cv2.resize(weight, size, interpolation=cv2.INTER_AREA)
    spread = size[0] / 12
    share = cv2.GaussianBlur(cover, (0, 0), spread) + 1e-4
    # A little of the global mean keeps places far from any floor defined.
    return np.asarray((cv2.GaussianBlur(value, (0, 0), spread) + 1e-4 * value.sum() / cover.sum()) / share)


def _shadow(light: np.ndarray, field: np.ndarray, graph: SceneGraph) -> float | None:
    """Median over the objects of the darkest tenth of the floor beside them, relative to the floor farther off."""
    taken = np.zeros(light.shape[:2], bool)
    for item in graph.objects:
        if item.score >= NOT_FLOOR_SCORE:
            x1, y1, x2, y2 = np.maximum(item.box + [-2, -2, 2, 2], 0).astype(int)
            taken[y1:y2, x1:x2] = True
    found = []
    for item in graph.objects:
        width, height = item.box[2:] - item.box[:2]
        if item.score < MEASURED_SCORE or min(width, height) < MEASURED_SIDE:
            continue
        reach = item.box + [-0.5 * width, 0.5 * height, 0.5 * width, 0.2 * height]
        x1, y1, x2, y2 = np.clip(reach, 0, [graph.width, graph.height] * 2).astype(int)
        free = ~taken[y1:y2, x1:x2]
        if free.sum() > 30:
            around = max(float(field[min(y2 // 8, len(field) - 1), min((x1 + x2) // 16, field.shape[1] - 1)]), 1e-3)
            found.append(np.percentile(light[y1:y2, x1:x2][free] @ LUMA, 10) / around)
    return float(np.median(found)) if found else None


def _crops(light: np.ndarray, field: np.ndarray, graph: SceneGraph) -> tuple[Crop, ...]:
    """Measures the objects that are large enough."""
    kept = [o for o in graph.objects if o.score >= MEASURED_SCORE and min(o.box[2:] - o.box[:2]) >= MEASURED_SIDE]
    made = []
    for item in kept:
        before = [o.box for o in kept if o is not item and o.box[3] > item.box[3] and not _same(o.box, item.box)]
        cells = _cells(light, item.box, before)
        if cells is None:
            continue
        patch, inside = cells
        row = int(np.clip(item.box[3] / 8, 0, len(field) - 1))
        column = int(np.clip((item.box[0] + item.box[2]) / 16, 0, field.shape[1] - 1))
        around = max(float(field[row, column]), 1e-3)
        color = np.median(patch[inside], axis=0) / around
        made.append(Crop(item.label, float(item.score), color, shading(patch, inside)))
    return tuple(made)


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two boxes are rather two readings of one object."""
    return bool(box_iou(a[None], b[None])[0, 0] > 0.6)


def _cells(light: np.ndarray, box: np.ndarray, before: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray] | None:
    """The object in a box on a grid of GRID x GRID cells, and which of them show it; None if too few do."""
    height, width = light.shape[:2]
    x1, y1 = np.maximum(np.floor(box[:2]), 0).astype(int)
    x2, y2 = np.minimum(np.ceil(box[2:]), [width, height]).astype(int)
    if x2 - x1 < 4 or y2 - y1 < 4:
        return None
    patch = cv2.resize(light[y1:y2, x1:x2], (GRID, GRID), interpolation=cv2.INTER_AREA)
    axis = (np.arange(GRID) + 0.5) / GRID
    inside = np.hypot(*np.meshgrid(2 * axis - 1, 2 * axis - 1)) < INNER
    x, y = x1 + axis * (x2 - x1), y1 + axis * (y2 - y1)
    for other in before:
        inside &= ~(((y > other[1]) & (y < other[3]))[:, None] & ((x > other[0]) & (x < other[2]))[None])
    return (patch, inside) if inside.sum() > 0.3 * GRID * GRID * INNER**2 else None


def shading(patch: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Features that tell a matt from a glossy or mirroring surface whatever its colour.

    Args:
        patch: (GRID, GRID, 3) linear colours.
        inside: (GRID, GRID) cells that count.

    Returns:
        (12,) contrasts, share and tint of highlights, detail; mostly logarithms.
    """
    luma = np.log(np.maximum(patch @ LUMA, 2e-3))
    values = luma[inside]
    p1, p5, p25, p50, p75, p95, p99 = np.percentile(values, [1, 5, 25, 50, 75, 95, 99])
    chroma = 1 - patch.min(axis=2) / np.maximum(patch.max(axis=2), 1e-3)
    steps = gradient(luma.astype(np.float32))[inside]
    thirds = [luma[rows][inside[rows]] for rows in (slice(0, 9), slice(9, 16), slice(16, None))]
    top, middle, bottom = (part.mean() if len(part) else p50 for part in thirds)
    return np.array(
        [
            p99 - p75, p95 - p50, p50 - p5, p75 - p25, p5 - p1, np.sqrt((values > p50 + 0.5).mean()),
            np.log(steps.mean() + 0.005), np.log(np.percentile(steps, 95) + 0.005), top - middle, bottom - middle,
            chroma[inside][values >= p95].mean() - np.median(chroma[inside]), chroma[inside].std(),
        ]
    )  # fmt: skip


def floor_patch(image: np.ndarray, graph: SceneGraph, size: float) -> tuple[np.ndarray, float] | None:
    """A typical clear square of ground, seen from above.

    Args:
        image: (H, W, 3) uint8 RGB.
        graph: Its camera must know the ground.
        size: Side of the square, metres.

    Returns:
        (PATCH, PATCH, 3) float32 grey levels without its broad brightness, and its detail (standard deviation, grey
        levels): the one of median detail; None when no square is clear and near enough.
    """
    if graph.camera is None or graph.camera.ground is None:
        return None
    mask, made = floor_mask(graph), []
    for v in np.linspace(0.6, 0.95, 4) * graph.height:
        for u in np.linspace(0.15, 0.85, 6) * graph.width:
            quad = _ground_square(graph.camera, np.array([u, v]), size)
            if quad is None or not _clear(mask, quad):
                continue
            # As textures lie on the ground: columns run forward, rows across.
            square = np.array([[PATCH, PATCH], [PATCH, 0], [0, 0], [0, PATCH]], np.float32)
            warp = cv2.getPerspectiveTransform(quad, square)
            patch = cv2.warpPerspective(image, warp, (PATCH, PATCH), flags=cv2.INTER_LINEAR).astype(np.float32)
            patch *= patch.mean() / np.maximum(cv2.GaussianBlur(patch, (0, 0), PATCH / 6), 1)
            grey = patch @ LUMA
            # Between the sensor's noise and the soft edges of shadows.
            band = cv2.GaussianBlur(grey, (0, 0), 1.5) - cv2.GaussianBlur(grey, (0, 0), 6)
            made.append((patch, float(band.std())))
    return sorted(made, key=lambda m: m[1])[len(made) // 2] if made else None


def _ground_square(camera: Camera, pixel: np.ndarray, size: float) -> np.ndarray | None:
    """(4, 2) float32 pixels of a square on the ground about a pixel, far left first; None when it is not all seen."""
    depth = float(camera.ground_depth(pixel))
    if not np.isfinite(depth):
        return None
    centre = camera.to_world(camera.rays(pixel) * depth)
    corners = camera.to_camera(centre + np.array([[1, 1, 0], [1, -1, 0], [-1, -1, 0], [-1, 1, 0]]) * size / 2)
    if (corners[:, 2] < 0.1).any():
        return None
    quad = camera.project(corners).astype(np.float32)
    # From farther away a patch would be all blur.
    seen = (quad >= 0).all() and (quad < [camera.width, camera.height]).all() and np.ptp(quad[:, 0]) > PATCH / 2
    return quad if seen else None


def _clear(mask: np.ndarray, quad: np.ndarray) -> bool:
    cover = np.zeros(mask.shape, np.uint8)
    cv2.fillConvexPoly(cover, quad.astype(np.int32), 1)
    return bool(mask[cover > 0].all())
