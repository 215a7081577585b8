"""Export to ONNX: the file that the robot runs. What comes out is checked against torch before it is kept."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import numpy as np
import torch

from sim2sg_core.domains import Domain
from sim2sg_core.errors import Sim2SGError, printable
from sim2sg_core.extras import pip_command
from sim2sg_core.files import atomic_path
from sim2sg_core.model.network import Graphs, SceneGraphNetwork
from sim2sg_core.model.onnx_graph import onnx_graph
from sim2sg_core.model.onnx_storage import halve_weights
from sim2sg_core.model.relation_head import LEAST_PRESENCE
from sim2sg_core.runtime.metadata import INPUT, LONGEST_ID, MODEL_FORMAT, ONNX_IR, RELATIONS
from sim2sg_core.scene import Camera

BOX_TOLERANCE = 0.1
"""pixels"""
SCORE_TOLERANCE = 1e-4
RELATION_TOLERANCE = 3e-3  # the relation head attends over all objects, and their rounding errors add up
MAX_SWAPPED = 0.07
"""Share of objects that may be the neighbouring peak, where two cells tie"""


def export_onnx(
    network: SceneGraphNetwork,
    domain: Domain,
    path: Path | str,
    *,
    model_id: str | None = None,
    camera: Camera | None = None,
    calibrated: bool = False,
    images: np.ndarray | None = None,
    relations: str = "learned",
    half: bool = False,
) -> Path:
    """Writes the network as ONNX with everything in it that running it takes.

    Args:
        network: The network; its mode is kept.
        domain: Saved whole in the metadata.
        path: Where to; replaced only by a file that passed the check.
        model_id: Name of the model in every graph it makes; default: domain and a random suffix.
        camera: Camera of the log that the network was adapted to.
        calibrated: Whether the scores' temperatures were fitted.
        images: (N, H, W, 3) uint8 letterboxed images to check parity on, beside drawn ones.
        relations: Who decides relations unless the user of the model says otherwise: "learned", "rule" or
            "both", see `runtime.Predictor.predict`.
        half: Store the weights in half precision. Those of `network` are rounded to it.

    Raises:
        Sim2SGError: `relations` is not known, onnx is missing, or the file does not do what the network does.
    """
    if relations not in RELATIONS:
        raise Sim2SGError(f"relations {relations!r} is not known: use one of {', '.join(RELATIONS)}")
    path = Path(path)
    if half:
        network.half().float()
    with atomic_path(path) as temporary:
        _write(network, temporary, _metadata(network, domain, model_id, camera, calibrated, relations), half)
        check_parity(network, temporary, images)
    return path


def _metadata(
    network: SceneGraphNetwork,
    domain: Domain,
    model_id: str | None,
    camera: Camera | None,
    calibrated: bool,
    relations: str,
) -> dict[str, str]:
    """What the runtime reads, as strings."""
    config = network.config
    view = None if camera is None else {"width": camera.width, "height": camera.height, **camera.to_json()}
    return {
        "sim2sg_format": str(MODEL_FORMAT),
        "model_id": printable(model_id or "")[:LONGEST_ID] or f"{domain.name}-{uuid.uuid4().hex[:8]}",
        "domain": json.dumps(domain.to_portable_json()),
        "classes": json.dumps(list(domain.class_names)),
        "predicates": json.dumps(list(domain.predicate_names)),
        "inverses": json.dumps(domain.inverses()),
        "input_width": str(config.width),
        "input_height": str(config.height),
        "max_objects": str(config.max_objects),
        "focal_ref": repr(float(config.focal_ref)),
        "principal": json.dumps([float(v) for v in config.principal]),
        "camera": json.dumps(view),
        "calibrated": "true" if calibrated else "false",
        "box": domain.box,
        "relations": relations,
    }


def _write(network: SceneGraphNetwork, path: Path, metadata: dict[str, str], half: bool) -> None:
    """Writes the network's graph with its metadata, its weights in half precision or not."""
    try:
        import onnx
        import onnxscript  # noqa: F401  (torch.onnx needs it and reports its absence obscurely)
    except ImportError as error:
        raise Sim2SGError(
            f"export needs the package {error.name}: {pip_command('train', 'onnx', 'onnxscript')}"
        ) from None
    model = onnx_graph(network)
    model.ir_version = ONNX_IR
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, metadata)
    for item in (*model.graph.node, *model.graph.value_info, *model.graph.initializer):
        del item.metadata_props[:]  # stack traces of the exporting machine
    if half:
        halve_weights(model)
    onnx.save(model, path)


