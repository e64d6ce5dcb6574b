"""Rows of one entity: what they are worth, by simulation with a known answer."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from governance.declared.system import Grouping
from monitors.freezing import freeze
from monitors.levels import Levels, contrasts_of
from monitors.measure import measure
from monitors.performance import overall
from monitors.profiling import profile
from monitors.uncertainty import design_effect, mean_design_effect

KEY = "secret"


def in_buckets(values: np.ndarray, entities: np.ndarray, buckets: int = 256) -> tuple[np.ndarray, np.ndarray]:
    """Hits and rows per bucket, entities dealt out at random."""
    place = np.random.default_rng(0).integers(0, buckets, entities.max() + 1)[entities]
    return np.bincount(place, values, buckets).astype(int), np.bincount(place, minlength=buckets)


@pytest.mark.parametrize("size, together", [(1, 0.0), (10, 0.0), (10, 1.0), (10, 0.3), (4, 0.5)], ids=str)
def test_the_design_effect_is_the_one_of_equal_clusters(size: int, together: float) -> None:
    """Kish: 1 + (size - 1) · rho, where rho is the correlation of two rows of one entity."""
    rng, entities = np.random.default_rng(50), np.repeat(np.arange(8_000), size)
    own = rng.random(8_000) < 0.3
    values = np.where(rng.random(entities.size) < np.sqrt(together), own[entities], rng.random(entities.size) < 0.3)
    # Each row takes its entity's value with probability sqrt(rho): two of them both do with probability rho.
    assert design_effect(*in_buckets(values, entities)) == pytest.approx(1 + (size - 1) * together, rel=0.25)


def test_independent_rows_are_worth_themselves_and_never_more() -> None:
    rng = np.random.default_rng(51)
    found = [design_effect(*in_buckets(rng.random(4_000) < 0.2, np.arange(4_000))) for _ in range(50)]
    assert min(found) == 1.0 and np.mean(found) < 1.1
    assert design_effect(np.array([0, 0]), np.array([5, 5])) == 1.0
    assert design_effect(np.zeros(256, int), np.zeros(256, int)) == 1.0
    assert mean_design_effect(np.zeros((256, 4), int)) == 1.0


def people(rng: np.random.Generator, entities: int, size: int, rate: float = 0.3) -> dict[str, Any]:
    """Each entity stands there `size` times with the same values."""
    groups = rng.choice(["a", "b"], entities)
    once = {"x": rng.normal(size=entities), "g": groups, "y": (rng.random(entities) < rate).astype(int)}
    once |= {"p": (rng.random(entities) < rate).astype(int), "who": np.array([f"e{i}" for i in range(entities)])}
    return {name: pa.array(np.repeat(values, size)) for name, values in once.items()}


def looked_at(shape: Any, table_of: Any, entity: str | None, seed: int) -> dict[str, Any]:
    """Nothing changed: 300 people, ten rows each, against 300 others."""
    rng = np.random.default_rng(seed)
    reference, batch = (table_of(people(rng, 300, 10)) for _ in range(2))
    asked = shape(numeric=("x",), categorical=("g",), groupings=(("g",),), label="y", prediction="p", entity=entity)
    grid = freeze(reference, asked, entity_key=KEY)
    before, now = (profile(table, grid, entity_key=KEY) for table in (reference, batch))
    contrasts = contrasts_of(Grouping(by=("g",), baseline="a"), grid, ())
    found = measure(now, before, contrasts, Levels({}), seed=now.digest)
    return {m.metric: m for m in found if m.segment in (None, "g: b − a") and m.column in (None, "x")}


QUESTIONS = {
    "psi": lambda m: m.low > 0,
    "jensen_shannon": lambda m: m.low > 0,
    "ks": lambda m: m.value > m.noise_floor,
    "outcome_rate_change": lambda m: m.low > 0 or m.high < 0,
    "selection_rate_difference": lambda m: m.low > 0 or m.high < 0,
}
ALPHA = {
    "psi": 0.025,
    "jensen_shannon": 0.025,
    "ks": 0.025,
    "outcome_rate_change": 0.05,
    "selection_rate_difference": 0.05,
}


def test_rows_of_few_people_raise_false_alarms_unless_the_entity_is_declared(shape: Any, table_of: Any) -> None:
    runs = 40
    alarms = {
        entity: {name: sum(alarm(found[name]) for found in looks) for name, alarm in QUESTIONS.items()}
        for entity, looks in (
            (entity, [looked_at(shape, table_of, entity, seed) for seed in range(runs)]) for entity in (None, "who")
        )
    }
    for name, alpha in ALPHA.items():
        assert alarms[None][name] > runs * 0.25, (name, alarms)
        assert stats.binomtest(alarms["who"][name], runs, alpha, alternative="greater").pvalue > 0.005, (name, alarms)


def test_what_dependent_rows_are_worth_is_said_with_the_value(shape: Any, table_of: Any) -> None:
    found = looked_at(shape, table_of, "who", 1)
    for name in QUESTIONS:
        assert "rows of entities worth one" in found[name].method
    assert "worth one" not in looked_at(shape, table_of, None, 1)["psi"].method


def test_bounds_of_a_ranking_and_of_losses_cover_the_truth_when_rows_come_in_fives(shape: Any, table_of: Any) -> None:
    """Scores are not counted per bucket: the largest effect of the rates stands in, and must be enough."""
    rng, runs, truth = np.random.default_rng(52), 25, {"roc_auc": stats.norm.cdf(1.2 / np.sqrt(2))}
    misses = {(metric, entity): 0 for metric in ("roc_auc", "brier_score") for entity in (None, "who")}
    truth["brier_score"] = float(np.mean(_squares(np.random.default_rng(53), 200_000, 1)[1]))
    for _ in range(runs):
        (label, score), _ = _squares(rng, 200, 5)
        who = np.repeat([f"e{i}" for i in range(200)], 5)
        table = table_of({"y": label, "p": score, "who": who})
        for entity in (None, "who"):
            asked = shape(label="y", score="p", score_is_probability=True, threshold=0.5, entity=entity)
            counted = profile(table, freeze(table, asked, entity_key=KEY), entity_key=KEY)
            for m in overall(counted, None, Levels({})):
                if m.metric in truth:
                    misses[m.metric, entity] += not m.low <= truth[m.metric] <= m.high
                    assert ("rows of entities worth one" in m.method) == (entity is not None)
    for metric in truth:
        assert stats.binomtest(misses[metric, "who"], runs, 0.05, alternative="greater").pvalue > 0.01, misses
        assert misses[metric, None] > max(4, misses[metric, "who"]), misses


def _squares(rng: np.random.Generator, entities: int, size: int) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    """Outcome and score of entities whose rows have nearly the same score, and their squared errors."""
    label = np.repeat((rng.random(entities) < 0.4).astype(int), size)
    own = np.repeat(rng.normal(size=entities), size)
    score = stats.norm.cdf(1.2 * label - 0.6 + np.sqrt(0.9) * own + np.sqrt(0.1) * rng.normal(size=label.size))
    return (label, score), (score - label) ** 2
