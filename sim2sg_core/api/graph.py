"""A scene graph that prints, draws itself, and goes to other tools."""

from __future__ import annotations

import dataclasses
import importlib
import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.images import read_image
from sim2sg_core.json_reader import JsonObject
from sim2sg_core.limits import OBJECTS_PER_IMAGE
from sim2sg_core.report.anonymise import anonymise as blurred
from sim2sg_core.report.anonymise import private_objects, promise
from sim2sg_core.report.overlay import draw_overlay
from sim2sg_core.scene.coco_writing import coco_of
from sim2sg_core.scene.graph import Relation, SceneGraph, SceneObject, read_graph_file, save_graphs

PRINTED = 12
"""Objects, and relations, that a graph prints; it counts the others."""
INSTALL = {
    "networkx": "pip install networkx",
    "pandas": "pip install pandas",
    "supervision": "pip install supervision",
}


class Tables(NamedTuple):
    """A graph as two pandas tables."""

    objects: Any
    """One row for each object: class, score, box in pixels, 3D box in the camera's frame"""
    relations: Any
    """One row for each relation: index, class and id of both objects, predicate, score, frame"""


@dataclass(frozen=True, eq=False, repr=False)
class Graph(SceneGraph):
    """The objects of one image and the relations between them; see `SceneGraph` for the other attributes.

    Attributes:
        classes: All classes that the model knows.
        predicates: All predicates that it knows.
        path: The image's file, where there is one.
        private: People and vehicles that the model saw, however unsure; see `overlay`.
    """

    classes: tuple[str, ...] = ()
    predicates: tuple[str, ...] = ()
    path: Path | None = None
    private: tuple[SceneObject, ...] = ()

    @classmethod
    def of(cls, graph: SceneGraph, **more: Any) -> Graph:
        """Returns a scene graph with this class's methods."""
        return cls(**{f.name: getattr(graph, f.name) for f in dataclasses.fields(SceneGraph)}, **more)

    def __repr__(self) -> str:
        objects = [f"  {i} {_describe(item)}" for i, item in enumerate(self.objects)]
        relations = [f"  {self.sentence(r)} {r.score:.2f}" for r in self.relations]
        name = f"{self.file} " if self.file else ""
        head = f"{name}{self.width}x{self.height}: {len(objects)} objects, {len(relations)} relations"
        return "\n".join([head, *_first(objects), *_first(relations)])

    __str__ = __repr__

    def sentence(self, relation: Relation) -> str:
        """Returns a relation as words: "cup 3 on table 0"."""
        subject, object_ = (f"{self.objects[i].label} {i}" for i in (relation.subject, relation.object))
        return f"{subject} {relation.predicate} {object_}"

    def overlay(self, image: np.ndarray | None = None, *, anonymise: bool = False) -> np.ndarray:
        """Draws the graph.

        Args:
            image: (H, W, 3) uint8 RGB; None reads it again from `path`.
            anonymise: Whether people and vehicles are blurred, as far as the model saw them, also those that are too
                unsure to be in the graph. What it missed is not: look before you pass a picture on.

        Returns:
            (H, W, 3) uint8 RGB.

        Raises:
            Sim2SGError: There is no file to read it from, the image is of another size than the graph's, or nothing
                that the model knows can be blurred.
        """
        if anonymise:
            promise(self.class_names(), "leave anonymise out")
        if image is None:
            if self.path is None:
                raise Sim2SGError("this graph is of no image file: give the image, as graph.overlay(image)")
            image = read_image(self.path)
        if image.shape[:2] != (self.height, self.width):
            raise Sim2SGError(
                f"the image is {image.shape[1]}x{image.shape[0]} and the graph is of one of {self.width}x{self.height}:"
                " give the image that the model was given"
            )
        if anonymise:
            image = blurred(image, [self, dataclasses.replace(self, objects=self.private, relations=())])
        return draw_overlay(image, self, 0.0, 0.0, classes=self.classes, predicates=self.predicates)

    def to_json(self) -> dict[str, Any]:
        """Returns the image record of the JSON form, and people and vehicles that are too unsure for the graph."""
        unsure = [item.to_json() for item in self.private if not any(item is kept for kept in self.objects)]
        return {**super().to_json(), **({"private": unsure} if unsure else {})}

    def to_coco(self) -> dict[str, Any]:
        """Returns COCO detection of this one image; see `to_coco` for several."""
        return to_coco(self)

    def to_supervision(self) -> Any:
        """Returns `supervision.Detections`; class ids are places in `classes`."""
        supervision = _installed("supervision", "to_supervision")
        names = self.class_names()
        return supervision.Detections(
            xyxy=self.boxes().astype(np.float32),
            confidence=self.scores().astype(np.float32),
            class_id=np.array([names.index(o.label) for o in self.objects], int),
            data={"class_name": np.array([o.label for o in self.objects], dtype=str)},
        )

    def to_networkx(self) -> Any:
        """Returns a `networkx.MultiDiGraph`: nodes are indices of objects, keys of edges are predicates."""
        networkx = _installed("networkx", "to_networkx")
        graph = networkx.MultiDiGraph(file=self.file, stamp=self.stamp, width=self.width, height=self.height)
        for index, item in enumerate(self.objects):
            graph.add_node(index, **_row(item))
        for r in self.relations:
            graph.add_edge(r.subject, r.object, key=r.predicate, predicate=r.predicate, score=r.score, frame=r.frame)
        return graph

    def to_pandas(self) -> Tables:
        """Returns two `pandas.DataFrame`: objects, and relations between them."""
        pandas = _installed("pandas", "to_pandas")
        objects = pandas.DataFrame([_row(item) for item in self.objects], columns=list(_row(_NOTHING)))
        relations = pandas.DataFrame(self.relation_rows(), columns=RELATION_COLUMNS)
        return Tables(objects, relations)

    def relation_rows(self) -> list[dict[str, Any]]:
        """Returns the relations as flat rows, by `RELATION_COLUMNS`."""
        return [
            dict(
                zip(
                    RELATION_COLUMNS,
                    (
                        r.subject,
                        self.objects[r.subject].label,
                        r.predicate,
                        r.object,
                        self.objects[r.object].label,
                        round(float(r.score), 6),
                        r.frame,
                    ),
                    strict=True,
                )
            )
            for r in self.relations
        ]

    def object_rows(self) -> list[dict[str, Any]]:
        """Returns the objects as flat rows, by `OBJECT_COLUMNS`."""
        return [_row(item) for item in self.objects]

    def class_names(self) -> tuple[str, ...]:
        """Returns all classes that the model knows; where that is unknown, those in the graph."""
        return self.classes or tuple(sorted({o.label for o in self.objects}))

    def predicate_names(self) -> tuple[str, ...]:
        """Returns all predicates that the model knows, and those in the graph."""
        return tuple(dict.fromkeys((*self.predicates, *(r.predicate for r in self.relations))))


