"""Relations by the network, by rule on the lifted poses, or by both."""

from __future__ import annotations

import json
import logging

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sim2sg_core.domains import load_domain
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.runtime import DecodeOptions, Predictor, load_info
from sim2sg_core.runtime.pose import Lifted, level_covariances
from sim2sg_core.runtime.preprocessing import Letterbox
from sim2sg_core.runtime.relation_scores import LEAST, best_pairs, level_boxes, mean_logit
from sim2sg_core.scene import Camera, Placement, Pose3D, SceneGraph, derive_relations
from sim2sg_core.scene.predicates import level_placements
from tests.runtime.constant_model import FOCAL_REF, INPUT, empty_outputs

CLEVR = load_domain("clevr")
RULE = DecodeOptions(relations="rule")
CAMERA = Camera.from_extrinsics(480, 320, np.array([[525.0, 0, 240], [0, 525, 160], [0, 0, 1]]), 5.3, 0.48)
IMAGE = np.zeros((320, 480, 3), np.uint8)


def scene(seed: int, count: int) -> list[Placement]:
    rng = np.random.default_rng(seed)
    spots = np.column_stack([rng.uniform(7, 13, count), rng.uniform(-2.5, 2.5, count), np.zeros(count)])
    return [Placement(str(rng.choice(CLEVR.class_names)), spot, 0.0, np.full(3, 0.7)) for spot in spots]


def outputs_of(placements: list[Placement], places: int, pairs: int, relative_std: float = 0.01):
    """What an ideal network says of a scene; its relation head, though, guesses."""
    rng = np.random.default_rng(7)
    outputs = empty_outputs(places, pairs)
    fit = Letterbox.fit(CAMERA.width, CAMERA.height, INPUT)
    for i, placement in enumerate(placements):
        pose = placement.to_pose(CAMERA)
        centre = fit.to_input(CAMERA.project(pose.position))
        outputs["boxes"][i] = [*(centre - 9), *(centre + 9)]
        outputs["scores"][i] = 0.95 - 0.05 * i
        outputs["classes"][i] = CLEVR.class_names.index(placement.label)
        outputs["centres"][i], outputs["sizes"][i] = centre, pose.size
        outputs["depths"][i] = pose.position[2] * FOCAL_REF / (CAMERA.focal * fit.scale)
    outputs["depth_stds"][:] = relative_std
    everything = [(i, j) for i in range(places) for j in range(places) if i != j]
    outputs["pairs"][:] = everything[:pairs]
    outputs["relations"][:] = rng.uniform(0.05, 0.95, outputs["relations"].shape)
    return outputs


def table(graph: SceneGraph) -> dict[tuple[int, str, int], float]:
    return {(r.subject, r.predicate, r.object): r.score for r in graph.relations}


def test_rules_on_good_poses_tell_the_truth(make_model):
    for seed in range(5):
        placements = scene(seed, 6)
        predictor = Predictor(make_model(outputs_of(placements, 8, 56, 0.002), f"{seed}.onnx"))
        graph = predictor.predict(IMAGE, CAMERA, RULE)
        truth = derive_relations([p.to_pose(CAMERA) for p in placements], CAMERA, CLEVR.rules())
        facts = {(r.subject, r.predicate, r.object) for r in truth}
        scored = table(graph)
        assert set(scored) == {(i, p, j) for i in range(6) for j in range(6) if i != j for p in CLEVR.predicate_names}
        y = [p.position[1] for p in placements]
        x = [p.position[0] for p in placements]
        for (i, predicate, j), score in scored.items():
            along = y[i] - y[j] if predicate == "left_of" else x[j] - x[i]
            if abs(along - 0.2) > 0.15:  # clear of the border
                assert (score > 0.5) == ((i, predicate, j) in facts)
        assert facts and len(facts) < len(scored)
        triplets = [graph.triplet_score(r) for r in graph.relations]
        assert triplets == sorted(triplets, reverse=True)
        assert {r.frame for r in graph.relations} == {"viewer"}


def test_worse_depths_make_rules_less_sure(make_model):
    placements = [Placement("cube", np.array([9.0, 0, 0]), 0, np.full(3, 0.7))]
    placements.append(Placement("cube", np.array([9.5, 0, 0]), 0, np.full(3, 0.7)))
    scores = []
    for std in (0.001, 0.02, 0.1):
        model = make_model(outputs_of(placements, 2, 2, std), f"{std}.onnx")
        scores.append(table(Predictor(model).predict(IMAGE, CAMERA, RULE))[0, "in_front_of", 1])
    assert scores[0] > scores[1] > scores[2] > 0.5


