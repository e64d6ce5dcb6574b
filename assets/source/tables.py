"""Tables and views of databases as sources: the rows of a batch, declared columns only, as a Parquet file to land.

The database chooses the rows by the time column and never sends a column that is not declared. They are read as a
stream, in one snapshot where the database has one. Names are those that the database itself tells, quoted by
SQLAlchemy; values are bound. Why SQLAlchemy and not something faster: docs/decisions/0006.
"""

from __future__ import annotations

import datetime as dt
import os
import uuid
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa
from sqlalchemy.sql.elements import ColumnElement, quoted_name

from assets.source.refusals import Held, NotArrived
from governance.declared.addresses import PLACEHOLDER, database_url
from governance.declared.declarations import Declaration
from governance.declared.periods import end_of
from governance.declared.sources import Part, TableSource
from governance.faults import UsageFault

ROWS_AT_ONCE = 20_000
CONNECT_SECONDS = 10
SNAPSHOTS = ("REPEATABLE READ", "SERIALIZABLE")
"""Isolation levels that show all statements of a transaction the same rows, the cheaper one first."""

ARROW_TYPES = {
    "VARCHAR": pa.string(),
    "BIGINT": pa.int64(),
    "DOUBLE": pa.float64(),
    "BOOLEAN": pa.bool_(),
    "DATE": pa.date32(),
    "TIMESTAMP": pa.timestamp("us"),
}


@dataclass(frozen=True, slots=True)
class Pulled:
    """Rows of a table as a file on this machine. `untaken` are columns that stayed in the database, by type."""

    path: Path
    untaken: dict[str, str]
    source: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Column:
    """A column that is read: its name, its type in the database, and the DuckDB type that it arrives as."""

    name: str
    type: sa.types.TypeEngine[Any]
    kind: str


def pull(declaration: Declaration, part: Part, batch: str, wanted: Sequence[str], scratch: Path) -> Pulled:
    """Reads the wanted columns of a batch's rows into a Parquet file in `scratch`.

    Raises
    ------
    NotArrived
        There is no such table, or no such SQLite file.
    Held
        Rows have no time, or values are not of their column's type.
    UsageFault
        The database cannot be reached or read: no fault of the data, and nothing landed before is lost.
    """
    source: TableSource = declaration.system.source(part)
    with _told(declaration, part, source):
        database = _engine(declaration, source)
        with database.connect() as connection:
            isolation = _begin(connection)
            types = _types(connection, source)
            columns = [
                c for name, type_ in types.items() if name in wanted and (c := _column(declaration, name, type_))
            ]
            table = _table(connection, source, types)
            query = sa.select(*(table.c[column.name] for column in columns))
            if part in ("production", "reference"):
                query = query.where(*_inside(declaration, batch, connection, table, types))
            path = scratch / "rows.parquet"
            if columns:
                _stream(connection, query, columns, path)
            schema = source.schema_name or connection.dialect.default_schema_name
            where = f"{schema}.{source.name}" if schema else source.name
            taken = {column.name for column in columns}
    return Pulled(
        path,
        {name: str(type(type_).__name__) for name, type_ in types.items() if name not in taken},
        {"dialect": connection.dialect.name, "table": where, "isolation": isolation},
    )


def _engine(declaration: Declaration, source: TableSource) -> sa.Engine:
    try:
        url = database_url(source.url, os.environ)
    except KeyError as missing:
        name = missing.args[0]
        raise UsageFault(f"{declaration.id}: the table {source.table} needs the environment variable {name}.") from None
    except ValueError:
        names = ", ".join(PLACEHOLDER.findall(source.url))
        what = f"{declaration.id}: the address of the table {source.table} is no SQLAlchemy URL"
        raise UsageFault(f"{what} with what {names} hold. Mend them in the environment.") from None
    waits: dict[str, Any] = {}
    if url.get_backend_name() == "sqlite":
        url = _sqlite_file(declaration, url)
    elif url.get_backend_name() == "postgresql" and "connect_timeout" not in url.query:
        waits = {"connect_timeout": CONNECT_SECONDS}
    return sa.create_engine(url, poolclass=sa.NullPool, hide_parameters=True, connect_args=waits)


def _sqlite_file(declaration: Declaration, url: sa.URL) -> sa.URL:
    """A relative file starts at the folder of `system.yaml`. SQLite makes a file that is not there: we do not."""
    path = declaration.folder / (url.database or "")
    if not path.is_file():
        raise NotArrived(f"{declaration.id}: the database {path.name} is not there (yet).")
    return url.set(database=str(path))


