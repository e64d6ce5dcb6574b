"""What a reader of one batch is told, from the table to the verdict."""

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from governance.records import Measurement, Outcome
from monitors.column_drift import measurements
from monitors.distances import psi
from monitors.freezing import freeze
from monitors.judge import Labels, judge_all
from monitors.levels import Contrast, Levels, levels_of
from monitors.measure import measure
from monitors.profiling import profile
from monitors.share_bins import bins_for_shares, shares_of

SEED = "0123456789abcdef" * 4
NORMAL = np.random.default_rng(60).normal(size=20_000)
DRIFT = ("psi", "jensen_shannon", "ks", "wasserstein")
OF_CATEGORIES = ("psi", "jensen_shannon", "total_variation", "chi_square")


@pytest.fixture(scope="module")
def drift_of(table_of: Any, shape: Any, criterion: Any) -> Any:
    """Measurements and outcomes of one column `x`, with a limit of 0.1 on every distance that suits it."""

    def run(reference: Any, batch: Any, kind: str = "numeric") -> tuple[dict[str, Measurement], dict[str, Outcome]]:
        criteria = [
            criterion(id=metric, metric=metric, columns=("x",), limit=0.1)
            for metric in (DRIFT if kind == "numeric" else OF_CATEGORIES)
        ]
        grid = freeze(table_of({"x": reference}), shape(**{kind: ("x",)}))
        before, now = (
            profile(table_of({"x": x} if x is not None else {"other": [1] * 30}), grid) for x in (reference, batch)
        )
        found = measure(now, before, (), levels_of(criteria, ()), seed=SEED)
        _, verdicts = judge_all(found, criteria, (), Labels(None, False))
        about = {m.metric: m for m in found if m.column == "x"}
        return about, {v.criterion: v.outcome for v in verdicts}

    return run


def only(outcome: Outcome) -> dict[str, Outcome]:
    return dict.fromkeys(DRIFT, outcome)


def test_the_same_distribution_conforms(drift_of: Any) -> None:
    assert drift_of(NORMAL, np.random.default_rng(61).normal(size=20_000))[1] == only(Outcome.CONFORMING)


def test_a_shift_of_one_standard_deviation_is_found_in_two_thousand_rows(drift_of: Any) -> None:
    assert drift_of(NORMAL, np.random.default_rng(62).normal(1, size=2_000))[1] == only(Outcome.BREACH)


@pytest.mark.parametrize(
    "side, value",
    [("reference", 1e6), ("batch", 1e6), ("both", -1e6), ("batch", 1e300)],
    ids=["reference", "batch", "both", "huge"],
)
def test_one_absurd_value_among_20_000_changes_no_verdict_and_hardly_psi(
    side: str, value: float, drift_of: Any
) -> None:
    def spoilt(x: np.ndarray, here: str) -> np.ndarray:
        return np.r_[x[:-1], value] if side in (here, "both") else x

    rng = np.random.default_rng(63)
    for later in (rng.normal(size=20_000), rng.normal(1, size=20_000)):
        clean, clean_verdicts = drift_of(NORMAL, later)
        found, verdicts = drift_of(spoilt(NORMAL, "reference"), spoilt(later, "batch"))
        assert verdicts == clean_verdicts
        assert found["psi"].value == pytest.approx(clean["psi"].value, rel=0.05, abs=1e-4)


@pytest.mark.parametrize("kind", ["numeric", "categorical"])
def test_sixty_per_cent_nulls_are_a_drift(kind: str, drift_of: Any) -> None:
    values = np.random.default_rng(64).integers(0, 5, 5_000).astype(float)
    missing = np.arange(5_000) % 5 < 3
    found, verdicts = drift_of(values, pa.array(values, mask=missing), kind)
    assert found["null_share"].value == 0.6
    blind = {"ks", "wasserstein"}
    assert {metric for metric, outcome in verdicts.items() if outcome is Outcome.BREACH} == set(verdicts) - blind


def test_nan_counts_as_missing_too(drift_of: Any) -> None:
    values = np.r_[np.full(50, 1.0), np.full(30, math.nan)]
    found, _ = drift_of(np.ones(80), pa.array([*values, None]))
    assert found["null_share"].value == pytest.approx(31 / 81)


def test_where_noise_alone_passes_the_limit_nothing_is_concluded(drift_of: Any) -> None:
    rng = np.random.default_rng(65)
    found, verdicts = drift_of(rng.normal(size=50), rng.normal(size=50))
    assert all(found[metric].noise_floor > 0.1 for metric in DRIFT)
    assert verdicts == only(Outcome.INCONCLUSIVE)


def test_a_category_nobody_has_seen_before_is_a_drift(drift_of: Any) -> None:
    verdicts = drift_of(["a", "b"] * 500, ["a", "b"] * 250 + ["new"] * 500, "categorical")[1]
    assert set(verdicts.values()) == {Outcome.BREACH}


