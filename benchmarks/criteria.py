"""Choice without labels: how well each criterion ranks recorded models, beside their true scores.

RUNS holds runs of `sim2sg adapt` at any depth. Every stage of each (source, rounds, mean) is a model; one that several
runs share counts once. All are scored by every criterion on the run's frames, and by their true score on labelled
images, which nothing else reads. Resumable: what was measured of a model lies in OUT, by the hash of its checkpoint.

python benchmarks/criteria.py --runs RUNS --data DATA/dev --format clevr --out OUT [--smoke]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ablation import RECORD
from ablation_table import spearman
from common import print_rows, sim2sg, summary, write_results

from sim2sg_core.adaptation.selection.criteria import NetworkFigures, criterion_scores
from sim2sg_core.adaptation.stage_criteria import measure_stage
from sim2sg_core.domains.digests import file_digest
from sim2sg_core.scene.graph import write_json

CRITERIA = ("self_consistency", "das", "bos", "flatness", "prototypes", "mean_rank")
JOINED = ("self_consistency", "das", "bos")  # whose ranks `mean_rank` averages
TRUE_SCORES = ("mAP50", "sgdet_R20")
OTHER_TARGETS = ("content_only", "appearance_only")  # rows of clevr.py
SMOKE_MODELS, SMOKE_FRAMES = 3, 6


def main() -> None:
    """Scores what is not scored yet, then writes the table."""
    args = arguments()
    runs = recorded_runs(args.runs)
    if not runs:
        raise SystemExit(f"error: {args.runs}: no run of `sim2sg adapt` with two stages in it; make some first")
    scored: dict[str, list[dict[str, Any]]] = {}
    left = SMOKE_MODELS if args.smoke else None
    for name, stages in runs.items():
        chosen = stages if left is None else stages[:left]
        scored[name] = [score(stage, stages[0], args) for stage in chosen]
        left = None if left is None else left - len(chosen)
        if left == 0:
            break
    table = correlations(scored)
    print_rows(table)
    if args.smoke:
        print("smoke: nothing is written")
        return
    models = {model["digest"] for run in scored.values() for model in run}
    notes = (
        f"{len(models)} models of {len(scored)} runs. Spearman's rank correlation with the true score: over all models,"
        " and the mean within a run. Loss: how far the model that the criterion takes of a run is behind its best."
    )
    file = "criteria" if args.name is None else f"criteria_{args.name}"
    print(write_results(file, table, notes=notes))


def arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=Path, required=True, help="folder of runs of `sim2sg adapt`")
    parser.add_argument("--data", type=Path, required=True, help="labelled images of the target")
    parser.add_argument("--format", required=True, help="their format, as `sim2sg eval` names it")
    parser.add_argument("--out", type=Path, required=True, help="folder of what is measured, outside the repository")
    parser.add_argument("--name", help="of the target, added to the result's: results/criteria_NAME.json")
    parser.add_argument("--smoke", action="store_true", help="three models: does it work at all?")
    return parser.parse_args()


def recorded_runs(folder: Path) -> dict[str, list[Path]]:
    """Returns the stages of each run, in order, of runs with two at least whose stages are whole.

    Runs of CLEVR's controlled studies are left out: their logs are of other targets.
    """
    found = {}
    for listed in sorted(folder.rglob("frames/frames.json")):
        run = listed.parents[1]
        if run.name.startswith(OTHER_TARGETS):
            continue
        needed = ("model.onnx", "calibration.json", "self_consistency.json", "train/checkpoint.pt")
        stages = [path.parent for path in run.glob("*/model.onnx") if all((path.parent / n).exists() for n in needed)]
        stages.sort(key=lambda stage: (stage.name != "source", stage.name == "mean", stage.name))
        if len(stages) > 1 and stages[0].name == "source":
            found[str(run.relative_to(folder))] = stages
    return found


def score(stage: Path, source: Path, args: argparse.Namespace) -> dict[str, Any]:
    """Returns what is measured of a stage's model: made once, and kept."""
    digest = file_digest(stage / "train" / "checkpoint.pt")
    kept = args.out / ("smoke" if args.smoke else "models") / f"{digest}.json"
    if not kept.exists():
        frames = sorted((stage.parent / "frames").glob("*.jpg"))
        figures = measure_stage(stage, frames[:SMOKE_FRAMES] if args.smoke else frames, source / "held_out")
        evaluated = kept.with_suffix(".eval.json")
        record = [] if args.smoke else ["--log-evaluations", RECORD]
        words = ["eval", "--model", stage / "model.onnx", "--data", args.data, "--format", args.format]
        sim2sg(*words, "--out", evaluated, *record, log=kept.with_suffix(".txt"))
        metrics = json.loads(evaluated.read_text())["metrics"]
        consistency = json.loads((stage / "self_consistency.json").read_text())
        result = {"stage": f"{stage.parent.name}/{stage.name}", "self_consistency": consistency["score"]}
        write_json(kept, {**result, **figures.to_json(), **{k: metrics[k] or 0.0 for k in TRUE_SCORES}}, indent=1)
    return {"digest": digest, **json.loads(kept.read_text())}


def correlations(scored: dict[str, list[dict[str, Any]]]) -> dict[str, dict[str, dict[str, float]]]:
    """Returns a row for each criterion: its rank correlations with the true scores, and what choosing by it loses."""
    everything = list({model["digest"]: model for run in scored.values() for model in run}.values())
    runs = [run for run in scored.values() if len(run) > 2]
    table = {}
    for name in CRITERIA:
        row: dict[str, dict[str, float]] = {}
        for metric in TRUE_SCORES:
            row[f"all_{metric}"] = summary([agreement(name, everything, metric)])
            if runs:
                row[f"within_{metric}"] = summary([agreement(name, run, metric) for run in runs])
        if runs:
            metric = TRUE_SCORES[0]
            losses = [max(m[metric] for m in run) - run[int(np.argmax(scores(name, run)))][metric] for run in runs]
            row |= {"loss": summary(losses), "loss_at_worst": summary([max(losses)])}
        table[name] = row
    return table


def agreement(name: str, models: Sequence[dict[str, Any]], metric: str) -> float:
    """Returns Spearman's correlation of a criterion with a true score; 0 where either is the same for all models."""
    return spearman(scores(name, models), [model[metric] for model in models])


def scores(name: str, models: Sequence[dict[str, Any]]) -> list[float]:
    """Returns the score of each model by a criterion, or by the mean of its ranks by those of `JOINED`."""
    if name == "mean_rank":
        ranks = [np.argsort(np.argsort(scores(other, models))) for other in JOINED]
        return [float(value) for value in np.mean(ranks, axis=0)]
    figures = [NetworkFigures(model["bos"], model["change"], model["prototypes"]) for model in models]
    return criterion_scores(name, [model["self_consistency"] for model in models], figures)


if __name__ == "__main__":
    main()
