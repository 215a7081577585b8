"""Keys of the layout type `scatter`."""

from __future__ import annotations

from typing import ClassVar, Literal

from sim2sg_core.domains.layout_spec import ArrangedLayout


class ScatterLayout(ArrangedLayout):
    """Objects strewn over a piece of flat ground.

    Attributes:
        type: "scatter".
    """

    type: Literal["scatter"]

    single_floor: ClassVar[bool] = True

    def focus_depth(self) -> float:
        """Returns the middle of `distance`."""
        return (self.distance[0] + self.distance[1]) / 2
