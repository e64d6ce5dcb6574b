"""Which processes there are: every act that a person may do, and every kind of event that only the pipeline appends."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from governance import reminders
from governance.approval import accepting, assessing, releasing
from governance.cases import concerns, corrective_action, incidents, personal_orders, quarantine, schema_changes
from governance.organisation import agreement
from governance.organisation.management import Deadlines
from governance.oversight import audit, review
from governance.people import appointing
from governance.people.acts import Act, Before
from governance.people.due import Due

PROCESSES: tuple[Any, ...] = (
    agreement,
    appointing,
    assessing,
    accepting,
    releasing,
    corrective_action,
    audit,
    concerns,
    incidents,
    personal_orders,
    quarantine,
    schema_changes,
    review,
    reminders,
)
ACTS: tuple[Act, ...] = tuple(act for process in PROCESSES for act in process.ACTS)
BY_VERB = {act.verb: act for act in ACTS}
# What the record may hold of acts: those too that a command of their own makes (a token's secret, a concern's text).
RECORDED: tuple[Act, ...] = (
    *ACTS,
    appointing.ISSUE,
    *(act for process in PROCESSES for act in getattr(process, "RECORDED", ())),
)
# Kinds of events that both a person and the pipeline may append.
AUTOMATIC = frozenset(kind for process in PROCESSES for kind in getattr(process, "AUTOMATIC", ()))


def due(before: Before, deadlines: Deadlines) -> Iterator[Due]:
    """Everything that somebody has to do by a day, over all processes."""
    for process in PROCESSES:
        if hasattr(process, "due"):
            yield from process.due(before, deadlines)
