"""Laws that made batches are drawn from: a reference's shares, left alone or moved by a known amount.

A law is a reference's counts read as shares. Moving one keeps everything but what is moved: a column is tilted
exponentially along a score of its bins, a rate is moved within the rows that it is a rate of, and skill is lost by
giving some cases the outcome of others. Nothing here knows a limit.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import brentq

from monitors.grid import ColumnGrid, Grid, GroupGrid
from monitors.performance import hits_in
from monitors.profile import UNKNOWN, Counts, Profile

ALL_ROWS = GroupGrid((), ())
# Further than this no column can be tilted without every row falling into one bin.
_STEEPEST = 200.0


@dataclass(frozen=True)
class ColumnLaw:
    """Shares of the bins of one column.

    Attributes
    ----------
    shares : float array of shape (grid.size,), summing to 1
    scores : float array of the same shape
        Mean 0 and standard deviation 1 over the shares of bins that have a score; NaN for the others.
    """

    grid: ColumnGrid
    shares: np.ndarray
    scores: np.ndarray

    @classmethod
    def of(cls, grid: ColumnGrid, counts: Counts) -> ColumnLaw:
        """The law of a reference's counts, of which there must be some.

        Numbers are scored by the middle of their bin. Categories have no order: the most frequent one is scored
        against all others.
        """
        shares = counts / counts.sum()
        return cls(grid, shares, _scores(grid, shares))

    @property
    def can_move(self) -> bool:
        """Whether there is anything to move: two bins with a score."""
        return bool(np.nansum(self.scores**2 * self.shares) > 0)

    def moved(self, by: float) -> ColumnLaw:
        """Tilted so that the mean score is `by`: a shift by so many standard deviations, or as far as it goes."""
        if by == 0 or not self.can_move:
            return self
        return self.tilted(_root(lambda t: self._mean(self.tilted(t).shares) - by, by))

    def tilted(self, slope: float) -> ColumnLaw:
        """Shares times exp(slope × score), where there is a score."""
        scored = ~np.isnan(self.scores) & (self.shares > 0)
        exponent = slope * self.scores[scored]
        tilted = self.shares[scored] * np.exp(exponent - exponent.max())
        shares = self.shares.copy()
        shares[scored] = tilted / tilted.sum() * shares[scored].sum()
        return replace(self, shares=shares)

    def draw(self, rows: int, rng: np.random.Generator) -> Counts:
        """Counts of that many independent rows."""
        drawn: Counts = rng.multinomial(rows, self.shares)
        return drawn

    def _mean(self, shares: np.ndarray) -> float:
        scored = ~np.isnan(self.scores)
        return float((shares[scored] * self.scores[scored]).sum() / shares[scored].sum())


def _scores(grid: ColumnGrid, shares: np.ndarray) -> np.ndarray:
    scores = np.full(shares.shape, np.nan)
    if grid.is_numeric:
        scores[:-4] = _middles(np.array(grid.edges))
    else:
        top = int(shares.argmax())
        scores[:] = 0.0
        # Towards the side on which there is room.
        scores[top] = 1.0 if shares[top] <= 0.5 else -1.0
    scored = ~np.isnan(scores)
    weights = shares[scored]
    if not weights.sum():
        return scores
    centred = scores - np.average(scores[scored], weights=weights)
    spread = math.sqrt(float(np.average(centred[scored] ** 2, weights=weights)))
    return centred / spread if spread > 0 else np.where(scored, 0.0, np.nan)


def _middles(edges: np.ndarray) -> np.ndarray:
    """Middles of the bins; the open ones reach as far out as their neighbours are wide."""
    widths = np.diff(edges) if edges.size > 1 else np.array([1.0])
    ends = np.concatenate([[edges[0] - widths[0]], edges, [edges[-1] + widths[-1]]])
    middles: np.ndarray = (ends[:-1] + ends[1:]) / 2
    return middles


@dataclass(frozen=True)
class CubeLaw:
    """Shares of the outcome cube of one grouping.

    Attributes
    ----------
    shares : float array of shape (groups, 3 labels, 3 predictions, score bins), summing to 1
    """

    grid: Grid
    grouping: GroupGrid
    shares: np.ndarray

    @classmethod
    def of(cls, reference: Profile, grouping: str = "") -> CubeLaw:
        """The law of a reference's outcomes, which must hold a row."""
        cube = reference.cubes[grouping]
        return cls(reference.grid, reference.grouping(grouping), cube / cube.sum())

    def rate(self, metric: str, group: str | None = None) -> float | None:
        """The rate that holds in this law, of a group or of all rows; None where it is undefined."""
        hits, n = hits_in(self._rows(group).sum(axis=(0, -1)), metric)
        return float(hits / n) if n > 0 else None

    def alike(self, metric: str) -> CubeLaw:
        """With this rate the same in every group: that of all rows."""
        common = self.rate(metric)
        return self if common is None else self.with_rate(metric, common)

    def with_rate(self, metric: str, rate: float, groups: tuple[str, ...] | None = None) -> CubeLaw:
        """With this rate in the groups named, or in every one: hits and misses are scaled, all else stays.

        A group without hits, or without misses, cannot be scaled to have some and is left alone.
        """
        hit, counted = _cells(metric)
        shares = self.shares.copy()
        for index, group in enumerate(self.grouping.groups):
            if groups is not None and group not in groups:
                continue
            rows = shares[index]
            hits, misses = rows[hit].sum(), rows[counted & ~hit].sum()
            if hits > 0 and misses > 0:
                rows[hit] *= rate * (hits + misses) / hits
                rows[counted & ~hit] *= (1 - rate) * (hits + misses) / misses
        return replace(self, shares=shares)

    def unskilled(self, share: float) -> CubeLaw:
        """With this share of the labelled cases given the outcome of somebody else, drawn from all of their group."""
        known = self.shares[:, :UNKNOWN]
        outcomes = known.sum(axis=(2, 3), keepdims=True)
        total = outcomes.sum(axis=1, keepdims=True)
        base = np.divide(outcomes, total, out=np.zeros_like(outcomes), where=total > 0)
        shares = self.shares.copy()
        shares[:, :UNKNOWN] = (1 - share) * known + share * known.sum(axis=1, keepdims=True) * base
        return replace(self, shares=shares)

    def draw(self, rows: int, rng: np.random.Generator) -> Counts:
        """Counts of that many independent rows, in the cube's shape."""
        (used,) = np.nonzero(self.shares.ravel())
        drawn = np.zeros(self.shares.size, dtype=np.int64)
        shares = self.shares.ravel()[used]
        drawn[used] = rng.multinomial(rows, shares / shares.sum())
        return drawn.reshape(self.shares.shape)

    def _rows(self, group: str | None) -> np.ndarray:
        if group is None:
            return self.shares
        index = self.grouping.groups.index(group)
        return self.shares[index : index + 1]


