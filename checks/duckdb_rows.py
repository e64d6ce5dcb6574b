"""A file's rows in DuckDB, out of core: how it is shown them, and what a session may touch.

Nothing is written to disk but what DuckDB spills, into a folder that is gone afterwards. A session takes 1 GB unless
AIMS_MEMORY says otherwise, and what does not fit is spilled.
"""

import itertools
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from checks.rules import DUCKDB_TYPES
from checks.shown import Shown, Table
from checks.sql_text import quoted_text

if TYPE_CHECKING:
    import pyarrow as pa

MEMORY = "1GB"
_sessions = itertools.count(1)  # a name per in-memory database of this process
_WITHOUT_VALUE = {**DUCKDB_TYPES, "array": "VARCHAR[]", "object": "VARCHAR"}


@dataclass(frozen=True)
class DuckDB:
    """DuckDB in this process."""

    def literal(self, value: Any) -> Any:
        return value

    @contextmanager
    def rows(self, table: Table, lookups: Sequence[Table], types: Mapping[str, str]) -> Iterator[Callable[[Any], Any]]:
        """The file as a Great Expectations batch."""
        import sqlalchemy as sa

        from checks import duckdb_dialect

        url = f"{duckdb_dialect.DIALECT}:///:memory:contract_{next(_sessions)}"
        engine, sources = sa.create_engine(url, poolclass=sa.StaticPool), []

        def as_batch(context: Any) -> Any:
            source = context.data_sources.add_sql("duckdb", connection_string=url, create_temp_table=False)
            sources.append(source)
            asset = source.add_table_asset("batch", table_name=table.alias)
            return asset.add_batch_definition_whole_table("whole").get_batch()

        with tempfile.TemporaryDirectory(prefix="aims-contract-") as spill:
            with engine.connect() as connection:
                for statement in _statements(table, lookups, types, Path(spill)):
                    connection.exec_driver_sql(statement)
                connection.commit()
            try:
                yield as_batch
            finally:
                for source in sources:
                    source.get_execution_engine().engine.dispose()
                    source.get_engine().dispose()
                engine.dispose()


def _statements(table: Table, lookups: Sequence[Table], types: Mapping[str, str], spill: Path) -> Iterator[str]:
    """Two views of each file, and then no access to anything else: a contract's query is not ours."""
    yield f"SET temp_directory = {quoted_text(str(spill))}"
    yield f"SET memory_limit = {quoted_text(os.environ.get('AIMS_MEMORY') or MEMORY)}"
    yield "SET TimeZone = 'UTC'"
    for one in (table, *lookups):
        source = (
            f"read_parquet({quoted_text(str(one.path))})"  # a [ or * in the path is no pattern where the file exists
        )
        # by position: DuckDB's names do not tell "a" from "A"
        plain = f"{source} AS source({', '.join(f'c{place}' for place in range(len(one.schema)))})"
        columns = ", ".join(f"{_read(name, shown, types)} AS {shown.alias}" for name, shown in one.shown.items())
        yield f"CREATE VIEW {one.alias} AS SELECT {columns} FROM {plain}"
        yield f"CREATE VIEW {quoted(one.name)} AS SELECT * FROM {source}"
    yield f"SET allowed_paths = [{', '.join(quoted_text(str(one.path)) for one in (table, *lookups))}]"
    yield "SET enable_external_access = false"
    yield "SET lock_configuration = true"


def _read(name: str, shown: Shown, types: Mapping[str, str]) -> str:
    """A column as the rules see it: NaN is NULL, a time with a zone is in UTC, and a column without type or value has
    the declared type."""
    import pyarrow.types as is_

    value = shown.column + "".join(f"[{quoted_text(step)}]" for step in shown.path[1:])
    kind: pa.DataType = shown.field.type
    if is_.is_floating(kind):
        return f"CASE WHEN NOT isnan({value}) THEN {value} END"
    if is_.is_null(kind):
        return f"CAST({value} AS {_WITHOUT_VALUE[types.get(name, 'string')]})"
    if is_.is_timestamp(kind) and kind.tz:
        return f"CAST({value} AS TIMESTAMP)"
    return value


def quoted(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'
