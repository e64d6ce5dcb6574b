"""Every metric that a criterion may name: what it is about, what it needs, and how its size is read.

Definitions are where metrics are computed (`monitors/`); here stands what a declaration and a verdict have to know.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

# All rows of a batch, one column, or one group against another.
About = Literal["rows", "column", "contrast"]


@dataclass(frozen=True, slots=True)
class Metric:
    """What is to be known of a metric before anything is measured.

    Attributes
    ----------
    needs_labels : bool
        Rests on outcomes: withheld until enough of them are in.
    is_distance : bool
        Never below zero, and only bad when large.
    has_bounds : bool
        Comes with an interval; without one only the estimate can be judged.
    is_effect : bool
        The size of a change or of a difference: held against the smallest one that the rows could show.
    neutral : float
        What it is when there is nothing to find.
    """

    name: str
    about: About
    needs_labels: bool = False
    is_distance: bool = False
    has_bounds: bool = True
    is_effect: bool = False
    neutral: float = 0.0


# Rate → whether it rests on outcomes.
RATES = {
    "selection_rate": False,
    "outcome_rate": True,
    "accuracy": True,
    "precision": True,
    "true_positive_rate": True,
    "false_positive_rate": True,
    "false_negative_rate": True,
}
GROUP_RATES = tuple(RATES)
# What can be said before outcomes are in, from scores, predictions and how scores came true in the reference.
ESTIMATED = (
    "accuracy",
    "precision",
    "true_positive_rate",
    "false_positive_rate",
    "f1",
    "roc_auc",
    "outcome_rate",
)
# What only a score that is a probability has.
OF_PROBABILITY = ("brier_score", "log_loss", "expected_calibration_error", "calibration_in_the_large")
DISTANCES = ("psi", "jensen_shannon", "ks")


def _all() -> Iterator[Metric]:
    yield Metric("label_coverage", "rows")
    for rate, needs_labels in RATES.items():
        yield Metric(rate, "rows", needs_labels)
        yield Metric(f"{rate}_difference", "contrast", needs_labels, is_effect=True)
    yield Metric("selection_rate_ratio", "contrast", is_effect=True, neutral=1.0)
    for rate in ("outcome_rate", "selection_rate"):
        yield Metric(f"{rate}_change", "rows", RATES[rate], is_effect=True)
    yield Metric("roc_auc", "rows", needs_labels=True)
    for score in ("f1", "brier_score", "log_loss"):
        yield Metric(score, "rows", needs_labels=True)
    yield Metric("expected_calibration_error", "rows", needs_labels=True, is_distance=True)
    yield Metric("calibration_in_the_large", "rows", needs_labels=True, is_effect=True)
    for metric in ESTIMATED:
        yield Metric(f"estimated_{metric}", "rows")
        yield Metric(f"estimated_{metric}_error", "rows", needs_labels=True, is_effect=True)
    for distance in DISTANCES:
        yield Metric(distance, "column", is_distance=True)


METRICS: Mapping[str, Metric] = MappingProxyType({metric.name: metric for metric in _all()})
