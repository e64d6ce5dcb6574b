"""What starts runs: data that landed, the calendar, and a watchdog for what did not happen.

One sensor and one schedule for all systems; each is level-triggered against the register, so that a missed tick,
a restart or a second copy changes nothing.
"""

import datetime as dt
import json
import logging
from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg

from assets.cases.following import follow
from assets.factory import PARTITIONS, key
from assets.kept.home import Site, site
from assets.landed.landing import batch_part
from assets.source.sources import sign_of
from governance.absence import record_absences
from governance.batches import standing
from governance.declared import periods
from governance.declared.declarations import Declaration
from governance.declared.sources import TableSource
from governance.faults import UsageFault
from governance.recognised.withholding import unspoken
from pipelines.alerts import deliver, tell_faults
from pipelines.organisation_command import keep_documents

# The implicit job over all assets: the only one that may mix systems of different cadences.
JOB = "__ASSET_JOB"
BATCH_ASSETS = ("batch", "profile", "measurements", "report")
OUTCOME_ASSETS = ("outcomes", "profile", "measurements", "report")
Systems = Mapping[str, Declaration]
LOG = logging.getLogger("aims.landing")


def landing_sensor(systems: Systems) -> dg.SensorDefinition:
    """Requests a run for every batch whose source holds something that has not been landed.

    Files, packages and object stores are looked at on every tick. A database is not asked: its tables are read once
    a day, for batches that have ended and may still get rows.
    """

    @dg.sensor(
        name="landing",
        job_name=JOB,
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="New or changed data of any system starts a run for its batch.",
    )
    def landing(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        digests = _Digests(json.loads(context.cursor or "{}"))
        with unspoken(UsageFault):
            place = site(run="sensor:landing")
            requests = [r for declaration in systems.values() for r in _requests(declaration, place, digests)]
        return dg.SensorResult(run_requests=requests, cursor=json.dumps(digests.known, sort_keys=True))

    return landing


def cadence_schedules(systems: Systems) -> list[dg.ScheduleDefinition]:
    """One schedule per cadence in use: a run per system for the batch that has just ended."""
    used = sorted({declaration.system.batches.period for declaration in systems.values()})
    return [_schedule(period, [d for d in systems.values() if d.system.batches.period == period]) for period in used]


def watchdog_sensor(systems: Systems) -> dg.SensorDefinition:
    """Enters documents as they stand and batches that never came, follows open cases, tells what was not told."""

    @dg.sensor(
        name="watchdog",
        job_name=JOB,
        minimum_interval_seconds=300,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Expected against judged batches; absence is a finding.",
    )
    def watchdog() -> dg.SkipReason:
        with unspoken(UsageFault):
            place = site(run="sensor:watchdog")
            keep_documents(place.register, place.at)
            absent = sum(record_absences(d, place.register, place.at) for d in systems.values())
            # Told first: should following break, nobody is left without what a batch has shown.
            told = deliver(dict(systems), place)
            new = follow(systems, place)
            tell_faults(new.faults)
            told += deliver(dict(systems), place)
        return dg.SkipReason(
            f"{absent} newly absent, {new.facts} facts, {new.observations} observations and {new.reminders} reminders "
            f"new, {told} alerts sent"
        )

    return watchdog


def run_failure_sensor(systems: Systems) -> dg.SensorDefinition:
    """A run that broke is a matter for operations: an event and an alert, never a nonconformity."""

    @dg.run_failure_sensor(name="run_failures", default_status=dg.DefaultSensorStatus.RUNNING)
    def run_failures(context: dg.RunFailureSensorContext) -> None:
        place = site(run=context.dagster_run.run_id)
        steps = [event.step_key or "" for event in context.get_step_failure_events()]
        body = {"reason": f"failed in {', '.join(steps) or 'start-up'}; see run {context.dagster_run.run_id}"}
        system = next((step.split("__")[0] for step in steps), "aims")
        place.register.record(
            "run.failed", f"{system}/{context.dagster_run.run_id}", body, at=place.at, unless="reason"
        )
        deliver(dict(systems), place)

    return run_failures


def _schedule(period: str, systems: list[Declaration]) -> dg.ScheduleDefinition:
    partitions = PARTITIONS[period]

    # A day after the period ends, so that the batch has had time to arrive.
    @dg.schedule(
        name=f"every_{period}",
        cron_schedule={
            "day": "0 6 * * *",
            "week": "0 6 * * 2",
            "month": "0 6 2 * *",
            "quarter": "0 6 2 */3 *",
            "year": "0 6 2 1 *",
        }[period],
        job_name=JOB,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"The {period} that has just ended, for every system with that cadence.",
    )
    def schedule(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest]:
        now = context.scheduled_execution_time
        # The tick's own time and not the wall clock: a catch-up tick asks for the batch it missed.
        with dg.partition_loading_context(effective_dt=now):
            batch = partitions.get_last_partition_key()
        for declaration in systems:
            if batch in periods.expected_batches(declaration.system):
                yield _run(declaration, batch, BATCH_ASSETS, f"scheduled:{now:%Y-%m-%d}")

    return schedule


def _requests(declaration: Declaration, place: Site, digests: "_Digests") -> Iterator[dg.RunRequest]:
    if _wants_reference(declaration, place):
        yield dg.RunRequest(
            run_key=f"{declaration.id}:reference:{declaration.digest[:16]}",
            asset_selection=[key(declaration, "reference")],
            tags={"system": declaration.id},
        )
        return
    for batch in periods.all_batches(declaration.system):
        yield from _request(declaration, batch, batch_part(declaration, batch), BATCH_ASSETS, place, digests)
        if declaration.system.sources.outcomes and batch in periods.expected_batches(declaration.system):
            landed = place.register.last("batch.landed", f"{declaration.id}/{batch}/production")
            if landed:
                yield from _request(declaration, batch, "outcomes", OUTCOME_ASSETS, place, digests)


def _wants_reference(declaration: Declaration, place: Site) -> bool:
    event = place.register.last("reference.frozen", declaration.id)
    return event is None or event.body["inputs"]["declaration"] != declaration.digests["system.yaml"]


def _request(
    declaration: Declaration, batch: str, part: Any, assets: tuple[str, ...], place: Site, digests: "_Digests"
) -> Iterator[dg.RunRequest]:
    landed = place.register.last("batch.landed", f"{declaration.id}/{batch}/{part}")
    released = _released_since(f"{declaration.id}/{batch}/{part}", place)
    if released:
        yield _run(declaration, batch, assets, f"{part}:released:{released}")
    as_declared = landed is not None and landed.body["declaration"] == declaration.digest
    if isinstance(declaration.system.source(part), TableSource):
        if _table_may_have_more(declaration, part, batch, place.at.date(), landed=as_declared):
            yield _run(declaration, batch, assets, f"{part}:{place.at:%Y-%m-%d}:{declaration.digest[:16]}")
        return
    sign = digests.of(declaration, part, batch)
    if sign is None:
        return
    seen = landed and sign in (landed.body["observed"]["source_sha256"], landed.body["observed"].get("source_mark"))
    if seen and as_declared:
        return
    yield _run(declaration, batch, assets, f"{part}:{sign[:16]}:{declaration.digest[:16]}")


def _released_since(subject: str, place: Site) -> int | None:
    """The act by which what is in use was let through, where nothing was judged since."""
    act = standing(place.register, subject).released
    judged = place.register.last("batch.judged", subject.rsplit("/", 1)[0]) if act else None
    return act.seq if act and (judged is None or judged.seq < act.seq) else None


def _table_may_have_more(declaration: Declaration, part: Any, batch: str, today: dt.date, *, landed: bool) -> bool:
    """Whether a table is worth a look today: what was never landed always, else while rows may still come in."""
    system = declaration.system
    end = periods.end_of(system, batch)
    late = system.batches.grace_days + (system.labels.delay_days if part == "outcomes" else 0)
    return end <= today and (not landed or today <= end + dt.timedelta(days=late))


def _run(declaration: Declaration, batch: str, assets: tuple[str, ...], why: str) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=f"{declaration.id}:{batch}:{why}",
        partition_key=batch,
        asset_selection=[key(declaration, name) for name in assets],
        tags={"system": declaration.id},
    )


class _Digests:
    """What sources hold now; files are read again only when size or time of change differ."""

    def __init__(self, known: dict[str, Any]) -> None:
        self.known = known

    def of(self, declaration: Declaration, part: Any, batch: str) -> str | None:
        """The source's digest or mark, or None where there is nothing yet or it cannot be reached now."""
        try:
            return sign_of(declaration, part, batch, self.known)
        except UsageFault as fault:
            # One source that cannot be looked at hides no other; the watchdog tells when its batch is overdue.
            LOG.warning("%s", fault)
            return None
