"""From the outputs of a real ONNX model to graphs."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.runtime import DecodeOptions, Predictor
from sim2sg_core.scene import Camera, SceneGraph
from tests.runtime.constant_model import empty_outputs

VGA = np.zeros((480, 640, 3), np.uint8)


def triplets(graph: SceneGraph):
    return [
        (graph.objects[r.subject].label, r.predicate, graph.objects[r.object].label, round(r.score, 4))
        for r in graph.relations
    ]


def test_the_whole_graph_by_hand(make_model, three_objects):
    graph = Predictor(make_model(three_objects)).predict(VGA, file="a.jpg", stamp=7)
    assert (graph.width, graph.height, graph.file, graph.stamp) == (640, 480, "a.jpg", 7)
    assert [o.label for o in graph.objects] == ["cylinder", "cube", "sphere"], "the fourth is padding"
    np.testing.assert_allclose(graph.scores(), [0.9, 0.6, 0.2], rtol=1e-6)
    # Twice the input's pixels, clipped to 640x480.
    np.testing.assert_allclose(graph.boxes(), [[20, 40, 100, 120], [200, 200, 360, 400], [0, 60, 80, 480]])
    assert all(o.pose is None for o in graph.objects) and graph.camera is None
    # By score of the triplet: .8*.54, .7*.54, .9*.18, .1*.54, .3*.18, .4*.12, .05*.54.
    assert triplets(graph) == [
        ("cylinder", "left_of", "cube", 0.8),
        ("cube", "in_front_of", "cylinder", 0.7),
        ("sphere", "left_of", "cylinder", 0.9),
        ("cylinder", "in_front_of", "cube", 0.1),
        ("sphere", "in_front_of", "cylinder", 0.3),
        ("cube", "left_of", "sphere", 0.4),
        ("cube", "left_of", "cylinder", 0.05),
    ]
    assert {r.frame for r in graph.relations} == {"viewer"}
    scores = [graph.triplet_score(r) for r in graph.relations]
    assert scores == sorted(scores, reverse=True)
    again = SceneGraph.from_json(json.loads(json.dumps(graph.to_json())))
    assert again.to_json() == graph.to_json()


def test_outputs_in_another_order_give_the_same_graph(make_model, three_objects):
    """Objects come best first even if the network's are not; relations follow their objects."""
    order = np.array([2, 3, 0, 1])
    place = np.argsort(order)
    shuffled = {k: v[order] if k not in ("pairs", "relations") else np.asarray(v) for k, v in three_objects.items()}
    shuffled["pairs"] = place[np.asarray(three_objects["pairs"])]
    one = Predictor(make_model(three_objects)).predict(VGA)
    other = Predictor(make_model(shuffled, "b.onnx")).predict(VGA)
    assert one.to_json() == other.to_json()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(objects=st.floats(0, 1), relations=st.floats(0, 1), seed=st.integers(0, 5))
def test_thresholds_filter_the_graph_and_change_nothing_else(make_model, objects, relations, seed):
    rng = np.random.default_rng(seed)
    outputs = empty_outputs(8, 20)
    outputs["scores"][:] = np.sort(rng.random(8))[::-1]
    corner = rng.uniform(0, 200, (8, 2))
    outputs["boxes"][:] = np.concatenate([corner, corner + 20], axis=1)
    outputs["pairs"][:] = rng.permutation([(i, j) for i in range(8) for j in range(8) if i != j])[:20]
    outputs["relations"][:] = rng.random((20, 2))
    predictor = Predictor(make_model(outputs))
    whole = predictor.predict(VGA)
    part = predictor.predict(VGA, options=DecodeOptions(objects, relations))
    expected = whole.filtered(objects, relations)
    assert part.to_json() == expected.to_json()
    assert len(whole.objects) == 8 and len(whole.relations) == 40, "unthresholded is everything"


def test_boxes_outside_the_image_are_dropped_with_their_relations(make_model, three_objects):
    """A wide image leaves the input grey above and below it: a box there shows nothing of the image."""
    graph = Predictor(make_model(three_objects)).predict(np.zeros((100, 640, 3), np.uint8))
    # 640x100 takes 320x50 of the input, from y = 95 on: the cylinder's box ends at 60.
    assert [o.label for o in graph.objects] == ["cube", "sphere"]
    assert {(r.subject, r.object) for r in graph.relations} == {(0, 1)}


