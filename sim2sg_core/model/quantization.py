"""8-bit models for CPUs: an exported model's convolutions in int8, calibrated on frames that need no labels.

The convolutions up to the heads take nine tenths of the time on a CPU, and CPUs multiply bytes several times as
fast as floats. Static quantisation as of Jacob et al. (CVPR 2018): weights signed with a scale for each output
channel, activations unsigned with the range seen on the calibration frames. The last convolution of each head and
all behind it stay float: peaks of the heat map are cells that equal the largest around them, of which bytes make
plateaus, and one scale would serve boxes, depths and angles alike.

Needs onnx and onnxruntime; no torch.
"""

from __future__ import annotations

import contextlib
import logging
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.files import atomic_path
from sim2sg_core.model.onnx_storage import widen_weights
from sim2sg_core.runtime.metadata import INPUT, ONNX_IR, WEIGHT_BITS, load_info
from sim2sg_core.runtime.preprocessing import letterbox
from sim2sg_core.runtime.session import check_runs

INT8 = "int8"
"""Value of the metadata key `quantized`, and suffix of the model's id."""

OPERATORS = ("Conv", "Add", "Resize", "Clip", "Relu")
"""What runs in 8 bits: convolutions, and what lies between them, lest every one goes to float and back."""


@dataclass(frozen=True)
class Quantized:
    """An 8-bit model.

    Attributes:
        path: The file.
        model_id: Its name in every graph that it makes.
        frames: Number of frames that it was calibrated on.
        convolutions: Number of convolutions that run in 8 bits.
        weight_bits: Bits of their weights.
    """

    path: Path
    model_id: str
    frames: int
    convolutions: int
    weight_bits: int


def quantize(model: Path | str, images: Iterable[np.ndarray], out: Path | str, *, weight_bits: int = 7) -> Quantized:
    """Writes the 8-bit version of a model.

    Args:
        model: ONNX file written by `sim2sg export` or `sim2sg adapt`.
        images: Some dozen frames of the camera that it will see, each (h, w, 3) uint8 RGB of any size.
        out: Where to; replaced only by a file that loads.
        weight_bits: One of `WEIGHT_BITS`. 7 are fast and right on every CPU; 8 are slower on x86 without VNNI.

    Raises:
        Sim2SGError: Not a model of ours, already in 8 bits, nothing to quantise in it, no images, onnx is missing, or
            no such `weight_bits`.
    """
    if weight_bits not in WEIGHT_BITS:
        raise Sim2SGError(f"weights of {weight_bits} bits: they can have {' or '.join(map(str, WEIGHT_BITS))}")
    model, out = Path(model), Path(out)
    info = load_info(model)
    check_runs(model, info)
    if info.quantized:
        raise Sim2SGError(f"{model}: is in {info.quantized} already: give the float model that it was made of")
    if out.exists() and out.samefile(model):
        raise Sim2SGError(f"{out}: is the model itself, which this would replace: name another file")
    try:
        import onnx
    except ImportError:
        raise Sim2SGError("quantising needs the package onnx: pip install onnx") from None
    inputs = [letterbox(image, info.input)[0][None] for image in images]
    if not inputs:
        raise Sim2SGError("quantising needs frames to see what values occur: give a log or folder that has images")
    proto = onnx.load(model)
    widen_weights(proto)
    nodes = backbone_nodes(proto.graph)
    convolutions = [node.name for node in nodes if node.op_type == "Conv"]
    if not convolutions:
        raise Sim2SGError(f"{model}: has no convolutions before its heads, so there is nothing to quantise")
    properties = {item.key: item.value for item in proto.metadata_props}
    properties |= {"model_id": f"{info.model_id}-{INT8}", "quantized": INT8, "weight_bits": str(weight_bits)}
    with tempfile.TemporaryDirectory() as folder, atomic_path(out) as temporary:
        source, raw = Path(folder) / "float.onnx", Path(folder) / "model.onnx"
        onnx.save(proto, source)
        _quantize_nodes(source, raw, [node.name for node in nodes], inputs, weight_bits)
        result = onnx.load(raw)
        onnx.helper.set_model_props(result, properties)
        result.ir_version = ONNX_IR
        onnx.save(result, temporary)
        load_info(temporary)
    return Quantized(out, properties["model_id"], len(inputs), len(convolutions), weight_bits)


def backbone_nodes(graph: Any) -> list[Any]:
    """Returns the nodes of an ONNX graph that are to run in 8 bits.

    They are those of `OPERATORS` before the first MaxPool, which looks for the heat map's peaks, less the
    convolutions whose output is read from there on: the last ones of the heads.
    """
    nodes = list(graph.node)
    first = next((i for i, node in enumerate(nodes) if node.op_type == "MaxPool"), 0)
    read = {name for node in nodes[first:] for name in node.input}
    return [
        node
        for node in nodes[:first]
        if node.op_type in OPERATORS and not (node.op_type == "Conv" and read.intersection(node.output))
    ]


def _quantize_nodes(source: Path, target: Path, names: list[str], inputs: list[np.ndarray], weight_bits: int) -> None:
    """Writes a model with the named nodes in 8 bits, calibrated on (1, H, W, 3) inputs."""
    with _quiet():
        from onnxruntime.quantization import (
            CalibrationDataReader,
            CalibrationMethod,
            QuantFormat,
            QuantType,
            quantize_static,
        )

        class Reader(CalibrationDataReader):
            """Hands out the inputs, once."""

            rest = iter(inputs)

            def get_next(self) -> dict[str, np.ndarray] | None:
                """Returns the next one by name, None at the end."""
                image = next(self.rest, None)
                return None if image is None else {INPUT: image}

        quantize_static(
            str(source),
            str(target),
            Reader(),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(OPERATORS),
            nodes_to_quantize=names,
            per_channel=True,
            reduce_range=weight_bits == 7,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
        )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps onnxruntime's advice, which goes to the root logger, from the user's screen."""
    root, silent = logging.getLogger(), logging.NullHandler()
    before = logging.root.manager.disable
    root.addHandler(silent)  # without any handler the first message would install one for good
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
        root.removeHandler(silent)
