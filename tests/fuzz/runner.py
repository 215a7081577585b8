"""Runs inputs of a target in another process: with little memory, a clock, and eyes for crashes."""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from sim2sg_core.errors import Sim2SGError
from tests.fuzz.target import PACKAGE, Target
from tests.fuzz.targets import TARGETS

SECONDS = 10
"""Of the processor after which an input counts as a hang: a busy machine makes none."""
MEMORY = 2 << 30
"""Bytes that an input may take."""


@dataclass
class Outcome:
    """What came of the inputs of a target.

    Attributes:
        counts: "read", "refused", and of each kind of failure how often.
        examples: Kind of failure -> number of the first input with it.
    """

    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, int] = field(default_factory=dict)

    @property
    def failures(self) -> int:
        """Inputs that were neither read nor refused in one line."""
        return sum(count for kind, count in self.counts.items() if kind not in ("read", "refused"))

    def add(self, number: int, kind: str) -> None:
        """Counts an input."""
        self.counts[kind] += 1
        self.examples.setdefault(kind, number)


def fuzz(target: str, inputs: int, start: int = 0) -> Outcome:
    """Runs inputs number `start` to `start + inputs` of a target; a crash costs the one input that made it."""
    outcome, number, end = Outcome(), start, start + inputs
    while number < end:
        command = [sys.executable, "-m", "tests.fuzz", "--worker", "--target", target, "--start", str(number)]
        with subprocess.Popen(
            [*command, "--inputs", str(end - number)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=PACKAGE
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if line.startswith(b"{"):
                    row = json.loads(line)
                    outcome.add(row["number"], row["kind"])
                    number = row["number"] + 1
        if number < end and process.returncode:
            outcome.add(number, f"crash (exit code {process.returncode})")
            number += 1
    return outcome


def work(target: str, inputs: int, start: int) -> None:
    """Runs inputs in this process and prints a line for each."""
    with tempfile.TemporaryDirectory() as folder:
        made = TARGETS[target](Path(folder))
        _limit_memory()
        for number in range(start, start + inputs):
            kind = run_input(made, target, number)
            print(json.dumps({"number": number, "kind": kind}), flush=True)
            if kind in ("hang", "out of memory"):
                os._exit(0)  # what is left of it must not fall on the next input


def run_input(target: Target, name: str, number: int) -> str:
    """Makes and reads one input. Returns "read", "refused" or the kind of failure."""
    return kind_of(target.use, target.make(random.Random(f"{name}-{number}")))


class Hang(BaseException):
    """An input took too long; not an Exception, lest a reader catch it."""


def _hang(_: int, frame: FrameType | None) -> None:
    raise Hang


def kind_of(use: Callable[[Any], object], given: Any) -> str:
    """Reads an input within `SECONDS`. Returns "read", "refused" or the kind of failure."""
    before = signal.signal(signal.SIGPROF, _hang)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        use(given)
    except Sim2SGError as error:
        return "refused" if str(error).isprintable() else "refused with control characters"
    except Hang:
        return "hang"
    except MemoryError:
        return "out of memory"
    except BaseException as error:
        places = [f for f in traceback.extract_tb(error.__traceback__) if "sim2sg_core" in f.filename]
        place = f"{Path(places[-1].filename).name}:{places[-1].lineno}" if places else "elsewhere"
        return f"{type(error).__name__} at {place}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
    return "read"


def _limit_memory() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
