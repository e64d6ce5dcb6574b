"""Differences, ratios and equalised odds against fairlearn on the rows; bounds and families by hand."""

from typing import Any

import numpy as np
import pytest
from fairlearn import metrics as fairlearn
from scipy import stats
from sklearn import metrics as sklearn

from governance.declared.metrics import CALIBRATION, GROUP_RATES
from governance.declared.system import Grouping
from governance.records import Measurement, Outcome
from monitors.contrasts import differences_of
from monitors.fairness import _calibration, by_group
from monitors.freezing import freeze
from monitors.grid import MOST_FAVOURED, Grid, GroupGrid, ScoreGrid
from monitors.groups import Groups, Hits, more_is_better
from monitors.judge import Labels, judge_all
from monitors.levels import Contrast, Family, Levels, contrasts_of, covered_by, levels_of
from monitors.profile import Profile
from monitors.profiling import profile
from monitors.proportions import score_bounds
from monitors.simultaneous import Block, share_of

Y_TRUE = [0, 1, 1, 1, 1, 0, 1, 0, 1, 0, 0, 0, 1, 1, 1, 1, 1, 1]
Y_PRED = [0, 0, 1, 0, 1, 1, 1, 0, 0, 1, 1, 1, 1, 0, 0, 1, 1, 0]
GROUPS = list("bbabbcccaacabccbcc")
ON_ROWS = {
    "selection_rate": fairlearn.selection_rate,
    "accuracy": sklearn.accuracy_score,
    "precision": sklearn.precision_score,
    "true_positive_rate": fairlearn.true_positive_rate,
    "false_positive_rate": fairlearn.false_positive_rate,
    "false_negative_rate": fairlearn.false_negative_rate,
}


def values(found: Any) -> dict[tuple[str, str | None], Measurement]:
    return {(m.metric, m.segment): m for m in found}


def asked(metric: str, *contrasts: Contrast, alpha: float = 0.05, mixed: bool = False) -> Levels:
    family = Family(alpha, tuple(c.segment for c in contrasts), mixed)
    return Levels({(metric, c.segment): family for c in contrasts})


def test_the_table_of_fairlearns_user_guide_and_its_differences_come_out_as_published(profile_of_people: Any) -> None:
    """Ten times the same people, so that no group is too small to publish."""
    contrasts = (Contrast("g", "a", "b"), Contrast("g", "c", "b"))
    found = values(
        by_group(profile_of_people(GROUPS * 10, Y_TRUE * 10, Y_PRED * 10, ("a", "b", "c")), contrasts, Levels({}))
    )
    table = {
        "true_positive_rate": (0.5, 0.6, 0.4),
        "false_positive_rate": (1.0, 0.0, 2 / 3),
        "selection_rate": (0.75, 0.5, 0.5),
    }
    for metric, published in table.items():
        assert [found[metric, f"g={g}"].value for g in "abc"] == pytest.approx(published)
        gaps = [found[f"{metric}_difference", c.segment].value for c in contrasts]
        assert gaps == pytest.approx([published[0] - published[1], published[2] - published[1]])
    assert found["equalised_odds_difference", "g: a − b"].value == pytest.approx(1.0)
    assert found["equalised_odds_difference", "g: c − b"].value == pytest.approx(2 / 3)
    assert found["selection_rate_ratio", "g: a − b"].value == pytest.approx(1.5)


