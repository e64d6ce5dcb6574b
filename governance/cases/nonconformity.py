"""Nonconformities as a projection of the ledger (10.2): what is suspected, what people made of it, where it stands.

The pipeline opens a suspicion, attaches later batches, restated values, facts and observations, and reopens what
comes again. Everything else is an act of a named person (`governance.cases.corrective_action`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import sqlalchemy as sa

from governance.people.acts import SERVICE
from governance.record import ledger
from governance.record.ledger import Event
from governance.records import Outcome

SUSPECTED = "nonconformity.suspected"
ATTACHED = "nonconformity.attached"
RESTATED = "nonconformity.restated"
REOPENED = "nonconformity.reopened"
FACTS = "nonconformity.facts_attached"
OBSERVED = "nonconformity.observed"
SET_ASIDE = "nonconformity.batch_set_aside"
TAKEN_BACK = "nonconformity.batch_taken_back"
CONFIRMED = "nonconformity.confirmed"
REJECTED = "nonconformity.rejected"
DOWNGRADED = "nonconformity.downgraded"
ASSIGNED = "nonconformity.assigned"
POSTPONED = "nonconformity.postponed"
CONTAINED = "nonconformity.contained"
CAUSE_FOUND = "nonconformity.cause_found"
PLANNED = "nonconformity.action_planned"
RETURNED = "nonconformity.action_returned"
APPROVED = "nonconformity.action_approved"
IMPLEMENTED = "nonconformity.action_implemented"
VERIFIED = "nonconformity.verified"
WAIVER_REQUESTED = "nonconformity.waiver_requested"
WAIVER_REFUSED = "nonconformity.waiver_refused"
WAIVER_APPROVED = "nonconformity.waiver_approved"
CLOSED = "nonconformity.closed"

# What only the pipeline appends.
AUTOMATIC = frozenset({SUSPECTED, ATTACHED, RESTATED, REOPENED, FACTS, OBSERVED, SET_ASIDE, TAKEN_BACK})

Source = Literal["criterion", "audit", "requirement", "concern"]
# Where nothing is left to do; a further breach opens a new, linked case.
ENDED = frozenset({"rejected", "incident", "observation"})
# Where a further breach joins the case: all but what has ended, and what was closed, which it reopens.
CLOSED_STATE = "closed"
# Where the case waits for a person to say what it is.
TO_BE_TRIAGED = frozenset({"suspected", "reopened"})


@dataclass(frozen=True, slots=True)
class Observation:
    """A later batch, held against the criterion that was registered before the action.

    `look` is the number of the event that judged the batch; `synthetic` says that its rows were made and not met.
    """

    batch: str
    verdict: Outcome
    n: int
    reason: str
    look: int
    synthetic: bool


@dataclass(frozen=True, slots=True)
class Nonconformity:
    """One case: a requirement and segment of one system, with the batches in which it was not met.

    Attributes
    ----------
    criterion : str
        The criterion that was breached; for other sources the requirement (`8.4`, an audit's finding).
    round : int
        Grows when an action turned out ineffective and when the case was reopened.
    steps : dict
        Kind of event → the newest one of that kind in this round.
    implementers : frozenset of str
        Accounts that carried out an action, in whichever round.
    observations : tuple
        Of this round, since its action was implemented; the newest look at each batch, in the batches' order.
    aside : tuple of str
        Batches that it was found in or that were observed, and that are held back or discarded since: what they show
        counts neither for nor against an action. What becomes of the case is for people.
    """

    id: str
    opened_seq: int
    system: str
    criterion: str
    segment: str
    source: Source
    state: str
    severity: str
    opened_at: str
    batches: tuple[str, ...]
    restated: tuple[str, ...]
    evidence: dict[str, Any]
    owner: str | None
    previous: str | None
    round: int = 1
    since: str = ""
    due: str | None = None
    steps: dict[str, Event] = field(default_factory=dict)
    implementers: frozenset[str] = frozenset()
    observations: tuple[Observation, ...] = ()
    aside: tuple[str, ...] = ()

    @property
    def rests_on_nothing(self) -> bool:
        """Whether every batch that it was found in is held back or discarded since."""
        return bool(self.batches) and set(self.batches) <= set(self.aside)

    @property
    def is_open(self) -> bool:
        """Whether something is left to do."""
        return self.state not in ENDED and self.state != CLOSED_STATE

    @property
    def answerable(self) -> str | None:
        """The party that answers for what was not met: the criterion's owner, or whom the finding names."""
        return (self.evidence.get("criterion") or self.evidence).get("owner")

    @property
    def subject(self) -> str:
        """The ledger's subject."""
        return f"{self.system}/{self.criterion}/{self.segment}"

    @property
    def plan(self) -> dict[str, Any] | None:
        """What was planned in this round, its effectiveness criterion with it."""
        planned = self.steps.get(PLANNED)
        return planned.body if planned else None

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
            "evidence": {**self.evidence, **self._numbers(), "parts": self._parts(), **self._looks()},
            "owner": self.owner,
            "due": self.due,
            "source": self.source,
            "round": self.round,
        }

    def _looks(self) -> dict[str, list[str]]:
        return {"restated": list(self.restated), "set_aside": list(self.aside)}

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
    return cases_of(ledger.events(connection, kind="nonconformity.*", prefix=prefix, subject=subject))