def test_a_rule_graph_has_as_many_relations_as_the_network_emits_and_the_best(make_model):
    placements = scene(3, 6)
    predictor = Predictor(make_model(outputs_of(placements, 8, 10)))
    few = predictor.predict(IMAGE, CAMERA, RULE)
    assert len(few.relations) == 10 * 2
    everything = Predictor(make_model(outputs_of(placements, 8, 56), "all.onnx")).predict(IMAGE, CAMERA, RULE)
    assert table(few).items() <= table(everything).items()
    best: dict[tuple[int, int], float] = {}
    for r in everything.relations:
        pair = (r.subject, r.object)
        best[pair] = max(best.get(pair, 0), everything.triplet_score(r))
    ranked = sorted(best, key=lambda pair: -best[pair])
    assert {(r.subject, r.object) for r in few.relations} == set(ranked[:10])


def test_rules_keep_to_the_classes_that_have_relations(make_model):
    placements = scene(1, 6)
    data = {**CLEVR.to_json(), "relation_classes": ["cube", "cylinder"]}
    assert {p.label for p in placements} == {"cube", "cylinder", "sphere"}
    graph = Predictor(make_model(outputs_of(placements, 6, 30), domain=json.dumps(data))).predict(IMAGE, CAMERA, RULE)
    spheres = {i for i, o in enumerate(graph.objects) if o.label == "sphere"}
    stated = {r.subject for r in graph.relations} | {r.object for r in graph.relations}
    assert stated == set(range(6)) - spheres


def test_rules_know_the_surfaces_of_the_models_classes(make_model):
    chair = Placement("cube", np.array([9.0, 0, 0]), 0.0, np.array([1.0, 1.0, 1.2]))
    book = Placement("sphere", np.array([9.1, 0, 0.6]), 0.0, np.array([0.3, 0.3, 0.1]))
    data = CLEVR.to_json()
    data["predicates"] = [{"name": "on", "rule": "on", "margin": 0.2}]
    data["classes"][1]["supports"] = ["cube"]
    scores = []
    for surfaces in ([0.5], None):
        data["classes"][0]["surfaces"] = surfaces or [1.0]
        if surfaces is None:  # as models of before there were any
            del data["classes"][0]["surfaces"]
        outputs = {**outputs_of([chair, book], 2, 2, 0.002), "relations": np.full((2, 1), 0.5)}
        options = {"domain": json.dumps(data), "predicates": json.dumps(["on"]), "inverses": "{}"}
        model = make_model(outputs, f"{surfaces}.onnx", **options)
        scores.append(table(Predictor(model).predict(IMAGE, CAMERA, RULE))[1, "on", 0])
    assert scores[0] > 0.9 and scores[1] < 0.01


def test_both_is_the_mean_of_the_logits_on_the_networks_pairs(make_model):
    predictor = Predictor(make_model(outputs_of(scene(2, 5), 6, 20, 0.05)))
    every = Predictor(make_model(outputs_of(scene(2, 5), 6, 30, 0.05), "all.onnx"))
    options = DecodeOptions(relations="learned"), DecodeOptions(relations="both")
    learned, both = (table(predictor.predict(IMAGE, CAMERA, o)) for o in options)
    rule = table(every.predict(IMAGE, CAMERA, RULE))
    assert set(both) == set(learned) and set(both) < set(rule)

    def logit(p):
        return np.log(p / (1 - p))

    for key, score in both.items():
        assert logit(score) == pytest.approx((logit(learned[key]) + logit(rule[key])) / 2, abs=1e-5)
    assert any(abs(both[key] - learned[key]) > 0.1 for key in both)


@given(p=st.floats(1e-9, 1 - 1e-9), q=st.floats(LEAST, 1 - LEAST))
def test_mean_logit(p, q):
    mean = mean_logit(np.array([p]), np.array([q]))[0]
    assert min(p, q) - 1e-12 <= mean <= max(p, q) + 1e-12
    assert np.log(mean / (1 - mean)) == pytest.approx((np.log(p / (1 - p)) + np.log(q / (1 - q))) / 2, abs=1e-6)
    assert mean_logit(np.array([0.0, 1.0]), np.array([q, q])).tolist() == [0, 1], "what the network is sure of stays"


def test_no_pairs_where_there_are_too_few_objects():
    assert best_pairs(np.zeros((1, 1, 2)), np.ones(1), np.array([True]), 5).shape == (0, 2)
    assert best_pairs(np.zeros((0, 0, 2)), np.ones(0), np.zeros(0, bool), 5).shape == (0, 2)


@pytest.mark.parametrize("how", ["rule", "both"])
def test_images_of_no_or_few_objects(make_model, how):
    for count in (0, 1):
        graph = Predictor(make_model(outputs_of(scene(0, count), 3, 6), f"{count}.onnx")).predict(
            IMAGE, CAMERA, DecodeOptions(relations=how)
        )
        assert (len(graph.objects), graph.relations) == (count, ())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(objects=st.floats(0, 1), relations=st.floats(0, 1), how=st.sampled_from(["rule", "both"]))
