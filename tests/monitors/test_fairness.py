"""Group rates against fairlearn on the raw rows; false alarms and power on simulators whose truth is set."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from fairlearn import metrics as fairlearn
from sklearn import metrics as sklearn

from governance.declared.metrics import GROUP_RATES
from governance.records import Measurement, Outcome
from monitors.fairness import by_group, group_rates
from monitors.freezing import freeze
from monitors.judge import Labels, judge_all
from monitors.levels import Contrast, Levels, levels_of
from monitors.profiling import profile

Y_TRUE = [0, 1, 1, 1, 1, 0, 1, 0, 1, 0, 0, 0, 1, 1, 1, 1, 1, 1]
Y_PRED = [0, 0, 1, 0, 1, 1, 1, 0, 0, 1, 1, 1, 1, 0, 0, 1, 1, 0]
GROUPS = list("bbabbcccaacabccbcc")
ON_ROWS = {
    "selection_rate": fairlearn.selection_rate,
    "accuracy": sklearn.accuracy_score,
    "precision": lambda y_true, y_pred: sklearn.precision_score(y_true, y_pred, zero_division=0),
    "true_positive_rate": fairlearn.true_positive_rate,
    "false_positive_rate": fairlearn.false_positive_rate,
    "false_negative_rate": fairlearn.false_negative_rate,
}


def values(found: Any) -> dict[tuple[str, str | None], Measurement]:
    named = {(m.metric, m.segment): m for m in found}
    assert len(named) == len(found)
    return named


def measure(people: Any, contrasts: tuple[Contrast, ...] = ()) -> dict[tuple[str, str | None], Measurement]:
    return values(list(by_group(people, contrasts, Levels({}))))


def test_the_example_of_fairlearns_user_guide_comes_out_as_published(profile_of_people: Any) -> None:
    people = profile_of_people(GROUPS, Y_TRUE, Y_PRED, ("a", "b", "c"))
    rates = group_rates(people.cubes["g"], people.grouping("g").groups)
    published = {
        "true_positive_rate": (0.5, 0.6, 0.4),
        "false_positive_rate": (1.0, 0.0, 2 / 3),
        "selection_rate": (0.75, 0.5, 0.5),
    }
    for metric, expected in published.items():
        assert [rates[metric, group] for group in "abc"] == pytest.approx(expected)
    # Ten times the same people, so that no group is too small to publish.
    found = measure(profile_of_people(GROUPS * 10, Y_TRUE * 10, Y_PRED * 10, ("a", "b", "c")))
    for metric, expected in published.items():
        assert [found[metric, f"g={group}"].value for group in "abc"] == pytest.approx(expected)


def test_group_rates_equal_metric_frame_on_the_rows_also_at_intersections(table_of: Any, shape: Any) -> None:
    rng = np.random.default_rng(50)
    n = 3_000
    columns = {
        "race": rng.choice(["A", "B", "it's C"], n),
        "sex": rng.choice(["f", "m"], n),
        "y": rng.integers(0, 2, n),
        "p": rng.integers(0, 2, n),
    }
    absent = rng.random(n) < 0.1
    table = table_of(columns | {"sex": pa.array(columns["sex"].astype(object), mask=absent)})
    people = profile(table, freeze(table, shape(groupings=(("race",), ("race", "sex")), label="y", prediction="p")))
    found = measure(people)
    race, sex = columns["race"], np.where(absent, "(missing)", columns["sex"])
    for name, cells in (("race", race), ("race × sex", np.char.add(np.char.add(race, " × "), sex))):
        frame = fairlearn.MetricFrame(
            metrics=ON_ROWS, y_true=columns["y"], y_pred=columns["p"], sensitive_features=cells
        )
        for metric, column in frame.by_group.items():
            for group, value in column.items():
                assert found[metric, f"{name}={group}"].value == pytest.approx(value, abs=1e-12)
        sizes = {group: int((cells == group).sum()) for group in np.unique(cells)}
        assert {g: found["rows", f"{name}={g}"].value for g in sizes} == sizes
        outcome = {group: columns["y"][cells == group].mean() for group in sizes}
        assert {g: found["outcome_rate", f"{name}={g}"].value for g in sizes} == pytest.approx(outcome)


def crowd(profile_of_people: Any, *groups: tuple[str, int, int], declared: tuple[str, ...] = ("a", "b", "c")) -> Any:
    """Groups as (name, people, selected among them); every second of the selected, and of the others, is positive."""
    names, labels, predictions = [], [], []
    for name, people, selected in groups:
        names += [name] * people
        predictions += [1] * selected + [0] * (people - selected)
        labels += [i % 2 for i in range(people)]
    return profile_of_people(names, labels, predictions, declared)


AB, BA = Contrast("g", "a", "b"), Contrast("g", "b", "a")


def test_a_difference_is_the_group_less_the_baseline_and_turns_with_them(profile_of_people: Any) -> None:
    found = measure(crowd(profile_of_people, ("a", 100, 30), ("b", 200, 100)), (AB, BA))
    there, back = (found["selection_rate_difference", c.segment] for c in (AB, BA))
    assert (there.value, back.value) == (pytest.approx(-0.2), pytest.approx(0.2))
    assert (there.low, there.high) == (pytest.approx(-back.high), pytest.approx(-back.low))
    assert there.n == back.n == 100
    ratios = [found["selection_rate_ratio", c.segment] for c in (AB, BA)]
    assert [r.value for r in ratios] == [pytest.approx(0.6), pytest.approx(1 / 0.6)]
    assert all(r.low < r.value < r.high for r in ratios)


def test_every_rate_has_a_difference_for_every_contrast(profile_of_people: Any) -> None:
    found = measure(crowd(profile_of_people, ("a", 40, 20), ("b", 60, 20)), (AB,))
    for metric in GROUP_RATES:
        gap = found[f"{metric}_difference", AB.segment]
        assert gap.value == pytest.approx(found[metric, "g=a"].value - found[metric, "g=b"].value)
        assert gap.n == min(found[metric, "g=a"].n, found[metric, "g=b"].n)


@pytest.mark.parametrize("people, withheld", [(1, True), (9, True), (10, False)], ids=["1", "9", "10"])
def test_a_group_of_fewer_than_ten_people_is_withheld_with_all_its_contrasts(
    people: int, withheld: bool, profile_of_people: Any
) -> None:
    """No outcome among so few must show either: not as a rate, not as a count, not as the reason of a blank."""
    small = profile_of_people(
        ["a"] * people + ["b"] * 50, [0] * people + [0, 1] * 25, [0] * people + [1] * 50, ("a", "b")
    )
    found = measure(small, (AB, BA))
    about = [m for m in found.values() if m.segment in ("g=a", AB.segment, BA.segment)]
    blank = [
        m
        for m in about
        if m.value is None and m.n == 0 and (m.reason or "").startswith("withheld: fewer than 10 people")
    ]
    assert len(blank) == (len(about) if withheld else 0)
    if withheld:
        assert all(m.low is m.high is m.detectable is None for m in blank)
    else:
        assert found["rows", "g=a"].value == 10


def test_a_group_without_positives_has_no_true_positive_rate_and_no_difference_of_it(profile_of_people: Any) -> None:
    people = profile_of_people(["a"] * 20 + ["b"] * 40, [0] * 20 + [0, 1] * 20, [0, 1] * 30, ("a", "b"))
    found = measure(people, (AB,))
    rate, gap = found["true_positive_rate", "g=a"], found["true_positive_rate_difference", AB.segment]
    assert (rate.value, rate.reason) == (None, "undefined (0 positive outcomes)")
    assert (gap.value, gap.n, gap.reason) == (None, 0, "undefined (0 positive outcomes in 'a')")
    assert found["false_positive_rate", "g=a"].value == 0.5


def test_a_ratio_to_a_group_of_which_nobody_was_selected_is_undefined(profile_of_people: Any) -> None:
    found = measure(crowd(profile_of_people, ("a", 20, 10), ("b", 20, 0)), (AB, BA))
    assert found["selection_rate_ratio", AB.segment].value is None
    assert found["selection_rate_ratio", AB.segment].reason == "undefined (nobody selected in 'b')"
    assert found["selection_rate_ratio", BA.segment].value == 0


def test_a_missing_attribute_is_a_group_and_declared_empty_groups_are_listed(profile_of_people: Any) -> None:
    people = crowd(profile_of_people, ("a", 30, 10), ("(missing)", 20, 5))
    found = measure(people, (AB,))
    listed = {segment: m.value for (metric, segment), m in found.items() if metric == "rows"}
    assert listed == {"g=a": 30, "g=b": 0, "g=c": 0, "g=(missing)": 20}
    assert found["selection_rate", "g=(missing)"].value == 0.25
    assert found["selection_rate", "g=b"].reason == "undefined (0 predictions)"
    assert found["selection_rate_difference", AB.segment].reason == "undefined (0 predictions in 'b')"


def test_a_contrast_with_a_group_that_never_occurs_says_so(profile_of_people: Any) -> None:
    contrast = Contrast("g", "typo", "a")
    found = measure(crowd(profile_of_people, ("a", 30, 10)), (contrast,))
    gap = found["selection_rate_difference", contrast.segment]
    assert (gap.value, gap.n) == (None, 0) and "'typo' does not occur" in (gap.reason or "")


def test_no_labels_at_all_leave_the_rates_of_predictions(profile_of_people: Any) -> None:
    found = measure(profile_of_people(["a"] * 20 + ["b"] * 20, [2] * 40, [0, 1] * 20, ("a", "b")), (AB,))
    assert found["selection_rate_difference", AB.segment].value == 0
    assert found["accuracy_difference", AB.segment].reason == "undefined (0 rows with outcome and prediction in 'a')"


def test_twenty_groups_of_a_hundred_cannot_show_a_gap_of_a_tenth_and_are_not_called_conforming(
    criterion: Any, profile_of_people: Any
) -> None:
    names = tuple(f"g{i:02}" for i in range(20))
    people = crowd(profile_of_people, *((name, 100, 50) for name in names), declared=names)
    contrasts = tuple(Contrast("g", name, names[0]) for name in names[1:])
    asked = criterion(metric="selection_rate_difference", grouping="g", direction="either", limit=0.10)
    found = list(by_group(people, contrasts, levels_of([asked], contrasts)))
    _, verdicts = judge_all(found, [asked], contrasts, Labels(1.0, True))
    assert [verdict.outcome for verdict in verdicts] == [Outcome.INCONCLUSIVE] * 19
