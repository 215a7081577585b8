"""Renders data sets with several workers. A run that was stopped goes on where it was."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from sim2sg_core.cores import usable_cores
from sim2sg_core.domains import Domain
from sim2sg_core.domains.credits import write_credits
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.files import naming_store, remove_leftovers
from sim2sg_core.fleet import ONE_MACHINE, Fleet, Processes
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
VERSION = 6  # Goes up when the same seed gives other pixels, so that no data set mixes both.
MESHES_VERSION = 1  # The same for domains with meshes of files or libraries, whose textures are pictures since 1.


class Content(Protocol):
    """What a frame shows, where that is more than a layout. It is sent to the workers."""

    def to_json(self) -> Any:
        """Returns JSON-ready data: a frame is drawn anew where it differs."""

    def frame(self, synthesizer: Synthesizer, seed: int) -> SyntheticFrame:
        """Draws the frame: same seed, same pixels."""


Job = tuple[int, int, "Layout | Content | None", str]  # index, seed, content, key


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
    fleet: Fleet = ONE_MACHINE,
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
        fleet: Who draws, in place of processes of this machine.

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
            chunks = [missing[k : k + CHUNK] for k in range(0, len(missing), CHUNK)]
            pool = fleet.pool(Processes(min(workers or usable_cores(), len(chunks)), "rendering"))
            for drawn in pool.map(_Drawing(domain, settings, camera, size, out), chunks, ordered=False):
                tell(drawn)
            remove_leftovers(out)  # of workers that died
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


@dataclass(frozen=True, eq=False)
class _Drawing:
    """What a worker does: draws frames and writes them into the data set. See `fleet.Work`."""

    domain: Domain
    settings: dict[str, Any]
    camera: Camera | None
    size: tuple[int, int] | None
    out: Path

    def open(self) -> Callable[[list[Job]], int]:
        """Makes the worker's synthesizer."""
        import cv2

        from sim2sg_core.synthesis.synthesizer import Synthesizer

        cv2.setNumThreads(1)
        return _Draughtsman(self, Synthesizer(self.domain, **self.settings))


class _Draughtsman:
    """A worker at work."""

    def __init__(self, drawing: _Drawing, synthesizer: Synthesizer) -> None:
        self._drawing, self._synthesizer = drawing, synthesizer

    def __call__(self, chunk: list[Job]) -> int:
        """Draws a chunk of frames. Returns how many."""
        drawing, synthesizer = self._drawing, self._synthesizer
        for index, seed, content, key in chunk:
            content = content or synthesizer.sample(seed, drawing.camera, drawing.size)
            if isinstance(content, Layout):
                frame = synthesizer.frame(content, seed)
            else:
                frame = content.frame(synthesizer, seed)
            with naming_store(drawing.out):
                write_frame(drawing.out, index, key, frame.jpeg(), frame.graph, frame.scene)
        return len(chunk)

    def close(self) -> None:
        """Frees the renderers."""
        self._synthesizer.close()


def _camera_json(camera: Camera | None) -> Any:
    return None if camera is None else [camera.width, camera.height, camera.to_json()]


def _digest(data: Any) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()[:16]
