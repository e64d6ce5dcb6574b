"""How many false alarms a system may raise, and what each criterion may spend of them in one look (9.1, 10.2).

A false alarm is a nonconformity opened although the truth stands no further than at the limit. Expectations add
whatever depends on what, so the expected number in a period is the sum, over criteria and looks, of the chance of
any false breach of that criterion in that look; and that chance is what a criterion's `alpha` bounds.
"""

from __future__ import annotations

from collections.abc import Mapping

from governance.declared.assessment import Criterion, ImpactAssessment
from governance.declared.system import Period, Window

# More than this is no evidence, however few looks there are to spend the budget on.
MOST_ALPHA = 0.05
# The most batches of a kind that begin in one period.
_IN_MONTH: Mapping[str, int] = {"day": 31, "week": 5, "month": 1, "quarter": 1, "year": 1}
_IN_QUARTER: Mapping[str, int] = {"day": 92, "week": 14, "month": 3, "quarter": 1, "year": 1}
_IN_YEAR: Mapping[str, int] = {"day": 366, "week": 53, "month": 12, "quarter": 4, "year": 1}
_LOOKS = {"month": _IN_MONTH, "quarter": _IN_QUARTER, "year": _IN_YEAR}


def looks(window: Window | str, period: Period, per: str) -> int:
    """The most batches or windows of this kind that are judged in a month, quarter or year.

    A window of so many batches slides: one ends with every batch.
    """
    return _LOOKS[per][period if isinstance(window, int) or window == "batch" else window]


def with_alphas(assessment: ImpactAssessment, period: Period) -> tuple[Criterion, ...]:
    """The criteria, each with the alpha of one look at it; None where the estimate alone decides.

    What criteria ask for by themselves is taken off the budget first; the others share what is left evenly, none
    more than `MOST_ALPHA`.
    """
    share = _share(assessment, period)
    return tuple(
        criterion.model_copy(
            update={"alpha": min(share / looks(criterion.window, period, _per(assessment)), MOST_ALPHA)}
        )
        if _shares(criterion)
        else criterion
        for criterion in assessment.criteria
    )


def spent(criteria: tuple[Criterion, ...], period: Period, per: str) -> float:
    """Expected false alarms in a period if everything watched stood exactly at its limit."""
    return sum((criterion.alpha or 0) * looks(criterion.window, period, per) for criterion in criteria)


def _share(assessment: ImpactAssessment, period: Period) -> float:
    sharing = sum(map(_shares, assessment.criteria))
    asked = spent(assessment.criteria, period, _per(assessment))
    return max(assessment.false_alarms.at_most - asked, 0.0) / sharing if sharing else 0.0


def _shares(criterion: Criterion) -> bool:
    return criterion.alpha is None and criterion.evidence == "bound"


def _per(assessment: ImpactAssessment) -> str:
    return assessment.false_alarms.per


def problem(assessment: ImpactAssessment, period: Period) -> str | None:
    """Why the budget cannot be kept, or None."""
    asked, most = spent(assessment.criteria, period, _per(assessment)), assessment.false_alarms.at_most
    per = _per(assessment)
    if asked > most * (1 + 1e-9):
        return f"the criteria's own alphas add up to {asked:.3g} false alarms per {per}, the budget is {most:g}."
    if any(map(_shares, assessment.criteria)) and asked > most * (1 - 1e-9):
        return f"the criteria's own alphas use up the budget of {most:g} per {per}; nothing is left for the others."
    return None
