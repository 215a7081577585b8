"""Placements that fill their boxes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim2sg_core.lifting.refine import free_edges, refine_placement
from sim2sg_core.scene import Camera, Placement

K = np.array([[525.0, 0, 240], [0, 525, 160], [0, 0, 1]])
CAMERA = Camera.from_extrinsics(480, 320, K, 5.3, np.radians(26.5), 0.0)
ALL = np.ones(4, bool)


def project(placement, camera):
    points = camera.to_camera(placement.corners())
    pixels = points[:, :2] / points[:, 2:] @ camera.K[:2, :2].T + camera.K[:2, 2]
    return np.concatenate([pixels.min(0), pixels.max(0)])


def cube(x, y, size):
    return Placement("cube", np.array([x, y, 0.0]), 0.4, np.full(3, size))


@settings(deadline=None, max_examples=40)
@given(st.floats(7, 12), st.floats(-2, 2), st.floats(0.5, 1.5), st.floats(0.85, 1.15))
def test_place_and_size_follow_from_the_box_on_known_ground(x, y, size, wrong):
    truth = cube(x, y, size)
    guess = cube(x * wrong, y * wrong, 0.9)
    found = refine_placement(guess, project(truth, CAMERA), ALL, CAMERA, project, size_std=0.5)
    assert np.linalg.norm(found.position - truth.position) < 0.05 * x
    assert found.size[0] == pytest.approx(size, rel=0.08)
    assert np.abs(project(found, CAMERA) - project(truth, CAMERA)).max() < 3


def test_a_size_that_is_not_free_stays():
    found = refine_placement(cube(9, 1, 0.99), project(cube(9.5, 1, 0.5), CAMERA), ALL, CAMERA, project, size_std=0.0)
    assert found.size == pytest.approx(np.full(3, 0.99), rel=1e-3)


def test_without_an_edge_of_its_own_an_object_stays_where_it_is():
    guess = cube(9, 1, 0.99)
    assert refine_placement(guess, project(cube(8, 1, 0.5), CAMERA), ~ALL, CAMERA, project, 0.5) is guess


def test_an_object_on_the_camera_is_left_alone():
    guess = cube(9, 1, 0.99)
    nowhere = lambda placement, camera: np.full(4, np.nan)  # noqa: E731
    assert refine_placement(guess, np.array([0, 0, 10.0, 10]), ALL, CAMERA, nowhere, 0.5) is guess


def test_a_hidden_edge_does_not_shrink_the_object():
    truth = cube(10, 0, 0.99)
    box = project(truth, CAMERA)
    hidden = box.copy()
    hidden[3] = (box[1] + box[3]) / 2  # Its lower half is behind something.
    edges = np.array([True, True, True, False])
    found = refine_placement(cube(10.3, 0.1, 0.99), hidden, edges, CAMERA, project, 0.1)
    assert found.size[0] == pytest.approx(0.99, rel=0.05)
    assert np.abs(project(found, CAMERA) - box)[:3].max() < 3


def test_edges_behind_nearer_objects_and_at_the_border_are_not_free():
    boxes = np.array([[100, 100, 200, 200], [150, 80, 260, 160], [0, 10, 50, 60]], float)
    free = free_edges(boxes, np.array([5.0, 8.0, 3.0]), 480, 320)
    assert free.tolist() == [[True] * 4, [False, True, True, True], [False, True, True, True]]
