"""Errors of a regression against scikit-learn on the rows; what adds, what is not known, and what is undefined."""

import functools
import json
import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn

from governance.record.canonical import canonical_bytes
from governance.records import Measurement, Outcome
from monitors.freezing import Shape, freeze
from monitors.grid import grid_of
from monitors.judge import Labels, judge_all
from monitors.levels import Levels, levels_of
from monitors.measure import measure
from monitors.power_sums import TERMS
from monitors.profile import Profile, profile_of
from monitors.profiling import profile

SEED = "0123456789abcdef" * 4
ERRORS = ("mean_error", "mean_absolute_error", "root_mean_squared_error", "r_squared")
NAN, INF = math.nan, math.inf


def prices(rows: int, seed: int, *, bias: float = 0.0, noise: float = 40.0) -> dict[str, Any]:
    """Skewed prices in two towns, and what somebody predicted of them."""
    rng = np.random.default_rng(seed)
    label = rng.gamma(4, 100, rows)
    return {
        "price": label,
        "guess": label + bias + rng.normal(0, noise, rows),
        "town": rng.choice(["A", "B"], rows),
        "kind": rng.choice(["house", "flat", "hut"], rows),
    }


@pytest.fixture(scope="module")
def asked(shape: Any) -> Callable[..., Shape]:
    def build(**more: Any) -> Shape:
        plain = {"numeric": ("price", "guess"), "groupings": (("town",), ("town", "kind"))}
        roles = {"label": "price", "prediction": "guess", "task": "regression", "error": "price (error)"}
        return shape(**(plain | roles | more))  # type: ignore[no-any-return]

    return build


@pytest.fixture(scope="module")
def reference(table_of: Any, asked: Any) -> Profile:
    table = table_of(prices(3_000, 1))
    return profile(table, freeze(table, asked()))


def overall(found: Profile, reference: Profile | None = None) -> dict[str, Measurement]:
    measured = measure(found, reference, (), Levels({}), seed=SEED)
    return {m.metric: m for m in measured if m.segment is None and m.column is None}


def test_errors_are_those_of_scikit_learn_on_the_rows(reference: Profile, table_of: Any) -> None:
    rows = prices(2_000, 2, bias=13.0)
    y, p = rows["price"], rows["guess"]
    found = overall(profile(table_of(rows), reference.grid), reference)
    expected = {
        "mean_label": y.mean(),
        "mean_prediction": p.mean(),
        "mean_error": (p - y).mean(),
        "mean_absolute_error": sklearn.mean_absolute_error(y, p),
        "root_mean_squared_error": sklearn.root_mean_squared_error(y, p),
        "r_squared": sklearn.r2_score(y, p),
        "mean_label_change": y.mean() - prices(3_000, 1)["price"].mean(),
        "mean_prediction_change": p.mean() - prices(3_000, 1)["guess"].mean(),
    }
    for metric, value in expected.items():
        assert found[metric].value == pytest.approx(value, rel=1e-9), metric
        assert found[metric].low < value < found[metric].high, metric
    bin_width = found["median_absolute_error"].method
    assert reference.grid.regression is not None
    half = reference.grid.regression.errors.resolution / 2
    assert f"{2 * half:.6g}" in bin_width
    for metric, share in (("median_absolute_error", 0.5), ("absolute_error_90th_percentile", 0.9)):
        exact = float(np.quantile(np.abs(p - y), share, method="inverted_cdf"))
        assert found[metric].value == pytest.approx(exact, abs=half)


def test_a_mean_far_from_the_reference_keeps_its_digits(reference: Profile, table_of: Any) -> None:
    rows = prices(2_000, 3)
    rows |= {"price": rows["price"] + 1e5, "guess": rows["guess"] + 1e5}
    found = overall(profile(table_of(rows), reference.grid))
    assert found["r_squared"].value == pytest.approx(sklearn.r2_score(rows["price"], rows["guess"]), rel=1e-9)
    assert found["mean_label"].value == pytest.approx(rows["price"].mean(), rel=1e-12)


