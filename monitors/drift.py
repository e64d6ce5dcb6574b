"""How far a batch stands from its reference: a distance, bounds for the true one, and its noise floor.

Distances of finite samples are never zero: the value alone says nothing. Each comes with what it shows when nothing
changed, at the very row counts of reference and batch (`monitors.noise`), and with bounds for the true distance whose
tails are analytic, so that they hold for an alpha far below one in the number of replicates. Definitions are in
`monitors.distances`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.special import chdtri, chndtr, ndtr, ndtri

from monitors.distances import gaps, kolmogorov_smirnov, psi, psi_variance, total_variation, wasserstein
from monitors.noise import FURTHEST, LARGE, Dealt, Joined, bridges, deal, floor_of
from monitors.profile import Counts

# Part of alpha that is spent on telling which gaps are real.
TELLING = 0.1


@dataclass(frozen=True, slots=True)
class Distance:
    """A distance, its bounds (each one-sided at `1 - alpha`) and its `1 - alpha` noise floor."""

    value: float
    low: float
    high: float
    noise_floor: float


def quadratic_distance(
    measure: Callable[[np.ndarray, np.ndarray], Any],
    dealt: Dealt,
    alpha: float,
    *,
    root: bool = False,
    effect: float = 1.0,
) -> Distance:
    """A distance that behaves like a sum of squared share differences (PSI; with `root`, Jensen-Shannon and χ²).

    Under "nothing changed" such a statistic is about `scale · χ²(df)`; both are fitted to its first two moments
    in replicates, which carries the effect of pseudocounts and sparse bins. Bounds invert the non-central χ²
    test: the truths that the observed value does not contradict. A plain percentile bootstrap would put its
    lower end above zero even when nothing changed. PSI far from zero varies more than that law has it; its scale is
    then the one with which the law's variance is that of the delta method. Where `effect` rows are worth one
    independent row, noise is so much larger (Rao and Scott's first-order correction, `uncertainty.mean_design_effect`).
    """
    power = 2 if root else 1

    def at(pair: tuple[np.ndarray, np.ndarray]) -> Any:
        return np.asarray(measure(*pair)) ** power

    joined = dealt.joined()
    value, value_joined = float(at((dealt.reference, dealt.current))), float(at((joined.reference, joined.current)))
    null = _Null.of(effect * at(dealt.replicates), alpha)
    of_joined = _Null.of(effect * joined.widened * at(joined.replicates), alpha)
    floor = null.floor
    if dealt.as_chosen is not dealt.replicates:
        floor = _Null.of(effect * at(dealt.as_chosen), alpha).floor
    low = high = 0.0
    if of_joined.varies:
        scale = max(of_joined.scale, _scale_far_off(measure, joined, value_joined, effect * joined.widened))
        low = scale * _least_noncentrality(value_joined / scale, of_joined.freedom, alpha)
    scale = max(null.scale, _scale_far_off(measure, dealt, value, effect))
    high = scale * _most_noncentrality(value / scale, null.freedom, alpha)
    found = [float(number ** (1 / power)) for number in (value, min(low, value), max(high, value), floor)]
    return Distance(found[0], found[1], min(found[2], 1.0) if root else found[2], found[3])


def _scale_far_off(measure: Callable[..., Any], dealt: Dealt | Joined, value: float, effect: float) -> float:
    """The scale at which a non-central χ² far from zero, whose variance is `4 · scale · value`, varies as it does."""
    if measure is not psi or value <= 0:
        return 0.0
    return effect * psi_variance(dealt.reference, dealt.current) / (4 * value)


@dataclass(frozen=True, slots=True)
class _Null:
    """`scale · χ²(freedom)`, fitted to what is seen when nothing changed; `varies` if that is more than one value."""

    scale: float
    freedom: float
    floor: float
    varies: bool

    @classmethod
    def of(cls, drawn: np.ndarray, alpha: float) -> _Null:
        mean, variance, seen = float(drawn.mean()), float(drawn.var()), floor_of(drawn, max(alpha, FURTHEST), 0.0)
        if variance <= 1e-18 * mean**2:
            return cls(1.0, 1.0, seen, False)
        scale, freedom = variance / (2 * mean), 2 * mean**2 / variance
        return cls(scale, freedom, max(scale * float(chdtri(freedom, alpha)), seen), True)


def variation_distance(dealt: Dealt, alpha: float, *, effect: float = 1.0) -> Distance:
    """Total variation, with bounds as `_norm_bounds` has them, the lower one over joined bins."""
    joined = dealt.joined()
    value = float(total_variation(dealt.reference, dealt.current))
    low, _ = _variation_bounds(joined, alpha, effect * joined.widened)
    _, high = _variation_bounds(dealt, alpha, effect)
    drawn = math.sqrt(effect) * np.asarray(total_variation(*dealt.as_chosen))
    pooled = dealt.reference + dealt.current
    reach = _variation_reach(pooled, pooled, int(dealt.reference.sum()), int(dealt.current.sum()), effect)
    return Distance(value, min(low, value), min(max(high, value), 1.0), floor_of(drawn, alpha, reach))


def _variation_bounds(dealt: Dealt | Joined, alpha: float, effect: float) -> tuple[float, float]:
    n, m = int(dealt.reference.sum()), int(dealt.current.sum())
    p, q = _steadied(dealt.reference, dealt.current)
    errors = np.sqrt(effect * (p * (1 - p) / n + q * (1 - q) / m))
    apart = dealt.reference / n - dealt.current / m
    return _norm_bounds(apart, errors, np.full(p.size, 0.5), _variation_reach(p, q, n, m, effect), alpha)


def _variation_reach(p: np.ndarray, q: np.ndarray, n: int, m: int, effect: float) -> float:
    """Largest standard error of the difference of shares of any set of bins."""
    largest = [float(np.max(shares) / np.sum(shares)) for shares in (p, q)]
    spread = [share * (1 - share) if share > 0.5 else 0.25 for share in largest]
    return math.sqrt(effect * (spread[0] / n + spread[1] / m))


def ks_distance(
    reference: Counts, current: Counts, replicates: np.ndarray, alpha: float, *, effect: float = 1.0
) -> Distance:
    """Kolmogorov-Smirnov over ordered bins, with bounds from the Dvoretzky-Kiefer-Wolfowitz inequality.

    `replicates` are gaps when nothing changed (`gap_replicates`).

    References
    ----------
    P. Massart (1990), Ann. Probab. 18, 1269-1283, doi:10.1214/aop/1176990746; each sample gets half of `alpha`.
    """
    value, n, m = float(kolmogorov_smirnov(reference, current)), int(reference.sum()), int(current.sum())
    pooled = np.cumsum(reference + current) / (n + m)
    reach = math.sqrt(float((pooled * (1 - pooled)).max()) * (1 / n + 1 / m))
    floor = math.sqrt(effect) * floor_of(np.abs(replicates).max(axis=1), alpha, reach)
    around = math.sqrt(effect * math.log(4 / alpha) / 2) * (n**-0.5 + m**-0.5)
    return Distance(value, max(value - around, 0.0), min(value + around, 1.0), floor)


def wasserstein_distance(
    reference: Counts,
    current: Counts,
    points: np.ndarray,
    replicates: np.ndarray,
    alpha: float,
    *,
    effect: float = 1.0,
) -> Distance:
    """Wasserstein distance over ordered bins whose rows stand at `points`, with bounds as `_norm_bounds` has them.

    `replicates` are gaps when nothing changed (`gap_replicates`); the unit is that of `points`.
    """
    n, m, steps = int(reference.sum()), int(current.sum()), np.diff(points)
    p, q = _steadied(reference, current)
    below = [np.cumsum(shares)[:-1] for shares in (p, q)]
    variances = effect * (below[0] * (1 - below[0]) / n + below[1] * (1 - below[1]) / m)
    errors = np.sqrt(np.maximum(variances, 0.0))
    low, high = _norm_bounds(
        gaps(reference, current)[:-1], errors, steps, _mean_error(p, q, points, n, m, effect), alpha
    )
    pooled = (reference + current) / (n + m)
    reach = _mean_error(pooled, pooled, points, n, m, effect)
    drawn = math.sqrt(effect) * (np.abs(replicates[:, :-1]) @ steps)
    return Distance(float(wasserstein(reference, current, points)), low, high, floor_of(drawn, alpha, reach))


def _mean_error(p: np.ndarray, q: np.ndarray, points: np.ndarray, n: int, m: int, effect: float) -> float:
    """Standard error of the difference of means; no function of slope at most 1 has a larger one."""
    spread = [float(shares @ (points - shares @ points) ** 2) for shares in (p, q)]
    return math.sqrt(effect * (spread[0] / n + spread[1] / m))


def gap_replicates(reference: Counts, current: Counts, rng: np.random.Generator) -> np.ndarray:
    """Gaps of the cumulative shares over ordered bins when nothing changed: array of shape (REPLICATES, bins).

    Dealt for small samples; from `LARGE` rows on either side Brownian bridges over the same bins, to which the dealt
    ones then tend, at a tenth of the cost.
    """
    n, m = int(reference.sum()), int(current.sum())
    if min(n, m) < LARGE:
        return np.asarray(gaps(*deal(reference, current, rng).replicates))
    return bridges((reference + current) / (n + m), rng) * math.sqrt(1 / n + 1 / m)


def _steadied(reference: Counts, current: Counts) -> tuple[np.ndarray, np.ndarray]:
    """Shares of either side with one row of the pooled shares added, so that an empty bin is not taken as certain."""
    pooled = (reference + current) / (reference.sum() + current.sum())
    return (reference + pooled) / (reference.sum() + 1), (current + pooled) / (current.sum() + 1)


def _norm_bounds(
    apart: np.ndarray, errors: np.ndarray, weights: np.ndarray, reach: float, alpha: float
) -> tuple[float, float]:
    """Bounds for `Σ weights · |true difference|`, from observed differences `apart` with normal `errors`.

    The observed sum is a norm, so it lies above the true one in at least half of all samples, and strays from its
    median by more than `z · reach` no more often than one normal variable does from its own by `z` (Borell), whatever
    the dependence between the differences; `reach` is the largest standard error of any sum of signed weighted
    differences. That is the upper bound. For the lower one the sum's bias is taken off: `E|d + e| - |d|` for each
    difference, which shrinks to nothing where |d| is surely large. A tenth of `alpha` is spent on how large it surely
    is, at all of them at once.

    Returns
    -------
    low, high : float
        Each one-sided at `1 - alpha`; low >= 0.
    """
    value = float(weights @ np.abs(apart))
    surely = float(ndtri(1 - TELLING * alpha / (2 * max(apart.size, 1))))
    scaled = np.divide(np.abs(apart), errors, out=np.zeros(apart.size), where=errors > 0)
    least = np.maximum(scaled - surely, 0.0)
    bias = 2 * errors * (np.exp(-(least**2) / 2) / math.sqrt(2 * math.pi) - least * ndtr(-least))
    low = value - float(weights @ bias) - float(ndtri(1 - (1 - TELLING) * alpha)) * reach
    return max(low, 0.0), value + float(ndtri(1 - alpha)) * reach


def _least_noncentrality(statistic: float, freedom: float, alpha: float) -> float:
    """The smallest non-centrality that the statistic does not contradict at `alpha`."""
    return _solve(lambda nc: 1 - alpha - float(chndtr(statistic, freedom, nc)), statistic)


def _most_noncentrality(statistic: float, freedom: float, alpha: float) -> float:
    """The largest non-centrality that the statistic does not contradict at `alpha`."""
    return _solve(lambda nc: alpha - float(chndtr(statistic, freedom, nc)), statistic)


def _solve(rising: Callable[[float], float], start: float) -> float:
    """Root of an increasing function on [0, ∞), 0 where it starts above zero."""
    if rising(0.0) >= 0:
        return 0.0
    top = max(start, 1.0)
    while rising(top) < 0:
        top *= 2
    return float(brentq(rising, 0.0, top, rtol=1e-12))
