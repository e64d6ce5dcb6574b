"""Every kind of column on DuckDB and on Spark: the same counts, to the last, and those that plain Python makes."""

import dataclasses
import datetime as dt
import functools
import math
import operator
import shutil
import unicodedata
from collections import Counter
from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from assets.source.engines import connected
from governance.declared.system import Engine
from monitors.freezing import Shape, freeze
from monitors.grid import Grid
from monitors.profile import Profile
from monitors.profiling import profile

ROWS = 4_000
NAN, INF = math.nan, math.inf
HOSTILE = {
    'quote"d and spaced': "numeric",
    "a.dot; DROP TABLE batch; --": "numeric",
    "select": "categorical",
    "😀 emoji": "categorical",
    "x" * 300: "numeric",
    "part": "categorical",
    "w0": "categorical",
}
ENTITY_KEY = "a key for the test"

needs_java = pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java, which is not on this machine")


def every_kind(rows: int, seed: int) -> dict[str, pa.Array]:
    """A column of every kind, with everything in it that such a column can hold."""
    rng = np.random.default_rng(seed)

    def some(values: Any, share: float = 0.05, kind: pa.DataType | None = None) -> pa.Array:
        return pa.array(list(values), type=kind, mask=rng.random(rows) < share, from_pandas=False)

    odd = rng.choice([NAN, INF, -INF, -0.0, 1e308, -1e308, 5e-324], rows)
    words = np.array(["", " ", "plain words", "3 cats", "naïve?", "日本語", "\u200bzero width", "مرحبا", "a\tb", "😀!"])
    moments = [dt.datetime(2013, 1, 1) + dt.timedelta(minutes=int(m)) for m in rng.integers(0, 800_000, rows)]
    moments[:3] = dt.datetime(9999, 12, 31, 23, 59), dt.datetime(1900, 1, 1), dt.datetime(1970, 1, 1)
    columns = {
        "continuous": some(np.where(rng.random(rows) < 0.1, odd, rng.lognormal(3, 2, rows))),
        "whole": some(rng.integers(-5, 400, rows), kind=pa.int64()),
        "price": some(np.round(rng.gamma(2, 20, rows), 2)),
        "nothing": pa.nulls(rows, pa.float64()),
        "constant": pa.array([7.0] * rows),
        "few": some(rng.choice(["x", "y", "", "z's", "(other)", "(missing)"], rows), kind=pa.string()),
        "many": some((f"id {n}" for n in rng.zipf(1.4, rows).clip(max=10**6)), kind=pa.string()),
        "flag": some(rng.random(rows) < 0.3, kind=pa.bool_()),
        "code": some(rng.integers(0, 5, rows), kind=pa.int64()),
        "moment": pa.array(moments, pa.timestamp("us")),
        "day": some((m.date() for m in moments), kind=pa.date32()),
        "note": some(
            (f"{a} {b}" if b else a for a, b in zip(*rng.choice(words, (2, rows)), strict=True)), kind=pa.string()
        ),
        "race": some(rng.choice(["A", "B", "C"], rows, p=[0.5, 0.45, 0.05]), kind=pa.string()),
        "sex": some(rng.choice(["f", "m"], rows), kind=pa.string()),
        "score": some(np.where(rng.random(rows) < 0.05, NAN, rng.random(rows))),
        "label": some(rng.integers(0, 2, rows), 0.3, pa.int64()),
        "person": some((f"p{n}" for n in rng.integers(0, rows // 3, rows)), kind=pa.string()),
    }
    for name, kind in HOSTILE.items():
        drawn = rng.integers(0, 30, rows)
        columns[name] = some(drawn * 1.5) if kind == "numeric" else some((f"v{n}" for n in drawn), kind=pa.string())
    return columns


KINDS = Shape(
    numeric=("continuous", "whole", "price", "nothing", "constant", *(n for n, k in HOSTILE.items() if k == "numeric")),
    categorical=("few", "many", "flag", "code", *(n for n, k in HOSTILE.items() if k != "numeric")),
    groupings=(("race",), ("sex", "race"), ("sex",)),
    label="label",
    prediction=None,
    score="score",
    threshold=0.5,
    score_is_probability=True,
    timestamps=("moment", "day"),
    texts=("note",),
    entity="person",
)


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Real Spark in local mode, as a system that declares it gets it."""
    pytest.importorskip("pyspark", reason="Spark is an extra")
    return connected(Engine(kind="spark", master="local[2]"), tmp_path_factory.mktemp("spill"))


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kinds")
    for seed, name in enumerate(("reference", "batch")):
        pq.write_table(pa.table(every_kind(ROWS, seed)), folder / f"{name}.parquet")
    return folder


@pytest.fixture(scope="module")
def grid(kept: Path) -> Grid:
    return freeze(ibis.duckdb.connect().read_parquet(kept / "reference.parquet"), KINDS, entity_key=ENTITY_KEY)


@pytest.fixture(scope="module")
def on_duckdb(kept: Path, grid: Grid) -> Profile:
    return profile(ibis.duckdb.connect().read_parquet(kept / "batch.parquet"), grid, entity_key=ENTITY_KEY)


def alike(one: Profile, two: Profile) -> None:
    for part in ("columns", "cubes"):
        for name, counts in getattr(one, part).items():
            assert (counts == getattr(two, part)[name]).all(), (part, name)
    assert one.digest == two.digest
    assert one.rows == two.rows
    assert {n: r.tolist() for n, r in one.sketches.items()} == {n: r.tolist() for n, r in two.sketches.items()}


@needs_java
def test_spark_counts_every_kind_of_column_as_duckdb_does(
    kept: Path, grid: Grid, on_duckdb: Profile, spark: Any
) -> None:
    found = profile(spark.read_parquet(str(kept / "batch.parquet")), grid, entity_key=ENTITY_KEY)
    alike(found, on_duckdb)
    for name, (rows, total, _) in on_duckdb.moments.items():
        assert found.moments[name][0] == rows
        assert found.moments[name][1] == pytest.approx(total, rel=1e-12)


@needs_java
def test_spark_freezes_the_same_grid(kept: Path, grid: Grid, spark: Any) -> None:
    assert freeze(spark.read_parquet(str(kept / "reference.parquet")), KINDS, entity_key=ENTITY_KEY) == grid


@needs_java
def test_a_batch_without_rows_and_columns_that_are_not_there_are_the_same_on_spark(
    kept: Path, grid: Grid, spark: Any, tmp_path: Path
) -> None:
    whole = pq.read_table(kept / "batch.parquet")
    for name, table in {"empty": whole.slice(0, 0), "narrow": whole.select(["whole", "few", "sex"])}.items():
        pq.write_table(table, tmp_path / f"{name}.parquet")
        one, two = (
            profile(engine.read_parquet(str(tmp_path / f"{name}.parquet")), grid, entity_key=ENTITY_KEY)
            for engine in (ibis.duckdb.connect(), spark)
        )
        alike(one, two)


@needs_java
def test_spark_counts_and_sums_a_regression_as_duckdb_does(spark: Any, tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    label = rng.gamma(4, 100, 600)
    guess = label + rng.normal(0, 40, 600)
    guess[:4] = NAN, INF, -INF, 1e308
    columns = {"price": pa.array(label, mask=rng.random(600) < 0.1), "guess": pa.array(guess, from_pandas=False)}
    columns |= {"town": pa.array(rng.choice(["A", "B"], 600)), "kind": pa.array(rng.choice(["flat", "hut"], 600))}
    columns["person"] = pa.array([f"p{n}" for n in rng.integers(0, 200, 600)])
    pq.write_table(pa.table(columns), tmp_path / "prices.parquet")
    asked = dataclasses.replace(FEW, numeric=("price", "guess"), categorical=(), score=None, threshold=None)
    asked = dataclasses.replace(asked, label="price", prediction="guess", task="regression", error="price (error)")
    asked = dataclasses.replace(asked, groupings=(("town",), ("town", "kind")), entity="person")
    here, there = (e.read_parquet(str(tmp_path / "prices.parquet")) for e in (ibis.duckdb.connect(), spark))
    grid = freeze(here, asked, entity_key=ENTITY_KEY)
    assert freeze(there, asked, entity_key=ENTITY_KEY) == grid
    one, two = (profile(table, grid, entity_key=ENTITY_KEY) for table in (here, there))
    alike(one, two)
    assert one.clusters is not None and two.clusters is not None
    for ours, theirs in ((one.sums, two.sums), (one.clusters.sums, two.clusters.sums)):
        for name, sums in ours.items():
            # What a value of 1e308 makes of its group is infinite, or no number, on both.
            assert np.allclose(theirs[name], sums, rtol=1e-9, atol=1e-12, equal_nan=True), name
            assert np.isfinite(sums).any()


def test_hours_of_the_week_are_those_of_the_calendar(kept: Path, on_duckdb: Profile) -> None:
    for name, form in (("moment", "%a %H"), ("day", "%a")):
        values = pq.read_table(kept / "batch.parquet", columns=[name])[name].to_pylist()
        column, counts = on_duckdb.grid[f"{name} (week)"], on_duckdb.columns[f"{name} (week)"]
        expected = Counter(value and value.strftime(form) for value in values)
        assert dict(zip(column.categories, counts[:-2].tolist(), strict=True)) == {
            category: expected[category] for category in column.categories
        }
        assert counts[-1] == expected[None]


def kinds_of_characters(text: str) -> str:
    """What `monitors.views.CHARACTERS` says in words, from Python's own table of Unicode."""
    found = []
    for name, belongs in {
        "letters": lambda c, k: k[0] == "L",
        "digits": lambda c, k: k[0] == "N",
        "spaces": lambda c, k: k[0] == "Z" or c in "\t\n\r\f\v",
        "signs": lambda c, k: k[0] in "PS",
        "invisible": lambda c, k: k == "Cf" or (k == "Cc" and c not in "\t\n\r\f\v" and ord(c) < 128),
    }.items():
        if any(belongs(c, unicodedata.category(c)) for c in text):
            found.append(name)
    return " ".join(found) or "nothing"


def test_free_text_is_counted_by_length_and_by_kinds_of_characters(kept: Path, on_duckdb: Profile) -> None:
    values = pq.read_table(kept / "batch.parquet", columns=["note"])["note"].to_pylist()
    column, counts = on_duckdb.grid["note (characters)"], on_duckdb.columns["note (characters)"]
    expected = Counter(None if value is None else kinds_of_characters(value) for value in values)
    assert dict(zip(column.categories, counts[:-2].tolist(), strict=True)) == {
        c: expected[c] for c in column.categories
    }
    assert counts[-1] == expected[None]
    column, counts = on_duckdb.grid["note (length)"], on_duckdb.columns["note (length)"]
    lengths = [len(value) for value in values if value is not None]
    places = np.searchsorted(column.edges, lengths)
    assert counts[:-4].tolist() == np.bincount(places, minlength=len(column.edges) + 1).tolist()
    assert on_duckdb.moments["note (length)"][1] == sum(lengths)


def test_no_text_of_a_person_is_in_the_grid_or_the_profile(on_duckdb: Profile) -> None:
    kept = str(on_duckdb.grid.as_dict()) + on_duckdb.to_frame().to_csv()
    assert not any(word in kept for word in ("plain words", "naïve", "日本語", "مرحبا", "zero width"))


@pytest.mark.parametrize("column", ["few", "many", "flag"])
def test_distinct_values_are_counted_within_four_standard_errors(column: str, kept: Path, on_duckdb: Profile) -> None:
    values = pq.read_table(kept / "batch.parquet", columns=[column])[column].to_pylist()
    exact = len(set(values) - {None})
    assert on_duckdb.distinct_values(column) == pytest.approx(exact, rel=4 * 1.04 / math.sqrt(4096))


def test_buckets_of_entities_hold_every_row_with_an_entity_and_keep_entities_whole(
    kept: Path, grid: Grid, on_duckdb: Profile
) -> None:
    table = pq.read_table(kept / "batch.parquet")
    people = [person for person in table["person"].to_pylist() if person is not None]
    assert on_duckdb.clusters is not None
    for counts in on_duckdb.clusters.columns.values():
        assert counts.sum() == len(people)
    cube = on_duckdb.clusters.cubes["sex"]
    assert cube.sum() == len(people)
    # One person's rows: all in one bucket.
    one = Counter(people).most_common(1)[0][0]
    mine = table.filter(pa.compute.equal(table["person"], one))
    pq.write_table(mine, kept / "one.parquet")
    alone = profile(ibis.duckdb.connect().read_parquet(kept / "one.parquet"), grid, entity_key=ENTITY_KEY)
    assert alone.clusters is not None
    assert (alone.clusters.cubes["sex"].sum(axis=1) > 0).sum() == 1


def test_entities_under_another_key_do_not_mix(kept: Path, grid: Grid) -> None:
    table = ibis.duckdb.connect().read_parquet(kept / "batch.parquet")
    with pytest.raises(ValueError, match="hashed under the key"):
        profile(table, grid, entity_key="another key")
    other = freeze(table, KINDS, entity_key="another key")
    assert other.digest != freeze(table, KINDS, entity_key=ENTITY_KEY).digest


# Few columns, and no shrinking: an example takes seconds on Spark, and names the part that differs.
FEW = dataclasses.replace(KINDS, numeric=("continuous",), categorical=("many",), timestamps=(), texts=(), entity=None)


@settings(
    max_examples=3,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
)
@given(parts=st.lists(st.booleans(), min_size=200, max_size=200))
@needs_java
def test_a_part_on_each_engine_adds_to_the_whole(parts: list[bool], kept: Path, spark: Any, tmp_path: Path) -> None:
    whole, duckdb = pq.read_table(kept / "batch.parquet").slice(0, 200), ibis.duckdb.connect()
    grid = freeze(duckdb.read_parquet(kept / "reference.parquet"), FEW)

    def of(table: pa.Table, engine: Any, name: str) -> Profile:
        pq.write_table(table, tmp_path / name)
        return profile(engine.read_parquet(str(tmp_path / name)), grid)

    one = of(whole.filter(pa.array(parts)), spark, "one.parquet")
    two = of(whole.filter(pa.array([not part for part in parts])), duckdb, "two.parquet")
    alike(one + two, of(whole, duckdb, "whole.parquet"))
    alike(two + one, one + two)


@settings(
    max_examples=4, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), phases=[Phase.generate]
)
@given(parts=st.lists(st.integers(0, 3), min_size=150, max_size=150), order=st.permutations(range(4)))
def test_any_split_of_every_kind_adds_to_the_whole_in_any_order(
    parts: list[int], order: list[int], kept: Path, grid: Grid, tmp_path: Path
) -> None:
    whole, duckdb = pq.read_table(kept / "batch.parquet").slice(0, 150), ibis.duckdb.connect()

    def of(table: pa.Table) -> Profile:
        pq.write_table(table, tmp_path / "part.parquet")
        return profile(duckdb.read_parquet(tmp_path / "part.parquet"), grid, entity_key=ENTITY_KEY)

    found = [of(whole.filter(pa.array([part == which for part in parts]))) for which in order]
    alike(functools.reduce(operator.add, found), of(whole))
