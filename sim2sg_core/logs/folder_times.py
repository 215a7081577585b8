"""What the names of images tell of time: one unit for a whole folder."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from typing import NamedTuple

import numpy as np

INDEX_UNIT = "plain numbers"
LONGEST_STEP = 7 * 86400
"""Seconds from image to image: names that were farther apart by a unit are not of that unit."""
SHARE = 0.9
"""Of the names that must follow a pattern for it to be taken; the others get the stamp of the one before."""

_DATE = re.compile(
    r"(?<!\d)((?:19|20)\d\d)[-_.]?(\d\d)[-_.]?(\d\d)[-_T .]{0,3}"
    r"(\d\d)[-_:.h]?(\d\d)[-_:.m]?(\d\d)(?:[-_.,s]?(\d{1,9}))?"
)
_SECONDS = re.compile(r"(?<!\d)(\d{1,10})\.(\d{1,9})$")
_SPLIT_SECONDS = re.compile(r"(?<!\d)(\d{10})[_-](\d{3}|\d{6}|\d{9})$")
_NUMBER = re.compile(r"(?<!\d)(\d{1,19})$")

# Epoch times of 1990 to 2100 by unit. They do not overlap.
_EPOCH = (631_152_000, 4_102_444_800)
_UNITS = {"seconds": 10**9, "milliseconds": 10**6, "microseconds": 10**3, "nanoseconds": 1}


class FolderTimes(NamedTuple):
    """The stamps of a folder's images.

    Attributes:
        stamps: One for each name: nanoseconds, or plain numbers where the names tell no time.
        unit: What the names were taken for, such as "milliseconds".
        timed: Whether the stamps are times.
    """

    stamps: list[int]
    unit: str
    timed: bool


def natural_key(name: str) -> tuple[tuple[bool, int, str], ...]:
    """Sorts frame2 before frame10."""
    parts = re.split(r"(\d+)", name)
    return tuple((not part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts if part)


def read_times(names: Sequence[str]) -> FolderTimes:
    """Guesses one unit for all names of a folder.

    Args:
        names: File names, in natural order.

    Returns:
        Dates, epoch times in s, ms, µs or ns, and numbers of evenly spaced µs or ns become nanoseconds. All else
        are plain numbers, also behind one date for all: the one that ends each name where all have one, else the
        index.
    """
    stems = [name.rpartition(".")[0] or name for name in names]
    if _counted(stems):
        numbers = [_NUMBER.search(stem) for stem in stems]
        stamps = [int(match[1]) for match in numbers if match]
        return FolderTimes(stamps if len(stamps) == len(names) else list(range(len(names))), INDEX_UNIT, False)
    for read in (_read_dates, _read_seconds, _read_numbers):
        if found := read(stems):
            return found
    return FolderTimes(list(range(len(names))), INDEX_UNIT, False)


def _counted(stems: Sequence[str]) -> bool:
    """Whether all names have the same date, or second, with a counter behind it or nothing: frames of one video.

    Behind a real time fractions step by more than one, and by a millisecond or more.
    """
    found = [_DATE.search(stem) for stem in stems]
    if any(match is None for match in found):
        found = [_SPLIT_SECONDS.search(stem) for stem in stems]
    whole = [match for match in found if match]
    if len(whole) < max(2, len(stems)) or len({match.groups()[:-1] for match in whole}) > 1:
        return False
    rest = [match.groups()[-1] or "" for match in whole]
    step = float(np.median(np.diff(sorted(int(digits or "0") for digits in rest))))
    return step <= 1 or step < 10.0 ** (len(rest[0]) - 3)


def _read_dates(stems: Sequence[str]) -> FolderTimes | None:
    found = [_DATE.search(stem) for stem in stems]
    # Fractions have the same number of digits in all names; counters of a burst do not.
    widths = {len(match[7] or "") for match in found if match}
    fractions = len(widths) == 1

    def stamp(match: re.Match[str]) -> int | None:
        try:
            moment = datetime(*(int(match[i]) for i in range(1, 7)), tzinfo=timezone.utc)  # type: ignore[arg-type, misc]
        except ValueError:
            return None
        return int(moment.timestamp()) * 10**9 + (_fraction(match[7]) if fractions else 0)

    return _filled(found, stamp, "dates and times")


def _read_seconds(stems: Sequence[str]) -> FolderTimes | None:
    found = [_SECONDS.search(stem) or _SPLIT_SECONDS.search(stem) for stem in stems]
    return _filled(found, lambda match: int(match[1]) * 10**9 + _fraction(match[2]), "seconds")


def _read_numbers(stems: Sequence[str]) -> FolderTimes | None:
    found = [_NUMBER.search(stem) for stem in stems]
    plain = _filled(found, lambda match: int(match[1]), INDEX_UNIT)
    if plain is None:
        return None
    steps = np.abs(np.diff(plain.stamps))
    step = float(np.median(steps)) if len(steps) else 0.0
    for unit, factor in _UNITS.items():
        first, last = min(plain.stamps) * factor / 1e9, max(plain.stamps) * factor / 1e9
        if _EPOCH[0] <= first and last <= _EPOCH[1] and step * factor / 1e9 <= LONGEST_STEP:
            return _scaled(plain, unit)
    # Time since a start: evenly spaced and far apart, as no frame numbers are.
    if len(steps) > 1 and step >= 5_000 and np.median(np.abs(steps - step)) <= 0.2 * step:
        return _scaled(plain, "nanoseconds" if step >= 2_000_000 else "microseconds")
    # Indices of the names without a number would repeat those of others.
    return plain._replace(timed=False) if all(found) else None


def _scaled(plain: FolderTimes, unit: str) -> FolderTimes:
    return FolderTimes([stamp * _UNITS[unit] for stamp in plain.stamps], unit, True)


def _filled(
    found: Sequence[re.Match[str] | None], stamp: Callable[[re.Match[str]], int | None], unit: str
) -> FolderTimes | None:
    """Returns the stamps where nearly all names have one; the others get that of the name before."""
    stamps = [stamp(match) if match else None for match in found]
    known = [value for value in stamps if value is not None]
    if not known or len(known) < SHARE * len(stamps):
        return None
    last, filled = known[0], []
    for value in stamps:
        last = last if value is None else value
        filled.append(last)
    return FolderTimes(filled, unit, True)


def _fraction(digits: str | None) -> int:
    """Returns the digits behind a decimal point as nanoseconds."""
    return int((digits or "0").ljust(9, "0"))
