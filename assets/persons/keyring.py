"""The keys under which persons are pseudonymised, and the list of those whose rows are not taken in again.

Each key is a file of its own, outside of the lake: a copy of the lake alone leads back to nobody. Keys are in
`AIMS_HOME/keys/pseudonyms`, or in the folder that `AIMS_PSEUDONYM_KEYS` names, which may lie on another machine's disk.
A key's id is the beginning of its file's digest, and the list stands in the record by its own: either is verified
whenever it is read.
"""

from __future__ import annotations

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

from assets.kept.home import Home, Site
from assets.kept.kept_keys import KEPT, kept_key
from assets.kept.lake import holding, keep_text
from assets.kept.stored import digests_of
from governance.cases.personal_orders import DESTROYED, MADE, RING, Order
from governance.faults import UsageFault
from governance.record.canonical import digest_of_bytes

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
            text = path.read_text("ascii")
            if _id_of(text) != path.stem:
                raise ValueError("other bytes than it was kept with")
            written = json.loads(text)
            found.append(Key(path.stem, str(written["since"]), bytes.fromhex(written["secret"])))
        except (OSError, ValueError, KeyError, TypeError):
            raise UsageFault(f"{path} is not the key that was kept. Put it back as it was, or remove it.") from None
    return sorted(found, key=lambda key: (key.since, key.id))


def make_key(site: Site, order: Order | None = None) -> Key:
    """A new key, which batches that come for the first time are pseudonymised with from now on.

    The first one is made without an order, when the first column is pseudonymised.
    """
    key = (_left_by(site, order) if order else None) or _written(site)
    body = {"id": key.id, "since": key.since} | ({"order": order.seq} if order else {})
    site.register.record(MADE, f"{RING}/{key.id}", body, at=site.at)
    return key


def _left_by(site: Site, order: Order) -> Key | None:
    """The key that was made for the order, where that was interrupted before it was recorded."""
    made = [
        key for key in ring(site.home) if dt.datetime.fromisoformat(key.since) >= dt.datetime.fromisoformat(order.at)
    ]
    return next((key for key in reversed(made) if site.register.last(MADE, f"{RING}/{key.id}") is None), None)


def _written(site: Site) -> Key:
    since, own = site.at.astimezone(dt.UTC).isoformat(), secrets.token_bytes(32)
    text = json.dumps({"since": since, "secret": own.hex()})
    key, folder = Key(_id_of(text), since, own), folder_of(site.home)
    handle, part = tempfile.mkstemp(prefix=".part-", dir=folder)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, folder / f"{key.id}.key")
    return key


def _id_of(text: str) -> str:
    return f"k{digest_of_bytes(text.encode())[:16]}"


def newest_key(site: Site) -> Key:
    """The key for what comes in now; made when the first column is pseudonymised."""
    there = ring(site.home)
    return there[-1] if there else make_key(site)


def key_named(place: Home, name: str) -> Key | None:
    """The key of that id, or None where it was destroyed or lies elsewhere."""
    return next((key for key in ring(place) if key.id == name), None)


def destroy_key(site: Site, order: Order) -> None:
    """Overwrites and removes the key of an order: its pseudonyms lead back to nobody any more.

    Raises
    ------
    UsageFault
        The key is not there: it lies elsewhere, or was removed past this program.
    """
    folder, name = folder_of(site.home), order.about
    path, gone = folder / f"{name}.key", folder / f"{name}.gone"
    if path.exists():
        path.rename(gone)
    if not gone.exists():
        raise UsageFault(
            f"The key {name} is not in {folder}, so {order.id} cannot be finished. Name its folder with "
            f"AIMS_PSEUDONYM_KEYS; or, where there is none, give the order up (`aims act give-up-order`)."
        )
    with gone.open("r+b") as file:
        file.write(secrets.token_bytes(gone.stat().st_size))
        file.flush()
        os.fsync(file.fileno())
    # Recorded once nothing of the key is left, and before its file goes: so it can be told whether that was done.
    site.register.record(DESTROYED, f"{RING}/{name}", {"id": name, "order": order.seq, "run": site.run}, at=site.at)
    gone.unlink()


def suppress(site: Site, system: str, persons: Iterable[str], order: int) -> None:
    """Puts what stands for persons on the list of those whose rows are not taken in again, with the order's number."""
    known = listed(site, system)
    now = {**known, **{person: (*known.get(person, ()), order) for person in persons}}
    lines = (" ".join((person, *map(str, dict.fromkeys(orders)))) for person, orders in sorted(now.items()))
    text = "".join(f"{line}\n" for line in lines)
    # Recorded first: a list that was not written any more is the one of before, whose digest is known, too.
    body = {"sha256": digest_of_bytes(text.encode()), "run": site.run}
    site.register.record(KEPT, _list_of(system), body, at=site.at, unless="sha256")
    keep_text(site.home.root / _list_of(system), text)


def suppressed(site: Site, system: str) -> frozenset[str]:
    """What stands for the persons on the list."""
    return frozenset(listed(site, system))


def listed(site: Site, system: str) -> dict[str, tuple[int, ...]]:
    """What stands for each person on the list → the orders by which they came on it; none for those of before orders.

    Raises
    ------
    Altered
        It is not the list that was kept: who was erased would come back unnoticed.
    """
    file = _list_of(system)
    digests, path = digests_of(site, KEPT, file), site.home.root / file
    if not digests and not path.exists():
        return {}
    remedy = "and put your copy back: persons who were erased would be taken in again"
    lines = holding(path, file, digests, remedy).read_text("ascii").splitlines()
    return {line.split()[0]: tuple(map(int, line.split()[1:])) for line in lines}


def suppression_key(site: Site) -> str:
    """The secret under which persons stand on the lists: never changed, and used for nothing else.

    Raises
    ------
    Altered
        It is not the one that was kept.
    """
    return kept_key(site, "suppression", harm="persons who were erased would be taken in again", instead=None)


def suppression(key: str, system: str, column: str, value: str) -> str:
    """What stands for one person on the list of a system."""
    return _mac(bytes.fromhex(key), "suppression", system, column, value)


def _list_of(system: str) -> str:
    return f"keys/suppressed-{system}"


def _mac(key: bytes, use: str, system: str, column: str, value: str) -> str:
    """HMAC-SHA-256 of the value in the domain of one use, system and column, cut to `LENGTH` digits.

    References
    ----------
    H. Krawczyk, M. Bellare, R. Canetti (1997), RFC 2104, doi:10.17487/RFC2104, section 5 for the cutting.
    """
    parts = (b"aims.personal", use.encode(), system.encode(), column.encode(), canonical(value).encode("utf-8"))
    return hmac.digest(key, b"\x00".join(parts), "sha256").hex()[:LENGTH]
