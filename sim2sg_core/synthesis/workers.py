"""Renders data sets with several processes. A run that was stopped goes on where it was."""

from __future__ import annotations

import contextlib
import hashlib
import json
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait as wait_for
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from sim2sg_core.cores import usable_cores
from sim2sg_core.domains import Domain
from sim2sg_core.domains.credits import write_credits
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.folder_lock import locked
from sim2sg_core.progress import Progress
from sim2sg_core.scene import Camera, Layout
from sim2sg_core.synthesis.dataset import (
    FrameState,
    annotations_path,
    frame_state,
    image_path,
    make_folders,
    write_annotations,
    write_frame,
)
from sim2sg_core.synthesis.other_frames import describe_other, refuse_others

if TYPE_CHECKING:
    from sim2sg_core.synthesis.synthesizer import Synthesizer, SyntheticFrame

CHUNK = 4  # Frames per task: short enough for an even end, long enough that passing tasks costs nothing.
SHOWN = 5  # damaged frames that are named
VERSION = 3  # Goes up when the same seed gives other pixels, so that no data set mixes both.
MESHES_VERSION = 1  # The same for domains with meshes of files or libraries, whose textures are pictures since 1.

# Each worker draws on one thread of its own. Mesa's shader cache corrupted memory when shared between machines.
ENVIRONMENT = {
    "LP_NUM_THREADS": "0",
    "MESA_SHADER_CACHE_DISABLE": "true",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}


class Content(Protocol):
    """What a frame shows, where that is more than a layout. It is sent to the workers."""

    def to_json(self) -> Any:
        """Returns JSON-ready data: a frame is drawn anew where it differs."""

    def frame(self, synthesizer: Synthesizer, seed: int) -> SyntheticFrame:
        """Draws the frame: same seed, same pixels."""


Job = tuple[int, int, "Layout | Content | None", str]  # index, seed, content, key
_synthesizer: Any = None  # The worker process's own; set once by `_start`.


