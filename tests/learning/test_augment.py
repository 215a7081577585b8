from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim2sg_core.learning.augment import aim, augment, color_matrix, crop, fit, flip, random_convolution
from sim2sg_core.learning.examples import Example, to_example
from sim2sg_core.learning.train_config import AugmentConfig
from sim2sg_core.runtime.preprocessing import NetworkInput, letterbox
from sim2sg_core.scene import Camera, Pose3D, SceneGraph, SceneObject, derive_relations

FIELDS = ("intrinsics", "boxes", "centres", "depths", "sizes", "alphas", "labels", "ignored", "relations")


@pytest.fixture(scope="module")
def example(domain, records) -> Example:
    return to_example(records[0].image(), records[0].graph, domain)


def rays(example: Example) -> np.ndarray:
    """Bearings of the centres: what any crop or zoom must leave alone."""
    return (example.centres - example.intrinsics[1:]) / example.intrinsics[0]


def test_flip_twice_is_the_identity(example, domain):
    twice = flip(flip(example, domain), domain)
    assert np.array_equal(twice.image, example.image)
    for name in FIELDS:
        np.testing.assert_allclose(getattr(twice, name), getattr(example, name), atol=1e-4)


def test_flip_equals_the_mirrored_scene(domain):
    """Mirror the 3D scene at the camera's y-z plane and label it afresh: the same labels."""
    camera = Camera.from_extrinsics(160, 120, np.array([[140.0, 0, 70], [0, 140, 60], [0, 0, 1]]), 3.0, 0.3)
    mirrored_camera = dataclasses.replace(camera, K=np.array([[140.0, 0, 90], [0, 140, 60], [0, 0, 1]]))
    poses = [
        Pose3D(np.array(p, float), yaw, np.array([1.6, 1.2, 0.8]))
        for p, yaw in (([-1.0, 0.6, 6.0], 0.4), ([1.2, 0.5, 7.5], -2.0), ([0.3, 0.9, 5.0], 3.0))
    ]
    mirrored = [Pose3D(p.position * [-1, 1, 1], (np.pi - p.yaw + np.pi) % (2 * np.pi) - np.pi, p.size) for p in poses]

    def label(poses: list[Pose3D], camera: Camera, boxes: np.ndarray) -> Example:
        objects = tuple(SceneObject("slab", 1.0, b, p, 1.0) for b, p in zip(boxes, poses))
        relations = derive_relations(poses, camera, domain.rules())
        graph = SceneGraph(160, 120, objects, relations, camera=camera)
        return to_example(np.zeros((120, 160, 3), np.uint8), graph, domain)

    boxes = np.array([[10, 20, 50, 60], [90, 30, 120, 50], [60, 60, 100, 90.0]])
    mirrored_boxes = np.column_stack([160 - boxes[:, 2], boxes[:, 1], 160 - boxes[:, 0], boxes[:, 3]])
    flipped = flip(label(poses, camera, boxes), domain)
    expected = label(mirrored, mirrored_camera, mirrored_boxes)
    for name in FIELDS:
        if name not in ("relations", "alphas"):
            np.testing.assert_allclose(getattr(flipped, name), getattr(expected, name), atol=1e-3)
    turn = np.exp(1j * flipped.alphas) / np.exp(1j * expected.alphas)
    np.testing.assert_allclose(turn, 1.0, atol=1e-5)
    assert {tuple(r) for r in flipped.relations} == {tuple(r) for r in expected.relations}
    assert len(expected.relations) > 3


def test_left_of_turns_round_and_in_front_of_stays(example, domain):
    flipped = flip(example, domain)
    left = {(o, s) for s, p, o in example.relations.tolist() if p == 0}
    front = {(s, o) for s, p, o in example.relations.tolist() if p == 1}
    assert left
    assert front
    assert {(s, o) for s, p, o in flipped.relations.tolist() if p == 0} == left
    assert {(s, o) for s, p, o in flipped.relations.tolist() if p == 1} == front


