"""Whether an objective is attained, from what was recorded, on a day (6.2, 9.1).

`attained`, `not attained`, or `not evidenced` where the record does not say: nothing was recorded, or too much of it is
inconclusive. Nobody types an attainment in.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from governance.absence import states
from governance.declarations import Declarations
from governance.nonconformity import CONFIRMED, CONTAINED, ENDED, TO_BE_TRIAGED, Nonconformity, cases_of
from governance.objectives import LARGER_IS_BETTER, ByCriterion, ByFigure, Figure, Objective
from governance.organisation import Organisation
from governance.records import Outcome
from governance.register import Register
from governance.standing import until

ATTAINED, MISSED, UNKNOWN = "attained", "not attained", "not evidenced"
# Both keep the limit; a warning says that it is near.
WITHIN = frozenset({Outcome.CONFORMING, Outcome.WARNING})


@dataclass(frozen=True, slots=True)
class Attainment:
    """Where an objective stands: the state, the value that it rests on, and the reason in words."""

    state: str
    value: float | None
    reason: str


def objective_rows(
    organisation: Organisation, systems: Declarations, register: Register | None, as_of: dt.date
) -> list[dict[str, Any]]:
    """The objectives, with the listing's keys. Without a register, nothing was recorded."""
    rows = []
    for objective in organisation.objectives.objectives:
        found = attainment(objective, organisation, systems, register, as_of)
        by = objective.criterion
        rows.append(
            {
                "id": objective.id,
                "statement": objective.statement,
                "owner": objective.owner,
                "due": objective.due.isoformat(),
                "controls": list(objective.controls),
                "measure": f"{by.system}/{by.criterion}" if by else _figure(objective).figure,
                "target": by.share_within_limit if by else _figure(objective).target,
                "value": found.value,
                "state": found.state,
                "overdue": found.state != ATTAINED and as_of > objective.due,
                "reason": found.reason,
            }
        )
    return rows


def attainment(
    objective: Objective,
    organisation: Organisation,
    systems: Declarations,
    register: Register | None,
    as_of: dt.date,
) -> Attainment:
    """Where one objective stands at the end of that day."""
    if register is None:
        return Attainment(UNKNOWN, None, "nothing is recorded yet")
    if objective.criterion:
        by = objective.criterion
        rows = register.verdicts(system=by.system, as_known_on=as_of)
        return by_verdicts(by, [row for row in rows if row["criterion"] == by.criterion])
    return by_figure(_figure(objective), organisation, systems, register, as_of)


def by_verdicts(by: ByCriterion, rows: Iterable[Mapping[str, Any]]) -> Attainment:
    """Of the verdicts of the last so many judged batches: how many keep the limit, how many could.

    What is inconclusive or was not evaluated may have been either: the objective is attained only where it would be
    with all of them beyond the limit, and not attained only where it would not be with all of them within.
    """
    batches: dict[str, list[str]] = {}
    for row in rows:
        batches.setdefault(row["batch"], []).append(row["verdict"])
    last = sorted(batches)[-by.last_batches :]
    if len(last) < by.last_batches:
        return Attainment(UNKNOWN, None, f"{len(last)} of {by.last_batches} batches were judged by it")
    found = [verdict for batch in last for verdict in batches[batch]]
    within = sum(verdict in WITHIN for verdict in found)
    unknown = sum(verdict not in WITHIN | {Outcome.BREACH} for verdict in found)
    words = f"{within} of {len(found)} verdicts keep the limit, {unknown} are not known, from {last[0]} to {last[-1]}"
    # 0.28 of 25 is 7.000000000000001 to a computer: seven must do.
    needed = by.share_within_limit * len(found) - 1e-9
    if within >= needed:
        return Attainment(ATTAINED, within / len(found), words)
    if within + unknown < needed:
        return Attainment(MISSED, within / len(found), words)
    return Attainment(UNKNOWN, None, words)


def by_figure(
    by: ByFigure, organisation: Organisation, systems: Declarations, register: Register, as_of: dt.date
) -> Attainment:
    """A figure of the register against its target."""
    if by.figure == "share_of_due_batches_judged":
        return _held_against(by, *due_batches_judged(systems, register, as_of))
    if by.figure == "documents_overdue_for_review":
        return _held_against(by, *overdue_reviews(organisation, systems, as_of))
    return by_waits(by, cases_of(until(register.events("nonconformity.*"), as_of)), as_of)


def _held_against(by: ByFigure, value: float | None, words: str) -> Attainment:
    if value is None:
        return Attainment(UNKNOWN, None, words)
    kept = value >= by.target if LARGER_IS_BETTER[by.figure] else value <= by.target
    return Attainment(ATTAINED if kept else MISSED, value, words)


def by_waits(by: ByFigure, cases: Iterable[Nonconformity], as_of: dt.date) -> Attainment:
    """The longest that a case opened lately waited for triage, or a confirmed one for containment.

    One that still waits counts with the days up to now: leaving it lie must not make the figure better. Where all still
    wait and are in time, nothing was shown yet.
    """
    first = as_of - dt.timedelta(days=by.over_days)
    lately = [case for case in cases if _day(case.opened_at) >= first]
    waits = [wait for case in lately if (wait := _wait(by.figure, case, as_of)) is not None]
    step = "triaged" if by.figure == "days_to_triage" else "contained"
    if not waits:
        return Attainment(UNKNOWN, None, f"no case of the last {by.over_days} days had to be {step}")
    still = sum(pending for _, pending in waits)
    found = _held_against(by, float(max(days for days, _ in waits)), f"longest of {len(waits)}, {still} still wait")
    if found.state == ATTAINED and still == len(waits):
        return Attainment(UNKNOWN, found.value, f"all of {still} still wait to be {step}, in time so far")
    return found


def _wait(figure: Figure, case: Nonconformity, as_of: dt.date) -> tuple[int, bool] | None:
    """Days, and whether it still waits."""
    confirmed, contained = case.steps.get(CONFIRMED), case.steps.get(CONTAINED)
    if figure == "days_to_triage":
        if case.state in TO_BE_TRIAGED:
            return (as_of - _day(case.since or case.opened_at)).days, True
        triaged = confirmed.at if confirmed else case.since if case.state in ENDED else None
        return ((_day(triaged) - _day(case.opened_at)).days, False) if triaged else None
    if confirmed is None:
        return None
    end = _day(contained.at) if contained else as_of
    return (end - _day(confirmed.at)).days, contained is None


def due_batches_judged(systems: Declarations, register: Register, as_of: dt.date) -> tuple[float | None, str]:
    """Of all batches that were due by that day, the share that is judged as the record stands now."""
    found = [item for d in systems.sound.values() for item in states(d, register, as_of) if item.state != "expected"]
    if not found:
        return None, "no batch was due"
    judged = sum(item.state == "judged" for item in found)
    return judged / len(found), f"{judged} of {len(found)} batches that were due"


def overdue_reviews(organisation: Organisation, systems: Declarations, as_of: dt.date) -> tuple[float | None, str]:
    """The organisation's documents and the impact assessments whose day of review is over."""
    days = {name: titled.review_by for name, titled in organisation.titled.items()}
    days |= {f"{d.id}'s impact assessment": d.assessment.review_by for d in systems.sound.values()}
    over = [name for name, day in days.items() if as_of > day]
    return float(len(over)), f"of {len(days)} documents{': ' if over else ''}{', '.join(over)}"


def _figure(objective: Objective) -> ByFigure:
    assert objective.figure is not None  # an objective is measured by one of the two
    return objective.figure


def _day(at: str) -> dt.date:
    return dt.datetime.fromisoformat(at).date()
