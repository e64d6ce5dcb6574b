"""Counts per bucket of entities: how far rows of one person, firm or device move together.

Entities are hashed under a secret key into a fixed number of buckets, which add like all other counts. Counts of one
entity are never made. Leaving out one bucket at a time (a grouped jackknife) shows how much less independent
the rows are than their number says.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow.compute as pc

from monitors import power_sums
from monitors.grid import COARSE_BINS, ENTITY_BUCKETS, ColumnGrid, Grid, GroupGrid
from monitors.profile import Clusters
from monitors.tally import AT_ONCE, tally
from monitors.views import bin_of, category_code, finite, number_of, outcome_code, word_of

# Columns with more categories than this are left out: their counts per bucket would be mostly zeros.
MOST_CATEGORIES = 50


def named(key: str) -> str:
    """What a grid says of the secret: 16 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(key.encode()).hexdigest()[:16]


def count(table: ir.Table, grid: Grid, columns: Sequence[ColumnGrid], key: str) -> Clusters:
    """Rows per bucket of entities in the coarse bins of each column and in the cells of each grouping.

    Rows without an entity are left out: nothing is known of whom they belong to.

    Raises
    ------
    ValueError
        The grid was frozen under another key.
    """
    if named(key) != grid.entity_key:
        raise ValueError(f"The grid's entities were hashed under the key {grid.entity_key}, got {named(key)}.")
    kept = [column for column in columns if column.is_numeric or len(column.categories) <= MOST_CATEGORIES]
    items: list[ColumnGrid | GroupGrid] = [*kept, *grid.groupings]
    entity = table[grid.entity].cast("string")
    bucket = (ibis.literal(key) + entity).hexdigest("md5")[0:2]
    found: dict[str, dict[str, np.ndarray]] = {"columns": {}, "cubes": {}}
    for start in range(0, len(items), AT_ONCE):
        some = items[start : start + AT_ONCE]
        words = [bucket + " " + _cell(table, grid, item).cast("string") for item in some]
        rows = tally(table, words, []).to_pyarrow()
        for part, item in enumerate(some):
            counts = np.zeros((ENTITY_BUCKETS, cells(item)), dtype=np.int64)
            for row in rows.filter((pc.field("part") == part) & pc.field("word").is_valid()).to_pylist():
                place, cell = row["word"].split(" ")
                counts[int(place, 16), int(cell)] = row["n"]
            found["columns" if isinstance(item, ColumnGrid) else "cubes"][item.name] = counts
    sums = power_sums.by_bucket(table, grid, bucket) if grid.regression else {}
    return Clusters(found["columns"], found["cubes"], sums)


def cells(item: ColumnGrid | GroupGrid) -> int:
    """Number of counts per bucket."""
    if isinstance(item, GroupGrid):
        return len(item.groups) * 9
    return len(coarse_edges(item)) + 2 if item.is_numeric else item.size


def coarse_edges(grid: ColumnGrid) -> tuple[float, ...]:
    """At most `COARSE_BINS - 1` of the fine edges, evenly spread: the fine bins hold about equal shares."""
    step = max(-(-len(grid.edges) // (COARSE_BINS - 1)), 1)
    return grid.edges[step - 1 :: step]


def _cell(table: ir.Table, grid: Grid, item: ColumnGrid | GroupGrid) -> ir.Value:
    if isinstance(item, GroupGrid):
        return outcome_code(table, grid, item)
    if not item.is_numeric:
        return category_code(word_of(table, item), item.categories)
    edges = coarse_edges(item)
    found = bin_of(finite(number_of(table, item)), edges)
    return found if item.name in grid.outcome_columns else found.fill_null(len(edges) + 1)