RELATION_COLUMNS = ("subject", "subject_class", "predicate", "object", "object_class", "score", "frame")
_NOTHING = SceneObject("", 0.0, np.zeros(4))


def _row(item: SceneObject) -> dict[str, Any]:
    """Returns an object as a flat row; what is unknown is None."""
    x1, y1, x2, y2 = (round(float(v), 3) for v in item.box)
    row = {"id": item.id or None, "class": item.label, "score": round(float(item.score), 6)}
    row |= {"x1": x1, "y1": y1, "x2": x2, "y2": y2}
    values: list[float | None] = [None] * 7
    if item.pose is not None:
        values = [round(float(v), 4) for v in (*item.pose.position, *item.pose.size, item.pose.yaw)]
    return row | dict(zip(("x", "y", "z", "length", "width", "height", "yaw"), values, strict=True))


OBJECT_COLUMNS = tuple(_row(_NOTHING))


def to_coco(graphs: Graph | Iterable[Graph]) -> dict[str, Any]:
    """Returns COCO detection of one image or several, scores in `score`, relations in `rel_annotations`.

    Categories are the classes of the model, in its order, from 1.
    """
    graphs = [graphs] if isinstance(graphs, Graph) else list(graphs)
    classes = dict.fromkeys(name for graph in graphs for name in graph.class_names())
    words = dict.fromkeys(name for graph in graphs for name in graph.predicate_names())
    return coco_of(graphs, list(classes), [{"name": name} for name in words], info={"description": "sim2sg"})


def read_graphs(path: Path | str) -> list[Graph]:
    """Reads the graphs that `sim2sg infer` or `write_graphs` wrote.

    All have the same classes and predicates: those that the file tells, then others that are in it.

    Raises:
        Sim2SGError: No such file, or not one of graphs.
    """
    head, found = read_graph_file(path, _read_record)
    graphs = [graph for graph, _ in found]
    classes = _names(head, "classes", {item.label for graph in graphs for item in graph.objects})
    predicates = _names(head, "predicates", {r.predicate for graph in graphs for r in graph.relations})
    return [
        Graph.of(graph, classes=classes, predicates=predicates, private=(*private_objects(graph), *unsure))
        for graph, unsure in found
    ]


def _read_record(record: JsonObject) -> tuple[SceneGraph, tuple[SceneObject, ...]]:
    unsure = record.objects("private", OBJECTS_PER_IMAGE, ())
    return SceneGraph.from_json(record), tuple(map(SceneObject.from_json, unsure))


def _names(head: JsonObject, key: str, used: set[str]) -> tuple[str, ...]:
    """Returns the names that a file tells, and those that it uses and does not tell."""
    told = head.texts(key) if key in head else ()
    return (*told, *sorted(used.difference(told)))


def write_graphs(path: Path | str, graphs: SceneGraph | Iterable[SceneGraph], model: str = "") -> None:
    """Writes one graph or several as `sim2sg infer` does, with classes and predicates of the first one's model."""
    graphs = iter([graphs] if isinstance(graphs, SceneGraph) else graphs)
    first = list(itertools.islice(graphs, 1))
    names = {key: getattr(graph, key, ()) for graph in first for key in ("classes", "predicates")}
    save_graphs(path, itertools.chain(first, graphs), model, **names)


def _describe(item: SceneObject) -> str:
    text = f"{item.label} {item.score:.2f}"
    if item.pose is None:
        return text
    x, y, z = item.pose.position
    return f"{text} at {x:.2f} {y:.2f} {z:.2f} m"


def _first(lines: list[str]) -> list[str]:
    return lines[:PRINTED] + ([f"  and {len(lines) - PRINTED} more"] if len(lines) > PRINTED else [])


def _installed(module: str, method: str) -> Any:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        raise Sim2SGError(f"{method}() needs {module}: {INSTALL[module]}") from None
