"""The table "What moved most, and matters most": each feature with its distance, the reliance on it, and both in one.

Records in, rows out: the product was worked out in `monitors.reliance`. Decides the order, and that what nobody
knows is not taken for nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from governance.records import Measurement
from reports.tables import number


def ranking_rows(measurements: Sequence[Measurement]) -> list[dict[str, str]]:
    """Features by how far they moved for certain times the reliance on them, the largest first.

    Then those of which the reliance is unknown, by their distance; then those that did not provably move or that
    the model does not rely on, these last. No feature was weighed: no rows.
    """
    by_metric: dict[str, dict[str | None, Measurement]] = {}
    for m in measurements:
        by_metric.setdefault(m.metric, {})[m.column] = m
    weighted = by_metric.get("drift_weighted_by_reliance", {})
    distances, reliances = by_metric.get("jensen_shannon", {}), by_metric.get("reliance", {})
    rows = [(m, distances[column], reliances.get(column)) for column, m in weighted.items()]
    return [_row(place, *found) for place, found in enumerate(sorted(rows, key=_order), start=1)]


def _order(found: tuple[Measurement, Measurement, Measurement | None]) -> tuple[float, ...]:
    weighted, distance, reliance = found
    moved = -(distance.low or 0.0), -(distance.value or 0.0)
    if weighted.value is None:
        return 1, *moved
    share = reliance.value or 0.0 if reliance else 0.0
    return (0, -weighted.value, *moved) if weighted.value > 0 else (2, -share, *moved)


def _row(place: int, weighted: Measurement, distance: Measurement, reliance: Measurement | None) -> dict[str, str]:
    ranked = weighted.value is not None and weighted.value > 0
    return {
        "place": str(place) if ranked else "",
        "feature": weighted.column or "",
        "distance": number(distance.value),
        "noise_floor": number(distance.noise_floor),
        "certain": number(distance.low),
        "reliance": number(reliance.value) if reliance else "unknown",
        "weighted": number(weighted.value),
        "reason": weighted.reason or "",
    }


def said_by(measurements: Sequence[Measurement]) -> str:
    """Who says how much the model relies on each feature; empty where nobody does."""
    return next((m.method for m in measurements if m.metric == "reliance"), "")
