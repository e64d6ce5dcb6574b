"""Incidents and who has to be told of them within what time (A.8.4).

Clocks start when somebody became aware, and what they were is fixed in the record when the incident is declared, as of
the data of that day. A draft notice is filled with facts of the record; people send it, and say that they did. A clock
that ran out is a finding: a suspected nonconformity with A.8.4.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from pydantic import AwareDatetime, Field

from governance.cases import nonconformity
from governance.cases.concerns import concerns_of
from governance.organisation.management import Deadlines
from governance.people.acts import SERVICE, Act, Before, Named, Refused, Rule, apart
from governance.people.due import Due
from governance.people.roles import DECIDES, LEAD, TAKES_PART
from governance.record import ledger
from governance.record.ledger import Event
from governance.shapes import Sha256, Strict, Text
from governance.standard.regimes import terms

DECLARED, STARTED, DRAFTED = "incident.declared", "incident.clocks_started", "incident.notice_drafted"
NOTIFIED, EXEMPTED, CLOSED = "incident.notified", "incident.clock_exempted", "incident.closed"
AUTOMATIC = frozenset({STARTED})
LATE_REQUIREMENT = "A.8.4"


class Declaration(Strict):
    """That something happened which somebody outside may have to be told of."""

    aware_at: Annotated[
        AwareDatetime, Field(description="When somebody here became aware, with its zone: 2026-03-02T09:00+01:00.")
    ]
    what: Annotated[Text, Field(description="What happened, without anybody's data.")]
    severity: Annotated[Literal["minor", "major", "critical"], Field(description="How grave it is.")]
    affected: Annotated[tuple[Text, ...], Field(min_length=1, description="A group of people that is affected.")]
    clocks: Annotated[
        tuple[str, ...], Field(description="A clock that runs, such as gdpr_33.authority; `aims incidents --clocks`.")
    ] = ()
    concern: Annotated[str | None, Field(pattern=r"^C-\d+$", description="The concern that told of it.")] = None
    case: Annotated[str | None, Field(pattern=r"^NC-\d+$", description="The nonconformity that it belongs to.")] = None


class Drafting(Strict):
    """That a draft was written, and its digest."""

    clock: Annotated[str, Field(description="For which clock.")]
    draft_sha256: Annotated[Sha256, Field(description="Digest of the file.")]


class Notification(Strict):
    """That a person told whom they had to tell."""

    clock: Annotated[str, Field(description="For which clock.")]
    sent_at: Annotated[AwareDatetime, Field(description="When it was sent, with its zone.")]
    to: Annotated[Text, Field(description="Which authority or party was told, by its name.")]
    reference: Annotated[Text, Field(description="Where the proof of it is kept.")]


class Exempting(Strict):
    """That nobody has to be told by this clock after all."""

    clock: Annotated[str, Field(description="Which clock.")]
    reason: Annotated[Text, Field(description="Why it does not apply.")]


class Closing(Strict):
    """What is known in the end, and what was done."""

    statement: Annotated[Text, Field(description="What happened, what was done, and what is done about its cause.")]


@dataclass(frozen=True, slots=True)
class Running:
    """One clock of one incident. `late` by so many hours; None where it was met, was exempted, or still runs."""

    id: str
    deadline: str
    to: str
    as_of: str
    state: Literal["running", "notified", "exempted"] = "running"
    sent_at: str | None = None

    def late_hours(self, at: dt.datetime) -> float | None:
        """Hours past the deadline when it was sent, or by now; None where it is in time."""
        if self.state == "exempted":
            return None
        until = dt.datetime.fromisoformat(self.sent_at) if self.sent_at else at
        hours = (until - dt.datetime.fromisoformat(self.deadline)).total_seconds() / 3600
        return hours if hours > 0 else None

    def as_row(self, at: dt.datetime) -> dict[str, Any]:
        """The listing's keys; `hours` are left, or late where negative, of one that runs."""
        left = (dt.datetime.fromisoformat(self.deadline) - at).total_seconds() / 3600
        late = self.late_hours(at)
        return {
            "clock": self.id,
            "deadline": self.deadline,
            "state": "late" if late and self.state == "running" else self.state,
            "hours": round(left, 2) if self.state == "running" else None,
            "late_hours": round(late, 2) if late else None,
            "sent_at": self.sent_at,
            "to": self.to,
            "as_of": self.as_of,
        }


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident as it stands."""

    id: str
    seq: int
    system: str
    what: str
    severity: str
    affected: tuple[str, ...]
    aware_at: str
    declared_by: str
    declared_at: str
    concern: str | None
    case: str | None
    clocks: tuple[Running, ...] = ()
    drafts: tuple[dict[str, str], ...] = ()
    state: str = "open"
    statement: str | None = None

    def clock(self, name: str) -> Running:
        """The clock of that name.

        Raises
        ------
        Refused
            There is none.
        """
        found = next((clock for clock in self.clocks if clock.id == name), None)
        if found is None:
            known = ", ".join(clock.id for clock in self.clocks) or "none"
            raise Refused(f"{self.id} has no clock {name!r}; running are: {known}.")
        return found

    def as_row(self, at: dt.datetime) -> dict[str, Any]:
        """The listing's keys."""
        return {
            "id": self.id,
            "system": self.system,
            "state": self.state,
            "severity": self.severity,
            "what": self.what,
            "affected": list(self.affected),
            "aware_at": self.aware_at,
            "declared_by": self.declared_by,
            "declared_at": self.declared_at,
            "concern": self.concern,
            "case": self.case,
            "clocks": [clock.as_row(at) for clock in self.clocks],
            "drafts": list(self.drafts),
            "statement": self.statement,
        }


