"""What classes of objects a domain has: sizes, meshes, and what they stand on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    Strict,
    ValidationInfo,
    model_serializer,
    model_validator,
)
from pydantic.functional_validators import ModelWrapValidatorHandler  # where pydantic 2.10 has it

from sim2sg_core.domains.fields import (
    RGB,
    Count,
    Extent,
    Identifier,
    MeshFile,
    Metres,
    Number,
    Share,
    Spec,
    mistake,
)
from sim2sg_core.domains.mesh_checks import check_mesh
from sim2sg_core.domains.mesh_files import folder_files, mesh_extents
from sim2sg_core.domains.mesh_library import library_model
from sim2sg_core.domains.sh3f_archives import LibraryModel
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.files import is_within
from sim2sg_core.scene.layout import GROUND

SLACK = 0.1  # how far sizes leave those of meshes each way
SAME = 0.02  # of a height: surfaces are at one that are no farther apart


class SizeSpec(Spec):
    """Range of each extent of a class. If the class has mesh files, one extent is enough.

    Attributes:
        length: Along the heading, metres.
        width: Across it, metres.
        height: Metres.
    """

    length: Extent
    width: Extent
    height: Extent


class MeshSpec(Spec):
    """A mesh from a file, or from a library on the machine. In YAML, the name of the file is enough.

    Attributes:
        file: OBJ, GLB, GLTF, PLY or STL, relative to the domain's file; in `meshes:` a folder stands for all in it.
        library: Name of a library, in place of `file`; requires `id`.
        id: Name of the mesh in the library (`sim2sg assets list`), which also defines its size.
        unit: Unit of the file's coordinates. Default: that of the format (metres for GLB and GLTF), else metres.
        up: Axis of the file that points up. Default: that of the format (y for GLB and GLTF), else z. With y up, the
            file's z is the front, as in glTF; with x up, its y.
        turn_deg: Turns it about the vertical, counter-clockwise from above, so that its front points along +x. Library
            meshes turn only in steps of 90.
        scale: Makes a file's mesh so many times as large. It matters where the mesh gives its class the size.
    """

    file: MeshFile | None = None
    library: Literal["sweethome3d"] | None = None
    id: str | None = None
    unit: Literal["m", "cm", "mm", "in", "ft"] | None = None
    up: Literal["x", "y", "z"] | None = None
    turn_deg: Number = 0.0
    scale: Metres = 1.0

    @model_validator(mode="before")
    @classmethod
    def _file_alone(cls, data: Any) -> Any:
        return {"file": data} if isinstance(data, str) else data

    @model_validator(mode="after")
    def _either(self) -> MeshSpec:
        if (self.file is None) == (self.library is None):
            raise mistake("a mesh has either file: or library: and id:")
        if (self.library is None) != (self.id is None):
            missing, given = ("library", "id") if self.library is None else ("id", "library")
            raise mistake(f"{given} is given without {missing}; add it", given)
        if self.library is not None:
            for key in ("unit", "up"):
                if getattr(self, key) is not None:
                    raise mistake("the library knows it; delete it", key)
            if self.scale != 1:
                raise mistake("the library knows it; delete it", "scale")
            if self.turn_deg % 90:
                raise mistake("meshes of libraries are turned by multiples of 90", "turn_deg")
        return self

    @model_serializer(mode="wrap")
    def _own_keys(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        others = ("library", "id") if self.library is None else ("file", "unit", "up")
        unscaled = ("scale",) if self.scale == 1 else ()  # A domain without it stays the domain that it was.
        return {key: value for key, value in handler(self).items() if key not in (*others, *unscaled)}

    @property
    def model(self) -> LibraryModel | None:
        """What the library says of it; None for a file. Raises Sim2SGError when the library or the mesh is not here."""
        return library_model(self.library, str(self.id)) if self.library is not None else None


class ClassSpec(Spec):
    """One class of objects.

    Attributes:
        name: Lower-case, singular.
        size: Ranges of length, width and height, metres. Give either `size` or `sizes`, unless `meshes` define it.
        sizes: List of exact [length, width, height], metres, as an alternative to `size`. With mesh files, one extent
            is enough (`size: {height: 0.8}`): each mesh is scaled uniformly to it.
        supports: What the class can stand on: "ground" or names of classes.
        surfaces: Heights of the faces on which objects can stand, as fractions of the object's height: 1 is its top,
            0.5 for example a chair's seat. Default: the library's value if all meshes share it, otherwise [1.0]; none
            for classes with `inside`.
        inside: Height of the inner floor of a container, as a fraction of its height, for example 0.05 for a bin, a
            drawer or a mug. Classes that have this one among their `supports` then stand inside it. None: not a
            container.
        count: Number of objects in a prior scene; for classes that stand on others, the number on each of them. None:
            the layout decides. On the ground the class is then drawn by `frequency`, on others it comes only in groups.
        frequency: How often the class is drawn, relative to the other classes without a `count`; streets have
            densities instead.
        assets: Names of built-in meshes; empty: those of the class's own name.
        meshes: Meshes from files or libraries, in place of `assets`; those of libraries also beside them.
        yaw_symmetry: Order of the rotational symmetry about the vertical: 1 none, 2 (a table), 4 (a
            cube), 0 any angle looks the same (a sphere, a tree).
        colors: Base colours of its painted parts; empty takes `appearance.paints`.
    """

    name: Identifier
    size: SizeSpec | None = None
    sizes: tuple[tuple[Metres, Metres, Metres], ...] = ()
    supports: tuple[str, ...] = Field((GROUND,), min_length=1)
    surfaces: tuple[Share, ...] = (1.0,)
    inside: Annotated[float, Strict(), Field(ge=0, lt=1)] | None = None
    count: Count | None = None
    frequency: Annotated[float, Strict(), Field(gt=0)] = 1.0
    assets: tuple[Identifier, ...] = ()
    meshes: tuple[MeshSpec, ...] = ()
    yaw_symmetry: Literal[0, 1, 2, 4] = 1
    colors: tuple[RGB, ...] = ()

    renamed: ClassVar[dict[str, str]] = {"colours": "colors"}

    @model_validator(mode="wrap")
    @classmethod
    def _complete(cls, data: Any, handler: ModelWrapValidatorHandler[ClassSpec], info: ValidationInfo) -> ClassSpec:
        data, extent = _one_extent(data, info)
        spec = handler(data)
        if extent is not None and spec.sizes:
            raise mistake("size and sizes are both given; delete one", "sizes")
        if spec.inside is not None and "surfaces" not in spec.model_fields_set:
            spec = spec.model_copy(update={"surfaces": ()})
        if not spec.surfaces and spec.inside is None:
            raise mistake("no values given; write at least one, 1 is the top, or delete it", "surfaces")
        if spec.assets and any(mesh.file for mesh in spec.meshes):
            raise mistake("assets and meshes are both given; delete one", "meshes")
        # Only a domain read from a file touches the disk; what a model carries along is complete.
        from_file = (info.context or {}).get("folder") is not None
        if spec.size is not None and spec.sizes and (from_file or not spec.meshes):
            raise mistake("size and sizes are both given; delete one", "sizes")
        sized = spec.size is not None or bool(spec.sizes)
        if spec.meshes and from_file:
            files = [(i, file) for i, entry in enumerate(spec.meshes) for file in _files(entry, i)]
            for i, mesh in files:
                if mesh.file is not None:
                    _check_mesh(Path(mesh.file), info.context or {}, i)
            if extent is not None:
                files = [(i, _scaled(file, i, *extent)) for i, file in files]
            update: dict[str, Any] = {"meshes": tuple(file for _, file in files)}
            if not sized:
                update["sizes"] = tuple(_measured(file, i) for i, file in files)
                update["size"] = size_range(update["sizes"])
            if "surfaces" not in spec.model_fields_set and spec.inside is None:
                update["surfaces"] = _library_surfaces(update["meshes"]) or spec.surfaces
            return spec.model_copy(update=update)
        if not sized:
            raise mistake(
                "a class has either size: {length: [lo, hi], width: [lo, hi], height: [lo, hi]}"
                " or sizes: [[length, width, height], …], metres; or meshes: whose size it takes"
            )
        return spec

    @model_serializer(mode="wrap")
    def _own_keys(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # A domain without it stays the domain that it was.
        return {key: value for key, value in handler(self).items() if key != "inside" or value is not None}

    @property
    def on_ground(self) -> bool:
        """Whether it may stand on the ground."""
        return GROUND in self.supports

    @property
    def measured(self) -> bool:
        """Whether its sizes are those of its meshes: `sizes` has each mesh's own, and `size` spans them."""
        return self.size is not None and bool(self.sizes)

    def size_ranges(self) -> np.ndarray:
        """Returns (N, 2, 3) least and greatest length, width, height, metres: one range, or one for each of `sizes`."""
        if self.sizes:
            slack = SLACK if self.measured else 0.0
            return np.array(self.sizes, float)[:, None] * np.array([1 - slack, 1 + slack])[:, None]
        assert self.size is not None
        return np.array([self.size.length, self.size.width, self.size.height], float).T[None]

    def mean_size(self) -> np.ndarray:
        """Returns (3,) mean length, width, height, metres."""
        if self.sizes:
            return np.mean(np.array(self.sizes, float), axis=0)
        return np.asarray(self.size_ranges()[0].mean(axis=0))

    def sample_size(self, rng: np.random.Generator) -> np.ndarray:
        """Draws (3,) length, width, height, metres: one of `sizes`, or from the ranges.

        Extents drawn from ranges share half of their variation: long ones tend to be wide and high. Where meshes say
        the size, it is that of one of them and a little more or less.
        """
        ranges = self.size_ranges()
        low, high = ranges[rng.integers(len(ranges))] if self.sizes else ranges[0]
        if self.size is None:
            return np.asarray(low)
        return low + (high - low) * (0.5 * rng.random() + 0.5 * rng.random(3))


