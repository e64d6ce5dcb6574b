"""Concerns: whose they are stays unsaid where it must, somebody else looks at them, texts are not in the record."""

from __future__ import annotations

from typing import Any

import pytest

from governance.cases.concerns import Concern, concerns_of, due
from governance.organisation.laid_down import declared_deadlines
from governance.people.acts import Refused
from tests.governance.acting_people import Door

SAID: dict[str, Any] = {
    "category": "unfair_treatment",
    "origin": "inside",
    "reporter": "account",
    "text_sha256": "ab" * 32,
}


def raised(door: Door, by: str = "engineer", **changed: Any) -> str:
    return f"C-{door.act(by, 'report-concern', 'loans', **{**SAID, **changed}).seq}"


def concern(door: Door, name: str) -> Concern:
    with door.before() as before:
        return concerns_of(before.events("concern.*"))[int(name[2:])]


@pytest.mark.parametrize("by", ["engineer", "owner", "reviewer", "lead", "auditor"])
def test_anybody_with_an_account_raises_a_concern(staffed: Door, by: str):
    name = raised(staffed, by)
    assert (concern(staffed, name).reporter, concern(staffed, name).state) == (by, "reported")


def test_somebody_unnamed_is_named_nowhere(staffed: Door):
    """Through the intake account: no account of theirs stands in the event, in any key."""
    name = raised(staffed, "desk", reporter="withheld")
    with staffed.before() as before:
        (event,) = before.events("concern.*")
    assert event.actor == "desk" and concern(staffed, name).reporter is None
    assert event.body == {**SAID, "reporter": "withheld", "token": None}


def test_a_person_cannot_file_unnamed_what_the_event_would_name_them_for(staffed: Door):
    with pytest.raises(Refused, match="The event would carry the account engineer"):
        raised(staffed, reporter="withheld")
    raised(staffed, reporter="withheld", origin="outside")  # a letter that came in, filed by whoever opened it
    with pytest.raises(Refused, match="has no concerns of its own"):
        raised(staffed, "desk")


@pytest.mark.parametrize("verb", ["assess-concern", "erase-concern", "declare-incident", "confirm", "close", "verify"])
def test_an_intake_account_does_nothing_else(staffed: Door, verb: str):
    name = raised(staffed)
    said: dict[str, dict[str, Any]] = {
        "assess-concern": {"outcome": "dismissed", "reason": "no"},
        "erase-concern": {"reason": "why not"},
        "declare-incident": {"aware_at": staffed.at.isoformat(), "what": "x y z", "severity": "minor", "affected": ("all",)},
        "confirm": {"reason": "yes"}, "close": {"statement": "yes", "changed": "all"},
        "verify": {"effective": True, "statement": "yes"},
    }  # fmt: skip
    subject = name if "concern" in verb else "loans" if verb == "declare-incident" else "NC-1"
    head = staffed.register.head()
    with pytest.raises(Refused):
        staffed.act("desk", verb, subject, **{k: v if v != "no" else "not so" for k, v in said[verb].items()})
    assert staffed.register.head() == head


def test_whoever_raised_it_does_not_assess_it(staffed: Door):
    name = raised(staffed, "owner")
    with pytest.raises(Refused, match="whoever asked for something does not approve it"):
        staffed.act("owner", "assess-concern", name, outcome="dismissed", reason="Nothing in it.")
    staffed.act("owner2", "assess-concern", name, outcome="dismissed", reason="The rows show otherwise.")
    with pytest.raises(Refused, match="assessed already: dismissed"):
        staffed.act("lead", "assess-concern", name, outcome="incident", reason="It is one.")
    assert (concern(staffed, name).assessed_by, concern(staffed, name).reason) == ("owner2", "The rows show otherwise.")
    assert staffed.faults() == []


@pytest.mark.parametrize("by", ["engineer", "auditor"])
def test_others_do_not_assess(staffed: Door, by: str):
    name = raised(staffed, "owner")
    with pytest.raises(Refused, match="takes the role"):
        staffed.act(by, "assess-concern", name, outcome="dismissed", reason="Nothing in it.")


def test_a_concern_that_is_a_nonconformity_opens_a_case(staffed: Door):
    name = raised(staffed)
    for wrong in ({}, {"requirement": "8.4"}, {"severity": "major"}):
        with pytest.raises(Refused, match="says --requirement and --severity"):
            staffed.act("owner", "assess-concern", name, outcome="nonconformity", reason="True.", **wrong)
    with pytest.raises(Refused, match="and nothing else does"):
        staffed.act("owner", "assess-concern", name, outcome="dismissed", reason="Not so.", severity="major")
    staffed.act(
        "owner", "assess-concern", name, outcome="nonconformity", reason="True.", requirement="8.4", severity="major"
    )
    (case,) = staffed.register.nonconformities()
    assert (case.source, case.criterion, case.segment, case.severity) == ("concern", "8.4", name, "major")
    assert case.evidence["concern"] == name
    assert staffed.faults() == []


def test_a_text_is_erased_after_the_assessment_and_the_record_stays_whole(staffed: Door):
    name = raised(staffed)
    with pytest.raises(Refused, match="not assessed yet"):
        staffed.act("lead", "erase-concern", name, reason="Somebody asked.")
    staffed.act("owner", "assess-concern", name, outcome="dismissed", reason="Not so.")
    staffed.act("lead", "erase-concern", name, reason="Somebody asked.")
    with pytest.raises(Refused, match="was erased already"):
        staffed.act("lead", "erase-concern", name, reason="Again.")
    assert concern(staffed, name).erased and concern(staffed, name).state == "dismissed"
    assert staffed.register.faults() == []


def test_what_nobody_has_assessed_is_due(staffed: Door):
    deadlines = declared_deadlines()
    name = raised(staffed)
    with staffed.before() as before:
        (item,) = due(before, deadlines)
    assert (item.id, (item.on - staffed.at.date()).days) == (name, deadlines.triage_days.major)
    staffed.act("owner", "assess-concern", name, outcome="dismissed", reason="Not so.")
    with staffed.before() as before:
        assert list(due(before, deadlines)) == []


def test_a_concern_of_another_number_is_none(staffed: Door):
    with pytest.raises(Refused, match="There is no concern 'C-999'"):
        staffed.act("owner", "assess-concern", "C-999", outcome="dismissed", reason="Not so.")
    seq = staffed.forge("concern.assessed", "loans/concern", {"concern": 999, "outcome": "dismissed", "reason": "Not so.", "requirement": None, "severity": None}, actor="owner")  # fmt: skip
    assert staffed.faulty() == [seq]
