"""Concerns from inside and outside (A.3.3, A.8.3): taken in, looked at by somebody else, never lost.

What was written may name people, so it stays out of the record: it lies in a file under `AIMS_HOME`, and the record
holds a salted digest of it, the category and the system. The file can be erased; the record stays whole. Who wants to
stay unnamed uses an intake account (role service), which files for them: the event then carries no account of theirs.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from pydantic import Field

from governance.cases import nonconformity
from governance.organisation.management import Deadlines
from governance.people.acts import Act, Before, Named, Refused, apart
from governance.people.due import Due
from governance.people.roles import JUDGES, LEAD, PEOPLE
from governance.record.ledger import Event
from governance.shapes import Sha256, Strict, Text
from governance.standard.requirements import Requirement

REPORTED, ASSESSED, ERASED = "concern.reported", "concern.assessed", "concern.text_erased"
Category = Literal[
    "unfair_treatment", "wrong_result", "privacy", "safety", "misuse", "working_conditions", "improvement", "other"
]


class Report(Strict):
    """What the record keeps of a concern. The text is not among it."""

    category: Annotated[Category, Field(description="What it is about.")]
    origin: Annotated[Literal["inside", "outside"], Field(description="From inside or outside of the organisation.")]
    reporter: Annotated[
        Literal["account", "withheld"],
        Field(description="Whose concern it is: that of the account that files it, or of somebody who is not named."),
    ]
    text_sha256: Annotated[Sha256, Field(description="Salted digest of the text, which is kept apart.")]


class Assessment(Strict):
    """What a concern comes to."""

    outcome: Annotated[
        Literal["dismissed", "incident", "nonconformity", "improvement"],
        Field(description="Dismissed, an incident, a suspected nonconformity, or an improvement to be considered."),
    ]
    reason: Annotated[Text, Field(description="Why.")]
    requirement: Annotated[
        Requirement | None, Field(description="Of a nonconformity: the clause or control that was not met.")
    ] = None
    severity: Annotated[
        Literal["minor", "major", "critical"] | None, Field(description="Of a nonconformity: how grave it is.")
    ] = None


class Erasure(Strict):
    """Why the text of a concern goes; what the record holds stays."""

    reason: Annotated[Text, Field(description="Why: retention is over, somebody asked for it.")]


@dataclass(frozen=True, slots=True)
class Concern:
    """One concern as it stands. `reporter` is None where somebody stays unnamed."""

    id: str
    seq: int
    system: str
    category: str
    origin: str
    reporter: str | None
    text_sha256: str
    reported_at: str
    state: str = "reported"
    reason: str | None = None
    assessed_by: str | None = None
    assessed_at: str | None = None
    erased: bool = False

    def as_row(self) -> dict[str, Any]:
        """The listing's keys."""
        return {
            "id": self.id,
            "system": self.system,
            "state": self.state,
            "category": self.category,
            "origin": self.origin,
            "reporter": self.reporter,
            "reported_at": self.reported_at,
            "assessed_by": self.assessed_by,
            "assessed_at": self.assessed_at,
            "reason": self.reason,
            "text_sha256": self.text_sha256,
            "text_erased": self.erased,
        }


def concerns_of(events: Iterable[Event]) -> dict[int, Concern]:
    """All concerns by the number of their first event, from the events of the kinds `concern.*`."""
    found: dict[int, Concern] = {}
    for event in events:
        body = event.body
        if event.kind == REPORTED:
            reporter = event.actor if body["reporter"] == "account" else None
            said = (
                event.subject.split("/")[0],
                body["category"],
                body["origin"],
                reporter,
                body["text_sha256"],
                event.at,
            )
            found[event.seq] = Concern(f"C-{event.seq}", event.seq, *said)
        elif body.get("concern") in found:
            found[body["concern"]] = _extended(found[body["concern"]], event)
    return found


