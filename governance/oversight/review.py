"""Management review (9.3): opened on the record as of a size, decided by people, its decisions followed into the next.

What stands in front of a review is `governance.oversight.review_pack`, computed from the record before the review was
opened and from nothing else: it is the same for everybody at any later time, and its digest is kept.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from pydantic import Field

from governance.organisation.management import Deadlines
from governance.people.acts import SERVICE, Act, Before, Named, Refused, apart
from governance.people.due import Due, months_later
from governance.people.roles import LEAD, PEOPLE
from governance.record import ledger
from governance.record.canonical import digest
from governance.record.ledger import Event
from governance.shapes import AccountId, Strict, Text

OPENED, PACKED, CLOSED = "review.opened", "review.pack_fixed", "review.closed"
DECIDED, POSTPONED, COMPLETED = "review.decision_recorded", "review.decision_postponed", "review.decision_completed"
AUTOMATIC = frozenset({PACKED})
SUBJECT = "organisation/review"


class Opening(Strict):
    """Why there is a review now."""

    occasion: Annotated[Text, Field(description="Why now: at the planned interval, or what happened.")]


class Decision(Strict):
    """What was decided, who sees to it, and by when."""

    category: Annotated[
        Literal["improvement", "change", "resources", "risk", "other"], Field(description="What it is about.")
    ]
    decision: Annotated[Text, Field(description="What was decided.")]
    owner: Annotated[AccountId, Field(description="Account that sees to it.")]
    due: Annotated[dt.date, Field(description="Last day for doing it.")]


class Postponement(Strict):
    """A later day for a decision."""

    until: Annotated[dt.date, Field(description="The new last day.")]
    reason: Annotated[Text, Field(description="Why.")]


class Completion(Strict):
    """That what was decided was done."""

    done: Annotated[Text, Field(description="What was done, and where it can be seen.")]


class Closing(Strict):
    """Who took part, and what the review comes to."""

    attendance: Annotated[tuple[AccountId, ...], Field(min_length=1, description="Account of somebody who took part.")]
    conclusion: Annotated[Text, Field(description="Whether the management system is suitable, adequate and effective.")]


@dataclass(frozen=True, slots=True)
class Decided:
    """One decision as it stands."""

    id: str
    seq: int
    review: int
    category: str
    decision: str
    owner: str
    due: str
    decided_at: str
    done: str | None = None
    done_at: str | None = None
    done_by: str | None = None

    def as_row(self, day: str) -> dict[str, Any]:
        """The listing's keys, as of a day (ISO)."""
        return {
            "id": self.id,
            "review": f"MR-{self.review}",
            "category": self.category,
            "decision": self.decision,
            "owner": self.owner,
            "due": self.due,
            "state": "done" if self.done else "overdue" if self.due < day else "open",
            "done": self.done,
            "done_at": self.done_at,
            "done_by": self.done_by,
        }


@dataclass(frozen=True, slots=True)
class Review:
    """One review as it stands. `size` is the number of events in front of it."""

    id: str
    seq: int
    at: str
    occasion: str
    opened_by: str
    pack_sha256: str | None = None
    pack_version: int | None = None
    attendance: tuple[str, ...] = ()
    conclusion: str | None = None
    closed_at: str | None = None

    @property
    def size(self) -> int:
        """The record's size that the pack is about: all events before the opening."""
        return self.seq - 1

    def as_row(self) -> dict[str, Any]:
        """The listing's keys."""
        return {
            "id": self.id,
            "state": "closed" if self.closed_at else "open",
            "at": self.at,
            "size": self.size,
            "occasion": self.occasion,
            "opened_by": self.opened_by,
            "attendance": list(self.attendance),
            "conclusion": self.conclusion,
            "closed_at": self.closed_at,
            "pack_sha256": self.pack_sha256,
        }


