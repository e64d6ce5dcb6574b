"""Tables of databases: PostgreSQL for real, SQLite through the same code.

Truth: the rows as they were made; PostgreSQL's own rights (a reader who may see declared columns only) and its own
account of what is running.
"""

from __future__ import annotations

import datetime as dt
import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from assets.landed import landing
from assets.landed.landing import Held, NotArrived
from assets.source import tables
from governance.faults import UsageFault
from tests.assets.conftest import TABLES, Sender, arrow, declare, frame, here, kept_files, write_table
from tests.conftest import BATCHES, PROVENANCE, ROWS, SECRET, Made, made_rows

BATCH = BATCHES[2]
PASSWORD = "p@ss/w:rd?#%20ö"
DECLARED = ("case", "day", "income", "children", "region", "score", "late")


class Database:
    """A PostgreSQL database as its owner sees it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = sa.create_engine(url, poolclass=sa.NullPool)

    def run(self, *statements: str) -> None:
        with self.engine.begin() as connection:
            for statement in statements:
                connection.execute(sa.text(statement))

    def ask(self, statement: str) -> Any:
        with self.engine.connect() as connection:
            return connection.execute(sa.text(statement)).scalar_one()


@pytest.fixture
def database(postgres_url: str) -> Database:
    found = Database(postgres_url)
    found.run("DROP SCHEMA IF EXISTS risk CASCADE", "DROP TABLE IF EXISTS loans CASCADE")
    return found


@pytest.fixture
def reader(postgres: Any, database: Database, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL, as a declaration writes it, of a role that must give a password and has no rights yet."""
    rules = Path(postgres.pgdata) / "pg_hba.conf"
    if "reader scram" not in rules.read_text():
        rules.write_text("local all reader scram-sha-256\n" + rules.read_text())
        database.run("CREATE ROLE reader LOGIN", "SELECT pg_reload_conf()")
    quoted = PASSWORD.replace("'", "''").replace(":", "\\:")
    database.run(f"ALTER ROLE reader PASSWORD '{quoted}'")
    monkeypatch.setenv("LOANS_READER", "reader")
    monkeypatch.setenv("LOANS_PASSWORD", PASSWORD)
    host = sa.make_url(database.url).query["host"]
    return f"postgresql+psycopg://${{LOANS_READER}}:${{LOANS_PASSWORD}}@/postgres?host={host}"


def source(url: str, table: str = "loans") -> dict[str, Any]:
    return {"kind": "table", "url": url, "table": table, "provenance": PROVENANCE}


def sqlite_of(made: Made) -> str:
    return f"sqlite:///{made.incoming}/made.db"


# What leaves the database


def test_a_reader_who_may_see_declared_columns_only_is_enough(
    made: Made, load_made: Any, database: Database, reader: str
) -> None:
    """PostgreSQL itself refuses whoever asks for a personal or an undeclared column."""
    database.run("CREATE SCHEMA risk")
    write_table(database.url, "Late Loans", arrow(made_rows(BATCH)), "risk")
    columns = ", ".join(f'"{name}"' for name in DECLARED)
    database.run("GRANT USAGE ON SCHEMA risk TO reader", f'GRANT SELECT ({columns}) ON risk."Late Loans" TO reader')
    declare(made, {"production": source(reader, "risk.Late Loans")})
    found = landing.land(load_made(), BATCH, "production", here())
    assert found.rows == ROWS
    observed = found.body["observed"]
    assert observed["source"] == {"dialect": "postgresql", "table": "risk.Late Loans", "isolation": "repeatable read"}
    assert observed["personal_dropped"] == ["full_name"]
    assert observed["source_sha256"] == found.digest
    recorded = str([event.body for event in here().register.events()])
    assert not any(text in recorded for text in (PASSWORD, "reader", "host=", "psycopg"))
    assert SECRET not in recorded


