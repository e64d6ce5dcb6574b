"""Orders about personal data, given at the door and then carried out.

The door (`governance.people.acts`) says who may order what; nothing is done before the order stands in the record.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from assets.kept.home import Site
from assets.orders.erasing import Erasure, erase, finish
from assets.orders.sealed import keep_sealed, open_orders, seal, sealed_digest, tidy
from assets.persons.keyring import destroy_key, key_named, make_key
from governance.cases.personal_orders import DESTROY, ERASE, KINDS, ROTATE, Order, orders_of
from governance.declared.declarations import Declarations
from governance.faults import UsageFault
from governance.people.acts import Act, authenticate, perform
from governance.record import ledger
from governance.record.ledger import Event


@dataclass(frozen=True, slots=True)
class Actor:
    """Who orders: whoever holds this token, or else this demonstration account."""

    token: str | None = None
    account: str = ""

    def does(self, connection: sa.Connection, act: Act, subject: str, said: Mapping[str, Any], site: Site) -> Event:
        """The act, inside the caller's transaction."""
        if self.token is None:
            return perform(connection, act, subject, said, account=self.account, at=site.at)
        held = authenticate(connection, self.token, act, site.at)
        return perform(connection, act, subject, said, account=held.account, token=held.id, at=site.at)


def order_erasure(
    system: str, column: str, persons: Sequence[str], said: Mapping[str, Any], by: Actor, site: Site
) -> Order:
    """Has these persons erased from a system; `said` are the ticket and the ground.

    Raises
    ------
    UsageFault
        Whoever it is may not, or did not say what must be said. Nothing is kept of the persons then.
    """
    tidy(site)
    text = seal(site, system, column, persons)
    said = {**said, "column": column, "persons": len(set(persons)), "sha256": sealed_digest(text)}
    with ledger.writing(site.register.engine) as connection:
        event = by.does(connection, ERASE, system, said, site)
        keep_sealed(site, text)
        return _order(connection, event.seq)


def order_rotation(said: Mapping[str, Any], by: Actor, site: Site) -> Order:
    """Has a new key made; `said` are the ticket and the reason."""
    with ledger.writing(site.register.engine) as connection:
        return _order(connection, by.does(connection, ROTATE, "pseudonyms", said, site).seq)


def order_destruction(name: str, said: Mapping[str, Any], by: Actor, site: Site) -> Order:
    """Has a key destroyed that somebody else asked to be; `said` is a statement.

    Raises
    ------
    UsageFault
        The key is not there; nobody asked for it; or whoever asked is the same person.
    """
    if key_named(site.home, name) is None:
        raise UsageFault(f"There is no key {name!r}. See `aims personal keys`.")
    with ledger.writing(site.register.engine) as connection:
        return _order(connection, by.does(connection, DESTROY, name, said, site).body["order"])


def carry_out(order: Order, found: Declarations | None, site: Site) -> Erasure | None:
    """Does what was ordered, or the rest of it. What was erased and what remains; None for orders about keys.

    Raises
    ------
    UsageFault
        The system is not declared any more, or has faults; or the key lies elsewhere.
    Altered
        A file is not the one that was kept: the order stays open.
    """
    if order.what == "rotate":
        make_key(site, order)
    elif order.what == "destroy key":
        destroy_key(site, order)
    else:
        declaration = found.sound.get(order.about) if found else None
        if declaration is None:
            raise UsageFault(f"{order.id} cannot be finished: {order.about} is not declared, or has faults.")
        return erase(declaration, order, site)
    return None


def left_open(site: Site) -> list[Order]:
    """Orders that were interrupted, the oldest first; what lies there of others that are over is removed."""
    tidy(site)
    finish(site)
    return open_orders(site)


def _order(connection: sa.Connection, seq: int) -> Order:
    return orders_of(ledger.events(connection, kind=KINDS))[seq]
