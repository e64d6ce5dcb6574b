"""What became of each thing that a foreign document asks for, and the contract that is drafted from it.

Decided here: a thing is carried only when the contract with it compiles; what is not carried is told by name, with
the reason. Which rule stands for which foreign check is decided beside this file, in one file a tool.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import yaml

from checks.contract import compile_rules, read_contract
from checks.rules import ContractFault


class NotKnown(ValueError):
    """The file is none of the documents that can be imported. Says in one line what was expected."""


class CannotCarry(ValueError):
    """One thing that the document asks for has no counterpart. Says why."""


class Became(StrEnum):
    """What became of one thing that the document asks for."""

    CARRIED = "carried"
    PARTLY = "partly"
    NOT_CARRIED = "not_carried"


@dataclass(frozen=True)
class Told:
    """One thing that the document asks for: `how` it was carried, or why it was not."""

    what: str
    became: Became
    how: str

    def as_row(self) -> dict[str, str]:
        """For `--json`."""
        return {"what": self.what, "became": str(self.became), "how": self.how}


@dataclass(frozen=True)
class Imported:
    """A draft out of one foreign document.

    Attributes
    ----------
    contract : the contract, as a document of the Open Data Contract Standard
    system : parts of `system.yaml` that the document knows
    criteria : criteria that it suggests; drafts, whose limits nobody of the organisation has weighed
    summary : what it says of the data that it was made from
    """

    source: str
    contract: dict[str, Any]
    told: tuple[Told, ...]
    system: Mapping[str, Any] = field(default_factory=dict)
    criteria: Sequence[Mapping[str, Any]] = ()
    summary: Mapping[str, Any] = field(default_factory=dict)

    def having(self, became: Became) -> tuple[Told, ...]:
        """What became this."""
        return tuple(item for item in self.told if item.became is became)


@dataclass(frozen=True)
class Piece:
    """A part of a contract: a rule of `quality`, or attributes of a column; of the table where `column` is None.

    `type` is the logical type that the piece takes for granted, where the column's is not known.
    """

    column: str | None
    quality: Mapping[str, Any] | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    type: str | None = None


class Drafted:
    """A contract that grows by pieces, each of which is tried before it stays."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.columns: dict[str, dict[str, Any]] = {}
        self.quality: list[dict[str, Any]] = []

    def column(self, name: str) -> dict[str, Any]:
        """The column's property, as it is drafted so far; it need not be there yet."""
        return self.columns.get(name, {"name": name})

    def type_of(self, name: str) -> str | None:
        """The logical type that is known of a column."""
        found: str | None = self.column(name).get("logicalType")
        return found

    def add(self, pieces: Iterable[Piece]) -> None:
        """Takes all pieces, or none.

        Raises
        ------
        CannotCarry
            They contradict what is there, or do not compile.
        """
        columns, quality = copy.deepcopy(self.columns), copy.deepcopy(self.quality)
        for piece in pieces:
            try:
                self._add(piece)
            except (CannotCarry, ContractFault, ValueError) as fault:
                self.columns, self.quality = columns, quality
                raise CannotCarry(str(fault)) from None

    def _add(self, piece: Piece) -> None:
        if piece.column is None:
            trial = dict(piece.quality or {})
            self._try([*self.columns.values()], [trial])
            self.quality.append(trial)
            return
        drafted = copy.deepcopy(self.column(piece.column))
        if piece.type:
            drafted.setdefault("logicalType", piece.type)
        _merge(drafted, piece.attributes)
        rules = [dict(piece.quality)] if piece.quality else []
        self._try([{**drafted, "quality": rules} if rules else drafted], [])
        if rules:
            drafted["quality"] = [*drafted.get("quality", []), *rules]
        self.columns[piece.column] = drafted

    def _try(self, columns: list[dict[str, Any]], quality: list[dict[str, Any]]) -> None:
        compile_rules(read_contract(yaml.safe_dump(contract_of(self.name, columns, quality), sort_keys=False)))

    def document(self) -> dict[str, Any]:
        """The whole contract."""
        return contract_of(self.name, [*self.columns.values()], self.quality)


def mapping(value: Any, what: str) -> Mapping[str, Any]:
    """A part of a document that must hold keys; nothing at all holds none.

    Raises
    ------
    NotKnown
        It is something else, so the document is not the one that it was taken for.
    """
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise NotKnown(f"its `{what}` is a {type(value).__name__} and holds no keys")
    return value


def identifier(text: str) -> str:
    """A name that is usable as an id: small letters, digits and underscores."""
    plain = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
    return (plain if plain[:1].isalpha() else f"data_{plain}")[:40].rstrip("_") or "data"


def _merge(drafted: dict[str, Any], attributes: Mapping[str, Any]) -> None:
    for key, value in attributes.items():
        if isinstance(value, Mapping):
            inner = drafted.setdefault(key, {})
            _merge(inner, value)
        elif drafted.get(key, value) != value:
            raise CannotCarry(f"{key} is {drafted[key]} already")
        else:
            drafted[key] = value


def contract_of(name: str, columns: list[dict[str, Any]], quality: list[dict[str, Any]]) -> dict[str, Any]:
    """A contract about one table, as a document of the standard."""
    table: dict[str, Any] = {"name": name, "logicalType": "object"}
    if quality:
        table["quality"] = quality
    return {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": name,
        "name": name,
        "version": "0.1.0",
        "status": "draft",
        "schema": [{**table, "properties": columns}],
    }
