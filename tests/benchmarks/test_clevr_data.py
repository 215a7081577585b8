"""CLEVR scenes made here, of known cameras and objects, become a data set that says the same."""

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.clevr_data import convert, find_view, scene_graph, silhouette_pixels
from sim2sg_core.domains import load_domain
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.lifting.extrinsics import extrinsics_of_ground
from sim2sg_core.scene import Camera, Placement, derive_relations
from sim2sg_core.synthesis.dataset import read_dataset

WIDTH, HEIGHT, FOCAL = 480, 320, 525.0
CLEVR = load_domain("clevr")
SIZES = {"cube": (0.99, 0.495), "sphere": (1.4, 0.7), "cylinder": (1.4, 0.7)}


def make_scene(seed: int, count: int = 4, name: str = "CLEVR_000000.png"):
    """A scene file as the generator writes it, beside the camera and the objects in our world frame."""
    rng = np.random.default_rng(seed)
    pitch, height, heading = rng.uniform(0.42, 0.56), rng.uniform(4.8, 5.8), rng.uniform(0, 2 * np.pi)
    K = np.array([[FOCAL, 0, WIDTH / 2], [0, FOCAL, HEIGHT / 2], [0, 0, 1]])
    camera = Camera.from_extrinsics(WIDTH, HEIGHT, K, height, pitch)
    # Rows: our forward, left and up in CLEVR's world; the camera stands over `under` in it.
    forward = np.array([np.cos(heading), np.sin(heading), 0])
    axes = np.stack([forward, [-forward[1], forward[0], 0], [0, 0, 1]])
    under = np.array([*rng.uniform(-8, 8, 2), 0])
    placements, objects = [], []
    for _ in range(count):
        shape = str(rng.choice(list(SIZES)))
        position = np.array([rng.uniform(7, 13), rng.uniform(-3, 3), 0])
        turn = rng.uniform(0, 360)  # CLEVR's 0 to 360, taken for radians
        size = np.full(3, rng.choice(SIZES[shape]))
        placement = Placement(shape, position, float(turn - heading), size)
        pose = placement.to_pose(camera)
        u, v = camera.project(pose.position)
        bare = Placement(shape, position, placement.yaw, size)
        corners = camera.project(camera.to_camera(bare.corners()))
        objects.append(
            {
                "shape": shape,
                "rotation": turn,
                "3d_coords": list((position + [0, 0, size[2] / 2]) @ axes + under),
                "pixel_coords": [round(u), round(v), float(pose.position[2])],
                "bbox": [*map(float, corners.min(axis=0)), *map(float, corners.max(axis=0))],
                "visible_pixels": silhouette_pixels(bare, camera) // 2,
            }
        )
        placements.append(placement)
    directions = {"behind": forward, "front": -forward, "left": axes[1], "right": -axes[1]}
    scene = {
        "image_filename": name,
        "objects": objects,
        "directions": {k: v.tolist() for k, v in directions.items()},
    }
    return scene, camera, placements


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), count=st.integers(3, 10))
def test_camera_and_poses_come_back(seed, count):
    scene, camera, placements = make_scene(seed, count)
    graph = scene_graph(scene, WIDTH, HEIGHT, CLEVR)
    height, pitch, roll = extrinsics_of_ground(graph.camera.ground)
    true_height, true_pitch, _ = extrinsics_of_ground(camera.ground)
    # Pixels are rounded, so that of the place across the axis no more than a centimetre or so is known.
    assert abs(height - true_height) < 0.02
    assert abs(pitch - true_pitch) < 1e-6
    assert abs(roll) < 1e-9
    np.testing.assert_allclose(graph.camera.K, camera.K)
    for found, item, truth in zip(graph.objects, scene["objects"], placements, strict=True):
        pose = truth.to_pose(camera)
        assert found.label == truth.label
        np.testing.assert_allclose(found.pose.size, truth.size, atol=1e-9)
        assert found.pose.position[2] == pytest.approx(pose.position[2], abs=1e-6)
        np.testing.assert_allclose(found.pose.position, pose.position, atol=0.02)
        assert np.cos(found.pose.yaw - pose.yaw) == pytest.approx(1)
        np.testing.assert_allclose(graph.camera.project(found.pose.position), item["pixel_coords"][:2], atol=1.01)
        np.testing.assert_allclose(found.box, item["bbox"])
        assert found.visibility == pytest.approx(0.5, abs=0.03), "half of the pixels are seen"


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_relations_are_those_of_the_poses(seed):
    scene, camera, placements = make_scene(seed, 6)
    graph = scene_graph(scene, WIDTH, HEIGHT, CLEVR)
    truth = derive_relations([p.to_pose(camera) for p in placements], camera, CLEVR.rules())
    assert set(graph.relations) == set(truth)


