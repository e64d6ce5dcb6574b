"""The ledger as files that can be verified anywhere: events, checkpoints, public keys, and the verifier itself."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from governance import ledger, verify_ledger
from governance.checkpoints import CHECKPOINTED, public_pem
from governance.faults import UsageFault

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

README = """\
An exported ledger: {size} events.

events.jsonl      one event a line, with its hashes; "body" is the exact text that was hashed
checkpoints/      signed checkpoints (DSSE envelopes), and time-stamps of them (RFC 3161) where there are any
keys.pem          public keys with which checkpoints were signed
verify_ledger.py  verifies all of it; needs Python 3.11 or newer and: pip install cryptography

    python verify_ledger.py . --key KEY.pem --checkpoint CHECKPOINT.json

KEY.pem is the public key that you got on another way than this export, CHECKPOINT.json a checkpoint that was kept
where whoever wrote this export cannot write. Without them a wholly rewritten ledger would pass.
A time-stamp is verified with: openssl ts -verify -in X.json.tsr -data X.json -CAfile AUTHORITY.pem
"""


def export(connection: sa.Connection, folder: Path, checkpoints: Path, key: Ed25519PublicKey | None) -> int:
    """Writes the export into an empty or new folder, an event at a time; returns the number of events.

    Raises
    ------
    UsageFault
        The folder has something in it, or cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise UsageFault(f"{folder} is not empty. Name a new folder for the export.")
        size = 0
        with (folder / "events.jsonl").open("wb") as file:
            for row in ledger.entries(connection):
                # Whatever is stored, so that what was altered is exported as it is, and found there too.
                file.write(verify_ledger.as_line({name: _plain(getattr(row, name)) for name in verify_ledger.FIELDS}))
                size += 1
        _copy(checkpoints, folder / "checkpoints")
        keys = dict.fromkeys([*_used(connection), *([public_pem(key)] if key else [])])
        (folder / "keys.pem").write_text("".join(keys), encoding="ascii")
        shutil.copyfile(verify_ledger.__file__, folder / "verify_ledger.py")
        (folder / "README.txt").write_text(README.format(size=size), encoding="utf-8")
    except OSError as error:
        raise UsageFault(f"The export {folder} cannot be written: {error.strerror}.") from None
    return size


def _used(connection: sa.Connection) -> Iterator[str]:
    """Public keys of the checkpoints that the ledger tells of."""
    for event in ledger.events(connection, kind=CHECKPOINTED):
        yield event.body["public_key"]


def _copy(checkpoints: Path, into: Path) -> None:
    into.mkdir()
    if checkpoints.is_dir():
        for path in sorted(checkpoints.iterdir()):
            if path.name.startswith("checkpoint-"):
                shutil.copyfile(path, into / path.name)


def _plain(value: object) -> object:
    return value if isinstance(value, (int, str)) else repr(value)
