"""Truth is what benchmarks/README.md promises of the data: their columns, and that a seed is a table."""

import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks import files, law

ROWS = 3000


def table(rows: int = ROWS, **given: int | float) -> pa.Table:
    return pa.concat_tables(law.blocks(rows, **({"seed": 1} | given)))


@pytest.fixture(scope="module")
def made() -> pa.Table:
    return table(30_000)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_same_seed_gives_the_same_bytes_and_another_seed_or_part_does_not(tmp_path: Path) -> None:
    wanted = [{"seed": 1}, {"seed": 1}, {"seed": 2}, {"seed": 1, "part": 1}]
    first, again, seed, part = [digest(law.write(tmp_path / f"{i}.parquet", ROWS, **w)) for i, w in enumerate(wanted)]
    assert first == again
    assert len({first, seed, part}) == 3


def test_rows_do_not_depend_on_how_many_blocks_there_are() -> None:
    longer = table(law.BLOCK + ROWS)
    assert longer.num_rows == law.BLOCK + ROWS
    assert longer.slice(0, ROWS).equals(table())
    assert len({block.num_rows for block in law.blocks(law.BLOCK + ROWS, seed=1)}) == 2


def test_a_wide_table_repeats_the_columns_with_other_values_and_one_set_of_roles() -> None:
    wide = next(law.blocks(100, seed=1, width=75))
    assert wide.num_columns == 75 == len(set(wide.column_names))
    assert not wide["normal_1"].equals(wide["normal_1_1"])
    assert wide.column_names[-5:] == list(law.ROLES)


def test_there_are_34_columns_of_the_promised_kinds(made: pa.Table) -> None:
    assert made.num_columns == 34 == len(law.numeric()) + len(law.categorical())
    assert len(law.numeric()) == 20
    assert all(pa.types.is_floating(made[n].type) or pa.types.is_integer(made[n].type) for n in law.numeric())
    assert [len(set(made[f"category_{size}"].to_pylist())) for size in law.SIZES[:-1]] == [
        2,
        3,
        5,
        8,
        12,
        20,
        40,
        80,
        200,
    ]
    assert 900 < len(set(made["category_1000"].to_pylist())) <= 1000
    assert (len(set(made["region"].to_pylist())), len(set(made["sex"].to_pylist()))) == (10, 2)
    assert all(set(made[name].to_pylist()) == {0, 1} for name in ("label", "prediction"))
    rounded = made["rounded_2"].to_numpy()
    assert np.array_equal(rounded, np.round(rounded, 2))


def test_three_numbers_have_two_per_cent_of_nulls_and_all_else_has_none(made: pa.Table) -> None:
    shares = {name: made[name].null_count / made.num_rows for name in made.column_names if made[name].null_count}
    assert set(shares) == {"normal_3", "lognormal_2", "rounded_4"} == set(law.numeric()) - set(law.never_null())
    # Four standard errors of a share of 2 % among 30,000 rows.
    assert all(abs(share - 0.02) < 0.0033 for share in shares.values())


def test_every_value_is_within_what_is_promised_of_it(made: pa.Table) -> None:
    for name in law.numeric():
        values = made[name].drop_null().to_numpy()
        assert values.min() > law.LOWEST and values.max() < law.HIGHEST
    for name in law.categorical():
        assert set(made[name].to_pylist()) <= set(law.values_of(name))


def test_the_label_is_true_as_often_as_the_score_says(made: pa.Table) -> None:
    score, label = made["score"].to_numpy(), made["label"].to_numpy()
    for low in (0.2, 0.4, 0.6):
        here = (score >= low) & (score < low + 0.2)
        error = (0.25 / here.sum()) ** 0.5
        assert abs(label[here].mean() - score[here].mean()) < 4 * error
    assert np.array_equal(made["prediction"].to_numpy(), score >= law.THRESHOLD)


def test_a_shift_moves_numbers_by_so_many_standard_deviations() -> None:
    still, moved = table()["normal_2"].to_numpy(), table(shift=0.5)["normal_2"].to_numpy()
    assert np.allclose(moved - still, 0.5 * 15)


def test_files_are_plain_parquet_and_there_only_when_whole(tmp_path: Path) -> None:
    path = law.write(tmp_path / "made.parquet", ROWS, seed=1)
    assert [p.name for p in tmp_path.iterdir()] == ["made.parquet"]
    assert pq.read_schema(path).field("region").type == pa.string()
    assert pq.read_table(path).num_rows == ROWS


def test_a_hundred_million_rows_are_ten_files_of_which_the_first_is_the_batch_of_ten_million(tmp_path: Path) -> None:
    large, less = files.files_of(tmp_path, 100_000_000), files.files_of(tmp_path, 10_000_000)
    assert len({file.path for file in large.batch}) == 10
    assert large.batch[:1] == less.batch and large.reference == less.reference


def test_a_disk_too_small_is_told_before_anything_is_made(tmp_path: Path) -> None:
    huge = files.File(tmp_path / "x" / "huge.parquet", 10**15, 1)
    with pytest.raises(files.Fault, match=r"need 119000000\.0 GB.*--data"):
        list(files.make(tmp_path, [huge]))
    assert not (tmp_path / "x").exists()
