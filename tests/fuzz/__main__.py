"""`python -m tests.fuzz --inputs 5000 [--target X]`: changed files for every reader, and what came of them.

Exits with 1 where an input was neither read nor refused in one line. An input is a function of target and number:
`--start N --inputs 1 --target X` runs it again.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
import warnings

from tests.fuzz.runner import fuzz, work
from tests.fuzz.targets import TARGETS


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--target", choices=TARGETS, action="append", help="readers (default: all)")
    parser.add_argument("--inputs", type=int, default=5000, help="for each (default 5000)")
    parser.add_argument("--start", type=int, default=0, help="number of the first (default 0)")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        logging.disable(logging.CRITICAL)
        warnings.simplefilter("ignore")
        work(args.target[0], args.inputs, args.start)
        return 0
    failures = 0
    for target in args.target or TARGETS:
        begun = time.monotonic()
        outcome = fuzz(target, args.inputs, args.start)
        failures += outcome.failures
        read, refused = outcome.counts.pop("read", 0), outcome.counts.pop("refused", 0)
        print(
            f"{target}: {read} read, {refused} refused, {outcome.failures} failed, {time.monotonic() - begun:.0f} s",
            flush=True,
        )
        for kind, count in outcome.counts.most_common():
            print(f"    {count} x {kind}, first --start {outcome.examples[kind]}", flush=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
