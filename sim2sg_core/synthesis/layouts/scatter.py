"""Objects strewn over flat ground: no two touch, and each can be seen."""

from __future__ import annotations

import numpy as np

from sim2sg_core.domains import Domain, ScatterLayout
from sim2sg_core.scene import Camera, Layout, Placement

TRIES = 60


def sample_scatter(domain: Domain, camera: Camera, rng: np.random.Generator) -> Layout:
    """Draws a scattered scene.

    Objects are placed one after another; a place is refused when it comes too near another object, when the object
    would lie outside the image, or when too little of anything would be seen. A scene that fills up holds fewer.
    """
    spec = domain.layout
    assert isinstance(spec, ScatterLayout)
    count = int(rng.integers(spec.count[0], spec.count[1] + 1))
    placed: list[Placement] = []
    boxes: list[np.ndarray] = []
    for _ in range(count):
        for _ in range(TRIES):
            candidate = _draw(domain, spec, rng)
            if any(_gap(candidate, other) < spec.min_gap for other in placed):
                continue
            box = _box(candidate, camera)
            if box is None or not _seen(candidate, box, placed, boxes, camera, spec.min_visible_pixels):
                continue
            placed.append(candidate)
            boxes.append(box)
            break
    return Layout(camera, tuple(placed))


def _draw(domain: Domain, spec: ScatterLayout, rng: np.random.Generator) -> Placement:
    frequency = np.array([c.frequency for c in domain.classes])
    kind = domain.classes[rng.choice(len(domain.classes), p=frequency / frequency.sum())]
    position = np.array([rng.uniform(*spec.distance), rng.uniform(*spec.lateral), 0.0])
    return Placement(kind.name, position, float(rng.uniform(-np.pi, np.pi)), kind.sample_size(rng))


def _gap(a: Placement, b: Placement) -> float:
    """Least distance between two footprints, metres; negative when they overlap (separating axes)."""
    pa, pb = a.footprint(), b.footprint()
    axes = np.array([[np.cos(y), np.sin(y)] for y in (a.yaw, a.yaw + np.pi / 2, b.yaw, b.yaw + np.pi / 2)])
    spans_a, spans_b = pa @ axes.T, pb @ axes.T
    gaps = np.maximum(spans_a.min(0) - spans_b.max(0), spans_b.min(0) - spans_a.max(0))
    return float(gaps.max())


def _box(placement: Placement, camera: Camera) -> np.ndarray | None:
    """(4,) the image box of the placement's 3D box; None when its centre is not in the picture."""
    corners = camera.to_camera(placement.corners())
    if (corners[:, 2] < 0.2).any():
        return None
    pixels = corners[:, :2] / corners[:, 2:] @ camera.K[:2, :2].T + camera.K[:2, 2]
    box = np.concatenate([pixels.min(0), pixels.max(0)])
    centre = (box[:2] + box[2:]) / 2
    inside = (centre > 0).all() and centre[0] < camera.width and centre[1] < camera.height
    return box if inside else None


def _seen(
    candidate: Placement,
    box: np.ndarray,
    placed: list[Placement],
    boxes: list[np.ndarray],
    camera: Camera,
    min_pixels: int,
) -> bool:
    """Whether enough is seen of every object once the candidate stands there, taking objects for their boxes."""
    everything = [*zip(placed, boxes, strict=True), (candidate, box)]
    everything.sort(key=lambda item: item[0].position[0])
    step = max(1, camera.height // 80)  # A coarse picture is enough.
    cover = np.zeros((camera.height // step + 1, camera.width // step + 1), bool)
    for _, b in everything:  # Near to far.
        x1, y1, x2, y2 = np.round(np.clip(b, 0, [camera.width, camera.height] * 2) / step).astype(int)
        window = cover[y1:y2, x1:x2]
        # A solid fills about three quarters of its box.
        if 0.75 * float((~window).sum()) * step * step < min_pixels:
            return False
        window[:] = True
    return True
