"""Fills the report of a run from the files that its stages left."""

from __future__ import annotations

import dataclasses
import datetime
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import sim2sg_core
from sim2sg_core.adaptation.appearance.appearance_files import APPEARANCE_FILE, draw_appearance, load_appearance
from sim2sg_core.adaptation.log_frames import SampledFrame
from sim2sg_core.adaptation.resolved_config import ResolvedConfig
from sim2sg_core.adaptation.run_folder import Run, title_of
from sim2sg_core.adaptation.stage_layouts import HISTORY_FILE
from sim2sg_core.adaptation.stages import LAYOUTS_FILE, read_layouts
from sim2sg_core.adaptation.verdict import Verdict
from sim2sg_core.domains import Domain
from sim2sg_core.images import read_image
from sim2sg_core.report.anonymise import NOTE, anonymise
from sim2sg_core.report.curves import load_metrics
from sim2sg_core.report.html import OverlayPair, ReportData, RoundReport, write_report
from sim2sg_core.report.statistics import content_statistics
from sim2sg_core.scene import SceneGraph
from sim2sg_core.scene.graph import load_graphs
from sim2sg_core.synthesis import read_dataset

SHOWN = 8  # images of each kind
SINCE_1973 = 1e8  # seconds since 1970: smaller stamps count from the beginning of something
OBJECT_THRESHOLD, RELATION_THRESHOLD = 0.4, 0.5


def report_run(
    run: Run,
    config: ResolvedConfig,
    domain: Domain,
    frames: Sequence[SampledFrame],
    stages: Sequence[Path],
    final: Path,
    facts: dict[str, str],
    verdict: Verdict,
) -> Path:
    """Writes `report.html`.

    Args:
        run: The run.
        config: Settings.
        domain: Its domain.
        frames: The log's frames.
        stages: Folders of source training and the rounds, in order, each with what its model inferred on the log.
        final: Folder of the final model, one of them or their mean, with what it inferred on the log.
        facts: Short facts for the head of the report.
        verdict: What it comes to.

    Returns:
        The report's path.
    """
    chosen = np.unique(np.linspace(0, len(frames) - 1, SHOWN).round().astype(int))
    graphs = [load_graphs(stage / "inferred.json")[1] for stage in stages]
    last = load_graphs(final / "inferred.json")[1]
    shown = _blurred if config.anonymise else _as_it_is

    def found(index: int) -> list[SceneGraph]:
        return [stage_graphs[index] for stage_graphs in (*graphs, last)]

    # Where no round changed the model there is but one picture of each frame.
    adapted = last if final != stages[0] else [None] * len(frames)
    timed = any(frame.stamp for frame in frames)
    images = [shown(frames[i], *found(i)) for i in chosen] if config.real_frames else []
    data = ReportData(
        title=f"Adaptation of {domain.name}",
        facts={**facts, "sim2sg": sim2sg_core.__version__, "frames of the log": str(len(frames))},
        real_frames=images,
        # What a round renders comes from the model before it; the source stage has no such thing.
        rounds=[_round(stage, graphs[max(i - 1, 0)]) for i, stage in enumerate(stages)],
        overlays=[
            OverlayPair(_title(frames[i], timed), image, _numbered(graphs[0][i]), _numbered(adapted[i]))
            for i, image in zip(chosen, images, strict=False)
        ],
        metrics=[
            {**row, "stage": stage.name} for stage in stages for row in load_metrics(stage / "train" / "metrics.jsonl")
        ],
        timings=run.stage_times(),
        config={**config.to_json(), "domain": domain.to_json()},
        warnings=_warnings(facts) + ([NOTE] if config.anonymise and config.real_frames else []),
        verdict=verdict.sentences,
        classes=domain.class_names,
        predicates=domain.predicate_names,
    )
    path = run.path / "report.html"
    write_report(path, data)
    return path


def _round(stage: Path, real: Sequence[SceneGraph]) -> RoundReport:
    """What one stage rendered, beside what was inferred on the log."""
    rendered = read_dataset(stage / "data")
    frames = [read_image(path) for path, _ in rendered[:SHOWN]]
    history = stage / HISTORY_FILE
    fitted = (stage / APPEARANCE_FILE).exists()
    if fitted:
        frames.append(draw_appearance(load_appearance(stage / APPEARANCE_FILE)))
    return RoundReport(
        name=title_of(stage),
        frames=frames,
        note="The last picture: colours and materials that were fitted to the log." if fitted else "",
        synthetic=content_statistics(graph for _, graph in rendered),
        real=content_statistics(real),
        layouts=read_layouts(stage / LAYOUTS_FILE),
        fitting=json.loads(history.read_bytes()) if history.exists() else {},
    )


def _as_it_is(frame: SampledFrame, *_: SceneGraph) -> np.ndarray:
    return frame.image()


def _blurred(frame: SampledFrame, *graphs: SceneGraph) -> np.ndarray:
    return anonymise(frame.image(), graphs)


def _numbered(graph: SceneGraph | None) -> SceneGraph | None:
    """Returns what is drawn: objects have ids, "chair_2" the second of the chairs, so that they can be spoken of."""
    if graph is None:
        return None
    graph = graph.filtered(OBJECT_THRESHOLD, RELATION_THRESHOLD)
    count: Counter[str] = Counter()
    objects = []
    for item in graph.objects:
        count[item.label] += 1
        objects.append(dataclasses.replace(item, id=item.id or f"{item.label}_{count[item.label]}"))
    return dataclasses.replace(graph, objects=tuple(objects))


def _title(frame: SampledFrame, timed: bool) -> str:
    """Names a frame by its time where the log is `timed`: in UTC, or in seconds from the beginning of a video."""
    seconds = frame.stamp / 1e9
    if seconds >= SINCE_1973:
        return f"{datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc):%Y-%m-%d %H:%M:%S.%f}"[:-5] + " UTC"
    return f"{seconds:.1f} s" if timed else frame.file


def _warnings(facts: dict[str, str]) -> list[str]:
    """What a reader must know before believing the figures."""
    found = []
    if facts.get("intrinsics") == "prior of the domain":
        found.append("no calibration was found: the lens is the domain's guess; give --camera FILE for right distances")
    if "witness" in facts:
        found.append(
            "a witness was used, which has seen human labels of other images: this is not adaptation without labels"
        )
    return found
