"""Appearance fitted to frames whose true appearance is known, since they are rendered."""

import dataclasses

import cv2
import numpy as np
import pytest

from sim2sg_core.adaptation.appearance.appearance_files import load_appearance, save_appearance
from sim2sg_core.adaptation.appearance.appearance_fit import fit_appearance
from sim2sg_core.synthesis.synthesizer import Synthesizer
from tests.adaptation.appearance.rendered_log import BLUE, CLEVR, PLAIN, RED, SIZE, SOURCE, TARGET, YELLOW, log_of


def fitted(log, folder, scenes):
    """The appearance as a round has it: fitted, written and read."""
    file = folder / "appearance.json"
    save_appearance(fit_appearance(log, SOURCE, np.random.default_rng(0), scenes), file)
    return load_appearance(file)


@pytest.fixture(scope="module")
def log():
    return log_of(TARGET)


@pytest.fixture(scope="module")
def found(log, tmp_path_factory):
    return fitted(log, tmp_path_factory.mktemp("found"), 24)  # with half as many its exposure strays by .2


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


def test_materials_exposure_noise_and_floor_move_to_the_target(found):
    assert set(found.materials) == {"rubber", "metal"}
    assert 0.3 < found.materials["metal"] / sum(found.materials.values()) < 0.7
    assert abs(np.mean(found.exposure) - 0.6) < 0.3
    assert 3.5 < np.mean(found.noise) < 6.5
    tint = lab(found.floor_colors).mean(axis=0)
    assert tint[2] > 3, found.floor_colors  # warm, as the target's; the source's has no tint


def test_a_log_like_the_source_keeps_exposure_material_and_greys(tmp_path):
    log = log_of(SOURCE.appearance.model_dump(), 8)
    same = fitted(log, tmp_path, 6)
    assert set(same.materials) == {"rubber"}
    assert abs(np.mean(same.exposure)) < 0.25
    assert np.mean(same.noise) < 1.0
    assert np.mean(same.blur) < 0.45
    assert np.ptp(same.paints, axis=1).max() < 25
    assert not same.patches


def test_same_log_and_seed_same_appearance(log):
    once, again = (fit_appearance(log[:3], SOURCE, np.random.default_rng(0), 1).spec for _ in range(2))
    assert again == once != SOURCE.appearance


def test_without_objects_the_paints_stay(log, tmp_path):
    empty = [(image, dataclasses.replace(graph, objects=(), relations=())) for image, graph in log[:3]]
    kept = fitted(empty, tmp_path, 4)
    assert (kept.paints, kept.materials) == (SOURCE.appearance.paints, SOURCE.appearance.materials)
    assert np.mean(kept.noise) > 3  # what needs no objects is found all the same


def test_an_empty_log_changes_nothing():
    assert fit_appearance([], SOURCE, np.random.default_rng(0)).spec == SOURCE.appearance


def test_a_textured_floor_gives_patches_that_can_be_drawn(tmp_path):
    log = log_of({**PLAIN, "floors": ("checker",)}, 5, (480, 320), objects=False)
    spec = fitted(log, tmp_path, 2)
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
