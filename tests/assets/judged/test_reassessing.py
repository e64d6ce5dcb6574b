"""What asks for a new look at an assessment: each trigger planted once, beside a clean twin; and the replay.

Truth: the planted fact; the verdicts that the same system reaches when it is really run under the other limit.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import yaml

from assets.cases.following import follow
from assets.judged.agreed import record_now
from assets.judged.judging import judge_batch
from assets.judged.reassessing import note_changes, suspect_overdue
from assets.judged.reference import freeze_reference
from assets.judged.replaying import replay_pending
from assets.kept.home import Site, site
from assets.landed.checking import land_and_check
from assets.landed.landing import batch_part
from governance.approval.approvals import in_force, pending, unanswered, versions
from governance.declared.declarations import load
from governance.organisation.laid_down import declared_deadlines
from governance.people.acts import SERVICE
from tests.assets.conftest import here
from tests.conftest import BATCHES, Made, assessment_yaml, contract_yaml, made_rows, system_yaml, write_csv
from tests.people import People

MARCH, APRIL, MAY = BATCHES[2:]


@pytest.fixture
def place(made: Made) -> Site:
    """Judged under its demonstration, and nothing happened."""
    made.send_all()
    place = here()
    freeze_reference(load(made.folder), place)
    judge(made, MARCH, place)
    return place


def judge(made: Made, batch: str, place: Site) -> None:
    declaration = load(made.folder)
    land_and_check(declaration, batch, batch_part(declaration, batch), place)
    judge_batch(declaration, batch, place)


def look(made: Made, place: Site) -> list[tuple[str, str]]:
    """What asks for a new look now, by trigger."""
    note_changes(load(made.folder), place)
    with record_now(place) as before:
        return [(item.trigger, item.what) for item in unanswered(before, "loans")]


def trained(place: Site, model: str) -> None:
    place.register.record("model.trained", "loans/ranking", {"model": model, "release": []}, at=place.at)


def test_where_nothing_happened_nothing_is_asked(made: Made, place: Site) -> None:
    judge(made, APRIL, place)
    assert look(made, place) == []


def test_a_breach_of_a_drift_criterion_about_people_asks_once(made: Made, place: Site) -> None:
    for batch in (APRIL, MAY):
        made.send(batch, shift=2.0)
        judge(made, batch, place)
        look(made, place)
    assert look(made, place) == [("population_shift", "income_is_stable [income] was breached in 2024-04-01")]
    (event,) = place.register.events("assessment.reassessment_due")
    judged = place.register.judged_batches("loans")
    assert (event.actor, event.body["evidence"]) == (SERVICE, [judged[APRIL].seq])


def test_a_breach_of_a_criterion_about_outcomes_is_no_shift_of_the_population(made: Made, place: Site) -> None:
    made.send(APRIL, label_rate=0.9)
    judge(made, APRIL, place)
    assert [row["verdict"] for row in place.register.verdicts(batch=APRIL)].count("breach") >= 1
    assert "population_shift" not in dict(look(made, place))


def test_a_group_that_the_reference_did_not_have_asks_when_it_is_large_enough(made: Made) -> None:
    contract = contract_yaml()
    contract["schema"][0]["properties"][4].pop("quality")
    made.declare(contract=contract)
    made.send_all()
    place = here()
    freeze_reference(load(made.folder), place)
    for batch, new in ((MARCH, 9), (APRIL, 10)):
        rows = made_rows(batch)
        for row in rows[:new]:
            row["region"] = "east"
        write_csv(made.incoming / f"{batch}.csv", rows)
        judge(made, batch, place)
        if batch == MARCH:
            assert look(made, place) == []
    assert look(made, place) == [("new_segment", "region: (other) has 10 rows in 2024-04-01 and none in the reference")]


def test_another_model_asks_and_the_first_one_does_not(made: Made, place: Site) -> None:
    trained(place, "a" * 64)
    assert look(made, place) == []
    trained(place, "a" * 64)
    assert look(made, place) == []
    trained(place, "b" * 64)
    assert look(made, place) == [("new_model", f"the model {'b' * 12} was trained")]


def test_a_changed_contract_and_a_changed_column_ask(made: Made, place: Site) -> None:
    contract = contract_yaml()
    contract["version"] = "1.0.1"
    made.declare(contract=contract)
    assert look(made, place) == [("schema_change", "contract.yaml changed since")]


def test_a_column_with_another_role_asks(made: Made, place: Site) -> None:
    system = system_yaml(str(made.incoming))
    system["columns"]["children"]["roles"] = ["attribute"]
    made.declare(system=system)
    assert look(made, place) == [("schema_change", "the columns of system.yaml changed since")]


def test_a_draft_that_loosens_asks_until_it_is_submitted_and_one_that_tightens_does_not(
    made: Made, place: Site
) -> None:
    (made.folder / "approval.yaml").unlink()
    path = made.folder / "impact_assessment.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("limit: 0.25", "limit: 0.2").replace("version: 1", "version: 2"), encoding="utf-8")
    assert look(made, place) == []
    path.write_text(text.replace("limit: 0.25", "limit: 0.3").replace("version: 1", "version: 2"), encoding="utf-8")
    ((trigger, what),) = look(made, place)
    assert trigger == "loosened_limit"
    assert what == (
        "loans/impact_assessment.yaml loosens and was not submitted: loosened: income_is_stable.limit: 0.25 → 0.3"
    )


def test_the_day_of_the_review_asks_and_limits_go_on_being_judged(made: Made) -> None:
    """Decision 23."""
    made.declare(assessment={**assessment_yaml(), "review_by": "2024-07-01"})
    made.send_all()
    place = here()  # on 2024-07-01
    freeze_reference(load(made.folder), place)
    judge(made, MARCH, place)
    assert look(made, place) == []
    later = site(at=place.at + dt.timedelta(days=1), run="test")
    assert look(made, later) == [("time", "its review was due by 2024-07-01")]
    judge(made, APRIL, later)
    assert len(later.register.verdicts(batch=APRIL)) == 3


def test_what_was_kept_is_not_asked_again_and_another_of_its_kind_is(made: Made, place: Site) -> None:
    for model in "ab":
        trained(place, model * 64)
    assert [trigger for trigger, _ in look(made, place)] == ["new_model"]
    People(place.register, place.at).act("oda", "keep-assessment", "loans", reason="The same features and rates.")
    assert look(made, place) == []
    trained(place, "c" * 64)
    assert look(made, place) == [("new_model", f"the model {'c' * 12} was trained")]


def test_what_is_not_answered_in_time_is_suspected_once(made: Made, place: Site) -> None:
    for model in "ab":
        trained(place, model * 64)
    look(made, place)
    days = declared_deadlines().plan_days.major
    for after, cases in ((days, 0), (days + 1, 1), (days + 2, 1)):
        suspect_overdue("loans", declared_deadlines(), site(at=place.at + dt.timedelta(days=after), run="test"))
        assert len(place.register.nonconformities("loans")) == cases
    (case,) = place.register.nonconformities("loans")
    assert (case.criterion, case.segment, case.source, case.state) == ("8.4", "new_model", "requirement", "suspected")
    assert "the model bbbbbbbbbbbb was trained" in case.evidence["reason"]


def test_one_pass_over_everything_asks_and_replays(made: Made, place: Site) -> None:
    trained(place, "a" * 64)
    trained(place, "b" * 64)
    assert follow({"loans": load(made.folder)}, place).reassessments == 1
    assert follow({"loans": load(made.folder)}, place).reassessments == 0


# The replay


def loosened(made: Made, place: Site, **changed: Any) -> None:
    """Another version of the first criterion is submitted by the demonstration's author, as `approval.yaml` would."""
    assessment = assessment_yaml()
    assessment["criteria"][0] |= changed
    made.declare(assessment=assessment)


