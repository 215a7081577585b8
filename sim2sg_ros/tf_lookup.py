"""Poses of a graph in a target frame, by tf2. Where tf2_ros is not installed they stay in the camera's frame."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from geometry_msgs.msg import Pose, PoseWithCovariance, Vector3
from rclpy.node import Node
from rclpy.time import Time
from sim2sg.msg import SceneGraph as GraphMessage
from std_msgs.msg import Header

from sim2sg_core.logs.static_extrinsics import BASE_FRAMES, is_body_frame
from sim2sg_ros.error_text import one_line

PATIENCE = 0.1
"""Seconds to wait for a transform that is a little later than its image."""
RETRY = 1.0
"""Seconds after a wait in vain in which images of the same frame do not wait: the inference thread is shared."""
APART = 2.0
"""Seconds in which the clock's jump back is one and the same, though each camera tells of it."""


UPRIGHT = (*BASE_FRAMES, "odom", "map")
"""Frames whose z axis points up (REP-105), by which an optical frame and a body frame can be told apart."""


@dataclass(frozen=True, eq=False)
class FrameTransform:
    """The transform from one frame, the source, to another, the target.

    Attributes:
        frame: Name of the target.
        known: Whether tf2 knows it; False makes `apply_transform` take the poses away.
        translation: (3,) origin of the source in the target, metres.
        rotation: (4,) unit quaternion x, y, z, w that turns source axes into target axes.
    """

    frame: str
    known: bool = False
    translation: np.ndarray | tuple[float, ...] = (0.0, 0.0, 0.0)
    rotation: np.ndarray | tuple[float, ...] = (0.0, 0.0, 0.0, 1.0)


class TransformLookup:
    """Looks up where the camera stood in the target frame when it took an image.

    Attributes:
        problem: Why poses stay in the camera's frame although another is wanted; "" when they do not.
    """

    def __init__(self, node: Node, target: str) -> None:
        """Subscribes to /tf and /tf_static where a target is given.

        Args:
            node: The node.
            target: Name of the frame; "" for the camera's own.
        """
        self.problem = ""
        self._target = target
        self._buffer: Any = None
        self._listener: Any = None
        self._wait_from: dict[str, float] = {}  # time.monotonic, by the image's frame
        self._forgot = -math.inf
        self._turned: dict[str, str] = {}  # what `_why_turned` said, by the image's frame
        if not target:
            return
        try:
            import tf2_ros
        except ImportError as error:
            self.problem = (
                f"target_frame {target} is not used, poses stay in the camera's optical frame: tf2_ros is not"
                f" here ({error}); install ros-$ROS_DISTRO-tf2-ros-py"
            )
            node.get_logger().error(self.problem)
            return
        self._buffer = tf2_ros.Buffer()
        self._listener = tf2_ros.TransformListener(self._buffer, node)

    def find(self, header: Header) -> tuple[FrameTransform | None, str]:
        """Looks up the transform at the time of an image.

        Runs in the inference thread while the executor fills the buffer, which tf2 allows. Waited for is a transform
        that is merely late, and not one between frames that nothing connects.

        Args:
            header: The image's.

        Returns:
            The transform, None where poses stay as they are; and, in one line, why it is not known, or what is wrong
            with it; "" where nothing is.
        """
        if self._buffer is None:
            return None, ""
        frame, stamp = header.frame_id, Time.from_msg(header.stamp)
        # By the clock of this machine: simulated time may stand still.
        started = time.monotonic()
        patience = PATIENCE if started >= self._wait_from.get(frame, -math.inf) else 0.0
        while True:
            try:
                found = self._buffer.lookup_transform(self._target, frame, stamp)
            except Exception as error:  # tf2's exceptions come from several modules, by distribution.
                if patience and self._buffer.can_transform(self._target, frame, Time()):
                    if time.monotonic() < started + patience:
                        time.sleep(0.005)
                        continue
                    self._wait_from[frame] = time.monotonic() + RETRY
                return FrameTransform(self._target), f"no transform from {frame} to {self._target}: {one_line(error)}"
            t, q = found.transform.translation, found.transform.rotation
            return FrameTransform(self._target, True, (t.x, t.y, t.z), (q.x, q.y, q.z, q.w)), self._why_turned(frame)

    def _why_turned(self, frame: str) -> str:
        """Says, in one line, that the frame of images is not optical; "" where it is, and while that is not known.

        Nothing is turned for it: a driver may name its frames as it likes, and a camera may look straight up.
        """
        if "optical" in frame or frame in self._turned:
            return self._turned.get(frame, "")
        base = next((base for base in UPRIGHT if self._buffer.can_transform(base, frame, Time())), None)
        if base is None:
            return ""
        q = self._buffer.lookup_transform(base, frame, Time()).transform.rotation
        turned = is_body_frame(rotation_matrix(np.array([q.x, q.y, q.z, q.w])))
        self._turned[frame] = (
            f"{frame} seems to be a body frame (x forward, z up), and poses are along optical axes (x right, y down, z"
            f" forward): in {self._target} they are turned by 90 degrees; set the frame_id of the driver's images to"
            " the camera's optical frame"
            if turned
            else ""
        )
        return self._turned[frame]

    def reset(self) -> None:
        """Forgets what is known of the past, for a clock that jumped back; static transforms stay."""
        now = time.monotonic()
        if self._buffer is not None and now - self._forgot > APART:
            self._forgot = now
            self._buffer.clear()

    def close(self) -> None:
        """Unsubscribes."""
        if self._buffer is not None:
            self._listener.unregister()
            self._buffer = None


