"""Truth: one fault planted in the shipped document; the untouched one loads."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from governance.faults import DeclarationFaults, UsageFault
from governance.organisation.laid_down import load_organisation, organisation_folder

SHIPPED = Path(__file__).parents[3] / "data" / "organisation"
STEPS = ("triage_days", "contain_days", "cause_days", "plan_days", "implement_days", "verify_days")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SHIPPED, tmp_path / "organisation"))


def plant(folder: Path, name: str, old: str, new: str) -> None:
    text = (folder / name).read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {name}"
    (folder / name).write_text(text.replace(old, new), encoding="utf-8")


def test_every_step_has_days_for_each_severity_and_the_graver_is_never_slower():
    deadlines = load_organisation(SHIPPED).management.deadlines
    for step in STEPS:
        days = getattr(deadlines, step)
        assert 1 <= days.of("critical") <= days.of("major") <= days.of("minor")


def test_a_critical_case_that_may_wait_longer_than_a_minor_one_is_a_fault(folder: Path):
    plant(folder, "management.yaml", "{minor: 20, major: 10, critical: 3}", "{minor: 20, major: 10, critical: 11}")
    with pytest.raises(DeclarationFaults) as error:
        load_organisation(folder)
    (fault,) = error.value.faults
    assert (fault.where, fault.line) == ("organisation/management.yaml", 39)
    assert "critical 11, major 10, minor 20" in fault.what


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("  look_back_days: 730\n", "", "deadlines.look_back_days: is missing."),
        ("remind_before_days: 2", "remind_days: 2", "deadlines.remind_days: unknown key."),
        ("escalate_after_days: 5", "escalate_after_days: 0", "deadlines.escalate_after_days: Input should be greater"),
        ("author: demo.system.analyst", "author: Ann Other", "author: String should match"),
        ("owner: governance_lead", "owner: boss", "owner: Input should be"),
    ],
    ids=["a missing time", "a misspelt time", "no time at all", "a person's name", "an unknown role"],
)
def test_a_fault_is_told_with_its_key(folder: Path, old: str, new: str, said: str):
    plant(folder, "management.yaml", old, new)
    with pytest.raises(DeclarationFaults, match=said):
        load_organisation(folder)


def test_a_missing_document_and_a_missing_folder_are_told(folder: Path, monkeypatch: pytest.MonkeyPatch):
    (folder / "management.yaml").unlink()
    with pytest.raises(DeclarationFaults, match="management.yaml:1: The file is missing"):
        load_organisation(folder)
    monkeypatch.setenv("AIMS_ORGANISATION", str(folder / "nowhere"))
    with pytest.raises(UsageFault, match="is no folder"):
        organisation_folder()
