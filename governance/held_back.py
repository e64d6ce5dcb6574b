"""What is held back now, over all systems: why, how many rows, who has to act, and which ways back there are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from governance.batches import HELD, LANDED, Standing, kinds_of, standings
from governance.cases.quarantine import RELEASABLE
from governance.record.ledger import Event
from governance.register import Register


def quarantine_rows(register: Register, owners: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Everything that is held back now, over all systems, with the listing's keys. `owners` is system → its owner."""
    systems = sorted({event.subject.split("/")[0] for event in register.events(HELD)})
    for system in systems:
        stands = standings(register, system)
        landed = [event for event in register.events(LANDED, f"{system}/") if event.subject.split("/")[0] == system]
        for (batch, part), one in sorted(stands.items()):
            if one.held:
                yield _row(system, batch, part, one, landed, owners.get(system))


def _row(
    system: str, batch: str, part: str, stands: Standing, landed: list[Event], owner: str | None
) -> dict[str, Any]:
    held = stands.held
    assert held is not None
    body, kinds = held.body, kinds_of(held)
    twin = twin_of(held, landed)
    free = bool(body.get("rules")) and set(kinds) <= RELEASABLE
    ways = ["send it corrected", *(["release-batch"] if free else []), "discard-batch"]
    return {
        "system": system,
        "batch": batch,
        "part": part,
        "held_since": held.at,
        "kinds": ["duplicate"] if twin else list(kinds),
        "rows": body.get("rows"),
        "offending": body.get("offending"),
        "rules": body.get("rules") or [],
        "digest": body.get("digest"),
        "in_use": stands.usable.body["digest"] if stands.usable else None,
        "ways_back": ways,
        "who_acts": f"{supplier_of(landed, part) or 'the supplier'} or a reviewer"
        if free
        else (supplier_of(landed, part) or "the supplier"),
        "owner": owner,
        "reason": f"The file is that of the batch {twin}, byte for byte. {body['reason']}" if twin else body["reason"],
    }


def twin_of(held: Event, landed: Iterable[Event]) -> str | None:
    """The other batch whose file has the same bytes, whichever of the two came first; None where there is none."""
    source, mine = held.body.get("source_sha256"), held.subject.split("/")[1]
    if not source or kinds_of(held) != ("period",):
        return None
    same = (e for e in landed if e.body["observed"].get("source_sha256") == source)
    return next((batch for e in same if (batch := e.subject.split("/")[1]) != mine), None)


def supplier_of(landed: Iterable[Event], part: str) -> str | None:
    """Who is said to have supplied what was landed last of this part; None where nothing was."""
    found = [e.body["asserted"].get("supplier") for e in landed if e.subject.endswith(f"/{part}")]
    return found[-1] if found else None
