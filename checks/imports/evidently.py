"""An Evidently data definition as roles of columns: `DataDefinition` of 0.7, and the older `ColumnMapping`.

Read from the Python call that people write in their programs and notebooks (what is written out; nothing is run), or
from its fields as JSON or YAML. It says what columns are for and nothing of what they must hold, so the contract has
types and no rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from checks.imports.carried import Became, Drafted, Imported, NotKnown, Piece, Told, identifier
from checks.imports.written_out import Call, calls_in

SOURCE = "Evidently data definition"
_OLD = frozenset({"target", "prediction", "datetime", "id", "numerical_features", "categorical_features"}) | {
    "text_features",
    "datetime_features",
    "task",
    "pos_label",
    "target_names",
    "embeddings",
    "recommendations_type",
    "user_id",
    "item_id",
}
_NEW = frozenset({"id_column", "timestamp", "numerical_columns", "categorical_columns", "text_columns"}) | {
    "datetime_columns",
    "classification",
    "regression",
    "ranking",
    "llm",
    "embeddings",
    "service_columns",
    "unknown_columns",
    "list_columns",
    "numerical_descriptors",
    "categorical_descriptors",
    "test_descriptors",
    "special_columns",
}
_LISTS: Mapping[str, tuple[str | None, str | None]] = {
    "numerical_columns": ("number", None),
    "categorical_columns": (None, "categorical"),
    "text_columns": ("string", "text"),
    "datetime_columns": ("timestamp", "timestamp"),
}


class _Draft:
    """Roles by column, in the order in which they are named."""

    def __init__(self, name: str) -> None:
        self.contract = Drafted(name)
        self.columns: dict[str, dict[str, Any]] = {}
        self.system: dict[str, Any] = {}
        self.told: list[Told] = []

    def role(self, what: str, column: Any, role: str, logical: str | None = None, kind: str | None = None) -> None:
        """Gives the column a role; `time` and the like take the place of `feature`."""
        if not isinstance(column, str) or not column:
            self.left(what, "it is no name of a column")
            return
        known = self.columns.setdefault(column, {"roles": []})
        if role == "feature" and known["roles"]:
            role = known["roles"][0]  # what it is for is said already, and more exactly
        elif role not in known["roles"]:
            known["roles"] = [role] if known["roles"] in ([], ["feature"]) else [*known["roles"], role]
        if kind:
            known.setdefault("kind", kind)
        attributes = {"logicalType": logical} if logical and not self.contract.type_of(column) else {}
        self.contract.add([Piece(column, attributes=attributes)])
        self.told.append(
            Told(f"{what}: {column}", Became.CARRIED, f"role {role}" + (f", {logical}" if logical else ""))
        )

    def left(self, what: str, why: str) -> None:
        """Something that is not carried."""
        self.told.append(Told(what, Became.NOT_CARRIED, why))


def import_definition(text: str, name: str, number: int | None = None) -> Imported:
    """The definition as columns with roles, and what became of each of its fields.

    Of a program or notebook with several calls it is the first that is written out, and the others are told;
    `number` asks for one of them, from 0.

    Raises
    ------
    NotKnown
        It is no definition.
    """
    definition, beside = _definition(text, number)
    draft = _Draft(identifier(name))
    (_from_mapping if _is_old(definition) else _from_definition)(definition, draft)
    system = {**draft.system, "columns": draft.columns}
    return Imported(SOURCE, draft.contract.document(), (*draft.told, *beside), system)


def _is_old(definition: Mapping[str, Any]) -> bool:
    return bool(set(definition) & (_OLD - _NEW)) and not set(definition) & (_NEW - _OLD)


def _definition(text: str, number: int | None) -> tuple[dict[str, Any], list[Told]]:
    """The fields that are filled in, and the other calls of the same text."""
    calls = calls_in(text)
    if calls:
        return _chosen(calls, number)
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError:
        raise NotKnown("it is neither a Python call DataDefinition(...) nor its fields as JSON or YAML") from None
    return _filled(found), []


def _chosen(calls: list[Call], number: int | None) -> tuple[dict[str, Any], list[Told]]:
    """The call that is asked for, or the first that is written out."""
    why: NotKnown | None = None
    beside: list[Told] = []
    for call in calls if number is None else [calls[number]]:
        try:
            values, unread = call.fields()
            if unread and not values:
                raise NotKnown(next(iter(unread.values())))
            told = [Told(field, Became.NOT_CARRIED, reason) for field, reason in unread.items()]
            return _filled(values), [
                *told,
                *beside,
                *(_another(c) for c in calls if number is None and c.line > call.line),
            ]
        except NotKnown as fault:
            why = why or fault
            beside.append(Told(f"the call in line {call.line}", Became.NOT_CARRIED, str(fault)))
    assert why is not None
    raise why


def _another(call: Call) -> Told:
    how = "one draft is one definition: import it from a file of its own"
    return Told(f"the call in line {call.line}", Became.NOT_CARRIED, how)


def _filled(found: Any) -> dict[str, Any]:
    if found == {}:
        raise NotKnown("it names no column: Evidently would guess from the data, and so does `aims init`")
    if not isinstance(found, dict) or not set(found) & (_OLD | _NEW):
        raise NotKnown("it has none of the fields of a DataDefinition or a ColumnMapping")
    return {key: value for key, value in found.items() if value not in (None, [], {})}


def _from_definition(definition: Mapping[str, Any], draft: _Draft) -> None:
    fields = dict(definition)
    if "id_column" in fields:
        draft.role("id_column", fields.pop("id_column"), "key", "string")
    if "timestamp" in fields:
        draft.role("timestamp", fields.pop("timestamp"), "time", "timestamp")
    for item in _each(fields.pop("classification", ())):
        _classification(item, draft)
    for item in _each(fields.pop("regression", ())):
        _regression(item, draft)
    for key, (logical, kind) in _LISTS.items():
        for column in _each(fields.pop(key, ())):
            draft.role(key, column, "feature", logical, kind)
    for key in sorted(fields):
        draft.left(key, _WHY_NOT.get(key, "it is no field that says what a column is for"))


_WHY_NOT = {
    "ranking": "ranking is out of scope until declared",
    "llm": "language models are out of scope until declared",
    "embeddings": "embeddings are no columns here",
    "numerical_descriptors": "descriptors are computed by Evidently, and are no columns of the data",
    "categorical_descriptors": "descriptors are computed by Evidently, and are no columns of the data",
    "test_descriptors": "descriptors are computed by Evidently, and are no columns of the data",
}


def _each(found: Any) -> list[Any]:
    return list(found) if isinstance(found, list | tuple) else [found]


def _classification(item: Any, draft: _Draft) -> None:
    if not isinstance(item, Mapping) or not isinstance(item.get("target"), str):
        draft.left("classification", "it names no target")
        return
    if item.get("called") == "MulticlassClassification" or isinstance(item.get("prediction_probas"), list | tuple):
        draft.left(f"classification of {item['target']}", "several classes are out of scope until declared")
        return
    if "task" in draft.system:
        draft.left(f"classification of {item['target']}", "one system has one task, and another one comes first")
        return
    draft.system["task"] = "binary_classification"
    draft.role("classification.target", item["target"], "label")
    if item.get("prediction_probas"):
        draft.role("classification.prediction_probas", item["prediction_probas"], "score", "number")
        draft.system["score_is_probability"] = True
    if item.get("prediction_labels"):
        draft.role("classification.prediction_labels", item["prediction_labels"], "prediction")
    if item.get("pos_label") not in (None, 1, True, "1"):
        draft.left("classification.pos_label", "a label is 1 or 0, true or false: map it where the data is made")
    if item.get("name", "default") != "default":
        draft.left("classification.name", "one system has one task, which needs no name")
    if item.get("labels"):
        draft.left("classification.labels", "names of classes are not used")


def _regression(item: Any, draft: _Draft) -> None:
    if not isinstance(item, Mapping) or "task" in draft.system:
        draft.left("regression", "one system has one task, and another one comes first")
        return
    draft.system["task"] = "regression"
    draft.role("regression.target", item.get("target", "target"), "label", "number")
    if item.get("prediction", "prediction") is not None:
        draft.role("regression.prediction", item.get("prediction", "prediction"), "prediction", "number")


_REGRESSION, _CLASSES = "regression", "classification"


def _from_mapping(mapping: Mapping[str, Any], draft: _Draft) -> None:
    """The older `ColumnMapping`: target and prediction stand beside each other, and `task` says what they are."""
    fields = {**mapping}
    renamed = {
        "id_column": fields.pop("id", None),
        "timestamp": fields.pop("datetime", None),
        "numerical_columns": fields.pop("numerical_features", None),
        "categorical_columns": fields.pop("categorical_features", None),
        "text_columns": fields.pop("text_features", None),
        "datetime_columns": fields.pop("datetime_features", None),
    }
    outcome = _outcome_of(fields, draft)
    rest = {key: value for key, value in {**renamed, **outcome, **fields}.items() if value is not None}
    _from_definition(rest, draft)


def _outcome_of(fields: dict[str, Any], draft: _Draft) -> dict[str, Any]:
    """Target and prediction as the newer definition says them; without a task they are roles and no more."""
    target, prediction, task = fields.pop("target", None), fields.pop("prediction", None), fields.pop("task", None)
    if target is not None and task == _REGRESSION:
        return {"regression": [{"target": target, "prediction": prediction}]}
    if target is not None and (task == _CLASSES or "pos_label" in fields or isinstance(prediction, list | tuple)):
        return {"classification": [_classes_of(target, prediction, fields.pop("pos_label", None), draft)]}
    if task is not None:
        draft.left("task", "it needs a target" if task in (_REGRESSION, _CLASSES) else "such a task is out of scope")
    for what, column, role in (("target", target, "label"), ("prediction", prediction, "prediction")):
        if column is not None:
            draft.role(what, column, role)
    return {}


def _classes_of(target: Any, prediction: Any, positive: Any, draft: _Draft) -> dict[str, Any]:
    """Of two columns of probabilities the one of the positive class is the score."""
    if not isinstance(prediction, list | tuple):
        return {"target": target, "prediction_labels": prediction, "pos_label": positive}
    if len(prediction) != 2 or positive not in prediction:
        return {"target": target, "prediction_probas": list(prediction), "pos_label": positive}
    for other in prediction:
        if other != positive:
            draft.left(f"prediction: {other}", "the score is the column of the positive class")
    return {"target": target, "prediction_probas": positive, "pos_label": positive}
