"""The report of an adaptation: one HTML file that holds everything it shows."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import yaml
from matplotlib.figure import Figure

from sim2sg_core.errors import printable
from sim2sg_core.files import atomic_path
from sim2sg_core.images import encode_jpeg
from sim2sg_core.report import charts
from sim2sg_core.report.content import REAL, SYNTHETIC, content_charts, content_table
from sim2sg_core.report.curves import MAIN, fitting_curves, training_curves
from sim2sg_core.report.maps import SCENES, scene_plans
from sim2sg_core.report.overlay import draw_overlay, fit_width
from sim2sg_core.report.relation_layers import Layer, Switch, relation_layers, relation_switches
from sim2sg_core.report.statistics import ContentStatistics
from sim2sg_core.scene import Layout, SceneGraph

TEMPLATE = "report.html.j2"
JPEG_QUALITY = 82
FRAME_WIDTH, OVERLAY_WIDTH = 420, 900  # pixels at most; the file is to stay a few megabytes
TIMES_WIDTH, ROW_HEIGHT = 640.0, 26.0  # points


@dataclass(frozen=True, eq=False)
class RoundReport:
    """One stage of the loop: source training, or a round.

    Attributes:
        name: E.g. "source", "round 1".
        frames: Some of its synthesised frames, (H, W, 3) uint8 RGB.
        synthetic: Content of all its synthesised frames.
        real: Content of the log as the model inferred it that this round's layouts came from; for the
            source stage as the source model infers it. None when nothing was inferred.
        note: A remark for the reader, e.g. why the rounds ended here.
        layouts: Some of its scenes.
        fitting: How a layout prior was fitted to the log, as `history.json` says; empty where none was.
    """

    name: str
    frames: Sequence[np.ndarray] = ()
    synthetic: ContentStatistics | None = None
    real: ContentStatistics | None = None
    note: str = ""
    layouts: Sequence[Layout] = ()
    fitting: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class OverlayPair:
    """One real image with the graphs of two models, of which everything is drawn.

    Attributes:
        name: Name of the image.
        image: (H, W, 3) uint8 RGB.
        before: The source model's, boxes in pixels of `image`; None leaves it out.
        after: The adapted model's.
    """

    name: str
    image: np.ndarray
    before: SceneGraph | None
    after: SceneGraph | None


@dataclass(frozen=True, eq=False)
class ReportData:
    """All that a report shows; whatever is empty is left out.

    Attributes:
        title: Heading.
        facts: Short facts below it: domain, log, model id, version, machine …
        real_frames: Some frames of the log, (H, W, 3) uint8 RGB.
        rounds: The stages in order.
        overlays: Real images before and after.
        metrics: Rows of metrics.jsonl (see `curves.load_metrics`): "step", perhaps "stage", and numbers.
        timings: Seconds of each stage, in order.
        config: The resolved configuration, JSON-ready.
        warnings: What the reader must know first, e.g. that no calibration was found.
        verdict: What it comes to, in sentences; above all else.
        classes: All class names, so that a class has its colour in every overlay.
        predicates: All predicate names, likewise.
    """

    title: str
    facts: Mapping[str, str] = field(default_factory=dict)
    real_frames: Sequence[np.ndarray] = ()
    rounds: Sequence[RoundReport] = ()
    overlays: Sequence[OverlayPair] = ()
    metrics: Sequence[Mapping[str, Any]] = ()
    timings: Mapping[str, float] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    warnings: Sequence[str] = ()
    verdict: Sequence[str] = ()
    classes: Sequence[str] = ()
    predicates: Sequence[str] = ()


@dataclass(frozen=True)
class Picture:
    """An image as a page holds it.

    Attributes:
        source: Data URI.
        width: Pixels.
        height: Pixels.
        alt: What is shown where the image cannot be.
    """

    source: str
    width: int
    height: int
    alt: str


def write_report(path: Path | str, data: ReportData) -> None:
    """Writes the report; a crash leaves the old file or the new one, never half of one."""
    page = render_report(data)
    with atomic_path(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def render_report(data: ReportData) -> str:
    """Returns the report as HTML text."""
    switches = _switches(data)
    page = {
        "title": data.title,
        "facts": _without_folders(dict(data.facts)),
        "warnings": data.warnings,
        "verdict": data.verdict,
        "switches": list(switches.values()),
        "overlays": _overlays(data, switches),
        "frames": _frames(data),
        "content": _content(data.rounds, data.classes),
        "curves": _curves(data.metrics),
        "times": _times(data.timings),
        "config": _yaml(data.config),
    }
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("sim2sg_core.report", "."),
        autoescape=True,
        finalize=_visible,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(TEMPLATE).render(page=page)


def _visible(value: Any) -> Any:
    """Shows control characters and odd bytes of names as escapes; what macros made is left alone."""
    if not isinstance(value, str) or hasattr(value, "__html__"):
        return value
    return "\n".join(printable(line) for line in value.split("\n"))


def embed(image: np.ndarray, width: int, alt: str) -> Picture:
    """Returns an (H, W, 3) uint8 RGB image as JPEG, made no wider than `width` pixels."""
    if image.shape[1] > width:
        image = fit_width(image, width)
    text = base64.b64encode(encode_jpeg(image, JPEG_QUALITY)).decode()
    return Picture(f"data:image/jpeg;base64,{text}", image.shape[1], image.shape[0], alt)


@dataclass(frozen=True)
class DrawnGraph:
    """A graph on its image, as a page holds it.

    Attributes:
        word: Which model's it is, and how much it found.
        picture: The image with boxes and names.
        size: Width and height that the arrows are given in.
        layers: The arrows.
    """

    word: str
    picture: Picture
    size: tuple[int, int]
    layers: Sequence[Layer]


def _switches(data: ReportData) -> dict[str, Switch]:
    graphs = [graph for pair in data.overlays for graph in (pair.before, pair.after) if graph is not None]
    return relation_switches(graphs, data.predicates)


def _overlays(data: ReportData, switches: Mapping[str, Switch]) -> list[tuple[str, list[DrawnGraph]]]:
    """The name of each real image, and what each model found on it."""

    def drawn(pair: OverlayPair, word: str, graph: SceneGraph) -> DrawnGraph:
        boxes = draw_overlay(pair.image, graph, 0.0, 0.0, max_relations=0, classes=data.classes)
        picture = embed(boxes, OVERLAY_WIDTH, f"{pair.name}, {word}")
        word = f"{word}: {len(graph.objects)} objects, {len(graph.relations)} relations"
        return DrawnGraph(word, picture, (graph.width, graph.height), relation_layers(graph, switches))

    return [
        (
            pair.name,
            [
                drawn(pair, word, graph)
                for word, graph in (("source only", pair.before), ("adapted", pair.after))
                if graph is not None
            ],
        )
        for pair in data.overlays
    ]


def _frames(data: ReportData) -> list[tuple[str, str, list[Picture]]]:
    """Name, note and images of the log and of each stage."""
    groups = [("real: the log", "", data.real_frames)]
    groups += [(f"{r.name}: synthesised", r.note, r.frames) for r in data.rounds]
    return [
        (name, note, [embed(frame, FRAME_WIDTH, name) for frame in frames])
        for name, note, frames in groups
        if len(frames) or note
    ]


def _content(rounds: Sequence[RoundReport], classes: Sequence[str]) -> dict[str, Any]:
    """Figures, histograms and plans of each stage; empty where no stage has content."""
    known = [(r, (r.name, r.synthetic, r.real)) for r in rounds if r.synthetic is not None]
    stages = [stage for _, stage in known]
    if not stages:
        return {}
    drawn = []
    for (stage, _), (name, plots) in zip(known, content_charts(stages), strict=True):
        if stage.layouts:
            plots.append(("scenes, from above", scene_plans(stage.layouts[:SCENES], classes)))
        drawn.append((name, _sources([*plots, *fitting_curves(stage.fitting)])))
    return {"table": content_table(stages), "legend": (REAL, SYNTHETIC), "charts": drawn}


def _curves(metrics: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The charts of the training: a few to see, the others folded away; empty without any."""
    plots = _sources(training_curves(metrics))
    return {"main": plots[: len(MAIN)], "more": plots[len(MAIN) :]} if plots else {}


