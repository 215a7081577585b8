"""`sim2sg domain check`: draws prior scenes of a domain, and says what in it will hurt."""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from sim2sg_core.cli.domain_arguments import domain_to_draw
from sim2sg_core.cli.text_table import table
from sim2sg_core.domains import Domain
from sim2sg_core.domains.mesh_files import mesh_extents
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.files import atomic_path, make_folder
from sim2sg_core.progress import Progress
from sim2sg_core.report.domain_appearance import look_alikes, mesh_warnings, shown_path
from sim2sg_core.report.domain_statistics import (
    class_figures,
    class_table,
    content_warnings,
    predicate_figures,
    predicate_table,
)
from sim2sg_core.report.sheets import contact_sheet, draw_tile
from sim2sg_core.scene import Layout, SceneGraph

TILE, COLUMNS = 480, 4
CROP = 32  # pixels; small enough that texture counts little


def check(args: argparse.Namespace) -> int:
    """Draws, counts, warns. Returns 1 for warnings with --strict, else 0."""
    from sim2sg_core.synthesis.synthesizer import Synthesizer

    if args.count < 1:
        raise Sim2SGError(f"--count {args.count}: at least 1")
    if args.seed < 0:
        raise Sim2SGError(f"--seed {args.seed}: at least 0")
    domain = domain_to_draw(args)
    out = args.out or Path(f"{domain.name}_check")
    make_folder(out)  # First: what is in its way is to be told before the work, not after.
    synthesizer = Synthesizer(domain)
    graphs: list[SceneGraph] = []
    layouts: list[Layout] = []
    tiles: list[np.ndarray] = []
    crops: dict[str, list[np.ndarray]] = {name: [] for name in domain.class_names}
    with Progress(args.count, "drawing", unit="scenes") as progress:
        for seed in range(args.seed, args.seed + args.count):
            layout = synthesizer.sample(seed)
            frame = synthesizer.frame(layout, seed)
            graphs.append(frame.graph)
            layouts.append(frame.layout)
            tiles.append(draw_tile(frame.image, frame.graph, TILE, domain.class_names, domain.predicate_names))
            add_crops(crops, frame.image, frame.graph)
            progress.update(1)
    synthesizer.close()

    sheet = out / "contact_sheet.png"
    write_png(sheet, contact_sheet(tiles, COLUMNS, TILE))
    print(f"{sheet}: {args.count} scenes, {domain.layout.type} layout")
    print(f"\n{table(class_table(class_figures(domain, graphs, layouts)))}")
    print(f"\n{table(predicate_table(predicate_figures(domain, graphs)))}\n")
    folder = Path(args.domain).parent
    warnings = [
        *content_warnings(domain, graphs, layouts),
        *look_alikes(domain, used_meshes(domain, synthesizer.assets, folder), crops),
        *mesh_warnings(domain, raw_extents(domain), folder),
    ]
    for text in warnings:
        print(f"warning: {text}")
    print(f"{len(warnings)} warning{'s' * (len(warnings) != 1)}" if warnings else "no warnings")
    return 1 if warnings and args.strict else 0


def add_crops(crops: dict[str, list[np.ndarray]], image: np.ndarray, graph: SceneGraph) -> None:
    """Adds pictures of the objects that are seen well: their boxes, padded to squares, CROP pixels a side."""
    for item in graph.objects:
        x1, y1, x2, y2 = (float(v) for v in item.box)
        side = max(x2 - x1, y2 - y1)
        if (item.visibility or 0) < 0.7 or side < 8:
            continue
        middle = np.array([(x1 + x2) / 2, (y1 + y2) / 2])
        scale = CROP / side
        # Shape and padding say more than the picture stretched to a square would.
        matrix = np.array([[scale, 0, CROP / 2 - scale * middle[0]], [0, scale, CROP / 2 - scale * middle[1]]])
        blurred = cv2.GaussianBlur(image, (0, 0), max(0.01, 0.4 / scale)) if scale < 1 else image
        crop = cv2.warpAffine(blurred, matrix, (CROP, CROP), borderMode=cv2.BORDER_REPLICATE)
        crops[item.label].append(np.asarray(crop))


def used_meshes(domain: Domain, assets: dict[str, tuple[str, ...]], folder: Path) -> dict[str, tuple[str, ...]]:
    """Returns the meshes of every class: files by their paths in `folder`, others by their names."""
    return {
        c.name: (*(shown_path(m.file, folder) if m.file else str(m.id) for m in c.meshes), *c.assets)
        if c.meshes
        else tuple(assets[c.name])
        for c in domain.classes
    }


def raw_extents(domain: Domain) -> dict[str, np.ndarray]:
    """Reads the (3,) extents of all mesh files, along their own axes and in their own units."""
    files = {m.file for c in domain.classes for m in c.meshes if m.file is not None}
    return {f: np.array(mesh_extents(f, unit="m", up="z")) for f in sorted(files)}


def write_png(path: Path, image: np.ndarray) -> None:
    """Writes (H, W, 3) RGB. Raises Sim2SGError where it cannot be coded."""
    done, coded = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    if not done:
        raise Sim2SGError(f"{path}: a sheet of {image.shape[1]}x{image.shape[0]} cannot be written; lower --count")
    with atomic_path(path) as temporary:
        temporary.write_bytes(coded.tobytes())
