"""Keeps an appearance that was fitted to a log, with its floor textures, and draws it for the report."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from sim2sg_core.domains import AppearanceSpec
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.images import read_image

APPEARANCE_FILE = Path("appearance/appearance.json")  # in the folder of a round that fits one
SWATCH = 64  # pixels of a texture's side where an appearance is drawn


@dataclass(frozen=True, eq=False)
class FittedAppearance:
    """What a fit found.

    Attributes:
        spec: The appearance, without the textures.
        textures: (P, P, 3) squares of floor, grey levels; none leaves `spec.patches` as they are.
        texture_size: Side of one repeat of a texture, once it is mirrored, metres.
    """

    spec: AppearanceSpec
    textures: Sequence[np.ndarray] = ()
    texture_size: float = 2.0


def save_appearance(fitted: FittedAppearance, file: Path) -> None:
    """Writes a fitted appearance as JSON, its floor textures as PNG beside it."""
    spec, names = fitted.spec, []
    for old in textures_beside(file):
        old.unlink()
    for index, square in enumerate(fitted.textures):
        half = np.hstack([square, square[:, ::-1]])  # Mirrored, it has no seam.
        tile = np.clip(np.vstack([half, half[::-1]]), 0, 255).astype(np.uint8)
        names.append(f"floor_{index}.png")
        coded = cv2.imencode(".png", tile[..., ::-1])[1]
        (file.parent / names[-1]).write_bytes(coded.tobytes())
    if names:
        patches = {**spec.patches, "floor": tuple(names)}
        spec = spec.model_copy(update={"patches": patches, "patch_size": fitted.texture_size})
    file.write_text(json.dumps(spec.model_dump(mode="json"), indent=1))


def textures_beside(file: Path) -> list[Path]:
    """Returns the floor textures that `save_appearance` wrote beside a file."""
    return sorted(file.parent.glob("floor_*.png"))


def load_appearance(file: Path) -> AppearanceSpec:
    """Reads what `save_appearance` wrote; paths of the textures become absolute.

    Raises:
        Sim2SGError: No such file, not one of this version, or without its textures.
    """
    try:
        return AppearanceSpec.model_validate(json.loads(file.read_text()), context={"folder": file.parent})
    except (OSError, ValueError) as error:
        raise Sim2SGError(f"{file}: no appearance fitted to a log ({error}): delete the folder, run again") from None


def draw_appearance(spec: AppearanceSpec, width: int = 480) -> np.ndarray:
    """Draws an appearance: paints and materials as wide as they are common, floor colours and floor textures.

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
    tiles = [cv2.resize(read_image(file), (SWATCH, SWATCH), interpolation=cv2.INTER_AREA) for file in files]
    per_row = max(width // SWATCH, 1)
    for start in range(0, len(tiles), per_row):
        row = np.full((SWATCH, width, 3), 255, np.uint8)
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
