"""Which landings share rows: every key of every landed batch as one number, in an index beside the lake.

A landing's keys are entered once and compared with all others on the way: what two landings share never changes, so
it is counted once and kept. A number is the half of a digest of a secret of this installation and the key: the index
tells nobody a key. It is made anew from the lake whenever it is not there or was made by another rule; nothing but
time is lost with it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from assets.erased import lake_file
from assets.home import Site, secret
from assets.lake import Altered
from assets.landing_sql import engine, quoted_name, quoted_path, quoted_text
from assets.sources import scratch
from checks.overlap import TELLING
from governance.batches import LANDED
from governance.declared import periods
from governance.declared.declarations import Declaration

_TABLES = """
CREATE TABLE IF NOT EXISTS made (by TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS landing (id INTEGER PRIMARY KEY, digest TEXT UNIQUE, batch TEXT, keys INTEGER);
CREATE TABLE IF NOT EXISTS print (key INTEGER, landing INTEGER, PRIMARY KEY (key, landing)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS shared (one INTEGER, other INTEGER, rows INTEGER, PRIMARY KEY (one, other)) WITHOUT ROWID;
"""


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

    def make(self, by: str) -> None:
        """Makes it anew from what was landed, unless it was made by this rule already."""
        self._index.executescript(_TABLES)
        if self._index.execute("SELECT by FROM made").fetchall() == [(by,)]:
            return
        for table in ("made", "landing", "print", "shared"):
            self._index.execute(f"DELETE FROM {table}")
        for event in self._site.register.events(LANDED, f"{self._declaration.id}/"):
            _, batch, part = event.subject.split("/")
            if part == "production" and periods.part_of(self._declaration.system, batch) == "production":
                try:
                    self.enter(batch, event.body["digest"])
                except Altered:
                    continue  # a file that is gone or altered is nobody's; its batch says so when it is read
        self._index.execute("INSERT OR REPLACE INTO made VALUES (?)", (by,))

    def enter(self, batch: str, digest: str) -> None:
        """Enters a landing's keys, and counts what it shares with every other. What is there is not entered again."""
        if self._index.execute("SELECT 1 FROM landing WHERE digest = ?", (digest,)).fetchone():
            return
        prints = self._prints(lake_file(self._site, digest))
        self._index.execute("BEGIN IMMEDIATE")
        try:
            self._enter(batch, digest, prints)
        except BaseException:
            self._index.execute("ROLLBACK")
            raise
        self._index.execute("COMMIT")

    def _enter(self, batch: str, digest: str, prints: list[int]) -> None:
        row = (digest, batch, len(prints))
        entered = self._index.execute("INSERT OR IGNORE INTO landing (digest, batch, keys) VALUES (?, ?, ?)", row)
        if not entered.rowcount:
            return  # by another process, since we looked
        number = entered.lastrowid
        self._index.execute("CREATE TEMP TABLE IF NOT EXISTS mine (key INTEGER PRIMARY KEY)")
        self._index.execute("DELETE FROM mine")
        self._index.executemany("INSERT INTO mine VALUES (?)", ((key,) for key in prints))
        shared = self._index.execute(
            "SELECT print.landing, count(*) FROM mine JOIN print USING (key) GROUP BY print.landing"
        ).fetchall()
        self._index.execute("INSERT INTO print SELECT key, ? FROM mine", (number,))
        pairs = [(number, other, rows) for other, rows in shared]
        self._index.executemany("INSERT INTO shared VALUES (?, ?, ?)", [*pairs, *((b, a, n) for a, b, n in pairs)])

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

    def _prints(self, path: Path) -> list[int]:
        system = self._declaration.system
        salt = quoted_text(secret(self._site.home.keys / "keyprints"))
        key = system.the("key")
        with scratch() as folder, engine(folder) as connection:
            if key and key != system.the("entity"):
                return _keys(connection, path, key, salt)
            return _whole(connection, path, system.the("time") or "", salt)


def _keys(connection: duckdb.DuckDBPyConnection, path: Path, key: str, salt: str) -> list[int]:
    name = quoted_name(key)
    number = f"md5_number_lower({salt} || CAST({name} AS VARCHAR))"
    query = f"SELECT DISTINCT {number} AS n FROM read_parquet({quoted_path(path)}) WHERE {name} IS NOT NULL ORDER BY n"
    return _signed(row[0] for row in connection.execute(query).fetchall())


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
    return _signed(r[0] for r in connection.execute(f"SELECT md5_number_lower({salt} || {words})").fetchall())


def _signed(numbers: Iterable[int]) -> list[int]:
    """As SQLite keeps them: 64 bits with a sign."""
    return [number - 2**64 if number >= 2**63 else number for number in numbers]
