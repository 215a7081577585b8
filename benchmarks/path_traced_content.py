"""What stands in the path-traced rooms: drawn from `dining_target.yaml`, with code and distributions of its own.

World frame: level, on the floor under the camera, x forward, y left, z up; metres and radians.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

TRIES = 40
LYING = ("fork", "knife", "spoon", "laptop", "book")  # with a footprint that is no disc


@dataclass(frozen=True)
class Thing:
    """One labelled object: class, centre of its base, heading, extents, and the seed of its shape and materials."""

    label: str
    position: tuple[float, float, float]
    yaw: float
    size: tuple[float, float, float]
    seed: int
    kind: str = ""


class Table:
    """What is on one table, and whether something more has room."""

    def __init__(self, thing: Thing) -> None:
        self.thing = thing
        self.items: list[Thing] = []

    def local(self, x: float, y: float, z: float = 0.0) -> tuple[float, float, float]:
        """Turns a place on the table top into one of the world."""
        c, s = np.cos(self.thing.yaw), np.sin(self.thing.yaw)
        px, py, pz = self.thing.position
        return (px + c * x - s * y, py + s * x + c * y, pz + self.thing.size[2] + z)

    def holds(self, corners: np.ndarray) -> bool:
        """Whether all (N, 2) corners, in the table's frame, lie on its top."""
        half = np.array(self.thing.size[:2]) / 2 - 0.005
        if self.thing.kind == "round":
            return bool((((corners / half) ** 2).sum(axis=1) <= 1).all())
        return bool((np.abs(corners) <= half).all())

    def put(self, label: str, x: float, y: float, turn: float, size: tuple[float, float, float], seed: int) -> bool:
        """Puts a thing down where there is room for it."""
        item = Thing(label, self.local(x, y), self.thing.yaw + turn, size, seed)
        if not self.holds(rectangle((x, y), turn, size)):
            return False
        if any(overlap(item, other) for other in self.items):
            return False
        self.items.append(item)
        return True


def rectangle(centre: tuple[float, float], yaw: float, size: tuple[float, ...], margin: float = 0.0) -> np.ndarray:
    """(4, 2) corners of a footprint."""
    half = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]]) * (np.array(size[:2]) / 2 + margin)
    c, s = np.cos(yaw), np.sin(yaw)
    return half @ np.array([[c, s], [-s, c]]) + np.array(centre)


def overlap(a: Thing, b: Thing, margin: float = 0.004) -> bool:
    """Whether two footprints overlap: discs where both are round, else rectangles (separating axes)."""
    apart = np.array(a.position[:2]) - np.array(b.position[:2])
    if a.label not in LYING and b.label not in LYING:
        return bool(np.linalg.norm(apart) < (max(a.size[:2]) + max(b.size[:2])) / 2 + margin)
    pa, pb = (rectangle(t.position[:2], t.yaw, t.size, margin / 2) for t in (a, b))
    axes = np.array([[np.cos(y), np.sin(y)] for y in (a.yaw, a.yaw + np.pi / 2, b.yaw, b.yaw + np.pi / 2)])
    sa, sb = pa @ axes.T, pb @ axes.T
    return bool((np.maximum(sa.min(0) - sb.max(0), sb.min(0) - sa.max(0)) < 0).all())


def draw_scene(spec: dict[str, Any], seed: int) -> dict[str, Any]:
    """Draws one scene: camera, room, and things as JSON-ready data."""
    rng = np.random.default_rng([seed, 77])
    tables = [draw_table(spec, rng, first=True)]
    camera = draw_camera(spec["camera"], tables[0].thing, rng)
    if rng.random() < spec["table"]["second"]:
        other = draw_table(spec, rng, first=False)
        if np.linalg.norm(np.subtract(other.thing.position, tables[0].thing.position)) > 2.3:
            tables.append(other)
    things: list[Thing] = []
    for table in tables:
        lay(table, spec, rng)
        things += [table.thing, *table.items]
    chairs: list[Thing] = []
    for table in tables:
        for chair in draw_chairs(table.thing, spec, rng):
            clear = np.hypot(*chair.position[:2]) > 0.75 and chair.position[0] > 0.3
            if clear and not any(overlap(chair, o, 0.06) for o in chairs) and free_of_tables(chair, table, tables):
                chairs.append(chair)
    return {
        "seed": seed,
        "camera": camera,
        "room": draw_room(spec, rng, things + chairs),
        "things": [asdict(t) for t in things + chairs],
    }


