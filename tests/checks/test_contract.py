"""Truth is planted: a clean table, a twin with one faulty row, and counts taken with plain Python."""

import datetime as dt
import logging
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from checks.contract import compile_rules, read_contract
from checks.expectations import RuleOutcome, RuleResult, check_contract
from checks.rules import ContractFault

SECRET = "Zaphod-4711-secret"
MET, UNMET, NOT_EVALUATED = RuleOutcome.MET, RuleOutcome.UNMET, RuleOutcome.NOT_EVALUATED


def document(properties: list[dict[str, Any]], quality: list[dict[str, Any]] | None = None) -> str:
    table = {"name": "people", "properties": properties, "quality": quality or []}
    head = {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": "people",
        "version": "1.0.0",
        "status": "active",
    }
    return yaml.safe_dump({**head, "schema": [table]}, allow_unicode=True)


@pytest.fixture
def check(tmp_path: Path) -> Callable[..., dict[str, RuleResult]]:
    def run(
        columns: Mapping[str, Any] | pa.Table,
        properties: list[dict[str, Any]],
        quality: list[dict[str, Any]] | None = None,
    ) -> dict[str, RuleResult]:
        table = columns if isinstance(columns, pa.Table) else pa.table(dict(columns))
        path = tmp_path / "batch.parquet"
        pq.write_table(table, path)
        contract = read_contract(document(properties, quality))
        results = check_contract(contract, path)
        assert [r.rule for r in results] == [r.rule for r in compile_rules(contract)]
        return {result.rule: result for result in results}

    return run


def prop(logical: str, **more: Any) -> dict[str, Any]:
    return {"name": "x", "logicalType": logical, **more}


def opts(logical: str, **options: Any) -> dict[str, Any]:
    return prop(logical, logicalTypeOptions=options)


def library(logical: str, metric: str, arguments: dict[str, Any] | None = None, **demand: Any) -> dict[str, Any]:
    rule = {"metric": metric, **(demand or {"mustBe": 0})}
    return prop(logical, quality=[rule | ({"arguments": arguments} if arguments else {})])


def custom(kind: str, **kwargs: Any) -> dict[str, Any]:
    implementation = {"type": kind, "kwargs": kwargs}
    return prop("string", quality=[{"type": "custom", "engine": "greatExpectations", "implementation": implementation}])


DAY = dt.date(2014, 1, 1)
NOON = dt.datetime(2014, 1, 1, 12)

