"""What can be said of each column of a table before anything is declared: one scan, aggregates only.

Decides what is counted; which kind of column it makes is in `monitors.kinds`. Extremes (`low`, `high`) are values
of rows: they serve to compare ranges and must not be shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import ibis
import ibis.expr.types as ir

Family = Literal["number", "integer", "boolean", "text", "time", "other"]
# Aggregates of so many columns go into one query; planning grows faster than their number.
COLUMNS_A_QUERY = 150
# Beyond this share the engine's sketch (a few per cent to a fifth off) is checked by an exact count.
MAYBE_DISTINCT = 0.4
# Characters of the shortest value whose shape is looked at.
SHORTEST = 6


@dataclass(frozen=True)
class ColumnFacts:
    """Counts of one column of one table.

    Attributes
    ----------
    distinct : int
        Different values: exact where more than `MAYBE_DISTINCT` of the values differ, else the engine's sketch.
        0 for columns that are neither text nor whole numbers.
    length, spaces : float
        Mean characters and blanks of a text; 0 elsewhere.
    numbers : int
        Values of a text that read as a number.
    shapes : mapping
        Values of a text that have each of the given shapes.
    """

    name: str
    family: Family
    rows: int
    nulls: int
    distinct: int = 0
    constant: bool = False
    nan: int = 0
    infinite: int = 0
    low: float | None = None
    high: float | None = None
    length: float = 0.0
    spaces: float = 0.0
    numbers: int = 0
    blank: int = 0
    shapes: Mapping[str, int] = field(default_factory=dict)

    @property
    def present(self) -> int:
        """Rows with a value; NaN is one here."""
        return self.rows - self.nulls


def facts_of(table: ir.Table, unusable: Iterable[str], shapes: Mapping[str, str]) -> dict[str, ColumnFacts]:
    """Facts of every column.

    Parameters
    ----------
    unusable : columns of which only the presence of a value counts
    shapes : mapping of name to the regular expression of a whole value
    """
    odd, names = frozenset(unusable), list(table.columns)
    found: dict[str, ColumnFacts] = {}
    for start in range(0, len(names), COLUMNS_A_QUERY):
        some = names[start : start + COLUMNS_A_QUERY]
        families = {name: "other" if name in odd else family_of(table[name]) for name in some}
        wanted: dict[str, ir.Value] = {"rows": table.count()}
        for index, name in enumerate(some):
            aggregates = _aggregates(table[name], families[name], shapes)
            wanted |= {f"{key}{index}": value for key, value in aggregates.items()}
        counted = table.aggregate(**wanted).to_pyarrow().to_pylist()[0]
        for index, name in enumerate(some):
            found[name] = _facts(name, families[name], counted, str(index), tuple(shapes))
    return found | _counted_exactly(table, found)


def family_of(column: ir.Value) -> Family:
    """Which kind of values the engine holds."""
    kind = column.type()
    if kind.is_boolean():
        return "boolean"
    if kind.is_integer():
        return "integer"
    if kind.is_numeric():
        return "number"
    if kind.is_timestamp() or kind.is_date():
        return "time"
    return "text" if kind.is_string() else "other"


def out_of_range(table: ir.Table, ranges: Mapping[str, tuple[float, float]]) -> dict[str, int]:
    """Rows whose finite number lies outside the given range, by column."""
    found: dict[str, int] = {}
    names = list(ranges)
    for start in range(0, len(names), COLUMNS_A_QUERY):
        some = names[start : start + COLUMNS_A_QUERY]
        wanted = {}
        for index, name in enumerate(some):
            number, (low, high) = as_number(table[name]), ranges[name]
            outside = ((number < low) | (number > high)) & _is_finite(number)
            wanted[f"n{index}"] = outside.sum()
        counted = table.aggregate(**wanted).to_pyarrow().to_pylist()[0]
        found |= {name: int(counted[f"n{index}"] or 0) for index, name in enumerate(some)}
    return found


def repeated_rows(table: ir.Table) -> int:
    """Rows that are wholly equal to an earlier one (by a 64-bit hash)."""
    coded = table.select(code=_row_code(table, table.columns))
    counted = coded.aggregate(rows=coded.count(), distinct=coded["code"].nunique()).to_pyarrow().to_pylist()[0]
    return int(counted["rows"] - counted["distinct"])


def shared_rows(table: ir.Table, other: ir.Table, columns: Sequence[str]) -> int:
    """Rows of `table` that are, in these columns, wholly equal to a row of `other` (by a 64-bit hash)."""
    mine = table.select(code=_row_code(table, columns))
    theirs = other.select(code=_row_code(other, columns)).distinct()
    return int(mine.semi_join(theirs, "code").count().to_pyarrow().as_py())


def common_values(table: ir.Table, name: str, most: int) -> dict[str, int]:
    """The most frequent values as text, with their rows."""
    text = table.select(value=as_name(table[name])).filter(ibis._.value.notnull())
    counted = text.group_by("value").agg(n=ibis._.count())
    rows = counted.order_by(ibis.desc("n"), "value").limit(most).to_pyarrow().to_pylist()
    return {row["value"]: int(row["n"]) for row in rows}


def as_name(column: ir.Value) -> ir.Value:
    """A value as text, the same whether a whole number is stored as integer or as decimal."""
    if not column.type().is_numeric() or column.type().is_integer():
        return column.cast("string")
    whole = (column == column.floor()) & (column.abs() < 1e15)
    return whole.ifelse(column.cast("float64").floor().try_cast("int64").cast("string"), column.cast("string"))


def as_number(column: ir.Value) -> ir.Value:
    """A value as a double; what is no number is missing."""
    kind = column.type()
    return column.cast("float64") if kind.is_numeric() else column.cast("string").try_cast("float64")


def _aggregates(column: ir.Value, family: Family, shapes: Mapping[str, str]) -> dict[str, ir.Value]:
    wanted: dict[str, ir.Value] = {"nulls": column.isnull().sum()}
    if family in ("number", "integer"):
        number = as_number(column)
        finite = _is_finite(number).ifelse(number, ibis.null("float64"))
        wanted |= {"low": finite.min(), "high": finite.max()}
        if family == "integer":
            wanted["distinct"] = column.approx_nunique()
        else:
            wanted |= {"nan": number.isnan().sum(), "infinite": number.isinf().sum()}
    elif family == "text":
        # Casting and matching cost most by far, so words that cannot be meant are left out first.
        starts = column.substr(0, 1).isin(list("0123456789+-. "))
        wanted |= {
            "same": column.min() == column.max(),
            "distinct": column.approx_nunique(),
            "length": column.length().sum(),
            "spaces": (column.length() - column.replace(" ", "").length()).sum(),
            "numbers": starts.ifelse(column, ibis.null("string")).try_cast("float64").count(),
            "blank": (column.strip() == "").sum(),
        }
        longer = (column.length() >= SHORTEST).ifelse(column, ibis.null("string"))
        wanted |= {f"shape{i}_": longer.re_search(shape).sum() for i, shape in enumerate(shapes.values())}
    elif family in ("boolean", "time"):
        wanted["same"] = column.min() == column.max()
    return wanted


def _facts(name: str, family: Family, counted: Mapping[str, Any], key: str, shapes: Sequence[str]) -> ColumnFacts:
    def number(what: str) -> int:
        return int(counted.get(f"{what}{key}") or 0)

    rows = int(counted["rows"])
    present = rows - number("nulls")
    low, high = counted.get(f"low{key}"), counted.get(f"high{key}")
    odd = number("nan") + number("infinite")
    same = low is not None and low == high and not odd
    return ColumnFacts(
        name,
        family,
        rows,
        number("nulls"),
        min(number("distinct"), present),
        constant=present > 0 and (same or bool(counted.get(f"same{key}"))),
        nan=number("nan"),
        infinite=number("infinite"),
        low=low,
        high=high,
        length=number("length") / present if present else 0.0,
        spaces=number("spaces") / present if present else 0.0,
        numbers=number("numbers"),
        blank=number("blank"),
        shapes={shape: number(f"shape{i}_") for i, shape in enumerate(shapes)} if family == "text" else {},
    )


def _counted_exactly(table: ir.Table, found: Mapping[str, ColumnFacts]) -> dict[str, ColumnFacts]:
    doubtful = [facts.name for facts in found.values() if facts.distinct >= max(MAYBE_DISTINCT * facts.present, 1)]
    if not doubtful:
        return {}
    wanted = {f"n{index}": table[name].nunique() for index, name in enumerate(doubtful)}
    counted = table.aggregate(**wanted).to_pyarrow().to_pylist()[0]
    return {name: replace(found[name], distinct=int(counted[f"n{i}"])) for i, name in enumerate(doubtful)}


def _row_code(table: ir.Table, columns: Sequence[str]) -> ir.Value:
    """One number a row. Integers and decimals of the same value are the same."""
    parts = {}
    for index, name in enumerate(columns):
        column = table[name]
        parts[f"c{index}"] = column.cast("float64" if column.type().is_numeric() else "string")
    return ibis.struct(parts).hash()


def _is_finite(number: ir.Value) -> ir.Value:
    return number.notnull() & ~number.isnan() & ~number.isinf()
