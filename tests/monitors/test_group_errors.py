"""Errors by group against fairlearn on the rows; a planted bias of one group, and its clean twin."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from fairlearn.metrics import MetricFrame
from scipy import stats
from sklearn.metrics import mean_absolute_error

from governance.declared.system import Grouping
from governance.records import Measurement, Outcome
from monitors.freezing import freeze
from monitors.group_errors import by_group
from monitors.judge import Labels, judge_all
from monitors.levels import Contrast, contrasts_of, levels_of
from monitors.profile import Profile
from monitors.profiling import profile
from monitors.suppression import reason

TOWN = Grouping(by=("town",), baseline="A")
ON_ROWS = {
    "mean_error": lambda y, p: (p - y).mean(),
    "mean_absolute_error": mean_absolute_error,
    "mean_label": lambda y, p: y.mean(),
    "mean_prediction": lambda y, p: p.mean(),
}


def homes(rows: int, seed: int, bias: dict[str, float] | None = None) -> dict[str, Any]:
    """Prices in three towns; `bias` is added to what is predicted in a town."""
    rng = np.random.default_rng(seed)
    label, town = rng.gamma(4, 100, rows), rng.choice(["A", "B", "it's C"], rows)
    added = np.array([(bias or {}).get(name, 0.0) for name in town])
    kind = rng.choice(["house", "flat"], rows)
    return {"price": label, "guess": label + added + rng.normal(0, 40, rows), "town": town, "kind": kind}


@pytest.fixture(scope="module")
def counted(shape: Any, table_of: Any) -> Any:
    roles = {"label": "price", "prediction": "guess", "task": "regression", "error": "price (error)"}
    asked = shape(numeric=("price", "guess"), groupings=(("town",), ("town", "kind")), **roles)
    grid = freeze(table_of(homes(2_000, 20)), asked)
    return lambda columns: profile(table_of(columns), grid)


def judged(batch: Profile, criteria: Any) -> tuple[dict[Any, Measurement], dict[str, Outcome]]:
    contrasts = contrasts_of(TOWN, batch.grid, ())
    found = list(by_group(batch, contrasts, levels_of(criteria, contrasts)))
    _, verdicts = judge_all(found, criteria, contrasts, Labels(1.0, True))
    return {(m.metric, m.segment): m for m in found}, {v.segment: v.outcome for v in verdicts}


def test_group_errors_equal_metric_frame_on_the_rows_also_at_intersections(counted: Any) -> None:
    rows = homes(3_000, 21, {"B": 15.0})
    absent = np.random.default_rng(22).random(3_000) < 0.1
    batch = counted(rows | {"kind": pa.array(rows["kind"].astype(object), mask=absent)})
    found, _ = judged(batch, ())
    kind = np.where(absent, "(missing)", rows["kind"])
    for name, cells in (
        ("town", rows["town"]),
        ("town × kind", [f"{t} × {k}" for t, k in zip(rows["town"], kind, strict=True)]),
    ):
        frame = MetricFrame(metrics=ON_ROWS, y_true=rows["price"], y_pred=rows["guess"], sensitive_features=cells)
        for metric, column in frame.by_group.items():
            for group, value in column.items():
                assert found[metric, f"{name}={group}"].value == pytest.approx(value, rel=1e-9)
    by_town = MetricFrame(
        metrics=ON_ROWS, y_true=rows["price"], y_pred=rows["guess"], sensitive_features=rows["town"]
    ).by_group
    for metric in ON_ROWS:
        gap = by_town[metric]["B"] - by_town[metric]["A"]
        assert found[f"{metric}_difference", "town: B − A"].value == pytest.approx(gap, rel=1e-9)


def test_where_skewness_is_small_a_difference_has_welchs_bounds(counted: Any) -> None:
    rows = homes(6_000, 23)
    found, _ = judged(counted(rows), ())
    gap, error = found["mean_error_difference", "town: B − A"], rows["guess"] - rows["price"]
    one, two = (error[rows["town"] == town] for town in "BA")
    expected = stats.ttest_ind(one, two, equal_var=False).confidence_interval(1 - 2 * 0.025)
    assert (gap.low, gap.high) == pytest.approx(tuple(expected), abs=0.03)
    assert gap.n == min(one.size, two.size)


def test_a_planted_bias_of_one_group_breaches_and_its_clean_twin_conforms(counted: Any, criterion: Any) -> None:
    fair = [criterion(metric="mean_error_difference", grouping="town", direction="either", limit=12.0)]
    assert judged(counted(homes(3_000, 24)), fair)[1] == {
        "town: B − A": Outcome.CONFORMING,
        "town: it's C − A": Outcome.CONFORMING,
    }
    assert judged(counted(homes(3_000, 24, {"B": 30.0})), fair)[1] == {
        "town: B − A": Outcome.BREACH,
        "town: it's C − A": Outcome.CONFORMING,
    }


def test_too_few_rows_to_show_a_difference_conform_to_nothing(counted: Any, criterion: Any) -> None:
    fair = [criterion(metric="mean_absolute_error_difference", grouping="town", direction="either", limit=5.0)]
    assert set(judged(counted(homes(90, 25)), fair)[1].values()) == {Outcome.INCONCLUSIVE}


def test_at_the_limit_a_false_breach_is_as_rare_as_the_criterion_asks(counted: Any, criterion: Any) -> None:
    fair = [criterion(metric="mean_error_difference", grouping="town", direction="above", limit=20.0, alpha=0.2)]
    looks = [judged(counted(homes(300, 100 + i, {"B": 20.0, "it's C": 20.0})), fair)[1] for i in range(24)]
    breaches = sum(Outcome.BREACH in verdicts.values() for verdicts in looks)
    assert stats.binomtest(breaches, 24, 0.2, alternative="greater").pvalue > 0.01


def test_groups_of_fewer_than_ten_people_are_withheld_and_empty_ones_listed(counted: Any) -> None:
    rows = homes(200, 26)
    rows["town"][:] = "A"
    rows["town"][:9] = "B"
    found, _ = judged(counted(rows), ())
    for metric in ("rows", *ON_ROWS):
        assert (found[metric, "town=B"].value, found[metric, "town=B"].n) == (None, 0)
        assert found[metric, "town=B"].reason == reason(10)
    gap = found["mean_error_difference", "town: B − A"]
    assert (gap.value, gap.n, gap.reason) == (None, 0, reason(10, "B"))
    empty = found["mean_error_difference", "town: it's C − A"]
    assert empty.reason == 'undefined (0 rows with label and prediction in "it\'s C")'
    assert found["rows", "town=it's C"].value == 0


def test_a_group_that_nobody_knows_is_undefined(counted: Any) -> None:
    batch, unknown = counted(homes(300, 27)), Contrast("town", "Z", "A")
    found = by_group(batch, [unknown], levels_of((), ()))
    (gap,) = [m for m in found if m.metric == "mean_error_difference"]
    assert gap.reason == "undefined ('Z' does not occur in the reference or the batch)"
