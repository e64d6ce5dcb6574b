"""Definitions: out of the roles and types that were drafted must come the definition with the same columns in the same
places. A column that is a target or a time besides is looked for there, and may be missing among the features.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from checks.contract import compile_rules, read_contract
from checks.imports.carried import Became, Imported, NotKnown
from checks.imports.evidently import import_definition
from checks.imports.written_out import calls_in
from tests.peers.parts import lost
from tests.peers.trip import Trip

_NEW_NAMES = {
    "id": "id_column",
    "datetime": "timestamp",
    "numerical_features": "numerical_columns",
    "categorical_features": "categorical_columns",
    "text_features": "text_columns",
    "datetime_features": "datetime_columns",
}
_OUTCOMES = ("target", "prediction", "prediction_labels", "prediction_probas")
_LISTS = ("numerical_columns", "categorical_columns", "text_columns", "datetime_columns")
SILENT = frozenset({"called"})
Places = dict[str, set[str]]


def definition_trip(text: str) -> Trip:
    """Each call of the text is a document of its own; one that is not written out is refused."""
    trip = Trip()
    for number, call in enumerate(calls_in(text)):
        try:
            imported = import_definition(text, "published", number)
            fields, _ = call.fields()
        except NotKnown as why:
            trip.items += 1
            trip.not_carried["the call: " + _without_line(str(why))] += 1
            continue
        _one(fields, imported, trip)
    return trip


def _without_line(why: str) -> str:
    return why.split(" holds ")[-1] if why.startswith("line ") else why


def _one(fields: dict[str, Any], imported: Imported, trip: Trip) -> None:
    for told in imported.told:
        if not told.what.startswith("the call in line"):
            trip.count(told)
    compile_rules(read_contract(yaml.safe_dump(imported.contract, sort_keys=False)))
    trip.lost += lost(fields, lambda document: import_definition(yaml.safe_dump(document), "published"), SILENT)
    went, came = _asked(fields, imported), _drafted(imported)
    outcomes = went["label"] | went["outcome"] | went["id_column"] | went["timestamp"]
    for place, columns in went.items():
        if columns - (outcomes if place in _LISTS else set()) != came[place] - (outcomes if place in _LISTS else set()):
            trip.unequal.append(f"{place}: {sorted(columns)} came back as {sorted(came[place])}")
    trip.equal += len([told for told in imported.told if told.became is not Became.NOT_CARRIED])


def _asked(fields: dict[str, Any], imported: Imported) -> Places:
    """Columns by their place, without those of which it is said that they are not carried."""
    left = {told.what for told in imported.having(Became.NOT_CARRIED)}
    named = {_NEW_NAMES.get(key, key): value for key, value in fields.items()}
    places: Places = {key: set(_each(named.get(key))) for key in ("id_column", "timestamp", *_LISTS)}
    places["label"], places["outcome"] = set(), set()
    tasks = [task for key in ("classification", "regression") for task in _each(named.get(key)) if key not in left]
    for task in [*tasks, *([named] if "target" in named or "prediction" in named else [])]:
        if f"classification of {task.get('target')}" in left:
            continue
        for key in _OUTCOMES:
            left_out = {column for column in _each(task.get(key)) if f"{key}: {column}" in left}
            places["label" if key == "target" else "outcome"] |= set(_each(task.get(key))) - left_out
    return places


def _each(found: Any) -> Iterator[Any]:
    if found is not None:
        yield from found if isinstance(found, list | tuple) else [found]


def _drafted(imported: Imported) -> Places:
    """Columns by the place that their role and type give them."""
    types = {prop["name"]: prop.get("logicalType") for prop in imported.contract["schema"][0]["properties"]}
    places: Places = {key: set() for key in ("id_column", "timestamp", "label", "outcome", *_LISTS)}
    of_role = {"key": "id_column", "time": "timestamp", "label": "label", "score": "outcome", "prediction": "outcome"}
    of_kind = {"categorical": "categorical_columns", "text": "text_columns", "timestamp": "datetime_columns"}
    for name, column in imported.system["columns"].items():
        for role in column["roles"]:
            place = of_role.get(role) or of_kind.get(column.get("kind", ""))
            places[place or "numerical_columns"].add(name)
        if types[name] == "number" and "feature" in column["roles"]:
            places["numerical_columns"].add(name)
    return places
