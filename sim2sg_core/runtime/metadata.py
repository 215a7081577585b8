"""What an exported model says about itself: the ONNX file's metadata and its interface."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from sim2sg_core.domains import Domain
from sim2sg_core.errors import Sim2SGError, first_line
from sim2sg_core.json_reader import JsonObject
from sim2sg_core.limits import IMAGE_SIDE, NETWORK_PIXELS, NETWORK_SIDE
from sim2sg_core.packs.pack import shipped_files
from sim2sg_core.runtime.onnx_file import check_onnx_file
from sim2sg_core.runtime.preprocessing import NetworkInput
from sim2sg_core.runtime.providers import import_onnxruntime, plain_options
from sim2sg_core.scene import Camera, PredicateRule
from sim2sg_core.scene.layout import GROUND

MODEL_FORMAT = 1
"""Version of the interface that this runtime reads (metadata key `sim2sg_format`)."""

ONNX_IR = 8
"""Version of ONNX's file format that is written: the lowest that our operators (opset 18) need, as robots keep old
runtimes. onnxruntime reads it from 1.14 on."""

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

OBJECT_AXES = {"boxes": (4,), "centres": (2,), "sizes": (3,)}
"""Of outputs that say more than one number of each object."""
AXES = {INPUT: 3, "pairs": 2, "relations": 2, **dict.fromkeys(OBJECT_AXES, 2)}
"""Number of axes beside the batch; of the others it is 1."""
OUTPUT_TYPES = {"classes": "tensor(int64)", "pairs": "tensor(int64)"}
"""In onnxruntime's words; the others are "tensor(float)"."""

