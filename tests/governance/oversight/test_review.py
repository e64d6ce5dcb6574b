"""Management review: a pack that is the same whenever it is made, figures counted by hand, decisions that are followed."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from governance.cases import nonconformity
from governance.organisation.laid_down import declared_deadlines
from governance.oversight.review import Decided, Review, decisions_of, due, pack_faults, pack_of, reviews_of
from governance.people.acts import SERVICE, Refused
from governance.record import ledger
from governance.record.canonical import digest
from governance.records import Outcome
from tests.governance.acting_people import Door
from tests.governance.conftest import NOON, look


def opened(door: Door) -> str:
    return f"MR-{door.act('lead', 'open-review', 'organisation', occasion='The planned one.').seq}"


def closed(door: Door, name: str) -> None:
    door.act("lead", "close-review", name, attendance=("lead", "owner"), conclusion="It works.")


def the_review(door: Door, name: str) -> Review:
    with door.before() as before:
        return reviews_of(before.events("review.*"))[int(name[3:])]


def pack(door: Door, name: str) -> dict[str, Any]:
    with door.register.reading() as connection:
        return pack_of(connection, the_review(door, name))


def decided(door: Door, review: str, **changed: Any) -> str:
    said = {"category": "improvement", "decision": "Look weekly.", "owner": "engineer", "due": "2026-12-31", **changed}
    return f"D-{door.act('lead', 'record-decision', review, **said).seq}"


def decision(door: Door, name: str) -> Decided:
    with door.before() as before:
        return decisions_of(before.events("review.*"))[int(name[2:])]


def case(door: Door, segment: str, severity: str = "major") -> str:
    with ledger.writing(door.register.engine) as connection:
        event = nonconformity.suspect(
            connection, system="loans", requirement="9.1", segment=segment, source="audit", severity=severity,
            reason="Nobody looked.", owner=None, evidence={}, at=door.tick(),
        )  # fmt: skip
    assert event is not None
    return f"NC-{event.seq}"


def through(door: Door, name: str, *, contained_after: float, effective: bool) -> None:
    """From confirmation to the verification of the first action."""
    door.act("owner", "confirm", name, reason="True.", owner="engineer")
    at = door.tick(days=contained_after)
    door.act("engineer", "contain", name, at=at, correction="Looked.", consequences="None.")
    door.act("engineer", "find-cause", name, cause="No rota.", grounds="The calendar.", extent="Only here.")
    last = (door.at + dt.timedelta(days=30)).date().isoformat()
    door.act("engineer", "plan-action", name, action="A rota.", effect="It is kept.", due=last)
    door.act("owner", "approve-action", name, statement="Good.")
    door.act("engineer", "implement", name, done="The rota hangs.")
    door.act("reviewer", "verify", name, effective=effective, statement="Looked at the calendar.")


def lived(door: Door) -> None:
    """A record of which every figure below was counted by hand."""
    assessed = look({"c0/s": Outcome.CONFORMING, "c1/s": Outcome.INCONCLUSIVE, "c2/s": Outcome.BREACH}, system="houses")
    object.__setattr__(
        assessed, "assessment", {**(assessed.assessment or {}), "false_alarms": {"at_most": 1.0, "per": "year"}}
    )
    door.register.keep(assessed, at=NOON)
    door.forge("batch.absent", "houses/2013-10-01", {"batch": "2013-10-01", "reason": "nothing came"}, actor=SERVICE)
    first, second, third = case(door, "a"), case(door, "b"), case(door, "c", "minor")
    through(door, first, contained_after=2, effective=True)
    through(door, second, contained_after=6, effective=False)
    door.act("lead", "close", first, statement="Looked.", changed="The rota.")
    door.act("reviewer", "downgrade", third, to="observation", reason="Once, and harmless.")
    exception = door.act(
        "engineer", "request-exception", "loans", duty="author_approver", account="owner",
        until=(door.at + dt.timedelta(days=20)).date().isoformat(), reason="Two people only.", instead="A second look.",
    )  # fmt: skip
    door.act("lead", "grant-exception", f"EX-{exception.seq}", statement="Nobody else is there.")
    concern = door.act("engineer", "report-concern", "loans", category="privacy", origin="inside", reporter="account", text_sha256="ab" * 32)  # fmt: skip
    door.act("desk", "report-concern", "loans", category="safety", origin="outside", reporter="withheld", text_sha256="cd" * 32)  # fmt: skip
    door.act("owner", "assess-concern", f"C-{concern.seq}", outcome="improvement", reason="A shorter form.")
    said = {
        "what": "A list went astray.",
        "severity": "minor",
        "affected": ("borrowers",),
        "clocks": ("gdpr_33.authority",),
    }
    door.act("engineer", "declare-incident", "loans", aware_at=door.at.isoformat(), **said)


# The pack


def test_every_figure_is_the_one_counted_by_hand(staffed: Door):
    lived(staffed)
    found = pack(staffed, opened(staffed))
    register = found["nonconformities"]
    names = ("opened", "confirmed", "rejected", "downgraded", "closed", "closed_without_action", "reopened")
    assert {name: register[name] for name in names} == dict(zip(names, (4, 2, 0, 1, 1, 0, 0), strict=True))
    assert register["opened_by_source"] == {"audit": 3, "criterion": 1}
    assert register["opened_by_system"] == {"houses": 1, "loans": 3}
    # Contained after 2 days and some minutes, and after 2 + 6 days and some minutes.
    assert register["days_to_contain"]["cases"] == 2
    assert 5 <= register["days_to_contain"]["median"] <= 5.1 and 8 <= register["days_to_contain"]["longest"] <= 8.1
    assert register["effective_at_first_try"] == {"verified": 2, "effective": 1, "share": 0.5}
    assert register["open_by_state"] == {"ineffective": 1, "suspected": 1}
    assert register["open_by_severity"] == {"major": 2}
    (monitored,) = found["monitoring"]
    assert monitored["verdicts"] == {"not_evaluated": 0, "inconclusive": 1, "breach": 1, "warning": 0, "conforming": 1}
    assert (monitored["system"], monitored["looks"], monitored["absent"], monitored["held_back"]) == ("houses", 1, 1, 0)
    assert monitored["false_alarm_budget"] == {"at_most": 1.0, "per": "year"}
    (exception,) = found["exceptions"]
    assert (exception["account"], exception["granted_by"], exception["state"]) == ("owner", "lead", "granted")
    concerns = found["concerns"]
    assert (concerns["raised"], concerns["by_origin"]) == (2, {"inside": 1, "outside": 1})
    assert len(concerns["not_assessed"]) == 1
    (incident,) = found["incidents"]
    assert [clock["state"] for clock in incident["clocks"]] == ["running"]
    assert [row["what"] for row in found["improvements"]] == [
        "9.1 [b] is in round 2", "Once, and harmless.", "A shorter form.",
    ]  # fmt: skip
    assert found["decisions"] == []
    assert found["changes"]["counts"] == {"account.opened": 9}


def test_a_second_try_that_works_is_no_first_one(staffed: Door):
    name = case(staffed, "a")
    through(staffed, name, contained_after=1, effective=False)
    staffed.act("engineer", "find-cause", name, cause="No time.", grounds="The calendar.", extent="Only here.")
    last = (staffed.at + dt.timedelta(days=30)).date().isoformat()
    staffed.act("engineer", "plan-action", name, action="Time.", effect="It is kept.", due=last)
    staffed.act("owner", "approve-action", name, statement="Good.")
    staffed.act("engineer", "implement", name, done="An hour a week.")
    staffed.act("reviewer", "verify", name, effective=True, statement="Looked at the calendar.")
    tried = pack(staffed, opened(staffed))["nonconformities"]["effective_at_first_try"]
    assert tried == {"verified": 1, "effective": 0, "share": 0.0}


def test_the_pack_is_the_same_at_any_later_time(staffed: Door):
    lived(staffed)
    name = opened(staffed)
    before = pack(staffed, name)
    assert before["size"] == int(name[3:]) - 1
    assert the_review(staffed, name).pack_sha256 == digest(before)
    staffed.tick(days=200)
    staffed.register.keep(look({"c0/s": Outcome.BREACH}, system="houses", data="later"), at=staffed.at)
    through(staffed, case(staffed, "d"), contained_after=1, effective=True)
    decided(staffed, name)
    closed(staffed, name)
    assert pack(staffed, name) == before
    assert staffed.register.faults() == []


def test_a_pack_that_was_altered_or_never_fixed_is_found(staffed: Door):
    name = opened(staffed)
    closed(staffed, name)
    seq = staffed.forge(
        "review.opened", "organisation/review", {"occasion": "A secret one.", "token": None}, actor="lead"
    )
    with staffed.register.reading() as connection:
        assert [fault.split()[1] for fault in pack_faults(connection)] == [str(seq)]
    body = {"review": seq, "size": seq - 1, "version": 1, "sha256": "ab" * 32}
    staffed.forge("review.pack_fixed", "organisation/review", body, actor=SERVICE)
    with staffed.register.reading() as connection:
        (fault,) = pack_faults(connection)
    assert "made again, the pack is another one" in fault and fault in staffed.register.faults()


def test_a_later_review_is_about_what_came_since(staffed: Door):
    lived(staffed)
    first = opened(staffed)
    one, two = (
        decided(staffed, first),
        decided(staffed, first, decision="Hire somebody.", owner="owner", due=staffed.at.date().isoformat()),
    )
    closed(staffed, first)
    staffed.act("engineer", "complete-decision", one, done="Weekly since May.")
    staffed.tick(days=30)
    second = opened(staffed)
    found = pack(staffed, second)
    assert found["since"] == int(first[3:])
    assert [(row["id"], row["state"]) for row in found["decisions"]] == [(one, "done"), (two, "overdue")]
    assert found["nonconformities"]["opened"] == 0 and len(found["nonconformities"]["open"]) == 2
    assert found["monitoring"] == [] and found["changes"]["events"] == []
    assert found["exceptions"] == [], "it ended before, and nothing was said about it since"
    closed(staffed, second)
    third = pack(staffed, opened(staffed))
    assert [row["id"] for row in third["decisions"]] == [two], "what was done is told once"


def test_an_exception_is_listed_as_long_as_it_holds(staffed: Door):
    lived(staffed)
    closed(staffed, opened(staffed))
    staffed.tick(days=5)
    assert [row["state"] for row in pack(staffed, opened(staffed))["exceptions"]] == ["granted"]


def test_an_empty_record_has_an_empty_pack(staffed: Door):
    found = pack(staffed, opened(staffed))
    assert found["nonconformities"]["effective_at_first_try"] == {"verified": 0, "effective": 0, "share": None}
    assert found["nonconformities"]["days_to_contain"] == {"cases": 0, "median": None, "longest": None}
    assert found["audits"] == found["incidents"] == found["improvements"] == found["monitoring"] == []


# Who does what


@pytest.mark.parametrize("by", ["owner", "engineer", "reviewer", "auditor", "desk"])
def test_only_a_governance_lead_opens_decides_and_closes(staffed: Door, by: str):
    name = opened(staffed)
    said: dict[str, Any] = {"category": "other", "decision": "Nothing.", "owner": "owner", "due": "2026-12-31"}
    for verb, subject, body in (
        ("open-review", "organisation", {"occasion": "My own."}), ("record-decision", name, said),
        ("close-review", name, {"attendance": (by, "lead"), "conclusion": "Fine."}),
    ):  # fmt: skip
        with pytest.raises(Refused, match="takes the role governance_lead"):
            staffed.act(by, verb, subject, **body)


@pytest.mark.parametrize(
    ("attendance", "says"),
    [
        (("lead",), "that one person holds alone"),
        (("lead", "lead"), "that one person holds alone"),
        (("owner", "engineer"), "is not among those who took part"),
        (("lead", "ghost"), "ghost has no open account"),
        (("lead", "desk"), "desk has no open account of a person"),
    ],
)
def test_a_review_is_held_by_people_and_by_more_than_one(staffed: Door, attendance: tuple[str, ...], says: str):
    name = opened(staffed)
    with pytest.raises(Refused, match=says):
        staffed.act("lead", "close-review", name, attendance=attendance, conclusion="Fine.")
    closed(staffed, name)
    with pytest.raises(Refused, match="is not open"):
        closed(staffed, name)
    with pytest.raises(Refused, match="is not open"):
        decided(staffed, name)
    assert staffed.faults() == []


def test_there_is_one_open_review_at_a_time_and_it_is_of_everything(staffed: Door):
    name = opened(staffed)
    with pytest.raises(Refused, match=f"{name} is open"):
        opened(staffed)
    with pytest.raises(Refused, match="say organisation, not 'loans'"):
        staffed.act("lead", "open-review", "loans", occasion="A small one.")


def test_a_decision_is_done_when_its_owner_says_so_and_postponed_by_somebody_else(staffed: Door):
    review = opened(staffed)
    with pytest.raises(Refused, match="desk has no open account of a person"):
        decided(staffed, review, owner="desk")
    with pytest.raises(Refused, match="is over"):
        decided(staffed, review, due="2026-03-01")
    name, own = decided(staffed, review), decided(staffed, review, owner="lead")
    with pytest.raises(Refused, match="was given to engineer"):
        staffed.act("lead", "complete-decision", name, done="I think so.")
    with pytest.raises(Refused, match="lead may not do this"):
        staffed.act("lead", "postpone-decision", own, until="2027-12-31", reason="Too much to do.")
    staffed.act("lead2", "postpone-decision", own, until="2027-12-31", reason="Too much to do.")
    assert decision(staffed, own).due == "2027-12-31"
    staffed.act("engineer", "complete-decision", name, done="Weekly since May.")
    with pytest.raises(Refused, match="is not open"):
        staffed.act("engineer", "complete-decision", name, done="Again.")
    assert decision(staffed, name).done_by == "engineer"
    assert staffed.faults() == []


def test_what_reviews_owe_is_due(staffed: Door):
    def waiting() -> list[tuple[str, str]]:
        with staffed.before() as before:
            return [(item.id, item.on.isoformat()) for item in due(before, declared_deadlines())]

    assert waiting() == [("review-programme/2026-03-02", "2026-09-02")]
    review = opened(staffed)
    assert waiting() == [(review, "2026-03-22")]
    name = decided(staffed, review)
    closed(staffed, review)
    assert waiting() == [(name, "2026-12-31"), ("review-programme/2026-03-02", "2026-09-02")]
    staffed.act("engineer", "complete-decision", name, done="Weekly since May.")
    assert waiting() == [("review-programme/2026-03-02", "2026-09-02")]
