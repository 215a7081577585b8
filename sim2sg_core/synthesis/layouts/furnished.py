"""Scenes with things upon things: tables stand, chairs go round them, plates and books come on to them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sim2sg_core.domains import AroundSpec, ArrangedLayout, ClassSpec, Domain, GroupSpec
from sim2sg_core.scene import Camera, Layout, Placement
from sim2sg_core.scene.layout import GROUND, wrap_angle
from sim2sg_core.scene.polygons import polygon_area
from sim2sg_core.synthesis.layouts.arrangement import Arrangement
from sim2sg_core.synthesis.layouts.supports import fits, rotation, stand_on

TRIES = 40  # Places on the ground for one object.
FEW = 8  # Places on a surface, or round an object.
STACKS = 0.35  # Share of the objects with others of their own class on them.
DEEPEST = 2  # Objects of one class below another of it.
FRONT = 0.2  # Metres before the camera's foot where nothing stands round anything.


def is_furnished(domain: Domain) -> bool:
    """Whether a domain says more than what is strewn freely over the ground."""
    spec = domain.layout
    if not isinstance(spec, ArrangedLayout):
        return False
    return bool(spec.around or spec.groups) or any(
        c.count is not None or any(s != GROUND for s in c.supports) for c in domain.classes
    )


def sample_furnished(domain: Domain, camera: Camera, rng: np.random.Generator) -> Layout:
    """Draws a scene of things on the ground, round each other, and upon each other.

    In this order: classes of the ground with a count, the supporting and the large ones first; free draws; what
    stands round them; then, surface by surface, what is larger than the things of its groups, the groups, all else,
    and what stands on these in turn. What finds no place is left out, and nothing is placed beyond the domain's
    `max_objects`. What stands round an object goes with it, and may leave the layout's area.

    Args:
        domain: With a layout of things upon things.
        camera: Over the ground, which stays free.
        rng: Randomness.

    Returns:
        The layout; every placement has its mesh.
    """
    spec = domain.layout
    assert isinstance(spec, ArrangedLayout)
    made = Arrangement(domain, spec, camera, rng)
    for label in _ground_draws(domain, spec, rng):
        _on_ground(made, label)
    for index in range(len(made.items)):
        for ring in spec.around:
            if ring.of == made.items[index].placement.label:
                _surround(made, ring, index)
    index = 0
    while index < len(made.items):  # Grows meanwhile.
        label = made.items[index].placement.label
        groups = [group for group in spec.groups if group.on == label]
        laid = max((_footprint(made.domain.class_spec(i.what)) for g in groups for i in g.items), default=np.inf)
        _strew(made, index, (laid, np.inf))
        for group in groups:
            _set(made, group, index)
        _strew(made, index, (0.0, laid))
        index += 1
    return Layout(camera, tuple(item.placement for item in made.items))


def _ground_draws(domain: Domain, spec: ArrangedLayout, rng: np.random.Generator) -> list[str]:
    """Classes of what stands on the ground, in the order in which it is put down."""
    carriers = domain.carriers | {ring.of for ring in spec.around}
    counted = [c for c in domain.classes if c.on_ground and c.count is not None]
    counted.sort(key=lambda c: (c.name not in carriers, -_footprint(c)))
    labels = [c.name for c in counted for _ in range(_between(c.count, rng))]
    free = [c for c in domain.classes if c.on_ground and c.count is None]
    if free and spec.count[1]:
        share = np.array([c.frequency for c in free])
        count = int(rng.integers(spec.count[0], spec.count[1] + 1))
        labels += [free[k].name for k in rng.choice(len(free), count, p=share / share.sum())]
    return labels


def _footprint(spec: ClassSpec) -> float:
    return float(np.prod(spec.mean_size()[:2]))


def _between(count: tuple[int, int] | None, rng: np.random.Generator) -> int:
    return 0 if count is None else int(rng.integers(count[0], count[1] + 1))


def _on_ground(made: Arrangement, label: str) -> None:
    """Puts an object down somewhere in the layout's area, in the picture, if there is room."""
    rng, spec = made.rng, made.spec
    for _ in range(TRIES):
        if made.full:
            return
        size, asset = made.draw(label)
        position = np.array([rng.uniform(*spec.distance), rng.uniform(*spec.lateral), 0.0])
        placement = Placement(label, position, float(rng.uniform(-np.pi, np.pi)), size, asset)
        if _within_reach(made, placement) and made.in_picture(placement) and made.add(placement):
            return


