"""KITTI: source only against adapted, by the commands that a user would run.

Adapts `drive` to the unlabelled logs (`DATA/log`), then scores the source model and the adapted one on the labelled
frames (`DATA/dev`), which nothing else reads. Both rows come from one run. Resumable: the same command goes on.

python benchmarks/kitti.py --data DATA --out RUN
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from common import print_rows, sim2sg, summary, write_results

METRICS = (
    *(f"AP50_{name}_{level}" for name in ("car", "pedestrian", "cyclist") for level in ("easy", "moderate", "hard")),
    *("mAP50", "sgdet_R20", "sgdet_R50", "sgdet_mR50", "sgdet_R50_over_ceiling", "sgdet_constrained_R50"),
)
SMOKE = ["--frames", "12", "--source-frames", "16", "--source-steps", "10", "--rounds", "1", "--round-frames", "12"]
SMOKE += ["--round-steps", "5", "--batch", "4"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with log/ and dev/")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run, outside the repository")
    parser.add_argument("--seeds", type=int, default=1, help="runs, each with its own seed (default: 1)")
    parser.add_argument("--smoke", action="store_true", help="minutes: does it work at all? Its figures mean nothing")
    args = parser.parse_args()
    figures: dict[str, list[dict[str, float]]] = {"source": [], "ours": []}
    started = time.monotonic()
    for seed in range(args.seeds):
        run = args.out / f"seed_{seed}"
        words = ["adapt", "--domain", "drive", "--log", args.data / "log", "--out", run, "--seed", seed]
        sim2sg(*words, *(SMOKE if args.smoke else []))
        for row, model in (("source", run / "source" / "model.onnx"), ("ours", run / "model.onnx")):
            figures[row].append(score(model, args, run / f"eval_{row}.json"))
    rows = {
        row: {metric: summary([run[metric] for run in runs]) for metric in METRICS} for row, runs in figures.items()
    }
    print_rows(rows)
    if args.smoke:
        print("smoke: nothing is written")
        return
    minutes = [
        sum(json.loads((args.out / f"seed_{s}/stages.json").read_text()).values()) / 60 for s in range(args.seeds)
    ]
    rows["ours"]["adapt_minutes"] = summary([round(m, 1) for m in minutes])
    print(write_results("kitti", rows), f"in {(time.monotonic() - started) / 60:.0f} min")


def score(model: Path, args: argparse.Namespace, out: Path) -> dict[str, float]:
    """Evaluates on the labelled frames; every such look is put on record beside the results."""
    record = Path(__file__).parent / "results" / "dev_evaluations.jsonl"
    words = ["eval", "--model", model, "--data", args.data / "dev", "--format", "kitti", "--out", out]
    sim2sg(*words, *([] if args.smoke else ["--log-evaluations", record]))
    metrics: dict[str, float] = json.loads(out.read_text())["metrics"]
    return {name: metrics[name] or 0.0 for name in METRICS}


if __name__ == "__main__":
    main()
