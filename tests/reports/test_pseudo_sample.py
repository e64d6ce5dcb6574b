"""Truth is planted: counts chosen by hand, into whose bins the points must fall; shares in exact fractions."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitors.grid import ColumnGrid, Grid
from monitors.profile import Profile
from reports.pseudo_sample import POINTS, allocate, folded, pseudo_sample

AMOUNT = ColumnGrid("amount_eur", edges=(0.0, 1.5, 4.0, 10.0))
PRIORS = ColumnGrid("priors", edges=(0.0, 1.0, 2.0))
SEX = ColumnGrid("sex", categories=("female", "male", "unknown"))
GRID = Grid((AMOUNT, PRIORS, SEX), None, (), None, None, None, None)


def profile(
    amount: tuple[int, ...] = (5, 300, 450, 200, 15, 20, 6, 3, 1),
    priors: tuple[int, ...] = (600, 300, 100, 0, 0, 0, 0, 0),
    sex: tuple[int, ...] = (480, 470, 30, 0, 20),
) -> Profile:
    """1,000 rows; the means are of amounts inside their bins, and of whole numbers of priors."""
    counts = {name: np.array(n) for name, n in zip(("amount_eur", "priors", "sex"), (amount, priors, sex), strict=True)}
    moments = {"amount_eur": (970, 3067.5, 15000.0), "priors": (1000, 500.0, 700.0)}
    return Profile(GRID, 1000, counts, moments, {})


REFERENCE = profile()
CURRENT = profile(amount=(0, 100, 450, 400, 50, 0, 0, 0, 0), sex=(300, 600, 50, 0, 50))
SIDES = {"reference": REFERENCE, "current": CURRENT}


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("column", [AMOUNT, PRIORS], ids=lambda column: column.name)
def test_a_pseudo_sample_falls_into_the_bins_as_the_rows_do(side: str, column: ColumnGrid) -> None:
    counts = SIDES[side].columns[column.name]
    values = pseudo_sample(SIDES[side], SIDES, "seed")[column.name].to_numpy()
    # The grid's own rule: edges[i-1] < x <= edges[i].
    found = np.bincount(np.searchsorted(column.edges, values[~np.isnan(values)]), minlength=len(column.edges) + 1)
    assert len(values) == POINTS
    assert np.abs(found / POINTS - counts[:-4] / counts.sum()).max() < 1 / POINTS
    assert abs(np.isnan(values).mean() - counts[-4:].sum() / counts.sum()) < 4 / POINTS


def test_a_pseudo_sample_repeats_categories_by_share_missing_included() -> None:
    sex = pseudo_sample(CURRENT, SIDES, "seed")["sex"]
    assert sex.value_counts().to_dict() == {"male": 1200, "female": 600, "unknown": 100, "(missing)": 100}


def test_numbers_spread_over_wide_bins_and_stay_whole_where_rows_hold_whole_numbers() -> None:
    sample = pseudo_sample(REFERENCE, SIDES, "seed")
    assert sample["priors"].value_counts().to_dict() == {0.0: 1200, 1.0: 600, 2.0: 200}
    inside = sample["amount_eur"][sample["amount_eur"].between(1.5, 4.0)]
    assert inside.nunique() == len(inside)
    assert inside.mean() == pytest.approx(2.75)


def test_categories_that_few_rows_hold_get_no_bar_of_their_own() -> None:
    few = profile(sex=(520, 471, 9, 0, 0))
    sample = pseudo_sample(few, {"current": few}, "seed")
    assert sample["sex"].value_counts().to_dict() == {"female": 1040, "male": 942, "(other)": 18}
    assert list(folded({"current": few})) == [("sex", 1)]


def test_columns_are_drawn_apart_from_each_other() -> None:
    sample = pseudo_sample(CURRENT, SIDES, "seed")
    assert abs(sample["amount_eur"].corr(sample["priors"])) < 0.1


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=40), st.integers(1, 5000))
def test_allotted_points_are_all_used_and_the_odd_ones_go_to_the_largest_remainders(
    counts: list[int], points: int
) -> None:
    found = allocate(np.array(counts), points)
    if sum(counts) == 0:
        assert found.sum() == 0
        return
    assert found.sum() == points
    exact = [Fraction(n * points, sum(counts)) for n in counts]
    odd = [n - math.floor(part) for n, part in zip(found.tolist(), exact, strict=True)]
    assert set(odd) <= {0, 1}
    rest = [float(part % 1) for part in exact]
    least = min((r for r, more in zip(rest, odd, strict=True) if more), default=1.0)
    assert least >= max((r for r, more in zip(rest, odd, strict=True) if not more), default=0.0) - 1e-6
