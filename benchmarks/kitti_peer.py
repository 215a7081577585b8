"""A detector that was trained on other people's labels, on KITTI: its boxes over the ground, relations by rule."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from kitti_data import CAMERA_EXTRINSICS

from sim2sg_core.domains import Domain
from sim2sg_core.evaluation.labelled_images import TargetImage
from sim2sg_core.images import read_image
from sim2sg_core.lifting import lift_box
from sim2sg_core.lifting.extrinsics import with_extrinsics
from sim2sg_core.runtime.detectors import Detections, TiledDetector, open_detector
from sim2sg_core.runtime.detectors.mapped_detections import mapped
from sim2sg_core.runtime.pose import level_covariances
from sim2sg_core.scene import Camera, Relation, SceneGraph, SceneObject
from sim2sg_core.scene.class_mapping import ClassMapping
from sim2sg_core.scene.graph import save_graphs
from sim2sg_core.scene.predicates import level_placements, soft_rule_matrix

MAPPING = "person=pedestrian,car=car,truck=truck,person+bicycle=cyclist"
MOST_RELATED = 30
"""Objects of an image between which relations are told: the surest; 50 triplets are scored."""
MOST_RELATIONS = 300


def predict_peer(model: Path, targets: Sequence[TargetImage], domain: Domain, out: Path, tiled: bool) -> None:
    """Writes the peer's graphs of labelled images.

    Args:
        model: See `open_detector`.
        targets: The images.
        domain: Gives sizes and rules.
        out: The file.
        tiled: Whether enlarged tiles are looked at too.
    """
    detector = open_detector(model)
    mapping = ClassMapping.parse(MAPPING)
    mapping.check_names(detector.names)
    look = TiledDetector(detector) if tiled else detector
    graphs = (peer_graph(mapped(look(read_image(target.path)), mapping), target, domain) for target in targets)
    save_graphs(out, graphs, model.name)


def peer_graph(found: Detections, target: TargetImage, domain: Domain) -> SceneGraph:
    """Returns the graph of an image: every box lifted over the ground, relations by the domain's rules."""
    assert target.camera is not None
    camera = with_extrinsics(target.camera, CAMERA_EXTRINSICS)
    objects, stds = [], []
    for name, score, box in zip(found.names.tolist(), found.scores.tolist(), found.boxes, strict=True):
        pose, std = lift_box(box, domain.class_spec(name).mean_size(), camera)
        objects.append(SceneObject(name, score, box, pose))
        stds.append(std)
    relations = relate_peer(objects[:MOST_RELATED], np.array(stds[:MOST_RELATED]), camera, domain)
    return SceneGraph(target.width, target.height, tuple(objects), relations, target.file)


def relate_peer(
    objects: Sequence[SceneObject], stds: np.ndarray, camera: Camera, domain: Domain
) -> tuple[Relation, ...]:
    """Returns the likeliest triplets by rule; `stds` are the relative deviations of the depths."""
    poses = [item.pose for item in objects if item.pose is not None]
    if len(poses) < 2:
        return ()
    covariances = level_covariances(np.array([pose.position for pose in poses]), stds, camera)
    placements = level_placements(poses, camera)
    scores = np.array([item.score for item in objects])
    found = []
    for rule in domain.rules():
        chance = soft_rule_matrix(placements, covariances, rule)
        pairs = np.argwhere(~np.eye(len(poses), dtype=bool))
        found += [Relation(int(s), rule.name, int(o), float(chance[s, o])) for s, o in pairs if chance[s, o] > 0]
    found.sort(key=lambda r: -r.score * scores[r.subject] * scores[r.object])
    return tuple(found[:MOST_RELATIONS])
