"""Which bins shares are compared over, and how they came to be: replicates have to go through that as well.

Fine bins of numbers are joined into a few; categories are those of the grid. How distances are computed is in
`monitors.distances`, how replicates are dealt in `monitors.noise`.
"""

from __future__ import annotations

import numpy as np

from monitors.grid import COARSE_BINS, OTHER_CODE, ColumnGrid
from monitors.noise import FEW, Choice, Dealt, deal, deal_between
from monitors.profile import Counts


def bins_for_shares(grid: ColumnGrid, reference: Counts) -> np.ndarray:
    """Which bin each count belongs to when shares are compared: int array of shape (grid.size,).

    Fine numeric bins are joined, left to right, into at most `COARSE_BINS` of about equal reference share; NULL,
    NaN and the infinities stay bins of their own, for a value that goes missing is a change like any other.
    """
    if not grid.is_numeric:
        return np.arange(grid.size)
    coarse = equal_shares(reference[:-4])
    return np.concatenate([coarse, coarse.max() + 1 + np.arange(4)])


def equal_shares(fine: Counts) -> np.ndarray:
    """Which of at most `COARSE_BINS` bins of about equal share each fine bin joins: int array like `fine`."""
    total = max(int(fine.sum()), 1)
    before = np.concatenate([[0], np.cumsum(fine)[:-1]])
    coarse = np.minimum((before + fine / 2) * COARSE_BINS // total, COARSE_BINS - 1).astype(int)
    found: np.ndarray = np.unique(coarse, return_inverse=True)[1]
    return found


def shares_of(counts: Counts, bins: np.ndarray) -> Counts:
    """Counts joined by `bins`, as int64 array of shape (bins.max() + 1,)."""
    return np.bincount(bins, weights=counts, minlength=int(bins.max()) + 1).astype(np.int64)


def choice_of(grid: ColumnGrid, reference: Counts, used: np.ndarray) -> Choice | None:
    """How the categories in `used` (bool array of shape (grid.size,)) came to be; None where not by this reference.

    It did not choose them where one has too few rows in it to have been kept because of them: the grid is then that
    of both files together.
    """
    if not grid.kept_from or (reference[:OTHER_CODE] < grid.kept_from).any():
        return None
    least = np.full(grid.size, grid.kept_from)
    least[OTHER_CODE:] = 0
    other = int(used[:OTHER_CODE].sum()) if used[OTHER_CODE] else None
    return Choice(least[used], other)


def deal_column(
    grid: ColumnGrid, before: Counts, now: Counts, bins: np.ndarray, rng: np.random.Generator, *, own_bins: bool = True
) -> Dealt:
    """Both sides in those of the joined `bins` that hold anything, with replicates of "nothing changed".

    `own_bins`: the grid was made by the very rows of `before`; replicates then go through its making.
    """
    old, new = shares_of(before, bins), shares_of(now, bins)
    used = (old + new) > 0
    old, new = old[used], new[used]
    if not own_bins:
        return deal(old, new, rng)
    if not grid.is_numeric:
        return deal(old, new, rng, choice_of(grid, before, used))
    numbers = (np.arange(used.size) < used.size - 4)[used]
    rows = int(old[numbers].sum())
    if 0 < rows < FEW and new[numbers].any() and grid.ruler is not None and grid.ruler.blur > 0:
        return deal_between(old, new, numbers, rng)
    return deal(old, new, rng)
