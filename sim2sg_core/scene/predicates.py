"""Relations by rule from 3D boxes.

Directional predicates hold in the viewer's frame, on ground-projected axes, between 3D centres, and
only beyond a margin, so that ambiguous pairs have no relation. `rule_matrix` decides known boxes;
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

RULES = ("left_of", "in_front_of", "on", "under", "next_to", "inside")
FRAMES = {rule: "viewer" if rule in ("left_of", "in_front_of") else "none" for rule in RULES}
TOP_SURFACE = (1.0,)  # surfaces of an object of which no others are known
TOUCHING_SHARE = 0.1  # of the lower object's height: vertical extents that share less only touch


@dataclass(frozen=True)
class PredicateRule:
    """A forward predicate and the built-in rule that decides it.

    Attributes:
        name: The user's word for it.
        rule: One of `RULES`.
        margin: Metres. For left_of and in_front_of the least difference along the axis; for on the largest
            vertical gap that still counts as contact, for under the largest difference of the two bases; for inside
            how far a base may be below the hollow's floor and must be below its rim; for next_to unused (the gap
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
    poses: Sequence[Pose3D],
    camera: Camera | None,
    rules: Sequence[PredicateRule],
    surfaces: Sequence[tuple[float, ...]] | None = None,
    insides: Sequence[float | None] | None = None,
) -> tuple[Relation, ...]:
    """Decides every ordered pair by rule.

    Args:
        poses: N boxes in the camera frame.
        camera: Gives the ground; None, or one without a ground, means a level camera.
        rules: The predicates.
        surfaces: Of each of the N boxes, the heights at which others stand on it, as shares of its own; None
            means the top of every one.
        insides: Of each of the N boxes, the height of the floor of its hollow, as a share of its own; None for a box
            without a hollow, and for all where nothing is given.

    Returns:
        The true relations. Symmetric ones (next_to) once, with subject < object.
    """
    if len(poses) < 2:
        return ()
    level = level_placements(poses, camera)
    found: list[Relation] = []
    for rule in rules:
        for subject, object_ in np.argwhere(rule_matrix(level, rule, surfaces, insides)):
            found.append(Relation(int(subject), rule.name, int(object_), 1.0, rule.frame))
    return tuple(found)


def level_placements(poses: Sequence[Pose3D], camera: Camera | None) -> list[Placement]:
    """Returns the boxes in the level frame under the camera (height arbitrary when unknown)."""
    if camera is None or camera.ground is None:
        camera = Camera(1, 1, np.eye(3), np.array([0.0, -1.0, 0.0, 0.0]))
    return [Placement.from_pose("", pose, camera) for pose in poses]


