"""Counts by the engine against counts by NumPy and plain Python on the raw rows."""

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from governance.record.canonical import canonical_bytes
from monitors.freezing import freeze
from monitors.grid import grid_of
from monitors.profile import GridMismatch, Profile, profile_of
from monitors.profiling import profile

NAN, INF = math.nan, math.inf
ODD_NAMES = {
    "a double quote": 'in"come',
    "a single quote": "in'come",
    "spaces": "income of the year",
    "a dot": "income.gross",
    "a keyword": "select",
    "a name that the query uses itself": "rows",
    "letters of another script": "収入",
}
SECRET = "Zaphod-4711-secret"


def numeric_counts(values: list[float | None], edges: tuple[float, ...]) -> list[int]:
    counts = [0] * (len(edges) + 5)
    for value in values:
        if value is None:
            counts[-4] += 1
        elif math.isnan(value):
            counts[-3] += 1
        elif math.isinf(value):
            counts[-2 if value > 0 else -1] += 1
        else:
            counts[sum(edge < value for edge in edges)] += 1
    return counts


def category_counts(values: list[str | None], categories: tuple[str, ...]) -> list[int]:
    found = Counter(values)
    known = [found[category] for category in categories]
    return [*known, len(values) - sum(known) - found[None], found[None]]


def plain(counts: Any) -> list[int]:
    return [int(number) for number in counts]


COLUMNS: dict[str, list[float | None]] = {
    "few values": [float(i % 7) for i in range(300)],
    "many values": list(np.random.default_rng(1).normal(size=5_000)),
    "a heap at the lowest value": [0.0] * 3_000 + list(np.random.default_rng(2).gamma(2, size=3_000)),
    "NULL, NaN and the infinities": [None] * 11 + [NAN] * 12 + [INF] * 13 + [-INF] * 14 + [1.5] * 15,
    "constant": [5.0] * 40,
    "constant zero": [0.0] * 40,
    "all NULL": [None] * 20,
    "one row": [3.25],
    "no row": [],
    "decimal fractions": [0.1, 0.2, 0.3, 0.7] * 10,
    "equal in the first 12 digits": [1.0000000000001, 1.0000000000002, 2.0] * 20,
    "huge and tiny": [1e300, -1e300, 1e-300, -1e-300, 0.0] * 20,
    "17 digits": list(np.repeat(np.random.default_rng(3).normal(size=9), 11)),
}


@pytest.mark.parametrize("values", COLUMNS.values(), ids=COLUMNS)
def test_every_numeric_bin_holds_the_rows_that_python_counts(values: Any, table_of: Any, shape: Any) -> None:
    table = table_of({"x": pa.array(values, pa.float64(), from_pandas=False)})
    grid = freeze(table, shape(numeric=("x",)))
    edges = grid["x"].edges
    assert list(edges) == sorted(set(edges))
    found = profile(table, grid)
    assert plain(found.columns["x"]) == numeric_counts(values, edges)
    assert found.rows == len(values) == found.columns["x"].sum() == found.cube.sum()
    finite = [value for value in values if value is not None and math.isfinite(value)]
    rows, total, square = found.moments["x"]
    assert rows == len(finite)
    if all(abs(value) < 1e100 for value in finite):
        assert total == pytest.approx(math.fsum(finite), abs=1e-9)
        assert square == pytest.approx(math.fsum(value**2 for value in finite), rel=1e-12)


@pytest.mark.parametrize("fallen", [4.0, 4.9999, -INF], ids=["far", "a little", "to minus infinity"])
def test_a_constant_that_falls_is_in_another_bin(fallen: float, table_of: Any, shape: Any) -> None:
    grid = freeze(table_of({"x": [5.0] * 50}), shape(numeric=("x",)))
    before, after = (profile(table_of({"x": [value] * 50}), grid).columns["x"] for value in (5.0, fallen))
    assert before @ after == 0


def test_a_heap_at_the_lowest_value_that_falls_is_in_another_bin(table_of: Any, shape: Any) -> None:
    values = np.concatenate([np.zeros(3_000), np.random.default_rng(2).gamma(2, size=3_000)])
    fallen = np.where(values == 0, -1.0, values)
    grid = freeze(table_of({"x": values}), shape(numeric=("x",)))
    before, after = (profile(table_of({"x": x}), grid).columns["x"] for x in (values, fallen))
    assert plain(before[:2]) == plain(after[1::-1]) == [0, 3_000]


