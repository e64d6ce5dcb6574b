"""A declaration drafted from a file that nobody has declared: opened, counted, guessed, written as text.

No value of a row is written but these: values of a category that at least `RARE` rows share and that names nobody,
and the first days of batches. Ends of ranges are rounded outward.
"""

from __future__ import annotations

import datetime as dt
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ibis.expr.types as ir

from assets.on_demand.inspection import may_be_personal
from assets.source.opening import Desk, Opened, form_of
from checks.guessing import MOST_VALUES, Roles, Seen, about_properties, guess_roles, is_part_of_a_name, property_of
from checks.imports.carried import contract_of
from checks.personal import VALUE_SHAPES, looks_personal, why_personal
from checks.skeleton import SystemDraft, assessment_text, contract_text, system_text
from governance.declared.periods import floor, next_start, starts
from governance.declared.system import Period
from governance.faults import UsageFault
from monitors import facts as counting
from monitors.facts import ColumnFacts
from monitors.grid import RARE
from monitors.kinds import Kind, kind_of

NAME = re.compile(r"^[a-z][a-z0-9_]{1,40}$")
# From the longest on: as many batches as that, and the period is long enough.
PERIODS: tuple[Period, ...] = ("year", "quarter", "month", "week", "day")
ENOUGH_BATCHES = 4
_LOGICAL = (
    (re.compile(r"U?(TINY|SMALL|BIG)INT$|U?INTEGER$"), "integer"),
    (re.compile(r"DOUBLE$|FLOAT$|DECIMAL|U?HUGEINT$|VARINT$|BIGNUM$"), "number"),
    (re.compile(r"BOOLEAN$"), "boolean"),
    (re.compile(r"DATE$"), "date"),
    (re.compile(r"TIMESTAMP"), "timestamp"),
    (re.compile(r"VARCHAR$|ENUM|UUID|JSON"), "string"),
)
Say = Callable[[str], None]


@dataclass(frozen=True)
class Draft:
    """The files of a draft, and what was made of the file."""

    files: Mapping[str, str]
    rows: int
    columns: int
    personal: Mapping[str, str]
    left: int


def draft(path: Path, name: str, folder: Path, say: Say) -> Draft:
    """Drafts `system.yaml`, `contract.yaml` and `impact_assessment.yaml` for the file at `path`.

    Raises
    ------
    UsageFault
        The name is no id, or the file cannot be read.
    """
    if not NAME.match(name):
        raise UsageFault(f"NAME must be small letters, digits and underscores (2 to 41, a letter first), got {name!r}.")
    if not path.exists():
        raise UsageFault(f"There is no file {str(path)!r}.")
    with tempfile.TemporaryDirectory(prefix="aims-init-", ignore_cleanup_errors=True) as scratch:
        say(f"reading {path.name}")
        opened = Desk(Path(scratch)).open(path, "source")
        say("looking at the columns")
        seen = _seen(opened)
        if not any(column.facts.rows for column in seen.values()):
            raise UsageFault(f"{path.name} holds no rows: there is nothing to draft from.")
        roles = guess_roles(seen)
        batches, about = _batches(opened.table, roles)
    notes = [f"sources.production: {note}" for note in opened.notes]
    system = _system(name, path, folder, seen, roles, batches, [*about, *notes])
    return Draft(
        {
            "system.yaml": system_text(system),
            "contract.yaml": _contract(name, seen, roles),
            "impact_assessment.yaml": assessment_text(system),
        },
        rows=next(iter(seen.values())).facts.rows,
        columns=len(seen),
        personal={column.name: column.personal for column in seen.values() if column.personal},
        left=sum(name not in roles.columns and not column.personal for name, column in seen.items()),
    )


def _seen(opened: Opened) -> dict[str, Seen]:
    found = {}
    for name, facts in counting.facts_of(opened.table, opened.unusable, VALUE_SHAPES).items():
        kind, personal = kind_of(facts), _why_personal(facts)
        logical = None if name in opened.unusable or not facts.present else _logical(opened.types[name])
        # A number with few values may be a flag; one with many shows none of them.
        few = kind in (Kind.NUMERIC, Kind.CATEGORICAL, Kind.BOOLEAN) and not personal
        found[name] = Seen(facts, kind, logical, _values(opened.table, name) if few else {}, personal)
    return found


def _why_personal(facts: ColumnFacts) -> str | None:
    if is_part_of_a_name(facts.name) and facts.family == "text":
        return "by its name"
    shares = {shape: n / facts.present for shape, n in facts.shapes.items()} if facts.present else {}
    return why_personal(facts.name, shares) if may_be_personal(facts) else None