def current(connection: sa.Connection, subject: str) -> Nonconformity | None:
    """The newest case about this system, criterion and segment."""
    return next(reversed(project(connection, subject=subject)), None)


def next_event(
    case: Nonconformity | None, batch: str, outcome: Outcome, *, at: dt.datetime, look_back_days: int | None = None
) -> str | None:
    """What a verdict on `batch` adds to the register: an opening, a batch, a restated value, or nothing.

    A breach after the closing reopens the case, or opens a linked one when it was closed more than `look_back_days`
    ago (None: however long).
    """
    known = case is not None and batch in case.batches and batch not in case.restated
    if outcome is Outcome.BREACH:
        return _of_breach(case, known, at, look_back_days)
    # A broken tool states nothing, so it restates nothing.
    return RESTATED if known and outcome is not Outcome.NOT_EVALUATED else None


def _of_breach(case: Nonconformity | None, known: bool, at: dt.datetime, look_back_days: int | None) -> str | None:
    if case is None:
        return SUSPECTED
    if case.is_open:
        return ATTACHED
    if known:
        return None  # judged anew, for another version of the program: what was decided about it was decided
    if case.state in ENDED:
        return SUSPECTED
    days = (at - dt.datetime.fromisoformat(case.since)).days
    return REOPENED if look_back_days is None or days <= look_back_days else SUSPECTED


def suspect(
    connection: sa.Connection,
    *,
    system: str,
    requirement: str,
    segment: str,
    source: Source,
    severity: str,
    reason: str,
    owner: str | None,
    evidence: dict[str, Any],
    at: dt.datetime,
) -> Event | None:
    """Opens a suspicion that rests on no verdict (an audit's finding, an overdue review, a concern), or attaches to it.

    One open case for each system, requirement and segment. Returns None where the same reason stands there already.

    Parameters
    ----------
    evidence : dict
        Plain data without anybody's values; kept as it is. Where an act led to this, it names the act's event.
    """
    subject = f"{system}/{requirement}/{segment}"
    case = current(connection, subject)
    whole = {**evidence, "reason": reason, "severity": severity, "criterion": None, "owner": owner}
    if case is not None and case.is_open and case.evidence.get("reason") == reason:
        return None
    kind = next_event(case, "", Outcome.BREACH, at=at)
    assert kind is not None
    body = {
        "batch": None,
        "source": source,
        "case": case.opened_seq if case and kind != SUSPECTED else None,
        "previous_case": case.id if case and kind == SUSPECTED else None,
        "evidence": whole,
    }
    return ledger.append(connection, kind, subject, body, actor=SERVICE, at=at)


def cases_of(events: Iterable[Event]) -> list[Nonconformity]:
    """The cases that these events tell, in the order in which they were opened."""
    cases: dict[int, Nonconformity] = {}
    for event in events:
        if event.kind == SUSPECTED:
            cases[event.seq] = _opened(event)
        elif event.body["case"] in cases:
            case = cases[event.body["case"]]
            cases[case.opened_seq] = _extended(case, event)
        # An event about a case that there is not was written past the door: `acts_faults` names it.
    return list(cases.values())


def _opened(event: Event) -> Nonconformity:
    system, criterion, segment = event.subject.split("/", 2)
    evidence, batch = event.body["evidence"], event.body["batch"]
    return Nonconformity(
        id=f"NC-{event.seq}",
        opened_seq=event.seq,
        system=system,
        criterion=criterion,
        segment=segment,
        source=event.body.get("source", "criterion"),
        state="suspected",
        severity=evidence["severity"],
        opened_at=event.at,
        batches=(batch,) if batch else (),
        restated=(),
        evidence=evidence,
        owner=(evidence["criterion"] or {}).get("owner") or evidence.get("owner"),
        previous=event.body["previous_case"],
        since=event.at,
        steps={SUSPECTED: event},
    )


