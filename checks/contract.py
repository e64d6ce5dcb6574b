"""A data contract (Open Data Contract Standard 3.1), compiled to expectations and checked on one Parquet file.

Decided here: which rule of the standard becomes which expectation, and when a rule is met, not met or
not evaluated. Great Expectations counts, in DuckDB, out of core; the counts are compared with what the
contract asks for in `Demand`. Only counts and answers of queries leave the engine, never a cell.

What a reader may need to know:

- NULL is ignored by rules on values (range, length, pattern, set, uniqueness); `required`, `nullValues`
  and `missingValues` look at it. A floating-point NaN counts as NULL.
- Percentages are of the rows looked at: all rows for nulls and missing values, the rows that are not
  NULL for the others. Over no rows at all nothing was looked at: not evaluated, which is not a pass.
- Every row of a group of duplicates counts as a duplicate. A pattern is searched for (anchor it with
  ^ and $ to match whole values) in RE2 syntax, which has no look-ahead.
- A column of another type than declared is one finding, `NAME: type`; its other rules on values are then
  not evaluated, because comparing across types answers another question.
- A query may answer with any number, also one that is a single person's: what it answers is shown in
  the reason, so a contract's queries aggregate. An answer that is no number is never shown.
- `text` quality, relationships, formats of dates and numbers, and classifications are documentation.

Provenance, personal data and the step from a result to a Dagster check are elsewhere.
"""

import itertools
import logging
import math
import os
import re
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import yaml
from open_data_contract_standard.model import (
    DataQuality,
    OpenDataContractStandard,
    SchemaObject,
    SchemaProperty,
)
from pydantic import ValidationError

if TYPE_CHECKING:
    import pyarrow as pa

BLOCKING = {None: True, "error": True, "warning": False, "info": False}
"""ODCS quality severity, and whether an unmet rule holds the batch. Left out, it is an error."""

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

LIMITS = ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum")
OPTIONS: Mapping[str, frozenset[str]] = {
    "string": frozenset({"minLength", "maxLength", "pattern"}),
    "integer": frozenset({*LIMITS, "format"}),
    "number": frozenset({*LIMITS, "format"}),
    "date": frozenset({*LIMITS, "format"}),
    "timestamp": frozenset({*LIMITS, "format", "timezone", "defaultTimezone"}),
    "time": frozenset({"format", "timezone", "defaultTimezone"}),  # no limits: GX knows no limit that is a time
    "boolean": frozenset(),
}

_ALIASED = "aims_contract_batch"  # a plain word: Great Expectations does not quote a table's name
_TALKATIVE = ("great_expectations", "sqlalchemy")
_sessions = itertools.count(1)  # a name per in-memory database of this process


class ContractFault(ValueError):
    """The contract asks for something that cannot be checked. An error of ours, never of the data."""


class RuleOutcome(Enum):
    MET = "met"
    UNMET = "unmet"
    NOT_EVALUATED = "not_evaluated"


@dataclass(frozen=True)
class RuleResult:
    """One rule's outcome on one file. `unexpected` of `rows` looked at offend, where rows are counted.

    `tool_failed` tells a broken check from a rule that had nothing to look at: both are not evaluated.
    """

    rule: str
    column: str | None
    outcome: RuleOutcome
    blocking: bool
    unexpected: int | None
    rows: int | None
    reason: str
    tool_failed: bool = False


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
        return _OPERATORS[self.operator](value, *self.operand)

    def __str__(self) -> str:
        words = re.sub(r"(?<!^)([A-Z])", r" \1", self.operator).lower()
        return f"{words} {' and '.join(f'{x:g}' for x in self.operand)}{' %' if self.percent else ''}"


