"""Parts that every vehicle shares: the colours of its slots, wheels, and bodies with a slot per face."""

from __future__ import annotations

import numpy as np

from sim2sg_core.packs.drive.assets.car_body import RIM, RUBBER, SPOKE, CarProfile, body
from sim2sg_core.render.meshes import MeshBuilder, Slot
from sim2sg_core.synthesis.assets import shapes

VEHICLE_SLOTS = (
    Slot("body", "paint", (0.20, 0.20, 0.22), roughness=0.22, specular=0.75),
    Slot("glass", "glass", (0.018, 0.022, 0.024), roughness=0.05, specular=0.95),
    Slot("trim", "fixed", (0.012, 0.012, 0.013), roughness=0.6, specular=0.3),
    Slot("tyre", "rubber", (0.010, 0.010, 0.010), roughness=0.85, specular=0.15),
    Slot("rim", "rim", (0.30, 0.31, 0.32), roughness=0.35, specular=0.6, metallic=0.4),
    Slot("spokes", "fixed", (0.02, 0.02, 0.02), roughness=0.7, specular=0.2),
    Slot(
        "headlight", "fixed", (0.30, 0.31, 0.32), roughness=0.12, specular=0.95, textures=("lamp",), texture_scale=0.7
    ),
    Slot(
        "taillight",
        "fixed",
        (0.24, 0.012, 0.010),
        roughness=0.15,
        specular=0.7,
        emissive=0.12,
        textures=("lamp",),
        texture_scale=0.6,
    ),
    Slot("plate", "fixed", (0.42, 0.42, 0.41), roughness=0.5, specular=0.3, textures=("plate",), texture_scale=0.75),
    Slot("grille", "fixed", (0.014, 0.014, 0.015), roughness=0.5, specular=0.4),
    Slot("chrome", "fixed", (0.55, 0.56, 0.57), roughness=0.2, specular=0.8, metallic=0.7),
    Slot("cabin", "glass", (0.010, 0.011, 0.012), roughness=0.08, specular=0.85),
)
CARGO_BOX = len(VEHICLE_SLOTS)
"""Slot of a lorry's cargo box: painted apart from the cab."""
VAN_SLOTS = (
    *VEHICLE_SLOTS,
    Slot("box", "box_paint", (0.55, 0.55, 0.53), roughness=0.5, specular=0.3, textures=("print",), texture_scale=4.0),
)


def add_wheels(
    builder: MeshBuilder,
    axles: list[float],
    radius: float,
    half_width: float,
    rng: np.random.Generator,
    detail: bool = True,
    tread: float = 0.2,
) -> None:
    """Adds four (or more) wheels: tyre, rim and spokes as one closed solid of revolution each.

    Args:
        builder: Where to.
        axles: x of each axle, metres.
        radius: Of the tyre.
        half_width: y of the tyres' outer faces.
        rng: Draws the spokes.
        detail: Fewer sectors when False.
        tread: Width of the tyre.
    """
    choices = [10, 14, 16, 18] if len(axles) < 3 else [10, 12]
    segments = int(rng.choice(choices)) if detail else 8
    rim = radius * float(rng.uniform(0.62, 0.70))
    profile = [
        (rim * 0.9, -tread),
        (radius * 0.97, -tread),
        (radius, -tread * 0.8),
        (radius, -tread * 0.2),
        (radius * 0.965, -0.008),
        (rim, -0.004),
        (rim * 0.9, -0.022),
        (rim * 0.3, -0.028),
        (rim * 0.22, -0.01),
    ]
    if not detail:
        profile = [(radius, -tread), (radius, -0.01), (rim, -0.006)]
    vertices, faces = shapes.lathe(profile, segments, axis="y")
    centre = vertices[faces].mean(1)
    distance = np.hypot(centre[:, 0], centre[:, 2])
    outer = centre[:, 1] > -0.035
    sector = np.floor((np.arctan2(centre[:, 2], centre[:, 0]) / (2 * np.pi) % 1) * segments).astype(int)
    slot = np.where(outer & (distance < rim * 0.93), RIM, RUBBER)
    hollow = outer & (distance < rim * 0.72) & (distance > rim * 0.33) & (sector % 2 == 0)
    slot[hollow] = SPOKE if rng.random() < 0.8 else RIM
    for x in axles:
        for side in (1, -1):
            v, f = (vertices, faces) if side == 1 else shapes.mirrored((vertices, faces))
            v = v + np.array([x, side * half_width, radius])
            for value in np.unique(slot):
                add_part(builder, v, f, slot, value)


def add_part(builder: MeshBuilder, vertices: np.ndarray, faces: np.ndarray, slots: np.ndarray, value: int) -> None:
    """Adds the faces of one slot; the solid stays closed as a whole, since its seams share positions."""
    chosen = faces[slots == value]
    used, index = np.unique(chosen, return_inverse=True)
    builder.add(vertices[used], index.reshape(-1, 3), value, smooth_deg=38)


def add_body(builder: MeshBuilder, shape: shapes.Shape, slots: np.ndarray, smooth_deg: float = 38.0) -> None:
    """Adds a welded body with a slot per face; shading is smooth across slots."""
    start = len(builder.faces)
    builder.add(shape[0], shape[1], 0, smooth_deg)
    builder.slots[start] = np.asarray(slots)


def add_car(builder: MeshBuilder, p: CarProfile, inset: float, rng: np.random.Generator, detail: bool) -> None:
    """Adds body and wheels of a profile, the wheels `inset` metres within its width."""
    shape, slots = body(p, detail)
    add_body(builder, shape, slots)
    axles = [p.length / 2 - p.front_axle, p.length / 2 - p.rear_axle]
    add_wheels(builder, axles, p.wheel, p.width / 2 - inset, rng, detail)