def incidents_of(events: Iterable[Event]) -> dict[int, Incident]:
    """All incidents by the number of their first event, from the events of the kinds `incident.*`."""
    found: dict[int, Incident] = {}
    for event in events:
        if event.kind == DECLARED:
            found[event.seq] = _declared(event)
        elif event.body.get("incident") in found:
            found[event.body["incident"]] = _extended(found[event.body["incident"]], event)
    return found


def _declared(event: Event) -> Incident:
    body = event.body
    said = (body["what"], body["severity"], tuple(body["affected"]), body["aware_at"])
    by = (event.actor, event.at, body["concern"], body["case"])
    return Incident(f"IN-{event.seq}", event.seq, event.subject.split("/")[0], *said, *by)


def _extended(incident: Incident, event: Event) -> Incident:
    body = event.body
    if event.kind == STARTED:
        return replace(incident, clocks=tuple(Running(**clock) for clock in body["clocks"]))
    if event.kind == DRAFTED:
        draft = {"at": event.at, "clock": body["clock"], "sha256": body["draft_sha256"]}
        return replace(incident, drafts=(*incident.drafts, draft))
    if event.kind == CLOSED:
        return replace(incident, state="closed", statement=body["statement"])
    change: dict[str, Any] = {"state": "exempted"}
    if event.kind == NOTIFIED:
        change = {"state": "notified", "sent_at": body["sent_at"]}
    clocks = tuple(replace(c, **change) if c.id == body["clock"] else c for c in incident.clocks)
    return replace(incident, clocks=clocks)


# Rules


def _system(_before: Before, name: str) -> Named:
    return f"{name}/incident", {}


def _incident(before: Before, name: str) -> Named:
    found = next((i for i in incidents_of(before.events("incident.*")).values() if i.id == name.upper()), None)
    if found is None:
        raise Refused(f"There is no incident {name!r}. See `aims incidents`.")
    return f"{found.system}/incident", {"incident": found.seq}


def incident_before(before: Before, event: Event) -> Incident:
    """The incident that the event is about, as it stood.

    Raises
    ------
    Refused
        There is none, or it was closed.
    """
    found = incidents_of(before.events("incident.*", subject=event.subject)).get(event.body["incident"])
    if found is None:
        raise Refused(f"There is no incident IN-{event.body['incident']} of {event.subject.split('/')[0]}.")
    if found.state == "closed":
        raise Refused(f"{found.id} was closed.")
    return found


def _may_declare(before: Before, event: Event) -> None:
    if dt.datetime.fromisoformat(event.body["aware_at"]) > before.at:
        raise Refused(f"Nobody became aware at {event.body['aware_at']} yet.")
    for name, kind in (("concern", "concern.reported"), ("case", "nonconformity.suspected")):
        number = event.body[name]
        system = event.subject.split("/")[0]
        if number and number not in _numbers(before, kind, system):
            raise Refused(f"There is no {name} {number} about {system}.")


def _numbers(before: Before, kind: str, system: str) -> set[str]:
    letter = "C" if kind.startswith("concern") else "NC"
    return {f"{letter}-{event.seq}" for event in before.events(kind, prefix=f"{system}/")}


def _runs(before: Before, event: Event) -> Incident:
    incident = incident_before(before, event)
    clock = incident.clock(event.body["clock"])
    if clock.state != "running":
        raise Refused(f"{clock.id} of {incident.id} was {clock.state} already.")
    return incident


def _may_draft(before: Before, event: Event) -> None:
    _runs(before, event)


def _may_notify(before: Before, event: Event) -> None:
    incident = _runs(before, event)
    sent = dt.datetime.fromisoformat(event.body["sent_at"])
    if not dt.datetime.fromisoformat(incident.aware_at) <= sent <= before.at:
        raise Refused(f"Sent at {event.body['sent_at']} is before somebody was aware, or is still to come.")


def _may_exempt(before: Before, event: Event) -> None:
    apart(before, event, (_runs(before, event).declared_by,), "requester_approver")


def _may_close(before: Before, event: Event) -> None:
    incident = incident_before(before, event)
    running = [clock.id for clock in incident.clocks if clock.state == "running"]
    if running:
        raise Refused(f"{', '.join(running)} of {incident.id} still runs: note the notification, or say why none.")
    apart(before, event, (incident.declared_by,), "implementer_verifier")


