"""KITTI's labelled frames as this project's training data, and their split by drives: for the oracle alone."""

from __future__ import annotations

import csv
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sim2sg_core.domains import Domain
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.evaluation.kitti_format import HARDEST, load_kitti
from sim2sg_core.evaluation.labelled_images import TargetImage
from sim2sg_core.lifting.extrinsics import with_extrinsics
from sim2sg_core.scene import Camera, SceneGraph, SceneObject
from sim2sg_core.scene.graph import write_json
from sim2sg_core.scene.predicates import derive_relations
from sim2sg_core.synthesis.dataset import make_folders, to_coco

HELD_OUT_EVERY = 8
LOOKS_LIKE = {"person_sitting": "pedestrian", "tram": "truck"}
"""Neither labels of these classes nor background: they are ignored."""
NOT_LABELLED = ("car", "pedestrian", "cyclist", "truck")
"""What may be in a region that is labelled as DontCare."""
CAMERA_EXTRINSICS = np.array([1.65, 0.0, 0.0])  # height in metres, pitch, roll: those of KITTI's car
DRIVES = "drives.csv"


def read_drives(folder: Path) -> dict[str, str]:
    """Returns {image's stem: drive} from `drives.csv` (file,drive).

    Raises:
        Sim2SGError: No such file.
    """
    path = folder / DRIVES
    if not path.is_file():
        raise Sim2SGError(f"{path}: no such file; it says of which drive each image is (file,drive)")
    with path.open(newline="") as file:
        return {Path(row["file"]).stem: row["drive"] for row in csv.DictReader(file)}


def fold_of(drives: Sequence[str]) -> dict[str, int]:
    """Splits drives into two halves of about as many images: {drive: 0 or 1}; `drives` has that of each image."""
    sizes, halves = [0, 0], {}
    for drive, count in sorted(Counter(drives).items(), key=lambda item: (-item[1], item[0])):
        half = int(sizes[1] < sizes[0])
        halves[drive] = half
        sizes[half] += count
    return halves


def convert(folder: Path, out: Path, domain: Domain, without_fold: int, held_out: bool) -> int:
    """Writes the images of one half of the drives as `sim2sg synth` does.

    Args:
        folder: KITTI's.
        out: The data set.
        domain: Gives classes and predicates.
        without_fold: The half that is left out, since it is scored.
        held_out: Write every eighth image of the others, else all but these.

    Returns:
        The number of images.
    """
    drives = read_drives(folder)
    halves = fold_of(list(drives.values()))
    targets = [t for t in load_kitti(folder, domain) if halves[drives[Path(t.file).stem]] != without_fold]
    chosen = [t for n, t in enumerate(targets) if (n % HELD_OUT_EVERY == 0) == held_out]
    make_folders(out)
    for target in chosen:
        shutil.copyfile(target.path, out / "images" / target.file)
    data = to_coco(domain, [labelled_graph(target, domain) for target in chosen])
    data["info"]["description"] = f"KITTI labels for domain {domain.name}"
    write_json(out / "annotations.json", data)
    return len(chosen)


def labelled_graph(target: TargetImage, domain: Domain) -> SceneGraph:
    """Returns the ground truth of an image to train on.

    An object is a label where it counts at the hardest difficulty; the others, unlabelled regions and classes that look
    like ours are neither taught nor background. KITTI labels neither plants nor houses: an oracle never finds any.
    """
    camera = target.camera or Camera(target.width, target.height, np.eye(3))
    camera = with_extrinsics(camera, CAMERA_EXTRINSICS)
    objects = []
    for item in target.objects:
        label = LOOKS_LIKE.get(item.label, item.label)
        if label in domain.class_names:
            counts = label == item.label and HARDEST in item.levels
            objects.append(SceneObject(label, 1.0, item.box, item.pose, visibility=1.0 if counts else 0.0))
    stated = domain.related_names
    # Those between which relations are stated come first: facts are told by their indices.
    taught = sorted((item for item in objects if item.visibility), key=lambda item: item.label not in stated)
    poses = [item.pose for item in taught if item.label in stated and item.pose is not None]
    facts = derive_relations(poses, camera, domain.rules())
    rest = [item for item in objects if not item.visibility]
    rest += [SceneObject(name, 1.0, box, visibility=0.0) for box in target.regions for name in NOT_LABELLED]
    return SceneGraph(target.width, target.height, (*taught, *rest), facts, target.file, camera=camera)
