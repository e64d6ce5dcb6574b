"""The records that every layer shares: what was measured, and what was made of it.

A measurement knows no limit and a verdict knows no statistics (`monitors.judge` turns one into the other).
Undefined is `None` with a reason, never NaN: `nan > limit` is False, which would read as a pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

# A bin or category of a column; who the rows are; what became of people who are alike.
PartKind = Literal["bin", "mix", "rate"]


class Outcome(StrEnum):
    """The five verdicts. Only `CONFORMING` is green; not knowing is a verdict of its own."""

    NOT_EVALUATED = "not_evaluated"
    INCONCLUSIVE = "inconclusive"
    BREACH = "breach"
    WARNING = "warning"
    CONFORMING = "conforming"


@dataclass(frozen=True, slots=True)
class Measurement:
    """One number about one batch, with everything needed to judge it later.

    Attributes
    ----------
    metric : str
        Name as in the table "What it checks" of the README.
    column, segment : str or None
        The column it is about; the group (`race=Caucasian`) or contrast (`race: A − B`). `None` is all rows.
    value, low, high : float or None
        The estimate, and its one-sided lower and upper confidence bounds, each at level `1 - alpha`.
    alpha : float or None
        Error rate of each bound; `None` where there are no bounds.
    n : int
        Rows in the smallest denominator the value rests on.
    noise_floor : float or None
        What the statistic shows, at these row counts, when nothing changed (its `1 - alpha` quantile).
    detectable : float or None
        The smallest true change or difference that this many rows would show in four of five batches.
    against : str or None
        What it is compared with, where that is not the frozen reference: `previous 4`, `same month`.
    reason : str or None
        Why there is no value, or what else a reader must know.
    broken : bool
        The tool failed: the verdict is `not_evaluated`, a matter for operations and not for the register.
    """

    metric: str
    value: float | None
    n: int
    unit: str
    method: str
    column: str | None = None
    segment: str | None = None
    low: float | None = None
    high: float | None = None
    alpha: float | None = None
    noise_floor: float | None = None
    detectable: float | None = None
    reason: str | None = None
    against: str | None = None
    broken: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """One criterion of the approved assessment, held against one measurement.

    Attributes
    ----------
    family_alpha : float or None
        The chance of any false breach among all that the criterion asked in this look, at most; None where the
        estimate alone decides.
    family_size : int
        How many questions share it: this one, and those about other columns or contrasts.
    """

    criterion: str
    segment: str
    outcome: Outcome
    measurement: Measurement
    warn: float | None
    limit: float
    direction: str
    severity: str
    reason: str
    family_alpha: float | None = None
    family_size: int = 1


@dataclass(frozen=True, slots=True)
class Part:
    """What one bin, one group or one cause contributes to a measurement.

    Parts of one measurement and one `by` add up to its value, less what the metric is when there is nothing to find
    (`Metric.neutral`): all bins do, and so do the two whole causes `mix` and `rate`. The parts of a cause that are
    `about` something add up to that cause.

    Attributes
    ----------
    by : str
        What it is cut by: the column, a grouping (`race × sex`), or `score bins`.
    about : str or None
        The bin or group; `(rest)` holds all others and whatever is too small to be named; None is the whole cause.
    value : float
        The contribution, in the measurement's unit.
    share : float or None
        The contribution as a share of all of them; beyond 0 to 1 where parts pull in different directions. None
        where they add up to nothing.
    before, after : float or None
        Of a bin and of a group's mix its share of the rows, of a group's rate the rate, of a whole cause the rates
        of all rows; in the reference and in the batch (of a contrast: in the baseline and in the group). None where
        there is none, or so few rows that it is withheld.
    n : int or None
        Rows of the batch (of a contrast: of the group) that it rests on; None where withheld.
    note : str or None
        What a reader must know, such as that a difference turns round among people who are alike.
    """

    measurement: Measurement
    kind: PartKind
    by: str
    value: float
    about: str | None = None
    share: float | None = None
    before: float | None = None
    after: float | None = None
    n: int | None = None
    note: str | None = None
