"""From the padded outputs of the network to a scene graph."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.lifting.surfaces import Surfaces, visible_surfaces
from sim2sg_core.runtime import pose
from sim2sg_core.runtime.metadata import ModelInfo
from sim2sg_core.runtime.preprocessing import Letterbox
from sim2sg_core.runtime.relation_scores import CHOICES, relate, usable_relations
from sim2sg_core.scene import Camera, Pose3D, Relation, SceneGraph, SceneObject
from sim2sg_core.scene.depth_image import DepthImage


@dataclass(frozen=True)
class DecodeOptions:
    """What of the network's outputs goes into a graph.

    Attributes:
        object_threshold: Objects with a lower score are left out, and their relations.
        relation_threshold: Relations with a lower P(predicate | both objects) are left out.
        relations: Who decides them: "learned", the network's relation head; "rule", the domain's rules on the 3D poses
            and their uncertainty; "both", the mean of the two logits; "auto", what the model says of itself. Rules
            need a camera over a known ground: without it relations are learned.

    Raises:
        Sim2SGError: A threshold is not a probability, or `relations` is not one of `relation_scores.CHOICES`.
    """

    object_threshold: float = 0.0
    relation_threshold: float = 0.0
    relations: str = "auto"

    def __post_init__(self) -> None:
        for name in ("object_threshold", "relation_threshold"):
            if not 0 <= getattr(self, name) <= 1:
                raise Sim2SGError(f"{name} is {getattr(self, name)}: it must be from 0 to 1")
        if self.relations not in CHOICES:
            raise Sim2SGError(f"relations {self.relations!r} is not known: use one of {', '.join(CHOICES)}")


KEEP_ALL = DecodeOptions()
"""No thresholds; relations as the model says."""


@dataclass(frozen=True, eq=False)
class RawOutput:
    """What the network said of one image, before any camera or threshold: decode it as often as you like.

    Attributes:
        outputs: Name -> array without the batch axis, see `decode_graph`.
        info: The model.
        box: How the image lay in the network's input.
    """

    outputs: dict[str, np.ndarray]
    info: ModelInfo
    box: Letterbox

    def graph(
        self,
        camera: Camera | None = None,
        options: DecodeOptions = KEEP_ALL,
        *,
        file: str = "",
        stamp: int = 0,
        depth: DepthImage | None = None,
    ) -> SceneGraph:
        """Returns the scene graph; arguments and errors as of `Predictor.predict`."""
        view = camera_of(self.info, camera, *self.box.source)
        return decode_graph(self.outputs, self.info, self.box, view, options, file=file, stamp=stamp, depth=depth)


def camera_of(info: ModelInfo, camera: Camera | None, width: int, height: int) -> Camera | None:
    """Returns the camera of an image: the given one, scaled to it, else that of the training log, else None.

    Raises:
        Sim2SGError: The given one has another aspect ratio.
    """
    if camera is None:
        return info.camera_for(width, height)
    if not camera.has_aspect(width, height):
        raise Sim2SGError(
            f"the image is {width}x{height} and its camera {camera.width}x{camera.height}:"
            " give the intrinsics of this image (or no camera)"
        )
    return camera.scaled(width, height)


def decode_graph(
    outputs: dict[str, np.ndarray],
    info: ModelInfo,
    box: Letterbox,
    camera: Camera | None,
    options: DecodeOptions = KEEP_ALL,
    *,
    file: str = "",
    stamp: int = 0,
    depth: DepthImage | None = None,
) -> SceneGraph:
    """Turns the padded outputs of one image into a graph.

    Padding is told by what cannot be a result: a score of zero, a box without area inside the image, a number that is
    not finite (half precision may overflow), a pair of an object with itself.

    Args:
        outputs: Name -> array without the batch axis: boxes (K, 4), scores (K,), classes (K,),
            centres (K, 2), depths (K,), depth_stds (K,), sizes (K, 3), alphas (K,), pairs (R, 2),
            relations (R, P); boxes and centres in input pixels.
        info: Names behind the indices, and the focal length of the depths.
        box: How the image lies in the input.
        camera: Camera of the original image; None gives no poses.
        options: What goes into the graph.
        file: Name of the image, kept in the graph.
        stamp: Exposure time in nanoseconds, kept in the graph.
        depth: Aligned with the image; None leaves depths to the network and the ground.
    """
    width, height = box.source
    boxes = box.to_image(outputs["boxes"].reshape(-1, 2, 2)).clip(0, [width, height]).reshape(-1, 4)
    scores = outputs["scores"]
    order = np.argsort(-scores, kind="stable")
    finite = np.isfinite(
        np.column_stack([outputs[name] for name in ("centres", "depths", "depth_stds", "sizes", "alphas")])
    )
    real = order[((scores > 0) & (boxes[:, 2:] > boxes[:, :2]).all(axis=1) & finite.all(axis=1))[order]]
    keep = real[scores[real].astype(float) >= options.object_threshold]  # the first of them: they come best first
    how = usable_relations(info, options.relations, camera)
    # Rules look at all objects, so that a threshold leaves things out and changes nothing else.
    posed = keep if how == "learned" else real
    surfaces = None if camera is None or depth is None else visible_surfaces(depth, boxes[posed], width, height)
    lifted = None if camera is None else _lift(outputs, posed, info, box, camera, surfaces)
    objects = _objects(outputs["classes"][keep], scores[keep], boxes[keep], lifted, info)
    pairs, probabilities = outputs["pairs"], outputs["relations"]
    if how != "learned" and camera is not None and lifted is not None:
        pairs, probabilities = relate(outputs, info, how, real, lifted, camera)
    found = _relations(pairs, probabilities, keep, scores[keep], info, options.relation_threshold)
    return SceneGraph(width, height, objects, found, file, int(stamp), camera)


def _lift(
    outputs: dict[str, np.ndarray],
    real: np.ndarray,
    info: ModelInfo,
    box: Letterbox,
    camera: Camera,
    surfaces: Surfaces | None,
) -> pose.Lifted:
    """Lifts the objects `real` (network indices), in their order, to the frame of `camera`."""
    return pose.lift(
        box.to_image(outputs["centres"][real]),
        outputs["depths"][real].astype(float) * (camera.focal * box.scale / info.focal_ref),
        outputs["depth_stds"][real].astype(float),
        outputs["sizes"][real].astype(float),
        outputs["alphas"][real].astype(float),
        camera,
        info.grounded[outputs["classes"][real]],
        surfaces,
    )


def _objects(
    classes: np.ndarray, scores: np.ndarray, boxes: np.ndarray, lifted: pose.Lifted | None, info: ModelInfo
) -> tuple[SceneObject, ...]:
    """The kept objects; `lifted` may hold more, after them."""
    names, values = [info.classes[c] for c in classes.tolist()], scores.tolist()
    if lifted is None:
        return tuple(map(SceneObject, names, values, boxes))
    poses: Iterable[Pose3D | None] = map(
        Pose3D, lifted.positions, lifted.yaws.tolist(), lifted.sizes, lifted.stds.tolist()
    )
    if not lifted.seen.all():
        poses = [pose if seen else None for pose, seen in zip(poses, lifted.seen.tolist())]
    return tuple(map(SceneObject, names, values, boxes, poses))


def _relations(
    pairs: np.ndarray,
    probabilities: np.ndarray,
    keep: np.ndarray,
    scores: np.ndarray,
    info: ModelInfo,
    threshold: float,
) -> tuple[Relation, ...]:
    """Relations between kept objects, best triplet first.

    Args:
        pairs: (R, 2) network indices of subject and object.
        probabilities: (R, P).
        keep: (N,) network indices of the kept objects, in their new order.
        scores: (N,) their scores.
        info: Names and rules of the predicates.
        threshold: Least probability.
    """
    index = np.full(info.max_objects, -1)
    index[keep] = np.arange(len(keep))
    subjects, objects = index[pairs].T
    real = (subjects >= 0) & (objects >= 0) & (subjects != objects)
    rows, columns = np.nonzero(real[:, None] & (probabilities.astype(float) >= threshold) & (probabilities > 0))
    if not len(rows):
        return ()
    subjects, objects, values = subjects[rows], objects[rows], probabilities[rows, columns]
    order = np.argsort(-(values * scores[subjects] * scores[objects]), kind="stable")
    chosen = columns[order].tolist()
    names, frames = info.predicates, [rule.frame for rule in info.rules]
    return tuple(
        map(
            Relation,
            subjects[order].tolist(),
            [names[p] for p in chosen],
            objects[order].tolist(),
            values[order].tolist(),
            [frames[p] for p in chosen],
        )
    )
