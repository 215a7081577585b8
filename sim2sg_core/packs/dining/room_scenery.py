"""What surrounds a room's labelled content: walls, windows, a door, things along the walls and on the tables."""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import Any

import cv2
import numpy as np

from sim2sg_core.domains import Domain
from sim2sg_core.packs.dining.fittings import kitchen, screen
from sim2sg_core.packs.dining.room import Sight, Wall, make_room
from sim2sg_core.packs.dining.room_layout import RoomLayout
from sim2sg_core.packs.dining.room_shapes import block, ceiling_sheet, cover, curtain, pane, top_outline
from sim2sg_core.packs.dining.servings import meals
from sim2sg_core.packs.dining.surroundings import Surroundings
from sim2sg_core.render.meshes import Slot
from sim2sg_core.render.render_scene import Instance, Light, Material
from sim2sg_core.scene import Layout, Placement
from sim2sg_core.synthesis.assets.registry import asset_names, load_asset
from sim2sg_core.synthesis.layouts.occupancy import Occupancy, box_footprint

THICK = 0.1
CASTING = 1.3  # no farther than this from what is placed does clutter cast shadows, metres
KITCHENS, SCREENS = 0.5, 0.35  # shares of the rooms with clutter
GAP = 0.02  # between things along a wall and the wall
WHITE = Slot("trim", "trim", (0.72, 0.71, 0.68), roughness=0.5, specular=0.35)
DOOR = Slot("door", "door", roughness=0.5, specular=0.3, textures=("wood",), texture_scale=1.2)
BOXES = Slot("cabinet", "wood", roughness=0.6, specular=0.25, textures=("wood",), texture_scale=1.2)
CLOTH = Slot("cloth", "cloth", textures=("weave", "stripes", "checker"), texture_scale=0.3)
PATTERNS = ("weave", "checker", "stripes", "print")
TABLECLOTH = Slot("tablecloth", "trim", (0.7, 0.68, 0.64), 0.95, 0.03, textures=PATTERNS, texture_scale=0.4)
RUG = Slot("rug", "cloth", textures=PATTERNS, texture_scale=0.8)
PRINT = Slot("print", "cloth", roughness=0.6, specular=0.2, textures=("print", "clouds", "stripes"), texture_scale=0.5)
LAMP = Material((0.95, 0.93, 0.86), 0.8, 0.1, emissive=1.3)
PEOPLE = ("pedestrian",)
PERSON_HEIGHT = (1.5, 1.95)  # metres
PERSON_PLACES = (0.7, 4.5)  # metres from the camera's foot
PERSON_NEAR = 0.5  # no nearer in the view, metres
TABLE_THINGS = tuple(
    f"room_{name}"
    for name in ("apple", "candle", "flower", "fruit", "jar", "napkin", "orange", "placemat", "salt", "vase")
)
WALL_THINGS = ("room_picture", "room_clock", "room_mirror")
RUGS = ("room_rug", "room_carpet", "room_mat")
HUNG = ("room_lamp_ceiling", "room_pendant", "room_ceiling", "room_curtain", "room_window", "room_door", "room_blind",
        "room_tablecloth", "room_runner", "room_tv")  # fmt: skip


