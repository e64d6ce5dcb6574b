"""Which batches a batch is compared with: truth is the calendar itself, asked day by day."""

import calendar
import datetime as dt
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from governance.declared.comparison import Against
from governance.declared.declarations import load
from governance.declared.periods import in_order, starts
from governance.declared.system import System
from governance.faults import DeclarationFaults
from tests.conftest import Made, assessment_yaml, system_yaml

DAYS = tuple(day.isoformat() for day in starts(dt.date(2023, 1, 1), dt.date(2024, 7, 1), "day"))
MONTHS = tuple(day.isoformat() for day in starts(dt.date(2020, 1, 1), dt.date(2024, 7, 1), "month"))

declared = st.one_of(
    st.builds(lambda n: Against(previous=n), st.integers(1, 40)),
    st.builds(
        lambda season, last: Against(same=season, last=last),
        st.sampled_from(["weekday", "month", "quarter"]),
        st.none() | st.integers(1, 12),
    ),
)


def test_previous_is_the_so_many_before_and_fewer_at_the_start() -> None:
    against = Against(previous=3)
    assert against.chosen("2023-03-10", DAYS) == ("2023-03-07", "2023-03-08", "2023-03-09")
    assert against.chosen("2023-01-02", DAYS) == ("2023-01-01",)
    assert against.chosen("2023-01-01", DAYS) == ()


def test_the_same_weekday_is_the_one_of_the_calendar() -> None:
    found = Against(same="weekday").chosen("2024-06-29", DAYS)
    assert len(found) == 77  # Saturdays from 7 January 2023 to 22 June 2024
    assert {calendar.weekday(*map(int, day.split("-"))) for day in found} == {calendar.SATURDAY}
    assert Against(same="weekday", last=2).chosen("2024-06-29", DAYS) == ("2024-06-15", "2024-06-22")


def test_the_same_month_or_quarter_is_that_of_any_year() -> None:
    assert Against(same="month").chosen("2024-03-01", MONTHS) == (
        "2020-03-01",
        "2021-03-01",
        "2022-03-01",
        "2023-03-01",
    )
    assert Against(same="quarter", last=4).chosen("2023-02-01", MONTHS) == (
        "2022-01-01",
        "2022-02-01",
        "2022-03-01",
        "2023-01-01",
    )
    # Earlier days of this very month lie in it, too.
    assert Against(same="month").chosen("2023-06-03", DAYS) == ("2023-06-01", "2023-06-02")


@given(declared, st.sampled_from(DAYS[:150]))
def test_only_earlier_batches_are_ever_chosen_and_each_knows_who_chooses_it(against: Against, batch: str) -> None:
    some = DAYS[:150]
    assert all(other < batch for other in against.chosen(batch, some))
    assert against.choosing(batch, some) == tuple(day for day in some if batch in against.chosen(day, some))


def test_batches_of_the_reference_count_wherever_it_lies() -> None:
    plain = system_yaml("folder")
    plain["reference"] |= {"from": "2024-04-01", "to": "2024-05-01"}
    plain["batches"] |= {"from": "2024-02-01", "to": "2024-04-01"}
    every = in_order(System.model_validate(plain))
    assert every == ("2024-02-01", "2024-03-01", "2024-04-01")
    assert Against(previous=2).chosen("2024-03-01", every) == ("2024-02-01",)


@pytest.mark.parametrize(
    "said, name",
    [
        ({"previous": 4}, "previous 4"),
        ({"same": "month"}, "same month"),
        ({"same": "weekday", "last": 8}, "same weekday, last 8"),
    ],
)
def test_measurements_carry_its_name(said: dict[str, Any], name: str) -> None:
    assert Against.model_validate(said).name == name


def faults(made: Made, against: Any, period: str = "month", **criterion: Any) -> list[str]:
    system, assessment = system_yaml(str(made.incoming)), assessment_yaml()
    system["batches"]["period"] = period
    assessment["criteria"][0] |= {"against": against, **criterion}
    made.declare(system=system, assessment=assessment)
    try:
        load(made.folder)
    except DeclarationFaults as found:
        return [str(fault) for fault in found.faults]
    return []


@pytest.mark.parametrize("against", ["frozen", {"previous": 4}, {"same": "month", "last": 2}, {"same": "quarter"}])
def test_a_sound_comparison_is_no_fault(made: Made, against: Any) -> None:
    assert faults(made, against) == []


@pytest.mark.parametrize(
    "against, words",
    [
        ({"same": "weekday"}, "against: `same: weekday` needs batches of a day, and these are of a month."),
        ({"previous": 0}, "criteria.0.against.previous: Input should be greater than or equal to 1, got 0."),
        ({"prior": 4}, "criteria.0.against.prior: unknown key."),
        ({"previous": 4, "same": "month"}, "Must be `frozen`, or say either `previous` or `same`."),
        ({}, "Must be `frozen`, or say either `previous` or `same`."),
        ({"previous": 4, "last": 2}, "`last` goes with `same`"),
        ("rolling", "criteria.0.against"),
    ],
)
def test_an_unsound_one_is_told_with_words(made: Made, against: Any, words: str) -> None:
    (fault,) = faults(made, against)
    assert words in fault


def test_months_are_told_apart_by_no_batch_longer_than_one() -> None:
    assert Against(same="month").problem("week") is None
    assert Against(same="quarter").problem("quarter") is None
    assert Against(previous=2).problem("year") is None
    assert Against(same="month").problem("quarter") == (
        "`same: month` needs batches of a day or a week or a month, and these are of a quarter."
    )


def test_only_what_is_compared_with_a_reference_takes_another_one(made: Made) -> None:
    (fault,) = faults(made, {"previous": 4}, metric="roc_auc", columns=[], direction="below")
    assert "'roc_auc' is not compared with a reference and takes no `against`." in fault


def test_a_window_is_compared_with_the_frozen_reference(made: Made) -> None:
    assert any(
        "a window is compared with the frozen reference" in fault for fault in faults(made, {"previous": 4}, window=3)
    )


def test_a_rolling_criterion_without_a_frozen_one_beside_it_is_noted(made: Made) -> None:
    assessment = assessment_yaml()
    rolling = assessment["criteria"][0] | {"id": "income_is_steady", "against": {"previous": 2}}
    assessment["criteria"].append(rolling)
    made.declare(assessment=assessment)
    assert "rolling reference" not in made.aims("check").output
    assessment["criteria"][-1] = rolling | {"columns": ["income", "children"]}
    made.declare(assessment=assessment)
    assert "income_is_steady has a rolling reference, which learns a slow drift in" in made.aims("check").output
    assert yaml.safe_load((made.folder / "impact_assessment.yaml").read_text())["criteria"][-1]["against"]
