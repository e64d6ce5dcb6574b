"""Signed checkpoints of the ledger: how many events there were, and the entry of the last one.

A checkpoint is a DSSE envelope over `{origin, size, head, time}`, signed with Ed25519. Kept where the owner of the
database cannot write, it is what a rewritten or shortened ledger runs up against. `origin` names the ledger, by an
event in it, so that a checkpoint of another one is told apart from a forgery. How one is checked is said once, in
`verify_ledger`, which also runs alone.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from governance import ledger, verify_ledger
from governance.canonical import canonical_bytes, digest_of_bytes
from governance.faults import UsageFault
from governance.verify_ledger import Checkpoint, Refused, Seen

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

NAMED = verify_ledger.NAMED
CHECKPOINTED = "ledger.checkpointed"


@dataclass(frozen=True, slots=True)
class Signed:
    """A checkpoint that was signed just now, and the files in which it stands."""

    size: int
    key: str
    paths: tuple[Path, ...]


def signing_key(path: Path, make: bool) -> Ed25519PrivateKey:
    """The private key of this installation, PEM; with `make`, a new one where there is none, for its owner's eyes only.

    Raises
    ------
    UsageFault
        There is none, or it is of another kind.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    if make and not path.exists():
        _make_key(path)
    try:
        key = load_pem_private_key(path.read_bytes(), None)
        if isinstance(key, Ed25519PrivateKey):
            return key
    except OSError as error:
        raise UsageFault(f"The ledger's key {path} cannot be read: {error.strerror}. Check AIMS_LEDGER_KEY.") from None
    except (ValueError, TypeError):  # no key, or one with a password
        pass
    raise UsageFault(f"The ledger's key {path} is no unencrypted Ed25519 private key (PEM). Check AIMS_LEDGER_KEY.")


def public_pem(key: Ed25519PublicKey) -> str:
    """The public key as people pass it on."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")


def checkpoint(
    connection: sa.Connection,
    key: Ed25519PrivateKey,
    folder: Path,
    *,
    out: Path | None = None,
    actor: str,
    at: dt.datetime,
) -> Signed:
    """Signs what the ledger holds now, and records that it did, inside the caller's transaction.

    The event `ledger.checkpointed` comes after what it speaks of: from the ledger alone an auditor learns which
    checkpoints to ask for. The files are written before the transaction ends; should it fail, they are taken away.

    Raises
    ------
    UsageFault
        A file cannot be written. Nothing is recorded then.
    """
    origin = _named(connection, actor, at)
    size, head = ledger.head(connection)
    time = at.astimezone(dt.UTC).isoformat(timespec="milliseconds")
    statement = {"origin": origin, "size": size, "head": head, "time": time}
    envelope = signed(canonical_bytes(statement), key)
    public = key.public_key()
    body = {**statement, "public_key": public_pem(public), "envelope": digest_of_bytes(envelope)}
    ledger.append(connection, CHECKPOINTED, origin, body, actor=actor, at=at)
    paths = (folder / f"checkpoint-{size}.json", *([out] if out else []))
    for path in paths:
        keep(path, envelope)
    return Signed(size, verify_ledger.key_id(public), paths)


def signed(payload: bytes, key: Ed25519PrivateKey) -> bytes:
    """A DSSE envelope around the statement, as JSON."""
    from securesystemslib.dsse import Envelope
    from securesystemslib.signer._crypto_signer import CryptoSigner
    from securesystemslib.signer._key import SSlibKey

    public = SSlibKey.from_crypto(key.public_key(), keyid=verify_ledger.key_id(key.public_key()))
    envelope = Envelope(payload, verify_ledger.PAYLOAD_TYPE, {})
    envelope.sign(CryptoSigner(key, public))
    return json.dumps(envelope.to_dict(), indent=1, sort_keys=True).encode() + b"\n"


def faults(
    connection: sa.Connection, paths: Sequence[Path], keys: Mapping[str, Ed25519PublicKey]
) -> tuple[list[str], list[Checkpoint]]:
    """What is wrong with the ledger in the light of these checkpoints, and the checkpoints that hold."""
    wrong: list[str] = []
    read: list[Checkpoint] = []
    for path in paths:
        try:
            read.append(verify_ledger.opened(str(path), path.read_bytes(), keys))
        except OSError as error:
            raise UsageFault(f"The checkpoint {path} cannot be read: {error.strerror}.") from None
        except Refused as refusal:
            wrong.append(str(refusal))
    seen = _seen(connection, read)
    held = []
    for item in read:
        fault = verify_ledger.against(item, seen)
        if fault:
            wrong.append(fault)
        else:
            held.append(item)
    return wrong, held


def newest(folder: Path) -> Path:
    """The checkpoint over most events in a folder.

    Raises
    ------
    UsageFault
        There is none.
    """
    found = [path for path in folder.glob("checkpoint-*.json") if path.stem[11:].isdecimal()]
    if not found:
        raise UsageFault(f"There is no checkpoint in {folder}. Sign one with `aims ledger checkpoint`.")
    return max(found, key=lambda path: int(path.stem[11:]))


def keep(path: Path, data: bytes) -> None:
    """Writes a whole file or none.

    Raises
    ------
    UsageFault
        It cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, part = tempfile.mkstemp(prefix=".part-", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(part, 0o644)
            os.replace(part, path)
        except BaseException:
            os.unlink(part)
            raise
    except OSError as error:
        raise UsageFault(f"{path} cannot be written: {error.strerror}. Nothing was recorded.") from None


def _named(connection: sa.Connection, actor: str, at: dt.datetime) -> str:
    """The ledger's name; given at its first checkpoint, at random, and never again."""
    named = next(ledger.events(connection, kind=NAMED), None)
    if named is not None:
        return named.subject
    return ledger.append(connection, NAMED, uuid.uuid4().urn, {}, actor=actor, at=at).subject


def _seen(connection: sa.Connection, read: Sequence[Checkpoint]) -> Seen:
    sizes = frozenset(item.size for item in read)
    named = next(ledger.events(connection, kind=NAMED), None)
    query = sa.select(ledger.EVENT.c.seq, ledger.EVENT.c.entry).where(ledger.EVENT.c.seq.in_(sizes))
    entries = {row.seq: row.entry for row in connection.execute(query)}
    size, head = ledger.head(connection)
    return Seen(sizes, entries, size, head, named.subject if named else None)


def _make_key(path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    data = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    handle, part = tempfile.mkstemp(prefix=".part-", dir=path.parent)  # mkstemp: readable by its owner only
    with os.fdopen(handle, "wb") as file:
        file.write(data)
    # Of two that make one at the same time, the first stays.
    with contextlib.suppress(FileExistsError):
        os.link(part, path)
    os.unlink(part)
