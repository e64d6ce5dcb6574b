"""Critical values against Dunnett's tables, scipy's multivariate normal and range, and a bootstrap of counts."""

from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from monitors.simultaneous import (
    Block,
    all_pairs,
    both_beyond,
    common_baseline,
    critical_value,
    share_of,
    spanning_tree,
)


def star(variances: list[float], mixed: bool = False) -> Block:
    """Every group against the first."""
    return Block(tuple((i, 0) for i in range(1, len(variances))), np.array(variances), mixed)


def evenly(alpha: float, questions: int) -> float:
    return float(stats.norm.isf(alpha / questions))


DUNNETT = {
    0.05: (1.64, 1.92, 2.06, 2.16, 2.23, 2.29, 2.34, 2.38, 2.42),
    0.01: (2.33, 2.56, 2.68, 2.77, 2.84, 2.89, 2.93, 2.97, 3.00),
}


@pytest.mark.parametrize("alpha", DUNNETT, ids=lambda a: f"alpha {a}")
def test_groups_of_one_size_meet_the_table_of_dunnett_1955(alpha: float) -> None:
    """Tables 1a and 1b, infinitely many degrees of freedom, one to nine contrasts."""
    found = [critical_value(alpha, [star([1.0] * (k + 1))]) for k in range(1, 10)]
    assert found == pytest.approx(DUNNETT[alpha], abs=0.006)


def covariance(pairs: list[tuple[int, int]], variances: list[float]) -> np.ndarray:
    rows = np.zeros((len(pairs), len(variances)))
    for row, (i, j) in zip(rows, pairs, strict=True):
        row[i], row[j] = 1, -1
    found = rows @ np.diag(variances) @ rows.T
    return found / np.sqrt(np.outer(np.diag(found), np.diag(found)))


@pytest.mark.parametrize("variances", [[1, 4, 0.2, 9], [0.01, 1, 1, 1], [50, 1, 2, 3]], ids=str)
@pytest.mark.parametrize("c", [1.5, 2.5])
def test_groups_of_any_size_meet_the_multivariate_normal(variances: list[float], c: float) -> None:
    block = star(variances)
    truth = stats.multivariate_normal(cov=covariance(list(block.pairs), variances))
    assert block.miss(c) == pytest.approx(1 - truth.cdf(np.full(3, c)), abs=2e-4)


@pytest.mark.parametrize("groups", [2, 5, 40])
@pytest.mark.parametrize("alpha", [0.05, 0.001])
def test_all_pairs_meet_the_studentised_range(groups: int, alpha: float) -> None:
    c = float(stats.studentized_range.isf(alpha, groups, np.inf)) / np.sqrt(2)
    assert all_pairs(c, groups) == pytest.approx(alpha, rel=1e-4)
    assert critical_value(alpha, [Block((), np.zeros(0), every=groups)]) == pytest.approx(c, abs=1e-4)


def test_both_beyond_meets_the_bivariate_normal() -> None:
    for c, r in product((0.5, 2.0), (0.0, 0.3, 0.9)):
        truth = stats.multivariate_normal(cov=[[1, r], [r, 1]]).cdf([-c, -c])
        assert both_beyond(c, r) == pytest.approx(truth, abs=1e-6)
    assert both_beyond(2.0, 1.0) == pytest.approx(stats.norm.sf(2))


@pytest.mark.parametrize("c", [1.5, 2.5])
def test_a_tree_bounds_what_any_contrasts_miss_together_and_is_below_an_even_share(c: float) -> None:
    pairs, variances = [(0, 1), (1, 2), (2, 3), (0, 2), (1, 3)], [1.0, 3.0, 0.5, 2.0]
    truth = stats.multivariate_normal(cov=covariance(pairs, variances), allow_singular=True)
    drawn = truth.rvs(400_000, random_state=1)
    missed = float((drawn.max(axis=1) > c).mean())
    bound = spanning_tree(c, pairs, np.array(variances))
    assert missed - 0.001 < bound < len(pairs) * stats.norm.sf(c)
    assert Block(tuple(pairs), np.array(variances)).miss(c) == pytest.approx(bound)


