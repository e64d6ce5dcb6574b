"""A data contract (Open Data Contract Standard 3.1): read from its text, and compiled to rules.

Decided here: which documents are contracts, which of their tables is the batch's, and that each of their claims
becomes one rule with an id of its own. The first object of `schema` is the batch; the others are lookups, whose
columns a relationship may name. Of a lookup itself nothing is asked.

A column's own attributes are compiled in `checks.column_rules`, `quality` in `checks.quality_rules`, relationships
in `checks.relationships`, service levels in `checks.service_levels`; what a rule is stands in `checks.rules`. The
rules are checked on a file in `checks.expectations`. Provenance, personal data and the step from a result to a
Dagster check are elsewhere.
"""

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import yaml
from open_data_contract_standard.model import OpenDataContractStandard, SchemaObject, SchemaProperty
from pydantic import ValidationError

from checks.column_rules import column_name, column_rules, field_rules, inner_properties, item_rules, key_rules
from checks.quality_rules import quality_rules
from checks.relationships import property_relations, table_relations
from checks.rules import ContractFault, Rule

# Reading


def read_contract(text: str) -> OpenDataContractStandard:
    """The contract in `text` (YAML). ValueError, in one line, when it is no document of ODCS 3.1, or of 3.0.

    A document of 3.0 is read as one of 3.1, which took nothing away; its rules that 3.1 has no metric for are refused.

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
    if not re.fullmatch(r"v3\.[01]\.\d+", str(version)):
        raise ValueError(f"apiVersion must be v3.1.x or v3.0.x (Open Data Contract Standard), got {version!r}.")
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
    table = the_table(contract)
    properties = table.properties or []
    rules: list[Rule] = []
    for prop in properties:
        rules += column_rules(prop)
        rules += quality_rules(prop.quality, prop, table)
        rules += property_relations(prop, contract)
        rules += _inner_rules(prop, table)
    rules += key_rules(properties)
    rules += quality_rules(table.quality, None, table)
    rules += table_relations(contract)
    return _distinct(rules)


def _inner_rules(prop: SchemaProperty, table: SchemaObject) -> Iterator[Rule]:
    """Rules of what is inside a column: fields of an object, items of an array."""
    yield from item_rules(prop, (column_name(prop),))
    for inner, path in inner_properties(prop):
        yield from field_rules(inner, path)
        yield from quality_rules(inner.quality, inner, table, path)
        yield from item_rules(inner, path)
        if inner.relationships:
            raise ContractFault(f"{inner.name}: relationships of a field inside an object are not supported.")


def the_table(contract: OpenDataContractStandard) -> SchemaObject:
    """The table that the contract is about, the first of its schema, its columns with distinct names."""
    objects = contract.schema_ or []
    if not objects:
        raise ContractFault("schema: must hold at least one object, got 0.")
    names = [column_name(prop) for prop in objects[0].properties or []]
    names += [inner.name or "" for prop in objects[0].properties or [] for inner, _ in inner_properties(prop)]
    for name in names:
        if names.count(name) > 1:
            raise ContractFault(f"{name}: declared {names.count(name)} times.")
    return objects[0]


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
