"""What a metric comes to when each row's outcome is only known by its chance, and how one outcome more would move it.

With chances of 0 and 1 it is the metric itself. Where the chances come from is in `monitors.estimation`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from monitors.profile import NEGATIVE, POSITIVE
from monitors.uncertainty import placements


@dataclass(frozen=True)
class Expected:
    """A metric to be expected, how much of it rests on what, and by how much one outcome more would move it.

    Attributes
    ----------
    value : float
    rows : int
        The smallest denominator.
    pull : float array of shape (2 predictions, score bins)
        Change of the metric when the outcome of one row there is positive instead of negative.
    """

    value: float
    rows: int
    pull: np.ndarray


def _accuracy(n: np.ndarray, chance: np.ndarray) -> Expected | str:
    rows = n.sum()
    value = float((n[POSITIVE] @ chance + n[NEGATIVE] @ (1 - chance)) / rows)
    return Expected(value, int(rows), _as_pull(n, -1 / rows, 1 / rows))


def _precision(n: np.ndarray, chance: np.ndarray) -> Expected | str:
    rows = n[POSITIVE].sum()
    if not rows:
        return "undefined (0 predicted positives)"
    return Expected(float(n[POSITIVE] @ chance / rows), int(rows), _as_pull(n, 0.0, 1 / rows))


def _true_positive_rate(n: np.ndarray, chance: np.ndarray) -> Expected | str:
    rows = float(n.sum(axis=0) @ chance)
    if rows < 1:
        return "undefined (less than 1 positive outcome expected)"
    value = float(n[POSITIVE] @ chance) / rows
    return Expected(value, int(rows), _as_pull(n, -value / rows, (1 - value) / rows))


def _false_positive_rate(n: np.ndarray, chance: np.ndarray) -> Expected | str:
    rows = float(n.sum(axis=0) @ (1 - chance))
    if rows < 1:
        return "undefined (less than 1 negative outcome expected)"
    value = float(n[POSITIVE] @ (1 - chance)) / rows
    return Expected(value, int(rows), _as_pull(n, value / rows, (value - 1) / rows))


def _f1(n: np.ndarray, chance: np.ndarray) -> Expected | str:
    hits, positives, selected = float(n[POSITIVE] @ chance), float(n.sum(axis=0) @ chance), float(n[POSITIVE].sum())
    if selected + positives < 1:
        return "undefined (less than 1 positive outcome or prediction expected)"
    value = 2 * hits / (selected + positives)
    pull = _as_pull(n, -value / (selected + positives), (2 - value) / (selected + positives))
    # Where less than one row is expected in the denominator, it still rests on one.
    return Expected(value, max(int(selected + positives - hits), 1), pull)


def _roc_auc(n: np.ndarray, chance: np.ndarray) -> Expected | str:
    rows = n.sum(axis=0)
    negatives, positives = rows * (1 - chance), rows * chance
    fewer = min(negatives.sum(), positives.sum())
    if fewer < 1:
        return "undefined (less than 1 outcome of either kind expected)"
    of_positive, of_negative, area = placements(negatives, positives)
    pull = (of_positive - area) / positives.sum() - (of_negative - area) / negatives.sum()
    return Expected(area, int(fewer), np.broadcast_to(pull, n.shape))


def _outcome_rate(n: np.ndarray, chance: np.ndarray) -> Expected | str:
    rows = n.sum()
    return Expected(float(n.sum(axis=0) @ chance / rows), int(rows), _as_pull(n, 1 / rows, 1 / rows))


def _as_pull(n: np.ndarray, unselected: float, selected: float) -> np.ndarray:
    return np.broadcast_to(np.array([[unselected], [selected]]), n.shape)


_METRICS: dict[str, Callable[[np.ndarray, np.ndarray], Expected | str]] = {
    "accuracy": _accuracy,
    "precision": _precision,
    "true_positive_rate": _true_positive_rate,
    "false_positive_rate": _false_positive_rate,
    "f1": _f1,
    "roc_auc": _roc_auc,
    "outcome_rate": _outcome_rate,
}


def expected(metric: str, n: np.ndarray, chance: np.ndarray) -> Expected | str:
    """The metric to be expected, or why there is none.

    Parameters
    ----------
    n : float array of shape (2 predictions, score bins)
        Rows; more than none.
    chance : float array of shape (score bins,)
        Of a positive outcome. Bins stand in the order of the score.
    """
    return _METRICS[metric](n, chance)
