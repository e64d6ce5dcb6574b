"""What is timed of ours, and the bare scan that it is held against."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import law
from benchmarks.timing import DONE, READY, Facts, Job

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from governance.declared.assessment import Criterion
    from monitors.freezing import Shape
    from monitors.grid import Grid
    from monitors.levels import Contrast
    from monitors.profile import Profile

Timed = Generator[str, None, Facts]
GROUPINGS = ((law.REGION,), (law.SEX,), (law.REGION, law.SEX))
# 20 / ALPHA replicates are drawn: 2,000.
ALPHA = 0.01


# Tasks


def bare_scan(job: Job) -> Timed:
    """The sum of every number and the largest of every text, by the same engine through the same table."""
    _scan(job.sample, job.width)
    yield READY
    _scan(job.warm_up, job.width)
    yield "scan"
    threads = _scan(job.batch, job.width)
    yield DONE
    return {"threads": threads}


def freeze_reference(job: Job) -> Timed:
    """The grid of the reference, and its profile: what is done once, and kept for the tasks below."""
    from monitors.freezing import freeze
    from monitors.profiling import profile

    shape, small = shape_of(job.width), table_of(job.sample)
    profile(small, freeze(small, shape))
    yield READY
    yield "freeze"
    table = table_of(job.reference)
    grid = freeze(table, shape)
    yield "profile"
    kept = profile(table, grid)
    yield DONE
    _keep(job, grid, kept)
    return {"bins": sum(column.size for column in grid.columns)}


def profile_batch(job: Job) -> Timed:
    """The profile of the batch on the frozen grid. A new table expression each time: compilation is included."""
    from monitors.profiling import profile

    grid = _grid(job)
    profile(table_of(job.sample), grid)
    yield READY
    if job.warm_up:
        profile(table_of(job.warm_up), grid)
    yield "profile"
    found = profile(table_of(job.batch), grid)
    yield DONE
    found.to_frame().to_parquet(_profile_file(job, "batch"))
    return {"counts": sum(int((counts > 0).sum()) for counts in (*found.columns.values(), *found.cubes.values()))}


def after_profile(job: Job) -> Timed:
    """Drift, performance and fairness of the kept profile, with intervals, verdicts, and what each is made of."""
    _import_late()
    reference, current = _kept(job, "reference"), _kept(job, "batch")
    yield READY
    warm = _measured(reference, reference)
    _verdicts(reference, reference, warm)
    _parts(reference, reference, warm)
    yield "measure"
    found = _measured(current, reference)
    yield "judge"
    verdicts = _verdicts(current, reference, found)
    yield "decompose"
    _parts(current, reference, found)
    yield DONE
    return _facts(found, verdicts)


def whole(job: Job) -> Timed:
    """From the file to the verdicts, reading what was kept of the reference included."""
    from monitors.profiling import profile

    _whole(job, job.sample)
    yield READY
    yield "load"
    reference = _kept(job, "reference")
    yield "profile"
    current = profile(table_of(job.batch), reference.grid)
    yield "measure"
    found = _measured(current, reference)
    yield "judge"
    verdicts = _verdicts(current, reference, found)
    yield "decompose"
    _parts(current, reference, found)
    yield DONE
    return _facts(found, verdicts)


def drift(job: Job) -> Timed:
    """From the file to the drift of every column, with intervals; no groups."""
    return _part(job, lambda grid: replace(grid, groupings=grid.groupings[:1], score=None, **_UNKNOWN))


def group_rates(job: Job) -> Timed:
    """From the file to the rates of every group, with intervals, and their contrasts; no other columns."""
    return _part(job, lambda grid: replace(grid, columns=(), score=None, score_column=None))


def performance(job: Job) -> Timed:
    """From the file to performance over all rows, with intervals; no groups, no other columns."""
    return _part(job, lambda grid: replace(grid, columns=(), groupings=grid.groupings[:1]))


def contract(job: Job) -> Timed:
    """The same promises as Great Expectations is asked in pandas, as a data contract checked in the engine."""
    from checks.contract import read_contract
    from checks.expectations import check_contract

    text = _contract_of(job.width)
    check_contract(read_contract(text), Path(job.sample[0]))
    yield READY
    yield "check"
    found = check_contract(read_contract(text), Path(job.batch[0]))
    yield DONE
    outcomes = [result.outcome.value for result in found]
    return {"rules": len(found), "by_outcome": {name: outcomes.count(name) for name in sorted(set(outcomes))}}


# Their steps

_UNKNOWN: dict[str, Any] = {"label": None, "prediction": None, "score_column": None, "threshold": None}


def table_of(paths: Sequence[str]) -> ir.Table:
    """Files as one table, as the pipeline reads them (`assets.judged.reference.table_of`)."""
    import ibis

    return ibis.duckdb.connect().read_parquet(list(paths))


def shape_of(width: int) -> Shape:
    """All columns watched, label and prediction too, and three groupings of 10, 2 and 20 groups."""
    from monitors.freezing import Shape

    return Shape(
        numeric=law.numeric(width),
        categorical=law.categorical(width),
        groupings=GROUPINGS,
        label=law.LABEL,
        prediction=law.PREDICTION,
        score=law.SCORE,
        threshold=law.THRESHOLD,
        score_is_probability=True,
    )


def _scan(paths: Sequence[str], width: int) -> int:
    table = table_of(paths)
    texts = set(law.categorical(width)) - {law.LABEL, law.PREDICTION}
    called = [f'{"max" if name in texts else "sum"}("{name}")' for name in table.columns]
    connection = table._find_backend().con
    connection.execute(f'SELECT {", ".join(called)} FROM "{table.get_name()}"').fetchall()
    return int(connection.execute("SELECT current_setting('threads')").fetchone()[0])


def _part(job: Job, cut: Callable[[Grid], Grid]) -> Timed:
    from monitors.profiling import profile

    reference = _kept(job, "reference")
    grid = cut(reference.grid)
    kept = replace(
        reference,
        grid=grid,
        columns={column.name: reference.columns[column.name] for column in grid.columns},
        moments={c.name: reference.moments[c.name] for c in grid.columns if c.is_numeric},
        cubes=profile(table_of(job.reference), grid).cubes,
    )
    _measured(profile(table_of(job.sample), grid), kept)
    yield READY
    yield "profile"
    current = profile(table_of(job.batch), grid)
    yield "measure"
    found = _measured(current, kept)
    yield DONE
    return {"measurements": len(found)}


def _whole(job: Job, paths: Sequence[str]) -> None:
    from monitors.profiling import profile

    reference = _kept(job, "reference")
    current = profile(table_of(paths), reference.grid)
    found = _measured(current, reference)
    _verdicts(current, reference, found)
    _parts(current, reference, found)


def _import_late() -> None:
    """What the monitors import only where they use it."""
    import scipy.stats  # noqa: F401


def _measured(current: Profile, reference: Profile) -> tuple[Any, ...]:
    from monitors.levels import levels_of
    from monitors.measure import measure

    contrasts = _contrasts(current.grid)
    levels = levels_of(_criteria(current.grid), contrasts)
    return measure(current, reference, contrasts, levels, seed=current.digest)


def _verdicts(current: Profile, reference: Profile, found: tuple[Any, ...]) -> tuple[Any, ...]:
    from monitors.judge import Labels, judge_all

    _, verdicts = judge_all(found, _criteria(current.grid), _contrasts(current.grid), Labels(1.0, mature=True))
    return verdicts


def _parts(current: Profile, reference: Profile, found: tuple[Any, ...]) -> tuple[Any, ...]:
    from monitors.decomposition import decompose

    return decompose(found, current, reference, _contrasts(current.grid))


def _contrasts(grid: Grid) -> tuple[Contrast, ...]:
    from governance.declared.system import Grouping
    from monitors.levels import contrasts_of

    first = {law.REGION: law.REGIONS[0], law.SEX: law.SEXES[0]}
    declared = [g for g in grid.groupings if g.by]
    groupings = [Grouping(by=g.by, baseline=" × ".join(first[name] for name in g.by)) for g in declared]
    return tuple(contrast for grouping in groupings for contrast in contrasts_of(grouping, grid, ()))


def _criteria(grid: Grid) -> tuple[Criterion, ...]:
    """The drift of every column, performance, and every rate's difference between all groups."""
    from governance.declared.metrics import GROUP_RATES

    criteria = [_criterion(f"drift_{i}", "psi", 0.25, columns=(c.name,)) for i, c in enumerate(grid.columns)]
    if grid.label is not None:
        criteria += [_criterion("useful", "roc_auc", 0.6, direction="below")] if grid.score else []
        criteria += [_criterion("steady", "outcome_rate_change", 0.1, direction="either")]
    criteria += [
        _criterion(f"{metric}_{index}", metric, 0.1, direction="either", grouping=grouping.name)
        for index, grouping in enumerate(grid.groupings)
        if grouping.by
        for metric in (f"{rate}_difference" for rate in GROUP_RATES)
    ]
    return tuple(criteria)


