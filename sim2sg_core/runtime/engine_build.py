"""Builds a TensorRT engine before the robot needs it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.runtime.engines import engine_folder, find_engine
from sim2sg_core.runtime.metadata import check_file
from sim2sg_core.runtime.predictor import Predictor


@dataclass(frozen=True)
class Built:
    """An engine in the cache.

    Attributes:
        folder: Where it lies, with the timing cache that made it.
        size: Bytes of its files.
        seconds: How long loading the model took, building included.
        new: Whether it was built now; otherwise it lay there.
    """

    folder: Path
    size: int
    seconds: float
    new: bool


def build_engine(model: Path | str, cache: Path | None = None, *, device: int = 0, fp16: bool = False) -> Built:
    """Builds a model's TensorRT engine unless a fitting one is in the cache.

    Args:
        model: ONNX file written by `sim2sg export` or `sim2sg adapt`.
        cache: Folder of the caches; default `default_cache()`.
        device: Number of the GPU.
        fp16: Let TensorRT compute in half precision.

    Raises:
        Sim2SGError: Not a model of ours, no TensorRT, or TensorRT builds no engine of it.
    """
    path = check_file(model)
    known = {engine: engine.stat().st_mtime_ns for engine in find_engine(path, cache, fp16)}
    started = time.perf_counter()
    # A part that fell back to CUDA or CPU would be a surprise on the robot.
    predictor = Predictor(path, "tensorrt", True, device=device, cache=cache, fp16=fp16)
    predictor.warm_up(1)  # engines may be built as late as at the first run
    seconds = time.perf_counter() - started
    engines = find_engine(path, cache, fp16)
    if not engines:
        raise Sim2SGError(f"{path}: TensorRT left no engine in {engine_folder(path, cache, fp16)}: is the disk full?")
    new = any(known.get(engine) != engine.stat().st_mtime_ns for engine in engines)
    return Built(engines[0].parent, sum(engine.stat().st_size for engine in engines), seconds, new)
