"""Everything that is measured about one batch, in one place and one order. Knows no limit and no clock."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from governance.records import Measurement
from monitors import column_drift, distinct, fairness, performance
from monitors.levels import Contrast, Levels
from monitors.profile import Profile

_UNITS = {"null_share": "share", "distinct_values": "values"}


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
    found += [_distinct(current, column.name) for column in current.grid.columns if not column.is_numeric]
    if reference is not None:
        rng = np.random.default_rng(int(seed[:16], 16))
        for column in current.grid.columns:
            found += list(column_drift.measurements(column.name, current, reference, levels, rng))
    return tuple(found)


def _null_share(current: Profile, name: str) -> Measurement:
    counts, numeric = current.columns[name], current.grid[name].is_numeric
    if _is_absent(current, name):
        return _unmeasured("null_share", name, "batch", absent=True)
    missing = int(counts[-4] + counts[-3]) if numeric else int(counts[-1])
    return performance.rate("null_share", missing, int(counts.sum()), Levels({}).alpha("null_share"), column=name)


def _distinct(current: Profile, name: str) -> Measurement:
    if not current.columns[name].sum():
        return _unmeasured("distinct_values", name, "batch", _is_absent(current, name))
    value, others = current.distinct_values(name), int(current.columns[name][-2])
    method = "counted"
    if others:
        method += f"; those outside the reference estimated, relative standard error {distinct.STANDARD_ERROR:.2g}"
    return Measurement("distinct_values", value, int(current.columns[name].sum()), "values", method, column=name)


def _is_absent(profile: Profile, name: str) -> bool:
    """Whether rows came, but not this column: what is there but NULL is counted."""
    return profile.rows > 0 and not profile.columns[name].sum()


def _unmeasured(metric: str, name: str, side: str, absent: bool) -> Measurement:
    reason = f"the column is not in the {side}" if absent else f"undefined (0 rows in the {side})"
    return Measurement(metric, None, 0, _UNITS[metric], "", column=name, reason=reason, broken=absent)
