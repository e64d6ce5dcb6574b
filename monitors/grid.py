"""The bins that a reference freezes, so that every later profile counts into the same ones.

A grid holds no rows: edges are quantiles or values shared by at least `RARE` rows, categories likewise. The
values of declared attributes are kept however rare they are, because every declared group has to be listed.
"""

from __future__ import annotations

import decimal
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from itertools import product
from typing import Any, Literal

from governance.record.canonical import digest

FINE_BINS = 256
RARE = 10
# Entities fall into as many buckets as two hexadecimal digits of their hash can name.
ENTITY_BUCKETS = 256
# Joined fine bins in which shares are compared, and counted per bucket of entities.
COARSE_BINS = 16
SCORE_BINS = 1000
EXACT_SCORES = 64
ERROR_BINS = 256
OTHER, MISSING = "(other)", "(missing)"
# Stands for the baseline where groups are compared with whichever fares best.
MOST_FAVOURED = "(most favoured)"
# Where the count of `(other)` stands among those of a categorical column.
OTHER_CODE = -2

# What of a column is counted: its values, the hour of the week of a time, the length or the kinds of characters
# of free text.
View = Literal["value", "week", "length", "characters"]


@dataclass(frozen=True)
class Ruler:
    """Where on the number line the rows of each bin stand: what a distance along it needs and counts do not tell.

    Attributes
    ----------
    low, high : float
        0.1 and 99.9 % quantiles of the reference, at least `RARE` rows lying at or beyond each. Rows are clamped to
        them, so that no single value decides a distance.
    points : tuple of float
        Mean of the reference's clamped rows in each bin; where a bin holds one value, that value.
    deviation : float
        Standard deviation of the clamped reference, > 0.
    blur : float
        Mean distance of the clamped reference's rows from their points; 0 where each bin holds one value.
    """

    low: float
    high: float
    points: tuple[float, ...]
    deviation: float
    blur: float


@dataclass(frozen=True)
class ColumnGrid:
    """Bins of one column, or of one view of it.

    Numeric: bin `i` holds `edges[i-1] < x <= edges[i]`, the first and last bins are open; then follow counts of
    NULL, NaN, +inf and -inf. Categorical: one bin per category, then `(other)` and `(missing)`. A discrete column
    is a numeric one whose values repeat, in the reference, so much that each is counted before it is put in a bin.
    `ruler` is None where the reference does not vary, or is too small to say. `kept_from` is the number of rows of
    the reference that a category needed to be kept; 0 where that is not known.
    """

    name: str
    edges: tuple[float, ...] = ()
    categories: tuple[str, ...] = ()
    view: View = "value"
    discrete: bool = False
    ruler: Ruler | None = None
    kept_from: int = 0

    @property
    def source(self) -> str:
        """The column of the table that is looked at: the name without its view."""
        return self.name if self.view == "value" else self.name.removesuffix(f" ({self.view})")

    @property
    def is_numeric(self) -> bool:
        """Whether the bins are stretches of the number line."""
        return bool(self.edges)

    @property
    def size(self) -> int:
        """Number of counts."""
        return len(self.edges) + 5 if self.is_numeric else len(self.categories) + 2


@dataclass(frozen=True)
class ScoreGrid:
    """Bins of the score in the outcome cube: the exact values where they are few, else equal widths.

    With `values`, bin `i` is that value and the bin after the last is any other. With `low`, `high` and `bins`,
    two open end bins stand around `bins` of equal width. The last bin of all is the missing score.
    """

    values: tuple[float, ...] = ()
    low: float = 0.0
    high: float = 1.0
    bins: int = 0

    @property
    def size(self) -> int:
        """Number of bins, missing included."""
        return (len(self.values) + 1 if self.values else self.bins + 2) + 1

    @property
    def resolution(self) -> float:
        """Width of a bin in units of the score; 0 where the values are exact."""
        return 0.0 if self.values else (self.high - self.low) / self.bins

    def centre(self, index: int) -> float:
        """The score that stands for bin `index`."""
        if self.values:
            return self.values[index] if index < len(self.values) else self.values[-1]
        middle = self.low + (index - 0.5) * self.resolution
        return min(max(middle, self.low), self.high)


