"""Reads one opened source: finds the declared columns, types them as the contract says, and picks the batch's rows.

Everything is read as text or as stored, and then cast. What does not fit is told in counts and names, never values.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import duckdb

from assets.source.landing_sql import kind_of, unreadable
from assets.source.refusals import Held
from assets.source.sources import Opened
from checks.rules import DUCKDB_TYPES
from checks.sql_text import quoted_name, quoted_text
from checks.undeclared_numbers import LEAST
from governance.declared.declarations import Declaration
from governance.declared.periods import end_of
from governance.declared.preparation import derived
from governance.declared.sources import FileSource, Part

_WHOLE = ("BIGINT", "INTEGER", "SMALLINT", "TINYINT", "UBIGINT", "UINTEGER", "USMALLINT", "UTINYINT")
_MOMENTS = (
    "TIMESTAMP",
    "TIMESTAMP_NS",
    "TIMESTAMP_MS",
    "TIMESTAMP_S",
    "TIMESTAMP WITH TIME ZONE",
    "DATE",
    "VARCHAR",
)
_FAMILIES = {
    "string": ("VARCHAR", "ENUM"),
    "integer": (*_WHOLE, "HUGEINT"),
    "number": ("DOUBLE", "FLOAT", "DECIMAL", *_WHOLE),
    "boolean": ("BOOLEAN",),
    "date": _MOMENTS,
    "timestamp": _MOMENTS,
}
_DUPLICATE = re.compile(r"^(?P<name>.+)_\d+$")


def wanted_columns(declaration: Declaration, part: Part) -> tuple[str, ...]:
    """The declared columns that a part of a batch is to bring; those that its preparation derives it need not."""
    system = declaration.system
    if part == "outcomes":
        return (system.the("key") or "", system.the("label") or "")
    made = derived(system.preparation, part)
    return tuple(name for name in system.columns if name not in made)


class Reader:
    """Reads one source that stands ready as the view `source`."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        declaration: Declaration,
        part: Part,
        batch: str,
        opened: Opened,
    ) -> None:
        self.connection, self.declaration, self.part, self.batch = connection, declaration, part, batch
        self.opened, self.scan = opened, opened.scan
        self.found = {**self.scan.untaken, **self._described()}
        # Columns whose numbers all have fewer digits than a person's: known once `query` has read them.
        self.short: frozenset[str] = frozenset()

    def columns(self) -> dict[str, str]:
        """Columns of the source that are declared and have the declared type, with their type there.

        Raises
        ------
        Held
            A required column is missing or of another type: all of them are named at once.
        """
        problems, kept = [], {}
        for name in wanted_columns(self.declaration, self.part):
            problem = self._problem(name)
            if problem is None:
                kept[name] = self.found[name]
            elif name in self.declaration.required or self.part == "outcomes":
                problems.append(problem)
        if problems:
            raise Held(" ".join(problems), kind="columns")
        return kept

    def observe(self, columns: dict[str, str]) -> dict[str, Any]:
        """What was seen of the source besides its rows."""
        duplicates = {m["name"] for n in self.found if (m := _DUPLICATE.match(n)) and m["name"] in self.found}
        undeclared = set(self.found) - set(self.declaration.system.columns) - set(self.declaration.system.personal)
        wanted = wanted_columns(self.declaration, self.part)
        return {
            "columns": sorted(columns),
            "absent_or_retyped": sorted(set(wanted) - set(columns)),
            "personal_dropped": sorted(set(self.found) & set(self.declaration.system.personal)),
            "undeclared_dropped": sorted(undeclared),
            "named_twice": sorted(duplicates),
        }

    def query(self, columns: dict[str, str]) -> str:
        """The rows of the batch, typed, declared columns only."""
        chosen = ", ".join(f"{self._cast(name, kind)} AS {quoted_name(name)}" for name, kind in columns.items())
        inside = self._inside()
        self._must_cast(columns, inside)
        return f"SELECT {chosen} FROM source WHERE {inside}"

    def _described(self) -> dict[str, str]:
        try:
            rows = self.connection.execute("DESCRIBE source").fetchall()
        except duckdb.Error as error:
            raise Held(f"The file's columns cannot be read ({kind_of(error)}). Send it again.") from None
        return {row[0]: row[1].split("(")[0] for row in rows}

    def _problem(self, name: str) -> str | None:
        if name in self.scan.spoilt:
            return self.scan.spoilt[name]
        return self._retyped(name, self.found[name]) if name in self.found else self._missing(name)

    def _missing(self, name: str) -> str:
        alike = [other for other in self.found if other.casefold() == name.casefold()]
        hint = f" (there is {alike[0]!r})" if alike else ""
        return f"The column {name!r} is missing{hint}. Send it under that name, or change the declaration."

    def _retyped(self, name: str, stored: str) -> str | None:
        declared = self.declaration.types[name]
        personal = self.declaration.system.columns[name].personal
        # What is pseudonymised is a text, whatever it was: the digits of a whole number are hashed.
        is_number = personal is not None and personal.treatment == "pseudonymise" and stored in (*_WHOLE, "HUGEINT")
        if self._is_text(name) or stored in _FAMILIES[declared] or is_number:
            return None
        noun = self.scan.noun
        return f"The column {name!r} is {stored} in the {noun} and {declared} in the contract. Send {declared}."

    def _is_text(self, name: str) -> bool:
        """What the text of CSV and of folders' names means is tried value by value."""
        return self.scan.all_texts or name in self.scan.texts

    def _cast(self, name: str, stored: str) -> str:
        column, declared = f"source.{quoted_name(name)}", self.declaration.types[name]
        if declared in ("date", "timestamp"):
            return f"CAST({self._as_moment(name, stored)} AS {DUCKDB_TYPES[declared]})"
        if declared == "integer" and stored == "VARCHAR":
            number = f"TRY_CAST({column} AS DOUBLE)"
            whole = f"{number} = floor({number}) AND isfinite({number})"
            return f"CASE WHEN {whole} THEN TRY_CAST({column} AS BIGINT) END"
        return f"TRY_CAST({column} AS {DUCKDB_TYPES[declared]})"

    def _as_moment(self, name: str, stored: str) -> str:
        """A time as TIMESTAMP. A declared `format` is how text, or a number such as a year, writes it."""
        column, form = f"source.{quoted_name(name)}", self.declaration.system.columns[name].format
        if form and not stored.startswith(("DATE", "TIME")):
            return f"try_strptime(CAST({column} AS VARCHAR), {quoted_text(form)})"
        return f"TRY_CAST({column} AS TIMESTAMP)"

    def _must_cast(self, columns: dict[str, str], inside: str) -> None:
        lost = [
            f"count(*) FILTER ({self._cast(name, kind)} IS NULL AND source.{quoted_name(name)} IS NOT NULL)"
            for name, kind in columns.items()
        ]
        numbers = [name for name in columns if self.declaration.types[name] in ("integer", "number")]
        asked = ", ".join(["count(*)", *lost, *(f"max({self._cast(name, columns[name])})" for name in numbers)])
        counts = self._counted(f"SELECT {asked} FROM source WHERE {inside}")
        largest = dict(zip(numbers, counts[1 + len(lost) :], strict=True))
        self.short = frozenset(name for name, most in largest.items() if most is None or most < LEAST)
        bad = {name: rows for name, rows in zip(columns, counts[1 : 1 + len(lost)], strict=True) if rows}
        problems = [
            f"The column {name!r} holds {rows} of {counts[0]} values that are not {self.declaration.types[name]}."
            for name, rows in bad.items()
        ]
        if problems:
            what = " ".join(problems) + " Send the declared type, or change the contract."
            raise Held(what, kind="values", rows=counts[0], offending=max(bad.values()))

    def _inside(self) -> str:
        if self.part in ("outcomes", "training"):
            return "true"
        name = self.declaration.system.the("time") or ""
        moment = self._as_moment(name, self.found[name])
        start, end = self.batch, end_of(self.declaration.system, self.batch).isoformat()
        inside = f"{moment} >= TIMESTAMP '{start}' AND {moment} < TIMESTAMP '{end}'"
        self._must_have_times(name, moment, inside)
        return inside

    def _must_have_times(self, name: str, moment: str, inside: str) -> None:
        rows, timeless, outside = self._counted(
            f"SELECT count(*), count(*) FILTER ({moment} IS NULL), count(*) FILTER (NOT ({inside})) FROM source"
        )
        if timeless:
            what = f"The column {name!r} holds {timeless} of {rows} values that are no time. Send the declared form."
            raise Held(what, kind="values", rows=rows, offending=timeless)
        source = self.declaration.system.source(self.part)
        per_batch = isinstance(source, FileSource) and source.per_batch
        if (per_batch or self.opened.chosen) and outside:
            what = f"{outside} of {rows} rows lie outside the batch {self.batch}. Send each batch its own rows."
            raise Held(what, kind="period", rows=rows, offending=outside)

    def _counted(self, query: str) -> Sequence[Any]:
        try:
            found = self.connection.execute(query).fetchone()
        except duckdb.Error as error:
            raise unreadable(error) from None
        assert found is not None
        return found
