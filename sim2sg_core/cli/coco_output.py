"""Writes COCO image by image: of a long log nothing is held."""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TextIO

from sim2sg_core.api.graph import Graph
from sim2sg_core.files import atomic_path
from sim2sg_core.scene.coco_writing import CocoNumbers


class _JsonList:
    """A list that is written entry by entry into a file without a name, of which nothing is left."""

    def __init__(self, file: TextIO) -> None:
        self._file, self._between = file, ""

    def add(self, entries: Iterable[Mapping[str, Any]]) -> None:
        for entry in entries:
            self._file.write(self._between + json.dumps(entry, allow_nan=False))
            self._between = ", "

    def copy_to(self, file: TextIO) -> None:
        self._file.seek(0)
        file.write("[")
        shutil.copyfileobj(self._file, file)
        file.write("]")


def write_coco(out: Path, graphs: Iterable[Graph], info: Mapping[str, Any]) -> None:
    """Writes what `api.graph.to_coco` returns, with what the file tells of itself."""
    numbers = CocoNumbers()
    with atomic_path(out) as temporary, contextlib.ExitStack() as stack:
        images, annotations, relations = (
            _JsonList(stack.enter_context(tempfile.TemporaryFile("w+", encoding="utf-8", dir=out.parent)))
            for _ in range(3)
        )
        for graph in graphs:
            numbers.know(graph.class_names(), graph.predicate_names())
            entries = numbers.entries(graph)
            images.add([entries.image])
            annotations.add(entries.annotations)
            relations.add(entries.relations)
        with temporary.open("w", encoding="utf-8") as file:
            file.write(f'{{"info": {json.dumps(info)}, "licenses": [], "images": ')
            images.copy_to(file)
            file.write(', "annotations": ')
            annotations.copy_to(file)
            file.write(f', "categories": {json.dumps(numbers.categories())}')
            file.write(f', "rel_categories": {json.dumps(numbers.relation_categories())}, "rel_annotations": ')
            relations.copy_to(file)
            file.write("}")
