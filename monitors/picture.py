"""What a small drawing of a column needs: shares of both sides on one axis, from counts.

A display histogram has equal widths, which bins of equal share have not: counts are spread evenly inside their own
bin. Ends are quantiles, never the extremes of rows. Nothing is drawn that fewer than `RARE` rows hold.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from monitors.grid import OTHER, RARE, ColumnGrid
from monitors.profile import Counts, Profile

BARS = 28
DRAWN_CATEGORIES = 7
FEW_VALUES = 30
TAIL = 0.005


@dataclass(frozen=True)
class Picture:
    """Shares (0 to 1) of all rows of each side, bar by bar.

    Attributes
    ----------
    ordered : bool
        Whether the bars stand on a number line.
    labels : tuple of str
        Of each bar where they are categories; empty for a number line.
    low, high : float
        Ends of the number line.
    missing : shares of rows without a value, of each side
    """

    ordered: bool
    labels: tuple[str, ...]
    reference: tuple[float, ...]
    batch: tuple[float, ...]
    missing: tuple[float, float]
    low: float = 0.0
    high: float = 0.0


def picture_of(name: str, reference: Profile, batch: Profile) -> Picture | None:
    """The drawing of a column; None where neither side holds enough to draw."""
    before, now = reference.columns[name], batch.columns[name]
    if min(before.sum(), now.sum()) < RARE:
        return None
    grid = reference.grid[name]
    if grid.is_numeric:
        return _number_line(grid.edges, before, now)
    if grid.view == "week" and has_hours(grid):
        return _hours(grid, before, now)
    return _categories(grid.categories, before, now)


def has_hours(grid: ColumnGrid) -> bool:
    """Whether the times of a column seen by the week have an hour; dates have a day only."""
    return any(" " in category for category in grid.categories)


def by_hour(grid: ColumnGrid, counts: Counts) -> Counts:
    """Rows per hour of the day, the days of the week together: int64 array of shape (24,)."""
    hours = [int(category.split(" ")[1]) for category in grid.categories]
    summed = np.zeros(24, dtype=np.int64)
    np.add.at(summed, hours, counts[: len(hours)])
    return summed


def has_few_values(edges: Sequence[float]) -> bool:
    """Whether the bins are a few whole numbers rather than stretches."""
    whole = [edge for edge in edges if float(edge).is_integer() and abs(edge) < 1e9]
    return len(edges) <= FEW_VALUES and len(whole) >= len(edges) - 1


def median_of(edges: Sequence[float], counts: Counts) -> float:
    """The median, interpolated inside its bin; at the outermost edge where it lies in an open bin.

    `counts` has one more entry than `edges`: the first and the last bin are open.
    """
    below = np.cumsum(counts)
    place = int(np.searchsorted(below, below[-1] / 2))
    if place == 0:
        return float(edges[0])
    if place >= len(edges):
        return float(edges[-1])
    part = (below[-1] / 2 - below[place - 1]) / counts[place]
    return float(edges[place - 1] + part * (edges[place] - edges[place - 1]))


def _number_line(edges: Sequence[float], before: Counts, now: Counts) -> Picture | None:
    missing = (float(before[-4:].sum() / before.sum()), float(now[-4:].sum() / now.sum()))
    sides = [(counts[:-4].astype(float), int(counts.sum())) for counts in (before, now)]
    old, new = sides[0][0], sides[1][0]
    if not old.sum() and not new.sum():
        return Picture(True, (), (), (), missing)
    if has_few_values(edges):
        low, high = float(math.ceil(edges[0])), float(math.ceil(edges[-1]) + 1)
        # Each bin stands at its upper edge, where its value is; what lies above the last edge comes behind it.
        places = np.asarray([*(math.ceil(edge) for edge in edges), high], dtype=float)
        stops = np.linspace(low - 0.5, high + 0.5, int(min(high - low + 1, BARS)) + 1)
        bars = [np.histogram(places, stops, weights=counts)[0] for counts, _ in sides]
        if not old[-1] and not new[-1] and len(bars[0]) > 1 and high - low < BARS:
            bars, high = [bar[:-1] for bar in bars], high - 1
    else:
        low, high = _ends(edges, old if old.sum() else new)
        if not math.isfinite(high - low):
            return Picture(True, (), (), (), missing)
        bars = [_spread(np.asarray(edges), counts, np.linspace(low, high, BARS + 1)) for counts, _ in sides]
    shares = [tuple(map(float, bar / total)) for bar, (_, total) in zip(bars, sides, strict=True)]
    return Picture(True, (), shares[0], shares[1], missing, float(low), float(high))


def _ends(edges: Sequence[float], counts: np.ndarray) -> tuple[float, float]:
    """Where the axis begins and ends: edges that all but `TAIL` of the rows lie inside of, on either end."""
    reached = np.cumsum(counts) / counts.sum()
    last = len(edges) - 1
    first = min(int(np.searchsorted(reached, TAIL)), last)
    low, high = edges[max(first - 1, 0)], edges[min(int(np.searchsorted(reached, 1 - TAIL)), last)]
    if high > low:
        return low, high
    half = max(abs(low), 1.0) / 2
    return low - half, high + half


def _spread(edges: np.ndarray, counts: np.ndarray, stops: np.ndarray) -> np.ndarray:
    """Counts per display bar; what lies outside the axis belongs to its outermost bars."""
    cumulated = np.concatenate([[0.0], np.cumsum(counts[1:-1])])
    inside = np.interp(stops, edges, cumulated)
    bars: np.ndarray = np.diff(inside)
    bars[0] += counts[0] + inside[0]
    bars[-1] += counts[-1] + (cumulated[-1] - inside[-1])
    return bars


def _hours(grid: ColumnGrid, before: Counts, now: Counts) -> Picture:
    shares = [tuple(map(float, by_hour(grid, counts) / counts.sum())) for counts in (before, now)]
    missing = (float(before[-1] / before.sum()), float(now[-1] / now.sum()))
    return Picture(True, (), shares[0], shares[1], missing, 0.0, 23.0)


def _categories(names: Sequence[str], before: Counts, now: Counts) -> Picture:
    old, new = before / before.sum(), now / now.sum()
    common = [i for i in range(len(names)) if max(before[i], now[i]) >= RARE]
    drawn = sorted(common, key=lambda i: -max(old[i], new[i]))[:DRAWN_CATEGORIES]
    rest = [i for i in range(len(names) + 1) if i not in drawn]
    labels = [names[i] for i in drawn]
    sides = [[float(share[i]) for i in drawn] for share in (old, new)]
    if max(before[rest].sum(), now[rest].sum()) > 0:
        labels.append(OTHER)
        for side, share in zip(sides, (old, new), strict=True):
            side.append(float(share[rest].sum()))
    missing = (float(old[-1]), float(new[-1]))
    return Picture(False, tuple(labels), tuple(sides[0]), tuple(sides[1]), missing)
