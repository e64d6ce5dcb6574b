"""A small sound system as text, so that a test can plant one fault and know its line; and looks at made batches."""

from __future__ import annotations

import datetime as dt
import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from governance.records import Measurement, Outcome, Part, Verdict
from governance.register import Judgement, Register
from tests.governance.acting_people import Door

NOON = dt.datetime(2020, 1, 1, 12, tzinfo=dt.UTC)

SYSTEM = """\
id: loans
name: Late payers
purpose: Ranks loans by the chance that a payment comes late.
owner: team:loans
organisation_role: user
stage: operation
alerts: [team:loans, desk@example.org]
task: binary_classification
columns:
  case: {roles: [key]}
  day: {roles: [time]}
  income: {roles: [feature]}
  region: {roles: [attribute]}
  package: {roles: [feature], kind: categorical}
  score: {roles: [score]}
  late: {roles: [label]}
personal: [full_name]
groupings:
  - {by: [region], baseline: south}
prediction: {score_at_least: 0.5}
score_is_probability: true
labels: {delay_days: 30, meaning: Paid more than a month late.}
sources:
  production:
    kind: file
    path: "in/{batch}.csv"
    format: csv
    provenance: &made
      origin: made for a test
      supplier: the test
      licence: none needed
      legal_basis: nobody is real
      collected: 2014-01-01
  training:
    kind: package
    package: tiny-data
    version: "1.2"
    sha256: 0000000000000000000000000000000000000000000000000000000000000a1b
    member: tiny/rows.csv
    member_sha256: 000000000000000000000000000000000000000000000000000000000000a1b2
    format: csv
    provenance: *made
reference: {from: 2013-01-01, to: 2013-07-01, rationale: The first half year.}
batches:
  period: quarter
  from: 2013-07-01
  to: 2014-07-01
  grace_days: 10
"""

CONTRACT = """\
apiVersion: v3.1.0
kind: DataContract
id: loans
version: 1.0.0
status: active
schema:
  - name: loans
    logicalType: object
    properties:
      - {name: case, logicalType: string}
      - {name: day, logicalType: date}
      - {name: income, logicalType: number}
      - {name: region, logicalType: string, required: true}
      - {name: package, logicalType: integer}
      - {name: score, logicalType: number}
      - {name: late, logicalType: integer}
"""

ASSESSMENT = """\
id: loans_impact
version: 1
system: loans
author: ann
review_by: 2030-01-01
intended_use: Ranking of reminders.
excluded_uses: [Refusing a loan.]
affected_groups: [borrowers]
harms:
  - id: wrong_people
    party: borrowers
    description: People are reminded who would have paid.
    severity: medium
    likelihood: medium
    reversible: true
    rationale: A reminder can be apologised for.
  - id: shame
    party: borrowers
    description: A neighbour reads the reminder.
    severity: low
    likelihood: low
    reversible: true
    rationale: Letters are closed.
    not_measured_because: No data tells who read a letter.
measures:
  - {id: second_look, harm: shame, description: Letters carry no sender.}
false_alarms: {at_most: 1, per: month}
criteria:
  - id: income_is_stable
    harm: wrong_people
    metric: psi
    columns: [income]
    direction: above
    warn: 0.1
    limit: 0.25
    min_n: 50
    severity: major
    owner: team:loans
    controls: [A.6.2.6]
    rationale: The score rests on income.
  - id: regions_are_alike
    harm: wrong_people
    metric: selection_rate_difference
    grouping: region
    direction: either
    limit: 0.2
    min_n: 50
    severity: minor
    owner: team:loans
    controls: [A.5.4]
    rationale: A region makes nobody late.
"""

MODEL = """\
name: reminder_ranking
estimator: logistic_regression
features: [income, package]
holdout_share: 0.25
seed: 7
release:
  - {metric: roc_auc, limit: 0.6, rationale: Better than a coin.}
"""


@dataclass(frozen=True)
class Declared:
    """A folder with the declaration of `loans`, to be edited one text at a time."""

    folder: Path

    def path(self, name: str) -> Path:
        return self.folder / name

    def edit(self, name: str, old: str, new: str) -> None:
        """Replaces the only `old`; the approval is renewed, unless it is what is edited."""
        text = self.path(name).read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {name}"
        self.path(name).write_text(text.replace(old, new), encoding="utf-8")
        if name == "impact_assessment.yaml":
            self.approve()

    def line(self, name: str, start: str) -> int:
        """Number of the only line that begins so, indentation aside."""
        lines = self.path(name).read_text(encoding="utf-8").splitlines()
        (number,) = [n for n, line in enumerate(lines, 1) if line.lstrip(" -").startswith(start)]
        return number

    def approve(self, by: str = "bob") -> None:
        digest = hashlib.sha256(self.path("impact_assessment.yaml").read_bytes()).hexdigest()
        self.path("approval.yaml").write_text(
            f"assessment_sha256: {digest}\napproved_by: {by}\napproved_on: 2013-06-01\ndemonstration: true\n"
            "statement: Approved for a test.\n",
            encoding="utf-8",
        )


