"""How prior scenes are laid out: what each layout type says of itself, and what those of things upon things share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, ConfigDict, Field, SerializeAsAny, Strict, ValidationInfo

from sim2sg_core.domains.appearance_spec import AppearanceSpec
from sim2sg_core.domains.class_spec import ClassSpec
from sim2sg_core.domains.fields import (
    BACKDROP,
    Amount,
    Count,
    Extent,
    Identifier,
    Number,
    Range,
    Share,
    Spec,
    mistake,
    nearest,
)
from sim2sg_core.packs.pack import layout_types
from sim2sg_core.scene.layout import GROUND

NEAR_M, FAR_M = 5.0, 60.0  # where objects are thought to be, for want of anything better


class LayoutSpec(Spec):
    """Base of the layout types that packs bring.

    Attributes:
        type: Name of the layout type.
    """

    type: str

    arranges: ClassVar[bool] = False
    """Whether `count`, `supports`, groups and the like of the classes decide what stands where."""
    single_floor: ClassVar[bool] = False
    """Whether the ground is one surface, whose colour and texture can be told from pictures."""

    def depth_range(self) -> tuple[float, float]:
        """Returns the distances along the ground, metres, between which objects stand."""
        return NEAR_M, FAR_M

    def typical_depth(self) -> float:
        """Returns a middling distance of objects, metres: where regression of depths starts from."""
        near, far = self.depth_range()
        return math.sqrt(near * far)

    def focus_depth(self) -> float:
        """Returns the distance, metres, of the place that lamps are set up round."""
        return 10.0

    def check(self, classes: Sequence[ClassSpec], max_objects: int) -> None:
        """Raises a `mistake` where a domain's classes ask for what this layout cannot give."""

    def check_written(self, classes: Sequence[ClassSpec], appearance: AppearanceSpec) -> None:
        """Raises a `mistake` for keys that somebody wrote in a file and that scenes of this layout do not use.

        Models and runs of earlier versions may hold such keys; they can still be read.
        """

    def how_to_raise(self, spec: ClassSpec, free_share: float) -> str:
        """Says what makes a class that finds places more common.

        Args:
            spec: The class.
            free_share: How common it is among what is drawn freely, 0-1.
        """
        return "raise its density in the layout"

    def how_to_widen(self) -> str:
        """Says which keys give objects more room."""
        return "distance and lateral"


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


