"""A street that fills up: objects are placed one after another, where nothing is in the way."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sim2sg_core.domains import Domain
from sim2sg_core.packs.drive.section import Section
from sim2sg_core.packs.drive.street_layout import StreetLayout
from sim2sg_core.packs.drive.street_models import StreetModels
from sim2sg_core.scene import Camera, Placement
from sim2sg_core.scene.layout import wrap_angle
from sim2sg_core.synthesis.layouts.occupancy import Occupancy, box_footprint

SIGNS = (1, -1)  # of t on the left and right side
OWN_CAR = (0.0, 0.0, 0.0, 5.0, 2.0)  # x, y, yaw, length and width of the place of the vehicle that carries the camera
NEAR = 10.0  # metres before the camera within which things are near


class StreetFilling:
    """One street and what stands in it so far; refuses whatever would overlap.

    Attributes:
        spec: The layout's keys.
        section: The street.
        rng: Randomness of all that fills it.
        models: Draws meshes and sizes.
        taken: What may not be overlapped.
        placements: What stands in it.
        beside: The classes that stand beside the street: plants and houses.
        spread: Tangent of half the camera's horizontal field of view.
    """

    def __init__(self, domain: Domain, section: Section, camera: Camera, rng: np.random.Generator) -> None:
        """Starts empty, the camera's own place taken."""
        assert isinstance(domain.layout, StreetLayout)
        self.spec, self.section, self.rng = domain.layout, section, rng
        self.models = StreetModels(domain, rng)
        self.beside = self.spec.plant_names | self.spec.house_names
        self.taken = Occupancy()
        self.taken.add(box_footprint(*OWN_CAR))
        self.placements: list[Placement] = []
        self.spread = float(max(camera.K[0, 2], camera.width - camera.K[0, 2]) / camera.K[0, 0])

    def seen_from(self, t: float, least: float = 0.0) -> float:
        """S from which on the camera sees what stands at t, `least` at least; metres."""
        return max(abs(t) / self.spread, least)

    def place(
        self, what: str, s: float, t: float, turn: float, mesh: str, size: np.ndarray, margin: float
    ) -> Placement | None:
        """Places an object unless something is in the way; then returns None.

        Args:
            what: Its class.
            s: Along the road, metres.
            t: To its left, metres.
            turn: Heading against the road, radians.
            mesh: Its mesh.
            size: (3,) length, width, height, metres.
            margin: Kept free round it, metres.
        """
        x, y = self.section.road.at(s, t)
        yaw = float(self.section.road.yaw(s)) + turn
        if not self.taken.claim(x, y, yaw, size, margin):
            return None
        placement = Placement(what, np.array([x, y, 0.0]), wrap_angle(yaw), size, mesh)
        self.placements.append(placement)
        return placement

    def place_any(self, what: str, s: float, t: float, turn: float, margin: float) -> Placement | None:
        """Places an object of any mesh and size of its class; otherwise as `place`."""
        mesh, size = self.models.draw(what)
        return self.place(what, s, t, turn, mesh, size, margin)


def one_of(densities: Sequence[tuple[str, float]], rng: np.random.Generator) -> str:
    """Draws one of several classes by how common each is."""
    u = rng.random() * sum(density for _, density in densities)
    for what, density in densities:
        u -= density
        if u < 0:
            return what
    return densities[-1][0]
