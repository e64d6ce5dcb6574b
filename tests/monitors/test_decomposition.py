"""Truth: tables that textbooks take apart, scipy's distances, the formulas written out plainly, and planted causes."""

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import distance
from scipy.special import rel_entr

from governance.declared.metrics import METRICS
from governance.records import Measurement, Part
from monitors import distances
from monitors.bin_names import bin_names, score_name
from monitors.decomposition import DISTANCES, REST, SHOWN, decompose, distance_parts, kitagawa
from monitors.fairness import by_group
from monitors.freezing import freeze
from monitors.grid import ColumnGrid, Grid, GroupGrid, ScoreGrid
from monitors.levels import Contrast, Levels
from monitors.measure import measure
from monitors.performance import change
from monitors.profile import Profile
from monitors.profiling import profile
from monitors.strata import SCORE, of_change, score_bins

SEED = "0123456789abcdef" * 4

# Bickel, Hammel, O'Connell (1975), Science 187, 398-404: admitted and rejected, by department.
BERKELEY = {
    "men": {"A": (512, 313), "B": (353, 207), "C": (120, 205), "D": (138, 279), "E": (53, 138), "F": (22, 351)},
    "women": {"A": (89, 19), "B": (17, 8), "C": (202, 391), "D": (131, 244), "E": (94, 299), "F": (24, 317)},
}
# Charig et al. (1986), BMJ 292, 879-882: successes and failures, by the size of the stone.
KIDNEY_STONES = {
    "open": {"small": (81, 6), "large": (192, 71)},
    "percutaneous": {"small": (234, 36), "large": (55, 25)},
}

Table = dict[str, dict[str, tuple[int, int]]]


def people_of(table: Table) -> Profile:
    """The table as a profile: selected or not, by arm, by stratum and by both."""
    arms, strata = tuple(sorted(table)), tuple(sorted(next(iter(table.values()))))
    arm, both = GroupGrid(("arm",), (arms,)), GroupGrid(("arm", "stratum"), (arms, strata))
    cubes = {grouping.name: np.zeros((len(grouping.groups), 3, 3, 1), int) for grouping in (arm, both)}
    for name, cells in table.items():
        for stratum, (selected, others) in cells.items():
            for place in ((arm, arm.groups.index(name)), (both, both.groups.index(f"{name} × {stratum}"))):
                cubes[place[0].name][place[1], 2, [1, 0], 0] += (selected, others)
    cubes[""] = cubes["arm"].sum(axis=0, keepdims=True)
    grid = Grid((), None, (GroupGrid((), ()), arm, both), None, "p", None, None)
    return Profile(grid, int(cubes[""].sum()), {}, {}, cubes)


def explained(table: Table, group: str, baseline: str, metric: str = "selection_rate_difference") -> list[Part]:
    people, contrast = people_of(table), Contrast("arm", group, baseline)
    found = [m for m in by_group(people, [contrast], Levels({})) if m.metric == metric]
    return list(decompose(found, people, None, [contrast]))


def whole(parts: Iterable[Part], kind: str, by: str = "stratum") -> Part:
    (found,) = [part for part in parts if (part.kind, part.by, part.about) == (kind, by, None)]
    return found


def by_hand(table: Table, group: str, baseline: str) -> tuple[Fraction, Fraction]:
    """Kitagawa's mix and rate in fractions, with the terms as she wrote them."""
    totals = {arm: sum(sum(cell) for cell in table[arm].values()) for arm in (group, baseline)}
    mix = rate = Fraction(0)
    for stratum in table[group]:
        (r1, w1), (r0, w0) = (
            (Fraction(table[arm][stratum][0], sum(cell)), Fraction(sum(cell), totals[arm]))
            for arm in (group, baseline)
            for cell in [table[arm][stratum]]
        )
        mix += (w1 - w0) * (r0 + r1) / 2
        rate += (r1 - r0) * (w0 + w1) / 2
    return mix, rate


# Known truths


