"""Errors of a regression over all rows, from sums of powers: how far predictions lie from labels, and to which side.

An error is prediction minus label, so a positive mean error is prediction too high. Everything but R² is in units of
the label. Sums of powers are `monitors.power_sums`, bounds of means `monitors.mean_bounds`, groups `group_errors`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import stdtrit

from governance.records import Measurement
from monitors.grid import ENTITY_BUCKETS, ERROR_BINS
from monitors.levels import Levels
from monitors.mean_bounds import Mean
from monitors.performance import effect_of, hits_of, rate, worth
from monitors.power_sums import BUCKET_TERMS, TERMS
from monitors.profile import KNOWN, Counts, Profile
from monitors.uncertainty import Bounds, jackknife_variance

UNIT = "label units"
MEAN = "sums; Student bounds mended for skewness (Hall)"
WELCH = "sums; Welch bounds mended for skewness (Hall)"
R_SQUARED = "sums; delta method on the logarithm of 1 − R²"
TOO_LARGE = "undefined (a value is so large that its powers cannot be summed)"
# Sums of x, x² and x³ for each mean; the error of a row, its size, and its square.
_SUMS = {
    "mean_label": ("label", "label2", "label3"),
    "mean_prediction": ("prediction", "prediction2", "prediction3"),
    "mean_error": ("error", "error2", "error3"),
    "mean_absolute_error": ("size", "error2", "size3"),
    "mean_squared_error": ("error2", "error4", "error6"),
}
_ROWS = {"mean_label": "labels", "mean_prediction": "predictions"}
PAIRS = "rows with label and prediction"
# Shares of the rows whose absolute error is at most the value.
_QUANTILES = {"median_absolute_error": 0.5, "absolute_error_90th_percentile": 0.9}


@dataclass(frozen=True, slots=True)
class Found:
    """A mean of a group, or the reason why there is none; `n` rows could have been in it."""

    n: int
    mean: Mean | None
    reason: str | None


def known_rows(profile: Profile, grouping: str = "", group: int = 0) -> dict[str, int]:
    """How many rows have a label, a prediction, and both."""
    table = profile.cubes[grouping][group].sum(axis=-1)
    return {
        "labels": int(table[KNOWN].sum()),
        "predictions": int(table[:, KNOWN].sum()),
        PAIRS: int(table[KNOWN, KNOWN]),
    }


def mean_of(profile: Profile, metric: str, grouping: str = "", group: int = 0) -> Found:
    """Mean of label, prediction, error, absolute or squared error of a group; the grouping "" is all rows."""
    frozen = profile.grid.regression
    assert frozen is not None
    rows = _ROWS.get(metric, PAIRS)
    n = known_rows(profile, grouping, group)[rows]
    if n < 2:
        return Found(n, None, f"undefined ({n} {rows}{': one shows no spread' if n else ''})")
    sums = profile.sums[grouping][group]
    one, two, three = (float(sums[TERMS.index(term)]) for term in _SUMS[metric])
    mean = Mean.of(
        n,
        (one, two, three),
        scale=frozen.scale**2 if metric == "mean_squared_error" else frozen.scale,
        centre=frozen.centre if metric in _ROWS else 0.0,
    )
    if mean is None:
        return Found(n, None, TOO_LARGE)
    return Found(n, replace(mean, effect=_effect(profile, metric, mean, grouping, group)), None)


def _effect(profile: Profile, metric: str, mean: Mean, grouping: str, group: int) -> float:
    """How many rows of entities are worth one: variance of the mean by grouped jackknife, over s²/n; at least 1."""
    frozen, clusters = profile.grid.regression, profile.clusters
    if clusters is None or frozen is None or not mean.variance:
        return 1.0
    cells = clusters.cubes[grouping].reshape(ENTITY_BUCKETS, -1, 3, 3)[:, group]
    known = {"labels": cells[:, KNOWN].sum(axis=-1), "predictions": cells[:, :, KNOWN].sum(axis=-1)}
    n = known.get(_ROWS.get(metric, ""), cells[:, KNOWN, KNOWN])
    sums = clusters.sums[grouping].reshape(ENTITY_BUCKETS, -1, len(BUCKET_TERMS))[:, group]
    scale = frozen.scale**2 if metric == "mean_squared_error" else frozen.scale
    totals = sums[:, BUCKET_TERMS.index(_SUMS[metric][0])] * scale
    return max(jackknife_variance(totals, n) / (mean.variance / mean.n), 1.0)


def overall(profile: Profile, reference: Profile | None, levels: Levels) -> Iterator[Measurement]:
    """Every measurement about all rows of the batch."""
    yield Measurement("rows", float(profile.rows), profile.rows, "rows", "count")
    known = known_rows(profile)
    for name, kind in (
        ("rows_with_label", "labels"),
        ("rows_with_prediction", "predictions"),
        ("rows_with_both", PAIRS),
    ):
        yield Measurement(name, float(known[kind]), profile.rows, "rows", "count")
    covered, effect = hits_of(profile.cube, "label_coverage"), effect_of(profile, "label_coverage")
    yield rate("label_coverage", *covered, levels.alpha("label_coverage"), effect=effect)
    for metric in ("mean_label", "mean_prediction", "mean_error", "mean_absolute_error"):
        yield mean(metric, mean_of(profile, metric), levels.alpha(metric))
    yield root_mean_squared_error(mean_of(profile, "mean_squared_error"), levels.alpha("root_mean_squared_error"))
    yield r_squared(profile, levels.alpha("r_squared"))
    yield from _quantiles(profile)
    if reference is not None:
        for metric in ("mean_label", "mean_prediction"):
            yield _change(metric, profile, reference, levels.alpha(f"{metric}_change"))


def mean(metric: str, found: Found, alpha: float, segment: str | None = None) -> Measurement:
    """A mean with its bounds, or the reason why it is undefined."""
    if found.mean is None:
        return _undefined(metric, found, UNIT, MEAN, alpha, segment)
    estimate = found.mean.estimate
    low, high = estimate.bounds(alpha)
    return Measurement(
        metric,
        found.mean.value,
        found.n,
        UNIT,
        f"{MEAN}{worth(found.mean.effect)}",
        segment=segment,
        low=max(low, 0.0) if metric == "mean_absolute_error" else low,
        high=high,
        alpha=alpha,
        detectable=estimate.detectable(alpha) if metric == "mean_error" else None,
    )


def root_mean_squared_error(squares: Found, alpha: float) -> Measurement:
    """Root of the mean squared error; its bounds are the roots of that mean's."""
    metric = "root_mean_squared_error"
    if squares.mean is None:
        return _undefined(metric, squares, UNIT, MEAN, alpha)
    low, high = squares.mean.estimate.bounds(alpha)
    method = f"{MEAN} of the mean square{worth(squares.mean.effect)}"
    root = math.sqrt(squares.mean.value)
    low, high = math.sqrt(max(low, 0.0)), math.sqrt(high)
    return Measurement(metric, root, squares.n, UNIT, method, low=low, high=high, alpha=alpha)


