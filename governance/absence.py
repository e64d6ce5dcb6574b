"""What should be there and is not: absence is a finding of its own (9.1), level-triggered and never an event lost."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from governance.declared import periods
from governance.declared.declarations import Declaration
from governance.record.ledger import Event
from governance.register import Register


@dataclass(frozen=True, slots=True)
class BatchState:
    """Where one expected batch stands: judged, held, landed (but not judged), absent or not yet due."""

    system: str
    batch: str
    label: str
    state: str
    reason: str


def states(declaration: Declaration, register: Register, as_of: dt.date) -> list[BatchState]:
    """Every declared batch of the system, expected against evaluated."""
    judged = {batch: event.body["inputs"] for batch, event in register.judged_batches(declaration.id).items()}
    landed = _newest(register, "batch.landed", declaration.id)
    held = _newest(register, "batch.held", declaration.id)
    due = set(periods.due_batches(declaration.system, as_of))
    found = []
    for batch in periods.all_batches(declaration.system):
        state, reason = _state(batch, judged, landed, held, due)
        label = periods.label_of(declaration.system, batch)
        found.append(BatchState(declaration.id, batch, label, state, reason))
    return found


def record_absences(declaration: Declaration, register: Register, at: dt.datetime) -> int:
    """Enters every absent batch into the ledger, once. Returns how many were new."""
    new = 0
    for item in states(declaration, register, at.date()):
        if item.state == "absent":
            body = {"batch": item.batch, "reason": item.reason}
            new += (
                register.record("batch.absent", f"{item.system}/{item.batch}", body, at=at, unless="batch") is not None
            )
    return new


def _state(
    batch: str,
    judged: dict[str, dict[str, str | None]],
    landed: dict[str, Event],
    held: dict[str, Event],
    due: set[str],
) -> tuple[str, str]:
    came, refused = landed.get(batch), held.get(batch)
    if refused and (came is None or refused.seq > came.seq):
        return "held", refused.body["reason"]
    if batch in judged and (came is None or judged[batch].get("data") == came.body["digest"]):
        return "judged", ""
    if came:
        return "landed", "landed anew, not judged since" if batch in judged else "landed, not judged yet"
    if batch in due:
        return "absent", "its period and grace are over and nothing was landed"
    return "expected", "not due yet"


def _newest(register: Register, kind: str, system: str) -> dict[str, Event]:
    """Batch → the newest such event about its rows (outcomes come later and apart)."""
    found = {}
    for event in register.events(kind, f"{system}/"):
        _, batch, part = event.subject.split("/")
        if part in ("production", "reference"):
            found[batch] = event
    return found
