"""Trains the model that a pack ships, on renders alone, in pieces of a few minutes.

Every call goes on where the last one stopped, until its time is up or all is done:

until python tools/train_pack_model.py --domain drive --assets sweethome3d --out RUN --minutes 9; do :; done

Exit code 3 says that more is to be done. Training can be spread over machines: `--start drive` trains on from the model
that ships, on renders of another `--seed`. The results are RUN/checkpoint.pt, in half precision, and RUN/model.onnx,
calibrated on held-out renders; what a domain ships lies in `sim2sg_core/packs/NAME` under these names.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

UNFINISHED = 3
HELD_OUT = 10_000  # The first scene of those held out: the same ones whatever the seed.
FIRST = 50_000  # The first scene to train on, of seed 0.
SEEDS_APART = 100_000
GRACE = 60  # seconds that a verb gets to write down what it has


def main() -> int:
    """Runs what is left to do, as far as the time allows. Returns the exit code."""
    args = arguments()
    deadline = time.monotonic() + 60 * args.minutes
    for done, words in commands(args):
        if done.exists():
            continue
        if not run(words, deadline):
            print("time is up: the same command goes on from here", file=sys.stderr)
            return UNFINISHED
        if not done.exists():  # The last step writes its file itself, the others only end well.
            done.touch()
    print(f"{args.out / 'checkpoint.pt'}\n{args.out / 'model.onnx'}")
    return 0


def arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--domain", required=True, help="name or YAML file of the domain")
    parser.add_argument("--assets", metavar="LIBRARY", help="meshes of a library beside the domain's own")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run, outside the repository")
    parser.add_argument("--frames", type=int, default=20_000, help="renders to train on (default: 20000)")
    parser.add_argument("--images", type=int, default=200_000, help="to train, repeats counted (default: 200000)")
    parser.add_argument("--start", metavar="FILE|NAME", help="train on from here, or from what ships (default: anew)")
    parser.add_argument(
        "--negatives",
        nargs="+",
        default=[],
        metavar="LOG[:SHARE]",
        help="logs without the domain's objects, see `train`",
    )
    parser.add_argument("--model-id", help="name and version that the model carries (default: a hash)")
    parser.add_argument("--batch", type=int, help="images per step (default: 32 on a GPU, else 8)")
    parser.add_argument("--held-out", type=int, default=300, help="renders to calibrate and score on (default: 300)")
    parser.add_argument("--seed", type=int, default=0, help="of renders and training: another one with every --start")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--workers", type=int, default=15, help="processes that prepare images for a GPU (default: 15)")
    parser.add_argument("--minutes", type=float, default=1e6, help="stop after so many (default: never)")
    return parser.parse_args()


def commands(args: argparse.Namespace) -> Iterator[tuple[Path, list[object]]]:
    """Yields the commands of the run in order, each with the file that says that it is done."""
    out = args.out
    out.mkdir(parents=True, exist_ok=True)
    sim2sg = [sys.executable, "-m", "sim2sg_core.cli.main"]
    synth = [*sim2sg, "synth", "--domain", args.domain, *given("--assets", args.assets)]
    data, held_out, trained = out / "data", out / "held_out", out / "train"
    seed = FIRST + SEEDS_APART * args.seed
    yield out / "rendered", [*synth, "--count", args.frames, "--seed", seed, "--out", data]
    yield out / "rendered_held_out", [*synth, "--count", args.held_out, "--seed", HELD_OUT, "--out", held_out]
    gpu = args.device != "cpu"
    batch = args.batch or (32 if gpu else 8)
    train = [*sim2sg, "train", "--domain", args.domain, "--data", data, "--out", trained, "--seed", args.seed]
    train += ["--steps", args.images // batch, "--batch", batch, "--save-every", 400 if gpu else 50]
    train += ["--device", args.device, *(["--workers", args.workers] if gpu else []), *given("--start", args.start)]
    train += ["--negatives", *args.negatives] if args.negatives else []
    yield out / "trained", train
    packed, model = out / "checkpoint.pt", out / "model.onnx"
    yield packed, [sys.executable, Path(__file__).parent / "pack_checkpoint.py", trained / "checkpoint.pt", packed]
    export = [*sim2sg, "export", "--checkpoint", packed, "--calibrate", held_out, "--out", model, "--half"]
    yield model, [*export, *given("--model-id", args.model_id)]
    score = out / "held_out.json"
    yield score, [*sim2sg, "eval", "--model", model, "--data", held_out, "--format", "coco", "--out", score]


def given(option: str, value: object) -> list[object]:
    """An option, where there is something to give."""
    return [] if value is None else [option, value]


def run(words: list[object], deadline: float) -> bool:
    """Runs a command until it ends or the time is up. Returns whether it ended; a failure ends this program too."""
    process = subprocess.Popen([str(word) for word in words])
    try:
        code = process.wait(max(deadline - time.monotonic(), 1))
    except subprocess.TimeoutExpired:
        process.terminate()
        process.wait(GRACE)
        return False
    if code:
        raise SystemExit(code)
    return True


if __name__ == "__main__":
    sys.exit(main())
