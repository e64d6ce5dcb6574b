"""By what the rows of two sides are cut to see who is alike on both: score bins, groups, attributes within a group."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from monitors.bin_names import score_name
from monitors.grid import COARSE_BINS, GroupGrid
from monitors.levels import Contrast
from monitors.profile import Counts, Profile
from monitors.share_bins import equal_shares

SCORE = "score bins"


@dataclass(frozen=True)
class Strata:
    """The rows of two sides, cut alike.

    Attributes
    ----------
    names : one for each stratum
    before, after : int arrays of shape (strata, 3 labels, 3 predictions)
    withheld : bool array of shape (strata,)
        Of these nothing is published by itself.
    """

    by: str
    names: tuple[str, ...]
    before: np.ndarray
    after: np.ndarray
    withheld: np.ndarray


@dataclass(frozen=True)
class ScoreBins:
    """Stretches of score bins: their names, and the first score bin of each."""

    names: tuple[str, ...]
    starts: np.ndarray

    def cut(self, cube: Counts) -> np.ndarray:
        """Counts by stretch: from shape (3, 3, score bins) to (stretches, 3, 3)."""
        found: np.ndarray = np.moveaxis(np.add.reduceat(cube, self.starts, axis=-1), -1, 0)
        return found


def score_bins(profile: Profile) -> ScoreBins | None:
    """By what the scores of this profile, and of what is compared with it, are cut; None where no score is declared.

    Few exact values stay as they are; others are joined into stretches of about equal share, never across the
    threshold, for on either side of it another decision is made. Missing and unknown scores stay apart.
    """
    score, threshold = profile.grid.score, profile.grid.threshold
    if score is None:
        return None
    bins = np.arange(score.size)
    if not score.values or len(score.values) > COARSE_BINS:
        known = len(score.values) or score.bins + 2
        coarse = equal_shares(profile.cube.sum(axis=(0, 1))[:known])
        if threshold is not None:
            coarse = 2 * coarse + np.array([score.centre(i) >= threshold for i in range(known)])
        bins = np.concatenate([coarse, coarse.max() + 1 + np.arange(score.size - known)])
    starts = np.flatnonzero(np.diff(bins, prepend=-1))
    ends = [*(starts[1:] - 1), score.size - 1]
    return ScoreBins(tuple(score_name(score, int(s), int(e)) for s, e in zip(starts, ends, strict=True)), starts)


Withheld = Mapping[str, frozenset[str]]


def of_change(current: Profile, reference: Profile, scores: ScoreBins | None, withheld: Withheld) -> Iterator[Strata]:
    """All rows of reference and batch by score bins, then by the groups of each grouping."""
    if scores:
        yield _by_score(scores, reference.cube, current.cube)
    for grouping in current.grid.groupings:
        if grouping.by:
            before, after = (profile.cubes[grouping.name].sum(axis=-1) for profile in (reference, current))
            yield Strata(grouping.name, grouping.groups, before, after, _hidden(grouping, withheld))


def of_contrast(contrast: Contrast, profile: Profile, scores: ScoreBins | None, withheld: Withheld) -> Iterator[Strata]:
    """Baseline and group by score bins, then by each further attribute that a declared intersection holds.

    A baseline that is another group in every batch, the most favoured one, is not cut.
    """
    grouping, seen = profile.grouping(contrast.grouping), {SCORE}
    if contrast.baseline not in grouping.groups:
        return
    places = [grouping.groups.index(group) for group in (contrast.baseline, contrast.group)]
    if scores:
        before, after = (profile.cubes[grouping.name][place] for place in places)
        yield _by_score(scores, before, after)
    for wider in profile.grid.groupings:
        others = _other_attributes(grouping, wider)
        if others is not None and others.name not in seen:
            seen.add(others.name)
            before, after = (_within(grouping, place, wider, profile.cubes[wider.name]) for place in places)
            hidden = _hidden(wider, withheld)
            away = [_cells(grouping, place, wider, hidden) for place in places]
            yield Strata(others.name, others.groups, before, after, away[0] | away[1])


def _by_score(scores: ScoreBins, before: Counts, after: Counts) -> Strata:
    return Strata(SCORE, scores.names, scores.cut(before), scores.cut(after), np.zeros(len(scores.names), dtype=bool))


def _hidden(grouping: GroupGrid, withheld: Withheld) -> np.ndarray:
    away = withheld.get(grouping.name, frozenset())
    return np.array([group in away for group in grouping.groups])


def _other_attributes(grouping: GroupGrid, wider: GroupGrid) -> GroupGrid | None:
    """The attributes that an intersection has besides those of the grouping; None where it lacks one of these."""
    held = dict(zip(wider.by, wider.categories, strict=True))
    mine = dict(zip(grouping.by, grouping.categories, strict=True))
    rest = tuple(name for name in wider.by if name not in mine)
    if not rest or any(held.get(name) != categories for name, categories in mine.items()):
        return None
    return GroupGrid(rest, tuple(held[name] for name in rest))


def _within(grouping: GroupGrid, place: int, wider: GroupGrid, cube: Counts) -> np.ndarray:
    """The rows of one group by the other attributes: int array of shape (strata, 3, 3)."""
    cells = _cells(grouping, place, wider, np.arange(len(wider.groups)))
    found: np.ndarray = cube.sum(axis=-1)[cells]
    return found


def _cells(grouping: GroupGrid, place: int, wider: GroupGrid, of: np.ndarray) -> np.ndarray:
    """What an array over the cells of `wider` holds of one group, by the other attributes: shape (strata,)."""
    levels = dict(zip(grouping.by, np.unravel_index(place, _shape(grouping)), strict=True))
    where = tuple(levels.get(name, slice(None)) for name in wider.by)
    found: np.ndarray = of.reshape(_shape(wider))[where].reshape(-1)
    return found


def _shape(grouping: GroupGrid) -> tuple[int, ...]:
    return tuple(len(categories) + 2 for categories in grouping.categories)
