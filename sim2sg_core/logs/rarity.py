"""Spreads a budget of frames over logs and times, and over what is rare in them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

LEAST = 1.0
"""Objects expected in all frames together, below which a class counts as not there."""
ROUNDING = 1e-5


def spread(counts: Sequence[np.ndarray | None], budget: int, classes: Sequence[str]) -> dict[int, str]:
    """Chooses frames by systematic sampling: half of the budget evenly, half by what is rare.

    The second half is shared alike by all classes that are there at all, and each class's part goes to the frames in
    proportion to how many of its objects are expected in them: a class of which there are few gets frames as many as
    a common one. Frames are taken along their order at equal steps of the sum of these shares, so that
    neighbours, which show the same, are not all taken. Nothing is random.

    Args:
        counts: Of each frame, in the order of logs and times: (C,) objects of each class that are expected in it; None
            where that is not known.
        budget: Frames to choose; all, where there are not more.
        classes: C names.

    Returns:
        Why each chosen frame was chosen, by its index in `counts`.
    """
    known = np.zeros((len(counts), len(classes)), np.float32)
    for row, of_frame in zip(known, counts, strict=True):
        if of_frame is not None:
            row[:] = of_frame
    totals = known.sum(axis=0, dtype=np.float64)
    shares = known / np.where(totals >= LEAST, totals, np.inf)
    there = max(1, np.count_nonzero(totals >= LEAST))
    even, rare = 1 / max(1, len(counts)), shares.sum(axis=1, dtype=np.float64) / there
    passed = np.floor(np.cumsum(_chances(even + rare, budget)) + 0.5)
    chosen = np.flatnonzero(np.diff(passed, prepend=0))
    why = {}
    for i in map(int, chosen):
        k = int(shares[i].argmax()) if len(classes) else 0
        why[i] = f"one of {len(chosen)} evenly chosen"
        if rare[i] > even * (1 + ROUNDING):
            expected = f"{known[i, k]:.2g} of the {totals[k]:.3g} that are expected in all logs"
            why[i] = f"one of {len(chosen)}, for {classes[k]}: {expected}"
    return why


def _chances(weights: np.ndarray, budget: int) -> np.ndarray:
    """Returns the share of (N,) weights that each frame has of the budget, 1 at most: who has more is taken anyway."""
    chances = np.ones(len(weights))
    open_ = np.ones(len(weights), bool)
    while (left := budget - np.count_nonzero(~open_)) < np.count_nonzero(open_):
        chances[open_] = weights[open_] * left / weights[open_].sum()
        above = open_ & (chances > 1)
        if not above.any():
            break
        chances[above] = 1.0
        open_ &= ~above
    else:
        chances[open_] = 1.0
    return chances
