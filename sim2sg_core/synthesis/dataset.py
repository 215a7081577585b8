"""Data sets on disk: images, one scene record each, and COCO with relations over all of them.

    out/images/000000.jpg
    out/scenes/000000.json     {"key", "seed", "image": graph in the JSON form, "layout": …, "sha256": of the image,
                               "digest": of this record}
    out/annotations.json       COCO detection, plus `pose`, `visibility`, `ignore` of every annotation, and
                               `rel_categories`, `rel_annotations` (subject_id and object_id are annotation ids).
                               Labels that were inferred have a `score`; regions of which nobody knows have `iscrowd`

A frame is complete when its image is what its scene record says, and the record is what it says of itself. The record
is written first: an image without one is not ours.
"""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import hashlib
import json
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from sim2sg_core.domains import Domain
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.files import atomic_path, make_folder, path_within
from sim2sg_core.json_reader import read_json
from sim2sg_core.scene import SceneGraph, SceneObject
from sim2sg_core.scene.coco import read_coco
from sim2sg_core.scene.coco_writing import coco_of
from sim2sg_core.scene.graph import write_json
from sim2sg_core.scene.predicates import FRAMES

logger = logging.getLogger(__name__)


def image_path(out: Path, index: int) -> Path:
    """Path of a frame's image."""
    return out / "images" / f"{index:06d}.jpg"


def scene_path(out: Path, index: int) -> Path:
    """Path of a frame's scene record."""
    return out / "scenes" / f"{index:06d}.json"


def annotations_path(out: Path) -> Path:
    """Path of what is said of all frames together."""
    return out / "annotations.json"


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
    record = {"key": key, **scene, "image": {**graph.to_json(), "file": path.name}, "sha256": _sha256(jpeg)}
    text = json.dumps({**record, "digest": _digest(record)})
    # Frames are checked before they are used: to wait for the disk at each would take long and bring nothing.
    with atomic_path(scene_path(out, index), durable=False) as temporary:
        temporary.write_text(text, encoding="utf-8")
    with atomic_path(path, durable=False) as temporary:
        temporary.write_bytes(jpeg)


class FrameState(enum.Enum):
    """What is there of a frame."""

    MISSING = enum.auto()
    WHOLE = enum.auto()
    DAMAGED = enum.auto()
    OTHER = enum.auto()
    """whole, or of an earlier version, but made from something else"""


def frame_state(out: Path, index: int, key: str) -> FrameState:
    """Says what is there of the frame that is made from what `key` identifies.

    A frame of an earlier version, whose record does not say what the image is, counts as missing.
    """
    if not scene_path(out, index).exists():
        return FrameState.OTHER if image_path(out, index).exists() else FrameState.MISSING
    record = read_record(out, index)
    if record is None:
        return FrameState.DAMAGED
    if record["key"] != key:
        return FrameState.OTHER
    if "sha256" not in record:
        return FrameState.MISSING
    try:
        jpeg = image_path(out, index).read_bytes()
    except FileNotFoundError:
        return FrameState.MISSING
    except OSError:
        return FrameState.DAMAGED
    return FrameState.WHOLE if _sha256(jpeg) == record["sha256"] else FrameState.DAMAGED


def read_record(out: Path, index: int) -> dict[str, Any] | None:
    """Returns a frame's scene record, without its digest; None where there is none, or it is damaged."""
    try:
        record = json.loads(scene_path(out, index).read_bytes())
        digest = record.pop("digest", None)  # Those of earlier versions have none.
        return record if "key" in record and digest in (None, _digest(record)) else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def numbers_in(out: Path) -> set[int]:
    """Returns the numbers of the frames of which something is there."""
    found = [*(out / "images").glob("[0-9]*.jpg"), *(out / "scenes").glob("[0-9]*.json")]
    return {int(path.stem) for path in found if path.stem.isdigit() and path.stem == f"{int(path.stem):06d}"}


def write_annotations(out: Path, domain: Domain, count: int) -> None:
    """Gathers `count` scene records into annotations.json."""
    graphs = []
    for index in range(count):
        graphs.append(SceneGraph.from_json(read_json(scene_path(out, index)).object("image")))
    write_json(annotations_path(out), to_coco(domain, graphs))


