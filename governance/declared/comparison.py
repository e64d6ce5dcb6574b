"""What a batch is compared with, where that is not the frozen reference: earlier batches, chosen by the calendar.

Only earlier ones are ever chosen, never the batch itself nor a later one: what a batch is compared with is then the
same whenever it is asked, once those batches are in.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from typing import Annotated, Literal

from pydantic import Field, model_validator

from governance.declared.system import Period
from governance.shapes import Strict

Season = Literal["weekday", "month", "quarter"]
Count = Annotated[int, Field(ge=1, le=366)]

_SEASON_OF: dict[str, Callable[[dt.date], int]] = {
    "weekday": lambda day: day.weekday(),
    "month": lambda day: day.month,
    "quarter": lambda day: (day.month + 2) // 3,
}
# A season is told apart only by batches that are no longer than it.
_PERIODS: dict[str, tuple[Period, ...]] = {
    "weekday": ("day",),
    "month": ("day", "week", "month"),
    "quarter": ("day", "week", "month", "quarter"),
}


class Against(Strict):
    """`{previous: 4}`, or `{same: weekday}` with or without `last: 8`; batches of the reference period count, too.

    Attributes
    ----------
    previous : the so many batches before
    same : all earlier batches that start on the same weekday, or in the same month or quarter of any year
    last : of the latter, only the latest so many
    """

    previous: Count | None = None
    same: Season | None = None
    last: Count | None = None

    @model_validator(mode="after")
    def _says_one_thing(self) -> Against:
        if (self.previous is None) == (self.same is None):
            raise ValueError("Must be `frozen`, or say either `previous` or `same`.")
        if self.last is not None and self.same is None:
            raise ValueError("`last` goes with `same`; `previous` has its number already.")
        return self

    @property
    def name(self) -> str:
        """As measurements carry it: `previous 4`, `same month`, `same weekday, last 8`."""
        if self.previous is not None:
            return f"previous {self.previous}"
        return f"same {self.same}" + (f", last {self.last}" if self.last else "")

    @property
    def nothing(self) -> str:
        """What to say where there is no such batch."""
        if self.previous is not None:
            return "no earlier batch"
        return f"no earlier batch {'on' if self.same == 'weekday' else 'in'} the same {self.same}"

    def problem(self, period: Period) -> str | None:
        """Why batches of this length cannot be compared so; None where they can."""
        if self.same is None or period in _PERIODS[self.same]:
            return None
        takes = " or ".join(f"a {one}" for one in _PERIODS[self.same])
        return f"`same: {self.same}` needs batches of {takes}, and these are of a {period}."

    def chosen(self, batch: str, batches: Iterable[str]) -> tuple[str, ...]:
        """Which of the `batches` (start dates, in order) this one is compared with, in order."""
        before = self._alike(batch, (one for one in batches if one < batch))
        most = self.previous or self.last
        return tuple(before[-most:] if most else before)

    def choosing(self, batch: str, batches: Iterable[str]) -> tuple[str, ...]:
        """Which of the `batches` (start dates, in order) choose this one, in order."""
        return tuple(self._alike(batch, (one for one in batches if one > batch))[: self.previous or self.last])

    def _alike(self, batch: str, batches: Iterable[str]) -> list[str]:
        if self.same is None:
            return list(batches)
        season = _SEASON_OF[self.same]
        mine = season(dt.date.fromisoformat(batch))
        return [one for one in batches if season(dt.date.fromisoformat(one)) == mine]
