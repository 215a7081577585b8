"""Data sets on disk: images, one scene record each, and COCO with relations over all of them.

    out/images/000000.jpg
    out/scenes/000000.json     {"key", "seed", "image": graph in the JSON form, "layout": …}
    out/annotations.json       COCO detection, plus `pose`, `visibility`, `ignore` of every annotation, and
                               `rel_categories`, `rel_annotations` (subject_id and object_id are annotation ids).
                               Labels that were inferred have a `score`; regions of which nobody knows have `iscrowd`

A frame is complete when its scene record is there: it is written last, and whole or not at all.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from sim2sg_core.domains import Domain
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.files import atomic_path, make_folder
from sim2sg_core.scene import Camera, Pose3D, Relation, SceneGraph, SceneObject
from sim2sg_core.scene.graph import write_json
from sim2sg_core.scene.predicates import FRAMES


def image_path(out: Path, index: int) -> Path:
    """Path of a frame's image."""
    return out / "images" / f"{index:06d}.jpg"


def scene_path(out: Path, index: int) -> Path:
    """Path of a frame's scene record."""
    return out / "scenes" / f"{index:06d}.json"


def write_frame(out: Path, index: int, key: str, jpeg: bytes, graph: SceneGraph, scene: dict[str, Any]) -> None:
    """Writes one frame.

    Args:
        out: The data set's folder; `images` and `scenes` exist.
        index: Number of the frame.
        key: Identifies what the frame was made from.
        jpeg: The compressed image.
        graph: Ground truth.
        scene: Record of how it was made.
    """
    path = image_path(out, index)
    with atomic_path(path) as temporary:
        temporary.write_bytes(jpeg)
    record = {"key": key, **scene, "image": {**graph.to_json(), "file": path.name}}
    write_json(scene_path(out, index), record)


def has_frame(out: Path, index: int, key: str) -> bool:
    """Whether the frame is there, complete and made from the same thing."""
    try:
        record = json.loads(scene_path(out, index).read_text(encoding="utf-8"))
        return bool(record["key"] == key) and image_path(out, index).stat().st_size > 0
    except (OSError, ValueError, KeyError, TypeError):
        return False


def write_annotations(out: Path, domain: Domain, count: int) -> None:
    """Gathers `count` scene records into annotations.json, and removes frames beyond them."""
    graphs = []
    for index in range(count):
        record = json.loads(scene_path(out, index).read_text(encoding="utf-8"))
        graphs.append(SceneGraph.from_json(record["image"]))
    for folder in ("images", "scenes"):
        for path in (out / folder).iterdir():
            stale = path.stem.isdigit() and int(path.stem) >= count
            if stale or path.name.startswith("."):  # Of an earlier, longer or interrupted run.
                path.unlink(missing_ok=True)
    write_json(out / "annotations.json", to_coco(domain, graphs))


def is_label(domain: Domain, item: SceneObject) -> bool:
    """Whether an object is seen well enough to be a label by the domain's rules; the others are ignored."""
    height = item.box[3] - item.box[1]
    if item.ignored:
        return False
    return bool((item.visibility or 0.0) >= domain.labels.min_visibility and height >= domain.labels.min_pixels)


