"""Preparation steps (A.7.6) on landed rows. Truth: the same steps written out in pandas, and counts by hand."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assets.landed.checking import land_and_check
from assets.landed.landing import Held, land
from checks.declared import load_checked
from governance.faults import DeclarationFaults
from tests.assets.conftest import SCHEMA, Sender, arrow, here
from tests.conftest import BATCHES, Made, contract_yaml, made_rows, system_yaml, write_csv

Load = Callable[[], Any]
BATCH = BATCHES[2]
STEPS: list[dict[str, Any]] = [
    {"id": "sent_as_wage", "reason": "The supplier calls it wage.", "rename": {"source": "wage", "column": "income"}},
    {
        "id": "one_row_a_case",
        "reason": "Corrections are sent as further rows; the last one holds.",
        "owner": "team:loans",
        "deduplicate": {"by": ["case"], "order": ["day desc", "income"]},
    },
    {"id": "adults", "reason": "No loan is given to anybody else.", "keep": "children < 3 OR income > 2500"},
    {
        "id": "regions",
        "reason": "Two offices, two spellings.",
        "recode": {"column": "region", "values": {"N": "north", "nowhere": None}},
    },
    {"id": "no_income", "reason": "The form says: leave empty for none.", "fill": {"column": "income", "value": 0.0}},
    {"id": "typing", "reason": "Nobody earns more.", "clip": {"column": "income", "low": 100.5, "high": 4000}},
    {
        "id": "per_head",
        "reason": "The plan is about heads.",
        "derive": {"column": "per_head", "expression": "income / (1 + children)"},
    },
]


def prepared(made: Made, steps: list[dict[str, Any]], *, derived: bool = False, **how: Any) -> None:
    declared, contract = system_yaml(str(made.incoming)), contract_yaml()
    declared["preparation"] = steps
    if derived:
        declared["columns"]["per_head"] = {"roles": ["feature"]}
        contract["schema"][0]["properties"].append({"name": "per_head", "logicalType": "number", "required": True})
    contract["schema"][0]["properties"][4]["required"] = False
    made.declare(system=declared | how, contract=contract)


def odd_rows() -> list[dict[str, Any]]:
    """Rows under the supplier's names, with everything that the steps are for."""
    rows = made_rows(BATCH, rows=60)
    for place, row in enumerate(rows):
        row["region"] = ("N", "nowhere", "south")[place % 3]
        if place % 10 == 0:
            row["income"] = None
    again = [{**row, "day": f"{BATCH[:8]}28", "children": 1} for row in rows[:7]]
    return [{("wage" if k == "income" else k): v for k, v in row.items()} for row in rows + again]


def by_hand(rows: list[dict[str, Any]]) -> tuple[pd.DataFrame, list[tuple[int, int, int]]]:
    """What the steps leave, and (before, after, changed) of each but the first."""
    frame = pd.DataFrame(rows).rename(columns={"wage": "income"})
    counts = [(len(frame), len(frame), 0)]

    def step(after: pd.DataFrame, changed: int) -> pd.DataFrame:
        counts.append((counts[-1][1], len(after), changed))
        return after

    ordered = frame.sort_values(["day", "income"], ascending=[False, True], na_position="last", kind="stable")
    frame = step(ordered.drop_duplicates("case"), 0)
    frame = step(frame[(frame["children"] < 3) | (frame["income"] > 2500)], 0)
    known = {"N": "north", "nowhere": None, "south": "south"}
    frame = step(frame.assign(region=[known[r] for r in frame["region"]]), int((frame["region"] != "south").sum()))
    frame = step(frame.assign(income=frame["income"].fillna(0.0)), int(frame["income"].isna().sum()))
    clipped = frame["income"].clip(100.5, 4000)
    frame = step(frame.assign(income=clipped), int((clipped != frame["income"]).sum()))
    frame = step(frame.assign(per_head=frame["income"] / (1 + frame["children"])), len(frame))
    columns = ["case", "day", "income", "children", "region", "score", "late", "per_head"]
    return frame[columns].sort_values("case", ignore_index=True), counts


