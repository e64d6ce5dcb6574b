"""The made data: which columns there are and by which law their values are drawn.

Deterministic: a block of rows is drawn from (seed, part, block, column) alone, and always whole. So a file does
not depend on how many processes wrote it, and a short file is the beginning of a long one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

# Raise it with every change of what is drawn: files of another version are not reused.
VERSION = 1
WIDTH = 34
BLOCK = 122_880
# Blocks are held in memory whole, and those of a wide table are large.
WIDE, WIDE_BLOCK = 100, 50_000

REFERENCE, BATCH, SAMPLE = 1, 2, 3
SIZES = (2, 3, 5, 8, 12, 20, 40, 80, 200, 1000)
REGIONS = tuple(f"region {i}" for i in range(10))
SEXES = ("female", "male")
SCORE, LABEL, PREDICTION, REGION, SEX = "score", "label", "prediction", "region", "sex"
ROLES = (SCORE, REGION, SEX, LABEL, PREDICTION)
THRESHOLD = 0.5
NULLS = 0.02
# Between these lies every number that the law draws.
LOWEST, HIGHEST = -1e9, 1e9

Array = np.ndarray[Any, Any]
Draw = Callable[[np.random.Generator, int, float], Array]


@dataclass(frozen=True)
class Feature:
    """One column: a number drawn by `draw` (rng, rows, shift), or one of `categories` names, the first most common."""

    name: str
    draw: Draw | None = None
    categories: int = 0
    nulls: float = 0.0


def _normal(mean: float, spread: float) -> Draw:
    return lambda rng, rows, shift: mean + spread * (rng.standard_normal(rows) + shift)


def _lognormal(mean: float, spread: float) -> Draw:
    return lambda rng, rows, shift: np.exp(mean + spread * (rng.standard_normal(rows) + shift))


def _rounded(draw: Draw) -> Draw:
    return lambda rng, rows, shift: np.round(draw(rng, rows, shift), 2)


def _count(mean: float) -> Draw:
    return lambda rng, rows, shift: rng.poisson(mean + shift * mean**0.5, rows)


NUMBERS = (
    Feature("normal_1", _normal(0, 1)),
    Feature("normal_2", _normal(100, 15)),
    Feature("normal_3", _normal(-5, 0.1), nulls=NULLS),
    Feature("normal_4", _normal(1e6, 2e5)),
    Feature("normal_5", _normal(37, 0.5)),
    Feature("normal_6", _normal(0, 1000)),
    Feature("lognormal_1", _lognormal(0, 1)),
    Feature("lognormal_2", _lognormal(7, 0.5), nulls=NULLS),
    Feature("lognormal_3", _lognormal(10, 1.5)),
    Feature("lognormal_4", _lognormal(-3, 0.3)),
    Feature("rounded_1", _rounded(_normal(0, 1))),
    Feature("rounded_2", _rounded(_normal(70, 12))),
    Feature("rounded_3", _rounded(_lognormal(3, 1))),
    Feature("rounded_4", _rounded(_normal(3000, 500)), nulls=NULLS),
    Feature("rounded_5", _rounded(_normal(0, 0.05))),
    Feature("count_1", _count(1)),
    Feature("count_2", _count(4)),
    Feature("count_3", _count(20)),
    Feature("count_4", _count(200)),
)
CATEGORIES = tuple(Feature(f"category_{size}", categories=size) for size in SIZES)


def features(width: int = WIDTH) -> tuple[Feature, ...]:
    """The columns beside the five roles: one round of numbers and categories, repeated as far as `width` asks."""
    wanted = width - len(ROLES)
    if wanted < 1:
        raise ValueError(f"A table needs more than {len(ROLES)} columns, got {width=}.")
    one = NUMBERS + CATEGORIES
    rounds = range(-(-wanted // len(one)))
    named = [
        Feature(f"{item.name}_{turn}" if turn else item.name, item.draw, item.categories, item.nulls)
        for turn in rounds
        for item in one
    ]
    return tuple(named[:wanted])


def numeric(width: int = WIDTH) -> tuple[str, ...]:
    """Names of the numeric columns, the score last."""
    return (*(feature.name for feature in features(width) if feature.draw), SCORE)


def categorical(width: int = WIDTH) -> tuple[str, ...]:
    """Names of the categorical columns, the two groups, label and prediction last."""
    return (*(feature.name for feature in features(width) if feature.categories), REGION, SEX, LABEL, PREDICTION)


def never_null(width: int = WIDTH) -> tuple[str, ...]:
    """Names of the columns that hold no NULL, the categorical ones first."""
    holed = {feature.name for feature in features(width) if feature.nulls}
    return tuple(name for name in (*categorical(width), *numeric(width)) if name not in holed)


def values_of(name: str) -> list[Any]:
    """All values of a categorical column."""
    if name in (LABEL, PREDICTION):
        return [0, 1]
    if name in (REGION, SEX):
        return list(REGIONS if name == REGION else SEXES)
    return _names_of(int(name.split("_")[1]))


def _names_of(size: int) -> list[str]:
    return [f"value {i}" for i in range(size)]


def blocks(rows: int, *, seed: int, part: int = 0, width: int = WIDTH, shift: float = 0.0) -> Iterator[pa.Table]:
    """The table in pieces, each one row group of its file.

    Parameters
    ----------
    seed, part : int
        Another seed is another table of the same law; parts are the files of one table.
    shift : float
        How many standard deviations every numeric column but the score is moved by.
    """
    size = BLOCK if width <= WIDE else WIDE_BLOCK
    for index in range(-(-rows // size)):
        yield _block(size, (seed, part, index), width, shift).slice(0, min(size, rows - index * size))


def write(path: Path, rows: int, *, seed: int, part: int = 0, width: int = WIDTH, shift: float = 0.0) -> Path:
    """The table as one Parquet file, there only when it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    begun = path.with_suffix(".part")
    schema = next(blocks(1, seed=seed, width=width)).schema
    with (
        begun.open("wb") as file,
        pq.ParquetWriter(
            file, schema, compression="zstd", store_schema=False, use_dictionary=_repeating(width)
        ) as writer,
    ):
        for block in blocks(rows, seed=seed, part=part, width=width, shift=shift):
            writer.write_table(block, row_group_size=block.num_rows)
    return begun.replace(path)


