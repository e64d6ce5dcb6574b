"""DuckDB as landing uses it: how it is opened, how names and texts stand in SQL, how its errors are told.

The text of an error is never passed on: it can quote a row.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from assets.source.refusals import Held
from checks.sql_text import quoted_text
from governance.faults import UsageFault


@contextmanager
def engine(scratch: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that reads times with a zone as UTC, spills into `scratch`, and fetches nothing from the network."""
    with duckdb.connect() as connection:
        connection.execute(f"SET temp_directory = {quoted_text(str(scratch / 'spill'))}")
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET autoinstall_known_extensions = false")
        yield connection


def quoted_path(path: Path) -> str:
    """A file's path as SQL, naming that file alone: DuckDB takes `a[1].csv` for a pattern that means `a1.csv`."""
    return quoted_text(re.sub(r"([*?\[])", r"[\1]", str(path)))


def kind_of(error: Exception) -> str:
    """The error's kind, and the line where there is one."""
    line = re.search(r"Line:? (\d+)", str(error))
    return f"{type(error).__name__}{f', line {line[1]}' if line else ''}"


def unreadable(error: duckdb.Error) -> Held:
    """What to say of a source that breaks off, or turns into something else, while it is read."""
    return Held(f"The file cannot be read to its end ({kind_of(error)}). Send it again, whole.")


def write_parquet(connection: duckdb.DuckDBPyConnection, query: str, target: Path) -> int:
    """Writes the query's rows to `target`, as a stream. Returns how many.

    Raises
    ------
    Held
        The source cannot be read to its end.
    UsageFault
        The target cannot be written.
    """
    try:
        written = connection.execute(
            f"COPY ({query}) TO {quoted_text(str(target))} (FORMAT parquet, COMPRESSION zstd)"
        ).fetchone()
    except duckdb.Error as error:
        full = (
            target.name in str(error) or "No space left" in str(error) or isinstance(error, duckdb.OutOfMemoryException)
        )
        if full:
            what = f"The lake cannot be written: {type(error).__name__}. Make room, then run again."
            raise UsageFault(what) from None
        raise unreadable(error) from None
    return int(written[0]) if written else 0