def rows_of(path: Path) -> pd.DataFrame:
    found = pd.read_parquet(path).sort_values("case", ignore_index=True)
    return found.assign(day=found["day"].astype(str), region=found["region"].astype(object))


@pytest.mark.parametrize("kind", ["csv", "parquet", "arrow_file"])
def test_the_steps_do_what_they_say_and_each_is_counted(made: Made, send: Sender, load_made: Load, kind: str) -> None:
    rows = odd_rows()
    prepared(made, STEPS, derived=True)
    fields = [pa.field("wage", f.type) if f.name == "income" else f for f in SCHEMA]
    source = send(kind, arrow(rows, pa.schema(fields)))
    declared = system_yaml("") | {"preparation": STEPS}
    declared["columns"]["per_head"] = {"roles": ["feature"]}
    declared["sources"] = {"production": source}
    made.declare(system=declared, contract=_with_per_head())
    found = land(load_made(), BATCH, "production", here())
    expected, counts = by_hand(rows)
    pd.testing.assert_frame_equal(
        rows_of(found.path)[list(expected.columns)], expected, check_dtype=False, check_exact=True
    )
    said = found.body["preparation"]
    assert [(s["rows_before"], s["rows_after"], s["rows_changed"]) for s in said] == counts
    assert [s["id"] for s in said] == [step["id"] for step in STEPS]
    assert said[0]["columns_added"] == ["income"] and said[0]["columns_removed"] == ["wage"]
    assert said[-1]["columns_added"] == ["per_head"]
    assert said[1]["owner"] == "team:loans" and said[1]["parameters"]["order"] == ["day desc", "income"]
    assert {"from": "nowhere", "to": None} in said[3]["parameters"]["values"]
    assert "wage" not in found.body["observed"]["undeclared_dropped"]


def _with_per_head() -> dict[str, Any]:
    contract = contract_yaml()
    contract["schema"][0]["properties"].append({"name": "per_head", "logicalType": "number", "required": True})
    contract["schema"][0]["properties"][4]["required"] = False
    return contract


def test_the_same_bytes_give_the_same_digest_and_another_step_another(made: Made, load_made: Load) -> None:
    write_csv(made.incoming / f"{BATCH}.csv", odd_rows())
    prepared(made, STEPS, derived=True)
    digests = {land(load_made(), BATCH, "production", here()).digest for _ in range(3)}
    assert len(digests) == 1
    # Which row of several stays is told by a window, whose order is left to chance: rows are put in one.
    (digest,) = digests
    assert pd.read_parquet(made.home / "lake" / f"{digest}.parquet")["case"].is_monotonic_increasing
    prepared(made, [*STEPS[:-2], {**STEPS[-2], "clip": {"column": "income", "high": 3999.0}}, STEPS[-1]], derived=True)
    assert land(load_made(), BATCH, "production", here()).digest not in digests


def test_nothing_declared_leaves_no_word_of_preparation(made: Made, load_made: Load) -> None:
    made.send(BATCH)
    before = land(load_made(), BATCH, "production", here())
    assert "preparation" not in before.body
    step = {"id": "training_only", "reason": "Only there.", "parts": ["training"], "keep": "income > 1"}
    prepared(made, [step])
    assert land(load_made(), BATCH, "production", here()).digest == before.digest