def r_squared(profile: Profile, alpha: float) -> Measurement:
    """Coefficient of determination: 1 less the mean squared error over the variance of the label; at most 1."""
    squares = mean_of(profile, "mean_squared_error")
    method = R_SQUARED + ("; rows taken as independent" if profile.clusters else "")
    if squares.mean is None:
        return _undefined("r_squared", squares, "share", method, alpha)
    n, sums = squares.n, dict(zip(TERMS, (profile.sums[""][0] / squares.n).tolist(), strict=True))
    if not all(map(math.isfinite, sums.values())):
        return _undefined("r_squared", Found(n, None, TOO_LARGE), "share", method, alpha)
    spread = sums["paired2"] - sums["paired"] ** 2
    if n < 3 or spread <= LEAST_SPREAD * sums["paired2"]:
        why = "undefined (2 rows with label and prediction)" if n < 3 else "undefined (the label does not vary)"
        return _undefined("r_squared", Found(n, None, why), "share", method, alpha)
    value = 1 - sums["error2"] / spread
    low, high = _r_squared_bounds(n, sums, spread, squares.mean.estimate.skew, alpha)
    return Measurement("r_squared", value, n, "share", method, low=min(low, value), high=max(high, value), alpha=alpha)


# Share of the label's mean square below which its variance is no longer known to nine digits.
LEAST_SPREAD = 1e-7


