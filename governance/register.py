"""What was landed, measured, judged and suspected: the tables beside the ledger, and the acts that write both.

Each act is one transaction: its rows and its event stand together or not at all. Rows are never changed; a
re-measured batch gets new rows under a new `batch.judged` event, and the older ones are thereby superseded.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from governance.cases import nonconformity
from governance.cases.nonconformity import Nonconformity
from governance.people.acts import SERVICE, acts_faults
from governance.record import ledger
from governance.record.canonical import digest
from governance.record.ledger import METADATA, Event
from governance.records import Measurement, Outcome, Part, Verdict

MEASUREMENT = sa.Table(
    "measurement",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("seq", sa.Integer, sa.ForeignKey("event.seq"), nullable=False),
    sa.Column("system", sa.Text, nullable=False),
    sa.Column("batch", sa.Text, nullable=False),
    *(
        sa.Column(name, sa.Text)
        for name in ("metric", "column", "segment", "unit", "method", "reference", "against", "reason")
    ),
    *(sa.Column(name, sa.Float) for name in ("value", "low", "high", "alpha", "noise_floor", "detectable")),
    sa.Column("n", sa.Integer, nullable=False),
    sa.Column("broken", sa.Boolean, nullable=False),
    sa.Column("as_known_on", sa.Text, nullable=False),
    # Where the row stands in its look. An order is no evidence: it is part of no digest.
    sa.Column("place", sa.Integer, nullable=False, server_default="0"),
    sa.Index("measurement_by_batch", "system", "batch", "seq"),
)
VERDICT = sa.Table(
    "verdict",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("seq", sa.Integer, sa.ForeignKey("event.seq"), nullable=False),
    sa.Column("measurement", sa.Text, sa.ForeignKey("measurement.id"), nullable=False),
    *(
        sa.Column(name, sa.Text, nullable=False)
        for name in ("system", "batch", "criterion", "segment", "verdict", "direction", "severity", "reason")
    ),
    *(sa.Column(name, sa.Float) for name in ("value", "low", "high", "warn", "limit", "noise_floor", "family_alpha")),
    *(sa.Column(name, sa.Integer, nullable=False) for name in ("n", "family_size")),
    sa.Column("assessment", sa.Text, nullable=False),
    sa.Column("place", sa.Integer, nullable=False, server_default="0"),
    sa.Index("verdict_by_batch", "system", "batch", "seq"),
)
PART = sa.Table(
    "part",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("seq", sa.Integer, sa.ForeignKey("event.seq"), nullable=False),
    sa.Column("measurement", sa.Text, sa.ForeignKey("measurement.id"), nullable=False),
    *(sa.Column(name, sa.Text, nullable=False) for name in ("system", "batch", "kind", "by")),
    *(sa.Column(name, sa.Text) for name in ("about", "note")),
    sa.Column("value", sa.Float, nullable=False),
    *(sa.Column(name, sa.Float) for name in ("share", "before", "after")),
    sa.Column("n", sa.Integer),
    sa.Column("place", sa.Integer, nullable=False, server_default="0"),
    sa.Index("part_by_batch", "system", "batch", "seq"),
)

MEASUREMENT_KEYS = (
    "id", "system", "batch", "metric", "column", "segment", "value", "low", "high",
    "n", "unit", "method", "reference", "against", "as_known_on", "reason",
)  # fmt: skip
VERDICT_KEYS = (
    "id", "system", "batch", "criterion", "segment", "verdict", "value", "low", "high",
    "warn", "limit", "n", "noise_floor", "family_alpha", "family_size", "measurement", "assessment", "reason",
)  # fmt: skip
PART_KEYS = (
    "id", "system", "batch", "measurement", "kind", "by", "about", "value", "share", "before", "after", "n", "note",
)  # fmt: skip
# What a part says of itself, beside the measurement that it is one of.
_PART_FIELDS = ("kind", "by", "about", "value", "share", "before", "after", "n", "note")


@dataclass(frozen=True, slots=True)
class Judgement:
    """Everything that one look at one batch (or window) brought, ready to be kept.

    `inputs` names what went in (digests of data, profile, reference, declaration, code): equal inputs are the
    same look, which is kept once. `assessment` is None where nothing was approved: then there are no verdicts.
    `labels` is what was known of the outcomes, on which verdicts rest as well.
    """

    system: str
    batch: str
    reference: str
    as_known_on: str
    inputs: dict[str, str | None]
    measurements: tuple[Measurement, ...]
    verdicts: tuple[Verdict, ...]
    assessment: dict[str, Any] | None
    run: str
    labels: dict[str, Any] = field(default_factory=dict)
    parts: tuple[Part, ...] = ()


class Register:
    """The store under `AIMS_HOME`; safe for several processes at once."""

    def __init__(self, place: Path | sa.URL) -> None:
        self.engine = ledger.connect(place)

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A read transaction: one consistent view, no lock on writers."""
        with ledger.reading(self.engine) as connection:
            yield connection

    def record(
        self, kind: str, subject: str, body: dict[str, Any], *, at: dt.datetime, unless: str | None = None
    ) -> Event | None:
        """Appends an event; with `unless`, only when the newest one about the subject differs in that key."""
        with ledger.writing(self.engine) as connection:
            if unless is not None:
                last = ledger.last_event(connection, kind, subject)
                if last and last.body.get(unless) == body[unless]:
                    return None
            return ledger.append(connection, kind, subject, body, actor=SERVICE, at=at)

    def turn(
        self,
        kind: str,
        other: str,
        subject: str,
        body: dict[str, Any],
        *,
        keys: Sequence[str],
        at: dt.datetime,
        despite: str | None = None,
    ) -> Event | None:
        """Appends an event of two kinds that take turns (landed, held), unless the subject stands there already.

        It does where the newest event of `kind` agrees in all `keys` and none of the `other` kind came since, or
        only one that agrees in the key `despite`: bytes that were refused for their contract are still landed.
        """
        with ledger.writing(self.engine) as connection:
            last = ledger.last_event(connection, kind, subject)
            since = ledger.last_event(connection, other, subject)
            if last and all(last.body.get(key) == body.get(key) for key in keys):
                turned = since is not None and since.seq > last.seq
                if not turned or (despite and since and since.body.get(despite) == body[despite]):
                    return None
            return ledger.append(connection, kind, subject, body, actor=SERVICE, at=at)

    def last(self, kind: str, subject: str) -> Event | None:
        """The newest event of this kind about this subject."""
        with self.reading() as connection:
            return ledger.last_event(connection, kind, subject)

    def history(self, subject: str, kinds: Sequence[str]) -> list[Event]:
        """Events of these kinds about exactly this subject, in order: however many there are about others."""
        with self.reading() as connection:
            return list(ledger.events(connection, kind=kinds, subject=subject))

    def events(self, kind: str | Sequence[str] | None = None, prefix: str = "") -> list[Event]:
        """Events in order; `kind` may end in `*` or be several, `prefix` is the start of the subject."""
        with self.reading() as connection:
            return list(ledger.events(connection, kind=kind, prefix=prefix))

    def keep(self, judgement: Judgement, *, at: dt.datetime, look_back_days: int | None = None) -> bool:
        """Stores measurements and verdicts, and opens, extends or reopens cases, in one transaction.

        A case that was closed more than `look_back_days` ago is not reopened: a linked one opens (None: however long).
        Returns False when the same look was kept before: nothing is written then.
        """
        subject = f"{judgement.system}/{judgement.batch}"
        with ledger.writing(self.engine) as connection:
            last = ledger.last_event(connection, "batch.judged", subject)
            if last and last.body["inputs"] == judgement.inputs:
                return False
            seq = ledger.head(connection)[0] + 1
            looks = ledger.events(connection, kind="batch.judged", subject=subject)
            before = sum(event.body["inputs"] == judgement.inputs for event in looks)
            measured = _measurement_rows(judgement, seq, before)
            judged = _verdict_rows(judgement, seq, measured)
            parted = _part_rows(judgement, seq, measured)
            body = {
                "inputs": judgement.inputs,
                "reference": judgement.reference,
                "assessment": judgement.assessment,
                "labels": judgement.labels,
                "as_known_on": judgement.as_known_on,
                "run": judgement.run,
                "measurements": len(measured),
                "verdicts": len(judged),
                "parts": len(parted),
                "results": results_digest(measured, judged, parted),
            }
            ledger.append(connection, "batch.judged", subject, body, actor=SERVICE, at=at)
            if measured:
                connection.execute(MEASUREMENT.insert(), _placed(measured))
            if judged:
                connection.execute(VERDICT.insert(), _placed(judged))
            if parted:
                connection.execute(PART.insert(), _placed(parted))
            self._suspect(connection, judgement, judged, at, look_back_days)
        return True

    def _suspect(
        self,
        connection: sa.Connection,
        judgement: Judgement,
        judged: list[dict[str, Any]],
        at: dt.datetime,
        look_back_days: int | None,
    ) -> None:
        """A breach opens a suspicion or joins the open one; a restated value is attached, never withdraws it."""
        for verdict, row in zip(judgement.verdicts, judged, strict=True):
            subject = f"{judgement.system}/{verdict.criterion}/{verdict.segment}"
            case = nonconformity.current(connection, subject)
            kind = nonconformity.next_event(
                case, judgement.batch, verdict.outcome, at=at, look_back_days=look_back_days
            )
            if kind is None:
                continue
            body = {
                "batch": judgement.batch,
                "verdict": row["verdict"],
                "verdict_id": row["id"],
                "case": case.opened_seq if case and kind != nonconformity.SUSPECTED else None,
                "previous_case": case.id if case and kind == nonconformity.SUSPECTED else None,
                "evidence": _evidence(judgement, verdict, row),
            }
            ledger.append(connection, kind, subject, body, actor=SERVICE, at=at)

    def measurements(
        self,
        *,
        system: str | None = None,
        batch: str | None = None,
        superseded: bool = False,
        as_known_on: dt.date | None = None,
    ) -> Any:
        """Rows as dicts with `MEASUREMENT_KEYS`; only current ones unless `superseded`.

        With `as_known_on`, those that were current at the end of that day.
        """
        return self._rows(MEASUREMENT, MEASUREMENT_KEYS, system, batch, superseded, as_known_on)

    def verdicts(
        self,
        *,
        system: str | None = None,
        batch: str | None = None,
        superseded: bool = False,
        as_known_on: dt.date | None = None,
    ) -> Any:
        """Rows as dicts with `VERDICT_KEYS`; only current ones unless `superseded`.

        With `as_known_on`, those that were current at the end of that day.
        """
        return self._rows(VERDICT, VERDICT_KEYS, system, batch, superseded, as_known_on)

    def parts(self, *, system: str | None = None, batch: str | None = None, superseded: bool = False) -> Any:
        """Rows as dicts with `PART_KEYS`; only current ones unless `superseded`."""
        return self._rows(PART, PART_KEYS, system, batch, superseded)

    def records(self, system: str, batch: str) -> tuple[tuple[Measurement, ...], tuple[Verdict, ...]]:
        """The current measurements and verdicts of one batch, as records again."""
        newest = self.last("batch.judged", f"{system}/{batch}")
        return ((), ()) if newest is None else self.records_of(newest)

    def records_of(self, look: Event) -> tuple[tuple[Measurement, ...], tuple[Verdict, ...]]:
        """The measurements and verdicts that a `batch.judged` event stands for, as records again."""
        with self.reading() as connection:
            measured = {row["id"]: _as_measurement(row) for row in _stored(connection, MEASUREMENT, look.seq)}
            judged = _stored(connection, VERDICT, look.seq)
        return tuple(measured.values()), tuple(_as_verdict(row, measured[row["measurement"]]) for row in judged)

    def measured_in(self, look: Event) -> dict[str, Measurement]:
        """Id → measurement, of those that a `batch.judged` event stands for."""
        with self.reading() as connection:
            return {row["id"]: _as_measurement(row) for row in _stored(connection, MEASUREMENT, look.seq)}

    def part_records(self, system: str, batch: str) -> tuple[Part, ...]:
        """The current parts of one batch, as records again; each holds a measurement equal to that of `records`."""
        newest = self.last("batch.judged", f"{system}/{batch}")
        if newest is None:
            return ()
        with self.reading() as connection:
            measured = {row["id"]: _as_measurement(row) for row in _stored(connection, MEASUREMENT, newest.seq)}
            parted = _stored(connection, PART, newest.seq)
        return tuple(Part(measured[row["measurement"]], **{name: row[name] for name in _PART_FIELDS}) for row in parted)

    def nonconformities(self, system: str | None = None) -> list[Nonconformity]:
        """The register: suspicions as the ledger tells them."""
        with self.reading() as connection:
            return nonconformity.project(connection, f"{system}/" if system else "")

    def judged_batches(self, system: str) -> dict[str, Event]:
        """Batch (or window) → its newest `batch.judged` event."""
        found = self.events("batch.judged", f"{system}/")
        return {event.subject.split("/", 1)[1]: event for event in found}

    def faults(self) -> list[str]:
        """Everything that does not hold: the chain, acts against their rules, stored results against their events.

        Of a file that is damaged itself nothing more is asked.
        """
        from governance.oversight.audit import sample_faults
        from governance.oversight.review import pack_faults
        from governance.processes import AUTOMATIC, RECORDED

        with self.reading() as connection:
            damaged = list(ledger.damages(connection))
            if damaged:
                return damaged
            found = [*ledger.chain_faults(connection), *acts_faults(connection, RECORDED, AUTOMATIC)]
            found += [*sample_faults(connection), *pack_faults(connection)]
            looks = connection.execute(sa.select(ledger.EVENT).where(ledger.EVENT.c.kind == "batch.judged")).all()
            for look in looks:
                if not _vouches(connection, look):
                    found.append(
                        f"event {look.seq} ({look.subject}): its stored measurements, parts or verdicts were altered."
                    )
            known = {look.seq for look in looks}
            for table in (MEASUREMENT, PART, VERDICT):
                for seq in connection.scalars(sa.select(table.c.seq).distinct()):
                    if seq not in known:
                        found.append(f"{table.name} rows refer to event {seq}, which judged nothing.")
        return found

    def head(self) -> tuple[int, str]:
        """Number of events and the last entry."""
        with self.reading() as connection:
            return ledger.head(connection)

    def _rows(
        self,
        table: sa.Table,
        keys: Sequence[str],
        system: str | None,
        batch: str | None,
        superseded: bool,
        as_known_on: dt.date | None = None,
    ) -> list[dict[str, Any]]:
        query = sa.select(*(table.c[key] for key in keys)).order_by(table.c.seq, table.c.place)
        if system:
            query = query.where(table.c.system == system)
        if batch:
            query = query.where(table.c.batch == batch)
        if not superseded:
            newest = (
                sa.select(sa.func.max(ledger.EVENT.c.seq))
                .where(ledger.EVENT.c.kind == "batch.judged")
                .group_by(ledger.EVENT.c.subject)
            )
            if as_known_on:
                # Every look measures at least the number of rows, and each of its rows carries the day.
                by_then = sa.select(MEASUREMENT.c.seq).where(MEASUREMENT.c.as_known_on <= as_known_on.isoformat())
                newest = newest.where(ledger.EVENT.c.seq.in_(by_then))
            query = query.where(table.c.seq.in_(newest))
        with self.reading() as connection:
            return [dict(row._mapping) for row in connection.execute(query)]


