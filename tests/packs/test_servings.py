"""Food lies in its dish, and only in the library's own dishes, where nothing stands."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import trimesh

from sim2sg_core.domains import load_domain
from sim2sg_core.packs.dining.assets.food import BUILDERS
from sim2sg_core.packs.dining.servings import inner_floor, inner_radius, meals
from sim2sg_core.scene import Camera, Layout, Placement
from sim2sg_core.synthesis.appearance import sample_appearance
from sim2sg_core.synthesis.assets.registry import asset_names, load_asset

DISHES = [name for kind in ("plate", "bowl") for name in asset_names(kind)]
DINING = load_domain("dining")
PAINTER = sample_appearance(DINING, np.random.default_rng(0)).painter
CAMERA = Camera.from_extrinsics(480, 360, np.array([[400.0, 0, 240], [0, 400, 180], [0, 0, 1]]), 1.4, 0.5)


def dish(name: str, at: tuple[float, float, float] = (1.0, 0.1, 0.74)) -> Placement:
    return Placement(name.split("_")[0], np.array(at), 0.3, np.array(load_asset(name).size), asset=name)


def served(*placements: Placement, tries: int = 60):
    layout = Layout(CAMERA, placements)
    return [food for seed in range(tries) for food in meals(layout, PAINTER, np.random.default_rng(seed))]


@pytest.mark.parametrize("name", sorted(BUILDERS))
def test_every_helping_is_closed_and_rests_on_its_foot(name: str) -> None:
    asset = load_asset(name)
    mesh = trimesh.Trimesh(asset.mesh.vertices.astype(float) * asset.size, asset.mesh.faces)
    mesh.merge_vertices(merge_norm=True, digits_vertex=6)
    assert mesh.is_watertight and mesh.volume > 0
    assert asset.mesh.vertices[:, 2].min() == pytest.approx(0, abs=1e-6)
    assert 0.02 < max(asset.size) < 0.35 and len(asset.mesh.faces) < 6000


@pytest.mark.parametrize("name", DISHES)
def test_food_lies_within_its_dish(name: str) -> None:
    under = dish(name)
    foods = served(under)
    assert foods
    for food in foods:
        assert food.part_of == 0
        assert np.allclose(food.position[:2], under.position[:2])
        foot = food.position[2] - under.position[2]
        assert inner_floor(load_asset(name).mesh) * under.size[2] - 1e-6 <= foot < under.size[2]
        assert max(food.size[:2]) < 1.03 * max(under.size[:2])


def test_a_helping_touches_the_wall_of_a_bowl_and_does_not_come_through() -> None:
    """At the surface of what is in it the bowl's inside is as wide as the food, but for a thin wall."""
    mesh = load_asset("bowl_cereal").mesh
    for level in (0.45, 0.6, 0.8):
        inside = inner_radius(mesh, level)
        near = np.abs(mesh.vertices[:, 2] - level) < 0.2
        assert 0.2 < inside < np.hypot(*mesh.vertices[near, :2].T).max() <= 0.51
    assert inner_radius(mesh, 0.45) < inner_radius(mesh, 0.8)


def test_nothing_is_put_where_something_stands() -> None:
    plate, bowl = dish("plate_flat"), dish("bowl_cereal", (1.0, 0.1, 0.752))
    assert {food.part_of for food in served(plate, bowl)} == {1}


def test_only_the_librarys_plates_and_bowls_are_served() -> None:
    own = dataclasses.replace(dish("plate_flat"), asset="file:/meshes/plate.obj")
    assert not served(own, dish("cup_mug"), dataclasses.replace(own, asset=None))


def test_some_tables_eat_and_some_wait() -> None:
    plates = [dish("plate_flat", (1.0, 0.3 * k, 0.74)) for k in range(6)]
    layout = Layout(CAMERA, tuple(plates))
    counts = [len(meals(layout, PAINTER, np.random.default_rng(seed))) for seed in range(60)]
    assert min(counts) == 0 and max(counts) == 6
