"""Small charts, drawn by Matplotlib without a display, as SVG images that a page can hold."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, FuncFormatter, MaxNLocator, StrMethodFormatter

BLUE, ORANGE, GREY = "#2563a8", "#e07b1a", "#8a9099"
SOFT, LINE, AXIS = "#5c6670", "#dfe3e8", "#9aa3ad"  # as in report.css
SIZE = (300.0, 190.0)  # points
POINTS_PER_INCH = 72
CURVE_POINTS = 600  # More than there are pixels show nothing.


def histogram(edges: np.ndarray, series: Sequence[tuple[np.ndarray, str]], x_label: str) -> Figure:
    """Draws outlined histograms over each other.

    Args:
        edges: (bins + 1,) bin edges.
        series: (bins,) shares and colour of each.
        x_label: What x is, with its unit.
    """
    figure, axes = _axes(SIZE)
    for values, color in series:
        axes.stairs(values, edges, fill=True, facecolor=to_rgba(color, 0.16), edgecolor=color, lw=1.6)
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:.3g}%"))
    axes.set_xlabel(x_label, fontsize=9, color=SOFT)
    return figure


def bars(
    labels: Sequence[str], series: Sequence[tuple[Sequence[float], str]], size: tuple[float, float] = SIZE
) -> Figure:
    """Draws grouped horizontal bars, one group per label, with the values written at their ends.

    Args:
        labels: Names of the groups, from the top.
        series: Value in each group and colour of each bar.
        size: Width and height, points.
    """
    figure, axes = _axes(size)
    thickness = 0.7 / max(len(series), 1)
    groups = np.arange(len(labels))
    for k, (values, color) in enumerate(series):
        offset = (k - (len(series) - 1) / 2) * thickness
        drawn = axes.barh(groups + offset, values, thickness * 0.88, color=color)
        axes.bar_label(drawn, fmt="{:.2g}", padding=3, fontsize=8, color=SOFT)
    axes.set_yticks(groups, labels, parse_math=False)  # A name may hold a $.
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.margins(x=0.12)  # room for the values
    axes.grid(False)
    axes.spines["bottom"].set_visible(False)
    axes.set_xticks([])
    return figure


def curve(x: np.ndarray, y: np.ndarray, marks: Sequence[tuple[float, str]] = ()) -> Figure | None:
    """Draws a noisy curve faintly and its running mean on top.

    Args:
        x: (n,) rising.
        y: (n,); what is not finite is left out.
        marks: (x, name) of upright lines, where a stage begins.

    Returns:
        The chart; None where nothing is finite.
    """
    known = np.isfinite(x) & np.isfinite(y)
    x, y = x[known], y[known]
    if not len(x):
        return None
    # Each stage by itself: a mean across the jump between two would show what never was.
    stages = np.split(y, np.searchsorted(x, [at for at, _ in marks]))
    smooth = np.concatenate([running_mean(stage, max(1, len(y) // 40)) for stage in stages])
    figure, axes = _axes(SIZE)
    shown = np.unique(np.linspace(0, len(x) - 1, CURVE_POINTS).astype(int))
    axes.plot(x[shown], y[shown], color=BLUE, lw=1, alpha=0.25)
    axes.plot(x[shown], smooth[shown], color=BLUE, lw=1.8)
    for at, name in marks:
        if x[0] <= at <= x[-1]:
            axes.axvline(at, color=AXIS, lw=1, ls=(0, (3, 3)), zorder=1)
            top = axes.get_xaxis_transform()
            axes.text(at, 1, f" {name}", transform=top, va="top", fontsize=8, color=SOFT, parse_math=False)
    axes.set_ylim(*_y_limits(y))
    axes.margins(x=0)
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.set_xlabel("step", fontsize=9, color=SOFT)
    return figure


def lines(series: Sequence[tuple[str, Sequence[float]]], x_label: str) -> Figure:
    """Draws a line for each name over the number of its values, smoothed; the names stand in a legend."""
    figure, axes = _axes(SIZE)
    for name, values in series:
        axes.plot(running_mean(np.asarray(values, float), len(values) // 40), lw=1.4, label=name)
    axes.set_xlabel(x_label, fontsize=9, color=SOFT)
    figure.legend(loc="outside right upper", fontsize=8, frameon=False)
    return figure


def running_mean(values: np.ndarray, reach: int) -> np.ndarray:
    """Returns the (n,) mean over up to `reach` values on either side (fewer at the ends)."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    at = np.arange(len(values))
    # As many on the left as on the right, or the ends would lag.
    reaches = np.minimum(np.minimum(at, at[::-1]), reach)
    start, end = at - reaches, at + reaches + 1
    return np.asarray((total[end] - total[start]) / (end - start))


def data_uri(figure: Figure) -> str:
    """Returns a chart as the source of an <img>: SVG, which is sharp at any size."""
    buffer = io.BytesIO()
    with rc_context({"svg.hashsalt": "sim2sg"}):  # Else ids are random, and no two reports the same.
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return f"data:image/svg+xml;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _axes(size: tuple[float, float]) -> tuple[Figure, Axes]:
    """An empty chart in the page's style."""
    width, height = size
    figure = Figure(figsize=(width / POINTS_PER_INCH, height / POINTS_PER_INCH), layout="constrained")
    axes = figure.subplots()
    axes.spines[["left", "right", "top"]].set_visible(False)
    axes.spines["bottom"].set_color(AXIS)
    axes.tick_params(length=0, labelsize=9, labelcolor=SOFT)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
        axis.set_major_formatter(StrMethodFormatter("{x:.3g}"))
    axes.grid(axis="y", color=LINE)
    axes.set_axisbelow(True)
    return figure, axes


def _y_limits(y: np.ndarray) -> tuple[float, float]:
    # One wild value must not flatten the rest.
    low, high = np.quantile(y, [0.0, 0.99]) if len(y) > 50 else (y.min(), y.max())
    pad = 0.06 * (high - low) or abs(high) * 0.1 or 1.0
    floor = 0.0 if 0 <= low < 0.5 * high else low - pad
    return float(floor), float(high + pad)
