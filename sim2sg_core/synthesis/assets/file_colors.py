"""What materials a mesh file gives its faces, gathered in a few.

A material is a row of 6: display colour (red, green, blue), roughness, metallic and opacity, all 0–1; NaN where there
is none. Textures are read at four points of a face, the middles of its quarters: one for each corner, and its own.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sim2sg_core.errors import Sim2SGError, first_line
from sim2sg_core.render.meshes import PICTURE_SIZE

if TYPE_CHECKING:
    import trimesh

CHANNELS = 6
ROUGHNESS = 0.6  # of what has a colour but no material
SURFACE_WEIGHT = 0.4  # how far roughness, metallic and opacity set faces apart, relative to colours
ROUNDS = 12
# Barycentric coordinates of the centres of a triangle's four quarters, where its texture is read.
QUARTERS = np.array([[4, 1, 1], [1, 4, 1], [1, 1, 4], [2, 2, 2]]) / 6
# Where a texture is looked at to see whether it changes on a face.
GRID = np.array([[i + 1 / 3, j + 1 / 3, 5 + 1 / 3 - i - j] for i in range(6) for j in range(6 - i)]) / 6
CHANGE = 0.04  # of a display colour, as a standard deviation: less is not seen
SEEN = 0.5  # alpha from which a face of a cut-out texture is there
CLEAREST = 0.1  # opacity of what is hardly there: files without a sense of `d` write 0


@dataclass(frozen=True, eq=False)
class FaceMaterials:
    """The materials of N faces.

    Attributes:
        colors: (N, 4, 3) display colours at the middles of their quarters; NaN where they have none.
        surface: (N, 3) roughness, metallic and opacity; NaN where they have none.
        there: (N,) whether a texture leaves them to see.
        textured: (N,) whether the colours come from a texture, so that they change from point to point.
    """

    colors: np.ndarray
    surface: np.ndarray
    there: np.ndarray
    textured: np.ndarray

    @classmethod
    def none(cls, count: int) -> FaceMaterials:
        """Returns the materials of faces without any."""
        plain = np.full((count, 4, 3), np.nan)
        return cls(plain, plain[:, 0].copy(), np.ones(count, bool), np.zeros(count, bool))

    @classmethod
    def uniform(
        cls, colors: np.ndarray, roughness: float, metallic: float = 0.0, opacity: float | np.ndarray = 1.0
    ) -> FaceMaterials:
        """Returns the materials of faces of one colour each, (N, 3)."""
        count = len(colors)
        surface = np.column_stack([np.full(count, roughness), np.full(count, metallic), np.full(count, opacity)])
        colors = np.repeat(colors[:, None], 4, axis=1)
        return cls(colors, surface, np.ones(count, bool), np.zeros(count, bool))

    def of(self, rows: np.ndarray) -> FaceMaterials:
        """Returns the materials of some of the faces."""
        return FaceMaterials(self.colors[rows], self.surface[rows], self.there[rows], self.textured[rows])

    @classmethod
    def joined(cls, parts: list[FaceMaterials]) -> FaceMaterials:
        """Returns the materials of the faces of all parts, one part after another."""
        return cls(
            np.concatenate([p.colors for p in parts]),
            np.concatenate([p.surface for p in parts]),
            np.concatenate([p.there for p in parts]),
            np.concatenate([p.textured for p in parts]),
        )

    def means(self) -> np.ndarray:
        """Returns (N, CHANNELS) the material of each face as a whole."""
        return np.column_stack([self.colors.mean(axis=1), self.surface])


def is_textured(part: trimesh.Trimesh) -> bool:
    """Whether a picture gives a part its colours."""
    visual: Any = part.visual
    return bool(visual.defined and visual.kind == "texture" and visual.uv is not None and _image(visual) is not None)


def changes(part: trimesh.Trimesh, faces: np.ndarray, corners: np.ndarray, holes: bool = False) -> np.ndarray:
    """Says which (N,) pieces of a part's faces, as `face_materials` has them, are not of one colour.

    With `holes`, only the edges of holes in the texture count.
    """
    visual: Any = part.visual
    if holes and not _has_holes(visual):
        return np.zeros(len(faces), bool)
    read = _read(_pixels(_image(visual)), GRID @ corners @ np.nan_to_num(visual.uv[part.faces])[faces])
    return np.asarray(read[..., 3 if holes else 0 :].std(axis=1).max(axis=1) > CHANGE)


def middle_colors(part: trimesh.Trimesh) -> np.ndarray:
    """Returns (F, 3) display colours that a texture has in the middles of a part's faces."""
    visual: Any = part.visual
    return _read(_pixels(_image(visual)), np.nan_to_num(visual.uv[part.faces]).mean(axis=1))[:, :3]