_OPERATORS: Mapping[str, Callable[..., bool]] = {
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


# Reading


def read_contract(text: str) -> OpenDataContractStandard:
    """The contract in `text` (YAML). ValueError, in one line, when it is no ODCS 3.1 document.

    A key that the standard's model does not know is refused: the model itself would drop it, and with a
    misspelt `mustBeLesThan` a rule would go unasked.
    """
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as fault:
        raise ValueError(f"The contract is no YAML: {' '.join(str(fault).split())}") from fault
    if not isinstance(document, dict) or document.get("kind") != "DataContract":
        raise ValueError("The contract must be a mapping with kind: DataContract.")
    version = document.get("apiVersion")
    if not re.fullmatch(r"v3\.1\.\d+", str(version)):
        raise ValueError(f"apiVersion must be v3.1.x (Open Data Contract Standard 3.1), got {version!r}.")
    for key in ("id", "version"):
        if not document.get(key):
            raise ValueError(f"The contract must have {key}.")
    try:
        contract = OpenDataContractStandard.model_validate(document)
    except ValidationError as fault:
        first = fault.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"The contract is not ODCS 3.1: {where}: {first['msg']}.") from fault
    known = contract.model_dump(by_alias=True, exclude_unset=True)
    for key in _dropped(document, known, ""):
        raise ValueError(f"The contract is not ODCS 3.1: {key} is not a key of the standard.")
    return contract


def _dropped(given: Any, kept: Any, where: str) -> Iterator[str]:
    """Paths of the keys in `given` that are not in `kept`."""
    if isinstance(given, dict) and isinstance(kept, dict):
        for key, value in given.items():
            path = f"{where}.{key}" if where else str(key)
            if key not in kept:
                yield path
            else:
                yield from _dropped(value, kept[key], path)
    elif isinstance(given, list) and isinstance(kept, list):
        for index, (mine, theirs) in enumerate(zip(given, kept, strict=False)):
            yield from _dropped(mine, theirs, f"{where}[{index}]")


# Compiling


def compile_rules(contract: OpenDataContractStandard) -> tuple[Rule, ...]:
    """Every rule of the contract, with ids that stay while the rule's limits move. Imports nothing heavy.

    Raises
    ------
    ContractFault
        A rule is of a kind that is not supported, or contradicts itself. Nothing is left out silently.
    """
    table = _the_object(contract)
    properties = table.properties or []
    rules = [rule for prop in properties for rule in _property_rules(prop, table)]
    rules += _key_rules(properties)
    rules += _quality_rules(table.quality, None, table)
    return _distinct(rules)


def _the_object(contract: OpenDataContractStandard) -> SchemaObject:
    objects = contract.schema_ or []
    if len(objects) != 1:
        raise ContractFault(f"schema: must hold exactly one object, got {len(objects)}.")
    names = [_name(prop) for prop in objects[0].properties or []]
    for name in names:
        if names.count(name) > 1:
            raise ContractFault(f"{name}: declared {names.count(name)} times.")
    return objects[0]


def _name(prop: SchemaProperty) -> str:
    """The column's name in the file."""
    name = prop.physicalName or prop.name
    if not name:
        raise ContractFault("schema: a property must have a name.")
    return name


def _distinct(rules: Sequence[Rule]) -> tuple[Rule, ...]:
    """The rules with a number behind every id that was taken already."""
    taken: set[str] = set()
    named = []
    for rule in rules:
        candidates = (f"{rule.rule} ({n})" for n in itertools.count(2))
        name = rule.rule if rule.rule not in taken else next(c for c in candidates if c not in taken)
        taken.add(name)
        named.append(replace(rule, rule=name))
    return tuple(named)


