"""Small charts as inline SVG: no script, no library, sharp at any size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

BLUE, ORANGE, GREY = "#2563a8", "#e07b1a", "#8a9099"
LEFT, RIGHT, TOP, BOTTOM = 42, 12, 12, 30  # margins, SVG units


@dataclass(frozen=True)
class Frame:
    """Plot area: maps data to SVG units."""

    width: float
    height: float
    x: tuple[float, float]
    y: tuple[float, float]

    def px(self, value: float) -> float:
        """Data x to SVG x."""
        low, high = self.x
        return LEFT + (value - low) / ((high - low) or 1) * (self.width - LEFT - RIGHT)

    def py(self, value: float) -> float:
        """Data y to SVG y."""
        low, high = self.y
        return self.height - BOTTOM - (value - low) / ((high - low) or 1) * (self.height - TOP - BOTTOM)


def histogram(
    edges: np.ndarray,
    series: Sequence[tuple[str, np.ndarray, str]],
    x_label: str,
    width: int = 300,
    height: int = 190,
) -> str:
    """Draws outlined histograms over each other.

    Args:
        edges: (bins + 1,) bin edges.
        series: (name, (bins,) shares, colour) of each.
        x_label: What x is, with its unit.
        width: SVG units.
        height: SVG units.
    """
    top = max([float(s.max()) for _, s, _ in series if len(s)] + [1e-9]) * 1.08
    frame = Frame(width, height, (float(edges[0]), float(edges[-1])), (0.0, top))
    parts = [_axes(frame, x_label, percent=True)]
    for name, values, color in series:
        xs = np.repeat(edges, 2)[1:-1]
        points = " ".join(f"{frame.px(x):.1f},{frame.py(y):.1f}" for x, y in zip(xs, np.repeat(values, 2)))
        first, last, floor = frame.px(edges[0]), frame.px(edges[-1]), frame.py(0)
        outline = f"{first:.1f},{floor:.1f} {points} {last:.1f},{floor:.1f}"
        parts.append(
            f'<polygon points="{outline}" fill="{color}" fill-opacity="0.16" stroke="{color}" '
            f'stroke-width="1.6" stroke-linejoin="round"><title>{escape(name)}</title></polygon>'
        )
    return _svg(width, height, parts)


def bars(
    labels: Sequence[str],
    series: Sequence[tuple[str, Sequence[float], str]],
    width: int = 300,
    height: int = 190,
) -> str:
    """Draws grouped horizontal bars, one group per label, with the values written at their ends."""
    left = 16 + 6.4 * max((len(label) for label in labels), default=1)
    top = max([float(v) for _, values, _ in series for v in values] + [1e-9])
    row = (height - 14) / max(len(labels), 1)
    thick = min(13.0, row * 0.78 / max(len(series), 1))
    parts = []
    for i, label in enumerate(labels):
        middle = 7 + row * (i + 0.5)
        parts.append(f'<text x="{left - 8:.1f}" y="{middle + 4:.1f}" class="end">{escape(label)}</text>')
        for k, (name, values, color) in enumerate(series):
            y = middle + (k - len(series) / 2) * thick
            length = (width - left - 44) * float(values[i]) / top
            end, base = left + length + 5, y + thick / 2 + 2.6
            parts.append(
                f'<rect x="{left:.1f}" y="{y:.1f}" width="{max(length, 0.6):.1f}" height="{thick - 1.5:.1f}" '
                f'fill="{color}" rx="1.5"><title>{escape(name)}</title></rect>'
                f'<text x="{end:.1f}" y="{base:.1f}" class="small">{values[i]:.2g}</text>'
            )
    return _svg(width, height, parts)


def curve(
    x: np.ndarray,
    y: np.ndarray,
    marks: Sequence[tuple[float, str]] = (),
    width: int = 300,
    height: int = 190,
) -> str:
    """Draws a noisy curve faintly and its running mean on top.

    Args:
        x: (n,) rising.
        y: (n,); what is not finite is left out.
        marks: (x, name) of upright lines, where a stage begins.
        width: SVG units.
        height: SVG units.
    """
    known = np.isfinite(x) & np.isfinite(y)
    x, y = x[known], y[known]
    if not len(x):
        return ""
    # Each stage by itself: a mean across the jump between two would show what never was.
    stages = np.split(y, np.searchsorted(x, [at for at, _ in marks]))
    smooth = np.concatenate([running_mean(stage, max(1, len(y) // 40)) for stage in stages])
    # One wild value must not flatten the rest.
    low, high = np.quantile(y, [0.0, 0.99]) if len(y) > 50 else (y.min(), y.max())
    pad = 0.06 * (high - low) or abs(high) * 0.1 or 1.0
    floor = 0.0 if 0 <= low < 0.5 * high else low - pad
    frame = Frame(width, height, (float(x[0]), float(x[-1])), (float(floor), float(high + pad)))
    parts = [_axes(frame, "step")]
    for at, name in marks:
        if x[0] <= at <= x[-1]:
            px = frame.px(at)
            parts.append(
                f'<line x1="{px:.1f}" x2="{px:.1f}" y1="{TOP}" y2="{height - BOTTOM}" class="mark"/>'
                f'<text x="{px + 3:.1f}" y="{TOP + 8}" class="small">{escape(name)}</text>'
            )
    parts.append(_path(frame, x, y, BLUE, 1.0, 0.25) + _path(frame, x, smooth, BLUE, 1.8, 1.0))
    return _svg(width, height, parts)


def running_mean(values: np.ndarray, reach: int) -> np.ndarray:
    """Returns the (n,) mean over up to `reach` values on either side (fewer at the ends)."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    at = np.arange(len(values))
    # As many on the left as on the right, or the ends would lag.
    reaches = np.minimum(np.minimum(at, at[::-1]), reach)
    start, end = at - reaches, at + reaches + 1
    return np.asarray((total[end] - total[start]) / (end - start))


