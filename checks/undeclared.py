"""Personal data that nobody declared, looked for in a batch before anything of it is written (A.7.2).

The engine sorts out what cannot be any, in one scan of all columns of texts and numbers; the rest is looked at in
Python, one distinct value at a time. Numbers are in `undeclared_numbers`. Two questions are asked of a column of texts:

- Is there one value that is enough by itself? Every value is looked at that has the shape of one.
- Are there values that could be, and more of them than chance and other numbers explain? For that `SAMPLE` distinct
  values are enough. Of a form with a check digit more must pass than made-up numbers would, by a bound that is wrong
  once in a million columns; bare digits without a check are never enough, since running numbers look the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from checks.findings import CHANCE, FEWEST, SHARE, Finding, tail
from checks.sql_text import quoted_name
from checks.undeclared_numbers import Long, counts_in_sql, in_numbers
from governance.recognised.contacts import IPV4
from governance.recognised.forms import Form, Grade
from governance.recognised.reading import FORMS, Recogniser, found_in, without_nobodys
from governance.recognised.releases import releases_among
from governance.recognised.sieves import LIKELY, NUMBERS, SURE, WORDS

if TYPE_CHECKING:
    import duckdb

# Distinct values that such a share is told by; and those that others than the built-in recognisers look at.
SAMPLE, SAMPLE_OF_OTHERS = 10_000, 2_000
# So many distinct values that are enough by themselves are counted, and no more are looked for.
ENOUGH = 1_000
_FETCHED = 5_000


@dataclass(frozen=True, slots=True)
class _Counts:
    present: int
    sure: int
    likely: int


def undeclared(
    connection: duckdb.DuckDBPyConnection,
    query: str,
    columns: Sequence[str],
    *,
    numbers: Sequence[str] = (),
    more: Sequence[Recogniser] = (),
) -> list[Finding]:
    """Which of these columns of a query, texts and `numbers`, hold personal data; one finding a column, the surest.

    Raises
    ------
    duckdb.Error
        The source breaks off while it is read.
    """
    found = []
    texts, long = _counted(connection, query, columns, numbers)
    for column, counts in texts.items():
        finding = _sure(connection, query, column, counts) or _likely(connection, query, column, counts)
        if finding is None and more and counts.present:
            finding = _by_others(connection, query, column, counts, more)
        if finding is not None:
            found.append(finding)
    return [*found, *in_numbers(connection, query, long)]


def _counted(
    connection: duckdb.DuckDBPyConnection, query: str, texts: Sequence[str], numbers: Sequence[str]
) -> tuple[dict[str, _Counts], dict[str, Long]]:
    """What must be looked at more closely of each column, in one scan."""
    if not texts and not numbers:
        return {}, {}
    asked = [
        f"count({name}), count(*) FILTER ({_is_sure(name)}), count(*) FILTER ({_is_likely(name)})"
        for name in map(quoted_name, texts)
    ]
    asked += [", ".join(counts_in_sql(name)) for name in map(quoted_name, numbers)]
    row = connection.execute(f"SELECT {', '.join(asked)} FROM ({query})").fetchone()
    assert row is not None
    left = iter(row)
    of_texts = {column: _Counts(next(left), next(left), next(left)) for column in texts}
    return of_texts, {column: Long(next(left), next(left)) for column in numbers}


def _sure(connection: duckdb.DuckDBPyConnection, query: str, column: str, counts: _Counts) -> Finding | None:
    """The form of which single values are enough, with the rows that hold it."""
    if not counts.sure:
        return None
    rows: dict[str, int] = {}
    distinct = 0
    values = _values(connection, query, column, _is_sure(quoted_name(column)))
    for value, times in values:
        sure = {span.form for span in found_in(value) if span.grade is Grade.SURE}
        distinct += bool(sure)
        for name in sure:
            rows[name] = rows.get(name, 0) + times
        if distinct >= ENOUGH:
            break
    if not rows:
        return None
    form = max(rows, key=lambda name: (rows[name], name))
    return Finding(column, form, rows[form], counts.present, at_least=distinct >= ENOUGH)


def _likely(connection: duckdb.DuckDBPyConnection, query: str, column: str, counts: _Counts) -> Finding | None:
    """The form that enough of the values could have."""
    named = [form for form in FORMS if form.is_named_by(column.replace("_", " "))]
    if counts.likely < (1 if named else max(FEWEST, SHARE * counts.present)):
        return None
    values = _values(connection, query, column, _is_likely(quoted_name(column)), sample=SAMPLE)
    looked = [(without_nobodys(value), times) for value, times in values]
    held = sum(times for _, times in looked)
    releases = releases_among((text for text, _ in looked), column)
    for form in FORMS:
        of_form = [item for item in looked if item[0] not in releases] if form is IPV4 else looked
        rows = _rows_of(form, of_form, named=form in named, present=counts.present * held / counts.likely)
        if rows:
            return Finding(column, form.name, rows, counts.present, at_least=held < counts.likely)
    return None


def _rows_of(form: Form, looked: Sequence[tuple[str, int]], *, named: bool, present: float) -> int:
    """Rows of a sample that hold the form, or 0 where they are too few, or no more than chance would show.

    `present` is how many rows of the column the sample stands for.
    """
    candidates = valid = rows = 0
    for text, times in looked:
        bare = not named and form.chance >= 0.5
        matches = [m[0] for m in form.pattern.finditer(text) if not (bare and m[0].isdigit())]
        candidates += bool(matches)
        if any(form.grade(match) for match in matches):
            valid, rows = valid + 1, rows + times
    if named:
        return rows
    if rows < max(FEWEST, SHARE * present):
        return 0
    return rows if form.chance >= 0.5 or tail(valid, candidates, form.chance) < CHANCE else 0


def _by_others(
    connection: duckdb.DuckDBPyConnection, query: str, column: str, counts: _Counts, more: Sequence[Recogniser]
) -> Finding | None:
    """What recognisers beside the built-in ones find in a sample of the column."""
    looked = list(_values(connection, query, column, "true", sample=SAMPLE_OF_OTHERS))
    rows: dict[str, int] = {}
    sure: set[str] = set()
    for value, times in looked:
        spans = [span for recogniser in more for span in recogniser.spans(without_nobodys(value))]
        sure |= {span.form for span in spans if span.grade is Grade.SURE}
        for name in {span.form for span in spans}:
            rows[name] = rows.get(name, 0) + times
    held = sum(times for _, times in looked)
    for name, count in sorted(rows.items(), key=lambda item: -item[1]):
        if name in sure or count >= max(FEWEST, SHARE * held):
            return Finding(column, name, count, counts.present, at_least=held < counts.present)
    return None


def _values(
    connection: duckdb.DuckDBPyConnection, query: str, column: str, condition: str, *, sample: int | None = None
) -> Iterator[tuple[str, int]]:
    """Distinct values with the rows that hold them, as a stream; or some of them, the same ones each time."""
    name = quoted_name(column)
    some = f" ORDER BY hash({name}) LIMIT {sample}" if sample else ""
    asked = f"SELECT {name}, count(*) FROM ({query}) WHERE {name} IS NOT NULL AND {condition} GROUP BY {name}{some}"
    connection.execute(asked)
    while rows := connection.fetchmany(_FETCHED):
        yield from rows


def may_hold(name: str) -> str:
    """SQL: whether a value of a quoted column must be looked at to know that it holds no personal data."""
    return f"({_matches(name, SURE)} OR {_matches(name, LIKELY)})"


def _is_sure(name: str) -> str:
    """SQL: whether a value may be enough by itself, or stands beside words that make it so."""
    beside = f"({_matches(name, NUMBERS)} AND {_matches(name, WORDS)})"
    return f"({name} IS NOT NULL AND ({_matches(name, SURE)} OR {beside}))"


def _is_likely(name: str) -> str:
    """SQL: whether a value could be any of the forms."""
    return f"({name} IS NOT NULL AND {_matches(name, LIKELY)})"


def _matches(name: str, pattern: str) -> str:
    return "regexp_matches({}, '{}')".format(name, pattern.replace("'", "''"))
