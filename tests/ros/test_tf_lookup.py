from __future__ import annotations

import math
import sys
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("rclpy", reason="rclpy is not installed")
pytest.importorskip("sim2sg.msg", reason="the messages are not built")
from geometry_msgs.msg import TransformStamped
from sim2sg.msg import SceneGraph, SceneObject
from std_msgs.msg import Header

from sim2sg_ros import tf_lookup
from sim2sg_ros.tf_lookup import (
    PATIENCE,
    RETRY,
    FrameTransform,
    TransformLookup,
    apply_transform,
    rotation_matrix,
    transform_poses,
)

pytestmark = pytest.mark.ros

seeds = st.integers(0, 2**32 - 1)


def quaternion(rng: np.random.Generator) -> np.ndarray:
    q = rng.normal(size=4)
    return q / np.linalg.norm(q)


def poses(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    half = rng.normal(size=(count, 6, 6))
    turns = np.array([quaternion(rng) for _ in range(count)]).reshape(-1, 4)
    return rng.normal(size=(count, 3)) * 10, turns, half @ half.transpose(0, 2, 1)


def matrix(translation: np.ndarray, q: np.ndarray) -> np.ndarray:
    result = np.eye(4)
    result[:3, :3], result[:3, 3] = rotation_matrix(q), translation
    return result


@given(st.floats(-math.pi, math.pi))
def test_a_turn_about_z_is_the_matrix_known_for_it(angle: float) -> None:
    c, s = math.cos(angle), math.sin(angle)
    result = rotation_matrix(np.array([0, 0, math.sin(angle / 2), math.cos(angle / 2)]))
    np.testing.assert_allclose(result, [[c, -s, 0], [s, c, 0], [0, 0, 1]], atol=1e-12)


@given(seeds, st.integers(0, 5))
def test_poses_are_multiplied_like_homogeneous_matrices(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    before = poses(rng, count)
    translation, rotation = rng.normal(size=3), quaternion(rng)
    positions, turns, covariances = transform_poses(*before, translation, rotation)
    for i in range(count):
        expected = matrix(translation, rotation) @ matrix(before[0][i], before[1][i])
        np.testing.assert_allclose(matrix(positions[i], turns[i]), expected, atol=1e-9)
    # How far out a pose is, in standard deviations, does not depend on the frame.
    step = rng.normal(size=6)
    turned = np.concatenate([rotation_matrix(rotation) @ step[:3], rotation_matrix(rotation) @ step[3:]])
    for i in range(count):
        distance = step @ np.linalg.solve(before[2][i], step)
        assert turned @ np.linalg.solve(covariances[i], turned) == pytest.approx(distance, rel=1e-4)


@given(seeds)
def test_there_and_back_is_where_it_was(seed: int) -> None:
    rng = np.random.default_rng(seed)
    before = poses(rng, 3)
    translation, rotation = rng.normal(size=3), quaternion(rng)
    inverse = rotation * [-1, -1, -1, 1]
    after = transform_poses(*before, translation, rotation)
    back = transform_poses(*after, -rotation_matrix(inverse) @ translation, inverse)
    np.testing.assert_allclose(back[0], before[0], atol=1e-9)
    np.testing.assert_allclose(back[1], before[1], atol=1e-9)
    np.testing.assert_allclose(back[2], before[2], atol=1e-8)


def message() -> SceneGraph:
    known, unknown = SceneObject(class_name="cup", has_pose=True), SceneObject(class_name="book")
    known.pose.pose.position.z = 2.0
    known.pose.covariance[14] = 0.25  # Of depth, along z.
    known.size.x = 0.1
    return SceneGraph(header=Header(frame_id="eye_optical"), objects=[known, unknown])


def test_a_message_is_placed_and_the_images_header_is_left_alone() -> None:
    graph = message()
    header = graph.header
    # What every driver publishes: the optical frame in the camera's own, x forward, z up.
    optical = FrameTransform("map", True, (10.0, 0.0, 1.5), (-0.5, 0.5, -0.5, 0.5))
    apply_transform(graph, optical)
    assert (header.frame_id, graph.header.frame_id) == ("eye_optical", "map")
    cup, book = graph.objects
    point, turn = cup.pose.pose.position, cup.pose.pose.orientation
    np.testing.assert_allclose([point.x, point.y, point.z], [12.0, 0.0, 1.5], atol=1e-12)
    np.testing.assert_allclose([turn.x, turn.y, turn.z, turn.w], [-0.5, 0.5, -0.5, 0.5])
    np.testing.assert_allclose(np.diag(cup.pose.covariance.reshape(6, 6)), [0.25, 0, 0, 0, 0, 0], atol=1e-12)
    assert cup.has_pose and cup.size.x == 0.1
    assert not book.has_pose and book == SceneObject(class_name="book")


def test_without_the_transform_there_is_no_pose() -> None:
    graph = message()
    apply_transform(graph, FrameTransform("map"))
    assert graph.header.frame_id == "map"
    assert graph.objects[0] == SceneObject(class_name="cup")


def test_none_leaves_the_message_as_it_is() -> None:
    graph = message()
    apply_transform(graph, None)
    assert graph == message()


def test_transforms_come_from_tf2(ros: None) -> None:
    pytest.importorskip("tf2_ros", reason="tf2_ros is not installed (it is no wheel; a ROS installation has it)")
    import rclpy

    node = rclpy.create_node("frames")
    lookup = TransformLookup(node, "map")
    header = Header(frame_id="eye_optical")
    header.stamp.sec = 100
    found, reason = lookup.find(header)
    assert found is not None and not found.known
    assert "from eye_optical to map" in reason
    transform = TransformStamped(header=Header(frame_id="map", stamp=header.stamp), child_frame_id="eye_optical")
    transform.transform.translation.x = 3.0
    lookup._buffer.set_transform(transform, "test")
    found, reason = lookup.find(header)
    assert found is not None and found.known and not reason
    assert found.translation == (3.0, 0.0, 0.0)
    lookup.close()
    node.destroy_node()


class StandInTime:
    """In place of the module: time passes by sleeping alone, so that no stall of the machine comes between."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class StandInBuffer:
    """In place of tf2_ros.Buffer, which is no wheel: knows one transform from `known_from` on."""

    def __init__(self) -> None:
        self.known_from = math.inf
        self.connected = {"eye_optical"}
        self.rotation = 0.0, 0.0, 0.0, 1.0
        self.lookups = 0
        self.cleared = 0

    def lookup_transform(self, target: str, source: str, stamp: Any) -> TransformStamped:
        self.lookups += 1
        if tf_lookup.time.monotonic() < self.known_from:
            raise LookupError(f'"{target}" passed to lookupTransform\ndoes not exist')
        result = TransformStamped(child_frame_id=source)
        result.header.frame_id, result.header.stamp = target, stamp.to_msg()
        result.transform.translation.x = 3.0
        q = result.transform.rotation
        q.x, q.y, q.z, q.w = self.rotation
        return result

    def can_transform(self, target: str, source: str, stamp: Any) -> bool:
        assert stamp.nanoseconds == 0, "the latest: whether there is any"
        return source in self.connected

    def clear(self) -> None:
        self.cleared += 1


class StandInListener:
    def __init__(self, buffer: StandInBuffer, node: object) -> None:
        self.gone = False

    def unregister(self) -> None:
        self.gone = True


@pytest.fixture
def lookup(monkeypatch: pytest.MonkeyPatch) -> TransformLookup:
    module = ModuleType("tf2_ros")
    module.Buffer, module.TransformListener = StandInBuffer, StandInListener  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tf2_ros", module)
    monkeypatch.setattr(tf_lookup, "time", StandInTime())
    return TransformLookup(None, "map")  # type: ignore[arg-type]  # The node goes to the listener only.


def waited(lookup: TransformLookup, frame: str = "eye_optical") -> tuple[FrameTransform, str, float]:
    """Returns what is found for an image of a frame, and how long that takes, seconds."""
    started = tf_lookup.time.monotonic()
    found, reason = lookup.find(Header(frame_id=frame))
    assert found is not None
    return found, reason, tf_lookup.time.monotonic() - started


def test_a_late_transform_is_waited_for_and_after_a_wait_in_vain_not_for_a_second(lookup: TransformLookup) -> None:
    clock, buffer = tf_lookup.time, lookup._buffer
    buffer.known_from = clock.monotonic() + 0.05
    found, reason, seconds = waited(lookup)
    assert 0.05 <= seconds < PATIENCE
    assert (found.frame, found.known, found.translation, reason) == ("map", True, (3.0, 0.0, 0.0), "")

    buffer.known_from = math.inf
    found, reason, seconds = waited(lookup)
    assert not found.known and PATIENCE <= seconds <= PATIENCE + 0.01
    assert reason == 'no transform from eye_optical to map: "map" passed to lookupTransform does not exist'
    for _ in range(3):
        assert waited(lookup)[2] == 0.0
    # Odometry that is always 80 ms late: no lookup succeeds at once, all the same it is waited for again.
    clock.sleep(RETRY)
    for _ in range(3):
        buffer.known_from = clock.monotonic() + 0.08
        found, _, seconds = waited(lookup)
        assert found.known and 0.08 <= seconds <= PATIENCE


def test_a_camera_that_nothing_connects_makes_no_other_wait_or_lose_its_poses(lookup: TransformLookup) -> None:
    clock, buffer = tf_lookup.time, lookup._buffer
    buffer.known_from = math.inf
    found, _, seconds = waited(lookup, "rear_optical")
    assert not found.known and seconds == 0.0
    buffer.connected.add("rear_optical")
    assert waited(lookup, "rear_optical")[2] >= PATIENCE
    buffer.known_from = clock.monotonic() + 0.05
    assert waited(lookup, "eye_optical")[0].known


def test_a_body_frame_in_place_of_an_optical_one_is_told_and_nothing_is_turned(lookup: TransformLookup) -> None:
    buffer = lookup._buffer
    buffer.known_from = 0.0
    buffer.connected = {"eye_link"}
    found, problem, _ = waited(lookup, "eye_link")
    assert found.known and found.rotation == (0.0, 0.0, 0.0, 1.0)
    assert problem.startswith("eye_link seems to be a body frame (x forward, z up)") and "frame_id" in problem
    assert waited(lookup, "eye_link")[1] == problem
    buffer.connected.add("eye")
    buffer.rotation = -0.5, 0.5, -0.5, 0.5  # optical, whatever its name
    assert waited(lookup, "eye")[1] == waited(lookup, "eye_optical")[1] == ""


def test_the_past_can_be_forgotten_and_the_topics_left(lookup: TransformLookup) -> None:
    buffer, listener = lookup._buffer, lookup._listener
    for _camera in ("front", "rear"):
        lookup.reset()
    assert buffer.cleared == 1, "the second one would take away what came after the jump"
    lookup.close()
    assert listener.gone
    assert lookup.find(Header(frame_id="eye_optical")) == (None, "")


def test_no_target_asks_nobody() -> None:
    lookup = TransformLookup(None, "")  # type: ignore[arg-type]
    assert (lookup.find(Header()), lookup.problem) == ((None, ""), "")
    lookup.reset()
    lookup.close()