def rule_matrix(
    placements: Sequence[Placement],
    rule: PredicateRule,
    surfaces: Sequence[tuple[float, ...]] | None = None,
    insides: Sequence[float | None] | None = None,
) -> np.ndarray:
    """Decides one rule for every ordered pair. Pure function of the layout.

    - left_of, in_front_of: more than the margin apart along the axis.
    - on: the base is at one of the other's surfaces, the centre over its footprint.
    - under: both bases are at one height, the centre is over the other's footprint, which is the larger, more than
      half of it is lower than the other's top, and neither stands on the other: a chair under a table.
    - next_to: the gap between the footprints, as discs, is under half their mean diameter, and the vertical extents
      overlap: a cup is not next to the table it stands on.
    - inside: the other has a hollow, the base is between its floor and its rim, the centre over its footprint, which
      is the larger, and it stands on no surface of it. Of what is over a hollow, nothing is under or next to it.

    Args:
        placements: N boxes in the level frame.
        rule: The rule.
        surfaces: Of each box, see `derive_relations`.
        insides: Likewise.

    Returns:
        (N, N) bool: entry [i, j] is `i rule j`; next_to only for i < j.

    Raises:
        Sim2SGError: Unknown rule.
    """
    position = np.array([p.position for p in placements], float).reshape(-1, 3)
    size = np.array([p.size for p in placements], float).reshape(-1, 3)
    rise = position[:, None, 2] - position[None, :, 2]  # of i's base over j's
    if rule.rule == "left_of":
        truth = position[:, None, 1] - position[None, :, 1] > rule.margin
    elif rule.rule == "in_front_of":
        truth = position[None, :, 0] - position[:, None, 0] > rule.margin
    elif rule.rule in ("on", "under"):
        # The overlap test is on centres: exact polygons change nothing for upright objects.
        over = _centre_over(placements)
        low, high = _contacts(size[:, 2], surfaces, rule.margin)
        on = ((rise[..., None] >= low) & (rise[..., None] <= high)).any(axis=-1) & over
        if rule.rule == "on":
            truth = on
        else:
            beneath = (np.abs(rise) <= rule.margin) & over & _fits_under(size)
            truth = beneath & ~on & ~on.T & ~_may_hold(size, insides)
    elif rule.rule == "inside":
        over = _centre_over(placements) & _may_hold(size, insides)
        low, high = _contacts(size[:, 2], surfaces, rule.margin)
        on = ((rise[..., None] >= low) & (rise[..., None] <= high)).any(axis=-1)
        floor, rim = _hollows(size[:, 2], insides, rule.margin)
        truth = (rise >= floor) & (rise <= rim) & over & ~on
    elif rule.rule == "next_to":
        distance = np.linalg.norm(position[:, None, :2] - position[None, :, :2], axis=-1)
        low, high = _beside(size[:, 2])
        truth = np.triu((distance < _neighbourhood(size)) & (rise > low) & (rise < high), k=1)
        if (holds := _may_hold(size, insides)).any():
            held = holds & _centre_over(placements)
            truth &= ~held & ~held.T
    else:
        raise Sim2SGError(f"rule {rule.rule!r} is not known: use one of {', '.join(RULES)}")
    truth = np.array(truth)
    np.fill_diagonal(truth, False)
    return truth


def _contacts(
    heights: np.ndarray, surfaces: Sequence[tuple[float, ...]] | None, margin: float
) -> tuple[np.ndarray, np.ndarray]:
    """Heights over an object's base at which the base of another touches one of its surfaces from above.

    A surface reaches `margin` up and down, but down no farther than half its own height: however thin the two
    objects are, only one of them is on the other.

    Returns:
        (N, S) lower and (N, S) upper ends of disjoint intervals, metres; those that lack are NaN.
    """
    intervals: list[list[list[float]]] = []
    for height, shares in zip(heights, surfaces or [TOP_SURFACE] * len(heights), strict=True):
        merged: list[list[float]] = []
        for level in sorted(share * height for share in shares):
            below = min(margin, level / 2) if level > 0 else margin
            if merged and level - below <= merged[-1][1]:
                merged[-1][1] = level + margin
            else:
                merged.append([level - below, level + margin])
        intervals.append(merged)
    ends = np.full((len(intervals), max(map(len, intervals), default=0), 2), np.nan)
    for row, merged in zip(ends, intervals, strict=True):
        row[: len(merged)] = np.reshape(merged, (-1, 2))  # What is hollow may have none.
    return ends[..., 0], ends[..., 1]


def _hollows(
    heights: np.ndarray, insides: Sequence[float | None] | None, margin: float
) -> tuple[np.ndarray, np.ndarray]:
    """Returns (N,) lowest and (N,) highest places, over its own base, of the base of what is inside each, metres.

    The rim is `margin` away, but no farther than half the depth, so that flat things hold something too.
    """
    floor = np.array([np.nan if share is None else share for share in insides or [None] * len(heights)]) * heights
    return floor - margin, heights - np.minimum(margin, (heights - floor) / 2)


def _may_hold(size: np.ndarray, insides: Sequence[float | None] | None) -> np.ndarray:
    """(N, N) whether j has a hollow, and the larger footprint: of two, at most one is inside the other."""
    area = size[:, :2].prod(axis=1)
    hollow = np.array([share is not None for share in insides or [None] * len(size)], bool)
    return hollow[None] & (area[:, None] < area[None])


