"""The whole pipeline with its register in PostgreSQL. Truth: the same run with the register in SQLite."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.conftest import SECRET, Made

PASSING = {"id", "measurement", "as_known_on", "opened_at"}
APRIL = "2024-04-01"


def listed(made: Made, *arguments: str) -> list[dict[str, Any]]:
    rows = map(json.loads, made.aims(*arguments, "--json").stdout.splitlines())
    return [{key: value for key, value in row.items() if key not in PASSING} for row in rows]


def whole_run(made: Made) -> dict[str, Any]:
    """A clean month, a shifted one, the shifted one mended; everything that the command can tell afterwards."""
    made.send_all()
    made.send(APRIL, shift=2.0)
    made.aims("run", "loans", check=1)
    made.send(APRIL)
    made.aims("run", "loans")
    cases = listed(made, "nonconformities")
    for case in cases:
        case["evidence"] = {k: v for k, v in case["evidence"].items() if k in ("metric", "value", "n", "restated")}
    status = made.aims("status").stdout
    return {
        "measurements": listed(made, "measurements", "--all"),
        "verdicts": listed(made, "verdicts", "--all"),
        "cases": cases,
        "explained": made.aims("explain", "loans", "2024-04", "income_is_stable").stdout,
        "backtest": listed(made, "backtest", "loans", "income_is_stable", "--limit", "0.1"),
        "status": status[: status.index("Pages:")],
    }


def test_a_whole_run_is_the_same_in_either_database(
    made: Made, tmp_path: Path, postgres_database: sa.URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_sqlite = whole_run(made)
    assert [case["batches"] for case in in_sqlite["cases"]] == [[APRIL]]
    made.home = tmp_path / "other home"
    monkeypatch.setenv("AIMS_DATABASE_URL", postgres_database.render_as_string(hide_password=False))
    assert "Nothing has run yet" in made.aims("status").stdout
    assert whole_run(made) == in_sqlite
    assert not (made.home / "register.db").exists()
    assert "verdicts follow from their stored measurements" in made.aims("ledger", "verify").stdout
    with sa.create_engine(postgres_database, poolclass=sa.NullPool).connect() as connection:
        for table in ("event", "measurement", "verdict", "part"):
            assert SECRET not in str(connection.exec_driver_sql(f"SELECT * FROM {table}").all())


PASSWORD = "s3cr3t/w@rd"


@pytest.mark.parametrize(
    ("address", "words"),
    [
        (f"postgresql://reader:{PASSWORD}@host/db", "AIMS_DATABASE_URL is no URL of a PostgreSQL database."),
        (f"mysql://reader:{PASSWORD}@host/db", "AIMS_DATABASE_URL is no URL of a PostgreSQL database."),
        ("postgresql://reader:${SECRET_OF_OURS}@127.0.0.1:9/db", "The register 'db' on 127.0.0.1 cannot be opened:"),
        ("postgresql://reader:${NOT_SET_AT_ALL}@127.0.0.1:9/db", "names ${NOT_SET_AT_ALL}, which is not set."),
        (PASSWORD, "AIMS_DATABASE_URL is no URL of a PostgreSQL database."),
        (f"postgresql://reader@127.0.0.1:9/?password={PASSWORD}", "AIMS_DATABASE_URL is no URL of a PostgreSQL"),
    ],
    ids=["a bare slash", "another database", "nobody listens", "a name that is not set", "no URL", "no database"],
)
def test_an_address_that_is_of_no_use_is_one_line_without_its_password(made: Made, address: str, words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pipelines", "status"],
        env={**made.environment, "AIMS_DATABASE_URL": address, "SECRET_OF_OURS": PASSWORD},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert not any(part in done.stderr + done.stdout for part in (PASSWORD, "s3cr3t", "w@rd"))


def test_the_home_is_answered_at_once_with_the_register_elsewhere(made: Made, postgres_database: sa.URL) -> None:
    """What is heavy stays out: neither Alembic nor anything of the pipeline is imported to tell how things stand."""
    script = (
        "import sys\nfrom click.testing import CliRunner\nfrom pipelines.command import main\n"
        "from assets.kept.home import home\nhome().register() if len(sys.argv) > 1 else None\n"
        "assert CliRunner().invoke(main, ['status']).exit_code == 0\n"
        "print(*sorted({'alembic', 'dagster', 'pandas', 'scipy', 'securesystemslib', 'cryptography'} & set(sys.modules)))"
    )
    url = postgres_database.render_as_string(hide_password=False)
    environment = {**made.environment, "AIMS_DATABASE_URL": url, "PYTHONPATH": os.getcwd()}
    said = [
        subprocess.run(
            [sys.executable, "-c", script, *first], env=environment, capture_output=True, text=True, check=True
        )
        for first in (["make it"], [])
    ]
    assert [done.stdout for done in said] == ["alembic\n", "\n"]