def results_digest(*results: Sequence[dict[str, Any]]) -> str:
    """Digest of all rows of one look (measurements, verdicts, parts), passes included, whatever their order."""
    rows = sorted((row for rows in results for row in rows), key=lambda row: (len(row), row["id"]))
    return digest([{key: value for key, value in row.items() if key not in ("seq", "place")} for row in rows])


def _vouches(connection: sa.Connection, look: Any) -> bool:
    """Whether the stored rows are those that the event was written for; whatever cannot be read is not."""
    try:
        stored = [_stored(connection, table, look.seq) for table in (MEASUREMENT, VERDICT, PART)]
        return bool(results_digest(*stored) == json.loads(look.body)["results"])
    except (KeyError, TypeError, ValueError):
        return False


def _measurement_rows(judgement: Judgement, seq: int, before: int) -> list[dict[str, Any]]:
    """Rows to be stored; `before` counts earlier looks with the same inputs (a change that was taken back)."""
    rows = []
    for item in judgement.measurements:
        key = [
            judgement.inputs,
            judgement.system,
            judgement.batch,
            item.metric,
            item.column,
            item.segment,
            item.against,
            item.alpha,
            *([before] if before else []),
        ]
        rows.append(
            {
                "id": f"m-{digest(key)[:24]}",
                "seq": seq,
                "system": judgement.system,
                "batch": judgement.batch,
                "reference": judgement.reference,
                "as_known_on": judgement.as_known_on,
                **{name: _as_stored(MEASUREMENT, name, getattr(item, name)) for name in item.__slots__},
            }
        )
    return rows