def test_differences_ratios_and_equalised_odds_equal_fairlearn_on_the_rows(profile_of_people: Any) -> None:
    """Of two groups, fairlearn's largest difference is ours by size, and its smallest ratio ours or its inverse."""
    rng = np.random.default_rng(70)
    groups, y = rng.choice(["a", "b"], 900, p=[0.3, 0.7]), rng.integers(0, 2, 900)
    p = (rng.random(900) < np.where(groups == "a", 0.35, 0.55)).astype(int)
    contrast = Contrast("g", "a", "b")
    levels = Levels({(f"{rate}_ratio", contrast.segment): Family(0.05, (contrast.segment,)) for rate in ON_ROWS})
    found = values(by_group(profile_of_people(groups, y, p, ("a", "b")), (contrast,), levels))
    frame = fairlearn.MetricFrame(metrics=ON_ROWS, y_true=y, y_pred=p, sensitive_features=groups)
    for metric in ON_ROWS:
        gap, ratio = (found[f"{metric}_{kind}", contrast.segment].value for kind in ("difference", "ratio"))
        assert abs(gap) == pytest.approx(frame.difference()[metric], abs=1e-12)
        assert min(ratio, 1 / ratio) == pytest.approx(frame.ratio()[metric], abs=1e-12)
        assert gap == pytest.approx(frame.by_group[metric]["a"] - frame.by_group[metric]["b"], abs=1e-12)
    odds = fairlearn.equalized_odds_difference(y, p, sensitive_features=groups)
    assert found["equalised_odds_difference", contrast.segment].value == pytest.approx(odds, abs=1e-12)
    parity = fairlearn.demographic_parity_difference(y, p, sensitive_features=groups)
    assert abs(found["selection_rate_difference", contrast.segment].value) == pytest.approx(parity, abs=1e-12)
    impact = fairlearn.demographic_parity_ratio(y, p, sensitive_features=groups)
    assert found["selection_rate_ratio", contrast.segment].value == pytest.approx(impact, abs=1e-12)


def of_counts(counts: dict[str, tuple[int, int]], **only: dict[str, tuple[int, int]]) -> Groups:
    """Groups with the same counts for every rate, but for the rates named."""
    hits = {group: {rate: Hits(*only.get(rate, counts)[group]) for rate in GROUP_RATES} for group in counts}
    return Groups(hits, {}, frozenset(counts))


def test_equalised_odds_is_undefined_where_either_rate_is(profile_of_people: Any) -> None:
    """fairlearn takes the true-positive rate of a group without positives for 0, and its difference jumps."""
    contrast = Contrast("g", "a", "b")
    people = profile_of_people(["a"] * 20 + ["b"] * 40, [0] * 20 + [0, 1] * 20, [0, 1] * 30, ("a", "b"))
    odds = values(by_group(people, (contrast,), Levels({})))["equalised_odds_difference", contrast.segment]
    assert (odds.value, odds.reason) == (None, "undefined (0 positive outcomes in 'a')")


def test_equalised_odds_takes_its_bounds_from_both_differences_at_a_joint_level() -> None:
    """Two independent statistics that can each be wrong to either side: 1 - (1 - alpha) ** (1/2) each."""
    contrast = Contrast("g", "a", "b")
    tpr, fpr = {"a": (60, 200), "b": (100, 200)}, {"a": (30, 300), "b": (20, 400)}
    groups = of_counts(tpr, true_positive_rate=tpr, false_positive_rate=fpr)
    odds = values(differences_of([contrast], groups, asked("equalised_odds_difference", contrast)))[
        "equalised_odds_difference", contrast.segment
    ]
    each = 1 - 0.95**0.5
    (low1, high1), (low2, high2) = score_bounds(60, 200, 100, 200, each), score_bounds(30, 300, 20, 400, each)
    assert odds.alpha == pytest.approx(each, abs=1e-6)
    assert odds.value == pytest.approx(0.2)
    assert odds.low == pytest.approx(float(max(-high1, low2, 0)), abs=1e-5)
    assert odds.high == pytest.approx(float(max(-low1, high2)), abs=1e-5)
    assert odds.n == 200


def test_no_difference_in_odds_has_a_lower_bound_of_zero() -> None:
    contrast = Contrast("g", "a", "b")
    found = values(differences_of([contrast], of_counts({"a": (10, 50), "b": (10, 50)}), Levels({})))
    assert found["equalised_odds_difference", contrast.segment].low == 0.0


COUNTS = {"a": (20, 100), "b": (40, 100), "c": (30, 50), "d": (900, 3000)}
CONTRASTS = [Contrast("g", group, "a") for group in "bcd"]


def test_contrasts_of_a_family_share_alpha_by_max_t_and_say_so() -> None:
    metric = "selection_rate_difference"
    found = values(differences_of(CONTRASTS, of_counts(COUNTS), asked(metric, *CONTRASTS)))
    mine = [found[metric, c.segment] for c in CONTRASTS]
    variance = [(x + 1) / (n + 2) * (1 - (x + 1) / (n + 2)) / n for x, n in COUNTS.values()]
    share = share_of(0.05, [Block(((1, 0), (2, 0), (3, 0)), np.array(variance))])
    assert [m.alpha for m in mine] == pytest.approx([share] * 3)
    assert 0.05 / 3 < share < 0.05
    assert all("max-T over 3 contrasts" in m.method for m in mine)
    assert mine[0].low == pytest.approx(float(score_bounds(40, 100, 20, 100, share)[0]), abs=1e-9)


