"""Functions of a text for the engine, such as whether it stands on a list of keyed digests."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import duckdb
from duckdb.func import ARROW

from assets.persons.keyring import suppression


def text_function(
    connection: duckdb.DuckDBPyConnection, name: str, function: Callable[[str], Any], returns: str
) -> None:
    """A function of a text for the engine, called for a vector of rows at a time; NULL stays NULL."""
    import pyarrow as pa

    kind = pa.bool_() if returns == "BOOLEAN" else pa.string()

    def of_vector(values: Any) -> Any:
        known: dict[str, Any] = {}
        made = []
        for value in values.to_pylist():
            if value is not None and value not in known:
                known[value] = function(value)
            made.append(None if value is None else known[value])
        return pa.array(made, kind)

    connection.create_function(name, of_vector, ["VARCHAR"], returns, type=ARROW)


def listed_function(
    connection: duckdb.DuckDBPyConnection, name: str, key: str, system: str, column: str, known: Collection[str]
) -> None:
    """A function that tells whether a value of this column of the system stands on a list of keyed digests."""
    text_function(connection, name, lambda value: suppression(key, system, column, value) in known, "BOOLEAN")
