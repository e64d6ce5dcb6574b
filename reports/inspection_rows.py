"""A first look as rows for programs: one object a row, the same keys in every row, shares from 0 to 1.

`part` says what a row is about: `file`, `column` (its state), `distance`, `quality`, `category` (new or gone),
`rate`, `change`, `group`, `difference`, `note`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from governance.records import Measurement
from monitors.first_look import SIDES, ColumnLook, Grouping, Inspection
from monitors.first_look import is_apart as apart
from reports.inspection_words import withheld

KEYS = (
    *("part", "side", "column", "segment", "kind", "metric", "state", "value", "low", "high", "noise_floor", "alpha"),
    *("n", "unit", "method", "reason"),
)

UNCOUNTED = "not counted: too many rows"
NOT_COMPARED = "not compared"


def rows_of(inspection: Inspection) -> Iterator[dict[str, Any]]:
    """Every record, in the order in which people read them."""
    yield from _files(inspection)
    for column in inspection.columns:
        yield from _column(column)
        yield from _counts(column)
    for side, names in zip(SIDES, inspection.only, strict=True):
        for name in names:
            yield _row("column", side=side, column=name, state=NOT_COMPARED, reason=f"only in the {side}")
    for name in inspection.excluded:
        yield _row("column", column=name, state=NOT_COMPARED, reason="excluded as asked")
    for note in (*inspection.outcome_notes, *inspection.notes):
        yield _row("note", reason=note)
    for rate in inspection.rates:
        yield _measured("rate", rate.reference, side="reference")
        yield _measured("rate", rate.batch, side="batch")
        if rate.change is not None:
            yield _measured("change", rate.change, side="batch", state=_apart(rate.change))
    for grouping in inspection.groupings:
        yield from _groups(grouping)


def _files(inspection: Inspection) -> Iterator[dict[str, Any]]:
    for file in inspection.files:
        for metric, value in (("rows", file.rows), ("columns", file.columns), ("repeated_rows", file.repeated)):
            reason = UNCOUNTED if value is None else file.name
            yield _row("file", side=file.side, metric=metric, value=value, n=file.rows, unit="count", reason=reason)
        for note in file.notes:
            yield _row("note", side=file.side, reason=note)
    shared, rows = inspection.shared, inspection.files[1].rows
    why = UNCOUNTED if shared is None else None
    yield _row("file", side="batch", metric="rows_in_reference_too", value=shared, n=rows, unit="count", reason=why)


def _column(column: ColumnLook) -> Iterator[dict[str, Any]]:
    reason = "; ".join((column.reason, *column.remarks))
    if column.personal:
        reason = f"looks personal ({column.personal}): only missing values are compared; {reason}"
    elif column.compared == "presence":
        reason = f"only missing values are compared; {reason}"
    about = {"column": column.name, "kind": str(column.kind)}
    yield _row("column", **about, state=str(column.state), reason=reason)
    for distance in column.distances:
        yield _measured("distance", distance, **about)


def _counts(column: ColumnLook) -> Iterator[dict[str, Any]]:
    about = {"column": column.name, "kind": str(column.kind)}
    for side, facts in zip(SIDES, column.facts, strict=True):
        counts = {"missing_share": facts.nulls, "nan_share": facts.nan, "infinite_share": facts.infinite}
        for metric, rows in counts.items():
            if facts.rows and (rows or metric == "missing_share"):
                value = rows / facts.rows
                yield _row("quality", **about, side=side, metric=metric, value=value, n=facts.rows, unit="share")
    if column.outside is not None and (n := column.facts[1].present):
        metric, value = "outside_reference_range_share", column.outside / n
        yield _row("quality", **about, side="batch", metric=metric, value=value, n=n, unit="share")
    if column.shift is not None:
        for side, value in zip(SIDES, (column.shift.before, column.shift.now), strict=True):
            yield _row("quality", **about, side=side, metric=column.shift.what, value=value)
    for metric, side, found in (("new", "batch", column.new), ("gone", "reference", column.vanished)):
        for category, n in found:
            yield _row("category", **about, side=side, segment=category, metric=metric, value=n, n=n, unit="rows")


def _groups(grouping: Grouping) -> Iterator[dict[str, Any]]:
    for group in grouping.groups:
        segment = f"{grouping.name}={group.group}"
        for (side, _), rate in group.rates.items():
            yield _measured("group", rate, side=side, segment=segment)
        for difference in group.differences.values():
            yield _measured("difference", difference, side="batch", state=_apart(difference))
    if grouping.withheld:
        yield _row("note", segment=grouping.name, reason=withheld(grouping.withheld))


def _apart(difference: Measurement) -> str | None:
    if difference.value is None:
        return None
    return "bounds leave out zero" if apart(difference) else "bounds include zero"


def _measured(part: str, m: Measurement, **more: Any) -> dict[str, Any]:
    return _row(
        part,
        **{
            "segment": m.segment,
            "metric": m.metric,
            "value": m.value,
            "low": m.low,
            "high": m.high,
            "noise_floor": m.noise_floor,
            "alpha": m.alpha,
            "n": m.n,
            "unit": m.unit,
            "method": m.method,
            "reason": m.reason,
            **more,
        },
    )


def _row(part: str, **known: Any) -> dict[str, Any]:
    return {key: known.get(key) for key in KEYS} | {"part": part}
