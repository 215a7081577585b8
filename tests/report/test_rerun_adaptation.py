"""What is written of an adaptation for Rerun's viewer, read back."""

import numpy as np
import pytest

from sim2sg_core.report.rerun_adaptation import RerunAdaptation
from sim2sg_core.scene import Relation, SceneGraph, SceneObject
from tests.report.test_rerun_view import printed

IMAGE = np.zeros((48, 64, 3), np.uint8)


def test_losses_frames_and_twins_are_on_one_timeline(tmp_path):
    pytest.importorskip("rerun", reason="rerun-sdk is not installed: pip install 'sim2sg[rerun]'")
    objects = tuple(SceneObject("car", 0.9, np.array([x, 10.0, x + 10, 30])) for x in (5, 40))
    graph = SceneGraph(64, 48, objects, (Relation(0, "left_of", 1, 0.7),))
    file = tmp_path / "a.rrd"
    with RerunAdaptation(str(file), ["car"], ["left_of"]) as shown:
        shown.arrange(2)
        shown.losses("source", [{"step": 10, "loss": 3.5, "stage": "source"}], 0)
        shown.about("what the first model finds")
        shown.frame(0, IMAGE, graph)
        shown.frame(1, None, graph)
        shown.twin(0, IMAGE)
        shown.losses("round_1", [{"step": 5, "loss": 2.5}], 10)
    text = printed(file)
    for words in ("/losses/loss/source", "/losses/loss/round_1", "/frames/0/twin", "what the first model finds", "3.5"):
        assert words in text, words
    assert "/frames/0/real/relations/left_of" in text and "car 0 left_of car 1 0.70" in text
    assert "/frames/1/real/objects" in text and "/losses/step" not in text and "/losses/stage" not in text
