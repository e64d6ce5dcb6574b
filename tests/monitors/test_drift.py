"""Distances against SciPy; false alarms and power in seeded simulations whose truth is set."""

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import jensenshannon

from monitors.distances import (
    chi_square,
    jensen_shannon,
    kolmogorov_smirnov,
    psi,
    psi_variance,
    total_variation,
    wasserstein,
)
from monitors.drift import (
    gap_replicates,
    ks_distance,
    quadratic_distance,
    variation_distance,
    wasserstein_distance,
)
from monitors.freezing import freeze
from monitors.grid import COARSE_BINS, ColumnGrid
from monitors.noise import deal
from monitors.profiling import profile
from monitors.share_bins import bins_for_shares, shares_of

counts = st.lists(st.integers(0, 5_000), min_size=2, max_size=30)
pairs = counts.flatmap(
    lambda one: st.tuples(st.just(one), st.lists(st.integers(0, 5_000), min_size=len(one), max_size=len(one)))
)
BY_SHARES = {
    "psi": psi,
    "jensen_shannon": jensen_shannon,
    "total_variation": total_variation,
    "chi_square": chi_square,
}
DISTANCES = BY_SHARES | {"kolmogorov_smirnov": kolmogorov_smirnov}


@given(pair=pairs, pseudocount=st.floats(0.01, 5))
def test_psi_is_the_sum_of_scipys_two_relative_entropies(pair: Any, pseudocount: float) -> None:
    p, q = (np.array(side) + pseudocount for side in pair)
    expected = stats.entropy(p, q) + stats.entropy(q, p)
    assert psi(*map(np.array, pair), pseudocount=pseudocount) == pytest.approx(expected, abs=1e-9)


@given(pair=pairs)
def test_jensen_shannon_is_scipys_in_base_2(pair: Any) -> None:
    assume(sum(pair[0]) and sum(pair[1]))
    # Under the root, SciPy's own rounding of equal shares is 1e-8.
    assert jensen_shannon(*map(np.array, pair)) == pytest.approx(jensenshannon(*pair, base=2), abs=1e-7, nan_ok=False)


@pytest.mark.parametrize("measure", DISTANCES.values(), ids=DISTANCES)
@given(pair=pairs, seed=st.integers(0, 2**32 - 1))
def test_a_distance_is_symmetric_zero_on_itself_and_blind_to_scale(measure: Any, pair: Any, seed: int) -> None:
    one, two = map(np.array, pair)
    assume(one.sum() and two.sum())
    assert measure(one, two) == pytest.approx(measure(two, one), abs=1e-12)
    assert measure(one, two) >= 0
    assert measure(one, one) == pytest.approx(0, abs=1e-7)
    if measure is not psi:
        assert measure(one * 3, two) == pytest.approx(measure(one, two), abs=1e-7)
        assert measure(one, two) <= 1 + 1e-12


@pytest.mark.parametrize("measure", BY_SHARES.values(), ids=BY_SHARES)
@given(pair=pairs, seed=st.integers(0, 2**32 - 1))
def test_the_order_of_categories_does_not_matter(measure: Any, pair: Any, seed: int) -> None:
    one, two = map(np.array, pair)
    assume(one.sum() and two.sum())
    order = np.random.default_rng(seed).permutation(one.size)
    assert measure(one[order], two[order]) == pytest.approx(measure(one, two), abs=1e-7)


def test_nothing_in_common_is_distance_one() -> None:
    for measure in (jensen_shannon, total_variation, chi_square, kolmogorov_smirnov):
        assert measure(np.array([5, 0]), np.array([0, 7])) == 1.0
    assert np.isfinite(psi(np.array([5, 0]), np.array([0, 7])))


def test_psi_of_two_bins_is_what_hand_and_paper_give() -> None:
    """Shares 1/4, 3/4 against 3/4, 1/4 with the pseudocount: (1/2) ln 3 + (1/2) ln 3 = ln 3."""
    assert psi(np.array([0, 1]), np.array([1, 0])) == pytest.approx(np.log(3))


FAULTS: dict[str, tuple[Any, ...]] = {
    "bins differ": (psi, [1, 2], [1, 2, 3], {}, "Bins must match, got 2 and 3."),
    "a negative count": (psi, [1, -2], [1, 2], {}, "Counts must be >= 0, got -2"),
    "no rows": (jensen_shannon, [0, 0], [1, 2], {}, "at least one row"),
    "no pseudocount": (psi, [1, 2], [1, 2], {"pseudocount": 0}, "pseudocount must be > 0, got 0"),
    "a pseudocount that is not a number": (psi, [1, 2], [1, 2], {"pseudocount": float("nan")}, "must be > 0, got nan"),
}


