"""What is placed so far in a scene with things upon things, and whether one more would fit."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from sim2sg_core.domains import ArrangedLayout, Domain
from sim2sg_core.render.meshes import Asset
from sim2sg_core.render.projection import NEAR, cuboid_box
from sim2sg_core.scene import Camera, Placement
from sim2sg_core.scene.polygons import polygon_area
from sim2sg_core.synthesis.assets.registry import class_assets, like_sized, load_asset
from sim2sg_core.synthesis.layouts.collision import TOUCH, footprint_gap, interpenetrate, rest_of
from sim2sg_core.synthesis.layouts.hollows import hollow_region
from sim2sg_core.synthesis.layouts.occlusion import seen
from sim2sg_core.synthesis.layouts.supports import support_regions

CLEAR = 0.3  # Metres about the camera that stay free.
KIT = 0.7  # Share of the tables with equal chairs, equal plates.
NEARLY_EMPTY = 0.25  # Share of the supporting objects with little on them.

Kit = dict[str, tuple[np.ndarray, str]]


@dataclass(frozen=True, eq=False)
class Item:
    """One thing that is placed.

    Attributes:
        placement: Where; its asset is chosen.
        asset: The mesh.
        host: Index of what it stands on; -1 is the ground.
        fullness: Share of the spread of counts that is made use of on it, 0-1.
        kit: Size and mesh that all of a class about it have; None where each has its own.
    """

    placement: Placement
    asset: Asset
    host: int
    fullness: float
    kit: Kit | None


@dataclass(eq=False)
class Arrangement:
    """A scene that grows: nothing in it interpenetrates, and the camera stays free."""

    domain: Domain
    spec: ArrangedLayout
    camera: Camera
    rng: np.random.Generator
    items: list[Item] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Finds where the camera is."""
        self.eye = self.camera.T_world_camera[:3, 3]
        self._round = np.zeros((0, 6))  # Of every item: x, y, radius of its footprint, lowest, highest, host.
        self._boxes: list[np.ndarray] = []  # Of what stands on the ground.

    @property
    def full(self) -> bool:
        """Whether there are as many objects as a graph can hold."""
        return len(self.items) >= self.domain.max_objects

    def draw(self, label: str, kit: Kit | None = None) -> tuple[np.ndarray, str]:
        """Draws (3,) a size in metres and the name of a mesh of about its proportions, or takes those of the kit."""
        if kit is not None and label in kit:
            return kit[label]
        spec = self.domain.class_spec(label)
        size = spec.sample_size(self.rng)
        near = like_sized(class_assets(self.domain, label), size, spec.measured)
        drawn = size, near[int(self.rng.integers(len(near)))]
        if kit is not None:
            kit[label] = drawn
        return drawn

    def regions(self, index: int) -> list[tuple[float, np.ndarray]]:
        """Returns height over the floor, metres, and (M, 2) unit region of an item's surfaces, the largest first.

        The floor of its hollow is one of them.
        """
        item = self.items[index]
        spec = self.domain.class_spec(item.placement.label)
        levels = [*zip(spec.surfaces, support_regions(item.asset, spec.surfaces), strict=True)]
        if spec.inside is not None:
            levels.append((spec.inside, hollow_region(item.asset, spec.inside)))
        found = [
            (float(item.placement.position[2] + share * item.placement.size[2]), region)
            for share, region in levels
            if len(region) > 2
        ]
        return sorted(found, key=lambda pair: -polygon_area(pair[1]))

    def add(self, placement: Placement, host: int = -1, gap: float | None = None) -> bool:
        """Adds a placement whose place is known to be sound, unless it would meet anything or hide what must be seen.

        Args:
            placement: With its asset.
            host: Index of what it stands on; -1 is the ground.
            gap: Least gap to other footprints on the same surface, metres; None takes the layout's.
        """
        asset = load_asset(str(placement.asset))
        if placement.distance_to(self.eye) < CLEAR or self._meets(
            placement, asset, host, self.spec.min_gap if gap is None else gap
        ):
            return False
        if host < 0 and not self._seen(placement):
            return False
        rng = self.rng
        fullness = rng.uniform(0.0, 0.2) if rng.random() < NEARLY_EMPTY else rng.uniform(0.4, 1.0)
        fullness = fullness if self.spec.uneven else 1.0  # Drawn in any case: what follows does not depend on it.
        self.items.append(Item(placement, asset, host, float(fullness), {} if rng.random() < KIT else None))
        self._round = np.vstack([self._round, self._row(placement, host)])
        return True

    @staticmethod
    def _row(p: Placement, host: int) -> np.ndarray:
        radius = float(np.hypot(p.size[0], p.size[1])) / 2
        return np.array([p.position[0], p.position[1], radius, p.position[2], p.position[2] + p.size[2], host])

    def _meets(self, placement: Placement, asset: Asset, host: int, gap: float) -> bool:
        """Whether it comes too near what stands on the same surface, or goes through anything.

        A shelf has several surfaces: what stands on one keeps clear of the others only where it is as high as they are.
        """
        row, known = self._row(placement, host), self._round
        reach = known[:, 2] + row[2] + 1.5 * gap  # Between two corners, axes see a gap up to sqrt(2) too small.
        near = np.hypot(known[:, 0] - row[0], known[:, 1] - row[1]) < reach
        tall = np.minimum(known[:, 4], row[4]) - np.maximum(known[:, 3], row[3]) > TOUCH / 2
        same = (known[:, 5] == host) & (np.abs(known[:, 3] - row[3]) < TOUCH)
        for k in np.flatnonzero(near & (tall | same)):
            other = self.items[k]
            if same[k] and not self._goes_round(placement.label, other.placement.label):
                if footprint_gap(placement, other.placement) < gap:
                    return True
            else:
                rest = rest_of(other.placement) if k == host else 0.0
                if interpenetrate(placement, asset, other.placement, other.asset, rest):
                    return True
        return False

    def _goes_round(self, a: str, b: str) -> bool:
        """Whether one of two classes stands round the other, at a gap of its own, perhaps beneath it."""
        return any({a, b} == {ring.what, ring.of} for ring in self.spec.around)

    def in_picture(self, placement: Placement) -> bool:
        """Whether the middle of its 3D box is seen, were nothing before it."""
        centre = self.camera.to_camera(placement.position + [0, 0, placement.size[2] / 2])
        if centre[2] < NEAR:
            return False
        u, v, w = self.camera.K @ centre
        return bool(0 < u < w * self.camera.width and 0 < v < w * self.camera.height)

    def _seen(self, placement: Placement) -> bool:
        """Whether enough is left to see of everything on the ground, taking objects for their boxes."""
        if not self.spec.min_visible_pixels:
            return True
        box = cuboid_box(placement, self.camera)
        placed = [item.placement for item in self.items if item.host < 0]
        least = self.spec.min_visible_pixels * self.domain.camera.pixels_in(self.camera)
        if np.isnan(box).any() or not seen(placement, box, placed, self._boxes, self.camera, least):
            return False
        self._boxes.append(box)
        return True
