"""`aims inspect` as its users meet it: what it prints, writes and exits with; and what it never shows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pipelines.command import main
from reports.inspection_rows import KEYS
from tests.first_look_files import SECRET, loans, with_persons, write


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    reference = write(with_persons(loans(2000, 1)), tmp_path / "reference.csv")
    faulty = with_persons(loans(1000, 2, shift_sd=0.5, nulls=0.6, new=0.05))
    return str(reference), str(write(faulty, tmp_path / "batch.parquet"))


def aims(*words: str) -> Result:
    return CliRunner().invoke(main, ["inspect", *words])


def test_two_files_in_a_first_answer_out(files: tuple[str, str], tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    asked = ("--label", "late", "--score", "score", "--threshold", "0.5", "--group", "sex", "--group", "sex,region")
    done = aims(*files, *asked, "--html", str(page))
    assert done.exit_code == 0, done.output
    seen = " ".join(done.stdout.split())
    for part in ("income numeric moved", "new: “app”", "debt_ratio: missing in 0 % of the reference, ", "accuracy"):
        assert part in seen, part
    for part in ("By sex, in the batch", "sex × region", "docs/declarations.md", "Observations, not verdicts"):
        assert part in seen, part
    assert max(map(len, done.stdout.splitlines())) <= 100
    assert "\x1b" not in done.stdout
    assert done.stderr.splitlines()[0].startswith("reading reference.csv")
    assert page.stat().st_size < 1_000_000


def test_rows_for_programs_are_alone_on_stdout(files: tuple[str, str]) -> None:
    done = aims(*files, "--json")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert all(tuple(row) == KEYS for row in rows)
    states = {row["column"]: row["state"] for row in rows if row["part"] == "column"}
    assert {name for name, state in states.items() if state == "moved"} == {"income", "debt_ratio", "channel"}
    assert states["full_name"] == "not compared"
    psi = next(row for row in rows if row["column"] == "income" and row["metric"] == "psi")
    assert 0 < psi["noise_floor"] < psi["low"] < psi["value"] < psi["high"]


def test_no_value_of_a_person_or_of_few_rows_is_shown_anywhere(files: tuple[str, str], tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    asked = ("--label", "late", "--score", "score", "--threshold", "0.5", "--group", "rare", "--group", "region")
    shown = [aims(*files, *asked, "--html", str(page)), aims(*files, *asked, "--json")]
    assert [done.exit_code for done in shown] == [0, 0]
    for text in (*(done.output for done in shown), page.read_text()):
        assert SECRET.casefold() not in text.casefold()
    assert "1 group of fewer than 10 rows is not shown" in " ".join(shown[0].stdout.split())


@pytest.mark.parametrize(
    ("words", "says"),
    [
        pytest.param(("nowhere.csv", "{batch}"), "There is no file 'nowhere.csv'", id="no file"),
        pytest.param(("{batch}", "{folder}/batch.parquer"), "Near: 'batch.parquet'", id="a near miss"),
        pytest.param(("{batch}", "{empty}"), "empty.csv is empty (0 bytes)", id="an empty file"),
        pytest.param(("{batch}", "{batch}", "--group", "sxe"), "Near: 'sex'", id="no such column"),
        pytest.param(("{batch}", "{batch}", "--html", "{folder}/no/x.html"), "there is no folder", id="no folder"),
        pytest.param(("{batch}", "{batch}", "--label", "region"), "name it with --positive", id="no positive value"),
    ],
)
def test_what_cannot_be_met_is_one_line_and_exit_2(
    files: tuple[str, str], tmp_path: Path, words: tuple[str, ...], says: str
) -> None:
    (tmp_path / "empty.csv").touch()
    known = {"batch": files[1], "folder": str(tmp_path), "empty": str(tmp_path / "empty.csv")}
    done = aims(*(word.format(**known) for word in words))
    faults = [line for line in done.stderr.splitlines() if line.startswith("aims: ")]
    assert (done.exit_code, len(faults), done.stdout) == (2, 1, "")
    assert says in faults[0]
    assert "Traceback" not in done.output


def test_a_header_alone_is_too_few_rows_to_tell(files: tuple[str, str], tmp_path: Path) -> None:
    header = tmp_path / "header.csv"
    header.write_text(",".join(loans(1, 1).columns) + "\n")
    for pair in ((files[0], str(header)), (str(header), files[0]), (str(header), str(header))):
        done = aims(*pair, "--label", "late", "--score", "score", "--group", "sex")
        assert done.exit_code == 0, done.output
        assert "0 of 8 columns moved" in done.stdout


def test_it_needs_no_home_and_leaves_nothing(files: tuple[str, str], tmp_path: Path) -> None:
    place, temporary = tmp_path / "home", tmp_path / "temporary"
    temporary.mkdir()
    before = {path: path.stat().st_mtime_ns for path in map(Path, files)}
    done = subprocess.run(
        [sys.executable, "-m", "pipelines", "inspect", *files],
        env=os.environ | {"AIMS_HOME": str(place), "AIMS_SYSTEMS": str(place), "TMPDIR": str(temporary)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "columns moved" in done.stdout
    assert not place.exists()
    assert list(temporary.iterdir()) == []
    assert before == {path: path.stat().st_mtime_ns for path in map(Path, files)}
    assert "nanobind" not in done.stderr and "Warning" not in done.stderr


def test_other_commands_do_not_load_it() -> None:
    code = "import sys, pipelines.command; print([m for m in ('duckdb', 'ibis', 'scipy', 'assets.on_demand.inspection') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "assets.on_demand.inspection" not in done.stdout
