"""The rules that a contract's columns carry themselves: presence, type, flags, keys, options and enum.

Decided here: which attribute of an ODCS property becomes which rule, which options a logical type may have,
and which contradict each other. What is not supported is refused, never left out.

The `quality` of a column or of the table is compiled in `checks.quality_rules`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from open_data_contract_standard.model import SchemaProperty

from checks.rules import (
    DUCKDB_TYPES,
    ContractFault,
    Expectation,
    Rule,
    in_set,
    literals,
    not_null,
    unique,
    valid_values,
    value_rule,
)

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


def column_name(prop: SchemaProperty) -> str:
    """The column's name in the file."""
    name = prop.physicalName or prop.name
    if not name:
        raise ContractFault("schema: a property must have a name.")
    return name


def column_rules(prop: SchemaProperty) -> Iterator[Rule]:
    """The rules of one column, without those of its `quality`."""
    name, logical = column_name(prop), prop.logicalType
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
        values = literals(name, logical, [item.value for item in prop.enum])
        yield value_rule(f"{name}: enum", name, logical, "are not one of the declared values", in_set(name, values))


def _flag_rules(prop: SchemaProperty, name: str) -> Iterator[Rule]:
    if prop.required or prop.primaryKey:
        yield Rule(f"{name}: required", "nulls", "are NULL", (name,), expectation=not_null(name))
    if prop.unique:
        yield Rule(f"{name}: unique", "values", "occur more than once", (name,), expectation=unique((name,)))


def key_rules(properties: Sequence[SchemaProperty]) -> Iterator[Rule]:
    """Uniqueness of the primary key, in the order of its positions; its NULLs are `required`'s affair."""
    keys = sorted((p for p in properties if p.primaryKey), key=lambda p: p.primaryKeyPosition or 0)
    if keys:
        names = tuple(column_name(p) for p in keys)
        yield Rule(
            "primary key: unique",
            "values",
            "have a key that occurs more than once",
            names,
            expectation=unique(names),
        )


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
        yield value_rule(f"{name}: range", name, logical, "are outside the range", _between(name, logical, options))
    if set(options) & {"minLength", "maxLength"}:
        kwargs = (
            ("column", name),
            ("min_value", options.get("minLength")),
            ("max_value", options.get("maxLength")),
        )
        lengths = Expectation("expect_column_value_lengths_to_be_between", kwargs)
        yield value_rule(f"{name}: length", name, logical, "are too short or too long", lengths)
    if "pattern" in options:
        yield value_rule(
            f"{name}: pattern",
            name,
            logical,
            "do not match the pattern",
            valid_values(name, name, None, options["pattern"]),
        )


def _between(name: str, logical: str | None, options: Mapping[str, Any]) -> Expectation:
    for plain, strict in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if plain in options and strict in options:
            raise ContractFault(f"{name}: {plain} and {strict} exclude each other.")
    given = {key: literals(name, logical, [value])[0] for key, value in options.items() if key in LIMITS}
    kwargs: dict[str, Any] = {"column": name}
    for key, value in given.items():
        kwargs["min_value" if key.endswith("inimum") else "max_value"] = value
        if key.startswith("exclusive"):
            kwargs["strict_min" if key.endswith("inimum") else "strict_max"] = True
    return Expectation("expect_column_values_to_be_between", tuple(kwargs.items()))
