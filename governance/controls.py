"""The clauses and the 38 controls of ISO/IEC 42001 as data: identifiers, our own words, grades, evidence.

They stand in `data/standard/`, which says where they are from. Ids are nowhere else in the program: many public
listings number Annex A wrongly, so there is one place to mend.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import StringConstraints

from governance.system import Strict, Text

FOLDER = Path(__file__).resolve().parents[1] / "data" / "standard"
Grade = Literal["auto", "part", "track"]
ControlId = Annotated[str, StringConstraints(pattern=r"^A\.\d{1,2}(\.\d)?\.\d{1,2}$")]
ClauseId = Annotated[str, StringConstraints(pattern=r"^\d{1,2}(\.\d){1,2}$")]
Kind = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_-]*\.[a-z][a-z_-]*$")]
_Shape = TypeVar("_Shape", bound=Strict)


class Item(Strict):
    """A clause or control: its matter in our own words, what this program contributes to it, and how far that goes.

    `auto`: the record is complete as produced. `part`: a person completes it. `track`: stored and reminded of.
    """

    title: Text
    contribution: Text
    grade: Grade


class Feed(Strict):
    """Events of one kind that are evidence; with `subject`, only those about it."""

    kind: Kind
    subject: Text | None = None


class AppliesFrom(Strict):
    """A day from which a duty applies, as it was known on another day."""

    applies_from: dt.date
    to: Text
    as_of: dt.date
    source: Text


class Reference(Strict):
    """Another framework, and the clauses and controls that each of its entries speaks to as well."""

    title: Text
    as_of: dt.date
    source: Text
    entries: dict[str, tuple[str, ...]]
    dates: tuple[AppliesFrom, ...] = ()


class _Clauses(Strict):
    as_of: dt.date
    clauses: dict[ClauseId, Item]


class _Controls(Strict):
    as_of: dt.date
    controls: dict[ControlId, Item]


class _References(Strict):
    references: dict[str, Reference]


class _Evidence(Strict):
    evidence: dict[str, tuple[Feed, ...]]


@cache
def clauses() -> dict[str, Item]:
    """Clause number → what it is about, in the standard's order."""
    return _read("clauses.yaml", _Clauses).clauses


@cache
def controls() -> dict[str, Item]:
    """Control id → what it is about, in the order of Annex A."""
    return _read("controls.yaml", _Controls).controls


@cache
def references() -> dict[str, Reference]:
    """Other frameworks by id."""
    return _read("references.yaml", _References).references


@cache
def feeds() -> dict[str, tuple[Feed, ...]]:
    """Clause or control → the events that are evidence of it; nothing where the program records none."""
    return _read("evidence.yaml", _Evidence).evidence


@dataclass(frozen=True, slots=True)
class CrossReference:
    """An entry of another framework, with the day as of which it was read."""

    framework: str
    entry: str
    as_of: dt.date


def cross_references(item: str) -> tuple[CrossReference, ...]:
    """What else speaks to the matter of this clause or control."""
    return tuple(
        CrossReference(name, entry, framework.as_of)
        for name, framework in references().items()
        for entry, items in framework.entries.items()
        if item in items
    )


def control_problem(control: str) -> str | None:
    """Why this is no control of Annex A, in words, or None."""
    if control in controls():
        return None
    group = ".".join(control.split(".")[:2])
    near = [known for known in controls() if known.startswith(f"{group}.")]
    known = f"of {group} it has {', '.join(near)}" if near else "it has A.2.2 to A.10.4"
    return f"{control!r} is no control of Annex A; {known}."


def _read(name: str, shape: type[_Shape]) -> _Shape:
    # libyaml where it is there: ids are wanted by every command that reads a declaration.
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return shape.model_validate(yaml.load((FOLDER / name).read_text(encoding="utf-8"), Loader=loader))
