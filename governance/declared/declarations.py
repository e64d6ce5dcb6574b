"""Reads `data/systems/NAME/` into checked objects; all faults of a system at once, each with file and line.

One system with faults never hides the others: it is returned beside them, as faults.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from governance.declared import acquisition, budget
from governance.declared.assessment import Approval, Criterion, ImpactAssessment
from governance.declared.columns import Kind
from governance.declared.criterion_faults import criterion_faults
from governance.declared.drafts import besides, decided, unfinished
from governance.declared.metrics import METRICS
from governance.declared.periods import floor
from governance.declared.personal import type_faults
from governance.declared.population import population_faults
from governance.declared.preparation import step_faults
from governance.declared.sources import TableSource
from governance.declared.system import Model, System, kind_of
from governance.documents import Document, parsed, shaped
from governance.faults import DeclarationFaults, Fault, UsageFault
from governance.record.canonical import digest, digest_of_bytes
from governance.standard.controls import control_problem

ASSESSMENT = "impact_assessment.yaml"
FILES = ("system.yaml", "contract.yaml", ASSESSMENT)


@dataclass(frozen=True, slots=True)
class Lookup:
    """A further table of the contract: its columns with their logical types, and those it must have."""

    types: dict[str, str]
    required: frozenset[str]


@dataclass(frozen=True, slots=True)
class Declaration:
    """One system as declared: its four documents, and the digests of the files they were read from."""

    folder: Path
    system: System
    assessment: ImpactAssessment
    assessment_text: str
    contract_text: str
    types: dict[str, str]
    required: frozenset[str]
    model: Model | None
    approval: Approval | None
    digests: dict[str, str]
    lookups: dict[str, Lookup] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The system's id."""
        return self.system.id

    @property
    def digest(self) -> str:
        """Digest over all files of the declaration: what was agreed when a batch was judged."""
        return digest(self.digests)

    @property
    def assessment_digest(self) -> str:
        """SHA-256 of impact_assessment.yaml's bytes: what an approval is given to."""
        return self.digests[ASSESSMENT]

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        """What is promised, each criterion with the alpha that the false-alarm budget leaves it."""
        return budget.with_alphas(self.assessment, self.system.batches.period)

    @property
    def is_demonstrated(self) -> bool:
        """Whether a demonstration approval stands beside these very bytes. A real one is an act, and in the record."""
        return self.approval is not None and self.approval.assessment_sha256 == self.assessment_digest

    def under(self, text: str) -> Declaration:
        """The same system under another version of its assessment, such as the one in force."""
        digests = {**self.digests, ASSESSMENT: digest_of_bytes(text.encode())}
        return replace(self, assessment=assessment_of(text), assessment_text=text, digests=digests)

    def unmeasurable(self) -> tuple[str, ...]:
        """What the criteria ask for and the system, as it is declared, does not have."""
        asked = self.assessment.criteria
        return tuple(f"{c.id}: {what}" for c in asked for _, what in criterion_faults(c, self.system, self.types))

    def kind(self, column: str) -> Kind:
        """As declared, else by the contract's logical type. An attribute is always compared category by category."""
        return kind_of(self.system, self.types, column)


@dataclass(frozen=True, slots=True)
class Declarations:
    """Every system found: the sound ones by id, and the faults of the others by folder name."""

    sound: dict[str, Declaration]
    faults: dict[str, tuple[Fault, ...]]


@functools.lru_cache(maxsize=256)
def assessment_of(text: str) -> ImpactAssessment:
    """The assessment that a text is, which was read and found sound before it was submitted."""
    return ImpactAssessment.model_validate(parsed(text))


def systems_folder() -> Path:
    """`AIMS_SYSTEMS`, or the systems shipped in `data/systems`.

    Raises
    ------
    UsageFault
        `AIMS_SYSTEMS` names no folder: without systems nothing would be watched, and nobody would notice.
    """
    named = os.environ.get("AIMS_SYSTEMS")
    if named and not Path(named).is_dir():
        raise UsageFault(f"AIMS_SYSTEMS={named} is no folder. Name the folder that holds a folder per system.")
    return Path(named) if named else Path(__file__).resolve().parents[2] / "data" / "systems"


