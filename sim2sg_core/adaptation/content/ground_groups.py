"""Scenes as groups: what stands on the ground, each with all that stands on it, so that it can be moved as one."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sim2sg_core.domains import Domain
from sim2sg_core.render.meshes import Asset
from sim2sg_core.scene import Placement
from sim2sg_core.scene.layout import wrap_angle
from sim2sg_core.synthesis.assets.registry import class_assets, load_asset
from sim2sg_core.synthesis.layouts.collision import interpenetrate
from sim2sg_core.synthesis.layouts.supports import rotation

STEP_M = 0.02  # Bases higher than this above the ground's are carried, where something is beneath them.


@dataclass(frozen=True, eq=False)
class GroundGroup:
    """An object on the ground and what it carries.

    Attributes:
        root: The object on the ground.
        carried: All that stands on it, or on what stands on it.
    """

    root: Placement
    carried: tuple[Placement, ...] = ()

    @property
    def placements(self) -> tuple[Placement, ...]:
        """The root and what it carries."""
        return (self.root, *self.carried)

    def moved(self, position: np.ndarray, yaw: float) -> GroundGroup:
        """Returns the group with its root at (2,) position, metres, and a yaw, radians; what it carries goes along."""
        turn = yaw - self.root.yaw

        def move(p: Placement) -> Placement:
            place = (p.position[:2] - self.root.position[:2]) @ rotation(turn) + position
            return dataclasses.replace(
                p, position=np.array([*place, p.position[2]]), yaw=wrap_angle(float(p.yaw + turn))
            )

        return GroundGroup(move(self.root), tuple(map(move, self.carried)))

    def sized(self, size: np.ndarray) -> GroundGroup:
        """Returns the group with a root of (3,) size; one that carries something keeps its own."""
        if self.carried:
            return self
        return GroundGroup(dataclasses.replace(self.root, size=np.asarray(size, float)))


def ground_groups(placements: Sequence[Placement]) -> list[GroundGroup]:
    """Splits a scene into groups, in the order of their roots. What nothing carries is a root at any height."""
    raised = [k for k, p in enumerate(placements) if p.position[2] > STEP_M]
    low = [k for k in range(len(placements)) if k not in raised]
    beneath = {k: _carrier(placements[k], [(j, placements[j]) for j in low]) for k in raised}
    roots = [k for k in range(len(placements)) if beneath.get(k) is None]
    return [GroundGroup(placements[k], tuple(placements[j] for j in raised if beneath[j] == k)) for k in roots]


def _carrier(placement: Placement, low: Sequence[tuple[int, Placement]]) -> int | None:
    """The index of the object on the ground over whose footprint a placement stands, the nearest of several."""
    able = []
    for index, other in low:
        away = placement.position[:2] - other.position[:2]
        if (np.abs(away @ rotation(other.yaw).T) <= other.size[:2] / 2).all():
            able.append((float(np.linalg.norm(away)), index))
    return min(able)[1] if able else None


class RoomFinder:
    """Says whether a group interpenetrates others, by meshes."""

    def __init__(self, domain: Domain) -> None:
        self._assets = {spec.name: load_asset(class_assets(domain, spec.name)[0]) for spec in domain.classes}

    def fits(self, group: GroundGroup, others: Sequence[GroundGroup]) -> bool:
        """Whether a group has room among others."""
        return not any(
            interpenetrate(a, self._asset(a), b, self._asset(b))
            for other in others
            for a in group.placements
            for b in other.placements
        )

    def _asset(self, placement: Placement) -> Asset:
        return load_asset(placement.asset) if placement.asset else self._assets[placement.label]
