"""Bounds of means against scipy where the skewness is none, and against simulations whose truth is known."""

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from monitors.mean_bounds import Estimate, Mean
from monitors.regression import _r_squared_bounds


def sums(x: np.ndarray) -> np.ndarray:
    """Sums of x, x² and x³ along the last axis."""
    return np.stack([x.sum(-1), (x**2).sum(-1), (x**3).sum(-1)], axis=-1)


def mean_of(x: Any, **more: Any) -> Mean:
    values = np.asarray(x, dtype=float)
    found = Mean.of(values.size, tuple(sums(values).tolist()), **more)
    assert found is not None
    return found


def test_variance_and_third_moment_are_scipys_k_statistics() -> None:
    x = np.random.default_rng(1).gamma(2, 3, 40)
    found = mean_of((x - 5) / 7, centre=5.0, scale=7.0)
    expected = [stats.kstat(x, order) for order in (1, 2, 3)]
    assert [found.value, found.variance, found.third] == pytest.approx(expected, rel=1e-12)


def test_without_skewness_bounds_are_students() -> None:
    x = np.r_[1.0, 2.0, 4.0, 7.0, 11.0]
    x = np.r_[x, 20 - x]
    expected = stats.ttest_1samp(x, 0).confidence_interval(0.9)
    assert mean_of(x).estimate.bounds(0.05) == pytest.approx(tuple(expected))


def test_without_skewness_a_difference_has_welchs_bounds() -> None:
    one, two = np.r_[1.0, 3.0, 3.5, 4.5, 5.0, 7.0], np.r_[-9.0, -2.0, -1.0, 0.0, 1.0, 2.0, 9.0]
    found, expected = mean_of(one).less(mean_of(two)), stats.ttest_ind(one, two, equal_var=False)
    assert found.bounds(0.05) == pytest.approx(tuple(expected.confidence_interval(0.9)))
    assert found.freedom == pytest.approx(expected.df)


def test_the_skewness_is_undone_by_halls_transformation() -> None:
    estimate = Estimate(value=0.0, error=1.0, skew=0.3, freedom=1e9)
    low, high = estimate.bounds(0.05)
    z = stats.norm.ppf(0.95)

    def hall(t: float) -> float:
        return t + 0.3 * t**2 / 3 + 0.09 * t**3 / 27 + 0.3 / 6

    assert hall(-low) == pytest.approx(z)
    assert hall(-high) == pytest.approx(-z * (1 + 0.3 + 0.09))


def test_mirrored_rows_have_mirrored_bounds_and_two_means_turn_with_their_order() -> None:
    rng = np.random.default_rng(2)
    one, two = mean_of(rng.exponential(size=30)), mean_of(rng.normal(size=70))
    low, high = one.estimate.bounds(0.01)
    mirrored = Mean(one.n, -one.value, one.variance, -one.third).estimate.bounds(0.01)
    assert mirrored == pytest.approx((-high, -low))
    low, high = one.less(two).bounds(0.01)
    assert two.less(one).bounds(0.01) == pytest.approx((-high, -low))


def test_dependent_rows_are_worth_as_many_independent_ones() -> None:
    x = np.random.default_rng(3).normal(size=100)
    twice = mean_of(np.repeat(x, 4))
    dependent = Mean(twice.n, twice.value, twice.variance, twice.third, effect=4.0)
    assert dependent.estimate.error == pytest.approx(mean_of(x).estimate.error, rel=0.01)
    assert dependent.estimate.freedom == 99


def test_equal_rows_have_no_spread_and_huge_ones_no_mean() -> None:
    assert mean_of([5.0] * 20, centre=1.0).estimate.bounds(0.05) == (6.0, 6.0)
    assert mean_of([0.1] * 20).variance == 0.0
    with np.errstate(over="ignore"):
        assert Mean.of(2, tuple(sums(np.array([1e200, 1.0])).tolist())) is None


NORMAL = np.random.Generator.standard_normal


def moderately_skewed(rng: np.random.Generator, size: Any) -> np.ndarray:
    """Gamma of shape 4, standardised: skewness 1."""
    return (rng.gamma(4, size=size) - 4) / 2


def misses(estimates: list[Estimate], truth: float, alpha: float) -> tuple[int, int]:
    bounds = np.array([estimate.bounds(alpha) for estimate in estimates])
    return int((bounds[:, 0] > truth).sum()), int((bounds[:, 1] < truth).sum())


