"""Truth: accounts written out by hand, each with one thing that does not go together, and a set in which all does."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

from governance.accounts import Account
from governance.agreement import COMPETENT
from governance.declarations import Declarations, load_all
from governance.ledger import Event
from governance.organisation import Organisation, load_organisation
from governance.processes import ACTS
from governance.responsibilities import competences, conflicts, parties, role_rows

DATA = Path(__file__).parents[2] / "data"
SYSTEMS = load_all(DATA / "systems")
LAID = load_organisation(DATA / "organisation")
DAY = dt.date(2026, 12, 1)
TEAMS = ("pretrial-risk", "equal-treatment", "outcome-data", "labour-statistics", "ai-governance")
NEEDED = {
    "eve.engineer": ("data_engineering",),
    "max.reviewer": ("statistics_of_groups",),
    "olga.owner": ("impact_assessment",),
    "gus.lead": ("impact_assessment", "management_systems"),
    "ada.auditor": ("auditing",),
}


def account(name: str, *roles: str, teams: tuple[str, ...] = ()) -> Account:
    answers = frozenset(f"team:{team}" for team in teams)
    return Account(name, frozenset(roles), frozenset(), answers, True, "2026-01-01")


def sound() -> dict[str, Account]:
    found = [
        account("eve.engineer", "engineer"),
        account("max.reviewer", "ml_reviewer"),
        account("olga.owner", "system_owner", teams=TEAMS),
        account("gus.lead", "governance_lead"),
        account("ada.auditor", "auditor"),
    ]
    return {one.id: one for one in found}


def attested(until: str = "2027-01-01") -> list[Event]:
    return [
        Event(seq, "2026-06-01", "gus.lead", COMPETENT, f"account/{name}", {"competence": one, "until": until})
        for seq, (name, many) in enumerate(NEEDED.items())
        for one in many
    ]


def found(
    accounts: dict[str, Account],
    events: list[Event] | None = None,
    laid: Organisation | None = LAID,
    systems: Declarations = SYSTEMS,
) -> set[tuple[str, str]]:
    events = attested() if events is None else events
    return {(one.kind, one.about) for one in conflicts(accounts, laid, systems, events, DAY)}


def test_where_everything_goes_together_nothing_is_found():
    assert found(sound()) == set()


def test_a_role_that_nobody_holds_is_found_closed_accounts_aside():
    accounts = sound()
    accounts["ada.auditor"] = replace(accounts["ada.auditor"], closed=True)
    assert found(accounts) == {("role_not_held", "auditor")}


def test_a_team_that_no_account_answers_for_is_found_with_what_it_owns():
    accounts = sound()
    accounts["olga.owner"] = account("olga.owner", "system_owner", teams=TEAMS[1:])
    assert found(accounts) == {("nobody_answers", "team:pretrial-risk")}
    (one,) = conflicts(accounts, LAID, SYSTEMS, attested(), DAY)
    assert "owns the system compas_recidivism" in one.what


def test_both_sides_of_a_declared_separation_are_found():
    accounts = sound() | {"both": account("both", "engineer", "governance_lead")}
    assert ("both_sides", "both") in found(accounts)
    assert ("both_sides", "gus.lead") not in found(accounts)


def test_a_document_that_only_its_author_could_approve_is_found():
    accounts = sound()
    del accounts["gus.lead"]
    accounts["demo.system.analyst"] = account("demo.system.analyst", "governance_lead")
    assert ("only_the_author", "demo.system.analyst") in found(accounts)
    accounts["gus.lead"] = account("gus.lead", "governance_lead")
    assert ("only_the_author", "demo.system.analyst") not in found(accounts)


def test_a_risk_that_only_whoever_treats_it_answers_for_is_found():
    accounts = sound()
    accounts["olga.owner"] = account("olga.owner", "system_owner", teams=TEAMS[1:])
    accounts["demo.system.analyst"] = account("demo.system.analyst", "ml_reviewer", teams=TEAMS[:1])
    assert ("only_the_author", "demo.system.analyst") in found(accounts)


def test_an_auditor_who_answers_for_something_is_found():
    accounts = sound() | {"ada.auditor": account("ada.auditor", "auditor", teams=("outcome-data",))}
    assert found(accounts) == {("auditor_answers", "ada.auditor")}


def test_a_competence_that_ended_or_was_never_recorded_is_found():
    assert competences(attested("2026-12-01"), DAY)["ada.auditor"] == {"auditing": dt.date(2026, 12, 1)}
    assert found(sound(), attested("2026-12-01")) == set(), "it holds on its last day"
    assert found(sound(), attested("2026-11-30")) == {("competence_not_recorded", name) for name in NEEDED}
    assert found(sound(), attested()[1:]) == {("competence_not_recorded", "eve.engineer")}


def test_without_an_organisation_accounts_and_owners_of_systems_are_still_held_together():
    accounts = sound()
    accounts["olga.owner"] = account("olga.owner", "system_owner")
    assert {about for _, about in found(accounts, laid=None)} == set(parties(None, SYSTEMS))
    assert set(parties(None, SYSTEMS)) == {f"team:{team}" for team in TEAMS[:4]}


def test_what_an_account_may_do_is_what_the_acts_say():
    rows = {row["account"]: row for row in role_rows(sound(), LAID.roles, ACTS, attested(), DAY)}
    assert "approve-document" in rows["gus.lead"]["may"] and "approve-document" not in rows["eve.engineer"]["may"]
    assert "acknowledge-policy" in rows["eve.engineer"]["may"]
    assert rows["gus.lead"]["lacks"] == []
    assert {row["account"]: row["lacks"] for row in role_rows(sound(), LAID.roles, ACTS, [], DAY)}["gus.lead"] == [
        "impact_assessment",
        "management_systems",
    ]
