"""What the network says of the frames of logs: on this machine, or in batches on the workers of a Ray cluster."""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.fleet import Fleet, Inline, Loaded
from sim2sg_core.image_headers import read_header
from sim2sg_core.images import decode_image
from sim2sg_core.logs import LogFrame, decoded
from sim2sg_core.logs.decoded import Damage
from sim2sg_core.runtime import Predictor
from sim2sg_core.runtime.graph_decoding import RawOutput

BATCH = 8
"""Most frames that a worker is given at a time."""
BATCH_BYTES = 4 << 20
"""Of frames as they are sent: no more are put into a batch once it has so many."""

Inferred = tuple[LogFrame, RawOutput, Callable[[], np.ndarray]]
"""A frame, what the network says of it, and what returns its image."""
Sent = bytes | np.ndarray | None
"""An image file, or pixels; None where there is neither."""


def infer_here(frames: Iterable[LogFrame], predictor: Predictor, strict: bool) -> Iterator[Inferred]:
    """Infers whole frames, in order; damaged ones are dealt with as `logs.decoded` says."""
    for frame, image in decoded(frames, strict=strict):
        yield frame, predictor.infer(image), functools.partial(_same, image)


def infer_by(
    fleet: Fleet, model: Path, provider: str, frames: Iterable[LogFrame], predictor: Predictor, strict: bool
) -> Iterator[Inferred]:
    """Infers whole frames by the workers of a fleet; on CPUs the results are those of `infer_here`.

    This machine reads the logs, and sends image files as they were recorded and the pixels of others. It holds the
    frames that are on their way: two batches for each worker.

    Args:
        fleet: Who infers.
        model: Name, or a file that all workers see.
        provider: Of the workers: "cpu", or what needs a GPU, of which each then has one.
        frames: What to infer.
        predictor: The same model on this machine, for what a worker cannot read.
        strict: Whether a damaged frame is an error.

    Raises:
        Sim2SGError: The fleet has no GPU, or a worker has no such provider.
    """
    held: deque[LogFrame] = deque()
    work = _Inferring(Loaded(functools.partial(Predictor, model, provider, True, threads=fleet.threads)))
    damage = Damage(strict)
    for output in fleet.pool(Inline(), gpus=provider != "cpu").flat_map(work, _batches(frames, held)):
        frame = held.popleft()
        found = output or _attempt(frame, predictor)
        if damage.whole(found):
            yield frame, found, frame.decode
    damage.tell()


def _batches(frames: Iterable[LogFrame], held: deque[LogFrame]) -> Iterator[list[Sent]]:
    """Yields what is sent of the frames, and notes the frames in `held`."""
    batch: list[Sent] = []
    size = 0
    for frame in frames:
        held.append(frame)
        batch.append(_sent(frame))
        size += _bytes_of(batch[-1])
        if len(batch) == BATCH or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _sent(frame: LogFrame) -> Sent:
    """Returns the image file of a frame of 8 bits, else its pixels: how many bits count is known to the log alone."""
    try:
        if (file := frame.encoded()) and read_header(file[0]).bits <= 8:
            return file[0]
        return frame.decode()
    except Sim2SGError:
        return None


def _bytes_of(sent: Sent) -> int:
    return 0 if sent is None else len(sent) if isinstance(sent, bytes) else sent.nbytes


def _attempt(frame: LogFrame, predictor: Predictor) -> RawOutput | Sim2SGError:
    """Infers here what a worker could not read, or finds out why it cannot be."""
    try:
        image = frame.decode()
    except Sim2SGError as error:
        return error
    return predictor.infer(image)


def _same(image: np.ndarray) -> np.ndarray:
    return image


@dataclass(frozen=True)
class _Inferring:
    """Infers batches; see `fleet.Work`. What cannot be decoded becomes None."""

    model: Loaded[Predictor]

    def open(self) -> Callable[[Sequence[Sent]], Iterator[RawOutput | None]]:
        predictor = self.model.get()
        return lambda batch: (_output(predictor, sent) for sent in batch)


def _output(predictor: Predictor, sent: Sent) -> RawOutput | None:
    if sent is None:
        return None
    if isinstance(sent, np.ndarray):
        return predictor.infer(sent)
    try:
        image = decode_image(sent)
    except Sim2SGError:
        return None
    return predictor.infer(image)
