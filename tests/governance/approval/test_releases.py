"""A model version is released by people, through gates; what was required and found stands in the record.

Truth: each gate shut by one planted fact beside a twin without it; events forged with the ledger's own `append`.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from pathlib import Path
from typing import Any

import pytest

from governance.approval.approvals import DUE, in_force, versions
from governance.approval.releases import GRANTED, Release, released, releases_of
from governance.approval.releasing import due
from governance.cases import nonconformity
from governance.organisation.laid_down import declared_deadlines
from governance.organisation.management import Deadlines
from governance.people.acts import SERVICE, Before, Refused
from governance.record import ledger
from governance.record.ledger import Event
from governance.register import Register
from tests.governance.conftest import Declared, declare
from tests.people import People

AT = dt.datetime(2013, 7, 1, 9, tzinfo=dt.UTC)
GOOD, POOR = "a" * 64, "b" * 64
WORDS = "looked at and found right"


@pytest.fixture
def people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> People:
    """A system under an assessment that ann wrote and oda approved, with one good model."""
    monkeypatch.setenv("AIMS_SYSTEMS", str(tmp_path / "systems"))
    found = People(Register(tmp_path / "register.db"), AT)
    declared = declare(tmp_path / "systems")
    agree(found, declared)
    train(found, GOOD)
    return found


def agree(people: People, declared: Declared) -> None:
    people.act("ann", "submit-assessment", "loans", reason="It is the first.")
    digest = hashlib.sha256(declared.path("impact_assessment.yaml").read_bytes()).hexdigest()
    people.act("oda", "approve-assessment", "loans", digest=digest, statement=WORDS)


def append(people: People, kind: str, subject: str, body: dict[str, Any], actor: str = SERVICE) -> Event:
    with ledger.writing(people.register.engine) as connection:
        return ledger.append(connection, kind, subject, body, actor=actor, at=people.at)


def train(people: People, model: str, *, met: bool = True) -> int:
    reason = f"roc_auc 0.{7 if met else 5}000 on 900 held-out rows, must be at least 0.6"
    release = [{"metric": "roc_auc", "met": met, "reason": reason}]
    return append(people, "model.trained", "loans/reminder_ranking", {"model": model, "release": release}).seq


def request(people: People) -> str:
    return f"REL-{people.act('eve', 'request-release', 'loans', reason='It ranks better.').seq}"


def release(people: People, name: str, by: str = "oda") -> Event:
    return people.act(by, "release-model", name, statement=WORDS)


def all_of(people: People) -> dict[str, Release]:
    return releases_of(people.register.events("release.*"))


def confirmed(people: People, severity: str = "major") -> str:
    with ledger.writing(people.register.engine) as connection:
        opened = nonconformity.suspect(
            connection,
            system="loans",
            requirement="audit_1",
            segment="finding",
            source="audit",
            severity=severity,
            reason="no minutes",
            owner=None,
            evidence={},
            at=people.at,
        )
    assert opened is not None
    people.act("luis", "confirm", f"NC-{opened.seq}", reason=WORDS)
    return f"NC-{opened.seq}"


def close(people: People, case: str) -> None:
    """Corrected, with no corrective action needed."""
    people.act("eve", "contain", case, correction="The minutes were written.", consequences="none")
    people.act("eve", "request-waiver", case, reason="It was one meeting.")
    people.act("luis", "approve-waiver", case, statement=WORDS)
    people.act("lena", "close", case, statement=WORDS, changed="nothing")


def ask(people: People) -> int:
    with people.register.reading() as connection:
        before = Before(connection, ledger.head(connection)[0] + 1, people.at)
        now = in_force(versions(before, "loans"))
    assert now is not None
    body = {"submission": now.seq, "trigger": "schema_change", "about": "x", "what": "other columns", "evidence": []}
    return append(people, DUE, "loans", body).seq


def test_a_version_whose_gates_hold_is_released_and_the_record_says_what_was_found(people: People) -> None:
    name = request(people)
    assert released(all_of(people).values()) == {}
    release(people, name)
    found = released(all_of(people).values())["loans/reminder_ranking"]
    assert (found.id, found.model, found.requested_by, found.decided_by) == (name, GOOD, "eve", "oda")
    assert [(gate["gate"], gate["holds"]) for gate in found.gates] == [
        ("held_out", True),
        ("assessment", True),
        ("nonconformities", True),
    ]
    assert found.gates[0]["found"] == "roc_auc 0.7000 on 900 held-out rows, must be at least 0.6"
    assert people.faults() == []


def test_nobody_releases_what_they_asked_for(people: People) -> None:
    name = f"REL-{people.act('max', 'request-release', 'loans', reason='It ranks better.').seq}"
    with pytest.raises(Refused, match="whoever asked for something does not approve it"):
        release(people, name, by="max")
    with pytest.raises(Refused, match="takes the role governance_lead or system_owner"):
        release(people, name, by="mia")
    release(people, name)


def test_a_model_that_misses_its_release_criteria_is_not_released(people: People) -> None:
    train(people, POOR, met=False)
    name = request(people)
    with pytest.raises(Refused, match=r"held_out: roc_auc 0\.5000 on 900 held-out rows"):
        release(people, name)


def test_without_an_assessment_in_force_nothing_is_released(people: People) -> None:
    name = request(people)
    people.act("lena", "withdraw-approval", "loans", reason="The owner has left.")
    with pytest.raises(Refused, match="assessment: no version is in force"):
        release(people, name)


def test_while_something_asks_for_a_new_look_nothing_is_released(people: People) -> None:
    name, number = request(people), ask(people)
    with pytest.raises(Refused, match=f"RA-{number} has no answer: other columns"):
        release(people, name)
    people.act("oda", "keep-assessment", "loans", reason=WORDS)
    release(people, name)


def test_after_the_review_was_due_nothing_is_released(people: People, tmp_path: Path) -> None:
    path = tmp_path / "systems" / "loans" / "impact_assessment.yaml"
    text = path.read_text(encoding="utf-8").replace("review_by: ", "review_by: 2013-07-09  # ")
    path.write_text(text.replace("version: 1", "version: 2"), encoding="utf-8")
    agree(people, Declared(path.parent))
    name = request(people)
    people.at = dt.datetime(2013, 7, 10, tzinfo=dt.UTC)
    with pytest.raises(Refused, match="its review was due by 2013-07-09"):
        release(people, name)
    people.at = dt.datetime(2013, 7, 9, tzinfo=dt.UTC)
    release(people, name)


@pytest.mark.parametrize(("severity", "stops"), [("minor", False), ("major", True), ("critical", True)])
def test_a_confirmed_nonconformity_that_weighs_stops_a_release(people: People, severity: str, stops: bool) -> None:
    name, case = request(people), confirmed(people, severity)
    if stops:
        with pytest.raises(Refused, match=f"nonconformities: confirmed and open: {case}"):
            release(people, name)
        close(people, case)
    release(people, name)
    assert people.faults() == []


def test_a_suspicion_alone_stops_no_release_and_is_told(people: People) -> None:
    name = request(people)
    with ledger.writing(people.register.engine) as connection:
        said = {"requirement": "8.4", "segment": "time", "source": "requirement", "severity": "critical"}
        nonconformity.suspect(connection, system="loans", **said, reason="late", owner=None, evidence={}, at=people.at)
    release(people, name)
    assert all_of(people)[name].gates[2]["found"] == "none is confirmed and open; 1 suspected"


def test_an_exception_opens_one_gate_of_one_release_until_its_day(people: People) -> None:
    train(people, POOR, met=False)
    name = request(people)
    said = {"gate": "held_out", "until": "2013-07-10", "reason": "Nothing better is there.", "instead": "Read by hand."}
    with pytest.raises(Refused, match="takes the role governance_lead"):
        people.act("oda", "except-release", name, **said)
    with pytest.raises(Refused, match="An exception ends between today and 2013-10-01"):
        people.act("lena", "except-release", name, **{**said, "until": "2013-10-02"})
    people.act("lena", "except-release", name, **said)
    ask(people)
    with pytest.raises(Refused, match="^REL-[0-9]+ is not let through. assessment:"):
        release(people, name)
    people.act("oda", "keep-assessment", "loans", reason=WORDS)
    people.at = dt.datetime(2013, 7, 11, tzinfo=dt.UTC)
    with pytest.raises(Refused, match="held_out"):
        release(people, name)
    people.at = dt.datetime(2013, 7, 10, tzinfo=dt.UTC)
    release(people, name)
    found = all_of(people)[name]
    assert [gate["until"] for gate in found.gates] == ["2013-07-10", None, None]
    states = [found.as_row(dt.date(2013, 7, day))["state"] for day in (10, 11)]
    assert states == ["released", "exception expired"]
    assert people.faults() == []


def test_whoever_asks_for_a_release_excepts_nothing_from_it(people: People) -> None:
    train(people, POOR, met=False)
    name = f"REL-{people.act('max', 'request-release', 'loans', reason='It ranks better.').seq}"
    said = {"gate": "held_out", "until": "2013-07-10", "reason": "Nothing better is there.", "instead": "Read by hand."}
    with pytest.raises(Refused, match="somebody else must grant the exception"):
        people.act("max", "except-release", name, **said)


def test_a_later_release_replaces_the_one_before_and_a_withdrawn_one_leaves_none(people: People) -> None:
    first = request(people)
    release(people, first)
    train(people, POOR)
    second = request(people)
    release(people, second)
    assert {name: item.state for name, item in all_of(people).items()} == {first: "replaced", second: "released"}
    people.act("lena", "withdraw-release", second, reason="It ranks the young last.")
    assert released(all_of(people).values()) == {}
    with pytest.raises(Refused, match="is withdrawn, and this takes one that is released"):
        people.act("lena", "withdraw-release", second, reason="Again.")


def test_the_same_model_is_asked_for_once(people: People) -> None:
    name = request(people)
    with pytest.raises(Refused, match=f"is requested already .{name}."):
        request(people)
    people.act("oda", "refuse-release", name, reason="Not now.")
    request(people)


def test_a_release_whose_gates_were_typed_is_found(people: People) -> None:
    train(people, POOR, met=False)
    name = request(people)
    gates = [
        {"gate": gate, "required": "", "holds": True, "found": "all is well", "until": None}
        for gate in ("held_out", "assessment", "nonconformities")
    ]
    body = {"request": int(name[4:]), "gates": gates, "statement": WORDS, "token": people.secrets["oda"].split("_")[1]}
    append(people, GRANTED, "loans/reminder_ranking", body, actor="oda")
    (fault,) = people.faults()
    assert "The gates that it states are not what the record holds." in fault


def test_what_is_due_is_the_decision_and_the_end_of_an_exception(people: People) -> None:
    deadlines: Deadlines = declared_deadlines()
    train(people, POOR, met=False)
    name = request(people)
    with people.register.reading() as connection:
        (item,) = due(Before(connection, 10**9, people.at), deadlines)
    assert (item.id, item.on) == (f"{name}/decide", AT.date() + dt.timedelta(days=deadlines.triage_days.major))
    said = {"gate": "held_out", "until": "2013-07-10", "reason": "Nothing better is there.", "instead": "Read by hand."}
    people.act("lena", "except-release", name, **said)
    release(people, name)
    with people.register.reading() as connection:
        (item,) = due(Before(connection, 10**9, people.at), deadlines)
    assert (item.id, item.on, item.owner) == (f"{name}/exception", dt.date(2013, 7, 10), "oda")


def train_on(people: People, model: str, *, blocking: bool = False, broken: bool = False) -> None:
    """A model that says what its snapshot met: one rule is unmet, or could not be evaluated."""
    rule = {"rule": "income: nullValues", "blocking": blocking, "reason": "3 of 400 rows are NULL"}
    snapshot = {"met": 4, "unmet": [] if broken else [rule], "not_evaluated": [rule] if broken else []}
    body = {"model": model, "release": [], "inputs": {"data": "d" * 64}, "snapshot": snapshot | {"tool_failed": broken}}
    append(people, "model.trained", "loans/reminder_ranking", body)


def test_a_version_whose_snapshot_only_warned_is_released_and_the_gate_says_of_what(people: People) -> None:
    train_on(people, POOR)
    name = request(people)
    release(people, name)
    gate = next(gate for gate in all_of(people)[name].gates if gate["gate"] == "snapshot")
    assert gate["holds"] and "warned: 3 of 400 rows are NULL" in gate["found"]
    assert people.faults() == []


@pytest.mark.parametrize("how", ["checked again", "held back", "a broken tool"])
def test_a_version_whose_snapshot_failed_is_let_through_by_an_exception_only(people: People, how: str) -> None:
    train_on(people, POOR, broken=how == "a broken tool")
    name, subject, why = request(people), "loans/training/training", "3 of 400 rows are NULL"
    if how == "checked again":
        unmet = [{"rule": "x", "blocking": True, "reason": why}]
        checked = {"inputs": {"digest": "d" * 64}, "met": 3, "unmet": unmet, "not_evaluated": [], "tool_failed": False}
        append(people, "batch.checked", subject, checked)
    elif how == "held back":
        append(people, "batch.held", subject, {"digest": "d" * 64, "reason": f"The contract is not met: {why}."})
    with pytest.raises(Refused, match=f"snapshot: trained on a snapshot that failed: .*{why}"):
        release(people, name)
    said = {"gate": "snapshot", "until": "2013-07-10", "reason": "Nothing better is there.", "instead": "Read by hand."}
    people.act("luis", "except-release", name, **said)
    release(people, name)
    assert all_of(people)[name].state == "released"
    assert people.faults() == []


def test_what_was_held_for_another_snapshot_says_nothing_of_this_one(people: People) -> None:
    train_on(people, POOR)
    append(people, "batch.held", "loans/training/training", {"digest": "e" * 64, "reason": "The contract is not met."})
    name = request(people)
    release(people, name)
    assert all_of(people)[name].state == "released"
