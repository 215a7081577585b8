"""A report's data, with something in every part."""

import numpy as np
import pytest

from sim2sg_core.report.html import OverlayPair, ReportData, RoundReport
from sim2sg_core.report.statistics import content_statistics
from sim2sg_core.scene import Pose3D, Relation, SceneGraph, SceneObject


def content(score: float, depth: float):
    item = SceneObject("cube", score, np.array([0, 0, 10, 20.0]), Pose3D(np.array([0, 0, depth]), 0.0, np.ones(3)))
    return content_statistics([SceneGraph(64, 48, (item,))] * 4)


@pytest.fixture(scope="session")
def data() -> ReportData:
    image = np.zeros((48, 64, 3), np.uint8)
    image[:, :, 0] = 200  # red
    pair = tuple(SceneObject("cube", 0.9, np.array([x, 10.0, x + 20, 40]), id=f"cube_{x}") for x in (5, 35))
    relations = (Relation(0, "left_of", 1, 0.9), Relation(0, "on", 1, 0.8, "none"))
    graph = SceneGraph(64, 48, pair, relations)
    metrics = [{"step": s, "stage": "source", "loss": 3.0 / (s + 1)} for s in range(40)]
    metrics += [{"step": s, "stage": "round 1", "loss": 1.0, "flag": True} for s in range(40)]
    return ReportData(
        title="Adaptation of <clevr>",
        facts={"log": "a & b.mcap"},
        real_frames=[image, image],
        rounds=[
            RoundReport("source", [image], content(1.0, 5.0), content(0.5, 10.0)),
            RoundReport("round 1", [image], content(1.0, 10.0), content(0.5, 10.0), "no more gain"),
        ],
        overlays=[OverlayPair("frame_1.jpg", image, graph, graph), OverlayPair("frame_2.jpg", image, None, graph)],
        classes=["sphere", "cube"],
        predicates=["left_of", "on", "never_said"],
        metrics=metrics,
        timings={"source": 90.0, "round 1": 60.0},
        config={"domain": "clevr", "rounds": 1},
        warnings=["no calibration <found>"],
    )
