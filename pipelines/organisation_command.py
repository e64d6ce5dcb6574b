"""The commands about what the organisation laid down: documents, risks, objectives, applicability, inventory, roles.

Each reads; only `aims documents --record` enters what it found into the ledger, so that people can agree to it.
"""

from __future__ import annotations

import datetime as dt
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from assets.kept.home import home
from governance.declared.declarations import Declarations, load_all, systems_folder
from governance.faults import DeclarationFaults, Fault, UsageFault

if TYPE_CHECKING:
    from governance.organisation.laid_down import Organisation
    from governance.register import Register

JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object a row.")
AS_OF = click.option(
    "--as-of",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="DATE",
    help="As it stood at the end of that day (UTC); today.",
)


@click.command()
@click.option(
    "--record", "enter", is_flag=True, help="Enter what changed into the ledger, so that it can be agreed to."
)
@AS_OF
@JSON
def documents(enter: bool, as_of: dt.datetime | None, as_json: bool) -> None:
    """The organisation's documents: version, digest, approval, review due or overdue."""
    from governance.organisation.standing import document_rows
    from pipelines.listing import show

    laid = _organisation()
    if enter:
        new = record_documents(home().register(), laid, dt.datetime.now(dt.UTC))
        click.echo(f"{new} event{'s' * (new != 1)} entered: documents and risks as they stand now.", err=True)
    register = _register()
    rows = document_rows(laid, register.events() if register else [], _day(as_of))
    columns = ("id", "version", "state", "digest", "author", "owner", "approved_by", "review", "review_by", "finding")
    show(rows, columns, as_json=as_json, empty="")
    _tell(as_json, *(f"finding: {row['id']}: {row['finding']}" for row in rows if row["finding"]))
    if any(row["demonstration"] for row in rows):
        _tell(as_json, "The documents are a demonstration: no real organisation stands behind them.")


@click.command()
@AS_OF
@JSON
def risks(as_of: dt.datetime | None, as_json: bool) -> None:
    """The risk register: risks from harms, their treatment, and whether their owner accepted what is left."""
    from governance.organisation.standing import risk_rows
    from pipelines.listing import show

    register = _register()
    rows = risk_rows(_organisation(), register.events("risk.*") if register else [], _day(as_of))
    columns = ("id", "level", "treatment", "residual", "owner", "state", "accepted_by", "digest")
    show(rows, columns, as_json=as_json, empty="No risk is declared.")
    above = [row["id"] for row in rows if row["above_acceptance"]]
    if above:
        _tell(as_json, f"Above what the organisation accepts, with a reason each: {', '.join(above)}")
    _tell(
        as_json,
        f"{sum(row['state'] == 'accepted' for row in rows)} of {len(rows)} accepted by whoever answers for them.",
    )


@click.command()
@AS_OF
@JSON
def objectives(as_of: dt.datetime | None, as_json: bool) -> None:
    """Objectives, attained or not, computed from what was recorded."""
    from governance.attainment import objective_rows
    from pipelines.listing import show

    rows = objective_rows(_organisation(), _systems(), _register(), _day(as_of))
    columns = ("id", "owner", "due", "measure", "target", "value", "state", "overdue", "reason")
    show(rows, columns, as_json=as_json, empty="No objective is declared.")
    states = Counter(row["state"] for row in rows)
    _tell(as_json, ", ".join(f"{count} {state}" for state, count in states.items()))


@click.command()
@AS_OF
@JSON
def applicability(as_of: dt.datetime | None, as_json: bool) -> None:
    """The statement of applicability: every clause and control, and what was really recorded of it."""
    from governance.evidence import counted, statement_rows
    from governance.organisation.laid_down import declared_folder
    from pipelines.listing import show

    laid, systems = _organisation() if declared_folder() else None, _systems()
    rows = statement_rows(laid.applicability if laid else None, systems, _register(), _day(as_of))
    columns = ("id", "title", "state", "grade", "recorded", "age_days")
    show(rows, columns, as_json=as_json, empty="")
    _tell(
        as_json,
        f"Clauses: {counted(rows, 'clause')}. Controls: {counted(rows, 'control')}.",
        "A state says what was recorded, not that a requirement is met: that is for people and auditors to judge.",
    )
    shown = [d.id for d in systems.sound.values() if d.approval and d.approval.demonstration]
    if shown:
        _tell(as_json, f"Approved by demonstration people, which is evidence of nothing real: {', '.join(shown)}")


