"""What is timed of the peers: their own calls, as their guides show them, on the same files.

Nothing is given to them in small: all rows, no sampling of ours. Each is warmed up on a small file first, so that
what a library imports late is not counted. This module is read in NannyML's own environment, too.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from benchmarks import law
from benchmarks.timing import DONE, READY, Facts, Job

if TYPE_CHECKING:
    import pandas as pd

Timed = Generator[str, None, Facts]
GROUPS = (law.REGION, law.SEX)
OUTCOME = (law.LABEL, law.PREDICTION, law.SCORE)
PROMISES = 60


# Tasks


def evidently_drift(job: Job) -> Timed:
    """`Report([DataDriftPreset()])` over all columns."""
    _evidently(_frame(job.sample), _frame(job.sample))
    yield READY
    yield "read"
    reference, current = _frame(job.reference), _frame(job.batch)
    yield "compute"
    found = _evidently(reference, current)
    yield DONE
    return {"metrics": len(found.dict()["metrics"])}


def fairlearn_rates(job: Job) -> Timed:
    """`MetricFrame` by region, by sex, and by both: six rates each."""
    return (yield from _on_frame(job, _fairlearn, columns=(*GROUPS, *OUTCOME[:2])))


def great_expectations(job: Job) -> Timed:
    """60 expectations on a pandas frame: nulls, ranges, value sets, size."""
    return (yield from _on_frame(job, _expected))


def nannyml_drift(job: Job) -> Timed:
    """`UnivariateDriftCalculator` with its own methods and chunks, over all columns."""
    _nannyml_drift(_frame(job.sample), _frame(job.sample))
    yield READY
    yield "read"
    reference, current = _frame(job.reference), _frame(job.batch)
    yield "compute"
    rows = _nannyml_drift(reference, current)
    yield DONE
    return {"chunks": rows}


def nannyml_performance(job: Job) -> Timed:
    """`PerformanceCalculator`: six realised metrics over all rows."""
    _nannyml_performance(_frame(job.sample, OUTCOME), _frame(job.sample, OUTCOME))
    yield READY
    yield "read"
    reference, current = _frame(job.reference, OUTCOME), _frame(job.batch, OUTCOME)
    yield "compute"
    rows = _nannyml_performance(reference, current)
    yield DONE
    return {"chunks": rows}


# Their calls


def _frame(paths: Sequence[str], columns: Sequence[str] | None = None) -> pd.DataFrame:
    import pandas as pd

    parts = [pd.read_parquet(path, columns=list(columns) if columns else None) for path in paths]
    return parts[0] if len(parts) == 1 else pd.concat(parts, ignore_index=True)


def _on_frame(job: Job, call: Callable[[pd.DataFrame], int], columns: Sequence[str] | None = None) -> Timed:
    call(_frame(job.sample, columns))
    yield READY
    yield "read"
    frame = _frame(job.batch, columns)
    yield "compute"
    answers = call(frame)
    yield DONE
    return {"answers": answers}


def _evidently(reference: pd.DataFrame, current: pd.DataFrame) -> Any:
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    width = len(current.columns)
    definition = DataDefinition(
        numerical_columns=list(law.numeric(width)), categorical_columns=list(law.categorical(width))
    )
    before, now = (Dataset.from_pandas(frame, data_definition=definition) for frame in (reference, current))
    return Report([DataDriftPreset()]).run(now, before)


def _fairlearn(frame: pd.DataFrame) -> int:
    from fairlearn import metrics as fair
    from sklearn.metrics import accuracy_score, precision_score

    wanted = {
        "selection_rate": fair.selection_rate,
        "true_positive_rate": fair.true_positive_rate,
        "false_positive_rate": fair.false_positive_rate,
        "false_negative_rate": fair.false_negative_rate,
        "precision": precision_score,
        "accuracy": accuracy_score,
    }
    answers = 0
    for by in ([GROUPS[0]], [GROUPS[1]], list(GROUPS)):
        found = fair.MetricFrame(
            metrics=wanted, y_true=frame[law.LABEL], y_pred=frame[law.PREDICTION], sensitive_features=frame[by]
        )
        answers += found.by_group.size
    return int(answers)


def _expected(frame: pd.DataFrame) -> int:
    import great_expectations as gx

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    source = context.data_sources.add_pandas("frames")
    batch = source.add_dataframe_asset("frame").add_batch_definition_whole_dataframe("whole")
    suite = gx.ExpectationSuite("promises", expectations=list(_promises(frame)))
    result = batch.get_batch({"dataframe": frame}).validate(suite)
    broken = [r for r in result.results if any(e["raised_exception"] for e in _exceptions(r))]
    if broken or len(result.results) != PROMISES:
        raise RuntimeError(f"{len(broken)} of {len(result.results)} expectations ended in an exception.")
    return len(result.results)


def _exceptions(result: Any) -> list[dict[str, Any]]:
    found = result.exception_info or {}
    return [found] if "raised_exception" in found else list(found.values())


def _promises(frame: pd.DataFrame) -> Iterator[Any]:
    """20 ranges, 14 value sets, 24 columns without NULL, the number of columns and of rows."""
    from great_expectations import expectations as gxe

    width = len(frame.columns)
    for name in law.numeric(width):
        yield gxe.ExpectColumnValuesToBeBetween(column=name, min_value=law.LOWEST, max_value=law.HIGHEST)
    for name in law.categorical(width):
        yield gxe.ExpectColumnValuesToBeInSet(column=name, value_set=law.values_of(name))
    for name in law.never_null(width)[: PROMISES - width - 2]:
        yield gxe.ExpectColumnValuesToNotBeNull(column=name)
    yield gxe.ExpectTableColumnCountToEqual(value=width)
    yield gxe.ExpectTableRowCountToBeBetween(min_value=1)


def _nannyml_drift(reference: pd.DataFrame, current: pd.DataFrame) -> int:
    import nannyml

    calculator = nannyml.UnivariateDriftCalculator(
        column_names=list(current.columns), treat_as_categorical=[law.LABEL, law.PREDICTION]
    )
    found = calculator.fit(reference).calculate(current)
    return len(found.filter(period="analysis").to_df())


def _nannyml_performance(reference: pd.DataFrame, current: pd.DataFrame) -> int:
    import nannyml

    calculator = nannyml.PerformanceCalculator(
        problem_type="classification_binary",
        y_true=law.LABEL,
        y_pred=law.PREDICTION,
        y_pred_proba=law.SCORE,
        metrics=["roc_auc", "f1", "precision", "recall", "specificity", "accuracy"],
    )
    found = calculator.fit(reference).calculate(current)
    return len(found.filter(period="analysis").to_df())
