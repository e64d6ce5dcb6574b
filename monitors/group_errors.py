"""Errors of a regression by group, and the differences between groups, from sums of powers.

The mean error says whether a group is predicted too high, the mean absolute error how far off, the mean prediction
what it gets. Groups too small to publish are withheld by the rule of `monitors.suppression`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from governance.declared.metrics import MEANS
from governance.records import Measurement
from monitors.levels import Contrast, Levels
from monitors.profile import Profile
from monitors.regression import UNIT, WELCH, Found, difference, mean, mean_of
from monitors.suppression import SMALLEST_GROUP, coverage, reason, withheld_groups


def by_group(
    profile: Profile,
    contrasts: Iterable[Contrast],
    levels: Levels,
    *,
    smallest: int = SMALLEST_GROUP,
    withheld: Mapping[str, frozenset[str]] | None = None,
) -> Iterator[Measurement]:
    """Means of every declared group (and of others that occur), then all contrasts, grouping by grouping."""
    wanted = tuple(contrasts)
    away = withheld_groups(profile, smallest) if withheld is None else withheld
    for grouping in profile.grid.groupings:
        if not grouping.by:
            continue
        cube = profile.cubes[grouping.name]
        sizes = {group: int(cube[code].sum()) for code, group in enumerate(grouping.groups)}
        hidden = {group: reason(smallest, group) for group in away[grouping.name]}
        yield coverage(grouping, sizes, away[grouping.name])
        found: dict[str, dict[str, Found]] = {}
        for code, group in enumerate(grouping.groups):
            if sizes[group] or group in grouping.declared or group in hidden:
                found[group] = {metric: mean_of(profile, metric, grouping.name, code) for metric in MEANS}
                yield from _means_of(
                    f"{grouping.name}={group}",
                    sizes[group],
                    found[group],
                    reason(smallest) if group in hidden else None,
                )
        for contrast in wanted:
            if contrast.grouping == grouping.name:
                yield from _contrasts_of(contrast, hidden, found, levels)


def _means_of(segment: str, size: int, found: Mapping[str, Found], why: str | None) -> Iterator[Measurement]:
    if why:
        yield Measurement("rows", None, 0, "rows", "count", segment=segment, reason=why)
        for metric in MEANS:
            yield Measurement(metric, None, 0, UNIT, "withheld", segment=segment, reason=why)
        return
    yield Measurement("rows", float(size), size, "rows", "count", segment=segment)
    for metric in MEANS:
        yield mean(metric, found[metric], Levels({}).alpha(metric), segment)


def _contrasts_of(
    contrast: Contrast, hidden: Mapping[str, str], found: Mapping[str, Mapping[str, Found]], levels: Levels
) -> Iterator[Measurement]:
    for base in MEANS:
        metric = f"{base}_difference"
        alpha = levels.alpha(metric, contrast.segment)
        why = _why_undefined(contrast, base, hidden, found)
        if why:
            # How many rows a withheld group has is withheld too.
            n = 0 if "withheld" in why else _smaller(contrast, base, found)
            yield Measurement(metric, None, n, UNIT, WELCH, segment=contrast.segment, alpha=alpha, reason=why)
            continue
        one, two = (found[group][base] for group in (contrast.group, contrast.baseline))
        yield difference(metric, one, two, alpha, contrast.segment)


def _why_undefined(
    contrast: Contrast, metric: str, hidden: Mapping[str, str], found: Mapping[str, Mapping[str, Found]]
) -> str | None:
    for group in (contrast.group, contrast.baseline):
        if group not in found:
            return f"undefined ({group!r} does not occur in the reference or the batch)"
        if group in hidden:
            return hidden[group]
        why = found[group][metric].reason
        if why:
            return f"{why.removesuffix(')')} in {group!r})"
    return None


def _smaller(contrast: Contrast, metric: str, found: Mapping[str, Mapping[str, Found]]) -> int:
    return min(found[group][metric].n if group in found else 0 for group in (contrast.group, contrast.baseline))
