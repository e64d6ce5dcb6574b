"""The table "What it checks": every criterion of every declared system, for the README and for auditors."""

from __future__ import annotations

from collections.abc import Iterable

from governance.declared.assessment import Criterion, ImpactAssessment
from governance.declared.metrics import METRICS

HEADER = ("System", "Check", "Metric", "About", "Limit", "Owner", "Controls")


def table_of_checks(assessments: Iterable[ImpactAssessment]) -> str:
    """A Markdown table, one row a criterion, in the order of the assessments."""
    lines = [_row(HEADER), _row("---" for _ in HEADER)]
    for assessment in assessments:
        lines += [_row(_cells(assessment, criterion)) for criterion in assessment.criteria]
    return "\n".join(lines)


def _cells(assessment: ImpactAssessment, criterion: Criterion) -> tuple[str, ...]:
    return (
        assessment.system,
        criterion.id,
        criterion.metric,
        _about(criterion),
        f"{criterion.direction} {criterion.limit:g}",
        criterion.owner,
        ", ".join(criterion.controls),
    )


def _about(criterion: Criterion) -> str:
    against = f" (against {criterion.compared_with})" if criterion.compared_with else ""
    return f"{_covered(criterion)}{against}"


def _covered(criterion: Criterion) -> str:
    if criterion.columns:
        return ", ".join(criterion.columns)
    if criterion.contrasts:
        pairs = "; ".join(f"{one} − {other}" for one, other in criterion.contrasts)
        return f"{criterion.grouping}: {pairs}"
    if METRICS[criterion.metric].about == "grouping":
        return str(criterion.grouping)
    return f"{criterion.grouping}: every group − baseline" if criterion.grouping else "all rows"


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
