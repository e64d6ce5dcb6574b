"""`aims personal`: persons are erased, and the keys of pseudonyms are changed and destroyed, as people ordered it.

An order is an act with a personal token. It stands in the record before anything is done, and is carried out at once;
one that was interrupted is carried out to its end by the next of these commands.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from assets.kept.home import home
from governance.cases.personal_orders import Ground
from governance.faults import UsageFault
from pipelines.acting import TOKEN, held_token

if TYPE_CHECKING:
    from assets.kept.home import Site
    from assets.orders.erasing import Erasure
    from governance.cases.personal_orders import Order
    from governance.declared.declarations import Declarations

JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object a row.")
TICKET = click.option(
    "--ticket", required=True, help="Number of the request in your own register, such as DPO-2024-17. Never a name."
)
REASON = click.option("--reason", required=True, help="Why.")
# What is said of one person is short: this is a list of persons, and not a table of them.
MOST = 1_000


@click.group()
def personal() -> None:
    """Erases persons from landed data; changes and destroys the keys of pseudonyms; shows who ordered it."""


@personal.command()
@click.argument("system")
@click.option("--column", metavar="C", help="The key or entity whose values are given; the entity unless said.")
@TICKET
@click.option("--ground", required=True, type=click.Choice(get_args(Ground)), help="Why they are erased.")
@TOKEN
@JSON
def erase(system: str, column: str | None, ticket: str, ground: str, token_file: Path | None, as_json: bool) -> None:
    """Takes persons' rows out of everything that was landed of SYSTEM, and shows what remains.

    Their identifiers are read from standard input, one a line: `aims personal erase loans --ticket DPO-17 --ground
    objection < persons.txt`. They are never arguments, which other users of the machine can read.

    For the role governance lead, system owner. Leaves the event personal.erasure_ordered.
    """
    from assets.orders.erasing import naming_column
    from assets.orders.ordering import Actor, order_erasure
    from governance.declared.declarations import load_all, systems_folder
    from pipelines.declared import the_system

    systems = load_all(systems_folder())
    column = naming_column(the_system(systems, system), column)
    place, by = _site(), Actor(held_token(token_file))
    persons = _persons()
    _resume(systems, place, system)
    order = order_erasure(system, column, persons, {"ticket": ticket, "ground": ground}, by, place)
    done = _carried_out(order, systems, place)
    assert done is not None
    if not as_json:
        click.echo(
            f"{order.id}: {done.rows} rows taken out of {len(done.replaced)} files. What remains is listed, too."
        )
    _show(done, as_json)


@personal.command()
@TICKET
@REASON
@TOKEN
def rotate(ticket: str, reason: str, token_file: Path | None) -> None:
    """Makes a new key: batches that come for the first time are pseudonymised with it from now on.

    For the role governance lead. Leaves the event personal.rotation_ordered.
    """
    from assets.orders.ordering import Actor, order_rotation
    from assets.persons.keyring import newest_key

    place, by = _site(), Actor(held_token(token_file))
    _resume(None, place)
    _carried_out(order_rotation({"ticket": ticket, "reason": reason}, by, place), None, place)
    key = newest_key(place)
    click.echo(f"{key.id} since {key.since}. Batches that were landed before keep theirs, so that outcomes join.")


@personal.command()
@JSON
def keys(as_json: bool) -> None:
    """The keys that there are, with how many landed parts need each. No secret is shown."""
    from assets.kept.home import site
    from assets.persons.keyring import ring
    from assets.persons.treating import key_id
    from pipelines.listing import show

    rows = []
    if home().exists:
        newest = {event.subject: event for event in site(run="aims").register.events("batch.landed")}
        used = [key_id(event.body) for event in newest.values()]
        rows = [{"id": key.id, "since": key.since, "landed": used.count(key.id)} for key in ring(home())]
    show(rows, ("id", "since", "landed"), as_json=as_json, empty="Nothing has been pseudonymised.")


@personal.command("destroy-key")
@click.argument("name", metavar="KEY")
@click.option("--statement", required=True, help="What you looked at, and why you agree.")
@TOKEN
def destroy_key(name: str, statement: str, token_file: Path | None) -> None:
    """Destroys KEY, as somebody else asked (`aims act request-destroy-key`). Nothing undoes this.

    Its pseudonyms lead back to nobody any more: outcomes of batches that were landed with it cannot be joined after
    that, and nobody can be erased from them.

    For the role governance lead. Leaves the event personal.destruction_granted.
    """
    from assets.orders.ordering import Actor, order_destruction

    place, by = _site(), Actor(held_token(token_file))
    _resume(None, place)
    order = order_destruction(name, {"statement": statement}, by, place)
    _carried_out(order, None, place)
    click.echo(f"{order.about} is destroyed. Copies of it in backups are not: destroy them, too.")


@personal.command()
@JSON
def orders(as_json: bool) -> None:
    """Who ordered what, on which request, when and why, and whether it was carried out. Exit 1 where one is open."""
    from governance.cases.personal_orders import KINDS, orders_of
    from pipelines.listing import show

    found = orders_of(home().register().events(KINDS)).values() if home().exists else ()
    columns = (
        "id", "what", "about", "state", "by", "second", "at", "ticket", "reason", "column", "persons", "files", "rows",
        "finished_at",
    )  # fmt: skip
    show([one.as_row() for one in found], columns, as_json=as_json, empty="Nobody was erased, and no key destroyed.")
    if any(order.is_open for order in found):
        sys.exit(1)


@personal.command()
def resume() -> None:
    """Carries out what was ordered and interrupted. Exit 1 where something of it stays open.

    Takes no token: whoever ordered it was let to, and nothing else is done.
    """
    from governance.declared.declarations import load_all, systems_folder

    done, left = _resume(load_all(systems_folder()), _site())
    if not done + left:
        click.echo("Nothing was interrupted.")
    if left:
        sys.exit(1)


@personal.command()
@click.argument("system")
@click.option("--column", metavar="C", help="The key or entity whose values are given; the entity unless said.")
@JSON
def find(system: str, column: str | None, as_json: bool) -> None:
    """Which orders had these persons erased from SYSTEM: identifiers on standard input, one a line, as for `erase`.

    A person is told by the number of their line, and never repeated.
    """
    from assets.orders.erasing import naming_column
    from assets.orders.sealed import orders_about
    from governance.declared.declarations import load_all, systems_folder
    from pipelines.declared import the_system
    from pipelines.listing import show

    column = naming_column(the_system(load_all(systems_folder()), system), column)
    rows = [
        {"line": place, **(order.as_row() if order else {"state": "before orders were kept"})}
        for place, order in orders_about(_site(), system, column, _persons())
    ]
    columns = ("line", "id", "state", "by", "at", "ticket", "reason", "finished_at")
    show(
        [{**dict.fromkeys(columns), **row} for row in rows],
        columns,
        as_json=as_json,
        empty="Nobody of them was erased.",
    )


def _site() -> Site:
    from assets.kept.home import site

    if not home().exists:
        raise UsageFault(f"Nothing has run yet in {home().root}: nobody's rows are there.")
    return site(run="aims")


def _persons() -> list[str]:
    try:
        lines = [line for line in sys.stdin.read().splitlines() if line.strip()]
    except UnicodeDecodeError:
        raise UsageFault("Standard input is no UTF-8 text. Give one identifier a line.") from None
    if not 1 <= len(lines) <= MOST:
        raise UsageFault(f"Give 1 to {MOST} identifiers on standard input, one a line; got {len(lines)}.")
    return lines


def _carried_out(order: Order, found: Declarations | None, place: Site) -> Erasure | None:
    from assets.kept.lake import Altered
    from assets.orders.ordering import carry_out

    try:
        return carry_out(order, found, place)
    except Altered as altered:
        raise UsageFault(f"{order.id} stays open: {altered} Then: `aims personal resume`.") from None


def _resume(found: Declarations | None, place: Site, about: str | None = None) -> tuple[int, int]:
    """What was interrupted is done first; what cannot be is told, and stands in nobody's way. How many of each."""
    from assets.orders.ordering import left_open

    done = left = 0
    for order in left_open(place):
        if order.what == "erase" and (found is None or about not in (None, order.about)):
            continue
        try:
            _carried_out(order, found, place)
        except UsageFault as fault:
            click.echo(f"aims: {fault}", err=True)
            left += 1
            continue
        click.echo(f"{order.id} ({order.what}, {order.about}) had been interrupted, and is done now.", err=True)
        done += 1
    return done, left


def _show(done: Erasure, as_json: bool) -> None:
    from pipelines.listing import show

    replaced = [
        {"what": "erased", "name": f"{item.batch}/{item.part}", "note": f"{item.rows} rows: {item.old} → {item.new}"}
        for item in done.replaced
    ]
    show([*replaced, *done.remains], ("what", "name", "note"), as_json=as_json, empty="")


COMMANDS = (personal,)
