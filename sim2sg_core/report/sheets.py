"""Contact sheets: many images, with their graphs, in one picture."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import cv2
import numpy as np

from sim2sg_core.report.overlay import DARK, FONT, draw_overlay, fit_width
from sim2sg_core.scene import SceneGraph

GAP = 4  # pixels between images


def contact_sheet(images: Sequence[np.ndarray], columns: int, cell_width: int = 320) -> np.ndarray:
    """Puts images side by side.

    Args:
        images: (H, W, 3) uint8 RGB, of any sizes.
        columns: Images per row.
        cell_width: Width of each, pixels; heights follow, the tallest sets the rows.

    Returns:
        (H', W', 3) uint8 RGB; one grey pixel when there are no images.
    """
    if not images:
        return np.full((1, 1, 3), 245, np.uint8)
    cells = [fit_width(image, cell_width) for image in images]
    cell_height = max(cell.shape[0] for cell in cells)
    columns = min(columns, len(cells))
    rows = -(-len(cells) // columns)
    sheet = np.full((rows * (cell_height + GAP) - GAP, columns * (cell_width + GAP) - GAP, 3), 245, np.uint8)
    for i, cell in enumerate(cells):
        y, x = i // columns * (cell_height + GAP), i % columns * (cell_width + GAP)
        sheet[y : y + cell.shape[0], x : x + cell_width] = cell
    return sheet


def draw_tile(
    image: np.ndarray, graph: SceneGraph, width: int, classes: Sequence[str], predicates: Sequence[str]
) -> np.ndarray:
    """Draws a graph for a contact sheet: boxes, labels, a few arrows, and beneath the picture all relations counted.

    Args:
        image: (H, W, 3) uint8 RGB.
        graph: Boxes in pixels of `image`.
        width: Of the tile, pixels; larger images are made smaller first, so that letters stay as they are.
        classes: All class names, in order.
        predicates: All predicate names, in order.

    Returns:
        (H', width, 3) uint8 RGB.
    """
    picture = fit_width(image, width)
    scaled = _scaled(graph, picture.shape[1], picture.shape[0])
    picture = draw_overlay(picture, scaled, max_relations=5, classes=classes, predicates=predicates)
    counts = [(name, sum(r.predicate == name for r in graph.relations)) for name in predicates]
    lines = [f"{len(graph.objects)} objects"]
    for text in (f"{name.replace('_', ' ')} {count}" for name, count in counts):
        longer = f"{lines[-1]}, {text}"
        if cv2.getTextSize(longer, FONT, 0.45, 1)[0][0] > width - 12:
            lines.append(text)
        else:
            lines[-1] = longer
    footer = np.full((8 + 18 * len(lines), width, 3), DARK, np.uint8)
    for i, line in enumerate(lines):
        cv2.putText(footer, line, (6, 17 + 18 * i), FONT, 0.45, (240, 240, 240), 1, cv2.LINE_AA)
    return np.vstack([picture, footer])


def _scaled(graph: SceneGraph, width: int, height: int) -> SceneGraph:
    """The graph on its image at another size."""
    factors = np.array([width / graph.width, height / graph.height] * 2)
    objects = tuple(dataclasses.replace(o, box=o.box * factors) for o in graph.objects)
    return dataclasses.replace(graph, width=width, height=height, objects=objects, camera=None)