def _property_rules(prop: SchemaProperty, table: SchemaObject) -> Iterator[Rule]:
    name, logical = _name(prop), prop.logicalType
    if logical is not None and logical not in DUCKDB_TYPES:
        raise ContractFault(f"{name}: logicalType {logical} is not supported; use one of {', '.join(DUCKDB_TYPES)}.")
    if prop.properties or prop.items or prop.map:
        raise ContractFault(f"{name}: nested properties are not supported.")
    if prop.required or prop.primaryKey:
        yield Rule(f"{name}: present", "present", "is not in the file", (name,))
    if logical is not None:
        yield Rule(f"{name}: type", "type", f"is not {logical}", (name,), logical_type=logical)
    for rule in _flag_rules(prop, name):
        yield replace(rule, logical_type=logical)
    yield from _option_rules(prop, name)
    if prop.enum:
        values = _literals(name, logical, [item.value for item in prop.enum])
        yield _value_rule(f"{name}: enum", name, logical, "are not one of the declared values", _in_set(name, values))
    yield from _quality_rules(prop.quality, prop, table)


def _flag_rules(prop: SchemaProperty, name: str) -> Iterator[Rule]:
    if prop.required or prop.primaryKey:
        yield Rule(f"{name}: required", "nulls", "are NULL", (name,), expectation=_not_null(name))
    if prop.unique:
        yield Rule(f"{name}: unique", "values", "occur more than once", (name,), expectation=_unique((name,)))


def _key_rules(properties: Sequence[SchemaProperty]) -> Iterator[Rule]:
    """Uniqueness of the primary key, in the order of its positions; its NULLs are `required`'s affair."""
    keys = sorted((p for p in properties if p.primaryKey), key=lambda p: p.primaryKeyPosition or 0)
    if keys:
        names = tuple(_name(p) for p in keys)
        yield Rule(
            "primary key: unique",
            "values",
            "have a key that occurs more than once",
            names,
            expectation=_unique(names),
        )


def _not_null(name: str) -> Expectation:
    return Expectation("expect_column_values_to_not_be_null", (("column", name),))


def _unique(names: tuple[str, ...]) -> Expectation:
    if len(names) == 1:
        return Expectation("expect_column_values_to_be_unique", (("column", names[0]),))
    return Expectation("expect_compound_columns_to_be_unique", (("column_list", names),))


def _in_set(name: str, values: tuple[Any, ...]) -> Expectation:
    return Expectation("expect_column_values_to_be_in_set", (("column", name), ("value_set", values)))


def _value_rule(rule: str, name: str, logical: str | None, offence: str, expectation: Expectation) -> Rule:
    return Rule(rule, "typed values", offence, (name,), expectation=expectation, logical_type=logical)


def _option_rules(prop: SchemaProperty, name: str) -> Iterator[Rule]:
    """Range, length and pattern out of `logicalTypeOptions`."""
    options = {key: value for key, value in (prop.logicalTypeOptions or {}).items() if value is not None}
    logical = prop.logicalType
    unknown = sorted(set(options) - (OPTIONS[logical] if logical else frozenset()))
    if unknown:
        raise ContractFault(
            f"{name}: logicalTypeOptions {unknown[0]} is not supported for {logical or 'no logicalType'}."
        )
    if set(options) & set(LIMITS):
        yield _value_rule(f"{name}: range", name, logical, "are outside the range", _between(name, logical, options))
    if set(options) & {"minLength", "maxLength"}:
        kwargs = (
            ("column", name),
            ("min_value", options.get("minLength")),
            ("max_value", options.get("maxLength")),
        )
        lengths = Expectation("expect_column_value_lengths_to_be_between", kwargs)
        yield _value_rule(f"{name}: length", name, logical, "are too short or too long", lengths)
    if "pattern" in options:
        yield _value_rule(
            f"{name}: pattern",
            name,
            logical,
            "do not match the pattern",
            _valid(name, name, None, options["pattern"]),
        )


def _between(name: str, logical: str | None, options: Mapping[str, Any]) -> Expectation:
    for plain, strict in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if plain in options and strict in options:
            raise ContractFault(f"{name}: {plain} and {strict} exclude each other.")
    given = {key: _literals(name, logical, [value])[0] for key, value in options.items() if key in LIMITS}
    kwargs: dict[str, Any] = {"column": name}
    for key, value in given.items():
        kwargs["min_value" if key.endswith("inimum") else "max_value"] = value
        if key.startswith("exclusive"):
            kwargs["strict_min" if key.endswith("inimum") else "strict_max"] = True
    return Expectation("expect_column_values_to_be_between", tuple(kwargs.items()))


