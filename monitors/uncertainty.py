"""How far a number can be trusted: bounds for rates, differences, ratios, means and AUC, from counts alone.

Every bound is one-sided at level `1 - alpha`, so `(low, high)` covers with at least `1 - 2 alpha`. One-sided,
because a criterion is breached from one side: the chance of a false breach at the limit is then `alpha`.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.optimize import brentq
from scipy.special import betaincinv, ndtr

from monitors.proportions import detectable

# So many rows of the smaller class weigh as much as what a model of the scores says about the variance of an AUC.
MODEL_ROWS = 100

Bounds = tuple[float, float]


def ratio_bounds(hits: float, n: float, other_hits: float, other_n: float, alpha: float) -> Bounds:
    """Bounds of `(hits/n) / (other_hits/other_n)` recovered from the two rates' exact ones; `other_hits` > 0.

    Recovered from score bounds they miss up to 2.7 times as often as they may. The upper bound is infinity where the
    other rate cannot be told from zero.

    References
    ----------
    A. Donner, G. Y. Zou (2012), Stat. Methods Med. Res. 21, 347-359, doi:10.1177/0962280210383082 (MOVER-R).
    """
    one, two = hits / n, other_hits / other_n
    (low1, high1), (low2, high2) = exact(hits, n, alpha), exact(other_hits, other_n, alpha)
    product = one * two
    under = max(product**2 - low1 * high2 * (2 * one - low1) * (2 * two - high2), 0.0)
    low = (product - math.sqrt(under)) / (high2 * (2 * two - high2)) if high2 * (2 * two - high2) > 0 else 0.0
    if low2 * (2 * two - low2) <= 0:
        return max(low, 0.0), math.inf
    over = max(product**2 - high1 * low2 * (2 * one - high1) * (2 * two - low2), 0.0)
    return max(low, 0.0), (product + math.sqrt(over)) / (low2 * (2 * two - low2))


def detectable_difference(hits: float, n: float, other_hits: float, other_n: float, alpha: float) -> float:
    """The true difference that these two samples would tell from none, at `alpha`, with power `POWER`."""
    return float(detectable(hits, n, other_hits, other_n, alpha))


def design_effect(hits: np.ndarray, n: np.ndarray) -> float:
    """Variance of a rate over its variance if rows were independent, from rows per bucket of entities; at least 1.

    The variance is that of a grouped jackknife: each bucket is left out once. Below 1 it is chance (with 256
    buckets its standard error is about 0.09), and nobody's rows are worth more than independent ones.

    Parameters
    ----------
    hits, n : int arrays of shape (buckets,)

    References
    ----------
    M. H. Quenouille (1956), Biometrika 43, 353-360, doi:10.1093/biomet/43.3-4.353 (the grouped jackknife);
    L. Kish (1965), Survey Sampling, section 8.2 (the design effect).
    """
    total, rows = float(hits.sum()), float(n.sum())
    independent = total / rows * (1 - total / rows) / rows if rows else 0.0
    return max(jackknife_variance(hits, n) / independent, 1.0) if independent else 1.0


def jackknife_variance(totals: np.ndarray, n: np.ndarray) -> float:
    """Variance of `totals.sum() / n.sum()`, each bucket left out once; 0 where all rows are in one.

    Parameters
    ----------
    totals : float or int array of shape (buckets,)
    n : int array of shape (buckets,)
    """
    totals, n = totals[n > 0].astype(float), n[n > 0].astype(float)
    if n.size < 2:
        return 0.0
    without = (totals.sum() - totals) / (n.sum() - n)
    return (n.size - 1) / n.size * float(((without - without.mean()) ** 2).sum())


def mean_design_effect(counts: np.ndarray) -> float:
    """Mean design effect of the shares of several bins, as it widens χ² statistics of them; at least 1.

    Parameters
    ----------
    counts : int array of shape (buckets, bins)

    References
    ----------
    J. N. K. Rao, A. J. Scott (1981), J. Am. Stat. Assoc. 76, 221-230, doi:10.1080/01621459.1981.10477633, eq. 3.3
    (first-order correction).
    """
    used = counts[:, counts.sum(axis=0) > 0]
    rows, bins = used.sum(axis=1), used.shape[1]
    if bins < 2:
        return 1.0
    shares = used.sum(axis=0) / rows.sum()
    effects = np.array([design_effect(used[:, i], rows) for i in range(bins)])
    return max(float(((1 - shares) * effects).sum() / (bins - 1)), 1.0)


def exact(hits: float, n: float, alpha: float) -> Bounds:
    """Bounds of a rate that never miss more often than `alpha`; `hits` and `n` > 0 may be fractions.

    References
    ----------
    C. J. Clopper, E. S. Pearson (1934), Biometrika 26, 404-413, doi:10.1093/biomet/26.4.404; for an effective
    sample size: E. L. Korn, B. I. Graubard (1998), Survey Methodology 24, 193-201.
    """
    low = float(betaincinv(hits, n - hits + 1, alpha)) if hits > 0 else 0.0
    high = float(betaincinv(hits + 1, n - hits, 1 - alpha)) if hits < n else 1.0
    return low, high


def mean_bounds(values: np.ndarray, counts: np.ndarray, alpha: float, span: Bounds) -> Bounds:
    """Bounds of the mean of what can only lie in `span`, from how often each value was seen.

    One row is added at the end of `span` to be feared, and rows are weighted by a Dirichlet distribution: the bound
    is the quantile of the weighted mean. For hits and misses that is the exact bound of a rate. It is known not to
    miss more often than `alpha` in every case that was tried, and it sees what has not happened yet (a confident
    score that fails), which the variance of few rows does not. The quantile is a saddlepoint approximation.

    Parameters
    ----------
    values, counts : arrays of shape (different values,)
        `counts` sum to more than 0 and may be fractions: rows, or what dependent rows are worth.

    References
    ----------
    N. Gaffke (2005), Math. Methods Statist. 14, 451-467; E. Learned-Miller, P. S. Thomas (2019),
    arXiv:1905.06208 (that bound). R. Lugannani, S. Rice (1980), Adv. Appl. Probab. 12, 475-490,
    doi:10.2307/1426607 (the tail).
    """
    low, high = span
    seen = counts > 0
    inside = np.clip((values[seen] - low) / (high - low), 0.0, 1.0)
    weights = np.append(counts[seen], 1.0)
    under = 1 - _upper_mean(np.append(1 - inside, 1.0), weights, alpha)
    over = _upper_mean(np.append(inside, 1.0), weights, alpha)
    return low + (high - low) * under, low + (high - low) * over


def _upper_mean(values: np.ndarray, weights: np.ndarray, alpha: float) -> float:
    """The `1 - alpha` quantile of the mean of `values` (in 0 to 1, one of them 1) under Dirichlet(`weights`).

    The saddlepoint of each mean is known in closed form from `tilt`, so one root is enough.
    """
    if values.min() > 1 - 1e-12:
        return 1.0
    total, below = float(weights.sum()), 1 - values

    def tail_and_mean(log_tilt: float) -> tuple[float, float]:
        tilt = math.exp(log_tilt)
        spread = below + tilt * values
        tilted = weights / spread
        mean = float(tilted @ values / tilted.sum())
        rest = float(tilted @ below / tilted.sum()) + tilt * mean
        point = (1 - tilt) / rest
        exponent = float(weights @ np.log(spread)) - total * math.log(rest)
        root = math.sqrt(max(2 * exponent, 0.0))
        slope = point * math.sqrt(float(weights @ ((values - mean) * rest / spread) ** 2))
        if root < 1e-4 or slope < 1e-4:
            return 0.5, mean
        density = math.exp(-exponent) / math.sqrt(2 * math.pi)
        return float(ndtr(-root)) + density * (1 / slope - 1 / root), mean

    def off(log_tilt: float) -> float:
        return math.log(max(tail_and_mean(log_tilt)[0], 1e-300) / alpha)

    far = -1.0
    while off(far) > 0 and far > -600:
        far *= 1.6
    return 1.0 if off(far) > 0 else tail_and_mean(float(brentq(off, far, -1e-9, xtol=1e-7)))[1]


def auc_with_bounds(
    negatives: np.ndarray, positives: np.ndarray, alpha: float, effect: float = 1.0
) -> tuple[float, float, float]:
    """Area under the ROC curve and its bounds, from counts per score bin in ascending order.

    Rows of one bin count as ties (half), so the value lies within half the sum over bins of the products of
    shares of the one on raw scores, and equals it where bins are single values.

    Bounds are exact ones of a rate over as many rows as would give the area's variance. That variance is the one of
    structural components. Few rows show too small a one, the more so where the area came out high: then it is raised
    to the one of two exponential scores, which ever class is the wider, as if these were `MODEL_ROWS` further rows of
    the smaller class. Where all pairs agree there is no variance to see: exact bounds over the smaller class, the
    largest variance that any such area can have. `effect` rows are worth one independent row.

    References
    ----------
    E. R. DeLong, D. M. DeLong, D. L. Clarke-Pearson (1988), Biometrics 44, 837-845, doi:10.2307/2531595.
    J. A. Hanley, B. J. McNeil (1982), Radiology 143, 29-36, doi:10.1148/radiology.143.1.7063747 (exponential scores).
    E. L. Korn, B. I. Graubard (1998), Survey Methodology 24, 193-201 (exact bounds of an effective sample size).
    Z. W. Birnbaum, O. M. Klose (1957), Ann. Math. Statist. 28, 933-945, doi:10.1214/aoms/1177706794 (the largest).
    """
    of_positive, of_negative, area = placements(negatives, positives)
    fewer = float(min(negatives.sum(), positives.sum()))
    if not 0 < area < 1:
        return area, *exact(area * fewer / effect, fewer / effect, alpha)
    binomial = area * (1 - area)
    seen = (_component(of_positive, positives, area) + _component(of_negative, negatives, area)) / binomial
    expected = exponential_auc_variance(area, float(negatives.sum()), float(positives.sum())) / binomial
    trust = MODEL_ROWS / (MODEL_ROWS + fewer / effect)
    rows = 1 / (seen + max(expected - seen, 0.0) * trust) / effect
    return area, *exact(area * rows, rows, alpha)


def placements(negatives: np.ndarray, positives: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """For each bin the share of negatives below it and of positives above it (ties half), and the area.

    Counts may be fractions (expected ones); both classes sum to more than 0.
    """
    below = np.cumsum(negatives) - negatives / 2
    above = positives.sum() - np.cumsum(positives) + positives / 2
    of_positive, of_negative = below / negatives.sum(), above / positives.sum()
    return of_positive, of_negative, min(float((positives * of_positive).sum() / positives.sum()), 1.0)


def exponential_auc_variance(area: float, negatives: float, positives: float) -> float:
    """Variance of the area between two exponential scores; the larger one of the two orders.

    References
    ----------
    J. A. Hanley, B. J. McNeil (1982), Radiology 143, 29-36, eq. 1 and 2, doi:10.1148/radiology.143.1.7063747.
    """
    one, other = area / (2 - area) - area**2, 2 * area**2 / (1 + area) - area**2
    orders = ((positives - 1) * one + (negatives - 1) * other, (positives - 1) * other + (negatives - 1) * one)
    return (area * (1 - area) + max(orders)) / (negatives * positives)


def _component(placements: np.ndarray, weights: np.ndarray, mean: float) -> float:
    n = weights.sum()
    return float((weights * (placements - mean) ** 2).sum() / max(n - 1, 1) / n)
