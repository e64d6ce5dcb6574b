"""Two tables held against each other before any limit exists: observations, in a fixed order, and no verdict.

Decides in which plain word a column's distance is put. One test a column, by its PSI (a missing value is a bin like
any other), with the error rate shared over all columns compared; the other distances stand beside it with bounds of
their own and decide nothing. How distances and bounds are computed is in `monitors.drift` and `monitors.measure`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from governance.declared.metrics import GROUP_RATES
from governance.records import Measurement
from monitors.facts import ColumnFacts
from monitors.grid import OTHER, RARE, GroupGrid
from monitors.kinds import Kind
from monitors.levels import DEFAULT_ALPHA, Contrast, Family, Levels
from monitors.performance import change
from monitors.picture import Picture, by_hour, has_few_values, has_hours, median_of
from monitors.profile import Counts, Profile

# Chance that any column at all is called moved when none has.
ALPHA = 0.05
# PSI of a normal distribution shifted by half its standard deviation: Kullback's divergence J is then 0.5². Where
# noise alone reaches it, a column that shows nothing has not been looked at closely enough to say so.
BLIND = 0.25
SIDES = ("reference", "batch")
# The first decides, the others stand beside it.
DISTANCES = ("psi", "jensen_shannon", "ks")
Held = tuple[tuple[str, int], ...]
SHOWN_RATES = ("accuracy", "precision", "true_positive_rate", "false_positive_rate", "selection_rate", "outcome_rate")


class State(StrEnum):
    """What the counts allow to be said of a column. None of these is a verdict."""

    MOVED = "moved"
    TOO_FEW = "too few rows to tell"
    WITHIN_NOISE = "within noise"
    NOT_COMPARED = "not compared"


ORDER = tuple(State)


def state_of(distance: Measurement) -> tuple[State, str]:
    """The plain word for a column's distance from its reference, and why.

    Moved: the near end of its interval lies above zero, and its value beyond what noise alone shows. Too few rows:
    it did not move, and noise alone would reach `BLIND`. Within noise: neither.
    """
    value, floor = distance.value, distance.noise_floor
    if value is None or floor is None or distance.low is None:
        return State.TOO_FEW, distance.reason or "undefined"
    if distance.low > 0 and value > floor:
        return State.MOVED, f"noise alone reaches {floor:.3g}"
    if floor > BLIND:
        return State.TOO_FEW, f"noise alone reaches {floor:.3g}, as far as a shift by half a standard deviation"
    return State.WITHIN_NOISE, f"noise alone reaches {floor:.3g}"


def is_apart(difference: Measurement) -> bool:
    """Whether the bounds of a difference leave out "no difference"."""
    low, high = difference.low, difference.high
    return (low is not None and low > 0) or (high is not None and high < 0)


def levels_for(columns: Sequence[str], contrasts: Iterable[Contrast]) -> Levels:
    """`ALPHA` shared evenly over the columns; each grouping's differences share the usual 5 % of both bounds."""
    shared = {("psi", name): Family(ALPHA, tuple(columns)) for name in columns}
    by_grouping: dict[str, list[Contrast]] = {}
    for contrast in contrasts:
        by_grouping.setdefault(contrast.grouping, []).append(contrast)
    differences = {
        (f"{rate}_difference", contrast.segment): Family(DEFAULT_ALPHA, tuple(c.segment for c in together))
        for together in by_grouping.values()
        for contrast in together
        for rate in GROUP_RATES
    }
    return Levels(shared | differences)


def largest_against_others(grouping: GroupGrid, reference: Profile, batch: Profile) -> tuple[Contrast, ...]:
    """Every group that can be shown against the one with most rows in the reference."""
    sizes = {
        group: (int(reference.cubes[grouping.name][code].sum()), int(batch.cubes[grouping.name][code].sum()))
        for code, group in enumerate(grouping.groups)
    }
    declared = [group for group in grouping.groups if group in grouping.declared and max(sizes[group]) >= RARE]
    if not declared:
        return ()
    largest = max(declared, key=lambda group: sizes[group][0])
    return tuple(Contrast(grouping.name, group, largest) for group in declared if group != largest)


