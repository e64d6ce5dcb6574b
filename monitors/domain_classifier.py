"""How well a classifier tells rows of a batch from rows of the reference: what no column shows by itself.

Two columns that keep their shares and change what they have to do with each other are told apart here and nowhere
else. This is the one measurement that needs rows and not counts: a bounded sample of them, held in memory for as
long as it takes, of which nothing remains but an area under a curve and the names of columns. Who draws the sample
is in `assets.judged.sampling`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri
from threadpoolctl import threadpool_limits

from governance.records import Measurement
from monitors.grid import RARE
from monitors.uncertainty import auc_with_bounds

METRIC = "domain_classifier_auc"
# Half of them teach and half are measured; with fewer, the trees have nothing to split.
FEWEST = 50
DEFAULT_ROWS = 5_000
# Small trees: in a few thousand rows, larger ones learn what is not there and find less (simulated).
TREES, LEAVES = 100, 8
MOST_CATEGORIES = 250
NAMED_FEATURES = 3
# What costs less than this share of the strongest is not told from chance.
WORTH_NAMING = 0.2
REPEATS = 2


@dataclass(frozen=True)
class Sample:
    """Some rows of one side.

    Attributes
    ----------
    rows : frame of the features; floats are numbers, anything else is a category; None and NaN are missing
    drawn_from : how many rows (with `entities`: how many entities) there were to draw from
    entities : whom each row is about, one row each; None where rows are taken to stand for themselves
    """

    rows: pd.DataFrame
    drawn_from: int
    entities: np.ndarray | None = None


def told_apart(reference: Sample, current: Sample, alpha: float, *, seed: str) -> Measurement:
    """ROC AUC of a classifier of batch against reference rows: 0.5 nothing to tell them by, 1 told without fail.

    Gradient-boosted trees learn on one half of the rows and are measured on the other. Given the trees, the rows
    of the other half are as independent as they were drawn: bounds are those of any AUC, and if nothing changed the
    value is Mann and Whitney's statistic, whose spread is known. Folds that take turns would share rows, and the
    mean of their values spreads more than its rows say. The truth that the bounds are about is the AUC of these very
    trees on all rows: a lower bound of what the best classifier could do.

    Parameters
    ----------
    alpha : float
        Error rate of each one-sided bound, and of the noise floor.
    seed : str
        Hexadecimal; decides the halves. The same samples and seed give the same bytes.

    Returns
    -------
    Measurement
        `n` is the smaller side of the half that was measured. Undefined with fewer than `FEWEST` rows on a side, or
        without a column that both sides have. `reason` names the columns by which the sides are told apart, where
        the value is above its noise floor, and those that were left out.

    References
    ----------
    D. Lopez-Paz, M. Oquab (2017), Revisiting Classifier Two-Sample Tests, ICLR, section 3 (halves);
    J. H. Friedman (2003), On Multivariate Goodness-of-Fit and Two-Sample Testing, SLAC-PUB-10325;
    H. B. Mann, D. R. Whitney (1947), Ann. Math. Statist. 18, 50-60, doi:10.1214/aoms/1177730491 (the null).
    """
    method = _method(reference, current, seed)
    for side, sample in (("reference", reference), ("batch", current)):
        if len(sample.rows) < FEWEST:
            what = "rows" if sample.entities is None else "entities"
            return _undefined(
                f"undefined ({len(sample.rows)} {what} in the {side}, a classifier needs {FEWEST})", method
            )
    left_out = list(_left_out(reference.rows, current.rows))
    features, constant = _features(reference.rows, current.rows)
    left_out += [("the same in every row", name) for name in constant]
    if not features.names:
        return _undefined(f"undefined (no feature differs between rows{_listed(left_out)})", method)
    is_current = np.repeat([False, True], [len(reference.rows), len(current.rows)])
    rng = np.random.default_rng(int(seed[:16], 16))
    taught = halves(is_current, reference.entities, current.entities, rng)
    n, m = (int((~taught & (is_current == side)).sum()) for side in (False, True))
    trees = _taught(features, is_current, taught)
    with threadpool_limits(1):
        scores = trees.decision_function(features.values[~taught])
    _, places = np.unique(scores, return_inverse=True)
    old, new = (np.bincount(places[is_current[~taught] == side], minlength=places.max() + 1) for side in (False, True))
    area, low, high = auc_with_bounds(old.astype(float), new.astype(float), alpha)
    floor = noise_floor(n, m, alpha)
    if area <= floor:
        # Not told from nothing: then nothing is among the truths that the value does not contradict.
        low, high, by = min(low, 0.5), max(high, floor), ""
    else:
        by = f"told apart by {', '.join(_strongest(trees, features, is_current, taught, rng))}"
    reason = f"{by}{_listed(left_out)}".removeprefix("; ") or None
    return Measurement(
        METRIC, area, min(n, m), "share", method, low=low, high=high, alpha=alpha, noise_floor=floor, reason=reason
    )


def noise_floor(n: int, m: int, alpha: float) -> float:
    """The `1 - alpha` quantile of the AUC of `n` against `m` rows when nothing changed, from above.

    The normal limit of Mann and Whitney's U with a correction for continuity. Ties only narrow it and are not
    counted on: trees too weak to tell any two rows apart have shown nothing.
    """
    return min(0.5 + float(ndtri(1 - alpha)) * math.sqrt((n + m + 1) / (12 * n * m)) + 0.5 / (n * m), 1.0)


def halves(
    is_current: np.ndarray, reference: np.ndarray | None, current: np.ndarray | None, rng: np.random.Generator
) -> np.ndarray:
    """Which rows teach: half of each side, the reference's first; an entity with rows on both sides is in one half.

    Parameters
    ----------
    is_current : bool array of shape (rows,)
    reference, current : whom each row of a side is about, or None

    Returns
    -------
    bool array of shape (rows,)
    """
    if reference is None or current is None:
        stratum, unit = is_current.astype(int), np.arange(is_current.size)
    else:
        _, unit = np.unique(np.concatenate([reference, current]), return_inverse=True)
        stratum = np.where(np.bincount(unit)[unit] > 1, 2, is_current.astype(int))
    taught = np.zeros(is_current.size, dtype=bool)
    for one in range(3):
        units = rng.permutation(np.unique(unit[stratum == one]))
        taught |= np.isin(unit, units[: units.size // 2])
    return taught


def _undefined(reason: str, method: str) -> Measurement:
    return Measurement(METRIC, None, 0, "share", method, reason=reason)


def _method(reference: Sample, current: Sample, seed: str) -> str:
    sides = " and ".join(
        f"{len(sample.rows):,} of {sample.drawn_from:,} {side} {'rows' if sample.entities is None else 'entities'}"
        for side, sample in (("reference", reference), ("batch", current))
    )
    one_each = "" if current.entities is None else ", one row of each"
    return (
        f"{TREES} boosted trees on a sample of {sides}{one_each}, seed {seed[:16]}; taught on one half, measured on "
        "the other; DeLong variance, logit bounds; noise floor of Mann-Whitney's U"
    )


def _left_out(reference: pd.DataFrame, current: pd.DataFrame) -> Iterator[tuple[str, str]]:
    for side, one, other in (("batch", reference, current), ("reference", current, reference)):
        yield from ((f"not in the {side}", name) for name in one.columns if name not in other.columns)


def _listed(left_out: Sequence[tuple[str, str]]) -> str:
    """`; left out: x, y (not in the batch)`."""
    whys = dict.fromkeys(why for why, _ in left_out)
    parts = (f"{', '.join(name for w, name in left_out if w == why)} ({why})" for why in whys)
    return f"; left out: {'; '.join(parts)}" if left_out else ""


@dataclass(frozen=True)
class _Features:
    """All rows as trees take them, the reference's first: float array of shape (rows, features), NaN is missing."""

    names: tuple[str, ...]
    values: np.ndarray
    categorical: np.ndarray


