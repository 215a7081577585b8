"""Appearance taken from frames whose true appearance is known, since they are rendered."""

import os

os.environ.setdefault("LP_NUM_THREADS", "0")  # before Mesa is loaded: one thread

import dataclasses
import json

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim2sg_core.adaptation.appearance.appearance_files import draw_harvest, load_harvest
from sim2sg_core.adaptation.appearance.appearance_fit import harvest_appearance
from sim2sg_core.adaptation.appearance.color_clusters import cluster
from sim2sg_core.adaptation.appearance.image_measures import (
    GRID,
    Crop,
    fine_noise,
    floor_patch,
    linear_light,
    measure,
    shading,
)
from sim2sg_core.adaptation.appearance.material_shares import material_shares
from sim2sg_core.domains import load_domain
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.images import decode_jpeg
from sim2sg_core.render.sensor import add_noise
from sim2sg_core.scene import Layout, SceneGraph
from sim2sg_core.synthesis.synthesizer import Synthesizer

SIZE = (240, 160)
CLEVR = load_domain("clevr")
GREYS = ((70, 70, 70), (120, 120, 120), (190, 190, 190))
PLAIN = {
    "exposure": (0.0, 0.0),
    "saturation": (1.0, 1.0),
    "noise": (0.0, 0.0),
    "blur": (0.0, 0.0),
    "jpeg": (95, 95),
    "lights": (1, 1),
    "ambient": (0.4, 0.5),
    "paint_jitter": 0.0,
    "random_paint": 0.0,
    "floor_colors": ((128, 128, 128),),
}
SOURCE = CLEVR.model_copy(
    update={
        "appearance": CLEVR.appearance.model_copy(update={**PLAIN, "paints": GREYS, "materials": ("rubber",)}),
    }
)
RED, BLUE, YELLOW = (200, 60, 60), (60, 90, 200), (220, 200, 70)
TARGET = {
    **PLAIN,
    "paints": (RED, BLUE, YELLOW),
    "paint_shares": (0.6, 0.3, 0.1),
    "materials": {"rubber": 0.5, "metal": 0.5},
    "exposure": (0.6, 0.6),
    "noise": (5.0, 5.0),
    "floor_colors": ((136, 128, 118),),
}


def log_of(update, count=14, size=SIZE, objects=True):
    look = CLEVR.appearance.model_copy(update=update)
    synthesizer = Synthesizer(CLEVR.model_copy(update={"appearance": look}), shadow_size=256)
    layouts = [synthesizer.sample(k, size=size) for k in range(count)]
    layouts = layouts if objects else [Layout(layout.camera, ()) for layout in layouts]
    made = [synthesizer.frame(layout, k) for k, layout in enumerate(layouts)]
    synthesizer.close()
    return [(decode_jpeg(f.jpeg()), f.graph) for f in made]


@pytest.fixture(scope="module")
def log():
    return log_of(TARGET)


@pytest.fixture(scope="module")
def found(log, tmp_path_factory):
    return harvest_appearance(log, SOURCE, tmp_path_factory.mktemp("found"), np.random.default_rng(0), 12)


def lab(colors):
    shown = np.array(colors, np.float32).reshape(1, -1, 3) / 255
    return cv2.cvtColor(shown, cv2.COLOR_RGB2LAB)[0]


def test_paints_are_those_of_the_log(found):
    for wanted in (RED, BLUE, YELLOW):
        tint = np.linalg.norm((lab(found.paints) - lab([wanted]))[:, 1:], axis=1)
        assert tint.min() < 16, (wanted, found.paints)
    off = lab(found.paints)[:, None] - lab([RED, BLUE, YELLOW])[None]
    shares = np.bincount(np.linalg.norm(off[..., 1:], axis=-1).argmin(axis=1), found.paint_shares, 3)
    assert shares[0] > shares[1] > shares[2] > 0.02
    # No paint is the grey between them, and their brightness is right on the whole.
    assert np.average(np.ptp(found.paints, axis=1), weights=found.paint_shares) > 80
    assert abs(np.average(lab(found.paints)[:, 0], weights=found.paint_shares) - 50) < 15


def test_finishes_exposure_noise_and_floor_move_to_the_target(found):
    assert set(found.materials) == {"rubber", "metal"}
    assert 0.3 < found.materials["metal"] / sum(found.materials.values()) < 0.7
    assert abs(np.mean(found.exposure) - 0.6) < 0.3
    assert 3.5 < np.mean(found.noise) < 6.5
    tint = lab(found.floor_colors).mean(axis=0)
    assert tint[2] > 3, found.floor_colors  # warm, as the target's; the source's has no tint


def test_a_log_like_the_source_keeps_exposure_finish_and_greys(tmp_path):
    log = log_of(SOURCE.appearance.model_dump(), 8)
    same = harvest_appearance(log, SOURCE, tmp_path, np.random.default_rng(0), 6)
    assert set(same.materials) == {"rubber"}
    assert abs(np.mean(same.exposure)) < 0.25
    assert np.mean(same.noise) < 1.0
    assert np.mean(same.blur) < 0.45
    assert np.ptp(same.paints, axis=1).max() < 25
    assert not same.patches


def test_same_log_and_seed_same_appearance_and_a_valid_file(log, tmp_path):
    once, again = (harvest_appearance(log[:3], SOURCE, tmp_path, np.random.default_rng(0), 1) for _ in range(2))
    assert again == once != SOURCE.appearance
    assert load_harvest(tmp_path) == again
    text = json.dumps(again.model_dump(mode="json"))
    assert type(again).model_validate(json.loads(text)) == again
    picture = draw_harvest(again)
    assert picture.dtype == np.uint8 and picture.ndim == 3 and picture.shape[2] == 3
    shown = {tuple(c) for c in picture.reshape(-1, 3).tolist()}
    assert set(again.paints) <= shown


