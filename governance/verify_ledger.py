#!/usr/bin/env python3
"""Verifies an exported ledger without a database, a network, or the program that wrote it.

    python verify_ledger.py DIR --key ledger.pem --checkpoint checkpoint-120.json

DIR holds `events.jsonl` (one event a line), `checkpoints/*.json` (signed) and `keys.pem` (public keys). Every event's
hashes are computed again, every link is followed, every checkpoint is held against the events and its signature
against the keys. Whoever exports can write all of that anew: it is a key that you got on another way, and a
checkpoint that was kept where they cannot write, that such a rewriting runs up against.

Needs Python 3.11 or newer and the package `cryptography`. Memory does not grow with the number of events.
Prints one line a fault. Exit codes: 0 it holds, 1 it does not, 2 it could not be checked as asked.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import io
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

GENESIS = "0" * 64
PAYLOAD_TYPE = "application/vnd.aims.ledger-checkpoint+json"
NAMED = "ledger.named"
LONGEST_LINE = 2**26
MOST = 2**63
FIELDS = {"seq": int, "at": str, "actor": str, "kind": str, "subject": str, "body": str, "leaf": str, "entry": str}
HASHED = tuple(name for name in FIELDS if name not in ("leaf", "entry"))
CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)
STATEMENT = {"origin": str, "size": int, "head": str, "time": str}
HASH = re.compile("[0-9a-f]{64}")
PEM = re.compile(rb"-----BEGIN PUBLIC KEY-----.+?-----END PUBLIC KEY-----", re.DOTALL)


class Unusable(ValueError):
    """What was given cannot be used: a folder without events, a file without a key."""


class Refused(ValueError):
    """A checkpoint that is none, or is signed by nobody who was named."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What was signed: ledger `origin` had `size` events, the last of them with the entry `head`, at `time`."""

    name: str
    origin: str
    size: int
    head: str
    time: str
    key: str


@dataclass(slots=True)
class Seen:
    """What a walk over the events has met; `entries` are those of the sizes that somebody asked for."""

    sizes: frozenset[int]
    entries: dict[int, str] = field(default_factory=dict)
    size: int = 0
    head: str = GENESIS
    origin: str | None = None


# The chain


def canonical(event: Mapping[str, Any]) -> bytes:
    """RFC 8785 form of an event's fields without its hashes: texts and one whole number need no more than this."""
    plain = {name: event[name] for name in HASHED}
    return CANONICAL.encode(plain).encode()


def walk(lines: Iterable[bytes], seen: Seen) -> Iterator[str]:
    """Follows the chain from its beginning, and yields every place where it does not hold."""
    previous = bytes(32)
    for number, line in enumerate(lines, 1):
        event = as_event(line)
        if event is None:
            yield f"line {number} of the events is no event as it is exported."
            continue
        yield from _out_of_place(event["seq"], seen.size)
        leaf = _digest(event["leaf"])
        if leaf != hashlib.sha256(b"\x00" + canonical(event)).digest():
            yield f"{_words(event)} was altered: its content does not match its leaf."
        entry = _digest(event["entry"])
        if entry != hashlib.sha256(b"\x01" + previous + leaf).digest():
            yield f"{_words(event)} does not follow from the one before it."
        previous = entry
        _meet(event, seen)


def as_event(line: bytes) -> dict[str, Any] | None:
    """One line of the export; None where it is no event, or written in another way (with a field twice)."""
    try:
        event = json.loads(line)
        return event if _has(event, FIELDS) and as_line(event) == line else None
    except (ValueError, RecursionError):  # no JSON, too deep, or half of a surrogate pair, which has no bytes
        return None


def as_line(event: Mapping[str, Any]) -> bytes:
    """The only way in which an event is exported."""
    return CANONICAL.encode(event).encode() + b"\n"


def lines_of(file: BinaryIO) -> Iterator[bytes]:
    """Lines, none of them longer than can be held: what is longer is given in pieces, which are no events."""
    while line := file.readline(LONGEST_LINE):
        yield line


