"""Small things found in enlarged tiles of a frame."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim2sg_core.adaptation.content.tiled_inference import infer_half_scale, merge_objects, see_views
from sim2sg_core.adaptation.content.view_fusion import EVIDENCE, fit_view_fusion
from sim2sg_core.lifting.extrinsics import with_extrinsics
from sim2sg_core.scene import Camera, Pose3D, SceneGraph, SceneObject

CAMERA = with_extrinsics(
    Camera(480, 320, np.array([[525.0, 0, 240], [0, 525, 160], [0, 0, 1]])), np.array([5.2, np.radians(27), 0.0])
)
FUSION = fit_view_fusion(np.zeros((0, 6)), [], np.zeros(0), ("cube", "sphere"))
POSE = Pose3D(np.array([0.0, 0, 9]), 0.0, np.ones(3))


def item(label, score, box):
    return SceneObject(label, score, np.array(box, float), POSE)


class Finds:
    """Stands where the predictor stands: finds a bright square wherever there is one, at its exact edges."""

    def infer(self, image):
        return Found(image)

    def infer_batch(self, images):
        return [self.infer(image) for image in images]


@dataclasses.dataclass
class Found:
    image: np.ndarray

    def graph(self, camera, options):
        height, width = self.image.shape[:2]
        assert camera is None or (camera.width, camera.height) == (width, height)
        rows, columns = np.nonzero(self.image[..., 0] > 200)
        objects = ()
        if len(rows):
            box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            objects = (item("cube", 0.8, box),)
        return SceneGraph(width, height, objects, (), camera=camera)


@given(st.integers(0, 440), st.integers(0, 280), st.integers(6, 40))
def test_what_a_tile_shows_whole_comes_back_in_the_frames_pixels(x, y, side):
    image = np.zeros((320, 480, 3), np.uint8)
    image[y : y + side, x : x + side] = 255
    whole = SceneGraph(480, 320, (), (), camera=CAMERA)
    found = FUSION.graph(see_views(Finds(), image, CAMERA, whole)).objects
    box = [x, y, min(x + side, 480), min(y + side, 320)]
    # The tiles overlap by more than the square's side: one of them has it whole.
    assert [o.box.tolist() for o in found] == [pytest.approx(box)]


def test_an_object_that_a_tile_cuts_does_not_count():
    image = np.zeros((320, 480, 3), np.uint8)
    image[100:260, 100:400] = 255  # wider and higher than the tiles' overlap
    whole = SceneGraph(480, 320, (item("cube", 0.3, [100, 100, 400, 260]),), (), camera=CAMERA)
    _, found, evidence = see_views(Finds(), image, CAMERA, whole)
    assert [(o.score, o.box.tolist()) for o in found] == [(0.3, [100, 100, 400, 260])]
    assert evidence[0, EVIDENCE.index("in_tile")] == 0, "that no tile finds it says nothing"


def test_what_only_one_view_shows_is_doubtful():
    image = np.zeros((320, 480, 3), np.uint8)
    image[150:180, 100:130] = 255
    dark = np.zeros_like(image)
    whole = SceneGraph(480, 320, (item("cube", 0.8, [100, 150, 130, 180]),), (), camera=CAMERA)
    (everywhere,) = FUSION.graph(see_views(Finds(), image, CAMERA, whole)).objects
    (alone,) = FUSION.graph(see_views(Finds(), dark, CAMERA, whole)).objects
    assert everywhere.score > 0.8 > 0.3 > alone.score
    evidence = see_views(Finds(), image, CAMERA, whole).evidence
    logit = np.log(0.8 / 0.2)
    assert dict(zip(EVIDENCE, evidence[0])) == pytest.approx(
        {"whole": logit, "mirrored": logit, "tile": logit, "in_tile": 1, "half_scale": 0, "near": 0}
    )


def test_the_surer_of_two_views_counts_and_neighbours_stay():
    objects = [
        item("cube", 0.4, [10, 10, 50, 50]),
        item("sphere", 0.9, [11, 11, 51, 51]),
        item("cube", 0.5, [60, 10, 90, 40]),
        item("cube", 0.2, [62, 12, 70, 20]),  # a part of the one before
    ]
    assert [(o.label, o.score) for o in merge_objects(objects)] == [("sphere", 0.9), ("cube", 0.5)]
    assert merge_objects([]) == []


def test_near_objects_are_found_at_half_scale_at_their_place_and_size():
    image = np.zeros((320, 480, 3), np.uint8)
    image[100:260, 100:400] = 255  # too large for a tile
    whole = SceneGraph(480, 320, (), (), camera=CAMERA)
    assert not FUSION.graph(see_views(Finds(), image, CAMERA, whole)).objects
    (found,) = FUSION.graph(see_views(Finds(), image, CAMERA, whole, half_scale=True)).objects
    assert found.box.tolist() == [100, 100, 400, 260]


def test_half_scale_says_nothing_of_what_is_far():
    image = np.zeros((320, 480, 3), np.uint8)
    image[150:180, 200:230] = 255
    assert infer_half_scale(Finds(), image, CAMERA) == []


def test_half_scale_knows_the_extent_of_near_objects_better_but_hides_nobody_before_them():
    part, car = item("car", 0.6, [100, 100, 160, 150]), item("car", 0.4, [90, 80, 300, 200])
    person = item("person", 0.3, [200, 90, 230, 190])
    assert merge_objects([part, person], near=[car]) == [car, person]
    surer = item("car", 0.9, [95, 85, 295, 200])
    assert merge_objects([surer], near=[car]) == [surer]


def test_what_stands_on_a_table_does_not_hide_it():
    objects = [
        item("plate", 0.9, [30, 30, 40, 36]),
        item("chair", 0.8, [5, 20, 30, 90]),
        item("table", 0.2, [0, 20, 100, 100]),
        item("table", 0.1, [2, 21, 60, 70]),  # a part of the one before
        item("cup", 0.1, [31, 31, 36, 35]),  # on a plate, which carries none
    ]
    assert [o.label for o in merge_objects(objects, {"table"})] == ["plate", "chair", "table"]
    assert [o.label for o in merge_objects(objects)] == ["plate", "chair"]
