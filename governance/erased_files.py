"""Which file stands for a landed digest, since rows of persons who were erased have been taken out of it.

A person is erased from one system. Another one may have landed the very same bytes, and they share a file: for that
system it stays as it was landed, until somebody erases the person there, too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from governance.record.ledger import Event

LANDED = ("batch.landed", "lookup.landed")


def replaced_in(events: Iterable[Event], system: str) -> dict[str, str]:
    """Digest of a file → digest of the one that took its place in this system, from events `personal.erased`.

    Those that name no order were made when a file was replaced for every system that had landed it.
    """
    theirs = (event for event in events if "order" not in event.body or event.subject.split("/")[0] == system)
    return {event.body["old"]: event.body["new"] for event in theirs}


def last_of(digest: str, replaced: Mapping[str, str]) -> str:
    """What a digest became, however often its file was replaced."""
    while digest in replaced:
        digest = replaced[digest]
    return digest


def files_by_system(landed: Iterable[Event], erased: Iterable[Event]) -> dict[str, dict[str, str]]:
    """System → each digest that it ever landed → the one whose file stands for it now."""
    gone = list(erased)
    digests: dict[str, set[str]] = defaultdict(set)
    for event in landed:
        digests[event.subject.split("/")[0]].add(event.body["digest"])
    found = {}
    for system, own in digests.items():
        replaced = replaced_in(gone, system)
        found[system] = {digest: last_of(digest, replaced) for digest in own}
    return found
