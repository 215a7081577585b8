"""Colour families: what paint, skin, cloth, walls and leaves look like in the world.

General ones stand in `palettes.yaml` beside this module, those that only the meshes of one pack use in the pack's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from sim2sg_core.domains.fields import RGB, Amount, Number, Share
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.packs.pack import shipped_files
from sim2sg_core.synthesis.tables import read_table

PALETTES_FILE = "palettes.yaml"  # beside this module, and in a pack


@dataclass(frozen=True)
class Family:
    """A colour family.

    Attributes:
        colors: (N, 3) display colours, 0–255.
        shares: (N,) how common each is, in any unit; kept as parts of 1. Empty makes all alike.
        jitter: Standard deviation of each channel, grey levels.
        shade: Factor on the whole colour, drawn from this range.
        anything: Share of draws that are any colour at all.
        shared: Whether all parts of one instance that use the family have one colour.
        metallic: Overrides the slot's; None leaves it.
        roughness: Range that overrides the slot's; None leaves it.
        specular: The same for the strength of the highlight.
    """

    colors: tuple[RGB, ...]
    shares: tuple[Number, ...] = ()
    jitter: Number = 10.0
    shade: Amount = (0.8, 1.15)
    anything: Share = 0.0
    shared: bool = False
    metallic: Share | None = None
    roughness: Amount | None = None
    specular: Amount | None = None

    def __post_init__(self) -> None:
        shares = self.shares or (1,) * len(self.colors)
        total = sum(shares)
        if len(shares) != len(self.colors) or min(shares, default=0) < 0 or total <= 0:
            raise ValueError(f"{len(self.colors)} colors, {len(self.shares)} shares; give each color one, above 0")
        object.__setattr__(self, "shares", tuple(share / total for share in shares))

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """Returns (3,) a display colour, 0–1."""
        if rng.random() < self.anything:
            return any_color(rng)
        # Plain Python: a frame draws hundreds of colours, and numpy's set-up would cost more than the sums.
        pick = rng.random()
        color = self.colors[0]
        for color, share in zip(self.colors, self.shares):  # noqa: B007
            pick -= share
            if pick < 0:
                break
        shade = (self.shade[0] + (self.shade[1] - self.shade[0]) * rng.random()) / 255
        noise = (self.jitter * rng.standard_normal(3)).tolist()
        return np.array([min(max((c + n) * shade, 0.0), 1.0) for c, n in zip(color, noise)])


def any_color(rng: np.random.Generator) -> np.ndarray:
    """Returns (3,) any display colour, 0–1, from grey to vivid."""
    hue, saturation, value = rng.random() * 6, rng.beta(1.2, 1.2), rng.uniform(0.1, 0.95)
    wheel = np.clip(np.abs((hue + np.array([0.0, 4.0, 2.0])) % 6 - 3) - 1, 0, 1)
    return np.asarray(value * (1 - saturation + saturation * wheel))


@cache
def palettes() -> Mapping[str, Family]:
    """Returns all colour families by name: the general ones, and those of the installed packs.

    Raises:
        Sim2SGError: A file of them has a mistake, or two have a name in common.
    """
    found: dict[str, Family] = {}
    files: dict[str, Path] = {}
    for file in (Path(__file__).with_name(PALETTES_FILE), *shipped_files(PALETTES_FILE).values()):
        for name, family in read_table(file, Family).items():
            if name in found:
                raise Sim2SGError(f"{file}: {name}: {files[name]} has a palette of this name; rename one")
            found[name], files[name] = family, file
    return found