def test_women_at_berkeley_were_admitted_less_over_all_and_not_less_within_departments() -> None:
    parts = explained(BERKELEY, "women", "men")
    mix, rate = whole(parts, "mix"), whole(parts, "rate")
    # 44.5 % of 2,691 men and 30.4 % of 1,835 women in the six departments.
    assert (round(100 * (rate.before or 0), 1), round(100 * (rate.after or 0), 1), rate.n) == (44.5, 30.4, 1835)
    assert [mix.value, rate.value] == pytest.approx([float(x) for x in by_hand(BERKELEY, "women", "men")], abs=1e-14)
    assert mix.value < -0.17 and rate.value > 0.03
    # In fractions, 0.03603 of the difference in rates; women are admitted more often in A, B, D and F.
    assert rate.note == (
        "Simpson's paradox: −0.142 over all, but +0.036 among people alike in stratum "
        "(the other way round in 4 of 6 of these groups)"
    )
    # Department A, which took 82 % of the women and 62 % of the men, is what favours women most.
    a = {part.kind: part for part in parts if part.about == "A"}
    assert (round(100 * (a["rate"].before or 0)), round(100 * (a["rate"].after or 0))) == (62, 82)
    assert max((p for p in parts if p.kind == "rate" and p.about), key=lambda p: p.value).about == "A"
    # Women applied where most are refused, men where most are admitted.
    assert (a["mix"].before, a["mix"].after) == (825 / 2691, 108 / 1835)


def test_open_surgery_is_better_for_every_kidney_stone_and_worse_over_all() -> None:
    parts = explained(KIDNEY_STONES, "open", "percutaneous")
    rate = whole(parts, "rate")
    assert (rate.before, rate.after) == (289 / 350, 273 / 350)
    assert rate.value == pytest.approx(float(by_hand(KIDNEY_STONES, "open", "percutaneous")[1]), abs=1e-14)
    assert "Simpson's paradox: −0.0457 over all, but +0.0537" in (rate.note or "")
    assert "the other way round in 2 of 2" in (rate.note or "")
    shown = {p.about: (round(p.before or 0, 2), round(p.after or 0, 2)) for p in parts if p.kind == "rate" and p.about}
    assert shown == {"small": (0.87, 0.93), "large": (0.69, 0.73)}


def test_where_nothing_turns_round_nothing_is_said_of_it() -> None:
    steady = {"x": {"a": (60, 40), "b": (30, 70)}, "y": {"a": (50, 50), "b": (20, 80)}}
    assert {part.note for part in explained(steady, "x", "y")} == {None}


def test_a_difference_that_is_gone_among_people_who_are_alike_is_said_to_be() -> None:
    only_mix = {"x": {"a": (80, 20), "b": (10, 40)}, "y": {"a": (40, 10), "b": (20, 80)}}
    note = whole(explained(only_mix, "x", "y"), "rate").note
    assert note == "+0.2 over all, but hardly anything among people alike in stratum (+0)"


def test_where_nobody_alike_is_on_both_sides_all_is_mix_and_no_rate_is_invented() -> None:
    apart = {"x": {"a": (80, 20), "b": (0, 0)}, "y": {"a": (0, 0), "b": (20, 80)}}
    parts = explained(apart, "x", "y")
    assert whole(parts, "rate").value == 0
    assert whole(parts, "mix").value == pytest.approx(0.6)
    assert whole(parts, "rate").note == "nobody alike in stratum is on both sides, so that nothing can be compared"
    assert {part.kind for part in parts if part.about} == {"mix"}


def test_a_ratio_is_taken_apart_as_far_as_it_is_from_one() -> None:
    parts = explained(BERKELEY, "women", "men", "selection_rate_ratio")
    ratio = (557 / 1835) / (1198 / 2691)
    assert whole(parts, "mix").value + whole(parts, "rate").value == pytest.approx(ratio - 1, abs=1e-12)
    plain = explained(BERKELEY, "women", "men")
    assert whole(parts, "rate").share == pytest.approx(whole(plain, "rate").share)


# The formulas

cells = st.tuples(st.integers(0, 60), st.integers(0, 60))
strata = st.lists(st.tuples(cells, cells), min_size=1, max_size=12).filter(
    lambda rows: all(sum(sum(row[side]) for row in rows) for side in (0, 1))
)


