"""What a run shows of itself while it goes on."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from sim2sg_core.adaptation.live_view import SHOWN, LiveView
from sim2sg_core.adaptation.log_frames import SampledFrame
from sim2sg_core.images import write_jpeg
from sim2sg_core.scene import Camera, SceneGraph, SceneObject

SETTINGS = SimpleNamespace(real_frames=True, anonymise=False)


class Noted:
    """Keeps what it is to show, in place of Rerun's viewer."""

    def __init__(self):
        self.steps, self.images, self.graphs, self.places = [], [], [], 0

    def arrange(self, frames):
        self.places = frames

    def about(self, text):
        pass

    def losses(self, stage, rows, offset):
        self.steps += [(stage, offset + row["step"]) for row in rows]

    def frame(self, place, image, graph):
        self.images.append(image)
        self.graphs.append(graph)


@pytest.fixture
def frames(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    write_jpeg(tmp_path / "a.jpg", noise, 95)
    return [SampledFrame(tmp_path / "a.jpg", f"{i}.jpg", 0, Camera(64, 48, np.eye(3))) for i in range(9)]


def write_rows(folder, steps):
    folder.mkdir(parents=True, exist_ok=True)
    rows = "".join(json.dumps({"step": step, "loss": 1.0}) + "\n" for step in steps)
    (folder / "metrics.jsonl").write_text(rows)


def test_losses_come_once_and_end_to_end(tmp_path, frames):
    """While a stage trains, and of one that was trained in an earlier start."""
    shown, told = Noted(), []
    view = LiveView(shown, SETTINGS, frames)
    source, following = tmp_path / "source", tmp_path / "round_1"
    write_rows(source / "train", [10, 20])
    view.inferred(source, [SceneGraph(64, 48)] * 9)
    tell = view.training(following / "train", lambda n, **info: told.append((n, info)))
    tell(1)
    write_rows(following / "train", [10])
    tell(1, loss=0.5)
    write_rows(following / "train", [10, 20])
    view.inferred(following, [SceneGraph(64, 48)] * 9)
    view.inferred(following, [SceneGraph(64, 48)] * 9)
    assert shown.steps == [("source", 10), ("source", 20), ("round_1", 30), ("round_1", 40)]
    assert told == [(1, {}), (1, {"loss": 0.5})]


def test_frames_are_shown_with_what_is_found_on_them(tmp_path, frames):
    shown = Noted()
    objects = tuple(SceneObject("cube", score, np.array([5.0, 5, 20, 20])) for score in (0.9, 0.1))
    LiveView(shown, SETTINGS, frames).inferred(tmp_path / "source", [SceneGraph(64, 48, objects)] * 9)
    assert len(shown.images) == shown.places == SHOWN
    assert [len(graph.objects) for graph in shown.graphs] == [1] * SHOWN
    assert np.array_equal(shown.images[0], frames[0].image())


def test_real_frames_are_blurred_or_left_out_where_the_run_says_so(tmp_path, frames):
    person = SceneGraph(64, 48, (SceneObject("pedestrian", 0.1, np.array([20.0, 10, 40, 40])),))
    blurred, hidden = Noted(), Noted()
    LiveView(blurred, SimpleNamespace(real_frames=True, anonymise=True), frames).inferred(tmp_path, [person] * 9)
    LiveView(hidden, SimpleNamespace(real_frames=False, anonymise=False), frames).inferred(tmp_path, [person] * 9)
    plain = frames[0].image().astype(int)
    apart = np.abs(blurred.images[0] - plain).mean(axis=(0, 2))
    assert apart[20:40].min() > 10 and apart[:8].max() < 1
    assert hidden.images == [None] * SHOWN
