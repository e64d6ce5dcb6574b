"""Suites: an expectation that the standard has a rule for must come out of the compiled contract as it went in, with
the same type, arguments, share and severity; one that became a query must have Great Expectations' own verdict on
rows made from its limits.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml

from checks.contract import compile_rules, read_contract
from checks.imports.carried import Became, Imported, NotKnown, Told
from checks.imports.great_expectations import import_suite
from tests.peers.going_back import back, plain
from tests.peers.made_rows import Peer, of_columns, samples, we_say
from tests.peers.parts import lost
from tests.peers.trip import Trip

SILENT = frozenset(["id", "ge_cloud_id", "data_asset_type", "great_expectations_version", "format"]) | {
    "result_format",
    "catch_exceptions",
    "include_config",
    "batch_id",
}
"""Keys of a suite that say nothing of the data: identifiers, the writer's version, how a run is to report."""


class Suites:
    """Suites, each expectation tried once however many files hold it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.peer: Peer | None = None  # Great Expectations takes seconds to start
        self.tried: dict[str, tuple[list[str], list[str], int]] = {}

    def trip(self, text: str) -> Trip:
        """The whole suite is imported; then each of its expectations alone is brought back."""
        trip, suite = Trip(), json.loads(text)
        try:
            imported = import_suite(text)
        except NotKnown as why:
            trip.items, trip.refused = len(suite["expectations"]), str(why)
            return trip
        about = [told for told in imported.told if told.what[0].isdigit() and ": meta " not in told.what]
        for told in about:
            trip.count(told)
        if len(about) != len(suite["expectations"]):
            trip.lost.append(f"{len(suite['expectations'])} expectations, and a word about {len(about)}")
        trip.lost += lost({**suite, "expectations": []}, _read_suite, SILENT)
        compile_rules(read_contract(yaml.safe_dump(imported.contract, sort_keys=False)))
        for item in suite["expectations"]:
            self._item(item, trip)
        return trip

    def _item(self, item: dict[str, Any], trip: Trip) -> None:
        key = json.dumps({k: v for k, v in item.items() if k != "id"}, sort_keys=True)
        if key not in self.tried:
            self.tried[key] = self._tried(item)
        gone, unequal, asked = self.tried[key]
        trip.lost += gone
        trip.unequal += unequal
        trip.asked += asked
        trip.equal += not unequal and _first(item).became is not Became.NOT_CARRIED

    def _tried(self, item: dict[str, Any]) -> tuple[list[str], list[str], int]:
        if _first(item).became is Became.NOT_CARRIED:
            return [], [], 0
        kind = item.get("type") or item["expectation_type"]
        gone = [f"{kind}: {path}" for path in lost(item, _read_item, SILENT)]
        unequal, asked = self._back(item)
        return gone, [f"{kind}: {what}" for what in unequal], asked

    def _back(self, item: dict[str, Any]) -> tuple[list[str], int]:
        kind, kwargs = plain(item.get("type") or item["expectation_type"], item["kwargs"])
        severity = item.get("severity") or "critical"
        rules = compile_rules(read_contract(yaml.safe_dump(_read_item(item).contract)))
        wanted = [rule for rule in rules if rule.kind not in ("present", "type")]
        if any(rule.blocking != (severity == "critical") for rule in wanted):
            return ["another severity"], 0
        if "type" in kind.removeprefix("expect_column"):
            came = [rule.logical_type for rule in rules if rule.kind == "type"]
            went = _kind_of(item["kwargs"].get("type_list") or [item["kwargs"]["type_"]])
            return ([] if came == [went] else [f"{went} came back as {came}"]), 0
        if any(rule.kind == "query" for rule in wanted):
            return self._verdicts(item)
        found = [plain(*one) for rule in wanted if (one := back(rule))]
        return ([] if _same(found, (kind, kwargs)) else [f"came back as {found}"]), 0

    def _verdicts(self, item: dict[str, Any]) -> tuple[list[str], int]:
        kind = item.get("type") or item["expectation_type"]
        kwargs = {k: v for k, v in item["kwargs"].items() if v is not None and k not in SILENT}
        unequal, asked, imported = [], 0, _read_item(item)
        self.peer = self.peer or Peer()
        for rows in samples((kind, kwargs)):
            theirs = self.peer.says((kind, kwargs), rows)
            if theirs is None:
                continue
            ours = we_say(imported, rows, self.folder, about_columns=of_columns(kind))
            asked += 1
            if ours != theirs:
                unequal.append(f"{theirs} there and {ours} here, on rows made from {kwargs}")
        return unequal[:1], asked


_KINDS = {
    "integer": r"int|long|serial|short|byte",
    "number": r"float|double|decimal|numeric|number|real",
    "string": r"str|char|text",
    "boolean": r"bool",
    "timestamp": r"timestamp|datetime",
    "date": r"date",
}


def _kind_of(names: list[str]) -> str:
    """What the names of types have in common, by how they sound; whole numbers among others are numbers."""
    kinds = {next(kind for kind, sound in _KINDS.items() if re.search(sound, name.lower())) for name in names}
    return "number" if kinds == {"integer", "number"} else "/".join(sorted(kinds))


def _same(found: list[Any], wanted: tuple[str, dict[str, Any]]) -> bool:
    """One rule as it was, or the several patterns that one expectation held."""
    kind, kwargs = wanted
    if kind == "expect_column_values_to_match_regex_list":
        return sorted(one[1]["regex"] for one in found) == sorted(kwargs["regex_list"])
    if kind.startswith("expect_table_row_count") and len(found) > 1:
        return {key: value for one in found for key, value in one[1].items()} == kwargs
    return found == [wanted]


def _read_suite(suite: Any) -> Imported:
    return import_suite(json.dumps(suite))


def _read_item(item: Any) -> Imported:
    return import_suite(json.dumps({"name": "alone", "expectations": [item]}))


def _first(item: Any) -> Told:
    return _read_item(item).told[0]