def ticks(low: float, high: float, count: int = 4) -> list[float]:
    """Returns round numbers (1, 2, 2.5 or 5 times a power of ten apart) between low and high."""
    if not high > low:
        return [low]
    raw = (high - low) / count
    power = 10.0 ** np.floor(np.log10(raw))
    step = next(s * power for s in (1, 2, 2.5, 5, 10) if s * power >= raw * 0.999)
    first, last = int(np.ceil(low / step - 1e-9)), int(np.floor(high / step + 1e-9))
    return [i * float(step) for i in range(first, last + 1)]


def _axes(frame: Frame, x_label: str, percent: bool = False) -> str:
    right, floor = frame.width - RIGHT, frame.height - BOTTOM
    parts = []
    for value in ticks(*frame.y):
        y = frame.py(value)
        text = f"{100 * value:.3g}%" if percent else f"{value:.3g}"
        parts.append(
            f'<line x1="{LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>'
            f'<text x="{LEFT - 5}" y="{y + 3.5:.1f}" class="end">{text}</text>'
        )
    for value in ticks(*frame.x):
        text = f"{value / 1000:.3g}k" if abs(value) >= 10000 else f"{value:.3g}" if value % 1 else f"{value:.0f}"
        parts.append(f'<text x="{frame.px(value):.1f}" y="{floor + 13}" class="mid">{text}</text>')
    parts.append(f'<line x1="{LEFT}" x2="{right}" y1="{floor}" y2="{floor}" class="axis"/>')
    middle = (LEFT + right) / 2
    parts.append(f'<text x="{middle:.1f}" y="{floor + 26}" class="mid name">{escape(x_label)}</text>')
    return "".join(parts)


def _path(frame: Frame, x: np.ndarray, y: np.ndarray, color: str, width: float, opacity: float) -> str:
    keep = np.unique(np.linspace(0, len(x) - 1, 600).astype(int))  # More points than pixels show nothing.
    low, high = frame.y
    points = " ".join(f"{frame.px(a):.1f},{frame.py(b):.1f}" for a, b in zip(x[keep], np.clip(y[keep], low, high)))
    return (
        f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="{width}" '
        f'stroke-opacity="{opacity}" stroke-linejoin="round"/>'
    )


def _svg(width: float, height: float, parts: Sequence[str]) -> str:
    return f'<svg viewBox="0 0 {width} {height}" role="img">{"".join(parts)}</svg>'
