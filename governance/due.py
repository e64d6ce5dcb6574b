"""What somebody has to do by a day, whichever process it comes from; reminders and escalation rest on it."""

from __future__ import annotations

import calendar
import datetime as dt
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, order=True)
class Due:
    """One thing to be done.

    Attributes
    ----------
    on : date
        The last day on which it is in time.
    id : str
        Stable over time, such as `NC-12/contain/1`: what was reminded of is remembered by it.
    system : str
        A system's id, or `organisation`.
    what : str
        The act that is waited for, in words.
    owner : str or None
        An account or a party (`team:…`); None where nobody was named.
    """

    on: dt.date
    id: str
    system: str
    what: str
    owner: str | None

    def as_row(self, as_of: dt.date) -> dict[str, Any]:
        """The listing's keys; `days` are left, or overdue where negative."""
        return {
            "id": self.id,
            "system": self.system,
            "what": self.what,
            "owner": self.owner,
            "due": self.on.isoformat(),
            "days": (self.on - as_of).days,
        }


def months_later(day: dt.date, months: int) -> dt.date:
    """The same day so many months later, or the last one of a month that is shorter."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return dt.date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))
