"""Which engine counts, how a system asks for it, and the kinds of columns and roles that come with it."""

import os
import shutil
import stat
from pathlib import Path
from typing import Any

import pytest

from assets.kept.home import secret
from assets.source.engines import connected
from governance.declared.system import Engine
from governance.faults import UsageFault
from tests.conftest import BATCHES, Made, assessment_yaml, contract_yaml, made_rows, system_yaml, write_csv

WORDS = ("paid at once", "asked for time 3 times", "", "moved – no address", "vor Ort bezahlt")


def send_with(made: Made, batch: str, **changed: Any) -> None:
    """A month's file with three more columns: who the row is about, a remark, and when it was written."""
    rows = made_rows(batch)
    for index, row in enumerate(rows):
        row["person"] = f"p{index // 3}"
        row["remark"] = WORDS[index % 5] * changed.get("longer", 1)
        row["written"] = f"{row['day']} {changed.get('hour', 9 + index % 8):02d}:30:00"
    write_csv(made.incoming / f"{batch}.csv", rows)


def declare_with(made: Made, **engine: Any) -> None:
    system, contract, assessment = system_yaml(str(made.incoming)), contract_yaml(), assessment_yaml()
    system["columns"] |= {
        "person": {"roles": ["entity"]},
        "remark": {"roles": ["feature"], "kind": "text"},
        "written": {"roles": ["feature"]},
    }
    if engine:
        system["engine"] = engine
    kinds = {"person": "string", "remark": "string", "written": "timestamp"}
    contract["schema"][0]["properties"] += [{"name": name, "logicalType": kind} for name, kind in kinds.items()]
    for name in ("remark (length)", "written (week)"):
        assessment["criteria"].append(
            {
                "harm": "wrong_people",
                "severity": "minor",
                "owner": "team:loans",
                "controls": ["A.6.2.6"],
                "id": f"{name.split()[0]}_is_stable",
                "metric": "psi",
                "columns": [name],
                "direction": "above",
                "limit": 0.25,
                "min_n": 50,
                "rationale": "Written by people, and it changes when they do.",
            }
        )
    made.declare(system=system, contract=contract, assessment=assessment)


def rows_of(what: str, batch: str) -> list[dict[str, Any]]:
    from assets.kept.home import home

    found: list[dict[str, Any]] = getattr(home().register(), what)(system="loans", batch=batch)
    return found


def outcomes(batch: str) -> dict[str, str]:
    return {row["criterion"]: row["verdict"] for row in rows_of("verdicts", batch)}


def test_times_and_texts_and_entities_of_a_declared_system_are_measured_and_judged(made: Made) -> None:
    declare_with(made)
    for batch in BATCHES[:4]:
        send_with(made, batch)
    send_with(made, BATCHES[4], longer=4, hour=3)
    made.aims("run", "loans", check=1)
    quiet, loud = (outcomes(batch) for batch in BATCHES[3:])
    assert (quiet["remark_is_stable"], quiet["written_is_stable"]) != ("breach", "breach")
    assert (loud["remark_is_stable"], loud["written_is_stable"]) == ("breach", "breach")
    measured = {(m["metric"], m["column"]): m for m in rows_of("measurements", BATCHES[4]) if not m["segment"]}
    assert ("psi", "remark (characters)") in measured
    key = made.home / "keys" / "entities"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    for path in (made.home / "profiles").iterdir():
        assert key.read_bytes() not in path.read_bytes()


def test_a_batch_that_does_not_say_whom_its_rows_are_about_is_held_back(made: Made) -> None:
    """Its rows would be taken as independent, and its bounds would be too narrow, without a word."""
    declare_with(made)
    for batch in BATCHES[:3]:
        send_with(made, batch)
    path = made.incoming / f"{BATCHES[2]}.csv"
    rows = [{**row, "remark": "ok", "written": f"{row['day']} 09:30:00"} for row in made_rows(BATCHES[2])]
    write_csv(path, rows)
    assert "The column 'person' is missing" in made.aims("run", "loans", BATCHES[2], check=1).output
    assert rows_of("verdicts", BATCHES[2]) == []


def test_a_criterion_about_a_text_must_say_what_of_it_is_meant(made: Made) -> None:
    declare_with(made)
    text = (made.folder / "impact_assessment.yaml").read_text().replace("remark (length)", "remark")
    (made.folder / "impact_assessment.yaml").write_text(text)
    said = made.aims("check", check=1).output
    assert "'remark' is watched as 'remark (length)' and 'remark (characters)'" in said


@pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java, which is not on this machine")
def test_a_system_that_asks_for_spark_gets_the_same_profiles_from_it(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pyspark", reason="Spark is an extra")
    from assets.kept.home import home

    def profiles() -> set[str]:
        return {path.name for path in home().profiles.glob("*.parquet")}

    for batch in BATCHES:
        send_with(made, batch)
    declare_with(made)
    made.aims("run", "loans", BATCHES[2])
    on_duckdb = profiles()
    declare_with(made, kind="spark", master="local[2]")
    said = made.aims("run", "loans", BATCHES[2]).output
    assert "nothing new" not in said.splitlines()[1]
    assert profiles() == on_duckdb


def test_spark_without_java_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyspark", reason="Spark is an extra")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageFault, match="needs Java 17 or newer on PATH"):
        connected(Engine(kind="spark", master="local[3]"), tmp_path)


def test_a_memory_limit_that_is_no_size_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIMS_MEMORY", "plenty")
    with pytest.raises(UsageFault, match="AIMS_MEMORY=plenty is no size"):
        connected(Engine(), tmp_path)
    monkeypatch.setenv("AIMS_MEMORY", "512MB")
    assert "MiB" in connected(Engine(), tmp_path).con.execute("SELECT current_setting('memory_limit')").fetchone()[0]


def test_times_with_a_zone_are_read_as_utc_wherever_the_machine_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "TZ", "Asia/Kolkata")
    found = connected(Engine(), tmp_path).con.execute("SELECT hour(TIMESTAMPTZ '2024-01-01 12:00:00+00')").fetchone()
    assert found == (12,)


def test_a_secret_is_made_once(tmp_path: Path) -> None:
    first = secret(tmp_path / "key")
    assert len(first) == 64 and secret(tmp_path / "key") == first
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_only_spark_has_a_master() -> None:
    with pytest.raises(ValueError, match="`master` belongs to `kind: spark`"):
        Engine(master="local[2]")
    with pytest.raises(ValueError, match="master"):
        Engine(kind="spark", master="http://elsewhere")
