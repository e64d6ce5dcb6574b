"""An odd month goes through the whole pipeline: it is judged, and register and page say what cannot be known of it."""

import html
import json
from typing import Any

import pytest

from tests.conftest import BATCHES, Made, assessment_yaml, made_rows, write_csv

LAST = BATCHES[4]
FURTHER = {
    "useful": {"metric": "roc_auc", "direction": "below", "limit": 0.6},
    "sure": {"metric": "log_loss", "direction": "above", "limit": 2.0},
    "steady_model": {"metric": "estimated_roc_auc", "direction": "below", "limit": 0.6},
    "told_apart": {"metric": "domain_classifier_auc", "direction": "above", "limit": 0.8},
    "found_alike": {
        "metric": "true_positive_rate_difference",
        "grouping": "region",
        "direction": "either",
        "limit": 0.4,
    },
}


def assessment() -> dict[str, Any]:
    """The shared one, with a criterion on what else an odd month could upset."""
    document = assessment_yaml()
    first = document["criteria"][0]
    common = {key: first[key] for key in ("harm", "severity", "owner", "controls", "rationale")}
    document["criteria"] += [{**common, "id": name, "min_n": 20, **criterion} for name, criterion in FURTHER.items()]
    return document


def odd(which: str) -> list[dict[str, Any]]:
    rows = made_rows(LAST)
    if which == "one row":
        return rows[:1]
    if which == "one class":
        return [row | {"late": 0} for row in rows]
    if which == "no labels":
        return [row | {"late": None} for row in rows]
    return [row | {"income": 1e308, "score": 0.5, "region": "south"} for row in rows]


# What cannot be known of such a month; and the exit code that the rest leads to: 1 where a limit is passed.
UNKNOWN: dict[str, tuple[set[str], int]] = {
    "one row": ({"income_is_stable", "late_share_is_stable", "regions_are_treated_alike", *FURTHER}, 0),
    "one class": ({"useful", "found_alike"}, 1),
    "no labels": ({"late_share_is_stable", "useful", "sure", "found_alike"}, 0),
    "one value": ({"regions_are_treated_alike", "found_alike"}, 1),
}


@pytest.mark.parametrize("which", UNKNOWN)
def test_an_odd_month_is_judged_and_what_cannot_be_known_of_it_is_said_to_be(which: str, made: Made) -> None:
    unknown, code = UNKNOWN[which]
    made.declare(assessment=assessment())
    made.send_all()
    write_csv(made.incoming / f"{LAST}.csv", odd(which))
    made.aims("run", "loans", check=code)
    verdicts = [json.loads(line) for line in made.aims("verdicts", "--json").stdout.splitlines()]
    mine = {verdict["criterion"]: verdict for verdict in verdicts if verdict["batch"] == LAST}
    assert len(mine) == 8
    assert {name for name, verdict in mine.items() if verdict["verdict"] == "inconclusive"} == unknown
    assert not [name for name, verdict in mine.items() if verdict["verdict"] == "not_evaluated"]
    (page,) = (made.home / "reports" / "loans").glob("2024-05-*.html")
    shown = html.unescape(page.read_text(encoding="utf-8"))
    assert all(verdict["reason"] in shown for name, verdict in mine.items() if name in unknown)
    measured = [json.loads(line) for line in made.aims("measurements", "--json").stdout.splitlines()]
    assert all(row["value"] is not None or row["reason"] for row in measured)