def test_rows_are_chosen_by_the_server_and_taken_as_a_stream(
    made: Made, load_made: Any, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_table(database.url, "loans", arrow([row for batch in BATCHES for row in made_rows(batch)]))
    declare(made, {"production": source(database.url)})
    seen: list[tuple[int, str]] = []
    make = tables._array

    def watched(column: Any, values: Any) -> Any:
        doing = database.ask("SELECT query FROM pg_stat_activity WHERE query LIKE 'FETCH FORWARD%'")
        seen.append((len(values), doing))
        return make(column, values)

    monkeypatch.setattr(tables, "ROWS_AT_ONCE", 70)
    monkeypatch.setattr(tables, "_array", watched)
    landing.land(load_made(), BATCH, "production", here())
    assert [rows for rows, _ in seen[:: len(DECLARED)]] == [70, 70, 70, 70, 20]
    assert {doing.split()[:2] == ["FETCH", "FORWARD"] and int(doing.split()[2]) <= 70 for _, doing in seen} == {True}


def test_all_is_read_in_one_snapshot(
    made: Made, load_made: Any, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_table(database.url, "loans", arrow(made_rows(BATCH)))
    declare(made, {"production": source(database.url)})
    stream = tables._stream

    def meanwhile(*arguments: Any) -> None:
        database.run("DELETE FROM loans WHERE children > 1", "UPDATE loans SET income = 0")
        stream(*arguments)

    monkeypatch.setattr(tables, "_stream", meanwhile)
    found = frame(landing.land(load_made(), BATCH, "production", here()).path)
    truth = sorted(made_rows(BATCH), key=lambda row: row["case"])
    assert found["income"].tolist() == [row["income"] for row in truth]


def test_nothing_can_be_written_through_a_source(
    made: Made, load_made: Any, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    for url, wanted in ((database.url, "read-only transaction"), (sqlite_of(made), "readonly database")):
        write_table(url, "loans", arrow(made_rows(BATCH)))
        declare(made, {"production": source(url)})
        refused = []

        def tries(connection: sa.Connection, *_: Any, refused: list[str] = refused) -> None:
            with pytest.raises(sa.exc.DBAPIError) as error:
                connection.execute(sa.text("DELETE FROM loans"))
            refused.append(str(error.value.orig))
            raise error.value

        monkeypatch.setattr(tables, "_stream", tries)
        with pytest.raises(UsageFault, match="cannot be read"):
            landing.land(load_made(), BATCH, "production", here())
        assert wanted in refused[0]


@pytest.mark.parametrize("kind", TABLES)
def test_the_order_of_rows_makes_no_other_batch(made: Made, load_made: Any, send: Sender, kind: str) -> None:
    rows = made_rows(BATCH)
    declare(made, {"production": send(kind, arrow(rows))})
    first = landing.land(load_made(), BATCH, "production", here())
    send(kind, arrow(rows[::-1]))
    assert landing.land(load_made(), BATCH, "production", here()).digest == first.digest


# The batch's range


def edge_rows() -> pa.Table:
    """Around both ends of March: the first moment of it, the last, and their neighbours outside."""
    moments = ["2024-02-29T23:59:59.999999", "2024-03-01", "2024-03-31T23:59:59.999999", "2024-04-01"]
    table = arrow(made_rows(BATCH, rows=4))
    return table.set_column(1, "day", pa.array(map(dt.datetime.fromisoformat, moments), pa.timestamp("us")))


@pytest.mark.parametrize("kind", TABLES)
def test_a_batch_s_range_is_half_open(made: Made, load_made: Any, send: Sender, kind: str) -> None:
    declare(made, {"production": send(kind, edge_rows())})
    found = landing.land(load_made(), BATCH, "production", here())
    assert frame(found.path)["case"].tolist() == [f"{BATCH}-1", f"{BATCH}-2"]


def test_a_time_with_a_zone_is_told_in_utc_wherever_the_session_thinks_it_is(
    made: Made, load_made: Any, database: Database
) -> None:
    write_table(database.url, "loans", edge_rows())
    database.run(
        "SET TIME ZONE 'UTC'; ALTER TABLE loans ALTER day TYPE timestamptz",
        "ALTER DATABASE postgres SET timezone TO 'Asia/Tokyo'",
    )
    try:
        declare(made, {"production": source(database.url)})
        found = landing.land(load_made(), BATCH, "production", here())
    finally:
        database.run("ALTER DATABASE postgres RESET timezone")
    assert frame(found.path)["case"].tolist() == [f"{BATCH}-1", f"{BATCH}-2"]
    assert frame(found.path)["day"].astype(str).tolist() == ["2024-03-01", "2024-03-31"]


def sqlite_rows(made: Made, days: list[Any], declared: str = "DATETIME") -> None:
    path = made.incoming / "made.db"
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            f'CREATE TABLE loans ("case" TEXT, day {declared}, income REAL, children INTEGER, region TEXT, '
            "score REAL, late INTEGER, full_name TEXT)"
        )
        rows = made_rows(BATCH, rows=len(days))
        values = [tuple({**row, "day": day}.values()) for row, day in zip(rows, days, strict=True)]
        connection.executemany("INSERT INTO loans VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)


@pytest.mark.parametrize("declared", ["DATETIME", "DATE", "TEXT", "VARCHAR(40)"])
def test_sqlite_s_own_forms_of_a_day_are_all_of_them_days(made: Made, load_made: Any, declared: str) -> None:
    """Letter by letter, `2024-03-01` comes before `2024-03-01 00:00:00.000000` and would fall out of the batch."""
    days = ["2024-03-01", "2024-03-31"]
    if declared == "DATETIME":
        days += ["2024-03-01 00:00:00.000000", "2024-03-01T00:00:00", "2024-03-31 23:59:59", "2024-04-01T01:00+02:00"]
    sqlite_rows(made, [*days, "2024-02-29", "2024-04-01"], declared)
    declare(made, {"production": source(sqlite_of(made))})
    found = landing.land(load_made(), BATCH, "production", here())
    assert found.rows == len(days)


@pytest.mark.parametrize(
    ("day", "words"),
    [
        (None, "'day' holds 1 values in the table that are no time"),
        ("03/05/2024", "'day' holds 1 values in the table that are no time"),
        ("2024-04-31", "'day' holds at least 1 values in the table that are not TIMESTAMP"),
        ("2024-03-05 10:00:00", None),
    ],
)
def test_a_row_without_a_time_belongs_nowhere_and_is_told(
    made: Made, load_made: Any, day: str | None, words: str | None
) -> None:
    batch = BATCHES[3] if day == "2024-04-31" else BATCH
    sqlite_rows(made, [batch, day])
    declare(made, {"production": source(sqlite_of(made))})
    if words is None:
        assert landing.land(load_made(), batch, "production", here()).rows == 2
        return
    with pytest.raises(Held, match=words) as held:
        landing.land(load_made(), batch, "production", here())
    assert day is None or day not in str(held.value)
    assert kept_files(here()) == []


def test_a_time_that_database_and_engine_read_differently_is_told_and_not_lost(made: Made, load_made: Any) -> None:
    """By its offset the row is of March; read without it, of April. It must fall out of neither."""
    sqlite_rows(made, ["2024-03-01", "2024-04-01T01:00:00+02:00"], "TEXT")
    declare(made, {"production": source(sqlite_of(made))})
    path = made.folder / "system.yaml"
    path.write_text(path.read_text().replace("    format: '%Y-%m-%d'\n", ""))
    with pytest.raises(Held, match="1 of 2 rows lie outside the batch 2024-03-01"):
        landing.land(load_made(), BATCH, "production", here())


def test_rows_without_a_time_are_told_by_postgresql_too_and_words_cannot_choose_rows(
    made: Made, load_made: Any, database: Database
) -> None:
    write_table(database.url, "loans", arrow(made_rows(BATCH)))
    declare(made, {"production": source(database.url)})
    database.run("UPDATE loans SET day = NULL WHERE children = 1")
    many = sum(row["children"] == 1 for row in made_rows(BATCH))
    with pytest.raises(Held, match=f"'day' holds {many} values in the table that are no time"):
        landing.land(load_made(), BATCH, "production", here())
    database.run("ALTER TABLE loans ALTER day TYPE text")
    with pytest.raises(Held, match="'day' is TEXT in the table, and only dates and timestamps can choose rows there"):
        landing.land(load_made(), BATCH, "production", here())


# Types


def test_postgresql_s_types_arrive_as_the_contract_s(made: Made, load_made: Any, database: Database) -> None:
    write_table(database.url, "loans", arrow(made_rows(BATCH, rows=3)))
    database.run(
        "CREATE TYPE side AS ENUM ('north', 'south')",
        "ALTER TABLE loans ADD id uuid DEFAULT '00000000-0000-0000-0000-00000000000a', ADD odd jsonb DEFAULT '{}', "
        "ADD place point, ADD whole numeric(5, 0) DEFAULT 7, ADD paid boolean DEFAULT true, "
        "ADD at timestamp DEFAULT '9999-12-31 23:59:59.999999'",
        "ALTER TABLE loans ALTER region TYPE side USING region::side, ALTER children TYPE smallint, "
        "ALTER income TYPE numeric, ALTER score TYPE numeric(6, 4)",
        "UPDATE loans SET income = 'NaN' WHERE \"case\" = '2024-03-01-0'",
        "UPDATE loans SET income = 0.1 WHERE \"case\" = '2024-03-01-1'",
    )
    more = {
        "id": ({"roles": ["feature"]}, "string"),
        "odd": ({"roles": ["feature"]}, "string"),
        "place": ({"roles": ["feature"]}, "string"),
        "whole": ({"roles": ["feature"]}, "integer"),
        "paid": ({"roles": ["feature"]}, "boolean"),
        "at": ({"roles": ["feature"], "kind": "categorical"}, "timestamp"),
    }
    try:
        declare(made, {"production": source(database.url)}, **more)
        found = landing.land(load_made(), BATCH, "production", here())
    finally:
        database.run("DROP TABLE loans", "DROP TYPE side")
    table = pq.read_table(found.path).sort_by("case")
    rows = made_rows(BATCH, rows=3)
    assert repr(table["income"].to_pylist()) == repr([float("nan"), 0.1, rows[2]["income"]])
    assert table["score"].to_pylist() == [row["score"] for row in rows]
    assert table["children"].to_pylist() == [row["children"] for row in rows]
    assert table["region"].to_pylist() == [row["region"] for row in rows]
    assert table["id"].to_pylist() == ["00000000-0000-0000-0000-00000000000a"] * 3
    assert table["at"].to_pylist() == [dt.datetime(9999, 12, 31, 23, 59, 59, 999999)] * 3
    assert (table["whole"].to_pylist(), table["paid"].to_pylist()) == ([7] * 3, [True] * 3)
    assert found.body["observed"]["absent_or_retyped"] == ["odd", "place"], "no type of the contract is theirs"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            "ALTER children TYPE numeric USING 1.5",
            "'children' is NUMERIC|'children' is DOUBLE in the table and integer",
        ),
        ("ALTER children TYPE text", "'children' is VARCHAR in the table and integer in the contract"),
        ("ALTER score TYPE boolean USING true", "'score' is BOOLEAN in the table and number in the contract"),
        ("ALTER region TYPE jsonb USING '{}'", "'region' is JSONB in the table and string in the contract"),
    ],
)
def test_a_column_of_another_type_is_held_back(
    made: Made, load_made: Any, database: Database, change: str, words: str
) -> None:
    write_table(database.url, "loans", arrow(made_rows(BATCH)))
    database.run(f"ALTER TABLE loans {change}")
    declare(made, {"production": source(database.url)})
    with pytest.raises(Held, match=words):
        landing.land(load_made(), BATCH, "production", here())