def arrays(rows: list[tuple[tuple[int, int], tuple[int, int]]]) -> tuple[np.ndarray, ...]:
    table = np.array(rows)
    return table[:, 0, 0], table[:, 0].sum(axis=1), table[:, 1, 0], table[:, 1].sum(axis=1)


@given(strata)
@settings(deadline=None)
def test_mix_and_rate_add_up_to_the_difference_whatever_the_table(rows: Any) -> None:
    h0, n0, h1, n1 = arrays(rows)
    mix, rate = kitagawa(h0, n0, h1, n1)
    assert math.fsum([*mix, *rate]) == pytest.approx(h1.sum() / n1.sum() - h0.sum() / n0.sum(), abs=1e-12)
    back = kitagawa(h1, n1, h0, n0)
    assert math.fsum(back.mix) == pytest.approx(-math.fsum(mix), abs=1e-12)
    assert math.fsum(back.rate) == pytest.approx(-math.fsum(rate), abs=1e-12)
    assert not rate[(n0 == 0) | (n1 == 0)].any()


@given(strata, st.integers(2, 5))
@settings(deadline=None)
def test_more_of_the_same_people_is_neither_mix_nor_rate(rows: Any, times: int) -> None:
    h0, n0, _, _ = arrays(rows)
    assert np.abs(np.concatenate(kitagawa(h0, n0, times * h0, times * n0))).max() < 1e-15


def test_other_people_with_the_same_rates_are_all_mix_and_other_rates_of_the_same_people_all_rate() -> None:
    n0, n1, hits = np.array([100, 300]), np.array([300, 100]), np.array([0.1, 0.5])
    mix, rate = kitagawa(hits * n0, n0, hits * n1, n1)
    assert (mix.sum(), abs(rate).max()) == (pytest.approx(-0.2), 0)
    mix, rate = kitagawa(0.1 * n0, n0, 0.5 * n0, n0)
    assert (abs(mix).max(), rate.sum()) == (0, pytest.approx(0.4))


def test_more_people_where_the_rate_is_high_raise_it_and_fewer_where_it_is_low_do_too() -> None:
    n0, n1, rates = np.array([500, 500]), np.array([700, 300]), np.array([0.9, 0.1])
    mix, _ = kitagawa(rates * n0, n0, rates * n1, n1)
    assert (mix > 0).all()


counts = st.lists(st.integers(0, 500), min_size=2, max_size=30)


@given(st.tuples(counts, counts).map(lambda pair: list(zip(*pair, strict=False))))
@settings(deadline=None)
def test_contributions_of_bins_add_up_to_the_distance_and_none_is_negative(pairs: list[tuple[int, int]]) -> None:
    old, new = np.array([pair for pair in pairs if sum(pair)] + [(1, 1)]).T
    p, q = old / old.sum(), new / new.sum()
    smooth = [(side + 0.5) / (side + 0.5).sum() for side in (old, new)]
    truth = {
        "psi": rel_entr(*smooth).sum() + rel_entr(*smooth[::-1]).sum(),
        "jensen_shannon": distance.jensenshannon(p, q, base=2),
        "total_variation": distance.cityblock(p, q) / 2,
    }
    for metric, value in truth.items():
        parts = distance_parts(metric, old, new)
        assert (parts >= 0).all()
        # The root in Jensen-Shannon makes 1e-8 of what doubles leave of nothing.
        assert parts.sum() == pytest.approx(0.0 if np.isnan(value) else value, abs=1e-7)
    assert distance_parts("psi", old, new).sum() == pytest.approx(float(distances.psi(old, new)), abs=1e-12)


def test_an_unknown_distance_is_refused() -> None:
    with pytest.raises(ValueError, match=r"metric must be one of psi, .*, got 'ks'"):
        distance_parts("ks", np.ones(2), np.ones(2))


# All of a batch


def rows_of(rng: np.random.Generator, n: int, *, late: float = 0.3, south: float = 0.5) -> dict[str, Any]:
    region = rng.choice(["north", "south", "west"], n, p=[0.9 - south, south, 0.1])
    score = rng.beta(2, 3, n)
    return {
        "income": pa.array(rng.normal(3000, 500, n), mask=rng.random(n) < 0.05),
        "children": rng.integers(0, 4, n),
        "region": region,
        "sex": rng.choice(["f", "m"], n),
        "score": score,
        "late": (rng.random(n) < np.clip(score * late / 0.4, 0, 1)).astype(int),
    }


