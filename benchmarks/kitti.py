"""KITTI: from rendered streets to real ones, what each part of the method is worth.

The target is an unlabelled log (`DATA/log`, bags), scored on the labelled frames of other drives (`DATA/dev`: KITTI's
object format, and `drives.csv` with file,drive). The source prior is the built-in domain `drive`. Rows and rules are
those of `ablation.py`. The oracle is trained twice, each time on one half of dev's drives, and scored on the other.
`peer` is a detector that was trained on the human labels of COCO, `peer_tiled` the same on tiles too; `ours_witness` is
`ours` with a detector as its witness, `ours_witness_mixing` the same with half of its images real frames, which keep
what both found.

python benchmarks/kitti.py --data DATA --out RUNS [--peer FILE] [--witness FILE] [--rows ROW …] [--until MIN] [--smoke]
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from ablation import LEARNED_LAYOUTS, RECORD, SMOKE_ROWS, Ablation, run
from common import sim2sg
from kitti_data import DRIVES, convert, fold_of, read_drives
from kitti_peer import MAPPING, predict_peer

from sim2sg_core.domains import load_domain
from sim2sg_core.domains.digests import file_digest
from sim2sg_core.evaluation import TargetImage, load_targets
from sim2sg_core.evaluation.datasets import protocol_for
from sim2sg_core.evaluation.resampling import paired_differences
from sim2sg_core.evaluation.scoring import ImageScore, score_images
from sim2sg_core.images import read_image
from sim2sg_core.runtime import Predictor
from sim2sg_core.scene.graph import load_graphs, save_graphs

NEEDS = {"ours_witness": "witness", "ours_witness_mixing": "witness", "peer": "peer", "peer_tiled": "peer"}
"""Rows that are run only where a file is given, and the option that gives it."""
COMPARED = (("ours", "fair_source"), ("ours", "source"))
PREDICTIONS = "dev_graphs.json"
SMOKE_IMAGES = 2  # per drive


class Kitti(Ablation):
    """The rows of KITTI.

    A further row is one line: of a switch of the method, in `variants` as ("ours", ("--class-swap", 0)).
    """

    name = "kitti"
    source = "drive"
    test = "dev"
    form = "kitti"
    metrics = (
        *(f"AP50_{name}_{d}" for name in ("car", "pedestrian", "cyclist") for d in ("easy", "moderate", "hard")),
        *("mAP50", "sgdet_R20", "sgdet_R50", "sgdet_mR50", "sgdet_R50_over_ceiling", "sgdet_constrained_R50"),
        "depth_error_car",
    )
    gaps = ("mAP50", "sgdet_R50")
    methods = (
        *("source", "fair_source", "self_training", "meta_sim", "meta_sim2", "scenegen"),
        *("both_grls", "label_alignment", "ours"),
    )
    controls = ("peer", "peer_tiled")
    rules: ClassVar[dict[str, str]] = {}
    repeated = ("fair_source", "ours")
    seeds = 2
    folds = 2
    smoke_options = (
        *("--rounds", 1, "--teacher-start-round", 0),
        *("--max", 4, "--round-frames", 4, "--round-steps", 2, "--batch", 2),
    )
    variants: ClassVar[dict[str, tuple[str, tuple[object, ...]]]] = {
        # Its reversals begin after the first round, and here is only one.
        "paper": ("paper", ("--teacher-start-round", 0)),
        "ours_no_mixing": ("ours", ("--mixing", 0)),
        "ours_teacher": ("ours", ("--teacher-start-round", 0)),
        "ours_no_average": ("ours", ("--no-average",)),
        **LEARNED_LAYOUTS,
        "ours_witness": ("ours", ()),
        "ours_witness_mixing": ("ours", ("--mixing", 0.5)),
    }

    @classmethod
    def add_arguments(cls, parser: argparse.ArgumentParser) -> None:
        """The detectors of others."""
        parser.add_argument(
            "--witness", type=Path, metavar="FILE", help="detector for the rows ours_witness and ours_witness_mixing"
        )
        parser.add_argument("--peer", type=Path, metavar="FILE", help="detector for the rows peer and peer_tiled")

    @classmethod
    def default_rows(cls, args: argparse.Namespace) -> tuple[str, ...]:
        """All rows of which everything is given; a few of a smoke test, beside those that need a file."""
        able = (row for row in cls.rows() if row not in NEEDS or getattr(args, NEEDS[row]))
        return tuple(row for row in able if not args.smoke or row in SMOKE_ROWS or row in NEEDS)

    @classmethod
    def branches(cls, row: str) -> bool:
        """The peer does not."""
        return row not in cls.controls

    def variant(self, row: str) -> tuple[str, Sequence[object]]:
        """The witness is an option of `sim2sg adapt`."""
        method, changes = super().variant(row)
        if NEEDS.get(row) == "witness":
            changes = (*changes, "--witness", self._file(row), "--witness-map", MAPPING)
        return method, changes

    def control(self, row: str, seed: int, folder: Path) -> None:
        """The peer's boxes; it learns nothing here."""
        file = self._file(row)
        folder.mkdir(parents=True, exist_ok=True)
        out, domain = folder / PREDICTIONS, load_domain(self.source)
        ensure_predictions(out, file, lambda: predict_peer(file, self.targets, domain, out, row == "peer_tiled"))
        self.keep(row, seed, {"metrics": self.evaluate(folder, "eval.json")})

    def convert_oracle(self, out: Path, held_out: bool, fold: int = 0) -> None:
        """Writes the labelled images of the half of the drives on which this oracle is not scored."""
        convert(self.dev, out, load_domain(self.source), fold, held_out)

    def oracle(self, seed: int, folder: Path, fold: int = 0) -> None:
        """Trains one oracle per half of the drives; each predicts the half that it has not seen."""
        drives = read_drives(self.dev)
        halves = fold_of(list(drives.values()))
        graphs = []
        for number in range(self.folds):
            place = folder / f"fold_{number}"
            super().oracle(seed, place, number)
            unseen = [t for t in self.targets if halves[drives[Path(t.file).stem]] == number]
            graphs += predict(place / "model.onnx", unseen)
        save_graphs(folder / PREDICTIONS, graphs, "oracle")

    def evaluate(
        self, run: Path, name: str, simulated: Path | None = None, extra: Sequence[object] = ()
    ) -> dict[str, float]:
        """Evaluates the graphs of a run, which are kept for the paired differences; every look goes on record."""
        graphs, out, model = run / PREDICTIONS, run / name, run / "model.onnx"
        if model.exists():
            ensure_predictions(graphs, model, lambda: save_graphs(graphs, predict(model, self.targets), run.name))
        record = [] if self.smoke else ["--log-evaluations", RECORD]
        words = ["eval", "--graphs", graphs, "--domain", self.source, "--data", self.dev, "--format", self.form]
        sim2sg(*words, "--out", out, *record, log=out.with_suffix(".txt"))
        metrics: dict[str, float | None] = json.loads(out.read_text())["metrics"]
        # An error that was not measured is not 0, as a precision is.
        return {n: metrics[n] or 0.0 for n in self.metrics if metrics[n] is not None or "error" not in n}

    def comparisons(self) -> dict[str, Any]:
        """Paired differences over the seeds that both rows have, with intervals over drives."""
        found = {}
        for ours, other in COMPARED:
            seeds = [s for s in range(self.seeds) if all(self._predictions(r, s).exists() for r in (ours, other))]
            if seeds:
                scores = [[self._image_scores(row, seed) for seed in seeds] for row in (ours, other)]
                drives = read_drives(self.dev)
                groups = [drives[Path(target.file).stem] for target in self.targets]
                protocol, rng = protocol_for(self.form, load_domain(self.source)), np.random.default_rng(0)
                draws = 20 if self.smoke else 1000
                differences = paired_differences(*scores, groups, protocol, self.metrics, rng, draws)
                found[f"{ours} - {other}"] = {
                    "seeds": len(seeds),
                    "drives": len(set(groups)),
                    **{k: {n: round(v, 4) for n, v in dataclasses.asdict(d).items()} for k, d in differences.items()},
                }
        return {"paired_differences": found} if found else {}

    @property
    def dev(self) -> Path:
        """The labelled frames; of a smoke test a few of each drive."""
        whole = self.data / self.test
        return some_images(whole, self.out / "some_images") if self.smoke else whole

    @property
    def targets(self) -> list[TargetImage]:
        """The labelled frames, read."""
        return read_targets(self.dev, self.form, self.source)

    def _file(self, row: str) -> Path:
        file = getattr(self.arguments, NEEDS[row], None)
        if file is None:
            raise SystemExit(f"error: row {row} needs --{NEEDS[row]} FILE")
        return Path(file)

    def _predictions(self, row: str, seed: int) -> Path:
        return self.out / f"seed_{seed}" / row / PREDICTIONS

    def _image_scores(self, row: str, seed: int) -> list[ImageScore]:
        _, graphs = load_graphs(self._predictions(row, seed))
        return score_images(graphs, self.targets, load_domain(self.source), self.form)


