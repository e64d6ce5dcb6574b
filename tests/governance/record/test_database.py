"""The record in SQLite and in PostgreSQL, each the real thing.

Truth: raw SQL by the owner of the database, PostgreSQL's own rights and limits, processes that are really killed,
and a file system that is really full.
"""

from __future__ import annotations

import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from governance.faults import UsageFault
from governance.record import database, ledger
from governance.record.database import METADATA
from governance.records import Outcome
from governance.register import Register
from tests.governance.conftest import NOON, Owner, look

ROOT = Path(__file__).parents[3]
TABLES = ("event", "measurement", "verdict", "part")
Place = Path | sa.URL


def as_argument(place: Place) -> str:
    return str(place) if isinstance(place, Path) else place.render_as_string(hide_password=False)


def child(script: str, *arguments: str) -> subprocess.Popen[str]:
    # The database is the first argument: a path, or the URL of a server.
    head = "import sys, sqlalchemy as sa\nfrom pathlib import Path\nfrom governance.register import Register\n"
    head += "place = sa.make_url(sys.argv[1]) if '://' in sys.argv[1] else Path(sys.argv[1])\n"
    return subprocess.Popen(
        [sys.executable, "-c", head + script, *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def faults(register: Register) -> list[str]:
    with register.reading() as connection:
        return list(ledger.chain_faults(connection))


def note(register: Register, number: int) -> None:
    register.record("note.made", f"loans/{number}", {"number": number}, at=NOON)


# The same record in both


def test_what_is_kept_comes_back_and_holds(opened: Register):
    judgement = look(
        {"zeta/all": Outcome.BREACH, "alike/region: north − south": Outcome.INCONCLUSIVE, "b/all": Outcome.CONFORMING}
    )
    assert opened.keep(judgement, at=NOON)
    assert not opened.keep(judgement, at=NOON)
    assert opened.records("loans", "2013-07-01") == (judgement.measurements, judgement.verdicts)
    assert opened.part_records("loans", "2013-07-01") == judgement.parts
    assert [case.criterion for case in opened.nonconformities()] == ["zeta"]
    assert opened.faults() == []


def test_rows_come_back_in_the_order_in_which_they_were_measured(opened: Register):
    """Their ids are digests and the names are not sorted: no index of either database has this order by chance."""
    names = [f"{word}{number}" for number in range(12) for word in ("q", "b", "z")]
    for data in ("first", "second"):
        opened.keep(look({f"{name}/all": Outcome.CONFORMING for name in names}, data=data), at=NOON)
    assert [row["criterion"] for row in opened.verdicts(superseded=True)] == names * 2
    assert [row["column"] for row in opened.measurements()] == [*names, "income"]
    assert [part.measurement.column for part in opened.part_records("loans", "2013-07-01")] == [
        n for n in names for _ in "12"
    ]


def test_a_ledger_is_the_same_to_the_last_bit_in_either_database(tmp_path: Path, postgres_database: sa.URL):
    heads = []
    for place in (tmp_path / "register.db", postgres_database):
        register = Register(place)
        register.record("note.made", 'loans/é "€" \\ 😀', {"é": [None, True, {"b": "\n\x00", "a": 0.1}]}, at=NOON)
        register.keep(look({"stable/all": Outcome.BREACH}, value=-0.0), at=NOON)
        heads.append((register.head(), register.measurements(), register.faults()))
        register.engine.dispose()
    assert heads[0] == heads[1]
    assert heads[0][0][0] == 3 and heads[0][2] == []


def test_the_start_of_a_subject_is_told_apart_by_case(opened: Register):
    note(opened, 1)
    assert (len(opened.events(prefix="loans/")), len(opened.events(prefix="Loans/"))) == (1, 0)


def test_a_reader_sees_one_state_while_a_writer_goes_on(opened: Register, place: Place):
    note(opened, 1)
    if isinstance(place, Path):
        pytest.skip("SQLite's writer waits for the reader, so there is nothing to see")
    with opened.reading() as connection:
        assert ledger.head(connection)[0] == 1
        note(opened, 2)
        assert ledger.head(connection)[0] == 1
    assert opened.head()[0] == 2


def test_a_reader_cannot_write(opened: Register, place: Place):
    if isinstance(place, Path):
        pytest.skip("SQLite has no read-only transaction")
    with opened.reading() as connection, pytest.raises(sa.exc.InternalError, match="read-only transaction"):
        ledger.append(connection, "note.made", "loans", {}, actor="service:aims", at=NOON)


# What is in it stays as it is


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("act", ["UPDATE {} SET seq = seq + 100", "DELETE FROM {}"], ids=["update", "delete"])
def test_no_row_can_be_changed_or_removed(opened: Register, owner: Owner, table: str, act: str):
    opened.keep(look({"stable/all": Outcome.BREACH}), at=NOON)
    before = owner.ask(f"SELECT * FROM {table}")
    assert before
    with pytest.raises(sa.exc.DBAPIError, match=f"{table} is append-only"):
        owner.run(act.format(table))
    assert owner.ask(f"SELECT * FROM {table}") == before


@pytest.mark.parametrize("table", TABLES)
def test_sqlite_refuses_to_replace_a_row(tmp_path: Path, table: str):
    """REPLACE removes the old row without a word to a DELETE trigger, by its key or by its rowid."""
    path = tmp_path / "register.db"
    Register(path).keep(look({"stable/all": Outcome.BREACH}), at=NOON)
    owner = Owner(path)
    key = "seq" if table == "event" else "id"
    names = [f'"{name}"' for _, name, *_ in owner.ask(f"PRAGMA table_info({table})")]
    others = ", ".join(name for name in names if name != f'"{key}"')
    before = owner.ask(f"SELECT * FROM {table}")
    ways = [
        f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}",
        f"REPLACE INTO {table} SELECT * FROM {table}",
        f"INSERT INTO {table} SELECT * FROM {table} WHERE true ON CONFLICT DO UPDATE SET seq = 99",
    ]
    if key == "id":
        ways.append(f"INSERT OR REPLACE INTO {table} (rowid, id, {others}) SELECT rowid, 'new', {others} FROM {table}")
    for statement in ways:
        with pytest.raises(sa.exc.IntegrityError, match=f"{table} is append-only"):
            owner.run(statement)
    assert owner.ask(f"SELECT * FROM {table}") == before


@pytest.mark.parametrize("table", TABLES)
def test_postgresql_refuses_to_empty_a_table_even_where_triggers_are_off_for_replication(
    postgres_database: sa.URL, table: str
):
    register, owner = Register(postgres_database), Owner(postgres_database)
    register.keep(look({"stable/all": Outcome.BREACH}), at=NOON)
    key = "seq" if table == "event" else "id"
    for statement in (
        f"TRUNCATE {table} CASCADE",
        f"DELETE FROM {table} WHERE false",
        f"INSERT INTO {table} SELECT * FROM {table} ON CONFLICT ({key}) DO UPDATE SET seq = 99",
        f"MERGE INTO {table} USING (SELECT 1) AS one ON true WHEN MATCHED THEN DELETE",
    ):
        for before in ((), ("SET LOCAL session_replication_role = replica",)):
            with pytest.raises(sa.exc.DBAPIError, match="is append-only"):
                owner.run(*before, statement)
    assert register.faults() == []
    register.engine.dispose()


def test_every_table_that_may_not_change_is_guarded_and_no_other(opened: Register, owner: Owner, place: Place):
    fixed = {table.name for table in METADATA.sorted_tables if not table.info.get("mutable")}
    if isinstance(place, Path):
        found = owner.ask("SELECT tbl_name, name FROM sqlite_master WHERE type = 'trigger'")
        assert set(found) == {
            (table, f"{table}_no_{act}") for table in fixed for act in ("update", "delete", "replace")
        }
    else:
        found = owner.ask(
            "SELECT DISTINCT tgrelid::regclass::text, tgname, tgenabled::text FROM pg_trigger WHERE NOT tgisinternal"
        )
        assert set(found) == {(table, f"{table}_no_change", "A") for table in fixed}


# Several writers, and writers that die

APPEND = """
import datetime as dt
register = Register(place)
for number in range(int(sys.argv[3])):
    register.record("note.made", sys.argv[2], {"number": number}, at=dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
"""


def test_eight_processes_at_once_lose_nothing(place: Place):
    """None of them finds a database: they also race to make it."""
    each = 1_250
    writers = [child(APPEND, as_argument(place), f"writer/{name}", str(each)) for name in "abcdefgh"]
    ends = [(*writer.communicate(timeout=600), writer.returncode) for writer in writers]
    assert ends == [("", "", 0)] * 8
    register = Register(place)
    events = register.events()
    assert [event.seq for event in events] == list(range(1, 8 * each + 1))
    for name in "abcdefgh":
        assert [e.body["number"] for e in events if e.subject == f"writer/{name}"] == list(range(each))
    assert faults(register) == []
    register.engine.dispose()


KEEP = """
from tests.governance.conftest import NOON, look
from governance.records import Outcome
register = Register(place)
print("ready", flush=True)
for number in range(100_000):
    register.keep(look({f"c{n}/all": Outcome.BREACH for n in range(20)}, data=f"{sys.argv[2]}{number}"), at=NOON)
"""


def test_writers_killed_at_any_moment_leave_nothing_half_done(place: Place):
    """A look of 20 breaches writes 102 rows and up to 21 events: whatever moment the signal meets, all or none."""
    Register(place).engine.dispose()
    for round_number in range(6):
        writers = [child(KEEP, as_argument(place), f"{round_number}{name}") for name in "ab"]
        for writer in writers:
            assert writer.stdout and writer.stdout.readline() == "ready\n"
        time.sleep(0.15 + 0.037 * round_number)
        for writer in writers:
            writer.send_signal(signal.SIGKILL)
            writer.communicate(timeout=30)
            assert writer.returncode == -signal.SIGKILL
    register = Register(place)
    looks = register.events("batch.judged")
    assert looks, "they were killed before they wrote anything"
    assert register.faults() == []
    assert len(register.verdicts(superseded=True)) == 20 * len(looks)
    note(register, 1)
    assert faults(register) == []
    register.engine.dispose()


STOPPED = """
import time
from tests.governance.conftest import NOON, look
from governance.records import Outcome
register = Register(place)
suspect = register._suspect
def stop(*arguments):
    suspect(*arguments)
    print("all is written, nothing is committed", flush=True)
    time.sleep(60)
register._suspect = stop
register.keep(look({f"c{n}/all": Outcome.BREACH for n in range(200)}, data="second"), at=NOON)
"""


def test_a_writer_killed_before_it_commits_leaves_nothing_and_lets_the_next_one_in(
    opened: Register, owner: Owner, place: Place
):
    opened.keep(look({"stable/all": Outcome.BREACH}), at=NOON)
    before = [owner.ask(f"SELECT * FROM {table}") for table in TABLES]
    opened.engine.dispose()
    writer = child(STOPPED, as_argument(place))
    assert writer.stdout and "all is written" in writer.stdout.readline()
    writer.kill()
    writer.communicate(timeout=30)
    assert opened.keep(look({"stable/all": Outcome.BREACH}, data="second"), at=NOON)
    after = [owner.ask(f"SELECT * FROM {table}") for table in TABLES]
    assert all(later[: len(earlier)] == earlier for later, earlier in zip(after, before, strict=True))
    assert len(after[0]) == len(before[0]) + 2  # the look, and the batch joins its case again
    assert opened.faults() == []


def test_a_second_writer_is_told_when_the_first_never_ends(place: Place, monkeypatch: pytest.MonkeyPatch):
    first = Register(place)
    monkeypatch.setattr(database, "BUSY_SECONDS", 0)
    second = Register(place)
    with (
        ledger.writing(first.engine),
        pytest.raises(
            UsageFault,
            match="cannot be written: (database is locked|canceling statement due to lock timeout).*Nothing was rec",
        ) as fault,
    ):
        note(second, 1)
    assert "\n" not in str(fault.value)
    note(second, 1)
    assert second.head()[0] == 1


# Places that cannot be written


def test_a_database_without_the_right_to_write_stops_the_act_in_one_line(opened: Register, owner: Owner, place: Place):
    opened.keep(look({"stable/all": Outcome.BREACH}), at=NOON)
    before = [owner.ask(f"SELECT * FROM {table}") for table in TABLES]
    opened.engine.dispose()
    if isinstance(place, Path):
        sa.event.listen(opened.engine, "connect", lambda connection, _: connection.execute("PRAGMA query_only = ON"))
        why = "attempt to write a readonly database"
    else:
        owner.run(f"ALTER DATABASE {place.database} SET default_transaction_read_only = on")
        why = "cannot execute INSERT in a read-only transaction"
    with pytest.raises(UsageFault, match=f"cannot be written: {why}. Nothing was recorded") as fault:
        opened.keep(look({"stable/all": Outcome.BREACH}, data="second"), at=NOON)
    assert "\n" not in str(fault.value)
    assert [owner.ask(f"SELECT * FROM {table}") for table in TABLES] == before
    assert opened.faults() == []


def test_a_role_that_may_only_look_and_add_is_enough_and_one_that_may_only_look_is_told(postgres_database: sa.URL):
    owner, whole = Owner(postgres_database), Register(postgres_database)
    owner.run(
        "DROP ROLE IF EXISTS adder", "DROP ROLE IF EXISTS looker", "CREATE ROLE adder LOGIN", "CREATE ROLE looker LOGIN",
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO adder, looker",
        "GRANT INSERT ON event, measurement, verdict, part TO adder",
    )  # fmt: skip
    adder, looker = (Register(postgres_database.set(username=name)) for name in ("adder", "looker"))
    assert adder.keep(look({"stable/all": Outcome.BREACH}), at=NOON)
    with pytest.raises(UsageFault, match="cannot be written: permission denied for table event. Nothing was recorded"):
        note(looker, 1)
    assert (looker.head()[0], looker.faults()) == (2, [])
    for register in (adder, looker, whole):
        register.engine.dispose()
    owner.run("DROP OWNED BY adder, looker", "DROP ROLE adder, looker")


def test_a_full_database_stops_the_act_and_leaves_nothing(tmp_path: Path):
    register, owner = Register(tmp_path / "register.db"), Owner(tmp_path / "register.db")
    note(register, 1)
    register.engine.dispose()
    ((pages,),) = owner.ask("PRAGMA page_count")
    sa.event.listen(register.engine, "connect", lambda c, _: c.execute(f"PRAGMA max_page_count = {pages}"))
    with pytest.raises(UsageFault, match="cannot be written: database or disk is full. Nothing was recorded"):
        register.keep(look({f"c{n}/all": Outcome.BREACH for n in range(50)}), at=NOON)
    assert [len(owner.ask(f"SELECT * FROM {table}")) for table in TABLES] == [1, 0, 0, 0]
    assert faults(register) == []


FULL = """
from governance.faults import UsageFault
from governance.records import Outcome
from tests.governance.conftest import NOON, look
register = Register(place)
try:
    for number in range(10_000):
        register.keep(look({f"c{n}/all": Outcome.BREACH for n in range(50)}, data=str(number)), at=NOON)
except UsageFault as fault:
    print(number, fault)
"""


@pytest.fixture
def small_disk(tmp_path: Path) -> Any:
    """A file system of one megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a file system needs rights that this process does not have")
    yield folder
    subprocess.run(["umount", folder], check=True)


def ends_full(register_path: Path, limit: Callable[[], None] | None) -> None:
    head = "import sys\nfrom pathlib import Path\nfrom governance.register import Register\nplace = Path(sys.argv[1])\n"
    done = subprocess.run(
        [sys.executable, "-B", "-c", head + FULL, str(register_path)],
        cwd=ROOT, capture_output=True, text=True, check=True, preexec_fn=limit,
    )  # fmt: skip
    found = re.fullmatch(
        r"(\d+) The register \S+ cannot be written: (database or disk is full|disk I/O error)\. Nothing was recorded; make it writable and run again\.\n",
        done.stdout,
    )
    assert found, done.stdout + done.stderr
    kept = Register(register_path)
    assert len(kept.events("batch.judged")) == int(found[1]) > 0
    assert kept.faults() == []
    kept.engine.dispose()


def test_a_full_disk_stops_the_act_and_leaves_the_looks_before_it(small_disk: Path):
    ends_full(small_disk / "register.db", None)


def test_a_disk_that_turned_read_only_stops_the_act_and_can_still_be_read(small_disk: Path):
    register = Register(small_disk / "register.db")
    note(register, 1)
    register.engine.dispose()
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    for one in (register, Register(small_disk / "register.db")):
        with pytest.raises(
            UsageFault, match="cannot be written: .*(readonly|unable to open).*Nothing was recorded"
        ) as fault:
            note(one, 2)
        assert "\n" not in str(fault.value)
        assert (one.head()[0], faults(one)) == (1, [])
        one.engine.dispose()


def test_a_file_that_may_not_grow_stops_the_act_and_leaves_the_looks_before_it(tmp_path: Path):
    ends_full(tmp_path / "register.db", lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20)))


def test_a_register_that_went_away_is_said_in_one_line(opened: Register, owner: Owner, place: Place, postgres_url: str):
    note(opened, 1)
    if isinstance(place, Path):
        opened.engine.dispose()
        place.write_bytes(b"no database " * 1_000)
        why = "file is not a database"
    else:
        server = sa.create_engine(postgres_url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
        with server.connect() as connection:
            connection.exec_driver_sql(f"ALTER DATABASE {place.database} ALLOW_CONNECTIONS false")
            connection.exec_driver_sql(
                f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{place.database}'"
            )
        why = f'.*database "{place.database}" is not currently accepting connections'
    with pytest.raises(UsageFault, match=f"cannot be read: {why}.") as fault:
        opened.head()
    assert "\n" not in str(fault.value)


def test_a_wrong_statement_is_a_fault_of_the_program_and_raised_as_one(opened: Register):
    with pytest.raises(sa.exc.DBAPIError, match="no_such_table"), opened.reading() as connection:
        connection.exec_driver_sql("SELECT * FROM no_such_table")


def test_a_server_that_was_started_anew_is_reached_again(postgres_database: sa.URL):
    """Connections that are kept open are tried before they are used."""
    register = Register(postgres_database)
    note(register, 1)
    Owner(postgres_database).ask(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    note(register, 2)
    assert register.head()[0] == 2
    register.engine.dispose()


# A password is nobody's business

PASSWORD = "s3cr3t-w0rd"


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://reader:{}@127.0.0.1:9/register",
        "postgresql://reader@127.0.0.1:9/register?password={}",
        "postgresql://reader:{}@no-such-host.invalid/register",
        "postgresql://reader:{}@127.0.0.1:9/register?sslmode={}",
    ],
)
def test_an_unreachable_server_is_said_in_one_line_without_the_password(address: str):
    url = sa.make_url(address.format(PASSWORD, PASSWORD))
    for act in (ledger.connect, database.exists):
        with pytest.raises(
            UsageFault, match="The register 'register' on .* cannot be opened: .*Check AIMS_DATABASE_URL."
        ) as fault:
            act(url)
        assert PASSWORD not in str(fault.value)
        assert "\n" not in str(fault.value)


def test_an_error_of_the_database_shows_no_values(opened: Register):
    note(opened, 1)
    with pytest.raises(sa.exc.IntegrityError) as error, ledger.writing(opened.engine) as connection:
        row = connection.execute(sa.select(ledger.EVENT)).one()._mapping
        connection.execute(ledger.EVENT.insert().values(**{**row, "subject": PASSWORD}))
    assert PASSWORD not in str(error.value)
    assert opened.head()[0] == 1
