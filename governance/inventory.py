"""The inventory (4.3, A.4.2, A.4.3): what is declared, against what is seen running in the record."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, get_args

from governance.absence import states
from governance.approval.coverage import approval_gap
from governance.declared.declarations import Declaration, Declarations
from governance.declared.sources import Part, Source
from governance.organisation.standing import until
from governance.people.acts import Before
from governance.record import ledger
from governance.record.ledger import Event
from governance.register import Register

# Kinds by which a system shows that it ran; their subjects begin with its id.
RAN = ("batch.landed", "batch.held", "batch.judged", "reference.frozen", "model.trained")


@dataclass(frozen=True, slots=True)
class Seen:
    """What the record shows of one system: when it ran first and last, as what it was declared then, its models."""

    first_at: str
    last_at: str
    declaration: str | None
    judged: int
    last_judged: str | None
    last_judged_at: str | None
    models: tuple[str, ...]


def seen_running(events: Iterable[Event]) -> dict[str, Seen]:
    """System → what the record shows of it; from the events of the kinds `RAN`, in order."""
    by_system: dict[str, list[Event]] = {}
    for event in events:
        if event.kind in RAN:
            by_system.setdefault(event.subject.split("/")[0], []).append(event)
    return {system: _seen(found) for system, found in by_system.items()}


def _seen(events: list[Event]) -> Seen:
    judged = {event.subject.split("/", 1)[1]: event for event in events if event.kind == "batch.judged"}
    landed = [event for event in events if event.kind == "batch.landed"]
    models = [event.subject.split("/", 1)[1] for event in events if event.kind == "model.trained"]
    last = max(judged, default=None)
    return Seen(
        events[0].at,
        events[-1].at,
        landed[-1].body.get("declaration") if landed else None,
        len(judged),
        last,
        judged[last].at if last else None,
        tuple(dict.fromkeys(models)),
    )


def inventory_rows(systems: Declarations, register: Register | None, as_of: dt.date) -> list[dict[str, Any]]:
    """Every system that is declared or was seen running, with the listing's keys."""
    events = until([e for kind in RAN for e in register.events(kind)], as_of) if register else []
    seen = seen_running(sorted(events, key=lambda event: event.seq))
    rows = [_declared_row(d, seen.get(d.id), register, as_of) for d in systems.sound.values()]
    rows += [_undeclared_row(name, what, "declared with faults") for name, what in _faulty(systems, seen)]
    known = set(systems.sound) | set(systems.faults)
    rows += [_undeclared_row(name, seen[name], "not declared") for name in sorted(seen) if name not in known]
    return rows


def _faulty(systems: Declarations, seen: dict[str, Seen]) -> list[tuple[str, Seen | None]]:
    return [(name, seen.get(name)) for name in systems.faults]


def _declared_row(
    declaration: Declaration, seen: Seen | None, register: Register | None, as_of: dt.date
) -> dict[str, Any]:
    system = declaration.system
    batches = states(declaration, register, as_of) if register and seen else []
    overdue = [item for item in batches if item.state in ("absent", "held", "landed")]
    gap = _gap(declaration, register, as_of) if register and seen else None
    findings = list(_findings(declaration, seen, gap)) + [
        f"{item.label}: {item.state}, {item.reason}" for item in overdue
    ]
    return {
        "id": system.id,
        "state": "running" if seen else "never ran",
        "name": system.name,
        "purpose": system.purpose,
        "owner": system.owner,
        "organisation_role": system.organisation_role,
        "stage": system.stage,
        "model": declaration.model.name if declaration.model else None,
        **_seen_keys(seen),
        "declaration": declaration.digest,
        "data": [_source_row(part, source) for part in get_args(Part) if (source := system.source(part)) is not None],
        "findings": findings,
    }


def _gap(declaration: Declaration, register: Register, as_of: dt.date) -> str | None:
    """What is missing for its impact assessment to be in force, if anything."""
    with register.reading() as connection:
        at = dt.datetime.combine(as_of, dt.time.max, dt.UTC)
        return approval_gap(declaration, Before(connection, ledger.head(connection)[0] + 1, at), as_of)


def _findings(declaration: Declaration, seen: Seen | None, gap: str | None) -> Iterable[str]:
    if seen is None:
        yield "is declared and never ran"
        return
    if seen.declaration is not None and seen.declaration != declaration.digest:
        yield "its declaration changed since it last took data in"
    if seen.last_judged is None:
        yield "ran, and nothing of it was ever judged"
    if declaration.model and declaration.model.name not in seen.models:
        yield f"its model {declaration.model.name} is declared and was never trained"
    for name in seen.models:
        if declaration.model is None or declaration.model.name != name:
            yield f"a model {name} was trained that is not declared any more"
    if gap:
        yield gap
    if declaration.system.stage == "retirement":
        yield "is declared retired and was seen running"


def _undeclared_row(name: str, seen: Seen | None, state: str) -> dict[str, Any]:
    what = "has faults in its declaration; see `aims check`" if "faults" in state else "was seen running, undeclared"
    blank = ("name", "purpose", "owner", "organisation_role", "stage", "model")
    keys = {"id": name, "state": state, **dict.fromkeys(blank)}
    return {**keys, **_seen_keys(seen), "declaration": None, "data": [], "findings": [what]}


def _seen_keys(seen: Seen | None) -> dict[str, Any]:
    return {
        "first_seen_at": seen.first_at if seen else None,
        "last_seen_at": seen.last_at if seen else None,
        "judged": seen.judged if seen else 0,
        "last_judged": seen.last_judged if seen else None,
        "last_judged_at": seen.last_judged_at if seen else None,
        "models_trained": list(seen.models) if seen else [],
    }


def _source_row(part: str, source: Source) -> dict[str, Any]:
    """What the supplier asserts of one source (A.7.3, A.7.5). Its address is left out: it may tell of a network."""
    return {"part": part, "kind": source.kind, **source.provenance.model_dump(mode="json")}