def _repeating(width: int) -> list[str]:
    """Columns whose values repeat within a row group; a dictionary of the others would be tried in vain."""
    return [
        name for name in (*numeric(width), *categorical(width)) if not name.startswith(("normal", "lognormal", SCORE))
    ]


def _block(rows: int, place: tuple[int, int, int], width: int, shift: float) -> pa.Table:
    columns = {
        feature.name: _column(feature, np.random.default_rng([*place, index]), rows, shift)
        for index, feature in enumerate(features(width))
    }
    # A number that no column of any width has, so that the roles are the same in every width.
    return pa.table(columns | _roles(np.random.default_rng([*place, 2**31]), rows))


def _column(feature: Feature, rng: np.random.Generator, rows: int, shift: float) -> pa.Array:
    if feature.draw is None:
        return _chosen(_zipf(rng, feature.categories, rows), _names_of(feature.categories))
    values = feature.draw(rng, rows, shift)
    return pa.array(values, mask=rng.random(rows) < feature.nulls if feature.nulls else None)


def _roles(rng: np.random.Generator, rows: int) -> dict[str, pa.Array]:
    """Groups, a score that differs between them, a label that is true as often as the score says, a prediction."""
    region, sex = _zipf(rng, len(REGIONS), rows), rng.integers(2, size=rows).astype(np.int32)
    logit = rng.standard_normal(rows) - 0.3 + 0.05 * region + 0.1 * sex
    score = 1 / (1 + np.exp(-logit))
    return {
        SCORE: pa.array(score),
        REGION: _chosen(region, list(REGIONS)),
        SEX: _chosen(sex, list(SEXES)),
        LABEL: pa.array((rng.random(rows) < score).astype(np.int8)),
        PREDICTION: pa.array((score >= THRESHOLD).astype(np.int8)),
    }


def _zipf(rng: np.random.Generator, size: int, rows: int) -> Array:
    """Codes 0 … size − 1, code i in proportion to 1 / (i + 1)."""
    weights = np.cumsum(1 / np.arange(1, size + 1))
    return np.searchsorted(weights[:-1] / weights[-1], rng.random(rows), side="right").astype(np.int32)


def _chosen(codes: Array, names: list[str]) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), pa.array(names))
