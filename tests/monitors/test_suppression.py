"""What is published of small groups, read by somebody who wants to know: every number, every sum, one linear programme."""

from collections.abc import Sequence
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from governance.records import Measurement
from monitors.fairness import by_group
from monitors.grid import MISSING, ColumnGrid, Grid, GroupGrid
from monitors.levels import Levels
from monitors.measure import measure
from monitors.performance import overall
from monitors.profile import Profile
from monitors.suppression import withheld_groups

RACES, SEXES = ("A", "B", "C"), ("f", "m")
VALUES = {"race": (*RACES, "(other)", MISSING), "sex": (*SEXES, "(other)", MISSING)}
# Who is in the denominator of a rate, and who among them is a hit, by outcome y and prediction p.
RATES = {
    "selection_rate": lambda y, p: (y >= 0, p == 1),
    "outcome_rate": lambda y, p: (y >= 0, y == 1),
    "accuracy": lambda y, p: (y >= 0, y == p),
    "precision": lambda y, p: (p == 1, y == 1),
    "true_positive_rate": lambda y, p: (y == 1, p == 1),
    "false_positive_rate": lambda y, p: (y == 0, p == 1),
    "false_negative_rate": lambda y, p: (y == 1, p == 0),
}
COUNTS = {"true_negatives": (0, 0), "false_positives": (0, 1), "false_negatives": (1, 0), "true_positives": (1, 1)}
CELLS = list(product(VALUES["race"], VALUES["sex"], (0, 1), (0, 1)))
ATTRIBUTES = {"race": np.array([cell[0] for cell in CELLS]), "sex": np.array([cell[1] for cell in CELLS])}
Y, P = np.array([cell[2] for cell in CELLS]), np.array([cell[3] for cell in CELLS])


def names_in(grouping: str) -> np.ndarray:
    """The group in which each cell lies."""
    parts = [ATTRIBUTES[name] for name in grouping.split(" × ")]
    return np.array([" × ".join(cell) for cell in zip(*parts, strict=True)])


NAMES = {grouping: names_in(grouping) for grouping in ("race", "sex", "race × sex")}


def profile_of(people: np.ndarray, groupings: Sequence[tuple[str, ...]]) -> Profile:
    """Counts of shape (5 races, 4 sexes, 2 outcomes, 2 predictions) as a profile."""
    grids = {by: GroupGrid(by, tuple(RACES if name == "race" else SEXES for name in by)) for by in groupings}
    columns = (ColumnGrid("race", categories=RACES), ColumnGrid("sex", categories=SEXES))
    grid = Grid(columns, None, (GroupGrid((), ()), *grids.values()), "y", "p", None, None)
    known = np.zeros((*people.shape[:2], 3, 3), dtype=np.int64)
    known[:, :, :2, :2] = people
    cubes = {"": known.sum(axis=(0, 1))[None, :, :, None]}
    for by, group in grids.items():
        margin = {("race",): known.sum(axis=1), ("sex",): known.sum(axis=0), ("race", "sex"): known.reshape(20, 3, 3)}
        cubes[group.name] = margin[by][..., None]
    counts = {"race": known.sum(axis=(1, 2, 3)), "sex": known.sum(axis=(0, 2, 3))}
    return Profile(grid, int(known.sum()), counts, {}, cubes)


