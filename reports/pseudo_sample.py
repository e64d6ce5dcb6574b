"""Points drawn from the counts of a profile: what stands in for the rows, which are not kept, where one is to be drawn.

Decides how many points a bin gets, where in its bin a number is put, and which categories get a bar of their own.
No point is a person's row, and no two columns of a sample belong together. What becomes of the points is in
`reports.drawings`; bins and counts come from `monitors.profile`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from monitors.grid import MISSING, OTHER, RARE, ColumnGrid
from monitors.profile import Counts, Profile

POINTS = 2000
# More bars than this cannot be told apart; the smallest categories are drawn as `(other)`.
DRAWN_CATEGORIES = 30


def pseudo_sample(profile: Profile, sides: Mapping[str, Profile], seed: str, points: int = POINTS) -> pd.DataFrame:
    """`points` values per column that fall into the bins of `profile` as its rows do, within one point per bin.

    Columns are drawn apart from each other: what two of them show together means nothing. `sides` are all profiles
    of the page; they decide together which categories are drawn and where in its bin a number is put.
    """
    columns = {}
    for grid in profile.grid.columns:
        # The middle between very large numbers is infinite: such points cannot be drawn, and are not.
        with np.errstate(over="ignore", invalid="ignore"):
            values = _numbers(grid, profile, sides, points) if grid.is_numeric else _words(grid, profile, sides, points)
        columns[grid.name] = _generator(seed, grid.name).permutation(values)
    return pd.DataFrame({name: pd.Series(values) for name, values in columns.items()})


def allocate(counts: Counts, points: int) -> Counts:
    """`points` shared out like `counts`, by largest remainder: each is within one of its exact part."""
    total = int(counts.sum())
    if total == 0:
        return np.zeros_like(counts)
    exact = counts * (points / total)
    whole: Counts = np.floor(exact).astype(np.int64)
    largest = np.argsort(whole - exact, kind="stable")[: points - int(whole.sum())]
    whole[largest] += 1
    return whole


def _numbers(grid: ColumnGrid, profile: Profile, sides: Mapping[str, Profile], points: int) -> np.ndarray:
    """Evenly spread inside each bin; NULL, NaN and the infinities as NaN; the open end bins at their one edge."""
    edges = np.asarray(grid.edges)
    allotted = allocate(profile.columns[grid.name], points)
    inside = allotted[: len(edges) + 1]
    # The value just above the last edge is the nearest that still belongs to the last bin.
    upper = np.append(edges, np.nextafter(edges[-1], np.inf))
    lower = np.append(edges[0], upper[:-1])
    if _values_are_edges(grid, next(iter(sides.values()))):
        lower = upper
    lower[-1] = upper[-1]
    nth = np.arange(inside.sum()) - np.repeat(np.cumsum(inside) - inside, inside)
    part = (nth + 0.5) / np.repeat(inside, inside)
    low, high = np.repeat(lower, inside), np.repeat(upper, inside)
    return np.concatenate([high - (high - low) * part, np.full(int(allotted[-4:].sum()), np.nan)])


def _values_are_edges(grid: ColumnGrid, profile: Profile) -> bool:
    """Whether bins hold single values, such as whole numbers: then the recorded mean is that of the upper edges."""
    rows, total, _ = profile.moments.get(grid.name, (0, 0.0, 0.0))
    if rows == 0:
        return True
    edges = np.asarray(grid.edges)
    inside = profile.columns[grid.name][: len(edges) + 1]
    upper = np.append(edges, edges[-1])
    middle = (upper + np.append(edges[0], edges)) / 2
    return bool(abs(inside @ upper - total) <= abs(inside @ middle - total))


def _words(grid: ColumnGrid, profile: Profile, sides: Mapping[str, Profile], points: int) -> np.ndarray:
    drawn = _drawn(grid, sides)
    names = [name if drawn[i] else OTHER for i, name in enumerate((*grid.categories, OTHER, MISSING))]
    return np.repeat(np.array(names, dtype=object), allocate(profile.columns[grid.name], points))


def _drawn(grid: ColumnGrid, sides: Mapping[str, Profile]) -> np.ndarray:
    """Which categories get a bar of their own: the largest, and none that fewer than `RARE` rows hold."""
    known = len(grid.categories)
    counts = np.stack([profile.columns[grid.name][:known] for profile in sides.values()])
    drawn = np.zeros(grid.size, dtype=bool)
    drawn[np.argsort(-counts.sum(axis=0), kind="stable")[:DRAWN_CATEGORIES]] = True
    drawn[:known] &= counts.max(axis=0, initial=0) >= RARE
    drawn[known:] = True
    return drawn


def folded(sides: Mapping[str, Profile]) -> Iterator[tuple[str, int]]:
    """Columns some of whose categories are drawn as `(other)`, and how many these are."""
    for grid in next(iter(sides.values())).grid.columns:
        hidden = 0 if grid.is_numeric else int((~_drawn(grid, sides)).sum())
        if hidden:
            yield grid.name, hidden


def _generator(seed: str, column: str) -> np.random.Generator:
    state = hashlib.sha256(json.dumps([seed, column]).encode()).digest()
    return np.random.default_rng(int.from_bytes(state[:8], "big"))
