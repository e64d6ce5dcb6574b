"""The shipped systems, run once from landing to the register, against what others have published about the data."""

from __future__ import annotations

import csv
import datetime as dt
import html
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import zlib
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

ROOT = Path(__file__).resolve().parents[2]
WHOLE = "2013-01-01/2015-01-01"
RACES = "race: African-American − Caucasian"


class Shipped:
    """A home in which `aims demo` has run."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.environment = {**os.environ, "AIMS_HOME": str(home), "COLUMNS": "200"}
        self.environment.pop("AIMS_SYSTEMS", None)
        self.first = self.aims("demo")

    def aims(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pipelines", *arguments]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=400, check=False)

    def rows(self, *arguments: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.aims(*arguments, "--json").stdout.splitlines()]


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shipped]:
    yield Shipped(tmp_path_factory.mktemp("shipped") / "home")


@pytest.fixture(scope="module")
def compas(shipped: Shipped) -> list[dict[str, Any]]:
    return shipped.rows("measurements", "--system", "compas_recidivism")


@pytest.fixture(scope="module")
def employment(shipped: Shipped) -> list[dict[str, Any]]:
    return shipped.rows("measurements", "--system", "ma_employment")


def value(rows: list[dict[str, Any]], batch: str, metric: str, segment: str | None = None) -> float:
    (found,) = [
        r for r in rows if (r["batch"], r["metric"], r["segment"], r["column"]) == (batch, metric, segment, None)
    ]
    return float(found["value"])


def verdicts(shipped: Shipped, criterion: str) -> dict[str, dict[str, Any]]:
    rows = shipped.rows("verdicts", "--system", "compas_recidivism")
    return {row["batch"]: row for row in rows if row["criterion"] == criterion}


def test_the_demo_ends_well_and_tells_a_person_what_came_of_it(shipped: Shipped) -> None:
    assert shipped.first.returncode == 0, shipped.first.stderr
    said = shipped.first.stdout
    for words in (
        "compas_recidivism 2014Q2:",
        "8 judged",
        "inconclusive",
        "Open nonconformities: 8, of which 8 wait for triage",
        "Next: ",
    ):
        assert words in said


def test_a_second_demo_opens_nothing_new(shipped: Shipped) -> None:
    before = shipped.rows("nonconformities")
    again = shipped.aims("demo")
    assert again.returncode == 0, again.stderr
    assert "0 new suspicions." in again.stdout
    assert shipped.rows("nonconformities") == before


# ProPublica's table (Larson et al. 2016), all 7,214 rows, high is a score of 5 or more.
CONFUSION = {
    None: (2681, 1282, 1216, 2035),
    "race=African-American": (990, 805, 532, 1369),
    "race=Caucasian": (1139, 349, 461, 505),
}


def test_the_whole_compas_file_gives_the_published_confusion_counts(compas: list[dict[str, Any]]) -> None:
    names = ("true_negatives", "false_positives", "false_negatives", "true_positives")
    assert tuple(value(compas, WHOLE, name) for name in names) == CONFUSION[None]
    assert value(compas, WHOLE, "rows") == 7214


@pytest.mark.parametrize(
    ("segment", "fpr", "fnr"),
    [(None, 32.35, 37.40), ("race=African-American", 44.85, 27.99), ("race=Caucasian", 23.45, 47.72)],
    ids=["all", "African-American", "Caucasian"],
)
def test_the_whole_compas_file_gives_the_published_error_rates(
    compas: list[dict[str, Any]], segment: str | None, fpr: float, fnr: float
) -> None:
    tn, fp, fn, tp = CONFUSION[segment]
    assert value(compas, WHOLE, "false_positive_rate", segment) == fp / (fp + tn)
    assert value(compas, WHOLE, "false_negative_rate", segment) == fn / (fn + tp)
    assert round(100 * value(compas, WHOLE, "false_positive_rate", segment), 2) == fpr
    assert round(100 * value(compas, WHOLE, "false_negative_rate", segment), 2) == fnr


QUARTERS = {
    "2013-01-01": (1722, 0.384, 0.496),
    "2013-04-01": (1134, 0.354, 0.441),
    "2013-07-01": (1037, 0.355, 0.426),
    "2013-10-01": (1218, 0.353, 0.400),
    "2014-01-01": (1096, 0.352, 0.370),
    "2014-04-01": (318, 0.991, 0.585),
    "2014-07-01": (305, 1.000, 0.610),
    "2014-10-01": (384, 1.000, 0.667),
}


@pytest.mark.parametrize("batch", QUARTERS)
def test_each_quarter_has_the_published_rows_label_rate_and_score_share(
    compas: list[dict[str, Any]], batch: str
) -> None:
    found = tuple(value(compas, batch, name) for name in ("rows", "outcome_rate", "selection_rate"))
    assert (found[0], round(found[1], 3), round(found[2], 3)) == QUARTERS[batch]


def test_the_missing_cut_off_is_a_breach_from_its_first_quarter_on(shipped: Shipped) -> None:
    found = verdicts(shipped, "outcome_rate_is_stable")
    assert {batch: row["verdict"] for batch, row in found.items()} == {
        "2013-07-01": "conforming",
        "2013-10-01": "conforming",
        "2014-01-01": "conforming",
        "2014-04-01": "breach",
        "2014-07-01": "breach",
        "2014-10-01": "breach",
    }


def causes(shipped: Shipped, criterion: str) -> dict[str, dict[str, Any]]:
    """By what the change of the quarter 2014Q2 is cut → share of each whole cause."""
    rows = shipped.rows("explain", "compas_recidivism", "2014Q2", criterion)
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        if row["kind"] in ("mix", "rate") and row["about"] is None:
            found.setdefault(row["by"], {})[row["kind"]] = row["share"]
    return found


def test_the_missing_cut_off_is_explained_as_other_outcomes_at_the_same_score(shipped: Shipped) -> None:
    found = causes(shipped, "outcome_rate_is_stable")
    assert set(found) == {"score bins", "race", "sex", "age_cat", "race × sex"}
    for by, shares in found.items():
        assert shares["rate"] > 0.9, by
        assert shares["rate"] + shares["mix"] == pytest.approx(1)
    # That more were flagged in that quarter is another matter: their scores were higher.
    assert causes(shipped, "share_flagged_is_stable")["score bins"] == {"rate": 0, "mix": 1}
    said = shipped.aims("explain", "compas_recidivism", "2014Q2").stdout
    assert "96 % of the change is a different outcome at the same score; 4 % is other scores." in said
    (case,) = [c for c in shipped.rows("nonconformities") if c["criterion"] == "outcome_rate_is_stable"]
    frozen = [part for part in case["evidence"]["parts"] if part["about"] is None and part["by"] == "sex"]
    assert sum(part["value"] for part in frozen) == pytest.approx(case["evidence"]["value"], abs=1e-12)


def test_the_gap_in_false_positives_is_a_breach_until_too_few_negatives_are_left(shipped: Shipped) -> None:
    """One false alarm a year over 4 looks and 13 criteria leaves an alpha of 0.019, 0.01 for one of them."""
    found = verdicts(shipped, "false_positive_gap_between_races_is_small")
    assert [found[batch]["verdict"] for batch in sorted(found)] == ["breach"] * 2 + ["inconclusive"] * 4
    assert [row["family_alpha"] for row in found.values()] == [pytest.approx((1 - 4 * 0.01) / 12 / 4)] * 6
    # The gap is as wide as before in 2014Q1, but the bound does not leave the limit behind.
    assert found["2014-01-01"]["value"] > 0.1 > found["2014-01-01"]["low"] > 0
    assert {row["limit"] for row in found.values()} == {0.1}
    assert found["2014-04-01"]["n"] == 1
    assert found["2014-07-01"]["value"] is None
    assert "undefined (0 negative outcomes" in found["2014-07-01"]["reason"]


def test_one_suspicion_for_a_criterion_and_segment_with_later_batches_attached(shipped: Shipped) -> None:
    cases = shipped.rows("nonconformities", "--system", "compas_recidivism")
    keys = [(case["criterion"], case["segment"]) for case in cases]
    assert len(keys) == len(set(keys))
    by_key = dict(zip(keys, cases, strict=True))
    outcome = by_key["outcome_rate_is_stable", "all rows"]
    assert outcome["batches"] == ["2014-04-01", "2014-07-01", "2014-10-01"]
    gap = by_key["false_positive_gap_between_races_is_small", RACES]
    assert gap["batches"] == ["2013-07-01", "2013-10-01"]


def test_a_suspicion_carries_its_frozen_evidence(shipped: Shipped) -> None:
    (case,) = [c for c in shipped.rows("nonconformities") if c["criterion"] == "outcome_rate_is_stable"]
    evidence = case["evidence"]
    # 318 rows, 315 of them reoffended; 1,063 of 2,856 in the reference half-year.
    assert evidence["value"] == pytest.approx(315 / 318 - 1063 / 2856, abs=1e-12)
    assert evidence["low"] > 0.1
    assert evidence["n"] == 318
    assert evidence["criterion"]["owner"]
    assert evidence["assessment"]["approved_by"]
    assert evidence["assessment"]["demonstration"] is True
    assert all(re.fullmatch("[0-9a-f]{64}", evidence["inputs"][k]) for k in ("data", "profile", "reference", "code"))


YEARS = {
    "2015-01-01": (68785, 0.4958, 0.5382, 0.9034, 0.8272, 0.8743, 0.8627, 0.1833, 0.2394),
    "2016-01-01": (69126, 0.5010, 0.5364, 0.9020, 0.8253, 0.8673, 0.8547, 0.1819, 0.2351),
    "2017-01-01": (69635, 0.5032, 0.5333, 0.9051, 0.8292, 0.8656, 0.8548, 0.1715, 0.2284),
    "2018-01-01": (70131, 0.5051, 0.5362, 0.9057, 0.8282, 0.8660, 0.8555, 0.1784, 0.2281),
}


@pytest.mark.parametrize("batch", YEARS)
def test_each_year_of_the_employment_system_has_the_known_figures(employment: list[dict[str, Any]], batch: str) -> None:
    whole = ("rows", "outcome_rate", "selection_rate", "roc_auc", "accuracy")
    found = [value(employment, batch, name) for name in whole]
    for rate in ("true_positive_rate", "false_positive_rate"):
        found += [value(employment, batch, rate, f"SEX={sex}") for sex in ("1", "2")]
    assert (found[0], *(round(number, 4) for number in found[1:])) == YEARS[batch]


def test_the_employment_system_shows_no_drift_breach(shipped: Shipped) -> None:
    rows = shipped.rows("verdicts", "--system", "ma_employment")
    drift = [row for row in rows if row["criterion"].endswith("_stable")]
    assert {row["batch"] for row in drift} == {"2016-01-01", "2017-01-01", "2018-01-01"}
    assert {row["verdict"] for row in drift} == {"conforming"}


def test_labels_that_come_later_re_measure_their_batch_and_the_old_values_stay(shipped: Shipped) -> None:
    rows = shipped.rows("measurements", "--system", "ma_employment", "--batch", "2016", "--all")
    coverage = [row["value"] for row in rows if row["metric"] == "label_coverage" and not row["segment"]]
    assert coverage == [0.0, 1.0]
    areas = [(row["value"], row["reason"]) for row in rows if row["metric"] == "roc_auc"]
    assert areas[0][0] is None
    assert "0 negative outcomes" in areas[0][1]
    assert round(areas[1][0], 4) == 0.9020


def test_before_labels_come_the_performance_is_estimated_and_later_held_against_the_truth(shipped: Shipped) -> None:
    rows = shipped.rows("measurements", "--system", "ma_employment", "--batch", "2016", "--all")
    for metric, realised in (("accuracy", 0.8253), ("roc_auc", 0.9020)):
        first, later = [row for row in rows if row["metric"] == f"estimated_{metric}"]
        assert first["value"] == later["value"] and "without outcomes" in first["method"]
        before, after = [row for row in rows if row["metric"] == f"estimated_{metric}_error"]
        assert before["value"] is None and "0 outcomes" in before["reason"]
        assert round(later["value"] - after["value"], 4) == realised
        assert abs(after["value"]) < 0.01


def test_the_missing_cut_off_changes_outcomes_and_not_what_scores_let_expect(compas: list[dict[str, Any]]) -> None:
    for batch in ("2014-04-01", "2014-07-01", "2014-10-01"):
        assert value(compas, batch, "estimated_outcome_rate") < 0.5
        assert value(compas, batch, "estimated_outcome_rate_error") < -0.5


def test_the_candidate_model_is_trained_and_held_against_its_release_criteria(shipped: Shipped) -> None:
    with sqlite3.connect(shipped.home / "register.db") as connection:
        ((body,),) = connection.execute("SELECT body FROM event WHERE kind = 'model.trained'").fetchall()
    trained = json.loads(body)
    assert (shipped.home / "models" / f"{trained['model']}.joblib").exists()
    assert [item["met"] for item in trained["release"]] == [True] * len(trained["release"])
    assert float(trained["metrics"]["roc_auc"]) > 0.88
    assert trained["metrics"]["rows_taught"] + trained["metrics"]["rows_held_out"] == 68785


def test_the_ledger_holds_and_says_that_it_is_unanchored(shipped: Shipped) -> None:
    done = shipped.aims("ledger", "verify")
    assert done.returncode == 0, done.stdout
    assert "unanchored" in done.stdout


def people_of_the_file() -> tuple[set[str], set[str], set[tuple[str, str]]]:
    """Full names, case numbers, and (surname, date of birth) of everybody in the source file."""
    from assets.kept.home import home

    (source,) = home().cache.glob("members/c451db85*/*.csv")
    with source.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    cases = {row[column] for row in rows for column in ("c_case_number", "r_case_number", "vr_case_number")} - {""}
    return {row["name"].casefold() for row in rows}, cases, {(row["last"].casefold(), row["dob"]) for row in rows}


def readable(path: Path) -> Iterator[str]:
    """A file's texts: cells of Parquet and SQLite decoded, packed scripts of pages unpacked."""
    raw = path.read_bytes()
    if path.suffix == ".parquet":
        found = duckdb.execute("SELECT * FROM read_parquet(?)", [str(path)]).fetchall()
        yield "\n".join(" | ".join(map(str, row)) for row in found)
    elif raw.startswith(b"SQLite format 3"):
        with sqlite3.connect(path) as connection:
            yield "\n".join(connection.iterdump())
    else:
        text = raw.decode("utf-8", errors="replace")
        for packed in set(re.findall(r"H4sI[A-Za-z0-9+/=]{40,}", text)):
            text = text.replace(packed, "")
            yield zlib.decompress(b64decode(packed), wbits=47).decode("utf-8", "replace")
        yield text