def draw_camera(given: dict[str, Any], table: Thing, rng: np.random.Generator) -> dict[str, float]:
    """Draws how the camera is held: height in metres, pitch (down) and roll in radians."""
    height = float(rng.uniform(*given["height"]))
    aim = np.arctan2(height - table.size[2], table.position[0])
    pitch = float(aim + np.radians(rng.uniform(*given["aim_deg"])))
    return {"height": height, "pitch": pitch, "roll": float(np.radians(rng.uniform(*given["roll_deg"])))}


def free_of_tables(chair: Thing, own: Table, tables: list[Table]) -> bool:
    """Whether a chair keeps clear of the other tables."""
    return not any(t is not own and rectangles_meet(chair, t.thing) for t in tables)


def rectangles_meet(a: Thing, b: Thing) -> bool:
    """Whether two oriented footprints overlap."""
    box = Thing("book", b.position, b.yaw, b.size, 0)
    return overlap(Thing("book", a.position, a.yaw, a.size, 0), box)


def draw_table(spec: dict[str, Any], rng: np.random.Generator, first: bool) -> Table:
    """Draws a table, without what is on it."""
    given = spec["table"]
    kind = str(rng.choice(list(given["shapes"]), p=list(given["shapes"].values())))
    length, width = rng.uniform(*given["length"]), rng.uniform(*given["width"])
    if kind == "round":
        length = width = rng.uniform(0.8, 1.25)
    x = rng.uniform(*given["distance"]) + (0 if first else rng.uniform(2.0, 3.0))
    y = rng.uniform(*given["lateral"]) * (1 if first else 2.2)
    yaw = float(rng.uniform(-np.pi, np.pi))
    size = (float(length), float(width), float(rng.uniform(*given["height"])))
    return Table(Thing("table", (float(x), float(y), 0.0), yaw, size, int(rng.integers(1 << 30)), kind))


def draw_size(spec: dict[str, Any], label: str, rng: np.random.Generator) -> tuple[float, float, float]:
    """Draws the extents of a thing of a class."""
    length, width, height = spec["sizes"][label]
    a = float(rng.uniform(*length))
    return (a, a if width == "same" else float(rng.uniform(*width)), float(rng.uniform(*height)))


def lay(table: Table, spec: dict[str, Any], rng: np.random.Generator) -> None:
    """Puts things on a table: a laid meal, or things strewn about."""
    kind = str(rng.choice(list(spec["kinds"]), p=list(spec["kinds"].values())))
    if kind == "meal":
        for x, y, turn in seats(table.thing, rng):
            if rng.random() < 0.85:
                lay_place(table, spec, rng, x, y, turn)
        counts = spec["meal"]["middle"]
    else:
        counts = spec[kind]
    for label, (low, high) in counts.items():
        for _ in range(int(rng.integers(low, high + 1))):
            strew(table, label, spec, rng, middle=kind == "meal")


def seats(table: Thing, rng: np.random.Generator) -> list[tuple[float, float, float]]:
    """Places at the edge in the table's frame: where a sitter's middle is, and the direction inwards."""
    length, width = table.size[:2]
    if table.kind == "round":
        count = int(rng.integers(2, 5))
        angles = rng.uniform(0, 2 * np.pi) + 2 * np.pi * np.arange(count) / count
        return [(length / 2 * np.cos(a), width / 2 * np.sin(a), a + np.pi) for a in angles]
    along = [0.0] if length < 1.15 else [-length / 4, length / 4]
    sides = [(x, s * width / 2, -s * np.pi / 2) for x in along for s in (1, -1)]
    return sides + [(s * length / 2, 0.0, np.pi if s > 0 else 0.0) for s in (1, -1)]