def load_all(folder: Path) -> Declarations:
    """All systems below `folder`, sound or not."""
    sound: dict[str, Declaration] = {}
    faults: dict[str, tuple[Fault, ...]] = {}
    for path in sorted(p for p in folder.glob("*") if p.is_dir() and not p.name.startswith((".", "_"))):
        try:
            declaration = load(path)
        except DeclarationFaults as error:
            faults[path.name] = error.faults
            continue
        sound[declaration.id] = declaration
    return Declarations(sound, faults)


def load(folder: Path) -> Declaration:
    """One system's declaration.

    Raises
    ------
    DeclarationFaults
        Everything that is wrong with it, over all its files.
    """
    faults: list[Fault] = []
    there = [*FILES, *(name for name in ("model.yaml", "approval.yaml") if (folder / name).exists())]
    read = {name: Document.read(folder / name, faults) for name in there}
    drafted = [fault for document in read.values() if document for fault in unfinished(document)]
    read = {name: decided(document) if document else None for name, document in read.items()}
    documents = {name: read[name] for name in FILES}
    optional = {name: document for name, document in read.items() if name not in FILES}
    system = shaped(documents["system.yaml"], System, faults)
    assessment = shaped(documents[ASSESSMENT], ImpactAssessment, faults)
    model = shaped(optional.get("model.yaml"), Model, faults)
    approval = shaped(optional.get("approval.yaml"), Approval, faults)
    contract = documents["contract.yaml"]
    types = _types(contract, faults)
    if contract:
        wrong = acquisition.contract_faults(contract.value)
        faults += [contract.fault(where, f"customProperties: {what}", "Mend the list.") for where, what in wrong]
    lookups = _lookups(contract, faults)
    if system and contract:
        faults += _lookup_faults(system, documents["system.yaml"], lookups)
        faults += _system_faults(system, documents["system.yaml"], folder, types)
    if system and assessment:
        faults += _assessment_faults(system, types, assessment, documents[ASSESSMENT])
    if system and model:
        faults += _model_faults(system, model, optional["model.yaml"])
    if assessment and approval:
        faults += _approval_faults(assessment, approval, optional["approval.yaml"])
    written = documents[ASSESSMENT]
    faults = [*drafted, *besides(faults, drafted)]
    if faults or not (system and assessment and contract and written):
        raise DeclarationFaults(faults)
    found = {**documents, **optional}
    digests = {name: document.sha256 for name, document in found.items() if document}
    required = _required(contract, system)
    return Declaration(
        folder, system, assessment, written.text, contract.text, types, required, model, approval, digests, lookups
    )


def _types(contract: Document | None, faults: list[Fault]) -> dict[str, str]:
    """Column → logical type of the batch, the schema's first table. Other rules are compiled by `checks.contract`."""
    if contract is None:
        return {}
    schema = contract.value.get("schema")
    if not (isinstance(schema, list) and schema and _has_properties(schema[0])):
        faults.append(contract.fault(("schema",), "schema: must hold one object with properties.", "Mend it."))
        return {}
    return _types_of(contract, 0, faults)


def _has_properties(table: object) -> bool:
    return isinstance(table, dict) and isinstance(table.get("properties"), list)


def _types_of(contract: Document, place: int, faults: list[Fault]) -> dict[str, str]:
    types: dict[str, str] = {}
    for index, item in enumerate(contract.value["schema"][place]["properties"]):
        name, kind = (item.get("name"), item.get("logicalType")) if isinstance(item, dict) else (None, None)
        where = ("schema", place, "properties", index)
        if name in types:
            faults.append(contract.fault(where, f"The column {name!r} stands there twice.", "Keep one."))
        if not isinstance(name, str) or kind not in ("string", "integer", "number", "boolean", "date", "timestamp"):
            what = f"Column {name!r} has the logicalType {kind!r}."
            faults.append(contract.fault(where, what, "Use string, integer, number, boolean, date or timestamp."))
            continue
        types[name] = kind
    return types


