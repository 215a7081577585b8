"""What the report says of a run's frames."""

import numpy as np
import pytest

from sim2sg_core.adaptation.adapt_config import AdaptConfig
from sim2sg_core.adaptation.log_frames import SampledFrame
from sim2sg_core.adaptation.summary import _as_it_is, _blurred, _numbered, _title
from sim2sg_core.domains import load_domain
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.images import write_jpeg
from sim2sg_core.scene import Camera, SceneGraph, SceneObject

CAMERA = Camera(64, 48, np.eye(3))


@pytest.mark.parametrize(
    ("stamp", "timed", "title"),
    [
        (1_700_000_000_250_000_000, True, "2023-11-14 22:13:20.2 UTC"),
        (12_340_000_000, True, "12.3 s"),
        (0, True, "0.0 s"),
        (0, False, "a.jpg"),
    ],
)
def test_frames_are_named_by_their_time(tmp_path, stamp, timed, title):
    assert _title(SampledFrame(tmp_path / "a.jpg", "a.jpg", stamp, CAMERA), timed) == title


def test_objects_have_numbers_within_their_class():
    objects = tuple(SceneObject(name, 0.9, np.zeros(4)) for name in ("chair", "cup", "chair"))
    objects += (SceneObject("chair", 0.1, np.zeros(4)),)
    assert [o.id for o in _numbered(SceneGraph(64, 48, objects)).objects] == ["chair_1", "cup_1", "chair_2"]


def test_frames_are_blurred_where_any_model_saw_people(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    write_jpeg(tmp_path / "a.jpg", noise, 95)
    frame = SampledFrame(tmp_path / "a.jpg", "a.jpg", 0, CAMERA)
    person = SceneObject("pedestrian", 0.2, np.array([2.0, 2.0, 12.0, 30.0]))
    found = _blurred(frame, SceneGraph(64, 48), SceneGraph(64, 48, (person,)))
    same = np.all(found == _as_it_is(frame), axis=(0, 2))
    assert not same[:20].any() and same[24:].all()


def test_a_domain_without_people_has_nothing_to_blur():
    with pytest.raises(Sim2SGError, match=r"no class of people or vehicles is known, .*; give --no-real-frames"):
        AdaptConfig(("log",), anonymise=True).resolved(load_domain("clevr"))
    assert AdaptConfig(("log",), anonymise=True).resolved(load_domain("drive")).anonymise