def test_a_value_that_no_driver_can_read_is_told_without_it(made: Made, load_made: Any, database: Database) -> None:
    """A day after the year 9999 is none in Python, and the driver's own words would quote it."""
    write_table(database.url, "loans", arrow(made_rows(BATCH)))
    database.run("UPDATE loans SET day = '12024-03-01' WHERE \"case\" = '2024-03-01-7'")
    declare(made, {"training": source(database.url), "production": source(database.url)})
    with pytest.raises(Held, match=r"training table loans holds values that cannot be read \(DataError\)") as held:
        landing.land(load_made(), "training", "training", here())
    assert "12024" not in str(held.value)
    assert landing.land(load_made(), BATCH, "production", here()).rows == ROWS - 1


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("children", "Wilhelmina", "'children' holds at least 1 values in the table that are not BIGINT"),
        ("score", "Wilhelmina", "'score' holds at least 1 values in the table that are not DOUBLE"),
        ("region", b"\xff\xfeWilhelmina", "'region' holds at least 1 values in the table that are not VARCHAR"),
    ],
)
def test_sqlite_keeps_anything_in_any_column_and_what_does_not_fit_is_told_in_counts(
    made: Made, load_made: Any, column: str, value: Any, words: str
) -> None:
    sqlite_rows(made, ["2024-03-01"] * 3)
    change = f"UPDATE loans SET {column} = {'CAST(? AS TEXT)' if isinstance(value, bytes) else '?'}"
    with closing(sqlite3.connect(made.incoming / "made.db")) as connection, connection:
        connection.execute(f"{change} WHERE \"case\" = '{BATCH}-1'", (value,))
    declare(made, {"production": source(sqlite_of(made))})
    with pytest.raises(Held, match=words) as held:
        landing.land(load_made(), BATCH, "production", here())
    assert "Wilhelmina" not in str(held.value)
    assert kept_files(here()) == []


