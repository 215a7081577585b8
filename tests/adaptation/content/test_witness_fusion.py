"""The laws of fusing what model and witness found."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim2sg_core.adaptation.content.witness_fusion import (
    LEAST_SCORE,
    MOST_RECALL,
    MOST_TRUST,
    fuse_witness,
    match_witness,
    unseen_score,
    witness_recall,
)
from sim2sg_core.domains import load_domain
from sim2sg_core.scene import Camera, Pose3D, SceneGraph, SceneObject

DRIVE = load_domain("drive")
CAMERA = Camera.from_extrinsics(1242, 375, np.array([[720.0, 0, 621], [0, 720, 187], [0, 0, 1]]), 1.65, 0.0)
POSE = Pose3D(np.array([1.0, 1.0, 20.0]), 0.3, np.array([4.0, 1.7, 1.5]))
KNOWN = frozenset({"car", "pedestrian"})
probability = st.floats(0.01, 0.99)


def thing(label, score, x, width=60.0, pose=POSE):
    return SceneObject(label, score, np.array([x, 180.0, x + width, 240.0]), pose)


def graph(*objects):
    return SceneGraph(1242, 375, tuple(sorted(objects, key=lambda o: -o.score)), file="a.jpg", camera=CAMERA)


def seen(*objects):
    return dataclasses.replace(graph(*(dataclasses.replace(o, pose=None) for o in objects)), camera=None)


def fuse(ours, theirs):
    [fused] = fuse_witness([ours], [theirs], DRIVE, KNOWN)
    return fused


@given(probability, st.floats(LEAST_SCORE, 1.0))
def test_what_both_found_is_surer_than_either_and_lies_between(s, w):
    fused = fuse(graph(thing("car", s, 100)), seen(thing("car", w, 110)))
    [item] = fused.objects
    assert max(s, min(w, MOST_TRUST)) < item.score < 1
    assert 100 < item.box[0] < 110 and item.pose is POSE
    assert (105 - item.box[0]) * (s - min(w, MOST_TRUST)) >= -1e-6  # nearer to the surer's


@given(probability, probability, st.floats(LEAST_SCORE, 0.9), st.floats(0.01, 0.09))
def test_fused_scores_rise_with_both(s, other, w, more):
    def score(s, w):
        fused = fuse(graph(thing("car", s, 100)), seen(thing("car", w, 100)))
        return fused.objects[0].score

    low, high = sorted((s, other))
    assert score(low, w) <= score(high, w) + 1e-12 and score(s, w) <= score(s, w + more) + 1e-12


@given(probability, st.floats(0, MOST_RECALL))
def test_silence_lowers_and_never_erases(s, recall):
    after = unseen_score(s, recall)
    assert 0 < after <= s + 1e-12
    assert unseen_score(s, 0.0) == pytest.approx(s)
    # The odds are those of before, times the share that the witness misses.
    assert after / (1 - after) == pytest.approx(s / (1 - s) * (1 - recall))


@given(probability)
def test_what_the_witness_cannot_know_stays_as_it_is(s):
    fused = fuse(graph(thing("van", s, 100), thing("car", 0.5, 600)), seen(thing("pedestrian", 0.9, 900)))
    [van] = [o for o in fused.objects if o.label == "van"]
    [car] = [o for o in fused.objects if o.label == "car"]
    assert van.score == s and 0 < car.score < 0.5


@given(st.floats(LEAST_SCORE, 1.0), st.floats(100, 1000))
def test_what_the_witness_alone_found_gets_a_pose_that_projects_into_its_box(w, x):
    fused = fuse(graph(), seen(thing("car", w, x, width=80.0)))
    [item] = fused.objects
    assert item.score == min(w, MOST_TRUST) and item.label == "car"
    np.testing.assert_allclose(CAMERA.project(item.pose.position), [x + 40, 210], atol=1e-6)
    assert item.pose.position[2] == pytest.approx(720 * item.pose.size[2] / 60, rel=0.4)


def test_doubtful_boxes_of_the_witness_are_left_out():
    fused = fuse(graph(thing("car", 0.4, 100)), seen(thing("car", 0.2, 100), thing("car", 0.1, 500)))
    assert len(fused.objects) == 1 and fused.objects[0].score < 0.4


@given(probability, st.floats(LEAST_SCORE, 1.0))
def test_one_thing_under_two_names_is_at_most_one_thing(s, w):
    fused = fuse(graph(thing("van", s, 100)), seen(thing("car", w, 103)))
    scores = {o.label: o.score for o in fused.objects}
    assert scores["van"] + scores["car"] <= 1 + 1e-9
    surer = "van" if s > min(w, MOST_TRUST) else "car"
    assert scores[surer] == pytest.approx({"van": s, "car": min(w, MOST_TRUST)}[surer])


def test_a_witness_that_calls_one_thing_two_names_is_believed_once():
    fused = fuse(graph(), seen(thing("car", 0.8, 100), thing("pedestrian", 0.6, 104)))
    assert {o.label: round(o.score, 6) for o in fused.objects} == {"car": 0.8, "pedestrian": 0.2}


@pytest.mark.parametrize(("box", "part"), [((100, 170, 130, 235), True), ((100, 170, 130, 200), False)])
@pytest.mark.parametrize(("rider", "walker"), [(0.3, 0.2), (0.2, 0.3)])
def test_a_person_on_what_the_model_takes_for_a_cyclist_speaks_for_the_cyclist(box, part, rider, walker):
    cyclist = SceneObject("cyclist", rider, np.array([95.0, 168, 140, 245]), POSE)
    pedestrian = SceneObject("pedestrian", walker, np.array([101.0, 170, 131, 236]), POSE)
    witnessed = seen(SceneObject("pedestrian", 0.9, np.array(box, float)))
    ours, wholes = graph(cyclist, pedestrian), {"pedestrian": {"cyclist"}}
    [fused] = fuse_witness([ours], [witnessed], DRIVE, {"pedestrian", "cyclist"}, wholes)
    score = {label: max(o.score for o in fused.objects if o.label == label) for label in ("cyclist", "pedestrian")}
    if part and rider > walker:
        assert score["cyclist"] > 0.9 and score["pedestrian"] < walker
        [item] = [o for o in fused.objects if o.label == "cyclist"]
        np.testing.assert_allclose(item.box, cyclist.box)
    else:
        assert score["pedestrian"] >= 0.9 and score["cyclist"] < rider


def test_what_stands_on_a_carrier_is_in_no_conflict_with_it():
    dining = load_domain("dining")
    carrier = next(iter(sorted(dining.carriers)))
    other = next(n for n in dining.class_names if n not in dining.carriers)
    ours = graph(thing(carrier, 0.9, 100))
    [fused] = fuse_witness([ours], [seen(thing(other, 0.8, 100))], dining, {other})
    assert {o.score for o in fused.objects} == {0.9, 0.8}


def test_the_surest_of_several_is_matched_and_each_once():
    ours = graph(thing("car", 0.2, 100), thing("car", 0.8, 112), thing("pedestrian", 0.9, 100))
    theirs = seen(thing("car", 0.7, 101), thing("car", 0.6, 103), thing("car", 0.5, 100))
    match = match_witness(ours, theirs)
    assert [ours.objects[k].score for k in match[:2]] == [0.8, 0.2] and match[2] == -1
    assert match_witness(graph(), theirs).tolist() == [-1] * 3 and not len(match_witness(ours, seen()))


@settings(deadline=None)
@given(st.floats(0.1, 0.85), st.integers(0, 1000))
def test_recall_is_found_again_where_scores_are_calibrated(recall, number):
    rng = np.random.default_rng(number)
    frames, matches = [], []
    for _ in range(40):
        scores = np.sort(rng.uniform(0.02, 1.0, 30))[::-1]
        there = rng.random(30) < scores
        frames.append(graph(*(thing("car", float(s), 30.0 * k) for k, s in enumerate(scores))))
        matches.append(np.flatnonzero(there & (rng.random(30) < recall)))
    found = witness_recall(frames, matches, {"car"})
    assert np.concatenate(found).mean() == pytest.approx(recall, abs=0.12)
    assert not np.concatenate(witness_recall(frames, matches, {"pedestrian"})).any()


def test_a_witness_that_misses_what_is_small_says_little_by_missing_it():
    def sized(k, height):
        box = np.array([20.0 * k, 100.0, 20.0 * k + 15, 100.0 + height])
        return SceneObject("car", 0.9, box, POSE)

    frames = [graph(*(sized(k, 20 if k % 2 else 200) for k in range(20))) for _ in range(10)]
    matches = [np.arange(0, 20, 2) for _ in range(10)]  # the large ones
    recalls = np.concatenate(witness_recall(frames, matches, {"car"})).reshape(10, 20)
    assert recalls[:, 1::2].max() < 0.2 and recalls[:, 0::2].min() > 0.8


@given(
    st.lists(st.tuples(st.sampled_from(["car", "van", "pedestrian"]), probability, st.integers(0, 1100)), max_size=8)
)
def test_a_fused_graph_is_in_order_and_loses_nothing_of_the_model(items):
    ours = graph(*(thing(label, s, float(x)) for label, s, x in items))
    fused = fuse(ours, seen(thing("car", 0.8, 300), thing("pedestrian", 0.5, 304)))
    scores = fused.scores()
    assert (np.diff(scores) <= 0).all() and ((scores >= 0) & (scores < 1)).all()
    assert len(ours.objects) <= len(scores) <= len(ours.objects) + 2 and not fused.relations
    assert all(o.pose is not None for o in fused.objects) and fused.camera is ours.camera
