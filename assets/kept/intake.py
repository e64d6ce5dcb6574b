"""Texts that stay out of the record: kept under a salted digest, erasable without a trace of what they said (A.3.3).

The record holds the digest alone. Without the salt, which goes with the file, no guess at the text can be tried on it.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path

from governance.faults import UsageFault

SALT_BYTES = 32
# A concern, and not a library.
MOST_BYTES = 1_000_000


def keep_text(folder: Path, text: str) -> str:
    """Keeps it, readable by the owner of the folder only. Returns the salted digest, which is the file's name.

    Raises
    ------
    UsageFault
        There is no text, too much of it, or no place for it.
    """
    data = text.strip().encode()
    if not 3 <= len(data) <= MOST_BYTES:
        raise UsageFault(f"The text of a concern has 3 to {MOST_BYTES:,} bytes, got {len(data):,}.")
    salt = secrets.token_bytes(SALT_BYTES)
    name = hashlib.sha256(salt + data).hexdigest()
    try:
        with open(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(salt + data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise UsageFault(f"The concern cannot be kept in {folder}: {error.strerror}. Nothing was recorded.") from None
    return name


def text_of(folder: Path, name: str) -> str:
    """The text again.

    Raises
    ------
    UsageFault
        It was erased, or is another one than the record says.
    """
    try:
        whole = (folder / name).read_bytes()
    except FileNotFoundError:
        raise UsageFault("The text of this concern was erased, or lies in another AIMS_HOME.") from None
    if hashlib.sha256(whole).hexdigest() != name:
        raise UsageFault("The text of this concern was altered: it does not match the digest in the record.")
    return whole[SALT_BYTES:].decode()


def erase_text(folder: Path, name: str) -> bool:
    """Removes it with its salt. False where it was gone already."""
    try:
        (folder / name).unlink()
    except FileNotFoundError:
        return False
    return True
