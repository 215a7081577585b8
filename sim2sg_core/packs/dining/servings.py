"""Food on plates and in bowls: how much fits, and where its foot is."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from sim2sg_core.render.meshes import Asset, Mesh
from sim2sg_core.render.render_scene import Instance
from sim2sg_core.scene import Layout, Placement
from sim2sg_core.synthesis.assets.registry import asset_names, load_asset

DISHES = {"plate": "plateful", "bowl": "bowlful"}
"""What the names of the library's dishes begin with, and those of what fits them."""
FULL = (0.45, 0.8)  # Height of the surface in a bowl, as a share of the bowl's.
SPREAD = (0.55, 0.95)  # Width of what lies on a plate, as a share of the plate's.


def meals(layout: Layout, painter: Any, rng: np.random.Generator) -> list[Instance]:
    """Draws food on some plates and in some bowls, where nothing stands; it is part of its dish.

    Args:
        layout: The labelled content. Only the library's own plates and bowls are served, whose inside is known.
        painter: Draws the looks of an asset.
        rng: Randomness.
    """
    served = []
    chance = float(rng.beta(0.6, 0.6))  # At a laid table all wait, at another all eat.
    for k, dish in enumerate(layout.placements):
        empty = not any(p.position[2] > dish.position[2] and _over(p, dish) for p in layout.placements)
        if empty and rng.random() < chance and (food := _serve(dish, rng)):
            asset, position, size = food
            yaw = float(rng.uniform(-np.pi, np.pi))
            served.append(Instance(asset, position, yaw, size, painter.materials(asset, rng), part_of=k))
    return served


def _over(upper: Placement, lower: Placement) -> bool:
    """Whether the middle of one is about over the other."""
    return float(np.linalg.norm(upper.position[:2] - lower.position[:2])) < 0.6 * float(max(lower.size[:2]))


def _serve(dish: Placement, rng: np.random.Generator) -> tuple[Asset, np.ndarray, np.ndarray] | None:
    """Draws something to eat: its mesh, the (3,) middle of its foot in the world and its (3,) size, metres."""
    kind = (dish.asset or "").split("_")[0]
    if kind not in DISHES:
        return None
    names = asset_names(DISHES[kind])
    asset = load_asset(names[rng.integers(len(names))])
    mesh = load_asset(dish.asset or "").mesh
    natural, wide = np.array(asset.size), float(min(dish.size[:2]))
    if kind == "bowl":
        level = float(rng.uniform(*FULL))
        # A little sunk into the wall: no gap at its edge.
        size = natural * [1, 1, 0.8] * (1.02 * 2 * inner_radius(mesh, level) * wide / natural[0])
        foot = level * float(dish.size[2])
    else:
        size = natural * (float(rng.uniform(*SPREAD)) * wide / max(natural[:2]))
        foot = inner_floor(mesh) * float(dish.size[2])
    return asset, dish.position + [0, 0, foot], size


@cache
def inner_floor(mesh: Mesh) -> float:
    """Height of the top of a mesh on its axis, as a share of its height."""
    middle = np.hypot(mesh.vertices[:, 0], mesh.vertices[:, 1]) < 0.02
    return float(mesh.vertices[middle, 2].max()) if middle.any() else 1.0


def inner_radius(mesh: Mesh, level: float) -> float:
    """Least distance from the axis to the wall of a bowl, in the mesh's unit frame.

    Args:
        mesh: The bowl.
        level: Where to measure, as a share of its height.
    """
    edges = mesh.vertices[mesh.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)].astype(float)
    low, high = edges[:, 0], edges[:, 1]
    crossing = (low[:, 2] - level) * (high[:, 2] - level) < 0
    low, high = low[crossing], high[crossing]
    share = (level - low[:, 2:]) / (high[:, 2:] - low[:, 2:])
    at = low + share * (high - low)
    return float(np.hypot(at[:, 0], at[:, 1]).min()) if len(at) else 0.25