def _extended(concern: Concern, event: Event) -> Concern:
    if event.kind == ERASED:
        return replace(concern, erased=True)
    said = replace(concern, state=event.body["outcome"], reason=event.body["reason"])
    return replace(said, assessed_by=event.actor, assessed_at=event.at)


def _system(_before: Before, name: str) -> Named:
    return f"{name}/concern", {}


def _concern(before: Before, name: str) -> Named:
    found = next((c for c in concerns_of(before.events("concern.*")).values() if c.id == name.upper()), None)
    if found is None:
        raise Refused(f"There is no concern {name!r}. See `aims concerns`.")
    return f"{found.system}/concern", {"concern": found.seq}


def concern_before(before: Before, event: Event) -> Concern:
    """The concern that the event is about, as it stood."""
    found = concerns_of(before.events("concern.*", subject=event.subject)).get(event.body["concern"])
    if found is None:
        raise Refused(f"There is no concern C-{event.body['concern']} about {event.subject.split('/')[0]}.")
    return found


def _may_report(before: Before, event: Event) -> None:
    account = before.account(event.actor)
    assert account is not None  # the door has looked
    is_intake = "service" in account.roles
    if event.body["reporter"] == "withheld" and not is_intake and event.body["origin"] == "inside":
        raise Refused(
            f"The event would carry the account {event.actor}, whoever's concern it is: somebody inside who stays "
            "unnamed files through an intake account (role service)."
        )
    if event.body["reporter"] == "account" and is_intake:
        raise Refused(f"{event.actor} is an intake account and has no concerns of its own: the reporter is withheld.")


def _may_assess(before: Before, event: Event) -> None:
    concern, body = concern_before(before, event), event.body
    if concern.state not in ("reported", "improvement"):
        raise Refused(f"{concern.id} was assessed already: {concern.state}.")
    apart(before, event, (concern.reporter,), "requester_approver")
    wanted = body["outcome"] == "nonconformity"
    if wanted != (body["requirement"] is not None) or wanted != (body["severity"] is not None):
        raise Refused("A nonconformity says --requirement and --severity, and nothing else does.")


def _may_erase(before: Before, event: Event) -> None:
    concern = concern_before(before, event)
    if concern.erased:
        raise Refused(f"The text of {concern.id} was erased already.")
    if concern.state == "reported":
        raise Refused(f"{concern.id} was not assessed yet, and nobody could any more without its text.")


def _open_case(connection: sa.Connection, event: Event) -> None:
    body, number = event.body, f"C-{event.body['concern']}"
    if body["outcome"] != "nonconformity":
        return
    nonconformity.suspect(
        connection,
        system=event.subject.split("/")[0],
        requirement=body["requirement"],
        segment=number,
        source="concern",
        severity=body["severity"],
        reason=body["reason"],
        owner=None,
        evidence={"concern": number, "assessed": event.seq},
        at=dt.datetime.fromisoformat(event.at),
    )


_OF = frozenset({"concern"})
# Made by `aims concern`, which keeps the text apart: neither text nor digest is an option of an act.
REPORT = Act(
    "report-concern", REPORTED, "system", PEOPLE | {"service"}, Report, _may_report, "Report a concern.", _system
)
ERASE = Act(
    "erase-concern", ERASED, "concern", LEAD, Erasure, _may_erase,
    "Erase the text of a concern.", _concern, _OF,
)  # fmt: skip
ACTS = (
    Act(
        "assess-concern", ASSESSED, "concern", JUDGES, Assessment, _may_assess, "Say what a concern comes to.",
        _concern, _OF, then=_open_case,
    ),
)  # fmt: skip
RECORDED = (REPORT, ERASE)


def due(before: Before, deadlines: Deadlines) -> Iterator[Due]:
    """Concerns that nobody has assessed: within the time of a major suspicion's triage."""
    for concern in concerns_of(before.events("concern.*")).values():
        if concern.state == "reported":
            on = dt.date.fromisoformat(concern.reported_at[:10]) + dt.timedelta(days=deadlines.triage_days.major)
            yield Due(on, concern.id, concern.system, "assess the concern", None)
