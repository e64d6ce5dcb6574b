"""Windows of several batches, against the raw rows of all of them; and periods of the calendar by hand."""

import datetime as dt
from typing import Any

import pytest
from scipy import stats

from governance.declared.periods import windows_holding
from governance.declared.system import Batches, System
from tests.conftest import BATCHES, Made, assessment_yaml, made_rows, system_yaml

PRODUCTION = BATCHES[2:]
WINDOW = "2024-03-01/2024-06-01"


def windowed(made: Made, *windows: Any, criterion: dict[str, Any] | None = None) -> None:
    system, assessment = system_yaml(str(made.incoming)), assessment_yaml()
    system["batches"]["windows"] = list(windows)
    if criterion:
        assessment["criteria"].append(
            {"harm": "wrong_people", "severity": "major", "owner": "team:loans", "controls": ["A.6.2.6"], **criterion}
        )
    made.declare(system=system, assessment=assessment)


STEADY = {
    "id": "late_share_is_stable_over_three_months",
    "metric": "outcome_rate_change",
    "direction": "either",
    "limit": 0.08,
    "min_n": 500,
    "window": 3,
    "rationale": "A month is too short to show a change of this size.",
}


def rows_of(made: Made, what: str, batch: str) -> list[dict[str, Any]]:
    from assets.kept.home import home

    found: list[dict[str, Any]] = getattr(home().register(), what)(system="loans", batch=batch)
    return found


def test_a_window_is_measured_as_its_rows_are_and_judged_by_its_own_criteria(made: Made) -> None:
    windowed(made, 3, criterion=STEADY)
    made.send_all()
    made.aims("run", "loans")
    rows = [row for batch in PRODUCTION for row in made_rows(batch)]
    measured = {(m["metric"], m["column"]): m for m in rows_of(made, "measurements", WINDOW) if not m["segment"]}
    selected = sum(row["score"] >= 0.5 for row in rows)
    assert measured["selection_rate", None]["value"] == selected / len(rows)
    assert measured["outcome_rate", None]["value"] == sum(row["late"] for row in rows) / len(rows)
    before = [row["income"] for batch in BATCHES[:2] for row in made_rows(batch)]
    exact = stats.ks_2samp(before, [row["income"] for row in rows]).statistic
    # 600 incomes in the reference make bins of ten.
    assert measured["ks", "income"]["value"] == pytest.approx(exact, abs=11 / 600)
    verdicts = rows_of(made, "verdicts", WINDOW)
    assert [(v["criterion"], v["verdict"]) for v in verdicts] == [(STEADY["id"], "conforming")]
    for batch in PRODUCTION:
        assert STEADY["id"] not in {v["criterion"] for v in rows_of(made, "verdicts", batch)}


def test_what_no_single_batch_can_show_the_window_does(made: Made) -> None:
    windowed(made, 3, criterion=STEADY)
    for batch in BATCHES:
        made.send(batch, label_rate=0.3 if batch in BATCHES[:2] else 0.45)
    made.aims("run", "loans", check=1)
    assert [v["verdict"] for v in rows_of(made, "verdicts", WINDOW)] == ["breach"]
    cases = made.aims("nonconformities", "--json").output
    assert STEADY["id"] in cases and WINDOW in cases
    assert "2024-03 to 2024-05" in made.aims("status").output


def test_a_window_waits_for_all_of_its_batches_and_follows_a_corrected_one(made: Made) -> None:
    windowed(made, 2, 3)
    made.send_all()
    (made.incoming / f"{PRODUCTION[1]}.csv").unlink()
    made.aims("run", "loans")
    assert rows_of(made, "measurements", WINDOW) == []
    made.send(PRODUCTION[1])
    made.aims("run", "loans")
    assert {m["n"] for m in rows_of(made, "measurements", WINDOW) if m["metric"] == "label_coverage"} >= {900}
    assert len(rows_of(made, "measurements", "2024-03-01/2024-05-01")) > 0
    made.send(PRODUCTION[1], rows=200)
    made.aims("run", "loans")
    for window, rows in ((WINDOW, 800), ("2024-03-01/2024-05-01", 500), ("2024-04-01/2024-06-01", 500)):
        (found,) = {
            m["n"]
            for m in rows_of(made, "measurements", window)
            if m["metric"] == "label_coverage" and not m["segment"]
        }
        assert found == rows
    before = rows_of(made, "measurements", WINDOW)
    made.aims("run", "loans")
    assert rows_of(made, "measurements", WINDOW) == before


def test_a_criterion_of_a_window_that_is_not_declared_is_a_fault(made: Made) -> None:
    windowed(made, 2, criterion=STEADY)
    assert "window: 3 is not among batches.windows [2]" in made.aims("check", check=1).output


def system_with(period: str, start: str, end: str, *windows: Any) -> System:
    plain = system_yaml("folder")
    plain["batches"] = {"period": period, "from": start, "to": end, "windows": list(windows)}
    return System.model_validate(plain)


def names(system: System, batch: str) -> list[str]:
    return [window.name for window in windows_holding(system, batch)]


def test_seven_days_hold_a_day_seven_times_and_fewer_at_the_ends() -> None:
    system = system_with("day", "2024-03-01", "2024-04-01", 7)
    assert names(system, "2024-03-10") == [f"2024-03-{day:02d}/2024-03-{day + 7:02d}" for day in range(4, 11)]
    assert names(system, "2024-03-01") == ["2024-03-01/2024-03-08"]
    assert names(system, "2024-03-31") == ["2024-03-25/2024-04-01"]
    assert names(system, "2024-02-29") == []


def test_months_and_quarters_are_those_of_the_calendar_and_whole() -> None:
    system = system_with("day", "2024-02-15", "2024-07-01", "month", "quarter")
    assert names(system, "2024-02-20") == []
    assert names(system, "2024-03-31") == ["2024-03-01/2024-04-01"]
    assert names(system, "2024-05-01") == ["2024-05-01/2024-06-01", "2024-04-01/2024-07-01"]
    assert names(system_with("month", "2024-01-01", "2024-04-01", 3, "quarter"), "2024-02-01") == [
        "2024-01-01/2024-04-01"
    ]


def test_a_window_of_the_calendar_must_be_longer_than_a_batch() -> None:
    with pytest.raises(ValueError, match="no longer than a batch"):
        Batches.model_validate({"period": "quarter", "from": "2024-01-01", "to": "2025-01-01", "windows": ["month"]})
    span = {"period": "day", "from": dt.date(2024, 1, 1), "to": dt.date(2025, 1, 1)}
    for window in (1, 367, "week"):
        with pytest.raises(ValueError, match="windows"):
            Batches.model_validate({**span, "windows": [window]})
