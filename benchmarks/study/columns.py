"""Drift of 5 to 500 columns, of which none or one has moved: who cries, and who finds it.

Columns are normal and independent of each other, so a family is its columns: with a chance p for each, one of k cries
with 1 - (1 - p)^k. The law is the same on both sides, or the batch is shifted by so many standard deviations. Up to
10,000 rows are drawn, frozen and counted as the product does; above, both sides are counts on the law's own quantiles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from monitors.distances import psi
from monitors.share_bins import bins_for_shares, deal_column
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri
from scipy.stats import ks_2samp

from monitors.drift import quadratic_distance
from monitors.freezing import edges_of, ruler_of
from monitors.grid import COARSE_BINS, FINE_BINS, ColumnGrid
from monitors.profile import Counts

ALPHA = 0.05
SIZES = (50, 200, 1_000, 10_000, 100_000, 1_000_000)
FAMILIES = (5, 50, 500)
SHIFTS = (0.0, 0.1, 0.2, 0.5)
LIMIT = 0.1
DRAWN = 10_000
# Runs of the peers: their time grows with the rows.
PEER_RUNS = {50: 2_000, 200: 2_000, 1_000: 1_000, 10_000: 300, 100_000: 60, 1_000_000: 10}


def run(runs: int, rng: np.random.Generator, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """One record a size and shift; ours with `runs` columns where nothing moved, a tenth of that elsewhere."""
    found = []
    for n in SIZES:
        for shift in SHIFTS:
            ours = _ours(n, shift, runs if shift == 0 else max(runs // 10, 200), rng)
            found.append({"rows": n, "shift": shift, "ours": ours, "peers": _peers(n, shift, rng)})
            say(f"columns: {n:,} rows, shift {shift:g}")
        found.append({"rows": n, "shift": None, "ours": _ours(n, shift_of(LIMIT), max(runs // 10, 200), rng, LIMIT)})
    return found


def shift_of(distance: float) -> float:
    """The shift of a normal law whose PSI over `COARSE_BINS` even bins is `distance`."""
    edges = ndtri(np.arange(1, COARSE_BINS) / COARSE_BINS)

    def short(shift: float) -> float:
        shares = np.diff(ndtr(np.concatenate([[-np.inf], edges, [np.inf]]) - shift))
        even = np.full(COARSE_BINS, 1 / COARSE_BINS)
        return float(((shares - even) * np.log(shares / even)).sum()) - distance

    return float(brentq(short, 0.0, 3.0))


def _ours(n: int, shift: float, runs: int, rng: np.random.Generator, limit: float = 0.0) -> dict[str, Any]:
    """How many columns breach the limit by the lower bound, at the alpha that families of each size leave a column."""
    breaches = dict.fromkeys(FAMILIES, 0)
    for _ in range(runs):
        grid, before, now = _counted(n, shift, rng)
        dealt = deal_column(grid, before, now, bins_for_shares(grid, before), rng)
        if limit and float(psi(dealt.reference, dealt.current)) <= limit:
            continue  # A lower bound is never above its value.
        for size in FAMILIES:
            breaches[size] += quadratic_distance(psi, dealt, ALPHA / size).low > limit
    return {"runs": runs, "breaches": {str(size): int(count) for size, count in breaches.items()}}


def _counted(n: int, shift: float, rng: np.random.Generator) -> tuple[ColumnGrid, Counts, Counts]:
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


def _peers(n: int, shift: float, rng: np.random.Generator) -> dict[str, Any]:
    """Evidently's own choice of test with its own threshold, and Kolmogorov-Smirnov at 5 %, column by column."""
    import pandas as pd
    from evidently.legacy.calculations.stattests import get_stattest

    runs, cries = PEER_RUNS[n], {"evidently": 0, "ks": 0}
    for _ in range(runs):
        before, now = pd.Series(rng.standard_normal(n)), pd.Series(rng.standard_normal(n) + shift)
        test = get_stattest(before, now, "num", None)
        cries["evidently"] += bool(test(before, now, "num", None).drifted)
        cries["ks"] += bool(ks_2samp(before, now, method="asymp").pvalue < ALPHA)
    return {"runs": runs, "cries": cries}


def any_of(cries: int, runs: int, columns: int) -> float:
    """The chance that one of so many independent columns cries."""
    return float(-np.expm1(columns * np.log1p(-min(cries / runs, 1 - 1e-12))))


def false_alarm_cells(found: list[dict[str, Any]]) -> Iterator[tuple[str, int, int, float]]:
    """(name, breaches, runs, nominal) of every cell in which a breach is false."""
    for record in found:
        if record["shift"] in (0.0, None):
            state = "unchanged" if record["shift"] == 0.0 else "at the limit"
            for size, breaches in record["ours"]["breaches"].items():
                yield (
                    f"{record['rows']:,} rows, {size} columns, {state}",
                    breaches,
                    record["ours"]["runs"],
                    ALPHA / int(size),
                )