@pytest.mark.parametrize("measure, one, two, options, message", FAULTS.values(), ids=FAULTS)
def test_counts_that_cannot_be_compared_are_refused(
    measure: Any, one: Any, two: Any, options: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        measure(np.array(one), np.array(two), **options)


@pytest.mark.parametrize("shift", [0.0, 0.02, 1.0], ids=lambda x: f"{x} sd")
@pytest.mark.parametrize("kind", ["continuous", "rounded", "heaped at zero"])
def test_ks_is_within_the_largest_reference_bin_of_scipys_on_the_rows(
    kind: str, shift: float, table_of: Any, shape: Any
) -> None:
    rng = np.random.default_rng(30)
    one, two = rng.normal(size=6_000), rng.normal(shift, size=4_000)
    if kind == "rounded":
        one, two = one.round(1), two.round(1)
    if kind == "heaped at zero":
        one, two = one.clip(min=0), two.clip(min=0)
    grid = freeze(table_of({"x": one}), shape(numeric=("x",)))
    before, now = (profile(table_of({"x": x}), grid).columns["x"][:-4] for x in (one, two))
    exact = stats.ks_2samp(one, two).statistic
    resolution = before.max() / before.sum()
    assert kolmogorov_smirnov(before, now) <= exact + 1e-12
    assert kolmogorov_smirnov(before, now) >= exact - resolution
    if kind == "rounded":
        # Every value has its own edge, up to rare ones at the ends.
        assert kolmogorov_smirnov(before, now) == pytest.approx(exact, abs=10 / 6_000)


def test_coarse_bins_are_few_nested_about_equal_and_keep_missing_values_apart() -> None:
    grid = ColumnGrid("x", edges=tuple(float(i) for i in range(255)))
    reference = np.array([100] * 256 + [7, 0, 3, 0])
    bins = bins_for_shares(grid, reference)
    assert (np.diff(bins) >= 0).all() and bins.max() == COARSE_BINS - 1 + 4
    assert shares_of(reference, bins).tolist() == [1600] * COARSE_BINS + [7, 0, 3, 0]
    assert bins_for_shares(ColumnGrid("x", edges=(1.0,)), np.array([0, 0, 9, 0, 0, 0])).tolist() == [0, 0, 1, 2, 3, 4]


def zipf(categories: int) -> np.ndarray:
    shares = 1 / np.arange(1, categories + 1)
    return shares / shares.sum()


def distance(measure: Any, one: np.ndarray, two: np.ndarray, alpha: float, seed: int) -> Any:
    used = (one + two) > 0
    dealt = deal(one[used], two[used], np.random.default_rng(seed))
    if measure is total_variation:
        return variation_distance(dealt, alpha)
    return quadratic_distance(measure, dealt, alpha, root=measure is not psi)


def gap_distance(one: np.ndarray, two: np.ndarray, alpha: float, rng: np.random.Generator) -> Any:
    return ks_distance(one, two, gap_replicates(one, two, rng), alpha)


NULL_CELLS = {
    "50 and 50 rows, 2 categories": (50, 50, np.array([0.5, 0.5]), 100),
    "50 and 50 rows, 50 categories": (50, 50, np.full(50, 0.02), 60),
    "50 and 50 rows, 50 uneven categories": (50, 50, zipf(50), 60),
    "20,000 and 200 rows, 20 uneven categories": (20_000, 200, zipf(20), 50),
    "1,000 and 1,000 rows, 1,000 categories": (1_000, 1_000, np.full(1_000, 0.001), 3),
    "1,000,000 and 1,000,000 rows, 16 bins": (1_000_000, 1_000_000, np.full(16, 1 / 16), 40),
}


@pytest.mark.parametrize("measure", BY_SHARES.values(), ids=BY_SHARES)
@pytest.mark.parametrize("n, m, shares, runs", NULL_CELLS.values(), ids=NULL_CELLS)
def test_when_nothing_changed_the_lower_bound_is_zero_as_often_as_promised(
    measure: Any, n: int, m: int, shares: np.ndarray, runs: int
) -> None:
    """Stricter than a false breach of 0.1: even a limit of zero is breached at most nominally often."""
    rng, alpha = np.random.default_rng(31), 0.05
    found = [distance(measure, rng.multinomial(n, shares), rng.multinomial(m, shares), alpha, i) for i in range(runs)]
    for breaches in (
        sum(d.low > 0.1 for d in found),
        sum(d.low > 0 for d in found),
        sum(d.value > d.noise_floor for d in found),
    ):
        assert stats.binomtest(breaches, runs, alpha, alternative="greater").pvalue > 0.01


@pytest.mark.parametrize("n, m, bins", [(500, 500, 5), (5_000, 800, 16), (20_000, 20_000, 16)], ids=str)
def test_a_psi_truly_at_the_limit_is_a_breach_at_most_as_often_as_promised(n: int, m: int, bins: int) -> None:
    """Half of the bins gain what the others lose, until the two-sided relative entropy of the shares is 0.1."""
    p, rng, alpha, runs = np.full(bins, 1 / bins), np.random.default_rng(32), 0.05, 100
    change = np.where(np.arange(bins) % 2 == 0, 1.0, -1.0)
    change -= change.mean()
    low, high = 0.0, 0.5 / bins
    for _ in range(60):
        middle = (low + high) / 2
        q = p + middle * change
        low, high = (middle, high) if stats.entropy(p, q) + stats.entropy(q, p) < 0.1 else (low, middle)
    found = [distance(psi, rng.multinomial(n, p), rng.multinomial(m, p + low * change), alpha, i) for i in range(runs)]
    for misses in (sum(d.low > 0.1 for d in found), sum(d.high < 0.1 for d in found)):
        assert stats.binomtest(misses, runs, alpha, alternative="greater").pvalue > 0.01
    assert np.mean([d.low > 0 for d in found]) > 0.95


def test_ks_bounds_hold_when_nothing_changed_and_when_it_did() -> None:
    rng, runs, alpha = np.random.default_rng(33), 100, 0.05
    shares, moved = np.full(20, 0.05), np.r_[np.full(10, 0.04), np.full(10, 0.06)]
    for truth, later in ((0.0, shares), (0.1, moved)):
        found = [
            gap_distance(rng.multinomial(800, shares), rng.multinomial(500, later), alpha, rng) for _ in range(runs)
        ]
        assert stats.binomtest(sum(d.low > truth for d in found), runs, alpha, alternative="greater").pvalue > 0.01
        assert stats.binomtest(sum(d.high < truth for d in found), runs, alpha, alternative="greater").pvalue > 0.01
        assert all(d.low <= d.value <= d.high for d in found)


@pytest.mark.parametrize("n, m", [(1_000, 1_000), (50_000, 2_000), (1_000_000, 1_000_000)], ids=str)
@pytest.mark.parametrize("bins", [2, 7, 256], ids=lambda bins: f"{bins} bins")
def test_the_noise_floor_of_ks_is_passed_as_often_as_promised_and_is_not_far_from_scipys(
    n: int, m: int, bins: int
) -> None:
    """Over many bins that is the two-sample test's own quantile; over few, where fewer gaps can be large, it is less."""
    rng, alpha, shares = np.random.default_rng(34), 0.05, zipf(bins)
    one, two = rng.multinomial(n, shares), rng.multinomial(m, shares)
    floor = gap_distance(one, two, alpha, rng).noise_floor
    drawn = kolmogorov_smirnov(rng.multinomial(n, shares, size=4_000), rng.multinomial(m, shares, size=4_000))
    assert stats.binomtest(int((drawn > floor).sum()), 4_000, alpha, alternative="greater").pvalue > 1e-4
    exact = stats.kstwobign.isf(alpha) * np.sqrt(1 / n + 1 / m)
    assert floor <= exact * 1.05
    if bins == 256:
        assert floor >= exact * 0.85


def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_floor() -> None:
    one, two = np.array([100, 200, 300]), np.array([90, 230, 280])
    found = [distance(psi, one, two, 0.05, seed) for seed in (1, 1, 2)]
    assert found[0] == found[1] != found[2]
    assert found[2].noise_floor == pytest.approx(found[0].noise_floor, rel=0.2)


def test_the_noise_floor_of_large_samples_is_pearsons_chi_square() -> None:
    """PSI of one truth is about (1/n + 1/m) · χ²(bins - 1)."""
    one = np.full(10, 10_000)
    found = distance(psi, one, one, 0.01, 0)
    assert found.noise_floor == pytest.approx(2e-5 * stats.chi2.isf(0.01, 9), rel=0.1)


def test_one_bin_is_no_distance_and_no_nan() -> None:
    found = distance(psi, np.array([50]), np.array([70]), 0.05, 0)
    assert (found.value, found.low, found.noise_floor) == (0, 0, 0)
    assert np.isfinite(found.high)


MOVED: dict[str, tuple[list[float], list[float]]] = {
    "a third moved": ([0.5, 0.3, 0.2], [0.4, 0.3, 0.3]),
    "turned round": ([0.5, 0.45, 0.05], [0.05, 0.45, 0.5]),
    "one of ten doubled": ([0.1] * 10, [0.2] + [0.8 / 9] * 9),
    "a rare one grew": ([0.02, 0.49, 0.49], [0.2, 0.4, 0.4]),
}


@pytest.mark.parametrize("n, m", [(200, 200), (2_000, 500)], ids=str)
@pytest.mark.parametrize("shares, later", MOVED.values(), ids=MOVED)
def test_bounds_cover_a_truth_away_from_zero_as_often_as_promised(
    shares: list[float], later: list[float], n: int, m: int
) -> None:
    p, q, rng, runs, alpha = np.array(shares), np.array(later), np.random.default_rng(35), 120, 0.05
    truths = {name: float(measure(p, q)) for name, measure in BY_SHARES.items() if measure is not psi}
    truths["psi"] = float(stats.entropy(p, q) + stats.entropy(q, p))
    below, above = dict.fromkeys(BY_SHARES, 0), dict.fromkeys(BY_SHARES, 0)
    for seed in range(runs):
        one, two = rng.multinomial(n, p), rng.multinomial(m, q)
        for name, measure in BY_SHARES.items():
            found = distance(measure, one, two, alpha, seed)
            assert found.low <= found.value <= found.high
            below[name] += found.low > truths[name]
            above[name] += found.high < truths[name]
    for name in BY_SHARES:
        assert stats.binomtest(below[name], runs, alpha, alternative="greater").pvalue > 0.005, (name, below)
        assert stats.binomtest(above[name], runs, alpha, alternative="greater").pvalue > 0.005, (name, above)


def test_psi_far_from_zero_has_the_bounds_of_its_own_variance() -> None:
    """That of 20,000 drawn samples, which the law fitted where nothing changed has too small."""
    rng, n, z = np.random.default_rng(38), 5_000, stats.norm.isf(0.05)
    p, q = (np.array(side) for side in MOVED["turned round"])
    drawn = psi(rng.multinomial(n, p, size=20_000), rng.multinomial(n, q, size=20_000))
    one, two = (n * p).astype(int), (n * q).astype(int)
    assert psi_variance(one, two) == pytest.approx(drawn.var(), rel=0.05)
    found = distance(psi, one, two, 0.05, 1)
    for half in (found.high - found.value, found.value - found.low):
        assert half == pytest.approx(z * drawn.std(), rel=0.05)


@pytest.mark.parametrize("alpha", [0.05, 0.001])
@pytest.mark.parametrize("shift", [0.1, 0.3, 1.0], ids=lambda x: f"{x} sd")
@pytest.mark.parametrize("n, m", [(200, 200), (1_000, 1_000), (10_000, 300)], ids=str)
def test_wasserstein_covers_the_shift_of_a_normal_law(n: int, m: int, shift: float, alpha: float) -> None:
    """Between -3 and 3 standard deviations; the truth is the area between two normal distribution functions."""
    rng, runs = np.random.default_rng(36), 300
    edges = np.linspace(-3, 3, 121)
    points = np.r_[-3, (edges[1:] + edges[:-1]) / 2, 3]
    p, q = (np.diff(np.r_[0, stats.norm.cdf(edges, loc), 1]) for loc in (0, shift))
    truth = float(wasserstein(p, q, points))
    fine = np.linspace(-3, 3, 60_001)
    assert truth == pytest.approx(
        float(np.trapezoid(np.abs(stats.norm.cdf(fine) - stats.norm.cdf(fine, shift)), fine)), rel=1e-3
    )
    replicates = gap_replicates(rng.multinomial(10_000, p), rng.multinomial(10_000, p), rng)
    found = [
        wasserstein_distance(rng.multinomial(n, p), rng.multinomial(m, q), points, replicates, alpha)
        for _ in range(runs)
    ]
    for misses in (sum(d.low > truth for d in found), sum(d.high < truth for d in found)):
        assert stats.binomtest(misses, runs, alpha, alternative="greater").pvalue > 0.005
    if (shift, n) == (1.0, 1_000):
        assert np.mean([d.low for d in found]) > 0.8 * truth, "and are not idle"


def test_an_effect_far_below_any_limit_is_seen_in_ten_million_rows_and_is_no_breach() -> None:
    """A shift by 0.01 standard deviations: KS rejects at p < 1e-50, and every distance is far below 0.1."""
    edges, n = stats.norm.ppf(np.linspace(0, 1, 257)), 10_000_000
    rng, shares = np.random.default_rng(37), [np.diff(stats.norm.cdf(edges, shift)) for shift in (0.0, 0.01)]
    before, now = (rng.multinomial(n, share) for share in shares)
    gaps, points = gap_replicates(before, now, rng), (edges[1:] + edges[:-1]).clip(-6, 6) / 2
    coarse = [side.reshape(16, 16).sum(axis=1) for side in (before, now)]
    assert stats.kstwobign.sf(kolmogorov_smirnov(before, now) * np.sqrt(n / 2)) < 1e-50
    found = [distance(measure, *coarse, 0.05, 1) for measure in BY_SHARES.values()]
    found += [ks_distance(before, now, gaps, 0.05), wasserstein_distance(before, now, points, gaps, 0.05)]
    for d in found:
        assert 0 < d.low <= d.value <= d.high < 0.02
        assert d.noise_floor < 0.002
