"""What distances show when nothing changed: replicates of two samples of one truth.

The rows of both are dealt out anew, given the pooled counts. Bins that the reference chose need care: a category is
kept because the reference held enough of it, so it held more of it than the truth says, and a later batch holds
less. Replicates go through the same choice, and for lower bounds what it added is taken off again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import bdtr, gammaln, ndtri

from monitors.profile import Counts

REPLICATES = 2000
# A quantile is read off the replicates down to this alpha (ten of them lie beyond it); further out tails are analytic.
FURTHEST = 10 / REPLICATES
# NumPy's limit on the rows of a hypergeometric draw.
MOST_DEALT = 10**9
# Rows of the smaller sample from which sums over its bins are taken to be normal.
LARGE = 1000
# Rows expected in a bin from which the χ² approximation is taken to hold (W. G. Cochran 1954, Biometrics 10).
EXPECTED = 5
# Rows of a reference under which it shows that bins of equal share are equal by construction.
FEW = 200
# Bins chosen by chance from which their excess over the truth is taken to be known.
MANY = 20
# The chance of having been dropped, given the rows of both samples, from which a category counts as chosen by chance.
BY_CHANCE = 1e-6


@dataclass(frozen=True)
class Choice:
    """How bins came to be: by a rule over the very reference that is compared.

    Attributes
    ----------
    least : int array of shape (bins,)
        Rows of the reference without which a bin would not be there; 0 for bins that are there in any case.
    other : int or None
        The bin that holds all that was not kept; None where there is none.
    """

    least: np.ndarray
    other: int | None

    def fragile(self, pooled: Counts, part: float) -> np.ndarray:
        """Which bins could have been dropped: bool array of shape (bins,); `part` of the rows are the reference's."""
        dropped = np.where(self.least > 0, bdtr(np.maximum(self.least - 1, 0), np.maximum(pooled, 1), part), 0.0)
        found: np.ndarray = (self.least > 0) & (dropped > BY_CHANCE)
        return found


@dataclass(frozen=True)
class Dealt:
    """Two samples, and replicates of them in which nothing changed: the rows of both, dealt out anew.

    Attributes
    ----------
    reference, current : int64 arrays of shape (bins,)
    replicates : pair of arrays of shape (REPLICATES, bins)
    as_chosen : pair of arrays of shape (REPLICATES, bins)
        Replicates in which the reference would have chosen the same bins: what a value over these bins is held against.
    by_chance : bool array of shape (bins,)
        Bins that are there by a choice of the reference that could have gone the other way.
    choice : Choice or None
    """

    reference: Counts
    current: Counts
    replicates: tuple[np.ndarray, np.ndarray]
    as_chosen: tuple[np.ndarray, np.ndarray]
    by_chance: np.ndarray
    choice: Choice | None = None

    def joined(self) -> Joined:
        """Joins into one all bins that were chosen by chance, or in which either sample expects under `EXPECTED` rows.

        Joining bins can only shrink these distances (data processing inequality), so a lower bound on the joined
        bins is one on all of them, and there the χ² approximation holds. Together, too, the bins that were chosen
        hold more of the reference than of the truth; the excess is taken off (`excess`). Fewer than `MANY` are joined
        with all that was not chosen: that bin is the same whatever the reference kept, given the pooled counts.
        """
        pooled, n, m = self.reference + self.current, int(self.reference.sum()), int(self.current.sum())
        sparse = (pooled * (min(n, m) / (n + m)) < EXPECTED) | self.by_chance
        other = self.choice.other if self.choice and self.by_chance.any() else None
        excess = extra = 0.0
        if self.choice and other is not None:
            if np.count_nonzero(self.by_chance) < MANY:
                sparse[other] = True
            elif not sparse[other]:
                excess, extra = self.excess()
        if np.count_nonzero(sparse) < 2:
            return Joined(self.reference, self.current, self.replicates, 1.0)

        def join(counts: np.ndarray) -> np.ndarray:
            return np.concatenate([counts[..., ~sparse], counts[..., sparse].sum(axis=-1, keepdims=True)], axis=-1)

        reference = join(self.reference).astype(float)
        if excess and other is not None:
            reference[-1] -= excess
            reference[np.count_nonzero(~sparse[:other])] += excess
        held = float(pooled[sparse].sum()) / (n + m)
        plain = held * (1 - held) * (1 / n + 1 / m)
        widened = 1 + extra / n**2 / plain if extra else 1.0
        return Joined(reference, join(self.current), (join(self.replicates[0]), join(self.replicates[1])), widened)

    def excess(self) -> tuple[float, float]:
        """Rows of the reference that chosen bins hold beyond their truth, estimated, and what it adds to the variance.

        For a binomial count, the mean of what it exceeds its expectation by, where it is at least c, is c (1 - p)
        times the chance of exactly c (de Moivre); against the batch, c rows for every bin that just made it.
        The variance is that of Poisson counts, with the squared mean times the chance of c estimated from the
        numbers of bins with a few more rows.

        References
        ----------
        P. Diaconis, S. Zabell (1991), Stat. Sci. 6, 284-302, doi:10.1214/ss/1177011699 (de Moivre's formula);
        H. E. Robbins (1968), Ann. Math. Statist. 39, 256-257, doi:10.1214/aoms/1177698526 (the estimate for c = 1).
        """
        excess = extra = 0.0
        least = self.choice.least if self.choice else np.zeros(self.reference.size)
        for c in np.unique(least[self.by_chance]):
            rows = self.reference[self.by_chance & (least == c)]
            just, next_one, third = (int((rows == c + more).sum()) for more in range(3))
            excess += float(c) * just
            extra += float((c + 1) * (c + 2)) * max((just + next_one + third) / 3, third)
        return excess, extra


