"""The cheapest one-to-one assignment (the Hungarian problem), for the few boxes of an image."""

from __future__ import annotations

import numpy as np


def assign(cost: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs rows with columns so that the sum of the pairs' costs is least.

    Shortest augmenting paths with potentials (Jonker and Volgenant, Computing 1987): rows come in one after another,
    and each takes the cheapest way to a free column, along which earlier rows move on.

    Args:
        cost: (N, M), finite.

    Returns:
        (min(N, M),) rows, ascending, and the column of each.
    """
    rows, columns = cost.shape
    if rows > columns:
        found_columns, found_rows = assign(cost.T)
        order = np.argsort(found_rows)
        return found_rows[order], found_columns[order]
    row_of = np.full(columns + 1, -1)  # the last column is where a new row stands before it has one
    row_price, column_price = np.zeros(rows), np.zeros(columns + 1)
    for row in range(rows):
        row_of[columns], column = row, columns
        nearest, came_from = np.full(columns, np.inf), np.full(columns, columns)
        done = np.zeros(columns + 1, bool)
        while row_of[column] >= 0:
            done[column] = True
            here = row_of[column]
            reduced = cost[here] - row_price[here] - column_price[:columns]
            nearer = ~done[:columns] & (reduced < nearest)
            nearest[nearer], came_from[nearer] = reduced[nearer], column
            column = int(np.where(done[:columns], np.inf, nearest).argmin())
            step = nearest[column]
            row_price[row_of[done]] += step
            column_price[done] -= step
            nearest[~done[:columns]] -= step
        while column != columns:
            row_of[column] = row_of[came_from[column]]
            column = int(came_from[column])
    taken = np.flatnonzero(row_of[:columns] >= 0)
    order = np.argsort(row_of[taken])
    return row_of[taken][order], taken[order]
