"""The roles that an account may have, and who may do what kind of thing (5.3)."""

from __future__ import annotations

from typing import Literal

Role = Literal["engineer", "ml_reviewer", "system_owner", "governance_lead", "auditor", "service"]

LEAD = frozenset({"governance_lead"})
AUDITOR = frozenset({"auditor"})
# Approve, release, let a day be moved.
DECIDES = LEAD | {"system_owner"}
# Say what something is: a breach, a concern, an effect.
JUDGES = DECIDES | {"ml_reviewer"}
# Find causes, plan, do.
WORKS = frozenset({"engineer", "ml_reviewer", "system_owner"})
# All who take part in running the systems; an auditor looks at them.
TAKES_PART = JUDGES | WORKS
PEOPLE = TAKES_PART | AUDITOR
