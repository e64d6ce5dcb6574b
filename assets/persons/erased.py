"""The file in the lake for a landed digest, and a landing that brings again what persons were erased from.

A landing keeps the digest by which it was judged: what was measured of it stays as it was known, and nothing is judged
anew because one person is gone. Only the file behind it is another one, under a digest of its own that is verified.
Which one that is stands in the record (`governance.erased_files`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb

from assets.kept.home import Site
from assets.kept.lake import verified
from assets.source.landing_sql import engine, quoted_path
from assets.source.sources import scratch
from governance.cases.personal_orders import ERASED
from governance.erased_files import LANDED, files_by_system, last_of, replaced_in


def erasures(site: Site, system: str) -> dict[str, str]:
    """Digest of a file → digest of the one that took its place in this system."""
    return replaced_in(site.register.events(ERASED), system)


def file_digest(site: Site, system: str, digest: str) -> str:
    """The digest of the file that now stands for a landed digest of this system."""
    return last_of(digest, erasures(site, system))


def lake_file(site: Site, system: str, digest: str) -> Path:
    """The file that now stands for a landed digest, its bytes verified.

    Raises
    ------
    Altered
        It is gone, or its bytes are others now.
    """
    return verified(site.home.lake, file_digest(site, system, digest), ".parquet")


def users_of_files(site: Site) -> dict[str, set[str]]:
    """Digest of each file that stands for anything that was ever landed → the systems for which it does."""
    users: dict[str, set[str]] = {}
    for system, files in files_by_system(site.register.events(LANDED), site.register.events(ERASED)).items():
        for digest in files.values():
            users.setdefault(digest, set()).add(system)
    return users


def as_before(site: Site, kind: str, subject: str, body: dict[str, Any], path: Path) -> tuple[dict[str, Any], Path]:
    """A landing that brought the same rows as before, but for those that were erased, is the landing of before."""
    system, last = subject.split("/")[0], site.register.last(kind, subject)
    found = erasures(site, system)
    if body["digest"] in found:  # what was erased does not come back under its old name
        _remove_unused(site, path)
        return body, lake_file(site, system, body["digest"])
    if last is None or last.body["digest"] not in found:
        return body, path
    now = lake_file(site, system, last.body["digest"])
    if now != path and not _same_rows(now, path):
        return body, path
    if now != path:
        _remove_unused(site, path)
    return {**body, "digest": last.body["digest"]}, now


def _remove_unused(site: Site, path: Path) -> None:
    """The file goes, unless it is what stands for another landing."""
    if path.stem not in users_of_files(site):
        path.unlink(missing_ok=True)


def _same_rows(one: Path, other: Path) -> bool:
    files = [f"read_parquet({quoted_path(path)})" for path in (one, other)]
    with scratch() as folder, engine(folder) as connection:
        counts = [connection.execute(f"SELECT count(*) FROM {file}").fetchone() for file in files]
        if counts[0] != counts[1]:
            return False
        try:
            query = f"SELECT count(*) FROM (SELECT * FROM {files[0]} EXCEPT ALL SELECT * FROM {files[1]})"
            apart = connection.execute(query).fetchone()
        except duckdb.Error:  # other columns, or others types in them
            return False
    return apart == (0,)
