"""A first look as one page to pass on: self-contained, without script, complete on paper and on a telephone.

Decides what stands on the page and how much of it: beyond `DRAWN` columns nothing is drawn, and beyond `LISTED` those
that did not move are counted only, so that the page stays small however wide the files are.
"""

from __future__ import annotations

from typing import Any

from governance.records import Measurement
from monitors.distances import PSEUDOCOUNT
from monitors.first_look import ALPHA, BLIND, ColumnLook, Grouping, GroupLook, Inspection, RateLook, State, is_apart
from monitors.grid import RARE
from reports import inspection_words as words
from reports.pages import template
from reports.small_drawings import drawing

DRAWN = 120
LISTED = 400
DISTANCES = (("psi", "PSI"), ("jensen_shannon", "Jensen-Shannon"), ("ks", "KS"))
GROUP_METRICS = ("selection_rate", "outcome_rate", "true_positive_rate", "false_positive_rate", "precision", "accuracy")
CLASSES = {
    State.MOVED: "moved",
    State.TOO_FEW: "few",
    State.WITHIN_NOISE: "noise",
    State.NOT_COMPARED: "aside",
}


def render(inspection: Inspection) -> str:
    """The page. The same records give the same bytes."""
    shown = [c for c in inspection.columns if c.compared == "values" or c.state is State.MOVED]
    listed = shown[:LISTED]
    return template("inspection.html").render(
        inspection=inspection,
        lead=words.lead(inspection),
        multiplicity=words.multiplicity(inspection),
        observations=words.OBSERVATIONS,
        size=words.size,
        columns=[_column(column, index < DRAWN) for index, column in enumerate(listed)],
        left=len(shown) - len(listed),
        undrawn=max(len(listed) - DRAWN, 0),
        rates=[_rate(rate) for rate in inspection.rates],
        groupings=[_grouping(grouping) for grouping in inspection.groupings],
        quality=words.quality(inspection),
        missing=[_missing(c) for c in inspection.columns if any(f.nulls for f in c.facts)][:LISTED],
        aside=[(words.shortened(name, 120), why) for name, why in words.not_compared(inspection)][:LISTED],
        personal=words.personal(inspection),
        steps=words.next_steps(inspection),
        alpha=ALPHA,
        blind=BLIND,
        rare=RARE,
        pseudocount=PSEUDOCOUNT,
    )


def _column(column: ColumnLook, drawn: bool) -> dict[str, Any]:
    facts = [
        {"metric": title, "value": words.valued(found), "bounds": words.bounds(found), "floor": _floor(found)}
        for metric, title in DISTANCES
        if (found := column.distance(metric)) is not None
    ]
    return {
        "name": words.shortened(column.name, 120),
        "kind": str(column.kind),
        "roles": ", ".join(column.roles),
        "state": str(column.state),
        "class": CLASSES[column.state],
        "reason": column.reason if column.state is State.TOO_FEW else "",
        "drawing": drawing(column.name, column.picture) if drawn and column.picture else "",
        "distances": facts,
        "changed": words.what_changed(column),
        "remarks": column.remarks,
    }


def _floor(measurement: Measurement) -> str:
    return words.short(measurement.noise_floor)


def _missing(column: ColumnLook) -> tuple[str, str, str]:
    before, now = words.missing(column)
    return words.shortened(column.name, 120), words.share(before), words.share(now)


def _rate(rate: RateLook) -> dict[str, Any]:
    return {
        "metric": words.METRICS[rate.metric],
        "reference": words.valued(rate.reference),
        "reference_bounds": words.bounds(rate.reference),
        "batch": words.valued(rate.batch),
        "batch_bounds": words.bounds(rate.batch),
        "change": words.signed(rate.change),
        "change_bounds": words.bounds(rate.change),
        "apart": rate.change is not None and is_apart(rate.change),
    }


def _grouping(grouping: Grouping) -> dict[str, Any]:
    return {
        "name": words.shortened(grouping.name, 120),
        "baseline": grouping.baseline,
        "metrics": [words.METRICS[metric].split(" (")[0] for metric in GROUP_METRICS],
        "groups": [_group(group) for group in grouping.groups[:LISTED]],
        "withheld": words.withheld(grouping.withheld) if grouping.withheld else "",
    }


def _group(group: GroupLook) -> dict[str, Any]:
    cells = []
    for metric in GROUP_METRICS:
        difference = group.differences.get(metric)
        known = difference is not None and difference.value is not None
        cells.append(
            {
                "reference": words.valued(group.rates.get(("reference", metric))),
                "batch": words.valued(group.rates.get(("batch", metric))),
                "difference": words.signed(difference) if known else "",
                "bounds": words.bounds(difference) if known else "",
                "apart": difference is not None and is_apart(difference),
            }
        )
    rows = [f"<{RARE}" if n is None else f"{n:,}" for n in group.rows]
    return {"name": words.shortened(group.group, 120), "largest": group.largest, "rows": rows, "cells": cells}
