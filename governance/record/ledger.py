"""The append-only, hash-chained record of everything that was decided or found (Clause 7.5, A.6.2.8).

`leaf = SHA-256(0x00 ‖ canonical event)`, `entry = SHA-256(0x01 ‖ previous entry ‖ leaf)`, gapless sequence, one
writer at a time (`database`). Triggers refuse UPDATE and DELETE. Whoever owns the database can still rewrite all of
it: the chain proves little until a signed checkpoint is kept elsewhere (`checkpoints`), and `verify` says
`unanchored` until one is given.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from governance.faults import UsageFault
from governance.record.canonical import canonical_bytes
from governance.record.database import METADATA as METADATA
from governance.record.database import connect as connect
from governance.record.database import damages as damages
from governance.record.database import reading as reading
from governance.record.database import writing as writing

EVENT = sa.Table(
    "event",
    METADATA,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("leaf", sa.Text, nullable=False),
    sa.Column("entry", sa.Text, nullable=False),
    sa.Index("event_by_subject", "kind", "subject"),
)
GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of the ledger; `body` is plain data without any person's values."""

    seq: int
    at: str
    actor: str
    kind: str
    subject: str
    body: dict[str, Any]


def append(
    connection: sa.Connection, kind: str, subject: str, body: dict[str, Any], *, actor: str, at: dt.datetime
) -> Event:
    """Adds one event inside the caller's transaction: the governed act and its event stand or fall together."""
    last = connection.execute(sa.select(EVENT.c.seq, EVENT.c.entry).order_by(EVENT.c.seq.desc()).limit(1)).first()
    seq, previous = (last.seq + 1, last.entry) if last else (1, GENESIS)
    moment = at.astimezone(dt.UTC).isoformat(timespec="milliseconds")
    text = canonical_bytes(body).decode()
    leaf = _leaf(seq, moment, actor, kind, subject, text)
    values = {"seq": seq, "at": moment, "actor": actor, "kind": kind, "subject": subject, "body": text}
    connection.execute(EVENT.insert().values(**values, leaf=leaf, entry=_entry(previous, leaf)))
    return Event(seq, moment, actor, kind, subject, json.loads(text))


def events(
    connection: sa.Connection,
    *,
    kind: str | Sequence[str] | None = None,
    prefix: str = "",
    subject: str | None = None,
    before: int | None = None,
) -> Iterator[Event]:
    """Events in order, those with a number less than `before`; `kind` may end in `*`, or be several."""
    query = sa.select(EVENT).order_by(EVENT.c.seq)
    if before is not None:
        query = query.where(EVENT.c.seq < before)
    if kind is not None:
        kinds = [kind] if isinstance(kind, str) else list(kind)
        if isinstance(kind, str) and kind.endswith("*"):
            kinds = kinds_of(connection, kind[:-1])
        query = query.where(EVENT.c.kind.in_(kinds))
    if subject is not None:
        query = query.where(EVENT.c.subject == subject)
    if prefix:
        query = query.where(EVENT.c.subject.startswith(prefix, autoescape=True))
    for row in connection.execute(query):
        yield _as_event(row)


def kinds_of(connection: sa.Connection, start: str) -> list[str]:
    """The kinds of events that there are and that start so.

    One step along the index for each kind: a million events are not read to find the dozen that are about accounts.
    """
    found: list[str] = []
    while True:
        query = sa.select(sa.func.min(EVENT.c.kind)).where(EVENT.c.kind > (found[-1] if found else ""))
        kind = connection.execute(query).scalar_one()
        if not isinstance(kind, str):  # none is left, or bytes that somebody wrote where text was
            return [kind for kind in found if kind.startswith(start)]
        found.append(kind)


def whole_events(connection: sa.Connection) -> Iterator[Event]:
    """Events in order, without those that were altered, which may not even be readable: `chain_faults` names them."""
    for row in connection.execute(sa.select(EVENT).order_by(EVENT.c.seq)):
        if _is_whole(row):
            yield Event(row.seq, row.at, row.actor, row.kind, row.subject, json.loads(row.body))


def last_event(connection: sa.Connection, kind: str, subject: str, *, before: int | None = None) -> Event | None:
    """The newest event of this kind about this subject, with a number less than `before`."""
    query = sa.select(EVENT).where(EVENT.c.kind == kind, EVENT.c.subject == subject)
    if before is not None:
        query = query.where(EVENT.c.seq < before)
    row = connection.execute(query.order_by(EVENT.c.seq.desc()).limit(1)).first()
    return _as_event(row) if row else None


def chain_faults(connection: sa.Connection) -> Iterator[str]:
    """Every place where the chain does not hold, in words."""
    previous, expected = GENESIS, 1
    for row in entries(connection):
        if row.seq != expected:
            yield f"event {expected} is missing: the next one is {row.seq}."
        if not _is_whole(row):
            yield f"event {row.seq} ({row.kind}, {row.subject}) was altered: its content does not match its leaf."
        if not _follows(previous, row):
            yield f"event {row.seq} ({row.kind}, {row.subject}) does not follow from the one before it."
        previous, expected = row.entry, row.seq + 1


def entries(connection: sa.Connection) -> Iterator[Any]:
    """All rows of the chain as they are stored, in order; never more than a thousand of them in memory."""
    result = connection.execute(sa.select(EVENT).order_by(EVENT.c.seq).execution_options(yield_per=1_000))
    try:
        yield from result
    finally:
        result.close()


def head(connection: sa.Connection) -> tuple[int, str]:
    """Number of events and the entry of the last one."""
    row = connection.execute(sa.select(EVENT.c.seq, EVENT.c.entry).order_by(EVENT.c.seq.desc()).limit(1)).first()
    return (row.seq, row.entry) if row else (0, GENESIS)


def _as_event(row: Any) -> Event:
    try:
        body = json.loads(row.body)
    except (TypeError, ValueError):
        body = None
    if not isinstance(body, dict):
        raise UsageFault(
            f"event {row.seq} of the register was altered and cannot be read. Nothing is told of it: "
            "see `aims ledger verify`, and put back a copy of the register."
        )
    return Event(row.seq, row.at, row.actor, row.kind, row.subject, body)


def _leaf(seq: int, at: str, actor: str, kind: str, subject: str, body: str) -> str:
    fields = {"seq": seq, "at": at, "actor": actor, "kind": kind, "subject": subject, "body": body}
    return hashlib.sha256(b"\x00" + canonical_bytes(fields)).hexdigest()


def _entry(previous: str, leaf: str) -> str:
    return hashlib.sha256(b"\x01" + bytes.fromhex(previous) + bytes.fromhex(leaf)).hexdigest()


def _is_whole(row: Any) -> bool:
    try:
        return bool(_leaf(row.seq, row.at, row.actor, row.kind, row.subject, row.body) == row.leaf)
    except ValueError:  # bytes where text was written
        return False


def _follows(previous: str, row: Any) -> bool:
    try:
        return bool(_entry(previous, row.leaf) == row.entry)
    except (TypeError, ValueError):  # no hexadecimal digits
        return False
