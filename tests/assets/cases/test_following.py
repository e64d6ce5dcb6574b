"""Open cases followed: facts for the cause and the extent, later batches against what was registered, reminders."""

from __future__ import annotations

import datetime as dt
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from assets.cases.causes import candidates
from assets.cases.extent import shares
from assets.cases.following import follow
from assets.kept.home import site
from governance import reminders
from governance.batches import out_of_use
from governance.cases import nonconformity
from governance.cases.corrective_action import step_in_words
from governance.cases.effectiveness import evidence_of
from governance.cases.nonconformity import Nonconformity
from governance.declared.declarations import Declaration, load, load_all
from governance.declared.system import System
from governance.organisation.laid_down import declared_deadlines
from governance.organisation.management import Deadlines
from governance.people.acts import SERVICE, Refused, perform
from governance.people.due import Due
from governance.processes import BY_VERB
from governance.record import ledger
from tests.conftest import BATCHES, PROVENANCE, Made, made_rows, system_yaml, write_csv

MARCH, APRIL, MAY = BATCHES[2:]
AT = dt.datetime.now(dt.UTC)
PEOPLE = {"lena": "governance_lead", "oda": "system_owner", "mia": "ml_reviewer", "eve": "engineer"}
# What a release says of its model, as far as anything here reads it.
RELEASE = {"model": "ab" * 32, "trained": 1, "reason": "the first one", "statement": "gates were read"}
DUE = (AT.date() + dt.timedelta(days=30)).isoformat()


