"""Batches as stretches of the calendar. A batch is named by its ISO start date; its label (2014Q2) is derived."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from governance.declared.system import Period, System, Window
from governance.faults import UsageFault

# Months from the first of one batch to the first of the next.
_MONTHS: dict[str, int] = {"month": 1, "quarter": 3, "year": 12}
_DAYS: dict[str, int] = {"day": 1, "week": 7}

Part = Literal["reference", "production"]


def next_start(start: dt.date, period: Period) -> dt.date:
    """First day of the batch after the one that starts on `start`."""
    if period in _DAYS:
        return start + dt.timedelta(days=_DAYS[period])
    month = start.month - 1 + _MONTHS[period]
    return dt.date(start.year + month // 12, month % 12 + 1, 1)


def floor(day: dt.date, period: Period) -> dt.date:
    """First day of the batch that holds `day`. Weeks start on Monday (ISO 8601)."""
    if period == "day":
        return day
    if period == "week":
        return day - dt.timedelta(days=day.weekday())
    months = _MONTHS[period]
    return dt.date(day.year, (day.month - 1) // months * months + 1, 1)


def starts(first: dt.date, end: dt.date, period: Period) -> Iterator[dt.date]:
    """Starts of all batches from `first` on that begin before `end`."""
    while first < end:
        yield first
        first = next_start(first, period)


def label(start: dt.date, period: Period) -> str:
    """The name people use: 2014Q2, 2016, 2014-03, 2014-W09, 2014-03-01."""
    if period == "year":
        return f"{start:%Y}"
    if period == "quarter":
        return f"{start.year}Q{(start.month + 2) // 3}"
    if period == "month":
        return f"{start:%Y-%m}"
    return f"{start:%G-W%V}" if period == "week" else start.isoformat()


def reference_batches(system: System) -> tuple[str, ...]:
    """Batch keys that lie in the reference period."""
    span = system.reference
    return tuple(day.isoformat() for day in starts(span.from_, span.to, system.batches.period))


def expected_batches(system: System) -> tuple[str, ...]:
    """Batch keys that production is expected to bring, in order."""
    span = system.batches
    return tuple(day.isoformat() for day in starts(span.from_, span.to, span.period))


def all_batches(system: System) -> tuple[str, ...]:
    """Reference batches, then those of production."""
    return reference_batches(system) + expected_batches(system)


def in_order(system: System) -> tuple[str, ...]:
    """All declared batches by their start: the reference may lie before, between or after."""
    return tuple(sorted(all_batches(system)))


def part_of(system: System, batch: str) -> Part:
    """Whether the batch belongs to the reference period."""
    return "reference" if batch in reference_batches(system) else "production"


def end_of(system: System, batch: str) -> dt.date:
    """First day after the batch."""
    return next_start(dt.date.fromisoformat(batch), system.batches.period)


def label_of(system: System, batch: str) -> str:
    """The derived label of a batch, or of a window: `2014Q1`, `2014Q1 to 2014Q3`."""
    if "/" in batch:
        start, end = (dt.date.fromisoformat(day) for day in batch.split("/"))
        last = floor(end - dt.timedelta(days=1), system.batches.period)
        return f"{label(start, system.batches.period)} to {label(last, system.batches.period)}"
    return label(dt.date.fromisoformat(batch), system.batches.period)


@dataclass(frozen=True, slots=True)
class BatchWindow:
    """Batches that follow each other, looked at as a whole; `kinds` is how the declaration calls it."""

    kinds: tuple[Window, ...]
    batches: tuple[str, ...]
    name: str


def windows_holding(system: System, batch: str) -> tuple[BatchWindow, ...]:
    """Every declared window that the batch belongs to, whole ones only, in order of their ends."""
    expected = expected_batches(system)
    if batch not in expected:
        return ()
    found: dict[tuple[str, ...], tuple[Window, ...]] = {}
    for kind in system.batches.windows:
        for batches in _runs(expected, kind) if isinstance(kind, int) else _stretches(system, expected, kind):
            if batch in batches:
                found[batches] = (*found.get(batches, ()), kind)
    windows = [BatchWindow(kinds, some, f"{some[0]}/{end_of(system, some[-1])}") for some, kinds in found.items()]
    return tuple(sorted(windows, key=lambda window: window.batches[-1]))


def _runs(batches: Sequence[str], length: int) -> Iterator[tuple[str, ...]]:
    return (tuple(batches[last - length : last]) for last in range(length, len(batches) + 1))


def _stretches(system: System, batches: Sequence[str], period: Period) -> Iterator[tuple[str, ...]]:
    """Batches by the month, quarter or year in which they begin; only stretches that are expected as a whole."""
    for start, some in groupby(batches, key=lambda batch: floor(dt.date.fromisoformat(batch), period)):
        mine = tuple(some)
        before, after = system.batches.from_ <= start, system.batches.to >= next_start(start, period)
        if before and after:
            yield mine


def due_batches(system: System, as_of: dt.date) -> tuple[str, ...]:
    """Batches, those of the reference among them, that are over on `as_of`, grace included."""
    grace = dt.timedelta(days=system.batches.grace_days)
    return tuple(batch for batch in all_batches(system) if end_of(system, batch) + grace <= as_of)


def find_batch(system: System, wanted: str) -> str:
    """The batch key for a key or label a person typed.

    Raises
    ------
    UsageFault
        No such batch is declared; the message names the range.
    """
    known = {batch: batch for batch in all_batches(system)}
    known |= {label_of(system, batch): batch for batch in known}
    if wanted not in known:
        first, *_, last = sorted(all_batches(system))
        raise UsageFault(
            f"{system.id} has no batch {wanted!r}: batches run by {system.batches.period} from "
            f"{label_of(system, first)} to {label_of(system, last)} (start dates {first} to {last})."
        )
    return known[wanted]
