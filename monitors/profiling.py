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

from monitors import clusters, distinct, power_sums
from monitors.grid import ColumnGrid, Grid, GroupGrid
from monitors.profile import Counts, Profile
from monitors.tally import AT_ONCE, known_or_sketched, tally
from monitors.views import INFINITY, bin_of, cube_code, finite, is_finite, number, number_of, with_error, word_of


@ibis.udf.agg.builtin(name="histogram")
def _counts_by_edge(value: dt.float64, edges: dt.Array(dt.float64)) -> dt.Map(dt.float64, dt.int64):  # type: ignore[valid-type]
    """DuckDB's binned histogram: upper edge to rows, infinity for what lies above the last edge."""


Item = ColumnGrid | GroupGrid
Moments = tuple[int, float, float]
Thing = TypeVar("Thing")
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
    absent = sorted(_roles(grid) - present)
    table = table.mutate(**{name: ibis.null("string") for name in absent}) if absent else table
    if grid.regression and grid.regression.column:
        table = with_error(table, grid.label, grid.prediction, grid.regression.column)
        present.add(grid.regression.column)
    columns = [column for column in grid.columns if column.source in present]
    tallied = _tallied(table, grid, columns)
    numbers = [column for column in columns if column.is_numeric and column.name not in tallied.moments]
    rows, measured = _numbers(table, numbers)
    counts = {column.name: np.zeros(column.size, dtype=np.int64) for column in grid.columns} | tallied.counts
    for name, found in measured.items():
        counts[name] = found.counts if found.binned else counts[name]
        counts[name][-4:] = found.counts[-4:]
    for name in grid.outcome_columns:
        counts[name][-4] = 0
    moments = {c.name: (0, 0.0, 0.0) for c in grid.columns if c.is_numeric}
    moments |= tallied.moments | {name: found.moments for name, found in measured.items()}
    return Profile(
        grid,
        rows,
        counts,
        moments,
        _all_cubes(grid, tallied.cubes),
        tallied.sketches,
        clusters.count(table, grid, columns, entity_key) if grid.entity in present else None,
        _all_cubes(grid, power_sums.by_group(table, grid, _finest(grid))) if grid.regression else {},
    )


def _roles(grid: Grid) -> set[str]:
    """The columns that the outcome cubes are made of."""
    attributes = {name for grouping in grid.groupings for name in grouping.by}
    return attributes | {name for name in (grid.label, grid.prediction, grid.score_column) if name is not None}


def _some_at_once(items: Sequence[Thing]) -> Iterator[Sequence[Thing]]:
    return (items[start : start + AT_ONCE] for start in range(0, len(items), AT_ONCE))


@dataclass(frozen=True, slots=True)
class _Number:
    """Counts of a numeric column; without `binned` only those of NULL, NaN and the infinities."""

    counts: Counts
    moments: Moments
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
            # As one text, which the engine reads exactly: a literal per edge is most of the work of a small batch.
            edges = ibis.literal(repr(list(column.edges))).cast("array<float64>")
            aggregates[f"bins{i}"] = _counts_by_edge(y, edges)
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
    """What words, cells and few-valued numbers came to; `moments` only of numbers that were tallied."""

    counts: dict[str, Counts]
    moments: dict[str, Moments]
    sketches: dict[str, distinct.Registers]
    cubes: dict[str, Counts]


def _tallied(table: ir.Table, grid: Grid, columns: Sequence[ColumnGrid]) -> _Tallied:
    """Counts of words, of outcome cubes, of numbers with few values, and of bins where no aggregate counts them."""
    binned = table.get_backend().name in _COUNTS_BY_EDGE
    wanted: list[Item] = [*_finest(grid)]
    wanted += [column for column in columns if not column.is_numeric or column.discrete or not binned]
    found = _Tallied({}, {}, {}, {})
    for some in _some_at_once(wanted):
        rows = _asked_of(table, grid, some, [item for item in some if _is_few(item)])
        if rows is None:
            # Some number has taken to having many values: it is counted into bins like any other.
            kept = [item for item in some if not (_is_few(item) and binned)]
            rows = _asked_of(table, grid, kept, [])
        for item, mine in rows or ():
            _take_in(found, grid, item, mine)
    return found


