"""Truth: rules written out by hand, and the judge: what is not called loosening never takes a breach away."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.declared.assessment import Criterion, ImpactAssessment
from governance.declared.changes import changes, changes_of
from governance.records import Measurement, Outcome
from monitors.judge import Labels, judge
from tests.conftest import assessment_yaml


def assessment(**changed: Any) -> ImpactAssessment:
    return ImpactAssessment.model_validate({**assessment_yaml(), **changed})


def with_criterion(index: int, **changed: Any) -> ImpactAssessment:
    criteria = copy.deepcopy(assessment_yaml()["criteria"])
    criteria[index] |= changed
    return assessment(criteria=criteria)


NOW = assessment()
# criterion 0: psi above 0.25 of income; 1: outcome_rate_change either 0.2; 2: selection_rate_difference by region.
WAYS = [
    (0, {"limit": 0.3}, "loosened", "limit: 0.25 → 0.3"),
    (0, {"limit": 0.2}, "tightened", "limit: 0.25 → 0.2"),
    (0, {"warn": 0.1}, "tightened", "warn: none → 0.1"),
    (0, {"min_n": 60}, "loosened", "min_n: 50 → 60"),
    (0, {"min_n": 40}, "tightened", "min_n: 50 → 40"),
    (0, {"columns": ["children"]}, "loosened", "columns: income → children"),
    (0, {"columns": ["income", "children"]}, "tightened", "columns: income → income, children"),
    (0, {"metric": "jensen_shannon"}, "loosened", "metric: psi → jensen_shannon"),
    (0, {"severity": "minor"}, "loosened", "severity: major → minor"),
    (0, {"severity": "critical"}, "tightened", "severity: major → critical"),
    (0, {"on_inconclusive": "alert"}, "tightened", "on_inconclusive: report → alert"),
    (0, {"window": "quarter"}, "loosened", "window: batch → quarter"),
    (0, {"alpha": 0.001}, "loosened", "alpha: "),
    (0, {"against": {"previous": 2}}, "loosened", "against: none → previous 2"),
    (0, {"rationale": "Another reason."}, "changed", "rationale: "),
    (0, {"owner": "team:risk"}, "changed", "owner: team:loans → team:risk"),
    (1, {"direction": "above"}, "loosened", "direction: either → above"),
    (1, {"min_label_coverage": 0.99}, "loosened", "min_label_coverage: 0.95 → 0.99"),
    (2, {"contrasts": [["north", "south"]]}, "loosened", "contrasts: all → north − south"),
    (2, {"evidence": "point"}, "loosened", "evidence: bound → point"),
]


@pytest.mark.parametrize(("index", "changed", "way", "said"), WAYS, ids=[f"{w} {s}" for _, _, w, s in WAYS])
def test_a_change_is_called_what_it_is(index: int, changed: dict[str, Any], way: str, said: str) -> None:
    found = changes(NOW, with_criterion(index, **changed), "month")
    name = NOW.criteria[index].id
    mine = [str(change) for change in getattr(found, way) if change.criterion == name]
    assert any(text.startswith(f"{name}.{said}") for text in mine), found.lines()
    assert found.loosens or way != "loosened"


def test_a_limit_from_below_is_looser_when_it_is_lower() -> None:
    below = {"metric": "roc_auc", "columns": [], "direction": "below"}
    before, after = with_criterion(0, **below, limit=0.7), with_criterion(0, **below, limit=0.65)
    assert [str(c) for c in changes(before, after, "month").loosened] == ["income_is_stable.limit: 0.7 → 0.65"]
    assert not changes(after, before, "month").loosens


def test_nothing_changed_is_no_change() -> None:
    assert changes(NOW, assessment(version=2), "month").as_body() == {}


def test_a_criterion_that_is_gone_loosens_and_one_that_came_says_what_it_costs_the_others() -> None:
    fewer = assessment(criteria=assessment_yaml()["criteria"][:2])
    gone, came = changes(NOW, fewer, "month"), changes(fewer, NOW, "month")
    assert (gone.criteria_removed, gone.loosens) == (("regions_are_treated_alike",), True)
    assert came.criteria_added == ("regions_are_treated_alike",)
    # Two false alarms a year for two criteria of twelve looks each, then for three: 0.05 at most, and 2 / 36.
    assert came.loosened == ()
    poorer = {"false_alarms": {"at_most": 0.6, "per": "year"}}
    shared = changes(assessment(criteria=assessment_yaml()["criteria"][:2], **poorer), assessment(**poorer), "month")
    assert {(c.criterion, c.field, c.before) for c in shared.loosened} == {
        ("income_is_stable", "alpha", "0.025"),
        ("late_share_is_stable", "alpha", "0.025"),
    }
    assert "loosened: alpha of 2 criteria" in shared.lines()[0]


def test_harms_and_measures_and_the_rest_are_named() -> None:
    harms = copy.deepcopy(assessment_yaml()["harms"])
    harms[0]["severity"] = "high"
    harms.append({**harms[0], "id": "another", "not_measured_because": "It cannot be."})
    measures = [{"id": "letters", "harm": "another", "description": "Letters are read."}]
    found = changes(NOW, assessment(harms=harms, measures=measures, review_by="2031-01-01"), "month")
    assert (found.harms_added, found.harms_changed, found.measures_added) == (
        ("another",),
        ("wrong_people",),
        ("letters",),
    )
    assert found.other == ("review_by",) and not found.loosens


def test_what_the_record_holds_is_read_back_as_it_was() -> None:
    found = changes(NOW, with_criterion(0, limit=0.3, rationale="Another."), "month")
    assert changes_of(found.as_body()) == found


@st.composite
def judged(draw: st.DrawFn) -> Criterion:
    number = st.sampled_from([0.1, 0.2, 0.3, 0.4])
    limit = draw(number)
    said = {
        "id": "it_is_kept",
        "harm": "wrong_people",
        "metric": draw(st.sampled_from(["outcome_rate_change", "selection_rate_change"])),
        "direction": draw(st.sampled_from(["above", "below", "either"])),
        "limit": limit,
        "min_n": draw(st.sampled_from([10, 50, 100])),
        "min_label_coverage": draw(st.sampled_from([0.5, 0.95])),
        "evidence": draw(st.sampled_from(["bound", "point"])),
        "severity": "major",
        "owner": "team:x",
        "controls": ["A.6.2.6"],
        "rationale": "because",
    }
    return Criterion.model_validate(said)


@given(
    old=judged(),
    new=judged(),
    value=st.floats(-1, 1),
    width=st.floats(0, 0.2),
    n=st.integers(1, 200),
    coverage=st.sampled_from([0.4, 0.7, 0.99]),
)
def test_what_is_not_called_loosening_never_takes_a_breach_away(
    old: Criterion, new: Criterion, value: float, width: float, n: int, coverage: float
) -> None:
    parts = [{**assessment_yaml(), "criteria": [c.model_dump(exclude_none=True)]} for c in (old, new)]
    before, after = (ImpactAssessment.model_validate(part) for part in parts)
    seen = {
        name: Measurement(name, value, n, "share", "", low=value - width, high=value + width, alpha=0.05)
        for name in ("outcome_rate_change", "selection_rate_change")
    }
    labels = Labels(coverage, True)
    was, now = (judge(seen[c.metric], c, labels).outcome for c in (old, new))
    if was is Outcome.BREACH and now is not Outcome.BREACH:
        assert changes(before, after, "month").loosens