def chance_all_on_one_side(rows: int, one: int, other: int) -> float:
    """How often all of `rows` rows with one value fall among the `one` rows of a sample, and none among the `other`.

    Given that nothing changed, rows with that value are dealt like any others: hypergeometric, C(one, rows) over
    C(one + other, rows).
    """
    if rows > one:
        return 0.0
    logs = (math.lgamma(n + 1) - math.lgamma(n - rows + 1) for n in (one, one + other))
    return math.exp(next(logs) - next(logs))


@dataclass(frozen=True)
class FileLook:
    """One of the two files."""

    side: str
    name: str
    form: str
    size_bytes: int
    rows: int
    columns: int
    repeated: int | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Shift:
    """The middle of a numeric column before and now, where at least `RARE` rows hold a number on either side."""

    what: str
    before: float
    now: float


@dataclass(frozen=True)
class ShareShift:
    """A category's share before and now."""

    category: str
    before: float
    now: float


@dataclass(frozen=True)
class ColumnLook:
    """All that is said of one column. `remarks` are facts that need no test (a changed type, a constant).

    Attributes
    ----------
    compared : str
        "values", or "presence" where only the share of missing values is compared, or "" for not at all.
    new, vanished : (category, its rows) that only the batch, only the reference holds
    """

    name: str
    kind: Kind
    compared: str
    state: State
    reason: str
    distances: tuple[Measurement, ...] = ()
    facts: tuple[ColumnFacts, ...] = ()
    outside: int | None = None
    shift: Shift | None = None
    shares: ShareShift | None = None
    new: Held = ()
    vanished: Held = ()
    remarks: tuple[str, ...] = ()
    personal: str | None = None
    roles: tuple[str, ...] = ()
    picture: Picture | None = None

    def distance(self, metric: str) -> Measurement | None:
        """One of its distances by name."""
        return next((m for m in self.distances if m.metric == metric), None)

    @property
    def psi(self) -> float:
        """How far it moved; -1 where that is unknown."""
        found = self.distance("psi")
        return -1.0 if found is None or found.value is None else found.value


@dataclass(frozen=True)
class RateLook:
    """One measure of all rows, on both sides; `change` where it has bounds."""

    metric: str
    reference: Measurement
    batch: Measurement
    change: Measurement | None


@dataclass(frozen=True)
class GroupLook:
    """One group of one grouping: (side, metric) → rate, metric → difference from the largest group in the batch."""

    grouping: str
    group: str
    largest: bool
    rows: tuple[int | None, int | None]
    rates: Mapping[tuple[str, str], Measurement]
    differences: Mapping[str, Measurement]


@dataclass(frozen=True)
class Grouping:
    """A grouping with its groups; `withheld` counts groups of fewer than `RARE` rows, which are not named."""

    name: str
    baseline: str | None
    groups: tuple[GroupLook, ...]
    withheld: int


@dataclass(frozen=True)
class Inspection:
    """A first look at two files: records only, in the order in which they are shown."""

    files: tuple[FileLook, FileLook]
    columns: tuple[ColumnLook, ...]
    only: tuple[tuple[str, ...], tuple[str, ...]]
    excluded: tuple[str, ...]
    tested: int
    rates: tuple[RateLook, ...]
    groupings: tuple[Grouping, ...]
    outcome_notes: tuple[str, ...]
    notes: tuple[str, ...]
    shared: int | None
    asked: bool

    def of(self, state: State) -> tuple[ColumnLook, ...]:
        """The columns of which this is said."""
        return tuple(column for column in self.columns if column.state is state)


def in_order(columns: Iterable[ColumnLook]) -> tuple[ColumnLook, ...]:
    """What moved, the farthest first; then what cannot be told; then what is within noise."""
    return tuple(sorted(columns, key=lambda c: (ORDER.index(c.state), -c.psi, c.name)))


