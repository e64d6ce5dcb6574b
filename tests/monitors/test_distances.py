"""Distances against SciPy and Evidently's own functions on the raw rows, and what is said of how far they can differ."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from assets.kept.home import home
from assets.source.acquisition import PackageMember, acquire
from governance.declared.declarations import load, systems_folder
from monitors.column_drift import measurements
from monitors.distances import chi_square, chi_square_test, jensen_shannon, psi, total_variation, wasserstein
from monitors.freezing import edges_of, freeze, ruler_of
from monitors.grid import Ruler
from monitors.levels import Levels
from monitors.profiling import profile

tables = st.lists(st.tuples(st.integers(0, 3_000), st.integers(0, 3_000)), min_size=2, max_size=20)
LAWS: dict[str, Any] = {
    "normal": lambda rng, n, shift: rng.normal(shift, 1, n),
    "skewed": lambda rng, n, shift: rng.lognormal(shift, 1, n),
    "heaped at zero": lambda rng, n, shift: rng.normal(shift, 1, n).clip(min=0),
    "counts": lambda rng, n, shift: rng.poisson(3 + 3 * shift, n).astype(float),
    "prices": lambda rng, n, shift: rng.choice(
        [0.99, 1.1, 9.99, 20.0, 74.5], n, p=[0.3 - shift / 4, 0.2, 0.2, 0.2, 0.1 + shift / 4]
    ),
    "very large": lambda rng, n, shift: rng.normal(shift, 1, n) * 1e200,
}


@given(table=tables)
def test_the_chi_square_test_is_scipys_on_the_counts(table: Any) -> None:
    one, two = np.array(table).T
    assume(one.sum() and two.sum() and ((one + two) > 0).sum() > 1)
    used = (one + two) > 0
    expected = stats.chi2_contingency([one[used], two[used]], correction=False)
    statistic, freedom, p = chi_square_test(one, two)
    assert (statistic, p) == (pytest.approx(expected.statistic, abs=1e-9), pytest.approx(expected.pvalue, abs=1e-12))
    assert freedom == expected.dof


@given(shares=st.lists(st.integers(1, 300), min_size=2, max_size=12), seed=st.integers(0, 2**32 - 1))
def test_the_size_of_chi_square_is_scipys_cramers_v_where_both_sides_have_equal_rows(shares: Any, seed: int) -> None:
    one = np.array(shares)
    two = np.random.default_rng(seed).multinomial(one.sum(), np.full(one.size, 1 / one.size))
    expected = stats.contingency.association(np.array([one, two]), method="cramer")
    assert chi_square(one, two) == pytest.approx(expected, abs=1e-7)
    assert chi_square(one * 7, two) == pytest.approx(expected, abs=1e-7), "and does not change with one side's rows"


def test_a_test_of_one_bin_says_nothing() -> None:
    assert chi_square_test(np.array([5, 0]), np.array([7, 0])) == (0.0, 0, 1.0)


@given(table=tables, points=st.lists(st.integers(-500, 500), min_size=20, max_size=20, unique=True))
def test_wasserstein_of_rows_that_stand_at_their_points_is_scipys(table: Any, points: Any) -> None:
    one, two = np.array(table).T
    assume(one.sum() and two.sum())
    at = np.sort(np.array(points[: one.size], dtype=float))
    expected = stats.wasserstein_distance(at, at, one, two)
    assert wasserstein(one, two, at) == pytest.approx(expected, abs=1e-8)


def wasserstein_of(table_of: Any, shape: Any, one: np.ndarray, two: np.ndarray) -> tuple[Any, Ruler]:
    grid = freeze(table_of({"x": one}), shape(numeric=("x",)))
    before, now = (profile(table_of({"x": x}), grid) for x in (one, two))
    found = {m.metric: m for m in measurements("x", now, before, Levels({}), np.random.default_rng(0))}
    assert grid["x"].ruler is not None
    return found["wasserstein"], grid["x"].ruler


@pytest.mark.parametrize("rows", [(300, 200), (20_000, 5_000)], ids=str)
@pytest.mark.parametrize("shift", [0.0, 0.3, 1.0], ids=lambda x: f"shift {x}")
@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_wasserstein_is_scipys_and_evidentlys_on_clamped_rows_within_what_it_says(
    law: Any, shift: float, rows: tuple[int, int], table_of: Any, shape: Any
) -> None:
    from evidently.legacy.calculations.stattests import wasserstein_stat_test
    from evidently.legacy.core import ColumnType

    rng = np.random.default_rng(70)
    one, two = law(rng, rows[0], 0.0), law(rng, rows[1], shift)
    found, ruler = wasserstein_of(table_of, shape, one, two)
    clamped = [x.clip(ruler.low, ruler.high) for x in (one, two)]
    assert ruler.deviation == pytest.approx(
        np.std(clamped[0] / 1e200) * 1e200 if law is LAWS["very large"] else np.std(clamped[0])
    )
    expected = stats.wasserstein_distance(*(x / ruler.deviation for x in clamped))
    said = float(found.method.split(" at worst")[0].split(" ")[-1])
    assert abs(found.value - expected) <= said * 1.01 + 1e-9
    if law is not LAWS["very large"]:
        theirs = wasserstein_stat_test.func(*map(pd.Series, clamped), ColumnType.Numerical, 0.1)[0]
        assert theirs == pytest.approx(expected)
    if law is LAWS["prices"]:
        assert "exact on the reference's values" in found.method
        assert found.value == pytest.approx(expected, abs=1e-9)
    if rows[0] == 20_000:
        assert abs(found.value - expected) < 0.02, "it is nearer than at worst"


def test_the_bound_is_reached_no_further_by_rows_that_stand_at_the_ends_of_their_bins(
    table_of: Any, shape: Any
) -> None:
    """The worst batch there is: every row as far from its point as its bin allows."""
    one = np.random.default_rng(71).normal(size=20_000)
    edges = np.array(edges_of(np.sort(one)))
    for two in (np.repeat(edges, 10), np.repeat(np.nextafter(edges, np.inf), 10)):
        found, ruler = wasserstein_of(table_of, shape, one, two)
        expected = stats.wasserstein_distance(*(x.clip(ruler.low, ruler.high) for x in (one, two))) / ruler.deviation
        said = float(found.method.split(" at worst")[0].split(" ")[-1])
        assert abs(found.value - expected) <= said * 1.01 < 0.05


@pytest.mark.parametrize("size", [20, 500, 50_000])
def test_a_ruler_reaches_no_further_than_ten_rows_and_a_thousandth_from_the_ends(size: int) -> None:
    ordered = np.sort(np.random.default_rng(72).normal(size=size))
    ruler = ruler_of(ordered, edges_of(ordered))
    assert ruler is not None
    beyond = max(10, size // 1000)
    assert (ordered <= ruler.low).sum() == (ordered >= ruler.high).sum() == beyond
    assert all(ruler.low <= point <= ruler.high for point in ruler.points)
    assert list(ruler.points) == sorted(ruler.points)


def test_a_reference_that_does_not_vary_or_is_too_small_has_no_ruler() -> None:
    for values in (
        np.full(500, 3.0),
        np.arange(19.0),
        np.empty(0),
        np.r_[np.full(5_000, 0.0), 1.0],
        np.r_[np.full(50, -1.7e308), np.full(50, 1.7e308)],
    ):
        assert ruler_of(np.sort(values), edges_of(np.sort(values))) is None


def test_shares_of_categories_are_evidentlys_on_the_rows() -> None:
    """Psi with the pseudocount, which theirs has only where a bin is empty: within its first-order effect."""
    from evidently.legacy.calculations.stattests import jensenshannon_stat_test, psi_stat_test, tvd_stattest
    from evidently.legacy.core import ColumnType

    rng = np.random.default_rng(73)
    names = np.array(list("abcdef"))
    one, two = rng.choice(names, 4_000, p=[0.3, 0.2, 0.2, 0.1, 0.1, 0.1]), rng.choice(names, 3_000)
    counts = [np.array([(x == name).sum() for name in names]) for x in (one, two)]
    rows = [pd.Series(x) for x in (one, two)]
    theirs = psi_stat_test.func(*rows, ColumnType.Categorical, 0.1)[0]
    assert psi(*counts, pseudocount=1e-9) == pytest.approx(theirs, abs=1e-9)
    assert psi(*counts) == pytest.approx(theirs, rel=0.01)
    assert total_variation(*counts) == pytest.approx(tvd_stattest._total_variation_distance(*rows), abs=1e-12)
    in_nats = jensenshannon_stat_test.func(*rows, ColumnType.Categorical, 0.1)[0]
    assert jensen_shannon(*counts) == pytest.approx(in_nats / np.sqrt(np.log(2)), abs=1e-9)


CAR_LOANS = {
    "reference": "e6d2e70d8bac3e892764cb96570efb1adebf8f95497e07e96746eb1d94925995",
    "analysis": "1ecfee47fbce587b423d1eb365cbb7b36265388596dca5b3e1fed0748159529b",
}


def car_loans(part: str) -> np.ndarray:
    wheel = load(systems_folder() / "ma_employment").system.sources.production
    member = f"nannyml/datasets/data/synthetic_car_loan_{part}.csv"
    source = PackageMember(wheel.package, wheel.version, wheel.sha256, member, CAR_LOANS[part])
    return pd.read_csv(acquire(source, home().cache))["debt_to_income_ratio"].to_numpy()


PUBLISHED = (0.01576, 0.01272, 0.01746, 0.01282, 0.01922, 0.00824, 0.01068, 0.01002, 0.0107, 0.0070)


def test_ks_of_the_car_loans_is_the_published_one_within_the_largest_bin(table_of: Any, shape: Any) -> None:
    """NannyML's univariate table of `debt_to_income_ratio`, ten chunks of 5,000 rows against the reference."""
    reference, analysis = (car_loans(part) for part in ("reference", "analysis"))
    grid = freeze(table_of({"x": reference}), shape(numeric=("x",)))
    before = profile(table_of({"x": reference}), grid)
    for chunk, published in enumerate(PUBLISHED):
        rows = analysis[chunk * 5_000 : (chunk + 1) * 5_000]
        assert stats.ks_2samp(reference, rows).statistic == pytest.approx(published, abs=6e-6)
        now = profile(table_of({"x": rows}), grid)
        found = {m.metric: m for m in measurements("x", now, before, Levels({}), np.random.default_rng(0))}
        largest = before.columns["x"][:-4].max() / reference.size
        assert published - largest - 1e-5 <= found["ks"].value <= published + 1e-5
        assert found["ks"].low == 0.0 and found["wasserstein"].low == 0.0, "and nothing changed in it"