@pytest.fixture(scope="module")
def looked(table_of: Any, shape: Any) -> Any:
    """Measurements, parts, and the profiles of reference and batch, of two made tables."""

    def look(before: dict[str, Any], now: dict[str, Any]) -> tuple[tuple[Measurement, ...], tuple[Part, ...]]:
        asked = shape(
            numeric=("income", "children"),
            categorical=("region",),
            groupings=(("region",), ("sex",), ("region", "sex")),
            label="late",
            score="score",
            threshold=0.5,
            score_is_probability=True,
        )
        grid = freeze(table_of(before), asked)
        reference, batch = profile(table_of(before), grid), profile(table_of(now), grid)
        contrasts = (
            Contrast("region", "north", "south"),
            Contrast("sex", "f", "m"),
            Contrast("region × sex", "north × f", "south × m"),
        )
        found = measure(batch, reference, contrasts, Levels({}), seed=SEED)
        return found, decompose(found, batch, reference, contrasts)

    return look


def cuts(parts: Iterable[Part]) -> dict[tuple[Measurement, str], list[Part]]:
    found: dict[tuple[Measurement, str], list[Part]] = defaultdict(list)
    for part in parts:
        found[part.measurement, part.by].append(part)
    return found


def assert_sound(parts: tuple[Part, ...]) -> None:
    for (measurement, _), some in cuts(parts).items():
        assert measurement.value is not None
        neutral = METRICS[measurement.metric].neutral
        wholes = [part for part in some if part.kind == "bin" or part.about is None]
        assert math.fsum(part.value for part in wholes) == pytest.approx(measurement.value - neutral, abs=1e-7)
        for one in wholes:
            strata = [part.value for part in some if part.kind == one.kind and part.about is not None]
            if one.kind != "bin" and strata:
                assert math.fsum(strata) == pytest.approx(one.value, abs=1e-12)
        for kind in ("bin", "mix", "rate"):
            names = [part.about for part in some if part.kind == kind and part.about]
            assert len(names) == len(set(names)) <= SHOWN + 1
        shares = [part.share for part in wholes if part.share is not None]
        assert not shares or math.fsum(shares) == pytest.approx(1)
        numbers = [n for part in some for n in (part.value, part.share, part.before, part.after) if n is not None]
        assert np.isfinite(numbers).all()
        assert all(part.before is None or 0 <= part.before <= 1 for part in some)


def test_everything_measured_that_has_parts_has_those_that_add_up(looked: Any) -> None:
    rng = np.random.default_rng(1)
    found, parts = looked(rows_of(rng, 4000), rows_of(rng, 3000, late=0.5, south=0.7))
    assert_sound(parts)
    there = {(m.metric, by) for m, by in cuts(parts)}
    assert {("psi", "income"), ("jensen_shannon", "region"), ("outcome_rate_change", SCORE)} <= there
    assert {("outcome_rate_change", by) for by in (SCORE, "region", "sex", "region × sex")} <= there
    assert ("false_positive_rate_difference", "sex") in there and ("selection_rate_ratio", "region") in there
    # Groups by sex, cut by region; by score only where the score does not settle it.
    assert ("outcome_rate_difference", SCORE) in there and ("selection_rate_difference", SCORE) not in there
    measured = {m for m in found if m.value is not None}
    assert {m for m, _ in cuts(parts)} <= measured
    # Both attributes taken: there is nothing further to cut the intersection by.
    assert not [by for m, by in cuts(parts) if m.segment and m.segment.startswith("region × sex") and by != SCORE]


