"""Reads `data/organisation/` into checked objects; all faults at once, each with file and line (Clauses 4 to 6)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from governance import organisation_faults as faulty
from governance.applicability import Applicability
from governance.declarations import Declarations
from governance.documents import Document, shaped
from governance.duties import Roles
from governance.faults import DeclarationFaults, Fault, UsageFault
from governance.management import Deadlines, Management, Titled
from governance.objectives import Objectives
from governance.policy import Policy
from governance.risks import Risks

GUIDE = "docs/processes/policy-and-inventory.md"
SHIPPED = Path(__file__).resolve().parents[1] / "data" / "organisation"
# Name of a document, which is its file without the ending → its shape.
SHAPES: dict[str, type[Titled]] = {
    "policy": Policy,
    "risks": Risks,
    "objectives": Objectives,
    "applicability": Applicability,
    "roles": Roles,
    "management": Management,
}


@dataclass(frozen=True, slots=True)
class Organisation:
    """What the organisation has laid down, and the documents it was read from, by name."""

    folder: Path
    policy: Policy
    risks: Risks
    objectives: Objectives
    applicability: Applicability
    roles: Roles
    management: Management
    documents: dict[str, Document]

    @property
    def titled(self) -> dict[str, Titled]:
        """Name → document, for what all of them say of themselves."""
        return {name: getattr(self, name) for name in SHAPES}


def declared_folder() -> Path | None:
    """`AIMS_ORGANISATION`; else the folder `organisation` beside `AIMS_SYSTEMS`; else the shipped demonstration.

    None where systems of one's own are declared and no organisation is: the demonstration answers for none of them.

    Raises
    ------
    UsageFault
        `AIMS_ORGANISATION` names no folder.
    """
    named, systems = os.environ.get("AIMS_ORGANISATION"), os.environ.get("AIMS_SYSTEMS")
    if named:
        if not Path(named).is_dir():
            raise UsageFault(f"AIMS_ORGANISATION={named} is no folder. Name the folder that holds policy.yaml.")
        return Path(named)
    if systems:
        beside = Path(systems).absolute().parent / "organisation"
        return beside if beside.is_dir() else None
    return SHIPPED


def organisation_folder() -> Path:
    """The declared organisation's folder, or the demonstration's: for times that must come from somewhere."""
    return declared_folder() or SHIPPED


def load_management(folder: Path) -> Management:
    """`management.yaml` alone: a fault of another document must not stop what only needs the deadlines.

    Raises
    ------
    DeclarationFaults
        Everything that is wrong with it.
    """
    faults: list[Fault] = []
    management = shaped(Document.read(folder / "management.yaml", faults, GUIDE), Management, faults)
    if faults or management is None:
        raise DeclarationFaults(faults)
    return management


def declared_deadlines() -> Deadlines:
    """How long each step of a process may take here.

    Raises
    ------
    DeclarationFaults
        `management.yaml` has faults.
    """
    return load_management(organisation_folder()).deadlines


def load_organisation(folder: Path, systems: Declarations | None = None) -> Organisation:
    """The organisation's documents, held against the declared `systems` where they are given.

    Raises
    ------
    DeclarationFaults
        Everything that is wrong with them, over all files.
    """
    faults: list[Fault] = []
    documents = {name: Document.read(folder / f"{name}.yaml", faults, GUIDE) for name in SHAPES}
    found: dict[str, Any] = {name: shaped(documents[name], shape, faults) for name, shape in SHAPES.items()}
    sound = {name: (value, documents[name]) for name, value in found.items() if value is not None}
    for name, (value, document) in sound.items():
        assert document is not None
        if value.id != name:
            faults.append(document.fault(("id",), f"id: {value.id!r} is not the file's name.", f"Write {name!r}."))
        faults += _faults_of(name, value, document, folder, found["applicability"])
        if systems is not None:
            faults += _faults_with_systems(name, value, document, systems)
    if faults:
        raise DeclarationFaults(faults)
    return Organisation(folder, **found, documents={name: d for name, d in documents.items() if d})


def _faults_of(
    name: str, value: Any, document: Document, folder: Path, statement: Applicability | None
) -> Iterator[Fault]:
    if name == "policy":
        yield from faulty.policy_faults(value, document, folder)
    elif name == "risks":
        yield from faulty.risk_faults(value, document, statement)
    elif name == "objectives":
        yield from faulty.objective_faults(value, document)
    elif name == "applicability":
        yield from faulty.statement_faults(value, document)


def _faults_with_systems(name: str, value: Any, document: Document, systems: Declarations) -> Iterator[Fault]:
    if name == "risks":
        yield from faulty.harm_faults(value, document, systems)
    elif name == "objectives":
        yield from faulty.measure_faults(value, document, systems)
    elif name == "applicability":
        yield from faulty.exclusion_faults(value, document, systems)
