"""Score bounds against statsmodels, against what defines them, and against every sample that can occur."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats
from statsmodels.stats.proportion import confint_proportions_2indep

from monitors.proportions import POWER, detectable, is_above, score_bounds


@pytest.mark.parametrize(
    "one, two, expected",
    [((56, 70), (48, 80), (0.0528, 0.3382)), ((9, 10), (3, 10), (0.1700, 0.8406))],
    ids=["56/70 - 48/80", "9/10 - 3/10"],
)
def test_without_correction_they_meet_the_table_of_newcombe_1998(
    one: tuple[int, int], two: tuple[int, int], expected: tuple[float, float]
) -> None:
    """R. G. Newcombe (1998), Stat. Med. 17, 873-890, table II, Miettinen and Nurminen's method.

    statsmodels' own (`method="score"`) is no truth here: its restricted rates are not where the likelihood is largest.
    """
    found = score_bounds(*one, *two, 0.025, skewness_corrected=False)
    assert [float(end) for end in found] == pytest.approx(expected, abs=5e-5)


@pytest.mark.parametrize("one, two", [((12, 40), (30, 200)), ((3, 30), (90, 300)), ((20, 25), (40, 90))], ids=str)
def test_a_bound_is_where_the_statistic_meets_the_quantile_of_its_own_skewness(
    one: tuple[int, int], two: tuple[int, int]
) -> None:
    """The likelihood is maximised numerically, and the third moment summed over every possible sample."""
    alpha, (x, n), (y, m) = 0.01, one, two
    low = float(score_bounds(x, n, y, m, alpha)[0])

    def minus_log_likelihood(q: float) -> float:
        return -float(stats.binom.logpmf(x, n, q + low) + stats.binom.logpmf(y, m, q))

    edges = (max(0.0, -low) + 1e-9, min(1.0, 1 - low) - 1e-9)
    q = optimize.minimize_scalar(minus_log_likelihood, bounds=edges, method="bounded", options={"xatol": 1e-11}).x
    i, j = np.arange(n + 1), np.arange(m + 1)
    weight = np.outer(stats.binom.pmf(i, n, q + low), stats.binom.pmf(j, m, q))
    gap = (i[:, None] / n - j[None, :] / m) - low
    variance, third = (weight * gap**2).sum(), (weight * gap**3).sum()
    spread, z = np.sqrt(variance * (n + m) / (n + m - 1)), stats.norm.isf(alpha)
    step = math.gcd(n, m) / (n * m)
    assert (x / n - y / m - low - step / 4) / spread == pytest.approx(z + (z**2 - 1) / 6 * third / spread**3, abs=1e-4)


rates = st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(one=rates, two=rates, alpha=st.floats(1e-6, 0.4), effect=st.floats(1, 5))
def test_bounds_hold_their_estimate_stay_in_range_and_mirror(
    one: tuple[int, int], two: tuple[int, int], alpha: float, effect: float
) -> None:
    x, n, y, m = (count / effect for count in (*one, *two))
    low, high = (float(end) for end in score_bounds(x, n, y, m, alpha))
    assert -1 <= low <= x / n - y / m + 1e-9 and x / n - y / m - 1e-9 <= high <= 1
    assert [-float(end) for end in score_bounds(y, m, x, n, alpha)[::-1]] == pytest.approx([low, high], abs=1e-9)
    assert [float(e) for e in score_bounds(n - x, n, m - y, m, alpha)] == pytest.approx([-high, -low], abs=1e-7)


@given(one=rates, two=rates, alpha=st.floats(1e-5, 0.2), limit=st.floats(-0.9, 0.9))
def test_whether_the_bound_is_above_a_limit_is_told_without_it(
    one: tuple[int, int], two: tuple[int, int], alpha: float, limit: float
) -> None:
    low = float(score_bounds(*one, *two, alpha)[0])
    if abs(low - limit) > 1e-6:
        assert bool(is_above(limit, *one, *two, alpha)) == (low > limit)


def accused(n: int, m: int, p: float, q: float, limit: float, alpha: float, corrected: bool = True) -> float:
    """Chance that the lower bound lies above `limit`, summed over every pair of samples."""
    i, j = np.arange(n + 1), np.arange(m + 1)
    above = is_above(limit, i[:, None], n, j[None, :], m, alpha, skewness_corrected=corrected)
    return float(stats.binom.pmf(i, n, p) @ above @ stats.binom.pmf(j, m, q))


SIZES = [(50, 50), (100, 100), (50, 1000), (1000, 50), (100, 400)]


@pytest.mark.parametrize("n, m", SIZES, ids=str)
@pytest.mark.parametrize("alpha", [0.05, 0.007, 0.002])
def test_no_truth_at_the_limit_is_accused_much_more_often_than_alpha(n: int, m: int, alpha: float) -> None:
    """Not to the letter: samples are whole numbers, and no test that finds anything can then keep alpha exactly."""
    found = {
        (q, limit): accused(n, m, q + limit, q, limit, alpha) / alpha for q in (0.1, 0.3, 0.5) for limit in (0.0, 0.1)
    }
    assert max(found.values()) < 1.15, found


def test_uncorrected_bounds_of_a_small_group_against_a_large_one_accuse_far_too_often() -> None:
    """Why the correction is there: 50 against 1,000 at a rate of 0.1, each of 27 contrasts at its share of 0.05."""
    alpha = 0.0018
    assert accused(50, 1000, 0.1, 0.1, 0.0, alpha, corrected=False) > 2 * alpha
    i, j = np.arange(25), np.arange(60, 140)

    def newcombe(x: int, y: int) -> float:
        return float(confint_proportions_2indep(x, 50, y, 1000, method="newcomb", alpha=2 * alpha)[0])

    by_newcombe = np.array([[newcombe(int(x), int(y)) > 0 for y in j] for x in i])
    assert float(stats.binom.pmf(i, 50, 0.1) @ by_newcombe @ stats.binom.pmf(j, 1000, 0.1)) > 2 * alpha
    assert accused(50, 1000, 0.1, 0.1, 0.0, alpha) < alpha


@pytest.mark.parametrize("rate", [0.05, 0.2, 0.5, 0.9])
@pytest.mark.parametrize("n, m", [(50, 50), (100, 100), (300, 300), (1000, 1000), (50, 1000), (500, 100)], ids=str)
@pytest.mark.parametrize("alpha", [0.05, 0.002])
def test_a_detectable_difference_is_shown_in_four_of_five_batches(n: int, m: int, rate: float, alpha: float) -> None:
    gap = float(detectable(rate * n, n, rate * m, m, alpha))
    if rate <= 0.5:
        found = accused(n, m, rate + gap, rate, 0.0, alpha)
    else:
        found = accused(n, m, 1 - rate + gap, 1 - rate, 0.0, alpha)
    assert found == pytest.approx(POWER, abs=0.03)


def test_what_cannot_be_shown_at_all_is_said_to_be_one() -> None:
    """Three against three: even 3 of 3 against 0 of 3 would not do at one in ten thousand."""
    assert float(detectable(1, 3, 1, 3, 1e-4)) == 1.0
    assert not is_above(0.0, 3, 3, 0, 3, 1e-4)


def test_without_a_single_hit_not_everything_could_be_seen() -> None:
    assert float(detectable(0, 10, 0, 10, 0.025)) > 0.3
    assert float(detectable(10, 10, 10, 10, 0.025)) > 0.3