# rule id, property, four good values, a bad one, rows that then offend
VALUE_RULES = {
    "required": ("x: required", prop("integer", required=True), [1, 2, 3, 4], None, 1),
    "NaN where a value is required": ("x: required", prop("number", required=True), [1.0, 2.0, 3.0, 4.0], float("nan"), 1),
    "unique": ("x: unique", prop("integer", unique=True), [1, 2, 3, 4], 4, 2),
    "key": ("primary key: unique", prop("integer", primaryKey=True), [1, 2, 3, 4], 4, 2),
    "key is required": ("x: required", prop("integer", primaryKey=True), [1, 2, 3, 4], None, 1),
    "minimum": ("x: range", opts("integer", minimum=1), [1, 2, 3, 4], 0, 1),
    "maximum": ("x: range", opts("integer", maximum=4), [1, 2, 3, 4], 5, 1),
    "exclusive minimum": ("x: range", opts("number", exclusiveMinimum=1), [1.1, 2.0, 3.0, 4.0], 1.0, 1),
    "exclusive maximum": ("x: range", opts("number", exclusiveMaximum=4.5), [1.1, 2.0, 3.0, 4.0], 4.5, 1),
    "date": ("x: range", opts("date", minimum="2014-01-01"), [DAY] * 4, DAY - dt.timedelta(1), 1),
    "timestamp": ("x: range", opts("timestamp", maximum="2014-01-01T12:00:00"), [NOON] * 4, NOON + dt.timedelta(seconds=1), 1),
    "shortest": ("x: length", opts("string", minLength=2), ["ab", "cd", "ef", "gü"], "ü", 1),
    "longest": ("x: length", opts("string", maxLength=2), ["ab", "cd", "ef", "ü"], "abc", 1),
    "pattern": ("x: pattern", opts("string", pattern="^[A-Z]{2}$"), ["AB", "CD", "EF", "GH"], "ABC", 1),
    "pattern is searched": ("x: pattern", opts("string", pattern="[0-9]"), ["a1", "2b", "c3c", "4"], "abc", 1),
    "pattern with every awkward sign": ("x: pattern", opts("string", pattern="""^'":x%s{2}$"""), ["""'":x%ss"""] * 4, "'", 1),
    "nullValues": ("x: nullValues", library("string", "nullValues"), ["a", "b", "", "N/A"], None, 1),
    "missing marker": ("x: missingValues", library("string", "missingValues", {"missingValues": [None, "", "N/A"]}), ["a", "b", "c", "d"], "N/A", 1),
    "missing as NULL": ("x: missingValues", library("string", "missingValues", {"missingValues": [None, ""]}), ["a", "b", "c", "d"], None, 1),
    "missing number": ("x: missingValues", library("integer", "missingValues", {"missingValues": [-99]}), [1, 2, 3, None], -99, 1),
    "valid values": ("x: invalidValues", library("string", "invalidValues", {"validValues": ["f", "m", "it's"]}), ["f", "m", "f", "it's"], "F", 1),
    "valid values and NULL": ("x: invalidValues", library("string", "invalidValues", {"validValues": ["f", None]}), ["f", None, "f", "f"], "F", 1),
    "valid dates": ("x: invalidValues", library("date", "invalidValues", {"validValues": ["2014-01-01"]}), [DAY] * 4, DAY + dt.timedelta(1), 1),
    "valid flags": ("x: invalidValues", library("boolean", "invalidValues", {"validValues": [True]}), [True] * 4, False, 1),
    "valid pattern": ("x: invalidValues", library("string", "invalidValues", {"pattern": "^[fm]$"}), ["f", "m", "f", "m"], "F", 1),
    "valid values and pattern": ("x: invalidValues", library("string", "invalidValues", {"validValues": ["f", "mm"], "pattern": "^.$"}), ["f"] * 4, "mm", 1),
    "enum": ("x: enum", prop("integer", enum=[{"value": 1}, {"value": 2}]), [1, 2, 1, 2], 3, 1),
    "duplicateValues": ("x: duplicateValues", library("string", "duplicateValues"), ["a", "b", "c", "d"], "a", 2),
}  # fmt: skip


@pytest.mark.parametrize("case", VALUE_RULES.values(), ids=VALUE_RULES.keys())
def test_one_faulty_row_is_found_and_its_clean_twin_is_not(case: tuple[Any, ...], check: Callable[..., Any]) -> None:
    rule, column, good, bad, offending = case
    clean = check({"x": good}, [column])[rule]
    assert (clean.outcome, clean.unexpected) == (MET, 0)
    faulty = check({"x": [*good, bad]}, [column])[rule]
    assert (faulty.outcome, faulty.unexpected, faulty.blocking) == (UNMET, offending, True)
    assert faulty.column == "x"


TYPES = {
    "string": (["a"], [1]),
    "integer": ([1], [1.0]),
    "number": ([1.5], ["1.5"]),
    "boolean": ([True], [1]),
    "date": ([DAY], [NOON]),
    "timestamp": ([NOON], [DAY]),
    "time": ([dt.time(12)], [NOON]),
}


@pytest.mark.parametrize("logical", TYPES)
def test_a_column_of_another_type_is_one_finding_and_its_value_rules_are_not_evaluated(
    logical: str, check: Callable[..., Any]
) -> None:
    right, wrong = TYPES[logical]
    column = prop(
        logical,
        required=True,
        enum=[{"value": right[0].isoformat() if hasattr(right[0], "isoformat") else right[0]}],
    )
    assert {r.outcome for r in check({"x": right}, [column]).values()} == {MET}
    found = check({"x": wrong}, [column])
    assert {name: r.outcome for name, r in found.items()} == {
        "x: present": MET,
        "x: type": UNMET,
        "x: required": MET,
        "x: enum": NOT_EVALUATED,
    }
    assert f"declared {logical}" in found["x: enum"].reason


def test_numbers_take_integers_and_decimals_and_strings_take_dictionaries(check: Callable[..., Any]) -> None:
    for values in (pa.array([1]), pa.array([1], pa.decimal128(5, 2)), pa.array([1], pa.uint8())):
        assert check({"x": values}, [opts("number", maximum=1)])["x: range"].outcome is MET
    words = pa.array(["a", "b"]).dictionary_encode()
    found = check({"x": words}, [prop("string", enum=[{"value": "a"}])])
    assert (found["x: type"].outcome, found["x: enum"].unexpected) == (MET, 1)


