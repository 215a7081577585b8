"""Street layouts and what surrounds them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim2sg_core.domains import load_domain
from sim2sg_core.packs.drive.road import Road
from sim2sg_core.packs.drive.section import sample_section
from sim2sg_core.packs.drive.street_decorator import Decorator
from sim2sg_core.packs.drive.street_furnishing import accompany
from sim2sg_core.packs.drive.street_inference import infer_street
from sim2sg_core.packs.drive.street_sampler import sample_street
from sim2sg_core.packs.drive.street_scenery import street_scenery
from sim2sg_core.render.projection import image_extent
from sim2sg_core.scene import Camera, Layout, Placement
from sim2sg_core.synthesis.appearance import Painter
from sim2sg_core.synthesis.layouts.occupancy import Occupancy, box_footprint, overlap

DOMAIN = load_domain("drive")
SEEDS = range(80)
TRAFFIC = ("car", "van", "truck", "pedestrian", "cyclist")


class Material:
    """The part of an appearance that scenery uses."""

    painter = Painter()


def camera(rng: np.random.Generator) -> Camera:
    return DOMAIN.camera.sample(rng, None, None, None)


@pytest.fixture(scope="module")
def layouts() -> list[Layout]:
    made = []
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        made.append(sample_street(DOMAIN, camera(rng), rng))
    return made


def solid(placement: Placement) -> np.ndarray:
    """The footprint that must be free; a tree's crown may hang over what is low."""
    share = 1.0
    if placement.label == "vegetation":
        share = 0.2
    return box_footprint(*placement.position[:2], placement.yaw, *(placement.size[:2] * share - 1e-3))


def test_nothing_interpenetrates(layouts: list[Layout]) -> None:
    for seed, layout in enumerate(layouts):
        quads = [solid(p) for p in layout.placements]
        for i in range(len(quads)):
            for j in range(i):
                pair = (layout.placements[i].label, layout.placements[j].label)
                assert not overlap(quads[i], quads[j]), (seed, pair, layout.placements[i].position)


def test_trees_do_not_grow_into_houses(layouts: list[Layout]) -> None:
    for layout in layouts:
        houses = [p.footprint() for p in layout.placements if p.label == "building"]
        for p in layout.placements:
            if p.label == "vegetation":
                crown = box_footprint(*p.position[:2], p.yaw, *(p.size[:2] * 0.85))
                assert not any(overlap(crown, h) for h in houses)


def test_the_camera_is_free_and_everything_may_be_seen(layouts: list[Layout]) -> None:
    for layout in layouts:
        view = box_footprint(0.2, 0.0, 0.0, 4.4, 1.8)
        lens = layout.camera
        for p in layout.placements:
            assert not overlap(view, solid(p)), p
            corners = lens.to_camera(p.corners())
            ahead = corners[corners[:, 2] > 0.2]
            assert len(ahead), p
            u = ahead[:, 0] / ahead[:, 2] * lens.K[0, 0] + lens.K[0, 2]
            assert u.max() > 0 and u.min() < lens.width, p


def test_the_statistics_are_those_of_streets(layouts: list[Layout]) -> None:
    counts = {label: np.array([sum(p.label == label for p in layout.placements) for layout in layouts])
              for label in (*TRAFFIC, "vegetation", "building")}  # fmt: skip
    assert 4 < counts["car"].mean() < 22 and (counts["car"] > 0).mean() > 0.85
    assert 0.2 < counts["van"].mean() < 4 and 0.1 < counts["truck"].mean() < 2.5
    assert 1 < counts["pedestrian"].mean() < 9 and (counts["pedestrian"] == 0).any()
    assert 0.3 < counts["cyclist"].mean() < 4
    assert counts["vegetation"].mean() > 3 and counts["building"].mean() > 1.5
    distance = np.array([p.position[0] for layout in layouts for p in layout.placements if p.label == "car"])
    assert ((distance > 8) & (distance < 50)).mean() > 0.4 and distance.max() > 60
    sizes = np.array([p.size for layout in layouts for p in layout.placements if p.label == "car"])
    assert sizes.mean(0) == pytest.approx([4.1, 1.68, 1.53], abs=0.25)