def _valid(where: str, name: str, values: tuple[Any, ...] | None, pattern: Any) -> Expectation:
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


_LITERALS: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int, float),
    "number": (int, float),
    "boolean": (bool,),
    "date": (date,),
    "timestamp": (datetime,),
    "time": (time,),
}


def _literals(name: str, logical: str | None, values: Sequence[Any]) -> tuple[Any, ...]:
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
    wrong_number = logical in ("integer", "number") and not _is_number(value)
    wrong_time = isinstance(value, datetime) and logical == "date"
    if wrong_number or wrong_time or not isinstance(value, _LITERALS[logical]):
        raise ContractFault(f"{name}: {value!r} is no {logical}.")
    return value


# Quality rules


def _quality_rules(
    quality: Sequence[DataQuality] | None, prop: SchemaProperty | None, table: SchemaObject
) -> Iterator[Rule]:
    for item in quality or ():
        name = _name(prop) if prop else None
        where = f"{name or 'table'}: {item.id or item.name or item.metric or item.rule or item.type}"
        kind = item.type or "library"
        if kind == "text":
            continue
        if item.severity not in BLOCKING:
            raise ContractFault(f"{where}: severity must be error, warning or info, got {item.severity!r}.")
        if kind == "library":
            rule = _library_rule(where, item, prop, table)
        elif kind == "sql":
            rule = _query_rule(where, item, name, table)
        else:
            raise ContractFault(f"{where}: quality of type {kind} (engine {item.engine}) is not supported.")
        demand = _demand(where, item)
        if demand.percent and rule.kind in ("row count", "query"):
            raise ContractFault(f"{where}: unit percent needs a share of rows.")
        yield replace(rule, blocking=BLOCKING[item.severity], demand=demand)


def _demand(where: str, item: DataQuality) -> Demand:
    given = {key: getattr(item, key) for key in _OPERATORS if getattr(item, key) is not None}
    if len(given) != 1:
        raise ContractFault(f"{where}: must have exactly one operator, got {', '.join(given) or 'none'}.")
    ((operator, operand),) = given.items()
    numbers = tuple(operand) if isinstance(operand, list) else (operand,)
    if len(numbers) != (2 if operator.endswith("Between") else 1) or not all(_is_number(x) for x in numbers):
        raise ContractFault(f"{where}: {operator} must be a number, or two for between, got {operand!r}.")
    if item.unit not in (None, "rows", "percent"):
        raise ContractFault(f"{where}: unit must be rows or percent, got {item.unit!r}.")
    return Demand(operator, numbers, item.unit == "percent")