def _times(timings: Mapping[str, float]) -> dict[str, Any]:
    """Minutes in all, and a chart of those of each stage; empty without any."""
    if not timings:
        return {}
    minutes = [seconds / 60 for seconds in timings.values()]
    size = (TIMES_WIDTH, ROW_HEIGHT * (len(minutes) + 0.5))
    chart = charts.bars(list(timings), [(minutes, charts.GREY)], size)
    return {"minutes": sum(minutes), "chart": charts.data_uri(chart)}


def _sources(plots: Sequence[tuple[str, Figure]]) -> list[tuple[str, str, bool]]:
    """The heading of each chart, its source, and whether it takes two places."""
    wide = 1.5 * charts.SIZE[0] / charts.POINTS_PER_INCH
    return [(heading, charts.data_uri(figure), bool(figure.get_size_inches()[0] > wide)) for heading, figure in plots]


def _yaml(config: Mapping[str, Any]) -> str:
    if not config:
        return ""
    plain = _without_folders(json.loads(json.dumps(config, default=str)))
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True)


def _without_folders(value: Any) -> Any:
    """Names files by their last part: a report is passed on, and folders say who made it."""
    if isinstance(value, dict):
        return {_without_folders(k): _without_folders(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_without_folders(v) for v in value]
    return Path(value).name if isinstance(value, str) and Path(value).is_absolute() else value
