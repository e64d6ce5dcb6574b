"""Contracts of the standard: they are read as they are, and compile to the same rules once they were written anew."""

from __future__ import annotations

import yaml

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
    again = yaml.safe_dump(contract.model_dump(by_alias=True, exclude_unset=True), sort_keys=False)
    if compile_rules(read_contract(again)) == rules:
        trip.equal = len(rules)
    else:
        trip.unequal.append("written anew, it has other rules")
    return trip
