"""A tf frame for every tracked object, published as tf2_msgs/TFMessage on /tf.

tf2_msgs comes with every ROS installation and is no wheel; without it no frames are published, and it is said. Nothing
of tf2_ros is needed: a broadcaster is a publisher.
"""

from __future__ import annotations

from geometry_msgs.msg import Quaternion, Transform, TransformStamped, Vector3
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile
from sim2sg.msg import SceneGraph as GraphMessage

from sim2sg_ros.error_text import one_line

DEPTH = 100
"""Of the queue, as tf2_ros's broadcaster has it."""


class ObjectFrames:
    """Publishes the frames of one camera's objects.

    Attributes:
        problem: Why none are published, in one line; "" when they are.
    """

    def __init__(self, node: Node, camera: str = "") -> None:
        """Creates the publisher.

        Args:
            node: Its name, with its namespace, begins the frames' names.
            camera: Name of the camera, which follows; "" for the only one.
        """
        self.problem = ""
        self._node = node
        self._prefix = frame_prefix(node.get_fully_qualified_name(), camera)
        self._publisher: Publisher | None = None
        try:
            from tf2_msgs.msg import TFMessage

            self._message = TFMessage
            self._publisher = node.create_publisher(TFMessage, "/tf", QoSProfile(depth=DEPTH))
        except Exception as error:  # Not installed, or built for another Python: each raises its own.
            self.problem = (
                f"publish_tf does nothing: tf2_msgs is not here ({one_line(error)}); install ros-$ROS_DISTRO-tf2-msgs"
            )
            node.get_logger().error(self.problem)

    def publish(self, message: GraphMessage) -> None:
        """Publishes the frames of a graph's objects that have an id and a pose."""
        if self._publisher is not None and (transforms := object_transforms(message, self._prefix)):
            self._publisher.publish(self._message(transforms=transforms))

    def close(self) -> None:
        """Withdraws the publisher."""
        if self._publisher is not None:
            self._node.destroy_publisher(self._publisher)
            self._publisher = None


def frame_prefix(node: str, camera: str = "") -> str:
    """Returns what the names of frames begin with: the node's full name without the first slash, then the camera's."""
    return "".join(f"{part}/" for part in (node.strip("/"), camera) if part)


def object_transforms(message: GraphMessage, prefix: str) -> list[TransformStamped]:
    """Returns a transform for each tracked object with a pose: from the graph's frame to one of its own."""
    found = []
    for item in message.objects:
        if not item.has_pose or not item.id:
            continue
        p, q = item.pose.pose.position, item.pose.pose.orientation
        transform = Transform(translation=Vector3(x=p.x, y=p.y, z=p.z), rotation=Quaternion(x=q.x, y=q.y, z=q.z, w=q.w))
        found.append(TransformStamped(header=message.header, child_frame_id=f"{prefix}{item.id}", transform=transform))
    return found
