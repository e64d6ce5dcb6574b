"""What the groups of a grouping bring into their comparison: rates as counts, who is withheld, who fares best."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from governance.declared.metrics import CALIBRATION
from monitors.grid import MOST_FAVOURED
from monitors.levels import Contrast
from monitors.performance import DENOMINATORS

# What is counted of a group: of rates of the outcome cube, and of what scores promise.
COUNTED = {**DENOMINATORS, CALIBRATION: "rows with outcome and score"}
# What nobody would rather have more of, whatever they think of being selected.
ERRORS = ("false_positive_rate", "false_negative_rate")
ACHIEVEMENTS = ("accuracy", "precision", "true_positive_rate")


class Hits(NamedTuple):
    """A rate as counts; `effect` of its rows are worth one independent row. `offset` is added to the rate.

    A negative `sign` turns it: what is measured is `offset + sign * hits/n`.
    """

    hits: int
    n: int
    effect: float = 1.0
    offset: float = 0.0
    sign: int = 1

    @property
    def share(self) -> float:
        """What is measured: the rate, or what scores promise less the rate."""
        return self.offset + self.sign * self.hits / self.n

    @property
    def independent(self) -> tuple[float, float]:
        """Hits and denominator in independent rows."""
        return self.hits / self.effect, self.n / self.effect

    @property
    def variance(self) -> float:
        """Of the share; with one hit and one failure more, so that it is never zero."""
        hits, n = self.independent
        rate = (hits + 1) / (n + 2)
        return rate * (1 - rate) / n

    @property
    def relative_variance(self) -> float:
        """Of the share's logarithm."""
        hits, n = self.independent
        rate = (hits + 1) / (n + 2)
        return (1 - rate) / (n * rate)


Rates = Mapping[str, Mapping[str, Hits]]


@dataclass(frozen=True)
class Groups:
    """What the groups of one grouping bring into their contrasts.

    Attributes
    ----------
    hits : mapping of group to metric to its counts
        Groups that are listed and not withheld.
    withheld : mapping of group to the reason
    compared : groups
        Those among which the most favoured is looked for.
    """

    hits: Rates
    withheld: Mapping[str, str]
    compared: frozenset[str]

    def defined(self, metric: str) -> tuple[str, ...]:
        """Groups of which this rate is known and that may be the most favoured."""
        return tuple(group for group in self.hits if group in self.compared and self.is_defined(group, metric))

    def is_defined(self, group: str, metric: str) -> bool:
        """Whether there is a denominator."""
        return group in self.hits and self.hits[group][metric].n > 0


def why_undefined(contrast: Contrast, metric: str, groups: Groups) -> str | None:
    """Why a contrast has no value, or None."""
    for group in (contrast.group, contrast.baseline):
        if group == MOST_FAVOURED and contrast.favoured:
            if len(set(groups.defined(metric)) | {contrast.group}) < 2:
                return "undefined (no other group to compare with)"
            continue
        if group in groups.withheld:
            return groups.withheld[group]
        if group not in groups.hits:
            return f"undefined ({group!r} does not occur in the reference or the batch)"
        if groups.hits[group][metric].n == 0:
            return f"undefined (0 {COUNTED[metric]} in {group!r})"
    return None


def more_is_better(metric: str, favoured: str) -> bool:
    """Whether a group fares better the larger its rate is.

    Of errors less is better, of right decisions more. Selection and outcome go by what people would rather be, and so
    does calibration: a score that promises too much leads to selection.
    """
    if metric in ERRORS:
        return False
    return metric in ACHIEVEMENTS or favoured == "selected"