def _begin(connection: sa.Connection) -> str:
    """Starts one read-only snapshot. Returns the isolation level's name."""
    dialect = connection.dialect
    try:
        levels = dialect.get_isolation_level_values(connection.connection.dbapi_connection)  # type: ignore[arg-type]
    except NotImplementedError:  # SQLAlchemy's word for a dialect that has no levels to choose from
        levels = ()
    level = next((level for level in SNAPSHOTS if level in levels), None)
    if level:
        connection.execution_options(isolation_level=level, postgresql_readonly=True)
    if dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA query_only = ON")
        connection.exec_driver_sql("BEGIN")  # its driver opens no transaction for a SELECT
    return level.lower() if level else "the database's own"


def _types(connection: sa.Connection, source: TableSource) -> dict[str, sa.types.TypeEngine[Any]]:
    """Columns of the table as the database tells them."""
    with warnings.catch_warnings():
        # Types that SQLAlchemy does not know are refused below by name, if anybody wants such a column.
        warnings.simplefilter("ignore", sa.exc.SAWarning)
        found = sa.inspect(connection).get_columns(source.name, schema=source.schema_name)
    return {column["name"]: column["type"] for column in found}


def _table(connection: sa.Connection, source: TableSource, names: Iterable[str]) -> sa.TableClause:
    # Always quoted; but where capital letters are folded (Oracle), SQLAlchemy knows better when.
    always = None if connection.dialect.requires_name_normalize else True

    def name(text: str) -> quoted_name:
        return quoted_name(text, always)

    schema = name(source.schema_name) if source.schema_name else None
    return sa.table(name(source.name), *(sa.column(name(text)) for text in names), schema=schema)


def _column(declaration: Declaration, name: str, type_: sa.types.TypeEngine[Any]) -> _Column | None:
    """How a column arrives; None for a type that none of the contract's types can be read from."""
    kinds: tuple[tuple[type, str], ...] = (
        (sa.Boolean, "BOOLEAN"),
        (sa.Integer, "BIGINT"),
        (sa.Float, "DOUBLE"),
        (sa.Numeric, "DOUBLE"),
        (sa.Uuid, "VARCHAR"),
        (sa.String, "VARCHAR"),
        (sa.DateTime, "TIMESTAMP"),
        (sa.Date, "DATE"),
    )
    kind = next((kind for family, kind in kinds if isinstance(type_, family)), None)
    whole = isinstance(type_, sa.Numeric) and not isinstance(type_, sa.Float) and type_.scale == 0
    if whole and declaration.types[name] == "integer":
        kind = "BIGINT"
    return _Column(name, type_, kind) if kind else None


def _inside(
    declaration: Declaration,
    batch: str,
    connection: sa.Connection,
    table: sa.TableClause,
    types: dict[str, sa.types.TypeEngine[Any]],
) -> tuple[ColumnElement[bool], ...]:
    """The batch's half-open range on the time column; every row must have a time."""
    name = declaration.system.the("time") or ""
    if name not in types:
        return (sa.false(),)  # without it no row has a place; the missing column is told when the rest is known
    moment, start, end = _moments(declaration, batch, connection, table.c[name], types[name])
    timeless = connection.execute(sa.select(sa.func.count()).select_from(table).where(moment.is_(None))).scalar_one()
    if timeless:
        raise Held(
            f"The column {name!r} holds {timeless} values in the table that are no time. Send the declared form."
        )
    return moment >= start, moment < end


def _moments(
    declaration: Declaration,
    batch: str,
    connection: sa.Connection,
    column: sa.ColumnClause[Any],
    type_: sa.types.TypeEngine[Any],
) -> tuple[ColumnElement[Any], ColumnElement[Any], ColumnElement[Any]]:
    start = dt.datetime.fromisoformat(batch)
    end = dt.datetime.combine(end_of(declaration.system, batch), dt.time())
    if connection.dialect.name == "sqlite":
        # SQLite keeps times as text in several forms, and compares a date with a time letter by letter.
        return sa.func.datetime(column), sa.literal(f"{start}"), sa.literal(f"{end}")
    if isinstance(type_, sa.DateTime):
        zone = dt.UTC if type_.timezone else None
        as_moment = sa.DateTime(timezone=type_.timezone)
        return (
            column,
            sa.literal(start.replace(tzinfo=zone), as_moment),
            sa.literal(end.replace(tzinfo=zone), as_moment),
        )
    if isinstance(type_, sa.Date):
        return column, sa.literal(start.date(), sa.Date()), sa.literal(end.date(), sa.Date())
    raise Held(
        f"The column {column.name!r} is {type(type_).__name__} in the table, and only dates and timestamps can choose "
        "rows there. Name a view that casts it."
    )


