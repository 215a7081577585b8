"""From an inferred graph to the layout of a scene."""

import dataclasses

import numpy as np
import pytest

from sim2sg_core.adaptation.content.scene_rebuilding import BoxRefinement, SceneRebuilder, fit_size, grounded
from sim2sg_core.adaptation.method import ResolvedMethod
from sim2sg_core.domains import ClassSpec, Domain, MeshSpec, load_domain
from sim2sg_core.domains.class_spec import size_range
from sim2sg_core.render.projection import cuboid_box
from sim2sg_core.scene import Camera, Placement, SceneGraph, SceneObject
from tests.adaptation.content.scenes import CAMERA, CLEVR, graph_of, laid_table, table_domain

BOXES = BoxRefinement(CLEVR)


def test_rebuilt_objects_fill_the_boxes_in_which_they_were_seen():
    truth = Placement("cube", np.array([9.5, 0.8, 0]), 0.3, np.full(3, 0.5))
    domain = CLEVR.model_copy(update={"training": CLEVR.training.model_copy(update={"size_freedom": 0.5})})
    method = ResolvedMethod(labels=True, threshold=None, prior_share=0.0, refine=True)
    rebuild = SceneRebuilder(domain, method)
    box = BOXES.box(truth, CAMERA)
    # The network takes the small cube for a large one, farther away.
    guess = Placement("cube", np.array([10.6, 0.9, 0]), 0.3, np.full(3, 0.99))
    seen = SceneGraph(480, 320, (SceneObject("cube", 1.0, box, guess.to_pose(CAMERA)),), (), camera=CAMERA)
    [found] = rebuild(seen, np.random.default_rng(0)).placements
    assert found.size == pytest.approx(truth.size, rel=0.1)
    assert np.linalg.norm(found.position - truth.position) < 0.3


@pytest.mark.parametrize(
    ("model", "distortion"),
    [("plumb_bob", [-0.3, 0.09, 0.0, 0.0]), ("plumb_bob", [0.2, 0.0, 0.0, 0.0]), ("equidistant", [0.0] * 4)],
)
@pytest.mark.parametrize(("name", "label"), [("drive", "car"), ("clevr", "cylinder")])
def test_exact_poses_stay_where_a_lens_bends_the_image(name, label, model, distortion):
    domain = load_domain(name)
    K = np.array([[400.0, 0, 640], [0, 400, 360], [0, 0, 1]])
    camera = Camera.from_extrinsics(
        1280, 720, K, 1.5, 0.05, 0.0, distortion=np.array(distortion), distortion_model=model
    )
    size = domain.class_spec(label).mean_size()
    truth = [Placement(label, np.array([9.0, y, 0.0]), 0.1, size) for y in (0.0, -4.0, -8.0, 6.0)]
    boxes = []
    for placement in truth:
        points = camera.to_camera(BoxRefinement(domain)._outline(placement))
        edges = points[:, None, None] + (points[None, :, None] - points[:, None, None]) * np.linspace(0, 1, 20)[:, None]
        pixels = camera.project(edges.reshape(-1, 3))
        boxes.append(np.concatenate([pixels.min(axis=0), pixels.max(axis=0)]))
    objects = [SceneObject(label, 1.0, box, p.to_pose(camera)) for box, p in zip(boxes, truth, strict=True)]
    refine = BoxRefinement(domain).of(SceneGraph(1280, 720, tuple(objects), camera=camera), camera)
    for k, placement in enumerate(truth):
        found = refine(k, placement)
        np.testing.assert_allclose(found.position, placement.position, atol=0.05)
        np.testing.assert_allclose(found.size, placement.size, rtol=0.01)


