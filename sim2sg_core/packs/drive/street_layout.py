"""Keys of the layout type `street`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from sim2sg_core.domains.class_spec import ClassSpec
from sim2sg_core.domains.fields import Amount, Extent, Several, Share, mistake
from sim2sg_core.domains.layout_spec import LayoutSpec


class StreetLayout(LayoutSpec):
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

    def depth_range(self) -> tuple[float, float]:
        """Returns from before the bonnet to where the shortest street ends."""
        return 5.0, self.length[0]

    def check(self, classes: Sequence[ClassSpec], max_objects: int) -> None:
        """Refuses counts of classes: densities say how many there are."""
        for i, spec in enumerate(classes):
            if spec.count is not None:
                text = "a street is filled by layout: parked_cars, moving_cars, pedestrians …; delete this key"
                raise mistake(text, "classes", i, "count")

    def how_to_raise(self, spec: ClassSpec, free_share: float) -> str:
        """Names the densities."""
        return "a street only knows the classes of the domain drive: raise their densities, or take another layout"
