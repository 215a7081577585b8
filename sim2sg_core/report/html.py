"""The report of an adaptation: one HTML file that holds everything it shows."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
import yaml

from sim2sg_core.files import atomic_path
from sim2sg_core.images import encode_jpeg
from sim2sg_core.report import charts, statistics
from sim2sg_core.report.overlay import fit_width
from sim2sg_core.report.statistics import ContentStatistics

JPEG_QUALITY = 82
FRAME_WIDTH, OVERLAY_WIDTH = 420, 900  # pixels at most; the file is to stay a few megabytes
REAL, SYNTHETIC = "real, inferred", "synthesised"
# Keys of metrics.jsonl that are no curves.
NO_CURVES = {"step", "epoch", "time", "elapsed", "stamp", "images", "round"}


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
    """

    name: str
    frames: Sequence[np.ndarray] = ()
    synthetic: ContentStatistics | None = None
    real: ContentStatistics | None = None
    note: str = ""


@dataclass(frozen=True, eq=False)
class OverlayPair:
    """One real image with the graphs of two models drawn on it (see `overlay.draw_overlay`).

    Attributes:
        name: Name of the image.
        before: The source model's, (H, W, 3) uint8 RGB; None leaves it out.
        after: The adapted model's.
    """

    name: str
    before: np.ndarray | None
    after: np.ndarray | None