def _fits_under(size: np.ndarray) -> np.ndarray:
    """(N, N) whether the sizes let i stand under j. Of two, at most one can: the one with the smaller footprint."""
    area = size[:, :2].prod(axis=1)
    return (size[:, None, 2] * 0.5 < size[None, :, 2]) & (area[:, None] < area[None])


def _beside(heights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(N, N) least and greatest height of i's base over j's at which their vertical extents overlap."""
    touch = TOUCHING_SHARE * np.minimum(heights[:, None], heights[None])
    return touch - heights[:, None], heights[None] - touch


def _neighbourhood(size: np.ndarray) -> np.ndarray:
    """(N, N) distances between centres within which i and j are next to each other: 1.5 mean diameters."""
    diameter = np.linalg.norm(size[:, :2], axis=1) / np.sqrt(2)
    return (diameter[:, None] + diameter[None]) * 0.75


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


def soft_rule_matrix(
    placements: Sequence[Placement],
    covariances: np.ndarray,
    rule: PredicateRule,
    surfaces: Sequence[tuple[float, ...]] | None = None,
    insides: Sequence[float | None] | None = None,
) -> np.ndarray:
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
        surfaces: Of each box, see `derive_relations`.
        insides: Likewise.

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
    rise, spread = delta[..., 2], joint[..., 2, 2]
    if rule.rule == "left_of":
        chance = _above(delta[..., 1] - rule.margin, joint[..., 1, 1])
    elif rule.rule == "in_front_of":
        chance = _above(-delta[..., 0] - rule.margin, joint[..., 0, 0])
    elif rule.rule in ("on", "under"):
        over = _chance_over(placements, delta, joint)
        low, high = _contacts(size[:, 2], surfaces, rule.margin)
        if rule.rule == "on":
            chance = _touching(rise, low, high, spread) * over
        else:
            # Between thin objects the bases may be at one height although one stands on the other.
            level = _between(rise, -rule.margin, rule.margin, spread)
            on = _touching(rise, np.maximum(low, -rule.margin), np.minimum(high, rule.margin), spread)
            chance = (
                np.maximum(level - on - on.T * over.T, 0.0) * over * (_fits_under(size) & ~_may_hold(size, insides))
            )
    elif rule.rule == "inside":
        over = _chance_over(placements, delta, joint) * _may_hold(size, insides)
        floor, rim = _hollows(size[:, 2], insides, rule.margin)
        low, high = _contacts(size[:, 2], surfaces, rule.margin)
        on = _touching(rise, np.maximum(low, floor[:, None]), np.minimum(high, rim[:, None]), spread)
        chance = np.nan_to_num(np.maximum(_between(rise, floor, rim, spread) - on, 0.0)) * over
    elif rule.rule == "next_to":
        distance = np.linalg.norm(delta[..., :2], axis=-1)
        along = delta[..., :2] / np.maximum(distance, 1e-9)[..., None]
        variance = np.einsum("ija,ijab,ijb->ij", along, joint[..., :2, :2], along)
        chance = _above(_neighbourhood(size) - distance, variance) * _between(rise, *_beside(size[:, 2]), spread)
        if (holds := _may_hold(size, insides)).any():
            held = holds * _chance_over(placements, delta, joint)
            chance = chance * (1 - held) * (1 - held.T)
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
    return _between(local, -half, half, variance).prod(axis=-1)


def _touching(rise: np.ndarray, low: np.ndarray, high: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """(N, N) probability that i's base, `rise` over j's, lies in one of j's (N, S) disjoint intervals."""
    chance = _between(rise[..., None], low, high, variance[..., None])
    return np.asarray(np.nansum(chance, axis=-1))


def _between(value: np.ndarray, low: float | np.ndarray, high: float | np.ndarray, variance: np.ndarray) -> np.ndarray:
    """P(low <= x <= high) for x normal about `value`."""
    return np.maximum(_above(high - value, variance) - _above(low - value, variance), 0.0)


def _above(value: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """P(x > 0) for x normal about `value`."""
    return 0.5 * _ERFC(-value / np.sqrt(2 * np.maximum(variance, 1e-18))).astype(float)


_ERFC = np.frompyfunc(math.erfc, 1, 1)  # numpy has none
