"""How far a batch stands from its reference, bin by bin, and what that distance would be if nothing had changed.

Distances of finite samples are never zero: the value alone says nothing. Each comes with its noise floor (drawn
from the pooled shares at the very row counts of reference and batch) and with bounds for the true distance.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import chdtri
from scipy.stats import ncx2

from monitors.grid import COARSE_BINS, ColumnGrid
from monitors.profile import Counts

PSEUDOCOUNT = 0.5
MIN_REPLICATES = 2000
MAX_REPLICATES = 20_000
# NumPy's limit on the rows of a hypergeometric draw.
MOST_DEALT = 10**9
# Rows of the smaller sample from which sums over its bins are taken to be normal.
LARGE = 1000
# Rows expected in a bin from which the χ² approximation is taken to hold (W. G. Cochran 1954, Biometrics 10).
EXPECTED = 5

Shares = np.ndarray


@dataclass(frozen=True, slots=True)
class Distance:
    """A distance, its bounds (each one-sided at `1 - alpha`) and its `1 - alpha` noise floor."""

    value: float
    low: float
    high: float
    noise_floor: float


def psi(reference: np.ndarray, current: np.ndarray, *, pseudocount: float = PSEUDOCOUNT) -> Any:
    """Population stability index of `current` against `reference`: 0 is the same shares, larger is further apart.

    Parameters
    ----------
    reference, current : array-like of shape (..., bins)
        Rows per bin, not shares. Same bins, same order.
    pseudocount : float, > 0
        Rows added to every bin on both sides so that an empty bin stays finite. It changes the value.

    Returns
    -------
    float or array of shape (...)
        Nats, >= 0.

    Raises
    ------
    ValueError
        The numbers of bins differ, a count is negative, or `pseudocount` is not > 0.

    References
    ----------
    S. Kullback, R. A. Leibler (1951), Ann. Math. Statist. 22(1), 79-86, doi:10.1214/aoms/1177729694 (divergence J).
    """
    if not pseudocount > 0:
        raise ValueError(f"Argument pseudocount must be > 0, got {pseudocount}.")
    p, q = _shares(reference, pseudocount), _shares(current, pseudocount)
    _same_bins(p, q)
    return ((q - p) * np.log(q / p)).sum(axis=-1)


def jensen_shannon(reference: np.ndarray, current: np.ndarray) -> Any:
    """Jensen-Shannon distance (base 2, square root of the divergence): 0 the same shares, 1 nothing in common.

    Parameters
    ----------
    reference, current : array-like of shape (..., bins)
        Rows per bin. Empty bins need no pseudocount.

    References
    ----------
    J. Lin (1991), IEEE Trans. Inf. Theory 37, 145-151, doi:10.1109/18.61115;
    D. M. Endres, J. E. Schindelin (2003), ibid. 49, 1858-1860 (the root is a metric).
    """
    p, q = _shares(reference, 0.0), _shares(current, 0.0)
    _same_bins(p, q)
    middle = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        left = np.where(p > 0, p * np.log2(p / middle), 0.0)
        right = np.where(q > 0, q * np.log2(q / middle), 0.0)
    return np.sqrt(np.clip((left + right).sum(axis=-1) / 2, 0.0, 1.0))


def kolmogorov_smirnov(reference: np.ndarray, current: np.ndarray) -> Any:
    """Largest gap between the two cumulative shares over ordered bins; within the largest bin share of the exact one.

    Parameters
    ----------
    reference, current : array-like of shape (..., bins), ordered
    """
    p, q = _shares(reference, 0.0), _shares(current, 0.0)
    _same_bins(p, q)
    return np.abs(np.cumsum(p, axis=-1) - np.cumsum(q, axis=-1)).max(axis=-1)


def bins_for_shares(grid: ColumnGrid, reference: Counts) -> np.ndarray:
    """Which bin each count belongs to when shares are compared: int array of shape (grid.size,).

    Fine numeric bins are joined, left to right, into at most `COARSE_BINS` of about equal reference share; NULL,
    NaN and the infinities stay bins of their own, for a value that goes missing is a change like any other.
    """
    if not grid.is_numeric:
        return np.arange(grid.size)
    coarse = equal_shares(reference[:-4])
    return np.concatenate([coarse, coarse.max() + 1 + np.arange(4)])


def equal_shares(fine: Counts) -> np.ndarray:
    """Which of at most `COARSE_BINS` bins of about equal share each fine bin joins: int array like `fine`."""
    total = max(int(fine.sum()), 1)
    before = np.concatenate([[0], np.cumsum(fine)[:-1]])
    coarse = np.minimum((before + fine / 2) * COARSE_BINS // total, COARSE_BINS - 1).astype(int)
    found: np.ndarray = np.unique(coarse, return_inverse=True)[1]
    return found


def shares_of(counts: Counts, bins: np.ndarray) -> Counts:
    """Counts joined by `bins`, as int64 array of shape (bins.max() + 1,)."""
    return np.bincount(bins, weights=counts, minlength=int(bins.max()) + 1).astype(np.int64)


@dataclass(frozen=True)
class Dealt:
    """Two samples, and replicates of them in which nothing changed: the rows of both, dealt out anew.

    Attributes
    ----------
    reference, current : int64 arrays of shape (bins,)
    replicates : pair of int64 arrays of shape (times, bins)
    """

    reference: Counts
    current: Counts
    replicates: tuple[np.ndarray, np.ndarray]

    def joined(self) -> Dealt:
        """Joins all bins in which either sample expects fewer than `EXPECTED` rows into one.

        Joining bins can only shrink such a distance (data processing inequality), so a lower bound on the joined
        bins is one on all of them; and there the χ² approximation holds.
        """
        pooled, n, m = self.reference + self.current, self.reference.sum(), self.current.sum()
        sparse = pooled * (min(n, m) / (n + m)) < EXPECTED
        if sparse.sum() < 2:
            return self

        def join(counts: np.ndarray) -> np.ndarray:
            return np.concatenate([counts[..., ~sparse], counts[..., sparse].sum(axis=-1, keepdims=True)], axis=-1)

        one, two = self.replicates
        return Dealt(join(self.reference), join(self.current), (join(one), join(two)))


def deal(reference: Counts, current: Counts, alpha: float, rng: np.random.Generator) -> Dealt:
    """The two samples with replicates, enough of them for a tail of `alpha`.

    Given the pooled counts this is the exact distribution when nothing changed, however sparse the bins. Samples
    drawn from the pooled shares would leave out what neither sample happened to hold, and show too little noise;
    they stand in only beyond the number of rows that can be dealt, where the two are the same.
    """
    times = int(min(max(MIN_REPLICATES, math.ceil(20 / alpha)), MAX_REPLICATES))
    pooled, n, m = reference + current, int(reference.sum()), int(current.sum())
    if n + m < MOST_DEALT:
        dealt = rng.multivariate_hypergeometric(pooled, n, size=times, method="marginals")
        return Dealt(reference, current, (dealt, pooled - dealt))
    shares = pooled / (n + m)
    return Dealt(reference, current, (rng.multinomial(n, shares, size=times), rng.multinomial(m, shares, size=times)))


def quadratic_distance(
    measure: Callable[[np.ndarray, np.ndarray], Any],
    dealt: Dealt,
    alpha: float,
    *,
    root: bool = False,
    effect: float = 1.0,
) -> Distance:
    """A distance that behaves like a sum of squared share differences (PSI; with `root`, Jensen-Shannon).

    Under "nothing changed" such a statistic is about `scale · χ²(df)`; both are fitted to its first two moments
    in replicates, which carries the effect of pseudocounts and sparse bins. Bounds invert the non-central χ²
    test: the truths that the observed value does not contradict. A plain percentile bootstrap would put its
    lower end above zero even when nothing changed. Where `effect` rows are worth one independent row, noise is so
    much larger (Rao and Scott's first-order correction, `uncertainty.mean_design_effect`).
    """
    power = 2 if root else 1
    value, joined = float(measure(dealt.reference, dealt.current)), dealt.joined()
    null = _null(measure, power, dealt, alpha, effect)
    low_null, low_value = null, value**power
    if joined is not dealt:
        low_null = _null(measure, power, joined, alpha, effect) if joined.reference.size > 1 else _NOTHING
        low_value = float(measure(joined.reference, joined.current)) ** power
    low = low_null.scale * _least_noncentrality(low_value / low_null.scale, low_null.freedom, alpha)
    high = null.scale * _most_noncentrality(value**power / null.scale, null.freedom, alpha)
    return Distance(value, min(low ** (1 / power), value), max(high ** (1 / power), value), null.floor ** (1 / power))


@dataclass(frozen=True, slots=True)
class _Null:
    """`scale · χ²(freedom)`, fitted to what the statistic shows when nothing changed."""

    scale: float
    freedom: float
    floor: float


_NOTHING = _Null(1.0, 1.0, 0.0)


def _null(
    measure: Callable[[np.ndarray, np.ndarray], Any], power: int, dealt: Dealt, alpha: float, effect: float
) -> _Null:
    drawn = effect * np.asarray(measure(*dealt.replicates)) ** power
    mean, variance = float(drawn.mean()), float(drawn.var())
    if variance == 0:
        return _NOTHING
    scale, freedom = variance / (2 * mean), 2 * mean**2 / variance
    return _Null(scale, freedom, max(scale * float(chdtri(freedom, alpha)), float(np.quantile(drawn, 1 - alpha))))


def gap_distance(
    reference: Counts, current: Counts, alpha: float, rng: np.random.Generator, *, effect: float = 1.0
) -> Distance:
    """Kolmogorov-Smirnov over ordered bins, with bounds from the Dvoretzky-Kiefer-Wolfowitz inequality.

    The noise floor comes from replicates: dealt for small samples; from `LARGE` rows on either side from the
    Brownian bridge over the same bins, to which the dealt ones then tend, at a tenth of the cost.

    References
    ----------
    P. Massart (1990), Ann. Probab. 18, 1269-1283, doi:10.1214/aop/1176990746; each sample gets half of `alpha`.
    J. L. Doob (1949), Ann. Math. Statist. 20, 393-403, doi:10.1214/aoms/1177729991 (the bridge).
    """
    value, n, m = float(kolmogorov_smirnov(reference, current)), int(reference.sum()), int(current.sum())
    if min(n, m) < LARGE:
        null = np.asarray(kolmogorov_smirnov(*deal(reference, current, alpha, rng).replicates))
    else:
        null = _bridge((reference + current) / (n + m), alpha, rng) * math.sqrt((n + m) / n / m)
    reach = math.sqrt(effect * math.log(4 / alpha) / 2) * (n**-0.5 + m**-0.5)
    floor = math.sqrt(effect) * float(np.quantile(null, 1 - alpha))
    return Distance(value, max(value - reach, 0.0), min(value + reach, 1.0), floor)


def _bridge(shares: np.ndarray, alpha: float, rng: np.random.Generator) -> np.ndarray:
    """Largest excursions of Brownian bridges looked at where bins end: array of shape (times,)."""
    times = int(min(max(MIN_REPLICATES, math.ceil(20 / alpha)), MAX_REPLICATES))
    steps = rng.standard_normal((times, shares.size)) * np.sqrt(shares)
    paths = np.cumsum(steps, axis=1)
    bridges = paths - paths[:, -1:] * np.cumsum(shares)
    largest: np.ndarray = np.abs(bridges).max(axis=1)
    return largest


def _least_noncentrality(statistic: float, freedom: float, alpha: float) -> float:
    """The smallest non-centrality that the statistic does not contradict at `alpha`."""
    return _solve(lambda nc: float(ncx2.sf(statistic, freedom, nc)) - alpha, statistic)


def _most_noncentrality(statistic: float, freedom: float, alpha: float) -> float:
    """The largest non-centrality that the statistic does not contradict at `alpha`."""
    return _solve(lambda nc: alpha - float(ncx2.cdf(statistic, freedom, nc)), statistic)


def _solve(rising: Callable[[float], float], start: float) -> float:
    """Root of an increasing function on [0, ∞), 0 where it starts above zero."""
    if rising(1e-12) >= 0:
        return 0.0
    top = max(start, 1.0)
    while rising(top) < 0:
        top *= 2
    bottom = 0.0
    for _ in range(60):
        middle = (bottom + top) / 2
        bottom, top = (middle, top) if rising(middle) < 0 else (bottom, middle)
    return (bottom + top) / 2


def _shares(counts: np.ndarray, pseudocount: float) -> Shares:
    rows = np.asarray(counts, dtype=float)
    if (rows < 0).any():
        raise ValueError(f"Counts must be >= 0, got {rows.min()}.")
    rows = rows + pseudocount
    total = rows.sum(axis=-1, keepdims=True)
    if (total == 0).any():
        raise ValueError("Counts must hold at least one row, got none.")
    shares: Shares = rows / total
    return shares


def _same_bins(p: np.ndarray, q: np.ndarray) -> None:
    if p.shape[-1] != q.shape[-1]:
        raise ValueError(f"Bins must match, got {p.shape[-1]} and {q.shape[-1]}.")
