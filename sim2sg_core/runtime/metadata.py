"""What an exported model says about itself: the ONNX file's metadata and its interface."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from sim2sg_core.domains import Domain
from sim2sg_core.errors import Sim2SGError, first_line
from sim2sg_core.packs.pack import shipped_files
from sim2sg_core.runtime.providers import import_onnxruntime
from sim2sg_core.scene import Camera, PredicateRule
from sim2sg_core.scene.layout import GROUND

MODEL_FORMAT = 1
"""Version of the interface that this runtime reads (metadata key `sim2sg_format`)."""

INPUT = "image"
OUTPUTS = (
    "boxes",
    "scores",
    "classes",
    "centres",
    "depths",
    "depth_stds",
    "sizes",
    "alphas",
    "pairs",
    "relations",
)

RELATIONS = ("learned", "rule", "both")
"""Who decides relations: the network's relation head, the rules on the lifted 3D poses, or both together."""

WEIGHT_BITS = (7, 8)
"""Of quantised models; `cpu` says which CPUs 8 are for."""


@dataclass(frozen=True)
class ModelInfo:
    """What a model knows and how it runs.

    Attributes:
        model_id: Name of this very model; goes into every graph.
        domain: What it was trained for. The network's class and predicate indices follow the domain's order.
        width: Network input, pixels.
        height: Network input, pixels.
        max_objects: Objects per image that the network gives at most (K).
        focal_ref: Focal length, in input pixels, that depths are normalised to.
        calibrated: Whether the scores were calibrated on held-out frames.
        camera: Camera of the training log, or None.
        relations: Who decides relations unless the user says otherwise, one of `RELATIONS`.
        provider: Short name of the execution provider that runs it; empty when it does not run.
        quantized: "int8" when its convolutions run in 8 bits, for CPUs (`sim2sg quantize`); empty for a float model.
        weight_bits: Bits of the quantised weights, one of `WEIGHT_BITS`; 32 for a float model.
    """

    model_id: str
    domain: Domain
    width: int
    height: int
    max_objects: int
    focal_ref: float
    calibrated: bool
    camera: Camera | None
    relations: str = "learned"
    provider: str = ""
    quantized: str = ""
    weight_bits: int = 32

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names by the network's index."""
        return self.domain.class_names

    @property
    def predicates(self) -> tuple[str, ...]:
        """Forward predicates by the network's index."""
        return self.domain.predicate_names

    @cached_property
    def rules(self) -> tuple[PredicateRule, ...]:
        """The rule of each predicate."""
        return self.domain.rules()

    @cached_property
    def related(self) -> np.ndarray:
        """(C,) bool: whether relations are stated for objects of each class."""
        return np.array([name in self.domain.related_names for name in self.classes], bool)

    @cached_property
    def grounded(self) -> np.ndarray:
        """(C,) bool: whether objects of each class stand on the ground and nowhere else."""
        return np.array([set(spec.supports) == {GROUND} for spec in self.domain.classes], bool)

    @cached_property
    def surfaces(self) -> tuple[tuple[float, ...], ...]:
        """Heights at which others stand on each class, as shares of its own."""
        return tuple(spec.surfaces for spec in self.domain.classes)

    def camera_for(self, width: int, height: int) -> Camera | None:
        """Returns the training camera scaled to an image, or None when it cannot be that camera's."""
        if self.camera is None or not self.camera.has_aspect(width, height):
            return None
        return self.camera.scaled(width, height)


def load_info(model: Path | str) -> ModelInfo:
    """Reads what a model says about itself, without optimising or running it.

    Raises:
        Sim2SGError: No such file, not an ONNX file, not one of ours, or of a newer format.
    """
    path = check_file(model)
    ort = import_onnxruntime()
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    try:
        session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has no common base class for its errors
        raise Sim2SGError(
            f"{path}: not an ONNX model that onnxruntime {ort.__version__} can load"
            f" ({first_line(error).split(' : ')[-1]}): give the model.onnx that `sim2sg export` or `sim2sg adapt` wrote"
        ) from None
    return read_info(session, path)


