"""From a table to its profile: every row is counted once, in the engine, whatever is asked of the counts later.

The table is an Ibis expression, so the engine and the file are the caller's business; engines differ here only in
how a number finds its bin (`_COUNTS_BY_EDGE`). The number of scans does not grow with groupings, criteria or
references; columns are taken a few dozen to a statement, and each statement reads its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from monitors import clusters, distinct
from monitors.grid import ColumnGrid, Grid, GroupGrid
from monitors.profile import Counts, Profile
from monitors.tally import AT_ONCE, known_or_sketched, tally
from monitors.views import INFINITY, bin_of, cube_code, finite, is_finite, number, number_of, word_of


@ibis.udf.agg.builtin(name="histogram")
def _counts_by_edge(value: dt.float64, edges: dt.Array(dt.float64)) -> dt.Map(dt.float64, dt.int64):  # type: ignore[valid-type]
    """DuckDB's binned histogram: upper edge to rows, infinity for what lies above the last edge."""


Item = TypeVar("Item")
# Engines with an aggregate that counts by edges; on others the bin of every row is worked out and tallied.
_COUNTS_BY_EDGE = frozenset({"duckdb"})


def profile(table: ir.Table, grid: Grid, *, entity_key: str = "") -> Profile:
    """Counts of `table` on `grid`.

    A column that the table lacks has no counts at all; as attribute it is the missing group, as label, prediction
    or score it is not known.

    Parameters
    ----------
    entity_key : str
        Secret under which entities are hashed into buckets, where the grid names an entity.
    """
    present = set(table.columns)
    table = table.mutate(**{name: ibis.null("string") for name in sorted(_roles(grid) - present)})
    columns = [column for column in grid.columns if column.source in present]
    rows, numbers = _numbers(table, [column for column in columns if column.is_numeric])
    tallied = _tallied(table, grid, columns)
    nothing = {column.name: np.zeros(column.size, dtype=np.int64) for column in grid.columns}
    counts = {**nothing, **tallied.counts, **{name: found.counts for name, found in numbers.items() if found.binned}}
    for name, found in numbers.items():
        counts[name][-4:] = found.counts[-4:]
    return Profile(
        grid,
        rows,
        {name: counts[name] for name in nothing},
        {c.name: numbers[c.name].moments if c.name in numbers else (0, 0.0, 0.0) for c in grid.columns if c.is_numeric},
        _all_cubes(grid, tallied.cubes),
        tallied.sketches,
        clusters.count(table, grid, columns, entity_key) if grid.entity in present else None,
    )


def _roles(grid: Grid) -> set[str]:
    """The columns that the outcome cubes are made of."""
    attributes = {name for grouping in grid.groupings for name in grouping.by}
    return attributes | {name for name in (grid.label, grid.prediction, grid.score_column) if name is not None}


