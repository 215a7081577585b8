"""Keys of the layout type `street`: its cross-section, and which classes of the domain play which role in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, Strict, ValidationInfo, model_validator

from sim2sg_core.domains.appearance_spec import AppearanceSpec
from sim2sg_core.domains.class_spec import ClassSpec
from sim2sg_core.domains.fields import BACKDROP, Amount, Extent, Several, Share, Spec, mistake, nearest
from sim2sg_core.domains.layout_spec import LayoutSpec
from sim2sg_core.packs.drive.earlier_keys import RENAMED, with_roles
from sim2sg_core.scene.layout import GROUND

ROLES = ("vehicles", "walkers", "riders", "plants", "houses")
EVERYWHERE = ("parks_along", "parks_across", "crosses")  # what a class of vehicles that fills all places cannot choose

Factor = Annotated[float, Strict(), Field(gt=0)]


class StreetClass(Spec):
    """A class that plays a role in a street.

    Attributes:
        what: The class; it stands on the ground.
        density: How many there are per 100 m of a street that is full of them. Kinds of streets have shares of it: in a
            suburb fewer people walk than in a city.
    """

    what: str
    density: Amount


class StreetVehicle(Spec):
    """A class of vehicles.

    Attributes:
        what: The class; it stands on the ground.
        density: How many of the vehicles, parked and moving, are of this class, per 100 m; three in ten at most, and
            fewer where it does not park. Omit it for exactly one class, which fills the remaining places.
        parks_along: How common it is where vehicles park along the kerb, relative to the lanes.
        parks_across: How common it is where they park across the street, relative to the lanes.
        crosses: Share of the vehicles at junctions that are of this class; None takes what it is in the lanes.
        mesh_scale: Length, width and height of an object relative to its mesh, as labels leave out mirrors. For classes
            that take their size from their meshes.
    """

    what: str
    density: Amount | None = None
    parks_along: Share = 1.0
    parks_across: Share = 1.0
    crosses: Share | None = None
    mesh_scale: tuple[Factor, Factor, Factor] = (1.0, 1.0, 1.0)


class StreetLayout(LayoutSpec):
    """A street that the camera drives along.

    Each class of the domain plays one role in it: vehicles, walkers, riders, plants or houses. Densities are per 100 m.

    Attributes:
        type: "street".
        lanes: Lanes in all; streets off the main roads have at most two, unless more are the least.
        lane_width: Metres.
        sidewalk_width: Metres, each side.
        curve: Curvature of the street, 1/m, either way.
        length: How far the street is laid out before the camera, metres.
        parked: Number of vehicles parked at each kerb; 18 per 100 m leave no place free.
        moving: Number of moving vehicles, in all lanes together.
        vehicles: What drives in the lanes, parks and crosses.
        walkers: Who walks on the sidewalks and the road, alone and in groups.
        riders: Who rides at the edges of the lanes and on the sidewalks.
        plants: What grows along the street.
        houses: What lines the street, fronts to it; 8 per 100 m leave no plot empty.
        near: Number of vehicles, and of groups of walkers, placed within 10 m of the camera; half as many riders. They
            come in addition to the densities. Some kinds of streets have only a share of it.
        crowded: Share of the streets in cities where people crowd at kerbs, crossings and on the sidewalks, and riders
            come in streams, 0-1; other kinds of streets have shares of it.
        junctions: Streets that cross.
        across: Share of the parking strips where vehicles stand across the street, 0-1.
        clutter: Unlabelled things: poles, signs, bins, fences.
    """

    type: Literal["street"]
    lanes: Several = (1, 4)
    lane_width: Extent = (2.9, 3.6)
    sidewalk_width: Amount = (1.2, 3.5)
    curve: Amount = (0.0, 0.004)
    length: Extent = (60.0, 120.0)
    parked: Amount = (0.0, 20.0)
    moving: Amount = (0.0, 8.0)
    vehicles: tuple[StreetVehicle, ...] = ()
    walkers: tuple[StreetClass, ...] = ()
    riders: tuple[StreetClass, ...] = ()
    plants: tuple[StreetClass, ...] = ()
    houses: tuple[StreetClass, ...] = ()
    near: Amount = (0.0, 2.0)
    crowded: Share = 0.3
    junctions: Amount = (0.0, 2.5)
    across: Share = 0.2
    clutter: Amount = (2.0, 25.0)

    renamed: ClassVar[dict[str, str]] = RENAMED

    @model_validator(mode="before")
    @classmethod
    def _earlier_keys(cls, data: Any, info: ValidationInfo) -> Any:
        return with_roles(data, (info.context or {}).get("class_names")) if isinstance(data, dict) else data

    @model_validator(mode="after")
    def _one_fills_the_rest(self) -> StreetLayout:
        """One class of vehicles, and no other, has no density."""
        rest = [(i, vehicle) for i, vehicle in enumerate(self.vehicles) if vehicle.density is None]
        if self.vehicles and not rest:
            text = "one class of vehicles goes without a density: it takes the places that others leave; delete one"
            raise mistake(text, "vehicles", 0, "density")
        for i, vehicle in rest[1:]:
            text = f"no density: {rest[0][1].what} takes all places that others leave; add e.g. density: [0, 3]"
            raise mistake(f"{vehicle.what} has {text}", "vehicles", i)
        for i, vehicle in rest:
            for key in EVERYWHERE:
                if getattr(vehicle, key) != StreetVehicle.model_fields[key].default:
                    text = f"{vehicle.what} has no density: it takes the places that others leave, wherever they are"
                    raise mistake(f"{text}; delete this key", "vehicles", i, key)
        return self

    @property
    def vehicle_names(self) -> frozenset[str]:
        """Names of the classes of vehicles."""
        return _names(self.vehicles)

    @property
    def people_names(self) -> frozenset[str]:
        """Names of the classes of walkers and riders."""
        return _names((*self.walkers, *self.riders))

    @property
    def plant_names(self) -> frozenset[str]:
        """Names of the classes of plants."""
        return _names(self.plants)

    @property
    def house_names(self) -> frozenset[str]:
        """Names of the classes of houses."""
        return _names(self.houses)

    def depth_range(self) -> tuple[float, float]:
        """Returns from before the bonnet to where the shortest street ends."""
        return 5.0, self.length[0]

    def entries(self) -> Iterator[tuple[str, int, StreetClass | StreetVehicle]]:
        """Yields role, index in it and entry of everything that plays a role."""
        for role in ROLES:
            for i, entry in enumerate(getattr(self, role)):
                yield role, i, entry

    def check(self, classes: Sequence[ClassSpec], max_objects: int) -> None:
        """Refuses roles of classes that are not there or play another, and counts: densities say how many there are.

        A class without a role is no mistake: it may come in scenes rebuilt from logs. `how_to_raise` tells of it.
        """
        specs = {spec.name: spec for spec in classes}
        for i, spec in enumerate(classes):
            if spec.count is not None:
                text = "a street is filled by layout: parked, moving and the density of each class; delete this key"
                raise mistake(text, "classes", i, "count")
        roles: dict[str, str] = {}
        for role, i, entry in self.entries():
            at = ("layout", role, i, "what")
            if entry.what not in specs:
                raise mistake(f"unknown class {entry.what!r}; {nearest(entry.what, specs)}", *at)
            if entry.what in roles:
                text = f"{entry.what} is among the {roles[entry.what]} already; a class plays one role, once"
                raise mistake(f"{text}: delete one", *at)
            if not specs[entry.what].on_ground:
                raise mistake(f"{entry.what} does not stand on the ground; add {GROUND} to its supports:", *at)
            roles[entry.what] = role
        if not roles:
            keys = f"{', '.join(f'{role}:' for role in ROLES[:-1])} or {ROLES[-1]}:"
            raise mistake(f"nothing stands in this street; name classes under {keys}", "layout")

    def check_written(self, classes: Sequence[ClassSpec], appearance: AppearanceSpec) -> None:
        """Refuses the frequency of classes, and lamps under the sky."""
        for i, spec in enumerate(classes):
            if spec.changes("frequency"):
                text = "a street is filled by the densities of its layout, not by frequency; delete this key"
                raise mistake(text, "classes", i, "frequency")
        if appearance.changes("lights") and appearance.lights != (1, 1) and BACKDROP not in appearance.skies:
            raise mistake("a street under the sky has one light, the sun; delete this key", "appearance", "lights")

    def how_to_raise(self, spec: ClassSpec, free_share: float) -> str:
        """Names the density of the class."""
        for role, i, entry in self.entries():
            if entry.what != spec.name:
                continue
            moving = f"moving (now {_shown(self.moving)})"
            if entry.density is None:
                return f"raise layout: parked (now {_shown(self.parked)}) or {moving}"
            more = f" or {moving}" if role == "vehicles" else ""
            return f"raise layout: {role}[{i}].density (now {_shown(entry.density)}){more}"
        return f"it plays no role in the street; name it in the layout under {', '.join(ROLES[:-1])} or {ROLES[-1]}"

    def how_to_widen(self) -> str:
        """Says which keys give objects more room."""
        return "length and lanes"


def _names(entries: Sequence[StreetClass | StreetVehicle]) -> frozenset[str]:
    return frozenset(entry.what for entry in entries)


def _shown(span: tuple[float, float]) -> str:
    return f"[{span[0]:g}, {span[1]:g}]"