class Reader:
    """Turns measurements into equations about the people in each cell, and asks what a group's size can be."""

    def __init__(self, found: Sequence[Measurement]) -> None:
        self.equal: list[tuple[np.ndarray, float]] = []
        self.most: list[tuple[np.ndarray, float]] = []
        self.withheld = [m.segment for m in found if m.metric == "rows" and m.value is None]
        people = next(m.value for m in found if m.metric == "rows" and m.segment is None)
        for m in found:
            if m.metric == "null_share" and m.value is not None:
                self.equals(ATTRIBUTES[m.column] == MISSING, m.value * m.n)
            elif m.metric == "attribute_coverage":
                known = ~np.any([ATTRIBUTES[name] == MISSING for name in m.segment.split(" × ")], axis=0)
                self.most += [(known, m.high * people), (-1.0 * known, -m.low * people)]
            elif m.column is None and (m.segment is None or "=" in m.segment):
                self.learn(m)
        listed = [m.segment.split("=") for m in found if m.metric == "rows" and m.segment]
        for grouping in {grouping for grouping, _ in listed}:
            shown = [group for name, group in listed if name == grouping]
            self.equals(~np.isin(NAMES[grouping], shown), 0)

    def learn(self, m: Measurement) -> None:
        inside = self.inside(m.segment)
        if m.metric == "rows" and m.value is not None:
            self.equals(inside, m.value)
        if m.metric in COUNTS:
            y, p = COUNTS[m.metric]
            self.equals((y == Y) & (p == P), m.value)
        if m.metric in RATES and not (m.reason or "").startswith("withheld"):
            counted, hit = RATES[m.metric](Y, P)
            self.equals(inside & counted, m.n)
            if m.value is not None:
                self.equals(inside & counted & hit, m.value * m.n)

    def inside(self, segment: str | None) -> np.ndarray:
        if segment is None:
            return np.ones(len(CELLS), dtype=bool)
        grouping, group = segment.split("=")
        return NAMES[grouping] == group

    def equals(self, cells: np.ndarray, number: float) -> None:
        self.equal.append((cells, round(number)))

    def range_of(self, segment: str) -> tuple[float, float]:
        wanted = self.inside(segment).astype(float)
        ends = []
        for sign in (1, -1):
            solved = linprog(
                sign * wanted,
                A_eq=np.array([row for row, _ in self.equal]),
                b_eq=[number for _, number in self.equal],
                A_ub=np.array([row for row, _ in self.most]) if self.most else None,
                b_ub=[number + 1e-6 for _, number in self.most] if self.most else None,
                method="highs",
            )
            assert solved.success, solved.message
            ends.append(sign * solved.fun)
        return ends[0], ends[1]


def published(profile: Profile, smallest: int = 10) -> list[Measurement]:
    found = measure(profile, None, (), Levels({}), seed="0" * 16, smallest_group=smallest)
    return [m for m in found if m.column is None or m.metric == "null_share"]


GROUPINGS = [
    (("race",),),
    (("race",), ("sex",)),
    (("race", "sex"),),
    (("race",), ("race", "sex")),
    (("race",), ("sex",), ("race", "sex")),
]
sizes = st.one_of(st.just(0), st.integers(0, 4), st.integers(0, 12), st.integers(10, 400))


@settings(max_examples=25, deadline=None)
@given(
    cells=st.lists(sizes, min_size=80, max_size=80),
    groupings=st.sampled_from(GROUPINGS),
    smallest=st.sampled_from([5, 10]),
    others=st.booleans(),
)
def test_nothing_that_is_published_tells_how_many_people_are_in_a_withheld_group(
    cells: list[int], groupings: tuple[tuple[str, ...], ...], smallest: int, others: bool
) -> None:
    people = np.array(cells).reshape(5, 4, 2, 2)
    if not others:
        people[3], people[:, 2] = 0, 0
    if not people.sum():
        return
    reader = Reader(published(profile_of(people, groupings), smallest))
    total = int(people.sum())
    for segment in reader.withheld:
        low, high = reader.range_of(segment)
        truth = int((reader.inside(segment) * people.ravel()).sum())
        assert low - 1e-6 <= truth <= high + 1e-6
        if truth:
            assert high - low >= min(smallest, total) - 1e-5, (segment, truth, low, high)
        if 0 < truth < smallest:
            assert low <= 1 + 1e-5, (segment, truth, low, high)


def test_the_reader_does_work_out_a_group_that_is_withheld_alone() -> None:
    """The test above would be worth nothing if its reader could not read: without complements, he can."""
    people = np.zeros((5, 4, 2, 2), dtype=int)
    people[:3, :2] = 30
    people[0, 0] = 1
    profile = profile_of(people, (("race",), ("sex",), ("race", "sex")))
    alone = {"race": frozenset(), "sex": frozenset(), "race × sex": frozenset({"A × f"})}
    found = [*overall(profile, None, Levels({})), *by_group(profile, (), Levels({}), withheld=alone)]
    reader = Reader(found)
    assert reader.withheld == ["race × sex=A × f"]
    assert reader.range_of("race × sex=A × f") == pytest.approx((4, 4))
    assert len(withheld_groups(profile)["race × sex"]) >= 4


def spread(race: dict[str, int], sex: tuple[float, float] = (0.5, 0.5)) -> np.ndarray:
    people = np.zeros((5, 4, 2, 2), dtype=int)
    for value, n in race.items():
        for j, share in enumerate(sex):
            each, rest = divmod(round(n * share), 4)
            people[VALUES["race"].index(value), j] = each
            people[VALUES["race"].index(value), j, 0, 0] += rest
    return people


