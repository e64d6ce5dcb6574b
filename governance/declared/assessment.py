"""The shape of `impact_assessment.yaml` (6.1.4, 8.4, A.5; after ISO/IEC 42005) and of its approval.

Harms and criteria refer to each other both ways: no criterion without a harm, no harm without a criterion or
a stated reason why nothing is measured.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from governance.declared.comparison import Against
from governance.declared.metrics import METRICS, Metric
from governance.declared.population import Intended
from governance.declared.system import Window
from governance.shapes import AccountId, Answerable, Identifier, Sha256, Strict, Text

Level = Literal["low", "medium", "high"]
# An account, never a name: nobody is named in what is recorded.
Direction = Literal["above", "below", "either"]
# The frozen reference is None: a criterion that says nothing is held against it.
Compared = Annotated[Against | None, BeforeValidator(lambda value: None if value == "frozen" else value)]


class Harm(Strict):
    """What could go wrong, for whom, how badly and how likely, before and in spite of the measures.

    `reviewed_by` looks at it where nothing is measured; `accepted_because` is why what is left of it is borne.
    """

    id: Identifier
    party: Text
    description: Text
    severity: Level
    likelihood: Level
    reversible: bool
    rationale: Text
    not_measured_because: Text | None = None
    reviewed_by: Text | None = None
    accepted_because: Text | None = None


class Measure(Strict):
    """What the organisation does about a harm, apart from watching it."""

    id: Identifier
    harm: Identifier
    description: Text


class Criterion(Strict):
    """A promise about later data that can be false, with its limit and the reason for it.

    `alpha` is the chance, in one look, of any false breach over the columns or contrasts that the criterion covers,
    when the truth stands exactly at the limit; without it, a share of the assessment's false alarms.
    """

    id: Identifier
    harm: Identifier
    metric: str
    columns: tuple[str, ...] = ()
    grouping: str | None = None
    contrasts: tuple[tuple[str, str], ...] = ()
    direction: Direction
    warn: float | None = None
    limit: float
    window: Window | Literal["batch"] = "batch"
    against: Compared = None
    min_n: Annotated[int, Field(ge=1)]
    min_label_coverage: Annotated[float, Field(ge=0, le=1)] = 0.95
    evidence: Literal["bound", "point"] = "bound"
    alpha: Annotated[float, Field(gt=0, lt=0.5)] | None = None
    on_inconclusive: Literal["report", "alert"] = "report"
    severity: Literal["minor", "major", "critical"]
    owner: Answerable
    controls: Annotated[tuple[str, ...], Field(min_length=1)]
    rationale: Text

    @model_validator(mode="after")
    def _is_whole(self) -> Criterion:
        problems = list(_criterion_problems(self))
        if problems:
            raise ValueError(" ".join(problems))
        return self

    @property
    def needs_labels(self) -> bool:
        """Whether the metric rests on outcomes."""
        return METRICS[self.metric].needs_labels

    @property
    def compared_with(self) -> str | None:
        """The name of what it is compared with; None for the frozen reference."""
        return self.against.name if self.against else None


class FalseAlarms(Strict):
    """The budget: how many nonconformities may be expected to open in a period although no limit was passed."""

    at_most: Annotated[float, Field(gt=0)]
    per: Literal["month", "quarter", "year"]


class ImpactAssessment(Strict):
    """What the system may do to whom, what is promised about it, and who answers for that."""

    id: Identifier
    version: Annotated[int, Field(ge=1)]
    system: Identifier
    author: AccountId
    review_by: dt.date
    intended_use: Text
    intended_population: tuple[Intended, ...] = ()
    benefits: tuple[Text, ...] = ()
    excluded_uses: tuple[Text, ...]
    affected_groups: Annotated[tuple[Text, ...], Field(min_length=1)]
    harms: Annotated[tuple[Harm, ...], Field(min_length=1)]
    measures: tuple[Measure, ...] = ()
    false_alarms: FalseAlarms
    criteria: Annotated[tuple[Criterion, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _harms_and_criteria_meet(self) -> ImpactAssessment:
        problems = [*_coverage_problems(self), *_population_problems(self)]
        if problems:
            raise ValueError(" ".join(problems))
        return self


class Approval(Strict):
    """`approval.yaml`: a demonstration approval of these bytes, by an account that is no real person.

    A file proves nobody: a real approval is an act in the record (`aims act approve-assessment`).
    """

    assessment_sha256: Sha256
    approved_by: AccountId
    approved_on: dt.date
    demonstration: Literal[True]
    statement: Text


def without_anchor(assessment: ImpactAssessment) -> tuple[str, ...]:
    """Criteria with a rolling reference, which learns a slow change in, that have no frozen one beside them."""

    def covered(criterion: Criterion) -> set[tuple[str, str]]:
        return {(criterion.metric, column) for column in criterion.columns or ("",)}

    anchored = {about for c in assessment.criteria if c.against is None for about in covered(c)}
    rolling = [c for c in assessment.criteria if c.against and c.against.previous]
    return tuple(c.id for c in rolling if not covered(c) <= anchored)


def _criterion_problems(criterion: Criterion) -> Iterator[str]:
    metric = METRICS.get(criterion.metric)
    if metric is None:
        yield f"Unknown metric {criterion.metric!r}. Known: {', '.join(sorted(METRICS))}."
        return
    yield from _subject_problems(criterion, metric)
    yield from _distance_problems(criterion, metric)
    if criterion.warn is not None and not _warn_comes_first(criterion):
        yield f"`warn` must be reached before `limit`, got warn {criterion.warn} and limit {criterion.limit}."
    if not metric.has_bounds and criterion.evidence == "bound":
        yield f"{metric.name!r} is measured without bounds and could never breach: say `evidence: point`."
    if criterion.evidence == "point" and criterion.alpha is not None:
        yield "With `evidence: point` the estimate alone decides: `alpha` has no meaning there."
    if criterion.against:
        yield from _against_problems(criterion)
    if criterion.direction == "either" and criterion.limit <= 0:
        yield f"With direction either, `limit` is the size of a change and must be > 0, got {criterion.limit}."


def _distance_problems(criterion: Criterion, metric: Metric) -> Iterator[str]:
    if metric.is_distance and criterion.direction != "above":
        yield f"A distance can only be too large: direction must be above, got {criterion.direction!r}."
    if metric.is_distance and criterion.limit < metric.neutral:
        nothing = f"{metric.neutral:g} when nothing changed"
        yield f"{metric.name!r} is {nothing}: `limit` must not be less, got {criterion.limit:g}."
    if (metric.needs_rows or metric.counts_rows) and criterion.window != "batch":
        sums = f"the window {criterion.window!r} is a sum of counts"
        yield f"{metric.name!r} needs rows, and {sums}: say `window: batch`."


def _against_problems(criterion: Criterion) -> Iterator[str]:
    if not METRICS[criterion.metric].compares:
        yield f"{criterion.metric!r} is not compared with a reference and takes no `against`."
    if criterion.window != "batch":
        yield "`against` is for single batches: a window is compared with the frozen reference."


def _subject_problems(criterion: Criterion, metric: Metric) -> Iterator[str]:
    if (metric.about == "column") != bool(criterion.columns):
        yield f"Metric {metric.name!r} {'takes no' if criterion.columns else 'needs'} `columns`."
    if (metric.about in ("contrast", "grouping")) != bool(criterion.grouping):
        yield f"Metric {metric.name!r} {'takes no' if criterion.grouping else 'needs'} `grouping`."
    if criterion.contrasts and not criterion.grouping:
        yield "`contrasts` goes with `grouping`."
    if criterion.contrasts and metric.about == "grouping":
        yield f"Metric {metric.name!r} is about a grouping as a whole and takes no `contrasts`."


def _warn_comes_first(criterion: Criterion) -> bool:
    assert criterion.warn is not None
    if criterion.direction == "below":
        return criterion.warn >= criterion.limit
    return criterion.warn <= criterion.limit


def _population_problems(assessment: ImpactAssessment) -> Iterator[str]:
    for criterion in assessment.criteria:
        if METRICS[criterion.metric].counts_rows and not assessment.intended_population:
            yield f"Criterion {criterion.id!r} needs an `intended_population`, and none is declared."


def _coverage_problems(assessment: ImpactAssessment) -> Iterator[str]:
    harms = {harm.id for harm in assessment.harms}
    watched = {criterion.harm for criterion in assessment.criteria}
    for kind, ids in (
        ("harm", [h.id for h in assessment.harms]),
        ("criterion", [c.id for c in assessment.criteria]),
    ):
        for twice in sorted({i for i in ids if ids.count(i) > 1}):
            yield f"The {kind} {twice!r} stands there twice: ids must be unique."
    for criterion in assessment.criteria:
        if criterion.harm not in harms:
            yield f"Criterion {criterion.id!r} names the harm {criterion.harm!r}, which is not described."
    for measure in assessment.measures:
        if measure.harm not in harms:
            yield f"Measure {measure.id!r} names the harm {measure.harm!r}, which is not described."
    for harm in assessment.harms:
        if harm.id not in watched and not harm.not_measured_because:
            yield f"Harm {harm.id!r} has no criterion and no `not_measured_because`."
