"""Which version of a model is released, and on what grounds (A.6.2.4, A.6.2.5): a projection, and the gates.

A gate is asked when somebody releases and not later: what was found stands in the event. A gate that does not hold
can be passed only by an exception for this one release, which ends on a day and names what makes up for it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from governance.approval.approvals import in_force, unanswered, versions
from governance.approval.snapshots import snapshot_of
from governance.cases.nonconformity import TO_BE_TRIAGED, Nonconformity, cases_of
from governance.people.acts import Before
from governance.record.ledger import Event

REQUESTED, GRANTED, REFUSED = "release.requested", "release.granted", "release.refused"
WITHDRAWN, EXCEPTED, TRAINED = "release.withdrawn", "release.excepted", "model.trained"
GATES = {
    "held_out": "the release criteria are met on held-out rows",
    "snapshot": "the data that it was trained on has not failed its checks",
    "assessment": "an impact assessment is in force, its review is not overdue and nothing asks for a new look",
    "nonconformities": "no confirmed nonconformity of severity major or critical is open",
}
BLOCKING = frozenset({"major", "critical"})


@dataclass(frozen=True, slots=True)
class Gate:
    """One thing that a release requires, and what was found."""

    name: str
    holds: bool
    found: str

    def as_body(self, excepted_until: dt.date | None) -> dict[str, Any]:
        """As the ledger holds it; `excepted_until` where it did not hold and somebody let it pass."""
        until = excepted_until.isoformat() if excepted_until and not self.holds else None
        required = GATES[self.name]
        return {"gate": self.name, "required": required, "holds": self.holds, "found": self.found, "until": until}


@dataclass(frozen=True, slots=True)
class ReleaseException:
    """That one gate need not hold for one release, until a day."""

    gate: str
    until: dt.date
    reason: str
    instead: str
    granted_by: str


@dataclass(frozen=True, slots=True)
class Release:
    """One request to release a model version, and what became of it."""

    id: str
    seq: int
    system: str
    name: str
    model: str
    trained: int
    requested_by: str
    requested_at: str
    reason: str
    state: str = "requested"
    decided_by: str | None = None
    decided_at: str | None = None
    gates: tuple[dict[str, Any], ...] = ()
    exceptions: tuple[ReleaseException, ...] = ()

    def until(self) -> dt.date | None:
        """The day on which the first exception that it rests on ends; None where it rests on none."""
        days = [dt.date.fromisoformat(gate["until"]) for gate in self.gates if gate["until"]]
        return min(days, default=None)

    def as_row(self, day: dt.date) -> dict[str, Any]:
        """The listing's keys."""
        until = self.until()
        lapsed = self.state == "released" and until is not None and day > until
        return {
            "id": self.id,
            "system": self.system,
            "name": self.name,
            "model": self.model,
            "state": "exception expired" if lapsed else self.state,
            "requested_by": self.requested_by,
            "requested_at": self.requested_at,
            "reason": self.reason,
            "decided_by": self.decided_by,
            "decided_at": self.decided_at,
            "until": until.isoformat() if until else None,
            "gates": list(self.gates),
            "exceptions": [
                {"gate": e.gate, "until": e.until.isoformat(), "instead": e.instead, "granted_by": e.granted_by}
                for e in self.exceptions
            ],
        }


def releases_of(events: Iterable[Event]) -> dict[str, Release]:
    """All requests by id (`REL-12`), in order, from the events of the kinds `release.*`."""
    found: dict[str, Release] = {}
    for event in events:
        body = event.body
        if event.kind == REQUESTED:
            system, name = event.subject.split("/", 1)
            asked = (body["model"], body["trained"], event.actor, event.at, body["reason"])
            found[f"REL-{event.seq}"] = Release(f"REL-{event.seq}", event.seq, system, name, *asked)
            continue
        key = f"REL-{body['request']}"
        if event.kind == EXCEPTED:
            said = (body["gate"], dt.date.fromisoformat(body["until"]), body["reason"], body["instead"], event.actor)
            found[key] = replace(found[key], exceptions=(*found[key].exceptions, ReleaseException(*said)))
            continue
        if event.kind == GRANTED:
            found = {k: _replaced(r, event.subject) for k, r in found.items()}
        state = {GRANTED: "released", REFUSED: "refused", WITHDRAWN: "withdrawn"}[event.kind]
        done: dict[str, Any] = {"state": state, "decided_by": event.actor, "decided_at": event.at}
        gates = tuple(body["gates"]) if event.kind == GRANTED else found[key].gates
        found[key] = replace(found[key], **done, gates=gates)
    return found


def _replaced(release: Release, subject: str) -> Release:
    same = f"{release.system}/{release.name}" == subject
    return replace(release, state="replaced") if same and release.state == "released" else release


def released(releases: Iterable[Release]) -> dict[str, Release]:
    """Subject (`system/model`) → the version that is released now."""
    return {f"{item.system}/{item.name}": item for item in releases if item.state == "released"}


def gates_of(before: Before, release: Release) -> tuple[Gate, ...]:
    """What is required of this release, and what the record holds about it."""
    return (
        _held_out(before, release),
        *_snapshot(before, release),
        _assessment(before, release),
        _nonconformities(before, release),
    )


def excepted(release: Release, gate: str, day: dt.date) -> dt.date | None:
    """Until when this gate need not hold for this release; None where it has to."""
    days = [item.until for item in release.exceptions if item.gate == gate and day <= item.until]
    return max(days, default=None)


def trained_as(before: Before, release: Release) -> Event:
    """The training that the release is about."""
    trained = before.events(TRAINED, subject=f"{release.system}/{release.name}")
    return next(event for event in trained if event.seq == release.trained)


def _snapshot(before: Before, release: Release) -> Iterator[Gate]:
    """Nothing where the training says nothing of its data: then nobody was asked for it either."""
    snapshot = snapshot_of(before, trained_as(before, release))
    if snapshot is not None:
        yield Gate("snapshot", not snapshot.failed, snapshot.words)


def _held_out(before: Before, release: Release) -> Gate:
    trained = trained_as(before, release)
    unmet = [item["reason"] for item in trained.body["release"] if not item["met"]]
    met = [item["reason"] for item in trained.body["release"] if item["met"]]
    return Gate("held_out", not unmet, "; ".join(unmet or met))


def _assessment(before: Before, release: Release) -> Gate:
    now = in_force(versions(before, release.system))
    if now is None:
        return Gate("assessment", False, "no version is in force")
    found = f"version {now.number} ({now.digest[:12]}) is in force"
    if now.overdue(before.at.date()):
        return Gate("assessment", False, f"{found}, and its review was due by {now.review_by}")
    asking = unanswered(before, release.system)
    if asking:
        return Gate("assessment", False, f"{found}, and RA-{asking[0].seq} has no answer: {asking[0].what}")
    return Gate("assessment", True, f"{found} until {now.review_by}")


def _nonconformities(before: Before, release: Release) -> Gate:
    cases = cases_of(before.events("nonconformity.*", prefix=f"{release.system}/"))
    blocking = [case.id for case in cases if is_blocking(case)]
    suspected = sum(case.is_open and case.state in TO_BE_TRIAGED for case in cases)
    found = f"confirmed and open: {', '.join(blocking)}" if blocking else "none is confirmed and open"
    return Gate("nonconformities", not blocking, f"{found}; {suspected} suspected")


def is_blocking(case: Nonconformity) -> bool:
    """Whether a person has called it a nonconformity that weighs, and it is not over."""
    return case.is_open and case.state not in TO_BE_TRIAGED and case.severity in BLOCKING
