"""Odd batches and odd references: each number is known or has a reason, nothing is raised, and nothing passes blindly.

The whole path is gone, from a file to verdicts and parts, with a criterion on every metric that suits the system.
"""

import datetime as dt
import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from governance.declared.assessment import Criterion
from governance.declared.comparison import Against
from governance.declared.criterion_faults import OF_PROBABILITY
from governance.declared.metrics import METRICS, Task, distances_of
from governance.declared.system import Grouping
from governance.records import Measurement, Outcome, Part, Verdict
from monitors.decomposition import decompose
from monitors.freezing import Shape, freeze
from monitors.judge import Labels, judge_all
from monitors.levels import Contrast, contrasts_of, levels_of
from monitors.measure import Earlier, measure
from monitors.performance import hits_of
from monitors.profile import Profile
from monitors.profiling import profile
from monitors.reliance import Reliance
from reports.batch_review import BatchReview, render
from reports.tables import measurement_tables, verdict_rows

Rows = dict[str, pa.Array]

TYPES = {
    "amount": pa.float64(),
    "count": pa.int64(),
    "kind": pa.string(),
    "region": pa.string(),
    "sex": pa.string(),
    "time": pa.timestamp("us"),
    "words": pa.string(),
    "who": pa.string(),
    "y": pa.float64(),
    "p": pa.float64(),
    "s": pa.float64(),
}
NUMBERS, WORDS = ("amount", "s", "y", "p"), ("kind", "region", "sex", "words", "who")
GROUPINGS = (
    Grouping(by=("region",), baseline="north"),
    Grouping(by=("sex",), most_favoured="selected"),
    Grouping(by=("region", "sex"), baseline="north × f"),
)
MIN_N = 30
# What is known even of a batch in which nothing is known, and bad when low.
COVERAGES = ("label_coverage", "attribute_coverage")
EARLIER = "previous 4"


# What is odd


