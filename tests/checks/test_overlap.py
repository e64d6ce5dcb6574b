"""Rows of the reference that come again in a batch: planted, and their clean twins."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from checks.overlap import TELLING, Overlap, overlap
from tests.conftest import BATCHES, Made, made_rows, system_yaml, write_csv


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        yield opened


def write(path: Path, **columns: Any) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


def test_keys_of_the_reference_are_counted_by_rows_and_null_is_no_key(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    batch = write(tmp_path / "batch.parquet", key=["a", "b", "b", None, "z"], t=[1] * 5)
    reference = {
        "one": write(tmp_path / "one.parquet", key=["a", None], t=[0, 0]),
        "two": write(tmp_path / "two.parquet", key=["b", "c"], t=[0, 0]),
    }
    assert overlap(connection, batch, reference, "key", "t") == Overlap(
        3, "3 of 5 rows have a key that is in the reference"
    )
    assert overlap(connection, batch, {"two": reference["two"]}, "key", "t").rows == 2


def test_a_column_name_that_is_no_plain_word_is_still_a_name(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    batch = write(tmp_path / "batch.parquet", **{'a "key"': [1, 2]})
    assert overlap(connection, batch, {"one": batch}, 'a "key"', "t").rows == 2


def test_without_a_key_a_whole_batch_under_other_times_is_found_in_any_order(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    values = [place % TELLING for place in range(100)]
    reference = {"2024-01": write(tmp_path / "one.parquet", t=["january"] * 100, x=values)}
    again = write(tmp_path / "again.parquet", t=["march"] * 100, x=values[::-1])
    assert overlap(connection, again, reference, None, "t") == Overlap(
        100, "all 100 rows are those of 2024-01 in the reference, but for their time"
    )


@pytest.mark.parametrize(
    "values",
    [
        pytest.param([(place + (place == 99)) % TELLING for place in range(100)], id="one row is another"),
        pytest.param([place % TELLING for place in range(101)], id="one row more"),
        pytest.param([place % (TELLING // 2) for place in range(100)], id="fewer kinds of rows"),
    ],
)
def test_a_batch_that_differs_in_one_row_is_another(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path, values: list[int]
) -> None:
    reference = {"2024-01": write(tmp_path / "one.parquet", t=["january"] * 100, x=[p % TELLING for p in range(100)])}
    batch = write(tmp_path / "batch.parquet", t=["march"] * len(values), x=values)
    assert overlap(connection, batch, reference, None, "t").rows == 0


def test_rows_too_alike_to_tell_a_copy_from_chance_are_let_pass(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    values = [place % (TELLING - 1) for place in range(100)]
    one, two = (write(tmp_path / f"{name}.parquet", t=[name] * 100, x=values) for name in ("one", "two"))
    assert overlap(connection, two, {"one": one}, None, "t").rows == 0


def held(made: Made) -> str:
    (finding,) = [line for line in made.aims("status").output.splitlines() if "2024-03 held" in line]
    return finding


def test_a_batch_with_rows_of_the_reference_is_held_back_without_naming_one(made: Made) -> None:
    made.send_all()
    known = made_rows(BATCHES[0])[:12]
    rows = [*made_rows(BATCHES[2])[12:], *({**row, "day": "2024-03-05"} for row in known)]
    write_csv(made.incoming / f"{BATCHES[2]}.csv", rows)
    said = made.aims("run", "loans", BATCHES[2], check=1).output
    reason = "Rows of the reference come again: 12 of 300 rows have a key that is in the reference."
    assert f"2024-03: held back: {reason}" in said
    assert reason in held(made) and known[0]["case"] not in said
    # Sent as they should be, they are let in.
    made.send(BATCHES[2])
    made.aims("run", "loans", BATCHES[2])
    assert "2024-03 held" not in made.aims("status").output


def test_a_key_that_names_the_entity_may_come_again(made: Made) -> None:
    system = system_yaml(str(made.incoming))
    system["columns"]["case"]["roles"] = ["key", "entity"]
    made.declare(system=system)
    made.send_all()
    rows = [{**row, "day": "2024-03-05"} for row in made_rows(BATCHES[0])]
    write_csv(made.incoming / f"{BATCHES[2]}.csv", rows)
    assert "held back" not in made.aims("run", "loans", BATCHES[2]).output