def reviews_of(events: Iterable[Event]) -> dict[int, Review]:
    """All reviews by the number of the event that opened them, from the events of the kinds `review.*`."""
    found: dict[int, Review] = {}
    for event in events:
        body, number = event.body, event.body.get("review")
        if event.kind == OPENED:
            found[event.seq] = Review(f"MR-{event.seq}", event.seq, event.at, body["occasion"], event.actor)
        elif event.kind == PACKED and number in found:
            found[number] = replace(found[number], pack_sha256=body["sha256"], pack_version=body["version"])
        elif event.kind == CLOSED and number in found:
            said = {"conclusion": body["conclusion"], "closed_at": event.at}
            found[number] = replace(found[number], attendance=tuple(body["attendance"]), **said)
    return found


def decisions_of(events: Iterable[Event]) -> dict[int, Decided]:
    """All decisions by the number of the event that recorded them, from the events of the kinds `review.*`."""
    found: dict[int, Decided] = {}
    for event in events:
        body, number = event.body, event.body.get("decision_event")
        if event.kind == DECIDED:
            said = (body["category"], body["decision"], body["owner"], body["due"], event.at)
            found[event.seq] = Decided(f"D-{event.seq}", event.seq, body["review"], *said)
        elif event.kind == POSTPONED and number in found:
            found[number] = replace(found[number], due=body["until"])
        elif event.kind == COMPLETED and number in found:
            found[number] = replace(found[number], done=body["done"], done_at=event.at, done_by=event.actor)
    return found


# Rules


def _organisation(_before: Before, name: str) -> Named:
    if name != "organisation":
        raise Refused(f"A review is of the whole management system: say organisation, not {name!r}.")
    return SUBJECT, {}


def _review(before: Before, name: str) -> Named:
    found = next((r for r in reviews_of(before.events("review.*")).values() if r.id == name.upper()), None)
    if found is None:
        raise Refused(f"There is no review {name!r}. See `aims review`.")
    return SUBJECT, {"review": found.seq}


def _decision(before: Before, name: str) -> Named:
    found = next((d for d in decisions_of(before.events("review.*")).values() if d.id == name.upper()), None)
    if found is None:
        raise Refused(f"There is no decision {name!r}. See `aims review`.")
    return SUBJECT, {"decision_event": found.seq}


def _may_open(before: Before, event: Event) -> None:
    open_ones = [review for review in reviews_of(before.events("review.*")).values() if review.closed_at is None]
    if open_ones:
        raise Refused(f"{open_ones[0].id} is open: close it first.")


def _is_open(before: Before, event: Event) -> None:
    review = reviews_of(before.events("review.*")).get(event.body["review"])
    if review is None or review.closed_at is not None:
        raise Refused(f"MR-{event.body['review']} is not open.")


def _is_person(before: Before, name: str, what: str) -> None:
    account = before.account(name)
    if account is None or account.closed or "service" in account.roles:
        raise Refused(f"{name} has no open account of a person, and {what}.")


def _may_decide(before: Before, event: Event) -> None:
    _is_open(before, event)
    _is_person(before, event.body["owner"], "somebody must see to it")
    if dt.date.fromisoformat(event.body["due"]) < before.at.date():
        raise Refused(f"The last day {event.body['due']} is over.")


def _open_decision(before: Before, event: Event) -> Decided:
    found = decisions_of(before.events("review.*")).get(event.body["decision_event"])
    if found is None or found.done is not None:
        raise Refused(f"D-{event.body['decision_event']} is not open.")
    return found


def _may_postpone(before: Before, event: Event) -> None:
    """The day is not moved by whoever has to keep it."""
    found = _open_decision(before, event)
    apart(before, event, (found.owner,), "requester_approver")
    if dt.date.fromisoformat(event.body["until"]) < before.at.date():
        raise Refused(f"{event.body['until']} is over.")


def _may_complete(before: Before, event: Event) -> None:
    """Said by whom it was given to. Whether it helped is seen in the next review, which lists it."""
    found = _open_decision(before, event)
    if event.actor != found.owner:
        raise Refused(f"{found.id} was given to {found.owner}, who says when it is done.")


