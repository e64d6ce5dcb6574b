"""The rules that a contract's columns carry themselves: presence, type, flags, keys, options and enum.

Decided here: which attribute of an ODCS property becomes which rule, which options a logical type may have,
and which contradict each other. What is not supported is refused, never left out.

`format`, `timezone` and `defaultTimezone` of dates and times say how a source writes them and are documentation:
in the lake they are dates and times, in UTC. Of `physicalType`, what a type holds is checked; the name is not, for
the lake has types of its own. `semanticType`, `classification` and partitions are documentation.

Fields inside an object are columns of their own here (`address.street`), the items of an array are not: their type
is checked, and a rule on their values is refused. The `quality` of a column or of the table is compiled in
`checks.quality_rules`, relationships in `checks.relationships`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from open_data_contract_standard.model import SchemaProperty

from checks import formats
from checks.rules import (
    LOGICAL_TYPES,
    ContractFault,
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

LIMITS = ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum")
OPTIONS: Mapping[str, frozenset[str]] = {
    "string": frozenset({"minLength", "maxLength", "pattern", "format"}),
    "integer": frozenset({*LIMITS, "format", "multipleOf"}),
    "number": frozenset({*LIMITS, "format", "multipleOf"}),
    "date": frozenset({*LIMITS, "format"}),
    "timestamp": frozenset({*LIMITS, "format", "timezone", "defaultTimezone"}),
    "time": frozenset({*LIMITS, "format", "timezone", "defaultTimezone"}),
    "boolean": frozenset(),
    "array": frozenset({"minItems", "maxItems", "uniqueItems"}),
    "object": frozenset({"minProperties", "maxProperties", "required"}),
}
ITEMS = "[]"
"""In a path, the items of an array."""


def column_name(prop: SchemaProperty) -> str:
    """The column's name in the file."""
    name = prop.physicalName or prop.name
    if not name:
        raise ContractFault("schema: a property must have a name.")
    return name


def column_rules(prop: SchemaProperty) -> Iterator[Rule]:
    """The rules of one column, without those of its `quality` and of the fields inside it."""
    name, logical = column_name(prop), prop.logicalType
    if logical is not None and logical not in LOGICAL_TYPES:
        raise ContractFault(f"{name}: logicalType {logical} is not supported; use one of {', '.join(LOGICAL_TYPES)}.")
    _must_hold_what_it_says(prop, name)
    if prop.required or prop.primaryKey:
        yield Rule(f"{name}: present", "present", "is not in the file", (name,), dimension="completeness")
    if logical is not None:
        yield Rule(f"{name}: type", "type", f"is not {logical}", (name,), logical_type=logical, dimension="conformity")
    for rule in _flag_rules(prop, name):
        yield replace(rule, logical_type=logical)
    yield from _option_rules(prop, name)
    yield from _physical_rules(prop, name)
    if prop.enum:
        values = literals(name, logical, [item.value for item in prop.enum])
        yield value_rule(f"{name}: enum", name, logical, "are not one of the declared values", in_set(name, values))


def _must_hold_what_it_says(prop: SchemaProperty, name: str) -> None:
    if prop.map:
        raise ContractFault(f"{name}: map is not supported; declare an object with its properties.")
    for key, logical in (("properties", "object"), ("items", "array")):
        if getattr(prop, key) and prop.logicalType != logical:
            raise ContractFault(f"{name}: {key} need logicalType {logical}, got {prop.logicalType or 'none'}.")


def _flag_rules(prop: SchemaProperty, name: str) -> Iterator[Rule]:
    if prop.required or prop.primaryKey:
        expected = not_null(name)
        yield Rule(f"{name}: required", "nulls", "are NULL", (name,), expectation=expected, dimension="completeness")
    if prop.unique:
        if prop.logicalType in ("array", "object"):
            raise ContractFault(f"{name}: unique is not supported for {prop.logicalType}.")
        yield Rule(
            f"{name}: unique",
            "values",
            "occur more than once",
            (name,),
            expectation=unique((name,)),
            dimension="uniqueness",
        )


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
            dimension="uniqueness",
        )


# Inside a column


def inner_properties(prop: SchemaProperty) -> Iterator[tuple[SchemaProperty, tuple[str, ...]]]:
    """The fields inside an object, at any depth, each under its whole name, with the path to it."""
    yield from _inside(prop, (column_name(prop),))


