"""What is put into a room, where: walls know what hangs on them, and nothing stands before what is placed."""

from __future__ import annotations

from typing import Any

import numpy as np

from sim2sg_core.domains import Domain
from sim2sg_core.packs.dining.room import Room, Sight, Wall
from sim2sg_core.packs.dining.room_layout import RoomLayout
from sim2sg_core.packs.dining.room_shapes import block
from sim2sg_core.render.meshes import Asset
from sim2sg_core.render.render_scene import Instance, Material
from sim2sg_core.scene import Layout, Placement
from sim2sg_core.synthesis.layouts.occupancy import Occupancy, box_footprint


class Surroundings:
    """A room that fills with what carries no label."""

    def __init__(self, domain: Domain, layout: Layout, room: Room, appearance: Any, rng: np.random.Generator) -> None:
        """Takes what is placed."""
        assert isinstance(domain.layout, RoomLayout)
        self.domain, self.spec, self.layout, self.room = domain, domain.layout, layout, room
        self.appearance, self.painter, self.rng = appearance, appearance.painter, rng
        self.taken = Occupancy.of(layout.placements)
        self.sight = Sight(layout.camera, layout.placements)
        self.walls = room.walls()
        self.on_walls: list[tuple[int, float, float]] = []  # wall, from, to: stretches that are taken
        self.made: list[Instance] = []

    def add(
        self,
        asset: Asset,
        position: np.ndarray,
        yaw: float,
        size: np.ndarray | tuple[float, ...],
        materials: tuple[Material, ...],
        shadow: bool = False,
        part_of: int | None = None,
    ) -> None:
        """Draws an instance."""
        self.made.append(
            Instance(asset, np.asarray(position, float), yaw, np.asarray(size, float), materials, shadow=shadow,
                     part_of=part_of)
        )  # fmt: skip

    def before(
        self,
        wall: Wall,
        asset: Asset,
        position: np.ndarray,
        size: np.ndarray,
        materials: tuple[Material, ...],
        shadow: bool,
    ) -> None:
        """Draws a thing with its front to the room: `size` is its extent along the wall, out of it, and its height.

        Blocks are drawn so; things of the library, whose fronts face -x, are turned.
        """
        if asset is block():
            self.add(asset, position, wall.yaw, size, materials, shadow=shadow)
        else:
            self.add(asset, position, wall.inward + np.pi, size[[1, 0, 2]], materials, shadow=shadow)

    def on_wall(self, wall: Wall, along: float, z: float, size: tuple[float, float, float], material: Material,
                asset: Asset | None = None, out: float = 0.0) -> None:  # fmt: skip
        """Draws a box on a wall: `size` is its extent along the wall, out of it, and its height."""
        foot = wall.point(along, out + size[1] / 2)
        self.add(asset or block(), np.array([*foot, z]), wall.yaw, size, (material,) * len((asset or block()).slots))

    def stretch(self, wide: float, which: tuple[int, ...], chances: tuple[float, ...]) -> tuple[int, float] | None:
        """Finds a free stretch of a wall, `wide` metres: the wall's index and the stretch's middle along it."""
        odds = np.array(chances) / sum(chances)
        for _ in range(10):
            k = int(self.rng.choice(which, p=odds))
            half = self.walls[k].length / 2 - wide / 2 - 0.15
            along = float(self.rng.uniform(-1, 1)) * half
            low, high = along - wide / 2 - 0.1, along + wide / 2 + 0.1
            if half > 0 and not self.hung(k, along, wide + 0.2):
                self.on_walls.append((k, low, high))
                return k, along
        return None

    def near(self, point: np.ndarray) -> float:
        """Distance from a (2,) point to the nearest middle of what is placed, metres."""
        return min((float(np.linalg.norm(p.position[:2] - point)) for p in self.layout.placements), default=0.0)

    def hung(self, wall: int, along: float, wide: float) -> bool:
        """Whether anything is on this stretch of a wall."""
        return any(k == wall and low < along + wide / 2 and high > along - wide / 2 for k, low, high in self.on_walls)

    def free(self, x: float, y: float, yaw: float, size: np.ndarray) -> bool:
        """Whether a thing of this size on the floor is in the room, meets nothing and hides nothing that is placed."""
        thing = Placement("", np.array([x, y, 0.0]), yaw, size)
        return (
            bool(self.room.inside(thing.corners()[:4]).all())
            and self.taken.free(box_footprint(x, y, yaw, size[0] + 0.06, size[1] + 0.06))
            and not self.sight.blocked(thing.corners())
        )
