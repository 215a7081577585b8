"""Relations by rule from 3D boxes.

Directional predicates hold in the viewer's frame, on ground-projected axes, between 3D centres, and
only beyond a margin, so that ambiguous pairs carry no label.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.scene.camera import Camera
from sim2sg_core.scene.graph import Pose3D, Relation
from sim2sg_core.scene.layout import Placement, wrap_angle

RULES = ("left_of", "in_front_of", "on", "under", "next_to")
FRAMES = {"left_of": "viewer", "in_front_of": "viewer", "on": "none", "under": "none", "next_to": "none"}


@dataclass(frozen=True)
class PredicateRule:
    """A forward predicate and the built-in rule that decides it.

    Attributes:
        name: The user's word for it.
        rule: One of `RULES`.
        margin: Metres. For left_of and in_front_of the least difference along the axis; for on and
            under the largest vertical gap that still counts as contact; for next_to unused (the gap
            between footprints is compared with half the mean diameter).
    """

    name: str
    rule: str
    margin: float

    @property
    def frame(self) -> str:
        """The frame in which it holds."""
        return FRAMES[self.rule]


def derive_relations(
    poses: Sequence[Pose3D], camera: Camera | None, rules: Sequence[PredicateRule]
) -> tuple[Relation, ...]:
    """Decides every ordered pair by rule.

    Args:
        poses: N boxes in the camera frame.
        camera: Gives the ground; None, or one without a ground, means a level camera.
        rules: The predicates.

    Returns:
        The true relations. Symmetric ones (next_to) once, with subject < object.
    """
    if len(poses) < 2:
        return ()
    level = level_placements(poses, camera)
    found: list[Relation] = []
    for rule in rules:
        for subject, object_ in np.argwhere(rule_matrix(level, rule)):
            found.append(Relation(int(subject), rule.name, int(object_), 1.0, rule.frame))
    return tuple(found)


def level_placements(poses: Sequence[Pose3D], camera: Camera | None) -> list[Placement]:
    """Returns the boxes in the level frame under the camera (height arbitrary when unknown)."""
    if camera is None or camera.ground is None:
        camera = Camera(1, 1, np.eye(3), np.array([0.0, -1.0, 0.0, 0.0]))
    return [Placement.from_pose("", pose, camera) for pose in poses]


def rule_matrix(placements: Sequence[Placement], rule: PredicateRule) -> np.ndarray:
    """Returns the (N, N) truth of one rule: entry [i, j] is `i rule j`. Pure function of the layout."""
    position = np.array([p.position for p in placements])
    size = np.array([p.size for p in placements])
    if rule.rule == "left_of":
        truth = position[:, None, 1] - position[None, :, 1] > rule.margin
    elif rule.rule == "in_front_of":
        truth = position[None, :, 0] - position[:, None, 0] > rule.margin
    elif rule.rule in ("on", "under"):
        # The overlap test is on footprint discs: exact polygons change nothing for upright objects.
        gap = position[:, None, 2] - (position[None, :, 2] + size[None, :, 2])
        inside = _centre_over(placements)
        if rule.rule == "on":
            truth = (np.abs(gap) <= rule.margin) & inside
        else:  # a stands beneath the top of b, on b's own floor, as a chair under a table
            same_floor = np.abs(position[:, None, 2] - position[None, :, 2]) <= rule.margin
            truth = same_floor & inside & (size[:, None, 2] * 0.5 < size[None, :, 2])
    elif rule.rule == "next_to":
        distance = np.linalg.norm(position[:, None, :2] - position[None, :, :2], axis=-1)
        diameter = np.linalg.norm(size[:, :2], axis=1) / np.sqrt(2)
        mean = (diameter[:, None] + diameter[None, :]) / 2
        truth = np.triu(distance - mean < mean / 2, k=1)
    else:
        raise Sim2SGError(f"rule {rule.rule!r} is not known: use one of {', '.join(RULES)}")
    truth = np.array(truth)
    np.fill_diagonal(truth, False)
    return truth


def _centre_over(placements: Sequence[Placement]) -> np.ndarray:
    """(N, N) whether the centre of i lies over the footprint of j."""
    n = len(placements)
    inside = np.zeros((n, n), bool)
    for j, support in enumerate(placements):
        angle = wrap_angle(-support.yaw)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        local = np.array([turn @ (p.position[:2] - support.position[:2]) for p in placements])
        inside[:, j] = (np.abs(local) <= support.size[:2] / 2).all(axis=1)
    return inside
