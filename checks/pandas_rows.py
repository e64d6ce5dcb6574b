"""A file's rows in pandas: read whole into memory, so for small files, and to hold the other engines against.

The contract's queries are answered by DuckDB over the same rows: a frame knows no SQL.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from checks.shown import Shown, Table

if TYPE_CHECKING:
    import duckdb
    import pandas as pd
    import pyarrow as pa

SESSION = "aims_session"
"""In a frame's `attrs`: which session it belongs to."""
_sessions = itertools.count(1)


@dataclass
class Session:
    """What a frame cannot answer by itself: queries, and which keys a lookup holds."""

    connection: "duckdb.DuckDBPyConnection"
    tables: Mapping[str, Table]
    _keys: dict[tuple[str, ...], set[Any]] = field(default_factory=dict)

    def keys_of(self, alias: str, columns: Sequence[str]) -> set[Any]:
        wanted = (alias, *columns)
        if wanted not in self._keys:
            rows = _frame_of(self.tables[alias], {})[list(columns)].dropna()
            self._keys[wanted] = set(rows.itertuples(index=False, name=None))
        return self._keys[wanted]


SESSIONS: dict[int, Session] = {}


@dataclass(frozen=True)
class Pandas:
    """pandas in this process."""

    def literal(self, value: Any) -> Any:
        return value

    @contextmanager
    def rows(self, table: Table, lookups: Sequence[Table], types: Mapping[str, str]) -> Iterator[Callable[[Any], Any]]:
        """The file as a Great Expectations batch."""
        import duckdb
        import pyarrow as pa

        number = next(_sessions)
        frame = _frame_of(table, types)
        frame.attrs[SESSION] = number
        with duckdb.connect(":memory:") as connection:
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute("SET python_enable_replacements = false")
            for one in (table, *lookups):
                columns = {one.schema.names[place]: column for place, column in _readable(one).items()}
                if columns:
                    connection.register(one.name, pa.table(columns))
            connection.execute("SET enable_external_access = false")
            connection.execute("SET lock_configuration = true")
            SESSIONS[number] = Session(connection, {one.alias: one for one in (table, *lookups)})
            try:
                yield lambda context: _batch(context, frame)
            finally:
                del SESSIONS[number]


def _batch(context: Any, frame: "pd.DataFrame") -> Any:
    asset = context.data_sources.add_pandas("pandas").add_dataframe_asset("batch")
    definition = asset.add_batch_definition_whole_dataframe("whole")
    return definition.get_batch({"dataframe": frame})


def _frame_of(table: Table, types: Mapping[str, str]) -> "pd.DataFrame":
    """What is shown of a file. Whole numbers and flags keep their type where there are NULLs among them."""
    import pandas as pd
    import pyarrow as pa

    whole = _readable(table)
    columns = {
        shown.alias: _column(whole[shown.place], name, shown, types)
        for name, shown in table.shown.items()
        if shown.place in whole
    }
    if not columns:
        return pd.DataFrame(index=pd.RangeIndex(_rows_of(table)))
    keeping: dict[pa.DataType, Any] = {
        **{getattr(pa, f"int{n}")(): getattr(pd, f"Int{n}Dtype")() for n in (8, 16, 32, 64)},
        **{getattr(pa, f"uint{n}")(): getattr(pd, f"UInt{n}Dtype")() for n in (8, 16, 32, 64)},
        pa.bool_(): pd.BooleanDtype(),
    }
    frame: pd.DataFrame = pa.table(columns).to_pandas(types_mapper=keeping.get, ignore_metadata=True)
    return frame


def _readable(table: Table) -> dict[int, "pa.ChunkedArray"]:
    """The columns that can be read, by their place: one that cannot is missing, and spares the others."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {}
    with pq.ParquetFile(table.path) as file:
        for place, field in enumerate(file.schema_arrow):
            try:
                # By itself, and not as a folder of files.
                columns[place] = file.read(columns=[field.name]).column(0)
            except (OSError, pa.ArrowException):
                continue
    return columns


def _rows_of(table: Table) -> int:
    import pyarrow.parquet as pq

    return int(pq.read_metadata(table.path).num_rows)


def _column(column: "pa.ChunkedArray", name: str, shown: Shown, types: Mapping[str, str]) -> "pa.ChunkedArray":
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.types as is_

    for step in shown.path[1:]:
        column = pc.struct_field(column, step)
    if is_.is_dictionary(column.type):
        return column.cast(column.type.value_type)
    if is_.is_null(column.type):
        return column.cast(_type_without_value(types.get(name, "string")))
    if is_.is_timestamp(column.type):
        return column.cast(pa.timestamp(column.type.unit))  # with a zone, it is UTC that is stored
    return column


def _type_without_value(logical: str) -> "pa.DataType":
    import pyarrow as pa

    found: dict[str, pa.DataType] = {
        "integer": pa.int64(),
        "number": pa.float64(),
        "boolean": pa.bool_(),
        "date": pa.date32(),
        "timestamp": pa.timestamp("us"),
        "time": pa.time64("us"),
    }
    return found.get(logical, pa.string())