@dataclass(frozen=True)
class RegressionGrid:
    """What is frozen for the label and the prediction of a regression, both in units of the label.

    Attributes
    ----------
    centre, scale : float
        Middle and half width of the stretch that holds nearly all labels of the reference (its predictions, where no
        label is known). Powers are summed of `(x - centre) / scale`, which stays near -1 to 1.
    errors : ScoreGrid
        Bins of prediction minus label, of equal width and symmetrical about zero.
    column : str or None
        The column under which the error is watched like any other; None without a label.
    """

    centre: float
    scale: float
    errors: ScoreGrid
    column: str | None


@dataclass(frozen=True)
class GroupGrid:
    """Groups of one grouping: the cells of its attributes' categories, `(other)` and `(missing)` included."""

    by: tuple[str, ...]
    categories: tuple[tuple[str, ...], ...]

    @property
    def name(self) -> str:
        """`race`, or `race × sex`; the empty grouping is all rows."""
        return " × ".join(self.by)

    @cached_property
    def groups(self) -> tuple[str, ...]:
        """Names of all cells, in the order of their codes."""
        cells = product(*((*map(_named, categories), OTHER, MISSING) for categories in self.categories))
        return tuple(" × ".join(cell) for cell in cells)

    @cached_property
    def incomplete(self) -> frozenset[str]:
        """Cells of which an attribute is not known."""
        cells = product(*((*map(_named, categories), OTHER, MISSING) for categories in self.categories))
        return frozenset(" × ".join(cell) for cell in cells if MISSING in cell)

    @cached_property
    def declared(self) -> frozenset[str]:
        """Cells made of known categories only: these are listed even when they are empty."""
        return frozenset(" × ".join(cell) for cell in product(*(map(_named, item) for item in self.categories)))


@dataclass(frozen=True)
class Grid:
    """Everything that is frozen with a reference; two profiles add only when their grids are equal.

    `entity_key` is the digest of the secret under which entities are hashed: buckets made under another one hold
    other entities, and must not add. `regression` is None where the label is one of two classes.
    """

    columns: tuple[ColumnGrid, ...]
    score: ScoreGrid | None
    groupings: tuple[GroupGrid, ...]
    label: str | None
    prediction: str | None
    score_column: str | None
    threshold: float | None
    entity: str | None = None
    entity_key: str | None = None
    regression: RegressionGrid | None = None
    _by_name: dict[str, ColumnGrid] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_name", {column.name: column for column in self.columns})

    def __getitem__(self, name: str) -> ColumnGrid:
        return self._by_name[name]

    @property
    def score_size(self) -> int:
        """Score bins of the cube, for a regression bins of the error; one where no score is declared."""
        if self.regression:
            return self.regression.errors.size
        return self.score.size if self.score else 1

    @property
    def outcome_columns(self) -> frozenset[str]:
        """Watched columns that are not known before the outcome is: a row without it is not counted in them."""
        return frozenset(n for n in (self.label, self.regression.column) if n) if self.regression else frozenset()

    def as_dict(self) -> dict[str, Any]:
        """Plain data, from which `grid_of` makes the same grid."""
        plain = asdict(self)
        plain.pop("_by_name")
        if self.regression is None:
            # As grids were written before there were regressions: what was frozen then keeps its name.
            plain.pop("regression")
        return plain

    @cached_property
    def digest(self) -> str:
        """Names this version of the bins."""
        return digest(self.as_dict())


