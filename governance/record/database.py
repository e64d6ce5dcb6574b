"""The database of the record: SQLite in a file, or PostgreSQL by URL. One writer at a time; what is in it stays.

Decided here: how it is opened, who may write when, and how it refuses changes. What its tables hold is said where
they are declared (`ledger`, `register`); how they came to be, in `migrations`. Both databases keep the same promise
by their own means: SQLite by `BEGIN IMMEDIATE`, PostgreSQL by an advisory lock that lasts as long as the
transaction. That lock needs no right but to connect: a service that may only SELECT and INSERT is enough.
"""

from __future__ import annotations

import atexit
import functools
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from governance.faults import UsageFault
from governance.record import migrations

METADATA = sa.MetaData()
"""Every table of the record. `info={"mutable": True}` marks one that may be changed: names of people are erasable."""

BUSY_SECONDS = 60
"""How long a writer waits for the one before it."""

WRITER = 0x41494D53
"""Key of PostgreSQL's advisory lock; one for a database."""

READ_ONLY, NO_RIGHT, DISK_FULL = "25006", "42501", "53100"
"""States of PostgreSQL in which it refuses a write that was asked for in the right way."""


def connect(place: Path | sa.URL) -> sa.Engine:
    """The database at a path (SQLite) or URL (PostgreSQL), with the tables that this program knows.

    A file is made if it is not there; its folder must exist. Tables of an older program are brought up to date.

    Raises
    ------
    UsageFault
        It cannot be opened or written, or its tables are of a newer program.
    """
    engine = _sqlite(place) if isinstance(place, Path) else _postgresql(place)
    with _opening(engine):
        there = not isinstance(place, Path) or place.exists()
        if not there or _version(engine) != migrations.newest():
            _migrate(engine)
    return engine


def exists(place: Path | sa.URL) -> bool:
    """Whether a register was ever made there.

    Raises
    ------
    UsageFault
        The database cannot be asked.
    """
    if isinstance(place, Path):
        return place.exists()
    engine = _postgresql(place)
    with _opening(engine):
        return _version(engine) is not None


@contextmanager
def writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction that holds the only writer's lock from its first statement on.

    Raises
    ------
    UsageFault
        The database cannot be written (read-only, disk full, locked too long). Nothing of it is kept.
    """
    try:
        with engine.begin() as connection:
            yield connection
    except sa.exc.DBAPIError as error:
        if not _is_refusal(error):
            raise
        raise UsageFault(
            f"The register {name_of(engine)} cannot be written: {_reason(error, engine)}. "
            "Nothing was recorded; make it writable and run again."
        ) from None


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A read transaction: one consistent view, no lock on writers.

    Raises
    ------
    UsageFault
        The database cannot be read: nobody answers, or the file was damaged.
    """
    try:
        with engine.connect().execution_options(aims_read_only=True) as connection:
            yield connection
    except sa.exc.DatabaseError as error:
        if not _is_unreadable(error):
            raise
        raise UsageFault(f"The register {name_of(engine)} cannot be read: {_reason(error, engine)}.") from None


def damages(connection: sa.Connection) -> Iterator[str]:
    """Where the file itself does not hold together: an index that finds other rows than are there, a broken page.

    Rows are vouched for by the chain of events; what leads to them is not. PostgreSQL sees to its own pages.
    """
    if connection.dialect.name != "sqlite":
        return
    for (said,) in connection.exec_driver_sql("PRAGMA integrity_check(3)").all():
        if said != "ok":
            yield f"the register is damaged: {' '.join(said.split())}. Put back a copy of it."
    for table in METADATA.sorted_tables:
        there = {row[1] for row in connection.exec_driver_sql(f"PRAGMA table_info({table.name})")}
        if there != set(table.columns.keys()):
            yield f"the register is damaged: the table {table.name} has other columns. Put back a copy of it."


def name_of(engine: sa.Engine) -> str:
    """What to call the database in a message: its path, or its name and host. Never a password."""
    url = engine.url
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    return f"{url.database!r} on {url.host or url.query.get('host') or 'this machine'}"