class Story:
    """One made system whose incomes move in April, and people who see to it."""

    def __init__(self, made: Made) -> None:
        self.made = made
        for batch in BATCHES[:3]:
            made.send(batch)
        made.send(APRIL, shift=2.0)
        made.aims("run", "loans", *BATCHES[:4], check=1)
        for name, role in PEOPLE.items():
            self.act("open-account", name, SERVICE, roles=(role,), demonstration=True)

    @property
    def case(self) -> Nonconformity:
        cases = site().register.nonconformities("loans")
        return next(case for case in cases if case.criterion == "income_is_stable")

    def act(self, verb: str, subject: str, by: str, **said: Any) -> None:
        with ledger.writing(site().register.engine) as connection:
            perform(connection, BY_VERB[verb], subject, said, account=by, at=AT)

    def follow(self) -> Any:
        return follow(load_all(self.made.systems).sound, site(run="test"))

    def facts(self, step: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.case.steps[f"{nonconformity.FACTS}/{step}"].body["facts"]
        return found

    def confirm(self) -> None:
        self.act("confirm", self.case.id, "mia", reason="incomes moved", owner="eve")
        self.follow()

    def implement(self, **plan: Any) -> None:
        name = self.case.id
        self.confirm()
        self.act("contain", name, "eve", correction="April is left out", consequences="none so far")
        self.act("find-cause", name, "eve", cause="another unit", grounds="the mean", extent="April alone")
        said = {"action": "convert", "effect": "stays where it was", "due": DUE, "from_batch": MAY, "batches": 1}
        self.act("plan-action", name, "eve", **{**said, **plan})
        self.act("approve-action", name, "oda", statement="agreed with that")
        self.act("implement", name, "eve", done="converted since May")

    def may(self, **how: Any) -> None:
        self.made.send(MAY, **how)
        self.made.aims("run", "loans", MAY, check=1 if how else 0)


@pytest.fixture
def story(made: Made) -> Story:
    return Story(made)


def test_the_planted_shift_is_the_first_candidate_for_the_cause(story: Story) -> None:
    story.confirm()
    moved = [fact["about"] for fact in story.facts("cause") if fact["kind"] == "moved"]
    assert moved[0] == "income"
    parts = [fact for fact in story.facts("cause") if fact["kind"] == "part"]
    assert parts and all(fact["about"].startswith("income: ") for fact in parts)


def test_facts_are_attached_once_and_only_to_what_was_confirmed(story: Story) -> None:
    assert story.follow().facts == 0, "a suspicion has its frozen evidence"
    story.act("confirm", story.case.id, "mia", reason="incomes moved")
    assert story.follow().facts == 2
    assert story.follow().facts == 0


def test_what_changed_since_the_last_batch_that_conformed_is_told(story: Story) -> None:
    story.confirm()
    assert not [fact for fact in story.facts("cause") if fact["kind"] in ("changed", "event")]


def test_a_change_of_the_declaration_between_good_and_bad_is_a_candidate(made: Made) -> None:
    for batch in BATCHES[:3]:
        made.send(batch)
    made.aims("run", "loans", *BATCHES[:3])
    declared = system_yaml(str(made.incoming)) | {"name": "Late payers, renamed"}
    made.declare(system=declared)
    made.send(APRIL, shift=2.0)
    made.aims("run", "loans", *BATCHES[:2], APRIL, check=1)
    story = object.__new__(Story)
    story.made = made
    for name, role in PEOPLE.items():
        story.act("open-account", name, SERVICE, roles=(role,), demonstration=True)
    story.confirm()
    changed = {fact["about"] for fact in story.facts("cause") if fact["kind"] == "changed"}
    assert "system" in changed


def test_a_model_released_between_good_and_bad_is_a_candidate(made: Made) -> None:
    for batch in BATCHES[:3]:
        made.send(batch)
    made.aims("run", "loans", *BATCHES[:3])
    register = site().register
    asked = register.record("release.requested", "loans/candidate", RELEASE, at=AT)
    for kind in ("release.granted", "release.refused"):
        register.record(kind, "loans/candidate", {**RELEASE, "request": asked.seq, "gates": []}, at=AT)
    # A system whose id begins like this one's has releases of its own.
    register.record("release.requested", "loans_north/candidate", RELEASE, at=AT)
    register.record("model.trained", "loans_north/candidate", RELEASE, at=AT)
    made.send(APRIL, shift=2.0)
    assert isinstance(made.aims("run", "loans", APRIL, check=1).exception, SystemExit), "nothing broke"
    case = next(case for case in register.nonconformities("loans") if case.criterion == "income_is_stable")
    found = [fact["about"] for fact in candidates(case, site()) if fact["kind"] == "event"]
    assert found == ["release.granted"]


def test_the_extent_names_batches_and_systems_that_share_and_those_that_do_not(story: Story) -> None:
    """A twin with the same shift, one with the same columns and no shift, and one that shares nothing."""
    twin(story.made, "loans_north", shift=2.0)
    twin(story.made, "loans_south", shift=0.0)
    story.confirm()
    found = {fact["system"]: fact for fact in story.facts("extent")}
    assert [breach.split(" ")[0] for breach in found["loans"]["breaches"]] == [APRIL]
    assert found["loans_north"]["breaches"] == [f"{APRIL} [income]"]
    assert "feature: income" in found["loans_north"]["shares"]
    assert found["loans_south"]["breaches"] == [] and found["loans_south"]["verdicts"]["conforming"] > 0


def twin(made: Made, name: str, *, shift: float) -> None:
    folder = made.systems / name
    shutil.copytree(made.folder, folder)
    incoming = made.incoming.parent / name
    incoming.mkdir()
    system = {**system_yaml(str(incoming)), "id": name}
    (folder / "system.yaml").write_text(yaml.safe_dump(system, sort_keys=False), encoding="utf-8")
    twin = Made(made.systems, incoming, made.home)
    for batch in BATCHES[:4]:
        twin.send(batch, **({"shift": shift} if batch == APRIL else {}))
    path = folder / "impact_assessment.yaml"
    path.write_text(path.read_text("utf-8").replace("system: loans", f"system: {name}"), encoding="utf-8")
    _approve(twin, folder)
    made.aims("run", name, *BATCHES[:4], check=1 if shift else 0)


def _approve(made: Made, folder: Path) -> None:
    class Here(Made):
        @property
        def folder(self) -> Path:
            return folder

    Here(made.systems, made.incoming, made.home).approve()


@pytest.mark.parametrize(
    "path, its_path, renamed, data",
    [
        ("/in/{batch}.csv", "/in/{batch}.csv", False, ["data: {batch}.csv"]),
        ("/in/{batch}.csv", "/elsewhere/{batch}.csv", False, []),
        ("in/{batch}.csv", "in/{batch}.csv", False, []),
        ("../in/{batch}.csv", "../in/{batch}.csv", False, ["data: {batch}.csv"]),
        ("/in/{batch}.csv", "/elsewhere/{batch}.csv", True, None),
    ],
    ids=["the same", "other data", "each its own folder", "one folder beside both", "nothing"],
)
def test_systems_share_data_and_columns_or_they_do_not(
    made: Made, path: str, its_path: str, renamed: bool, data: list[str] | None
) -> None:
    one = declared_with(made, "loans", path)
    other = declared_with(made, "loans_north", its_path, renamed=renamed)
    columns = ["attribute: region", "feature: children", "feature: income"]
    assert sorted(shares(one, other)) == ([] if data is None else sorted(data + columns))


def declared_with(made: Made, name: str, path: str, *, renamed: bool = False) -> Declaration:
    folder = made.systems / name
    if not folder.exists():
        shutil.copytree(made.folder, folder)
    system = {**system_yaml("/in"), "id": name}
    source = {"kind": "file", "path": path, "format": "csv", "provenance": PROVENANCE}
    system["sources"] = {"production": source}
    if renamed:
        names = {"income": "area", "children": "rooms", "region": "district"}
        system["columns"] = {names.get(column, column): role for column, role in system["columns"].items()}
        system["groupings"] = [{"by": ["district"], "baseline": "south"}]
    return replace(load(made.folder), folder=folder, system=System.model_validate(system))


def test_a_later_batch_that_conforms_lets_the_case_be_closed(story: Story) -> None:
    story.implement()
    story.may()
    (seen,) = story.case.observations
    assert (seen.batch, seen.verdict, seen.synthetic) == (MAY, "conforming", False)
    story.act("verify", story.case.id, "mia", effective=True, statement="May was looked at")
    story.act("close", story.case.id, "lena", statement="all was read", changed="the import")
    assert story.case.state == "closed"
    assert story.follow().observations == 0


def test_a_later_batch_in_breach_shows_that_the_action_did_not_work(story: Story) -> None:
    story.implement()
    story.may(shift=2.0)
    assert evidence_of(story.case).words == f"{MAY} is in breach after the action"
    assert story.case.batches == (APRIL, MAY)
    with pytest.raises(ValueError, match="cannot be called effective yet"):
        story.act("verify", story.case.id, "mia", effective=True, statement="May was looked at")
    story.act("verify", story.case.id, "mia", effective=False, statement="May was looked at")
    assert (story.case.state, story.case.round) == ("ineffective", 2)
    story.follow()
    assert story.facts("extent"), "the sweep is made anew in the new round"


def test_a_limit_that_was_loosened_since_proves_nothing(story: Story) -> None:
    """Under the new limit May conforms; the case is judged under the one it was found under."""
    story.implement()
    path = story.made.folder / "impact_assessment.yaml"
    loosened = yaml.safe_load(path.read_text("utf-8"))
    loosened["version"] += 1
    next(c for c in loosened["criteria"] if c["id"] == "income_is_stable")["limit"] = 90.0
    story.made.declare(assessment=loosened)
    story.made.send(MAY, shift=2.0)
    story.made.aims("run", "loans", MAY, check=None)
    rows = site().register.verdicts(system="loans", batch=MAY)
    assert [r["verdict"] for r in rows if r["criterion"] == "income_is_stable"] == ["conforming"]
    (seen,) = story.case.observations
    assert seen.verdict == "breach"


def test_a_batch_that_was_there_before_the_plan_shows_nothing(story: Story) -> None:
    story.made.send(MAY)
    story.made.aims("run", "loans", MAY)
    story.implement()
    assert story.follow().observations == 0 and story.case.observations == ()
    story.made.send(MAY, rows=310)
    story.made.aims("run", "loans", MAY)
    assert [item.batch for item in story.case.observations] == [MAY], "sent again, it came after the plan"


def test_a_batch_with_fewer_rows_than_registered_does_not_count(story: Story) -> None:
    story.implement(min_n=301)
    story.may()
    assert not evidence_of(story.case).suffices
    assert evidence_of(story.case).conforming == ()


@pytest.fixture
def deadlines() -> Deadlines:
    return declared_deadlines()


@pytest.mark.parametrize(
    "days, stage",
    [(3, None), (2, reminders.REMINDED), (0, reminders.REMINDED), (-1, reminders.OVERDUE), (-5, reminders.OVERDUE), (-6, reminders.ESCALATED)],
)  # fmt: skip
def test_a_day_is_reminded_of_then_overdue_then_escalated(days: int, stage: str | None, deadlines: Deadlines) -> None:
    """The shipped organisation reminds two days before, and escalates when more than five have passed."""
    today = dt.date(2026, 3, 10)
    item = Due(today + dt.timedelta(days=days), "NC-1/confirmed/1", "loans", "contain it", "eve")
    assert reminders.stage_of(item, deadlines, today) == stage


def test_nobody_is_reminded_twice_of_the_same_day(made: Made, deadlines: Deadlines) -> None:
    def remind(on: dt.date, today: dt.date) -> int:
        item = Due(on, "NC-1/confirmed/1", "loans", "contain it", "eve")
        at = dt.datetime.combine(today, dt.time(9), dt.UTC)
        with ledger.writing(site().register.engine) as connection:
            return reminders.remind(connection, [item], deadlines, at=at)

    day = dt.date(2026, 3, 10)
    assert [remind(day, day), remind(day, day)] == [1, 0]
    assert remind(day + dt.timedelta(days=30), day + dt.timedelta(days=29)) == 1, "a day that was moved is a new one"
    assert [event.kind for event in site().register.events("due.*")] == [reminders.REMINDED] * 2


@pytest.mark.parametrize("days, kind", [(730, nonconformity.REOPENED), (731, nonconformity.SUSPECTED)])
def test_what_comes_again_long_after_opens_a_linked_case(days: int, kind: str) -> None:
    closed = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    case = Nonconformity(
        "NC-1", 1, "loans", "c", "all rows", "criterion", "closed", "major", closed.isoformat(), (APRIL,), (), {},
        None, None, since=closed.isoformat(),
    )  # fmt: skip
    later = closed + dt.timedelta(days=days)
    found = nonconformity.next_event(case, MAY, nonconformity.Outcome.BREACH, at=later, look_back_days=730)
    assert found == kind
    # The same batch judged anew (other code, same rows) is no recurrence.
    again = nonconformity.next_event(case, APRIL, nonconformity.Outcome.BREACH, at=later, look_back_days=730)
    assert again is None


def late_march(story: Story, rows: list[dict[str, Any]], batch: str) -> None:
    """March comes again with these rows; the later batch is held if it has one of them, and let go if it has none."""
    write_csv(story.made.incoming / f"{MARCH}.csv", rows)
    story.made.aims("run", "loans", MARCH, check=None)
    assert (batch in out_of_use(site().register, "loans")) == any(row["case"].startswith(batch[:7]) for row in rows)


def test_a_case_says_that_its_batch_is_held_since_and_that_it_is_back(story: Story) -> None:
    own, stolen = made_rows(MARCH), {**made_rows(MARCH)[0], "case": made_rows(APRIL)[0]["case"]}
    late_march(story, [stolen, *own[1:]], APRIL)
    assert (story.case.aside, story.case.state, story.case.is_open) == ((APRIL,), "suspected", True)
    assert story.case.rests_on_nothing
    assert "held back or discarded since" in step_in_words(story.case)
    told = story.made.aims("case", story.case.id).output
    assert "batch set aside  by service:aims" in told and "(what it was found in is held back" in told
    events = site().register.events("nonconformity.*")
    story.follow()
    assert site().register.events("nonconformity.*") == events, "said once"

    late_march(story, own, APRIL)
    assert (story.case.aside, story.case.rests_on_nothing) == ((), False)
    assert story.case.batches == (APRIL,)
    assert site().register.faults() == []


def test_a_batch_that_is_held_since_shows_nothing_of_an_action(story: Story) -> None:
    story.implement()
    story.may()
    assert evidence_of(story.case).suffices
    own, stolen = made_rows(MARCH), {**made_rows(MARCH)[0], "case": made_rows(MAY)[0]["case"]}
    late_march(story, [stolen, *own[1:]], MAY)
    held = evidence_of(story.case)
    assert (held.suffices, held.conforming, story.case.aside) == (False, (), (MAY,))
    with pytest.raises(Refused, match="0 of 1 later batches"):
        story.act("verify", story.case.id, "mia", effective=True, statement="April's fault is gone")

    late_march(story, own, MAY)
    assert evidence_of(story.case).suffices