def test_without_objects_the_paints_stay(log, tmp_path):
    empty = [(image, dataclasses.replace(graph, objects=(), relations=())) for image, graph in log[:3]]
    kept = harvest_appearance(empty, SOURCE, tmp_path, np.random.default_rng(0), 4)
    assert (kept.paints, kept.materials) == (SOURCE.appearance.paints, SOURCE.appearance.materials)
    assert np.mean(kept.noise) > 3  # what needs no objects is found all the same


def test_an_empty_log_changes_nothing(tmp_path):
    assert harvest_appearance([], SOURCE, tmp_path, np.random.default_rng(0)) == SOURCE.appearance
    with pytest.raises(Sim2SGError, match="run again"):
        load_harvest(tmp_path / "elsewhere")


def test_a_textured_floor_gives_patches_that_can_be_drawn(tmp_path):
    log = log_of({**PLAIN, "floors": ("checker",)}, 5, (480, 320), objects=False)
    spec = harvest_appearance(log, SOURCE, tmp_path, np.random.default_rng(0), 2)
    assert spec.patches["floor"]
    tile = cv2.imread(spec.patches["floor"][0]).astype(float)
    # No seam: opposite edges meet as neighbours do.
    assert np.abs(tile[0] - tile[-1]).mean() <= np.abs(np.diff(tile, axis=0)).mean() + 1
    flat, drawn = (
        Synthesizer(CLEVR.model_copy(update={"appearance": s}), 256)
        for s in (spec.model_copy(update={"patches": {}}), spec)
    )
    pictures = [s.frame(s.sample(1, size=SIZE), 1).image.astype(float) for s in (flat, drawn)]
    for synthesizer in (flat, drawn):
        synthesizer.close()
    assert np.abs(pictures[0] - pictures[1]).mean() > 2


@given(st.floats(0.0, 1.3))
def test_linear_light_inverts_the_renderers_encoding(light):
    encoded = 255 * np.sqrt(light / (1 + 0.18 * light * light))
    assert abs(float(linear_light(np.array([encoded]))[0]) - light) < 2e-2


def test_noise_grows_with_noise_whatever_the_edges():
    rng = np.random.default_rng(0)
    image = np.full((160, 240, 3), 110, np.uint8)
    image[40:90, 60:200] = 180
    values = [fine_noise(add_noise(image, s, 0.0, rng)) for s in (0.0, 2.0, 4.0, 8.0)]
    assert values[0] == 0 and np.all(np.diff(values) > 0.5)


@given(st.integers(0, 1000), st.floats(0.3, 3.0))
def test_shading_is_blind_to_color_and_brightness(seed, gain):
    rng = np.random.default_rng(seed)
    light = rng.uniform(0.1, 1.0, (GRID, GRID, 1)).astype(np.float32)
    inside = np.ones((GRID, GRID), bool)
    one = shading(light * np.array([0.5, 0.3, 0.2], np.float32), inside)
    other = shading(light * np.array([0.3, 0.4, 0.7], np.float32) * gain, inside)
    np.testing.assert_allclose(one[:10], other[:10], atol=1e-3)
    assert np.abs(one[10:]).max() < 1e-3


@given(st.integers(0, 1000))
def test_a_vivid_minority_keeps_its_color(seed):
    rng = np.random.default_rng(seed)
    colors = np.concatenate([np.full((95, 3), 0.2), np.tile([0.6, 0.02, 0.02], (5, 1))])
    noisy = np.clip(colors * rng.normal(1, 0.05, (100, 1)), 0, 1)
    palette = cluster(noisy, np.ones(100), rng)
    vivid = palette.colors[:, 0] > 5 * palette.colors[:, 1]
    assert vivid.sum() == 1
    assert abs(np.array(palette.shares)[vivid].sum() - 0.05) < 1e-3
    assert abs(sum(palette.shares) - 1) < 1e-3


@given(st.integers(0, 1000), st.floats(0.15, 0.85))
def test_shares_of_finishes_are_found_and_twins_are_not_split(seed, share):
    rng = np.random.default_rng(seed)

    def crops(mean, count):
        return [Crop("cube", 1.0, np.ones(3), rng.normal(mean, 1.0, 12)) for _ in range(count)]

    reference = {"rubber": crops(0.0, 60), "metal": crops(1.5, 60), "plastic": crops(0.0, 60)}
    seen = round(150 * share)
    shares, posterior = material_shares(crops(1.5, seen) + crops(0.0, 150 - seen), reference, ("rubber",))
    assert abs(shares["metal"] - seen / 150) < 0.08
    assert shares["plastic"] == 0
    np.testing.assert_allclose(posterior.sum(axis=1), 1)


def test_objects_in_the_picture_are_not_floor(log):
    image, graph = log[0]
    whole = SceneGraph(graph.width, graph.height, (dataclasses.replace(graph.objects[0], box=np.array([0, 0, *SIZE])),))
    assert measure(image, whole).floor is None
    assert measure(image, graph).floor is not None


def test_a_patch_of_floor_lies_as_textures_do(tmp_path):
    stripes = np.full((64, 64, 3), 60, np.uint8)
    stripes[:, :32] = 220
    cv2.imwrite(str(tmp_path / "stripes.png"), stripes)
    update = {**PLAIN, "patches": {"floor": (str(tmp_path / "stripes.png"),)}, "patch_size": 0.6}
    image, graph = log_of(update, 1, (480, 320), objects=False)[0]
    patch, detail = floor_patch(image, graph, 1.5)
    along, across = (np.abs(np.diff(patch, axis=axis)).mean() for axis in (1, 0))
    assert along > 3 * across
    assert detail > 3
