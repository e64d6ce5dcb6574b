"""Takes a batch in: only declared columns, typed, as Parquet in the lake, with a record of where it came from.

Personal and undeclared columns are never read into anything that is kept. What cannot be taken in is held back
with its reason, and whatever was landed before stays in use. Messages hold counts and names, never values.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import duckdb

from assets.acquisition import PackageMember, acquire
from assets.home import Site
from assets.lake import keep_file, sha256_of, verified
from checks.rules import DUCKDB_TYPES
from governance.declarations import Declaration
from governance.faults import UsageFault
from governance.ledger import Event
from governance.periods import end_of, part_of
from governance.system import FileSource, PackageSource

Part = Literal["production", "reference", "outcomes", "training"]
_FAMILIES = {
    "string": ("VARCHAR", "ENUM"),
    "integer": (
        "BIGINT",
        "INTEGER",
        "SMALLINT",
        "TINYINT",
        "HUGEINT",
        "UBIGINT",
        "UINTEGER",
        "USMALLINT",
        "UTINYINT",
    ),
    "number": (
        "DOUBLE",
        "FLOAT",
        "DECIMAL",
        "BIGINT",
        "INTEGER",
        "SMALLINT",
        "TINYINT",
        "UBIGINT",
        "UINTEGER",
    ),
    "boolean": ("BOOLEAN",),
    "date": ("DATE", "TIMESTAMP", "VARCHAR"),
    "timestamp": ("TIMESTAMP", "DATE", "VARCHAR"),
}
_DUPLICATE = re.compile(r"^(?P<name>.+)_\d+$")


class Held(ValueError):
    """The batch cannot be used as it is. The reason names what, where and what to do; it never quotes a value."""


class NotArrived(LookupError):
    """There is nothing to land yet. Not a fault of the data: the watchdog tells when it is overdue."""


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
        body, path = _take_in(declaration, batch, part, site)
    except NotArrived:
        # A source that is gone takes nothing with it: what was landed from it stays in use.
        before = landed(declaration, batch, part, site)
        if before is None:
            raise
        return before
    except Held as reason:
        body = {"reason": str(reason), "declaration": declaration.digest, "run": site.run}
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
    path = verified(site.home.lake, body["digest"], ".parquet")
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


def source_file(declaration: Declaration, part: Part, batch: str, site: Site) -> Path:
    """The source as a file on this machine.

    Raises
    ------
    NotArrived
        The declared file is not there.
    AcquisitionFault
        A package cannot be fetched, or is not what was declared.
    """
    source = declaration.system.source(part)
    if isinstance(source, PackageSource):
        fields = source.model_dump(include={"package", "version", "sha256", "member", "member_sha256"})
        return acquire(PackageMember(**fields), site.home.cache)
    path = file_of(declaration, source, batch)
    if not path.is_file():
        raise NotArrived(f"{declaration.id}: {path} is not there (yet).")
    return path


def file_of(declaration: Declaration, source: FileSource, batch: str) -> Path:
    """Where a file source is expected for this batch."""
    text = source.path.replace("{batch}", batch)
    for name in re.findall(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}", text):
        if name not in os.environ:
            raise UsageFault(f"{declaration.id}: the source {source.path!r} needs the environment variable {name}.")
        text = text.replace(f"${{{name}}}", os.environ[name])
    return declaration.folder / text


def _take_in(declaration: Declaration, batch: str, part: Part, site: Site) -> tuple[dict[str, Any], Path]:
    source = declaration.system.source(part)
    raw = source_file(declaration, part, batch, site)
    before = sha256_of(raw)
    with duckdb.connect() as connection:
        reader = _Reader(connection, declaration, part, batch)
        reader.open(raw, source.format)
        columns = reader.columns()
        observed = reader.observe(columns)
        query = reader.query(columns)
        if part == "outcomes":
            query = _only_of_batch(declaration, batch, site, query, connection)
        digest, path = keep_file(site.home.lake, ".parquet", lambda target: _write(connection, query, target))
        observed["rows"] = _rows(connection, path)
    if observed["rows"] == 0:
        path.unlink()
        raise _nothing(declaration, part, batch, source)
    if sha256_of(raw) != before:
        raise Held(f"{raw.name} changed while it was read. Send it whole, then land it again.")
    asserted = source.provenance.model_dump()
    observed |= {"source": _named(source, raw), "source_sha256": before, "landed_at": site.at.isoformat()}
    return {
        "digest": digest,
        "asserted": asserted,
        "observed": observed,
        "declaration": declaration.digest,
    }, path


def _nothing(declaration: Declaration, part: Part, batch: str, source: Any) -> Exception:
    if isinstance(source, FileSource) and source.per_batch:
        return Held(f"{file_of(declaration, source, batch).name} holds no rows. Send the batch again.")
    return NotArrived(f"{declaration.id}: the {part} source has no rows for the batch {batch} (yet).")


def _named(source: Any, raw: Path) -> dict[str, str]:
    if isinstance(source, PackageSource):
        return {
            "package": source.package,
            "version": source.version,
            "member": source.member,
            "sha256": source.sha256,
        }
    return {"file": raw.name}


def _write(connection: duckdb.DuckDBPyConnection, query: str, target: Path) -> None:
    try:
        connection.execute(f"COPY ({query}) TO {_text(str(target))} (FORMAT parquet, COMPRESSION zstd)")
    except duckdb.IOException as error:
        raise UsageFault(f"The lake cannot be written: {type(error).__name__}. Make room, then run again.") from None
    except duckdb.Error as error:
        raise Held(f"The file cannot be read to its end ({_kind(error)}). Send it again, whole.") from None


def _rows(connection: duckdb.DuckDBPyConnection, path: Path) -> int:
    found = connection.execute(f"SELECT count(*) FROM read_parquet({_text(str(path))})").fetchone()
    return int(found[0]) if found else 0


def _only_of_batch(
    declaration: Declaration, batch: str, site: Site, query: str, connection: duckdb.DuckDBPyConnection
) -> str:
    """Outcomes carry no time: a batch's are those whose key is in the landed production data."""
    base = landed(declaration, batch, batch_part(declaration, batch), site)
    if base is None:
        raise NotArrived(f"{declaration.id}: the batch {batch} itself has not been landed.")
    key = _name(declaration.system.the("key") or "")
    own = f"{key} IN (SELECT {key} FROM read_parquet({_text(str(base.path))}))"
    mine = f"SELECT * FROM ({query}) WHERE {own}"
    twice = connection.execute(f"SELECT count(*) - count(DISTINCT {key}) FROM ({mine})").fetchone()
    if twice and twice[0]:
        raise Held(f"{twice[0]} outcomes have a key that occurs twice. Send one outcome per {key}.")
    return mine


