"""False alarms and power of made batches, beside what a textbook says they must be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom, norm

from monitors import proving
from monitors.grid import ColumnGrid, Grid, GroupGrid
from monitors.levels import Contrast
from monitors.performance import overall
from monitors.profile import Profile
from monitors.proving import Counted, Proof, Trial, prove

SEED = "5eed" * 16
GAP = Contrast("g", "b", "a")


def reference(rows: int = 4000) -> Profile:
    """Two groups of equal size, one of three selected, half of the outcomes positive; a number of ten even bins."""
    grouping, whole = GroupGrid(("g",), (("a", "b"),)), GroupGrid((), ())
    column = ColumnGrid("x", tuple(float(i) for i in range(1, 10)))
    grid = Grid((column,), None, (whole, grouping), "y", "p", None, None)
    cube = np.zeros((len(grouping.groups), 3, 3, 1), dtype=np.int64)
    cube[:2, 0, 0], cube[:2, 1, 0], cube[:2, 0, 1], cube[:2, 1, 1] = 2, 2, 1, 1
    cube *= rows // 12
    counts = np.append(np.full(10, rows // 10), [0] * 4)
    cubes = {"g": cube, "": cube.sum(axis=0, keepdims=True)}
    return Profile(grid, int(cube.sum()), {"x": counts}, {"x": (rows, 0.0, 0.0)}, cubes)


def trial(runs: int, *sizes: int) -> Trial:
    return Trial(reference(), (GAP,), sizes, runs)


def within(counted: Counted, share: float, sure: float = 1e-4) -> bool:
    """Whether so many breaches are what a binomial of that share brings."""
    low, high = binom.cdf(counted.breaches, counted.runs, share), binom.sf(counted.breaches - 1, counted.runs, share)
    return bool(low > sure and high > sure)


def test_power_and_false_alarms_of_a_rate_are_those_of_the_normal_test(criterion: Any) -> None:
    """A rate of 1/3 in 1,000 rows against 4,000: the standard error of the change is known."""
    asked = criterion(metric="selection_rate_change", direction="above", limit=0.05, alpha=0.1)
    found = prove(asked, trial(300, 1000), seed=SEED)
    error = np.sqrt(2 / 9 / 4000 + 2 / 9 / 1000)
    for size, counted in found.changed.items():
        power = norm.sf((0.05 - size * np.sqrt(2 / 9)) / error + norm.ppf(0.9))
        assert abs(counted.rate - power) < 0.07, size
    (unchanged,), (at_limit,) = found.unchanged, found.at_limit
    assert within(unchanged, norm.sf(0.05 / error + norm.ppf(0.9)), 1e-3)
    assert within(at_limit, 0.1)
    assert not found.exceeds(1)


def test_groups_are_alike_when_nothing_changed_and_one_of_them_moves(criterion: Any) -> None:
    gap = {"metric": "selection_rate_difference", "grouping": "g", "direction": "either", "limit": 0.1}
    found = prove(criterion(**gap, alpha=0.1), trial(200, 2000), seed=SEED)
    error = np.sqrt(2 / 9 / 1000 * 2)
    assert found.questions == 1
    assert found.unchanged[0].breaches == 0
    assert within(found.at_limit[0], 0.1)
    power = norm.sf((0.1 - 0.5 * np.sqrt(2 / 9)) / error + norm.ppf(0.9))
    assert within(found.changed[0.5], power)


def test_a_column_stands_at_the_limit_where_its_distance_is_the_limit(criterion: Any) -> None:
    asked = criterion(metric="psi", columns=("x",), limit=0.05, alpha=0.1)
    found = prove(asked, trial(60, 2000), seed=SEED)
    assert found.unchanged[0].breaches == 0
    assert binom.sf(found.at_limit[0].breaches - 1, 60, 0.1) > 1e-3
    assert found.changed[0.5].rate == 1.0, "half a deviation is a PSI of about 0.25"


def test_a_measure_that_overstates_what_it_knows_is_found_out(criterion: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds that are no wider than the estimate breach in half of the batches that stand at the limit."""

    def sure_of_itself(*given: Any) -> Any:
        return (replace(m, low=m.value, high=m.value) for m in overall(*given))

    asked = criterion(metric="selection_rate_change", direction="above", limit=0.05, alpha=0.1)
    monkeypatch.setattr(proving, "overall", sure_of_itself)
    found = prove(asked, trial(100, 1000), seed=SEED)
    assert found.exceeds(10)
    assert not prove(criterion(metric="psi", columns=("x",), limit=5.0), trial(20, 1000), seed=SEED).exceeds(1)


def test_the_same_seed_gives_the_same_proof(criterion: Any) -> None:
    asked = criterion(metric="accuracy", direction="below", limit=0.45)
    assert prove(asked, trial(20, 500), seed=SEED) == prove(asked, trial(20, 500), seed=SEED)


NOT_TRIED = {
    "the estimate alone decides": {"metric": "accuracy", "evidence": "point"},
    "no law to draw it from": {"metric": "precision_difference", "grouping": "h", "direction": "either"},
    "the reference itself stands beyond the limit, at 0.5": {"metric": "accuracy", "direction": "below", "limit": 0.6},
    "nothing to draw from": {"metric": "psi", "columns": ("nothing",)},
}


@pytest.mark.parametrize(("words", "asked"), NOT_TRIED.items(), ids=NOT_TRIED)
def test_what_cannot_be_tried_is_said(words: str, asked: dict[str, Any], criterion: Any) -> None:
    known = reference()
    grouping = GroupGrid(("h",), (("a", "b"),))
    grid = replace(known.grid, columns=(*known.grid.columns, ColumnGrid("nothing", (1.0,))))
    grid = replace(grid, groupings=(*grid.groupings, grouping))
    never = np.zeros((4, 3, 3, 1), dtype=np.int64)
    never[:, 0, 0] = 10
    columns = {**known.columns, "nothing": np.zeros(6, dtype=np.int64)}
    whole = replace(known, grid=grid, columns=columns, cubes={**known.cubes, "h": never})
    found = prove(criterion(**asked), Trial(whole, (Contrast("h", "b", "a"),), (100,), 5), seed=SEED)
    assert words in "; ".join(found.notes)
    assert found.false_alarms_unchanged is None


def test_false_alarms_add_over_columns_and_are_judged_together() -> None:
    columns = (Counted(100, 3, 0), Counted(100, 4, 0))
    proof = Proof("one", 0.05, 2, columns, (), {})
    assert proof.false_alarms_unchanged == pytest.approx(0.07)
    assert proof.exceeds(1) is bool(binom.sf(6, 100, 0.05) < 0.01)
    assert Proof("one", 0.005, 2, columns, (), {}).exceeds(1)
