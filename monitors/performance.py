"""Rates and scores of all rows, from the outcome cube: what happened, what was predicted, how well they agree."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from governance.records import Measurement
from monitors.grid import ENTITY_BUCKETS, ScoreGrid
from monitors.levels import Levels
from monitors.profile import NEGATIVE, POSITIVE, UNKNOWN, Counts, Profile
from monitors.uncertainty import auc_with_bounds, design_effect, detectable_difference, newcombe, wilson

WILSON = "counts; Wilson score bounds"
NEWCOMBE = "counts; Newcombe hybrid score bounds (method 10)"


CONFUSION = {
    "true_negatives": (NEGATIVE, NEGATIVE),
    "false_positives": (NEGATIVE, POSITIVE),
    "false_negatives": (POSITIVE, NEGATIVE),
    "true_positives": (POSITIVE, POSITIVE),
}
CONFUSION_RATES = (
    "accuracy",
    "precision",
    "true_positive_rate",
    "false_positive_rate",
    "false_negative_rate",
)
DENOMINATORS = {
    "accuracy": "rows with outcome and prediction",
    "precision": "predicted positives",
    "true_positive_rate": "positive outcomes",
    "false_positive_rate": "negative outcomes",
    "false_negative_rate": "positive outcomes",
    "f1": "positive outcomes or predictions",
    "selection_rate": "predictions",
    "outcome_rate": "outcomes",
}


def is_probability(score: ScoreGrid | None) -> bool:
    """Whether scores were declared to be probabilities."""
    return score is not None and score.bins > 0 and (score.low, score.high) == (0.0, 1.0)


def hits_in(table: np.ndarray, metric: str) -> tuple[np.ndarray, np.ndarray]:
    """Hits and denominator of a rate: of outcomes, of predictions, or of where both are known.

    Parameters
    ----------
    table : int array of shape (..., 3 labels, 3 predictions)

    Returns
    -------
    two int arrays of shape (...)
    """
    by_label, by_prediction = table.sum(axis=-1), table.sum(axis=-2)
    if metric == "outcome_rate":
        return by_label[..., POSITIVE], by_label[..., :UNKNOWN].sum(axis=-1)
    if metric == "selection_rate":
        return by_prediction[..., POSITIVE], by_prediction[..., :UNKNOWN].sum(axis=-1)
    if metric == "label_coverage":
        return by_label[..., :UNKNOWN].sum(axis=-1), by_label.sum(axis=-1)
    tn, fp = table[..., NEGATIVE, NEGATIVE], table[..., NEGATIVE, POSITIVE]
    fn, tp = table[..., POSITIVE, NEGATIVE], table[..., POSITIVE, POSITIVE]
    return {
        "accuracy": (tn + tp, tn + fp + fn + tp),
        "precision": (tp, tp + fp),
        "true_positive_rate": (tp, tp + fn),
        "false_positive_rate": (fp, fp + tn),
        "false_negative_rate": (fn, fn + tp),
        "f1": (2 * tp, 2 * tp + fp + fn),
    }[metric]


def hits_of(cube: Counts, metric: str) -> tuple[int, int]:
    """Hits and denominator of a rate in a cube of shape (3 labels, 3 predictions, score bins)."""
    hits, n = hits_in(cube.sum(axis=-1), metric)
    return int(hits), int(n)


def effect_of(profile: Profile, metric: str, grouping: str = "", group: int = 0) -> float:
    """How many rows it takes to learn of this rate what one independent row would tell; 1 without entities."""
    if profile.clusters is None:
        return 1.0
    table = profile.clusters.cubes[grouping].reshape(ENTITY_BUCKETS, -1, 3, 3)[:, group]
    return design_effect(*hits_in(table, metric))


def overall(profile: Profile, reference: Profile | None, levels: Levels) -> Iterator[Measurement]:
    """Every measurement about all rows of the batch."""
    yield Measurement("rows", float(profile.rows), profile.rows, "rows", "count")
    table = profile.cube.sum(axis=-1)
    for name, (label, prediction) in CONFUSION.items():
        yield Measurement(name, float(table[label, prediction]), profile.rows, "rows", "count")
    for metric in ("label_coverage", "outcome_rate", "selection_rate", *CONFUSION_RATES):
        effect = effect_of(profile, metric)
        yield rate(metric, *hits_of(profile.cube, metric), levels.alpha(metric), effect=effect)
    yield f1(profile.cube)
    if reference is not None:
        for metric in ("outcome_rate", "selection_rate"):
            yield change(metric, profile, reference, levels.alpha(f"{metric}_change"))
    if profile.grid.score is not None:
        # DeLong's variance is one of independent rows; where they are not, a reader has to know.
        taken = "; rows taken as independent" if profile.clusters else ""
        yield auc(profile.cube, profile.grid.score, levels.alpha("roc_auc"), taken)
        if is_probability(profile.grid.score):
            yield from probability_scores(profile.cube, profile.grid.score)


def rate(
    metric: str,
    hits: int,
    n: int,
    alpha: float,
    *,
    column: str | None = None,
    segment: str | None = None,
    effect: float = 1.0,
) -> Measurement:
    """A rate with its bounds, or the reason why it is undefined. `effect` rows are worth one independent row."""
    if n == 0:
        what = DENOMINATORS.get(metric, "rows")
        return Measurement(
            metric,
            None,
            0,
            "share",
            WILSON,
            reason=f"undefined (0 {what})",
            alpha=alpha,
            column=column,
            segment=segment,
        )
    low, high = wilson(hits / effect, n / effect, alpha)
    method = f"{WILSON}{worth(effect)}"
    return Measurement(
        metric, hits / n, n, "share", method, low=low, high=high, alpha=alpha, column=column, segment=segment
    )


def worth(*effects: float) -> str:
    """What a method says of rows that depend on each other; nothing where they do not."""
    largest = max(effects)
    return f"; {largest:.3g} rows of entities worth one" if largest > 1 else ""


def f1(cube: Counts) -> Measurement:
    """Harmonic mean of precision and recall, as an observation without bounds."""
    hits, n = hits_of(cube, "f1")
    if n == 0:
        return Measurement("f1", None, 0, "share", "counts", reason=f"undefined (0 {DENOMINATORS['f1']})")
    return Measurement("f1", hits / n, n, "share", "counts")


def change(metric: str, current: Profile, reference: Profile, alpha: float) -> Measurement:
    """How far a rate has moved from the reference's."""
    (hits, n), (before, m) = hits_of(current.cube, metric), hits_of(reference.cube, metric)
    name = f"{metric}_change"
    if n == 0 or m == 0:
        side = "batch" if n == 0 else "reference"
        reason = f"undefined (0 {DENOMINATORS[metric]} in the {side})"
        return Measurement(name, None, 0, "share", NEWCOMBE, reason=reason, alpha=alpha)
    one, other = effect_of(current, metric), effect_of(reference, metric)
    independent = hits / one, n / one, before / other, m / other
    low, high = newcombe(*independent, alpha)
    seen, method = detectable_difference(*independent, alpha), f"{NEWCOMBE}{worth(one, other)}"
    return Measurement(
        name, hits / n - before / m, min(n, m), "share", method, low=low, high=high, alpha=alpha, detectable=seen
    )