def picture_key(part: trimesh.Trimesh) -> tuple[Any, ...] | None:
    """Returns what the picture of a textured part hangs on; None where colours at its vertices change it."""
    visual: Any = part.visual
    material = _material(visual)
    factor = getattr(material, "baseColorFactor", None)
    if hasattr(material, "baseColorFactor") and (_vertex_factors(part) < 1).any():
        return None
    return id(_image(visual)), None if factor is None else tuple(np.asarray(factor)[:3].tolist())


def picture_pixels(part: trimesh.Trimesh) -> np.ndarray:
    """Returns (PICTURE_SIZE, PICTURE_SIZE, 3) uint8 display colours of a textured part, v upwards.

    What is in holes of it takes the mean of the rest: it would show at their edges.
    """
    from PIL import Image

    visual: Any = part.visual
    pixels = _pixels(_image(visual))
    colors, seen = pixels[..., :3], pixels[..., 3] >= SEEN
    if _has_holes(visual) and seen.any():
        colors = np.where(seen[..., None], colors, colors[seen].mean(axis=0))
    factor = getattr(_material(visual), "baseColorFactor", None)
    if factor is not None:
        colors = display(np.asarray(factor, float)[:3] / 255 * _decoded(colors))
    image = Image.fromarray(np.round(colors[::-1] * 255).astype(np.uint8))
    return np.asarray(image.resize((PICTURE_SIZE, PICTURE_SIZE), Image.Resampling.NEAREST))


def _has_holes(visual: Any) -> bool:
    """Whether the alpha of a texture means anything."""
    material = _material(visual)
    return not hasattr(material, "baseColorFactor") or str(material.alphaMode or "OPAQUE") != "OPAQUE"


def face_materials(part: trimesh.Trimesh, is_linear: bool, faces: np.ndarray, corners: np.ndarray) -> FaceMaterials:
    """Returns materials of pieces of a part's faces, from the colour of faces or vertices, the material or the texture.

    Args:
        part: The part.
        is_linear: Whether its colours are linear but for textures, as glTF has it; others are display colours.
        faces: (N,) the face that each is a piece of.
        corners: (N, 3, 3) barycentric coordinates in it of the corners of each.
    """
    visual: Any = part.visual
    if not visual.defined:
        return FaceMaterials.none(len(faces))
    if visual.kind in ("face", "vertex"):
        # Colours of vertices are averaged by hand: the reader's own conversion caches and may warn.
        raw = visual.face_colors if visual.kind == "face" else visual.vertex_colors[part.faces].mean(axis=1)
        colors = np.asarray(raw, float)[faces, :3] / 255
        return FaceMaterials.uniform(display(colors) if is_linear else colors, ROUGHNESS)
    material = _material(visual)
    if hasattr(material, "baseColorFactor"):
        return _gltf_materials(part, material, faces, corners)
    return _obj_materials(part, material, faces, corners)


