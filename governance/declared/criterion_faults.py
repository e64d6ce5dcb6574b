"""Whether what a criterion asks for can be measured of the system as it is declared."""

from __future__ import annotations

from collections.abc import Iterator

from governance.declared.assessment import Criterion
from governance.declared.columns import values_of, views
from governance.declared.metrics import METRICS, OF_PROBABILITY, Values, distances_of, fitting
from governance.declared.system import System, kind_of


def criterion_faults(criterion: Criterion, system: System, types: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Each key of a criterion that asks for something the system does not have, with what is wrong.

    Parameters
    ----------
    types : mapping of column to the contract's logical type
    """
    groupings = {grouping.name for grouping in system.groupings}
    watched = {view: name for name in system.columns for view in views(name, kind_of(system, types, name))}
    if system.error:
        watched[system.error] = system.error
    metric = METRICS[criterion.metric]
    if metric.task not in (None, system.task):
        fit = ", ".join(fitting(system.task, metric.about))
        yield "metric", f"{metric.name} is for a {metric.task}, and this is a {system.task}: {fit} fit."
        return
    for column in criterion.columns:
        if column in system.columns and column not in watched:
            named = " and ".join(repr(view) for view, name in watched.items() if name == column)
            yield "columns", f"{column!r} is watched as {named}."
        elif column not in watched:
            yield "columns", f"unknown column {column!r}."
        else:
            values: Values = "numeric"  # as the error of a regression is
            if column != system.error:
                values = values_of(watched[column], kind_of(system, types, watched[column]))[column]
            yield from _unsuitable(criterion.metric, column, values)
    if criterion.grouping and criterion.grouping not in groupings:
        yield "grouping", f"unknown grouping {criterion.grouping!r}, declared are {sorted(groupings)}."
    if criterion.window not in ("batch", *system.batches.windows):
        yield "window", f"{criterion.window!r} is not among batches.windows {list(system.batches.windows)}."
    wrong = criterion.against.problem(system.batches.period) if criterion.against else None
    if wrong:
        yield "against", wrong
    yield from (("metric", what) for what in _lacking(criterion, system))


def _lacking(criterion: Criterion, system: System) -> Iterator[str]:
    """What the metric rests on and the system does not have."""
    metric = criterion.metric
    estimated = metric.startswith("estimated_")
    if (metric == "roc_auc" or estimated) and not system.the("score"):
        yield f"{metric} needs a column with the role score."
    if METRICS[metric].needs_rows and not system.having("feature"):
        yield f"{metric} looks at columns with the role feature, and there is none."
    on_labels = criterion.needs_labels or metric.startswith("label_coverage") or estimated
    if on_labels and not system.the("label"):
        yield f"{metric} needs a column with the role label."
    if metric in OF_PROBABILITY and not system.score_is_probability:
        yield f"{metric} needs `score_is_probability: true`."


def _unsuitable(metric: str, column: str, values: Values) -> Iterator[tuple[str, str]]:
    """A metric of numbers asked of categories, or the other way round."""
    if values not in METRICS[metric].values:
        others = ", ".join(distances_of(values == "numeric"))
        yield "metric", f"{metric!r} cannot be measured of {column!r}, which is {values}; {others} can."
