"""Shared by the launch files: their arguments, and the node that they start.

`launch` and `launch_ros` come with a ROS installation and are no wheels, so they are imported where they are used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from sim2sg_ros import middleware

if TYPE_CHECKING:
    from launch_ros.actions import Node

    from launch import LaunchContext, LaunchDescription

ARGUMENTS: dict[str, tuple[str, str]] = {
    "model": ("", "Path of the ONNX model, or the name of one that ships; empty: as in params_file"),
    "compressed": ("", "true: read CompressedImage, false: read Image, empty: as in params_file"),
    "params_file": (str(middleware.find_share("config/sim2sg.yaml")), "YAML file of parameters"),
    "namespace": ("", "Namespace of the node"),
    "name": ("sim2sg", "Name of the node; its topics begin with <namespace>/<name>"),
    "autostart": ("", "true: configure and activate at start, false: do not, empty: as in params_file"),
    "respawn": ("false", "true: start the node again, after 2 s, when it ends by itself"),
    "use_sim_time": ("", "true: take the time from /clock, false: do not, empty: as in params_file"),
    "log_level": ("info", "debug, info, warn, error or fatal"),
}
"""Arguments of every launch file: default and description by name."""

WORDS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}


def launch_description(
    arguments: Mapping[str, tuple[str, str]], start: Callable[[dict[str, str]], Node]
) -> LaunchDescription:
    """Builds the description of a launch file.

    Args:
        arguments: Default and description by name: the file's own, and `ARGUMENTS`.
        start: Makes the node once the values of the arguments are known.
    """
    from launch.actions import DeclareLaunchArgument, OpaqueFunction, SetEnvironmentVariable
    from launch.substitutions import LaunchConfiguration

    from launch import LaunchDescription

    def run(context: LaunchContext) -> list[Node]:
        return [start({name: LaunchConfiguration(name).perform(context) for name in arguments})]

    declared = [
        DeclareLaunchArgument(name, default_value=default, description=description)
        for name, (default, description) in arguments.items()
    ]
    # Room for raw images in shared memory, for every process of this launch. Nothing is set where the
    # user has a Fast DDS profile or another middleware.
    profile = [SetEnvironmentVariable(*item) for item in middleware.profile_environment().items()]
    return LaunchDescription([*declared, *profile, OpaqueFunction(function=run)])


def make_node(
    value: Mapping[str, str], remappings: Sequence[tuple[str, str]], parameters: Mapping[str, object] | None = None
) -> Node:
    """Makes the node.

    Args:
        value: Of each argument.
        remappings: Topics of the node, and what they are called here.
        parameters: Further ones, beside those that `ARGUMENTS` set.
    """
    from launch_ros.actions import Node
    from launch_ros.parameter_descriptions import ParameterValue

    given = {
        name: ParameterValue(item, value_type=str) if isinstance(item, str) else item
        for name, item in {**read_parameters(value), **(parameters or {})}.items()
    }
    return Node(
        package="sim2sg",
        executable="node",
        name=value["name"],
        namespace=value["namespace"],
        parameters=[value["params_file"], given],
        remappings=list(remappings),
        ros_arguments=["--log-level", value["log_level"]],
        respawn=is_true(value, "respawn"),
        respawn_delay=2.0,
        output="both",
    )


def read_parameters(value: Mapping[str, str]) -> dict[str, object]:
    """Returns the node's parameters that `ARGUMENTS` set; what is empty is left to params_file."""
    result: dict[str, object] = {"model": value["model"]} if value["model"] else {}
    if value["compressed"]:
        result["transport"] = "compressed" if is_true(value, "compressed") else "raw"
    for name in ("autostart", "use_sim_time"):
        if value[name]:
            result[name] = is_true(value, name)
    return result


def is_true(value: Mapping[str, str], name: str) -> bool:
    """Reads an argument that is true or false. Raises ValueError for any other word."""
    word = value[name].lower()
    if word not in WORDS:
        raise ValueError(f"{name}:={value[name]}: write true or false")
    return WORDS[word]