def outcomes(place: Site) -> dict[tuple[str, str], str]:
    rows = place.register.verdicts()
    return {(r["batch"], r["criterion"]): r["verdict"] for r in rows if r["criterion"] == "income_is_stable"}


def test_a_replay_finds_the_flips_that_a_real_run_under_the_other_limit_finds(made: Made, place: Site) -> None:
    made.send(APRIL, shift=0.9)
    made.send(MAY, shift=2.0)
    for batch in (APRIL, MAY):
        judge(made, batch, place)
    before = outcomes(place)
    assert before[APRIL, "income_is_stable"] == before[MAY, "income_is_stable"] == "breach"
    loosened(made, place, limit=1.5)
    for batch in (MARCH, APRIL, MAY):
        judge(made, batch, place)
    after = outcomes(place)
    (replay,) = place.register.events("assessment.replayed")
    really = {batch: (before[batch, c], after[batch, c]) for batch, c in before if before[batch, c] != after[batch, c]}
    assert {flip["batch"]: (flip["before"], flip["after"]) for flip in replay.body["listed"]} == really
    assert really[APRIL][0] == "breach" and replay.body["flips"] == len(really)
    assert (replay.body["breaches_before"], replay.body["questions"]) == (2, 3)
    # Before its approval, and not after.
    (approved,) = [e for e in place.register.events("assessment.approved") if e.seq > replay.seq]
    assert approved.seq == replay.seq + 1


def test_a_criterion_that_is_taken_out_flips_to_not_judged(made: Made, place: Site) -> None:
    made.send(APRIL, shift=2.0)
    judge(made, APRIL, place)
    assessment = assessment_yaml()
    assessment["criteria"] = assessment["criteria"][1:]
    made.declare(assessment=assessment)
    judge(made, MARCH, place)
    (replay,) = place.register.events("assessment.replayed")
    assert {(flip["batch"], flip["before"], flip["after"]) for flip in replay.body["listed"]} == {
        (MARCH, "conforming", "not judged"),
        (APRIL, "breach", "not judged"),
    }
    assert replay.body["ways"] == {"breach → not judged": 1, "conforming → not judged": 1}


def test_a_real_submission_waits_for_the_replay_and_is_approved_after_it(made: Made) -> None:
    made.send_all()
    place = here()
    (made.folder / "approval.yaml").unlink()
    people = People(place.register, place.at)
    freeze_reference(load(made.folder), place)
    for limit, version in ((0.25, 1), (0.5, 2)):
        path = made.folder / "impact_assessment.yaml"
        said = yaml.safe_load(path.read_text(encoding="utf-8"))
        said["criteria"][0]["limit"], said["version"] = limit, version
        path.write_text(yaml.safe_dump(said, sort_keys=False), encoding="utf-8")
        people.act("ann", "submit-assessment", "loans", reason="Incomes move.")
        assert (replay_pending(load(made.folder), place) is not None) == (version == 2)
        digest = load(made.folder).assessment_digest
        people.act("oda", "approve-assessment", "loans", digest=digest, statement="Looked at.")
        if version == 1:
            people.act("mia", "accept-reference", "loans", statement="I know these months.")
            judge(made, MARCH, place)
    with record_now(place) as before:
        known = versions(before, "loans")
    now = in_force(known)
    assert now is not None and now.number == 2 and pending(known) is None
    assert (now.replay or {})["questions"] == 1
    assert place.register.faults() == []
