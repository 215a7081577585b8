"""Batches from data sets on disk. Which images a step sees is a function of seed and step alone."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from torch.utils.data import DataLoader, Dataset

from sim2sg_core.domains import Domain
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.learning.augment import augment
from sim2sg_core.learning.examples import to_example
from sim2sg_core.learning.target_maps import make_targets
from sim2sg_core.learning.train_config import TrainConfig
from sim2sg_core.model.losses import Targets
from sim2sg_core.model.model_config import ModelConfig
from sim2sg_core.model.ranks import ALONE, Ranks
from sim2sg_core.scene import SceneGraph

GOLDEN = (5**0.5 - 1) / 2
AHEAD = 3  # Batches that a thread prepares before they are asked for.
T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Record:
    """A labelled image, still compressed: data sets of thousands of frames fit in memory so.

    Attributes:
        name: For messages.
        code: The image file's bytes.
        graph: Ground truth.
    """

    name: str
    code: bytes
    graph: SceneGraph

    def image(self) -> np.ndarray:
        """Decodes the image: (H, W, 3) uint8 RGB."""
        image = cv2.imdecode(np.frombuffer(self.code, np.uint8), cv2.IMREAD_COLOR)
        if image is None:
            raise Sim2SGError(f"{self.name}: not an image that OpenCV reads; render the data set again")
        return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def load_records(folder: Path | str, domain: Domain | None = None) -> list[Record]:
    """Reads a data set that `sim2sg synth` (or any writer of its format) made; a domain's, where one is given.

    Raises:
        Sim2SGError: Not such a data set, no images in it, an image is missing, or no class is the domain's.
    """
    from sim2sg_core.synthesis.dataset import read_dataset

    records = []
    for path, graph in read_dataset(Path(folder), domain):
        try:
            code = Path(path).read_bytes()
        except FileNotFoundError:
            raise Sim2SGError(
                f"{path}: missing, but named in {folder}/annotations.json; copy the data set again, or render it anew"
            ) from None
        records.append(Record(str(path), code, graph))
    if not records:
        raise Sim2SGError(f"{folder}: a data set of 0 images; render some with `sim2sg synth --count N`")
    return records


class Batches:
    """The batches of a training run.

    Every image is seen once before any is seen twice (nearly so where data sets are mixed).
    """

    def __init__(
        self,
        sources: Sequence[tuple[list[Record], float]],
        domain: Domain,
        model: ModelConfig,
        config: TrainConfig,
        styles: Sequence[np.ndarray] = (),
        ranks: Ranks = ALONE,
    ) -> None:
        """Prepares batches from `sources`: records and the share of images drawn from them.

        `styles` are images whose style is given to some (`augment.style_transfer`). Of a step's images those are made
        that are this process's among `ranks`.

        Raises:
            Sim2SGError: No data set, or no positive share.
        """
        shares = np.array([weight for _, weight in sources], float)
        if not len(shares) or (shares < 0).any() or shares.sum() <= 0:
            raise Sim2SGError("training needs at least one data set with a share above 0")
        self.sources = [records for records, _ in sources]
        self.shares = shares / shares.sum()
        self.domain, self.model, self.config, self.styles = domain, model, config, styles
        self.ranks = ranks

    def record(self, position: int) -> Record:
        """Returns the record at one position of the endless sequence of images."""
        # A golden-ratio sequence deals out the shares evenly, without a memory that a resume would need.
        u = (position * GOLDEN) % 1.0
        source = int(np.searchsorted(np.cumsum(self.shares), u, side="right").clip(0, len(self.shares) - 1))
        records = self.sources[source]
        epoch, index = divmod(int(position * self.shares[source]), len(records))
        order = np.random.default_rng([self.config.seed, 1, source, epoch]).permutation(len(records))
        return records[order[index]]

    def batch(self, step: int) -> Targets:
        """Builds the batch of one step."""
        examples = []
        for i in self.ranks.share(self.config.labelled):
            position = step * self.config.labelled + i
            rng = np.random.default_rng([self.config.seed, 2, position])
            record = self.record(position)
            example = to_example(record.image(), record.graph, self.domain)
            examples.append(augment(example, self.domain, self.config.augment, self.model.input, rng, self.styles))
        return make_targets(examples, self.model)


def prepared(make: Callable[[int], T], start: int, stop: int, workers: int) -> Iterator[T]:
    """Yields what `make` returns for steps start … stop - 1, prepared ahead by `workers`.

    One is a thread, which keeps a CPU busy that trains beside it. More are processes: what a GPU wants, Python's
    lock would not let threads prepare.
    """
    cv2.setNumThreads(1)  # OpenCV's own threads would fight torch's over the cores
    if workers == 0:
        yield from map(make, range(start, stop))
    elif workers == 1:
        yield from _by_thread(make, start, stop)
    else:
        yield from _by_processes(make, start, stop, workers)


def _by_thread(make: Callable[[int], T], start: int, stop: int) -> Iterator[T]:
    """Prepares a few steps ahead in a thread: decoding and resizing leave Python's lock alone."""
    with ThreadPoolExecutor(1) as pool:
        ahead: deque[Future[T]] = deque()
        try:
            for step in range(start, stop):
                while len(ahead) < AHEAD and step + len(ahead) < stop:
                    ahead.append(pool.submit(make, step + len(ahead)))
                yield ahead.popleft().result()
        finally:
            for future in ahead:
                future.cancel()


def _by_processes(make: Callable[[int], T], start: int, stop: int, workers: int) -> Iterator[T]:
    """Prepares steps in processes. They are forked and so share the data sets; none of them touches the GPU."""
    steps = range(start, stop)
    loader = DataLoader(
        _Steps(make), batch_size=None, sampler=steps, num_workers=workers, multiprocessing_context="fork"
    )
    batches = iter(loader)
    for _ in steps:
        try:
            made = next(batches)
        except RuntimeError as error:  # What torch's loader raises when one of its processes is gone.
            raise Sim2SGError(
                f"a process that prepares images died ({str(error).splitlines()[0]}): run the same command again, it"
                f" goes on where it was, with fewer --workers than {workers} or more shared memory (docker: --shm-size)"
            ) from None
        if isinstance(made, Sim2SGError | OSError):
            raise made
        yield made


class _Steps(Dataset[T | Sim2SGError | OSError]):
    """The steps of a run as torch's loader wants them: its items are whole batches."""

    def __init__(self, make: Callable[[int], T]) -> None:
        self._make = make

    def __getitem__(self, step: int) -> T | Sim2SGError | OSError:
        # Raised here, an error would reach the user inside a stack trace of the loader.
        try:
            return self._make(step)
        except (Sim2SGError, OSError) as error:
            return error
