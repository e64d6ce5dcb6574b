"""`aims quality` on a batch with planted faults: every number against pandas on the rows that were sent."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from assets.kept.home import site
from assets.landed.landing import land
from governance.declared.declarations import load
from governance.standard.data_quality import data_quality
from tests.conftest import BATCHES, PROVENANCE, Made, contract_yaml, made_rows, system_yaml, write_csv

BATCH = BATCHES[2]
LANDED = dt.datetime(2024, 4, 11, 12, tzinfo=dt.UTC)


def faulty_rows() -> list[dict[str, Any]]:
    """Incomes missing, labels missing, a region that the contract does not know, and five rows sent twice."""
    rows = made_rows(BATCH)
    for index, row in enumerate(rows):
        row["income"] = "" if index % 7 == 0 else row["income"]
        row["late"] = "" if index % 5 == 0 else row["late"]
        row["region"] = "west" if index < 12 else row["region"]
    return rows + [dict(row) for row in rows[20:25]]


@pytest.fixture
def rows(made: Made) -> pd.DataFrame:
    """The faulty batch, landed, and the reference's two months."""
    from assets.judged.reference import freeze_reference

    for batch in BATCHES[:2]:
        made.send(batch)
    write_csv(made.incoming / f"{BATCH}.csv", faulty_rows())
    declaration, here = load(made.folder), site(at=LANDED, run="test")
    for batch in BATCHES[:3]:
        land(declaration, batch, "production", here)
    freeze_reference(declaration, here)
    return pd.read_csv(made.incoming / f"{BATCH}.csv").drop(columns="full_name")


def told(made: Made, *arguments: str) -> dict[tuple[str, str | None], dict[str, Any]]:
    lines = made.aims("quality", "loans", *arguments, "--json").output.splitlines()
    return {(row["measure"], row["about"]): row for row in map(json.loads, lines)}


def test_every_number_is_what_the_rows_say(made: Made, rows: pd.DataFrame) -> None:
    found = told(made, "--batch", BATCH)
    n = len(rows)
    for name in rows:
        assert found["value_completeness", name]["value"] == pytest.approx(rows[name].notna().mean()), name
    required = ["case", "day", "children", "region", "score"]
    assert found["record_completeness", None]["value"] == pytest.approx(rows[required].notna().all(axis=1).mean())
    assert found["label_completeness", None]["value"] == pytest.approx(rows["late"].notna().mean())
    assert found["repeated_records", None]["value"] == pytest.approx(rows.duplicated().sum() / n)
    assert rows.duplicated().sum() == 5
    assert found["syntactic_accuracy", "region"]["value"] == pytest.approx(
        rows["region"].isin(["north", "south"]).mean()
    )
    known = rows["late"].dropna()
    assert found["label_proportion", None]["value"] == pytest.approx(known.mean())
    assert found["label_proportion", None]["n"] == len(known)
    assert found["type_consistency", None]["value"] == 1.0
    shares = rows["region"].value_counts(normalize=True)
    before = pd.concat(pd.read_csv(made.incoming / f"{batch}.csv") for batch in BATCHES[:2])["region"]
    gone = before.value_counts(normalize=True)
    distance = shares.sub(gone, fill_value=0).abs().sum() / 2
    assert found["distance_from_reference", "region"]["value"] == pytest.approx(distance)
    sizes = rows["region"].value_counts()
    assert found["group_balance", "region"]["value"] == pytest.approx(sizes.min() / sizes.max())
    assert found["smallest_group", None]["value"] == sizes.min() == 12
    newest = pd.to_datetime(rows["day"]).max().tz_localize("UTC")
    assert found["newest_record_age", None]["value"] == pytest.approx((LANDED - newest).total_seconds() / 86_400)
    assert found["days_to_landing", None]["value"] == pytest.approx(10.5)
    assert found["personal_columns", None]["value"] == pytest.approx(1 / (len(rows.columns) + 1))
    assert found["provenance_given", None]["value"] == 1.0 and found["provenance_given", None]["n"] == len(PROVENANCE)


