"""What was really recorded for each clause and control, and how old the newest of it is (6.1.3).

A grade says what this program could contribute. The state says what the record holds: a control of any grade for which
nothing was recorded is `not evidenced`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from governance.applicability import Applicability
from governance.controls import Item, clauses, controls, cross_references, feeds
from governance.declarations import Declarations
from governance.ledger import EVENT
from governance.records import Outcome
from governance.register import VERDICT, Register

NOT_EVIDENCED, EXCLUDED = "not evidenced", "excluded"
# The order in which states are counted: what is weakest is told first.
STATES = (NOT_EVIDENCED, "track", "part", "auto", EXCLUDED)


@dataclass(frozen=True, slots=True)
class Recorded:
    """Events of one kind, or verdicts on one criterion: how many, and when the newest was recorded."""

    what: str
    count: int
    newest: str


@dataclass(frozen=True, slots=True)
class Record:
    """What the ledger holds up to a day, counted once for all clauses and controls."""

    events: dict[tuple[str, str | None], Recorded]
    verdicts: dict[tuple[str, str], Recorded]

    @classmethod
    def of(cls, register: Register | None, as_of: dt.date) -> Record:
        """Counts events by kind, and by subject where a feed asks for one; and verdicts by criterion."""
        if register is None:
            return cls({}, {})
        end = (as_of + dt.timedelta(days=1)).isoformat()
        subjects = sorted({feed.subject for items in feeds().values() for feed in items if feed.subject})
        with register.reading() as connection:
            events = {
                (item.what, subject): item
                for subject in (None, *subjects)
                for item in _by_kind(connection, end, subject)
            }
            return cls(events, _verdicts(connection, end))


def _by_kind(connection: sa.Connection, end: str, subject: str | None = None) -> list[Recorded]:
    query = sa.select(EVENT.c.kind, sa.func.count(), sa.func.max(EVENT.c.at)).where(EVENT.c.at < end)
    if subject is not None:
        query = query.where(EVENT.c.subject == subject)
    return [Recorded(*row) for row in connection.execute(query.group_by(EVENT.c.kind))]


def _verdicts(connection: sa.Connection, end: str) -> dict[tuple[str, str], Recorded]:
    """System and criterion → its verdicts. What a broken tool left open states nothing, and is evidence of nothing."""
    about = (VERDICT.c.system, VERDICT.c.criterion)
    query = sa.select(*about, sa.func.count(), sa.func.max(EVENT.c.at)).join(EVENT, EVENT.c.seq == VERDICT.c.seq)
    query = query.where(EVENT.c.at < end, VERDICT.c.verdict != str(Outcome.NOT_EVALUATED)).group_by(*about)
    return {
        (row[0], row[1]): Recorded(f"verdicts of {row[0]}/{row[1]}", row[2], row[3])
        for row in connection.execute(query)
    }


def evidence_of(item: str, record: Record, systems: Declarations) -> list[Recorded]:
    """What was recorded for one clause or control: events that feed it, and verdicts on criteria that name it."""
    found = []
    for feed in feeds().get(item, ()):
        recorded = record.events.get((feed.kind, feed.subject))
        if recorded:
            about = f" {feed.subject.split('/', 1)[1]}" if feed.subject else ""
            found.append(Recorded(f"{feed.kind}{about}", recorded.count, recorded.newest))
    for declaration in systems.sound.values():
        for criterion in declaration.assessment.criteria:
            judged = record.verdicts.get((declaration.id, criterion.id))
            if judged and item in criterion.controls:
                found.append(judged)
    return found


def statement_rows(
    statement: Applicability | None, systems: Declarations, register: Register | None, as_of: dt.date
) -> list[dict[str, Any]]:
    """Every clause and control with what was recorded of it, with the listing's keys.

    Without a statement nothing was decided on: the controls are listed all the same, and say so.
    """
    record = Record.of(register, as_of)
    rows = [_row(name, "clause", item, record, systems, as_of) for name, item in clauses().items()]
    for name, item in controls().items():
        row = _row(name, "control", item, record, systems, as_of)
        decision = statement.controls.get(name) if statement else None
        row["included"] = decision.included if decision else None
        row["because"] = decision.because if decision else "nobody decided on it"
        row["how"] = decision.how if decision else None
        if decision and not decision.included:
            row["state"] = EXCLUDED
        rows.append(row)
    return rows


def _row(name: str, sort: str, item: Item, record: Record, systems: Declarations, as_of: dt.date) -> dict[str, Any]:
    found = evidence_of(name, record, systems)
    newest = max((one.newest for one in found), default=None)
    return {
        "id": name,
        "sort": sort,
        "title": item.title,
        "included": True,
        "because": "A clause cannot be left out." if sort == "clause" else "",
        "how": None,
        "grade": item.grade,
        "state": item.grade if found else NOT_EVIDENCED,
        "recorded": sum(one.count for one in found),
        "newest": newest,
        "age_days": (as_of - dt.datetime.fromisoformat(newest).date()).days if newest else None,
        "evidence": [{"what": one.what, "count": one.count, "newest": one.newest} for one in found],
        "contribution": item.contribution,
        "references": [f"{one.framework}: {one.entry}" for one in cross_references(name)],
    }


def counted(rows: Iterable[dict[str, Any]], sort: str) -> str:
    """`2 not evidenced, 5 track, ...` over all clauses or all controls: each state is named, none is summed away."""
    found = [row["state"] for row in rows if row["sort"] == sort]
    return ", ".join(f"{found.count(state)} {state}" for state in STATES if state in found)
