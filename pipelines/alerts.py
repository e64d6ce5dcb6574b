"""Tells people, once per finding. The ledger is the outbox: what has no `alert.sent` event has not been told."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass

from assets.judged.agreed import agreed
from assets.kept.home import Site
from governance.declared.declarations import Declaration
from governance.faults import Fault
from governance.people.acts import SERVICE
from governance.record.ledger import Event
from governance.records import Outcome

LOG = logging.getLogger("aims.alert")
KINDS = (
    "nonconformity.suspected",
    "nonconformity.reopened",
    "batch.held",
    "batch.absent",
    "file.altered",
    "run.failed",
    "due.reminded",
    "due.overdue",
    "due.escalated",
)
SENT = "alert.sent"


def deliver(declarations: dict[str, Declaration], site: Site) -> int:
    """Logs every finding that was not told yet; returns how many there were.

    Told first and noted after: a kill between the two tells somebody twice, never not at all.
    """
    told = {event.subject for event in site.register.events(SENT)}
    findings = [f for f in (*_events(site), *_open_questions(declarations, site)) if f.subject not in told]
    for finding in findings:
        declaration = declarations.get(finding.system)
        to = ", ".join(_named(declaration)) if declaration else "operations"
        LOG.warning("%s → %s", finding.words, to)
        site.register.record(SENT, finding.subject, {"to": to, "by": SERVICE, "channel": "log"}, at=site.at)
    return len(findings)


def tell_faults(faults: tuple[Fault, ...]) -> None:
    """Says that nobody was reminded of anything, and why; each time, until it is mended."""
    if faults:
        LOG.warning("nobody is reminded of what is due: %s (%d faults, see `aims check`)", faults[0], len(faults))


def _named(declaration: Declaration) -> Iterator[str]:
    """Teams by name; an address by its place in system.yaml, since neither log nor record holds one."""
    for place, party in enumerate(declaration.system.alerts):
        yield party if party.startswith("team:") else f"alerts[{place}]"


@dataclass(frozen=True, slots=True)
class _Finding:
    """Something to tell, once: `subject` is what the ledger remembers it by."""

    subject: str
    system: str
    words: str


def _events(site: Site) -> list[_Finding]:
    found = sorted((e for kind in KINDS for e in site.register.events(kind)), key=lambda e: e.seq)
    return [_Finding(f"event/{event.seq}", event.subject.split("/")[0], _line(event)) for event in found]


def _open_questions(declarations: dict[str, Declaration], site: Site) -> Iterator[_Finding]:
    """Verdicts that stay inconclusive although the assessment asks to be told of that."""
    for declaration in declarations.values():
        # What is in force asks, and not a draft that leaves it out.
        promised = agreed(declaration, site).declaration.assessment
        asking = {c.id for c in promised.criteria if c.on_inconclusive == "alert"}
        for row in site.register.verdicts(system=declaration.id) if asking else ():
            if row["criterion"] in asking and row["verdict"] == Outcome.INCONCLUSIVE:
                what = f"{row['system']}/{row['batch']}/{row['criterion']}/{row['segment']}"
                yield _Finding(f"inconclusive/{what}", declaration.id, f"inconclusive: {what}: {row['reason']}")


def _line(event: Event) -> str:
    body = event.body
    if event.kind.startswith("nonconformity."):
        what = "suspected" if event.kind == "nonconformity.suspected" else "reopened"
        where = f" in batch {body['batch']}" if body["batch"] else ""
        return (
            f"{what} nonconformity NC-{body['case'] or event.seq} {event.subject}{where}: {body['evidence']['reason']}"
        )
    if event.kind.startswith("due."):
        states = {"due.reminded": "due", "due.overdue": "overdue", "due.escalated": "long overdue (escalated)"}
        return (
            f"{states[event.kind]} on {body['due']}: {body['what']} "
            f"({event.subject.split('/')[0]}, {body['owner'] or 'nobody named'})"
        )
    if event.kind == "file.altered":
        return f"stored file altered: {event.subject}: its bytes had the digest {body['found'][:12]}"
    words = {"batch.held": "held back", "batch.absent": "absent", "run.failed": "run failed (operations)"}
    return f"{words[event.kind]}: {event.subject}: {body.get('reason', '')}"
