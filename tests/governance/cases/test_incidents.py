"""Incidents: clocks from the moment of becoming aware, by dated data; late is a finding; nobody is told by us."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from governance.cases.incidents import Incident, due, find_late, incidents_of
from governance.faults import DeclarationFaults
from governance.organisation.laid_down import declared_deadlines
from governance.people.acts import Refused
from governance.record import ledger
from governance.standard.regimes import FILE, terms
from tests.governance.acting_people import MORNING, Door

AWARE = MORNING - dt.timedelta(hours=5)  # 2026-03-02T04:00Z
CLOCKS = ("eu_ai_act_73.general", "gdpr_33.authority")
SAID: dict[str, Any] = {
    "aware_at": AWARE.isoformat(), "what": "Reminders went to people who had paid.", "severity": "major",
    "affected": ("borrowers",), "clocks": CLOCKS,
}  # fmt: skip
SENT: dict[str, Any] = {"to": "the authority of the region", "reference": "file 2026/17"}


def declared(door: Door, **changed: Any) -> str:
    return f"IN-{door.act('engineer', 'declare-incident', 'loans', **{**SAID, **changed}).seq}"


def incident(door: Door, name: str) -> Incident:
    with door.before() as before:
        return incidents_of(before.events("incident.*"))[int(name[3:])]


# The clocks


@pytest.mark.parametrize(
    ("clock", "deadline"),
    [
        ("eu_ai_act_73.general", "2026-03-17T04:00:00+00:00"),
        ("eu_ai_act_73.death", "2026-03-12T04:00:00+00:00"),
        ("eu_ai_act_73.widespread", "2026-03-04T04:00:00+00:00"),
        ("gdpr_33.authority", "2026-03-05T04:00:00+00:00"),
        ("own_policy.customers", "2026-03-07T04:00:00+00:00"),
    ],
)
def test_a_clock_runs_from_the_moment_of_becoming_aware(staffed: Door, clock: str, deadline: str):
    """15, 10 and 2 days, 72 hours, 5 days: counted by hand, whenever it was declared and in whichever zone."""
    staffed.tick(hours=3)
    west = AWARE.astimezone(dt.timezone(dt.timedelta(hours=-7))).isoformat()
    (running,) = incident(staffed, declared(staffed, clocks=(clock,), aware_at=west)).clocks
    assert running.deadline == deadline


def test_clocks_are_fixed_as_of_the_data_of_that_day(staffed: Door):
    """What the file says later moves no clock that runs."""
    name = declared(staffed)
    with staffed.before() as before:
        (started,) = before.events("incident.clocks_started")
    assert [clock["id"] for clock in started.body["clocks"]] == list(CLOCKS)
    assert {clock["as_of"] for clock in started.body["clocks"]} == {"2026-11-24"}
    assert [clock.as_of for clock in incident(staffed, name).clocks] == ["2026-11-24"] * 2


def test_the_times_are_data_with_source_and_date():
    for term in terms().values():
        assert term.regime.source and term.regime.as_of.isoformat() == "2026-11-24"
    assert {name: t.clock.within.total_seconds() / 3600 for name, t in terms().items()} == {
        "eu_ai_act_73.general": 360, "eu_ai_act_73.death": 240, "eu_ai_act_73.widespread": 48,
        "gdpr_33.authority": 72, "own_policy.customers": 120,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda d: d["regimes"][0]["clocks"][0].pop("days"), "either `hours` or `days`"),
        (lambda d: d["regimes"][0]["clocks"][0].update(hours=3), "either `hours` or `days`"),
        (lambda d: d["regimes"][0].pop("as_of"), "is missing"),
        (lambda d: d["regimes"][0].pop("source"), "is missing"),
        (lambda d: d["regimes"].append(d["regimes"][0]), "Ids must be unique"),
        (lambda d: d["regimes"][0].update(colour="red"), "unknown key"),
    ],
    ids=["no time", "two times", "no date", "no source", "an id twice", "an unknown key"],
)
def test_faulty_data_is_refused_with_its_place(tmp_path: Path, change: Any, says: str):
    document = yaml.safe_load(FILE.read_text("utf-8"))
    change(document)
    path = tmp_path / "regimes.yaml"
    path.write_text(json.dumps(document, default=str))
    with pytest.raises(DeclarationFaults, match=says):
        terms(path)


# The course of an incident


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"aware_at": "2026-03-02T12:00:00+00:00"}, "Nobody became aware"),
        ({"aware_at": "2026-03-02T04:00:00"}, "timezone"),
        ({"clocks": ("gdpr_33.nobody",)}, "There is no clock 'gdpr_33.nobody'"),
        ({"affected": ()}, "at least 1"),
        ({"concern": "C-999"}, "There is no concern C-999 about loans"),
        ({"case": "NC-999"}, "There is no case NC-999 about loans"),
        ({"what": "ask jane@example.org"}, "looks like an e-mail"),
    ],
)
def test_a_declaration_that_cannot_be_is_refused_and_leaves_nothing(staffed: Door, changed: dict[str, Any], says: str):
    head = staffed.register.head()
    with pytest.raises(ValueError, match=says):
        declared(staffed, **changed)
    assert staffed.register.head() == head


def test_an_incident_is_closed_once_everybody_was_told_or_need_not_be(staffed: Door):
    name = declared(staffed)
    with pytest.raises(Refused, match=r"eu_ai_act_73.general, gdpr_33.authority of IN-\d+ still runs"):
        staffed.act("lead", "close-incident", name, statement="Over.")
    with pytest.raises(Refused, match="takes the role governance_lead or system_owner"):
        staffed.act("engineer", "note-notification", name, clock=CLOCKS[1], sent_at=staffed.at.isoformat(), **SENT)
    staffed.act("owner", "note-notification", name, clock=CLOCKS[1], sent_at=staffed.at.isoformat(), **SENT)
    with pytest.raises(Refused, match="was notified already"):
        staffed.act("owner", "note-notification", name, clock=CLOCKS[1], sent_at=staffed.at.isoformat(), **SENT)
    staffed.act("lead", "exempt-clock", name, clock=CLOCKS[0], reason="No high-risk system.")
    staffed.act("lead", "close-incident", name, statement="Over.")
    with pytest.raises(Refused, match="was closed"):
        staffed.act("lead", "close-incident", name, statement="Over again.")
    assert [clock.state for clock in incident(staffed, name).clocks] == ["exempted", "notified"]
    assert staffed.register.nonconformities() == [] and staffed.faults() == []


def test_whoever_declared_it_neither_exempts_nor_closes(staffed: Door):
    event = staffed.act("lead", "declare-incident", "loans", **{**SAID, "clocks": CLOCKS[1:]})
    name = f"IN-{event.seq}"
    with pytest.raises(Refused, match="lead may not do this"):
        staffed.act("lead", "exempt-clock", name, clock=CLOCKS[1], reason="None of theirs.")
    staffed.act("lead2", "exempt-clock", name, clock=CLOCKS[1], reason="None of theirs.")
    with pytest.raises(Refused, match="lead may not do this"):
        staffed.act("lead", "close-incident", name, statement="Over.")
    staffed.act("lead2", "close-incident", name, statement="Over.")


@pytest.mark.parametrize(("hours", "late"), [(71.9, False), (72, False), (72.1, True)])
def test_late_is_a_finding_and_in_time_is_none(staffed: Door, hours: float, late: bool):
    name = declared(staffed)
    sent = AWARE + dt.timedelta(hours=hours)
    staffed.act(
        "owner",
        "note-notification",
        name,
        at=sent + dt.timedelta(hours=9),
        clock=CLOCKS[1],
        sent_at=sent.isoformat(),
        **SENT,
    )
    cases = staffed.register.nonconformities()
    assert len(cases) == late
    if late:
        assert (cases[0].criterion, cases[0].segment, cases[0].source) == (
            "A.8.4",
            f"{name}-{CLOCKS[1]}",
            "requirement",
        )
        row = incident(staffed, name).as_row(sent)["clocks"][1]
        assert (row["state"], row["late_hours"]) == ("notified", 0.1)


def test_a_clock_that_ran_out_is_found_without_anybody_and_once(staffed: Door):
    name = declared(staffed)

    def found(at: dt.datetime) -> int:
        with ledger.writing(staffed.register.engine) as connection:
            return find_late(connection, at)

    assert found(AWARE + dt.timedelta(hours=72)) == 0
    after = AWARE + dt.timedelta(hours=72, minutes=1)
    assert (found(after), found(after)) == (1, 0)
    (case,) = staffed.register.nonconformities()
    assert case.evidence["clock"] == CLOCKS[1] and name in case.evidence["reason"]
    sent = after + dt.timedelta(hours=1)
    staffed.act("owner", "note-notification", name, at=sent, clock=CLOCKS[1], sent_at=sent.isoformat(), **SENT)
    assert len(staffed.register.nonconformities()) == 1, "told too late is the same finding"


def test_a_late_clock_that_people_rejected_is_not_opened_again(staffed: Door):
    declared(staffed)
    after = AWARE + dt.timedelta(hours=73)
    with ledger.writing(staffed.register.engine) as connection:
        assert find_late(connection, after) == 1
    (case,) = staffed.register.nonconformities()
    staffed.act("owner", "reject", case.id, at=after, reason="The authority was closed that day.")
    with ledger.writing(staffed.register.engine) as connection:
        assert find_late(connection, after + dt.timedelta(hours=1)) == 0
    assert [item.state for item in staffed.register.nonconformities()] == ["rejected"]


@pytest.mark.parametrize("hours", [-1, 30])
def test_nobody_was_told_before_somebody_was_aware_or_in_the_future(staffed: Door, hours: int):
    name = declared(staffed)
    sent = (AWARE + dt.timedelta(hours=hours)).isoformat()
    with pytest.raises(Refused, match="before somebody was aware, or is still to come"):
        staffed.act("owner", "note-notification", name, clock=CLOCKS[1], sent_at=sent, **SENT)


def test_running_clocks_and_undeclared_incidents_are_due(staffed: Door):
    def waiting() -> list[tuple[str, str]]:
        with staffed.before() as before:
            return [(item.id, item.on.isoformat()) for item in due(before, declared_deadlines())]

    raised = staffed.act("engineer", "report-concern", "loans", category="safety", origin="inside", reporter="account", text_sha256="ab" * 32)  # fmt: skip
    staffed.act("owner", "assess-concern", f"C-{raised.seq}", outcome="incident", reason="It is one.")
    assert waiting() == [(f"C-{raised.seq}/declare", "2026-03-02")]
    name = declared(staffed, concern=f"C-{raised.seq}")
    assert waiting() == [(f"{name}/{CLOCKS[0]}", "2026-03-17"), (f"{name}/{CLOCKS[1]}", "2026-03-05")]
    for clock in CLOCKS:
        staffed.act("lead", "exempt-clock", name, clock=clock, reason="No duty of ours.")
    assert waiting() == []
    assert staffed.faults() == []
