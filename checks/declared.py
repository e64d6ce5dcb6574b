"""Declarations with their contract compiled: a rule that could not run is a fault before anything runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from checks.preparation import preparation_faults
from governance.declared.declarations import Declaration, Declarations, load_all
from governance.faults import Fault


def load_checked(folder: Path) -> Declarations:
    """All systems below `folder`; a contract that does not compile is a fault of its system."""
    found = load_all(folder)
    sound, faults = {}, dict(found.faults)
    for name, declaration in found.sound.items():
        fault = contract_fault(declaration)
        wrong = ([fault] if fault else []) + preparation_faults(declaration)
        if wrong:
            faults[name] = tuple(wrong)
        else:
            sound[name] = declaration
    return replace(found, sound=sound, faults=faults)


def contract_fault(declaration: Declaration) -> Fault | None:
    """What keeps the contract from being checked, or None."""
    from checks.contract import compile_rules, read_contract
    from checks.rules import ContractFault
    from checks.service_levels import levels_of

    try:
        contract = read_contract(declaration.contract_text)
        compile_rules(contract)
        levels_of(contract)
    except (ContractFault, ValueError) as error:
        return Fault(f"{declaration.id}/contract.yaml", 1, str(error), "Mend the contract.")
    return None
