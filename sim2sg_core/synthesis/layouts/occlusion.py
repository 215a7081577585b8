"""Whether objects hide each other, by their boxes in the image."""

from __future__ import annotations

import numpy as np

from sim2sg_core.scene import Camera, Placement


def seen(
    candidate: Placement,
    box: np.ndarray,
    placed: list[Placement],
    boxes: list[np.ndarray],
    camera: Camera,
    min_pixels: float,
) -> bool:
    """Whether enough is seen of every object once the candidate stands there, taking objects for their boxes.

    Args:
        candidate: A new object.
        box: (4,) xyxy, its box in the image, pixels.
        placed: N objects that are there.
        boxes: N boxes of them.
        camera: Gives the size of the image.
        min_pixels: Least number of pixels seen of each.
    """
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
