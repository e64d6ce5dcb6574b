"""Holds later batches against the criterion that was registered before an action (10.2 d).

The measurement is the stored one and no row is read. The criterion is the one under which the case was found, so a
limit that was loosened since, or a criterion that was taken out, changes nothing here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assets.judged.rejudging import labels_of
from governance.batches import out_of_use
from governance.cases import nonconformity
from governance.cases.effectiveness import registered
from governance.cases.nonconformity import OBSERVED, PLANNED, Nonconformity
from governance.declared.assessment import Criterion
from governance.people.acts import SERVICE
from governance.record import ledger
from governance.record.ledger import Event
from governance.records import Measurement, Outcome
from monitors.judge import judge

if TYPE_CHECKING:
    from assets.kept.home import Site

# Before it was closed a batch may still come that shows the contrary.
OBSERVED_IN = frozenset({"verifying", "effective"})


@dataclass(frozen=True, slots=True)
class _About:
    """Which question it was: the same is asked of later batches."""

    metric: str
    column: str | None
    segment: str | None
    against: str | None

    @classmethod
    def of(cls, seen: Measurement) -> _About:
        return cls(seen.metric, seen.column, seen.segment, seen.against)


def observe(case: Nonconformity, site: Site) -> int:
    """Appends what batches since the action show that was not noted yet. Returns how many."""
    criterion = registered(case)
    if criterion is None or case.state not in OBSERVED_IN:
        return 0
    asked = Criterion.model_validate(criterion)
    about = _about(case, site)
    new = 0
    for batch, look in _later_looks(case, asked, site):
        body = _held_against(case, asked, about, batch, look, site)
        with ledger.writing(site.register.engine) as connection:
            now = nonconformity.current(connection, case.subject)
            if now is None or now.opened_seq != case.opened_seq or now.state not in OBSERVED_IN:
                return new
            if any(item.batch == batch and item.look == look.seq for item in now.observations):
                continue
            ledger.append(connection, OBSERVED, case.subject, body, actor=SERVICE, at=site.at)
            new += 1
    return new


def _about(case: Nonconformity, site: Site) -> _About:
    """The question of the measurement that opened the case."""
    opening = case.evidence["measurement"]
    batch = case.batches[0]
    for look in site.register.events("batch.judged", f"{case.system}/{batch}"):
        measured = site.register.measured_in(look)
        if opening in measured:
            return _About.of(measured[opening])
    raise LookupError(f"The measurement {opening} of {case.id} is not in the register.")


def _later_looks(case: Nonconformity, asked: Criterion, site: Site) -> Iterator[tuple[str, Event]]:
    """The newest look at each batch (or window) from the registered one on, whose data came after the plan was made.

    Data that were there already were known to whoever registered the criterion, and show nothing.
    """
    planned, unused = case.steps[PLANNED], out_of_use(site.register, case.system)
    for name, look in sorted(site.register.judged_batches(case.system).items()):
        is_window = "/" in name
        if name in unused:
            continue
        if is_window != (asked.window != "batch") or name < planned.body["from_batch"]:
            continue
        if _came(case.system, name, look, site) > planned.seq:
            yield name, look


def _came(system: str, name: str, look: Event, site: Site) -> int:
    """The number of the event with which the newest of the look's data came."""
    last = name.split("/")[-1] if "/" in name else name
    digests = {look.body["inputs"].get("data"), look.body["inputs"].get("outcomes")}
    landings = site.register.events("batch.landed", f"{system}/")
    if "/" in name:
        start = name.split("/")[0]
        return max((e.seq for e in landings if start <= e.subject.split("/")[1] < last), default=0)
    own = [e for e in landings if e.subject.split("/")[1] == name and e.body["digest"] in digests]
    return max((e.seq for e in own), default=0)


def _held_against(
    case: Nonconformity, asked: Criterion, about: _About, batch: str, look: Event, site: Site
) -> dict[str, Any]:
    measured = site.register.measured_in(look)
    found = next(((name, m) for name, m in measured.items() if _About.of(m) == about), None)
    base = {"case": case.opened_seq, "batch": batch, "look": look.seq, "limit": asked.limit}
    base["synthetic"] = _is_synthetic(case.system, batch, site)
    if found is None:
        reason = f"{about.metric} was not measured there"
        return {**base, "measurement": None, "verdict": str(Outcome.NOT_EVALUATED), "n": 0, "reason": reason}
    name, seen = found
    verdict = judge(seen, asked, labels_of(look), case.segment)
    bounds = {"value": seen.value, "low": seen.low, "high": seen.high}
    return {
        **base,
        **bounds,
        "measurement": name,
        "verdict": str(verdict.outcome),
        "n": seen.n,
        "reason": verdict.reason,
    }


def _is_synthetic(system: str, batch: str, site: Site) -> bool:
    """Whether the supplier says that the rows were made: of a window, whether any of its batches were."""
    last = batch.split("/")[-1]
    for event in site.register.events("batch.landed", f"{system}/"):
        since = event.body["asserted"].get("synthetic_from")
        name = event.subject.split("/")[1]
        inside = name == batch or ("/" in batch and batch.split("/")[0] <= name < last)
        if since and inside and name >= since:
            return True
    return False
