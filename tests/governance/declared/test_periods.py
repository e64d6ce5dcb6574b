"""Truth: the calendar itself, day by day, and `datetime.isocalendar`."""

import calendar
import datetime as dt
from collections.abc import Callable
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.declared import periods
from governance.declared.declarations import load
from governance.declared.system import Period, System
from governance.faults import UsageFault
from tests.governance.conftest import Declared

days = st.dates(dt.date(1990, 1, 1), dt.date(2060, 12, 31))
all_periods = st.sampled_from(get_args(Period))
DAY = dt.timedelta(days=1)

HOLDS: dict[str, Callable[[dt.date], object]] = {
    "day": lambda day: day,
    "week": lambda day: day.isocalendar()[:2],
    "month": lambda day: (day.year, day.month),
    "quarter": lambda day: (day.year, (day.month - 1) // 3),
    "year": lambda day: day.year,
}


@pytest.fixture
def system(declared: Declared) -> System:
    """Reference 2013Q1 and Q2, batches 2013Q3 to 2014Q2, ten days of grace."""
    return load(declared.folder).system


@given(days, st.integers(1, 800), all_periods)
@settings(deadline=None)
def test_batches_tile_the_calendar_without_gap_or_overlap(day: dt.date, length: int, period: Period):
    first, end = periods.floor(day, period), day + length * DAY
    found = list(periods.starts(first, end, period))
    assert found[0] == first
    assert found[-1] < end <= periods.next_start(found[-1], period)
    for start, following in zip(found, [*found[1:], periods.next_start(found[-1], period)], strict=True):
        assert following == periods.next_start(start, period)
        # One period and no other: all days of it alike, the day before and the day after not.
        assert HOLDS[period](start) == HOLDS[period](following - DAY)
        assert HOLDS[period](start - DAY) != HOLDS[period](start)
        assert HOLDS[period](following) != HOLDS[period](start)


@given(days, all_periods)
@settings(deadline=None)
def test_a_day_lies_in_the_batch_that_it_is_put_in(day: dt.date, period: Period):
    start = periods.floor(day, period)
    assert start <= day < periods.next_start(start, period)
    assert HOLDS[period](start) == HOLDS[period](day)
    assert periods.floor(start, period) == start


@given(days)
@settings(deadline=None)
def test_weeks_begin_and_are_named_as_in_iso_8601(day: dt.date):
    year, week, _ = day.isocalendar()
    start = periods.floor(day, "week")
    assert start == dt.date.fromisocalendar(year, week, 1)
    assert periods.label(start, "week") == f"{year}-W{week:02d}"


@given(days)
@settings(deadline=None)
def test_a_month_is_as_long_as_the_calendar_says(day: dt.date):
    start = periods.floor(day, "month")
    assert (periods.next_start(start, "month") - start).days == calendar.monthrange(day.year, day.month)[1]


def test_nothing_lies_between_a_day_and_itself():
    assert list(periods.starts(dt.date(2014, 1, 1), dt.date(2014, 1, 1), "month")) == []


@pytest.mark.parametrize(
    ("start", "period", "label"),
    [
        ("2014-01-01", "year", "2014"),
        ("2014-01-01", "quarter", "2014Q1"),
        ("2014-04-01", "quarter", "2014Q2"),
        ("2014-10-01", "quarter", "2014Q4"),
        ("2014-03-01", "month", "2014-03"),
        ("2014-02-24", "week", "2014-W09"),
        # The Monday of the week with the year's first Thursday.
        ("2013-12-30", "week", "2014-W01"),
        ("2020-12-28", "week", "2020-W53"),
        ("2014-03-01", "day", "2014-03-01"),
    ],
)
def test_a_batch_is_called_what_people_call_it(start: str, period: Period, label: str):
    assert periods.label(dt.date.fromisoformat(start), period) == label


@given(days, all_periods)
@settings(deadline=None)
def test_no_two_batches_share_a_label(day: dt.date, period: Period):
    found = list(periods.starts(periods.floor(day, period), day + 800 * DAY, period))
    assert len({periods.label(start, period) for start in found}) == len(found)


def test_a_systems_batches_are_those_of_its_reference_and_then_those_expected(system: System):
    reference = ("2013-01-01", "2013-04-01")
    expected = ("2013-07-01", "2013-10-01", "2014-01-01", "2014-04-01")
    assert periods.reference_batches(system) == reference
    assert periods.expected_batches(system) == expected
    assert periods.all_batches(system) == reference + expected
    assert [periods.part_of(system, batch) for batch in reference + expected] == ["reference"] * 2 + ["production"] * 4
    assert periods.end_of(system, "2013-10-01") == dt.date(2014, 1, 1)


@pytest.mark.parametrize("wanted", ["2014-01-01", "2014Q1"])
def test_a_batch_is_found_by_its_date_and_by_its_label(system: System, wanted: str):
    assert periods.find_batch(system, wanted) == "2014-01-01"
    assert periods.label_of(system, "2014-01-01") == "2014Q1"


@pytest.mark.parametrize("wanted", ["2014Q3", "2012Q4", "2014-01-02", "", "all"])
def test_a_batch_that_is_not_declared_is_answered_with_the_range(system: System, wanted: str):
    with pytest.raises(UsageFault) as fault:
        periods.find_batch(system, wanted)
    assert str(fault.value) == (
        f"loans has no batch {wanted!r}: batches run by quarter from 2013Q1 to 2014Q2 "
        "(start dates 2013-01-01 to 2014-04-01)."
    )


def test_the_range_is_the_whole_one_where_the_reference_is_the_younger(declared: Declared):
    declared.edit("system.yaml", "from: 2013-01-01, to: 2013-07-01", "from: 2015-01-01, to: 2015-07-01")
    with pytest.raises(UsageFault, match="from 2013Q3 to 2015Q2"):
        periods.find_batch(load(declared.folder).system, "2020Q1")


@pytest.mark.parametrize(
    ("as_of", "due"),
    [
        pytest.param("2013-04-10", (), id="a day before the grace of the first is over"),
        pytest.param("2013-04-11", ("2013-01-01",), id="the very day"),
        pytest.param("2013-10-10", ("2013-01-01", "2013-04-01"), id="the next one ended but has its grace"),
        pytest.param("2013-10-11", ("2013-01-01", "2013-04-01", "2013-07-01"), id="and then has not"),
    ],
)
def test_a_batch_is_due_on_the_day_its_grace_is_over(system: System, as_of: str, due: tuple[str, ...]):
    assert periods.due_batches(system, dt.date.fromisoformat(as_of)) == due


def test_after_the_last_day_all_are_due_and_no_more(system: System):
    assert periods.due_batches(system, dt.date(2030, 1, 1)) == periods.all_batches(system)
