"""How sure each contrast of a family has to be so that the family as a whole keeps its error rate (max-T).

Contrasts of one grouping rest on the same groups: their errors go together, and an even share of alpha (Bonferroni)
asks more of each than is needed. What is needed is the value c that the largest of the studentised contrasts exceeds
in a share alpha of batches. It is worked out, not drawn: a bootstrap of the counts finds the same (it is tested to),
but with the alpha that a budget over many looks leaves it would need more than 10/alpha replicates.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import log_ndtr, ndtr, ndtri, owens_t

Array = np.ndarray[Any, np.dtype[np.float64]]
Pair = tuple[int, int]

# The shared error of the baseline, in standard deviations. Steps this fine integrate a normal density, and what varies
# with a standard deviation of at least `sqrt(1 - HIGHEST**2)`, to more digits than are used.
STEP = 0.1
NODES = np.arange(-90, 91) * STEP
WEIGHTS = STEP * np.exp(-NODES * NODES / 2) / math.sqrt(2 * math.pi)
HIGHEST = 0.99
TOLERANCE = 1e-9


@dataclass(frozen=True)
class Block:
    """Contrasts that rest on one set of independent group rates.

    Attributes
    ----------
    pairs : pairs of indices, group and other
    variances : float array, one of each group's rate; > 0
    mixed : bool
        Each contrast can be wrong to either side, as when the size of a difference is judged: signs then differ, and
        errors that go together for contrasts of one sign go apart for those of two.
    every : int
        Not 0: the contrasts are chosen with hindsight from all pairs of so many groups.
    """

    pairs: tuple[Pair, ...]
    variances: Array
    mixed: bool = False
    every: int = 0

    @property
    def size(self) -> int:
        """Number of questions."""
        return self.every * (self.every - 1) if self.every else len(self.pairs)

    def miss(self, c: float) -> float:
        """Chance, at most, that the largest contrast exceeds `c` where every truth stands at its limit."""
        if self.every:
            return all_pairs(c, self.every)
        # Not as 1 less a product: that would lose the digits of a small chance.
        return -math.expm1(sum(math.log1p(-self._miss_of(part, c)) for part in _components(self.pairs)))

    def _miss_of(self, pairs: Sequence[Pair], c: float) -> float:
        evenly = len(pairs) * float(ndtr(-c))
        if len(pairs) == 1:
            return evenly
        centre, star = _centre(pairs)
        if star:
            others = self.variances[[j if i == centre else i for i, j in pairs]]
            loadings = np.sqrt(self.variances[centre] / (self.variances[centre] + others))
            signs = np.array([1.0 if j == centre else -1.0 for i, j in pairs])
            mixed = self.mixed or bool((signs != signs[0]).any())
            return min(evenly, common_baseline(c, loadings, mixed=mixed), 1 - TOLERANCE)
        if self.mixed:
            return min(evenly, 1 - TOLERANCE)
        return min(evenly, spanning_tree(c, pairs, self.variances), 1 - TOLERANCE)


def critical_value(alpha: float, blocks: Sequence[Block]) -> float:
    """The value that the largest studentised contrast of all `blocks` exceeds with a chance of at most `alpha`.

    Blocks are independent of each other. Never above the value of an even share.
    """
    size = sum(block.size for block in blocks)
    evenly = float(-ndtri(alpha / max(size, 1)))
    if size <= 1:
        return evenly

    def miss(c: float) -> float:
        return -math.expm1(sum(math.log1p(-min(block.miss(c), 1 - TOLERANCE)) for block in blocks))

    return min(evenly, _root(miss, alpha, float(-ndtri(alpha)), evenly))


def share_of(alpha: float, blocks: Sequence[Block]) -> float:
    """The error rate of each one-sided bound, at which all bounds together keep `alpha`."""
    return float(ndtr(-critical_value(alpha, blocks)))


def common_baseline(c: float, loadings: Array, *, mixed: bool = False) -> float:
    """Chance that some contrast with one baseline exceeds `c`, by one integral over the baseline's own error.

    Parameters
    ----------
    loadings : float array of shape (contrasts,)
        Correlation of each contrast with the baseline's error: `sqrt(v0 / (v0 + vj))`. Above `HIGHEST` taken as that:
        smaller correlations only raise the chance (Slepian 1962).
    mixed : bool
        The worst over all ways of turning contrasts round. Were `u_j(z)` the chance that contrast j stays below c at
        baseline error z, turning it makes that `u_j(-z)`; the mean over z and -z of the product is at least its
        geometric mean, the product of `sqrt(u_j(z) u_j(-z))`, whichever are turned. Half of them: equality.

    References
    ----------
    C. W. Dunnett (1955), J. Am. Stat. Assoc. 50, 1096-1121, doi:10.1080/01621459.1955.10501294; J. C. Hsu (1996),
    Multiple Comparisons, Chapman & Hall, section 3.1.
    """
    loading = np.minimum(loadings, HIGHEST)[:, None]
    below = log_ndtr((c - loading * NODES) / np.sqrt(1 - loading**2))
    if mixed:
        below = (below + below[:, ::-1]) / 2
    return float(-(WEIGHTS * np.expm1(below.sum(axis=0))).sum())


def all_pairs(c: float, groups: int) -> float:
    """Chance that some pair of `groups` rates differs by more than `c` standard errors; an upper bound if they vary.

    The range of normal deviates, as Tukey and Kramer take it for unequal variances.

    References
    ----------
    A. J. Hayter (1984), Ann. Statist. 12, 61-75, doi:10.1214/aos/1176346392.
    """
    if groups < 2:
        return 0.0
    below, out = log_ndtr(NODES), ndtr(NODES - c * math.sqrt(2))
    ratio = np.minimum(out / np.exp(below), 1 - 1e-16)
    beyond = -np.expm1((groups - 1) * np.log1p(-ratio))
    return float(groups * (WEIGHTS * np.exp((groups - 1) * below) * beyond).sum())


def spanning_tree(c: float, pairs: Sequence[Pair], variances: Array) -> float:
    """Upper bound of the chance that some contrast exceeds `c`: the sum, less what a tree of them has in common.

    References
    ----------
    D. Hunter (1976), J. Appl. Probab. 13, 597-603, doi:10.2307/3212481; K. J. Worsley (1982), Biometrika 69, 297-302,
    doi:10.1093/biomet/69.2.297.
    """
    rows = np.zeros((len(pairs), variances.size))
    for row, (i, j) in zip(rows, pairs, strict=True):
        row[i], row[j] = 1.0, -1.0
    covariance = (rows * variances) @ rows.T
    spread = np.sqrt(np.diag(covariance))
    correlation = np.clip(covariance / np.outer(spread, spread), 0.0, 1.0)
    # Prim's algorithm: what two have in common grows with their correlation.
    reach, shared = correlation[0].copy(), 0.0
    reach[0] = -1.0
    for _ in range(len(pairs) - 1):
        nearest = int(reach.argmax())
        shared += both_beyond(c, float(reach[nearest]))
        reach = np.where(reach < 0, reach, np.maximum(reach, correlation[nearest]))
        reach[nearest] = -1.0
    return len(pairs) * float(ndtr(-c)) - shared


def both_beyond(c: float, correlation: float) -> float:
    """Chance that two normal deviates both exceed `c` (D. B. Owen 1956, doi:10.1214/aoms/1177728074)."""
    slope = math.sqrt((1 - correlation) / (1 + correlation))
    return max(float(ndtr(-c) - 2 * owens_t(c, slope)), 0.0)


def _components(pairs: Sequence[Pair]) -> list[list[Pair]]:
    """Contrasts that share groups, directly or through others: those of different parts are independent."""
    parts: list[tuple[set[int], list[Pair]]] = []
    for pair in dict.fromkeys(pairs):
        touching = [part for part in parts if part[0] & set(pair)]
        groups, members = set(pair), [pair]
        for part in touching:
            groups |= part[0]
            members = part[1] + members
            parts.remove(part)
        parts.append((groups, members))
    return [members for _, members in parts]


def _centre(pairs: Sequence[Pair]) -> tuple[int, bool]:
    """The group that stands in every contrast, and whether there is one and every other group is there once."""
    common = set(pairs[0]).intersection(*map(set, pairs[1:]))
    if len(common) != 1:
        return -1, False
    centre = common.pop()
    others = [j if i == centre else i for i, j in pairs]
    return centre, len(set(others)) == len(others)


def _root(miss: Callable[[float], float], alpha: float, low: float, high: float) -> float:
    """Where `miss`, which falls, comes down to `alpha`; the upper end of what is left (regula falsi, Illinois)."""
    above, below = math.log(miss(low) / alpha), math.log(max(miss(high), 1e-300) / alpha)
    if below > 0:
        return high
    if above <= 0:
        return low
    side = 0
    while high - low > 1e-6:
        middle = (low * below - high * above) / (below - above)
        # A step short of the root on either side in turn closes the bracket from both.
        middle = min(max(middle, low + 4e-7), high - 4e-7)
        found = math.log(max(miss(middle), 1e-300) / alpha)
        if found > 0:
            low, above, below = middle, found, below / 2 if side == 1 else below
            side = 1
        else:
            high, below, above = middle, found, above / 2 if side == -1 else above
            side = -1
    return high
