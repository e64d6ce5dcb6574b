"""The rules in a contract's `quality`: metrics of the standard's library, and queries of the contract's own.

Decided here: which metric becomes which rule, what is demanded of the number, to which dimension a rule belongs,
and whether an unmet rule holds the batch. `text` quality, schedules and the unit of a query's answer are
documentation. Rules for Great Expectations are read in `checks.custom_rules`; those for engines of other makers are
refused.

A query may answer with any number, also one that is a single person's: what it answers is shown in the
reason, so a contract's queries aggregate. An answer that is no number is never shown.

What a column carries outside `quality` is compiled in `checks.column_rules`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from open_data_contract_standard.model import DataQuality, SchemaObject, SchemaProperty

from checks.column_rules import column_name
from checks.custom_rules import custom_rule
from checks.rules import (
    DIMENSIONS,
    OPERATORS,
    ContractFault,
    Demand,
    Expectation,
    Rule,
    in_set,
    is_number,
    literals,
    not_null,
    unique,
    valid_values,
    value_rule,
)
from checks.sql_text import quoted_name

BLOCKING = {None: True, "error": True, "warning": False, "info": False}
"""ODCS quality severity, and whether an unmet rule holds the batch. Left out, it is an error."""


def quality_rules(
    quality: Sequence[DataQuality] | None,
    prop: SchemaProperty | None,
    table: SchemaObject,
    path: tuple[str, ...] = (),
) -> Iterator[Rule]:
    """The rules in the `quality` of the column `prop`, or of the table where that is None.

    `path` leads to a field inside a column.
    """
    for item in quality or ():
        name = column_name(prop) if prop else None
        where = f"{name or 'table'}: {item.id or item.name or item.metric or item.rule or item.type}"
        kind = item.type or "library"
        if kind == "text":
            continue
        if item.severity not in BLOCKING:
            raise ContractFault(f"{where}: severity must be error, warning or info, got {item.severity!r}.")
        if kind == "library":
            rule = _library_rule(where, item, prop, table)
        elif kind == "sql":
            rule = _query_rule(where, item, path or ((name,) if name else ()), table)
        elif kind == "custom":
            rule = custom_rule(where, item, prop, table)
        else:
            raise ContractFault(f"{where}: quality type must be library, sql, custom or text, got {kind!r}.")
        demand = _demand(where, item, rule)
        dimension = _dimension(where, item) or rule.dimension
        yield replace(rule, blocking=BLOCKING[item.severity], demand=demand, path=path, dimension=dimension)


def _dimension(where: str, item: DataQuality) -> str | None:
    """The declared dimension, by its name or its synonym; None where none is declared."""
    if item.dimension is None:
        return None
    names = {**{name: name for name in DIMENSIONS}, **{short: name for name, short in DIMENSIONS.items()}}
    if item.dimension not in names:
        raise ContractFault(f"{where}: dimension must be one of {', '.join(DIMENSIONS)}, got {item.dimension!r}.")
    return names[item.dimension]


def _demand(where: str, item: DataQuality, rule: Rule) -> Demand:
    given = {key: getattr(item, key) for key in OPERATORS if getattr(item, key) is not None}
    if item.type == "custom":
        if given:
            raise ContractFault(f"{where}: quality of type custom takes no operator, got {', '.join(given)}.")
        return rule.demand
    if len(given) != 1:
        raise ContractFault(f"{where}: must have exactly one operator, got {', '.join(given) or 'none'}.")
    ((operator, operand),) = given.items()
    if rule.kind == "query" and operator in ("mustBe", "mustNotBe") and isinstance(operand, bool):
        return Demand(operator, (operand,))
    numbers = tuple(operand) if isinstance(operand, list) else (operand,)
    if len(numbers) != (2 if operator.endswith("Between") else 1) or not all(is_number(x) for x in numbers):
        raise ContractFault(f"{where}: {operator} must be a number, or two for between, got {operand!r}.")
    if len(numbers) == 2 and numbers[0] > numbers[1]:
        raise ContractFault(f"{where}: {operator} must have its smaller number first, got {operand!r}.")
    if item.unit == "percent" and rule.kind in ("row count", "query"):
        raise ContractFault(f"{where}: unit percent needs a share of rows.")
    if item.unit not in (None, "rows", "percent") and rule.kind != "query":
        raise ContractFault(f"{where}: unit must be rows or percent, got {item.unit!r}.")
    return Demand(operator, numbers, item.unit == "percent")


# Metrics


def _library_rule(where: str, item: DataQuality, prop: SchemaProperty | None, table: SchemaObject) -> Rule:
    metric, arguments = item.metric or item.rule, dict(item.arguments or {})
    if metric == "rowCount":
        if prop is not None:
            raise ContractFault(f"{where}: rowCount belongs to the table, not to a column.")
        return Rule(
            where,
            "row count",
            "rows",
            expectation=Expectation("expect_table_row_count_to_be_between", (("min_value", 0),)),
            dimension="completeness",
        )
    if metric == "duplicateValues":
        names = (column_name(prop),) if prop else _declared(where, arguments.pop("properties", None), table)
        _nothing_left(where, arguments)
        return Rule(where, "values", "occur more than once", names, expectation=unique(names), dimension="uniqueness")
    if prop is None:
        raise ContractFault(f"{where}: {metric} needs a column." if metric else f"{where}: must have a metric.")
    return _column_metric(where, metric, arguments, column_name(prop), prop.logicalType)


def _column_metric(where: str, metric: str | None, arguments: dict[str, Any], name: str, logical: str | None) -> Rule:
    if metric == "nullValues":
        _nothing_left(where, arguments)
        none = not_null(name)
        return Rule(
            where, "nulls", "are NULL", (name,), expectation=none, logical_type=logical, dimension="completeness"
        )
    if metric == "missingValues":
        missing = _some(where, "missingValues", arguments.pop("missingValues", None))
        _nothing_left(where, arguments)
        markers = literals(where, logical, [value for value in missing if value is not None])
        kwargs = (("column", name), ("markers", markers), ("null_is_missing", None in missing))
        given = Expectation("expect_column_values_to_be_given", kwargs)
        return value_rule(where, name, logical, "are missing", given, "completeness")
    if metric == "invalidValues":
        pattern, values = arguments.pop("pattern", None), arguments.pop("validValues", None)
        _nothing_left(where, arguments)
        if pattern is None:
            values = _some(where, "validValues or pattern", values)
        if pattern is not None and logical != "string":
            raise ContractFault(f"{where}: a pattern needs logicalType string.")
        # NULL may stand among them: this rule looks at rows with a value, so it says nothing more.
        values = None if values is None else [value for value in values if value is not None]
        valid = None if values is None else literals(where, logical, _some(where, "validValues", values))
        expectation = in_set(name, valid or ()) if pattern is None else valid_values(where, name, valid, pattern)
        return value_rule(where, name, logical, "are not valid", expectation)
    raise ContractFault(f"{where}: metric {metric} is not supported." if metric else f"{where}: must have a metric.")


def _some(where: str, argument: str, values: Any) -> list[Any]:
    if not isinstance(values, list) or not values:
        raise ContractFault(f"{where}: arguments.{argument} must be a list of at least one value.")
    return values


def _nothing_left(where: str, arguments: Mapping[str, Any]) -> None:
    if arguments:
        raise ContractFault(f"{where}: argument {min(arguments)} is not supported.")


def _declared(where: str, names: Any, table: SchemaObject) -> tuple[str, ...]:
    """Columns named by a rule on the table, as they are called in the file."""
    physical = {prop.name: column_name(prop) for prop in table.properties or []}
    columns = _some(where, "properties", names)
    for column in columns:
        if column not in physical:
            raise ContractFault(f"{where}: {column} is not a property of the contract.")
    return tuple(physical[column] for column in columns)


# Queries


_PLACEHOLDER = re.compile(r"\$?\{(\w+)\}")


def _query_rule(where: str, item: DataQuality, path: tuple[str, ...], table: SchemaObject) -> Rule:
    if not item.query:
        raise ContractFault(f"{where}: quality of type sql must have a query.")
    fill = {key: queried_as(table) for key in ("table", "object", "schema", "model")}
    if path:
        fill |= {key: ".".join(map(quoted_name, path)) for key in ("column", "property", "field")}
    query = _PLACEHOLDER.sub(lambda match: fill.get(match[1], match[0]), item.query)
    columns = (".".join(path),) if path else ()
    answer = Expectation("expect_query_to_answer_one_value", (("query", query),))
    return Rule(where, "query", "the query answered", columns, expectation=answer)


def queried_as(table: SchemaObject) -> str:
    """The name, quoted, by which a contract's queries know the rows that are checked."""
    return quoted_name(queried_name(table))


def queried_name(table: SchemaObject) -> str:
    """That name."""
    return table.physicalName or table.name or "table"