class _Reader:
    """Reads one source file through DuckDB: everything as text or as stored, then typed as the contract says."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, declaration: Declaration, part: Part, batch: str) -> None:
        self.connection, self.declaration, self.part, self.batch = connection, declaration, part, batch

    def open(self, raw: Path, kind: str) -> None:
        """Makes the file the view `source`."""
        self._must_be(raw, kind)
        scan = (
            f"read_csv({_text(str(raw))}, all_varchar=true, header=true, delim=',', quote='\"', escape='\"', "
            "null_padding=false, strict_mode=true)"
            if kind == "csv"
            else f"read_parquet({_text(str(raw))})"
        )
        try:
            self.connection.execute(f"CREATE VIEW source AS SELECT * FROM {scan}")
        except duckdb.Error as error:
            raise Held(f"{raw.name} is not {kind.upper()} that can be read ({_kind(error)}). Send it again.") from None

    def columns(self) -> dict[str, str]:
        """Columns of the source that are declared and have the declared type, with their type in the file.

        Raises
        ------
        Held
            A required column is missing or of another type: all of them are named at once.
        """
        found = self._described()
        wanted = self._wanted()
        problems, kept = [], {}
        for name in wanted:
            problem = self._missing(name, found) if name not in found else self._retyped(name, found[name])
            if problem is None:
                kept[name] = found[name]
            elif name in self.declaration.required or self.part == "outcomes":
                problems.append(problem)
        if problems:
            raise Held(" ".join(problems))
        return kept

    def observe(self, columns: dict[str, str]) -> dict[str, Any]:
        """What was seen of the file besides its rows."""
        described = self._described()
        duplicates = {m["name"] for n in described if (m := _DUPLICATE.match(n)) and m["name"] in described}
        undeclared = set(described) - set(self.declaration.system.columns) - set(self.declaration.system.personal)
        return {
            "columns": sorted(columns),
            "absent_or_retyped": sorted(set(self._wanted()) - set(columns)),
            "personal_dropped": sorted(set(described) & set(self.declaration.system.personal)),
            "undeclared_dropped": sorted(undeclared),
            "named_twice": sorted(duplicates),
        }

    def query(self, columns: dict[str, str]) -> str:
        """The rows of the batch, typed, declared columns only."""
        chosen = ", ".join(f"{self._cast(name, kind)} AS {_name(name)}" for name, kind in columns.items())
        inside = self._inside()
        self._must_cast(columns, inside)
        return f"SELECT {chosen} FROM source WHERE {inside}"

    def _must_be(self, raw: Path, kind: str) -> None:
        size = raw.stat().st_size
        if size == 0:
            raise Held(f"{raw.name} is empty (0 bytes). Send the batch again.")
        with raw.open("rb") as file:
            start = file.read(4)
        is_parquet = start == b"PAR1"
        if (kind == "parquet") != is_parquet:
            looks = "Parquet" if is_parquet else "something else"
            raise Held(f"{raw.name} is declared as {kind.upper()} and begins like {looks}. Send {kind.upper()}.")

    def _described(self) -> dict[str, str]:
        try:
            rows = self.connection.execute("DESCRIBE source").fetchall()
        except duckdb.Error as error:
            raise Held(f"The file's columns cannot be read ({_kind(error)}). Send it again.") from None
        return {row[0]: row[1].split("(")[0] for row in rows}

    def _wanted(self) -> tuple[str, ...]:
        system = self.declaration.system
        if self.part == "outcomes":
            return (system.the("key") or "", system.the("label") or "")
        return tuple(system.columns)

    def _missing(self, name: str, found: dict[str, str]) -> str:
        alike = [other for other in found if other.casefold() == name.casefold()]
        hint = f" (there is {alike[0]!r})" if alike else ""
        return f"The column {name!r} is missing{hint}. Send it under that name, or change the declaration."

    def _retyped(self, name: str, stored: str) -> str | None:
        declared = self.declaration.types[name]
        if self._is_text(stored) or stored in _FAMILIES[declared]:
            return None
        return f"The column {name!r} is {stored} in the file and {declared} in the contract. Send {declared}."

    def _is_text(self, stored: str) -> bool:
        """A CSV file holds text only; what its text means is tried value by value."""
        return stored == "VARCHAR" and self.declaration.system.source(self.part).format == "csv"

    def _cast(self, name: str, stored: str) -> str:
        column, declared = f"source.{_name(name)}", self.declaration.types[name]
        form = self.declaration.system.columns[name].format
        if declared in ("date", "timestamp") and stored == "VARCHAR":
            moment = f"try_strptime({column}, {_text(form)})" if form else f"TRY_CAST({column} AS TIMESTAMP)"
            return f"CAST({moment} AS {DUCKDB_TYPES[declared]})"
        if declared == "integer" and stored == "VARCHAR":
            number = f"TRY_CAST({column} AS DOUBLE)"
            whole = f"{number} = floor({number}) AND isfinite({number})"
            return f"CASE WHEN {whole} THEN TRY_CAST({column} AS BIGINT) END"
        return f"TRY_CAST({column} AS {DUCKDB_TYPES[declared]})"

    def _must_cast(self, columns: dict[str, str], inside: str) -> None:
        lost = [
            f"count(*) FILTER ({self._cast(name, kind)} IS NULL AND source.{_name(name)} IS NOT NULL)"
            for name, kind in columns.items()
        ]
        try:
            counts = self.connection.execute(
                f"SELECT count(*), {', '.join(lost)} FROM source WHERE {inside}"
            ).fetchone()
        except duckdb.Error as error:
            raise Held(f"The file cannot be read to its end ({_kind(error)}). Send it again, whole.") from None
        assert counts is not None
        bad = {name: rows for name, rows in zip(columns, counts[1:], strict=True) if rows}
        problems = [
            f"The column {name!r} holds {rows} of {counts[0]} values that are not {self.declaration.types[name]}."
            for name, rows in bad.items()
        ]
        if problems:
            raise Held(" ".join(problems) + " Send the declared type, or change the contract.")

    def _inside(self) -> str:
        if self.part in ("outcomes", "training"):
            return "true"
        source = self.declaration.system.source(self.part)
        moment = self._moment()
        start, end = self.batch, end_of(self.declaration.system, self.batch).isoformat()
        inside = f"{moment} >= TIMESTAMP '{start}' AND {moment} < TIMESTAMP '{end}'"
        self._must_have_times(moment, inside, per_batch=isinstance(source, FileSource) and source.per_batch)
        return inside

    def _moment(self) -> str:
        name = self.declaration.system.the("time") or ""
        form = self.declaration.system.columns[name].format
        column = f"source.{_name(name)}"
        if form:
            return f"try_strptime(CAST({column} AS VARCHAR), {_text(form)})"
        return f"TRY_CAST({column} AS TIMESTAMP)"

    def _must_have_times(self, moment: str, inside: str, *, per_batch: bool) -> None:
        try:
            counts = self.connection.execute(
                f"SELECT count(*), count(*) FILTER ({moment} IS NULL), count(*) FILTER (NOT ({inside})) FROM source"
            ).fetchone()
        except duckdb.Error as error:
            raise Held(f"The file cannot be read to its end ({_kind(error)}). Send it again, whole.") from None
        assert counts is not None
        rows, timeless, outside = counts
        name = self.declaration.system.the("time")
        if timeless:
            raise Held(
                f"The column {name!r} holds {timeless} of {rows} values that are no time. Send the declared form."
            )
        if per_batch and outside:
            raise Held(f"{outside} of {rows} rows lie outside the batch {self.batch}. Send each batch its own rows.")


def landed_batches(declaration: Declaration, site: Site, batches: Sequence[str]) -> Iterator[tuple[str, Landing]]:
    """The landed batches among these, in order."""
    for batch in batches:
        found = landed(declaration, batch, batch_part(declaration, batch), site)
        if found is not None:
            yield batch, found


def _kind(error: duckdb.Error) -> str:
    """The error's kind and line; its text is left out because it can quote a row."""
    line = re.search(r"Line:? (\d+)", str(error))
    return f"{type(error).__name__}{f', line {line[1]}' if line else ''}"


def _name(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'


def _text(literal: str) -> str:
    return "'" + literal.replace("'", "''") + "'"
