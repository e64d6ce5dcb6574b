"""The plain words and the small statistics of a first look. Truth: scipy, closed forms, simulation under no change."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

import ibis.expr.types as ir
import numpy as np
import pytest
from scipy import stats

from governance.records import Measurement
from monitors.distances import psi
from monitors.drift import quadratic_distance
from monitors.facts import ColumnFacts, common_values, facts_of, out_of_range, repeated_rows, shared_rows
from monitors.first_look import (
    BLIND,
    State,
    chance_all_on_one_side,
    farthest,
    in_order,
    is_apart,
    largest_share_shift,
    levels_for,
    one_sided,
    recovered_change,
    remarks_on,
    state_of,
)
from monitors.freezing import freeze
from monitors.grid import ColumnGrid, Grid
from monitors.kinds import Kind, kind_of
from monitors.levels import Contrast
from monitors.noise import deal
from monitors.outcome_values import NotBinary, binary_of
from monitors.picture import has_few_values, median_of, picture_of
from monitors.profile import Profile
from monitors.profiling import profile


def distance(value: float | None, low: float | None, floor: float | None, **more: Any) -> Measurement:
    return Measurement("psi", value, 100, "nats", "", low=low, high=1.0, noise_floor=floor, **more)


@pytest.mark.parametrize(
    ("measured", "state"),
    [
        pytest.param(distance(0.3, 0.2, 0.1), State.MOVED, id="near end above zero, value beyond noise"),
        pytest.param(distance(0.3, 0.0, 0.1), State.WITHIN_NOISE, id="near end at zero"),
        pytest.param(distance(0.1, 0.01, 0.1), State.WITHIN_NOISE, id="value exactly at the noise"),
        pytest.param(distance(0.3, 0.0, BLIND), State.WITHIN_NOISE, id="noise exactly at what must be seen"),
        pytest.param(distance(0.3, 0.0, BLIND + 1e-9), State.TOO_FEW, id="noise beyond what must be seen"),
        pytest.param(distance(2.0, 0.4, 0.5), State.MOVED, id="much noise, and yet beyond it"),
        pytest.param(distance(None, None, None, reason="undefined (0 rows in the batch)"), State.TOO_FEW, id="no rows"),
    ],
)
def test_the_word_for_a_distance(measured: Measurement, state: State) -> None:
    found, why = state_of(measured)
    assert found is state
    assert why


def test_an_undefined_distance_says_why() -> None:
    assert (
        state_of(distance(None, None, None, reason="the column is not in the batch"))[1]
        == "the column is not in the batch"
    )


def test_blind_is_the_divergence_of_half_a_standard_deviation() -> None:
    edges = stats.norm.ppf(np.linspace(0, 1, 100_001))
    before, now = (np.diff(stats.norm.cdf(edges, loc=shift)) for shift in (0.0, 0.5))
    assert float(((now - before) * np.log(now / before)).sum()) == pytest.approx(BLIND, abs=1e-3)


def test_two_samples_of_one_law_are_within_noise_in_at_least_95_of_100_runs() -> None:
    """Eight columns a run, alpha 0.05 shared over them: a run fails if any of the eight is called moved."""
    rng, runs, columns, failed = np.random.default_rng(20261124), 60, 8, 0
    laws = [np.full(16, 1 / 16), np.array([0.4, 0.3, 0.2, 0.07, 0.03]), np.array([0.98, 0.02]), np.full(60, 1 / 60)]
    for run in range(runs):
        n, m = ((2000, 500), (300, 80), (50_000, 2000))[run % 3]
        words = []
        for column in range(columns):
            law = laws[column % len(laws)]
            before, now = rng.multinomial(n, law), rng.multinomial(m, law)
            found = quadratic_distance(psi, deal(before, now, rng), 0.05 / columns)
            words.append(state_of(distance(found.value, found.low, found.noise_floor))[0])
        failed += State.MOVED in words
    assert failed <= 0.05 * runs


def test_levels_share_alpha_over_columns_and_over_the_contrasts_of_each_grouping() -> None:
    contrasts = [Contrast("sex", "f", "m"), Contrast("race", "a", "c"), Contrast("race", "b", "c")]
    levels = levels_for(["x", "y"], contrasts)
    assert levels.alpha("psi", "x") == 0.025
    assert levels.alpha("accuracy_difference", "sex: f − m") == 0.025
    assert levels.alpha("accuracy_difference", "race: a − c") == 0.0125
    assert levels_for([], []).by_question == {}


@pytest.mark.parametrize(("rows", "one", "other"), [(1, 3, 4), (5, 50, 20), (12, 2000, 50_000), (30, 30, 1), (0, 5, 5)])
def test_the_chance_of_a_category_on_one_side_only_is_hypergeometric(rows: int, one: int, other: int) -> None:
    expected = stats.hypergeom.pmf(rows, one + other, rows, one)
    assert chance_all_on_one_side(rows, one, other) == pytest.approx(expected, rel=1e-9)


def test_more_rows_than_a_side_has_cannot_all_be_on_it() -> None:
    assert chance_all_on_one_side(4, 3, 100) == 0.0


def test_categories_of_one_side_only_are_named_from_ten_rows_on_and_not_by_chance() -> None:
    grid = Grid((ColumnGrid("c", categories=("few", "gone", "new", "both")),), None, (), None, None, None, None)

    def side(*counts: int) -> Profile:
        return Profile(grid, sum(counts), {"c": np.array([*counts, 0, 0])}, {}, {})

    before, now = side(0, 40, 0, 4960), side(9, 0, 60, 4931)
    assert one_sided("c", before, now, 0.01) == ((("new", 60),), (("gone", 40),))
    assert one_sided("c", side(0, 0, 0, 10), side(0, 0, 10, 4990), 0.01) == ((), ()), "a small reference proves nothing"
    assert one_sided("c", before, side(0, 0, 0, 0), 0.01) == ((), ()), "nor does an empty batch"


def test_bounds_that_leave_out_zero() -> None:
    def change(low: float | None, high: float | None) -> Measurement:
        return Measurement("a_change", 0.1, 10, "share", "", low=low, high=high)

    assert is_apart(change(0.01, 0.2)) and is_apart(change(-0.2, -0.01))
    assert not is_apart(change(0.0, 0.2)) and not is_apart(change(-0.1, 0.1)) and not is_apart(change(None, None))


def test_recovered_bounds_of_a_difference_equal_newcombe_on_wilson() -> None:
    from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

    (low1, high1), (low2, high2) = (proportion_confint(x, n, 0.05, method="wilson") for x, n in ((30, 100), (50, 120)))
    before = Measurement("roc_auc", 0.3, 100, "share", "", low=low1, high=high1)
    now = Measurement("roc_auc", 50 / 120, 120, "share", "", low=low2, high=high2)
    found = recovered_change(before, now)
    assert found is not None
    expected = confint_proportions_2indep(50, 120, 30, 100, method="newcomb", compare="diff", alpha=0.05)
    assert (found.low, found.high) == pytest.approx(expected)
    assert recovered_change(Measurement("roc_auc", None, 0, "share", ""), now) is None


def test_the_part_of_a_column_that_moved_farthest_speaks_for_it() -> None:
    still, moved, more = distance(0.5, 0.0, 0.9), distance(0.2, 0.1, 0.05), distance(0.4, 0.1, 0.05)
    assert farthest([("a", (still,)), ("b", (moved,)), ("c", (more,))])[0] == "c"


def test_nothing_is_in_order() -> None:
    assert in_order([]) == ()


def test_median_and_few_values() -> None:
    assert median_of((1.0, 2.0, 3.0), np.array([10, 10, 20, 0])) == pytest.approx(2.0)
    assert median_of((1.0, 2.0), np.array([30, 1, 1])) == 1.0
    assert median_of((1.0, 2.0), np.array([1, 1, 30])) == 2.0
    assert has_few_values((-1e-301, 0.0, 1.0, 2.0))
    assert not has_few_values(tuple(np.linspace(0, 1, 20)))


# --- kinds ---------------------------------------------------------------------------------------------------------


def facts(name: str = "x", family: Any = "text", rows: int = 1000, **more: Any) -> ColumnFacts:
    return ColumnFacts(name, family, rows, more.pop("nulls", 0), **more)


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        pytest.param(facts(nulls=1000), Kind.EMPTY, id="nothing in it"),
        pytest.param(facts(family="boolean"), Kind.BOOLEAN, id="booleans"),
        pytest.param(facts(family="time"), Kind.TIME, id="times"),
        pytest.param(facts(family="other"), Kind.OTHER, id="nested"),
        pytest.param(facts(family="number", distinct=1000), Kind.NUMERIC, id="decimals, all different"),
        pytest.param(facts(family="integer", distinct=4, low=0, high=3), Kind.NUMERIC, id="few whole numbers"),
        pytest.param(facts(family="integer", distinct=1000, low=0, high=999), Kind.IDENTIFIER, id="row numbers"),
        pytest.param(
            facts(family="integer", distinct=1000, low=3, high=90_000), Kind.NUMERIC, id="cents, all different"
        ),
        pytest.param(
            facts("amount_paid", "integer", distinct=1000, low=3, high=90_000), Kind.NUMERIC, id="paid is no id"
        ),
        pytest.param(
            facts("order_id", "integer", distinct=700, low=3, high=90_000), Kind.IDENTIFIER, id="an id by name"
        ),
        pytest.param(facts("customerId", distinct=1000, length=8), Kind.IDENTIFIER, id="an id by name, as text"),
        pytest.param(facts("city_id", "integer", distinct=40, low=1, high=40), Kind.NUMERIC, id="few ids are codes"),
        pytest.param(facts(distinct=5, length=6), Kind.CATEGORICAL, id="few words"),
        pytest.param(facts(distinct=1000, length=12), Kind.IDENTIFIER, id="codes, all different"),
        pytest.param(facts(distinct=1000, length=60, spaces=9), Kind.TEXT, id="sentences"),
        pytest.param(
            facts(distinct=990, numbers=990, length=4), Kind.NUMERIC, id="numbers with a few words among them"
        ),
        pytest.param(facts(rows=5, distinct=5), Kind.CATEGORICAL, id="too few to tell an id"),
    ],
)
def test_the_kind_of_a_column(column: ColumnFacts, kind: Kind) -> None:
    assert kind_of(column) is kind


def test_remarks_name_a_changed_type_an_empty_side_and_mixed_values() -> None:
    before, now = facts(family="number", low=0.0, high=1.0), facts(numbers=400)
    (changed, mixed) = remarks_on((before, now), Kind.NUMERIC, "DOUBLE", "VARCHAR")
    assert changed == "the type changed: DOUBLE in the reference, VARCHAR in the batch"
    assert mixed == "numbers and words mixed in the batch: 0.4 of values are numbers"
    empty = facts(nulls=1000)
    assert remarks_on((empty, empty), Kind.EMPTY, "VARCHAR", "DOUBLE") == ("empty on both sides",)
    constant = facts(constant=True)
    assert remarks_on((constant, facts()), Kind.CATEGORICAL, "VARCHAR", "VARCHAR") == (
        "one value only in the reference",
    )


# --- outcomes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "wanted", "positive", "mapped"),
    [
        pytest.param(("0", "1"), None, "1", False, id="0 and 1"),
        pytest.param(("yes", "no"), None, "yes", True, id="yes and no"),
        pytest.param(("True", "False"), None, "True", True, id="True and False"),
        pytest.param(("-1", "1"), None, "1", True, id="−1 and 1"),
        pytest.param(("good", "bad"), "BAD", "bad", True, id="named"),
        pytest.param(("2", "1"), "2.0", "2", True, id="named as another number of digits"),
        pytest.param(("1",), None, "1", False, id="one value"),
    ],
)
def test_the_positive_value(values: tuple[str, ...], wanted: str | None, positive: str, mapped: bool) -> None:
    found = binary_of(dict.fromkeys(values, 50), wanted)
    assert (found.positive[0], found.mapped) == (positive, mapped)
    assert set(found.negative) == set(values) - {positive}


def test_only_negatives_leave_room_for_positives() -> None:
    found = binary_of({"0": 10}, None)
    assert "1" in found.positive and found.negative == ("0",)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        pytest.param(("a", "b"), "name it with --positive", id="neither is obvious"),
        pytest.param(("1", "yes"), "name it with --positive", id="both are obvious"),
        pytest.param(("0", "1", "2"), "two are needed", id="three"),
    ],
)
def test_values_that_are_not_two_outcomes_are_refused(values: tuple[str, ...], says: str) -> None:
    with pytest.raises(NotBinary, match=says):
        binary_of(dict.fromkeys(values, 50), None)


# --- facts ---------------------------------------------------------------------------------------------------------

Table = Callable[[Mapping[str, Any]], ir.Table]


def test_facts_are_those_of_pandas(table_of: Table) -> None:
    table = table_of(
        {
            "whole": [1, 2, 2, None, 5],
            "real": [0.5, float("nan"), float("inf"), None, -2.0],
            "word": ["a b", "", "7", None, "x@y.org"],
            "same": ["k"] * 5,
        }
    )
    found = facts_of(table, (), {"mail": r"^[^@]+@[^@]+$"})
    assert (found["whole"].nulls, found["whole"].distinct, found["whole"].low, found["whole"].high) == (1, 3, 1, 5)
    assert (found["real"].nan, found["real"].infinite, found["real"].low, found["real"].high) == (1, 1, -2.0, 0.5)
    assert (found["word"].numbers, found["word"].blank, found["word"].shapes) == (1, 1, {"mail": 1})
    assert (found["word"].length, found["word"].spaces) == ((3 + 0 + 1 + 7) / 4, 1 / 4)
    assert found["same"].constant and not found["word"].constant and not found["real"].constant


def test_range_repeats_and_shared_rows(table_of: Table) -> None:
    one = table_of({"a": [1, 1, 2, None], "b": ["x", "x", "y", None]})
    two = table_of({"a": [1.0, 9.0, None, float("inf")], "b": ["x", "x", None, "y"]})
    assert repeated_rows(one) == 1
    assert shared_rows(two, one, ("a", "b")) == 2, "a whole number is the same as a decimal, and nothing as nothing"
    assert out_of_range(two, {"a": (1.0, 2.0)}) == {"a": 1}, "infinity is counted apart"


def test_common_values_are_texts_and_a_whole_number_is_written_as_one(table_of: Table) -> None:
    assert common_values(table_of({"a": ["x"] * 3 + ["y"] * 4 + ["z", None]}), "a", 2) == {"y": 4, "x": 3}
    assert common_values(table_of({"a": [1.0, 1.0, 2.5, None]}), "a", 5) == {"1": 2, "2.5": 1}


def test_times_are_drawn_and_told_by_the_hour_of_the_day(table_of: Any, shape: Any) -> None:
    """Half of the reference at nine, half at ten; in the batch a fifth has gone to three in the morning."""
    hours = {"reference": [9] * 200 + [10] * 200, "batch": [9] * 160 + [10] * 160 + [3] * 80}
    tables = {
        side: table_of({"t": [dt.datetime(2024, 3, 4 + i % 7, hour, 30) for i, hour in enumerate(some)]})
        for side, some in hours.items()
    }
    grid = freeze(tables["reference"].union(tables["batch"]), shape(timestamps=("t",)))
    before, now = (profile(tables[side], grid) for side in hours)
    found = picture_of("t (week)", before, now)
    assert found is not None and (found.low, found.high) == (0.0, 23.0)
    assert {h: share for h, share in enumerate(found.reference) if share} == {9: 0.5, 10: 0.5}
    assert {h: share for h, share in enumerate(found.batch) if share} == {3: 0.2, 9: 0.4, 10: 0.4}
    told = largest_share_shift("t (week)", before, now)
    assert told is not None and (told.category, told.before, told.now) == ("03:00 to 03:59", 0.0, 0.2)
