"""Separations of duty, and the documented exceptions from them that a small team may need (5.3, A.3.2).

An exception names one duty, one account and one system, says what makes up for it, ends on a day, is granted by
somebody else than whoever asked and whoever it is for, and is listed in the management review.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from governance.ledger import Event

REQUESTED, GRANTED, WITHDRAWN = "exception.requested", "exception.granted", "exception.withdrawn"
# What is needed for longer is no exception.
DAYS_AT_MOST = 92

DUTIES = {
    "author_approver": "whoever wrote something does not approve it.",
    "requester_approver": "whoever asked for something does not approve it.",
    "implementer_verifier": "whoever did something does not verify or close it.",
    "answerable_rejecter": "whoever answers for what was breached cannot alone reject it or call it less.",
    "auditor_audited": "whoever audits something has not owned, written, approved or done it.",
}


@dataclass(frozen=True, slots=True)
class Exemption:
    """One exception, as it stands."""

    id: str
    duty: str
    account: str
    system: str
    until: dt.date
    reason: str
    instead: str
    requested_by: str
    granted_by: str | None = None
    withdrawn: bool = False

    def holds(self, day: dt.date) -> bool:
        """Whether it was granted and has neither ended nor been withdrawn on that day; it holds on its last."""
        return self.granted_by is not None and not self.withdrawn and day <= self.until

    def as_row(self, day: dt.date) -> dict[str, Any]:
        """The listing's keys."""
        state = "withdrawn" if self.withdrawn else "requested" if self.granted_by is None else "granted"
        return {
            "id": self.id,
            "duty": self.duty,
            "account": self.account,
            "system": self.system,
            "state": "expired" if state == "granted" and day > self.until else state,
            "until": self.until.isoformat(),
            "reason": self.reason,
            "instead": self.instead,
            "requested_by": self.requested_by,
            "granted_by": self.granted_by,
        }


def exemptions_of(events: Iterable[Event]) -> dict[str, Exemption]:
    """All exceptions by id (`EX-12`), from the events of the kinds `exception.*`."""
    found: dict[str, Exemption] = {}
    for event in events:
        enter_exemption(found, event)
    return found


def enter_exemption(found: dict[str, Exemption], event: Event) -> None:
    """What one event makes of the exceptions; one about a request that was never made makes nothing of them."""
    body, name = event.body, f"EX-{event.seq}"
    if event.kind == REQUESTED and body.keys() >= {"duty", "account", "until", "reason", "instead"}:
        until = dt.date.fromisoformat(body["until"])
        asked = (body["duty"], body["account"], event.subject.split("/")[0], until, body["reason"], body["instead"])
        found[name] = Exemption(name, *asked, requested_by=event.actor)
        return
    name = f"EX-{body.get('request')}"
    if name in found and event.kind == GRANTED:
        found[name] = replace(found[name], granted_by=event.actor)
    elif name in found and event.kind == WITHDRAWN:
        found[name] = replace(found[name], withdrawn=True)


def excepted(exemptions: Iterable[Exemption], duty: str, account: str, system: str, day: dt.date) -> bool:
    """Whether one of these exceptions lets the account stand on both sides of the duty, on that day."""
    return any(
        item.holds(day) and (item.duty, item.account, item.system) == (duty, account, system) for item in exemptions
    )
