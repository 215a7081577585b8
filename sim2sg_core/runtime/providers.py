"""Opens onnxruntime sessions on the best execution provider, and says which one it became."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from sim2sg_core.cores import usable_cores
from sim2sg_core.errors import Sim2SGError, first_line
from sim2sg_core.extras import pip_command
from sim2sg_core.runtime.cpu import saturates
from sim2sg_core.runtime.engines import engine_folder

logger = logging.getLogger(__name__)

PROVIDERS = {
    "tensorrt": "TensorrtExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "cpu": "CPUExecutionProvider",
}
"""Short names, best first: `auto` takes them in this order."""

BATCH = "batch"
"""Name of the batch axis in exported models."""


def import_onnxruntime() -> ModuleType:
    """Imports onnxruntime.

    Raises:
        Sim2SGError: It is not installed, or no build of it is complete; names the extras.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise Sim2SGError(
            f"onnxruntime cannot be imported ({error}): `{pip_command('cpu', 'onnxruntime')}`,"
            f" or for a GPU `{pip_command('gpu', 'onnxruntime-gpu')}` (never both: they overwrite each other's files)"
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
    device: int = 0,
    fp16: bool = False,
    cuda_graph: bool = True,
) -> tuple[Any, str]:
    """Opens a session and checks on which provider it really runs.

    On a GPU the batch axis is fixed to 1: one TensorRT engine fits, no shape has to be computed on the CPU
    between kernels, and on CUDA the whole network is captured into one CUDA graph where onnxruntime can.

    Args:
        model: The ONNX file.
        provider: "auto" (TensorRT, CUDA, CPU: the first that works), or a key of `PROVIDERS`.
        require_provider: Make a fall-back to another provider, of the session or of single nodes, an
            error instead of a warning; of "auto" one to any but the first that this onnxruntime was built with.
        threads: CPU threads of one inference; 0 takes the cores this process may use.
        cache: Folder of TensorRT's engine and timing caches; default `engines.default_cache()`.
        device: Number of the GPU.
        fp16: Let TensorRT compute in half precision; the others always compute in single.
        cuda_graph: On CUDA, capture the network into one graph; the session must then be run by `session.Runner`.

    Returns:
        The session and the short name of its provider.

    Raises:
        Sim2SGError: Unknown or missing provider, no folder for TensorRT's engines, or a file that onnxruntime cannot
            load.
    """
    if device < 0:
        raise Sim2SGError(f"device {device} is not a GPU: count them from 0, as nvidia-smi does")
    ort = import_onnxruntime()
    available = [name for name, full in PROVIDERS.items() if full in ort.get_available_providers()]
    opening = _Opening(ort, model, available, require_provider, threads, cache, device, fp16, cuda_graph)
    if provider == "auto" and not require_provider:
        session, running = opening.on_first()
    else:
        wanted = _wanted(provider, available, require_provider)
        session, running = opening.on(wanted)
        if running != wanted:
            message = f"wanted provider {wanted}, but the model runs on {running}"
            if require_provider:
                raise Sim2SGError(f"{message}: check the GPU driver and the CUDA libraries of onnxruntime-gpu")
            logger.warning("%s: inference will be SLOWER than it should be", message)
    if fp16 and running != "tensorrt":
        logger.warning("half precision is TensorRT's alone: %s computes in single precision", running)
    return session, running


def fell_back(provider: str, running: str) -> bool:
    """Whether a model runs on another provider than was asked for; of "auto", on the CPU of a build for GPUs."""
    if provider != "auto":
        return running != provider
    return running == "cpu" and PROVIDERS["cuda"] in import_onnxruntime().get_available_providers()


