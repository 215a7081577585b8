"""The robot's profile of a network: no more places for objects and relations than its frames need.

Decoding costs with the number of objects and the relation head with its square, whether they are there or not.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Sequence

import numpy as np

from sim2sg_core.model.network import SceneGraphNetwork
from sim2sg_core.scene.graph import DEFAULT_OBJECT_THRESHOLD, DEFAULT_RELATION_THRESHOLD, SceneGraph

FULL_FRAMES = 99.0
"""Percentile of the frames whose objects and relations must all have a place."""
SPARE = 1.25
STEP = 8


def robot_profile(network: SceneGraphNetwork, graphs: Sequence[SceneGraph]) -> SceneGraphNetwork:
    """Returns a network of the same weights with fewer places.

    Args:
        network: Stays as it is.
        graphs: What it finds on frames like the robot's, unthresholded.
    """
    kept = [graph.filtered(DEFAULT_OBJECT_THRESHOLD, DEFAULT_RELATION_THRESHOLD) for graph in graphs]
    config = network.config
    objects = _places([len(g.objects) for g in kept], config.max_objects)
    pairs = [len({(r.subject, r.object) for r in g.relations}) for g in kept]
    slim = copy.deepcopy(network)
    slim.config = dataclasses.replace(
        config,
        max_objects=objects,
        max_relations=min(_places(pairs, config.max_relations), objects * (objects - 1)),
    )
    return slim


def _places(counts: Sequence[int], most: int) -> int:
    """Places for these counts: a multiple of `STEP`, no more than there are now."""
    needed = SPARE * float(np.percentile(counts, FULL_FRAMES)) if len(counts) else most
    return min(most, max(STEP, STEP * int(np.ceil(needed / STEP))))