CONSTANTS = {"the same": (5.0, Outcome.CONFORMING), "risen": (6.0, Outcome.BREACH), "fallen": (4.0, Outcome.BREACH)}


@pytest.mark.parametrize("later, expected", CONSTANTS.values(), ids=CONSTANTS)
def test_a_constant_column_is_seen_to_move(later: float, expected: Outcome, drift_of: Any) -> None:
    found, verdicts = drift_of([5.0] * 1_000, [later] * 1_000)
    assert verdicts == only(expected) | {"wasserstein": Outcome.INCONCLUSIVE}
    assert "the reference does not vary" in found["wasserstein"].reason


@pytest.mark.parametrize(
    "kind, metrics", [("numeric", DRIFT), ("categorical", OF_CATEGORIES)], ids=["numeric", "categorical"]
)
def test_a_column_that_is_not_in_the_batch_is_not_evaluated_and_says_so(kind: str, metrics: Any, drift_of: Any) -> None:
    found, verdicts = drift_of([1.0, 2.0] * 50, None, kind)
    assert set(found) == {*metrics, "null_share", *(["distinct_values"] if kind == "categorical" else [])}
    for m in found.values():
        assert (m.value, m.n, m.broken, m.reason) == (None, 0, True, "the column is not in the batch")
    assert verdicts == dict.fromkeys(metrics, Outcome.NOT_EVALUATED)


def test_a_batch_without_rows_is_inconclusive_not_broken(drift_of: Any) -> None:
    found, verdicts = drift_of([1.0, 2.0] * 50, pa.array([], pa.float64()))
    assert verdicts == only(Outcome.INCONCLUSIVE)
    assert {found[metric].reason for metric in DRIFT} == {"undefined (0 rows in the batch)"}
    assert found["null_share"].reason == "undefined (0 rows)"


@pytest.mark.parametrize("empty", ["batch", "reference"])
def test_a_column_that_became_all_null_is_a_breach_with_undefined_gaps(empty: str, drift_of: Any) -> None:
    values, nulls = pa.array([1.0, 2.0] * 500), pa.array([None] * 1_000, pa.float64())
    found, verdicts = drift_of(*((values, nulls) if empty == "batch" else (nulls, values)))
    assert verdicts == only(Outcome.INCONCLUSIVE) | {"psi": Outcome.BREACH, "jensen_shannon": Outcome.BREACH}
    for metric in ("ks", "wasserstein"):
        assert found[metric].reason == f"undefined (0 finite values in the {empty})"


def test_drift_rests_on_the_smaller_of_the_two_sides(drift_of: Any) -> None:
    values = [1.0, 2.0] * 50
    assert [drift_of(values * 3, values)[0][m].n for m in DRIFT] == [100] * 4
    assert [drift_of(values, values * 3)[0][m].n for m in DRIFT] == [100] * 4


def test_a_batch_that_has_nothing_in_common_with_the_reference_is_as_far_away_as_can_be(drift_of: Any) -> None:
    found, verdicts = drift_of(NORMAL, NORMAL + 100)
    assert verdicts == only(Outcome.BREACH)
    # All rows fall in the last bin, which holds 1/16 of the reference: for KS 1/256.
    assert found["jensen_shannon"].value > 0.9 and found["ks"].value > 0.99
    assert math.isfinite(found["psi"].value) and math.isfinite(found["psi"].high)
    assert 2.5 < found["wasserstein"].value < 3.5, "clamped: about as many standard deviations as the range has above"
    found, verdicts = drift_of(["a", "b"] * 500, ["c", "d"] * 500, "categorical")
    assert set(verdicts.values()) == {Outcome.BREACH}
    assert [found[metric].value for metric in OF_CATEGORIES[1:]] == [1.0, 1.0, 1.0]


def test_empty_bins_are_counted_in_the_method(drift_of: Any) -> None:
    found, _ = drift_of(["a", "b", "c"] * 200, ["a", "b", "new"] * 200, "categorical")
    assert found["psi"].method.startswith("4 bins (1 empty in the reference, 1 empty in the batch), pseudocount 0.5;")
    assert "empty" not in drift_of(["a", "b"] * 200, ["a", "b"] * 200, "categorical")[0]["psi"].method


def test_the_p_value_of_chi_square_is_told_and_is_scipys(drift_of: Any) -> None:
    one, two = ["a"] * 300 + ["b"] * 200 + ["c"] * 100, ["a"] * 270 + ["b"] * 220 + ["c"] * 110
    found, verdicts = drift_of(one, two, "categorical")
    expected = stats.chi2_contingency([[300, 200, 100], [270, 220, 110]], correction=False)
    said = f"χ² = {expected.statistic:.6g} on 2 degrees of freedom, p = {expected.pvalue:.3g};"
    assert said in found["chi_square"].method and verdicts["chi_square"] != Outcome.BREACH


@pytest.mark.parametrize("rows", [15, 19])
def test_a_reference_of_a_few_rows_has_no_wasserstein_distance(rows: int, drift_of: Any) -> None:
    found, verdicts = drift_of(np.arange(float(rows)), np.arange(50.0))
    assert found["wasserstein"].value is None and verdicts["wasserstein"] == Outcome.INCONCLUSIVE


