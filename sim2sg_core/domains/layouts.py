"""How prior scenes are laid out: strewn over the ground, in a room, along a street."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, Strict

from sim2sg_core.domains.fields import Amount, Count, Extent, Identifier, Number, Range, Several, Share, Spec


class AroundSpec(Spec):
    """Objects that stand round another and face it, as chairs round a table.

    Attributes:
        what: Their class; it stands on the ground.
        of: The class in the middle.
        count: How many, round each.
        gap: Between the two footprints, metres; negative reaches in beneath it.
    """

    what: str
    of: str
    count: Count = (0, 4)
    gap: Range = (0.0, 0.3)


class GroupItem(Spec):
    """One object of a group.

    Attributes:
        what: Its class.
        at: [to the right, inwards] from the group's place on the edge, metres, as seen by who sits there.
        turn_deg: Its heading, counter-clockwise from above; 0 points inwards.
        chance: Probability that it is there.
    """

    what: str
    at: tuple[Number, Number]
    turn_deg: Number = 0.0
    chance: Share = 1.0


class GroupSpec(Spec):
    """Objects that stand together at the edge of what supports them, as plate, fork and knife.

    Attributes:
        name: For messages.
        on: The class that supports it.
        count: Groups on each object of that class.
        inset: How far inside the edge the group's place is, metres.
        items: The objects.
        jitter: Standard deviation of every item's place, metres.
        turn_jitter_deg: Standard deviation of every item's heading.
    """

    name: Identifier
    on: str
    count: Count
    inset: Amount = (0.12, 0.2)
    items: tuple[GroupItem, ...] = Field(min_length=1)
    jitter: Annotated[float, Strict(), Field(ge=0)] = 0.015
    turn_jitter_deg: Annotated[float, Strict(), Field(ge=0)] = 6.0


class Arranged(Spec):
    """What layouts with things upon things share.

    Attributes:
        around: What stands round what.
        groups: What stands together on what.
    """

    around: tuple[AroundSpec, ...] = ()
    groups: tuple[GroupSpec, ...] = ()


class ScatterLayout(Arranged):
    """Objects strewn over a piece of flat ground.

    Attributes:
        type: "scatter".
        count: Objects per scene drawn freely, beside those of classes with a `count` of their own.
        distance: Along the ground from the point below the camera, metres.
        lateral: To the left (positive) and right of the optical axis, metres.
        min_gap: Least gap between two footprints, metres.
        min_visible_pixels: Objects of which less is seen are placed anew.
    """

    type: Literal["scatter"]
    count: Count
    distance: Extent
    lateral: Range
    min_gap: Annotated[float, Strict(), Field(ge=0)] = 0.1
    min_visible_pixels: Annotated[int, Strict(), Field(ge=0)] = 0


class RoomLayout(Arranged):
    """A room with walls and windows; the camera stands in it.

    Attributes:
        type: "room".
        width: Of the room, metres.
        depth: How far the wall opposite the camera is, metres.
        height: Of the ceiling, metres.
        turn_deg: How the walls are turned against the camera's heading.
        count: Objects per scene drawn freely, beside those of classes with a `count` of their own.
        distance: Of objects on the floor along the ground from the point below the camera, metres.
        lateral: Of objects on the floor to the left (positive) and right of the optical axis, metres.
        min_gap: Least gap between two footprints on one surface, metres.
        min_visible_pixels: Objects on the floor of which less is seen are placed anew.
        windows: Windows in the walls.
        clutter: Unlabelled things along the walls, on them and on the floor. [0, 0] clears the tables of them too, and
            the plates and bowls of food.
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
    min_visible_pixels: Annotated[int, Strict(), Field(ge=0)] = 0
    windows: Count = (0, 3)
    clutter: Count = (0, 8)


class StreetLayout(Spec):
    """A street that the camera drives along. Densities are per 100 m of street.

    Attributes:
        type: "street".
        lanes: Lanes in all; streets off the main roads have at most two, unless more are the least.
        lane_width: Metres.
        sidewalk_width: Metres, each side.
        curve: Curvature of the street, 1/m, either way.
        length: How far the street is laid out before the camera, metres.
        parked_cars: Cars parked along the kerbs.
        moving_cars: Cars in the lanes.
        vans: Vans, parked and moving.
        trucks: Trucks, parked and moving.
        pedestrians: People on the sidewalks and the road.
        cyclists: Cyclists on the road and the sidewalks.
        vegetation: Trees, bushes and hedges.
        buildings: Houses along the street.
        junctions: Streets that cross.
        across: Share of the parking strips where cars stand across the street, 0-1.
        clutter: Unlabelled things: poles, signs, bins, fences.
    """

    type: Literal["street"]
    lanes: Several = (1, 4)
    lane_width: Extent = (2.9, 3.6)
    sidewalk_width: Amount = (1.2, 3.5)
    curve: Amount = (0.0, 0.004)
    length: Extent = (60.0, 120.0)
    parked_cars: Amount = (0.0, 20.0)
    moving_cars: Amount = (0.0, 8.0)
    vans: Amount = (0.0, 3.0)
    trucks: Amount = (0.0, 1.5)
    pedestrians: Amount = (0.0, 10.0)
    cyclists: Amount = (0.0, 4.0)
    vegetation: Amount = (2.0, 30.0)
    buildings: Amount = (0.0, 10.0)
    junctions: Amount = (0.0, 2.5)
    across: Share = 0.2
    clutter: Amount = (2.0, 25.0)


Layout = Annotated[ScatterLayout | RoomLayout | StreetLayout, Field(discriminator="type")]
