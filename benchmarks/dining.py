"""Dining: from rooms of our renderer to path-traced ones, which `path_traced.py` draws.

The target is an unlabelled log (`DATA/log`, a bag), scored on `DATA/test`; the oracle learns from `DATA/oracle`. The
source prior is the built-in domain `dining`. Rows and rules are those of `ablation.py`.

python benchmarks/path_traced.py --out DATA
python benchmarks/dining.py --data DATA --out RUNS [--rows ROW …] [--smoke] [--with --start dining …]
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from ablation import Ablation, run

from sim2sg_core.domains import load_domain
from sim2sg_core.scene.graph import write_json
from sim2sg_core.synthesis.dataset import make_folders

HELD_OUT_EVERY = 8


class Dining(Ablation):
    """The rows of dining."""

    name = "dining"
    source = "dining"
    test = "test"
    form = "coco"
    metrics = (
        "mAP50",
        *(f"AP50_{name}" for name in load_domain("dining").class_names),
        "sgdet_R50",
        "sgdet_mR50",
        "sgdet_R50_over_ceiling",
    )
    gaps = ("mAP50", "sgdet_R50")

    def convert_oracle(self, out: Path, held_out: bool, fold: int = 0) -> None:
        """Copies the oracle's images and their part of the annotations."""
        data = json.loads((self.data / "oracle" / "annotations.json").read_text())
        images = [image for n, image in enumerate(data["images"]) if (n % HELD_OUT_EVERY == 0) == held_out]
        chosen = {image["id"] for image in images}
        make_folders(out)
        for image in images:
            shutil.copyfile(self.data / "oracle" / "images" / image["file_name"], out / "images" / image["file_name"])
        parts = {k: [a for a in data[k] if a["image_id"] in chosen] for k in ("annotations", "rel_annotations")}
        write_json(out / "annotations.json", {**data, "images": images, **parts})


if __name__ == "__main__":
    run(Dining, __doc__)