def to_coco(domain: Domain, graphs: Iterable[SceneGraph]) -> dict[str, Any]:
    """Returns COCO detection annotations with relations."""
    category = {name: k + 1 for k, name in enumerate(domain.class_names)}
    predicate = {name: k + 1 for k, name in enumerate(domain.predicate_names)}
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    relations: list[dict[str, Any]] = []
    for image_id, graph in enumerate(graphs, start=1):
        camera = graph.camera.to_json() if graph.camera else None
        images.append(
            {
                "id": image_id,
                "file_name": graph.file,
                "width": graph.width,
                "height": graph.height,
                "stamp": graph.stamp,
                "camera": camera,
            }
        )
        first = len(annotations) + 1
        for item in graph.objects:
            x1, y1, x2, y2 = (round(float(v), 3) for v in item.box)
            width, height = round(x2 - x1, 3), round(y2 - y1, 3)
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image_id,
                    "category_id": category[item.label],
                    "bbox": [x1, y1, width, height],
                    "area": round(width * height, 3),
                    "iscrowd": int(item.ignored),
                    "ignore": int(not is_label(domain, item)),
                    "visibility": None if item.visibility is None else round(item.visibility, 4),
                    "pose": item.pose.to_json() if item.pose else None,
                    **({} if item.score == 1 else {"score": round(float(item.score), 6)}),
                }
            )
        for relation in graph.relations:
            relations.append(
                {
                    "id": len(relations) + 1,
                    "image_id": image_id,
                    "subject_id": first + relation.subject,
                    "object_id": first + relation.object,
                    "predicate_id": predicate[relation.predicate],
                }
            )
    return {
        "info": {"description": f"synthetic frames of domain {domain.name}", "domain": domain.hash()},
        "licenses": [],
        "images": images,
        "annotations": annotations,
        "categories": [{"id": k, "name": name, "supercategory": ""} for name, k in category.items()],
        "rel_categories": [
            {
                "id": predicate[p.name],
                "name": p.name,
                "inverse": p.inverse,
                "symmetric": p.symmetric,
                "frame": FRAMES[p.rule],
            }
            for p in domain.predicates
        ],
        "rel_annotations": relations,
    }


def read_dataset(out: Path | str) -> list[tuple[Path, SceneGraph]]:
    """Reads a data set's ground truth.

    Returns:
        Path of the image and its graph, in the order of the file. Objects keep their visibility and score.

    Raises:
        Sim2SGError: No such data set, or damaged.
    """
    out = Path(out)
    path = out / "annotations.json"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return _read(out, data)
    except (FileNotFoundError, NotADirectoryError):
        raise Sim2SGError(f"{path}: no such file; `sim2sg synth --out {out}` writes or completes it") from None
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise Sim2SGError(f"{path}: not COCO with relations as `sim2sg synth` writes it ({error!r})") from None


def _read(out: Path, data: dict[str, Any]) -> list[tuple[Path, SceneGraph]]:
    labels = {c["id"]: c["name"] for c in data["categories"]}
    predicates = {c["id"]: (c["name"], c.get("frame", "viewer")) for c in data["rel_categories"]}
    objects: dict[int, list[SceneObject]] = {i["id"]: [] for i in data["images"]}
    relations: dict[int, list[Relation]] = {i["id"]: [] for i in data["images"]}
    place: dict[int, int] = {}
    for a in data["annotations"]:
        x, y, w, h = a["bbox"]
        pose = Pose3D.from_json(a["pose"]) if a.get("pose") else None
        place[a["id"]] = len(objects[a["image_id"]])
        box = np.array([x, y, x + w, y + h])
        score, ignored = float(a.get("score", 1.0)), bool(a.get("iscrowd", 0))
        objects[a["image_id"]].append(
            SceneObject(labels[a["category_id"]], score, box, pose, a.get("visibility"), ignored=ignored)
        )
    for r in data["rel_annotations"]:
        name, frame = predicates[r["predicate_id"]]
        relations[r["image_id"]].append(Relation(place[r["subject_id"]], name, place[r["object_id"]], 1.0, frame))
    rows = []
    for image in data["images"]:
        width, height, camera = int(image["width"]), int(image["height"]), image.get("camera")
        graph = SceneGraph(
            width,
            height,
            tuple(objects[image["id"]]),
            tuple(relations[image["id"]]),
            image["file_name"],
            int(image.get("stamp", 0)),
            Camera.from_json(camera, width, height) if camera else None,
        )
        rows.append((out / "images" / image["file_name"], graph))
    return rows


def make_folders(out: Path) -> None:
    """Makes the data set's folders. Raises Sim2SGError when `out` is a file."""
    make_folder(out / "images")
    make_folder(out / "scenes")
