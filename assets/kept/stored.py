"""Stored files that do not bear the digest of their bytes: it stands in the record; and altered files, noted there.

A profile is named by its counts, a page by the results that it shows: two files may say the same and differ in a
rounded sum, so each digest that was ever recorded for the name is one of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from assets.kept.home import Site
from assets.kept.lake import Altered, holding
from governance.record import ledger


def digests_of(site: Site, kind: str, subject: str, **where: str) -> frozenset[str]:
    """The digests that events of this kind about this subject recorded, of those whose body says `where`."""
    with site.register.reading() as connection:
        found = list(ledger.events(connection, kind=kind, subject=subject))
    return frozenset(e.body["sha256"] for e in found if all(e.body.get(key) == value for key, value in where.items()))


def whole(site: Site, path: Path, digests: Collection[str], remedy: str) -> Path:
    """The file of this installation, whose bytes have one of these digests.

    Raises
    ------
    Altered
        It is gone, or its bytes are others now.
    """
    return holding(path, path.relative_to(site.home.root).as_posix(), digests, remedy)


def note(site: Site, altered: Altered, **about: Any) -> None:
    """Enters into the record that a file was found altered, and with which bytes: they will be made anew."""
    body = {"found": altered.found, "run": site.run, **about}
    site.register.record("file.altered", altered.file, body, at=site.at)


def is_whole(look: Callable[[], object]) -> bool:
    """Whether `look` finds the file as it was kept; what was altered is noted by whoever makes it anew."""
    try:
        look()
    except Altered:
        return False
    return True


def found_whole(site: Site, look: Callable[[], object], **about: Any) -> bool:
    """Whether `look` finds the file as it was kept. One that was altered is noted; one that is gone is gone."""
    try:
        look()
    except Altered as altered:
        if altered.found is not None:
            note(site, altered, **about)
        return False
    return True
