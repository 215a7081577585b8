"""What the node offers to others: executables, topics and services, as data for documentation and tests.

The parameters are in `parameter_specs.PARAMETER_SPECS`. A test compares all of it with a running node.
"""

from __future__ import annotations

from dataclasses import dataclass

SENSOR, RELIABLE, LATEST, LATCHED = "best effort, 1", "reliable, 10", "reliable, 1", "reliable, transient local, 1"
"""QoS as the tables name it: reliability, durability unless volatile, depth."""


@dataclass(frozen=True)
class Executable:
    """A node, as it is started.

    Attributes:
        name: What `ros2 run sim2sg` and `sim2sg` call it.
        node: Name of the node, unless it is given another.
        description: What it is.
    """

    name: str
    node: str
    description: str


@dataclass(frozen=True)
class Topic:
    """A topic that the node reads or writes.

    Attributes:
        name: As the node asks for it: relative, private (`~/`) or global.
        type: Of the message, such as sensor_msgs/msg/Image.
        qos: One of the constants above.
        description: For what, in a few words.
        output: Whether the node publishes it.
        per_camera: Whether there is one for each camera, where parameter `cameras` names some.
        needs: Package without which there is none; "" for what is always there.
    """

    name: str
    type: str
    qos: str
    description: str
    output: bool = True
    per_camera: bool = True
    needs: str = ""


@dataclass(frozen=True)
class Service:
    """A service of the node's own, besides those of every lifecycle node.

    Attributes:
        name: As the node asks for it.
        type: Such as sim2sg/srv/LoadModel.
        description: What it does.
        per_camera: As for `Topic`.
    """

    name: str
    type: str
    description: str
    per_camera: bool = True


NODES: tuple[Executable, ...] = (
    Executable("node", "sim2sg", "lifecycle node: camera images in, scene graphs out"),
    Executable("play", "sim2sg_player", "plays a bag, a video or a folder of images as a live camera, without rosbag2"),
)

TOPICS: tuple[Topic, ...] = (
    Topic("image", "sensor_msgs/msg/Image", SENSOR, "the camera; the newest frame wins", output=False),
    Topic(
        "image/compressed",
        "sensor_msgs/msg/CompressedImage",
        SENSOR,
        "the same as JPEG or PNG; read instead of `image` if it is published",
        output=False,
    ),
    Topic(
        "camera_info",
        "sensor_msgs/msg/CameraInfo",
        SENSOR,
        "beside the image unless remapped; with it objects carry 3D poses; may be latched (transient local) too",
        output=False,
    ),
    Topic(
        "~/scene_graph",
        "sim2sg/msg/SceneGraph",
        RELIABLE,
        "one per processed image, its header copied; empty ones too",
    ),
    Topic("~/overlay", "sensor_msgs/msg/Image", LATEST, "the image with boxes, names and relations drawn in"),
    Topic("~/markers", "visualization_msgs/msg/MarkerArray", LATEST, "3D boxes and relations for RViz and Foxglove"),
    Topic("~/graph_json", "std_msgs/msg/String", LATEST, "the graph in the JSON format"),
    Topic(
        "~/detections",
        "vision_msgs/msg/Detection2DArray",
        LATEST,
        "boxes without relations, for other tools",
        needs="vision_msgs",
    ),
    Topic(
        "~/detections_3d",
        "vision_msgs/msg/Detection3DArray",
        LATEST,
        "3D boxes of the objects with a pose",
        needs="vision_msgs",
    ),
    Topic(
        "~/annotations",
        "foxglove_msgs/msg/ImageAnnotations",
        LATEST,
        "boxes for Foxglove's image panel, drawn there",
        needs="foxglove_msgs",
    ),
    Topic(
        "~/graph_info",
        "sim2sg/msg/GraphInfo",
        LATCHED,
        "latched: classes, predicates, their inverses, thresholds, provider",
        per_camera=False,
    ),
    Topic(
        "/diagnostics",
        "diagnostic_msgs/msg/DiagnosticArray",
        RELIABLE,
        "rates, latency of each stage, age, drops, provider, last error",
        per_camera=False,
    ),
)

SERVICES: tuple[Service, ...] = (
    Service("~/get_scene_graph", "sim2sg/srv/GetSceneGraph", "the latest graph, filtered, also as text and JSON"),
    Service(
        "~/load_model",
        "sim2sg/srv/LoadModel",
        "builds and warms up the new model, then swaps; keeps the old one on failure",
        per_camera=False,
    ),
)


def for_camera(name: str, camera: str) -> str:
    """Returns a per-camera name of one camera: `image` is `front/image`, `~/overlay` is `~/front/overlay`."""
    return f"~/{camera}/{name[2:]}" if name.startswith("~/") else f"{camera}/{name}"
