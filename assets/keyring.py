"""The keys under which persons are pseudonymised, and the list of those whose rows are not taken in again.

Each key is a file of its own, outside of the lake: a copy of the lake alone leads back to nobody. Keys are in
`AIMS_HOME/keys/pseudonyms`, or in the folder that `AIMS_PSEUDONYM_KEYS` names, which may lie on another machine's disk.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hmac
import json
import os
import secrets
import tempfile
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from assets.home import Home, Site, secret
from governance.faults import UsageFault

MADE, DESTROYED = "personal.key_made", "personal.key_destroyed"
# Hexadecimal digits of a pseudonym: 128 bits, so that two of a thousand million persons meet once in 10^20.
LENGTH = 32


@dataclass(frozen=True, slots=True)
class Key:
    """One key of the ring. `id` and `since` are no secret."""

    id: str
    since: str
    secret: bytes

    def pseudonym(self, system: str, column: str, value: str) -> str:
        """What stands for this value of this column: the same in every batch and part of a system under this key."""
        return _mac(self.secret, "pseudonym", system, column, value)


def canonical(value: str) -> str:
    """A value as it is hashed: its text in Unicode's NFC, and otherwise as it is. `007` is another than `7`."""
    return unicodedata.normalize("NFC", value)


def folder_of(place: Home) -> Path:
    """Where the ring is, made when not there."""
    named = os.environ.get("AIMS_PSEUDONYM_KEYS")
    folder = Path(named) if named else place.keys / "pseudonyms"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UsageFault(f"The keys of pseudonyms cannot be kept in {folder}: {error.strerror}.") from None
    return folder


def ring(place: Home) -> list[Key]:
    """Every key that there still is, the newest last.

    Raises
    ------
    UsageFault
        A file of the ring is no key.
    """
    found = []
    for path in folder_of(place).glob("*.key"):
        try:
            written = json.loads(path.read_text("ascii"))
            found.append(Key(path.stem, str(written["since"]), bytes.fromhex(written["secret"])))
        except (OSError, ValueError, KeyError, TypeError):
            raise UsageFault(f"{path} is no key of pseudonyms. Put it back as it was, or remove it.") from None
    return sorted(found, key=lambda key: (key.since, key.id))


def make_key(site: Site) -> Key:
    """A new key, which batches that come for the first time are pseudonymised with from now on."""
    key = Key(f"k{secrets.token_hex(4)}", site.at.astimezone(dt.UTC).isoformat(), secrets.token_bytes(32))
    folder = folder_of(site.home)
    handle, part = tempfile.mkstemp(prefix=".part-", dir=folder)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        json.dump({"since": key.since, "secret": key.secret.hex()}, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, folder / f"{key.id}.key")
    site.register.record(MADE, f"keys/{key.id}", {"id": key.id, "since": key.since}, at=site.at)
    return key


def newest_key(site: Site) -> Key:
    """The key for what comes in now; made when the first column is pseudonymised."""
    there = ring(site.home)
    return there[-1] if there else make_key(site)


def key_named(place: Home, name: str) -> Key | None:
    """The key of that id, or None where it was destroyed or lies elsewhere."""
    return next((key for key in ring(place) if key.id == name), None)


def destroy_key(site: Site, name: str) -> None:
    """Overwrites and removes a key: its pseudonyms lead back to nobody any more, and nothing is joined by them.

    Raises
    ------
    UsageFault
        There is no such key.
    """
    path = folder_of(site.home) / f"{name}.key"
    if key_named(site.home, name) is None:
        raise UsageFault(f"There is no key {name!r}. See `aims personal keys`.")
    # Recorded first: should removing it fail, somebody is told so, and nothing says that a key is there that is not.
    site.register.record(DESTROYED, f"keys/{name}", {"id": name}, at=site.at)
    with path.open("r+b") as file:
        file.write(secrets.token_bytes(path.stat().st_size))
        file.flush()
        os.fsync(file.fileno())
    path.unlink()


def suppress(place: Home, system: str, column: str, values: Iterable[str]) -> int:
    """Puts persons on the list of those whose rows are not taken in again. Returns how many were not on it yet."""
    known, path = set(suppressed(place, system)), _list_of(place, system)
    new = sorted({suppression(place, system, column, value) for value in values} - known)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a", encoding="ascii") as file:
        file.writelines(f"{item}\n" for item in new)
        file.flush()
        os.fsync(file.fileno())
    return len(new)


def suppressed(place: Home, system: str) -> frozenset[str]:
    """What stands for the persons on the list."""
    with contextlib.suppress(FileNotFoundError):
        return frozenset(_list_of(place, system).read_text("ascii").split())
    return frozenset()


def suppression(place: Home, system: str, column: str, value: str) -> str:
    """What stands for one person on the list, under a key that is never changed and used for nothing else."""
    return _mac(bytes.fromhex(secret(place.keys / "suppression")), "suppression", system, column, value)


def _list_of(place: Home, system: str) -> Path:
    return place.keys / f"suppressed-{system}"


def _mac(key: bytes, use: str, system: str, column: str, value: str) -> str:
    """HMAC-SHA-256 of the value in the domain of one use, system and column, cut to `LENGTH` digits.

    References
    ----------
    H. Krawczyk, M. Bellare, R. Canetti (1997), RFC 2104, doi:10.17487/RFC2104, section 5 for the cutting.
    """
    parts = (b"aims.personal", use.encode(), system.encode(), column.encode(), canonical(value).encode("utf-8"))
    return hmac.digest(key, b"\x00".join(parts), "sha256").hex()[:LENGTH]
