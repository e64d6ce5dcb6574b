"""Takes a person's rows out of everything that was landed of a system, and says what remains (A.7.2).

Every step may be repeated. The person is put on the list of those whose rows are not taken in again; each file is
written anew without their rows, that is recorded, and then the old file goes. A kill in between leaves either an old
file that is still in use, or one that is recorded as replaced and goes when this is next called. Neither the record
nor any message holds the identifier, or what stands for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from assets.erased import ERASED, erasures, standing
from assets.home import Site
from assets.keyring import canonical, key_named, suppress
from assets.lake import keep_file, verified
from assets.landing_sql import engine, quoted_path, write_parquet
from assets.sources import scratch
from assets.treating import key_id
from checks.sql_text import quoted_name
from governance.declared.declarations import Declaration
from governance.declared.personal import NAMING
from governance.faults import UsageFault
from governance.record.ledger import Event


@dataclass(frozen=True, slots=True)
class Replaced:
    """A file that was written anew: which part of which batch, from which digest to which, and rows taken out."""

    batch: str
    part: str
    old: str
    new: str
    rows: int


@dataclass(slots=True)
class Erasure:
    """What was done, and what remains: `what`, `name` and a `note` on each thing."""

    replaced: list[Replaced] = field(default_factory=list)
    remains: list[dict[str, str]] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """Rows taken out, of all files together."""
        return sum(item.rows for item in self.replaced)


def naming_column(declaration: Declaration, asked: str | None) -> str:
    """The column whose values name a person: the one asked for, else the entity, else the key.

    Raises
    ------
    UsageFault
        There is none, or the one asked for names nobody.
    """
    system = declaration.system
    column = asked or system.the("entity") or system.the("key")
    if column is None:
        raise UsageFault(f"{declaration.id} has no column with the role key or entity: nobody's rows can be told.")
    if column not in system.columns or not NAMING & set(system.columns[column].roles):
        raise UsageFault(f"The column {column!r} of {declaration.id} has neither the role key nor entity.")
    return column


def erase(declaration: Declaration, persons: Sequence[str], column: str, site: Site) -> Erasure:
    """Takes the rows of these persons out of every file that was ever landed of the system.

    Raises
    ------
    Altered
        A file is not the one that was landed: it is not known what is in it.
    """
    finish(site)
    suppress(site, declaration.id, column, persons)
    done = Erasure()
    # Outcomes are known by the key of their rows alone: those rows are looked for first.
    landings = sorted(_landings(declaration, site), key=lambda event: event.subject.endswith("/outcomes"))
    keys: dict[str, set[str]] = {}
    seen: set[str] = set()
    for event in landings:
        digest = standing(site, event.body["digest"])
        if digest in seen or not (site.home.lake / f"{digest}.parquet").exists():
            continue
        seen.add(digest)
        _, batch, part = event.subject.split("/")
        wanted = _as_written(declaration, event, persons, column, site)
        if wanted is None:
            note = f"its key {key_id(event.body)} is not there: whose rows these are can no longer be told"
            done.remains.append({"what": "file", "name": digest, "note": note})
            continue
        found = _rewritten(declaration, event, digest, wanted, column, keys.setdefault(batch, set()), site)
        if found:
            done.replaced.append(Replaced(batch, part, digest, *found))
    done.remains += _remaining(declaration, landings, site)
    return done


def finish(site: Site) -> int:
    """Removes old files that an interrupted erasure left; returns how many."""
    left = [path for old in erasures(site) if (path := site.home.lake / f"{old}.parquet").exists()]
    for path in left:
        _remove(path)
    return len(left)


def _landings(declaration: Declaration, site: Site) -> list[Event]:
    """Everything that was ever landed, what was superseded or held back afterwards included, the newest first."""
    events = site.register.events("batch.landed", f"{declaration.id}/")
    return [event for event in reversed(events) if event.subject.split("/")[0] == declaration.id]


def _as_written(
    declaration: Declaration, event: Event, persons: Sequence[str], column: str, site: Site
) -> list[str] | None:
    """How these persons are written in a file; None where that was under a key that is gone."""
    if column not in event.body["observed"].get("personal", {}).get("pseudonymise", ()):
        return sorted({form for person in persons for form in (person, canonical(person))})
    key = key_named(site.home, key_id(event.body) or "")
    return None if key is None else [key.pseudonym(declaration.id, column, person) for person in persons]


def _rewritten(
    declaration: Declaration,
    event: Event,
    digest: str,
    wanted: list[str],
    column: str,
    keys: set[str],
    site: Site,
) -> tuple[str, int] | None:
    """Writes a file without the wanted rows; returns its new digest and how many they were, None for none."""
    path = verified(site.home.lake, digest, ".parquet")
    with scratch() as folder, engine(folder) as connection:
        theirs = _theirs(connection, declaration, event, path, wanted, column, keys)
        count = connection.execute(f"SELECT count(*) {_from(path)} WHERE {theirs}").fetchone()
        if not count or not count[0]:
            return None
        query = f"{_rows(path)} WHERE NOT {theirs}"
        new, _ = keep_file(site.home.lake, ".parquet", lambda target: write_parquet(connection, query, target))
    body = {"old": digest, "new": new, "rows": count[0], "run": site.run}
    site.register.record(ERASED, event.subject, body, at=site.at)
    _remove(path)
    return new, int(count[0])


def _theirs(
    connection: duckdb.DuckDBPyConnection,
    declaration: Declaration,
    event: Event,
    path: Path,
    wanted: list[str],
    column: str,
    keys: set[str],
) -> str:
    """SQL: whether a row is one of theirs. The keys of such rows go into `keys`, by which outcomes are known."""
    there = {row[0] for row in connection.execute(f"DESCRIBE {_rows(path)}").fetchall()}
    key = declaration.system.the("key") or ""
    _list(connection, "persons", wanted)
    named = f"CAST({quoted_name(column)} AS VARCHAR) IN (SELECT value FROM persons)" if column in there else "false"
    if key not in there:
        return f"coalesce({named}, false)"
    case = f"CAST({quoted_name(key)} AS VARCHAR)"
    if not event.subject.endswith("/outcomes"):
        found = connection.execute(f"SELECT {case} {_from(path)} WHERE {named}").fetchall()
        keys |= {row[0] for row in found if row[0] is not None}
        return f"coalesce({named}, false)"
    _list(connection, "cases", sorted(keys))
    return f"coalesce({named} OR {case} IN (SELECT value FROM cases), false)"


def _remove(path: Path) -> None:
    path.unlink()


def _from(path: Path) -> str:
    return f"FROM read_parquet({quoted_path(path)})"


def _rows(path: Path) -> str:
    return f"SELECT * {_from(path)}"


def _list(connection: duckdb.DuckDBPyConnection, name: str, values: Sequence[str]) -> None:
    connection.execute(f"CREATE TEMP TABLE {name} (value VARCHAR)")
    if values:
        connection.executemany(f"INSERT INTO {name} VALUES (?)", [[value] for value in values])


def _remaining(declaration: Declaration, landings: Sequence[Event], site: Site) -> Iterator[dict[str, str]]:
    """What was made of the rows while they were there, and what lies outside of the lake."""
    gone = set(erasures(site))
    touched = {event.body["digest"] for event in landings} & gone
    for name, event in sorted(site.register.judged_batches(declaration.id).items()):
        if {event.body["inputs"].get("data"), event.body["inputs"].get("outcomes")} & touched:
            note = "measurements, profile and page count the rows; they hold none of their values"
            yield {"what": "counts", "name": name, "note": note}
    frozen = site.register.last("reference.frozen", declaration.id)
    if frozen and set(frozen.body["inputs"]["batches"].values()) & touched:
        note = "the frozen reference counts the rows; it is compared with as it was frozen"
        yield {"what": "counts", "name": "reference", "note": note}
    for event in site.register.events("model.trained", f"{declaration.id}/"):
        if event.body["inputs"]["data"] in touched and event.subject.split("/")[0] == declaration.id:
            name = f"{event.body['model'][:12]} ({event.subject.split('/')[1]})"
            yield {"what": "model", "name": name, "note": "was trained on the rows: train it anew, or withdraw it"}
    for part in ("production", "reference", "outcomes", "training"):
        if declaration.system.source(part):
            note = "is not this program's to change: erase the person there, too; what it sends of them is left out"
            yield {"what": "source", "name": part, "note": note}
    yield {"what": "list", "name": "keys/", "note": "a keyed digest of the person, so that their rows are left out"}
    yield {"what": "copies", "name": "backups", "note": "copies of AIMS_HOME that were made before hold the rows"}