def ordinary(n: int = 300, seed: int = 1, *, numbers: bool = False) -> dict[str, list[Any]]:
    """Rows with nothing odd about them; `numbers` makes label and prediction those of a regression."""
    rng = np.random.default_rng(seed)
    start = dt.datetime(2024, 1, 1)
    score = rng.random(n).round(3)
    label, prediction = (rng.random(n) < score).astype(float), (score >= 0.5).astype(float)
    if numbers:
        prediction = rng.normal(10, 3, n).round(2)
        label = (prediction + rng.normal(0, 1, n)).round(2)
    return {
        "amount": list(rng.normal(100, 20, n)),
        "count": rng.integers(0, 5, n).tolist(),
        "kind": list(rng.choice(["a", "b", "c"], n)),
        "region": list(rng.choice(["north", "south"], n)),
        "sex": list(rng.choice(["f", "m"], n)),
        "time": [start + dt.timedelta(hours=int(hours)) for hours in rng.integers(0, 700, n)],
        "words": [f"{word} {number}" for word, number in zip(rng.choice(["one", "two"], n), range(n), strict=True)],
        "who": [f"person {number}" for number in rng.integers(0, max(n // 3, 1), n)],
        "y": label.tolist(),
        "p": prediction.tolist(),
        "s": score.tolist(),
    }


def put(rows: dict[str, list[Any]], **changed: Any) -> dict[str, list[Any]]:
    """The rows with whole columns replaced: by one value, or by values that take turns."""
    n = len(rows["amount"])
    turns = {name: value if isinstance(value, list) else [value] for name, value in changed.items()}
    return rows | {name: [values[i % len(values)] for i in range(n)] for name, values in turns.items()}


def without(rows: dict[str, list[Any]], *names: str) -> dict[str, list[Any]]:
    return {name: values for name, values in rows.items() if name not in names}


def every(rows: dict[str, list[Any]], names: tuple[str, ...], *values: Any) -> dict[str, list[Any]]:
    return put(rows, **{name: list(values) for name in names})


def cut(rows: dict[str, list[Any]], start: int, stop: int) -> dict[str, list[Any]]:
    return {name: values[start:stop] for name, values in rows.items()}


Odd = Callable[[dict[str, list[Any]]], dict[str, list[Any]]]
ODD: Mapping[str, Odd] = {
    "nothing odd": lambda rows: rows,
    "no rows": lambda rows: cut(rows, 0, 0),
    "one row": lambda rows: cut(rows, 0, 1),
    "two rows": lambda rows: cut(rows, 0, 2),
    "one class": lambda rows: put(rows, y=0.0),
    "the other class": lambda rows: put(rows, y=1.0),
    "one group": lambda rows: put(rows, region="south", sex="m"),
    "a group left empty": lambda rows: put(rows, sex="f"),
    "one person in a group": lambda rows: put(rows, region=["north"] * 299 + ["south"]),
    "all selected": lambda rows: put(rows, p=1.0, s=0.9),
    "none selected": lambda rows: put(rows, p=0.0, s=0.1),
    "no labels": lambda rows: put(rows, y=None),
    "one label": lambda rows: put(rows, y=[1.0] + [None] * 299),
    "no scores": lambda rows: put(rows, s=None),
    "no predictions": lambda rows: put(rows, p=None, s=None),
    "a constant score": lambda rows: put(rows, s=0.5),
    "scores of 0 and 1": lambda rows: put(rows, s=[0.0, 1.0]),
    "scores that are no probabilities": lambda rows: put(rows, s=[-3.0, 7.0, math.nan]),
    "labels that are no classes": lambda rows: put(rows, y=[2.0, -1.0, math.nan]),
    "all NULL": lambda rows: every(rows, tuple(rows), None),
    "all constant": lambda rows: put(rows, **{name: values[0] for name, values in rows.items()}),
    "columns absent": lambda rows: without(rows, "amount", "kind", "words", "time"),
    "outcomes and groups absent": lambda rows: without(rows, "y", "p", "s", "region"),
    "nothing but a key": lambda rows: {"case": [str(i) for i in range(len(rows["y"]))]},
    "no overlap": lambda rows: put(
        rows, amount=[1e6, 2e6], count=99, kind="new", region="east", sex="x", words="", time=dt.datetime(1900, 1, 1)
    ),
    "NaN": lambda rows: every(rows, NUMBERS, math.nan),
    "infinite": lambda rows: every(rows, NUMBERS, math.inf, -math.inf),
    "some infinite": lambda rows: every(rows, NUMBERS, 0.0, math.inf, 1.0, math.nan, None),
    "as large as numbers get": lambda rows: every(rows, NUMBERS, 1e308, -1e308),
    "all as large as numbers get": lambda rows: every(rows, NUMBERS, 1e308),
    "as small as numbers get": lambda rows: every(rows, NUMBERS, 5e-324, -5e-324, 0.0),
    "one as large as numbers get": lambda rows: put(rows, amount=[1e308] + [1.0] * 299, y=[1e308] + [1.0] * 299),
    "empty words": lambda rows: every(rows, WORDS, ""),
    "reserved words": lambda rows: every(rows, WORDS, "(other)", "(missing)", "(rest)", " "),
}
NOTHING_KNOWN = ("no rows", "one row", "two rows", "nothing but a key")
# Columns of which nothing is left where it was: no distance of theirs may pass.
MOVED = {
    "all NULL": {"amount", "count", "kind", "region", "sex", "time (week)", "words (length)", "words (characters)"},
    "no overlap": {"amount", "count", "kind", "region", "sex"},
    "NaN": {"amount"},
    "infinite": {"amount"},
    "as large as numbers get": {"amount"},
    "all as large as numbers get": {"amount"},
    "empty words": {"kind", "region", "sex", "words (length)", "words (characters)"},
    "reserved words": {"kind", "region", "sex"},
    "nothing but a key": {"amount", "count", "kind", "region", "sex"},
}
# References that cannot be told from an ordinary one by more than rows are left out: the sweep is long as it is.
REFERENCES = (
    "no rows",
    "one row",
    "two rows",
    "one class",
    "one group",
    "no labels",
    "no scores",
    "a constant score",
    "all NULL",
    "all constant",
    "outcomes and groups absent",
    "infinite",
    "as large as numbers get",
    "one as large as numbers get",
    "as small as numbers get",
)


# What is asked of them


@dataclass(frozen=True)
class Kind:
    """A system: what it predicts, and whether its rows belong to entities."""

    task: Task
    entity: bool

    @property
    def shape(self) -> Shape:
        numbers = self.task == "regression"
        return Shape(
            numeric=("amount", "count", "p", "y") if numbers else ("amount", "count", "s"),
            categorical=("kind", "region", "sex"),
            groupings=tuple(grouping.by for grouping in GROUPINGS),
            label="y",
            # Half of the systems predict by a threshold.
            prediction="p" if numbers or self.entity else None,
            score=None if numbers else "s",
            threshold=None if numbers or self.entity else 0.5,
            score_is_probability=not numbers,
            timestamps=("time",),
            texts=("words",),
            entity="who" if self.entity else None,
            task=self.task,
            error="error" if numbers else None,
        )


KINDS = {
    "classes": Kind("binary_classification", False),
    "classes of people": Kind("binary_classification", True),
    "numbers": Kind("regression", False),
    "numbers of people": Kind("regression", True),
}
# A sweep of four kinds of system takes too long: counting by entity is half of the work.
WITHOUT_ENTITIES = ("classes", "numbers")
PEOPLE = ("nothing odd", "no rows", "one row", "one class", "all NULL", "all constant", "as large as numbers get")


@dataclass(frozen=True)
class Found:
    """All that was said of one batch."""

    measurements: tuple[Measurement, ...]
    verdicts: tuple[Verdict, ...]
    parts: tuple[Part, ...]
    rows: int


def criteria_for(reference: Profile, task: Task, criterion: Any) -> Iterator[Criterion]:
    """A criterion on every metric that suits, and every comparable one also against earlier batches."""
    grid, number = reference.grid, 0
    for metric in METRICS.values():
        if metric.task not in (None, task) or (metric.name in OF_PROBABILITY and grid.score is None):
            continue
        wheres: list[dict[str, Any]] = [{}]
        if metric.about == "column":
            suits = [c.name for c in grid.columns if metric.name in distances_of(c.is_numeric)]
            wheres = [{"columns": tuple(suits)}]
        elif metric.about in ("grouping", "contrast"):
            wheres = [{"grouping": grouping.name} for grouping in GROUPINGS]
        directions: tuple[str, ...] = ("above",) if metric.is_distance else ("above", "below", "either")
        if metric.name in COVERAGES:
            directions = ("below",)
        for where in wheres:
            for direction in directions if not where else directions[-1:]:
                # Limits so wide that an odd batch could pass; of a distance, that nothing could that is wholly apart.
                limit = 0.25 if metric.about == "column" else 0.01 if direction == "below" else 0.99
                for against in (None, Against(previous=4)) if metric.compares else (None,):
                    number += 1
                    yield criterion(
                        id=f"c{number}",
                        metric=metric.name,
                        direction=direction,
                        limit=limit,
                        min_n=MIN_N,
                        min_label_coverage=0.0,
                        against=against,
                        **where,
                    )


class World:
    """Frozen references and profiles, each made once."""

    def __init__(self, table_of: Any, criterion: Any) -> None:
        self.table_of, self.criterion = table_of, criterion
        self.kept: dict[tuple[Any, ...], Any] = {}

    def once(self, key: tuple[Any, ...], make: Callable[[], Any]) -> Any:
        if key not in self.kept:
            self.kept[key] = make()
        return self.kept[key]

    def table(self, kind: Kind, odd: str, seed: int) -> Any:
        def make() -> Any:
            rows = ODD[odd](ordinary(seed=seed, numbers=kind.task == "regression"))
            return self.table_of({name: pa.array(v, TYPES.get(name, pa.string())) for name, v in rows.items()})

        return self.once(("table", kind.task, odd, seed), make)

    def reference(self, name: str, odd: str) -> Profile:
        kind = KINDS[name]
        table = self.table(kind, odd, 1)
        frozen: Profile = self.once(
            ("reference", name, odd),
            lambda: profile(table, freeze(table, kind.shape, entity_key="k"), entity_key="k"),
        )
        return frozen

    def profile(self, name: str, odd: str, seed: int, reference: str) -> Profile:
        grid, table = self.reference(name, reference).grid, self.table(KINDS[name], odd, seed)
        made: Profile = self.once(("profile", name, odd, seed, reference), lambda: profile(table, grid, entity_key="k"))
        return made

    def asked(self, name: str, odd: str) -> tuple[tuple[Criterion, ...], tuple[Contrast, ...]]:
        def make() -> Any:
            reference = self.reference(name, odd)
            criteria = tuple(criteria_for(reference, KINDS[name].task, self.criterion))
            return criteria, tuple(c for g in GROUPINGS for c in contrasts_of(g, reference.grid, criteria))

        found: tuple[tuple[Criterion, ...], tuple[Contrast, ...]] = self.once(("asked", name, odd), make)
        return found

    def look(self, name: str, batch: str, reference: str, before: str = "nothing odd") -> Found:
        """Everything about one batch, held against this reference, and against `before` as the earlier batches."""
        frozen = self.reference(name, reference)
        current, previous = (self.profile(name, odd, seed, reference) for odd, seed in ((batch, 2), (before, 3)))
        criteria, contrasts = self.asked(name, reference)
        earlier = Earlier(EARLIER, previous, "the earlier ones", None)
        features = tuple(dict.fromkeys(column.source for column in frozen.grid.columns))
        measured = measure(
            current,
            frozen,
            contrasts,
            levels_of(criteria, contrasts),
            seed="0123456789abcdef" * 4,
            reliance=Reliance(features, {"amount": 0.5, "kind": 0.5}, "the test"),
            earlier=(earlier,),
        )
        known, rows = hits_of(current.cube, "label_coverage")
        labels = Labels(known / rows if rows else None, True, frozen.grid.outcome_columns, {EARLIER: 1.0})
        measurements, verdicts = judge_all(measured, criteria, contrasts, labels)
        parts = decompose(measurements, current, frozen, contrasts)
        parts += decompose(measurements, current, previous, (), against=EARLIER, frozen=frozen)
        measurement_tables(measurements)
        verdict_rows(verdicts, {})
        return Found(measurements, verdicts, parts, current.rows)

    def page(self, name: str, batch: str, reference: str, found: Found) -> str:
        review = BatchReview(
            system_name="the system",
            system_id="the_system",
            batch="2024-01-01",
            batch_label="2024-01",
            reference_label="before",
            verdicts=found.verdicts,
            measurements=found.measurements,
            assessment={"sha256": "0" * 64, "version": 1, "approved_by": "ann", "demonstration": True},
            inputs={},
            as_known_on="2024-02-01",
            parts=found.parts,
        )
        current = self.profile(name, batch, 2, reference)
        return render(review, self.reference(name, reference), current, seed="0" * 64)


@pytest.fixture(scope="module")
def world(table_of: Any, criterion: Any) -> World:
    return World(table_of, criterion)


def is_well_said(found: Found) -> list[str]:
    """What of it breaks the promise; nothing if all is well."""
    wrong = [f"{_of(m)}: {what}" for m in found.measurements for what in _faults_of(m)]
    for verdict in found.verdicts:
        m = verdict.measurement
        where = f"{verdict.outcome} of {verdict.criterion}, {_of(m)}"
        if not verdict.reason or "nan" in verdict.reason.lower().split():
            wrong.append(f"{where}: reason {verdict.reason!r}")
        if m.value is None and verdict.outcome not in (Outcome.INCONCLUSIVE, Outcome.NOT_EVALUATED):
            wrong.append(f"{where}: without a value")
        if verdict.outcome == Outcome.CONFORMING and m.n < MIN_N:
            wrong.append(f"{where}: on {m.n} rows")
        if verdict.outcome == Outcome.NOT_EVALUATED and not m.broken:
            wrong.append(f"{where}: nothing is broken")
    return wrong + list(_faults_of_parts(found.parts))


def _of(m: Measurement) -> str:
    return f"{m.metric} of {m.column or m.segment or 'all rows'} against {m.against or 'the reference'}"


def _faults_of(m: Measurement) -> Iterator[str]:
    numbers = {"value": m.value, "low": m.low, "high": m.high, "floor": m.noise_floor, "detectable": m.detectable}
    for name, number in numbers.items():
        if number is not None and not math.isfinite(number):
            yield f"{name} is {number}"
    if m.value is None and not m.reason:
        yield "no value and no reason"
    if m.value is None and (m.low is not None or m.high is not None):
        yield f"no value, but bounds {m.low} to {m.high}"
    rounding = 1e-9 * max(1.0, abs(m.value or 0.0))
    if m.low is not None and m.value is not None and m.low > m.value + rounding:
        yield f"low {m.low} is above the value {m.value}"
    if m.high is not None and m.value is not None and m.high < m.value - rounding:
        yield f"high {m.high} is below the value {m.value}"
    if m.low is not None and m.high is not None and m.low > m.high + rounding:
        yield f"low {m.low} is above high {m.high}"
    if (m.noise_floor or 0) < 0 or (m.detectable or 0) < 0 or m.n < 0:
        yield f"below zero: floor {m.noise_floor}, detectable {m.detectable}, n {m.n}"


def _faults_of_parts(parts: tuple[Part, ...]) -> Iterator[str]:
    whole: dict[tuple[int, str], list[float]] = {}
    for part in parts:
        numbers = (part.value, part.share, part.before, part.after)
        if not all(number is None or math.isfinite(number) for number in numbers):
            yield f"a part of {_of(part.measurement)} is {part.kind} {part.about}: {numbers}"
        if part.kind == "bin" or part.about is None:
            whole.setdefault((id(part.measurement), part.by), []).append(part.value)
    measured = {id(part.measurement): part.measurement for part in parts}
    for (which, by), values in whole.items():
        m = measured[which]
        value = (m.value or 0.0) - METRICS[m.metric].neutral
        if not math.isclose(math.fsum(values), value, rel_tol=1e-6, abs_tol=1e-6):
            yield f"parts of {_of(m)} by {by} come to {math.fsum(values)}, not {value}"


# The sweep


@contextmanager
def without_warnings() -> Iterator[None]:
    """Fails at the end if arithmetic or a library complained; what libraries deprecate is not about the data."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    assert not [str(one.message) for one in caught if not issubclass(one.category, DeprecationWarning)]


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("name", (*WITHOUT_ENTITIES, "classes of people"))
def test_an_odd_batch_is_told_in_named_states(name: str, odd: str, world: World) -> None:
    with without_warnings():
        found = world.look(name, odd, "nothing odd")
    assert not is_well_said(found)
    if odd in NOTHING_KNOWN:
        assert _passed(found) == set()
    for moved in MOVED.get(odd, ()):
        asked = [v for v in found.verdicts if v.measurement.column == moved and v.measurement.against is None]
        assert asked
        assert not [_of(v.measurement) for v in asked if v.outcome == Outcome.CONFORMING]


@pytest.mark.parametrize("odd", PEOPLE)
def test_odd_rows_of_people_on_either_side_of_a_regression_are_told_in_named_states(odd: str, world: World) -> None:
    with without_warnings():
        assert not is_well_said(world.look("numbers of people", odd, "nothing odd"))
        assert not is_well_said(world.look("numbers of people", "nothing odd", odd))


@pytest.mark.parametrize("odd", REFERENCES)
@pytest.mark.parametrize("name", WITHOUT_ENTITIES)
def test_an_odd_reference_is_told_in_named_states_and_has_a_page(name: str, odd: str, world: World) -> None:
    for batch in ("nothing odd", odd):
        # The odd rows stand for the earlier batches, too.
        with without_warnings():
            found = world.look(name, batch, odd, before=odd)
        assert not is_well_said(found), batch
    with without_warnings():
        assert "</html>" in world.page(name, odd, odd, found)


def _passed(found: Found) -> set[str]:
    return {v.measurement.metric for v in found.verdicts if v.outcome == Outcome.CONFORMING}
