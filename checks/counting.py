"""What Great Expectations counts in one Parquet file, in DuckDB, out of core.

Decided here: how the file is shown to the engine, what a session may touch, and what may leave it: counts and
answers of queries, never a cell. A count that could not be taken is a fault, named by its exception's class.

What a count means for a rule is judged in `checks.expectations`. The dialect that the engine needs, and the
expectations it lacks, are in `checks.duckdb_dialect`.
"""

import itertools
import logging
import os
import re
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from checks.rules import DUCKDB_TYPES, Expectation, Rule

if TYPE_CHECKING:
    import pyarrow as pa

_ALIASED = "aims_contract_batch"  # a plain word: Great Expectations does not quote a table's name
_TALKATIVE = ("great_expectations", "sqlalchemy")
_sessions = itertools.count(1)  # a name per in-memory database of this process


@dataclass(frozen=True)
class Count:
    """What the engine found for one expectation; `fault` names the exception when it found nothing."""

    unexpected: int | None = None
    rows: int | None = None
    missing: int | None = None
    observed: Any = None
    fault: str | None = None


def take_counts(view: str, parquet: Path, schema: "pa.Schema", rules: Sequence[Rule]) -> dict[Expectation, Count]:
    """What the engine found for each distinct expectation; queries know the file as `view`, a quoted name.

    A metric that fails can take along those it shares a query with. Great Expectations 1.24.1 asks those
    again by itself, earlier ones did not: what failed in company is asked again alone, whoever broke it.
    """
    asked = list(dict.fromkeys(rule.expectation for rule in rules if rule.expectation is not None))
    types = {rule.columns[0]: rule.logical_type for rule in rules if rule.column and rule.logical_type}
    _import_great_expectations()
    with _quiet(), _batch(view, parquet, schema, types) as (batch, aliases):
        counts = _validate(batch, asked, aliases)
        failed = [expectation for expectation in asked if counts[expectation].fault]
        if len(asked) > 1:
            for expectation in failed:
                counts |= _validate(batch, [expectation], aliases)
    return counts


def _import_great_expectations() -> Any:
    """Great Expectations, imported where it is used (it takes seconds), and without its analytics."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"  # read when it is imported
    with warnings.catch_warnings():
        # Great Expectations 1.24 imports two private modules of `re`, which warn from Python 3.11 on.
        warnings.filterwarnings("ignore", "module 'sre_(constants|parse)' is deprecated", DeprecationWarning)
        # It imports PySpark where that is installed, which warns of pandas 3.
        warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
        import great_expectations
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


# The session


@contextmanager
def _batch(
    view: str, parquet: Path, schema: "pa.Schema", types: Mapping[str, str]
) -> Iterator[tuple[Any, dict[str, str]]]:
    """The file as a Great Expectations batch, and the name by which the batch knows each column.

    Great Expectations cannot address a column with a quotation mark in its name, so the batch has plain
    names (c0, c1, …); the contract's own queries see the real ones. Nothing is written to disk but what
    DuckDB spills, into a folder that is gone afterwards.
    """
    import sqlalchemy as sa

    from checks import duckdb_dialect

    aliases = {name: f"c{index}" for index, name in enumerate(schema.names)}
    url = f"{duckdb_dialect.DIALECT}:///:memory:contract_{next(_sessions)}"
    engine = sa.create_engine(url, poolclass=sa.StaticPool)
    with tempfile.TemporaryDirectory(prefix="aims-contract-") as spill:
        with engine.connect() as connection:
            for statement in _session_statements(view, parquet, schema, types, aliases, Path(spill)):
                connection.exec_driver_sql(statement)
            connection.commit()
        source = _context().data_sources.add_sql("duckdb", connection_string=url, create_temp_table=False)
        asset = source.add_table_asset("batch", table_name=_ALIASED)
        try:
            yield asset.add_batch_definition_whole_table("whole").get_batch(), aliases
        finally:
            source.get_execution_engine().engine.dispose()
            source.get_engine().dispose()
            engine.dispose()


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


def _session_statements(
    view: str,
    parquet: Path,
    schema: "pa.Schema",
    types: Mapping[str, str],
    aliases: Mapping[str, str],
    spill: Path,
) -> Iterator[str]:
    """The two views of the file, and then no access to anything else: a contract's query is not ours."""
    source = f"read_parquet({_text(str(parquet))})"  # a [ or * in the path is no pattern where the file exists
    # by position: DuckDB's names do not tell "a" from "A"
    source_aliased = f"{source} AS source({', '.join(aliases[name] for name in schema.names)})"
    columns = ", ".join(f"{_read(field, aliases[field.name], types)} AS {aliases[field.name]}" for field in schema)
    yield f"SET temp_directory = {_text(str(spill))}"
    yield f"CREATE VIEW {_ALIASED} AS SELECT {columns} FROM {source_aliased}"
    yield f"CREATE VIEW {view} AS SELECT * FROM {source}"
    yield f"SET allowed_paths = [{_text(str(parquet))}]"
    yield "SET enable_external_access = false"
    yield "SET lock_configuration = true"


def _read(field: "pa.Field", name: str, types: Mapping[str, str]) -> str:
    """A column as the rules see it: NaN is NULL, and a column without type or value has the declared type."""
    import pyarrow.types as is_

    if is_.is_floating(field.type):
        return f"CASE WHEN NOT isnan({name}) THEN {name} END"
    if is_.is_null(field.type):
        return f"CAST({name} AS {DUCKDB_TYPES[types.get(field.name, 'string')]})"
    return name


def _text(literal: str) -> str:
    return "'" + literal.replace("'", "''") + "'"


# The answers

_COUNTS_ONLY = {"result_format": "BASIC", "exclude_unexpected_values": True, "partial_unexpected_count": 0}
"""With 0 Great Expectations asks for offending values with LIMIT 0: none leaves the engine."""


def _validate(batch: Any, asked: Sequence[Expectation], aliases: Mapping[str, str]) -> dict[Expectation, Count]:
    import great_expectations as gx
    from great_expectations.expectations.registry import get_expectation_impl

    suite = gx.ExpectationSuite(name="contract")
    for index, expectation in enumerate(asked):
        kwargs = {key: _aliased(key, value, aliases) for key, value in expectation.kwargs}
        suite.add_expectation(get_expectation_impl(expectation.type)(**kwargs, meta={"asked": index}))
    answers = batch.validate(suite, result_format=_COUNTS_ONLY).results
    return {asked[answer.expectation_config.meta["asked"]]: _read_answer(answer) for answer in answers}


def _aliased(key: str, value: Any, aliases: Mapping[str, str]) -> Any:
    if key == "column":
        return aliases[value]
    if key == "column_list":
        return [aliases[name] for name in value]
    return list(value) if isinstance(value, tuple) else value


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

    for name in re.findall(r"^(?:[\w.]+\.)?(\w+)(?::|$)", traceback, flags=re.MULTILINE):
        for module in (duckdb, builtins):
            candidate = getattr(module, name, None)
            if isinstance(candidate, type) and issubclass(candidate, BaseException):
                return str(name)
    return "an error of the engine"
