"""Internal audit (9.2): planned by a governance lead, sampled by the record, done by somebody who had no hand in it.

planned → sampled → concluded, or cancelled before anything was drawn. A finding that is a nonconformity opens a case
in the same register as a breach. What was drawn can be drawn again by anybody: `sample_faults` does.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from pydantic import Field

from governance.cases import nonconformity
from governance.organisation.management import Deadlines
from governance.oversight.sampling import Population, drawn, population_digest, population_of, seed_of, within
from governance.people.acts import SERVICE, Act, Before, Named, Refused, Rule, apart
from governance.people.due import Due, months_later
from governance.people.roles import AUDITOR, LEAD
from governance.people.said import Reason
from governance.record import ledger
from governance.record.ledger import Event
from governance.shapes import AccountId, Strict, Text
from governance.standard.requirements import Requirement

PLANNED, APPOINTED, CANCELLED = "audit.planned", "audit.auditor_appointed", "audit.cancelled"
DRAWN, FIXED = "audit.sample_drawn", "audit.sample_fixed"
FOUND, CONCLUDED = "audit.finding_recorded", "audit.concluded"
# What the record itself makes of a draw.
AUTOMATIC = frozenset({FIXED})

Grade = Literal["conformity", "observation", "minor", "major"]


class Plan(Strict):
    """What will be audited, against what, by whom, and by when."""

    criteria: Annotated[
        tuple[Requirement, ...], Field(min_length=1, description="A clause or control that is audited: 9.1, A.6.2.6.")
    ]
    objective: Annotated[Text, Field(description="What the audit shall find out.")]
    auditor: Annotated[AccountId, Field(description="Account of the auditor.")]
    due: Annotated[dt.date, Field(description="Last day for its conclusion.")]


class Auditor(Strict):
    """Another auditor, beside those who were appointed before: where one had a hand in what was drawn."""

    auditor: Annotated[AccountId, Field(description="Account of the auditor.")]
    reason: Annotated[Text, Field(description="Why.")]


class Draw(Strict):
    """How many of what. The seed is not among it: nobody chooses what is drawn."""

    population: Annotated[Population, Field(description="What is drawn from.")]
    size: Annotated[int, Field(ge=1, le=10_000, description="How many items; all where there are fewer.")]
    since: Annotated[dt.date | None, Field(description="Only what came into the record on this day or later.")] = None
    until: Annotated[dt.date | None, Field(description="Only what came into the record by this day.")] = None


class Finding(Strict):
    """What the auditor found, about which items, held against which requirement."""

    grade: Annotated[Grade, Field(description="Conformity, observation, or a nonconformity: minor or major.")]
    requirement: Annotated[Requirement, Field(description="The clause or control: 9.1, A.6.2.6.")]
    finding: Annotated[Text, Field(description="What was seen, and what shows it.")]
    items: Annotated[tuple[str, ...], Field(description="An item of the sample; none for the process as such.")] = ()


class Conclusion(Strict):
    """What the audit comes to, for the management."""

    conclusion: Annotated[Text, Field(description="Whether it works and is kept to, in the auditor's words.")]


@dataclass(frozen=True, slots=True)
class Audit:
    """One audit as it stands. `samples` are the bodies of the draws as fixed, `findings` the events."""

    id: str
    seq: int
    scope: str
    criteria: tuple[str, ...]
    objective: str
    auditors: tuple[str, ...]
    planned_by: str
    due: str
    state: str = "planned"
    samples: tuple[dict[str, Any], ...] = ()
    findings: tuple[Event, ...] = ()
    concluded: Event | None = None
    items: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def not_looked_at(self) -> tuple[str, ...]:
        """Items of the sample about which no finding was recorded, a conformity included."""
        seen = {item for event in self.findings for item in event.body["items"]}
        return tuple(item for item in self.items if item not in seen)

    def graded(self, *grades: str) -> tuple[Event, ...]:
        """Findings of these grades."""
        return tuple(event for event in self.findings if event.body["grade"] in grades)

    def as_row(self) -> dict[str, Any]:
        """The listing's keys."""
        return {
            "id": self.id,
            "scope": self.scope,
            "state": self.state,
            "criteria": list(self.criteria),
            "objective": self.objective,
            "auditors": list(self.auditors),
            "planned_by": self.planned_by,
            "due": self.due,
            "samples": [{**sample, "items": [item["id"] for item in sample["items"]]} for sample in self.samples],
            "not_looked_at": list(self.not_looked_at),
            "findings": [
                {"at": e.at, "by": e.actor, **{k: e.body[k] for k in ("grade", "requirement", "finding", "items")}}
                for e in self.findings
            ],
            "conclusion": self.concluded.body["conclusion"] if self.concluded else None,
            "concluded_at": self.concluded.at if self.concluded else None,
        }


