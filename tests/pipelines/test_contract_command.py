"""`aims contract`: every rule of a batch with its outcome, and what the contract asks nothing about."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conftest import BATCHES, ROWS, Made, made_rows, write_csv

BATCH = BATCHES[2]


def rows_of(made: Made, *more: str) -> list[dict[str, Any]]:
    said = made.aims("contract", "loans", "--json", *more).output
    return [json.loads(line) for line in said.splitlines()]


@pytest.mark.parametrize("wrong", [0, 1], ids=["a clean batch", "one row with an unknown region"])
def test_each_rule_has_one_outcome_and_what_is_not_asked_is_told(made: Made, wrong: int) -> None:
    """Of the contract: seven columns with a type each, five of them required (two rules each), one list of regions."""
    made.send_all()
    sent = made_rows(BATCH)
    write_csv(
        made.incoming / f"{BATCH}.csv", [{**row, "region": "west"} if n < wrong else row for n, row in enumerate(sent)]
    )
    made.aims("run", "loans", BATCH, check=wrong)
    rows = rows_of(made)
    assert {row["batch"] for row in rows} == {BATCH}
    asked = [row for row in rows if row["outcome"] != "not_declared"]
    assert len(asked) == 7 + 5 * 2 + 1
    assert sum(row["outcome"] == "met" for row in asked) == len(asked) - wrong
    (regions,) = [row for row in asked if row["rule"] == "region: invalidValues"]
    assert (regions["outcome"], regions["blocking"]) == ("unmet" if wrong else "met", True)
    assert (regions["unexpected"], regions["rows"]) == (wrong, ROWS)
    # A list of regions is conformity, and presence is completeness; of the standard's other five nothing is asked.
    silent = {row["rule"] for row in rows if row["outcome"] == "not_declared"}
    assert silent == {"accuracy", "consistency", "coverage", "timeliness", "uniqueness"}
    assert "west" not in json.dumps(rows)


def test_a_batch_is_chosen_and_one_that_was_never_checked_is_a_usage_fault(made: Made) -> None:
    made.send_all()
    made.aims("run", "loans", BATCH)
    said = made.aims("contract", "loans", "--batch", "2024-03").output
    assert "loans, 2024-03, checked" in said and "0 unmet, 0 not evaluated, 18 met, 5 not declared" in said
    refused = made.aims("contract", "loans", "--batch", BATCHES[3], check=2)
    assert "has not been checked" in refused.output
    assert "no system 'lones'" in made.aims("contract", "lones", check=2).output
