"""Which processes there are: every act that a person may do, and every kind of event that only the pipeline appends."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from governance import accepting, appointing, assessing, corrective_action, releasing, reminders
from governance.acts import Act, Before
from governance.due import Due
from governance.management import Deadlines

PROCESSES: tuple[Any, ...] = (appointing, assessing, accepting, releasing, corrective_action, reminders)
ACTS: tuple[Act, ...] = tuple(act for process in PROCESSES for act in process.ACTS)
BY_VERB = {act.verb: act for act in ACTS}
# What the record may hold of acts, `aims token issue` included.
RECORDED = (*ACTS, appointing.ISSUE)
# Kinds of events that both a person and the pipeline may append.
AUTOMATIC = frozenset(kind for process in PROCESSES for kind in getattr(process, "AUTOMATIC", ()))


def due(before: Before, deadlines: Deadlines) -> Iterator[Due]:
    """Everything that somebody has to do by a day, over all processes."""
    for process in PROCESSES:
        if hasattr(process, "due"):
            yield from process.due(before, deadlines)
