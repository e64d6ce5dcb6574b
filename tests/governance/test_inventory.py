"""Truth: a ledger of a few events written by hand against a declaration, and what a person would find in it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from governance import ledger
from governance.acts import SERVICE
from governance.declarations import Declarations, load
from governance.inventory import inventory_rows
from governance.register import Register
from tests.governance.conftest import NOON, Declared

IN_TIME = dt.date(2013, 8, 1)  # no batch is due before 10 October 2013


@pytest.fixture
def register(tmp_path: Path) -> Iterator[Register]:
    found = Register(tmp_path / "register.db")
    yield found
    found.engine.dispose()


def ran(register: Register, declaration: str, system: str = "loans", model: str | None = "reminder_ranking") -> None:
    at = dt.datetime.combine(IN_TIME, dt.time(6), dt.UTC)
    landed = {"digest": "ab", "declaration": declaration, "observed": {}}
    with ledger.writing(register.engine) as connection:
        ledger.append(connection, "batch.landed", f"{system}/2013-01-01/production", landed, actor=SERVICE, at=at)
        judged = {"inputs": {"data": "ab"}}
        ledger.append(connection, "batch.judged", f"{system}/2013-01-01", judged, actor=SERVICE, at=at)
        if model:
            ledger.append(connection, "model.trained", f"{system}/{model}", {}, actor=SERVICE, at=at)


def one(declared: Declared, register: Register | None, day: dt.date = IN_TIME) -> dict[str, Any]:
    found = load(declared.folder)
    (row,) = inventory_rows(Declarations({found.id: found}, {}), register, day)
    return row


def test_a_system_that_runs_as_declared_is_in_the_inventory_without_a_finding(declared: Declared, register: Register):
    ran(register, load(declared.folder).digest)
    row = one(declared, register)
    assert (row["state"], row["judged"], row["last_judged"]) == ("running", 1, "2013-01-01")
    assert row["models_trained"] == ["reminder_ranking"]
    assert not [finding for finding in row["findings"] if "2013Q2" not in finding], "only the other reference quarter"


def test_every_source_tells_its_licence_and_legal_basis_and_no_address(declared: Declared):
    data = one(declared, None)["data"]
    assert [source["part"] for source in data] == ["production", "training"]
    assert data[0]["licence"] == "none needed" and data[0]["legal_basis"] == "nobody is real"
    assert "path" not in data[0] and "in/" not in str(data)


def test_a_declared_system_that_never_ran_is_a_finding(declared: Declared, register: Register):
    row = one(declared, register)
    assert (row["state"], row["findings"]) == ("never ran", ["is declared and never ran"])
    assert one(declared, None)["state"] == "never ran"


def test_a_declaration_that_changed_since_it_ran_is_a_finding(declared: Declared, register: Register):
    ran(register, load(declared.folder).digest)
    declared.edit("system.yaml", "grace_days: 10", "grace_days: 11")
    assert "its declaration changed since it last took data in" in one(declared, register)["findings"]


def test_a_batch_that_is_long_overdue_is_a_finding_and_was_none_before_it_was_due(
    declared: Declared, register: Register
):
    ran(register, load(declared.folder).digest)
    late = [finding for finding in one(declared, register, dt.date(2013, 10, 11))["findings"] if "2013Q3" in finding]
    assert late == ["2013Q3: absent, its period and grace are over and nothing was landed"]
    assert not any("2013Q3" in finding for finding in one(declared, register, dt.date(2013, 10, 10))["findings"])


def test_a_system_seen_running_and_not_declared_is_in_the_inventory(declared: Declared, register: Register):
    ran(register, "cd", system="shadow", model="guess")
    found = load(declared.folder)
    rows = {row["id"]: row for row in inventory_rows(Declarations({found.id: found}, {}), register, NOON.date())}
    assert (rows["shadow"]["state"], rows["shadow"]["findings"]) == ("not declared", ["was seen running, undeclared"])
    assert rows["shadow"]["models_trained"] == ["guess"]
    assert list(rows["shadow"]) == list(rows["loans"]), "the same keys, declared or not"


def test_a_system_with_faults_is_not_lost(register: Register):
    (row,) = inventory_rows(Declarations({}, {"loans": ()}), register, NOON.date())
    assert (row["id"], row["state"]) == ("loans", "declared with faults")


def test_models_are_held_against_the_declared_one(declared: Declared, register: Register):
    ran(register, load(declared.folder).digest, model="older_ranking")
    findings = one(declared, register)["findings"]
    assert "its model reminder_ranking is declared and was never trained" in findings
    assert "a model older_ranking was trained that is not declared any more" in findings


def test_a_system_without_an_approved_assessment_and_a_retired_one_that_runs_are_findings(
    declared: Declared, register: Register
):
    ran(register, "ab")
    declared.edit("system.yaml", "stage: operation", "stage: retirement")
    declared.path("approval.yaml").unlink()
    findings = one(declared, register)["findings"]
    assert any("is NOT approved: no approval is in the record" in finding for finding in findings)
    assert "is declared retired and was seen running" in findings
