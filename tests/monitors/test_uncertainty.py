"""Bounds against statsmodels, a published table, scikit-learn, and simulations whose truth is set."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score
from statsmodels.stats.proportion import proportion_confint

from monitors.uncertainty import (
    auc_with_bounds,
    exact,
    exponential_auc_variance,
    mean_bounds,
    ratio_bounds,
)

SAMPLES = [(0, 1), (1, 1), (0, 10), (1, 10), (5, 10), (10, 10), (81, 263), (15, 148), (0, 20), (1, 29), (3, 100_000)]


rates = st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(one=rates, two=rates, alpha=st.floats(1e-5, 0.4))
def test_bounds_hold_their_estimate_stay_in_range_and_mirror(
    one: tuple[int, int], two: tuple[int, int], alpha: float
) -> None:
    low, high = exact(*one, alpha)
    assert 0 <= low <= one[0] / one[1] + 1e-12 and one[0] / one[1] - 1e-12 <= high <= 1
    assert exact(one[1] - one[0], one[1], alpha) == pytest.approx((1 - high, 1 - low), abs=1e-9)
    if two[0]:
        ratio = ratio_bounds(*one, *two, alpha)
        value = (one[0] / one[1]) / (two[0] / two[1])
        assert 0 <= ratio[0] <= value * (1 + 1e-9) and ratio[1] >= value * (1 - 1e-9)


@given(one=rates, two=rates, alpha=st.floats(0.001, 0.2))
def test_a_smaller_alpha_never_narrows_a_bound(one: tuple[int, int], two: tuple[int, int], alpha: float) -> None:
    if two[0]:
        wide, narrow = ratio_bounds(*one, *two, alpha / 2), ratio_bounds(*one, *two, alpha)
        assert wide[0] <= narrow[0] + 1e-9 and narrow[1] <= wide[1] * (1 + 1e-9)
    wide, narrow = exact(*one, alpha / 2), exact(*one, alpha)
    assert wide[0] <= narrow[0] + 1e-12 and narrow[1] <= wide[1] + 1e-12


def misses(bounds: list[tuple[float, float]], truth: float) -> tuple[int, int]:
    return sum(low > truth for low, _ in bounds), sum(high < truth for _, high in bounds)


def at_most(count: int, runs: int, rate: float) -> bool:
    """Whether `count` of `runs` does not refute, at 1 %, that the true share is at most `rate`."""
    return float(stats.binomtest(count, runs, rate, alternative="greater").pvalue) > 0.01


RATIOS = [(20, 0.1, 20, 0.1), (20, 0.5, 100, 0.1), (100, 0.3, 20, 0.8), (50, 0.8, 50, 0.5), (200, 0.4, 150, 0.5)]


@pytest.mark.parametrize("alpha", [0.025, 0.005])
@pytest.mark.parametrize("n, p, m, q", RATIOS, ids=str)
def test_bounds_of_a_ratio_miss_hardly_more_often_than_alpha(n: int, p: float, m: int, q: float, alpha: float) -> None:
    """Summed over every pair of samples; a baseline without a hit has no bounds to miss with."""
    i, j = np.arange(n + 1), np.arange(1, m + 1)
    ends = np.array([[ratio_bounds(int(x), n, int(y), m, alpha) for y in j] for x in i])
    one, two = stats.binom.pmf(i, n, p), stats.binom.pmf(j, m, q)
    missed = [float(one @ side @ two) for side in (ends[..., 0] > p / q, ends[..., 1] < p / q)]
    assert max(missed) < 1.1 * alpha


def test_a_ratio_to_nothing_has_no_upper_bound_and_a_ratio_of_nothing_starts_at_zero() -> None:
    assert ratio_bounds(5, 10, 0, 10, 0.025) == (0.0, math.inf)
    assert ratio_bounds(0, 10, 5, 10, 0.025)[0] == 0.0


@pytest.mark.parametrize("alpha", [0.2, 0.025, 1e-6])
@pytest.mark.parametrize("hits, n", SAMPLES, ids=str)
def test_exact_bounds_are_statsmodels_beta_interval(hits: int, n: int, alpha: float) -> None:
    assert exact(hits, n, alpha) == pytest.approx(proportion_confint(hits, n, 2 * alpha, method="beta"), abs=1e-9)


@pytest.mark.parametrize("alpha", [0.2, 0.025, 1e-6])
@pytest.mark.parametrize("hits, n", [(0, 10), (1, 10), (5, 10), (10, 10), (81, 263), (3, 100_000)], ids=str)
def test_bounds_of_a_mean_of_hits_are_the_exact_ones(hits: int, n: int, alpha: float) -> None:
    """Gaffke's bound of a rate is Clopper and Pearson's; the saddlepoint makes the tail at most 10 % smaller, hardly larger."""
    found = mean_bounds(np.array([0.0, 1.0]), np.array([n - hits, float(hits)]), alpha, (0.0, 1.0))
    ends = (exact(hits, n, alpha * 1.02), exact(hits, n, alpha * 0.9))
    assert min(e[0] for e in ends) - 1e-12 <= found[0] <= max(e[0] for e in ends) + 1e-12
    assert min(e[1] for e in ends) - 1e-12 <= found[1] <= max(e[1] for e in ends) + 1e-12


@pytest.mark.parametrize("alpha", [0.2, 0.025, 0.001])
def test_bounds_of_a_mean_are_quantiles_of_dirichlet_weights(alpha: float) -> None:
    """Each drawn, with one row at the end of the range."""
    values, counts, rng = np.array([0.1, 0.2, 0.9, 3.0]), np.array([4.0, 3.0, 5.0, 1.0]), np.random.default_rng(24)
    low, high = mean_bounds(values, counts, alpha, (-1.0, 5.0))
    for found, end, place in ((low, -1.0, alpha), (high, 5.0, 1 - alpha)):
        drawn = rng.dirichlet(np.append(counts, 1.0), 400_000) @ np.append(values, end)
        assert (drawn < found).mean() == pytest.approx(place, abs=4 * math.sqrt(alpha / 400_000) + 0.02 * alpha)


means = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 1000)), min_size=1, max_size=30).filter(
    lambda seen: sum(n for _, n in seen) > 0
)


@given(seen=means, alpha=st.floats(1e-6, 0.4))
def test_bounds_of_a_mean_hold_it_stay_in_range_and_mirror(seen: list[tuple[float, int]], alpha: float) -> None:
    values, counts = (np.array(part, float) for part in zip(*seen, strict=True))
    low, high = mean_bounds(values, counts, alpha, (0.0, 1.0))
    mean = float(values @ counts / counts.sum())
    assert 0 <= low <= mean + 1e-6 and mean - 1e-6 <= high <= 1
    assert mean_bounds(1 - values, counts, alpha, (0.0, 1.0)) == pytest.approx((1 - high, 1 - low), abs=1e-6)


def test_the_variance_of_exponential_scores_is_hanley_and_mcneils() -> None:
    """Two exponential samples, drawn: the wider one on either side, and the larger of both variances."""
    rng, runs, ratio = np.random.default_rng(25), 20_000, 4.0
    found = []
    for positives, negatives in ((8, 20), (20, 8)):
        one, other = rng.exponential(ratio, (runs, positives)), rng.exponential(1, (runs, negatives))
        found.append((one[:, :, None] > other[:, None, :]).mean(axis=(1, 2)).var())
    assert exponential_auc_variance(0.8, 20, 8) == exponential_auc_variance(0.8, 8, 20)
    assert exponential_auc_variance(0.8, 20, 8) == pytest.approx(max(found), rel=0.05)


def delong_variance(negatives: np.ndarray, positives: np.ndarray) -> float:
    """Every pair compared: DeLong, DeLong, Clarke-Pearson (1988), equations 3 to 5."""
    psi = (positives[:, None] > negatives[None, :]) + 0.5 * (positives[:, None] == negatives[None, :])
    return psi.mean(axis=1).var(ddof=1) / positives.size + psi.mean(axis=0).var(ddof=1) / negatives.size


@pytest.mark.parametrize("alpha", [0.025, 0.001])
@pytest.mark.parametrize(
    "n, m, values", [(40, 60, 10), (200, 30, 3), (20, 50, 1000)], ids=["ties", "many ties", "few ties"]
)
def test_auc_is_scikit_learns_and_its_bounds_rest_on_delongs_variance(
    n: int, m: int, values: int, alpha: float
) -> None:
    rng = np.random.default_rng(22)
    negatives, positives = rng.integers(0, values, n), np.minimum(rng.integers(0, values, m) + values // 3, values - 1)
    counts = [np.bincount(x, minlength=values).astype(float) for x in (negatives, positives)]
    area, low, high = auc_with_bounds(*counts, alpha)
    assert area == pytest.approx(roc_auc_score([0] * n + [1] * m, [*negatives, *positives]), abs=1e-12)
    seen, model = delong_variance(negatives, positives), exponential_auc_variance(area, n, m)
    variance = seen + max(model - seen, 0) * 100 / (100 + min(n, m))
    rows = area * (1 - area) / variance
    ends = (
        stats.beta.ppf(alpha, area * rows, rows - area * rows + 1),
        stats.beta.isf(alpha, area * rows + 1, rows - area * rows),
    )
    assert (low, high) == pytest.approx(ends, abs=1e-12)


def test_of_many_rows_the_variance_is_delongs_alone() -> None:
    rng = np.random.default_rng(26)
    negatives, positives = rng.multinomial(40_000, [0.4, 0.3, 0.2, 0.1]), rng.multinomial(30_000, [0.1, 0.2, 0.3, 0.4])
    area, low, high = auc_with_bounds(negatives.astype(float), positives.astype(float), 0.025)
    reach = 1.96 * math.sqrt(delong_variance(*(np.repeat(range(4), x // 20) for x in (negatives, positives))) / 20)
    assert (low, high) == pytest.approx((area - reach, area + reach), abs=0.02 * reach + 5e-5)


def test_a_perfect_ranking_is_bounded_by_what_so_few_rows_can_show() -> None:
    """All of n agree: the exact one-sided bound of a proportion is alpha ** (1 / n) (Clopper-Pearson)."""
    area, low, high = auc_with_bounds(np.array([5.0, 0.0]), np.array([0.0, 30.0]), 0.025)
    assert (area, high) == (1.0, 1.0)
    assert low == pytest.approx(stats.beta.ppf(0.025, 5, 1))
    assert auc_with_bounds(np.array([0.0, 30.0]), np.array([5.0, 0.0]), 0.025) == pytest.approx((0.0, 0.0, 1 - low))


def samples(
    kind: str, area: float, n: int, m: int, runs: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Scores of positives and negatives whose area under the ROC curve is `area`."""
    if kind == "exponential":
        return rng.exponential(area / (1 - area), (runs, n)), rng.exponential(1, (runs, m))
    spread = {"normal": 1.0, "wider positives": 2.0, "wider negatives": 0.5}[kind]
    apart = math.sqrt(1 + spread**2) * stats.norm.ppf(area)
    return rng.normal(apart, spread, (runs, n)), rng.normal(0, 1, (runs, m))


