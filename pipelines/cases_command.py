"""`aims case`, `aims due`, `aims follow`: what a person asks of open cases, and the pass that keeps them up to date."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from assets.kept.home import home
from governance.faults import DeclarationFaults, UsageFault

if TYPE_CHECKING:
    from governance.cases.nonconformity import Nonconformity
    from governance.record.ledger import Event

JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object a row.")


@click.command()
@click.argument("name", metavar="CASE")
@JSON
def case(name: str, as_json: bool) -> None:
    """The whole story of one CASE, such as NC-12: every step, who took it, what was attached and observed."""
    from pipelines.listing import show

    events = home().register().events("nonconformity.*") if home().exists else []
    found = _the_case(events, name)
    own = [e for e in events if e.seq == found.opened_seq or e.body.get("case") == found.opened_seq]
    if as_json:
        show([_as_row(event) for event in own], (), as_json=True, empty="")
        return
    click.echo(f"{found.id}  {found.system}  {found.criterion}  [{found.segment}]")
    click.echo(f"{found.state.replace('_', ' ')} since {found.since[:10]}, {found.severity}, round {found.round}")
    click.echo(f"sees to it: {found.owner or 'nobody yet'}; {_next_step(found)}")
    for event in own:
        click.echo("")
        click.echo(f"{event.at[:16].replace('T', ' ')}  {event.kind.split('.')[1].replace('_', ' ')}  by {event.actor}")
        for line in _told(event):
            click.echo(f"  {line}")


@click.command()
@JSON
def due(as_json: bool) -> None:
    """What somebody has to do by a day, the most urgent first; overdue days are negative."""
    from governance import processes
    from governance.organisation.laid_down import declared_deadlines
    from governance.people.acts import Before
    from governance.record import ledger
    from pipelines.listing import show

    rows: list[dict[str, Any]] = []
    if home().exists:
        now = dt.datetime.now(dt.UTC)
        with home().register().reading() as connection:
            before = Before(connection, ledger.head(connection)[0] + 1, now)
            items = sorted(processes.due(before, _declared(declared_deadlines)))
        rows = [item.as_row(now.date()) for item in items]
    show(rows, ("days", "due", "system", "what", "owner"), as_json=as_json, empty="Nothing is due.")


@click.command()
def follow() -> None:
    """Attaches facts to open cases, observes later batches, reminds of what is due. The watchdog does it, too."""
    from assets.cases.following import follow as follow_all
    from assets.kept.home import site
    from governance.declared.declarations import load_all, systems_folder

    if not home().exists:
        raise UsageFault(f"Nothing has run yet in {home().root}. Start with `aims demo`.")
    new = follow_all(load_all(systems_folder()).sound, site(run="aims"))
    click.echo(f"new: {new.facts} facts attached, {new.observations} observations, {new.reminders} reminders")
    if new.faults:
        raise UsageFault(f"Nobody was reminded: management.yaml has {len(new.faults)} faults. See `aims check`.")


def next_due(found: Nonconformity) -> str | None:
    """The last day of the step that an open case waits for; None where nothing is left to do, or no day can be read."""
    from governance.cases.corrective_action import step_due
    from governance.organisation.laid_down import declared_deadlines

    if not found.is_open:
        return None
    try:
        return step_due(found, declared_deadlines()).isoformat()
    except DeclarationFaults:
        return None  # `aims check` and `aims due` say why; the case is shown all the same


def _declared(ask: Any) -> Any:
    try:
        return ask()
    except DeclarationFaults as faults:
        raise UsageFault(f"The organisation's documents have {len(faults.faults)} faults. See `aims check`.") from None


def _the_case(events: list[Event], name: str) -> Nonconformity:
    from governance.cases.nonconformity import cases_of

    found = next((item for item in cases_of(events) if item.id == name.upper()), None)
    if found is None:
        raise UsageFault(f"There is no case {name!r}. See `aims nonconformities`.")
    return found


def _next_step(found: Nonconformity) -> str:
    from governance.cases.corrective_action import step_in_words

    return (
        f"next, by {next_due(found) or 'an unknown day'}: {step_in_words(found)}"
        if found.is_open
        else "nothing is left to do"
    )


def _as_row(event: Event) -> dict[str, Any]:
    row = {"seq": event.seq, "at": event.at, "actor": event.actor, "kind": event.kind, "subject": event.subject}
    return {**row, "body": event.body}


def _told(event: Event) -> Iterator[str]:
    """What an event says, a line for each thing that is said."""
    body = event.body
    if "evidence" in body:
        where = f"in {body['batch']}: " if body["batch"] else ""
        yield f"{where}{body['evidence']['reason']}"
        return
    if "facts" in body:
        for fact in body["facts"]:
            about = f"{fact['system']}: " if "system" in fact else ""
            yield f"{body['step']}: {about}{fact['words']}"
        return
    if "verdict" in body:
        made = ", synthetic" if body["synthetic"] else ""
        yield f"{body['batch']}{made}: {body['verdict']} ({body['n']} rows) {body['reason']}"
        return
    for name, value in body.items():
        if name not in ("case", "token") and value not in (None, "", [], ()):
            yield f"{name.replace('_', ' ')}: {', '.join(map(str, value)) if isinstance(value, list) else value}"
