"""What each supplier delivered, as the record shows it (A.10.3): counts and days, and no score.

Three batches make no percentage. Whoever talks to a supplier reads how many came, when, and what was wrong with them.
"""

from __future__ import annotations

import datetime as dt
import statistics
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from governance.arrivals import arrival_rows
from governance.batches import HELD, kinds_of
from governance.cases.schema_changes import CHANGED, DECIDED, schema_rows
from governance.declared import periods
from governance.declared.declarations import Declaration
from governance.declared.sources import Part
from governance.record.ledger import Event
from governance.register import Register

_PARTS: tuple[Part, ...] = ("production", "reference", "outcomes")


def supplier_rows(
    systems: Mapping[str, Declaration], register: Register | None, as_of: dt.date
) -> Iterator[dict[str, Any]]:
    """One row for each supplier of each part of each system's data, with the listing's keys."""
    for declaration in systems.values():
        for part in _PARTS:
            source = declaration.system.source(part)
            if source is not None:
                yield _row(declaration, part, source.provenance.supplier, register, as_of)


def _row(
    declaration: Declaration, part: Part, supplier: str, register: Register | None, as_of: dt.date
) -> dict[str, Any]:
    expected = _expected(declaration, part, as_of)
    mine = _Record(declaration, part, register)
    first = mine.first_landings()
    late = [row["days"] for row in first.values() if row["timing"] == "late"]
    kinds = Counter(kind for batch in {row["batch"] for row in mine.arrivals} for kind in mine.kinds_held(batch))
    return {
        "supplier": supplier,
        "system": declaration.id,
        "part": part,
        "expected": len(expected),
        "landed": len(first),
        "absent": sum(batch not in first for batch in expected),
        "on_time": sum(row["timing"] == "on_time" for row in first.values()),
        "backfilled": sum(row["timing"] == "backfilled" for row in first.values()),
        "late": len(late),
        "late_days_median": statistics.median(late) if late else None,
        "late_days_worst": max(late, default=None),
        "early": sum(row["timing"] == "early" for row in first.values()),
        "corrected": sum(bool(row["supersedes"]) for row in mine.arrivals),
        "duplicate": len({row["batch"] for row in mine.arrivals if row["kind"] == "duplicate"}),
        "overlapping": len({row["batch"] for row in mine.arrivals if row["kind"] == "overlapping"}),
        "held_for": dict(sorted(kinds.items())),
        "rules_unmet": mine.rules_unmet(),
        "checked": len(mine.checked),
        "provenance_incomplete": sum("provenance" in mine.kinds_held(batch) for batch in first),
        "schema_changes": len(mine.schema),
        "open_decisions": sum(row["state"] == "open" for row in mine.schema),
    }


def _expected(declaration: Declaration, part: Part, as_of: dt.date) -> list[str]:
    """Batches that this source had to bring by now: over, with their grace, and of outcomes with their delay."""
    system = declaration.system
    days = system.batches.grace_days + (system.labels.delay_days if part == "outcomes" else 0)
    every = periods.reference_batches(system) if part == "reference" else periods.expected_batches(system)
    if part == "production" and system.sources.reference is None:
        every = periods.all_batches(system)
    return [batch for batch in every if periods.end_of(system, batch) + dt.timedelta(days=days) <= as_of]


class _Record:
    """What was recorded of one part of one system's data, read once."""

    def __init__(self, declaration: Declaration, part: Part, register: Register | None) -> None:
        system = declaration.id
        self.arrivals: list[dict[str, Any]] = []
        self.schema: list[dict[str, Any]] = []
        self.checked: dict[str, Event] = {}
        self._held: dict[str, set[str]] = {}
        if register is None:
            return
        self.arrivals = [r for r in arrival_rows(register, system, earlier=True) if r["part"] == part]
        events = register.events((CHANGED, DECIDED), f"{system}/")
        self.schema = [r for r in schema_rows(events, {system: declaration}) if r["part"] == part]
        for event in register.events((HELD, "batch.checked"), f"{system}/"):
            _, batch, what = event.subject.split("/")
            if what == part and event.kind == HELD:
                self._held.setdefault(batch, set()).update(kinds_of(event))
            elif what == part:
                self.checked[batch] = event

    def first_landings(self) -> dict[str, dict[str, Any]]:
        """Batch → its first arrival that could be landed: when a supplier delivered is told by the first."""
        found: dict[str, dict[str, Any]] = {}
        for row in self.arrivals:
            if row["digest"]:
                found.setdefault(row["batch"], row)
        return found

    def kinds_held(self, batch: str) -> set[str]:
        """The kinds of reasons for which anything of this batch was ever held."""
        return self._held.get(batch, set())

    def rules_unmet(self) -> int:
        """Rules of the contract that were not met by the last check of each batch, in all."""
        return sum(len(event.body["unmet"]) for event in self.checked.values())