def shift_of(name: str, reference: Profile, batch: Profile, ks: Measurement | None) -> Shift | None:
    """The medians of a continuous column, which an outlier does not move; the means of one with few values.

    None where the finite numbers themselves (by KS) are within noise: then the column moved in some other way.
    """
    grid = reference.grid[name]
    if ks is None or ks.value is None or ks.value <= (ks.noise_floor or 0.0):
        return None
    if not grid.is_numeric or min(int(p.columns[name][:-4].sum()) for p in (reference, batch)) < RARE:
        return None
    if has_few_values(grid.edges):
        before, now = (p.moments[name][1] / p.moments[name][0] for p in (reference, batch))
        return Shift("mean", before, now)
    before, now = (median_of(grid.edges, p.columns[name][:-4]) for p in (reference, batch))
    return Shift("median", before, now)


def largest_share_shift(name: str, reference: Profile, batch: Profile) -> ShareShift | None:
    """The known category whose share changed most."""
    grid = reference.grid[name]
    before, now = reference.columns[name], batch.columns[name]
    if grid.is_numeric or not before.sum() or not now.sum():
        return None
    labels: tuple[str, ...] = (*grid.categories, OTHER)
    if grid.view == "week" and has_hours(grid):
        labels = tuple(f"{hour:02d}:00 to {hour:02d}:59" for hour in range(24))
        before, now = by_hour(grid, before), by_hour(grid, now)
        if not before.sum() or not now.sum():
            return None
    shown = [i for i, _ in enumerate(labels) if max(before[i], now[i]) >= RARE]
    if not shown:
        return None
    old, new = before / before.sum(), now / now.sum()
    most = max(shown, key=lambda i: abs(new[i] - old[i]))
    return ShareShift(labels[most], float(old[most]), float(new[most]))


def one_sided(name: str, reference: Profile, batch: Profile, alpha: float) -> tuple[Held, Held]:
    """Categories that at least `RARE` rows hold on one side and none on the other, and not by chance: new, vanished."""
    grid = reference.grid[name]
    before, now = reference.columns[name], batch.columns[name]
    if grid.is_numeric:
        return (), ()
    each = alpha / max(len(grid.categories), 1)

    def alone(here: Counts, there: Counts) -> Held:
        n, m = int(here.sum()), int(there.sum())
        found = [
            (category, int(rows))
            for category, rows, others in zip(grid.categories, here, there, strict=False)
            if rows >= RARE and not others and m and chance_all_on_one_side(int(rows), n, m) < each
        ]
        return tuple(sorted(found, key=lambda pair: -pair[1]))

    return alone(now, before), alone(before, now)


def rates_of(
    reference: Mapping[str, Measurement], batch: Mapping[str, Measurement], profiles: tuple[Profile, Profile]
) -> tuple[RateLook, ...]:
    """Measures of all rows side by side, each with its change."""
    found = []
    for metric in (*SHOWN_RATES[:-2], "roc_auc", "brier_score", *SHOWN_RATES[-2:]):
        if metric not in batch:
            continue
        if metric in SHOWN_RATES:
            moved = change(metric, profiles[1], profiles[0], DEFAULT_ALPHA)
            found.append(RateLook(metric, reference[metric], batch[metric], moved))
            continue
        sides = (reference[metric], batch[metric])
        found.append(RateLook(metric, *sides, recovered_change(*sides)))
    return tuple(found)


def recovered_change(before: Measurement, now: Measurement) -> Measurement | None:
    """`now` less `before`, with bounds recovered from those of the two (independent samples).

    References
    ----------
    G. Y. Zou, A. Donner (2008), Stat. Med. 27, 1693-1702, doi:10.1002/sim.3095 (MOVER).
    """
    ends = (before.low, before.high, now.low, now.high)
    if before.value is None or now.value is None or any(end is None for end in ends):
        return None
    low1, high1, low2, high2 = (float(end or 0.0) for end in ends)
    value = now.value - before.value
    return Measurement(
        f"{now.metric}_change",
        value,
        min(before.n, now.n),
        now.unit,
        "bounds recovered from both sides’ own (MOVER)",
        low=value - math.hypot(now.value - low2, high1 - before.value),
        high=value + math.hypot(high2 - now.value, before.value - low1),
        alpha=DEFAULT_ALPHA,
    )