def test_an_absent_column_is_unmet_where_required_and_not_evaluated_where_optional(
    check: Callable[..., Any],
) -> None:
    options = {"logicalType": "integer", "logicalTypeOptions": {"minimum": 0}}
    properties = [{"name": "must", "required": True, **options}, {"name": "may", **options}]
    found = check({"other": [1]}, properties)
    assert {name: result.outcome for name, result in found.items()} == {
        "must: present": UNMET,
        "must: type": NOT_EVALUATED,
        "must: required": NOT_EVALUATED,
        "must: range": NOT_EVALUATED,
        "may: type": NOT_EVALUATED,
        "may: range": NOT_EVALUATED,
    }
    assert found["must: present"].blocking
    assert found["may: range"].reason == "may is not in the file"


def test_null_is_ignored_by_rules_on_values_and_not_counted_among_the_rows(check: Callable[..., Any]) -> None:
    column = opts("integer", minimum=0, maximum=9) | {"unique": True}
    found = check({"x": [1, None, None, 12]}, [column])
    assert (found["x: range"].unexpected, found["x: range"].rows) == (1, 3 - 1)
    assert (found["x: unique"].unexpected, found["x: unique"].outcome) == (0, MET)


def test_a_compound_key_is_unique_as_a_whole_and_in_the_order_of_its_positions(
    check: Callable[..., Any],
) -> None:
    properties = [
        {"name": "day", "logicalType": "integer", "primaryKey": True, "primaryKeyPosition": 2},
        {"name": "who", "logicalType": "string", "primaryKey": True, "primaryKeyPosition": 1},
    ]
    contract = read_contract(document(properties))
    assert [r.columns for r in compile_rules(contract) if r.rule == "primary key: unique"] == [("who", "day")]
    assert check({"who": ["a", "a", "b"], "day": [1, 2, 1]}, properties)["primary key: unique"].outcome is MET
    found = check({"who": ["a", "a", "b", "a"], "day": [1, 2, 1, 2]}, properties)["primary key: unique"]
    assert (found.outcome, found.unexpected, found.column) == (UNMET, 2, None)


def test_a_table_rule_names_the_columns_that_are_unique_together(check: Callable[..., Any]) -> None:
    properties = [{"name": "a", "logicalType": "integer"}, {"name": "b", "logicalType": "integer"}]
    quality = [{"metric": "duplicateValues", "arguments": {"properties": ["a", "b"]}, "mustBe": 0}]
    assert check({"a": [1, 1], "b": [1, 2]}, properties, quality)["table: duplicateValues"].outcome is MET
    assert check({"a": [1, 1], "b": [1, 1]}, properties, quality)["table: duplicateValues"].unexpected == 2


OPERATORS = {
    # operator: operand, whether 2, 3 and 4 meet it
    "mustBe": (3, (False, True, False)),
    "mustNotBe": (3, (True, False, True)),
    "mustBeGreaterThan": (3, (False, False, True)),
    "mustBeGreaterOrEqualTo": (3, (False, True, True)),
    "mustBeLessThan": (3, (True, False, False)),
    "mustBeLessOrEqualTo": (3, (True, True, False)),
    "mustBeBetween": ([3, 4], (False, True, True)),
    "mustNotBeBetween": ([3, 4], (True, False, False)),
}


@pytest.mark.parametrize("operator", OPERATORS)
def test_operators_hold_at_below_and_above_their_limit(operator: str, check: Callable[..., Any]) -> None:
    operand, expected = OPERATORS[operator]
    rows = [{"metric": "rowCount", operator: operand}]
    answers = [{"type": "sql", "name": f"q{n}", "query": f"SELECT {n}", operator: operand} for n in (2, 3, 4)]
    found = check({"x": [1, 2, 3]}, [], rows + answers)
    met = tuple(found[f"table: q{n}"].outcome is MET for n in (2, 3, 4))
    assert met == expected
    assert (found["table: rowCount"].outcome is MET) is expected[1]


