"""Opens onnxruntime sessions on the best execution provider, and says which one it became."""

from __future__ import annotations

import hashlib
import importlib.metadata
import logging
import os
import shutil
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

from sim2sg_core.errors import Sim2SGError

logger = logging.getLogger(__name__)

PROVIDERS = {
    "tensorrt": "TensorrtExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "cpu": "CPUExecutionProvider",
}
"""Short names, best first: `auto` takes them in this order."""


def import_onnxruntime() -> ModuleType:
    """Imports onnxruntime.

    Raises:
        Sim2SGError: It is not installed, or no build of it is complete; names the extras.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise Sim2SGError(
            f"onnxruntime cannot be imported ({error}): install one of `pip install 'sim2sg[cpu]'` and"
            " `pip install 'sim2sg[gpu]'` (never both: they overwrite each other's files)"
        ) from None
    if not hasattr(onnxruntime, "InferenceSession"):
        raise Sim2SGError(
            "onnxruntime is damaged, which happens when onnxruntime and onnxruntime-gpu are both"
            " installed: uninstall both, then install one of sim2sg[cpu] and sim2sg[gpu]"
        )
    return onnxruntime


def short_name(provider: str) -> str:
    """Returns "tensorrt", "cuda", "cpu" for onnxruntime's own names (others lower-cased)."""
    short = {full: name for name, full in PROVIDERS.items()}
    return short.get(provider, provider.removesuffix("ExecutionProvider").lower())


def open_session(
    model: Path,
    provider: str = "auto",
    *,
    require_provider: bool = False,
    threads: int = 0,
    cache: Path | None = None,
) -> tuple[Any, str]:
    """Opens a session and checks on which provider it really runs.

    Args:
        model: The ONNX file.
        provider: "auto" (TensorRT, CUDA, CPU: the first that this onnxruntime was built with), or a
            key of `PROVIDERS`.
        require_provider: Make a fall-back to another provider, of the session or of single nodes, an
            error instead of a warning.
        threads: CPU threads of one inference; 0 takes the cores this process may use.
        cache: Folder of TensorRT's engine and timing caches; default `~/.cache/sim2sg/tensorrt`.

    Returns:
        The session and the short name of its provider.

    Raises:
        Sim2SGError: Unknown or missing provider, or a file that onnxruntime cannot load.
    """
    ort = import_onnxruntime()
    available = [name for name, full in PROVIDERS.items() if full in ort.get_available_providers()]
    wanted = _wanted(provider, available, require_provider)
    chain = [name for name in available if name == wanted or _rank(name) > _rank(wanted)]
    if require_provider and wanted != "cpu":
        chain = [name for name in chain if name != "cpu"]  # onnxruntime refuses it beside the flag below

    options = ort.SessionOptions()
    options.log_severity_level = 3  # errors; what matters of its warnings is said below
    options.intra_op_num_threads = threads or usable_cores()
    options.inter_op_num_threads = 1
    # Spinning wins under a millisecond and keeps the cores busy between frames.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    if require_provider and wanted != "cpu":
        options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    settings = [(PROVIDERS[n], _tensorrt_options(model, cache) if n == "tensorrt" else {}) for n in chain]
    try:
        session = ort.InferenceSession(str(model), options, providers=settings)
    except Exception as error:  # onnxruntime has no common base class for its errors
        reason = str(error).strip().splitlines()[0]
        if require_provider and wanted != "cpu":
            raise Sim2SGError(f"{model}: provider {wanted} is required and cannot run it: {reason}") from None
        raise Sim2SGError(f"{model}: onnxruntime cannot load it: {reason}") from None
    running = short_name(session.get_providers()[0])
    if running != wanted:
        message = f"wanted provider {wanted}, but the model runs on {running}"
        if require_provider:
            raise Sim2SGError(f"{message}: check the GPU driver and the CUDA libraries of onnxruntime-gpu")
        logger.warning("%s: inference will be SLOWER than it should be", message)
    return session, running


def usable_cores() -> int:
    """Number of CPU cores that this process may run on."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every platform
        return os.cpu_count() or 1


def _rank(name: str) -> int:
    return list(PROVIDERS).index(name)


def _wanted(provider: str, available: list[str], required: bool) -> str:
    """Returns the provider that should run: the one asked for, or CPU, loudly, where it is not built in."""
    if provider == "auto":
        return available[0] if available else "cpu"
    if provider not in PROVIDERS:
        raise Sim2SGError(f"provider {provider!r} is not known: use auto, {', '.join(PROVIDERS)}")
    if provider in available:
        return provider
    message = (
        f"this onnxruntime has no provider {provider} (it has {', '.join(available)});"
        " the one with GPU support comes with `pip install 'sim2sg[gpu]'`"
    )
    if required:
        raise Sim2SGError(message)
    logger.warning("%s: falling back to %s", message, available[-1])
    return available[-1]


def _tensorrt_options(model: Path, cache: Path | None) -> dict[str, Any]:
    """Engine and timing cache, keyed by all that makes an engine invalid, so that it is built once."""
    root = cache or Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "sim2sg" / "tensorrt"
    folder = root / _engine_key(model)
    folder.mkdir(parents=True, exist_ok=True)
    return {
        "trt_engine_cache_enable": True,
        "trt_engine_cache_path": str(folder),
        "trt_timing_cache_enable": True,
        "trt_timing_cache_path": str(folder),
    }


def _engine_key(model: Path) -> str:
    """Hash of the model file and of the versions of onnxruntime, TensorRT, GPU and driver."""
    digest = hashlib.sha256(model.read_bytes())
    for package in ("onnxruntime-gpu", "tensorrt"):
        try:
            digest.update(f"{package}={importlib.metadata.version(package)}".encode())
        except importlib.metadata.PackageNotFoundError:
            digest.update(f"{package}=system".encode())
    if tool := shutil.which("nvidia-smi"):
        query = [tool, "--query-gpu=name,driver_version", "--format=csv,noheader"]
        digest.update(subprocess.run(query, capture_output=True, timeout=10, check=False).stdout)
    return digest.hexdigest()[:16]