def apply_transform(message: GraphMessage, transform: FrameTransform | None) -> None:
    """Turns a message's poses into the target frame, in place; None leaves them.

    The header is replaced, not changed: the image's own may share it. Where the transform is not known
    objects lose their pose.
    """
    if transform is None:
        return
    message.header = Header(stamp=message.header.stamp, frame_id=transform.frame)
    items = [item for item in message.objects if item.has_pose]
    if not transform.known:
        for item in items:
            item.has_pose, item.pose, item.size = False, PoseWithCovariance(), Vector3()
        return
    poses: list[Pose] = [item.pose.pose for item in items]
    positions, orientations, covariances = transform_poses(
        np.array([[p.position.x, p.position.y, p.position.z] for p in poses]).reshape(-1, 3),
        np.array([[p.orientation.x, p.orientation.y, p.orientation.z, p.orientation.w] for p in poses]).reshape(-1, 4),
        np.array([item.pose.covariance for item in items]).reshape(-1, 6, 6),
        np.array(transform.translation),
        np.array(transform.rotation),
    )
    for item, pose, position, turn, covariance in zip(
        items, poses, positions.tolist(), orientations.tolist(), covariances, strict=True
    ):
        pose.position.x, pose.position.y, pose.position.z = position
        pose.orientation.x, pose.orientation.y, pose.orientation.z, pose.orientation.w = turn
        item.pose.covariance = covariance.ravel()


def transform_poses(
    positions: np.ndarray,
    orientations: np.ndarray,
    covariances: np.ndarray,
    translation: np.ndarray,
    rotation: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Expresses poses of a source frame in a target frame.

    Args:
        positions: (N, 3) metres.
        orientations: (N, 4) unit quaternions x, y, z, w that turn object axes into source axes.
        covariances: (N, 6, 6) of x, y, z and of rotations about the axes of the source frame.
        translation: (3,) origin of the source in the target, metres.
        rotation: (4,) unit quaternion that turns source axes into target axes.

    Returns:
        The same three in the target frame. Covariances of a rotated vector: R C R^T, here for both halves.
    """
    matrix = rotation_matrix(rotation)
    both = np.zeros((6, 6))
    both[:3, :3] = both[3:, 3:] = matrix
    v, w = rotation[:3], rotation[3]
    u, s = orientations[:, :3], orientations[:, 3:]
    # The Hamilton product rotation * orientation.
    turned = np.hstack([w * u + s * v + np.cross(v, u), w * s - u @ v[:, None]])
    return positions @ matrix.T + translation, turned, both @ covariances @ both.T


def rotation_matrix(quaternion: np.ndarray) -> np.ndarray:
    """Returns the (3, 3) rotation of a unit quaternion (x, y, z, w), by the Euler-Rodrigues formula."""
    x, y, z = quaternion[:3]
    skew = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.eye(3) + 2 * quaternion[3] * skew + 2 * skew @ skew