def test_a_single_small_group_takes_the_next_smallest_with_it() -> None:
    hidden = withheld_groups(profile_of(spread({"A": 500, "B": 40, "C": 6}), (("race",),)))
    assert hidden == {"race": frozenset({"B", "C"})}


def test_two_small_groups_of_enough_people_together_are_enough() -> None:
    assert withheld_groups(profile_of(spread({"A": 500, "B": 6, "C": 4}), (("race",),))) == {"race": frozenset("BC")}


def test_two_small_groups_of_too_few_people_take_a_third_with_them() -> None:
    hidden = withheld_groups(profile_of(spread({"A": 500, "B": 4, "C": 5, "(other)": 40}), (("race",),)))
    assert hidden == {"race": frozenset({"B", "C", "(other)"})}


def test_a_missing_attribute_is_the_last_to_be_withheld_for_another() -> None:
    hidden = withheld_groups(profile_of(spread({"A": 500, "C": 5, MISSING: 40}), (("race",),)))
    assert hidden == {"race": frozenset({"A", "C"})}


def test_nothing_is_withheld_where_all_groups_are_large() -> None:
    hidden = withheld_groups(profile_of(spread({"A": 500, "B": 40, "C": 60}), GROUPINGS[-1]))
    assert hidden == {"race": frozenset(), "sex": frozenset(), "race × sex": frozenset()}


def test_cells_of_a_withheld_group_do_not_add_up_to_it() -> None:
    hidden = withheld_groups(profile_of(spread({"A": 500, "B": 40, "C": 6}), GROUPINGS[-1]))
    assert hidden["race"] == {"B", "C"}
    assert {"B × f", "B × m", "C × f", "C × m"} <= hidden["race × sex"]


def test_a_small_cell_is_hidden_among_others_and_its_margins_stay() -> None:
    people = spread({"A": 500, "B": 400, "C": 300})
    people[2, 0] = [[2, 0], [1, 0]]
    hidden = withheld_groups(profile_of(people, GROUPINGS[-1]))
    assert (hidden["race"], hidden["sex"]) == (frozenset(), frozenset())
    assert hidden["race × sex"] == {"C × f", "C × m", "B × f", "B × m"}


def test_small_groups_are_not_told_from_those_that_hide_them() -> None:
    found = published(profile_of(spread({"A": 500, "B": 40, "C": 6}), (("race",),)))
    told = {m.segment: m.reason for m in found if m.metric == "rows" and m.value is None}
    assert set(told) == {"race=B", "race=C"} and len(set(told.values())) == 1


def test_coverage_is_exact_where_it_tells_nothing_and_a_bound_where_it_would() -> None:
    open_, closed = (
        next(m for m in published(profile_of(spread(race), (("race",),))) if m.metric == "attribute_coverage")
        for race in ({"A": 460, MISSING: 40}, {"A": 460, "B": 36, MISSING: 4})
    )
    assert (open_.value, open_.low, open_.high, open_.segment) == (0.92, 0.92, 0.92, "race")
    assert (closed.value, closed.low, closed.high) == (pytest.approx(0.92), pytest.approx(0.92), 1.0)
    assert "at least" in (closed.reason or "")


@pytest.mark.parametrize("missing, told", [(0, True), (4, False), (40, True)])
def test_empty_values_of_an_attribute_are_not_counted_where_they_are_a_withheld_group(missing: int, told: bool) -> None:
    found = published(profile_of(spread({"A": 500, "B": 40, "C": 60, MISSING: missing}), (("race",),)))
    share = next(m for m in found if m.metric == "null_share" and m.column == "race")
    assert (share.value is not None) == told


def test_a_batch_of_fewer_people_than_a_group_shows_no_group() -> None:
    found = published(profile_of(spread({"A": 8}), (("race",),)))
    assert {m.segment: m.value for m in found if m.metric == "rows"} == {
        None: 8,
        "race=A": None,
        "race=B": None,
        "race=C": 0,
    }


def test_an_empty_batch_withholds_nothing() -> None:
    assert withheld_groups(profile_of(np.zeros((5, 4, 2, 2), int), GROUPINGS[-1]))["race"] == frozenset()
