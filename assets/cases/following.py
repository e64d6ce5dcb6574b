"""Follows every open case: facts, batches that are held since, later batches, what is due; and every assessment.

Level-triggered: it looks at what the record says now, so it may run as often as one likes, and what a killed run left
undone is done by the next one. Nothing here decides anything; people do (`governance.cases.corrective_action`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from assets.cases.causes import candidates
from assets.cases.extent import sweep
from assets.cases.observing import observe
from assets.judged.reassessing import note_changes, suspect_overdue
from assets.judged.replaying import replay_pending
from assets.kept.home import Site
from governance import processes, reminders
from governance.batches import out_of_use
from governance.cases import nonconformity
from governance.cases.incidents import find_late
from governance.cases.nonconformity import FACTS, SET_ASIDE, TAKEN_BACK, Nonconformity
from governance.declared.declarations import Declaration
from governance.faults import DeclarationFaults, Fault
from governance.organisation.laid_down import declared_deadlines
from governance.organisation.management import Deadlines
from governance.people.acts import SERVICE, Before
from governance.record import ledger

# What was confirmed gets its facts; what is only suspected has its frozen evidence.
FACTS_FOR = frozenset({"confirmed", "contained", "ineffective", "cause_found", "planned"})


@dataclass(frozen=True, slots=True)
class Followed:
    """How many facts, observations, reminders, and questions about an assessment were new.

    `faults` are those of the document that sets the deadlines: with any, nothing was looked at for being due.
    """

    facts: int
    observations: int
    reminders: int
    reassessments: int = 0
    faults: tuple[Fault, ...] = ()


def follow(declarations: Mapping[str, Declaration], site: Site) -> Followed:
    """One pass over all assessments and cases."""
    faults: tuple[Fault, ...] = ()
    deadlines = None
    try:
        deadlines = declared_deadlines()
    except DeclarationFaults as error:
        # No day can be said, and that keeps no fact from being attached.
        faults = error.faults
    asked = sum(_look_after(declaration, deadlines, site) for declaration in declarations.values())
    cases = [case for case in site.register.nonconformities() if case.is_open]
    unused = {system: out_of_use(site.register, system) for system in {case.system for case in cases}}
    for case in cases:
        _set_aside(case, unused[case.system], site)
    facts = sum(_attach(case, declarations, site) for case in cases)
    observations = sum(observe(case, site) for case in cases)
    reminded = _remind(site, deadlines) if deadlines else 0
    return Followed(facts, observations, reminded, asked, faults)


def _look_after(declaration: Declaration, deadlines: Deadlines | None, site: Site) -> int:
    """What asks for a new look at the assessment, what was not answered in time, and what approvers wait for."""
    new = note_changes(declaration, site)
    if deadlines:
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


def _set_aside(case: Nonconformity, unused: frozenset[str], site: Site) -> None:
    """Says which of its batches are held back or discarded since, and which of those are in use again."""
    if not any(_turned(case, unused)):
        return
    with ledger.writing(site.register.engine) as connection:
        now = nonconformity.current(connection, case.subject)
        if now is None or now.opened_seq != case.opened_seq or not now.is_open:
            return
        for kind, batches in zip((SET_ASIDE, TAKEN_BACK), _turned(now, unused), strict=True):
            for batch in sorted(batches):
                body = {"case": case.opened_seq, "batch": batch}
                ledger.append(connection, kind, case.subject, body, actor=SERVICE, at=site.at)


def _turned(case: Nonconformity, unused: frozenset[str]) -> tuple[set[str], set[str]]:
    """Its batches that are out of use since, and those that are in use again."""
    own, aside = {*case.batches, *(seen.batch for seen in case.observations)}, set(case.aside)
    return (own & unused) - aside, aside - unused


def _remind(site: Site, deadlines: Deadlines) -> int:
    with ledger.writing(site.register.engine) as connection:
        find_late(connection, site.at)
    with ledger.writing(site.register.engine) as connection:
        before = Before(connection, ledger.head(connection)[0] + 1, site.at)
        items = list(processes.due(before, deadlines))
        return reminders.remind(connection, items, deadlines, at=site.at)
