"""Files named by what is in them: written whole or not at all, verified on every read."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path


class Altered(ValueError):
    """A stored file no longer holds the bytes that its name promises. Nothing downstream may use it."""


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, 64 hex digits, in bounded memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def keep_file(folder: Path, suffix: str, write: Callable[[Path], None]) -> tuple[str, Path]:
    """Lets `write` fill a temporary file, then gives it its digest as a name. Returns digest and path.

    The rename is the last step and atomic: a kill leaves a temporary file at worst, never half a batch.
    """
    handle, name = tempfile.mkstemp(prefix=".part-", suffix=suffix, dir=folder)
    os.close(handle)
    part = Path(name)
    try:
        write(part)
        with part.open("rb") as file:
            os.fsync(file.fileno())
        digest = sha256_of(part)
        path = folder / f"{digest}{suffix}"
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    return digest, path


def keep_text(path: Path, text: str) -> Path:
    """Writes `text` whole or not at all."""
    handle, name = tempfile.mkstemp(prefix=".part-", suffix=path.suffix, dir=path.parent)
    part = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    return path


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
