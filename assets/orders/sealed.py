"""The persons of an order that is being carried out, as keyed digests, so that it can be resumed.

The list is written with the order, which holds its digest; it goes when the order is done. What
stands for a person in a file is a digest under the list's own secret where the file holds them as they are, and their
pseudonym where it was landed with a key.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from assets.kept.home import Site
from assets.kept.lake import Altered, holding, keep_text
from assets.persons.keyring import listed, ring, suppression, suppression_key
from governance.cases.personal_orders import KINDS, Order, orders_of
from governance.record import ledger
from governance.record.canonical import digest_of_bytes


@dataclass(frozen=True, slots=True)
class Sealed:
    """What stands for the persons of one order.

    `digests` as on the list of those who are left out; `pseudonyms` by the key that they were made with.
    """

    column: str
    digests: frozenset[str]
    pseudonyms: dict[str, frozenset[str]]


def seal(site: Site, system: str, column: str, persons: Sequence[str]) -> str:
    """The text of the list of these persons."""
    key = suppression_key(site)
    written = {
        "column": column,
        "digests": sorted({suppression(key, system, column, person) for person in persons}),
        "pseudonyms": {
            one.id: sorted({one.pseudonym(system, column, person) for person in persons}) for one in ring(site.home)
        },
        # Of two lists of the same persons the digests tell nothing.
        "salt": secrets.token_hex(16),
    }
    return json.dumps(written, sort_keys=True)


def sealed_digest(text: str) -> str:
    """The digest that the order must hold."""
    return digest_of_bytes(text.encode())


def keep_sealed(site: Site, text: str) -> None:
    """Writes the list, in the transaction of its order: see `tidy`."""
    keep_text(_path(site, sealed_digest(text)), text)


def unsealed(site: Site, order: Order) -> Sealed:
    """The list of an order.

    Raises
    ------
    Altered
        It is gone, or other persons stand on it than were ordered.
    """
    sha256 = str(order.sha256)
    path = _path(site, sha256)
    remedy = (
        f"and put your copy back; without one, give up {order.id} (`aims act give-up-order`) and erase its persons anew"
    )
    try:
        text = holding(path, f"keys/{path.name}", (sha256,), remedy).read_text("ascii")
    except Altered as altered:
        raise Altered(f"{order.id} cannot be finished: {altered}", file=altered.file, found=altered.found) from None
    found = json.loads(text)
    pseudonyms = {name: frozenset(values) for name, values in found["pseudonyms"].items()}
    return Sealed(found["column"], frozenset(found["digests"]), pseudonyms)


def tidy(site: Site) -> None:
    """Removes lists that no open order is about. None is being ordered meanwhile: that is a transaction, too."""
    with ledger.writing(site.register.engine) as connection:
        found = orders_of(ledger.events(connection, kind=KINDS)).values()
        needed = {_path(site, str(order.sha256)) for order in found if order.is_open}
        for path in site.home.keys.glob("erasing-*"):
            if path not in needed:
                path.unlink()


def open_orders(site: Site) -> list[Order]:
    """Orders that are not carried out, the oldest first."""
    found = orders_of(site.register.events(KINDS)).values()
    return [order for order in found if order.is_open]


def orders_about(site: Site, system: str, column: str, persons: Sequence[str]) -> Iterator[tuple[int, Order | None]]:
    """The place of each person who was erased among these, from 1 on, with each order; None where that was without one.

    Raises
    ------
    Altered
        The list of those who were erased is not the one that was kept.
    """
    known, key = listed(site, system), suppression_key(site)
    orders = orders_of(site.register.events(KINDS))
    for place, person in enumerate(persons, 1):
        found = known.get(suppression(key, system, column, person))
        if found is not None:
            yield from ((place, orders.get(seq)) for seq in found or (0,))


def _path(site: Site, sha256: str) -> Path:
    return site.home.keys / f"erasing-{sha256}"
