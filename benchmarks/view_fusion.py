"""Scores from several views of a frame: one view, the surest view, or the fit on held-out renders?

    python benchmarks/view_fusion.py --domain drive --out FOLDER [--smoke]

The model that ships for the domain looks at renders that stand in for a log: the domain's prior in another look (blur,
contrast, brightness, gamma, noise, JPEG, drawn for each image). Their labels are ours. `whole` scores each object by
the whole frame alone, `surest_view` by the surest of whole frame, tiles and half scale, `fused` by all views as
`adaptation/content/view_fusion.py` weighs them, fitted on other renders in their usual look. ece is the expected
calibration error. Each set is rendered once and kept: the same command goes on.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.common import print_rows, sim2sg, summary, write_results
from sim2sg_core.adaptation.content.tiled_inference import merge_objects, see_views
from sim2sg_core.adaptation.content.view_fusion import Views, fit_on_renders
from sim2sg_core.adaptation.selection.score_calibration import expected_calibration_error, object_outcomes
from sim2sg_core.domains import Domain, load_domain
from sim2sg_core.evaluation import evaluate, load_targets
from sim2sg_core.images import decode_image, encode_jpeg, read_image
from sim2sg_core.progress import Progress
from sim2sg_core.runtime import Predictor
from sim2sg_core.scene import SceneGraph, SceneObject
from sim2sg_core.synthesis import read_dataset
from sim2sg_core.synthesis.dataset import with_ignored

FIT_SEED, TEST_SEED = 70_000, 80_000
PACKS = Path(__file__).resolve().parents[1] / "sim2sg_core" / "packs"


def main() -> None:
    """Renders, infers, fits and scores each set, and writes the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--domain", default="drive", choices=sorted(p.parent.name for p in PACKS.glob("*/model.onnx")))
    parser.add_argument("--out", type=Path, required=True, help="folder of the renders, outside the repository")
    parser.add_argument("--sets", type=int, default=3, help="repeats, each with renders of its own")
    parser.add_argument("--fit", type=int, default=32, help="renders to fit on; a stage has at least so many")
    parser.add_argument("--test", type=int, default=60, help="renders to score on")
    parser.add_argument("--smoke", action="store_true", help="one small set; nothing is written")
    args = parser.parse_args()
    if args.smoke:
        args.sets, args.fit, args.test = 1, 4, 4
    domain = load_domain(args.domain)
    predictor = Predictor(PACKS / args.domain / "model.onnx")
    found: dict[str, list[dict[str, float]]] = {}
    for number in range(args.sets):
        for row, figures in score_set(number, predictor, domain, args).items():
            found.setdefault(row, []).append(figures)
    rows = {row: {name: summary([run[name] for run in runs]) for name in runs[0]} for row, runs in found.items()}
    print_rows(rows)
    if not args.smoke:
        print(
            write_results(
                "view_fusion", rows, notes=f"{args.sets} sets: {args.fit} renders fitted, {args.test} scored."
            )
        )


def score_set(
    number: int, predictor: Predictor, domain: Domain, args: argparse.Namespace
) -> dict[str, dict[str, float]]:
    """Returns the figures of each row on one set."""
    usual = rendered(args.domain, args.out / f"fit_{args.fit}_{number}", args.fit, FIT_SEED + 1000 * number)
    other = rendered(args.domain, args.out / f"test_{args.test}_{number}", args.test, TEST_SEED + 1000 * number)
    half_scale = bool(domain.training.half_scale_inference)
    known, truths = ([with_ignored(domain, truth) for _, truth in read_dataset(folder)] for folder in (usual, other))
    fusion = fit_on_renders(look(usual, predictor, domain, half_scale), known, domain.class_names)
    seen = look(other, predictor, domain, half_scale, np.random.default_rng(number))
    targets = load_targets(other, "coco", domain)
    graphs = {
        "whole": [with_objects(v.whole, merge_objects(v.whole.objects, domain.carriers)) for v in seen],
        "surest_view": [with_objects(v.whole, v.objects) for v in seen],
        "fused": [fusion.graph(v) for v in seen],
    }
    figures = {}
    for row, of_row in graphs.items():
        scores, correct, _ = object_outcomes(of_row, truths)
        found = evaluate(of_row, targets, domain, "coco")
        figures[row] = {"mAP50": found["mAP50"], "ece": expected_calibration_error(scores, correct)}
        figures[row] |= {f"AP50_{name}": found[f"AP50_{name}"] or 0.0 for name in domain.related_names}
    return figures


def rendered(domain: str, out: Path, count: int, seed: int) -> Path:
    """Renders prior scenes of a domain. Returns their folder."""
    sim2sg("synth", "--domain", domain, "--count", count, "--seed", seed, "--out", out, log=out / "log.txt")
    return out


def changed(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Returns an (H, W, 3) uint8 image in another look."""
    blurred = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.6, 1.6)).astype(np.float32) / 255
    lit = np.clip((blurred - 0.5) * rng.uniform(0.6, 1.5) + 0.5 + rng.uniform(-0.12, 0.12), 0, 1)
    lit = lit ** rng.uniform(0.6, 1.6) + rng.normal(0, rng.uniform(0.01, 0.04), lit.shape)
    drawn = (np.clip(lit, 0, 1) * 255).astype(np.uint8)
    return decode_image(encode_jpeg(drawn, int(rng.integers(30, 70))))


def look(
    folder: Path, predictor: Predictor, domain: Domain, half_scale: bool, rng: np.random.Generator | None = None
) -> list[Views]:
    """Infers all views of a data set's images; in another look where an `rng` draws one."""
    pairs = read_dataset(folder)
    seen = []
    with Progress(len(pairs), folder.name, unit="frames") as progress:
        for path, truth in pairs:
            assert truth.camera is not None
            image = read_image(path) if rng is None else changed(read_image(path), rng)
            whole = predictor.infer(image).graph(truth.camera, file=path.name)
            seen.append(see_views(predictor, image, truth.camera, whole, domain.carriers, half_scale))
            progress.update()
    return seen


def with_objects(graph: SceneGraph, objects: Sequence[SceneObject]) -> SceneGraph:
    """Returns a graph with other objects and without relations."""
    return dataclasses.replace(graph, objects=tuple(objects), relations=())


if __name__ == "__main__":
    main()
