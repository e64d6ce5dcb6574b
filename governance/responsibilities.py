"""Who may do what, and where that does not go together (5.3, 7.2, A.3.2, A.4.6).

The program refuses an act that one person must not do alone. What is found here is one step earlier: that sooner or
later nobody, or only the wrong person, could do it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from governance.declared.declarations import Declarations
from governance.organisation.agreement import COMPETENT
from governance.organisation.duties import Roles
from governance.organisation.laid_down import Organisation
from governance.people.accounts import Account
from governance.people.acts import Act
from governance.people.roles import PEOPLE
from governance.record.ledger import Event


@dataclass(frozen=True, slots=True)
class Conflict:
    """Something that does not go together: its kind, whom it is about, and what would help, in words."""

    kind: str
    about: str
    what: str

    def as_row(self) -> dict[str, Any]:
        """The listing's keys."""
        return {"kind": self.kind, "about": self.about, "what": self.what}


def role_rows(
    accounts: Mapping[str, Account], roles: Roles | None, acts: Iterable[Act], events: Iterable[Event], as_of: dt.date
) -> list[dict[str, Any]]:
    """Every open account with what it may do, with the listing's keys."""
    held = competences(events, as_of)
    acts = tuple(acts)
    rows = []
    for account in _open(accounts):
        needed = _needed(account, roles)
        rows.append(
            {
                "account": account.id,
                "roles": sorted(account.roles),
                "systems": sorted(account.systems) or None,
                "teams": sorted(account.teams),
                "may": sorted(act.verb for act in acts if act.roles & account.roles),
                "competences": sorted(held.get(account.id, {})),
                "lacks": sorted(needed - set(held.get(account.id, {}))),
                "demonstration": account.demonstration,
            }
        )
    return rows


def competences(events: Iterable[Event], as_of: dt.date) -> dict[str, dict[str, dt.date]]:
    """Account → competence → last day of its newest record; only records that hold on that day."""
    found: dict[str, dict[str, dt.date]] = {}
    for event in events:
        if event.kind == COMPETENT:
            name = event.subject.removeprefix("account/")
            found.setdefault(name, {})[event.body["competence"]] = dt.date.fromisoformat(event.body["until"])
    return {name: {one: day for one, day in held.items() if day >= as_of} for name, held in found.items()}


def conflicts(
    accounts: Mapping[str, Account],
    organisation: Organisation | None,
    systems: Declarations,
    events: Iterable[Event],
    as_of: dt.date,
) -> list[Conflict]:
    """Everything that does not go together, over accounts, documents and declared systems."""
    people = _open(accounts)
    roles = organisation.roles if organisation else None
    return [
        *_both_sides(people, roles),
        *_not_held(people),
        *_unanswered(people, organisation, systems),
        *_only_the_author(people, organisation),
        *_auditors_who_answer(people),
        *_incompetent(people, roles, competences(events, as_of)),
    ]


def _open(accounts: Mapping[str, Account]) -> list[Account]:
    return [account for account in accounts.values() if not account.closed]


def _needed(account: Account, roles: Roles | None) -> set[str]:
    if roles is None:
        return set()
    return {one for name, duties in roles.roles.items() if name in account.roles for one in duties.competences}


def _both_sides(people: list[Account], roles: Roles | None) -> Iterator[Conflict]:
    for separation in roles.separations if roles else ():
        for account in people:
            if set(separation.roles) <= account.roles:
                both = " and ".join(separation.roles)
                yield Conflict("both_sides", account.id, f"holds {both}: {separation.because}")


def _not_held(people: list[Account]) -> Iterator[Conflict]:
    held = {role for account in people for role in account.roles}
    for role in sorted(PEOPLE - held):
        yield Conflict("role_not_held", role, "no open account has this role: its acts cannot be done")


def _unanswered(people: list[Account], organisation: Organisation | None, systems: Declarations) -> Iterator[Conflict]:
    for party, places in parties(organisation, systems).items():
        if not any(account.answers_for(party) for account in people):
            more = f" and {len(places) - 1} more" if len(places) > 1 else ""
            yield Conflict("nobody_answers", party, f"owns {places[0]}{more}, and no open account answers for it")


def parties(organisation: Organisation | None, systems: Declarations) -> dict[str, list[str]]:
    """Every `team:` that owns something → what it owns, in words."""
    found: dict[str, list[str]] = {}
    for declaration in systems.sound.values():
        found.setdefault(declaration.system.owner, []).append(f"the system {declaration.id}")
        for criterion in declaration.assessment.criteria:
            found.setdefault(criterion.owner, []).append(f"the criterion {declaration.id}/{criterion.id}")
    if organisation is not None:
        for risk in organisation.risks.risks:
            found.setdefault(risk.owner, []).append(f"the risk {risk.id}")
        for objective in organisation.objectives.objectives:
            found.setdefault(objective.owner, []).append(f"the objective {objective.id}")
    return found


def _only_the_author(people: list[Account], organisation: Organisation | None) -> Iterator[Conflict]:
    """Documents that nobody but their author, and risks that nobody but whoever treats them, could agree to."""
    if organisation is None:
        return
    for name, titled in organisation.titled.items():
        able = [account.id for account in people if titled.owner in account.roles]
        if able and set(able) == {titled.author}:
            what = f"{titled.author} wrote {name}.yaml and alone has the role {titled.owner}: nobody could approve it"
            yield Conflict("only_the_author", titled.author, what)
    for risk in organisation.risks.risks:
        answering = [account.id for account in people if account.answers_for(risk.owner)]
        if answering and set(answering) == {risk.treatment.author}:
            what = f"{risk.treatment.author} wrote the treatment of {risk.id} and alone answers for it"
            yield Conflict("only_the_author", risk.treatment.author, what)


def _auditors_who_answer(people: list[Account]) -> Iterator[Conflict]:
    for account in people:
        if "auditor" in account.roles and account.teams:
            teams = ", ".join(sorted(account.teams))
            yield Conflict("auditor_answers", account.id, f"audits, and answers for {teams}: not independent of them")


def _incompetent(
    people: list[Account], roles: Roles | None, held: Mapping[str, Mapping[str, dt.date]]
) -> Iterator[Conflict]:
    for account in people:
        lacking = sorted(_needed(account, roles) - set(held.get(account.id, {})))
        if lacking:
            what = f"no record that holds of {', '.join(lacking)}, which {', '.join(sorted(account.roles))} takes"
            yield Conflict("competence_not_recorded", account.id, what)
