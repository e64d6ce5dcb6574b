"""A file's rows in Spark: how it is shown them, in a session of its own that shares nothing but the engine.

SQL rules are run by Spark SQL: what its dialect lacks or means otherwise is their author's affair. Names in double
quotes are names there as in DuckDB.
"""

import datetime as dt
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from checks.shown import Shown, Table

_SETTINGS = {
    "spark.sql.ansi.enabled": "true",
    "spark.sql.ansi.doubleQuotedIdentifiers": "true",
    "spark.sql.caseSensitive": "true",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.legacy.parquet.nanosAsLong": "true",
    # A contract's query is not ours: it reads the tables that it is given, and no path.
    "spark.sql.runSQLOnFiles": "false",
}
_WITHOUT_VALUE = {
    "integer": "bigint",
    "number": "double",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "timestamp_ntz",
    "time": "time",
    "array": "array<string>",
}


@dataclass(frozen=True)
class Spark:
    """A Spark session of PySpark. What it logs of a failed task can quote a row, so it logs nothing meanwhile."""

    session: Any
    logs: str = "ERROR"

    def literal(self, value: Any) -> Any:
        """PySpark takes a time without a zone for one of this machine's zone."""
        if isinstance(value, dt.datetime) and value.tzinfo is None:
            return value.replace(tzinfo=dt.UTC)
        return value

    @contextmanager
    def rows(self, table: Table, lookups: Sequence[Table], types: Mapping[str, str]) -> Iterator[Callable[[Any], Any]]:
        """The file as a Great Expectations batch."""
        session = self.session.newSession()
        for key, value in _SETTINGS.items():
            session.conf.set(key, value)
        session.sparkContext.setLogLevel("OFF")
        try:
            shown = [_views(session, one, types) for one in (table, *lookups)]
            yield lambda context: _batch(context, shown[0])
        finally:
            session.sparkContext.setLogLevel(self.logs)


def _batch(context: Any, frame: Any) -> Any:
    asset = context.data_sources.add_spark("spark", persist=False).add_dataframe_asset("batch")
    definition = asset.add_batch_definition_whole_dataframe("whole")
    return definition.get_batch({"dataframe": frame})


def _views(session: Any, table: Table, types: Mapping[str, str]) -> Any:
    """Two views of a file, as in DuckDB. Gives the one with plain names."""
    rows = session.read.parquet(_literally(table.path))
    rows.createOrReplaceTempView(_quoted(table.name))
    places = rows.toDF(*(f"c{place}" for place in range(len(table.schema))))
    frame = places.select(*(_read(name, shown, types).alias(shown.alias) for name, shown in table.shown.items()))
    frame.createOrReplaceTempView(table.alias)
    return frame


def _read(name: str, shown: Shown, types: Mapping[str, str]) -> Any:
    import pyarrow.types as is_
    from pyspark.sql import functions as f

    column, kind = f.col(shown.column), shown.field.type
    for step in shown.path[1:]:
        column = column.getField(step)
    if is_.is_floating(kind):
        return f.when(~f.isnan(column), column)
    if is_.is_null(kind):
        return f.lit(None).cast(_WITHOUT_VALUE.get(types.get(name, "string"), "string"))
    if is_.is_timestamp(kind):
        instant = f.timestamp_micros(f.floor(column / 1000)) if kind.unit == "ns" else column
        return instant.cast("timestamp_ntz")
    return column


def _literally(path: Path) -> str:
    """A path in which Hadoop sees no pattern."""
    return re.sub(r"([\[\]{}*?\\])", r"\\\1", str(path))


def _quoted(identifier: str) -> str:
    return "`" + identifier.replace("`", "``") + "`"
