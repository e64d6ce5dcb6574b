"""Which features moved most and matter most: how far each has moved for certain, times how much the model relies on it.

A feature that moved and that the model does not use harms nobody by having moved; one that the model rests on need
not move far. How much a model relies on a feature is told by whoever declares or trains it: here it is plain data.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from governance.records import Measurement
from monitors.grid import Grid

RELIANCE, WEIGHTED = "reliance", "drift_weighted_by_reliance"


@dataclass(frozen=True)
class Reliance:
    """How much the model relies on each feature, as far as anybody knows.

    Attributes
    ----------
    features : every declared feature; one that is not among `shares` is unknown, which is not 0
    shares : feature → share of the reliance on all known ones; they sum to 1, or there are none
    source : who says so
    """

    features: tuple[str, ...]
    shares: Mapping[str, float]
    source: str


def shares_of(weights: Mapping[str, float]) -> dict[str, float]:
    """Weights of any unit as shares that sum to 1; empty where no weight is above zero.

    A weight below zero is 0: a feature whose shuffling made a model better by chance is one that it does not need.
    """
    positive = {name: max(weight, 0.0) for name, weight in weights.items()}
    total = sum(positive.values())
    return {name: weight / total for name, weight in positive.items()} if total > 0 else {}


def weighted_drift(found: Iterable[Measurement], grid: Grid, reliance: Reliance) -> Iterator[Measurement]:
    """For each feature, in the grid's order: what is known of the reliance on it, and its drift times that.

    The drift is the lower bound of the Jensen-Shannon distance, in distance units from 0 to 1: what has moved beyond
    what noise explains. The distance itself is never 0 in finite samples, and would put a noisy column that
    matters before one that did move. Larger is worse; 0 is no proven movement, or no reliance.
    """
    distances = {m.column: m for m in found if m.metric == "jensen_shannon"}
    for column in grid.columns:
        if column.source not in reliance.features or column.name not in distances:
            continue
        share = reliance.shares.get(column.source)
        if share is not None:
            yield Measurement(RELIANCE, share, distances[column.name].n, "share", reliance.source, column=column.name)
        yield _weighted(distances[column.name], share, reliance.source)


def _weighted(distance: Measurement, share: float | None, source: str) -> Measurement:
    method = "lower bound of jensen_shannon × reliance"
    if distance.value is None or share is None:
        unknown = f"how much the model relies on it is unknown ({source})"
        reason, broken = (unknown, False) if distance.value is not None else (distance.reason, distance.broken)
        return Measurement(
            WEIGHTED, None, distance.n, "distance", method, column=distance.column, reason=reason, broken=broken
        )
    value = (distance.low or 0.0) * share
    return Measurement(WEIGHTED, value, distance.n, "distance", method, column=distance.column, alpha=distance.alpha)