def test_earlier_batches_are_compared_in_the_bins_of_the_frozen_reference(table_of: Any, shape: Any) -> None:
    rng = np.random.default_rng(67)
    parts = [table_of({"x": rng.normal(size=400), "c": rng.integers(0, 12, 400).astype(str)}) for _ in range(3)]
    grid = freeze(parts[0], shape(numeric=("x",), categorical=("c",)))
    frozen, before, now = (profile(part, grid) for part in parts)
    for name in ("x", "c"):
        found = {m.metric: m for m in measurements(name, now, before, Levels({}), np.random.default_rng(1), frozen)}
        bins = bins_for_shares(grid[name], frozen.columns[name])
        old, new = (shares_of(side.columns[name], bins) for side in (before, now))
        assert found["psi"].value == psi(old[old + new > 0], new[old + new > 0])
        assert found["psi"].low <= found["psi"].value <= found["psi"].high


def test_the_pseudocount_the_bins_and_the_resolution_are_stated_with_the_value(drift_of: Any) -> None:
    found, _ = drift_of(NORMAL, NORMAL[:5_000])
    assert "pseudocount 0.5" in found["psi"].method and "16 bins" in found["psi"].method
    assert "256 bins, within 0.00395 of the exact one" in found["ks"].method


ODD: dict[str, Any] = {
    "as it was": None,
    "all NULL": pa.array([None] * 300, pa.float64()),
    "words": pa.array(["many"] * 300),
    "the infinities": pa.array([math.inf, -math.inf, math.nan] * 100),
    "one row": pa.array([1.0]),
    "no row": pa.array([], pa.float64()),
}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_one_bad_column_fails_nothing_and_no_nan_comes_out(odd: Any, table_of: Any, shape: Any) -> None:
    rng = np.random.default_rng(66)

    def columns(n: int) -> dict[str, Any]:
        parts = {"x": rng.normal(size=n), "c": rng.choice(["a", "b"], n), "g": rng.choice(["m", "f"], n)}
        return parts | {"y": rng.integers(0, 2, n), "s": rng.random(n)}

    asked = shape(
        numeric=("x",),
        categorical=("c",),
        groupings=(("g",),),
        label="y",
        score="s",
        threshold=0.5,
        score_is_probability=True,
    )
    reference = table_of(columns(300))
    grid = freeze(reference, asked)
    batch = table_of(columns(300 if odd is None else len(odd)) | ({} if odd is None else {"x": odd}))
    now, before = profile(batch, grid), profile(reference, grid)
    contrasts = (Contrast("g", "f", "m"),)
    found = measure(now, before, contrasts, Levels({}), seed=SEED)
    for m in found:
        numbers = (m.value, m.low, m.high, m.noise_floor, m.detectable)
        assert all(number is None or math.isfinite(number) for number in numbers), m
        assert (m.value is None) == (m.reason is not None), m
    assert found == measure(now, before, contrasts, Levels({}), seed=SEED)


def test_an_attribute_that_the_batch_lacks_is_the_missing_group(table_of: Any, shape: Any) -> None:
    asked = shape(categorical=("g",), groupings=(("g",),), prediction="p")
    reference = table_of({"g": ["m", "f"] * 20, "p": [0, 1] * 20})
    grid = freeze(reference, asked)
    now = profile(table_of({"p": [0, 1, 1, 1] * 10}), grid)
    found = {(m.metric, m.segment): m for m in measure(now, None, (Contrast("g", "f", "m"),), Levels({}), seed=SEED)}
    assert found["selection_rate", "g=(missing)"].value == 0.75
    assert found["rows", "g=m"].value == 0
    assert found["selection_rate_difference", "g: f − m"].reason == "undefined (0 predictions in 'f')"


def test_without_a_reference_nothing_is_said_of_drift_or_change(table_of: Any, shape: Any) -> None:
    table = table_of({"x": [1.0, 2.0] * 20})
    now = profile(table, freeze(table, shape(numeric=("x",))))
    metrics = {m.metric for m in measure(now, None, (), Levels({}), seed=SEED)}
    assert "null_share" in metrics and not metrics & {*DRIFT, "outcome_rate_change", "selection_rate_change"}


def test_bounds_are_as_sure_as_the_criterion_asks(table_of: Any, shape: Any, criterion: Any) -> None:
    table = table_of({"x": NORMAL[:500]})
    now = profile(table, freeze(table, shape(numeric=("x",))))
    levels = levels_of([criterion(metric="psi", columns=("x",), alpha=0.001)], ())
    by_level = [
        next(m for m in measure(now, now, (), lv, seed=SEED) if m.metric == "psi") for lv in (Levels({}), levels)
    ]
    assert [m.alpha for m in by_level] == [0.025, 0.001]
    assert by_level[0].noise_floor < by_level[1].noise_floor
