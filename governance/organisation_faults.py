"""What is wrong between the organisation's documents, and between them and the declared systems.

A harm that no risk follows from, a treatment that leans on a control nobody carries out, an objective measured by a
criterion that does not exist: each document may be whole, and they still do not go together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from governance.applicability import Applicability, decision_problems
from governance.controls import control_problem
from governance.declarations import Declarations
from governance.documents import Document
from governance.faults import Fault
from governance.objectives import Objectives
from governance.policy import Policy, broken_links
from governance.risks import LEVELS, Risk, Risks


def policy_faults(policy: Policy, document: Document, folder: Path) -> Iterator[Fault]:
    """Links to files that are not there (A.2.3)."""
    for where, link in broken_links(policy, folder):
        what = f"{'.'.join(map(str, where))}: there is no file {link!r}."
        yield document.fault(where, what, "Mend the link; it starts at the policy's folder.")


def risk_faults(risks: Risks, document: Document, statement: Applicability | None) -> Iterator[Fault]:
    """Risks among themselves, and against the statement of applicability."""
    yield from _twice("risks", [risk.id for risk in risks.risks], document)
    for index, risk in enumerate(risks.risks):
        for place, control in enumerate(risk.treatment.controls):
            where = ("risks", index, "treatment", "controls", place)
            unknown = control_problem(control)
            if unknown:
                yield document.fault(where, f"risks.{risk.id}: {unknown}", "Mend its number.")
            elif statement and control in statement.excluded:
                what = f"risks.{risk.id}: is treated by {control}, which applicability.yaml excludes."
                yield document.fault(where, what, "Include it, or treat the risk otherwise.")
        if risks.is_above(risk) and risk.above_because is None:
            level = risks.residual(risk)
            what = f"risks.{risk.id}: what is left is {level}, above accept_up_to: {risks.criteria.accept_up_to}."
            yield document.fault(("risks", index, "residual"), what, "Treat it further, or say `above_because`.")
    for index, none in enumerate(risks.no_risk):
        if none.harm in risks.sources:
            what = f"no_risk: {none.harm} is said to be no risk, and {risks.sources[none.harm][0].id} follows from it."
            yield document.fault(("no_risk", index), what, "Keep one of the two.")


def harm_faults(risks: Risks, document: Document, found: Declarations) -> Iterator[Fault]:
    """Both ways between risks and the harms of the impact assessments (6.1.2)."""
    harms = {f"{d.id}/{harm.id}": harm for d in found.sound.values() for harm in d.assessment.harms}
    named = set(risks.sources) | {none.harm for none in risks.no_risk}
    for harm in harms:
        if harm not in named:
            what = f"risks: no risk follows from the harm {harm}."
            yield document.fault(("risks",), what, "Add one, or say under `no_risk` why there is none.")
    for index, none in enumerate(risks.no_risk):
        if _is_unknown(none.harm, harms, found):
            what = f"no_risk: {none.harm} is no harm of a declared system."
            yield document.fault(("no_risk", index, "harm"), what, "Mend it, or remove it.")
    for index, risk in enumerate(risks.risks):
        for place, source in enumerate(risk.sources):
            if _is_unknown(source, harms, found):
                what = f"risks.{risk.id}: {source} is no harm of a declared system."
                yield document.fault(("risks", index, "sources", place), what, "Mend it, or remove it.")
        for name, before in _rated_lower(risk, [harms[source] for source in risk.sources if source in harms]):
            what = f"risks.{risk.id}.{name}: is {getattr(risk, name)}, and {before} of a harm that it follows from."
            yield document.fault(("risks", index, name), what, "Raise it, or say `rated_lower_because`.")


def objective_faults(objectives: Objectives, document: Document) -> Iterator[Fault]:
    """Objectives among themselves."""
    yield from _twice("objectives", [objective.id for objective in objectives.objectives], document)
    for index, objective in enumerate(objectives.objectives):
        for place, control in enumerate(objective.controls):
            unknown = control_problem(control)
            if unknown:
                where = ("objectives", index, "controls", place)
                yield document.fault(where, f"objectives.{objective.id}: {unknown}", "Mend its number.")


def measure_faults(objectives: Objectives, document: Document, found: Declarations) -> Iterator[Fault]:
    """Objectives that are measured by what nobody declared."""
    for index, objective in enumerate(objectives.objectives):
        by = objective.criterion
        if by is None or by.system in found.faults:
            continue
        declaration = found.sound.get(by.system)
        known = {criterion.id for criterion in declaration.assessment.criteria} if declaration else set()
        where: tuple[str | int, ...] = ("objectives", index, "criterion")
        if declaration is None:
            what = f"objectives.{objective.id}: there is no system {by.system!r}."
            yield document.fault((*where, "system"), what, "Name a declared system.")
        elif by.criterion not in known:
            what = f"objectives.{objective.id}: {by.system} has no criterion {by.criterion!r}."
            yield document.fault((*where, "criterion"), what, "Name one of its impact assessment.")


def statement_faults(statement: Applicability, document: Document) -> Iterator[Fault]:
    """Controls that nobody decided on, and what is no control (6.1.3)."""
    for where, what, remedy in decision_problems(statement):
        yield document.fault(where, what, remedy)


def exclusion_faults(statement: Applicability, document: Document, found: Declarations) -> Iterator[Fault]:
    """Excluded controls that a criterion says it serves: the organisation would carry out what it says it does not."""
    for declaration in found.sound.values():
        for criterion in declaration.assessment.criteria:
            for control in sorted(statement.excluded & set(criterion.controls)):
                what = f"controls.{control}: is excluded, and {declaration.id}'s criterion {criterion.id} names it."
                yield document.fault(("controls", control), what, "Include it, or take it from the criterion.")


def _twice(key: str, ids: list[str], document: Document) -> Iterator[Fault]:
    for index, name in enumerate(ids):
        if name in ids[:index]:
            yield document.fault((key, index), f"{key}: the id {name!r} stands there twice.", "Ids must be unique.")


def _is_unknown(harm: str, harms: Iterable[str], found: Declarations) -> bool:
    """A system with faults of its own could have the harm: its own faults come first."""
    return harm not in harms and harm.split("/")[0] not in found.faults


def _rated_lower(risk: Risk, harms: list[object]) -> Iterator[tuple[str, str]]:
    if risk.rated_lower_because is not None:
        return
    for mine, theirs in (("likelihood", "likelihood"), ("consequence", "severity")):
        highest = max((LEVELS.index(getattr(harm, theirs)) for harm in harms), default=0)
        if highest > LEVELS.index(getattr(risk, mine)):
            yield mine, f"{LEVELS[highest]} is the {theirs}"
