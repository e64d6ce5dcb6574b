"""Truth: for each rule, one act that breaks it is refused, the same act without the breach is not, and a record in
which it was done all the same is found when it is replayed."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from governance.faults import UsageFault
from governance.kinds import KINDS
from governance.organisation import agreement
from governance.organisation.agreement import ACCEPTED, APPROVED, DIGITS, FOUND, REGISTERED, record
from governance.organisation.laid_down import Organisation, load_organisation
from governance.organisation.management import Deadlines
from governance.organisation.standing import document_rows, review_state, risk_rows
from governance.people.accounts import OPENED
from governance.people.acts import SERVICE, Before, Refused, perform
from governance.processes import ACTS, BY_VERB
from governance.record import ledger
from governance.register import Register

DATA = Path(__file__).parents[3] / "data" / "organisation"
START = dt.datetime(2026, 12, 1, 12, tzinfo=dt.UTC)
OPEN = next(act for act in ACTS if act.kind == OPENED)


@dataclass
class Place:
    """A register, a copy of the shipped organisation, and people who act one minute after each other."""

    folder: Path
    register: Register
    at: dt.datetime = START

    def laid(self) -> Organisation:
        return load_organisation(self.folder)

    def plant(self, name: str, old: str, new: str) -> None:
        text = (self.folder / name).read_text(encoding="utf-8")
        assert text.count(old) == 1
        (self.folder / name).write_text(text.replace(old, new), encoding="utf-8")

    def enter(self) -> int:
        self.at += dt.timedelta(minutes=1)
        with ledger.writing(self.register.engine) as connection:
            return record(connection, self.laid(), at=self.at)

    def open(self, name: str, *roles: str, teams: tuple[str, ...] = ()) -> None:
        said = {"roles": roles, "teams": teams, "demonstration": True}
        with ledger.writing(self.register.engine) as connection:
            perform(connection, OPEN, name, said, account=SERVICE, at=self.at)

    def do(self, account: str, verb: str, subject: str, **said: Any) -> None:
        self.at += dt.timedelta(minutes=1)
        with ledger.writing(self.register.engine) as connection:
            perform(connection, BY_VERB[verb], subject, said, account=account, at=self.at)

    def approve(self, account: str, name: str, digest: str | None = None) -> None:
        chosen = digest or self.laid().documents[name].sha256[:DIGITS]
        self.do(account, "approve-document", name, digest=chosen, statement="Read it whole.")

    def accept(self, account: str, name: str) -> None:
        (risk,) = [risk for risk in self.laid().risks.risks if risk.id == name]
        self.do(account, "accept-risk", name, digest=risk.digest[:DIGITS], statement="We bear it.")

    def force(self, account: str, kind: str, subject: str, body: dict[str, Any]) -> None:
        """What a wrong door would have let through."""
        with ledger.writing(self.register.engine) as connection:
            ledger.append(connection, kind, subject, {**body, "token": None}, actor=account, at=self.at)

    def document(self, name: str, day: dt.date | None = None) -> dict[str, Any]:
        rows = document_rows(self.laid(), self.register.events(), day or self.at.date())
        return next(row for row in rows if row["id"] == name)

    def risk(self, name: str) -> dict[str, Any]:
        rows = risk_rows(self.laid(), self.register.events(), self.at.date())
        return next(row for row in rows if row["id"] == name)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    folder = Path(shutil.copytree(DATA, tmp_path / "organisation"))
    found = Place(folder, Register(tmp_path / "register.db"))
    found.open("lead.one", "governance_lead", teams=("team:equal-treatment",))
    found.open("lead.two", "governance_lead")
    found.open("demo.system.analyst", "governance_lead", "ml_reviewer", teams=("team:equal-treatment",))
    found.open("owner.one", "system_owner", teams=("team:pretrial-risk",))
    found.open("engineer.one", "engineer")
    yield found
    found.register.engine.dispose()


# What the pipeline enters


def test_what_is_found_is_entered_once_and_again_only_when_it_changed(place: Place):
    assert place.enter() == 6 + 14
    assert place.enter() == 0
    place.plant("risks.yaml", "  - id: small_groups_fail_unseen", "  - id: small_groups_unseen")
    assert place.enter() == 3, "the document, the risk under its new id, and that the old one is gone"
    kinds = [event.kind for event in place.register.events("risk.*")][-2:]
    assert kinds == ["risk.registered", "risk.withdrawn"]
    place.plant("risks.yaml", "  - id: small_groups_unseen", "  - id: small_groups_fail_unseen")
    assert place.enter() == 3, "what comes back is entered anew"
    assert place.enter() == 0


def test_no_event_holds_more_than_accounts_roles_digests_and_levels(place: Place):
    place.enter()
    texts = [risk.title for risk in place.laid().risks.risks] + [place.laid().policy.title]
    for event in place.register.events():
        assert not any(text in str(event.body) for text in texts)


# Approval


def test_a_document_is_approved_by_somebody_else_for_what_was_read(place: Place):
    place.enter()
    assert place.document("policy")["state"] == "not approved"
    place.approve("lead.one", "policy")
    row = place.document("policy")
    assert (row["state"], row["approved_by"]) == ("approved", "lead.one")
    assert place.document("risks")["state"] == "not approved"
    assert place.register.faults() == []


def test_the_author_cannot_approve(place: Place):
    place.enter()
    with pytest.raises(Refused, match="whoever wrote something does not approve it"):
        place.approve("demo.system.analyst", "policy")
    assert place.document("policy")["state"] == "not approved"


def test_only_the_role_that_answers_for_it_approves(place: Place):
    place.enter()
    with pytest.raises(Refused, match="answered for by the role governance_lead"):
        place.approve("owner.one", "policy")
    with pytest.raises(Refused, match="takes the role"):
        place.approve("engineer.one", "policy")


def test_what_was_changed_after_reading_is_not_approved(place: Place):
    place.enter()
    read = place.laid().documents["policy"].sha256[:DIGITS]
    place.plant("policy.yaml", "## Who answers for it", "## Who decides")
    assert place.document("policy")["state"] == "changed since it was recorded"
    place.enter()
    with pytest.raises(Refused, match="read what is in force"):
        place.approve("lead.one", "policy", read)
    place.approve("lead.one", "policy")


def test_an_approval_ends_with_the_bytes_and_does_not_come_back_with_them(place: Place):
    place.enter()
    place.approve("lead.one", "policy")
    with pytest.raises(Refused, match=r"lead\.one did so already"):
        place.approve("lead.two", "policy")
    place.plant("policy.yaml", "## Who answers for it", "## Who decides")
    place.enter()
    assert place.document("policy")["state"] == "not approved"
    assert "version 1 was recorded with other bytes" in place.document("policy")["finding"]
    place.plant("policy.yaml", "## Who decides", "## Who answers for it")
    place.enter()
    assert place.document("policy")["state"] == "not approved", "the same bytes after others are agreed to anew"
    place.approve("lead.two", "policy")
    assert place.document("policy")["approved_by"] == "lead.two"
    assert place.register.faults() == []


@pytest.mark.parametrize("digest", ["75f4", "75F4D4B68D24", "not a digest"])
def test_a_digest_too_short_to_mean_one_document_is_refused(place: Place, digest: str):
    place.enter()
    with pytest.raises(UsageFault, match="digest"):
        place.approve("lead.one", "policy", digest)


def test_what_is_not_in_the_record_cannot_be_approved(place: Place):
    with pytest.raises(Refused, match="aims documents --record"):
        place.approve("lead.one", "policy")
    place.enter()
    with pytest.raises(Refused, match="it is none of policy, risks"):
        place.do("lead.one", "approve-document", "poetry", digest="0" * DIGITS, statement="Read it whole.")


def test_a_record_in_which_the_author_approved_is_found(place: Place):
    place.enter()
    found = place.register.last(FOUND, "organisation/policy")
    assert found is not None
    said = {key: found.body[key] for key in ("sha256", "version", "author")}
    body = {**said, "digest": found.body["sha256"], "statement": "Read it whole."}
    place.force("demo.system.analyst", APPROVED, "organisation/policy", body)
    (fault,) = place.register.faults()
    assert "against the rules" in fault and "whoever wrote something" in fault


def test_a_record_in_which_the_approval_lies_about_the_author_is_found(place: Place):
    place.enter()
    found = place.register.last(FOUND, "organisation/policy")
    assert found is not None
    body = {"sha256": found.body["sha256"], "version": 1, "author": "somebody.else"}
    body |= {"digest": found.body["sha256"], "statement": "Read it whole."}
    place.force("demo.system.analyst", APPROVED, "organisation/policy", body)
    (fault,) = place.register.faults()
    assert "read what is in force" in fault


def test_only_the_pipeline_enters_what_was_found(place: Place):
    place.enter()
    found = place.register.last(FOUND, "organisation/policy")
    assert found is not None
    place.force("lead.one", FOUND, "organisation/policy", found.body)
    (fault,) = place.register.faults()
    assert "is no act of a person" in fault


# Acknowledgement


def test_the_policy_is_acknowledged_once_by_each_and_only_when_approved(place: Place):
    place.enter()
    digest = place.laid().documents["policy"].sha256[:DIGITS]
    with pytest.raises(Refused, match="not approved"):
        place.do("engineer.one", "acknowledge-policy", "policy", digest=digest)
    place.approve("lead.one", "policy")
    place.do("engineer.one", "acknowledge-policy", "policy", digest=digest)
    place.do("demo.system.analyst", "acknowledge-policy", "policy", digest=digest)
    with pytest.raises(Refused, match="did so already"):
        place.do("engineer.one", "acknowledge-policy", "policy", digest=digest)
    with pytest.raises(Refused, match="Only the policy"):
        place.do("engineer.one", "acknowledge-policy", "roles", digest=place.laid().documents["roles"].sha256)
    assert place.document("policy")["acknowledged_by"] == ["demo.system.analyst", "engineer.one"]
    place.plant("policy.yaml", "version: 1", "version: 2")
    place.enter()
    assert place.document("policy")["acknowledged_by"] == [], "the new version was read by nobody yet"
    changed = place.laid().documents["policy"].sha256
    with pytest.raises(Refused, match="The policy as it stands is not approved"):
        place.do("engineer.one", "acknowledge-policy", "policy", digest=changed)


# Risks


def test_a_risk_is_accepted_by_whoever_answers_for_it_and_did_not_write_its_treatment(place: Place):
    place.enter()
    with pytest.raises(Refused, match="team:pretrial-risk answers for this risk, and lead.one does not"):
        place.accept("lead.one", "women_held_on_a_score_for_men")
    place.accept("owner.one", "women_held_on_a_score_for_men")
    with pytest.raises(Refused, match="whoever wrote something does not approve it"):
        place.accept("demo.system.analyst", "unequal_wrong_flags")
    place.accept("lead.one", "unequal_wrong_flags")
    row = place.risk("women_held_on_a_score_for_men")
    assert (row["state"], row["accepted_by"]) == ("accepted", "owner.one")
    assert place.risk("young_people_held_for_their_age")["state"] == "not accepted"
    assert place.register.faults() == []


def test_a_risk_that_changed_is_not_accepted_any_more_and_another_one_still_is(place: Place):
    place.enter()
    place.accept("owner.one", "women_held_on_a_score_for_men")
    place.accept("owner.one", "young_people_held_for_their_age")
    place.plant(
        "risks.yaml", "Whether it is used is known from sampled cases only.", "Nobody knows whether it is used."
    )
    place.enter()
    assert place.risk("women_held_on_a_score_for_men")["state"] == "not accepted"
    assert place.risk("young_people_held_for_their_age")["state"] == "accepted"


def test_a_risk_that_is_gone_cannot_be_accepted(place: Place):
    place.enter()
    digest = place.laid().risks.risks[2].digest
    place.plant("risks.yaml", "  - id: women_held_on_a_score_for_men", "  - id: women_are_held")
    place.enter()
    with pytest.raises(Refused, match="There is no risk 'women_held_on_a_score_for_men' in the record"):
        place.do("owner.one", "accept-risk", "women_held_on_a_score_for_men", digest=digest, statement="We bear it.")


def test_a_record_in_which_somebody_else_accepted_is_found(place: Place):
    place.enter()
    subject = "organisation/risk/women_held_on_a_score_for_men"
    found = place.register.last(REGISTERED, subject)
    assert found is not None
    body = {key: found.body[key] for key in ("risk", "owner", "author")}
    place.force("lead.two", ACCEPTED, subject, {**body, "digest": found.body["risk"], "statement": "We bear it."})
    (fault,) = place.register.faults()
    assert "lead.two does not answer for them" in fault


# Competence


def test_a_competence_is_attested_by_somebody_else_and_must_be_described(place: Place):
    place.enter()
    said = {"competence": "auditing", "basis": "training", "until": "2028-01-01"}
    with pytest.raises(Refused, match="does not attest their own"):
        place.do("lead.one", "record-competence", "lead.one", **said)
    with pytest.raises(Refused, match="describes no competence 'singing'"):
        place.do("lead.one", "record-competence", "lead.two", **{**said, "competence": "singing"})
    with pytest.raises(Refused, match="ended on 2026-11-30 already"):
        place.do("lead.one", "record-competence", "lead.two", **{**said, "until": "2026-11-30"})
    with pytest.raises(Refused, match="no open account nobody"):
        place.do("lead.one", "record-competence", "nobody", **said)
    place.do("lead.one", "record-competence", "lead.two", **said)
    assert place.register.faults() == []


# Reviews


@pytest.mark.parametrize(
    ("day", "state"),
    [("2027-10-28", "current"), ("2027-10-29", "due"), ("2027-11-01", "due"), ("2027-11-02", "overdue")],
    ids=["four days before", "three days before", "on its last day", "the day after"],
)
def test_with_a_reminder_of_three_days_a_review_is_due_then_and_overdue_after_its_day(day: str, state: str):
    assert review_state(dt.date(2027, 11, 1), dt.date.fromisoformat(day), 3) == state


def test_an_expired_policy_is_told(place: Place):
    place.enter()
    assert place.document("policy", dt.date(2027, 1, 1))["review"] == "current"
    assert place.document("policy", dt.date(2027, 11, 1))["review"] == "due"
    assert place.document("policy", dt.date(2027, 11, 2))["review"] == "overdue"


def test_each_document_is_due_on_the_day_that_was_found_last(place: Place):
    place.enter()
    place.plant("policy.yaml", "review_by: 2027-11-01", "review_by: 2028-11-01")
    place.enter()
    deadlines: Deadlines = place.laid().management.deadlines
    with place.register.reading() as connection:
        found = {item.id: item for item in agreement.due(Before(connection, 10_000, place.at), deadlines)}
    assert found["review/policy"].on == dt.date(2028, 11, 1)
    assert found["review/risks"].on == dt.date(2027, 11, 1)
    assert {item.system for item in found.values()} == {"organisation"}
    assert len(found) == 6


def test_a_day_before_anything_was_done_shows_nothing_done(place: Place):
    place.enter()
    place.approve("lead.one", "policy")
    assert place.document("policy", dt.date(2026, 11, 30))["state"] == "not recorded"
    assert place.document("policy", dt.date(2026, 12, 1))["state"] == "approved"


def test_every_kind_of_this_process_is_among_those_that_the_program_can_append(place: Place):
    place.enter()
    assert {event.kind for event in place.register.events()} <= KINDS
