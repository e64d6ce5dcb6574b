"""What a person reads of cases at a terminal: the story of one, what is due, and what the pass over them says."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from pathlib import Path

import pytest

from governance.cases.corrective_action import step_due
from governance.organisation.laid_down import declared_deadlines
from governance.people.acts import SERVICE, perform
from governance.processes import BY_VERB
from governance.record import ledger
from governance.register import Register
from tests.conftest import Made

APRIL = "2024-04-01"


@pytest.fixture
def moved(made: Made) -> Made:
    """One suspicion: incomes move in April."""
    made.send_all()
    made.send(APRIL, shift=2.0)
    made.aims("run", "loans", check=1)
    return made


def register_of(made: Made) -> Register:
    return Register(made.home / "register.db")


def case_of(made: Made) -> str:
    return next(case.id for case in register_of(made).nonconformities() if case.criterion == "income_is_stable")


def confirm(made: Made) -> None:
    now = dt.datetime.now(dt.UTC)
    with ledger.writing(register_of(made).engine) as connection:
        said = {"roles": ("ml_reviewer",), "demonstration": True}
        perform(connection, BY_VERB["open-account"], "mia", said, account=SERVICE, at=now)
        perform(connection, BY_VERB["confirm"], case_of(made), {"reason": "incomes moved"}, account="mia", at=now)


def test_the_story_of_a_case_tells_each_step_and_what_is_next(moved: Made) -> None:
    name = case_of(moved)
    confirm(moved)
    moved.aims("follow")
    said = moved.aims("case", name).stdout
    assert said.splitlines()[0] == f"{name}  loans  income_is_stable  [income]"
    assert "suspected  by service:aims" in said and "confirmed  by mia" in said
    assert "reason: incomes moved" in said and "cause: income moved: jensen_shannon" in said
    assert "extent: loans: 1 breaches of" in said
    (case,) = [case for case in register_of(moved).nonconformities() if case.id == name]
    assert f"next, by {step_due(case, declared_deadlines())}: contain it" in said


def test_the_story_as_rows_is_every_event_of_the_case_and_no_other(moved: Made) -> None:
    rows = [json.loads(line) for line in moved.aims("case", case_of(moved), "--json").stdout.splitlines()]
    assert [row["kind"] for row in rows] == ["nonconformity.suspected"]
    assert {row["subject"] for row in rows} == {"loans/income_is_stable/income"}


def test_an_unknown_case_is_told_in_one_line(moved: Made) -> None:
    assert moved.aims("case", "NC-9999", check=2).stderr == (
        "aims: There is no case 'NC-9999'. See `aims nonconformities`.\n"
    )


def test_what_is_due_comes_by_its_day_with_the_days_that_are_left(moved: Made) -> None:
    rows = [json.loads(line) for line in moved.aims("due", "--json").stdout.splitlines()]
    assert [row["due"] for row in rows] == sorted(row["due"] for row in rows)
    triage = next(row for row in rows if row["id"].startswith(f"{case_of(moved)}/suspected"))
    # The criterion's severity is major, for which the shipped organisation gives ten days.
    assert triage["days"] == 10 and triage["owner"] == "team:loans"


def test_a_home_in_which_nothing_ran_has_nothing_due_and_nothing_to_follow(made: Made) -> None:
    assert made.aims("due").stdout == "Nothing is due.\n"
    assert "Nothing has run yet" in made.aims("follow", check=2).stderr


def test_following_twice_adds_nothing(moved: Made) -> None:
    confirm(moved)
    assert "2 facts attached" in moved.aims("follow").stdout
    assert moved.aims("follow").stdout.startswith("new: 0 facts attached, 0 observations, 0 reminders")


def test_an_event_about_no_case_breaks_no_listing_and_is_found_by_verify(moved: Made) -> None:
    body = {"case": 99_999, "reason": "because so", "owner": None, "severity": None, "token": None}
    with ledger.writing(register_of(moved).engine) as connection:
        subject, now = "loans/income_is_stable/income", dt.datetime.now(dt.UTC)
        ledger.append(connection, "nonconformity.confirmed", subject, body, actor="mallory", at=now)
    assert case_of(moved) in moved.aims("nonconformities").stdout
    assert "mallory is unknown" in moved.aims("ledger", "verify", check=1).stdout


@pytest.fixture
def broken_deadlines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shipped organisation, with one deadline that is no number of days."""
    folder = tmp_path / "organisation"
    shutil.copytree(Path(__file__).resolve().parents[2] / "data" / "organisation", folder)
    text = (folder / "management.yaml").read_text("utf-8")
    (folder / "management.yaml").write_text(text.replace("look_back_days: 730", "look_back_days: soon"), "utf-8")
    monkeypatch.setenv("AIMS_ORGANISATION", str(folder))


@pytest.mark.usefixtures("broken_deadlines")
def test_deadlines_that_cannot_be_read_silence_no_alert_and_are_told(made: Made) -> None:
    made.send_all()
    made.send(APRIL, shift=2.0)
    said = made.aims("run", "loans", check=1).stderr
    assert "suspected nonconformity" in said and "nobody is reminded of what is due" in said
    assert register_of(made).events("alert.sent")
    confirm(made)
    done = made.aims("follow", check=2)
    assert "2 facts attached" in done.stdout
    assert done.stderr == "aims: Nobody was reminded: management.yaml has 1 faults. See `aims check`.\n"
    assert "The organisation's documents have 1 faults" in made.aims("due", check=2).stderr
    # A case is shown all the same.
    row = next(json.loads(line) for line in made.aims("nonconformities", "--json").stdout.splitlines())
    assert row["state"] == "confirmed" and row["due"] is None
    assert "next, by an unknown day: contain it" in made.aims("case", row["id"]).stdout


def test_what_was_found_is_told_although_following_broke(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: the pass over the cases breaks half way."""

    def breaks(*_: object) -> None:
        raise LookupError("planted")

    monkeypatch.setattr("assets.cases.following.note_changes", breaks)
    made.send_all()
    made.send(APRIL, shift=2.0)
    assert "LookupError" in made.aims("run", "loans", check=3).output
    assert [e.subject for e in register_of(made).events("alert.sent") if e.subject.startswith("event/")]