@settings(max_examples=3, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(parts=st.lists(st.integers(0, 2), min_size=80, max_size=80))
def test_profiles_of_any_split_add_to_the_profile_of_all_rows(
    parts: list[int], reference: Profile, table_of: Any
) -> None:
    rows = pa.table(prices(80, 4) | {"price": odd(prices(80, 4)["price"])})

    def of(keep: list[bool]) -> Profile:
        return profile(table_of(dict(rows.filter(pa.array(keep)).to_pydict())), reference.grid)

    found = [of([part == which for part in parts]) for which in range(3) if which in parts]
    whole, added = of([True] * 80), functools.reduce(operator.add, found)
    assert added.digest == whole.digest
    for name, sums in whole.sums.items():
        reach = functools.reduce(operator.add, (np.abs(one.sums[name]) for one in found))
        assert (np.abs(added.sums[name] - sums) <= 1e-12 * reach + 1e-300).all()


def odd(values: Any) -> list[Any]:
    """Every tenth value is NULL, and three are no numbers of the number line."""
    found = [None if i % 10 == 0 else float(value) for i, value in enumerate(values)]
    found[1:4] = [NAN, INF, -INF]
    return found


def test_what_is_not_finite_is_not_known_and_is_counted(reference: Profile, table_of: Any) -> None:
    rows = prices(80, 4)
    y, p = (
        np.array([NAN if v is None else v for v in odd(rows["price"])]),
        np.array([NAN if v is None else v for v in odd(rows["guess"])[::-1]]),
    )
    known, predicted = np.isfinite(y), np.isfinite(p)
    batch = profile(
        table_of(rows | {"price": odd(rows["price"]), "guess": pa.array(odd(rows["guess"])[::-1])}), reference.grid
    )
    found, both = overall(batch), known & predicted
    assert [found[n].value for n in ("rows", "rows_with_label", "rows_with_prediction", "rows_with_both")] == [
        80,
        known.sum(),
        predicted.sum(),
        both.sum(),
    ]
    assert found["label_coverage"].value == known.mean()
    assert found["mean_label"].value == pytest.approx(y[known].mean())
    assert found["mean_prediction"].value == pytest.approx(p[predicted].mean())
    assert found["mean_absolute_error"].value == pytest.approx(sklearn.mean_absolute_error(y[both], p[both]))
    assert found["r_squared"].value == pytest.approx(sklearn.r2_score(y[both], p[both]))
    # A label that is not in is no missing value; one that is no number is.
    assert batch.columns["price"][-4:].tolist() == [0, 1, 1, 1]
    assert batch.columns["price (error)"].sum() == both.sum()
    for name, sums in batch.sums.items():
        assert np.isfinite(sums).all(), name


@pytest.mark.parametrize("huge", [1e300, -1e308])
@pytest.mark.parametrize("column", ["price", "guess"])
def test_a_value_too_large_for_its_powers_leaves_a_reason_and_no_infinity(
    column: str, huge: float, reference: Profile, table_of: Any, criterion: Any
) -> None:
    rows = prices(500, 5)
    rows[column][7] = huge
    batch = profile(table_of(rows), reference.grid)
    found = overall(batch, reference)
    for metric in ERRORS:
        assert (found[metric].value, found[metric].reason) == (None, found["mean_error"].reason)
        assert "so large that its powers" in str(found[metric].reason)
    other = {"price": "mean_prediction_change", "guess": "mean_label_change"}[column]
    assert found[other].value is not None
    for m in measure(batch, reference, (), Levels({}), seed=SEED):
        assert all(number is None or math.isfinite(number) for number in (m.value, m.low, m.high, m.detectable))
    # The sum of a profile with it and one without it is as little known.
    assert overall(batch + reference)["mean_error"].value is None
    unbiased = criterion(metric="mean_error", direction="either", limit=10.0)
    _, (verdict,) = judge_all(found.values(), [unbiased], (), Labels(1.0, True))
    assert verdict.outcome is Outcome.INCONCLUSIVE


SMALL = {
    "no rows": ([], [], "0 rows with label and prediction"),
    "one row": ([3.0], [4.0], "1 rows with label and prediction: one shows no spread"),
    "no labels": ([None] * 20, list(range(20)), "0 rows with label and prediction"),
    "no predictions": (list(range(20)), [None] * 20, "0 rows with label and prediction"),
}


@pytest.mark.parametrize("labels, predictions, words", SMALL.values(), ids=SMALL)
def test_too_little_is_undefined_and_says_so(
    labels: Any, predictions: Any, words: str, reference: Profile, table_of: Any
) -> None:
    n = len(labels)
    columns = {"price": pa.array(labels, pa.float64()), "guess": pa.array(predictions, pa.float64())}
    batch = profile(table_of(columns | {"town": ["A"] * n, "kind": ["hut"] * n}), reference.grid)
    found = overall(batch, reference)
    for metric in ERRORS:
        assert (found[metric].value, found[metric].low, found[metric].high) == (None, None, None)
        assert found[metric].reason == f"undefined ({words})"
    assert all(m.value is not None or m.reason for m in measure(batch, reference, (), Levels({}), seed=SEED))


def test_r_squared_of_a_label_that_does_not_vary_is_undefined_and_the_errors_are_known(
    reference: Profile, table_of: Any
) -> None:
    rows = prices(50, 6) | {"price": [123.456] * 50}
    found = overall(profile(table_of(rows), reference.grid))
    assert (found["r_squared"].value, found["r_squared"].reason) == (None, "undefined (the label does not vary)")
    assert found["mean_absolute_error"].value == pytest.approx(np.abs(rows["guess"] - 123.456).mean())


def test_perfect_predictions_have_no_error_and_all_of_r_squared(reference: Profile, table_of: Any) -> None:
    rows = prices(50, 7)
    found = overall(profile(table_of(rows | {"guess": rows["price"]}), reference.grid))
    assert [found[metric].value for metric in ERRORS] == [0.0, 0.0, 0.0, 1.0]


def test_a_label_that_is_not_in_the_batch_yet_is_no_fault_of_operations(
    reference: Profile, table_of: Any, criterion: Any
) -> None:
    rows = prices(500, 8)
    del rows["price"]
    batch = profile(table_of(rows), reference.grid)
    stable = [
        criterion(id=f"stable_{i}", metric="psi", columns=(name,), limit=0.25)
        for i, name in enumerate(("price", "price (error)", "guess"))
    ]
    labels = Labels(0.0, False, batch.grid.outcome_columns)
    measured = measure(batch, reference, (), levels_of(stable, ()), seed=SEED)
    _, verdicts = judge_all(measured, stable, (), labels)
    assert [v.outcome for v in verdicts] == [Outcome.INCONCLUSIVE, Outcome.INCONCLUSIVE, Outcome.CONFORMING]
    drift = {m.column: m for m in measured if m.metric == "psi"}
    assert drift["price"].reason == "undefined (0 rows in the outcomes of the batch)"
    assert not drift["price (error)"].broken


def test_label_and_error_drift_like_any_number_and_labels_to_come_are_no_drift(
    reference: Profile, table_of: Any
) -> None:
    rows, later = prices(4_000, 9), prices(4_000, 9, noise=80.0)
    half = table_of(rows | {"price": pa.array(rows["price"], mask=np.arange(4_000) % 2 == 0)})
    drift = {
        name: {
            m.column: m
            for m in measure(profile(table, reference.grid), reference, (), Levels({}), seed=SEED)
            if m.metric == "psi"
        }
        for name, table in (("half", half), ("noisier", table_of(later)))
    }
    for column in ("price", "price (error)", "guess"):
        assert drift["half"][column].value < 0.05
    assert drift["noisier"]["price (error)"].low > 0.2
    assert drift["noisier"]["price"].low == 0.0


def test_a_profile_and_its_grid_survive_being_written(asked: Any, table_of: Any, tmp_path: Any) -> None:
    rows = prices(400, 10) | {"who": [f"p{i // 3}" for i in range(400)]}
    rows["price"][0] = 1e308
    table = table_of(rows)
    found = profile(table, freeze(table, asked(entity="who"), entity_key="k"), entity_key="k")
    found.to_frame().sample(frac=1, random_state=0).to_parquet(tmp_path / "profile.parquet")
    grid = grid_of(json.loads(canonical_bytes(found.grid.as_dict())))
    again = profile_of(pd.read_parquet(tmp_path / "profile.parquet"), grid)
    assert grid == found.grid and again.digest == found.digest
    for name, sums in found.sums.items():
        assert sums.shape[1] == len(TERMS)
        assert np.array_equal(again.sums[name], sums, equal_nan=True)
    assert found.clusters is not None and again.clusters is not None
    for name, sums in found.clusters.sums.items():
        assert np.array_equal(again.clusters.sums[name], sums, equal_nan=True)


def test_a_grid_of_classes_keeps_the_name_it_had_before_there_were_regressions(shape: Any, table_of: Any) -> None:
    table = table_of({"x": [1.0, 2.0] * 20})
    assert "regression" not in freeze(table, shape(numeric=("x",))).as_dict()


def test_without_labels_in_the_reference_the_predictions_say_where_numbers_lie(asked: Any, table_of: Any) -> None:
    rows = prices(2_000, 11)
    table = table_of({name: values for name, values in rows.items() if name != "price"})
    frozen = freeze(table, asked())
    assert frozen.regression is not None
    low, high = np.quantile(rows["guess"], [0.001, 0.999])
    assert frozen.regression.centre == pytest.approx((low + high) / 2, rel=0.01)
    found = overall(profile(table_of(rows), frozen))
    assert found["mean_absolute_error"].value == pytest.approx(np.abs(rows["guess"] - rows["price"]).mean(), rel=1e-9)


@pytest.mark.parametrize("labels", [[7.0] * 40, [1e308] * 40, [None] * 40], ids=["constant", "huge", "none"])
def test_any_reference_freezes(labels: Any, asked: Any, table_of: Any) -> None:
    rows = {"price": pa.array(labels, pa.float64()), "guess": labels[:20] + [3.0] * 20}
    table = table_of(rows | {"town": ["A"] * 40, "kind": ["hut"] * 40})
    batch = profile(table, freeze(table, asked()))
    assert all(m.value is not None or m.reason for m in measure(batch, batch, (), Levels({}), seed=SEED))


def test_rows_of_one_person_are_worth_less_and_the_method_says_so(asked: Any, table_of: Any) -> None:
    rng = np.random.default_rng(12)
    people = prices(400, 12)
    rows = {name: np.repeat(values, 5) for name, values in people.items()}
    rows |= {"guess": rows["guess"] + rng.normal(0, 1e-3, 2_000), "who": np.repeat([f"p{i}" for i in range(400)], 5)}
    table = table_of(rows)
    found = {}
    for entity in (None, "who"):
        batch = profile(table, freeze(table, asked(entity=entity), entity_key="k"), entity_key="k")
        found[entity] = overall(batch, batch)
    for metric in ("mean_error", "mean_absolute_error", "root_mean_squared_error", "mean_prediction_change"):
        one, five = found[None][metric], found["who"][metric]
        assert one.value == five.value
        assert (five.high - five.low) / (one.high - one.low) == pytest.approx(math.sqrt(5), rel=0.2), metric
        assert "rows of entities worth one" in five.method and "worth one" not in one.method
    assert "rows taken as independent" in found["who"]["r_squared"].method


def test_a_criterion_on_the_error_waits_for_labels(reference: Profile, table_of: Any, criterion: Any) -> None:
    batch = profile(table_of(prices(500, 13, bias=100.0)), reference.grid)
    drift = criterion(metric="psi", columns=("price (error)",), limit=0.25)
    found = measure(batch, reference, (), levels_of([drift], ()), seed=SEED)
    for labels, outcome in ((Labels(1.0, True), Outcome.BREACH), (Labels(1.0, False), Outcome.INCONCLUSIVE)):
        _, (verdict,) = judge_all(
            found, [drift], (), Labels(labels.coverage, labels.mature, batch.grid.outcome_columns)
        )
        assert verdict.outcome is outcome
