"""Expressions over the columns of one row, as declared: whether they say what can be carried out, and nothing else.

An expression is taken apart by the engine's own parser and let through piece by piece: columns, constants, comparisons,
CASE, CAST, and functions from a list. So there is no other table, no subquery, no file, no clock and no chance in it,
and the same rows give the same result. No data is read here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from checks.rules import DUCKDB_TYPES
from checks.sql_text import quoted_name

_SIGNS = ("+", "-", "*", "/", "//", "%", "^", "**", "||", "&", "|", "<<", ">>", "~~", "!~~", "~~*", "!~~*")
_OTHERS = """
    abs ceil ceiling floor round sign sqrt cbrt exp ln log log10 log2 pow power mod isnan isfinite isinf
    greatest least nullif ifnull if
    lower upper trim ltrim rtrim length strlen substring substr left right replace lpad rpad concat concat_ws
    contains starts_with ends_with prefix suffix strip_accents split_part position instr
    regexp_matches regexp_full_match regexp_replace regexp_extract
    strftime strptime try_strptime make_date date_part datepart date_trunc datetrunc date_diff datediff
    year month day quarter week isodow dayofweek dayofyear hour minute second
    to_years to_months to_weeks to_days to_hours to_minutes to_seconds
"""
FUNCTIONS = frozenset((*_SIGNS, *_OTHERS.split()))
"""Functions that look at their arguments and at nothing else: no file, no clock, no setting, no chance."""
_PIECES = frozenset({"COLUMN_REF", "CONSTANT", "COMPARISON", "CONJUNCTION", "OPERATOR", "CAST", "CASE", "BETWEEN"})
_TABLE = "rows"


class ExpressionFault(ValueError):
    """An expression that cannot be carried out on a row. One sentence says why; it quotes the declaration at most."""


def typed(expression: str, columns: Mapping[str, str]) -> str:
    """The engine's type of an expression over these columns (name → logical type).

    Raises
    ------
    ExpressionFault
        It is none, names what is not there, or does more than look at its row.
    """
    import duckdb

    with duckdb.connect(":memory:", config={"enable_external_access": "false"}) as connection:
        pieces = _pieces(expression, connection)
        for problem in _problems(pieces, columns):
            raise ExpressionFault(problem)
        declared = ", ".join(f"{quoted_name(name)} {DUCKDB_TYPES[kind]}" for name, kind in columns.items())
        connection.execute(f"CREATE TABLE {_TABLE} ({declared or 'nothing INTEGER'})")
        try:
            found = connection.execute(f"DESCRIBE SELECT ({expression}\n) AS value FROM {_TABLE}").fetchone()
        except duckdb.Error as error:
            raise ExpressionFault(f"does not fit the types of its columns ({type(error).__name__}).") from None
    assert found is not None
    return str(found[1])


def columns_in(expression: str) -> tuple[str, ...]:
    """The columns that an expression names, each once, in order.

    Raises
    ------
    ExpressionFault
        It is none.
    """
    import duckdb

    with duckdb.connect(":memory:") as connection:
        found = [".".join(piece["column_names"]) for piece in _pieces(expression, connection) if _is_column(piece)]
    return tuple(dict.fromkeys(found))


def literal_fits(value: object, logical: str) -> bool:
    """Whether a declared constant can stand in a column of this type, as itself."""
    import duckdb

    if logical in ("integer", "number"):
        whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        return not isinstance(value, bool) and isinstance(value, int | float) and (logical == "number" or whole)
    if logical == "boolean":
        return isinstance(value, bool)
    if not isinstance(value, str):
        return False
    with duckdb.connect(":memory:") as connection:
        found = connection.execute(f"SELECT TRY_CAST(? AS {DUCKDB_TYPES[logical]}) IS NOT NULL", [value]).fetchone()
    return bool(found and found[0])


def _pieces(expression: str, connection: Any) -> list[dict[str, Any]]:
    """Every piece of the expression, the whole first; it must be the only thing that the query around it selects."""
    whole = _parsed(expression, connection)
    plain = _parsed("1", connection)
    if len(whole) != 1 or len(plain) != 1:
        raise ExpressionFault("is more than one expression.")
    (asked,), (around,) = whole, plain
    if _without_list(asked) != _without_list(around) or len(asked["node"]["select_list"]) != 1:
        raise ExpressionFault("is more than one expression.")
    return list(_walk(asked["node"]["select_list"]))


def _parsed(expression: str, connection: Any) -> list[dict[str, Any]]:
    query = f"SELECT ({expression}\n) AS value FROM {_TABLE}"
    found = json.loads(connection.execute("SELECT json_serialize_sql(?)", [query]).fetchone()[0])
    if found["error"]:
        raise ExpressionFault("is no expression that the engine can read.")
    return list(found["statements"])


def _without_list(statement: dict[str, Any]) -> Any:
    node = {key: value for key, value in statement["node"].items() if key != "select_list"}
    return _without_places({**statement, "node": node})


def _without_places(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_places(item) for key, item in value.items() if key != "query_location"}
    return [_without_places(item) for item in value] if isinstance(value, list) else value


def _walk(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if "class" in value:
            yield value
        for item in value.values():
            yield from _walk(item)
    elif isinstance(value, list):
        for item in value:
            yield from _walk(item)


def _is_column(piece: dict[str, Any]) -> bool:
    return bool(piece["class"] == "COLUMN_REF")


def _problems(pieces: list[dict[str, Any]], columns: Mapping[str, str]) -> Iterator[str]:
    for piece in pieces:
        if _is_column(piece):
            name = ".".join(piece["column_names"])
            if name not in columns:
                yield f"names {name!r}, which is no column at this step."
        elif piece["class"] == "FUNCTION":
            name = str(piece["function_name"]).lower()
            if name not in FUNCTIONS:
                yield f"calls {name}(), which is not on the list of functions that only look at their row."
        elif piece["class"] not in _PIECES:
            yield f"holds a {str(piece['class']).lower().replace('_', ' ')}; only its own row may be looked at."