def test_what_the_lens_shows_a_part_of_is_not_fitted_to_its_box():
    K = np.array([[300.0, 0, 320], [0, 300, 240], [0, 0, 1]])
    camera = Camera.from_extrinsics(640, 480, K, 1.5, 0.0, 0.0, distortion=np.array([-0.4, 0, 0, 0]))
    assert 0.8 < camera.widest < 1.0, "it folds at 42 degrees"
    beyond = Placement("cube", np.array([2.0, 2.5, 0.0]), 0.3, np.full(3, 0.99))
    assert np.isnan(BOXES.box(beyond, camera)).all()
    seen = SceneGraph(
        640, 480, (SceneObject("cube", 1.0, np.array([40.0, 200, 120, 330]), beyond.to_pose(camera)),), camera=camera
    )
    found = BOXES.of(seen, camera)(0, beyond)
    assert np.isfinite(found.position).all() and (found.size == beyond.size).all()


def test_objects_on_others_are_refined_at_their_height():
    method = ResolvedMethod(labels=True, threshold=None, prior_share=0.0, refine=True)
    rebuild = SceneRebuilder(table_domain(size_freedom=0.3), method)
    ball, table, _ = laid_table()
    boxes = [BOXES.box(p, CAMERA) for p in (table, ball)]
    guess = dataclasses.replace(ball, position=ball.position + [0.2, -0.1, 0.0])
    found = {p.label: p for p in rebuild(graph_of([table, guess], boxes), np.random.default_rng(0)).placements}
    assert found["sphere"].position[2] == pytest.approx(found["cube"].size[2])
    assert np.linalg.norm(found["sphere"].position - ball.position) < 0.07


@pytest.mark.parametrize("height", [0.0, 0.99])
def test_what_contradicts_its_level_is_moved_to_where_its_box_touches_it(height):
    truth = Placement("cube", np.array([7.0, 0.5, height]), 0.0, np.full(3, 0.5))
    far = dataclasses.replace(truth, position=np.array([13.0, 0.93, height]), size=np.full(3, 0.99))
    moved = grounded(far, BOXES.box(truth, CAMERA), CAMERA)
    assert moved.position[2] == height and np.linalg.norm(moved.position - truth.position) < 0.3
    assert grounded(truth, BOXES.box(truth, CAMERA), CAMERA) is truth


def test_what_stands_above_its_level_is_not_rebuilt_as_a_giant_far_away():
    method = ResolvedMethod(labels=True, threshold=None, prior_share=0.0, refine=True)
    rebuild = SceneRebuilder(CLEVR, method)  # its sizes are known to a tenth
    truth = Placement("cube", np.array([9.0, 0.8, 1.6]), 0.3, np.full(3, 0.7))
    seen = SceneGraph(
        480, 320, (SceneObject("cube", 1.0, BOXES.box(truth, CAMERA), truth.to_pose(CAMERA)),), (), camera=CAMERA
    )
    [found] = rebuild(seen, np.random.default_rng(0)).placements
    assert found.size == pytest.approx(truth.size, rel=0.36)
    assert np.linalg.norm(found.position[:2] - truth.position[:2]) < 1.5, "it stays where its depth says"


def test_objects_are_swapped_for_what_may_stand_there():
    method = ResolvedMethod(labels=True, threshold=None, prior_share=0.0, class_swap=1.0)
    rebuild = SceneRebuilder(table_domain(), method)
    rng = np.random.default_rng(0)
    kinds = {"ball": set(), "alone": set()}
    for _ in range(40):
        placements = rebuild(graph_of(laid_table()), rng).placements
        [table] = [p for p in placements if p.position[1] == pytest.approx(0.5)]
        assert table.label == "cube" and np.allclose(table.size, 0.99), "the ball would hang in the air"
        kinds["ball"] |= {p.label for p in placements if p.position[2] > 0}
        kinds["alone"] |= {p.label for p in placements if p.position[1] > 2}
    assert kinds == {"ball": {"sphere", "cylinder"}, "alone": {"cube", "cylinder"}}


