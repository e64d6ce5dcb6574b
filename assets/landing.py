"""Takes a batch in: only declared columns, typed, as Parquet in the lake, with a record of where it came from.

Personal and undeclared columns are never read into anything that is kept. What cannot be taken in is held back
with its reason, and whatever was landed before stays in use. Messages hold counts and names, never values.
Where sources are and how they are read is in `assets.sources` and `assets.reading`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from assets.erased import as_before, lake_file
from assets.home import Site
from assets.lake import keep_file
from assets.landing_sql import engine, quoted_name, quoted_path, unreadable, write_parquet
from assets.reading import Reader, wanted_columns
from assets.refusals import Held, NotArrived
from assets.sources import address_of, open_source, scratch
from assets.treating import treated
from governance.declared.declarations import Declaration
from governance.declared.periods import part_of
from governance.declared.sources import FileSource, Part
from governance.recognised.reading import redacted
from governance.record.ledger import Event

__all__ = [
    "Held",
    "Landing",
    "NotArrived",
    "Part",
    "batch_part",
    "land",
    "landed",
    "landed_batches",
    "usable",
]


@dataclass(frozen=True, slots=True)
class Landing:
    """One landed part of a batch."""

    system: str
    batch: str
    part: Part
    digest: str
    rows: int
    path: Path
    body: dict[str, Any]


def land(declaration: Declaration, batch: str, part: Part, site: Site) -> Landing:
    """Lands one part of one batch; the same bytes twice are one batch.

    Raises
    ------
    Held
        With the reason, which is also in the ledger.
    NotArrived
        The source has nothing for this batch.
    """
    subject = f"{declaration.id}/{batch}/{part}"
    try:
        body, path = as_before(site, subject, *_take_in(declaration, batch, part, site))
    except NotArrived:
        # A source that is gone takes nothing with it: what was landed from it stays in use.
        before = landed(declaration, batch, part, site)
        if before is None:
            raise
        return before
    except Held as reason:
        body = {"reason": redacted(str(reason)), "declaration": declaration.digest, "run": site.run}
        site.register.turn("batch.held", "batch.landed", subject, body, keys=("reason",), at=site.at)
        raise
    body["run"] = site.run
    same = ("digest", "declaration")
    site.register.turn("batch.landed", "batch.held", subject, body, keys=same, despite="digest", at=site.at)
    return Landing(declaration.id, batch, part, body["digest"], body["observed"]["rows"], path, body)


def landed(declaration: Declaration, batch: str, part: Part, site: Site) -> Landing | None:
    """What was landed last and may be used, its bytes verified; None when there is nothing.

    Raises
    ------
    Altered
        The file in the lake is not the one that was landed.
    """
    event = usable(declaration, batch, part, site)
    if event is None:
        return None
    body = event.body
    path = lake_file(site, body["digest"])
    return Landing(declaration.id, batch, part, body["digest"], body["observed"]["rows"], path, body)


def usable(declaration: Declaration, batch: str, part: Part, site: Site) -> Event | None:
    """The newest landing that was not held back afterwards for its contract: only that may go downstream."""
    subject = f"{declaration.id}/{batch}/{part}"
    refused = {event.body.get("digest"): event.seq for event in site.register.events("batch.held", subject)}
    came = site.register.events("batch.landed", subject)
    return next((e for e in reversed(came) if refused.get(e.body["digest"], 0) < e.seq), None)


def batch_part(declaration: Declaration, batch: str) -> Part:
    """Which source a batch's rows come from: the reference's own where one is declared."""
    wants_reference = part_of(declaration.system, batch) == "reference"
    return "reference" if wants_reference and declaration.system.sources.reference else "production"


def _take_in(declaration: Declaration, batch: str, part: Part, site: Site) -> tuple[dict[str, Any], Path]:
    wanted = wanted_columns(declaration, part)
    with scratch() as folder, engine(folder) as connection:
        opened = open_source(declaration, part, batch, wanted, site, connection, folder)
        reader = Reader(connection, declaration, part, batch, opened)
        columns = reader.columns()
        observed = reader.observe(columns)
        rows = treated(connection, declaration, batch, part, site, reader.query(columns), tuple(columns))
        query, observed["personal"] = rows.query, rows.observed
        if part == "outcomes":
            query = _only_of_batch(declaration, batch, site, query, connection)
        if opened.digest is None:
            query = _in_one_order(query, {name: declaration.types[name] for name in columns})

        def write(target: Path) -> None:
            observed["rows"] = write_parquet(connection, query, target)
            if observed["rows"] == 0:
                raise _nothing(declaration, part, batch)
            opened.must_be_the_same()

        digest, path = keep_file(site.home.lake, ".parquet", write)
    observed |= opened.observed
    observed |= {"source_sha256": opened.digest or digest, "landed_at": site.at.isoformat()}
    return {
        "digest": digest,
        "asserted": declaration.system.source(part).provenance.model_dump(mode="json", exclude_none=True),
        "observed": observed,
        "declaration": declaration.digest,
    }, path


def _nothing(declaration: Declaration, part: Part, batch: str) -> Exception:
    source = declaration.system.source(part)
    if isinstance(source, FileSource) and source.per_batch:
        name = Path(address_of(declaration, source, batch)).name
        return Held(f"{name} holds no rows. Send the batch again.")
    return NotArrived(f"{declaration.id}: the {part} source has no rows for the batch {batch} (yet).")


def landed_batches(declaration: Declaration, site: Site, batches: Sequence[str]) -> Iterator[tuple[str, Landing]]:
    """The landed batches among these, in order."""
    for batch in batches:
        found = landed(declaration, batch, batch_part(declaration, batch), site)
        if found is not None:
            yield batch, found


def _in_one_order(query: str, types: dict[str, str]) -> str:
    """A database tells the same rows in any order; the same rows must be the same bytes.

    Numbers are sorted by size and sign: DuckDB takes a sorted column back from its sort key, which knows no -0.0.
    """
    names = {name: quoted_name(name) for name in types}
    keys = [f"abs({names[n]}), signbit({names[n]})" if types[n] == "number" else names[n] for n in types]
    return f"SELECT * FROM ({query}) ORDER BY {', '.join(keys)}"


def _only_of_batch(
    declaration: Declaration, batch: str, site: Site, query: str, connection: duckdb.DuckDBPyConnection
) -> str:
    """Outcomes carry no time: a batch's are those whose key is in the landed production data."""
    base = landed(declaration, batch, batch_part(declaration, batch), site)
    if base is None:
        raise NotArrived(f"{declaration.id}: the batch {batch} itself has not been landed.")
    key = quoted_name(declaration.system.the("key") or "")
    own = f"{key} IN (SELECT {key} FROM read_parquet({quoted_path(base.path)}))"
    mine = f"SELECT * FROM ({query}) WHERE {own}"
    try:
        twice = connection.execute(f"SELECT count(*) - count(DISTINCT {key}) FROM ({mine})").fetchone()
    except duckdb.Error as error:
        raise unreadable(error) from None
    if twice and twice[0]:
        raise Held(f"{twice[0]} outcomes have a key that occurs twice. Send one outcome per {key}.")
    return mine
