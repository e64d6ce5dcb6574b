"""Whether the data that a model was trained on has failed its checks, as the record stands (A.6.2.4, A.7.4).

At training, data that fails is refused. Later the contract may ask for more, or a tool that broke may work: the same
rows fail then, and the model was trained on them all the same. What was only warned of is told and stops nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from governance.record.ledger import Event

OVERLAP = "model.overlap"


class Record(Protocol):
    """The record, as far as it is asked here."""

    def last(self, kind: str, subject: str) -> Event | None:
        """The newest event of this kind about this subject."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is known of it: why it failed, what was warned of, and which of its rows are judged as well."""

    digest: str
    failed: tuple[str, ...]
    warned: tuple[str, ...]
    overlap: str | None

    @property
    def words(self) -> str:
        """One line for people."""
        if self.failed:
            return f"trained on a snapshot that failed: {'; '.join(self.failed)}"
        said = [f"warned: {'; '.join(self.warned)}"] if self.warned else []
        said += [self.overlap] if self.overlap else []
        return f"the snapshot {self.digest[:12]} met its contract" + (f" ({'; '.join(said)})" if said else "")


def snapshot_of(record: Record, trained: Event) -> Snapshot | None:
    """The snapshot of a `model.trained` event; None where that says nothing of it, as before this was recorded."""
    said = trained.body.get("snapshot")
    if said is None:
        return None
    system, data = trained.subject.split("/")[0], trained.body["inputs"]["data"]
    subject = f"{system}/training/training"
    checked = record.last("batch.checked", subject)
    if checked is not None and checked.seq > trained.seq and checked.body["inputs"]["digest"] == data:
        said = checked.body
    failed = [item["reason"] for item in said["unmet"] if item["blocking"]]
    failed += [f"{i['rule']} was not evaluated: {i['reason']}" for i in said["not_evaluated"] if said["tool_failed"]]
    held = _held(record, subject, data)
    if held is not None and not failed:
        failed.append(f"held back since: {held}")
    warned = tuple(item["reason"] for item in said["unmet"] if not item["blocking"])
    return Snapshot(data, tuple(failed), warned, _overlap(record, trained))


def _held(record: Record, subject: str, data: str) -> str | None:
    held, came = record.last("batch.held", subject), record.last("batch.landed", subject)
    if held is None or held.body.get("digest") != data:
        return None
    again = came is not None and came.seq > held.seq and came.body["digest"] == data
    return None if again else str(held.body["reason"])


def _overlap(record: Record, trained: Event) -> str | None:
    event = record.last(OVERLAP, trained.subject)
    if event is None or event.body["inputs"]["data"] != trained.body["inputs"]["data"]:
        return None
    rows: dict[str, Any] = {batch: count for batch, count in event.body["rows"].items() if count}
    if not rows:
        return None
    return f"{sum(rows.values())} of its rows are in batches that it is judged on: {', '.join(sorted(rows))}"
