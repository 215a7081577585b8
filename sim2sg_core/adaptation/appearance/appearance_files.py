"""Keeps an appearance taken from a log, with its texture patches, and draws it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from sim2sg_core.domains import AppearanceSpec
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.files import atomic_path
from sim2sg_core.images import read_image

FILE = "appearance.json"


def save_harvest(
    spec: AppearanceSpec, out: Path, textures: Sequence[np.ndarray] = (), size: float = 2.0
) -> AppearanceSpec:
    """Writes an appearance with new texture patches of the floor.

    Args:
        spec: The appearance.
        out: Folder, made where missing.
        textures: (P, P, 3) squares of floor, grey levels; none leaves `spec.patches` as they are.
        size: Side of one repeat, once they are mirrored, metres.

    Returns:
        The appearance with absolute paths of the patches.
    """
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    names = []
    for index, square in enumerate(textures):
        half = np.hstack([square, square[:, ::-1]])  # Mirrored, it has no seam.
        tile = np.clip(np.vstack([half, half[::-1]]), 0, 255).astype(np.uint8)
        names.append(f"floor_{index}.png")
        done, coded = cv2.imencode(".png", tile[..., ::-1])
        assert done
        with atomic_path(out / names[-1]) as temporary:
            temporary.write_bytes(coded.tobytes())
    stored = spec
    if names:
        stored = spec.model_copy(update={"patches": {**spec.patches, "floor": tuple(names)}, "patch_size": size})
    with atomic_path(out / FILE) as temporary:
        temporary.write_text(json.dumps(stored.model_dump(mode="json"), indent=1))
    return load_harvest(out)


def load_harvest(out: Path) -> AppearanceSpec:
    """Reads what `harvest_appearance` wrote; paths of patches become absolute.

    Raises:
        Sim2SGError: No harvest there, not one of this version, or without its patches.
    """
    file = Path(out) / FILE
    try:
        return AppearanceSpec.model_validate(json.loads(file.read_text()), context={"folder": Path(out)})
    except (OSError, ValueError) as error:
        raise Sim2SGError(f"{file}: no appearance taken from a log ({error}): delete the folder, run again") from None


def draw_harvest(spec: AppearanceSpec, width: int = 480) -> np.ndarray:
    """Draws an appearance: paints and finishes as wide as they are common, colours and texture patches of the floor.

    Returns:
        (H, width, 3) uint8 RGB.
    """
    materials = spec.materials if isinstance(spec.materials, dict) else dict.fromkeys(spec.materials, 1.0)
    greys = {name: (90 + 40 * k,) * 3 for k, name in enumerate(materials)}
    rows = [
        _band(width, 48, spec.paints, spec.paint_shares),
        _band(width, 24, spec.floor_colors, ()),
        _band(width, 24, tuple(greys.values()), tuple(materials.values()), tuple(materials)),
    ]
    files = [file for group in spec.patches.values() for file in group]
    tiles = [cv2.resize(read_image(file), (64, 64), interpolation=cv2.INTER_AREA) for file in files]
    per_row = max(width // 64, 1)
    for start in range(0, len(tiles), per_row):
        row = np.full((64, width, 3), 255, np.uint8)
        shown = np.hstack(tiles[start : start + per_row])
        row[:, : shown.shape[1]] = shown
        rows.append(row)
    gap = np.full((4, width, 3), 255, np.uint8)
    return np.vstack([part for row in rows if row is not None for part in (row, gap)] or [gap])


def _band(
    width: int,
    height: int,
    colors: Sequence[tuple[int, ...]],
    shares: Sequence[float],
    names: Sequence[str] = (),
) -> np.ndarray | None:
    """(height, width, 3) stripes of the colours, as wide as their shares; None without colours."""
    if not colors:
        return None
    # At least two pixels each, so that rare ones are seen.
    wide = np.maximum(np.array(shares or [1.0] * len(colors)), 2.0 * sum(shares or [len(colors)]) / width)
    edges = np.round(np.cumsum([0, *wide]) / wide.sum() * width).astype(int)
    band = np.zeros((height, width, 3), np.uint8)
    for k, color in enumerate(colors):
        band[:, edges[k] : edges[k + 1]] = color
        if names:
            cv2.putText(band, names[k], (int(edges[k]) + 4, height - 7), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (255,) * 3, 1)
    return band
