"""Lookups: the contract's further tables, which its relationships refer to; landed and verified like a batch's rows.

Decided here: a lookup is landed whole, before a batch is checked, with its own provenance, digest and event. One that
cannot be taken in is held, with the reason; what was landed of it before stays in use, as with every other source. One
that never came is not there, and the rules that need it are not evaluated.

A lookup that a key or an entity of the system refers to holds persons: those who were erased are left out of it, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from assets.kept.home import Site
from assets.landed.landing import take_in
from assets.persons.erased import as_before, lake_file
from assets.source.refusals import Held, NotArrived
from assets.source.sources import is_unchanged
from governance.declared.columns import Column
from governance.declared.declarations import Declaration
from governance.declared.personal import NAMING
from governance.declared.sources import Part, Sources
from governance.record.ledger import Event

# It has rows and no batches, as the training data has.
PART: Part = "training"


@dataclass(frozen=True, slots=True)
class Refers:
    """A rule of the contract: a column of the system refers to a column of a lookup."""

    column: str
    lookup: str
    target: str


def references(declaration: Declaration) -> list[Refers]:
    """Every column of the system that refers to a column of a lookup, by the contract's relationships."""
    from checks.contract import compile_rules, read_contract

    found = {
        Refers(column, rule.reference.table, target): None
        for rule in compile_rules(read_contract(declaration.contract_text))
        if rule.reference is not None and rule.reference.table
        for column, target in zip(rule.columns, rule.reference.columns, strict=True)
    }
    return list(found)


def is_written_alike(declaration: Declaration, refers: Refers) -> bool:
    """Whether the same person is the same text on both sides: both of one type, or digits and whole numbers."""
    types = {declaration.lookups[refers.lookup].types.get(refers.target), declaration.types.get(refers.column)}
    return len(types) == 1 or types == {"string", "integer"}


def naming_references(declaration: Declaration) -> list[Refers]:
    """Those of the system's keys and entities: such a lookup holds the rows of persons."""
    system = declaration.system
    named = {name for name, column in system.columns.items() if NAMING & set(column.roles)}
    return [item for item in references(declaration) if item.column in named] if system.sources.lookups else []


def land_lookups(declaration: Declaration, site: Site) -> None:
    """Takes in every declared lookup that is another one than before. What keeps one out is in the ledger."""
    for name in declaration.system.sources.lookups:
        last = _last(declaration, name, site)
        alone = _alone(declaration, name)
        same = last is not None and last.body["declaration"] == declaration.digest
        if not (same and last and is_unchanged(alone, PART, name, last.body["observed"])):
            _land(declaration, alone, name, site)


def lookup_digests(declaration: Declaration, site: Site) -> dict[str, str]:
    """The lookups that may be used, by name."""
    found = {name: _last(declaration, name, site) for name in declaration.system.sources.lookups}
    return {name: event.body["digest"] for name, event in found.items() if event is not None}


def lookup_files(declaration: Declaration, site: Site) -> dict[str, Path]:
    """Where they lie, their bytes verified.

    Raises
    ------
    Altered
        A file in the lake is not the one that was landed.
    """
    digests = lookup_digests(declaration, site)
    return {name: lake_file(site, declaration.id, digest) for name, digest in digests.items()}


def _land(declaration: Declaration, alone: Declaration, name: str, site: Site) -> None:
    subject = f"{alone.id}/{name}"
    try:
        taken = take_in(alone, name, PART, site, _naming(declaration, name))
        body, _ = as_before(site, "lookup.landed", subject, *taken)
    except (Held, NotArrived) as reason:
        what = str(reason) if isinstance(reason, Held) else f"The lookup {name} is not there, or has no rows."
        held = {"reason": what, "declaration": alone.digest, "run": site.run}
        site.register.turn("lookup.held", "lookup.landed", subject, held, keys=("reason",), at=site.at)
        return
    body["run"] = site.run
    same = ("digest", "declaration")
    site.register.turn("lookup.landed", "lookup.held", subject, body, keys=same, at=site.at)


def _naming(declaration: Declaration, name: str) -> Sequence[tuple[str, str]]:
    """The lookup's columns whose values say whose a row is, each with the system's column that refers to it."""
    return [(item.target, item.column) for item in naming_references(declaration) if item.lookup == name]


def _last(declaration: Declaration, name: str, site: Site) -> Event | None:
    return site.register.last("lookup.landed", f"{declaration.id}/{name}")


def _alone(declaration: Declaration, name: str) -> Declaration:
    """The declaration as if the lookup were its data: its columns, its types, its source."""
    lookup, source = declaration.lookups[name], declaration.system.sources.lookups[name]
    system = declaration.system.model_copy(
        update={
            "columns": {column: Column(roles=("feature",)) for column in lookup.types},
            "preparation": (),
            "sources": Sources(production=source, training=source),
        }
    )
    return replace(declaration, system=system, types=lookup.types, required=lookup.required)
