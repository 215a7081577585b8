"""Street furniture and what people leave about or take along: none of it carries a label."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sim2sg_core.packs.drive.street_decorator import Decorator
from sim2sg_core.scene import Placement

KINDS = (
    "sign", "sign", "sign", "low_sign", "board", "crossing_sign", "traffic_light", "bollard", "bin", "bin", "cabinet",
    "cabinet", "advertising", "bench", "planter", "shelter", "barrier", "scooter", "parasol", "crates", "bike", "bike",
    "post", "post", "mailbox", "poster", "cafe", "topiary", "mural",
)  # fmt: skip
NEAR_KINDS = (
    "sign", "bollard", "bin", "cabinet", "bike", "bike", "post", "post", "post", "hydrant", "mailbox", "luggage",
    "poster", "poster", "cafe", "topiary", "mural", "crates", "low_sign", "scooter",
)  # fmt: skip
"""Of the pieces beside the camera: what was taken for people and riders, first of all."""
FACING_THE_STREET = ("bench", "shelter", "cabinet", "advertising")  # by their sides, most of the time
FLAT = ("poster", "mural")  # with a face that shows to the street or to the camera
WIDE = ("shelter", "advertising", "board", "mural")  # hide the view when they stand close to the camera
NEAR_SHARE = 0.12  # pieces beside the camera, of the density
NEAR = (2.6, 11.0)  # metres before the camera
RACK = 0.3  # share of the parked bicycles that stand in racks, and heaps
TAKEN_ALONG = (("pram", 0.05), ("dog", 0.05), ("luggage", 0.08))  # shares of the people


def furnish(decorator: Decorator, density: float) -> None:
    """Puts lamps and posts in rows, and `density` pieces per 100 m; some of them beside the camera."""
    rng = decorator.rng
    for side in (0, 1):
        _rows(decorator, side)
    for _ in range(int(rng.poisson(density * 0.9))):
        _piece(decorator, str(rng.choice(KINDS)), 4 + 75 * float(rng.beta(1, 1.6)))
    for _ in range(int(rng.poisson(density * NEAR_SHARE))):
        _piece(decorator, str(rng.choice(NEAR_KINDS)), float(rng.uniform(*NEAR)))


def _rows(decorator: Decorator, side: int) -> None:
    """Lamps, and bollards or delineators, at equal steps along a side."""
    rng = decorator.rng
    if rng.random() < 0.7:
        name = decorator.pick(str(rng.choice(["street_lamp", "street_lamp", "street_power_pole"])))
        s, step = float(rng.uniform(5, 25)), float(rng.uniform(18, 34))
        while s < 110:
            decorator.put(name, s, decorator.beside(side, 0.5), np.pi if side == 0 else 0.0, margin=0.0, same=True)
            s += step
    if rng.random() < 0.25:
        name, s = decorator.pick(str(rng.choice(["street_bollard", "street_delineator"]))), float(rng.uniform(3, 20))
        step, end = float(rng.choice([1.5, 2.0, 3.0, 12.0])), s + float(rng.uniform(10, 50))
        while s < end:
            decorator.put(name, s, decorator.beside(side, 0.3), 0.0, same=True, margin=0.0, clear=2.5)
            s += step


def _piece(decorator: Decorator, kind: str, s: float) -> None:
    """One piece of furniture, or a few that stand together, at the kerb or behind the pavement."""
    rng = decorator.rng
    side = int(rng.integers(2))
    walk, sign = decorator.street.walks[side], (1, -1)[side]
    out = float(rng.uniform(0.25, 0.6)) if rng.random() < 0.5 else walk - 0.3 + float(rng.uniform(0, 1.6))
    clear = 7.0 if kind in WIDE else 2.5
    if kind == "bike":
        _bicycles(decorator, side, s, out)
    elif kind == "bin":
        for k in range(int(rng.integers(1, 4))):
            turn = float(rng.uniform(-3, 3))
            decorator.put(decorator.pick("street_bin"), s + 0.8 * k, decorator.beside(side, out), turn, clear=clear)
    elif kind == "cafe":
        for k in range(int(rng.integers(1, 4))):
            at = decorator.beside(side, max(walk - 0.9, 0.9) + float(rng.normal(0, 0.15)))
            decorator.put(decorator.pick("street_cafe"), s + 1.9 * k, at, float(rng.uniform(-3, 3)), clear=clear)
    else:
        turn = float(rng.normal(0, 0.12))
        if kind in FACING_THE_STREET:
            turn += (np.pi if side else 0.0) if rng.random() < 0.7 else np.pi / 2
        elif kind in FLAT:
            turn += sign * np.pi / 2 if kind == "mural" or rng.random() < 0.6 else 0.0
            out = max(out, walk)
        size = float(rng.uniform(0.9, 1.12))
        decorator.put(decorator.pick(f"street_{kind}"), s, decorator.beside(side, out), turn, size, clear=clear)


def _bicycles(decorator: Decorator, side: int, s: float, out: float) -> None:
    """Parked bicycles: one to four, or a rack or heap full of them."""
    rng = decorator.rng
    rack = rng.random() < RACK
    count, step = (int(rng.integers(4, 11)), float(rng.uniform(0.42, 0.6))) if rack else (int(rng.integers(1, 5)), 0.7)
    along = rng.random() < 0.25  # Leaning at a wall or a fence, one behind the other.
    turn, jitter = (0.0, 0.1) if along else (float(rng.choice([-1, 1])) * np.pi / 2, 0.08 if rack else 0.2)
    at = decorator.beside(side, decorator.street.walks[side] if rng.random() < 0.6 else out + 0.6)
    for k in range(count):
        decorator.put(
            *(decorator.pick("bicycle"), s + k * (1.9 if along else step), at, turn + float(rng.normal(0, jitter))),
            margin=-0.16 if rack and not along else 0.05,
            clear=2.5,
        )


def accompany(decorator: Decorator, people: Sequence[Placement]) -> None:
    """Gives some of the people a pram that they push, a dog beside them, a suitcase or a bag."""
    rng = decorator.rng
    for person in people:
        u = rng.random()
        for kind, share in TAKEN_ALONG:
            u -= share
            if u < 0:
                ahead, aside = {"pram": (0.85, 0.0), "dog": (0.3, 0.7), "luggage": (-0.45, 0.42)}[kind]
                ahead += person.size[0] / 2 - 0.3
                c, s = np.cos(person.yaw), np.sin(person.yaw)
                at = person.position[:2] + [c * ahead - s * aside, s * ahead + c * aside]
                along, out = decorator.street.road.locate(at)
                turn = person.yaw - float(decorator.street.road.yaw(along))
                name = decorator.pick(f"street_{kind}")
                decorator.put(name, float(along), float(out), turn, margin=-0.02, clear=2.5)
                break
