"""Whether every harm is watched and every promise measured, both ways (6.1.4, A.5.4): what is missing, in a sentence.

Faults of the files are found when they are read (`governance.declared.declarations`). Here is what fails although the
files are sound: no approval, a review that is overdue, a criterion about which nothing is measured; and notes, which
fail nothing: what is declared and nobody judges.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from governance.approval.approvals import demonstration_is_due, in_force, unanswered, versions
from governance.declared.assessment import ImpactAssessment, without_anchor
from governance.declared.columns import views
from governance.declared.declarations import Declaration
from governance.declared.system import kind_of
from governance.people.acts import Before
from governance.records import Outcome


def approval_gap(declaration: Declaration, before: Before | None, day: dt.date) -> str | None:
    """Why nobody has approved the assessment as it stands; None where somebody has.

    `before` is the record, None where there is none: then only a demonstration can stand for an approval.
    """
    assessment, digest = declaration.assessment, declaration.assessment_digest
    known = versions(before, declaration.id) if before else []
    now = in_force(known)
    if now and now.digest == digest:
        return f"the review was due by {now.review_by}: submit or keep it" if now.overdue(day) else None
    if declaration.is_demonstrated and (before is None or demonstration_is_due(before, declaration.id, digest)):
        overdue = day > assessment.review_by
        return f"the review was due by {assessment.review_by}" if overdue else None
    named = f"assessment version {assessment.version} ({digest[:12]})"
    if now:
        return f"{named} is NOT approved as it stands: version {now.number} ({now.digest[:12]}) goes on being judged"
    if declaration.approval and not declaration.is_demonstrated:
        return f"{named} is NOT approved as it stands: approval.yaml is for other bytes. No verdicts until it is"
    newest = next((version for version in reversed(known) if version.digest == digest), None)
    state = f"it is {newest.state}" if newest else f"no approval is in the record{'' if before else ', which is empty'}"
    return f"{named} is NOT approved: {state}. No verdicts until somebody approves it (docs/processes)"


def measuring_gaps(declaration: Declaration, rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Criteria about which nothing was measured in the newest batch that was judged.

    `rows` are its verdicts by the version in force; the assessment is that version's.
    """
    by_criterion: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        by_criterion.setdefault(row["criterion"], []).append(row)
    for criterion in declaration.assessment.criteria if by_criterion else ():
        if criterion.window != "batch":
            continue
        mine = by_criterion.get(criterion.id, [])
        if all(row["verdict"] == Outcome.NOT_EVALUATED for row in mine):
            why = mine[0]["reason"] if mine else "it has no verdict"
            batch = next(iter(by_criterion.values()))[0]["batch"]
            yield f"criterion {criterion.id} is not measured (harm {criterion.harm}, batch {batch}): {why}"


def never_measured(declaration: Declaration, rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Criteria that had no value in any batch or window judged by the version in force; `rows` are its verdicts.

    Told and no failure: outcomes may not be in yet, or the group may come one day.
    """
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault(row["criterion"], []).append(row)
    for name in (c.id for c in declaration.assessment.criteria):
        mine = found.get(name, [])
        if mine and all(row["value"] is None and row["verdict"] != Outcome.NOT_EVALUATED for row in mine):
            batches = len({row["batch"] for row in mine})
            yield f"criterion {name} had no value in any of {batches} looks so far: {mine[-1]['reason']}"


def notes(declaration: Declaration) -> Iterator[str]:
    """What a reader of the assessment should know, and what fails nothing."""
    assessment = declaration.assessment
    for criterion in without_anchor(assessment):
        yield (
            f"{criterion} has a rolling reference, which learns a slow drift in; keep a criterion against the frozen "
            "one beside it"
        )
    unwatched = list(_unwatched(declaration))
    if unwatched:
        yield f"no criterion looks at {', '.join(unwatched)}: measured, and not judged"
    yield from _unanswered_for(assessment)


def questions(before: Before, system: str) -> Iterator[str]:
    """What asks for a new look at the version in force."""
    for item in unanswered(before, system):
        yield f"RA-{item.seq} asks for a new look since {item.since}: {item.what}"


def _unwatched(declaration: Declaration) -> Iterator[str]:
    """Columns and groupings that were declared for a reason, and that no promise is about."""
    criteria, system = declaration.assessment.criteria, declaration.system
    columns = {column for criterion in criteria for column in criterion.columns}
    grouped = {criterion.grouping for criterion in criteria}
    for name in dict.fromkeys((*system.having("feature"), *system.having("attribute"))):
        by_group = any(name in grouping.by and grouping.name in grouped for grouping in system.groupings)
        if not by_group and not columns & set(views(name, kind_of(system, declaration.types, name))):
            yield name
    yield from (f"the grouping {g.name}" for g in system.groupings if g.name not in grouped)


def _unanswered_for(assessment: ImpactAssessment) -> Iterator[str]:
    for harm in assessment.harms:
        if harm.not_measured_because and not harm.reviewed_by:
            yield f"harm {harm.id} is not measured, and nobody is named who looks at it instead (`reviewed_by`)"
    treated = {measure.harm for measure in assessment.measures}
    for harm in assessment.harms:
        if harm.severity == "high" and harm.id not in treated and not harm.accepted_because:
            yield f"harm {harm.id} is high, has no measure, and nobody says why it is borne (`accepted_because`)"
    if not assessment.benefits:
        yield "`benefits` are not stated, and it is they that the harms are weighed against"