@pytest.mark.parametrize("alpha", [0.05, 0.005])
@pytest.mark.parametrize("rows", [50, 400])
@pytest.mark.parametrize("law", [NORMAL, moderately_skewed], ids=["normal", "skewed"])
def test_bounds_of_bias_and_absolute_error_miss_no_more_often_than_they_may(law: Any, rows: int, alpha: float) -> None:
    rng, times = np.random.default_rng([rows, 11]), 4_000
    errors = law(rng, (times, rows))
    size = 0.7978845608 if law is NORMAL else 2 * 4**4 * math.exp(-4) / math.gamma(4) / 2
    for values, truth in ((errors, 0.0), (np.abs(errors), size)):
        found = [Mean.of(rows, tuple(row)) for row in sums(values).tolist()]
        # At 50 rows and one in two hundred, the mean size of skewed errors misses up to a quarter more often.
        room = 1.5 if alpha < 0.01 and rows < 100 and truth else 1.0
        for missed in misses([mean.estimate for mean in found if mean], truth, alpha):
            assert stats.binomtest(missed, times, alpha * room, alternative="greater").pvalue > 0.001


@pytest.mark.parametrize("law", [NORMAL, moderately_skewed], ids=["normal", "skewed"])
def test_bounds_of_a_difference_of_unequal_groups_miss_no_more_often_than_they_may(law: Any) -> None:
    rng, times = np.random.default_rng(12), 4_000
    one, two = sums(law(rng, (times, 150))).tolist(), sums(3 * law(rng, (times, 40))).tolist()
    found = [Mean.of(150, tuple(a)).less(Mean.of(40, tuple(b))) for a, b in zip(one, two, strict=True)]  # type: ignore[union-attr, arg-type]
    for missed in misses(found, 0.0, 0.025):
        assert stats.binomtest(missed, times, 0.025, alternative="greater").pvalue > 0.001


def means_for_r_squared(e: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    powers = {"error2": e**2, "error4": e**4, "paired": y, "paired2": y**2, "paired3": y**3, "paired4": y**4}
    powers |= {"error2_paired": e**2 * y, "error2_paired2": e**2 * y**2}
    return {name: values.mean(axis=-1) for name, values in powers.items()}


def test_bounds_of_r_squared_are_the_delta_methods_on_the_rows_wherever_the_label_is_centred() -> None:
    rng, alpha = np.random.default_rng(15), 0.05
    e = rng.standard_normal(60)
    y = 2 * rng.gamma(4, size=60) - e
    squared, spread = (e**2).mean(), y.var(ddof=1)
    rows = e**2 / squared - (y - y.mean()) ** 2 / y.var()
    half = stats.t.ppf(1 - alpha, 59) * math.sqrt((rows**2).mean() / 59)
    expected = [1 - squared / spread * math.exp(side * half) for side in (1, -1)]
    for centre in (0.0, 50.0):
        means = {name: float(value) for name, value in means_for_r_squared(e, y - centre).items()}
        assert _r_squared_bounds(60, means, float(y.var()), 0.0, alpha) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("rows", [50, 400])
@pytest.mark.parametrize("spread", [0.5, 3.0], ids=["R² = 0.2", "R² = 0.9"])
def test_bounds_of_r_squared_and_of_the_mean_square_miss_no_more_often_than_they_may(spread: float, rows: int) -> None:
    rng, times, alpha = np.random.default_rng([rows, 13]), 4_000, 0.05
    e = rng.standard_normal((times, rows))
    y = spread * rng.standard_normal((times, rows)) - e
    means = means_for_r_squared(e, y)
    squares = [Mean.of(rows, tuple(row)) for row in sums(e**2).tolist()]
    missed = np.zeros(2, int)
    for i, square in enumerate(squares):
        one = {name: float(values[i]) for name, values in means.items()}
        assert square is not None
        low, high = _r_squared_bounds(rows, one, one["paired2"] - one["paired"] ** 2, square.estimate.skew, alpha)
        truth = 1 - 1 / (spread**2 + 1)
        missed += low > truth, high < truth
    for count in (*missed.tolist(), *misses([s.estimate for s in squares if s], 1.0, alpha)):
        assert stats.binomtest(count, times, alpha, alternative="greater").pvalue > 0.001


def test_a_difference_that_is_called_detectable_is_found_four_times_in_five() -> None:
    rng, times, alpha = np.random.default_rng(14), 2_000, 0.025
    one, two = rng.standard_normal((times, 200)), 2 * rng.standard_normal((times, 100))
    gap = mean_of(one[0]).less(mean_of(two[0])).detectable(alpha)
    expected = (stats.norm.ppf(0.975) + stats.norm.ppf(0.8)) * math.sqrt(1 / 200 + 4 / 100)
    assert gap == pytest.approx(expected, rel=0.2)
    pairs = zip(sums(one + expected).tolist(), sums(two).tolist(), strict=True)
    found = [Mean.of(200, tuple(a)).less(Mean.of(100, tuple(b))).bounds(alpha)[0] > 0 for a, b in pairs]  # type: ignore[union-attr, arg-type]
    assert np.mean(found) == pytest.approx(0.8, abs=0.03)
