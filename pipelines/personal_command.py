"""`aims personal`: persons are erased, and the keys of pseudonyms are changed and destroyed."""

from __future__ import annotations

import sys

import click

from assets.home import home
from governance.faults import UsageFault

JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object a row.")
# What is said of one person is short: this is a list of persons, and not a table of them.
MOST = 1_000


@click.group()
def personal() -> None:
    """Erases persons from landed data; changes and destroys the keys of pseudonyms."""


@personal.command()
@click.argument("system")
@click.option("--column", metavar="C", help="The key or entity whose values are given; the entity unless said.")
@JSON
def erase(system: str, column: str | None, as_json: bool) -> None:
    """Takes persons' rows out of everything that was landed of SYSTEM, and shows what remains.

    Their identifiers are read from standard input, one a line: `aims personal erase loans < persons.txt`. They are
    never arguments, which other users of the machine can read.
    """
    from assets.erasing import erase as erase_rows
    from assets.erasing import naming_column
    from assets.home import site
    from governance.declared.declarations import load_all, systems_folder
    from pipelines.declared import the_system
    from pipelines.listing import show

    found = the_system(load_all(systems_folder()), system)
    if not home().exists:
        raise UsageFault(f"Nothing has run yet in {home().root}: nobody's rows are there.")
    done = erase_rows(found, _persons(), naming_column(found, column), site(run="aims"))
    replaced = [
        {"what": "erased", "name": f"{item.batch}/{item.part}", "note": f"{item.rows} rows: {item.old} → {item.new}"}
        for item in done.replaced
    ]
    if not as_json:
        click.echo(f"{done.rows} rows taken out of {len(done.replaced)} files. What remains is listed, too.")
    show([*replaced, *done.remains], ("what", "name", "note"), as_json=as_json, empty="")


@personal.command()
def rotate() -> None:
    """Makes a new key: batches that come for the first time are pseudonymised with it from now on."""
    from assets.home import site
    from assets.keyring import make_key

    key = make_key(site(run="aims"))
    click.echo(f"{key.id} since {key.since}. Batches that were landed before keep theirs, so that outcomes join.")


@personal.command()
@JSON
def keys(as_json: bool) -> None:
    """The keys that there are, with how many landed parts need each. No secret is shown."""
    from assets.home import site
    from assets.keyring import ring
    from assets.treating import key_id
    from pipelines.listing import show

    rows = []
    if home().exists:
        newest = {event.subject: event for event in site(run="aims").register.events("batch.landed")}
        used = [key_id(event.body) for event in newest.values()]
        rows = [{"id": key.id, "since": key.since, "landed": used.count(key.id)} for key in ring(home())]
    show(rows, ("id", "since", "landed"), as_json=as_json, empty="Nothing has been pseudonymised.")


@personal.command("destroy-key")
@click.argument("name", metavar="KEY")
def destroy_key(name: str) -> None:
    """Destroys KEY: its pseudonyms lead back to nobody any more. Nothing undoes this.

    Outcomes of batches that were landed with it cannot be joined after that, and nobody can be erased from them.
    """
    from assets.home import site
    from assets.keyring import destroy_key as destroy

    destroy(site(run="aims"), name)
    click.echo(f"{name} is destroyed. Copies of it in backups are not: destroy them, too.")


def _persons() -> list[str]:
    try:
        lines = [line for line in sys.stdin.read().splitlines() if line.strip()]
    except UnicodeDecodeError:
        raise UsageFault("Standard input is no UTF-8 text. Give one identifier a line.") from None
    if not 1 <= len(lines) <= MOST:
        raise UsageFault(f"Give 1 to {MOST} identifiers on standard input, one a line; got {len(lines)}.")
    return lines


COMMANDS = (personal,)