def test_contrasts_of_different_groups_are_independent() -> None:
    """Šidák: two questions that share nothing, each at 1 - (1 - alpha) ** (1/2)."""
    assert share_of(0.05, [Block(((0, 1), (2, 3)), np.ones(4))]) == pytest.approx(1 - 0.95**0.5, abs=1e-6)
    assert share_of(0.05, [star([1, 1]), star([1, 1])]) == pytest.approx(1 - 0.95**0.5, abs=1e-6)


@pytest.mark.parametrize("loadings", [[0.5**0.5] * 4, [0.2, 0.5, 0.9, 0.95]], ids=["even", "uneven"])
def test_mixed_signs_are_covered_whichever_contrasts_are_turned_round(loadings: list[float]) -> None:
    """Every pattern of signs, by the multivariate normal; the bound is met where half of equal ones are turned."""
    c = 1.8
    bound = common_baseline(c, np.array(loadings), mixed=True)
    missed = {}
    for signs in product((1, -1), repeat=4):
        turned = np.array(signs) * loadings
        cov = np.outer(turned, turned) + np.diag(1 - turned**2)
        missed[signs] = 1 - stats.multivariate_normal(cov=cov).cdf(np.full(4, c))
    assert max(missed.values()) < bound + 2e-4
    if len(set(loadings)) == 1:
        assert missed[1, 1, -1, -1] == pytest.approx(bound, abs=2e-4)
        assert missed[1, 1, 1, 1] < bound - 0.01


@given(
    variances=st.lists(st.floats(1e-6, 1e3), min_size=2, max_size=7),
    alpha=st.floats(1e-8, 0.2),
    mixed=st.booleans(),
    data=st.data(),
)
def test_no_family_asks_more_than_an_even_share_or_less_than_a_single_question(
    variances: list[float], alpha: float, mixed: bool, data: st.DataObject
) -> None:
    every = list(combinations(range(len(variances)), 2))
    pairs = data.draw(st.lists(st.sampled_from(every), min_size=1, max_size=6, unique=True))
    c = critical_value(alpha, [Block(tuple(pairs), np.array(variances), mixed)])
    assert stats.norm.isf(alpha) - 1e-9 <= c <= evenly(alpha, len(pairs)) + 1e-9


@pytest.mark.parametrize("alpha", [1e-4, 1e-7, 1e-10])
def test_a_tiny_alpha_is_met_to_its_digits(alpha: float) -> None:
    block = star([1.0] * 20)
    assert block.miss(critical_value(alpha, [block])) == pytest.approx(alpha, rel=1e-4)


@pytest.mark.parametrize("sizes", [(400, 400, 400, 400), (2000, 300, 500, 800)], ids=["even", "uneven"])
def test_a_bootstrap_from_counts_finds_the_same_value(sizes: tuple[int, ...]) -> None:
    """Studentised max-T: counts drawn anew at the observed rates, contrasts centred, each over its own error."""
    n, alpha, replicates = np.array(sizes), 0.05, 200_000
    hits = np.round(n * np.array([0.4, 0.35, 0.45, 0.4]))
    drawn = np.random.default_rng(5).binomial(n, hits / n, (replicates, n.size)) / n
    variance = drawn * (1 - drawn) / n
    gaps = drawn[:, 1:] - drawn[:, :1] - (hits / n)[1:] + (hits / n)[0]
    largest = (gaps / np.sqrt(variance[:, 1:] + variance[:, :1])).max(axis=1)
    rates = hits / n
    c = critical_value(alpha, [star(list(rates * (1 - rates) / n))])
    assert float((largest > c).mean()) == pytest.approx(alpha, abs=0.003)
    assert c == pytest.approx(float(np.quantile(largest, 1 - alpha)), abs=0.03)
    assert c < evenly(alpha, 3) - 0.01