def test_percent_is_of_the_rows_looked_at_and_exact_at_the_limit(check: Callable[..., Any]) -> None:
    quality = [
        {"name": "nulls", "metric": "nullValues", "mustBeLessOrEqualTo": 20, "unit": "percent"},
        {"name": "bad", "metric": "invalidValues", "arguments": {"validValues": ["a"]}, "mustBeLessThan": 25, "unit": "percent"},
        {"name": "count", "metric": "invalidValues", "arguments": {"validValues": ["a"]}, "mustBeLessThan": 2, "unit": "rows"},
    ]  # fmt: skip
    found = check({"x": ["a", "a", "a", "b", None]}, [prop("string", quality=quality)])
    assert (found["x: nulls"].outcome, found["x: nulls"].rows) == (MET, 5)  # 1 of 5 is 20 %
    assert (found["x: bad"].outcome, found["x: bad"].rows) == (UNMET, 4)  # 1 of 4 is 25 %, asked for less
    assert found["x: count"].outcome is MET


def test_only_severity_error_blocks_and_text_is_no_rule(check: Callable[..., Any]) -> None:
    quality = [
        {"type": "text", "description": "as good as it gets"},
        *({"name": s, "metric": "rowCount", "mustBe": 9, "severity": s} for s in ("error", "warning", "info")),
        {"name": "unsaid", "metric": "rowCount", "mustBe": 9},
    ]
    found = check({"x": [1]}, [], quality)
    assert {name: result.blocking for name, result in found.items()} == {
        "table: error": True,
        "table: warning": False,
        "table: info": False,
        "table: unsaid": True,
    }


def test_a_query_sees_the_table_by_its_name_its_placeholder_and_its_columns(
    check: Callable[..., Any],
) -> None:
    by_name = "SELECT count(*) FROM people WHERE x > 1 AND ':b' <> ':c' -- two"
    by_place = "SELECT count(*) FROM ${table} WHERE {column} > 1;"
    quality = [{"type": "sql", "name": n, "query": q, "mustBe": 2} for n, q in (("n", by_name), ("p", by_place))]
    found = check({"x": [1, 2, 3]}, [prop("integer", quality=quality)])
    assert {result.outcome for result in found.values()} == {MET}
    assert found["x: n"].reason == "the query answered 2, must be 2"


BROKEN_QUERIES = {
    "a syntax error": "SELEC 1",
    "an unknown column": "SELECT max(nope) FROM {table}",
    "a value that does not convert": "SELECT sum(CAST(word AS INTEGER)) FROM {table}",
    "another file": "SELECT count(*) FROM read_csv('/etc/hostname')",
    "a change of the data": "DROP VIEW people",
    "no answer": "SELECT 1 WHERE false",
    "two rows": "SELECT x FROM {table}",
    "NULL": "SELECT max(x) FROM {table} WHERE x > 99",
    "text": "SELECT max(word) FROM {table}",
}


def test_a_broken_query_is_not_evaluated_and_its_suite_mates_keep_their_results(
    check: Callable[..., Any],
) -> None:
    quality = [{"type": "sql", "name": name, "query": query, "mustBe": 0} for name, query in BROKEN_QUERIES.items()]
    words = {"name": "word", "logicalType": "string", "required": True}
    found = check({"x": [1, 2, 30], "word": ["1", SECRET, None]}, [opts("integer", maximum=9), words], quality)
    assert {found[f"table: {name}"].outcome for name in BROKEN_QUERIES} == {NOT_EVALUATED}
    assert (found["x: range"].outcome, found["x: range"].unexpected) == (UNMET, 1)
    assert (found["word: required"].outcome, found["word: required"].unexpected) == (UNMET, 1)
    assert "ParserException" in found["table: a syntax error"].reason
    assert "ConversionException" in found["table: a value that does not convert"].reason


def test_a_column_that_cannot_be_read_spares_the_rules_that_shared_its_query(tmp_path: Path) -> None:
    """Great Expectations bundles metrics in one query, and reads a row to learn the columns' names."""
    path = tmp_path / "torn.parquet"
    pq.write_table(pa.table({"torn": [1, 2, 3], "x": [1, 2, 30]}), path, compression="none", use_dictionary=False)
    start = pq.read_metadata(path).row_group(0).column(0).data_page_offset
    bytes_ = bytearray(path.read_bytes())
    bytes_[start : start + 16] = b"\xff" * 16
    path.write_bytes(bytes_)
    columns = [opts("integer", maximum=9) | {"name": name, "required": True} for name in ("torn", "x")]
    found = {r.rule: r for r in check_contract(read_contract(document(columns)), path)}
    assert found["torn: range"].outcome is NOT_EVALUATED
    assert "the check itself failed" in found["torn: range"].reason
    assert (found["x: range"].outcome, found["x: range"].unexpected) == (UNMET, 1)
    assert (found["x: required"].outcome, found["x: required"].unexpected) == (MET, 0)