def audits_of(events: Iterable[Event]) -> dict[int, Audit]:
    """All audits by the number of the event that planned them, from the events of the kinds `audit.*`."""
    found: dict[int, Audit] = {}
    for event in events:
        if event.kind == PLANNED:
            found[event.seq] = _planned(event)
        elif event.body.get("audit") in found:
            found[event.body["audit"]] = _extended(found[event.body["audit"]], event)
    return found


def _planned(event: Event) -> Audit:
    body = event.body
    scope, auditors = event.subject.split("/")[0], (body["auditor"],)
    said = (scope, tuple(body["criteria"]), body["objective"], auditors, event.actor, body["due"])
    return Audit(f"AU-{event.seq}", event.seq, *said)


def _extended(audit: Audit, event: Event) -> Audit:
    body = event.body
    if event.kind == APPOINTED:
        return replace(audit, auditors=(*audit.auditors, body["auditor"]))
    if event.kind == FIXED:
        items = {item["id"]: tuple(item["involved"]) for item in body["items"]}
        samples = (*audit.samples, {name: value for name, value in body.items() if name != "audit"})
        return replace(audit, state="sampled", samples=samples, items={**audit.items, **items})
    if event.kind == FOUND:
        return replace(audit, findings=(*audit.findings, event))
    if event.kind == CONCLUDED:
        return replace(audit, state="concluded", concluded=event)
    return replace(audit, state="cancelled") if event.kind == CANCELLED else audit


# Rules


def _scope(_before: Before, name: str) -> Named:
    return f"{name}/audit", {}


def _audit(before: Before, name: str) -> Named:
    found = next((a for a in audits_of(before.events("audit.*")).values() if a.id == name.upper()), None)
    if found is None:
        raise Refused(f"There is no audit {name!r}. See `aims audits`.")
    return f"{found.scope}/audit", {"audit": found.seq}


def audit_before(before: Before, event: Event) -> Audit:
    """The audit that the event is about, as it stood."""
    found = audits_of(before.events("audit.*", subject=event.subject)).get(event.body["audit"])
    if found is None:
        raise Refused(f"There is no audit AU-{event.body['audit']} of {event.subject.split('/')[0]}.")
    return found


def _may_plan(before: Before, event: Event) -> None:
    if dt.date.fromisoformat(event.body["due"]) < before.at.date():
        raise Refused(f"The last day {event.body['due']} is over.")
    _is_independent(before, event.body["auditor"], event.subject.split("/")[0])


def _may_appoint(before: Before, event: Event) -> None:
    audit = audit_before(before, event)
    _is_under_way(audit)
    if event.body["auditor"] in audit.auditors:
        raise Refused(f"{event.body['auditor']} audits {audit.id} already.")
    _is_independent(before, event.body["auditor"], audit.scope)


