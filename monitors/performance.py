"""Rates and scores of all rows, from the outcome cube: what happened, what was predicted, how well they agree."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from governance.records import Measurement
from monitors.grid import ENTITY_BUCKETS, ScoreGrid
from monitors.levels import Levels
from monitors.probabilities import of_probability
from monitors.profile import NEGATIVE, POSITIVE, UNKNOWN, Counts, Profile
from monitors.proportions import score_bounds
from monitors.uncertainty import auc_with_bounds, design_effect, detectable_difference, exact

EXACT = "counts; exact bounds (Clopper-Pearson)"
SCORE = "counts; score bounds corrected for skewness"


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
    "label_coverage": "rows",
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
        "positive_overlap": (tp, tp + fp + fn),
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


def largest_effect(profile: Profile) -> float:
    """The largest of the rates' effects, for what is counted by score: no bucket of entities holds counts by score."""
    metrics = ("outcome_rate", "selection_rate", *CONFUSION_RATES)
    return max(effect_of(profile, metric) for metric in metrics)


def overall(profile: Profile, reference: Profile | None, levels: Levels) -> Iterator[Measurement]:
    """Every measurement about all rows of the batch."""
    yield Measurement("rows", float(profile.rows), profile.rows, "rows", "count")
    table = profile.cube.sum(axis=-1)
    for name, (label, prediction) in CONFUSION.items():
        yield Measurement(name, float(table[label, prediction]), profile.rows, "rows", "count")
    for metric in ("label_coverage", "outcome_rate", "selection_rate", *CONFUSION_RATES):
        effect = effect_of(profile, metric)
        yield rate(metric, *hits_of(profile.cube, metric), levels.alpha(metric), effect=effect)
    yield f1(profile, levels.alpha("f1"))
    if reference is not None:
        for metric in ("outcome_rate", "selection_rate"):
            yield change(metric, profile, reference, levels.alpha(f"{metric}_change"))
    if profile.grid.score is not None:
        effect = largest_effect(profile)
        dependent = worth(effect) and f"{worth(effect)}, as in the rate that they change most"
        yield auc(profile.cube, profile.grid.score, levels.alpha("roc_auc"), effect, dependent)
        if profile.grid.score.bins and (profile.grid.score.low, profile.grid.score.high) == (0.0, 1.0):
            yield from of_probability(profile.cube, profile.grid.score, levels, effect, dependent)


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
            EXACT,
            reason=f"undefined (0 {what})",
            alpha=alpha,
            column=column,
            segment=segment,
        )
    low, high = exact(hits / effect, n / effect, alpha)
    method = f"{EXACT}{worth(effect)}"
    return Measurement(
        metric, hits / n, n, "share", method, low=low, high=high, alpha=alpha, column=column, segment=segment
    )


def worth(*effects: float) -> str:
    """What a method says of rows that depend on each other; nothing where they do not."""
    largest = max(effects)
    return f"; {largest:.3g} rows of entities worth one" if largest > 1 else ""


def f1(profile: Profile, alpha: float) -> Measurement:
    """Harmonic mean of precision and recall.

    It is 2J / (1 + J) of J, the share of true positives in the rows where outcome or prediction is positive: a rate,
    whose bounds carry over.

    References
    ----------
    L. R. Dice (1945), Ecology 26, 297-302, doi:10.2307/1932409; P. Jaccard (1912), New Phytologist 11, 37-50,
    doi:10.1111/j.1469-8137.1912.tb05611.x (J).
    """
    hits, n = hits_of(profile.cube, "positive_overlap")
    if n == 0:
        reason = f"undefined (0 {DENOMINATORS['f1']})"
        return Measurement("f1", None, 0, "share", EXACT, reason=reason, alpha=alpha)
    effect = effect_of(profile, "positive_overlap")
    low, high = (2 * end / (1 + end) for end in exact(hits / effect, n / effect, alpha))
    method = f"{EXACT} of the share of true positives where outcome or prediction is positive{worth(effect)}"
    return Measurement("f1", 2 * hits / (hits + n), n, "share", method, low=low, high=high, alpha=alpha)


def change(metric: str, current: Profile, reference: Profile, alpha: float) -> Measurement:
    """How far a rate has moved from the reference's."""
    (hits, n), (before, m) = hits_of(current.cube, metric), hits_of(reference.cube, metric)
    name = f"{metric}_change"
    if n == 0 or m == 0:
        side = "batch" if n == 0 else "reference"
        reason = f"undefined (0 {DENOMINATORS[metric]} in the {side})"
        return Measurement(name, None, 0, "share", SCORE, reason=reason, alpha=alpha)
    one, other = effect_of(current, metric), effect_of(reference, metric)
    independent = hits / one, n / one, before / other, m / other
    low, high = map(float, score_bounds(*independent, alpha))
    seen, method = detectable_difference(*independent, alpha), f"{SCORE}{worth(one, other)}"
    return Measurement(
        name, hits / n - before / m, min(n, m), "share", method, low=low, high=high, alpha=alpha, detectable=seen
    )


def auc(cube: Counts, score: ScoreGrid, alpha: float, effect: float = 1.0, dependent: str = "") -> Measurement:
    """Area under the ROC curve; `n` is the smaller class, which limits what can be known.

    `effect` rows are worth one independent row; `dependent` says so at the end of the method.
    """
    ranked = ranked_in(cube, score)
    negatives, positives = (ranked[label].sum(axis=0) for label in (NEGATIVE, POSITIVE))
    left_out = int(cube[:UNKNOWN, :, :-1].sum() - ranked[:UNKNOWN].sum())
    note = f"{left_out} rows left out: the reference does not know their score" if left_out else None
    exact = "exact score values" if score.values else f"{score.bins} score bins of {score.resolution:.6g}"
    method = f"{exact}, ties half; DeLong variance, for few rows that of exponential scores; exact bounds{dependent}"
    n = int(min(negatives.sum(), positives.sum()))
    if n == 0:
        missing = "negative" if negatives.sum() == 0 else "positive"
        reason = f"undefined (0 {missing} outcomes with a score)"
        return Measurement("roc_auc", None, 0, "share", method, reason=reason, alpha=alpha)
    area, low, high = auc_with_bounds(negatives.astype(float), positives.astype(float), alpha, effect)
    return Measurement("roc_auc", area, n, "share", method, low=low, high=high, alpha=alpha, reason=note)


def ranked_in(cube: Counts, score: ScoreGrid) -> Counts:
    """The bins whose scores have a place in the order: not the missing one, nor values unknown to the reference.

    Returns
    -------
    int array of shape (3 labels, 3 predictions, ranked bins)
    """
    return cube[:, :, : len(score.values)] if score.values else cube[:, :, :-1]
