"""`aims ledger`: what an operator and an auditor type. Truth: faults planted in the database by its owner."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from assets.kept.home import Home
from tests.conftest import Made
from tests.governance.conftest import NOON
from tests.timestamp_authority import Authority, answering

Aims = Callable[..., Result]


@pytest.fixture
def aims(made: Made) -> Iterator[Aims]:
    """The command in a home with five notes in its ledger."""
    register = Home(made.home).register()
    for number in range(5):
        register.record("note.made", f"loans/{number}", {"number": number}, at=NOON)
    register.engine.dispose()
    yield made.aims


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """Where the auditor keeps things."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    return folder


def kept(aims: Aims, elsewhere: Path) -> tuple[str, ...]:
    """Key and checkpoint as an auditor keeps them, and as `verify` is given them."""
    aims("ledger", "checkpoint", "--out", str(elsewhere / "kept.json"))
    (elsewhere / "ledger.pem").write_text(aims("ledger", "key").stdout)
    return ("--key", str(elsewhere / "ledger.pem"), "--checkpoint", str(elsewhere / "kept.json"))


def own(made: Made, *statements: str) -> None:
    with closing(sqlite3.connect(made.home / "register.db")) as connection:
        for (trigger,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {trigger}")
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def test_without_a_checkpoint_a_ledger_holds_and_is_unanchored(aims: Aims) -> None:
    assert aims("ledger", "verify").stdout.splitlines()[0].startswith("5 events hold; last entry ")
    assert "unanchored: no signed checkpoint kept elsewhere was given" in aims("ledger", "verify").stdout


def test_with_a_key_and_a_checkpoint_kept_elsewhere_it_is_anchored(aims: Aims, elsewhere: Path) -> None:
    given = kept(aims, elsewhere)
    said = aims("ledger", "verify", *given).stdout
    assert "unanchored" not in said
    assert re.search(
        r"1 checkpoint holds; the newest covers events 1 to 6, signed \S+ with key [0-9a-f]{16}; events 7 to 7 came",
        said,
    )
    assert "unanchored: the key is this installation's own" in aims("ledger", "verify", *given[2:]).stdout
    assert "unanchored: no signed checkpoint" in aims("ledger", "verify", *given[:2]).stdout


def test_a_shortened_ledger_is_found(made: Made, aims: Aims, elsewhere: Path) -> None:
    given = kept(aims, elsewhere)
    aims("ledger", "checkpoint", "--out", given[3])
    aims("ledger", "verify", *given)
    own(made, "DELETE FROM event WHERE seq > 6")
    assert "6 events hold" in aims("ledger", "verify").stdout
    done = aims("ledger", "verify", *given, check=1)
    assert f"{given[3]} was signed over 7 events, and 6 are there: the end was cut off." in done.stdout
    assert "The ledger does NOT hold: 1 faults in 6 events." in done.stderr


def test_a_checkpoint_stays_in_the_home_and_says_where(made: Made, aims: Aims) -> None:
    said = aims("ledger", "checkpoint").stdout
    assert said.startswith("6 events signed with key ")
    assert str(made.home / "checkpoints" / "checkpoint-6.json") in said
    assert stat.S_IMODE((made.home / "keys" / "ledger.pem").stat().st_mode) == 0o600


def test_a_key_named_elsewhere_signs(made: Made, aims: Aims, elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = aims("ledger", "key").stdout
    shutil.move(made.home / "keys" / "ledger.pem", elsewhere / "signing.pem")
    monkeypatch.setenv("AIMS_LEDGER_KEY", str(elsewhere / "signing.pem"))
    assert aims("ledger", "key").stdout == first
    aims("ledger", "checkpoint")
    assert not (made.home / "keys" / "ledger.pem").exists()
    monkeypatch.setenv("AIMS_LEDGER_KEY", str(elsewhere / "none.pem"))
    done = aims("ledger", "checkpoint", check=2)
    assert "none.pem cannot be read: No such file or directory. Check AIMS_LEDGER_KEY." in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_checkpoint_that_cannot_be_copied_is_not_recorded(aims: Aims, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    done = aims("ledger", "checkpoint", "--out", str(tmp_path / "file" / "x.json"), check=2)
    assert "Nothing was recorded." in done.stderr and done.stderr.count("\n") == 1
    assert "5 events hold" in aims("ledger", "verify").stdout


def test_an_export_is_verified_by_the_file_that_comes_with_it(aims: Aims, elsewhere: Path, tmp_path: Path) -> None:
    given = kept(aims, elsewhere)
    folder = tmp_path / "export"
    assert f"7 events: {folder}" in aims("ledger", "export", str(folder)).stdout
    assert sorted(path.name for path in folder.iterdir()) == [
        "README.txt",
        "checkpoints",
        "events.jsonl",
        "keys.pem",
        "verify_ledger.py",
    ]
    command = [sys.executable, "-I", str(folder / "verify_ledger.py"), str(folder), *given]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env={"PATH": os.defpath})
    assert (done.returncode, done.stderr) == (0, "")
    assert "7 events hold" in done.stdout and "unanchored" not in done.stdout
    assert "is not empty" in aims("ledger", "export", str(folder), check=2).stderr


def test_export_and_verify_make_no_key(made: Made, aims: Aims, elsewhere: Path, tmp_path: Path) -> None:
    aims("ledger", "export", str(tmp_path / "export"))
    (elsewhere / "x.json").write_text("{}")
    done = aims("ledger", "verify", "--checkpoint", str(elsewhere / "x.json"), check=2)
    assert "There is no key in" in done.stderr
    assert not (made.home / "keys" / "ledger.pem").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("verify", "--key", "no.pem"), "no.pem cannot be read: No such file or directory."),
        (("verify", "--tsa-cert", "no.pem"), "--tsa-cert verifies the time-stamps of checkpoints"),
        (("anchor", "--tsa", "http://127.0.0.1:9/"), "There is no checkpoint in"),
        (("anchor", "--tsa", "http://127.0.0.1:9/", "--checkpoint", "no.json"), "no.json cannot be read: No such file"),
    ],
)
def test_what_cannot_be_done_as_asked_is_one_line_and_exit_2(
    aims: Aims, arguments: tuple[str, ...], words: str
) -> None:
    done = aims("ledger", *arguments, check=2)
    assert words in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "command", [("verify",), ("checkpoint",), ("key",), ("export", "x"), ("anchor", "--tsa", "http://x/")]
)
def test_where_there_is_no_ledger_none_is_made(made: Made, command: tuple[str, ...]) -> None:
    assert "There is no ledger in" in made.aims("ledger", *command, check=2).stderr
    assert not made.home.exists()


