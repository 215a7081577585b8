"""Graphs as COCO detection, with their relations beside it; `coco` reads it again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sim2sg_core.scene.graph import SceneGraph, SceneObject


def coco_of(
    graphs: Iterable[SceneGraph],
    classes: Sequence[str],
    predicates: Sequence[Mapping[str, Any]],
    *,
    info: Mapping[str, Any],
    is_ignored: Callable[[SceneObject], bool] = lambda item: item.ignored,
) -> dict[str, Any]:
    """Returns COCO detection annotations with relations.

    Args:
        graphs: One for each image.
        classes: Names of the categories; their ids count from 1 in this order.
        predicates: What the file tells of each predicate, with `name` at least; ids likewise.
        info: What the file tells of itself.
        is_ignored: Whether an object is neither hit nor miss.
    """
    numbers = CocoNumbers(classes, [str(told["name"]) for told in predicates])
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    relations: list[dict[str, Any]] = []
    for graph in graphs:
        entries = numbers.entries(graph, is_ignored)
        images.append(entries.image)
        annotations += entries.annotations
        relations += entries.relations
    return {
        "info": dict(info),
        "licenses": [],
        "images": images,
        "annotations": annotations,
        "categories": numbers.categories(),
        "rel_categories": [{"id": k + 1, **told} for k, told in enumerate(predicates)],
        "rel_annotations": relations,
    }


class CocoEntries(NamedTuple):
    """What a COCO file tells of one image."""

    image: dict[str, Any]
    annotations: list[dict[str, Any]]
    relations: list[dict[str, Any]]


class CocoNumbers:
    """Makes the entries of a COCO file image by image: all ids count from 1."""

    def __init__(self, classes: Iterable[str] = (), predicates: Iterable[str] = ()) -> None:
        """Begins with names that have ids already, in this order."""
        self._classes: dict[str, int] = {}
        self._predicates: dict[str, int] = {}
        self._images = self._objects = self._relations = 0
        self.know(classes, predicates)

    def know(self, classes: Iterable[str], predicates: Iterable[str]) -> None:
        """Gives ids to names that have none."""
        for names, ids in ((classes, self._classes), (predicates, self._predicates)):
            for name in names:
                ids.setdefault(name, len(ids) + 1)

    def categories(self) -> list[dict[str, Any]]:
        """Returns what the file tells of the classes."""
        return [{"id": k, "name": name, "supercategory": ""} for name, k in self._classes.items()]

    def relation_categories(self) -> list[dict[str, Any]]:
        """Returns what the file tells of the predicates."""
        return [{"id": k, "name": name} for name, k in self._predicates.items()]

    def entries(
        self, graph: SceneGraph, is_ignored: Callable[[SceneObject], bool] = lambda item: item.ignored
    ) -> CocoEntries:
        """Returns the entries of the next image, whose names must be known."""
        self._images += 1
        first = self._objects + 1
        annotations, relations = [], []
        for item in graph.objects:
            self._objects += 1
            ids = {"id": self._objects, "image_id": self._images, "category_id": self._classes[item.label]}
            annotations.append({**ids, **_annotation(item, is_ignored(item))})
        for relation in graph.relations:
            self._relations += 1
            relations.append(
                {
                    "id": self._relations,
                    "image_id": self._images,
                    "subject_id": first + relation.subject,
                    "object_id": first + relation.object,
                    "predicate_id": self._predicates[relation.predicate],
                    **_score(relation.score),
                }
            )
        return CocoEntries(_image(self._images, graph), annotations, relations)


def _image(image_id: int, graph: SceneGraph) -> dict[str, Any]:
    return {
        "id": image_id,
        "file_name": graph.file,
        "width": graph.width,
        "height": graph.height,
        "stamp": graph.stamp,
        "camera": graph.camera.to_json() if graph.camera else None,
    }


def _annotation(item: SceneObject, is_ignored: bool) -> dict[str, Any]:
    x1, y1, x2, y2 = (round(float(v), 3) for v in item.box)
    width, height = round(x2 - x1, 3), round(y2 - y1, 3)
    return {
        "bbox": [x1, y1, width, height],
        "area": round(width * height, 3),
        "iscrowd": int(item.ignored),
        "ignore": int(is_ignored),
        "visibility": None if item.visibility is None else round(item.visibility, 4),
        "pose": item.pose.to_json() if item.pose else None,
        **_score(item.score),
    }


def _score(score: float) -> dict[str, float]:
    return {} if score == 1 else {"score": round(float(score), 6)}
