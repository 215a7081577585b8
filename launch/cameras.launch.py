"""Starts one scene-graph node for several cameras: they share one model.

ros2 launch sim2sg cameras.launch.py model:=/path/to/model.onnx cameras:=front,rear image_topic:=/{camera}/image_raw
"""

from launch_ros.actions import Node

from launch import LaunchDescription
from sim2sg_ros import launching

# name: (default, description)
ARGUMENTS = {
    "cameras": ("front,rear", "Names of the cameras, separated by commas; they stand in the node's topics"),
    "image_topic": ("/{camera}/image_raw", "Topic of the images of each camera; {camera} stands for its name"),
    "camera_info_topic": ("", "Topic of each CameraInfo, {camera} as above; empty: the one beside the images"),
    **launching.ARGUMENTS,
}


def generate_launch_description() -> LaunchDescription:
    """Returns the description; ROS calls this."""
    return launching.launch_description(ARGUMENTS, start)


def start(value: dict[str, str]) -> Node:
    """Returns the node, when the arguments' values are known."""
    cameras = [name.strip() for name in value["cameras"].split(",") if name.strip()]
    topics = {"image": value["image_topic"], "camera_info": value["camera_info_topic"]}
    remappings = [
        (f"{name}/{topic}", pattern.replace("{camera}", name))
        for topic, pattern in topics.items()
        for name in cameras
        if pattern
    ]
    return launching.make_node(value, remappings, {"cameras": cameras})