def test_a_planted_change_of_outcomes_is_found_at_the_same_score_and_one_of_scores_is_not(looked: Any) -> None:
    rng = np.random.default_rng(2)
    before, other_outcomes, other_scores = rows_of(rng, 20_000), rows_of(rng, 5_000, late=0.6), rows_of(rng, 40_000)
    kept = rng.random(40_000) < other_scores["score"]
    other_scores = {
        name: column.filter(pa.array(kept)) if name == "income" else column[kept]
        for name, column in other_scores.items()
    }

    def shares(now: dict[str, Any]) -> dict[str, float | None]:
        _, parts = looked(before, now)
        some = [p for p in parts if p.measurement.metric == "outcome_rate_change" and p.by == SCORE and p.about is None]
        return {part.kind: part.share for part in some}

    assert (shares(other_outcomes)["rate"] or 0) > 0.9
    assert (shares(other_scores)["mix"] or 0) > 0.9


def test_a_decision_is_settled_by_a_score_that_is_never_joined_across_the_threshold(looked: Any) -> None:
    rng = np.random.default_rng(3)
    _, parts = looked(rows_of(rng, 3000), rows_of(rng, 3000, south=0.8))
    (rate,) = [
        p
        for p in parts
        if p.measurement.metric == "selection_rate_change" and p.by == SCORE and p.kind == "rate" and p.about is None
    ]
    assert rate.value == 0


ODD: dict[str, dict[str, Any]] = {
    "one row": {"income": [1.0], "children": [1], "region": ["north"], "sex": ["f"], "score": [0.5], "late": [1]},
    "no rows": {
        "income": pa.array([], pa.float64()), "children": pa.array([], pa.int64()), "region": pa.array([], pa.string()),
        "sex": pa.array([], pa.string()), "score": pa.array([], pa.float64()), "late": pa.array([], pa.int64()),
    },
    "all NULL": {
        "income": pa.nulls(40, pa.float64()), "children": pa.nulls(40, pa.int64()), "region": pa.nulls(40, pa.string()),
        "sex": pa.nulls(40, pa.string()), "score": pa.nulls(40, pa.float64()), "late": pa.nulls(40, pa.int64()),
    },
    "no overlap": {
        "income": [9e9] * 40, "children": [77] * 40, "region": ["mars"] * 40, "sex": ["x"] * 40, "score": [2.0] * 40, "late": [1] * 40,
    },
    "one class, one group, constants": {
        "income": [3000.0] * 40, "children": [1] * 40, "region": ["north"] * 40, "sex": ["f"] * 40, "score": [0.7] * 40, "late": [0] * 40,
    },
}  # fmt: skip


@pytest.mark.parametrize("case", ODD)
@pytest.mark.parametrize("side", ["batch", "reference"])
def test_odd_data_have_sound_parts_or_none(case: str, side: str, looked: Any) -> None:
    plain = rows_of(np.random.default_rng(4), 500)
    _, parts = looked(plain, ODD[case]) if side == "batch" else looked(ODD[case], plain)
    assert_sound(parts)


def test_parts_that_do_not_add_up_to_their_measurement_are_refused(looked: Any) -> None:
    people, contrast = people_of(BERKELEY), Contrast("arm", "women", "men")
    found = [m for m in by_group(people, [contrast], Levels({})) if m.metric == "selection_rate_difference"]
    (wrong,) = [replace(m, value=(m.value or 0) + 1e-4) for m in found]
    with pytest.raises(ArithmeticError, match="selection_rate_difference of arm: women − men is"):
        decompose([wrong], people, None, [contrast])


def test_what_was_held_against_something_else_is_taken_apart_only_with_that() -> None:
    before, now = people_of(BERKELEY), people_of({"men": BERKELEY["men"], "women": BERKELEY["men"]})
    (found,) = [replace(change("selection_rate", now, before, 0.05), against="previous 4")]
    assert decompose([found], now, people_of(KIDNEY_STONES), []) == ()
    parts = decompose([found], now, before, [], against="previous 4")
    assert {part.by for part in parts} == {"arm", "arm × stratum"}


# What may be shown


