"""Contracts of the standard: they are read as they are, and compile to the same rules once they were written anew."""

from __future__ import annotations

import yaml
from open_data_contract_standard.model import OpenDataContractStandard

from checks.contract import compile_rules, read_contract
from checks.rules import ContractFault
from tests.peers.trip import Trip


def contract_trip(text: str) -> Trip:
    """What a contract asks for are its rules of quality, its service levels, and what its columns promise."""
    trip = Trip()
    try:
        contract = read_contract(text)
        rules = compile_rules(contract)
    except (ContractFault, ValueError) as why:
        trip.items, trip.refused = 1, str(why)
        return trip
    trip.items = trip.carried = len(rules)
    for table in (contract.schema_ or [])[1:]:
        further = _promises_of(contract.model_copy(update={"schema_": [table]}))
        trip.items += further
        trip.not_carried["a further table is a lookup: nothing is asked of it"] += further
    again = yaml.safe_dump(contract.model_dump(by_alias=True, exclude_unset=True), sort_keys=False)
    if compile_rules(read_contract(again)) == rules:
        trip.equal = len(rules)
    else:
        trip.unequal.append("written anew, it has other rules")
    return trip


def _promises_of(contract: OpenDataContractStandard) -> int:
    """How many rules a further table would have, were it the contract's first; one, where it cannot be told."""
    try:
        return len(compile_rules(contract))
    except ContractFault:
        return 1