@dataclass(frozen=True)
class Joined:
    """Two samples in fewer bins, replicates of "nothing changed", and how much larger the variance is than theirs.

    Attributes
    ----------
    reference, current : arrays of shape (bins,)
    replicates : pair of arrays of shape (REPLICATES, bins)
    widened : float, >= 1
    """

    reference: np.ndarray
    current: np.ndarray
    replicates: tuple[np.ndarray, np.ndarray]
    widened: float


def deal(reference: Counts, current: Counts, rng: np.random.Generator, choice: Choice | None = None) -> Dealt:
    """The two samples with `REPLICATES` of them.

    Given the pooled counts this is the exact distribution when nothing changed, however sparse the bins. Samples
    drawn from the pooled shares would leave out what neither sample happened to hold, and show too little noise;
    they stand in only beyond the number of rows that can be dealt, where the two are the same and no category that is
    kept is rare. With a `choice`, a bin of a replicate that would have been dropped is drawn again from those that
    would not, at the expense of the bin for all others.
    """
    pooled, n, m = reference + current, int(reference.sum()), int(current.sum())
    part = n / (n + m)
    if n + m >= MOST_DEALT:
        shares = pooled / (n + m)
        many = rng.multinomial(n, shares, size=REPLICATES), rng.multinomial(m, shares, size=REPLICATES)
        return Dealt(reference, current, many, many, np.zeros(pooled.size, dtype=bool))
    dealt = rng.multivariate_hypergeometric(pooled, n, size=REPLICATES, method="marginals")
    plain = dealt, pooled - dealt
    fragile = choice.fragile(pooled, part) if choice else np.zeros(pooled.size, dtype=bool)
    if not choice or choice.other is None or not fragile.any():
        return Dealt(reference, current, plain, plain, fragile, choice)
    chosen = dealt.copy()
    for index in np.nonzero(fragile)[0]:
        _draw_again(chosen, int(index), int(choice.least[index]), choice.other, pooled, part, rng)
    return Dealt(reference, current, plain, (chosen, pooled - chosen), fragile, choice)


