"""The node's parameters: declared, read and checked by the table in `parameter_specs`."""

from __future__ import annotations

import dataclasses
import difflib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.exceptions import ParameterUninitializedException

from sim2sg_core.lifting.extrinsics import extrinsics_of_ground, ground_of_extrinsics
from sim2sg_core.logs.names import is_rectified
from sim2sg_ros.parameter_specs import PARAMETER_SPECS, ParameterSpec

if TYPE_CHECKING:
    from rclpy.node import Node

UNKNOWN = math.nan


@dataclass(frozen=True)
class NodeParameters:
    """Values of the node's parameters; `PARAMETER_SPECS` explains each."""

    model: str = ""
    autostart: bool = True
    cameras: Sequence[str] = field(default_factory=lambda: [""])  # ROS knows no empty list of strings.
    transport: str = "auto"
    object_threshold: float = 0.3
    relation_threshold: float = 0.5
    relations: str = "auto"
    provider: str = "auto"
    require_provider: bool = False
    threads: int = 0
    device: int = 0
    fp16: bool = False
    engine_cache: str = ""
    max_age: float = 0.0
    max_rate: float = 0.0
    rectified: bool | str = "auto"
    rotate: int | Sequence[int] = field(default_factory=lambda: [0])
    depth_topic: str = ""
    camera_height: float = UNKNOWN
    camera_pitch: float = UNKNOWN
    camera_roll: float = UNKNOWN
    tracking: bool = True
    track_memory: float = 1.0
    target_frame: str = ""
    publish_tf: bool = False
    silence_timeout: float = 5.0
    diagnostics_period: float = 1.0

    @property
    def has_mount(self) -> bool:
        """Whether height, pitch or roll of the camera is given."""
        return not all(map(math.isnan, (self.camera_height, self.camera_pitch, self.camera_roll)))

    def ground(self, usual: np.ndarray | None = None) -> np.ndarray | None:
        """Returns the (4,) ground plane in the camera frame; None where height or pitch is unknown.

        Args:
            usual: Another one, which says what the parameters leave open.
        """
        given = np.array([self.camera_height, self.camera_pitch, self.camera_roll])
        if not self.has_mount:
            return usual
        known = np.array([UNKNOWN, UNKNOWN, 0.0]) if usual is None else extrinsics_of_ground(usual)
        extrinsics = np.where(np.isnan(given), known, given)
        return None if np.isnan(extrinsics).any() else ground_of_extrinsics(extrinsics)

    def takes_rectified(self, topic: str) -> bool:
        """Whether the images of a topic count as rectified: as `rectified` says, else by the topic's name."""
        return is_rectified(topic) if self.rectified == "auto" else bool(self.rectified)

    def rotation(self, camera: str) -> int:
        """Returns the degrees by which a camera's images are turned, clockwise."""
        given = _each(self.rotate)
        return given[list(self.cameras).index(camera)] if len(given) > 1 else given[0]

    def updated(self, values: Mapping[str, Any]) -> NodeParameters:
        """Returns them with those of `values` that are parameters of the node's own."""
        return dataclasses.replace(self, **{n: v for n, v in values.items() if n in PARAMETER_SPECS})


def declare_parameters(node: Node) -> NodeParameters:
    """Declares every parameter with description and range, and returns the values in force.

    Raises:
        rclpy.exceptions.ParameterException: A value given at start has the wrong type or is out of range.
        ValueError: A value given at start is not one of those allowed.
    """
    defaults = NodeParameters()
    for name, spec in PARAMETER_SPECS.items():
        node.declare_parameter(name, getattr(defaults, name), _descriptor(spec, getattr(defaults, name)))
    parameters = NodeParameters(**{name: _value(node, name, getattr(defaults, name)) for name in PARAMETER_SPECS})
    if reason := why_invalid(dataclasses.asdict(parameters)):
        raise ValueError(reason)
    return parameters


def unknown_parameters(node: Node) -> Iterable[str]:
    """Yields a line for each value given at start that is no parameter of the node: ROS itself ignores it."""
    given = getattr(node, "_parameter_overrides", {})  # rclpy offers no other way to them.
    for name in given:
        if not node.has_parameter(name) and not name.startswith("qos_overrides."):
            close = difflib.get_close_matches(name, PARAMETER_SPECS, 1)
            hint = f"did you mean {close[0]}?" if close else "`ros2 param list` names those that are"
            yield f"parameter {name} is not known: {hint}"


