"""What a measurement is made of: which bins make a distance, and which part of a change or difference is mix or rate.

Mix: other people, or more of some and fewer of others. Rate: something else became of people who are alike. Nothing
is measured here that was not measured before; parts add up to the value, and where they would not, nothing is kept.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from governance.declared.metrics import METRICS, RATES
from governance.records import Measurement, Part, PartKind
from monitors.bin_names import REST, bin_names
from monitors.distances import PSEUDOCOUNT
from monitors.levels import Contrast
from monitors.performance import hits_in
from monitors.profile import Counts, Profile
from monitors.share_bins import bins_for_shares, shares_of
from monitors.strata import SCORE, Strata, of_change, of_contrast, score_bins
from monitors.suppression import SMALLEST_GROUP, withheld_groups

# How many bins or groups are told one by one.
SHOWN = 5
# Below this share of a difference, hardly anything of it is left.
HARDLY = 0.1
# What doubles can be off by, roots of sums included, and far below what anybody reads.
ROUNDING = 1e-7

DISTANCES = ("psi", "jensen_shannon", "total_variation")
# Rates of a contrast that its score does not settle by itself, as it mostly does whether somebody is selected.
TOLD_BY_SCORE = frozenset({"outcome_rate", "accuracy", "precision"})


def distance_parts(metric: str, reference: np.ndarray, current: np.ndarray) -> np.ndarray:
    """What each bin contributes to a distance; all contributions are >= 0 and add up to it.

    - `psi`: (q − p) ln(q / p), with the pseudocount that the distance has;
    - `total_variation`: |q − p| / 2;
    - `jensen_shannon`: the bin's share of the divergence, times its root, the distance.

    Parameters
    ----------
    reference, current : int arrays of shape (bins,)
        Rows per bin; each bin holds a row of either side.
    """
    pseudocount = PSEUDOCOUNT if metric == "psi" else 0.0
    p, q = ((rows + pseudocount) / (rows.sum() + pseudocount * rows.size) for rows in (reference, current))
    found: np.ndarray
    if metric == "psi":
        found = (q - p) * np.log(q / p)
    elif metric == "total_variation":
        found = np.abs(q - p) / 2
    elif metric == "jensen_shannon":
        middle = (p + q) / 2
        terms = [np.log2(np.where(side > 0, side / middle, 1.0)) * side for side in (p, q)]
        divergence = np.maximum(sum(terms) / 2, 0.0)
        found = divergence / math.sqrt(divergence.sum() or 1.0)
    else:
        raise ValueError(f"Argument metric must be one of {', '.join(DISTANCES)}, got {metric!r}.")
    return found


class Causes(NamedTuple):
    """Contributions of each stratum to a difference of rates: two float arrays of shape (strata,)."""

    mix: np.ndarray
    rate: np.ndarray


def kitagawa(hits_before: np.ndarray, n_before: np.ndarray, hits_after: np.ndarray, n_after: np.ndarray) -> Causes:
    """Splits a difference of two rates into mix and rate, stratum by stratum; the two add up to it.

    With shares w of the denominator and rates r, before (0) and after (1), and R̄ the mean of the two whole rates:
    mix = Σ (w₁ − w₀) ((r₀ + r₁) / 2 − R̄), rate = Σ (r₁ − r₀) (w₀ + w₁) / 2. Taking R̄ off changes no sum, since
    shares add up to one, and makes a stratum's mix say what it should: more people where the rate is high raise it.
    A stratum without a denominator on one side has no rate there, and none is invented: its contribution is all mix.

    Parameters
    ----------
    hits_before, n_before, hits_after, n_after : int arrays of shape (strata,)
        Neither denominator is zero in all strata.

    References
    ----------
    E. M. Kitagawa (1955), J. Am. Stat. Assoc. 50, 1168-1194, doi:10.1080/01621459.1955.10501299;
    two-fold decomposition of A. S. Blinder (1973) and R. Oaxaca (1973) with equal weights.
    """
    w0, w1 = n_before / n_before.sum(), n_after / n_after.sum()
    one_sided = (n_before == 0) | (n_after == 0)
    r0 = np.divide(hits_before, n_before, out=np.zeros(n_before.size), where=n_before > 0)
    r1 = np.divide(hits_after, n_after, out=np.zeros(n_after.size), where=n_after > 0)
    centre = (hits_before.sum() / n_before.sum() + hits_after.sum() / n_after.sum()) / 2
    level = np.where(one_sided, r0 + r1, (r0 + r1) / 2) - centre
    return Causes((w1 - w0) * level, np.where(one_sided, 0.0, (r1 - r0) * (w0 + w1) / 2))


def decompose(
    measurements: Iterable[Measurement],
    current: Profile,
    reference: Profile | None,
    contrasts: Iterable[Contrast],
    *,
    against: str | None = None,
    frozen: Profile | None = None,
    smallest: int = SMALLEST_GROUP,
) -> tuple[Part, ...]:
    """Parts of every measurement that has any: distances of columns, changes of rates, differences between groups.

    Parameters
    ----------
    reference : Profile or None
        What the measurements `against` this name were compared with.
    frozen : Profile or None
        The profile whose shares joined the bins, where that is not `reference`.
    smallest : int
        Of a group of fewer people nothing is published, nor of those by which one could work out its size.

    Raises
    ------
    ArithmeticError
        Parts do not add up to their measurement: it was made from other counts.
    """
    numbers = current.grid.regression is not None
    known = {} if numbers else {contrast.segment: contrast for contrast in contrasts}
    scores = None if numbers else score_bins(reference or current)
    withheld = withheld_groups(current, smallest)
    changes = tuple(of_change(current, reference, scores, withheld)) if reference and not numbers else ()
    differences: dict[str, tuple[Strata, ...]] = {}
    found: list[Part] = []
    for measurement in measurements:
        metric, segment = measurement.metric, measurement.segment
        if measurement.value is None or measurement.against != against:
            continue
        if metric in DISTANCES and measurement.column and reference:
            found += _bins(measurement, measurement.column, current, reference, frozen or reference)
        elif rate_of(metric) and segment is None:
            found += (part for strata in changes for part in _causes(measurement, strata))
        elif rate_of(metric) and segment in known:
            if segment not in differences:
                differences[segment] = tuple(of_contrast(known[segment], current, scores, withheld))
            found += (part for strata in differences[segment] for part in _causes_of_difference(measurement, strata))
    return tuple(found)


def rate_of(metric: str) -> str | None:
    """The rate that a metric compares two sides by; None for any other metric."""
    for ending in ("_change", "_difference", "_ratio"):
        if metric.endswith(ending) and metric.removesuffix(ending) in RATES:
            return metric.removesuffix(ending)
    return None


class _Sides(NamedTuple):
    """What stands beside a contribution; nothing where it is withheld."""

    before: float | None = None
    after: float | None = None
    n: int | None = None


def _bins(
    measurement: Measurement, column: str, current: Profile, reference: Profile, frozen: Profile
) -> Iterator[Part]:
    grid, counts = current.grid[column], reference.columns[column]
    bins = bins_for_shares(grid, frozen.columns[column])
    old, new = shares_of(counts, bins), shares_of(current.columns[column], bins)
    used, every = np.flatnonzero(old + new), bin_names(grid, bins)
    names, old, new = [every[i] for i in used], old[used], new[used]
    values = distance_parts(measurement.metric, old, new)
    whole = _whole(measurement, values)
    # Told in the order of the divergence, whatever the metric: in PSI an emptied bin counts by its pseudocount, and
    # the more rows there are, the more of the distance it seems to make.
    order = distance_parts("jensen_shannon", old, new)
    for about, places in _told(order, names, _is_small(old) | _is_small(new)):
        yield _part(measurement, "bin", column, values[places], whole, _shares(old, new, places), about)


def _causes_of_difference(measurement: Measurement, strata: Strata) -> Iterator[Part]:
    if strata.by != SCORE:
        yield from _causes(measurement, strata)
    elif rate_of(measurement.metric) in TOLD_BY_SCORE:
        # Only the two causes: how the scores of each group lie is not what a difference is about.
        yield from (part for part in _causes(measurement, strata) if part.about is None)


def _causes(measurement: Measurement, strata: Strata) -> Iterator[Part]:
    """The two whole causes, then the strata that contribute most, each with its rate and its mix."""
    rate = rate_of(measurement.metric)
    assert rate is not None
    people = [table.sum(axis=(-1, -2)) for table in (strata.before, strata.after)]
    (h0, n0), (h1, n1) = hits_in(strata.before, rate), hits_in(strata.after, rate)
    here = np.flatnonzero(n0 + n1)
    small = np.logical_or.reduce([strata.withheld[here], *(_is_small(rows[here]) for rows in (*people, n0, n1))])
    h0, n0, h1, n1 = h0[here], n0[here], h1[here], n1[here]
    # A ratio, less one, is the difference as a share of the baseline's rate.
    unit = n0.sum() / h0.sum() if measurement.metric.endswith("_ratio") else 1.0
    mix, kept = (cause * unit for cause in kitagawa(h0, n0, h1, n1))
    whole = _whole(measurement, np.concatenate([mix, kept]))
    both = (n0 > 0) & (n1 > 0)
    ends = _Sides(float(h0.sum() / n0.sum()), float(h1.sum() / n1.sum()), int(n1.sum()))
    note = _note(measurement, strata.by, whole, math.fsum(kept), kept[both])
    yield _part(measurement, "rate", strata.by, kept, whole, ends, note=note)
    yield _part(measurement, "mix", strata.by, mix, whole, ends)
    for about, places in _told(np.abs(mix) + np.abs(kept), [strata.names[i] for i in here], small):
        if both[places].any():
            sides = _Sides() if about == REST else _rates(h0, n0, h1, n1, int(places[0]))
            yield _part(measurement, "rate", strata.by, kept[places], whole, sides, about)
        yield _part(measurement, "mix", strata.by, mix[places], whole, _shares(n0, n1, places), about)


def _told(sizes: np.ndarray, names: Sequence[str], small: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """The largest that may be named, each by itself; then the rest, with everything that is small."""
    order = np.argsort(-sizes, kind="stable")
    named = order[~small[order]][:SHOWN]
    for place in named:
        yield names[place] if names[place] != REST else f'"{REST}"', np.array([place])
    rest = np.setdiff1d(order, named)
    if rest.size:
        yield REST, rest


def _is_small(rows: np.ndarray) -> np.ndarray:
    """Whether these are people, but too few to be shown alone."""
    found: np.ndarray = (rows > 0) & (rows < SMALLEST_GROUP)
    return found


def _shares(before: Counts, after: Counts, places: np.ndarray) -> _Sides:
    held = np.array([before[places].sum(), after[places].sum()])
    if _is_small(held).any():
        return _Sides()
    return _Sides(float(held[0] / before.sum()), float(held[1] / after.sum()), int(held[1]))


def _rates(h0: Counts, n0: Counts, h1: Counts, n1: Counts, place: int) -> _Sides:
    return _Sides(float(h0[place] / n0[place]), float(h1[place] / n1[place]), int(n1[place]))


def _whole(measurement: Measurement, values: np.ndarray) -> float:
    """What the parts add up to; refuses what does not add up to the measurement."""
    whole, metric = math.fsum(values), measurement.metric
    value = (measurement.value or 0.0) - (METRICS[metric].neutral if metric in METRICS else 0.0)
    if not math.isclose(whole, value, rel_tol=ROUNDING, abs_tol=ROUNDING):
        where = measurement.column or measurement.segment or "all rows"
        raise ArithmeticError(
            f"{metric} of {where} is {value} from its neutral value, but its parts add up to {whole}."
        )
    return whole


def _part(
    measurement: Measurement,
    kind: PartKind,
    by: str,
    values: np.ndarray,
    whole: float,
    sides: _Sides,
    about: str | None = None,
    note: str | None = None,
) -> Part:
    value = math.fsum(values)
    share = value / whole if abs(whole) > ROUNDING else None
    return Part(measurement, kind, by, value, about, share, *sides, note)


def _note(measurement: Measurement, by: str, whole: float, rate: float, within: np.ndarray) -> str | None:
    """Says where a difference is not what it looks like: among people who are alike, it turns round or is gone.

    `within` holds the contributions of strata that are on both sides.

    References
    ----------
    E. H. Simpson (1951), J. R. Stat. Soc. B 13, 238-241, doi:10.1111/j.2517-6161.1951.tb00088.x.
    """
    alike = "with the same score" if by == SCORE else f"alike in {by}"
    if not within.size:
        return f"nobody {alike} is on both sides, so that nothing can be compared"
    seen = f"{_signed(whole)} over all"
    if abs(whole) < ROUNDING:
        return None
    if abs(rate) < HARDLY * abs(whole):
        # Of a change this is no surprise, and the two causes say it.
        return f"{seen}, but hardly anything among people {alike} ({_signed(rate)})" if measurement.segment else None
    if whole * rate < 0:
        turned = int((within * whole < 0).sum())
        among = f"the other way round in {turned} of {within.size} of these groups"
        return f"Simpson's paradox: {seen}, but {_signed(rate)} among people {alike} ({among})"
    return None


def _signed(value: float) -> str:
    return f"{value:+.3g}".replace("-", "−")