def _lookups(contract: Document | None, faults: list[Fault]) -> dict[str, Lookup]:
    """The contract's further tables, by name."""
    schema = contract.value.get("schema") if contract else None
    found: dict[str, Lookup] = {}
    for place, table in enumerate(schema if isinstance(schema, list) else ()):
        if contract is None or place == 0:
            continue
        name = table.get("name") if isinstance(table, dict) else None
        if not isinstance(name, str) or name in found or not _has_properties(table):
            what = f"schema: table {place + 1} must have properties and a name of its own, got {name!r}."
            faults.append(contract.fault(("schema", place), what, "Mend it."))
            continue
        types = _types_of(contract, place, faults)
        needed = (item for item in table["properties"] if isinstance(item, dict))
        named = frozenset(item["name"] for item in needed if item.get("required") or item.get("primaryKey"))
        found[name] = Lookup(types, named & set(types))
    return found


def _lookup_faults(system: System, document: Document | None, lookups: dict[str, Lookup]) -> Iterator[Fault]:
    assert document is not None
    for name in system.sources.lookups:
        if name not in lookups:
            what = f"sources.lookups.{name}: is no further table of contract.yaml."
            remedy = "Add it to the contract's schema, behind the batch's own table, or remove it here."
            yield document.fault(("sources", "lookups", name), what, remedy)
            continue
        for column in sorted(set(system.personal) & set(lookups[name].types)):
            what = f"sources.lookups.{name}: its column {column!r} is personal, and personal columns are never kept."
            yield document.fault(("sources", "lookups", name), what, "Remove it from the contract's table.")


def _required(contract: Document, system: System) -> frozenset[str]:
    """Columns without which a batch is held back: what the contract requires, and what gives rows their place."""
    named = {item["name"] for item in contract.value["schema"][0]["properties"] if item.get("required")}
    return frozenset(
        named | {c for role in ("time", "key", "entity", "score", "prediction") for c in system.having(role)}
    )


def _system_faults(system: System, document: Document | None, folder: Path, types: dict[str, str]) -> Iterator[Fault]:
    assert document is not None
    if system.id != folder.name:
        yield document.fault(
            ("id",), f"id: {system.id!r} is not the folder's name {folder.name!r}.", "Make them equal."
        )
    for name in system.columns:
        if name not in types:
            what = f"columns.{name}: is not in contract.yaml."
            yield document.fault(("columns", name), what, "Add it to the contract's properties, or remove it here.")
    for name in sorted(set(types) - set(system.columns)):
        what = f"columns: the contract's column {name!r} has no role."
        yield document.fault(("columns",), what, "Give it one, or remove it from the contract.")
    yield from _preparation_faults(system, document, types)
    for name in _not_numbers(system, types):
        what = f"columns.{name}: a regression needs a number here, and this is a category or no number."
        remedy = "Make it integer or number in the contract, without the role attribute and without another kind."
        yield document.fault(("columns", name), what, remedy)
    for name, what, remedy in type_faults(system.treated, types):
        yield document.fault(("columns", name, "personal"), what, remedy)
    period = system.batches.period
    for key, day in (
        ("reference.from", system.reference.from_),
        ("reference.to", system.reference.to),
        ("batches.from", system.batches.from_),
        ("batches.to", system.batches.to),
    ):
        if floor(day, period) != day:
            what = f"{key}: {day} is not the first day of a {period}."
            yield document.fault(tuple(key.split(".")), what, f"Use {floor(day, period)}.")
    if system.reference.from_ < system.batches.to and system.batches.from_ < system.reference.to:
        what = "batches: overlap the reference period; a batch cannot be compared with itself."
        yield document.fault(("batches",), what, f"Let batches start on {system.reference.to} or later.")


