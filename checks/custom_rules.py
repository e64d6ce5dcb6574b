"""Rules that a contract writes for Great Expectations itself (`type: custom, engine: greatExpectations`).

Decided here: which expectations are taken. Each becomes a rule like any other: rows are counted by the engine, no
value leaves it, and whether the count is good is judged here. An expectation whose answer is a value of the data (the
least, the most common, a quantile), or that looks for anything but the columns of the table, is refused by its name,
and so is every argument that would be left out. `mostly` allows the rest of the rows to offend.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import yaml
from open_data_contract_standard.model import DataQuality, SchemaObject, SchemaProperty

from checks.column_rules import column_name
from checks.rules import (
    ContractFault,
    Demand,
    Expectation,
    Rule,
    between,
    in_set,
    is_number,
    lengths,
    literals,
    not_null,
    unique,
    valid_values,
    value_rule,
)

ENGINES = frozenset({"greatexpectations", "great-expectations", "great_expectations", "gx"})
_IDLE = frozenset({"meta", "notes", "description", "id", "severity"})
"""Arguments of an expectation that ask for nothing."""


def custom_rule(where: str, item: DataQuality, prop: SchemaProperty | None, table: SchemaObject) -> Rule:
    """The rule that an `implementation` for Great Expectations is.

    Raises
    ------
    ContractFault
        It is for another engine, or an expectation that is not taken.
    """
    if (item.engine or "").casefold() not in ENGINES:
        raise ContractFault(
            f"{where}: quality for engine {item.engine} is not run here; write it as a metric of the library, as sql, "
            "or for greatExpectations."
        )
    kind, kwargs = _implementation(where, item)
    about_table = _TABLE.get(kind)
    rule = about_table(where, kwargs, table) if about_table else _column_rule(where, kind, kwargs, prop, table)
    if kwargs:
        raise ContractFault(f"{where}: argument {min(kwargs)} of {kind} is not supported.")
    return rule


def _implementation(where: str, item: DataQuality) -> tuple[str, dict[str, Any]]:
    try:
        written = yaml.safe_load(item.implementation) if isinstance(item.implementation, str) else item.implementation
    except yaml.YAMLError:
        written = None
    kind = (written.get("type") or written.get("expectation_type")) if isinstance(written, dict) else None
    kwargs = written.get("kwargs") or {} if isinstance(written, dict) else None
    if not isinstance(kind, str) or not isinstance(kwargs, dict):
        raise ContractFault(f"{where}: implementation must have the type and the kwargs of one expectation.")
    # The standard's own example writes minValue where Great Expectations says min_value.
    named = {re.sub(r"(?<=[a-z])([A-Z])", r"_\1", str(key)).lower(): value for key, value in kwargs.items()}
    return kind, {key: value for key, value in named.items() if key not in _IDLE and value is not None}


# About columns


def _column_rule(
    where: str, kind: str, kwargs: dict[str, Any], prop: SchemaProperty | None, table: SchemaObject
) -> Rule:
    if kind not in _COLUMN:
        known = ", ".join(sorted({*_COLUMN, *_TABLE}))
        raise ContractFault(f"{where}: {kind} is not taken: its answer is no count of rows. Taken are {known}.")
    named = kwargs.pop("column", None)
    column = prop if named is None else _property(where, named, table)
    if column is None:
        raise ContractFault(f"{where}: {kind} needs a column.")
    demand = _mostly(where, kwargs.pop("mostly", 1))
    rule = _COLUMN[kind](where, kwargs, column_name(column), column.logicalType)
    return replace(rule, demand=demand)


def _property(where: str, name: Any, table: SchemaObject) -> SchemaProperty:
    for prop in table.properties or ():
        if name in (prop.name, column_name(prop)):
            return prop
    raise ContractFault(f"{where}: {name} is not a property of the contract.")


def _mostly(where: str, mostly: Any) -> Demand:
    if not is_number(mostly) or not 0 <= mostly <= 1:
        raise ContractFault(f"{where}: mostly must be a number from 0 to 1, got {mostly!r}.")
    # Rounded, for 100 * (1 - 0.9) is not 10 in a float.
    return Demand() if mostly == 1 else Demand("mustBeLessOrEqualTo", (round(100 * (1 - mostly), 9),), percent=True)


def _nulls(where: str, kwargs: dict[str, Any], name: str, logical: str | None) -> Rule:
    expected = not_null(name)
    return Rule(
        where, "nulls", "are NULL", (name,), expectation=expected, logical_type=logical, dimension="completeness"
    )


def _unique(where: str, kwargs: dict[str, Any], name: str, logical: str | None) -> Rule:
    return Rule(where, "values", "occur more than once", (name,), expectation=unique((name,)), dimension="uniqueness")


def _range(where: str, kwargs: dict[str, Any], name: str, logical: str | None) -> Rule:
    low, high = _limits(where, kwargs, logical)
    expected = between(name, low, high)
    strict = tuple((key, True) for key in ("strict_min", "strict_max") if kwargs.pop(key, False))
    if logical == "time":
        raise ContractFault(f"{where}: a range of times is not supported; use logicalTypeOptions.")
    expected = Expectation(expected.type, (*expected.kwargs, *strict))
    return value_rule(where, name, logical, "are outside the range", expected)


def _limits(where: str, kwargs: dict[str, Any], logical: str | None) -> tuple[Any, Any]:
    given = [kwargs.pop(key, None) for key in ("min_value", "max_value")]
    if given == [None, None]:
        raise ContractFault(f"{where}: must have min_value or max_value.")
    low, high = (None if value is None else literals(where, logical, [value])[0] for value in given)
    if low is not None and high is not None and low > high:
        raise ContractFault(f"{where}: min_value {low} is greater than max_value {high}.")
    return low, high


def _length(where: str, kwargs: dict[str, Any], name: str, logical: str | None) -> Rule:
    low, high = _limits(where, kwargs, "integer")
    return value_rule(where, name, logical, "are too short or too long", lengths(name, low, high))


def _exact_length(where: str, kwargs: dict[str, Any], name: str, logical: str | None) -> Rule:
    kwargs["min_value"] = kwargs["max_value"] = kwargs.pop("value", None)
    return _length(where, kwargs, name, logical)


def _set(where: str, kwargs: dict[str, Any], name: str, logical: str | None) -> Rule:
    values = kwargs.pop("value_set", None)
    if not isinstance(values, list) or not values:
        raise ContractFault(f"{where}: value_set must be a list of at least one value.")
    return value_rule(where, name, logical, "are not valid", in_set(name, literals(where, logical, values)))


def _pattern(where: str, kwargs: dict[str, Any], name: str, logical: str | None) -> Rule:
    if logical != "string":
        raise ContractFault(f"{where}: a pattern needs logicalType string.")
    expected = valid_values(where, name, None, kwargs.pop("regex", None))
    return value_rule(where, name, logical, "do not match the pattern", expected)


_COLUMN: Mapping[str, Callable[[str, dict[str, Any], str, str | None], Rule]] = {
    "expect_column_values_to_not_be_null": _nulls,
    "expect_column_values_to_be_unique": _unique,
    "expect_column_values_to_be_between": _range,
    "expect_column_value_lengths_to_be_between": _length,
    "expect_column_value_lengths_to_equal": _exact_length,
    "expect_column_values_to_be_in_set": _set,
    "expect_column_values_to_match_regex": _pattern,
}


# About the table


def _rows(where: str, kwargs: dict[str, Any], table: SchemaObject) -> Rule:
    low, high = _limits(where, kwargs, "integer")
    if high is None:
        demand = Demand("mustBeGreaterOrEqualTo", (low,))
    else:
        demand = Demand("mustBeLessOrEqualTo", (high,)) if low is None else Demand("mustBeBetween", (low, high))
    counted = Expectation("expect_table_row_count_to_be_between", (("min_value", 0),))
    return Rule(where, "row count", "rows", expectation=counted, demand=demand, dimension="completeness")


def _exact_rows(where: str, kwargs: dict[str, Any], table: SchemaObject) -> Rule:
    kwargs["min_value"] = kwargs["max_value"] = kwargs.pop("value", None)
    return _rows(where, kwargs, table)


def _compound(where: str, kwargs: dict[str, Any], table: SchemaObject) -> Rule:
    names = kwargs.pop("column_list", None)
    if not isinstance(names, list) or not names:
        raise ContractFault(f"{where}: column_list must be a list of at least one value.")
    columns = tuple(column_name(_property(where, name, table)) for name in names)
    return Rule(where, "values", "occur more than once", columns, expectation=unique(columns), dimension="uniqueness")


_TABLE: Mapping[str, Callable[[str, dict[str, Any], SchemaObject], Rule]] = {
    "expect_table_row_count_to_be_between": _rows,
    "expect_table_row_count_to_equal": _exact_rows,
    "expect_compound_columns_to_be_unique": _compound,
}
