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
from datetime import date, datetime, time
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
"""The logical types that can be checked, and what a column without any value is read as."""


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

    def met_by(self, value: float) -> bool:
        return OPERATORS[self.operator](value, *self.operand)

    def __str__(self) -> str:
        words = re.sub(r"(?<!^)([A-Z])", r" \1", self.operator).lower()
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

Kind = Literal["present", "type", "nulls", "values", "typed values", "row count", "query"]
"""What a rule looks at: the file's schema, all rows, the rows that are not NULL, or the table."""


@dataclass(frozen=True)
class Rule:
    """One claim of the contract. `offence` completes "3 of 100 rows …"; `logical_type` is the declared one."""

    rule: str
    kind: Kind
    offence: str
    columns: tuple[str, ...] = ()
    blocking: bool = True
    expectation: Expectation | None = None
    demand: Demand = Demand()
    logical_type: str | None = None

    @property
    def column(self) -> str | None:
        return self.columns[0] if len(self.columns) == 1 else None


# Claims, as expectations


def not_null(name: str) -> Expectation:
    return Expectation("expect_column_values_to_not_be_null", (("column", name),))


def unique(names: tuple[str, ...]) -> Expectation:
    if len(names) == 1:
        return Expectation("expect_column_values_to_be_unique", (("column", names[0]),))
    return Expectation("expect_compound_columns_to_be_unique", (("column_list", names),))


def in_set(name: str, values: tuple[Any, ...]) -> Expectation:
    return Expectation("expect_column_values_to_be_in_set", (("column", name), ("value_set", values)))


def valid_values(where: str, name: str, values: tuple[Any, ...] | None, pattern: Any) -> Expectation:
    _try_pattern(where, pattern)
    kwargs = (("column", name), ("value_set", values), ("regex", pattern))
    return Expectation("expect_column_values_to_be_valid", kwargs)


def _try_pattern(where: str, pattern: Any) -> None:
    """Refuse a pattern that the engine cannot read now, rather than on every batch."""
    import duckdb

    if not isinstance(pattern, str):
        raise ContractFault(f"{where}: pattern must be text, got {pattern!r}.")
    try:
        with duckdb.connect(":memory:") as connection:
            connection.execute("SELECT regexp_matches('', ?)", [pattern]).fetchall()
    except duckdb.InvalidInputException as fault:
        raise ContractFault(f"{where}: pattern {pattern!r} is no RE2 regular expression.") from fault


def value_rule(rule: str, name: str, logical: str | None, offence: str, expectation: Expectation) -> Rule:
    return Rule(rule, "typed values", offence, (name,), expectation=expectation, logical_type=logical)


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
            return parse(value)
        except ValueError as fault:
            raise ContractFault(f"{name}: {value!r} is no ISO 8601 {logical}.") from fault
    wrong_number = logical in ("integer", "number") and not is_number(value)
    wrong_time = isinstance(value, datetime) and logical == "date"
    if wrong_number or wrong_time or not isinstance(value, _LITERALS[logical]):
        raise ContractFault(f"{name}: {value!r} is no {logical}.")
    return value


def is_number(value: Any) -> bool:
    """Whether it is a number that a float holds exactly enough: no NaN, and no integer beyond 2**53."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return False
    return math.isfinite(value) if not isinstance(value, int) else abs(value) <= 2**53
