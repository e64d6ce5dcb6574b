"""Orders about personal data: of demonstration accounts (dora asks, lea and leo lead), and at the command."""

from __future__ import annotations

from collections.abc import Sequence

from click.testing import CliRunner, Result

from assets.kept.home import Site
from assets.orders import erasing
from assets.orders.ordering import Actor, order_destruction, order_erasure, order_rotation
from assets.persons import keyring
from governance.cases.personal_orders import Order
from governance.declared.declarations import Declaration
from governance.people.accounts import OPENED
from governance.people.acts import SERVICE, perform
from governance.people.appointing import ACTS
from governance.processes import BY_VERB
from governance.record import ledger
from tests.conftest import Made

OPEN = next(act for act in ACTS if act.kind == OPENED)
ROLES = {"dora": "system_owner", "lea": "governance_lead", "leo": "governance_lead", "eve": "engineer"}
ERASE = ("--ticket", "DPO-17", "--ground", "objection")
WHY = {"ticket": "DPO-17", "reason": "the year is over"}


def by(name: str, site: Site) -> Actor:
    """The demonstration account of that name, opened when it is first needed."""
    if not any(event.subject == f"account/{name}" for event in site.register.events(OPENED)):
        with ledger.writing(site.register.engine) as connection:
            said = {"roles": [ROLES[name]], "demonstration": True}
            perform(connection, OPEN, name, said, account=SERVICE, at=site.at)
    return Actor(account=name)


def ask(declaration: Declaration, persons: Sequence[str], column: str, site: Site, ticket: str = "DPO-17") -> Order:
    """An order to erase persons that is not carried out yet."""
    said = {"ticket": ticket, "ground": "objection"}
    return order_erasure(declaration.id, column, persons, said, by("dora", site), site)


def erase(declaration: Declaration, persons: Sequence[str], column: str, site: Site) -> erasing.Erasure:
    """Ordered and carried out."""
    return erasing.erase(declaration, ask(declaration, persons, column, site), site)


def rotate(site: Site) -> keyring.Key:
    """A new key, ordered and made."""
    return keyring.make_key(site, order_rotation(WHY, by("lea", site), site))


def request(name: str, site: Site, who: str = "dora") -> None:
    """Somebody asks for a key to be destroyed."""
    by(who, site)
    with ledger.writing(site.register.engine) as connection:
        perform(connection, BY_VERB["request-destroy-key"], name, WHY, account=who, at=site.at)


def let_destroy(name: str, site: Site, who: str = "leo") -> Order:
    """Somebody lets a key be destroyed; that is not carried out yet."""
    return order_destruction(name, {"statement": "its batches are past their time"}, by(who, site), site)


def destroy(name: str, site: Site) -> None:
    """Asked for, let and done."""
    request(name, site)
    keyring.destroy_key(site, let_destroy(name, site))


def at_command(made: Made, token: str, *arguments: str, persons: str = "", check: int = 0) -> Result:
    """`aims personal …` with a token and with persons on standard input."""
    from pipelines.command import main

    env = {"AIMS_HOME": str(made.home), "AIMS_TOKEN": token}
    done = CliRunner().invoke(main, ["personal", *arguments], input=persons, env=env)
    assert done.exit_code == check, f"exit {done.exit_code}\n{done.output}\n{done.exc_info}"
    return done


def first_token(made: Made) -> str:
    """That of lena, a governance lead and the first account."""
    return made.aims("token", "first", "lena").stdout.strip()
