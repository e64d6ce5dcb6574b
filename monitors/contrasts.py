"""Groups against each other: differences and ratios of their rates, with bounds that hold for a family together.

Demographic parity is `selection_rate_difference`, predictive parity `precision_difference`; equalised odds is the
larger of two differences, calibration by group the difference of what scores promise and what happened.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from governance.declared.metrics import CALIBRATION, GROUP_RATES
from governance.records import Measurement
from monitors.grid import MOST_FAVOURED
from monitors.groups import Groups, Hits, more_is_better, why_undefined
from monitors.levels import Contrast, Family, Levels
from monitors.performance import SCORE, worth
from monitors.proportions import detectable, score_bounds
from monitors.simultaneous import Block, share_of
from monitors.uncertainty import ratio_bounds

MOVER = "counts; MOVER-R over exact bounds"
ODDS = ("true_positive_rate", "false_positive_rate")
EQUALISED_ODDS = "equalised_odds_difference"


@dataclass
class _Pairs:
    """Pairs of rates whose difference is asked for: their bounds are found for all of them at once."""

    asked: list[tuple[Hits, Hits, float]] = field(default_factory=list)

    def ask(self, one: Hits, others: Iterable[Hits], alpha: float) -> slice:
        """Where the answers will stand."""
        start = len(self.asked)
        self.asked += [(one, other, alpha) for other in others]
        return slice(start, len(self.asked))

    def answer(self) -> dict[str, np.ndarray]:
        """Value, low, high and detectable difference of every pair asked for."""
        if not self.asked:
            return {}
        x, n, y, m, alpha = (
            np.array(part)
            for part in zip(*((*one.independent, *two.independent, a) for one, two, a in self.asked), strict=True)
        )
        offset = np.array([one.offset - two.offset for one, two, _ in self.asked])
        turned = np.array([one.sign < 0 for one, *_ in self.asked])
        low, high = score_bounds(x, n, y, m, alpha)
        return {
            "value": np.array([one.share - two.share for one, two, _ in self.asked]),
            "low": offset + np.where(turned, -high, low),
            "high": offset + np.where(turned, -low, high),
            "detectable": detectable(x, n, y, m, alpha),
        }


Answers = Mapping[str, np.ndarray]


class Gap(NamedTuple):
    """A difference with its bounds."""

    value: float
    low: float
    high: float
    detectable: float
    n: int


def differences_of(contrasts: Sequence[Contrast], groups: Groups, levels: Levels) -> Iterator[Measurement]:
    """Every metric of every contrast of one grouping."""
    measured = tuple(GROUP_RATES) + ((CALIBRATION,) if _is_calibrated(groups) else ())
    levels_of_these = _Shares(contrasts, groups, levels)
    pairs, jobs = _Pairs(), []
    for contrast in contrasts:
        for metric, bases in (*((f"{base}_difference", (base,)) for base in measured), (EQUALISED_ODDS, ODDS)):
            why = next((w for base in bases if (w := why_undefined(contrast, base, groups))), None)
            alpha, together = levels_of_these.of(metric, bases, contrast)
            slices = [] if why else [_ask(pairs, contrast, base, groups, alpha) for base in bases]
            jobs.append((contrast, metric, bases, why, alpha, together, slices))
    answers = pairs.answer()
    for contrast, metric, bases, why, alpha, together, slices in jobs:
        unit = "share"
        if why:
            n = 0 if why.startswith("withheld") else min(_smaller(contrast, base, groups) for base in bases)
            yield Measurement(metric, None, n, unit, SCORE, segment=contrast.segment, alpha=alpha, reason=why)
            continue
        found = [_gap(contrast, base, groups, answers, where) for base, where in zip(bases, slices, strict=True)]
        gap = _larger(found) if metric == EQUALISED_ODDS else found[0]
        yield Measurement(
            metric,
            gap.value,
            gap.n,
            unit,
            f"{SCORE}{worth(*_effects(contrast, bases, groups))}{together}",
            segment=contrast.segment,
            low=gap.low,
            high=gap.high,
            alpha=alpha,
            detectable=gap.detectable,
            reason=_named_best(contrast, bases, groups),
        )
    yield from _ratios(contrasts, groups, levels, levels_of_these)


class _Shares:
    """The error rate of each bound: what each contrast gets of its family's alpha, and how it was shared."""

    def __init__(self, contrasts: Sequence[Contrast], groups: Groups, levels: Levels) -> None:
        self.by_segment = {contrast.segment: contrast for contrast in contrasts}
        self.groups, self.levels = groups, levels
        self.known: dict[tuple[str, Family], tuple[float, int]] = {}

    def of(self, metric: str, bases: Sequence[str], contrast: Contrast) -> tuple[float, str]:
        """Alpha of the strictest family that asks, and what the method says of it."""
        shares = [self._share(metric, bases, family) for family in self.levels.families(metric, contrast.segment)]
        alpha, size = min(shares)
        return alpha, f"; max-T over {size} contrasts" if size > 1 else ""

    def _share(self, metric: str, bases: Sequence[str], family: Family) -> tuple[float, int]:
        if (metric, family) not in self.known:
            blocks = [self._block(metric, base, bases, family) for base in bases]
            size = sum(block.size for block in blocks)
            self.known[metric, family] = (share_of(family.alpha, blocks) if size else family.alpha, size)
        return self.known[metric, family]

    def _block(self, metric: str, base: str, bases: Sequence[str], family: Family) -> Block:
        """Contrasts without a value can accuse nobody and take no part; they say nothing of withheld groups either."""
        members = [self.by_segment[segment] for segment in family.members if segment in self.by_segment]
        members = [c for c in members if not any(why_undefined(c, each, self.groups) for each in bases)]
        if any(contrast.baseline == MOST_FAVOURED for contrast in members):
            named = {g for c in members for g in (c.group, c.baseline) if g != MOST_FAVOURED}
            return Block((), np.zeros(0), every=len(named | set(self.groups.defined(base))))
        names = list(dict.fromkeys(group for c in members for group in (c.group, c.baseline)))
        hits = [self.groups.hits[group][base] for group in names]
        variances = [h.relative_variance if metric.endswith("_ratio") else h.variance for h in hits]
        pairs = tuple((names.index(c.group), names.index(c.baseline)) for c in members)
        return Block(pairs, np.array(variances), mixed=family.mixed or metric == EQUALISED_ODDS)