def _preparation_faults(system: System, document: Document, types: dict[str, str]) -> Iterator[Fault]:
    names = [step.id for step in system.preparation]
    for index, step in enumerate(system.preparation):
        if step.id in names[:index]:
            what = f"preparation.{index}.id: {step.id!r} is the id of an earlier step."
            yield document.fault(("preparation", index, "id"), what, "Name each step once.")
        tables = any(isinstance(system.source(part), TableSource) for part in step.parts)
        time = system.the("time")
        for key, what in step_faults(step, system.columns, system.personal, time, types, tables):
            said = f"preparation.{step.id}.{key}: {what}"
            yield document.fault(("preparation", index, key), said, "Declare it, or mend the step.")


def _not_numbers(system: System, types: dict[str, str]) -> Iterator[str]:
    """Label and prediction of a regression that could not be reckoned with."""
    for role in ("label", "prediction") if system.task == "regression" else ():
        for name in system.having(role):
            is_number = types.get(name) in ("integer", "number") and kind_of(system, types, name) == "numeric"
            if name in types and not is_number:
                yield name


def _assessment_faults(
    system: System, types: dict[str, str], assessment: ImpactAssessment, document: Document | None
) -> Iterator[Fault]:
    assert document is not None
    if assessment.system != system.id:
        what = f"system: {assessment.system!r} is not {system.id!r}."
        yield document.fault(("system",), what, "Name the system that this assessment is about.")
    for place, what in population_faults(assessment.intended_population, system, types):
        yield document.fault(
            ("intended_population", place),
            f"intended_population.{place}: {what}",
            "Mend it, or declare it in system.yaml.",
        )
    overspent = budget.problem(assessment, system.batches.period)
    if overspent:
        yield document.fault(("false_alarms",), f"false_alarms: {overspent}", "Ask for less, or allow for more.")
    for index, criterion in enumerate(assessment.criteria):
        for key, what in criterion_faults(criterion, system, types):
            where = ("criteria", index, key)
            yield document.fault(
                where, f"criteria.{criterion.id}.{key}: {what}", "Declare it in system.yaml, or mend it."
            )
        for place, control in enumerate(criterion.controls):
            unknown = control_problem(control)
            if unknown:
                what = f"criteria.{criterion.id}.controls: {unknown}"
                yield document.fault(("criteria", index, "controls", place), what, "Mend its number.")


def _model_faults(system: System, model: Model, document: Document | None) -> Iterator[Fault]:
    assert document is not None
    if not system.sources.training:
        yield document.fault((), "A model needs a training source.", "Declare sources.training in system.yaml.")
    if not system.the("label"):
        yield document.fault((), "A model needs a column with the role label.", "Declare it in system.yaml.")
    other = {"binary_classification": "linear_regression", "regression": "logistic_regression"}[system.task]
    if model.estimator == other:
        what = f"estimator: {other} is not for a {system.task}."
        yield document.fault(("estimator",), what, "Take the other regression, or gradient_boosting.")
    for index, item in enumerate(model.release):
        task = METRICS[item.metric].task
        if task != system.task:
            what = f"release.{index}.metric: {item.metric} is for a {task}, and this is a {system.task}."
            yield document.fault(("release", index, "metric"), what, "Name a metric of its task.")
    for index, name in enumerate(model.features):
        if name not in system.columns:
            yield document.fault(("features", index), f"features: unknown column {name!r}.", "Mend it.")


def _approval_faults(assessment: ImpactAssessment, approval: Approval, document: Document | None) -> Iterator[Fault]:
    assert document is not None
    if approval.approved_by.casefold() == assessment.author.casefold():
        what = f"approved_by: {approval.approved_by!r} is the author of the assessment."
        yield document.fault(("approved_by",), what, "Somebody else must approve it.")
