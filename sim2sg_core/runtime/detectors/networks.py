"""Runs the networks of other makers, by the type of their file: an image in, named arrays out.

A new type is a class with the members of `Network`, put into `NETWORKS` under its suffix.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from sim2sg_core.cores import usable_cores
from sim2sg_core.errors import Sim2SGError, first_line
from sim2sg_core.runtime.detectors.class_names import parse_class_names
from sim2sg_core.runtime.providers import import_onnxruntime
from sim2sg_core.runtime.session import failing


class Network(Protocol):
    """Runs one file.

    Attributes:
        size: Width and height of its input, pixels; None where it takes any.
        names: Class names that the file holds; () for none.
    """

    size: tuple[int, int] | None
    names: tuple[str, ...]

    def run(self, image: np.ndarray) -> dict[str, np.ndarray]:
        """Returns the outputs for an (H, W, 3) uint8 RGB image of the input's size."""


class OnnxNetwork:
    """An ONNX file. A uint8 input gets pixels as they are, a float input divided by 255."""

    def __init__(self, file: Path) -> None:
        """Opens a file.

        Raises:
            Sim2SGError: It cannot be read, or does not take one image.
        """
        self._file = file
        ort = import_onnxruntime()
        options = ort.SessionOptions()
        options.intra_op_num_threads = usable_cores()
        available = ort.get_available_providers()
        providers = [p for p in ("CUDAExecutionProvider", "CPUExecutionProvider") if p in available]
        try:
            self._session = ort.InferenceSession(str(file), options, providers=providers)
        except Exception as error:  # onnxruntime has no common base class for its errors
            raise Sim2SGError(
                f"{file}: onnxruntime cannot open it ({first_line(error)}); give a whole ONNX file"
            ) from None
        self.names = parse_class_names(self._session.get_modelmeta().custom_metadata_map.get("names", ""))
        inputs = self._session.get_inputs()
        shape = list(inputs[0].shape)
        last = len(shape) - 1
        if len(inputs) != 1 or len(shape) not in (3, 4) or 3 not in (shape[-3], shape[last]):
            told = ", ".join(f"{i.name} {i.shape} {i.type}" for i in inputs)
            raise Sim2SGError(
                f"{file}: inputs {told}: a detector takes one image, (1, 3, H, W), (1, H, W, 3) or without the 1;"
                " export it with that input alone"
            )
        if len(shape) == 4 and isinstance(shape[0], int) and shape[0] != 1:
            raise Sim2SGError(f"{file}: takes batches of {shape[0]} images; export it for one, or for any number")
        self._input, self._batched = inputs[0], len(shape) == 4
        self._channels_first = shape[-3] == 3
        rows, columns = shape[-2:] if self._channels_first else shape[-3:-1]
        fixed = isinstance(rows, int) and isinstance(columns, int) and rows > 0 and columns > 0
        self.size = (columns, rows) if fixed else None
        types = {"tensor(uint8)": np.uint8, "tensor(float)": np.float32, "tensor(float16)": np.float16}
        if self._input.type not in types:
            raise Sim2SGError(f"{file}: its input is {self._input.type}; images are uint8, float or float16")
        self._dtype = types[self._input.type]

    def run(self, image: np.ndarray) -> dict[str, np.ndarray]:
        """Runs it on one image."""
        pixels = image if self._dtype == np.uint8 else (image / np.float32(255)).astype(self._dtype)
        pixels = pixels.transpose(2, 0, 1) if self._channels_first else pixels
        with failing("run", self._file):
            values = self._session.run(None, {self._input.name: pixels[None] if self._batched else pixels})
        names = [output.name for output in self._session.get_outputs()]
        return dict(zip(names, map(np.asarray, values), strict=True))


class TensorFlowNetwork:
    """A frozen TensorFlow graph (.pb) with OpenCV's description of it (.pbtxt), which prepares the pixels itself."""

    names: tuple[str, ...] = ()

    def __init__(self, file: Path) -> None:
        """Opens a graph, and its description: the .pbtxt of the same name, else the only one in its folder.

        Raises:
            Sim2SGError: One of the two is not there or cannot be read.
        """
        self._file = file
        description = find_description(file)
        try:
            self._net = cv2.dnn.readNetFromTensorflow(str(file), str(description))
        except cv2.error as error:
            raise Sim2SGError(
                f"{file} with {description.name}: OpenCV cannot read them ({first_line(error)});"
                " give a frozen graph and the .pbtxt that tf_text_graph_*.py of OpenCV made of it, or an ONNX file"
            ) from None
        self.size = _described_size(description.read_text(encoding="utf-8", errors="replace"))

    def run(self, image: np.ndarray) -> dict[str, np.ndarray]:
        """Runs it on one image."""
        try:
            self._net.setInput(cv2.dnn.blobFromImage(np.ascontiguousarray(image)))
            names = self._net.getUnconnectedOutLayersNames()
            return dict(zip(names, map(np.asarray, self._net.forward(names)), strict=True))
        except cv2.error as error:
            raise Sim2SGError(f"{self._file}: OpenCV cannot run it ({first_line(error)}); give a whole graph") from None


NETWORKS: dict[str, Callable[[Path], Network]] = {".onnx": OnnxNetwork, ".pb": TensorFlowNetwork}
"""What opens a file, by its suffix."""


def files_of(file: Path) -> tuple[Path, ...]:
    """Returns all files that a network is read from. Raises Sim2SGError when one is not there."""
    return (file, find_description(file)) if file.suffix.lower() == ".pb" else (file,)


def find_description(graph: Path) -> Path:
    """Returns the .pbtxt of a frozen graph. Raises Sim2SGError when there is none, or no telling which."""
    named = graph.with_suffix(".pbtxt")
    if named.is_file():
        return named
    found = sorted(graph.parent.glob("*.pbtxt"))
    if len(found) != 1:
        there = f"{len(found)} others are there" if found else "there is none"
        raise Sim2SGError(f"{graph}: OpenCV needs its description {named.name} beside it, and {there}: put it there")
    return found[0]


def _described_size(text: str) -> tuple[int, int] | None:
    """Width and height of the first node, the image; None where they are free."""
    dims = [int(v) for v in re.findall(r"size:\s*(-?\d+)", text.split("\nnode", 1)[0])]
    return (dims[2], dims[1]) if len(dims) == 4 and min(dims[1:3]) > 0 else None
