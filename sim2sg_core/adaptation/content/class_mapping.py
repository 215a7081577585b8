"""Which class of a domain a detector's classes stand for."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.runtime.detectors import Detections
from sim2sg_core.runtime.detectors.detector import concatenate
from sim2sg_core.scene.boxes import box_area, intersection

JOINED_SHARE = 0.3
"""Share of the smaller box from which two overlapping ones are one compound object."""
LIKE_SIDES = 2.0
"""Ratio of the longest sides up to which two boxes can be parts of one object: a row of bicycles is nobody's."""
EXAMPLE = "person=pedestrian,car=car,person+bicycle=cyclist"


@dataclass(frozen=True)
class ClassMapping:
    """Names of a detector and the classes that they stand for.

    Attributes:
        singles: (name, class).
        compounds: (name, other name, class): a box of the first that overlaps one of the second is both in one,
            as a person on a bicycle is a cyclist.
    """

    singles: tuple[tuple[str, str], ...]
    compounds: tuple[tuple[str, str, str], ...] = ()

    @classmethod
    def parse(cls, text: str) -> ClassMapping:
        """Reads `name=class,name+name=class,…`.

        Raises:
            Sim2SGError: Not of this form, or a name stands for two classes.
        """
        singles, compounds = [], []
        for part in filter(None, (part.strip() for part in text.split(","))):
            left, equals, target = (word.strip() for word in part.partition("="))
            names = [name.strip() for name in left.split("+")]
            if not equals or not target or not all(names) or len(names) > 2:
                raise Sim2SGError(f"--witness-map: {part!r} is not NAME=CLASS or NAME+NAME=CLASS, as in {EXAMPLE}")
            if len(names) == 2:
                compounds.append((names[0], names[1], target))
            else:
                singles.append((names[0], target))
        lefts = [name for name, _ in singles] + [f"{a}+{b}" for a, b, _ in compounds]
        for left in lefts:
            if lefts.count(left) > 1:
                raise Sim2SGError(f"--witness-map: {left!r} is given twice: it can stand for one class alone")
        return cls(tuple(singles), tuple(compounds))

    @classmethod
    def of_same_names(cls, names: Sequence[str], classes: Sequence[str]) -> ClassMapping:
        """Maps the names that a detector and a domain have in common. Raises Sim2SGError where there are none."""
        common = [name for name in names if name in classes]
        if not common:
            raise Sim2SGError(
                f"the witness has no class of the domain's ({', '.join(classes)}): say what its classes stand for with"
                f" --witness-map NAME=CLASS,…; it knows {_shown(names)}"
            )
        return cls(tuple((name, name) for name in common))

    @property
    def classes(self) -> frozenset[str]:
        """The domain's classes that something stands for."""
        return frozenset(item[-1] for item in (*self.singles, *self.compounds))

    @property
    def wholes(self) -> dict[str, frozenset[str]]:
        """By class, those of which it may be one part alone: a person is a cyclist where the bicycle was not seen."""
        return {
            target: frozenset(whole for first, _, whole in self.compounds if first == name)
            for name, target in self.singles
            if any(first == name for first, _, _ in self.compounds)
        }

    def check_names(self, names: Collection[str]) -> None:
        """Raises Sim2SGError when the detector lacks a name."""
        for name in [item[0] for item in self.singles] + [n for item in self.compounds for n in item[:2]]:
            if name not in names:
                raise Sim2SGError(f"--witness-map: the witness knows no {name!r}; it knows {_shown(names)}")

    def check_classes(self, classes: Collection[str]) -> None:
        """Raises Sim2SGError when the domain lacks a class, or nothing is mapped."""
        if not self.classes:
            raise Sim2SGError(f"--witness-map is empty: say what its classes stand for, as in {EXAMPLE}")
        for target in sorted(self.classes):
            if target not in classes:
                raise Sim2SGError(f"--witness-map: the domain has no class {target!r}; it has {', '.join(classes)}")

    def apply(self, found: Detections) -> Detections:
        """Returns what is mapped, by the names of the domain; what is not is left out.

        A compound takes the boxes of both its parts, each once, those that overlap most and are surest first; its box
        holds both, its score is their geometric mean.
        """
        used = np.zeros(len(found), bool)
        parts = []
        for first, second, target in self.compounds:
            pairs = _overlapping(found, first, second, used)
            joined = found.select([i for i, _ in pairs])
            others = found.select([j for _, j in pairs])
            boxes = np.concatenate(
                [
                    np.minimum(joined.boxes[:, :2], others.boxes[:, :2]),
                    np.maximum(joined.boxes[:, 2:], others.boxes[:, 2:]),
                ],
                axis=1,
            )
            parts.append(Detections(boxes, np.sqrt(joined.scores * others.scores), _named(target, len(pairs))))
            for i, j in pairs:
                used[[i, j]] = True
        for name, target in self.singles:
            chosen = found.select((found.names == name) & ~used)
            parts.append(Detections(chosen.boxes, chosen.scores, _named(target, len(chosen))))
        return concatenate(parts)


def _shown(names: Collection[str], most: int = 20) -> str:
    return ", ".join(list(names)[:most]) + (" …" if len(names) > most else "")


def _named(name: str, count: int) -> np.ndarray:
    return np.full(count, name, dtype=object)


def _overlapping(found: Detections, first: str, second: str, used: np.ndarray) -> list[tuple[int, int]]:
    """Pairs of unused boxes of two names that overlap and are of like size, each box in one pair at most."""
    a, b = (np.flatnonzero((found.names == name) & ~used) for name in (first, second))
    smaller = np.minimum(box_area(found.boxes[a])[:, None], box_area(found.boxes[b])[None])
    share = intersection(found.boxes[a], found.boxes[b]) / np.maximum(smaller, 1e-9)
    sides = [np.log(np.maximum((found.boxes[k][:, 2:] - found.boxes[k][:, :2]).max(axis=1), 1e-9)) for k in (a, b)]
    alike = np.abs(sides[0][:, None] - sides[1][None]) <= np.log(LIKE_SIDES)
    worth = share * np.sqrt(found.scores[a][:, None] * found.scores[b][None])
    worth[(share < JOINED_SHARE) | ~alike | (a[:, None] == b[None])] = 0.0
    pairs = []
    while worth.size and worth.max() > 0:
        i, j = np.unravel_index(worth.argmax(), worth.shape)
        pairs.append((int(a[i]), int(b[j])))
        worth[i], worth[:, j] = 0.0, 0.0
    return pairs
