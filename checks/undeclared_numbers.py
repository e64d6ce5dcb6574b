"""Personal data in columns of whole numbers: what a file of digits becomes when somebody reads it as numbers.

A number has no blanks and signs that would tell it, so one value is never enough. Two things tell a column:

- Its check digits, where the form has any: far more of its distinct values pass than of numbers that are nobody's.
- Its name together with its shape, where there is no check: a telephone is called one and has nine digits or more.

Numbers below nine digits are never looked at, which leaves out days, ages, amounts and counts in the first scan.
Whatever recognisers there are beside the built-in ones is not asked: to them every long number is an account.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from checks.findings import CHANCE, FEWEST, SHARE, Finding, tail
from checks.sql_text import quoted_name
from governance.recognised.column_names import number_that_is_named
from governance.recognised.forms import Form
from governance.recognised.reading import FORMS

if TYPE_CHECKING:
    import duckdb

# Nine digits; and what the engine's whole numbers can hold.
LEAST, MOST = 100_000_000, 9_000_000_000_000_000_000
# Distinct values that a column is told by, and how many of them must pass at least.
SAMPLE_OF_NUMBERS, FEWEST_DISTINCT = 2_000, 10
# What may pass of numbers that are nobody's. By chance it is a tenth or less; but systems count in steps, days and
# round amounts, and of those up to a sixth passed one digit, and 4.7 times the share by chance passed two.
OF_NOBODYS = 0.2
# Where the column is called so: how often chance may do it, and the share of the values that must have the shape.
CHANCE_IF_NAMED, SHARE_IF_NAMED = 1e-4, 0.5
CHECKED = tuple(form for form in FORMS if form.chance < 0.5 and (form.bare or form.whole))


@dataclass(frozen=True, slots=True)
class Long:
    """Of a column's rows: how many hold a number, and how many a whole one of nine digits or more."""

    present: int
    long: int

    @property
    def suspect(self) -> bool:
        """Whether there are enough long ones to be looked at."""
        return self.long >= max(FEWEST, SHARE * self.present)


def counts_in_sql(name: str) -> tuple[str, str]:
    """SQL: the two counts of `Long`, of a quoted column."""
    return f"count({name})", f"count(*) FILTER ({_is_long(name)})"


def in_numbers(connection: duckdb.DuckDBPyConnection, query: str, counted: Mapping[str, Long]) -> Iterator[Finding]:
    """Which of these columns of numbers hold personal data, with the form that most of their values have."""
    suspects = {column: counts for column, counts in counted.items() if counts.suspect}
    for column, counts in suspects.items():
        looked = _values(connection, query, column)
        held = sum(times for _, times in looked)
        fewest = max(FEWEST, SHARE * counts.present * held / counts.long)
        limit = CHANCE / (len(CHECKED) * len(suspects))
        rows = {form.name: _rows_of(form, looked, column, limit) for form in CHECKED}
        rows |= _rows_by_name(looked, column, SHARE_IF_NAMED * counts.present * held / counts.long)
        form = max(rows, key=lambda name: (rows[name], name))
        if rows[form] >= fewest:
            yield Finding(column, form, rows[form], counts.present, at_least=held < counts.long)


def _rows_of(form: Form, looked: Sequence[tuple[int, int]], column: str, limit: float) -> int:
    """Rows of a sample whose number passes the form's check, or 0 where that may be chance."""
    candidates = valid = rows = 0
    for number, times in looked:
        text = form.written_out(number)
        if text is None:
            continue
        candidates += 1
        if form.grade(text):
            valid, rows = valid + 1, rows + times
    named = form.is_named_by(column.replace("_", " "))
    if valid < (FEWEST if named else FEWEST_DISTINCT):
        return 0
    return rows if tail(valid, candidates, OF_NOBODYS) < (CHANCE_IF_NAMED if named else limit) else 0


def _rows_by_name(looked: Sequence[tuple[int, int]], column: str, fewest: float) -> dict[str, int]:
    """Rows of a sample with as many digits as what the column is called, where enough of them have."""
    named = number_that_is_named(column)
    if named is None:
        return {}
    shaped = [times for number, times in looked if len(str(number)) in named.digits]
    return {named.form: sum(shaped) if len(shaped) >= FEWEST and sum(shaped) >= fewest else 0}


def _values(connection: duckdb.DuckDBPyConnection, query: str, column: str) -> list[tuple[int, int]]:
    """Some distinct long numbers with the rows that hold them, the same ones each time."""
    name = quoted_name(column)
    long = f"SELECT TRY_CAST({name} AS BIGINT) AS whole FROM ({query}) WHERE {_is_long(name)}"
    asked = f"SELECT whole, count(*) FROM ({long}) GROUP BY whole ORDER BY hash(whole) LIMIT {SAMPLE_OF_NUMBERS}"
    return connection.execute(asked).fetchall()


def _is_long(name: str) -> str:
    """SQL: whether a value is whole and has nine digits or more, and no more than the engine can count with."""
    return f"({name} >= {LEAST} AND {name} < {MOST} AND {name} = floor({name}))"