def bins_of(old: dict[str, int], new: dict[str, int], metric: str = "psi") -> list[Part]:
    grid = Grid(
        (ColumnGrid("c", categories=tuple(sorted({*old, *new} - {"(other)", "(missing)"}))),),
        None,
        (),
        None,
        None,
        None,
        None,
    )
    order = [*grid["c"].categories, "(other)", "(missing)"]
    before, now = (
        Profile(grid, sum(side.values()), {"c": np.array([side.get(name, 0) for name in order])}, {}, {})
        for side in (old, new)
    )
    value = {"psi": distances.psi, "jensen_shannon": distances.jensen_shannon}[metric]
    used = (before.columns["c"] + now.columns["c"]) > 0
    found = Measurement(metric, float(value(before.columns["c"][used], now.columns["c"][used])), 1, "", "", column="c")
    return list(decompose([found], now, before, []))


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        pytest.param(9, 500, False, id="nine rows before"),
        pytest.param(500, 9, False, id="nine rows now"),
        pytest.param(10, 500, True, id="ten rows"),
        pytest.param(0, 500, True, id="none before"),
        pytest.param(500, 0, True, id="none now"),
        pytest.param(0, 1, False, id="one row"),
    ],
)
def test_fewer_than_ten_rows_are_never_shown_alone(old: int, new: int, named: bool) -> None:
    parts = {
        part.about: part for part in bins_of({"a": 5000, "b": 4000, "few": old}, {"a": 5000, "b": 4100, "few": new})
    }
    assert ("few" in parts) is named
    assert (REST in parts) is not named
    if not named:
        # Alone in the rest, it would be shown by its rows.
        assert (parts[REST].before, parts[REST].after, parts[REST].n) == (None, None, None)
        assert parts[REST].value > 0


@pytest.mark.parametrize("side", [0, 1])
def test_a_group_of_fewer_than_ten_people_is_in_the_rest_of_mix_and_rate(side: int) -> None:
    table: Table = {
        "x": {"a": (60, 40), "b": (30, 70), "c": (5, 15)},
        "y": {"a": (50, 50), "b": (20, 80), "c": (4, 20)},
    }
    few = list(table)[side]
    table = {**table, few: {**table[few], "c": (4, 5)}}
    parts = explained(table, "x", "y")
    # Of its own group the next smallest part goes with it, or it could be worked out from what is left.
    assert {part.about for part in parts} == {None, "b", REST}
    # What is shown of the rest is a and c together: 100 + 9 people on the side of the few, 100 + 20 or 24 on the other.
    together = [100 + (9 if side == 0 else 20), 100 + (24 if side == 0 else 9)]
    (rest,) = [part for part in parts if part.about == REST and part.kind == "mix"]
    assert {rest.before, rest.after} == {rows / (rows + 100) for rows in together}
    assert rest.n in together


def test_a_few_people_without_a_denominator_are_not_named_either() -> None:
    """That none of five people has a prediction would be told by a rate that is missing."""
    table: Table = {"x": {"a": (60, 40), "c": (0, 0)}, "y": {"a": (50, 50), "c": (4, 20)}}
    people, contrast = people_of(table), Contrast("arm", "x", "y")
    found = [m for m in by_group(people, [contrast], Levels({})) if m.metric == "selection_rate_difference"]
    assert {part.about for part in decompose(found, people, None, [contrast])} == {None, "a", "c"}
    both = people.grouping("arm × stratum")
    people.cubes[both.name][both.groups.index("x × c"), 2, 2, 0] = 5
    # The other part of the group goes with them, or they could be worked out.
    assert {part.about for part in decompose(found, people, None, [contrast])} == {None, REST}


def test_the_largest_five_are_named_and_the_others_together() -> None:
    old = {name: 1000 for name in "abcdefgh"}
    new = {name: 1000 + 40 * place for place, name in enumerate("abcdefgh")}
    parts = bins_of(old, new)
    assert [part.about for part in parts][-1] == REST
    assert len(parts) == SHOWN + 1
    assert {part.about for part in parts} >= {"a", "h"}
    assert parts[-1].n == sum(new[name] for name in "abcdefgh" if name not in {p.about for p in parts})


def test_an_emptied_category_does_not_come_first_for_the_pseudocount_alone() -> None:
    """0.5 rows in 3,860 make an emptied category the largest part of PSI, though another took twice as many rows."""
    parts = bins_of({"gone": 3860, "filled": 520, "other": 5620}, {"gone": 0, "filled": 6960, "other": 3040})
    assert [part.about for part in parts][:2] == ["filled", "gone"]
    assert parts[1].value > parts[0].value


