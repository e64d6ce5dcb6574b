"""The commands about the organisation as their users meet them: what they print, and what they exit with."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from governance.controls import clauses, controls
from pipelines.command import main
from tests.conftest import BATCHES, Made

DATA = Path(__file__).parents[2] / "data"
KEYS = {
    "documents": "id version state digest author owner approved_by approved_at review review_by acknowledged_by "
    "demonstration sha256 finding",
    "risks": "id title sources likelihood consequence level treatment controls residual above_acceptance owner author "
    "state accepted_by accepted_at digest reason",
    "objectives": "id statement owner due controls measure target value state overdue reason",
    "applicability": "id sort title included because how grade state recorded newest age_days evidence contribution "
    "references",
    "inventory": "id state name purpose owner organisation_role stage model first_seen_at last_seen_at judged "
    "last_judged last_judged_at models_trained declaration data findings",
}


class Shell:
    """The shipped systems with a copy of the shipped organisation, and a home in which nothing has run."""

    def __init__(self, organisation: Path, home: Path) -> None:
        self.organisation = organisation
        self.environment = {"AIMS_HOME": str(home), "AIMS_ORGANISATION": str(organisation), "COLUMNS": "200"}
        self.token: str | None = None

    def aims(self, *arguments: str, check: int = 0) -> Result:
        environment = {**self.environment, **({"AIMS_TOKEN": self.token} if self.token else {})}
        done = CliRunner().invoke(main, arguments, env=environment)
        assert done.exit_code == check, f"exit {done.exit_code}\n{done.output}\n{done.exc_info}"
        return done

    def rows(self, *arguments: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.aims(*arguments, "--json").stdout.splitlines()]

    def plant(self, name: str, old: str, new: str) -> None:
        path = self.organisation / name
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1
        path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    monkeypatch.delenv("AIMS_SYSTEMS", raising=False)
    monkeypatch.delenv("AIMS_TOKEN", raising=False)
    yield Shell(Path(shutil.copytree(DATA / "organisation", tmp_path / "organisation")), tmp_path / "home")


def test_check_tells_the_organisation_sound_beside_the_systems(shell: Shell):
    assert (
        "organisation: sound; risks: 14, objectives: 8, excluded controls: 1 (demonstration)"
        in shell.aims("check").stdout
    )


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("risks.yaml", "[ma_employment/small_groups_go_unseen]", "[ma_employment/need_is_misjudged]", "no risk follows from the harm ma_employment/small_groups_go_unseen"),
        ("applicability.yaml", "    because: Neither system, nor anything made with it, is supplied to a customer. It is reconsidered before one is.\n", "", "controls.A.10.4.because: is missing."),
        ("objectives.yaml", "      criterion: ranking_is_useful\n      last_batches: 3", "      criterion: ranking_is_good\n      last_batches: 3", "has no criterion 'ranking_is_good'"),
        ("policy.yaml", "link: policies/purchasing.md", "link: policies/buying.md", "there is no file 'policies/buying.md'"),
    ],
    ids=["a harm without a risk", "an exclusion without a reason", "an unknown criterion", "a broken link"],
)  # fmt: skip
def test_check_ends_with_one_and_the_sentence_that_says_what_is_missing(
    shell: Shell, name: str, old: str, new: str, said: str
):
    shell.plant(name, old, new)
    done = shell.aims("check", check=1)
    (line,) = [line for line in done.stdout.splitlines() if said in line]
    assert line.startswith(f"organisation/{name}:")
    assert "1 fault in organisation." in done.stderr
    assert "compas_recidivism: sound" in done.stdout, "systems are told all the same"


def test_listings_have_the_promised_keys_before_anything_ran(shell: Shell):
    for command, keys in KEYS.items():
        rows = shell.rows(command)
        assert rows, command
        assert all(list(row) == keys.split() for row in rows), command
    assert not Path(shell.environment["AIMS_HOME"]).exists(), "reading makes nothing"
    assert {row["state"] for row in shell.rows("objectives")} == {"not evidenced"}


def test_the_statement_lists_every_clause_and_control_and_counts_states_honestly(shell: Shell):
    assert [row["id"] for row in shell.rows("applicability")] == [*clauses(), *controls()]
    done = shell.aims("applicability").stdout
    assert "Controls: 37 not evidenced, 1 excluded." in done
    assert "Approved by demonstration people" in done
    assert "compliant" not in done and "certif" not in done


def test_a_document_is_recorded_read_and_approved_by_command(shell: Shell):
    shell.token = shell.aims("token", "first", "gus.lead").stdout.strip()
    assert "20 events entered" in shell.aims("documents", "--record").stderr
    assert "0 events entered" in shell.aims("documents", "--record").stderr
    policy = shell.rows("documents")[0]
    assert (policy["state"], policy["review"]) == ("not approved", "current")
    shell.aims("act", "approve-document", "policy", "--digest", policy["digest"], "--statement", "Read it whole.")
    assert shell.rows("documents")[0]["approved_by"] == "gus.lead"
    shell.aims("act", "acknowledge-policy", "policy", "--digest", policy["digest"])
    states = {row["id"]: row["state"] for row in shell.rows("applicability")}
    assert (states["A.2.2"], states["7.3"], states["A.6.1.2"]) == ("track", "track", "not evidenced")
    refused = shell.aims(
        "act", "accept-risk", "outcomes_are_faulty", "--digest", "0" * 12, "--statement", "Yes.", check=2
    )
    assert "read what is in force" in refused.stderr
    shell.aims("ledger", "verify")


def test_an_expired_policy_is_told_as_of_a_day(shell: Shell):
    shell.aims("documents", "--record")
    assert {row["id"]: row for row in shell.rows("objectives")}["no_review_is_overdue"]["state"] == "attained"
    rows = shell.rows("documents", "--as-of", "2027-11-02")
    assert {row["review"] for row in rows} == {"overdue"}
    overdue = {row["id"]: row for row in shell.rows("objectives", "--as-of", "2027-11-02")}["no_review_is_overdue"]
    assert (overdue["state"], overdue["value"]) == ("not attained", 8)


def test_roles_tell_owners_that_nobody_answers_for(shell: Shell):
    shell.token = shell.aims("token", "first", "gus.lead").stdout.strip()
    found = {(row["kind"], row["about"]) for row in shell.rows("roles", "--conflicts")}
    assert {("nobody_answers", "team:outcome-data"), ("role_not_held", "auditor")} <= found
    assert ("role_not_held", "governance_lead") not in found
    (row,) = shell.rows("roles")
    assert (row["account"], row["roles"]) == ("gus.lead", ["governance_lead"])
    teams = ("team:outcome-data",)
    shell.aims(
        "act", "open-account", "olga.owner", "--role", "system_owner", *(x for t in teams for x in ("--team", t))
    )
    found = {(row["kind"], row["about"]) for row in shell.rows("roles", "--conflicts")}
    assert ("nobody_answers", "team:outcome-data") not in found


def test_a_fault_of_a_document_is_one_line_for_whoever_asks_for_another(shell: Shell):
    shell.plant("policy.yaml", "link: policies/purchasing.md", "link: policies/buying.md")
    done = shell.aims("risks", check=2)
    assert done.stderr.strip() == "aims: The organisation's documents have 1 fault. See `aims check`."


def test_systems_of_ones_own_run_without_an_organisation_and_are_told_so(made: Made):
    made.send(BATCHES[0])
    assert "organisation: not declared" in made.aims("check").stdout
    assert "No organisation is declared" in made.aims("documents", check=2).stderr
    rows = [json.loads(line) for line in made.aims("applicability", "--json").stdout.splitlines()]
    assert len(rows) == 65 and {row["because"] for row in rows} == {
        "A clause cannot be left out.",
        "nobody decided on it",
    }


def test_a_run_leaves_evidence_in_inventory_and_statement(made: Made):
    made.send_all()
    made.aims("run", "loans")
    (row,) = [json.loads(line) for line in made.aims("inventory", "--json").stdout.splitlines()]
    assert (row["state"], row["judged"]) == ("running", len(BATCHES) + 1), "the batches and a window of them"
    states = {
        row["id"]: row["state"] for row in map(json.loads, made.aims("applicability", "--json").stdout.splitlines())
    }
    assert (states["9.1"], states["A.7.4"], states["A.2.2"]) == ("part", "auto", "not evidenced")


def test_documents_beside_the_systems_are_entered_by_a_run_and_their_faults_stop_none(made: Made):
    beside = Path(shutil.copytree(DATA / "organisation", made.systems.parent / "organisation"))
    made.send_all()
    made.aims("run", "loans")
    rows = [json.loads(line) for line in made.aims("documents", "--json").stdout.splitlines()]
    assert {row["state"] for row in rows} == {"not approved"}, "found, and agreed to by nobody"
    assert "no risk follows from the harm loans/" in made.aims("check", check=1).stdout, "it is laid down for others"
    (beside / "policy.yaml").unlink()
    assert "organisation: left out" in made.aims("run", "loans").stderr
