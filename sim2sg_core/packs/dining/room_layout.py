"""Keys of the layout type `room`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, Strict

from sim2sg_core.domains.fields import Count, Extent, Range, Share
from sim2sg_core.domains.layout_spec import ArrangedLayout

WALL_GAP = 0.05  # metres left before the farthest wall


class RoomLayout(ArrangedLayout):
    """A room with walls and windows; the camera stands in it.

    Attributes:
        type: "room".
        width: Of the room, metres.
        depth: How far the wall opposite the camera is, metres.
        height: Of the ceiling, metres.
        turn_deg: How the walls are turned against the camera's heading.
        windows: Windows in the walls.
        clutter: Unlabelled objects along the walls, on the floor and on tables, and food on plates and in bowls.
        people: Unlabelled people who stand in the room, with the bodies of `drive`.
        bare: Share of the scenes without any object of the domain, as background for training.
    """

    type: Literal["room"]
    width: Extent = (3.0, 8.0)
    depth: Extent = (2.5, 8.0)
    height: Extent = (2.3, 3.2)
    turn_deg: Range = (-40.0, 40.0)
    count: Count = (0, 0)
    distance: Extent = (0.8, 3.5)
    lateral: Range = (-1.5, 1.5)
    min_gap: Annotated[float, Strict(), Field(ge=0)] = 0.01
    windows: Count = (0, 3)
    clutter: Count = (0, 0)
    people: Count = (0, 0)
    bare: Share = 0.0

    def reach(self) -> float:
        """Returns how far the farthest wall lets things stand, metres."""
        return self.depth[1] - WALL_GAP

    def how_to_widen(self) -> str:
        """Names the room as well."""
        return "the room's depth and lateral"