def _values(table: ir.Table, name: str) -> dict[str, int]:
    values = counting.common_values(table, name, MOST_VALUES + 1)
    return {} if len(values) > MOST_VALUES or any(map(looks_personal, values)) else values


def _logical(engine_type: str) -> str | None:
    return next((logical for form, logical in _LOGICAL if form.match(engine_type)), None)


def _batches(table: ir.Table, roles: Roles) -> tuple[dict[str, Any], list[str]]:
    """Period, first and last days, and where the reference ends: the first half of what is there."""
    time = next((name for name, some in roles.columns.items() if "time" in some), None)
    if time is None:
        return {}, []
    days = table[time].cast("date")
    span = table.aggregate(first=days.min(), last=days.max(), months=table[time].cast("string").substr(0, 7).nunique())
    row = span.mutate(days=table.aggregate(n=days.nunique()).as_scalar()).to_pyarrow().to_pylist()[0]
    first, last = row["first"], row["last"]
    monthly = row["days"] == row["months"]
    period = _period(first, last, monthly)
    batches = list(starts(floor(first, period), last + dt.timedelta(days=1), period))
    middle = batches[len(batches) // 2] if len(batches) > 1 else next_start(batches[-1], period)
    end = next_start(max(batches[-1], middle), period)
    made = {
        "period": period,
        "from": batches[0].isoformat(),
        "middle": middle.isoformat(),
        "to": end.isoformat(),
    }
    return made, [
        f"batches.period: a {period}, the longest of which the file holds {ENOUGH_BATCHES} or more",
        "batches.to: the end of the file; move it to the last batch that is expected",
        "reference: the first half of the file; choose a time when the system was known to work",
        "sources.production.path: this one file; with {batch} in its name where each batch has a file of its own",
    ]


def _period(first: dt.date, last: dt.date, monthly: bool) -> Period:
    allowed = PERIODS[:3] if monthly else PERIODS
    for period in allowed:
        if len(list(starts(floor(first, period), last + dt.timedelta(days=1), period))) >= ENOUGH_BATCHES:
            return period
    return allowed[-1]


def _system(
    name: str,
    path: Path,
    folder: Path,
    seen: Mapping[str, Seen],
    roles: Roles,
    batches: Mapping[str, str],
    about: list[str],
) -> SystemDraft:
    personal = [column.name for column in seen.values() if column.personal]
    groupings = list(_groupings(seen, roles))
    guesses = [*roles.guesses, *(f"personal: {n} {seen[n].personal}; it is dropped and never kept" for n in personal)]
    guesses += [f"groupings: {g['by'][0]} is compared with its largest group" for g in groupings]
    scores = [n for n, some in roles.columns.items() if "score" in some]
    if any(seen[n].is_share for n in scores):
        guesses.append(f"score_is_probability: all values of {scores[0]} lie from 0 to 1")
    return SystemDraft(
        id=name,
        columns={n: _column(seen[n], some) for n, some in roles.columns.items()},
        task=roles.task,
        score_is_probability=any(seen[n].is_share for n in scores),
        personal=personal,
        groupings=groupings,
        source={"path": os.path.relpath(path.resolve(), folder.resolve()), "format": _format(path)},
        reference={"from": batches["from"], "to": batches["middle"]} if batches else {},
        batches={"period": batches["period"], "from": batches["middle"], "to": batches["to"]} if batches else {},
        guesses=[*guesses, *about],
    )


def _column(column: Seen, roles: tuple[str, ...]) -> dict[str, Any]:
    return {"roles": list(roles)} | ({"kind": "timestamp"} if column.kind is Kind.TIME and "time" not in roles else {})


def _groupings(seen: Mapping[str, Seen], roles: Roles) -> Iterator[dict[str, Any]]:
    """Every candidate for a sensitive attribute, against the group with most rows."""
    for name, some in roles.columns.items():
        large = [value for value, rows in seen[name].values.items() if rows >= RARE]
        if "attribute" in some and len(large) > 1:
            yield {"by": [name], "baseline": large[0]}


def _contract(name: str, seen: Mapping[str, Seen], roles: Roles) -> str:
    made = [property_of(seen[column], some, RARE) for column, some in roles.columns.items()]
    guesses = ["status: set it to active when the rules are yours", *about_properties(made, RARE)]
    return contract_text(contract_of(name, made, []), guesses)


def _format(path: Path) -> str:
    return {"CSV": "csv", "Arrow": "arrow"}.get(form_of(path), "parquet")
