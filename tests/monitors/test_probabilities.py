"""Loss and calibration of a probability: against NumPy on the rows, draws with a known answer, and exact laws."""

import itertools
from typing import Any

import numpy as np
import pytest
from scipy import stats

from governance.records import Measurement, Outcome
from monitors.freezing import freeze
from monitors.grid import ScoreGrid
from monitors.judge import Labels, judge
from monitors.levels import Family, Levels
from monitors.performance import overall
from monitors.probabilities import noise_quantile, of_probability
from monitors.profiling import profile

BINS = ScoreGrid(low=0.0, high=1.0, bins=1000)
CENTRES = np.array([BINS.centre(i) for i in range(BINS.size - 1)])
SCORES = ("brier_score", "log_loss", "expected_calibration_error", "calibration_in_the_large")


def look_at(rows: np.ndarray, hits: np.ndarray, alpha: float = 0.025, effect: float = 1.0) -> dict[str, Measurement]:
    """From rows and positive outcomes per score bin."""
    cube = np.zeros((3, 3, BINS.size), dtype=np.int64)
    cube[0, 0, :-1], cube[1, 0, :-1] = rows - hits, hits
    levels = Levels({(metric, ""): Family(alpha, ("",)) for metric in SCORES})
    return {m.metric: m for m in of_probability(cube, BINS, levels, effect)}


def shares(one: float, other: float) -> np.ndarray:
    """A beta distribution of scores, over the bins."""
    within = np.diff(stats.beta.cdf(np.linspace(0, 1, BINS.bins + 1), one, other))
    return np.concatenate([[0.0], within, [0.0]])


POPULATIONS = {
    "in the middle": (shares(2, 3), CENTRES),
    "rare": (shares(1, 19), CENTRES),
    "overconfident": (shares(0.5, 0.5), 0.25 + CENTRES / 2),
    "always too high": (shares(2, 3), 0.7 * CENTRES),
}


def truths(weights: np.ndarray, chances: np.ndarray) -> dict[str, float]:
    tenth = np.minimum((CENTRES * 10).astype(int), 9)
    inside = np.clip(CENTRES, 1e-12, 1 - 1e-12)
    return {
        "brier_score": float(weights @ (chances * (1 - CENTRES) ** 2 + (1 - chances) * CENTRES**2)),
        "log_loss": float(-weights @ (chances * np.log(inside) + (1 - chances) * np.log1p(-inside))),
        "expected_calibration_error": float(np.abs(np.bincount(tenth, weights * (chances - CENTRES), 10)).sum()),
        "calibration_in_the_large": float(weights @ (CENTRES - chances)),
    }


@pytest.mark.parametrize("n", [20, 50, 1_000])
@pytest.mark.parametrize("weights, chances", POPULATIONS.values(), ids=POPULATIONS)
def test_bounds_miss_the_truth_no_more_often_than_they_say(weights: np.ndarray, chances: np.ndarray, n: int) -> None:
    rng, runs, alpha, truth = np.random.default_rng(70), 120, 0.05, truths(weights, chances)
    misses = {metric: [0, 0] for metric in SCORES}
    for _ in range(runs):
        rows = rng.multinomial(n, weights)
        for metric, m in look_at(rows, rng.binomial(rows, chances), alpha).items():
            assert m.low <= m.value <= m.high
            misses[metric][0] += m.low > truth[metric]
            misses[metric][1] += m.high < truth[metric]
    for metric, counts in misses.items():
        for count in counts:
            assert stats.binomtest(count, runs, alpha, alternative="greater").pvalue > 0.001, (metric, counts)


def test_a_sound_score_stays_under_its_noise_floor_and_a_large_sample_sees_what_is_unsound() -> None:
    rng, runs, alpha = np.random.default_rng(71), 150, 0.05
    for n in (30, 3_000):
        above = 0
        for _ in range(runs):
            rows = rng.multinomial(n, POPULATIONS["in the middle"][0])
            m = look_at(rows, rng.binomial(rows, CENTRES), alpha)["expected_calibration_error"]
            above += m.value > m.noise_floor
            assert (m.low > 0) <= (m.value > m.noise_floor)
        assert stats.binomtest(above, runs, alpha, alternative="greater").pvalue > 0.005
    weights, chances = POPULATIONS["overconfident"]
    rows = rng.multinomial(20_000, weights)
    m = look_at(rows, rng.binomial(rows, chances))["expected_calibration_error"]
    assert m.low > 0.1 and m.noise_floor < 0.02


@pytest.mark.parametrize("alpha", [0.2, 0.05, 0.003])
def test_the_noise_floor_of_a_few_rows_is_that_of_all_ways_their_outcomes_could_fall(alpha: float) -> None:
    """Ten rows in three tenths: 1,024 outcomes, each with its probability, added up."""
    scores = np.array([0.0505, 0.0805, 0.0305, 0.0905, 0.4505, 0.4205, 0.4305, 0.8505, 0.8805, 0.8205])
    bins = np.floor(scores * 1000).astype(int) + 1
    tenths = np.floor(scores * 10).astype(int)
    errors, chances = [], []
    for outcome in itertools.product([0, 1], repeat=scores.size):
        label = np.array(outcome)
        errors.append(sum(abs((label - scores)[tenths == t].sum()) for t in np.unique(tenths)) / scores.size)
        chances.append(float(np.prod(np.where(label == 1, scores, 1 - scores))))
    order = np.argsort(errors)
    exact = np.array(errors)[order][np.searchsorted(np.cumsum(np.array(chances)[order]), 1 - alpha)]
    rows = np.bincount(bins, minlength=BINS.size - 1)
    floor = look_at(rows, np.zeros_like(rows), alpha)["expected_calibration_error"].noise_floor
    assert exact <= floor + 1e-12 and floor == pytest.approx(exact, abs=0.005)