def _criterion(name: str, metric: str, limit: float, **more: Any) -> Criterion:
    from governance.declared.assessment import Criterion

    plain: dict[str, Any] = {
        "id": name,
        "harm": "made",
        "metric": metric,
        "direction": "above",
        "limit": limit,
        "min_n": 30,
        "alpha": ALPHA,
        "severity": "minor",
        "owner": "team:benchmarks",
        "controls": ("A.6.2.6",),
        "rationale": "Made, to be timed.",
    }
    return Criterion(**(plain | more))


def _contract_of(width: int) -> str:
    import yaml

    kept = set(law.never_null(width)[: 60 - width - 2])
    texts = {name: "string" for name in law.categorical(width)} | {law.LABEL: "integer", law.PREDICTION: "integer"}
    properties = [
        {
            "name": name,
            "logicalType": "number",
            "required": name in kept,
            "logicalTypeOptions": {"minimum": law.LOWEST, "maximum": law.HIGHEST},
        }
        for name in law.numeric(width)
    ]
    for name, kind in texts.items():
        known = {"type": "library", "metric": "invalidValues", "mustBe": 0}
        known |= {"id": f"{name}_is_known", "arguments": {"validValues": law.values_of(name)}}
        properties.append({"name": name, "logicalType": kind, "required": name in kept, "quality": [known]})
    size = {"id": "has_rows", "type": "library", "metric": "rowCount", "mustBeGreaterThan": 0}
    table = {"name": "made", "logicalType": "object", "properties": properties, "quality": [size]}
    head = {"apiVersion": "v3.1.0", "kind": "DataContract", "id": "made", "version": "1.0.0", "status": "active"}
    return str(yaml.safe_dump(head | {"schema": [table]}))


def _facts(found: tuple[Any, ...], verdicts: tuple[Any, ...]) -> Facts:
    outcomes = [verdict.outcome.value for verdict in verdicts]
    return {
        "measurements": len(found),
        "verdicts": len(verdicts),
        "by_outcome": {outcome: outcomes.count(outcome) for outcome in sorted(set(outcomes))},
    }


# What is kept of the reference between tasks


def _keep(job: Job, grid: Grid, reference: Profile) -> None:
    Path(job.state).mkdir(parents=True, exist_ok=True)
    (Path(job.state) / "grid.json").write_text(json.dumps(grid.as_dict()))
    reference.to_frame().to_parquet(_profile_file(job, "reference"))


def _profile_file(job: Job, which: str) -> Path:
    """The batches of several sizes may share one reference."""
    return Path(job.state) / ("reference.parquet" if which == "reference" else f"batch-{job.rows}.parquet")


def _grid(job: Job) -> Grid:
    from monitors.grid import grid_of

    return grid_of(json.loads((Path(job.state) / "grid.json").read_text()))


def _kept(job: Job, which: str) -> Profile:
    import pandas as pd

    from monitors.profile import profile_of

    return profile_of(pd.read_parquet(_profile_file(job, which)), _grid(job))
