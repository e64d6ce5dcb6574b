"""Reminds of what is due and escalates what is overdue, once each, whichever process it comes from.

The events are the record that somebody was told; telling is done by whoever delivers alerts.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

import sqlalchemy as sa

from governance.organisation.management import Deadlines
from governance.people.acts import SERVICE, Act
from governance.people.due import Due
from governance.record import ledger

REMINDED, OVERDUE, ESCALATED = "due.reminded", "due.overdue", "due.escalated"
AUTOMATIC = frozenset({REMINDED, OVERDUE, ESCALATED})
ACTS: tuple[Act, ...] = ()


def stage_of(item: Due, deadlines: Deadlines, today: dt.date) -> str | None:
    """Which of the three this day asks for; None while there is time."""
    left = (item.on - today).days
    if left < -deadlines.escalate_after_days:
        return ESCALATED
    if left < 0:
        return OVERDUE
    return REMINDED if left <= deadlines.remind_before_days else None


def remind(connection: sa.Connection, items: Iterable[Due], deadlines: Deadlines, *, at: dt.datetime) -> int:
    """Appends what was not said yet about each of these, inside the caller's transaction. Returns how many.

    A day that was moved is a new one: what was said about the old day does not count for it.
    """
    new = 0
    for item in items:
        kind = stage_of(item, deadlines, at.date())
        if kind is None:
            continue
        subject = f"{item.system}/{item.id}"
        body = {"what": item.what, "due": item.on.isoformat(), "owner": item.owner}
        last = ledger.last_event(connection, kind, subject)
        if last is None or last.body["due"] != body["due"]:
            ledger.append(connection, kind, subject, body, actor=SERVICE, at=at)
            new += 1
    return new
