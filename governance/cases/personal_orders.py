"""Who has persons erased, or keys of pseudonyms changed and destroyed: on which request, why, and whether it was done.

An order is an act of a person. Carrying it out is the pipeline's: its events name the order, and an order that is not
carried out yet stands open until it is. A key is destroyed by two people, since nothing undoes it. Who was erased
stands in no event: an order holds the number of the request in the organisation's own register of them, and how many
persons it was about.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from governance.organisation.management import Deadlines
from governance.people.acts import Act, Before, Named, Refused, apart
from governance.people.due import Due
from governance.people.roles import DECIDES, LEAD
from governance.people.said import Reason, Statement, Why
from governance.record.ledger import Event
from governance.shapes import Sha256, Strict

ERASURE, ROTATION = "personal.erasure_ordered", "personal.rotation_ordered"
REQUESTED, GRANTED = "personal.destruction_requested", "personal.destruction_granted"
REFUSED, GIVEN_UP = "personal.destruction_refused", "personal.order_given_up"
# What the pipeline appends when it carries an order out: the first for each file, the others once an order is done.
ERASED, FINISHED = "personal.erased", "personal.erasure_finished"
MADE, DESTROYED = "personal.key_made", "personal.key_destroyed"
AUTOMATIC = frozenset({ERASED, FINISHED, MADE, DESTROYED})
KINDS = (ERASURE, ROTATION, REQUESTED, GRANTED, REFUSED, GIVEN_UP, *sorted(AUTOMATIC))

# The keys are the whole installation's: an account for some systems only may not act on them.
RING = "keys"
# A number in another register, with a digit and without a blank: nobody is called so.
Ticket = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9._/#-]*[0-9][A-Za-z0-9._/#-]*$", min_length=2, max_length=40),
    Field(description="Number of the request in your own register of them, such as DPO-2024-17. Never a name."),
]
# Why somebody is erased, after Article 17(1) of the GDPR; `retention` is the end of a time that you gave yourselves.
Ground = Literal["no_longer_needed", "consent_withdrawn", "objection", "unlawful", "legal_duty", "retention"]
State = Literal["requested", "refused", "ordered", "finished", "given up", "without an order"]


class Erasure(Strict):
    """How many persons are erased, by which column, on which request. `sha256` is of the sealed list of them."""

    column: str
    persons: Annotated[int, Field(ge=1)]
    ticket: Ticket
    ground: Annotated[Ground, Field(description="Why.")]
    sha256: Sha256


class KeyOrder(Strict):
    """On which request, and why."""

    ticket: Ticket
    reason: Why


@dataclass(frozen=True, slots=True)
class Order:
    """One order as it stands.

    `about` is a system's id or a key's; `by` and `at` say who ordered it and when, `second` who let a key be destroyed.
    `files` and `rows` are what was rewritten so far. What older versions did has no order: `by` is None.
    """

    id: str
    seq: int
    what: Literal["erase", "rotate", "destroy key"]
    about: str
    by: str | None
    at: str
    ticket: str | None
    reason: str | None
    state: State
    column: str | None = None
    persons: int | None = None
    sha256: str | None = None
    second: str | None = None
    finished_at: str | None = None
    files: int = 0
    rows: int = 0

    @property
    def is_open(self) -> bool:
        """Whether it was ordered and is not carried out."""
        return self.state == "ordered"

    def as_row(self) -> dict[str, Any]:
        """The listing's keys."""
        return {name: getattr(self, name) for name in self.__slots__ if name not in ("seq", "sha256")}


def orders_of(events: Iterable[Event]) -> dict[int, Order]:
    """All orders by the number of their first event, from events of the kinds `KINDS` in order."""
    found: dict[int, Order] = {}
    for event in events:
        if event.kind in (ERASURE, ROTATION, REQUESTED):
            found[event.seq] = _ordered(event)
        elif event.kind in (ERASED, DESTROYED) and "order" not in event.body:
            _enter_without(found, event)
        elif event.body.get("order") in found:
            found[event.body["order"]] = _extended(found[event.body["order"]], event)
    return found


def _ordered(event: Event) -> Order:
    body, name = event.body, f"PD-{event.seq}"
    about = event.subject.removeprefix(f"{RING}/")
    said = (event.actor, event.at, body["ticket"])
    if event.kind == ERASURE:
        more = {name: body[name] for name in ("column", "persons", "sha256")}
        return Order(name, event.seq, "erase", about, *said, body["ground"], "ordered", **more)
    if event.kind == ROTATION:
        return Order(name, event.seq, "rotate", about, *said, body["reason"], "ordered")
    return Order(name, event.seq, "destroy key", about, *said, body["reason"], "requested")


def _enter_without(found: dict[int, Order], event: Event) -> None:
    """What was done before orders were acts, or past the door: the files of one run are one of them."""
    about = event.subject.split("/")[1 if event.kind == DESTROYED else 0]
    what: Literal["erase", "destroy key"] = "destroy key" if event.kind == DESTROYED else "erase"
    known = next((o for o in found.values() if o.by is None and (o.about, o.at) == (about, event.at)), None)
    if known is None:
        known = Order(
            f"PD-{event.seq}", event.seq, what, about, None, event.at, None, None, "without an order",
            finished_at=event.at,
        )  # fmt: skip
    found[known.seq] = _with_file(known, event) if event.kind == ERASED else known