def files_of(out: Path) -> list[Path]:
    """Returns the files of a finished data set: the annotations, and the images and records that they name."""
    files = [annotations_path(out)]
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
        names = [image["file_name"] for image in json.loads(files[0].read_bytes())["images"]]
        files += [
            file for name in names for file in (out / "images" / name, (out / "scenes" / name).with_suffix(".json"))
        ]
    return files


def is_label(domain: Domain, item: SceneObject) -> bool:
    """Whether an object is seen well enough to be a label by the domain's rules; the others are ignored.

    One whose visibility is not known is taken to be seen whole.
    """
    seen = 1.0 if item.visibility is None else item.visibility
    height = item.box[3] - item.box[1]
    return bool(not item.ignored and seen >= domain.labels.min_visibility and height >= domain.labels.min_pixels)


def with_ignored(domain: Domain, graph: SceneGraph) -> SceneGraph:
    """Returns ground truth in which the objects that are no labels by the domain's rules are marked as ignored."""
    objects = tuple(dataclasses.replace(item, ignored=not is_label(domain, item)) for item in graph.objects)
    return dataclasses.replace(graph, objects=objects)


def to_coco(domain: Domain, graphs: Iterable[SceneGraph]) -> dict[str, Any]:
    """Returns COCO detection annotations with relations."""
    predicates = [
        {"name": p.name, "inverse": p.inverse, "symmetric": p.symmetric, "frame": FRAMES[p.rule]}
        for p in domain.predicates
    ]
    info = {"description": f"synthetic frames of domain {domain.name}", "domain": domain.hash()}
    return coco_of(
        graphs, domain.class_names, predicates, info=info, is_ignored=lambda item: not is_label(domain, item)
    )


def read_dataset(out: Path | str, domain: Domain | None = None) -> list[tuple[Path, SceneGraph]]:
    """Reads a data set's ground truth.

    Args:
        out: The data set's folder.
        domain: What it is read for, whose classes its labels are checked against; None checks nothing.

    Returns:
        Path of the image and its graph, in the order of the file. Objects keep their visibility and score.

    Raises:
        Sim2SGError: No such data set, damaged, or it labels none of the domain's classes.
    """
    path = annotations_path(Path(out))
    if not path.is_file():
        raise Sim2SGError(f"{path}: no such file; `sim2sg synth --out {out}` writes or completes it")
    data = read_coco(path)
    if domain is not None:
        _check_classes(Path(out), data.labels, domain)
    rows = []
    for image in data.images:
        objects = tuple(
            SceneObject(a.label, a.score, a.box, a.pose, a.visibility, ignored=a.is_region)
            for a in data.annotations[image.id]
        )
        relations = tuple(data.relations[image.id])
        graph = SceneGraph(image.width, image.height, objects, relations, image.file_name, image.stamp, image.camera)
        rows.append((path_within(path.parent / "images", image.file_name), graph))
    return rows


def _check_classes(out: Path, labels: Sequence[str], domain: Domain) -> None:
    """Refuses labels of another domain: as all of them would be ignored, images would teach background alone."""
    others = [name for name in labels if name not in domain.class_names]
    lacking = [name for name in domain.class_names if name not in labels]
    if len(lacking) == len(domain.class_names):
        raise Sim2SGError(
            f"{out}: labels {', '.join(others) or 'nothing'}, and no class of {domain.name}"
            f" ({', '.join(domain.class_names)}): give a data set of that domain, or the domain of this one"
        )
    if others or lacking:
        told = {"ignored": others, "not labelled, and so taught as background": lacking}
        said = "; ".join(f"{what}: {', '.join(names)}" for what, names in told.items() if names)
        logger.warning("%s: its classes are not those of %s (%s)", out, domain.name, said)


def make_folders(out: Path) -> None:
    """Makes the data set's folders. Raises Sim2SGError when `out` is a file."""
    make_folder(out / "images")
    make_folder(out / "scenes")


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _digest(record: dict[str, Any]) -> str:
    return _sha256(json.dumps(record).encode())[:16]
