"""What stands on what: the order in which a scene is put together, and where an object comes to stand."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from sim2sg_core.scene.camera import Camera
from sim2sg_core.scene.layout import GROUND, Placement
from sim2sg_core.scene.predicates import TOP_SURFACE

FOOTPRINT_SLACK = 0.3  # of a supporter's extent, by which an estimate may miss its footprint
OVERHANG = 0.25  # of its own extent, that an object may stand over the edge
HOLLOW = 0.9  # of what has a hollow, that is left between its walls
FLAT = 0.05  # drop per distance under which a ray says nothing of where it meets a level plane


@dataclass(frozen=True)
class Supports:
    """Which classes stand on which.

    Attributes:
        below: Class -> what it may stand on: `GROUND` or classes; a class that lacks stands on the ground.
        surfaces: Class -> heights at which others stand on it, as shares of its own; a class that lacks has its top.
        insides: Class -> height of the floor of its hollow, as a share of its own; a class that lacks has none.
    """

    below: Mapping[str, Sequence[str]] = field(default_factory=dict)
    surfaces: Mapping[str, Sequence[float]] = field(default_factory=dict)
    insides: Mapping[str, float] = field(default_factory=dict)

    @property
    def level(self) -> bool:
        """Whether everything stands on the ground."""
        return all(set(names) == {GROUND} for names in self.below.values())

    def of(self, label: str) -> Sequence[str]:
        """What a class may stand on."""
        return self.below.get(label, (GROUND,))

    def supporter(self, label: str) -> bool:
        """Whether others may stand on a class."""
        return any(label in names for names in self.below.values())

    def order(self, placements: Sequence[Placement]) -> list[int]:
        """Returns the indices of N placements, what supports before what it supports, else in the order given.

        Classes that support themselves or each other, as boxes upon boxes, come from the lowest to the highest.
        """
        step: dict[str, int] = {}
        stacked: set[str] = set()
        rest = list(dict.fromkeys([*self.below, *(p.label for p in placements)]))
        count = 0
        while rest:
            ready = [c for c in rest if not (set(self.of(c)) & set(rest)) - {c}]
            stacked |= {c for c in ready if c in self.of(c)} if ready else set(rest)
            step |= dict.fromkeys(ready or rest, count)
            rest = [c for c in rest if c not in step]
            count += 1

        def key(index: int) -> tuple[int, bool, float, int]:
            placement = placements[index]
            piled = placement.label in stacked
            return step[placement.label], piled, float(placement.position[2]) if piled else 0.0, index

        return sorted(range(len(placements)), key=key)

    def stand(self, placement: Placement, placed: Sequence[Placement], camera: Camera) -> tuple[Placement, int] | None:
        """Puts an object on the nearest allowed surface under its viewing ray.

        Args:
            placement: Estimate; its base at any height.
            placed: What stands already.
            camera: That sees it, with a known ground.

        Returns:
            The object with its base exactly at a surface, and the index in `placed` of what it stands on, -1 for the
            ground; None where nothing that may support it is.
        """
        best: tuple[float, Placement, int] | None = None
        height = float(placement.position[2])
        if GROUND in self.of(placement.label):
            best = abs(height), at_height(placement, 0.0, camera), -1
        for index, support in enumerate(placed):
            if support.label not in self.of(placement.label):
                continue
            for level in self._levels(support):
                moved = at_height(placement, level, camera)
                outside = np.abs(local(moved, support)) - support.size[:2] / 2
                if (outside > FOOTPRINT_SLACK * support.size[:2]).any():
                    continue
                off = abs(level - height)
                if self._holds(moved, support):
                    if moved.size[:2].prod() >= support.size[:2].prod():
                        continue
                    # Where its centre is between the walls it stands inside, not on what the hollow thing stands on.
                    off = max(level - height, height - float(support.position[2] + support.size[2]), 0.0)
                # Of two surfaces at one height, as of tables side by side, the one that it stands on wholly.
                miss = off + float(outside.max(initial=0.0))
                if best is None or miss < best[0]:
                    best = miss, self.kept(moved, support), index
        return None if best is None else best[1:]

    def kept(self, placement: Placement, support: Placement) -> Placement:
        """Moves an object, at the height at which it stands, onto what supports it, or wholly between its walls."""
        if self._holds(placement, support):
            return inside(placement, support, HOLLOW, 0.0)
        return inside(placement, support)

    def _levels(self, support: Placement) -> list[float]:
        """Returns the heights, metres over the ground, at which others stand on an object and in it."""
        shares = [*self.surfaces.get(support.label, TOP_SURFACE)]
        if support.label in self.insides:
            shares.append(self.insides[support.label])
        return [float(support.position[2] + share * support.size[2]) for share in shares]

    def _holds(self, placement: Placement, support: Placement) -> bool:
        """Whether a placement stands on the floor of the hollow of its support."""
        share = self.insides.get(support.label)
        return share is not None and float(placement.position[2]) == float(
            support.position[2] + share * support.size[2]
        )


def at_height(placement: Placement, height: float, camera: Camera) -> Placement:
    """Moves an object along the viewing ray of its box's centre until its base is at a height.

    On a ray that is too flat, or that never gets there, only the height is set.
    """
    eye = camera.T_world_camera[2, 3]
    drop = eye - (placement.position[2] + placement.size[2] / 2)
    wanted = eye - (height + placement.size[2] / 2)
    position = np.array([*placement.position[:2], height], float)
    if abs(drop) > FLAT * np.linalg.norm(position[:2]) and drop * wanted > 0:
        position[:2] *= wanted / drop  # The camera is above the origin.
    return dataclasses.replace(placement, position=position)


def local(placement: Placement, support: Placement) -> np.ndarray:
    """Returns the (2,) place of an object along the length and the width of what supports it, from its centre."""
    c, s = np.cos(support.yaw), np.sin(support.yaw)
    return np.array([[c, s], [-s, c]]) @ (placement.position[:2] - support.position[:2])


def inside(placement: Placement, support: Placement, share: float = 1.0, overhang: float = OVERHANG) -> Placement:
    """Moves an object onto the footprint of its support, so that little of it stands over the edge.

    Args:
        placement: The object.
        support: What supports it.
        share: How much of each extent of the footprint counts.
        overhang: Share of its own extent by which the object may stand over the edge.
    """
    angle = placement.yaw - support.yaw
    c, s = abs(np.cos(angle)), abs(np.sin(angle))
    extent = np.array([[c, s], [s, c]]) @ placement.size[:2]
    reach = np.maximum(share * support.size[:2] / 2 - extent * (0.5 - overhang), 0.0)
    place = local(placement, support)
    moved = place.clip(-reach, reach)
    if (moved == place).all():
        return placement
    c, s = np.cos(support.yaw), np.sin(support.yaw)
    spot = support.position[:2] + np.array([[c, -s], [s, c]]) @ moved
    return dataclasses.replace(placement, position=np.array([*spot, placement.position[2]]))
