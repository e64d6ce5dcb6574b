"""Whether the declared preparation of a system can be carried out, told with file and line before anything runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from checks.expressions import ExpressionFault, literal_fits, typed
from checks.rules import DUCKDB_TYPES
from governance.declared.declarations import Declaration
from governance.declared.preparation import PreparedPart, Step, derived, steps_of
from governance.documents import Document
from governance.faults import Fault


def preparation_faults(declaration: Declaration) -> list[Fault]:
    """Everything that is wrong with the expressions and constants of `preparation`; each once."""
    steps = declaration.system.preparation
    if not steps:
        return []
    found: dict[tuple[str, str], None] = {}
    for part in get_args(PreparedPart):
        if declaration.system.source(part) is not None:
            found |= dict.fromkeys(_problems(declaration, part))
    lost: list[Fault] = []
    document = Document.read(declaration.folder / "system.yaml", lost)
    if document is None:
        return lost
    places = {step.id: place for place, step in enumerate(steps)}
    faults = []
    for name, what in found:
        step = steps[places[name]]
        where = ("preparation", places[name], step.operation)
        said = f"preparation.{name}.{step.operation}: {what}"
        faults.append(document.fault(where, said, "See docs/declarations.md, Preparation."))
    return faults


def _problems(declaration: Declaration, part: str) -> Iterator[tuple[str, str]]:
    """Step and words, step after step: what a later one may name is what the earlier ones leave."""
    steps = declaration.system.preparation
    types = {name: declaration.types[name] for name in declaration.system.columns if name in declaration.types}
    there = {name: kind for name, kind in types.items() if name not in derived(steps, part)}
    for step in steps_of(steps, part):
        for what in _of_step(step, types, there):
            yield step.id, what
        if step.derive:
            there[step.derive.column] = types[step.derive.column]


def _of_step(step: Step, types: dict[str, str], there: dict[str, str]) -> Iterator[str]:
    if step.keep is not None:
        yield from _of_expression(step.keep, there, "BOOLEAN")
    elif step.derive:
        if step.derive.column in there:
            yield f"{step.derive.column!r} is derived twice."
        yield from _of_expression(step.derive.expression, there, DUCKDB_TYPES[types[step.derive.column]])
    elif step.fill and not literal_fits(step.fill.value, types[step.fill.column]):
        yield f"{step.fill.value!r} is no {types[step.fill.column]}."
    elif step.clip:
        declared = types[step.clip.column]
        ends = [end for end in (step.clip.low, step.clip.high) if end is not None]
        yield from (f"{end:g} is no {declared}." for end in ends if not literal_fits(end, declared))
    elif step.recode:
        declared = types[step.recode.column]
        given = [*step.recode.values, *(v for v in step.recode.values.values() if v is not None)]
        yield from (f"{value!r} is no {declared}." for value in given if not literal_fits(value, declared))


_NUMBERS = frozenset({"DOUBLE", "FLOAT", "HUGEINT", "BIGINT", "INTEGER", "SMALLINT", "TINYINT", "UBIGINT"})
# What an expression may be where a type is wanted: a condition is a condition, and text never becomes a number by
# itself.
_TAKES = {
    "BOOLEAN": frozenset({"BOOLEAN"}),
    "VARCHAR": frozenset({"VARCHAR"}),
    "DOUBLE": _NUMBERS,
    "BIGINT": _NUMBERS - {"DOUBLE", "FLOAT"},
    "DATE": frozenset({"DATE", "TIMESTAMP"}),
    "TIMESTAMP": frozenset({"DATE", "TIMESTAMP"}),
}


def _of_expression(expression: str, there: dict[str, str], wanted: str) -> Iterator[str]:
    try:
        found = typed(expression, there)
    except ExpressionFault as fault:
        yield str(fault)
        return
    is_decimal = found.startswith("DECIMAL") and wanted == "DOUBLE"
    if not is_decimal and found not in _TAKES[wanted] and found != '"NULL"':
        yield f"is {found}, and {wanted} is wanted; say so with CAST."