def _within_reach(made: Arrangement, placement: Placement) -> bool:
    return bool(placement.footprint()[:, 0].max() < made.spec.reach())


def _count(made: Arrangement, count: tuple[int, int], fullness: float) -> int:
    """Draws a number from a range, of which sparse surfaces use the lower part."""
    drawn = made.rng.integers(count[0], count[1] + 1) - count[0]
    return count[0] + min(int(drawn), int(drawn * fullness + made.rng.random()))


def _surround(made: Arrangement, ring: AroundSpec, index: int) -> None:
    """Puts objects round another, facing it."""
    rng, middle = made.rng, made.items[index]
    wanted = int(rng.integers(ring.count[0], ring.count[1] + 1))
    size, _ = made.draw(ring.what, middle.kit)
    seats = _seats(made, middle.placement, float(size[1]), wanted)
    for seat, inward in seats:
        if wanted <= 0:
            return
        for _ in range(FEW):
            if made.full:
                return
            size, asset = made.draw(ring.what, middle.kit)
            yaw = inward + float(np.radians(rng.normal(0, 6)))
            back = float(rng.uniform(*ring.gap)) + size[0] / 2
            aside = float(rng.normal(0, 0.03))
            c, s = np.cos(inward), np.sin(inward)
            spot = seat - back * np.array([c, s]) + aside * np.array([-s, c])
            placement = Placement(ring.what, np.append(spot, 0.0), float(wrap_angle(yaw)), size, asset)
            if spot[0] > FRONT and _within_reach(made, placement) and made.add(placement):
                wanted -= 1
                break


def _seats(made: Arrangement, middle: Placement, width: float, wanted: int) -> list[tuple[np.ndarray, float]]:
    """Places on the rim of a footprint, and the headings inwards, in an order to be tried in.

    What looks alike from all sides has a round rim; others have sides, and as many places on each as objects of
    `width` fit side by side.
    """
    rng = made.rng
    if made.domain.class_spec(middle.label).yaw_symmetry == 0:
        turns = rng.uniform(0, 2 * np.pi) + np.arange(max(wanted, 1)) * 2 * np.pi / max(wanted, 1)
        rim = np.stack([np.cos(turns), np.sin(turns)], 1)
        return [
            (r * middle.size[:2] / 2 + middle.position[:2], float(t + np.pi)) for r, t in zip(rim, turns, strict=True)
        ]
    places = []
    for turn in (0.0, np.pi / 2, np.pi, -np.pi / 2):  # Of the side's outward direction, in the footprint's frame.
        lengthwise = abs(np.cos(turn)) > 0.5
        out, along = (middle.size[0], middle.size[1]) if lengthwise else (middle.size[1], middle.size[0])
        room = max(1, int(along / (width + made.spec.min_gap)))
        room = min(room, max(1, int(rng.integers(1, room + 1)))) if wanted < 2 * room else room
        for k in range(room):
            own = np.array([out / 2, ((k + 0.5) / room - 0.5) * along]) @ rotation(turn)
            places.append((own @ rotation(middle.yaw) + middle.position[:2], middle.yaw + turn + np.pi))
    return [places[k] for k in rng.permutation(len(places))]


def _set(made: Arrangement, group: GroupSpec, index: int) -> None:
    """Lays groups at the edge of a surface, before who sits there as long as there are such."""
    host, rng = made.items[index], made.rng
    regions = made.regions(index)
    if not regions:
        return
    wanted = _count(made, group.count, host.fullness)
    for edge, inward in _edge_places(made, index, regions[0][1], wanted):
        if wanted <= 0:
            return
        place = edge + float(rng.uniform(*group.inset)) * inward
        wanted -= _lay(made, group, index, regions[0], place, inward)