def _is_number(value: Any) -> bool:
    """Whether it is a number that a float holds exactly enough: no NaN, and no integer beyond 2**53."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return False
    return math.isfinite(value) if not isinstance(value, int) else abs(value) <= 2**53


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
        )
    if metric == "duplicateValues":
        names = (_name(prop),) if prop else _declared(where, arguments.pop("properties", None), table)
        _nothing_left(where, arguments)
        return Rule(where, "values", "occur more than once", names, expectation=_unique(names))
    if prop is None:
        raise ContractFault(f"{where}: {metric} needs a column." if metric else f"{where}: must have a metric.")
    return _column_metric(where, metric, arguments, _name(prop), prop.logicalType)


def _column_metric(where: str, metric: str | None, arguments: dict[str, Any], name: str, logical: str | None) -> Rule:
    if metric == "nullValues":
        _nothing_left(where, arguments)
        return Rule(where, "nulls", "are NULL", (name,), expectation=_not_null(name), logical_type=logical)
    if metric == "missingValues":
        missing = _some(where, "missingValues", arguments.pop("missingValues", None))
        _nothing_left(where, arguments)
        markers = _literals(where, logical, [value for value in missing if value is not None])
        kwargs = (("column", name), ("markers", markers), ("null_is_missing", None in missing))
        given = Expectation("expect_column_values_to_be_given", kwargs)
        return _value_rule(where, name, logical, "are missing", given)
    if metric == "invalidValues":
        pattern, values = arguments.pop("pattern", None), arguments.pop("validValues", None)
        _nothing_left(where, arguments)
        if pattern is None:
            values = _some(where, "validValues or pattern", values)
        if pattern is not None and logical != "string":
            raise ContractFault(f"{where}: a pattern needs logicalType string.")
        valid = None if values is None else _literals(where, logical, values)
        expectation = _in_set(name, valid or ()) if pattern is None else _valid(where, name, valid, pattern)
        return _value_rule(where, name, logical, "are not valid", expectation)
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
    physical = {prop.name: _name(prop) for prop in table.properties or []}
    columns = _some(where, "properties", names)
    for column in columns:
        if column not in physical:
            raise ContractFault(f"{where}: {column} is not a property of the contract.")
    return tuple(physical[column] for column in columns)


def _query_rule(where: str, item: DataQuality, name: str | None, table: SchemaObject) -> Rule:
    if not item.query:
        raise ContractFault(f"{where}: quality of type sql must have a query.")
    fill = {key: _quoted(_table_name(table)) for key in ("table", "object", "schema", "model")}
    if name is not None:
        fill |= {key: _quoted(name) for key in ("column", "property", "field")}
    query = re.sub(r"\$?\{(\w+)\}", lambda match: fill.get(match[1], match[0]), item.query)
    columns = () if name is None else (name,)
    answer = Expectation("expect_query_to_answer_one_value", (("query", query),))
    return Rule(where, "query", "the query answered", columns, expectation=answer)


def _table_name(table: SchemaObject) -> str:
    return table.physicalName or table.name or "table"


def _quoted(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'


# Checking


@dataclass(frozen=True)
class _Count:
    """What the engine found for one expectation; `fault` names the exception when it found nothing."""

    unexpected: int | None = None
    rows: int | None = None
    missing: int | None = None
    observed: Any = None
    fault: str | None = None


def check_contract(contract: OpenDataContractStandard, parquet: Path) -> tuple[RuleResult, ...]:
    """One result for each of `compile_rules(contract)`, in its order, on the rows of `parquet`.

    What the file's own schema answers (presence, type) needs no query; everything else is one Great
    Expectations validation, whose metrics share their scans. An unreadable file raises.
    """
    import pyarrow.parquet

    rules = compile_rules(contract)
    schema = pyarrow.parquet.read_schema(parquet)
    settled = {rule.rule: result for rule in rules if (result := _settle_by_schema(rule, schema))}
    pending = [rule for rule in rules if rule.rule not in settled]
    if pending:
        counts = _count(_the_object(contract), parquet, schema, pending)
        settled |= {rule.rule: _judge(rule, counts[rule.expectation]) for rule in pending if rule.expectation}
    return tuple(settled[rule.rule] for rule in rules)


def _result(rule: Rule, outcome: RuleOutcome, reason: str, count: _Count | None = None) -> RuleResult:
    unexpected, rows = (count.unexpected, count.rows) if count else (None, None)
    return RuleResult(rule.rule, rule.column, outcome, rule.blocking, unexpected, rows, reason)


def _settle_by_schema(rule: Rule, schema: "pa.Schema") -> RuleResult | None:
    """The result of a rule that the file's schema decides, or None."""
    absent = [column for column in rule.columns if column not in schema.names]
    if rule.kind == "present":
        outcome = RuleOutcome.UNMET if absent else RuleOutcome.MET
        return _result(rule, outcome, f"{rule.column} {'is not' if absent else 'is'} in the file, must be")
    if absent:
        return _result(rule, RuleOutcome.NOT_EVALUATED, f"{absent[0]} is not in the file")
    if rule.kind == "type":
        return _settle_type(rule, schema)
    if rule.kind == "typed values" and _retyped(rule, schema):
        actual = schema.field(rule.columns[0]).type
        return _result(rule, RuleOutcome.NOT_EVALUATED, f"{rule.column} is {actual}, declared {rule.logical_type}")
    return None