def grid_of(plain: dict[str, Any]) -> Grid:
    """The grid that `as_dict` wrote."""
    score, regression = plain["score"], plain.get("regression")
    return Grid(
        columns=tuple(map(_column, plain["columns"])),
        score=_score_grid_of(score) if score else None,
        groupings=tuple(
            GroupGrid(tuple(g["by"]), tuple(tuple(item) for item in g["categories"])) for g in plain["groupings"]
        ),
        label=plain["label"],
        prediction=plain["prediction"],
        score_column=plain["score_column"],
        threshold=None if plain["threshold"] is None else float(plain["threshold"]),
        entity=plain["entity"],
        entity_key=plain["entity_key"],
        regression=RegressionGrid(
            float(regression["centre"]),
            float(regression["scale"]),
            _score_grid_of(regression["errors"]),
            regression["column"],
        )
        if regression
        else None,
    )


def _score_grid_of(plain: dict[str, Any]) -> ScoreGrid:
    return ScoreGrid(tuple(map(float, plain["values"])), float(plain["low"]), float(plain["high"]), plain["bins"])


def rounded_up(value: float) -> float:
    """The smallest number of three significant digits that is not below `value` > 0: any engine reads it exactly."""
    return float(decimal.Context(prec=3, rounding=decimal.ROUND_CEILING).create_decimal(repr(float(value))))


def _column(plain: dict[str, Any]) -> ColumnGrid:
    edges, categories = tuple(map(float, plain["edges"])), tuple(plain["categories"])
    ruler = _ruler(plain["ruler"]) if plain["ruler"] else None
    return ColumnGrid(plain["name"], edges, categories, plain["view"], plain["discrete"], ruler, plain["kept_from"])


def _ruler(plain: dict[str, Any]) -> Ruler:
    low, high, deviation, blur = (float(plain[key]) for key in ("low", "high", "deviation", "blur"))
    return Ruler(low, high, tuple(map(float, plain["points"])), deviation, blur)


def edge_above(value: float) -> float:
    """The smallest number of 12 significant digits that is not below `value`.

    An engine may read a literal of 17 digits as a decimal and convert it with an error in the last place; one of
    12 digits arrives exactly, so that the edge in the grid and the edge in the query are the same number.
    """
    context = decimal.Context(prec=12, rounding=decimal.ROUND_CEILING)
    return float(context.create_decimal(repr(float(value))))


def edge_below(value: float) -> float:
    """The largest number of 12 significant digits that is below `value`; 1e-301 below zero."""
    return float(decimal.Context(prec=12, Emin=-290).next_minus(decimal.Decimal(repr(float(value)))))


def shortest_between(value: float, next_value: float) -> float:
    """The number of fewest digits, at most 12, that is not below `value` and is below `next_value`.

    Where 12 digits cannot tell the two apart: the smallest of 12 digits that is not below `value`.
    """
    exact = decimal.Decimal(repr(value))
    for digits in range(1, 12):
        found = float(decimal.Context(prec=digits, rounding=decimal.ROUND_CEILING).create_decimal(exact))
        if value <= found < next_value:
            return found
    return edge_above(value)


def merge_rare(values: Sequence[float], counts: Sequence[int], rare: int = RARE) -> tuple[float, ...]:
    """Upper edges of bins over sorted distinct `values`, each but the open end bins holding at least `rare` rows.

    A first value that is not rare itself gets an edge below it too: what lies lower is then another bin, and a
    constant that falls is seen to have fallen.
    """
    edges: list[float] = []
    held = 0
    for value, count, following in zip(values, counts, [*values, None][1:], strict=True):
        held += count
        if held >= rare:
            if not edges and count >= rare:
                edges.append(edge_below(value))
            edges.append(edge_above(value) if following is None else shortest_between(value, following))
            held = 0
    return tuple(sorted(set(edges)))


def _named(category: str) -> str:
    """The category as part of a group's name: quoted where it would read as another group."""
    return f'"{category}"' if category in (OTHER, MISSING, MOST_FAVOURED) or " × " in category else category
