import dataclasses
import hashlib
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim2sg_core.domains import load_domain
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.packs.clevr.scatter import sample_layout
from sim2sg_core.render.meshes import split_normals
from sim2sg_core.render.sensor import Sensor, add_noise, apply_sensor
from sim2sg_core.scene import Layout, Placement
from sim2sg_core.synthesis.synthesizer import Synthesizer

SEEDS = st.integers(0, 10**6)
SIZE = (192, 128)


def boundary(placement, steps=24):
    corners = placement.footprint()
    share = np.linspace(0, 1, steps, endpoint=False)[:, None]
    return np.concatenate([a + share * (b - a) for a, b in zip(corners, np.roll(corners, -1, axis=0))])


@given(SEEDS)
def test_scattered_objects_stand_on_the_ground_apart_and_in_view(seed):
    domain = load_domain("clevr")
    rng = np.random.default_rng(seed)
    camera = domain.camera.sample(rng)
    layout = sample_layout(domain, camera, rng)
    placed = layout.placements
    assert placed
    for k, a in enumerate(placed):
        assert a.position[2] == 0
        assert tuple(a.size) in {tuple(s) for s in domain.class_spec(a.label).sizes}
        pixel = camera.project(camera.to_camera(a.position + [0, 0, a.size[2] / 2]))
        assert -50 < pixel[0] < camera.width + 50
        for b in placed[:k]:
            gaps = np.linalg.norm(boundary(a)[:, None] - boundary(b)[None], axis=-1)
            assert gaps.min() >= domain.layout.min_gap - 1e-9


@pytest.fixture(scope="module")
def frames(synthesizer):
    return [synthesizer.frame(synthesizer.sample(k, size=SIZE), k, depth=True) for k in range(6)]


def test_graphs_fit_the_pictures(frames, clevr):
    for frame in frames:
        graph = frame.graph
        assert frame.image.shape == (SIZE[1], SIZE[0], 3)
        assert frame.image.dtype == np.uint8
        assert 0 < len(graph.objects) <= len(frame.layout.placements)
        boxes = graph.boxes()
        assert (boxes[:, 2:] > boxes[:, :2]).all()
        assert (boxes >= 0).all() and (boxes <= [*SIZE, *SIZE]).all()
        depths = [o.pose.position[2] for o in graph.objects]
        assert depths == sorted(depths)
        for item in graph.objects:
            assert 0 < item.visibility <= 1
            assert item.label in clevr.class_names
            # The nearest point of what is seen in the box lies before the centre and behind its near side.
            x1, y1, x2, y2 = item.box.astype(int)
            nearest = frame.depth[y1:y2, x1:x2].min()
            assert nearest < item.pose.position[2] + 0.1


def test_relations_are_antisymmetric_and_keep_the_margin(frames, clevr):
    margins = {p.name: p.margin for p in clevr.predicates}
    for frame in frames:
        facts = {(r.subject, r.predicate, r.object) for r in frame.graph.relations}
        assert len(facts) == len(frame.graph.relations)
        camera = frame.layout.camera
        world = [camera.to_world(o.pose.position) for o in frame.graph.objects]
        for a, name, b in facts:
            assert (b, name, a) not in facts
            apart = world[a] - world[b]
            measure = apart[1] if name == "left_of" else -apart[0]
            assert measure > margins[name] - 1e-9
        for a in range(len(world)):
            for b in range(len(world)):
                if a != b and world[a][1] - world[b][1] > margins["left_of"] + 1e-6:
                    assert (a, "left_of", b) in facts


def test_left_of_is_left_in_the_picture(frames):
    agree = []
    for frame in frames:
        centres = [(o.box[0] + o.box[2]) / 2 for o in frame.graph.objects]
        agree += [centres[r.subject] < centres[r.object] for r in frame.graph.relations if r.predicate == "left_of"]
    assert np.mean(agree) > 0.9


def test_visible_boxes_hold_the_visible_pixels(frames):
    for frame in frames:
        shown = sorted(set(np.unique(frame.ids)) - {0})
        assert len(shown) == len(frame.graph.objects)
        extents = set()
        for k in shown:
            rows, columns = np.nonzero(frame.ids == k)
            extents.add((columns.min(), rows.min(), columns.max() + 1, rows.max() + 1))
        assert extents == {tuple(o.box.astype(int)) for o in frame.graph.objects}


