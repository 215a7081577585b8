"""Reads catalogues of Sweet Home 3D: zip files (.sh3f) of OBJ models and a properties file that says what they are.

Its frame is that of glTF: y up, front along z, left along x. Sizes come from the catalogue, centimetres, not from the
models' own numbers. Nothing is unpacked to disk, and only what lies in the archive is read.
"""

from __future__ import annotations

import io
import math
import posixpath
import re
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sim2sg_core.domains.mesh_files import AXES, scene_parts
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.extras import pip_command

if TYPE_CHECKING:
    import trimesh

CATALOGUE = "PluginFurnitureCatalog.properties"
LICENSE = "LICENSE.TXT"
SUFFIX = ".sh3f"
# What is larger is no furniture: the largest known model has 9 MB, the largest picture 0.3 MB.
LARGEST = {"catalogue": 16 << 20, "model": 64 << 20, "material": 4 << 20, "picture": 32 << 20}
MOST_PIXELS = 64 << 20
MOST_MODELS = 20_000
LARGEST_CM = 100_000.0
FLAT = 1e-4  # of the largest extent: such an axis has no size to bring to that of the catalogue
UNREADABLE = (OSError, zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError, ValueError)


@dataclass(frozen=True)
class LibraryModel:
    """One model of a catalogue.

    Attributes:
        id: Its name in the library, e.g. "Scopia#seat_leon".
        name: What it is, in words.
        tags: Further words.
        category: E.g. "Vehicles".
        creator: Who made it; "" where the catalogue does not say.
        catalogue: The catalogue's name.
        license: The catalogue's license, and where its text is.
        archive: The file that it is in.
        member: Path of the OBJ in it.
        size: Length, width, height, metres.
        rotation: Row-major, from the model's frame to the catalogue's.
        top: Height at which other things stand on it, metres; None leaves it open or is nowhere.
        checksum: Of the OBJ.
    """

    id: str
    name: str
    tags: str
    category: str
    creator: str
    catalogue: str
    license: str
    archive: Path
    member: str
    size: tuple[float, float, float]
    rotation: tuple[float, ...]
    top: float | None
    checksum: str

    @property
    def source(self) -> str:
        """Changes whenever the model may have: its own checksum, and what there is to say of the archive."""
        about = self.archive.stat()
        return f"{self.archive} {about.st_size} {about.st_mtime_ns} {self.checksum} {self.size} {self.rotation}"


def read_catalogue(archive: Path) -> list[LibraryModel]:
    """Reads what is in an archive, in the catalogue's order.

    Raises:
        Sim2SGError: No such archive, or its catalogue makes no sense.
    """
    with _opened(archive) as opened:
        members = {info.filename: info for info in opened.infolist()}
        text = _read(opened, CATALOGUE, "catalogue", str(archive)).decode("latin-1")
        terms = _read(opened, LICENSE, "catalogue", str(archive)).decode("latin-1") if LICENSE in members else ""
    head: dict[str, str] = {}
    items: dict[str, dict[str, str]] = {}
    for key, value in properties(text):
        word, _, number = key.partition("#")
        if number:
            items.setdefault(number, {})[word] = value
        else:
            head[word] = value
    if len(items) > MOST_MODELS:
        raise Sim2SGError(f"{archive}: {len(items)} models; {MOST_MODELS} at most can be read")
    # An entry without a name or a model is a gap: catalogues that are edited by hand have some.
    if place := re.search(r"https?://creativecommons\.org/\S*[^\s.,]", terms):
        head["license"] = f"{head.get('license', '')} {place[0]}"
    return [_model(archive, head, item, members) for item in items.values() if item.get("id") and item.get("model")]


