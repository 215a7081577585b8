from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from sim2sg_core.scene import Camera, Placement, Relation, SceneGraph, SceneObject
from sim2sg_ros.graph_text import graph_to_text
from tests.ros.example_graph import example_graph

K = np.array([[300.0, 0, 160], [0, 310, 120], [0, 0, 1]])


def test_text_has_a_line_for_each_object_and_relation() -> None:
    text = graph_to_text(example_graph()).splitlines()
    assert text == [
        "car_0: car, score 0.90, 8.00 m ahead of the camera, 1.00 m to its left, 0.50 m below it,"
        " 4.00 x 1.80 x 1.50 m long, wide and high, box 10 20 100 80",
        "pedestrian_1: pedestrian, score 0.60, in the upper middle of the image, box 150 30 170 90",
        "car_0 left of pedestrian_1, as the camera sees it (0.80)",
    ]
    assert graph_to_text(SceneGraph(4, 4)) == "nothing was found"


def test_text_measures_along_the_ground_where_it_is_known() -> None:
    view = Camera.from_extrinsics(320, 240, K, 1.5, 0.3, 0.1)
    placed = Placement("car", np.array([12.0, -2.5, 0.7]), 0.3, np.array([4.0, 1.8, 1.5]))
    found = SceneObject("car", 0.9, np.array([0.0, 0, 9, 9]), placed.to_pose(view))
    line = graph_to_text(SceneGraph(320, 240, (found,), camera=view))
    assert "12.0 m ahead of the camera, 2.50 m to its right, base 0.70 m above the ground" in line


def test_text_names_objects_by_track() -> None:
    both = tuple(dataclasses.replace(o, id=i) for o, i in zip(example_graph().objects, ("car_7", "12"), strict=True))
    text = graph_to_text(dataclasses.replace(example_graph(), objects=both)).splitlines()
    assert [line.split(":")[0] for line in text[:2]] == ["car_7", "pedestrian_12"]
    assert text[2].startswith("car_7 left of pedestrian_12")


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        ("none", "car_0 is_near pedestrian_1 (0.80)"),
        ("viewer", "car_0 is_near pedestrian_1, as the camera sees it (0.80)"),
        ("object", "car_0 is_near pedestrian_1, in the directions of pedestrian_1 itself (0.80)"),
        ("world", "car_0 is_near pedestrian_1, in the directions of the world (0.80)"),
    ],
)
def test_text_says_in_whose_frame_a_relation_holds(frame: str, words: str) -> None:
    changed = dataclasses.replace(example_graph(), relations=(Relation(0, "is_near", 1, 0.8, frame),))
    assert graph_to_text(changed).splitlines()[-1] == words.replace("is_near", "is near")


@pytest.mark.parametrize(
    ("box", "place"),
    [
        ((0, 0, 40, 40), "upper left"),
        ((150, 110, 170, 130), "middle"),
        ((300, 110, 320, 130), "right"),
        ((150, 200, 170, 240), "lower middle"),
    ],
)
def test_text_places_objects_without_pose_in_the_image(box: tuple[float, ...], place: str) -> None:
    found = SceneObject("cup", 0.5, np.array(box, float))
    assert f", in the {place} of the image," in graph_to_text(SceneGraph(320, 240, (found,)))
