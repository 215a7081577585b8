"""Which round gives the final model, and whether another round is worth while, by a measure without labels."""

from __future__ import annotations

import math
from collections.abc import Sequence

from sim2sg_core.errors import Sim2SGError

PATIENCE = 2  # rounds in a row that may bring nothing: the criterion is noisy
TOLERANCE = 0.005  # of the criterion: smaller differences are noise


def choose_round(history: Sequence[float], patience: int = PATIENCE, tolerance: float = TOLERANCE) -> tuple[int, bool]:
    """Chooses among the rounds so far, and says whether another is worth while.

    The criterion is noisy, so rounds within `tolerance` of the maximum are ties, and the *latest* of them wins: the
    highest of several noisy figures is partly luck, while a later round has seen scenes nearer to the log and more
    steps. Ties are with the maximum, not with the round before, so that no slow decline can add up to more than the
    tolerance.

    Args:
        history: The criterion after each round, higher is better; the source model may be the first.
        patience: Rounds in a row that may bring nothing before it is time to stop.
        tolerance: Differences up to this are noise.

    Returns:
        Index of the best round, and whether to stop: the last `patience` rounds did not beat what was before them
        by more than the tolerance.

    Raises:
        Sim2SGError: An empty history, a figure that is none, or settings that mean nothing.
    """
    if not history or not all(math.isfinite(value) for value in history):
        raise Sim2SGError("choosing a round needs at least one, and a finite score of each")
    if patience < 1 or not tolerance >= 0:
        raise Sim2SGError(f"patience {patience} and tolerance {tolerance}: make them at least 1 and 0")
    highest = max(history)
    best = max(i for i, value in enumerate(history) if value >= highest - tolerance)
    before, last = history[:-patience], history[-patience:]
    return best, bool(before) and max(last) <= max(before) + tolerance
