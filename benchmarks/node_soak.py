"""The live node for ten minutes: reloads, changes of state, a camera that is killed, subscribers that come and go.

A camera sends raw 640x480 images and their depth all the time; a second one, of JPEG, is killed (SIGKILL) and started
again; ~/load_model and deactivate/activate are called on schedule; overlay and markers are subscribed to half of the
time.

python benchmarks/node_soak.py --model runs/demo/model.onnx
"""

from __future__ import annotations

import argparse
import itertools
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from common import print_rows, summary, write_results
from node_processes import DEMO_MODEL, LOG, Processes, check, end, environment, resident_mib

NAME = "sim2sg_soak"
PATIENCE = 30.0
"""Seconds after which a request counts as lost."""
NOTES = """
rss_slope: least squares over the node's resident memory, once a second, without the first quarter of the time; rss:
at the end. transitions: calls of change_state, two for each deactivation; done: answered success within {patience:g} s;
reloads: calls of load_model, likewise. longest_gap: between two graphs of the first camera with no change of state
under way between them; longest_gap_with_transition: of the others, from the last graph before to the first one after.
depth_told: diagnostics of the first camera that name its depth topic; depth_problems: those of them that name a problem
with it. overlays_and_markers: messages drawn and received. crashes: 1 when the node ended by itself, or at Ctrl-C with
a status other than 0; tracebacks: in its output."""


@dataclass
class Repeat:
    """Something to be done every `period` seconds, first after one."""

    period: float
    task: Callable[[], None]
    due: float = 0.0

    def run_when_due(self, now: float) -> None:
        """Runs the task when its time has come; `now` in seconds from the start."""
        self.due = self.due or self.period
        if now >= self.due:
            self.due += self.period
            self.task()


class SecondCamera:
    """A camera that is there half of the time."""

    def __init__(self, processes: Processes, log: Path) -> None:
        self._processes = processes
        # Without the profile, whose 32 MiB of shared memory a killed process would leave behind.
        self._env = environment(shared_memory=False)
        self._words = ("node_camera.py", "--log", log, "--transport", "jpeg", "--hz", 10, "--topic", "/rear/image")
        self._running: subprocess.Popen[str] | None = None
        self.kills = 0

    def toggle(self) -> None:
        """Starts it, or kills it."""
        if self._running is None:
            self._running = self._processes.start(*self._words, env=self._env, stdout=subprocess.DEVNULL)
            return
        self._running.send_signal(signal.SIGKILL)
        self._running.wait()
        self._running = None
        self.kills += 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, default=DEMO_MODEL, help="exported model (default: the demo's)")
    parser.add_argument("--log", type=Path, default=LOG, help="pictures: a bag (default: the demo's)")
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--hz", type=float, default=30.0, help="images per second of the first camera")
    parser.add_argument("--reload", type=float, default=20.0, help="seconds between two reloads")
    parser.add_argument("--transition", type=float, default=30.0, help="seconds between two deactivations")
    parser.add_argument("--smoke", action="store_true", help="40 s with everything more often; nothing is written")
    args = parser.parse_args()
    check(args.log, args.model)
    if args.smoke:
        args.seconds, args.reload, args.transition = 40.0, 4.0, 7.0
    os.environ.update(environment(shared_memory=True))
    with tempfile.TemporaryFile("w+") as output, Processes() as processes:
        metrics = soak(args, processes, output)
        output.seek(0)
        text = output.read()
    metrics["tracebacks"] = float(text.count("Traceback"))
    if metrics["crashes"] or metrics["tracebacks"]:
        print(text[-3000:], file=sys.stderr)
    rows = {f"{args.seconds / 60:.3g} min at {args.hz:g} Hz": {name: summary([v]) for name, v in metrics.items()}}
    print_rows(rows)
    if not args.smoke:
        notes = NOTES.format(patience=PATIENCE)
        print(write_results("node_soak", rows, notes=" ".join(notes.split())))


def soak(args: argparse.Namespace, processes: Processes, output: IO[str]) -> dict[str, float]:
    """Runs the schedule and returns the metrics; the node writes to `output`."""
    from node_user import User  # ROS, which `check` has found.

    cameras = "-p", "cameras:=[front,rear]", "-p", "depth_topic:=/{camera}/depth"
    node = processes.node(
        "--model", args.model, "--name", NAME, "--ros-args", *cameras, env=dict(os.environ), stderr=output
    )  # fmt: skip
    words = ("node_camera.py", "--log", args.log, "--hz", args.hz)
    words = (*words, "--topic", "/front/image", "--depth-topic", "/front/depth")
    processes.start(*words, env=dict(os.environ), stdout=subprocess.DEVNULL)
    second = SecondCamera(processes, args.log)
    user = User(NAME, PATIENCE)
    memory: list[tuple[float, float]] = []
    try:
        user.spin_until(lambda: len(user.arrivals) > 10 or node.poll() is not None)
        started = time.monotonic()
        schedule = (
            Repeat(args.reload, user.reload),
            Repeat(args.transition, user.deactivate_and_activate),
            Repeat(args.reload * 0.7, user.toggle_outputs),
            Repeat(args.transition * 0.6, second.toggle),
        )
        while (now := time.monotonic() - started) < args.seconds and node.poll() is None:
            user.spin_once()
            for task in schedule:
                task.run_when_due(now)
            if not memory or now - memory[-1][0] >= 1:
                memory.append((now, resident_mib(node.pid)))
        user.spin_until(user.is_done)
    finally:
        user.close()
    if not memory:
        output.seek(0)
        raise SystemExit(f"error: the node ended before its first graphs: {output.read().strip() or 'no output'}")
    died = node.poll() is not None
    status = end(node, timeout=60)
    if died or status:
        print(f"the node ended {'by itself' if died else 'at Ctrl-C'} with status {status}", file=sys.stderr)
    longest, across = gaps(user.arrivals, user.spans)
    return {
        "rss_slope_mib_per_min": slope(memory[len(memory) // 4 :]) * 60,
        "rss_mib": memory[-1][1],
        "transitions_asked": float(user.transitions.asked),
        "transitions_done": float(user.transitions.done),
        "reloads_asked": float(user.reloads.asked),
        "reloads_done": float(user.reloads.done),
        "graphs": float(len(user.arrivals)),
        "longest_gap_s": longest,
        "longest_gap_with_transition_s": across,
        "second_camera_graphs": float(user.rear_graphs),
        "second_camera_kills": float(second.kills),
        "depth_told": float(user.depth_told),
        "depth_problems": float(user.depth_problems),
        "overlays_and_markers": float(user.drawn),
        "crashes": float(died or status != 0),
    }


def slope(samples: Sequence[tuple[float, float]]) -> float:
    """Returns the slope of the least-squares line through (x, y)."""
    if len(samples) < 2:
        return 0.0
    return float(np.polyfit(*np.array(samples).T, 1)[0])


def gaps(arrivals: Sequence[float], spans: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Returns the longest time between two arrivals that meets none of the spans, and that meets one.

    Args:
        arrivals: Seconds, rising.
        spans: Start and end, seconds.
    """
    longest = [0.0, 0.0]
    for before, after in itertools.pairwise(arrivals):
        meets = any(start < after and end_ > before for start, end_ in spans)
        longest[meets] = max(longest[meets], after - before)
    return longest[0], longest[1]


if __name__ == "__main__":
    main()
