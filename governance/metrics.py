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
        Never below zero, and only bad when large.
    has_bounds : bool
        Comes with an interval; without one only the estimate can be judged.
    is_effect : bool
        The size of a change or of a difference: held against the smallest one that the rows could show.
    neutral : float
        What it is when there is nothing to find.
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
    values: tuple[Values, ...] = ("numeric", "categorical")


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
    for rate, needs_labels in RATES.items():
        yield Metric(rate, "rows", needs_labels)
        yield Metric(f"{rate}_difference", "contrast", needs_labels, is_effect=True)
    yield Metric("selection_rate_ratio", "contrast", is_effect=True, neutral=1.0)
    for rate in ("outcome_rate", "selection_rate"):
        yield Metric(f"{rate}_change", "rows", RATES[rate], is_effect=True)
    yield Metric("roc_auc", "rows", needs_labels=True)
    for score in ("f1", "brier_score", "log_loss"):
        yield Metric(score, "rows", needs_labels=True, has_bounds=False)
    for distance, values in DISTANCES.items():
        yield Metric(distance, "column", is_distance=True, values=values)


METRICS: Mapping[str, Metric] = MappingProxyType({metric.name: metric for metric in _all()})
