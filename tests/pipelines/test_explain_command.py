"""`aims explain`, on a made system whose one fault is planted; the shipped systems have tests of their own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipelines.explaining import KEYS
from tests.conftest import BATCHES, Made


@pytest.fixture
def shifted(made: Made) -> Made:
    """The fourth month has higher incomes and other outcomes."""
    made.send_all()
    made.send(BATCHES[3], shift=1.0, label_rate=0.8)
    made.aims("run", "loans", BATCHES[2], BATCHES[3], check=1)
    return made


def rows(made: Made, *arguments: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in made.aims("explain", *arguments, "--json").stdout.splitlines()]


def test_a_breach_is_told_in_words_and_in_rows_that_add_up(shifted: Made) -> None:
    said = shifted.aims("explain", "loans", "2024-04").stdout
    assert "income_is_stable [income]: breach, psi" in said
    assert "income over " in said and "of the distance" in said
    assert "late_share_is_stable [all rows]: breach, outcome_rate_change" in said
    assert "Columns that moved most, by Jensen-Shannon distance (noise floor): income 0." in said
    found = rows(shifted, "loans", BATCHES[3])
    assert all(tuple(row) == KEYS for row in found)
    verdicts = {row["id"]: row for row in map(json.loads, shifted.aims("measurements", "--json").stdout.splitlines())}
    for measurement in {row["measurement"] for row in found} - {None}:
        own = [row for row in found if row["measurement"] == measurement and row["kind"]]
        bins = [row["value"] for row in own if row["kind"] == "bin"]
        causes = [row["value"] for row in own if row["about"] is None and row["by"] == "region"]
        assert sum(bins or causes) == pytest.approx(verdicts[measurement]["value"], abs=1e-9)
    beside = [row for row in found if row["kind"] == "beside"]
    assert beside[0]["column"] == "income" and beside[0]["value"] > beside[0]["noise_floor"]


def test_a_criterion_is_explained_whatever_its_verdict_and_a_quiet_batch_says_so(shifted: Made) -> None:
    assert "No verdict on this batch is a breach or a warning." in shifted.aims("explain", "loans", BATCHES[2]).stdout
    assert rows(shifted, "loans", BATCHES[2]) == []
    said = shifted.aims("explain", "loans", BATCHES[2], "income_is_stable").stdout
    assert said.startswith("income_is_stable [income]: conforming, psi")
    found = rows(shifted, "loans", BATCHES[2], "income_is_stable")
    assert {(row["verdict"], row["kind"]) for row in found} == {("conforming", "bin")}
    # No other attribute is declared, by which the people of a region could be cut.
    (alone,) = (
        row for row in rows(shifted, "loans", BATCHES[2], "regions_are_treated_alike") if row["kind"] != "beside"
    )
    assert (alone["kind"], alone["note"]) == (None, "no parts add up to this measurement")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("loans", "1999-01"), "no batch '1999-01'"),
        (("loans", BATCHES[4]), f"the batch {BATCHES[4]} has not been judged"),
        (("loans", BATCHES[3], "nonsense"), "no criterion 'nonsense' judged 2024-04-01; it was judged by income_is_stable"),
        (("rents", BATCHES[3]), "There is no system 'rents'"),
    ],
    ids=["no such batch", "not judged", "no such criterion", "no such system"],
)  # fmt: skip
def test_what_cannot_be_explained_is_a_line_and_exit_2(arguments: tuple[str, ...], said: str, shifted: Made) -> None:
    done = shifted.aims("explain", *arguments, check=2)
    assert said in done.output
    assert done.output.count("aims: ") == 1


def test_an_altered_part_is_found_by_verify(shifted: Made) -> None:
    import sqlite3
    from contextlib import closing

    shifted.aims("ledger", "verify")
    with closing(sqlite3.connect(Path(shifted.home) / "register.db")) as connection:
        connection.execute("DROP TRIGGER part_no_update")
        connection.execute("UPDATE part SET about = 'nobody' WHERE rowid = (SELECT max(rowid) FROM part)")
        connection.commit()
    assert "its stored measurements, parts or verdicts were altered" in shifted.aims("ledger", "verify", check=1).output


def test_the_page_shows_what_a_breach_is_made_of_and_the_register_keeps_it(shifted: Made) -> None:
    (page,) = (shifted.home / "reports" / "loans").glob("2024-04-*.html")
    text = page.read_text(encoding="utf-8")
    assert "What the findings are made of" in text
    assert "of the distance" in text
    (case,) = (
        case
        for case in map(json.loads, shifted.aims("nonconformities", "--json").stdout.splitlines())
        if case["criterion"] == "income_is_stable"
    )
    parts = case["evidence"]["parts"]
    assert sum(part["value"] for part in parts) == pytest.approx(case["evidence"]["value"], abs=1e-9)