def _inside(prop: SchemaProperty, path: tuple[str, ...]) -> Iterator[tuple[SchemaProperty, tuple[str, ...]]]:
    for inner in prop.properties or ():
        here = (*path, column_name(inner))
        if inner.primaryKey:
            raise ContractFault(f"{'.'.join(here)}: a field inside an object cannot be a primary key.")
        yield inner.model_copy(update={"name": ".".join(here), "physicalName": None}), here
        yield from _inside(inner, here)


def field_rules(prop: SchemaProperty, path: tuple[str, ...]) -> Iterator[Rule]:
    """The rules of a field inside an object: it is required where the object is there."""
    outer = ".".join(path[:-1])
    for rule in column_rules(prop):
        if rule.kind == "nulls" and rule.expectation is not None:
            kwargs = (*rule.expectation.kwargs, ("where_given", outer))
            rule = replace(rule, expectation=Expectation(rule.expectation.type, kwargs))
        yield replace(rule, path=path)


def item_rules(prop: SchemaProperty, path: tuple[str, ...]) -> Iterator[Rule]:
    """The types of an array's items and of what is inside them; any other rule on them is refused."""
    item = prop.items
    if item is None:
        return
    name, here = f"{'.'.join(path)}{ITEMS}", (*path, ITEMS)
    yield from _type_of_item(item, name, here)
    yield from item_rules(item.model_copy(update={"name": name, "physicalName": None}), here)
    for inner in item.properties or ():
        yield from _type_of_item(inner, f"{name}.{column_name(inner)}", (*here, column_name(inner)))
        if inner.properties or inner.items:
            raise ContractFault(f"{name}.{column_name(inner)}: what is nested inside items is not supported.")


def _type_of_item(prop: SchemaProperty, name: str, path: tuple[str, ...]) -> Iterator[Rule]:
    asked = [key for key in ("required", "unique", "logicalTypeOptions", "enum", "quality") if getattr(prop, key)]
    if asked or prop.relationships:
        raise ContractFault(f"{name}: {(*asked, 'relationships')[0]} is not supported for the items of an array.")
    for rule in column_rules(prop.model_copy(update={"name": name, "physicalName": None, "physicalType": None})):
        yield replace(rule, path=path)


# Options


def _option_rules(prop: SchemaProperty, name: str) -> Iterator[Rule]:
    """What `logicalTypeOptions` ask for."""
    options = {key: value for key, value in (prop.logicalTypeOptions or {}).items() if value is not None}
    logical = prop.logicalType
    unknown = sorted(set(options) - (OPTIONS[logical] if logical else frozenset()))
    if unknown:
        raise ContractFault(
            f"{name}: logicalTypeOptions {unknown[0]} is not supported for {logical or 'no logicalType'}."
        )
    if logical == "object":
        yield from _object_rules(name, options)
    elif logical == "array":
        yield from _array_rules(name, options)
    else:
        yield from _value_rules(name, logical, options)


def _value_rules(name: str, logical: str | None, options: Mapping[str, Any]) -> Iterator[Rule]:
    if set(options) & set(LIMITS):
        yield value_rule(f"{name}: range", name, logical, "are outside the range", _between(name, logical, options))
    if set(options) & {"minLength", "maxLength"}:
        within = lengths(name, *(_count(name, key, options) for key in ("minLength", "maxLength")))
        yield value_rule(f"{name}: length", name, logical, "are too short or too long", within)
    if "pattern" in options:
        matching = valid_values(name, name, None, options["pattern"])
        yield value_rule(f"{name}: pattern", name, logical, "do not match the pattern", matching)
    if "multipleOf" in options:
        yield _multiple_rule(name, logical, options["multipleOf"])
    if "format" in options:
        yield from _format_rules(name, logical, options["format"])


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
    low, high = kwargs.get("min_value"), kwargs.get("max_value")
    if low is not None and high is not None and low > high:
        raise ContractFault(f"{name}: the minimum {low} is greater than the maximum {high}.")
    if logical != "time":
        return Expectation("expect_column_values_to_be_between", tuple(kwargs.items()))
    # Great Expectations knows no limit that is a time of the day; ours takes it as text.
    texts = ((key, value.isoformat() if key in ("min_value", "max_value") else value) for key, value in kwargs.items())
    return Expectation("expect_column_values_to_be_in_time", tuple(texts))