def _with_file(order: Order, event: Event) -> Order:
    return replace(order, files=order.files + 1, rows=order.rows + event.body["rows"])


def _extended(order: Order, event: Event) -> Order:
    if event.kind == ERASED:
        return _with_file(order, event)
    if event.kind == GRANTED:
        return replace(order, state="ordered", second=event.actor)
    if event.kind in (REFUSED, GIVEN_UP):
        return replace(order, state="refused" if event.kind == REFUSED else "given up", second=event.actor)
    return replace(order, state="finished", finished_at=event.at)


# Rules


def _orders(before: Before) -> dict[int, Order]:
    return orders_of(before.events("personal.*"))


def _may_always(_before: Before, _event: Event) -> None:
    """Whoever has the role may, whenever."""


def _ring(_before: Before, name: str) -> Named:
    return f"{RING}/{name}", {}


def _may_request(before: Before, event: Event) -> None:
    name = event.subject.removeprefix(f"{RING}/")
    if before.last(MADE, event.subject) is None or before.last(DESTROYED, event.subject) is not None:
        raise Refused(f"There is no key {name!r}. See `aims personal keys`.")
    standing = [o for o in _orders(before).values() if o.about == name and o.state in ("requested", "ordered")]
    if standing:
        raise Refused(f"{standing[0].id} asks for that already, since {standing[0].at[:10]}.")


def _request(before: Before, name: str) -> Named:
    for order in _orders(before).values():
        if order.state == "requested" and name in (order.id, order.about):
            return f"{RING}/{order.about}", {"order": order.seq}
    raise Refused(f"Nobody asked for the key {name!r} to be destroyed (`aims act request-destroy-key`).")


def _requested(before: Before, event: Event) -> Order:
    order = _orders(before).get(event.body["order"])
    if order is None or order.state != "requested" or f"{RING}/{order.about}" != event.subject:
        raise Refused(
            f"PD-{event.body['order']} does not ask for this key to be destroyed. See `aims personal orders`."
        )
    return order


def _may_destroy(before: Before, event: Event) -> None:
    apart(before, event, (_requested(before, event).by,), "requester_approver")


def _may_refuse(before: Before, event: Event) -> None:
    _requested(before, event)


def _open(before: Before, name: str) -> Named:
    found = next((order for order in _orders(before).values() if order.id == name.upper()), None)
    if found is None:
        raise Refused(f"There is no order {name!r}. See `aims personal orders`.")
    return found.about if found.what == "erase" else f"{RING}/{found.about}", {"order": found.seq}


def _may_give_up(before: Before, event: Event) -> None:
    order = _orders(before).get(event.body["order"])
    if order is None or not order.is_open or order.about != event.subject.removeprefix(f"{RING}/"):
        raise Refused(f"PD-{event.body['order']} is not open. See `aims personal orders`.")


_ORDER = frozenset({"order"})
# Made by `aims personal`, which carries them out at once.
ERASE = Act(
    "erase-persons", ERASURE, "system", DECIDES, Erasure, _may_always,
    "Have persons erased from everything that was landed of a system.",
)  # fmt: skip
ROTATE = Act(
    "rotate-key", ROTATION, "ring", LEAD, KeyOrder, _may_always,
    "Have a new key made: batches that come for the first time are pseudonymised with it.", _ring,
)  # fmt: skip
DESTROY = Act(
    "destroy-key", GRANTED, "key", LEAD, Statement, _may_destroy,
    "Have a key destroyed that somebody else asked to be: nothing undoes this.", _request, _ORDER,
)  # fmt: skip
ACTS = (
    Act(
        "request-destroy-key", REQUESTED, "key", DECIDES, KeyOrder, _may_request,
        "Ask for a key of pseudonyms to be destroyed; a governance lead other than you does it.", _ring,
    ),
    Act(
        "refuse-destroy-key", REFUSED, "key", DECIDES, Reason, _may_refuse,
        "A key that somebody asked to be destroyed is kept.", _request, _ORDER,
    ),
    Act(
        "give-up-order", GIVEN_UP, "order", LEAD, Reason, _may_give_up,
        "Say why an erasure or a change of keys that is open cannot be finished.", _open, _ORDER,
    ),
)  # fmt: skip
RECORDED = (ERASE, ROTATE, DESTROY)


def due(before: Before, _deadlines: Deadlines) -> Iterator[Due]:
    """Orders that were not carried out to their end, from the day on which they were given."""
    for order in _orders(before).values():
        if order.is_open:
            system = order.about if order.what == "erase" else RING
            what = "finish it: `aims personal resume`"
            yield Due(dt.date.fromisoformat(order.at[:10]), f"{order.id}/finish", system, what, order.by)
