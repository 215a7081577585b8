"""Small real ONNX detectors whose outputs are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

TYPES = {np.dtype(np.float32): TensorProto.FLOAT, np.dtype(np.uint8): TensorProto.UINT8}


def write_detector(
    path: Path,
    outputs: Mapping[str, np.ndarray],
    shape: Sequence[int | str] = (1, 3, 64, 96),
    dtype: type = np.float32,
    bright: str = "",
    names: Sequence[str] = (),
) -> Path:
    """Writes a detector that says the same of every image.

    Args:
        path: Where to.
        outputs: By name.
        shape: Of its input.
        dtype: Of its input.
        bright: Name of an output that is multiplied by the input's largest value.
        names: Class names in its metadata, as Ultralytics writes them.
    """
    nodes = [
        helper.make_node("Cast", ["images"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMax", ["pixels"], ["brightest"], keepdims=0),
    ]
    values, results = [], []
    for name, array in outputs.items():
        values.append(numpy_helper.from_array(array, f"{name}_value"))
        factor = ["Mul", [f"{name}_value", "brightest"]] if name == bright else ["Identity", [f"{name}_value"]]
        nodes.append(helper.make_node(*factor, [name]))
        results.append(helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape))
    image = helper.make_tensor_value_info("images", TYPES[np.dtype(dtype)], shape)
    model = helper.make_model(
        helper.make_graph(nodes, "detector", [image], results, values),
        opset_imports=[helper.make_opsetid("", 18)],
        ir_version=9,
    )
    if names:
        helper.set_model_props(model, {"names": repr(dict(enumerate(names)))})
    onnx.save(model, path)
    return path


def ssd(rows: Sequence[Sequence[float]]) -> dict[str, np.ndarray]:
    """SSD's output: rows (class, score, x1, y1, x2, y2) of shares, and a row that ends the list."""
    table = np.array([[0, *row] for row in rows] + [[-1, 0, 0, 0, 0, 0, 0]], np.float32)
    return {"detection_out": table[None, None]}


def yolo(rows: Sequence[Sequence[float]], classes: int, objectness: bool) -> dict[str, np.ndarray]:
    """YOLO's output: rows (class, score, centre x, centre y, width, height) in input pixels; 200 places."""
    table = np.zeros((200, 4 + objectness + classes), np.float32)
    for row, (label, score, *box) in zip(table, rows, strict=False):
        row[:4] = box
        if objectness:
            row[4] = 1.0
        row[4 + objectness + int(label)] = score
    return {"output0": table[None] if objectness else table.T[None]}


def final(rows: Sequence[Sequence[float]], count: int = 300) -> dict[str, np.ndarray]:
    """The output of detectors that suppress doubles themselves: rows (class, score, x1, y1, x2, y2), then zeros."""
    table = np.zeros((1, count, 6), np.float32)
    for row, (label, score, *box) in zip(table[0], rows, strict=False):
        row[:] = *box, score, label
    return {"output0": table}


def lists(rows: Sequence[Sequence[float]]) -> dict[str, np.ndarray]:
    """Torchvision's outputs: rows (class, score, x1, y1, x2, y2) in pixels."""
    table = np.array(rows, np.float32).reshape(-1, 6)
    return {"boxes": table[:, 2:], "labels": table[:, 0].astype(np.int64), "scores": table[:, 1]}