class ArrangedLayout(LayoutSpec):
    """Things on the ground, round each other and upon each other.

    Attributes:
        count: Objects per scene, in addition to those of classes with a `count` of their own.
        distance: Of objects on the ground along it from the point below the camera, metres.
        lateral: Of objects on the ground to the left (positive) and right of the optical axis, metres.
        min_gap: Least gap between two footprints on one surface, metres.
        min_visible_pixels: Objects on the ground with fewer visible pixels are placed again; in pixels of the domain's
            camera, whatever the size of the image.
        closeup: Share of the scenes in which the camera stands near one of the objects, whatever the prior's height and
            pitch. Does not apply to a camera that is given.
        uneven: true: the number of objects per support varies widely, and low numbers in `count` are more likely.
            false: all numbers are equally likely, if there is room.
        around: What stands round what.
        groups: What stands together on what.
    """

    around: tuple[AroundSpec, ...] = ()
    groups: tuple[GroupSpec, ...] = ()
    count: Count
    distance: Extent
    lateral: Range
    min_gap: Annotated[float, Strict(), Field(ge=0)] = 0.1
    min_visible_pixels: Annotated[int, Strict(), Field(ge=0)] = 0
    closeup: Share = 0.0
    uneven: Annotated[bool, Strict()] = False

    arranges: ClassVar[bool] = True

    def depth_range(self) -> tuple[float, float]:
        """Returns `distance`."""
        return self.distance

    def reach(self) -> float:
        """Returns the distance, metres, beyond which nothing may stand."""
        return math.inf

    def check(self, classes: Sequence[ClassSpec], max_objects: int) -> None:
        """Refuses classes that groups and rings do not fit, and more objects than a graph holds."""
        self._check_names({c.name: c for c in classes})
        if self.count[1] > max_objects:
            text = f"{self.count[1]} objects do not fit in max_objects: {max_objects}; raise it"
            raise mistake(text, "layout", "count")

    def check_written(self, classes: Sequence[ClassSpec], appearance: AppearanceSpec) -> None:
        """Refuses skies: there is a backdrop, or a room."""
        if set(appearance.skies) - {BACKDROP}:
            raise mistake(f"layout {self.type} has no sky; delete this key", "appearance", "skies")

    def _check_names(self, specs: dict[str, ClassSpec]) -> None:
        def known(name: str, *at: str | int) -> ClassSpec:
            if name not in specs:
                raise mistake(f"unknown class {name!r}; {nearest(name, specs)}", "layout", *at)
            return specs[name]

        for i, ring in enumerate(self.around):
            for key, name in (("of", ring.of), ("what", ring.what)):
                if not known(name, "around", i, key).on_ground:
                    text = f"{name} does not stand on the ground; add {GROUND} to its supports:"
                    raise mistake(text, "layout", "around", i, key)
        for i, group in enumerate(self.groups):
            known(group.on, "groups", i, "on")
            for j, item in enumerate(group.items):
                if group.on not in known(item.what, "groups", i, "items", j, "what").supports:
                    raise mistake(
                        f"{item.what} does not stand on {group.on}; add {group.on} to its supports:",
                        *("layout", "groups", i, "items", j, "what"),
                    )

    def how_to_raise(self, spec: ClassSpec, free_share: float) -> str:
        """Names the count that decides how often the class comes."""
        if spec.count is not None:
            raising = f"raise its count: (now [{spec.count[0]}, {spec.count[1]}])"
            if spec.on_ground:  # What is small and carries nothing is put down last.
                return f"{raising}, or make room for it (layout: distance, lateral; fewer of the others)"
            return f"{raising} or the number of {' and '.join(spec.supports)}"
        if spec.on_ground:
            count = f"raise layout: count (now up to {self.count[1]})"
            return f"{count} or its frequency: ({free_share:.0%} of what is drawn freely)"
        return f"it stands on {', '.join(spec.supports)} alone: give it a count:, or name it in a group of the layout"


class ForeignLayout(LayoutSpec):
    """A layout of a type that no pack here brings: a model that carries it can run, and draw no scenes."""

    model_config = ConfigDict(extra="allow")


def _parse(data: Any, info: ValidationInfo) -> LayoutSpec:
    """Reads a layout as the type that it names."""
    if isinstance(data, LayoutSpec):
        return data
    known = layout_types()
    if not isinstance(data, dict):
        raise mistake(f"{data!r} is no layout; write a mapping of keys with `type:`")
    kind = data.get("type")
    if kind is None:
        raise mistake(f"no type; add {', '.join(f'`type: {name}`' for name in known)}")
    if not isinstance(kind, str):
        raise mistake(f"{kind!r} is no type; write one of {', '.join(known)}", "type")
    if kind in known:
        kinds: Any = known[kind].spec
        context = {**(info.context or {}), "class_names": _class_names(info)}
        spec: LayoutSpec = kinds.model_validate(data, context=context)
        return spec
    if (info.context or {}).get("folder") is not None:  # A file: somebody is writing it.
        raise mistake(f"{kind!r} is not one of {', '.join(map(repr, known))}", "type")
    return ForeignLayout.model_validate(data)


def _class_names(info: ValidationInfo) -> tuple[str, ...] | None:
    """The classes of the domain that is being read; None where these are mistaken, or there is no domain."""
    classes = (info.data or {}).get("classes")
    return None if classes is None else tuple(spec.name for spec in classes)


Layout = Annotated[SerializeAsAny[LayoutSpec], BeforeValidator(_parse)]
