"""Blurs people and vehicles in pictures that are passed on, as far as a model finds them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import cv2
import numpy as np

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.scene import SceneGraph, SceneObject

PEOPLE = """
adult baby biker boy child children cyclist driver face girl head human man men motorcyclist passenger pedestrian
people person rider staff woman women worker
"""
VEHICLES = """
ambulance bicycle bike bus buses car caravan licence license lorry lorries minibus moped motorbike motorcycle pickup
scooter suv taxi trailer train tram truck van vehicle
"""
WORDS = frozenset(f"{PEOPLE} {VEHICLES}".split())
LEAST_SCORE = 0.05  # far below what counts as found: a blur too many costs little
MARGIN = 0.2  # of the box's longer side, on each side
LEAST_MARGIN = 8  # pixels
CELLS = 4  # that are left of a box's longer side
NOTE = "people and vehicles are blurred where the model found them; what it missed is not: look before you pass it on"


def private_classes(names: Iterable[str]) -> tuple[str, ...]:
    """Returns the classes that are people or vehicles by a word of their names, as `delivery_van` or `Persons`."""
    return tuple(name for name in names if any(_is_private(word) for word in re.split(r"[\W_]+", name.lower())))


def promise(names: Iterable[str], instead: str) -> str:
    """Returns what `--anonymise` will do with the classes of a model, to be told before it begins.

    Args:
        names: The classes.
        instead: What to do where nothing can be blurred.

    Raises:
        Sim2SGError: None of the classes are people or vehicles.
    """
    private = private_classes(names)
    if not private:
        raise Sim2SGError(
            f"nothing to anonymise: no class of people or vehicles is known, so that none would be found; {instead}"
        )
    return f"{NOTE} ({', '.join(private)})"


def private_objects(graph: SceneGraph) -> tuple[SceneObject, ...]:
    """Returns the people and vehicles of a graph, however unsure."""
    private = set(private_classes({item.label for item in graph.objects}))
    return tuple(item for item in graph.objects if item.label in private and item.score >= LEAST_SCORE)


def _is_private(word: str) -> bool:
    return word in WORDS or word.removesuffix("s") in WORDS


def anonymise(image: np.ndarray, graphs: Sequence[SceneGraph]) -> np.ndarray:
    """Blurs the boxes of people and vehicles beyond recovery: of each, a few mean colours are left.

    Args:
        image: (H, W, 3) uint8 RGB; stays as it is.
        graphs: What models found on it, unthresholded: whatever one of them has seen is blurred.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    canvas = np.ascontiguousarray(image).copy()
    for item in (item for graph in graphs for item in private_objects(graph)):
        _blur(canvas, image, item.box)
    return canvas


def _blur(canvas: np.ndarray, image: np.ndarray, box: np.ndarray) -> None:
    height, width = image.shape[:2]
    margin = max(LEAST_MARGIN, MARGIN * float((box[2:] - box[:2]).max()))
    x1, y1 = np.clip(np.floor(box[:2] - margin), 0, (width, height)).astype(int)
    x2, y2 = np.clip(np.ceil(box[2:] + margin), 0, (width, height)).astype(int)
    if x1 >= x2 or y1 >= y2:
        return
    # Of the image as it was: where boxes overlap nothing sharper comes back.
    part = image[y1:y2, x1:x2]
    share = CELLS / max(part.shape[:2])
    cells = tuple(max(1, round(side * share)) for side in (x2 - x1, y2 - y1))
    few = cv2.resize(part, cells, interpolation=cv2.INTER_AREA)
    canvas[y1:y2, x1:x2] = cv2.resize(few, (x2 - x1, y2 - y1), interpolation=cv2.INTER_LINEAR)