def lay_place(table: Table, spec: dict[str, Any], rng: np.random.Generator, x: float, y: float, turn: float) -> None:
    """Lays one place: what each chance gives, the sitter's right hand at -90 degrees from inwards."""
    inwards = np.array([np.cos(turn), np.sin(turn)])
    right = np.array([np.sin(turn), -np.cos(turn)])
    spots = {
        "plate": (0.0, 0.17, 0.0), "bowl": (0.0, 0.17, 0.0), "fork": (-0.18, 0.16, 0.0), "knife": (0.18, 0.16, 0.0),
        "spoon": (0.22, 0.16, 0.0), "cup": (0.20, 0.33, None), "wine_glass": (0.14, 0.36, None),
    }  # fmt: skip
    for label, chance in spec["meal"]["place"].items():
        if rng.random() < chance:
            across, deep, heading = spots[label]
            jitter = rng.normal(0, 0.012, 2)
            spot = np.array([x, y]) + inwards * (deep + jitter[0]) + right * (across + jitter[1])
            yaw = float(rng.uniform(-np.pi, np.pi)) if heading is None else turn + float(rng.normal(0, 0.09))
            size = draw_size(spec, label, rng)
            table.put(label, float(spot[0]), float(spot[1]), yaw, size, int(rng.integers(1 << 30)))


def strew(table: Table, label: str, spec: dict[str, Any], rng: np.random.Generator, middle: bool) -> None:
    """Puts one thing somewhere on the table, where there is room."""
    size, seed = draw_size(spec, label, rng), int(rng.integers(1 << 30))
    reach = np.array(table.thing.size[:2]) * (0.22 if middle else 0.47)
    for _ in range(TRIES):
        x, y = (float(v) for v in rng.uniform(-reach, reach))
        if table.put(label, x, y, float(rng.uniform(-np.pi, np.pi)), size, seed):
            return


def draw_chairs(table: Thing, spec: dict[str, Any], rng: np.random.Generator) -> list[Thing]:
    """Draws chairs at a table, facing it, some pushed in, some turned away."""
    given, chairs = spec["chairs"], []
    for x, y, turn in seats(table, rng):
        size, seed = draw_size(spec, "chair", rng), int(rng.integers(1 << 30))
        gap, bent = rng.uniform(*given["gap"]), np.radians(rng.normal(0, given["turn_deg"]))
        there, away = rng.random() < given["each_side"], rng.random() < given["away"]
        if not there:
            continue
        if away:
            gap, bent = gap + 0.45, bent + rng.uniform(-1.2, 1.2)
        back = gap + size[0] / 2
        place = Table(table).local(x - np.cos(turn) * back, y - np.sin(turn) * back)
        chairs.append(Thing("chair", (place[0], place[1], 0.0), float(table.yaw + turn + bent), size, seed))
    return chairs


def draw_room(spec: dict[str, Any], rng: np.random.Generator, things: list[Thing]) -> dict[str, float]:
    """Draws the room about camera and things: extents in its own frame, turned against the camera's heading."""
    given = spec["room"]
    turn = float(np.radians(rng.uniform(*given["turn_deg"])))
    c, s = np.cos(turn), np.sin(turn)
    points = np.array([[0.0, 0.0], *[p for t in things for p in rectangle(t.position[:2], t.yaw, t.size)]])
    local = points @ np.array([[c, -s], [s, c]])
    low, high = local.min(0), local.max(0)
    side = max(0.3, (rng.uniform(*given["width"]) - (high[1] - low[1])) / 2)
    return {
        "turn": turn,
        "back": float(low[0] - rng.uniform(*given["behind"])),
        "front": float(high[0] + rng.uniform(*given["beyond"])),
        "right": float(low[1] - side * rng.uniform(0.5, 1.0)),
        "left": float(high[1] + side * rng.uniform(0.5, 1.0)),
        "height": float(rng.uniform(*given["height"])),
    }
