"""A data contract (Open Data Contract Standard 3.1): read from its text, and compiled to rules.

Decided here: which documents are contracts, and that each of their claims becomes one rule with an id of its
own. Relationships, formats of dates and numbers, and classifications are documentation.

A column's own attributes are compiled in `checks.column_rules`, `quality` in `checks.quality_rules`; what a
rule is stands in `checks.rules`. The rules are checked on a file in `checks.expectations`. Provenance,
personal data and the step from a result to a Dagster check are elsewhere.
"""

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import yaml
from open_data_contract_standard.model import OpenDataContractStandard, SchemaObject
from pydantic import ValidationError

from checks.column_rules import column_name, column_rules, key_rules
from checks.quality_rules import quality_rules
from checks.rules import ContractFault, Rule

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
    table = the_table(contract)
    properties = table.properties or []
    rules: list[Rule] = []
    for prop in properties:
        rules += column_rules(prop)
        rules += quality_rules(prop.quality, prop, table)
    rules += key_rules(properties)
    rules += quality_rules(table.quality, None, table)
    return _distinct(rules)


def the_table(contract: OpenDataContractStandard) -> SchemaObject:
    """The one table that the contract is about, its columns with distinct names."""
    objects = contract.schema_ or []
    if len(objects) != 1:
        raise ContractFault(f"schema: must hold exactly one object, got {len(objects)}.")
    names = [column_name(prop) for prop in objects[0].properties or []]
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
