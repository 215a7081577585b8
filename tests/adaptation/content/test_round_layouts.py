"""From inferred graphs to the content of a round."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim2sg_core.adaptation.appearance.reference_renderer import Studio
from sim2sg_core.adaptation.content.round_layouts import (
    PriorLayout,
    Rebuilder,
    choose_frames,
    fit_size,
    frame_extrinsics,
    grounded,
    round_layouts,
    sample_objects,
    vibrated,
    with_supports,
)
from sim2sg_core.adaptation.log_frames import Frame
from sim2sg_core.adaptation.method import Method
from sim2sg_core.domains import ClassSpec, Domain, MeshSpec, load_domain
from sim2sg_core.domains.class_spec import size_range
from sim2sg_core.lifting.extrinsics import extrinsics_of_ground, with_extrinsics
from sim2sg_core.scene import Camera, Placement, Relation, SceneGraph, SceneObject

CLEVR = load_domain("clevr")
K = np.array([[525.0, 0, 240], [0, 525, 160], [0, 0, 1]])
MOUNT = np.array([5.2, np.radians(27), 0.0])
CAMERA = with_extrinsics(Camera(480, 320, K), MOUNT)


def graph(scores=(0.9, 0.5, 0.1), camera=CAMERA):
    places = [(8.0, 1.5), (10.0, -1.0), (9.0, 3.0)]
    objects = tuple(
        SceneObject(
            "cube",
            s,
            np.zeros(4),
            Placement("cube", np.array([x, y, 0]), 0.3, np.full(3, 0.99)).to_pose(camera),
        )
        for s, (x, y) in zip(scores, places, strict=True)
    )
    return SceneGraph(480, 320, objects, (Relation(0, "left_of", 1, 0.9),), camera=camera)


def frame(camera):
    return Frame(None, "a.jpg", 0, camera)


def test_objects_are_kept_as_often_as_their_scores_say():
    rng = np.random.default_rng(0)
    kept = np.zeros(3)
    for _ in range(4000):
        for item in sample_objects(graph(), rng).objects:
            kept[[0.9, 0.5, 0.1].index(item.score)] += 1
    assert kept / 4000 == pytest.approx([0.9, 0.5, 0.1], abs=0.03)


def test_a_score_under_the_floor_is_never_drawn():
    rng = np.random.default_rng(0)
    assert all(len(sample_objects(graph((0.9, 0.5, 0.04)), rng, 0.05).objects) <= 2 for _ in range(500))


LAID = (  # label, score, box
    ("plate", 0.9, (40, 40, 60, 50)),
    ("bowl", 0.8, (44, 35, 56, 46)),  # on the plate
    ("book", 0.7, (70, 40, 90, 50)),  # each in the other's box
    ("book", 0.6, (71, 41, 90, 51)),
    ("table", 0.3, (0, 30, 100, 100)),
    ("table", 0.2, (20, 20, 95, 95)),
    ("table", 0.8, (200, 30, 300, 100)),  # elsewhere
    ("cup", 0.9, (120, 40, 130, 50)),  # over nothing
    ("chair", 0.9, (110, 50, 150, 100)),
)


def laid():
    objects = tuple(SceneObject(label, score, np.array(box, float)) for label, score, box in LAID)
    return SceneGraph(320, 240, objects, ())


@pytest.mark.parametrize(
    ("kept", "expected"),
    [
        ([0], [0, 4]),  # a plate brings the surer table that it is on
        ([0, 5], [0, 5]),  # or has one already
        ([1], [1, 4]),  # a bowl may stand on a plate, but what stands on the ground comes first
        ([0, 1], [0, 1, 4]),
        ([2, 3], [2, 3, 4]),  # books that lie on each other need a table all the same
        ([7, 8], [7, 8]),  # nothing carries the cup: chairs do not
        ([7, 0], [0, 4, 7]),
        ([8], [8]),
        ([], []),
    ],
)
def test_objects_bring_along_what_they_stand_on(kept, expected):
    assert with_supports(laid(), kept, load_domain("dining").class_supports) == expected


def test_a_draw_of_a_plate_is_a_draw_of_its_table():
    rng, supports = np.random.default_rng(0), load_domain("dining").class_supports
    draws = [[o.label for o in sample_objects(laid(), rng, supports=supports).objects] for _ in range(300)]
    assert all("table" in labels for labels in draws if "plate" in labels or "book" in labels)
    assert sum("table" not in labels for labels in draws) < 60
    assert 0.85 < np.mean(["plate" in labels for labels in draws]) < 0.95, "the rest is drawn by its score"


@given(st.integers(1, 40), st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.booleans())
def test_a_round_has_its_share_of_prior_scenes(count, share, labels):
    drawn = []

    def prior(rng):
        drawn.append(1)
        return "prior"

    method = Method(labels=labels, threshold=None, prior_share=share)
    layouts = round_layouts([graph()], CLEVR, count, method, np.random.default_rng(1), prior)
    assert len(layouts) == count and len(drawn) == int(count * (share if labels else 1) + 1e-9)


def test_a_threshold_keeps_what_lies_above_it():
    kept = sample_objects(graph(), np.random.default_rng(0), threshold=0.5)
    assert [o.score for o in kept.objects] == [0.9, 0.5]


def relabelled(labels, scores):
    objects = tuple(SceneObject(n, s, np.zeros(4), None) for n, s in zip(labels, scores, strict=True))
    return SceneGraph(480, 320, objects, (), camera=CAMERA)


@given(st.integers(1, 60), st.sampled_from([0.0, 0.5, 1.0]), st.integers(0, 9))
def test_frames_come_as_often_as_their_weight_says(count, rare, seed):
    common, uncommon = relabelled(["cube"] * 4, [1.0] * 4), relabelled(["sphere"], [1.0])
    chosen = choose_frames([common, common, common, uncommon], count, rare, np.random.default_rng(seed))
    frequency = np.array([12 / 13, 1 / 13])
    weights = np.array([1.0, 1, 1, 0]) * frequency[0] ** -rare + np.array([0, 0, 0, 1.0]) * frequency[1] ** -rare
    assert len(chosen) == count
    assert np.abs(np.bincount(chosen, minlength=4) - count * weights / weights.sum()).max() <= 1 + 1e-9


def test_rebuilt_objects_fill_the_boxes_in_which_they_were_seen():
    truth = Placement("cube", np.array([9.5, 0.8, 0]), 0.3, np.full(3, 0.5))
    domain = CLEVR.model_copy(update={"training": CLEVR.training.model_copy(update={"size_freedom": 0.5})})
    method = Method(labels=True, threshold=None, prior_share=0.0, refine=True)
    rebuild = Rebuilder(domain, method)
    box = rebuild._project(truth, CAMERA)
    # The network takes the small cube for a large one, farther away.
    guess = Placement("cube", np.array([10.6, 0.9, 0]), 0.3, np.full(3, 0.99))
    seen = SceneGraph(480, 320, (SceneObject("cube", 1.0, box, guess.to_pose(CAMERA)),), (), camera=CAMERA)
    [found] = rebuild(seen, np.random.default_rng(0)).placements
    assert found.size == pytest.approx(truth.size, rel=0.1)
    assert np.linalg.norm(found.position - truth.position) < 0.3


def table_domain(**training):
    """Cubes are tables, spheres stand on them, cylinders may also stand on the ground."""
    data = CLEVR.to_json()
    data["classes"][0]["surfaces"] = [0.5, 1.0]
    data["classes"][1]["supports"] = ["cube"]
    data["classes"][2]["supports"] = ["ground", "cube"]
    data["training"] |= training
    return Domain.from_json(data)


def laid_table(height=0.99):
    table = Placement("cube", np.array([9.0, 0.5, 0]), 0.3, np.full(3, 0.99))
    ball = Placement("sphere", np.array([9.2, 0.3, height]), 0.0, np.full(3, 0.7))
    alone = Placement("cylinder", np.array([9.0, 3.0, 0]), 0.0, np.full(3, 0.7))
    return [ball, table, alone]


def seen(placements, boxes=None):
    objects = tuple(
        SceneObject(p.label, 1.0, np.zeros(4) if boxes is None else boxes[k], p.to_pose(CAMERA))
        for k, p in enumerate(placements)
    )
    return SceneGraph(480, 320, objects, (), camera=CAMERA)


@pytest.mark.parametrize("height", [0.99, 0.495])
def test_what_stands_on_others_is_rebuilt_on_them(height):
    method = Method(labels=True, threshold=None, prior_share=0.0)
    placements = laid_table(height)
    [layout] = round_layouts([seen(placements)], table_domain(), 1, method, np.random.default_rng(0), None)
    found = sorted((p.label, tuple(p.position.round(3))) for p in layout.placements)
    assert found == sorted((p.label, tuple(p.position.round(3))) for p in placements)


def test_objects_on_others_are_refined_at_their_height():
    method = Method(labels=True, threshold=None, prior_share=0.0, refine=True)
    rebuild = Rebuilder(table_domain(size_freedom=0.3), method)
    ball, table, _ = laid_table()
    boxes = [rebuild._project(p, CAMERA) for p in (table, ball)]
    guess = dataclasses.replace(ball, position=ball.position + [0.2, -0.1, 0.0])
    found = {p.label: p for p in rebuild(seen([table, guess], boxes), np.random.default_rng(0)).placements}
    assert found["sphere"].position[2] == pytest.approx(found["cube"].size[2])
    assert np.linalg.norm(found["sphere"].position - ball.position) < 0.07


@pytest.mark.parametrize("height", [0.0, 0.99])
def test_what_contradicts_its_level_is_moved_to_where_its_box_touches_it(height):
    rebuild = Rebuilder(CLEVR, Method(labels=True, threshold=None, refine=True))
    truth = Placement("cube", np.array([7.0, 0.5, height]), 0.0, np.full(3, 0.5))
    far = dataclasses.replace(truth, position=np.array([13.0, 0.93, height]), size=np.full(3, 0.99))
    moved = grounded(far, rebuild._project(truth, CAMERA), CAMERA)
    assert moved.position[2] == height and np.linalg.norm(moved.position - truth.position) < 0.3
    assert grounded(truth, rebuild._project(truth, CAMERA), CAMERA) is truth


def test_the_harvests_references_have_what_their_objects_stand_on():
    # The camera's boxes, so that the ball's foot lies in its table's.
    rebuild = Rebuilder(table_domain(), Method(labels=True, threshold=None, refine=True))
    ball, table, _ = laid_table()
    scene = seen([ball, table], [rebuild._project(p, CAMERA) for p in (ball, table)])
    unsure = dataclasses.replace(scene.objects[1], score=0.2)
    graph = dataclasses.replace(scene, objects=(scene.objects[0], unsure))
    studio = Studio(table_domain(), [graph], np.random.default_rng(0), scenes=1)
    [frame] = studio.render(table_domain().appearance)
    studio.close()
    assert sorted(item.label for item in frame.graph.objects) == ["cube", "sphere"]


def test_objects_are_exchanged_for_what_may_stand_there():
    method = Method(labels=True, threshold=None, prior_share=0.0, class_swap=1.0)
    rebuild = Rebuilder(table_domain(), method)
    rng = np.random.default_rng(0)
    kinds = {"ball": set(), "alone": set()}
    for _ in range(40):
        placements = rebuild(seen(laid_table()), rng).placements
        [table] = [p for p in placements if p.position[1] == pytest.approx(0.5)]
        assert table.label == "cube" and np.allclose(table.size, 0.99), "the ball would hang in the air"
        kinds["ball"] |= {p.label for p in placements if p.position[2] > 0}
        kinds["alone"] |= {p.label for p in placements if p.position[1] > 2}
    assert kinds == {"ball": {"sphere", "cylinder"}, "alone": {"cube", "cylinder"}}


def test_the_mount_is_estimated_from_what_stands_on_the_ground():
    floating = dataclasses.replace(CAMERA, ground=None)
    graphs = [seen(laid_table())] * 20
    found = frame_extrinsics([frame(floating)] * 20, graphs, table_domain())
    assert np.abs(found - MOUNT).max() < 0.1
    assert np.abs(frame_extrinsics([frame(floating)] * 20, graphs, CLEVR) - MOUNT).max() > 0.1


def test_certain_objects_come_back_where_they_were():
    method = Method(labels=True, threshold=None, prior_share=0.0)
    [layout] = round_layouts([graph((1, 1, 1))], CLEVR, 1, method, np.random.default_rng(0), None)
    found = sorted(tuple(np.round(p.position[:2])) for p in layout.placements)
    assert found == [(8, 1 + 1), (9, 3), (10, -1)]


def test_sizes_snap_to_what_the_class_can_be():
    fit = fit_size(CLEVR)
    assert fit("sphere", np.array([1.2, 1.3, 1.5])) == pytest.approx([1.4, 1.4, 1.4])
    assert fit("sphere", np.array([0.8, 0.8, 0.8])) == pytest.approx([0.7, 0.7, 0.7])
    assert fit_size(load_domain("drive"))("car", np.array([99.0, 0.1, 1.5]))[1] > 1


def test_sizes_that_meshes_say_snap_to_one_of_them_and_a_tenth():
    own = ((0.3, 0.3, 2.0), (1.2, 0.8, 0.15))
    files = tuple(MeshSpec(file=f"{k}.ply") for k in range(2))
    thing = ClassSpec(name="thing", size=size_range(own), sizes=own, meshes=files)
    fit = fit_size(CLEVR.model_copy(update={"classes": (thing,)}))
    assert fit("thing", np.array([1.0, 0.7, 0.3])) == pytest.approx([1.08, 0.72, 0.165])
    assert fit("thing", np.array([0.32, 0.9, 1.9])) == pytest.approx([0.32, 0.33, 1.9])


def test_a_given_mount_is_kept_and_an_unknown_one_estimated():
    rng = np.random.default_rng(0)
    floating = dataclasses.replace(CAMERA, ground=None)
    graphs = [graph((0.9, 0.9, 0.9)) for _ in range(30)]
    estimated = frame_extrinsics([frame(floating)] * 30, graphs, CLEVR)
    assert np.abs(estimated - MOUNT).max() < 0.1
    assert frame_extrinsics([frame(CAMERA)] * 30, graphs, CLEVR) == pytest.approx(np.tile(MOUNT, (30, 1)))
    shaken = [extrinsics_of_ground(vibrated(CAMERA, rng).ground) for _ in range(200)]
    assert np.std(shaken, axis=0)[0] > 0.01 and np.abs(np.mean(shaken, axis=0) - MOUNT).max() < 0.02


def test_prior_scenes_use_the_logs_lens_and_repeat():
    camera = dataclasses.replace(CAMERA, K=K * 1.1, ground=None)
    prior = PriorLayout(CLEVR, [frame(camera)])
    a, b = (prior(np.random.default_rng(5)) for _ in range(2))
    assert a.to_json() == b.to_json()
    assert np.allclose(a.camera.K, camera.K) and a.camera.ground is not None and a.placements