def _one_extent(data: Any, info: ValidationInfo) -> tuple[Any, tuple[str, float] | None]:
    """Takes a size of one extent out of a class that is read from a file and has meshes. Returns it by its name."""
    size = data.get("size") if isinstance(data, dict) else None
    if (info.context or {}).get("folder") is None or not isinstance(size, dict) or not data.get("meshes"):
        return data, None
    ((axis, value),) = size.items() if len(size) == 1 else (("", None),)
    if axis not in SizeSpec.model_fields:
        return data, None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise mistake("one extent alone is one number above 0, metres; else give all three", "size", axis)
    return {key: kept for key, kept in data.items() if key != "size"}, (axis, float(value))


def _scaled(spec: MeshSpec, index: int, axis: str, extent: float) -> MeshSpec:
    """Returns a mesh scaled until one of its extents, metres, is the one given."""
    if spec.file is None:
        raise mistake("the library knows the size; give all three extents, or none", "size", axis)
    measured = dict(zip(SizeSpec.model_fields, _measured(spec, index)))
    return spec.model_copy(update={"scale": float(f"{spec.scale * extent / measured[axis]:.6g}")})


def size_range(extents: Sequence[tuple[float, float, float]]) -> SizeSpec:
    """Returns what spans N meshes of these (length, width, height), metres, and some slack."""
    low, high = np.min(extents, axis=0) * (1 - SLACK), np.max(extents, axis=0) * (1 + SLACK)
    length, width, height = zip(_rounded(low), _rounded(high))
    return SizeSpec(length=length, width=width, height=height)