def _verdict_rows(judgement: Judgement, seq: int, measured: list[dict[str, Any]]) -> list[dict[str, Any]]:
    ids = {id(item): row["id"] for item, row in zip(judgement.measurements, measured, strict=True)}
    rows = []
    for item in judgement.verdicts:
        seen = item.measurement
        rows.append(
            {
                "id": f"v-{digest([ids[id(seen)], item.criterion, item.segment, judgement.assessment])[:24]}",
                "seq": seq,
                "measurement": ids[id(seen)],
                "system": judgement.system,
                "batch": judgement.batch,
                "criterion": item.criterion,
                "segment": item.segment,
                "verdict": str(item.outcome),
                "direction": item.direction,
                "severity": item.severity,
                "reason": item.reason,
                **{
                    name: _as_stored(VERDICT, name, getattr(seen, name))
                    for name in ("value", "low", "high", "noise_floor", "n")
                },
                **{name: _as_stored(VERDICT, name, getattr(item, name)) for name in ("warn", "limit", "family_alpha")},
                "family_size": item.family_size,
                "assessment": (judgement.assessment or {}).get("sha256", ""),
            }
        )
    return rows


def _part_rows(judgement: Judgement, seq: int, measured: list[dict[str, Any]]) -> list[dict[str, Any]]:
    ids = {id(item): row["id"] for item, row in zip(judgement.measurements, measured, strict=True)}
    rows = []
    number: Counter[str] = Counter()
    for item in judgement.parts:
        measurement = ids[id(item.measurement)]
        number[measurement] += 1
        rows.append(
            {
                "id": f"p-{digest([measurement, number[measurement]])[:24]}",
                "seq": seq,
                "measurement": measurement,
                "system": judgement.system,
                "batch": judgement.batch,
                **{name: _as_stored(PART, name, getattr(item, name)) for name in _PART_FIELDS},
            }
        )
    return rows


