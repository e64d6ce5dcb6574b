"""SageMaker's two files, as their documentation describes them, with an example of our own.

The published description is written down here as shapes that refuse any other key: our example has its field names.
Verdicts are held against what the documentation says of each check, reckoned on raw rows.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

from checks.contract import read_contract
from checks.expectations import RuleOutcome, check_contract
from checks.imports.carried import Became, NotKnown
from checks.imports.sagemaker import import_constraints, import_statistics, is_statistics
from checks.skeleton import SystemDraft, assessment_text
from governance.declared.metrics import METRICS


class Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NumConstraints(Closed):
    is_non_negative: bool


class StringConstraints(Closed):
    domains: list[str]


class Feature(Closed):
    name: str
    inferred_type: Literal["Integral", "Fractional", "String", "Unknown"]
    completeness: float
    num_constraints: NumConstraints | None = None
    string_constraints: StringConstraints | None = None
    monitoringConfigOverrides: dict[str, Any] = {}


class Distribution(Closed):
    perform_comparison: Literal["Enabled", "Disabled"]
    comparison_threshold: float
    comparison_method: Literal["Simple", "Robust"]
    categorical_comparison_threshold: float | None = None
    categorical_drift_method: Literal["LInfinity", "ChiSquared"] | None = None


class Config(Closed):
    evaluate_constraints: Literal["Enabled", "Disabled"]
    emit_metrics: Literal["Enabled", "Disabled"]
    datatype_check_threshold: float
    domain_content_threshold: float
    distribution_constraints: Distribution


class Constraints(Closed):
    version: float
    features: list[Feature]
    monitoring_config: Config


class Common(Closed):
    num_present: int
    num_missing: int


class Bucket(Closed):
    lower_bound: float
    upper_bound: float
    count: float


class Sketch(Closed):
    parameters: dict[str, float]
    data: list[list[float]]


class Kll(Closed):
    buckets: list[Bucket]
    sketch: Sketch


class Numerical(Closed):
    common: Common
    mean: float
    sum: float
    std_dev: float
    min: float
    max: float
    distribution: dict[Literal["kll"], Kll]


class Category(Closed):
    value: str
    count: int


class Textual(Closed):
    common: Common
    distinct_count: float
    distribution: dict[Literal["categorical"], dict[Literal["buckets"], list[Category]]] = Field(default_factory=dict)


class FeatureStatistics(Closed):
    name: str
    inferred_type: Literal["Integral", "Fractional", "String", "Unknown"]
    numerical_statistics: Numerical | None = None
    string_statistics: Textual | None = None


class Statistics(Closed):
    version: float
    dataset: dict[Literal["item_count"], int]
    features: list[FeatureStatistics]


CONSTRAINTS: dict[str, Any] = {
    "version": 0.0,
    "features": [
        {
            "name": "age",
            "inferred_type": "Integral",
            "completeness": 1.0,
            "num_constraints": {"is_non_negative": True},
        },
        {"name": "debt", "inferred_type": "Fractional", "completeness": 0.9},
        {
            "name": "region",
            "inferred_type": "String",
            "completeness": 0.95,
            "string_constraints": {"domains": ["north", "south"]},
        },
        {"name": "blank", "inferred_type": "Unknown", "completeness": 0.0},
    ],
    "monitoring_config": {
        "evaluate_constraints": "Enabled",
        "emit_metrics": "Enabled",
        "datatype_check_threshold": 1.0,
        "domain_content_threshold": 0.98,
        "distribution_constraints": {
            "perform_comparison": "Enabled",
            "comparison_threshold": 0.1,
            "comparison_method": "Robust",
            "categorical_comparison_threshold": 0.2,
            "categorical_drift_method": "LInfinity",
        },
    },
}
STATISTICS: dict[str, Any] = {
    "version": 0.0,
    "dataset": {"item_count": 200},
    "features": [
        {
            "name": "age",
            "inferred_type": "Integral",
            "numerical_statistics": {
                "common": {"num_present": 198, "num_missing": 2},
                "mean": 41.5,
                "sum": 8217.0,
                "std_dev": 9.25,
                "min": 18.0,
                "max": 88.0,
                "distribution": {
                    "kll": {
                        "buckets": [{"lower_bound": 18.0, "upper_bound": 88.0, "count": 198.0}],
                        "sketch": {"parameters": {"c": 0.64, "k": 2048.0}, "data": [[18.0, 88.0]]},
                    }
                },
            },
        },
        {
            "name": "region",
            "inferred_type": "String",
            "string_statistics": {
                "common": {"num_present": 200, "num_missing": 0},
                "distinct_count": 2.0,
                "distribution": {"categorical": {"buckets": [{"value": "Quixotville", "count": 200}]}},
            },
        },
    ],
}


def test_the_examples_have_the_documented_shape() -> None:
    Constraints.model_validate(CONSTRAINTS)
    Statistics.model_validate(STATISTICS)


def outcomes(
    rows: dict[str, list[Any]], folder: Path, document: dict[str, Any] = CONSTRAINTS
) -> dict[str, RuleOutcome]:
    contract = read_contract(yaml.safe_dump(import_constraints(json.dumps(document), "c").contract))
    pq.write_table(pa.table(rows), folder / "rows.parquet")
    return {r.rule: r.outcome for r in check_contract(contract, folder / "rows.parquet")}


def good() -> dict[str, list[Any]]:
    """100 rows that stand exactly at every limit: 10 of 100 missing, 5 of 100 missing, 1 of 95 outside the domain."""
    return {
        "age": [0, *range(18, 117)],
        "debt": [None] * 10 + [0.5] * 90,
        "region": [None] * 5 + ["west"] + ["north"] * 94,
        "blank": ["x"] * 100,
    }


def test_rows_exactly_at_every_limit_meet_every_rule(tmp_path: Path) -> None:
    assert set(outcomes(good(), tmp_path).values()) == {RuleOutcome.MET}


@pytest.mark.parametrize(
    ("column", "values", "rule"),
    [
        ("age", [-1, *range(18, 117)], "age: range"),
        ("age", [None, *range(18, 117)], "age: required"),
        ("age", [0.5] * 100, "age: type"),
        ("debt", [None] * 11 + [0.5] * 89, "debt: completeness"),
        ("region", [None] * 6 + ["north"] * 94, "region: completeness"),
        ("region", ["west"] * 3 + ["north"] * 97, "region: domain"),
    ],
)
def test_one_row_more_breaks_the_one_rule(tmp_path: Path, column: str, values: list[Any], rule: str) -> None:
    found = outcomes(good() | {column: values}, tmp_path)
    assert [name for name, outcome in found.items() if outcome is RuleOutcome.UNMET] == [rule]


@example(present=99, missing=1, completeness=99)
@given(present=st.integers(1, 40), missing=st.integers(0, 40), completeness=st.integers(0, 100))
@settings(max_examples=12, deadline=None)
def test_completeness_is_the_share_of_rows_with_a_value(
    tmp_path_factory: pytest.TempPathFactory, present: int, missing: int, completeness: int
) -> None:
    document = {"features": [{"name": "v", "inferred_type": "Fractional", "completeness": completeness / 100}]}
    rows = {"v": [1.5] * present + [None] * missing}
    found = outcomes(rows, tmp_path_factory.mktemp("rows"), document)
    rule = found["v: required" if completeness == 100 else "v: completeness"]
    assert (rule is RuleOutcome.MET) == (100 * present >= completeness * (present + missing))


def test_thresholds_on_distributions_become_drafts_of_criteria() -> None:
    found = import_constraints(json.dumps(CONSTRAINTS), "c")
    assert list(found.criteria) == [
        {"metric": "ks", "columns": ["age", "debt"], "direction": "above", "limit": 0.1},
        {"metric": "total_variation", "columns": ["region"], "direction": "above", "limit": 0.2},
    ]


def test_nothing_is_dropped_without_a_word() -> None:
    """Every key of the documented shape but `version` and names is told of, one way or another."""
    document = copy.deepcopy(CONSTRAINTS)
    document["features"][0]["monitoringConfigOverrides"] = {"x": 1}
    document["monitoring_config"]["distribution_constraints"]["categorical_drift_method"] = "ChiSquared"
    found = import_constraints(json.dumps(document), "c")
    told = " ".join(item.what for item in found.told)
    for feature in document["features"]:
        for key in ("inferred_type", "completeness", "is_non_negative", "domains", "monitoringConfigOverrides"):
            if key in json.dumps(feature):
                assert f"{feature['name']}: {key}" in told, (feature["name"], key)
    for key in ("evaluate_constraints", "emit_metrics", "comparison_method", "categorical_drift_method"):
        assert key in told
    left = {item.what for item in found.having(Became.NOT_CARRIED)}
    assert {"blank: inferred_type", "age: monitoringConfigOverrides"} <= left
    assert "distribution_constraints.categorical_comparison_threshold" in left


def test_statistics_become_a_note_without_any_text_of_a_row() -> None:
    assert is_statistics(json.dumps(STATISTICS)) and not is_statistics(json.dumps(CONSTRAINTS))
    found = import_statistics(json.dumps(STATISTICS), "c")
    assert found.summary["rows"] == 200
    assert found.summary["columns"]["age"] == {
        "inferred_type": "Integral",
        "num_present": 198,
        "num_missing": 2,
        "mean": 41.5,
        "sum": 8217.0,
        "std_dev": 9.25,
        "min": 18.0,
        "max": 88.0,
    }
    assert "Quixotville" not in repr(found)
    assert [item.what for item in found.having(Became.NOT_CARRIED)] == ["age: distribution", "region: distribution"]


QUALITY = {
    "version": 0.0,
    "regression_constraints": {
        "mae": {"threshold": 2.5, "comparison_operator": "GreaterThanThreshold"},
        "r2": {"threshold": 0.6, "comparison_operator": "LessThanThreshold"},
        "mse": {"threshold": 9.0, "comparison_operator": "GreaterThanThreshold"},
        "rmse": {"threshold": "high", "comparison_operator": "GreaterThanThreshold"},
    },
}


def test_a_baseline_of_the_models_quality_becomes_drafts_of_criteria() -> None:
    assert not is_statistics(json.dumps(QUALITY))
    found = import_constraints(json.dumps(QUALITY), "c")
    assert list(found.criteria) == [
        {"metric": "mean_absolute_error", "direction": "above", "limit": 2.5},
        {"metric": "r_squared", "direction": "below", "limit": 0.6},
    ]
    assert {criterion["metric"] for criterion in found.criteria} <= set(METRICS)
    assert [item.what for item in found.having(Became.NOT_CARRIED)] == [
        "regression_constraints.mse",
        "regression_constraints.rmse",
    ]
    assert found.system == {"task": "regression"}
    drafted = yaml.safe_load(assessment_text(SystemDraft("c", {}, task="regression"), found.criteria))
    imported = [c for c in drafted["criteria"] if c["id"].startswith("imported")]
    assert [(c["harm"], c["metric"], c["limit"], "columns" in c) for c in imported] == [
        ("decisions_go_wrong", "mean_absolute_error", 2.5, False),
        ("decisions_go_wrong", "r_squared", 0.6, False),
    ]


def test_several_classes_are_told_and_draft_nothing() -> None:
    document = {"multiclass_classification_constraints": {"accuracy": {"threshold": 0.9}}}
    found = import_constraints(json.dumps(document), "c")
    assert not found.criteria and "several classes" in found.told[0].how


def test_how_a_model_did_is_a_note_and_its_curves_are_told() -> None:
    document = {
        "version": 0.0,
        "dataset": {"item_count": 50, "evaluation_time": "2024-01-01T00:00:00Z"},
        "binary_classification_metrics": {
            "recall": {"value": 0.8, "standard_deviation": "NaN"},
            "confusion_matrix": {"0": {"0": 40, "1": 10}},
        },
    }
    assert is_statistics(json.dumps(document))
    found = import_statistics(json.dumps(document), "c")
    assert found.summary == {"rows": 50, "metrics": {"recall": {"value": 0.8, "standard_deviation": "NaN"}}}
    assert [item.what for item in found.having(Became.NOT_CARRIED)] == [
        "binary_classification_metrics.confusion_matrix",
        "dataset.evaluation_time",
    ]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"features": [{}]}', '{"features": 3}'])
def test_what_is_neither_file_is_refused(text: str) -> None:
    with pytest.raises(NotKnown):
        import_constraints(text, "c")