def _gltf_materials(part: Any, material: Any, faces: np.ndarray, corners: np.ndarray) -> FaceMaterials:
    factor, image, uv = material.baseColorFactor, material.baseColorTexture, part.visual.uv
    surface = material.roughnessFactor, material.metallicFactor
    # glTF 2.0, 3.9.2: what is left out is 1; a texture's green is the roughness and its blue the metallic.
    roughness, metallic = (1.0 if value is None else float(value) for value in surface)
    if material.metallicRoughnessTexture is not None:
        means = _pixels(material.metallicRoughnessTexture).mean(axis=(0, 1))
        roughness, metallic = roughness * means[1], metallic * means[2]
    # 3.9.2 too: colours of the vertices, the factor and the texture multiply, as linear ones.
    factor = np.ones(4) if factor is None else np.asarray(factor, float) / 255
    base = _vertex_factors(part)[faces] * factor[:3]
    mode = str(material.alphaMode or "OPAQUE")  # 3.9.4: alpha means nothing unless it is said to.
    opacity = float(factor[3]) if mode == "BLEND" else 1.0
    if image is None or uv is None:
        return FaceMaterials.uniform(display(base), roughness, metallic, max(opacity, CLEAREST))
    colors, alpha = _texture(image, uv[part.faces], faces, corners)
    colors = display(base[:, None] * _decoded(colors))
    return _textured(colors, alpha if mode != "OPAQUE" else np.ones_like(alpha), roughness, metallic, opacity)


def _obj_materials(part: Any, material: Any, faces: np.ndarray, corners: np.ndarray) -> FaceMaterials:
    image, uv = material.image, part.visual.uv
    # Blinn's exponent as a roughness: see e.g. Walter et al., "Microfacet Models for Refraction", EGSR 2007.
    roughness = (2 / (max(float(material.glossiness), 0.0) + 2)) ** 0.25
    opacity = _dissolve(material)
    if _is_default(material):
        return FaceMaterials.none(len(faces))
    if image is not None and uv is not None:
        return _textured(*_texture(image, uv[part.faces], faces, corners), roughness, 0.0, opacity)
    colors = np.tile(np.asarray(material.diffuse, float)[:3] / 255, (len(faces), 1))
    return FaceMaterials.uniform(colors, roughness, 0.0, max(opacity, CLEAREST))


def _textured(
    colors: np.ndarray, alpha: np.ndarray, roughness: float, metallic: float, opacity: float
) -> FaceMaterials:
    """Materials with colours (N, 4, 3) and alpha (N,) of a texture: holes where it is solid elsewhere, else a film."""
    there = np.ones(len(alpha), bool)
    if len(alpha) and alpha.max() < SEEN:
        opacity = opacity * float(alpha.mean())
    else:
        there = alpha >= SEEN
    materials = FaceMaterials.uniform(colors[:, 0], roughness, metallic, max(opacity, CLEAREST))
    return FaceMaterials(colors, materials.surface, there, np.ones(len(alpha), bool))


def _material(visual: Any) -> Any:
    return getattr(visual.material, "materials", [visual.material])[0]  # Several in one part occur in no known format.


def _image(visual: Any) -> Any:
    material = _material(visual)
    if hasattr(material, "baseColorFactor"):
        return material.baseColorTexture
    return None if _is_default(material) else material.image


def _dissolve(material: Any) -> float:
    """Opacity by an OBJ's material: `d`, or what `Tr` leaves."""
    try:
        if "d" in material.kwargs:
            return float(np.clip(float(material.kwargs["d"][-1]), 0, 1))  # `d -halo 0.5` too.
        return 1 - float(np.clip(float(material.kwargs["tr"][-1]), 0, 1)) if "tr" in material.kwargs else 1.0
    except (ValueError, IndexError, TypeError):
        return 1.0


def _vertex_factors(part: Any) -> np.ndarray:
    """Returns (F, 3) means over faces of the linear vertex colours that stand beside a glTF material, else ones."""
    stored = part.visual.vertex_attributes.get("color")
    if stored is None or len(stored) != len(part.vertices):
        return np.ones((len(part.faces), 3))
    stored = np.asarray(stored)
    full = np.iinfo(stored.dtype).max if stored.dtype.kind in "iu" else 1.0
    return np.asarray(stored[:, :3][part.faces].mean(axis=1) / full)


def _is_default(material: Any) -> bool:
    """Whether the reader made it up, with a tiny picture or none, for texture coordinates without a material."""
    made_up = type(material)()
    image = getattr(material, "image", None)
    return (
        material.name == made_up.name
        and np.array_equal(material.diffuse, made_up.diffuse)
        and (image is None or (max(image.size) <= 2 and "file_path" not in image.info))
    )


