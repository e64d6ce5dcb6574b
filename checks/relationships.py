"""Relationships of a contract: values that must occur in another table of it, its lookup (a foreign key, ODCS 3.1).

Decided here: how a reference is written (`table.column` by names, `schema/ID/properties/ID` by ids), that both ends
have as many columns, and that a key with a NULL in it refers to nothing and breaks nothing. A reference into another
contract's file is refused: what is not declared here is not landed.

A rule is met where the values are found in the lookup; whether the lookup is there is `checks.expectations`' affair.
"""

from collections.abc import Iterator, Sequence

from open_data_contract_standard.model import OpenDataContractStandard, Relationship, SchemaObject, SchemaProperty

from checks.column_rules import column_name
from checks.rules import ContractFault, Expectation, Reference, Rule


def property_relations(prop: SchemaProperty, contract: OpenDataContractStandard) -> Iterator[Rule]:
    """The rules of the relationships that a column carries: what refers is the column itself."""
    name = column_name(prop)
    for relation in prop.relationships or ():
        if relation.from_ is not None:
            raise ContractFault(f"{name}: relationships of a property have no `from`: it is the property itself.")
        targets = _listed(name, relation.to)
        if len(targets) != 1:
            raise ContractFault(f"{name}: relationships of a property name one column in `to`, got {len(targets)}.")
        yield _rule(name, (name,), relation, contract)


def table_relations(contract: OpenDataContractStandard) -> Iterator[Rule]:
    """The rules of the relationships that the batch's table carries, composite keys among them."""
    table = (contract.schema_ or [])[0]
    for relation in table.relationships or ():
        if relation.from_ is None:
            raise ContractFault("table: a relationship of the table must have `from` and `to`.")
        if isinstance(relation.from_, list) != isinstance(relation.to, list):
            raise ContractFault("table: `from` and `to` of a relationship must both be lists, or both be one column.")
        found = [_resolved("table", one, contract) for one in _listed("table", relation.from_)]
        for other, column in found:
            if other is not table:
                what = f"{other.name}.{column}"
                raise ContractFault(f"table: `from` of a relationship must be a column of {table.name}, got {what}.")
        yield _rule("table", tuple(column for _, column in found), relation, contract)


def lookup_name(table: SchemaObject) -> str:
    """The name under which a lookup's source is declared and its rows are known to queries."""
    return table.name or table.physicalName or ""


def _rule(where: str, columns: tuple[str, ...], relation: Relationship, contract: OpenDataContractStandard) -> Rule:
    if relation.type not in (None, "foreignKey"):
        raise ContractFault(f"{where}: the type of a relationship must be foreignKey, got {relation.type!r}.")
    targets = [_resolved(where, one, contract) for one in _listed(where, relation.to)]
    tables = {lookup_name(table) for table, _ in targets}
    if len(tables) != 1 or len(targets) != len(columns):
        what = f"{len(columns)} columns to {len(targets)} of {len(tables)} tables"
        raise ContractFault(f"{where}: a relationship must lead to as many columns of one table, got {what}.")
    table = tables.pop()
    if targets[0][0] is (contract.schema_ or [])[0]:
        table = ""  # the batch itself
    goal = tuple(column for _, column in targets)
    shown = f"{lookup_name(targets[0][0])}.{' + '.join(goal)}"
    name = f"{where}: refers to {shown}" if where != "table" else f"{' + '.join(columns)}: refers to {shown}"
    kwargs = (("column_list", columns), ("table", table), ("target_list", goal))
    return Rule(
        f"{where}: {relation.id}" if relation.id else name,
        "reference",
        f"refer to nothing in {shown}",
        columns,
        expectation=Expectation("expect_columns_to_refer", kwargs),
        dimension="consistency",
        reference=Reference(table, goal),
    )


def _listed(where: str, reference: str | Sequence[str] | None) -> list[str]:
    found = [reference] if isinstance(reference, str) else list(reference or ())
    if not found:
        raise ContractFault(f"{where}: a relationship must have `to`.")
    return found


def _resolved(where: str, reference: str, contract: OpenDataContractStandard) -> tuple[SchemaObject, str]:
    """The table and the column that a reference names.

    Raises
    ------
    ContractFault
        It leads out of the contract, into an object, or nowhere.
    """
    if "#" in reference:
        raise ContractFault(f"{where}: {reference!r} leads to another contract; declare its table here, as a lookup.")
    by_id = "/" in reference
    parts = reference.strip("/").split("/") if by_id else reference.split(".")
    if by_id:
        if len(parts) % 2 or parts[0] != "schema" or any(word != "properties" for word in parts[2::2]):
            raise ContractFault(f"{where}: {reference!r} must be written schema/ID/properties/ID.")
        parts = parts[1::2]
    tables = [table for table in contract.schema_ or () if parts[0] in _called(table, by_id)]
    if len(parts) > 2:
        raise ContractFault(f"{where}: {reference!r} leads into an object, which is not supported.")
    found = [
        (table, column_name(prop))
        for table in tables
        for prop in table.properties or ()
        if len(parts) == 2 and parts[1] in _called(prop, by_id)
    ]
    if len(found) != 1:
        raise ContractFault(f"{where}: {reference!r} is {len(found)} columns of the contract, must be 1.")
    return found[0]


def _called(item: SchemaObject | SchemaProperty, by_id: bool) -> set[str]:
    return {item.id or ""} - {""} if by_id else {item.name or "", item.physicalName or ""} - {""}
