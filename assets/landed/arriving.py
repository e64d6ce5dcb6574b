"""How a landing came: early, on time or late, and what it corrects. Facts of its own batch, and never of the order.

Its time is that of the first landing of the same rows: what is landed anew because the declaration changed did not
come late by that. Whether rows stand in another batch, too, is found in `assets.landed.sharing`, for other batches can
come later.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import duckdb

from assets.kept.home import Site
from assets.kept.lake import Altered
from assets.persons.erased import lake_file
from assets.source.landing_sql import engine, quoted_path
from assets.source.sources import scratch
from checks.sql_text import quoted_name
from governance.batches import Standing, standing
from governance.declared import periods
from governance.declared.declarations import Declaration
from governance.declared.sources import Part


def arrival_of(
    declaration: Declaration,
    batch: str,
    part: Part,
    digest: str,
    path: Path,
    site: Site,
) -> dict[str, Any]:
    """When these rows first came, against when they were due; and what they change of the landing before them.

    Empty for training data, which belong to no batch and are due on no day.
    """
    if part == "training":
        return {}
    subject = f"{declaration.id}/{batch}/{part}"
    stands = standing(site.register, subject)
    first = next((e for e in site.register.history(subject, ("batch.landed",)) if e.body["digest"] == digest), None)
    first_seen = dt.datetime.fromisoformat(first.at).date() if first else site.at.date()
    return {
        **timing(declaration, batch, part, first_seen),
        "first_seen": first_seen.isoformat(),
        **_correction(declaration, digest, path, stands, site),
    }


def timing(declaration: Declaration, batch: str, part: Part, day: dt.date) -> dict[str, Any]:
    """`early` before the batch is over, `late` after its grace; `days` before its end, or after its last day.

    Outcomes are due when they can be known: so many days later.
    """
    batches, system = declaration.system.batches, declaration.system
    ripe = periods.end_of(system, batch) + dt.timedelta(days=system.labels.delay_days if part == "outcomes" else 0)
    last = ripe + dt.timedelta(days=batches.grace_days)
    if day < ripe and part != "outcomes":
        return {"timing": "early", "days": (ripe - day).days}
    return {"timing": "late" if day > last else "on_time", "days": max((day - last).days, 0)}


def _correction(
    declaration: Declaration,
    digest: str,
    path: Path,
    stands: Standing,
    site: Site,
) -> dict[str, Any]:
    before = stands.newest
    if before is None or before.body["digest"] == digest:
        # Landed once more, under another declaration: what it corrected then, it corrects now.
        known = (before.body.get("arrival") or {}) if before else {}
        return {name: known.get(name) for name in ("supersedes", "rows_before", "added", "removed", "changed")}
    named = {"supersedes": before.body["digest"], "rows_before": before.body["observed"]["rows"]}
    try:
        old = lake_file(site, declaration.id, before.body["digest"])
    except Altered:
        # The new rows are as good as they are; what they were compared with is told by whoever reads it.
        return {**named, "added": None, "removed": None, "changed": None}
    with scratch() as folder, engine(folder) as connection:
        return {**named, **differences(connection, old, path, declaration.system.the("key"))}


def differences(connection: duckdb.DuckDBPyConnection, old: Path, new: Path, key: str | None) -> dict[str, int | None]:
    """Rows that were added, removed and changed. Which ones changed is known by their key, where each has its own."""
    common = _columns(connection, old) & _columns(connection, new)
    chosen = ", ".join(quoted_name(name) for name in sorted(common))
    one, two = (f"(SELECT {chosen} FROM read_parquet({quoted_path(path)}))" for path in (old, new))
    if key is None or key not in common or not (_unique(connection, one, key) and _unique(connection, two, key)):
        removed, added = (
            _count(connection, f"SELECT count(*) FROM ({a} EXCEPT ALL {b})") for a, b in ((one, two), (two, one))
        )
        return {"added": added, "removed": removed, "changed": None}
    name, rest = quoted_name(key), sorted(common - {key})
    differs = " OR ".join(f"o.{quoted_name(n)} IS DISTINCT FROM n.{quoted_name(n)}" for n in rest) or "false"
    added, removed, changed = connection.execute(
        f"SELECT count(*) FILTER (o.{name} IS NULL), count(*) FILTER (n.{name} IS NULL), "
        f"count(*) FILTER (o.{name} IS NOT NULL AND n.{name} IS NOT NULL AND ({differs})) "
        f"FROM {one} o FULL JOIN {two} n ON o.{name} = n.{name}"
    ).fetchone() or (0, 0, 0)
    return {"added": added, "removed": removed, "changed": changed}


def _columns(connection: duckdb.DuckDBPyConnection, path: Path) -> set[str]:
    found = connection.execute(f"SELECT * FROM read_parquet({quoted_path(path)}) LIMIT 0").description or []
    return {column[0] for column in found}


def _unique(connection: duckdb.DuckDBPyConnection, rows: str, key: str) -> bool:
    """Whether the key names each row, none of them NULL."""
    return not _count(connection, f"SELECT count(*) - count(DISTINCT {quoted_name(key)}) FROM {rows}")


def _count(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    found = connection.execute(query).fetchone()
    assert found is not None
    return int(found[0])
