"""The expectations that Great Expectations lacks, each for DuckDB, Spark and pandas, by its own extension points.

Decided here: how the same question is put to each engine so that the answers are equal. A pattern is RE2's on all
three (DuckDB has it, Arrow has it, and Spark asks Arrow): Java's and Python's `$` also match before a last newline,
Python's \\d and \\w take digits and letters of every script, Java's [a&&b] is an intersection, and its . stops at more
signs than \\n.

They are a module of their own because importing it imports Great Expectations, which takes seconds.
"""

from typing import Any, ClassVar

import pandas as pd
import sqlalchemy as sa
from great_expectations.execution_engine.pandas_execution_engine import PandasExecutionEngine
from great_expectations.execution_engine.sparkdf_execution_engine import SparkDFExecutionEngine
from great_expectations.execution_engine.sqlalchemy_execution_engine import SqlAlchemyExecutionEngine
from great_expectations.expectations.expectation import BatchExpectation, ColumnMapExpectation
from great_expectations.expectations.metrics.map_metric_provider.column_condition_partial import (
    column_condition_partial,
)
from great_expectations.expectations.metrics.map_metric_provider.column_map_metric_provider import (
    ColumnMapMetricProvider,
)
from great_expectations.expectations.metrics.metric_provider import metric_value
from great_expectations.expectations.metrics.table_metric_provider import TableMetricProvider

from checks import spark_columns
from checks.pandas_rows import SESSION, SESSIONS
from checks.references import BATCH_VIEW, REFERENCE_ANSWERED, referring_query

FEW = 1e-12
"""How far a quotient may be from a whole number, as a share of it, and still be one: some 4,000 units in the last
place of a double. From a quotient of 5e11 on, nothing can be told."""


class ColumnValuesValid(ColumnMapMetricProvider):
    """Metric: the value is in the set, and the pattern is found in it (NULL is not looked at).

    Great Expectations chooses its regex operator by dialect and knows none for DuckDB. PostgreSQL's `~`
    would be wrong here: in DuckDB it must match the whole value, where ODCS and JSON Schema search.
    """

    condition_metric_name = "column_values.valid"
    condition_value_keys = ("value_set", "regex")

    @column_condition_partial(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(cls, column: Any, value_set: Any = None, regex: str | None = None, **_: Any) -> Any:
        conditions = []
        if value_set is not None:
            # A join with the values: a plain list of a thousand is compared one by one, at a hundred times the cost.
            values = sa.func.list_value(*(sa.literal(value) for value in value_set))
            conditions.append(column.in_(sa.select(sa.func.unnest(values))))
        if regex is not None:
            conditions.append(sa.func.regexp_matches(column, sa.literal(regex)))
        return sa.and_(*conditions)

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column: Any, value_set: Any = None, regex: str | None = None, **_: Any) -> Any:
        import pyarrow as pa
        import pyarrow.compute as pc

        found = pd.Series(True, index=column.index)
        if value_set is not None:
            found &= column.isin(list(value_set))
        if regex is not None:
            texts = pa.array(column.tolist(), pa.large_string())
            found &= pd.Series(pc.match_substring_regex(texts, regex).to_pylist(), index=column.index, dtype=bool)
        return found

    @column_condition_partial(engine=SparkDFExecutionEngine)
    def _spark(cls, column: Any, value_set: Any = None, regex: str | None = None, **_: Any) -> Any:
        found = spark_columns.always()
        if value_set is not None:
            found &= column.isin(list(value_set))
        if regex is not None:
            found &= spark_columns.has_pattern(column, regex)
        return found


class ExpectColumnValuesToBeValid(ColumnMapExpectation):
    """Every value that is not NULL is in `value_set` and matches `regex`; either may be left out."""

    value_set: list[Any] | None = None
    regex: str | None = None

    map_metric: ClassVar[str] = "column_values.valid"
    success_keys: ClassVar[tuple[str, ...]] = ("value_set", "regex", "mostly")


class ColumnValuesGiven(ColumnMapMetricProvider):
    """Metric: the value is none of the markers that stand for "missing"; NULL is looked at like any other."""

    condition_metric_name = "column_values.given"
    condition_value_keys = ("markers", "null_is_missing")
    filter_column_isnull = False

    @column_condition_partial(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(cls, column: Any, markers: Any, null_is_missing: bool, **_: Any) -> Any:
        unmarked = column.not_in(list(markers)) if markers else sa.true()
        if null_is_missing:
            return sa.and_(column.is_not(None), unmarked)
        return sa.or_(column.is_(None), unmarked)

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column: Any, markers: Any, null_is_missing: bool, **_: Any) -> Any:
        null, marked = column.isna(), column.isin(list(markers))
        return ~(null | marked) if null_is_missing else null | ~marked

    @column_condition_partial(engine=SparkDFExecutionEngine)
    def _spark(cls, column: Any, markers: Any, null_is_missing: bool, **_: Any) -> Any:
        unmarked = ~column.isin(list(markers)) if markers else spark_columns.always()
        return column.isNotNull() & unmarked if null_is_missing else column.isNull() | unmarked


