"""The node's parameters: one table, from which they are declared, read and documented."""

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

from sim2sg_core.runtime.relation_scores import CHOICES
from sim2sg_core.scene import Camera
from sim2sg_core.scene.camera import TURNS

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
    rectified: bool = False
    rotate: int | Sequence[int] = field(default_factory=lambda: [0])
    camera_height: float = UNKNOWN
    camera_pitch: float = UNKNOWN
    camera_roll: float = UNKNOWN
    tracking: bool = True
    track_memory: float = 1.0
    target_frame: str = ""
    silence_timeout: float = 5.0
    diagnostics_period: float = 1.0

    def ground(self) -> np.ndarray | None:
        """Returns the (4,) ground plane in the camera frame, None unless height and pitch are given."""
        if math.isnan(self.camera_height) or math.isnan(self.camera_pitch):
            return None
        roll = 0.0 if math.isnan(self.camera_roll) else self.camera_roll
        return Camera.from_extrinsics(1, 1, np.eye(3), self.camera_height, self.camera_pitch, roll).ground

    def rotation(self, camera: str) -> int:
        """Returns the degrees by which a camera's images are turned, clockwise."""
        given = _each(self.rotate)
        return given[list(self.cameras).index(camera)] if len(given) > 1 else given[0]

    def updated(self, values: Mapping[str, Any]) -> NodeParameters:
        """Returns them with those of `values` that are parameters of the node's own."""
        return dataclasses.replace(self, **{n: v for n, v in values.items() if n in PARAMETER_SPECS})


@dataclass(frozen=True)
class ParameterSpec:
    """What a user is told about one parameter, and what is checked.

    Attributes:
        description: Meaning, unit, and what the default does.
        limits: Least and greatest value; None for any.
        choices: Words or numbers allowed; empty for any.
        takes_effect: "at once", "at configure", "at activate" or "at start" (read-only).
        may_be_nan: NaN stands for "unknown".
        one_or_each: One whole number for all cameras, or a list of one for each.
    """

    description: str
    limits: tuple[float, float] | None = None
    choices: tuple[str | int, ...] = ()
    takes_effect: str = "at once"
    may_be_nan: bool = False
    one_or_each: bool = False


