"""What an ONNX file holds, read before onnxruntime sees it: from the wire, without the package onnx.

Robots run models without that package, and onnxruntime folds constants while it loads: a file of a few bytes can make
it allocate gigabytes or loop for ever. So operators, data outside the file, tensors and metadata are looked at first.

Source: onnx.proto3 of ONNX 1.x, and the encoding of protocol buffers: a message is a list of (field, wire type, value).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.limits import (
    ONNX_BYTES,
    ONNX_METADATA_BYTES,
    ONNX_NODES,
    ONNX_TENSOR_VALUES,
    check_file_size,
    check_limit,
)

_NAMES = """
Abs Add And ArgMax Asinh Atan AveragePool BatchNormalization Cast CastLike Ceil Clip Concat Constant Conv Cos
DequantizeLinear Div Equal Erf Exp Expand Flatten Floor Gather GatherElements GatherND Gemm GlobalAveragePool
Greater GreaterOrEqual GroupNormalization HardSigmoid HardSwish Identity InstanceNormalization IsInf IsNaN
LayerNormalization Less LessOrEqual Log MatMul Max MaxPool Min Mod Mul Neg Not Or Pad Pow QuantizeLinear Reciprocal
ReduceL2 ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum Relu Reshape Resize Round ScatterElements ScatterND
Shape Sigmoid Sign Sin Size Slice Softmax Softplus Split Sqrt Squeeze Sub Sum Tanh TopK Transpose Trilu Unsqueeze
Where Xor
"""
OPERATORS = frozenset(_NAMES.split())
"""What we export, in 8 bits too, and its like: none loops, draws numbers, or makes a tensor of nothing but a size."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


@dataclass
class OnnxFile:
    """What is in a file.

    Attributes:
        ir_version: Of the format.
        opsets: Version of the operators by their domain; "" is ONNX's own.
        operators: Names, with "domain:" before those that are not ONNX's own.
        nodes: Number of nodes, in graphs within nodes too.
        metadata: The model's own.
        external: Names of tensors whose values lie in other files.
        largest: Values of the largest tensor, by its dimensions.
    """

    ir_version: int = 0
    opsets: dict[str, int] = field(default_factory=dict)
    operators: set[str] = field(default_factory=set)
    nodes: int = 0
    metadata: dict[str, str] = field(default_factory=dict)
    external: list[str] = field(default_factory=list)
    largest: int = 0


def check_onnx_file(path: Path) -> OnnxFile:
    """Reads what is in a file, and refuses what we never export.

    Raises:
        Sim2SGError: Too large, no ONNX, data outside it, other operators, or too much of anything.
    """
    check_file_size(path, ONNX_BYTES)
    try:
        found = read_onnx_file(path)
    except (ValueError, IndexError, RecursionError):  # the wire ends within a value
        raise Sim2SGError(
            f"{path}: not an ONNX model (damaged or cut short): give the model.onnx that `sim2sg export` or"
            " `sim2sg adapt` wrote"
        ) from None
    again = "export it again with this version"
    if found.external:
        raise Sim2SGError(f"{path}: not an ONNX model in one file: {found.external[0]!r} lies in another; {again}")
    if others := sorted(found.operators - OPERATORS):
        names = ", ".join(repr(name) for name in others[:5])
        raise Sim2SGError(f"{path}: has operators that sim2sg never exports ({names}): it is not run; {again}")
    size = sum(len(key) + len(value) for key, value in found.metadata.items())
    check_limit(path, "bytes of metadata", size, ONNX_METADATA_BYTES, again)
    check_limit(path, "nodes", found.nodes, ONNX_NODES, again)
    check_limit(path, "values in one tensor", found.largest, ONNX_TENSOR_VALUES, again)
    return found


def read_onnx_file(path: Path) -> OnnxFile:
    """Reads what is in a file. Raises ValueError or IndexError when it is no protocol buffer."""
    found = OnnxFile()
    _model(memoryview(path.read_bytes()), found)
    if not found.nodes:
        raise ValueError("no graph")
    return found


def _model(data: memoryview, found: OnnxFile) -> None:
    for number, value in _fields(data):
        if number == 1 and isinstance(value, int):
            found.ir_version = value
        elif number == 7:
            _graph(_message(value), found)
        elif number == 8:
            entry = dict(_fields(_message(value)))
            found.opsets[_text(entry.get(1))] = int(str(entry.get(2, 0)))
        elif number == 14:
            entry = dict(_fields(_message(value)))
            found.metadata[_text(entry.get(1))] = _text(entry.get(2))
        elif number in (20, 25):  # training, functions
            found.operators.add("function" if number == 25 else "training")


def _graph(data: memoryview, found: OnnxFile) -> None:
    for number, value in _fields(data):
        if number == 1:
            _node(_message(value), found)
        elif number == 5:
            _tensor(_message(value), found)
        elif number == 15:
            found.operators.add("sparse tensor")


def _node(data: memoryview, found: OnnxFile) -> None:
    name, domain = "", ""
    for number, value in _fields(data):
        if number == 4:
            name = _text(value)
        elif number == 7:
            domain = _text(value)
        elif number == 5:
            for key, part in _fields(_message(value)):  # an attribute
                if key in (5, 10):
                    _tensor(_message(part), found)
                elif key in (6, 11):  # graphs: of control flow alone
                    _graph(_message(part), found)
    found.operators.add(name if domain in ("", "ai.onnx") else f"{domain}:{name}")
    found.nodes += 1


def _tensor(data: memoryview, found: OnnxFile) -> None:
    name, count, elsewhere = "", 1, False
    for number, value in _fields(data):
        if number == 1:
            for length in [value] if isinstance(value, int) else _varints(_message(value)):
                count *= length
        elif number == 8:
            name = _text(value)
        elif number == 13 or (number == 14 and value):
            elsewhere = True
    if elsewhere:
        found.external.append(name)
    found.largest = max(found.largest, count)


def _fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yields number and value of the fields of a message."""
    at, end = 0, len(data)
    while at < end:
        key, at = _varint(data, at)
        kind = key & 7
        if kind == _VARINT:
            value, at = _varint(data, at)
            yield key >> 3, value
            continue
        if kind == _BYTES:
            length, at = _varint(data, at)
        elif kind in (_FIXED64, _FIXED32):
            length = 8 if kind == _FIXED64 else 4
        else:
            raise ValueError("a wire type that is not used")
        if length > end - at:
            raise ValueError("cut short")
        yield key >> 3, data[at : at + length]
        at += length


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    """Returns the number that begins at a place, and the place behind it."""
    value = 0
    for shift in range(0, 70, 7):
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
    raise ValueError("a number of more than 64 bits")


def _varints(data: memoryview) -> Iterator[int]:
    at = 0
    while at < len(data):
        value, at = _varint(data, at)
        yield value


def _message(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise ValueError("a number where a message is wanted")
    return value


def _text(value: int | memoryview | None) -> str:
    if isinstance(value, int):
        raise ValueError("a number where a text is wanted")
    return "" if value is None else bytes(value).decode("utf-8", "replace")
