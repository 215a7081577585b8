"""A recording for the viewer of Rerun, and how images and graphs come into it. Needs `rerun-sdk`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import numpy as np

from sim2sg_core.errors import Sim2SGError, first_line
from sim2sg_core.extras import pip_command
from sim2sg_core.files import make_folder
from sim2sg_core.report.overlay import CLASS_COLORS, PREDICATE_COLORS, assign_colors
from sim2sg_core.scene import SceneGraph

SPAWN = "spawn"
JPEG_QUALITY = 85
T = TypeVar("T", bound="RerunRecording")


def rerun_for(target: str) -> Any:
    """Returns the package. Raises Sim2SGError when it is missing, or the target neither a file (.rrd) nor "spawn"."""
    if target != SPAWN and not target.endswith(".rrd"):
        raise Sim2SGError(f"--rerun {target}: give a file that ends in .rrd, or the word {SPAWN} to open a viewer")
    try:
        import rerun
    except ModuleNotFoundError:
        raise Sim2SGError(f"--rerun needs rerun-sdk: {pip_command('rerun', 'rerun-sdk')}") from None
    return rerun


class RerunRecording:
    """A recording that is written to a file or shown in a viewer; a context manager, which ends it."""

    def __init__(self, target: str, classes: Sequence[str], predicates: Sequence[str]) -> None:
        """Begins a recording.

        Args:
            target: A file (.rrd), or "spawn" for a viewer that is started.
            classes: All class names of the model, so that a class keeps its colour.
            predicates: All predicate names, likewise.

        Raises:
            Sim2SGError: `rerun-sdk` is missing, the target is neither, or no viewer can be started, or the file not be
                written.
        """
        self._rerun = rerun = rerun_for(target)
        self._colors = (assign_colors((), classes, CLASS_COLORS), assign_colors((), predicates, PREDICATE_COLORS))
        self._recording = rerun.RecordingStream("sim2sg")
        if target == SPAWN:
            try:
                self._recording.spawn()
            except (OSError, RuntimeError) as error:
                raise Sim2SGError(f"--rerun {SPAWN}: no viewer can be started ({error}); give a FILE.rrd") from None
        else:
            make_folder(Path(target).parent)
            try:
                self._recording.save(target)
            except (OSError, RuntimeError) as error:
                raise Sim2SGError(f"--rerun {target}: cannot be written ({first_line(error)}); give another") from None

    def __enter__(self: T) -> T:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._recording.disconnect()  # waits until all is written

    def _image(self, path: str, image: np.ndarray) -> None:
        """Shows an (H, W, 3) uint8 RGB image at an entity's path."""
        self._recording.log(path, self._rerun.Image(image).compress(jpeg_quality=JPEG_QUALITY))

    def _graph(self, path: str, graph: SceneGraph) -> tuple[list[str], list[tuple[int, int, int]]]:
        """Shows boxes and relations over the image at a path. Returns words and colour of each object."""
        rerun = self._rerun
        names = [item.id or f"{item.label} {i}" for i, item in enumerate(graph.objects)]
        colors = [self._colors[0].get(item.label, (255, 255, 255)) for item in graph.objects]
        words = [f"{name} {item.score:.2f}" for name, item in zip(names, graph.objects)]
        boxes = rerun.Boxes2D(array=graph.boxes(), array_format=rerun.Box2DFormat.XYXY, labels=words, colors=colors)
        self._recording.log(f"{path}/objects", boxes)
        self._relations(path, graph, names)
        return words, colors

    def _relations(self, path: str, graph: SceneGraph, names: list[str]) -> None:
        """Shows arrows from subject to object, those of each predicate by themselves, so that each can be hidden."""
        by_predicate = defaultdict(list)
        for relation in graph.relations:
            by_predicate[relation.predicate].append(relation)
        centres = (graph.boxes()[:, :2] + graph.boxes()[:, 2:]) / 2
        for predicate, color in self._colors[1].items():
            found = by_predicate[predicate]
            arrows = self._rerun.Arrows2D(
                origins=[centres[r.subject] for r in found],
                vectors=[centres[r.object] - centres[r.subject] for r in found],
                labels=[f"{names[r.subject]} {predicate} {names[r.object]} {r.score:.2f}" for r in found],
                colors=[color] * len(found),
                show_labels=False,
            )
            self._recording.log(f"{path}/relations/{predicate}", arrows)