CATEGORIES: dict[str, list[str | None]] = {
    "an empty name apart from NULL": [""] * 12 + [None] * 13 + ["a"] * 14,
    "quotes": ["it's"] * 12 + ['a "b"'] * 13,
    "names of our own bins": ["(other)"] * 12 + ["(missing)"] * 13 + [None] * 3 + ["rare"],
    "other scripts": ["ä"] * 12 + ["a\u0308"] * 13 + ["日本"] * 14,
    "upper and lower case": ["x"] * 12 + ["X"] * 13,
    "spaces around": ["x"] * 12 + [" x"] * 13 + ["x "] * 14,
    "all NULL": [None] * 20,
    "no row": [],
    "one row": ["x"],
}


@pytest.mark.parametrize("values", CATEGORIES.values(), ids=CATEGORIES)
def test_every_category_holds_the_rows_that_python_counts(values: Any, table_of: Any, shape: Any) -> None:
    table = table_of({"x": pa.array(values, pa.string())})
    grid = freeze(table, shape(categorical=("x",)))
    kept = {name for name, rows in Counter(values).items() if rows >= 10 and name is not None}
    assert grid["x"].categories == tuple(sorted(kept))
    assert plain(profile(table, grid).columns["x"]) == category_counts(values, grid["x"].categories)


def test_a_category_that_the_reference_did_not_have_is_other(table_of: Any, shape: Any) -> None:
    grid = freeze(table_of({"x": ["a"] * 20}), shape(categorical=("x",)))
    assert plain(profile(table_of({"x": ["a", "new", "", None]}), grid).columns["x"]) == [1, 2, 1]


@pytest.mark.parametrize("name", ODD_NAMES.values(), ids=ODD_NAMES)
@pytest.mark.parametrize("role", ["numeric", "categorical", "label"])
def test_a_column_may_have_any_name(name: str, role: str, table_of: Any, shape: Any) -> None:
    values = [0.0, 1.0] * 15
    table = table_of({name: values})
    asked = shape(label=name) if role == "label" else shape(**{role: (name,)})
    found = profile(table, freeze(table, asked))
    counts = found.cube.sum(axis=(1, 2)) if role == "label" else found.columns[name]
    assert sorted(plain(counts))[-2:] == [15, 15]


def people(rows: int, seed: int) -> dict[str, pa.Array]:
    rng = np.random.default_rng(seed)

    def some(values: Any, share: float = 0.1) -> pa.Array:
        return pa.array(values, mask=rng.random(rows) < share)

    return {
        "age": some(rng.integers(18, 90, rows).astype(float)),
        "income": some(np.where(rng.random(rows) < 0.05, NAN, rng.lognormal(10, 1, rows))),
        "town": some(rng.choice(["x", "y", "", "z's"], rows).astype(object)),
        "race": some(rng.choice(["A", "B", "C"], rows, p=[0.5, 0.45, 0.05]).astype(object)),
        "sex": some(rng.choice(["f", "m"], rows).astype(object)),
        "score": some(np.where(rng.random(rows) < 0.05, NAN, rng.random(rows))),
        "label": some(rng.integers(0, 2, rows).astype(float), 0.3),
    }


PEOPLE = {
    "numeric": ("age", "income"),
    "categorical": ("town", "race"),
    "groupings": (("race",), ("race", "sex")),
    "label": "label",
    "score": "score",
    "threshold": 0.5,
    "score_is_probability": True,
}


