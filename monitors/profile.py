"""A batch as counts: all that later questions need, and no person's row.

Profiles of the same grid add: a quarter is the sum of its days, to the last count. Float sums (`moments`) add
within rounding and stay out of the digest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from monitors import distinct
from monitors.distinct import Registers
from monitors.grid import ENTITY_BUCKETS, Grid, GroupGrid

Counts = np.ndarray[Any, np.dtype[np.int64]]
Sums = np.ndarray[Any, np.dtype[np.float64]]
# Third value of label and prediction: not known.
NEGATIVE, POSITIVE, UNKNOWN = 0, 1, 2
# A number that is known, where label and prediction are numbers.
KNOWN = 0


class GridMismatch(ValueError):
    """Profiles on different grids were asked to add."""


@dataclass(frozen=True)
class Clusters:
    """Counts per bucket of entities (`monitors.clusters`): they add like all others.

    Attributes
    ----------
    columns : mapping of column to int64 array of shape (ENTITY_BUCKETS, coarse bins)
    cubes : mapping of grouping to int64 array of shape (ENTITY_BUCKETS, groups * 9)
    sums : of a regression, mapping of grouping to float64 array of shape (ENTITY_BUCKETS, groups * terms of
        `power_sums.BUCKET_TERMS`)
    """

    columns: Mapping[str, Counts]
    cubes: Mapping[str, Counts]
    sums: Mapping[str, Sums] = field(default_factory=dict)

    def __add__(self, other: Clusters) -> Clusters:
        return Clusters(
            {name: counts + other.columns[name] for name, counts in self.columns.items()},
            {name: counts + other.cubes[name] for name, counts in self.cubes.items()},
            _added(self.sums, other.sums),
        )


@dataclass(frozen=True)
class Profile:
    """Counts of one batch on one grid.

    Attributes
    ----------
    columns : mapping of name to int64 array of shape (column grid's size,)
    moments : mapping of numeric column to (finite rows, sum, sum of squares)
    cubes : mapping of grouping to int64 array of shape (groups, 3 labels, 3 predictions, score bins);
        the grouping "" is all rows. Third label or prediction: not known. Of a regression the first is a known
        number, the second is empty, and the bins are those of the error
    sketches : mapping of categorical column to registers of the values that are `(other)` (`monitors.distinct`);
        estimates, and therefore no part of the digest
    clusters : counts per bucket of entities; None where no entity is declared or one side lacks it
    sums : of a regression, mapping of grouping to float64 array of shape (groups, terms of `power_sums.TERMS`)
    """

    grid: Grid
    rows: int
    columns: Mapping[str, Counts]
    moments: Mapping[str, tuple[int, float, float]]
    cubes: Mapping[str, Counts]
    sketches: Mapping[str, Registers] = field(default_factory=dict)
    clusters: Clusters | None = None
    sums: Mapping[str, Sums] = field(default_factory=dict)

    def __add__(self, other: Profile) -> Profile:
        if self.grid.digest != other.grid.digest:
            raise GridMismatch(
                f"Profiles count into different bins ({self.grid.digest[:12]} and {other.grid.digest[:12]}): "
                "profile both on one grid before adding them."
            )
        return Profile(
            self.grid,
            self.rows + other.rows,
            {name: counts + other.columns[name] for name, counts in self.columns.items()},
            {name: _add(triple, other.moments[name]) for name, triple in self.moments.items()},
            {name: counts + other.cubes[name] for name, counts in self.cubes.items()},
            _either(self.sketches, other.sketches),
            self.clusters + other.clusters if self.clusters and other.clusters else None,
            _added(self.sums, other.sums),
        )

    def distinct_values(self, name: str) -> float:
        """How many different values a categorical column has: named ones exactly, others estimated; NULL is none."""
        named = int(np.count_nonzero(self.columns[name][:-2]))
        return named + distinct.estimate(self.sketches.get(name, distinct.empty()))

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the grid's digest and every count."""
        state = hashlib.sha256(self.grid.digest.encode())
        parts = [self.columns, self.cubes]
        parts += [self.clusters.columns, self.clusters.cubes] if self.clusters else []
        for part in parts:
            for name in sorted(part):
                state.update(name.encode() + b"\x00" + np.ascontiguousarray(part[name], dtype="<i8").tobytes())
        return state.hexdigest()

    @property
    def cube(self) -> Counts:
        """All rows: int64 array of shape (3 labels, 3 predictions, score bins)."""
        whole: Counts = self.cubes[""][0]
        return whole

    def grouping(self, name: str) -> GroupGrid:
        """The grid of a grouping by its name."""
        return next(grouping for grouping in self.grid.groupings if grouping.name == name)

    def to_frame(self) -> pd.DataFrame:
        """Long form, zero counts left out: part, name, code, count, number."""
        parts = [_sparse("column", name, counts) for name, counts in self.columns.items()]
        parts += [_sparse("cube", name, counts.ravel()) for name, counts in self.cubes.items()]
        parts += [_sparse("sketch", name, registers) for name, registers in self.sketches.items()]
        parts += [_numbers("sum", name, sums) for name, sums in self.sums.items()]
        if self.clusters:
            parts += _clustered("column_cluster", self.clusters.columns)
            parts += _clustered("cube_cluster", self.clusters.cubes)
            parts += [_numbers("sum_cluster", name, sums) for name, sums in self.clusters.sums.items()]
        moments = [
            {"part": f"moment_{kind}", "name": name, "code": 0, "count": int(triple[0]), "number": number}
            for name, triple in self.moments.items()
            for kind, number in zip(("sum", "square"), triple[1:], strict=True)
        ]
        rows = {"part": "rows", "name": "", "code": 0, "count": self.rows, "number": 0.0}
        frame = pd.concat([pd.DataFrame([rows, *moments]), *parts], ignore_index=True)
        return frame.astype({"code": "int64", "count": "int64", "number": "float64"})


def profile_of(frame: pd.DataFrame, grid: Grid) -> Profile:
    """The profile that `to_frame` wrote."""
    parts: dict[tuple[str, str], pd.DataFrame] = {
        (str(part), str(name)): rows for (part, name), rows in frame.groupby(["part", "name"], sort=False)
    }

    def dense(part: str, name: str, size: int) -> Counts:
        counts = np.zeros(size, dtype=np.int64)
        if (part, name) in parts:
            found = parts[part, name]
            counts[found["code"].to_numpy()] = found["count"].to_numpy()
        return counts

    def moment(name: str) -> tuple[int, float, float]:
        total, square = parts["moment_sum", name].iloc[0], parts["moment_square", name].iloc[0]
        return int(total["count"]), float(total["number"]), float(square["number"])

    def clustered(part: str) -> dict[str, Counts]:
        sizes = {name: int(rows["code"].iloc[0]) for (kind, name), rows in parts.items() if kind == f"{part}_cells"}
        return {
            name: dense(part, name, ENTITY_BUCKETS * size).reshape(ENTITY_BUCKETS, size) for name, size in sizes.items()
        }

    shapes = {grouping.name: len(grouping.groups) for grouping in grid.groupings}

    def numbers(part: str, rows: Callable[[str], int]) -> dict[str, Sums]:
        return {
            name: found.sort_values("code")["number"].to_numpy(dtype=float).reshape(rows(name), -1)
            for (kind, name), found in parts.items()
            if kind == part
        }

    clusters = Clusters(
        clustered("column_cluster"), clustered("cube_cluster"), numbers("sum_cluster", lambda _: ENTITY_BUCKETS)
    )
    return Profile(
        grid,
        int(parts["rows", ""]["count"].iloc[0]),
        {column.name: dense("column", column.name, column.size) for column in grid.columns},
        {column.name: moment(column.name) for column in grid.columns if column.is_numeric},
        {
            name: dense("cube", name, groups * 9 * grid.score_size).reshape(groups, 3, 3, grid.score_size)
            for name, groups in shapes.items()
        },
        {name: dense("sketch", name, distinct.REGISTERS).astype(np.uint8) for kind, name in parts if kind == "sketch"},
        clusters if clusters.cubes else None,
        numbers("sum", lambda name: shapes[name]),
    )


def _clustered(part: str, clusters: Mapping[str, Counts]) -> Iterator[pd.DataFrame]:
    """Counts per bucket, and a row that says how many there are to a bucket: most are zero and left out."""
    for name, counts in clusters.items():
        yield pd.DataFrame(
            [{"part": f"{part}_cells", "name": name, "code": counts.shape[1], "count": 0, "number": 0.0}]
        )
        yield _sparse(part, name, counts.ravel())


def _either(one: Mapping[str, Registers], two: Mapping[str, Registers]) -> dict[str, Registers]:
    """Registers that have seen what either has seen."""
    return {
        name: np.maximum(one.get(name, distinct.empty()), two.get(name, distinct.empty()))
        for name in sorted({*one, *two})
    }


def _added(one: Mapping[str, Sums], two: Mapping[str, Sums]) -> dict[str, Sums]:
    # Infinities of opposite sign add to no number, which is what is said of them where they are used.
    with np.errstate(invalid="ignore", over="ignore"):
        return {name: sums + two[name] for name, sums in one.items()}


def _numbers(part: str, name: str, numbers: np.ndarray) -> pd.DataFrame:
    found = numbers.ravel()
    return pd.DataFrame({"part": part, "name": name, "code": np.arange(found.size), "count": 0, "number": found})


def _sparse(part: str, name: str, counts: np.ndarray) -> pd.DataFrame:
    (codes,) = np.nonzero(counts)
    return pd.DataFrame({"part": part, "name": name, "code": codes, "count": counts[codes], "number": 0.0})


def _add(one: tuple[int, float, float], two: tuple[int, float, float]) -> tuple[int, float, float]:
    return one[0] + two[0], one[1] + two[1], one[2] + two[2]
