"""CLEVR: what each part of the method is worth, from a poor source prior to path-traced images.

The target is an unlabelled log (`DATA/log`), scored on `DATA/dev`; the oracle learns from `DATA/oracle`. Rows and rules
are those of `ablation.py`. Two controlled studies, simulation to simulation, close one gap at a time.

python benchmarks/clevr.py --data DATA --out RUNS [--rows ROW …] [--smoke]
"""

from __future__ import annotations

from pathlib import Path

import yaml
from ablation import Ablation, run
from clevr_data import convert
from common import sim2sg

from sim2sg_core.domains import load_domain

SOURCE = Path(__file__).parent / "clevr_source.yaml"
TARGET_FRAMES, TARGET_LABELLED = 200, 80  # of a controlled study


class Clevr(Ablation):
    """The rows of CLEVR."""

    name = "clevr"
    source = str(SOURCE)
    test = "dev"
    form = "clevr"
    metrics = (
        *("mAP50", "AP50_cube", "AP50_sphere", "AP50_cylinder"),
        *("sgdet_R20", "sgdet_mR20", "sgdet_R20_over_ceiling"),
    )
    gaps = ("mAP50", "sgdet_R20")
    controls = ("content_only", "appearance_only")
    other_targets = controls

    def convert_oracle(self, out: Path, held_out: bool, fold: int = 0) -> None:
        """Writes the oracle's images, their cameras recovered."""
        convert(self.data / "oracle", out, load_domain(self.source), held_out=held_out)

    def control(self, row: str, seed: int, folder: Path) -> None:
        """One gap alone: the target is rendered, with either the content or the appearance of the full domain."""
        domain = self.out / "controls" / f"{row}.yaml"
        write_target_domain(row, domain)
        log, labelled = domain.with_suffix("") / "log", domain.with_suffix("") / "labelled"
        counts = (12, 8) if self.smoke else (TARGET_FRAMES, TARGET_LABELLED)
        for part, count, first in ((log, counts[0], 10_000), (labelled, counts[1], 50_000)):
            words = ["synth", "--domain", domain, "--count", count, "--seed", first, "--out", part]
            sim2sg(*words, log=part / "log.txt")
        for method, name in (("fair_source", f"{row}_fair_source"), ("ours", row)):
            place = folder.parent / name
            self.branch(method, seed, place, log / "images")
            self.score(name, seed, place, labelled)


def write_target_domain(row: str, path: Path) -> None:
    """Writes the target of a controlled study: the source prior with content or appearance of the built-in domain."""
    source, full = yaml.safe_load(SOURCE.read_text()), load_domain("clevr").to_json()
    keys = ("classes", "camera", "layout") if row == "content_only" else ("appearance",)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump({**source, **{key: full[key] for key in keys}}, sort_keys=False))


if __name__ == "__main__":
    run(Clevr, __doc__)
