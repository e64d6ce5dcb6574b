"""How rows are prepared between their source and the lake, step by step, each with its reason (A.7.6).

Decided here: which steps there are and what one may say. Whether an expression can be carried out is told by
`checks.expressions`; the steps are carried out in `assets.landed.preparing`. No step takes a statistic of the data:
what is put in is a constant that somebody declared, so nothing of one batch leaks into another.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Literal, get_args

from pydantic import Field, StrictBool, StrictFloat, StrictInt, StrictStr, model_validator

from governance.shapes import Identifier, Strict, Team, Text

PreparedPart = Literal["production", "reference", "training"]
Operation = Literal["rename", "keep", "deduplicate", "recode", "derive", "fill", "clip"]
OPERATIONS: tuple[Operation, ...] = get_args(Operation)
Scalar = StrictBool | StrictInt | StrictFloat | StrictStr
Expression = Annotated[str, Field(min_length=1, max_length=2_000)]


class Rename(Strict):
    """The source calls a declared column otherwise."""

    source: Annotated[str, Field(min_length=1)]
    column: str


class Deduplicate(Strict):
    """Of rows that agree in all of `by`, the first in `order` stays: `COLUMN`, or `COLUMN desc`."""

    by: Annotated[tuple[str, ...], Field(min_length=1)]
    order: Annotated[tuple[str, ...], Field(min_length=1)]

    @property
    def ordered(self) -> tuple[tuple[str, bool], ...]:
        """Column, and whether the largest comes first."""
        return tuple((name.removesuffix(" desc"), name.endswith(" desc")) for name in self.order)


class Recode(Strict):
    """Values of a column that stand for others; null for one that stands for nothing."""

    column: str
    values: Annotated[dict[Scalar, Scalar | None], Field(min_length=1)]


class Derive(Strict):
    """A declared column that the source does not hold, from the columns of its row."""

    column: str
    expression: Expression


class Fill(Strict):
    """What stands where nothing was sent. A constant: a statistic of the rows would tell one batch of another."""

    column: str
    value: Scalar


class Clip(Strict):
    """Numbers beyond an end are put on it. What is missing or no number stays so."""

    column: str
    low: float | None = None
    high: float | None = None

    @model_validator(mode="after")
    def _leaves_something(self) -> Clip:
        if self.low is None and self.high is None:
            raise ValueError("Give `low`, `high` or both.")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(f"`low` must not lie above `high`, got {self.low} and {self.high}.")
        return self


class Step(Strict):
    """One step: what is done, why, and to which parts."""

    id: Identifier
    reason: Text
    owner: Team | None = None
    parts: Annotated[tuple[PreparedPart, ...], Field(min_length=1)] = ("production", "reference", "training")
    rename: Rename | None = None
    keep: Expression | None = None
    deduplicate: Deduplicate | None = None
    recode: Recode | None = None
    derive: Derive | None = None
    fill: Fill | None = None
    clip: Clip | None = None

    @model_validator(mode="after")
    def _does_one_thing(self) -> Step:
        given = [name for name in OPERATIONS if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"Takes exactly one of {', '.join(OPERATIONS)}, got {', '.join(given) or 'none'}.")
        return self

    @property
    def operation(self) -> Operation:
        """Which of them it is."""
        return next(name for name in OPERATIONS if getattr(self, name) is not None)

    @property
    def changes(self) -> str | None:
        """The column whose values it changes or adds; None for one that chooses rows."""
        about = self.rename or self.recode or self.derive or self.fill or self.clip
        return about.column if about else None


def steps_of(steps: Iterable[Step], part: str) -> tuple[Step, ...]:
    """The steps that a part goes through, in order; renames come first, since columns are looked for by their names."""
    mine = [step for step in steps if part in step.parts]
    return tuple(sorted(mine, key=lambda step: step.operation != "rename"))


def derived(steps: Iterable[Step], part: str) -> frozenset[str]:
    """Columns that a part is not expected to bring."""
    return frozenset(step.derive.column for step in steps_of(steps, part) if step.derive)


def source_names(steps: Iterable[Step], part: str) -> dict[str, str]:
    """Declared column → how the source calls it, where that is another name."""
    return {s.rename.column: s.rename.source for s in steps_of(steps, part) if s.rename}


def step_faults(
    step: Step, columns: Iterable[str], personal: Iterable[str], time: str | None, types: dict[str, str], tables: bool
) -> Iterator[tuple[str, str]]:
    """Key and words of everything that a step names and the system, as it is declared, does not have."""
    known = set(columns)
    for name in _named(step):
        if name not in known:
            yield step.operation, f"unknown column {name!r}; only declared columns can be prepared."
    if step.changes == time and step.operation != "rename":
        yield step.operation, f"changes {time!r}, by which rows were given to their batch before."
    if step.rename:
        if step.rename.source in personal:
            yield "rename", f"{step.rename.source!r} is personal and is never kept, under whatever name."
        if step.rename.source in known:
            yield "rename", f"{step.rename.source!r} is a declared column itself."
        if tables:
            yield "rename", "a table's columns are renamed by a view in its database."
    if step.clip and types.get(step.clip.column) not in ("integer", "number", None):
        yield "clip", f"{step.clip.column!r} is {types[step.clip.column]}, and only numbers can be clipped."


def _named(step: Step) -> Iterator[str]:
    if step.changes:
        yield step.changes
    if step.deduplicate:
        yield from step.deduplicate.by
        yield from (name for name, _ in step.deduplicate.ordered)