def people_in(text: str, names: set[str], cases: set[str], births: set[tuple[str, str]]) -> Iterator[str]:
    """What of these people stands in a text."""
    low = text.casefold()
    for run in set(re.findall(r"[a-z'.\-]+(?: [a-z'.\-]+)+", low)):
        parts = run.split(" ")
        if {" ".join(parts[i : i + n]) for n in (2, 3) for i in range(len(parts) - n + 1)} & names:
            yield "a full name"
    if set(re.findall(r"\d{8}[A-Z0-9]{4,6}", text)) & cases:
        yield "a case number"
    dates = {born for _, born in births}
    for line in low.splitlines():
        for date in set(re.findall(r"\d{4}-\d\d-\d\d", line)) & dates:
            surnames = {last for last, born in births if born == date}
            if surnames & set(re.findall(r"[a-z'.\-]+", line)):
                yield "a date of birth with a name"


def test_nobody_of_the_compas_file_is_anywhere_under_the_home(shipped: Shipped) -> None:
    people = people_of_the_file()
    assert len(people[0]) > 7000
    files = [path for path in shipped.home.rglob("*") if path.is_file()]
    assert len([path for path in files if path.suffix == ".parquet"]) > 20
    texts = {text: str(path) for path in files for text in readable(path)}
    texts |= {shipped.first.stdout: "what the demo printed", shipped.first.stderr: "its log"}
    assert [f"{where}: {what}" for text, where in texts.items() for what in people_in(text, *people)] == []


