import dataclasses

import numpy as np
import pytest
import torch

from sim2sg_core.domains import load_domain
from sim2sg_core.model import build_network
from sim2sg_core.model.onnx_export import check_parity, export_onnx
from sim2sg_core.model.robot_profile import STEP, robot_profile
from sim2sg_core.scene import Relation, SceneGraph, SceneObject


@pytest.fixture(scope="module")
def network():
    return build_network(load_domain("clevr"), backbone="small", seed=1, width=96, height=64, max_objects=32).eval()


def graph(objects, relations=0, score=0.9):
    things = tuple(SceneObject("cube", score, np.array([i, 0, i + 1, 1.0])) for i in range(objects))
    pairs = [(i, j) for i in range(objects) for j in range(objects) if i != j][:relations]
    return SceneGraph(96, 64, things, tuple(Relation(i, "left_of", j, score) for i, j in pairs))


def test_places_are_what_the_frames_need_and_some_more(network):
    slim = robot_profile(network, [graph(3, 2), graph(9, 20), graph(32, 9, score=0.1)])
    assert (slim.config.max_objects, slim.config.max_relations) == (16, 32)
    assert network.config.max_objects == 32


def test_there_are_never_more_places_than_before_and_some_always(network):
    assert robot_profile(network, [graph(32, 200)]).config.max_objects == 32
    empty = robot_profile(network, [graph(0), graph(0)]).config
    assert (empty.max_objects, empty.max_relations) == (STEP, STEP)
    assert robot_profile(network, []).config == network.config


def test_the_best_objects_are_the_same_ones(network):
    slim = robot_profile(network, [graph(4, 3)])
    image = torch.randint(0, 255, (2, 64, 96, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        full, few = network(image), slim(image)
    count = slim.config.max_objects
    # Fewer candidates suppress no more than all do: what is best stays best, here where nothing overlaps much.
    torch.testing.assert_close(few.scores[:, 0], full.scores[:, 0])
    torch.testing.assert_close(few.boxes[:, 0], full.boxes[:, 0])
    assert few.scores.shape == (2, count) and few.pairs.shape == (2, slim.config.max_relations, 2)
    assert few.pairs.max() < count


def test_it_exports(network, tmp_path):
    slim = robot_profile(network, [graph(4, 3)])
    path = export_onnx(slim, load_domain("clevr"), tmp_path / "robot.onnx", model_id="robot")
    check_parity(slim, path)
    assert dataclasses.replace(network.config, max_objects=8, max_relations=8) == slim.config
