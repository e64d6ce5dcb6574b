"""Days with a weekly season and a slow drift, held against the frozen, a rolling and a calendar-matched reference.

Truth is known by construction: days are drawn from shares that the test has set.
"""

import datetime as dt
import functools
import operator
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest

from governance.declared.assessment import Criterion
from governance.declared.comparison import Against
from governance.declared.periods import starts
from governance.records import Measurement, Outcome
from monitors.grid import ColumnGrid, Grid, GroupGrid
from monitors.judge import Labels, judge_all
from monitors.levels import levels_of
from monitors.measure import Earlier, measure
from monitors.profile import Profile

GRID = Grid((ColumnGrid("x", categories=tuple("abcdef")),), None, (GroupGrid((), ()),), "y", None, None, None)
FLAT = np.array([1, 1, 1, 1, 1, 1]) / 6
WEEKEND = np.array([6, 2, 1, 1, 1, 1]) / 12
ROWS = 1_000
FIRST = dt.date(2024, 1, 1)  # a Monday
LIMIT = 0.1
SAME_DAY = {"same": "weekday"}
ROLLING = {"previous": 7}


def day_of(shares: np.ndarray, rng: np.random.Generator, late: float = 0.3, known: int = ROWS) -> Profile:
    """One day of `ROWS` rows: a column drawn from six shares, and outcomes known of some rows."""
    cube = np.zeros((1, 3, 3, 1), dtype=np.int64)
    cube[0, 1, 2, 0] = rng.binomial(known, late)
    cube[0, 0, 2, 0], cube[0, 2, 2, 0] = known - cube[0, 1, 2, 0], ROWS - known
    counts = np.concatenate([rng.multinomial(ROWS, shares), [0, 0]])
    return Profile(GRID, ROWS, {"x": counts}, {}, {"": cube})


def days(number: int) -> list[str]:
    return [day.isoformat() for day in starts(FIRST, FIRST + dt.timedelta(days=number), "day")]


def is_weekend(day: str) -> bool:
    return dt.date.fromisoformat(day).weekday() >= 5


def added(parts: Iterable[Profile]) -> Profile:
    return functools.reduce(operator.add, parts)


class Calendar:
    """Days that have come, the first four weeks of them frozen as the reference."""

    def __init__(self, profiles: dict[str, Profile], criteria: list[Criterion]) -> None:
        self.profiles, self.criteria = profiles, criteria
        self.frozen = added(list(profiles.values())[:28])

    def earlier(self, day: str, against: Against) -> Earlier:
        found = [self.profiles[one] for one in against.chosen(day, self.profiles)]
        lacking = None if found else against.nothing
        return Earlier(against.name, added(found) if found else None, against.name, lacking)

    def judged(self, day: str) -> dict[str, Any]:
        now = self.profiles[day]
        earlier = [self.earlier(day, c.against) for c in self.criteria if c.against]
        found = measure(now, self.frozen, (), levels_of(self.criteria, ()), seed=now.digest, earlier=earlier)
        known = Labels(1.0, True, earlier={one.against: 1.0 for one in earlier})
        return {v.criterion: v for v in judge_all(found, self.criteria, (), known)[1]}

    def outcomes(self, criterion: str) -> dict[str, Outcome]:
        return {day: self.judged(day)[criterion].outcome for day in list(self.profiles)[28:]}


@pytest.fixture(scope="module")
def asked(criterion: Any) -> Any:
    def build(name: str, against: Any = None, **more: Any) -> Criterion:
        given = {"id": name, "metric": "psi", "columns": ("x",), "limit": LIMIT, **more}
        return criterion(**given, **({"against": against} if against else {}))

    return build


def weekly(seed: int, number: int) -> dict[str, Profile]:
    rng = np.random.default_rng(seed)
    return {day: day_of(WEEKEND if is_weekend(day) else FLAT, rng) for day in days(number)}


