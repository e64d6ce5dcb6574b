"""Truth: a register in which every event was put by hand."""

import datetime as dt
from dataclasses import replace

import pytest

from governance.absence import record_absences, states
from governance.declared.declarations import Declaration, load
from governance.register import Register
from tests.governance.conftest import NOON, Declared, look

# Over on 2013-10-01; with ten days of grace, due on the 11th.
BATCH = "2013-07-01"
LAST_DAY_OF_GRACE, DUE = dt.date(2013, 10, 10), dt.date(2013, 10, 11)


@pytest.fixture
def declaration(declared: Declared) -> Declaration:
    return load(declared.folder)


def land(register: Register, digest: str = "first", part: str = "production", batch: str = BATCH) -> None:
    register.record("batch.landed", f"loans/{batch}/{part}", {"digest": digest}, at=NOON)


def hold(register: Register, reason: str, part: str = "production") -> None:
    register.record("batch.held", f"loans/{BATCH}/{part}", {"reason": reason}, at=NOON)


def judge(register: Register, data: str = "first") -> None:
    register.keep(look(batch=BATCH, data=data), at=NOON)


def state(declaration: Declaration, register: Register, as_of: dt.date = DUE) -> tuple[str, str]:
    (found,) = [item for item in states(declaration, register, as_of) if item.batch == BATCH]
    return found.state, found.reason


def test_every_declared_batch_is_listed_with_its_label(declaration: Declaration, register: Register):
    found = states(declaration, register, dt.date(2013, 4, 11))
    assert [(item.system, item.label, item.state) for item in found] == [
        ("loans", "2013Q1", "absent"),
        ("loans", "2013Q2", "expected"),
        ("loans", "2013Q3", "expected"),
        ("loans", "2013Q4", "expected"),
        ("loans", "2014Q1", "expected"),
        ("loans", "2014Q2", "expected"),
    ]


def test_a_batch_is_expected_while_its_grace_lasts_and_absent_after(declaration: Declaration, register: Register):
    assert state(declaration, register, LAST_DAY_OF_GRACE) == ("expected", "not due yet")
    assert state(declaration, register, DUE) == ("absent", "its period and grace are over and nothing was landed")


def test_a_landed_batch_waits_to_be_judged(declaration: Declaration, register: Register):
    land(register)
    assert state(declaration, register) == ("landed", "landed, not judged yet")


def test_a_landed_and_judged_batch_is_judged(declaration: Declaration, register: Register):
    land(register)
    judge(register)
    assert state(declaration, register) == ("judged", "")


def test_a_batch_that_came_anew_after_it_was_judged_is_not_judged(declaration: Declaration, register: Register):
    land(register)
    judge(register)
    land(register, "second")
    assert state(declaration, register) == ("landed", "landed anew, not judged since")
    judge(register, "second")
    assert state(declaration, register) == ("judged", "")


def test_a_batch_that_came_back_to_what_was_judged_is_judged(declaration: Declaration, register: Register):
    land(register)
    judge(register)
    land(register, "second")
    land(register, "first")
    assert state(declaration, register) == ("judged", "")


def test_a_held_batch_says_why_until_it_lands(declaration: Declaration, register: Register):
    hold(register, "the column income is missing")
    assert state(declaration, register) == ("held", "the column income is missing")
    hold(register, "the file cannot be read")
    assert state(declaration, register) == ("held", "the file cannot be read")
    land(register)
    assert state(declaration, register) == ("landed", "landed, not judged yet")


def test_a_judged_batch_whose_new_delivery_is_held_is_held(declaration: Declaration, register: Register):
    land(register)
    judge(register)
    hold(register, "the file cannot be read")
    assert state(declaration, register) == ("held", "the file cannot be read")


def test_outcomes_alone_are_no_batch(declaration: Declaration, register: Register):
    land(register, part="outcomes")
    hold(register, "the outcomes cannot be read", part="outcomes")
    assert state(declaration, register)[0] == "absent"


def test_another_system_and_a_window_of_several_batches_say_nothing(declaration: Declaration, register: Register):
    register.record("batch.landed", f"loans_two/{BATCH}/production", {"digest": "first"}, at=NOON)
    register.keep(look(batch=f"{BATCH}/2014-07-01"), at=NOON)
    assert state(declaration, register)[0] == "absent"


def test_absences_are_entered_once_however_often_one_looks(declaration: Declaration, register: Register):
    land(register, batch="2013-01-01")
    at = dt.datetime(2013, 10, 11, tzinfo=dt.UTC)
    assert record_absences(declaration, register, at) == 2
    assert record_absences(declaration, register, at) == 0
    assert [(event.subject, event.body["batch"]) for event in register.events("batch.absent")] == [
        ("loans/2013-04-01", "2013-04-01"),
        ("loans/2013-07-01", "2013-07-01"),
    ]
    assert record_absences(declaration, register, at + dt.timedelta(days=92)) == 1
    assert register.faults() == []


def test_nothing_is_absent_before_it_is_due(declaration: Declaration, register: Register):
    assert record_absences(declaration, register, dt.datetime(2013, 1, 2, tzinfo=dt.UTC)) == 0
    assert register.events() == []


def test_grace_is_as_long_as_declared(declaration: Declaration, register: Register):
    patient = declaration.system.batches.model_copy(update={"grace_days": 11})
    later = replace(declaration, system=declaration.system.model_copy(update={"batches": patient}))
    assert state(later, register, DUE)[0] == "expected"
