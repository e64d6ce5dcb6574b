"""How far a mean of numbers can be trusted, and a difference of two, from sums of powers alone.

Bounds are one-sided at level `1 - alpha`, as in `monitors.uncertainty`. What is taken for granted: rows independent
of each other (but for `effect`), and a spread that the sample shows; a rare extreme value that no row has is not in it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.special import stdtrit

from monitors.proportions import POWER
from monitors.uncertainty import Bounds

# Spreads below this share of the mean square are rounding.
ROUNDING = 1e-13


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean of `n` rows, with the variance and the third central moment of one row.

    `effect` rows are worth one independent row.
    """

    n: int
    value: float
    variance: float
    third: float
    effect: float = 1.0

    @classmethod
    def of(
        cls,
        n: int,
        sums: tuple[float, float, float],
        *,
        scale: float = 1.0,
        centre: float = 0.0,
        effect: float = 1.0,
    ) -> Mean | None:
        """From the sums of x, x² and x³ of `n` > 1 rows, for `centre + scale * x`; None where they are not finite.

        Unbiased variance and third moment (R. A. Fisher's k-statistics).
        """
        one, two, three = (total / n for total in sums)
        if not all(map(math.isfinite, (one, two, three))):
            return None
        second = two - one * one
        if second <= ROUNDING * two:
            return cls(n, centre + scale * one, 0.0, 0.0, effect)
        third = three - 3 * one * two + 2 * one**3
        unbiased = third * n * n / ((n - 1) * (n - 2)) if n > 2 else 0.0
        found = cls(n, centre + scale * one, second * n / (n - 1) * scale**2, unbiased * scale**3, effect)
        return found if all(map(math.isfinite, (found.value, found.variance, found.third))) else None

    @property
    def _worth(self) -> float:
        return max(self.n / self.effect, 2.0)

    @property
    def estimate(self) -> Estimate:
        """The mean with its standard error."""
        error = math.sqrt(self.variance / self._worth)
        skew = self.third / self._worth**2 / error**3 if error > 0 else 0.0
        return Estimate(self.value, error, skew, self._worth - 1)

    def less(self, other: Mean) -> Estimate:
        """This mean less another.

        References
        ----------
        B. L. Welch (1947), Biometrika 34, 28-35, doi:10.1093/biomet/34.1-2.28 (degrees of freedom).
        """
        one, two = self.variance / self._worth, other.variance / other._worth
        total = one + two
        if total <= 0:
            return Estimate(self.value - other.value, 0.0, 0.0, min(self._worth, other._worth) - 1)
        freedom = total**2 / (one**2 / (self._worth - 1) + two**2 / (other._worth - 1))
        third = self.third / self._worth**2 - other.third / other._worth**2
        return Estimate(self.value - other.value, math.sqrt(total), third / total**1.5, freedom)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its standard error, the skewness of its distribution, and the freedom of that standard error."""

    value: float
    error: float
    skew: float
    freedom: float

    def bounds(self, alpha: float) -> Bounds:
        """Student's bounds, mended for skewness.

        Hall's cubic transformation takes skewness out of the studentised estimate. What is left is that in a skewed
        sample a small variance comes with a mean away from the long tail: on that side the quantile is widened by
        `skew + skew²`, which is nothing in large samples. Chosen and checked by simulation (docs/decisions/0014).

        References
        ----------
        P. Hall (1992), J. R. Stat. Soc. B 54, 221-228, doi:10.1111/j.2517-6161.1992.tb01876.x.
        """
        quantile = float(stdtrit(self.freedom, 1 - alpha))
        tail = quantile * (1 + abs(self.skew) + self.skew**2)
        below, above = (quantile, tail) if self.skew >= 0 else (tail, quantile)
        low, high = _unskewed(below, self.skew), _unskewed(-above, self.skew)
        return self.value - self.error * max(low, 0.0), self.value - self.error * min(high, 0.0)

    def detectable(self, alpha: float) -> float:
        """The true distance from none that would be told from it at `alpha`, with power `POWER`."""
        return float(stdtrit(self.freedom, 1 - alpha) + stdtrit(self.freedom, POWER)) * self.error


def _unskewed(quantile: float, skew: float) -> float:
    """The studentised value whose transform is `quantile`: the inverse of `t + s t²/3 + s² t³/27 + s/6`."""
    if abs(skew) < 1e-9:
        return quantile
    return 3 / skew * (math.cbrt(1 + skew * (quantile - skew / 6)) - 1)
