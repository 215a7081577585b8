"""How many objects of each class a model expects in an image: the sums of its calibrated scores."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np

from sim2sg_core.logs.choosing import Counter
from sim2sg_core.runtime import DecodeOptions, Predictor
from sim2sg_core.runtime.metadata import check_file, load_info


def counter_of(model: str, threads: int) -> Callable[[], Counter]:
    """Returns what loads a model for counting, in any process that sees its file.

    Args:
        model: File, or name of one that ships.
        threads: Of one inference; 0 takes all cores.
    """
    place = Path(model).absolute() if Path(model).is_file() else model
    return functools.partial(_load, place, threads)


def classes_of(model: str) -> list[str]:
    """Returns the names of what is counted. Raises Sim2SGError when there is no such model."""
    return list(load_info(check_file(model)).classes)


def _load(model: Path | str, threads: int) -> Counter:
    return functools.partial(_count, Predictor(model, "cpu", threads=threads))


def _count(predictor: Predictor, image: np.ndarray) -> np.ndarray:
    names = list(predictor.info.classes)
    counts = np.zeros(len(names), np.float32)
    for item in predictor.predict(image, options=DecodeOptions(relations="learned")).objects:
        counts[names.index(item.label)] += item.score
    return counts