def test_a_contrast_without_a_value_takes_no_share_of_alpha() -> None:
    """It cannot accuse anybody; and what a withheld group's size would do to alpha would tell of it."""
    metric = "selection_rate_difference"
    whole = of_counts(COUNTS)
    without = Groups({g: h for g, h in whole.hits.items() if g != "c"}, {"c": "withheld: few"}, frozenset("abd"))
    levels = asked(metric, *CONTRASTS)
    found = values(differences_of(CONTRASTS, without, levels))
    alone = values(differences_of(CONTRASTS[::2], without, asked(metric, *CONTRASTS[::2])))
    assert found[metric, "g: c − a"].reason == "withheld: few"
    for contrast in CONTRASTS[::2]:
        assert found[metric, contrast.segment].low == alone[metric, contrast.segment].low


def test_the_strictest_of_several_families_sets_the_level(criterion: Any) -> None:
    """An even share of 0.05 among three is below 0.04; a max-T share of these is not."""
    contrasts = [Contrast("g", group, "a") for group in "bc"]
    plain = {"metric": "selection_rate_difference", "grouping": "g", "direction": "above", "limit": 0.1}
    both = criterion(**plain, alpha=0.05)
    one = criterion(**plain, alpha=0.03, contrasts=(("b", "a"),))
    levels = levels_of([both, one], contrasts)
    groups = of_counts({"a": (20, 60), "b": (400, 1000), "c": (300, 1000)})
    found = values(differences_of(contrasts, groups, levels))
    first, second = (found["selection_rate_difference", c.segment] for c in contrasts)
    assert first.alpha == pytest.approx(0.03)
    assert second.alpha > 0.03


def test_a_criterion_of_either_direction_asks_for_more_than_one_of_one_direction(criterion: Any) -> None:
    plain = {"metric": "selection_rate_difference", "grouping": "g", "limit": 0.1, "alpha": 0.05}
    alphas = [
        values(differences_of(CONTRASTS, of_counts(COUNTS), levels_of([c], CONTRASTS)))[
            "selection_rate_difference", CONTRASTS[0].segment
        ].alpha
        for c in (criterion(**plain, direction="above"), criterion(**plain, direction="either"))
    ]
    assert alphas[0] > alphas[1] >= 0.05 / 3


def test_rows_of_entities_widen_the_bounds_and_enter_the_correlations() -> None:
    metric = "selection_rate_difference"
    plain, clustered = of_counts(COUNTS), of_counts(COUNTS)
    for rate in GROUP_RATES:
        clustered.hits["a"][rate] = clustered.hits["a"][rate]._replace(effect=4.0)  # type: ignore[index]
    found = [values(differences_of(CONTRASTS, groups, asked(metric, *CONTRASTS))) for groups in (plain, clustered)]
    before, after = (f[metric, "g: b − a"] for f in found)
    variance = [Hits(*COUNTS[g], 4.0 if g == "a" else 1.0).variance for g in "abcd"]
    assert after.alpha == pytest.approx(share_of(0.05, [Block(((1, 0), (2, 0), (3, 0)), np.array(variance))]))
    assert after.alpha > before.alpha, "the baseline's error weighs more, and contrasts go together more"
    assert after.low < before.low and "4 rows of entities worth one" in after.method


FAVOURED = [Contrast("g", group, MOST_FAVOURED, "selected") for group in "abcd"]


def test_the_most_favoured_group_is_the_best_by_what_people_would_rather_be() -> None:
    for favoured, best in (("selected", "c"), ("not_selected", "a")):
        contrasts = [Contrast("g", group, MOST_FAVOURED, favoured) for group in "abcd"]
        found = values(differences_of(contrasts, of_counts(COUNTS), Levels({})))
        shares = {group: x / n for group, (x, n) in COUNTS.items()}
        for contrast in contrasts:
            gap = found["selection_rate_difference", contrast.segment]
            assert gap.value == pytest.approx(shares[contrast.group] - shares[best])
            assert gap.reason == f"most favoured: {best!r}"
            assert found["selection_rate_ratio", contrast.segment].value == pytest.approx(
                shares[contrast.group] / shares[best]
            )


