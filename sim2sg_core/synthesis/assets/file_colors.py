"""What colours and finishes a mesh file gives its faces, gathered in a few.

A look is a row of 5: display colour (red, green, blue), roughness and metallic, all 0–1; NaN where there is none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sim2sg_core.domains.mesh_files import is_gltf

if TYPE_CHECKING:
    import trimesh

ROUGHNESS = 0.6  # of what has a colour but no material
FINISH_WEIGHT = 0.4  # how far finishes set faces apart, relative to colours
ROUNDS = 12
# Barycentric coordinates of the centres of a triangle's four quarters, where its texture is read.
QUARTERS = np.array([[4, 1, 1], [1, 4, 1], [1, 1, 4], [2, 2, 2]]) / 6


def uncolored(count: int) -> np.ndarray:
    """Returns (count, 5) looks of faces without any."""
    return np.full((count, 5), np.nan)


def face_materials(part: trimesh.Trimesh, file: str) -> np.ndarray:
    """Returns (F, 5) the look of each face, from its colour, its vertices' colours, its material or its texture.

    Colours of glTF files are linear but for textures, those of others are display colours.
    """
    visual: Any = part.visual
    if not visual.defined:
        return uncolored(len(part.faces))
    if visual.kind in ("face", "vertex"):
        # Colours of vertices are averaged by hand: the reader's own conversion caches and may warn.
        raw = visual.face_colors if visual.kind == "face" else visual.vertex_colors[part.faces].mean(axis=1)
        colors = np.asarray(raw, float)[:, :3] / 255
        colors = display(colors) if is_gltf(file) else colors
        return np.column_stack([colors, np.full(len(colors), ROUGHNESS), np.zeros(len(colors))])
    return _material_looks(part)


def _material_looks(part: Any) -> np.ndarray:
    count, material, uv = len(part.faces), part.visual.material, part.visual.uv
    material = getattr(material, "materials", [material])[0]  # Several in one part occur in no format that is read.
    if hasattr(material, "baseColorFactor"):
        factor, image = material.baseColorFactor, material.baseColorTexture
        finish = material.roughnessFactor, material.metallicFactor
        # glTF 2.0, 3.9.2: what is left out is 1; a texture's green is the roughness and its blue the metallic.
        roughness, metallic = (1.0 if value is None else float(value) for value in finish)
        if material.metallicRoughnessTexture is not None:
            means = _pixels(material.metallicRoughnessTexture).mean(axis=(0, 1))
            roughness, metallic = roughness * means[1], metallic * means[2]
        # 3.9.2 too: colours of the vertices, the factor and the texture multiply, as linear ones.
        base = _vertex_factors(part) * (1.0 if factor is None else np.asarray(factor, float)[:3] / 255)
        if image is not None and uv is not None:
            base = base * _decoded(_texture(image, uv[part.faces]))
        colors = display(base)
        return np.column_stack([colors, np.full(count, roughness), np.full(count, metallic)])
    image = material.image
    if image is not None and uv is not None:
        colors = _texture(image, uv[part.faces])
    elif _is_default(material):
        return uncolored(count)
    else:
        colors = np.tile(np.asarray(material.diffuse, float)[:3] / 255, (count, 1))
    # Blinn's exponent as a roughness: see e.g. Walter et al., "Microfacet Models for Refraction", EGSR 2007.
    roughness = (2 / (max(float(material.glossiness), 0.0) + 2)) ** 0.25
    return np.column_stack([colors, np.full(count, roughness), np.zeros(count)])


def _vertex_factors(part: Any) -> np.ndarray:
    """Returns (F, 3) means over faces of the linear vertex colours that stand beside a glTF material, else ones."""
    stored = part.visual.vertex_attributes.get("color")
    if stored is None or len(stored) != len(part.vertices):
        return np.ones((len(part.faces), 3))
    stored = np.asarray(stored)
    full = np.iinfo(stored.dtype).max if stored.dtype.kind in "iu" else 1.0
    return np.asarray(stored[:, :3][part.faces].mean(axis=1) / full)


def _is_default(material: Any) -> bool:
    """Whether the reader made it up, for a file with texture coordinates but no material."""
    made_up = type(material)()
    return material.name == made_up.name and np.array_equal(material.diffuse, made_up.diffuse)


def _pixels(image: Any) -> np.ndarray:
    return np.asarray(image.convert("RGB"), float) / 255


def _texture(image: Any, uv: np.ndarray) -> np.ndarray:
    """Returns (F, 3) display colours: means of a texture over faces with corners `uv` (F, 3, 2), v upwards."""
    pixels = _pixels(image)
    height, width = pixels.shape[:2]
    points = np.einsum("qc,fcd->fqd", QUARTERS, np.nan_to_num(uv))
    column = np.floor(points[..., 0] * width).astype(int) % width
    row = np.floor((1 - points[..., 1]) * height).astype(int) % height
    return np.asarray(pixels[row, column].mean(axis=1))


def display(linear: np.ndarray) -> np.ndarray:
    """Encodes linear colours (0–1) as sRGB (IEC 61966-2-1)."""
    linear = np.clip(linear, 0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def _decoded(shown: np.ndarray) -> np.ndarray:
    return np.where(shown <= 0.04045, shown / 12.92, ((shown + 0.055) / 1.055) ** 2.4)


def cluster_materials(materials: np.ndarray, areas: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Gathers looks in a few: exactly where they are few, else by k-means, the same every time.

    Args:
        materials: (F, 5).
        areas: (F,) how much each counts.
        most: Largest number of them.

    Returns:
        (K, 5) looks, K <= `most`, at most one of them NaN; and (F,) which one each face has.
    """
    plain = np.isnan(materials[:, 0])
    index = np.zeros(len(materials), np.int64)
    centres = materials[:0]
    if (~plain).any():
        centres, index[~plain] = _k_means(materials[~plain], areas[~plain], most - bool(plain.any()))
    if plain.any():
        index[plain] = len(centres)
        centres = np.concatenate([centres, uncolored(1)])
    return centres, index


def _k_means(materials: np.ndarray, areas: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    known, index = np.unique(np.round(materials, 3), axis=0, return_inverse=True)
    index = index.reshape(-1)
    if len(known) <= count:
        return known, index
    weights = np.bincount(index, areas) + 1e-12
    scale = np.array([1, 1, 1, FINISH_WEIGHT, FINISH_WEIGHT])
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
