"""Scene graphs as plain data, and their one JSON form."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.files import atomic_path
from sim2sg_core.json_lists import read_list
from sim2sg_core.json_reader import JsonObject, as_json_object
from sim2sg_core.limits import IMAGE_SIDE, OBJECTS_PER_IMAGE, RELATIONS_PER_IMAGE
from sim2sg_core.scene.camera import Camera

T = TypeVar("T")
DEFAULT_OBJECT_THRESHOLD, DEFAULT_RELATION_THRESHOLD = 0.3, 0.5
"""Least scores of what is drawn, counted or published unless the user says otherwise."""


@dataclass(frozen=True, eq=False)
class Pose3D:
    """An upright 3D box in a camera's optical frame (x right, y down, z forward; metres).

    Attributes:
        position: (3,) centre of the box.
        yaw: Radians, right-handed about gravity-down; zero when the object's length points along
            the camera's +x projected on the ground (KITTI's rotation_y for a level camera).
        size: (3,) length (along the heading), width, height.
        depth_std: Standard deviation of the depth, position[2], relative to it; None when unknown.
    """

    position: np.ndarray
    yaw: float
    size: np.ndarray
    depth_std: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Returns the pose as JSON-ready numbers."""
        data: dict[str, Any] = {
            "position": [round(float(v), 4) for v in self.position],
            "yaw": round(float(self.yaw), 5),
            "size": [round(float(v), 4) for v in self.size],
        }
        if self.depth_std is not None:
            data["depth_std"] = round(float(self.depth_std), 4)
        return data

    @classmethod
    def from_json(cls, data: dict[str, Any] | JsonObject) -> Pose3D:
        """Reads what `to_json` wrote. Raises Sim2SGError when it is of another form."""
        data = as_json_object(data, "pose")
        depth_std = data.number("depth_std", 0, default=None)
        return cls(data.numbers("position", 3), data.number("yaw"), data.numbers("size", 3), depth_std)


@dataclass(frozen=True, eq=False)
class SceneObject:
    """One object in an image.

    Attributes:
        label: Class name (lower-case, singular).
        score: Probability that the object is there and of this class; 1 for ground truth, less for a label that was
            inferred.
        box: (4,) x1, y1, x2, y2 in pixels of the original image.
        pose: 3D box, or None when unknown.
        visibility: Share of the object's pixels that is seen, 0–1; None when unknown (predictions).
        id: Track id; empty when tracking is off.
        ignored: Of a label: nobody knows whether the object is there, so that it is neither one nor background.
    """

    label: str
    score: float
    box: np.ndarray
    pose: Pose3D | None = None
    visibility: float | None = None
    id: str = ""
    ignored: bool = False

    def to_json(self) -> dict[str, Any]:
        """Returns the object in the JSON form."""
        data: dict[str, Any] = {
            "class": self.label,
            "score": round(float(self.score), 6),
            "box": [round(float(v), 3) for v in self.box],
            "pose": self.pose.to_json() if self.pose else None,
        }
        if self.visibility is not None:
            data["visibility"] = round(float(self.visibility), 4)
        if self.id:
            data["id"] = self.id
        if self.ignored:
            data["ignored"] = True
        return data

    @classmethod
    def from_json(cls, data: dict[str, Any] | JsonObject) -> SceneObject:
        """Reads what `to_json` wrote. Raises Sim2SGError when it is of another form."""
        data = as_json_object(data, "object")
        pose = data.object("pose", None)
        return cls(
            label=data.text("class"),
            score=data.number("score", 0, 1),
            box=data.numbers("box", 4),
            pose=Pose3D.from_json(pose) if pose else None,
            visibility=data.number("visibility", 0, 1, default=None),
            id=data.text("id", ""),
            ignored=data.flag("ignored", False),
        )


@dataclass(frozen=True)
class Relation:
    """`subject predicate object`, by index into the graph's objects.

    Attributes:
        subject: Index of the subject.
        predicate: Predicate name; only forward predicates, never a declared inverse.
        object: Index of the object.
        score: P(predicate | both objects are there); 1 for ground truth.
        frame: Frame in which it holds: "viewer", "world", "object" or "none".
    """

    subject: int
    predicate: str
    object: int
    score: float = 1.0
    frame: str = "viewer"

    def to_json(self) -> dict[str, Any]:
        """Returns the relation in the JSON form."""
        return {
            "subject": self.subject,
            "predicate": self.predicate,
            "object": self.object,
            "score": round(float(self.score), 6),
            "frame": self.frame,
        }

    @classmethod
    def from_json(cls, data: JsonObject, objects: int) -> Relation:
        """Reads what `to_json` wrote of a graph with so many objects. Raises Sim2SGError when it is of another form."""
        subject, object_ = data.whole("subject", 0), data.whole("object", 0)
        for key, index in (("subject", subject), ("object", object_)):
            if index >= objects:
                raise data.error(key, f"there is no object {index} among the {objects} of the image, from 0")
        if subject == object_:
            raise data.error("object", "is the subject itself; a relation is between two objects")
        score, frame = data.number("score", 0, 1, default=1.0), data.text("frame", "viewer")
        return cls(subject, data.text("predicate"), object_, score, frame)