def groups_of(
    grouping: GroupGrid,
    profiles: tuple[Profile, Profile],
    measured: Mapping[str, Sequence[Measurement]],
    contrasts: Sequence[Contrast],
) -> Grouping:
    """The groups of one grouping, largest first; those of fewer than `RARE` rows on both sides stay nameless."""
    name = grouping.name
    sizes = {g: [int(p.cubes[name][code].sum()) for p in profiles] for code, g in enumerate(grouping.groups)}
    shown = [g for g in grouping.groups if max(sizes[g]) >= RARE]
    small = sum(1 for g in grouping.groups if 0 < max(sizes[g]) < RARE)
    baseline = contrasts[0].baseline if contrasts else (shown[0] if len(shown) == 1 else None)
    rates = {
        (side, m.segment, m.metric): m
        for side, found in measured.items()
        for m in found
        if m.segment is not None and m.column is None
    }
    looks = []
    for group in sorted(shown, key=lambda g: -sizes[g][0]):
        own = {(s, metric): m for (s, segment, metric), m in rates.items() if segment == f"{name}={group}"}
        against = {
            metric.removesuffix("_difference"): m
            for (s, segment, metric), m in rates.items()
            if s == "batch" and segment == f"{name}: {group} − {baseline}" and metric.endswith("_difference")
        }
        rows = tuple(n if n == 0 or n >= RARE else None for n in sizes[group])
        looks.append(GroupLook(name, group, group == baseline, (rows[0], rows[1]), own, against))
    return Grouping(name, baseline, tuple(looks), small)


def seed_of(*digests: str) -> str:
    """The same inputs draw the same replicates."""
    return f"{int(np.bitwise_xor.reduce([int(d[:15], 16) for d in digests])):016x}"


def farthest(
    parts: Sequence[tuple[str, tuple[Measurement, ...]]],
) -> tuple[str, tuple[Measurement, ...]]:
    """Of the counts that stand for one column, those that moved farthest; PSI first among their distances."""

    def place(part: tuple[str, tuple[Measurement, ...]]) -> tuple[int, float]:
        distance = part[1][0]
        return ORDER.index(state_of(distance)[0]), -(distance.value or 0.0)

    return min(parts, key=place)


def remarks_on(facts: tuple[ColumnFacts, ColumnFacts], kind: Kind, old_type: str, new_type: str) -> tuple[str, ...]:
    """What is told of a column without any test: counts of one side or the other, and never a value."""
    before, now = facts
    said = []
    if before.present and now.present and _kin(before) != _kin(now):
        said.append(f"the type changed: {old_type} in the reference, {new_type} in the batch")
    sided = tuple(zip(SIDES, facts, strict=True))
    for what, sides in (
        ("empty", [side for side, one in sided if one.rows and not one.present]),
        ("one value only", [side for side, one in sided if one.rows > 1 and one.constant]),
    ):
        if sides:
            said.append(f"{what} on both sides" if len(sides) == 2 else f"{what} in the {sides[0]}")
    for side, one in sided:
        if one.nan or one.infinite:
            said.append(f"{one.nan:,} NaN and {one.infinite:,} infinite in the {side}")
        if one.blank:
            said.append(f"{one.blank:,} blank texts in the {side}")
        if kind in (Kind.NUMERIC, Kind.CATEGORICAL) and one.family == "text" and 0 < one.numbers < one.present:
            said.append(f"numbers and words mixed in the {side}: {one.numbers / one.present:.3g} of values are numbers")
    if kind is Kind.NUMERIC and before.family == "text" and before.numbers == before.present:
        said.append("numbers stored as text")
    return tuple(said)


def _kin(facts: ColumnFacts) -> str:
    return "number" if facts.family in ("integer", "number") else facts.family
