"""Takes a person's rows out of everything that was landed of a system, and says what remains (A.7.2).

An order of a person is carried out here (`governance.cases.personal_orders`); every step may be repeated. The persons
are put on the list of those whose rows are not taken in again; each file is written anew without their rows, that is
recorded, and then the old file goes. A kill in between leaves either an old file that is still in use, or one that is
recorded as replaced and goes when the order is resumed. Rows that are told by the key of another row (outcomes, and
lookups of keys) go before that row does, so that they are still told after a kill. Neither the record nor any message
holds the identifier, or what stands for it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from assets.kept.home import Site
from assets.kept.lake import keep_file, verified
from assets.landed.lookups import Refers, is_written_alike, naming_references, references
from assets.orders.sealed import Sealed, tidy, unsealed
from assets.persons.erased import erasures, users_of_files
from assets.persons.keyring import suppress, suppression, suppression_key
from assets.persons.text_functions import listed_function
from assets.persons.treating import key_id
from assets.source.landing_sql import engine, quoted_path, write_parquet
from assets.source.sources import scratch
from checks.sql_text import quoted_name
from governance.cases.personal_orders import ERASED, FINISHED, Order
from governance.declared.declarations import Declaration
from governance.declared.personal import NAMING
from governance.erased_files import last_of
from governance.faults import UsageFault
from governance.record.ledger import Event


@dataclass(frozen=True, slots=True)
class Replaced:
    """A file that was written anew: which part of which batch, from which digest to which, and rows taken out.

    Of a lookup `batch` is its name, and `part` is `lookup`.
    """

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


def erase(declaration: Declaration, order: Order, site: Site) -> Erasure:
    """Carries an order out: takes its persons' rows out of every file that was ever landed of the system.

    Raises
    ------
    Altered
        A file is not the one that was landed: it is not known what is in it. Or the order's list of persons is not
        the one that it was given with.
    """
    wanted = unsealed(site, order)
    finish(site)
    suppress(site, declaration.id, wanted.digests, order.seq)
    search = _Search(declaration, order, wanted, site)
    search.take_out()
    done = Erasure(search.replaced, [*search.remains, *_remaining(declaration, search.landings, site)])
    counts: dict[str, int] = {}
    for item in done.remains:
        counts[item["what"]] = counts.get(item["what"], 0) + 1
    body = {"order": order.seq, "remains": counts, "run": site.run}
    site.register.record(FINISHED, declaration.id, body, at=site.at)
    tidy(site)
    return done


def finish(site: Site) -> int:
    """Removes files that an interrupted erasure left, and that stand for no landing; returns how many."""
    users = users_of_files(site)
    old = {event.body["old"] for event in site.register.events(ERASED)} - set(users)
    left = [path for digest in sorted(old) if (path := site.home.lake / f"{digest}.parquet").exists()]
    for path in left:
        _remove(path)
    return len(left)


def _landings(declaration: Declaration, site: Site, kind: str) -> list[Event]:
    """Everything that was ever landed, what was superseded or held back afterwards included, the newest first."""
    events = site.register.events(kind, f"{declaration.id}/")
    return [event for event in reversed(events) if event.subject.split("/")[0] == declaration.id]


@dataclass(frozen=True, slots=True)
class _Told:
    """By what the rows to be taken out of a file are told: these values in this column."""

    column: str
    values: frozenset[str]


class _Search:
    """One order's way through all files of a system."""

    def __init__(self, declaration: Declaration, order: Order, wanted: Sealed, site: Site) -> None:
        self._declaration, self._order, self._wanted, self._site = declaration, order, wanted, site
        self._secret = suppression_key(site)
        self._replaced = erasures(site, declaration.id)
        self._users = users_of_files(site)
        self._key = declaration.system.the("key") or ""
        # Batch → the keys of rows that are taken out, as they are written there.
        self._keys: dict[str, set[str]] = {}
        self._plain_keys: set[str] = set()
        self._known: dict[tuple[Path, str, str], frozenset[str]] = {}
        self.landings = _landings(declaration, site, "batch.landed")
        self.replaced: list[Replaced] = []
        self.remains: list[dict[str, str]] = []

    def take_out(self) -> None:
        """Looks for the rows, then takes them out: first those that are told by other rows alone."""
        bases = [event for event in self.landings if not event.subject.endswith("/outcomes")]
        outcomes = [event for event in self.landings if event.subject.endswith("/outcomes")]
        told = {event.seq: self._look(event) for event in bases}
        for event in outcomes:
            batch = event.subject.split("/")[1]
            theirs = [*self._look(event), _Told(self._key, frozenset(self._keys.get(batch, ())))]
            self._rewrite(event, theirs)
        self._take_out_of_lookups()
        # Last: by these rows the others were told.
        for event in bases:
            self._rewrite(event, told[event.seq])

    def _look(self, event: Event) -> list[_Told]:
        """By what this file's rows of the persons are told; their keys are noted, by which others are."""
        digest, column = self._file(event), self._wanted.column
        if digest is None:
            return []
        path = verified(self._site.home.lake, digest, ".parquet")
        with scratch() as folder, engine(folder) as connection:
            there = _columns(connection, path)
            if column not in there:
                if not event.subject.endswith("/outcomes"):
                    self._tell("file", digest, f"it has no column {column}: whose rows these are cannot be told")
                return []
            values = self._values(connection, path, event)
            if values is None:
                note = f"its key {key_id(event.body)} is not there: whose rows these are can no longer be told"
                self._tell("file", digest, note)
                return []
            told = _Told(column, values)
            if values and self._key in there:
                self._note_keys(connection, path, event, told)
        return [told]

    def _values(self, connection: duckdb.DuckDBPyConnection, path: Path, event: Event) -> frozenset[str] | None:
        """What the persons are written as in a file; None where that was under a key that is not known any more."""
        column = self._wanted.column
        if column in event.body["observed"].get("personal", {}).get("pseudonymise", ()):
            return self._wanted.pseudonyms.get(key_id(event.body) or "")
        return self._listed(connection, path, column, column, self._wanted.digests)

    def _listed(
        self, connection: duckdb.DuckDBPyConnection, path: Path, name: str, means: str, digests: Collection[str]
    ) -> frozenset[str]:
        """Values of a column of the file that stand on a list of keyed digests, made for the system's column."""
        if (path, name, means) not in self._known:
            listed_function(connection, "aims_is_theirs", self._secret, self._declaration.id, means, digests)
            distinct = f"SELECT DISTINCT CAST({quoted_name(name)} AS VARCHAR) AS value {_from(path)}"
            query = f"SELECT value FROM ({distinct}) WHERE value IS NOT NULL AND aims_is_theirs(value)"
            found = connection.execute(query).fetchall()
            connection.remove_function("aims_is_theirs")
            self._known[path, name, means] = frozenset(row[0] for row in found)
        return self._known[path, name, means]

    def _note_keys(self, connection: duckdb.DuckDBPyConnection, path: Path, event: Event, told: _Told) -> None:
        theirs = _condition(connection, [told])
        query = f"SELECT DISTINCT CAST({quoted_name(self._key)} AS VARCHAR) {_from(path)} WHERE {theirs}"
        keys = {row[0] for row in connection.execute(query).fetchall() if row[0] is not None}
        self._keys.setdefault(event.subject.split("/")[1], set()).update(keys)
        if self._key not in event.body["observed"].get("personal", {}).get("pseudonymise", ()):
            self._plain_keys |= keys

    def _take_out_of_lookups(self) -> None:
        """Rows of lookups to which a column refers that says whose a row is; and what could not be searched there."""
        landings = _landings(self._declaration, self._site, "lookup.landed")
        names = {event.subject.split("/")[1] for event in landings} | set(self._declaration.system.sources.lookups)
        everywhere = references(self._declaration) if names else []
        for name in sorted(names):
            refers = [item for item in naming_references(self._declaration) if item.lookup == name]
            searched = [item for item in refers if self._can_search(item)]
            self._tell_unsearched(name, searched, [item for item in everywhere if item.lookup == name])
            self._keep_out(searched)
            for event in landings:
                if event.subject.split("/")[1] == name and searched:
                    self._rewrite(event, self._look_into_lookup(event, searched))

    def _can_search(self, refers: Refers) -> bool:
        """By the column that persons are named by; and by the key of their rows, where that is no pseudonym."""
        treated = self._declaration.system.treated.get(refers.column)
        by_key = refers.column == self._key and not (treated and treated.treatment == "pseudonymise")
        return is_written_alike(self._declaration, refers) and (refers.column == self._wanted.column or by_key)

    def _keep_out(self, searched: Iterable[Refers]) -> None:
        """A lookup of rows' keys is landed again without those of the rows that are taken out now."""
        if self._key != self._wanted.column and any(item.column == self._key for item in searched):
            known = [suppression(self._secret, self._declaration.id, self._key, key) for key in self._plain_keys]
            suppress(self._site, self._declaration.id, known, self._order.seq)

    def _tell_unsearched(self, name: str, searched: Sequence[Refers], refers: Sequence[Refers]) -> None:
        column = self._wanted.column
        if not searched:
            why = f"no rule of the contract tells, by {column}, whose its rows are"
            if any(item.column == column for item in refers):
                why = f"the column that {column} refers to is of another type"
            self._tell("lookup", name, f"could not be searched: {why}; look there yourself")
        for other in refers:
            if other not in searched and any(other.target == item.target for item in searched):
                note = f"refers to {name}.{other.target}, too, and was not searched: persons may be named there"
                self._tell("column", other.column, note)

    def _look_into_lookup(self, event: Event, searched: Iterable[Refers]) -> list[_Told]:
        digest, told = self._file(event), []
        if digest is None:
            return []
        path = verified(self._site.home.lake, digest, ".parquet")
        with scratch() as folder, engine(folder) as connection:
            there = _columns(connection, path)
            for item in searched:
                if item.target not in there:
                    self._tell("file", digest, f"it has no column {item.target}: whose rows these are cannot be told")
                elif item.column == self._wanted.column:
                    values = self._listed(connection, path, item.target, item.column, self._wanted.digests)
                    told.append(_Told(item.target, values))
                else:
                    told.append(_Told(item.target, frozenset(self._plain_keys)))
        return told

    def _file(self, event: Event) -> str | None:
        """The file that stands for a landing; None where it is gone."""
        digest = last_of(event.body["digest"], self._replaced)
        return digest if (self._site.home.lake / f"{digest}.parquet").exists() else None

    def _tell(self, what: str, name: str, note: str) -> None:
        item = {"what": what, "name": name, "note": note}
        if item not in self.remains:
            self.remains.append(item)

    def _rewrite(self, event: Event, told: Sequence[_Told]) -> None:
        """Writes the landing's file without these rows, records it, and lets the old file go."""
        digest = self._file(event)
        if digest is None or not any(item.values for item in told):
            return
        path = verified(self._site.home.lake, digest, ".parquet")
        with scratch() as folder, engine(folder) as connection:
            there = _columns(connection, path)
            theirs = _condition(connection, [item for item in told if item.column in there])
            count = connection.execute(f"SELECT count(*) {_from(path)} WHERE {theirs}").fetchone()
            if not count or not count[0]:
                return
            query = f"{_rows(path)} WHERE NOT {theirs}"
            new, _ = keep_file(
                self._site.home.lake, ".parquet", lambda target: write_parquet(connection, query, target)
            )
        body = {"order": self._order.seq, "old": digest, "new": new, "rows": count[0], "run": self._site.run}
        self._site.register.record(ERASED, event.subject, body, at=self._site.at)
        self._replaced[digest] = new
        self._let_go(path)
        about = event.subject.split("/")[1:]
        self.replaced.append(Replaced(about[0], about[-1] if len(about) == 2 else "lookup", digest, new, int(count[0])))

    def _let_go(self, path: Path) -> None:
        """The old file goes, unless another system landed the very same bytes: there nobody was erased."""
        others = self._users.get(path.stem, set()) - {self._declaration.id}
        if not others:
            _remove(path)
        for other in sorted(others):
            note = "landed the very same rows, and keeps them: erase the person there, too"
            self._tell("system", other, note)


