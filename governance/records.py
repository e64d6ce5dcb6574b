"""The records that every layer shares: what was measured, and what was made of it.

A measurement knows no limit and a verdict knows no statistics (`monitors.judge` turns one into the other).
Undefined is `None` with a reason, never NaN: `nan > limit` is False, which would read as a pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


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
