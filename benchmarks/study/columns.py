"""Drift of 5 to 500 columns, of which none or one has moved: who cries, and who finds it.

Columns are normal and independent of each other, so a family is its columns: with a chance p for each, one of k cries
with 1 - (1 - p)^k. The law is the same on both sides, or the batch is shifted by so many standard deviations. Up to
10,000 rows are drawn, frozen and counted as the product does; above, both sides are counts on the law's own quantiles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri
from scipy.stats import ks_2samp

from monitors.distances import psi
from monitors.drift import quadratic_distance
from monitors.freezing import edges_of, ruler_of
from monitors.grid import COARSE_BINS, FINE_BINS, ColumnGrid
from monitors.profile import Counts
from monitors.share_bins import bins_for_shares, deal_column

ALPHA = 0.05
SIZES = (50, 200, 1_000, 10_000, 100_000, 1_000_000)
FAMILIES = (5, 50, 500)
SHIFTS = (0.0, 0.1, 0.2, 0.5)
LIMIT = 0.1
# The largest size that is drawn row by row.
DRAWN = 10_000
# Columns of ours where nothing moved, where one stands exactly at the limit, and where one moved.
RUNS = {"unchanged": 3_000, "at the limit": 1_000, "moved": 300}
# Runs of the peers: their time grows with the rows.
PEER_RUNS = {50: 2_000, 200: 2_000, 1_000: 1_000, 10_000: 300, 100_000: 60, 1_000_000: 6}
Record = dict[str, Any]


def run(factor: float, rng: np.random.Generator, say: Callable[[str], None]) -> list[Record]:
    """One record a size, shift and limit. `factor` multiplies all numbers of runs."""
    found = []
    at_limit = shift_of(LIMIT)
    for n in SIZES:
        for shift, limit in (*((shift, 0.0) for shift in SHIFTS), (at_limit, LIMIT), (SHIFTS[-1], LIMIT)):
            state = "unchanged" if shift == 0 else "at the limit" if shift == at_limit else "moved"
            runs = _times(RUNS[state], factor)
            breaches = _ours(n, shift, limit, runs, rng)
            record: Record = {"rows": n, "shift": shift, "limit": limit, "runs": runs, "breaches": breaches}
            if not limit:
                record |= {"peer_runs": _times(PEER_RUNS[n], factor)}
                record |= {"cries": _peers(n, shift, record["peer_runs"], rng)}
            found.append(record)
            say(f"columns: {n:,} rows, shift {shift:.3g}, limit {limit:g}")
    return found


def _times(runs: int, factor: float) -> int:
    return max(round(runs * factor), 2)


def shift_of(distance: float) -> float:
    """The shift of a normal law whose PSI over `COARSE_BINS` even bins is `distance`."""
    edges = ndtri(np.arange(1, COARSE_BINS) / COARSE_BINS)

    def short(shift: float) -> float:
        shares = np.diff(ndtr(np.concatenate([[-np.inf], edges, [np.inf]]) - shift))
        even = np.full(COARSE_BINS, 1 / COARSE_BINS)
        return float(((shares - even) * np.log(shares / even)).sum()) - distance

    return float(brentq(short, 0.0, 3.0))


def _ours(n: int, shift: float, limit: float, runs: int, rng: np.random.Generator) -> dict[str, int]:
    """How many columns breach the limit by the lower bound, at the alpha that families of each size leave a column."""
    breaches = dict.fromkeys(FAMILIES, 0)
    for _ in range(runs):
        grid, before, now = counted(n, shift, rng)
        dealt = deal_column(grid, before, now, bins_for_shares(grid, before), rng)
        if float(psi(dealt.reference, dealt.current)) <= limit:
            continue  # A lower bound is never above its value.
        for size in FAMILIES:
            if quadratic_distance(psi, dealt, ALPHA / size).low <= limit:
                break  # Nor is one that is surer.
            breaches[size] += 1
    return {str(size): count for size, count in breaches.items()}


def counted(n: int, shift: float, rng: np.random.Generator) -> tuple[ColumnGrid, Counts, Counts]:
    """A frozen standard normal reference of `n` rows and a batch of as many, shifted, as counts on its bins."""
    if n <= DRAWN:
        before, now = np.sort(rng.standard_normal(n)), rng.standard_normal(n) + shift
        edges = edges_of(before)
        grid = ColumnGrid("x", edges, ruler=ruler_of(before, edges))
        return grid, _counts(before, edges), _counts(now, edges)
    edges = tuple(float(edge) for edge in ndtri(np.arange(1, FINE_BINS) / FINE_BINS))
    ends = np.concatenate([[-np.inf], edges, [np.inf]])
    old, new = (np.append(rng.multinomial(n, np.diff(ndtr(ends - by))), [0] * 4) for by in (0.0, shift))
    return ColumnGrid("x", edges), old, new


def _counts(values: np.ndarray, edges: tuple[float, ...]) -> Counts:
    counts = np.bincount(np.searchsorted(edges, values), minlength=len(edges) + 1)
    return np.append(counts, [0] * 4).astype(np.int64)


def _peers(n: int, shift: float, runs: int, rng: np.random.Generator) -> dict[str, int]:
    """Evidently's own choice of test with its own threshold, and Kolmogorov-Smirnov at 5 %, column by column."""
    import pandas as pd
    from evidently.legacy.calculations.stattests import get_stattest

    cries = {"evidently": 0, "ks": 0}
    for _ in range(runs):
        before, now = pd.Series(rng.standard_normal(n)), pd.Series(rng.standard_normal(n) + shift)
        test = get_stattest(before, now, "num", None)
        cries["evidently"] += bool(test(before, now, "num", None).drifted)
        cries["ks"] += bool(ks_2samp(before, now, method="asymp").pvalue < ALPHA)
    return cries


def any_of(cries: int, runs: int, columns: int) -> float:
    """The chance that one of so many independent columns cries."""
    return float(-np.expm1(columns * np.log1p(-min(cries / runs, 1 - 1e-12))))


def is_false(record: Record) -> bool:
    """Whether a breach in this record would be false: nothing moved, or only up to the limit."""
    return bool(record["shift"] == 0 or (record["limit"] > 0 and record["shift"] < SHIFTS[-1]))


def false_alarm_cells(found: list[Record]) -> Iterator[tuple[str, int, int, float]]:
    """(name, breaches, runs, nominal) of every cell in which a breach is false."""
    for record in filter(is_false, found):
        state = "at the limit" if record["limit"] else "unchanged"
        for size, breaches in record["breaches"].items():
            name = f"{record['rows']:,} rows, {size} columns, {state}"
            yield name, breaches, record["runs"], ALPHA / int(size)