@pytest.mark.parametrize(
    ("step", "why"),
    [
        ({"keep": "income > 1000000"}, r"'asked' leaves none of 300 rows"),
        ({"keep": "CAST(region AS INTEGER) = 1"}, r"'asked' cannot be carried out on these rows \(Conversion"),
        (
            {"derive": {"column": "income", "expression": "CAST(region AS DOUBLE)"}},
            r"'asked' cannot be carried out on these rows \(Conversion",
        ),
        (
            {"deduplicate": {"by": ["region"], "order": ["children"]}},
            r"'asked' cannot tell which row stays in 2 groups",
        ),
        ({"rename": {"source": "wage", "column": "income"}}, None),
    ],
    ids=["leaves nothing", "breaks on a value", "a derived column breaks", "an order that is not total", "not sent so"],
)
def test_a_step_that_cannot_be_carried_out_holds_the_batch_and_quotes_no_value(
    made: Made, load_made: Load, step: dict[str, Any], why: str | None
) -> None:
    made.send(BATCH)
    prepared(made, [{"id": "asked", "reason": "For a test.", **step}])
    if why is None:
        assert land(load_made(), BATCH, "production", here()).rows == 300
        return
    with pytest.raises(Held, match=why) as held:
        land(load_made(), BATCH, "production", here())
    assert "north" not in str(held.value) and "south" not in str(held.value)
    (event,) = here().register.events("batch.held")
    assert event.body["reason"] == str(held.value)


def test_rows_that_are_the_same_in_all_columns_are_no_tie(made: Made, load_made: Load) -> None:
    rows = made_rows(BATCH, rows=20)
    write_csv(made.incoming / f"{BATCH}.csv", rows + rows)
    prepared(made, [{"id": "once", "reason": "Sent twice.", "deduplicate": {"by": ["case"], "order": ["day"]}}])
    assert land(load_made(), BATCH, "production", here()).rows == 20


def test_a_column_under_both_names_holds_the_batch(made: Made, load_made: Load) -> None:
    write_csv(made.incoming / f"{BATCH}.csv", [row | {"wage": 1} for row in made_rows(BATCH)])
    prepared(made, [STEPS[0]])
    with pytest.raises(Held, match="'income' is there as well as 'wage'"):
        land(load_made(), BATCH, "production", here())


@pytest.mark.parametrize(
    ("step", "line", "why"),
    [
        ({"keep": "income > random()"}, "keep", r"calls random\(\)"),
        ({"keep": "income > (SELECT 1)"}, "keep", "holds a subquery"),
        ({"keep": "wage > 1"}, "keep", "'wage', which is no column"),
        ({"keep": "income + 1"}, "keep", "is DOUBLE, and BOOLEAN is wanted"),
        ({"derive": {"column": "income", "expression": "region"}}, "derive", "is VARCHAR, and DOUBLE is wanted"),
        ({"derive": {"column": "income", "expression": "income + 1"}}, "derive", "'income', which is no column"),
        ({"derive": {"column": "day", "expression": "day"}}, "derive", "by which rows were given to their batch"),
        ({"fill": {"column": "children", "value": "none"}}, "fill", "'none' is no integer"),
        ({"fill": {"column": "wage", "value": 1}}, "fill", "unknown column 'wage'"),
        ({"recode": {"column": "children", "values": {"one": 1}}}, "recode", "'one' is no integer"),
        ({"clip": {"column": "region", "low": 1}}, "clip", "only numbers can be clipped"),
        ({"clip": {"column": "income", "low": 2, "high": 1}}, "clip", "`low` must not lie above `high`"),
        ({"clip": {"column": "income"}}, "clip", "Give `low`, `high` or both"),
        ({"rename": {"source": "full_name", "column": "region"}}, "rename", "is personal"),
        ({"rename": {"source": "region", "column": "income"}}, "rename", "is a declared column itself"),
        ({"deduplicate": {"by": ["case"], "order": []}}, "order", "at least 1"),
        ({"keep": "true", "fill": {"column": "income", "value": 1}}, "id", "exactly one of"),
        ({}, "id", "exactly one of"),
        ({"keep": "true", "reason": ""}, "reason", "at least 3"),
        ({"keep": "true", "parts": ["outcomes"]}, "parts", "production"),
    ],
)
def test_a_step_that_says_something_else_is_a_fault_with_its_line(
    made: Made, step: dict[str, Any], line: str, why: str
) -> None:
    prepared(made, [{"id": "asked", "reason": "For a test.", **step}])
    text = (made.folder / "system.yaml").read_text().splitlines()
    start = text.index("preparation:")
    (fault,) = load_checked(made.systems).faults["loans"]
    assert re.search(why, fault.what), fault
    assert fault.where == "loans/system.yaml"
    if line not in ("id", "order", "parts"):
        assert fault.line - 1 >= start
        assert line in text[fault.line - 1] or line in text[fault.line - 2], (fault, text[fault.line - 1])


