"""Pairs of rows and columns whose costs add up to the least: what track a detection continues, which boxes are one."""

from __future__ import annotations

import numpy as np


def assign(cost: np.ndarray) -> np.ndarray:
    """Gives every row at most one column and every column at most one row, so that the sum of costs is least.

    Every column goes at once to the first row that it is the cheapest for, which leaves few rows; these are added by
    shortest augmenting paths (Jonker and Volgenant 1987, in the rectangular form of Crouse 2016).

    Args:
        cost: (N, T); only costs below zero are ever taken.

    Returns:
        (N,) column of each row, -1 for none.
    """
    n, t = cost.shape
    if not n or not t:
        return np.full(n, -1)
    full = np.full((n, t + n), np.inf)
    full[:, :t] = np.where(cost < 0, cost, np.inf)  # NaN is never below zero
    full[np.arange(n), t + np.arange(n)] = 0.0  # each row may stay alone
    best = full.argmin(1)
    row_price, column_price = full[np.arange(n), best], np.zeros(t + n)
    owner, choice = np.full(t + n, -1), np.full(n, -1)
    columns, first = np.unique(best, return_index=True)
    owner[columns], choice[first] = first, columns
    for row in np.flatnonzero(choice < 0):
        _augment(int(row), full, row_price, column_price, owner, choice)
    return np.where(choice < t, choice, -1)


def assign_all(cost: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs as many rows with columns as there can be, so that the sum of the pairs' costs is least.

    Args:
        cost: (N, T), finite.

    Returns:
        (min(N, T),) rows, ascending, and the column of each.
    """
    # With every cost below zero, one more pair always pays.
    choice = assign(cost - cost.max(initial=0.0) - 1.0)
    rows = np.flatnonzero(choice >= 0)
    return rows, choice[rows]


def _augment(
    row: int,
    cost: np.ndarray,
    row_price: np.ndarray,
    column_price: np.ndarray,
    owner: np.ndarray,
    choice: np.ndarray,
) -> None:
    """Gives `row` a column along the shortest path of exchanges (Dijkstra on reduced costs), in place."""
    distance = np.full(len(owner), np.inf)
    reached_from = np.full(len(owner), -1)
    done = np.zeros(len(owner), bool)
    i, length = row, 0.0
    while True:
        through = length + cost[i] - row_price[i] - column_price
        shorter = (through < distance) & ~done
        distance[shorter], reached_from[shorter] = through[shorter], i
        j = int(np.where(done, np.inf, distance).argmin())
        length = distance[j]
        if owner[j] < 0:
            break
        done[j] = True
        i = int(owner[j])
    scanned = np.flatnonzero(done)
    row_price[row] += length
    row_price[owner[scanned]] += length - distance[scanned]
    column_price[scanned] -= length - distance[scanned]
    while True:
        i = int(reached_from[j])
        owner[j] = i
        choice[i], j = j, int(choice[i])
        if i == row:
            return
