from __future__ import annotations

import numpy as np
import pytest

from sim2sg_core.learning.augment import crop
from sim2sg_core.learning.examples import to_example
from sim2sg_core.runtime.pose import azimuth
from sim2sg_core.runtime.preprocessing import NetworkInput
from sim2sg_core.scene import Camera, SceneGraph, SceneObject


def test_example_holds_the_graphs_geometry(domain, records):
    graph = records[0].graph
    example = to_example(records[0].image(), graph, domain)
    bearings = (example.centres - example.intrinsics[1:]) / example.intrinsics[0]
    for i, item in enumerate(graph.objects):
        x, y, z = item.pose.position
        np.testing.assert_allclose(bearings[i] * z, [x, y], atol=1e-3)
        assert example.alphas[i] == pytest.approx(item.pose.yaw - azimuth(item.pose.position, graph.camera), abs=1e-5)
    names = {0: "left_of", 1: "in_front_of"}
    facts = {(s, names[p], o) for s, p, o in example.relations.tolist()}
    assert facts == {(r.subject, r.predicate, r.object) for r in graph.relations}


def test_objects_cut_to_a_sliver_are_ignored_and_gone_ones_dropped(domain):
    camera = Camera(160, 120, np.array([[140.0, 0, 80], [0, 140, 60], [0, 0, 1]]))
    boxes = ([70, 50, 90, 70], [0, 50, 33, 70], [0, 0, 20, 20])
    objects = tuple(SceneObject("ball", 1.0, np.array(b, float), None, 1.0) for b in boxes)
    example = to_example(np.zeros((120, 160, 3), np.uint8), SceneGraph(160, 120, objects, camera=camera), domain)
    cut = crop(example, 160 / 100, np.array([0.5, 0.5]), NetworkInput(128, 96))  # the window is 30 … 130, 22 … 98
    assert cut.ignored.tolist() == [False, True]
