"""What the model of a stage says of the log: graphs, those of enlarged tiles, and how consistent they are."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sim2sg_core.adaptation.content.log_extrinsics import camera_of, frame_extrinsics
from sim2sg_core.adaptation.content.recall_correction import found_shares
from sim2sg_core.adaptation.content.tiled_inference import see_views
from sim2sg_core.adaptation.content.view_fusion import ViewFusion, Views, fit_on_renders
from sim2sg_core.adaptation.content.witness_fusion import fuse_witness
from sim2sg_core.adaptation.log_frames import SampledFrame
from sim2sg_core.adaptation.log_witness import Testimony
from sim2sg_core.adaptation.run_folder import Run
from sim2sg_core.adaptation.selection.self_consistency import SelfConsistency, measure_self_consistency
from sim2sg_core.domains import Domain
from sim2sg_core.fleet import Inline, Loaded, chunked
from sim2sg_core.images import read_image
from sim2sg_core.lifting.extrinsics import with_extrinsics
from sim2sg_core.progress import Progress
from sim2sg_core.runtime import Predictor
from sim2sg_core.runtime.graph_decoding import RawOutput
from sim2sg_core.scene import SceneGraph
from sim2sg_core.scene.graph import load_graphs, save_graphs, write_json
from sim2sg_core.synthesis import read_dataset
from sim2sg_core.synthesis.dataset import with_ignored

CHUNK = 8  # frames that a worker is given at a time


class LogInference:
    """Infers the log by the `model.onnx` of a stage; results lie beside it and are made once.

    The model is loaded when the first result has to be made, and stays loaded until `close`.

    Attributes:
        stage: The stage's folder.
    """

    def __init__(
        self,
        run: Run,
        stage: Path,
        frames: Sequence[SampledFrame],
        domain: Domain,
        extrinsics: Sequence[float | None] = (None, None, None),
    ) -> None:
        """Loads nothing yet.

        Args:
            run: The run.
            stage: The stage's folder.
            frames: Of the log.
            domain: The run's.
            extrinsics: Height, pitch and roll that the user gave; see `log_extrinsics.extrinsics_prior`.
        """
        self.stage = stage
        self._extrinsics = extrinsics
        self._run = run
        self._frames, self._domain = frames, domain
        self._model = Loaded(functools.partial(Predictor, stage / "model.onnx", threads=run.fleet.threads))
        self._pool = run.fleet.pool(Inline())

    def close(self) -> None:
        """Unloads the model; it is loaded again where it is needed."""
        self._model.drop()

    def graphs(self) -> list[SceneGraph]:
        """Returns one unthresholded graph per frame; poses stand on the extrinsics that fit them best.

        Every graph has a camera that knows its ground.
        """
        return self._run.cached(self.stage / "inferred.json", self._infer, _read_graphs)

    def tiled_graphs(
        self, graphs: Sequence[SceneGraph], half_scale: bool = False
    ) -> tuple[list[SceneGraph], dict[str, float]]:
        """Returns `graphs` with what enlarged tiles of the frames show besides, without relations.

        With `half_scale` also with what is near and shows in the frames at half scale. Scores are those of all views
        together, as the stage's held-out scenes tell; the second result is the share of each class's objects there
        that they account for.
        """
        fusion, shares = self._run.cached(
            self.stage / "view_fusion.json", lambda path: self._fit_fusion(path, half_scale), _read_fusion
        )
        tiled = self._run.cached(
            self.stage / "tiled.json", lambda path: self._infer_tiles(path, graphs, fusion, half_scale), _read_graphs
        )
        return tiled, shares

    def witnessed_graphs(self, graphs: Sequence[SceneGraph], seen: Testimony) -> list[SceneGraph]:
        """Returns `graphs` made one with what a witness saw, without relations."""

        def fuse(path: Path) -> None:
            fused = fuse_witness(graphs, seen.graphs, self._domain, seen.known, seen.wholes)
            save_graphs(path, fused, self.stage.name)

        return self._run.cached(self.stage / "witnessed.json", fuse, _read_graphs)

    def self_consistency(self) -> SelfConsistency:
        """Returns how consistent the model is with itself on changed views of the frames."""

        def measure(path: Path) -> None:
            found = measure_self_consistency(self._model, self._frames, self._domain, pool=self._pool)
            write_json(path, found.to_json(), indent=1)

        return self._run.cached(
            self.stage / "self_consistency.json", measure, lambda path: SelfConsistency(**json.loads(path.read_text()))
        )

    def _infer(self, path: Path) -> None:
        outputs, floating = [], []
        with Progress(len(self._frames), "infer", unit="frames") as progress:
            for frame, output in zip(
                self._frames, self._pool.flat_map(_Inferring(self._model), chunked(self._frames, CHUNK)), strict=True
            ):
                outputs.append(output)
                # Poses from the network's depth alone: with a ground assumed they would only confirm it.
                floating.append(output.graph(dataclasses.replace(frame.camera, ground=None)))
                progress.update()
        all_extrinsics = frame_extrinsics(
            [frame.camera for frame in self._frames], floating, self._domain, self._extrinsics
        )
        graphs = [
            output.graph(with_extrinsics(frame.camera, extrinsics), file=frame.file, stamp=frame.stamp)
            for output, frame, extrinsics in zip(outputs, self._frames, all_extrinsics, strict=True)
        ]
        save_graphs(path, graphs, self._model.get().info.model_id)

    def _fit_fusion(self, path: Path, half_scale: bool) -> None:
        work = _Seeing(self._model, self._domain.carriers, half_scale)
        held_out = read_dataset(self.stage / "held_out")
        seen = []
        with Progress(len(held_out), "infer held-out scenes", unit="frames") as progress:
            for views in self._pool.flat_map(work, chunked(held_out, CHUNK)):
                seen.append(views)
                progress.update()
        truths, names = [with_ignored(self._domain, truth) for _, truth in held_out], self._domain.class_names
        fusion = fit_on_renders(seen, truths, names)
        fused = [fusion.graph(views) for views in seen]
        write_json(path, {**fusion.to_json(), "found": found_shares(fused, truths, names)}, indent=1)

    def _infer_tiles(self, path: Path, graphs: Sequence[SceneGraph], fusion: ViewFusion, half_scale: bool) -> None:
        work = _Tiling(self._model, fusion, self._domain.carriers, half_scale)
        pairs = list(zip(self._frames, graphs, strict=True))
        found = []
        with Progress(len(self._frames), "infer tiles", unit="frames") as progress:
            for graph in self._pool.flat_map(work, chunked(pairs, CHUNK)):
                found.append(graph)
                progress.update()
        save_graphs(path, found, self._model.get().info.model_id)


@dataclass(frozen=True)
class _Inferring:
    """Infers frames as they are; see `fleet.Work`."""

    model: Loaded[Predictor]

    def open(self) -> Callable[[Sequence[SampledFrame]], Iterator[RawOutput]]:
        predictor = self.model.get()
        return lambda frames: (predictor.infer(frame.image()) for frame in frames)


@dataclass(frozen=True)
class _Seeing:
    """Infers the views of rendered images, given with their labels; see `fleet.Work`."""

    model: Loaded[Predictor]
    carriers: Set[str]
    half_scale: bool

    def open(self) -> Callable[[Sequence[tuple[Path, SceneGraph]]], Iterator[Views]]:
        predictor = self.model.get()
        return lambda pairs: (self._see(predictor, read_image(path), truth) for path, truth in pairs)

    def _see(self, predictor: Predictor, image: np.ndarray, truth: SceneGraph) -> Views:
        camera = camera_of(truth)
        whole = predictor.infer(image).graph(camera)
        return see_views(predictor, image, camera, whole, self.carriers, self.half_scale)


@dataclass(frozen=True, eq=False)
class _Tiling:
    """Infers enlarged tiles of frames, given with their graphs; see `fleet.Work`."""

    model: Loaded[Predictor]
    fusion: ViewFusion
    carriers: Set[str]
    half_scale: bool

    def open(self) -> Callable[[Sequence[tuple[SampledFrame, SceneGraph]]], Iterator[SceneGraph]]:
        predictor = self.model.get()
        return lambda pairs: (
            self.fusion.graph(
                see_views(predictor, frame.image(), camera_of(graph), graph, self.carriers, self.half_scale)
            )
            for frame, graph in pairs
        )


def _read_fusion(path: Path) -> tuple[ViewFusion, dict[str, float]]:
    data = json.loads(path.read_text())
    return ViewFusion.from_json(data), data["found"]


def _read_graphs(path: Path) -> list[SceneGraph]:
    return load_graphs(path)[1]
