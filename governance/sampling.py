"""Samples that nobody chose and anybody can draw again (9.2).

The seed comes out of the record: the entry of the event that planned the audit, the audit's number and that of the
draw. It was not known before the audit was planned, and whoever draws cannot choose it. An item's place is the SHA-256
of seed and item, and those with the smallest are drawn: each is as likely as any other, and an item that the record
gains later moves no other one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

from governance import ledger
from governance.acts import SERVICE
from governance.canonical import digest
from governance.ledger import Event
from governance.nonconformity import cases_of

Population = Literal["verdicts", "nonconformities", "batches", "acts", "assessments"]
# Keys of a body under which somebody is named who answers for it or had a hand in it.
NAMES = frozenset({"owner", "author", "approved_by", "account", "auditor", "requested_by", "granted_by", "answerable"})
# What is not sampled as an act: the audit's own, and who may act.
_NOT_SAMPLED = frozenset({"audit", "token"})


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that may be looked at.

    `events` are the numbers of those that tell it; `involved` the accounts and parties that they name.
    """

    id: str
    events: tuple[int, ...]
    involved: tuple[str, ...]

    def as_body(self) -> dict[str, Any]:
        """As the record keeps it."""
        return {"id": self.id, "events": list(self.events), "involved": list(self.involved)}


def seed_of(connection: sa.Connection, planned_seq: int, draw: int) -> str:
    """The seed of the audit's n-th draw, 64 hexadecimal digits."""
    query = sa.select(ledger.EVENT.c.entry).where(ledger.EVENT.c.seq == planned_seq)
    return digest(["sample", connection.execute(query).scalar_one(), planned_seq, draw])


def drawn(seed: str, population: Iterable[Item], size: int) -> list[Item]:
    """So many items, or all of them where there are fewer."""
    return sorted(population, key=lambda item: hashlib.sha256(f"{seed}/{item.id}".encode()).digest())[:size]


def population_digest(population: Iterable[Item]) -> str:
    """Digest of what the sample was drawn from, whatever its order."""
    return digest(sorted(item.id for item in population))


def population_of(
    connection: sa.Connection, name: str, scope: str, before: int, *, since: str | None = None, until: str | None = None
) -> list[Item]:
    """Everything of this kind that the record held, of one system or of `organisation` (all of them).

    `since` and `until` are days (ISO), both included, on which the item came into the record.
    """
    prefix = "" if scope == "organisation" else scope
    events = ledger.events(connection, kind=_KIND_OF.get(name), prefix=prefix, before=before)
    found = _POPULATIONS[name](connection, (event for event in events if within(event, scope)))
    return [item for item, day in found if (since or "") <= day <= (until or "9999")]


def within(event: Event, scope: str) -> bool:
    """Whether the event is about the system, or about anything where the scope is `organisation`."""
    return scope in ("organisation", event.subject.split("/")[0])


def involved_in(*events: Event) -> tuple[str, ...]:
    """Accounts and parties that had a hand in these events or are named in them; the pipeline is nobody."""
    found = {event.actor for event in events}
    for event in events:
        found.update(_named(event.body))
    return tuple(sorted(found - {SERVICE}))


def _named(body: Any) -> Iterator[str]:
    if isinstance(body, Mapping):
        for key, value in body.items():
            if key in NAMES and isinstance(value, str):
                yield value
            yield from _named(value)
    elif isinstance(body, list):
        for value in body:
            yield from _named(value)


Found = Iterator[tuple[Item, str]]


def _verdicts(connection: sa.Connection, looks: Iterable[Event]) -> Found:
    from governance.register import VERDICT

    for look in looks:
        query = sa.select(VERDICT.c.id, VERDICT.c.criterion).where(VERDICT.c.seq == look.seq).order_by(VERDICT.c.id)
        assessment = look.body.get("assessment") or {}
        general = {key: value for key, value in assessment.items() if key != "criteria"}
        for row in connection.execute(query):
            own = {**general, "criterion": (assessment.get("criteria") or {}).get(row.criterion)}
            yield Item(row.id, (look.seq,), tuple(sorted(set(_named(own))))), look.at[:10]


def _batches(_connection: sa.Connection, looks: Iterable[Event]) -> Found:
    for look in looks:
        yield Item(f"{look.subject}@{look.seq}", (look.seq,), involved_in(look)), look.at[:10]


def _nonconformities(_connection: sa.Connection, events: Iterable[Event]) -> Found:
    told = list(events)
    for case in cases_of(told):
        own = [e for e in told if e.seq == case.opened_seq or e.body.get("case") == case.opened_seq]
        yield Item(case.id, tuple(e.seq for e in own), involved_in(*own)), case.opened_at[:10]


def _acts(_connection: sa.Connection, events: Iterable[Event]) -> Found:
    for event in events:
        if event.actor != SERVICE and event.kind.split(".")[0] not in _NOT_SAMPLED:
            yield Item(f"event-{event.seq}", (event.seq,), involved_in(event)), event.at[:10]


def _assessments(connection: sa.Connection, looks: Iterable[Event]) -> Found:
    """The versions under which something was judged, each once, with whoever said anything about it."""
    found: dict[str, list[Event]] = {}
    for look in looks:
        sha256 = (look.body.get("assessment") or {}).get("sha256")
        if sha256:
            found.setdefault(f"{look.subject.split('/')[0]}@{sha256[:16]}", []).append(look)
    said = list(ledger.events(connection, kind="assessment.*"))
    for name, own in found.items():
        system, sha256 = name.split("@")
        about = [
            event
            for event in said
            if event.subject.split("/")[0] == system
            and event.seq < own[-1].seq
            and any(str(value).startswith(sha256) for value in event.body.values())
        ]
        yield Item(name, (own[0].seq, *(e.seq for e in about)), involved_in(own[0], *about)), own[0].at[:10]


_KIND_OF = {
    "verdicts": "batch.judged",
    "batches": "batch.judged",
    "assessments": "batch.judged",
    "nonconformities": "nonconformity.*",
}
_POPULATIONS: Mapping[str, Callable[[sa.Connection, Iterable[Event]], Found]] = {
    "verdicts": _verdicts,
    "batches": _batches,
    "nonconformities": _nonconformities,
    "acts": _acts,
    "assessments": _assessments,
}