def test_objects_are_swapped_for_those_of_similar_size_alone():
    """A house where a pedestrian was would reach round the camera."""
    method = ResolvedMethod(labels=True, threshold=None, prior_share=0.0, class_swap=1.0)
    domain = load_domain("drive")
    rebuild = SceneRebuilder(domain, method)
    graph = graph_of(
        Placement(label, np.array([9.0, y, 0]), 0.0, domain.class_spec(label).mean_size())
        for label, y in (("car", 2.0), ("pedestrian", -2.0))
    )
    rng = np.random.default_rng(0)
    kinds = {p.label for _ in range(40) for p in rebuild(graph, rng).placements}
    assert {"car", "van", "pedestrian"} <= kinds and not {"building", "truck", "vegetation"} & kinds


def test_what_is_as_high_as_a_table_beside_it_is_not_taken_for_what_carries():
    data = CLEVR.to_json()
    data["classes"][1]["supports"] = ["cube"]  # spheres on cubes; cylinders carry nothing
    data["classes"][2]["sizes"] = [[0.99, 0.99, 0.99]]
    method = ResolvedMethod(labels=True, threshold=None, prior_share=0.0, class_swap=1.0)
    rebuild = SceneRebuilder(Domain.from_json(data), method)
    post = Placement("cylinder", np.array([9.8, 0.3, 0]), 0.0, np.full(3, 0.99))
    table = Placement("cube", np.array([9.0, 0.3, 0]), 0.0, np.full(3, 0.99))
    ball = Placement("sphere", np.array([9.4, 0.3, 0.99]), 0.0, np.full(3, 0.7))  # over both
    found = [p.label for p in rebuild(graph_of([post, table, ball]), np.random.default_rng(0)).placements]
    assert found[1:] == ["cube", "sphere"], "the table carries the ball, so it stays"


def test_sizes_snap_to_what_the_class_can_be():
    fit = fit_size(CLEVR)
    assert fit("sphere", np.array([1.2, 1.3, 1.5])) == pytest.approx([1.4, 1.4, 1.4])
    assert fit("sphere", np.array([0.8, 0.8, 0.8])) == pytest.approx([0.7, 0.7, 0.7])
    assert fit_size(load_domain("drive"))("car", np.array([99.0, 0.1, 1.5]))[1] > 1


def test_sizes_may_leave_those_of_the_class_as_far_as_they_are_free():
    fit = fit_size(CLEVR, freedom=0.2)
    low, high = 0.7 * np.exp(-0.2), 1.4 * np.exp(0.2)
    for given, fitted in ((0.1, low), (0.65, 0.65), (9.0, high)):
        assert fit("sphere", np.full(3, given)) == pytest.approx(np.full(3, fitted))


@pytest.mark.parametrize("refine", [False, True])
def test_a_small_thing_in_a_domain_of_large_ones_is_rebuilt_small(refine):
    data = CLEVR.to_json()
    for spec in data["classes"]:
        spec["sizes"] = [[1.4, 1.4, 1.4]]
    data["training"]["size_freedom"] = 0.5
    small = Placement("cube", np.array([9.0, 0.5, 0]), 0.3, np.full(3, 0.7))
    graph = graph_of([small], [cuboid_box(small, CAMERA)])
    rebuild = SceneRebuilder(Domain.from_json({**data, "box": "cuboid"}), ResolvedMethod(labels=True, refine=refine))
    [made] = rebuild(graph, np.random.default_rng(0)).placements
    assert made.size.mean() == pytest.approx(0.7, rel=0.1)


def test_sizes_that_meshes_say_snap_to_one_of_them_and_a_tenth():
    own = ((0.3, 0.3, 2.0), (1.2, 0.8, 0.15))
    files = tuple(MeshSpec(file=f"{k}.ply") for k in range(2))
    thing = ClassSpec(name="thing", size=size_range(own), sizes=own, meshes=files)
    fit = fit_size(CLEVR.model_copy(update={"classes": (thing,)}))
    assert fit("thing", np.array([1.0, 0.7, 0.3])) == pytest.approx([1.08, 0.72, 0.165])
    assert fit("thing", np.array([0.32, 0.9, 1.9])) == pytest.approx([0.32, 0.33, 1.9])
