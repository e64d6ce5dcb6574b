"""Whether later batches show that an action worked, by the criterion that was registered before it (10.2 d).

The criterion is the one under which the case was found, however its limit may have been loosened since, or a
stricter one that the plan named. A batch counts with enough rows and a clear verdict; what is inconclusive shows
nothing, and a breach shows that the action did not work. A batch that is held back since counts for neither.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from governance.cases.nonconformity import Nonconformity, Observation
from governance.records import Outcome


@dataclass(frozen=True, slots=True)
class Effect:
    """What the batches after an action show, and whether that suffices to call it effective."""

    conforming: tuple[str, ...]
    breached: tuple[str, ...]
    wanted: int
    words: str

    @property
    def suffices(self) -> bool:
        """Enough batches conform, and none is in breach."""
        return not self.breached and len(self.conforming) >= self.wanted


def evidence_of(case: Nonconformity, *, synthetic: bool = False) -> Effect:
    """What was observed since the action of this round was implemented.

    Batches of made rows show nothing about the world: they count where `synthetic`, for demonstration people alone.
    """
    plan = case.plan or {}
    wanted, min_n = int(plan.get("batches", 1)), _min_n(case, plan)
    every = [item for item in case.observations if item.batch >= (plan.get("from_batch") or "")]
    late = [item for item in every if item.batch not in case.aside]
    counted = [item for item in late if synthetic or not item.synthetic]
    breached = tuple(item.batch for item in counted if item.verdict is Outcome.BREACH)
    conforming = tuple(item.batch for item in counted if item.verdict is Outcome.CONFORMING and item.n >= min_n)
    return Effect(conforming, breached, wanted, _words(late, conforming, breached, wanted))


def registered(case: Nonconformity) -> dict[str, Any] | None:
    """The criterion that later batches are held against: as it was when the case was found, or stricter."""
    criterion, plan = case.evidence.get("criterion"), case.plan
    if criterion is None or plan is None:
        return None
    limit = criterion["limit"] if plan["limit"] is None else plan["limit"]
    # A warning line beyond a stricter limit would have no meaning.
    warn = criterion["warn"] if plan["limit"] is None else None
    return {**criterion, "limit": limit, "warn": warn, "min_n": _min_n(case, plan)}


def loosened(criterion: Mapping[str, Any], plan: Mapping[str, Any]) -> bool:
    """Whether the plan would judge by less than the criterion under which the case was found."""
    fewer = plan["min_n"] is not None and int(plan["min_n"]) < int(criterion["min_n"])
    if plan["limit"] is None:
        return fewer
    found_under, planned = float(criterion["limit"]), float(plan["limit"])
    looser = planned < found_under if criterion["direction"] == "below" else planned > found_under
    return fewer or looser


def _min_n(case: Nonconformity, plan: Mapping[str, Any]) -> int:
    declared = int((case.evidence.get("criterion") or {}).get("min_n", 1))
    return int(plan.get("min_n") or declared)


def _words(late: list[Observation], conforming: tuple[str, ...], breached: tuple[str, ...], wanted: int) -> str:
    if breached:
        return f"{', '.join(breached)} {'are' if len(breached) > 1 else 'is'} in breach after the action"
    others = len(late) - len(conforming)
    rest = f", and {others} more that show nothing (inconclusive, warning, too few rows or synthetic)" if others else ""
    return f"{len(conforming)} of {wanted} later batches conform{rest}"
