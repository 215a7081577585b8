"""Names of classes by index: COCO's, those of a file, those in a model."""

from __future__ import annotations

import ast
from pathlib import Path

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.limits import TEXT_BYTES, check_file_size

BACKGROUND = "background"
MISSING = ""
"""Name of an index that stands for no class."""

MOST = 100_000
"""Of classes; the largest published sets have 20,000."""
LONGEST = 4 << 20
"""Characters of the names that a model holds."""

_NAMES = """
person, bicycle, car, motorcycle, airplane, bus, train, truck, boat, traffic light, fire hydrant, stop sign,
parking meter, bench, bird, cat, dog, horse, sheep, cow, elephant, bear, zebra, giraffe, backpack, umbrella,
handbag, tie, suitcase, frisbee, skis, snowboard, sports ball, kite, baseball bat, baseball glove, skateboard,
surfboard, tennis racket, bottle, wine glass, cup, fork, knife, spoon, bowl, banana, apple, sandwich, orange,
broccoli, carrot, hot dog, pizza, donut, cake, chair, couch, potted plant, bed, dining table, toilet, tv,
laptop, mouse, remote, keyboard, cell phone, microwave, oven, toaster, sink, refrigerator, book, clock, vase,
scissors, teddy bear, hair drier, toothbrush
"""
_GAPS = (12, 26, 29, 30, 45, 66, 68, 69, 71, 83)  # numbers that COCO has never used
COCO_80 = tuple(_NAMES.replace("\n", " ").strip().split(", "))
"""COCO's categories counted from 0, without gaps."""
_in_order = iter(COCO_80)
COCO_90 = (BACKGROUND, *(MISSING if number in _GAPS else next(_in_order) for number in range(1, 91)))
"""The same by their published number; 0 is the background."""


def read_class_names(file: Path) -> tuple[str, ...]:
    """Reads a text file with one class name a line, the first that of index 0.

    Raises:
        Sim2SGError: No such file, not text, or empty.
    """
    try:
        check_file_size(file, TEXT_BYTES, "give one class name a line")
        lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines()]
    except OSError:
        raise Sim2SGError(f"{file}: no such file; give a text file with one class name a line") from None
    except UnicodeDecodeError:
        raise Sim2SGError(
            f"{file}: not a text file; give one with one class name a line, the first of index 0"
        ) from None
    while lines and not lines[-1]:
        lines.pop()
    if not lines:
        raise Sim2SGError(f"{file}: empty; give one class name a line, the first of index 0")
    return tuple(lines)


def parse_class_names(text: str) -> tuple[str, ...]:
    """Reads the metadata `names` of an ONNX file, {0: 'person', …} or a list; () where it is something else."""
    if len(text) > LONGEST:
        return ()
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):  # the last two of a text that is nested too deeply
        return ()
    if isinstance(value, (list, tuple)):
        value = dict(enumerate(value))
    if not isinstance(value, dict) or not value or not all(isinstance(k, int) and 0 <= k < MOST for k in value):
        return ()
    return tuple(str(value.get(index, MISSING)) for index in range(max(value) + 1))
