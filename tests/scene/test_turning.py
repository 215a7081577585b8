"""Quarter turns of images: cameras, boxes and graphs turned with them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.scene import Camera, Placement, Pose3D, Relation, SceneGraph, SceneObject
from sim2sg_core.scene.camera import TURNS
from sim2sg_core.scene.turning import turn_boxes, turn_matrix, turned_camera, turned_graph, turned_size

K = np.array([[500.0, 0, 310], [0, 510, 250], [0, 0, 1]])
LENSES = {
    "plumb_bob": [-0.2, 0.05, 3e-3, -2e-3, 0.01],
    "rational_polynomial": [0.1, 0.02, 1e-3, 4e-3, 0.01, 0.2, 0.01, 0.0],
    "equidistant": [-0.01, 0.003, -0.002, 0.001],
}
turns = st.sampled_from(TURNS)


@given(turns, st.integers(1, 20), st.integers(1, 20), st.integers(0, 19), st.integers(0, 19))
def test_a_box_covers_the_same_pixels_of_the_turned_image(degrees, width, height, x, y):
    x, y = x % width, y % height
    image = np.zeros((height, width), bool)
    image[y, x] = True
    turned = np.rot90(image, -degrees // 90)
    assert turned_size(width, height, degrees) == turned.shape[::-1]
    [row], [column] = np.nonzero(turned)
    box = turn_boxes(np.array([x, y, x + 1, y + 1]), width, height, degrees)
    assert box.tolist() == [column, row, column + 1, row + 1]


@pytest.mark.parametrize("model", LENSES)
@pytest.mark.parametrize("degrees", TURNS)
def test_a_turned_camera_sees_a_point_where_the_turned_image_shows_it(model, degrees):
    camera = Camera.from_extrinsics(
        640, 480, K, 1.5, 0.2, 0.1, distortion=np.array(LENSES[model]), distortion_model=model
    )
    turned = turned_camera(camera, degrees)
    points = np.random.default_rng(0).uniform([-1, -0.7, 2], [1, 0.7, 3], (50, 3))
    frame = np.eye(3)
    frame[:2, :2] = turn_matrix(degrees)
    seen = turned.project(points @ frame.T)
    pixels = camera.project(points)
    expected = turn_boxes(np.concatenate([pixels, pixels], axis=-1), 640, 480, degrees)[:, :2]
    assert np.allclose(seen, expected, atol=1e-9)
    assert np.allclose(turned.to_world(points @ frame.T), camera.to_world(points)), "the world stays"
    assert np.isclose(turned.focal, camera.focal)


@given(turns, turns)
def test_turns_add_up(first, second):
    camera = Camera(640, 480, K, np.array([0.1, -0.99, -0.1, 1.2]), np.array(LENSES["plumb_bob"]))
    one, two = turned_camera(camera, first + second), turned_camera(turned_camera(camera, first), second)
    assert (one.width, one.height, one.rotate) == (two.width, two.height, two.rotate)
    for name in ("K", "ground", "distortion"):
        assert np.allclose(getattr(one, name), getattr(two, name))
    assert turned_camera(camera, first).rotate == -first % 360, "turned back it stands upright"


@given(turns)
def test_a_graph_turned_there_and_back_is_the_same(degrees):
    camera = Camera.from_extrinsics(640, 480, K, 1.5, 0.2)
    placement = Placement("", np.array([5.0, 1.0, 0.0]), 0.3, np.array([2.0, 1.0, 1.5]))
    item = SceneObject("car", 0.9, np.array([10.0, 20, 110, 70]), placement.to_pose(camera), id="car_1")
    graph = SceneGraph(640, 480, (item, item), (Relation(0, "left_of", 1, 0.7),), "a.jpg", 5, camera)
    turned = turned_graph(graph, degrees)
    assert (turned.width, turned.height) == turned_size(640, 480, degrees)
    assert turned.relations == graph.relations and turned.objects[0].id == "car_1"
    again = Placement.from_pose("", turned.objects[0].pose, turned.camera)
    assert np.allclose(again.position, placement.position) and np.isclose(again.yaw, placement.yaw)
    back = turned_graph(turned, -degrees)
    assert back.to_json() == graph.to_json()


def test_without_a_camera_boxes_turn_alone():
    graph = SceneGraph(640, 480, (SceneObject("car", 0.9, np.array([10.0, 20, 110, 70])),))
    [item] = turned_graph(graph, 90).objects
    assert item.box.tolist() == [410, 10, 460, 110] and item.pose is None
    position = Pose3D(np.array([1.0, 2.0, 5.0]), 0.1, np.ones(3))
    posed = SceneGraph(640, 480, (SceneObject("car", 0.9, np.zeros(4), position),))
    assert turned_graph(posed, 90).objects[0].pose.position.tolist() == [-2, 1, 5]


def test_json_knows_how_a_camera_is_turned():
    camera = turned_camera(Camera(640, 480, K), 90)
    data = camera.to_json()
    assert data["rotate"] == 270 and Camera.from_json(data, 480, 640).rotate == 270
    assert "rotate" not in Camera(640, 480, K).to_json()
    with pytest.raises(Sim2SGError, match="0, 90, 180, 270"):
        Camera.from_json({**data, "rotate": 45}, 480, 640)
