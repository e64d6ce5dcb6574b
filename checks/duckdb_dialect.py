"""What lets Great Expectations work on DuckDB: a SQLAlchemy dialect.

Great Expectations closes a connection before it fetches from it, and DuckDB's pending result goes with
the connection: every expectation then ends in "list index out of range". The dialect registered here
fetches when it executes and serves the rows from memory. Nothing of anybody else's is patched.

The expectations that Great Expectations lacks are in `checks.own_expectations`.
"""

from typing import Any

import sqlalchemy as sa
from duckdb_engine import ConnectionWrapper, CursorWrapper, Dialect
from sqlalchemy.dialects import registry

DIALECT = "aims_duckdb"


class FetchedCursor:
    """A cursor whose rows are in memory when `execute` returns, so that closing the connection loses none.

    Meant for aggregates: a query of a million rows would be a million rows in memory.
    """

    def __init__(self, cursor: CursorWrapper) -> None:
        self._cursor = cursor
        self._rows: list[Any] = []
        self.description: Any = None

    def execute(self, statement: str, parameters: Any = None, context: Any = None) -> None:
        self._rows, self.description = [], None
        self._cursor.execute(statement, parameters, context)
        self.description = self._cursor.description
        if self.description is not None:
            self._rows = self._cursor.fetchall()

    def fetchone(self) -> Any:
        return self._rows.pop(0) if self._rows else None

    def fetchmany(self, size: int | None = None) -> list[Any]:
        count = 1 if size is None else size
        taken, self._rows = self._rows[:count], self._rows[count:]
        return taken

    def fetchall(self) -> list[Any]:
        taken, self._rows = self._rows, []
        return taken

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)


class FetchedConnection:
    """duckdb-engine's connection, handing out the cursors above."""

    def __init__(self, connection: ConnectionWrapper) -> None:
        self._connection = connection

    def cursor(self) -> FetchedCursor:
        return FetchedCursor(self._connection.cursor())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


class FetchedDuckDB(Dialect):
    """duckdb-engine's dialect with the cursor above, under a name of its own."""

    name = DIALECT
    supports_statement_cache = False  # as in the parent; SQLAlchemy wants each subclass to say so itself

    def connect(self, *args: Any, **kwargs: Any) -> Any:
        return FetchedConnection(super().connect(*args, **kwargs))

    def get_columns(self, connection: Any, table_name: str, schema: str | None = None, **kwargs: Any) -> Any:
        """The columns from DuckDB's own catalogue: the parent asks PostgreSQL's, which fails with SQLAlchemy 2.1.

        Great Expectations then reads a row instead (`SELECT * … LIMIT 1`), and one column that cannot be
        read takes every rule with it. Types are not told apart: nothing here asks for them.
        """
        query = sa.text(
            "SELECT column_name, is_nullable FROM duckdb_columns()"
            " WHERE table_name = :table AND schema_name = :schema ORDER BY column_index"
        )
        found = connection.execute(query, {"table": str(table_name), "schema": schema or "main"})
        return [
            {"name": name, "type": sa.types.NullType(), "nullable": nullable, "default": None}
            for name, nullable in found
        ]


registry.register(DIALECT, __name__, FetchedDuckDB.__name__)
