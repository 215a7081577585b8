"""What must be there since something stands on it: a table under the plates, though no table was found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from sim2sg_core.lifting.support import Supports, at_height
from sim2sg_core.scene.camera import Camera
from sim2sg_core.scene.layout import GROUND, Placement
from sim2sg_core.scene.relations import TOP

FEWEST = 2  # things that stand on nothing say that something carries them; one alone may be a mistake
EDGE = 0.12  # metres from the outermost thing to the edge


def implied_support(
    orphans: Sequence[Placement], rules: Supports, camera: Camera, fit_size: Callable[[str, np.ndarray], np.ndarray]
) -> Placement | None:
    """Finds what carries things under which nothing was found.

    What is large and near is cut off by the picture and covered by what stands on it; the things themselves are seen
    whole, and so their distances are known well.

    Args:
        orphans: Estimates of the things, the surest first, at any height.
        rules: What may stand on what.
        camera: That sees them, with a known ground.
        fit_size: Maps a class and a wanted (3,) size to the nearest that the class can have.

    Returns:
        An object on the ground of the class that may carry most of them, its surface at the median height of their
        bases, and as large as takes those about the surest of them; None where they are too few, or no class carries
        them.
    """
    able = Counter(name for p in orphans for name in rules.of(p.label) if GROUND in rules.of(name))
    del able[GROUND]
    if not able:
        return None
    label = able.most_common(1)[0][0]
    carried = [p for p in orphans if label in rules.of(p.label)]
    level = float(np.median([p.position[2] for p in carried]))
    share = max(rules.surfaces.get(label, TOP))
    height = fit_size(label, np.array([1.0, 1.0, max(level, 0.01) / share]))[2]
    spots = np.array([at_height(p, share * height, camera).position[:2] for p in carried])
    largest = fit_size(label, np.array([99.0, 99.0, height]))[:2]
    spots = spots[np.linalg.norm(spots - spots[0], axis=1) < np.linalg.norm(largest) / 2]
    if len(spots) < FEWEST:
        return None
    # Along the line on which they lie, the longer side that way.
    _, axes = np.linalg.eigh(np.cov(spots.T) + 1e-9 * np.eye(2))
    along = axes[:, 1]
    yaw = float(np.arctan2(along[1], along[0]))
    turned = spots @ np.stack([along, [-along[1], along[0]]], axis=1)
    low, high = turned.min(axis=0) - EDGE, turned.max(axis=0) + EDGE
    size = fit_size(label, np.array([*(high - low), height]))
    centre = np.stack([along, [-along[1], along[0]]], axis=1) @ ((low + high) / 2)
    return Placement(label, np.array([*centre, 0.0]), yaw, size)
