"""Which groups are withheld: those of too few people, and others without which these could be worked out.

A group left out alone is the total less the others; a cell of an intersection is a row less its other cells, and many
sums together can say what none says alone. What is shown here is therefore looked at as whoever reads it could:
from all published tables, as a linear programme, no withheld group's size may be known to within fewer people than
make a group. Groups withheld for their own sake and for another's are not told apart: that too would help.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from governance.records import Measurement
from monitors.grid import GroupGrid
from monitors.profile import Profile

SMALLEST_GROUP = 10
# Unknowns of the largest linear programme that is tried: a few hundredths of a second each.
MOST_UNKNOWNS = 1500
MOST_CELLS = 20_000
# Groups that are withheld one by one before all cells of an intersection are.
ROUNDS = 6

Codes = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True, eq=False)
class Table:
    """One grouping's rows by group and by what happened to them.

    Attributes
    ----------
    rows : int64 array of shape (groups, 9)
        By label and prediction: the counts from which every published rate can be had back.
    """

    grid: GroupGrid
    rows: Codes

    @cached_property
    def sizes(self) -> Codes:
        """People in each group."""
        return np.asarray(self.rows.sum(axis=1))

    @cached_property
    def values(self) -> Codes:
        """Index of each attribute's value, of shape (groups, attributes)."""
        return np.stack(np.unravel_index(np.arange(len(self.grid.groups)), self.shape), axis=1)

    @property
    def shape(self) -> tuple[int, ...]:
        """Values of each attribute, `(other)` and `(missing)` included."""
        return tuple(len(categories) + 2 for categories in self.grid.categories)

    @cached_property
    def listed(self) -> Codes:
        """Codes of the groups that are published: declared ones, and others that occur."""
        declared = np.array([group in self.grid.declared for group in self.grid.groups])
        return np.flatnonzero((self.sizes > 0) | declared)

    @cached_property
    def incomplete(self) -> Codes:
        """Whether a group lacks an attribute."""
        return np.asarray((self.values == np.array(self.shape) - 1).any(axis=1))

    def onto(self, coarser: Table) -> Codes:
        """For each group, the code of the group of a coarser grouping in which it lies."""
        places = [self.grid.by.index(name) for name in coarser.grid.by]
        return np.asarray(np.ravel_multi_index(tuple(self.values[:, places].T), coarser.shape))


def withheld_groups(profile: Profile, smallest: int = SMALLEST_GROUP) -> dict[str, frozenset[str]]:
    """Grouping → its groups of which nothing is published."""
    tables = [
        Table(grouping, profile.cubes[grouping.name].sum(axis=-1).reshape(len(grouping.groups), 9))
        for grouping in profile.grid.groupings
        if grouping.by
    ]
    found: dict[str, frozenset[str]] = {}
    for together in _components(tables):
        hidden = _Hiding(together, smallest).settle()
        found |= {t.grid.name: frozenset(t.grid.groups[code] for code in hidden[t.grid.name]) for t in together}
    return found