def guard(connection: sa.Connection, table: str, *key: str) -> None:
    """Triggers that refuse every change of the rows of `table`, whose primary key is `key`.

    SQLite's REPLACE removes a row without a DELETE that a trigger would see, so a second row under the same key (or
    the same rowid) is refused before it gets that far. PostgreSQL's also refuse TRUNCATE, and stay on where
    triggers are switched off for replication.
    """
    if connection.dialect.name == "sqlite":
        refuse = f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        for act in ("UPDATE", "DELETE"):
            connection.exec_driver_sql(
                f"CREATE TRIGGER IF NOT EXISTS {table}_no_{act.lower()} BEFORE {act} ON {table} {refuse}"
            )
        same = " AND ".join(f'"{column}" = NEW."{column}"' for column in key)
        connection.exec_driver_sql(
            f"CREATE TRIGGER IF NOT EXISTS {table}_no_replace BEFORE INSERT ON {table} "
            f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {same}) "
            f"OR EXISTS (SELECT 1 FROM {table} WHERE rowid = NEW.rowid) {refuse}"
        )
        return
    connection.exec_driver_sql(
        "CREATE OR REPLACE FUNCTION aims_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION USING MESSAGE = TG_TABLE_NAME || ' is append-only'; END $$"
    )
    connection.exec_driver_sql(
        f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION aims_append_only()"
    )
    connection.exec_driver_sql(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_no_change")


def unguard(connection: sa.Connection, table: str) -> None:
    """Takes the triggers of `guard` away, for as long as a migration has to change the table."""
    names = ("no_update", "no_delete", "no_replace") if connection.dialect.name == "sqlite" else ("no_change",)
    for name in names:
        on = "" if connection.dialect.name == "sqlite" else f" ON {table}"
        connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {table}_{name}{on}")


@contextmanager
def _opening(engine: sa.Engine) -> Iterator[None]:
    try:
        yield
    except sa.exc.DBAPIError as error:
        # Of SQLite's errors, "file is not a database" has no kind of its own.
        if not _is_refusal(error) and type(error) is not sa.exc.DatabaseError:
            raise
        name = "AIMS_HOME" if engine.dialect.name == "sqlite" else "AIMS_DATABASE_URL"
        raise UsageFault(
            f"The register {name_of(engine)} cannot be opened: {_reason(error, engine)}. Check {name}."
        ) from None


def _sqlite(path: Path) -> sa.Engine:
    engine = sa.create_engine(f"sqlite:///{path}", connect_args={"timeout": BUSY_SECONDS}, hide_parameters=True)
    sa.event.listen(engine, "connect", _take_over_transactions)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


@functools.cache
def _postgresql(url: sa.URL) -> sa.Engine:
    # One for a process: registers are opened often, and each would keep connections of its own.
    try:
        engine = sa.create_engine(
            url.set(drivername="postgresql+psycopg"),
            pool_pre_ping=True,
            connect_args={"connect_timeout": 10},
            hide_parameters=True,
        )
    except ModuleNotFoundError:
        raise UsageFault("A register in PostgreSQL needs its driver: pip install 'aims-monitor[postgres]'.") from None
    sa.event.listen(engine, "begin", _begin_postgresql)
    atexit.register(engine.dispose)
    return engine


def _take_over_transactions(connection: Any, _record: object) -> None:
    # sqlite3 would begin lazily, at the first write: two writers could then read the same last entry.
    connection.isolation_level = None
    connection.execute("PRAGMA synchronous = FULL")
    # As PostgreSQL has it: the start of a subject is told apart by case.
    connection.execute("PRAGMA case_sensitive_like = ON")


def _begin_sqlite(connection: sa.Connection) -> None:
    mode = connection.get_execution_options().get("aims_read_only")
    connection.exec_driver_sql("BEGIN" if mode else "BEGIN IMMEDIATE")


def _begin_postgresql(connection: sa.Connection) -> None:
    if connection.get_execution_options().get("aims_read_only"):
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        return
    # Each statement sees what was committed before it: after the lock, that is everything of the writer before.
    connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = {max(1, BUSY_SECONDS * 1000)}")
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITER})")


def _version(engine: sa.Engine) -> str | None:
    """Number of the last migration; "" where there are tables and no number, None where there is nothing."""
    # As a reader: whoever only looks must neither wait for a writer nor need the right to write.
    with engine.connect().execution_options(aims_read_only=True) as connection:
        return _version_of(connection)


def _version_of(connection: sa.Connection) -> str | None:
    there = sa.inspect(connection)
    if there.has_table("alembic_version"):
        return str(connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() or "")
    return "" if there.has_table("event") else None


def _migrate(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        version = _version_of(connection)  # of several that come at once, the first has done it by now
        if version == migrations.newest():
            return
        if version and version not in migrations.known():
            raise UsageFault(
                f"The register {name_of(engine)} has tables of version {version}; this program knows those up to "
                f"{migrations.newest()}. Use the newer program that wrote it."
            )
        migrations.upgrade(connection)


def _is_refusal(error: sa.exc.DBAPIError) -> bool:
    state = getattr(error.orig, "sqlstate", None)
    return isinstance(error, sa.exc.OperationalError) or state in (READ_ONLY, NO_RIGHT, DISK_FULL)


def _is_unreadable(error: sa.exc.DatabaseError) -> bool:
    # SQLite tells a wrong statement, which is a fault of ours, by the same class, and by code 1.
    code = getattr(error.orig, "sqlite_errorcode", None)
    if code is None:
        return isinstance(error, sa.exc.OperationalError)
    return code != sqlite3.SQLITE_ERROR and not isinstance(error, sa.exc.IntegrityError)


def _reason(error: sa.exc.DBAPIError, engine: sa.Engine) -> str:
    """The database's own words in one line, without values of rows and without a secret of the URL."""
    told = getattr(getattr(error.orig, "diag", None), "message_primary", None) or str(error.orig)
    secrets = [engine.url.password, *(engine.url.query.get(key) for key in ("password", "sslpassword"))]
    for secret in secrets:
        told = told.replace(str(secret), "***") if secret else told
    return " ".join(told.split()).rstrip(".")