def test_errors_are_favoured_when_few_and_right_decisions_when_many_whatever_selection_means() -> None:
    for favoured in ("selected", "not_selected"):
        assert not more_is_better("false_positive_rate", favoured) and not more_is_better(
            "false_negative_rate", favoured
        )
        assert more_is_better("accuracy", favoured) and more_is_better("true_positive_rate", favoured)
        assert more_is_better("selection_rate", favoured) == (favoured == "selected")


def test_bounds_against_the_most_favoured_hold_for_all_pairs_and_never_pass_zero() -> None:
    metric = "selection_rate_difference"
    found = values(differences_of(FAVOURED, of_counts(COUNTS), asked(metric, *FAVOURED)))
    share = float(stats.norm.sf(stats.studentized_range.isf(0.05, 4, np.inf) / 2**0.5))
    for contrast in FAVOURED:
        gap = found[metric, contrast.segment]
        own = COUNTS[contrast.group]
        ends = [score_bounds(*own, *other, share) for group, other in COUNTS.items() if group != contrast.group]
        assert gap.alpha == pytest.approx(share, rel=1e-3)
        assert "max-T over 12 contrasts" in gap.method
        assert gap.low == pytest.approx(min(0.0, *(float(low) for low, _ in ends)), abs=1e-4)
        assert gap.high == pytest.approx(min(0.0, *(float(high) for _, high in ends)), abs=1e-4)
    assert found[metric, f"g: a − {MOST_FAVOURED}"].high < 0
    assert found[metric, f"g: c − {MOST_FAVOURED}"].high == 0


def test_a_group_alone_has_nobody_to_be_compared_with() -> None:
    contrast = Contrast("g", "a", MOST_FAVOURED, "selected")
    found = values(differences_of([contrast], of_counts({"a": (5, 10)}), Levels({})))
    assert {m.value for m in found.values()} == {None}
    assert found["selection_rate_difference", contrast.segment].reason == "undefined (no other group to compare with)"


def test_a_missing_attribute_is_compared_but_never_the_most_favoured(profile_of_people: Any) -> None:
    people = profile_of_people(
        ["a"] * 40 + ["b"] * 40 + ["(missing)"] * 40, [0, 1] * 60, [0] * 40 + [0, 1] * 20 + [1] * 40, ("a", "b")
    )
    contrast = Contrast("g", "a", MOST_FAVOURED, "selected")
    gap = values(by_group(people, (contrast,), Levels({})))["selection_rate_difference", contrast.segment]
    assert (gap.value, gap.reason) == (-0.5, "most favoured: 'b'")


def test_a_grouping_with_the_most_favoured_makes_a_contrast_of_every_group(criterion: Any) -> None:

    grid = Grid((), None, (GroupGrid(("g",), (("a", MOST_FAVOURED),)),), None, None, None, None)
    contrasts = contrasts_of(Grouping(by=("g",), most_favoured="not_selected"), grid, ())
    quoted = f'"{MOST_FAVOURED}"'
    assert [c.segment for c in contrasts] == [f"g: a − {MOST_FAVOURED}", f"g: {quoted} − {MOST_FAVOURED}"]
    assert {c.favoured for c in contrasts} == {"not_selected"}
    asks = criterion(metric="selection_rate_difference", grouping="g", direction="above", limit=0.1)
    assert covered_by(asks, contrasts) == tuple(c.segment for c in contrasts)


def test_min_n_is_held_against_the_smaller_denominator_not_against_the_group(
    criterion: Any, profile_of_people: Any
) -> None:
    """Two hundred people of whom 20 have a positive outcome: 20 is what a true-positive rate rests on."""
    labels = [1] * 20 + [0] * 180 + [1] * 100 + [0] * 100
    people = profile_of_people(["a"] * 200 + ["b"] * 200, labels, [0, 1] * 200, ("a", "b"))
    contrast = Contrast("g", "a", "b")
    plain = {"grouping": "g", "direction": "above", "limit": 0.9, "min_n": 50}
    criteria = [criterion(metric=f"{rate}_difference", **plain) for rate in ("true_positive_rate", "selection_rate")]
    found = list(by_group(people, (contrast,), levels_of(criteria, (contrast,))))
    _, verdicts = judge_all(found, criteria, (contrast,), Labels(1.0, True))
    assert [v.outcome for v in verdicts] == [Outcome.INCONCLUSIVE, Outcome.CONFORMING]
    assert verdicts[0].reason == "n = 20, the criterion asks for 50"