def test_two_steps_of_one_name_are_a_fault(made: Made, load_made: Load) -> None:
    step = {"id": "asked", "reason": "For a test.", "keep": "true"}
    prepared(made, [step, step])
    with pytest.raises(DeclarationFaults, match="is the id of an earlier step"):
        load_made()


def test_a_derived_column_is_checked_by_the_contract_like_any_other(made: Made, load_made: Load) -> None:
    made.send(BATCH)
    step = {
        "id": "heads",
        "reason": "About heads.",
        "derive": {"column": "per_head", "expression": "nullif(income, income)"},
    }
    prepared(made, [step], derived=True)
    with pytest.raises(Held, match="300 of 300 rows are NULL"):
        land_and_check(load_made(), BATCH, "production", here())


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    incomes=st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6, width=32)), min_size=2, max_size=12),
    low=st.floats(-1e3, 0, width=32),
    high=st.floats(0, 1e3, width=32),
)
def test_clipping_twice_is_clipping_once_and_what_is_missing_stays_missing(
    made: Made, load_made: Load, incomes: list[float | None], low: float, high: float
) -> None:
    rows = [row | {"income": x} for row, x in zip(made_rows(BATCH, rows=len(incomes)), incomes, strict=True)]
    write_csv(made.incoming / f"{BATCH}.csv", rows)
    step = {"id": "once", "reason": "For a test.", "clip": {"column": "income", "low": low, "high": high}}
    prepared(made, [step, {**step, "id": "twice"}])
    found = land(load_made(), BATCH, "production", here())
    expected = [None if x is None else min(max(x, low), high) for x in incomes]
    kept = [None if pd.isna(x) else x for x in pd.read_parquet(found.path)["income"]]
    assert kept == expected
    assert [s["rows_changed"] for s in found.body["preparation"]] == [
        sum(a is not None and a != b for a, b in zip(incomes, expected, strict=True)),
        0,
    ]


def test_what_is_no_number_is_not_put_on_an_end_and_the_infinities_are(made: Made, load_made: Load) -> None:
    odd = ["NaN", "inf", "-inf", "5"]
    rows = [row | {"income": x} for row, x in zip(made_rows(BATCH, rows=4), odd, strict=True)]
    write_csv(made.incoming / f"{BATCH}.csv", rows)
    prepared(made, [{"id": "ends", "reason": "For a test.", "clip": {"column": "income", "low": -10, "high": 10}}])
    found = land(load_made(), BATCH, "production", here())
    assert [str(x) for x in pq.read_table(found.path)["income"].to_pylist()] == ["nan", "10.0", "-10.0", "5.0"]
    assert found.body["preparation"][0]["rows_changed"] == 2


def test_a_row_without_a_value_in_the_order_comes_last(made: Made, load_made: Load) -> None:
    row = made_rows(BATCH, rows=1)[0]
    write_csv(made.incoming / f"{BATCH}.csv", [row | {"income": None}, row | {"income": 7.0}, row | {"income": 9.0}])
    prepared(made, [{"id": "once", "reason": "For a test.", "deduplicate": {"by": ["case"], "order": ["income"]}}])
    found = land(load_made(), BATCH, "production", here())
    assert pd.read_parquet(found.path)["income"].tolist() == [7.0]