@pytest.mark.parametrize("what", ["a full name", "a case number", "a date of birth with a name"])
def test_the_search_for_people_finds_a_planted_one(what: str, tmp_path: Path) -> None:
    """The clean result above means something only if a planted fault would show."""
    names, cases, births = people_of_the_file()
    last, born = min(births)
    planted = {
        "a full name": min(names).title(),
        "a case number": min(cases),
        "a date of birth with a name": f"{born} {last}",
    }
    path = tmp_path / "planted.parquet"
    duckdb.execute(f"COPY (SELECT '{planted[what]}' AS cell) TO '{path}' (FORMAT parquet)")
    assert what in [found for text in readable(path) for found in people_in(text, names, cases, births)]


def test_status_answers_without_the_heavy_libraries(shipped: Shipped) -> None:
    code = (
        "import sys; from click.testing import CliRunner; from pipelines.command import main; "
        "done = CliRunner().invoke(main, ['status']); assert done.exit_code == 0, done.output; "
        "heavy = {'dagster', 'pandas', 'great_expectations', 'evidently', 'sklearn', 'fairlearn', 'duckdb', 'ibis', 'scipy'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=shipped.environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "[]", done.stderr


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine (Debian: apt-get install chromium)")
def test_the_page_of_a_batch_opens_in_a_real_browser_with_its_verdicts_and_drawings(
    shipped: Shipped, tmp_path: Path
) -> None:
    (page,) = (shipped.home / "reports" / "compas_recidivism").glob("2014Q2-*.html")
    quiet = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    rest = "--disable-component-update --disable-sync --virtual-time-budget=15000 --dump-dom"
    command = [str(CHROMIUM), *quiet.split(), *rest.split(), f"--user-data-dir={tmp_path / 'browser'}", page.as_uri()]
    drawn = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    assert "main-svg" in drawn, "Evidently's plots are drawn by its script"
    for row in shipped.rows("verdicts", "--system", "compas_recidivism", "--batch", "2014Q2"):
        assert html.escape(row["reason"], quote=False).replace("-", "") in drawn.replace("−", "").replace("-", "")


def test_the_watchdog_finds_nothing_absent_in_a_whole_home(shipped: Shipped) -> None:
    from governance.absence import states
    from governance.declared.declarations import load
    from governance.register import Register

    register = Register(shipped.home / "register.db")
    for name in ("compas_recidivism", "ma_employment"):
        found = states(load(ROOT / "data" / "systems" / name), register, dt.date(2026, 1, 1))
        assert {item.state for item in found} == {"judged"}


@pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java, which is not on this machine")
@pytest.mark.parametrize("system, batch", [("compas_recidivism", "2014-04-01"), ("ma_employment", "2016-01-01")])
def test_spark_counts_the_shipped_systems_to_the_last_row(
    shipped: Shipped, system: str, batch: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same declaration with `engine: {kind: spark}` gives the profile whose digest stands in the ledger."""
    pytest.importorskip("pyspark", reason="Spark is an extra")
    import dataclasses

    from assets.judged.judging import profile_of_batch
    from assets.judged.reference import reference_profile
    from assets.kept.home import home, site
    from assets.landed.landing import batch_part, landed
    from governance.declared.declarations import load, systems_folder
    from governance.declared.system import Engine

    monkeypatch.setenv("AIMS_HOME", str(shipped.home))
    declared = load(systems_folder() / system)
    on_spark = dataclasses.replace(
        declared, system=declared.system.model_copy(update={"engine": Engine(kind="spark", master="local[2]")})
    )
    place = site(run="test")
    landing = landed(declared, batch, batch_part(declared, batch), place)
    outcomes = landed(declared, batch, "outcomes", place) if declared.system.sources.outcomes else None
    assert landing is not None
    found = profile_of_batch(reference_profile(declared, place), landing, outcomes, on_spark, place)
    judged = home().register().last("batch.judged", f"{system}/{batch}")
    assert judged is not None
    assert found.digest == judged.body["inputs"]["profile"]