def _is_independent(before: Before, name: str, scope: str) -> None:
    """An open account that is an auditor's, answers for nothing, and never did anything where it will look."""
    account = before.account(name)
    if account is None or account.closed or "auditor" not in account.roles:
        raise Refused(f"{name} has no open account with the role auditor.")
    if account.teams:
        raise Refused(f"{name} answers for {', '.join(sorted(account.teams))}, and an auditor answers for nothing.")
    if not account.may_act_on(scope):
        raise Refused(f"The account {name} may not act on {scope}, only on {', '.join(sorted(account.systems))}.")
    duty = next(_duties(before, name, scope), None)
    if duty and not before.exempt("auditor_audited", name, scope):
        raise Refused(f"{name} had a hand in {scope} (event {duty.seq}, {duty.kind}): somebody else must audit it.")


def _duties(before: Before, name: str, scope: str) -> Iterator[Event]:
    """What the account did in the scope, whatever roles it had then."""
    from governance.processes import ACTS

    own = {"audit", "token", "concern"}
    for family in sorted({act.kind.split(".")[0] for act in ACTS} - own):
        for event in before.events(f"{family}.*"):
            if event.actor == name and within(event, scope):
                yield event


def _is_under_way(audit: Audit) -> None:
    if audit.state in ("concluded", "cancelled"):
        raise Refused(f"{audit.id} was {audit.state}.")


def _is_auditor(before: Before, event: Event) -> Audit:
    audit = audit_before(before, event)
    _is_under_way(audit)
    if event.actor not in audit.auditors:
        raise Refused(f"{audit.id} is audited by {', '.join(audit.auditors)}, and {event.actor} is none of them.")
    return audit


def _may_draw(before: Before, event: Event) -> None:
    _is_auditor(before, event)
    since, until = event.body["since"], event.body["until"]
    if since and until and since > until:
        raise Refused(f"Nothing lies between {since} and {until}.")


def _may_find(before: Before, event: Event) -> None:
    audit = _is_auditor(before, event)
    unknown = [item for item in event.body["items"] if item not in audit.items]
    if unknown:
        raise Refused(f"{', '.join(unknown)} was not drawn for {audit.id}. See `aims audits`.")
    account = before.account(event.actor)
    assert account is not None  # the door has looked
    for item in event.body["items"]:
        if any(account.answers_for(party) for party in audit.items[item]):
            apart(before, event, (event.actor,), "auditor_audited")


def _may_conclude(before: Before, event: Event) -> None:
    audit = _is_auditor(before, event)
    if not audit.samples:
        raise Refused(f"Nothing was drawn for {audit.id} yet: `aims act draw-sample {audit.id}`.")
    if audit.not_looked_at:
        left = audit.not_looked_at
        raise Refused(
            f"{len(left)} of {len(audit.items)} items of {audit.id} have no finding yet, {left[0]} among them: "
            "record a conformity where there is nothing to find."
        )


def _may_cancel(before: Before, event: Event) -> None:
    audit = audit_before(before, event)
    _is_under_way(audit)
    if audit.samples or audit.findings:
        raise Refused(f"{audit.id} has begun: it is concluded by its auditor, and no longer cancelled.")


# What the record draws from an act by itself


def fixed_sample(connection: sa.Connection, event: Event) -> dict[str, Any]:
    """What a draw comes to: computed from the record before it, the same for everybody at any time."""
    body, scope = event.body, event.subject.split("/")[0]
    told = ledger.events(connection, kind=DRAWN, subject=event.subject, before=event.seq)
    number = 1 + sum(e.body["audit"] == body["audit"] for e in told)
    seed = seed_of(connection, body["audit"], number)
    period = {"since": body["since"], "until": body["until"]}
    population = population_of(connection, body["population"], scope, event.seq, **period)
    return {
        "audit": body["audit"],
        "draw": event.seq,
        "population": body["population"],
        **period,
        "seed": seed,
        "population_size": len(population),
        "population_sha256": population_digest(population),
        "items": [item.as_body() for item in drawn(seed, population, int(body["size"]))],
    }