@functools.lru_cache(maxsize=2)
def read_targets(folder: Path, form: str, domain: str) -> list[TargetImage]:
    """Reads labelled frames, once."""
    return load_targets(folder, form, load_domain(domain))


def predict(model: Path, targets: Sequence[TargetImage]) -> list[Any]:
    """Returns a model's unthresholded graphs of labelled images, as `sim2sg eval` makes them."""
    predictor = Predictor(model)
    return [predictor.predict(read_image(t.path), t.camera, file=t.file) for t in targets]


def ensure_predictions(graphs: Path, model: Path, write: Callable[[], object]) -> None:
    """Has graphs written, unless they are there and of this model; whose they are is noted beside them."""
    note, digest = graphs.with_suffix(".model"), file_digest(model)
    if not (graphs.exists() and note.exists() and note.read_text() == digest):
        write()
        note.write_text(digest)


def some_images(whole: Path, out: Path) -> Path:
    """Copies a few frames of each drive, once. Returns their folder."""
    if not (out / DRIVES).exists():
        drives = read_drives(whole)
        chosen: list[str] = []
        for drive in sorted(set(drives.values())):
            chosen += [stem for stem in sorted(drives) if drives[stem] == drive][:SMOKE_IMAGES]
        for part in ("image_2", "label_2", "calib"):
            (out / part).mkdir(parents=True, exist_ok=True)
            for file in (whole / part).iterdir():
                if file.stem in chosen:
                    shutil.copyfile(file, out / part / file.name)
        rows = [f"{stem},{drives[stem]}\n" for stem in chosen]
        (out / DRIVES).write_text("".join(["file,drive\n", *rows]))
    return out


if __name__ == "__main__":
    run(Kitti, __doc__)
