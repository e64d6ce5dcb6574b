"""The two ways in which a batch does not come in: it cannot be used as it is, or it is not there yet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class Held(ValueError):
    """The batch cannot be used as it is. The reason names what, where and what to do; it never quotes a value.

    `kind` is the reason in one word: source, columns, values, period, rows, provenance,
    preparation, personal. `offending` is how many rows it is about,
    of `rows`, where that is known; `source` the digest of the bytes that were refused.
    """

    def __init__(
        self, reason: str, *, kind: str = "source", rows: int | None = None, offending: int | None = None
    ) -> None:
        super().__init__(reason)
        self.kind, self.rows, self.offending = kind, rows, offending
        self.source: str | None = None


@contextmanager
def from_source(digest: str | None) -> Iterator[None]:
    """What is refused inside says from which bytes: the same ones may have come for another batch."""
    try:
        yield
    except Held as reason:
        reason.source = digest
        raise


class NotArrived(LookupError):
    """There is nothing to land yet. Not a fault of the data: the watchdog tells when it is overdue."""
