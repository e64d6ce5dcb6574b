"""A demonstration enters the record once, and never in place of a person; what is in force is what the record says.

Truth: the events themselves, counted; the same system run by hand beside it.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

from assets.judged.agreed import agreed, record_now
from assets.judged.demonstrating import enter_demonstration
from assets.judged.judging import judge_batch
from assets.judged.reference import freeze_reference
from assets.kept.home import Site
from assets.landed.landing import batch_part
from governance.approval.approvals import in_force, versions
from governance.declared.declarations import Declaration, load
from governance.people.acts import Refused
from tests.assets.conftest import here
from tests.conftest import BATCHES, Made
from tests.people import People

FILE = "impact_assessment.yaml"
MARCH, APRIL = BATCHES[2], BATCHES[3]


def kinds(place: Site) -> list[str]:
    wanted = ("account.", "assessment.", "reference.accepted")
    return [e.kind for e in place.register.events() if e.kind.startswith(wanted)]


def edit(made: Made, old: str, new: str, *, version: int | None = None) -> Declaration:
    path = made.folder / FILE
    text = path.read_text(encoding="utf-8")
    assert old in text
    text = text.replace(old, new)
    path.write_text(text.replace("version: 1", f"version: {version}") if version else text, encoding="utf-8")
    return load(made.folder)


def begun(made: Made) -> Site:
    made.send_all()
    place = here()
    freeze_reference(load(made.folder), place)
    return place


def judged(made: Made, batch: str, place: Site) -> dict[str, str]:
    from assets.landed.checking import land_and_check

    declaration = load(made.folder)
    land_and_check(declaration, batch, batch_part(declaration, batch), place)
    judge_batch(declaration, batch, place)
    return {row["criterion"]: row["verdict"] for row in place.register.verdicts(batch=batch)}


def test_a_demonstration_is_entered_once_as_acts_of_its_accounts(made: Made) -> None:
    place = begun(made)
    for batch in (MARCH, APRIL, MARCH):
        assert judged(made, batch, place)
    assert kinds(place) == [
        "account.opened",
        "account.opened",
        "assessment.submitted",
        "assessment.approved",
        "reference.accepted",
    ]
    assert [e.actor for e in place.register.events("assessment.*")] == ["ann", "bob"]
    assert all(e.body["demonstration"] for e in place.register.events("account.opened"))
    assert place.register.faults() == []


def test_several_processes_enter_one_demonstration(made: Made) -> None:
    begun(made)
    code = (
        "from assets.judged.demonstrating import enter_demonstration\nfrom assets.kept.home import site\n"
        f"from governance.declared.declarations import load\nfrom pathlib import Path\n"
        f"enter_demonstration(load(Path({str(made.folder)!r})), site(run='x'))"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", code], env=made.environment, stderr=subprocess.PIPE) for _ in range(4)
    ]
    assert [process.communicate(timeout=120)[1].decode() for process in running] == [""] * 4
    assert sorted(kinds(here())) == sorted(
        [
            *("account.opened", "account.opened", "assessment.submitted", "assessment.approved"),
            "reference.accepted",
        ]
    )


def test_an_approval_that_a_person_withdrew_is_not_entered_again(made: Made) -> None:
    place = begun(made)
    judged(made, MARCH, place)
    people = People(place.register, place.at)
    people.act("lena", "withdraw-approval", "loans", reason="It was never meant.")
    assert judged(made, MARCH, place) == {}
    assert "no version of the impact assessment is approved" in str(agreed(load(made.folder), place).why)


def test_a_real_account_is_never_made_to_approve_by_a_file(made: Made) -> None:
    place = begun(made)
    path = made.folder / "approval.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("approved_by: bob", "approved_by: lena"), encoding="utf-8")
    People(place.register, place.at)
    with pytest.raises(Refused, match="must act with a personal token"):
        enter_demonstration(load(made.folder), place)


def test_a_changed_demonstration_replaces_the_one_before_and_may_be_taken_back(made: Made) -> None:
    place = begun(made)
    first = (made.folder / FILE).read_text(encoding="utf-8")
    judged(made, MARCH, place)
    edit(made, "limit: 0.25", "limit: 0.26", version=2)
    made.approve()
    judged(made, MARCH, place)
    (made.folder / FILE).write_text(first, encoding="utf-8")
    made.approve()
    judged(made, MARCH, place)
    with record_now(place) as before:
        known = versions(before, "loans")
    assert [(v.number, v.state) for v in known] == [(1, "replaced"), (2, "replaced"), (1, "approved")]
    # The second loosens two limits of 0.25 and was replayed; the third tightens them again.
    assert [v.replay is not None for v in known] == [False, True, False]
    assert place.register.faults() == []


def test_a_file_that_was_edited_is_a_draft_and_what_was_agreed_goes_on_being_judged(made: Made) -> None:
    """Decision 24: whoever edits a comment, or takes a criterion out, silences nothing."""
    place = begun(made)
    agreed_on = judged(made, MARCH, place)
    made.send(APRIL, shift=2.0)
    text = (made.folder / FILE).read_text(encoding="utf-8")
    edit(made, "limit: 0.25", "limit: 2.5", version=2)
    assert judged(made, MARCH, place) == agreed_on
    assert judged(made, APRIL, place)["income_is_stable"] == "breach"
    with record_now(place) as before:
        now = in_force(versions(before, "loans"))
    assert now is not None and (now.number, now.text) == (1, text)
    (row,) = [r for r in place.register.verdicts(batch=APRIL) if r["criterion"] == "income_is_stable"]
    assert (row["limit"], row["assessment"]) == (0.25, now.digest)


def test_a_version_that_no_longer_fits_what_is_declared_judges_nothing_and_says_why(made: Made) -> None:
    place = begun(made)
    judged(made, MARCH, place)
    path = made.folder / "system.yaml"
    # The columns stay; the grouping that a criterion is about goes.
    text = path.read_text(encoding="utf-8")
    start = text.index("groupings:")
    path.write_text(text[:start] + text[text.index("prediction:") :], encoding="utf-8")
    text = (made.folder / FILE).read_text(encoding="utf-8").replace("version: 1", "version: 2")
    text = text.replace("selection_rate_difference", "selection_rate_change").replace("  grouping: region\n", "")
    (made.folder / FILE).write_text(text, encoding="utf-8")
    found = agreed(load(made.folder), place)
    assert found.version is None
    assert "version 1 is in force and no longer fits what is declared: regions_are_treated_alike" in str(found.why)


# Acceptance of the reference


def real(made: Made) -> tuple[Site, People]:
    """The same system, agreed by real people."""
    place = begun(made)
    (made.folder / "approval.yaml").unlink()
    people = People(place.register, place.at)
    people.act("ann", "submit-assessment", "loans", reason="It is the first.")
    digest = load(made.folder).assessment_digest
    people.act("oda", "approve-assessment", "loans", digest=digest, statement="Looked at.")
    return place, people


def test_against_a_reference_that_nobody_accepted_nothing_is_judged(made: Made) -> None:
    place, people = real(made)
    assert judged(made, MARCH, place) == {}
    assert place.register.measurements(batch=MARCH)
    with pytest.raises(Refused, match="takes the role"):
        people.act("ann", "accept-reference", "loans", statement="I know these months.")
    people.act("mia", "accept-reference", "loans", statement="I know these months.")
    assert set(judged(made, MARCH, place)) == {
        "income_is_stable",
        "late_share_is_stable",
        "regions_are_treated_alike",
    }
    with pytest.raises(Refused, match="accepted already"):
        people.act("oda", "accept-reference", "loans", statement="Me too.")
    assert place.register.faults() == []


def test_a_reference_of_other_counts_is_accepted_anew(made: Made) -> None:
    place, people = real(made)
    people.act("mia", "accept-reference", "loans", statement="I know these months.")
    assert judged(made, MARCH, place)
    made.send(BATCHES[0], shift=1.0)
    freeze_reference(load(made.folder), place)
    assert judged(made, MARCH, place) == {}
    people.act("mia", "accept-reference", "loans", statement="January was sent again.")
    assert judged(made, MARCH, place)


def test_the_author_of_the_limits_does_not_choose_what_they_are_held_against(made: Made) -> None:
    edit(made, "author: ann", "author: max")
    place = begun(made)
    (made.folder / "approval.yaml").unlink()
    people = People(place.register, place.at)
    people.act("max", "submit-assessment", "loans", reason="It is the first.")
    with pytest.raises(Refused, match="whoever wrote something does not approve it"):
        people.act("max", "accept-reference", "loans", statement="I know these months.")
    people.act("oda", "accept-reference", "loans", statement="I know these months.")
