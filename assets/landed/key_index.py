"""The index of keys as it lies on the disk: one sealed file of all that is small, and keys in files named by content.

The first line of the sealed file is the digest of all that follows, so that nothing of it is believed before all of it
was verified. It is put in the place of the one before it, whole or not at all: whoever reads it waits for nobody, and
a killed process leaves at worst files that nothing speaks of, which the next one to write removes. One writes at a
time; a lock of the system, which goes with its process, sees to that.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from assets.kept.lake import Altered, holding, keep_file, keep_text
from governance.record.canonical import digest_of_bytes

Keys = np.ndarray[Any, np.dtype[np.int64]]
Landings = np.ndarray[Any, np.dtype[np.int32]]
SEALED, LOCK, KEYS = "index", "lock", ".npy"
ANEW = "and run the system again: the index is made anew"
# Files of keys that this process has verified, as they stood then: they are large, and never written twice.
_HELD: dict[Path, tuple[int, int, int]] = {}


@dataclass(frozen=True, slots=True)
class Entered:
    """A landing: how many different keys it has, and with which others, by their number, it shares how many rows.

    `before` says that of those that were entered before it, as it is written: number, rows, number, rows.
    """

    batch: str
    digest: str
    keys: int
    before: list[int]
    shared: dict[int, int]


@dataclass(frozen=True, slots=True)
class Run:
    """Sorted keys and the number of the landing of each, in two files by their digests."""

    keys: str
    landings: str
    size: int


@dataclass(slots=True)
class Index:
    """All that is known but the keys themselves; `by` is the rule that made it, none while it is being made.

    A landing's number is its place in `entered`: none ever leaves.
    """

    by: str = ""
    entered: list[Entered] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)

    def enter(self, batch: str, digest: str, keys: int, before: list[int]) -> None:
        """The next landing, and what it shares on both sides."""
        number, shared = len(self.entered), dict(zip(before[::2], before[1::2], strict=True))
        self.numbers[digest] = number
        self.entered.append(Entered(batch, digest, keys, before, shared))
        for other, rows in shared.items():
            self.entered[other].shared[number] = rows

    def of(self, digest: str) -> Entered | None:
        """What was entered under this digest."""
        number = self.numbers.get(digest)
        return None if number is None else self.entered[number]


@dataclass(frozen=True)
class KeyFiles:
    """The folder of one system's index."""

    folder: Path

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Only one process is in here at a time; it waits for the one before it, however long that takes."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        with (self.folder / LOCK).open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def read(self) -> Index | None:
        """The index as it was last written; None where there is none.

        Raises
        ------
        Altered
            Its bytes are others now.
        """
        path = self.folder / SEALED
        try:
            raw = path.read_bytes()
        except FileNotFoundError:
            return None
        seal, _, text = raw.partition(b"\n")
        if seal != digest_of_bytes(text).encode():
            file = _named(path)
            what = f"{file} was altered: it does not hold what it was sealed with. Remove the file {ANEW}."
            raise Altered(what, file=file, found=digest_of_bytes(raw))
        return _parsed(json.loads(text))

    def write(self, index: Index) -> None:
        """Puts the index in the place of the one before it; then files go that it does not speak of."""
        text = json.dumps(_plain(index), separators=(",", ":"))
        keep_text(self.folder / SEALED, f"{digest_of_bytes(text.encode())}\n{text}", durable=False)
        spoken_of = {SEALED, LOCK, *(name for run in index.runs for name in _files(run))}
        for path in self.folder.iterdir():
            if path.name not in spoken_of:
                path.unlink()
                _HELD.pop(path, None)

    def keep(self, keys: Keys, landings: Landings) -> Run:
        """Writes a run; nothing speaks of it before the index is written."""
        return Run(self._kept(keys), self._kept(landings), len(keys))

    def run(self, run: Run) -> tuple[Keys, Landings]:
        """The keys of a run and their landings, to be searched where they lie.

        Raises
        ------
        Altered
            A file of it is gone, or its bytes are others now.
        """
        keys, landings = (np.load(self._whole(name), mmap_mode="r") for name in _files(run))
        return keys, landings

    def look(self) -> Iterator[tuple[str, Altered | None]]:
        """Each file of the index, and what is wrong with it."""
        for path in sorted(self.folder.iterdir()):
            try:
                if path.name == SEALED:
                    self.read()
                elif path.suffix == KEYS:
                    _verified(path)
                else:
                    continue
            except Altered as altered:
                if altered.found is not None:  # one that is gone is part of a larger one since we looked
                    yield altered.file, altered
            else:
                yield _named(path), None

    def _kept(self, array: Keys | Landings) -> str:
        digest, path = keep_file(self.folder, KEYS, lambda part: _save(part, array), durable=False)
        _HELD[path] = _as_it_stands(path)
        return digest

    def _whole(self, name: str) -> Path:
        path = self.folder / name
        if path in _HELD and path.exists() and _as_it_stands(path) == _HELD[path]:
            return path
        _verified(path)
        _HELD[path] = _as_it_stands(path)
        return path


def _verified(path: Path) -> Path:
    return holding(path, _named(path), (path.stem,), ANEW)


def _named(path: Path) -> str:
    return f"{path.parent.parent.name}/{path.parent.name}/{path.name}"


def _files(run: Run) -> tuple[str, str]:
    return f"{run.keys}{KEYS}", f"{run.landings}{KEYS}"


def _as_it_stands(path: Path) -> tuple[int, int, int]:
    stands = path.stat()
    return stands.st_ino, stands.st_size, stands.st_mtime_ns


def _save(path: Path, array: Keys | Landings) -> None:
    with path.open("wb") as file:
        np.save(file, array)


def _plain(index: Index) -> dict[str, Any]:
    entered = [[one.batch, one.digest, one.keys, one.before] for one in index.entered]
    return {"by": index.by, "entered": entered, "runs": [[run.keys, run.landings, run.size] for run in index.runs]}


def _parsed(plain: dict[str, Any]) -> Index:
    index = Index(plain["by"], runs=[Run(*run) for run in plain["runs"]])
    for entered in plain["entered"]:
        index.enter(*entered)
    return index