def test_silhouettes_by_hand():
    """Of solids one metre high, five metres ahead of a level camera in the height of their middle."""
    camera = Camera.from_extrinsics(480, 320, np.array([[500.0, 0, 240], [0, 500, 160], [0, 0, 1]]), 0.5, 0.0)

    def pixels(shape, left=0.0):
        return silhouette_pixels(Placement(shape, np.array([5.0, left, 0]), 0.0, np.ones(3)), camera)

    assert pixels("sphere") == pytest.approx(np.pi * (500 * 0.5) ** 2 / (5**2 - 0.5**2), rel=0.02)
    assert pixels("cube") == pytest.approx((500 / 4.5) ** 2, rel=0.03), "its front"
    assert pixels("sphere") < pixels("cylinder") < pixels("cube")
    assert pixels("sphere", left=2.4) == pytest.approx(pixels("sphere") / 2, rel=0.05), "cut by the image's border"


@pytest.fixture
def folder(tmp_path):
    """Three scenes on disk."""
    root = tmp_path / "clevr"
    (root / "scenes").mkdir(parents=True)
    (root / "images").mkdir()
    for seed in range(3):
        scene, _, _ = make_scene(seed, 4, f"CLEVR_{seed:06d}.png")
        (root / "scenes" / f"CLEVR_{seed:06d}.json").write_text(json.dumps(scene))
        cv2.imwrite(str(root / "images" / scene["image_filename"]), np.full((HEIGHT, WIDTH, 3), 40 * seed, np.uint8))
    return root


def test_the_data_set_reads_back_as_training_reads_it(folder, tmp_path):
    out = tmp_path / "out"
    assert convert(folder, out, CLEVR) == 3
    rows = read_dataset(out)
    assert [path.name for path, _ in rows] == [f"CLEVR_{n:06d}.png" for n in range(3)]
    for n, (path, graph) in enumerate(rows):
        assert path.read_bytes() == (folder / "images" / path.name).read_bytes()
        scene, _, _ = make_scene(n)
        expected = scene_graph(scene, WIDTH, HEIGHT, CLEVR)
        assert set(graph.relations) == set(expected.relations)
        for found, truth in zip(graph.objects, expected.objects, strict=True):
            np.testing.assert_allclose(found.pose.position, truth.pose.position, atol=1e-3)
            np.testing.assert_allclose(found.box, truth.box, atol=2e-3)
        np.testing.assert_allclose(graph.camera.ground, expected.camera.ground, atol=1e-6)
    annotations = json.loads((out / "annotations.json").read_text())["annotations"]
    assert not any(a["ignore"] for a in annotations)


def test_the_held_out_part_and_the_rest_make_the_whole(folder, tmp_path):
    counts = [convert(folder, tmp_path / str(held_out), CLEVR, held_out) for held_out in (True, False)]
    assert counts == [1, 2]
    names = [{path.name for path, _ in read_dataset(tmp_path / str(held_out))} for held_out in (True, False)]
    assert not names[0] & names[1]
    assert names[0] | names[1] == {path.name for path in (folder / "images").iterdir()}


def test_it_trains(folder, tmp_path):
    data = pytest.importorskip("sim2sg_core.learning.data", reason="torch is not installed")
    from sim2sg_core.learning.examples import to_example

    convert(folder, tmp_path / "out", CLEVR)
    record = data.load_records(tmp_path / "out")[1]
    example = to_example(record.image(), record.graph, CLEVR)
    assert (example.image == 40).all()
    assert (example.depths > 5).all() and not example.ignored.any() and len(example.relations)


def change(folder: Path, edit) -> None:
    path = next(iter(sorted((folder / "scenes").iterdir())))
    scene = json.loads(path.read_text())
    edit(scene)
    path.write_text(json.dumps(scene))


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (lambda s: s["objects"][0].pop("visible_pixels"), "not a CLEVR scene"),
        (lambda s: s["objects"].__delitem__(slice(1, None)), "fewer than two objects"),
        (lambda s: s["objects"][0]["pixel_coords"].__setitem__(2, 3.0), "depths fit no camera"),
        (lambda s: s["objects"][0]["pixel_coords"].__setitem__(0, 9999), "pixels fit no camera"),
        (lambda s: s.update(image_filename="none.png"), "none.png"),
    ],
)
def test_what_contradicts_itself_is_named(folder, tmp_path, edit, reason):
    change(folder, edit)
    with pytest.raises(Sim2SGError, match=reason) as caught:
        convert(folder, tmp_path / "out", CLEVR)
    assert "CLEVR_000000" in str(caught.value)
    assert not (tmp_path / "out" / "annotations.json").exists()


def test_depths_are_along_the_axis_and_not_the_ray():
    scene, _, _ = make_scene(5, 6)
    for item in scene["objects"]:
        u, v, z = item["pixel_coords"]
        item["pixel_coords"][2] = z * float(np.linalg.norm([(u - 240) / FOCAL, (v - 160) / FOCAL, 1]))
    with pytest.raises(Sim2SGError, match="fit no camera"):
        find_view(scene, WIDTH, HEIGHT)


def test_the_command(folder, tmp_path):
    script = Path(__file__).parents[2] / "benchmarks" / "clevr_data.py"

    def run(data):
        words = [sys.executable, str(script), "--data", str(data), "--out", str(tmp_path / "out")]
        return subprocess.run(words, capture_output=True, text=True, timeout=120)

    done = run(folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert "3 labelled images" in done.stdout
    done = run(tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ") and "no scenes/*.json" in done.stderr and done.stderr.count("\n") == 1
