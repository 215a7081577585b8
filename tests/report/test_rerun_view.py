"""What is written for Rerun's viewer, read back."""

import builtins
import subprocess
import sys

import numpy as np
import pytest

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.report.rerun_view import RerunView
from sim2sg_core.scene import Camera, Pose3D, Relation, SceneGraph, SceneObject

K = np.array([[100.0, 0, 32], [0, 100, 24], [0, 0, 1]])
IMAGE = np.zeros((48, 64, 3), np.uint8)


def graph(known: bool = True) -> SceneGraph:
    pose = Pose3D(np.array([0.0, 0.0, 5.0]), 0.0, np.array([4.0, 2.0, 1.5]))
    objects = (
        SceneObject("car", 0.9, np.array([10.0, 10, 30, 30]), pose if known else None),
        SceneObject("van", 0.8, np.array([40.0, 10, 60, 30])),
    )
    camera = Camera.from_extrinsics(64, 48, K, 1.5, 0.0) if known else None
    return SceneGraph(64, 48, objects, (Relation(0, "left_of", 1, 0.7),), "a.jpg", 10**18 * known, camera)


def printed(file) -> str:
    words = [sys.executable, "-m", "rerun", "rrd", "print", "-vvv", str(file)]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def test_image_boxes_and_relations_are_in_the_file(tmp_path):
    pytest.importorskip("rerun", reason="rerun-sdk is not installed: pip install 'sim2sg[rerun]'")
    file = tmp_path / "new" / "a.rrd"
    with RerunView(str(file), ["car", "van"], ["left_of", "in_front_of"]) as view:
        view.show(IMAGE, graph())
        view.show(IMAGE, graph(known=False))
        view.show(IMAGE, SceneGraph(64, 48))
    text = printed(file)
    for words in ("/world/camera/image", "/world/objects", "car 0 0.90", "van 1 0.80", "car 0 left_of van 1 0.70"):
        assert words in text, words
    assert "/world/camera/image/relations/in_front_of" in text
    assert "Pinhole" in text and "stamp" in text and "frame" in text
    assert "[5.0, 0.0, 1.5]" in text.replace("-0.0", "0.0"), "five metres ahead, at the camera's height"


def test_a_target_that_is_neither_is_told(tmp_path):
    with pytest.raises(Sim2SGError, match=r"give a file that ends in \.rrd, or the word spawn"):
        RerunView(str(tmp_path / "a.json"), [], [])


def test_a_file_that_cannot_be_written_is_told(tmp_path):
    pytest.importorskip("rerun", reason="rerun-sdk is not installed: pip install 'sim2sg[rerun]'")
    (tmp_path / "a.rrd").mkdir()
    with pytest.raises(Sim2SGError, match=r"a\.rrd: cannot be written \(.*irectory.*\); give another$"):
        RerunView(str(tmp_path / "a.rrd"), [], [])


def test_what_to_install_is_told(tmp_path, monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "rerun":
            raise ModuleNotFoundError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(Sim2SGError, match=r"pip install 'sim2sg\[rerun\]'"):
        RerunView(str(tmp_path / "a.rrd"), [], [])