@dataclass(frozen=True)
class _Opening:
    """What `open_session` was asked for, and the short names of the providers that are built in, best first."""

    ort: ModuleType
    model: Path
    available: list[str]
    require_provider: bool
    threads: int
    cache: Path | None
    device: int
    fp16: bool
    cuda_graph: bool

    def on(self, wanted: str, *, last: bool = True) -> tuple[Any, str]:
        """Opens a session on a provider, with those after it to fall back on, and returns the one that runs it."""
        chain = [name for name in self.available if name == wanted or _rank(name) > _rank(wanted)]
        strict = self.require_provider and wanted != "cpu"
        if strict:
            chain = [name for name in chain if name != "cpu"]  # onnxruntime refuses it beside the option for it
        gpu = {"device_id": str(self.device)}
        settings: dict[str, dict[str, str]] = {"cuda": gpu, "cpu": {}}
        if wanted == "tensorrt":
            settings["tensorrt"] = gpu | _tensorrt_options(self.model, self.cache, self.fp16)
        try:
            options = _options(self.ort, wanted, self.threads, strict)
            chosen = {name: settings[name] for name in chain}
            session = _create(self.ort, self.model, options, chosen, self.cuda_graph, fallback=last)
        except Exception as error:  # onnxruntime has no common base class for its errors
            reason = first_line(error)
            if strict:
                raise Sim2SGError(f"{self.model}: provider {wanted} is required and cannot run it: {reason}") from None
            raise Sim2SGError(f"{self.model}: onnxruntime cannot load it: {reason}") from None
        return session, short_name(session.get_providers()[0])

    def on_first(self) -> tuple[Any, str]:
        """Opens a session on the first provider that runs it; each is tried with options of its own."""
        failures = []
        for wanted in self.available[:-1]:
            try:
                session, running = self.on(wanted, last=False)
            except Exception as error:  # no folder for engines, a driver that does not answer, onnxruntime's own
                failures.append(f"{wanted}: {first_line(error)}")
                continue
            if running == wanted:
                break
            failures.append(f"{wanted}: onnxruntime took {running} instead")
            del session  # gives back its memory before the next one needs as much
        else:
            session, running = self.on(self.available[-1] if self.available else "cpu")
        if failures and running == "cpu":
            logger.warning(
                "the model runs on the CPU, though this onnxruntime is built for GPUs (%s): inference will be SLOWER"
                " than it should be; check the GPU driver and the CUDA libraries of onnxruntime-gpu, or ask for"
                " provider cpu",
                "; ".join(failures),
            )
        elif failures:
            logger.info("the model runs on %s (%s)", running, "; ".join(failures))
        return session, running


def plain_options(ort: ModuleType) -> Any:
    """Returns options of a session that only looks at a model: nothing is optimised, nothing is said."""
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    return options


def has_cuda_graph(session: Any) -> bool:
    """Whether a session runs as one CUDA graph."""
    return bool(session.get_provider_options().get(PROVIDERS["cuda"], {}).get("enable_cuda_graph") == "1")


def _options(ort: ModuleType, wanted: str, threads: int, strict: bool) -> Any:
    options = ort.SessionOptions()
    options.log_severity_level = 3  # errors; what matters of its warnings is said by `open_session`
    options.intra_op_num_threads = threads or usable_cores()
    options.inter_op_num_threads = 1
    # Spinning wins under a millisecond and keeps the cores busy between frames.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    if saturates() is not False:
        # Weights beyond 7 bits go to slower kernels, which do not saturate; all others stay on the fast ones.
        options.add_session_config_entry("session.x64quantprecision", "1")
    if strict:
        options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    if wanted != "cpu":
        options.add_free_dimension_override_by_name(BATCH, 1)
    return options


def _create(
    ort: ModuleType,
    model: Path,
    options: Any,
    settings: dict[str, dict[str, str]],
    cuda_graph: bool,
    fallback: bool,
) -> Any:
    """Creates a session, as a CUDA graph if that can be had; `fallback` lets onnxruntime take a slower provider."""
    if cuda_graph and next(iter(settings)) == "cuda":
        captured = settings | {"cuda": settings["cuda"] | {"enable_cuda_graph": "1"}}
        providers = [(PROVIDERS[name], values) for name, values in captured.items()]
        try:
            # Without onnxruntime's own fall-back, which would print and forget the device.
            return ort.InferenceSession(str(model), options, providers=providers, enable_fallback=0)
        except Exception as error:
            logger.info("no CUDA graph (%s): launching kernels one by one", first_line(error))
    providers = [(PROVIDERS[name], values) for name, values in settings.items()]
    return ort.InferenceSession(str(model), options, providers=providers, enable_fallback=int(fallback))


def _rank(name: str) -> int:
    return list(PROVIDERS).index(name)


def _wanted(provider: str, available: list[str], required: bool) -> str:
    """Returns the provider that should run: the one asked for, or the CPU with a warning where it is not built in."""
    if provider == "auto":
        return available[0] if available else "cpu"
    if provider not in PROVIDERS:
        raise Sim2SGError(f"provider {provider!r} is not known: use auto, {', '.join(PROVIDERS)}")
    if provider in available:
        return provider
    message = (
        f"this onnxruntime has no provider {provider} (it has {', '.join(available)});"
        f" the one with GPU support comes with `{pip_command('gpu', 'onnxruntime-gpu')}`"
    )
    if required:
        raise Sim2SGError(message)
    logger.warning("%s: falling back to %s", message, available[-1])
    return available[-1]


def _tensorrt_options(model: Path, cache: Path | None, fp16: bool) -> dict[str, str]:
    """Engine and timing cache, so that an engine is built once, and the precision."""
    folder = engine_folder(model, cache, fp16)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Sim2SGError(f"{folder}: no folder for TensorRT's engines ({error.strerror}): name another one") from None
    # As words: onnxruntime refuses "1" here, and falls back to the CPU.
    return {
        "trt_engine_cache_enable": "True",
        "trt_engine_cache_path": str(folder),
        "trt_timing_cache_enable": "True",
        "trt_timing_cache_path": str(folder),
        "trt_fp16_enable": "True" if fp16 else "False",
    }
