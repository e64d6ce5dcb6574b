"""The command as its users meet it: what it prints, and what it exits with."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from assets.factory import checked_results
from assets.kept.home import site
from assets.landed.checking import land_and_check
from governance.declared.declarations import load
from tests.conftest import BATCHES, Made, assessment_yaml, contract_yaml, made_rows, system_yaml, write_csv


def one_line(text: str) -> bool:
    return len([line for line in text.splitlines() if line.startswith("aims: ")]) == 1 and "Traceback" not in text


def test_a_month_with_a_shift_is_a_breach_and_the_command_says_so(made: Made) -> None:
    made.send_all()
    made.send(BATCHES[3], shift=1.0)
    done = made.aims("run", "loans", check=1)
    verdicts = {
        row["batch"]: row["verdict"]
        for row in map(json.loads, made.aims("verdicts", "--json").stdout.splitlines())
        if row["criterion"] == "income_is_stable"
    }
    assert verdicts == {BATCHES[2]: "conforming", BATCHES[3]: "breach", BATCHES[4]: "conforming"}
    assert "loans 2024-04: 1 breach" in done.stdout
    assert "suspected nonconformity" in done.stderr
    assert "→ team:loans" in done.stderr
    (case,) = map(json.loads, made.aims("nonconformities", "--json").stdout.splitlines())
    assert (case["criterion"], case["segment"], case["state"]) == ("income_is_stable", "income", "suspected")
    made.aims("ledger", "verify")
    again = made.aims("run", "loans", check=1)
    assert "suspected" not in again.stderr, "an alert goes out once"
    assert "0 new suspicions." in again.stdout
    assert again.stdout.count("nothing new") == 7, "reference, five batches and the window: nothing was run again"


def test_a_clean_run_exits_with_zero_and_its_listings_have_the_promised_keys(made: Made) -> None:
    made.send_all()
    made.aims("run", "loans")
    keys = {
        "measurements": "id system batch metric column segment value low high n unit method reference against "
        "as_known_on reason",
        "verdicts": "id system batch criterion segment verdict value low high warn limit n noise_floor family_alpha "
        "family_size measurement assessment reason",
    }
    for listing, names in keys.items():
        rows = [json.loads(line) for line in made.aims(listing, "--json").stdout.splitlines()]
        assert rows
        assert all(list(row) == names.split() for row in rows)
        assert all(row["value"] is not None or row["reason"] for row in rows)
    assert made.aims("nonconformities", "--json").stdout == ""
    assert "5 judged" in made.aims("status").stdout


def test_a_profile_that_was_removed_is_counted_again_to_the_same_digest(made: Made) -> None:
    made.send_all()
    made.aims("run", "loans")
    kept = sorted((made.home / "profiles").glob("*.parquet"))
    for path in kept:
        path.unlink()
    made.aims("run", "loans")
    assert sorted((made.home / "profiles").glob("*.parquet")) == kept


def test_a_batch_held_back_is_told_and_the_others_go_on(made: Made) -> None:
    made.send_all()
    (made.incoming / f"{BATCHES[3]}.csv").write_bytes(b"")
    done = made.aims("run", "loans", check=1)
    assert "loans 2024-04: held back: 2024-04-01.csv is empty (0 bytes)." in done.stdout
    assert "loans 2024-05: 3 conforming" in done.stdout
    assert "2024-04 held: 2024-04-01.csv is empty" in made.aims("status").stdout
    made.send(BATCHES[3])
    assert "loans 2024-04: 3 conforming" in made.aims("run", "loans", "2024-04").stdout
    assert "5 judged" in made.aims("status").stdout


def test_a_batch_that_breaks_its_contract_is_not_measured(made: Made) -> None:
    made.send_all()
    rows = made_rows(BATCHES[3])
    write_csv(made.incoming / f"{BATCHES[3]}.csv", [{**rows[0], "region": "atlantis"}, *rows[1:]])
    done = made.aims("run", "loans", check=1)
    assert re.search(r"loans 2024-04: held back: The contract is not met: 1 of 300 rows", done.stdout)
    assert "atlantis" not in done.stdout + done.stderr
    assert BATCHES[3] not in {json.loads(row)["batch"] for row in made.aims("verdicts", "--json").stdout.splitlines()}


def test_a_tool_that_breaks_is_not_evaluated_and_neither_a_breach_nor_a_pass(made: Made) -> None:
    made.send_all()
    contract = contract_yaml()
    broken = {"type": "sql", "name": "broken", "query": "SELECT max(no_such_column) FROM {table}", "mustBe": 0}
    contract["schema"][0]["quality"] = [broken]
    made.declare(contract=contract)
    assert "loans 2024-03: 3 conforming" in made.aims("run", "loans").stdout
    assert made.aims("nonconformities", "--json").stdout == ""
    assert (
        "2024-03-01/production contract not evaluated: table: broken: the check itself failed"
        in made.aims("status").stdout
    )
    checked = checked_results(dg.AssetKey("loans"), land_and_check(load(made.folder), BATCHES[2], "production", site()))
    (result,) = [r for r in checked if r.check_name == "contract_is_met"]
    assert (result.passed, result.severity) == (False, dg.AssetCheckSeverity.WARN)


def test_an_assessment_changed_after_its_approval_gives_observations_only(made: Made) -> None:
    made.send_all()
    path = made.folder / "impact_assessment.yaml"
    path.write_text(path.read_text() + "# one more byte\n")
    assert "NOT approved" in made.aims("check", check=1).stdout
    made.aims("run", "loans")
    assert made.aims("verdicts", "--json").stdout == ""
    assert len(made.aims("measurements", "--json").stdout.splitlines()) > 50
    assert "observations only" in made.aims("status").stdout
    made.approve()
    made.aims("run", "loans")
    assert len(made.aims("verdicts", "--json").stdout.splitlines()) == 9


def test_labels_from_a_file_of_their_own_judge_the_batch_again(made: Made) -> None:
    declared = system_yaml(str(made.incoming))
    declared["sources"]["reference"] = declared["sources"]["production"]
    declared["sources"]["production"] = {
        **declared["sources"]["production"],
        "path": f"{made.incoming}/p-{{batch}}.csv",
    }
    declared["sources"]["outcomes"] = {**declared["sources"]["production"], "path": f"{made.incoming}/outcomes.csv"}
    made.declare(system=declared)
    for batch in BATCHES:
        rows = made_rows(batch)
        if batch in BATCHES[2:]:
            rows = [{key: value for key, value in row.items() if key != "late"} for row in rows]
        write_csv(made.incoming / f"{'p-' if batch in BATCHES[2:] else ''}{batch}.csv", rows)
    made.aims("run", "loans")

    def late() -> list[tuple[str, str]]:
        rows = map(
            json.loads, made.aims("verdicts", "--batch", "2024-03", "--json", "--system", "loans").stdout.splitlines()
        )
        return [(row["verdict"], row["reason"]) for row in rows if row["criterion"] == "late_share_is_stable"]

    assert late() == [("inconclusive", "labels are in for none of the rows, the criterion asks for 95%")]
    write_csv(made.incoming / "outcomes.csv", [{"case": r["case"], "late": r["late"]} for r in made_rows(BATCHES[2])])
    made.aims("run", "loans")
    assert [verdict for verdict, _ in late()] == ["conforming"]


def test_three_faults_of_a_declaration_are_all_told_with_file_and_line(made: Made) -> None:
    declared = system_yaml(str(made.incoming))
    declared["purpos"] = declared.pop("purpose")
    assessment = assessment_yaml()
    assessment["criteria"][0]["columns"] = ["incom"]
    made.declare(system={**declared, "owner": "nobody"}, assessment=assessment)
    done = made.aims("check", check=1)
    told = [line for line in done.stdout.splitlines() if re.match(r"loans/\w+\.yaml:\d+: ", line)]
    lines = (made.folder / "system.yaml").read_text().splitlines()
    assert any(line.startswith(f"loans/system.yaml:{lines.index('owner: nobody') + 1}: owner") for line in told)
    assert any("purpos: unknown key" in line for line in told)
    assert any("purpose: is missing" in line for line in told)
    assert "3 faults in loans" in done.stderr


def test_a_contract_that_cannot_be_checked_is_a_fault_before_anything_runs(made: Made) -> None:
    path = made.folder / "contract.yaml"
    path.write_text(path.read_text().replace("invalidValues", "vibes"))
    assert "vibes" in made.aims("check", check=1).stdout
    assert one_line(made.aims("run", "loans", check=2).stderr)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", "nothing"), "There is no system 'nothing'; declared are loans."),
        (("run", "loans", "2031-01"), "loans has no batch '2031-01': batches run by month from 2024-01 to 2024-05"),
        (("measurements", "--system", "nothing"), "There is no system 'nothing'"),
        (("verdicts", "--batch", "1999Q9"), "No declared system has a batch '1999Q9'"),
        (("ledger", "verify"), "There is no ledger in"),
    ],
    ids=["unknown system", "unknown batch", "listing of an unknown system", "listing of an unknown batch", "no ledger"],
)
def test_a_request_that_cannot_be_met_is_one_line_and_exit_2(
    made: Made, arguments: tuple[str, ...], words: str
) -> None:
    done = made.aims(*arguments, check=2)
    assert words in done.stderr
    assert one_line(done.stderr)


def test_a_home_that_cannot_be_written_is_one_line_and_exit_2(made: Made, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    made.home = tmp_path / "file" / "home"
    done = made.aims("run", "loans", check=2)
    assert f"AIMS_HOME={made.home} cannot be written: Not a directory." in done.stderr
    assert one_line(done.stderr)


def test_a_package_that_cannot_be_fetched_is_one_line_and_nothing_is_half_there(made: Made, tmp_path: Path) -> None:
    declared = system_yaml(str(made.incoming))
    declared["sources"]["production"] = {
        "kind": "package",
        "package": "no-such-package-of-ours",
        "version": "1.0",
        "sha256": "0" * 64,
        "member": "data.csv",
        "member_sha256": "0" * 64,
        "format": "csv",
        "provenance": declared["sources"]["production"]["provenance"],
    }
    made.declare(system=declared)
    cut_off = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "0", "PIP_TIMEOUT": "1", "PIP_NO_INDEX": ""}
    environment = {**made.environment, **cut_off, "AIMS_CACHE": str(tmp_path / "cache"), "PIP_CONFIG_FILE": os.devnull}
    environment.pop("PIP_EXTRA_INDEX_URL", None)
    environment.pop("PIP_FIND_LINKS", None)
    done = subprocess.run(
        [sys.executable, "-m", "pipelines", "run", "loans"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "could not reach the package index" in done.stderr
    assert one_line(done.stderr)
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []


def test_a_broken_system_never_hides_the_sound_one(made: Made) -> None:
    made.send_all()
    broken = made.systems / "broken"
    broken.mkdir()
    (broken / "system.yaml").write_text("id: [")
    done = made.aims("run", "loans")
    assert "broken: left out, " in done.stderr
    assert "broken/system.yaml:1: Not YAML" in made.aims("check", check=1).stdout


def test_an_altered_file_in_the_lake_stops_what_would_use_it(made: Made) -> None:
    made.send_all()
    made.aims("run", "loans")
    for path in (made.home / "lake").glob("*.parquet"):
        raw = bytearray(path.read_bytes())
        raw[len(raw) // 2] ^= 1
        path.write_bytes(raw)
    made.approve()
    text = (made.folder / "impact_assessment.yaml").read_text()
    (made.folder / "impact_assessment.yaml").write_text(
        text.replace("0.25", "0.26").replace("version: 1", "version: 2")
    )
    made.approve()
    for batch in BATCHES:
        (made.incoming / f"{batch}.csv").unlink()
    done = made.aims("run", "loans", check=1)
    assert "was altered" in done.stderr
    assert one_line(done.stderr)


def test_the_makefile_and_the_workspace_name_the_same_location() -> None:
    import tomllib

    root = Path(__file__).resolve().parents[2]
    block = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["dagster"]
    (entry,) = yaml.safe_load((root / "workspace.yaml").read_text())["load_from"]
    assert entry["python_module"] == {
        "module_name": block["module_name"],
        "location_name": block["code_location_name"],
    }


def test_what_a_system_promises_is_proved_on_its_own_reference(made: Made) -> None:
    assert "Nothing has run yet" in made.aims("prove", "loans", check=2).output
    made.send_all()
    made.aims("run", "loans")
    rows = [json.loads(line) for line in made.aims("prove", "loans", "--runs", "20", "--json").stdout.splitlines()]
    power = ["power_0.1_sd", "power_0.2_sd", "power_0.5_sd"]
    assert [list(row) for row in rows] == [
        ["criterion", "questions", "alpha", "looks", "unchanged", "at_limit", *power, "note"]
    ] * 3
    assert [row["criterion"] for row in rows] == [
        "income_is_stable",
        "late_share_is_stable",
        "regions_are_treated_alike",
    ]
    assert {row["alpha"] for row in rows} == {0.05} and {row["looks"] for row in rows} == {12}
    said = made.aims("prove", "loans", "--runs", "20").stdout
    assert "False alarms expected in a year, over 20 made batches in each state:" in said
    assert "budget                                   2" in said


def test_a_system_that_breaches_more_often_than_it_may_is_no_proof(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """A judge that holds the estimate against the limit breaches in half of the batches that stand at it."""
    from dataclasses import replace

    from monitors import proving
    from monitors.judge import judge

    def hasty(measurement: Any, criterion: Any, labels: Any) -> Any:
        return judge(replace(measurement, low=measurement.value, high=measurement.value), criterion, labels)

    made.send_all()
    made.aims("run", "loans")
    monkeypatch.setattr(proving, "judge", hasty)
    done = made.aims("prove", "loans", "--runs", "40", check=1)
    assert "The budget is exceeded: " in done.output and "late_share_is_stable" in done.output


def test_every_command_is_shown_in_one_section_of_the_help(made: Made) -> None:
    from pipelines.command import SECTIONS, main

    shown = [name for names in SECTIONS.values() for name in names]
    assert sorted(shown) == sorted(main.commands)
    said = made.aims("--help").stdout
    assert all(f"\n  {name} " in said for name in shown)
