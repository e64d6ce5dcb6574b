"""Bad input: one clear reason, nothing lost, nothing half-written, no value of a row in any message."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from assets.kept.home import Site, site
from assets.kept.lake import Altered
from assets.landed import landing
from assets.landed.landing import Held, NotArrived
from tests.conftest import BATCHES, ROWS, SECRET, Made, contract_yaml, made_rows, system_yaml, write_csv

BATCH = BATCHES[2]


def here() -> Site:
    return site(at=dt.datetime(2024, 7, 1, tzinfo=dt.UTC), run="test")


def renamed(rows: list[dict[str, Any]], old: str, new: str) -> list[dict[str, Any]]:
    return [{new if key == old else key: value for key, value in row.items()} for row in rows]


def kept_files(place: Site) -> list[str]:
    return sorted(path.name for path in place.home.lake.iterdir())


def test_a_batch_is_kept_whole_with_declared_columns_only(made: Made, load_made: Any) -> None:
    made.send(BATCH)
    found = landing.land(load_made(), BATCH, "production", here())
    kept = pd.read_parquet(found.path)
    truth = pd.DataFrame(made_rows(BATCH)).drop(columns="full_name")
    assert list(kept.columns) == list(truth.columns)
    assert kept["income"].tolist() == truth["income"].tolist()
    assert kept["day"].astype(str).tolist() == truth["day"].tolist()
    assert found.rows == ROWS
    assert found.body["observed"]["personal_dropped"] == ["full_name"]


def test_the_same_bytes_twice_are_one_batch(made: Made, load_made: Any) -> None:
    made.send(BATCH)
    first = landing.land(load_made(), BATCH, "production", here())
    again = landing.land(load_made(), BATCH, "production", here())
    assert first.digest == again.digest
    assert len(here().register.events("batch.landed")) == 1


def test_an_undeclared_column_is_dropped_and_reported(made: Made, load_made: Any) -> None:
    write_csv(made.incoming / f"{BATCH}.csv", [{**row, "hobby": "chess"} for row in made_rows(BATCH)])
    found = landing.land(load_made(), BATCH, "production", here())
    assert found.body["observed"]["undeclared_dropped"] == ["hobby"]
    assert "hobby" not in pd.read_parquet(found.path).columns


def test_an_optional_column_may_be_missing_and_is_reported(made: Made, load_made: Any) -> None:
    rows = [{key: value for key, value in row.items() if key != "income"} for row in made_rows(BATCH)]
    write_csv(made.incoming / f"{BATCH}.csv", rows)
    found = landing.land(load_made(), BATCH, "production", here())
    assert found.body["observed"]["absent_or_retyped"] == ["income"]


def binary(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 50)


def parquet(path: Path) -> None:
    pd.DataFrame(made_rows(BATCH)).to_parquet(path)


def ragged(path: Path) -> None:
    write_csv(path, made_rows(BATCH))
    with path.open("a") as file:
        file.write(f"1,{SECRET},3,4,5,6,7,8,9,10,11\n")


def header_only(path: Path) -> None:
    path.write_text(",".join(made_rows(BATCH)[0]) + "\n")


HOSTILE = {
    "an empty file": (lambda path: path.write_bytes(b""), r"is empty \(0 bytes\)"),
    "only a header": (header_only, "holds no rows"),
    "bytes that are no text": (binary, "missing|not CSV"),
    "Parquet called CSV": (parquet, "declared as CSV and begins like Parquet"),
    "a row with too many cells": (ragged, "is not CSV that can be read"),
    "a renamed column": (
        lambda p: write_csv(p, renamed(made_rows(BATCH), "score", "Score")),
        "'score' is missing .*'Score'",
    ),
    "two missing columns": (
        lambda p: write_csv(p, renamed(renamed(made_rows(BATCH), "score", "s"), "region", "r")),
        "'region' is missing.*'score' is missing",
    ),
    "words where numbers were": (
        lambda p: write_csv(p, [*made_rows(BATCH), {**made_rows(BATCH)[0], "children": SECRET}]),
        "'children' holds 1 of 301 values that are not integer",
    ),
    "fractions where whole numbers were": (
        lambda p: write_csv(p, [{**row, "children": 1.5} for row in made_rows(BATCH)]),
        "'children' holds 300 of 300 values that are not integer",
    ),
    "a time in another form": (
        lambda p: write_csv(p, [{**row, "day": "03/05/2024"} for row in made_rows(BATCH)]),
        "'day' holds 300 of 300 values that are no time",
    ),
    "another month's rows": (lambda p: write_csv(p, made_rows(BATCHES[3])), "300 of 300 rows lie outside"),
}


@pytest.mark.parametrize(("spoil", "words"), HOSTILE.values(), ids=HOSTILE.keys())
def test_what_cannot_be_used_is_held_back_with_one_reason(made: Made, load_made: Any, spoil: Any, words: str) -> None:
    spoil(made.incoming / f"{BATCH}.csv")
    place = here()
    with pytest.raises(Held, match=words) as held:
        landing.land(load_made(), BATCH, "production", place)
    assert "\n" not in str(held.value)
    assert "Wilhelmina" not in str(held.value)
    (event,) = place.register.events("batch.held")
    assert event.body["reason"] == str(held.value)
    assert kept_files(place) == []
    assert place.register.events("batch.landed") == []


def test_a_bad_resend_leaves_what_was_landed_before_in_use(made: Made, load_made: Any) -> None:
    made.send(BATCH)
    good = landing.land(load_made(), BATCH, "production", here())
    binary(made.incoming / f"{BATCH}.csv")
    with pytest.raises(Held):
        landing.land(load_made(), BATCH, "production", here())
    still = landing.landed(load_made(), BATCH, "production", here())
    assert still is not None
    assert still.digest == good.digest


def test_a_corrected_file_takes_the_place_of_the_first(made: Made, load_made: Any) -> None:
    made.send(BATCH)
    first = landing.land(load_made(), BATCH, "production", here())
    made.send(BATCH, rows=ROWS - 1)
    second = landing.land(load_made(), BATCH, "production", here())
    found = landing.landed(load_made(), BATCH, "production", here())
    assert found is not None
    assert (found.digest, found.rows) == (second.digest, ROWS - 1)
    assert first.path.exists()


def test_a_file_that_never_came_is_not_a_fault_of_the_data(made: Made, load_made: Any) -> None:
    place = here()
    with pytest.raises(NotArrived, match="is not there"):
        landing.land(load_made(), BATCH, "production", place)
    assert place.register.events() == []


def test_one_altered_byte_in_the_lake_is_found_on_the_next_read(made: Made, load_made: Any) -> None:
    made.send(BATCH)
    found = landing.land(load_made(), BATCH, "production", here())
    raw = bytearray(found.path.read_bytes())
    raw[len(raw) // 2] ^= 1
    found.path.write_bytes(raw)
    with pytest.raises(Altered, match=rf"{found.digest}.parquet was altered"):
        landing.landed(load_made(), BATCH, "production", here())


def test_a_retyped_parquet_column_is_held_back(made: Made, load_made: Any) -> None:
    declared = system_yaml(str(made.incoming))
    declared["sources"]["production"] |= {"path": f"{made.incoming}/{{batch}}.parquet", "format": "parquet"}
    made.declare(system=declared)
    rows = pd.DataFrame(made_rows(BATCH))
    rows.assign(children=rows["children"].astype(str)).to_parquet(made.incoming / f"{BATCH}.parquet")
    with pytest.raises(Held, match="'children' is VARCHAR in the file and integer in the contract"):
        landing.land(load_made(), BATCH, "production", here())


def test_awkward_column_names_are_only_names(made: Made, load_made: Any) -> None:
    name = 'in"come; DROP TABLE "source'
    declared, contract = system_yaml(str(made.incoming)), contract_yaml()
    declared["columns"] = {name if key == "income" else key: value for key, value in declared["columns"].items()}
    contract["schema"][0]["properties"][2]["name"] = name
    from tests.conftest import assessment_yaml

    assessment = assessment_yaml()
    assessment["criteria"][0]["columns"] = [name]
    made.declare(system=declared, contract=contract, assessment=assessment)
    write_csv(made.incoming / f"{BATCH}.csv", renamed(made_rows(BATCH), "income", name))
    found = landing.land(load_made(), BATCH, "production", here())
    assert pd.read_parquet(found.path)[name].tolist() == [row["income"] for row in made_rows(BATCH)]


def test_late_outcomes_are_those_of_the_batch_and_unique(made: Made, load_made: Any) -> None:
    declared = system_yaml(str(made.incoming))
    declared["sources"]["outcomes"] = {
        **declared["sources"]["production"],
        "path": f"{made.incoming}/outcomes.csv",
    }
    made.declare(system=declared)
    made.send(BATCH)
    place = here()
    landing.land(load_made(), BATCH, "production", place)
    mine = [{"case": row["case"], "late": row["late"]} for row in made_rows(BATCH)]
    others = [{"case": row["case"], "late": 1} for row in made_rows(BATCHES[3])]
    write_csv(made.incoming / "outcomes.csv", mine[:100] + others)
    assert landing.land(load_made(), BATCH, "outcomes", place).rows == 100
    write_csv(made.incoming / "outcomes.csv", [*mine, mine[0]])
    with pytest.raises(Held, match="1 outcomes have a key that occurs twice"):
        landing.land(load_made(), BATCH, "outcomes", place)


def states_of(made: Made, load_made: Any) -> str:
    from governance.absence import states

    (found,) = [s for s in states(load_made(), here().register, dt.date(2024, 7, 1)) if s.batch == BATCH]
    return found.state


def test_going_back_and_forth_between_bad_and_good_is_told_each_time_and_only_then(made: Made, load_made: Any) -> None:
    def send_good() -> None:
        made.send(BATCH)
        landing.land(load_made(), BATCH, "production", here())

    def send_bad() -> None:
        binary(made.incoming / f"{BATCH}.csv")
        with pytest.raises(Held):
            landing.land(load_made(), BATCH, "production", here())

    seen = []
    for send in (send_good, send_good, send_bad, send_bad, send_good, send_bad):
        send()
        seen.append(states_of(made, load_made))
    assert seen == ["landed", "landed", "held", "held", "landed", "held"]
    kinds = [event.kind for event in here().register.events("batch.*")]
    assert kinds == ["batch.landed", "batch.held", "batch.landed", "batch.held"]


def test_a_batch_held_for_its_contract_is_let_go_when_the_contract_changes(made: Made, load_made: Any) -> None:
    from assets.landed.checking import land_and_check

    rows = made_rows(BATCH)
    write_csv(made.incoming / f"{BATCH}.csv", [{**rows[0], "region": "west"}, *rows[1:]])
    for _ in range(2):
        with pytest.raises(Held, match="The contract is not met"):
            land_and_check(load_made(), BATCH, "production", here())
    assert states_of(made, load_made) == "held"
    assert len(here().register.events("batch.held")) == 1
    contract = contract_yaml()
    contract["schema"][0]["properties"][4]["quality"][0]["arguments"]["validValues"].append("west")
    made.declare(contract=contract)
    land_and_check(load_made(), BATCH, "production", here())
    assert states_of(made, load_made) == "landed"


def test_what_was_held_for_its_contract_never_goes_downstream(made: Made, load_made: Any) -> None:
    from assets.judged.judging import judge_batch
    from assets.judged.reference import freeze_reference
    from assets.landed.checking import land_and_check

    for batch in BATCHES[:2]:
        made.send(batch)
    freeze_reference(load_made(), here())
    rows = made_rows(BATCH)
    bad = [{**rows[0], "region": "west"}, *rows[1:]]

    write_csv(made.incoming / f"{BATCH}.csv", bad)
    with pytest.raises(Held, match="The contract is not met"):
        land_and_check(load_made(), BATCH, "production", here())
    with pytest.raises(NotArrived, match="has not been landed"):
        judge_batch(load_made(), BATCH, here())

    made.send(BATCH)
    good = land_and_check(load_made(), BATCH, "production", here()).landing.digest
    assert judge_batch(load_made(), BATCH, here())["inputs"]["data"] == good

    write_csv(made.incoming / f"{BATCH}.csv", bad)
    with pytest.raises(Held, match="The contract is not met"):
        land_and_check(load_made(), BATCH, "production", here())
    assert judge_batch(load_made(), BATCH, here())["inputs"]["data"] == good