def _files(entry: MeshSpec, index: int) -> Iterator[MeshSpec]:
    """The entry itself, or one for each mesh in the folder that it names."""
    path = Path(entry.file or "")
    if entry.file is None or not path.is_dir():
        yield entry
        return
    files = folder_files(path)
    if not files:
        raise mistake(f"no meshes in the folder {path}; put OBJ, GLB, GLTF, PLY or STL files there", "meshes", index)
    for file in files:
        yield entry.model_copy(update={"file": str(file)})


def _check_mesh(file: Path, context: dict[str, Any], index: int) -> None:
    within = Path(file.anchor) if context.get("allow_outside") else context["folder"]  # the whole disk, or the domain's
    try:
        if not is_within(file, within):  # a link in a folder of meshes
            raise Sim2SGError(f"{file} lies outside {within}; move it there, or give --allow-outside if you trust it")
        check_mesh(file, within)
    except Sim2SGError as error:
        raise mistake(str(error), "meshes", index) from None


def _measured(spec: MeshSpec, index: int) -> tuple[float, float, float]:
    try:
        if spec.file is not None:
            return _rounded(mesh_extents(spec.file, spec.unit, spec.up, spec.turn_deg, spec.scale))
        model = spec.model
        assert model is not None
        length, width, height = model.size
        return _rounded((width, length, height) if spec.turn_deg % 180 else (length, width, height))
    except Sim2SGError as error:
        raise mistake(str(error), "meshes", index) from None


def _library_surfaces(meshes: Sequence[MeshSpec]) -> tuple[float, ...]:
    """The one height at which things stand on all of these, as a share of their own; none where it differs."""
    models = [mesh.model for mesh in meshes if mesh.file is None]
    shares = [model.top / model.size[2] for model in models if model is not None and model.top]
    if not shares or len(shares) < len(meshes) or max(shares) - min(shares) > SAME:
        return ()
    return (float(min(round(float(np.mean(shares)), 3), 1.0)),)


def _rounded(extents: Sequence[float] | np.ndarray) -> tuple[float, float, float]:
    length, width, height = (float(f"{v:.4g}") for v in extents)
    return length, width, height