def test_hidden_and_outside_objects_are_dropped(synthesizer):
    camera = synthesizer.sample(0, size=SIZE).camera
    big = Placement("cube", np.array([7.0, 0, 0]), 0.0, np.full(3, 0.99))
    behind = Placement("cube", np.array([8.2, 0.0, 0]), 0.0, np.full(3, 0.3))
    outside = Placement("sphere", np.array([-20.0, 0, 0]), 0.0, np.full(3, 1.4))
    graph = synthesizer.frame(Layout(camera, (outside, behind, big)), 1).graph
    assert len(graph.objects) == 1
    np.testing.assert_allclose(graph.objects[0].pose.size, 0.99)


def test_amodal_domains_get_clipped_amodal_boxes(synthesizer, clevr):
    layout = synthesizer.sample(3, size=SIZE)
    drawn = Synthesizer(clevr.model_copy(update={"box": "amodal"}), shadow_size=128, samples=0)
    amodal = drawn.frame(layout, 3).graph
    drawn.close()
    visible = synthesizer.frame(layout, 3).graph
    for a, v in zip(amodal.objects, visible.objects):
        assert (a.box[:2] <= v.box[:2] + 1).all() and (a.box[2:] >= v.box[2:] - 1).all()
        assert (a.box >= 0).all() and (a.box <= [*SIZE, *SIZE]).all()
        if v.visibility == 1:
            np.testing.assert_allclose(a.box, v.box, atol=1.0)


def test_cuboid_domains_get_the_extent_of_the_3d_box(clevr):
    drawn = Synthesizer(clevr.model_copy(update={"box": "cuboid"}), shadow_size=128, samples=0)
    layout = drawn.sample(3, size=SIZE)
    graph = drawn.frame(layout, 3).graph
    drawn.close()
    whole = Synthesizer(clevr.model_copy(update={"box": "amodal"}), shadow_size=128, samples=0)
    amodal = whole.frame(layout, 3).graph
    whole.close()
    camera = layout.camera
    for cuboid, outline in zip(graph.objects, amodal.objects, strict=True):
        assert (cuboid.box[:2] <= outline.box[:2] + 0.5).all() and (cuboid.box[2:] >= outline.box[2:] - 0.5).all()
        corners = Placement.from_pose(cuboid.label, cuboid.pose, camera).corners()
        pixels = np.clip(camera.project(camera.to_camera(corners)), 0, SIZE)
        np.testing.assert_allclose(cuboid.box, [*pixels.min(0), *pixels.max(0)], atol=0.01)
    assert any((c.box[2:] > o.box[2:] + 1).any() for c, o in zip(graph.objects, amodal.objects))


def digest(synthesizer, seed):
    frame = synthesizer.frame(synthesizer.sample(seed, size=(96, 64)), seed)
    return hashlib.sha256(frame.image.tobytes() + frame.jpeg() + repr(frame.graph.to_json()).encode()).hexdigest()


