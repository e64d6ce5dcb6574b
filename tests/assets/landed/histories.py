"""Histories of arrivals for the property that their order does not matter: what was sent, and what must come of it.

The truth is worked out here from the sets of keys alone, batch by batch in the order of the calendar. Nothing of the
program is asked.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

FIRST = dt.date(2024, 1, 3)


@dataclass(frozen=True)
class Version:
    """One file for one batch: its keys, and what is wrong with it by itself, if anything."""

    keys: tuple[str, ...]
    fault: str | None = None  # None, "contract" or "columns"
    revision: int = 0


@dataclass(frozen=True)
class Ended:
    """What must have become of a batch: the version in use, and the kind of what holds it back."""

    used: Version | None
    held: str | None


def batch(index: int) -> str:
    """The name of the batch with this number; days follow each other."""
    return (FIRST + dt.timedelta(days=index)).isoformat()


def ends(histories: Mapping[int, Sequence[Version]]) -> dict[int, Ended]:
    """What must become of each batch, given the versions that were sent of it in their order.

    A version that is wrong by itself leaves the one before it in place. Of the one that is offered then, every key
    must be new against those in use of all earlier batches; else nothing of the batch is used.
    """
    used: dict[int, set[str]] = {}
    found = {}
    for index in sorted(histories):
        versions = histories[index]
        offered = next((v for v in reversed(versions) if v.fault is None), None)
        own = versions[-1].fault
        taken = set().union(*used.values()) if used else set()
        shares = offered is not None and bool(set(offered.keys) & taken)
        if offered is not None and not shares:
            used[index] = set(offered.keys)
        found[index] = Ended(None if shares else offered, own or ("overlap" if shares else None))
    return found


def rows_of(version: Version, day: str) -> list[dict[str, Any]]:
    """The rows of one file. A contract is broken by a region that it does not know, columns by one that is gone."""
    rows: list[dict[str, Any]] = [
        {
            "case": key,
            "day": day,
            "income": 2500.0 + 10 * place + version.revision,
            "children": place % 4,
            "region": ("north", "south")[place % 2] if version.fault != "contract" else "west",
            "score": round(0.3 + 0.05 * (place % 8), 4),
            "late": place % 2,
            "full_name": "nobody",
        }
        for place, key in enumerate(version.keys)
    ]
    if version.fault == "columns":
        for row in rows:
            del row["score"]
    return rows
