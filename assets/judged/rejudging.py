"""Verdicts reached again from what is stored: to check them, and to see what another limit would have done.

No row is read and nothing is measured: a judgement quotes each criterion as a whole, so the stored measurement is
all it takes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from assets.code import code_digest
from assets.judged.contrasts import contrasts_for
from assets.judged.reference import reference_profile
from governance.declared import periods
from governance.declared.assessment import Criterion
from governance.faults import UsageFault
from governance.records import Outcome, Verdict
from monitors.judge import Labels, judge, judge_all

if TYPE_CHECKING:
    from assets.kept.home import Site
    from governance.declared.declarations import Declaration
    from governance.record.ledger import Event
    from governance.register import Register


@dataclass(frozen=True, slots=True)
class Rejudged:
    """How many verdicts were reached again, which did not come out the same, and how many other code had reached."""

    verdicts: int
    faults: tuple[str, ...]
    by_other_code: int


def rejudge(register: Register) -> Rejudged:
    """Holds every stored measurement against the criterion as its judgement quotes it, and compares."""
    count, other, faults = 0, 0, list[str]()
    for event in register.events("batch.judged"):
        _, verdicts = register.records_of(event)
        if event.body["inputs"].get("code") != code_digest():
            # Another version may have put a reason in other words: it has to be checked by that version.
            other += len(verdicts)
            continue
        count += len(verdicts)
        labels = labels_of(event)
        faults += [
            f"event {event.seq} ({event.subject}): the verdict on {verdict.criterion} [{verdict.segment}] does not "
            f"follow from its measurement."
            for verdict in verdicts
            if _again(verdict, event, labels) != verdict
        ]
    return Rejudged(count, tuple(faults), other)


def labels_of(event: Event) -> Labels:
    """What was known of the outcomes when this was judged."""
    known = event.body["labels"]
    earlier = {name: None if share is None else float(share) for name, share in known["earlier"].items()}
    coverage = None if known["coverage"] is None else float(known["coverage"])
    return Labels(coverage, known["mature"], frozenset(known["columns"]), earlier)


def _again(verdict: Verdict, event: Event, labels: Labels) -> Verdict | None:
    try:
        criterion = Criterion.model_validate(event.body["assessment"]["criteria"][verdict.criterion])
    except (KeyError, TypeError, ValidationError):
        return None
    return judge(verdict.measurement, criterion, labels, verdict.segment, verdict.family_size)


@dataclass(frozen=True, slots=True)
class Backtested:
    """One batch or window, held against the declared limit and against a proposed one."""

    batch: str
    declared: Verdict
    proposed: Verdict

    def as_row(self) -> dict[str, Any]:
        """Plain values under stable keys."""
        seen = self.proposed.measurement
        return {
            "batch": self.batch,
            "segment": self.proposed.segment,
            "value": seen.value,
            "low": seen.low,
            "high": seen.high,
            "n": seen.n,
            "declared": str(self.declared.outcome),
            "proposed": str(self.proposed.outcome),
            "reason": self.proposed.reason,
        }


def backtest(declaration: Declaration, name: str, site: Site, *, limit: float, warn: float | None) -> list[Backtested]:
    """What a limit would have done over everything that was measured, batch by batch, the newest look at each.

    Raises
    ------
    UsageFault
        There is no such criterion, or it could not have this limit.
    """
    declared = _criterion(declaration, name)
    proposed = _with_limit(declared, limit, warn)
    contrasts = contrasts_for(declaration, reference_profile(declaration, site))
    found = []
    for batch, event in looks_at(declaration, declared, site):
        measurements, _ = site.register.records_of(event)
        labels = labels_of(event)
        _, before = judge_all(measurements, (declared,), contrasts, labels)
        _, after = judge_all(measurements, (proposed,), contrasts, labels)
        found += [Backtested(batch, one, other) for one, other in zip(before, after, strict=True)]
    return found


def breaches(found: list[Backtested]) -> tuple[int, int]:
    """How many breaches under the declared and under the proposed limit."""
    return (
        sum(item.declared.outcome is Outcome.BREACH for item in found),
        sum(item.proposed.outcome is Outcome.BREACH for item in found),
    )


def _criterion(declaration: Declaration, name: str) -> Criterion:
    for criterion in declaration.criteria:
        if criterion.id == name:
            return criterion
    known = ", ".join(criterion.id for criterion in declaration.criteria)
    raise UsageFault(f"{declaration.id} has no criterion {name!r}; it has {known}.")


def _with_limit(criterion: Criterion, limit: float, warn: float | None) -> Criterion:
    changed = criterion.model_dump() | {"limit": limit, "warn": warn}
    try:
        return Criterion.model_validate(changed)
    except ValidationError as error:
        said = "; ".join(item["msg"].removeprefix("Value error, ") for item in error.errors())
        raise UsageFault(f"{criterion.id} cannot have the limit {limit:g}: {said}") from None


def looks_at(declaration: Declaration, criterion: Criterion, site: Site) -> Iterator[tuple[str, Event]]:
    """The newest look at each batch, or at each window of the criterion's kind, in order."""
    judged = site.register.judged_batches(declaration.id)
    for batch in periods.expected_batches(declaration.system):
        wanted = [batch]
        if criterion.window != "batch":
            windows = periods.windows_holding(declaration.system, batch)
            wanted = [w.name for w in windows if criterion.window in w.kinds and w.batches[-1] == batch]
        yield from ((name, judged[name]) for name in wanted if name in judged)
