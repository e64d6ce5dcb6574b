"""A compiled rule as the expectation that it was: what the round trip of a suite is held against."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from checks.rules import Rule

Asked = tuple[str, dict[str, Any]]


def back(rule: Rule) -> Asked | None:
    """The expectation that a compiled rule is, the other way round; None for types and queries."""
    if rule.expectation is None or rule.kind == "query":
        return None
    kwargs = {k: list(v) if isinstance(v, tuple) else v for k, v in rule.expectation.kwargs if v is not None}
    if rule.kind == "row count":
        return rule.expectation.type, _rows(rule)
    if rule.demand.percent:
        at_least = rule.demand.operator == "mustBeGreaterOrEqualTo"
        share = rule.demand.operand[0] / 100
        kwargs["mostly"] = round(share if at_least else 1 - share, 10)
        if at_least:
            return "expect_column_values_to_be_null", kwargs
    kind = rule.expectation.type
    if kind == "expect_column_values_to_be_valid":
        kind = "expect_column_values_to_match_regex"
    return kind, kwargs


def _rows(rule: Rule) -> dict[str, Any]:
    numbers = rule.demand.operand
    if rule.demand.operator in ("mustBeBetween", "mustBe"):
        return {"min_value": numbers[0], "max_value": numbers[-1]}
    end = {"mustBeGreaterOrEqualTo": "min_value", "mustBeLessOrEqualTo": "max_value"}[rule.demand.operator]
    return {end: numbers[0]}


_ABOUT_THE_RUN = frozenset(
    {"result_format", "catch_exceptions", "include_config", "batch_id", "auto", "profiler_config", "meta"}
)


def plain(kind: str, kwargs: Mapping[str, Any]) -> Asked:
    """The same expectation without what says nothing: defaults, the order of a set, two ways to write one thing."""
    said = {k: _value(v) for k, v in kwargs.items() if v is not None and v is not False and k not in _ABOUT_THE_RUN}
    if said.get("mostly") == 1:
        del said["mostly"]
    if said.get("match_on") == "any":
        del said["match_on"]
    if kind in ("expect_compound_columns_to_be_unique",) and said.get("ignore_row_if") == "all_values_are_missing":
        del said["ignore_row_if"]
    if isinstance(said.get("value_set"), list):
        said["value_set"] = sorted(set(said["value_set"]), key=repr)
    return _renamed(kind, said)


def _renamed(kind: str, said: dict[str, Any]) -> Asked:
    if kind == "expect_column_distinct_values_to_be_in_set":
        return "expect_column_values_to_be_in_set", said
    if kind in ("expect_column_value_lengths_to_equal", "expect_table_row_count_to_equal"):
        exact = said.pop("value")
        return kind.replace("to_equal", "to_be_between"), {**said, "min_value": exact, "max_value": exact}
    if kind == "expect_column_value_lengths_to_be_between":
        for end, strict, step in (("min_value", "strict_min", 1), ("max_value", "strict_max", -1)):
            if said.pop(strict, False):
                said[end] += step
    if kind == "expect_column_values_to_match_regex_list" and "match_on" not in said:
        joined = "|".join(f"(?:{pattern})" for pattern in said.pop("regex_list"))
        return "expect_column_values_to_match_regex", {**said, "regex": joined}
    return kind, said


def _value(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_value(item) for item in value]
    if isinstance(value, dt.date):
        return _as_time(value.isoformat())
    if isinstance(value, str):
        return _as_time(value)
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _as_time(text: str) -> str:
    """A time in one way of writing it; any other text as it is."""
    try:
        return dt.datetime.fromisoformat(text).isoformat().removesuffix("T00:00:00")
    except ValueError:
        return text