@pytest.mark.parametrize(
    ("value", "fits"), [(True, True), (1, True), (0, True), (None, True), (2, False), ("yes", False)]
)
def test_a_truth_value_is_one_of_two(value: Any, fits: bool) -> None:
    assert tables._fits(tables._Column("x", sa.Boolean(), "BOOLEAN"), value) is fits


@pytest.mark.parametrize(
    ("value", "fits"), [(Decimal("7"), True), (Decimal("7.5"), False), (Decimal("NaN"), False), (2**63, False)]
)
def test_a_whole_number_has_no_fraction(value: Any, fits: bool) -> None:
    assert tables._fits(tables._Column("x", sa.Numeric(9, 0), "BIGINT"), value) is fits


# What cannot be reached


def test_an_awkward_table_is_only_a_name(made: Made, load_made: Any, database: Database) -> None:
    name = 'x"; DROP TABLE y; --'
    for url in (database.url, sqlite_of(made)):
        for table in (name, "y"):
            write_table(url, table, arrow(made_rows(BATCH)))
        declare(made, {"production": source(url, name)})
        assert landing.land(load_made(), BATCH, "production", here()).rows == ROWS
        declare(made, {"production": source(url, "y")})
        assert landing.land(load_made(), BATCH, "production", here()).rows == ROWS


