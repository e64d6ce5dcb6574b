"""Misses of bounds whose law cannot be enumerated: area under the ROC curve, F1, losses, calibration, distances."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri
from scipy.stats import beta

from benchmarks.study.columns import counted
from monitors import distances, drift, performance
from monitors.grid import FINE_BINS, SCORE_BINS, ColumnGrid, Grid, GroupGrid, ScoreGrid
from monitors.levels import EVERY, Family, Levels
from monitors.noise import Dealt
from monitors.probabilities import TENTHS, of_probability
from monitors.profile import NEGATIVE, POSITIVE, Counts, Profile
from monitors.share_bins import bins_for_shares, deal_column, shares_of
from monitors.uncertainty import auc_with_bounds

RUNS = {"roc_auc": 4_000, "f1": 4_000, "probability": 800, "distance": 800}
SMALLER_CLASS = (5, 10, 20, 50, 200)
AREAS = (0.6, 0.75, 0.9, 0.97)
LARGER = 4
F1_ROWS = (50, 200, 1_000)
# Shares of true positives, false positives, false negatives, true negatives.
CONFUSIONS = ((0.02, 0.03, 0.05, 0.9), (0.1, 0.1, 0.1, 0.7), (0.4, 0.1, 0.1, 0.4))
SCORE_ROWS = (20, 50, 200, 1_000)
# Beta laws of a score that promises too much at the top and too little at the bottom (`_chance`).
SCORES = {"middling scores": (2.0, 3.0), "extreme scores": (0.5, 0.5)}
DISTANCE_ROWS = (200, 1_000, 10_000, 100_000)
SHIFT = 0.3
# Ten categories; a tenth of the rows goes from the first to the last.
CATEGORIES = np.array([0.3, 0.2, 0.15, 0.1, 0.08, 0.06, 0.05, 0.03, 0.02, 0.01])
MOVED = CATEGORIES + np.array([-0.1, 0, 0, 0, 0, 0, 0, 0, 0, 0.1])
Cell = dict[str, Any]
Bounds = tuple[float, float]


def cells(alphas: Sequence[float], factor: float, rng: np.random.Generator) -> Iterator[Cell]:
    """Every case at every alpha; `factor` multiplies the numbers of runs."""
    runs = {name: max(round(number * factor), 2) for name, number in RUNS.items()}
    for n, area in product(SMALLER_CLASS, AREAS):
        yield from _areas(n, area, alphas, runs["roc_auc"], rng)
    for rows, shares in product(F1_ROWS, CONFUSIONS):
        yield from _f1(rows, shares, alphas, runs["f1"], rng)
    for rows, law in product(SCORE_ROWS, SCORES):
        yield from _probability(rows, law, alphas, runs["probability"], rng)
    for rows in DISTANCE_ROWS:
        yield from _numeric(rows, alphas, runs["distance"], rng)
        yield from _categorical(rows, alphas, runs["distance"], rng)


class _Misses:
    """Counts bounds beyond the truth, by metric and alpha."""

    def __init__(self, rows: str, case: str, runs: int) -> None:
        self._told = {"rows": rows, "case": case}
        self._runs = runs
        self._found: dict[tuple[str, float], Cell] = {}

    def add(self, metric: str, alpha: float, truth: float, low: float | None, high: float | None) -> None:
        """One pair of bounds; None, where there is no value, misses nothing."""
        cell = self._found.setdefault(
            (metric, alpha),
            {"metric": metric, **self._told, "alpha": alpha, "runs": self._runs, "low": 0, "high": 0},
        )
        cell["low"] += low is not None and low > truth + 1e-9
        cell["high"] += high is not None and high < truth - 1e-9

    def cells(self) -> list[Cell]:
        return list(self._found.values())


def _areas(n: int, area: float, alphas: Sequence[float], runs: int, rng: np.random.Generator) -> list[Cell]:
    """Normal scores of one variance; the positives are the smaller class."""
    misses = _Misses(f"{n} and {LARGER * n}", f"area {area:g}", runs)
    apart = float(np.sqrt(2) * ndtri(area))
    for _ in range(runs):
        scores = np.concatenate([rng.normal(apart, 1, n), rng.normal(0, 1, LARGER * n)])
        positive = (np.argsort(scores) < n).astype(float)
        for alpha in alphas:
            misses.add("roc_auc", alpha, area, *auc_with_bounds(1 - positive, positive, alpha)[1:])
    return misses.cells()


def _f1(
    rows: int, shares: tuple[float, ...], alphas: Sequence[float], runs: int, rng: np.random.Generator
) -> list[Cell]:
    hit, false_positive, false_negative, _ = shares
    truth = 2 * hit / (2 * hit + false_positive + false_negative)
    misses = _Misses(str(rows), f"F1 {truth:.3g}", runs)
    grid = Grid((), None, (GroupGrid((), ()),), "label", "prediction", None, None)
    for counts in rng.multinomial(rows, shares, runs):
        cube = np.zeros((1, 3, 3, 1), dtype=np.int64)
        cube[0, [POSITIVE, NEGATIVE, POSITIVE, NEGATIVE], [POSITIVE, POSITIVE, NEGATIVE, NEGATIVE], 0] = counts
        profile = Profile(grid, rows, {}, {}, {"": cube})
        for alpha in alphas:
            found = performance.f1(profile, alpha)
            misses.add("f1", alpha, truth, found.low, found.high)
    return misses.cells()


def _chance(score: np.ndarray) -> np.ndarray:
    """How likely the outcome is at a score."""
    return np.asarray(0.15 + 0.5 * score)


def _probability(rows: int, law: str, alphas: Sequence[float], runs: int, rng: np.random.Generator) -> list[Cell]:
    """Scores stand at the centres of their bins, as the product has them: the truths are those of that law."""
    grid = ScoreGrid(low=0.0, high=1.0, bins=SCORE_BINS)
    edges = np.arange(SCORE_BINS + 1) / SCORE_BINS
    weights, centres = np.diff(beta.cdf(edges, *SCORES[law])), (edges[1:] + edges[:-1]) / 2
    chances = _chance(centres)
    cells_of = np.concatenate([weights * (1 - chances), weights * chances])
    truths = _true_losses(weights, centres, chances)
    misses = _Misses(str(rows), law, runs)
    for counts in rng.multinomial(rows, cells_of / cells_of.sum(), runs):
        cube = np.zeros((3, 3, grid.size), dtype=np.int64)
        cube[NEGATIVE, NEGATIVE, 1 : SCORE_BINS + 1], cube[POSITIVE, NEGATIVE, 1 : SCORE_BINS + 1] = np.split(counts, 2)
        for alpha in alphas:
            levels = Levels({(metric, EVERY): Family(alpha, (EVERY,)) for metric in truths})
            for found in of_probability(cube, grid, levels):
                misses.add(found.metric, alpha, truths[found.metric], found.low, found.high)
    return misses.cells()


def _true_losses(weights: np.ndarray, centres: np.ndarray, chances: np.ndarray) -> dict[str, float]:
    gaps = np.bincount(np.minimum((centres * TENTHS).astype(int), TENTHS - 1), weights * (chances - centres))
    return {
        "brier_score": float(weights @ (chances * (1 - centres) ** 2 + (1 - chances) * centres**2)),
        "log_loss": float(-weights @ (chances * np.log(centres) + (1 - chances) * np.log1p(-centres))),
        "expected_calibration_error": float(np.abs(gaps).sum()),
        "calibration_in_the_large": float(weights @ (centres - chances)),
    }


def _numeric(rows: int, alphas: Sequence[float], runs: int, rng: np.random.Generator) -> list[Cell]:
    """A normal column, shifted; the truth is the distance of the two laws over the bins that the reference made."""
    misses = _Misses(str(rows), f"normal, shifted by {SHIFT:g}", runs)
    for _ in range(runs):
        grid, before, now = counted(rows, SHIFT, rng)
        ends = np.concatenate([[-np.inf], grid.edges, [np.inf]])
        laws = [np.diff(ndtr(ends - by)) for by in (0.0, SHIFT)]
        bins = bins_for_shares(grid, before)
        dealt = deal_column(grid, before, now, bins, rng)
        joined = [np.bincount(bins[:-4], law) for law in laws]
        assert shares_of(before, bins).size == joined[0].size + 4
        _by_shares(misses, dealt, (joined[0], joined[1]), alphas, variation=False)
        _along_the_line(misses, grid, (before[:-4], now[:-4]), (laws[0], laws[1]), alphas, rng)
    return misses.cells()


def _categorical(rows: int, alphas: Sequence[float], runs: int, rng: np.random.Generator) -> list[Cell]:
    misses = _Misses(str(rows), "ten categories, a tenth moved", runs)
    grid = ColumnGrid("c", categories=tuple("abcdefghij"))
    for _ in range(runs):
        before, now = (np.append(rng.multinomial(rows, law), [0, 0]) for law in (CATEGORIES, MOVED))
        dealt = deal_column(grid, before, now, bins_for_shares(grid, before), rng)
        _by_shares(misses, dealt, (CATEGORIES, MOVED), alphas, variation=True)
    return misses.cells()


def _by_shares(
    misses: _Misses, dealt: Dealt, laws: tuple[np.ndarray, np.ndarray], alphas: Sequence[float], *, variation: bool
) -> None:
    truth = float(distances.psi(*laws, pseudocount=1e-15))
    for alpha in alphas:
        found = drift.quadratic_distance(distances.psi, dealt, alpha)
        misses.add("psi", alpha, truth, found.low, found.high)
        for name, measure in (("jensen_shannon", distances.jensen_shannon), ("chi_square", distances.chi_square)):
            if variation or name == "jensen_shannon":
                found = drift.quadratic_distance(measure, dealt, alpha, root=True)
                misses.add(name, alpha, float(measure(*laws)), found.low, found.high)
        if variation:
            found = drift.variation_distance(dealt, alpha)
            misses.add("total_variation", alpha, float(distances.total_variation(*laws)), found.low, found.high)


def _along_the_line(
    misses: _Misses,
    grid: ColumnGrid,
    counts: tuple[Counts, Counts],
    laws: tuple[np.ndarray, np.ndarray],
    alphas: Sequence[float],
    rng: np.random.Generator,
) -> None:
    """Where no reference is drawn to take points from, bins stand at the middle quantiles of the law."""
    replicates = drift.gap_replicates(*counts, rng)
    points = ndtri((np.arange(FINE_BINS) + 0.5) / FINE_BINS)
    if grid.ruler:
        points = np.asarray(grid.ruler.points) / grid.ruler.deviation
    for alpha in alphas:
        found = drift.ks_distance(*counts, replicates, alpha)
        misses.add("ks", alpha, float(distances.kolmogorov_smirnov(*laws)), found.low, found.high)
        found = drift.wasserstein_distance(*counts, points, replicates, alpha)
        misses.add("wasserstein", alpha, float(distances.wasserstein(*laws, points)), found.low, found.high)