NAMES = ["select", "a b", "a.b", 'a"b', '"q"', "a'b", "a%sb", "a:b", "a{b}", "$A", "[x]", "Group", "ü", "c0"]


def test_any_column_name_can_be_checked(check: Callable[..., Any]) -> None:
    quality = [{"type": "sql", "name": "max", "query": "SELECT max({column}) FROM {table}", "mustBe": 30}]
    more = {"required": True, "unique": True, "logicalTypeOptions": {"maximum": 9}, "quality": quality}
    properties = [{"name": name, "logicalType": "integer", **more} for name in NAMES]
    columns = {name: [1, 2, None, 30, 30, 30][: 4 + index % 3] for index, name in enumerate(NAMES)}
    padded = {name: values + [7] * (6 - len(values)) for name, values in columns.items()}
    found = check(padded, properties)
    for name, values in padded.items():
        known = [value for value in values if value is not None]
        assert found[f"{name}: required"].unexpected == 1
        assert found[f"{name}: range"].unexpected == sum(value > 9 for value in known)
        assert found[f"{name}: unique"].unexpected == sum(known.count(value) > 1 for value in known)
        assert found[f"{name}: max"].outcome is MET


def test_names_that_differ_only_in_case_are_two_columns(check: Callable[..., Any]) -> None:
    properties = [{"name": name, "logicalType": "integer", "logicalTypeOptions": {"maximum": 9}} for name in ("a", "A")]
    found = check({"a": [1, 2], "A": [1, 20]}, properties)
    assert (found["a: range"].outcome, found["A: range"].outcome) == (MET, UNMET)


