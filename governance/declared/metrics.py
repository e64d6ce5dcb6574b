"""Every metric that a criterion may name: what it is about, what it needs, and how its size is read.

Definitions are where metrics are computed (`monitors/`); here stands what a declaration and a verdict have to know.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

# All rows of a batch, one column, one grouping as a whole, or one of its groups against another.
About = Literal["rows", "column", "grouping", "contrast"]
# What a system predicts: one of two classes, or a number.
Task = Literal["binary_classification", "regression"]
# What a column must hold for a metric: numbers, or categories.
Values = Literal["numeric", "categorical"]


@dataclass(frozen=True, slots=True)
class Metric:
    """What is to be known of a metric before anything is measured.

    Attributes
    ----------
    needs_labels : bool
        Rests on outcomes: withheld until enough of them are in.
    is_distance : bool
        How far apart two samples are: never below zero, and only bad when large.
    has_bounds : bool
        Comes with an interval; without one only the estimate can be judged.
    is_effect : bool
        The size of a change or of a difference: held against the smallest one that the rows could show.
    neutral : float
        What it is when there is nothing to find.
    task : str or None
        The one task that it is defined for; None where it is for all.
    needs_rows : bool
        Rests on a sample of rows and not on counts: windows, which are sums of counts, have none.
    counts_rows : bool
        Counted over all rows of a batch against what the assessment declares: windows have none, either.
    values : tuple of str
        Which columns it can be measured of: those counted on the number line, by category, or both.
    """

    name: str
    about: About
    needs_labels: bool = False
    is_distance: bool = False
    has_bounds: bool = True
    is_effect: bool = False
    neutral: float = 0.0
    task: Task | None = None
    needs_rows: bool = False
    counts_rows: bool = False
    values: tuple[Values, ...] = ("numeric", "categorical")

    @property
    def compares(self) -> bool:
        """Whether it holds a batch against a reference, and another reference may be named."""
        return (self.is_distance and self.about == "column") or self.name.endswith("_change")


# Rate → whether it rests on outcomes.
RATES = {
    # By group, too: where outcomes are known of some groups rather than of others, their rates mislead.
    "label_coverage": False,
    "selection_rate": False,
    "outcome_rate": True,
    "accuracy": True,
    "precision": True,
    "true_positive_rate": True,
    "false_positive_rate": True,
    "false_negative_rate": True,
}
GROUP_RATES = tuple(RATES)
CALIBRATION = "calibration_in_the_large"
# Mean of a regression → whether it rests on outcomes.
MEANS = {
    "mean_label": True,
    "mean_prediction": False,
    "mean_error": True,
    "mean_absolute_error": True,
}
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
OF_PROBABILITY = ("brier_score", "log_loss", "expected_calibration_error", CALIBRATION, f"{CALIBRATION}_difference")
# Distance of a column from its reference → the columns that it can be measured of.
DISTANCES: Mapping[str, tuple[Values, ...]] = MappingProxyType(
    {
        "psi": ("numeric", "categorical"),
        "jensen_shannon": ("numeric", "categorical"),
        "total_variation": ("categorical",),
        "chi_square": ("categorical",),
        "ks": ("numeric",),
        "wasserstein": ("numeric",),
    }
)


def distances_of(numeric: bool) -> tuple[str, ...]:
    """The distances that can be measured of a column."""
    wanted = "numeric" if numeric else "categorical"
    return tuple(metric for metric, values in DISTANCES.items() if wanted in values)


def _all() -> Iterator[Metric]:
    yield Metric("label_coverage", "rows")
    yield Metric("attribute_coverage", "grouping")
    yield Metric("outside_intended_use", "rows", counts_rows=True)
    for distance, values in DISTANCES.items():
        yield Metric(distance, "column", is_distance=True, values=values)
    yield Metric("domain_classifier_auc", "rows", is_distance=True, neutral=0.5, needs_rows=True)
    yield from (replace(metric, task="binary_classification") for metric in _of_classes())
    yield from (replace(metric, task="regression") for metric in _of_numbers())


def _of_classes() -> Iterator[Metric]:
    for rate, needs_labels in RATES.items():
        if rate != "label_coverage":
            yield Metric(rate, "rows", needs_labels)
        yield Metric(f"{rate}_difference", "contrast", needs_labels, is_effect=True)
        yield Metric(f"{rate}_ratio", "contrast", needs_labels, is_effect=True, neutral=1.0)
    yield Metric("equalised_odds_difference", "contrast", needs_labels=True, is_distance=True, is_effect=True)
    yield Metric(f"{CALIBRATION}_difference", "contrast", needs_labels=True, is_effect=True)
    for rate in ("outcome_rate", "selection_rate"):
        yield Metric(f"{rate}_change", "rows", RATES[rate], is_effect=True)
    yield Metric("roc_auc", "rows", needs_labels=True)
    for score in ("f1", "brier_score", "log_loss"):
        yield Metric(score, "rows", needs_labels=True)
    yield Metric("expected_calibration_error", "rows", needs_labels=True, is_distance=True)
    yield Metric(CALIBRATION, "rows", needs_labels=True, is_effect=True)
    for metric in ESTIMATED:
        yield Metric(f"estimated_{metric}", "rows")
        yield Metric(f"estimated_{metric}_error", "rows", needs_labels=True, is_effect=True)


def _of_numbers() -> Iterator[Metric]:
    for mean, needs_labels in MEANS.items():
        # A mean error has a neutral value: how far from zero it would have to be to show is part of the answer.
        yield Metric(mean, "rows", needs_labels, is_effect=mean == "mean_error")
        yield Metric(f"{mean}_difference", "contrast", needs_labels, is_effect=True)
    for mean in ("mean_label", "mean_prediction"):
        yield Metric(f"{mean}_change", "rows", MEANS[mean], is_effect=True)
    for metric in ("root_mean_squared_error", "r_squared"):
        yield Metric(metric, "rows", needs_labels=True)


METRICS: Mapping[str, Metric] = MappingProxyType({metric.name: metric for metric in _all()})


def fitting(task: Task, about: About) -> tuple[str, ...]:
    """Names of the metrics that a criterion of such a system may name, about rows, columns, groupings or contrasts."""
    return tuple(m.name for m in METRICS.values() if m.about == about and m.task in (None, task))
