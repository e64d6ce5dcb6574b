"""Edges and bins worked out by hand, and their promises under hypothesis."""

import decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitors.grid import ColumnGrid, GroupGrid, ScoreGrid, edge_above, edge_below, merge_rare

finite = st.floats(min_value=-1e200, max_value=1e200).filter(lambda x: x == 0 or abs(x) > 1e-200)


@given(value=finite)
def test_an_edge_has_12_digits_and_stands_at_the_value_or_next_to_it(value: float) -> None:
    above, below = edge_above(value), edge_below(value)
    assert below < value <= above
    assert above - below <= max(abs(value) * 1.01e-10, 1.01e-301)
    for edge in (above, below):
        assert len(decimal.Decimal(repr(edge)).normalize().as_tuple().digits) <= 12


@pytest.mark.parametrize("value", [0.1, 0.3, 5.0, -7.25, 123456.789, 0.0], ids=str)
def test_a_value_of_few_digits_is_its_own_edge(value: float) -> None:
    assert edge_above(value) == value == edge_above(edge_above(value))


MERGES = {
    "none rare": ([1.0, 2.0], [10, 10], (0.999999999999, 1.0, 2.0)),
    "the first rare": ([1.0, 2.0], [9, 10], (1.99999999999, 2.0)),
    "the last rare": ([1.0, 2.0], [10, 9], (0.999999999999, 1.0)),
    "neighbours joined": ([1.0, 2.0, 3.0, 4.0], [5, 5, 5, 5], (2.0, 4.0)),
    "all rare": ([1.0, 2.0], [4, 5], ()),
    "nothing": ([], [], ()),
}


@pytest.mark.parametrize("values, counts, edges", MERGES.values(), ids=MERGES)
def test_rare_values_are_joined_with_their_neighbours(
    values: list[float], counts: list[int], edges: tuple[float, ...]
) -> None:
    assert merge_rare(values, counts) == edges


def test_a_column_has_a_count_for_every_bin_and_every_way_to_be_missing() -> None:
    assert ColumnGrid("x", edges=(1.0, 2.0)).size == 3 + 4
    assert ColumnGrid("x", categories=("a", "b")).size == 2 + 2
    assert not ColumnGrid("x").is_numeric


def test_a_row_of_a_score_bin_stands_at_its_centre_and_of_an_end_bin_at_its_end() -> None:
    score = ScoreGrid(low=0.0, high=1.0, bins=4)
    assert [score.centre(i) for i in range(6)] == [0.0, 0.125, 0.375, 0.625, 0.875, 1.0]
    assert (score.size, score.resolution) == (7, 0.25)
    assert (ScoreGrid(values=(1.0, 2.0)).size, ScoreGrid(values=(1.0, 2.0)).resolution) == (4, 0.0)


def test_an_intersection_has_every_cell_and_declares_those_of_known_values() -> None:
    grouping = GroupGrid(("race", "sex"), (("A", "B"), ("f", "m")))
    assert grouping.name == "race × sex"
    assert len(grouping.groups) == 16
    assert grouping.groups[:4] == ("A × f", "A × m", "A × (other)", "A × (missing)")
    assert grouping.declared == {"A × f", "A × m", "B × f", "B × m"}
    assert GroupGrid((), ()).groups == ("",)
