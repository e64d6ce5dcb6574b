"""Performance before outcomes are in, from scores and predictions: confidence-based performance estimation (CBPE).

The reference's outcomes say how often each score comes true (isotonic calibration, from counts). A batch's counts of
score and prediction then give the confusion cells to be expected. This sees a change of scores and of who is scored.
It cannot see that the same score has come to mean something else: that shows once outcomes are in, as the error of
the estimate.

References
----------
J. Kivimäki, J. Białek, W. Kuberski, J. K. Nurminen (2025), arXiv:2505.05295 (the method).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.optimize import isotonic_regression
from scipy.special import ndtri

from governance.declared.metrics import ESTIMATED
from governance.records import Measurement
from monitors.expected import Expected, expected
from monitors.grid import ScoreGrid
from monitors.levels import Levels
from monitors.performance import largest_effect, ranked_in, worth
from monitors.profile import NEGATIVE, POSITIVE, UNKNOWN, Counts, Profile
from monitors.proportions import POWER
from monitors.uncertainty import exact, placements

# A score is known where the reference has an outcome within this share of the scores' range; an exact value only
# where it has one of that very value.
NEAR = 0.02
# With a larger share of rows at scores that are not known, nothing is estimated.
MOST_UNKNOWN = 0.05
STRANGE = "at scores of which the reference has no outcome"
METHOD = (
    "estimated without outcomes (CBPE), less the error on the reference itself: isotonic calibration of the "
    "reference, which is assumed to hold; sees no change of outcomes at the same score"
)
MISSED = "estimate less realised value, on rows with outcome and score; zero while the calibration holds"
# These need no prediction: where a score stands says all.
FROM_SCORES = ("roc_auc", "outcome_rate")


@dataclass(frozen=True)
class Calibration:
    """How often each score came true.

    Attributes
    ----------
    chance : float array of shape (score bins,)
        Share of positive outcomes, never falling with the score; between scores of the reference a straight line,
        beyond them its end.
    block, rows : int array, float array, both of shape (score bins,)
        Which bins share one chance, and on how many of the reference's rows it rests.
    variance : float array of shape (score bins,)
        Of one outcome. Half a positive and half a negative are added to each block, so that a score that always
        came true in few rows does not count as sure to.
    known : bool array of shape (score bins,)
    """

    chance: np.ndarray
    block: np.ndarray
    rows: np.ndarray
    variance: np.ndarray
    known: np.ndarray


def calibrated(reference: Counts, score: ScoreGrid) -> Calibration | str:
    """The calibration that the reference's outcomes show, or why there is none.

    References
    ----------
    M. Ayer et al. (1955), Ann. Math. Statist. 26, 641-647, doi:10.1214/aoms/1177728423 (pool adjacent violators);
    B. Zadrozny, C. Elkan (2002), KDD, 694-699, doi:10.1145/775047.775151 (as calibration).
    """
    ranked = ranked_in(reference, score)
    negatives, positives = (ranked[label].sum(axis=0) for label in (NEGATIVE, POSITIVE))
    for count, what in ((negatives.sum(), "negative"), (positives.sum(), "positive")):
        if not count:
            return f"undefined (0 {what} outcomes with a score in the reference)"
    rows, places = negatives + positives, np.arange(negatives.size)
    (seen,) = np.nonzero(rows)
    fitted = isotonic_regression(positives[seen] / rows[seen], weights=rows[seen])
    block_of_seen = np.repeat(np.arange(fitted.blocks.size - 1), np.diff(fitted.blocks))
    last = np.clip(np.searchsorted(seen, places, side="right") - 1, 0, None)
    block = block_of_seen[last]
    in_block = np.bincount(block_of_seen, rows[seen])[block]
    hits = np.bincount(block_of_seen, positives[seen])[block]
    smoothed = (hits + 0.5) / (in_block + 1)
    reach = 0 if score.values else round(NEAR * score.bins)
    distance = np.minimum(np.abs(places - seen[last]), np.abs(places - seen[np.clip(last + 1, None, seen.size - 1)]))
    chance = np.interp(places, seen, fitted.x)
    return Calibration(chance, block, in_block.astype(float), smoothed * (1 - smoothed), distance <= reach)


@dataclass(frozen=True)
class Offset:
    """By how much the estimate misses on the reference itself, and the variance of that: see `_offset`."""

    value: float = 0.0
    variance: float = 0.0


def estimated(current: Profile, reference: Profile, levels: Levels) -> Iterator[Measurement]:
    """What is to be expected of each metric, and how far off that was where outcomes are in."""
    score = current.grid.score
    if score is None:
        return
    calibration = calibrated(reference.cube, score)
    # Of a batch without outcomes it cannot be seen how far rows of one entity move together.
    effect = largest_effect(reference)
    ranked, before = (ranked_in(cube, score).astype(float) for cube in (current.cube, reference.cube))
    strangers = float(current.cube[:, :, :-1].sum()) - float(ranked.sum())
    for metric in ESTIMATED:
        if isinstance(calibration, str):
            yield _undefined(f"estimated_{metric}", calibration, levels)
            yield _undefined(f"estimated_{metric}_error", calibration, levels)
            continue
        offset = _offset(metric, before[:UNKNOWN], calibration)
        yield _estimate(metric, ranked, strangers, calibration, offset, levels, effect)
        yield _error(metric, ranked[:UNKNOWN], calibration, offset, levels, effect)


def _undefined(name: str, reason: str, levels: Levels) -> Measurement:
    method = MISSED if name.endswith("_error") else METHOD
    return Measurement(name, None, 0, "share", method, reason=reason, alpha=levels.alpha(name))


def _estimate(
    metric: str,
    ranked: np.ndarray,
    strangers: float,
    calibration: Calibration,
    offset: Offset,
    levels: Levels,
    effect: float,
) -> Measurement:
    """From all rows with a score, whether or not their outcome is in; `strangers` have one that has no place."""
    name = f"estimated_{metric}"
    n = _in_use(metric, ranked.sum(axis=0))
    if not n.sum():
        what = "score" if metric in FROM_SCORES else "score and a prediction"
        return _undefined(name, f"undefined (0 rows with a known {what})", levels)
    share = (float(n[:, ~calibration.known].sum()) + strangers) / (float(n.sum()) + strangers)
    if share > MOST_UNKNOWN:
        reason = f"undefined ({share:.1%} of the rows {STRANGE}, more than {MOST_UNKNOWN:.0%})"
        return _undefined(name, reason, levels)
    found = expected(metric, n, calibration.chance)
    if isinstance(found, str):
        return _undefined(name, found, levels)
    alpha = levels.alpha(name)
    value, low, high = _with_bounds(found, n, calibration, offset, effect, alpha)
    note = f"{share:.1%} of the rows {STRANGE}" if share else None
    method = f"{METHOD}{worth(effect)}"
    return Measurement(name, value, found.rows, "share", method, low=low, high=high, alpha=alpha, reason=note)


def _with_bounds(
    found: Expected, n: np.ndarray, calibration: Calibration, offset: Offset, effect: float, alpha: float
) -> tuple[float, float, float]:
    """The estimate, and bounds of what is realised while the calibration holds.

    The wider on each side of normal bounds and of exact ones of a rate over as many rows as give its variance: near
    an end of 0 to 1, few rows can miss far on one side, or miss nothing at all. What is realised moves in steps as
    large as the pull of one outcome: half of one is added to the normal bounds.
    """
    value = min(max(found.value - offset.value, 0.0), 1.0)
    variance = _variance(found.pull, n, calibration, offset) * effect
    reach = float(ndtri(1 - alpha)) * math.sqrt(variance) + float(np.abs(found.pull[n > 0]).max()) / 2
    low, high = value - reach, value + reach
    if variance > 0 and value * (1 - value) > variance:
        rows = value * (1 - value) / variance
        lower, upper = exact(value * rows, rows, alpha)
        low, high = min(low, lower), max(high, upper)
    return value, max(low, 0.0), min(high, 1.0)


def _error(
    metric: str, labelled: np.ndarray, calibration: Calibration, offset: Offset, levels: Levels, effect: float
) -> Measurement:
    """Estimate less truth, on the rows whose outcome is in; its bounds leave out zero where calibration has changed.

    Parameters
    ----------
    labelled : float array of shape (2 labels, 3 predictions, ranked score bins)
    """
    name = f"estimated_{metric}_error"
    cells = _by_outcome(metric, labelled)[..., calibration.known]
    if not cells.sum():
        return _undefined(name, "undefined (0 outcomes at scores that the reference knows)", levels)
    known, n = _only_known(calibration), cells.sum(axis=0)
    found, came = expected(metric, n, known.chance), _realised(metric, cells)
    if isinstance(found, str):
        return _undefined(name, found, levels)
    if isinstance(came, str):
        return _undefined(name, came, levels)
    alpha = levels.alpha(name)
    value, low, high = _with_bounds(found, n, known, offset, effect, alpha)
    spread = math.sqrt(_variance(found.pull, n, known, offset) * effect)
    return Measurement(
        name,
        value - came,
        found.rows,
        "share",
        f"{MISSED}{worth(effect)}",
        low=low - came,
        high=high - came,
        alpha=alpha,
        detectable=float(ndtri(1 - alpha) + ndtri(POWER)) * spread,
    )


def _offset(metric: str, labelled: np.ndarray, calibration: Calibration) -> Offset:
    """The estimate for the reference less what really came there.

    Isotonic regression irons out every place where outcomes fall with the score, chance ones too, and so makes a
    ranking look better than it is: by 0.02 of an AUC in 300 rows. On average a batch of the same scores is
    overrated by as much as the reference itself.
    """
    cells = _by_outcome(metric, labelled)
    n = cells.sum(axis=0)
    if not n.sum():
        return Offset()
    found, came = expected(metric, n, calibration.chance), _realised(metric, cells)
    if isinstance(found, str) or isinstance(came, str):
        return Offset()
    each = float((n * found.pull**2 @ calibration.variance).sum())
    return Offset(found.value - came, max(each - _of_blocks(found.pull, n, calibration), 0.0))


def _by_outcome(metric: str, labelled: np.ndarray) -> np.ndarray:
    return np.stack([_in_use(metric, labelled[label]) for label in (NEGATIVE, POSITIVE)])


def _in_use(metric: str, by_prediction: np.ndarray) -> np.ndarray:
    """Rows per prediction and score; where predictions do not matter, rows without one stand among the negatives."""
    if metric not in FROM_SCORES:
        return by_prediction[:UNKNOWN]
    return np.stack([by_prediction[NEGATIVE] + by_prediction[UNKNOWN], by_prediction[POSITIVE]])


def _only_known(calibration: Calibration) -> Calibration:
    where = calibration.known
    return Calibration(*(getattr(calibration, name)[where] for name in Calibration.__dataclass_fields__))


def _realised(metric: str, cells: np.ndarray) -> float | str:
    """The metric itself, or why there is none: each row its own score, and its outcome what is expected of it."""
    if metric != "roc_auc":
        came = expected(metric, np.concatenate(list(cells), axis=1), np.repeat([0.0, 1.0], cells.shape[-1]))
        return came.replace(" expected", " came") if isinstance(came, str) else came.value
    negatives, positives = cells.sum(axis=1)
    if not negatives.sum() or not positives.sum():
        return "undefined (less than 1 outcome of either kind came)"
    return placements(negatives, positives)[2]


def _variance(pull: np.ndarray, n: np.ndarray, calibration: Calibration, offset: Offset) -> float:
    """Of realised less expected, to first order: outcomes fall by chance, and so did those of the reference.

    The latter between blocks of the calibration, and within them as far as the offset rests on it.
    """
    by_chance = float((n * pull**2 @ calibration.variance).sum())
    return by_chance + _of_blocks(pull, n, calibration) + offset.variance


def _of_blocks(pull: np.ndarray, n: np.ndarray, calibration: Calibration) -> float:
    """What the sampling error of the blocks' chances makes of the metric."""
    moved = np.bincount(calibration.block, (n * pull).sum(axis=0))
    rests_on = np.zeros(moved.size)
    rests_on[calibration.block] = calibration.variance / calibration.rows
    return float(moved**2 @ rests_on)
