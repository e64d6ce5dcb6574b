"""For whom or what a system is meant, column by column, so that rows outside of it can be counted (A.9.4).

Part of the impact assessment, beside the intended use in words: who approves the one approves the other.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Annotated

from pydantic import Field, model_validator

from governance.declared.system import System
from governance.shapes import Strict, Text


class Intended(Strict):
    """The values of one column that the intended use covers. A row without a value is inside, unless `not_null`."""

    column: str
    minimum: float | dt.date | None = None
    maximum: float | dt.date | None = None
    values: Annotated[tuple[str | int | bool, ...], Field()] = ()
    not_null: bool = False
    rationale: Text

    @model_validator(mode="after")
    def _says_something(self) -> Intended:
        bounded = self.minimum is not None or self.maximum is not None
        if not (bounded or self.values or self.not_null):
            raise ValueError("Give `minimum`, `maximum`, `values` or `not_null`: this covers every row.")
        if bounded and self.values:
            raise ValueError("Give a range or `values`, not both.")
        low, high = self.minimum, self.maximum
        if low is not None and high is not None:
            if isinstance(low, dt.date) != isinstance(high, dt.date):
                raise ValueError("`minimum` and `maximum` must both be numbers or both be days.")
            if low > high:  # type: ignore[operator]  # both of one type, as was just seen
                raise ValueError(f"`minimum` must not lie above `maximum`, got {low} and {high}.")
        return self


def population_faults(
    intended: tuple[Intended, ...], system: System, types: dict[str, str]
) -> Iterator[tuple[int, str]]:
    """Place in the list → what is wrong with it."""
    seen: set[str] = set()
    for place, one in enumerate(intended):
        if one.column not in system.columns:
            yield place, f"unknown column {one.column!r}."
            continue
        if one.column in seen:
            yield place, f"{one.column!r} stands there twice."
        seen.add(one.column)
        wants = _wanted_types(one)
        if wants and types.get(one.column) not in wants:
            yield (
                place,
                f"{one.column!r} is {types.get(one.column)} in the contract, the range is for {' or '.join(wants)}.",
            )


def _wanted_types(one: Intended) -> tuple[str, ...]:
    ends = [end for end in (one.minimum, one.maximum) if end is not None]
    if not ends:
        return ()
    return ("date", "timestamp") if isinstance(ends[0], dt.date) else ("integer", "number")
