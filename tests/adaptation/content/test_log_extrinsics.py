"""Height, pitch and roll of the log's camera."""

import dataclasses

import numpy as np
import pytest

from sim2sg_core.adaptation.content.log_extrinsics import (
    camera_of,
    extrinsics_prior,
    frame_extrinsics,
    jittered,
    median_camera,
)
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.lifting.extrinsics import extrinsics_of_ground, with_extrinsics
from sim2sg_core.scene import SceneGraph
from tests.adaptation.content.scenes import CAMERA, CLEVR, EXTRINSICS, cube_graph, graph_of, laid_table, table_domain


def test_extrinsics_are_estimated_from_what_stands_on_the_ground():
    floating = dataclasses.replace(CAMERA, ground=None)
    graphs = [graph_of(laid_table())] * 20
    found = frame_extrinsics([floating] * 20, graphs, table_domain())
    assert np.abs(found - EXTRINSICS).max() < 0.1
    assert np.abs(frame_extrinsics([floating] * 20, graphs, CLEVR) - EXTRINSICS).max() > 0.1


def test_given_extrinsics_are_kept_and_unknown_ones_estimated():
    rng = np.random.default_rng(0)
    floating = dataclasses.replace(CAMERA, ground=None)
    graphs = [cube_graph((0.9, 0.9, 0.9)) for _ in range(30)]
    estimated = frame_extrinsics([floating] * 30, graphs, CLEVR)
    assert np.abs(estimated - EXTRINSICS).max() < 0.1
    assert frame_extrinsics([CAMERA] * 30, graphs, CLEVR) == pytest.approx(np.tile(EXTRINSICS, (30, 1)))
    shaken = [extrinsics_of_ground(jittered(CAMERA, rng).ground) for _ in range(200)]
    assert np.std(shaken, axis=0)[0] > 0.01 and np.abs(np.mean(shaken, axis=0) - EXTRINSICS).max() < 0.02


@pytest.mark.parametrize("known", [0, 1, 2])
def test_an_extrinsic_that_is_given_is_kept_and_the_others_are_estimated(known):
    graphs = [cube_graph((0.9, 0.9, 0.9)) for _ in range(30)]
    given = [EXTRINSICS[k] if k == known else None for k in range(3)]
    floating = [dataclasses.replace(CAMERA, ground=None)] * 30
    found = frame_extrinsics(floating, graphs, CLEVR, given)
    assert np.abs(found - EXTRINSICS).max() < 0.1
    assert np.abs(found[:, known] - EXTRINSICS[known]).max() < 0.02
    given[known] = EXTRINSICS[known] + 0.3  # Against what the objects say.
    assert np.abs(frame_extrinsics(floating, graphs, CLEVR, given)[:, known] - given[known]).max() < 0.1


def test_the_prior_of_extrinsics_has_some_width():
    prior = extrinsics_prior(CLEVR)
    assert (prior.std > 0).all() and prior.mean[0] == pytest.approx(np.mean(CLEVR.camera.height_m))


def test_an_unknown_ground_stays_unknown():
    floating = dataclasses.replace(CAMERA, ground=None)
    assert jittered(floating, np.random.default_rng(0)) is floating


def test_the_logs_camera_has_the_median_extrinsics():
    heights = [4.0, 5.0, 9.0]
    cameras = [with_extrinsics(CAMERA, np.array([height, 0.4, 0.0])) for height in heights]
    found = median_camera([SceneGraph(480, 320, camera=camera) for camera in cameras])
    assert extrinsics_of_ground(found.ground) == pytest.approx([5.0, 0.4, 0.0])
    with pytest.raises(Sim2SGError, match="without a camera"):
        camera_of(SceneGraph(480, 320, file="a.jpg"))
