"""The forms in which `sim2sg infer` writes graphs: its own JSON, and those that other tools read."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import yaml

from sim2sg_core.api.graph import OBJECT_COLUMNS, RELATION_COLUMNS, Graph, write_graphs
from sim2sg_core.cli.coco_output import write_coco
from sim2sg_core.cli.options import check_output
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.files import atomic_path
from sim2sg_core.logs.names import UniqueNames, flat_name


def check_place(out: Path, form: str) -> None:
    """Raises Sim2SGError when graphs of a form cannot be written there."""
    if form != "yolo":
        check_output(out)
    elif out.is_dir() and any(out.iterdir()):
        raise Sim2SGError(f"{out}: is not empty: --format yolo writes a file for each image; give a new folder")
    elif out.exists() and not out.is_dir():
        raise Sim2SGError(f"{out}: is a file: --format yolo writes a folder; give another name")


def write_as(form: str, out: Path, graphs: Iterable[Graph], model: str) -> str:
    """Writes graphs as they come. Returns where they are, in words."""
    return FORMS[form](out, graphs, model)


def _json(out: Path, graphs: Iterable[Graph], model: str) -> str:
    write_graphs(out, graphs, model)
    return str(out)


def _jsonl(out: Path, graphs: Iterable[Graph], model: str) -> str:
    with atomic_path(out) as temporary, temporary.open("w", encoding="utf-8") as file:
        for graph in graphs:
            file.write(json.dumps({"model": model, **graph.to_json()}, allow_nan=False) + "\n")
    return str(out)


def _coco(out: Path, graphs: Iterable[Graph], model: str) -> str:
    write_coco(out, graphs, {"description": f"scene graphs of {model}"})
    return str(out)


def _csv(out: Path, graphs: Iterable[Graph], model: str) -> str:
    """Two tables; rows of the second name rows of the first by file and index."""
    relations = out.with_name(f"{out.stem}_relations{out.suffix or '.csv'}")
    with (
        atomic_path(out) as a,
        atomic_path(relations) as b,
        a.open("w", encoding="utf-8", newline="") as first,
        b.open("w", encoding="utf-8", newline="") as second,
    ):
        objects_to = csv.DictWriter(first, ("file", "stamp", "index", *OBJECT_COLUMNS))
        relations_to = csv.DictWriter(second, ("file", "stamp", *RELATION_COLUMNS))
        objects_to.writeheader()
        relations_to.writeheader()
        for graph in graphs:
            image: dict[str, Any] = {"file": graph.file, "stamp": graph.stamp}
            objects_to.writerows({**image, "index": i, **row} for i, row in enumerate(graph.object_rows()))
            relations_to.writerows({**image, **row} for row in graph.relation_rows())
    return f"{out} and {relations}"


def _yolo(out: Path, graphs: Iterable[Graph], model: str) -> str:
    """A text for each image, `class x y width height score` as shares of the image; names in data.yaml."""
    names = UniqueNames()
    classes: tuple[str, ...] = ()
    for graph in graphs:
        classes = graph.classes
        lines = []
        for item in graph.objects:
            x1, y1, x2, y2 = (float(v) for v in item.box)
            centre, size = ((x1 + x2) / 2, (y1 + y2) / 2), (x2 - x1, y2 - y1)
            shares = [v / side for pair in (centre, size) for v, side in zip(pair, (graph.width, graph.height))]
            words = [str(classes.index(item.label)), *(f"{v:.6f}" for v in (*shares, item.score))]
            lines.append(" ".join(words) + "\n")
        with atomic_path(out / "labels" / names(flat_name(graph.file), ".txt"), durable=False) as temporary:
            temporary.write_text("".join(lines))
    with atomic_path(out / "data.yaml") as temporary:
        temporary.write_text(yaml.safe_dump({"names": dict(enumerate(classes))}, sort_keys=False, allow_unicode=True))
    return f"{out / 'labels'}, classes in {out / 'data.yaml'}"


FORMS: dict[str, Callable[[Path, Iterable[Graph], str], str]] = {
    "json": _json,
    "jsonl": _jsonl,
    "coco": _coco,
    "csv": _csv,
    "yolo": _yolo,
}