class Furnisher(Surroundings):
    """Fills a room with what carries no label."""

    def shell(self) -> None:
        """Walls, skirting, cornice, ceiling and the lamps that hang there."""
        rng, room = self.rng, self.room
        material = self.appearance.walls or Material((0.75, 0.73, 0.7), 0.95, 0.05)
        trim = self.painter.material(WHITE, rng)
        odd = int(rng.integers(4)) if rng.random() < 0.25 else -1  # One wall of another colour.
        skirting = float(rng.uniform(0.05, 0.14)) if rng.random() < 0.85 else 0.0
        for k, wall in enumerate(self.walls):
            shade = float(rng.uniform(0.93, 1.0)) if k != odd else float(rng.uniform(0.35, 0.8))
            paint = dataclasses.replace(material, color=tuple(shade * c for c in material.color))
            self.on_wall(wall, 0.0, 0.0, (wall.length + 2 * THICK, THICK, room.height), paint, out=-THICK)
            if skirting:
                self.on_wall(wall, 0.0, 0.0, (wall.length, 0.014, skirting), trim)
        middle = room.world((room.low + room.high) / 2)
        span = room.high - room.low
        white = Material(tuple((0.9 * np.array(trim.color)).tolist()), 0.95, 0.03, emissive=0.35)
        self.add(ceiling_sheet(), np.array([*middle, room.height - 1]), room.turn, (*span, 1.0), (white,))
        for light in self.appearance.lights:
            spot = np.array([*light.position[:2], 1.0])
            if not light.directional and room.inside(spot):
                self._ceiling_lamp(light)

    def _ceiling_lamp(self, light: Light) -> None:
        wide = float(self.rng.uniform(0.2, 0.5))
        high = float(self.rng.uniform(0.05, 0.14))
        position = np.array([*light.position[:2], self.room.height - high])
        self.add(load_asset("cylinder"), position, 0.0, (wide, wide, high), (LAMP,))

    # ---- in and on the walls -----------------------------------------------------------------------------------

    def windows(self) -> None:
        """Windows, in the wall that the light comes through if any does."""
        rng = self.rng
        sun = next((light for light in self.appearance.lights if light.directional), None)
        count = int(rng.integers(self.spec.windows[0], self.spec.windows[1] + 1))
        count = max(count, int(sun is not None and self.spec.windows[1] > 0))
        chances = [3.0, 2.0, 2.0, 0.5]
        if sun is not None:  # It shines inwards.
            towards = np.arctan2(sun.position[1], sun.position[0])
            chances = [max(-np.cos(wall.inward - towards), 0.0) ** 3 + 0.02 for wall in self.walls]
        wide, high = float(rng.uniform(0.6, 2.0)), float(rng.uniform(0.9, 1.5))
        sill = float(rng.uniform(0.6, 1.1)) if rng.random() < 0.8 else 0.06
        high = min(high if sill > 0.1 else 2.1, self.room.height - sill - 0.2)
        frame = self.painter.material(WHITE if rng.random() < 0.75 else BOXES, rng)
        day = float(rng.uniform(1.0, 3.0)) if sun is not None else float(rng.choice([0.03, 0.3, 1.0]))
        hangings = self.painter.material(CLOTH, rng) if rng.random() < 0.45 else None
        for _ in range(count):
            found = self.stretch(wide, (0, 1, 2, 3), tuple(chances))
            if found:
                self._window(self.walls[found[0]], found[1], sill, wide, high, frame, day, hangings)

    def _window(self, wall: Wall, along: float, sill: float, wide: float, high: float, frame: Material, day: float,
                hangings: Material | None) -> None:  # fmt: skip
        rng = self.rng
        materials = _outdoors(day, rng, len(pane().slots))
        self.add(pane(), np.array([*wall.point(along, 0.006), sill]), wall.yaw, (wide, 0.008, high), materials)
        bar = float(rng.uniform(0.045, 0.08))
        for side in (-1, 1):
            self.on_wall(wall, along + side * (wide - bar) / 2, sill, (bar, 0.05, high), frame)
        for z in (sill, sill + high - bar):
            self.on_wall(wall, along, z, (wide, 0.05, bar), frame)
        uprights = int(rng.integers(0, 2)) + int(wide > 1.3)
        for k in range(uprights):
            self.on_wall(wall, along + wide * ((k + 1) / (uprights + 1) - 0.5), sill, (bar, 0.04, high), frame)
        if rng.random() < 0.3:
            self.on_wall(wall, along, sill + 0.68 * high, (wide, 0.04, bar * 0.7), frame)
        if sill > 0.3:
            self.on_wall(wall, along, sill - 0.035, (wide + 0.12, 0.14, 0.035), frame)
        if hangings is None:
            return
        low = 0.03 if rng.random() < 0.6 or sill < 0.3 else sill - 0.1
        top = min(sill + high + 0.12, self.room.height - 0.03)
        for side in (-1, 1):
            spread = float(rng.uniform(0.25, 0.45))
            place = along + side * (wide / 2 + 0.05)
            self.on_wall(wall, place, low, (spread, 0.09, top - low), hangings, curtain(), out=0.06)

    def door(self) -> None:
        """A door with its frame."""
        rng = self.rng
        wide, high = float(rng.uniform(0.78, 0.95)), min(float(rng.uniform(1.95, 2.1)), self.room.height - 0.1)
        if rng.random() > 0.7 or not (found := self.stretch(wide + 0.16, (0, 1, 2, 3), (2.0, 2.0, 2.0, 1.0))):
            return
        wall, along = self.walls[found[0]], found[1]
        slot = DOOR if rng.random() < 0.5 else WHITE
        leaf, frame = (
            self.painter.material(slot, rng),
            self.painter.material(WHITE if rng.random() < 0.6 else slot, rng),
        )
        self.on_wall(wall, along, 0.005, (wide, 0.02, high), leaf)
        if rng.random() < 0.6:  # Panels.
            for z, h in ((0.12, 0.36), (0.55, 0.38)):
                darker = dataclasses.replace(leaf, color=tuple(0.9 * c for c in leaf.color))
                self.on_wall(wall, along, z * high, (wide * 0.68, 0.026, h * high), darker)
        for side in (-1, 1):
            self.on_wall(wall, along + side * (wide + 0.07) / 2, 0.0, (0.07, 0.035, high + 0.07), frame)
        self.on_wall(wall, along, high, (wide + 0.14, 0.035, 0.07), frame)
        steel = Material((0.4, 0.4, 0.42), 0.3, 0.6, metallic=0.0)
        self.on_wall(wall, along + (wide / 2 - 0.08) * rng.choice([-1, 1]), 1.02, (0.12, 0.05, 0.02), steel)
        x, y = wall.point(along, 0.4)
        self.taken.claim(x, y, wall.yaw, (wide, 0.8), 0.0)  # Kept clear, where it still is.

    def pictures(self, count: int) -> None:
        """Pictures and clocks."""
        rng, things = self.rng, _named(WALL_THINGS)
        for _ in range(count):
            if things and rng.random() < 0.6:
                asset = load_asset(things[rng.integers(len(things))])
                size = np.array(asset.size)[[1, 0, 2]] * rng.uniform(0.85, 1.2)
                materials = self.painter.materials(asset, rng)
            else:
                asset, size = block(), np.array([rng.uniform(0.25, 1.1), 0.025, rng.uniform(0.25, 0.8)])
                materials = (self.painter.material(BOXES if rng.random() < 0.5 else WHITE, rng),)
            found = self.stretch(float(size[0]), (0, 1, 2, 3), (3.0, 2.0, 2.0, 0.3))
            z = float(rng.uniform(1.25, 1.6)) - size[2] / 2
            if not found or z < 0.5 or z + size[2] > self.room.height:
                continue
            wall, along = self.walls[found[0]], found[1]
            self.before(wall, asset, np.array([*wall.point(along, size[1] / 2), z]), size, materials, shadow=False)
            if asset is block():
                rim = float(rng.uniform(0.02, 0.05))
                inner = (size[0] - 2 * rim, size[1] + 0.004, size[2] - 2 * rim)
                self.on_wall(wall, along, z + rim, inner, self.painter.material(PRINT, rng))

    # ---- on the floor ------------------------------------------------------------------------------------------

    def along_walls(self, count: int) -> None:
        """Furniture along the walls, and what stands about: never before what is placed."""
        rng = self.rng
        things = [name for name in _standing() if not shows_class(name, self.domain)]
        for _ in range(count):
            if things:
                asset = load_asset(things[rng.integers(len(things))])
                size = np.array(asset.size)[[1, 0, 2]] * rng.uniform(0.9, 1.15)
                materials = self.painter.materials(asset, rng)
            else:
                asset = block()
                size = np.array([rng.uniform(0.3, 1.4), rng.uniform(0.25, 0.5), rng.uniform(0.3, 1.9)])
                materials = (self.painter.material(BOXES if rng.random() < 0.6 else WHITE, rng),)
            for _ in range(8):
                k = int(rng.choice(4, p=[0.45, 0.25, 0.25, 0.05]))
                wall = self.walls[k]
                half = wall.length / 2 - size[0] / 2 - 0.05
                along = float(rng.uniform(-1, 1)) * half
                if size[2] > 0.9 and self.hung(k, along, float(size[0])):
                    continue  # Before a window or a picture.
                x, y = wall.point(along, size[1] / 2 + GAP)
                if half > 0 and self.free(x, y, wall.yaw, size):
                    self.taken.claim(x, y, wall.yaw, size, 0.0)
                    # Shadow maps are as fine as they are small: what stands far off casts none.
                    casts = self.near(np.array([x, y])) < CASTING
                    self.before(wall, asset, np.array([x, y, 0.0]), size, materials, shadow=casts)
                    break

    def people(self, count: int) -> None:
        """People who stand about, whole or cut off by the picture: never before what is placed."""
        rng, bodies = self.rng, _named(PEOPLE)
        for _ in range(count if bodies else 0):
            asset = load_asset(bodies[rng.integers(len(bodies))])
            size = np.array(asset.size) * (float(rng.uniform(*PERSON_HEIGHT)) / asset.size[2])
            materials = self.painter.materials(asset, rng)
            for _ in range(8):
                ahead = float(rng.uniform(*PERSON_PLACES))
                spot = np.array([ahead, ahead * float(rng.uniform(-0.8, 0.8)), 0.0])
                person = Placement("", spot, float(rng.uniform(-np.pi, np.pi)), size)
                hides = self.sight.blocked(person.corners(), PERSON_NEAR)
                inside = self.room.inside(person.corners()[:4]).all()
                if inside and not hides and self.taken.claim(spot[0], spot[1], person.yaw, size, 0.05):
                    self.add(asset, spot, person.yaw, size, materials, shadow=self.near(spot[:2]) < CASTING)
                    break

    def rug(self) -> None:
        """A rug, mostly beneath what stands on the floor."""
        rng = self.rng
        standing = [p for p in self.layout.placements if p.position[2] < 0.1]
        if standing and rng.random() < 0.8:
            largest = max(standing, key=lambda p: float(p.size[0] * p.size[1]))
            middle, yaw = largest.position[:2] + rng.normal(0, 0.15, 2), largest.yaw
            size = largest.size[:2] + rng.uniform(0.4, 1.6)
        else:
            middle = self.room.world(rng.uniform(self.room.low, self.room.high))
            yaw, size = self.room.turn, np.array([rng.uniform(1.2, 3.0), rng.uniform(0.8, 2.0)])
        corners = box_footprint(middle[0], middle[1], yaw, size[0], size[1])
        if not self.room.inside(np.column_stack([corners, np.zeros(4)])).all():
            return
        names = _named(RUGS)
        if names and rng.random() < 0.7:
            asset = load_asset(names[rng.integers(len(names))])
            self.add(asset, np.array([*middle, 0.0]), yaw, (*size, 0.006), self.painter.materials(asset, rng))
        else:
            material = dataclasses.replace(self.painter.material(RUG, rng), specular=0.02, roughness=1.0)
            self.add(load_asset("plane"), np.array([*middle, 0.004]), yaw, (*size, 1.0), (material,))

    # ---- on the tables -----------------------------------------------------------------------------------------

    def tables(self) -> None:
        """Cloths and small unlabelled things on whatever carries other classes on its top."""
        for k, placement in enumerate(self.layout.placements):
            area = float(placement.size[0] * placement.size[1])
            if placement.label not in self.domain.carriers or area < 0.25:
                continue
            surfaces = self.domain.class_spec(placement.label).surfaces
            if not surfaces or surfaces[-1] < 1 or not placement.asset:
                continue
            if not len(top_outline(placement.asset)):
                continue
            if self.rng.random() < 0.22:
                self._cloth(k, placement)
            if self.rng.random() < 0.35:
                self._on_top(placement, int(self.rng.integers(1, 4)))

    def _cloth(self, index: int, table: Placement) -> None:
        """A cloth over the table's top; it is part of the table."""
        rng = self.rng
        base = self.painter.material(CLOTH if rng.random() < 0.4 else TABLECLOTH, rng)
        material = dataclasses.replace(base, roughness=1.0, specular=0.02, texture_strength=0.5 * base.texture_strength)
        hang = float(rng.uniform(0.008, 0.03)) if rng.random() < 0.7 else 0.002
        asset = cover(table.asset or "")
        grown = 1 + 0.006 / table.size[:2] if hang > 0.005 else np.array([0.96, 0.96])
        if hang < 0.005 and rng.random() < 0.5:
            grown = np.array([0.96, float(rng.uniform(0.25, 0.45))])  # A runner.
        lift = 0.0007  # Less than anything on it is high.
        position = table.position + np.array([0, 0, table.size[2] - hang + lift])
        size = (*(table.size[:2] * grown), hang)
        self.add(asset, position, table.yaw, size, (material,), part_of=index)

    def _on_top(self, table: Placement, count: int) -> None:
        """Small things where nothing is placed, none of them before anything placed."""
        names, rng = _named(TABLE_THINGS), self.rng
        top = float(table.position[2] + table.size[2])
        taken = Occupancy.of([p for p in self.layout.placements if abs(p.position[2] - top) < 0.05])
        outline = (top_outline(table.asset or "") * table.size[:2]).astype(np.float32)
        c, s = np.cos(table.yaw), np.sin(table.yaw)
        sight = Sight(self.layout.camera, tuple(p for p in self.layout.placements if p is not table))
        for _ in range(count if names else 0):
            asset = load_asset(names[rng.integers(len(names))])
            size = np.array(asset.size) * rng.uniform(0.9, 1.1)
            materials, reach = self.painter.materials(asset, rng), float(np.hypot(*size[:2])) / 2
            for _ in range(8):
                spot = rng.uniform(-0.5, 0.5, 2) * table.size[:2]
                if cv2.pointPolygonTest(outline, (float(spot[0]), float(spot[1])), True) < reach:
                    continue
                x, y = table.position[:2] + spot @ np.array([[c, s], [-s, c]])
                thing = Placement("", np.array([x, y, top]), float(rng.uniform(-np.pi, np.pi)), size)
                quad = box_footprint(x, y, thing.yaw, size[0] + 0.02, size[1] + 0.02)
                if taken.free(quad) and (size[2] < 0.02 or not sight.blocked(thing.corners(), near=0.3)):
                    taken.add(quad)
                    self.add(asset, thing.position, thing.yaw, size, materials, shadow=True)
                    break


