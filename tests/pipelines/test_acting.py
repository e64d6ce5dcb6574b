"""`aims act`, `aims token`, `aims accounts`, `aims exceptions` and what `aims ledger verify` says of acts."""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from governance import ledger
from governance.processes import ACTS
from governance.register import Register
from tests.conftest import Made


class Terminal:
    """Runs the command as people do, each with their own token."""

    def __init__(self, made: Made) -> None:
        self.home, self.tokens = made.home, {}  # type: ignore[var-annotated]

    def aims(self, *arguments: str, by: str | None = None, check: int = 0) -> Result:
        from pipelines.command import main

        held = {"AIMS_TOKEN": self.tokens.get(by, by) if by else None}
        done = CliRunner().invoke(main, arguments, env={"AIMS_HOME": str(self.home), **held})
        assert done.exit_code == check, f"exit {done.exit_code}\n{done.output}\n{done.exc_info}"
        return done

    def token(self, name: str, *arguments: str, by: str | None = None) -> None:
        done = self.aims("token", *(("issue",) if by else ("first",)), name, *arguments, by=by)
        self.tokens[name] = done.stdout.strip()

    def events(self) -> int:
        with closing(sqlite3.connect(self.home / "register.db")) as connection:
            return int(connection.execute("SELECT count(*) FROM event").fetchone()[0])


@pytest.fixture
def terminal(made: Made) -> Terminal:
    """A home with a governance lead, ann, and an engineer, eve."""
    opened = Terminal(made)
    opened.token("ann")
    opened.aims(
        "act", "open-account", "eve", "--role", "engineer", "--system", "loans", "--team", "team:loans", by="ann"
    )
    opened.token("eve", by="ann")
    return opened


def test_the_first_account_is_opened_once(terminal: Terminal):
    again = terminal.aims("token", "first", "mallory", check=2)
    assert "custodian" in again.stderr and again.stdout == ""
    assert "custodian" in terminal.aims("token", "first", "ann", check=2).stderr, "ann has a valid token"
    rows = [json.loads(line) for line in terminal.aims("accounts", "--json").stdout.splitlines()]
    until = (dt.datetime.now(dt.UTC).date() + dt.timedelta(days=90)).isoformat()
    assert rows == [
        {"id": "ann", "state": "open", "roles": ["governance_lead"], "systems": None, "teams": [], "token_until": until},
        {"id": "eve", "state": "open", "roles": ["engineer"], "systems": ["loans"], "teams": ["team:loans"], "token_until": until},
    ]  # fmt: skip


def test_an_act_is_recorded_and_says_so(terminal: Terminal):
    done = terminal.aims("act", "open-account", "bob", "--role", "system_owner", "--role", "engineer", by="ann")
    assert done.stdout.startswith("recorded as event 5: ann · account.opened · account/bob")
    body = json.loads(terminal.aims("act", "close-account", "bob", "--reason", "left", "--json", by="ann").stdout)
    assert (body["kind"], body["subject"], body["actor"]) == ("account.closed", "account/bob", "ann")
    assert body["body"] == {"reason": "left", "token": terminal.tokens["ann"].split("_")[1]}
    assert "events hold" in terminal.aims("ledger", "verify").stdout


@pytest.mark.parametrize(
    ("by", "arguments", "says"),
    [
        (None, ("close-account", "eve", "--reason", "why"), "Acts take a personal token"),
        ("hunter2hunter2", ("close-account", "eve", "--reason", "why"), "not known here"),
        ("eve", ("close-account", "ann", "--reason", "why"), "takes the role governance_lead"),
        ("ann", ("close-account", "ann", "--reason", "why"), "their own account"),
        ("ann", ("close-account", "eve", "--reason", "no"), "See `aims act close-account --help`"),
        ("ann", ("close-account", "eve", "--reason", "ask eve@example.org"), "looks like an e-mail address"),
        ("eve", ("request-exception", "houses", "--duty", "author_approver", "--account", "eve", "--until", "2020-01-01",
                 "--reason", "alone", "--instead", "a sample"), "may not act on houses"),
    ],
    ids=["no token", "a wrong token", "the wrong role", "their own account", "too short a reason", "an e-mail", "another system"],
)  # fmt: skip
def test_a_refused_act_is_one_line_and_no_event(terminal: Terminal, by: str | None, arguments: Any, says: str):
    before = terminal.events()
    done = terminal.aims("act", *arguments, by=by, check=2)
    assert says in done.stderr and done.stderr.startswith("aims: ") and done.stderr.count("\n") == 1
    assert "hunter2" not in done.output and "eve@" not in done.output
    assert terminal.events() == before