@settings(max_examples=40, deadline=None)
@given(
    zoom=st.floats(0.6, 2.5),
    x=st.floats(0, 1),
    y=st.floats(0, 1),
    seed=st.integers(0, 7),
)
def test_crops_keep_rays_and_sizes(domain, records, zoom, x, y, seed):
    example = to_example(records[seed].image(), records[seed].graph, domain)
    # Tell objects apart after some were dropped.
    example.alphas = np.arange(len(example.alphas), dtype=np.float32)
    cut = crop(example, zoom, np.array([x, y]), NetworkInput(128, 96))
    assert cut.image.shape == (96, 128, 3)
    kept = cut.alphas.astype(int)
    # Whole pixels make the two axes' scales differ by up to one in the window's height.
    np.testing.assert_allclose(rays(cut), rays(example)[kept], atol=0.02)
    np.testing.assert_array_equal(cut.depths, example.depths[kept])
    assert (cut.boxes >= 0).all()
    assert (cut.boxes[:, 2] <= 128).all()
    assert (cut.boxes[:, 3] <= 96).all()
    old = {(s, p, o) for s, p, o in example.relations.tolist() if {s, o} <= set(kept.tolist())}
    assert {(kept[s], p, kept[o]) for s, p, o in cut.relations.tolist()} == old


@settings(max_examples=40, deadline=None)
@given(zoom=st.floats(1.1, 4.0), seed=st.integers(0, 7), x=st.floats(0.1, 0.9), y=st.floats(0.1, 0.9))
def test_an_aimed_window_shows_the_centre_of_an_object(domain, records, zoom, seed, x, y):
    example = to_example(records[seed].image(), records[seed].graph, domain)
    example.ignored[1:] = True  # one object is left to aim at
    where = aim(example, domain, zoom, np.array([x, y]), NetworkInput(128, 96), np.random.default_rng(seed))
    example.centres = (example.boxes[:, :2] + example.boxes[:, 2:]) / 2
    example.ignored[:] = False
    example.alphas = np.arange(len(example.alphas), dtype=np.float32)
    cut = crop(example, zoom, where, NetworkInput(128, 96))
    (at,) = np.flatnonzero(cut.alphas == 0)
    assert (cut.centres[at] >= -1).all()
    assert (cut.centres[at] <= [129, 97]).all()


def test_rare_classes_are_aimed_at_as_often_as_common_ones(domain):
    names = list(domain.related_names)
    image = np.zeros((96, 128, 3), np.uint8)
    common = [SceneObject(names[0], 1.0, np.array([2.0, 2, 12, 12]), None, 1.0) for _ in range(9)]
    rare = SceneObject(names[1], 1.0, np.array([110.0, 80, 126, 94]), None, 1.0)
    example = to_example(image, SceneGraph(128, 96, (*common, rare), ()), domain)
    rng = np.random.default_rng(0)
    windows = [aim(example, domain, 3.0, np.array([0.5, 0.5]), NetworkInput(128, 96), rng) for _ in range(200)]
    assert 0.35 < np.mean([where[0] > 0.5 for where in windows]) < 0.65


def test_with_nothing_to_aim_at_the_window_is_laid_anywhere(domain):
    example = to_example(np.zeros((96, 128, 3), np.uint8), SceneGraph(128, 96, (), ()), domain)
    where = np.array([0.2, 0.7])
    assert aim(example, domain, 3.0, where, NetworkInput(128, 96), np.random.default_rng(0)) is where