def spoil_password(database: Database, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("LOANS_PASSWORD", "wrong-one")


def take_rights(database: Database, patch: pytest.MonkeyPatch) -> None:
    database.run("REVOKE ALL ON loans FROM reader")


def drop_table(database: Database, patch: pytest.MonkeyPatch) -> None:
    database.run("DROP TABLE loans")


def forget_password(database: Database, patch: pytest.MonkeyPatch) -> None:
    patch.delenv("LOANS_PASSWORD")


OUT_OF_REACH = {
    "a wrong password": (spoil_password, UsageFault, r"cannot be read \(OperationalError\). Check that the database"),
    "no rights": (take_rights, UsageFault, r"cannot be read \(ProgrammingError, SQLSTATE 42501\)"),
    "no password": (forget_password, UsageFault, "needs the environment variable LOANS_PASSWORD"),
}


@pytest.mark.parametrize(("happen", "error", "words"), OUT_OF_REACH.values(), ids=OUT_OF_REACH.keys())
def test_what_cannot_be_reached_is_no_bad_data_and_loses_nothing(
    made: Made,
    load_made: Any,
    database: Database,
    reader: str,
    happen: Any,
    error: type[Exception],
    words: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_table(database.url, "loans", arrow(made_rows(BATCH)))
    database.run("GRANT SELECT ON loans TO reader")
    declare(made, {"production": source(reader)})
    good = landing.land(load_made(), BATCH, "production", here())
    happen(database, monkeypatch)
    with pytest.raises(error, match=words) as told:
        landing.land(load_made(), BATCH, "production", here())
    text = str(told.value)
    assert "\n" not in text
    assert not any(secret in text for secret in (PASSWORD, "wrong-one", "host=", "reader:", "psycopg"))
    assert told.value.__cause__ is None
    assert told.value.__suppress_context__
    assert [event.kind for event in here().register.events()] == ["schema.found", "batch.landed"]
    assert landing.landed(load_made(), BATCH, "production", here()).digest == good.digest


def test_a_table_or_a_database_file_that_is_not_there_has_not_arrived_and_is_not_made(
    made: Made, load_made: Any, database: Database
) -> None:
    declare(made, {"production": source(database.url, "risk.loans")})
    with pytest.raises(NotArrived, match="production table risk.loans is not there"):
        landing.land(load_made(), BATCH, "production", here())
    declare(made, {"production": source("sqlite:///loans.db")})
    with pytest.raises(NotArrived, match="the database loans.db is not there"):
        landing.land(load_made(), BATCH, "production", here())
    assert not (made.folder / "loans.db").exists()
    write_table(f"sqlite:///{made.folder}/loans.db", "loans", arrow(made_rows(BATCH)))
    assert landing.land(load_made(), BATCH, "production", here()).rows == ROWS, "it starts at the folder of system.yaml"


def test_a_connection_that_breaks_while_rows_come_leaves_nothing(
    made: Made, load_made: Any, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_table(database.url, "loans", arrow(made_rows(BATCH)))
    declare(made, {"production": source(database.url)})
    make = tables._array

    def broken(column: Any, values: Any) -> Any:
        if column.name == "late":
            database.ask(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE query LIKE 'FETCH FORWARD%'"
            )
        return make(column, values)

    monkeypatch.setattr(tables, "ROWS_AT_ONCE", 70)
    monkeypatch.setattr(tables, "_array", broken)
    with pytest.raises(UsageFault, match="production table loans cannot be read") as fault:
        landing.land(load_made(), BATCH, "production", here())
    assert "\n" not in str(fault.value)
    assert (kept_files(here()), here().register.events()) == ([], [])


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgres://h/db", "the dialect 'postgres' is not installed. PostgreSQL is called postgresql"),
        ("mysql+pymysql://h/db", r"needs the driver pymysql. Install it: pip install 'pymysql'"),
        (
            "postgresql+psycopg2://h/db",
            r"needs the driver psycopg2. Install it: pip install 'aims-monitor\[postgres\]'",
        ),
        ("${LOANS_DB}", "is no SQLAlchemy URL with what LOANS_DB hold"),
    ],
)
def test_a_driver_or_dialect_that_is_missing_is_named(
    made: Made, load_made: Any, url: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOANS_DB", "nothing of the kind: s3cret")
    declare(made, {"production": source(url)})
    with pytest.raises(UsageFault, match=words) as fault:
        landing.land(load_made(), BATCH, "production", here())
    assert "s3cret" not in str(fault.value)


def test_a_whole_address_may_stand_in_the_environment(
    made: Made, load_made: Any, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_table(database.url, "loans", arrow(made_rows(BATCH)))
    monkeypatch.setenv("LOANS_DB", database.url)
    declare(made, {"production": source("${LOANS_DB}")})
    assert landing.land(load_made(), BATCH, "production", here()).rows == ROWS