def deal_between(reference: Counts, current: Counts, numbers: np.ndarray, rng: np.random.Generator) -> Dealt:
    """As `deal`, where `numbers` (bool array of shape (bins,), ordered) marks bins that end at reference quantiles.

    Such bins hold the rows that they were made to hold; what varies is how many of the batch fall between the same
    rows of the reference. When nothing changed all orders of both samples' values are equally likely, so that these
    are a multinomial sample whose chances follow a Dirichlet law with the reference's rows, and one in the last bin
    for what lies beyond them all (S. S. Wilks 1962, Mathematical Statistics, sections 8.7 and 14.2). How many rows
    are numbers at all is dealt out as ever.
    """
    whole = (
        np.append(reference[~numbers], reference[numbers].sum()),
        np.append(current[~numbers], current[numbers].sum()),
    )
    outer = deal(*whole, rng).replicates
    weights = reference[numbers].astype(float)
    chances = rng.gamma(weights + (np.arange(weights.size) == weights.size - 1), size=(REPLICATES, weights.size))
    chances /= chances.sum(axis=1, keepdims=True)
    one, two = (np.empty((REPLICATES, reference.size)) for _ in range(2))
    one[:, ~numbers], two[:, ~numbers] = outer[0][:, :-1], outer[1][:, :-1]
    one[:, numbers] = outer[0][:, -1:] * (weights / weights.sum())
    two[:, numbers] = rng.multinomial(outer[1][:, -1], chances)
    return Dealt(reference, current, (one, two), (one, two), np.zeros(reference.size, dtype=bool))


def _draw_again(
    dealt: np.ndarray, index: int, least: int, other: int, pooled: Counts, part: float, rng: np.random.Generator
) -> None:
    """Gives bin `index` at least `least` rows where it has fewer, from a binomial that is cut off below `least`."""
    few = np.nonzero(dealt[:, index] < least)[0]
    if not few.size:
        return
    rows = int(pooled[index])
    reach = math.ceil(rows * part + 10 * math.sqrt(rows * part) + 20)
    values = np.arange(least, max(min(rows, max(reach, least)), least) + 1)
    logs = -gammaln(values + 1) - gammaln(rows - values + 1) + values * math.log(part / (1 - part))
    chances = np.cumsum(np.exp(logs - logs.max()))
    drawn = values[np.minimum(np.searchsorted(chances, rng.random(few.size) * chances[-1]), values.size - 1)]
    taken = np.minimum(drawn - dealt[few, index], dealt[few, other])
    dealt[few, index] += taken
    dealt[few, other] -= taken


def bridges(shares: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Brownian bridges looked at where bins end: array of shape (REPLICATES, bins).

    Times `sqrt(1/n + 1/m)` they are what the cumulative shares of two large samples differ by when nothing changed.

    References
    ----------
    J. L. Doob (1949), Ann. Math. Statist. 20, 393-403, doi:10.1214/aoms/1177729991.
    """
    paths = np.cumsum(rng.standard_normal((REPLICATES, shares.size)) * np.sqrt(shares), axis=1)
    found: np.ndarray = paths - paths[:, -1:] * np.cumsum(shares)
    return found


def floor_of(replicates: np.ndarray, alpha: float, reach: float) -> float:
    """The `1 - alpha` quantile of a distance when nothing changed, from replicates of it.

    Beyond `FURTHEST` it is drawn out: a distance that is a norm of normal noise, and changes by at most `reach` for
    one standard deviation of it in any direction, rises from one quantile to another by at most `reach` times the
    rise of the normal quantile.

    References
    ----------
    C. Borell (1975), Invent. Math. 30, 207-216, doi:10.1007/BF01425510 (the isoperimetric inequality).
    """
    near = max(alpha, FURTHEST)
    beyond = float(ndtri(1 - alpha) - ndtri(1 - near))
    return float(np.quantile(replicates, 1 - near)) + reach * beyond
