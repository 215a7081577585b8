"""The tables of docs/interface.md: nodes, topics, services and parameters.

`python -m sim2sg_ros.interface_tables docs/interface.md` writes them between their markers; a test says whether they
are current.
"""

from __future__ import annotations

import argparse
import math
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.files import atomic_path
from sim2sg_ros.node_interface import NODES, SERVICES, TOPICS
from sim2sg_ros.parameter_specs import ParameterSpec
from sim2sg_ros.parameters import choice_text, parameter_rows


def nodes_table() -> str:
    """Returns the nodes as a Markdown table."""
    rows = [
        (markdown_code(item.node), f"`ros2 run sim2sg {item.name}`, `sim2sg {item.name}`", item.description)
        for item in NODES
    ]
    return markdown_table(("node", "started by", "what"), rows)


def topics_table() -> str:
    """Returns the topics as a Markdown table."""
    rows = []
    for topic in TOPICS:
        name = markdown_code(topic.name) if topic.per_camera else f"{markdown_code(topic.name)} ¹"
        needs = f"; where `{topic.needs}` is installed" if topic.needs else ""
        direction = "out" if topic.output else "in"
        rows.append((name, direction, type_link(topic.type), topic.qos, topic.description + needs))
    note = (
        "With several cameras (parameter `cameras`) the names of each carry its own, as `front/image` and"
        " `~/front/scene_graph`, except for those marked ¹."
    )
    return markdown_table(("topic", "in or out", "type", "QoS, depth", "what"), rows) + "\n" + note + "\n"


def services_table() -> str:
    """Returns the services as a Markdown table."""
    rows = [
        (
            markdown_code(service.name) if service.per_camera else f"{markdown_code(service.name)} ¹",
            type_link(service.type),
            service.description,
        )
        for service in SERVICES
    ]
    return markdown_table(("service", "type", "what"), rows)


def parameters_table() -> str:
    """Returns the parameters as a Markdown table."""
    # Bare names of topics would be taken for strike-through and HTML.
    rows = [
        (
            markdown_code(name),
            markdown_code(value_text(default)),
            allowed_values(spec),
            spec.takes_effect,
            re.sub(r"(?<!`)~/[\w/<>]+", r"`\g<0>`", spec.description),
        )
        for name, default, spec in parameter_rows()
    ]
    return markdown_table(("parameter", "default", "range", "takes effect", "meaning"), rows)


TABLES: dict[str, Callable[[], str]] = {
    "nodes": nodes_table,
    "topics": topics_table,
    "services": services_table,
    "parameters": parameters_table,
}


def markdown_code(text: str) -> str:
    """Returns text in back-ticks; nothing for nothing."""
    return f"`{text}`" if text else ""


def type_link(name: str) -> str:
    """Returns a type by its short name, with a link from docs/ where this package defines it."""
    package, kind, short = name.split("/")
    text = f"`{package}/{short}`"
    return f"[{text}](../{kind}/{short}.{kind})" if package == "sim2sg" else text


def value_text(value: Any) -> str:
    """Returns a default as it stands in YAML."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return ".nan" if math.isnan(value) else str(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(value_text, value))}]"
    return str(value) or '""'


def allowed_values(spec: ParameterSpec) -> str:
    """Returns what values a parameter may have."""
    if spec.choices:
        return ", ".join(map(choice_text, spec.choices))
    if spec.limits is None:
        return ""
    return "{:.4g} to {:.4g}".format(*spec.limits) + (" or NaN" if spec.may_be_nan else "")


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Returns a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    cells = ([cell.replace("|", "\\|").replace("\n", " ") for cell in line] for line in lines)
    return "".join(f"| {' | '.join(line)} |\n" for line in cells)


def with_current_tables(text: str) -> str:
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
    parser.add_argument("file", type=Path, help="Markdown document, such as docs/interface.md")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 when tables are not current")
    args = parser.parse_args(words)
    try:
        before = args.file.read_text(encoding="utf-8")
        after = with_current_tables(before)
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
