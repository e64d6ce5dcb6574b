"""The false-alarm budget, by arithmetic on the calendar."""

import datetime as dt
from itertools import pairwise, product
from typing import Any, get_args

import pytest

from governance.declared.assessment import Criterion, FalseAlarms
from governance.declared.budget import MOST_ALPHA, looks, problem, spent, with_alphas
from governance.declared.periods import floor, starts
from governance.declared.system import Period


class Assessment:
    """What the budget looks at."""

    def __init__(self, at_most: float, per: str, *criteria: Criterion) -> None:
        self.false_alarms, self.criteria = FalseAlarms(at_most=at_most, per=per), criteria  # type: ignore[arg-type]


def criterion(**given: Any) -> Criterion:
    plain: dict[str, Any] = {"id": "the_one", "harm": "the_harm", "metric": "accuracy", "direction": "below"}
    plain |= {"limit": 0.5, "min_n": 1, "severity": "major", "owner": "team:owners", "controls": ("A.6.2.6",)}
    return Criterion(**(plain | {"rationale": "Because it is the example."} | given))


@pytest.mark.parametrize(("period", "per"), list(product(get_args(Period), ["month", "quarter", "year"])))
def test_no_stretch_of_the_calendar_holds_more_looks_than_are_counted(period: Any, per: Any) -> None:
    firsts = list(starts(dt.date(1999, 1, 1), dt.date(2031, 1, 1), per))
    batches = list(starts(floor(dt.date(1999, 1, 1), period), dt.date(2031, 1, 1), period))
    begun = [sum(start <= day < end for day in batches) for start, end in pairwise(firsts)]
    assert looks("batch", period, per) == max(begun)


def test_a_sliding_window_ends_with_every_batch_and_a_calendar_window_once() -> None:
    assert looks(4, "week", "year") == looks("batch", "week", "year") == 53
    assert looks("quarter", "week", "year") == 4
    assert looks("year", "day", "month") == 1


def test_the_budget_is_shared_evenly_and_spent_to_the_last_part() -> None:
    assessment: Any = Assessment(0.5, "year", *(criterion(id=name) for name in ("one", "two", "three", "four")))
    found = with_alphas(assessment, "month")
    assert [c.alpha for c in found] == [pytest.approx(0.5 / 12 / 4)] * 4
    assert spent(found, "month", "year") == pytest.approx(0.5)


def test_what_a_criterion_asks_for_itself_is_taken_off_first() -> None:
    assessment: Any = Assessment(
        0.5, "year", criterion(id="sure", alpha=0.01), criterion(id="one"), criterion(id="two")
    )
    found = with_alphas(assessment, "month")
    assert [c.alpha for c in found] == [0.01, *[pytest.approx((0.5 - 0.12) / 2 / 12)] * 2]


def test_fewer_looks_allow_each_a_larger_alpha() -> None:
    assessment: Any = Assessment(0.2, "year", criterion(id="daily"), criterion(id="yearly", window="year"))
    daily, yearly = with_alphas(assessment, "day")
    assert daily.alpha == pytest.approx(0.1 / 366)
    assert yearly.alpha == MOST_ALPHA, "never more, however few looks there are"


def test_where_the_estimate_decides_nothing_is_spent() -> None:
    point = criterion(id="careful", evidence="point")
    assessment: Any = Assessment(0.12, "year", point, criterion(id="one"))
    assert [c.alpha for c in with_alphas(assessment, "month")] == [None, pytest.approx(0.01)]


@pytest.mark.parametrize(
    ("at_most", "alphas", "words"),
    [
        (0.5, (0.05, None), "add up to 0.6 false alarms per year, the budget is 0.5."),
        (0.6, (0.05, None), "use up the budget of 0.6 per year; nothing is left for the others."),
        (0.6, (0.05,), None),
        (0.61, (0.05, None), None),
    ],
    ids=["overspent", "nothing left", "spent to the last", "something left"],
)
def test_a_budget_that_cannot_be_kept_is_a_fault(at_most: float, alphas: Any, words: str | None) -> None:
    criteria = [criterion(id=f"criterion_{i}", alpha=alpha) for i, alpha in enumerate(alphas)]
    assessment: Any = Assessment(at_most, "year", *criteria)
    found = problem(assessment, "month")
    assert (words in found) if words and found else found is words
