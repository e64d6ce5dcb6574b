"""Acceptance of a frozen reference (8.2, A.6.2.6, A.7.4): what later batches are held against is agreed like a limit.

A reference is accepted by the digest of its profile, by somebody else than the author of the assessment: whoever sets
the limits does not alone choose what they are held against. Frozen anew to other counts, it is accepted anew.
"""

from __future__ import annotations

from governance.approval.approvals import in_force, is_demonstration, pending, versions
from governance.people.acts import Act, Before, Named, Refused, apart
from governance.people.roles import JUDGES
from governance.people.said import Statement
from governance.record.ledger import Event

FROZEN, ACCEPTED = "reference.frozen", "reference.accepted"
# Whoever judges data, and whoever answers for the system.


def acceptance(before: Before, system: str) -> Event | None:
    """The acceptance of the reference that is frozen now, or None."""
    frozen = before.last(FROZEN, system)
    if frozen is None:
        return None
    found = [e for e in before.events(ACCEPTED, subject=system) if e.body["profile"] == frozen.body["profile"]]
    return found[-1] if found else None


def _frozen(before: Before, system: str) -> Named:
    event = before.last(FROZEN, system)
    if event is None:
        raise Refused(f"The reference of {system} has not been frozen: run `aims run {system}` first.")
    return system, {"profile": event.body["profile"], "frozen": event.seq, "rows": event.body["rows"]}


def _may_accept(before: Before, event: Event) -> None:
    system, frozen = event.subject, before.last(FROZEN, event.subject)
    said = (event.body["profile"], event.body["frozen"], event.body["rows"])
    if frozen is None or (frozen.body["profile"], frozen.seq, frozen.body["rows"]) != said:
        raise Refused(f"That is not the reference of {system} that is frozen now. See `aims assessment {system}`.")
    if acceptance(before, system) is not None:
        raise Refused(f"The reference of {system} was accepted already.")
    known = versions(before, system)
    now = in_force(known)
    if now and not now.demonstration and is_demonstration(before, event.actor):
        raise Refused(f"{system} is under a real approval: no demonstration accepts its reference.")
    authors = [version.author for version in (now, pending(known)) if version]
    apart(before, event, authors, "author_approver")


ACCEPT = Act(
    "accept-reference",
    ACCEPTED,
    "system",
    JUDGES,
    Statement,
    _may_accept,
    "Accept the frozen reference: from now on batches are judged against it.",
    _frozen,
    frozenset({"profile", "frozen", "rows"}),
)
ACTS = (ACCEPT,)
