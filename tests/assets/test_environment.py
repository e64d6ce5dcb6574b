"""On what was judged: entered once, true to what is installed, and without the name of a machine or its user."""

from __future__ import annotations

import getpass
import platform
from importlib.metadata import version

import pytest

from assets import environment as environment_module
from assets.environment import FOUND, environment, note_environment
from assets.kept.home import site
from tests.conftest import BATCHES, Made


def test_an_environment_is_entered_once_however_many_batches_are_judged(made: Made) -> None:
    made.send_all()
    made.aims("run", "loans", *BATCHES[:4])
    (found,) = site().register.events(FOUND)
    assert f"duckdb=={version('duckdb')}" in found.body["packages"]
    assert found.body["python"].endswith(platform.python_version())
    made.aims("run", "loans", BATCHES[4])
    assert len(site().register.events(FOUND)) == 1


def test_another_package_is_another_environment_and_the_first_stays(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    note_environment(site())
    changed = {**environment(), "packages": ["other==1"], "sha256": "0" * 64}
    monkeypatch.setattr(environment_module, "environment", lambda: changed)
    for _ in range(2):
        note_environment(site())
    assert [event.body["sha256"] for event in site().register.events(FOUND)] == [environment()["sha256"], "0" * 64]


def test_no_name_of_a_machine_or_its_user_is_in_it() -> None:
    said = {str(value) for name, value in environment().items() if name != "packages"}
    assert said.isdisjoint({platform.node(), getpass.getuser()})
