"""Tables that are too wide, too varied or too large for one go."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitors import tally
from monitors.distinct import STANDARD_ERROR
from monitors.freezing import freeze
from monitors.profiling import profile


def test_a_table_of_many_columns_is_counted_in_statements_of_a_few_dozen(shape: Any, tmp_path: Path) -> None:
    rng, names = np.random.default_rng(40), [f"x{i}" for i in range(170)]
    columns = {name: rng.normal(size=500) for name in names} | {f"c{n}": rng.integers(0, 4, 500) for n in names}
    pq.write_table(pa.table(columns), tmp_path / "wide.parquet")
    connection = ibis.duckdb.connect()
    table = connection.read_parquet(tmp_path / "wide.parquet")
    grid = freeze(table, shape(numeric=tuple(names), categorical=tuple(f"c{n}" for n in names)))
    connection.raw_sql("CALL enable_logging('QueryLog')")
    found = profile(table, grid)
    connection.raw_sql("CALL disable_logging()")
    logged = [row[0] for row in connection.raw_sql("SELECT message FROM duckdb_logs").fetchall()]
    # 170 + 1 tallied and 170 aggregated, 48 at once.
    assert sum("ibis_read_parquet" in query for query in logged) == 4 + 4
    for n in names:
        assert found.moments[n][1] == pytest.approx(columns[n].sum(), abs=1e-9)
        values, counts = np.unique(columns[f"c{n}"], return_counts=True)
        assert dict(zip(grid[f"c{n}"].categories, found.columns[f"c{n}"].tolist(), strict=False)) == {
            str(value): int(count) for value, count in zip(values, counts, strict=True)
        }


@pytest.fixture(scope="module")
def varied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """5,000,000 different strings, one of them 20 times; written by the engine, which is faster than we are."""
    path = tmp_path_factory.mktemp("varied") / "varied.parquet"
    query = (
        "SELECT CASE WHEN i < 20 THEN 'often' ELSE md5(i::VARCHAR) END AS word, random() AS x FROM range(5000019) t(i)"
    )
    ibis.duckdb.connect().raw_sql(f"COPY ({query}) TO '{path}' (FORMAT parquet)")
    return path


LIMITED = """
import sys, ibis
from monitors.freezing import Shape, freeze
from monitors.profiling import profile
path, spill, limit = sys.argv[1:]
backend = ibis.duckdb.connect(temp_directory=spill)
table = backend.read_parquet(path)
shape = Shape(("x",), ("word",), (), None, None, None, None, False)
backend.con.execute("SET memory_limit = ?", [limit])
backend.con.execute("SET threads = 2")
grid = freeze(table, shape)
found = profile(table, grid)
print(found.rows, found.columns["word"].tolist(), round(found.distinct_values("word")))
"""


def limited(varied: Path, folder: Path, limit: str) -> subprocess.CompletedProcess[str]:
    """Counts the words in a process of its own, with so much memory."""
    script = folder / "limited.py"
    script.write_text(LIMITED, encoding="utf-8")
    command = [sys.executable, str(script), str(varied), str(folder / "spill"), limit]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_five_million_different_words_in_little_memory_spill_and_are_counted(varied: Path, tmp_path: Path) -> None:
    """The words alone are 165 MB, and their table of counts several times that."""
    done = limited(varied, tmp_path, "250MB")
    assert done.returncode == 0, done.stderr[-2000:]
    counted, _, distinct = done.stdout.rpartition(" ")
    assert counted == "5000019 [20, 4999999, 0]"
    assert int(distinct) == pytest.approx(5_000_000, rel=4 * STANDARD_ERROR)


def test_a_batch_that_does_not_fit_into_memory_at_all_says_so_in_one_line(varied: Path, tmp_path: Path) -> None:
    done = limited(varied, tmp_path, "5MB")
    assert done.returncode != 0
    assert "memory" in done.stderr.lower()


def test_a_number_of_few_values_that_takes_to_many_is_counted_into_bins_all_the_same(
    shape: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tally, "MOST_ROWS", 500)
    connection, rng = ibis.duckdb.connect(), np.random.default_rng(41)
    values = {
        "reference": rng.integers(0, 9, 3_000),
        "batch": np.r_[rng.normal(4, 3, 3_000), [np.nan, np.inf, -np.inf]],
    }
    tables = {}
    for name, x in values.items():
        path = tmp_path / f"{name}.parquet"
        pq.write_table(pa.table({"x": pa.array(x.astype(float)), "c": ["a", "b", "c"] * (x.size // 3)}), path)
        tables[name] = connection.read_parquet(path)
    grid = freeze(tables["reference"], shape(numeric=("x",), categorical=("c",)))
    assert grid["x"].discrete
    found = profile(tables["batch"], grid)
    finite = values["batch"][:3_000]
    places = np.searchsorted(grid["x"].edges, finite)
    assert found.columns["x"].tolist() == [*np.bincount(places, minlength=len(grid["x"].edges) + 1), 0, 1, 1, 1]
    assert found.moments["x"] == (3_000, pytest.approx(finite.sum()), pytest.approx((finite**2).sum()))
    assert found.columns["c"].tolist() == [1_001] * 3 + [0, 0]