def test_the_outcome_cube_is_what_plain_loops_count(table_of: Any, shape: Any) -> None:
    columns = people(2_000, seed=4)
    table = table_of(columns)
    grid = freeze(table, shape(**PEOPLE))
    found = profile(table, grid)
    expected: Counter[tuple[str, int, int, int]] = Counter()
    for race, sex, label, score in zip(
        *(columns[n].to_pylist() for n in ("race", "sex", "label", "score")), strict=True
    ):
        group = f"{race or '(missing)'} × {sex or '(missing)'}"
        known = score is not None and not math.isnan(score)
        bin_of = math.floor(score / 0.001) + 1 if known else 1002
        expected[group, 2 if label is None else int(label), int(score >= 0.5) if known else 2, bin_of] += 1
    names, cube = found.grouping("race × sex").groups, found.cubes["race × sex"]
    counted = {
        (names[g], label, prediction, score): int(cube[g, label, prediction, score])
        for g, label, prediction, score in zip(*map(plain, np.nonzero(cube)), strict=True)
    }
    assert counted == dict(expected)
    assert (cube.sum(axis=0) == found.cube).all()
    assert (found.cubes["race"].sum(axis=0) == found.cube).all()


SCORES: dict[str, tuple[list[float | None], tuple[float, ...]]] = {
    "deciles": ([float(i) for i in range(1, 11)], tuple(float(i) for i in range(1, 11))),
    "tenths": ([0.1, 0.3, 0.7], (0.1, 0.3, 0.7)),
}


@pytest.mark.parametrize("values, exact", SCORES.values(), ids=SCORES)
def test_few_score_values_are_bins_of_their_own(values: Any, exact: Any, table_of: Any, shape: Any) -> None:
    asked = shape(score="s", threshold=values[1])
    grid = freeze(table_of({"s": values}), asked)
    assert grid.score is not None and grid.score.values == exact
    batch = profile(table_of({"s": pa.array([*values, -5.0, None, NAN])}), grid)
    assert plain(batch.cube.sum(axis=(0, 1))) == [1] * len(values) + [1, 2]
    assert plain(batch.cube.sum(axis=(0, 2))) == [2, len(values) - 1, 2]


ODD_SCORES: dict[str, list[float | None]] = {
    "all NULL": [None] * 5,
    "no row": [],
    "nearly constant": [7.0] * 10_000 + [i + 0.123456789012345 for i in range(70)],
    "the infinities and huge": [INF, -INF, NAN, None, 1e300, -1e300, 0.5],
}


@pytest.mark.parametrize("probability", [True, False], ids=["a probability", "any score"])
@pytest.mark.parametrize("values", ODD_SCORES.values(), ids=ODD_SCORES)
def test_an_odd_score_column_is_counted_and_fails_nothing(
    values: Any, probability: bool, table_of: Any, shape: Any
) -> None:
    table = table_of({"s": pa.array(values, pa.float64())})
    found = profile(table, freeze(table, shape(score="s", threshold=0.5, score_is_probability=probability)))
    missing = sum(value is None or math.isnan(value) for value in values)
    assert found.cube.sum() == len(values)
    assert found.cube[..., -1].sum() == found.cube[:, 2].sum() == missing


def test_a_row_at_the_threshold_is_selected(table_of: Any, shape: Any) -> None:
    table = table_of({"s": [0.49, 0.5, 0.51]})
    found = profile(table, freeze(table, shape(score="s", threshold=0.5, score_is_probability=True)))
    assert plain(found.cube.sum(axis=(0, 2))) == [1, 2, 0]


LABELS = {
    "a label of numbers": pa.array([0, 1, 1, None]),
    "booleans": pa.array([False, True, True, None]),
    "text": pa.array(["0", "1", "1", "perhaps"]),
    "another number": pa.array([0.0, 1.0, 1.0, 2.0]),
    "NaN": pa.array([0.0, 1.0, 1.0, NAN]),
}


@pytest.mark.parametrize("values", LABELS.values(), ids=LABELS)
def test_a_label_that_is_neither_0_nor_1_is_not_known(values: pa.Array, table_of: Any, shape: Any) -> None:
    table = table_of({"y": values})
    assert plain(profile(table, freeze(table, shape(label="y"))).cube.sum(axis=(1, 2))) == [1, 2, 1]


