"""`aims contract`: every rule and service level of a system's contract, with its outcome on one batch.

Four outcomes are kept apart: met, unmet, not evaluated, and not declared, which are the standard's dimensions of
quality about which the contract asks nothing. What is shown was recorded when the batch was checked.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from assets.kept.home import home
from governance.declared import periods
from governance.declared.declarations import Declaration, load_all, systems_folder
from governance.faults import UsageFault
from pipelines.declared import the_system

if TYPE_CHECKING:
    from governance.record.ledger import Event

JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object a rule.")
BATCH = click.option("--batch", help="This batch (its start date or its label) instead of the newest one checked.")
COLUMNS = ("outcome", "rule", "part", "blocking", "dimension", "unexpected", "rows", "reason")


@click.command("contract")
@click.argument("system")
@BATCH
@JSON
def contract(system: str, batch: str | None, as_json: bool) -> None:
    """What SYSTEM's contract says of a batch: each rule met, unmet or not evaluated; and what it does not ask."""
    from pipelines.listing import show

    declaration = the_system(load_all(systems_folder()), system)
    wanted = periods.find_batch(declaration.system, batch) if batch else None
    events = _newest(declaration, wanted)
    if not events:
        which = f"the batch {wanted}" if wanted else "any batch"
        raise UsageFault(f"{declaration.id}: the contract has not been checked on {which} yet. Run `aims run` first.")
    rows = [row for event in events for row in _rows(event)]
    if not as_json:
        counts = (f"{sum(row['outcome'] == name for row in rows)} {name.replace('_', ' ')}" for name in OUTCOMES)
        label = periods.label_of(declaration.system, _batch_of(events[0]))
        click.echo(f"{declaration.id}, {label}, checked {events[0].at[:16].replace('T', ' ')}: {', '.join(counts)}")
    show(rows, COLUMNS, as_json=as_json, empty="The contract has no rule.")


OUTCOMES = ("unmet", "not_evaluated", "met", "not_declared")
"""As they are shown: what needs somebody first."""


def _newest(declaration: Declaration, batch: str | None) -> list[Event]:
    """The last check of each part of the batch; without one, of the batch that starts last of those checked."""
    if not home().exists:
        return []
    known = set(periods.all_batches(declaration.system))
    found: dict[str, Event] = {}
    for event in home().register().events("batch.checked", f"{declaration.id}/"):
        if _batch_of(event) in known:
            found[event.subject] = event
    chosen = batch or max((_batch_of(event) for event in found.values()), default=None)
    return [event for event in found.values() if _batch_of(event) == chosen]


def _batch_of(event: Event) -> str:
    return event.subject.split("/")[1]


def _rows(event: Event) -> Iterator[dict[str, Any]]:
    part, body = event.subject.split("/")[2], event.body
    for outcome, key in (("unmet", "unmet"), ("not_evaluated", "not_evaluated"), ("met", "met_rules")):
        for item in body.get(key, ()):
            yield _row(event, part, outcome, item)
    for dimension in body.get("not_declared", ()):
        about = {"rule": dimension, "dimension": dimension, "reason": "the contract asks nothing about it"}
        yield _row(event, part, "not_declared", about)


def _row(event: Event, part: str, outcome: str, item: dict[str, Any]) -> dict[str, Any]:
    """Checks that were recorded before counts were kept have none."""
    return {
        "batch": _batch_of(event),
        "part": part,
        "outcome": outcome,
        "rule": item["rule"],
        "blocking": item.get("blocking"),
        "dimension": item.get("dimension"),
        "unexpected": item.get("unexpected"),
        "rows": item.get("rows"),
        "tool_failed": item.get("tool_failed", False),
        "reason": item["reason"],
        "checked_at": event.at,
    }


COMMANDS = (contract,)
