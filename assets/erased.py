"""Which file stands in the lake for a landed digest, since rows of persons who were erased have been taken out of it.

A landing keeps the digest by which it was judged: what was measured of it stays as it was known, and nothing is judged
anew because one person is gone. Only the file behind it is another one, under a digest of its own that is verified.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb

from assets.home import Site
from assets.lake import verified
from assets.landing_sql import engine, quoted_path
from assets.sources import scratch

ERASED = "personal.erased"


def erasures(site: Site) -> dict[str, str]:
    """Digest of a file → digest of the one that took its place."""
    return {event.body["old"]: event.body["new"] for event in site.register.events(ERASED)}


def standing(site: Site, digest: str) -> str:
    """The digest of the file that now stands for a landed digest."""
    return last_of(digest, erasures(site))


def last_of(digest: str, replaced: Mapping[str, str]) -> str:
    """What a digest became, however often its file was replaced."""
    while digest in replaced:
        digest = replaced[digest]
    return digest


def lake_file(site: Site, digest: str) -> Path:
    """The file that now stands for a landed digest, its bytes verified.

    Raises
    ------
    Altered
        It is gone, or its bytes are others now.
    """
    return verified(site.home.lake, standing(site, digest), ".parquet")


def as_before(site: Site, subject: str, body: dict[str, Any], path: Path) -> tuple[dict[str, Any], Path]:
    """A landing that brought the same rows as before, but for those that were erased, is the landing of before."""
    last = site.register.last("batch.landed", subject)
    found = erasures(site)
    if body["digest"] in found:  # what was erased does not come back under its old name
        path.unlink(missing_ok=True)
        return body, lake_file(site, body["digest"])
    if last is None or last.body["digest"] not in found:
        return body, path
    now = lake_file(site, last.body["digest"])
    if now != path and not _same_rows(now, path):
        return body, path
    if now != path and path.stem not in found.values():
        path.unlink()
    return {**body, "digest": last.body["digest"]}, now


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
