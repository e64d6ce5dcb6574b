"""Truth: Mann and Whitney's exact distribution, the likelihood ratio of two normals, simulation of "nothing changed"."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from governance.records import Measurement, Outcome
from monitors.domain_classifier import FEWEST, Sample, halves, noise_floor, told_apart
from monitors.judge import Labels, judge

SEED = "0123456789abcdef" * 4


def sample(rows: Any, entities: np.ndarray | None = None) -> Sample:
    frame = pd.DataFrame(rows) if isinstance(rows, dict) else pd.DataFrame(rows).add_prefix("x")
    return Sample(frame, 10 * len(frame), entities)


def apart(reference: Any, current: Any, alpha: float = 0.025, seed: str = SEED) -> Measurement:
    return told_apart(sample(reference), sample(current), alpha, seed=seed)


def correlated(n: int, rho: float, rng: np.random.Generator) -> np.ndarray:
    return rng.multivariate_normal([0, 0], [[1, rho], [rho, 1]], n)


def best_area(rho: float, rng: np.random.Generator) -> float:
    """AUC of the likelihood ratio, which no classifier beats (Neyman and Pearson), by simulation."""
    sides = correlated(20_000, 0.0, rng), correlated(20_000, rho, rng)
    one, two = (stats.multivariate_normal([0, 0], [[1, r], [r, 1]]) for r in (0.0, rho))
    old, new = (two.logpdf(x) - one.logpdf(x) for x in sides)
    return float(stats.mannwhitneyu(new, old).statistic / 20_000**2)


@pytest.mark.parametrize("rho", [0.5, 0.9])
def test_a_changed_correlation_is_found_where_no_column_moved(rho: float) -> None:
    rng = np.random.default_rng(1)
    before, now = correlated(5_000, 0.0, rng), correlated(5_000, rho, rng)
    assert all(stats.ks_2samp(before[:, i], now[:, i]).pvalue > 0.05 for i in range(2))
    found, best = apart(before, now), best_area(rho, rng)
    assert found.value is not None and found.low is not None and found.noise_floor is not None
    assert best - 0.03 < found.value < best + 0.02
    assert found.noise_floor < found.low < best
    assert found.reason == "told apart by x0, x1" or found.reason == "told apart by x1, x0"
    assert found.n == 2_500


def test_a_correlation_that_stays_is_quiet() -> None:
    rng = np.random.default_rng(2)
    found = apart(correlated(2_000, 0.9, rng), correlated(2_000, 0.9, rng))
    assert found.value is not None and found.noise_floor is not None and found.low is not None
    assert found.value < found.noise_floor and found.low <= 0.5 and found.reason is None


def nothing_changed(n: int, rng: np.random.Generator) -> dict[str, Any]:
    """A number, a dependent number with holes, a heap and a category."""
    x = rng.normal(size=n)
    y = np.where(rng.random(n) < 0.3, np.nan, x + rng.normal(size=n))
    return {"x": x, "y": y, "z": rng.poisson(1, n).astype(float), "c": rng.choice(list("abcde"), n)}


@pytest.mark.parametrize("n, m, times", [(50, 50, 60), (60, 400, 30), (300, 300, 30), (2_000, 2_000, 10)])
def test_when_nothing_changed_the_value_is_a_half_and_false_breaches_are_nominal(n: int, m: int, times: int) -> None:
    rng = np.random.default_rng(n + m)
    found = [apart(nothing_changed(n, rng), nothing_changed(m, rng), 0.05, f"{i:016x}") for i in range(times)]
    values = np.array([f.value for f in found], dtype=float)
    assert abs(values.mean() - 0.5) < 3.5 * values.std() / math.sqrt(times)
    above = sum(f.value > f.noise_floor for f in found)  # type: ignore[operator]
    proved = sum(f.low > 0.5 for f in found)  # type: ignore[operator]
    assert stats.binomtest(above, times, 0.05, alternative="greater").pvalue > 0.001
    assert proved <= above
    assert all(f.low <= f.value <= f.high for f in found)  # type: ignore[operator]
    # What is not told from nothing does not exclude nothing, in either direction.
    assert all(f.low <= 0.5 and f.high >= f.noise_floor for f in found if f.value <= f.noise_floor)  # type: ignore[operator]


@pytest.mark.parametrize("n, m", [(25, 25), (25, 60), (40, 200)])
@pytest.mark.parametrize("alpha", [0.05, 0.01, 0.0005])
def test_the_noise_floor_holds_in_the_exact_distribution(n: int, m: int, alpha: float) -> None:
    """Ways to get each U: coefficients of the Gaussian binomial, in whole numbers (Mann and Whitney 1947, section 4)."""
    ways = [1]
    for i in range(1, n + 1):
        top = ways + [0] * (m + i)
        for k in range(len(ways)):
            top[k + m + i] -= ways[k]
        for k in range(i, len(top)):
            top[k] += top[k - i]
        ways = top[: m * i + 1]
    assert sum(ways) == math.comb(n + m, n)
    beyond = sum(w for u, w in enumerate(ways) if u / (n * m) > noise_floor(n, m, alpha)) / math.comb(n + m, n)
    # The normal limit is off by three in ten thousand of alpha where it is nearest.
    assert 0.4 * alpha < beyond <= 1.001 * alpha


def category(n: int, rng: np.random.Generator, *words: str) -> np.ndarray:
    return rng.choice(words, n)


def nulls(n: int, rng: np.random.Generator, share: float) -> np.ndarray:
    return np.where(rng.random(n) < share, np.nan, rng.normal(size=n))


CHANGED = {
    "60 % nulls": (lambda n, r: nulls(n, r, 0.0), lambda n, r: nulls(n, r, 0.6)),
    "a new category": (lambda n, r: category(n, r, "a", "b"), lambda n, r: category(n, r, "a", "b", "new")),
    "a constant that rose": (lambda n, r: np.full(n, 5.0), lambda n, r: np.full(n, 6.0)),
    "all NULL now": (lambda n, r: r.normal(size=n), lambda n, r: np.full(n, np.nan)),
    "all NULL before, a category": (lambda n, r: np.full(n, None), lambda n, r: category(n, r, "a", "b")),
    "an infinity": (lambda n, r: r.normal(size=n), lambda n, r: np.where(r.random(n) < 0.5, np.inf, 1e300)),
}


@pytest.mark.parametrize("before, now", CHANGED.values(), ids=CHANGED)
def test_a_planted_change_is_found_and_named_and_its_clean_twin_is_quiet(before: Any, now: Any) -> None:
    rng = np.random.default_rng(5)
    clean, faulty, twin = ({"x": make(800, rng), "still": rng.normal(size=800)} for make in (before, now, before))
    found, quiet = apart(clean, faulty, 0.001), apart(clean, twin, 0.001)
    assert found.low is not None and found.low > 0.6 and found.reason == "told apart by x"
    assert quiet.low is not None and quiet.low <= 0.5


NAMED: dict[str, tuple[Any, Any, str]] = {
    "one row a side": ({"x": [1.0]}, {"x": [2.0]}, "undefined (1 rows in the reference, a classifier needs 50)"),
    "a batch without rows": (
        {"x": np.arange(90.0)},
        {"x": np.array([], dtype=float)},
        "undefined (0 rows in the batch, a classifier needs 50)",
    ),
    "constant": ({"x": [1.0] * 90}, {"x": [1.0] * 90}, "left out: x (the same in every row)"),
    "all NULL": ({"x": [None] * 90}, {"x": [None] * 90}, "left out: x (the same in every row)"),
    "no column in common": ({"x": np.arange(90.0)}, {"z": np.arange(90.0)}, "x (not in the batch); z (not in the ref"),
}


@pytest.mark.parametrize("before, now, reason", NAMED.values(), ids=NAMED)
def test_what_cannot_be_told_is_a_named_state(before: Any, now: Any, reason: str) -> None:
    found = apart(before, now)
    assert (found.value, found.low, found.high, found.broken) == (None, None, None, False)
    assert found.reason is not None and reason in found.reason


def test_a_column_that_is_not_in_the_batch_is_left_out_and_named() -> None:
    rng = np.random.default_rng(6)
    found = apart({"x": rng.normal(size=200), "gone": rng.normal(size=200)}, {"x": rng.normal(size=200)})
    assert found.value is not None and found.reason == "left out: gone (not in the batch)"


def test_the_same_samples_and_seed_give_the_same_bytes_and_another_seed_another_half() -> None:
    rng = np.random.default_rng(7)
    before, now = nothing_changed(400, rng), nothing_changed(400, rng)
    assert repr(apart(before, now)) == repr(apart(before, now))
    assert apart(before, now).value != apart(before, now, seed="f" * 64).value


def test_only_the_order_of_numbers_counts_so_that_no_outlier_can_hide_a_change() -> None:
    rng = np.random.default_rng(8)
    before, now = rng.normal(size=(500, 2)), rng.normal(0.3, size=(500, 2))
    assert repr(apart(before, now)) == repr(apart(np.exp(50 * before), np.exp(50 * now)))


def test_no_value_of_a_row_is_in_the_record() -> None:
    rng = np.random.default_rng(9)
    words = [f"Quixotrandom{i}" for i in range(4)]
    found = apart({"who": rng.choice(words[:2], 300)}, {"who": rng.choice(words, 300)})
    assert found.reason == "told apart by who" and "Quixotrandom" not in repr(found)


def test_the_sample_is_stated_as_such() -> None:
    found = apart(*(np.random.default_rng(i).normal(size=(200, 1)) for i in (1, 2)))
    assert "a sample of 200 of 2,000 reference rows and 200 of 2,000 batch rows, seed 0123456789abcdef;" in found.method


def test_no_entity_teaches_and_is_measured_and_each_side_is_halved() -> None:
    before, now = np.arange(1_000), np.arange(700, 1_400)
    is_current = np.repeat([False, True], [1_000, 700])
    taught = halves(is_current, before.astype(str), now.astype(str), np.random.default_rng(10))
    whose = np.concatenate([before, now])
    assert not set(whose[taught]) & set(whose[~taught])
    assert taught[~is_current].sum() == pytest.approx(500, abs=1) and taught[is_current].sum() == 350


def test_entities_that_are_on_both_sides_make_no_false_breach() -> None:
    rng, times, above = np.random.default_rng(11), 40, 0
    for i in range(times):
        # Half of the entities are on both sides, and nearly the same on both.
        people = rng.normal(size=(300, 3))
        sides = [people[:200] + rng.normal(0, 0.1, (200, 3)), people[100:] + rng.normal(0, 0.1, (200, 3))]
        who = np.arange(300).astype(str)
        found = told_apart(sample(sides[0], who[:200]), sample(sides[1], who[100:]), 0.05, seed=f"{i:016x}")
        assert found.value is not None and found.noise_floor is not None and "one row of each" in found.method
        above += found.value > found.noise_floor
    assert stats.binomtest(above, times, 0.05, alternative="greater").pvalue > 0.001


VERDICTS = {"changed": (0.9, 2_000, Outcome.BREACH), "not changed": (0.0, 2_000, Outcome.CONFORMING)}
VERDICTS["too few to tell"] = (0.0, FEWEST, Outcome.INCONCLUSIVE)


@pytest.mark.parametrize("rho, n, outcome", VERDICTS.values(), ids=VERDICTS)
def test_it_is_judged_like_any_other_from_a_half_up(rho: float, n: int, outcome: Outcome, criterion: Any) -> None:
    rng = np.random.default_rng(12)
    found = apart(correlated(n, 0.0, rng), correlated(n, rho, rng), 0.05)
    asked = criterion(metric="domain_classifier_auc", limit=0.6)
    verdict = judge(found, asked, Labels(None, False))
    assert verdict.outcome == outcome, verdict.reason
    if outcome == Outcome.INCONCLUSIVE:
        assert "noise alone reaches 0.6" in verdict.reason


@pytest.mark.parametrize(
    "given, said",
    [
        ({"direction": "below"}, "direction must be above"),
        ({"limit": 0.4}, "is 0.5 when nothing changed"),
        ({"window": "month"}, "say `window: batch`"),
    ],
)
def test_a_criterion_that_could_never_be_met_or_measured_is_refused(given: Any, said: str, criterion: Any) -> None:
    with pytest.raises(ValueError, match=said):
        criterion(**({"metric": "domain_classifier_auc", "limit": 0.6} | given))
