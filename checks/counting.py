"""What Great Expectations counts in one Parquet file: in DuckDB out of core, in Spark, or in pandas.

Decided here: what is asked of Great Expectations, and what may leave an engine: counts and answers of queries,
never a cell. A count that could not be taken is a fault, named by its exception's class.

How each engine is shown the rows is in `checks.duckdb_rows`, `checks.spark_rows` and `checks.pandas_rows`; what a
count means for a rule is judged in `checks.expectations`.
"""

import logging
import os
import re
import sys
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from checks.asking import Asking
from checks.readable import unreadable
from checks.rules import Expectation, Rule
from checks.shown import Table

_TALKATIVE = ("great_expectations", "sqlalchemy", "py4j", "pyspark")


@dataclass(frozen=True)
class Count:
    """What the engine found for one expectation; `fault` is why it found nothing: a column, or an exception by name."""

    unexpected: int | None = None
    rows: int | None = None
    missing: int | None = None
    observed: Any = None
    fault: str | None = None


class Engine(Protocol):
    """An engine that can show a file's rows to Great Expectations."""

    def rows(
        self, table: Table, lookups: Sequence[Table], types: Mapping[str, str]
    ) -> AbstractContextManager[Callable[[Any], Any]]:
        """Opens the rows; what it gives takes a Great Expectations context and gives a batch."""

    def literal(self, value: Any) -> Any:
        """A value of the contract as this engine compares it."""


def take_counts(
    engine: Engine, table: Table, lookups: Sequence[Table], rules: Sequence[Rule]
) -> dict[Expectation, Count]:
    """What the engine found for each distinct expectation.

    What fails spares the others (`checks.asking`). A column that the file does not give is the fault of every rule
    about it, in the same words on every engine.
    """
    asked = list(dict.fromkeys(rule.expectation for rule in rules if rule.expectation is not None))
    types = {rule.columns[0]: rule.logical_type for rule in rules if rule.column and rule.logical_type}
    torn: set[tuple[str, str]] = set()

    def unreadable_columns() -> frozenset[str]:
        mine = unreadable(table)
        torn.update(("", name) for name in mine)
        torn.update((lookup.name, name) for lookup in lookups for name in unreadable(lookup))
        return frozenset(table.aliases(mine))

    _import_great_expectations()
    with _quiet(), engine.rows(table, lookups, types) as as_batch:
        batch = as_batch(_context())
        Asking(batch.datasource.get_execution_engine(), unreadable_columns)
        counts = _validate(batch, asked, Plain(engine, table, lookups))
    return {expectation: _told(count, expectation, torn) for expectation, count in counts.items()}


def _told(count: Count, expectation: Expectation, torn: Collection[tuple[str, str]]) -> Count:
    """The count; of a failure for which a column is known to be at fault, that column."""
    given = dict(expectation.kwargs)
    about = [("", name) for name in (*given.get("column_list", ()), given.get("column"), given.get("where_given"))]
    about += [(given["table"], name) for name in given.get("target_list", ())]
    unread = next((".".join(filter(None, place)) for place in about if place in torn), None)
    return count if count.fault is None or unread is None else Count(fault=f"{unread} cannot be read")


def _import_great_expectations() -> Any:
    """Great Expectations, imported where it is used (it takes seconds), and without its analytics."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"  # read when it is imported
    with warnings.catch_warnings():
        # Great Expectations 1.24 imports two private modules of `re`, which warn from Python 3.11 on.
        warnings.filterwarnings("ignore", "module 'sre_(constants|parse)' is deprecated", DeprecationWarning)
        # It imports PySpark where that is installed, which warns of pandas 3.
        warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
        import great_expectations

        import checks.own_expectations  # noqa: F401  registers them
    return great_expectations


@contextmanager
def _quiet() -> Iterator[None]:
    """No log lines of the tools: an engine's error message can quote the value that it tripped over."""
    names = [name for name in logging.root.manager.loggerDict if name.startswith(_TALKATIVE)]
    loggers = [logging.getLogger(name) for name in {*_TALKATIVE, *names}]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _context() -> Any:
    """A Great Expectations context that lives in memory: no docs site, no progress bars, no analytics."""
    import great_expectations as gx
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    config = DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        progress_bars=ProgressBarsConfig(globally=False),
        analytics_enabled=False,
    )
    return gx.get_context(mode="ephemeral", project_config=config)


