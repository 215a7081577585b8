"""Starts the scene-graph node on one camera; cameras.launch.py starts it on several.

ros2 launch sim2sg sim2sg.launch.py model:=/path/to/model.onnx image:=/camera/image_raw
"""

from launch.actions import DeclareLaunchArgument, OpaqueFunction, SetEnvironmentVariable
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from sim2sg_ros import settings

# name: (default, description)
ARGUMENTS = {
    "model": ("", "Path of the ONNX model; empty: as in params_file"),
    "image": ("image", "Topic of the images"),
    "camera_info": ("camera_info", "Topic of their CameraInfo; unless changed, the one beside the images"),
    "compressed": ("", "true: read CompressedImage, false: read Image, empty: as in params_file"),
    "params_file": (str(settings.find_share("config/sim2sg.yaml")), "YAML file of parameters"),
    "namespace": ("", "Namespace of the node"),
    "name": ("sim2sg", "Name of the node; graphs are on <namespace>/<name>/scene_graph"),
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
    # Room for raw images in shared memory, for every process of this launch. Nothing is set where the
    # user has a Fast DDS profile or another middleware.
    profile = [SetEnvironmentVariable(*item) for item in settings.profile_environment().items()]
    return LaunchDescription([*declared, *profile, OpaqueFunction(function=start)])


def start(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """Returns the node, when the arguments' values are known."""
    value = {name: LaunchConfiguration(name).perform(context) for name in ARGUMENTS}
    parameters: dict[str, object] = {"use_sim_time": value["use_sim_time"].lower() == "true"}
    if value["model"]:
        parameters["model"] = ParameterValue(value["model"], value_type=str)
    if value["compressed"]:
        parameters["transport"] = "compressed" if value["compressed"].lower() == "true" else "raw"
    if value["autostart"]:
        parameters["autostart"] = value["autostart"].lower() == "true"
    node = Node(
        package="sim2sg",
        executable="node",
        name=value["name"],
        namespace=value["namespace"],
        parameters=[value["params_file"], parameters],
        remappings=[("image", value["image"]), ("camera_info", value["camera_info"])],
        ros_arguments=["--log-level", value["log_level"]],
        respawn=value["respawn"].lower() == "true",
        respawn_delay=2.0,
        output="both",
    )
    return [node]