def _pixels(image: Any) -> np.ndarray:
    """Returns (H, W, 4) display colours and alpha, 0–1. Raises Sim2SGError when the picture is damaged."""
    if not hasattr(image, "convert"):  # The reader keeps what it cannot make sense of.
        raise Sim2SGError("a texture is no picture; export it again, e.g. as GLB")
    try:
        if max(image.size) > PICTURE_SIZE:
            image = image.copy()
            image.thumbnail((PICTURE_SIZE, PICTURE_SIZE))
        return np.asarray(image.convert("RGBA"), np.float32) / 255
    except (OSError, ValueError, SyntaxError, EOFError, struct.error) as error:  # what Pillow's decoders raise
        raise Sim2SGError(f"a texture is damaged ({first_line(error)}); save the picture again") from None


def _texture(image: Any, uv: np.ndarray, faces: np.ndarray, corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Reads a texture on pieces of faces with corners `uv` (F, 3, 2), v upwards, see `face_materials`.

    Returns:
        (N, 4, 3) display colours at the middles of their quarters, and (N,) mean alpha.
    """
    read = _read(_pixels(image), QUARTERS @ corners @ np.nan_to_num(uv)[faces])
    return read[..., :3], read[..., 3].mean(axis=1)


def _read(pixels: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Returns (…, 4) colours and alpha of a picture (H, W, 4), repeated, at points (…, 2), v upwards."""
    height, width = pixels.shape[:2]
    column = np.floor(points[..., 0] * width).astype(int) % width
    row = np.floor((1 - points[..., 1]) * height).astype(int) % height
    return np.asarray(pixels[row, column], float)


def display(linear: np.ndarray) -> np.ndarray:
    """Encodes linear colours (0–1) as sRGB (IEC 61966-2-1)."""
    linear = np.clip(linear, 0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def _decoded(shown: np.ndarray) -> np.ndarray:
    return np.where(shown <= 0.04045, shown / 12.92, ((shown + 0.055) / 1.055) ** 2.4)


def cluster_materials(materials: np.ndarray, areas: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Gathers materials in a few: exactly where they are few, else by k-means, the same every time.

    Args:
        materials: (F, CHANNELS).
        areas: (F,) how much each counts.
        most: Largest number of them.

    Returns:
        (K, CHANNELS) materials, K <= `most`, at most one of them NaN; and (F,) which one each face has.
    """
    plain = np.isnan(materials[:, 0])
    index = np.zeros(len(materials), np.int64)
    centres = materials[:0]
    if (~plain).any():
        centres, index[~plain] = _k_means(materials[~plain], areas[~plain], most - bool(plain.any()))
    if plain.any():
        index[plain] = len(centres)
        centres = np.concatenate([centres, np.full((1, materials.shape[1]), np.nan)])
    return centres, index


def _k_means(materials: np.ndarray, areas: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    thousandths = np.round(np.clip(materials, 0, 1) * 1000).astype(np.int64)
    # They take ten bits each: one number for every row.
    keys = (thousandths << 10 * np.arange(materials.shape[1])).sum(axis=1)
    _, first, index = np.unique(keys, return_index=True, return_inverse=True)
    known, index = thousandths[first] / 1000, index.reshape(-1)
    if len(known) <= count:
        return known, index
    weights = np.bincount(index, areas) + 1e-12
    scale = np.append([1.0, 1.0, 1.0], np.full(materials.shape[1] - 3, SURFACE_WEIGHT))
    points = known * scale
    # First the commonest, then always the one that adds most: k-means++ (Arthur and Vassilvitskii, 2007) without dice.
    chosen = [int(weights.argmax())]
    apart = ((points - points[chosen[0]]) ** 2).sum(axis=1)
    while len(chosen) < count:
        chosen.append(int((weights * apart).argmax()))
        apart = np.minimum(apart, ((points - points[chosen[-1]]) ** 2).sum(axis=1))
    centres = points[chosen]
    for _ in range(ROUNDS):
        nearest = ((points[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)
        total = np.bincount(nearest, weights, minlength=count)
        sums = np.stack([np.bincount(nearest, weights * column, minlength=count) for column in points.T], axis=1)
        centres = np.where(total[:, None] > 0, sums / np.maximum(total, 1e-12)[:, None], centres)
    return centres / scale, nearest[index]