def test_thresholds_filter_and_change_nothing_else(make_model, objects, relations, how):
    predictor = Predictor(make_model(outputs_of(scene(4, 6), 8, 12)))
    whole = predictor.predict(IMAGE, CAMERA, DecodeOptions(relations=how))
    part = predictor.predict(IMAGE, CAMERA, DecodeOptions(objects, relations, how))
    assert part.to_json() == whole.filtered(objects, relations).to_json()


@pytest.mark.parametrize("camera", [None, Camera(480, 320, CAMERA.K)], ids=["no camera", "no ground"])
def test_without_a_ground_relations_are_learned_and_that_is_said_once(make_model, camera, caplog):
    predictor = Predictor(make_model(outputs_of(scene(2, 5), 6, 20)))
    expected = predictor.predict(IMAGE, camera).to_json()
    assert not caplog.records
    with caplog.at_level(logging.WARNING, "sim2sg_core"):
        for how in ("rule", "both", "rule"):
            assert predictor.predict(IMAGE, camera, DecodeOptions(relations=how)).to_json() == expected
    (record,) = caplog.records
    assert "height and pitch" in record.getMessage()


def test_the_model_says_what_is_better(make_model, caplog):
    outputs = outputs_of(scene(2, 5), 6, 20)
    plain, ruled = make_model(outputs), make_model(outputs, "rule.onnx", relations="rule")
    assert (load_info(plain).relations, load_info(ruled).relations) == ("learned", "rule")
    predictor = Predictor(ruled)
    predictor.warm_up()
    assert not caplog.records, "no camera is known yet: nothing to warn of"
    by_rule = predictor.predict(IMAGE, CAMERA).to_json()
    assert by_rule == Predictor(plain).predict(IMAGE, CAMERA, RULE).to_json()
    assert by_rule == predictor.infer(IMAGE).graph(CAMERA).to_json()
    learned = Predictor(plain).predict(IMAGE, CAMERA).to_json()
    assert learned == predictor.predict(IMAGE, CAMERA, DecodeOptions(relations="learned")).to_json() != by_rule


def test_unknown_words_are_refused(make_model):
    outputs = empty_outputs(2, 2)
    with pytest.raises(Sim2SGError, match="'rules' is not known: use one of auto, learned, rule, both"):
        DecodeOptions(relations="rules")
    with pytest.raises(Sim2SGError, match="metadata is damaged"):
        load_info(make_model(outputs, "bad.onnx", relations="rules"))


def test_errors_of_depth_go_along_the_ray_and_errors_of_the_centre_across():
    level = Camera.from_extrinsics(480, 320, np.array([[500.0, 0, 240], [0, 500, 160], [0, 0, 1]]), 1.5, 0.0)
    ahead = level_covariances(np.array([[0.0, 0, 10]]), np.array([0.05]), level)[0]
    np.testing.assert_allclose(ahead, np.diag([0.5**2, 0.03**2, 0.03**2]), atol=1e-12)
    aside = level_covariances(np.array([[10.0, 0, 10]]), np.array([0.05]), level)[0]
    assert aside[1, 1] == pytest.approx(0.5**2 + 0.03**2)
    assert aside[0, 1] == pytest.approx(-(0.5**2)), "farther is more to the right: less y"
    # A pitched camera's errors are those of the level one, turned.
    pitched = level_covariances(np.array([[0.0, 0, 10]]), np.array([0.05]), CAMERA)[0]
    assert np.trace(pitched) == pytest.approx(0.5**2 + 2 * (10 * 1.5 / 525) ** 2)
    assert pitched[0, 2] < 0, "farther along a ray that looks down is lower"


@given(seed=st.integers(0, 10**6), count=st.integers(0, 9))
def test_all_boxes_at_once_as_one_by_one(seed, count):
    rng = np.random.default_rng(seed)
    camera = Camera.from_extrinsics(640, 480, np.diag([500.0, 500, 1]), *rng.uniform([0.3, -0.5, -0.5], [3, 1, 0.5]))
    positions, sizes = rng.normal(0, 5, (count, 3)), rng.uniform(0.1, 3, (count, 3))
    lifted = Lifted(positions, rng.uniform(-np.pi, np.pi, count), sizes, np.ones(count), np.ones(count, bool))
    poses = [Pose3D(*values) for values in zip(positions, lifted.yaws, sizes)]
    found, expected = level_boxes(lifted, camera), level_placements(poses, camera)
    assert len(found) == len(expected) == count
    for one, other in zip(found, expected):
        np.testing.assert_allclose(one.position, other.position, atol=1e-12)
        np.testing.assert_array_equal(one.size, other.size)
        assert abs(one.yaw - other.yaw) < 1e-12
