"""Two tables brought into one form, so that the profile of declared systems can count them.

Decides how a column of each kind is counted, and how outcomes and predictions become 0 and 1. What kind a column is
comes from `monitors.kinds`; nothing is counted here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import ibis
import ibis.expr.types as ir

from monitors.facts import as_name, as_number, family_of
from monitors.freezing import Shape
from monitors.kinds import Kind
from monitors.outcome_values import OBVIOUS, OBVIOUS_NEGATIVE, Binary

How = Literal["number", "name", "time", "text", "presence"]
PRESENT = "present"


_HOW: Mapping[Kind, How] = {
    Kind.NUMERIC: "number",
    Kind.CATEGORICAL: "name",
    Kind.BOOLEAN: "name",
    Kind.TIME: "time",
    Kind.TEXT: "text",
}


def how_to_count(kind: Kind) -> How:
    """How columns of a kind are counted; of the others only whether they hold a value."""
    return _HOW.get(kind, "presence")


def counted_as(name: str, how: How) -> tuple[str, ...]:
    """The names under which a profile holds the counts of a column."""
    return {"time": (f"{name} (week)",), "text": (f"{name} (length)", f"{name} (characters)")}.get(how, (name,))


@dataclass(frozen=True)
class Plan:
    """What of both tables is counted, and as what.

    `booleans` are columns that one file holds as true and false and the other writes in some other way.
    """

    how: Mapping[str, How]
    booleans: frozenset[str] = frozenset()
    groupings: tuple[tuple[str, ...], ...] = ()
    label: tuple[str, Binary] | None = None
    prediction: tuple[str, Binary] | None = None
    score: str | None = None
    threshold: float | None = None
    score_is_probability: bool = False

    def role(self, role: str) -> str:
        """A name for the column made for a role that no column of the tables has."""
        name = f"({role})"
        while name in self.how:
            name += "'"
        return name


def staged(table: ir.Table, plan: Plan) -> ir.Table:
    """The columns that the plan counts, in the form in which they are counted: the same for both tables."""
    attributes = {name for by in plan.groupings for name in by}
    made: dict[str, ir.Value] = {}
    for name in (*plan.how, *sorted(attributes - set(plan.how))):
        form: How = "name" if name in attributes else plan.how[name]
        made[name] = _as_boolean(table[name]) if name in plan.booleans else _in_form(table[name], form)
    for role, outcome in (("label", plan.label), ("prediction", plan.prediction)):
        if outcome is not None:
            there = outcome[0] in table.columns
            made[plan.role(role)] = _as_outcome(table[outcome[0]], outcome[1]) if there else ibis.null("int64")
    if plan.score is not None:
        there = plan.score in table.columns
        made[plan.role("score")] = as_number(table[plan.score]) if there else ibis.null("float64")
    return table.select(**made)


def shape_of(plan: Plan) -> Shape:
    """The plan in the words of `monitors.freezing`."""

    def named(how: How) -> tuple[str, ...]:
        return tuple(name for name, one in plan.how.items() if one == how)

    return Shape(
        numeric=named("number"),
        categorical=(*named("name"), *named("presence")),
        groupings=plan.groupings,
        label=plan.role("label") if plan.label else None,
        prediction=plan.role("prediction") if plan.prediction else None,
        score=plan.role("score") if plan.score else None,
        threshold=plan.threshold,
        score_is_probability=plan.score_is_probability,
        timestamps=named("time"),
        texts=named("text"),
    )


def _in_form(column: ir.Value, how: How) -> ir.Value:
    if how == "name":
        return as_name(column)
    if how == "presence":
        return column.notnull().ifelse(PRESENT, ibis.null("string"))
    if how == "number":
        return ibis.null("float64") if family_of(column) == "time" else as_number(column)
    if how == "time":
        is_time = family_of(column) == "time"
        return column.cast("timestamp") if is_time else column.cast("string").try_cast("timestamp")
    return column.cast("string")


def _as_boolean(column: ir.Value) -> ir.Value:
    text = as_name(column).lower().strip()
    yes, no = text.isin(list(OBVIOUS)), text.isin(list(OBVIOUS_NEGATIVE))
    return ibis.cases((yes, "true"), (no, "false"), else_=text)


def _as_outcome(column: ir.Value, outcome: Binary) -> ir.Value:
    text = as_name(column)
    return ibis.cases(
        (text.isin(list(outcome.positive)), 1), (text.isin(list(outcome.negative)), 0), else_=ibis.null("int64")
    )