def test_the_network_sees_rgb(make_model):
    outputs = empty_outputs(1, 1)
    outputs["boxes"][0], outputs["scores"][0], outputs["centres"][0] = [0, 100, 9, 109], 1, [5, 105]
    predictor = Predictor(make_model(outputs, echo=True))
    camera = Camera(320, 240, np.diag([400.0, 400, 1]))
    image = np.full((240, 320, 3), (10, 20, 30), np.uint8)
    assert predictor.predict(image, camera).objects[0].pose.size.tolist() == [10, 20, 30]
    assert predictor.predict(image[..., ::-1], camera, bgr=True).objects[0].pose.size.tolist() == [10, 20, 30]
    # Half of the input is padding.
    half = predictor.predict(np.zeros((120, 320, 3), np.uint8), Camera(320, 120, np.diag([400.0, 400, 1])))
    assert half.objects[0].pose.size.tolist() == [57, 57, 57]


def test_a_batch_is_its_images_one_by_one(make_model, three_objects):
    predictor = Predictor(make_model(three_objects, echo=True))
    rng = np.random.default_rng(0)
    sizes = [(480, 640), (100, 640), (240, 320), (300, 200)]
    images = [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in sizes]
    cameras = [Camera(w, h, np.array([[300.0, 0, w / 2], [0, 300, h / 2], [0, 0, 1]])) for h, w in sizes]
    cameras[2] = None
    batch = predictor.predict_batch(images, cameras, files=list("abcd"), stamps=[1, 2, 3, 4])
    single = [
        predictor.predict(image, camera, file=name, stamp=stamp)
        for image, camera, name, stamp in zip(images, cameras, "abcd", [1, 2, 3, 4])
    ]
    assert [g.to_json() for g in batch] == [g.to_json() for g in single]
    assert predictor.predict_batch([]) == []


def test_raw_outputs_make_graphs_for_any_camera_later(make_model, three_objects):
    predictor = Predictor(make_model(three_objects))
    camera = Camera(640, 480, np.array([[300.0, 0, 320], [0, 300, 240], [0, 0, 1]]))
    output = predictor.infer(VGA)
    predictor.infer(np.full((100, 100, 3), 255, np.uint8))  # must not disturb what came before
    for view in (camera, None):
        assert output.graph(view).to_json() == predictor.predict(VGA, view).to_json()


def test_no_camera_takes_the_training_camera_of_the_same_shape(make_model, three_objects):
    training = Camera.from_extrinsics(320, 240, np.array([[200.0, 0, 160], [0, 200, 120], [0, 0, 1]]), 1.5, 0.1)
    data = json.dumps({"width": 320, "height": 240, **training.to_json()})
    predictor = Predictor(make_model(three_objects, camera=data))
    graph = predictor.predict(VGA)
    np.testing.assert_allclose(graph.camera.K, [[400, 0, 320], [0, 400, 240], [0, 0, 1]])
    assert all(o.pose is not None for o in graph.objects)
    square = predictor.predict(np.zeros((400, 400, 3), np.uint8))
    assert square.camera is None and all(o.pose is None for o in square.objects)


def test_a_camera_of_another_resolution_is_scaled_and_of_another_shape_refused(make_model, three_objects):
    predictor = Predictor(make_model(three_objects))
    camera = Camera(1280, 960, np.array([[800.0, 0, 640], [0, 800, 480], [0, 0, 1]]))
    np.testing.assert_allclose(predictor.predict(VGA, camera).camera.K[0], [400, 0, 320])
    with pytest.raises(Sim2SGError, match="the image is 640x480 and its camera 1242x375"):
        predictor.predict(VGA, Camera(1242, 375, np.eye(3)))


def test_an_empty_image_gives_an_empty_graph(make_model):
    graph = Predictor(make_model(empty_outputs(3, 2))).predict(VGA)
    assert graph.objects == () and graph.relations == ()


@pytest.mark.parametrize("values", [(1.5,), (-0.1,), (float("nan"),), (0.3, 2.0)])
def test_thresholds_are_probabilities(values):
    with pytest.raises(Sim2SGError, match="must be from 0 to 1"):
        DecodeOptions(*values)


def test_timings_of_every_stage(make_model, three_objects):
    predictor = Predictor(make_model(three_objects))
    assert predictor.last_timing.total_ms == 0
    assert predictor.warm_up() > 0
    predictor.predict(VGA)
    timing = predictor.last_timing
    assert min(timing.preprocess_ms, timing.inference_ms, timing.postprocess_ms) > 0
    assert timing.total_ms == timing.preprocess_ms + timing.inference_ms + timing.postprocess_ms
