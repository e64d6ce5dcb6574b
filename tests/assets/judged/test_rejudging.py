"""Verdicts reached again from stored measurements: the same, unless a limit or a row was changed."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import Any

import pytest

from assets.judged.rejudging import rejudge
from governance.register import Register
from tests.conftest import Made

APRIL = "2024-04-01"


@pytest.fixture
def run(made: Made) -> Made:
    """Two batches in which nothing happens, and one in which incomes move by two standard deviations."""
    made.send_all()
    made.send(APRIL, shift=2.0)
    made.aims("run", "loans", check=1)
    return made


def register_of(made: Made) -> Register:
    return Register(made.home / "register.db")


def backtested(made: Made, limit: float, *more: str) -> dict[str, tuple[str, str]]:
    done = made.aims("backtest", "loans", "income_is_stable", "--limit", str(limit), "--json", *more)
    return {row["batch"]: (row["declared"], row["proposed"]) for row in map(json.loads, done.stdout.splitlines())}


def test_every_verdict_is_reached_again_to_the_last_word(run: Made) -> None:
    found = rejudge(register_of(run))
    assert found.verdicts == len(register_of(run).verdicts()) > 0
    assert (found.faults, found.by_other_code) == ((), 0)
    said = run.aims("ledger", "verify").stdout
    assert f"{found.verdicts} verdicts follow from their stored measurements" in said


def test_a_verdict_changed_together_with_its_digest_is_found_by_judging_again(run: Made) -> None:
    """Who can write the file can mend the digest of the results; the verdict then still does not follow."""
    register = register_of(run)
    rows = [row for row in register.verdicts() if row["verdict"] == "breach"]
    assert rows
    with closing(sqlite3.connect(run.home / "register.db")) as connection:
        for (trigger,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {trigger}")
        connection.execute("UPDATE verdict SET verdict = 'conforming' WHERE id = ?", (rows[0]["id"],))
        connection.commit()
    found = rejudge(register_of(run))
    assert [fault.split(":")[1].strip() for fault in found.faults] == [
        "the verdict on income_is_stable [income] does not follow from its measurement."
    ]


def test_a_backtest_at_the_declared_limit_changes_nothing(run: Made) -> None:
    found = backtested(run, 0.25)
    assert found == {
        "2024-03-01": ("conforming", "conforming"),
        APRIL: ("breach",) * 2,
        "2024-05-01": ("conforming",) * 2,
    }
    kept = {
        row["batch"]: row["verdict"] for row in register_of(run).verdicts() if row["criterion"] == "income_is_stable"
    }
    assert {batch: declared for batch, (declared, _) in found.items()} == kept


def test_another_limit_shows_what_it_would_have_done_and_keeps_nothing(run: Made) -> None:
    before = register_of(run).head()
    assert backtested(run, 50.0)[APRIL] == ("breach", "conforming")
    assert backtested(run, 0.001)["2024-05-01"] == ("conforming", "inconclusive"), "noise alone reaches so far"
    assert backtested(run, 0.25, "--warn", "0.0")["2024-05-01"] == ("conforming", "warning")
    assert register_of(run).head() == before


WRONG = {
    "has no criterion 'no_such'; it has income_is_stable, late_share": ("no_such", "--limit", "1"),
    "cannot have the limit -1: With direction either": ("late_share_is_stable", "--limit", "-1"),
    "`warn` must be reached before `limit`": ("income_is_stable", "--limit", "0.1", "--warn", "0.2"),
}


def test_what_cannot_be_tried_is_told_in_one_line(run: Made) -> None:
    for words, arguments in WRONG.items():
        assert words in run.aims("backtest", "loans", *arguments, check=2).output


def test_the_family_and_the_budget_stand_with_every_verdict(run: Made) -> None:
    register = register_of(run)
    rows: list[dict[str, Any]] = register.verdicts()
    assert {(row["criterion"], row["family_alpha"], row["family_size"]) for row in rows} == {
        ("income_is_stable", 0.05, 1),
        ("late_share_is_stable", 0.05, 1),
        ("regions_are_treated_alike", 0.05, 1),
    }
    event = register.judged_batches("loans")[APRIL]
    assert event.body["assessment"]["false_alarms"] == {
        "at_most": "2.0",
        "per": "year",
        "looks": {"income_is_stable": 12, "late_share_is_stable": 12, "regions_are_treated_alike": 12},
    }
