"""A simulator whose truth is set: how often a fair system is accused, and how often an unfair one is found.

The groups of a cell have from `n` to half as many more people, as in life. Of groups of exactly the same size the
differences fall on a lattice, whose steps alone carry up to eight of a hundred batches at 50 people.
"""

from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

import numpy as np
import pytest
from scipy import stats

from governance.declared.metrics import GROUP_RATES
from monitors.contrasts import differences_of
from monitors.grid import MOST_FAVOURED
from monitors.groups import Groups, Hits
from monitors.levels import Contrast, Family, Levels
from monitors.proportions import is_above
from monitors.simultaneous import Block, critical_value
from monitors.uncertainty import ratio_bounds

ALPHA = 0.05


class Cell(NamedTuple):
    """So many groups of about so many people, the baseline's rate, and the limit."""

    groups: int
    people: int
    rate: float
    limit: float


GRID = [Cell(*cell) for cell in product((2, 5, 10, 20, 40), (50, 100, 200, 500, 1000), (0.1, 0.3, 0.5), (0.0, 0.1))]


def sizes_of(cell: Cell, rng: np.random.Generator) -> np.ndarray:
    return cell.people + rng.integers(0, cell.people // 2, cell.groups)


def critical(rates: np.ndarray, sizes: np.ndarray) -> float:
    block = Block(tuple((i, 0) for i in range(1, sizes.size)), rates * (1 - rates) / sizes)
    return critical_value(ALPHA, [block])


def accusations(hits: np.ndarray, sizes: np.ndarray, limit: float) -> np.ndarray:
    """Which batches accuse any group, of shape (batches,). The level is worked out once, from the first batch."""
    rates = (hits[0] + 1) / (sizes + 2)
    alpha = stats.norm.sf(critical(rates, sizes))
    return is_above(limit, hits[:, 1:], sizes[1:], hits[:, :1], sizes[0], alpha).any(axis=1)


def z_scores(hits: np.ndarray, sizes: np.ndarray, rates: np.ndarray, limit: float) -> np.ndarray:
    """The largest of the contrasts, each over its true standard error, of shape (batches,)."""
    seen, variance = hits / sizes, rates * (1 - rates) / sizes
    return ((seen[:, 1:] - seen[:, :1] - limit) / np.sqrt(variance[1:] + variance[0])).max(axis=1)


def refuted(counts: list[int], runs: int) -> list[int]:
    """Cells whose count refutes that the true share is at most `ALPHA` (exact binomial test, Holm at 5 %)."""
    p = np.array([stats.binomtest(count, runs, ALPHA, alternative="greater").pvalue for count in counts])
    order = np.argsort(p)
    limits = 0.05 / (len(p) - np.arange(len(p)))
    passed = np.flatnonzero(p[order] > limits)
    return order[: passed[0] if passed.size else len(p)].tolist()


def test_no_cell_accuses_a_fair_system_or_one_at_its_limit_more_often_than_nominal() -> None:
    """Every group exactly `limit` above the baseline; at limit 0 the system is perfectly fair."""
    rng, runs = np.random.default_rng(60), 2_000
    counts = []
    for cell in GRID:
        sizes = sizes_of(cell, rng)
        rates = np.full(cell.groups, cell.rate + cell.limit)
        rates[0] = cell.rate
        counts.append(int(accusations(rng.binomial(sizes, rates, (runs, cell.groups)), sizes, cell.limit).sum()))
    assert refuted(counts, runs) == []
    assert 0.03 < np.mean(counts) / runs < 0.05


@pytest.mark.parametrize("baseline", [1000, 50], ids=["against the largest", "against the smallest"])
def test_small_and_large_groups_side_by_side_are_not_accused_more_often_either(baseline: int) -> None:
    rng, runs = np.random.default_rng(61), 2_000
    counts = []
    for groups, rate, limit in product((2, 5, 10, 20, 40), (0.1, 0.3, 0.5), (0.0, 0.1)):
        sizes = np.exp(rng.uniform(np.log(50), np.log(1000), groups)).astype(int)
        sizes[0] = baseline
        rates = np.full(groups, rate + limit)
        rates[0] = rate
        counts.append(int(accusations(rng.binomial(sizes, rates, (runs, groups)), sizes, limit).sum()))
    assert refuted(counts, runs) == []


def test_power_is_within_three_points_of_an_oracle_in_every_cell() -> None:
    """One group a fifth above the baseline, the limit at a tenth, the other groups fair.

    The oracle knows the true variances and has the same Dunnett value. Where that would accuse more than `ALPHA` of
    systems at their limit (skewness, at low rates), it takes the value at which it does not.
    """
    rng, runs, gap, limit = np.random.default_rng(62), 4_000, 0.20, 0.10
    behind: dict[Cell, float] = {}
    for groups, people, rate in product((2, 5, 10, 20, 40), (50, 100, 200, 500, 1000), (0.1, 0.3, 0.5)):
        cell = Cell(groups, people, rate, limit)
        sizes = sizes_of(cell, rng)
        at_limit, truth = np.full(groups, rate + limit), np.full(groups, rate)
        at_limit[0], truth[1] = rate, rate + gap
        scores = z_scores(rng.binomial(sizes, at_limit, (runs, groups)), sizes, at_limit, limit)
        c = max(critical(truth, sizes), float(np.quantile(scores, 1 - ALPHA)))
        hits = rng.binomial(sizes, truth, (runs, groups))
        oracle = (z_scores(hits, sizes, truth, limit) > c).mean()
        behind[cell] = float(oracle - accusations(hits, sizes, limit).mean())
    assert max(behind.values()) <= 0.03, max(behind.items(), key=lambda item: item[1])


def test_a_gap_of_a_fifth_between_two_groups_of_a_thousand_is_found() -> None:
    rng = np.random.default_rng(63)
    for rate in (0.1, 0.3, 0.5, 0.7):
        sizes = np.array([1000, 1000])
        assert accusations(rng.binomial(sizes, [rate, rate + 0.2], (2_000, 2)), sizes, 0.10).mean() >= 0.95


def measured(
    hits: np.ndarray, sizes: np.ndarray, contrasts: list[Contrast], family: Family, metric: str
) -> Iterator[list]:
    """Batch by batch, what the monitor itself says of `metric`."""
    names = [f"g{i}" for i in range(sizes.size)]
    levels = Levels({(metric, c.segment): family for c in contrasts})
    for row in hits:
        rates = {
            name: dict.fromkeys(GROUP_RATES, Hits(int(x), int(n))) for name, x, n in zip(names, row, sizes, strict=True)
        }
        found = differences_of(contrasts, Groups(rates, {}, frozenset(names)), levels)
        yield [m for m in found if m.metric == metric]


def contrasts_with(baseline: str, groups: int) -> list[Contrast]:
    favoured = "selected" if baseline == MOST_FAVOURED else None
    return [Contrast("g", f"g{i}", baseline, favoured) for i in range(groups) if f"g{i}" != baseline]


def test_the_monitor_itself_keeps_alpha_when_gaps_of_either_sign_stand_at_the_limit() -> None:
    """Half the groups a tenth above, half a tenth below: the hardest truth for `direction: either`."""
    rng, runs, limit = np.random.default_rng(64), 120, 0.1
    sizes, rates = np.full(7, 400), np.array([0.4, 0.5, 0.3, 0.5, 0.3, 0.5, 0.3])
    contrasts = contrasts_with("g0", 7)
    family = Family(ALPHA, tuple(c.segment for c in contrasts), mixed=True)
    hits = rng.binomial(sizes, rates, (runs, 7))
    accused = sum(
        any(m.low > limit or m.high < -limit for m in batch)
        for batch in measured(hits, sizes, contrasts, family, "selection_rate_difference")
    )
    assert accused > 0 and stats.binomtest(accused, runs, ALPHA, alternative="greater").pvalue > 0.01


def test_the_group_that_happens_to_lead_makes_no_fair_system_look_unfair() -> None:
    """Largest less smallest of ten equal rates is 0.15 at 100 people each, and no bound of it may be beyond zero."""
    rng, runs = np.random.default_rng(65), 2_000
    sizes = np.full(10, 100)
    contrasts = contrasts_with(MOST_FAVOURED, 10)
    family = Family(ALPHA, tuple(c.segment for c in contrasts))
    hits = rng.binomial(sizes, 0.3, (runs, 10))
    assert np.mean(np.ptp(hits / sizes, axis=1)) > 0.12
    alpha = stats.norm.sf(critical_value(ALPHA, [Block((), np.zeros(0), every=10)]))
    best = np.take_along_axis(hits, hits.argmax(axis=1)[:, None], axis=1)
    behind = is_above(0.0, best, 100, hits, 100, alpha)
    accused = int(behind.any(axis=1).sum())
    # The monitor itself says the same, group by group.
    for batch, rows in zip(
        measured(hits[:20], sizes, contrasts, family, "selection_rate_difference"), behind[:20], strict=True
    ):
        assert [m.high < 0 for m in batch] == rows.tolist()
    assert stats.binomtest(accused, runs, ALPHA, alternative="greater").pvalue > 0.01


def test_four_fifths_at_the_limit_is_accused_in_at_most_one_batch_of_twenty() -> None:
    """Five groups whose rate is exactly four fifths of the baseline's."""
    rng, runs = np.random.default_rng(66), 150
    sizes, rates = np.array([500, 300, 300, 200, 400, 300]), np.array([0.5, 0.4, 0.4, 0.4, 0.4, 0.4])
    contrasts = contrasts_with("g0", 6)
    family = Family(ALPHA, tuple(c.segment for c in contrasts))
    hits = rng.binomial(sizes, rates, (runs, 6))
    accused = sum(
        any(m.high < 0.8 for m in batch) for batch in measured(hits, sizes, contrasts, family, "selection_rate_ratio")
    )
    assert accused > 0 and stats.binomtest(accused, runs, ALPHA, alternative="greater").pvalue > 0.01


def test_equalised_odds_at_the_limit_in_both_rates_is_accused_in_at_most_one_batch_of_twenty() -> None:
    rng, runs, limit = np.random.default_rng(67), 250, 0.1
    contrast = Contrast("g", "a", "b")
    levels = Levels({("equalised_odds_difference", contrast.segment): Family(ALPHA, (contrast.segment,), mixed=True)})
    accused = 0
    for _ in range(runs):
        drawn = {
            "a": {
                "true_positive_rate": Hits(int(rng.binomial(300, 0.7)), 300),
                "false_positive_rate": Hits(int(rng.binomial(400, 0.2)), 400),
            },
            "b": {
                "true_positive_rate": Hits(int(rng.binomial(500, 0.6)), 500),
                "false_positive_rate": Hits(int(rng.binomial(600, 0.3)), 600),
            },
        }
        rates = {name: {**dict.fromkeys(GROUP_RATES, Hits(1, 2)), **own} for name, own in drawn.items()}
        found = differences_of([contrast], Groups(rates, {}, frozenset("ab")), levels)
        odds = next(m for m in found if m.metric == "equalised_odds_difference")
        accused += odds.low > limit
    assert accused > 0 and stats.binomtest(accused, runs, ALPHA, alternative="greater").pvalue > 0.01


def test_ratio_bounds_at_a_family_share_are_not_beyond_the_truth_more_often_than_it_allows() -> None:
    """Every pair of samples of 100 and 150 at 0.4 and 0.5: the chance that the upper bound lies below the truth."""
    alpha, i, j = 0.01, np.arange(101), np.arange(1, 151)
    below = np.array([[ratio_bounds(int(x), 100, int(y), 150, alpha)[1] < 0.8 for y in j] for x in i])
    assert float(stats.binom.pmf(i, 100, 0.4) @ below @ stats.binom.pmf(j, 150, 0.5)) < 1.1 * alpha
