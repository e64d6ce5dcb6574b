"""From a table to its profile, in one scan: every count is an aggregate of one query.

The table is an Ibis expression, so the engine and the file are the caller's business. The number of scans does
not grow with columns, groupings or criteria.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir
import numpy as np

from monitors.grid import (
    EXACT_SCORES,
    FINE_BINS,
    RARE,
    SCORE_BINS,
    ColumnGrid,
    Grid,
    GroupGrid,
    ScoreGrid,
    edge_above,
    edge_below,
    merge_rare,
)
from monitors.profile import NEGATIVE, POSITIVE, UNKNOWN, Counts, Profile

MAX_CATEGORIES = 1000
MAX_GROUPS = 50


@ibis.udf.agg.builtin(name="histogram")
def _counts_by_edge(value: dt.float64, edges: dt.Array(dt.float64)) -> dt.Map(dt.float64, dt.int64):  # type: ignore[valid-type]
    """DuckDB's binned histogram: upper edge to rows, infinity for what lies above the last edge."""


@ibis.udf.agg.builtin(name="histogram")
def _counts_by_code(code: dt.int64) -> dt.Map(dt.int64, dt.int64):  # type: ignore[valid-type]
    """DuckDB's histogram of distinct values: code to rows."""


@dataclass(frozen=True)
class Shape:
    """What of a table is to be counted: its columns by kind, its groupings, and the roles of the outcome cube."""

    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    groupings: tuple[tuple[str, ...], ...]
    label: str | None
    prediction: str | None
    score: str | None
    threshold: float | None
    score_is_probability: bool


def freeze(table: ir.Table, shape: Shape) -> Grid:
    """The grid of this reference table.

    Numeric columns with at most `FINE_BINS` distinct values get one bin per value (rare neighbours joined),
    others `FINE_BINS` quantiles. Categories held by fewer than `RARE` rows become `(other)`.
    """
    attributes = {name for by in shape.groupings for name in by}
    columns = [_numeric_grid(table, name) for name in shape.numeric]
    for name in shape.categorical:
        rare = 1 if name in attributes else RARE
        columns.append(ColumnGrid(name, categories=_categories(table, name, rare, MAX_CATEGORIES)))
    groups = {name: _categories(table, name, 1, MAX_GROUPS) for name in sorted(attributes)}
    groupings = tuple(GroupGrid(by, tuple(groups[name] for name in by)) for by in ((), *shape.groupings))
    return Grid(
        columns=tuple(columns),
        score=_score_grid(table, shape),
        groupings=groupings,
        label=shape.label,
        prediction=shape.prediction,
        score_column=shape.score,
        threshold=shape.threshold,
    )


def profile(table: ir.Table, grid: Grid) -> Profile:
    """Counts of `table` on `grid`.

    A column that the table lacks has no counts at all; as attribute it is the missing group, as label, prediction
    or score it is not known.
    """
    present = set(table.columns)
    table = table.mutate(**{name: ibis.null("string") for name in sorted(_roles(grid) - present)})
    aggregates: dict[str, ir.Value] = {"rows": table.count()}
    for index, column in enumerate(grid.columns):
        if column.name in present:
            aggregates |= _column_aggregates(table, column, f"c{index}")
    for index, grouping in enumerate(grid.groupings):
        aggregates[f"g{index}"] = _counts_by_code(_cube_code(table, grid, grouping))
    found = table.aggregate(**aggregates).to_pyarrow().to_pylist()[0]
    numeric = [(f"c{i}", column) for i, column in enumerate(grid.columns) if column.is_numeric]
    return Profile(
        grid,
        int(found["rows"]),
        {column.name: _column_counts(found, column, f"c{i}") for i, column in enumerate(grid.columns)},
        {column.name: _moments(found, key) for key, column in numeric},
        {g.name: _cube_counts(found[f"g{i}"], grid, g) for i, g in enumerate(grid.groupings)},
    )


def _roles(grid: Grid) -> set[str]:
    """The columns that the outcome cubes are made of."""
    attributes = {name for grouping in grid.groupings for name in grouping.by}
    return attributes | {name for name in (grid.label, grid.prediction, grid.score_column) if name is not None}


