"""Ctrl-C and SIGTERM at random moments of the live node: does it always end, soon, and without a word too many?

A camera sends raw 640x480 images all the time. The node is started again and again and ended by one signal, in turn
SIGINT and SIGTERM, at a random moment between its start and a few seconds of work. Every try is kept in OUT: the same
command goes on.

python benchmarks/node_interrupts.py --model runs/demo/model.onnx --out FOLDER [--tries 200] [--smoke]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from common import print_rows, summary, write_results
from node_processes import DEMO_MODEL, LOG, Processes, check, environment

NAME = "sim2sg_interrupts"
SIGNALS = (signal.SIGINT, signal.SIGTERM)
PATIENCE = 30.0
"""Seconds after which a node that goes on counts as one that does not end."""
COMPLAINTS = re.compile(r"Traceback|Segmentation|terminate called|Failed|invalid|Exception")
NOTES = """
begins: the signal came before the node said that it reads a topic; works: after it. clean: 1 where the status was 0,
130 (SIGINT) or 143 (SIGTERM), or the signal itself where Python had not begun, and the output had no stack trace and no
complaint of rclpy. crashes: ended by another signal, as by a segmentation fault. end_s: seconds from the signal to the
end; end_s_worst: the longest."""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", type=Path, default=DEMO_MODEL, help="exported model (default: the demo's)")
    parser.add_argument("--log", type=Path, default=LOG, help="pictures: a bag (default: the demo's)")
    parser.add_argument("--out", type=Path, required=True, help="folder of the tries, outside the repository")
    parser.add_argument("--tries", type=int, default=200)
    parser.add_argument("--within", type=float, default=6.0, help="latest moment of the signal, seconds from the start")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--smoke", action="store_true", help="four tries; nothing is written")
    args = parser.parse_args()
    check(args.log, args.model)
    # A shell that starts this in the background has it ignore SIGINT, and so would the nodes until rclpy listens.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if args.smoke:
        args.tries = 4
    tries = run(args)
    for number, found in enumerate(tries):
        if not is_clean(found):
            print(f"try {number}: {json.dumps(found)}")
    rows = rows_of(tries)
    print_rows(rows)
    if not args.smoke:
        print(write_results("node_interrupts", rows, notes=" ".join(NOTES.split())))


def run(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Makes the tries that are not there yet, and returns all."""
    args.out.mkdir(parents=True, exist_ok=True)
    kept = args.out / "tries.jsonl"
    tries = [json.loads(line) for line in kept.read_text().splitlines()] if kept.exists() else []
    env = environment(shared_memory=True)
    with Processes() as processes:
        words = ("node_camera.py", "--log", args.log, "--topic", "/camera/image")
        if len(tries) < args.tries:
            processes.start(*words, env=env, stdout=subprocess.DEVNULL)  # It goes on when a node has gone.
        for number in range(len(tries), args.tries):
            rng = random.Random(f"{args.seed} {number}")
            tries.append(one(processes, args.model, rng.uniform(0, args.within), SIGNALS[number % 2], env))
            with kept.open("a") as file:
                file.write(json.dumps(tries[-1]) + "\n")
            print(f"{number + 1} of {args.tries}: {tries[-1]['end_s']:.2f} s, status {tries[-1]['status']}", flush=True)
    return tries[: args.tries]


def one(processes: Processes, model: Path, after: float, number: int, env: dict[str, str]) -> dict[str, Any]:
    """Starts a node, sends it a signal after some seconds, and returns what became of it."""
    with tempfile.TemporaryFile("w+") as output:
        node = processes.node("--model", model, "--image", "/camera/image", "--name", NAME, env=env, stderr=output)
        time.sleep(after)
        works = "reading" in text_of(output)
        began, status = time.monotonic(), None
        os.kill(node.pid, number)
        try:
            status = node.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            node.kill()
            node.wait()
        spent = time.monotonic() - began
        text = text_of(output)
    complaint = COMPLAINTS.search(text)
    return {
        "after_s": round(after, 3),
        "signal": int(number),
        "works": works,
        "status": status,
        "end_s": round(spent, 3),
        "complaint": text[max(0, complaint.start() - 200) :][:1500] if complaint else "",
    }


def text_of(output: Any) -> str:
    """What a process has written to a file so far; it shares the position in it, which stays."""
    return os.pread(output.fileno(), 1 << 20, 0).decode("utf-8", "replace")


def is_clean(found: dict[str, Any]) -> bool:
    """Whether a node ended as it should."""
    return found["status"] in (0, 128 + found["signal"], -found["signal"]) and not found["complaint"]


def rows_of(tries: Sequence[dict[str, Any]]) -> dict[str, dict[str, dict[str, float]]]:
    """Returns the table: tries before the node read its topic, and after."""

    def row(part: Iterable[dict[str, Any]]) -> dict[str, dict[str, float]]:
        part = list(part)
        ends = [found["end_s"] for found in part]
        return {
            "clean": summary([float(is_clean(found)) for found in part]),
            "crashes": summary([float(is_crash(found)) for found in part]),
            "end_s": summary(ends),
            "end_s_worst": summary([max(ends)]),
        }

    parts = {"begins": [t for t in tries if not t["works"]], "works": [t for t in tries if t["works"]]}
    return {name: row(part) for name, part in parts.items() if part}


def is_crash(found: dict[str, Any]) -> bool:
    """Whether a node was ended by a signal that nobody sent, or had to be."""
    return found["status"] is None or (found["status"] < 0 and found["status"] != -found["signal"])


if __name__ == "__main__":
    main()