@dataclass(frozen=True, eq=False)
class ReportData:
    """All that a report shows; whatever is empty is left out.

    Attributes:
        title: Heading.
        facts: Short facts below it: domain, log, model id, version, machine …
        real_frames: Some frames of the log, (H, W, 3) uint8 RGB.
        rounds: The stages in order.
        overlays: Real images before and after.
        metrics: Rows of metrics.jsonl (see `load_metrics`): "step", perhaps "stage", and numbers.
        timings: Seconds of each stage, in order.
        config: The resolved configuration, JSON-ready.
        warnings: What the reader must know first, e.g. that no calibration was found.
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


def write_report(path: Path | str, data: ReportData) -> None:
    """Writes the report; a crash leaves the old file or the new one, never half of one."""
    page = render_report(data)
    with atomic_path(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def render_report(data: ReportData) -> str:
    """Returns the report as HTML text."""
    sections = [
        ("Before and after", _overlays(data.overlays)),
        ("Synthesised beside real", _frames(data)),
        ("How the content moves", _content(data.rounds)),
        ("Training", _curves(data.metrics)),
        ("Time", _timings(data.timings)),
        ("Configuration", _config(data.config)),
    ]
    filled = [(name, body) for name, body in sections if body]
    links = " ".join(f'<a href="#{_anchor(name)}">{escape(name)}</a>' for name, _ in filled)
    body = "\n".join(
        f'<section id="{_anchor(name)}"><h2>{escape(name)}</h2>\n{text}</section>' for name, text in filled
    )
    template = resources.files("sim2sg_core.report").joinpath("template.html").read_text(encoding="utf-8")
    return Template(template).substitute(title=escape(data.title), facts=_facts(data), links=links, body=body)


def load_metrics(path: Path | str) -> list[dict[str, Any]]:
    """Reads metrics.jsonl. A last line that a crash cut short is left out; no file is no rows."""
    rows = []
    path = Path(path)
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict):
            rows.append(row)
    return rows


def image_tag(image: np.ndarray, width: int, alt: str) -> str:
    """Returns an <img> that holds the (H, W, 3) uint8 RGB image, no wider than `width`, as JPEG."""
    if image.shape[1] > width:
        image = fit_width(image, width)
    text = base64.b64encode(encode_jpeg(image, JPEG_QUALITY)).decode()
    height, width = image.shape[:2]
    return (
        f'<img width="{width}" height="{height}" alt="{escape(alt, quote=True)}" src="data:image/jpeg;base64,{text}">'
    )


def _facts(data: ReportData) -> str:
    rows = "".join(f"<dt>{escape(k)}</dt><dd>{escape(str(v))}</dd>" for k, v in data.facts.items())
    warnings = "".join(f'<p class="warning">{escape(text)}</p>' for text in data.warnings)
    return (f"<dl>{rows}</dl>" if rows else "") + warnings


def _overlays(pairs: Sequence[OverlayPair]) -> str:
    rows = []
    for pair in pairs:
        cells = [
            f"<div>{image_tag(image, OVERLAY_WIDTH, f'{pair.name}, {word}')}<p>{word}</p></div>"
            for word, image in (("source only", pair.before), ("adapted", pair.after))
            if image is not None
        ]
        caption = f"<figcaption>{escape(pair.name)}</figcaption>"
        rows.append(f'<figure>{caption}<div class="pair">{"".join(cells)}</div></figure>')
    return "\n".join(rows)


def _frames(data: ReportData) -> str:
    groups = [("real: the log", data.real_frames, "")]
    groups += [(f"{r.name}: synthesised", r.frames, r.note) for r in data.rounds]
    rows = []
    for name, frames, note in groups:
        if not len(frames) and not note:
            continue
        tags = "".join(image_tag(frame, FRAME_WIDTH, name) for frame in frames)
        remark = f"<p>{escape(note)}</p>" if note else ""
        rows.append(f'<h3>{escape(name)}</h3>{remark}<div class="frames">{tags}</div>')
    return "\n".join(rows)


def _content(rounds: Sequence[RoundReport]) -> str:
    """Figures and histograms per round: what was inferred on real images against what was drawn."""
    stated = [r for r in rounds if r.synthetic is not None]
    if not stated:
        return ""
    everything = [s for r in stated for s in (r.synthetic, r.real) if s is not None]
    labels = sorted({label for s in everything for label in s.per_class})
    bins = {
        "objects": statistics.shared_bins([s.objects for s in everything], 24, whole=True),
        "depths": statistics.shared_bins([s.depths for s in everything], 24),
        "heights": statistics.shared_bins([s.heights for s in everything], 24),
    }
    parts = [_content_table(stated, labels, bins), _legend()]
    for r in stated:
        sets = [(REAL, r.real, charts.BLUE), (SYNTHETIC, r.synthetic, charts.ORANGE)]
        known = [(name, s, color) for name, s, color in sets if s is not None]
        counts = [(name, [s.per_class.get(c, 0.0) for c in labels], color) for name, s, color in known]
        plots = [f"<div><h4>objects per image, by class</h4>{charts.bars(labels, counts)}</div>"]
        for key, title, unit in (
            ("objects", "objects per image", "objects"),
            ("depths", "depth", "metres"),
            ("heights", "height of boxes", "share of the image's height"),
        ):
            series = [(name, _shares(s, key, bins[key]), color) for name, s, color in known]
            if any(values.any() for _, values, _ in series):
                plots.append(f"<div><h4>{title}</h4>{charts.histogram(bins[key], series, unit)}</div>")
        parts.append(f'<h3>{escape(r.name)}</h3><div class="charts">{"".join(plots)}</div>')
    return "\n".join(parts)


def _shares(content: ContentStatistics, key: str, edges: np.ndarray) -> np.ndarray:
    weights = None if key == "objects" else content.weights
    return statistics.shares(getattr(content, key), edges, weights)


def _content_table(rounds: Sequence[RoundReport], labels: Sequence[str], bins: Mapping[str, np.ndarray]) -> str:
    """Means per round, and how far synthesised content is from inferred content."""
    head = ["stage", "images", "objects per image", "mean depth, m", "difference to real in:", "", "", ""]
    under = ["", "", "synthesised / real", "synthesised / real", "classes", "objects", "depth", "height"]
    lines = []
    for r in rounds:
        s, real = r.synthetic, r.real
        assert s is not None
        cells = [r.name, f"{s.images}", _two(s, real, _mean_count)]
        cells.append(_two(s, real, _mean_depth))
        if real is None:
            cells += ["–"] * 4
        else:
            apart = statistics.class_shares(s, labels), statistics.class_shares(real, labels)
            cells.append(f"{statistics.difference(*apart):.2f}")
            for key in ("objects", "depths", "heights"):
                a, b = _shares(s, key, bins[key]), _shares(real, key, bins[key])
                cells.append(f"{statistics.difference(a, b):.2f}" if a.any() and b.any() else "–")
        lines.append(cells)
    top = "".join(f"<th>{c}</th>" for c in head[:4]) + f'<th colspan="4">{head[4]}</th>'
    second = "".join(f"<th>{c}</th>" for c in under)
    rows = "".join("<tr>" + "".join(f"<td>{escape(c)}</td>" for c in cells) + "</tr>" for cells in lines)
    return (
        f"<table><thead><tr>{top}</tr><tr>{second}</tr></thead><tbody>{rows}</tbody></table>"
        "<p>Difference: half the summed difference of both histograms; 0 the same, 1 nothing in common. "
        "Inferred objects count by their score.</p>"
    )


def _mean_depth(content: ContentStatistics) -> float:
    known = np.isfinite(content.depths)
    total = content.weights[known].sum()
    return float((content.depths[known] * content.weights[known]).sum() / total) if total > 0 else np.nan


def _mean_count(content: ContentStatistics) -> float:
    return float(content.objects.mean()) if content.images else np.nan


def _two(
    synthetic: ContentStatistics,
    real: ContentStatistics | None,
    measure: Callable[[ContentStatistics], float],
) -> str:
    values = [np.nan if content is None else measure(content) for content in (synthetic, real)]
    return " / ".join(f"{v:.1f}" if np.isfinite(v) else "–" for v in values)


def _legend() -> str:
    items = ((REAL, charts.BLUE), (SYNTHETIC, charts.ORANGE))
    return (
        '<p class="legend">'
        + "".join(f'<span><i style="background:{color}"></i>{escape(name)}</span>' for name, color in items)
        + "</p>"
    )


def _curves(metrics: Sequence[Mapping[str, Any]]) -> str:
    """One chart per number in the rows, with a mark where a stage begins."""
    rows = [row for row in metrics if isinstance(row.get("step"), int | float)]
    keys: dict[str, None] = {}
    for row in rows:
        for key, value in row.items():
            if key not in NO_CURVES and isinstance(value, int | float) and not isinstance(value, bool):
                keys[key] = None
    # Each stage may count its steps from 0: they are laid end to end.
    steps: list[float] = []
    marks: list[tuple[float, str]] = []
    offset, stage, last = 0.0, None, 0.0
    for row in rows:
        if row.get("stage") != stage:
            offset = steps[-1] if steps and row["step"] <= last else offset
            stage = row.get("stage")
            marks.append((row["step"] + offset, str(stage)))
        last = row["step"]
        steps.append(row["step"] + offset)
    plots = []
    for key in keys:
        at = np.array([s for s, row in zip(steps, rows) if key in row], float)
        values = np.array([_number(row[key]) for row in rows if key in row], float)
        if len(at) > 1:
            plots.append(f"<div><h4>{escape(key)}</h4>{charts.curve(at, values, marks)}</div>")
    return f'<div class="charts">{"".join(plots)}</div>' if plots else ""


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else np.nan


def _timings(timings: Mapping[str, float]) -> str:
    if not timings:
        return ""
    names, minutes = list(timings), [seconds / 60 for seconds in timings.values()]
    height = 14 + 26 * len(names)
    chart = charts.bars(names, [("minutes", minutes, charts.GREY)], 640, height)
    return f'<p>Minutes per stage; {sum(minutes):.1f} in all.</p><div class="wide">{chart}</div>'


def _config(config: Mapping[str, Any]) -> str:
    if not config:
        return ""
    text = yaml.safe_dump(json.loads(json.dumps(config, default=str)), sort_keys=False, allow_unicode=True)
    return f"<details><summary>as resolved</summary><pre>{escape(text)}</pre></details>"


def _anchor(name: str) -> str:
    return name.lower().replace(" ", "-")