def test_columns_that_the_batch_lacks_have_no_counts_and_the_rest_is_counted(table_of: Any, shape: Any) -> None:
    columns = people(500, seed=5)
    grid = freeze(table_of(columns), shape(**PEOPLE))
    whole = profile(table_of(columns), grid)
    found = profile(table_of({name: columns[name] for name in ("age", "sex")}), grid)
    assert (found.columns["age"] == whole.columns["age"]).all()
    assert [plain(found.columns[name]) for name in ("income", "town", "race")] == [
        [0] * grid[name].size for name in ("income", "town", "race")
    ]
    assert found.moments["income"] == (0, 0.0, 0.0)
    by_race = dict(zip(found.grouping("race").groups, found.cubes["race"].sum(axis=(1, 2, 3)), strict=True))
    assert {name: int(rows) for name, rows in by_race.items() if rows} == {"(missing)": 500}
    assert found.cube[2, 2, -1] == found.rows == 500


RETYPED = {
    "words": (pa.array(["1.5", "many", None]), [0, 0, 1, 2, 0, 0, 0]),
    "dates": (pa.array([1, 2, None], pa.date32()), [0, 0, 0, 3, 0, 0, 0]),
    "booleans": (pa.array([True, False, None]), [1, 1, 0, 1, 0, 0, 0]),
}


@pytest.mark.parametrize("values, expected", RETYPED.values(), ids=RETYPED)
def test_what_is_no_number_counts_as_null_in_a_numeric_column(
    values: Any, expected: Any, table_of: Any, shape: Any
) -> None:
    grid = freeze(table_of({"x": [1.0] * 20}), shape(numeric=("x",)))
    assert plain(profile(table_of({"x": values}), grid).columns["x"]) == expected


