"""Queries of a contract that stand for what the standard's library of metrics has no name for.

A query answers one number: rows that offend, or their share in per cent where some may. NaN counts as missing, as it
does in a contract's other rules.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from checks.imports.carried import CannotCarry

# Words that the compiler fills in; a text that holds one would be changed.
_FILLED_IN = re.compile(r"\{(table|object|schema|model|column|property|field)\}")
TABLE = "${object}"


def name(column: str) -> str:
    """A column's name, quoted."""
    return '"' + _untouched(column).replace('"', '""') + '"'


def literal(value: Any) -> str:
    """A text, number or truth as it is written in a query."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float | Decimal):
        return repr(value)
    if isinstance(value, str):
        return "'" + _untouched(value).replace("'", "''") + "'"
    raise CannotCarry(f"a {type(value).__name__} is no value that a query can hold")


def listed(values: Iterable[Any]) -> str:
    """Values in brackets."""
    return "(" + ", ".join(map(literal, values)) + ")"


def present(column: str) -> str:
    """Whether a value is there and is no NaN, whatever the column's type."""
    return f"({name(column)} IS NOT NULL AND lower(CAST({name(column)} AS STRING)) <> 'nan')"


def number(column: str) -> str:
    """The value as a number, NULL where it is none.

    Not `nullif(x, NaN)`: DuckDB 1.5 believes a Parquet file's statistics, which leave NaN out, and finds none.
    """
    value = f"CAST({name(column)} AS DOUBLE)"
    return f"CASE WHEN NOT isnan({value}) THEN {value} END"


def offending(bad: str, looked_at: str, mostly: Decimal | None, **told: Any) -> dict[str, Any]:
    """A rule on the rows that are looked at: none may be bad, or no more than the share that `mostly` leaves."""
    rows = f"count(*) FILTER (WHERE {looked_at} AND ({bad}))"
    if mostly is None:
        return {**told, "type": "sql", "query": f"SELECT {rows} FROM {TABLE}", "mustBe": 0}
    share = f"CAST(100 * {rows} AS DOUBLE) / count(*) FILTER (WHERE {looked_at})"
    return {
        **told,
        "type": "sql",
        "query": f"SELECT {share} FROM {TABLE}",
        "mustBeLessOrEqualTo": percent_left(mostly),
    }


def percent_left(mostly: Decimal) -> int | float:
    """How many per cent may offend where `mostly` of the rows must not: exact in the decimals that were written."""
    left = 100 - 100 * mostly
    return int(left) if left == left.to_integral_value() else float(left)


def demands(low: Any, high: Any, strict_low: bool = False, strict_high: bool = False) -> list[dict[str, Any]]:
    """What is demanded of one number: one operator where it can be said so, else two."""
    for limit in (low, high):
        if isinstance(limit, bool) or not isinstance(limit, int | float | None):
            raise CannotCarry(f"a limit must be a number, got a {type(limit).__name__}")
    if low is None and high is None:
        raise CannotCarry("it has no limit")
    if low is not None and high is not None and not strict_low and not strict_high:
        return [{"mustBeBetween": [low, high]}]
    found: list[dict[str, Any]] = []
    if low is not None:
        found.append({"mustBeGreaterThan" if strict_low else "mustBeGreaterOrEqualTo": low})
    if high is not None:
        found.append({"mustBeLessThan" if strict_high else "mustBeLessOrEqualTo": high})
    return found


def _untouched(text: str) -> str:
    if _FILLED_IN.search(text):
        raise CannotCarry("it holds a word in braces that a contract's query fills in")
    return text