def test_noise_of_two_dice_is_added_exactly_and_rounded_up() -> None:
    die = np.arange(1.0, 7.0), np.full(6, 1 / 6)
    assert noise_quantile([die, die], 1 / 36 - 1e-9) == pytest.approx(12, abs=0.01)
    assert noise_quantile([die, die], 1 / 36 + 1e-9) == pytest.approx(11, abs=0.01)
    assert noise_quantile([die, (np.zeros(1), np.ones(1))], 0.5 + 1e-9) == pytest.approx(3, abs=0.01)
    assert noise_quantile([], 0.05) == noise_quantile([(np.zeros(1), np.ones(1))], 0.05) == 0.0


def test_values_are_those_of_the_rows_within_half_a_bin(table_of: Any, shape: Any) -> None:
    rng = np.random.default_rng(72)
    score = rng.beta(2, 2, 2_500)
    label = (rng.random(2_500) < 0.8 * score).astype(int)
    table = table_of({"y": label, "s": score})
    grid = freeze(table, shape(label="y", score="s", threshold=0.5, score_is_probability=True))
    found = {m.metric: m for m in overall(profile(table, grid), None, Levels({}))}
    large = found["calibration_in_the_large"]
    assert large.value == pytest.approx(score.mean() - label.mean(), abs=0.0005)
    t = stats.ttest_1samp(score - label, 0).confidence_interval(0.95)
    assert (large.low, large.high) == pytest.approx((t.low, t.high), abs=0.002)
    for metric, losses in {
        "brier_score": (score - label) ** 2,
        "log_loss": -np.where(label == 1, np.log(score), np.log1p(-score)),
    }.items():
        half = 1.96 * losses.std() / 50
        assert found[metric].low == pytest.approx(losses.mean() - half, abs=0.3 * half)
        assert found[metric].high == pytest.approx(losses.mean() + half, abs=0.3 * half)
        assert found[metric].alpha == 0.025


def test_a_certain_score_that_fails_once_is_feared_before_it_fails() -> None:
    """Twenty scores of 5 %, nothing positive: the variance seen is zero, the Brier score may be 0.9 × 14 %."""
    rows = np.zeros(BINS.size - 1, int)
    rows[51] = 20
    m = look_at(rows, np.zeros_like(rows))["brier_score"]
    rate = 1 - 0.025 ** (1 / 20)
    assert m.low < 0.0505**2 + 1e-9
    assert m.high > rate * 0.9495**2


def test_rows_of_entities_widen_every_bound_and_the_floor() -> None:
    rng = np.random.default_rng(73)
    rows = rng.multinomial(1_000, POPULATIONS["in the middle"][0])
    hits = rng.binomial(rows, CENTRES)
    alone, together = look_at(rows, hits), look_at(rows, hits, effect=4.0)
    for metric in SCORES:
        assert together[metric].value == alone[metric].value
        assert together[metric].low < alone[metric].low or alone[metric].low == 0
        assert together[metric].high > alone[metric].high
    error = "expected_calibration_error"
    assert together[error].noise_floor == pytest.approx(2 * alone[error].noise_floor)


@pytest.mark.parametrize(
    "rows, hits",
    [({501: 1}, {}), ({501: 1}, {501: 1}), ({0: 3}, {0: 1}), ({1001: 3}, {1001: 3}), ({1: 5, 1000: 5}, {1000: 5})],
    ids=["one row", "one positive", "scores below 0", "scores of 1", "all right"],
)
def test_odd_batches_have_finite_values_within_their_bounds(rows: dict[int, int], hits: dict[int, int]) -> None:
    counts = [np.array([part.get(i, 0) for i in range(BINS.size - 1)]) for part in (rows, hits)]
    for m in look_at(*counts).values():
        assert np.isfinite([m.value, m.low, m.high]).all() and m.low <= m.value <= m.high


def test_without_outcomes_each_is_undefined_and_says_why() -> None:
    nothing = np.zeros(BINS.size - 1, int)
    assert {(m.value, m.reason) for m in look_at(nothing, nothing).values()} == {
        (None, "undefined (0 outcomes with a score)")
    }


def test_a_calibration_error_is_judged_against_its_noise(criterion: Any) -> None:
    rng, labels = np.random.default_rng(74), Labels(1.0, True)
    promise = criterion(metric="expected_calibration_error", limit=0.05)
    weights, chances = POPULATIONS["overconfident"]
    outcomes = {}
    for name, n, q in (("few", 60, CENTRES), ("sound", 5_000, CENTRES), ("unsound", 5_000, chances)):
        rows = rng.multinomial(n, weights)
        outcomes[name] = judge(
            look_at(rows, rng.binomial(rows, q))["expected_calibration_error"], promise, labels
        ).outcome
    assert outcomes == {"few": Outcome.INCONCLUSIVE, "sound": Outcome.CONFORMING, "unsound": Outcome.BREACH}
