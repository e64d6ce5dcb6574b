"""Which landings share rows: every key of every landed batch as one number, in an index beside the lake.

A landing's keys are entered once and compared with all others on the way: what two landings share never changes, so
it is counted once and kept. Keys lie sorted in few files, each more than twice the size of the next, which are
searched and not read: what a landing costs grows with its own keys, and hardly with all others.

A number is a digest of the key under a secret of this installation: the index tells nobody a key. It is made anew
from the lake whenever it is not there or was made by another rule; nothing but time is lost with it.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from assets.erased import lake_file
from assets.home import Site
from assets.kept_keys import kept_key
from assets.lake import Altered, sha256_of
from assets.landing_sql import engine, quoted_path
from assets.sources import scratch
from assets.stored import note
from checks.overlap import TELLING
from checks.sql_text import quoted_name, quoted_text
from governance.batches import LANDED
from governance.declared import periods
from governance.declared.declarations import Declaration
from governance.record.canonical import digest_of_bytes

Keys = np.ndarray[Any, np.dtype[np.int64]]
Landings = np.ndarray[Any, np.dtype[np.int32]]
_TABLES = """
CREATE TABLE IF NOT EXISTS made (by TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS landing (id INTEGER PRIMARY KEY, digest TEXT UNIQUE, batch TEXT, keys INTEGER);
CREATE TABLE IF NOT EXISTS run (id INTEGER PRIMARY KEY, keys INTEGER, digests TEXT);
CREATE TABLE IF NOT EXISTS shared (one INTEGER, other INTEGER, rows INTEGER, PRIMARY KEY (one, other)) WITHOUT ROWID;
"""
PARTS = ("keys", "landings")
# Runs that this process has verified: their files are never written again under the same name.
_HELD: set[tuple[Path, int, str]] = set()


@dataclass(frozen=True, slots=True)
class Sharing:
    """Another landing that has rows of this one: how many, of how many of its own."""

    batch: str
    digest: str
    rows: int
    keys: int


def told_by(declaration: Declaration) -> str | None:
    """By what a row of one batch is known in another: its key, or only the whole batch. None where rows may come again.

    A key that is the entity comes again with every batch that the entity is in.
    """
    system = declaration.system
    if system.batches.overlap == "allowed":
        return None
    key = system.the("key")
    return f"key {key}" if key and key != system.the("entity") else f"whole batches but for {system.the('time')}"


@contextmanager
def keyprints(declaration: Declaration, site: Site) -> Iterator[Keyprints]:
    """The index of a system, filled from the lake where it is not there yet."""
    by = told_by(declaration)
    assert by is not None
    path = site.home.keyprints / f"{declaration.id}.db"
    with closing(sqlite3.connect(path, timeout=60, isolation_level=None)) as connection:
        # It is made anew if it is lost: its pages need not be on the disk before the next step.
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA journal_mode = WAL")
        found = Keyprints(connection, declaration, site)
        found.make(by)
        yield found


class Keyprints:
    """The open index of one system."""

    def __init__(self, connection: sqlite3.Connection, declaration: Declaration, site: Site) -> None:
        self._index, self._declaration, self._site = connection, declaration, site
        self._folder = site.home.keyprints
        harm, instead = "rows that come again would be told from none", "remove the file: the index is made anew"
        self._salt = kept_key(site, "keyprints", harm=harm, instead=instead)

    def make(self, by: str) -> None:
        """Makes it anew from what was landed, unless it was made by this rule and under this secret already."""
        by = f"{by}, under {digest_of_bytes(self._salt.encode())[:16]}"
        self._index.executescript(_TABLES)
        if self._index.execute("SELECT by FROM made").fetchall() == [(by,)] and self._is_whole():
            return
        for table in ("made", "landing", "run", "shared"):
            self._index.execute(f"DELETE FROM {table}")
        for path in self._folder.glob(f"{self._declaration.id}.*.npy"):
            path.unlink()
        for event in self._site.register.events(LANDED, f"{self._declaration.id}/"):
            _, batch, part = event.subject.split("/")
            if part == "production" and periods.part_of(self._declaration.system, batch) == "production":
                try:
                    self.enter(batch, event.body["digest"])
                except Altered:
                    continue  # a file that is gone or altered is nobody's; its batch says so when it is read
        self._index.execute("INSERT OR REPLACE INTO made VALUES (?)", (by,))

    def _is_whole(self) -> bool:
        """Whether each run is there with the bytes it was written with; a process asks that once of each file."""
        return all(self._holds(*row) for row in self._index.execute("SELECT id, digests FROM run"))

    def _holds(self, run: int, digests: str) -> bool:
        if (self._folder, run, digests) in _HELD:
            return all(self._file(run, what).exists() for what in PARTS)
        try:
            holds = digests == self._digests(run)
        except FileNotFoundError:
            return False
        if holds:
            _HELD.add((self._folder, run, digests))
        else:
            file = f"keyprints/{self._file(run, PARTS[0]).name}"
            note(self._site, Altered(f"{file} or its like was altered.", file=file, found=self._digests(run)))
        return holds

    def _digests(self, run: int) -> str:
        return " ".join(sha256_of(self._file(run, what)) for what in PARTS)

    def enter(self, batch: str, digest: str) -> None:
        """Enters a landing's keys, and counts what it shares with every other. What is there is not entered again."""
        if self._index.execute("SELECT 1 FROM landing WHERE digest = ?", (digest,)).fetchone():
            return
        prints = self._prints(lake_file(self._site, self._declaration.id, digest))
        self._index.execute("BEGIN IMMEDIATE")
        try:
            merged = self._enter(batch, digest, prints)
        except BaseException:
            self._index.execute("ROLLBACK")
            raise
        self._index.execute("COMMIT")
        for number in merged:
            for what in PARTS:
                self._file(number, what).unlink(missing_ok=True)

    def _enter(self, batch: str, digest: str, prints: Keys) -> list[int]:
        """Returns the runs that are part of a larger one now."""
        row = (digest, batch, len(prints))
        entered = self._index.execute("INSERT OR IGNORE INTO landing (digest, batch, keys) VALUES (?, ?, ?)", row)
        if not entered.rowcount:
            return []  # by another process, since we looked
        number = entered.lastrowid
        shared: Counter[int] = Counter()
        runs = self._index.execute("SELECT id, keys FROM run ORDER BY keys").fetchall()
        for run, _ in runs:
            shared.update(_landings_with(prints, *self._run(run)))
        pairs = [(number, other, rows) for other, rows in shared.items()]
        self._index.executemany("INSERT INTO shared VALUES (?, ?, ?)", [*pairs, *((b, a, n) for a, b, n in pairs)])
        return self._add(runs, prints, np.full(len(prints), number, dtype=np.int32))

    def _add(self, runs: list[tuple[int, int]], keys: Keys, landings: Landings) -> list[int]:
        """A run of its own, merged with those that are not twice its size: so there are never many."""
        merged = []
        for run, size in runs:
            if size > 2 * len(keys):
                break
            more, theirs = self._run(run)
            keys, landings = np.concatenate([keys, more]), np.concatenate([landings, theirs])
            order = np.argsort(keys, kind="stable")
            keys, landings = keys[order], landings[order]
            merged.append(run)
        self._index.executemany("DELETE FROM run WHERE id = ?", ((run,) for run in merged))
        # An id is not used again: a killed run's file of that name would be somebody else's.
        newest = self._index.execute("SELECT coalesce(max(id), 0) + 1 FROM landing").fetchone()[0]
        np.save(self._file(newest, "keys"), keys)
        np.save(self._file(newest, "landings"), landings)
        self._index.execute("INSERT INTO run VALUES (?, ?, ?)", (newest, len(keys), self._digests(newest)))
        return merged

    def _file(self, run: int, what: str) -> Path:
        return self._folder / f"{self._declaration.id}.{run}.{what}.npy"

    def _run(self, run: int) -> tuple[Keys, Landings]:
        keys, landings = (np.load(self._file(run, what), mmap_mode="r") for what in PARTS)
        return keys, landings

    def keys(self, digest: str) -> int:
        """How many different keys a landing has."""
        row = self._index.execute("SELECT keys FROM landing WHERE digest = ?", (digest,)).fetchone()
        return int(row[0]) if row else 0

    def sharing_with(self, digest: str) -> list[Sharing]:
        """Landings of other batches that have rows of this one, by their batch."""
        rows = self._index.execute(
            "SELECT o.batch, o.digest, s.rows, o.keys FROM landing m JOIN shared s ON s.one = m.id "
            "JOIN landing o ON o.id = s.other WHERE m.digest = ? AND o.batch != m.batch ORDER BY o.batch, o.digest",
            (digest,),
        )
        return [Sharing(*row) for row in rows]

    def later_than(self, batch: str) -> list[str]:
        """Later batches, any landing of which has rows of any landing of this one, in order of the calendar."""
        rows = self._index.execute(
            "SELECT DISTINCT o.batch FROM landing m JOIN shared s ON s.one = m.id JOIN landing o ON o.id = s.other "
            "WHERE m.batch = ? AND o.batch > m.batch ORDER BY o.batch",
            (batch,),
        )
        return [row[0] for row in rows]

    def _prints(self, path: Path) -> Keys:
        system = self._declaration.system
        key = system.the("key")
        if key and key != system.the("entity"):
            return _keys(path, key, self._salt)
        with scratch() as folder, engine(folder) as connection:
            whole = _whole(connection, path, system.the("time") or "", quoted_text(self._salt))
        return np.array(whole, dtype=np.int64)


def _landings_with(prints: Keys, keys: Keys, landings: Landings) -> dict[int, int]:
    """Landing → how many of these keys it has."""
    first, end = (np.searchsorted(keys, prints, side=side) for side in ("left", "right"))
    hits = np.flatnonzero(end > first)
    places = [np.arange(first[hit], end[hit]) for hit in hits]
    found = landings[np.concatenate(places)] if places else landings[:0]
    named, rows = np.unique(found, return_counts=True)
    return {int(landing): int(n) for landing, n in zip(named, rows, strict=True)}


def _keys(path: Path, key: str, salt: str) -> Keys:
    """Each different key as a number, sorted."""
    import pyarrow.parquet as pq

    keyed, found = hashlib.blake2b(key=bytes.fromhex(salt), digest_size=8), set()
    with pq.ParquetFile(path) as file:
        for rows in file.iter_batches(columns=[key]):
            for value in rows.column(0).to_pylist():
                if value is not None:
                    one = keyed.copy()
                    one.update(str(value).encode())
                    found.add(int.from_bytes(one.digest(), signed=True))
    return np.array(sorted(found), dtype=np.int64)


def _whole(connection: duckdb.DuckDBPyConnection, path: Path, time: str, salt: str) -> list[int]:
    """The whole batch as one number, whatever the order of its rows; none where too few of them differ to tell."""
    found = connection.execute(f"SELECT * FROM read_parquet({quoted_path(path)}) LIMIT 0").description or []
    columns = sorted(column[0] for column in found if column[0] != time)
    if not columns:
        return []
    row = f"CAST(row({', '.join(map(quoted_name, columns))}) AS VARCHAR)"
    query = (
        f"SELECT count(*), count(DISTINCT n), CAST(sum(n) AS VARCHAR) FROM "
        f"(SELECT CAST(md5_number_lower({salt} || {row}) AS HUGEINT) AS n FROM read_parquet({quoted_path(path)}))"
    )
    rows, distinct, total = connection.execute(query).fetchone() or (0, 0, "")
    if distinct < TELLING:
        return []
    words = quoted_text(f"{rows} {total} {' '.join(columns)}")
    number = int((connection.execute(f"SELECT md5_number_lower({salt} || {words})").fetchone() or (0,))[0])
    # As SQLite keeps them: 64 bits with a sign.
    return [number - 2**64 if number >= 2**63 else number]
