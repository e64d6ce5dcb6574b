"""Within what time whom has to be told of an incident: `data/standard/regimes.yaml` as checked data (A.8.4)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from governance.documents import Document, shaped
from governance.faults import DeclarationFaults, Fault
from governance.system import Identifier, Strict, Text

FILE = Path(__file__).resolve().parents[1] / "data" / "standard" / "regimes.yaml"


class Clock(Strict):
    """One time within which somebody has to be told, from the moment of becoming aware."""

    id: Identifier
    when: Text
    hours: Annotated[int | None, Field(gt=0)] = None
    days: Annotated[int | None, Field(gt=0)] = None

    @model_validator(mode="after")
    def _has_one_time(self) -> Clock:
        if (self.hours is None) == (self.days is None):
            raise ValueError("A clock has either `hours` or `days`.")
        return self

    @property
    def within(self) -> dt.timedelta:
        """The time, counted in hours."""
        return dt.timedelta(hours=self.hours or 0, days=self.days or 0)


class Regime(Strict):
    """Who has to be told, by which rule, as of when it was read and where."""

    id: Identifier
    name: Text
    to: Text
    as_of: dt.date
    source: Text
    clocks: Annotated[tuple[Clock, ...], Field(min_length=1)]
    notice: Annotated[tuple[Text, ...], Field(min_length=1)]


class Regimes(Strict):
    """`regimes.yaml`."""

    regimes: Annotated[tuple[Regime, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _ids_are_unique(self) -> Regimes:
        for ids in ([regime.id for regime in self.regimes], *([c.id for c in r.clocks] for r in self.regimes)):
            if len(set(ids)) < len(ids):
                raise ValueError(f"Ids must be unique, got {', '.join(ids)}.")
        return self


@dataclass(frozen=True, slots=True)
class Term:
    """A clock with its regime, by the name under which people refer to it: `gdpr_33.authority`."""

    regime: Regime
    clock: Clock

    @property
    def id(self) -> str:
        """Regime and clock."""
        return f"{self.regime.id}.{self.clock.id}"


@cache
def terms(path: Path = FILE) -> dict[str, Term]:
    """All clocks by name.

    Raises
    ------
    DeclarationFaults
        The file has faults.
    """
    faults: list[Fault] = []
    found = shaped(Document.read(path, faults, "docs/processes/concerns-and-incidents.md"), Regimes, faults)
    if found is None:
        raise DeclarationFaults(faults)
    made = [Term(regime, clock) for regime in found.regimes for clock in regime.clocks]
    return {term.id: term for term in made}