def _ask(pairs: _Pairs, contrast: Contrast, base: str, groups: Groups, alpha: float) -> slice:
    others = _others(contrast, base, groups)
    return pairs.ask(groups.hits[contrast.group][base], (groups.hits[other][base] for other in others), alpha)


def _others(contrast: Contrast, base: str, groups: Groups) -> list[str]:
    """Whom the group is held against: the baseline, or each of those that may be the most favoured."""
    if contrast.baseline != MOST_FAVOURED:
        return [contrast.baseline]
    return [group for group in groups.defined(base) if group != contrast.group]


def _gap(contrast: Contrast, base: str, groups: Groups, answers: Answers, where: slice) -> Gap:
    """Of a contrast with the most favoured: how far the group is from it, 0 if it is that itself.

    That is the smallest of its differences from all groups (or the largest, where less is better), and so are its
    bounds, which hold for all pairs together.
    """
    value, low, high, seen = (answers[name][where] for name in ("value", "low", "high", "detectable"))
    one, others = groups.hits[contrast.group][base], _others(contrast, base, groups)
    best = _best(contrast, base, groups, value)
    n = min(one.n, groups.hits[others[best]][base].n)
    if contrast.baseline != MOST_FAVOURED:
        return Gap(float(value[0]), float(low[0]), float(high[0]), float(seen[0]), n)
    assert contrast.favoured is not None
    if more_is_better(base, contrast.favoured):
        ends = [min(float(part.min()), 0.0) for part in (value, low, high)]
    else:
        ends = [max(float(part.max()), 0.0) for part in (value, low, high)]
    return Gap(ends[0], ends[1], ends[2], float(seen[best]), n)


def _best(contrast: Contrast, base: str, groups: Groups, value: np.ndarray) -> int:
    """Index of the group that it is told from: the most favoured of the others."""
    if contrast.baseline != MOST_FAVOURED or contrast.favoured is None:
        return 0
    return int(value.argmin() if more_is_better(base, contrast.favoured) else value.argmax())


def _named_best(contrast: Contrast, bases: Sequence[str], groups: Groups) -> str | None:
    if contrast.baseline != MOST_FAVOURED or contrast.favoured is None:
        return None
    return "most favoured: " + ", ".join(repr(_champion(contrast, base, groups)) for base in bases)


