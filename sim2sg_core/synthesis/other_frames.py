"""Frames in a data set's folder that were made from something else: what is said of them, so that none is lost."""

from __future__ import annotations

from pathlib import Path

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.synthesis.dataset import annotations_path, numbers_in, read_record


def refuse_others(out: Path, count: int) -> None:
    """Raises Sim2SGError where a folder holds more than `count` frames, or annotations of something else."""
    there = numbers_in(out)
    if more := [number for number in there if number >= count]:
        raise Sim2SGError(
            f"{out}: holds frames up to {max(more):06d}, and none is removed: give --count {max(more) + 1},"
            " or another --out"
        )
    if annotations_path(out).exists() and not there:
        raise Sim2SGError(
            f"{annotations_path(out)}: is not of `sim2sg synth`, as its frames are not there: give another --out"
        )


def describe_other(out: Path, index: int, seed: int, domain: str) -> str:
    """Says in what a frame that is there differs from the one that is asked for: "frame 000003 was made with …"."""
    record = read_record(out, index)
    name = f"frame {index:06d}"
    if record is None:
        return f"{name} has no record in scenes, so it is not of `sim2sg synth`"
    made_of, made_with = record.get("domain"), record.get("seed")
    if made_of != domain:
        return f"{name} is of domain {made_of}, not {domain}"
    if made_with != seed:
        return f"{name} was made with seed {made_with}, not {seed}"
    return f"{name} was made with another size, camera, content, or another version of domain {domain}"
