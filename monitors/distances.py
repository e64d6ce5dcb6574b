"""Distances between two samples that are counted into the same bins: definitions only.

All are functions of two count arrays and work on many pairs at once (leading axes). Finite samples of one truth are
never at distance zero: what a value means at given row counts is in `monitors.noise` and `monitors.drift`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import chdtrc

PSEUDOCOUNT = 0.5

Shares = np.ndarray


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
    p, q = _pair(reference, current, pseudocount)
    return ((q - p) * np.log(q / p)).sum(axis=-1)


def psi_variance(reference: np.ndarray, current: np.ndarray, *, pseudocount: float = PSEUDOCOUNT) -> float:
    """Variance of `psi` over samples, to the first order (delta method); too small where nothing changed.

    Parameters
    ----------
    reference, current : int arrays of shape (bins,)
    """
    p, q = _pair(reference, current, pseudocount)
    found = 0.0
    for mine, other, rows in ((p, q, np.sum(reference)), (q, p, np.sum(current))):
        slope = np.log(mine / other) - other / mine
        found += float(mine @ slope**2 - (mine @ slope) ** 2) / float(rows)
    return found


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
    p, q = _pair(reference, current)
    middle = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        left = np.where(p > 0, p * np.log2(p / middle), 0.0)
        right = np.where(q > 0, q * np.log2(q / middle), 0.0)
    return np.sqrt(np.clip((left + right).sum(axis=-1) / 2, 0.0, 1.0))


def total_variation(reference: np.ndarray, current: np.ndarray) -> Any:
    """Total variation distance, the share of rows that would have to change bin: 0 the same, 1 nothing in common.

    Half the sum of the absolute differences of shares; the largest difference over all sets of bins.

    Parameters
    ----------
    reference, current : array-like of shape (..., bins)
    """
    p, q = _pair(reference, current)
    return np.abs(p - q).sum(axis=-1) / 2


def chi_square(reference: np.ndarray, current: np.ndarray) -> Any:
    """Pearson's χ² as a size, 0 to 1: Cramér's V as it is where both sides have equally many rows.

    `sqrt(½ Σ (p - q)² / (p + q))` over shares, the root of half the triangular discrimination. χ² itself grows with
    the rows, and V of a table with unequal rows shrinks with the smaller side's part of them: neither can be held
    against one limit in batches of several sizes.

    Parameters
    ----------
    reference, current : array-like of shape (..., bins)

    References
    ----------
    H. Cramér (1946), Mathematical Methods of Statistics, section 21.4 (V);
    F. Topsøe (2000), IEEE Trans. Inf. Theory 46, 1602-1609, doi:10.1109/18.850703 (the discrimination).
    """
    p, q = _pair(reference, current)
    both = p + q
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = np.where(both > 0, (p - q) ** 2 / both, 0.0)
    return np.sqrt(np.clip(apart.sum(axis=-1) / 2, 0.0, 1.0))


def chi_square_test(reference: np.ndarray, current: np.ndarray) -> tuple[float, int, float]:
    """Pearson's χ² statistic of homogeneity, its degrees of freedom and p-value; (0, 0, 1) with fewer than two bins.

    Parameters
    ----------
    reference, current : int arrays of shape (bins,); bins that are empty on both sides do not count

    References
    ----------
    K. Pearson (1900), Philos. Mag. 50, 157-175, doi:10.1080/14786440009463897.
    """
    table = np.array([reference, current], dtype=float)
    table = table[:, table.sum(axis=0) > 0]
    freedom = table.shape[1] - 1
    if freedom < 1:
        return 0.0, 0, 1.0
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
    statistic = float(((table - expected) ** 2 / expected).sum())
    return statistic, freedom, float(chdtrc(freedom, statistic))


def kolmogorov_smirnov(reference: np.ndarray, current: np.ndarray) -> Any:
    """Largest gap between the two cumulative shares over ordered bins; within the largest bin share of the exact one.

    Parameters
    ----------
    reference, current : array-like of shape (..., bins), ordered
    """
    return np.abs(gaps(reference, current)).max(axis=-1)


def wasserstein(reference: np.ndarray, current: np.ndarray, points: np.ndarray) -> Any:
    """Area between the two cumulative shares (Wasserstein distance of order 1), in the unit of `points`.

    Each bin's rows stand at its point. Exact where they do; otherwise off by no more than the mean distance of rows
    from their points, added over both sides (triangle inequality).

    Parameters
    ----------
    reference, current : array-like of shape (..., bins), ordered
    points : float array of shape (bins,), not falling

    References
    ----------
    S. S. Vallender (1974), Theory Probab. Appl. 18, 784-786, doi:10.1137/1118101 (the area).
    """
    return np.abs(gaps(reference, current)[..., :-1]) @ np.diff(points)


def gaps(reference: np.ndarray, current: np.ndarray) -> Any:
    """Cumulative share of `reference` less that of `current` at the upper end of each bin: shape (..., bins)."""
    p, q = _pair(reference, current)
    return np.cumsum(p, axis=-1) - np.cumsum(q, axis=-1)


def _pair(reference: np.ndarray, current: np.ndarray, pseudocount: float = 0.0) -> tuple[Shares, Shares]:
    p, q = _shares(reference, pseudocount), _shares(current, pseudocount)
    if p.shape[-1] != q.shape[-1]:
        raise ValueError(f"Bins must match, got {p.shape[-1]} and {q.shape[-1]}.")
    return p, q


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