# What the record draws from an act by itself


def _start(connection: sa.Connection, event: Event) -> None:
    """Fixes the clocks as of the data of that day."""
    aware, known = dt.datetime.fromisoformat(event.body["aware_at"]), terms()
    clocks = []
    for name in event.body["clocks"]:
        term = known.get(name)
        if term is None:
            raise Refused(f"There is no clock {name!r}; known are: {', '.join(known)}.")
        deadline = (aware + term.clock.within).astimezone(dt.UTC).isoformat(timespec="seconds")
        as_of = term.regime.as_of.isoformat()
        clocks.append({"id": name, "deadline": deadline, "to": term.regime.to, "as_of": as_of})
    body = {"incident": event.seq, "clocks": clocks}
    ledger.append(connection, STARTED, event.subject, body, actor=SERVICE, at=dt.datetime.fromisoformat(event.at))


def _find_late(connection: sa.Connection, event: Event) -> None:
    at = dt.datetime.fromisoformat(event.at)
    events = ledger.events(connection, kind="incident.*", subject=event.subject)
    incident = incidents_of(events)[event.body["incident"]]
    _suspect_late(connection, incident, incident.clock(event.body["clock"]), at)


def find_late(connection: sa.Connection, at: dt.datetime) -> int:
    """Opens a suspicion for every clock that ran out with nobody told, once. Returns how many were new."""
    new = 0
    for incident in incidents_of(ledger.events(connection, kind="incident.*")).values():
        for clock in incident.clocks:
            if clock.state == "running":
                new += _suspect_late(connection, incident, clock, at)
    return new


def _suspect_late(connection: sa.Connection, incident: Incident, clock: Running, at: dt.datetime) -> bool:
    """One case for each clock: nobody told by its deadline, whether or not somebody was told later."""
    if clock.late_hours(at) is None:
        return False
    reason = f"{incident.id}: {clock.id} was not met by its deadline {clock.deadline}."
    known = nonconformity.project(connection, subject=f"{incident.system}/{LATE_REQUIREMENT}/{incident.id}-{clock.id}")
    if known:
        return False
    evidence = {"incident": incident.id, "clock": clock.id, "deadline": clock.deadline, "as_of": clock.as_of}
    case = nonconformity.suspect(
        connection,
        system=incident.system,
        requirement=LATE_REQUIREMENT,
        segment=f"{incident.id}-{clock.id}",
        source="requirement",
        severity="major",
        reason=reason,
        owner=None,
        evidence=evidence,
        at=at,
    )
    return case is not None


def _act(verb: str, kind: str, roles: frozenset[str], says: type[Strict], rule: Rule, summary: str, **more: Any) -> Act:
    return Act(verb, kind, "incident", roles, says, rule, summary, _incident, frozenset({"incident"}), **more)


# Made by `aims notice`, which writes the draft.
DRAFT = _act("draft-notice", DRAFTED, TAKES_PART, Drafting, _may_draft, "Draft a notice; nothing is sent.")
ACTS = (
    Act(
        "declare-incident", DECLARED, "system", TAKES_PART, Declaration, _may_declare,
        "Declare an incident; its clocks start when somebody became aware.", _system, then=_start,
    ),
    _act(
        "note-notification", NOTIFIED, DECIDES, Notification, _may_notify, "Say that you have told whom you had to.",
        then=_find_late,
    ),
    _act("exempt-clock", EXEMPTED, LEAD, Exempting, _may_exempt, "Say why nobody has to be told by a clock."),
    _act("close-incident", CLOSED, LEAD, Closing, _may_close, "Close an incident of which everybody was told."),
)  # fmt: skip
RECORDED = (DRAFT,)


def due(before: Before, deadlines: Deadlines) -> Iterator[Due]:
    """Clocks that run, and concerns called an incident that nobody has declared."""
    found = incidents_of(before.events("incident.*")).values()
    for incident in found:
        for clock in incident.clocks:
            if clock.state == "running":
                on = dt.datetime.fromisoformat(clock.deadline).date()
                yield Due(on, f"{incident.id}/{clock.id}", incident.system, f"tell {clock.to}, and note it", None)
    declared = {incident.concern for incident in found} | {incident.case for incident in found}
    for case in nonconformity.cases_of(before.events("nonconformity.*")):
        if case.state == "incident" and case.id not in declared:
            on = dt.date.fromisoformat(case.since[:10])
            yield Due(on, f"{case.id}/declare", case.system, "declare the incident", case.owner)
    for concern in concerns_of(before.events("concern.*")).values():
        if concern.state == "incident" and concern.id not in declared:
            on = dt.date.fromisoformat(str(concern.assessed_at)[:10])
            yield Due(on, f"{concern.id}/declare", concern.system, "declare the incident", concern.assessed_by)
