"""The grid of a reference: where bins begin and end, and which categories have a bin of their own.

Edges come from a bounded sample of rows, spread evenly over the table and the same each time; counts into them are
made over all rows later, so the sample costs resolution and never exactness. Categories are counted over all rows.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir
import numpy as np

from governance.declared.metrics import Task
from monitors import tally
from monitors.clusters import named
from monitors.grid import (
    ERROR_BINS,
    EXACT_SCORES,
    FINE_BINS,
    RARE,
    SCORE_BINS,
    ColumnGrid,
    Grid,
    GroupGrid,
    RegressionGrid,
    Ruler,
    ScoreGrid,
    View,
    edge_above,
    edge_below,
    merge_rare,
    rounded_up,
    shortest_between,
)
from monitors.views import finite, number_of, with_error, word_of

MAX_CATEGORIES = 1000
MAX_GROUPS = 50
SAMPLED_ROWS = 200_000
# Part of the reference at either end that a ruler does not reach into.
TAIL = 0.001
FEW_VALUES = 20_000
# Numbers whose squares are numbers.
LARGEST = 1e150
# Engines that hand over rows in batches, in their order, and need not hold them all.
_STREAMS = frozenset({"duckdb"})


@dataclass(frozen=True)
class Shape:
    """What of a table is to be counted: its columns by kind, its groupings, and the roles of the outcome cube.

    Attributes
    ----------
    timestamps : columns counted by hour of the week
    texts : columns of free text, counted by length and by the kinds of characters in them
    entity : the column that names whom a row is about; rows of one entity are not independent of each other
    error : of a regression, the name under which prediction minus label is counted like a numeric column
    """

    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    groupings: tuple[tuple[str, ...], ...]
    label: str | None
    prediction: str | None
    score: str | None
    threshold: float | None
    score_is_probability: bool
    timestamps: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    entity: str | None = None
    task: Task = "binary_classification"
    error: str | None = None


def freeze(table: ir.Table, shape: Shape, *, entity_key: str = "") -> Grid:
    """The grid of this reference table; a column that it lacks has no bins of its own.

    Numeric columns with at most `FINE_BINS` distinct values get one bin per value (rare neighbours joined),
    others `FINE_BINS` quantiles. Categories held by fewer than `RARE` rows become `(other)`.
    """
    attributes = tuple(sorted({name for by in shape.groupings for name in by}))
    table = _whole(table, shape)
    words = [ColumnGrid(name) for name in shape.categorical]
    words += [_view(name, "week") for name in shape.timestamps]
    words += [_view(name, "characters") for name in shape.texts]
    numbers = [ColumnGrid(name) for name in shape.numeric] + [_view(name, "length") for name in shape.texts]
    numbers += [ColumnGrid(shape.error)] if shape.error else []
    found = _categories(table, [*words, *(ColumnGrid(name) for name in attributes)], len(words), set(attributes))
    score = [ColumnGrid(shape.score)] if shape.score else []
    outcomes = [ColumnGrid(name) for name in _outcomes(shape)]
    edges = _edges(table, [*numbers, *outcomes, *score])
    columns = [
        ColumnGrid(grid.name, edges=edges[i].edges, view=grid.view, discrete=edges[i].discrete, ruler=edges[i].ruler)
        for i, grid in enumerate(numbers)
    ]
    columns += [
        ColumnGrid(grid.name, categories=found[i].names, view=grid.view, kept_from=found[i].kept_from)
        for i, grid in enumerate(words)
    ]
    groups = {name: kept.names for name, kept in zip(attributes, found[len(words) :], strict=True)}
    return Grid(
        columns=tuple(columns),
        score=_score_grid(table, shape, edges[-1].span) if score else None,
        groupings=tuple(GroupGrid(by, tuple(groups[name] for name in by)) for by in ((), *shape.groupings)),
        label=shape.label,
        prediction=shape.prediction,
        score_column=shape.score,
        threshold=shape.threshold,
        entity=shape.entity,
        entity_key=named(entity_key) if shape.entity else None,
        regression=_regression_grid(shape, [one.span for one in edges[len(numbers) :]]) if outcomes else None,
    )


def _whole(table: ir.Table, shape: Shape) -> ir.Table:
    """The table with every column that is counted, a regression's error too; one that it lacks is NULL throughout."""
    kinds = {name: "float64" for name in (*shape.numeric, shape.label, shape.prediction, shape.score) if name}
    kinds |= dict.fromkeys(
        (*shape.categorical, *shape.texts, *(name for by in shape.groupings for name in by)), "string"
    )
    kinds |= dict.fromkeys(shape.timestamps, "timestamp")
    lacking = {name: ibis.null(kind) for name, kind in sorted(kinds.items()) if name not in table.columns}
    table = table.mutate(**lacking) if lacking else table
    return with_error(table, shape.label, shape.prediction, shape.error) if shape.task == "regression" else table


def _outcomes(shape: Shape) -> list[str]:
    """Label, prediction and error of a regression, as far as there are such."""
    found = (shape.label, shape.prediction, shape.error) if shape.task == "regression" else ()
    return [name for name in found if name]


