"""What distances show when nothing changed, the making of the grid included; truth is set in seeded simulations."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats

from monitors.distances import chi_square, jensen_shannon, psi, total_variation
from monitors.drift import (
    Distance,
    gap_replicates,
    ks_distance,
    quadratic_distance,
    variation_distance,
    wasserstein_distance,
)
from monitors.freezing import edges_of, freeze, ruler_of
from monitors.grid import RARE, ColumnGrid
from monitors.noise import FURTHEST, REPLICATES, Choice, Dealt, deal, deal_between, floor_of
from monitors.profiling import profile
from monitors.share_bins import bins_for_shares, choice_of, deal_column

ALPHA = 0.05


def frozen(rng: np.random.Generator, n: int, m: int, shares: np.ndarray) -> tuple[ColumnGrid, np.ndarray, np.ndarray]:
    """A reference and a batch of one truth, in the categories that the reference keeps."""
    reference, batch = rng.multinomial(n, shares), rng.multinomial(m, shares)
    kept = reference >= RARE
    grid = ColumnGrid("c", categories=tuple(f"k{i:04}" for i in np.nonzero(kept)[0]), kept_from=RARE)
    return grid, *(np.r_[side[kept], side[~kept].sum(), 0] for side in (reference, batch))


def by_shares(dealt: Dealt, alpha: float) -> dict[str, Distance]:
    return {
        "psi": quadratic_distance(psi, dealt, alpha),
        "jensen_shannon": quadratic_distance(jensen_shannon, dealt, alpha, root=True),
        "chi_square": quadratic_distance(chi_square, dealt, alpha, root=True),
        "total_variation": variation_distance(dealt, alpha),
    }


def alarms(looks: list[dict[str, Distance]]) -> dict[tuple[str, str], int]:
    found = {}
    for metric in looks[0]:
        found[metric, "floor"] = sum(look[metric].value > look[metric].noise_floor for look in looks)
        found[metric, "low"] = sum(look[metric].low > 0 for look in looks)
    return found


def within(count: int, runs: int, alpha: float = ALPHA) -> bool:
    return bool(stats.binomtest(count, runs, alpha, alternative="greater").pvalue > 0.005)


def test_frozen_here_is_what_freezing_and_counting_make_of_rows(table_of: Any, shape: Any) -> None:
    rng = np.random.default_rng(80)
    words = [np.array([f"k{i:04}" for i in range(60)])[rng.integers(0, 60, 500)] for _ in range(2)]
    numbers = [rng.normal(size=500) for _ in range(2)]
    tables = [table_of({"c": c, "x": x}) for c, x in zip(words, numbers, strict=True)]
    grid = freeze(tables[0], shape(numeric=("x",), categorical=("c",)))
    names, counts = np.unique(words[0], return_counts=True)
    assert grid["c"].categories == tuple(names[counts >= RARE]) and grid["c"].kept_from == RARE
    assert grid["x"].edges == edges_of(np.sort(numbers[0]))
    found = profile(tables[1], grid)
    expected = [(words[1] == name).sum() for name in grid["c"].categories]
    assert found.columns["c"].tolist() == [*expected, 500 - sum(expected), 0]
    assert found.columns["x"][:-4].tolist() == counted(grid["x"].edges, numbers[1]).tolist()


@pytest.mark.parametrize(
    "n, m, categories",
    [(500, 500, 60), (1_000, 1_000, 60), (200, 2_000, 30), (1_000, 300, 60)],
    ids=lambda value: f"{value}",
)
def test_categories_kept_by_the_reference_raise_no_more_alarms_than_promised(n: int, m: int, categories: int) -> None:
    """Equal shares near the rows from which a category is kept: those kept were frequent there by chance."""
    rng, runs = np.random.default_rng(81), 60
    looks, naive = [], 0
    for _ in range(runs):
        grid, before, now = frozen(rng, n, m, np.full(categories, 1 / categories))
        looks.append(by_shares(deal_column(grid, before, now, bins_for_shares(grid, before), rng), ALPHA))
        used = (before + now) > 0
        plain = quadratic_distance(psi, deal(before[used], now[used], rng), ALPHA)
        naive += plain.value > plain.noise_floor
    found = alarms(looks)
    assert all(within(count, runs) for count in found.values()), found
    if (n, m) == (500, 500):
        assert not within(naive, runs), "without it the flaw is there to be seen"


@pytest.mark.parametrize("code", [0, -2], ids=["it grew", "it is new"])
def test_a_category_that_came_or_grew_is_found_among_forty_rare_ones(code: int) -> None:
    rng = np.random.default_rng(82)
    grid, before, now = frozen(rng, 1_000, 1_000, np.r_[np.full(40, 0.5 / 40), 0.25, 0.25])
    now[code] += 300
    found = by_shares(deal_column(grid, before, now, bins_for_shares(grid, before), rng), 1e-5)
    assert all(look.low > 0 and look.value > look.noise_floor for look in found.values())


def test_a_choice_is_assumed_only_where_the_reference_can_have_made_it() -> None:
    grid = ColumnGrid("c", categories=("a", "b"), kept_from=10)
    every = np.ones(4, dtype=bool)
    assert choice_of(grid, np.array([10, 30, 5, 2]), every).least.tolist() == [10, 10, 0, 0]
    assert choice_of(grid, np.array([9, 30, 5, 2]), every) is None, "the grid of both files, or another reference"
    assert choice_of(ColumnGrid("c", categories=("a", "b")), np.array([10, 30, 5, 2]), every) is None
    used = np.array([True, True, False, True])
    assert choice_of(grid, np.array([10, 30, 0, 2]), used).other is None


def test_a_bin_is_fragile_where_its_chance_of_being_dropped_is_not_negligible() -> None:
    choice = Choice(np.array([10, 10, 10, 0]), 3)
    assert choice.fragile(np.array([20, 40, 80, 3]), 0.5).tolist() == [True, True, False, False]
    assert stats.binom.cdf(9, 80, 0.5) < 1e-6 < stats.binom.cdf(9, 40, 0.5)


def test_replicates_as_chosen_follow_the_binomial_that_is_cut_off() -> None:
    before, now = np.array([14, 500, 300]), np.array([6, 480, 320])
    dealt = deal(before, now, np.random.default_rng(83), Choice(np.array([10, 0, 0]), 2))
    drawn, values = dealt.as_chosen[0][:, 0], np.arange(10, 21)
    law = stats.hypergeom(1620, 20, 814).pmf(values)
    expected = law / law.sum() * REPLICATES
    assert drawn.min() == 10
    seen = np.array([(drawn == value).sum() for value in values])
    assert stats.chisquare(np.r_[seen[:7], seen[7:].sum()], np.r_[expected[:7], expected[7:].sum()]).pvalue > 0.001
    assert (dealt.as_chosen[0].sum(axis=1) == before.sum()).all()
    assert dealt.by_chance.tolist() == [True, False, False]


def test_what_chosen_bins_hold_too_much_is_estimated_without_bias() -> None:
    """The rows of 60 equal categories beyond 500/60 where 10 are reached, against the estimate, over 4,000 references."""
    rng = np.random.default_rng(89)
    reference = rng.poisson(500 / 60, size=(4_000, 60))
    kept = reference >= RARE
    truth = ((reference - 500 / 60) * kept).sum(axis=1)
    found = []
    for rows in reference[:400]:
        counts = np.r_[rows[rows >= RARE], 300]
        choice = Choice(np.r_[np.full(counts.size - 1, RARE), 0], counts.size - 1)
        found.append(deal_of(counts, choice).excess())
    excess, extra = np.array(found).T
    assert excess.mean() == pytest.approx(truth.mean(), rel=0.1)
    errors = ((reference - 500 / 60) * kept - RARE * (reference == RARE)).sum(axis=1)
    assert extra.mean() + 500 * kept.mean() >= errors.var() * 0.95, "and the variance of the correction is covered"


def deal_of(counts: np.ndarray, choice: Choice) -> Dealt:
    nothing = np.zeros((1, counts.size))
    return Dealt(counts, counts, (nothing, nothing), (nothing, nothing), choice.least > 0, choice)


@pytest.mark.parametrize("code", [0, -2], ids=["one grew", "all are new"])
def test_a_change_of_everything_is_found_where_every_category_is_rare(code: int) -> None:
    """Hours of a week in six hundred rows: none has enough of them to be sure of its bin."""
    rng = np.random.default_rng(90)
    grid, before, now = frozen(rng, 600, 300, np.full(60, 1 / 60))
    now[:] = 0
    now[code] = 300
    found = by_shares(deal_column(grid, before, now, bins_for_shares(grid, before), rng), 0.001)
    assert all(look.low > 0.2 for look in found.values()), found


def test_a_full_list_of_categories_says_how_many_rows_it_took_to_be_on_it(table_of: Any, shape: Any) -> None:
    words = [f"k{i:05}" for i in range(1_100) for _ in range(12 if i < 900 else 11)]
    grid = freeze(
        table_of({"c": words, "g": (["a"] * 3 + ["b"] * 20) * 524 + ["b"] * (len(words) - 23 * 524)}),
        shape(categorical=("c", "g"), groupings=(("g",),)),
    )
    assert (len(grid["c"].categories), grid["c"].kept_from) == (1_000, 11)
    assert grid["g"].kept_from == 1, "an attribute's values are kept however rare"


def counted(edges: Any, values: np.ndarray) -> np.ndarray:
    return np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1)


DRAWN: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "continuous": lambda rng, n: rng.normal(size=n),
    "counts": lambda rng, n: rng.poisson(3, n).astype(float),
}


@pytest.mark.parametrize("law", DRAWN.values(), ids=DRAWN)
@pytest.mark.parametrize(
    "n, m, runs", [(50, 50, 120), (50, 500, 120), (200, 200, 80), (200, 5_000, 80), (10_000, 1_000, 60)], ids=str
)
def test_numbers_in_quantiles_of_the_reference_raise_no_more_alarms_than_promised(
    n: int, m: int, runs: int, law: Callable[[np.random.Generator, int], np.ndarray]
) -> None:
    rng, looks = np.random.default_rng(84), []
    for _ in range(runs):
        rows = law(rng, n), law(rng, m)
        ordered = np.sort(rows[0])
        edges = edges_of(ordered)
        ruler = ruler_of(ordered, edges)
        assert ruler is not None
        grid = ColumnGrid("x", edges=edges, ruler=ruler)
        before, now = (np.r_[counted(edges, side), 0, 0, 0, 0] for side in rows)
        look = by_shares(deal_column(grid, before, now, bins_for_shares(grid, before), rng), ALPHA)
        gaps, points = gap_replicates(before[:-4], now[:-4], rng), np.array(ruler.points) / ruler.deviation
        look["ks"] = ks_distance(before[:-4], now[:-4], gaps, ALPHA)
        look["wasserstein"] = wasserstein_distance(before[:-4], now[:-4], points, gaps, ALPHA)
        looks.append({metric: look[metric] for metric in ("psi", "jensen_shannon", "ks", "wasserstein")})
    found = alarms(looks)
    assert all(within(count, runs) for count in found.values()), found


def test_a_small_reference_whose_quantiles_are_the_bins_raises_no_more_alarms_than_promised() -> None:
    """Its bins hold ten rows each by construction; dealt out as if they had not, 50 against 500 rows give 8 %."""
    rng, runs, passed = np.random.default_rng(88), 700, 0
    for _ in range(runs):
        rows = rng.normal(size=50), rng.normal(size=500)
        ordered = np.sort(rows[0])
        edges = edges_of(ordered)
        grid = ColumnGrid("x", edges=edges, ruler=ruler_of(ordered, edges))
        before, now = (np.r_[counted(edges, side), 0, 0, 0, 0] for side in rows)
        dealt = deal_column(grid, before, now, bins_for_shares(grid, before), rng)
        found = quadratic_distance(jensen_shannon, dealt, ALPHA, root=True)
        passed += found.value > found.noise_floor
    assert within(passed, runs), passed


def test_rows_between_quantiles_of_a_few_follow_the_negative_hypergeometric_law() -> None:
    """How many of 40 later rows lie below the 10th of 50: all orders of 90 rows are equally likely."""
    bins = np.full(5, 10)
    dealt = deal_between(bins, np.full(5, 8), np.ones(5, dtype=bool), np.random.default_rng(85))
    first = dealt.replicates[1][:, 0]
    law = stats.nhypergeom(90, 40, 10)
    assert first.mean() == pytest.approx(law.mean(), abs=4 * law.std() / np.sqrt(REPLICATES))
    assert first.std() == pytest.approx(law.std(), rel=0.1)
    assert np.allclose(dealt.replicates[0], bins) and (dealt.replicates[1].sum(axis=1) == 40).all()


@pytest.mark.parametrize("alpha", [1e-3, 1e-4, 1e-5])
@pytest.mark.parametrize("size", [1, 10], ids=["one gap", "ten gaps"])
def test_a_floor_beyond_the_replicates_is_never_below_the_true_quantile_and_not_far_above(
    size: int, alpha: float
) -> None:
    """The norm of `size` independent normal variables is the root of a χ²; it changes by one for one."""
    rng = np.random.default_rng(86)
    floors = [floor_of(np.sqrt(rng.chisquare(size, REPLICATES)), alpha, 1.0) for _ in range(40)]
    truth = float(np.sqrt(stats.chi2.isf(alpha, size)))
    assert truth * 0.995 <= np.mean(floors) <= truth * 1.12
    assert FURTHEST == 0.005


@pytest.mark.parametrize(
    "metric, measure",
    [
        ("psi", psi),
        ("chi_square", chi_square),
        ("jensen_shannon", jensen_shannon),
        ("total_variation", total_variation),
    ],
)
@pytest.mark.parametrize(
    "n, m, categories", [(200, 200, 5), (2_000, 500, 30), (1_000_000, 1_000_000, 10), (1_000_000, 1_000, 100)], ids=str
)
def test_far_tails_hold_where_replicates_are_too_few_to_show_them(
    n: int, m: int, categories: int, metric: str, measure: Any
) -> None:
    """At 0.001, against 20,000 pairs of samples whose categories have uneven shares."""
    rng, alpha, times = np.random.default_rng(87), 0.001, 20_000
    shares = 1 / np.arange(2, categories + 2)
    shares /= shares.sum()
    floors = []
    for _ in range(5):
        one, two = rng.multinomial(n, shares), rng.multinomial(m, shares)
        used = (one + two) > 0
        floors.append(by_shares(deal(one[used], two[used], rng), alpha)[metric].noise_floor)
    drawn = measure(rng.multinomial(n, shares, size=times), rng.multinomial(m, shares, size=times))
    passed = int((drawn > np.mean(floors)).sum())
    assert stats.binomtest(passed, times, alpha * 1.5, alternative="greater").pvalue > 1e-3, passed