def _champion(contrast: Contrast, base: str, groups: Groups) -> str:
    shares = {g: groups.hits[g][base].share for g in (contrast.group, *_others(contrast, base, groups))}
    pick = max if more_is_better(base, contrast.favoured or "selected") else min
    return pick(shares, key=lambda group: shares[group])


def _larger(found: Sequence[Gap]) -> Gap:
    """The larger of several differences by size. Each lies within its bounds to either side, so their sizes do too."""
    return Gap(
        max(abs(gap.value) for gap in found),
        max(max(gap.low, -gap.high, 0.0) for gap in found),
        max(max(gap.high, -gap.low) for gap in found),
        max(gap.detectable for gap in found),
        min(gap.n for gap in found),
    )


def _ratios(contrasts: Sequence[Contrast], groups: Groups, levels: Levels, shares: _Shares) -> Iterator[Measurement]:
    """The impact ratio of every contrast, and ratios of other rates where a criterion asks for them."""
    jobs, pairs = [], []
    for contrast in contrasts:
        for base in GROUP_RATES:
            metric = f"{base}_ratio"
            if base != "selection_rate" and (metric, contrast.segment) not in levels.by_question:
                continue
            alpha, together = shares.of(metric, (base,), contrast)
            why = why_undefined(contrast, base, groups)
            if why:
                n = 0 if why.startswith("withheld") else _smaller(contrast, base, groups)
                yield Measurement(metric, None, n, "ratio", MOVER, segment=contrast.segment, alpha=alpha, reason=why)
                continue
            other = _others(contrast, base, groups)[_nearest(contrast, base, groups)]
            pairs.append((*groups.hits[contrast.group][base].independent, *groups.hits[other][base].independent, alpha))
            jobs.append((metric, base, contrast, other, alpha, together))
    seen = detectable(*np.array(pairs).T) if pairs else np.zeros(0)
    for job, gap in zip(jobs, seen.tolist(), strict=True):
        yield _ratio(*job, gap, groups)


def _nearest(contrast: Contrast, base: str, groups: Groups) -> int:
    one = groups.hits[contrast.group][base].share
    others = _others(contrast, base, groups)
    return _best(contrast, base, groups, np.array([one - groups.hits[other][base].share for other in others]))


def _ratio(
    metric: str, base: str, contrast: Contrast, other: str, alpha: float, together: str, gap: float, groups: Groups
) -> Measurement:
    """One ratio; `gap` is the difference that these two would have shown."""
    one, two = groups.hits[contrast.group][base], groups.hits[other][base]
    n, method = min(one.n, two.n), f"{MOVER}{worth(one.effect, two.effect)}{together}"
    if two.hits == 0:
        what = "nobody selected" if base == "selection_rate" else f"a {base} of 0"
        reason = f"undefined ({what} in {other!r})"
        return Measurement(metric, None, n, "ratio", method, segment=contrast.segment, alpha=alpha, reason=reason)
    low, high = ratio_bounds(*one.independent, *two.independent, alpha)
    value = one.share / two.share
    if contrast.baseline == MOST_FAVOURED:
        rivals = [groups.hits[group][base] for group in _others(contrast, base, groups)]
        bounds = [ratio_bounds(*one.independent, *rival.independent, alpha) for rival in rivals if rival.hits]
        pick = min if more_is_better(base, contrast.favoured or "selected") else max
        value, low, high = (pick(1.0, part) for part in (value, pick(b[0] for b in bounds), pick(b[1] for b in bounds)))
    return Measurement(
        metric,
        value,
        n,
        "ratio",
        method,
        segment=contrast.segment,
        low=low,
        high=None if math.isinf(high) else high,
        alpha=alpha,
        detectable=gap / two.share,
        reason=_named_best(contrast, (base,), groups),
    )


def _smaller(contrast: Contrast, metric: str, groups: Groups) -> int:
    """The smaller denominator."""
    compared = [g for g in (contrast.group, contrast.baseline) if g != MOST_FAVOURED]
    return min(groups.hits[group][metric].n if group in groups.hits else 0 for group in compared)


def _effects(contrast: Contrast, bases: Sequence[str], groups: Groups) -> list[float]:
    return [
        groups.hits[group][base].effect
        for base in bases
        for group in (contrast.group, *_others(contrast, base, groups))
    ]


def _is_calibrated(groups: Groups) -> bool:
    return any(CALIBRATION in hits for hits in groups.hits.values())
