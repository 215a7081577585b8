"""Fitted appearances on disk, and their picture."""

import json

import numpy as np
import pytest

from sim2sg_core.adaptation.appearance.appearance_files import (
    FittedAppearance,
    draw_appearance,
    load_appearance,
    save_appearance,
)
from sim2sg_core.errors import Sim2SGError
from tests.adaptation.appearance.rendered_log import SOURCE, TARGET

SPEC = SOURCE.appearance.model_copy(update=TARGET)


def test_an_appearance_comes_back_with_its_textures(tmp_path):
    file = tmp_path / "appearance.json"
    texture = np.random.default_rng(0).uniform(0, 255, (16, 16, 3))
    save_appearance(FittedAppearance(SPEC, [texture, texture], 1.4), file)
    found = load_appearance(file)
    assert [found.paints, found.materials, found.patch_size] == [SPEC.paints, SPEC.materials, 1.4]
    assert found.patches["floor"] == (str(tmp_path / "floor_0.png"), str(tmp_path / "floor_1.png"))
    text = json.dumps(found.model_dump(mode="json"))
    assert type(found).model_validate(json.loads(text)) == found
    save_appearance(FittedAppearance(SPEC), file)
    assert load_appearance(file) == SPEC


def test_what_is_not_there_is_told(tmp_path):
    with pytest.raises(Sim2SGError, match="run again"):
        load_appearance(tmp_path / "appearance.json")


def test_a_picture_shows_every_paint(tmp_path):
    save_appearance(FittedAppearance(SPEC, [np.full((16, 16, 3), 90.0)]), tmp_path / "appearance.json")
    picture = draw_appearance(load_appearance(tmp_path / "appearance.json"))
    assert picture.dtype == np.uint8 and picture.ndim == 3 and picture.shape[2] == 3
    shown = {tuple(c) for c in picture.reshape(-1, 3).tolist()}
    assert {*SPEC.paints, (90, 90, 90)} <= shown
