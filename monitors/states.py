"""The laws in which a criterion is tried: nothing changed, exactly at its limit, and moved by so many deviations.

What "nothing changed" means follows from what the criterion is about: the reference's own law for a column or a rate,
groups that are all alike for a difference between groups. A state that cannot be made is left out, and a note says so.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from scipy.optimize import brentq

from governance.declared.assessment import Criterion
from governance.declared.metrics import METRICS
from monitors.grid import MOST_FAVOURED
from monitors.laws import ColumnLaw, CubeLaw
from monitors.levels import EVERY, Contrast
from monitors.performance import DENOMINATORS
from monitors.profile import Profile

# Sizes of change, in standard deviations of what changes.
CHANGES = (0.1, 0.2, 0.5)
# Rates are not moved further than this towards 0 or 1, where nothing is left to vary.
_EDGE = 0.002
# Columns are not moved further than this, in standard deviations, to reach a limit.
_FURTHEST = 8.0
# Rows of the made sample that stands for a law itself.
MANY = 10**8

Law = ColumnLaw | CubeLaw
# A metric's value in a law: from what it is compared with, and from what the batch is drawn from.
Value = Callable[[Law, Law], float | None]


@dataclass(frozen=True)
class State:
    """Laws of the reference and of the batch, and the questions whose breaches are counted in it.

    Attributes
    ----------
    size : float or None
        How far something moved, in standard deviations; None for the two states in which a breach is false.
    at_limit : bool
        Whether all that is asked stands exactly at the limit.
    """

    reference: Law
    batch: Law
    asked: tuple[str, ...]
    size: float | None = None
    at_limit: bool = False


@dataclass(frozen=True)
class States:
    """All states of one criterion, and what could not be made."""

    states: tuple[State, ...]
    notes: tuple[str, ...] = ()


def of_columns(criterion: Criterion, reference: Profile, value: Value) -> States:
    """Each column by itself: how columns move together is not in a profile."""
    states, notes = list[State](), list[str]()
    for name in criterion.columns:
        counts = reference.columns[name]
        law = ColumnLaw.of(reference.grid[name], counts) if counts.sum() else None
        if law is None or not law.can_move:
            notes.append(f"{name}: constant or empty in the reference, nothing to draw from")
            continue
        states.append(State(law, law, (name,)))
        limit = _shifted_to_the_limit(criterion, law, value)
        if limit is None:
            notes.append(f"{name}: no shift of it reaches the limit")
        else:
            states.append(State(law, limit, (name,), at_limit=True))
        states += [State(law, law.moved(size), (name,), size) for size in CHANGES]
    return States(tuple(states), tuple(notes))


def _shifted_to_the_limit(criterion: Criterion, law: ColumnLaw, value: Value) -> ColumnLaw | None:
    def beyond(by: float) -> float:
        return (value(law, law.moved(by)) or 0.0) - criterion.limit

    return law.moved(float(brentq(beyond, 0.0, _FURTHEST, xtol=1e-3))) if beyond(_FURTHEST) > 0 else None


def of_contrasts(criterion: Criterion, reference: Profile, contrasts: tuple[Contrast, ...]) -> States:
    """Groups that are all alike; every one at the limit from its baseline; and one of them moved, each in turn."""
    law, rate = CubeLaw.of(reference, criterion.grouping or ""), _rate_behind(criterion.metric)
    common = law.rate(rate) if rate in DENOMINATORS else None
    if common is None or not 0 < common < 1:
        return States((), (f"{criterion.metric}: no law to draw it from",))
    alike, asked = law.alike(rate), tuple(c.segment for c in contrasts)
    states = [State(alike, alike, asked)]
    baselines = {c.baseline for c in contrasts}
    if MOST_FAVOURED in baselines:
        # Somebody has to be it: all groups but one are moved.
        baselines.add(contrasts[0].group)
    moving = tuple(dict.fromkeys(c.group for c in contrasts if c.group not in baselines))
    if not moving:
        return States(tuple(states), ("every group is a baseline, too: nothing was moved",))
    base, limit = _rates_at_the_limit(criterion, common)
    states.append(State(alike, law.with_rate(rate, base).with_rate(rate, limit, moving), asked, at_limit=True))
    for size in CHANGES:
        moved = _moved(criterion, common, size)
        states += [
            State(
                alike,
                alike.with_rate(rate, moved, (group,)),
                tuple(c.segment for c in contrasts if c.group == group),
                size,
            )
            for group in moving
        ]
    return States(tuple(states))


def _rates_at_the_limit(criterion: Criterion, common: float) -> tuple[float, float]:
    """Two rates that stand exactly at the limit from each other, as near to the common one as there is room."""
    if METRICS[criterion.metric].neutral == 1.0:
        base = common if criterion.limit < 1 else min(common, (1 - _EDGE) / criterion.limit)
        return base, base * criterion.limit
    gap = _harmful(criterion) * abs(criterion.limit)
    base = min(max(common, _EDGE - min(gap, 0.0)), 1 - _EDGE - max(gap, 0.0))
    return base, base + gap


def of_rows(criterion: Criterion, reference: Profile, value: Value) -> States:
    """A rate is moved; any other measure of skill loses it by giving some cases the outcome of others."""
    law, rate = CubeLaw.of(reference), _rate_behind(criterion.metric)
    known = law.rate(rate) if rate in DENOMINATORS and rate != "f1" else None
    if known is not None:
        moved = {size: law.with_rate(rate, _moved(criterion, known, size)) for size in CHANGES}
        limit = _rate_at_the_limit(criterion, law, rate, known)
    elif METRICS[criterion.metric].needs_labels:
        moved = {size: law.unskilled(size) for size in CHANGES}
        limit = _unskilled_to_the_limit(criterion, law, value)
    else:
        return States((), (f"{criterion.metric}: no law to draw it from",))
    notes = [] if limit else ["no change that is tried here brings it to the limit"]
    states = [State(law, limit, (EVERY,), at_limit=True)] if limit else []
    stands = value(law, law)
    if stands is not None and _is_beyond(criterion, stands):
        notes.append(f"the reference itself stands beyond the limit, at {stands:.4g}")
    else:
        states.insert(0, State(law, law, (EVERY,)))
    states += [State(law, one, (EVERY,), size) for size, one in moved.items()]
    return States(tuple(states), tuple(notes))


def _rate_at_the_limit(criterion: Criterion, law: CubeLaw, rate: str, known: float) -> CubeLaw | None:
    is_change = METRICS[criterion.metric].is_effect
    target = known + _harmful(criterion) * abs(criterion.limit) if is_change else criterion.limit
    return law.with_rate(rate, target) if _EDGE <= target <= 1 - _EDGE else None


def _unskilled_to_the_limit(criterion: Criterion, law: CubeLaw, value: Value) -> CubeLaw | None:
    def beyond(share: float) -> float:
        found = value(law, law.unskilled(share))
        return math.nan if found is None else found - criterion.limit

    return law.unskilled(float(brentq(beyond, 0.0, 1.0, xtol=1e-4))) if beyond(0.0) * beyond(1.0) < 0 else None


def _rate_behind(metric: str) -> str:
    """The rate that a difference, ratio or change is one of."""
    for ending in ("_difference", "_ratio", "_change"):
        metric = metric.removesuffix(ending)
    return metric


def _moved(criterion: Criterion, rate: float, size: float) -> float:
    """The rate moved to the harmful side by so many standard deviations of one row, inside of 0 to 1."""
    moved = rate + _harmful(criterion) * size * math.sqrt(rate * (1 - rate))
    return min(max(moved, _EDGE), 1 - _EDGE)


def _harmful(criterion: Criterion) -> int:
    return -1 if criterion.direction == "below" else 1


def _is_beyond(criterion: Criterion, value: float) -> bool:
    return value < criterion.limit if criterion.direction == "below" else value > criterion.limit
