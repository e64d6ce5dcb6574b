"""What should be there and is not: absence is a finding of its own (9.1), level-triggered and never an event lost."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from governance.batches import ABSENT, Standing, standings
from governance.declared import periods
from governance.declared.declarations import Declaration
from governance.register import Register

# Outcomes come later and apart.
OF_ROWS = ("production", "reference")


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
    known = {batch: found for (batch, part), found in standings(register, declaration.id).items() if part in OF_ROWS}
    due = set(periods.due_batches(declaration.system, as_of))
    found = []
    for batch in periods.all_batches(declaration.system):
        state, reason = _state(batch, judged, known.get(batch, Standing()), due)
        label = periods.label_of(declaration.system, batch)
        found.append(BatchState(declaration.id, batch, label, state, reason))
    return found


def record_absences(declaration: Declaration, register: Register, at: dt.datetime) -> int:
    """Enters every absent batch into the ledger, once. Returns how many were new."""
    new = 0
    for item in states(declaration, register, at.date()):
        if item.state == "absent":
            body = {"batch": item.batch, "reason": item.reason}
            new += register.record(ABSENT, f"{item.system}/{item.batch}", body, at=at, unless="batch") is not None
    return new


def _state(batch: str, judged: dict[str, dict[str, str | None]], standing: Standing, due: set[str]) -> tuple[str, str]:
    came = standing.usable
    if standing.held:
        return "held", standing.held.body["reason"]
    if came is None and standing.discarded:
        return "absent", f"discarded after review: {standing.discarded.body['reason']}"
    if batch in judged and (came is None or judged[batch].get("data") == came.body["digest"]):
        return "judged", ""
    if came:
        return "landed", "landed anew, not judged since" if batch in judged else "landed, not judged yet"
    if batch in due:
        return "absent", "its period and grace are over and nothing was landed"
    return "expected", "not due yet"
