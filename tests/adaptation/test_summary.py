"""What the report says of a run's frames."""

import numpy as np
import pytest

from sim2sg_core.adaptation.log_frames import SampledFrame
from sim2sg_core.adaptation.summary import _numbered, _title
from sim2sg_core.scene import Camera, SceneGraph, SceneObject

CAMERA = Camera(64, 48, np.eye(3))


@pytest.mark.parametrize(
    ("stamp", "title"),
    [
        (1_700_000_000_250_000_000, "2023-11-14 22:13:20.2 UTC"),
        (12_340_000_000, "12.3 s"),
        (0, "a.jpg"),
    ],
)
def test_frames_are_named_by_their_time(tmp_path, stamp, title):
    assert _title(SampledFrame(tmp_path / "a.jpg", "a.jpg", stamp, CAMERA)) == title


def test_objects_have_numbers_within_their_class():
    objects = tuple(SceneObject(name, 0.9, np.zeros(4)) for name in ("chair", "cup", "chair"))
    assert [o.id for o in _numbered(SceneGraph(64, 48, objects)).objects] == ["chair_1", "cup_1", "chair_2"]