def _settle_type(rule: Rule, schema: "pa.Schema") -> RuleResult:
    outcome = RuleOutcome.UNMET if _retyped(rule, schema) else RuleOutcome.MET
    actual = schema.field(rule.columns[0]).type
    return _result(rule, outcome, f"{rule.column} is {actual} in the file, must be {rule.logical_type}")


def _retyped(rule: Rule, schema: "pa.Schema") -> bool:
    """Whether the column's type contradicts the declared one; a column of NULLs without a type does not."""
    import pyarrow.types as is_

    actual = schema.field(rule.columns[0]).type
    if is_.is_dictionary(actual):
        actual = actual.value_type
    accepts: Mapping[str, tuple[Callable[[Any], bool], ...]] = {
        "string": (is_.is_string, is_.is_large_string, is_.is_string_view),
        "integer": (is_.is_integer,),
        "number": (is_.is_integer, is_.is_floating, is_.is_decimal),
        "boolean": (is_.is_boolean,),
        "date": (is_.is_date,),
        "timestamp": (is_.is_timestamp,),
        "time": (is_.is_time,),
    }
    if rule.logical_type is None or is_.is_null(actual):
        return False
    return not any(accept(actual) for accept in accepts[rule.logical_type])


def _judge(rule: Rule, count: _Count) -> RuleResult:
    if count.fault is not None:
        reason = f"the check itself failed ({count.fault}), so nothing is known"
        return replace(_result(rule, RuleOutcome.NOT_EVALUATED, reason), tool_failed=True)
    if rule.kind in ("row count", "query"):
        return _judge_value(rule, count.observed)
    return _judge_rows(rule, count)


def _judge_value(rule: Rule, observed: Any) -> RuleResult:
    if observed is None:
        return _result(rule, RuleOutcome.NOT_EVALUATED, "the query answered no single value")
    number = isinstance(observed, int | float | Decimal) and not isinstance(observed, bool)
    if not number or not math.isfinite(observed):
        return _result(rule, RuleOutcome.NOT_EVALUATED, "the query answered something that is no number")
    outcome = RuleOutcome.MET if rule.demand.met_by(observed) else RuleOutcome.UNMET
    said = f"{observed} rows" if rule.kind == "row count" else f"the query answered {float(observed):.10g}"
    return _result(rule, outcome, f"{said}, {rule.demand}")


def _judge_rows(rule: Rule, found: _Count) -> RuleResult:
    if found.rows == 0:
        return _nothing_to_look_at(rule, found, "the file has no rows")
    if found.unexpected is None or found.rows is None:
        gave_none = _result(rule, RuleOutcome.NOT_EVALUATED, "the engine gave no count")
        return replace(gave_none, tool_failed=True)
    looked_at = found.rows if _looks_at_null(rule) else found.rows - (found.missing or 0)
    count = replace(found, rows=looked_at)
    if looked_at == 0:
        return _nothing_to_look_at(rule, count, "every value is NULL")
    share = 100 * found.unexpected / looked_at
    outcome = (
        RuleOutcome.MET if rule.demand.met_by(share if rule.demand.percent else found.unexpected) else RuleOutcome.UNMET
    )
    observed = f" ({share:.4g} %)" if rule.demand.percent else ""
    return _result(
        rule,
        outcome,
        f"{found.unexpected} of {looked_at} rows{observed} {rule.offence}, {rule.demand}",
        count,
    )


def _nothing_to_look_at(rule: Rule, count: _Count, why: str) -> RuleResult:
    return _result(rule, RuleOutcome.NOT_EVALUATED, f"{why}, so there was nothing to look at", count)