def _regression_grid(shape: Shape, spans: Sequence[tuple[float, float] | None]) -> RegressionGrid:
    """From the stretches that hold nearly all labels, predictions and errors of the reference."""
    span = dict(zip(_outcomes(shape), spans, strict=False))
    low, high = (shape.label and span[shape.label]) or (shape.prediction and span[shape.prediction]) or (-1.0, 1.0)
    half = high / 2 - low / 2
    scale = rounded_up(half) if 0 < half < LARGEST else 1.0
    error = shape.error and span[shape.error]
    farthest = max(map(abs, error)) if error else scale
    # Of few digits, and split in halves: every edge is a number that any engine reads exactly.
    reach = rounded_up(farthest) if 0 < farthest < LARGEST else scale
    return RegressionGrid(
        centre=edge_above(low / 2 + high / 2),
        scale=scale,
        errors=ScoreGrid(low=-reach, high=reach, bins=ERROR_BINS),
        column=shape.error,
    )


def _view(name: str, view: View) -> ColumnGrid:
    return ColumnGrid(f"{name} ({view})", view=view)


@dataclass(frozen=True)
class _Edges:
    """Edges of one column, and what else its sample tells.

    `discrete`: values repeat so much that to count each is less work than to find its bin. `span`: nearly all
    values lie in it; None without a value.
    """

    edges: tuple[float, ...]
    discrete: bool
    span: tuple[float, float] | None
    ruler: Ruler | None

    @classmethod
    def of(cls, sample: np.ndarray) -> _Edges:
        distinct = np.unique(sample).size
        discrete = distinct <= FINE_BINS or distinct <= min(FEW_VALUES, sample.size // RARE)
        low, high = np.quantile(sample, [0.001, 0.999]) if sample.size else (0.0, 0.0)
        edges = edges_of(sample)
        return cls(edges, discrete, (float(low), float(high)) if sample.size else None, ruler_of(sample, edges))


def ruler_of(ordered: np.ndarray, edges: Sequence[float]) -> Ruler | None:
    """Where the rows of each bin stand; None where the clamped values are all one, or fewer than `2 * RARE`."""
    beyond = max(math.ceil(ordered.size * TAIL), RARE)
    if ordered.size < 2 * beyond:
        return None
    low, high = float(ordered[beyond - 1]), float(ordered[-beyond])
    # In units of the larger end: squares and sums of very large numbers are infinite.
    unit = max(abs(low), abs(high)) or 1.0
    clamped = ordered.clip(low, high) / unit
    deviation = float(np.std(clamped)) * unit
    if not (0 < deviation < math.inf and math.isfinite(high - low)):
        return None
    parts = np.split(clamped, np.searchsorted(ordered, edges, side="right"))
    # A bin that holds nothing of the reference stands where it touches its neighbour below, the first at its edge.
    empty = np.clip([edges[0], *edges], low, high) / unit
    points = [_mean(part) if part.size else float(end) for part, end in zip(parts, empty, strict=True)]
    blur = sum(float(np.abs(part - point).sum()) for part, point in zip(parts, points, strict=True)) / ordered.size
    return Ruler(low, high, tuple(point * unit for point in points), deviation, blur * unit)


def _mean(ordered: np.ndarray) -> float:
    """The mean, never outside of what is averaged: of one value repeated it is that value."""
    return float(np.clip(ordered.mean(), ordered[0], ordered[-1]))


@dataclass(frozen=True)
class _Kept:
    """The categories of one column that have bins of their own, and how many rows it took."""

    names: tuple[str, ...]
    kept_from: int


def _categories(table: ir.Table, grids: Sequence[ColumnGrid], columns: int, attributes: set[str]) -> list[_Kept]:
    """Categories of each grid, sorted by name; the first `columns` are columns, the others attributes of groupings.

    Values of attributes are kept however rare they are, because every declared group has to be listed.
    """
    found: list[_Kept] = []
    for start in range(0, len(grids), tally.AT_ONCE):
        some = grids[start : start + tally.AT_ONCE]
        counted = tally.tally(table, [word_of(table, grid) for grid in some], [])
        always = [i for i, grid in enumerate(some) if grid.name in attributes]
        enough = (counted.n >= RARE) | counted.part.isin(always) if always else counted.n >= RARE
        frequent = counted.filter(counted.word.notnull(), enough)
        order = ibis.window(group_by="part", order_by=[ibis.desc("n"), "word"])
        ranked = frequent.mutate(place=ibis.row_number().over(order)).filter(ibis._.place <= MAX_CATEGORIES)
        rows = ranked.select("part", "word", "place", "n").to_pyarrow().to_pylist()
        for i, grid in enumerate(some):
            most = MAX_CATEGORIES if start + i < columns else MAX_GROUPS
            mine = sorted((r for r in rows if r["part"] == i), key=lambda r: r["place"])
            kept = mine[:most]
            least = kept[-1]["n"] if len(mine) > most else 1 if grid.name in attributes else RARE
            found.append(_Kept(tuple(sorted(r["word"] for r in kept)), int(least)))
    return found


def _edges(table: ir.Table, grids: Sequence[ColumnGrid]) -> list[_Edges]:
    rows = int(table.count().to_pyarrow().as_py()) if grids else 0
    found: list[_Edges] = []
    for start in range(0, len(grids), tally.AT_ONCE):
        found += map(_Edges.of, _samples(table, grids[start : start + tally.AT_ONCE], rows))
    return found


def _samples(table: ir.Table, grids: Sequence[ColumnGrid], rows: int) -> list[np.ndarray]:
    """Sorted finite values of each column in the same rows: all rows, or one of each stretch of equal length.

    Which one of its stretch is drawn from a fixed seed, so that no period of the data can meet a period of ours.
    """
    wanted = table.select(**{f"x{i}": finite(number_of(table, grid)) for i, grid in enumerate(grids)})
    if table.get_backend().name not in _STREAMS and rows > SAMPLED_ROWS:
        # This engine would hand over every row at once: it draws the sample itself.
        drawn = wanted.sample(SAMPLED_ROWS / rows, seed=0).to_pyarrow()
        return [_sorted([np.asarray(column.to_numpy(), dtype=float)]) for column in drawn.columns]
    stretch = max(-(-rows // SAMPLED_ROWS), 1)
    places = np.arange(0, rows, stretch)
    places = np.minimum(places + np.random.default_rng(0).integers(0, stretch, places.size), rows - 1)
    parts: list[list[np.ndarray]] = [[] for _ in grids]
    seen = 0
    for batch in wanted.to_pyarrow_batches():
        first, last = np.searchsorted(places, (seen, seen + batch.num_rows))
        mine = places[first:last] - seen
        for i, part in enumerate(parts):
            values = batch.column(i).to_numpy(zero_copy_only=False)[mine]
            part.append(np.asarray(values, dtype=float))
        seen += batch.num_rows
    return [_sorted(part) for part in parts]


def _sorted(parts: Sequence[np.ndarray]) -> np.ndarray:
    sample = np.concatenate(parts) if parts else np.empty(0)
    return np.sort(sample[~np.isnan(sample)])


def edges_of(ordered: np.ndarray) -> tuple[float, ...]:
    """Upper edges of bins over sorted finite values, each inner bin holding at least `RARE` of them.

    One bin per value where these are few; else quantiles, and a heap that alone fills a bin is kept apart from
    what lies below it. An edge between two values is the number with the fewest digits that separates them.
    """
    values, counts = np.unique(ordered, return_counts=True)
    if values.size <= FINE_BINS:
        return merge_rare(values.tolist(), counts.tolist()) or (0.0,)
    bins = min(FINE_BINS, ordered.size // RARE)
    if bins < 2:
        return merge_rare(values.tolist(), counts.tolist()) or (0.0,)
    return tuple(_merged(list(_cuts(values, counts, bins))))


def _cuts(values: np.ndarray, counts: np.ndarray, bins: int) -> Iterator[tuple[float, int]]:
    """Candidate edges in order, each with the values up to it: quantiles, and the lower side of every heap."""
    up_to = np.cumsum(counts)
    total = int(up_to[-1])
    quantiles = np.searchsorted(up_to, np.arange(1, bins) * total / bins)
    heaps = np.nonzero(counts >= total / bins)[0]
    # A heap at the lowest value has nothing of the reference below it, and may have something of a batch.
    if heaps.size and heaps[0] == 0:
        yield edge_below(float(values[0])), 0
    ends = np.union1d(np.union1d(quantiles, heaps), heaps[heaps > 0] - 1)
    for end in ends:
        if end + 1 < values.size:
            yield shortest_between(float(values[end]), float(values[end + 1])), int(up_to[end])
        else:
            yield edge_above(float(values[end])), total


def _merged(cuts: Sequence[tuple[float, int]]) -> Iterator[float]:
    """Edges such that between any two lie at least `RARE` values; the one below a heap at the lowest value stays."""
    last = 0
    for edge, up_to in cuts:
        if up_to == 0 or up_to - last >= RARE:
            yield edge
            last = up_to


def _score_grid(table: ir.Table, shape: Shape, span: tuple[float, float] | None) -> ScoreGrid:
    assert shape.score is not None
    if shape.score_is_probability:
        return ScoreGrid(low=0.0, high=1.0, bins=SCORE_BINS)
    if span is None:
        return ScoreGrid(bins=SCORE_BINS)
    value = finite(table[shape.score])
    distinct = table.select(value=value).filter(ibis._.value.notnull()).distinct().limit(EXACT_SCORES + 1)
    values = sorted(distinct.to_pyarrow()["value"].to_pylist())
    if len(values) <= EXACT_SCORES and all(value == edge_above(value) for value in values):
        return ScoreGrid(values=tuple(values))
    low, high = span
    return ScoreGrid(low=low, high=high if high > low else low + 1, bins=SCORE_BINS)
