"""Coverage: what is taken out of a shipped system is named by `aims check`, which fails; its twin passes.

The real command, in a process of its own, on a copy of COMPAS. The sentence is what a person would look for.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from governance.approval.coverage import measuring_gaps
from governance.declared.declarations import load
from governance.register import Register
from tests.conftest import Made, assessment_yaml

SHIPPED = Path(__file__).resolve().parents[2] / "data" / "systems" / "compas_recidivism"
FILE = "impact_assessment.yaml"


class Copy:
    """A copy of the shipped system, to be taken apart."""

    def __init__(self, folder: Path) -> None:
        self.systems = folder / "systems"
        self.folder = self.systems / SHIPPED.name
        shutil.copytree(SHIPPED, self.folder)
        self.home = folder / "home"

    def edit(self, name: str, change: Callable[[Any], object], *, approve: bool = True) -> None:
        """Changes a document; the approval is renewed for the new bytes, as the one who took it out would."""
        path = self.folder / name
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        change(document)
        path.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), encoding="utf-8")
        if name == FILE and approve:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            self.edit("approval.yaml", lambda approval: approval.update(assessment_sha256=digest))

    def check(self) -> tuple[int, str]:
        environment = {**os.environ, "AIMS_SYSTEMS": str(self.systems), "AIMS_HOME": str(self.home)}
        command = [sys.executable, "-m", "pipelines", "check"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
        return done.returncode, done.stdout + done.stderr


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    return Copy(tmp_path)


def without(criterion: str) -> Callable[[Any], object]:
    def take_out(document: Any) -> None:
        kept = [item for item in document["criteria"] if item["id"] != criterion]
        assert len(kept) == len(document["criteria"]) - 1
        document["criteria"] = kept

    return take_out


def of(kind: str, name: str, change: Callable[[Any], object]) -> Callable[[Any], object]:
    return lambda document: change(next(item for item in document[kind] if item["id"] == name))


def column_gone(copy: Copy, column: str) -> None:
    copy.edit("system.yaml", lambda d: d["columns"].pop(column))
    copy.edit(
        "contract.yaml",
        lambda d: d["schema"][0].update(properties=[p for p in d["schema"][0]["properties"] if p["name"] != column]),
    )


REMOVED: dict[str, tuple[Callable[[Copy], object], str]] = {
    "the only criterion of a harm": (
        lambda copy: copy.edit(FILE, without("ranking_is_useful")),
        "Harm 'score_without_worth' has no criterion and no `not_measured_because`.",
    ),
    "one of two criteria of a harm, without asking anybody": (
        lambda copy: copy.edit(FILE, without("race_gap_is_small_within_each_sex"), approve=False),
        "is NOT approved as it stands: approval.yaml is for other bytes",
    ),
    "the reason why a harm is not measured": (
        lambda copy: copy.edit(FILE, of("harms", "small_groups_go_unseen", lambda h: h.pop("not_measured_because"))),
        "Harm 'small_groups_go_unseen' has no criterion and no `not_measured_because`.",
    ),
    "the harm of a criterion": (
        lambda copy: copy.edit(
            FILE, lambda d: d.update(harms=[h for h in d["harms"] if h["id"] != "score_without_worth"])
        ),
        "Criterion 'ranking_is_useful' names the harm 'score_without_worth', which is not described.",
    ),
    "the column that a criterion is measured of": (
        lambda copy: column_gone(copy, "priors_count"),
        "criteria.population_is_stable.columns: unknown column 'priors_count'.",
    ),
    "the grouping that a criterion is measured by": (
        lambda copy: copy.edit("system.yaml", lambda d: d.update(groupings=d["groupings"][:2])),
        "unknown grouping",
    ),
    "the monitor of a metric": (
        lambda copy: copy.edit(FILE, of("criteria", "ranking_is_useful", lambda c: c.update(metric="usefulness"))),
        "Unknown metric 'usefulness'.",
    ),
    "the approval": (
        lambda copy: (copy.folder / "approval.yaml").unlink(),
        "is NOT approved: no approval is in the record",
    ),
    "the rationale of a criterion": (
        lambda copy: copy.edit(FILE, of("criteria", "ranking_is_useful", lambda c: c.pop("rationale"))),
        ".rationale: is missing.",
    ),
    "the words of a rationale": (
        lambda copy: copy.edit(FILE, of("criteria", "ranking_is_useful", lambda c: c.update(rationale="  "))),
        ".rationale: ",
    ),
    "the rationale of a harm": (
        lambda copy: copy.edit(FILE, of("harms", "score_without_worth", lambda h: h.pop("rationale"))),
        ".rationale: is missing.",
    ),
    "the rationale of the reference": (
        lambda copy: copy.edit("system.yaml", lambda d: d["reference"].pop("rationale")),
        "reference.rationale: is missing.",
    ),
}


def test_the_shipped_system_is_sound_and_approved_by_a_demonstration(copy: Copy) -> None:
    code, said = copy.check()
    assert code == 0, said
    assert "compas_recidivism: sound; assessment version" in said
    assert "approved by a demonstration person" in said


def test_a_criterion_taken_out_together_with_its_harm_by_agreement_is_sound(copy: Copy) -> None:
    """The twin of what is taken out alone: both sides went, and somebody agreed."""

    def both(document: Any) -> None:
        without("ranking_is_useful")(document)
        document["harms"] = [h for h in document["harms"] if h["id"] != "score_without_worth"]
        document["measures"] = [m for m in document["measures"] if m["harm"] != "score_without_worth"]

    copy.edit(FILE, both)
    assert copy.check()[0] == 0


@pytest.mark.parametrize("what", REMOVED)
def test_what_is_taken_out_is_named(copy: Copy, what: str) -> None:
    take_out, sentence = REMOVED[what]
    take_out(copy)
    code, said = copy.check()
    assert code == 1, said
    assert sentence in said


def test_what_nobody_looks_at_is_noted_and_fails_nothing(copy: Copy) -> None:
    def quiet(document: Any) -> None:
        of("criteria", "population_is_stable", lambda c: c["columns"].remove("juv_misd_count"))(document)

    assert "no criterion looks at" not in copy.check()[1]
    copy.edit(FILE, quiet)
    code, said = copy.check()
    assert code == 0
    assert "note: no criterion looks at juv_misd_count: measured, and not judged" in said


def test_a_review_that_is_over_fails(copy: Copy) -> None:
    copy.edit(FILE, lambda d: d.update(review_by="2026-01-01"))
    code, said = copy.check()
    assert (code, "the review was due by 2026-01-01" in said) == (1, True)


# With a record


def test_a_draft_beside_what_is_in_force_fails_until_it_is_approved(made: Made) -> None:
    made.send_all()
    made.aims("run", "loans")
    assert "approved by a demonstration person" in made.aims("check").stdout
    path = made.folder / FILE
    path.write_text(path.read_text().replace("version: 1", "version: 2"))
    said = made.aims("check", check=1).stdout
    assert "is NOT approved as it stands: version 1 (" in said and "goes on being judged" in said
    assert "goes on being judged" in made.aims("status").stdout
    made.approve()
    assert "sound; assessment version 2 approved" in made.aims("check").stdout


def test_a_criterion_that_never_had_a_value_is_noted(made: Made) -> None:
    """It asks about a group that nobody belongs to; its twin about one that is there."""
    assessment = assessment_yaml()
    made.send_all()
    for group, says in (("north", False), ("east", True)):
        assessment["criteria"][2]["contrasts"] = [[group, "south"]]
        made.declare(assessment=assessment)
        made.aims("run", "loans")
        said = made.aims("check").stdout
        assert ("note: criterion regions_are_treated_alike had no value in any of 3 looks" in said) is says


def test_a_criterion_that_no_monitor_measured_is_missing(made: Made) -> None:
    made.send_all()
    made.aims("run", "loans")
    declaration, rows = load(made.folder), Register(made.home / "register.db").verdicts(batch="2024-05-01")
    assert list(measuring_gaps(declaration, rows)) == []
    lost = [r for r in rows if r["criterion"] != "income_is_stable"]
    assert list(measuring_gaps(declaration, lost)) == [
        "criterion income_is_stable is not measured (harm wrong_people, batch 2024-05-01): it has no verdict"
    ]
    broken = [*lost, {**rows[0], "criterion": "income_is_stable", "verdict": "not_evaluated", "reason": "psi: no tool"}]
    assert list(measuring_gaps(declaration, broken)) == [
        "criterion income_is_stable is not measured (harm wrong_people, batch 2024-05-01): psi: no tool"
    ]