def check_file(model: Path | str) -> Path:
    """Returns the model's path, also of one that ships with the package and is called by its name.

    Raises:
        Sim2SGError: It cannot be an ONNX file.
    """
    path = Path(model)
    if not path.is_file() and str(model) in (shipped := pretrained_models()):
        return shipped[str(model)]
    if path.is_dir():
        raise Sim2SGError(f"{path}: a folder, not a model: did you mean {path / 'model.onnx'}?")
    if not path.is_file():
        names = ", ".join(pretrained_models())
        by_name = f"; by name there is {names}" if names else ""
        raise Sim2SGError(f"{path}: no such file: `sim2sg adapt` and `sim2sg export` write model.onnx{by_name}")
    if path.suffix == ".pt":
        raise Sim2SGError(f"{path}: a training checkpoint: turn it into ONNX with `sim2sg export`")
    return path


def pretrained_models() -> dict[str, Path]:
    """Returns the models that installed packs bring, by name."""
    return shipped_files("model.onnx")


def read_info(session: Any, path: Path, provider: str = "") -> ModelInfo:
    """Reads and checks the metadata and the interface of an open session."""
    metadata: dict[str, str] = session.get_modelmeta().custom_metadata_map
    if "sim2sg_format" not in metadata:
        raise Sim2SGError(
            f"{path}: an ONNX model, but not one of sim2sg (no `sim2sg_format` in its metadata):"
            " give the model.onnx that `sim2sg export` or `sim2sg adapt` wrote"
        )
    form = metadata["sim2sg_format"]
    if form != str(MODEL_FORMAT):
        raise Sim2SGError(
            f"{path}: model format {form}, and this sim2sg reads format {MODEL_FORMAT}:"
            " upgrade sim2sg, or export the model again with this version"
        )
    missing = set(OUTPUTS) - {output.name for output in session.get_outputs()}
    if missing or [value.name for value in session.get_inputs()] != [INPUT]:
        raise Sim2SGError(
            f"{path}: damaged: wants input `{INPUT}` and outputs {', '.join(OUTPUTS)};"
            f" lacks {', '.join(sorted(missing)) or INPUT}: export it again"
        )
    try:
        domain = Domain.from_json(metadata["domain"])
        for key, names in (("classes", domain.class_names), ("predicates", domain.predicate_names)):
            if tuple(json.loads(metadata[key])) != names:
                raise ValueError(f"{key} other than its domain's")
        camera = json.loads(metadata.get("camera", "null"))
        relations = metadata.get("relations", "learned")
        if relations not in RELATIONS:
            raise ValueError(f"relations {relations!r}")
        quantized = metadata.get("quantized", "")
        weight_bits = int(metadata.get("weight_bits", 8 if quantized else 32))  # unknown may be 8
        if weight_bits not in (WEIGHT_BITS if quantized else (32,)):
            raise ValueError(f"weight_bits {weight_bits}")
        return ModelInfo(
            model_id=metadata["model_id"],
            domain=domain,
            width=int(metadata["input_width"]),
            height=int(metadata["input_height"]),
            max_objects=int(metadata["max_objects"]),
            focal_ref=float(metadata["focal_ref"]),
            calibrated=metadata.get("calibrated", "false") == "true",
            camera=Camera.from_json(camera, int(camera["width"]), int(camera["height"])) if camera else None,
            relations=relations,
            provider=provider,
            quantized=quantized,
            weight_bits=weight_bits,
        )
    except (KeyError, TypeError, ValueError, Sim2SGError) as error:
        reason = str(error) if isinstance(error, Sim2SGError) else repr(error)
        raise Sim2SGError(f"{path}: its metadata is damaged ({reason}): export it again") from None
