"""Everything that is measured about one batch, in one place and one order. Knows no limit and no clock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from governance.records import Measurement
from monitors import column_drift, distinct, estimation, fairness, group_errors, performance, regression, suppression
from monitors.levels import EVERY, Contrast, Levels
from monitors.profile import Profile
from monitors.reliance import Reliance, weighted_drift

_UNITS = {"null_share": "share", "distinct_values": "values"}


@dataclass(frozen=True)
class Earlier:
    """Earlier batches that a batch is compared with.

    Attributes
    ----------
    against : str
        How measurements name it: `previous 4`.
    profile : Profile or None
        The sum of those batches; None where there is none of them.
    words : str
        Which batches these are, for the method.
    lacking : str or None
        What a reader must know: that there is none, or that some are missing.
    """

    against: str
    profile: Profile | None
    words: str
    lacking: str | None


def measure(
    current: Profile,
    reference: Profile | None,
    contrasts: Iterable[Contrast],
    levels: Levels,
    *,
    seed: str,
    reliance: Reliance | None = None,
    earlier: Iterable[Earlier] = (),
    smallest_group: int = suppression.SMALLEST_GROUP,
) -> tuple[Measurement, ...]:
    """All measurements of `current`; drift and changes only where there is a reference to hold it against.

    Parameters
    ----------
    seed : str
        Hexadecimal digest of what is measured: the same inputs give the same bytes.
    reliance : Reliance or None
        How much the model relies on each feature; None: what moved is not weighed.
    earlier : iterable of Earlier
        What else it is compared with. Only what `levels.earlier` asks for is measured against these.
    smallest_group : int
        Of a group of fewer people nothing is published.
    """
    found = list(_overall(current, reference, levels))
    if reference is not None and current.grid.regression is None:
        found += list(estimation.estimated(current, reference, levels))
    hidden = suppression.withheld_groups(current, smallest_group)
    groups = fairness if current.grid.regression is None else group_errors
    found += list(groups.by_group(current, contrasts, levels, smallest=smallest_group, withheld=hidden))
    telling = suppression.of_which_missing(current.grid.groupings, hidden)
    for column in current.grid.columns:
        found.append(_null_share(current, column.name, smallest_group if column.name in telling else None))
    found += [_distinct(current, column.name) for column in current.grid.columns if not column.is_numeric]
    if reference is not None:
        rng = np.random.default_rng(int(seed[:16], 16))
        for column in current.grid.columns:
            found += list(column_drift.measurements(column.name, current, reference, levels, rng))
        for compared in earlier:
            found += list(_against(compared, current, reference, levels, seed))
        if reliance is not None:
            found += list(weighted_drift([m for m in found if m.against is None], current.grid, reliance))
    return tuple(found)


def _overall(current: Profile, reference: Profile | None, levels: Levels) -> Iterator[Measurement]:
    """What is measured of all rows, of classes or of numbers."""
    overall = performance.overall if current.grid.regression is None else regression.overall
    return overall(current, reference, levels)


def _against(
    compared: Earlier, current: Profile, reference: Profile, levels: Levels, seed: str
) -> Iterator[Measurement]:
    """What is asked against earlier batches, in bins of the frozen reference, so that values can be set beside."""
    asked = levels.earlier.get(compared.against, Levels({}))
    wanted = list(asked.by_question)
    if compared.profile is None:
        for metric, where in wanted:
            yield Measurement(
                metric,
                None,
                0,
                column_drift.UNITS.get(metric, "share"),
                "",
                column=where or None,
                alpha=asked.alpha(metric, where),
                reason=f"undefined ({compared.lacking})",
                against=compared.against,
            )
        return
    rng = np.random.default_rng([int(seed[:16], 16), int(compared.profile.digest[:16], 16)])
    for where in dict.fromkeys(where for _, where in wanted):
        if where == EVERY:
            found = _overall(current, compared.profile, asked)
        else:
            found = column_drift.measurements(where, current, compared.profile, asked, rng, reference)
        missing = {metric for metric, place in wanted if place == where}
        while missing and (item := next(found, None)):
            if item.metric in missing:
                missing.remove(item.metric)
                yield _compared(item, compared)


def _compared(item: Measurement, compared: Earlier) -> Measurement:
    method = f"{item.method}; against {compared.words}" if item.method else ""
    reason = "; ".join(note for note in (item.reason, compared.lacking) if note)
    return replace(item, against=compared.against, method=method, reason=reason or None)


def _null_share(current: Profile, name: str, withheld: int | None = None) -> Measurement:
    if withheld is not None:
        return Measurement("null_share", None, 0, "share", "", column=name, reason=suppression.reason(withheld))
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
    """Whether rows came, but not this column: what is there but NULL is counted, unless it waits for an outcome."""
    return profile.rows > 0 and not profile.columns[name].sum() and name not in profile.grid.outcome_columns


def _unmeasured(metric: str, name: str, side: str, absent: bool) -> Measurement:
    reason = f"the column is not in the {side}" if absent else f"undefined (0 rows in the {side})"
    return Measurement(metric, None, 0, _UNITS[metric], "", column=name, reason=reason, broken=absent)
