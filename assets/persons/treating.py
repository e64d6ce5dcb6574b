"""What is done to the persons in a batch before anything of it is written, and what is looked for that nobody declared.

In this order: rows of persons who were erased are left out, keys and entities are pseudonymised, texts are redacted,
and then every column of texts or numbers is looked at that nothing was decided about. What is found holds the batch
back.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from assets.kept.home import Site
from assets.persons.keyring import Key, key_named, newest_key, suppressed, suppression_key
from assets.persons.text_functions import listed_function, text_function
from assets.source.landing_sql import unreadable
from assets.source.refusals import Held
from checks.findings import Finding
from checks.sql_text import quoted_name
from checks.undeclared import SAMPLE_OF_OTHERS, may_hold, undeclared
from governance.declared.declarations import Declaration
from governance.declared.periods import part_of
from governance.declared.personal import NAMING
from governance.declared.sources import Part
from governance.faults import UsageFault
from governance.recognised.column_names import looks_personal_by_name
from governance.recognised.reading import BUILT_IN, Recogniser, redacted

NUMBERS = ("integer", "number")
BUILT_IN_ALONE, WITH_PRESIDIO = "built-in", "presidio"


@dataclass(frozen=True, slots=True)
class Treated:
    """The batch's rows as they may be written, and what the record says was done and looked for."""

    query: str
    observed: dict[str, Any]


def treated(
    connection: duckdb.DuckDBPyConnection,
    declaration: Declaration,
    batch: str,
    part: Part,
    site: Site,
    query: str,
    columns: Sequence[str],
    naming: Sequence[tuple[str, str]] | None = None,
    *,
    short: frozenset[str] = frozenset(),
) -> Treated:
    """A batch's typed rows without the personal data that must not be kept.

    Parameters
    ----------
    naming : pairs of columns, optional
        Those whose values say whose a row is, each with the column of the system of which it holds values; the
        system's own keys and entities unless said.
    short : columns whose numbers are known to have too few digits to be anybody's

    Raises
    ------
    Held
        Personal data is in a column that is not declared to hold any; or the key of the batch was destroyed.
    UsageFault
        Recognisers were asked for that are not installed.
    """
    ways = {name: item.treatment for name, item in declaration.system.treated.items() if name in columns}
    more = _recognisers()
    observed: dict[str, Any] = {"recognisers": [BUILT_IN, *(item.name for item in more)]}
    if naming is None:
        naming = [(name, name) for name in columns if NAMING & set(declaration.system.columns[name].roles)]
    query = _without_erased(connection, declaration, site, query, naming)
    key = _key_for(declaration, batch, part, site) if "pseudonymise" in ways.values() else None
    query = _rewritten(connection, declaration, query, columns, ways, key, more)
    for way in sorted(set(ways.values())):
        observed[way] = sorted(name for name in ways if ways[name] == way)
    if key is not None:
        observed["key"] = key.id
    texts = [name for name in columns if declaration.types[name] == "string" and name not in ways]
    named = [name for name in columns if name not in ways and looks_personal_by_name(name)]
    if named:
        observed["suspected_by_name"] = sorted(named)
    numbers = [name for name in columns if declaration.types[name] in NUMBERS and name not in {*ways, *short}]
    _must_hold_none(connection, query, texts, numbers, more)
    return Treated(query, observed)


def key_id(body: Mapping[str, Any]) -> str | None:
    """The key that a landing's pseudonyms were made with; None where it has none."""
    found = body["observed"].get("personal", {}).get("key")
    return str(found) if found else None


def _must_hold_none(
    connection: duckdb.DuckDBPyConnection,
    query: str,
    texts: Sequence[str],
    numbers: Sequence[str],
    more: Sequence[Recogniser],
) -> None:
    try:
        found = undeclared(connection, query, texts, numbers=numbers, more=more)
    except duckdb.Error as error:
        raise unreadable(error) from None
    if found:
        are_numbers = any(item.column in numbers for item in found)
        raise Held(f"{' '.join(map(str, found))} {_remedy(found, are_numbers)}", kind="personal")