def heights(layout: Layout, labels: tuple[str, ...]) -> list[float]:
    """Pixels that objects before the camera are high, whether the picture's edges cut them or not."""
    focal = layout.camera.K[1, 1]
    return [focal * p.size[2] / p.position[0] for p in layout.placements if p.label in labels and p.position[0] > 2]


def cut(placement: Placement, lens: Camera) -> bool:
    """Whether the left or right edge of the picture goes through an object."""
    corners = lens.to_camera(placement.corners())
    if (corners[:, 2] < 0.5).any():
        return True
    left, _, right, _ = image_extent(corners, lens)
    return bool(left < 0 < right or left < lens.width < right)


def test_people_and_vehicles_come_near_and_the_picture_cuts_them(layouts: list[Layout]) -> None:
    for labels, near, by_edges in (
        (("pedestrian",), 0.4, 0.15),
        (("cyclist",), 0.25, 0.05),
        (("car", "van", "truck"), 0.5, 0.8),
    ):
        tall = sum(height > 160 for layout in layouts for height in heights(layout, labels))
        small = sum(25 < height < 80 for layout in layouts for height in heights(layout, labels))
        cuts = sum(cut(p, layout.camera) for layout in layouts for p in layout.placements if p.label in labels)
        assert tall > near * len(layouts), (labels, tall)
        assert small > len(layouts), (labels, small)  # The far ones are still there.
        assert cuts > by_edges * len(layouts), (labels, cuts)


def test_cities_have_crowds(layouts: list[Layout]) -> None:
    people = np.array([sum(p.label == "pedestrian" for p in layout.placements) for layout in layouts])
    assert 0.15 < (people >= 8).mean() < 0.6 and people.max() > 14


def test_streets_without_near_things_and_crowds_have_none() -> None:
    """`near: 0` and `crowded: 0` leave what the densities bring: none of people without a density."""
    bare = {"near": (0.0, 0.0), "crowded": 0.0, "moving": (0.0, 0.0), "parked": (0.0, 0.0)}
    nobody = tuple(entry.model_copy(update={"density": (0.0, 0.0)}) for entry in DOMAIN.layout.walkers)
    riders = tuple(entry.model_copy(update={"density": (0.0, 0.0)}) for entry in DOMAIN.layout.riders)
    layout = DOMAIN.layout.model_copy(update={**bare, "walkers": nobody, "riders": riders})
    domain = DOMAIN.model_copy(update={"layout": layout})
    for seed in range(12):
        rng = np.random.default_rng(seed)
        made = sample_street(domain, camera(rng), rng)
        assert not [p for p in made.placements if p.label in TRAFFIC]


@pytest.mark.parametrize("role", ["vehicles", "walkers", "riders"])
def test_near_things_and_crowds_come_of_every_class_that_has_a_density(role: str) -> None:
    layout = DOMAIN.layout.model_copy(update={"near": (4.0, 4.0), "crowded": 1.0, role: ()})
    domain = DOMAIN.model_copy(update={"layout": layout})
    absent = {entry.what for entry in getattr(DOMAIN.layout, role)}
    seen = set()
    for seed in range(16):
        rng = np.random.default_rng(seed)
        seen |= {p.label for p in sample_street(domain, camera(rng), rng).placements}
    assert not seen & absent and set(TRAFFIC) - absent <= seen


def test_traffic_keeps_to_its_side(layouts: list[Layout]) -> None:
    """Vehicles that come towards the camera pass on its left where the street bends little."""
    wrong = total = 0
    for layout in layouts:
        for p in layout.placements:
            if p.label in ("car", "truck", "van") and 4 < p.position[0] < 40 and abs(p.position[1]) < 2.0:
                total += 1
                wrong += abs(abs(p.yaw) - np.pi) < 0.3
    assert total > 20 and wrong <= 0.15 * total


