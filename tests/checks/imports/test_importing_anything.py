"""Whatever stands in a file: it is carried, told of, or refused in one line; no importer breaks on it."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checks.contract import compile_rules, read_contract
from checks.imports.carried import Imported, NotKnown
from checks.imports.evidently import import_definition
from checks.imports.expectation_rules import HANDLERS
from checks.imports.great_expectations import import_suite, suite_named_by
from checks.imports.sagemaker import import_constraints, import_statistics, is_statistics

WORDS = ["a", "(", "2024-01-01", "all", "any", "", "{table}", "o'clock", "TODO"]
plain = st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-1, 2, allow_nan=False) | st.sampled_from(WORDS)
KEYS = ["features", "name", "inferred_type", "completeness", "num_constraints", "domains", "dataset", "target", "meta"]
anything = st.recursive(
    plain,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=8,
)
ARGUMENTS = [
    "column",
    "column_A",
    "column_B",
    "column_list",
    "column_set",
    "value_set",
    "mostly",
    "min_value",
    "max_value",
]
ARGUMENTS += ["strict_min", "regex", "regex_list", "match_on", "value", "type_", "type_list", "quantile_ranges"]
ARGUMENTS += ["like_pattern", "strftime_format", "ignore_row_if", "exact_match", "unexpected_rows_query", "or_equal"]
WHOLE = {"column": "a", "column_A": "a", "column_B": "b", "column_list": ["a", "b"]}
quick = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@quick
@given(
    st.sampled_from(sorted(HANDLERS)), st.dictionaries(st.sampled_from(ARGUMENTS), anything, max_size=5), st.booleans()
)
def test_any_arguments_are_carried_or_told_of(kind: str, kwargs: dict[str, Any], whole: bool) -> None:
    kwargs = {**kwargs, **WHOLE} if whole else kwargs
    found = import_suite(json.dumps({"name": "s", "expectations": [{"type": kind, "kwargs": kwargs}]}))
    assert len(found.told) == 1
    compiles(found)


@quick
@given(anything, anything, anything)
def test_any_document_is_read_or_refused(one: Any, two: Any, three: Any) -> None:
    feature = {"name": "a", "inferred_type": "Integral", "completeness": two, "num_constraints": three}
    documents = [
        one,
        {"features": [{**feature, "numerical_statistics": two}], "monitoring_config": one, "dataset": three},
        {"classification": [{"target": "y", "prediction_probas": one}], "numerical_columns": three, "id_column": one},
        {"target": one, "prediction": two, "task": three},
        {"name": "s", "expectations": [{"type": "expect_column_to_exist", "kwargs": one, "meta": two}], "meta": three},
    ]
    for text in map(json.dumps, documents):
        suite_named_by(text)
        for read in (import_suite, _definition, _sagemaker):
            with contextlib.suppress(NotKnown):
                compiles(read(text))


def _definition(text: str) -> Imported:
    return import_definition(text, "x")


def _sagemaker(text: str) -> Imported:
    return import_statistics(text, "x") if is_statistics(text) else import_constraints(text, "x")


def compiles(found: Imported) -> None:
    compile_rules(read_contract(yaml.safe_dump(found.contract, sort_keys=False)))
