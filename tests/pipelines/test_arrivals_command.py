"""Arrivals, changes of columns and suppliers, as the command shows them. Days and rows are counted by hand."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest

from assets.kept.home import Site, site
from assets.landed import checking
from assets.landed.checking import land_and_check
from assets.landed.landing import Held, land
from governance.cases.schema_changes import changes, looks_personal
from governance.people.acts import Refused, perform
from governance.people.appointing import ACTS as APPOINTING
from governance.processes import BY_VERB
from governance.suppliers import supplier_rows
from tests.conftest import BATCHES, ROWS, Made, made_rows, system_yaml, write_csv

BATCH, LATER = BATCHES[2], BATCHES[3]


def on(day: str) -> Site:
    return site(at=dt.datetime.fromisoformat(day).replace(hour=9, tzinfo=dt.UTC), run="test")


def listed(made: Made, *command: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in made.aims(*command, "--json").output.splitlines()]


def with_grace(made: Made) -> None:
    declared = system_yaml(str(made.incoming))
    declared["batches"]["grace_days"] = 5
    made.declare(system=declared)


@pytest.mark.parametrize(
    ("day", "timing", "days"),
    [
        ("2024-03-31", "early", 1),
        ("2024-04-01", "on_time", 0),
        ("2024-04-06", "on_time", 0),
        ("2024-04-07", "late", 1),
        ("2024-05-06", "late", 30),
    ],
    ids=["before its end", "at its end", "on the last day of grace", "a day after", "a month after"],
)
def test_a_batch_is_early_on_time_or_late(made: Made, load_made: Any, day: str, timing: str, days: int) -> None:
    with_grace(made)
    made.send(BATCHES[0])
    made.send(BATCH)
    land(load_made(), BATCHES[0], "production", on("2024-02-01"))
    land(load_made(), BATCH, "production", on(day))
    (row,) = listed(made, "arrivals", "--system", "loans", "--batch", "2024-03")
    assert (row["timing"], row["days"], row["kind"]) == (timing, days, "first")


@pytest.mark.parametrize(
    ("first", "timing"), [("2024-04-06", "late"), ("2024-04-07", "backfilled")], ids=["was waited for", "was not"]
)
def test_what_was_due_before_anybody_waited_is_backfilled(made: Made, load_made: Any, first: str, timing: str) -> None:
    """March was due on the 6th of April. A look for it in vain is enough for it to be late."""
    with_grace(made)
    load_made()
    site().register.record("batch.absent", f"loans/{LATER}", {"due": "2024-06-06"}, at=on(first).at)
    made.send(BATCH)
    land(load_made(), BATCH, "production", on("2024-05-06"))
    (row,) = listed(made, "arrivals")
    assert (row["timing"], row["days"]) == (timing, 30)


def test_landing_the_same_rows_under_a_new_declaration_is_not_late_by_that(made: Made, load_made: Any) -> None:
    made.send(BATCH)
    land(load_made(), BATCH, "production", on("2024-04-01"))
    with_grace(made)
    again = land(load_made(), BATCH, "production", on("2024-06-20"))
    assert (again.body["arrival"]["timing"], again.body["arrival"]["first_seen"]) == ("on_time", "2024-04-01")


def test_a_correction_tells_what_it_changed_by_key(made: Made, load_made: Any) -> None:
    rows = made_rows(BATCH)
    write_csv(made.incoming / f"{BATCH}.csv", rows)
    first = land(load_made(), BATCH, "production", on("2024-04-02"))
    new = {**rows[0], "case": "new"}
    mended = [{**rows[2], "income": 1.0}, {**rows[3], "children": 9}, *rows[4:], new]
    write_csv(made.incoming / f"{BATCH}.csv", mended)
    land(load_made(), BATCH, "production", on("2024-04-03"))
    (row,) = listed(made, "arrivals")
    assert (row["kind"], row["supersedes"], row["rows_before"], row["rows"]) == ("corrected", first.digest, 300, 299)
    assert (row["added"], row["removed"], row["changed"]) == (1, 2, 2)
    assert len(listed(made, "arrivals", "--all")) == 2


def test_without_a_key_a_correction_counts_rows_that_came_and_went(made: Made, load_made: Any) -> None:
    declared = system_yaml(str(made.incoming))
    declared["columns"]["case"] = {"roles": ["feature"]}
    made.declare(system=declared)
    rows = made_rows(BATCH)
    write_csv(made.incoming / f"{BATCH}.csv", rows)
    land(load_made(), BATCH, "production", on("2024-04-02"))
    write_csv(made.incoming / f"{BATCH}.csv", [{**rows[0], "income": 1.0}, *rows[1:]])
    found = land(load_made(), BATCH, "production", on("2024-04-03")).body["arrival"]
    assert (found["added"], found["removed"], found["changed"]) == (1, 1, None)


def test_a_whole_batch_sent_again_under_other_days_is_a_duplicate_without_a_key(
    made: Made, load_made: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        checking,
        "contract_outcome",
        lambda *_: dict(met=0, unmet=[], not_evaluated=[], not_declared=[], tool_failed=False),
    )
    declared = system_yaml(str(made.incoming))
    declared["columns"]["case"] = {"roles": ["feature"]}
    made.declare(system=declared)
    rows = made_rows(BATCH)
    write_csv(made.incoming / f"{LATER}.csv", [{**row, "day": LATER} for row in reversed(rows)])
    land_and_check(load_made(), LATER, "production", on("2024-05-02"))
    write_csv(made.incoming / f"{BATCH}.csv", rows)
    land_and_check(load_made(), BATCH, "production", on("2024-05-02"))
    found = {row["batch"]: row for row in listed(made, "arrivals")}
    assert (found[BATCH]["state"], found[LATER]["state"]) == ("in use", "held")
    assert (found[LATER]["kind"], found[LATER]["others"]) == ("duplicate", [BATCH])


@pytest.mark.parametrize("how", ["allowed", "entity"])
def test_rows_may_come_again_where_that_is_declared(
    made: Made, load_made: Any, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        checking,
        "contract_outcome",
        lambda *_: dict(met=0, unmet=[], not_evaluated=[], not_declared=[], tool_failed=False),
    )
    declared = system_yaml(str(made.incoming))
    if how == "allowed":
        declared["batches"]["overlap"] = "allowed"
    else:
        declared["columns"]["case"] = {"roles": ["key", "entity"]}
    made.declare(system=declared)
    rows = [{**row, "case": f"c{place}"} for place, row in enumerate(made_rows(LATER))]
    write_csv(made.incoming / f"{LATER}.csv", rows)
    write_csv(made.incoming / f"{BATCH}.csv", [{**r, "day": BATCH, "income": r["income"] + 1} for r in rows])
    for batch in (BATCH, LATER):
        land_and_check(load_made(), batch, "production", on("2024-05-02"))
    assert {row["state"] for row in listed(made, "arrivals")} == {"in use"}


def test_a_change_of_columns_is_told_once_and_stays_open_until_somebody_decides(made: Made, load_made: Any) -> None:
    made.send(BATCHES[2])
    land(load_made(), BATCHES[2], "production", on("2024-04-02"))
    for batch in BATCHES[3:]:
        rows = [
            {k: v for k, v in row.items() if k != "income"} | {"incomes": 1, "e_mail": "x"} for row in made_rows(batch)
        ]
        write_csv(made.incoming / f"{batch}.csv", rows)
        land(load_made(), batch, "production", on("2024-06-02"))
    found = {row["change"]: row for row in listed(made, "schema")}
    assert len(here_events("schema.changed")) == 1
    assert (found["renamed"]["column"], found["renamed"]["other"]) == ("income", "incomes")
    assert (found["added"]["column"], found["added"]["looks_personal"]) == ("e_mail", True)
    assert {row["state"] for row in found.values()} == {"open"}
    assert "2 changes of columns wait for a decision" in made.aims("arrivals").output
    decide(found["added"]["id"], "leave_out")
    found = {row["change"]: row for row in listed(made, "schema")}
    assert (found["added"]["state"], found["added"]["decided_by"]) == ("leave_out", "bob")
    with pytest.raises(Refused, match="decided already"):
        decide(found["added"]["id"], "leave_out")
    with pytest.raises(Refused, match="no change"):
        decide("S-none", "declare")
    assert site().register.faults() == []


def here_events(kind: str) -> list[Any]:
    return site().register.events(kind)


def decide(item: str, decision: str) -> None:
    register = site().register
    now = dt.datetime(2024, 7, 1, tzinfo=dt.UTC)
    with register.engine.begin() as connection:
        if not register.events("account.opened"):
            opening = next(a for a in APPOINTING if a.kind == "account.opened")
            said = {"roles": ["ml_reviewer"], "demonstration": True}
            perform(connection, opening, "bob", said, account="service:aims", at=now)
        act = BY_VERB["decide-schema"]
        perform(connection, act, item, {"decision": decision, "reason": "It is not needed."}, account="bob", at=now)


def test_changes_are_told_apart_and_what_is_declared_is_none() -> None:
    before = {"a": "BIGINT", "b": "VARCHAR", "Code": "VARCHAR", "name": "VARCHAR"}
    now = {"b": "BIGINT", "code": "VARCHAR", "name": "VARCHAR", "z": "DATE"}
    found = changes("s/production", before, now, {"a", "b", "Code"}, {"name"})
    told = [(c.change, c.column, c.other, c.type_before, c.type) for c in found]
    assert told == [
        ("renamed", "Code", "code", "VARCHAR", "VARCHAR"),
        ("gone", "a", None, "BIGINT", None),
        ("retyped", "b", None, "VARCHAR", "BIGINT"),
        ("added", "z", None, None, "DATE"),
    ]
    assert changes("s/production", now, dict(reversed(now.items())), {"b"}, set()) == (), "an order is no change"
    assert [looks_personal(n) for n in ("first_name", "e-mail", "birth_date", "namespace", "rename", "income")] == [
        True, True, True, False, False, False,
    ]  # fmt: skip


def test_a_supplier_is_told_by_counts_and_days(made: Made, load_made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fake(_: Any, found: Any, _site: Any) -> dict[str, Any]:
        unmet = [{"rule": "r", "blocking": True, "reason": "no"}] if found.rows == ROWS - 1 else []
        return {"met": 0, "unmet": unmet, "not_evaluated": [], "not_declared": [], "tool_failed": False}

    monkeypatch.setattr(checking, "contract_outcome", fake)
    with_grace(made)
    for batch, day in ((BATCHES[0], "2024-02-03"), (BATCHES[1], "2024-03-07"), (BATCHES[2], "2024-04-26")):
        made.send(batch)
        land_and_check(load_made(), batch, "production", on(day))
    made.send(BATCHES[3], rows=ROWS - 1)
    with pytest.raises(Held):
        land_and_check(load_made(), BATCHES[3], "production", on("2024-04-30"))
    made.send(BATCHES[3])
    land_and_check(load_made(), BATCHES[3], "production", on("2024-05-02"))
    found = supplier_rows({"loans": load_made()}, site().register, dt.date(2024, 6, 30))
    (row,) = found
    assert (row["supplier"], row["expected"], row["landed"], row["absent"]) == ("the test", 5, 4, 1)
    assert (row["on_time"], row["late"], row["early"], row["backfilled"]) == (1, 2, 1, 0)
    # Due on the 6th of March and of April: a day and twenty days late.
    assert (row["late_days_median"], row["late_days_worst"]) == (10.5, 20)
    assert (row["corrected"], row["duplicate"], row["held_for"]) == (1, 0, {"contract": 1})
    assert (row["rules_unmet"], row["checked"], row["provenance_incomplete"]) == (0, 4, 0)
