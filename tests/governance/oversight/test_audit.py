"""Internal audit: samples that come out of the record again, auditors who had no hand in what they look at."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.organisation.laid_down import declared_deadlines
from governance.oversight.audit import DRAWN, FIXED, Audit, audits_of, due, fixed_sample, sample_faults
from governance.oversight.sampling import Item, drawn, population_of
from governance.people.acts import SERVICE, Refused
from governance.people.due import months_later
from governance.record import ledger
from governance.record.canonical import canonical_bytes
from governance.record.ledger import Event
from governance.records import Outcome
from governance.register import Register
from tests.governance.acting_people import Door
from tests.governance.conftest import NOON, look

PLAN: dict[str, Any] = {
    "criteria": ("9.1", "A.6.2.6"), "objective": "Whether verdicts are looked at.", "auditor": "auditor", "due": "2026-06-30",
}  # fmt: skip


def judged(door: Door, batches: int = 6, system: str = "loans") -> None:
    """So many batches with three verdicts each, under an assessment that names people."""
    for number in range(batches):
        outcomes = {f"c{n}/s": Outcome.CONFORMING for n in range(3)}
        assessed = look(outcomes, batch=f"2013-{number + 1:02}-01", system=system, data=f"{system}{number}")
        criteria = {f"c{n}": {"owner": "team:loans" if n else "auditor2", "version": 1} for n in range(3)}
        approved = {"sha256": "ab" * 32, "version": 1, "approved_by": "owner", "criteria": criteria}
        object.__setattr__(assessed, "assessment", approved)
        assert door.register.keep(assessed, at=NOON)


def planned(door: Door, scope: str = "loans", **changed: Any) -> str:
    return f"AU-{door.act('lead', 'plan-audit', scope, **{**PLAN, **changed}).seq}"


def sampled(door: Door, size: int = 6, **said: Any) -> str:
    judged(door)
    name = planned(door)
    door.act("auditor", "draw-sample", name, population="verdicts", size=size, **said)
    return name


def audit(door: Door, name: str) -> Audit:
    with door.before() as before:
        return audits_of(before.events("audit.*"))[int(name[3:])]


def redraw_faults(door: Door) -> list[str]:
    with door.register.reading() as connection:
        return list(sample_faults(connection))


# The sample


def test_the_seed_and_the_sample_follow_from_the_record_alone(staffed: Door):
    """By the formula, with hashlib and the entry of the planning event, and nothing of the module."""
    name = sampled(staffed)
    seq = int(name[3:])
    with staffed.register.reading() as connection:
        entry = connection.exec_driver_sql("SELECT entry FROM event WHERE seq = ?", (seq,)).scalar_one()
        ids = [row[0] for row in connection.exec_driver_sql("SELECT id FROM verdict")]
    seed = hashlib.sha256(canonical_bytes(["sample", entry, seq, 1])).hexdigest()
    (sample,) = audit(staffed, name).samples
    ranked = sorted(ids, key=lambda i: hashlib.sha256(f"{seed}/{i}".encode()).digest())
    assert (sample["seed"], sample["population_size"]) == (seed, 18)
    assert [item["id"] for item in sample["items"]] == ranked[:6]
    text = json.dumps(sorted(ids), separators=(",", ":"))
    assert sample["population_sha256"] == hashlib.sha256(text.encode()).hexdigest()


def test_a_sample_is_drawn_again_to_the_same_whatever_came_since(staffed: Door):
    name = sampled(staffed)
    judged(staffed, 3, "houses")
    with staffed.register.reading() as connection:
        (draw,) = ledger.events(connection, kind=DRAWN)
        (fixed,) = ledger.events(connection, kind=FIXED)
        assert fixed_sample(connection, draw) == fixed.body
    assert staffed.register.faults() == []
    assert len(audit(staffed, name).items) == 6


def test_whoever_draws_cannot_choose_the_seed_and_a_second_draw_is_another_one(staffed: Door):
    name = sampled(staffed)
    from governance.faults import UsageFault

    with pytest.raises(UsageFault, match="seed"):
        staffed.act("auditor", "draw-sample", name, population="verdicts", size=6, seed="00" * 32)
    staffed.act("auditor", "draw-sample", name, population="verdicts", size=6)
    first, second = audit(staffed, name).samples
    assert first["seed"] != second["seed"] and first["population_sha256"] == second["population_sha256"]
    assert redraw_faults(staffed) == []


@pytest.mark.parametrize(
    "change", ["an item", "the seed", "the size of the population", "nobody drew it", "never fixed"]
)
def test_a_sample_that_was_tampered_with_is_found(staffed: Door, change: str):
    name = sampled(staffed)
    seq = int(name[3:])
    with staffed.register.reading() as connection:
        (fixed,) = ledger.events(connection, kind=FIXED)
    body = json.loads(json.dumps(fixed.body))
    said = {"audit": seq, "population": "verdicts", "size": 6, "since": None, "until": None, "token": None}
    if change != "nobody drew it":
        body["draw"] = staffed.forge(DRAWN, "loans/audit", said, actor="auditor")
    if change == "an item":
        body["items"][0] = {**body["items"][0], "id": "v-chosen"}
    elif change == "the seed":
        body["seed"] = "00" * 32
    elif change == "the size of the population":
        body["population_size"] += 1
    if change != "never fixed":
        staffed.forge(FIXED, "loans/audit", body, actor=SERVICE)
    (fault,) = redraw_faults(staffed)
    assert fault in staffed.register.faults()


def items(count: int) -> list[Item]:
    return [Item(f"v-{n}", (n,), ()) for n in range(count)]


def test_every_item_is_as_likely_as_any_other():
    """2,000 draws of 5 of 20: 500 each. Chi-square with 19 degrees of freedom, 99.9 % at 43.8."""
    seen: Counter[str] = Counter()
    for seed in range(2000):
        seen.update(item.id for item in drawn(f"{seed:064x}", items(20), 5))
    assert sum((count - 500) ** 2 / 500 for count in seen.values()) * 20 / 15 < 43.8
    assert len(seen) == 20


@given(st.integers(0, 2**64), st.integers(1, 30), st.integers(1, 40))
def test_an_item_that_comes_later_moves_no_other_one(seed: int, count: int, size: int):
    before, after = drawn(str(seed), items(count), size), drawn(str(seed), items(count + 1), size)
    assert len(before) == min(size, count) and set(before) - set(after) <= {before[-1]}
    assert drawn(str(seed), reversed(items(count)), size) == before


@pytest.mark.parametrize("name", ["verdicts", "batches", "nonconformities", "acts", "assessments"])
def test_each_population_is_what_the_record_holds_of_the_scope(staffed: Door, name: str):
    judged(staffed, 4)
    judged(staffed, 2, "houses")
    breach = look({"c9/s": Outcome.BREACH}, system="loans", data="breach")
    staffed.register.keep(breach, at=NOON)
    expected = {
        "verdicts": (13, 19),
        "batches": (5, 7),
        "nonconformities": (1, 1),
        "acts": (0, 0),
        "assessments": (1, 2),
    }
    with staffed.register.reading() as connection:
        head = ledger.head(connection)[0] + 1
        sizes = [len(population_of(connection, name, scope, head)) for scope in ("loans", "organisation")]
        assert tuple(sizes) == expected[name]
        assert population_of(connection, name, "loans", 1) == []
        assert population_of(connection, name, "loan", head) == [], "a name that only begins like it is another system"
        days = {"since": "2020-01-01", "until": "2020-01-01"}
        assert len(population_of(connection, name, "loans", head, **days)) == expected[name][0]
        assert population_of(connection, name, "loans", head, since="2020-01-02") == []


# Independence


def test_an_auditor_finds_nothing_about_what_they_had_a_hand_in(staffed: Door):
    """`auditor2` owns criterion c0; all 18 verdicts are drawn, six of them are about c0."""
    name = sampled(staffed, size=18)
    staffed.act("lead", "appoint-auditor", name, auditor="auditor2", reason="A second pair of eyes.")
    found = audit(staffed, name)
    theirs = [item for item, involved in found.items.items() if "auditor2" in involved]
    others = [item for item in found.items if item not in theirs]
    assert len(theirs) == 6 and {i for item in others for i in found.items[item]} == {"owner", "team:loans"}
    said = {"grade": "conformity", "requirement": "9.1", "finding": "Looked at in time."}
    with pytest.raises(Refused, match="has not owned, written, approved or done it"):
        staffed.act("auditor2", "record-finding", name, items=(others[0], theirs[0]), **said)
    staffed.act("auditor2", "record-finding", name, items=others, **said)
    staffed.act("auditor", "record-finding", name, items=theirs, **said)
    staffed.act("auditor", "conclude-audit", name, conclusion="It is kept to.")
    assert staffed.faults() == []


def test_whoever_had_a_hand_in_the_system_does_not_audit_it(staffed: Door):
    said = {
        "duty": "author_approver",
        "account": "owner",
        "until": "2026-04-01",
        "reason": "alone",
        "instead": "a look",
    }
    staffed.act("engineer", "request-exception", "loans", **said)
    staffed.act("lead", "change-account", "engineer", roles=("auditor",), demonstration=True)
    with pytest.raises(Refused, match=r"engineer had a hand in loans \(event \d+, exception.requested\)"):
        planned(staffed, auditor="engineer")
    with pytest.raises(Refused, match="had a hand in organisation"):
        planned(staffed, "organisation", auditor="engineer")
    planned(staffed, "houses", auditor="engineer")


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"auditor": "owner"}, "no open account with the role auditor"),
        ({"auditor": "ghost"}, "no open account with the role auditor"),
        ({"auditor": "teamed"}, "answers for team:loans"),
        ({"auditor": "elsewhere"}, "may not act on loans"),
        ({"due": "2026-03-01"}, "is over"),
        ({"criteria": ("fairness",)}, "should match pattern"),
        ({"criteria": ()}, "at least 1"),
    ],
    ids=["no auditor", "nobody", "answers for a team", "of another system", "a day that is over", "no requirement", "none"],
)  # fmt: skip
def test_a_plan_that_cannot_be_is_refused(staffed: Door, changed: dict[str, Any], says: str):
    staffed.open("teamed", "auditor", teams=("team:loans",))
    staffed.open("elsewhere", "auditor", systems=("houses",))
    head = staffed.register.head()
    with pytest.raises(ValueError, match=says):
        planned(staffed, **changed)
    assert staffed.register.head() == head


# The course of an audit


def test_only_the_auditor_of_this_audit_draws_finds_and_concludes(staffed: Door):
    name = sampled(staffed)
    said = {"grade": "conformity", "requirement": "9.1", "finding": "Looked at in time."}
    for account in ("lead", "engineer", "owner", "reviewer", "desk"):
        with pytest.raises(Refused, match="takes the role auditor"):
            staffed.act(account, "record-finding", name, **said)
    for verb, body in (
        ("draw-sample", {"population": "verdicts", "size": 1}), ("record-finding", said),
        ("conclude-audit", {"conclusion": "fine"}),
    ):  # fmt: skip
        with pytest.raises(Refused, match="is audited by auditor, and auditor2 is none of them"):
            staffed.act("auditor2", verb, name, **body)
    with pytest.raises(Refused, match="takes the role governance_lead"):
        planned_by_auditor = {**PLAN}
        staffed.act("auditor", "plan-audit", "loans", **planned_by_auditor)


def test_an_audit_is_concluded_once_every_item_was_looked_at(staffed: Door):
    name = planned(staffed)
    with pytest.raises(Refused, match="Nothing was drawn"):
        staffed.act("auditor", "conclude-audit", name, conclusion="It is kept to.")
    judged(staffed)
    staffed.act("auditor", "draw-sample", name, population="verdicts", size=3)
    drawn_ids = list(audit(staffed, name).items)
    said = {"grade": "conformity", "requirement": "9.1", "finding": "Looked at in time."}
    with pytest.raises(Refused, match="v-other was not drawn"):
        staffed.act("auditor", "record-finding", name, items=("v-other",), **said)
    staffed.act("auditor", "record-finding", name, items=drawn_ids[:2], **said)
    with pytest.raises(Refused, match="1 of 3 items .* have no finding yet"):
        staffed.act("auditor", "conclude-audit", name, conclusion="It is kept to.")
    staffed.act("auditor", "record-finding", name, items=drawn_ids[2:], **said)
    with pytest.raises(Refused, match="no longer cancelled"):
        staffed.act("lead", "cancel-audit", name, reason="Inconvenient.")
    staffed.act("auditor", "conclude-audit", name, conclusion="It is kept to.")
    with pytest.raises(Refused, match="was concluded"):
        staffed.act("auditor", "record-finding", name, items=drawn_ids[:1], **said)
    row = audit(staffed, name).as_row()
    assert (row["state"], row["conclusion"], row["not_looked_at"]) == ("concluded", "It is kept to.", [])
    assert staffed.faults() == []


def test_a_nonconformity_found_by_an_audit_is_in_the_same_register(staffed: Door):
    name = sampled(staffed, size=1)
    (item,) = audit(staffed, name).items
    for grade in ("conformity", "observation"):
        staffed.act("auditor", "record-finding", name, items=(item,), grade=grade, requirement="9.1", finding="Fine.")
    assert staffed.register.nonconformities() == []
    found = staffed.act(
        "auditor", "record-finding", name, items=(item,), grade="major", requirement="9.1", finding="Nobody looked."
    )
    (case,) = staffed.register.nonconformities()
    assert (case.source, case.system, case.criterion, case.segment) == ("audit", "loans", "9.1", name)
    assert (case.state, case.severity, case.evidence["reason"]) == ("suspected", "major", "Nobody looked.")
    assert (case.evidence["finding"], case.evidence["items"]) == (found.seq, [item])
    staffed.act("owner", "confirm", case.id, reason="True.", owner="engineer")
    assert staffed.faults() == []


def test_nothing_to_draw_from_refuses_the_draw_and_leaves_nothing(staffed: Door):
    name = planned(staffed)
    head = staffed.register.head()
    with pytest.raises(Refused, match="There are no nonconformities of loans"):
        staffed.act("auditor", "draw-sample", name, population="nonconformities", size=3)
    assert staffed.register.head() == head


def test_a_planned_audit_can_be_cancelled_and_then_no_more(staffed: Door):
    name = planned(staffed)
    staffed.act("lead", "cancel-audit", name, reason="The system was retired.")
    with pytest.raises(Refused, match="was cancelled"):
        staffed.act("auditor", "draw-sample", name, population="acts", size=3)


def test_what_the_programme_owes_is_due(staffed: Door):
    deadlines = declared_deadlines()

    def days() -> list[tuple[str, str]]:
        with staffed.before() as before:
            return [(item.on.isoformat(), item.what) for item in due(before, deadlines)]

    assert days() == [("2027-03-02", "plan the next audit")]
    name = sampled(staffed, size=1)
    assert days() == [("2026-06-30", "record what was found, and conclude")]
    (item,) = audit(staffed, name).items
    staffed.act(
        "auditor", "record-finding", name, items=(item,), grade="conformity", requirement="9.1", finding="Fine."
    )
    staffed.tick(days=40)
    staffed.act("auditor", "conclude-audit", name, conclusion="It is kept to.")
    assert days() == [(months_later(staffed.at.date(), 12).isoformat(), "plan the next audit")]


@pytest.mark.parametrize(
    ("day", "months", "later"),
    [("2024-01-31", 1, "2024-02-29"), ("2023-12-31", 2, "2024-02-29"), ("2024-02-29", 12, "2025-02-28"), ("2024-06-15", 6, "2024-12-15")],
)  # fmt: skip
def test_months_later(day: str, months: int, later: str):
    import datetime as dt

    assert months_later(dt.date.fromisoformat(day), months).isoformat() == later


def test_an_event_about_an_audit_that_never_was_is_passed_over():
    event = Event(5, "2026-01-01T00:00:00.000+00:00", "x", "audit.concluded", "loans/audit", {"audit": 3})
    assert audits_of([event]) == {}


def test_an_empty_register_has_no_samples_to_draw_again(register: Register):
    assert register.faults() == []
