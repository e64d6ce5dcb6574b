"""Do rows of the reference come again in a batch? Then the batch is in part compared with itself, and moves less.

Decided here: which rows are certainly the same. A key names a row, so one key on both sides is one row sent twice.
Without a key only a whole reference batch that is sent again under other times can be told from chance. Counts leave
this file, never a key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from checks.sql_text import quoted_name

if TYPE_CHECKING:
    import duckdb

# Distinct rows from which two batches that agree in the count of each are one: where each count agrees by chance in
# at most every other batch, forty do so once in 10^12.
TELLING = 40


@dataclass(frozen=True, slots=True)
class Overlap:
    """Rows of the batch that are in the reference; None where that could not be looked at."""

    rows: int | None
    reason: str


def overlap(
    connection: duckdb.DuckDBPyConnection, batch: Path, reference: Mapping[str, Path], key: str | None, time: str
) -> Overlap:
    """Rows of a landed batch that are in the reference, by their `key`, or but for their `time` as a whole batch.

    Parameters
    ----------
    reference : mapping of batch to its landed Parquet file
    """
    rows = _count(connection, "SELECT count(*) FROM read_parquet(?)", [str(batch)])
    if key is not None:
        name, files = quoted_name(key), [str(path) for path in reference.values()]
        query = f"SELECT count(*) FROM read_parquet(?) WHERE {name} IN (SELECT {name} FROM read_parquet(?))"
        known = _count(connection, query, [str(batch), files])
        return Overlap(known, f"{known} of {rows} rows have a key that is in the reference")
    for name, path in reference.items():
        if _is_copy(connection, batch, path, time, rows):
            return Overlap(rows, f"all {rows} rows are those of {name} in the reference, but for their time")
    return Overlap(0, "no key is declared: only a whole batch of the reference sent again would have been seen")


def _is_copy(connection: duckdb.DuckDBPyConnection, one: Path, other: Path, time: str, rows: int) -> bool:
    """Whether both files hold the same rows, as often, when the time is left out."""
    mine, theirs = (_columns(connection, path, time) for path in (one, other))
    if not mine or mine != theirs or _count(connection, "SELECT count(*) FROM read_parquet(?)", [str(other)]) != rows:
        return False
    chosen = f"SELECT {', '.join(map(quoted_name, mine))} FROM read_parquet(?)"
    distinct = f"SELECT count(*) FROM (SELECT DISTINCT * FROM ({chosen}) LIMIT {TELLING})"
    if _count(connection, distinct, [str(one)]) < TELLING:
        return False
    return not _count(connection, f"SELECT count(*) FROM ({chosen} EXCEPT ALL {chosen})", [str(one), str(other)])


def _columns(connection: duckdb.DuckDBPyConnection, path: Path, time: str) -> list[str]:
    found = connection.execute("SELECT * FROM read_parquet(?) LIMIT 0", [str(path)]).description or []
    return sorted(column[0] for column in found if column[0] != time)


def _count(connection: duckdb.DuckDBPyConnection, query: str, parameters: list[str | list[str]]) -> int:
    found = connection.execute(query, parameters).fetchone()
    assert found is not None
    return int(found[0])
