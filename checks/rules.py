"""What a data contract's rule is once compiled, and the parts that rules are built of. No data is read here.

Decided here: which kinds of rule there are, when a number satisfies what a contract asks for (`Demand`), which
values and patterns of a contract are usable for a column's type, and which expectation stands for a claim.
A pattern is searched for (anchor it with ^ and $ to match whole values) in RE2 syntax, which has no look-ahead.
Every row of a group of duplicates counts as a duplicate.

Which clause of a contract becomes which rule is decided in `checks.column_rules` and `checks.quality_rules`;
whether data meets a rule, in `checks.expectations`. Nothing here imports Great Expectations.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, Literal

DUCKDB_TYPES = {
    "string": "VARCHAR",
    "integer": "BIGINT",
    "number": "DOUBLE",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
    "time": "TIME",
}
"""The logical types of one value, and what a column without any value is read as."""

LOGICAL_TYPES = (*DUCKDB_TYPES, "array", "object")
"""The logical types that can be checked: presence and type of all, and values of those that are one value."""

DIMENSIONS = {
    "accuracy": "ac",
    "completeness": "cp",
    "conformity": "cf",
    "consistency": "cs",
    "coverage": "cv",
    "timeliness": "tm",
    "uniqueness": "uq",
}
"""The standard's dimensions of data quality, each with its synonym."""


class ContractFault(ValueError):
    """The contract asks for something that cannot be checked. An error of ours, never of the data."""


@dataclass(frozen=True)
class Expectation:
    """A Great Expectations expectation by its type and arguments, so that compiling needs no import of it."""

    type: str
    kwargs: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True)
class Demand:
    """What the contract asks of one number. Both ends of "between" belong to the range."""

    operator: str = "mustBe"
    operand: tuple[float, ...] = (0,)
    percent: bool = False

    @property
    def of_truth(self) -> bool:
        """Whether a yes or no is asked for, and no number."""
        return isinstance(self.operand[0], bool)

    def met_by(self, value: float) -> bool:
        return OPERATORS[self.operator](value, *self.operand)

    def __str__(self) -> str:
        words = re.sub(r"(?<!^)([A-Z])", r" \1", self.operator).lower()
        if self.of_truth:
            return f"{words} {str(self.operand[0]).lower()}"
        return f"{words} {' and '.join(f'{x:g}' for x in self.operand)}{' %' if self.percent else ''}"


OPERATORS: Mapping[str, Callable[..., bool]] = {
    "mustBe": lambda value, x: value == x,
    "mustNotBe": lambda value, x: value != x,
    "mustBeGreaterThan": lambda value, x: value > x,
    "mustBeGreaterOrEqualTo": lambda value, x: value >= x,
    "mustBeLessThan": lambda value, x: value < x,
    "mustBeLessOrEqualTo": lambda value, x: value <= x,
    "mustBeBetween": lambda value, low, high: low <= value <= high,
    "mustNotBeBetween": lambda value, low, high: not low <= value <= high,
}

Kind = Literal["present", "type", "fields", "nulls", "values", "typed values", "reference", "row count", "query"]
"""What a rule looks at: the file's schema, all rows, the rows that are not NULL, another table, or the table."""


@dataclass(frozen=True)
class Rule:
    """One claim of the contract. `offence` completes "3 of 100 rows …"; `logical_type` is the declared one.

    `path` leads to a field inside a column, where `columns` has its name with dots; `[]` stands for the items of an
    array. `dimension` is the standard's, None where a claim belongs to none of them.
    """

    rule: str
    kind: Kind
    offence: str
    columns: tuple[str, ...] = ()
    blocking: bool = True
    expectation: Expectation | None = None
    demand: Demand = Demand()
    logical_type: str | None = None
    path: tuple[str, ...] = ()
    dimension: str | None = None
    reference: "Reference | None" = None

    @property
    def paths(self) -> dict[str, tuple[str, ...]]:
        """Where each column of the rule lies in the file."""
        return {name: self.path or (name,) for name in self.columns}

    @property
    def column(self) -> str | None:
        return self.columns[0] if len(self.columns) == 1 else None


