"""Rates by group and the differences between groups, from the outcome cubes.

Rates are fairlearn's own (`MetricFrame`), with counts as sample weights: the same values as on the rows. What
fairlearn leaves open is settled here and beside: a rate with no denominator is undefined (not 0), groups too small
to publish are withheld (`monitors.suppression`), and every difference has bounds (`monitors.contrasts`).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from governance.declared.metrics import CALIBRATION, GROUP_RATES
from governance.records import Measurement
from monitors.contrasts import differences_of
from monitors.groups import COUNTED, Groups, Hits
from monitors.levels import Contrast, Levels
from monitors.performance import effect_of, hits_of, is_probability, rate
from monitors.profile import NEGATIVE, POSITIVE, UNKNOWN, Counts, Profile
from monitors.suppression import SMALLEST_GROUP, coverage, reason, withheld_groups
from monitors.uncertainty import exact

# With fewer outcomes of a kind, how far they scatter about their scores cannot be told from them.
FEW_OUTCOMES = 5


def by_group(
    profile: Profile,
    contrasts: Iterable[Contrast],
    levels: Levels,
    *,
    smallest: int = SMALLEST_GROUP,
    withheld: Mapping[str, frozenset[str]] | None = None,
) -> Iterator[Measurement]:
    """Rates of every declared group (and of others that occur), then all contrasts, grouping by grouping.

    Parameters
    ----------
    smallest : int
        Of a group of fewer people nothing is published.
    withheld : mapping of grouping to groups
        What `withheld_groups` found, where the caller knows it already.
    """
    wanted = tuple(contrasts)
    hidden = withheld_groups(profile, smallest) if withheld is None else withheld
    for grouping in profile.grid.groupings:
        if not grouping.by:
            continue
        cube, away = profile.cubes[grouping.name], hidden[grouping.name]
        sizes = {group: int(cube[code].sum()) for code, group in enumerate(grouping.groups)}
        listed = [g for g in grouping.groups if sizes[g] or g in grouping.declared or g in away]
        hits = {g: _hits(profile, grouping.name, grouping.groups.index(g)) for g in listed if g not in away}
        values = group_rates(cube, grouping.groups)
        yield coverage(grouping, sizes, away)
        for group in listed:
            segment = f"{grouping.name}={group}"
            if group in away:
                yield from _withheld(segment, hits, smallest)
            else:
                yield from _rates_of(grouping.name, group, sizes[group], hits[group], values)
        reasons = {group: reason(smallest, group) for group in away}
        known = Groups(hits, reasons, grouping.declared - away)
        yield from differences_of([c for c in wanted if c.grouping == grouping.name], known, levels)


def contrasts_alone(profile: Profile, contrasts: Sequence[Contrast], levels: Levels) -> Iterator[Measurement]:
    """The contrasts of one grouping, as `by_group` has them, of counts that are nobody's: nothing is withheld.

    For made batches, by the thousand: the rates are not held against fairlearn's.
    """
    grouping = profile.grouping(contrasts[0].grouping)
    cube = profile.cubes[grouping.name]
    occurring = [g for code, g in enumerate(grouping.groups) if g in grouping.declared or cube[code].any()]
    hits = {g: _hits(profile, grouping.name, grouping.groups.index(g)) for g in occurring}
    yield from differences_of(contrasts, Groups(hits, {}, grouping.declared), levels)


def group_rates(cube: Counts, groups: tuple[str, ...]) -> dict[tuple[str, str], float]:
    """(metric, group) → rate, by fairlearn from the counts of a cube of shape (groups, 3, 3, score bins)."""
    table = cube.sum(axis=-1)
    code, label, prediction = np.nonzero(table)
    rows = pd.DataFrame(
        {
            "group": [groups[i] for i in code],
            "label": label,
            "prediction": prediction,
            "count": table[code, label, prediction],
        }
    )
    labelled, predicted = rows["label"] < UNKNOWN, rows["prediction"] < UNKNOWN
    found = _metric_frame(rows[labelled & predicted], _agreement_metrics())
    found |= _metric_frame(rows[predicted], {"selection_rate": _selection()})
    # So is the share of known outcomes the "selection rate" of knowing them.
    found |= _metric_frame(rows.assign(label=0, prediction=labelled.astype(int)), {"label_coverage": _selection()})
    # The outcome rate is the "selection rate" of the outcome itself.
    outcomes = rows[labelled]
    outcomes = outcomes.assign(prediction=outcomes["label"])
    return found | _metric_frame(outcomes, {"outcome_rate": _selection()})


def _metric_frame(rows: pd.DataFrame, metrics: Mapping[str, object]) -> dict[tuple[str, str], float]:
    from fairlearn.metrics import MetricFrame

    if rows.empty:
        return {}
    rows = rows.reset_index(drop=True)
    with warnings.catch_warnings():
        # scikit-learn and fairlearn warn of empty denominators; those rates are replaced by "undefined" here.
        warnings.filterwarnings("ignore", category=UserWarning)
        warnings.filterwarnings("ignore", category=RuntimeWarning)
        frame = MetricFrame(
            metrics=dict(metrics),
            y_true=rows["label"].where(rows["label"] < UNKNOWN, 0),
            y_pred=rows["prediction"],
            sensitive_features=rows["group"],
            sample_params={name: {"sample_weight": rows["count"]} for name in metrics},
        )
    return {
        (name, str(group)): float(value) for name, column in frame.by_group.items() for group, value in column.items()
    }


def _agreement_metrics() -> dict[str, object]:
    from fairlearn.metrics import false_negative_rate, false_positive_rate, true_positive_rate
    from sklearn.metrics import accuracy_score, precision_score

    return {
        "accuracy": accuracy_score,
        "precision": precision_score,
        "true_positive_rate": true_positive_rate,
        "false_positive_rate": false_positive_rate,
        "false_negative_rate": false_negative_rate,
    }


def _selection() -> object:
    from fairlearn.metrics import selection_rate

    return selection_rate


def _hits(profile: Profile, grouping: str, group: int) -> dict[str, Hits]:
    cube = profile.cubes[grouping][group]
    found = {
        metric: Hits(*hits_of(cube, metric), effect_of(profile, metric, grouping, group)) for metric in GROUP_RATES
    }
    if is_probability(profile.grid.score):
        found[CALIBRATION] = _calibration(profile, cube, found["outcome_rate"].effect)
    return found


def _calibration(profile: Profile, cube: Counts, effect: float) -> Hits:
    """Mean score less outcome rate, of rows that have both, as counts of the outcome against what scores promise.

    Outcomes scatter less about good scores than about their mean: so many fewer rows are worth one. Scores stand at
    the centres of their bins, so the value is right to half a bin.
    """
    grid = profile.grid.score
    assert grid is not None
    centres = np.array([grid.centre(i) for i in range(grid.size - 1)])
    rows = cube[:UNKNOWN, :, :-1].sum(axis=1)
    n, hits = int(rows.sum()), int(rows[POSITIVE].sum())
    if n == 0:
        return Hits(0, 0)
    promised = float((rows.sum(axis=0) * centres).sum() / n)
    away = float((rows[NEGATIVE] * centres**2 + rows[POSITIVE] * (1 - centres) ** 2).sum() / n)
    scatter = 1.0
    if min(hits, n - hits) >= FEW_OUTCOMES:
        scatter = (away - (promised - hits / n) ** 2) / (hits / n * (1 - hits / n))
    return Hits(hits, n, effect * max(scatter, 0.01), offset=promised, sign=-1)


def _withheld(segment: str, hits: Mapping[str, Mapping[str, Hits]], smallest: int) -> Iterator[Measurement]:
    why = reason(smallest)
    yield Measurement("rows", None, 0, "rows", "count", segment=segment, reason=why)
    for metric in (*GROUP_RATES, *((CALIBRATION,) if any(CALIBRATION in h for h in hits.values()) else ())):
        yield Measurement(metric, None, 0, "share", "withheld", segment=segment, reason=why)


def _rates_of(
    grouping: str, group: str, size: int, hits: dict[str, Hits], values: dict[tuple[str, str], float]
) -> Iterator[Measurement]:
    segment = f"{grouping}={group}"
    yield Measurement("rows", float(size), size, "rows", "count", segment=segment)
    for metric in GROUP_RATES:
        counted = hits[metric]
        alpha = Levels({}).alpha(metric)
        found = rate(metric, counted.hits, counted.n, alpha, segment=segment, effect=counted.effect)
        if found.value is None:
            yield found
            continue
        ours, theirs = found.value, values[metric, group]
        if not math.isclose(ours, theirs, rel_tol=0, abs_tol=1e-12):
            raise ArithmeticError(f"{metric} of {segment}: counts give {ours}, fairlearn {theirs}.")
        yield found
    if CALIBRATION in hits:
        yield _calibrated(segment, hits[CALIBRATION])


def _calibrated(segment: str, hits: Hits) -> Measurement:
    alpha, method = Levels({}).alpha(CALIBRATION), "score bins, rows at bin centres; exact bounds (Clopper-Pearson)"
    if hits.n == 0:
        why = f"undefined (0 {COUNTED[CALIBRATION]})"
        return Measurement(CALIBRATION, None, 0, "share", method, segment=segment, alpha=alpha, reason=why)
    low, high = exact(*hits.independent, alpha)
    return Measurement(
        CALIBRATION,
        hits.share,
        hits.n,
        "share",
        method,
        segment=segment,
        low=hits.offset - high,
        high=hits.offset - low,
        alpha=alpha,
    )
