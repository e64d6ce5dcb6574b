"""Killed at any moment and started again, the demo ends in the state of an undisturbed run."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from governance.register import Register
from tests.conftest import Made

COMMAND = [sys.executable, "-m", "pipelines", "demo"]
# What names a look by its moment, or by ids that carry one.
PASSING = {"id", "measurement", "opened_at", "as_known_on"}


def count_events(home: Path) -> int:
    try:
        with sqlite3.connect(f"file:{home / 'register.db'}?mode=ro", uri=True, timeout=5) as connection:
            return int(connection.execute("SELECT count(*) FROM event").fetchone()[0])
    except sqlite3.OperationalError:
        return 0


def kill_after(made: Made, events: int) -> None:
    """Starts the demo and kills its whole process group once the ledger holds so many events."""
    process = subprocess.Popen(
        COMMAND, env=made.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    while process.poll() is None and count_events(made.home) < events:
        time.sleep(0.002)
    assert process.poll() is None, "the demo was over before it could be killed"
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def state(home: Path) -> dict[str, Any]:
    """All projections without ids and times."""
    register = Register(home / "register.db")
    assert register.faults() == []
    cases = [case.as_row() for case in register.nonconformities()]
    return {
        "measurements": [{k: v for k, v in row.items() if k not in PASSING} for row in register.measurements()],
        "verdicts": [{k: v for k, v in row.items() if k not in PASSING} for row in register.verdicts()],
        "cases": [{k: v for k, v in case.items() if k not in PASSING | {"evidence"}} for case in cases],
        "landed": [(e.subject, e.body["digest"]) for e in register.events("batch.landed")],
        "alerts": len({e.subject.split("/")[0] for e in register.events("alert.sent")}),
        "reports": len(list((home / "reports").rglob("*.html"))),
    }


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    made = world(tmp_path_factory.mktemp("undisturbed"))
    subprocess.run(COMMAND, env=made.environment, check=True, capture_output=True)
    return state(made.home)


def world(folder: Path) -> Made:
    made = Made(folder / "systems", folder / "incoming", folder / "home")
    made.incoming.mkdir()
    made.declare()
    made.send_all()
    made.send("2024-04-01", shift=1.0)
    return made


@pytest.mark.parametrize("events", [4, 12], ids=lambda n: f"after {n} events")
def test_a_killed_demo_started_again_ends_as_if_undisturbed(
    tmp_path: Path, undisturbed: dict[str, Any], events: int
) -> None:
    made = world(tmp_path)
    kill_after(made, events)
    subprocess.run(COMMAND, env=made.environment, check=True, capture_output=True)
    assert undisturbed["cases"], "the planted shift must be there for the comparison to mean something"
    assert state(made.home) == undisturbed


def test_killed_again_and_again_it_still_ends_as_if_undisturbed(tmp_path: Path, undisturbed: dict[str, Any]) -> None:
    made = world(tmp_path)
    for events in (0, 1, 7, 15):
        kill_after(made, events)
    subprocess.run(COMMAND, env=made.environment, check=True, capture_output=True)
    assert state(made.home) == undisturbed
