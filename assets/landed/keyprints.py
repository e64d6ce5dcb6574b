"""Which landings share rows: every key of every landed batch as one number, in an index beside the lake.

A landing's keys are entered once and compared with all others on the way: what two landings share never changes, so
it is counted once and kept. Keys lie sorted in few files, each more than twice the size of the next, which are
searched and not read: what a landing costs grows with its own keys, and hardly with all others.

A number is a digest of the key under a secret of this installation: the index tells nobody a key. It is made anew
from the lake whenever it is not there, was altered or was made by another rule; nothing but time is lost with it.
How it lies on the disk, and how one knows that it is whole, is in `key_index`.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np

from assets.kept.home import Site
from assets.kept.kept_keys import kept_key
from assets.kept.lake import Altered
from assets.kept.stored import note
from assets.landed.key_index import Entered, Index, KeyFiles, Keys, Landings, Run
from assets.persons.erased import lake_file
from assets.source.landing_sql import engine, quoted_path
from assets.source.sources import scratch
from checks.overlap import TELLING
from checks.sql_text import quoted_name, quoted_text
from governance.batches import LANDED
from governance.declared import periods
from governance.declared.declarations import Declaration
from governance.record.canonical import digest_of_bytes


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


class Keyprints:
    """The index of a system, filled from the lake where it is not there yet."""

    def __init__(self, declaration: Declaration, site: Site) -> None:
        self._declaration, self._site = declaration, site
        self._files = KeyFiles(site.home.keyprints / declaration.id)
        harm, instead = "rows that come again would be told from none", "remove the file: the index is made anew"
        self._salt = kept_key(site, "keyprints", harm=harm, instead=instead)
        self._by = f"{told_by(declaration)}, under {digest_of_bytes(self._salt.encode())[:16]}"
        self._index = self._opened()

    def _opened(self) -> Index:
        with suppress(Altered):
            found = self._files.read()
            if found and found.by == self._by:
                return found
        with self._files.alone():
            return self._newest()

    def _newest(self) -> Index:
        """What was written last, by whomever; made anew unless it is whole, of this rule and under this secret."""
        try:
            found = self._files.read()
        except Altered as altered:
            note(self._site, altered)
            found = None
        return found if found and found.by == self._by else self._made_anew()

    def _made_anew(self) -> Index:
        """From what was landed; a process that dies before the end leaves an index that is nobody's."""
        index = Index()
        self._forget_older_kinds()
        for event in self._site.register.events(LANDED, f"{self._declaration.id}/"):
            _, batch, part = event.subject.split("/")
            digest = event.body["digest"]
            if part != "production" or digest in index.numbers:
                continue
            if periods.part_of(self._declaration.system, batch) != "production":
                continue
            try:
                prints = self._prints(lake_file(self._site, self._declaration.id, digest))
            except Altered:
                continue  # a file that is gone or altered is nobody's; its batch says so when it is read
            self._enter(index, batch, digest, prints)
            self._files.write(index)
        index.by = self._by
        self._files.write(index)
        return index

    def _forget_older_kinds(self) -> None:
        """Older versions kept the index in a database and beside it."""
        for path in self._site.home.keyprints.glob(f"{self._declaration.id}.*"):
            path.unlink()

    def enter(self, batch: str, digest: str) -> None:
        """Enters a landing's keys, and counts what it shares with every other. What is there is not entered again."""
        if digest in self._index.numbers:
            return
        prints = self._prints(lake_file(self._site, self._declaration.id, digest))
        with self._files.alone():
            index = self._newest()
            if digest not in index.numbers:  # nor by another process, since we looked
                index = self._with(index, batch, digest, prints)
        self._index = index

    def _with(self, index: Index, batch: str, digest: str, prints: Keys) -> Index:
        try:
            self._enter(index, batch, digest, prints)
        except Altered as altered:
            if altered.found is not None:
                note(self._site, altered)
            index = self._made_anew()
            if digest in index.numbers:
                return index
            self._enter(index, batch, digest, prints)
        self._files.write(index)
        return index

    def _enter(self, index: Index, batch: str, digest: str, prints: Keys) -> None:
        shared: Counter[int] = Counter()
        for run in index.runs:
            shared.update(_landings_with(prints, *self._files.run(run)))
        number = np.full(len(prints), len(index.entered), dtype=np.int32)
        runs = self._added(index.runs, prints, number)
        index.enter(batch, digest, len(prints), [n for pair in shared.items() for n in pair])
        index.runs = runs

    def _added(self, runs: list[Run], keys: Keys, landings: Landings) -> list[Run]:
        """A run of its own, merged with those that are not twice its size: so there are never many."""
        if not len(keys):
            return runs
        larger = sorted(runs, key=lambda run: run.size)
        while larger and larger[0].size <= 2 * len(keys):
            more, theirs = self._files.run(larger.pop(0))
            keys, landings = np.concatenate([keys, more]), np.concatenate([landings, theirs])
            order = np.argsort(keys, kind="stable")
            keys, landings = keys[order], landings[order]
        return [self._files.keep(keys, landings), *larger]

    def keys(self, digest: str) -> int:
        """How many different keys a landing has."""
        entered = self._index.of(digest)
        return entered.keys if entered else 0

    def sharing_with(self, digest: str) -> list[Sharing]:
        """Landings of other batches that have rows of this one, by their batch."""
        entered = self._index.of(digest)
        found = self._others(entered) if entered else []
        return sorted(found, key=lambda one: (one.batch, one.digest))

    def later_than(self, batch: str) -> list[str]:
        """Later batches, any landing of which has rows of any landing of this one, in order of the calendar."""
        mine = [entered for entered in self._index.entered if entered.batch == batch]
        return sorted({one.batch for entered in mine for one in self._others(entered) if one.batch > batch})

    def _others(self, entered: Entered) -> list[Sharing]:
        others = [(self._index.entered[number], rows) for number, rows in entered.shared.items()]
        return [Sharing(one.batch, one.digest, rows, one.keys) for one, rows in others if one.batch != entered.batch]

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
    # As keys are: 64 bits with a sign.
    return [number - 2**64 if number >= 2**63 else number]
