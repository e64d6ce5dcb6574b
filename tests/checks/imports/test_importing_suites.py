"""A suite, imported, says of the same rows what Great Expectations itself says; and goes back as what it was.

Truth from outside: Great Expectations writes the suites and validates the rows in pandas; ours are checked in DuckDB.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checks.contract import compile_rules, read_contract
from checks.counting import _import_great_expectations
from checks.expectations import RuleOutcome, check_contract
from checks.imports.carried import Became, Imported, NotKnown
from checks.imports.great_expectations import import_suite
from tests.peers.going_back import back

ROWS = 120
COLORS = ["red", "green", "blue", "a1"]


def rows() -> pd.DataFrame:
    rng = np.random.default_rng(7)
    return pd.DataFrame(
        {
            "n": rng.integers(0, 100, ROWS),
            "m": rng.integers(0, 5, ROWS),
            "x": np.where(rng.random(ROWS) < 0.1, np.nan, np.round(rng.normal(50, 10, ROWS), 2)),
            "y": np.where(rng.random(ROWS) < 0.1, np.nan, np.round(rng.normal(50, 10, ROWS), 2)),
            "s": pd.array([None if rng.random() < 0.1 else str(rng.choice(COLORS)) for _ in range(ROWS)], dtype=object),
            "d": ["soon" if i % 17 == 0 else f"2024-0{1 + i % 9}-1{i % 10}" for i in range(ROWS)],
            "k": [f"k{i}" for i in range(ROWS)],
        }
    )


class Peer:
    """Great Expectations on the rows in pandas, and the same rows as a file for us."""

    def __init__(self, folder: Path) -> None:
        self.gx = _import_great_expectations()
        context = self.gx.get_context(mode="ephemeral")
        frame = rows()
        asset = context.data_sources.add_pandas("rows").add_dataframe_asset("rows")
        self.batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame})
        self.parquet = folder / "rows.parquet"
        # As it may come: a float that is missing is NaN here, and not NULL.
        columns = {name: pa.array(frame[name].tolist(), from_pandas=frame[name].dtype != "float64") for name in frame}
        pq.write_table(pa.table(columns), self.parquet)

    def suite(self, *asked: tuple[str, dict[str, Any]]) -> Any:
        from great_expectations.expectations.registry import get_expectation_impl

        suite = self.gx.ExpectationSuite(name="Round trip")
        for kind, kwargs in asked:
            suite.add_expectation(get_expectation_impl(kind)(**kwargs))
        return suite

    def text(self, kind: str, kwargs: dict[str, Any]) -> str:
        """As its own writer writes it."""
        return json.dumps(self.suite((kind, kwargs)).to_json_dict())

    def answers(self, asked: list[tuple[str, dict[str, Any]]]) -> Iterator[tuple[bool, int | None]]:
        """Verdict and unexpected rows, in the order asked."""
        suite = self.gx.ExpectationSuite(name="Round trip")
        from great_expectations.expectations.registry import get_expectation_impl

        for index, (kind, kwargs) in enumerate(asked):
            suite.add_expectation(get_expectation_impl(kind)(**kwargs, meta={"index": index}))
        found = {r.expectation_config.meta["index"]: r for r in self.batch.validate(suite).results}
        for index in range(len(asked)):
            assert not found[index].exception_info.get("raised_exception"), asked[index]
            yield bool(found[index].success), found[index].result.get("unexpected_count")


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Peer:
    return Peer(tmp_path_factory.mktemp("peer"))


def ours(imported: Imported, parquet: Path, types_too: bool) -> tuple[bool, list[int]]:
    """Whether all rules that were carried are met, and the rows that each of them counted against it."""
    contract = read_contract(yaml.safe_dump(imported.contract, sort_keys=False))
    kinds = {rule.rule: rule.kind for rule in compile_rules(contract)}
    found = [r for r in check_contract(contract, parquet) if types_too or kinds[r.rule] not in ("type", "present")]
    assert all(r.outcome is not RuleOutcome.NOT_EVALUATED for r in found), [r.reason for r in found]
    return all(r.outcome is RuleOutcome.MET for r in found), [r.unexpected for r in found if r.unexpected is not None]


X = {"column": "x"}
S = {"column": "s"}
EVERY: list[tuple[str, dict[str, Any]]] = [
    ("expect_column_values_to_not_be_null", {"column": "n"}),
    ("expect_column_values_to_not_be_null", X),
    ("expect_column_values_to_not_be_null", {**X, "mostly": 0.85}),
    ("expect_column_values_to_be_null", {**X, "mostly": 0.05}),
    ("expect_column_values_to_be_unique", {"column": "k"}),
    ("expect_column_values_to_be_unique", {"column": "n", "mostly": 0.2}),
    ("expect_compound_columns_to_be_unique", {"column_list": ["n", "m"], "mostly": 0.5}),
    ("expect_column_values_to_be_in_set", {"column": "s", "value_set": COLORS}),
    ("expect_column_values_to_be_in_set", {"column": "m", "value_set": [0, 1, 2], "mostly": 0.5}),
    ("expect_column_distinct_values_to_be_in_set", {"column": "s", "value_set": COLORS[:2]}),
    ("expect_column_distinct_values_to_contain_set", {"column": "s", "value_set": COLORS[:2]}),
    ("expect_column_distinct_values_to_contain_set", {"column": "s", "value_set": ["red", "it's"]}),
    ("expect_column_distinct_values_to_equal_set", {"column": "s", "value_set": COLORS}),
    ("expect_column_values_to_not_be_in_set", {"column": "s", "value_set": ["red"], "mostly": 0.6}),
    ("expect_column_values_to_not_be_in_set", {"column": "m", "value_set": [7, 8]}),
    ("expect_column_values_to_be_between", {**X, "min_value": 20, "max_value": 80}),
    ("expect_column_values_to_be_between", {**X, "min_value": 40, "strict_min": True, "mostly": 0.8}),
    ("expect_column_values_to_be_between", {"column": "m", "min_value": 0, "max_value": 4, "strict_max": True}),
    ("expect_column_values_to_be_between", {"column": "m", "min_value": 1, "strict_min": True, "mostly": 0.7}),
    ("expect_column_value_lengths_to_be_between", {**S, "min_value": 3, "max_value": 5}),
    ("expect_column_value_lengths_to_equal", {**S, "value": 3, "mostly": 0.2}),
    ("expect_column_values_to_match_regex", {**S, "regex": "^[a-z]+$", "mostly": 0.5}),
    ("expect_column_values_to_match_regex_list", {**S, "regex_list": ["^r", "e$"]}),
    ("expect_column_values_to_match_regex_list", {**S, "regex_list": ["e", "^[grb]"], "match_on": "all"}),
    ("expect_column_values_to_not_match_regex", {**S, "regex": "\\d{1}"}),
    ("expect_column_values_to_not_match_regex_list", {**S, "regex_list": ["^r", "\\d"], "mostly": 0.3}),
    ("expect_column_values_to_match_strftime_format", {"column": "d", "strftime_format": "%Y-%m-%d", "mostly": 0.9}),
    ("expect_column_values_to_be_json_parseable", {**S, "mostly": 0.1}),
    ("expect_column_values_to_be_of_type", {"column": "n", "type_": "int64"}),
    ("expect_column_values_to_be_in_type_list", {**X, "type_list": ["float64", "int64"]}),
    ("expect_column_values_to_be_of_type", {**X, "type_": "int64"}),
    ("expect_column_mean_to_be_between", {**X, "min_value": 45, "max_value": 55}),
    ("expect_column_median_to_be_between", {**X, "min_value": 70}),
    ("expect_column_min_to_be_between", {**X, "min_value": 0, "strict_min": True}),
    ("expect_column_max_to_be_between", {**X, "max_value": 60}),
    ("expect_column_stdev_to_be_between", {**X, "min_value": 7, "max_value": 13}),
    ("expect_column_sum_to_be_between", {"column": "n", "max_value": 11}),
    ("expect_column_unique_value_count_to_be_between", {**S, "min_value": 4, "max_value": 4}),
    ("expect_column_proportion_of_unique_values_to_be_between", {**S, "max_value": 0.01}),
    ("expect_column_proportion_of_non_null_values_to_be_between", {**X, "min_value": 0.8}),
    ("expect_column_pair_values_a_to_be_greater_than_b", {"column_A": "x", "column_B": "y", "mostly": 0.3}),
    (
        "expect_column_pair_values_a_to_be_greater_than_b",
        {
            "column_A": "x",
            "column_B": "y",
            "or_equal": True,
            "ignore_row_if": "either_value_is_missing",
            "mostly": 0.52,
        },
    ),
    ("expect_column_pair_values_to_be_equal", {"column_A": "m", "column_B": "m", "ignore_row_if": "neither"}),
    ("expect_table_row_count_to_be_between", {"min_value": ROWS, "max_value": ROWS}),
    ("expect_table_row_count_to_equal", {"value": ROWS + 1}),
    ("expect_column_to_exist", X),
    ("expect_table_column_count_to_equal", {"value": 7}),
    ("expect_table_column_count_to_be_between", {"min_value": 8}),
    ("expect_table_columns_to_match_set", {"column_set": ["n", "m", "x"]}),
    ("expect_table_columns_to_match_set", {"column_set": ["n", "m", "x"], "exact_match": False}),
    ("expect_table_columns_to_match_ordered_list", {"column_list": ["n", "m", "x", "y", "s", "d", "k"]}),
    ("expect_table_columns_to_match_ordered_list", {"column_list": ["m", "n", "x", "y", "s", "d", "k"]}),
]


def test_every_expectation_has_the_verdict_of_great_expectations_and_its_count(peer: Peer) -> None:
    for (kind, kwargs), (success, unexpected) in zip(EVERY, peer.answers(EVERY), strict=True):
        imported = import_suite(peer.text(kind, kwargs))
        assert not imported.having(Became.NOT_CARRIED), (kind, imported.told)
        met, counted = ours(imported, peer.parquet, types_too="type" in kind.removeprefix("expect_column"))
        assert met == success, (kind, kwargs, imported.contract)
        counts_rows = kind != "expect_column_values_to_be_null" and "distinct" not in kind
        if len(counted) == 1 and unexpected is not None and counts_rows:
            assert counted == [unexpected], (kind, kwargs)


share = st.integers(0, 100).map(lambda n: n / 100)


@st.composite
def an_expectation(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """Any that is about rows, with limits and shares that lie among the rows."""
    kind = draw(st.sampled_from(["nulls", "set", "not in set", "between", "length", "regex", "unique", "pair"]))
    mostly = {} if draw(st.booleans()) else {"mostly": draw(share)}
    if kind == "nulls":
        return "expect_column_values_to_not_be_null", {"column": draw(st.sampled_from("nxs")), **mostly}
    if kind in ("set", "not in set"):
        column, among = draw(st.sampled_from([("s", COLORS), ("m", [0, 1, 2, 3, 4])]))
        values = draw(st.lists(st.sampled_from(among), min_size=1, max_size=4, unique=True))
        name = "expect_column_values_to_be_in_set" if kind == "set" else "expect_column_values_to_not_be_in_set"
        return name, {"column": column, "value_set": values, **mostly}
    if kind == "between":
        low, width = draw(st.integers(-5, 70)), draw(st.integers(0, 60))
        strict = {key: True for key in ("strict_min", "strict_max") if draw(st.booleans())}
        limits = {"column": draw(st.sampled_from("nx")), "min_value": low, "max_value": low + width}
        return "expect_column_values_to_be_between", {**limits, **strict, **mostly}
    if kind == "length":
        low = draw(st.integers(0, 5))
        limits = {"column": draw(st.sampled_from("sk")), "min_value": low, "max_value": low + draw(st.integers(0, 3))}
        return "expect_column_value_lengths_to_be_between", {**limits, **mostly}
    if kind == "regex":
        pattern = draw(st.sampled_from(["^r", "e", "[0-9]$", "^[a-z]+$", "k[1-4]"]))
        return "expect_column_values_to_match_regex", {
            "column": draw(st.sampled_from("sk")),
            "regex": pattern,
            **mostly,
        }
    if kind == "unique":
        return "expect_column_values_to_be_unique", {"column": draw(st.sampled_from("nmks")), **mostly}
    both = draw(st.sampled_from(["both_values_are_missing", "either_value_is_missing", "neither"]))
    return "expect_column_pair_values_a_to_be_greater_than_b", {
        "column_A": "x",
        "column_B": draw(st.sampled_from("yn")),
        "ignore_row_if": both,
        **mostly,
    }


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(an_expectation(), min_size=4, max_size=4, unique_by=repr))
def test_any_suite_has_the_verdicts_of_great_expectations(peer: Peer, asked: list[tuple[str, dict[str, Any]]]) -> None:
    for (kind, kwargs), (success, unexpected) in zip(asked, peer.answers(asked), strict=True):
        imported = import_suite(peer.text(kind, kwargs))
        met, counted = ours(imported, peer.parquet, types_too=False)
        assert met == success, (kind, kwargs)
        assert unexpected is None or len(counted) != 1 or counted == [unexpected], (kind, kwargs)


BACK = [
    (kind, kwargs)
    for kind, kwargs in EVERY
    if (
        kind.endswith(("not_be_null", "be_unique", "values_to_be_in_set", "match_regex"))
        and "distinct" not in kind
        and "not_match" not in kind
    )
    or (kind == "expect_column_values_to_be_between" and "mostly" not in kwargs)
    or kind in ("expect_table_row_count_to_be_between", "expect_column_value_lengths_to_be_between")
]


@pytest.mark.parametrize(("kind", "kwargs"), [pytest.param(*one, id=f"{n} {one[0]}") for n, one in enumerate(BACK)])
def test_what_the_standard_has_a_rule_for_goes_back_as_it_came(peer: Peer, kind: str, kwargs: dict[str, Any]) -> None:
    imported = import_suite(peer.text(kind, kwargs))
    rules = compile_rules(read_contract(yaml.safe_dump(imported.contract)))
    again = [found for rule in rules if (found := back(rule)) is not None]
    assert again == [(kind, kwargs)]


def test_mostly_is_exact_on_the_very_row_that_it_turns_on(tmp_path: Path) -> None:
    """Of 1,000 rows 50 may be NULL at 0.95; 1 - 0.95 is no such share in binary, and 100 * (1 - 0.95) is above 5."""
    text = json.dumps(
        {
            "name": "edge",
            "expectations": [
                {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "v", "mostly": m}}
                for m in (0.95, 0.951)
            ],
        }
    )
    pq.write_table(pa.table({"v": [None] * 50 + [1.5] * 950}), tmp_path / "v.parquet")
    contract = read_contract(yaml.safe_dump(import_suite(text).contract))
    found = check_contract(contract, tmp_path / "v.parquet")
    assert [rule.demand.operand for rule in compile_rules(contract)] == [(5,), (4.9,)]
    assert [result.outcome for result in found] == [RuleOutcome.MET, RuleOutcome.UNMET]


def test_a_file_of_an_older_version_is_the_same_suite(peer: Peer) -> None:
    kwargs = {"column": "s", "value_set": COLORS, "mostly": 0.9}
    new = import_suite(peer.text("expect_column_values_to_be_in_set", kwargs))
    old = {
        "data_asset_type": None,
        "expectation_suite_name": "Round trip",
        "expectations": [
            {"expectation_type": "expect_column_values_to_be_in_set", "kwargs": kwargs, "meta": {}},
        ],
        "ge_cloud_id": None,
        "meta": {"great_expectations_version": "0.18.19"},
    }
    assert import_suite(json.dumps(old)) == new


def test_severity_and_notes_come_along() -> None:
    asked = [
        {
            "type": "expect_column_values_to_be_between",
            "kwargs": {"column": "age", "min_value": 18},
            "severity": severity,
            "meta": {"notes": {"content": ["Adults", "only."]}},
        }
        for severity in ("warning", "critical")
    ]
    rules = compile_rules(read_contract(yaml.safe_dump(_import(asked).contract)))
    assert {rule.rule: rule.blocking for rule in rules if rule.kind in ("query", "typed values")} == {
        "age: range": True,
        "age: column_values_to_be_between": False,
    }
    (warned,) = _import(asked[:1]).contract["schema"][0]["properties"][0]["quality"]
    assert (warned["severity"], warned["description"]) == ("warning", "Adults only.")


def _import(expectations: list[dict[str, Any]], **suite: Any) -> Imported:
    return import_suite(json.dumps({"name": "s", "expectations": expectations, **suite}))


NOT_CARRIED = {
    "no counterpart": ("expect_multicolumn_sum_to_equal", {"column_list": ["a", "b"], "sum_total": 3}, "counterpart"),
    "an order of rows": ("expect_column_values_to_be_increasing", {"column": "a"}, "no order"),
    "a distance": ("expect_column_kl_divergence_to_be_less_than", {"column": "a", "threshold": 1}, "criterion"),
    "some rows only": (
        "expect_column_values_to_not_be_null",
        {"column": "a", "row_condition": "b > 1", "condition_parser": "pandas"},
        "row_condition",
    ),
    "a parameter": ("expect_table_row_count_to_equal", {"value": {"$PARAMETER": "n"}}, "parameter"),
    "a look-ahead": ("expect_column_values_to_match_regex", {"column": "a", "regex": "a(?!b)"}, "RE2"),
    "an argument nobody knows": ("expect_column_values_to_be_unique", {"column": "a", "fuzzy": 1}, "fuzzy"),
    "a mixed set": ("expect_column_values_to_be_in_set", {"column": "a", "value_set": ["x", 1]}, "several types"),
    "object": ("expect_column_values_to_be_of_type", {"column": "a", "type_": "object"}, "says nothing"),
    "dates as another tool reads them": ("expect_column_values_to_be_dateutil_parseable", {"column": "a"}, "dateutil"),
    "nobody's own": ("expect_my_own_thing", {"column": "a"}, "no counterpart"),
    "one pattern of two": (
        "expect_column_values_to_match_regex_list",
        {"column": "a", "regex_list": ["e", "a(?!b)"], "match_on": "all"},
        "RE2",
    ),
    "no limit": ("expect_column_values_to_be_between", {"column": "a"}, "no limit"),
    "a share of more than one": ("expect_column_values_to_not_be_null", {"column": "a", "mostly": 1.5}, "0 to 1"),
}


@pytest.mark.parametrize("name", NOT_CARRIED)
def test_what_has_no_counterpart_is_told_by_name_and_leaves_no_trace(name: str) -> None:
    kind, kwargs, why = NOT_CARRIED[name]
    found = _import([{"type": kind, "kwargs": kwargs}])
    (told,) = found.told
    assert told.became is Became.NOT_CARRIED
    assert kind in told.what and why in told.how
    assert found.contract["schema"][0] == {"name": "s", "logicalType": "object", "properties": []}


@given(st.lists(st.sampled_from([*EVERY, *((k, kw) for k, kw, _ in NOT_CARRIED.values())]), max_size=12))
@settings(max_examples=25, deadline=None)
def test_of_every_expectation_something_is_told(asked: list[tuple[str, dict[str, Any]]]) -> None:
    found = _import([{"type": kind, "kwargs": kwargs} for kind, kwargs in asked])
    assert [t.what.split(" ")[1] for t in found.told] == [kind for kind, _ in asked]
    compile_rules(read_contract(yaml.safe_dump(found.contract, sort_keys=False)))


def test_a_note_on_what_a_column_itself_promises_is_told() -> None:
    note = {"notes": "As agreed."}
    told = [
        item.what
        for kind in ("expect_column_values_to_be_unique", "expect_column_values_to_be_in_set")
        for item in _import(
            [
                {
                    "type": kind,
                    "kwargs": {"column": "a", "value_set": ["x"]} if "set" in kind else {"column": "a"},
                    "meta": note,
                }
            ]
        ).having(Became.NOT_CARRIED)
    ]
    assert told == ["1. expect_column_values_to_be_unique (a): meta notes"]


@pytest.mark.parametrize(
    ("names", "logical"),
    [(["INTEGER", "BYTEINT", "SMALLINT"], "integer"), (["DOUBLE_PRECISION", "FLOAT8", "NUMERIC"], "number")],
)
def test_the_names_of_other_databases_are_types_too(names: list[str], logical: str) -> None:
    asked = [{"type": "expect_column_values_to_be_in_type_list", "kwargs": {"column": "a", "type_list": names}}]
    (column,) = _import(asked).contract["schema"][0]["properties"]
    assert column["logicalType"] == logical


def test_two_ranges_of_one_column_are_two_rules_and_neither_is_lost() -> None:
    asked = [{"type": "expect_column_values_to_be_between", "kwargs": {"column": "a", "max_value": m}} for m in (9, 5)]
    rules = compile_rules(read_contract(yaml.safe_dump(_import(asked).contract)))
    assert [rule.rule for rule in rules if rule.kind != "type"] == ["a: range", "a: column_values_to_be_between"]


def test_meta_that_says_nothing_of_the_data_is_told() -> None:
    item = {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "a"}, "meta": {"ticket": "X-1"}}
    found = _import([item], meta={"great_expectations_version": "1.24.1", "team": "t"})
    assert [told.what for told in found.having(Became.NOT_CARRIED)] == [
        "1. expect_column_values_to_be_unique (a): meta ticket",
        "meta of the suite",
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("not json", "no JSON"),
        ("[]", "no `expectations`"),
        ('{"expectations": []}', "no `expectations` with a `name`"),
        ('{"name": "s", "expectations": [{"kwargs": {}}]}', "no `type`"),
    ],
)
def test_what_is_no_suite_is_refused(text: str, why: str) -> None:
    with pytest.raises(NotKnown, match=why):
        import_suite(text)
