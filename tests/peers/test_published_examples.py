"""What `make peers` relies on: it finds examples by their shape, sees a part that is lost, and sees what came back wrong.

The documents are made here, in a git repository of a temporary folder; the peers' own need the network.
"""

from __future__ import annotations

import dataclasses
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from checks.imports.carried import Became, Imported, Told
from checks.imports.great_expectations import import_suite
from tests.peers import __main__ as peers
from tests.peers import examples, suites
from tests.peers.baselines import baseline_trip
from tests.peers.contracts import contract_trip
from tests.peers.definitions import definition_trip
from tests.peers.parts import lost
from tests.peers.repositories import Repository, files

SUITE = {
    "expectation_suite_name": "made",
    "expectations": [
        {
            "expectation_type": "expect_column_values_to_be_in_set",
            "kwargs": {"column": "colour", "value_set": ["red", "blue"], "mostly": 0.9},
        },
        {"expectation_type": "expect_column_values_to_be_increasing", "kwargs": {"column": "n"}},
    ],
}
CONSTRAINTS = {
    "version": 0.0,
    "features": [
        {"name": "age", "inferred_type": "Integral", "completeness": 0.9, "num_constraints": {"is_non_negative": True}},
        {
            "name": "place",
            "inferred_type": "String",
            "completeness": 1.0,
            "string_constraints": {"domains": ["a", "b"]},
        },
    ],
    "monitoring_config": {"datatype_check_threshold": 1.0, "domain_content_threshold": 0.95},
}
DEFINITION = "DataDefinition(id_column='case', numerical_columns=['income'], text_columns=['note'])"
CONTRACT = """
kind: DataContract
apiVersion: v3.0.1
id: made
version: '1'
schema:
  - name: people
    properties: [{name: age, logicalType: integer, required: true}]
  - name: places
    properties: [{name: place, logicalType: string, required: true}]
"""


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    """Documents of each kind, and others that look a little like them."""
    folder = tmp_path / "somebody+published"
    folder.mkdir()
    documents = {
        "gx/made.json": json.dumps(SUITE),
        "gx/results.json": json.dumps({"expectations": [{"success": True}]}),
        "baseline/constraints.json": json.dumps(CONSTRAINTS),
        "places.json": json.dumps({"features": [{"geometry": {}}]}),
        "examples/run.py": DEFINITION,
        "src/code.py": DEFINITION,
        "docs/page.md": f"Call\n```python\n{DEFINITION}\n```\nor\n```python\nDataDefinition(...\n```\n",
        "made.odcs.yaml": CONTRACT,
        "other.yaml": "kind: DataProduct",
        "latin.json": "{}",
    }
    for name, text in documents.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    (folder / "latin.json").write_bytes(b"\xff\xfe")
    git = ["git", "-C", str(folder), "-c", "user.name=made", "-c", "user.email=made@example.org"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "--no-gpg-sign", "-m", "made"]):
        subprocess.run([*git, *words], check=True)
    commit = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    monkeypatch.setenv("AIMS_PEERS", str(tmp_path))
    yield Repository("somebody/published", commit, "made")


def test_examples_are_found_by_their_shape(repository: Repository) -> None:
    found = {
        find.__name__: [path for path, _ in find(repository)]
        for find in (examples.suites, examples.definitions, examples.baselines, examples.contracts)
    }
    assert found == {
        "suites": ["gx/made.json"],
        "definitions": ["docs/page.md, block 1", "examples/run.py"],
        "baselines": ["baseline/constraints.json"],
        "contracts": ["made.odcs.yaml"],
    }


def test_a_file_that_is_no_text_is_passed_over(repository: Repository) -> None:
    assert [path for path, _ in files(repository, lambda path: path.startswith("latin"))] == []


def test_each_kind_goes_through_and_back(tmp_path: Path) -> None:
    trips = [
        suites.Suites(tmp_path).trip(json.dumps(SUITE)),
        definition_trip(DEFINITION),
        baseline_trip(json.dumps(CONSTRAINTS), tmp_path),
        contract_trip(CONTRACT),
    ]
    assert [(trip.lost, trip.unequal, trip.refused) for trip in trips] == [([], [], "")] * 4
    assert [(trip.items, trip.carried + trip.partly, trip.equal) for trip in trips] == [
        (2, 1, 1),
        (3, 3, 3),
        (6, 6, 6),
        (6, 3, 3),
    ]


def test_a_part_that_an_import_drops_is_lost_and_a_part_that_it_tells_is_not() -> None:
    """An import that reads `column` and `told`, says that the latter is not carried, and drops everything else."""

    def read(document: Any) -> Imported:
        told = [Told("told", Became.NOT_CARRIED, "as agreed")] if "told" in document else []
        return Imported("made", {"column": document.get("column")}, tuple(told))

    document = {"column": "a", "told": {"deep": [1, 2]}, "dropped": {"deep": [1, {"er": "x"}]}, "id": 7, "empty": []}
    assert list(lost(document, read, frozenset({"id"}))) == ["dropped.deep.0", "dropped.deep.1.er"]


def test_a_severity_that_an_import_drops_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same import, deaf for one key: the part is lost, and the rule comes back with another severity."""

    def deaf(text: str) -> Imported:
        document = json.loads(text)
        asked = [{k: v for k, v in item.items() if k != "severity"} for item in document["expectations"]]
        return import_suite(json.dumps({**document, "expectations": asked}))

    monkeypatch.setattr(suites, "import_suite", deaf)
    item = {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "a"}, "severity": "warning"}
    trip = suites.Suites(tmp_path).trip(json.dumps({"name": "s", "expectations": [item]}))
    assert trip.failed
    assert trip.lost == ["expect_column_values_to_be_unique: severity"]
    assert trip.unequal == ["expect_column_values_to_be_unique: another severity"]


def test_it_ends_with_1_where_a_document_did_not_come_back(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(text: str) -> Any:
        return dataclasses.replace(definition_trip(text), unequal=["id_column"])

    assert peers.report("made", [repository], examples.definitions, definition_trip) == 0
    assert peers.report("made", [repository], examples.definitions, broken) == 2
    assert "NOT EQUAL: id_column" in capsys.readouterr().out