# Time-stamps


def test_a_time_stamp_stands_beside_the_checkpoint_and_is_verified_offline(
    made: Made,
    aims: Aims,
    elsewhere: Path,
    authority: Authority,
    tmp_path: Path,
) -> None:
    given = kept(aims, elsewhere)
    with answering(lambda query: (200, authority.answer(query))) as url:
        said = aims("ledger", "anchor", "--tsa", url).stdout
    stored = made.home / "checkpoints" / "checkpoint-6.json.tsr"
    assert said.startswith("checkpoint-6.json was there at 20") and str(stored) in said
    (event,) = Home(made.home).register().events("ledger.anchored")
    assert event.subject == "checkpoint-6.json" and event.body["authority"] == "127.0.0.1"
    shutil.copy(stored, elsewhere / "kept.json.tsr")
    certificate = ("--tsa-cert", str(authority.certificates))
    assert re.search(
        r"kept.json was there at 20\S+, says the time-stamp authority",
        aims("ledger", "verify", *given, *certificate).stdout,
    )
    aims("ledger", "export", str(tmp_path / "export"))
    authority.openssl(
        "ts", "-verify", "-in", tmp_path / "export/checkpoints/checkpoint-6.json.tsr",
        "-data", tmp_path / "export/checkpoints/checkpoint-6.json", "-CAfile", authority.folder / "ca.pem",
    )  # fmt: skip
    # A token over another checkpoint.
    aims("ledger", "checkpoint", "--out", str(elsewhere / "kept.json"))
    done = aims("ledger", "verify", *given, *certificate, check=1)
    assert "kept.json.tsr does not vouch for kept.json: Mismatch between messages." in done.stdout


def test_an_answer_that_is_of_no_use_is_neither_kept_nor_recorded(aims: Aims, made: Made) -> None:
    aims("ledger", "checkpoint")
    with answering(lambda query: (200, b"<html>")) as url:
        done = aims("ledger", "anchor", "--tsa", url, check=2)
    assert "of no use: it is no time-stamp response (RFC 3161, in DER)." in done.stderr
    assert [path.name for path in (made.home / "checkpoints").iterdir()] == ["checkpoint-6.json"]
    assert Home(made.home).register().events("ledger.anchored") == []


def test_everything_works_with_the_register_in_postgresql(
    made: Made, elsewhere: Path, tmp_path: Path, postgres_database: sa.URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIMS_DATABASE_URL", postgres_database.render_as_string(hide_password=False))
    register = Home(made.home).register()
    for number in range(2_500):  # more than are read at a time
        register.record("note.made", f"loans/{number}", {"number": number}, at=NOON)
    given = kept(made.aims, elsewhere)
    assert "covers events 1 to 2501" in made.aims("ledger", "verify", *given).stdout
    made.aims("ledger", "export", str(tmp_path / "export"))
    lines = (tmp_path / "export" / "events.jsonl").read_text().splitlines()
    assert [json.loads(line)["seq"] for line in lines] == list(range(1, 2_503))
    with sa.create_engine(postgres_database, poolclass=sa.NullPool).begin() as connection:
        connection.exec_driver_sql("ALTER TABLE event DISABLE TRIGGER event_no_change")
        connection.exec_driver_sql("DELETE FROM event WHERE seq > 2000")
    assert "2000 events hold" in made.aims("ledger", "verify").stdout
    assert "it was cut off or rewritten before it was named" in made.aims("ledger", "verify", *given, check=1).stdout


def test_the_group_is_listed() -> None:
    from pipelines.command import main

    said = CliRunner().invoke(main, ["ledger", "--help"]).stdout
    assert re.findall(r"^  (\w+) ", said.split("Commands:")[1], re.MULTILINE) == [
        "anchor",
        "checkpoint",
        "export",
        "key",
        "verify",
    ]


def test_an_event_that_cannot_be_read_is_named_and_nothing_is_told_of_it(aims: Aims, made: Made) -> None:
    own(made, "UPDATE event SET body = replace(body, '{', '!') WHERE seq = 2")
    said = aims("ledger", "verify", check=1).output
    assert "event 2 (note.made, loans/1) was altered" in said and "The ledger does NOT hold" in said
    # A judgement, which other commands read as well.
    own(made, "UPDATE event SET kind = 'batch.judged' WHERE seq = 2")
    assert "event 2 of the register was altered and cannot be read" in aims("status", check=2).output
    assert "event 2 (batch.judged, loans/1) was altered" in aims("ledger", "verify", check=1).output
