"""The batch before a batch, for a contract that asks about the time between them (the service level `frequency`).

Which landing that is belongs to what a check rests on: where an earlier batch comes late, is corrected, held or let
go, the check of the one after it is another question, and is asked again; where nothing is asked about it, nothing is.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator

from assets.kept.home import Site
from assets.landed.landing import batch_part, usable
from governance.declared import periods
from governance.declared.declarations import Declaration
from governance.record import ledger
from governance.record.ledger import Event

PARTS = ("production", "reference")
"""Parts that are checked against service levels."""


def preceding(declaration: Declaration, batch: str, site: Site) -> tuple[str, Event] | None:
    """The last batch before this one of which something is in use, with its landing."""
    for earlier in reversed(periods.in_order(declaration.system)):
        if earlier < batch:
            event = usable(declaration, earlier, batch_part(declaration, earlier), site)
            if event is not None:
                return earlier, event
    return None


def rests_on(declaration: Declaration, batch: str, part: str, site: Site) -> dict[str, dict[str, str]]:
    """Among a check's inputs: the batch before → digest of its rows (none where there is none); empty where no level
    asks about it."""
    if part not in PARTS or not asks_about_it(declaration):
        return {}
    found = preceding(declaration, batch, site)
    return {"before": {found[0]: found[1].body["digest"]} if found else {}}


def next_in_use(declaration: Declaration, batch: str, site: Site) -> tuple[str, Event] | None:
    """The first batch after this one that was checked and is in use, with its landing: the one whose batch before
    this one is, or was."""
    for later in _checked_after(declaration, batch, site):
        event = usable(declaration, later, batch_part(declaration, later), site)
        if event is not None:
            return later, event
    return None


def _checked_after(declaration: Declaration, batch: str, site: Site) -> Iterator[str]:
    after = [later for later in periods.in_order(declaration.system) if later > batch]
    subjects = {later: f"{declaration.id}/{later}/{batch_part(declaration, later)}" for later in after}
    with site.register.reading() as connection:
        checked = [b for b, name in subjects.items() if ledger.last_event(connection, "batch.checked", name)]
    yield from checked


def asks_about_it(declaration: Declaration) -> bool:
    return _asks(declaration.contract_text, declaration.system.the("time"))


@functools.lru_cache(maxsize=256)
def _asks(contract_text: str, time_column: str | None) -> bool:
    from checks.contract import read_contract
    from checks.service_levels import levels_of

    levels = levels_of(read_contract(contract_text), time_column)
    return any(level.property == "frequency" and level.why_not is None for level in levels)
