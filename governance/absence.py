"""What should be there and is not: absence is a finding of its own (9.1), level-triggered and never an event lost."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from governance import periods
from governance.declarations import Declaration
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
    judged = set(register.judged_batches(declaration.id))
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
    judged: set[str],
    landed: dict[str, tuple[int, str]],
    held: dict[str, tuple[int, str]],
    due: set[str],
) -> tuple[str, str]:
    seq, reason = held.get(batch, (0, ""))
    if seq > landed.get(batch, (0, ""))[0]:
        return "held", reason
    if batch in judged:
        return "judged", ""
    if batch in landed:
        return "landed", "landed, not judged yet"
    if batch in due:
        return "absent", "its period and grace are over and nothing was landed"
    return "expected", "not due yet"


def _newest(register: Register, kind: str, system: str) -> dict[str, tuple[int, str]]:
    """Batch → (seq, reason) of the newest such event about its rows (outcomes come later and apart)."""
    found = {}
    for event in register.events(kind, f"{system}/"):
        _, batch, part = event.subject.split("/")
        if part in ("production", "reference"):
            found[batch] = (event.seq, event.body.get("reason", ""))
    return found
