"""Rates by group and the differences between groups, from the outcome cubes.

Rates are fairlearn's own (`MetricFrame`), with counts as sample weights: the same values as on the rows. What
fairlearn leaves open is settled here: a rate with no denominator is undefined (not 0), a group too small to
publish is withheld, and every difference has bounds.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from governance.metrics import GROUP_RATES
from governance.records import Measurement
from monitors.levels import Contrast, Levels
from monitors.performance import DENOMINATORS, NEWCOMBE, effect_of, hits_of, rate, worth
from monitors.profile import UNKNOWN, Counts, Profile
from monitors.uncertainty import detectable_difference, newcombe, ratio_bounds

SMALLEST_GROUP = 10


class Hits(NamedTuple):
    """A rate as counts; `effect` of its rows are worth one independent row."""

    hits: int
    n: int
    effect: float = 1.0

    @property
    def share(self) -> float:
        """The rate."""
        return self.hits / self.n

    @property
    def independent(self) -> tuple[float, float]:
        """Hits and denominator in independent rows."""
        return self.hits / self.effect, self.n / self.effect


def by_group(profile: Profile, contrasts: Iterable[Contrast], levels: Levels) -> Iterator[Measurement]:
    """Rates of every declared group (and of others that occur), then all contrasts, grouping by grouping."""
    wanted = tuple(contrasts)
    for grouping in profile.grid.groupings:
        if not grouping.by:
            continue
        cube = profile.cubes[grouping.name]
        sizes = {group: int(cube[code].sum()) for code, group in enumerate(grouping.groups)}
        listed = [group for group in grouping.groups if sizes[group] or group in grouping.declared]
        hits = {g: _hits(profile, grouping.name, grouping.groups.index(g)) for g in listed}
        values = group_rates(cube, grouping.groups)
        for group in listed:
            yield from _rates_of(grouping.name, group, sizes[group], hits[group], values)
        for contrast in wanted:
            if contrast.grouping == grouping.name:
                yield from _contrasts_of(contrast, sizes, hits, levels)


def withheld(sizes: Mapping[str, int]) -> dict[str, str]:
    """Groups that are too few people to publish, each with the reason."""
    return {
        group: f"withheld: fewer than {SMALLEST_GROUP} people"
        for group, size in sizes.items()
        if 0 < size < SMALLEST_GROUP
    }


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
    return {metric: Hits(*hits_of(cube, metric), effect_of(profile, metric, grouping, group)) for metric in GROUP_RATES}


def _rates_of(
    grouping: str, group: str, size: int, hits: dict[str, Hits], values: dict[tuple[str, str], float]
) -> Iterator[Measurement]:
    segment = f"{grouping}={group}"
    reason = withheld({group: size}).get(group)
    if reason:
        yield Measurement("rows", None, 0, "rows", "count", segment=segment, reason=reason)
        for metric in GROUP_RATES:
            yield Measurement(metric, None, 0, "share", "withheld", segment=segment, reason=reason)
        return
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


def _contrasts_of(
    contrast: Contrast, sizes: dict[str, int], hits: dict[str, dict[str, Hits]], levels: Levels
) -> Iterator[Measurement]:
    for metric in (*(f"{name}_difference" for name in GROUP_RATES), "selection_rate_ratio"):
        alpha = levels.alpha(metric, contrast.segment)
        base = metric.removesuffix("_difference").removesuffix("_ratio")
        why = _why_undefined(contrast, base, sizes, hits)
        if why:
            unit = "ratio" if metric.endswith("_ratio") else "share"
            n = 0 if "withheld" in why else _smaller(contrast, base, hits)
            yield Measurement(metric, None, n, unit, NEWCOMBE, segment=contrast.segment, alpha=alpha, reason=why)
        elif metric.endswith("_ratio"):
            yield _ratio(contrast, hits[contrast.group][base], hits[contrast.baseline][base], alpha)
        else:
            yield _difference(metric, contrast, hits[contrast.group][base], hits[contrast.baseline][base], alpha)


def _why_undefined(
    contrast: Contrast, metric: str, sizes: dict[str, int], hits: dict[str, dict[str, Hits]]
) -> str | None:
    for group in (contrast.group, contrast.baseline):
        if group not in hits:
            return f"undefined ({group!r} does not occur in the reference or the batch)"
        why = withheld({group: sizes[group]}).get(group)
        if why:
            return f"{why} in {group!r}"
        if hits[group][metric].n == 0:
            return f"undefined (0 {DENOMINATORS[metric]} in {group!r})"
    return None


def _smaller(contrast: Contrast, metric: str, hits: dict[str, dict[str, Hits]]) -> int:
    return min(hits.get(group, {}).get(metric, Hits(0, 0)).n for group in (contrast.group, contrast.baseline))


def _difference(metric: str, contrast: Contrast, one: Hits, two: Hits, alpha: float) -> Measurement:
    low, high = newcombe(*one.independent, *two.independent, alpha)
    return Measurement(
        metric,
        one.share - two.share,
        min(one.n, two.n),
        "share",
        f"{NEWCOMBE}{worth(one.effect, two.effect)}",
        segment=contrast.segment,
        low=low,
        high=high,
        alpha=alpha,
        detectable=detectable_difference(*one.independent, *two.independent, alpha),
    )


def _ratio(contrast: Contrast, one: Hits, two: Hits, alpha: float) -> Measurement:
    method, n = f"counts; MOVER-R bounds{worth(one.effect, two.effect)}", min(one.n, two.n)
    if two.hits == 0:
        reason = f"undefined (nobody selected in {contrast.baseline!r})"
        return Measurement(
            "selection_rate_ratio",
            None,
            n,
            "ratio",
            method,
            segment=contrast.segment,
            alpha=alpha,
            reason=reason,
        )
    low, high = ratio_bounds(*one.independent, *two.independent, alpha)
    return Measurement(
        "selection_rate_ratio",
        one.share / two.share,
        n,
        "ratio",
        method,
        segment=contrast.segment,
        low=low,
        high=None if math.isinf(high) else high,
        alpha=alpha,
        detectable=detectable_difference(*one.independent, *two.independent, alpha) / two.share,
    )