def _some_at_once(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    return (items[start : start + AT_ONCE] for start in range(0, len(items), AT_ONCE))


@dataclass(frozen=True, slots=True)
class _Number:
    """Counts of a numeric column; without `binned` only those of NULL, NaN and the infinities."""

    counts: Counts
    moments: tuple[int, float, float]
    binned: bool


def _numbers(table: ir.Table, columns: Sequence[ColumnGrid]) -> tuple[int, dict[str, _Number]]:
    """The number of rows, and what aggregates alone tell of numeric columns."""
    rows = 0
    found: dict[str, _Number] = {}
    for some in list(_some_at_once(columns)) or [()]:
        prepared = table.select(
            __all=ibis.literal(1, type="int8"),
            **{f"x{i}": number(number_of(table, column)) for i, column in enumerate(some)},
        )
        answer = _asked(prepared, {"rows": prepared.count()} | _aggregates(prepared, some))
        # NaN and the infinities are rare, and telling them apart in every row is not free: a second look, if any.
        odd = [i for i in range(len(some)) if answer[f"known{i}"] != answer[f"finite{i}"]]
        if odd:
            answer |= _asked(prepared, {key: value for i in odd for key, value in _not_finite(prepared, i).items()})
        rows = int(answer["rows"])
        found |= {column.name: _number(answer, i, column, rows) for i, column in enumerate(some)}
    return rows, found


def _asked(prepared: ir.Table, aggregates: Mapping[str, ir.Value]) -> dict[str, Any]:
    answer: dict[str, Any] = prepared.aggregate(**aggregates).to_pyarrow().to_pylist()[0]
    return answer


def _aggregates(prepared: ir.Table, columns: Sequence[ColumnGrid]) -> dict[str, ir.Value]:
    binned = prepared.get_backend().name in _COUNTS_BY_EDGE
    aggregates: dict[str, ir.Value] = {}
    for i, column in enumerate(columns):
        x = prepared[f"x{i}"]
        y = is_finite(x).ifelse(x, ibis.null("float64"))
        aggregates |= {f"known{i}": x.count(), f"finite{i}": y.count(), f"sum{i}": y.sum(), f"square{i}": (y * y).sum()}
        if binned:
            aggregates[f"bins{i}"] = _counts_by_edge(y, ibis.literal(list(column.edges), type="array<float64>"))
    return aggregates


def _not_finite(prepared: ir.Table, i: int) -> dict[str, ir.Value]:
    x = prepared[f"x{i}"]
    return {f"nan{i}": x.isnan().sum(), f"up{i}": (x == INFINITY).sum(), f"down{i}": (x == -INFINITY).sum()}


def _number(answer: Mapping[str, Any], i: int, column: ColumnGrid, rows: int) -> _Number:
    counts = np.zeros(column.size, dtype=np.int64)
    nan, up, down = (int(answer.get(f"{what}{i}") or 0) for what in ("nan", "up", "down"))
    counts[-4:] = rows - int(answer[f"known{i}"]), nan, up, down
    binned = f"bins{i}" in answer
    if binned:
        pairs = dict(answer[f"bins{i}"] or [])
        counts[:-4] = [pairs.get(edge, 0) for edge in (*column.edges, INFINITY)]
    moments = int(answer[f"finite{i}"]), float(answer[f"sum{i}"] or 0), float(answer[f"square{i}"] or 0)
    return _Number(counts, moments, binned)


@dataclass(frozen=True, slots=True)
class _Tallied:
    counts: dict[str, Counts]
    sketches: dict[str, distinct.Registers]
    cubes: dict[str, Counts]


def _tallied(table: ir.Table, grid: Grid, columns: Sequence[ColumnGrid]) -> _Tallied:
    """Counts of words, of outcome cubes, and of bins where the engine has no aggregate for them."""
    binned = table.get_backend().name in _COUNTS_BY_EDGE
    wanted: list[ColumnGrid | GroupGrid] = [*_finest(grid)]
    wanted += [column for column in columns if not (column.is_numeric and binned)]
    found = _Tallied({}, {}, {})
    for some in _some_at_once(wanted):
        worded = [item for item in some if isinstance(item, ColumnGrid) and not item.is_numeric]
        coded = [item for item in some if not (isinstance(item, ColumnGrid) and not item.is_numeric)]
        words = [word_of(table, column) for column in worded]
        tallied = tally(table, words, [_code(table, grid, item) for item in coded])
        rows = known_or_sketched(tallied, [column.categories for column in worded])
        for part, item in enumerate((*worded, *coded)):
            _take_in(found, grid, item, rows.filter(pc.equal(rows["part"], part)))
    return found


def _code(table: ir.Table, grid: Grid, item: ColumnGrid | GroupGrid) -> ir.Value:
    if isinstance(item, GroupGrid):
        return cube_code(table, grid, item)
    return bin_of(finite(number_of(table, item)), item.edges)


def _take_in(found: _Tallied, grid: Grid, item: ColumnGrid | GroupGrid, rows: pa.Table) -> None:
    coded = rows.filter(rows["code"].is_valid())
    codes, n = coded["code"].to_numpy(), coded["n"].to_numpy()
    size = item.size if isinstance(item, ColumnGrid) else len(item.groups) * 9 * grid.score_size
    counts = np.zeros(size, dtype=np.int64)
    counts[codes] = n
    if isinstance(item, GroupGrid):
        found.cubes[item.name] = counts.reshape(-1, 3, 3, grid.score_size)
        return
    found.counts[item.name] = counts
    if not item.is_numeric:
        strange = rows.filter(rows["register"].is_valid())
        counts[-2:] = pc.sum(strange["n"]).as_py() or 0, int(pc.sum(rows["n"]).as_py() or 0)
        counts[-1] -= counts[:-1].sum()
        found.sketches[item.name] = distinct.registers_of(strange["register"].to_pylist(), strange["rest"].to_pylist())


def _finest(grid: Grid) -> tuple[GroupGrid, ...]:
    """Groupings that no other one divides further: the cubes of all others are sums of theirs."""
    sets = [set(grouping.by) for grouping in grid.groupings]
    return tuple(g for g in grid.groupings if not any(set(g.by) < other for other in sets))


def _all_cubes(grid: Grid, finest: Mapping[str, Counts]) -> dict[str, Counts]:
    divided = [grouping for grouping in grid.groupings if grouping.name in finest]
    return {
        grouping.name: finest[grouping.name]
        if grouping.name in finest
        else _summed(next(fine for fine in divided if set(grouping.by) < set(fine.by)), grouping, finest)
        for grouping in grid.groupings
    }


def _summed(fine: GroupGrid, grouping: GroupGrid, finest: Mapping[str, Counts]) -> Counts:
    """The cube of `grouping` from that of a grouping which divides it further."""
    cube = finest[fine.name]
    sizes = [len(categories) + 2 for categories in fine.categories]
    split = cube.reshape(*sizes, *cube.shape[1:])
    kept = [fine.by.index(name) for name in grouping.by]
    dropped = tuple(i for i in range(len(sizes)) if i not in kept)
    # What is left after the sum stands in the order of `fine`; the order of `grouping` is restored.
    left = sorted(kept)
    summed = split.sum(axis=dropped).transpose(*(left.index(i) for i in kept), *range(len(kept), len(kept) + 3))
    return np.ascontiguousarray(summed).reshape(-1, *cube.shape[1:])
