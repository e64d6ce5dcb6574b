"""Which version of a system's impact assessment is in force, and what is asked of it (6.1.4, 8.4): a projection.

A version is the bytes of `impact_assessment.yaml`, by their digest. It is in force when its submission was approved,
until another one is or the approval is withdrawn; it goes on being in force when its review is overdue
(decision 0023), and when the file beside it has been edited since (decision 0024).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from governance.people.accounts import CHANGED, CLOSED, OPENED, accounts_of
from governance.people.acts import SERVICE, Before
from governance.record.ledger import Event

SUBMITTED, APPROVED = "assessment.submitted", "assessment.approved"
REFUSED, WITHDRAWN = "assessment.refused", "assessment.withdrawn"
REPLAYED, DUE, KEPT = "assessment.replayed", "assessment.reassessment_due", "assessment.kept"
OVERDUE = "assessment.reassessment_overdue"
KINDS = (SUBMITTED, APPROVED, REFUSED, WITHDRAWN, REPLAYED, DUE, KEPT)

TRIGGERS = {
    "new_model": "another model version was trained or released",
    "schema_change": "the contract or the columns have changed",
    "population_shift": "the population is no longer the one that was assessed",
    "new_segment": "a group is seen that the reference did not have",
    "loosened_limit": "a limit was loosened that nobody has approved so",
    "time": "the day of the review has passed",
}


@dataclass(frozen=True, slots=True)
class Version:
    """One submission of an assessment, and what became of it.

    Attributes
    ----------
    seq : int
        Of the event of its submission.
    against : int or None
        Submission of the version in force that it was compared with.
    declared : mapping
        Digests of what was declared beside it: `contract`, `columns`; and `release`, the limits of `model.yaml`.
    state : str
        `submitted`, `approved`, `refused`, `withdrawn`, or `replaced` by a later one.
    approved_seq : int or None
        Of the event of its approval.
    demonstration : bool
        Approved by an account that is no real person.
    review_by : date
        The last day on which it is not overdue; a later one than in the file where it was kept until then.
    """

    seq: int
    system: str
    digest: str
    number: int
    text: str
    author: str
    submitted_by: str
    submitted_at: str
    review_by: dt.date
    against: int | None
    changes: dict[str, Any]
    declared: dict[str, Any]
    reason: str
    state: str = "submitted"
    decided_by: str | None = None
    decided_at: str | None = None
    statement: str | None = None
    approved_seq: int | None = None
    demonstration: bool = False
    replay: dict[str, Any] | None = None

    @property
    def loosens(self) -> bool:
        """Whether it promises anything less strictly than the version that it was submitted against."""
        return bool(self.changes.get("criteria_removed") or self.changes.get("loosened"))

    def overdue(self, day: dt.date) -> bool:
        """Whether its review should have happened by now; it may still happen on the day itself."""
        return day > self.review_by

    def as_row(self, day: dt.date) -> dict[str, Any]:
        """The listing's keys."""
        return {
            "system": self.system,
            "version": self.number,
            "digest": self.digest,
            "state": self.state,
            "author": self.author,
            "submitted_by": self.submitted_by,
            "submitted_at": self.submitted_at,
            "decided_by": self.decided_by,
            "decided_at": self.decided_at,
            "statement": self.statement,
            "demonstration": self.demonstration,
            "review_by": self.review_by.isoformat(),
            "overdue": self.state == "approved" and self.overdue(day),
            "changes": self.changes,
            "replay": self.replay,
        }


@dataclass(frozen=True, slots=True)
class Reassessment:
    """Something happened that the assessment in force did not reckon with; `version` is that one's submission."""

    seq: int
    system: str
    version: int
    trigger: str
    about: str
    what: str
    since: dt.date
    evidence: tuple[int, ...]
    answer: str | None = None
    answered_by: str | None = None

    def as_row(self) -> dict[str, Any]:
        """The listing's keys."""
        return {
            "id": f"RA-{self.seq}",
            "system": self.system,
            "trigger": self.trigger,
            "what": self.what,
            "since": self.since.isoformat(),
            "answer": self.answer,
            "answered_by": self.answered_by,
            "evidence": list(self.evidence),
        }


def versions_of(events: Iterable[Event], accounts: Iterable[Event] = ()) -> list[Version]:
    """All submissions of one system, in order, from its events `assessment.*` and from those `account.*`."""
    found: dict[int, Version] = {}
    opened = list(accounts)
    for event in events:
        if event.kind == SUBMITTED:
            found[event.seq] = _submitted(event)
        elif event.kind == APPROVED and event.actor != SERVICE:  # the pipeline's: a file that was found (decision 1)
            found = {seq: replace(v, state="replaced") if v.state == "approved" else v for seq, v in found.items()}
            was = accounts_of(e for e in opened if e.seq < event.seq).get(event.actor)
            change = {"approved_seq": event.seq, "demonstration": was is not None and was.demonstration}
            found |= _decided(found, event, "approved", **change)
        elif event.kind == REFUSED:
            found |= _decided(found, event, "refused")
        elif event.kind == WITHDRAWN:
            found |= _decided(found, event, "withdrawn")
        elif event.kind == REPLAYED:
            seq = event.body["submission"]
            found[seq] = replace(found[seq], replay={k: v for k, v in event.body.items() if k != "submission"})
        elif event.kind == KEPT and event.body["review_by"]:
            seq = event.body["submission"]
            found[seq] = replace(found[seq], review_by=dt.date.fromisoformat(event.body["review_by"]))
    return list(found.values())


