"""Mixed frames: real pixels, rendered objects, and the labels of both."""

import dataclasses
import json

import cv2
import numpy as np
import pytest

from sim2sg_core.adaptation.mixing.mixed_frame import MixedFrame, mixed_frames
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.images import read_image
from sim2sg_core.learning.examples import to_example
from sim2sg_core.synthesis import read_dataset, render_dataset
from tests.adaptation.mixing.frames import inferred, write_frame

THRESHOLDS = {"cube": 0.5, "sphere": 0.5, "cylinder": 0.5}
SEEDS = range(4)


@pytest.fixture
def frame(tmp_path, camera):
    write_frame(tmp_path / "real.png", camera)
    return MixedFrame(tmp_path / "real.png", inferred(camera), THRESHOLDS)


def test_labels_name_the_pixels_that_changed_and_the_others_are_the_frames(frame, synthesizer):
    real, pasted = read_image(frame.image), 0
    for seed in SEEDS:
        made = frame.frame(synthesizer, seed)
        changed = (made.image != real).any(axis=2)
        assert made.ids.max() == len(made.layout.placements)
        for item in made.graph.objects:
            x1, y1, x2, y2 = item.box.astype(int)
            assert item.score == 1 and not item.ignored and changed[y1:y2, x1:x2].mean() > 0.4
        inside = cv2.erode((made.ids > 0).astype(np.uint8), np.ones((3, 3))) > 0
        assert changed[inside].mean() > 0.95
        # Beyond the soft outlines there are shadows alone, and most of the frame is as it was.
        beyond = cv2.dilate((made.ids > 0).astype(np.uint8), np.ones((11, 11))) == 0
        assert (made.image[beyond] <= real[beyond]).all()
        assert (~changed[beyond]).mean() > 0.3 and (changed & beyond).any()
        extents = {tuple(o.box.astype(int)) for o in made.graph.objects}
        for k in np.unique(made.ids[made.ids > 0]):
            rows, columns = np.nonzero(made.ids == k)
            assert (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) in extents
        pasted += len(made.graph.objects)
    assert pasted >= len(SEEDS)


def test_pasted_objects_are_as_bright_as_the_frame(camera, tmp_path, synthesizer):
    real = write_frame(tmp_path / "bright.png", camera)
    cv2.imwrite(str(tmp_path / "dark.png"), real[..., ::-1] // 3)
    levels = []
    for name in ("bright.png", "dark.png"):
        frame = MixedFrame(tmp_path / name, inferred(camera), THRESHOLDS)
        frames = [frame.frame(synthesizer, seed) for seed in SEEDS]
        levels.append(np.mean([f.image[f.ids > 0].mean() for f in frames]))
    assert 1.5 < levels[0] / levels[1] < 3.5


def test_same_seed_same_pixels(frame, synthesizer):
    first, second, other = (frame.frame(synthesizer, seed) for seed in (3, 3, 4))
    assert first.jpeg() == second.jpeg() and first.graph.to_json() == second.graph.to_json()
    assert first.jpeg() != other.jpeg()


def test_the_data_set_tells_labels_from_regions_and_background(tmp_path, camera, clevr):
    write_frame(tmp_path / "real.png", camera)
    graph = inferred(camera, (0.9, 0.3, 0.02), ((12.0, 4.0), (13.0, -4.0), (12.0, 0.0)))
    out, rng = tmp_path / "mixed", np.random.default_rng(0)
    paths = [tmp_path / "real.png"]

    def render():
        frames = mixed_frames(paths, [graph], clevr, THRESHOLDS, 2, rng)
        render_dataset(clevr, zip((1, 2), frames), out, workers=1, samples=0, shadow_size=64)
        return (out / "images/000000.jpg").stat().st_mtime_ns

    first = render()
    assert render() == first, "kept"
    (path, read), _ = read_dataset(out)
    sure = [o for o in read.objects if o.score == 1]
    label, region = (o for o in read.objects if o.score < 1)
    assert sure and (label.score, label.ignored, region.ignored) == (0.9, False, True)
    example = to_example(read_image(path), read, clevr)
    kept = [o.score == 1 for o in read.objects]
    assert example.stated.tolist() == kept
    assert example.ignored.tolist() == [o.ignored for o in read.objects]
    # Relations hold between pasted objects alone.
    assert {k for r in read.relations for k in (r.subject, r.object)} <= set(np.flatnonzero(kept).tolist())
    crowds = [a for a in json.loads((out / "annotations.json").read_text())["annotations"] if a["iscrowd"]]
    assert [(a["ignore"], a["score"]) for a in crowds] == [(1, 0.3)] * 2


def test_a_bent_frame_is_straightened(tmp_path, camera, synthesizer):
    bent = dataclasses.replace(camera, distortion=np.array([-0.3, 0.05, 0, 0]))
    image = np.full((camera.height, camera.width, 3), 120, np.uint8)
    graph = inferred(bent, (0.9,), ((12.0, 4.0),))
    x, y = graph.objects[0].box[:2].round().astype(int)
    image[y - 2 : y + 3, x - 2 : x + 3] = (255, 0, 0)
    cv2.imwrite(str(tmp_path / "bent.png"), image[..., ::-1])
    made = MixedFrame(tmp_path / "bent.png", graph, THRESHOLDS).frame(synthesizer, 0)
    assert not made.graph.camera.distortion.any()
    rows, columns = np.nonzero((made.image[..., 0] > 200) & (made.image[..., 1] < 60) & (made.ids == 0))
    straight = camera.project(bent.rays(np.array([x + 0.5, y + 0.5])))
    np.testing.assert_allclose([columns.mean() + 0.5, rows.mean() + 0.5], straight, atol=1.0)


def test_frames_without_a_ground_are_left_out_and_told_of_once(tmp_path, camera, clevr, caplog):
    known = inferred(camera)
    unknown = dataclasses.replace(known, camera=dataclasses.replace(camera, ground=None))
    paths = [tmp_path / f"{k}.png" for k in range(3)]
    frames = mixed_frames(paths, [unknown, known, unknown], clevr, THRESHOLDS, 5, np.random.default_rng(0))
    assert [f.image for f in frames] == [paths[1]] * 5
    assert [r.getMessage() for r in caplog.records] == [
        "--mixing: the camera's height and pitch are unknown in 2 of 3 frames: they are left out"
    ]
    with pytest.raises(Sim2SGError, match="give --camera-height"):
        mixed_frames(paths, [unknown] * 3, clevr, THRESHOLDS, 5, np.random.default_rng(0))


def test_every_frame_comes_as_often_as_any_other(tmp_path, camera, clevr):
    paths = [tmp_path / f"{k}.png" for k in range(3)]
    frames = mixed_frames(paths, [inferred(camera)] * 3, clevr, THRESHOLDS, 7, np.random.default_rng(0))
    assert sorted([f.image for f in frames].count(p) for p in paths) == [2, 2, 3]
