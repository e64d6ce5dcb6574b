"""How batches came: early, on time or late, corrected, duplicate or overlapping, and what became of each arrival.

Read from the record. The same bytes sent again leave nothing there, so that looking at a source twice is no arrival.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from typing import Any

from governance.batches import ABSENT, HELD, LANDED, Standing, kinds_of, standings
from governance.held_back import twin_of
from governance.record.ledger import Event
from governance.register import Register


def arrival_rows(
    register: Register, system: str, batch: str | None = None, *, earlier: bool = False
) -> Iterator[dict[str, Any]]:
    """Every batch's newest arrival, or each of them with `earlier`, with the listing's keys.

    What could not be landed is an arrival, too: it came, and was held back.
    """
    every = [e for e in register.events((LANDED, HELD, ABSENT), f"{system}/") if e.subject.split("/")[0] == system]
    since = min((e.at[:10] for e in every), default="")
    events = [e for e in every if e.kind != ABSENT and not _is_overlap(e)]
    landed = [event for event in events if event.kind == LANDED]
    stands = standings(register, system)
    came: dict[tuple[str, str], list[Event]] = {}
    for event in events:
        _, name, part = event.subject.split("/")
        if (batch in (None, name)) and _is_arrival(event, came.get((name, part), [])):
            came.setdefault((name, part), []).append(event)
    for about, some in sorted(came.items()):
        for event in some if earlier else some[-1:]:
            yield _row(event, stands[about], landed, since)


def in_words(arrival: dict[str, Any]) -> str:
    """`on time`, `3 days after it was due, corrects 300 rows: 1 added, 2 removed, 0 changed`."""
    if not arrival.get("timing"):
        return "not due on any day"
    days = f"{arrival['days']} days"
    words = {"early": f"{days} before its end", "late": f"{days} after it was due", "on_time": "on time"}
    said = words[arrival["timing"]]
    if not arrival.get("supersedes"):
        return said
    counts = [f"{arrival[n]} {n}" for n in ("added", "removed", "changed") if arrival.get(n) is not None]
    return f"{said}, corrects {arrival['rows_before']} rows: {', '.join(counts) or 'not compared'}"


def _is_overlap(event: Event) -> bool:
    return event.kind == HELD and kinds_of(event) == ("overlap",)


def _is_arrival(event: Event, before: list[Event]) -> bool:
    """Whether something new came: not what was held after it was landed, nor landed anew as it was."""
    if event.kind == HELD:
        return not event.body.get("digest")
    newest = next((e for e in reversed(before) if e.kind == LANDED), None)
    return newest is None or newest.body["digest"] != event.body["digest"]


def _timing(arrival: dict[str, Any], since: str) -> str | None:
    """As it was recorded; what was due before anybody here waited for this system's data was late for nobody."""
    if arrival.get("timing") != "late":
        return arrival.get("timing")
    due = dt.date.fromisoformat(arrival["first_seen"]) - dt.timedelta(days=arrival["days"])
    return "backfilled" if due.isoformat() < since else "late"


def _row(event: Event, stands: Standing, landed: Iterable[Event], since: str) -> dict[str, Any]:
    system, batch, part = event.subject.split("/")
    body = event.body
    arrival = body.get("arrival") or {}
    state = _state(event, stands)
    held = stands.held if state == "held" else None
    return {
        "system": system,
        "batch": batch,
        "part": part,
        "arrived_at": event.at,
        "timing": _timing(arrival, since),
        "days": arrival.get("days"),
        "kind": _kind(event, held, landed),
        "state": state,
        "rows": body["observed"]["rows"] if event.kind == LANDED else body.get("rows"),
        "supersedes": arrival.get("supersedes"),
        "rows_before": arrival.get("rows_before"),
        "added": arrival.get("added"),
        "removed": arrival.get("removed"),
        "changed": arrival.get("changed"),
        "others": [other["batch"] for other in (held.body.get("others") or ())] if held else [],
        "digest": body.get("digest"),
        "reason": held.body["reason"] if held else body.get("reason"),
    }


def _kind(event: Event, held: Event | None, landed: Iterable[Event]) -> str:
    if event.kind == HELD:
        return "duplicate" if twin_of(event, landed) else "unusable"
    if held is not None and held.body.get("arrival"):
        return str(held.body["arrival"])
    return "corrected" if (event.body.get("arrival") or {}).get("supersedes") else "first"


def _state(event: Event, stands: Standing) -> str:
    """What became of one arrival: in use, released, held, discarded, or something else came after it."""
    digest = event.body.get("digest")
    if stands.usable and digest == stands.usable.body["digest"]:
        return "released" if stands.released else "in use"
    held = stands.held
    if held and (held.seq == event.seq or (digest and held.body.get("digest") == digest)):
        return "held"
    if stands.discarded and stands.discarded.body.get("digest") == digest:
        return "discarded"
    return "superseded"
