"""Reads `data/organisation/` into checked objects; all faults at once, each with file and line (Clauses 4 to 6).

What the documents owe to the declared systems (a risk for every harm, an objective's criterion that exists) is asked
in `governance.organisation_faults`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from governance.documents import Document, shaped
from governance.faults import DeclarationFaults, Fault, UsageFault
from governance.management import Deadlines, Management, Titled

GUIDE = "docs/processes/policy-and-inventory.md"
# Name of a document, which is its file without the ending → its shape.
SHAPES: dict[str, type[Titled]] = {"management": Management}


@dataclass(frozen=True, slots=True)
class Organisation:
    """What the organisation has laid down, and the documents it was read from."""

    folder: Path
    management: Management
    documents: dict[str, Document]


def organisation_folder() -> Path:
    """`AIMS_ORGANISATION`, or the demonstration organisation shipped in `data/organisation`.

    Raises
    ------
    UsageFault
        `AIMS_ORGANISATION` names no folder.
    """
    named = os.environ.get("AIMS_ORGANISATION")
    if named and not Path(named).is_dir():
        raise UsageFault(f"AIMS_ORGANISATION={named} is no folder. Name the folder that holds policy.yaml.")
    return Path(named) if named else Path(__file__).resolve().parents[1] / "data" / "organisation"


def load_organisation(folder: Path) -> Organisation:
    """The organisation's documents.

    Raises
    ------
    DeclarationFaults
        Everything that is wrong with them, over all files.
    """
    faults: list[Fault] = []
    documents = {name: Document.read(folder / f"{name}.yaml", faults, GUIDE) for name in SHAPES}
    management = shaped(documents["management"], Management, faults)
    if faults or management is None:
        raise DeclarationFaults(faults)
    return Organisation(folder, management, {name: found for name, found in documents.items() if found})


def declared_deadlines() -> Deadlines:
    """How long each step of a process may take here.

    Raises
    ------
    DeclarationFaults
        The organisation's documents have faults.
    """
    return load_organisation(organisation_folder()).management.deadlines