@dataclass(frozen=True, eq=False)
class SceneGraph:
    """What is in one image and how it stands to one another.

    Attributes:
        width: Image width, pixels.
        height: Image height, pixels.
        objects: Objects, best first for predictions.
        relations: Relations between them.
        file: Image name; from a bag `<topic>_<stamp>.jpg`.
        stamp: Exposure time, nanoseconds; 0 when unknown, a plain number where the log tells no times.
        camera: The camera that took the image, or None.
    """

    width: int
    height: int
    objects: tuple[SceneObject, ...] = ()
    relations: tuple[Relation, ...] = ()
    file: str = ""
    stamp: int = 0
    camera: Camera | None = None

    def boxes(self) -> np.ndarray:
        """Returns (N, 4) xyxy boxes in pixels."""
        return np.array([o.box for o in self.objects], float).reshape(-1, 4)

    def scores(self) -> np.ndarray:
        """Returns (N,) object scores."""
        return np.array([o.score for o in self.objects], float)

    def labels(self) -> np.ndarray:
        """Returns (N,) class names, an array of objects."""
        return np.array([o.label for o in self.objects], dtype=object)

    def with_scores(self, scores: Iterable[float]) -> SceneGraph:
        """Returns the graph with N other object scores."""
        rescored = (dataclasses.replace(o, score=float(s)) for o, s in zip(self.objects, scores, strict=True))
        return dataclasses.replace(self, objects=tuple(rescored))

    def triplet_score(self, relation: Relation) -> float:
        """Returns P(predicate | both) times both object scores: what triplets are ranked by."""
        return relation.score * self.objects[relation.subject].score * self.objects[relation.object].score

    def select(self, keep: Sequence[int]) -> SceneGraph:
        """Returns the sub-graph of the objects `keep`, in that order, relations re-indexed."""
        index = {old: new for new, old in enumerate(keep)}
        relations = tuple(
            dataclasses.replace(r, subject=index[r.subject], object=index[r.object])
            for r in self.relations
            if r.subject in index and r.object in index
        )
        return dataclasses.replace(self, objects=tuple(self.objects[i] for i in keep), relations=relations)

    def filtered(self, object_threshold: float, relation_threshold: float) -> SceneGraph:
        """Returns the graph without objects and relations scored under the thresholds."""
        graph = self.select([i for i, o in enumerate(self.objects) if o.score >= object_threshold])
        kept = tuple(r for r in graph.relations if r.score >= relation_threshold)
        return dataclasses.replace(graph, relations=kept)

    def to_json(self) -> dict[str, Any]:
        """Returns the image record of the JSON form."""
        return {
            "file": self.file,
            "width": self.width,
            "height": self.height,
            "stamp": self.stamp,
            "camera": self.camera.to_json() if self.camera else None,
            "objects": [o.to_json() for o in self.objects],
            "relations": [r.to_json() for r in self.relations],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any] | JsonObject) -> SceneGraph:
        """Reads an image record of the JSON form. Raises Sim2SGError when it is of another form."""
        data = as_json_object(data, "graph")
        width, height = data.whole("width", 1, IMAGE_SIDE), data.whole("height", 1, IMAGE_SIDE)
        camera = data.object("camera", None)
        objects = tuple(SceneObject.from_json(o) for o in data.objects("objects", OBJECTS_PER_IMAGE))
        relations = data.objects("relations", RELATIONS_PER_IMAGE)
        return cls(
            width=width,
            height=height,
            objects=objects,
            relations=tuple(Relation.from_json(r, len(objects)) for r in relations),
            file=data.text("file", ""),
            stamp=data.whole("stamp", default=0),
            camera=Camera.from_json(camera, width, height) if camera else None,
        )


def write_json(path: Path | str, data: Any, *, indent: int | None = None) -> None:
    """Writes JSON so that a crash leaves the old file or the new one, never half of one."""
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write(json.dumps(data, indent=indent, allow_nan=False))  # dumps runs in C, dump to a file does not


def save_graphs(path: Path | str, graphs: Iterable[SceneGraph], model: str, **names: Sequence[str]) -> None:
    """Writes graphs in the one JSON form that every verb shares, one image a line: so it is read line by line.

    Args:
        path: The file.
        graphs: May be a generator that makes them as it goes: none is kept, and nothing is left of the file when it
            fails.
        model: The model's id.
        **names: `classes` and `predicates`: all that the model knows, where that is known.
    """
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        head = {"model": model, **{key: list(value) for key, value in names.items() if value}}
        file.write(f'{json.dumps(head)[:-1]}, "images": [')
        for i, graph in enumerate(graphs):
            file.write(",\n" if i else "\n")
            file.write(json.dumps(graph.to_json(), allow_nan=False))
        file.write("\n]}\n")


def load_graphs(path: Path | str) -> tuple[str, list[SceneGraph]]:
    """Reads the one JSON form. A file that `save_graphs` wrote may be of any length.

    Returns:
        The model's id and the graphs.

    Raises:
        Sim2SGError: No such file, or not this form.
    """
    data, graphs = read_graph_file(path, SceneGraph.from_json)
    return data.text("model"), graphs


def read_graph_file(path: Path | str, make: Callable[[JsonObject], T]) -> tuple[JsonObject, list[T]]:
    """Reads the one JSON form. Returns what it tells of all graphs, and what `make` makes of each image's record.

    Raises:
        Sim2SGError: As `load_graphs`.
    """
    path = Path(path)
    if not path.is_file():
        raise Sim2SGError(f"{path}: no such file; `sim2sg infer --out` writes one")
    if path.suffix.lower() == ".jsonl":
        raise Sim2SGError(f"{path}: JSON lines are not read; give what `sim2sg infer --format json` writes")
    return read_list(path, "images", "a graphs file as `sim2sg infer --out` writes it", make)
