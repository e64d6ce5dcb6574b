"""Truth: one fault planted in the shipped demonstration organisation; the untouched one goes with the shipped systems."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from governance.declared.declarations import Declarations, load_all
from governance.faults import DeclarationFaults, Fault
from governance.organisation.laid_down import (
    SHAPES,
    Organisation,
    declared_folder,
    load_management,
    load_organisation,
    organisation_folder,
)
from governance.standard.controls import controls
from tests.governance.conftest import declare

DATA = Path(__file__).parents[3] / "data"
SYSTEMS = load_all(DATA / "systems")


@dataclass(frozen=True)
class Laid:
    """A copy of the shipped organisation, to be edited one text at a time."""

    folder: Path

    def plant(self, name: str, old: str, new: str) -> int:
        """Replaces the only `old`; returns the line on which it stood."""
        path = self.folder / name
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {name}"
        path.write_text(text.replace(old, new), encoding="utf-8")
        return text[: text.index(old)].count("\n") + 1

    def load(self) -> Organisation:
        return load_organisation(self.folder, SYSTEMS)

    def faults(self) -> tuple[Fault, ...]:
        with pytest.raises(DeclarationFaults) as error:
            self.load()
        return error.value.faults


@pytest.fixture
def laid(tmp_path: Path) -> Laid:
    return Laid(Path(shutil.copytree(DATA / "organisation", tmp_path / "organisation")))


# The sound one


def test_the_shipped_organisation_goes_with_the_shipped_systems_and_says_that_it_is_a_demonstration():
    assert set(SYSTEMS.sound) == {"compas_recidivism", "ma_employment"}
    found = load_organisation(DATA / "organisation", SYSTEMS)
    assert all(document.demonstration for document in found.titled.values())
    assert set(found.applicability.controls) == set(controls())
    assert found.applicability.excluded == {"A.10.4"}


def test_every_harm_of_the_shipped_systems_is_the_source_of_a_risk_or_said_not_to_be():
    found = load_organisation(DATA / "organisation").risks
    harms = {f"{d.id}/{harm.id}" for d in SYSTEMS.sound.values() for harm in d.assessment.harms}
    assert harms == set(found.sources) | {none.harm for none in found.no_risk}
    assert len(harms) == 23


def test_the_one_risk_above_what_is_accepted_says_why():
    risks = load_organisation(DATA / "organisation").risks
    assert [risk.id for risk in risks.risks if risks.is_above(risk)] == ["unequal_wrong_flags"]
    assert all(risk.above_because for risk in risks.risks if risks.is_above(risk))


def test_the_digest_of_a_risk_changes_with_each_part_of_it_and_with_nothing_else(laid: Laid):
    before = {risk.id: risk.digest for risk in laid.load().risks.risks}
    laid.plant("risks.yaml", "Whether it is used is known from sampled cases only.", "Nobody knows whether it is used.")
    after = {risk.id: risk.digest for risk in laid.load().risks.risks}
    assert {name for name in before if before[name] != after[name]} == {"women_held_on_a_score_for_men"}


# Between documents and systems


def test_a_harm_without_a_risk_is_a_fault(laid: Laid):
    laid.plant(
        "risks.yaml",
        "  - harm: ma_employment/not_looking_is_counted_as_need\n",
        "  - harm: ma_employment/need_is_misjudged\n",
    )
    said = [fault.what for fault in laid.faults()]
    assert said == [
        "risks: no risk follows from the harm ma_employment/not_looking_is_counted_as_need.",
        "no_risk: ma_employment/need_is_misjudged is said to be no risk, and planning_on_a_worthless_estimate follows from it.",
    ]


@pytest.mark.parametrize(
    ("name", "old", "new", "what"),
    [
        ("risks.yaml", "[compas_recidivism/women_are_overrated]", "[compas_recidivism/women_are_overrated, loans/shame]", "women_held_on_a_score_for_men: loans/shame is no harm"),
        ("objectives.yaml", "      criterion: ranking_is_useful\n      last_batches: 3", "      criterion: ranking_is_good\n      last_batches: 3", "estimate_stays_useful: ma_employment has no criterion 'ranking_is_good'"),
        ("objectives.yaml", "      system: ma_employment\n      criterion: ranking_is_useful", "      system: loans\n      criterion: ranking_is_useful", "estimate_stays_useful: there is no system 'loans'"),
        ("objectives.yaml", "controls: [A.6.2.6, A.8.4]", "controls: [A.6.2.6, A.8.9]", "breaches_are_contained_soon: 'A.8.9' is no control of Annex A"),
        ("objectives.yaml", "{figure: days_to_triage, target: 10}", "{figure: days_to_smile, target: 10}", "objectives.4.figure.figure: Input should be 'days_to_triage'"),
        ("objectives.yaml", "    figure: {figure: days_to_triage, target: 10}\n", "", "objectives.4: An objective is measured by either `criterion` or `figure`."),
        ("objectives.yaml", "id: score_stays_useful", "id: estimate_stays_useful", "the id 'estimate_stays_useful' stands there twice"),
        ("risks.yaml", "controls: [A.7.4, A.7.5, A.10.3]", "controls: [A.7.4, A.7.7, A.10.3]", "estimate_beyond_its_data: 'A.7.7' is no control of Annex A"),
        ("risks.yaml", "controls: [A.7.4, A.7.5, A.10.3]", "controls: [A.7.4, A.10.4]", "estimate_beyond_its_data: is treated by A.10.4, which applicability.yaml excludes"),
        ("applicability.yaml", "  A.5.5:\n    included: true\n", "  A.5.5:\n    included: false\n", "burden_on_neighbourhoods: is treated by A.5.5, which applicability.yaml excludes"),
        ("applicability.yaml", "    because: Neither system, nor anything made with it, is supplied to a customer. It is reconsidered before one is.\n", "", "controls.A.10.4.because: is missing"),
        ("applicability.yaml", "  A.10.4:\n", "  A.11.4:\n", "A.10.4 is neither included nor excluded"),
        ("applicability.yaml", "  A.10.4:\n    included: false\n", "  A.10.4:\n    included: true\n", "A.10.4: is included, and nothing says how"),
        ("policy.yaml", "link: policies/purchasing.md", "link: policies/buying.md", "fits.2.link: there is no file 'policies/buying.md'"),
        ("policy.yaml", "(policies/equal_treatment.md)", "(policies/equality.md#why)", "text: there is no file 'policies/equality.md#why'"),
        ("roles.yaml", "competences: [auditing]", "competences: [auditing, singing]", "competence 'singing' is needed and not described"),
        ("roles.yaml", "  ml_reviewer:\n    duties:", "  service2:\n    duties:", "roles.service2"),
        ("management.yaml", "id: management", "id: managers", "id: 'managers' is not the file's name"),
    ],
    ids=[
        "an unknown harm", "an unknown criterion", "an unknown system", "an objective's unknown control", "an unknown figure",
        "an objective that nothing measures", "an id twice", "a treatment's unknown control", "a treatment by an excluded control",
        "an excluded control that treats a risk", "an excluded control without justification", "a control nobody decided on",
        "an included control that nobody carries out", "a broken link", "a broken link in the text", "a competence nobody described",
        "an unknown role", "a document that is called otherwise",
    ],
)  # fmt: skip
def test_a_planted_fault_is_found(laid: Laid, name: str, old: str, new: str, what: str):
    laid.load()
    laid.plant(name, old, new)
    found = [fault for fault in laid.faults() if what in fault.what]
    assert len(found) == 1
    assert all(fault.remedy for fault in found) or "either" in what or "competence" in what


def test_a_fault_points_at_its_line(laid: Laid):
    line = laid.plant("objectives.yaml", "controls: [A.6.2.6, A.8.4]", "controls: [A.6.2.6, A.8.9]")
    (fault,) = laid.faults()
    assert (fault.where, fault.line) == ("organisation/objectives.yaml", line)


def test_an_address_elsewhere_is_not_gone_to_and_a_place_on_the_page_is_there(laid: Laid):
    laid.plant("policy.yaml", "link: policies/purchasing.md", "link: https://example.org/policies/purchasing")
    laid.plant("policy.yaml", "(policies/equal_treatment.md)", "(policies/equal_treatment.md#grounds)")
    laid.plant("policy.yaml", "[the objectives](objectives.yaml)", "[above](#what-it-is-for)")
    laid.load()


def test_faults_of_all_documents_come_at_once(laid: Laid):
    laid.plant("policy.yaml", "link: policies/purchasing.md", "link: policies/buying.md")
    laid.plant("objectives.yaml", "controls: [A.6.2.6, A.8.4]", "controls: [A.6.2.6, A.8.9]")
    (laid.folder / "roles.yaml").unlink()
    assert {fault.where for fault in laid.faults()} == {
        f"organisation/{name}.yaml" for name in ("policy", "objectives", "roles")
    }


# Rating


def test_a_risk_rated_lower_than_its_harm_needs_a_reason(laid: Laid):
    old = "sources: [compas_recidivism/women_are_overrated]\n    likelihood: medium\n"
    laid.plant("risks.yaml", old, old.replace("likelihood: medium", "likelihood: low").replace("\n    l", "\n    l"))
    laid.plant(
        "risks.yaml",
        "      likelihood: medium\n      consequence: medium\n      rationale: The officer sees",
        "      likelihood: low\n      consequence: medium\n      rationale: The officer sees",
    )
    (fault,) = laid.faults()
    assert "women_held_on_a_score_for_men.likelihood: is low, and medium is the likelihood of a harm" in fault.what
    laid.plant(
        "risks.yaml",
        "    rationale: At every score women",
        "    rated_lower_because: Only for this test.\n    rationale: At every score women",
    )
    laid.load()


def test_what_is_left_above_the_limit_of_acceptance_needs_a_reason(laid: Laid):
    laid.plant("risks.yaml", "accept_up_to: medium", "accept_up_to: low")
    found = laid.faults()
    assert len(found) > 3 and all("above accept_up_to: low" in fault.what for fault in found)
    assert not any("unequal_wrong_flags" in fault.what for fault in found), "that one says why"


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("    low: {low: low, medium: low, high: medium}", "    low: {low: low, medium: high, high: medium}", "must never fall"),
        ("    low: {low: low, medium: low, high: medium}", "    low: {low: medium, medium: medium, high: medium}", "must never fall"),
        ("    low: Would surprise us; nothing in the record points to it.\n", "", "likelihood: says nothing of low"),
        ("      rationale: Accepted as it is.", "      rationale: Accepted as it is.\n    above_becose: x x x", "unknown key"),
        ("      likelihood: medium\n      consequence: low\n      rationale: Accepted", "      likelihood: low\n      consequence: low\n      rationale: Accepted", "to accept a risk leaves it as it is"),
        ("      likelihood: medium\n      consequence: low\n      rationale: Accepted", "      likelihood: medium\n      consequence: high\n      rationale: Accepted", "makes it worse is a risk of its own"),
        ("      controls: [A.6.2.6, A.9.4]\n", "", "To reduce a risk takes at least one control"),
    ],
    ids=["a level that falls with consequence", "a level that falls with likelihood", "a level nobody explains", "a misspelt key", "an accepted risk that shrinks", "a treatment that makes it worse", "a reduction by nothing"],
)  # fmt: skip
def test_a_rating_that_cannot_be_is_a_fault(laid: Laid, old: str, new: str, what: str):
    laid.plant("risks.yaml", old, new)
    assert any(what in fault.what for fault in laid.faults())


# Where it is found


def test_systems_of_ones_own_have_no_demonstration_organisation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("AIMS_ORGANISATION", raising=False)
    monkeypatch.delenv("AIMS_SYSTEMS", raising=False)
    assert declared_folder() == DATA / "organisation"
    declare(tmp_path / "systems")
    monkeypatch.setenv("AIMS_SYSTEMS", str(tmp_path / "systems"))
    assert declared_folder() is None
    assert organisation_folder() == DATA / "organisation", "for times that must come from somewhere"
    (tmp_path / "organisation").mkdir()
    assert declared_folder() == organisation_folder() == tmp_path / "organisation"
    with pytest.raises(DeclarationFaults) as error:
        load_organisation(tmp_path / "organisation")
    assert len(error.value.faults) == len(SHAPES), "each missing document is told"


def test_a_system_with_faults_of_its_own_makes_none_here(laid: Laid):
    broken = Declarations({"ma_employment": SYSTEMS.sound["ma_employment"]}, {"compas_recidivism": ()})
    load_organisation(laid.folder, broken)
    gone = Declarations({"ma_employment": SYSTEMS.sound["ma_employment"]}, {})
    with pytest.raises(DeclarationFaults, match="is no harm of a declared system"):
        load_organisation(laid.folder, gone)


def test_deadlines_are_read_although_another_document_has_a_fault(laid: Laid):
    laid.plant("policy.yaml", "link: policies/purchasing.md", "link: policies/buying.md")
    assert load_management(laid.folder).deadlines.triage_days.critical == 3
    laid.plant("management.yaml", "triage_days:", "triage_weeks:")
    with pytest.raises(DeclarationFaults, match="triage_weeks: unknown key"):
        load_management(laid.folder)