def _fix(connection: sa.Connection, event: Event) -> None:
    body = fixed_sample(connection, event)
    if not body["items"]:
        raise Refused(f"There are no {body['population']} of {event.subject.split('/')[0]} to draw from.")
    ledger.append(connection, FIXED, event.subject, body, actor=SERVICE, at=dt.datetime.fromisoformat(event.at))


def sample_faults(connection: sa.Connection) -> Iterator[str]:
    """Every sample that does not come out of the record again as it was fixed, in words."""
    draws = {event.seq: event for event in ledger.events(connection, kind=DRAWN)}
    for event in ledger.events(connection, kind=FIXED):
        draw = draws.pop(event.body.get("draw", 0), None)
        if draw is None or draw.subject != event.subject or event.seq != draw.seq + 1:
            yield f"event {event.seq} ({event.kind}, {event.subject}) fixes a sample that nobody drew."
        elif _drawn_again(connection, draw) != event.body:
            yield f"event {event.seq} ({event.kind}, {event.subject}): drawn again, the sample is another one."
    for seq, draw in draws.items():
        yield f"event {seq} ({draw.kind}, {draw.subject}): its sample was never fixed."


def _drawn_again(connection: sa.Connection, draw: Event) -> dict[str, Any] | None:
    try:
        return fixed_sample(connection, draw)
    except (LookupError, TypeError, ValueError, sa.exc.NoResultFound):
        return None  # the record holds something that no act leaves, which is named elsewhere


def _open_case(connection: sa.Connection, event: Event) -> None:
    body = event.body
    if body["grade"] not in ("minor", "major"):
        return
    nonconformity.suspect(
        connection,
        system=event.subject.split("/")[0],
        requirement=body["requirement"],
        segment=f"AU-{body['audit']}",
        source="audit",
        severity=body["grade"],
        reason=body["finding"],
        owner=None,
        evidence={"audit": f"AU-{body['audit']}", "finding": event.seq, "items": body["items"]},
        at=dt.datetime.fromisoformat(event.at),
    )


def _act(verb: str, kind: str, roles: frozenset[str], says: type[Strict], rule: Rule, summary: str, **more: Any) -> Act:
    return Act(verb, kind, "audit", roles, says, rule, summary, _audit, frozenset({"audit"}), **more)


ACTS = (
    Act(
        "plan-audit", PLANNED, "system", LEAD, Plan, _may_plan, "Plan an audit of a system or of organisation.", _scope
    ),
    _act("appoint-auditor", APPOINTED, LEAD, Auditor, _may_appoint, "Appoint a further auditor."),
    _act("cancel-audit", CANCELLED, LEAD, Reason, _may_cancel, "Cancel an audit that has not begun."),
    _act("draw-sample", DRAWN, AUDITOR, Draw, _may_draw, "Draw what the audit looks at.", then=_fix),
    _act(
        "record-finding", FOUND, AUDITOR, Finding, _may_find, "Say what was found, a conformity too.", then=_open_case
    ),
    _act("conclude-audit", CONCLUDED, AUDITOR, Conclusion, _may_conclude, "Conclude an audit."),
)


def due(before: Before, deadlines: Deadlines) -> Iterator[Due]:
    """Audits that are not concluded, and the next one that the programme owes."""
    audits = audits_of(before.events("audit.*"))
    for audit in audits.values():
        if audit.state in ("planned", "sampled"):
            what = "draw a sample" if audit.state == "planned" else "record what was found, and conclude"
            yield Due(dt.date.fromisoformat(audit.due), audit.id, audit.scope, what, audit.auditors[-1])
    if any(audit.state in ("planned", "sampled") for audit in audits.values()):
        return
    since = max((a.concluded.at for a in audits.values() if a.concluded), default=None) or before.begun
    if since:
        on = months_later(dt.date.fromisoformat(since[:10]), deadlines.audit_every_months)
        yield Due(on, f"audit-programme/{since[:10]}", "organisation", "plan the next audit", None)
