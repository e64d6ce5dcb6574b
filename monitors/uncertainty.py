"""How far a number can be trusted: bounds for rates, differences, ratios and AUC, from counts alone.

Every bound is one-sided at level `1 - alpha`, so `(low, high)` covers with at least `1 - 2 alpha`. One-sided,
because a criterion is breached from one side: the chance of a false breach at the limit is then `alpha`.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ndtri

from monitors.proportions import detectable

# With fewer rows in a class, the variance that DeLong's components show is too often too small.
SMALL_CLASS = 20

Bounds = tuple[float, float]


def wilson(hits: float, n: float, alpha: float) -> Bounds:
    """Score bounds of a rate, `hits` of `n` > 0.

    References
    ----------
    E. B. Wilson (1927), J. Am. Stat. Assoc. 22, 209-212, doi:10.1080/01621459.1927.10502953.
    """
    z2 = float(ndtri(1 - alpha)) ** 2
    rate = hits / n
    middle = (rate + z2 / (2 * n)) / (1 + z2 / n)
    half = math.sqrt(z2) * math.sqrt(rate * (1 - rate) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    low = 0.0 if hits == 0 else middle - half
    high = 1.0 if hits == n else middle + half
    return max(low, 0.0), min(high, 1.0)


def newcombe(hits: float, n: float, other_hits: float, other_n: float, alpha: float) -> Bounds:
    """Hybrid score bounds of `hits/n - other_hits/other_n`.

    References
    ----------
    R. G. Newcombe (1998), Stat. Med. 17, 873-890, method 10,
    doi:10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I.
    """
    one, two = hits / n, other_hits / other_n
    (low1, high1), (low2, high2) = wilson(hits, n, alpha), wilson(other_hits, other_n, alpha)
    low = one - two - math.hypot(one - low1, high2 - two)
    high = one - two + math.hypot(high1 - one, two - low2)
    return max(low, -1.0), min(high, 1.0)


def ratio_bounds(hits: float, n: float, other_hits: float, other_n: float, alpha: float) -> Bounds:
    """Bounds of `(hits/n) / (other_hits/other_n)` recovered from the two rates' own; `other_hits` > 0.

    The upper bound is infinity where the other rate cannot be told from zero.

    References
    ----------
    A. Donner, G. Y. Zou (2012), Stat. Methods Med. Res. 21, 347-359, doi:10.1177/0962280210383082 (MOVER-R).
    """
    one, two = hits / n, other_hits / other_n
    (low1, high1), (low2, high2) = wilson(hits, n, alpha), wilson(other_hits, other_n, alpha)
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


def auc_with_bounds(negatives: np.ndarray, positives: np.ndarray, alpha: float) -> tuple[float, float, float]:
    """Area under the ROC curve and its bounds, from counts per score bin in ascending order.

    Rows of one bin count as ties (half), so the value lies within half the sum over bins of the products of
    shares of the one on raw scores, and equals it where bins are single values. Variance by structural
    components; bounds on the logit scale, which keeps them inside 0 to 1. With fewer than `SMALL_CLASS` rows in a
    class: score bounds of a rate over that class, whose variance is the largest that such an area can have.

    References
    ----------
    Z. W. Birnbaum, O. M. Klose (1957), Ann. Math. Statist. 28, 933-945, doi:10.1214/aoms/1177706794 (that bound).
    E. R. DeLong, D. M. DeLong, D. L. Clarke-Pearson (1988), Biometrics 44, 837-845, doi:10.2307/2531595.
    """
    below = np.concatenate([[0.0], np.cumsum(negatives)[:-1]])
    above = positives.sum() - np.cumsum(positives)
    of_positive = (below + negatives / 2) / negatives.sum()
    of_negative = (above + positives / 2) / positives.sum()
    area = float((positives * of_positive).sum() / positives.sum())
    fewer = int(min(negatives.sum(), positives.sum()))
    variance = _component(of_positive, positives, area) + _component(of_negative, negatives, area)
    if not 0 < area < 1:
        # All pairs agree: the exact bound of a proportion over the smaller class (rule of three, generalised).
        edge = float(alpha ** (1 / fewer))
        return (area, edge, 1.0) if area == 1 else (area, 0.0, 1 - edge)
    if fewer < SMALL_CLASS:
        return area, *wilson(area * fewer, fewer, alpha)
    half = float(ndtri(1 - alpha)) * math.sqrt(variance) / (area * (1 - area))
    middle = math.log(area / (1 - area))
    return area, _logistic(middle - half), _logistic(middle + half)


def _component(placements: np.ndarray, weights: np.ndarray, mean: float) -> float:
    n = weights.sum()
    return float((weights * (placements - mean) ** 2).sum() / max(n - 1, 1) / n)


def _logistic(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))
