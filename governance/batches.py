"""Where one part of one batch stands: what came last, what may be used, what is held back and what was decided on it.

Read from its own events, so that it is the same whatever happened to other batches in between. Two things hold a
batch back and are kept apart: what it is by itself (unreadable, its contract not met), and that its rows stand in an
earlier batch, which other batches can bring about and take away again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from governance.record.ledger import Event

LANDED, HELD, CLEARED, ABSENT = "batch.landed", "batch.held", "batch.cleared", "batch.absent"
# Acts of people. A family of their own: a record that is replayed keeps the events of such families in memory.
RELEASED, DISCARDED = "quarantine.released", "quarantine.discarded"
KINDS = (LANDED, HELD, CLEARED, RELEASED, DISCARDED)
# Why a batch is held back; `SHARED` alone depends on other batches.
SHARED = "overlap"


class Record(Protocol):
    """What is asked of the record here."""

    def history(self, subject: str, kinds: Sequence[str]) -> list[Event]: ...

    def events(self, kind: str | Sequence[str] | None = None, prefix: str = "") -> list[Event]: ...


@dataclass(frozen=True, slots=True)
class Standing:
    """One part of one batch as it stands.

    Attributes
    ----------
    newest : the landing that came last, whatever became of it
    offered : the newest landing that nothing is wrong with by itself
    usable : the same, unless its rows stand in an earlier batch. Then nothing of the batch is used: what was landed
        before it is no better known to be right
    held : why what came last is not in use
    released : the act by which what is usable was let through
    discarded : the act after which the batch counts as absent
    """

    newest: Event | None = None
    offered: Event | None = None
    usable: Event | None = None
    held: Event | None = None
    released: Event | None = None
    discarded: Event | None = None

    def is_shared(self, digest: str) -> bool:
        """Whether this landing is held because its rows stand in an earlier batch."""
        return self.usable is None and self.offered is not None and self.offered.body["digest"] == digest


@dataclass(slots=True)
class _Walk:
    """What is known of each digest while the events are read in their order."""

    landed: dict[str, Event] = field(default_factory=dict)
    refused: dict[str, Event] = field(default_factory=dict)
    shared: dict[str, Event] = field(default_factory=dict)
    released: dict[str, Event] = field(default_factory=dict)
    thrown: set[str] = field(default_factory=set)
    held: Event | None = None
    newest: Event | None = None
    discarded: Event | None = None

    def enter(self, event: Event) -> None:
        digest = event.body.get("digest") or ""
        if event.kind == LANDED:
            self._land(digest, event)
        elif event.kind == HELD:
            self._hold(digest, event)
        elif event.kind == CLEARED:
            self.shared.pop(digest, None)
        elif event.kind == RELEASED:
            self.released[digest] = event
            self._let_go(digest)
        elif event.kind == DISCARDED:
            self._throw(digest, event)

    def _land(self, digest: str, event: Event) -> None:
        self.landed.pop(digest, None)
        self.landed[digest] = self.newest = event
        self.refused.pop(digest, None)
        self.held = None
        if digest not in self.thrown:
            self.discarded = None

    def _hold(self, digest: str, event: Event) -> None:
        if kinds_of(event) == (SHARED,):
            self.shared[digest] = event
            return
        # What was let through was let through for other reasons than these.
        self.released.pop(digest, None)
        self.held, self.discarded = event, None
        if digest:
            self.refused[digest] = event

    def _let_go(self, digest: str) -> None:
        self.refused.pop(digest, None)
        self.shared.pop(digest, None)
        if self.held and (self.held.body.get("digest") or "") == digest:
            self.held = None

    def _throw(self, digest: str, event: Event) -> None:
        if digest:
            self.thrown.add(digest)
        self._let_go(digest)
        self.discarded = event


def standing_of(events: Iterable[Event]) -> Standing:
    """Where it stands after these events, which are about one part of one batch and of the kinds `KINDS`."""
    walk = _Walk()
    for event in events:
        walk.enter(event)
    came = reversed(walk.landed.items())
    offered = next((e for digest, e in came if digest not in walk.refused and digest not in walk.thrown), None)
    digest = offered.body["digest"] if offered else ""
    shared = walk.shared.get(digest)
    return Standing(
        newest=walk.newest,
        offered=offered,
        usable=None if shared else offered,
        held=walk.held or shared,
        released=walk.released.get(digest),
        discarded=None if walk.held or shared else walk.discarded,
    )


def accepted_rules(released: Iterable[Event], digest: str, contract: str) -> frozenset[str]:
    """What people let through of these rows under this contract; of other rows, or another contract, nothing."""
    mine = (e for e in released if e.body["digest"] == digest and e.body["contract"] == contract)
    return frozenset(rule for event in mine for rule in event.body["rules"])


def standing(register: Record, subject: str) -> Standing:
    """Where the subject `system/batch/part` stands."""
    return standing_of(register.history(subject, KINDS))


def standings(register: Record, system: str) -> dict[tuple[str, str], Standing]:
    """(batch, part) → where it stands, of all of a system that anything was recorded of."""
    found: dict[tuple[str, str], list[Event]] = defaultdict(list)
    for event in register.events(KINDS, f"{system}/"):
        _, batch, part = event.subject.split("/")
        found[batch, part].append(event)
    return {about: standing_of(events) for about, events in found.items()}


def out_of_use(record: Record, system: str) -> frozenset[str]:
    """Batches that came and of which nothing may be used now: held back since, or discarded."""
    found = standings(record, system).items()
    return frozenset(
        batch for (batch, part), one in found if part != "outcomes" and one.newest is not None and one.usable is None
    )


def notes_on(record: Record, system: str) -> dict[str, str]:
    """Batch → what a reader of its judgement must know: that it was let through, or is held and does not count."""
    found = {}
    for (batch, part), one in standings(record, system).items():
        if one.released:
            found[batch] = f"{part} let through after review by {one.released.actor}"
        elif part != "outcomes" and one.newest and one.usable is None:
            found[batch] = "its batch is held back or discarded since: it does not count"
    return found


def kinds_of(held: Event) -> tuple[str, ...]:
    """Why a batch was held back, in single words. What was held before reasons had names is told by its digest."""
    return tuple(held.body.get("kinds") or (("contract",) if held.body.get("digest") else ("source",)))