class ExpectColumnValuesToBeGiven(ColumnMapExpectation):
    """No value is one of `markers`, nor NULL where `null_is_missing`."""

    markers: list[Any]
    null_is_missing: bool

    map_metric: ClassVar[str] = "column_values.given"
    success_keys: ClassVar[tuple[str, ...]] = ("markers", "null_is_missing", "mostly")


class ColumnValuesMultiple(ColumnMapMetricProvider):
    """Metric: the value divided by `base` is a whole number, but for what a double cannot tell (`FEW`).

    What is infinite is no multiple of anything.
    """

    condition_metric_name = "column_values.multiple"
    condition_value_keys = ("base",)

    @column_condition_partial(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(cls, column: Any, base: float, **_: Any) -> Any:
        value = sa.func.coalesce(sa.cast(column, sa.Double), 0)
        quotient = value / sa.literal(float(base))
        off = sa.func.abs(quotient - sa.func.round(quotient))
        return sa.and_(sa.func.isfinite(quotient), off <= FEW * sa.func.greatest(1.0, sa.func.abs(quotient)))

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column: Any, base: float, **_: Any) -> Any:
        import numpy as np

        quotient = column.astype("float64").to_numpy() / base
        finite = np.isfinite(quotient)
        safe = np.where(finite, quotient, 0)
        off = np.abs(safe - np.round(safe))
        return pd.Series(finite & (off <= FEW * np.maximum(1.0, np.abs(safe))), index=column.index)

    @column_condition_partial(engine=SparkDFExecutionEngine)
    def _spark(cls, column: Any, base: float, **_: Any) -> Any:
        return spark_columns.is_multiple(column, float(base), FEW)


class ExpectColumnValuesToBeMultipleOf(ColumnMapExpectation):
    """Every value that is not NULL is a multiple of `base`."""

    base: float

    map_metric: ClassVar[str] = "column_values.multiple"
    success_keys: ClassVar[tuple[str, ...]] = ("base", "mostly")


class ColumnValuesInTime(ColumnMapMetricProvider):
    """Metric: a time of the day lies between two, which are ISO 8601."""

    condition_metric_name = "column_values.in_time"
    condition_value_keys = ("min_value", "max_value", "strict_min", "strict_max")

    @column_condition_partial(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(cls, column: Any, **limits: Any) -> Any:
        return _within(column, limits, lambda text: sa.cast(sa.literal(text), sa.Time), sa.true())

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column: Any, **limits: Any) -> Any:
        import datetime as dt

        return _within(column, limits, dt.time.fromisoformat, pd.Series(True, index=column.index))

    @column_condition_partial(engine=SparkDFExecutionEngine)
    def _spark(cls, column: Any, **limits: Any) -> Any:
        return _within(column, limits, spark_columns.time_of_day, spark_columns.always())


def _within(column: Any, limits: dict[str, Any], literal: Any, found: Any) -> Any:
    low, high = limits.get("min_value"), limits.get("max_value")
    if low is not None:
        found &= column > literal(low) if limits.get("strict_min") else column >= literal(low)
    if high is not None:
        found &= column < literal(high) if limits.get("strict_max") else column <= literal(high)
    return found


class ExpectColumnValuesToBeInTime(ColumnMapExpectation):
    """Every time that is not NULL lies between two."""

    min_value: str | None = None
    max_value: str | None = None
    strict_min: bool = False
    strict_max: bool = False

    map_metric: ClassVar[str] = "column_values.in_time"
    success_keys: ClassVar[tuple[str, ...]] = ("min_value", "max_value", "strict_min", "strict_max", "mostly")


class ColumnValuesHaveItems(ColumnMapMetricProvider):
    """Metric: an array has so many items, and none of them twice (NULL among them is not looked at for that)."""

    condition_metric_name = "column_values.have_items"
    condition_value_keys = ("fewest", "most", "distinct")

    @column_condition_partial(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(cls, column: Any, fewest: Any = None, most: Any = None, distinct: Any = None, **_: Any) -> Any:
        size = sa.func.len(column)
        # A list_distinct has no NULL.
        once = sa.func.len(sa.func.list_distinct(column)) == sa.func.list_aggregate(column, "count")
        conditions = [size >= fewest] if fewest is not None else []
        conditions += [size <= most] if most is not None else []
        return sa.and_(sa.true(), *conditions, *([once] if distinct else []))

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column: Any, fewest: Any = None, most: Any = None, distinct: Any = None, **_: Any) -> Any:
        def holds(items: Any) -> bool:
            known = [item for item in items if item is not None and item == item]
            enough = (fewest is None or len(items) >= fewest) and (most is None or len(items) <= most)
            return enough and not (distinct and any(item in known[:place] for place, item in enumerate(known)))

        return pd.Series([holds(list(items)) for items in column], index=column.index, dtype=bool)

    @column_condition_partial(engine=SparkDFExecutionEngine)
    def _spark(cls, column: Any, fewest: Any = None, most: Any = None, distinct: Any = None, **_: Any) -> Any:
        return spark_columns.has_items(column, fewest, most, bool(distinct))


