"""Overall rates and scores against scikit-learn on the raw rows, through the engine."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats
from sklearn import metrics

from governance.records import Measurement
from monitors.freezing import freeze
from monitors.levels import Levels
from monitors.performance import f1, overall
from monitors.profiling import profile


def rows_of(n: int, seed: int, decimals: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    score = rng.beta(2, 3, n)
    score = score if decimals is None else score.round(decimals)
    return (rng.random(n) < score**1.3).astype(int), score


def by_name(found: Any) -> dict[str, Measurement]:
    named = {m.metric: m for m in found}
    assert len(named) == len(found)
    return named


@pytest.fixture(scope="module")
def measured(table_of: Any, shape: Any) -> Any:
    def run(columns: Any, reference: Any = None, probability: bool = True) -> dict[str, Measurement]:
        asked = shape(label="y", score="s", threshold=0.5, score_is_probability=probability)
        grid = freeze(table_of(reference or columns), asked)
        before = profile(table_of(reference), grid) if reference else None
        return by_name(list(overall(profile(table_of(columns), grid), before, Levels({}))))

    return run


def test_rates_are_scikit_learns_on_the_rows(measured: Any) -> None:
    label, score = rows_of(4_000, 40)
    predicted = (score >= 0.5).astype(int)
    found = measured({"y": label, "s": score})
    tn, fp, fn, tp = metrics.confusion_matrix(label, predicted).ravel()
    expected = {
        "rows": 4_000,
        "true_negatives": tn,
        "false_positives": fp,
        "false_negatives": fn,
        "true_positives": tp,
        "accuracy": metrics.accuracy_score(label, predicted),
        "precision": metrics.precision_score(label, predicted),
        "true_positive_rate": metrics.recall_score(label, predicted),
        "false_positive_rate": 1 - metrics.recall_score(label, predicted, pos_label=0),
        "false_negative_rate": 1 - metrics.recall_score(label, predicted),
        "f1": metrics.f1_score(label, predicted),
        "outcome_rate": label.mean(),
        "selection_rate": predicted.mean(),
        "label_coverage": 1.0,
    }
    assert {name: found[name].value for name in expected} == {
        name: pytest.approx(float(v), abs=1e-15) for name, v in expected.items()
    }
    denominators = {
        "precision": tp + fp,
        "true_positive_rate": tp + fn,
        "false_positive_rate": tn + fp,
        "accuracy": 4_000,
    }
    assert {name: found[name].n for name in denominators} == denominators
    for m in found.values():
        assert m.low is None or m.low <= m.value <= m.high


def test_scores_are_scikit_learns_within_the_stated_bin(measured: Any) -> None:
    label, score = rows_of(3_000, 41)
    found = measured({"y": label, "s": score})
    width = 0.001
    assert found["brier_score"].value == pytest.approx(metrics.brier_score_loss(label, score), abs=width)
    inside = np.minimum(score, 1 - score)
    bound = np.where(inside > width, width / np.maximum(inside - width, 1e-9), 7)
    assert found["log_loss"].value == pytest.approx(metrics.log_loss(label, score), abs=float(bound.mean()))
    assert found["log_loss"].value == pytest.approx(metrics.log_loss(label, score), abs=0.005)
    codes = np.floor(score * 1000)
    ties = sum((codes[label == 0] == c).mean() * (codes[label == 1] == c).mean() for c in np.unique(codes))
    assert found["roc_auc"].value == pytest.approx(metrics.roc_auc_score(label, score), abs=ties / 2)
    tenth = np.floor(score * 10)
    error = sum(
        abs(label[tenth == t].mean() - score[tenth == t].mean()) * (tenth == t).mean() for t in np.unique(tenth)
    )
    assert found["expected_calibration_error"].value == pytest.approx(error, abs=width)


def test_auc_of_few_score_values_is_exact(measured: Any) -> None:
    label, score = rows_of(2_000, 42, decimals=1)
    found = measured({"y": label, "s": score}, probability=False)
    assert found["roc_auc"].value == pytest.approx(metrics.roc_auc_score(label, score), abs=1e-12)
    assert found["roc_auc"].method.startswith("exact score values")
    assert "brier_score" not in found


def test_a_score_that_the_reference_does_not_know_is_left_out_of_auc_and_said_so(measured: Any) -> None:
    label, score = rows_of(2_000, 42, decimals=1)
    strange = {"y": np.r_[label, [1, 1, 0]], "s": np.r_[score, [-9.0, -9.0, -9.0]]}
    found = measured(strange, reference={"y": label, "s": score}, probability=False)["roc_auc"]
    assert found.value == pytest.approx(metrics.roc_auc_score(label, score), abs=1e-12)
    assert found.reason == "3 rows left out: the reference does not know their score"


def test_rows_without_label_or_score_are_left_out_of_what_needs_them(measured: Any) -> None:
    label, score = rows_of(1_000, 43)
    rng = np.random.default_rng(43)
    unlabelled, unscored = rng.random(1_000) < 0.3, rng.random(1_000) < 0.2
    found = measured({"y": pa.array(label, mask=unlabelled), "s": pa.array(score, mask=unscored)})
    both = ~unlabelled & ~unscored
    assert found["accuracy"].value == metrics.accuracy_score(label[both], score[both] >= 0.5)
    assert found["accuracy"].n == both.sum()
    assert found["selection_rate"].value == (score[~unscored] >= 0.5).mean()
    assert found["outcome_rate"].value == label[~unlabelled].mean()
    assert found["label_coverage"].value == (~unlabelled).mean()
    assert found["brier_score"].n == both.sum()


UNDEFINED: dict[str, tuple[list[int | None], list[float], dict[str, str]]] = {
    "no positives": (
        [0] * 20,
        [0.1] * 10 + [0.9] * 10,
        {
            "true_positive_rate": "undefined (0 positive outcomes)",
            "false_negative_rate": "undefined (0 positive outcomes)",
            "roc_auc": "undefined (0 positive outcomes with a score)",
        },
    ),
    "no negatives": (
        [1] * 20,
        [0.1] * 10 + [0.9] * 10,
        {
            "false_positive_rate": "undefined (0 negative outcomes)",
            "roc_auc": "undefined (0 negative outcomes with a score)",
        },
    ),
    "nobody selected": ([0, 1] * 10, [0.1] * 20, {"precision": "undefined (0 predicted positives)"}),
    "nothing positive at all": ([0] * 20, [0.1] * 20, {"f1": "undefined (0 positive outcomes or predictions)"}),
    "no labels": (
        [None] * 20,
        [0.1] * 20,
        {
            "outcome_rate": "undefined (0 outcomes)",
            "accuracy": "undefined (0 rows with outcome and prediction)",
            "brier_score": "undefined (0 outcomes with a score)",
            "log_loss": "undefined (0 outcomes with a score)",
        },
    ),
    "no rows": ([], [], {"selection_rate": "undefined (0 predictions)", "label_coverage": "undefined (0 rows)"}),
}


@pytest.mark.parametrize("label, score, expected", UNDEFINED.values(), ids=UNDEFINED)
def test_a_rate_without_a_denominator_is_undefined_and_says_why(
    label: Any, score: Any, expected: Any, measured: Any
) -> None:
    found = measured({"y": pa.array(label, pa.int64()), "s": pa.array(score, pa.float64())})
    assert {name: (found[name].value, found[name].n, found[name].reason) for name in expected} == {
        name: (None, 0, reason) for name, reason in expected.items()
    }
    assert all(m.value is None or np.isfinite(m.value) for m in found.values())


def test_a_change_is_counted_from_the_reference_and_rests_on_the_smaller_side(measured: Any) -> None:
    before = {"y": [1] * 10 + [0] * 40, "s": [0.9] * 10 + [0.1] * 40}
    found = measured({"y": [1] * 60 + [0] * 40, "s": [0.9] * 40 + [0.1] * 60}, reference=before)
    change = found["outcome_rate_change"]
    assert change.value == pytest.approx(0.6 - 0.2)
    assert 0 < change.low < change.value < change.high < 1
    assert change.n == 50
    assert found["selection_rate_change"].value == pytest.approx(0.4 - 0.2)


def test_a_change_from_nothing_is_undefined(measured: Any) -> None:
    known, unknown = {"y": [1, 0] * 10, "s": [0.9] * 20}, {"y": pa.array([None] * 20, pa.int64()), "s": [0.9] * 20}
    for batch, reference, side in ((known, unknown, "reference"), (unknown, known, "batch")):
        change = measured(batch, reference=reference)["outcome_rate_change"]
        assert (change.value, change.reason) == (None, f"undefined (0 outcomes in the {side})")


@pytest.mark.parametrize("n", [20, 50, 400])
def test_bounds_of_f1_miss_the_truth_as_rarely_as_those_of_a_rate(n: int, profile_of_people: Any) -> None:
    """Cells drawn with known chances: F1 is 2 · 0.3 / (2 · 0.3 + 0.1 + 0.15). Wilson's bounds may miss 1.5 times alpha."""
    rng, runs, truth, misses = np.random.default_rng(44), 1_000, 0.6 / 0.85, [0, 0]
    for cells in rng.multinomial(n, [0.45, 0.1, 0.15, 0.3], runs):
        labels, predictions = np.repeat([0, 0, 1, 1], cells), np.repeat([0, 1, 0, 1], cells)
        m = f1(profile_of_people(["a"] * n, labels, predictions, ("a",)), 0.05)
        assert m.low <= m.value <= m.high and m.n == cells[1:].sum()
        assert m.value == pytest.approx(metrics.f1_score(labels, predictions), abs=1e-12)
        misses[0] += m.low > truth
        misses[1] += m.high < truth
    for count in misses:
        assert stats.binomtest(count, runs, 1.5 * 0.05, alternative="greater").pvalue > 0.01, misses
