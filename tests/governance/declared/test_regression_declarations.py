"""A regression as it is declared: a sound one, and every fault that only a regression can have."""

import pytest

from governance.declared.declarations import load
from governance.declared.metrics import DISTANCES, METRICS, fitting
from governance.faults import DeclarationFaults
from tests.governance.conftest import Declared

SYSTEM, CONTRACT, ASSESSMENT, MODEL = "system.yaml", "contract.yaml", "impact_assessment.yaml", "model.yaml"


@pytest.fixture
def regression(declared: Declared) -> Declared:
    """The sound system, made to predict how many days late a payment comes."""
    declared.edit(SYSTEM, "task: binary_classification", "task: regression")
    declared.edit(SYSTEM, "score: {roles: [score]}", "score: {roles: [prediction]}")
    declared.edit(SYSTEM, "prediction: {score_at_least: 0.5}\nscore_is_probability: true\n", "")
    declared.edit(ASSESSMENT, "metric: selection_rate_difference", "metric: mean_error_difference")
    declared.edit(MODEL, "logistic_regression", "linear_regression")
    declared.edit(MODEL, "metric: roc_auc, limit: 0.6", "metric: mean_absolute_error, limit: 9")
    return declared


def faults_of(declared: Declared) -> list[str]:
    with pytest.raises(DeclarationFaults) as error:
        load(declared.folder)
    return [str(fault) for fault in error.value.faults]


def test_a_sound_regression_loads_and_names_its_error(regression: Declared) -> None:
    found = load(regression.folder)
    assert (found.system.task, found.system.error, found.kind("late")) == ("regression", "late (error)", "numeric")
    assert found.is_demonstrated


def test_a_classification_has_no_error_column(declared: Declared) -> None:
    assert load(declared.folder).system.error is None


def test_a_criterion_may_watch_the_error_as_a_column(regression: Declared) -> None:
    regression.edit(ASSESSMENT, "columns: [income]", 'columns: [income, "late (error)"]')
    assert load(regression.folder).assessment.criteria[0].columns == ("income", "late (error)")


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        (SYSTEM, "score: {roles: [prediction]}", "score: {roles: [feature]}", "needs a column with the role prediction"),
        (SYSTEM, "score: {roles: [prediction]}", "score: {roles: [prediction, score]}", "has no score: give 'score'"),
        (SYSTEM, "labels:", "prediction: {score_at_least: 1}\nlabels:", "has no threshold: remove `prediction`"),
        (SYSTEM, "labels:", "score_is_probability: true\nlabels:", "no probability: remove `score_is_probability`"),
        (SYSTEM, "package: {roles", "late (error): {roles", "The name 'late (error)' is taken"),
        (CONTRACT, "late, logicalType: integer", "late, logicalType: string", "columns.late: a regression needs a number"),
        (SYSTEM, "late: {roles: [label]}", "late: {roles: [label], kind: categorical}", "columns.late: a regression needs"),
        (SYSTEM, "score: {roles: [prediction]}", "score: {roles: [prediction, attribute]}", "columns.score: a regression"),
        (ASSESSMENT, "mean_error_difference", "selection_rate_difference", "selection_rate_difference is for a binary_cl"),
        (MODEL, "linear_regression", "logistic_regression", "logistic_regression is not for a regression"),
        (MODEL, "metric: mean_absolute_error", "metric: accuracy", "release.0.metric: accuracy is for a binary"),
    ],
)  # fmt: skip
def test_what_no_regression_can_have_is_a_fault_in_words(
    regression: Declared, name: str, old: str, new: str, words: str
) -> None:
    regression.edit(name, old, new)
    found = faults_of(regression)
    assert any(words in fault for fault in found), found


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        (ASSESSMENT, "selection_rate_difference", "mean_error_difference", "is for a regression, and this is a binary"),
        (MODEL, "logistic_regression", "linear_regression", "linear_regression is not for a binary_classification"),
        (MODEL, "metric: roc_auc", "metric: r_squared", "r_squared is for a regression"),
    ],
)
def test_what_no_classification_can_have_is_a_fault_in_words(
    declared: Declared, name: str, old: str, new: str, words: str
) -> None:
    declared.edit(name, old, new)
    (fault,) = faults_of(declared)
    assert words in fault


def test_a_wrong_metric_is_told_with_those_that_fit(regression: Declared) -> None:
    regression.edit(ASSESSMENT, "mean_error_difference", "selection_rate_difference")
    (fault,) = faults_of(regression)
    for metric in ("mean_error_difference", "mean_absolute_error_difference", "mean_prediction_difference"):
        assert metric in fault


def test_a_regression_without_a_label_knows_only_its_predictions(regression: Declared) -> None:
    regression.edit(SYSTEM, "late: {roles: [label]}", "late: {roles: [feature]}")
    found = faults_of(regression)
    assert any("mean_error_difference needs a column with the role label" in fault for fault in found)
    regression.edit(ASSESSMENT, "mean_error_difference", "mean_prediction_difference")
    regression.path(MODEL).unlink()
    assert load(regression.folder).system.error is None


def test_every_metric_fits_one_task_or_all() -> None:
    listed = {
        task: {name for about in ("rows", "column", "grouping", "contrast") for name in fitting(task, about)}
        for task in ("binary_classification", "regression")
    }
    assert listed["binary_classification"] | listed["regression"] == set(METRICS)
    drift = {*DISTANCES, "domain_classifier_auc", "outside_intended_use"}
    assert listed["binary_classification"] & listed["regression"] == {"label_coverage", "attribute_coverage", *drift}