def test_a_weekend_is_no_drift_beside_weekends_and_is_one_beside_all_days(asked: Any) -> None:
    season = Calendar(weekly(1, 28 + 56), [asked("frozen"), asked("matched", SAME_DAY)])
    frozen, matched = season.outcomes("frozen"), season.outcomes("matched")
    assert {frozen[day] for day in frozen if is_weekend(day)} == {Outcome.BREACH}
    assert len(matched) == 56 and set(matched.values()) == {Outcome.CONFORMING}


def test_a_weekday_that_looks_like_a_weekend_is_found_by_its_own_kind_alone(asked: Any) -> None:
    profiles = weekly(2, 42)
    wednesday = "2024-02-07"
    profiles[wednesday] = day_of(WEEKEND, np.random.default_rng(3))
    season = Calendar(profiles, [asked("matched", {"same": "weekday", "last": 4})])
    assert {day for day, outcome in season.outcomes("matched").items() if outcome is Outcome.BREACH} == {wednesday}
    assert "against same weekday, last 4" in season.judged(wednesday)["matched"].reason


@pytest.mark.parametrize("against", [SAME_DAY, ROLLING], ids=["calendar-matched", "rolling"])
def test_when_nothing_changed_breaches_come_at_most_at_the_nominal_rate(asked: Any, against: Any) -> None:
    """A limit of zero: the lower bound alone decides, and stands above zero in at most 5 % of days."""
    seasonal = against == SAME_DAY
    breaches, looks, over = 0, 0, 0
    for seed in range(4):
        rng = np.random.default_rng(100 + seed)
        profiles = {day: day_of(WEEKEND if seasonal and is_weekend(day) else FLAT, rng) for day in days(84)}
        season = Calendar(profiles, [asked("nothing", against, limit=0.0)])
        for day in days(84)[28:]:
            verdict = season.judged(day)["nothing"]
            breaches += verdict.outcome is Outcome.BREACH
            over += verdict.measurement.value > verdict.measurement.noise_floor
            looks += 1
    assert looks == 224
    assert binomtest(breaches, looks, 0.05, alternative="greater").pvalue > 0.01
    assert binomtest(over, looks, 0.05, alternative="greater").pvalue > 0.01
    assert breaches > 0  # a bound that never comes near would find nothing


def test_a_slow_drift_is_learned_by_a_rolling_reference_and_found_by_the_frozen_one(asked: Any) -> None:
    rng = np.random.default_rng(5)
    every = days(28 + 56)
    moved = {day: max(0, place - 27) / 56 for place, day in enumerate(every)}
    far = np.array([5, 1, 1, 1, 1, 1]) / 10
    profiles = {day: day_of(FLAT + share * (far - FLAT), rng) for day, share in moved.items()}
    season = Calendar(profiles, [asked("frozen"), asked("rolling", ROLLING)])
    frozen, rolling = season.outcomes("frozen"), season.outcomes("rolling")
    assert Outcome.BREACH not in rolling.values()
    assert frozen[every[28]] is Outcome.CONFORMING and frozen[every[-1]] is Outcome.BREACH


def test_a_change_of_the_outcome_is_seen_against_the_days_before(asked: Any) -> None:
    rng = np.random.default_rng(6)
    profiles = {day: day_of(FLAT, rng, 0.5 if day == "2024-02-05" else 0.3) for day in days(36)}
    change = asked("late", ROLLING, metric="outcome_rate_change", columns=(), direction="either", limit=0.1)
    season = Calendar(profiles, [change])
    assert season.judged("2024-02-05")["late"].outcome is Outcome.BREACH
    assert season.judged("2024-02-04")["late"].outcome is Outcome.CONFORMING
    seven = added([profiles[day] for day in days(36)[28:35]])
    expected = profiles["2024-02-05"].cube[1].sum() / ROWS - seven.cube[1].sum() / seven.rows
    assert season.judged("2024-02-05")["late"].measurement.value == pytest.approx(expected, abs=1e-15)