def _model(
    archive: Path, head: Mapping[str, str], item: Mapping[str, str], members: Mapping[str, zipfile.ZipInfo]
) -> LibraryModel:
    name = item["id"]

    def numbers(key: str, count: int, default: str = "") -> tuple[float, ...]:
        try:
            values = tuple(float(word) for word in item.get(key, default).split())
        except ValueError:
            values = ()
        if len(values) != count or not all(map(math.isfinite, values)):
            shown, wanted = item.get(key, "")[:40], "a number" if count == 1 else f"{count} numbers"
            raise Sim2SGError(f"{archive}: {name}: {key} is {shown!r}, not {wanted}; correct its {CATALOGUE}")
        return values

    size = [numbers(key, 1)[0] for key in ("depth", "width", "height")]
    if not all(0 < extent <= LARGEST_CM for extent in size):
        raise Sim2SGError(f"{archive}: {name}: a size of {size} cm; correct its {CATALOGUE}")
    rotation = numbers("modelRotation", 9, "1 0 0 0 1 0 0 0 1")
    turn = np.array(rotation).reshape(3, 3)
    if np.abs(turn @ turn.T - np.eye(3)).max() > 0.01 or np.linalg.det(turn) < 0:
        raise Sim2SGError(f"{archive}: {name}: its modelRotation is no rotation; correct its {CATALOGUE}")
    top = numbers("dropOnTopElevation", 1, "-1")[0] / 100
    member = _inside(item["model"])
    if member is None or member not in members:
        raise Sim2SGError(f"{archive}: {name}: no {item['model']} in the archive; correct its {CATALOGUE}")
    length, width, height = (extent / 100 for extent in size)
    return LibraryModel(
        id=name,
        name=item.get("name", name),
        tags=item.get("tags", ""),
        category=item.get("category", ""),
        creator=item.get("creator", ""),
        catalogue=head.get("name", archive.stem),
        license=" ".join(head.get("license", "").split()),
        archive=archive,
        member=member,
        size=(length, width, height),
        rotation=rotation,
        top=top if 0 < top <= height * 1.01 else None,
        checksum=f"{members[member].CRC:08x}{members[member].file_size:x}",
    )


def read_model(model: LibraryModel, turn_deg: float = 0.0) -> list[trimesh.Trimesh]:
    """Reads the parts of a model, one for each material, each with its colours.

    Args:
        model: The model.
        turn_deg: Turns it about the vertical, counter-clockwise from above; a multiple of 90.

    Returns:
        The parts, metres, z up, front along +x, of the catalogue's size together.

    Raises:
        Sim2SGError: The archive is gone, or what is in it is damaged, too large or no mesh.
    """
    shown = f"{model.archive}: {model.id}"
    try:
        import trimesh
    except ImportError:
        raise Sim2SGError(
            f"{shown}: meshes are read with trimesh; install it: {pip_command('train', 'trimesh', 'pillow')}"
        ) from None
    with _opened(model.archive) as opened:
        files = _Folder(opened, posixpath.dirname(model.member), shown)
        data = _read(opened, model.member, "model", shown)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # The reader's own, about how it reads numbers.
                scene: Any = trimesh.load(
                    io.BytesIO(data), file_type="obj", resolver=files, force="scene", process=False
                )
        except Exception as error:  # The reader raises whatever its parsing stumbles over.
            reason = (str(error).splitlines() or [""])[0][:120] or type(error).__name__
            raise Sim2SGError(f"{shown}: cannot be read as a mesh ({reason}); leave it out") from None
        if files.problem is not None:
            raise files.problem
        for part in scene.geometry.values():
            _load_picture(part, shown)
    to_ours = np.eye(4)
    to_ours[:3, :3] = np.array(model.rotation).reshape(3, 3)[list(AXES["y"])]
    parts = scene_parts(scene, to_ours, shown, flat=True)
    points = np.concatenate([np.asarray(part.vertices) for part in parts])
    extents = np.ptp(points, axis=0)
    scale = np.where(extents > FLAT * extents.max(), np.array(model.size) / np.maximum(extents, 1e-12), 1.0)
    c, s = np.cos(np.radians(turn_deg)), np.sin(np.radians(turn_deg))
    matrix = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ np.diag(scale)
    for part in parts:
        part.vertices = np.asarray(part.vertices) @ matrix.T
    return parts


