"""Files named by what is in them: written whole or not at all, verified on every read."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


class Altered(ValueError):
    """A stored file no longer holds the bytes that its name promises. Nothing downstream may use it."""


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, 64 hex digits, in bounded memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def keep_file(folder: Path, suffix: str, write: Callable[[Path], object]) -> tuple[str, Path]:
    """Lets `write` fill a file, then gives it its digest as a name. Returns digest and path."""
    with _unfinished(folder, suffix) as part:
        write(part)
        digest = sha256_of(part)
        path = folder / f"{digest}{suffix}"
        _finish(part, path)
    return digest, path


def replace_file(path: Path, write: Callable[[Path], object]) -> Path:
    """Lets `write` fill a file, then puts it in the place of `path`."""
    with _unfinished(path.parent, path.suffix) as part:
        write(part)
        _finish(part, path)
    return path


def keep_text(path: Path, text: str) -> Path:
    """Writes `text` whole or not at all."""
    return replace_file(path, lambda part: part.write_bytes(text.encode()))


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


def _finish(part: Path, path: Path) -> None:
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
    path = folder / f"{digest}{suffix}"
    if not path.exists():
        raise Altered(f"{folder.name}/{path.name} is gone. Land the batch again from its source.")
    found = sha256_of(path)
    if found != digest:
        raise Altered(
            f"{folder.name}/{path.name} was altered: its bytes now have the digest {found[:12]}. "
            "Remove the file and land the batch again from its source."
        )
    return path
