"""The geometry of a room: walls about the camera and everything placed, and what may stand in the camera's view."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim2sg_core.packs.dining.room_layout import RoomLayout
from sim2sg_core.render.projection import image_extent
from sim2sg_core.scene import Camera, Layout, Placement

SPARE = 0.06
"""Least gap between a wall and the camera or what stands in the room, metres."""
LEAST_DEPTH = 0.05
"""Nearer than this to the camera's plane, nothing is projected, metres."""


@dataclass(frozen=True, eq=False)
class Wall:
    """One wall.

    Attributes:
        foot: (2,) world point at the middle of the foot of its inner face.
        inward: Direction of its inner face's normal, radians about world +z.
        length: Metres.
    """

    foot: np.ndarray
    inward: float
    length: float

    @property
    def yaw(self) -> float:
        """Heading of things on it: their length runs along the wall, their +y into the room."""
        return self.inward - np.pi / 2

    def point(self, along: float, out: float = 0.0) -> np.ndarray:
        """(2,) world point `along` metres from its middle and `out` metres into the room."""
        c, s = np.cos(self.inward), np.sin(self.inward)
        return np.asarray(self.foot + along * np.array([s, -c]) + out * np.array([c, s]))


@dataclass(frozen=True, eq=False)
class Room:
    """An upright box of air.

    Attributes:
        turn: Heading of its depth, radians about world +z.
        low: (2,) its near right corner along the room's own axes (depth, left), metres from the camera's foot.
        high: (2,) the far left corner.
        height: Of the ceiling, metres.
    """

    turn: float
    low: np.ndarray
    high: np.ndarray
    height: float

    def own(self, points: np.ndarray) -> np.ndarray:
        """(..., 2) world points in the room's own axes."""
        c, s = np.cos(self.turn), np.sin(self.turn)
        return np.asarray(points)[..., :2] @ np.array([[c, -s], [s, c]])

    def world(self, points: np.ndarray) -> np.ndarray:
        """Inverse of `own`."""
        c, s = np.cos(self.turn), np.sin(self.turn)
        return np.asarray(points)[..., :2] @ np.array([[c, s], [-s, c]])

    def inside(self, points: np.ndarray) -> np.ndarray:
        """(...,) whether (..., 3) world points are in it."""
        own, z = self.own(points), np.asarray(points)[..., 2]
        return np.asarray(((own >= self.low) & (own <= self.high)).all(-1) & (z > -0.01) & (z <= self.height))

    def walls(self) -> tuple[Wall, Wall, Wall, Wall]:
        """The walls: far, left, right, near."""
        middle, span = (self.low + self.high) / 2, self.high - self.low
        made = []
        for du, dv, angle in ((1, 0, np.pi), (0, 1, -np.pi / 2), (0, -1, np.pi / 2), (-1, 0, 0.0)):
            foot = self.world(middle + span / 2 * [du, dv])
            made.append(Wall(foot, self.turn + angle, float(span[1] if du else span[0])))
        return made[0], made[1], made[2], made[3]


def make_room(spec: RoomLayout, layout: Layout, rng: np.random.Generator) -> Room:
    """Draws a room from the ranges; it grows where the camera or a placement would be outside."""
    turn = float(np.radians(rng.uniform(*spec.turn_deg)))
    width, depth, height = (float(rng.uniform(*r)) for r in (spec.width, spec.depth, spec.height))
    behind, shift = float(rng.uniform(0.4, 1.8)), float(rng.uniform(0.3, 0.7))
    plain = Room(turn, np.array([-behind, -width * shift]), np.array([depth, width * (1 - shift)]), height)
    camera = layout.camera.T_world_camera[:3, 3]
    points = np.concatenate([camera[None], *(p.corners() for p in layout.placements)])
    own = plain.own(points)
    return Room(
        turn,
        np.minimum(plain.low, own.min(0) - SPARE),
        np.maximum(plain.high, own.max(0) + SPARE),
        max(height, float(points[:, 2].max()) + 0.25),
    )


class Sight:
    """Says whether something would stand between the camera and what is placed."""

    def __init__(self, camera: Camera, placements: tuple[Placement, ...]) -> None:
        """Takes the placements' outlines in the image."""
        self.camera = camera
        spans = [self._span(p.corners()) for p in placements]
        self.rectangles = np.array([s[0] for s in spans]).reshape(-1, 4)
        self.far = np.array([s[2] for s in spans])

    def _span(self, corners: np.ndarray) -> tuple[np.ndarray, float, float]:
        """(4,) xyxy in pixels, nearest and farthest depth of (8, 3) world points."""
        points = self.camera.to_camera(corners)
        z = points[:, 2]
        # What reaches behind the camera counts as larger than its `amodal_box`: rather too little stands in the view.
        ahead = np.column_stack([points[:, :2], np.maximum(z, LEAST_DEPTH)])
        return image_extent(ahead, self.camera), float(z.min()), float(z.max())

    def blocked(self, corners: np.ndarray, near: float = 0.8) -> bool:
        """Whether a box with these (8, 3) corners may hide a placement, or stands closer than `near` in the view."""
        box, first, last = self._span(corners)
        if last < LEAST_DEPTH:
            return False
        width, height = self.camera.width, self.camera.height
        seen = box[0] < width and box[1] < height and box[2] > 0 and box[3] > 0
        if not seen:
            return False
        if first < near:
            return True
        r = self.rectangles
        meets = (r[:, 0] < box[2]) & (r[:, 2] > box[0]) & (r[:, 1] < box[3]) & (r[:, 3] > box[1])
        return bool((meets & (self.far > first)).any())
