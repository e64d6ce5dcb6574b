"""Rows of one batch that stand in another: the calendar says whose they are, whichever came first.

Of two production batches that share rows the later one is held: it was sent what had been another period's. An
earlier batch that comes, is corrected or is held afterwards has the later ones looked at again, and what they were
held for can go away by that. Only landings that are in use count against others. So the last state is the same
whatever the order in which batches arrive, and a killed run's is made good by the next one of the same batch.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Any

from assets.kept.home import Site
from assets.landed.keyprints import Keyprints, Sharing, told_by
from governance.batches import CLEARED, HELD, RELEASED, SHARED, Standing, accepted_rules, standing
from governance.declared import periods
from governance.declared.declarations import Declaration
from governance.record.ledger import Event


def settle_sharing(declaration: Declaration, batch: str, part: str, site: Site) -> Event | None:
    """Looks at a batch and at all later ones that share rows with it. Returns why the batch itself is held."""
    if part != "production" or told_by(declaration) is None or _is_reference(declaration, batch):
        return None
    index = Keyprints(declaration, site)
    stands = standing(site.register, f"{declaration.id}/{batch}/production")
    if stands.offered:
        index.enter(batch, stands.offered.body["digest"])
    reason = _settle(declaration, batch, stands, batch, index, site)
    for later in _later(index, batch):
        stands = standing(site.register, f"{declaration.id}/{later}/production")
        _settle(declaration, later, stands, batch, index, site)
    return reason


def turned_by(declaration: Declaration, batch: str, site: Site) -> Iterator[str]:
    """Other batches that were ever held or let go because of this one, or of what became of others by it."""
    found = set()
    for event in site.register.events((HELD, CLEARED), f"{declaration.id}/"):
        others = [other["batch"] for other in event.body.get("others") or ()]
        if batch in (*others, event.body.get("cause")):
            found.add(event.subject.split("/")[1])
    yield from sorted(found - {batch})


def _is_reference(declaration: Declaration, batch: str) -> bool:
    return periods.part_of(declaration.system, batch) == "reference"


def _later(index: Keyprints, batch: str) -> Iterator[str]:
    """Later batches in their order, and those that share rows with them in turn: each once, none before its cause."""
    waiting, known = index.later_than(batch), {batch}
    while waiting:
        later = heapq.heappop(waiting)
        if later in known:
            continue
        known.add(later)
        yield later
        for more in index.later_than(later):
            heapq.heappush(waiting, more)


def _settle(
    declaration: Declaration, batch: str, stands: Standing, cause: str, index: Keyprints, site: Site
) -> Event | None:
    if stands.offered is None:
        return None
    digest = stands.offered.body["digest"]
    others = [one for one in index.sharing_with(digest) if one.batch < batch and _is_used(declaration, one, site)]
    rules = [rule_of(one) for one in others]
    subject = f"{declaration.id}/{batch}/production"
    released = site.register.history(subject, (RELEASED,))
    if set(rules) <= accepted_rules(released, digest, declaration.digests["contract.yaml"]):
        if stands.is_shared(digest):
            said = {"digest": digest, "reason": "no row of it stands in an earlier batch any more"}
            site.register.record(CLEARED, subject, {**said, "cause": cause, "run": site.run}, at=site.at)
        return None
    if stands.is_shared(digest) and stands.held and stands.held.body.get("rules") == rules:
        return stands.held
    body = _why(digest, others, index.keys(digest), stands.offered.body["observed"]["rows"])
    contract = declaration.digests["contract.yaml"]
    body |= {"declaration": declaration.digest, "contract": contract, "cause": cause, "run": site.run}
    return site.register.record(HELD, subject, body, at=site.at)


def _is_used(declaration: Declaration, other: Sharing, site: Site) -> bool:
    usable = standing(site.register, f"{declaration.id}/{other.batch}/production").usable
    return usable is not None and usable.body["digest"] == other.digest


def rule_of(other: Sharing) -> str:
    """What a person accepts who lets a batch through: rows of that landing, and of no other."""
    return f"rows of {other.batch} {other.digest[:12]}"


def _why(digest: str, others: list[Sharing], keys: int, rows: int) -> dict[str, Any]:
    whole = [one.batch for one in others if one.rows == keys == one.keys]
    named = ", ".join(f"{one.rows} in {one.batch}" for one in others[:3])
    more = f" and in {len(others) - 3} more batches" if len(others) > 3 else ""
    if whole:
        reason = f"All of its rows are those of the batch {whole[0]}."
    else:
        reason = f"Of its {keys} keys some stand in an earlier batch, too: {named}{more}."
    return {
        "reason": f"{reason} Send each batch its own rows.",
        "kinds": [SHARED],
        "arrival": "duplicate" if whole else "overlapping",
        "digest": digest,
        "rules": [rule_of(one) for one in others],
        "rows": rows,
        "offending": rows if whole else max(one.rows for one in others),
        "others": [{"batch": one.batch, "digest": one.digest, "rows": one.rows} for one in others],
    }