def _numeric_grid(table: ir.Table, name: str) -> ColumnGrid:
    value = _finite(table[name])
    counted = table.aggregate(distinct=value.nunique(), rows=value.count()).to_pyarrow().to_pylist()[0]
    if counted["distinct"] <= FINE_BINS:
        found = table.select(value=value).filter(ibis._.value.notnull()).group_by("value").agg(n=ibis._.count())
        rows = sorted((row["value"], row["n"]) for row in found.to_pyarrow().to_pylist())
        return ColumnGrid(name, merge_rare([v for v, _ in rows], [n for _, n in rows]) or (0.0,))
    bins = min(FINE_BINS, counted["rows"] // RARE)
    levels = [i / bins for i in range(bins)]
    lowest, *quantiles = table.aggregate(q=value.quantile(levels)).to_pyarrow()["q"][0].as_py()
    # Where a whole bin of rows shares the lowest value, what lies lower is another bin.
    below = {edge_below(lowest)} if quantiles[0] == lowest else set()
    return ColumnGrid(name, tuple(sorted(below | set(map(edge_above, quantiles)))))


def _categories(table: ir.Table, name: str, rare: int, most: int) -> tuple[str, ...]:
    counted = table.select(value=table[name].cast("string")).group_by("value").agg(n=ibis._.count())
    kept = counted.filter(ibis._.value.notnull(), ibis._.n >= rare).order_by(ibis.desc("n"), "value").limit(most)
    return tuple(sorted(row["value"] for row in kept.to_pyarrow().to_pylist()))


def _score_grid(table: ir.Table, shape: Shape) -> ScoreGrid | None:
    if shape.score is None:
        return None
    if shape.score_is_probability:
        return ScoreGrid(low=0.0, high=1.0, bins=SCORE_BINS)
    value = _finite(table[shape.score])
    distinct = table.select(value=value).filter(ibis._.value.notnull()).distinct().limit(EXACT_SCORES + 1)
    values = sorted(distinct.to_pyarrow()["value"].to_pylist())
    if not values:
        return ScoreGrid(bins=SCORE_BINS)
    if len(values) <= EXACT_SCORES and all(value == edge_above(value) for value in values):
        return ScoreGrid(values=tuple(values))
    low, high = table.aggregate(q=value.quantile([0.001, 0.999])).to_pyarrow()["q"][0].as_py()
    return ScoreGrid(low=float(low), high=float(high) if high > low else float(low) + 1, bins=SCORE_BINS)


def _finite(column: ir.Value) -> ir.Value:
    number = _number(column)
    return (number.isnan() | number.isinf()).ifelse(ibis.null("float64"), number)


def _number(column: ir.Value) -> ir.Value:
    """As a double; what is no number is NULL, so that a column of another type cannot fail the batch."""
    kind = column.type()
    if kind.is_numeric() or kind.is_boolean():
        return column.cast("float64")
    return column.cast("string").try_cast("float64")


def _column_aggregates(table: ir.Table, column: ColumnGrid, key: str) -> dict[str, ir.Value]:
    if not column.is_numeric:
        return {key: _counts_by_code(_category_code(table[column.name], column.categories))}
    number, finite = _number(table[column.name]), _finite(table[column.name])
    return {
        key: _counts_by_edge(finite, ibis.literal(list(column.edges), type="array<float64>")),
        f"{key}_null": number.isnull().sum(),
        f"{key}_nan": number.isnan().sum(),
        f"{key}_up": (number == float("inf")).sum(),
        f"{key}_down": (number == float("-inf")).sum(),
        f"{key}_n": finite.count(),
        f"{key}_sum": finite.sum(),
        f"{key}_square": (finite * finite).sum(),
    }


def _column_counts(found: Mapping[str, Any], column: ColumnGrid, key: str) -> Counts:
    counts = np.zeros(column.size, dtype=np.int64)
    pairs = dict(found.get(key) or [])
    if not column.is_numeric:
        for code, rows in pairs.items():
            counts[code] = rows
        return counts
    for index, edge in enumerate((*column.edges, float("inf"))):
        counts[index] = pairs.get(edge, 0)
    counts[-4:] = [found.get(f"{key}_{kind}") or 0 for kind in ("null", "nan", "up", "down")]
    return counts


def _moments(found: Mapping[str, Any], key: str) -> tuple[int, float, float]:
    rows, total, square = (found.get(f"{key}_{kind}") or 0 for kind in ("n", "sum", "square"))
    return int(rows), float(total), float(square)


def _category_code(column: ir.Value, categories: Sequence[str]) -> ir.Value:
    text = column.cast("string")
    known = [(text == category, index) for index, category in enumerate(categories)]
    return ibis.cases((text.isnull(), len(categories) + 1), *known, else_=len(categories))


def _cube_code(table: ir.Table, grid: Grid, grouping: GroupGrid) -> ir.Value:
    """One integer per cell of (group, label, prediction, score bin)."""
    group: ir.Value = ibis.literal(0, type="int64")
    for name, categories in zip(grouping.by, grouping.categories, strict=True):
        group = group * (len(categories) + 2) + _category_code(table[name], categories)
    cell = (group * 3 + _label_code(table, grid)) * 3 + _prediction_code(table, grid)
    return (cell * grid.score_size + _score_code(table, grid)).cast("int64")


def _cube_counts(pairs: Any, grid: Grid, grouping: GroupGrid) -> Counts:
    shape = (len(grouping.groups), 3, 3, grid.score_size)
    counts = np.zeros(functools.reduce(operator.mul, shape), dtype=np.int64)
    for code, rows in dict(pairs or []).items():
        counts[code] = rows
    return counts.reshape(shape)


def _binary_code(column: ir.Value) -> ir.Value:
    number = _number(column)
    return ibis.cases((number == 1, POSITIVE), (number == 0, NEGATIVE), else_=UNKNOWN)


def _label_code(table: ir.Table, grid: Grid) -> ir.Value:
    if grid.label is None:
        return ibis.literal(UNKNOWN)
    return _binary_code(table[grid.label])


def _prediction_code(table: ir.Table, grid: Grid) -> ir.Value:
    if grid.prediction is not None:
        return _binary_code(table[grid.prediction])
    if grid.score_column is None or grid.threshold is None:
        return ibis.literal(UNKNOWN)
    score = _number(table[grid.score_column])
    known = score.notnull() & ~score.isnan()
    return ibis.cases((known & (score >= grid.threshold), POSITIVE), (known, NEGATIVE), else_=UNKNOWN)


def _score_code(table: ir.Table, grid: Grid) -> ir.Value:
    if grid.score is None or grid.score_column is None:
        return ibis.literal(0)
    score, bins = _number(table[grid.score_column]), grid.score
    missing = (score.isnull() | score.isnan(), bins.size - 1)
    if bins.values:
        exact = [(score == value, index) for index, value in enumerate(bins.values)]
        return ibis.cases(missing, *exact, else_=len(bins.values))
    inside = ((score - bins.low) / bins.resolution).floor().cast("int64") + 1
    below, above = (score < bins.low, 0), (score >= bins.high, bins.bins + 1)
    return ibis.cases(missing, below, above, else_=inside)
