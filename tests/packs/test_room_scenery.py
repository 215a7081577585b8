"""Rooms: walls about everything, light that fits the windows, and nothing before what is labelled."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim2sg_core.domains import Domain
from sim2sg_core.packs.dining import room_scenery as rooms_module
from sim2sg_core.packs.dining.room import Sight, make_room
from sim2sg_core.packs.dining.room_scenes import sample_layout, scenery
from sim2sg_core.packs.dining.room_shapes import cover, top_outline
from sim2sg_core.render.render_scene import Instance
from sim2sg_core.render.renderer import Renderer
from sim2sg_core.scene import Camera, Layout, Placement
from sim2sg_core.synthesis.appearance import sample_appearance
from sim2sg_core.synthesis.assets import registry
from sim2sg_core.synthesis.assets.registry import load_asset
from sim2sg_core.synthesis.synthesizer import Synthesizer


def size(length, width, height):
    return {"length": length, "width": width, "height": height}


def room_domain(**layout):
    return Domain.model_validate(
        {
            "name": "rooms",
            "box": "visible",
            "input": {"width": 320, "height": 224},
            "classes": [
                {"name": "table", "assets": ["cube"], "size": size((1.0, 1.8), (0.7, 1.0), (0.7, 0.78))},
                {"name": "stool", "assets": ["cylinder"], "size": size((0.4, 0.4), (0.4, 0.4), (0.45, 0.45))},
                {
                    "name": "thing",
                    "assets": ["cube", "cylinder", "sphere"],
                    "size": size((0.06, 0.2), (0.06, 0.2), (0.03, 0.25)),
                    "supports": ["table"],
                },
            ],
            "camera": {
                "width": 320,
                "height": 224,
                "hfov_deg": [55, 70],
                "height_m": [1.2, 1.7],
                "pitch_deg": [5, 35],
                "roll_deg": [-2, 2],
            },
            "layout": {"type": "room", **layout},
        }
    )


def room_layout(domain, seed, camera=None):
    """A table with stools round it and things on it, in front of a camera from the prior."""
    rng = np.random.default_rng([seed, 77])
    camera = camera or domain.camera.sample(rng)
    table = np.array([rng.uniform(1.0, 1.8), rng.uniform(0.7, 1.0), rng.uniform(0.7, 0.78)])
    middle = np.array([rng.uniform(1.6, 2.4), rng.uniform(-0.3, 0.3), 0.0])
    yaw = rng.uniform(-1.5, 1.5)
    turn = np.array([[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]])

    def at(x, y, z):
        return np.append(middle[:2] + turn @ [x, y], z)

    placed = [Placement("table", middle, yaw, table, "cube")]
    for side in (-1, 1):
        spot = at(rng.uniform(-0.3, 0.3), side * (table[1] / 2 + 0.3), 0.0)
        placed.append(Placement("stool", spot, 0.0, np.array([0.4, 0.4, 0.45]), "cylinder"))
    for x in (-0.3, 0.0, 0.3):
        dims = np.array([rng.uniform(0.06, 0.2), 0.0, rng.uniform(0.03, 0.25)])
        dims[1] = dims[0]
        spot = at(x + rng.normal(0, 0.02), rng.uniform(-0.2, 0.2), table[2])
        placed.append(
            Placement("thing", spot, rng.uniform(-3, 3), dims, str(rng.choice(["cube", "cylinder", "sphere"])))
        )
    return Layout(camera, tuple(placed))


def level_camera(width=320, height=224):
    focal = 0.7 * width
    K = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]])
    return Camera.from_extrinsics(width, height, K, 1.4, 0.0)


DOMAIN = room_domain(clutter=(3, 8))


def furnished(domain, layout, seed):
    appearance = sample_appearance(domain, np.random.default_rng([seed, 3]))
    return appearance, scenery(domain, layout, appearance, np.random.default_rng([seed, 4]))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31), st.floats(-9, 9), st.floats(-9, 9), st.floats(0.1, 5))
def test_walls_enclose_the_camera_and_every_placement_and_rooms_grow_for_them(seed, x, y, tall):
    layout = room_layout(DOMAIN, seed)
    far = Placement("table", np.array([x, y, 0.0]), 0.3, np.array([1.5, 0.8, tall]))
    layout = Layout(layout.camera, (*layout.placements, far))
    room = make_room(DOMAIN.layout, layout, np.random.default_rng(seed))
    assert room.inside(np.concatenate([p.corners() for p in layout.placements])).all()
    assert room.inside(layout.camera.T_world_camera[:3, 3])
    middle = room.world((room.low + room.high) / 2)
    for wall in room.walls():  # They face inwards, and meet at the corners.
        assert (middle - wall.foot) @ [np.cos(wall.inward), np.sin(wall.inward)] > 0
        ends = np.stack([wall.point(s * wall.length / 2, 1e-6) for s in (-0.999999, 0.999999)])
        assert room.inside(np.column_stack([ends, np.ones(2)])).all()
        assert not room.inside(np.append(wall.point(0.0, -0.01), 1.0))


def test_a_level_camera_sees_nothing_but_the_room():
    camera = level_camera(160, 112)
    renderer = Renderer(160, 112, shadow_size=64)
    for seed in range(4):
        appearance, made = furnished(DOMAIN, Layout(camera, ()), seed)
        drawn = renderer.render(appearance.scene(Layout(camera, ()), made))
        assert drawn.depth.max() < 15.0
    renderer.release()


def test_without_clutter_nothing_unlabelled_lies_on_tables():
    bare, usual = room_domain(clutter=(0, 0)), DOMAIN

    def raised(domain):
        made = [furnished(domain, room_layout(domain, seed), seed)[1] for seed in range(12)]
        return sum(
            item.position[2] > 0 and item.asset.name.startswith(rooms_module.TABLE_THINGS)
            for room in made
            for item in room
        )

    assert raised(bare) == 0 < raised(usual)


@pytest.mark.parametrize("fittings", [0.0, 1.0])
def test_scenery_hides_next_to_nothing_that_is_labelled(fittings, monkeypatch):
    monkeypatch.setattr(rooms_module, "KITCHENS", fittings)
    monkeypatch.setattr(rooms_module, "SCREENS", fittings)
    synthesizer = Synthesizer(DOMAIN, shadow_size=64, samples=0)
    for seed in range(8):
        layout = room_layout(DOMAIN, seed)
        appearance, made = furnished(DOMAIN, layout, seed)
        labelled = [synthesizer.dress(p, appearance, np.random.default_rng(0)) for p in layout.placements]
        renderer = synthesizer.renderer(layout.camera.width, layout.camera.height)
        bare, full = (
            renderer.render(appearance.scene(layout, [*labelled, *extra])).visible_pixels[: len(labelled)]
            for extra in ([], made)
        )
        assert (full >= 0.95 * bare - 2).all(), (seed, bare, full)
        assert len(made) > 10
    synthesizer.close()


def test_the_same_seed_gives_the_same_picture_and_another_another():
    synthesizer = Synthesizer(DOMAIN, shadow_size=64, samples=0)
    layout = room_layout(DOMAIN, 5)
    first, again, other = (synthesizer.frame(layout, seed).image for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first.astype(int) - other).mean() > 5
    read = Layout.from_json(layout.to_json())  # Rebuilt from a log: no room is stored, and there is one all the same.
    assert len(furnished(DOMAIN, read, 1)[1]) > 10
    synthesizer.close()


@pytest.mark.parametrize("known", [(), ("room_shelf", "room_picture_a", "room_fruit", "room_rug_a")])
def test_rooms_work_with_and_without_furniture_of_their_own(known, monkeypatch):
    cube = dataclasses.replace(load_asset("cube"), size=(0.1, 0.1, 0.05))
    for module in (registry, rooms_module):
        monkeypatch.setattr(
            module, "asset_names", lambda label=None: tuple(n for n in known if n.startswith(label or ""))
        )
    monkeypatch.setattr(rooms_module, "load_asset", lambda name: cube if name in known else load_asset(name))
    rooms_module._named.cache_clear()
    rooms_module._standing.cache_clear()
    used, layout = [], room_layout(DOMAIN, 3)
    for seed in range(12):
        used += [i for i in furnished(DOMAIN, layout, seed)[1] if i.asset is cube]
    rooms_module._named.cache_clear()
    rooms_module._standing.cache_clear()
    assert bool(used) == bool(known)
    if known:  # On the floor, on the table, on the wall.
        table = layout.placements[0]
        bases = {round(float(i.position[2]), 3) for i in used}
        assert 0.0 in bases and round(float(table.size[2]), 3) in bases and max(bases) > 1.0


def test_furniture_never_meets_what_is_placed_nor_stands_before_it():
    count = 0
    for seed in range(10):
        layout = room_layout(DOMAIN, seed)
        _, made = furnished(DOMAIN, layout, seed)
        sight = Sight(layout.camera, layout.placements)
        solid = [i for i in made if i.position[2] == 0 and min(i.size[:2]) > 0.2 and i.size[2] < 2 and i.size[2] > 0.1]
        count += len(solid)
        for thing in solid:
            box = Placement("", thing.position, thing.yaw, thing.size)
            assert not sight.blocked(box.corners())
            for placed in layout.placements:
                assert not _overlap(box.footprint(), placed.footprint())
    assert count > 10


def test_people_stand_apart_from_what_is_placed_and_never_before_it():
    domain = room_domain(clutter=(0, 0), people=(2, 4))
    count = 0
    for seed in range(10):
        layout = room_layout(domain, seed)
        _, made = furnished(domain, layout, seed)
        sight = Sight(layout.camera, layout.placements)
        people = [i for i in made if i.asset.name.startswith("pedestrian")]
        count += len(people)
        for person in people:
            box = Placement("", person.position, person.yaw, person.size)
            assert 1.5 <= person.size[2] <= 1.95 and not sight.blocked(box.corners(), 0.5)
            np.testing.assert_allclose(person.size / person.size[2], person.asset.size / np.array(person.asset.size)[2])
            others = [Placement("", p.position, p.yaw, p.size) for p in people if p is not person]
            assert not any(_overlap(box.footprint(), p.footprint()) for p in (*layout.placements, *others))
    assert count > 10
    assert not [i for i in furnished(DOMAIN, room_layout(DOMAIN, 0), 0)[1] if i.asset.name.startswith("pedestrian")]


def test_a_share_of_the_scenes_is_bare_and_still_a_room():
    domain = room_domain(clutter=(1, 4), count=(1, 3), bare=0.5)
    camera = level_camera()
    layouts = [sample_layout(domain, camera, np.random.default_rng(seed)) for seed in range(60)]
    bare = [layout for layout in layouts if not layout.placements]
    assert 18 <= len(bare) <= 42
    frame = Synthesizer(domain).frame(bare[0], 3)
    assert not frame.graph.objects and frame.image.std() > 5
    never = room_domain(count=(1, 3))
    assert all(sample_layout(never, camera, np.random.default_rng(seed)).placements for seed in range(20))


def _overlap(a, b):
    for quad in (a, b):
        for edge in np.roll(quad, -1, axis=0) - quad:
            normal = np.array([-edge[1], edge[0]])
            if (a @ normal).max() <= (b @ normal).min() or (b @ normal).max() <= (a @ normal).min():
                return False
    return True


def test_sight_knows_before_from_behind():
    camera = level_camera()
    sight = Sight(camera, (Placement("table", np.array([2.0, 0.0, 0.0]), 0.0, np.array([0.6, 1.0, 1.2])),))

    def box(x, y=0.0):
        return Placement("", np.array([x, y, 0.0]), 0.0, np.array([0.2, 0.2, 1.5])).corners()

    assert sight.blocked(box(1.2)) and not sight.blocked(box(2.8)) and not sight.blocked(box(1.5, 0.9))
    assert sight.blocked(box(0.5, 0.2))  # In the camera's face, whatever is behind it.
    assert not sight.blocked(box(-1.0))


def test_light_comes_through_a_window_where_it_comes_from_the_side():
    seen = 0
    for seed in range(30):
        layout = room_layout(DOMAIN, seed)
        appearance, made = furnished(DOMAIN, layout, seed)
        sun = [light for light in appearance.lights if light.directional]
        panes = [i for i in made if i.asset.name == "room pane"]
        if sun and panes:
            seen += 1
            inward = np.array([[-np.sin(i.yaw), np.cos(i.yaw)] for i in panes])  # A pane's +y.
            assert (inward @ sun[0].position[:2]).min() < 0
    assert seen > 5


def test_lamps_light_rooms_plausibly():
    for seed in range(40):
        appearance = sample_appearance(DOMAIN, np.random.default_rng(seed))
        assert 1 <= len(appearance.lights) <= 3
        assert all(light.directional or light.position[2] > 1.8 for light in appearance.lights)
        assert all(light.position[2] > 0 for light in appearance.lights)
        assert appearance.walls is not None


def test_a_cloth_counts_as_its_table_and_has_its_shape():
    outline = top_outline("cylinder")
    radius = np.linalg.norm(outline, axis=1)
    assert radius.max() - radius.min() < 0.02
    cloth = cover("cylinder").mesh.vertices
    np.testing.assert_allclose(np.linalg.norm(cloth[:, :2], axis=1).max(), radius.max(), atol=0.01)

    layout = Layout(
        level_camera(160, 112), (Placement("table", np.array([2.0, 0, 0]), 0.0, np.array([1.2, 0.8, 0.7])),)
    )
    appearance = sample_appearance(DOMAIN, np.random.default_rng(0))
    material = (appearance.ground,)
    table = Instance.of(layout.placements[0], load_asset("cube"), material)
    cloth = Instance(cover("cube"), np.array([2.0, 0, 0.68]), 0.0, np.array([1.2, 0.8, 0.025]), material, part_of=0)
    renderer = Renderer(160, 112, shadow_size=64)
    bare, covered, foreign = (
        renderer.render(appearance.scene(layout, [table, *more])).visible_pixels[0]
        for more in ([], [cloth], [dataclasses.replace(cloth, part_of=None)])
    )
    renderer.release()
    assert covered >= bare > foreign


def test_kitchens_and_screens_are_within_the_room(monkeypatch):
    def made(share):
        monkeypatch.setattr(rooms_module, "KITCHENS", share)
        monkeypatch.setattr(rooms_module, "SCREENS", share)
        return [furnished(domain, room_layout(domain, seed), seed)[1] for seed in range(20)]

    domain = room_domain(clutter=(1, 1), windows=(0, 0))
    assert sum(map(len, made(1.0))) > sum(map(len, made(0.0))) + 60
    for seed, instances in enumerate(made(1.0)):
        layout = room_layout(domain, seed)
        room = make_room(domain.layout, layout, np.random.default_rng([seed, 4]))
        for item in instances:
            assert item.position[2] + item.size[2] <= room.height + 0.2
            centre = np.array([*item.position[:2], item.position[2] + item.size[2] / 2])
            own = room.own(centre)
            assert (own > room.low - 0.3).all() and (own < room.high + 0.3).all()  # Walls have a thickness.


def test_no_unlabelled_thing_of_a_room_is_a_class_of_its_domain():
    domain = room_domain()
    shelf = domain.classes[0].model_copy(update={"name": "shelf"})
    stocked = domain.model_copy(update={"classes": (*domain.classes, shelf)})
    shown = [name for name in rooms_module._standing() if rooms_module.shows_class(name, stocked)]
    assert shown == ["room_shelf_0", "room_shelf_1"]
    assert not any(rooms_module.shows_class(name, domain) for name in rooms_module._standing())
