"""The player's timing and stamps, and a bag played to the node."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
pytest.importorskip("sim2sg.msg", reason="the messages are not built")
from rclpy.serialization import deserialize_message
from rosbags.rosbag2 import Writer
from rosbags.typesys import Stores, get_typestore
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, CompressedImage
from sim2sg.msg import GraphInfo, SceneGraph

from sim2sg_core.logs import RawMessage, open_log
from sim2sg_ros.folder_camera import playable
from sim2sg_ros.player import as_recorded, at_fixed_rate

pytestmark = [pytest.mark.ros, pytest.mark.xdist_group("ros")]

PATIENCE = 180.0
FRAMES = 12
PERIOD = 50_000_000
FIRST = 1_700_000_000_000_000_000
TOPIC = "/camera/image/compressed"


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Frames of a camera with an odd number of extra nanoseconds, and a topic of an unknown type."""
    path = tmp_path_factory.mktemp("bag") / "log"
    store = get_typestore(Stores.ROS2_JAZZY)
    types = store.types
    time_, header_ = types["builtin_interfaces/msg/Time"], types["std_msgs/msg/Header"]
    compressed, info = types["sensor_msgs/msg/CompressedImage"], types["sensor_msgs/msg/CameraInfo"]
    region = types["sensor_msgs/msg/RegionOfInterest"]
    with Writer(path, version=9) as writer:
        images = writer.add_connection(TOPIC, compressed.__msgtype__, typestore=store)
        infos = writer.add_connection("/camera/camera_info", info.__msgtype__, typestore=store)
        other = writer.add_connection(
            "/strange", "nowhere_msgs/msg/Strange", msgdef="uint8 x", rihs01="RIHS01_" + "0" * 64
        )
        writer.write(other, FIRST, b"\x00\x01\x00\x00\x05")
        for number in range(FRAMES):
            stamp = FIRST + number * PERIOD + 7
            header = header_(time_(*divmod(stamp, 10**9)), "cam_optical")
            picture = np.random.default_rng(number).integers(0, 256, (48, 64, 3), dtype=np.uint8)
            data = cv2.imencode(".jpg", picture)[1].ravel()
            writer.write(images, stamp, store.serialize_cdr(compressed(header, "jpeg", data), images.msgtype))
            calibration = info(
                header, 48, 64, "plumb_bob", np.zeros(5), np.array([60.0, 0, 32, 0, 60, 24, 0, 0, 1]),
                np.eye(3).ravel(), np.zeros(12), 0, 0, region(0, 0, 0, 0, False),
            )  # fmt: skip
            writer.write(infos, stamp, store.serialize_cdr(calibration, infos.msgtype))
    return path


def stamps(messages: list[Any]) -> list[int]:
    return [m.header.stamp.sec * 10**9 + m.header.stamp.nanosec for m in messages]


def messages() -> list[RawMessage]:
    return [
        RawMessage(topic, "x/msg/X", stamp, b"")
        for topic, stamp in [
            ("a", 10),
            ("b", 20),
            ("a", 1_000_000_010),
            ("b", 1_500_000_010),
            ("a", 9 * 10**9),
        ]
    ]


def test_recorded_times_are_scaled_by_the_rate() -> None:
    assert [due for due, _ in as_recorded(messages(), 2.0)] == pytest.approx([0, 5e-9, 0.5, 0.75, 4.5], abs=1e-6)


def test_a_fixed_rate_counts_the_leading_topic() -> None:
    timed = [(message.topic, due) for due, message in at_fixed_rate(messages(), "a", 10)]
    assert timed == [("a", 0), ("b", 0.1), ("a", 0.1), ("b", 0.2), ("a", 0.2)]


@pytest.mark.slow
def test_a_bag_played_to_the_node_comes_back_as_graphs(
    start: Callable[..., Any], peer: Any, models: tuple[Path, Path], bag: Path
) -> None:
    graphs = peer.listen(SceneGraph, "/live/scene_graph")
    infos = peer.listen(CameraInfo, "/camera/camera_info")
    # Heard after the calibration: by the time the player sees this subscriber, it has met the one before.
    images = peer.listen(CompressedImage, TOPIC)
    node = start(
        "node", "--name", "live", "--model", models[0], "--image", TOPIC, "--compressed",
        "--object-threshold", 0, "--threads", 1,
    )  # fmt: skip
    # The latched facts arrive over the same discovery as the graphs will.
    facts = peer.listen(GraphInfo, "/live/graph_info", latched=True)
    peer.spin_until(lambda: facts)
    expected = [FIRST + number * PERIOD + 7 for number in range(FRAMES)]
    # The node takes the newest image, by best effort: a busy machine may lose it one or another. Then again, slower.
    for hz in (8, 8, 4, 2, 1):
        before = len(graphs)
        player = start("play", bag, "--hz", hz, "--wait-for-subscribers", 2)
        peer.spin_until(lambda p=player: p.popen.poll() is not None)
        assert player.popen.returncode == 0
        assert f"{FRAMES} on {TOPIC}" in player.log()
        assert "not played, its type is not installed: /strange" in player.log()
        with contextlib.suppress(AssertionError):
            peer.spin_until(lambda n=before: len(graphs) >= n + FRAMES, timeout=10)
        if stamps(graphs[before:]) == expected:
            break
    # The player waits for the image's subscribers alone, so the first of these may be lost.
    assert infos
    assert set(stamps(infos)) <= set(expected)
    assert set(stamps(images)) <= set(expected)
    # Nothing is lost at this rate; the stamps are the bag's, to the nanosecond.
    assert stamps(graphs[before:]) == expected
    assert set(stamps(graphs)) == set(expected)
    assert {graph.header.frame_id for graph in graphs} == {"cam_optical"}
    assert graphs[-1].objects
    assert all(item.has_pose for item in graphs[-1].objects)  # By the bag's camera_info.
    assert node.stop(signal.SIGINT) == 0
    assert "Traceback" not in node.log() + player.log()


