"""Tells people, once per finding. The ledger is the outbox: what has no `alert.sent` event has not been told."""

from __future__ import annotations

import logging

from assets.home import Site
from governance.declarations import Declaration
from governance.ledger import Event
from governance.register import SERVICE

LOG = logging.getLogger("aims.alert")
KINDS = ("nonconformity.suspected", "batch.held", "batch.absent", "run.failed")
SENT = "alert.sent"


def deliver(declarations: dict[str, Declaration], site: Site) -> int:
    """Logs every finding that was not told yet; returns how many there were.

    Told first and noted after: a kill between the two tells somebody twice, never not at all.
    """
    told = {event.subject for event in site.register.events(SENT)}
    pending = [e for kind in KINDS for e in site.register.events(kind) if f"event/{e.seq}" not in told]
    for event in sorted(pending, key=lambda e: e.seq):
        system = event.subject.split("/")[0]
        declaration = declarations.get(system)
        to = ", ".join(declaration.system.alerts) if declaration else "operations"
        LOG.warning("%s → %s", _line(event), to)
        site.register.record(SENT, f"event/{event.seq}", {"to": to, "by": SERVICE, "channel": "log"}, at=site.at)
    return len(pending)


def _line(event: Event) -> str:
    body = event.body
    if event.kind == "nonconformity.suspected":
        reason = body["evidence"]["reason"]
        return f"suspected nonconformity NC-{event.seq} {event.subject} in batch {body['batch']}: {reason}"
    words = {"batch.held": "held back", "batch.absent": "absent", "run.failed": "run failed (operations)"}
    return f"{words[event.kind]}: {event.subject}: {body.get('reason', '')}"
