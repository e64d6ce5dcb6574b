"""Tables as the pipeline reads them (Parquet through DuckDB), and outcome cubes straight from raw rows."""

from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from governance.declared.assessment import Criterion
from monitors.freezing import Shape
from monitors.grid import Grid, GroupGrid
from monitors.profile import Profile


@pytest.fixture(scope="session")
def table_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Mapping[str, Any]], ir.Table]:
    connection, folder, number = ibis.duckdb.connect(), tmp_path_factory.mktemp("tables"), count()

    def write(columns: Mapping[str, Any]) -> ir.Table:
        path = Path(folder) / f"{next(number)}.parquet"
        pq.write_table(pa.table(dict(columns)), path)
        return connection.read_parquet(str(path))

    return write


@pytest.fixture(scope="session")
def shape() -> Callable[..., Shape]:
    def build(**given: Any) -> Shape:
        nothing: dict[str, Any] = {"numeric": (), "categorical": (), "groupings": ()}
        nothing |= {"label": None, "prediction": None, "score": None, "threshold": None, "score_is_probability": False}
        return Shape(**(nothing | given))

    return build


@pytest.fixture(scope="session")
def profile_of_people() -> Callable[..., Profile]:
    """A profile with one grouping, `g`, counted by NumPy from one label (0, 1, 2 = not known) and prediction a row."""

    def build(groups: Any, labels: Any, predictions: Any, declared: tuple[str, ...]) -> Profile:
        grouping = GroupGrid(("g",), (declared,))
        grid = Grid((), None, (GroupGrid((), ()), grouping), "y", "p", None, None)
        cube = np.zeros((len(grouping.groups), 3, 3, 1), dtype=np.int64)
        codes = [grouping.groups.index(group) for group in groups]
        np.add.at(cube, (codes, np.asarray(labels, int), np.asarray(predictions, int), 0), 1)
        return Profile(grid, len(codes), {}, {}, {"": cube.sum(axis=0, keepdims=True), "g": cube})

    return build


@pytest.fixture(scope="session")
def criterion() -> Callable[..., Criterion]:
    def build(**given: Any) -> Criterion:
        plain: dict[str, Any] = {
            "id": "the_criterion",
            "harm": "the_harm",
            "metric": "selection_rate",
            "direction": "above",
            "limit": 0.5,
            "min_n": 1,
            "alpha": None if given.get("evidence") == "point" else 0.05,
            "severity": "major",
            "owner": "team:owners",
            "controls": ("A.6.2.6",),
            "rationale": "Because it is the example.",
        }
        return Criterion(**(plain | given))

    return build
