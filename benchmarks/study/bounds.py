"""How often a bound lies beyond the truth, for every kind of measurement that has one.

Rates, changes, differences and ratios are enumerated: every pair of samples, weighted by its chance, so that there is
no error of simulation (`enumerated`). Everything else is drawn (`sampled`). Bounds are one-sided: 0.025 on either side
is a 95 % interval.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

import numpy as np

from benchmarks.study import enumerated, sampled

ALPHAS = (0.025, 0.005)
Record = dict[str, Any]


def run(factor: float, rng: np.random.Generator, say: Callable[[str], None]) -> list[Record]:
    """One record a metric, case and alpha: shares of misses where `runs` is None, else their numbers."""
    found = []
    for cell in chain(enumerated.cells(ALPHAS), sampled.cells(ALPHAS, factor, rng)):
        found.append(cell)
        if cell["alpha"] == ALPHAS[-1]:
            say(f"bounds: {cell['metric']}, {cell['rows']} rows, {cell['case']}")
    return found


def sampled_cells(found: list[Record]) -> Iterator[tuple[str, int, int, float]]:
    """(name, misses, runs, alpha) of each bound of every drawn cell."""
    for record in found:
        if record["runs"]:
            for side in ("low", "high"):
                name = f"{record['metric']}, {record['rows']} rows, {record['case']}, {side} at {record['alpha']:g}"
                yield name, record[side], record["runs"], record["alpha"]


def share_missed(record: Record, side: str) -> float:
    """How often this bound lies beyond the truth."""
    return float(record[side] / (record["runs"] or 1))