def why_invalid(values: Mapping[str, Any]) -> str:
    """Returns why values are not allowed, in one line; "" when they are."""
    for name, value in values.items():
        spec = PARAMETER_SPECS.get(name)
        if spec is None:
            continue
        if name == "cameras" and (reason := _why_invalid_cameras(value)):
            return reason
        if spec.one_or_each:
            if reason := _why_invalid_each(name, value, spec, values.get("cameras")):
                return reason
        elif spec.choices and value not in spec.choices:
            return f"{name} is {value!r}: use one of {_listed(spec)}"
        if spec.limits and not (spec.may_be_nan and math.isnan(value)):
            least, greatest = spec.limits
            if not least <= value <= greatest:
                return f"{name} is {value}: the range is {least:g} to {greatest:g}"
    return ""


def choice_text(choice: str | int) -> str:
    """Returns an allowed value as it stands in YAML."""
    return str(choice).lower() if isinstance(choice, bool) else str(choice)


def parameter_rows() -> Iterable[tuple[str, Any, ParameterSpec]]:
    """Yields (name, default, specification) for documentation."""
    defaults = NodeParameters()
    return ((name, getattr(defaults, name), spec) for name, spec in PARAMETER_SPECS.items())


def _value(node: Node, name: str, default: Any) -> Any:
    try:
        value = node.get_parameter(name).value
    except ParameterUninitializedException:  # `cameras: []` in YAML has no type, so ROS leaves it unset.
        return default
    return default if value is None else value


def _why_invalid_cameras(names: Sequence[str]) -> str:
    if list(names) == [""]:
        return ""
    for name in names:
        if not re.fullmatch(r"[A-Za-z](_?[A-Za-z0-9])*_?", name):
            return (
                f"cameras has {name!r}: a name in ROS is letters, digits and single underscores, and starts with"
                " a letter"
            )
        if list(names).count(name) > 1:
            return f"cameras has {name!r} twice: give each camera a name of its own"
    return "" if names else "cameras is empty: name at least one camera, or leave it away"


def _why_invalid_each(name: str, value: Any, spec: ParameterSpec, cameras: Sequence[str] | None) -> str:
    try:
        shown: Any = value if isinstance(value, (int, str)) else list(value)
    except TypeError:  # Neither a number that is whole nor a list.
        shown = value
    given = shown if isinstance(shown, list) else [shown]
    if not given or any(isinstance(item, bool) or item not in spec.choices for item in given):
        return f"{name} is {shown!r}: use {_listed(spec)}, one for all cameras or a list of one for each"
    if cameras is not None and len(given) not in (1, len(cameras)):
        return f"{name} has {len(given)} numbers for {len(cameras)} cameras: give one for all, or one for each"
    return ""


def _each(value: int | Iterable[int]) -> list[int]:
    return [value] if isinstance(value, int) else list(value)


def _listed(spec: ParameterSpec) -> str:
    return ", ".join(map(choice_text, spec.choices))


def _descriptor(spec: ParameterSpec, default: Any) -> ParameterDescriptor:
    descriptor = ParameterDescriptor(description=spec.description)
    descriptor.read_only = spec.takes_effect == "at start"
    # ROS would take either a number or a list, and either a word or a boolean, and not both.
    descriptor.dynamic_typing = spec.one_or_each or len({type(choice) for choice in spec.choices}) > 1
    notes = [] if spec.takes_effect == "at once" else [f"takes effect {spec.takes_effect}"]
    if spec.choices:
        notes.append(f"one of {_listed(spec)}")
    if spec.limits and spec.may_be_nan:
        # rclpy's own range check refuses NaN; `why_invalid` does it in its place.
        notes.append("{:g} to {:g} or NaN".format(*spec.limits))
    elif spec.limits and isinstance(default, int):
        first, last = (int(v) for v in spec.limits)
        descriptor.integer_range = [IntegerRange(from_value=first, to_value=last, step=1)]
    elif spec.limits:
        low, high = spec.limits
        descriptor.floating_point_range = [FloatingPointRange(from_value=low, to_value=high, step=0.0)]
    descriptor.additional_constraints = "; ".join(notes)
    return descriptor