def check_parity(network: SceneGraphNetwork, path: Path, images: np.ndarray | None = None) -> None:
    """Compares the exported file with the network, detections matched first since ties may swap.

    Args:
        network: The network.
        path: The ONNX file.
        images: (N, H, W, 3) uint8 images beside the drawn ones.

    Raises:
        Sim2SGError: Some box differs by more than 0.1 pixels, some score by more than 1e-4, or a
            relation by more than 3e-3.
    """
    try:
        import onnxruntime
    except ImportError:
        raise Sim2SGError(f"export checks its result with onnxruntime: {pip_command('cpu', 'onnxruntime')}") from None
    config = network.config
    batch = _drawn_images(config.width, config.height)
    if images is not None:
        batch = np.concatenate([batch, images])
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    training, device = network.training, network.score_temperature.device
    network.eval().cpu()
    try:
        with torch.no_grad():
            for start, stop in ((0, 1), (1, len(batch))):  # the batch is dynamic: one, then the rest
                part = batch[start:stop]
                expected = [value.numpy() for value in network(torch.from_numpy(part))]
                found = session.run(list(Graphs._fields), {INPUT: part})
                for index in range(len(part)):
                    _compare(
                        Graphs(*(v[index] for v in expected)),
                        Graphs(*(v[index] for v in found)),
                        start + index,
                    )
    finally:
        network.train(training).to(device)


def _compare(torch_graph: Graphs, onnx_graph: Graphs, image: int) -> None:
    """Matches the objects of two graphs of one image and compares boxes, scores and relations."""
    ours, theirs = torch_graph, onnx_graph
    # The last places are decided by rounding: what scored about like the last one may be another object.
    floor = max(ours.scores[-1], theirs.scores[-1]) + 100 * SCORE_TOLERANCE
    partner = np.full(len(ours.scores), -1)
    unmatched: list[int] = []
    worst = 0.0
    for i, box in enumerate(ours.boxes):
        gap = np.abs(theirs.boxes - box).max(axis=1) + 1e3 * (theirs.classes != ours.classes[i])
        gap[partner[:i][partner[:i] >= 0]] = np.inf
        # Of objects that reach beyond the image the boxes are alike: all of it. Their centres are not.
        apart = np.abs(theirs.centres - ours.centres[i]).max(axis=1)
        j = int(np.lexsort((apart, np.maximum(gap, BOX_TOLERANCE)))[0])
        if gap[j] <= BOX_TOLERANCE and abs(theirs.scores[j] - ours.scores[i]) <= SCORE_TOLERANCE:
            partner[i] = j
        elif ours.scores[i] > floor:
            unmatched.append(i)
            worst = max(worst, float(gap[j]))
    # Two neighbouring cells of equal heat: rounding decides which is the peak, and its box is the other's.
    if len(unmatched) > MAX_SWAPPED * len(ours.scores):
        raise Sim2SGError(
            f"the exported model differs from the network on check image {image}: {len(unmatched)} objects"
            f" (the best scored {ours.scores[unmatched[0]]:.5f}) are off by up to {worst:.3f} px or"
            f" {SCORE_TOLERANCE} in score"
        )
    # Every object sees the others as far as they are there, padding too, a little: where one is another, all
    # relations move. Where nothing is there, as in noise, they are of nothing, and move as far as they like.
    tolerance = RELATION_TOLERANCE + float(np.maximum(ours.scores[partner < 0], LEAST_PRESENCE).sum())
    least = floor if (partner < 0).any() else 0.0
    table = {tuple(pair): row for pair, row in zip(theirs.pairs.tolist(), theirs.relations, strict=True)}
    for (subject, object_), row in zip(ours.pairs.tolist(), ours.relations, strict=True):
        other = table.get((int(partner[subject]), int(partner[object_])))
        there = min(ours.scores[subject], ours.scores[object_]) >= least
        if other is not None and there and np.abs(row - other).max() > tolerance:
            raise Sim2SGError(
                f"the exported model differs from the network on check image {image}: a relation's score is "
                f"off by {np.abs(row - other).max():.2e}"
            )


def _drawn_images(width: int, height: int) -> np.ndarray:
    """Returns (6, H, W, 3) uint8: noise, and boxes on a slope of grey, so that objects are likely."""
    rng = np.random.default_rng(0)
    images = np.empty((6, height, width, 3), np.uint8)
    images[:2] = rng.integers(0, 256, (2, height, width, 3), dtype=np.uint8)
    for image in images[2:]:
        image[:] = np.linspace(90, 180, height).astype(np.uint8)[:, None, None]
        for _ in range(8):
            x, y = rng.integers(0, [width - 24, height - 24])
            w, h = rng.integers(12, [width // 4, height // 3])
            image[y : y + h, x : x + w] = rng.integers(0, 256, 3)
        # A sensor's noise: on flat areas neighbouring cells would tie, and rounding choose the peak.
        image[:] = np.clip(image + rng.normal(0, 8, image.shape), 0, 255)
    return images