@pytest.mark.slow
def test_stamp_now_clock_and_a_signal(start: Callable[..., Any], peer: Any, bag: Path) -> None:
    images = peer.listen(CompressedImage, TOPIC)
    clocks = peer.listen(Clock, "/clock")
    before = peer.node.get_clock().now().nanoseconds
    player = start(
        "play", bag, "--topic", TOPIC, "--hz", 40, "--loop", "--stamp", "now", "--clock",
        "--wait-for-subscribers", 1,
    )  # fmt: skip
    peer.spin_until(lambda: in_time(stamps(images), 40))
    after = peer.node.get_clock().now().nanoseconds
    times = stamps(images)
    assert times == sorted(times)
    assert before < times[0] <= times[-1] <= after + 10**9
    peer.spin_until(lambda: clocks)
    recorded = clocks[-1].clock.sec * 10**9 + clocks[-1].clock.nanosec
    assert FIRST <= recorded <= FIRST + FRAMES * PERIOD
    assert player.stop(signal.SIGTERM) == 0
    assert "Traceback" not in player.log()


ENDED_IN_BETWEEN = """
import sys
import rclpy
from sim2sg_core.logs import open_logs
from sim2sg_ros import player

publish = player.Player._publish

def shut_down_and_publish(self, *args):
    rclpy.try_shutdown()
    publish(self, *args)

player.Player._publish = shut_down_and_publish
assert not player.play(open_logs(sys.argv[1]), player.PlayOptions())
"""


def test_a_signal_while_a_message_goes_out_ends_it_as_well(bag: Path) -> None:
    subprocess.run([sys.executable, "-c", ENDED_IN_BETWEEN, str(bag)], check=True, timeout=PATIENCE)


def in_time(times: list[int], hz: float) -> bool:
    """Whether somewhere, and more than once around the loop, messages came at their rate: the machine may halt."""
    steps = FRAMES + 3
    return any(abs((b - a) / 1e9 - steps / hz) < 0.05 for a, b in zip(times, times[steps:]))


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--topic", "/nothing"), "no messages on topic /nothing"),
        (("--topic", "/strange"), "nowhere_msgs/msg/Strange is not installed"),
        (("--rate", "0"), "--rate is 0"),
        # Remapped: a listener of the tests before may still hear the bag's own topic.
        (
            ("--wait-for-subscribers", "1", "--wait-timeout", "0.3", "--ros-args", "-r", f"{TOPIC}:=/unheard"),
            "0 of 1",
        ),
    ],
)
def test_a_mistake_is_one_line_and_status_two(
    start: Callable[..., Any], bag: Path, words: tuple[str, ...], reason: str
) -> None:
    process = start("play", bag, *words)
    assert process.wait() == 2
    [line] = [line for line in process.log().splitlines() if line.startswith("error:")]
    assert reason in line
    assert "Traceback" not in process.log()


def test_no_such_bag(start: Callable[..., Any], tmp_path: Path) -> None:
    process = start("play", tmp_path / "none")
    assert process.wait() == 2
    assert "no such file" in process.log()


@pytest.mark.slow
def test_a_folder_of_images_is_played_as_a_camera(start: Callable[..., Any], peer: Any, tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    for name in ("a.jpg", "b.png", "c.bmp"):
        cv2.imwrite(str(tmp_path / name), picture)
    topic = "/yard/image/compressed"
    images = peer.listen(CompressedImage, topic)
    player = start(
        "play", tmp_path, "--hz", 20, "--wait-for-subscribers", 1, "--ros-args", "-r",
        f"/camera/image/compressed:={topic}",
    )  # fmt: skip
    peer.spin_until(lambda: len(images) == 3)
    assert player.wait() == 0, player.log()
    assert [message.format for message in images] == ["jpeg", "png", "png"]
    assert stamps(images) == [0, 100_000_000, 200_000_000]  # Names without times: ten a second.
    assert images[0].data.tobytes() == (tmp_path / "a.jpg").read_bytes()
    for message in images[1:]:
        np.testing.assert_array_equal(cv2.imdecode(np.frombuffer(message.data, np.uint8), cv2.IMREAD_COLOR), picture)


def test_a_folder_of_images_keeps_the_times_in_its_names(tmp_path: Path) -> None:
    for number in (1, 3):
        cv2.imwrite(str(tmp_path / f"camera_{FIRST + number * PERIOD}.png"), np.zeros((8, 8, 3), np.uint8))
    made = list(playable(open_log(tmp_path)).messages([TOPIC]))
    assert [m.stamp for m in made] == [FIRST + PERIOD, FIRST + 3 * PERIOD]
    assert stamps([deserialize_message(m.data, CompressedImage) for m in made]) == [m.stamp for m in made]


def test_a_video_is_played_as_a_camera_too(tmp_path: Path) -> None:
    writer = cv2.VideoWriter(str(tmp_path / "v.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 10, (64, 48))
    for i in range(5):
        writer.write(np.full((48, 64, 3), 40 * i, np.uint8))
    writer.release()
    made = list(playable(open_log(tmp_path / "v.avi")).messages([TOPIC]))
    assert [round(message.stamp / 1e8) for message in made] == [0, 1, 2, 3, 4]
    image = deserialize_message(made[3].data, CompressedImage)
    assert cv2.imdecode(np.frombuffer(image.data, np.uint8), cv2.IMREAD_COLOR).shape == (48, 64, 3)