@settings(max_examples=6, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(parts=st.lists(st.integers(0, 2), min_size=60, max_size=60))
def test_profiles_of_any_split_add_to_the_profile_of_all_rows(parts: list[int], table_of: Any, shape: Any) -> None:
    columns = people(60, seed=6)
    grid = freeze(table_of(columns), shape(**PEOPLE))

    def of(keep: list[bool]) -> Profile:
        mask = pa.array(keep, pa.bool_())
        return profile(table_of({name: values.filter(mask) for name, values in columns.items()}), grid)

    one, two, three = (of([part == which for part in parts]) for which in range(3))
    whole = of([True] * 60)
    assert (one + two + three).digest == (three + (one + two)).digest == whole.digest
    assert (one + two + three).rows == 60
    for name, triple in (one + two + three).moments.items():
        assert triple == pytest.approx(whole.moments[name], rel=1e-12)


def test_profiles_on_different_bins_refuse_to_add(table_of: Any, shape: Any) -> None:
    one, two = (table_of({"x": [value] * 20}) for value in (1.0, 2.0))
    profiles = [profile(table, freeze(table, shape(numeric=("x",)))) for table in (one, two)]
    with pytest.raises(GridMismatch, match="profile both on one grid"):
        profiles[0] + profiles[1]


def test_one_count_more_is_another_digest(table_of: Any, shape: Any) -> None:
    table = table_of({"x": [1.0, 2.0] * 20})
    grid = freeze(table, shape(numeric=("x",)))
    digests = {profile(table_of({"x": [1.0] * n + [2.0] * m}), grid).digest for n, m in ((20, 20), (21, 20), (20, 21))}
    assert len(digests) == 3


@pytest.mark.parametrize("store", ["as a frame", "through Parquet, shuffled"])
def test_a_profile_and_its_grid_survive_being_written(store: str, table_of: Any, shape: Any, tmp_path: Any) -> None:
    table = table_of(people(400, seed=7))
    found = profile(table, freeze(table, shape(**PEOPLE)))
    frame = found.to_frame()
    if store != "as a frame":
        frame.sample(frac=1, random_state=0).to_parquet(tmp_path / "profile.parquet")
        frame = pd.read_parquet(tmp_path / "profile.parquet")
    grid = grid_of(json.loads(canonical_bytes(found.grid.as_dict())))
    again = profile_of(frame, grid)
    assert grid == found.grid and grid.digest == found.grid.digest
    assert (again.digest, again.rows, again.moments) == (found.digest, found.rows, dict(found.moments))


def test_an_empty_profile_survives_being_written(table_of: Any, shape: Any) -> None:
    columns = people(50, seed=8)
    grid = freeze(table_of(columns), shape(**PEOPLE))
    empty = profile(table_of({name: values[:0] for name, values in columns.items()}), grid)
    assert empty.rows == empty.cube.sum() == 0
    assert profile_of(empty.to_frame(), grid).digest == empty.digest


def test_neither_grid_nor_profile_holds_a_value_of_one_person(table_of: Any, shape: Any) -> None:
    rng = np.random.default_rng(9)
    planted = 123456.789
    columns = {
        "name": ["common"] * 299 + [SECRET],
        "amount": [*rng.integers(0, 5, 299).astype(float), planted],
        "income": [*rng.normal(size=299), planted],
    }
    table = table_of(columns)
    found = profile(table, freeze(table, shape(numeric=("amount", "income"), categorical=("name",))))
    kept = canonical_bytes(found.grid.as_dict()).decode() + found.to_frame().drop(columns="number").to_csv()
    assert SECRET not in kept and "Zaphod" not in kept and "123456" not in kept


@pytest.mark.parametrize("rows", [3, 9, 30, 257, 2_000], ids=lambda rows: f"{rows} people, all different")
def test_no_inner_bin_of_the_reference_singles_out_fewer_than_ten_people(rows: int, table_of: Any, shape: Any) -> None:
    table = table_of({"income": np.random.default_rng(10).lognormal(10, 1, rows)})
    grid = freeze(table, shape(numeric=("income",)))
    counts = profile(table, grid).columns["income"][:-4]
    if rows < 10:
        assert grid["income"].edges == (0.0,)
    else:
        assert min(counts[:-1]) >= 10


def test_every_declared_attribute_value_is_kept_however_rare(table_of: Any, shape: Any) -> None:
    table = table_of({"race": ["A"] * 50 + ["B"]})
    grid = freeze(table, shape(groupings=(("race",),), categorical=("race",)))
    assert grid["race"].categories == ("A", "B")
    assert grid.groupings[1].groups == ("A", "B", "(other)", "(missing)")
    assert grid.groupings[1].declared == {"A", "B"}


def test_groups_keep_apart_even_when_their_values_read_alike(table_of: Any, shape: Any) -> None:
    table = table_of({"a": ["(missing)", None, "x × y", "x", "(other)"], "b": ["z", "z", "z", "y × z", "z"]})
    grid = freeze(table, shape(groupings=(("a", "b"),)))
    names = grid.groupings[1].groups
    assert len(set(names)) == len(names) == 6 * 4
    found = profile(table, grid).cubes["a × b"].sum(axis=(1, 2, 3))
    assert {names[i] for i in np.nonzero(found)[0]} == {
        '"(missing)" × z',
        "(missing) × z",
        '"x × y" × z',
        'x × "y × z"',
        '"(other)" × z',
    }


@pytest.mark.parametrize("groupings", [(), (("race",),), (("race",), ("sex",), ("race", "sex"), ("sex", "race"))])
def test_the_file_is_scanned_twice_whatever_is_asked_and_columns_of_values_once(
    groupings: Any, shape: Any, tmp_path: Path
) -> None:
    columns = people(1_000, seed=11) | {"income": pa.array(np.random.default_rng(11).normal(size=1_000))}
    pq.write_table(pa.table(columns), tmp_path / "people.parquet")
    connection = ibis.duckdb.connect()
    table = connection.read_parquet(str(tmp_path / "people.parquet"))
    grid = freeze(table, shape(**{**PEOPLE, "groupings": groupings}))
    connection.raw_sql("CALL enable_logging('QueryLog')")
    profile(table, grid)
    connection.raw_sql("CALL disable_logging()")
    logged = [row[0] for row in connection.raw_sql("SELECT message FROM duckdb_logs").fetchall()]
    reading = [query for query in logged if "ibis_read_parquet" in query]
    assert len(reading) == 2
    for query in reading:
        plan = connection.raw_sql(f"EXPLAIN {query}").fetchall()[0][1]
        bare = connection.raw_sql(f"EXPLAIN SELECT count(age) FROM ({table.compile()})").fetchall()[0][1]
        assert plan.count("READ_PARQUET") == bare.count("READ_PARQUET") > 0
    for name in ("age", "income", "town"):
        assert sum(f"t0.{name} " in query or f'"{name}"' in query for query in reading) == 1
