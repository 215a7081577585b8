"""The scenes of a round, rebuilt and prior."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim2sg_core.adaptation.content.round_layouts import PriorLayout, round_layouts, sample_frames
from sim2sg_core.adaptation.method import ResolvedMethod
from sim2sg_core.scene import SceneGraph, SceneObject
from tests.adaptation.content.scenes import CAMERA, CLEVR, K, cube_graph, graph_of, laid_table, table_domain


@given(st.integers(1, 40), st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.booleans())
def test_a_round_has_its_share_of_prior_scenes(count, share, labels):
    drawn = []

    def prior(rng):
        drawn.append(1)
        return "prior"

    method = ResolvedMethod(labels=labels, threshold=None, prior_share=share)
    layouts = round_layouts([cube_graph()], CLEVR, count, method, np.random.default_rng(1), prior)
    assert len(layouts) == count and len(drawn) == int(count * (share if labels else 1) + 1e-9)


def relabelled(labels, scores):
    objects = tuple(SceneObject(n, s, np.zeros(4), None) for n, s in zip(labels, scores, strict=True))
    return SceneGraph(480, 320, objects, (), camera=CAMERA)


@given(st.integers(1, 60), st.sampled_from([0.0, 0.5, 1.0]), st.integers(0, 9))
def test_frames_come_as_often_as_their_weight_says(count, repeat_factor, seed):
    common, uncommon = relabelled(["cube"] * 4, [1.0] * 4), relabelled(["sphere"], [1.0])
    chosen = sample_frames([common, common, common, uncommon], count, repeat_factor, np.random.default_rng(seed))
    frequency = np.array([12 / 13, 1 / 13])
    weights = (
        np.array([1.0, 1, 1, 0]) * frequency[0] ** -repeat_factor
        + np.array([0, 0, 0, 1.0]) * frequency[1] ** -repeat_factor
    )
    assert len(chosen) == count
    assert np.abs(np.bincount(chosen, minlength=4) - count * weights / weights.sum()).max() <= 1 + 1e-9


@pytest.mark.parametrize("height", [0.99, 0.495])
def test_what_stands_on_others_is_rebuilt_on_them(height):
    method = ResolvedMethod(labels=True, threshold=None, prior_share=0.0)
    placements = laid_table(height)
    [layout] = round_layouts([graph_of(placements)], table_domain(), 1, method, np.random.default_rng(0), None)
    found = sorted((p.label, tuple(p.position.round(3))) for p in layout.placements)
    assert found == sorted((p.label, tuple(p.position.round(3))) for p in placements)


def test_certain_objects_come_back_where_they_were():
    method = ResolvedMethod(labels=True, threshold=None, prior_share=0.0)
    [layout] = round_layouts([cube_graph((1, 1, 1))], CLEVR, 1, method, np.random.default_rng(0), None)
    found = sorted(tuple(np.round(p.position[:2])) for p in layout.placements)
    assert found == [(8, 1 + 1), (9, 3), (10, -1)]


def test_prior_scenes_use_the_logs_lens_and_repeat():
    camera = dataclasses.replace(CAMERA, K=K * 1.1, ground=None)
    prior = PriorLayout(CLEVR, [camera])
    a, b = (prior(np.random.default_rng(5)) for _ in range(2))
    assert a.to_json() == b.to_json()
    assert np.allclose(a.camera.K, camera.K) and a.camera.ground is not None and a.placements