def _features(reference: pd.DataFrame, current: pd.DataFrame) -> tuple[_Features, list[str]]:
    """The columns that both sides have and that differ between rows; and the names of those that do not.

    Numbers are replaced by their rank, which changes nothing for trees and leaves no value too large for them;
    categories by codes, those of fewer than `RARE` rows or beyond the most frequent under one code. Looks at both
    sides together, so that it cannot tell them apart.
    """
    names, columns, categorical, constant = [], [], [], []
    for name in reference.columns:
        if name not in current.columns:
            continue
        both = pd.concat([reference[name], current[name]], ignore_index=True)
        numeric = pd.api.types.is_float_dtype(reference[name]) and pd.api.types.is_float_dtype(current[name])
        codes = _ranks(both) if numeric else _categories(both)
        if np.unique(codes).size < 2:
            constant.append(name)
            continue
        names.append(name)
        columns.append(codes)
        categorical.append(not numeric)
    values = np.column_stack(columns) if columns else np.empty((len(reference) + len(current), 0))
    return _Features(tuple(names), values, np.array(categorical, dtype=bool)), constant


def _ranks(values: pd.Series) -> np.ndarray:
    numbers = values.to_numpy(dtype=float)
    known = ~np.isnan(numbers)
    ranks = np.full(numbers.size, np.nan)
    ranks[known] = np.unique(numbers[known], return_inverse=True)[1]
    return ranks


def _categories(values: pd.Series) -> np.ndarray:
    words = values.astype("string")
    counts = words.value_counts().sort_index().sort_values(ascending=False, kind="stable")
    kept = sorted(counts[counts >= RARE].index[:MOST_CATEGORIES])
    codes = words.map({word: float(i) for i, word in enumerate(kept)}).to_numpy(dtype=float, na_value=np.nan)
    return np.where(words.isna(), np.nan, np.where(np.isnan(codes), float(len(kept)), codes))


def _taught(features: _Features, is_current: np.ndarray, taught: np.ndarray) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    trees = HistGradientBoostingClassifier(
        max_iter=TREES,
        max_leaf_nodes=LEAVES,
        early_stopping=False,
        categorical_features=features.categorical,
        random_state=0,
    )
    # One thread: sums in one order, so that the same rows give the same trees.
    with threadpool_limits(1):
        return trees.fit(features.values[taught], is_current[taught])


def _strongest(
    trees: Any, features: _Features, is_current: np.ndarray, taught: np.ndarray, rng: np.random.Generator
) -> list[str]:
    """The columns whose shuffling costs most AUC on the measured half, the strongest first.

    References
    ----------
    L. Breiman (2001), Machine Learning 45, 5-32, doi:10.1023/A:1010933404324, section 10.
    """
    from sklearn.inspection import permutation_importance

    with threadpool_limits(1):
        lost = permutation_importance(
            trees,
            features.values[~taught],
            is_current[~taught],
            scoring="roc_auc",
            n_repeats=REPEATS,
            random_state=int(rng.integers(2**31)),
        ).importances_mean
    order = np.argsort(-lost, kind="stable")[:NAMED_FEATURES]
    return [features.names[i] for i in order if lost[i] >= WORTH_NAMING * lost[order[0]]]
