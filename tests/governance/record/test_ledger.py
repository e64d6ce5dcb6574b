"""Truth: the chain recomputed from raw rows with hashlib and json, and faults planted with raw SQL."""

import hashlib
import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.faults import UsageFault
from governance.record import database as database_module
from governance.record import ledger
from governance.records import Outcome
from governance.register import Register
from tests.governance.conftest import NOON, look

ROOT = Path(__file__).parents[3]
Open = Callable[[Path], Register]


def raw(path: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


def sha(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def recomputed(path: Path) -> list[tuple[str, str]]:
    """Leaf and entry of every event, by the formula alone."""
    chain, previous = [], bytes(32)
    for seq, at, actor, kind, subject, body in raw(
        path, "SELECT seq, at, actor, kind, subject, body FROM event ORDER BY seq"
    ):
        event = {"seq": seq, "at": at, "actor": actor, "kind": kind, "subject": subject, "body": body}
        text = json.dumps(event, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        leaf = sha(b"\x00" + text.encode())
        previous = sha(b"\x01" + previous + leaf)
        chain.append((leaf.hex(), previous.hex()))
    return chain


def kept_chain(path: Path) -> list[tuple[str, str]]:
    return raw(path, "SELECT leaf, entry FROM event ORDER BY seq")


def faults(register: Register) -> list[str]:
    with register.reading() as connection:
        return list(ledger.chain_faults(connection))


def write_five(register: Register) -> None:
    for number in range(1, 6):
        register.record("note.made", f"loans/{number}", {"number": number, "share": number / 10}, at=NOON)


def child(script: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, *arguments], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


# The chain


def test_every_entry_follows_from_the_formula(register: Register, database: Path):
    write_five(register)
    register.record("note.made", 'loans/é "€" \\ 😀', {"é": [None, True, {"b": "\n", "a": 0.1}]}, at=NOON)
    assert len(kept_chain(database)) == 6
    assert kept_chain(database) == recomputed(database)


@given(st.lists(st.tuples(st.text(max_size=5), st.dictionaries(st.text(max_size=5), st.integers(0, 9))), max_size=6))
@settings(deadline=None, max_examples=12)
def test_any_events_make_a_chain_that_holds(tmp_path_factory: pytest.TempPathFactory, written: list[Any]):
    path = tmp_path_factory.mktemp("chain") / "register.db"
    register = Register(path)
    for subject, body in written:
        register.record("note.made", subject, body, at=NOON)
    found = register.events()
    assert (faults(register), kept_chain(path)) == ([], recomputed(path))
    assert [(event.seq, event.subject, event.body) for event in found] == [
        (number, *item) for number, item in enumerate(written, 1)
    ]
    assert register.head() == (len(written), recomputed(path)[-1][1] if written else "0" * 64)
    register.engine.dispose()


def test_an_event_is_dated_in_utc(register: Register):
    east = datetime(2020, 1, 1, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    event = register.record("note.made", "loans", {}, at=east)
    assert event and event.at == "2019-12-31T23:30:00.000+00:00"


def test_events_are_found_by_kind_family_and_start_of_subject(register: Register):
    for kind, subject in (("a.b", "x_y/1"), ("a.c", "x_y/2"), ("ab.c", "x_y/3"), ("a.b", "xzy/4"), ("a.b", "x%/5")):
        register.record(kind, subject, {}, at=NOON)
    assert [event.seq for event in register.events("a.*")] == [1, 2, 4, 5]
    assert [event.seq for event in register.events("a.b")] == [1, 4, 5]
    # `_` and `%` would match anything in SQL's LIKE.
    assert [event.seq for event in register.events(prefix="x_y/")] == [1, 2, 3]
    assert [event.seq for event in register.events(prefix="x%")] == [5]


def test_the_same_news_is_entered_once_and_old_news_again_after_other_news(register: Register):
    written = [
        register.record("batch.landed", "loans/1", {"digest": digest}, at=NOON, unless="digest")
        for digest in ("a", "a", "b", "b", "a")
    ]
    assert [event.body["digest"] if event else None for event in written] == ["a", None, "b", None, "a"]
    assert register.record("batch.landed", "loans/2", {"digest": "a"}, at=NOON, unless="digest") is not None


# What is in it stays as it is


@pytest.mark.parametrize("act", ["UPDATE {} SET seq = seq + 100", "DELETE FROM {}"])
@pytest.mark.parametrize("table", ["event", "measurement", "verdict"])
def test_no_row_of_any_table_can_be_changed_or_removed(register: Register, database: Path, table: str, act: str):
    register.keep(look({"stable/all": Outcome.BREACH}), at=NOON)
    before = raw(database, f"SELECT * FROM {table}")
    assert before
    with closing(sqlite3.connect(database)) as connection:
        with pytest.raises(sqlite3.IntegrityError, match=f"{table} is append-only"):
            connection.execute(act.format(table))
        connection.commit()
    assert raw(database, f"SELECT * FROM {table}") == before


def test_every_table_has_its_triggers(register: Register, database: Path):
    tables = {name for (name,) in raw(database, "SELECT name FROM sqlite_master WHERE type = 'table'")}
    guarded = set(raw(database, "SELECT tbl_name, name FROM sqlite_master WHERE type = 'trigger'"))
    assert guarded == {
        (table, f"{table}_no_{act}")
        for table in tables - {"alembic_version"}
        for act in ("update", "delete", "replace")
    }


def test_a_chain_nobody_touched_has_no_fault(register: Register, tamper: Callable[..., None]):
    write_five(register)
    tamper()
    assert faults(register) == []


ALTERED = "event 3 (note.made, loans/3) was altered: its content does not match its leaf."


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        pytest.param("""UPDATE event SET body = '{"number":9}' WHERE seq = 3""", [ALTERED], id="the body edited"),
        pytest.param("UPDATE event SET body = body || ' ' WHERE seq = 3", [ALTERED], id="a blank added to the body"),
        pytest.param("UPDATE event SET body = 'not json' WHERE seq = 3", [ALTERED], id="the body is no JSON"),
        pytest.param("UPDATE event SET body = x'ff' WHERE seq = 3", [ALTERED], id="the body is no text"),
        pytest.param("UPDATE event SET at = '2019' || substr(at, 5) WHERE seq = 3", [ALTERED], id="dated back"),
        pytest.param("UPDATE event SET actor = 'person:ann' WHERE seq = 3", [ALTERED], id="another actor"),
        pytest.param(
            "UPDATE event SET kind = 'note.kept' WHERE seq = 3",
            ["event 3 (note.kept, loans/3) was altered: its content does not match its leaf."],
            id="another kind",
        ),
        pytest.param(
            "UPDATE event SET subject = 'loans/8' WHERE seq = 3",
            ["event 3 (note.made, loans/8) was altered: its content does not match its leaf."],
            id="another subject",
        ),
        pytest.param(
            "UPDATE event SET entry = 'zz' WHERE seq = 3",
            [
                "event 3 (note.made, loans/3) does not follow from the one before it.",
                "event 4 (note.made, loans/4) does not follow from the one before it.",
            ],
            id="an entry that is no hash",
        ),
        pytest.param(
            "UPDATE event SET leaf = 'zz' WHERE seq = 3",
            [ALTERED, "event 3 (note.made, loans/3) does not follow from the one before it."],
            id="a leaf that is no hash",
        ),
        pytest.param(
            "DELETE FROM event WHERE seq = 3",
            [
                "event 3 is missing: the next one is 4.",
                "event 4 (note.made, loans/4) does not follow from the one before it.",
            ],
            id="one removed",
        ),
        pytest.param(
            "DELETE FROM event WHERE seq = 1",
            [
                "event 1 is missing: the next one is 2.",
                "event 2 (note.made, loans/2) does not follow from the one before it.",
            ],
            id="the first one removed",
        ),
        pytest.param(
            "INSERT INTO event SELECT 7, at, actor, kind, 'loans/7', body, leaf, entry FROM event WHERE seq = 5",
            [
                "event 6 is missing: the next one is 7.",
                "event 7 (note.made, loans/7) was altered: its content does not match its leaf.",
                "event 7 (note.made, loans/7) does not follow from the one before it.",
            ],
            id="a copy added past the end",
        ),
    ],
)
def test_a_planted_fault_is_found(register: Register, tamper: Callable[..., None], statement: str, found: list[str]):
    write_five(register)
    tamper(statement)
    assert faults(register) == found


def test_two_events_that_changed_places_are_found(register: Register, tamper: Callable[..., None]):
    write_five(register)
    tamper(
        "UPDATE event SET seq = 99 WHERE seq = 2",
        "UPDATE event SET seq = 2 WHERE seq = 3",
        "UPDATE event SET seq = 3 WHERE seq = 99",
    )
    assert [line.split(" (")[0] for line in faults(register)] == ["event 2", "event 2", "event 3", "event 3", "event 4"]


def test_an_event_slipped_in_between_is_found(register: Register, tamper: Callable[..., None]):
    write_five(register)
    tamper(
        *(f"UPDATE event SET seq = {seq + 1} WHERE seq = {seq}" for seq in (5, 4, 3)),
        "INSERT INTO event SELECT 3, at, actor, kind, 'loans/new', body, leaf, entry FROM event WHERE seq = 2",
    )
    assert "event 3 (note.made, loans/new) was altered: its content does not match its leaf." in faults(register)


def test_an_edit_with_its_own_hashes_made_anew_breaks_the_next_link(
    register: Register, database: Path, tamper: Callable[..., None]
):
    write_five(register)
    tamper("""UPDATE event SET body = '{"number":9}' WHERE seq = 3""")
    leaf, entry = recomputed(database)[2]
    tamper(f"UPDATE event SET leaf = '{leaf}', entry = '{entry}' WHERE seq = 3")
    assert faults(register) == ["event 4 (note.made, loans/4) does not follow from the one before it."]


def test_only_the_head_tells_of_a_truncated_or_wholly_rewritten_chain(
    register: Register, database: Path, tamper: Callable[..., None]
):
    """Why a checkpoint has to be kept elsewhere: the file alone cannot know."""
    write_five(register)
    head = register.head()
    tamper("""UPDATE event SET body = '{"number":9}' WHERE seq = 2""")
    for seq, (leaf, entry) in enumerate(recomputed(database), 1):
        tamper(f"UPDATE event SET leaf = '{leaf}', entry = '{entry}' WHERE seq = {seq}")
    assert faults(register) == []
    assert register.head()[0] == head[0] and register.head()[1] != head[1]
    tamper("DELETE FROM event WHERE seq = 5")
    assert faults(register) == []
    assert register.head()[0] == 4


# Several writers, and writers that die

APPEND = """
import sys, datetime as dt
from pathlib import Path
from governance.register import Register
register = Register(Path(sys.argv[1]))
for number in range(50):
    register.record("note.made", sys.argv[2], {"number": number}, at=dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
"""


def test_four_processes_at_once_leave_one_gapless_chain(database: Path, open_register: Open):
    # None of them finds a database: they also race to make it.
    writers = [child(APPEND, str(database), f"writer/{name}") for name in "abcd"]
    ends = [(*writer.communicate(timeout=60), writer.returncode) for writer in writers]
    assert ends == [("", "", 0)] * 4
    register = open_register(database)
    assert [event.seq for event in register.events()] == list(range(1, 201))
    for name in "abcd":
        mine = register.events(prefix=f"writer/{name}")
        assert [event.body["number"] for event in mine] == list(range(50))
    assert (faults(register), kept_chain(database)) == ([], recomputed(database))


KILLED = """
import sys, time, datetime as dt
from pathlib import Path
from governance.record import database as database_module
from governance.record import ledger
from governance.register import MEASUREMENT, Register
from tests.governance.conftest import NOON, look
register = Register(Path(sys.argv[1]))
keep = register._suspect
def stop(*arguments):
    keep(*arguments)
    print("all is written, nothing is committed", flush=True)
    time.sleep(60)
register._suspect = stop
from governance.records import Outcome
register.keep(look({f"c{n}/all": Outcome.BREACH for n in range(200)}, data="second"), at=NOON)
"""


def test_a_writer_killed_in_its_transaction_leaves_nothing_half_done(
    register: Register, database: Path, open_register: Open
):
    register.keep(look({"stable/all": Outcome.BREACH}), at=NOON)
    before = [raw(database, f"SELECT * FROM {table}") for table in ("event", "measurement", "verdict")]
    register.engine.dispose()
    writer = child(KILLED, str(database))
    assert writer.stdout and "all is written" in writer.stdout.readline()
    writer.kill()
    writer.communicate(timeout=30)
    again = open_register(database)
    assert [raw(database, f"SELECT * FROM {table}") for table in ("event", "measurement", "verdict")] == before
    assert again.keep(look({"stable/all": Outcome.BREACH}, data="second"), at=NOON)
    assert again.faults() == []


def test_an_act_that_fails_takes_its_event_with_it(register: Register):
    with pytest.raises(ZeroDivisionError), ledger.writing(register.engine) as connection:
        ledger.append(connection, "note.made", "loans", {}, actor="service:aims", at=NOON)
        raise ZeroDivisionError
    assert register.head() == (0, "0" * 64)


def test_an_event_that_cannot_be_written_takes_its_act_with_it(register: Register, database: Path):
    with pytest.raises(ValueError, match="NaN has no canonical form"):
        register.keep(look({"stable/all": Outcome.BREACH}, value=float("nan")), at=NOON)
    assert [raw(database, f"SELECT count(*) FROM {table}") for table in ("event", "measurement")] == [[(0,)], [(0,)]]


# Places that cannot be written


@pytest.mark.parametrize(
    ("place", "why"),
    [
        pytest.param("no_folder/register.db", "unable to open database file", id="the folder is missing"),
        pytest.param("file/register.db", "unable to open database file", id="the folder is a file"),
        pytest.param("folder", "unable to open database file", id="a folder stands there"),
        pytest.param("file", "file is not a database", id="another kind of file stands there"),
    ],
)
def test_a_register_that_cannot_be_opened_is_said_in_one_line(tmp_path: Path, place: str, why: str):
    (tmp_path / "file").write_text("no database, but long enough to have a header of its own" * 20)
    (tmp_path / "folder").mkdir()
    with pytest.raises(UsageFault, match=f"The register .*{place} cannot be opened: {why}. Check AIMS_HOME.") as fault:
        ledger.connect(tmp_path / place)
    assert "\n" not in str(fault.value)


def test_a_register_that_cannot_be_written_is_said_in_one_line_and_can_still_be_read(register: Register):
    write_five(register)
    register.engine.dispose()
    sa.event.listen(register.engine, "connect", lambda connection, _: connection.execute("PRAGMA query_only = ON"))
    with pytest.raises(UsageFault, match="cannot be written: attempt to write a readonly.*Nothing was rec") as fault:
        register.record("note.made", "loans/6", {}, at=NOON)
    assert "\n" not in str(fault.value)
    assert register.head()[0] == 5
    assert faults(register) == []


def test_a_second_writer_is_told_when_the_first_never_ends(
    database: Path, open_register: Open, monkeypatch: pytest.MonkeyPatch
):
    first = open_register(database)
    monkeypatch.setattr(database_module, "BUSY_SECONDS", 0)
    with ledger.writing(first.engine):
        second = open_register(database)
        with pytest.raises(UsageFault, match="cannot be written: database is locked"):
            second.record("note.made", "loans", {}, at=NOON)


def test_whoever_only_reads_does_not_wait_for_a_writer(
    database: Path, open_register: Open, monkeypatch: pytest.MonkeyPatch
):
    first = open_register(database)
    write_five(first)
    monkeypatch.setattr(database_module, "BUSY_SECONDS", 0)
    with ledger.writing(first.engine) as connection:
        ledger.append(connection, "note.made", "loans/6", {}, actor="service:aims", at=datetime.now(UTC))
        reader = open_register(database)
        assert reader.head()[0] == 5
    assert reader.head()[0] == 6
