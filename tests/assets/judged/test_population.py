"""Rows outside of the intended population: counted exactly, shown, and judged where a criterion asks."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.judged.judging import judge_batch
from assets.judged.population import OUTSIDE, outside_intended_use
from assets.judged.reference import freeze_reference
from assets.kept.home import site
from assets.landed.landing import land
from governance.declared.assessment import ImpactAssessment
from governance.faults import DeclarationFaults
from monitors.levels import Levels
from tests.conftest import BATCHES, ROWS, Made, assessment_yaml, made_rows, write_csv

BATCH = BATCHES[2]
WHY = {"rationale": "It was trained on these."}


def assessment(*intended: dict[str, Any]) -> ImpactAssessment:
    return ImpactAssessment.model_validate(
        {**assessment_yaml(), "intended_population": [{**one, **WHY} for one in intended]}
    )


def shares(path: Path, *intended: dict[str, Any]) -> dict[str | None, Any]:
    return {m.column: m for m in outside_intended_use(assessment(*intended), path, Levels({}))}


ages = st.lists(
    st.tuples(st.one_of(st.none(), st.integers(0, 120)), st.sampled_from(["x", "y", "z", None])),
    min_size=1,
    max_size=30,
)


@settings(max_examples=40, deadline=None)
@given(rows=ages, low=st.integers(10, 60), span=st.integers(0, 40), present=st.booleans())
def test_the_count_is_that_of_a_loop(
    rows: list[Any], low: int, span: int, present: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("rows") / "rows.parquet"
    table = pd.DataFrame(
        {"age": pd.array([r[0] for r in rows], dtype="Int64"), "code": pd.array([r[1] for r in rows], dtype="string")}
    )
    table.to_parquet(path)
    by_age = [(present and a is None) or (a is not None and not low <= a <= low + span) for a, _ in rows]
    by_code = [c is not None and c not in ("x", "y") for _, c in rows]
    found = shares(
        path,
        {"column": "age", "minimum": low, "maximum": low + span, "not_null": present},
        {"column": "code", "values": ["x", "y"]},
    )
    n = len(rows)
    assert found["age"].value == sum(by_age) / n
    assert found["code"].value == sum(by_code) / n
    assert found[None].value == sum(a or b for a, b in zip(by_age, by_code, strict=True)) / n


def test_the_ends_are_inside_and_no_number_is_no_row_outside(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    days = [dt.date(2024, 1, d) for d in (1, 2, 3, 4)]
    pd.DataFrame({"age": [18.0, 65.0, float("nan"), 65.1], "day": days}).to_parquet(path)
    found = shares(
        path, {"column": "age", "minimum": 18, "maximum": 65}, {"column": "day", "minimum": dt.date(2024, 1, 2)}
    )
    assert (found["age"].value, found["day"].value, found[None].value) == (0.25, 0.25, 0.5)
    assert found["age"].low < 0.25 < found["age"].high


def test_a_column_that_did_not_come_leaves_the_whole_unknown(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pd.DataFrame({"age": [1, 70]}).to_parquet(path)
    found = shares(path, {"column": "age", "maximum": 65}, {"column": "income", "minimum": 0})
    assert found["age"].value == 0.5
    assert found[None].value is None
    assert found[None].reason == "not in this batch: income"


@pytest.mark.parametrize(
    ("intended", "words"),
    [
        ([{"column": "age", "minimum": 18}], "unknown column 'age'"),
        ([{"column": "region", "minimum": 18}], "'region' is string in the contract"),
        ([{"column": "income"}], "this covers every row"),
        ([{"column": "income", "minimum": 2, "maximum": 1}], "must not lie above"),
        ([{"column": "income", "minimum": 2}, {"column": "income", "maximum": 3}], "stands there twice"),
    ],
    ids=["an unknown column", "a range of words", "nothing", "an empty range", "a column twice"],
)
def test_a_wrong_population_is_a_fault_of_the_declaration(
    made: Made, load_made: Any, intended: list[dict[str, Any]], words: str
) -> None:
    made.declare(assessment={**assessment_yaml(), "intended_population": [{**one, **WHY} for one in intended]})
    with pytest.raises(DeclarationFaults, match=words):
        load_made()


def criterion(limit: float) -> dict[str, Any]:
    return {
        "id": "few_are_outside",
        "harm": "wrong_people",
        "metric": OUTSIDE,
        "direction": "above",
        "limit": limit,
        "alpha": 0.025,
        "min_n": 50,
        "severity": "major",
        "owner": "team:loans",
        "controls": ["A.9.4"],
        "rationale": "It ranks loans of incomes that it knows.",
    }


def test_a_criterion_without_a_population_is_refused(made: Made, load_made: Any) -> None:
    declared = assessment_yaml()
    made.declare(assessment={**declared, "criteria": [*declared["criteria"], criterion(0.1)]})
    with pytest.raises(DeclarationFaults, match="needs an `intended_population`"):
        load_made()


def test_too_many_rows_outside_open_a_case_and_few_do_not(made: Made, load_made: Any) -> None:
    declared = assessment_yaml()
    intended = [{"column": "income", "minimum": 0, "maximum": 9_999, **WHY}]
    criteria = [*declared["criteria"], criterion(0.1)]
    made.declare(assessment={**declared, "criteria": criteria, "intended_population": intended})
    made.send_all()
    for place, batch in ((40, BATCHES[2]), (20, BATCHES[3]), (60, BATCHES[4])):
        rows = made_rows(batch)
        write_csv(
            made.incoming / f"{batch}.csv", [{**r, "income": 10_000.0} if i < place else r for i, r in enumerate(rows)]
        )
    here = site(at=dt.datetime(2024, 7, 1, tzinfo=dt.UTC), run="test")
    freeze_reference(load_made(), here)
    told = {}
    for batch in BATCHES[2:]:
        land(load_made(), batch, "production", here)
        judge_batch(load_made(), batch, here)
        (told[batch],) = [v for v in here.register.verdicts(batch=batch) if v["criterion"] == "few_are_outside"]
    assert [told[batch]["value"] for batch in BATCHES[2:]] == [40 / ROWS, 20 / ROWS, 60 / ROWS]
    # 40 of 300: one-sided 97.5 % bound 0.097 does not lie above 0.1; 20 of 300 are within.
    assert [told[batch]["verdict"] for batch in BATCHES[2:]] == ["warning", "conforming", "breach"]
    assert [case.criterion for case in here.register.nonconformities("loans")] == ["few_are_outside"]
