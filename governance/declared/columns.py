"""What a column is for, and what is counted of it: its values, or what can be said of them without keeping them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from governance.declared.metrics import Values
from governance.declared.personal import Treated, role_problem
from governance.shapes import Strict

Role = Literal["time", "key", "entity", "feature", "attribute", "score", "prediction", "label"]
Kind = Literal["numeric", "categorical", "timestamp", "text"]
# What is counted of a column of each kind: its values, or what can be said of them without keeping them.
VIEWS: dict[str, tuple[str, ...]] = {
    "numeric": ("value",),
    "categorical": ("value",),
    "timestamp": ("week",),
    "text": ("length", "characters"),
}
# Views that are numbers; the others are categories.
NUMBERS = frozenset({("numeric", "value"), ("text", "length")})
# What a column is where nothing else is declared, by its type in the contract.
BY_TYPE: dict[str, Kind] = {"integer": "numeric", "number": "numeric", "date": "timestamp", "timestamp": "timestamp"}


def views(column: str, kind: Kind) -> tuple[str, ...]:
    """The names under which a column is measured: its own, or one for each view, as in `note (length)`."""
    return tuple(column if view == "value" else f"{column} ({view})" for view in VIEWS[kind])


def values_of(column: str, kind: Kind) -> dict[str, Values]:
    """What is counted under each name that a column is measured under: numbers or categories."""
    found: list[Values] = ["numeric" if (kind, view) in NUMBERS else "categorical" for view in VIEWS[kind]]
    return dict(zip(views(column, kind), found, strict=True))


class Column(Strict):
    """What a column is for. Its type and its rules stand in the contract, once.

    `reliance` is how much the model relies on a feature, in any unit: only the shares of the declared ones count.
    """

    roles: Annotated[tuple[Role, ...], Field(min_length=1)]
    kind: Kind | None = None
    format: str | None = None
    meaning: str | None = None
    reliance: Annotated[float, Field(ge=0)] | None = None
    personal: Treated | None = None

    @model_validator(mode="after")
    def _relies_on_features(self) -> Column:
        if self.reliance is not None and "feature" not in self.roles:
            raise ValueError("`reliance` is said of a column with the role feature.")
        return self

    @model_validator(mode="after")
    def _can_be_treated_so(self) -> Column:
        problem = role_problem(self.personal.treatment, frozenset(self.roles)) if self.personal else None
        if problem:
            raise ValueError(problem)
        return self
