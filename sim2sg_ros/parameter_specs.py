"""What a user is told about each of the node's parameters, and what is checked: one table."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sim2sg_core.runtime.relation_scores import CHOICES
from sim2sg_core.scene.camera import TURNS


@dataclass(frozen=True)
class ParameterSpec:
    """What a user is told about one parameter, and what is checked.

    Attributes:
        description: Meaning, unit, and what the default does.
        limits: Least and greatest value; None for any.
        choices: Words, numbers or booleans allowed; empty for any.
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
        "Source of relations: learned, the network; rule, the rules on the 3D poses, which need the camera's height"
        " and pitch (without them: learned); both, the mean of their logits; auto, the model's default",
        choices=CHOICES,
    ),
    "provider": ParameterSpec(
        "Where onnxruntime runs the model; auto takes the first that works of tensorrt, cuda, cpu",
        choices=("auto", "cpu", "cuda", "tensorrt"),
        takes_effect="at configure",
    ),
    "require_provider": ParameterSpec(
        "Fail to configure if the provider is not available, instead of falling back to a slower one",
        takes_effect="at configure",
    ),
    "threads": ParameterSpec(
        "CPU threads of one inference; 0 uses all cores that the process may use",
        (0, 256),
        takes_effect="at configure",
    ),
    "device": ParameterSpec("Index of the GPU, from 0, as in nvidia-smi", (0, 255), takes_effect="at configure"),
    "fp16": ParameterSpec(
        "Let TensorRT compute in half precision: faster, slightly less exact", takes_effect="at configure"
    ),
    "engine_cache": ParameterSpec(
        'Folder of the TensorRT engines that `sim2sg build-engine` made; "": its default folder',
        takes_effect="at configure",
    ),
    "max_age": ParameterSpec(
        "Skip images that are older than this when they are processed, seconds by the node's clock; 0 skips none",
        (0.0, 3600.0),
    ),
    "max_rate": ParameterSpec(
        "Publish at most this many graphs per second, of all cameras together; 0 sets no limit", (0.0, 1000.0)
    ),
    "rectified": ParameterSpec(
        "Whether the images are rectified: P of camera_info without distortion instead of K and D. auto: by the topic's"
        " name, as image_proc has it (image_rect, image_rect_color)",
        choices=("auto", True, False),
    ),
    "rotate": ParameterSpec(
        "Clockwise rotation of images before inference, degrees, for cameras mounted on their side (90, 270) or upside"
        " down (180); boxes and poses refer to the original image. One value for all cameras, or a list with one for"
        " each",
        choices=TURNS,
        takes_effect="at activate",
        one_or_each=True,
    ),
    "depth_topic": ParameterSpec(
        "Topic of depth images that are aligned with the camera's: Image of 16UC1 (millimetres) or 32FC1 (metres), or"
        ' CompressedImage if it ends in `/compressedDepth`. `{camera}` stands for the camera\'s name. "": none',
        takes_effect="at activate",
    ),
    "camera_height": ParameterSpec(
        "Height of the camera over the ground, metres; with camera_pitch it makes 3D poses more accurate. NaN: as in"
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
        "Roll of the camera after rotate is applied, radians, positive turns it clockwise about the optical axis; NaN:"
        " as in the model's training log, else none",
        (-math.pi, math.pi),
        may_be_nan=True,
    ),
    "tracking": ParameterSpec("Give objects an id that stays the same from image to image; false leaves ids empty"),
    "track_memory": ParameterSpec(
        "Seconds that an object may be undetected and still keep its id",
        (0.0, 60.0),
        takes_effect="at activate",
    ),
    "target_frame": ParameterSpec(
        "Publish the poses of scene graphs in this frame, by tf2 at the image's time, which needs tf2_ros."
        ' "": in the camera\'s optical frame',
        takes_effect="at activate",
    ),
    "publish_tf": ParameterSpec(
        "Publish a tf frame for each tracked object with a pose: `<node>/<id>`, or `<node>/<camera>/<id>` for a named"
        " camera; needs tf2_msgs",
        takes_effect="at activate",
    ),
    "silence_timeout": ParameterSpec(
        "Report the reason after this many seconds without an image; 0 never does", (0.0, 3600.0)
    ),
    "diagnostics_period": ParameterSpec(
        "Seconds between two messages on /diagnostics", (0.1, 60.0), takes_effect="at start"
    ),
}
