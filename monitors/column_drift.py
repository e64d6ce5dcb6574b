"""Every distance of one column from its reference, as measurements: which suit it, and what is said where none does."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from governance.declared.metrics import distances_of
from governance.records import Measurement
from monitors import distances, drift, performance
from monitors.grid import ColumnGrid
from monitors.levels import Levels
from monitors.noise import REPLICATES, Dealt
from monitors.profile import Counts, Profile
from monitors.share_bins import bins_for_shares, deal_column, shares_of
from monitors.uncertainty import mean_design_effect

UNITS = {
    "psi": "nats",
    "jensen_shannon": "distance",
    "total_variation": "share",
    "chi_square": "distance",
    "ks": "share",
    "wasserstein": "reference standard deviations",
}
_FITTED = f"noise floor and bounds from χ² fitted to {REPLICATES} replicates"
_NORMAL = "noise floor from {} replicates, bounds from the normal law"
_BY_SHARES = {
    "psi": distances.psi,
    "jensen_shannon": distances.jensen_shannon,
    "chi_square": distances.chi_square,
}


def measurements(
    name: str,
    current: Profile,
    reference: Profile,
    levels: Levels,
    rng: np.random.Generator,
    frozen: Profile | None = None,
) -> Iterator[Measurement]:
    """The distances that suit the column, each with bounds and noise floor or the reason why it has no value.

    Parameters
    ----------
    frozen : Profile or None
        The profile whose shares join the bins and whose rows made the grid, where that is not `reference`.
    """
    grid = current.grid[name]
    for side, profile in (("batch", current), ("reference", reference)):
        if not profile.columns[name].sum():
            waiting = name in profile.grid.outcome_columns
            absent = profile.rows > 0 and not waiting
            rows = f"0 rows in the outcomes of the {side}" if waiting else f"0 rows in the {side}"
            reason = f"the column is not in the {side}" if absent else f"undefined ({rows})"
            yield from (_undefined(metric, name, reason, absent) for metric in distances_of(grid.is_numeric))
            return
    effect = _effect(name, current, reference)
    before, now = reference.columns[name], current.columns[name]
    made_by = reference if frozen is None else frozen
    bins = bins_for_shares(grid, made_by.columns[name])
    dealt = deal_column(grid, before, now, bins, rng, own_bins=made_by is reference)
    yield from _by_shares(grid, dealt, levels, effect)
    if grid.is_numeric:
        yield from _along_the_line(grid, before[:-4], now[:-4], levels, effect, rng)


def value_of(metric: str, grid: ColumnGrid, before: Counts, now: Counts, frozen: Counts) -> float | None:
    """The distance alone, without bounds, as `measurements` has it; None where it is undefined.

    Parameters
    ----------
    frozen : int array
        The counts whose shares join the bins.
    """
    if metric in ("ks", "wasserstein"):
        old, new = before[:-4], now[:-4]
        if not old.sum() or not new.sum() or (metric == "wasserstein" and grid.ruler is None):
            return None
        if metric == "ks":
            return float(distances.kolmogorov_smirnov(old, new))
        assert grid.ruler is not None
        return float(distances.wasserstein(old, new, np.asarray(grid.ruler.points) / grid.ruler.deviation))
    bins = bins_for_shares(grid, frozen)
    old, new = shares_of(before, bins), shares_of(now, bins)
    used = (old + new) > 0
    function = distances.total_variation if metric == "total_variation" else _BY_SHARES[metric]
    return float(function(old[used], new[used])) if old.sum() and new.sum() else None


def _by_shares(grid: ColumnGrid, dealt: Dealt, levels: Levels, effect: float) -> Iterator[Measurement]:
    old, new = dealt.reference, dealt.current
    said = f"{old.size} bins{_empty(old, new)}"
    for metric in distances_of(grid.is_numeric):
        alpha = levels.alpha(metric, grid.name)
        if metric in _BY_SHARES:
            root = metric != "psi"
            distance = drift.quadratic_distance(_BY_SHARES[metric], dealt, alpha, root=root, effect=effect)
            method = f"{said}, {_detail(metric, old, new)}; {_FITTED}"
        elif metric == "total_variation":
            distance = drift.variation_distance(dealt, alpha, effect=effect)
            method = f"{said}; {_NORMAL.format(REPLICATES)}"
        else:
            continue
        yield _measured(metric, grid.name, distance, old, new, f"{method}{performance.worth(effect)}", alpha)


def _empty(old: Counts, new: Counts) -> str:
    empty = {"reference": int((old == 0).sum()), "batch": int((new == 0).sum())}
    found = [f"{bins} empty in the {side}" for side, bins in empty.items() if bins]
    return f" ({', '.join(found)})" if found else ""


def _detail(metric: str, old: Counts, new: Counts) -> str:
    if metric == "psi":
        return f"pseudocount {distances.PSEUDOCOUNT}"
    if metric == "jensen_shannon":
        return "base 2"
    statistic, freedom, p = distances.chi_square_test(old, new)
    return f"Cramér's V at equal rows; χ² = {statistic:.6g} on {freedom} degrees of freedom, p = {p:.3g}"


def _along_the_line(
    grid: ColumnGrid, before: Counts, now: Counts, levels: Levels, effect: float, rng: np.random.Generator
) -> Iterator[Measurement]:
    if not before.sum() or not now.sum():
        side = "batch" if not now.sum() else "reference"
        yield from (
            _undefined(metric, grid.name, f"undefined (0 finite values in the {side})")
            for metric in ("ks", "wasserstein")
        )
        return
    replicates, worth = drift.gap_replicates(before, now, rng), performance.worth(effect)
    alpha = levels.alpha("ks", grid.name)
    largest = before.max() / before.sum()
    method = f"{before.size} bins, within {largest:.3g} of the exact one; DKW bounds{worth}"
    yield _measured(
        "ks", grid.name, drift.ks_distance(before, now, replicates, alpha, effect=effect), before, now, method, alpha
    )
    if grid.ruler is None:
        reason = "undefined (from its 0.1 to its 99.9 % quantile the reference does not vary, or holds too few rows)"
        yield _undefined("wasserstein", grid.name, reason)
        return
    alpha = levels.alpha("wasserstein", grid.name)
    points = np.asarray(grid.ruler.points) / grid.ruler.deviation
    distance = drift.wasserstein_distance(before, now, points, replicates, alpha, effect=effect)
    method = f"{_ruled(grid, before, now)}; {_NORMAL.format(REPLICATES)}{worth}"
    yield _measured("wasserstein", grid.name, distance, before, now, method, alpha)


def _ruled(grid: ColumnGrid, before: Counts, now: Counts) -> str:
    """How the rows were clamped and normed, and how far the value can be from that of the rows themselves.

    The reference's rows stand a known mean distance from their points. A batch's rows do too where they fill a bin as
    the reference does; at worst they all stand at the farther end of their bin.
    """
    ruler = grid.ruler
    assert ruler is not None
    ends = np.clip(grid.edges, ruler.low, ruler.high)
    points = np.asarray(ruler.points)
    farthest = np.maximum(points - np.concatenate([[ruler.low], ends]), np.concatenate([ends, [ruler.high]]) - points)
    alike = 2 * ruler.blur / ruler.deviation
    # Divided first: a sum of very large numbers is infinite.
    worst = ruler.blur / ruler.deviation + float(now @ (farthest / ruler.deviation)) / now.sum()
    within = (
        f"within {alike:.2g} of the rows' where bins fill alike" if ruler.blur else "exact on the reference's values"
    )
    return (
        f"{now.size} bins, clamped to the reference's 0.1 to 99.9 %, {within}, {worst:.2g} at worst; "
        f"unit {ruler.deviation:.4g}"
    )


def _effect(name: str, current: Profile, reference: Profile) -> float:
    """How many rows of entities are worth one, over both sides: the larger sample says less about the distance."""
    effects, rows = [], []
    for side in (reference, current):
        counts = side.clusters.columns.get(name) if side.clusters else None
        effects.append(1.0 if counts is None else mean_design_effect(counts))
        rows.append(float(side.columns[name].sum()))
    return (effects[0] / rows[0] + effects[1] / rows[1]) / (1 / rows[0] + 1 / rows[1])


def _undefined(metric: str, name: str, reason: str, broken: bool = False) -> Measurement:
    return Measurement(metric, None, 0, UNITS[metric], "", column=name, reason=reason, broken=broken)


def _measured(
    metric: str, column: str, distance: drift.Distance, before: Counts, now: Counts, method: str, alpha: float
) -> Measurement:
    return Measurement(
        metric,
        distance.value,
        int(min(before.sum(), now.sum())),
        UNITS[metric],
        method,
        column=column,
        low=distance.low,
        high=distance.high,
        alpha=alpha,
        noise_floor=distance.noise_floor,
    )