# Event of a person → the state that the case is in after it.
_STATES = {
    CONFIRMED: "confirmed",
    REJECTED: "rejected",
    CONTAINED: "contained",
    CAUSE_FOUND: "cause_found",
    PLANNED: "planned",
    RETURNED: "cause_found",
    APPROVED: "approved",
    IMPLEMENTED: "verifying",
    WAIVER_REQUESTED: "waiver_requested",
    WAIVER_REFUSED: "contained",
    WAIVER_APPROVED: "waived",
    CLOSED: CLOSED_STATE,
}


def _extended(case: Nonconformity, event: Event) -> Nonconformity:
    if event.kind in _STATES:
        # To say that nothing came again leaves what was done about it before as it stands.
        reclosed = event.kind == REJECTED and case.state == "reopened"
        return _as_said(_moved(case, event, CLOSED_STATE if reclosed else _STATES[event.kind]), event)
    if event.kind not in _EXTENSIONS:
        raise ValueError(f"Unknown event {event.kind!r} at {event.seq}: this version cannot read the register.")
    return _EXTENSIONS[event.kind](case, event)


def _moved(case: Nonconformity, event: Event, state: str) -> Nonconformity:
    return replace(case, state=state, since=event.at, due=None, steps={**case.steps, event.kind: event})


def _as_said(case: Nonconformity, event: Event) -> Nonconformity:
    """What an act changes beside the state."""
    if event.kind == CONFIRMED:
        return replace(case, owner=event.body["owner"] or case.owner, severity=event.body["severity"] or case.severity)
    if event.kind == PLANNED:
        return replace(case, owner=event.body["owner"] or case.owner, due=event.body["due"])
    if event.kind == IMPLEMENTED:
        return replace(case, implementers=case.implementers | {event.actor}, observations=())
    return case


def _joined(case: Nonconformity, event: Event) -> Nonconformity:
    batch = event.body["batch"]
    batches = case.batches if batch is None or batch in case.batches else (*case.batches, batch)
    return replace(case, batches=batches, restated=tuple(b for b in case.restated if b != batch))


def _with_restated(case: Nonconformity, event: Event) -> Nonconformity:
    return replace(case, restated=(*case.restated, event.body["batch"]))


def _without(case: Nonconformity, event: Event) -> Nonconformity:
    return replace(case, aside=tuple(sorted({*case.aside, event.body["batch"]})))


def _with_again(case: Nonconformity, event: Event) -> Nonconformity:
    return replace(case, aside=tuple(batch for batch in case.aside if batch != event.body["batch"]))


def _again(case: Nonconformity, event: Event) -> Nonconformity:
    """Reopened: a new round, in which nothing of the one before counts as done but who did it."""
    case = _moved(_joined(case, event), event, "reopened")
    opening = {kind: step for kind, step in case.steps.items() if kind in (SUSPECTED, REOPENED)}
    return replace(case, round=case.round + 1, observations=(), steps=opening)


def _downgraded(case: Nonconformity, event: Event) -> Nonconformity:
    return _moved(case, event, event.body["to"])


def _assigned(case: Nonconformity, event: Event) -> Nonconformity:
    return replace(case, owner=event.body["owner"])


def _postponed(case: Nonconformity, event: Event) -> Nonconformity:
    return replace(case, due=event.body["until"])


def _with_step(case: Nonconformity, event: Event) -> Nonconformity:
    return replace(case, steps={**case.steps, f"{event.kind}/{event.body.get('step', '')}": event})


def _observed(case: Nonconformity, event: Event) -> Nonconformity:
    body = event.body
    seen = Observation(
        body["batch"], Outcome(body["verdict"]), body["n"], body["reason"], body["look"], body["synthetic"]
    )
    others = [item for item in case.observations if item.batch != seen.batch]
    return replace(case, observations=tuple(sorted((*others, seen), key=lambda item: item.batch)))


def _verified(case: Nonconformity, event: Event) -> Nonconformity:
    if event.body["effective"]:
        return _moved(case, event, "effective")
    # What was done did not help: the cause is looked for again, in a new round.
    kept = {kind: step for kind, step in case.steps.items() if kind in (SUSPECTED, REOPENED, CONFIRMED, CONTAINED)}
    return replace(_moved(case, event, "ineffective"), round=case.round + 1, steps={**kept, VERIFIED: event})


_EXTENSIONS: dict[str, Callable[[Nonconformity, Event], Nonconformity]] = {
    ATTACHED: _joined,
    RESTATED: _with_restated,
    REOPENED: _again,
    DOWNGRADED: _downgraded,
    ASSIGNED: _assigned,
    POSTPONED: _postponed,
    FACTS: _with_step,
    OBSERVED: _observed,
    SET_ASIDE: _without,
    TAKEN_BACK: _with_again,
    VERIFIED: _verified,
}
