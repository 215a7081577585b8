"""Prior street scenes: what drives, parks, walks, grows and stands along a street before the camera.

Right-hand traffic. The road's line runs along the middle of the camera's lane; everything is placed by (s, t) along it.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from sim2sg_core.domains import Domain
from sim2sg_core.packs.drive.section import Section, sample_section
from sim2sg_core.packs.drive.street_layout import StreetLayout
from sim2sg_core.render.projection import image_extent
from sim2sg_core.scene import Camera, Layout, Placement
from sim2sg_core.scene.layout import wrap_angle
from sim2sg_core.synthesis.assets.registry import asset_names, load_asset
from sim2sg_core.synthesis.layouts.occupancy import Occupancy, box_footprint

# Labelled boxes are tighter than meshes with mirrors and bumpers: length, width, height relative to the mesh.
TIGHT = {"car": (0.93, 0.90, 1.02), "van": (0.96, 0.93, 1.0), "truck": (0.98, 0.97, 1.0)}
# Which assets of the classes a kind of street shows, as name parts; and its share of full densities:
# parked, moving, pedestrians, cyclists, vegetation, buildings.
BUILDINGS = {
    "city": ("row", "row", "row", "block"), "residential": ("house", "row", "block"), "suburb": ("house",),
    "avenue": ("block", "row", "hall"), "rural": ("house", "hall"), "lot": ("hall", "block"),
}  # fmt: skip
TREES = {
    "city": ("street", "young", "round", "hedge"),
    "residential": ("round", "young", "bush", "hedge", "sparse", "conifer"),
    "suburb": ("round", "conifer", "bush", "hedge", "hedge", "column"),
    "avenue": ("street", "street", "street", "bush"),
    "rural": ("round", "sparse", "bush", "bush", "conifer", "street"),
    "lot": ("young", "bush", "hedge", "street"),
}  # fmt: skip
SHARES = {
    "city": (1.0, 0.8, 1.0, 1.0, 0.35, 1.0), "residential": (1.0, 0.35, 0.6, 0.7, 0.7, 0.8),
    "suburb": (0.55, 0.4, 0.4, 0.5, 1.0, 0.6), "avenue": (0.7, 1.0, 0.6, 0.9, 0.9, 0.5),
    "rural": (0.05, 0.7, 0.12, 0.4, 1.0, 0.15), "lot": (1.0, 0.5, 0.6, 0.5, 0.5, 0.4),
}  # fmt: skip


class StreetSampler:
    """Fills one street; refuses whatever would overlap."""

    def __init__(self, domain: Domain, section: Section, rng: np.random.Generator) -> None:
        """Starts empty, the camera's own place taken."""
        self.domain, self.section, self.rng = domain, section, rng
        self.taken = Occupancy()
        self.taken.add(box_footprint(1.5, 0.0, 0.0, 8.0, 2.0))
        self.placements: list[Placement] = []
        self.names = {c.name for c in domain.classes}

    def pick(self, label: str, parts: tuple[str, ...] = ()) -> str:
        """Draws one of the class's meshes, of the kinds `parts` when given."""
        spec = self.domain.class_spec(label)
        names = spec.assets or _named(label)
        if parts:
            part = parts[self.rng.integers(len(parts))]
            names = tuple(n for n in names if f"_{part}_" in n) or names
        return names[self.rng.integers(len(names))]

    def size(self, label: str, asset: str) -> np.ndarray:
        """Draws the size of an instance: the mesh's own proportions, a little varied."""
        rng, size = self.rng, np.array(load_asset(asset).size)
        if label == "pedestrian":
            child = size[2] < 1.45
            height = rng.uniform(1.0, 1.45) if child else np.clip(rng.normal(1.73, 0.09), 1.5, 1.98)
            return size * height / size[2] * rng.uniform(0.95, 1.08, 3) ** [1, 1, 0]
        if label in ("vegetation", "building"):
            return size * rng.uniform(0.8, 1.25) * rng.uniform(0.92, 1.08, 3)
        return size * np.array(TIGHT.get(label, (1.0, 1.0, 1.0))) * rng.normal(1, 0.025, 3).clip(0.94, 1.06)

    def put(
        self,
        label: str,
        s: float,
        t: float,
        turn: float = 0.0,
        parts: tuple[str, ...] = (),
        margin: float = 0.15,
        asset: str | None = None,
        size: np.ndarray | None = None,
    ) -> Placement | None:
        """Places an object at (s, t), turned against the road, unless something is in the way."""
        if label not in self.names:
            return None
        asset = asset or self.pick(label, parts)
        size = self.size(label, asset) if size is None else size
        x, y = self.section.road.at(s, t)
        yaw = float(self.section.road.yaw(s)) + turn
        if not self.taken.claim(x, y, yaw, size, margin):
            return None
        placement = Placement(label, np.array([x, y, 0.0]), wrap_angle(yaw), size, asset)
        self.placements.append(placement)
        return placement

    def vehicle(self, vans: float, trucks: float) -> str:
        """Draws a vehicle class; `vans` and `trucks` are shares."""
        u = self.rng.random()
        return "truck" if u < trucks else "van" if u < trucks + vans else "car"

    def park(self, side: int, density: float, vans: float, trucks: float) -> None:
        """Fills a parking strip; `density` cars per 100 m (a full parallel row holds 18)."""
        rng, section = self.rng, self.section
        width, style = section.parking[side]
        if not style:
            return
        full = 18.0 if style == "parallel" else 38.0
        fill = float(np.clip(density * (1 if style == "parallel" else 2) / full, 0, 1))
        sign = (1, -1)[side]
        s = float(rng.uniform(-1.5, 4.0))
        angle = float(rng.choice([np.pi / 2, np.pi / 2, np.pi / 3])) if style == "across" else 0.0
        facing = 0.0 if side or not section.oncoming else np.pi
        while s < section.length:
            label = self.vehicle(vans, trucks * 0.4 if style == "parallel" else 0.0)
            asset = self.pick(label)
            size = self.size(label, asset)
            room = float(size[0]) if style == "parallel" else float(size[1]) / np.sin(angle)
            gap = float(rng.gamma(2.5, 0.38)) + 0.35 if style == "parallel" else float(rng.uniform(0.55, 1.0))
            empty = rng.random() > fill
            if not empty and not section.crossing(s + room / 2, room / 2 + 3):
                turn = facing + float(rng.normal(0, 0.025))
                t = section.edge(side) - sign * (
                    width / 2 if style == "across" else size[1] / 2 + rng.uniform(0.02, 0.3)
                )
                if style == "parallel" and rng.random() < 0.06:
                    turn += np.pi
                if style == "across":
                    turn = sign * angle + (np.pi if rng.random() < 0.3 else 0.0) + float(rng.normal(0, 0.03))
                if style == "across" and size[0] > width + 0.6:
                    s += room + gap
                    continue
                self.put(label, s + room / 2, t, turn, asset=asset, size=size, margin=0.08)
            s += room + gap

    def drive(self, density: float, vans: float, trucks: float) -> None:
        """Puts moving vehicles in the lanes, `density` per 100 m over all lanes."""
        rng, section = self.rng, self.section
        lanes = [(t, 0.0) for t in section.ahead] + [(t, np.pi) for t in section.oncoming]
        if not section.oncoming and rng.random() < 0.4:
            lanes.append(((section.left + section.right) / 2, np.pi))
        for _ in range(int(rng.poisson(density * section.length / 100))):
            t, turn = lanes[rng.integers(len(lanes))]
            first = 7.0 if abs(t) < 1.2 else 3.5
            s = first + (section.length - first) * float(rng.beta(1.0, 1.6))
            self.put(
                self.vehicle(vans, trucks),
                s,
                t + float(rng.normal(0, 0.2)),
                turn + float(rng.normal(0, 0.02)),
                margin=0.6,
            )
        if rng.random() < 0.2:  # A queue ahead, as before lights.
            s = float(rng.uniform(8, 30))
            for _ in range(int(rng.integers(2, 6))):
                placed = self.put(self.vehicle(vans, trucks), s + 2.3, float(rng.normal(0, 0.15)), 0.0, margin=0.4)
                s += (placed.size[0] if placed else 4.0) + float(rng.uniform(1.2, 3.5))

    def cross(self, vans: float) -> None:
        """Puts vehicles in and before the junctions, crossing or turning."""
        rng, section = self.rng, self.section
        for at, half in section.junctions:
            for _ in range(int(rng.poisson(1.3))):
                towards = float(rng.choice([-1, 1]))
                t = float(
                    rng.choice(
                        [
                            section.edge(0, 1) + rng.gamma(2, 5),
                            section.edge(1, 1) - rng.gamma(2, 5),
                            rng.uniform(section.right, section.left),
                        ]
                    )
                )
                turn = towards * np.pi / 2 + float(rng.normal(0, 0.12))
                self.put(self.vehicle(vans, 0.05), at + towards * half * 0.45, t, turn, margin=0.4)

    def walk(self, density: float) -> None:
        """Puts people on the pavements and crossings, alone and in groups."""
        rng, section = self.rng, self.section
        groups = rng.poisson(density * section.length / 100 / 1.7)
        for _ in range(int(groups)):
            s = 4.5 + (min(section.length, 65.0) - 4.5) * float(rng.beta(1.1, 1.7))
            side = int(rng.integers(2))
            sign = (1, -1)[side]
            count = int(rng.choice([1, 2, 3, 4], p=[0.58, 0.28, 0.09, 0.05]))
            crossing = rng.random() < 0.13
            t0 = (
                float(rng.uniform(section.edge(1), section.edge(0)))
                if crossing
                else section.edge(side)
                + sign * float(rng.uniform(0.5, section.walk[side] + min(section.setback[side], 2.0)))
            )
            along = float(rng.choice([0.0, np.pi])) + (np.pi / 2 if crossing else 0.0)
            standing = rng.random() < 0.2
            for k in range(count):
                turn = float(rng.uniform(-np.pi, np.pi)) if standing else along + float(rng.normal(0, 0.15))
                ds, dt = (k % 2) * rng.normal(0, 0.2) + (k // 2) * 0.9, (k % 2) * 0.72 * sign
                self.put("pedestrian", s + ds, t0 + dt, turn, margin=0.05)

    def ride(self, density: float) -> None:
        """Puts cyclists at the lanes' edges, on the pavements and on the crossing streets."""
        rng, section = self.rng, self.section
        for _ in range(int(rng.poisson(density * section.length / 100))):
            s = 5 + (min(section.length, 60.0) - 5) * float(rng.beta(1.1, 1.5))
            side = int(rng.integers(2))
            sign = (1, -1)[side]
            way = (np.pi if section.oncoming else 0.0) if side == 0 else 0.0
            if rng.random() < 0.6:
                t = (section.left, section.right)[side] - sign * float(rng.uniform(0.4, 1.0))
            else:
                t = section.edge(side, float(rng.uniform(0.5, section.walk[side])))
                way += np.pi * (rng.random() < 0.35)
            if rng.random() < 0.12:
                t, way = float(rng.uniform(section.right, section.left)), float(rng.choice([-1, 1])) * np.pi / 2
            self.put("cyclist", s, t, way + float(rng.normal(0, 0.08)), margin=0.1)

    def build(self, density: float) -> None:
        """Lines the street with houses, fronts to the street: closed rows in the city, gaps elsewhere."""
        rng, section = self.rng, self.section
        share = float(np.clip(density / 8.0, 0, 1))
        for side in (0, 1):
            s = float(rng.uniform(-14, 2))
            while s < section.length:
                asset = self.pick("building", BUILDINGS[section.kind])
                size = self.size("building", asset)
                gap = float(rng.uniform(0, 0.4)) if section.kind == "city" else float(rng.gamma(2, 3.0)) + 1.5
                middle = s + size[0] / 2
                if rng.random() < share and not section.crossing(middle, size[0] / 2 + 1.5):
                    back = section.walk[side] + section.setback[side] + size[1] / 2
                    back += 0.15 if section.kind == "city" else abs(float(rng.normal(0, 0.8)))
                    self.put(
                        "building",
                        middle,
                        section.edge(side, back + 0.2),
                        np.pi if side == 0 else 0.0,
                        asset=asset,
                        size=size,
                        margin=0.05,
                    )
                    s += size[0] + gap
                else:
                    s += size[0] * 0.5 + gap

    def grow(self, density: float) -> None:
        """Plants trees in rows at the kerb, hedges along gardens, bushes and trees behind."""
        rng, section = self.rng, self.section
        parts = TREES[section.kind]
        for side in (0, 1):
            if section.kind in ("avenue", "city") and rng.random() < (0.85 if section.kind == "avenue" else 0.3):
                step, s = float(rng.uniform(8, 14)), float(rng.uniform(3, 12))
                name = self.pick("vegetation", ("street", "young") if section.kind == "city" else ("street",))
                while s < section.length:
                    size = self.size("vegetation", name)
                    self.trunk(name, s, section.edge(side, min(section.walk[side] - 0.4, 1.0)), size)
                    s += step + float(rng.normal(0, 0.6))
            if "hedge" in parts and rng.random() < 0.55:
                s, end = (float(v) for v in np.sort(rng.uniform(2, section.length, 2)))
                name = self.pick("vegetation", ("hedge",))
                size = self.size("vegetation", name)
                while s < min(end, 60):
                    if not section.crossing(s, 3):
                        self.put(
                            "vegetation",
                            s,
                            section.edge(side, section.walk[side] + 0.8),
                            0.0,
                            asset=name,
                            size=size,
                            margin=0.0,
                        )
                    s += float(size[0]) + 0.02
        for _ in range(int(rng.poisson(density * section.length / 100))):
            side = int(rng.integers(2))
            s = 3 + (section.length - 3) * float(rng.random())
            out = section.walk[side] + 0.6 + float(rng.gamma(1.6, 2.5))
            name = self.pick("vegetation", parts)
            self.trunk(name, s, section.edge(side, out), self.size("vegetation", name))

    def trunk(self, asset: str, s: float, t: float, size: np.ndarray) -> None:
        """Plants a tree.

        A high crown may overhang: only a fifth of its spread must be free of low things, but no two crowns nor a
        crown and a house may overlap.
        """
        high = any(f"_{k}_" in asset for k in ("street", "round", "sparse", "young"))
        if "vegetation" not in self.names or self.section.crossing(s, 1.5):
            return
        x, y = self.section.road.at(s, t)
        yaw = float(self.rng.uniform(-np.pi, np.pi))
        share = 0.22 if high and size[2] > 5 else 0.9
        foot = box_footprint(x, y, yaw, float(size[0]) * share, float(size[1]) * share)
        if not self.taken.free(foot):
            return
        crown = box_footprint(x, y, yaw, float(size[0]) * 0.9, float(size[1]) * 0.9)
        solid = Occupancy()
        for other in self.placements:
            if other.label in ("building", "vegetation") or other.size[2] > 2.3:
                solid.add(other.footprint())
        if not solid.free(crown):
            return
        self.taken.add(foot)
        self.placements.append(Placement("vegetation", np.array([x, y, 0.0]), yaw, size, asset))


@cache
def _named(label: str) -> tuple[str, ...]:
    return asset_names(label)


def sample_street(domain: Domain, camera: Camera, rng: np.random.Generator) -> Layout:
    """Draws a street scene: its kind, its cross-section, and what stands on it."""
    spec = domain.layout
    assert isinstance(spec, StreetLayout)
    section = sample_section(spec, rng)
    sampler = StreetSampler(domain, section, rng)
    parked, moving, people, bikes, green, houses = (
        float(rng.uniform(*span)) * share
        for span, share in zip(
            (spec.parked_cars, spec.moving_cars, spec.pedestrians, spec.cyclists, spec.vegetation, spec.buildings),
            SHARES[section.kind], strict=True,
        )
    )  # fmt: skip
    cars = max(parked * 2 + moving, 1.0)
    vans, trucks = (min(float(rng.uniform(*span)) / (cars + 4), 0.3) for span in (spec.vans, spec.trucks))
    sampler.drive(moving, vans, trucks)
    sampler.cross(vans)
    sampler.park(0, parked * float(rng.uniform(0.6, 1.2)), vans, trucks)
    sampler.park(1, parked * float(rng.uniform(0.6, 1.2)), vans, trucks)
    sampler.walk(people)
    sampler.ride(bikes)
    sampler.build(houses)
    sampler.grow(green)
    return Layout(camera, visible(sampler.placements, camera, domain.max_objects))


def visible(placements: list[Placement], camera: Camera, limit: int) -> tuple[Placement, ...]:
    """Keeps what may be in the picture, and of houses and plants only the nearest, so that `limit` holds them all.

    Traffic comes first; order is near to far.
    """
    kept = []
    for placement in placements:
        corners = camera.to_camera(placement.corners())
        ahead = corners[corners[:, 2] > 0.5]
        if not len(ahead):
            continue
        left, _, right, _ = image_extent(ahead, camera)
        if right > 0 and left < camera.width:
            kept.append(placement)
    kept.sort(key=lambda p: float(np.hypot(*p.position[:2])))
    traffic = [p for p in kept if p.label not in ("vegetation", "building")][:limit]
    rest = [p for p in kept if p.label in ("vegetation", "building")]
    chosen = traffic + rest[: max(limit - len(traffic), 10)]
    return tuple(sorted(chosen, key=lambda p: float(np.hypot(*p.position[:2]))))
