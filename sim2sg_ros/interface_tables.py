"""What the node offers to others, as tables: topics, services, parameters. The README's are written from here.

`python -m sim2sg_ros.interface_tables README.md` writes them between their markers; a test compares them with a
running node, and another with the README.
"""

from __future__ import annotations

import argparse
import math
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.files import atomic_path
from sim2sg_ros import parameters

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
    Executable("play", "sim2sg_player", "plays a bag or a folder of images as a live camera, without rosbag2"),
)

TOPICS: tuple[Topic, ...] = (
    Topic("image", "sensor_msgs/msg/Image", SENSOR, "the camera; the newest frame wins", output=False),
    Topic(
        "image/compressed",
        "sensor_msgs/msg/CompressedImage",
        SENSOR,
        "the same as JPEG or PNG; read in place of `image` where it is published",
        output=False,
    ),
    Topic(
        "camera_info",
        "sensor_msgs/msg/CameraInfo",
        SENSOR,
        "beside the image unless remapped; with it objects carry 3D poses",
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
    Topic("~/graph_json", "std_msgs/msg/String", LATEST, "the graph in the JSON form"),
    Topic(
        "~/detections",
        "vision_msgs/msg/Detection2DArray",
        LATEST,
        "boxes for tools that know no relations",
        needs="vision_msgs",
    ),
    Topic(
        "~/detections_3d",
        "vision_msgs/msg/Detection3DArray",
        LATEST,
        "the same in 3D, of the objects with a pose",
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


def nodes_table() -> str:
    """Returns the nodes as a Markdown table."""
    rows = [
        (code(item.node), f"`ros2 run sim2sg {item.name}`, `sim2sg {item.name}`", item.description) for item in NODES
    ]
    return table(("node", "started by", "what"), rows)


def topics_table() -> str:
    """Returns the topics as a Markdown table."""
    rows = []
    for topic in TOPICS:
        name = code(topic.name) if topic.per_camera else f"{code(topic.name)} ¹"
        needs = f"; where `{topic.needs}` is installed" if topic.needs else ""
        direction = "out" if topic.output else "in"
        rows.append((name, direction, interface(topic.type), topic.qos, topic.description + needs))
    note = (
        "With several cameras (parameter `cameras`) the names of each carry its own, as `front/image` and"
        " `~/front/scene_graph`, except for those marked ¹."
    )
    return table(("topic", "in or out", "type", "QoS, depth", "what"), rows) + "\n" + note + "\n"


def services_table() -> str:
    """Returns the services as a Markdown table."""
    rows = [
        (
            code(service.name) if service.per_camera else f"{code(service.name)} ¹",
            interface(service.type),
            service.description,
        )
        for service in SERVICES
    ]
    return table(("service", "type", "what"), rows)


def parameters_table() -> str:
    """Returns the parameters as a Markdown table."""
    # Bare names of topics would be taken for strike-through and HTML.
    rows = [
        (
            code(name),
            code(value_text(default)),
            allowed(parameter),
            parameter.takes_effect,
            re.sub(r"(?<!`)~/[\w/<>]+", r"`\g<0>`", parameter.description),
        )
        for name, default, parameter in parameters.rows()
    ]
    return table(("parameter", "default", "range", "takes effect", "meaning"), rows)


TABLES: dict[str, Callable[[], str]] = {
    "nodes": nodes_table,
    "topics": topics_table,
    "services": services_table,
    "parameters": parameters_table,
}


def code(text: str) -> str:
    """Returns text in back-ticks; nothing for nothing."""
    return f"`{text}`" if text else ""


def interface(name: str) -> str:
    """Returns a type by its short name, with a link where this package defines it."""
    package, kind, short = name.split("/")
    text = f"`{package}/{short}`"
    return f"[{text}]({kind}/{short}.{kind})" if package == "sim2sg" else text


def value_text(value: Any) -> str:
    """Returns a default as it stands in YAML."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return ".nan" if math.isnan(value) else str(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(value_text, value))}]"
    return str(value) or '""'


def allowed(parameter: parameters.Parameter) -> str:
    """Returns what values a parameter may have."""
    if parameter.choices:
        return ", ".join(parameter.choices)
    if parameter.limits is None:
        return ""
    return "{:.4g} to {:.4g}".format(*parameter.limits) + (" or NaN" if parameter.may_be_nan else "")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Returns a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    cells = ([cell.replace("|", "\\|").replace("\n", " ") for cell in line] for line in lines)
    return "".join(f"| {' | '.join(line)} |\n" for line in cells)


def rewritten(text: str) -> str:
    """Returns a document with its tables as they should be.

    A table stands between the lines `<!-- table: NAME -->` and `<!-- end -->`.

    Raises:
        Sim2SGError: A table is unknown or has no end, or there is none at all.
    """

    def fill(match: re.Match[str]) -> str:
        if match[1] not in TABLES:
            raise Sim2SGError(f"table {match[1]!r} is unknown: use one of {', '.join(TABLES)}")
        return f"<!-- table: {match[1]} -->\n{TABLES[match[1]]()}<!-- end -->"

    starts = len(re.findall(r"<!-- table: ", text))
    text, count = re.subn(r"<!-- table: (\w+) -->\n(?:(?!<!-- table: ).)*?<!-- end -->", fill, text, flags=re.DOTALL)
    if count == 0 or count != starts:
        raise Sim2SGError(
            f"{starts} tables begin and {count} end: each stands between `<!-- table: NAME -->` and `<!-- end -->`"
        )
    return text


def main(words: Sequence[str] | None = None) -> int:
    """Rewrites the tables of a document, or with --check says whether they are current."""
    parser = argparse.ArgumentParser(prog="python -m sim2sg_ros.interface_tables", description=main.__doc__)
    parser.add_argument("file", type=Path, help="Markdown document, such as README.md")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 when tables are not current")
    args = parser.parse_args(words)
    try:
        before = args.file.read_text(encoding="utf-8")
        after = rewritten(before)
    except (OSError, Sim2SGError) as error:
        print(f"error: {args.file}: {error}", file=sys.stderr)
        return 2
    if before == after:
        return 0
    if args.check:
        print(
            f"error: {args.file}: its tables are old; run python -m sim2sg_ros.interface_tables {args.file}",
            file=sys.stderr,
        )
        return 1
    with atomic_path(args.file) as temporary:
        temporary.write_text(after, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