def _looks_at_null(rule: Rule) -> bool:
    return rule.kind == "nulls" or (
        rule.expectation is not None and rule.expectation.type == "expect_column_values_to_be_given"
    )


# Counting, with Great Expectations on DuckDB


def _count(table: SchemaObject, parquet: Path, schema: "pa.Schema", rules: Sequence[Rule]) -> dict[Expectation, _Count]:
    """What the engine found for each distinct expectation.

    A metric that fails can take along those it shares a query with. Great Expectations 1.24.1 asks those
    again by itself, earlier ones did not: what failed in company is asked again alone, whoever broke it.
    """
    asked = list(dict.fromkeys(rule.expectation for rule in rules if rule.expectation is not None))
    types = {rule.columns[0]: rule.logical_type for rule in rules if rule.column and rule.logical_type}
    _import_great_expectations()
    with _quiet(), _batch(table, parquet, schema, types) as (batch, aliases):
        counts = _validate(batch, asked, aliases)
        failed = [expectation for expectation in asked if counts[expectation].fault]
        if len(asked) > 1:
            for expectation in failed:
                counts |= _validate(batch, [expectation], aliases)
    return counts


def _import_great_expectations() -> Any:
    """Great Expectations, imported where it is used (it takes seconds), and without its analytics."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"  # read when it is imported
    with warnings.catch_warnings():
        # Great Expectations 1.24 imports two private modules of `re`, which warn from Python 3.11 on.
        warnings.filterwarnings("ignore", "module 'sre_(constants|parse)' is deprecated", DeprecationWarning)
        import great_expectations
    return great_expectations


@contextmanager
def _quiet() -> Iterator[None]:
    """No log lines of the tools: an engine's error message can quote the value that it tripped over."""
    names = [name for name in logging.root.manager.loggerDict if name.startswith(_TALKATIVE)]
    loggers = [logging.getLogger(name) for name in {*_TALKATIVE, *names}]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@contextmanager
def _batch(
    table: SchemaObject, parquet: Path, schema: "pa.Schema", types: Mapping[str, str]
) -> Iterator[tuple[Any, dict[str, str]]]:
    """The file as a Great Expectations batch, and the name by which the batch knows each column.

    Great Expectations cannot address a column with a quotation mark in its name, so the batch has plain
    names (c0, c1, …); the contract's own queries see the real ones. Nothing is written to disk but what
    DuckDB spills, into a folder that is gone afterwards.
    """
    import sqlalchemy as sa

    from checks import duckdb_dialect

    aliases = {name: f"c{index}" for index, name in enumerate(schema.names)}
    url = f"{duckdb_dialect.DIALECT}:///:memory:contract_{next(_sessions)}"
    engine = sa.create_engine(url, poolclass=sa.StaticPool)
    with tempfile.TemporaryDirectory(prefix="aims-contract-") as spill:
        with engine.connect() as connection:
            for statement in _session_statements(table, parquet, schema, types, aliases, Path(spill)):
                connection.exec_driver_sql(statement)
            connection.commit()
        source = _context().data_sources.add_sql("duckdb", connection_string=url, create_temp_table=False)
        asset = source.add_table_asset("batch", table_name=_ALIASED)
        try:
            yield asset.add_batch_definition_whole_table("whole").get_batch(), aliases
        finally:
            source.get_execution_engine().engine.dispose()
            source.get_engine().dispose()
            engine.dispose()


def _context() -> Any:
    """A Great Expectations context that lives in memory: no docs site, no progress bars, no analytics."""
    import great_expectations as gx
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    config = DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        progress_bars=ProgressBarsConfig(globally=False),
        analytics_enabled=False,
    )
    return gx.get_context(mode="ephemeral", project_config=config)


