"""What stands in front of a management review (9.3), computed from the record as of a size.

Sections follow what a review has to consider: earlier decisions; changes; how nonconformities went; monitoring; audits;
exceptions from separations of duty; concerns and incidents; what could be better. A figure that cannot be had is None,
with the number of things it would rest on beside it.
"""

from __future__ import annotations

import datetime as dt
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from governance import ledger, nonconformity
from governance.audit import audits_of
from governance.concerns import concerns_of
from governance.exceptions import exemptions_of
from governance.incidents import incidents_of
from governance.ledger import Event
from governance.nonconformity import Nonconformity
from governance.records import Outcome
from governance.review import decisions_of

# Changes whenever the same record would give another pack; packs of other versions are not compared.
VERSION = 1
# Families of events that are changes of the management system or of what it is about. What is not there yet is empty.
CHANGES = ("assessment", "document", "policy", "release", "reference", "model", "account", "competence")
RISKS = ("risk", "objective")


def pack(connection: sa.Connection, size: int, *, since: int, at: str) -> dict[str, Any]:
    """Plain data, the same whenever it is computed.

    Parameters
    ----------
    size : int
        Events of the record that count.
    since : int
        The last event that the review before this one had in front of it, or its opening; 0 for the first review.
    at : str
        The moment (ISO) as of which days are counted.
    """
    record = _Record(connection, size, since)
    return {
        "size": size,
        "since": since,
        "at": at,
        "decisions": _decisions(record, at),
        "changes": _listed(record, CHANGES),
        "risks_and_objectives": _listed(record, RISKS),
        "nonconformities": _nonconformities(record),
        "monitoring": _monitoring(record),
        "audits": _audits(record),
        "exceptions": _exceptions(record, at),
        "concerns": _concerns(record),
        "incidents": _incidents(record, at),
        "improvements": _improvements(record),
    }


class _Record:
    """The events that count, and which of them are new since the review before."""

    def __init__(self, connection: sa.Connection, size: int, since: int) -> None:
        self.connection, self.size, self.since = connection, size, since

    def events(self, kind: str) -> list[Event]:
        return list(ledger.events(self.connection, kind=kind, before=self.size + 1))

    def new(self, events: Iterable[Event]) -> list[Event]:
        return [event for event in events if event.seq > self.since]


def _decisions(record: _Record, at: str) -> list[dict[str, Any]]:
    """All that are not done, and those that were done since the review before."""
    events = record.events("review.*")
    done = {event.body["decision_event"] for event in events if event.kind == "review.decision_completed"}
    lately = {event.body.get("decision_event") for event in record.new(events)}
    found = decisions_of(events)
    return [item.as_row(at[:10]) for seq, item in found.items() if seq not in done or seq in lately]


def _listed(record: _Record, families: Iterable[str]) -> dict[str, Any]:
    events = [event for family in families for event in record.new(record.events(f"{family}.*"))]
    rows = [
        {"at": e.at, "by": e.actor, "kind": e.kind, "about": e.subject} for e in sorted(events, key=lambda e: e.seq)
    ]
    return {"counts": dict(sorted(Counter(event.kind for event in events).items())), "events": rows}


def _nonconformities(record: _Record) -> dict[str, Any]:
    events = record.events("nonconformity.*")
    cases = {case.opened_seq: case for case in nonconformity.cases_of(events)}
    new = record.new(events)
    kinds = Counter(event.kind for event in new)
    still = [case for case in cases.values() if case.is_open]
    return {
        "opened": kinds[nonconformity.SUSPECTED],
        "confirmed": kinds[nonconformity.CONFIRMED],
        "rejected": kinds[nonconformity.REJECTED],
        "downgraded": kinds[nonconformity.DOWNGRADED],
        "closed": kinds[nonconformity.CLOSED],
        "closed_without_action": _waived(new, cases),
        "reopened": kinds[nonconformity.REOPENED],
        "opened_by_source": _counted(cases[e.seq].source for e in new if e.kind == nonconformity.SUSPECTED),
        "opened_by_system": _counted(cases[e.seq].system for e in new if e.kind == nonconformity.SUSPECTED),
        "days_to_contain": _days_to_contain(new, cases),
        "effective_at_first_try": _at_first_try(record, events),
        "open": [_case_row(case) for case in still],
        "open_by_state": _counted(case.state for case in still),
        "open_by_severity": _counted(case.severity for case in still),
    }


def _waived(new: Iterable[Event], cases: dict[int, Nonconformity]) -> int:
    waived = (
        cases[e.body["case"]].steps.get(nonconformity.WAIVER_APPROVED) for e in new if e.kind == nonconformity.CLOSED
    )
    return sum(step is not None for step in waived)


def _days_to_contain(new: Iterable[Event], cases: dict[int, Nonconformity]) -> dict[str, Any]:
    """From the opening to what was done at once, of the cases that were contained since the review before."""
    days = [
        _days(cases[event.body["case"]].opened_at, event.at) for event in new if event.kind == nonconformity.CONTAINED
    ]
    return {"cases": len(days), "median": statistics.median(days) if days else None, "longest": max(days, default=None)}


def _at_first_try(record: _Record, events: Iterable[Event]) -> dict[str, Any]:
    """Of the cases whose first verification came since the review before: how many of them it called effective."""
    first: dict[int, Event] = {}
    for event in events:
        if event.kind == nonconformity.VERIFIED:
            first.setdefault(event.body["case"], event)
    new = record.new(first.values())
    effective = sum(bool(event.body["effective"]) for event in new)
    return {"verified": len(new), "effective": effective, "share": effective / len(new) if new else None}


