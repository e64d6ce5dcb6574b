"""Shares of alpha worked out by hand."""

from typing import Any

import pytest

from governance.declared.system import Grouping
from monitors.grid import Grid, GroupGrid
from monitors.levels import DEFAULT_ALPHA, Contrast, contrasts_of, covered_by, levels_of

GRID = Grid((), None, (GroupGrid((), ()), GroupGrid(("g",), (("a", "b", "c"),))), None, None, None, None)
GROUPING = Grouping(by=("g",), baseline="b")
GAP = {"metric": "selection_rate_difference", "grouping": "g", "direction": "either", "limit": 0.1}


def test_every_declared_group_stands_against_the_baseline_and_named_contrasts_follow_once(criterion: Any) -> None:
    named = [criterion(**GAP, contrasts=(("a", "c"), ("a", "b"))), criterion(**GAP, contrasts=(("a", "c"),))]
    found = contrasts_of(GROUPING, GRID, named)
    assert [c.segment for c in found] == ["g: a − b", "g: c − b", "g: a − c"]


def test_alpha_is_shared_over_the_columns_of_a_criterion(criterion: Any) -> None:
    levels = levels_of([criterion(metric="psi", columns=("x", "y", "z", "w"), alpha=0.02)], ())
    assert [levels.alpha("psi", name) for name in "xyzw"] == [pytest.approx(0.005)] * 4
    assert levels.alpha("psi", "other") == levels.alpha("ks", "x") == DEFAULT_ALPHA == 0.025


def test_alpha_is_shared_over_the_contrasts_with_the_baseline_only(criterion: Any) -> None:
    other = criterion(**GAP, contrasts=(("a", "c"),), alpha=0.01)
    contrasts = contrasts_of(GROUPING, GRID, [other])
    levels = levels_of([criterion(**GAP, alpha=0.04), other], contrasts)
    alphas = [levels.alpha("selection_rate_difference", c.segment) for c in contrasts]
    assert alphas == [pytest.approx(0.02), pytest.approx(0.02), pytest.approx(0.01)]


@pytest.mark.parametrize("order", [1, -1], ids=["strict last", "strict first"])
def test_the_strictest_of_several_criteria_sets_the_level(order: int, criterion: Any) -> None:
    levels = levels_of([criterion(alpha=0.05), criterion(alpha=0.001)][::order], ())
    assert levels.alpha("selection_rate") == 0.001


def test_a_criterion_about_all_rows_covers_one_question_and_of_an_unknown_grouping_none(criterion: Any) -> None:
    assert covered_by(criterion(), [Contrast("g", "a", "b")]) == ("",)
    assert covered_by(criterion(**GAP), []) == ()