def _outdoors(day: float, rng: np.random.Generator, steps: int) -> tuple[Material, ...]:
    """Looks of a pane's strips from below: ground or trees, haze, sky, a little blue and mostly too bright."""
    green, sky = np.array([0.35, 0.42, 0.28]), np.array([0.86, 0.95, 1.1])
    horizon, wide = rng.uniform(-0.2, 0.6), rng.uniform(0.1, 0.4)
    materials = []
    for z in np.linspace(0, 1, steps):
        share = 1 / (1 + np.exp(-(z - horizon) / (0.3 * wide)))
        color = (1 - share) * green * rng.uniform(0.8, 1.1) + share * sky * (1.1 - 0.2 * z)
        materials.append(Material(tuple((color * 0.8).tolist()), 0.1, 0.3, emissive=day))
    return tuple(materials)


@cache
def _named(stems: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for stem in stems for name in asset_names(stem))


def shows_class(asset: str, domain: Domain) -> bool:
    """Whether a thing of the room is named as a class of the domain: without a label it would be a wrong example."""
    words = asset.removeprefix("room_").split("_")
    return any(word in words for spec in domain.classes for word in spec.name.split("_"))


@cache
def _standing() -> tuple[str, ...]:
    """Names of the unlabelled things that stand on the floor."""
    apart = (*TABLE_THINGS, *WALL_THINGS, *RUGS, *HUNG)
    return tuple(name for name in asset_names("room") if not name.startswith(apart))