def test_a_token_comes_from_a_file_as_well_and_is_never_repeated(terminal: Terminal, tmp_path: Path):
    held, reason = tmp_path / "token", ("--reason", "left", "--token-file")
    held.write_text(terminal.tokens["ann"] + "\n")
    terminal.aims("act", "close-account", "eve", *reason, str(held))
    held.write_bytes(b"\xff\xfesecret-bytes")
    done = terminal.aims("act", "close-account", "eve", *reason, str(held), check=2)
    assert "holds no token" in done.stderr and "secret" not in done.output
    done = terminal.aims("act", "close-account", "eve", *reason, str(tmp_path / "none"), check=2)
    assert "cannot be read" in done.stderr


def test_a_token_for_some_acts_is_refused_for_others(terminal: Terminal):
    terminal.token("eve", "--scope", "exception", "--days", "3", by="ann")
    terminal.aims("act", "revoke-token", "x", "--reason", "lost", by="eve", check=2)
    until = (dt.datetime.now(dt.UTC).date() + dt.timedelta(days=9)).isoformat()
    said = (
        "--duty",
        "author_approver",
        "--account",
        "eve",
        "--until",
        until,
        "--reason",
        "alone",
        "--instead",
        "a look",
    )
    terminal.aims("act", "request-exception", "loans", *said, by="eve")
    (row,) = map(json.loads, terminal.aims("exceptions", "--json").stdout.splitlines())
    assert (row["state"], row["requested_by"], row["granted_by"], row["until"]) == ("requested", "eve", None, until)
    assert (
        "may not change"
        not in terminal.aims("act", "grant-exception", row["id"], "--statement", "fine", by="ann").output
    )
    (row,) = map(json.loads, terminal.aims("exceptions", "--json").stdout.splitlines())
    assert (row["state"], row["granted_by"]) == ("granted", "ann")


def test_a_forged_act_makes_verify_fail_and_names_it(terminal: Terminal):
    register = Register(terminal.home / "register.db")
    with ledger.writing(register.engine) as connection:
        body = {"roles": ["governance_lead"], "systems": [], "teams": [], "demonstration": False, "token": None}
        at = dt.datetime.now(dt.UTC)
        seq = ledger.append(connection, "account.opened", "account/mallory", body, actor="ann", at=at).seq
    register.engine.dispose()
    done = terminal.aims("ledger", "verify", check=1)
    assert f"event {seq} (account.opened, account/mallory) was against the rules: ann must act with a" in done.stdout


def test_no_token_stands_anywhere_under_the_home(terminal: Terminal):
    kept = b"".join(path.read_bytes() for path in terminal.home.rglob("*") if path.is_file())
    for secret in terminal.tokens.values():
        assert secret.split("_", 2)[2].encode() not in kept and secret.split("_")[1].encode() in kept


def test_every_act_explains_itself(terminal: Terminal):
    listed = terminal.aims("act", "--help").stdout
    for act in ACTS:
        assert act.verb in listed
        helped = terminal.aims("act", act.verb, "--help").stdout
        assert act.kind in helped
        for name, field in act.says.model_fields.items():
            assert field.description, f"{act.verb} {name} says nothing of itself"


def test_nothing_is_done_where_nothing_was_recorded(made: Made, tmp_path: Path):
    done = Terminal(made).aims("act", "close-account", "eve", "--reason", "why", by="x", check=2)
    assert "Nothing is recorded in" in done.stderr
    assert not made.home.exists()
