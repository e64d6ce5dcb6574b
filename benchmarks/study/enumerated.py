"""Misses of bounds of rates, changes, differences and ratios, from every possible pair of samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np
from scipy.stats import binom

from governance.records import Measurement
from monitors import performance
from monitors.grid import Grid, GroupGrid
from monitors.profile import NEGATIVE, POSITIVE, UNKNOWN, Profile
from monitors.proportions import score_bounds
from monitors.uncertainty import ratio_bounds

RATES = (0.02, 0.1, 0.3, 0.5, 0.8)
ROWS = (10, 20, 50, 200, 1_000)
PAIRS = ((10, 10), (20, 20), (50, 50), (200, 200), (10, 200), (50, 200))
# A change is measured with all that comes with it: fewer samples, so that it takes seconds.
CHANGES = ((10, 10), (20, 20), (50, 50), (20, 50))
# A bound that only rounding puts beyond the truth has not missed it.
ROUNDING = 1e-9
Cell = dict[str, Any]
# Lower and upper bounds over the hits of the one sample (first axis) and of the other.
Ends = tuple[np.ndarray, np.ndarray]


def cells(
    alphas: Sequence[float],
    rows: Sequence[int] = ROWS,
    pairs: Sequence[tuple[int, int]] = PAIRS,
    changes: Sequence[tuple[int, int]] = CHANGES,
) -> Iterator[Cell]:
    """Every case at every alpha."""
    for n, alpha in product(rows, alphas):
        yield from _rates(n, alpha)
    for (n, m), alpha in product(changes, alphas):
        yield from _pairs("change", n, m, alpha, _change_ends(n, m, alpha), lambda one, two: one - two)
    for (n, m), alpha in product(pairs, alphas):
        hits, others = np.arange(n + 1)[:, None], np.arange(m + 1)
        ends = score_bounds(hits, n, others, m, alpha)
        yield from _pairs("difference", n, m, alpha, ends, lambda one, two: one - two)
        yield from _pairs("ratio", n, m, alpha, _ratio_ends(n, m, alpha), lambda one, two: one / two)


def _rates(n: int, alpha: float) -> Iterator[Cell]:
    found = [performance.rate("selection_rate", hits, n, alpha) for hits in range(n + 1)]
    low, high = _ends(found)
    for rate in RATES:
        chances = binom.pmf(np.arange(n + 1), n, rate)
        missed = [float(chances @ beyond) for beyond in (low > rate + ROUNDING, high < rate - ROUNDING)]
        yield _cell("rate", str(n), f"{rate:g}", alpha, missed)


def _pairs(
    metric: str, n: int, m: int, alpha: float, ends: Ends, truth_of: Callable[[float, float], float]
) -> Iterator[Cell]:
    for one, two in product(RATES, RATES):
        truth = truth_of(one, two)
        chances = binom.pmf(np.arange(n + 1), n, one), binom.pmf(np.arange(m + 1), m, two)
        beyond = ends[0] > truth + ROUNDING, ends[1] < truth - ROUNDING
        missed = [float(chances[0] @ side @ chances[1]) for side in beyond]
        yield _cell(metric, f"{n} and {m}", f"{one:g} and {two:g}", alpha, missed)


def _cell(metric: str, rows: str, case: str, alpha: float, missed: list[float]) -> Cell:
    low, high = (round(share, 6) for share in missed)
    return {"metric": metric, "rows": rows, "case": case, "alpha": alpha, "runs": None, "low": low, "high": high}


def _change_ends(n: int, m: int, alpha: float) -> Ends:
    batches, references = ([_selected(hits, rows) for hits in range(rows + 1)] for rows in (n, m))
    found = [performance.change("selection_rate", now, old, alpha) for now in batches for old in references]
    low, high = _ends(found)
    return low.reshape(n + 1, m + 1), high.reshape(n + 1, m + 1)


def _selected(hits: int, rows: int) -> Profile:
    """A profile of nothing but predictions, so many of them positive."""
    grid = Grid((), None, (GroupGrid((), ()),), None, "prediction", None, None)
    cube = np.zeros((1, 3, 3, 1), dtype=np.int64)
    cube[0, UNKNOWN, [NEGATIVE, POSITIVE], 0] = rows - hits, hits
    return Profile(grid, rows, {}, {}, {"": cube})


def _ratio_ends(n: int, m: int, alpha: float) -> Ends:
    """No bounds without a hit in the other sample: the ratio is undefined there, and misses nothing."""
    low, high = np.full((n + 1, m + 1), -np.inf), np.full((n + 1, m + 1), np.inf)
    for hits, others in product(range(n + 1), range(1, m + 1)):
        low[hits, others], high[hits, others] = ratio_bounds(hits, n, others, m, alpha)
    return low, high


def _ends(found: list[Measurement]) -> Ends:
    low, high = (np.array([getattr(one, end) for one in found], dtype=float) for end in ("low", "high"))
    return low, high