def _is_few(item: Item) -> bool:
    return isinstance(item, ColumnGrid) and item.discrete


def _asked_of(
    table: ir.Table, grid: Grid, items: Sequence[Item], few: Sequence[Item]
) -> list[tuple[Item, pa.Table]] | None:
    """Each item with its rows of one tally; `few` are tallied by value."""
    worded = [item for item in items if isinstance(item, ColumnGrid) and not item.is_numeric]
    coded = [item for item in items if item not in worded and item not in few]
    tallied = tally(
        table,
        [word_of(table, column) for column in worded],
        [_code(table, grid, item) for item in coded],
        [number(number_of(table, item)) for item in few if isinstance(item, ColumnGrid)],
    )
    rows = known_or_sketched(tallied, [column.categories for column in worded])
    if rows is None:
        return None
    return [(item, rows.filter(pc.equal(rows["part"], part))) for part, item in enumerate((*worded, *coded, *few))]


def _code(table: ir.Table, grid: Grid, item: Item) -> ir.Value:
    if isinstance(item, GroupGrid):
        return cube_code(table, grid, item)
    return bin_of(finite(number_of(table, item)), item.edges)


def _take_in(found: _Tallied, grid: Grid, item: Item, rows: pa.Table) -> None:
    if isinstance(item, ColumnGrid) and rows["number"].null_count < rows.num_rows:
        found.counts[item.name], found.moments[item.name] = _by_value(item, rows)
        return
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


def _by_value(column: ColumnGrid, rows: pa.Table) -> tuple[Counts, Moments]:
    """Counts and moments of a number from the rows of each of its values."""
    n, valid = rows["n"].to_numpy(), rows["number"].is_valid().to_numpy()
    values = rows["number"].to_numpy(zero_copy_only=False)
    finite_ones = valid & np.isfinite(values)
    x, rows_of_x = values[finite_ones], n[finite_ones]
    counts = np.zeros(column.size, dtype=np.int64)
    np.add.at(counts, np.searchsorted(column.edges, x), rows_of_x)
    apart = (~valid, valid & np.isnan(values), valid & (values == np.inf), valid & (values == -np.inf))
    counts[-4:] = [n[those].sum() for those in apart]
    # Beyond the largest double a sum is what it is on any engine: infinite, or not a number.
    with np.errstate(over="ignore", invalid="ignore"):
        return counts, (int(rows_of_x.sum()), float((x * rows_of_x).sum()), float((x * x * rows_of_x).sum()))


def _finest(grid: Grid) -> tuple[GroupGrid, ...]:
    """Groupings that no other one divides further: the cubes of all others are sums of theirs."""
    sets = [set(grouping.by) for grouping in grid.groupings]
    return tuple(g for g in grid.groupings if not any(set(g.by) < other for other in sets))


def _all_cubes(grid: Grid, finest: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    divided = [grouping for grouping in grid.groupings if grouping.name in finest]
    return {
        grouping.name: finest[grouping.name]
        if grouping.name in finest
        else _summed(next(fine for fine in divided if set(grouping.by) < set(fine.by)), grouping, finest)
        for grouping in grid.groupings
    }


def _summed(fine: GroupGrid, grouping: GroupGrid, finest: Mapping[str, np.ndarray]) -> np.ndarray:
    """The cube of `grouping` from that of a grouping which divides it further."""
    cube = finest[fine.name]
    sizes = [len(categories) + 2 for categories in fine.categories]
    split = cube.reshape(*sizes, *cube.shape[1:])
    kept = [fine.by.index(name) for name in grouping.by]
    dropped = tuple(i for i in range(len(sizes)) if i not in kept)
    # What is left after the sum stands in the order of `fine`; the order of `grouping` is restored.
    left = sorted(kept)
    behind = range(len(kept), len(kept) + cube.ndim - 1)
    with np.errstate(invalid="ignore", over="ignore"):
        summed = split.sum(axis=dropped).transpose(*(left.index(i) for i in kept), *behind)
    return np.ascontiguousarray(summed).reshape(-1, *cube.shape[1:])