def test_same_seed_same_pixels_in_another_process(synthesizer):
    here = [digest(synthesizer, k) for k in (1, 2)]
    assert here[0] != here[1]
    # After other frames, and in another process with another number of threads.
    assert [digest(synthesizer, k) for k in (2, 1)] == here[::-1]
    code = (
        "import os; os.environ['LP_NUM_THREADS'] = '2'\n"
        "import hashlib\n"
        "from sim2sg_core.domains import load_domain\n"
        "from sim2sg_core.synthesis.synthesizer import Synthesizer\n"
        "s = Synthesizer(load_domain('clevr'), shadow_size=128, samples=0)\n"
        "f = s.frame(s.sample(1, size=(96, 64)), 1)\n"
        "print(hashlib.sha256(f.image.tobytes() + f.jpeg() + repr(f.graph.to_json()).encode()).hexdigest())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == here[0]


def test_pictures_of_a_fisheye_camera_are_labelled_as_they_are_drawn(clevr):
    """Without its lens: the projection of an object's centre lies in the middle of its box, also far off the axis."""
    camera = Synthesizer(clevr).sample(3, size=SIZE).camera
    side = camera.focal * 0.9
    wide = dataclasses.replace(
        camera,
        K=np.array([[side / 2, 0, SIZE[0] / 2], [0, side / 2, SIZE[1] / 2], [0, 0, 1.0]]),
        distortion=np.zeros(4),
        distortion_model="equidistant",
    )
    cube = Placement("cube", np.array([6.0, 4.5, 0.0]), 0.0, np.full(3, 0.99))
    frame = Synthesizer(clevr).frame(Layout(wide, (cube,)), 1)
    (item,) = frame.graph.objects
    u, v = frame.graph.camera.project(item.pose.position)
    x1, y1, x2, y2 = item.box
    assert x1 < u < x2 and y1 < v < y2


def test_a_layout_keeps_its_assets_and_changes_its_looks(synthesizer):
    layout = synthesizer.sample(5, size=(96, 64))
    one, two = (synthesizer.frame(layout, seed) for seed in (10, 11))
    assert [o.box.tolist() for o in one.graph.objects] == [o.box.tolist() for o in two.graph.objects]
    assert np.abs(one.image.astype(int) - two.image).mean() > 3


def test_a_class_without_assets_is_told(clevr):
    cube = clevr.classes[0].model_copy(update={"assets": ("teapot",)})
    broken = clevr.model_copy(update={"classes": (cube, *clevr.classes[1:])})
    with pytest.raises(Sim2SGError, match="teapot"):
        Synthesizer(broken)


def test_sensor_keeps_grey_grey_and_noise_is_as_strong_as_asked():
    grey = np.full((64, 96, 3), 120, np.uint8)
    rng = np.random.default_rng(0)
    same = apply_sensor(grey, Sensor(saturation=0.3, contrast=1.0), rng)
    assert np.abs(same.astype(int) - 120).max() <= 1
    assert apply_sensor(grey, Sensor(contrast=1.3), rng).mean() < 120
    noisy = add_noise(grey, 5.0, 0.0, rng).astype(float)
    assert abs(noisy.std() - 5.0) < 0.4
    assert abs(noisy.mean() - 120) < 0.5
    dim = apply_sensor(grey, Sensor(vignette=0.3), rng)
    assert dim[0, 0, 0] < dim[32, 48, 0] - 15


def test_the_tone_curve_darkens_shade_alone_and_glare_veils_what_is_dark():
    rng = np.random.default_rng(0)
    wedge = np.repeat(np.array([0, 40, 120, 200, 255], np.uint8), 64)[None, :, None].repeat(96, 0).repeat(3, 2)
    steep = apply_sensor(wedge, Sensor(gamma=1.5), rng)[0, 32::64, 0].astype(int)
    assert steep[0] == 0 and steep[-1] == 255
    assert steep[1] / 40 < steep[2] / 120 < steep[3] / 200 < 1
    half = np.zeros((96, 128, 3), np.uint8)
    half[:, 64:] = 255
    veiled = apply_sensor(half, Sensor(glare=0.1), rng)[48, :, 0].astype(int)
    assert 0 <= veiled[0] < veiled[60] <= 26, "the nearer to what is bright, the more"


def test_split_normals():
    corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], float)
    faces = np.array(
        [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1], [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4],
         [1, 5, 7], [1, 7, 3]]
    )  # fmt: skip
    hard_v, hard_f, hard_n = split_normals(corners, faces, 30)
    assert len(hard_v) == 24
    np.testing.assert_array_equal(hard_v[hard_f], corners[faces])
    assert np.allclose(np.abs(hard_n).max(1), 1)
    soft_v, _, soft_n = split_normals(corners, faces, 100)
    assert len(soft_v) == 8
    assert ((soft_v - 0.5) * soft_n > 0).all()


def test_finish_of_an_unmounted_camera_comes_from_the_prior(synthesizer, clevr):
    known = dataclasses.replace(clevr.camera.sample(np.random.default_rng(0)), ground=None)
    layout = synthesizer.sample(0, known)
    assert layout.camera.ground is not None
    np.testing.assert_array_equal(layout.camera.K, known.K)
    low, high = clevr.camera.height_m
    assert low <= layout.camera.ground[3] <= high