def test_attribute_coverage_can_be_promised(criterion: Any, profile_of_people: Any) -> None:
    people = profile_of_people(["a"] * 60 + ["b"] * 60 + ["(missing)"] * 30, [0, 1] * 75, [0, 1] * 75, ("a", "b"))
    asks = criterion(metric="attribute_coverage", grouping="g", direction="below", limit=0.9)
    _, verdicts = judge_all(by_group(people, (), Levels({})), [asks], (), Labels(1.0, True))
    assert [(v.segment, v.outcome) for v in verdicts] == [("g", Outcome.BREACH)]
    assert verdicts[0].measurement.value == 0.8


def scored(rng: np.random.Generator, n: int, shift: float) -> dict[str, Any]:
    """Group b's outcomes come less often than its scores promise, by `shift`."""
    groups, score = rng.choice(["a", "b"], n), rng.uniform(0.1, 0.9, n)
    y = (rng.random(n) < score - np.where(groups == "b", shift, 0)).astype(int)
    return {"g": groups, "s": score, "y": y}


def test_calibration_by_group_is_the_mean_score_less_the_outcome_rate_of_the_rows(table_of: Any, shape: Any) -> None:
    rows = scored(np.random.default_rng(71), 2_000, 0.08)
    table = table_of(rows)
    asks = shape(groupings=(("g",),), label="y", score="s", threshold=0.5, score_is_probability=True)
    contrast = Contrast("g", "b", "a")
    found = values(by_group(profile(table, freeze(table, asks)), (contrast,), Levels({})))
    truth = {g: rows["s"][rows["g"] == g].mean() - rows["y"][rows["g"] == g].mean() for g in "ab"}
    for group in "ab":
        own = found[CALIBRATION, f"g={group}"]
        assert own.value == pytest.approx(truth[group], abs=1e-3)
        residuals = (rows["s"] - rows["y"])[rows["g"] == group]
        half = stats.norm.isf(0.025) * residuals.std() / residuals.size**0.5
        assert (own.low, own.high) == pytest.approx((own.value - half, own.value + half), abs=2e-3)
    gap = found[f"{CALIBRATION}_difference", contrast.segment]
    assert gap.value == pytest.approx(truth["b"] - truth["a"], abs=1e-3)
    assert 0 < gap.low < gap.value < gap.high


def test_calibration_bounds_accuse_fair_scores_in_at_most_one_batch_of_twenty_and_use_what_scores_explain() -> None:

    rng, runs, n = np.random.default_rng(72), 1_500, 150
    grid = Grid((), ScoreGrid(low=0.0, high=1.0, bins=1000), (GroupGrid((), ()),), "y", "p", "s", None)
    empty = Profile(grid, 0, {}, {}, {})
    sides = []
    for _ in range(2 * runs):
        score = rng.beta(1, 3, n)
        cube = np.zeros((3, 3, grid.score_size), dtype=np.int64)
        np.add.at(cube, ((rng.random(n) < score).astype(int), 0, np.floor(score * 1000).astype(int) + 1), 1)
        sides.append(_calibration(empty, cube, 1.0))
    ones, twos = sides[:runs], sides[runs:]
    x, n1, y, n2 = (
        np.array(part)
        for part in zip(*((*a.independent, *b.independent) for a, b in zip(ones, twos, strict=True)), strict=True)
    )
    low, high = score_bounds(x, n1, y, n2, 0.05)
    offset = np.array([a.offset - b.offset for a, b in zip(ones, twos, strict=True)])
    for missed in (int((offset - high > 0).sum()), int((offset - low < 0).sum())):
        assert stats.binomtest(missed, runs, 0.05, alternative="greater").pvalue > 0.005
        assert missed > 0.03 * runs


def test_scores_that_are_no_probabilities_have_no_calibration(profile_of_people: Any) -> None:
    found = by_group(profile_of_people(["a"] * 20, [0, 1] * 10, [1] * 20, ("a", "b")), (), Levels({}))
    assert not any(CALIBRATION in m.metric for m in found)
