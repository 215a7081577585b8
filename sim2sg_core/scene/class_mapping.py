"""Which class of a domain the words of others stand for: those of a detector, or of labels."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sim2sg_core.errors import Sim2SGError

MAPPING_EXAMPLE = "person=pedestrian,car=car,person+bicycle=cyclist"
WITNESS_OPTION = "--witness-map"


@dataclass(frozen=True)
class ClassMapping:
    """Names of others and the classes that they stand for.

    Attributes:
        singles: (name, class).
        compounds: (name, other name, class): a box of the first that overlaps one of the second is both in one,
            as a person on a bicycle is a cyclist.
        option: The option that gave it, for errors.
    """

    singles: tuple[tuple[str, str], ...]
    compounds: tuple[tuple[str, str, str], ...] = ()
    option: str = WITNESS_OPTION

    @classmethod
    def parse(cls, text: str, option: str = WITNESS_OPTION) -> ClassMapping:
        """Reads `name=class,name+name=class,…`, as `option` gave it.

        Raises:
            Sim2SGError: Not of this form, or a name stands for two classes.
        """
        singles, compounds = [], []
        for part in filter(None, (part.strip() for part in text.split(","))):
            left, equals, target = (word.strip() for word in part.partition("="))
            names = [name.strip() for name in left.split("+")]
            if not equals or not target or not all(names) or len(names) > 2:
                raise Sim2SGError(f"{option}: {part!r} is not NAME=CLASS or NAME+NAME=CLASS, as in {MAPPING_EXAMPLE}")
            if len(names) == 2:
                compounds.append((names[0], names[1], target))
            else:
                singles.append((names[0], target))
        lefts = [name for name, _ in singles] + [f"{a}+{b}" for a, b, _ in compounds]
        for left in lefts:
            if lefts.count(left) > 1:
                raise Sim2SGError(f"{option}: {left!r} is given twice: it can stand for one class alone")
        return cls(tuple(singles), tuple(compounds), option)

    @classmethod
    def of_same_names(cls, names: Sequence[str], classes: Sequence[str]) -> ClassMapping:
        """Maps the names that a detector and a domain have in common. Raises Sim2SGError where there are none."""
        common = [name for name in names if name in classes]
        if not common:
            raise Sim2SGError(
                f"the witness has no class of the domain's ({', '.join(classes)}): say what its classes stand for with"
                f" {WITNESS_OPTION} NAME=CLASS,…; it knows {_shown(names)}"
            )
        return cls(tuple((name, name) for name in common))

    @property
    def classes(self) -> frozenset[str]:
        """The domain's classes that something stands for."""
        return frozenset(item[-1] for item in (*self.singles, *self.compounds))

    @property
    def wholes(self) -> dict[str, frozenset[str]]:
        """By class, the compounds that it may be a part of: a person is a cyclist if the bicycle was not seen."""
        return {
            target: frozenset(whole for first, _, whole in self.compounds if first == name)
            for name, target in self.singles
            if any(first == name for first, _, _ in self.compounds)
        }

    def check_names(self, names: Collection[str]) -> None:
        """Raises Sim2SGError when the detector lacks a name."""
        for name in [item[0] for item in self.singles] + [n for item in self.compounds for n in item[:2]]:
            if name not in names:
                raise Sim2SGError(f"{self.option}: the witness knows no {name!r}; it knows {_shown(names)}")

    def check_classes(self, classes: Collection[str]) -> None:
        """Raises Sim2SGError when the domain lacks a class, or nothing is mapped."""
        if not self.classes:
            raise Sim2SGError(f"{self.option} is empty: say what its classes stand for, as in {MAPPING_EXAMPLE}")
        for target in sorted(self.classes):
            if target not in classes:
                raise Sim2SGError(f"{self.option}: the domain has no class {target!r}; it has {', '.join(classes)}")


def _shown(names: Collection[str], most: int = 20) -> str:
    return ", ".join(list(names)[:most]) + (" …" if len(names) > most else "")
