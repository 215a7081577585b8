"""Puts unlabelled things along a street: out of the way of the placements, of one another and of the camera.

Names here are those of built-in meshes, whatever the classes of the domain are called. For (s, t) see `road`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from sim2sg_core.packs.drive.street_inference import Street
from sim2sg_core.render.render_scene import Instance, Material
from sim2sg_core.scene import Layout
from sim2sg_core.synthesis.assets.registry import asset_names, coarse_asset, load_asset
from sim2sg_core.synthesis.layouts.occupancy import Occupancy


class Decorator:
    """Adds scenery that avoids the placements, itself and the view right before the camera."""

    def __init__(
        self, layout: Layout, street: Street, labelled: frozenset[str], appearance: Any, rng: np.random.Generator
    ) -> None:
        """Takes the placements' footprints; meshes that are `labelled` do not stand about without their label."""
        self.labelled = labelled
        self.street, self.painter, self.rng = street, appearance.painter, rng
        self.taken = Occupancy.of(layout.placements)
        K = layout.camera.K
        self._half_view = math.atan2(max(K[0, 2], layout.camera.width - K[0, 2]), K[0, 0]) + 0.08
        self.instances: list[Instance] = []
        self._materials: dict[str, tuple[Material, ...]] = {}

    def put(
        self,
        name: str,
        s: float,
        t: float,
        turn: float = 0.0,
        scale: float | np.ndarray = 1.0,
        *,
        margin: float = 0.1,
        clear: float = 7.0,
        same: bool = False,
        shadow: bool = True,
    ) -> bool:
        """Places a mesh at (s, t) unless it is outside the view, overlaps, or hides the view close to the camera.

        What looks like a class of the domain, which labels have to name, is not placed.

        Args:
            name: Asset.
            s: Along the road.
            t: To its left.
            turn: Yaw against the road.
            scale: Of the asset's own size.
            margin: Kept free round it, metres.
            clear: Nothing nearer than this, unless well to the side.
            same: Whether all of this name look alike in this frame (lamps, fences of one street).
            shadow: Whether it casts one.
        """
        if name in self.labelled:
            return False
        x, y = self.street.road.at(s, t)
        size = np.array(load_asset(name).size) * scale
        reach = math.hypot(size[0], size[1]) / 2
        if x + reach < 1.0 or not self._in_view(x, y, reach):
            return False
        distance = math.hypot(x, y) - reach
        if distance < clear and (abs(y) - reach < 2.2 or distance < 2.5):
            return False
        yaw = self.street.road.heading + self.street.road.curve * s + turn
        if not self.taken.claim(x, y, yaw, size, margin):
            return False
        mesh, coarse = load_asset(name), coarse_asset(name)
        if coarse and distance > (34.0 if name.startswith("building") else 21.0):
            mesh = coarse  # Nobody looks closely at what carries no label.
        if same or distance > 40:  # Far things share a few looks per frame: drawing colours takes its time.
            key = name if same else f"{mesh.slots[0].name} {len(mesh.slots)} {self.rng.integers(5)}"
            materials = self._materials.get(key) or self._materials.setdefault(
                key, self.painter.materials(mesh, self.rng)
            )
        else:
            materials = self.painter.materials(mesh, self.rng)
        self.instances.append(Instance(mesh, np.array([x, y, 0.0]), yaw, size, materials, shadow=shadow, coarse=coarse))
        return True

    def _in_view(self, x: float, y: float, reach: float) -> bool:
        """Whether a disc on the ground may be seen, or throws its shadow into the picture."""
        return abs(math.atan2(y, max(x, 0.1))) < self._half_view + math.atan2(reach + 1.0, max(math.hypot(x, y), 1.0))

    def pick(self, stem: str) -> str:
        """Draws one asset whose name starts with `stem`."""
        names = _named(stem)
        return names[self.rng.integers(len(names))]

    def beside(self, side: int, out: float) -> float:
        """T at `out` metres beyond the kerb; side 0 left, 1 right."""
        return self.street.edges[side] + (1, -1)[side] * out

    def in_side_street(self, s: float, margin: float = 1.0) -> bool:
        """Whether s lies in the mouth of a side street."""
        return any(abs(s - at) < half + margin for at, half, _ in self.street.side_streets)

    def enclose(self) -> None:
        """Fences, walls and hedges between the pavement and the gardens."""
        rng = self.rng
        for side in (0, 1):
            if rng.random() < (0.3 if self.street.paved else 0.65):
                s, end = float(rng.uniform(2, 25)), float(rng.uniform(25, 95))
                t = self.beside(side, self.street.walks[side] + 0.35)
                while s < end:
                    name = self.pick(_one_of(("street_fence", "street_wall", "vegetation_hedge"), rng))
                    run = int(rng.integers(2, 6))
                    for _ in range(run):
                        if not self.in_side_street(s):
                            self.put(name, s, t, np.pi if side == 0 else 0.0, same=True, margin=-0.12, clear=4.0)
                        s += float(load_asset(name).size[0]) - 0.05
                    s += float(rng.choice([0.2, 3.0, 5.0]))

    def close_view(self) -> None:
        """Rows of houses and trees behind the first, woods at the road, and what stands where the street ends."""
        rng = self.rng
        town = self.street.paved
        green = float(rng.uniform(0.05, 0.4) if town else rng.uniform(0.45, 1.0))
        for side in (0, 1):
            sign = (1, -1)[side]
            front = self.street.fronts[side]
            if not town and rng.random() < 0.3:
                self._thickets(front + sign * 2.5, float(rng.uniform(3, 20)), float(rng.uniform(0.6, 1.1)), shadow=True)
            for row, (base, step) in enumerate(((2.0, 6.0), (11.0, 8.0), (22.0, 11.0))):
                s = float(rng.uniform(0, 8))
                while s < 125:
                    t = front + sign * (base + float(rng.uniform(0, 5)))
                    self._backdrop(s, t, side, green if row else min(1.0, green + 0.25), row)
                    s += step * float(rng.uniform(0.6, 1.25))
            self._thickets(front + sign * float(rng.uniform(34, 44)), 0.0, float(rng.uniform(0.9, 1.5)), shadow=False)
        end = float(rng.uniform(105, 140))
        for t in np.arange(-96, 97, 12.0):
            s = end + float(rng.uniform(-8, 8))
            if rng.random() < max(green, 0.4):
                self.put(
                    self.pick("background_thicket"),
                    s,
                    float(t),
                    np.pi / 2,
                    float(rng.uniform(1.0, 2.0)),
                    margin=-2.5,
                    shadow=False,
                )
            else:
                name = self.pick(_one_of(("building_house", "building_row", "building_block"), rng))
                self.put(
                    name,
                    s,
                    float(t),
                    -np.pi / 2 + float(rng.normal(0, 0.1)),
                    float(rng.uniform(0.9, 1.3)),
                    shadow=False,
                )

    def _thickets(self, t: float, start: float, scale: float, shadow: bool) -> None:
        """A wood's edge along the road at offset t."""
        step = float(load_asset("background_thicket_0").size[0]) * scale * 0.93
        for s in np.arange(start, 125, step):
            if not self.in_side_street(float(s), step / 2):
                self.put(
                    self.pick("background_thicket"),
                    float(s),
                    t + float(self.rng.normal(0, 0.8)),
                    float(self.rng.choice([0, np.pi])),
                    scale * float(self.rng.uniform(0.85, 1.15)),
                    margin=-2.0,
                    shadow=shadow,
                )

    def shade(self) -> None:
        """Trees beside and behind the camera: mostly out of the picture, but their shadows fall into it."""
        rng = self.rng
        for side in (0, 1):
            if rng.random() < 0.5:
                for s in np.arange(float(rng.uniform(-8, -2)), 8, float(rng.uniform(6, 9))):
                    name = self.pick(_one_of(("vegetation_street", "vegetation_round", "vegetation_sparse"), rng))
                    size = np.array(load_asset(name).size)
                    t = self.beside(side, float(rng.uniform(0.8, 4.0)))
                    if abs(t) < 2.8 or (s > 0.5 and abs(t) / s < 1.05):
                        continue
                    x, y = self.street.road.at(s, t)
                    if self.taken.claim(x, y, 0.0, size * 0.3):
                        materials = self.painter.materials(load_asset(name), rng)
                        self.instances.append(
                            Instance(
                                load_asset(name), np.array([x, y, 0.0]), 0.0, size, materials, coarse=coarse_asset(name)
                            )
                        )

    def _backdrop(self, s: float, t: float, side: int, green: float, row: int) -> None:
        """One tree, bush group or house behind the first row."""
        rng = self.rng
        if self.in_side_street(s, 3.0):
            return
        if rng.random() < green:
            kind = _one_of(("round", "sparse", "street", "conifer", "bush", "column", "bush"), rng)
            self.put(
                self.pick(f"vegetation_{kind}"),
                s,
                t,
                float(rng.uniform(-3, 3)),
                float(rng.uniform(0.75, 1.3)),
                margin=-0.8,
                clear=9.0,
                shadow=row == 0,
            )
        elif row or rng.random() < 0.5:
            kinds = ("row", "row", "block") if self.street.paved else ("house", "house", "hall", "block")
            kind = _one_of(kinds, rng)
            name = self.pick(f"building_{kind}")
            depth = float(load_asset(name).size[1])
            out = t + (1, -1)[side] * depth / 2
            self.put(
                name,
                s,
                out,
                np.pi if side == 0 else 0.0,
                float(rng.uniform(0.85, 1.15)),
                margin=0.1,
                clear=12.0,
                shadow=row == 0,
            )


def _one_of(names: Sequence[str], rng: np.random.Generator) -> str:
    """Draws as `rng.choice` does, which takes its time to make an array of the names."""
    return names[int(rng.integers(len(names)))]


@cache
def _named(stem: str) -> tuple[str, ...]:
    return asset_names(stem)