def in_force(versions: Iterable[Version]) -> Version | None:
    """The one that is approved, or None."""
    return next((version for version in versions if version.state == "approved"), None)


def pending(versions: Iterable[Version]) -> Version | None:
    """The newest one that waits for a decision, or None. An older one that nobody decided on is passed over."""
    found = list(versions)
    return found[-1] if found and found[-1].state == "submitted" else None


def versions(before: Before, system: str) -> list[Version]:
    """All submissions of a system's assessment, as the record stood."""
    return versions_of(_told(before, system), _accounts(before))


def in_force_on(before: Before, system: str, day: dt.date) -> Version | None:
    """Which version was in force at the end of that day (UTC)."""
    until = [e for e in _told(before, system) if e.at[:10] <= day.isoformat()]
    return in_force(versions_of(until, _accounts(before)))


def demonstration_is_due(before: Before, system: str, digest: str) -> bool:
    """Whether a demonstration approval of these bytes, which stands beside them, belongs into the record.

    Not where the newest that was submitted or decided is about them already (a person may have withdrawn it), and not
    where a real person has approved or submitted anything that still stands.
    """
    known = versions(before, system)
    now, newest = in_force(known), known[-1] if known else None
    if newest is None:
        return True
    waits = newest.state == "submitted"
    if (now and not now.demonstration) or (waits and not is_demonstration(before, newest.submitted_by)):
        return False
    return newest.digest != digest or waits


def is_demonstration(before: Before, name: str) -> bool:
    """Whether this account is no real person."""
    account = before.account(name)
    return account is not None and account.demonstration


def reassessments(before: Before, system: str) -> list[Reassessment]:
    """Everything that asked for a new look at an assessment, in order, with its answer.

    An answer is the decision of a second person to keep the version, or a version that replaced it. One that was
    submitted answers for as long as nobody has refused it.
    """
    known = {version.seq: version for version in versions(before, system)}
    found: dict[int, Reassessment] = {}
    for event in _told(before, system):
        if event.kind == DUE:
            found[event.seq] = _due(event)
        elif event.kind == KEPT:
            for seq in event.body["answers"]:
                found[seq] = replace(found[seq], answer="kept", answered_by=event.actor)
        elif event.kind == SUBMITTED:
            found |= _answered(found, event, known)
    return list(found.values())


def unanswered(before: Before, system: str) -> list[Reassessment]:
    """What asks for a new look at the version in force and has no answer."""
    now = in_force(versions(before, system))
    return [r for r in reassessments(before, system) if now and r.version == now.seq and r.answer is None]


def _told(before: Before, system: str) -> list[Event]:
    """Kind by kind, which an index answers: this is asked for every batch, however long the record is."""
    return sorted((e for kind in KINDS for e in before.events(kind, subject=system)), key=lambda event: event.seq)


def _accounts(before: Before) -> list[Event]:
    kinds = (OPENED, CHANGED, CLOSED)
    return sorted((e for kind in kinds for e in before.events(kind)), key=lambda event: event.seq)


def _submitted(event: Event) -> Version:
    body = event.body
    return Version(
        seq=event.seq,
        system=event.subject,
        digest=body["assessment"],
        number=body["version"],
        text=body["text"],
        author=body["author"],
        submitted_by=event.actor,
        submitted_at=event.at,
        review_by=dt.date.fromisoformat(body["review_by"]),
        against=body["against"],
        changes=body["changes"],
        declared=body["declared"],
        reason=body["reason"],
    )


def _decided(found: dict[int, Version], event: Event, state: str, **change: Any) -> dict[int, Version]:
    said = event.body.get("statement") or event.body.get("reason")
    seq = event.body["submission"]
    done = {"state": state, "decided_by": event.actor, "decided_at": event.at, "statement": said, **change}
    return {seq: replace(found[seq], **done)}


def _due(event: Event) -> Reassessment:
    body = event.body
    since, evidence = dt.date.fromisoformat(event.at[:10]), tuple(body["evidence"])
    return Reassessment(
        event.seq, event.subject, body["submission"], body["trigger"], body["about"], body["what"], since, evidence
    )


def _answered(found: dict[int, Reassessment], event: Event, known: dict[int, Version]) -> dict[int, Reassessment]:
    version = known[event.seq]
    if version.state == "refused":
        return {}
    answer = f"version {version.number} {version.state}"
    return {
        seq: replace(item, answer=answer, answered_by=event.actor) for seq, item in found.items() if item.answer is None
    }
