"""Earlier batches as a reference: which of them are in, what they add up to, and which judgements they restate.

A batch is compared with what is known of earlier batches when it is judged. One that comes or changes afterwards
restates it: whatever the order in which batches arrive, the last judgements are the same.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assets.judged.profiles import read_profile
from assets.kept.home import Site
from assets.landed.landing import batch_part, usable
from governance.declared import periods
from governance.declared.comparison import Against
from governance.declared.declarations import Declaration
from governance.record.ledger import Event

if TYPE_CHECKING:
    from monitors.measure import Earlier

# How the inputs of a judgement name the profile of an earlier batch.
PREFIX = "against "
# Inputs that every batch of the system shares: where one of them is older, the batch is due for a run of its own.
SHARED = ("reference", "system", "assessment")


@dataclass(frozen=True, slots=True)
class Chosen:
    """The batches that one comparison wants, and of those that are in, batch → digest of its profile."""

    against: Against
    wanted: tuple[str, ...]
    profiles: dict[str, str]

    @property
    def lacking(self) -> str | None:
        """What is to be said of batches that are wanted and not there, or that the calendar does not hold yet."""
        if not self.profiles:
            return self.against.nothing
        asked = max(len(self.wanted), self.against.previous or self.against.last or 0)
        if len(self.profiles) == asked:
            return None
        missing = [batch for batch in self.wanted if batch not in self.profiles]
        named = f"; not there: {', '.join(missing[:5])}" if missing else ""
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        return f"{len(self.profiles)} of {asked} batches{named}{more}"


def chosen_for(declaration: Declaration, batch: str, reference: str, site: Site) -> tuple[Chosen, ...]:
    """What the criteria of single batches compare this one with, besides the frozen reference.

    A batch that was last counted for another `reference` (a digest) is not in: its bins may be others, and it will
    be counted again. A batch of the reference period is compared with nothing.
    """
    asked = comparisons_of(declaration)
    if not asked or periods.part_of(declaration.system, batch) == "reference":
        return ()
    every = periods.in_order(declaration.system)
    wanted = {against: against.chosen(batch, every) for against in asked}
    known: dict[str, str] = {}
    for one in sorted({one for some in wanted.values() for one in some}):
        event = site.register.last("batch.judged", f"{declaration.id}/{one}")
        if event and event.body["inputs"]["reference"] == reference and _is_in_use(declaration, one, site):
            known[one] = event.body["inputs"]["profile"]
    return tuple(
        Chosen(against, some, {one: known[one] for one in some if one in known}) for against, some in wanted.items()
    )


def _is_in_use(declaration: Declaration, batch: str, site: Site) -> bool:
    """A batch that was judged and is held since then is no measure for others."""
    return usable(declaration, batch, batch_part(declaration, batch), site) is not None


def comparisons_of(declaration: Declaration) -> tuple[Against, ...]:
    """Everything besides the frozen reference that single batches are compared with, each once."""
    return tuple(dict.fromkeys(c.against for c in declaration.assessment.criteria if c.against))


def inputs_of(chosen: tuple[Chosen, ...]) -> dict[str, str | None]:
    """`against BATCH` → digest of its profile, as the inputs of a judgement name it."""
    found = {batch: digest for one in chosen for batch, digest in one.profiles.items()}
    return {f"{PREFIX}{batch}": found[batch] for batch in sorted(found)}


def earlier_of(chosen: tuple[Chosen, ...], site: Site) -> tuple[Earlier, ...]:
    """The sums of the chosen profiles; each is read once, and no row is.

    Raises
    ------
    Altered
        A kept profile is gone or altered.
    """
    from monitors.measure import Earlier

    wanted = {digest for one in chosen for digest in one.profiles.values()}
    read = {digest: read_profile(site, digest) for digest in sorted(wanted)}
    found = []
    for one in chosen:
        parts = [read[digest] for digest in one.profiles.values()]
        whole = functools.reduce(operator.add, parts) if parts else None
        found.append(Earlier(one.against.name, whole, _words(one, whole.rows if whole else 0), one.lacking))
    return tuple(found)


def _words(chosen: Chosen, rows: int) -> str:
    batches = list(chosen.profiles)
    if not batches:
        return chosen.against.name
    which = f"the batch {batches[0]}" if len(batches) == 1 else f"{len(batches)} batches, {batches[0]} … {batches[-1]}"
    return f"{chosen.against.name} ({which}; {rows} rows)"


def restated_by(declaration: Declaration, batch: str, site: Site) -> Iterator[str]:
    """Batches whose last judgement rests on other profiles of earlier batches than are in now, because of this one.

    This batch is among them where an earlier one came in while it was judged. A batch that was judged by another
    reference, declaration or assessment is left out: it is due for a run of its own. So is one that is held.
    """
    own = site.register.last("batch.judged", f"{declaration.id}/{batch}")
    if own is None or not comparisons_of(declaration):
        return
    shared = {name: own.body["inputs"][name] for name in SHARED}
    for later in (batch, *_resting_on(declaration, batch)):
        event = site.register.last("batch.judged", f"{declaration.id}/{later}")
        same = event and {name: event.body["inputs"][name] for name in SHARED} == shared
        if event and same and _is_in_use(declaration, later, site):
            chosen = chosen_for(declaration, later, own.body["inputs"]["reference"], site)
            if inputs_of(chosen) != _judged_against(event):
                yield later


def _resting_on(declaration: Declaration, batch: str) -> list[str]:
    every = periods.in_order(declaration.system)
    found = {later for against in comparisons_of(declaration) for later in against.choosing(batch, every)}
    return [later for later in periods.expected_batches(declaration.system) if later in found]


def _judged_against(event: Event) -> dict[str, str | None]:
    return {name: digest for name, digest in event.body["inputs"].items() if name.startswith(PREFIX)}
