"""Every pair of neighbours in the order of judgement, and the values exactly at a limit."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.declared.assessment import Criterion
from governance.records import Measurement, Outcome
from monitors.judge import Labels, judge, judge_all
from monitors.levels import Contrast

KNOWN = Labels(coverage=1.0, mature=True)
NOT_EVALUATED, INCONCLUSIVE, BREACH = Outcome.NOT_EVALUATED, Outcome.INCONCLUSIVE, Outcome.BREACH
WARNING, CONFORMING = Outcome.WARNING, Outcome.CONFORMING


def measured(value: float | None, **more: Any) -> Measurement:
    plain: dict[str, Any] = {"metric": "selection_rate", "n": 1_000, "unit": "share", "method": "counts", "alpha": 0.05}
    return Measurement(**(plain | {"value": value} | more))


ABOVE = {"direction": "above", "limit": 0.5, "warn": 0.4}
BELOW = {"direction": "below", "limit": 0.5, "warn": 0.6}
EITHER = {"direction": "either", "limit": 0.5, "warn": 0.4}

VERDICTS: dict[str, tuple[dict[str, Any], dict[str, Any], Outcome]] = {
    "above: the near bound exactly at the limit": (ABOVE, {"value": 0.6, "low": 0.5, "high": 0.7}, WARNING),
    "above: the near bound just beyond": (ABOVE, {"value": 0.6, "low": math.nextafter(0.5, 1), "high": 0.7}, BREACH),
    "above: the estimate exactly at the limit, no warning line": (
        ABOVE | {"warn": None},
        {"value": 0.5, "low": 0.4, "high": 0.6},
        CONFORMING,
    ),
    "above: the estimate just beyond, unproven": (
        ABOVE,
        {"value": math.nextafter(0.5, 1), "low": 0.4, "high": 0.6},
        WARNING,
    ),
    "above: exactly at the warning line": (ABOVE, {"value": 0.4, "low": 0.3, "high": 0.6}, CONFORMING),
    "above: just beyond the warning line": (ABOVE, {"value": math.nextafter(0.4, 1), "low": 0.3, "high": 0.6}, WARNING),
    "above: far below is no breach": (ABOVE, {"value": -0.9, "low": -0.95, "high": -0.8}, CONFORMING),
    "below: the near bound exactly at the limit": (BELOW, {"value": 0.4, "low": 0.3, "high": 0.5}, WARNING),
    "below: the near bound just beyond": (BELOW, {"value": 0.4, "low": 0.3, "high": math.nextafter(0.5, 0)}, BREACH),
    "below: the estimate exactly at the limit, no warning line": (
        BELOW | {"warn": None},
        {"value": 0.5, "low": 0.4, "high": 0.6},
        CONFORMING,
    ),
    "below: exactly at the warning line": (BELOW, {"value": 0.6, "low": 0.5, "high": 0.7}, CONFORMING),
    "below: just beyond the warning line": (BELOW, {"value": math.nextafter(0.6, 0), "low": 0.5, "high": 0.7}, WARNING),
    "below: far above is no breach": (BELOW, {"value": 0.9, "low": 0.8, "high": 1.0}, CONFORMING),
    "below: no upper bound is no breach": (BELOW, {"value": 0.1, "low": 0.0, "high": None}, WARNING),
    "either: beyond upwards": (EITHER, {"value": 0.7, "low": 0.6, "high": 0.8}, BREACH),
    "either: beyond downwards": (EITHER, {"value": -0.7, "low": -0.8, "high": -0.6}, BREACH),
    "either: exactly at the limit upwards": (EITHER, {"value": 0.6, "low": 0.5, "high": 0.8}, WARNING),
    "either: exactly at the limit downwards": (EITHER, {"value": -0.6, "low": -0.8, "high": -0.5}, WARNING),
    "either: the estimate exactly at minus the warning line": (
        EITHER,
        {"value": -0.4, "low": -0.45, "high": -0.1},
        CONFORMING,
    ),
    "either: warned downwards": (EITHER, {"value": -0.45, "low": -0.5, "high": -0.1}, WARNING),
    "either: an interval across the limit is no proof": (EITHER, {"value": 0.55, "low": 0.4, "high": 0.7}, WARNING),
    "point: the estimate beyond the limit": (
        ABOVE | {"evidence": "point"},
        {"value": 0.51, "low": 0.1, "high": 0.9},
        BREACH,
    ),
    "point: the estimate exactly at the limit": (
        ABOVE | {"evidence": "point", "warn": None},
        {"value": 0.5, "low": 0.1, "high": 0.9},
        CONFORMING,
    ),
    "point: noise is no excuse": (ABOVE | {"evidence": "point"}, {"value": 0.45, "noise_floor": 0.9}, WARNING),
    "not evaluated before too few rows": (
        ABOVE | {"min_n": 10},
        {"value": None, "n": 0, "reason": "it failed", "broken": True},
        NOT_EVALUATED,
    ),
    "not evaluated before a breach": (
        ABOVE,
        {"value": 0.9, "low": 0.8, "reason": "it failed", "broken": True},
        NOT_EVALUATED,
    ),
    "undefined": (ABOVE, {"value": None, "reason": "undefined (0 predictions)"}, INCONCLUSIVE),
    "too few rows before a breach": (ABOVE | {"min_n": 1_001}, {"value": 0.9, "low": 0.8, "high": 1.0}, INCONCLUSIVE),
    "exactly enough rows": (ABOVE | {"min_n": 1_000}, {"value": 0.9, "low": 0.8, "high": 1.0}, BREACH),
    "a breach before noise": (ABOVE, {"value": 0.9, "low": 0.8, "noise_floor": 0.85}, BREACH),
    "noise before a warning": (ABOVE, {"value": 0.6, "low": 0.4, "noise_floor": 0.51}, INCONCLUSIVE),
    "noise exactly at the limit": (ABOVE, {"value": 0.3, "low": 0.0, "noise_floor": 0.5}, CONFORMING),
    "a warning before conforming": (ABOVE, {"value": 0.45, "low": 0.3, "noise_floor": 0.1}, WARNING),
    "the detectable change of a plain rate does not matter": (
        ABOVE,
        {"value": 0.3, "low": 0.2, "detectable": 0.9},
        CONFORMING,
    ),
}


@pytest.mark.parametrize("asked, seen, expected", VERDICTS.values(), ids=VERDICTS)
def test_the_verdict_is(asked: Any, seen: Any, expected: Outcome, criterion: Any) -> None:
    assert judge(measured(**seen), criterion(**asked), KNOWN).outcome == expected


DIFFERENCE = {"metric": "selection_rate_difference", "grouping": "g", "direction": "either", "limit": 0.1}
RATIO = {"metric": "selection_rate_ratio", "grouping": "g", "direction": "below", "limit": 0.8}
SIZED: dict[str, tuple[dict[str, Any], float, float, Outcome]] = {
    "a difference that could not have been seen": (DIFFERENCE, 0.0, 0.1001, INCONCLUSIVE),
    "a difference that could just have been seen": (DIFFERENCE, 0.0, 0.1, CONFORMING),
    "a ratio is counted from one: not to be seen": (RATIO, 1.0, 0.21, INCONCLUSIVE),
    "a ratio is counted from one: to be seen": (RATIO, 1.0, 0.19, CONFORMING),
}


@pytest.mark.parametrize("asked, value, detectable, expected", SIZED.values(), ids=SIZED)
def test_what_could_not_have_been_seen_is_not_conforming(
    asked: Any, value: float, detectable: float, expected: Outcome, criterion: Any
) -> None:
    seen = measured(value, metric=asked["metric"], low=value - 0.05, high=value + 0.05, detectable=detectable)
    assert judge(seen, criterion(**asked), KNOWN).outcome == expected


LABELS = {
    "no label column": (Labels(None, True), "labels are in for none of the rows"),
    "no label yet": (Labels(0.0, True), "labels are in for none of the rows"),
    "too few": (Labels(0.9499, True), "labels are in for 95.0% of the rows, the criterion asks for 95%"),
    "immature": (Labels(1.0, False), "labels are not mature"),
}


@pytest.mark.parametrize("labels, message", LABELS.values(), ids=LABELS)
def test_outcomes_are_not_judged_before_the_labels_are_in(labels: Labels, message: str, criterion: Any) -> None:
    seen = measured(0.9, metric="accuracy", low=0.8, high=0.95)
    verdict = judge(seen, criterion(metric="accuracy", limit=0.5), labels)
    assert verdict.outcome == INCONCLUSIVE and message in verdict.reason
    assert judge(seen, criterion(metric="accuracy", limit=0.5), Labels(0.95, True)).outcome == BREACH
    assert judge(measured(0.9, low=0.8), criterion(), labels).outcome == BREACH


@pytest.mark.parametrize("field", ["value", "low", "high", "noise_floor", "detectable"])
@pytest.mark.parametrize("direction", ["above", "below", "either"])
def test_nan_is_never_a_verdict_about_the_system(field: str, direction: str, criterion: Any) -> None:
    seen = measured(**({"value": 0.3, "low": 0.2, "high": 0.4} | {field: math.nan}))
    verdict = judge(seen, criterion(direction=direction), KNOWN)
    assert verdict.outcome == NOT_EVALUATED and "not a number" in verdict.reason


numbers = st.none() | st.floats(-2, 2)


@given(
    value=numbers,
    low=numbers,
    high=numbers,
    floor=numbers,
    seen=numbers,
    direction=st.sampled_from(["above", "below", "either"]),
)
def test_green_needs_a_value_within_the_limit(
    value: Any, low: Any, high: Any, floor: Any, seen: Any, direction: Any, criterion: Any
) -> None:
    measurement = measured(value, low=low, high=high, noise_floor=floor, detectable=seen)
    verdict = judge(measurement, criterion(direction=direction), KNOWN)
    if verdict.outcome == CONFORMING:
        assert value is not None
        assert {"above": value <= 0.5, "below": value >= 0.5, "either": -0.5 <= value <= 0.5}[direction]
        assert floor is None or floor <= 0.5
    assert verdict.reason and "nan" not in verdict.reason


def test_what_nobody_measured_is_not_evaluated_and_kept_as_a_broken_measurement(criterion: Any) -> None:
    drift: Criterion = criterion(id="drift", metric="psi", columns=("age", "income"), limit=0.2)
    gap: Criterion = criterion(
        id="gap", grouping="g", metric="selection_rate_difference", direction="either", limit=0.1
    )
    rate: Criterion = criterion(id="rate")
    present = measured(0.05, metric="psi", column="age", low=0.0, high=0.1)
    found, verdicts = judge_all([present], [drift, gap, rate], [Contrast("g", "a", "b")], KNOWN)
    assert [(v.criterion, v.segment, v.outcome) for v in verdicts] == [
        ("drift", "age", CONFORMING),
        ("drift", "income", NOT_EVALUATED),
        ("gap", "g: a − b", NOT_EVALUATED),
        ("rate", "all rows", NOT_EVALUATED),
    ]
    assert [(m.metric, m.column, m.segment, m.value, m.broken) for m in found[1:]] == [
        ("psi", "income", None, None, True),
        ("selection_rate_difference", None, "g: a − b", None, True),
        ("selection_rate", None, None, None, True),
    ]
    assert all("was not measured" in v.reason for v in verdicts[1:])


def test_a_verdict_quotes_the_limit_it_was_held_against(criterion: Any) -> None:
    verdict = judge(measured(0.6, low=0.55, high=None), criterion(warn=0.45), KNOWN, "a segment")
    assert (verdict.warn, verdict.limit, verdict.direction, verdict.severity) == (0.45, 0.5, "above", "major")
    assert verdict.segment == "a segment"
    assert verdict.reason == "selection_rate 0.6 [0.55, ∞], n = 1000: the near bound is beyond the limit 0.5 (above)"