def render_dataset(
    domain: Domain,
    contents: Iterable[tuple[int, Layout | Content | None]],
    out: Path | str,
    workers: int = 0,
    progress: Progress | Callable[..., object] | None = None,
    camera: Camera | None = None,
    size: tuple[int, int] | None = None,
    samples: int | None = None,
    shadow_size: int = 512,
    replace: bool = False,
) -> Path:
    """Renders frames into a data set (see `dataset`), in the order given.

    Frames that are there already, complete and from the same domain (all but `training`), seed and content, are kept.
    Damaged ones are named and drawn anew. No frame is ever removed.

    Args:
        domain: The domain.
        contents: Seed and content of every frame, say its layout; None draws a prior scene from the seed.
        out: Folder of the data set.
        workers: Processes; 0 takes one per core. They are spawned: a script that calls this needs the usual
            `if __name__ == "__main__"`.
        progress: Told of finished frames: how many more, and `resumed=True` for those that were there already.
        camera: Camera of prior scenes; None draws one from the domain's prior.
        size: Width and height of prior scenes without a camera, pixels; None takes the prior's.
        samples: Samples per pixel for smooth edges, 0 for none; None chooses by the size of the image.
        shadow_size: Side of the shadow maps, texels.
        replace: Whether frames made from something else are drawn over; else they are refused.

    Returns:
        Path of annotations.json.

    Raises:
        Sim2SGError: No EGL, a worker died, no space left, `out` is a file, another process is at work in it, or it
            holds more frames, or others.
    """
    out = Path(out)
    with locked(out):
        make_folders(out)
        settings = {"samples": samples, "shadow_size": shadow_size}
        versions = [VERSION, MESHES_VERSION] if any(spec.meshes for spec in domain.classes) else VERSION
        stem = _digest([versions, domain.world_hash(), settings, size, _camera_json(camera)])
        tell = progress.update if isinstance(progress, Progress) else progress or (lambda n, **_: None)
        jobs: list[Job] = []
        for index, (seed, content) in enumerate(contents):
            key = _digest([stem, int(seed), content.to_json() if content else None])
            jobs.append((index, int(seed), content, key))
        missing = _missing(jobs, out, domain, replace)
        if kept := len(jobs) - len(missing):
            tell(kept, resumed=True)
        if missing:
            workers = min(workers or usable_cores(), -(-len(missing) // CHUNK))
            _run(missing, out, workers, tell, (domain, settings, camera, size))
        write_annotations(out, domain, len(jobs))
        write_credits(out, domain)
    return annotations_path(out)


def _missing(jobs: list[Job], out: Path, domain: Domain, replace: bool) -> list[Job]:
    """Returns the jobs that are left; damaged frames are named. Raises Sim2SGError where others' frames are there."""
    if not replace:
        refuse_others(out, len(jobs))
    missing, damaged = [], []
    for job in jobs:
        index, seed, _, key = job
        state = frame_state(out, index, key)
        if state is FrameState.OTHER and not replace:
            raise Sim2SGError(f"{out}: {describe_other(out, index, seed, domain.name)}; give another --out")
        if state is FrameState.DAMAGED:
            damaged.append(image_path(out, index).name)
        if state is not FrameState.WHOLE:
            missing.append(job)
    if damaged:
        some = ", ".join(damaged[:SHOWN]) + (" …" if len(damaged) > SHOWN else "")
        print(f"note: {out}: {len(damaged)} damaged frames are drawn anew ({some})", file=sys.stderr, flush=True)
    return missing


def _run(jobs: list[Job], out: Path, workers: int, tell: Callable[..., object], setup: tuple[Any, ...]) -> None:
    """Hands the jobs to the workers, a few chunks ahead."""
    chunks = iter([jobs[k : k + CHUNK] for k in range(0, len(jobs), CHUNK)])
    with _environment(ENVIRONMENT):
        pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _start, setup)
        pending: set[Future[int]] = set()
        try:
            for chunk in chunks:
                pending.add(pool.submit(_render, chunk, out))
                while len(pending) >= 3 * workers:
                    pending = _collect(pending, tell)
            while pending:
                pending = _collect(pending, tell)
        except BrokenProcessPool:
            raise Sim2SGError(
                "a rendering process died (out of memory, or killed): run the same command again, it goes on"
                f" where it was; fewer --workers than {workers} need less memory"
            ) from None
        finally:
            # On an error or Ctrl-C the frames in hand are finished, the others dropped.
            pool.shutdown(wait=True, cancel_futures=True)


def _collect(pending: set[Future[int]], tell: Callable[..., object]) -> set[Future[int]]:
    done, rest = wait(pending, return_when=FIRST_COMPLETED)
    for future in done:
        tell(future.result())
    return rest


def _start(domain: Domain, settings: dict[str, Any], camera: Camera | None, size: tuple[int, int] | None) -> None:
    """Prepares a worker process."""
    for number in (signal.SIGINT, signal.SIGTERM):  # They come to the whole group: to handle them is the parent's.
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    import cv2

    from sim2sg_core.synthesis.synthesizer import Synthesizer

    cv2.setNumThreads(1)
    global _synthesizer
    # Made here, an error would only break the pool and lose its message: the first task makes it.
    _synthesizer = _Lazy(lambda: Synthesizer(domain, **settings), camera, size)


def _end_with_parent() -> None:
    """Ends this process when its parent has ended.

    A parent that is killed tells nobody, and the pool's queue stays open as long as one worker waits on it.
    """
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait_for([parent.sentinel])
    os._exit(1)  # Frames are written atomically: one cut short is drawn again by the next run.


class _Lazy:
    """The worker's synthesizer, made by its first task so that an error in making it reaches the caller."""

    def __init__(self, make: Callable[[], Any], camera: Camera | None, size: tuple[int, int] | None) -> None:
        self._make, self._made, self.camera, self.size = make, None, camera, size

    def get(self) -> Any:
        if self._made is None:
            self._made = self._make()
        return self._made


def _render(chunk: list[Job], out: Path) -> int:
    """Renders a chunk in a worker. Returns how many frames."""
    synthesizer = _synthesizer.get()
    for index, seed, content, key in chunk:
        content = content or synthesizer.sample(seed, _synthesizer.camera, _synthesizer.size)
        frame = synthesizer.frame(content, seed) if isinstance(content, Layout) else content.frame(synthesizer, seed)
        write_frame(out, index, key, frame.jpeg(), frame.graph, frame.scene)
    return len(chunk)


@contextlib.contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Sets environment variables for the processes that are started meanwhile."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _camera_json(camera: Camera | None) -> Any:
    return None if camera is None else [camera.width, camera.height, camera.to_json()]


def _digest(data: Any) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()[:16]