def _r_squared_bounds(n: int, mean: dict[str, float], spread: float, skew: float, alpha: float) -> Bounds:
    """Bounds of 1 - A/B, A the mean squared error and B the label's variance, through log(A/B).

    The variance of log(A/B) is that of `e²/A - (y - mean y)²/B` over n. B is taken without its bias; the quantile is
    widened by half the skewness of A, as in small samples the variance is too small (docs/decisions/0014).
    """
    squared, centre = mean["error2"], mean["paired"]
    if squared <= 0:
        return 1.0, 1.0
    fourth = mean["paired4"] - 4 * centre * mean["paired3"] + 6 * centre**2 * mean["paired2"] - 3 * centre**4
    together = mean["error2_paired2"] - 2 * centre * mean["error2_paired"] + centre**2 * squared
    variance = mean["error4"] / squared**2 - 2 * together / (squared * spread) + fourth / spread**2
    half = float(stdtrit(n - 1, 1 - alpha)) * (1 + skew / 2) * math.sqrt(max(variance, 0.0) / (n - 1))
    middle = math.log(squared / spread) + math.log1p(-1 / n)
    return 1 - math.exp(min(middle + half, 700.0)), 1 - math.exp(middle - half)


def _quantiles(profile: Profile) -> Iterator[Measurement]:
    """Quantiles of the absolute error from its bins, without bounds."""
    assert profile.grid.regression is not None
    bins = profile.grid.regression.errors
    sizes = _by_size(profile.cube[KNOWN, KNOWN, :-1])
    n = int(sizes.sum())
    method = f"bins of {bins.resolution:.6g}, within half of one"
    for metric, share in _QUANTILES.items():
        if n == 0:
            yield Measurement(metric, None, 0, UNIT, method, reason=f"undefined (0 {PAIRS})")
            continue
        place = int(np.searchsorted(np.cumsum(sizes), math.ceil(share * n)))
        if place == sizes.size - 1:
            reason = f"undefined (beyond {bins.high:g}, the last bin of the reference)"
            yield Measurement(metric, None, n, UNIT, method, reason=reason)
            continue
        yield Measurement(metric, (place + 0.5) * bins.resolution, n, UNIT, method)


def _by_size(counts: Counts) -> Counts:
    """Rows by absolute error, from the rows in the bins of the error: those symmetrical to zero are joined."""
    half = ERROR_BINS // 2
    beyond = counts[:1] + counts[-1:]
    return np.concatenate([counts[half:0:-1] + counts[half + 1 : -1], beyond])


def _change(metric: str, current: Profile, reference: Profile, alpha: float) -> Measurement:
    """How far a mean has moved from the reference's, in units of the label."""
    name, now, before = f"{metric}_change", mean_of(current, metric), mean_of(reference, metric)
    for found, side in ((now, "batch"), (before, "reference")):
        if found.mean is None:
            why = f"{(found.reason or '').removesuffix(')')} in the {side})"
            return _undefined(name, Found(0, None, why), UNIT, WELCH, alpha)
    return difference(name, now, before, alpha)


def difference(metric: str, one: Found, two: Found, alpha: float, segment: str | None = None) -> Measurement:
    """One mean less another, both of which are known."""
    assert one.mean is not None and two.mean is not None
    estimate = one.mean.less(two.mean)
    low, high = estimate.bounds(alpha)
    return Measurement(
        metric,
        estimate.value,
        min(one.n, two.n),
        UNIT,
        f"{WELCH}{worth(one.mean.effect, two.mean.effect)}",
        segment=segment,
        low=low,
        high=high,
        alpha=alpha,
        detectable=estimate.detectable(alpha),
    )


def _undefined(
    metric: str, found: Found, unit: str, method: str, alpha: float, segment: str | None = None
) -> Measurement:
    return Measurement(metric, None, found.n, unit, method, segment=segment, alpha=alpha, reason=found.reason)
