"""TensorRT engines: where they are kept, and building one before the robot needs it."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from sim2sg_core.errors import Sim2SGError

SUFFIX = ".engine"
"""Of the files that onnxruntime writes for engines."""


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


def default_cache() -> Path:
    """Returns the folder of all engines of this user, unless he names another."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sim2sg" / "tensorrt"


def engine_folder(model: Path, cache: Path | None = None, fp16: bool = False) -> Path:
    """Returns the folder of a model's engine; it need not be there.

    Its name is a hash of all that makes an engine useless: the model file, the precision, and the versions of
    onnxruntime, TensorRT, GPU and driver.
    """
    digest = hashlib.sha256(model.read_bytes())
    digest.update(b"fp16" if fp16 else b"fp32")
    for package in ("onnxruntime-gpu", "tensorrt"):
        digest.update(f"{package}={_version(package)}".encode())
    if tool := shutil.which("nvidia-smi"):
        query = [tool, "--query-gpu=name,driver_version", "--format=csv,noheader"]
        digest.update(subprocess.run(query, capture_output=True, timeout=10, check=False).stdout)
    return (cache or default_cache()) / digest.hexdigest()[:16]


def find_engine(model: Path, cache: Path | None = None, fp16: bool = False) -> list[Path]:
    """Returns the engine files of a model that fit this machine; none when it must be built first."""
    return sorted(path for path in engine_folder(model, cache, fp16).glob(f"*{SUFFIX}") if path.stat().st_size)


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
    from sim2sg_core.runtime.metadata import check_file
    from sim2sg_core.runtime.predictor import Predictor

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


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "system"
