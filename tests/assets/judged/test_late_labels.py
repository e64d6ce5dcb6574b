"""Outcomes that come late and in parts: what was known on which day, how old it was, and of whom it was known."""

import datetime as dt
import json
from typing import Any

import pytest

from assets.judged.judging import judge_batch
from assets.judged.reference import freeze_reference
from assets.kept.home import home, site
from assets.landed.landing import NotArrived, land
from governance.declared.declarations import load
from tests.conftest import BATCHES, Made, made_rows, system_yaml, write_csv

BATCH = BATCHES[2]  # March 2024; outcomes count as known from 1 May on
EARLY, PARTIAL, FULL = dt.date(2024, 4, 2), dt.date(2024, 4, 20), dt.date(2024, 5, 6)


def send_outcomes(made: Made, rows: list[dict[str, Any]]) -> None:
    write_csv(made.incoming / "outcomes.csv", [{"case": row["case"], "late": row["late"]} for row in rows])


def look(made: Made, day: dt.date) -> None:
    """Lands what there is and judges the batch, on that day."""
    declaration = load(made.folder)
    place = site(at=dt.datetime.combine(day, dt.time(9), dt.UTC), run=f"on {day}")
    freeze_reference(declaration, place)
    for part in ("production", "outcomes"):
        try:
            land(declaration, BATCH, part, place)
        except NotArrived:
            assert part == "outcomes"
    judge_batch(declaration, BATCH, place)


@pytest.fixture
def matured(made: Made) -> Made:
    """March looked at before its outcomes, after those of the north, and after all."""
    system = system_yaml(str(made.incoming))
    source = system["sources"]["production"]
    system["sources"]["outcomes"] = {**source, "path": f"{made.incoming}/outcomes.csv"}
    system["sources"]["reference"] = source
    made.declare(system=system)
    for batch in BATCHES[:2]:
        made.send(batch)
    rows = made_rows(BATCH)
    write_csv(made.incoming / f"{BATCH}.csv", [row | {"late": None} for row in rows])
    look(made, EARLY)
    send_outcomes(made, [row for row in rows if row["region"] == "north"])
    look(made, PARTIAL)
    send_outcomes(made, rows)
    look(made, FULL)
    return made


def values(day: dt.date | None, metric: str, segment: str | None = None) -> list[float | None]:
    found = home().register().measurements(system="loans", batch=BATCH, as_known_on=day)
    return [row["value"] for row in found if (row["metric"], row["segment"]) == (metric, segment)]


def verdict(day: dt.date) -> str:
    found = home().register().verdicts(batch=BATCH, as_known_on=day)
    (row,) = [row for row in found if row["criterion"] == "late_share_is_stable"]
    return f"{row['verdict']}: {row['reason']}"


def test_each_day_has_the_answer_that_was_known_on_it(matured: Made) -> None:
    rows = made_rows(BATCH)
    north = [row["late"] for row in rows if row["region"] == "north"]
    coverage, rate = "label_coverage", "outcome_rate"
    assert (values(EARLY, coverage), values(EARLY, rate)) == ([0.0], [None])
    assert values(PARTIAL, coverage) == [len(north) / len(rows)]
    assert values(PARTIAL, rate) == [sum(north) / len(north)]
    assert (values(FULL, coverage), values(FULL, rate)) == ([1.0], [sum(row["late"] for row in rows) / len(rows)])
    # Between two looks the earlier one holds; before the first there is nothing; without a day, the newest.
    assert values(PARTIAL - dt.timedelta(days=1), rate) == [None]
    assert values(FULL - dt.timedelta(days=1), rate) == values(PARTIAL, rate)
    assert values(EARLY - dt.timedelta(days=1), coverage) == []
    assert values(None, rate) == values(FULL, rate)
    assert home().register().faults() == []


def test_a_verdict_is_the_one_of_its_day(matured: Made) -> None:
    assert verdict(EARLY) == "inconclusive: labels are in for none of the rows, the criterion asks for 95%"
    assert verdict(PARTIAL).startswith("inconclusive: labels are in for ")
    assert verdict(FULL).startswith("conforming: ")


def test_the_command_asks_for_a_day_and_not_for_all_of_them_at_once(matured: Made) -> None:
    said = matured.aims("measurements", "--batch", BATCH, "--as-known-on", PARTIAL.isoformat(), "--json").output
    rows = [json.loads(line) for line in said.splitlines()]
    assert {row["as_known_on"] for row in rows} == {PARTIAL.isoformat()}
    assert "inconclusive" in matured.aims("verdicts", "--as-known-on", str(EARLY)).output
    for what in ("measurements", "verdicts"):
        refused = matured.aims(what, "--all", "--as-known-on", str(EARLY), check=2).output
        assert "--all and --as-known-on exclude each other" in refused
        matured.aims(what, "--as-known-on", "1 May", check=2)


def test_outcomes_are_as_old_as_the_landing_that_brought_them(matured: Made) -> None:
    assert values(EARLY, "label_age_days") == [None]
    assert values(PARTIAL, "label_age_days") == [(PARTIAL - dt.date(2024, 4, 1)).days]
    assert values(FULL, "label_age_days") == [(FULL - dt.date(2024, 4, 1)).days]
    # Looking again on a later day makes them no older.
    look(matured, FULL + dt.timedelta(days=60))
    assert values(None, "label_age_days") == values(FULL, "label_age_days")


def test_outcomes_known_of_some_groups_only_are_seen(matured: Made) -> None:
    """Known of the north alone: a rate of all rows is then one of the north."""
    assert values(PARTIAL, "label_coverage", "region=north") == [1.0]
    assert values(PARTIAL, "label_coverage", "region=south") == [0.0]
    assert values(PARTIAL, "label_coverage_difference", "region: north − south") == [1.0]
    assert values(FULL, "label_coverage_difference", "region: north − south") == [0.0]


def test_labels_that_come_with_the_rows_are_as_old_as_these(made: Made) -> None:
    made.send_all()
    declaration = load(made.folder)
    place = site(at=dt.datetime(2024, 4, 3, tzinfo=dt.UTC), run="test")
    freeze_reference(declaration, place)
    land(declaration, BATCH, "production", place)
    judge_batch(declaration, BATCH, place)
    assert values(None, "label_age_days") == [2.0]
