"""Suspected nonconformities as a projection of the ledger (10.2).

The pipeline may open a suspicion, attach later batches and attach a restated value. It never confirms, rejects
or closes one: those are acts of named people.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from governance import ledger
from governance.acts import Act
from governance.ledger import Event
from governance.records import Outcome

SUSPECTED = "nonconformity.suspected"
ATTACHED = "nonconformity.attached"
RESTATED = "nonconformity.restated"
# What only the pipeline appends.
AUTOMATIC = frozenset({SUSPECTED, ATTACHED, RESTATED})
ACTS: tuple[Act, ...] = ()
# States in which a further breach of the same kind joins the case; after them it opens a new, linked one.
OPEN_STATES = frozenset({"suspected"})


@dataclass(frozen=True, slots=True)
class Nonconformity:
    """One case: a criterion and segment of one system, with the batches in which it was breached."""

    id: str
    opened_seq: int
    system: str
    criterion: str
    segment: str
    state: str
    severity: str
    opened_at: str
    batches: tuple[str, ...]
    restated: tuple[str, ...]
    evidence: dict[str, Any]
    owner: str | None
    previous: str | None

    def as_row(self) -> dict[str, Any]:
        """The listing's keys."""
        return {
            "id": self.id,
            "system": self.system,
            "criterion": self.criterion,
            "segment": self.segment,
            "state": self.state,
            "severity": self.severity,
            "opened_at": self.opened_at,
            "batches": list(self.batches),
            "evidence": {**self.evidence, **self._numbers(), "parts": self._parts(), "restated": list(self.restated)},
            "owner": self.owner,
            "due": None,
        }

    def _numbers(self) -> dict[str, float | None]:
        """The evidence's numbers as numbers; in the ledger they stand as decimal strings."""
        names = ("value", "low", "high", "noise_floor", "warn", "limit")
        return _as_numbers({name: self.evidence[name] for name in names if name in self.evidence})

    def _parts(self) -> list[dict[str, Any]]:
        names = ("value", "share", "before", "after")
        return [
            {**part, **_as_numbers({name: part[name] for name in names})} for part in self.evidence.get("parts", ())
        ]


def _as_numbers(texts: dict[str, str | None]) -> dict[str, float | None]:
    return {name: None if text is None else float(text) for name, text in texts.items()}


def project(connection: sa.Connection, prefix: str = "", subject: str | None = None) -> list[Nonconformity]:
    """All cases whose subject starts with `prefix` (or is `subject`), in the order they were opened."""
    return _fold(ledger.events(connection, kind="nonconformity.*", prefix=prefix, subject=subject))


def current(connection: sa.Connection, subject: str) -> Nonconformity | None:
    """The newest case about this system, criterion and segment."""
    return next(reversed(project(connection, subject=subject)), None)


def next_event(case: Nonconformity | None, batch: str, outcome: Outcome) -> str | None:
    """What a verdict on `batch` adds to the register: an opening, a batch, a restated value, or nothing."""
    is_open = case is not None and case.state in OPEN_STATES
    if outcome is Outcome.BREACH:
        return ATTACHED if is_open else SUSPECTED
    if outcome is Outcome.NOT_EVALUATED:
        return None  # a broken tool states nothing, so it restates nothing
    if is_open and case is not None and batch in case.batches and batch not in case.restated:
        return RESTATED
    return None


def _fold(events: Iterable[Event]) -> list[Nonconformity]:
    cases: dict[int, Nonconformity] = {}
    for event in events:
        if event.kind == SUSPECTED:
            cases[event.seq] = _opened(event)
        else:
            case = cases[event.body["case"]]
            cases[case.opened_seq] = _extended(case, event)
    return list(cases.values())


def _opened(event: Event) -> Nonconformity:
    system, criterion, segment = event.subject.split("/", 2)
    evidence = event.body["evidence"]
    return Nonconformity(
        id=f"NC-{event.seq}",
        opened_seq=event.seq,
        system=system,
        criterion=criterion,
        segment=segment,
        state="suspected",
        severity=evidence["severity"],
        opened_at=event.at,
        batches=(event.body["batch"],),
        restated=(),
        evidence=evidence,
        owner=(evidence["criterion"] or {}).get("owner"),
        previous=event.body["previous_case"],
    )


def _extended(case: Nonconformity, event: Event) -> Nonconformity:
    batch = event.body["batch"]
    if event.kind == ATTACHED:
        batches = case.batches if batch in case.batches else (*case.batches, batch)
        return replace(case, batches=batches, restated=tuple(b for b in case.restated if b != batch))
    if event.kind == RESTATED:
        return replace(case, restated=(*case.restated, batch))
    raise ValueError(f"Unknown event {event.kind!r} at {event.seq}: this version cannot read the register.")
