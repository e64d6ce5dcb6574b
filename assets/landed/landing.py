"""Takes a batch in: only declared columns, typed, as Parquet in the lake, with a record of where it came from.

Personal and undeclared columns are never read into anything that is kept. What cannot be taken in is held back
with its reason, and whatever was landed before stays in use. Messages hold counts and names, never values.
Where sources are and how they are read is in `assets.source.sources` and `assets.landed.reading`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from assets.kept.home import Site
from assets.kept.lake import keep_file, verified
from assets.kept.stored import found_whole
from assets.landed.arriving import arrival_of
from assets.landed.preparing import names_at_source, prepare, renamed
from assets.landed.reading import Reader, wanted_columns
from assets.landed.schema_watch import note_schema
from assets.persons.erased import as_before, lake_file
from assets.persons.treating import treated
from assets.source.landing_sql import engine, quoted_path, unreadable, write_parquet
from assets.source.refusals import Held, NotArrived, from_source
from assets.source.sources import address_of, open_source, scratch
from checks.sql_text import quoted_name
from governance.batches import out_of_use, standing
from governance.declared.acquisition import refused, required_facts
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
    file: Path
    body: dict[str, Any]

    @property
    def path(self) -> Path:
        """The file in the lake, its bytes verified at this moment: whoever reads it asks for it here.

        Its name differs from `digest` where rows of persons were erased since.

        Raises
        ------
        Altered
            It is not the one that was landed.
        """
        return verified(self.file.parent, self.file.stem, ".parquet")


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
    _look_at_what_is_there(subject, site)
    try:
        body, path = as_before(site, "batch.landed", subject, *take_in(declaration, batch, part, site))
    except NotArrived:
        # A source that is gone takes nothing with it: what was landed from it stays in use.
        before = landed(declaration, batch, part, site)
        if before is None:
            raise
        return before
    except Held as reason:
        body = {
            "reason": redacted(str(reason)),
            "kinds": [reason.kind],
            "rows": reason.rows,
            "offending": reason.offending,
            "source_sha256": reason.source,
            "declaration": declaration.digest,
            "run": site.run,
        }
        site.register.turn("batch.held", "batch.landed", subject, body, keys=("reason",), at=site.at)
        raise
    body["arrival"] = arrival_of(declaration, batch, part, body["digest"], path, site)
    body["run"] = site.run
    same = ("digest", "declaration")
    site.register.turn("batch.landed", "batch.held", subject, body, keys=same, despite="digest", at=site.at)
    return Landing(declaration.id, batch, part, body["digest"], body["observed"]["rows"], path, body)


def _look_at_what_is_there(subject: str, site: Site) -> None:
    """What was landed before may be written over now: should it have been altered, that is noted first."""
    event = site.register.last("batch.landed", subject)
    if event is not None:
        found_whole(site, lambda: lake_file(site, subject.split("/")[0], event.body["digest"]), part=subject)


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
    path = lake_file(site, declaration.id, body["digest"])
    return Landing(declaration.id, batch, part, body["digest"], body["observed"]["rows"], path, body)


def usable(declaration: Declaration, batch: str, part: Part, site: Site) -> Event | None:
    """The newest landing that nothing holds back: only that may go downstream."""
    return standing(site.register, f"{declaration.id}/{batch}/{part}").usable


def judged_and_in_use(declaration: Declaration, site: Site) -> dict[str, Event]:
    """Batch (or window) → its newest judgement, without batches of which nothing may be used any more."""
    unused = out_of_use(site.register, declaration.id)
    return {b: event for b, event in site.register.judged_batches(declaration.id).items() if b not in unused}


def batch_part(declaration: Declaration, batch: str) -> Part:
    """Which source a batch's rows come from: the reference's own where one is declared."""
    wants_reference = part_of(declaration.system, batch) == "reference"
    return "reference" if wants_reference and declaration.system.sources.reference else "production"


def take_in(
    declaration: Declaration, batch: str, part: Part, site: Site, naming: Sequence[tuple[str, str]] | None = None
) -> tuple[dict[str, Any], Path]:
    """The rows of a source as a file in the lake, and what the record will say of them.

    `naming` says of which columns of the system the rows hold persons, where the source is not the system's own.
    """
    _must_be_acquired(declaration, part, site)
    wanted = wanted_columns(declaration, part)
    with scratch() as folder, engine(folder) as connection:
        sent = names_at_source(declaration, part, wanted)
        opened = open_source(declaration, part, batch, sent, site, connection, folder)
        with from_source(opened.digest):
            opened = renamed(opened, declaration, part, connection)
            reader = Reader(connection, declaration, part, batch, opened)
            columns = reader.columns()
            observed = reader.observe(columns)
            prepared = prepare(declaration, part, reader.query(columns), tuple(columns), connection)
            # What a step made of a column was not seen by the reader.
            short = frozenset[str]() if prepared.steps else reader.short
            names = tuple(prepared.columns)
            rows = treated(connection, declaration, batch, part, site, prepared.query, names, naming, short=short)
            query, observed["personal"] = rows.query, rows.observed
        if part == "outcomes":
            query = _only_of_batch(declaration, batch, site, query, connection)
        if opened.digest is None or prepared.shuffled:
            query = _in_one_order(query, {name: declaration.types[name] for name in prepared.columns})

        def write(target: Path) -> None:
            observed["rows"] = write_parquet(connection, query, target)
            if observed["rows"] == 0:
                raise _nothing(declaration, part, batch)
            opened.must_be_the_same()

        digest, path = keep_file(site.home.lake, ".parquet", write)
    note_schema(declaration, batch, part, reader.found, site)
    observed |= opened.observed
    observed |= {"source_sha256": opened.digest or digest, "landed_at": site.at.isoformat()}
    return {
        "digest": digest,
        "asserted": declaration.system.source(part).provenance.model_dump(mode="json", exclude_none=True),
        "observed": observed,
        "declaration": declaration.digest,
        **({"preparation": list(prepared.steps)} if prepared.steps else {}),
    }, path


def _must_be_acquired(declaration: Declaration, part: Part, site: Site) -> None:
    """Nothing is opened of a source whose licence, legal basis or owner is not known where it must be (A.7.3)."""
    required = required_facts(declaration.contract_text)
    why = refused(declaration.system.source(part).provenance, required, part, site.at.date())
    if why:
        raise Held(why, kind="provenance")


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
