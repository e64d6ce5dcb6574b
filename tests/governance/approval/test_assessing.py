"""Approval is an act: who may, over which bytes, and what the record proves of it afterwards.

Truth: the separations of the standard's page, written out as cases; events forged with the ledger's own `append`.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from pathlib import Path
from typing import Any

import pytest

from governance.approval.approvals import (
    APPROVED,
    DUE,
    REPLAYED,
    in_force,
    in_force_on,
    reassessments,
    unanswered,
    versions,
)
from governance.approval.assessing import due
from governance.faults import UsageFault
from governance.organisation.laid_down import declared_deadlines
from governance.people.acts import SERVICE, Before, Refused, perform
from governance.people.appointing import Request
from governance.processes import BY_VERB
from governance.record import ledger
from governance.register import Register
from tests.governance.conftest import Declared, declare
from tests.people import OPEN, People

AT = dt.datetime(2013, 7, 1, 9, tzinfo=dt.UTC)
FILE = "impact_assessment.yaml"
WORDS = "looked at and found right"


@pytest.fixture
def loans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Declared:
    """A system whose author is the account ann, with no approval beside it."""
    monkeypatch.setenv("AIMS_SYSTEMS", str(tmp_path / "systems"))
    declared = declare(tmp_path / "systems")
    declared.path("approval.yaml").unlink()
    return declared


@pytest.fixture
def people(tmp_path: Path) -> People:
    return People(Register(tmp_path / "register.db"), AT)


def digest(loans: Declared) -> str:
    return hashlib.sha256(loans.path(FILE).read_bytes()).hexdigest()


def edit(loans: Declared, old: str, new: str) -> None:
    text = loans.path(FILE).read_text(encoding="utf-8")
    assert old in text
    loans.path(FILE).write_text(text.replace(old, new), encoding="utf-8")


def approve(people: People, loans: Declared, by: str = "oda") -> Any:
    return people.act(by, "approve-assessment", "loans", digest=digest(loans), statement=WORDS)


def agree(people: People, loans: Declared) -> None:
    people.act("ann", "submit-assessment", "loans", reason="It is the first.")
    approve(people, loans)


def now(people: People) -> Any:
    with people.register.reading() as connection:
        return in_force(versions(before(people, connection), "loans"))


def before(people: People, connection: Any) -> Before:
    return Before(connection, ledger.head(connection)[0] + 1, people.at)


def append(people: People, kind: str, body: dict[str, Any], actor: str = SERVICE) -> int:
    with ledger.writing(people.register.engine) as connection:
        return ledger.append(connection, kind, "loans", body, actor=actor, at=people.at).seq


def ask(people: People, trigger: str = "new_model") -> int:
    body = {
        "submission": now(people).seq,
        "trigger": trigger,
        "about": trigger,
        "what": "another model",
        "evidence": [],
    }
    return append(people, DUE, body)


def test_what_was_submitted_and_approved_is_in_force_by_its_bytes(people: People, loans: Declared) -> None:
    people.act("ann", "submit-assessment", "loans", reason="It is the first.")
    assert now(people) is None
    approve(people, loans)
    found = now(people)
    assert (found.digest, found.number, found.decided_by) == (digest(loans), 1, "oda")
    assert found.text == loans.path(FILE).read_text(encoding="utf-8")
    assert not found.demonstration
    assert people.faults() == []


@pytest.mark.parametrize(
    ("who", "said"),
    [
        ("eve", "The author of impact_assessment.yaml is ann"),
        ("oda", "The author of impact_assessment.yaml is ann"),
        ("ada", "takes the role"),
    ],
)
def test_only_its_author_submits_an_assessment(people: People, loans: Declared, who: str, said: str) -> None:
    with pytest.raises(Refused, match=said):
        people.act(who, "submit-assessment", "loans", reason="It is the first.")


def test_the_author_does_not_approve_whatever_their_roles(people: People, loans: Declared) -> None:
    edit(loans, "author: ann", "author: max")
    people.act("max", "submit-assessment", "loans", reason="It is the first.")
    with pytest.raises(Refused, match="whoever wrote something does not approve it"):
        approve(people, loans, by="max")
    with pytest.raises(Refused, match="takes the role governance_lead or system_owner"):
        approve(people, loans, by="mia")
    approve(people, loans)


def test_an_exception_lets_the_author_approve_until_its_day(people: People, loans: Declared) -> None:
    edit(loans, "author: ann", "author: max")
    said = Request(
        duty="author_approver", account="max", until=dt.date(2013, 7, 9), reason="alone", instead="a review in August"
    )
    asked = people.act("max", "request-exception", "loans", **said.model_dump(mode="json"))
    people.act("lena", "grant-exception", f"EX-{asked.seq}", statement=WORDS)
    people.act("max", "submit-assessment", "loans", reason="It is the first.")
    people.at = dt.datetime(2013, 7, 10, tzinfo=dt.UTC)
    with pytest.raises(Refused, match="whoever wrote"):
        approve(people, loans, by="max")
    people.at = dt.datetime(2013, 7, 9, 23, tzinfo=dt.UTC)
    approve(people, loans, by="max")
    assert people.faults() == []


def test_an_approval_is_of_the_bytes_that_were_looked_at(people: People, loans: Declared) -> None:
    people.act("ann", "submit-assessment", "loans", reason="It is the first.")
    seen = digest(loans)
    edit(loans, "author: ann", "author: ann  # a remark")
    people.act("ann", "submit-assessment", "loans", reason="A remark.")
    with pytest.raises(Refused, match=f"What waits for approval is {digest(loans)[:12]}"):
        people.act("oda", "approve-assessment", "loans", digest=seen, statement=WORDS)
    with pytest.raises(UsageFault, match="String should match pattern"):
        people.act("oda", "approve-assessment", "loans", digest="", statement=WORDS)
    people.act("oda", "approve-assessment", "loans", digest=digest(loans)[:8], statement=WORDS)
    assert now(people).digest == digest(loans)


def test_nothing_is_approved_twice_and_a_refused_version_is_not_in_force(people: People, loans: Declared) -> None:
    with pytest.raises(Refused, match="No version of loans's assessment waits"):
        approve(people, loans)
    people.act("ann", "submit-assessment", "loans", reason="It is the first.")
    with pytest.raises(Refused, match="with these bytes is submitted already"):
        people.act("ann", "submit-assessment", "loans", reason="Again.")
    people.act("lena", "refuse-assessment", "loans", reason="The young are missing.")
    assert now(people) is None
    with pytest.raises(Refused, match="waits for a decision"):
        approve(people, loans)
    agree(people, loans)
    with pytest.raises(Refused, match="with these bytes is approved already"):
        people.act("ann", "submit-assessment", "loans", reason="Again.")


def test_a_withdrawn_approval_leaves_nothing_in_force_and_brings_nothing_older_back(
    people: People, loans: Declared
) -> None:
    agree(people, loans)
    edit(loans, "version: 1", "version: 2")
    agree(people, loans)
    people.act("lena", "withdraw-approval", "loans", reason="The owner has left.")
    assert now(people) is None
    with people.register.reading() as connection:
        states = [version.state for version in versions(before(people, connection), "loans")]
    assert states == ["replaced", "withdrawn"]


def test_one_version_number_stands_for_one_text(people: People, loans: Declared) -> None:
    agree(people, loans)
    edit(loans, "author: ann", "author: ann  # a remark")
    with pytest.raises(Refused, match="Version 1 was approved with other bytes: raise `version`"):
        people.act("ann", "submit-assessment", "loans", reason="A remark.")


def test_which_version_was_in_force_on_a_day(people: People, loans: Declared) -> None:
    agree(people, loans)
    people.at += dt.timedelta(days=10)
    edit(loans, "version: 1", "version: 2")
    agree(people, loans)
    with people.register.reading() as connection:
        found = [
            in_force_on(before(people, connection), "loans", day) for day in days("06-30", "07-01", "07-10", "07-11")
        ]
    assert [version and version.number for version in found] == [None, 1, 1, 2]


def days(*named: str) -> list[dt.date]:
    return [dt.date.fromisoformat(f"2013-{day}") for day in named]


def test_what_loosens_is_approved_only_after_its_replay(people: People, loans: Declared) -> None:
    agree(people, loans)
    edit(loans, "version: 1", "version: 2")
    edit(loans, "limit: 0.25", "limit: 0.35")
    submitted = people.act("ann", "submit-assessment", "loans", reason="Incomes move.")
    assert [change["field"] for change in submitted.body["changes"]["loosened"]] == ["limit"]
    with pytest.raises(Refused, match="loosens what is promised.*run `aims replay loans` first"):
        approve(people, loans)
    append(people, REPLAYED, {"submission": submitted.seq, "flips": 0, "questions": 3, "listed": []})
    approve(people, loans)
    assert now(people).replay["questions"] == 3
    assert people.faults() == []


def test_a_tightened_version_needs_no_replay(people: People, loans: Declared) -> None:
    agree(people, loans)
    edit(loans, "version: 1", "version: 2")
    edit(loans, "limit: 0.25", "limit: 0.2")
    agree(people, loans)
    assert now(people).number == 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"actor": "ann"}, "takes the role"),
        ({"assessment": "0" * 64}, "does not wait for a decision"),
        ({"token": None}, "must act with a personal token"),
    ],
    ids=["by the author", "of other bytes", "without a token"],
)
def test_an_approval_that_was_slipped_in_is_found_when_the_record_is_replayed(
    people: People, loans: Declared, change: dict[str, Any], said: str
) -> None:
    submitted = people.act("ann", "submit-assessment", "loans", reason="It is the first.")
    actor = change.pop("actor", "oda")
    body = {
        "submission": submitted.seq,
        "assessment": digest(loans),
        "digest": digest(loans),
        "statement": WORDS,
        "token": people.secrets[actor].split("_")[1],
    }
    append(people, APPROVED, {**body, **change}, actor=actor)
    (fault,) = people.faults()
    assert said in fault


def test_a_submission_whose_changes_were_typed_is_found(people: People, loans: Declared) -> None:
    agree(people, loans)
    edit(loans, "version: 1", "version: 2")
    edit(loans, "limit: 0.25", "limit: 0.35")
    submitted = people.act("ann", "submit-assessment", "loans", reason="Incomes move.")
    assert people.faults() == []
    people.act("oda", "refuse-assessment", "loans", reason="Not so.")
    append(people, submitted.kind, {**submitted.body, "changes": {}}, actor="ann")
    (fault,) = people.faults()
    assert "What it says to have changed is not what has changed." in fault


def test_the_pipeline_approves_nothing(people: People, loans: Declared) -> None:
    people.act("ann", "submit-assessment", "loans", reason="It is the first.")
    said = {"digest": digest(loans), "statement": WORDS}
    with pytest.raises(Refused, match="is for people"), ledger.writing(people.register.engine) as connection:
        perform(connection, BY_VERB["approve-assessment"], "loans", said, account=SERVICE, at=AT)
    assert now(people) is None


def test_an_approval_that_the_pipeline_entered_stays_readable_and_brings_nothing_into_force(
    people: People, loans: Declared
) -> None:
    """As earlier versions of the program noted an `approval.yaml`; and one that was made to look like an act."""
    submitted = people.act("ann", "submit-assessment", "loans", reason="It is the first.")
    append(people, APPROVED, {"assessment": digest(loans), "version": 1, "basis": "approval.yaml"})
    append(people, APPROVED, {"assessment": digest(loans), "submission": submitted.seq, "statement": WORDS})
    assert now(people) is None
    assert people.faults() == []
    approve(people, loans)
    assert now(people).decided_by == "oda"


def test_no_demonstration_replaces_or_approves_what_a_real_person_did(people: People, loans: Declared) -> None:
    with ledger.writing(people.register.engine) as connection:
        for name, roles in (("demo.lead", ["governance_lead"]), ("demo.author", ["engineer"])):
            said = {"roles": roles, "demonstration": True}
            perform(connection, OPEN, name, said, account=SERVICE, at=AT)
    people.act("ann", "submit-assessment", "loans", reason="It is the first.")
    with (
        pytest.raises(Refused, match="submitted by a real person"),
        ledger.writing(people.register.engine) as connection,
    ):
        said = {"digest": digest(loans), "statement": WORDS}
        perform(connection, BY_VERB["approve-assessment"], "loans", said, account="demo.lead", at=AT)
    approve(people, loans)
    edit(loans, "version: 1", "version: 2")
    edit(loans, "author: ann", "author: demo.author")
    with ledger.writing(people.register.engine) as connection:
        perform(connection, BY_VERB["submit-assessment"], "loans", {"reason": WORDS}, account="demo.author", at=AT)
    with (
        pytest.raises(Refused, match="approved by a real person"),
        ledger.writing(people.register.engine) as connection,
    ):
        said = {"digest": digest(loans), "statement": WORDS}
        perform(connection, BY_VERB["approve-assessment"], "loans", said, account="demo.lead", at=AT)
    assert now(people).number == 1


# Re-assessment


def test_a_second_person_keeps_the_version_and_that_answers(people: People, loans: Declared) -> None:
    edit(loans, "author: ann", "author: max")
    people.act("max", "submit-assessment", "loans", reason="It is the first.")
    approve(people, loans)
    with pytest.raises(Refused, match="Nothing asks for a new look"):
        people.act("oda", "keep-assessment", "loans", reason=WORDS)
    ask(people)
    with pytest.raises(Refused, match="whoever wrote something"):
        people.act("max", "keep-assessment", "loans", reason=WORDS)
    people.act("oda", "keep-assessment", "loans", reason=WORDS)
    with people.register.reading() as connection:
        (item,) = reassessments(before(people, connection), "loans")
        assert (item.answer, item.answered_by) == ("kept", "oda")
        assert unanswered(before(people, connection), "loans") == []
    assert people.faults() == []


def test_a_review_that_was_due_is_kept_only_with_the_next_one(people: People, loans: Declared) -> None:
    edit(loans, "review_by: ", "review_by: 2013-09-01  # ")
    agree(people, loans)
    assert [now(people).overdue(day) for day in days("09-01", "09-02")] == [False, True]
    people.at = dt.datetime(2013, 9, 2, tzinfo=dt.UTC)
    ask(people, "time")
    with pytest.raises(Refused, match="say by when the next one is"):
        people.act("oda", "keep-assessment", "loans", reason=WORDS)
    for wrong in ("2013-09-02", "2014-09-04"):
        with pytest.raises(Refused, match="The next review is after today and by 2014-09-03"):
            people.act("oda", "keep-assessment", "loans", reason=WORDS, review_by=wrong)
    people.act("oda", "keep-assessment", "loans", reason=WORDS, review_by="2014-09-03")
    assert not now(people).overdue(dt.date(2014, 9, 3))
    assert people.faults() == []


def test_an_assessment_whose_review_is_over_is_not_approved(people: People, loans: Declared) -> None:
    edit(loans, "review_by: ", "review_by: 2013-06-30  # ")
    people.act("ann", "submit-assessment", "loans", reason="It is the first.")
    with pytest.raises(Refused, match="Its review was due by 2013-06-30"):
        approve(people, loans)


def test_a_submission_answers_until_it_is_refused(people: People, loans: Declared) -> None:
    agree(people, loans)
    ask(people)
    edit(loans, "version: 1", "version: 2")
    people.act("ann", "submit-assessment", "loans", reason="For the other model.")
    with people.register.reading() as connection:
        assert unanswered(before(people, connection), "loans") == []
    people.act("oda", "refuse-assessment", "loans", reason="It says nothing of it.")
    with people.register.reading() as connection:
        assert [item.trigger for item in unanswered(before(people, connection), "loans")] == ["new_model"]


def test_what_is_due_is_the_review_the_answer_and_the_decision(people: People, loans: Declared) -> None:
    agree(people, loans)
    number = ask(people)
    edit(loans, "version: 1", "version: 2")
    deadlines = declared_deadlines()
    with people.register.reading() as connection:
        found = {item.id: item.on for item in due(before(people, connection), deadlines)}
    assert found == {
        f"loans/review/{now(people).seq}": now(people).review_by,
        f"RA-{number}": AT.date() + dt.timedelta(days=deadlines.plan_days.major),
    }
    submitted = people.act("ann", "submit-assessment", "loans", reason="For the other model.")
    with people.register.reading() as connection:
        found = {item.id: item.on for item in due(before(people, connection), deadlines)}
    assert set(found) == {f"loans/review/{now(people).seq}", f"loans/decide/{submitted.seq}"}
