"""Where a system's assessment stands, in the words of `aims status` and `aims systems`."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from assets.judged.agreed import agreed_in, record_now
from assets.kept.home import Home, Site
from governance.approval.approvals import in_force, versions
from governance.approval.coverage import approval_gap, questions
from governance.declared.declarations import Declaration


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether the assessment is approved as its file stands, by whom, and what is wrong with that.

    Attributes
    ----------
    why : str or None
        Why nothing is judged; None where something is, or will be when something runs.
    """

    approved: bool
    demonstration: bool
    why: str | None
    findings: tuple[str, ...]


def standing_of(declaration: Declaration, place: Home) -> Standing:
    """As the record has it; where there is none, a demonstration that would be entered."""
    now = dt.datetime.now(dt.UTC)
    if not place.exists:
        gap = approval_gap(declaration, None, now.date())
        approved = declaration.is_demonstrated
        return Standing(approved, approved, None if approved else gap, ())
    with record_now(Site(place, place.register(), now, "aims")) as before:
        gap = approval_gap(declaration, before, now.date())
        version = in_force(versions(before, declaration.id))
        promised = agreed_in(before, declaration)
        asked = tuple(questions(before, declaration.id))
    if version is None:
        # A demonstration that nobody has run yet.
        return Standing(gap is None, declaration.is_demonstrated, promised.why if gap else None, asked)
    findings = (gap, *asked) if gap else asked
    approved = version.digest == declaration.assessment_digest
    return Standing(approved, version.demonstration, promised.why, findings)