@pytest.mark.parametrize("zoom", [0.7, 1.0, 1.8])
def test_boxes_lie_on_the_pixels_after_a_crop(domain, records, zoom):
    graph = records[1].graph
    image = np.zeros((graph.height, graph.width, 3), np.uint8)
    x1, y1, x2, y2 = graph.objects[0].box.astype(int)
    image[y1:y2, x1:x2] = 255
    example = to_example(image, graph, domain)
    centre = (graph.objects[0].box[:2] + graph.objects[0].box[2:]) / 2 / [graph.width, graph.height]
    cut = crop(example, zoom, centre, NetworkInput(128, 96))
    cut.image[(cut.image == 114).all(axis=2)] = 0  # the padding
    rows, columns = np.nonzero(cut.image[..., 0] > 127)
    found = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    np.testing.assert_allclose(cut.boxes[0], found, atol=1.01)


def test_without_crop_the_image_is_as_at_inference(example):
    fitted = fit(example, NetworkInput(128, 96))
    assert np.array_equal(fitted.image, letterbox(example.image, NetworkInput(128, 96))[0])
    np.testing.assert_allclose(fitted.boxes, example.boxes * 0.8, atol=1e-4)
    np.testing.assert_allclose(fitted.intrinsics, example.intrinsics * 0.8, atol=1e-4)


@pytest.mark.parametrize("size", [(320, 96), (96, 320), (128, 96)])
def test_the_middle_of_an_image_of_any_shape_lies_at_the_expected_principal_point(domain, size):
    width, height = size
    camera = Camera(width, height, np.array([[100.0, 0, width / 2], [0, 100, height / 2], [0, 0, 1]]))
    example = to_example(
        np.zeros((height, width, 3), np.uint8), SceneGraph(width, height, (), (), camera=camera), domain
    )
    fitted = fit(example, NetworkInput(128, 96, (64.0, 48.0)))
    assert fitted.intrinsics[1:] == pytest.approx([64, 48], abs=0.75)


def test_same_seed_same_image_and_other_seed_another(example, domain):
    def one(seed: int) -> np.ndarray:
        return augment(example, domain, AugmentConfig(), NetworkInput(128, 96), np.random.default_rng(seed)).image

    assert np.array_equal(one(1), one(1))
    assert not np.array_equal(one(1), one(2))


def test_nothing_is_changed_when_everything_is_off(example, domain):
    plain = augment(example, domain, AugmentConfig.none(), NetworkInput(128, 96), np.random.default_rng(0))
    assert np.array_equal(plain.image, fit(example, NetworkInput(128, 96)).image)


def test_color_matrix_keeps_grey_and_turns_hues():
    for saturation, hue in ((1.0, 0.0), (0.0, 0.0), (1.5, 0.7)):
        np.testing.assert_allclose(color_matrix(saturation, hue) @ np.ones(3), np.ones(3), atol=1e-6)
    np.testing.assert_allclose(color_matrix(1.0, 2 * np.pi / 3) @ [1, 0, 0], [0, 1, 0], atol=1e-6)
    np.testing.assert_allclose(color_matrix(0.0, 0.3) @ [3, 0, 0], [1, 1, 1], atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_random_convolution_keeps_shapes_and_nothing_else(seed):
    """Flat areas stay flat and the border between them stays where it is; their colours change."""
    image = np.zeros((24, 40, 3), np.uint8)
    image[:, :20], image[:, 20:] = np.random.default_rng(seed).integers(0, 256, (2, 3))
    changed = random_convolution(image, np.random.default_rng(seed))
    reach = 3  # of the largest kernel, on either side of the border
    for half in (changed[:, : 20 - reach], changed[:, 20 + reach :]):
        assert half.reshape(-1, 3).astype(int).std(0).max() == 0


def test_a_random_convolution_changes_texture(example):
    changed = [random_convolution(example.image, np.random.default_rng(seed)) for seed in range(20)]
    contrast = [float(np.abs(np.diff(image.astype(float), axis=1)).mean()) for image in (example.image, *changed)]
    assert all(image.shape == example.image.shape and image.dtype == np.uint8 for image in changed)
    assert np.std(contrast[1:]) > 0.05 * contrast[0]