def _stream(connection: sa.Connection, query: sa.Select[Any], columns: Sequence[_Column], path: Path) -> None:
    """Writes the query's rows to a Parquet file, some thousand at a time."""
    if connection.dialect.name == "sqlite":
        # Text that is no UTF-8 is told like any other wrong value, and not by the driver, which quotes it.
        connection.connection.dbapi_connection.text_factory = _loosely  # type: ignore[union-attr]
    schema = pa.schema([(column.name, ARROW_TYPES[column.kind]) for column in columns])
    options = {"stream_results": True, "yield_per": ROWS_AT_ONCE}
    with (
        connection.execute(query, execution_options=options) as rows,
        pq.ParquetWriter(path, schema, compression="snappy") as file,
    ):
        for some in rows.partitions():
            arrays = [_array(column, values) for column, values in zip(columns, zip(*some, strict=True), strict=True)]
            file.write_batch(pa.record_batch(arrays, schema=schema))


def _array(column: _Column, values: Sequence[Any]) -> pa.Array:
    try:
        return pa.array(_plain(column, values), ARROW_TYPES[column.kind])
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        bad = sum(not _fits(column, value) for value in values)
        what = f"The column {column.name!r} holds at least {bad} values in the table that are not {column.kind}."
        raise Held(f"{what} Send the declared type, or name a view that casts it.") from None


def _fits(column: _Column, value: Any) -> bool:
    try:
        pa.array(_plain(column, [value]), ARROW_TYPES[column.kind])
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        return False
    return True


def _plain(column: _Column, values: Sequence[Any]) -> Sequence[Any]:
    """Values as Arrow takes them: what drivers hand over for one type differs."""
    if column.kind == "DOUBLE":
        return [float(value) if isinstance(value, (int, Decimal)) else value for value in values]
    if column.kind == "BIGINT" and isinstance(column.type, sa.Numeric):
        return [_whole(value) if isinstance(value, Decimal) else value for value in values]
    if column.kind == "BOOLEAN":
        return [bool(value) if value in (0, 1) else value for value in values]
    if isinstance(column.type, sa.Uuid):
        return [str(value) if isinstance(value, uuid.UUID) else value for value in values]
    if column.kind in ("DATE", "TIMESTAMP") and any(isinstance(value, str) for value in values):
        return [_moment(value) if column.kind == "TIMESTAMP" else _day(value) for value in values]
    return values


def _whole(value: Decimal) -> int:
    """The number, where it has no fraction, which Arrow would cut off without a word."""
    if value != int(value):
        raise ValueError("a fraction")
    return int(value)


def _moment(value: Any) -> Any:
    return dt.datetime.fromisoformat(value) if isinstance(value, str) else value


def _day(value: Any) -> Any:
    """A day, where the text names no more than a day: a time of day would be lost without a word."""
    return dt.date.fromisoformat(value) if isinstance(value, str) else value


def _loosely(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


@contextmanager
def _told(declaration: Declaration, part: str, source: TableSource) -> Iterator[None]:
    """Errors of a database in one line. Their own text is left out: it names hosts and users and quotes rows."""
    what = f"{declaration.id}: the {part} table {source.table}"
    try:
        yield
    except sa.exc.NoSuchTableError:
        raise NotArrived(f"{what} is not there (yet).") from None
    except sa.exc.DataError as error:
        raise Held(f"{what} holds values that cannot be read ({_kind(error)}). Mend them, or name a view.") from None
    except sa.exc.NoSuchModuleError:
        dialect = source.url.split(":", 1)[0]
        raise UsageFault(
            f"{what}: the dialect {dialect!r} is not installed. PostgreSQL is called postgresql+psycopg; others come "
            "in packages of their own."
        ) from None
    except ModuleNotFoundError as error:
        driver = "aims-monitor[postgres]" if error.name in ("psycopg", "psycopg2") else error.name
        raise UsageFault(f"{what} needs the driver {error.name}. Install it: pip install '{driver}'.") from None
    except sa.exc.SQLAlchemyError as error:
        names = ", ".join(PLACEHOLDER.findall(source.url)) or "its url"
        raise UsageFault(
            f"{what} cannot be read ({_kind(error)}). Check that the database runs and lets the reader in ({names}); "
            "nothing landed before is lost."
        ) from None


def _kind(error: Exception) -> str:
    """The error's kind, and the standard's code for it where the database gives one."""
    state = getattr(getattr(error, "orig", None), "sqlstate", None)
    return f"{type(error).__name__}{f', SQLSTATE {state}' if state else ''}"
