"""An assessment and a release lived through at a terminal, by people with tokens, from a draft to what is in force."""

from __future__ import annotations

import json
from typing import Any

import yaml
from click.testing import CliRunner, Result

from tests.conftest import BATCHES, Made

ROLES = {"oda": "system_owner", "mia": "ml_reviewer", "ann": "engineer", "eve": "engineer"}
FILE = "impact_assessment.yaml"


class Terminal:
    """A made system without a demonstration, and people with tokens."""

    def __init__(self, made: Made) -> None:
        self.made, self.tokens = made, dict[str, str]()
        (made.folder / "approval.yaml").unlink()
        made.send_all()
        self.tokens["lena"] = self.aims("token", "first", "lena").stdout.strip()
        for name, role in ROLES.items():
            self.aims("act", "open-account", name, "--role", role, by="lena")
            self.tokens[name] = self.aims("token", "issue", name, by="lena").stdout.strip()

    def aims(self, *arguments: str, by: str | None = None, check: int = 0) -> Result:
        from pipelines.command import main

        token = {"AIMS_TOKEN": self.tokens[by] if by else None}
        done = CliRunner().invoke(main, arguments, env={"AIMS_HOME": str(self.made.home), "COLUMNS": "200", **token})
        assert done.exit_code == check, f"exit {done.exit_code}\n{done.output}\n{done.exc_info}"
        return done

    def rows(self, *arguments: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.aims(*arguments, "--json").stdout.splitlines()]

    def revise(self, limit: float, version: int) -> None:
        path = self.made.folder / FILE
        said = yaml.safe_load(path.read_text(encoding="utf-8"))
        said["criteria"][0]["limit"], said["version"] = limit, version
        path.write_text(yaml.safe_dump(said, sort_keys=False), encoding="utf-8")

    def agree(self) -> None:
        self.aims("act", "submit-assessment", "loans", "--reason", "as agreed on Monday", by="ann")
        digest = self.rows("assessment", "loans")[-1]["digest"]
        said = ("--digest", digest[:8], "--statement", "read and agreed")
        self.aims("act", "approve-assessment", "loans", *said, by="oda")


def test_from_a_draft_to_verdicts_and_to_a_looser_version(made: Made) -> None:
    terminal = Terminal(made)
    assert [row["state"] for row in terminal.rows("assessment", "loans")] == ["draft"]
    terminal.aims("run", "loans")
    assert "none: no version of the impact assessment is approved" in terminal.aims("status").stdout
    assert "is NOT approved: no approval is in the record" in terminal.aims("check", check=1).stdout
    terminal.agree()
    assert "NOT accepted" in terminal.aims("assessment", "loans").stdout
    assert "none: the frozen reference has not been accepted" in terminal.aims("status").stdout
    terminal.aims("act", "accept-reference", "loans", "--statement", "I know these months", by="mia")
    made.send(BATCHES[3], shift=0.9)
    terminal.aims("run", "loans", check=1)
    assert "sound; assessment version 1 approved\n" in terminal.aims("check").stdout
    assert "demonstration" not in terminal.aims("status").stdout

    terminal.revise(1.5, version=2)
    terminal.agree()
    first, second = terminal.rows("assessment", "loans")
    assert (first["state"], second["state"]) == ("replaced", "approved")
    assert second["changes"]["loosened"] == [
        {"criterion": "income_is_stable", "field": "limit", "before": "0.25", "after": "1.5"}
    ]
    assert second["replay"]["breaches_before"] == 1
    said = terminal.aims("assessment", "loans").stdout
    assert "loosened: income_is_stable.limit: 0.25 → 1.5" in said
    assert f"{BATCHES[3]}  income_is_stable  [income]  breach → " in said
    terminal.aims("ledger", "verify")


def test_a_shift_asks_and_a_second_person_answers(made: Made) -> None:
    terminal = Terminal(made)
    terminal.aims("run", "loans")
    terminal.agree()
    terminal.aims("act", "accept-reference", "loans", "--statement", "I know these months", by="mia")
    made.send(BATCHES[3], shift=2.0)
    terminal.aims("run", "loans", check=1)
    (asked,) = terminal.rows("assessment", "loans")[0]["asked"]
    assert (asked["trigger"], asked["answer"]) == ("population_shift", None)
    assert f"{asked['id']} asks for a new look since" in terminal.aims("status").stdout
    assert any(row["id"] == asked["id"] for row in terminal.rows("due"))
    terminal.aims("act", "keep-assessment", "loans", "--reason", "one payday was moved", by="oda")
    (asked,) = terminal.rows("assessment", "loans")[0]["asked"]
    assert (asked["answer"], asked["answered_by"]) == ("kept", "oda")
    assert "asks for a new look" not in terminal.aims("status").stdout


def test_a_candidate_that_was_trained_here_is_released_through_its_gates(made: Made) -> None:
    declared = yaml.safe_load((made.folder / "system.yaml").read_text(encoding="utf-8"))
    production = declared["sources"]["production"]
    declared["sources"]["training"] = {**production, "path": f"{made.incoming}/{BATCHES[0]}.csv"}
    made.declare(system=declared)
    model = {
        "name": "late_ranking",
        "estimator": "logistic_regression",
        "features": ["income", "children"],
        "holdout_share": 0.3,
        "seed": 1,
        "release": [{"metric": "accuracy", "limit": 0.5, "rationale": "Better than a coin."}],
    }
    (made.folder / "model.yaml").write_text(yaml.safe_dump(model), encoding="utf-8")
    terminal = Terminal(made)
    terminal.agree()
    terminal.aims("run", "loans", BATCHES[0])
    done = terminal.aims("act", "request-release", "loans", "--reason", "it is the first", "--json", by="eve")
    name = f"REL-{json.loads(done.stdout)['seq']}"
    assert (
        "takes the role"
        in terminal.aims("act", "release-model", name, "--statement", "all read", by="eve", check=2).stderr
    )
    terminal.aims("act", "release-model", name, "--statement", "all read", by="oda")
    (row,) = terminal.rows("releases")
    assert (row["id"], row["state"], row["requested_by"], row["decided_by"]) == (name, "released", "eve", "oda")
    assert [gate["holds"] for gate in row["gates"]] == [True] * 4
    assert "held-out rows, must be at least 0.5" in terminal.aims("releases").stdout
