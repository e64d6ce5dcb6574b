"""What bins are called, from the grid alone: `over 1,200 to 1,850`, a category, `(missing)`, a stretch of scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from monitors.grid import MISSING, OTHER, ColumnGrid, ScoreGrid, edge_below

REST = "(rest)"
NOT_FINITE = (MISSING, "(NaN)", "(+inf)", "(−inf)")
# As many as an edge has (`grid.edge_above`): no two bins get one name.
DIGITS = 12
# Values of so many digits, below which an edge stands, are written instead of it.
FEW_DIGITS = 9
# What stands just below zero is nearer to it than this.
NOTHING = 1e-290


def bin_names(grid: ColumnGrid, bins: np.ndarray) -> list[str]:
    """Names of the joined bins of a column, in their order.

    Parameters
    ----------
    bins : int array of shape (grid.size,)
        Which joined bin each count belongs to, as `share_bins.bins_for_shares` gives it.
    """
    if not grid.is_numeric:
        taken = {OTHER, MISSING}
        return [*(f'"{name}"' if name in taken else name for name in grid.categories), OTHER, MISSING]
    joined = range(int(bins.max()) + 1 - len(NOT_FINITE))
    ends = [np.flatnonzero(bins == i)[[0, -1]] for i in joined]
    return [*(_stretch(grid.edges, int(first), int(last)) for first, last in ends), *NOT_FINITE]


def score_name(score: ScoreGrid, first: int, last: int) -> str:
    """The name of a stretch of score bins: `7`, `0.2 to below 0.25`; `(other)` is a score the reference lacks."""
    if last == score.size - 1:
        return MISSING
    if score.values:
        if first == len(score.values):
            return OTHER
        low, high = score.values[first], score.values[last]
        return _number(low) if low == high else f"{_number(low)} to {_number(high)}"
    # Bins of equal width hold their lower edge; the first and the last are open.
    start, end = (_number(score.low + (place - 1) * score.resolution) for place in (first, last + 1))
    if first == 0:
        return "any score" if last == score.bins + 1 else f"below {end}"
    return f"{start} or more" if last == score.bins + 1 else f"{start} to below {end}"


def _stretch(edges: tuple[float, ...], first: int, last: int) -> str:
    """Fine bins `first` to `last`: bin `i` holds `edges[i-1] < x <= edges[i]`."""
    low = _End.of(edges[first - 1]) if first else None
    high = _End.of(edges[last]) if last < len(edges) else None
    if low is None:
        return "any number" if high is None else f"{'below' if high.is_below else 'up to'} {high.number}"
    if high is None:
        return f"{low.number} or more" if low.is_below else f"over {low.number}"
    if low.is_below and not high.is_below and low.number == high.number:
        return high.number
    start = low.number if low.is_below else f"over {low.number}"
    return f"{start} to {'below ' if high.is_below else ''}{high.number}"


@dataclass(frozen=True, slots=True)
class _End:
    """An edge as it is written; `is_below` where it only keeps that number apart from what lies below it."""

    number: str
    is_below: bool

    @classmethod
    def of(cls, edge: float) -> _End:
        if -NOTHING < edge < 0:
            return cls("0", True)
        value = float(f"{edge:.{FEW_DIGITS}g}")
        is_below = value > edge and edge_below(value) == edge
        return cls(_number(value if is_below else edge), is_below)


def _number(value: float) -> str:
    return f"{value:,.{DIGITS}g}"
