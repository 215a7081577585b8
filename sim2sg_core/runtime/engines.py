"""TensorRT engines: where they are kept."""

from __future__ import annotations

import hashlib
import importlib.metadata
import shutil
import subprocess
from pathlib import Path

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.files import user_cache

SUFFIX = ".engine"
"""Of the files that onnxruntime writes for engines."""
ANSWER_S = 10.0
"""Seconds that nvidia-smi may take to name the GPU: of a driver that is stuck it never does."""


def default_cache() -> Path:
    """Returns the folder of all engines of this user, unless he names another."""
    return user_cache("tensorrt")


def engine_folder(model: Path, cache: Path | None = None, fp16: bool = False) -> Path:
    """Returns the folder of a model's engine; it need not be there.

    Its name is a hash of all that makes an engine useless: the model file, the precision, and the versions of
    onnxruntime, TensorRT, GPU and driver.

    Raises:
        Sim2SGError: nvidia-smi does not answer.
    """
    digest = hashlib.sha256(model.read_bytes())
    digest.update(b"fp16" if fp16 else b"fp32")
    for package in ("onnxruntime-gpu", "tensorrt"):
        digest.update(f"{package}={_version(package)}".encode())
    if tool := shutil.which("nvidia-smi"):
        query = [tool, "--query-gpu=name,driver_version", "--format=csv,noheader"]
        try:
            digest.update(subprocess.run(query, capture_output=True, timeout=ANSWER_S, check=False).stdout)
        except subprocess.TimeoutExpired:
            raise Sim2SGError(
                f"{tool} does not answer within {ANSWER_S:g} s: see that the GPU's driver works, or do without TensorRT"
                " (--provider cpu)"
            ) from None
    return (cache or default_cache()) / digest.hexdigest()[:16]


def find_engine(model: Path, cache: Path | None = None, fp16: bool = False) -> list[Path]:
    """Returns the engine files of a model that fit this machine; none when it must be built first."""
    return sorted(path for path in engine_folder(model, cache, fp16).glob(f"*{SUFFIX}") if path.stat().st_size)


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "system"
