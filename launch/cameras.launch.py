"""Starts one scene-graph node for several cameras: they share one model.

ros2 launch sim2sg cameras.launch.py model:=/path/to/model.onnx cameras:=front,rear image_topic:=/{camera}/image_raw
"""

from launch.actions import DeclareLaunchArgument, OpaqueFunction, SetEnvironmentVariable
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from sim2sg_ros import settings

# name: (default, description)
ARGUMENTS = {
    "cameras": ("front,rear", "Names of the cameras, separated by commas; they stand in the node's topics"),
    "image_topic": ("/{camera}/image_raw", "Topic of the images of each camera; {camera} stands for its name"),
    "camera_info_topic": ("", "Topic of each CameraInfo, {camera} as above; empty: the one beside the images"),
    "compressed": ("", "true: read CompressedImage, false: read Image, empty: as in params_file"),
    "model": ("", "Path of the ONNX model; empty: as in params_file"),
    "params_file": (str(settings.find_share("config/sim2sg.yaml")), "YAML file of parameters"),
    "namespace": ("", "Namespace of the node"),
    "name": ("sim2sg", "Name of the node; graphs are on <namespace>/<name>/<camera>/scene_graph"),
    "autostart": ("", "true: configure and activate at start, false: do not, empty: as in params_file"),
    "respawn": ("false", "true: start the node again, after 2 s, when it ends by itself"),
    "use_sim_time": ("false", "true: take the time from /clock"),
    "log_level": ("info", "debug, info, warn, error or fatal"),
}


def generate_launch_description() -> LaunchDescription:
    """Returns the description; ROS calls this."""
    declared = [
        DeclareLaunchArgument(name, default_value=default, description=description)
        for name, (default, description) in ARGUMENTS.items()
    ]
    # As in sim2sg.launch.py: room for raw images in shared memory.
    profile = [SetEnvironmentVariable(*item) for item in settings.profile_environment().items()]
    return LaunchDescription([*declared, *profile, OpaqueFunction(function=start)])


def start(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """Returns the node, when the arguments' values are known."""
    value = {name: LaunchConfiguration(name).perform(context) for name in ARGUMENTS}
    cameras = [name.strip() for name in value["cameras"].split(",") if name.strip()]
    parameters: dict[str, object] = {"cameras": cameras, "use_sim_time": value["use_sim_time"].lower() == "true"}
    if value["model"]:
        parameters["model"] = ParameterValue(value["model"], value_type=str)
    if value["compressed"]:
        parameters["transport"] = "compressed" if value["compressed"].lower() == "true" else "raw"
    if value["autostart"]:
        parameters["autostart"] = value["autostart"].lower() == "true"
    remappings = [(f"{name}/image", value["image_topic"].replace("{camera}", name)) for name in cameras]
    if value["camera_info_topic"]:
        remappings += [
            (f"{name}/camera_info", value["camera_info_topic"].replace("{camera}", name)) for name in cameras
        ]
    node = Node(
        package="sim2sg",
        executable="node",
        name=value["name"],
        namespace=value["namespace"],
        parameters=[value["params_file"], parameters],
        remappings=remappings,
        ros_arguments=["--log-level", value["log_level"]],
        respawn=value["respawn"].lower() == "true",
        respawn_delay=2.0,
        output="both",
    )
    return [node]