MOST_OUTPUTS = 10_000
"""Objects or relations of an image: ours have 256 at most."""
LARGEST_FOCAL = 1e6  # pixels
LONGEST_ID = 200

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
        principal: Principal point of the expected camera, input pixels.
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
    principal: tuple[float, float] = (0.0, 0.0)
    quantized: str = ""
    weight_bits: int = 32

    @property
    def input(self) -> NetworkInput:
        """The network's input."""
        return NetworkInput(self.width, self.height, self.principal)

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

    @cached_property
    def insides(self) -> tuple[float | None, ...]:
        """Height of the floor of each class's hollow, as a share of its own; None for what has none."""
        return tuple(spec.inside for spec in self.domain.classes)

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
    check_onnx_file(path)
    ort = import_onnxruntime()
    try:
        session = ort.InferenceSession(str(path), plain_options(ort), providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has no common base class for its errors
        raise Sim2SGError(
            f"{path}: not an ONNX model that onnxruntime {ort.__version__} can load"
            f" ({first_line(error).split(' : ')[-1]}): give the model.onnx that `sim2sg export` or `sim2sg adapt` wrote"
        ) from None
    try:
        return read_info(session, path)
    except UnicodeDecodeError:  # of names in the graph: onnxruntime takes any bytes
        raise Sim2SGError(f"{path}: its metadata is damaged (a text is not UTF-8): export it again") from None


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
    shapes = _shapes(session, path)
    data = JsonObject(metadata, f"{path}: its metadata is damaged")
    try:
        return _info(data, shapes, provider)
    except Sim2SGError as error:
        raise Sim2SGError(f"{error}: export it again") from None


def _shapes(session: Any, path: Path) -> dict[str, tuple[int, ...]]:
    """Returns the shapes of input and outputs without the batch axis.

    Raises:
        Sim2SGError: One is not there, of another type, or of no known shape.
    """
    inputs, outputs = (
        {value.name: value for value in found} for found in (session.get_inputs(), session.get_outputs())
    )
    missing = {INPUT, *OUTPUTS} - {*inputs, *outputs}
    if missing or len(inputs) != 1 or INPUT not in inputs:
        raise Sim2SGError(
            f"{path}: damaged: wants input `{INPUT}` and outputs {', '.join(OUTPUTS)};"
            f" lacks {', '.join(sorted(missing)) or INPUT}: export it again"
        )
    shapes = {}
    for name, value in (inputs | outputs).items():
        kind = "tensor(uint8)" if name == INPUT else OUTPUT_TYPES.get(name, "tensor(float)")
        shape = tuple(value.shape[1:])
        known = all(isinstance(n, int) and n >= 0 for n in shape)
        if name in (INPUT, *OUTPUTS) and (value.type != kind or not known or len(shape) != AXES.get(name, 1)):
            raise Sim2SGError(f"{path}: damaged: {name} is {value.type} {value.shape}: export it again")
        shapes[name] = shape
    return shapes


def _info(data: JsonObject, shapes: dict[str, tuple[int, ...]], provider: str) -> ModelInfo:
    """Takes the metadata apart and compares it with the shapes of input and outputs."""
    try:
        domain = Domain.from_json(data.text("domain"))
    except Sim2SGError as error:
        raise data.error("domain", str(error)) from None
    for key, names in (("classes", domain.class_names), ("predicates", domain.predicate_names)):
        if data.embedded(key) != list(names):
            raise data.error(key, "is not as its domain has it")
    width, height = _whole(data, "input_width"), _whole(data, "input_height")
    objects, pairs = _whole(data, "max_objects"), shapes["pairs"][0]
    wanted = {INPUT: (height, width, 3), "pairs": (pairs, 2), "relations": (pairs, len(domain.predicate_names))}
    wanted |= {name: (objects, *OBJECT_AXES.get(name, ())) for name in OUTPUTS if name not in wanted}
    for name, shape in wanted.items():
        if shapes[name] != shape:
            told = "x".join(map(str, shapes[name]))
            raise data.error(name, f"the graph has {told}, and the metadata {'x'.join(map(str, shape))}")
    if width * height > NETWORK_PIXELS or max(width, height) > NETWORK_SIDE or max(objects, pairs) > MOST_OUTPUTS:
        raise data.error("input_width", f"{width}x{height} with {objects} objects and {pairs} relations are too many")
    relations, quantized = data.text("relations", "learned"), data.text("quantized", "")
    if relations not in RELATIONS:
        raise data.error("relations", f"{relations!r} is none of {', '.join(RELATIONS)}")
    weight_bits = _whole(data, "weight_bits") if "weight_bits" in data else 8 if quantized else 32  # unknown may be 8
    if weight_bits not in (WEIGHT_BITS if quantized else (32,)):
        raise data.error("weight_bits", f"weights cannot have {weight_bits} bits")
    model_id = data.text("model_id")
    if not model_id.isprintable() or not 0 < len(model_id) <= LONGEST_ID:
        raise data.error("model_id", f"wants 1 to {LONGEST_ID} characters that can be printed")
    return ModelInfo(
        model_id=model_id,
        domain=domain,
        width=width,
        height=height,
        max_objects=objects,
        focal_ref=_focal(data),
        calibrated=data.text("calibrated", "false") == "true",
        camera=_camera(data),
        relations=relations,
        provider=provider,
        principal=_principal(data, domain, width, height),
        quantized=quantized,
        weight_bits=weight_bits,
    )


def _whole(data: JsonObject, key: str) -> int:
    text = data.text(key)
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise data.error(key, f"{text[:20]!r} is no whole number")
    return int(text)


def _focal(data: JsonObject) -> float:
    try:
        focal = float(data.text("focal_ref"))
    except ValueError:
        focal = 0.0
    if not 0 < focal < LARGEST_FOCAL:
        raise data.error("focal_ref", f"{data.text('focal_ref')[:20]!r} is no focal length in pixels")
    return focal


def _principal(data: JsonObject, domain: Domain, width: int, height: int) -> tuple[float, float]:
    """Returns the expected principal point; models of before it was written have that of their domain."""
    if "principal" not in data:
        return domain.principal(width, height)
    found = data.embedded("principal")
    if not isinstance(found, list) or len(found) != 2 or not all(type(v) in (int, float) for v in found):
        raise data.error("principal", "two numbers are wanted, x and y in pixels of the input")
    x, y = (float(v) for v in found)
    if not (abs(x) < LARGEST_FOCAL and abs(y) < LARGEST_FOCAL):
        raise data.error("principal", f"[{x:g}, {y:g}] is not in the input")
    return x, y


def _camera(data: JsonObject) -> Camera | None:
    camera = data.embedded("camera", "null")
    if camera is None:
        return None
    view = JsonObject(camera, data.source, "camera")
    return Camera.from_json(view, view.whole("width", 1, IMAGE_SIDE), view.whole("height", 1, IMAGE_SIDE))