def _remedy(found: Sequence[Finding], are_numbers: bool) -> str:
    it = "it" if len(found) == 1 else "them"
    return (
        f"Declare {it} in system.yaml: drop {it} under `personal`; or give the column `personal: pseudonymise` (a key "
        f"or entity), `personal: redact` (a text), or `personal: {{treatment: allowed, reason: ...}}`."
        + (" What is pseudonymised or redacted is `string` in the contract." if are_numbers else "")
    )


def _recognisers() -> tuple[Recogniser, ...]:
    """What looks beside the built-in recognisers: nothing, unless AIMS_PERSONAL asks for it."""
    asked = os.environ.get("AIMS_PERSONAL", BUILT_IN_ALONE)
    if asked == BUILT_IN_ALONE:
        return ()
    if asked != WITH_PRESIDIO:
        raise UsageFault(f"AIMS_PERSONAL={asked} is not known. Write {BUILT_IN_ALONE} or {WITH_PRESIDIO}.")
    from checks.presidio import presidio

    return (presidio(SAMPLE_OF_OTHERS),)


def _key_for(declaration: Declaration, batch: str, part: Part, site: Site) -> Key:
    """A batch keeps the key that it first came with: the same source is the same bytes, and its outcomes join."""
    before = part
    if part == "outcomes":
        own = part_of(declaration.system, batch) == "reference" and declaration.system.sources.reference
        before = "reference" if own else "production"
    last = site.register.last("batch.landed", f"{declaration.id}/{batch}/{before}")
    name = key_id(last.body) if last else None
    if name is None:
        return newest_key(site)
    key = key_named(site.home, name)
    if key is not None:
        return key
    if part == "outcomes":
        raise Held(
            f"The batch {batch} was pseudonymised with the key {name}, which is not there any more: its outcomes "
            f"cannot be joined. Put the key back, or land the batch again from its source."
        )
    return newest_key(site)


def _without_erased(
    connection: duckdb.DuckDBPyConnection,
    declaration: Declaration,
    site: Site,
    query: str,
    naming: Sequence[tuple[str, str]],
) -> str:
    """The rows of persons who were erased are not taken in again, however often they are sent."""
    known = suppressed(site, declaration.id)
    key = suppression_key(site) if known else ""
    kept = []
    for place, (name, means) in enumerate(naming if known else ()):
        function = f"aims_erased_{place}"
        listed_function(connection, function, key, declaration.id, means, known)
        column = quoted_name(name)
        kept.append(f"({column} IS NULL OR NOT {function}(CAST({column} AS VARCHAR)))")
    return f"SELECT * FROM ({query}) WHERE {' AND '.join(kept)}" if kept else query


def _rewritten(
    connection: duckdb.DuckDBPyConnection,
    declaration: Declaration,
    query: str,
    columns: Sequence[str],
    ways: Mapping[str, str],
    key: Key | None,
    more: Sequence[Recogniser],
) -> str:
    changed = []
    for place, name in enumerate(columns):
        way, function = ways.get(name), f"aims_treated_{place}"
        if way == "pseudonymise":
            assert key is not None

            def pseudonym(value: str, key: Key = key, column: str = name) -> str:
                return key.pseudonym(declaration.id, column, value)

            text_function(connection, function, pseudonym, "VARCHAR")
        elif way == "redact":
            text_function(connection, function, lambda value: redacted(value, more=more), "VARCHAR")
        else:
            continue
        column = quoted_name(name)
        changed.append(f"{_called(function, column, always=way == 'pseudonymise' or bool(more))} AS {column}")
    return f"SELECT * REPLACE ({', '.join(changed)}) FROM ({query})" if changed else query


def _called(function: str, column: str, *, always: bool) -> str:
    """The call; where most values hold nothing, the engine sees to it that only the others are looked at."""
    return (
        f"{function}({column})"
        if always
        else f"CASE WHEN {may_hold(column)} THEN {function}({column}) ELSE {column} END"
    )