def test_no_more_objects_than_the_network_holds(layouts: list[Layout]) -> None:
    for layout in layouts:
        assert sum(p.label in TRAFFIC for p in layout.placements) <= DOMAIN.max_objects
        assert all(p.label in {c.name for c in DOMAIN.classes} and p.asset for p in layout.placements)
        assert all(np.isfinite(p.position).all() and (p.size > 0.1).all() for p in layout.placements)


def test_the_same_seed_gives_the_same_street() -> None:
    for seed in (3, 11):
        made = []
        for _ in range(2):
            rng = np.random.default_rng(seed)
            layout = sample_street(DOMAIN, camera(rng), rng)
            scene = street_scenery(DOMAIN, layout, Material(), np.random.default_rng(seed))
            made.append((layout.to_json(), [(i.asset.name, i.position.tolist(), i.yaw, i.materials) for i in scene]))
        assert made[0] == made[1]


def test_scenery_avoids_placements_and_carries_no_label(layouts: list[Layout]) -> None:
    for seed, layout in enumerate(layouts[:12]):
        scene = street_scenery(DOMAIN, layout, Material(), np.random.default_rng(seed))
        names = [i.asset.name for i in scene]
        assert any(n == "ground" for n in names) and sum(n != "ground" for n in names) > 15
        assert all(i.label is None for i in scene)
        quads = [(p, p.footprint()) for p in layout.placements]
        for item in scene:
            if item.asset.name == "ground" or "background" in item.asset.name or "hedge" in item.asset.name:
                continue
            near = np.hypot(*item.position[:2])
            reach = np.hypot(*item.size[:2]) / 2
            if near < 8 and abs(item.position[1]) < 1.2:
                assert near - reach > 4, item.asset.name
            if "vegetation" in item.asset.name:
                continue
            quad = box_footprint(*item.position[:2], item.yaw, *(item.size[:2] - 0.45))
            if (item.size[:2] > 0.5).all():
                assert not any(overlap(quad, q) for _, q in quads), item.asset.name


def test_clutter_stands_beside_the_camera(layouts: list[Layout]) -> None:
    """Posts, posters, parked bicycles and the like are as near as people are, and never right before the camera."""
    near: list[str] = []
    for seed, layout in enumerate(layouts[:24]):
        for item in street_scenery(DOMAIN, layout, Material(), np.random.default_rng(seed)):
            if item.asset.name.startswith(("street_", "bicycle_")) and item.position[0] < 11:
                near.append(item.asset.name)
                beside = abs(item.position[1]) + np.hypot(*item.size[:2]) / 2
                assert np.hypot(*item.position[:2]) > 2.4 and (beside > 1.2 or item.position[0] > 4), item.asset.name
    assert len(near) > 24 and len({name.split("_")[1] for name in near}) > 8


def test_some_people_take_things_along(layouts: list[Layout]) -> None:
    """A pram is before the one who pushes it, a dog and a suitcase are beside; none of them is a scene's own label."""
    distances = []
    for seed, layout in enumerate(layouts):
        people = np.array([p.position[:2] for p in layout.placements if p.label == "pedestrian"]).reshape(-1, 2)
        street = infer_street(layout.placements, DOMAIN.layout, np.random.default_rng(seed))
        decorator = Decorator(layout, street, frozenset(), Material(), np.random.default_rng(seed))
        accompany(decorator, [p for p in layout.placements if p.label == "pedestrian"])
        for item in decorator.instances:
            assert item.label is None
            distances.append(np.linalg.norm(people - item.position[:2], axis=1).min())
    assert 10 < len(distances) < sum(p.label == "pedestrian" for layout in layouts for p in layout.placements) * 0.3
    assert max(distances) < 1.5 and min(distances) > 0.2


def test_vehicles_stand_on_asphalt_or_on_a_pad(layouts: list[Layout]) -> None:
    """A ray straight down from every vehicle's middle meets a paved slab before the open ground."""
    for seed, layout in enumerate(layouts[:10]):
        scene = street_scenery(DOMAIN, layout, Material(), np.random.default_rng(seed))
        tops = []
        for item in scene:
            if item.asset.name == "ground" and item.asset.slots[0].name in ("asphalt", "cobbles", "paving"):
                mesh = item.asset.mesh
                corners = (mesh.vertices[mesh.faces] * item.size + item.position)[:, :, :2]
                tops.append(corners[mesh.normals[mesh.faces[:, 0], 2] > 0.9])
        triangles = np.concatenate(tops)
        for p in layout.placements:
            if p.label in ("car", "van", "truck") and 3 < p.position[0] < 60:
                assert inside_any(p.position[:2], triangles), (seed, p.label, p.position, p.yaw)


