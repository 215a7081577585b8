"""What the three built-in domains give for fixed seeds: layouts, frames, a short training, rebuilt scenes.

`python tests/golden/digests.py --write` records it anew, after a change that is meant to change it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import tempfile
from pathlib import Path

import cv2
import torch

from sim2sg_core.domains import Domain, load_domain
from sim2sg_core.learning import AlignConfig, TrainConfig, train
from sim2sg_core.learning.real import RealImage
from sim2sg_core.model import build_network, load_checkpoint
from sim2sg_core.render.renderer import Renderer
from sim2sg_core.scene import Layout
from sim2sg_core.synthesis import render_dataset
from sim2sg_core.synthesis.synthesizer import Synthesizer

FILE = Path(__file__).with_name("golden.json")
DOMAINS = ("clevr", "dining", "drive")
LAYOUT_SEEDS, FRAME_SEEDS, DIGITS = range(12), range(4), 5
SIZES = {"clevr": (240, 160), "dining": (240, 180), "drive": (310, 94)}
THUMBNAIL = (16, 8)


def digest(data: bytes | str) -> str:
    """Returns 16 hex digits."""
    return hashlib.sha256(data.encode() if isinstance(data, str) else data).hexdigest()[:16]


def rounded(value: object) -> object:
    """Rounds all floats in JSON-ready data, so that the last bit of a sine decides nothing."""
    if isinstance(value, float):
        return round(value, DIGITS) + 0.0
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    return [rounded(item) for item in value] if isinstance(value, list | tuple) else value


def layout_digest(layout: Layout) -> str:
    """Returns the digest of a layout, equal on every machine."""
    return digest(json.dumps(rounded(layout.to_json()), sort_keys=True))


def layouts_and_frames(name: str) -> dict:
    """Draws prior scenes of a domain."""
    domain = load_domain(name)
    made = Synthesizer(domain)
    layouts = [layout_digest(made.sample(seed, size=SIZES[name])) for seed in LAYOUT_SEEDS]
    frames, thumbnails, counts = [], [], []
    for seed in FRAME_SEEDS:
        frame = made.frame(made.sample(seed, size=SIZES[name]), seed, depth=True)
        parts = [frame.image.tobytes(), frame.ids.tobytes(), frame.depth.tobytes()]
        parts.append(json.dumps(frame.graph.to_json(), sort_keys=True, default=str).encode())
        frames.append(digest(b"".join(parts)))
        thumbnails.append(cv2.resize(frame.image, THUMBNAIL, interpolation=cv2.INTER_AREA).tolist())
        counts.append([len(frame.graph.objects), len(frame.graph.relations)])
    made.close()
    return {"layouts": layouts, "frames": frames, "thumbnails": thumbnails, "counts": counts}


def training(name: str, folder: Path) -> dict:
    """Trains a small network for a few steps, on rendered frames and on frames without labels."""
    domain: Domain = load_domain(name)
    width, height = SIZES[name]
    render_dataset(domain, [(seed, None) for seed in range(6)], folder / "data", workers=1, size=(width, height))
    images = sorted((folder / "data/images").iterdir())
    camera = Synthesizer(domain).sample(0, size=(width, height)).camera
    real = [RealImage(path, camera) for path in images[:4]]
    config = TrainConfig(
        steps=4,
        batch=2,
        learning_rate=1e-3,
        workers=1,
        amp=False,  # the same figures with AMX and without
        log_every=1,
        align=AlignConfig(teacher=1.0, feature=0.1, prediction=0.1),
    )
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    checkpoint = train(
        build_network(domain, backbone="small", seed=0),
        domain,
        [(folder / "data", 1.0)],
        config,
        folder / "train",
        real=real,
    )
    torch.set_num_threads(threads)
    saved = load_checkpoint(checkpoint)
    weights = b"".join(saved[part][key].numpy().tobytes() for part in ("network", "ema") for key in sorted(saved[part]))
    lines = [json.loads(line) for line in (folder / "train/metrics.jsonl").read_text().splitlines()]
    return {"weights": digest(weights), "losses": [round(line["loss"], 4) for line in lines]}


def machine() -> str:
    """Names what the last bits of pixels and weights depend on."""
    probe = Renderer(16, 16, shadow_size=16)
    device = probe.device
    probe.release()
    vendors = re.findall(r"vendor_id\s*:\s*(\w+)", Path("/proc/cpuinfo").read_text()) or ["unknown"]
    return f"{vendors[0]}, {torch.backends.cpu.get_cpu_capability()}, {device}, torch {torch.__version__.split('+')[0]}"


def record() -> dict:
    """Returns everything: what holds on every machine, and the exact digests of this one."""
    everywhere: dict = {}
    exact: dict = {}
    for name in DOMAINS:
        drawn = layouts_and_frames(name)
        with tempfile.TemporaryDirectory() as folder:
            trained = training(name, Path(folder))
        exact[name] = {"frames": drawn.pop("frames"), "weights": trained.pop("weights")}
        everywhere[name] = {**drawn, **trained}
    return {"everywhere": everywhere, "machines": {machine(): exact}}


def main() -> None:
    """Records, or says what differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="replace the record")
    args = parser.parse_args()
    now = record()
    if args.write:
        old = json.loads(FILE.read_text()) if FILE.exists() else {"everywhere": None, "machines": {}}
        kept = old["machines"] if old["everywhere"] == now["everywhere"] else {}
        FILE.write_text(json.dumps({**now, "machines": {**kept, **now["machines"]}}, separators=(",", ":")) + "\n")
    else:
        print(json.dumps({k: v for k, v in now.items() if k == "machines"}, indent=1))


if __name__ == "__main__":
    main()
