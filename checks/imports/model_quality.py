"""SageMaker Model Monitor's baseline of a model's quality: thresholds as draft criteria, metrics as a summary.

The documents have the names of those about data (`constraints.json`, `statistics.json`), and no columns: they ask
nothing of rows, so their contract is empty. A threshold is how a model did once, and a limit is how it must do:
somebody has to weigh it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from checks.imports.carried import Became, Drafted, Imported, Told, identifier, mapping

_TASKS = {"regression": "regression", "binary_classification": "binary_classification"}
_TOLD = {"multiclass_classification": "several classes are out of scope until declared"}
_METRICS = {
    "mae": "mean_absolute_error",
    "rmse": "root_mean_squared_error",
    "r2": "r_squared",
    "accuracy": "accuracy",
    "precision": "precision",
    "recall": "true_positive_rate",
    "true_positive_rate": "true_positive_rate",
    "false_positive_rate": "false_positive_rate",
    "false_negative_rate": "false_negative_rate",
    "f1": "f1",
    "auc": "roc_auc",
}
_DIRECTIONS = {"GreaterThanThreshold": "above", "LessThanThreshold": "below"}
_INSTEAD = {
    "mse": "its root is measured here: root_mean_squared_error, with the root of this threshold",
    "true_negative_rate": "it is 1 - false_positive_rate: write the criterion on that",
}


def quality_of(document: Mapping[str, Any], kind: str) -> str | None:
    """The task that the document is about; `kind` is constraints or metrics. None where it is about data."""
    return next((task for task in (*_TASKS, *_TOLD) if f"{task}_{kind}" in document), None)


def import_thresholds(document: Mapping[str, Any], task: str, name: str, source: str) -> Imported:
    """The thresholds as draft criteria, and what became of each."""
    criteria: list[dict[str, Any]] = []
    told = []
    key = f"{task}_constraints"
    for metric, threshold in mapping(document[key], key).items():
        found = _criterion(task, metric, mapping(threshold, metric))
        if isinstance(found, str):
            told.append(Told(f"{key}.{metric}", Became.NOT_CARRIED, found))
        else:
            criteria.append(found)
            how = f"a draft of a criterion on {found['metric']}: weigh its limit, and have the assessment approved"
            told.append(Told(f"{key}.{metric}", Became.PARTLY, how))
    told += _beside(document, {key})
    system = {"task": _TASKS[task]} if task in _TASKS else {}
    return Imported(source, Drafted(identifier(name)).document(), tuple(told), system, criteria)


def _criterion(task: str, metric: str, threshold: Mapping[str, Any]) -> dict[str, Any] | str:
    """The draft, or why there is none."""
    limit, operator = threshold.get("threshold"), threshold.get("comparison_operator")
    if task in _TOLD:
        return _TOLD[task]
    if metric not in _METRICS:
        return _INSTEAD.get(metric, "it has no counterpart here")
    if isinstance(limit, bool) or not isinstance(limit, int | float):
        return "its threshold is no number"
    left = sorted(set(threshold) - {"threshold", "comparison_operator"})
    if left or operator not in _DIRECTIONS:
        return f"{left[0]} has no counterpart here" if left else f"comparison_operator {operator!r} is not known"
    return {"metric": _METRICS[metric], "direction": _DIRECTIONS[operator], "limit": float(limit)}


def import_metrics(document: Mapping[str, Any], task: str, name: str, source: str) -> Imported:
    """How the model did on its baseline, as a note for people."""
    key = f"{task}_metrics"
    dataset = mapping(document.get("dataset"), "dataset")
    summary: dict[str, Any] = {"rows": dataset.get("item_count"), "metrics": {}}
    told = []
    for metric, found in mapping(document[key], key).items():
        if isinstance(found, Mapping) and all(isinstance(value, int | float | str) for value in found.values()):
            summary["metrics"][metric] = dict(found)
            told.append(Told(f"{key}.{metric}", Became.PARTLY, "a note beside the declaration"))
        else:
            told.append(Told(f"{key}.{metric}", Became.NOT_CARRIED, "a table or a curve: it is measured anew here"))
    told += [Told(f"dataset.{word}", Became.NOT_CARRIED, "it has no counterpart here") for word in _rest(dataset)]
    told += _beside(document, {key, "dataset"})
    return Imported(source, Drafted(identifier(name)).document(), tuple(told), summary=summary)


def _rest(dataset: Mapping[str, Any]) -> list[str]:
    return sorted(set(dataset) - {"item_count"})


def _beside(document: Mapping[str, Any], known: set[str]) -> Iterator[Told]:
    for key in sorted(set(document) - {"version"} - known):
        yield Told(key, Became.NOT_CARRIED, "it has no counterpart here")
