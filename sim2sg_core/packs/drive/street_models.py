"""Which mesh an object of a street has, and how large it is."""

from __future__ import annotations

import numpy as np

from sim2sg_core.domains import Domain
from sim2sg_core.packs.drive.street_layout import StreetLayout
from sim2sg_core.synthesis.assets.registry import class_assets, like_sized, load_asset, named_assets

CHILD_HEIGHT = 1.45  # metres: shorter meshes of people are children


def is_of_kind(mesh: str, kind: str) -> bool:
    """Whether the name of a mesh says that it is of a kind: `building_row_3` is of the kind `row`."""
    return f"_{kind}_" in mesh.rsplit("/", 1)[-1]


class StreetModels:
    """Draws meshes and sizes of the classes of a street.

    A class whose meshes are named like it takes its sizes from them, as its role varies them, and so it does where a
    library's meshes stand beside its own. One that lists meshes alone has the sizes that the domain gives it; where
    meshes from files say these, each mesh has its own.
    """

    def __init__(self, domain: Domain, rng: np.random.Generator) -> None:
        """Looks up the meshes of all classes that play a role.

        Raises:
            Sim2SGError: A class has none, or one that cannot be had.
        """
        spec = domain.layout
        assert isinstance(spec, StreetLayout)
        self.rng = rng
        entries = [entry for _, _, entry in spec.entries()]
        self._specs = {entry.what: domain.class_spec(entry.what) for entry in entries}
        self._meshes = {entry.what: class_assets(domain, entry.what) for entry in entries}
        self._mesh_scales = {vehicle.what: np.array(vehicle.mesh_scale) for vehicle in spec.vehicles}
        self._walkers = {walker.what for walker in spec.walkers}
        self._standing = spec.plant_names | spec.house_names

    def has_kind(self, what: str, kind: str) -> bool:
        """Whether a class has meshes of a kind."""
        return any(is_of_kind(mesh, kind) for mesh in self._meshes[what])

    def draw(self, what: str, kinds: tuple[str, ...] = ()) -> tuple[str, np.ndarray]:
        """Draws a mesh of a class and the (3,) length, width, height of an object, metres.

        Args:
            what: The class.
            kinds: Of meshes to choose among, see `is_of_kind`; where a class has none of the kind drawn, any will do.
        """
        meshes = self._of_kind(what, kinds)
        if self._has_own_sizes(what):
            size = self._specs[what].sample_size(self.rng)
            return self._one_of(like_sized(meshes, size)), size
        mesh = self._one_of(meshes)
        return mesh, self.size(what, mesh)

    def mesh(self, what: str, kinds: tuple[str, ...] = ()) -> str:
        """Draws a mesh of a class, for a row of like ones; see `draw`."""
        return self._one_of(self._of_kind(what, kinds))

    def size(self, what: str, mesh: str) -> np.ndarray:
        """Draws the (3,) size of an object of a class with this mesh, metres."""
        rng, spec = self.rng, self._specs[what]
        if self._has_own_sizes(what):
            return spec.sample_size(rng)
        size = np.array(load_asset(mesh).size)
        if what in self._walkers and not spec.measured:
            child = size[2] < CHILD_HEIGHT
            height = rng.uniform(1.0, CHILD_HEIGHT) if child else np.clip(rng.normal(1.73, 0.09), 1.5, 1.98)
            return np.asarray(size * height / size[2] * rng.uniform(0.95, 1.08, 3) ** [1, 1, 0])
        if what in self._standing and not spec.measured:
            return np.asarray(size * rng.uniform(0.8, 1.25) * rng.uniform(0.92, 1.08, 3))
        return np.asarray(size * self._mesh_scales.get(what, np.ones(3)) * rng.normal(1, 0.025, 3).clip(0.94, 1.06))

    def _has_own_sizes(self, what: str) -> bool:
        """Whether sizes are drawn from the domain's ranges, to which meshes are stretched."""
        spec = self._specs[what]
        mixed = bool(spec.assets and spec.meshes)
        return bool(named_assets(spec)) and not spec.measured and not mixed

    def _of_kind(self, what: str, kinds: tuple[str, ...]) -> tuple[str, ...]:
        meshes = self._meshes[what]
        if kinds:
            kind = kinds[self.rng.integers(len(kinds))]
            meshes = tuple(mesh for mesh in meshes if is_of_kind(mesh, kind)) or meshes
        return meshes

    def _one_of(self, meshes: tuple[str, ...]) -> str:
        return meshes[self.rng.integers(len(meshes))]
