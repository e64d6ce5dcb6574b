"""What of a column is looked at, as expressions of the engine: numbers, words and codes, alike on every engine.

Nothing here fails on a column of another type: what is no number, no time or not 0 or 1 is not known, and is
counted as that.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import ibis
import ibis.expr.types as ir

from monitors.grid import ColumnGrid, Grid, GroupGrid, ScoreGrid
from monitors.profile import KNOWN, NEGATIVE, POSITIVE, UNKNOWN

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
# Kinds of characters that exist in every language, by Unicode's general category; the last are those that one
# cannot see: control characters, zero-width joiners, marks of direction.
CHARACTERS = {
    "letters": r"\p{L}",
    "digits": r"\p{N}",
    "spaces": r"[\s\p{Z}]",
    "signs": r"[\p{P}\p{S}]",
    "invisible": r"[\p{Cf}\x00-\x08\x0e-\x1f\x7f]",
}
NOTHING = "nothing"
INFINITY = float("inf")


def number(column: ir.Value) -> ir.Value:
    """As a double; what is no number is NULL."""
    kind = column.type()
    if kind.is_numeric() or kind.is_boolean():
        return column.cast("float64")
    return column.cast("string").try_cast("float64")


def finite(column: ir.Value) -> ir.Value:
    """As a double; NULL also for NaN and the infinities."""
    found = number(column)
    return is_finite(found).ifelse(found, ibis.null("float64"))


def is_finite(value: ir.Value) -> ir.Value:
    """Whether a double is a number of the number line: one comparison, because engines order NaN above infinity."""
    return value.abs() < INFINITY


def number_of(table: ir.Table, grid: ColumnGrid) -> ir.Value:
    """What a numeric grid counts: the value, or the number of characters of a text."""
    column = table[grid.source]
    return column.cast("string").length() if grid.view == "length" else column


def with_error(table: ir.Table, label: str | None, prediction: str | None, name: str | None) -> ir.Table:
    """The table with prediction minus label under `name`; NULL where either is not a finite number."""
    if name is None or label is None or prediction is None:
        return table
    return table.mutate(**{name: finite(table[prediction]) - finite(table[label])})


def word_of(table: ir.Table, grid: ColumnGrid) -> ir.Value:
    """What a categorical grid counts, as text: the value, the hour of the week, or the kinds of characters."""
    column = table[grid.source]
    if grid.view == "week":
        return _hour_of_week(column)
    return _characters(column.cast("string")) if grid.view == "characters" else column.cast("string")


def bin_of(value: ir.Value, edges: Sequence[float]) -> ir.Value:
    """Index of the bin with `edges[i-1] < value <= edges[i]`: the number of edges below; NULL for NULL.

    Counted in two steps over short lists, which any engine can do that has lists. A tree of 255 conditions per
    column finds a bin in fewer steps, and took Spark 30 s to plan for 34 columns.
    """
    step = math.isqrt(len(edges)) + 1
    stretches = [list(edges[start : start + step]) for start in range(0, len(edges), step)]
    ends = ibis.literal([stretch[-1] for stretch in stretches], type="array<float64>")
    passed = ends.filter(lambda edge: edge < value).length()
    within = ibis.literal([*stretches, []], type="array<array<float64>>")[passed]
    before = ibis.least(passed * step, len(edges))
    place = before + within.filter(lambda edge: edge < value).length()
    return value.isnull().ifelse(ibis.null("int64"), place.cast("int64"))


def category_code(column: ir.Value, categories: Sequence[str]) -> ir.Value:
    """Index of the category; one more for any other, two more for NULL. For few categories: they are tried in turn."""
    text = column.cast("string")
    known = [(text == category, index) for index, category in enumerate(categories)]
    return ibis.cases((text.isnull(), len(categories) + 1), *known, else_=len(categories))


def cube_code(table: ir.Table, grid: Grid, grouping: GroupGrid) -> ir.Value:
    """One integer per cell of (group, label, prediction, score bin)."""
    cell = (group_code(table, grouping) * 3 + _label_code(table, grid)) * 3 + _prediction_code(table, grid)
    return (cell * grid.score_size + _score_code(table, grid)).cast("int64")


def outcome_code(table: ir.Table, grid: Grid, grouping: GroupGrid) -> ir.Value:
    """One integer per cell of (group, label, prediction)."""
    cell = (group_code(table, grouping) * 3 + _label_code(table, grid)) * 3 + _prediction_code(table, grid)
    return cell.cast("int64")


def group_code(table: ir.Table, grouping: GroupGrid) -> ir.Value:
    """Index of the group, in the order of `GroupGrid.groups`."""
    group: ir.Value = ibis.literal(0, type="int64")
    for name, categories in zip(grouping.by, grouping.categories, strict=True):
        group = group * (len(categories) + 2) + category_code(table[name], categories)
    return group


def _hour_of_week(column: ir.Value) -> ir.Value:
    kind = column.type()
    time = column if kind.is_temporal() and not kind.is_time() else column.cast("string").try_cast("timestamp")
    day = ibis.cases(*((time.day_of_week.index() == i, name) for i, name in enumerate(WEEKDAYS)), else_=None)
    if time.type().is_date():
        return day
    hour = time.hour().cast("string")
    return day + " " + (hour.length() < 2).ifelse(ibis.literal("0") + hour, hour)


def _characters(text: ir.Value) -> ir.Value:
    kinds: ir.Value = ibis.literal("")
    for name, pattern in CHARACTERS.items():
        kinds = kinds + text.re_search(pattern).ifelse(f" {name}", "")
    return ibis.cases((text.isnull(), None), (text == "", NOTHING), else_=kinds.strip())


def _binary_code(column: ir.Value) -> ir.Value:
    found = number(column)
    return ibis.cases((found == 1, POSITIVE), (found == 0, NEGATIVE), else_=UNKNOWN)


def _known_code(column: ir.Value) -> ir.Value:
    return finite(column).isnull().ifelse(UNKNOWN, KNOWN)


def _label_code(table: ir.Table, grid: Grid) -> ir.Value:
    if grid.label is None:
        return ibis.literal(UNKNOWN)
    return _known_code(table[grid.label]) if grid.regression else _binary_code(table[grid.label])


def _prediction_code(table: ir.Table, grid: Grid) -> ir.Value:
    if grid.prediction is not None:
        return _known_code(table[grid.prediction]) if grid.regression else _binary_code(table[grid.prediction])
    if grid.score_column is None or grid.threshold is None:
        return ibis.literal(UNKNOWN)
    score = number(table[grid.score_column])
    known = score.notnull() & ~score.isnan()
    return ibis.cases((known & (score >= grid.threshold), POSITIVE), (known, NEGATIVE), else_=UNKNOWN)


def _score_code(table: ir.Table, grid: Grid) -> ir.Value:
    if grid.regression is not None:
        missing = grid.regression.errors.size - 1
        return score_bin(table[grid.regression.column], grid.regression.errors) if grid.regression.column else missing
    if grid.score is None or grid.score_column is None:
        return ibis.literal(0)
    return score_bin(number(table[grid.score_column]), grid.score)


def score_bin(score: ir.Value, bins: ScoreGrid) -> ir.Value:
    """Index of the score's bin in the outcome cube; the last for a missing score."""
    missing = (score.isnull() | score.isnan(), bins.size - 1)
    if bins.values:
        exact = [(score == value, index) for index, value in enumerate(bins.values)]
        return ibis.cases(missing, *exact, else_=len(bins.values))
    below, above = (score < bins.low, 0), (score >= bins.high, bins.bins + 1)
    inside = ((score - bins.low) / bins.resolution).floor().cast("int64") + 1
    return ibis.cases(missing, below, above, else_=inside)
