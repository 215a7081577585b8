"""Runs an open onnxruntime session on images, by the cheapest way that its provider has."""

from __future__ import annotations

import contextlib
import functools
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sim2sg_core.errors import Sim2SGError, first_line
from sim2sg_core.limits import ONNX_RUN_BYTES
from sim2sg_core.runtime.metadata import INPUT, OUTPUTS, ModelInfo
from sim2sg_core.runtime.preprocessing import PADDING
from sim2sg_core.runtime.providers import has_cuda_graph, import_onnxruntime, open_session, plain_options

logger = logging.getLogger(__name__)

TYPES = {"tensor(float)": np.float32, "tensor(int64)": np.int64}
DEVICES = {"cuda": "cuda", "tensorrt": "cuda"}
"""Where the tensors of a provider lie, in onnxruntime's words; the others' lie in main memory."""


class Runner:
    """Runs a session on batches of any size.

    A session whose batch axis is free takes the batch as it is. One of a fixed batch of 1 (see
    `providers.open_session`) takes its images one by one, through tensors that are allocated once, on the GPU
    where the provider has one: a CUDA graph reads and writes the same addresses at every run. Measured on a CPU
    the two ways cost the same. Not thread-safe.
    """

    def __init__(self, session: Any, provider: str = "cpu", device: int = 0) -> None:
        """Allocates what the session needs.

        Args:
            session: From `providers.open_session`.
            provider: Short name of the provider that it runs on.
            device: Number of the GPU.
        """
        self._session = session
        self._binding = _Binding(session, DEVICES.get(provider, "cpu"), device) if is_fixed(session) else None

    def __call__(self, images: np.ndarray) -> list[np.ndarray]:
        """Runs the network.

        Args:
            images: (B, H, W, 3) uint8 RGB, letterboxed.

        Returns:
            The outputs in the order of `metadata.OUTPUTS`, each (B, …); they stay valid after the next call.

        Raises:
            Sim2SGError: onnxruntime fails, for want of memory too.
        """
        if self._binding is None:
            with failing("run"):
                return list(self._session.run(OUTPUTS, {INPUT: images}))
        with failing("run"):
            each = [self._binding.run(image[None]) for image in images]
        return each[0] if len(each) == 1 else [np.concatenate(parts) for parts in zip(*each, strict=True)]


@contextlib.contextmanager
def failing(what: str, model: Path | str = "the model") -> Iterator[None]:
    """Turns errors of onnxruntime, which have no common base class, into one line: it cannot `what` the model."""
    try:
        yield
    except Sim2SGError:
        raise
    except Exception as error:
        reason = first_line(error).split("Status Message: ")[-1]
        raise Sim2SGError(
            f"{model}: onnxruntime cannot {what} it ({reason}): free memory, or export the model again"
        ) from None


def check_runs(model: Path, info: ModelInfo) -> None:
    """Runs a model once on a grey image, within `limits.ONNX_RUN_BYTES`, before it is run without bounds.

    Nothing is optimised: constants are folded only when the session is opened that will be used.

    Raises:
        Sim2SGError: It fails, needs more memory, or gives other shapes or indices than it says.
    """
    ort = import_onnxruntime()
    _limit_arena()
    options = plain_options(ort)
    options.add_session_config_entry("session.use_env_allocators", "1")
    shrink = ort.RunOptions()
    shrink.log_severity_level = 4
    shrink.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")  # gives it back afterwards
    image = np.full((1, info.height, info.width, 3), PADDING, np.uint8)
    with failing("run", model):
        session = ort.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        values = session.run(OUTPUTS, {INPUT: image}, shrink)
    declared = {output.name: output.shape for output in session.get_outputs()}
    for name, value in zip(OUTPUTS, values, strict=True):
        if list(value.shape) != [1, *declared[name][1:]]:
            raise Sim2SGError(f"{model}: damaged: {name} is {value.shape}, and is said to be {declared[name]}")
    try:
        check_outputs(dict(zip(OUTPUTS, values, strict=True)), info)
    except Sim2SGError as error:
        raise Sim2SGError(f"{model}: damaged: {error}") from None


def check_outputs(outputs: Mapping[str, np.ndarray], info: ModelInfo) -> None:
    """Checks that outputs, of one image or several, mean something.

    Raises:
        Sim2SGError: A class or an object that there is not, or a score that is not finite.
    """
    for name, count in (("classes", len(info.classes)), ("pairs", info.max_objects)):
        indices = outputs[name]
        if indices.size and not 0 <= indices.min() <= indices.max() < count:
            raise Sim2SGError(f"{name} has {indices.max()} and {indices.min()}, and there are {count}: export it again")
    for name in ("scores", "relations"):
        if not np.isfinite(outputs[name]).all():
            raise Sim2SGError(f"{name} that are not finite: its weights are damaged; export it again")


@functools.cache
def _limit_arena() -> None:
    """Gives this process an allocator with a limit, for sessions that ask for it; onnxruntime keeps one for good."""
    ort = import_onnxruntime()
    about = ort.OrtMemoryInfo("Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT)
    ort.create_and_register_allocator(about, ort.OrtArenaCfg({"max_mem": ONNX_RUN_BYTES}))


def open_runner(model: Path, provider: str = "auto", *, device: int = 0, **options: Any) -> tuple[Runner, str]:
    """Opens a model, ready to run; arguments and errors as of `providers.open_session`.

    Returns:
        What runs it, and the short name of its provider.
    """
    session, running = open_session(model, provider, device=device, **options)
    runner = Runner(session, running, device)
    if has_cuda_graph(session):
        try:
            blank = np.zeros(session.get_inputs()[0].shape, np.uint8)
            for _ in range(3):  # the first runs capture the graph, the last replays it
                runner(blank)
        except Exception as error:  # onnxruntime has no common base class for its errors
            logger.info("no CUDA graph (%s): launching kernels one by one", first_line(error))
            session, running = open_session(model, running, device=device, cuda_graph=False, **options)
            runner = Runner(session, running, device)
    return runner, running


class _Binding:
    """Input and outputs of a session of fixed shapes, bound once."""

    def __init__(self, session: Any, device: str, number: int) -> None:
        value = import_onnxruntime().OrtValue
        self._session = session
        self._binding = session.io_binding()
        [image] = session.get_inputs()
        self._image = value.ortvalue_from_shape_and_type(image.shape, np.uint8, device, number)
        self._binding.bind_ortvalue_input(INPUT, self._image)
        outputs = {output.name: output for output in session.get_outputs()}
        self._outputs = []
        for name in OUTPUTS:
            shape = [1, *outputs[name].shape[1:]]
            self._outputs.append(value.ortvalue_from_shape_and_type(shape, TYPES[outputs[name].type], device, number))
            self._binding.bind_ortvalue_output(name, self._outputs[-1])

    def run(self, image: np.ndarray) -> list[np.ndarray]:
        self._image.update_inplace(image)
        self._session.run_with_iobinding(self._binding)
        self._binding.synchronize_outputs()
        # A copy: what lies in main memory is a view of the tensor that the next run overwrites.
        return [np.array(output.numpy()) for output in self._outputs]


def is_fixed(session: Any) -> bool:
    """Whether all shapes of a session are known, for one image at a time."""
    shapes = [session.get_inputs()[0].shape, *([1, *output.shape[1:]] for output in session.get_outputs())]
    return shapes[0][0] == 1 and all(isinstance(length, int) for shape in shapes for length in shape)