class ExpectColumnValuesToHaveItems(ColumnMapExpectation):
    """Every array that is not NULL has at least `fewest` and at most `most` items, with `distinct` none twice."""

    fewest: int | None = None
    most: int | None = None
    distinct: bool | None = None

    map_metric: ClassVar[str] = "column_values.have_items"
    success_keys: ClassVar[tuple[str, ...]] = ("fewest", "most", "distinct", "mostly")


# Queries


class QueryAnswer(TableMetricProvider):
    """Metric: the one value a query answers with.

    `single` is False when the answer is anything else than one row of one column; at most two rows are
    ever fetched. DuckDB answers for pandas, too: a frame knows no SQL.
    """

    metric_name = "contract.query_answer"
    value_keys = ("query",)

    @metric_value(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(cls, execution_engine: Any, metric_value_kwargs: dict[str, Any], **_: Any) -> dict[str, Any]:
        literal = _at_most_two(metric_value_kwargs["query"]).replace(":", r"\:")  # a colon is no parameter here
        return _single(execution_engine.execute_query(sa.text(literal)).fetchall())

    @metric_value(engine=PandasExecutionEngine)
    def _pandas(cls, execution_engine: Any, metric_value_kwargs: dict[str, Any], **_: Any) -> dict[str, Any]:
        connection = SESSIONS[_frame(execution_engine).attrs[SESSION]].connection
        return _single(connection.execute(_at_most_two(metric_value_kwargs["query"])).fetchall())

    @metric_value(engine=SparkDFExecutionEngine)
    def _spark(cls, execution_engine: Any, metric_value_kwargs: dict[str, Any], **_: Any) -> dict[str, Any]:
        session = _frame(execution_engine).sparkSession
        return _single(session.sql(_at_most_two(metric_value_kwargs["query"])).collect())


def _at_most_two(query: str) -> str:
    return f"SELECT * FROM (\n{query.strip().rstrip(';')}\n) LIMIT 2"


def _single(rows: list[Any]) -> dict[str, Any]:
    single = len(rows) == 1 and len(rows[0]) == 1
    return {"single": single, "value": rows[0][0] if single else None}


def _frame(execution_engine: Any) -> Any:
    return execution_engine.batch_manager.active_batch_data.dataframe


class ExpectQueryToAnswerOneValue(BatchExpectation):
    """The query answers with one row of one column. What the value must be is judged by the contract."""

    query: str

    metric_dependencies: ClassVar[tuple[str, ...]] = ("contract.query_answer",)
    success_keys: ClassVar[tuple[str, ...]] = ("query",)

    def _validate(
        self, metrics: dict[str, Any], runtime_configuration: Any = None, execution_engine: Any = None
    ) -> dict[str, Any]:
        answer = metrics["contract.query_answer"]
        return {"success": answer["single"], "result": {"observed_value": answer["value"]}}


class ColumnsReferring(TableMetricProvider):
    """Metric: rows, rows whose key has a NULL, and rows whose key is not in the lookup."""

    metric_name = "contract.columns_referring"
    value_keys = ("column_list", "table", "target_list")

    @metric_value(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(cls, execution_engine: Any, metric_value_kwargs: dict[str, Any], **_: Any) -> dict[str, Any]:
        query = referring_query(BATCH_VIEW, **metric_value_kwargs)
        return _referring(execution_engine.execute_query(sa.text(query)).fetchall())

    @metric_value(engine=PandasExecutionEngine)
    def _pandas(cls, execution_engine: Any, metric_value_kwargs: dict[str, Any], **_: Any) -> dict[str, Any]:
        frame = _frame(execution_engine)
        session = SESSIONS[frame.attrs[SESSION]]
        known = session.keys_of(metric_value_kwargs["table"], metric_value_kwargs["target_list"])
        keys = frame[metric_value_kwargs["column_list"]].dropna()
        found = [key in known for key in keys.itertuples(index=False, name=None)]
        return _referring([(len(frame), len(frame) - len(keys), found.count(False))])

    @metric_value(engine=SparkDFExecutionEngine)
    def _spark(cls, execution_engine: Any, metric_value_kwargs: dict[str, Any], **_: Any) -> dict[str, Any]:
        query = referring_query(BATCH_VIEW, **metric_value_kwargs)
        return _referring(_frame(execution_engine).sparkSession.sql(query).collect())


def _referring(rows: list[Any]) -> dict[str, Any]:
    return dict(zip(REFERENCE_ANSWERED, (int(value) for value in rows[0]), strict=True))


class ExpectColumnsToRefer(BatchExpectation):
    """Every key without a NULL occurs in the lookup."""

    column_list: list[str]
    table: str
    target_list: list[str]

    metric_dependencies: ClassVar[tuple[str, ...]] = ("contract.columns_referring",)
    success_keys: ClassVar[tuple[str, ...]] = ("column_list", "table", "target_list")

    def _validate(
        self, metrics: dict[str, Any], runtime_configuration: Any = None, execution_engine: Any = None
    ) -> dict[str, Any]:
        found = metrics["contract.columns_referring"]
        return {"success": not found["unexpected_count"], "result": found}