def auc(cube: Counts, score: ScoreGrid, alpha: float, taken: str = "") -> Measurement:
    """Area under the ROC curve; `n` is the smaller class, which limits what can be known. `taken` ends the method."""
    scored = cube[:, :, :-1]
    # Where a score stands that the reference does not know cannot be told from its bin.
    ranked = scored[:, :, : len(score.values)] if score.values else scored
    negatives, positives = (ranked[label].sum(axis=0) for label in (NEGATIVE, POSITIVE))
    left_out = int(scored[:UNKNOWN].sum() - ranked[:UNKNOWN].sum())
    note = f"{left_out} rows left out: the reference does not know their score" if left_out else None
    exact = "exact score values" if score.values else f"{score.bins} score bins of {score.resolution:.6g}"
    method = f"{exact}, ties half; DeLong variance, logit bounds{taken}"
    n = int(min(negatives.sum(), positives.sum()))
    if n == 0:
        missing = "negative" if negatives.sum() == 0 else "positive"
        reason = f"undefined (0 {missing} outcomes with a score)"
        return Measurement("roc_auc", None, 0, "share", method, reason=reason, alpha=alpha)
    area, low, high = auc_with_bounds(negatives.astype(float), positives.astype(float), alpha)
    return Measurement("roc_auc", area, n, "share", method, low=low, high=high, alpha=alpha, reason=note)


def probability_scores(cube: Counts, score: ScoreGrid) -> Iterator[Measurement]:
    """Brier score, log loss and expected calibration error of a probability, from score bins.

    Each row stands at the centre of its bin, so a row's squared error is off by at most one bin width.
    """
    centres = np.array([score.centre(i) for i in range(score.size - 1)])
    negatives, positives = (cube[label, :, :-1].sum(axis=0) for label in (NEGATIVE, POSITIVE))
    n = int(negatives.sum() + positives.sum())
    method = f"{score.bins} score bins, rows at bin centres"
    for metric, unit in (
        ("brier_score", "share"),
        ("log_loss", "nats"),
        ("expected_calibration_error", "share"),
    ):
        if n == 0:
            yield Measurement(metric, None, 0, unit, method, reason="undefined (0 outcomes with a score)")
            continue
        yield Measurement(metric, _SCORES[metric](centres, negatives, positives), n, unit, method)


def _brier(centres: np.ndarray, negatives: Counts, positives: Counts) -> float:
    total = negatives.sum() + positives.sum()
    return float((negatives * centres**2 + positives * (1 - centres) ** 2).sum() / total)


def _log_loss(centres: np.ndarray, negatives: Counts, positives: Counts) -> float:
    inside = np.clip(centres, 1e-12, 1 - 1e-12)
    total = negatives.sum() + positives.sum()
    return float(-(negatives * np.log1p(-inside) + positives * np.log(inside)).sum() / total)


def _calibration_error(centres: np.ndarray, negatives: Counts, positives: Counts) -> float:
    """Ten equal-width bins: M. P. Naeini, G. F. Cooper, M. Hauskrecht (2015), AAAI, eq. 3."""
    tenth = np.clip((centres * 10).astype(int), 0, 9)
    rows = np.bincount(tenth, negatives + positives, 10)
    hits, expected = (
        np.bincount(tenth, positives, 10),
        np.bincount(tenth, (negatives + positives) * centres, 10),
    )
    return math.fsum(np.abs(hits - expected)) / float(rows.sum())


_SCORES = {"brier_score": _brier, "log_loss": _log_loss, "expected_calibration_error": _calibration_error}