def _cells(metric: str) -> tuple[np.ndarray, np.ndarray]:
    """Which cells of (label, prediction) are hits of a rate, and which it is a rate of: bool arrays of shape (3, 3)."""
    single = np.eye(9, dtype=int).reshape(9, 3, 3)
    hits, n = hits_in(single, metric)
    return hits.reshape(3, 3) > 0, n.reshape(3, 3) > 0


def _root(rising: Callable[[float], float], towards: float) -> float:
    """Where an increasing function of the slope is zero; the steepest slope where it never is."""
    end = math.copysign(_STEEPEST, towards)
    if rising(end) * towards <= 0:
        return end
    return float(brentq(rising, min(0.0, end), max(0.0, end), xtol=1e-9))


def column_profile(law: ColumnLaw, counts: Counts) -> Profile:
    """A profile of one column and nothing else."""
    grid = Grid((law.grid,), None, (ALL_ROWS,), None, None, None, None)
    moments = {law.grid.name: (0, 0.0, 0.0)} if law.grid.is_numeric else {}
    nothing = np.zeros((1, 3, 3, 1), dtype=np.int64)
    return Profile(grid, int(counts.sum()), {law.grid.name: counts}, moments, {"": nothing})


def cube_profile(law: CubeLaw, cube: Counts) -> Profile:
    """A profile of the outcomes of one grouping and nothing else."""
    groupings = (ALL_ROWS, law.grouping) if law.grouping.by else (ALL_ROWS,)
    grid = replace(law.grid, columns=(), groupings=groupings, entity=None, entity_key=None)
    whole = cube.sum(axis=0, keepdims=True)
    return Profile(grid, int(cube.sum()), {}, {}, {law.grouping.name: cube, "": whole})
