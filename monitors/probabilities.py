"""How good a score is as a probability, from outcome counts per score bin: loss, calibration, and what noise shows.

Each row stands at the centre of its bin, so a row's probability is off by at most half a bin width.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from scipy.special import ndtr, ndtri

from governance.records import Measurement
from monitors.grid import ScoreGrid
from monitors.levels import Levels
from monitors.profile import NEGATIVE, POSITIVE, Counts
from monitors.proportions import POWER
from monitors.uncertainty import mean_bounds

BOUNDS = "bounds of a bounded mean (Gaffke)"
# Bins of equal width in which calibration is compared.
TENTHS = 10
# A sum of hits with a larger variance is taken as normal, a smaller one counted out.
COUNTED_OUT = 30.0
# Cells into which a distribution of noise is cut, always upwards: a floor is too high by less than 0.2 % of its range.
CELLS = 8_000
REACH = 9.0


def of_probability(
    cube: Counts, score: ScoreGrid, levels: Levels, effect: float = 1.0, worth: str = ""
) -> Iterator[Measurement]:
    """Brier score, log loss, calibration error and calibration in the large of a score that is a probability.

    Parameters
    ----------
    cube : int array of shape (3 labels, 3 predictions, score bins)
    effect : float, >= 1
        So many rows are worth one independent row; `worth` says so at the end of each method.
    """
    centres = np.array([score.centre(i) for i in range(score.size - 1)])
    negatives, positives = (cube[label, :, :-1].sum(axis=0).astype(float) for label in (NEGATIVE, POSITIVE))
    n = int(negatives.sum() + positives.sum())
    binned = f"{score.bins} score bins, rows at bin centres"
    units = {"brier_score": "share", "log_loss": "nats", "expected_calibration_error": "share"}
    units |= {"calibration_in_the_large": "share"}
    if n == 0:
        for metric, unit in units.items():
            reason = "undefined (0 outcomes with a score)"
            yield Measurement(metric, None, 0, unit, binned, reason=reason, alpha=levels.alpha(metric))
        return
    for metric in ("brier_score", "log_loss"):
        yield _loss(metric, units[metric], centres, negatives, positives, levels.alpha(metric), effect, binned, worth)
    yield _calibration_error(centres, negatives, positives, levels, effect, binned, worth)
    yield _in_the_large(centres, negatives, positives, levels, effect, binned, worth)


def _loss(
    metric: str,
    unit: str,
    centres: np.ndarray,
    negatives: np.ndarray,
    positives: np.ndarray,
    alpha: float,
    effect: float,
    binned: str,
    worth: str,
) -> Measurement:
    """A mean of what each row loses; the most that it could is what the rarer outcome would cost at its score."""
    if metric == "brier_score":
        if_negative, if_positive = centres**2, (1 - centres) ** 2
        most = 1.0
    else:
        inside = np.clip(centres, 1e-12, 1 - 1e-12)
        if_negative, if_positive = -np.log1p(-inside), -np.log(inside)
        most = float(np.maximum(if_negative, if_positive)[negatives + positives > 0].max())
    values, counts = np.concatenate([if_negative, if_positive]), np.concatenate([negatives, positives])
    n = counts.sum()
    low, high = mean_bounds(values, counts / effect, alpha, (0.0, most))
    value = float(values @ counts / n)
    method = f"{binned}; {BOUNDS}{worth}"
    return Measurement(metric, value, int(n), unit, method, low=min(low, value), high=max(high, value), alpha=alpha)


def _in_the_large(
    centres: np.ndarray,
    negatives: np.ndarray,
    positives: np.ndarray,
    levels: Levels,
    effect: float,
    binned: str,
    worth: str,
) -> Measurement:
    """Mean score less outcome rate: above zero, the score promises more positive outcomes than come.

    References
    ----------
    D. R. Cox (1958), Biometrika 45, 562-565, doi:10.1093/biomet/45.3-4.562; E. W. Steyerberg et al. (2010),
    Epidemiology 21, 128-138, doi:10.1097/EDE.0b013e3181c30fb2 (the name).
    """
    metric = "calibration_in_the_large"
    alpha = levels.alpha(metric)
    values, counts = np.concatenate([centres, centres - 1]), np.concatenate([negatives, positives])
    n = counts.sum()
    value = float(values @ counts / n)
    low, high = mean_bounds(values, counts / effect, alpha, (-1.0, 1.0))
    # As in `uncertainty.detectable_difference`: a row of either kind more, so that no variance is not no error.
    spread = math.sqrt((float(values**2 @ counts) - n * value**2 + 0.5) / (n + 2) * effect / n)
    return Measurement(
        metric,
        value,
        int(n),
        "share",
        f"{binned}; {BOUNDS}{worth}",
        low=min(low, value),
        high=max(high, value),
        alpha=alpha,
        detectable=float(ndtri(1 - alpha) + ndtri(POWER)) * spread,
    )


def _calibration_error(
    centres: np.ndarray,
    negatives: np.ndarray,
    positives: np.ndarray,
    levels: Levels,
    effect: float,
    binned: str,
    worth: str,
) -> Measurement:
    """Mean gap between promise and outcome over ten bins of equal width, and what a true promise would show.

    A sum of absolute gaps: chance alone makes it larger, never smaller. The noise floor is its `1 - alpha` quantile
    when outcomes are drawn with the scores as probabilities. With true gaps d and errors e, the sum of |d + e| is at
    most that of |d| plus that of |e|, and at least that of |d| less a sum of e with fixed signs: hence the bounds.

    References
    ----------
    M. P. Naeini, G. F. Cooper, M. Hauskrecht (2015), AAAI 29, 2901-2907, eq. 3.
    """
    metric = "expected_calibration_error"
    alpha = levels.alpha(metric)
    rows, tenth = negatives + positives, np.clip((centres * TENTHS).astype(int), 0, TENTHS - 1)
    n = float(rows.sum())
    gaps = np.bincount(tenth, positives - rows * centres, TENTHS)
    value = math.fsum(np.abs(gaps)) / n
    expected = np.bincount(tenth, rows * centres * (1 - centres), TENTHS)
    squares = np.bincount(tenth, negatives * centres**2 + positives * (1 - centres) ** 2, TENTHS) - gaps**2 / n
    variances = np.maximum(squares, expected)
    widened = math.sqrt(effect) / n
    floor = widened * noise_quantile([_gap_noise(rows[tenth == t], centres[tenth == t]) for t in range(TENTHS)], alpha)
    error = widened * noise_quantile([_normal_noise(variance) for variance in variances], alpha)
    reach = widened * float(ndtri(1 - alpha)) * math.sqrt(float(variances.sum()))
    return Measurement(
        metric,
        value,
        int(n),
        "share",
        f"{TENTHS} bins of equal width over {binned}; noise: outcomes as likely as scored{worth}",
        low=max(value - max(floor, error), 0.0),
        high=min(value + reach, 1.0),
        alpha=alpha,
        noise_floor=floor,
    )


# What a gap can be without its sign, and how likely each of these is.
Noise = tuple[np.ndarray, np.ndarray]


def _gap_noise(rows: np.ndarray, chances: np.ndarray) -> Noise:
    """How far hits of `rows` rows, each with its chance, fall from their mean: counted out where they are few."""
    mean, variance = float(rows @ chances), float(rows @ (chances * (1 - chances)))
    if variance > COUNTED_OUT:
        return _normal_noise(variance)
    first, last = _window(mean, variance, float(rows.sum()))
    size = last - first + 1
    angles = np.exp(-2j * np.pi * np.arange(size // 2 + 1) / size)
    used = rows > 0
    powers = np.prod((1 + chances[used, None] * (angles - 1)) ** rows[used, None], axis=0)
    shares = np.fft.irfft(powers, size)
    hits = first + (np.arange(size) - first) % size
    return np.abs(hits - mean), np.clip(shares, 0.0, None)


def _window(mean: float, variance: float, rows: float) -> tuple[int, int]:
    """The hits between which all but a vanishing chance lies."""
    reach = REACH * math.sqrt(variance) + 20
    return int(max(math.floor(mean - reach), 0)), int(min(math.ceil(mean + reach), rows))


def _normal_noise(variance: float) -> Noise:
    """A normal gap of this variance, cut into cells and each moved to its far end."""
    if variance <= 0:
        return np.zeros(1), np.ones(1)
    ends = np.linspace(0, REACH, 2_000)
    shares = np.diff(2 * ndtr(ends) - 1)
    return ends[1:] * math.sqrt(variance), shares / shares.sum()


def noise_quantile(parts: list[Noise], alpha: float) -> float:
    """The `1 - alpha` quantile of the sum of independent gaps, by convolution; never below the true one."""
    total = sum(float(values[shares > 0].max(initial=0.0)) for values, shares in parts)
    if total == 0:
        return 0.0
    step, size = total / CELLS, 2 * CELLS
    product = np.ones(size // 2 + 1, dtype=complex)
    for values, shares in parts:
        cells = np.minimum(np.ceil(values / step - 1e-9).astype(int), CELLS)
        product = product * np.fft.rfft(np.bincount(cells, shares, size)[:size])
    up_to = np.cumsum(np.clip(np.fft.irfft(product, size), 0.0, None))
    return float(np.searchsorted(up_to, (1 - alpha) * up_to[-1])) * step
