"""Which facts about acquired data must be known before it is taken in, and whether they are (A.7.3).

The contract may say which, with the custom property `requiredProvenance`; where it says nothing, all that a supplier
is asked for. A word that stands for not knowing is no fact. Nothing here is about what was observed.
"""

from __future__ import annotations

import datetime as dt
import functools
import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from governance.declared.sources import Provenance

PROPERTY = "requiredProvenance"
FACTS = ("origin", "supplier", "licence", "legal_basis", "collected", "owner")
# What was asked of everybody before a contract could say so.
BY_DEFAULT = ("origin", "supplier", "licence", "legal_basis", "collected")
_NO_FACTS = frozenset(
    {
        "",
        "unknown",
        "notknown",
        "unspecified",
        "undefined",
        "notavailable",
        "notapplicable",
        "na",
        "none",
        "nil",
        "null",
    }
    | {"tbd", "tba", "tbc", "todo", "fixme", "pending", "placeholder", "dummy", "xxx"}
)


def is_given(text: str | None) -> bool:
    """Whether a text says something: `unknown`, `tbd`, `n/a`, `?` and the like do not, however they are written."""
    return re.sub(r"[\W_]+", "", text or "").casefold() not in _NO_FACTS


def lacking(given: Provenance | Mapping[str, Any], required: tuple[str, ...]) -> tuple[str, ...]:
    """Required facts that are not given, in the order asked."""
    known = given if isinstance(given, Mapping) else given.model_dump(mode="json")
    return tuple(name for name in required if not is_given(known.get(name)))


def refused(given: Provenance, required: tuple[str, ...], part: str, day: dt.date) -> str | None:
    """Why data of this provenance may not be taken in on that day; None where it may."""
    missing = lacking(given, required)
    if missing:
        named = ", ".join(missing)
        return f"The {part} source lacks {named} in its provenance, which must be known before data comes in. Say it."
    if given.licence_until is not None and day > given.licence_until:
        return f"The licence of the {part} source ended on {given.licence_until}. Renew it, and say until when."
    return None


@functools.lru_cache(maxsize=256)
def required_facts(contract_text: str) -> tuple[str, ...]:
    """The facts that a contract, which was found sound, asks for."""
    found = _asked(yaml.safe_load(contract_text))
    return BY_DEFAULT if found is None else tuple(found[1])


def contract_faults(contract: Any) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Where and what is wrong with `requiredProvenance`."""
    found = _asked(contract)
    if found is None:
        return
    place, asked = found
    if not isinstance(asked, list) or not asked:
        yield place, f"{PROPERTY} must be a list of {', '.join(FACTS)}."
        return
    for name in asked:
        if name not in FACTS:
            yield place, f"{PROPERTY} names {name!r}, which is none of {', '.join(FACTS)}."


def _asked(contract: Any) -> tuple[tuple[str | int, ...], Any] | None:
    properties = contract.get("customProperties") if isinstance(contract, dict) else None
    for index, item in enumerate(properties if isinstance(properties, list) else ()):
        if isinstance(item, dict) and item.get("property") == PROPERTY:
            return ("customProperties", index, "value"), item.get("value")
    return None
