"""Follows every open case: attaches facts, observes later batches, reminds of what is due; and every assessment.

Level-triggered: it looks at what the record says now, so it may run as often as one likes, and what a killed run left
undone is done by the next one. Nothing here decides anything; people do (`governance.corrective_action`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from assets.causes import candidates
from assets.extent import sweep
from assets.home import Site
from assets.observing import observe
from assets.reassessing import note_changes, suspect_overdue
from assets.replaying import replay_pending
from governance import ledger, nonconformity, processes, reminders
from governance.acts import SERVICE, Before
from governance.declarations import Declaration
from governance.incidents import find_late
from governance.management import Deadlines
from governance.nonconformity import FACTS, Nonconformity
from governance.organisation import declared_deadlines

# What was confirmed gets its facts; what is only suspected has its frozen evidence.
FACTS_FOR = frozenset({"confirmed", "contained", "ineffective", "cause_found", "planned"})


@dataclass(frozen=True, slots=True)
class Followed:
    """How many facts, observations, reminders, and questions about an assessment were new."""

    facts: int
    observations: int
    reminders: int
    reassessments: int = 0


def follow(declarations: Mapping[str, Declaration], site: Site) -> Followed:
    """One pass over all assessments and cases.

    Raises
    ------
    DeclarationFaults
        The organisation's documents, which set the deadlines, have faults.
    """
    deadlines = declared_deadlines()
    asked = sum(_look_after(declaration, deadlines, site) for declaration in declarations.values())
    cases = [case for case in site.register.nonconformities() if case.is_open]
    facts = sum(_attach(case, declarations, site) for case in cases)
    observations = sum(observe(case, site) for case in cases)
    return Followed(facts, observations, _remind(site, deadlines), asked)


def _look_after(declaration: Declaration, deadlines: Deadlines, site: Site) -> int:
    """What asks for a new look at the assessment, what was not answered in time, and what approvers wait for."""
    new = note_changes(declaration, site)
    suspect_overdue(declaration.id, deadlines, site)
    replay_pending(declaration, site)
    return new


def _attach(case: Nonconformity, declarations: Mapping[str, Declaration], site: Site) -> int:
    """Candidates for the cause, and how far it reaches; once in each round."""
    if case.state not in FACTS_FOR or case.evidence.get("criterion") is None:
        return 0
    new = 0
    if f"{FACTS}/cause" not in case.steps:
        new += _append(case, "cause", candidates(case, site), site)
    if f"{FACTS}/extent" not in case.steps:
        new += _append(case, "extent", sweep(case, declarations, site), site)
    return new


def _append(case: Nonconformity, step: str, facts: list[dict[str, Any]], site: Site) -> bool:
    with ledger.writing(site.register.engine) as connection:
        now = nonconformity.current(connection, case.subject)
        if now is None or now.opened_seq != case.opened_seq or f"{FACTS}/{step}" in now.steps or not now.is_open:
            return False
        body = {"case": case.opened_seq, "step": step, "facts": facts}
        ledger.append(connection, FACTS, case.subject, body, actor=SERVICE, at=site.at)
    return True


def _remind(site: Site, deadlines: Deadlines) -> int:
    with ledger.writing(site.register.engine) as connection:
        find_late(connection, site.at)
    with ledger.writing(site.register.engine) as connection:
        before = Before(connection, ledger.head(connection)[0] + 1, site.at)
        items = list(processes.due(before, deadlines))
        return reminders.remind(connection, items, deadlines, at=site.at)
