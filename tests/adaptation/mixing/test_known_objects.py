"""What of a real frame is a label, and what nobody knows."""

import dataclasses

import numpy as np

from sim2sg_core.adaptation.mixing.known_objects import known_objects, likely_objects, under_pasted, without_distortion
from sim2sg_core.domains import load_domain
from tests.adaptation.mixing.frames import inferred

PLACES = ((9.0, 0.0), (9.0, 2.0), (10.0, -2.0))


def test_scores_sort_objects_into_labels_regions_and_background(camera, clevr):
    graph = likely_objects(inferred(camera, (0.9, 0.3, 0.02), PLACES))
    label, region = known_objects(graph, clevr, {"cube": 0.5}).objects
    assert (label.score, label.ignored, region.ignored) == (0.9, False, True)
    assert label.pose is not None and region.pose is None


def test_doubtful_objects_are_left_open_whatever_their_class(camera):
    graph = inferred(camera, (0.9, 0.3), PLACES[:2])
    for label, ignored in (("building", [False, True]), ("car", [False, True])):
        named = tuple(dataclasses.replace(o, label=label) for o in graph.objects)
        known = known_objects(dataclasses.replace(graph, objects=named), load_domain("drive"), {label: 0.5})
        assert [o.ignored for o in known.objects] == ignored


def test_a_pose_is_taught_only_where_the_object_stands_on_the_ground_and_is_seen_whole(camera, clevr):
    (item,) = inferred(camera, (0.9,), PLACES[:1]).objects
    lifted = dataclasses.replace(item.pose, position=item.pose.position * 0.8)
    cut = np.concatenate([item.box[:3], [float(camera.height)]])
    for changes, known in (({}, True), ({"pose": lifted}, False), ({"box": cut}, False)):
        graph = dataclasses.replace(inferred(camera), objects=(dataclasses.replace(item, **changes),))
        (label,) = known_objects(graph, clevr, {"cube": 0.5}).objects
        assert (label.pose is not None) == known and not label.ignored


def test_what_pasted_objects_hide_is_no_label(camera, clevr):
    graph = known_objects(inferred(camera, (0.9,), PLACES[:1]), clevr, {"cube": 0.5})
    x1, _, x2, _ = graph.objects[0].box.round().astype(int)
    for covered, left in ((0.3, False), (0.8, True)):
        ids = np.zeros((camera.height, camera.width), int)
        ids[:, : x1 + round(covered * (x2 - x1))] = 1
        (item,) = under_pasted(graph, ids, clevr)
        assert item.ignored == left and abs(item.visibility - (1 - covered)) < 0.06
        # The box is that of the pixels that are seen, in this domain.
        assert clevr.box == "visible" and abs(item.box[0] - (x1 + covered * (x2 - x1))) < 2
    assert under_pasted(graph, np.ones_like(ids), clevr) == []
    amodal = clevr.model_copy(update={"box": "amodal"})
    ids[:, x1 + 5 :] = 0
    np.testing.assert_array_equal(under_pasted(graph, ids, amodal)[0].box, graph.objects[0].box)


def test_boxes_follow_the_lens_when_its_distortion_is_undone(camera):
    bent = dataclasses.replace(camera, distortion=np.array([-0.3, 0.05, 0, 0]))
    seen = without_distortion(inferred(bent, (0.9,), ((9.0, 2.5),)))
    plain = inferred(camera, (0.9,), ((9.0, 2.5),))
    np.testing.assert_allclose(seen.objects[0].box, plain.objects[0].box, atol=1.5)
    assert not seen.camera.distortion.any()
