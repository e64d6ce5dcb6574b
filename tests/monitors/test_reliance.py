"""Truth: shares worked out by hand, and columns that move, or do not, by construction."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from governance.records import Measurement
from monitors.freezing import freeze
from monitors.levels import Levels
from monitors.measure import measure
from monitors.profiling import profile
from monitors.reliance import RELIANCE, WEIGHTED, Reliance, shares_of

SEED = "0123456789abcdef" * 4


def test_weights_of_any_unit_become_shares_and_below_zero_is_none() -> None:
    assert shares_of({"a": 3.0, "b": 1.0, "c": -0.2}) == {"a": 0.75, "b": 0.25, "c": 0.0}


@given(st.dictionaries(st.text(), st.floats(-1, 1e6)), st.floats(0.01, 100))
def test_shares_sum_to_one_and_know_no_unit_or_there_are_none(weights: dict[str, float], unit: float) -> None:
    shares = shares_of(weights)
    assert not shares or sum(shares.values()) == pytest.approx(1)
    assert bool(shares) == any(weight > 0 for weight in weights.values())
    assert all(0 <= share <= 1 for share in shares.values())
    if all(weight == 0 or abs(weight) > 1e-6 for weight in weights.values()):
        assert shares_of({name: weight * unit for name, weight in weights.items()}) == pytest.approx(shares)


@pytest.fixture(scope="module")
def weighed(table_of: Any, shape: Any) -> Any:
    """Measurements by (metric, column) of: `far` and `near` that moved, `still` that did not, `note` a text."""

    def run(reliance: Reliance | None, **later: Any) -> dict[tuple[str, str | None], Measurement]:
        rng = np.random.default_rng(70)

        def columns(far: float, near: float) -> dict[str, Any]:
            found = {"far": rng.normal(far, size=2_000), "near": rng.normal(near, size=2_000)}
            return found | {"still": rng.normal(size=2_000), "note": rng.choice(["yes", "no!"], 2_000)}

        before = table_of(columns(0, 0))
        grid = freeze(before, shape(numeric=("far", "near", "still"), texts=("note",)))
        now = table_of({**columns(1.0, 0.3), **later})
        found = measure(profile(now, grid), profile(before, grid), (), Levels({}), seed=SEED, reliance=reliance)
        return {(m.metric, m.column): m for m in found}

    return run


def test_what_the_model_rests_on_comes_before_what_moved_further(weighed: Any) -> None:
    found = weighed(Reliance(("far", "near", "still"), {"far": 0.1, "near": 0.8, "still": 0.1}, "declared"))
    distance = {name: found["jensen_shannon", name] for name in ("far", "near", "still")}
    assert distance["far"].value > 2 * distance["near"].value
    assert found[WEIGHTED, "near"].value > found[WEIGHTED, "far"].value > 0
    assert found[WEIGHTED, "near"].value == pytest.approx(0.8 * distance["near"].low)
    assert found[RELIANCE, "near"].value == 0.8 and found[RELIANCE, "near"].method == "declared"


def test_noise_ranks_nowhere_however_much_the_model_rests_on_it(weighed: Any) -> None:
    found = weighed(Reliance(("far", "still"), {"far": 0.001, "still": 0.999}, "declared"))
    assert found["jensen_shannon", "still"].value * 0.999 > found["jensen_shannon", "far"].value * 0.001
    assert found[WEIGHTED, "still"].value == 0 < found[WEIGHTED, "far"].value


def test_noise_ranks_above_nothing_no_more_often_than_the_level_of_the_bound(table_of: Any, shape: Any) -> None:
    rng = np.random.default_rng(71)
    names = [f"x{i}" for i in range(60)]
    before, now = (table_of({name: rng.normal(size=400) for name in names}) for _ in range(2))
    grid = freeze(before, shape(numeric=tuple(names)))
    reliance = Reliance(tuple(names), dict.fromkeys(names, 1 / 60), "declared")
    found = measure(profile(now, grid), profile(before, grid), (), Levels({}), seed=SEED, reliance=reliance)
    above = [m for m in found if m.metric == WEIGHTED and m.value is not None and m.value > 0]
    assert binomtest(len(above), len(names), 0.025, alternative="greater").pvalue > 0.001


def test_no_reliance_is_nothing_and_unknown_is_not(weighed: Any) -> None:
    found = weighed(Reliance(("far", "near", "still"), {"near": 1.0, "far": 0.0}, "declared in system.yaml"))
    assert found[WEIGHTED, "far"].value == 0 and found[WEIGHTED, "far"].reason is None
    unknown = found[WEIGHTED, "still"]
    assert (unknown.value, unknown.broken) == (None, False)
    assert unknown.reason == "how much the model relies on it is unknown (declared in system.yaml)"
    assert (RELIANCE, "still") not in found


def test_a_text_is_weighed_in_each_of_its_views_and_what_is_no_feature_in_none(weighed: Any) -> None:
    found = weighed(Reliance(("note",), {"note": 1.0}, "declared"), note=["a longer text"] * 2_000)
    assert found[WEIGHTED, "note (length)"].value > 0 and found[WEIGHTED, "note (characters)"].value > 0
    assert {column for metric, column in found if metric == WEIGHTED} == {"note (length)", "note (characters)"}


def test_a_column_that_is_not_in_the_batch_is_not_evaluated_here_either(table_of: Any, shape: Any) -> None:
    before = table_of({"x": [1.0, 2.0] * 50, "y": [1.0, 2.0] * 50})
    grid = freeze(before, shape(numeric=("x", "y")))
    now = profile(table_of({"y": [1.0, 2.0] * 50}), grid)
    reliance = Reliance(("x", "y"), {"x": 1.0, "y": 0.0}, "declared")
    found = {
        (m.metric, m.column): m
        for m in measure(now, profile(before, grid), (), Levels({}), seed=SEED, reliance=reliance)
    }
    assert found[WEIGHTED, "x"].broken and found[WEIGHTED, "x"].reason == "the column is not in the batch"


def test_nobody_asked_and_nothing_is_weighed(weighed: Any) -> None:
    assert not {metric for metric, _ in weighed(None)} & {RELIANCE, WEIGHTED}