def _session_statements(
    table: SchemaObject,
    parquet: Path,
    schema: "pa.Schema",
    types: Mapping[str, str],
    aliases: Mapping[str, str],
    spill: Path,
) -> Iterator[str]:
    """The two views of the file, and then no access to anything else: a contract's query is not ours."""
    source = f"read_parquet({_text(str(parquet))})"  # a [ or * in the path is no pattern where the file exists
    # by position: DuckDB's names do not tell "a" from "A"
    source_aliased = f"{source} AS source({', '.join(aliases[name] for name in schema.names)})"
    columns = ", ".join(f"{_read(field, aliases[field.name], types)} AS {aliases[field.name]}" for field in schema)
    yield f"SET temp_directory = {_text(str(spill))}"
    yield f"CREATE VIEW {_ALIASED} AS SELECT {columns} FROM {source_aliased}"
    yield f"CREATE VIEW {_quoted(_table_name(table))} AS SELECT * FROM {source}"
    yield f"SET allowed_paths = [{_text(str(parquet))}]"
    yield "SET enable_external_access = false"
    yield "SET lock_configuration = true"


def _read(field: "pa.Field", name: str, types: Mapping[str, str]) -> str:
    """A column as the rules see it: NaN is NULL, and a column without type or value has the declared type."""
    import pyarrow.types as is_

    if is_.is_floating(field.type):
        return f"CASE WHEN NOT isnan({name}) THEN {name} END"
    if is_.is_null(field.type):
        return f"CAST({name} AS {DUCKDB_TYPES[types.get(field.name, 'string')]})"
    return name


def _text(literal: str) -> str:
    return "'" + literal.replace("'", "''") + "'"


_COUNTS_ONLY = {"result_format": "BASIC", "exclude_unexpected_values": True, "partial_unexpected_count": 0}
"""With 0 Great Expectations asks for offending values with LIMIT 0: none leaves the engine."""


def _validate(batch: Any, asked: Sequence[Expectation], aliases: Mapping[str, str]) -> dict[Expectation, _Count]:
    import great_expectations as gx
    from great_expectations.expectations.registry import get_expectation_impl

    suite = gx.ExpectationSuite(name="contract")
    for index, expectation in enumerate(asked):
        kwargs = {key: _aliased(key, value, aliases) for key, value in expectation.kwargs}
        suite.add_expectation(get_expectation_impl(expectation.type)(**kwargs, meta={"asked": index}))
    answers = batch.validate(suite, result_format=_COUNTS_ONLY).results
    return {asked[answer.expectation_config.meta["asked"]]: _read_answer(answer) for answer in answers}


def _aliased(key: str, value: Any, aliases: Mapping[str, str]) -> Any:
    if key == "column":
        return aliases[value]
    if key == "column_list":
        return [aliases[name] for name in value]
    return list(value) if isinstance(value, tuple) else value


def _read_answer(answer: Any) -> _Count:
    fault = _fault(answer.exception_info)
    if fault is not None:
        return _Count(fault=fault)
    found = answer.result
    return _Count(
        unexpected=found.get("unexpected_count"),
        rows=found.get("element_count"),
        missing=found.get("missing_count"),
        observed=found.get("observed_value"),
    )


def _fault(info: Mapping[str, Any] | None) -> str | None:
    """The class of the exception in GX's `exception_info`, or None when nothing was raised.

    It is either one record or a record for each failed metric.
    """
    if not info:
        return None
    records = [info] if "raised_exception" in info else list(info.values())
    raised = [record for record in records if record["raised_exception"]]
    return _exception_class(str(raised[0]["exception_traceback"])) if raised else None


def _exception_class(traceback: str) -> str:
    """The innermost exception's class. Only a name that is a class's is repeated: messages quote values."""
    import builtins

    import duckdb

    for name in re.findall(r"^(?:[\w.]+\.)?(\w+)(?::|$)", traceback, flags=re.MULTILINE):
        for module in (duckdb, builtins):
            candidate = getattr(module, name, None)
            if isinstance(candidate, type) and issubclass(candidate, BaseException):
                return str(name)
    return "an error of the engine"
