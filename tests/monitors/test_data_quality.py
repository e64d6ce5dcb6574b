"""Measures of data quality from counts: closed forms, edges, and what is never told."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from governance.records import Measurement
from monitors.data_quality import ALPHA, Counted, RuleCount, Spread, evenness, measures_of, share

COUNTED = Counted(
    rows=100,
    smallest_group=10,
    filled={"a": 100, "b": 75},
    required=("a",),
    complete=100,
    repeated=4,
    typed=(1, 2),
    newest_days=0.5,
    oldest_days=31.0,
    waited_days=-0.25,
    outcomes={"1": 20, "0": 60},
    known=80,
    groups={"sex": {"f": 30, "m": 60}},
    joint=(30, 60),
    reference={"sex": {"f": 500, "m": 500}},
    spreads={"colour": Spread(4, 100, math.log(4))},
    unseen={"colour": (5, 100)},
    given=4,
    asked=5,
    personal=1,
    columns=8,
)


def taken(counted: Counted) -> dict[tuple[str, str | None], Measurement]:
    return {(item.metric, item.column): item for item in measures_of(counted)}


def test_every_measure_is_its_definition() -> None:
    found = {key: item.value for key, item in taken(COUNTED).items()}
    quarter = 0.25
    entropy = -(quarter * math.log(quarter) + 0.75 * math.log(0.75)) / math.log(2)
    assert found == {
        ("value_completeness", "a"): 1.0,
        ("value_completeness", "b"): 0.75,
        ("record_completeness", None): 1.0,
        ("label_completeness", None): 0.8,
        ("repeated_records", None): 0.04,
        ("type_consistency", None): 0.5,
        ("newest_record_age", None): 0.5,
        ("oldest_record_age", None): 31.0,
        ("days_to_landing", None): -0.25,
        ("label_proportion", None): quarter,
        ("label_balance", None): pytest.approx(entropy),
        ("group_balance", "sex"): 0.5,
        ("label_richness", None): 2,
        ("category_richness", "colour"): 4,
        ("category_evenness", "colour"): pytest.approx(1.0),
        ("unseen_share", "colour"): 0.05,
        ("distance_from_reference", "sex"): pytest.approx(1 / 6),
        ("smallest_group", None): 30,
        ("share_in_small_groups", None): 0.0,
        ("personal_columns", None): 0.125,
        ("provenance_given", None): 0.8,
    }


def test_a_distance_stands_beside_what_chance_alone_shows() -> None:
    """For two groups the distance is the gap of two shares: under no change its 97.5 % quantile is known."""
    found = taken(COUNTED)["distance_from_reference", "sex"]
    pooled = 530 / 1090
    error = math.sqrt(pooled * (1 - pooled) * (1 / 1000 + 1 / 90))
    assert found.noise_floor == pytest.approx(stats.norm.ppf(1 - ALPHA / 2) * error, rel=0.1)
    assert found.low is not None and found.high is not None and found.value is not None
    assert 0 < found.low < found.value < found.high < 1


def test_the_same_mix_in_few_rows_is_no_change() -> None:
    """Nine of twenty beside half of a thousand: the distance is not zero, and nothing says that it is real."""
    found = taken(replace(COUNTED, groups={"sex": {"f": 9, "m": 11}}))["distance_from_reference", "sex"]
    assert found.value == pytest.approx(0.05)
    assert found.low == 0 and found.noise_floor is not None and found.noise_floor > 0.15


def test_the_same_rows_have_the_same_noise_floor() -> None:
    floors = [taken(replace(COUNTED, seed=seed))["distance_from_reference", "sex"].noise_floor for seed in ("ab", "ab")]
    assert floors[0] == floors[1]


@given(n=st.integers(1, 500), data=st.data())
def test_bounds_are_those_of_clopper_and_pearson(n: int, data: Any) -> None:
    hits = data.draw(st.integers(0, n))
    found = share("value_completeness", hits, n, "rows")
    interval = stats.binomtest(hits, n).proportion_ci(1 - 2 * ALPHA, method="exact")
    assert (found.low, found.high) == (pytest.approx(interval.low), pytest.approx(interval.high))


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=9))
def test_evenness_is_entropy_over_its_largest_value(sizes: list[int]) -> None:
    kinds = [size for size in sizes if size]
    found = evenness(sizes)
    if len(kinds) < 2:
        assert found is None
    else:
        assert found == pytest.approx(stats.entropy(kinds) / math.log(len(kinds)))
        assert 0 < found <= 1 + 1e-12


def test_of_nothing_there_is_no_share_and_the_reason_says_so() -> None:
    found = taken(replace(COUNTED, rows=0, filled={"a": 0}, complete=0, repeated=0, outcomes={}, known=0))
    for key in (("value_completeness", "a"), ("record_completeness", None), ("label_proportion", None)):
        assert found[key].value is None and found[key].reason


def test_what_is_not_declared_is_not_there_at_all() -> None:
    found = taken(replace(COUNTED, outcomes=None, known=None, complete=None, groups={}, waited_days=None))
    gone = {"label_proportion", "label_balance", "label_completeness", "record_completeness", "days_to_landing"}
    gone |= {"group_balance", "smallest_group", "share_in_small_groups", "distance_from_reference"}
    assert not gone & {metric for metric, _ in found}


@pytest.mark.parametrize(
    ("rule", "value", "broken"),
    [
        (RuleCount("a: range", "a", 3, 12, "3 of 12"), 0.75, False),
        (RuleCount("a: range", "a", None, None, "a is not in the file"), None, False),
        (RuleCount("a: range", "a", None, None, "the check itself failed", broken=True), None, True),
        (RuleCount("a: range", "a", 0, 0, "every value is NULL"), None, False),
    ],
    ids=["counted", "no column", "a tool that broke", "nothing to look at"],
)
def test_a_rule_that_says_nothing_is_no_accuracy(rule: RuleCount, value: float | None, broken: bool) -> None:
    found = taken(replace(COUNTED, rules=(rule,)))["syntactic_accuracy", "a"]
    assert (found.value, found.broken) == (value, broken)
    assert value is not None or found.reason == rule.reason


@pytest.mark.parametrize(("small", "told"), [(9, False), (10, True)])
def test_a_group_below_the_smallest_one_is_never_told(small: int, told: bool) -> None:
    found = taken(replace(COUNTED, groups={"sex": {"f": small, "m": 60}}, joint=(small, 60)))
    for key in (("smallest_group", None), ("group_balance", "sex")):
        assert (found[key].value is not None) == told
    assert (found["share_in_small_groups", None].value is not None) == told, "of one small group it would be its size"
    several = taken(replace(COUNTED, joint=(6, 7, 60)))["share_in_small_groups", None]
    assert several.value == pytest.approx(0.13)