def declare(systems: Path, name: str = "loans") -> Declared:
    """Writes a sound and approved system below `systems`."""
    declared = Declared(systems / name)
    declared.folder.mkdir(parents=True)
    documents = {
        "system.yaml": SYSTEM.replace("id: loans", f"id: {name}", 1),
        "contract.yaml": CONTRACT,
        "impact_assessment.yaml": ASSESSMENT.replace("system: loans", f"system: {name}", 1),
        "model.yaml": MODEL,
    }
    for file, text in documents.items():
        declared.path(file).write_text(text, encoding="utf-8")
    declared.approve()
    return declared


@pytest.fixture
def declared(tmp_path: Path) -> Declared:
    return declare(tmp_path / "systems")


def look(
    verdicts: dict[str, Outcome] | None = None,
    *,
    batch: str = "2013-07-01",
    system: str = "loans",
    data: str = "first",
    value: float | None = 0.3,
    **changed: Any,
) -> Judgement:
    """One look at one batch: a measurement, its parts and a verdict per `criterion/segment`, and one nobody judges.

    `data` stands for everything that went in: another word is another look.
    """
    measured, judged = [], []
    for key, outcome in (verdicts or {}).items():
        criterion, segment = key.split("/")
        unknown = outcome in (Outcome.INCONCLUSIVE, Outcome.NOT_EVALUATED)
        seen = Measurement(
            "psi",
            None if unknown else value,
            120,
            "nats",
            "10 bins",
            column=criterion,
            segment=segment,
            low=None if unknown else 0.25,
            high=None if unknown else 0.35,
            alpha=0.05,
            noise_floor=0.0625,
            reason="too few rows" if unknown else None,
            broken=outcome is Outcome.NOT_EVALUATED,
        )
        measured.append(seen)
        judged.append(Verdict(criterion, segment, outcome, seen, 0.1, 0.25, "above", "major", f"it is {outcome}"))
    parts = tuple(part for seen in measured if seen.value is not None for part in _parts(seen))
    measured.append(Measurement("null_share", 0.125, 120, "share", "count", column="income"))
    criteria = {verdict.criterion: {"owner": "team:loans", "version": 1} for verdict in judged}
    approved = {"sha256": "ab" * 32, "version": 1, "criteria": criteria} if judged else None
    fields = {"reference": "2013-01-01 to 2013-07-01", "as_known_on": "2020-01-01", "run": "run-1", **changed}
    return Judgement(
        system=system,
        batch=batch,
        inputs={"data": data, "outcomes": None},
        measurements=tuple(measured),
        verdicts=tuple(judged),
        assessment=approved,
        parts=parts,
        **fields,
    )


def _parts(seen: Measurement) -> tuple[Part, Part]:
    first = Part(seen, "bin", "income", 0.25, "over 10 to 20", 0.75, 0.1, 0.2, 24, note="half of it")
    return first, Part(seen, "bin", "income", 0.05, "(rest)")


@pytest.fixture
def open_register() -> Iterator[Callable[[Path], Register]]:
    """Opens registers and closes them after the test."""
    opened: list[Register] = []

    def at(path: Path) -> Register:
        opened.append(Register(path))
        return opened[-1]

    yield at
    for register in opened:
        register.engine.dispose()


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "register.db"


@pytest.fixture
def register(database: Path, open_register: Callable[[Path], Register]) -> Register:
    return open_register(database)


@pytest.fixture
def tamper(database: Path) -> Callable[..., None]:
    """Runs SQL as somebody who owns the file and has dropped the triggers."""

    def run(*statements: str) -> None:
        with closing(sqlite3.connect(database)) as connection:
            triggers = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
            for (name,) in triggers:
                connection.execute(f"DROP TRIGGER {name}")
            for statement in statements:
                connection.execute(statement)
            connection.commit()

    return run


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path | sa.URL]:
    """Where a register may be kept: the same test runs in either database."""
    if request.param == "sqlite":
        yield tmp_path / "register.db"
    else:
        yield request.getfixturevalue("postgres_database")


class Owner:
    """Whoever owns the database: any statement, past every rule of ours."""

    def __init__(self, place: Path | sa.URL) -> None:
        url = f"sqlite:///{place}" if isinstance(place, Path) else place
        self.engine = sa.create_engine(url, poolclass=sa.NullPool)

    def run(self, *statements: str) -> None:
        with self.engine.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    def ask(self, query: str) -> list[Any]:
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(query)]


@pytest.fixture
def owner(place: Path | sa.URL) -> Owner:
    return Owner(place)


@pytest.fixture
def opened(place: Path | sa.URL) -> Iterator[Register]:
    """A register in either database."""
    register = Register(place)
    yield register
    register.engine.dispose()


@pytest.fixture
def door(register: Register) -> Door:
    """A register with nobody in it yet."""
    return Door(register)


@pytest.fixture
def staffed(door: Door) -> Door:
    """A register with demonstration people."""
    return door.staff()
