"""`aims arrivals`, `aims quarantine`, `aims schema`, `aims suppliers`: what came, what is held, who delivered what."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import click

from assets.kept.home import home
from governance.declared import periods
from governance.declared.declarations import load_all, systems_folder
from governance.faults import UsageFault
from pipelines.declared import the_system

if TYPE_CHECKING:
    from governance.declared.declarations import Declaration
    from governance.register import Register

JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object a row.")
SYSTEM = click.option("--system", help="Only this system.")


@click.command()
@SYSTEM
@click.option("--batch", help="Only this batch: its start date or its label. Needs --system.")
@click.option("--all", "earlier", is_flag=True, help="Arrivals that were corrected since, too.")
@JSON
def arrivals(system: str | None, batch: str | None, earlier: bool, as_json: bool) -> None:
    """How each batch came: early, on time or late, corrected, duplicate, overlapping; and what became of it."""
    from governance.arrivals import arrival_rows
    from pipelines.listing import show

    systems, register = _wanted(system), _register()
    if batch and not system:
        raise UsageFault("--batch needs --system: a label names another day in each system.")
    wanted = periods.find_batch(next(iter(systems.values())).system, batch) if batch else None
    rows = (
        [row for name in systems for row in arrival_rows(register, name, wanted, earlier=earlier)] if register else []
    )
    columns = (
        "system", "batch", "part", "timing", "days", "kind", "state", "rows", "rows_before", "added", "removed",
        "changed", "others", "reason",
    )  # fmt: skip
    show(rows, columns, as_json=as_json, empty="Nothing has arrived.")
    if not as_json:
        _tell_open(register, systems)


@click.command()
@JSON
def quarantine(as_json: bool) -> None:
    """What is held back now: why, how many rows, who has to act, and the ways back."""
    from governance.held_back import quarantine_rows
    from pipelines.listing import show

    systems, register = load_all(systems_folder()).sound, _register()
    owners = {name: declaration.system.owner for name, declaration in systems.items()}
    rows = list(quarantine_rows(register, owners)) if register else []
    for row in rows:
        row["label"] = _label(systems.get(row["system"]), row["batch"])
    columns = ("system", "label", "part", "kinds", "rows", "offending", "digest", "ways_back", "who_acts", "reason")
    show(rows, columns, as_json=as_json, empty="Nothing is held back.")


@click.command()
@SYSTEM
@JSON
def schema(system: str | None, as_json: bool) -> None:
    """Columns of sources that changed since they first landed, and what was decided on each."""
    from pipelines.listing import show

    systems = _wanted(system)
    rows = _schema(_register(), systems)
    columns = (
        "id", "system", "part", "change", "column", "other", "type_before", "type", "looks_personal", "first_batch",
        "state", "decided_by", "reason",
    )  # fmt: skip
    show(rows, columns, as_json=as_json, empty="No source has changed its columns.")


@click.command()
@JSON
def suppliers(as_json: bool) -> None:
    """What each supplier delivered: expected and landed batches, days late, what was wrong with them. No score."""
    from governance.suppliers import supplier_rows
    from pipelines.listing import show

    systems, today = load_all(systems_folder()).sound, dt.datetime.now(dt.UTC).date()
    rows = list(supplier_rows(systems, _register(), today))
    columns = (
        "system", "part", "expected", "landed", "absent", "on_time", "backfilled", "late", "late_days_median",
        "late_days_worst", "early", "corrected", "duplicate", "overlapping", "held_for", "rules_unmet",
        "schema_changes", "open_decisions", "supplier",
    )  # fmt: skip
    if not as_json:
        rows = [{**row, "held_for": [f"{n} {kind}" for kind, n in row["held_for"].items()] or None} for row in rows]
    show(rows, columns, as_json=as_json, empty="No system is declared.")


def with_notes(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Verdicts, whose reason says so where their batch was let through, or is held back by now."""
    from governance.batches import notes_on

    register = _register() if rows else None
    if register is None:
        return rows
    notes = {name: notes_on(register, name) for name in {row["system"] for row in rows}}
    said = ((row, notes[row["system"]].get(row["batch"])) for row in rows)
    return [{**row, "reason": f"{row['reason']} ({note})"} if note else row for row, note in said]


def _register() -> Register | None:
    return home().register() if home().exists else None


def _wanted(system: str | None) -> dict[str, Declaration]:
    found = load_all(systems_folder())
    return dict(found.sound) if system is None else {system: the_system(found, system)}


def _schema(register: Register | None, systems: dict[str, Declaration]) -> list[dict[str, Any]]:
    from governance.cases.schema_changes import CHANGED, DECIDED, schema_rows

    events = register.events((CHANGED, DECIDED)) if register else []
    return [row for row in schema_rows(events, systems) if row["system"] in systems]


def _tell_open(register: Register | None, systems: dict[str, Declaration]) -> None:
    waiting = [row["id"] for row in _schema(register, systems) if row["state"] == "open"]
    if waiting:
        click.echo(
            f"{len(waiting)} changes of columns wait for a decision: {', '.join(waiting[:5])}. See `aims schema`."
        )


def _label(declaration: Declaration | None, batch: str) -> str:
    try:
        return periods.label_of(declaration.system, batch) if declaration else batch
    except ValueError:  # what is held belongs to no batch: training data
        return batch


COMMANDS = (arrivals, quarantine, schema, suppliers)