def test_outcomes_that_are_not_in_yet_for_the_days_before_are_no_comparison(asked: Any) -> None:
    rng = np.random.default_rng(7)
    now, before = day_of(FLAT, rng), day_of(FLAT, rng, known=400)
    change = asked("late", ROLLING, metric="outcome_rate_change", columns=(), direction="either", limit=0.2)
    earlier = Earlier("previous 7", before, "previous 7 (one)", None)
    found = measure(now, now, (), levels_of([change], ()), seed=now.digest, earlier=[earlier])
    (verdict,) = judge_all(found, [change], (), Labels(1.0, True, earlier={"previous 7": 0.4}))[1]
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.reason == (
        "labels are in for 40.0% of the rows compared with (previous 7), the criterion asks for 95%"
    )


def test_no_earlier_batch_is_inconclusive_and_says_so(asked: Any) -> None:
    season = Calendar(weekly(8, 29), [asked("matched", SAME_DAY)])
    season.profiles = {"2024-01-29": season.profiles["2024-01-29"]}
    verdict = season.judged("2024-01-29")["matched"]
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.reason == "undefined (no earlier batch on the same weekday) against same weekday"


def test_only_what_is_asked_is_measured_against_earlier_batches_and_the_frozen_values_stay(asked: Any) -> None:
    now, frozen = (day_of(FLAT, np.random.default_rng(seed)) for seed in (9, 10))
    earlier = Earlier("previous 7", day_of(WEEKEND, np.random.default_rng(11)), "previous 7 (one)", None)
    alone = measure(now, frozen, (), levels_of([asked("frozen")], ()), seed=now.digest)
    both = measure(
        now, frozen, (), levels_of([asked("frozen"), asked("rolling", ROLLING)], ()), seed=now.digest, earlier=[earlier]
    )
    assert both[: len(alone)] == alone
    (more,) = both[len(alone) :]
    assert (more.metric, more.column, more.against) == ("psi", "x", "previous 7")
    assert more.method.endswith("; against previous 7 (one)")


def test_a_criterion_is_never_held_against_a_value_of_another_comparison(asked: Any) -> None:
    now = day_of(FLAT, np.random.default_rng(12))
    found = measure(now, now, (), levels_of([asked("frozen")], ()), seed=now.digest)
    (verdict,) = judge_all(found, [asked("rolling", ROLLING)], (), Labels(1.0, True))[1]
    assert verdict.outcome is Outcome.NOT_EVALUATED
    assert (verdict.measurement.against, verdict.measurement.broken) == ("previous 7", True)


def test_bins_are_joined_by_the_frozen_reference_whatever_is_compared(criterion: Any) -> None:
    """Two fine bins hold nearly all of the earlier rows: joined by these, the frozen reference's halves would mix."""
    grid = Grid((ColumnGrid("x", edges=tuple(range(31))),), None, (GroupGrid((), ()),), "y", None, None, None)

    def made(fine: list[int]) -> Profile:
        cube = np.zeros((1, 3, 3, 1), dtype=np.int64)
        return Profile(grid, sum(fine), {"x": np.array([*fine, 0, 0, 0, 0])}, {"x": (0, 0.0, 0.0)}, {"": cube})

    frozen, now = made([50] * 32), made([50] * 32)
    earlier = Earlier("previous 7", made([1] * 16 + [784] + [1] * 14 + [786]), "previous 7 (one)", None)
    rolling = criterion(id="rolling", metric="psi", columns=("x",), limit=0.1, against=ROLLING)
    found = measure(now, frozen, (), levels_of([rolling], ()), seed=now.digest, earlier=[earlier])
    values: dict[str | None, Measurement] = {m.against: m for m in found if m.metric == "psi"}
    bins = [m.method.split(" bins")[0] for m in values.values()]
    assert bins == ["16", "16"]