@pytest.mark.parametrize("kind", ["normal", "wider positives", "wider negatives", "exponential"])
@pytest.mark.parametrize("n, m", [(5, 5), (5, 100), (10, 200), (200, 20), (30, 30), (50, 400)], ids=str)
def test_auc_bounds_miss_the_true_area_no_more_often_than_they_say(kind: str, n: int, m: int) -> None:
    rng, runs, alpha = np.random.default_rng(23), 400, 0.05
    for area in (0.6, 0.8, 0.95):
        bounds = []
        for positives, negatives in zip(*samples(kind, area, n, m, runs, rng), strict=True):
            place = np.argsort(np.concatenate([positives, negatives]))
            ordered = (place < n).astype(float)
            bounds.append(auc_with_bounds(1 - ordered, ordered, alpha)[1:])
        for count in misses(bounds, area):
            assert at_most(count, runs, 1.1 * alpha), (area, misses(bounds, area))


def test_auc_bounds_are_not_absurdly_wide() -> None:
    """No wider than the exact bounds of a rate over the smaller class, whose variance is the largest possible."""
    rng = np.random.default_rng(27)
    for positives, negatives in zip(*samples("normal", 0.8, 20, 200, 100, rng), strict=True):
        ordered = (np.argsort(np.concatenate([positives, negatives])) < 20).astype(float)
        area, low, high = auc_with_bounds(1 - ordered, ordered, 0.025)
        widest = exact(area * 20, 20, 0.025)
        assert high - low < 0.9 * (widest[1] - widest[0])
