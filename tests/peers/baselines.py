"""Baselines of Model Monitor: rows that stand exactly at a constraint must meet the rule that it became, and one row
more must break that rule and no other. What the documentation says of each check is reckoned here on the rows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from checks.contract import read_contract
from checks.expectations import RuleOutcome, check_contract
from checks.imports.carried import Became, Imported, NotKnown
from checks.imports.sagemaker import import_constraints, import_statistics, is_statistics
from tests.peers.parts import lost
from tests.peers.trip import Trip

ROWS = 1000
SILENT = frozenset({"version"})
_VALUES = {"Integral": (7, 0.5), "Fractional": (0.5, "text"), "String": ("text", 7), "Unknown": ("text", 7)}
"""A value of each type, and one of another; Model Monitor takes a whole number for a fraction, too."""


def baseline_trip(text: str, folder: Path) -> Trip:
    """Constraints are asked of rows; of statistics, which ask for nothing, every part is accounted for."""
    trip = Trip()
    try:
        of_statistics = is_statistics(text)
        imported = (import_statistics if of_statistics else import_constraints)(text, "published")
    except NotKnown as why:
        trip.items, trip.refused = 1, str(why)
        return trip
    for told in imported.told:
        trip.count(told)
    trip.lost += lost(json.loads(text), _read, SILENT)
    if of_statistics:
        trip.equal = trip.carried + trip.partly
        return trip
    document = json.loads(text)
    good = {feature["name"]: _good(feature) for feature in document.get("features", ())}
    for feature in document.get("features", ()):
        _feature(feature, document.get("monitoring_config") or {}, imported, trip, folder, good)
    trip.equal += len([t for t in imported.told if t.became is not Became.NOT_CARRIED and ": " not in t.what])
    return trip


def _read(document: Any) -> Imported:
    text = json.dumps(document)
    return (import_statistics if is_statistics(text) else import_constraints)(text, "published")


def _feature(
    feature: dict[str, Any],
    config: dict[str, Any],
    imported: Imported,
    trip: Trip,
    folder: Path,
    good: dict[str, list[Any]],
) -> None:
    of = feature["name"]
    carried = {told.what for told in imported.told if told.became is not Became.NOT_CARRIED}
    met = _outcomes(imported, good, folder)
    broken = [name for name, outcome in met.items() if name.startswith(f"{of}: ") and outcome is not RuleOutcome.MET]
    if broken:
        trip.unequal.append(f"{broken} of rows that meet {of}")
    for what, rule, break_it in _ways(feature, config):
        if f"{of}: {what}" not in carried:
            continue
        found = _outcomes(imported, {**good, of: break_it(good[of])}, folder)
        unmet = [name for name, outcome in found.items() if outcome is RuleOutcome.UNMET]
        trip.asked += 1
        if unmet == [f"{of}: {rule}"]:
            trip.equal += 1
        else:
            trip.unequal.append(f"{of}: {what} was broken, and unmet are {unmet}")


def _good(feature: dict[str, Any]) -> list[Any]:
    """Rows exactly at the constraints: as many missing as may be, a domain's own values, nothing below zero."""
    domain = (feature.get("string_constraints") or {}).get("domains")
    value = domain[0] if domain else _VALUES[feature.get("inferred_type", "Unknown")][0]
    missing = _may_offend(feature.get("completeness", 1), ROWS)
    return [None] * missing + [value] * (ROWS - missing)


def _may_offend(share: float, rows: int) -> int:
    return int((1 - Decimal(str(share))) * rows)


def _ways(
    feature: dict[str, Any], config: dict[str, Any]
) -> Iterator[tuple[str, str, Callable[[list[Any]], list[Any]]]]:
    """Each constraint, the rule that it is, and rows that break it by one."""
    if feature.get("inferred_type") in ("Integral", "Fractional", "String"):
        other = _VALUES[feature["inferred_type"]][1]
        yield "inferred_type", "type", lambda rows: [None if value is None else other for value in rows]
    if feature.get("completeness") is not None:
        rule = "required" if feature["completeness"] == 1 else "completeness"
        yield "completeness", rule, lambda rows: [None, *(v for v in rows if v is None), *_given(rows)[1:]]
    if (feature.get("num_constraints") or {}).get("is_non_negative"):
        yield "is_non_negative", "range", lambda rows: [*rows[:-1], -1 * rows[-1]]
    if (feature.get("string_constraints") or {}).get("domains"):
        share = config.get("domain_content_threshold", 1)
        yield "domains", "domain", lambda rows: _outside(rows, _may_offend(share, len(_given(rows))) + 1)


def _given(rows: list[Any]) -> list[Any]:
    return [value for value in rows if value is not None]


def _outside(rows: list[Any], count: int) -> list[Any]:
    return [*rows[:-count], *["of no domain"] * count]


def _outcomes(imported: Imported, rows: dict[str, list[Any]], folder: Path) -> dict[str, RuleOutcome]:
    contract = read_contract(yaml.safe_dump(imported.contract))
    pq.write_table(pa.table(rows), folder / "rows.parquet")
    return {result.rule: result.outcome for result in check_contract(contract, folder / "rows.parquet")}