def _case_row(case: Nonconformity) -> dict[str, Any]:
    return {
        "id": case.id,
        "system": case.system,
        "requirement": case.criterion,
        "segment": case.segment,
        "state": case.state,
        "severity": case.severity,
        "round": case.round,
        "opened_at": case.opened_at,
        "owner": case.owner,
    }


def _monitoring(record: _Record) -> list[dict[str, Any]]:
    """Of each system: verdicts of the newest looks since the review before, absences, the budget of false alarms."""
    newest: dict[str, dict[str, Event]] = defaultdict(dict)
    for event in record.new(record.events("batch.judged")):
        newest[event.subject.split("/")[0]][event.subject] = event
    missing = {kind: _by_system(record.new(record.events(f"batch.{kind}"))) for kind in ("absent", "held")}
    rejected = _by_system(record.new(record.events(nonconformity.REJECTED)))
    systems = sorted({*newest, *missing["absent"], *missing["held"]})
    return [
        {
            "system": system,
            "looks": len(newest[system]),
            "verdicts": _outcomes(record.connection, newest[system].values()),
            "absent": missing["absent"].get(system, 0),
            "held_back": missing["held"].get(system, 0),
            "suspicions_rejected": rejected.get(system, 0),
            "false_alarm_budget": _budget(newest[system].values()),
        }
        for system in systems
    ]


def _outcomes(connection: sa.Connection, looks: Iterable[Event]) -> dict[str, int]:
    from governance.register import VERDICT

    counts: Counter[str] = Counter()
    for look in looks:
        query = (
            sa.select(VERDICT.c.verdict, sa.func.count()).where(VERDICT.c.seq == look.seq).group_by(VERDICT.c.verdict)
        )
        counts.update({row[0]: row[1] for row in connection.execute(query)})
    return {outcome.value: counts[outcome.value] for outcome in Outcome}


def _budget(looks: Iterable[Event]) -> dict[str, Any] | None:
    """What the newest look's assessment allows: so many false alarms a month, quarter or year."""
    assessed = [look for look in looks if look.body.get("assessment")]
    declared = max(assessed, key=lambda look: look.seq).body["assessment"].get("false_alarms") if assessed else None
    return {"at_most": float(declared["at_most"]), "per": declared["per"]} if declared else None


def _audits(record: _Record) -> list[dict[str, Any]]:
    """Those that are under way, and those that were concluded since the review before."""
    found = []
    for audit in audits_of(record.events("audit.*")).values():
        if audit.concluded is None or audit.concluded.seq > record.since:
            grades = _counted(event.body["grade"] for event in audit.findings)
            row = audit.as_row()
            keys = ("id", "scope", "state", "criteria", "auditors", "due", "conclusion")
            found.append({**{key: row[key] for key in keys}, "items": len(audit.items), "findings": grades})
    return [row for row in found if row["state"] != "cancelled"]


def _exceptions(record: _Record, at: str) -> list[dict[str, Any]]:
    """Every exception that was granted since the review before, or held at any time since."""
    events = record.events("exception.*")
    lately = {event.body.get("request") for event in record.new(events)}
    day = dt.date.fromisoformat(at[:10])
    rows = []
    for item in exemptions_of(events).values():
        if item.granted_by and (item.holds(day) or int(item.id.removeprefix("EX-")) in lately):
            rows.append(item.as_row(day))
    return rows


def _concerns(record: _Record) -> dict[str, Any]:
    found = concerns_of(record.events("concern.*"))
    new = [concern for concern in found.values() if concern.seq > record.since]
    waiting = [concern.id for concern in found.values() if concern.state == "reported"]
    return {
        "raised": len(new),
        "by_origin": _counted(concern.origin for concern in new),
        "by_category": _counted(concern.category for concern in new),
        "by_outcome": _counted(concern.state for concern in new),
        "not_assessed": waiting,
    }


def _incidents(record: _Record, at: str) -> list[dict[str, Any]]:
    """Those that are open, and those that anything was said about since the review before."""
    events, moment = record.events("incident.*"), dt.datetime.fromisoformat(at)
    lately = {event.body.get("incident", event.seq) for event in record.new(events)}
    rows = [i.as_row(moment) for seq, i in incidents_of(events).items() if i.state == "open" or seq in lately]
    keys = ("id", "system", "state", "severity", "what", "aware_at", "clocks")
    return [{key: row[key] for key in keys} for row in rows]


def _improvements(record: _Record) -> list[dict[str, str]]:
    """What people called an observation or an improvement, and what the record shows again and again."""
    rows = []
    for audit in audits_of(record.events("audit.*")).values():
        for event in record.new(audit.graded("observation")):
            rows.append({"from": audit.id, "system": audit.scope, "what": event.body["finding"]})
    events = record.events("nonconformity.*")
    for case in nonconformity.cases_of(events):
        downgraded = case.steps.get(nonconformity.DOWNGRADED)
        if case.state == "observation" and downgraded and downgraded.seq > record.since:
            rows.append({"from": case.id, "system": case.system, "what": downgraded.body["reason"]})
        if case.is_open and case.round > 1:
            what = f"{case.criterion} [{case.segment}] is in round {case.round}"
            rows.append({"from": case.id, "system": case.system, "what": what})
    for concern in concerns_of(record.events("concern.*")).values():
        if concern.state == "improvement":
            rows.append({"from": concern.id, "system": concern.system, "what": concern.reason or concern.category})
    return rows


def _by_system(events: Iterable[Event]) -> dict[str, int]:
    return _counted(event.subject.split("/")[0] for event in events)


def _counted(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))


def _days(start: str, end: str) -> float:
    seconds = (dt.datetime.fromisoformat(end) - dt.datetime.fromisoformat(start)).total_seconds()
    return round(seconds / 86_400, 2)
