from __future__ import annotations

import dataclasses
import math
import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("rclpy", reason="rclpy is not installed")
from rclpy.validate_topic_name import validate_topic_name

from sim2sg_core.scene import Camera
from sim2sg_ros import parameters
from sim2sg_ros.parameter_specs import PARAMETER_SPECS
from sim2sg_ros.parameters import NodeParameters

pytestmark = pytest.mark.ros

CONFIG = Path(__file__).parents[2] / "config" / "sim2sg.yaml"


def test_the_table_and_the_settings_name_the_same() -> None:
    assert list(PARAMETER_SPECS) == [field.name for field in dataclasses.fields(NodeParameters)]


def test_the_defaults_are_allowed() -> None:
    assert parameters.why_invalid(dataclasses.asdict(NodeParameters())) == ""


def test_the_yaml_holds_every_parameter_with_its_default_and_a_comment() -> None:
    text = CONFIG.read_text()
    values = yaml.safe_load(text)["/**"]["ros__parameters"]
    defaults = dataclasses.asdict(NodeParameters())
    assert list(values) == list(defaults)
    for name, value in values.items():
        assert type(value) is type(defaults[name])
        assert value == defaults[name] or (math.isnan(value) and math.isnan(defaults[name]))
        assert re.search(rf"#[^\n]*\n    {name}:", text), f"no comment above {name}"


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("object_threshold", 1.5, "range is 0 to 1"),
        ("object_threshold", math.nan, "range"),
        ("camera_pitch", 3.0, "range"),
        ("transport", "theora", "auto, raw, compressed"),
        ("relations", "rules", "auto, learned, rule, both"),
        ("threads", -1, "range"),
        ("track_memory", 61.0, "range is 0 to 60"),
        ("cameras", ["left", "left"], "'left' twice"),
        ("cameras", ["left", ""], "''"),
        ("cameras", ["left/eye"], "letters, digits"),
        ("cameras", ["2nd"], "starts with"),
        ("cameras", ["a__b"], "single underscores"),
        ("cameras", [], "empty"),
        ("rectified", "yes", "'yes': use one of auto, true, false"),
        ("rotate", 45, "45: use 0, 90, 180, 270"),
        ("rotate", [0, 91], "0, 91"),
        ("rotate", "left", "'left': use 0"),
        ("rotate", [], "list of one for each"),
        ("rotate", True, "use 0"),
        ("rotate", None, "None: use 0"),
        ("rotate", 90.5, "90.5: use 0"),
    ],
)
def test_values_out_of_range_are_refused(name: str, value: object, reason: str) -> None:
    assert reason in parameters.why_invalid({name: value})


def test_each_camera_may_be_turned_by_its_own_angle() -> None:
    assert NodeParameters().rotation("") == 0
    assert NodeParameters(rotate=180).rotation("") == 180
    both = NodeParameters(cameras=["left", "right"], rotate=[90, 270])
    assert (both.rotation("left"), both.rotation("right")) == (90, 270)
    assert NodeParameters(cameras=["left", "right"], rotate=[90]).rotation("right") == 90
    assert "3 numbers for 2 cameras" in parameters.why_invalid({"cameras": ["a", "b"], "rotate": [0, 0, 90]})
    assert parameters.why_invalid({"cameras": ["a", "b"], "rotate": [0, 90]}) == ""


@given(st.text(max_size=8))
def test_names_of_cameras_are_those_that_ros_takes(name: str) -> None:
    if name and parameters.why_invalid({"cameras": [name]}) == "":
        assert validate_topic_name(f"~/{name}/scene_graph")


def test_unknown_names_are_left_to_others() -> None:
    assert parameters.why_invalid({"use_sim_time": True}) == ""
    assert NodeParameters().updated({"use_sim_time": True, "max_age": 2.0}) == dataclasses.replace(
        NodeParameters(), max_age=2.0
    )


def test_the_ground_needs_height_and_pitch() -> None:
    assert NodeParameters().ground() is None
    assert NodeParameters(camera_height=1.0).ground() is None
    usual = NodeParameters(camera_height=2.0, camera_pitch=0.2, camera_roll=0.1).ground()
    assert NodeParameters().ground(usual) is usual
    raised = NodeParameters(camera_height=1.0, camera_pitch=0.2, camera_roll=0.1).ground()
    np.testing.assert_allclose(NodeParameters(camera_height=1.0).ground(usual), raised, atol=1e-12)
    expected = Camera.from_extrinsics(1, 1, np.eye(3), 1.2, 0.3, 0.1).ground
    result = NodeParameters(camera_height=1.2, camera_pitch=0.3, camera_roll=0.1).ground()
    np.testing.assert_allclose(result, expected)
