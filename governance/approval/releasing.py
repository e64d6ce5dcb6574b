"""The acts on a release: request, grant, refuse, except, withdraw (A.6.2.4, A.6.2.5, 8.1).

Training and release are kept apart: the pipeline trains and measures, people release. Whoever asks does not decide.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field

from governance.approval.releases import (
    EXCEPTED,
    GRANTED,
    REFUSED,
    REQUESTED,
    TRAINED,
    WITHDRAWN,
    Release,
    excepted,
    gates_of,
    releases_of,
)
from governance.organisation.management import Deadlines
from governance.people.acts import Act, Before, Named, Refused, apart
from governance.people.due import Due
from governance.people.exceptions import DAYS_AT_MOST
from governance.people.roles import DECIDES, LEAD
from governance.people.said import Reason, Statement
from governance.record.ledger import Event
from governance.shapes import Strict, Text

ENGINEERS = frozenset({"engineer", "ml_reviewer"})


class Request(Strict):
    """Why this version should be used."""

    reason: Annotated[
        Text, Field(description="What it does better than the one that is released, or that it is the first.")
    ]


class Exemption(Strict):
    """That one gate need not hold for this release."""

    gate: Annotated[
        Literal["held_out", "snapshot", "assessment", "nonconformities"], Field(description="Which gate need not hold.")
    ]
    until: Annotated[dt.date, Field(description=f"The last day, at most {DAYS_AT_MOST} days from now.")]
    reason: Annotated[Text, Field(description="Why it cannot wait.")]
    instead: Annotated[Text, Field(description="What makes up for it until then.")]


def _trained(before: Before, system: str) -> Named:
    found = list(before.events(TRAINED, prefix=f"{system}/"))
    if not found:
        raise Refused(f"No model of {system} has been trained: run `aims run {system}` first.")
    return found[-1].subject, {"model": found[-1].body["model"], "trained": found[-1].seq}


def _request(before: Before, name: str) -> Named:
    found = _releases(before).get(name)
    if found is None:
        raise Refused(f"There is no release {name!r}. See `aims releases`.")
    return f"{found.system}/{found.name}", {"request": found.seq}


def _request_with_gates(before: Before, name: str) -> Named:
    subject, refers = _request(before, name)
    return subject, {**refers, "gates": _gates(before, _releases(before)[name])}


def _releases(before: Before) -> dict[str, Release]:
    return releases_of(before.events("release.*"))


def _the(before: Before, event: Event, *states: str) -> Release:
    found = _releases(before).get(f"REL-{event.body['request']}")
    if found is None or f"{found.system}/{found.name}" != event.subject:
        raise Refused(f"There is no release REL-{event.body['request']} of {event.subject}.")
    if found.state not in states:
        raise Refused(f"{found.id} is {found.state}, and this takes one that is {' or '.join(states)}.")
    return found


def _gates(before: Before, release: Release) -> list[dict[str, Any]]:
    day = before.at.date()
    return [gate.as_body(excepted(release, gate.name, day)) for gate in gates_of(before, release)]


def _may_request(before: Before, event: Event) -> None:
    trained = list(before.events(TRAINED, subject=event.subject))
    if not trained or (trained[-1].seq, trained[-1].body["model"]) != (event.body["trained"], event.body["model"]):
        raise Refused(f"That is not the newest version of {event.subject} that was trained.")
    for item in _releases(before).values():
        if item.model == event.body["model"] and item.state in ("requested", "released"):
            raise Refused(f"The model {item.model[:12]} is {item.state} already ({item.id}).")


def _may_release(before: Before, event: Event) -> None:
    release = _the(before, event, "requested")
    apart(before, event, (release.requested_by,), "requester_approver")
    gates = _gates(before, release)
    if event.body["gates"] != gates:
        raise Refused("The gates that it states are not what the record holds.")
    shut = [gate for gate in gates if not gate["holds"] and gate["until"] is None]
    if shut:
        found = "; ".join(f"{gate['gate']}: {gate['found']}" for gate in shut)
        raise Refused(f"{release.id} is not let through. {found}. Mend it, or see `aims act except-release --help`.")


def _may_refuse(before: Before, event: Event) -> None:
    _the(before, event, "requested")


def _may_except(before: Before, event: Event) -> None:
    release = _the(before, event, "requested")
    # Of this rule there is no exception: two people at least have let a version through that a gate would stop.
    if event.actor == release.requested_by:
        raise Refused(f"{event.actor} asked for {release.id}: somebody else must grant the exception.")
    last = before.at.date() + dt.timedelta(days=DAYS_AT_MOST)
    if not before.at.date() <= dt.date.fromisoformat(event.body["until"]) <= last:
        raise Refused(f"An exception ends between today and {last}, got {event.body['until']}.")


def _may_withdraw(before: Before, event: Event) -> None:
    _the(before, event, "released")


def due(before: Before, deadlines: Deadlines) -> Iterator[Due]:
    """Requests without a decision, and releases that rest on an exception that ends."""
    for item in _releases(before).values():
        until = item.until()
        if item.state == "requested":
            by = dt.date.fromisoformat(item.requested_at[:10]) + dt.timedelta(days=deadlines.triage_days.of("major"))
            yield Due(
                by, f"{item.id}/decide", item.system, f"decide on {item.id}: release-model or refuse-release", None
            )
        elif item.state == "released" and until:
            what = f"{item.id} rests on an exception: mend it and request anew, or withdraw-release"
            yield Due(until, f"{item.id}/exception", item.system, what, item.decided_by)


REQUEST = Act(
    "request-release",
    REQUESTED,
    "system",
    ENGINEERS,
    Request,
    _may_request,
    "Ask for the release of the model version that was trained last.",
    _trained,
    frozenset({"model", "trained"}),
)
RELEASE = Act(
    "release-model",
    GRANTED,
    "release",
    DECIDES,
    Statement,
    _may_release,
    "Release a model version, if every gate holds or is excepted.",
    _request_with_gates,
    frozenset({"request", "gates"}),
)
REFUSE = Act(
    "refuse-release",
    REFUSED,
    "release",
    DECIDES,
    Reason,
    _may_refuse,
    "Refuse the release of a model version.",
    _request,
    frozenset({"request"}),
)
EXCEPT = Act(
    "except-release",
    EXCEPTED,
    "release",
    LEAD,
    Exemption,
    _may_except,
    "Let one gate not hold for one release, until a day.",
    _request,
    frozenset({"request"}),
)
WITHDRAW = Act(
    "withdraw-release",
    WITHDRAWN,
    "release",
    DECIDES,
    Reason,
    _may_withdraw,
    "Withdraw a release: no version of the model is released then.",
    _request,
    frozenset({"request"}),
)
ACTS = (REQUEST, RELEASE, REFUSE, EXCEPT, WITHDRAW)
