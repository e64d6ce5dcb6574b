"""Truth: the identifiers as the public listings that agree give them, written out here apart from the data."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from governance.declared.declarations import load
from governance.documents import Document
from governance.faults import DeclarationFaults, Fault
from governance.standard.controls import FOLDER, clauses, control_problem, controls, cross_references, references
from tests.governance.conftest import Declared

ANNEX_A = {
    "A.2": "2 3 4",
    "A.3": "2 3",
    "A.4": "2 3 4 5 6",
    "A.5": "2 3 4 5",
    "A.6": "1.2 1.3 2.2 2.3 2.4 2.5 2.6 2.7 2.8",
    "A.7": "2 3 4 5 6",
    "A.8": "2 3 4 5",
    "A.9": "2 3 4",
    "A.10": "2 3 4",
}
CLAUSES = "4.1 4.2 4.3 4.4 5.1 5.2 5.3 6.1.1 6.1.2 6.1.3 6.1.4 6.2 6.3 7.1 7.2 7.3 7.4 7.5 8.1 8.2 8.3 8.4 9.1 9.2 9.3 10.1 10.2"
# Subcategories per category of the core of the NIST AI RMF 1.0: 72 in all.
RMF = {
    "GOVERN": (7, 3, 2, 3, 2, 2),
    "MAP": (6, 3, 5, 2, 2),
    "MEASURE": (3, 13, 3, 3),
    "MANAGE": (4, 4, 2, 3),
}


def test_the_38_controls_are_those_of_annex_a_in_its_order():
    expected = [f"{group}.{number}" for group, numbers in ANNEX_A.items() for number in numbers.split()]
    assert list(controls()) == expected
    assert [len(numbers.split()) for numbers in ANNEX_A.values()] == [3, 2, 5, 4, 9, 5, 4, 3, 3]
    assert len(controls()) == 38


def test_the_clauses_are_those_from_4_to_10():
    assert list(clauses()) == CLAUSES.split()


def test_four_controls_can_be_automatic_seven_are_only_tracked_and_the_rest_a_person_completes():
    automatic, tracked = (
        ["A.4.4", "A.4.5", "A.5.3", "A.7.4"],
        ["A.2.2", "A.2.3", "A.2.4", "A.4.6", "A.5.5", "A.8.5", "A.10.2"],
    )
    expected = {name: "auto" if name in automatic else "track" if name in tracked else "part" for name in controls()}
    assert {name: item.grade for name, item in controls().items()} == expected


@pytest.mark.parametrize("name", ["clauses.yaml", "controls.yaml", "evidence.yaml", "references.yaml"])
def test_no_key_of_the_standards_data_stands_twice(name: str):
    faults: list[Fault] = []
    assert Document.read(FOLDER / name, faults) is not None
    assert faults == []


def test_every_reference_names_an_entry_that_exists_and_clauses_or_controls_that_exist():
    assert sum(map(sum, RMF.values())) == 72
    known = {
        f"{function} {category}.{number}"
        for function, sizes in RMF.items()
        for category, size in enumerate(sizes, 1)
        for number in range(1, size + 1)
    }
    assert set(references()["nist_ai_rmf"].entries) <= known
    articles = [re.fullmatch(r"Article (\d+)", name) for name in references()["eu_ai_act"].entries]
    assert all(found and 1 <= int(found[1]) <= 113 for found in articles)
    items = {item for framework in references().values() for named in framework.entries.values() for item in named}
    assert items <= set(clauses()) | set(controls())


def test_a_day_of_the_law_says_when_it_was_read_and_where():
    days = {date.applies_from.isoformat(): date for date in references()["eu_ai_act"].dates}
    assert list(days) == ["2027-12-02", "2028-08-02"]
    assert "not checked" in days["2027-12-02"].source
    assert all(date.as_of.year >= 2026 for date in days.values())


def test_operation_and_monitoring_is_told_with_its_entries_elsewhere():
    found = {(item.framework, item.entry) for item in cross_references("A.6.2.6")}
    assert {("nist_ai_rmf", "MEASURE 2.4"), ("eu_ai_act", "Article 72")} <= found


@pytest.mark.parametrize(
    ("control", "near"),
    [("A.11.2", "A.2.2 to A.10.4"), ("A.5.9", "A.5.2, A.5.3, A.5.4, A.5.5"), ("A.6.2", "A.6.1.2"), ("9.1", "A.2.2 to")],
)
def test_what_is_no_control_is_told_with_those_nearby(control: str, near: str):
    problem = control_problem(control)
    assert problem is not None and near in problem
    assert control_problem("A.6.2.6") is None


def test_a_criterion_with_an_unknown_control_is_a_fault_with_its_line(declared: Declared):
    declared.edit("impact_assessment.yaml", "controls: [A.5.4]", "controls: [A.5.4, A.5.9]")
    with pytest.raises(DeclarationFaults) as error:
        load(declared.folder)
    (fault,) = error.value.faults
    assert fault.where == "loans/impact_assessment.yaml"
    assert fault.line == declared.line("impact_assessment.yaml", "controls: [A.5.4, A.5.9]")
    assert "criteria.regions_are_alike.controls: 'A.5.9' is no control of Annex A; of A.5 it has A.5.2" in fault.what


def test_the_program_and_its_pages_name_no_control_that_does_not_exist():
    root = Path(__file__).parents[3]
    pages = [*root.glob("docs/**/*.md"), root / "README.md", *root.glob("data/**/*.yaml")]
    code = [
        path
        for folder in ("governance", "monitors", "reports", "checks", "assets", "pipelines")
        for path in (root / folder).rglob("*.py")
    ]
    for path in pages + code:
        for named in re.findall(r"\bA\.\d+\.\d+(?:\.\d+)?", path.read_text(encoding="utf-8")):
            assert any(known == named or known.startswith(f"{named}.") for known in controls()), (path, named)
