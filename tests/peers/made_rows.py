"""Rows made from an expectation's own limits, sets and patterns, on which Great Expectations and we are both asked.

Values stand at the limits and one step beyond, in the set and outside, and are mixed anew in each of a few samples,
so that most expectations are met by some of them and broken by others. Great Expectations' verdict is the truth.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from checks.contract import compile_rules, read_contract
from checks.counting import _import_great_expectations
from checks.expectations import RuleOutcome, check_contract
from checks.imports.carried import Imported
from tests.peers.going_back import Asked

SAMPLES = 8
_TEXTS = ["", "a", "abc", "Abc", "A1", "12", "12.5", "-3", "2024-02-29", "2024-13-01", "x@y.org", "a b", "{}", "[1]"]
_TEXTS += ["NW", "+31 20 123", "true", "it's", "3f2504e0-4f89-41d3-9a0c-0305e82c3301", "127.0.0.1", "a\tb", "N/A"]
Rows = dict[str, list[Any]]


class Peer:
    """Great Expectations on rows in pandas."""

    def __init__(self) -> None:
        self.gx = _import_great_expectations()
        context = self.gx.get_context(mode="ephemeral")
        context.variables.progress_bars = {"globally": False}
        asset = context.data_sources.add_pandas("rows").add_dataframe_asset("rows")
        self.batches = asset.add_batch_definition_whole_dataframe("all")

    def says(self, asked: Asked, rows: Rows) -> bool | None:
        """Its verdict; None where it can not be asked: it does not know the arguments, or fails on the rows."""
        from great_expectations.expectations.registry import get_expectation_impl
        from pydantic import ValidationError
        from pydantic.v1 import ValidationError as OldValidationError

        kind, kwargs = asked
        try:
            expectation = get_expectation_impl(kind)(**kwargs)
        except (ValidationError, OldValidationError, TypeError, ValueError):
            return None
        found = self.batches.get_batch({"dataframe": _frame(rows)}).validate(expectation)
        return None if found.exception_info.get("raised_exception") or not found.result else bool(found.success)


def _frame(rows: Rows) -> pd.DataFrame:
    texts = {name for name, values in rows.items() if any(isinstance(value, str) for value in values)}
    return pd.DataFrame(
        {name: pd.Series(values, dtype=object) if name in texts else values for name, values in rows.items()}
    )


def we_say(imported: Imported, rows: Rows, folder: Path, *, about_columns: bool) -> bool | None:
    """Our verdict on the rules that were carried; None where one is not evaluated. `about_columns`: presence counts."""
    contract = read_contract(yaml.safe_dump(imported.contract, sort_keys=False))
    kinds = {rule.rule: rule.kind for rule in compile_rules(contract)}
    pq.write_table(pa.table(rows), folder / "rows.parquet")
    left_out = ("type",) if about_columns else ("type", "present")
    found = [r for r in check_contract(contract, folder / "rows.parquet") if kinds[r.rule] not in left_out]
    if any(r.outcome is RuleOutcome.NOT_EVALUATED for r in found):
        return None
    return all(r.outcome is RuleOutcome.MET for r in found)


def samples(asked: Asked) -> Iterator[Rows]:
    """A few tables for one expectation, the same ones each time."""
    kind, kwargs = asked
    rng = random.Random(repr((kind, sorted(kwargs.items(), key=repr))))
    if of_columns(kind):
        yield from _tables(kwargs)
        return
    columns = [str(kwargs[key]) for key in ("column", "column_A", "column_B") if key in kwargs] or ["a"]
    values = _values(kind, kwargs)
    for number in range(SAMPLES):
        pool = rng.sample(values, rng.randint(1, min(6, len(values))))
        count = rng.choice([3, 20, 60])
        yield {column: _column(rng, pool, count, missing=number % 2 == 1) for column in columns}


def of_columns(kind: str) -> bool:
    """Whether it is about which columns a file has."""
    return kind.startswith("expect_table_column") or kind == "expect_column_to_exist"


def _tables(kwargs: dict[str, Any]) -> Iterator[Rows]:
    """Tables with the columns, with one more, with one less, and in another order."""
    named = [kwargs["column"]] if "column" in kwargs else kwargs.get("column_set") or kwargs.get("column_list")
    exact = kwargs.get("value") or kwargs.get("max_value") or kwargs.get("min_value") or 2
    names = [str(name) for name in named or [f"c{i}" for i in range(int(exact))]]
    for columns in (names, [*names, "one more"], names[:-1], names[::-1], ["quite another"]):
        if columns:
            yield {name: [1, 2] for name in columns}


def _values(kind: str, kwargs: dict[str, Any]) -> list[Any]:
    given = list(kwargs.get("value_set") or [])
    given += [kwargs[key] for key in ("min_value", "max_value") if kwargs.get(key) is not None]
    given += [end for ends in (kwargs.get("quantile_ranges") or {}).get("value_ranges", []) for end in ends]
    counted = "unique" in kind or "proportion" in kind
    if counted:
        return [*range(12)]
    of_text = "regex" in kind or "like" in kind or "length" in kind or "json" in kind or "strftime" in kind
    if of_text or any(isinstance(value, str) for value in given):
        return _texts(kind, [value for value in given if isinstance(value, str)])
    numbers = [value for value in given if isinstance(value, int | float)]
    beyond = [value + step for value in numbers for step in (-1, 1)]
    middle = [sum(numbers) / len(numbers)] if numbers else []
    return [float(value) for value in dict.fromkeys([*numbers, *beyond, *middle])] or [-1.5, 0.0, 1.0, 2.5]


def _texts(kind: str, given: list[str]) -> list[Any]:
    if "between" in kind and "length" not in kind:
        times = [dt.datetime.fromisoformat(text) for text in given]
        return [time + dt.timedelta(days=step) for time in times for step in (-1, 0, 1)]
    return [*given, *_TEXTS]


def _column(rng: random.Random, pool: list[Any], count: int, *, missing: bool) -> list[Any]:
    """Never without any value: of an empty column the two say different things, by design."""
    values = [rng.choice(pool) for _ in range(count)]
    if missing:
        values = [None if rng.random() < 0.2 else value for value in values]
    return values if any(value is not None for value in values) else [*values[:-1], pool[0]]
