"""Everything that is measured about one batch, in one place and one order. Knows no limit and no clock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from governance.records import Measurement
from monitors import drift, fairness, performance
from monitors.levels import Contrast, Levels
from monitors.profile import Counts, Profile

_FITTED = f"noise floor and bounds from χ² fitted to ≥{drift.MIN_REPLICATES} replicates"


def measure(
    current: Profile, reference: Profile | None, contrasts: Iterable[Contrast], levels: Levels, *, seed: str
) -> tuple[Measurement, ...]:
    """All measurements of `current`; drift and changes only where there is a reference to hold it against.

    Parameters
    ----------
    seed : str
        Hexadecimal digest of what is measured: the same inputs give the same bytes.
    """
    found = list(performance.overall(current, reference, levels))
    found += list(fairness.by_group(current, contrasts, levels))
    found += [_null_share(current, column.name) for column in current.grid.columns]
    if reference is not None:
        rng = np.random.default_rng(int(seed[:16], 16))
        for column in current.grid.columns:
            found += list(_drift(column.name, current, reference, levels, rng))
    return tuple(found)


def _null_share(current: Profile, name: str) -> Measurement:
    counts, numeric = current.columns[name], current.grid[name].is_numeric
    missing = int(counts[-4] + counts[-3]) if numeric else int(counts[-1])
    return performance.rate("null_share", missing, int(counts.sum()), Levels({}).alpha("null_share"), column=name)


def _drift(
    name: str, current: Profile, reference: Profile, levels: Levels, rng: np.random.Generator
) -> Iterator[Measurement]:
    grid, before, now = current.grid[name], reference.columns[name], current.columns[name]
    if not now.sum() or not before.sum():
        side = "batch" if not now.sum() else "reference"
        for metric, unit in (("psi", "nats"), ("jensen_shannon", "distance")):
            yield Measurement(metric, None, 0, unit, _FITTED, column=name, reason=f"undefined (0 rows in the {side})")
        return
    bins = drift.bins_for_shares(grid, before)
    old, new = drift.shares_of(before, bins), drift.shares_of(now, bins)
    used = (old + new) > 0
    old, new = old[used], new[used]
    for metric, unit, method in (
        ("psi", "nats", f"{old.size} bins, pseudocount {drift.PSEUDOCOUNT}; {_FITTED}"),
        ("jensen_shannon", "distance", f"{old.size} bins, base 2; {_FITTED}"),
    ):
        alpha = levels.alpha(metric, name)
        function = drift.psi if metric == "psi" else drift.jensen_shannon
        distance = drift.quadratic_distance(function, old, new, alpha, rng, root=metric == "jensen_shannon")
        yield _as_measurement(metric, name, distance, new, unit, method, alpha)
    if grid.is_numeric and before[:-4].sum() and now[:-4].sum():
        alpha = levels.alpha("ks", name)
        distance = drift.gap_distance(before[:-4], now[:-4], alpha, rng)
        largest = before[:-4].max() / before[:-4].sum()
        method = f"{grid.size - 4} bins, within {largest:.3g} of the exact one; DKW bounds"
        yield _as_measurement("ks", name, distance, now[:-4], "share", method, alpha)


def _as_measurement(
    metric: str, column: str, distance: drift.Distance, counts: Counts, unit: str, method: str, alpha: float
) -> Measurement:
    return Measurement(
        metric,
        distance.value,
        int(counts.sum()),
        unit,
        method,
        column=column,
        low=distance.low,
        high=distance.high,
        alpha=alpha,
        noise_floor=distance.noise_floor,
    )
