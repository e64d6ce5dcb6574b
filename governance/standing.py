"""Where the organisation's documents and risks stand on a day: recorded, approved, accepted, due for review.

Projections of the ledger beside the files. An approval or acceptance counts for what was found last before it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from governance.agreement import ACCEPTED, ACKNOWLEDGED, APPROVED, DIGITS, FOUND, REGISTERED, WITHDRAWN
from governance.ledger import Event
from governance.organisation import Organisation


def until(events: Iterable[Event], as_of: dt.date) -> list[Event]:
    """Those of them that happened by the end of that day (UTC)."""
    end = (as_of + dt.timedelta(days=1)).isoformat()
    return [event for event in events if event.at < end]


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one document or risk stands: its state, and who agreed to it when."""

    state: str
    by: str | None = None
    at: str | None = None


def standing(
    events: Iterable[Event], subject: str, digest: str, found: str, key: str, agreed: str, word: str
) -> Standing:
    """`not recorded`, `changed since it was recorded`, `not <word>`, or `<word>`.

    Parameters
    ----------
    digest : str
        Of the file (or risk) as it lies there now.
    found, agreed : str
        Kinds of the events by which it was entered, and agreed to.
    key : str
        Where the digest stands in both.
    """
    own = [event for event in events if event.subject == subject]
    entered = [event for event in own if event.kind in (found, WITHDRAWN)]
    if not entered:
        return Standing("not recorded")
    if entered[-1].kind == WITHDRAWN or entered[-1].body[key] != digest:
        return Standing("changed since it was recorded")
    later = [event for event in own if event.kind == agreed and event.seq > entered[-1].seq]
    return Standing(word, later[-1].actor, later[-1].at) if later else Standing(f"not {word}")


def review_state(review_by: dt.date, as_of: dt.date, remind_before_days: int) -> str:
    """`overdue` after the day, `due` so many days before it, else `current`. On its last day it is in time."""
    if as_of > review_by:
        return "overdue"
    return "due" if review_by - as_of <= dt.timedelta(days=remind_before_days) else "current"


def document_rows(organisation: Organisation, events: Iterable[Event], as_of: dt.date) -> list[dict[str, Any]]:
    """The organisation's documents, with the listing's keys."""
    known = until(events, as_of)
    remind = organisation.management.deadlines.remind_before_days
    rows = []
    for name, titled in organisation.titled.items():
        subject, sha256 = f"organisation/{name}", organisation.documents[name].sha256
        now = standing(known, subject, sha256, FOUND, "sha256", APPROVED, "approved")
        rows.append(
            {
                "id": name,
                "version": titled.version,
                "state": now.state,
                "digest": sha256[:DIGITS],
                "author": titled.author,
                "owner": titled.owner,
                "approved_by": now.by,
                "approved_at": now.at,
                "review": review_state(titled.review_by, as_of, remind),
                "review_by": titled.review_by.isoformat(),
                "acknowledged_by": acknowledged_by(known, subject),
                "demonstration": titled.demonstration,
                "sha256": sha256,
                "finding": _same_version_twice(known, subject, sha256, titled.version),
            }
        )
    return rows


def acknowledged_by(events: Iterable[Event], subject: str) -> list[str]:
    """Accounts that have read the version in force."""
    own = [event for event in events if event.subject == subject]
    found = max((event.seq for event in own if event.kind == FOUND), default=0)
    return sorted({event.actor for event in own if event.kind == ACKNOWLEDGED and event.seq > found})


def _same_version_twice(events: Iterable[Event], subject: str, sha256: str, version: int) -> str | None:
    """What is in force bears the number of other bytes: whoever quotes the number could mean either."""
    for event in events:
        if (event.kind, event.subject, event.body.get("version")) != (FOUND, subject, version):
            continue
        if event.body["sha256"] != sha256:
            return f"version {version} was recorded with other bytes (event {event.seq}): give it a new number"
    return None


def risk_rows(organisation: Organisation, events: Iterable[Event], as_of: dt.date) -> list[dict[str, Any]]:
    """The risk register, with the listing's keys."""
    known, risks = until(events, as_of), organisation.risks
    rows = []
    for risk in risks.risks:
        now = standing(known, f"organisation/risk/{risk.id}", risk.digest, REGISTERED, "risk", ACCEPTED, "accepted")
        rows.append(
            {
                "id": risk.id,
                "title": risk.title,
                "sources": list(risk.sources),
                "likelihood": risk.likelihood,
                "consequence": risk.consequence,
                "level": risks.level(risk),
                "treatment": risk.treatment.option,
                "controls": list(risk.treatment.controls),
                "residual": risks.residual(risk),
                "above_acceptance": risks.is_above(risk),
                "owner": risk.owner,
                "author": risk.treatment.author,
                "state": now.state,
                "accepted_by": now.by,
                "accepted_at": now.at,
                "digest": risk.digest[:DIGITS],
                "reason": risk.above_because if risks.is_above(risk) else None,
            }
        )
    return rows
