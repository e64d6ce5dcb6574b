"""A Great Expectations suite as a contract (files of 1.x, and of 0.x with `expectation_suite_name`).

Which expectation becomes which rule stands in `expectation_rules`. `mostly` is carried exactly, as the per cent that
may offend; `severity` becomes the contract's. What has no counterpart is told by name. Great Expectations is not
imported.

Known differences: where a column holds nothing at all, Great Expectations calls an expectation met and a rule here
says that there was nothing to look at; rows with a NULL among columns that are unique together are looked at as its
database engines do; a query that another than DuckDB answers may know other functions.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from checks.imports.carried import Became, CannotCarry, Drafted, Imported, NotKnown, Piece, Told, identifier, mapping
from checks.imports.expectation_rules import HANDLERS, WHY_NOT, Answer, Asked

SOURCE = "Great Expectations suite"
# How a run is to report, which says nothing of the data.
_ABOUT_THE_RUN = frozenset(
    {"result_format", "catch_exceptions", "include_config", "batch_id", "auto", "profiler_config", "meta"}
)
_SEVERITIES = {"critical": "error", "warning": "warning", "info": "info"}


def import_suite(text: str) -> Imported:
    """The suite as a contract, and what became of each expectation.

    Raises
    ------
    NotKnown
        It is no suite.
    """
    suite = _suite(text)
    name = identifier(str(suite.get("name") or suite.get("expectation_suite_name")))
    contract = Drafted(name)
    wanted = list(suite["expectations"])
    # Types first: what is known of a column need not be guessed from the limits of another expectation.
    order = sorted(range(len(wanted)), key=lambda i: "type" not in _type_name(wanted[i]).split("expect_column_")[-1])
    told: dict[int, list[Told]] = {i: list(_take_in(wanted[i], i, contract)) for i in order}
    beside = [Told(f"{key} of the suite", Became.NOT_CARRIED, "says nothing of the data") for key in _beside(suite)]
    return Imported(SOURCE, contract.document(), (*(t for i in sorted(told) for t in told[i]), *beside))


def _suite(text: str) -> dict[str, Any]:
    try:
        suite = json.loads(text)
    except ValueError:
        raise NotKnown("it is no JSON; a suite is the file below gx/expectations/") from None
    known = isinstance(suite, dict) and ("name" in suite or "expectation_suite_name" in suite)
    if not known or not isinstance(suite.get("expectations"), list):
        raise NotKnown("it has no `expectations` with a `name` (1.x) or `expectation_suite_name` (0.x)")
    if not all(isinstance(item, dict) and _type_name(item) for item in suite["expectations"]):
        raise NotKnown("an item of `expectations` has no `type` (1.x) or `expectation_type` (0.x)")
    for item in suite["expectations"]:
        mapping(item.get("kwargs"), "kwargs")
        mapping(item.get("meta"), "meta")
    mapping(suite.get("meta"), "meta")
    found: dict[str, Any] = suite
    return found


def suite_named_by(text: str) -> tuple[str, str] | None:
    """What a checkpoint or a validation definition of 1.x is made of: the kind of file and its name, or None."""
    try:
        document = json.loads(text)
    except ValueError:
        return None
    if not isinstance(document, dict):
        return None
    suite, definitions = document.get("suite"), document.get("validation_definitions")
    if isinstance(suite, dict) and isinstance(suite.get("name"), str):
        return "expectations", suite["name"]
    if isinstance(definitions, list) and len(definitions) == 1 and isinstance(definitions[0], dict):
        name = definitions[0].get("name")
        return ("validation_definitions", name) if isinstance(name, str) else None
    return None


def _beside(suite: Mapping[str, Any]) -> Iterator[str]:
    known = {"name", "expectation_suite_name", "expectations", "id", "ge_cloud_id", "data_asset_type"}
    for key in sorted(set(suite) - known):
        value = suite[key]
        if value and not (key == "meta" and set(value) <= {"great_expectations_version"}):
            yield key


def _type_name(item: Mapping[str, Any]) -> str:
    return str(item.get("type") or item.get("expectation_type") or "")


def _take_in(item: Mapping[str, Any], index: int, contract: Drafted) -> Iterator[Told]:
    kind, arguments = _type_name(item), dict(item.get("kwargs") or {})
    of = arguments.get("column") or arguments.get("column_A") or "table"
    what = f"{index + 1}. {kind} ({of})"
    severity = _SEVERITIES.get(str(item.get("severity") or "critical"), "")
    about = _about(item, kind, severity)
    asked = Asked(kind, arguments, severity, about, contract)
    try:
        if not severity:
            raise CannotCarry(f"severity {item.get('severity')!r} is not known")
        pieces = _answer(asked)
        known = {name for name, column in contract.columns.items() if "logicalType" in column}
        contract.add(pieces)
    except CannotCarry as why:
        yield Told(what, Became.NOT_CARRIED, str(why))
    else:
        partly = Became.PARTLY if asked.notes else Became.CARRIED
        guessed = [f"{p.column} is taken for {p.type}" for p in pieces if p.type and p.column and p.column not in known]
        yield Told(what, partly, "; ".join(dict.fromkeys([*map(_said, pieces), *asked.notes, *guessed])))
        if "description" in about and not any(piece.quality for piece in pieces):
            yield Told(f"{what}: meta notes", Became.NOT_CARRIED, "what a column itself promises holds no note")
    meta = item.get("meta") or {}
    left = sorted(set(meta) - {"notes"})
    if left:
        yield Told(f"{what}: meta {', '.join(left)}", Became.NOT_CARRIED, "says nothing of the data")


def _answer(asked: Asked) -> Answer:
    if asked.type in WHY_NOT:
        raise CannotCarry(WHY_NOT[asked.type])
    if asked.type not in HANDLERS:
        raise CannotCarry("it has no counterpart in the standard")
    if asked.take("row_condition") is not None:
        raise CannotCarry("it looks at some rows only (row_condition): write a query")
    asked.take("condition_parser")
    pieces = HANDLERS[asked.type](asked)
    left = sorted(k for k, v in asked.arguments.items() if v is not None and k not in _ABOUT_THE_RUN)
    if asked.take("mostly", 1) == 1 and "mostly" in left:
        left.remove("mostly")
    if left:
        raise CannotCarry(f"its argument {left[0]} has no counterpart")
    return pieces


def _about(item: Mapping[str, Any], kind: str, severity: str) -> dict[str, Any]:
    """What is said of a rule beside its demand."""
    notes = item.get("notes") or (item.get("meta") or {}).get("notes")
    if isinstance(notes, Mapping):
        notes = notes.get("content")
    lines = notes if isinstance(notes, list) else [notes]
    text = " ".join(str(line) for line in lines if line) or item.get("description")
    about: dict[str, Any] = {"name": kind.removeprefix("expect_")}
    if severity in ("warning", "info"):
        about["severity"] = severity
    return about | ({"description": str(text)} if text else {})


def _said(piece: Piece) -> str:
    if piece.quality is None:
        return ", ".join(str(key) for key in piece.attributes) or f"{piece.column} is a column of the contract"
    return str(piece.quality.get("metric") or "a query")
