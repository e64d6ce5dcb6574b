"""Sums of powers of label, prediction and error, by group: what means, errors and R² and their bounds are made of.

Label and prediction are centred and scaled by numbers frozen with the reference (`RegressionGrid`), the error is
scaled alone, so that high powers stay small and differences of them accurate. Sums add like counts, within rounding,
and are no part of a profile's digest. One that overflows is no finite number here, and undefined where it is used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow.compute as pc

from monitors.grid import ENTITY_BUCKETS, Grid, GroupGrid, RegressionGrid
from monitors.profile import Sums
from monitors.tally import summed
from monitors.views import finite, group_code

# Of label, prediction and error, each over the rows that have one; then the size of the error, and the label of rows
# that have an error, alone and with the square of that error.
TERMS = (
    *("label", "label2", "label3"),
    *("prediction", "prediction2", "prediction3"),
    *("error", "error2", "error3", "error4", "error6"),
    *("size", "size3"),
    *("paired", "paired2", "paired3", "paired4", "error2_paired", "error2_paired2"),
)

# What is summed per bucket of entities too: the first power of each mean.
BUCKET_TERMS = ("label", "prediction", "error", "size", "error2")


def by_group(table: ir.Table, grid: Grid, groupings: Sequence[GroupGrid]) -> dict[str, Sums]:
    """Sums of each grouping as float64 array of shape (groups, len(TERMS)), in one scan of a table with its error."""
    assert grid.regression is not None
    prepared = table.select(
        **{f"g{i}": group_code(table, grouping).cast("int64") for i, grouping in enumerate(groupings)},
        **_scaled(table, grid, grid.regression),
    )
    codes = [prepared[f"g{i}"] for i in range(len(groupings))]
    rows = summed(prepared, [], codes, _terms(prepared)).to_pyarrow()
    values = np.column_stack([pc.fill_null(rows[term], 0.0).to_numpy() for term in TERMS])
    found = {}
    for part, grouping in enumerate(groupings):
        mine = rows["part"].to_numpy() == part
        found[grouping.name] = np.zeros((len(grouping.groups), len(TERMS)))
        found[grouping.name][rows["code"].to_numpy()[mine]] = values[mine]
    return found


def by_bucket(table: ir.Table, grid: Grid, bucket: ir.Value) -> dict[str, Sums]:
    """Sums per bucket of entities (two hexadecimal digits) as float64 array of shape (buckets, groups * terms)."""
    assert grid.regression is not None
    prepared = table.select(
        **{f"g{i}": bucket + " " + group_code(table, g).cast("string") for i, g in enumerate(grid.groupings)},
        **_scaled(table, grid, grid.regression),
    )
    words = [prepared[f"g{i}"] for i in range(len(grid.groupings))]
    terms = {term: value for term, value in _terms(prepared).items() if term in BUCKET_TERMS}
    rows = summed(prepared, words, [], terms).to_pyarrow()
    found = {g.name: np.zeros((ENTITY_BUCKETS, len(g.groups), len(BUCKET_TERMS))) for g in grid.groupings}
    for row in rows.filter(rows["word"].is_valid()).to_pylist():
        place, group = row["word"].split(" ")
        found[grid.groupings[row["part"]].name][int(place, 16), int(group)] = [row[t] or 0.0 for t in BUCKET_TERMS]
    return {name: sums.reshape(ENTITY_BUCKETS, -1) for name, sums in found.items()}


def _scaled(table: ir.Table, grid: Grid, frozen: RegressionGrid) -> Mapping[str, ir.Value]:
    """Label and prediction about the frozen centre, and the error, in units of the frozen scale; NULL: not known."""

    def about_centre(name: str | None) -> ir.Value:
        return (finite(table[name]) - frozen.centre) / frozen.scale if name else ibis.null("float64")

    label, error = about_centre(grid.label), table[frozen.column] if frozen.column else ibis.null("float64")
    return {
        "label": label,
        "prediction": about_centre(grid.prediction),
        "error": error / frozen.scale,
        "paired": error.isnull().ifelse(ibis.null("float64"), label),
    }


def _terms(scaled: ir.Table) -> dict[str, ir.Value]:
    y, p, e, z = scaled.label, scaled.prediction, scaled.error, scaled.paired
    values = (
        *(y, y * y, y * y * y),
        *(p, p * p, p * p * p),
        *(e, e * e, e * e * e, e * e * e * e, e * e * e * e * e * e),
        *(e.abs(), e.abs() * e * e),
        *(z, z * z, z * z * z, z * z * z * z, e * e * z, e * e * z * z),
    )
    return dict(zip(TERMS, values, strict=True))
