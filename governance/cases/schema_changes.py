"""Columns of a source that are no longer those of its first landing: told once, open until a person decides.

Names and types only, never a value. What a required column needs is not decided here: without it the batch is held.
An order of columns is no change, for they are read by their names.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from governance.declared.declarations import Declaration
from governance.people.acts import Act, Before, Named, Refused
from governance.people.roles import JUDGES
from governance.people.said import Why
from governance.record.canonical import digest
from governance.record.ledger import Event
from governance.shapes import Strict

FOUND, CHANGED, DECIDED = "schema.found", "schema.changed", "schema.decided"
# From this likeness of two names on, one column gone and one new are taken for the same one.
ALIKE = 0.75
# Stems of names under which people can be told apart. A hint for who decides, and no recogniser of values.
_PERSONAL = re.compile(
    r"(^|[_\W])((first|last|full|sur|given|family|user|maiden)_?name|name|e?_?mail|phone|mobile|tel|street|address"
    r"|birth|dob|ssn|iban|passport|tax_?id|national_?id|ip)($|[_\W]|date|day|address)",
    re.IGNORECASE,
)


class Decision(Strict):
    """What is done about a column that changed."""

    decision: Annotated[
        Literal["declare", "leave_out"],
        Field(description="It will be declared, with a change of the declaration; or it stays out."),
    ]
    reason: Why


@dataclass(frozen=True, slots=True)
class Change:
    """One column of a source that is not as it was: added, gone, retyped or renamed (`other` is its new name)."""

    id: str
    change: str
    column: str
    other: str | None
    type_before: str | None
    type: str | None
    looks_personal: bool

    def as_body(self) -> dict[str, Any]:
        """As the event keeps it."""
        return {name: getattr(self, name) for name in self.__slots__}


def changes(
    about: str,
    before: Mapping[str, str],
    now: Mapping[str, str],
    declared: Collection[str],
    known: Collection[str],
) -> tuple[Change, ...]:
    """What differs: undeclared columns that are new, declared ones that are gone, of another type, or renamed.

    Parameters
    ----------
    about : str
        `system/part`, which makes the ids.
    before, now : mapping of column to its type in the source
    declared : columns that are kept; `known` those that are declared as personal, which are left out as promised
    """
    added = {name for name in now if name not in before and name not in declared and name not in known}
    gone = [name for name in before if name in declared and name not in now]
    found = []
    for name in sorted(gone):
        other = _alike(name, added)
        added -= {other}
        kind = "renamed" if other else "gone"
        found.append(_change(about, kind, name, other, before[name], now.get(other) if other else None))
    retyped = (name for name in now if name in declared and before.get(name, now[name]) != now[name])
    found += [_change(about, "retyped", name, None, before[name], now[name]) for name in sorted(retyped)]
    return (*found, *(_change(about, "added", name, None, None, now[name]) for name in sorted(added)))


def looks_personal(name: str) -> bool:
    """Whether a column of this name is likely to tell one person from another."""
    return bool(_PERSONAL.search(name))


def _alike(name: str, others: Iterable[str]) -> str | None:
    same = [other for other in sorted(others) if other.casefold() == name.casefold()]
    near = difflib.get_close_matches(name, sorted(others), n=1, cutoff=ALIKE)
    return next(iter(same or near), None)


def _change(about: str, kind: str, name: str, other: str | None, before: str | None, now: str | None) -> Change:
    number = digest([about, kind, name, other, before, now])[:8]
    return Change(f"S-{number}", kind, name, other, before, now, looks_personal(other or name))


def told(events: Iterable[Event]) -> dict[str, tuple[Event, dict[str, Any]]]:
    """Id → the event that told a change, and the change."""
    found: dict[str, tuple[Event, dict[str, Any]]] = {}
    for event in events:
        if event.kind == CHANGED:
            found |= {item["id"]: (event, item) for item in event.body["changes"] if item["id"] not in found}
    return found


def schema_rows(events: Iterable[Event], declarations: Mapping[str, Declaration]) -> Iterator[dict[str, Any]]:
    """Every change of columns that was told, and what was decided on it, with the listing's keys.

    A new column that is declared by now needs no decision any more.
    """
    known = list(events)
    decided = {event.body["item"]: event for event in known if event.kind == DECIDED}
    for name, (event, item) in told(known).items():
        system, part = event.subject.split("/")
        declaration, act = declarations.get(system), decided.get(name)
        settled = item["change"] == "added" and declaration is not None and _is_known(item["column"], declaration)
        yield {
            "id": name,
            "system": system,
            "part": part,
            "change": item["change"],
            "column": item["column"],
            "other": item["other"],
            "type_before": item["type_before"],
            "type": item["type"],
            "looks_personal": item["looks_personal"],
            "first_batch": event.body["batch"],
            "told_at": event.at,
            "state": act.body["decision"] if act else "declared" if settled else "open",
            "decided_by": act.actor if act else None,
            "reason": act.body["reason"] if act else None,
        }


def _is_known(column: str, declaration: Declaration) -> bool:
    return column in declaration.system.columns or column in declaration.system.personal


def _item(before: Before, name: str) -> Named:
    found = told(before.events(CHANGED)).get(name)
    if found is None:
        raise Refused(f"There is no change of columns {name!r}. See `aims schema`.")
    return found[0].subject, {"item": name}


def _may_decide(before: Before, event: Event) -> None:
    if event.body["item"] not in told(before.events(CHANGED, subject=event.subject)):
        raise Refused(f"No change {event.body['item']} was found in {event.subject}.")
    earlier = [e for e in before.events(DECIDED, subject=event.subject) if e.body["item"] == event.body["item"]]
    if earlier and earlier[-1].body["decision"] == event.body["decision"]:
        raise Refused(f"That was decided already, on {earlier[-1].at[:10]}.")


ACTS = (
    Act(
        "decide-schema", DECIDED, "change", JUDGES, Decision, _may_decide,
        "Say what is done about a column that changed.", _item, frozenset({"item"}),
    ),
)  # fmt: skip
AUTOMATIC = frozenset({FOUND, CHANGED})