@dataclass(frozen=True)
class Reference:
    """The columns of another table that hold every value that may occur."""

    table: str
    columns: tuple[str, ...]


# Claims, as expectations


def not_null(name: str) -> Expectation:
    return Expectation("expect_column_values_to_not_be_null", (("column", name),))


def unique(names: tuple[str, ...]) -> Expectation:
    if len(names) == 1:
        return Expectation("expect_column_values_to_be_unique", (("column", names[0]),))
    return Expectation("expect_compound_columns_to_be_unique", (("column_list", names),))


def in_set(name: str, values: tuple[Any, ...]) -> Expectation:
    return Expectation("expect_column_values_to_be_in_set", (("column", name), ("value_set", values)))


def between(name: str, low: Any, high: Any) -> Expectation:
    """At least `low` and at most `high`; None is no limit."""
    return Expectation(
        "expect_column_values_to_be_between", (("column", name), ("min_value", low), ("max_value", high))
    )


def lengths(name: str, shortest: int | None, longest: int | None) -> Expectation:
    kwargs = (("column", name), ("min_value", shortest), ("max_value", longest))
    return Expectation("expect_column_value_lengths_to_be_between", kwargs)


def valid_values(where: str, name: str, values: tuple[Any, ...] | None, pattern: Any) -> Expectation:
    _try_pattern(where, pattern)
    kwargs = (("column", name), ("value_set", values), ("regex", pattern))
    return Expectation("expect_column_values_to_be_valid", kwargs)


def _try_pattern(where: str, pattern: Any) -> None:
    """Refuse a pattern that RE2 cannot read now, rather than on every batch."""
    import duckdb

    if not isinstance(pattern, str):
        raise ContractFault(f"{where}: pattern must be text, got {pattern!r}.")
    try:
        with duckdb.connect(":memory:") as connection:
            connection.execute("SELECT regexp_matches('', ?)", [pattern]).fetchall()
    except duckdb.InvalidInputException as fault:
        raise ContractFault(f"{where}: pattern {pattern!r} is no RE2 regular expression.") from fault


def value_rule(
    rule: str, name: str, logical: str | None, offence: str, expectation: Expectation, dimension: str = "conformity"
) -> Rule:
    return Rule(
        rule, "typed values", offence, (name,), expectation=expectation, logical_type=logical, dimension=dimension
    )


# Values of a contract

_LITERALS: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int, float),
    "number": (int, float),
    "boolean": (bool,),
    "date": (date,),
    "timestamp": (datetime,),
    "time": (time,),
}


def literals(name: str, logical: str | None, values: Sequence[Any]) -> tuple[Any, ...]:
    """The contract's values as values of the column's type; YAML reads `no` as false and `1` as a number."""
    return tuple(_literal(name, logical, value) for value in values)


def _literal(name: str, logical: str | None, value: Any) -> Any:
    if logical is None:
        raise ContractFault(f"{name}: a rule on values needs the column's logicalType.")
    if logical in ("date", "timestamp", "time") and isinstance(value, str):
        parse = {"date": date.fromisoformat, "timestamp": datetime.fromisoformat, "time": time.fromisoformat}[logical]
        try:
            value = parse(value)
        except ValueError as fault:
            raise ContractFault(f"{name}: {value!r} is no ISO 8601 {logical}.") from fault
    wrong_number = logical in ("integer", "number") and not is_number(value)
    wrong_time = (isinstance(value, datetime) and logical == "date") or (isinstance(value, time) and value.tzinfo)
    if wrong_number or wrong_time or not isinstance(value, _LITERALS.get(logical, ())):
        raise ContractFault(f"{name}: {value!r} is no {logical}.")
    if isinstance(value, datetime) and value.tzinfo:
        return value.astimezone(UTC).replace(tzinfo=None)  # as the rows are seen
    return value


def is_number(value: Any) -> bool:
    """Whether it is a number that a float holds exactly enough: no NaN, and no integer beyond 2**53."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return False
    return math.isfinite(value) if not isinstance(value, int) else abs(value) <= 2**53