def _condition(connection: duckdb.DuckDBPyConnection, told: Sequence[_Told]) -> str:
    """SQL: whether a row is one of those that are told so. Its tables of values are made in the connection."""
    said = []
    for place, item in enumerate(told):
        _list(connection, f"aims_values_{place}", sorted(item.values))
        column = f"CAST({quoted_name(item.column)} AS VARCHAR)"
        said.append(f"coalesce({column} IN (SELECT value FROM aims_values_{place}), false)")
    return f"({' OR '.join(said) or 'false'})"


def _columns(connection: duckdb.DuckDBPyConnection, path: Path) -> set[str]:
    return {row[0] for row in connection.execute(f"DESCRIBE {_rows(path)}").fetchall()}


def _remove(path: Path) -> None:
    path.unlink()


def _from(path: Path) -> str:
    return f"FROM read_parquet({quoted_path(path)})"


def _rows(path: Path) -> str:
    return f"SELECT * {_from(path)}"


def _list(connection: duckdb.DuckDBPyConnection, name: str, values: Sequence[str]) -> None:
    import pyarrow as pa

    connection.register(name, pa.table({"value": pa.array(values, pa.string())}))


def _remaining(declaration: Declaration, landings: Sequence[Event], site: Site) -> Iterator[dict[str, str]]:
    """What was made of the rows while they were there, and what lies outside of the lake."""
    gone = set(erasures(site, declaration.id))
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
    parts = [part for part in ("production", "reference", "outcomes", "training") if declaration.system.source(part)]
    for part in (*parts, *declaration.system.sources.lookups):
        note = "is not this program's to change: erase the person there, too; what it sends of them is left out"
        yield {"what": "source", "name": part, "note": note}
    yield {"what": "list", "name": "keys/", "note": "a keyed digest of the person, so that their rows are left out"}
    yield {"what": "copies", "name": "backups", "note": "copies of AIMS_HOME that were made before hold the rows"}
