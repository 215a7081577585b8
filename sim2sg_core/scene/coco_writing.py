"""Graphs as COCO detection, with their relations beside it; `coco` reads it again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

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
    category = {name: k + 1 for k, name in enumerate(classes)}
    predicate = {str(told["name"]): k + 1 for k, told in enumerate(predicates)}
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    relations: list[dict[str, Any]] = []
    for image_id, graph in enumerate(graphs, start=1):
        first = len(annotations) + 1
        images.append(_image(image_id, graph))
        for item in graph.objects:
            ids = {"id": len(annotations) + 1, "image_id": image_id, "category_id": category[item.label]}
            annotations.append({**ids, **_annotation(item, is_ignored(item))})
        for relation in graph.relations:
            relations.append(
                {
                    "id": len(relations) + 1,
                    "image_id": image_id,
                    "subject_id": first + relation.subject,
                    "object_id": first + relation.object,
                    "predicate_id": predicate[relation.predicate],
                    **_score(relation.score),
                }
            )
    return {
        "info": dict(info),
        "licenses": [],
        "images": images,
        "annotations": annotations,
        "categories": [{"id": k, "name": name, "supercategory": ""} for name, k in category.items()],
        "rel_categories": [{"id": k + 1, **told} for k, told in enumerate(predicates)],
        "rel_annotations": relations,
    }


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