def _out_of_place(seq: int, last: int) -> Iterator[str]:
    if seq == last + 2:
        yield f"event {last + 1} is missing: the next one is {seq}."
    elif seq > last + 1:
        yield f"events {last + 1} to {seq - 1} are missing: the next one is {seq}."
    elif seq <= last:
        yield f"event {seq} stands after event {last}: out of order, or put in."


def _meet(event: dict[str, Any], seen: Seen) -> None:
    seen.size = max(seen.size, event["seq"])
    seen.head = event["entry"]
    if event["seq"] in seen.sizes:
        seen.entries.setdefault(event["seq"], event["entry"])
    if event["kind"] == NAMED and seen.origin is None:
        seen.origin = event["subject"]


def _digest(text: str) -> bytes:
    """The bytes of a hash; none where it is no hash, which then matches nothing."""
    return bytes.fromhex(text) if HASH.fullmatch(text) else b""


def _has(value: object, fields: Mapping[str, type]) -> bool:
    if not isinstance(value, dict) or value.keys() != fields.keys():
        return False
    for name, kind in fields.items():
        if type(value[name]) is not kind or (kind is int and not 0 < value[name] < MOST):
            return False
    return True


def _words(event: Mapping[str, Any]) -> str:
    return f"event {event['seq']} ({_shown(event['kind'])}, {_shown(event['subject'])})"