def properties(text: str) -> Iterator[tuple[str, str]]:
    """Reads Java's properties: keys and values, escapes resolved, in their order."""
    for line in re.split(r"\r\n|\r|\n", re.sub(r"(?<!\\)((?:\\\\)*)\\(?:\r\n|\r|\n)[ \t\f]*", r"\1", text)):
        line = line.lstrip(" \t\f")
        if not line or line[0] in "#!":
            continue
        found = re.match(r"((?:\\.|[^\\=: \t\f])*)[ \t\f]*[=:]?[ \t\f]*(.*)", line)
        if found:
            yield _unescaped(found[1]), _unescaped(found[2])


def _unescaped(text: str) -> str:
    def one(found: re.Match[str]) -> str:
        if found[1]:
            return chr(int(found[1], 16))
        return {"n": "\n", "t": "\t", "r": "\r", "f": "\f"}.get(found[2], found[2])

    return re.sub(r"\\(?:u([0-9a-fA-F]{4})|(.))", one, text)


class _Folder(Mapping[str, bytes]):
    """The files beside a model, as what reads it asks for them.

    The reader takes every failure for a file that is missing, and goes on without it. Many pictures are: catalogues
    name those of their makers' disks. Other failures are kept here.
    """

    def __init__(self, opened: zipfile.ZipFile, folder: str, shown: str) -> None:
        self._opened, self._folder, self._shown = opened, folder, shown
        self.problem: Sim2SGError | None = None

    def __getitem__(self, name: str) -> bytes:
        member = _inside(posixpath.join(self._folder, name.strip().replace("\\", "/")))
        if member is None or member not in self._opened.NameToInfo:
            raise KeyError(name)
        try:
            return _read(self._opened, member, "material" if name.lower().endswith(".mtl") else "picture", self._shown)
        except Sim2SGError as error:
            self.problem = self.problem or error
            raise KeyError(name) from None

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def _load_picture(part: trimesh.Trimesh, shown: str) -> None:
    """Reads a part's texture now, while the archive is open, unless it is too large."""
    image = getattr(getattr(part.visual, "material", None), "image", None)
    if image is None:
        return
    if image.size[0] * image.size[1] > MOST_PIXELS:
        raise Sim2SGError(f"{shown}: a texture of {image.size[0]}x{image.size[1]} pixels is too large; leave it out")
    try:
        image.load()
    except Exception as error:  # As with meshes, decoders raise anything.
        raise Sim2SGError(f"{shown}: a texture cannot be read ({str(error)[:80]}); leave it out") from None


def _inside(path: str) -> str | None:
    """Returns the path of a member of an archive, None where it leads out of it."""
    found = posixpath.normpath(path.lstrip("/"))
    return None if found.startswith("..") or found == "." else found


def _opened(archive: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(archive)
    except UNREADABLE as error:
        raise Sim2SGError(f"{archive}: cannot be read as a zip file ({error}); install it again") from None


def _read(opened: zipfile.ZipFile, member: str, kind: str, shown: str) -> bytes:
    """Reads a member that is not larger than its kind may be; `shown` is what is read, for messages."""
    try:
        info = opened.getinfo(member)
        if info.file_size > LARGEST[kind]:
            raise Sim2SGError(
                f"{shown}: {member} is larger than a {kind} may be, {LARGEST[kind] >> 20} MB; leave it out"
            )
        return opened.read(info)  # Not more than it says: a wrong size is an error of its checksum.
    except KeyError:
        raise Sim2SGError(f"{shown}: has no {member}; install it again") from None
    except UNREADABLE as error:
        raise Sim2SGError(f"{shown}: {member} cannot be read ({error}); install it again") from None