# The questions

_COUNTS_ONLY = {"result_format": "BASIC", "exclude_unexpected_values": True, "partial_unexpected_count": 0}
"""With 0 Great Expectations asks for offending values with LIMIT 0: none leaves the engine."""


_OURS = {"expect_column_values_to_be_in_set": "expect_column_values_to_be_valid"}
"""Asked by an expectation of ours, which means the same and costs less (benchmarks/README.md)."""


@dataclass(frozen=True)
class Plain:
    """Arguments of an expectation under the plain names, with values as the engine compares them."""

    engine: Engine
    table: Table
    lookups: Sequence[Table]

    def __call__(self, expectation: Expectation) -> dict[str, Any]:
        given = dict(expectation.kwargs)
        if "target_list" in given:
            return self._reference(given)
        if "where_given" in given:
            from great_expectations.expectations.row_conditions import Column

            outer = self.table.shown[given.pop("where_given")].alias
            given["row_condition"] = Column(outer).is_not_null()
        if "column_list" in given:
            # A key with a NULL in it is no duplicate: the engines do not agree on that by themselves.
            given["ignore_row_if"] = "any_value_is_missing"
        return {key: self._value(key, value) for key, value in given.items()}

    def _value(self, key: str, value: Any) -> Any:
        if key == "column":
            return self.table.shown[value].alias
        if key == "column_list":
            return self.table.aliases(value)
        if isinstance(value, tuple):
            return [self.engine.literal(item) for item in value]
        return self.engine.literal(value) if key.endswith("_value") else value

    def _reference(self, given: dict[str, Any]) -> dict[str, Any]:
        tables = {table.name: table for table in self.lookups}
        goal = tables[given["table"]] if given["table"] else self.table
        return {
            "column_list": self.table.aliases(given["column_list"]),
            "table": goal.alias,
            "target_list": goal.aliases(given["target_list"]),
        }


def _validate(batch: Any, asked: Sequence[Expectation], plain: Plain) -> dict[Expectation, Count]:
    import great_expectations as gx
    from great_expectations.expectations.registry import get_expectation_impl

    suite = gx.ExpectationSuite(name="contract")
    for index, expectation in enumerate(asked):
        kind = _OURS.get(expectation.type, expectation.type)
        suite.add_expectation(get_expectation_impl(kind)(**plain(expectation), meta={"asked": index}))
    answers = batch.validate(suite, result_format=_COUNTS_ONLY).results
    return {asked[answer.expectation_config.meta["asked"]]: _read_answer(answer) for answer in answers}


# The answers


def _read_answer(answer: Any) -> Count:
    fault = _fault(answer.exception_info)
    if fault is not None:
        return Count(fault=fault)
    found = answer.result
    return Count(
        unexpected=found.get("unexpected_count"),
        rows=found.get("element_count"),
        missing=found.get("missing_count"),
        observed=found.get("observed_value"),
    )


def _fault(info: Mapping[str, Any] | None) -> str | None:
    """The class of the exception in GX's `exception_info`, or None when nothing was raised.

    It is either one record or a record for each failed metric.
    """
    if not info:
        return None
    records = [info] if "raised_exception" in info else list(info.values())
    raised = [record for record in records if record["raised_exception"]]
    return _exception_class(str(raised[0]["exception_traceback"])) if raised else None


def _exception_class(traceback: str) -> str:
    """The innermost exception's class. Only a name that is a class's is repeated: messages quote values."""
    import builtins

    import duckdb

    known: list[Any] = [duckdb, builtins]
    known += [sys.modules[name] for name in ("pyspark.errors", "py4j.protocol", "pyarrow") if name in sys.modules]
    for name in re.findall(r"^(?:[\w.]+\.)?(\w+)(?::|$)", traceback, flags=re.MULTILINE):
        for module in known:
            candidate = getattr(module, name, None)
            if isinstance(candidate, type) and issubclass(candidate, BaseException):
                return str(name)
    return "an error of the engine"
