"""Pictures of what a model gets wrong on labelled images, for `sim2sg eval --mistakes`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sim2sg_core.evaluation import TargetImage
from sim2sg_core.evaluation.labelled_images import Protocol
from sim2sg_core.evaluation.mistakes import MISTAKE_KINDS, find_mistakes
from sim2sg_core.evaluation.scoring import pair_by_name, rename
from sim2sg_core.files import make_folder
from sim2sg_core.images import write_jpeg
from sim2sg_core.logs.names import UniqueNames
from sim2sg_core.report.anonymise import anonymise
from sim2sg_core.report.overlay import RGB, draw_boxes
from sim2sg_core.report.sheets import contact_sheet
from sim2sg_core.scene.graph import SceneGraph, write_json

MISTAKE_COLORS: dict[str, RGB] = {
    "missed": (255, 70, 60),
    "wrong class": (255, 159, 28),
    "misplaced": (255, 224, 102),
    "false alarm": (240, 100, 240),
    "twice": (92, 142, 255),
}
WORST = 12
"""Images on the sheet of the worst."""
SHEET = "worst.jpg"


def draw_mistakes(
    folder: Path,
    graphs: Sequence[SceneGraph],
    targets: Sequence[TargetImage],
    protocol: Protocol,
    anonymised: bool = False,
) -> str:
    """Draws the mistakes of every image and a sheet of the worst images. Returns a line that counts them."""
    found = []
    for graph, target in pair_by_name(graphs, targets):
        if mistakes := find_mistakes(rename(graph, protocol), target, protocol):
            found.append((target, graph, mistakes))
    found.sort(key=lambda row: (-len(row[2]), row[0].file))
    make_folder(folder)
    worst: list[np.ndarray] = []
    names = UniqueNames()
    names(SHEET)
    for target, graph, mistakes in found:
        image = target.image()
        if anonymised:
            image = anonymise(image, [graph, target.labelled_graph()])
        boxes = [(m.box, m.describe(), MISTAKE_COLORS[m.kind]) for m in mistakes]
        boxes += [(m.found_box, "", MISTAKE_COLORS[m.kind]) for m in mistakes if m.found_box is not None]
        picture = draw_boxes(image, boxes, title=target.file, min_width=640)
        write_jpeg(folder / names(target.file, ".jpg"), picture)
        worst += [picture] if len(worst) < WORST else []
    counts = {kind: sum(m.kind == kind for _, _, mistakes in found for m in mistakes) for kind in MISTAKE_KINDS}
    images = [{"file": target.file, "mistakes": [m.to_json() for m in mistakes]} for target, _, mistakes in found]
    write_json(folder / "mistakes.json", {"counts": counts, "images": images}, indent=1)
    if worst:
        write_jpeg(folder / SHEET, contact_sheet(worst, columns=3, cell_width=640))
    said = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count) or "none"
    return f"mistakes ({said}) in {folder}: {f'{SHEET}, ' if worst else ''}mistakes.json"
