"""Which processes there are: every act that a person may do, and every kind of event that only the pipeline appends."""

from __future__ import annotations

from governance import appointing, corrective_action
from governance.acts import Act

PROCESSES = (appointing, corrective_action)
ACTS: tuple[Act, ...] = tuple(act for process in PROCESSES for act in process.ACTS)
BY_VERB = {act.verb: act for act in ACTS}
# What the record may hold of acts, `aims token issue` included.
RECORDED = (*ACTS, appointing.ISSUE)
# Kinds of events that both a person and the pipeline may append.
AUTOMATIC = frozenset(kind for process in PROCESSES for kind in getattr(process, "AUTOMATIC", ()))
