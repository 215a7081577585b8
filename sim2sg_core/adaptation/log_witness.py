"""A detector of another maker that looks at the log beside the model: opened, checked, asked once per run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from sim2sg_core.adaptation.log_frames import SampledFrame
from sim2sg_core.adaptation.resolved_config import WitnessModel
from sim2sg_core.adaptation.run_folder import Run
from sim2sg_core.domains import Domain
from sim2sg_core.fleet import Inline
from sim2sg_core.progress import Progress
from sim2sg_core.runtime.detectors import TiledDetector, open_detector
from sim2sg_core.runtime.detectors.mapped_detections import mapped
from sim2sg_core.scene import SceneGraph, SceneObject
from sim2sg_core.scene.class_mapping import ClassMapping
from sim2sg_core.scene.graph import load_graphs, save_graphs


class Testimony(NamedTuple):
    """What a witness saw of the log."""

    graphs: list[SceneGraph]
    """one per frame: boxes of the domain's classes, without poses"""
    known: frozenset[str]
    """the domain's classes that it can find"""
    wholes: Mapping[str, frozenset[str]]
    """by class, those of which it may have seen a part alone; see `ClassMapping.wholes`"""


class LogWitness:
    """What the witness finds on the log's frames.

    Attributes:
        known: The domain's classes that it can find.
    """

    def __init__(self, model: WitnessModel, domain: Domain) -> None:
        """Opens the detector.

        Raises:
            Sim2SGError: It cannot be run, or its classes are not what the mapping says.
        """
        detector = open_detector(model.witness, model.witness_labels)
        if model.witness_map is None:
            self._mapping = ClassMapping.of_same_names(detector.names, domain.class_names)
        else:
            self._mapping = ClassMapping.parse(model.witness_map)
        self._mapping.check_names(detector.names)
        self._detector = TiledDetector(detector)
        self._name = f"{Path(model.witness).name} {model.witness_digest}"
        self.known = self._mapping.classes
        self._looking = _Looking(model, domain, self)

    def describe(self) -> str:
        """Returns one line for the report."""
        return f"{self._name} (has seen human labels of other images) for {', '.join(sorted(self.known))}"

    def look(self, run: Run, frames: Sequence[SampledFrame]) -> Testimony:
        """Returns what it sees of the frames; kept in the run's `witness`, and looked for once."""

        def make(path: Path) -> None:
            with Progress(len(frames), "witness", unit="frames") as progress:
                found = []
                for graph in run.fleet.pool(Inline()).map(self._looking, frames):
                    found.append(graph)
                    progress.update()
            save_graphs(path, found, self._name)

        boxes = run.path / "witness" / "boxes.json"
        return Testimony(run.cached(boxes, make, lambda path: load_graphs(path)[1]), self.known, self._mapping.wholes)

    def look_at(self, frame: SampledFrame) -> SceneGraph:
        """Returns what it sees of one frame."""
        image = frame.image()
        found = mapped(self._detector(image), self._mapping)
        parts = zip(found.names.tolist(), found.scores.tolist(), found.boxes, strict=True)
        objects = tuple(SceneObject(name, score, box) for name, score, box in parts)
        return SceneGraph(image.shape[1], image.shape[0], objects, file=frame.file, stamp=frame.stamp)


class _Looking:
    """Looks at one frame after the other; see `fleet.Work`. Another process opens the detector for itself."""

    def __init__(self, model: WitnessModel, domain: Domain, witness: LogWitness | None = None) -> None:
        self._model, self._domain, self._witness = model, domain, witness

    def open(self) -> Callable[[SampledFrame], SceneGraph]:
        """Opens the detector."""
        self._witness = self._witness or LogWitness(self._model, self._domain)
        return self._witness.look_at

    def __getstate__(self) -> dict[str, Any]:
        return {"_model": self._model, "_domain": self._domain, "_witness": None}
