"""The one place where a measurement meets a limit. Knows no statistics.

Order, first match wins: not evaluated · undefined, too few rows, labels not in → inconclusive · near bound beyond
the limit → breach · noise floor or detectable change larger than the limit → inconclusive · warning · conforming.
At the limit exactly is conforming.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from governance.declared.assessment import Criterion
from governance.declared.metrics import METRICS
from governance.records import Measurement, Outcome, Verdict
from monitors.levels import EVERY, Contrast, covered_by

ALL_ROWS = "all rows"


@dataclass(frozen=True, slots=True)
class Labels:
    """How much of the outcome is known: share of rows with a label, and whether the delay has passed.

    `columns` are those that rest on the outcome, as the label of a regression does. `earlier` is the share in what a
    criterion compares with, by its name, where that is not the frozen reference.
    """

    coverage: float | None
    mature: bool
    columns: frozenset[str] = frozenset()
    earlier: Mapping[str, float | None] = field(default_factory=dict)


def judge(
    measurement: Measurement, criterion: Criterion, labels: Labels, segment: str = ALL_ROWS, family_size: int = 1
) -> Verdict:
    """One measurement against one criterion, one of `family_size` questions that it asks in this look."""
    outcome, reason = _decide(measurement, criterion, labels)
    return Verdict(
        criterion=criterion.id,
        segment=segment,
        outcome=outcome,
        measurement=measurement,
        warn=criterion.warn,
        limit=criterion.limit,
        direction=criterion.direction,
        severity=criterion.severity,
        reason=reason,
        family_alpha=criterion.alpha,
        family_size=family_size,
    )


def judge_all(
    measurements: Iterable[Measurement],
    criteria: Iterable[Criterion],
    contrasts: Iterable[Contrast],
    labels: Labels,
) -> tuple[tuple[Measurement, ...], tuple[Verdict, ...]]:
    """Every criterion against everything it covers.

    What a criterion asks for and nobody measured becomes a broken measurement, so that a missing check is seen.
    Returns all measurements (those included) and the verdicts.
    """
    found = list(measurements)
    by_question = {(m.metric, m.column or m.segment or EVERY, m.against): m for m in found}
    known, verdicts = tuple(contrasts), []
    for criterion in criteria:
        covered = covered_by(criterion, known)
        for where in covered:
            measurement = by_question.get((criterion.metric, where, criterion.compared_with))
            if measurement is None:
                measurement = _never_measured(criterion, where)
                found.append(measurement)
            verdicts.append(judge(measurement, criterion, labels, where or ALL_ROWS, len(covered)))
    return tuple(found), tuple(verdicts)


def _never_measured(criterion: Criterion, where: str) -> Measurement:
    column, segment = (where, None) if criterion.columns else (None, where or None)
    return Measurement(
        criterion.metric,
        None,
        0,
        "",
        "",
        column=column,
        segment=segment,
        reason="was not measured for this batch",
        against=criterion.compared_with,
        broken=True,
    )


def _decide(measurement: Measurement, criterion: Criterion, labels: Labels) -> tuple[Outcome, str]:
    if measurement.broken:
        return Outcome.NOT_EVALUATED, f"{criterion.metric}: {measurement.reason}"
    if any(number is not None and math.isnan(number) for number in _numbers(measurement)):
        return Outcome.NOT_EVALUATED, f"{criterion.metric}: the measurement is not a number"
    doubt = _evidence_missing(measurement, criterion, labels)
    if doubt:
        return Outcome.INCONCLUSIVE, doubt
    assert measurement.value is not None
    seen = _said(measurement)
    if _is_breach(measurement, criterion):
        end = "the estimate" if criterion.evidence == "point" else "the near bound"
        return Outcome.BREACH, f"{seen}: {end} is beyond the limit {_limit(criterion)}"
    blind = _cannot_tell(measurement, criterion) if criterion.evidence == "bound" else None
    if blind:
        return Outcome.INCONCLUSIVE, f"{seen}: {blind}"
    if _beyond(measurement.value, criterion.direction, criterion.limit):
        return Outcome.WARNING, f"{seen}: beyond the limit {_limit(criterion)}, without proof"
    if criterion.warn is not None and _beyond(measurement.value, criterion.direction, criterion.warn):
        return (
            Outcome.WARNING,
            f"{seen}: beyond the warning line {criterion.warn:g}, within {_limit(criterion)}",
        )
    return Outcome.CONFORMING, f"{seen}: within the limit {_limit(criterion)}{_power(measurement)}"


def _numbers(measurement: Measurement) -> tuple[float | None, ...]:
    return measurement.value, measurement.low, measurement.high, measurement.noise_floor, measurement.detectable


def _evidence_missing(measurement: Measurement, criterion: Criterion, labels: Labels) -> str | None:
    if criterion.needs_labels or measurement.column in labels.columns:
        if labels.coverage is None or labels.coverage < criterion.min_label_coverage:
            share = "none" if not labels.coverage else f"{labels.coverage:.1%}"
            return f"labels are in for {share} of the rows, the criterion asks for {criterion.min_label_coverage:.0%}"
        if not labels.mature:
            return "labels are not mature: the label delay has not passed"
    if measurement.value is None:
        return f"{measurement.reason or 'undefined'}{_against(measurement)}"
    if criterion.needs_labels and measurement.against:
        before = labels.earlier.get(measurement.against)
        if before is None or before < criterion.min_label_coverage:
            seen = f"labels are in for {before or 0:.1%} of the rows compared with ({measurement.against})"
            return f"{seen}, the criterion asks for {criterion.min_label_coverage:.0%}"
    if measurement.n < criterion.min_n:
        return f"n = {measurement.n}, the criterion asks for {criterion.min_n}"
    return None


def _is_breach(measurement: Measurement, criterion: Criterion) -> bool:
    if criterion.evidence == "point":
        assert measurement.value is not None
        return _beyond(measurement.value, criterion.direction, criterion.limit)
    above = measurement.low is not None and measurement.low > criterion.limit
    if criterion.direction == "above":
        return above
    if criterion.direction == "below":
        return measurement.high is not None and measurement.high < criterion.limit
    return above or (measurement.high is not None and measurement.high < -criterion.limit)


def _cannot_tell(measurement: Measurement, criterion: Criterion) -> str | None:
    metric = METRICS[criterion.metric]
    room = abs(criterion.limit - metric.neutral)
    if measurement.noise_floor is not None and abs(measurement.noise_floor - metric.neutral) > room:
        floor = f"{measurement.noise_floor:.3g} (quantile {1 - (measurement.alpha or 0):.4g})"
        return f"noise alone reaches {floor}, more than the limit {criterion.limit:g}"
    if metric.is_effect and measurement.detectable is not None and measurement.detectable > room:
        seen = f"{measurement.detectable:.3g}"
        return f"the smallest change that {measurement.n} rows can show is {seen}, more than {room:g}"
    return None


def _beyond(value: float, direction: str, limit: float) -> bool:
    if direction == "above":
        return value > limit
    if direction == "below":
        return value < limit
    return abs(value) > limit


def _said(measurement: Measurement) -> str:
    text = f"{measurement.metric} {measurement.value:.4g}"
    if measurement.low is not None or measurement.high is not None:
        low, high = (f"{end:.4g}" if end is not None else "∞" for end in (measurement.low, measurement.high))
        text += f" [{low}, {high}]"
    return f"{text}{_against(measurement)}, n = {measurement.n}"


def _against(measurement: Measurement) -> str:
    """What it is compared with, and what is missing of that; nothing where it is the frozen reference."""
    if measurement.against is None:
        return ""
    noted = measurement.value is not None and measurement.reason
    return f" against {measurement.against}" + (f" ({measurement.reason})" if noted else "")


def _limit(criterion: Criterion) -> str:
    sign = {"above": "", "below": "", "either": "±"}[criterion.direction]
    return f"{sign}{criterion.limit:g} ({criterion.direction})"


def _power(measurement: Measurement) -> str:
    if measurement.detectable is not None:
        return f"; a change of {measurement.detectable:.3g} would have shown"
    return f"; noise reaches {measurement.noise_floor:.3g}" if measurement.noise_floor is not None else ""