def _edge_places(
    made: Arrangement, index: int, region: np.ndarray, wanted: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields (2,) places on the edge of a surface and (2,) directions inwards, in the world."""
    host, rng = made.items[index].placement, made.rng
    own = region * host.size[:2]
    after = np.roll(own, -1, axis=0) - own
    length = np.maximum(np.linalg.norm(after, axis=1), 1e-9)
    turn = rotation(host.yaw)
    sides = {ring.what for ring in made.spec.around if ring.of == host.label}
    reach = float(np.hypot(*host.size[:2])) / 2 + 1.0
    sitting = [i.placement.position[:2] for i in made.items if i.host < 0 and i.placement.label in sides]
    sitting = [(s - host.position[:2]) @ turn.T for s in sitting if np.linalg.norm(s - host.position[:2]) < reach]

    def at(edge: int, share: float) -> tuple[np.ndarray, np.ndarray]:
        inward = np.array([-after[edge, 1], after[edge, 0]]) / length[edge]
        return (own[edge] + share * after[edge]) @ turn + host.position[:2], inward @ turn

    for k in rng.permutation(len(sitting)):
        share = np.clip(((sitting[k] - own) * after).sum(1) / length**2, 0, 1)
        nearest = int(np.linalg.norm(own + share[:, None] * after - sitting[k], axis=1).argmin())
        yield at(nearest, float(share[nearest]))
    ends = np.cumsum(length)
    tried = max(2 * wanted, 4)
    for place in rng.permutation((rng.random() + np.arange(tried)) / tried * ends[-1]):
        edge = min(int(np.searchsorted(ends, place)), len(own) - 1)
        yield at(edge, float(1 - (ends[edge] - place) / length[edge]))


def _lay(
    made: Arrangement,
    group: GroupSpec,
    index: int,
    region: tuple[float, np.ndarray],
    place: np.ndarray,
    inward: np.ndarray,
) -> bool:
    """Lays one group; says whether its first object found room. Without that the others are not laid."""
    rng, host = made.rng, made.items[index]
    right = np.array([inward[1], -inward[0]])
    laid = False
    for item in group.items:
        if rng.random() >= item.chance:
            continue
        for _ in range(3):
            if made.full:
                return laid
            size, asset = made.draw(item.what, host.kit)
            spot = place + item.at[0] * right + item.at[1] * inward + rng.normal(0, group.jitter, 2)
            yaw = np.arctan2(inward[1], inward[0]) + np.radians(item.turn_deg + rng.normal(0, group.turn_jitter_deg))
            placement = Placement(item.what, np.append(spot, region[0]), float(wrap_angle(yaw)), size, asset)
            if fits(region[1], host.placement, placement) and made.add(
                placement, index, gap=0.0
            ):  # The group says how near.
                laid = True
                break
        if not laid:
            return False
    return laid


def _strew(made: Arrangement, index: int, footprint: tuple[float, float]) -> None:
    """Strews classes that have a count, and a mean footprint in [lo, hi) square metres, over the surfaces of an item.

    The large ones first: they find no place among many small ones.
    """
    rng, host = made.rng, made.items[index]
    label = host.placement.label
    standing = [
        c
        for c in made.domain.classes
        if label in c.supports and c.count is not None and footprint[0] <= _footprint(c) < footprint[1]
    ]
    standing.sort(key=_footprint, reverse=True)
    if not standing:
        return
    regions = made.regions(index)
    if not regions:
        return
    area = np.array([polygon_area(region) for _, region in regions])
    for spec in standing:
        if spec.name == label and (_depth(made, index) >= DEEPEST or rng.random() >= STACKS):
            continue
        assert spec.count is not None
        for _ in range(_count(made, spec.count, host.fullness)):
            for _ in range(FEW):
                if made.full:
                    return
                size, asset = made.draw(spec.name)
                height, region = regions[int(rng.choice(len(regions), p=area / area.sum()))]
                yaw = _heading(host.placement, spec.name, rng)
                spot = stand_on(host.placement, region, size, yaw, rng)
                if spot is not None and made.add(
                    Placement(spec.name, np.append(spot, height), yaw, size, asset), index
                ):
                    break


def _heading(support: Placement, label: str, rng: np.random.Generator) -> float:
    """Any heading, or about that of the support: things lie along edges, and stacks are neat."""
    if label == support.label:
        return float(wrap_angle(support.yaw + rng.normal(0, 0.12)))
    if rng.random() < 0.5:
        return float(wrap_angle(support.yaw + np.pi / 2 * rng.integers(4) + rng.normal(0, 0.15)))
    return float(rng.uniform(-np.pi, np.pi))


def _depth(made: Arrangement, index: int) -> int:
    """How many of its own class an item stands on."""
    item, depth = made.items[index], 0
    while item.host >= 0 and made.items[item.host].placement.label == item.placement.label:
        item, depth = made.items[item.host], depth + 1
    return depth
