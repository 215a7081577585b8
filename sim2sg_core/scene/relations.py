"""Relations by rule from 3D boxes.

Directional predicates hold in the viewer's frame, on ground-projected axes, between 3D centres, and
only beyond a margin, so that ambiguous pairs carry no label. `rule_matrix` decides known boxes;
`soft_rule_matrix` gives the probability of the same rules where positions are uncertain.
"""

from __future__ import annotations

import math
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


def soft_rule_matrix(placements: Sequence[Placement], covariances: np.ndarray, rule: PredicateRule) -> np.ndarray:
    """Returns the probability that a rule holds between boxes whose positions are uncertain.

    Every rule compares some length x with a border b: x is the difference along an axis, the vertical gap, the
    place of a centre in a footprint, or the distance. With normal errors, independent between objects, and u the
    direction in which x is measured, P(x > b) = Phi((x - b) / sigma), sigma^2 = u' (C_i + C_j) u; the distance
    of next_to is linearised so. Conditions on two sides of a border are differences of two such terms; several
    conditions count as independent. Sizes and yaws count as exact.

    Args:
        placements: N boxes in the level frame.
        covariances: (N, 3, 3) of their positions in the level frame, square metres.
        rule: The rule.

    Returns:
        (N, N) probabilities that `i rule j`, 0 on the diagonal; with vanishing covariances the truth of
        `rule_matrix`, save that the symmetric next_to is given both ways round.

    Raises:
        Sim2SGError: Unknown rule.
    """
    position = np.array([p.position for p in placements], float).reshape(-1, 3)
    size = np.array([p.size for p in placements], float).reshape(-1, 3)
    covariances = np.asarray(covariances, float).reshape(-1, 3, 3)
    delta = position[:, None] - position[None]
    joint = covariances[:, None] + covariances[None]
    if rule.rule == "left_of":
        chance = _above(delta[..., 1] - rule.margin, joint[..., 1, 1])
    elif rule.rule == "in_front_of":
        chance = _above(-delta[..., 0] - rule.margin, joint[..., 0, 0])
    elif rule.rule in ("on", "under"):
        height = size[:, 2]
        gap = delta[..., 2] - (height[None] if rule.rule == "on" else 0.0)
        chance = _within(gap, rule.margin, joint[..., 2, 2]) * _chance_over(placements, delta, joint)
        if rule.rule == "under":
            chance = chance * (height[:, None] * 0.5 < height[None])
    elif rule.rule == "next_to":
        distance = np.linalg.norm(delta[..., :2], axis=-1)
        along = delta[..., :2] / np.maximum(distance, 1e-9)[..., None]
        diameter = np.linalg.norm(size[:, :2], axis=1) / np.sqrt(2)
        reach = (diameter[:, None] + diameter[None]) * 0.75  # 1.5 mean diameters between the centres
        variance = np.einsum("ija,ijab,ijb->ij", along, joint[..., :2, :2], along)
        chance = _above(reach - distance, variance)
    else:
        raise Sim2SGError(f"rule {rule.rule!r} is not known: use one of {', '.join(RULES)}")
    chance = np.array(chance)
    np.fill_diagonal(chance, 0.0)
    return chance


def _chance_over(placements: Sequence[Placement], delta: np.ndarray, joint: np.ndarray) -> np.ndarray:
    """(N, N) probability that the centre of i lies over the footprint of j, see `_centre_over`."""
    yaw = np.array([p.yaw for p in placements], float)
    half = np.array([p.size[:2] for p in placements], float).reshape(-1, 2) / 2
    cos, sin = np.cos(yaw), np.sin(yaw)
    turn = np.stack([np.stack([cos, sin], -1), np.stack([-sin, cos], -1)], -2)  # (N, 2, 2) into the footprint's axes
    local = np.einsum("jab,ijb->ija", turn, delta[..., :2])
    variance = np.einsum("jab,ijbc,jac->ija", turn, joint[..., :2, :2], turn)
    return _within(local, half, variance).prod(axis=-1)


def _within(value: np.ndarray, reach: float | np.ndarray, variance: np.ndarray) -> np.ndarray:
    """P(|x| <= reach) for x normal about `value`."""
    return np.maximum(_above(reach - value, variance) - _above(-reach - value, variance), 0.0)


def _above(value: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """P(x > 0) for x normal about `value`."""
    return 0.5 * _ERFC(-value / np.sqrt(2 * np.maximum(variance, 1e-18))).astype(float)


_ERFC = np.frompyfunc(math.erfc, 1, 1)  # numpy has none