def of_which_missing(groupings: Iterable[GroupGrid], hidden: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """Attributes whose missing values make up a withheld group: how many they are would tell of it."""
    found = set()
    for grouping in groupings:
        shape = tuple(len(categories) + 2 for categories in grouping.categories)
        for code, group in enumerate(grouping.groups):
            if grouping.by and group in hidden[grouping.name]:
                values = np.unravel_index(code, shape)
                found |= {n for n, v, last in zip(grouping.by, values, shape, strict=True) if v == last - 1}
    return frozenset(found)


def coverage(grouping: GroupGrid, sizes: Mapping[str, int], away: frozenset[str]) -> Measurement:
    """Share of rows of which every attribute is known; at least, where that would tell of a withheld group.

    What is withheld may all be unknown, or all be known: the value is the lesser, and the bounds are both.
    """
    n = sum(sizes.values())
    metric, segment = "attribute_coverage", grouping.name
    if n == 0:
        return Measurement(metric, None, 0, "share", "counted", segment=segment, reason="undefined (0 rows)")
    incomplete = [group for group in sizes if group in grouping.incomplete]
    unknown = sum(sizes[group] for group in incomplete if group not in away)
    doubtful = sum(sizes[group] for group in away) if any(group in away for group in incomplete) else 0
    low, high = 1 - (unknown + doubtful) / n, 1 - unknown / n
    note = "at least: withheld groups counted as not known" if doubtful else None
    return Measurement(metric, low, n, "share", "counted", segment=segment, low=low, high=high, reason=note)


def reason(smallest: int, group: str = "") -> str:
    """What is said of a withheld group. One text: which groups are small themselves is not told."""
    of = f" in {group!r}" if group else ""
    return f"withheld: fewer than {smallest} people{of}, or hidden so that such a group cannot be worked out"


class _Hiding:
    """The withheld groups of groupings that share attributes, made more until none can be worked out."""

    def __init__(self, tables: Sequence[Table], smallest: int) -> None:
        self.tables = {table.grid.name: table for table in tables}
        self.smallest = smallest
        self.hidden: dict[str, set[int]] = {
            name: set(np.flatnonzero((table.sizes > 0) & (table.sizes < smallest)).tolist())
            for name, table in self.tables.items()
        }
        self.finer = [
            (coarse, fine, self.tables[fine].onto(self.tables[coarse]))
            for coarse, one in self.tables.items()
            for fine, other in self.tables.items()
            if set(one.grid.by) < set(other.grid.by)
        ]

    def settle(self) -> dict[str, set[int]]:
        """Codes of withheld groups by grouping."""
        if not any(self.hidden.values()):
            return self.hidden
        self._complete()
        if all(len(table.grid.by) == 1 for table in self.tables.values()):
            # Whoever is in one withheld group might be in another: nothing else is published of that attribute.
            return self.hidden
        for _ in range(ROUNDS):
            programme = _Programme.of(list(self.tables.values()), self.hidden)
            if programme is None:
                break
            exposed = self._exposed(programme.range_of)
            if not exposed:
                return self.hidden
            for name, code in exposed:
                self._hide_near(name, code)
            self._complete()
        self._hide_all(name for name, table in self.tables.items() if len(table.grid.by) > 1)
        if self._exposed(self._range_by_attributes):
            self._hide_all(self.tables)
        return self.hidden

    def _complete(self) -> None:
        """Withholds until every published sum over withheld groups is one of two groups and enough people."""
        changed = True
        while changed:
            changed = False
            for coarse, fine, onto in self.finer:
                listed = self.tables[fine].listed
                inside = set(listed[np.isin(onto[listed], list(self.hidden[coarse]))].tolist())
                changed |= not inside <= self.hidden[fine]
                self.hidden[fine] |= inside
            open_sums = [(name, codes) for name, codes in self._sums() if self._is_told(name, codes)]
            for name, codes in open_sums:
                if self._is_told(name, codes):
                    changed |= self._hide_one(name, codes, [other for same, other in open_sums if same == name])

    def _sums(self) -> Iterator[tuple[str, Codes]]:
        """Groups whose rows together are published: all of them, and those that make up a coarser group."""
        for name, table in self.tables.items():
            yield name, np.arange(table.sizes.size)
        for coarse, fine, onto in self.finer:
            for code in np.flatnonzero(self.tables[coarse].sizes):
                if code not in self.hidden[coarse]:
                    yield fine, np.flatnonzero(onto == code)

    def _is_told(self, name: str, codes: Codes) -> bool:
        inside = [code for code in codes.tolist() if code in self.hidden[name]]
        people = int(self.tables[name].sizes[inside].sum())
        return bool(inside) and (len(inside) < 2 or people < self.smallest)

    def _hide_one(self, name: str, codes: Codes, open_sums: Sequence[Codes]) -> bool:
        """Withholds the group that serves most open sums, then the smallest; one that is empty only if need be."""
        table, hidden = self.tables[name], self.hidden[name]
        shown = [code for code in codes.tolist() if code not in hidden]
        if not shown:
            return False
        listed = set(table.listed.tolist())

        def cost(code: int) -> tuple[bool, bool, bool, int, int, int]:
            serves = sum(int(code in other) for other in open_sums)
            size = int(table.sizes[code])
            return size == 0, code not in listed, bool(table.incomplete[code]), -serves, size, code

        best = min(shown, key=cost)
        if table.sizes[best] == 0 and self._people(name, codes) < self.smallest and self._two_of(name, codes):
            return False
        hidden.add(best)
        return True

    def _people(self, name: str, codes: Codes) -> int:
        return int(self.tables[name].sizes[codes].sum())

    def _two_of(self, name: str, codes: Codes) -> bool:
        return sum(code in self.hidden[name] for code in codes.tolist()) > 1

    def _hide_near(self, name: str, code: int) -> None:
        """One group more, of those that share a value with an exposed one where there is any."""
        table = self.tables[name]
        shown = [c for c in np.flatnonzero(table.sizes).tolist() if c not in self.hidden[name]]
        alike = (table.values == table.values[code]).sum(axis=1)
        if shown:
            self.hidden[name].add(min(shown, key=lambda c: (-int(alike[c]), int(table.sizes[c]), c)))

    def _hide_all(self, names: Iterable[str]) -> None:
        for name in names:
            table = self.tables[name]
            missing = table.sizes.size - 1
            self.hidden[name] = {*table.listed.tolist(), *([missing] if table.listed.size < 2 else [])}
        self._complete()

    def _range_by_attributes(self, name: str, code: int) -> tuple[float, float]:
        """The fewest and the most people of a group, where only groups of single attributes are shown.

        M. Fréchet (1935), Fund. Math. 25, 379-387: the bounds of a cell by its margins, for each outcome.
        """
        table = self.tables[name]
        total = table.rows.sum(axis=0)
        low, high = -(len(table.grid.by) - 1) * total, total
        for attribute, value in zip(table.grid.by, table.values[code].tolist(), strict=True):
            margin = self.tables.get(attribute)
            if margin is not None and value in self.hidden[attribute]:
                high = np.minimum(high, margin.rows[sorted(self.hidden[attribute])].sum(axis=0))
            elif margin is not None:
                low, high = low + margin.rows[value], np.minimum(high, margin.rows[value])
        return float(np.maximum(low, 0).sum()), float(high.sum())

    def _exposed(self, range_of: Callable[[str, int], tuple[float, float]]) -> list[tuple[str, int]]:
        """Withheld groups whose size the published sums tell more narrowly than by `smallest` people."""
        people = int(next(iter(self.tables.values())).sizes.sum())
        found = []
        for name, codes in self.hidden.items():
            sizes = self.tables[name].sizes
            for code in sorted(codes):
                if sizes[code] == 0:
                    continue
                low, high = range_of(name, code)
                small = 0 < sizes[code] < self.smallest
                if high - low < min(self.smallest, people) - 1e-6 or (small and low > 1 + 1e-6):
                    found.append((name, code))
        return found


class _Programme:
    """What published tables say of withheld groups: every number of people in every cell that agrees with them."""

    def __init__(self, shown: Codes, rows: Codes, groups: Mapping[str, Codes]) -> None:
        """`shown`: sums of shape (sums, cells), `rows`: their values by outcome, `groups`: each cell's group."""
        from scipy import sparse

        alone = shown.sum(axis=1) == 1
        known = np.zeros((shown.shape[1], rows.shape[1]), dtype=np.int64)
        known[shown[alone].argmax(axis=1)] = rows[alone]
        fixed = np.zeros(shown.shape[1], dtype=bool)
        fixed[shown[alone].argmax(axis=1)] = True
        left = np.unique(np.hstack([shown[~alone][:, ~fixed], (rows - shown @ known)[~alone]]), axis=0)
        self.cells = int((~fixed).sum())
        sums, self.totals = left[:, : self.cells], left[:, self.cells :]
        happened = self.totals.any(axis=0)
        self.totals = self.totals[:, happened]
        self.sums = sparse.kron(sparse.eye(int(happened.sum())), sparse.csr_array(sums), format="csr")
        self.groups, self.fixed, self.known = groups, fixed, known

    @classmethod
    def of(cls, tables: Sequence[Table], hidden: Mapping[str, set[int]]) -> _Programme | None:
        """None where it would be too large."""
        names = list(dict.fromkeys(name for table in tables for name in table.grid.by))
        shape = [next(t.shape[t.grid.by.index(name)] for t in tables if name in t.grid.by) for name in names]
        if np.prod(shape, dtype=float) > MOST_CELLS:
            return None
        values = np.stack(np.unravel_index(np.arange(int(np.prod(shape))), shape), axis=1)
        groups = {
            t.grid.name: np.ravel_multi_index(tuple(values[:, [names.index(n) for n in t.grid.by]].T), t.shape)
            for t in tables
        }
        # A group that is shown to be empty, or not listed, has nobody in any of its cells.
        empty = [
            np.isin(groups[t.grid.name], [c for c in np.flatnonzero(t.sizes == 0) if c not in hidden[t.grid.name]])
            for t in tables
        ]
        alive = ~np.any(empty, axis=0)
        groups = {name: codes[alive] for name, codes in groups.items()}
        sums, rows = [np.ones(int(alive.sum()), dtype=np.int64)], [tables[0].rows.sum(axis=0)]
        for table in tables:
            for code in np.flatnonzero(table.sizes):
                if code not in hidden[table.grid.name]:
                    sums.append((groups[table.grid.name] == code).astype(np.int64))
                    rows.append(table.rows[code])
        programme = cls(np.array(sums), np.array(rows), groups)
        return programme if programme.cells * programme.totals.shape[1] <= MOST_UNKNOWNS else None

    def range_of(self, name: str, code: int) -> tuple[float, float]:
        """The fewest and the most people that a withheld group may have."""
        from scipy.optimize import linprog

        inside = (self.groups[name] == code)[~self.fixed].astype(float)
        outcomes = self.totals.shape[1]
        base = float(self.known[(self.groups[name] == code) & self.fixed].sum())
        if not outcomes or not inside.any():
            return base, base
        weights = np.tile(inside, outcomes)
        found = [
            linprog(sign * weights, A_eq=self.sums, b_eq=self.totals.T.ravel(), bounds=(0, None), method="highs").fun
            for sign in (1, -1)
        ]
        return base + float(found[0]), base - float(found[1])


def _components(tables: Sequence[Table]) -> list[list[Table]]:
    """Groupings that share attributes, directly or through others."""
    parts: list[list[Table]] = []
    for table in tables:
        touching = [part for part in parts if any(set(t.grid.by) & set(table.grid.by) for t in part)]
        parts = [part for part in parts if not any(part is other for other in touching)]
        parts.append([t for part in touching for t in part] + [table])
    return parts
