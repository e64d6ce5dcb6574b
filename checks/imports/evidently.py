"""An Evidently data definition as roles of columns: `DataDefinition` of 0.7, and the older `ColumnMapping`.

Read from the Python call that people write in their notebooks (literals only; nothing is run), or from its fields as
JSON or YAML. It says what columns are for and nothing of what they must hold, so the contract has types and no rules.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

import yaml

from checks.imports.carried import Became, Drafted, Imported, NotKnown, Piece, Told, identifier

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
# Which of its own calls a definition may be made of.
_CALLS = frozenset(
    {"DataDefinition", "ColumnMapping", "BinaryClassification", "MulticlassClassification", "Regression", "Recsys"}
)
_DEFAULTS: Mapping[str, Mapping[str, str]] = {
    "BinaryClassification": {"target": "target", "prediction_probas": "prediction"},
    "Regression": {"target": "target", "prediction": "prediction"},
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
            return
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


def import_definition(text: str, name: str) -> Imported:
    """The definition as columns with roles, and what became of each of its fields.

    Raises
    ------
    NotKnown
        It is no definition.
    """
    definition = _definition(text)
    draft = _Draft(identifier(name))
    (_from_mapping if _is_old(definition) else _from_definition)(definition, draft)
    system = {**draft.system, "columns": draft.columns}
    return Imported(SOURCE, draft.contract.document(), tuple(draft.told), system)


def _is_old(definition: Mapping[str, Any]) -> bool:
    return bool(set(definition) & (_OLD - _NEW)) and not set(definition) & (_NEW - _OLD)


def _definition(text: str) -> dict[str, Any]:
    found = _from_call(text)
    if found is None:
        try:
            found = yaml.safe_load(text)
        except yaml.YAMLError:
            raise NotKnown("it is neither a Python call DataDefinition(...) nor its fields as JSON or YAML") from None
    if not isinstance(found, dict) or not set(found) & (_OLD | _NEW):
        raise NotKnown("it has none of the fields of a DataDefinition or a ColumnMapping")
    return {key: value for key, value in found.items() if value not in (None, [], {})}


def _from_call(text: str) -> dict[str, Any] | None:
    """The fields of the first `DataDefinition(...)` or `ColumnMapping(...)` in a Python text; None in any other."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _called(node) in ("DataDefinition", "ColumnMapping"):
            found = _value(node)
            assert isinstance(found, dict)
            return found
    return None


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def _value(node: ast.expr) -> Any:
    """A literal, a list of such, or one of Evidently's own calls as its fields."""
    if isinstance(node, ast.Call) and _called(node) in _CALLS and not node.args:
        fields = {word.arg: _value(word.value) for word in node.keywords if word.arg}
        if _called(node) in ("DataDefinition", "ColumnMapping"):
            return fields
        return {"called": _called(node), **(fields or _DEFAULTS.get(_called(node), {}))}
    if isinstance(node, ast.List | ast.Tuple):
        return [_value(item) for item in node.elts]
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError):
        line = getattr(node, "lineno", 1)
        raise NotKnown(f"line {line} holds something that is not written out; give the value itself") from None


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
    draft.role("regression.prediction", item.get("prediction", "prediction"), "prediction", "number")


def _from_mapping(mapping: Mapping[str, Any], draft: _Draft) -> None:
    """The older `ColumnMapping`: target and prediction stand beside each other, and `task` says what they are."""
    fields = {**mapping}
    task = str(fields.pop("task", "") or "")
    renamed = {
        "id_column": fields.pop("id", None),
        "timestamp": fields.pop("datetime", None),
        "numerical_columns": fields.pop("numerical_features", None),
        "categorical_columns": fields.pop("categorical_features", None),
        "text_columns": fields.pop("text_features", None),
        "datetime_columns": fields.pop("datetime_features", None),
    }
    target, prediction = fields.pop("target", None), fields.pop("prediction", None)
    if target is not None and "regression" in task:
        renamed["regression"] = [{"target": target, "prediction": prediction}]
    elif target is not None and isinstance(prediction, list | tuple):
        renamed["classification"] = [{"target": target, "prediction_probas": list(prediction)}]
    elif target is not None and ("classification" in task or "pos_label" in fields):
        renamed["classification"] = [
            {"target": target, "prediction_labels": prediction, "pos_label": fields.pop("pos_label", None)}
        ]
    else:
        for what, column, role in (("target", target, "label"), ("prediction", prediction, "prediction")):
            if column is not None:
                draft.role(what, column, role)
    rest = {key: value for key, value in {**renamed, **fields}.items() if value is not None}
    _from_definition(rest, draft)
