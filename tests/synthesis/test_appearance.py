"""Shares of paints and finishes, and texture patches, in what is drawn."""

import cv2
import numpy as np
import pytest

from sim2sg_core.domains import fields, load_domain
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.packs.drive.street_appearance import SKIES
from sim2sg_core.scene import Layout
from sim2sg_core.synthesis.appearance import FLOORS, sample_appearance
from sim2sg_core.synthesis.assets.registry import load_asset
from sim2sg_core.synthesis.synthesizer import Synthesizer

CLEVR = load_domain("clevr")


def with_look(**update):
    return CLEVR.model_copy(update={"appearance": CLEVR.appearance.model_copy(update=update)})


def materials(domain, count=400):
    rng = np.random.default_rng(0)
    painter = sample_appearance(domain, rng).painter
    return [painter.materials(load_asset("cube"), rng)[0] for _ in range(count)]


def test_finishes_and_paints_come_as_often_as_their_shares_say():
    domain = with_look(
        materials={"metal": 1.0, "rubber": 4.0},
        paints=((250, 0, 0), (0, 250, 0), (0, 0, 250)),
        paint_shares=(6.0, 3.0, 1.0),
        paint_jitter=0.0,
        random_paint=0.0,
    )
    made = materials(domain)
    assert abs(np.mean([material.metallic > 0 for material in made]) - 0.2) < 0.06
    hues = np.bincount([int(np.argmax(material.color)) for material in made], minlength=3) / len(made)
    np.testing.assert_allclose(hues, [0.6, 0.3, 0.1], atol=0.07)


def test_equal_shares_and_a_list_mean_the_same():
    listed, shared = (with_look(materials=m) for m in (("rubber", "metal"), {"rubber": 1.0, "metal": 1.0}))
    for domain in (listed, shared):
        assert abs(np.mean([material.metallic > 0 for material in materials(domain)]) - 0.5) < 0.08


@pytest.fixture
def stripes(tmp_path):
    tile = np.full((64, 64, 3), 40, np.uint8)
    tile[:, :32] = 250
    cv2.imwrite(str(tmp_path / "stripes.png"), tile)
    return str(tmp_path / "stripes.png")


def empty_scene(domain):
    synthesizer = Synthesizer(domain, shadow_size=64, samples=0)
    camera = synthesizer.sample(0, size=(96, 64)).camera
    image = synthesizer.frame(Layout(camera, ()), 3).image.astype(float)
    synthesizer.close()
    return image


def test_floor_patches_are_drawn_on_the_floor_and_paint_patches_on_objects(stripes):
    plain = {"noise": (0.0, 0.0), "floors": ("plain",)}
    flat, striped = (empty_scene(with_look(**plain, patches=p)) for p in ({}, {"floor": (stripes,)}))
    # A texture's columns run forward.
    detail = [np.abs(np.diff(image, axis=0)).mean() for image in (flat, striped)]
    assert detail[1] > 3 * detail[0]
    names = {material.texture for material in materials(with_look(patches={"paint": (stripes, stripes)}))}
    assert {"paint patch 0", "paint patch 1"} <= names


def test_walls_of_rooms_take_patches(stripes):
    dining = load_domain("dining")
    look = dining.appearance.model_copy(update={"patches": {"wall": (stripes, stripes)}})
    papered = dining.model_copy(update={"appearance": look})
    walls = {sample_appearance(papered, np.random.default_rng(seed)).walls.texture for seed in range(20)}
    assert walls == {"wall patch 0", "wall patch 1"}


def test_light_from_windows_has_the_elevation_that_is_asked_for():
    dining = load_domain("dining")

    def elevations(**update):
        domain = dining.model_copy(update={"appearance": dining.appearance.model_copy(update=update)})
        drawn = [sample_appearance(domain, np.random.default_rng(seed)).lights[0] for seed in range(30)]
        return [np.degrees(np.arcsin(light.position[2])) for light in drawn if light.directional]

    assert np.allclose(elevations(light_elevation_deg=(70, 70)), 70)
    assert 15 <= min(elevations()) < max(elevations()) <= 50


def test_missing_or_misplaced_patches_are_told(tmp_path, stripes):
    with pytest.raises(Sim2SGError, match=r"patches\.floor: no image .*gone\.png; put it back"):
        Synthesizer(with_look(patches={"floor": (str(tmp_path / "gone.png"),)}))
    with pytest.raises(Sim2SGError, match="unknown surface 'ceiling'"):
        Synthesizer(with_look(patches={"ceiling": (stripes,)}))


def test_domains_may_name_the_floors_and_skies_that_can_be_drawn():
    assert set(fields.FLOORS) == set(FLOORS)
    assert set(fields.SKIES) == {*SKIES, "backdrop"}