@click.command()
@AS_OF
@JSON
def inventory(as_of: dt.datetime | None, as_json: bool) -> None:
    """AI systems as declared, against what is seen running."""
    from governance.inventory import inventory_rows
    from pipelines.listing import show

    rows = inventory_rows(load_all(systems_folder()), _register(), _day(as_of))
    columns = ("id", "state", "stage", "owner", "organisation_role", "model", "judged", "last_judged", "last_seen_at")
    show(rows, columns, as_json=as_json, empty="No system is declared, and none was seen running.")
    for row in rows:
        _tell(as_json, *(f"finding: {row['id']}: {finding}" for finding in row["findings"]))
        _tell(as_json, *(f"data: {row['id']}: {_source(source)}" for source in row["data"]))


@click.command()
@click.option("--conflicts", "only_conflicts", is_flag=True, help="Only what does not go together.")
@AS_OF
@JSON
def roles(only_conflicts: bool, as_of: dt.datetime | None, as_json: bool) -> None:
    """Accounts and what they may do, and where that does not go together: conflicts of duty, owners without anybody."""
    from governance.organisation.laid_down import declared_folder
    from governance.organisation.standing import until
    from governance.people.accounts import accounts_of
    from governance.processes import ACTS
    from governance.responsibilities import conflicts, role_rows
    from pipelines.listing import show

    register, day = _register(), _day(as_of)
    laid = _organisation() if declared_folder() else None
    events = until([*register.events("account.*"), *register.events("competence.*")], day) if register else []
    accounts = accounts_of(event for event in events if event.kind.startswith("account."))
    found = [conflict.as_row() for conflict in conflicts(accounts, laid, _systems(), events, day)]
    if not only_conflicts:
        rows = role_rows(accounts, laid.roles if laid else None, ACTS, events, day)
        columns = ("account", "roles", "systems", "teams", "competences", "may")
        show(rows, columns, as_json=as_json, empty="There is no account. Open the first one: `aims token first ID`.")
        if as_json:
            return
        click.echo("")
    show(found, ("kind", "about", "what"), as_json=as_json, empty="No conflict of duty was found.")


COMMANDS = (documents, risks, objectives, applicability, inventory, roles)


def check_organisation(systems: Declarations) -> dict[str, tuple[Fault, ...]]:
    """Tells every fault of the organisation's documents, or that they are sound or not declared. Returns the faults."""
    from governance.organisation.laid_down import declared_folder, load_organisation

    folder = declared_folder()
    if folder is None:
        click.echo(
            "organisation: not declared, so that deadlines are the demonstration's; name the folder of its documents "
            "with AIMS_ORGANISATION"
        )
        return {}
    try:
        laid = load_organisation(folder, systems)
    except DeclarationFaults as error:
        for fault in error.faults:
            click.echo(str(fault))
        return {"organisation": error.faults}
    example = " (demonstration)" if any(titled.demonstration for titled in laid.titled.values()) else ""
    counts = f"risks: {len(laid.risks.risks)}, objectives: {len(laid.objectives.objectives)}"
    click.echo(f"organisation: sound; {counts}, excluded controls: {len(laid.applicability.excluded)}{example}")
    return {}


def keep_documents(register: Register, at: dt.datetime) -> None:
    """Enters the declared organisation's documents as they stand. Faults are told, and keep no system from running."""
    from governance.organisation.laid_down import declared_folder

    if declared_folder() is None:
        return
    try:
        record_documents(register, _organisation(), at)
    except UsageFault as fault:
        click.echo(f"organisation: left out. {fault}", err=True)


def record_documents(register: Register, laid: Organisation, at: dt.datetime) -> int:
    """Enters documents and risks as they stand now, in one transaction. Returns how many events were new."""
    from governance.organisation import agreement
    from governance.record import ledger

    with ledger.writing(register.engine) as connection:
        return agreement.record(connection, laid, at=at)


def _organisation() -> Organisation:
    from governance.organisation.laid_down import declared_folder, load_organisation

    folder = declared_folder()
    if folder is None:
        raise UsageFault("No organisation is declared. Name the folder of its documents with AIMS_ORGANISATION.")
    try:
        return load_organisation(folder)
    except DeclarationFaults as error:
        count = f"{len(error.faults)} fault{'s' * (len(error.faults) != 1)}"
        raise UsageFault(f"The organisation's documents have {count}. See `aims check`.") from None


def _systems() -> Declarations:
    found = load_all(systems_folder())
    for name, faults in found.faults.items():
        click.echo(f"{name}: left out, {len(faults)} faults in its declaration; see `aims check`", err=True)
    return found


def _register() -> Register | None:
    return home().register() if home().exists else None


def _day(as_of: dt.datetime | None) -> dt.date:
    return as_of.date() if as_of else dt.datetime.now(dt.UTC).date()


def _source(source: dict[str, Any]) -> str:
    return f"{source['part']}: licence: {source['licence']} Legal basis: {source['legal_basis']}"


def _tell(as_json: bool, *lines: str) -> None:
    """What is for people stands beside the rows, never among them."""
    for line in lines:
        click.echo(line, file=sys.stderr if as_json else sys.stdout)
