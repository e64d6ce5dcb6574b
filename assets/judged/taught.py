"""Rows that a model was taught and is judged on as well, by their key: what it shows on them is no proof of anything.

Counts leave this file, never a key. Where one entity has many rows under one key, its coming again says nothing.
"""

from __future__ import annotations

from pathlib import Path

from assets.kept.home import Site
from assets.landed.landing import batch_part, usable
from assets.persons.erased import lake_file
from assets.source.landing_sql import engine, quoted_path
from assets.source.sources import scratch
from checks.sql_text import quoted_name
from governance.declared import periods
from governance.declared.declarations import Declaration


def note_overlap(declaration: Declaration, site: Site) -> dict[str, int]:
    """Batch → rows that are in the training snapshot too; recorded where it is not known yet for these very rows."""
    system, model = declaration.system, declaration.model
    key = system.the("key")
    snapshot = usable(declaration, "training", "training", site) if model else None
    if model is None or snapshot is None or key is None or key == system.the("entity"):
        return {}
    came = {b: usable(declaration, b, batch_part(declaration, b), site) for b in periods.expected_batches(system)}
    batches = {batch: event.body["digest"] for batch, event in came.items() if event}
    inputs = {"data": snapshot.body["digest"], "batches": batches}
    subject = f"{declaration.id}/{model.name}"
    last = site.register.last("model.overlap", subject)
    if not batches or (last and last.body["inputs"] == inputs):
        return dict(last.body["rows"]) if last else {}
    taught = lake_file(site, declaration.id, snapshot.body["digest"])
    there = {batch: lake_file(site, declaration.id, digest) for batch, digest in batches.items()}
    rows = _rows_in(taught, there, key)
    site.register.record("model.overlap", subject, {"inputs": inputs, "rows": rows, "run": site.run}, at=site.at)
    return rows


def _rows_in(taught: Path, batches: dict[str, Path], key: str) -> dict[str, int]:
    name, found = quoted_name(key), {}
    with scratch() as folder, engine(folder) as connection:
        have = {row[0] for row in connection.execute(f"DESCRIBE FROM read_parquet({quoted_path(taught)})").fetchall()}
        for batch, path in batches.items() if key in have else ():
            row = connection.execute(
                f"SELECT count(*) FROM read_parquet({quoted_path(path)}) "
                f"WHERE {name} IN (SELECT {name} FROM read_parquet({quoted_path(taught)}))"
            ).fetchone()
            found[batch] = int(row[0]) if row else 0
    return found