def _placed(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**row, "place": place} for place, row in enumerate(rows, 1)]


def _as_stored(table: sa.Table, name: str, value: Any) -> Any:
    # A whole number comes back from a REAL column as a float: unless it goes in as one, its digest would not hold.
    return float(value) if value is not None and isinstance(table.c[name].type, sa.Float) else value


def _evidence(judgement: Judgement, verdict: Verdict, row: dict[str, Any]) -> dict[str, Any]:
    """Frozen with the suspicion: what was seen, against what, from which bytes, by which run."""
    seen = verdict.measurement
    return {
        **{name: row[name] for name in ("value", "low", "high", "n", "noise_floor", "warn", "limit", "reason")},
        "metric": seen.metric,
        "method": seen.method,
        "unit": seen.unit,
        "measurement": row["measurement"],
        "severity": verdict.severity,
        "criterion": ((judgement.assessment or {}).get("criteria") or {}).get(verdict.criterion),
        "assessment": {k: v for k, v in (judgement.assessment or {}).items() if k != "criteria"},
        "inputs": judgement.inputs,
        "reference": judgement.reference,
        "against": seen.against,
        "as_known_on": judgement.as_known_on,
        "run": judgement.run,
        "parts": [
            {name: getattr(item, name) for name in _PART_FIELDS} for item in judgement.parts if item.measurement is seen
        ],
    }


def _as_measurement(row: dict[str, Any]) -> Measurement:
    return Measurement(**{name: row[name] for name in Measurement.__slots__})


def _as_verdict(row: dict[str, Any], measurement: Measurement) -> Verdict:
    stored = (name for name in Verdict.__slots__ if name not in ("outcome", "measurement"))
    fields = {name: row[name] for name in stored}
    return Verdict(**fields, outcome=Outcome(row["verdict"]), measurement=measurement)


def _stored(connection: sa.Connection, table: sa.Table, seq: int) -> list[dict[str, Any]]:
    query = sa.select(table).where(table.c.seq == seq).order_by(table.c.place)
    return [dict(row._mapping) for row in connection.execute(query)]
