"""Laws that move by a known amount: closed forms of what they are afterwards."""

import numpy as np
import pytest
from scipy.stats import norm

from monitors.grid import ColumnGrid, Grid, GroupGrid
from monitors.laws import ColumnLaw, CubeLaw, column_profile, cube_profile
from monitors.profile import Profile

EDGES = tuple(float(x) for x in np.round(norm.ppf(np.arange(1, 256) / 256), 6))
NORMAL = np.append(np.diff(norm.cdf([-np.inf, *EDGES, np.inf])), [0.0] * 4)


def law(*missing: float) -> ColumnLaw:
    shares = NORMAL * (1 - sum(missing))
    shares[-4 : -4 + len(missing)] = missing
    return ColumnLaw.of(ColumnGrid("x", EDGES), (shares * 1e12).round().astype(np.int64))


@pytest.mark.parametrize("by", [0.1, 0.5, -1.0])
def test_a_tilted_normal_law_is_the_normal_law_shifted(by: float) -> None:
    """exp(t x) φ(x) is φ(x − t), up to a factor; within what bins can tell."""
    moved = law().moved(by).shares
    shifted = np.diff(norm.cdf(np.array([-np.inf, *EDGES, np.inf]) - by))
    assert np.abs(np.cumsum(moved[:-4]) - np.cumsum(shifted)).max() < 0.01


def test_what_has_no_number_stays_as_it_is() -> None:
    moved = law(0.2, 0.05).moved(0.5).shares
    assert moved[-4:] == pytest.approx([0.2, 0.05, 0, 0])
    assert moved.sum() == pytest.approx(1)


def test_the_share_of_the_most_frequent_category_moves_by_so_many_of_its_standard_deviations() -> None:
    grid = ColumnGrid("c", categories=("a", "b", "c"))
    rising = ColumnLaw.of(grid, np.array([40, 30, 20, 5, 5])).moved(0.2).shares
    assert rising[0] == pytest.approx(0.4 + 0.2 * np.sqrt(0.4 * 0.6))
    assert rising[1] / rising[2] == pytest.approx(30 / 20), "the others keep their proportions"
    falling = ColumnLaw.of(grid, np.array([90, 5, 5, 0, 0])).moved(0.2).shares
    assert falling[0] == pytest.approx(0.9 - 0.2 * np.sqrt(0.9 * 0.1))


def test_a_constant_cannot_move_and_a_short_way_ends_where_it_ends() -> None:
    constant = ColumnLaw.of(ColumnGrid("c", categories=("a",)), np.array([7, 0, 0]))
    assert not constant.can_move
    assert constant.moved(0.5).shares.tolist() == [1, 0, 0]
    two = ColumnLaw.of(ColumnGrid("c", categories=("a", "b")), np.array([4, 6, 0, 0])).moved(50.0)
    assert two.shares == pytest.approx([1, 0, 0, 0])


def cube_law() -> CubeLaw:
    rng = np.random.default_rng(7)
    grouping = GroupGrid(("g",), (("a", "b", "c"),))
    cube = rng.integers(1, 50, (len(grouping.groups), 3, 3, 4))
    cube[3:] = 0
    grid = Grid((), None, (GroupGrid((), ()), grouping), "y", "p", None, None)
    return CubeLaw.of(Profile(grid, int(cube.sum()), {}, {}, {"g": cube, "": cube.sum(axis=0, keepdims=True)}), "g")


RATES = ("selection_rate", "outcome_rate", "accuracy", "precision", "true_positive_rate", "false_positive_rate")


@pytest.mark.parametrize("metric", RATES)
def test_a_rate_is_set_in_the_groups_named_and_nothing_else_moves(metric: str) -> None:
    before = cube_law()
    after = before.with_rate(metric, 0.3, ("b",))
    assert after.rate(metric, "b") == pytest.approx(0.3)
    assert [after.rate(metric, g) for g in "ac"] == [before.rate(metric, g) for g in "ac"]
    assert after.shares.sum(axis=(1, 2, 3)) == pytest.approx(before.shares.sum(axis=(1, 2, 3)))
    alike = before.alike(metric)
    assert [alike.rate(metric, g) for g in "abc"] == [pytest.approx(before.rate(metric))] * 3


def test_a_group_without_misses_is_left_alone_and_one_without_rows_has_no_rate() -> None:
    before = cube_law()
    before.shares[0, 0] = before.shares[0, 2] = 0
    assert before.with_rate("outcome_rate", 0.5).rate("outcome_rate", "a") == 1.0
    assert before.rate("outcome_rate", "(other)") is None


def test_lost_skill_keeps_outcomes_and_scores_and_all_of_it_leaves_them_independent() -> None:
    before = cube_law()
    lost = before.unskilled(1.0)
    assert lost.rate("outcome_rate") == pytest.approx(before.rate("outcome_rate"))
    assert lost.shares.sum(axis=1) == pytest.approx(before.shares.sum(axis=1))
    known = lost.shares[0, :2].reshape(2, -1)
    assert known == pytest.approx(np.outer(known.sum(axis=1), known.sum(axis=0)) / known.sum())
    half = before.unskilled(0.5).shares
    assert half == pytest.approx((before.shares + lost.shares) / 2)


def test_what_is_drawn_is_a_profile_of_so_many_rows_with_the_laws_shares() -> None:
    rng = np.random.default_rng(3)
    column, cube = law(0.1), cube_law()
    one = column_profile(column, column.draw(1_000_000, rng))
    assert one.rows == 1_000_000
    assert np.abs(one.columns["x"] / 1e6 - column.shares).max() < 0.002
    two = cube_profile(cube, cube.draw(1_000_000, rng))
    assert np.abs(two.cubes["g"] / 1e6 - cube.shares).max() < 0.002
    assert (two.cubes[""][0] == two.cubes["g"].sum(axis=0)).all()
