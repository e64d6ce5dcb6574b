"""Two files in, a first look out. Truth: pandas, scipy, scikit-learn and fairlearn on the raw rows; planted faults."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import MetricFrame, false_positive_rate, selection_rate
from scipy import stats
from sklearn.metrics import accuracy_score, brier_score_loss, precision_score, recall_score, roc_auc_score

from assets.on_demand.inspection import Request, inspect
from governance.faults import UsageFault
from monitors.first_look import ColumnLook, Inspection, State
from monitors.kinds import Kind
from monitors.staging import how_to_count
from tests.first_look_files import loans, with_persons, write


def look(folder: Path, reference: pd.DataFrame, batch: pd.DataFrame, form: str = "parquet", **asked: Any) -> Inspection:
    one, two = (write(f, folder / f"{name}.{form}") for name, f in (("reference", reference), ("batch", batch)))
    return inspect(Request(one, two, **asked), lambda step: None)


def column(found: Inspection, name: str) -> ColumnLook:
    return next(one for one in found.columns if one.name == name)


def names(found: Inspection, state: State) -> set[str]:
    return {one.name for one in found.of(state)}


ROLES: dict[str, Any] = {"label": "late", "score": "score", "threshold": 0.5, "groups": ("sex", "sex*region")}


def test_planted_faults_are_named_and_nothing_else(tmp_path: Path) -> None:
    found = look(tmp_path, loans(5000, 1), loans(2000, 2, shift_sd=0.5, nulls=0.6, new=0.05))
    assert names(found, State.MOVED) == {"income", "debt_ratio", "channel"}
    shift = column(found, "income").shift
    assert shift is not None and (shift.before, shift.now) == pytest.approx((3000, 3250), abs=40)
    assert [value for value, _ in column(found, "channel").new] == ["app"]
    assert column(found, "debt_ratio").facts[1].nulls == pytest.approx(1200, abs=80)
    assert column(found, "debt_ratio").shift is None, "the numbers that are left did not move"


def test_their_clean_twins_are_within_noise(tmp_path: Path) -> None:
    """Equal, small files and many categories too: bins kept by one side alone would show what is not there."""
    runs, quiet = 24, 0
    for seed in range(runs):
        frames = [loans(500, 1000 * (1 + side) + seed) for side in (0, 1)]
        for side, frame in enumerate(frames):
            frame["branch"] = np.random.default_rng([side, seed]).choice([f"b{i}" for i in range(60)], len(frame))
        found = look(tmp_path, *frames)
        quiet += not found.of(State.MOVED)
    assert quiet >= 0.95 * runs


def test_distances_are_those_of_scipy_on_the_rows(tmp_path: Path) -> None:
    reference, batch = loans(4000, 1), loans(2000, 2, shift_sd=0.5)
    ks = column(look(tmp_path, reference, batch), "income").distance("ks")
    exact = stats.ks_2samp(reference["income"], batch["income"]).statistic
    assert ks is not None and ks.value == pytest.approx(exact, abs=1 / 256 + 1e-9)
    assert ks.low is not None and ks.high is not None and ks.low < exact < ks.high
    regions = column(look(tmp_path, reference, batch), "region").distance("psi")
    counts = [frame["region"].value_counts().sort_index().to_numpy() + 0.5 for frame in (reference, batch)]
    p, q = (c / c.sum() for c in counts)
    assert regions is not None and regions.value == pytest.approx(float(((q - p) * np.log(q / p)).sum()))


def test_performance_is_that_of_scikit_learn_on_the_rows_of_either_side(tmp_path: Path) -> None:
    frames = loans(4000, 1), loans(2000, 2)
    found = look(tmp_path, *frames, **ROLES)
    by_metric = {rate.metric: rate for rate in found.rates}
    for index, frame in enumerate(frames):
        truth, guess = frame["late"] == "yes", frame["score"] >= 0.5
        expected = {
            "accuracy": accuracy_score(truth, guess),
            "precision": precision_score(truth, guess),
            "true_positive_rate": recall_score(truth, guess),
            "false_positive_rate": (guess & ~truth).sum() / (~truth).sum(),
            "selection_rate": guess.mean(),
            "outcome_rate": truth.mean(),
        }
        for metric, value in expected.items():
            side = (by_metric[metric].reference, by_metric[metric].batch)[index]
            assert side.value == pytest.approx(value, abs=1e-12), metric
            assert side.low is not None and side.high is not None and side.low < value < side.high
        auc, brier = ((by_metric[m].reference, by_metric[m].batch)[index] for m in ("roc_auc", "brier_score"))
        assert auc.value == pytest.approx(roc_auc_score(truth, frame["score"]), abs=1e-3)
        errors = (frame["score"] - truth) ** 2
        half = stats.norm.ppf(0.975) * errors.std() / np.sqrt(len(errors))
        assert brier.value == pytest.approx(brier_score_loss(truth, frame["score"]), abs=1e-3)
        assert (brier.low, brier.high) == pytest.approx((errors.mean() - half, errors.mean() + half), abs=1e-3)
    change = by_metric["accuracy"].change
    assert change is not None and change.value == pytest.approx(
        (by_metric["accuracy"].batch.value or 0) - (by_metric["accuracy"].reference.value or 0)
    )


def test_group_rates_are_those_of_fairlearn_and_differences_go_to_the_largest_group(tmp_path: Path) -> None:
    reference, batch = loans(4000, 1), loans(2000, 2)
    found = look(tmp_path, reference, batch, **ROLES)
    by_sex, both = found.groupings
    truth, guess = batch["late"] == "yes", batch["score"] >= 0.5
    for grouping, attributes in ((by_sex, ["sex"]), (both, ["sex", "region"])):
        rates = {"selection_rate": selection_rate, "false_positive_rate": false_positive_rate}
        frame = MetricFrame(metrics=rates, y_true=truth, y_pred=guess, sensitive_features=batch[attributes]).by_group
        sizes = reference.groupby(attributes).size()
        for group in grouping.groups:
            key = tuple(group.group.split(" × ")) if len(attributes) > 1 else group.group
            for metric in rates:
                assert group.rates["batch", metric].value == pytest.approx(frame.loc[key, metric])
            assert group.largest == (key == sizes.idxmax())
            if not group.largest:
                largest = frame.loc[sizes.idxmax(), "selection_rate"]
                expected = frame.loc[key, "selection_rate"] - largest
                assert group.differences["selection_rate"].value == pytest.approx(expected)
    assert both.name == "sex × region" and len(both.groups) == 4


def test_small_groups_are_counted_and_not_named_and_undefined_rates_say_so(tmp_path: Path) -> None:
    reference, batch = loans(500, 1), loans(500, 2)
    for frame in (reference, batch):
        frame.loc[:8, "sex"] = "unnamed"
        frame.loc[9:17, "sex"] = "nameless"
        frame.loc[18:49, "sex"] = "diverse"
        frame.loc[18:49, "late"] = "no"
    (grouping,) = look(tmp_path, reference, batch, **ROLES | {"groups": ("sex",)}).groupings
    assert {group.group for group in grouping.groups} == {"female", "male", "diverse"}
    assert grouping.withheld == 2
    recall = next(g for g in grouping.groups if g.group == "diverse").rates["batch", "true_positive_rate"]
    assert recall.value is None and recall.reason == "undefined (0 positive outcomes)"


def test_a_prediction_written_in_words_is_mapped_and_said(tmp_path: Path) -> None:
    frames = [loans(500, seed).assign(guess=lambda f: np.where(f["score"] > 0.5, "bad", "good")) for seed in (1, 2)]
    frames = [f.assign(late=f["late"].map({"yes": "bad", "no": "good"})) for f in frames]
    found = look(tmp_path, *frames, label="late", prediction="guess", positive="bad")
    assert "late: positive is 'bad'" in found.outcome_notes
    accuracy = next(rate.batch.value for rate in found.rates if rate.metric == "accuracy")
    assert accuracy == pytest.approx((frames[1]["late"] == frames[1]["guess"]).mean())


def test_a_label_that_the_batch_does_not_have_yet_is_said(tmp_path: Path) -> None:
    found = look(tmp_path, loans(500, 1), loans(500, 2).drop(columns="late"), **ROLES)
    accuracy = next(rate for rate in found.rates if rate.metric == "accuracy")
    assert accuracy.reference.value is not None and accuracy.batch.value is None
    assert any("is not in the batch" in note for note in found.outcome_notes)


def test_every_kind_is_told_and_only_values_that_can_be_compared_are(tmp_path: Path) -> None:
    frame = with_persons(loans(600, 1)).assign(
        at=pd.date_range("2024-01-01", periods=600, freq="h"), flag=[True, False] * 300, nothing=None, row=range(600)
    )
    found = look(tmp_path, frame, frame.copy(), personal=("children",), exclude=("region",))
    kinds = {one.name: one.kind for one in found.columns}
    assert (
        kinds
        | {
            "at": Kind.TIME,
            "flag": Kind.BOOLEAN,
            "nothing": Kind.EMPTY,
            "row": Kind.IDENTIFIER,
            "comment": Kind.TEXT,
            "reference_code": Kind.IDENTIFIER,
            "income": Kind.NUMERIC,
            "sex": Kind.CATEGORICAL,
        }
        == kinds
    )
    personal = {one.name for one in found.columns if one.personal}
    assert personal == {"full_name", "contact", "birth_date", "children"}
    for one in found.columns:
        if one.personal or how_to_count(one.kind) == "presence":
            assert (one.compared, one.picture, one.shift, one.shares) == ("presence", None, None, None)
            assert one.state is State.NOT_COMPARED
    assert found.excluded == ("region",) and "region" not in kinds
    assert found.shared == 600, "the same rows on both sides"


def test_missing_values_of_what_is_not_compared_are_still_loud(tmp_path: Path) -> None:
    reference, batch = with_persons(loans(600, 1)), with_persons(loans(600, 2))
    batch.loc[::2, ["comment", "birth_date"]] = None
    assert names(look(tmp_path, reference, batch), State.MOVED) == {"comment", "birth_date"}


@pytest.mark.parametrize("forms", [("csv", "parquet"), ("parquet", "csv")])
def test_the_same_rows_in_two_forms_have_not_moved(tmp_path: Path, forms: tuple[str, str]) -> None:
    frame = loans(600, 1).assign(flag=[True, False, True] * 200, whole=[1.0, 2.0, None] * 200)
    one, two = (write(frame, tmp_path / f"{side}.{form}") for side, form in zip("rb", forms, strict=True))
    found = inspect(Request(one, two, groups=("whole",), label="late"), lambda step: None)
    assert all(one.psi < 1e-9 for one in found.columns)
    assert {group.group for group in found.groupings[0].groups} == {"1", "2", "(missing)"}


HOSTILE = [
    'a"; DROP TABLE x; --', "it's", "x" * 300, "🙂 naïve ­", "<script>alert(1)</script>", "select", "a.b", "a b", " ",
    "a\nb", "[bold]red[/bold]", "rows", "c0", "(label)", "{{ x }}", "%s", "a,b", "a*b", "NULL", "\\",
]  # fmt: skip


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_hostile_column_names_are_ordinary_names(tmp_path: Path, form: str) -> None:
    rng = np.random.default_rng(1)
    # In CSV, a name that stands for "no value" is no name.
    names = [name for name in HOSTILE if form != "csv" or name not in (" ", "NULL")]
    frames = [pd.DataFrame({name: rng.integers(0, 3, 400) for name in names}) for _ in range(2)]
    for frame in frames:
        frame["yes"] = rng.integers(0, 2, 400)
    found = look(tmp_path, *frames, form, groups=("a,b", "it's"), label="yes", prediction="yes")
    assert {one.name.strip() for one in found.columns} >= {name.strip() for name in names}
    assert [grouping.name for grouping in found.groupings] == ["a,b", "it's"]


EDGES = {
    "all NULL": ({"a": [None] * 50, "b": [1.0] * 50}, {"a": [None] * 50, "b": [1.0] * 50}),
    "empty, then not": ({"a": [None] * 50}, {"a": list(range(50))}),
    "not, then empty": ({"a": list(range(50))}, {"a": [None] * 50}),
    "constant": ({"a": [7] * 50, "b": ["k"] * 50}, {"a": [7] * 50, "b": ["k"] * 50}),
    "constant that moves": ({"a": [7] * 50}, {"a": [8] * 50}),
    "one row": ({"a": [1.5], "b": ["x"]}, {"a": [2.5], "b": ["y"]}),
    "no rows": ({"a": [1.5, 2.5], "b": ["x", "y"]}, {"a": [], "b": []}),
    "no rows in the reference": ({"a": [], "b": []}, {"a": [1.5, 2.5], "b": ["x", "y"]}),
    "number becomes word": ({"a": [1.0, 2.0] * 50}, {"a": ["x", "2"] * 50}),
    "word becomes number": ({"a": ["x", "2"] * 50}, {"a": [1.0, 2.0] * 50}),
    "truth becomes number": ({"a": [True, False] * 50}, {"a": [1, 0] * 50}),
    "time becomes word": ({"a": pd.date_range("2024", periods=50)}, {"a": ["2024-01-01", "never"] * 25}),
    "infinite and not a number": ({"a": [1.0, np.inf, np.nan] * 20}, {"a": [-np.inf, 2.0, np.nan] * 20}),
    "huge and tiny": ({"a": [1e308, -1e308, 5e-324] * 20}, {"a": [1e300, 0.0, 1.0] * 20}),
    "nested": ({"a": [[1, 2], None] * 20, "b": [1, 2] * 20}, {"a": [{"k": 1}, None] * 20, "b": [1, 2] * 20}),
}


@pytest.mark.parametrize("case", EDGES, ids=list(EDGES))
def test_odd_columns_never_fail_the_others(tmp_path: Path, case: str) -> None:
    reference, batch = (pd.DataFrame(side) for side in EDGES[case])
    rng = np.random.default_rng(1)
    reference["good"], batch["good"] = rng.normal(size=len(reference)), rng.normal(size=len(batch))
    found = look(tmp_path, reference, batch)
    assert {one.name for one in found.columns} == set(reference.columns)
    for one in found.columns:
        for distance in one.distances:
            numbers = (distance.value, distance.low, distance.high, distance.noise_floor)
            assert all(number is None or np.isfinite(number) for number in numbers)
            assert distance.value is not None or distance.reason


def test_a_changed_type_is_told_and_what_is_no_number_counts_as_missing(tmp_path: Path) -> None:
    moved = column(look(tmp_path, pd.DataFrame({"a": [1.0, 2.0] * 50}), pd.DataFrame({"a": ["x", "2"] * 50})), "a")
    assert moved.state is State.MOVED
    assert any("the type changed" in remark for remark in moved.remarks)


def test_one_row_is_too_few_to_tell(tmp_path: Path) -> None:
    found = look(tmp_path, loans(2000, 1), loans(1, 2))
    assert found.of(State.MOVED) == ()
    assert names(found, State.TOO_FEW)


def test_an_outlier_moves_nothing(tmp_path: Path) -> None:
    batch = loans(2000, 2)
    batch.loc[0, "income"] = 1e12
    found = look(tmp_path, loans(5000, 1), batch)
    assert found.of(State.MOVED) == ()
    assert column(found, "income").outside in range(1, 10)


def test_a_value_that_looks_personal_is_not_named_even_in_an_ordinary_column(tmp_path: Path) -> None:
    batch = loans(2000, 2)
    batch.loc[:99, "channel"] = "someone@work.org"
    ((named, rows),) = column(look(tmp_path, loans(5000, 1), batch), "channel").new
    assert (named, rows) == ("(looks personal)", 100)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        pytest.param({"label": "Late"}, "--label 'Late': there is no such column. Near: 'late'", id="a near miss"),
        pytest.param({"groups": ("sxe",)}, "Near: 'sex'", id="a group that is not there"),
        pytest.param({"exclude": ("nowhere",)}, "--exclude 'nowhere'", id="an exclusion that is not there"),
        pytest.param({"label": "children"}, "more values; two are needed", id="a label of many values"),
        pytest.param({"label": "late", "prediction": "score"}, "give it as --score with --threshold", id="a score as prediction"),
        pytest.param({"label": "region"}, "name it with --positive", id="no obvious positive"),
        pytest.param({"threshold": 0.5}, "--threshold needs --score", id="a threshold of nothing"),
        pytest.param({"score": "region"}, "does not hold numbers", id="a score of words"),
        pytest.param({"groups": ("income",)}, "more than 50 values", id="groups of a continuous column"),
        pytest.param({"groups": ("sex,sex",)}, "name each column once", id="an attribute twice"),
        pytest.param({"groups": ("sex",), "personal": ("sex",)}, "looks personal", id="groups that are personal"),
        pytest.param({"groups": ("goes_to",)}, "values that look personal", id="groups that name persons"),
        pytest.param({"groups": ("at",)}, "taken for date or time", id="groups of times"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_refused_in_one_line(tmp_path: Path, asked: dict[str, Any], says: str) -> None:
    frames = [loans(300, seed) for seed in (1, 2)]
    for frame in frames:
        frame["goes_to"], frame["at"] = "none", pd.Timestamp("2024-01-01")
        frame.loc[:10, "goes_to"] = "someone@work.org"
    with pytest.raises(UsageFault) as fault:
        look(tmp_path, *frames, **asked)
    assert says in str(fault.value)
    assert "\n" not in str(fault.value)


def test_files_without_a_common_column_are_refused_and_near_names_are_told(tmp_path: Path) -> None:
    with pytest.raises(UsageFault, match=r"no column in common: reference.parquet has 'a'; batch.parquet has 'A'"):
        look(tmp_path, pd.DataFrame({"a": [1]}), pd.DataFrame({"A": [1]}))
    found = look(tmp_path, pd.DataFrame({"a": [1], "b": [1]}), pd.DataFrame({"A": [1], "b": [1]}))
    assert found.only == (("a",), ("A",))
    assert found.notes == ("'a' in the reference and 'A' in the batch are not taken for the same",)


def test_the_same_files_give_the_same_records(tmp_path: Path) -> None:
    assert look(tmp_path, loans(500, 1), loans(400, 2)) == look(tmp_path, loans(500, 1), loans(400, 2))


def test_the_temporary_folder_is_gone_afterwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    look(tmp_path, loans(300, 1), loans(300, 2), "csv")
    with pytest.raises(UsageFault):
        look(tmp_path, loans(300, 1), loans(300, 2), "csv", label="nowhere")
    assert list(place.iterdir()) == []
