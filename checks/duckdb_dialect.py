"""What lets Great Expectations work on DuckDB: a SQLAlchemy dialect, and the expectations DuckDB lacks.

Great Expectations closes a connection before it fetches from it, and DuckDB's pending result goes with
the connection: every expectation then ends in "list index out of range". The dialect registered here
fetches when it executes and serves the rows from memory. Nothing of anybody else's is patched.

The expectations below use Great Expectations' own extension points. They are here, and not in
`checks.counting`, because importing this module imports Great Expectations, which takes seconds.
"""

from typing import Any, ClassVar

import sqlalchemy as sa
from duckdb_engine import ConnectionWrapper, CursorWrapper, Dialect
from great_expectations.execution_engine.sqlalchemy_execution_engine import SqlAlchemyExecutionEngine
from great_expectations.expectations.expectation import BatchExpectation, ColumnMapExpectation
from great_expectations.expectations.metrics.map_metric_provider.column_condition_partial import (
    column_condition_partial,
)
from great_expectations.expectations.metrics.map_metric_provider.column_map_metric_provider import (
    ColumnMapMetricProvider,
)
from great_expectations.expectations.metrics.metric_provider import metric_value
from great_expectations.expectations.metrics.table_metric_provider import TableMetricProvider
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


class ColumnValuesValid(ColumnMapMetricProvider):
    """Metric: the value is in the set, and the pattern is found in it (NULL is not looked at).

    Great Expectations chooses its regex operator by dialect and knows none for DuckDB. PostgreSQL's `~`
    would be wrong here: in DuckDB it must match the whole value, where ODCS and JSON Schema search.
    """

    condition_metric_name = "column_values.valid"
    condition_value_keys = ("value_set", "regex")

    @column_condition_partial(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(cls, column: Any, value_set: Any = None, regex: str | None = None, **_: Any) -> Any:
        conditions = []
        if value_set is not None:
            conditions.append(column.in_(list(value_set)))
        if regex is not None:
            conditions.append(sa.func.regexp_matches(column, sa.literal(regex)))
        return sa.and_(*conditions)


class ExpectColumnValuesToBeValid(ColumnMapExpectation):
    """Every value that is not NULL is in `value_set` and matches `regex`; either may be left out."""

    value_set: list[Any] | None = None
    regex: str | None = None

    map_metric: ClassVar[str] = "column_values.valid"
    success_keys: ClassVar[tuple[str, ...]] = ("value_set", "regex", "mostly")


class ColumnValuesGiven(ColumnMapMetricProvider):
    """Metric: the value is none of the markers that stand for "missing"; NULL is looked at like any other."""

    condition_metric_name = "column_values.given"
    condition_value_keys = ("markers", "null_is_missing")
    filter_column_isnull = False

    @column_condition_partial(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(cls, column: Any, markers: Any, null_is_missing: bool, **_: Any) -> Any:
        unmarked = column.not_in(list(markers)) if markers else sa.true()
        if null_is_missing:
            return sa.and_(column.is_not(None), unmarked)
        return sa.or_(column.is_(None), unmarked)


class ExpectColumnValuesToBeGiven(ColumnMapExpectation):
    """No value is one of `markers`, nor NULL where `null_is_missing`."""

    markers: list[Any]
    null_is_missing: bool

    map_metric: ClassVar[str] = "column_values.given"
    success_keys: ClassVar[tuple[str, ...]] = ("markers", "null_is_missing", "mostly")


class QueryAnswer(TableMetricProvider):
    """Metric: the one value a query answers with.

    `single` is False when the answer is anything else than one row of one column; at most two rows are
    ever fetched.
    """

    metric_name = "contract.query_answer"
    value_keys = ("query",)

    @metric_value(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(
        cls,
        execution_engine: SqlAlchemyExecutionEngine,
        metric_domain_kwargs: dict[str, Any],
        metric_value_kwargs: dict[str, Any],
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any],
    ) -> dict[str, Any]:
        query = metric_value_kwargs["query"].strip().rstrip(";")
        literal = f"SELECT * FROM (\n{query}\n) LIMIT 2".replace(":", r"\:")  # a colon is no parameter here
        rows = execution_engine.execute_query(sa.text(literal)).fetchall()
        single = len(rows) == 1 and len(rows[0]) == 1
        return {"single": single, "value": rows[0][0] if single else None}


class ExpectQueryToAnswerOneValue(BatchExpectation):
    """The query answers with one row of one column. What the value must be is judged by the contract."""

    query: str

    metric_dependencies: ClassVar[tuple[str, ...]] = ("contract.query_answer",)
    success_keys: ClassVar[tuple[str, ...]] = ("query",)

    def _validate(
        self, metrics: dict[str, Any], runtime_configuration: Any = None, execution_engine: Any = None
    ) -> dict[str, Any]:
        answer = metrics["contract.query_answer"]
        return {"success": answer["single"], "result": {"observed_value": answer["value"]}}
