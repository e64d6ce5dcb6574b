"""Files named by what is in them: written whole or not at all, verified on every read."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path


class Altered(ValueError):
    """A stored file no longer holds the bytes that were kept. Nothing downstream may use it.

    `file` is its place below `AIMS_HOME`; `found` the digest of what it holds now, None where it is gone.
    """

    def __init__(self, message: str, *, file: str, found: str | None) -> None:
        super().__init__(message)
        self.file, self.found = file, found


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, 64 hex digits, in bounded memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def keep_file(folder: Path, suffix: str, write: Callable[[Path], object], *, durable: bool = True) -> tuple[str, Path]:
    """Lets `write` fill a file, then gives it its digest as a name. Returns digest and path.

    What can be made anew need not be `durable`: after a power cut it may hold other bytes, and is found altered.
    """
    with _unfinished(folder, suffix) as part:
        write(part)
        digest = sha256_of(part)
        path = folder / f"{digest}{suffix}"
        _finish(part, path, durable)
    return digest, path


def replace_file(path: Path, write: Callable[[Path], object], *, durable: bool = True) -> Path:
    """Lets `write` fill a file, then puts it in the place of `path`."""
    with _unfinished(path.parent, path.suffix) as part:
        write(part)
        _finish(part, path, durable)
    return path


def keep_text(path: Path, text: str, *, durable: bool = True) -> Path:
    """Writes `text` whole or not at all."""
    return replace_file(path, lambda part: part.write_bytes(text.encode()), durable=durable)


@contextmanager
def _unfinished(folder: Path, suffix: str) -> Iterator[Path]:
    """A temporary file beside its later place: a kill leaves this at worst, never half a batch."""
    handle, name = tempfile.mkstemp(prefix=".part-", suffix=suffix, dir=folder)
    os.close(handle)
    part = Path(name)
    try:
        yield part
    finally:
        part.unlink(missing_ok=True)


def _finish(part: Path, path: Path, durable: bool) -> None:
    if durable:
        with part.open("rb") as file:
            os.fsync(file.fileno())
    os.replace(part, path)


def verified(folder: Path, digest: str, suffix: str) -> Path:
    """The file of that digest.

    Raises
    ------
    Altered
        It is gone, or its bytes are others now.
    """
    return holding(folder / f"{digest}{suffix}", f"{folder.name}/{digest}{suffix}", (digest,), _REMEDIES[folder.name])


_REMEDIES = {
    "lake": "and land the batch again from its source",
    "models": "and train the candidate again",
    "profiles": "and run its batch again",
}


def holding(path: Path, file: str, digests: Collection[str], remedy: str) -> Path:
    """The file, whose bytes have one of these digests; `file` is how it is named in messages and in the record.

    Raises
    ------
    Altered
        It is gone, or its bytes are others now.
    """
    try:
        found = sha256_of(path)
    except FileNotFoundError:
        said = remedy.removeprefix("and ")
        raise Altered(f"{file} is gone. {said[0].upper()}{said[1:]}.", file=file, found=None) from None
    if found not in digests:
        what = f"{file} was altered: its bytes now have the digest {found[:12]}. Remove the file {remedy}."
        raise Altered(what, file=file, found=found)
    return path