def test_no_measure_of_the_list_is_passed_over(made: Made, rows: pd.DataFrame) -> None:
    found = told(made)
    assert {measure for measure, _ in found} == {measure.id for _, measure in data_quality().measures()}
    for row in found.values():
        assert row["state"] in ("measured", "undefined", "not_evaluated", "not_measured")
        assert (row["value"] is not None) == (row["state"] == "measured")
        assert row["state"] == "measured" or row["reason"], row
    assert found["semantic_accuracy", None]["state"] == "not_measured"
    assert found["unseen_share", None]["reason"] == "It was not profiled, or no column is a category."
    text = made.aims("quality", "loans").output
    assert "Families of which nothing is measured: credibility, auditability, others." in text
    assert "lists that disagree" in text


def test_a_system_without_label_or_attribute_says_so(made: Made) -> None:
    system, contract = system_yaml(str(made.incoming)), contract_yaml()
    del system["columns"]["late"], system["columns"]["region"], system["groupings"]
    properties = contract["schema"][0]["properties"]
    contract["schema"][0]["properties"] = [p for p in properties if p["name"] not in ("late", "region")]
    for name, document in (("system", system), ("contract", contract)):
        path = made.folder / f"{name}.yaml"
        path.write_text(json.dumps(document), encoding="utf-8")
    assessment = json.loads(json.dumps(_only_income(made)))
    (made.folder / "impact_assessment.yaml").write_text(json.dumps(assessment), encoding="utf-8")
    (made.folder / "approval.yaml").unlink()
    made.send(BATCHES[0])
    land(load(made.folder), BATCHES[0], "production", site(at=LANDED, run="test"))
    found = told(made)
    for measure in ("label_completeness", "label_proportion", "smallest_group", "group_balance", "syntactic_accuracy"):
        assert found[measure, None]["state"] == "not_measured" and found[measure, None]["reason"].startswith(
            ("No ", "The")
        )


def test_a_training_snapshot_has_measures_too(made: Made, rows: pd.DataFrame) -> None:
    system = system_yaml(str(made.incoming))
    taught = [row | {"region": "north" if i % 4 else "south"} for i, row in enumerate(made_rows("2023-12-01"))]
    path = write_csv(made.incoming / "taught.csv", taught)
    system["sources"]["training"] = {"kind": "file", "path": str(path), "format": "csv", "provenance": PROVENANCE}
    made.declare(system=system)
    land(load(made.folder), "training", "training", site(at=LANDED, run="test"))
    found = told(made, "--batch", "training")
    assert found["label_completeness", None]["value"] == 1.0
    assert found["group_balance", "region"]["value"] == pytest.approx(1 / 3)
    before = pd.concat(pd.read_csv(made.incoming / f"{batch}.csv") for batch in BATCHES[:2])["region"]
    assert found["distance_from_reference", "region"]["value"] == pytest.approx(abs(0.75 - (before == "north").mean()))
    assert found["days_to_landing", None]["reason"] == "A training snapshot has no end to wait for."


def _only_income(made: Made) -> dict[str, Any]:
    from tests.conftest import assessment_yaml

    assessment = assessment_yaml()
    assessment["criteria"] = assessment["criteria"][:1]
    return assessment


def test_an_altered_file_is_told_and_not_measured(made: Made, rows: pd.DataFrame) -> None:
    for path in (made.home / "lake").iterdir():
        path.write_bytes(path.read_bytes()[:-1] + b"\x00")
    said = made.aims("quality", "loans", "--batch", BATCH, check=2).output
    assert "was altered" in said and said.count("\n") == 1


def test_what_was_not_landed_is_one_line(made: Made) -> None:
    assert "Nothing has run yet" in made.aims("quality", "loans", check=2).output
    made.send(BATCHES[0])
    land(load(made.folder), BATCHES[0], "production", site(at=LANDED, run="test"))
    assert "nothing landed for training" in made.aims("quality", "loans", "--batch", "training", check=2).output
    assert "There is no system 'nobody'" in made.aims("quality", "nobody", check=2).output


def test_codes_have_a_source_and_a_date_and_are_not_claimed() -> None:
    found = data_quality()
    assert found.as_of == dt.date(2026, 11, 24) and "disagree" in found.source and "not the standard" in found.source
    families = {family.id for family in found.families}
    assert families >= {
        "accuracy",
        "completeness",
        "consistency",
        "currentness",
        "balance",
        "diversity",
        "representativeness",
        "identifiability",
        "timeliness",
    }
    page = (Path(__file__).resolve().parents[2] / "docs" / "data-quality.md").read_text(encoding="utf-8")
    assert all(f"| {family} |" in page or family in page for family in families - {"others"})