def test_no_cell_is_in_any_result_or_log(
    check: Callable[..., Any], capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    quality = [
        {"metric": "invalidValues", "arguments": {"validValues": ["a"]}, "mustBe": 0},
        {"metric": "duplicateValues", "mustBe": 0},
        {"metric": "missingValues", "arguments": {"missingValues": ["x"]}, "mustBe": 9},
        {"type": "sql", "name": "cell", "query": "SELECT max(x) FROM {table}", "mustBe": 0},
        {"type": "sql", "name": "cast", "query": "SELECT sum(CAST(x AS INTEGER)) FROM {table}", "mustBe": 0},
        {"type": "sql", "name": "error", "query": "SELECT error(max(x)) FROM {table}", "mustBe": 0},
    ]
    column = opts("string", maxLength=3, pattern="^[a-z]$") | {"unique": True, "quality": quality}
    for talkative in ("", "great_expectations", "sqlalchemy"):
        caplog.set_level(logging.DEBUG, talkative)
    check({"x": ["a"]}, [column])  # what the tools log while they are imported is not about data
    caplog.clear()
    found = check({"x": [SECRET, SECRET, "a"]}, [column])
    assert found["x: pattern"].unexpected == 2
    assert SECRET not in repr(found)
    out, err = capfd.readouterr()
    assert SECRET not in out + err + caplog.text
    # the tools say nothing while they see rows; pools are also closed later, by the garbage collector
    assert {r.name for r in caplog.records if not r.name.startswith("sqlalchemy.pool")} == set()
    assert (out, err) == ("", "")


def test_no_rows_is_no_evidence_for_rules_on_rows_but_is_for_the_schema_and_the_count(
    check: Callable[..., Any],
) -> None:
    column = opts("integer", minimum=0) | {"required": True, "unique": True}
    found = check({"x": pa.array([], pa.int64())}, [column], [{"metric": "rowCount", "mustBeGreaterThan": 0}])
    assert {name: result.outcome for name, result in found.items()} == {
        "x: present": MET,
        "x: type": MET,
        "x: required": NOT_EVALUATED,
        "x: unique": NOT_EVALUATED,
        "x: range": NOT_EVALUATED,
        "table: rowCount": UNMET,
    }
    assert "no rows" in found["x: range"].reason


def test_a_column_of_nulls_without_a_type_is_of_any_type_and_its_values_are_unknown(
    check: Callable[..., Any],
) -> None:
    column = prop("string", required=True, enum=[{"value": "a"}])
    found = check({"x": pa.nulls(3)}, [column])
    assert (found["x: type"].outcome, found["x: required"].unexpected) == (MET, 3)
    assert (found["x: enum"].outcome, found["x: enum"].reason) == (
        NOT_EVALUATED,
        "every value is NULL, so there was nothing to look at",
    )


def test_a_folder_named_like_a_pattern_is_still_one_file(tmp_path: Path) -> None:
    folder = tmp_path / "it's [a-z]* {b} %s"
    folder.mkdir()
    pq.write_table(pa.table({"x": [1, 2]}), folder / "q?.parquet")
    pq.write_table(pa.table({"x": [1, 2, 3]}), folder / "qa.parquet")  # the pattern would take this one too
    contract = read_contract(document([opts("integer", maximum=1)], [{"metric": "rowCount", "mustBe": 2}]))
    found = {r.rule: r for r in check_contract(contract, folder / "q?.parquet")}
    assert (found["table: rowCount"].outcome, found["x: range"].unexpected) == (MET, 1)


def test_an_unreadable_file_raises_and_is_no_result(tmp_path: Path) -> None:
    path = tmp_path / "torn.parquet"
    path.write_bytes(b"PAR1 torn")
    with pytest.raises(pa.ArrowInvalid):
        check_contract(read_contract(document([prop("integer")])), path)


def test_rule_ids_are_unique_and_do_not_move_with_the_limit() -> None:
    twice = [{"metric": "nullValues", "mustBe": 0}, {"metric": "nullValues", "mustBeLessThan": 5}]
    ids = [
        [r.rule for r in compile_rules(read_contract(document([opts("integer", minimum=m) | {"quality": twice}])))]
        for m in (0, 1)
    ]
    assert ids[0] == ids[1] == ["x: type", "x: range", "x: nullValues", "x: nullValues (2)"]


FAULTS = {
    "an engine we do not run": (prop("string", quality=[{"type": "custom", "engine": "soda", "implementation": "x"}]), "engine soda is not run here"),
    "an unknown metric": (library("string", "freshness"), "metric freshness is not supported"),
    "an unknown type": (prop("vector"), "logicalType vector is not supported"),
    "properties of what is no object": ({"name": "x", "properties": [{"name": "y"}]}, "properties need logicalType object"),
    "items of what is no array": (prop("string", items={"logicalType": "string"}), "items need logicalType array"),
    "a map": (prop("object", map={"key": {"logicalType": "string"}}), "map is not supported"),
    "a rule on the items of an array": (prop("array", items={"logicalType": "string", "enum": [{"value": "a"}]}), "x[]: enum is not supported for the items"),
    "an object that is unique": (prop("object", unique=True), "unique is not supported for object"),
    "an option of another type": (opts("string", multipleOf=5), "multipleOf is not supported"),
    "a multiple of nothing": (opts("integer", multipleOf=0), "multipleOf must be a number above 0"),
    "an unknown format of strings": (opts("string", format="phone"), "format phone is not supported"),
    "an unknown format of integers": (opts("integer", format="i31"), "format i31 is not supported"),
    "a float's format of an integer": (opts("integer", format="f32"), "format f32 is not supported"),
    "a length below nothing": (opts("string", minLength=-1), "minLength must be a whole number"),
    "limits the wrong way round": (opts("integer", minimum=5, maximum=4), "the minimum 5 is greater"),
    "between the wrong way round": (library("string", "nullValues", mustBeBetween=[3, 1]), "smaller number first"),
    "an unknown dimension": (prop("string", quality=[{"metric": "nullValues", "mustBe": 0, "dimension": "beauty"}]), "dimension must be one of"),
    "a yes or no of a count": (library("string", "nullValues", mustBe=True), "must be a number"),
    "an expectation that answers with a value": (custom("expect_column_max_to_be_between", max_value=3), "its answer is no count of rows"),
    "an argument of an expectation that is not read": (custom("expect_column_values_to_not_be_null", row_condition="y"), "argument row_condition of"),
    "an implementation without a type": (prop("string", quality=[{"type": "custom", "engine": "greatExpectations", "implementation": "kwargs: {}"}]), "must have the type and the kwargs"),
    "more than all": (custom("expect_column_values_to_not_be_null", mostly=1.5), "mostly must be a number from 0 to 1"),
    "a custom rule with an operator": (prop("string", quality=[{"type": "custom", "engine": "gx", "implementation": {"type": "expect_column_values_to_be_unique"}, "mustBe": 0}]), "takes no operator"),
    "an option without a type": ({"name": "x", "logicalTypeOptions": {"minimum": 1}}, "no logicalType"),
    "no operator": (prop("string", quality=[{"metric": "nullValues"}]), "exactly one operator, got none"),
    "two operators": (library("string", "nullValues", mustBe=0, mustBeLessThan=3), "got mustBe, mustBeLessThan"),
    "an operand that is no number": (library("string", "nullValues", mustBe="few"), "must be a number"),
    "an unknown unit": (library("string", "nullValues", mustBe=0, unit="furlongs"), "unit must be rows or percent"),
    "an unknown severity": (library("string", "nullValues", mustBe=0, severity="dire"), "severity must be"),
    "a pattern that does not parse": (opts("string", pattern="(?=a)"), "no RE2 regular expression"),
    "a limit that is no time": (opts("time", minimum="noon"), "'noon' is no ISO 8601 time"),
    "a limit too large to be exact": (opts("integer", maximum=2**53 + 1), "is no integer"),
    "a limit that is NaN": (opts("number", maximum=float("nan")), "nan is no number"),
    "a limit that is no date": (opts("date", minimum="soon"), "'soon' is no ISO 8601 date"),
    "both kinds of minimum": (opts("integer", minimum=1, exclusiveMinimum=1), "exclude each other"),
    "YAML's no among strings": (prop("string", enum=[{"value": False}]), "False is no string"),
    "an argument nobody reads": (library("string", "nullValues", {"mood": 1}), "argument mood is not supported"),
    "no values": (library("string", "invalidValues"), "validValues or pattern"),
    "no value but NULL": (library("string", "invalidValues", {"validValues": [None]}), "at least one value"),
    "rows of a column": (library("string", "rowCount"), "belongs to the table"),
}  # fmt: skip


@pytest.mark.parametrize(("column", "message"), FAULTS.values(), ids=FAULTS.keys())
def test_what_cannot_be_checked_is_refused_by_name(column: dict[str, Any], message: str) -> None:
    with pytest.raises(ContractFault, match=".") as caught:
        compile_rules(read_contract(document([column])))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


UNREADABLE = {
    "no YAML": ("a: [", "no YAML"),
    "a list": ("- a", "kind: DataContract"),
    "another standard": ("kind: DataContract\napiVersion: v2.2.2\nid: a\nversion: '1'", "apiVersion must be v3.1.x or v3.0.x"),
    "no id": ("kind: DataContract\napiVersion: v3.1.0\nversion: '1'", "must have id"),
    "a wrong type": (document([{"name": "x", "required": "perhaps"}]), "schema.0.properties.0.required"),
    "a misspelt operator": (document([prop("string", quality=[{"metric": "nullValues", "mustBeLesThan": 1}])]), "schema[0].properties[0].quality[0].mustBeLesThan is not a key"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "message"), UNREADABLE.values(), ids=UNREADABLE.keys())
def test_no_odcs_document_is_one_clear_line(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=".") as caught:
        read_contract(text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_compiling_imports_neither_great_expectations_nor_arrow() -> None:
    """The graph compiles every contract when it loads, in each worker."""
    code = (
        "import sys; from checks.contract import compile_rules, read_contract\n"
        f"compile_rules(read_contract({document([opts('integer', minimum=1)])!r}))\n"
        "print([m for m in ('great_expectations', 'pyarrow', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_contract_of_3_0_has_the_rules_of_3_1_and_what_3_1_has_no_metric_for_is_refused() -> None:
    text = document([prop("string", required=True)], [{"metric": "rowCount", "mustBeGreaterThan": 1}])
    old = text.replace("v3.1.0", "v3.0.2")
    assert old != text
    # 3.0 called the metric a rule.
    older = old.replace("metric: rowCount", "rule: rowCount")
    assert compile_rules(read_contract(old)) == compile_rules(read_contract(text))
    assert compile_rules(read_contract(older)) == compile_rules(read_contract(text))
    with pytest.raises(ContractFault, match="nullCheck is not supported"):
        compile_rules(read_contract(document([library("string", "nullCheck")]).replace("v3.1.0", "v3.0.2")))
