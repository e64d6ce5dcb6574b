"""What people do about a nonconformity (10.2), step by step, and who may not do which step.

suspected → confirmed → contained → cause found, extent checked → action planned, with the criterion of its
effectiveness → approved → implemented → verified on later batches → closed. Or less than a nonconformity, or no
action needed: with a reason, and with somebody else's agreement.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal

from pydantic import Field

from governance.cases import nonconformity as nc
from governance.cases.effectiveness import Effect, evidence_of, loosened
from governance.cases.nonconformity import Nonconformity
from governance.organisation.management import Deadlines
from governance.people.acts import Act, Before, Named, Refused, Rule, apart
from governance.people.due import Due
from governance.people.roles import DECIDES, JUDGES, LEAD, TAKES_PART, WORKS
from governance.people.said import Reason, Statement, Why
from governance.record.ledger import Event
from governance.shapes import AccountId, Strict, Text

AUTOMATIC = nc.AUTOMATIC

Severity = Literal["minor", "major", "critical"]


class Confirmation(Strict):
    """That a requirement was not met."""

    reason: Why
    owner: Annotated[AccountId | None, Field(description="Account that sees to it from now on.")] = None
    severity: Annotated[Severity | None, Field(description="Where it is graver than the criterion says.")] = None


class Downgrade(Strict):
    """That it is less than a nonconformity."""

    to: Annotated[Literal["incident", "observation"], Field(description="What it is instead.")]
    reason: Why


class Assignment(Strict):
    """Who sees to it."""

    owner: Annotated[AccountId, Field(description="Account that sees to it from now on.")]
    reason: Why


class Postponement(Strict):
    """A later day for the step that the case waits for."""

    until: Annotated[dt.date, Field(description="The new last day of the step that is waited for.")]
    reason: Why


class Containment(Strict):
    """What was done at once."""

    correction: Annotated[Text, Field(description="What was done at once, so that it goes no further.")]
    consequences: Annotated[Text, Field(description="What was done about what had happened already, and for whom.")]


class Cause(Strict):
    """Why it happened, and where else it might."""

    cause: Annotated[Text, Field(description="Why it happened.")]
    grounds: Annotated[Text, Field(description="What shows that: which of the attached facts, or what else.")]
    extent: Annotated[Text, Field(description="Whether it happened elsewhere or could: your reading of the sweep.")]


class Plan(Strict):
    """What will be done, and what later batches must show: said before it is done.

    `limit` and `min_n` may only be stricter than those under which the case was found.
    """

    action: Annotated[Text, Field(description="What will be done about the cause.")]
    effect: Annotated[Text, Field(description="How one will see that it worked.")]
    due: Annotated[dt.date, Field(description="The last day for doing it.")]
    owner: Annotated[AccountId | None, Field(description="Account that does it.")] = None
    from_batch: Annotated[dt.date | None, Field(description="First batch in which it must show (its start).")] = None
    batches: Annotated[int, Field(ge=1, le=366, description="So many batches must conform, with no breach.")] = 3
    min_n: Annotated[int | None, Field(ge=1, description="Rows that a batch needs to count.")] = None
    limit: Annotated[float | None, Field(description="A stricter limit than the criterion's.")] = None
    changes: Annotated[
        tuple[Literal["assessment", "limit", "monitor", "contract", "process"], ...],
        Field(description="What has to change with it."),
    ] = ()


class Implementation(Strict):
    """That the action was carried out."""

    done: Annotated[Text, Field(description="What was done, where it can be seen.")]


class Verification(Strict):
    """Whether the action worked, from the batches that came after it."""

    effective: Annotated[bool, Field(description="Whether it worked.")]
    statement: Annotated[Text, Field(description="What you looked at; side effects too.")]


class Closure(Strict):
    """That nothing is left to do."""

    statement: Annotated[Text, Field(description="What you looked at.")]
    changed: Annotated[
        Text, Field(description="What was changed in assessment, limits, monitors or processes; or why nothing.")
    ]


def _case(before: Before, name: str) -> Named:
    number = name.upper().removeprefix("NC-")
    opening = next((e for e in before.events(nc.SUSPECTED) if str(e.seq) == number), None)
    if opening is None:
        raise Refused(f"There is no case {name!r}. See `aims nonconformities`.")
    return opening.subject, {"case": opening.seq}


def case_before(before: Before, event: Event) -> Nonconformity:
    """The case that the event is about, as it stood."""
    found = [c for c in nc.cases_of(before.events("nonconformity.*", subject=event.subject))]
    case = next((c for c in found if c.opened_seq == event.body["case"]), None)
    if case is None:
        raise Refused(f"There is no case NC-{event.body['case']} about {event.subject}.")
    return case


def _from(*states: str, also: Callable[[Before, Event, Nonconformity], None] | None = None) -> Rule:
    """The act is for a case in one of these states; `also` looks at the rest."""

    def rule(before: Before, event: Event) -> None:
        case = case_before(before, event)
        if case.state not in states:
            wanted = " or ".join(state.replace("_", " ") for state in states)
            raise Refused(f"{case.id} is {case.state.replace('_', ' ')}: this is for one that is {wanted}.")
        if also is not None:
            also(before, event, case)

    return rule


def _is_open(before: Before, event: Event) -> None:
    case = case_before(before, event)
    if not case.is_open:
        raise Refused(f"{case.id} is {case.state}: nothing is left to do about it.")
    _names_people(before, event, case)


def _names_people(before: Before, event: Event, case: Nonconformity) -> None:
    name = event.body.get("owner")
    account = before.account(name) if name else None
    if name and (account is None or account.closed or "service" in account.roles):
        raise Refused(f"{name} has no open account of a person: somebody must be able to answer for {case.id}.")


def _confirms(before: Before, event: Event, case: Nonconformity) -> None:
    order = ("minor", "major", "critical")
    severity = event.body["severity"]
    if severity and order.index(severity) < order.index(case.severity):
        raise Refused(f"{case.id} is {case.severity}: confirming it as {severity} would call it less than was agreed.")
    _names_people(before, event, case)


def _belittles(before: Before, event: Event, case: Nonconformity) -> None:
    """Whoever answers for the metric does not alone call its breach nothing, or less."""
    account = before.account(event.actor)
    if account is not None and account.answers_for(case.answerable):
        apart(before, event, (event.actor,), "answerable_rejecter")


def _actor_of(case: Nonconformity, kind: str) -> str | None:
    step = case.steps.get(kind)
    return step.actor if step else None


def _finds_cause(before: Before, event: Event, case: Nonconformity) -> None:
    if case.source == "criterion" and f"{nc.FACTS}/extent" not in case.steps:
        raise Refused(
            f"The extent of {case.id} was not swept yet: run `aims follow`, look at what it attaches, and say."
        )


def _plans(before: Before, event: Event, case: Nonconformity) -> None:
    _names_people(before, event, case)
    body, criterion = event.body, case.evidence.get("criterion")
    if dt.date.fromisoformat(body["due"]) < before.at.date():
        raise Refused(f"The action's last day {body['due']} is over.")
    if criterion is None:
        return
    if body["from_batch"] is None:
        raise Refused(
            "Say from which batch on it must show (--from-batch): it is judged on batches, and not by a feeling."
        )
    if body["from_batch"] <= max(case.batches, default=""):
        raise Refused(
            f"--from-batch {body['from_batch']} is no later than {max(case.batches)}, in which it was breached: "
            "a repaired batch is a correction, and shows nothing about the next one."
        )
    if loosened(criterion, body):
        raise Refused(
            f"The plan would judge {case.id} by less than it was found under (limit {criterion['limit']}, "
            f"min_n {criterion['min_n']}): name the same or stricter ones."
        )


def _approves(before: Before, event: Event, case: Nonconformity) -> None:
    apart(before, event, (_actor_of(case, nc.PLANNED),), "requester_approver")


def _approves_waiver(before: Before, event: Event, case: Nonconformity) -> None:
    apart(before, event, (_actor_of(case, nc.WAIVER_REQUESTED),), "requester_approver")
    _belittles(before, event, case)


def _verifies(before: Before, event: Event, case: Nonconformity) -> None:
    apart(before, event, case.implementers, "implementer_verifier")
    if case.evidence.get("criterion") is None or not event.body["effective"]:
        return
    found = _effect(before, event, case)
    if not found.suffices:
        raise Refused(f"{case.id} cannot be called effective yet: {found.words}.")


def _effect(before: Before, event: Event, case: Nonconformity) -> Effect:
    account = before.account(event.actor)
    return evidence_of(case, synthetic=account is not None and account.demonstration)


def _closes(before: Before, event: Event, case: Nonconformity) -> None:
    apart(before, event, case.implementers, "implementer_verifier")
    contained = _actor_of(case, nc.CONTAINED) if case.state == "waived" else None
    apart(before, event, (contained,), "implementer_verifier")
    _still_holds(before, event, case)


def _still_holds(before: Before, event: Event, case: Nonconformity) -> None:
    """A batch that came between the verification and the closing counts."""
    if case.state == "effective" and case.evidence.get("criterion") is not None:
        found = _effect(before, event, case)
        if not found.suffices:
            raise Refused(f"{case.id} was verified, but now {found.words}: verify it anew.")


def _postpones(before: Before, event: Event) -> None:
    """The day is not moved by whoever has to keep it."""
    _is_open(before, event)
    case = case_before(before, event)
    apart(before, event, (case.owner,), "requester_approver")
    if dt.date.fromisoformat(event.body["until"]) < before.at.date():
        raise Refused(f"{event.body['until']} is over.")


def _act(verb: str, kind: str, roles: frozenset[str], says: Any, rule: Rule, summary: str) -> Act:
    return Act(verb, kind, "case", roles, says, rule, summary, _case, frozenset({"case"}))


ACTS = (
    _act(
        "confirm",
        nc.CONFIRMED,
        JUDGES,
        Confirmation,
        _from("suspected", "reopened", also=_confirms),
        "Confirm a suspicion: a requirement was not met.",
    ),
    _act(
        "reject",
        nc.REJECTED,
        JUDGES,
        Reason,
        _from("suspected", "reopened", also=_belittles),
        "Reject a suspicion, or a reopening: every requirement was met.",
    ),
    _act(
        "downgrade",
        nc.DOWNGRADED,
        JUDGES,
        Downgrade,
        _from("suspected", also=_belittles),
        "Call a suspicion an incident or an observation.",
    ),
    _act("assign", nc.ASSIGNED, DECIDES, Assignment, _is_open, "Say who sees to a case."),
    _act(
        "postpone", nc.POSTPONED, DECIDES, Postponement, _postpones, "Give a later day for the step that is waited for."
    ),
    _act(
        "contain",
        nc.CONTAINED,
        TAKES_PART,
        Containment,
        _from("confirmed"),
        "Say what was done at once, and about the consequences.",
    ),
    _act(
        "find-cause",
        nc.CAUSE_FOUND,
        WORKS,
        Cause,
        _from("contained", "ineffective", also=_finds_cause),
        "Say why it happened and how far it reaches.",
    ),
    _act(
        "plan-action",
        nc.PLANNED,
        WORKS,
        Plan,
        _from("cause_found", "planned", "approved", also=_plans),
        "Plan the action, and register what later batches must show.",
    ),
    _act(
        "return-action",
        nc.RETURNED,
        DECIDES,
        Reason,
        _from("planned"),
        "Send a plan back.",
    ),
    _act(
        "approve-action",
        nc.APPROVED,
        DECIDES,
        Statement,
        _from("planned", also=_approves),
        "Approve a plan that somebody else made.",
    ),
    _act("implement", nc.IMPLEMENTED, WORKS, Implementation, _from("approved"), "Say that the action was carried out."),
    _act(
        "verify",
        nc.VERIFIED,
        JUDGES,
        Verification,
        _from("verifying", "effective", also=_verifies),
        "Say from later batches whether the action worked.",
    ),
    _act(
        "request-waiver",
        nc.WAIVER_REQUESTED,
        WORKS,
        Reason,
        _from("contained"),
        "Ask to close without corrective action: the correction was enough.",
    ),
    _act(
        "refuse-waiver",
        nc.WAIVER_REFUSED,
        DECIDES,
        Reason,
        _from("waiver_requested"),
        "Insist on corrective action.",
    ),
    _act(
        "approve-waiver",
        nc.WAIVER_APPROVED,
        DECIDES,
        Statement,
        _from("waiver_requested", also=_approves_waiver),
        "Agree that no corrective action is needed.",
    ),
    _act(
        "close",
        nc.CLOSED,
        LEAD,
        Closure,
        _from("effective", "waived", also=_closes),
        "Close a case whose action worked, or needs none.",
    ),
)

# State → the deadline of the step that is waited for, and that step in words.
_STEPS = {
    "suspected": ("triage_days", "triage: confirm, reject or downgrade"),
    "reopened": ("triage_days", "triage of what came again: confirm or reject"),
    "confirmed": ("contain_days", "contain it"),
    "contained": ("cause_days", "find the cause and the extent"),
    "ineffective": ("cause_days", "find the cause anew: the action did not work"),
    "cause_found": ("plan_days", "plan the action"),
    "planned": ("plan_days", "approve the plan or send it back"),
    "waiver_requested": ("plan_days", "agree that no action is needed, or insist on one"),
    "approved": ("implement_days", "carry out the action"),
    "verifying": ("verify_days", "verify that the action worked"),
    "effective": ("plan_days", "close it"),
    "waived": ("plan_days", "close it"),
}


def step_in_words(case: Nonconformity) -> str:
    """What an open case waits for."""
    words = _STEPS[case.state][1]
    if case.state in nc.TO_BE_TRIAGED and case.rests_on_nothing:
        return f"{words} (what it was found in is held back or discarded since)"
    return words


def step_due(case: Nonconformity, deadlines: Deadlines) -> dt.date:
    """The last day of the step that an open case waits for: as postponed or planned, else by its severity."""
    if case.due:
        return dt.date.fromisoformat(case.due)
    name, _ = _STEPS[case.state]
    return dt.datetime.fromisoformat(case.since).date() + dt.timedelta(days=getattr(deadlines, name).of(case.severity))


def due(before: Before, deadlines: Deadlines) -> Iterator[Due]:
    """For every open case the step that it waits for, and by when."""
    for case in nc.cases_of(before.events("nonconformity.*")):
        if case.is_open:
            name = f"{case.id}/{case.state}/{case.round}"
            words = f"{case.id}: {step_in_words(case)}"
            yield Due(step_due(case, deadlines), name, case.system, words, case.owner)
