"""Starts the scene-graph node on one camera; cameras.launch.py starts it on several.

ros2 launch sim2sg sim2sg.launch.py model:=/path/to/model.onnx image:=/camera/image_raw
"""

from launch_ros.actions import Node

from launch import LaunchDescription
from sim2sg_ros import launching

# name: (default, description)
ARGUMENTS = {
    "image": ("image", "Topic of the images"),
    "camera_info": ("camera_info", "Topic of their CameraInfo; unless changed, the one beside the images"),
    **launching.ARGUMENTS,
}


def generate_launch_description() -> LaunchDescription:
    """Returns the description; ROS calls this."""
    return launching.launch_description(ARGUMENTS, start)


def start(value: dict[str, str]) -> Node:
    """Returns the node, when the arguments' values are known."""
    return launching.make_node(value, [(topic, value[topic]) for topic in ("image", "camera_info")])
