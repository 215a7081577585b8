"""Does a run that is killed, out of disk or half lost end as one that was left alone?

    python benchmarks/kills.py --out FOLDER [--kills 20] [--seed 0] [--smoke]

A small adaptation of `clevr` is run once undisturbed, as the reference. Then it is run again and again, each time
disturbed once, and continued by the same command:

- `render`, `train`, `export`, `any`: SIGKILL, to the whole process group or to its main process alone, at a random
  moment of that part of the run. A quarter of the kills falls into rendering, a quarter into training, a tenth into
  the export, at least; the rest anywhere.
- `interrupt`: SIGINT or SIGTERM, at a random moment; it must end with the one line and 130 or 143.
- `disk_full`: no file may grow beyond a random size (RLIMIT_FSIZE); the run must end with one line, or finish.
- `power_cut`: killed like `any`, and the files that were written last are cut, emptied or filled with zeros.

`identical` is 1 where the continued run left the same files with the same bytes, wall times and TensorBoard's events
aside, and 0 where anything differs; `clean` is 1 where no start ended with a stack trace. Every case keeps its result
in FOLDER/results: the same command goes on.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.common import print_rows, summary, write_results
from sim2sg_core.scene.graph import write_json

LOG = Path(__file__).resolve().parents[1] / "sim2sg_core/demo/log"
SETTINGS = "--max 4 --backbone small --source-frames 8 --source-steps 24 --rounds 1 --round-frames 8 --round-steps 24"
SETTINGS += " --batch 2 --workers 1 --style-transfer 0.5 --mixing 0.25"
SMOKE = "--max 2 --backbone small --source-frames 2 --source-steps 4 --rounds 0 --batch 2 --workers 1"
SMOKE_CASES = ("render_0", "power_cut_0")
SAVE_EVERY = 5  # steps between checkpoints: kills fall between them
POINTS = ("render", "train", "export")
TIMED = ("stages.json", "report.html")  # hold wall times
PATIENCE_S = 1800


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0, help="of the random moments")
    parser.add_argument("--smoke", action="store_true", help="minutes: two cases, nothing written to the results")
    parser.add_argument("--adapt", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)  # The run itself, see `adapt`.
    args = parser.parse_args()
    if args.adapt is not None:
        sys.exit(adapt(args.adapt))
    settings = SMOKE if args.smoke else SETTINGS
    args.out.mkdir(parents=True, exist_ok=True)
    reference, spans = make_reference(args.out, settings)
    for name in SMOKE_CASES if args.smoke else cases(args.kills):
        file = args.out / "results" / f"{name}.json"
        if not file.exists():
            write_json(file, try_case(name, args.seed, args.out, settings, reference, spans), indent=1)
        print(name, json.dumps(json.loads(file.read_text())), flush=True)
    rows = collect(args.out / "results")
    print_rows(rows)
    if not args.smoke:
        write_results("kills", rows)


def cases(kills: int) -> list[str]:
    """Returns the names of all cases: the kind, and a number."""
    counts = {"render": -(-kills // 4), "train": -(-kills // 4), "export": -(-kills // 10)}
    counts["any"] = max(kills - sum(counts.values()), 0)
    counts |= {"interrupt": -(-kills // 5), "disk_full": -(-kills // 5), "power_cut": -(-kills // 5)}
    return [f"{kind}_{number}" for kind, count in counts.items() for number in range(count)]


def collect(folder: Path) -> dict[str, dict[str, dict[str, float]]]:
    """Gathers the cases of a kind into a row."""
    found: dict[str, list[dict[str, Any]]] = {}
    for file in sorted(folder.glob("*.json")):
        found.setdefault(file.stem.rpartition("_")[0], []).append(json.loads(file.read_text()))
    return {
        kind: {name: summary([float(case[name]) for case in results]) for name in ("identical", "clean")}
        for kind, results in found.items()
    }


# --- A run ------------------------------------------------------------------------------------------------------


def adapt(words: Sequence[str]) -> int:
    """Runs `sim2sg adapt` with checkpoints so near to each other that a small run is killed between two."""
    import dataclasses

    from sim2sg_core.adaptation import stages
    from sim2sg_core.cli.main import main as sim2sg

    made = stages._train_config
    stages.MIN_HELD_OUT = 4
    stages._train_config = lambda *a: dataclasses.replace(made(*a), save_every=SAVE_EVERY, log_every=SAVE_EVERY)
    return sim2sg(["adapt", *words])


def start(out: Path, settings: str, most_bytes: int | None = None) -> subprocess.Popen[bytes]:
    """Starts a run; its messages go to `out`.log."""
    words = f"--domain clevr --log {LOG} --out {out} {settings}".split()

    def limit() -> None:
        if most_bytes is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))

    with out.with_suffix(".log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, __file__, "--out", str(out), "--adapt", *words],
            stdout=log,
            stderr=log,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            start_new_session=True,
            preexec_fn=limit,
        )


def make_reference(out: Path, settings: str) -> tuple[Path, list[tuple[str, float, float]]]:
    """Runs undisturbed. Returns the run, and when each stage began and ended, seconds after the start."""
    reference, file = out / "reference", out / "spans.json"
    if not file.exists():
        shutil.rmtree(reference, ignore_errors=True)
        reference.with_suffix(".log").unlink(missing_ok=True)
        spans: list[tuple[str, float, float]] = []
        begun, process = time.monotonic(), start(reference, settings)
        stage, since = "start", 0.0
        while process.poll() is None:
            time.sleep(0.02)
            lines = re.findall(r"^\[(.*?)\] ", reference.with_suffix(".log").read_text(errors="replace"), re.MULTILINE)
            if lines and lines[-1] != stage:
                now = time.monotonic() - begun
                spans.append((stage, since, now))
                stage, since = lines[-1], now
        if process.returncode:
            raise SystemExit(f"error: the undisturbed run failed: see {reference.with_suffix('.log')}")
        write_json(file, [*spans, (stage, since, time.monotonic() - begun)])
    return reference, json.loads(file.read_text())


def try_case(
    name: str, seed: int, out: Path, settings: str, reference: Path, spans: Sequence[tuple[str, float, float]]
) -> dict[str, Any]:
    """Disturbs a run once, lets it finish, and compares it with the reference."""
    kind, rng, run = name.rpartition("_")[0], random.Random(f"{seed} {name}"), out / name
    shutil.rmtree(run, ignore_errors=True)
    run.with_suffix(".log").unlink(missing_ok=True)
    told = disturb(kind, rng, run, settings, reference, spans)
    code = start(run, settings).wait(PATIENCE_S)
    different = differences(reference, run) if code == 0 else [f"the last start ended with {code}"]
    text = run.with_suffix(".log").read_text(errors="replace")
    result = {"identical": not different, "clean": "Traceback" not in text and told.pop("clean", True), **told}
    if not different:
        shutil.rmtree(run)
    return {**result, "different": different[:20]}


def disturb(
    kind: str,
    rng: random.Random,
    run: Path,
    settings: str,
    reference: Path,
    spans: Sequence[tuple[str, float, float]],
) -> dict[str, Any]:
    """Does to a run what its kind asks for. Returns what was done, JSON-ready."""
    if kind == "disk_full":
        sizes = sorted(file.stat().st_size for file in reference.rglob("*") if file.is_file())
        most = int(sizes[-1] * rng.uniform(0.02, 0.95))
        code = start(run, settings, most).wait(PATIENCE_S)
        return {"most_bytes": most, "code": code, "clean": code in (0, 2)}
    chosen = [span for span in spans if kind in POINTS and span[0].endswith(f"/{kind}")] or list(spans)
    # The longer a stage, the more often it is hit.
    stage, begun, ended = rng.choices(chosen, [end - begin for _, begin, end in chosen])[0]
    share = rng.random()
    process = start(run, settings)
    wait_for(process, run.with_suffix(".log"), stage, share * (ended - begun))
    if kind == "interrupt":
        number = rng.choice((signal.SIGINT, signal.SIGTERM))
        process.send_signal(number)
        code = process.wait(PATIENCE_S)
        return {"stage": stage, "signal": number.name, "code": code, "clean": code in (0, 128 + number)}
    whole_group = rng.random() < 0.5
    (os.killpg if whole_group else os.kill)(process.pid, signal.SIGKILL)
    process.wait()
    done: dict[str, Any] = {"stage": stage, "share": round(share, 3), "group": whole_group}
    return {**done, "cut": cut_power(run, rng)} if kind == "power_cut" else done


def wait_for(process: subprocess.Popen[bytes], log: Path, stage: str, seconds: float) -> None:
    """Waits until a stage has been at work for some time, or the run has ended."""
    mark = f"[{stage}] "
    while process.poll() is None and stage != "start" and mark not in log.read_text(errors="replace"):
        time.sleep(0.02)
    deadline = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)


def cut_power(run: Path, rng: random.Random) -> list[str]:
    """Spoils a third of the files that were written last, as a disk does that had not been told to keep them.

    The manifest is spared: it is on the disk before anything goes on.
    """
    files = [file for file in run.rglob("*") if file.is_file() and file.name not in ("manifest.json", ".lock")]
    last = sorted(files, key=lambda file: file.stat().st_mtime)[-12:]
    spoiled = rng.sample(last, -(-len(last) // 3))
    for file in spoiled:
        code = file.read_bytes()
        file.write_bytes(rng.choice([code[: len(code) // 2], b"", bytes(len(code))]))
    return sorted(str(file.relative_to(run)) for file in spoiled)


# --- Comparison -------------------------------------------------------------------------------------------------


def differences(first: Path, second: Path) -> list[str]:
    """Names the files of two runs that are in one alone, or differ; wall times and TensorBoard's events aside."""
    a, b = files_of(first), files_of(second)
    alone = [f"{name}: in one alone" for name in sorted(a.keys() ^ b.keys())]
    return alone + [f"{name}: differs" for name in sorted(a.keys() & b.keys()) if content(a[name]) != content(b[name])]


def files_of(run: Path) -> dict[str, Path]:
    """Returns the files of a run, by name; TensorBoard's are named by time and process."""
    files = (path for path in run.rglob("*") if path.is_file() and path.parent.name != "tensorboard")
    return {path.relative_to(run).as_posix(): path for path in files}


def content(file: Path) -> object:
    """Returns what is to be equal of a file."""
    try:
        return _content(file)
    except ValueError:  # What a power cut spoiled and nothing mended.
        return file.read_bytes()


def _content(file: Path) -> object:
    if file.name == "stages.json":  # Nothing but wall times; those from before a power cut may be lost with it.
        return None
    if file.name == "report.html":
        return re.sub(r"<p>Minutes per stage;.*?</div>", "", file.read_text(), flags=re.DOTALL)
    if file.name == "manifest.json":
        data = json.loads(file.read_text())
        return {**data, "files": {name: entry for name, entry in data["files"].items() if name not in TIMED}}
    return file.read_bytes()


if __name__ == "__main__":
    main()