def room_scenery(domain: Domain, layout: Layout, appearance: Any, rng: np.random.Generator) -> list[Instance]:
    """Draws everything unlabelled about a room. Needs nothing of the layout but its camera and placements.

    Args:
        domain: Its layout, a room, gives the ranges.
        layout: The labelled content.
        appearance: The frame's appearance: painter, walls and lights.
        rng: Randomness.
    """
    assert isinstance(domain.layout, RoomLayout)
    furnisher = Furnisher(domain, layout, make_room(domain.layout, layout, rng), appearance, rng)
    furnisher.shell()
    furnisher.windows()
    furnisher.door()
    clutter = int(rng.integers(domain.layout.clutter[0], domain.layout.clutter[1] + 1))
    on_walls = int(rng.binomial(clutter, 0.35))
    if clutter and rng.random() < KITCHENS:
        kitchen(furnisher)
    if clutter and rng.random() < SCREENS:
        screen(furnisher)
    furnisher.pictures(on_walls)
    if clutter and rng.random() < 0.4:
        furnisher.rug()
    furnisher.along_walls(clutter - on_walls)
    if domain.layout.people[1]:
        furnisher.people(int(rng.integers(domain.layout.people[0], domain.layout.people[1] + 1)))
    if domain.layout.clutter[1]:
        furnisher.tables()
        furnisher.made += meals(layout, appearance.painter, rng)
    return furnisher.made


__all__ = ["Furnisher", "room_scenery"]