def test_names_that_we_use_ourselves_are_quoted_where_data_hold_them() -> None:
    parts = bins_of({"(rest)": 500, "a": 500, "(missing)": 100}, {"(rest)": 700, "a": 300, "(missing)": 100})
    assert {part.about for part in parts} == {'"(rest)"', "a", "(missing)"}


EDGES = (4.99999999999, 5.0, 1200.0, 1850.5, 1_700_000_000.25)
NAMED = {
    "all apart": (range(6), ["below 5", "5", "over 5 to 1,200", "over 1,200 to 1,850.5", "over 1,850.5 to 1,700,000,000.25", "over 1,700,000,000.25"]),
    "joined": ([0, 0, 1, 1, 2, 2], ["up to 5", "over 5 to 1,850.5", "over 1,850.5"]),
    "from a heap on": ([0, 1, 1, 1, 1, 1], ["below 5", "5 or more"]),
    "up to below a heap": ([0, 1, 2, 2, 2, 2], ["below 5", "5", "over 5"]),
    "one": ([0] * 6, ["any number"]),
}  # fmt: skip


@pytest.mark.parametrize(("joined", "names"), NAMED.values(), ids=NAMED)
def test_numeric_bins_are_called_by_their_range(joined: Any, names: list[str]) -> None:
    bins = np.array([*joined, *(max(joined) + 1 + np.arange(4))])
    assert bin_names(ColumnGrid("x", edges=EDGES), bins) == [*names, "(missing)", "(NaN)", "(+inf)", "(−inf)"]


@pytest.mark.parametrize("values", [[0.0] * 20 + list(range(1, 40)) * 20, (5e-12 * np.arange(5000) + 1).tolist(), (1.7e9 + np.arange(9000) / 7).tolist()], ids=["zeros", "close", "large"])  # fmt: skip
def test_no_two_bins_of_a_column_have_one_name(values: list[float], table_of: Any, shape: Any) -> None:
    grid = freeze(table_of({"x": values}), shape(numeric=("x",)))["x"]
    names = bin_names(grid, np.arange(grid.size))
    assert len(names) == len(set(names)) == grid.size


SCORES = {
    "exact": (ScoreGrid(values=(1.0, 2.0, 3.0)), [[0], [1, 2], [3], [4]], ["1", "2 to 3", "(other)", "(missing)"]),
    "widths": (ScoreGrid(bins=10), [[0], [1, 2], [3, 10], [11], [12]], ["below 0", "0 to below 0.2", "0.2 to below 1", "1 or more", "(missing)"]),
    "open": (ScoreGrid(bins=10), [[0, 4], [5, 11], [0, 11]], ["below 0.4", "0.4 or more", "any score"]),
}  # fmt: skip


@pytest.mark.parametrize(("score", "places", "names"), SCORES.values(), ids=SCORES)
def test_score_bins_are_called_by_the_scores_in_them(score: ScoreGrid, places: Any, names: list[str]) -> None:
    assert [score_name(score, place[0], place[-1]) for place in places] == names


def test_few_exact_scores_stay_apart_and_the_strata_hold_every_row() -> None:
    score = ScoreGrid(values=tuple(float(i) for i in range(1, 11)))
    cube = np.random.default_rng(5).integers(0, 50, (1, 3, 3, score.size))
    grid = Grid((), score, (GroupGrid((), ()),), "y", None, "s", 5.0)
    people = Profile(grid, int(cube.sum()), {}, {}, {"": cube})
    (strata,) = of_change(people, people, score_bins(people), {})
    assert strata.names == (*map(str, range(1, 11)), "(other)", "(missing)")
    assert strata.after.sum() == people.rows
    assert (strata.after[3] == cube[0, :, :, 3]).all()


def test_every_distance_that_can_be_taken_apart_is_named_once() -> None:
    assert len(set(DISTANCES)) == len(DISTANCES)
    assert {"psi", "jensen_shannon"} <= {*DISTANCES} & {*METRICS}
