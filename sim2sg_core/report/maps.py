"""Charts seen from above: where objects are, and how scenes are laid out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Polygon

from sim2sg_core.report import charts
from sim2sg_core.report.overlay import CLASS_COLORS, assign_colors
from sim2sg_core.scene import Layout, Placement

CELLS = 24
"""Of a heat map, forwards."""
SCENES = 4
"""Drawn as plans."""
SIZE = (620.0, 210.0)  # points
REACH, PLAN_REACH = 0.99, 0.9  # share of the objects that a map, and a plan, holds
WIDEST = 8.0  # times as far sideways as forwards: what is nearer and beside would be drawn in cells by the million


def heat_maps(panels: Sequence[tuple[str, np.ndarray, np.ndarray]]) -> Figure:
    """Draws where objects are, seen from above: one map beside the other, all of one scale.

    Args:
        panels: Of each map its heading, the objects' places (N, 2) right and forward of the camera in metres, and their
            weights (N,). Places that are not finite are left out.
    """
    known = [(name, p[np.isfinite(p).all(1)], w[np.isfinite(p).all(1)]) for name, p, w in panels]
    columns, rows = _edges([places for _, places, _ in known], REACH)
    shares = []
    for _, places, weights in known:
        counts, _, _ = np.histogram2d(places[:, 1], places[:, 0], (rows, columns), weights=weights)
        shares.append(counts / max(float(counts.sum()), 1e-12))
    figure, all_axes = _panels(len(known))
    for axes, (name, _, _), share in zip(all_axes, known, shares, strict=True):
        # By the square root, as maps of counts are: else one full cell hides all others.
        axes.pcolormesh(columns, rows, np.sqrt(share), cmap="Blues", vmin=0, vmax=float(np.sqrt(np.max(shares))))
        axes.set_title(name, fontsize=9, color=charts.SOFT)
        axes.set_aspect("equal")
    all_axes[0].set_ylabel("metres from the camera", fontsize=9, color=charts.SOFT)
    return figure


def scene_plans(layouts: Sequence[Layout], classes: Sequence[str]) -> Figure:
    """Draws scenes from above: the base of each object in the colour of its class, the camera at the bottom.

    Args:
        layouts: The scenes, one at least.
        classes: Of the domain, in its order: so colours are those of the overlays.
    """
    colors = assign_colors((p.label for lay in layouts for p in lay.placements), classes, CLASS_COLORS)
    figure, all_axes = _panels(len(layouts))
    corners = [_from_above(p) for lay in layouts for p in lay.placements]
    columns, rows = _edges([np.concatenate(corners)] if corners else [], PLAN_REACH)
    for axes, layout in zip(all_axes, layouts, strict=True):
        # The smallest last: a cup stands on its table.
        for item in sorted(layout.placements, key=lambda p: -float(p.size[0] * p.size[1])):
            color = np.array(colors[item.label]) / 255
            axes.add_patch(Polygon(_from_above(item), facecolor=(*color, 0.55), edgecolor=color, lw=0.8))
        axes.set_xlim(columns[0], columns[-1])
        axes.set_ylim(rows[0], rows[-1])
        axes.set_aspect("equal")
    present = {p.label for lay in layouts for p in lay.placements}
    handles = [Polygon([[0, 0]], facecolor=np.array(c) / 255, label=n) for n, c in colors.items() if n in present]
    if handles:
        figure.legend(handles=handles, loc="outside lower center", ncols=7, fontsize=8, frameon=False)
    return figure


def _from_above(placement: Placement) -> np.ndarray:
    """(4, 2) corners of the base, right and forward of the camera; in the world x is forward and y left."""
    return placement.footprint()[:, ::-1] * [-1, 1]


def _panels(count: int) -> tuple[Figure, list[Axes]]:
    width, height = SIZE
    inches = width / charts.POINTS_PER_INCH, height / charts.POINTS_PER_INCH
    figure = Figure(figsize=inches, layout="constrained")
    all_axes = list(figure.subplots(1, count, squeeze=False, sharex=True, sharey=True)[0])
    for axes in all_axes:
        axes.spines[["left", "right", "top", "bottom"]].set_color(charts.LINE)
        axes.tick_params(length=0, labelsize=8, labelcolor=charts.SOFT)
        axes.locator_params(nbins=4)
    return figure, all_axes


def _edges(places: Sequence[np.ndarray], reach: float) -> tuple[np.ndarray, np.ndarray]:
    """Edges of square cells, right and forward, that hold a share of the places; the camera is in the middle below."""
    sideways = [np.quantile(np.abs(p[:, 0]), reach) for p in places if len(p)]
    forwards = [np.quantile(p[:, 1], reach) for p in places if len(p)]
    far = max([*forwards, max(sideways, default=0.0) / WIDEST, 1e-3])
    side = far / CELLS
    half = max(1, int(np.ceil(max([*sideways, side]) / side)))
    return np.arange(-half, half + 1) * side, np.linspace(0, far, CELLS + 1)
