"""Measures of data quality out of counts (after the families of ISO/IEC 5259-2): no limit, no files, no clock.

A measure that is undefined has no value and a reason; one that rests on something that nobody declared is not there.
Proportions have exact bounds for independent rows, each at level 1 - `ALPHA`: what they say is about the source that
the rows came from, and not about the rows, which were all counted. Groups below the smallest one are never told.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from governance.records import Measurement
from monitors.drift import variation_distance
from monitors.noise import REPLICATES, deal
from monitors.uncertainty import exact

ALPHA = 0.025
SHARE, DAYS = "share", "days"


@dataclass(frozen=True)
class RuleCount:
    """What a rule on values found: rows that offend of those looked at; or why it says nothing."""

    rule: str
    column: str | None
    unexpected: int | None
    rows: int | None
    reason: str
    broken: bool = False


@dataclass(frozen=True)
class Spread:
    """How the rows of a column fall on its values: how many there are, rows with one, and their entropy in nats."""

    values: int
    rows: int
    entropy: float


@dataclass(frozen=True)
class Counted:
    """Everything that the measures are taken from; None and empty where it was not declared or is not there.

    Attributes
    ----------
    filled : rows with a value by column; NaN is none
    complete : rows in which every one of the `required` columns has a value
    repeated : rows that are wholly equal to an earlier one
    typed : columns that have the declared type, and columns with a declared type
    newest_days, oldest_days : days from the newest and the oldest row to the landing
    waited_days : days from the end of the batch to the landing
    outcomes : rows by known outcome; None where the system has no label or it is a number
    known : rows whose outcome is known; None without a label
    groups : rows by group for each declared attribute, missing ones left out
    joint : rows by group of all attributes together
    reference : rows by group in the reference, by attribute
    seed : hexadecimal, the digest of the rows: the same rows have the same noise floor
    unseen : rows in `(other)` and rows with a value, by category
    given, asked : facts of provenance that were given and that are asked for
    personal, columns : personal columns of the source, and all of its columns
    """

    rows: int
    smallest_group: int
    filled: Mapping[str, int]
    required: Sequence[str]
    complete: int | None
    repeated: int | None
    typed: tuple[int, int]
    rules: Sequence[RuleCount] = ()
    newest_days: float | None = None
    oldest_days: float | None = None
    waited_days: float | None = None
    outcomes: Mapping[str, int] | None = None
    known: int | None = None
    groups: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    joint: Sequence[int] = ()
    reference: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    seed: str = "0"
    spreads: Mapping[str, Spread] = field(default_factory=dict)
    unseen: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    given: int = 0
    asked: int = 0
    personal: int = 0
    columns: int = 0


def measures_of(counted: Counted) -> Iterator[Measurement]:
    """Every measure that these counts allow, in the order of the families."""
    yield from _accuracy(counted)
    yield from _completeness(counted)
    yield from _consistency(counted)
    yield from _ages(counted)
    yield from _balance(counted)
    yield from _diversity(counted)
    yield from _representativeness(counted)
    yield from _identifiability(counted)
    yield share("provenance_given", counted.given, counted.asked, "facts given of those asked for", bounded=False)


def share(
    metric: str, hits: int, n: int, method: str, *, column: str | None = None, bounded: bool = True
) -> Measurement:
    """A proportion with its exact bounds, or none of nothing."""
    if n == 0:
        return Measurement(metric, None, 0, SHARE, method, column, reason="there is nothing to count")
    low, high = exact(hits, n, ALPHA) if bounded else (None, None)
    return Measurement(metric, hits / n, n, SHARE, method, column, low=low, high=high, alpha=ALPHA if bounded else None)


def evenness(sizes: Sequence[int]) -> float | None:
    """Entropy over its largest value: 1 where all are evenly many; None where there are fewer than two kinds."""
    shares = np.asarray([size for size in sizes if size > 0], float)
    if len(shares) < 2:
        return None
    shares = shares / shares.sum()
    return float(-(shares * np.log(shares)).sum() / math.log(len(shares)))


def _accuracy(counted: Counted) -> Iterator[Measurement]:
    for rule in counted.rules:
        method = f"values that meet “{rule.rule}” of those looked at"
        if rule.unexpected is None or not rule.rows:
            yield Measurement(
                "syntactic_accuracy", None, 0, SHARE, method, rule.column, reason=rule.reason, broken=rule.broken
            )
        else:
            hits = rule.rows - rule.unexpected
            yield share("syntactic_accuracy", hits, rule.rows, method, column=rule.column)


def _completeness(counted: Counted) -> Iterator[Measurement]:
    for name, rows in counted.filled.items():
        yield share("value_completeness", rows, counted.rows, "rows with a value", column=name)
    if counted.complete is not None:
        method = f"rows with a value in each of {len(counted.required)} required columns"
        yield share("record_completeness", counted.complete, counted.rows, method)
    if counted.known is not None:
        yield share("label_completeness", counted.known, counted.rows, "rows whose outcome is known")


def _consistency(counted: Counted) -> Iterator[Measurement]:
    if counted.repeated is not None:
        method = "rows wholly equal to an earlier one, by a 64-bit hash"
        yield share("repeated_records", counted.repeated, counted.rows, method)
    yield share("type_consistency", *counted.typed, "columns of the declared type", bounded=False)


def _ages(counted: Counted) -> Iterator[Measurement]:
    for metric, days, method in (
        ("newest_record_age", counted.newest_days, "landing less time of the newest row"),
        ("oldest_record_age", counted.oldest_days, "landing less time of the oldest row"),
        ("days_to_landing", counted.waited_days, "landing less end of the batch"),
    ):
        if days is not None:
            yield Measurement(metric, days, counted.rows, DAYS, method)


def _balance(counted: Counted) -> Iterator[Measurement]:
    if counted.outcomes is not None:
        total = sum(counted.outcomes.values())
        yield share("label_proportion", counted.outcomes.get("1", 0), total, "positive among known outcomes")
        even = evenness(list(counted.outcomes.values()))
        reason = None if even is not None else "fewer than two kinds of outcome are known"
        yield Measurement("label_balance", even, total, SHARE, "entropy over its largest value", reason=reason)
    for name, sizes in counted.groups.items():
        yield _group_balance(name, sizes, counted.smallest_group)


def _group_balance(name: str, sizes: Mapping[str, int], smallest: int) -> Measurement:
    method, total = "rows of the smallest over those of the largest group", sum(sizes.values())
    if len(sizes) < 2:
        return Measurement("group_balance", None, total, SHARE, method, name, reason="there are fewer than two groups")
    if min(sizes.values()) < smallest:
        reason = f"a group has fewer than {smallest} rows and is withheld"
        return Measurement("group_balance", None, total, SHARE, method, name, reason=reason)
    return Measurement("group_balance", min(sizes.values()) / max(sizes.values()), total, SHARE, method, name)


def _diversity(counted: Counted) -> Iterator[Measurement]:
    if counted.outcomes is not None:
        kinds = sum(rows > 0 for rows in counted.outcomes.values())
        yield Measurement("label_richness", kinds, sum(counted.outcomes.values()), "kinds", "different known outcomes")
    for name, spread in counted.spreads.items():
        yield Measurement("category_richness", spread.values, spread.rows, "values", "different values", name)
        even = spread.entropy / math.log(spread.values) if spread.values > 1 else None
        reason = None if even is not None else "there are fewer than two values"
        yield Measurement(
            "category_evenness", even, spread.rows, SHARE, "entropy over its largest value", name, reason=reason
        )
    for name, (other, rows) in counted.unseen.items():
        yield share("unseen_share", other, rows, "rows in no category that the reference kept", column=name)


def _representativeness(counted: Counted) -> Iterator[Measurement]:
    for name, sizes in counted.groups.items():
        yield _from_reference(name, sizes, counted.reference.get(name, {}), counted.seed)


def _from_reference(name: str, sizes: Mapping[str, int], before: Mapping[str, int], seed: str) -> Measurement:
    metric, total = "distance_from_reference", sum(sizes.values())
    if not total or not sum(before.values()):
        reason = "there is no reference with this attribute" if total else "no row has a group"
        return Measurement(metric, None, total, SHARE, "total variation of the shares of groups", name, reason=reason)
    every = sorted({*sizes, *before})
    then, now = (np.asarray([side.get(group, 0) for group in every]) for side in (before, sizes))
    apart = variation_distance(deal(then, now, np.random.default_rng(int(seed, 16))), ALPHA)
    method = f"total variation of the shares of {len(every)} groups; noise floor from {REPLICATES} replicates"
    return Measurement(
        metric, apart.value, total, SHARE, method, name,
        low=apart.low, high=apart.high, alpha=ALPHA, noise_floor=apart.noise_floor,
    )  # fmt: skip


def _identifiability(counted: Counted) -> Iterator[Measurement]:
    if counted.groups:
        yield _smallest(counted)
        small = sum(size for size in counted.joint if size < counted.smallest_group)
        method = f"rows in groups of all attributes together of fewer than {counted.smallest_group}"
        if 0 < small < counted.smallest_group:
            reason = f"they are fewer than {counted.smallest_group} rows and withheld"
            yield Measurement("share_in_small_groups", None, counted.rows, SHARE, method, reason=reason)
        else:
            yield share("share_in_small_groups", small, counted.rows, method)
    yield share("personal_columns", counted.personal, counted.columns, "personal columns of the source", bounded=False)


def _smallest(counted: Counted) -> Measurement:
    method = f"smallest group of {len(counted.groups)} declared attributes together"
    least = min(counted.joint, default=0)
    if least < counted.smallest_group:
        reason = f"fewer than {counted.smallest_group} rows: withheld" if least else "no row has a group"
        return Measurement("smallest_group", None, counted.rows, "rows", method, reason=reason)
    return Measurement("smallest_group", least, counted.rows, "rows", method)