def _may_close(before: Before, event: Event) -> None:
    _is_open(before, event)
    for name in event.body["attendance"]:
        _is_person(before, name, "a review is attended by people")
    if len(set(event.body["attendance"])) < 2:
        raise Refused("A review that one person holds alone is none: name the others with --attendance.")
    if event.actor not in event.body["attendance"]:
        raise Refused(f"{event.actor} closes the review and is not among those who took part.")


# What the record draws from an act by itself


def pack_of(connection: sa.Connection, review: Review) -> dict[str, Any]:
    """What stands in front of this review, whenever it is asked for."""
    from governance.oversight.review_pack import pack

    earlier = [r for r in reviews_of(ledger.events(connection, kind="review.*", before=review.seq)).values()]
    since = max((r.seq for r in earlier), default=0)
    return pack(connection, review.size, since=since, at=review.at)


def _fix(connection: sa.Connection, event: Event) -> None:
    from governance.oversight.review_pack import VERSION

    found = reviews_of(ledger.events(connection, kind="review.*"))[event.seq]
    body = {"review": event.seq, "size": found.size, "version": VERSION, "sha256": digest(pack_of(connection, found))}
    ledger.append(connection, PACKED, SUBJECT, body, actor=SERVICE, at=dt.datetime.fromisoformat(event.at))


def pack_faults(connection: sa.Connection) -> Iterator[str]:
    """Every review whose pack is another one today, in words; packs of other versions are not compared."""
    from governance.oversight.review_pack import VERSION

    for review in reviews_of(ledger.events(connection, kind="review.*")).values():
        if review.pack_sha256 is None:
            yield f"event {review.seq} ({OPENED}, {SUBJECT}): its pack was never fixed."
        elif review.pack_version == VERSION and _digest(connection, review) != review.pack_sha256:
            yield f"event {review.seq} ({OPENED}, {SUBJECT}): made again, the pack is another one."


def _digest(connection: sa.Connection, review: Review) -> str | None:
    try:
        return digest(pack_of(connection, review))
    except (LookupError, TypeError, ValueError):
        return None  # the record holds something that no act leaves, which is named elsewhere


ACTS = (
    Act(
        "open-review", OPENED, "organisation", LEAD, Opening, _may_open, "Open a management review.",
        _organisation, then=_fix,
    ),
    Act(
        "record-decision", DECIDED, "review", LEAD, Decision, _may_decide, "Record what a review decided.",
        _review, frozenset({"review"}),
    ),
    Act(
        "close-review", CLOSED, "review", LEAD, Closing, _may_close, "Close a review: who took part, what it comes to.",
        _review, frozenset({"review"}),
    ),
    Act(
        "postpone-decision", POSTPONED, "decision", LEAD, Postponement, _may_postpone, "Give a decision a later day.",
        _decision, frozenset({"decision_event"}),
    ),
    Act(
        "complete-decision", COMPLETED, "decision", PEOPLE, Completion, _may_complete, "Say that a decision is done.",
        _decision, frozenset({"decision_event"}), of_system=False,
    ),
)  # fmt: skip


def due(before: Before, deadlines: Deadlines) -> Iterator[Due]:
    """Decisions that are open, a review that is, and the next one."""
    told = list(before.events("review.*"))
    for decision in decisions_of(told).values():
        if decision.done is None:
            on = dt.date.fromisoformat(decision.due)
            yield Due(on, decision.id, "organisation", f"carry out: {decision.decision}", decision.owner)
    reviews = list(reviews_of(told).values())
    for review in reviews:
        if review.closed_at is None:
            on = dt.date.fromisoformat(review.at[:10]) + dt.timedelta(days=deadlines.triage_days.minor)
            yield Due(on, review.id, "organisation", "close the review", review.opened_by)
            return
    since = max((review.at for review in reviews), default=None) or before.begun
    if since:
        on = months_later(dt.date.fromisoformat(since[:10]), deadlines.review_every_months)
        yield Due(on, f"review-programme/{since[:10]}", "organisation", "hold the next management review", None)
