"""Truth: a ledger of a few events written by hand, and what a person would count in it."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from governance.declared.declarations import Declarations, load, load_all
from governance.evidence import counted, statement_rows
from governance.kinds import KINDS, PIPELINE
from governance.organisation.laid_down import SHAPES, load_organisation
from governance.people.acts import SERVICE
from governance.record import ledger
from governance.records import Outcome
from governance.register import Register
from governance.standard.controls import clauses, controls, feeds
from tests.governance.conftest import NOON, Declared, look

ROOT = Path(__file__).parents[2]
STATEMENT = load_organisation(ROOT / "data" / "organisation").applicability
DAY = NOON.date()


@pytest.fixture
def register(tmp_path: Path) -> Iterator[Register]:
    found = Register(tmp_path / "register.db")
    yield found
    found.engine.dispose()


def enter(register: Register, kind: str, subject: str, at: dt.datetime = NOON) -> None:
    with ledger.writing(register.engine) as connection:
        ledger.append(connection, kind, subject, {}, actor=SERVICE, at=at)


def row(name: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    (found,) = [row for row in rows if row["id"] == name]
    return found


def test_every_feed_names_a_clause_or_control_and_a_kind_that_the_program_can_append():
    assert set(feeds()) <= set(clauses()) | set(controls())
    assert {feed.kind for items in feeds().values() for feed in items} <= KINDS
    subjects = {feed.subject for items in feeds().values() for feed in items if feed.subject}
    assert subjects <= {f"organisation/{name}" for name in SHAPES}


def test_every_kind_that_the_pipeline_is_said_to_append_stands_in_its_code():
    code = "".join(
        path.read_text(encoding="utf-8")
        for folder in ("governance", "assets", "pipelines")
        for path in (ROOT / folder).rglob("*.py")
        if path.name != "kinds.py"
    )
    assert all(f'"{kind}"' in code for kind in PIPELINE)


def test_every_kind_that_stands_in_the_code_of_an_append_is_on_the_list():
    appended = re.compile(r"(?:record|turn|append)\(\s*(?:connection,\s*)?\"([a-z]+\.[a-z_]+)\"")
    found = {
        kind
        for folder in ("governance", "assets", "pipelines")
        for path in (ROOT / folder).rglob("*.py")
        for kind in appended.findall(path.read_text(encoding="utf-8"))
    }
    assert {"batch.judged", "batch.landed", "model.trained", "run.failed"} <= found <= KINDS


def test_with_nothing_recorded_nothing_is_evidenced_whatever_the_grade():
    rows = statement_rows(STATEMENT, Declarations({}, {}), None, DAY)
    assert [row["id"] for row in rows] == [*clauses(), *controls()]
    states = {row["id"]: row["state"] for row in rows}
    assert states.pop("A.10.4") == "excluded"
    assert set(states.values()) == {"not evidenced"}
    assert counted(rows, "control") == "37 not evidenced, 1 excluded"
    assert counted(rows, "clause") == "27 not evidenced"


def test_a_grade_becomes_the_state_only_where_something_feeds_it(register: Register):
    enter(register, "batch.checked", "loans/2013-07-01")
    enter(register, "batch.checked", "loans/2013-10-01", NOON + dt.timedelta(days=3))
    rows = statement_rows(STATEMENT, Declarations({}, {}), register, DAY + dt.timedelta(days=10))
    quality = row("A.7.4", rows)
    assert (quality["state"], quality["grade"], quality["recorded"], quality["age_days"]) == ("auto", "auto", 2, 7)
    assert quality["evidence"] == [
        {
            "what": "batch.checked",
            "count": 2,
            "newest": (NOON + dt.timedelta(days=3)).isoformat(timespec="milliseconds"),
        }
    ]
    assert row("A.10.3", rows)["state"] == "part"
    assert row("A.5.3", rows)["state"] == "not evidenced", "automatic, and nothing was recorded"
    assert counted(rows, "control") == "35 not evidenced, 1 part, 1 auto, 1 excluded"


def test_what_was_recorded_later_is_not_seen_on_an_earlier_day(register: Register):
    late = dt.datetime.combine(DAY, dt.time(23, 59, 59), dt.UTC)
    enter(register, "batch.checked", "loans/2013-07-01", late)
    enter(register, "batch.checked", "loans/2013-10-01", late + dt.timedelta(seconds=2))
    count = {
        day: row("A.7.4", statement_rows(STATEMENT, Declarations({}, {}), register, day))["recorded"]
        for day in (DAY - dt.timedelta(days=1), DAY, DAY + dt.timedelta(days=1))
    }
    assert list(count.values()) == [0, 1, 2]


def test_an_approval_of_one_document_is_no_evidence_of_another(register: Register):
    enter(register, "document.approved", "organisation/policy")
    rows = statement_rows(STATEMENT, Declarations({}, {}), register, DAY)
    assert row("A.2.2", rows)["state"] == "track"
    assert row("A.2.2", rows)["evidence"][0]["what"] == "document.approved policy"
    assert row("6.1.1", rows)["state"] == "not evidenced"
    assert row("5.1", rows)["state"] == "track", "which any approval feeds"


def test_verdicts_are_evidence_of_the_controls_that_their_criterion_names(register: Register, declared: Declared):
    systems = Declarations({"loans": load(declared.folder)}, {})
    register.keep(look({"income_is_stable/income": Outcome.CONFORMING}), at=NOON)
    monitored = row("A.6.2.6", statement_rows(STATEMENT, systems, register, DAY))
    assert {"verdicts of loans/income_is_stable", "batch.judged"} == {one["what"] for one in monitored["evidence"]}
    assert row("A.5.4", statement_rows(STATEMENT, systems, register, DAY))["state"] == "not evidenced"
    register.keep(look({"regions_are_alike/north": Outcome.NOT_EVALUATED}, batch="2013-10-01"), at=NOON)
    assert row("A.5.4", statement_rows(STATEMENT, systems, register, DAY))["state"] == "not evidenced", "a tool broke"
    register.keep(look({"regions_are_alike/north": Outcome.INCONCLUSIVE}, batch="2014-01-01"), at=NOON)
    fair = row("A.5.4", statement_rows(STATEMENT, systems, register, DAY))
    assert (fair["state"], fair["recorded"]) == ("part", 1)
    before = statement_rows(STATEMENT, systems, register, DAY - dt.timedelta(days=1))
    assert row("A.5.4", before)["state"] == "not evidenced", "on the day before it was judged"


def test_without_a_statement_the_controls_say_that_nobody_decided():
    rows = statement_rows(None, Declarations({}, {}), None, DAY)
    assert {row["because"] for row in rows if row["sort"] == "control"} == {"nobody decided on it"}
    assert {row["included"] for row in rows if row["sort"] == "control"} == {None}


def test_an_excluded_control_says_why_and_no_count_calls_it_covered(register: Register):
    rows = statement_rows(STATEMENT, load_all(ROOT / "data" / "systems"), register, DAY)
    customers = row("A.10.4", rows)
    assert (customers["state"], customers["included"]) == ("excluded", False)
    assert "supplied to a customer" in customers["because"]
    assert row("A.6.2.6", rows)["references"][:2] == ["nist_ai_rmf: GOVERN 1.7", "nist_ai_rmf: MEASURE 2.4"]