def _shown(text: str) -> str:
    """A text of the events in a message: no line breaks and nothing that moves a terminal's cursor."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


# Checkpoints


def key_id(key: Ed25519PublicKey) -> str:
    """SHA-256 of the public key (SubjectPublicKeyInfo, DER), 64 hexadecimal digits."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def keys_in(path: Path) -> dict[str, Ed25519PublicKey]:
    """The Ed25519 public keys of a PEM file, by their id.

    Raises
    ------
    Unusable
        There is no such file, or no such key in it.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        found = [load_pem_public_key(block) for block in PEM.findall(path.read_bytes())]
    except OSError as error:
        raise Unusable(f"{path} cannot be read: {error.strerror}.") from None
    except ValueError:
        found = []
    keys = [key for key in found if isinstance(key, Ed25519PublicKey)]
    if not keys or len(keys) != len(found):
        raise Unusable(f"{path} holds no Ed25519 public key (PEM).")
    return {key_id(key): key for key in keys}


def opened(name: str, data: bytes, keys: Mapping[str, Ed25519PublicKey]) -> Checkpoint:
    """What a signed checkpoint says: a DSSE envelope, its signature checked with one of the keys.

    Raises
    ------
    Refused
        It is no such envelope, or none of the keys signed it.
    """
    try:
        envelope = json.loads(data)
        kind, payload = envelope["payloadType"], base64.b64decode(envelope["payload"], validate=True)
        signatures = [base64.b64decode(item["sig"], validate=True) for item in envelope["signatures"]]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Refused(f"{name} is no signed checkpoint.") from None
    type_ = str(kind).encode(errors="replace")
    signed = b"DSSEv1 %d %b %d %b" % (len(type_), type_, len(payload), payload)
    signer = next((name for name, key in keys.items() if _signed(key, signatures, signed)), None)
    if signer is None:
        raise Refused(f"{name} is not signed by {'any of the keys' if len(keys) > 1 else 'the key'} given.")
    statement = _statement(payload) if kind == PAYLOAD_TYPE else None
    if statement is None:
        raise Refused(f"{name} is signed, and no checkpoint of a ledger.")
    return Checkpoint(name, key=signer, **statement)


def against(checkpoint: Checkpoint, seen: Seen) -> str | None:
    """What is wrong with the events in the light of a checkpoint."""
    if seen.origin is None:
        return (
            f"{checkpoint.name} is of the ledger {checkpoint.origin}; "
            "this one has no name: it was cut off or rewritten before it was named, or is another ledger."
        )
    if checkpoint.origin != seen.origin:
        return f"{checkpoint.name} is of another ledger ({checkpoint.origin}); this one is {_shown(seen.origin)}."
    if checkpoint.size > seen.size:
        return (
            f"{checkpoint.name} was signed over {checkpoint.size} events, and {seen.size} are there: "
            "the end was cut off."
        )
    if seen.entries.get(checkpoint.size) != checkpoint.head:
        return (
            f"{checkpoint.name} was signed over another event {checkpoint.size}: "
            "the events up to it were rewritten, and their hashes with them."
        )
    return None


def _signed(key: Ed25519PublicKey, signatures: Sequence[bytes], data: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature

    for signature in signatures:
        try:
            key.verify(signature, data)
        except InvalidSignature:
            continue
        return True
    return False


def _statement(payload: bytes) -> dict[str, Any] | None:
    try:
        statement = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    return statement if _has(statement, STATEMENT) else None


# The command


@dataclass(slots=True)
class Told:
    """Prints faults, and counts them."""

    faults: int = 0

    def __call__(self, fault: str) -> None:
        self.faults += 1
        print(fault)


def verify(folder: Path, key_files: Sequence[Path], checkpoint_files: Sequence[Path]) -> int:
    """Checks one export; returns the exit code."""
    told = Told()
    exported = folder / "keys.pem"
    keys = {name: key for path in key_files or [exported] for name, key in keys_in(path).items()}
    if key_files and exported.exists():
        for name in keys_in(exported).keys() - keys.keys():
            told(f"keys.pem of the export holds the key {name[:16]}, which is not among those given.")
    checkpoints = list(_checkpoints(folder, checkpoint_files, keys, told))
    seen = Seen(frozenset(checkpoint.size for checkpoint in checkpoints))
    try:
        with (folder / "events.jsonl").open("rb") as file:
            for fault in walk(lines_of(file), seen):
                told(fault)
    except OSError as error:
        raise Unusable(f"{error.filename} cannot be read: {error.strerror}.") from None
    for checkpoint in checkpoints:
        if found := against(checkpoint, seen):
            told(found)
    if told.faults:
        print(f"The ledger does NOT hold: {told.faults} faults in {seen.size} events.", file=sys.stderr)
        return 1
    _tell(seen, checkpoints, anchored=bool(key_files and checkpoint_files))
    return 0


def _checkpoints(
    folder: Path, files: Sequence[Path], keys: Mapping[str, Ed25519PublicKey], told: Told
) -> Iterator[Checkpoint]:
    for path in [*sorted((folder / "checkpoints").glob("*.json")), *files]:
        try:
            yield opened(str(path), path.read_bytes(), keys)
        except OSError as error:
            raise Unusable(f"{path} cannot be read: {error.strerror}.") from None
        except Refused as refusal:
            told(str(refusal))


def _tell(seen: Seen, checkpoints: Sequence[Checkpoint], *, anchored: bool) -> None:
    print(f"{seen.size} events hold; last entry {seen.head}")
    print(coverage(seen.size, checkpoints))
    if not anchored:
        print("unanchored: without a key and a checkpoint kept elsewhere, a wholly rewritten ledger would pass")


def coverage(size: int, checkpoints: Sequence[Checkpoint]) -> str:
    """How far the checkpoints reach, in one line."""
    if not checkpoints:
        return "no checkpoint was checked"
    newest = max(checkpoints, key=lambda item: item.size)
    number = f"{len(checkpoints)} checkpoint{'s hold' if len(checkpoints) > 1 else ' holds'}"
    later = "" if newest.size == size else f"; events {newest.size + 1} to {size} came after"
    signed = f"signed {newest.time} with key {newest.key[:16]}"
    return f"{number}; the newest covers events 1 to {newest.size}, {signed}{later}"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns the exit code."""
    parser = argparse.ArgumentParser(description="Verifies an exported ledger.")
    parser.add_argument("folder", type=Path, metavar="DIR", help="the export")
    parser.add_argument("--key", type=Path, action="append", default=[], help="public key got on another way (PEM)")
    parser.add_argument("--checkpoint", type=Path, action="append", default=[], help="checkpoint kept elsewhere")
    given = parser.parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal that knows fewer letters than the ledger
    try:
        return verify(given.folder, given.key, given.checkpoint)
    except Unusable as fault:
        print(f"verify_ledger: {fault}", file=sys.stderr)
        return 2
    except ModuleNotFoundError:
        print("verify_ledger: needs the package `cryptography`: pip install cryptography", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
