"""A regression from four YAML files to the page: landed, profiled, measured, judged, registered, shown, trained."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import numpy as np
import pytest
import yaml
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from tests.conftest import BATCHES as MONTHS
from tests.conftest import Made, assessment_yaml, contract_yaml, system_yaml, write_csv

BATCHES = MONTHS[:4]
CLEAN, BIASED = BATCHES[2:]


def rows_of(batch: str, *, bias: float = 0.0, rows: int = 400) -> list[dict[str, Any]]:
    """Days that payments came late, skewed, and what was predicted; `bias` is added for the north."""
    rng = np.random.default_rng(int(batch.replace("-", "")))
    start, made = dt.date.fromisoformat(batch), []
    for index in range(rows):
        region, income = str(rng.choice(["north", "south"])), float(rng.normal(3000, 500))
        expected = 20 - (income - 3000) / 100
        late = expected + float(rng.gamma(4, 1.0)) - 4
        made.append(
            {
                "case": f"{batch}-{index}",
                "day": (start + dt.timedelta(days=int(rng.integers(28)))).isoformat(),
                "income": round(income, 2),
                "region": region,
                "predicted_days": round(expected + (bias if region == "north" else 0.0), 3),
                "days": round(late, 3),
            }
        )
    return made


def declared(made: Made, **changed: Any) -> dict[str, dict[str, Any]]:
    """The documents of the regression; `changed` are keys of system.yaml."""
    system = system_yaml(str(made.incoming)) | {"name": "Days late", "task": "regression", "personal": []}
    for key in ("prediction", "score_is_probability"):
        del system[key]
    for column in ("children", "score", "late"):
        del system["columns"][column]
    system["batches"]["to"] = "2024-05-01"
    system["columns"] |= {"predicted_days": {"roles": ["prediction"]}, "days": {"roles": ["label"]}}
    contract = contract_yaml()
    (table,) = contract["schema"]
    table["properties"] = [p for p in table["properties"] if p["name"] not in ("children", "score", "late")]
    table["properties"] += [
        {"name": "predicted_days", "logicalType": "number", "required": True},
        {"name": "days", "logicalType": "number"},
    ]
    assessment = assessment_yaml()
    common = {k: v for k, v in assessment["criteria"][0].items() if k not in ("id", "metric", "columns", "limit")}
    assessment["criteria"] = [
        common | {"id": name, "metric": metric, "limit": limit, **more}
        for name, metric, limit, more in (
            ("days_are_close", "mean_absolute_error", 3.0, {}),
            ("days_are_explained", "r_squared", 0.5, {"direction": "below"}),
            ("days_are_unbiased", "mean_error", 1.0, {"direction": "either"}),
            ("lateness_is_stable", "mean_label_change", 3.0, {"direction": "either"}),
            ("errors_are_as_they_were", "psi", 0.25, {"columns": ["days (error)"]}),
            ("regions_are_unbiased", "mean_error_difference", 1.5, {"direction": "either", "grouping": "region"}),
        )
    ]
    return {"system": system | changed, "contract": contract, "assessment": assessment}


def verdicts(made: Made) -> dict[tuple[str, str], str]:
    rows = map(json.loads, made.aims("verdicts", "--json").stdout.splitlines())
    return {(row["batch"], row["criterion"]): row["verdict"] for row in rows if "/" not in row["batch"]}


def values_are_those_of_scikit_learn(made: Made, batch: str) -> None:
    rows = [json.loads(line) for line in made.aims("measurements", "--batch", batch, "--json").stdout.splitlines()]
    found = {row["metric"]: row["value"] for row in rows if row["segment"] is None and row["column"] is None}
    y, p = np.array([(row["days"], row["predicted_days"]) for row in rows_of(batch, bias=3.0)]).T
    assert found["mean_absolute_error"] == pytest.approx(mean_absolute_error(y, p), rel=1e-9)
    assert found["root_mean_squared_error"] == pytest.approx(root_mean_squared_error(y, p), rel=1e-9)
    assert found["r_squared"] == pytest.approx(r2_score(y, p), rel=1e-9)
    assert found["mean_error"] == pytest.approx((p - y).mean(), rel=1e-9)


def test_a_planted_bias_of_one_group_breaches_and_its_clean_twin_conforms(made: Made) -> None:
    made.declare(**declared(made))
    for batch in BATCHES:
        write_csv(made.incoming / f"{batch}.csv", rows_of(batch, bias=3.0 if batch == BIASED else 0.0))
    done = made.aims("run", "loans", check=1)
    found = verdicts(made)
    criteria = {criterion for _, criterion in found}
    assert {found[CLEAN, criterion] for criterion in criteria} == {"conforming"}
    assert {criterion for criterion in criteria if found[BIASED, criterion] == "breach"} == {
        "regions_are_unbiased",
        "days_are_unbiased",
        "errors_are_as_they_were",
    }
    assert found[BIASED, "days_are_close"] == found[BIASED, "lateness_is_stable"] == "conforming"
    assert "suspected nonconformity" in done.stderr
    values_are_those_of_scikit_learn(made, BIASED)
    cases = [json.loads(line) for line in made.aims("nonconformities", "--json").stdout.splitlines()]
    assert ("regions_are_unbiased", "region: north − south") in {(c["criterion"], c["segment"]) for c in cases}
    made.aims("ledger", "verify")
    (page,) = (made.home / "reports" / "loans").glob("2024-04-*.html")
    text = page.read_text(encoding="utf-8")
    for shown in ("mean_absolute_error", "r_squared", "label units", "mean_error_difference", "days (error)"):
        assert shown.replace("_", "_<wbr>") in text or shown in text, shown
    again = made.aims("run", "loans", check=1)
    assert "0 new suspicions." in again.stdout
    assert again.stdout.count("nothing new") == 6


def test_labels_that_come_later_restate_the_batch_and_nothing_is_judged_before(made: Made) -> None:
    documents = declared(made)
    production = documents["system"]["sources"]["production"]
    documents["system"]["sources"] |= {
        "reference": production | {"path": f"{made.incoming}/reference.csv"},
        "outcomes": production | {"path": f"{made.incoming}/outcomes.csv"},
    }
    made.declare(**documents)
    write_csv(made.incoming / "reference.csv", [row for batch in BATCHES[:2] for row in rows_of(batch)])
    for batch in BATCHES[2:]:
        rows = rows_of(batch, bias=3.0 if batch == BIASED else 0.0)
        write_csv(made.incoming / f"{batch}.csv", [{k: v for k, v in row.items() if k != "days"} for row in rows])
    made.aims("run", "loans")
    assert {verdict for (batch, _), verdict in verdicts(made).items()} == {"inconclusive"}
    outcomes = [{k: row[k] for k in ("case", "days")} for batch in BATCHES[2:] for row in rows_of(batch)]
    write_csv(made.incoming / "outcomes.csv", outcomes)
    made.aims("run", "loans", check=1)
    found = verdicts(made)
    assert found[CLEAN, "regions_are_unbiased"] == found[CLEAN, "errors_are_as_they_were"] == "conforming"
    assert found[BIASED, "regions_are_unbiased"] == "breach"


@pytest.mark.parametrize("estimator", ["linear_regression", "gradient_boosting"])
def test_a_candidate_is_trained_and_held_against_its_release_criteria(made: Made, estimator: str) -> None:
    from assets.judged.training import train
    from assets.kept.home import site
    from governance.declared.declarations import load

    documents = declared(made)
    production = documents["system"]["sources"]["production"]
    documents["system"]["sources"]["training"] = production | {"path": f"{made.incoming}/training.csv"}
    made.declare(**documents)
    rows = rows_of("2023-12-01", rows=600)
    rows[0]["days"] = ""
    write_csv(made.incoming / "training.csv", rows)
    model = {
        "name": "days_late",
        "estimator": estimator,
        "features": ["income", "region"],
        "holdout_share": 0.25,
        "seed": 1,
        "release": [
            {"metric": "mean_absolute_error", "limit": 2.5, "rationale": "Half a week."},
            {"metric": "r_squared", "limit": 0.99, "rationale": "More than anybody can."},
        ],
    }
    (made.folder / "model.yaml").write_text(yaml.safe_dump(model), encoding="utf-8")
    trained = train(load(made.folder), site(at=dt.datetime(2024, 7, 1, tzinfo=dt.UTC), run="test"))
    # The noise is a gamma of shape 4: its mean absolute deviation is 1.56, its variance 4 beside 25 of the rest.
    assert trained["metrics"]["mean_absolute_error"] == pytest.approx(1.56, abs=0.4)
    assert trained["metrics"]["r_squared"] == pytest.approx(25 / 29, abs=0.08)
    assert trained["metrics"]["rows_without_label"] == 1
    assert [item["met"] for item in trained["release"]] == [True, False]
    assert "must be at most 2.5" in trained["release"][0]["reason"]