def _multiple_rule(name: str, logical: str | None, base: Any) -> Rule:
    if not is_number(base) or base <= 0:
        raise ContractFault(f"{name}: multipleOf must be a number above 0, got {base!r}.")
    multiple = Expectation("expect_column_values_to_be_multiple_of", (("column", name), ("base", base)))
    return value_rule(f"{name}: multiple", name, logical, f"are no multiple of {base}", multiple)


def _format_rules(name: str, logical: str | None, form: Any) -> Iterator[Rule]:
    """The format of strings and numbers; that of dates and times is how the source writes them."""
    if not isinstance(form, str):
        raise ContractFault(f"{name}: format must be text, got {form!r}.")
    offence = f"are no {form}"
    if logical == "string" and form not in formats.NOT_SEEN:
        if form not in formats.PATTERNS:
            known = ", ".join(sorted({*formats.PATTERNS, *formats.NOT_SEEN}))
            raise ContractFault(f"{name}: format {form} is not supported for string; use one of {known}.")
        matching = valid_values(name, name, None, formats.PATTERNS[form])
        yield value_rule(f"{name}: format", name, logical, offence, matching)
    if logical in ("integer", "number"):
        limits = formats.integer_range(form)
        if limits is None and (logical == "integer" or form not in formats.FLOATS):
            known = "i8 to i128 and u8 to u128" + (", f32 and f64" if logical == "number" else "")
            raise ContractFault(f"{name}: format {form} is not supported for {logical}; use one of {known}.")
        within = between(name, -formats.FLOATS[form], formats.FLOATS[form]) if limits is None else _below(name, *limits)
        yield value_rule(f"{name}: format", name, logical, offence, within)


def _below(name: str, low: int, above: int) -> Expectation:
    """At least `low`, and below `above`; where a float cannot tell the two apart, at most that."""
    strict = above < 2**53
    return Expectation(
        "expect_column_values_to_be_between", (*between(name, low, above).kwargs, ("strict_max", strict))
    )


def _array_rules(name: str, options: Mapping[str, Any]) -> Iterator[Rule]:
    fewest, most = (_count(name, key, options) for key in ("minItems", "maxItems"))
    if fewest is not None or most is not None:
        counted = Expectation(
            "expect_column_values_to_have_items", (("column", name), ("fewest", fewest), ("most", most))
        )
        yield value_rule(f"{name}: items", name, "array", "have too few or too many items", counted)
    if options.get("uniqueItems"):
        distinct = Expectation("expect_column_values_to_have_items", (("column", name), ("distinct", True)))
        yield value_rule(f"{name}: unique items", name, "array", "have an item twice", distinct, "uniqueness")


def _object_rules(name: str, options: Mapping[str, Any]) -> Iterator[Rule]:
    """A file's objects have all the same fields: how many, and which, is its schema's to say."""
    fewest, most = (_count(name, key, options) for key in ("minProperties", "maxProperties"))
    if fewest is not None or most is not None:
        kwargs = (("fewest", fewest), ("most", most))
        limits = Expectation("fields", kwargs)
        yield Rule(
            f"{name}: properties",
            "fields",
            "properties",
            (name,),
            expectation=limits,
            logical_type="object",
            dimension="conformity",
        )
    for inner in options.get("required") or ():
        yield from field_rules(SchemaProperty(name=f"{name}.{inner}", required=True), (name, str(inner)))


def _count(name: str, key: str, options: Mapping[str, Any]) -> int | None:
    value = options.get(key)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
        raise ContractFault(f"{name}: {key} must be a whole number from 0 on, got {value!r}.")
    return value


def _physical_rules(prop: SchemaProperty, name: str) -> Iterator[Rule]:
    """What the type in the source can hold, where its name says so: a longer text was never in a VARCHAR(2)."""
    physical, logical = prop.physicalType or "", prop.logicalType
    rule, offence = f"{name}: physical type", f"do not fit into {physical}"
    longest = formats.physical_length(physical)
    limits, digits = formats.physical_range(physical), formats.physical_digits(physical)
    if logical == "string" and longest is not None:
        yield value_rule(rule, name, logical, offence, lengths(name, None, longest))
    if logical in ("integer", "number") and limits is not None:
        yield value_rule(rule, name, logical, offence, _below(name, *limits))
    if logical in ("integer", "number") and digits is not None:
        within = _below(name, -(10**digits), 10**digits)
        strict = Expectation(within.type, (*within.kwargs, ("strict_min", True)))
        yield value_rule(rule, name, logical, offence, strict)
