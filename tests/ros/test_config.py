"""The RViz configuration and the Foxglove layout: whole, and about topics that the node publishes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

pytest.importorskip("rclpy", reason="rclpy is not installed")
from sim2sg_ros import node_interface

pytestmark = pytest.mark.ros

CONFIG = Path(__file__).parents[2] / "config"
CAMERA = "/camera/image_raw"
"""The camera's topic in the README; the layout shows it with annotations."""
PUBLISHED = {topic.name.replace("~", "/sim2sg"): topic for topic in node_interface.TOPICS if topic.output}


@pytest.fixture(scope="module")
def rviz() -> dict[str, Any]:
    return yaml.safe_load((CONFIG / "sim2sg.rviz").read_text())["Visualization Manager"]


@pytest.fixture(scope="module")
def layout() -> dict[str, Any]:
    return json.loads((CONFIG / "foxglove_layout.json").read_text())


def test_rviz_shows_the_overlay_and_the_markers(rviz: dict[str, Any]) -> None:
    shown = {d["Topic"]["Value"]: d for d in rviz["Displays"] if "Topic" in d}
    assert set(shown) == {"/sim2sg/overlay", "/sim2sg/markers"}
    for topic, display in shown.items():
        assert display["Enabled"] is display["Value"] is True
        kind = PUBLISHED[topic].type.rsplit("/", 1)[1]
        assert display["Class"] == f"rviz_default_plugins/{kind}"
        # A reliable reader would get nothing from a best-effort writer.
        assert display["Topic"]["Reliability Policy"] == "Best Effort" or "reliable" in PUBLISHED[topic].qos
        assert display["Topic"]["Durability Policy"] == "Volatile"


def test_rviz_looks_along_the_optical_axis_with_up_at_the_top(rviz: dict[str, Any]) -> None:
    assert rviz["Global Options"]["Fixed Frame"].endswith("_optical_frame")
    view = rviz["Views"]["Current"]
    assert view["Class"] == "rviz_default_plugins/Orbit"
    focus = np.array([view["Focal Point"][axis] for axis in "XYZ"], float)
    # An orbit stands at the focal point plus this, with +z towards its upper edge.
    yaw, pitch = view["Yaw"], view["Pitch"]
    away = np.array([np.cos(yaw) * np.cos(pitch), np.sin(yaw) * np.cos(pitch), np.sin(pitch)])
    check_view(focus, away, view["Distance"])


def test_foxglove_looks_along_the_optical_axis_with_up_at_the_top(layout: dict[str, Any]) -> None:
    panel = layout["configById"]["3D!scene"]
    assert panel["followTf"].endswith("_optical_frame")
    view = panel["cameraState"]
    phi, theta = np.radians(view["phi"]), np.radians(-view["thetaOffset"])
    # Spherical coordinates about +z, theta from -y.
    away = np.array([np.sin(phi) * np.sin(theta), -np.sin(phi) * np.cos(theta), np.cos(phi)])
    check_view(np.array(view["targetOffset"], float), away, view["distance"])


def check_view(focus: np.ndarray, away: np.ndarray, distance: float) -> None:
    """The eye is behind and above the camera; what the scene has up (-y) is up in the picture."""
    eye = focus + distance * away
    assert eye[2] < 0
    assert eye[1] < 0
    upper_edge = np.array([0, 0, 1]) - away[2] * away
    assert upper_edge / np.linalg.norm(upper_edge) @ np.array([0, -1, 0]) > 0.8
    assert focus[2] > 0


def topics(value: Any, key: str = "") -> Iterator[str]:
    """Every topic that a layout names, in keys and values alike."""
    if isinstance(value, dict):
        for name, item in value.items():
            if name.startswith("/"):
                yield name
            yield from topics(item, name)
    elif isinstance(value, list):
        for item in value:
            yield from topics(item)
    elif isinstance(value, str) and (value.startswith("/") or "opic" in key):
        yield value


def test_foxglove_names_only_topics_that_are_published(layout: dict[str, Any]) -> None:
    named = {topic for topic in topics(layout["configById"]) if topic}
    assert named <= {*PUBLISHED, CAMERA}
    assert named >= {CAMERA, "/sim2sg/annotations", "/sim2sg/markers", "/sim2sg/scene_graph", "/diagnostics"}
    readme = (CONFIG.parent / "README.md").read_text()
    assert f"image:={CAMERA}" in readme


def test_every_panel_has_its_place(layout: dict[str, Any]) -> None:
    def leaves(tree: Any) -> Iterator[str]:
        if isinstance(tree, str):
            yield tree
            return
        assert tree["direction"] in ("row", "column")
        assert 0 < tree["splitPercentage"] < 100
        yield from leaves(tree["first"])
        yield from leaves(tree["second"])

    placed = list(leaves(layout["layout"]))
    assert sorted(placed) == sorted(layout["configById"])
    assert {panel.split("!")[0] for panel in placed} == {
        "Image", "3D", "RawMessages", "DiagnosticSummary", "DiagnosticStatusPanel",
    }  # fmt: skip