PARAMETER_SPECS: dict[str, ParameterSpec] = {
    "model": ParameterSpec(
        "Path of the ONNX model that `sim2sg adapt` or `sim2sg export` wrote, or the name of one that ships;"
        " the service ~/load_model changes it while the node runs",
        takes_effect="at configure",
    ),
    "autostart": ParameterSpec(
        "Configure and activate at start; false leaves both to a lifecycle manager", takes_effect="at start"
    ),
    "cameras": ParameterSpec(
        "Names of the cameras that share the model, such as [left, right]. Each reads `<name>/image` and"
        " `<name>/camera_info` and publishes ~/<name>/scene_graph and so on. One empty name: a single camera,"
        " without the name in its topics",
        takes_effect="at start",
    ),
    "transport": ParameterSpec(
        "Read sensor_msgs/Image (raw) from `image`, or sensor_msgs/CompressedImage (compressed) from"
        " `image/compressed`; auto takes what is published, compressed first",
        choices=("auto", "raw", "compressed"),
        takes_effect="at activate",
    ),
    "object_threshold": ParameterSpec("Objects with a lower score are not published", (0.0, 1.0)),
    "relation_threshold": ParameterSpec(
        "Relations with a lower score, P(predicate | both objects), are not published", (0.0, 1.0)
    ),
    "relations": ParameterSpec(
        "Who decides relations: learned, the network; rule, the rules on the 3D poses, which need the camera's"
        " height and pitch (without them: learned); both, the mean of their logits; auto, what the model says",
        choices=CHOICES,
    ),
    "provider": ParameterSpec(
        "Where onnxruntime runs the model; auto takes the first that works of tensorrt, cuda, cpu",
        choices=("auto", "cpu", "cuda", "tensorrt"),
        takes_effect="at configure",
    ),
    "require_provider": ParameterSpec(
        "Refuse to configure when the provider is missing, in place of falling back to a slower one",
        takes_effect="at configure",
    ),
    "threads": ParameterSpec(
        "CPU threads of one inference; 0 takes the cores that the process may use",
        (0, 256),
        takes_effect="at configure",
    ),
    "device": ParameterSpec(
        "Number of the GPU, counted from 0 as nvidia-smi does", (0, 255), takes_effect="at configure"
    ),
    "fp16": ParameterSpec(
        "Let TensorRT compute in half precision: faster, slightly less exact", takes_effect="at configure"
    ),
    "engine_cache": ParameterSpec(
        'Folder of the TensorRT engines that `sim2sg build-engine` made; "": the same default as there',
        takes_effect="at configure",
    ),
    "max_age": ParameterSpec(
        "Skip images older than this when their turn comes, seconds by the node's clock; 0 skips none",
        (0.0, 3600.0),
    ),
    "max_rate": ParameterSpec(
        "Publish at most this many graphs a second, of all cameras together; 0 sets no limit", (0.0, 1000.0)
    ),
    "rectified": ParameterSpec(
        "The images are rectified: use P of camera_info without distortion, in place of K and D"
    ),
    "rotate": ParameterSpec(
        "Degrees, clockwise, by which images are turned before the network sees them, for cameras mounted on their"
        " side (90, 270) or upside down (180); boxes and poses stay those of the original image. One for all cameras,"
        " or a list of one for each",
        choices=TURNS,
        takes_effect="at activate",
        one_or_each=True,
    ),
    "camera_height": ParameterSpec(
        "Height of the camera over the ground, metres; with camera_pitch it sharpens 3D poses. NaN: as in"
        " the model's training log",
        (0.0, 1000.0),
        may_be_nan=True,
    ),
    "camera_pitch": ParameterSpec(
        "Pitch of the camera, radians, positive looks down; NaN: as in the model's training log",
        (-math.pi / 2, math.pi / 2),
        may_be_nan=True,
    ),
    "camera_roll": ParameterSpec(
        "Roll of the camera, radians, positive turns it clockwise about the optical axis, beyond what rotate makes up"
        " for; NaN: none",
        (-math.pi, math.pi),
        may_be_nan=True,
    ),
    "tracking": ParameterSpec("Give objects an id that stays the same from image to image; false leaves ids empty"),
    "track_memory": ParameterSpec(
        "Seconds that an object may be out of sight and still get its old id back",
        (0.0, 60.0),
        takes_effect="at activate",
    ),
    "target_frame": ParameterSpec(
        "Publish the poses of scene graphs in this frame, by tf2 at the image's time, which needs tf2_ros."
        ' "": in the camera\'s optical frame',
        takes_effect="at activate",
    ),
    "silence_timeout": ParameterSpec(
        "Say why no image arrives after this many seconds without one; 0 never does", (0.0, 3600.0)
    ),
    "diagnostics_period": ParameterSpec(
        "Seconds between two messages on /diagnostics", (0.1, 60.0), takes_effect="at start"
    ),
}


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
        given = _each(value)
    except TypeError:
        given = []
    if not given or any(isinstance(item, bool) or item not in spec.choices for item in given):
        shown = value if isinstance(value, (int, float, str)) else list(value)
        return f"{name} is {shown!r}: use {_listed(spec)}, one for all cameras or a list of one for each"
    if cameras is not None and len(given) not in (1, len(cameras)):
        return f"{name} has {len(given)} numbers for {len(cameras)} cameras: give one for all, or one for each"
    return ""


def _each(value: int | Iterable[int]) -> list[int]:
    return [value] if isinstance(value, int) else list(value)


def _listed(spec: ParameterSpec) -> str:
    return ", ".join(map(str, spec.choices))


def _descriptor(spec: ParameterSpec, default: Any) -> ParameterDescriptor:
    descriptor = ParameterDescriptor(description=spec.description)
    descriptor.read_only = spec.takes_effect == "at start"
    descriptor.dynamic_typing = spec.one_or_each  # ROS would take either a number or a list, and not both
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