def inside_any(point: np.ndarray, triangles: np.ndarray) -> bool:
    a, b, c = (triangles[:, k] - point for k in range(3))
    signs = np.stack([u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0] for u, v in ((a, b), (b, c), (c, a))])
    return bool(((signs >= -1e-9).all(0) | (signs <= 1e-9).all(0)).any())


@pytest.mark.parametrize("labels", [[], ["car"], ["vegetation", "building"], ["pedestrian", "pedestrian"]])
def test_scenery_for_any_layout(labels: list[str]) -> None:
    """Lifted layouts may hold anything, near or far, touching or not."""
    rng = np.random.default_rng(5)
    size = np.array([1.5, 1.2, 1.7])
    placed = tuple(
        Placement(label, np.array([*rng.uniform([4, -8], [60, 8]), 0.0]), float(rng.uniform(-3, 3)), size)
        for label in labels
        for _ in range(4)
    )
    scene = street_scenery(DOMAIN, Layout(camera(rng), placed), Material(), rng)
    assert len(scene) > 10
    assert all(np.isfinite(i.position).all() and np.isfinite(i.asset.mesh.normals).all() for i in scene)


@given(st.floats(-0.2, 0.2), st.floats(-0.004, 0.004), st.integers(0, 1000))
@settings(max_examples=25)
def test_a_street_is_found_again_from_its_cars(heading: float, curve: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    road = Road(heading, curve)
    cars = []
    for s, t in ((8, -2.6), (15, 3.0), (24, -2.5), (33, 3.1), (45, -2.6), (58, 2.9)):
        x, y = road.at(s, t)
        cars.append(Placement("car", np.array([x, y, 0.0]), float(road.yaw(s)), np.array([4.2, 1.7, 1.5])))
    street = infer_street(cars, DOMAIN.layout, rng)
    assert street.road.heading == pytest.approx(heading, abs=0.03)
    assert street.road.curve == pytest.approx(curve, abs=0.0012)
    assert street.edges[0] > 3.6 and street.edges[1] < -3.2


@given(st.floats(-0.4, 0.4), st.floats(-0.006, 0.006), st.floats(0, 80), st.floats(-12, 12))
def test_road_coordinates_invert(heading: float, curve: float, s: float, t: float) -> None:
    road = Road(heading, curve, 0.3)
    point = road.point(s, t)
    assert road.locate(point) == pytest.approx([s, t], abs=0.05)
    assert road.at(s, t) == pytest.approx(point)


def test_footprints_overlap_as_polygons_do() -> None:
    a = box_footprint(0, 0, 0.0, 4, 2)
    assert overlap(a, box_footprint(1.9, 0, np.pi / 4, 1, 1))
    assert not overlap(a, box_footprint(2.8, 0, np.pi / 4, 1, 1))
    assert overlap(a, box_footprint(2.6, 0, np.pi / 4, 1, 1))  # The corner reaches in.
    assert overlap(a, box_footprint(0, 0, 1.0, 0.1, 0.1))  # Wholly inside.
    taken = Occupancy()
    assert taken.claim(0, 0, 0.0, (4, 2)) and not taken.claim(1, 0.5, 0.3, (1, 1)) and taken.claim(9, 0, 0.0, (4, 2))


def test_sections_keep_the_camera_in_its_lane() -> None:
    for seed in range(200):
        section = sample_section(DOMAIN.layout, np.random.default_rng(seed))
        assert section.right < -1.2 and section.left > 1.2
        assert 0.0 in section.ahead and all(t > 1.2 for t in section.oncoming)
        assert section.edge(0) >= section.left and section.edge(1) <= section.right
