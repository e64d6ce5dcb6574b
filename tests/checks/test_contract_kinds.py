"""Every kind of rule on the three engines: data that meets it, data that one row breaks, and a tool that fails.

Each kind has a column of its own in one file, so that an engine is started once and asked a few times. What is
expected is written down beside the data, by hand.
"""

import datetime as dt
import functools
import math
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from checks import counting
from checks.contract import compile_rules, read_contract
from checks.duckdb_rows import DuckDB
from checks.expectations import RuleOutcome, RuleResult, check_contract
from checks.pandas_rows import Pandas
from checks.spark_rows import Spark

MET, UNMET, NOT_EVALUATED = RuleOutcome.MET, RuleOutcome.UNMET, RuleOutcome.NOT_EVALUATED
ENGINES = ("duckdb", "pandas", "spark")
DAY, NOON = dt.date(2014, 1, 1), dt.datetime(2014, 1, 1, 12)
SECOND = dt.timedelta(seconds=1)
GREATEST = 3.4028234663852886e38  # of the numbers in 32 bits


def opts(logical: str, **options: Any) -> dict[str, Any]:
    return {"logicalType": logical, "logicalTypeOptions": options}


def quality(logical: str, **rule: Any) -> dict[str, Any]:
    asked = {"mustBe": 0} if not any(key.startswith("must") for key in rule) and rule.get("type") != "custom" else {}
    return {"logicalType": logical, "quality": [{"id": "asked", **asked, **rule}]}


def metric(logical: str, name: str, **arguments: Any) -> dict[str, Any]:
    return quality(logical, metric=name, **({"arguments": arguments} if arguments else {}))


def custom(logical: str, kind: str, **kwargs: Any) -> dict[str, Any]:
    return quality(logical, type="custom", engine="greatExpectations", implementation={"type": kind, "kwargs": kwargs})


def form(name: str, logical: str = "string") -> dict[str, Any]:
    return opts(logical, format=name)


# kind → what of the column is asked, the rule, four good values, a bad one, rows that then offend, type in the file
Case = tuple[dict[str, Any], str, list[Any], Any, int, Any]
KINDS: dict[str, Case] = {
    "required": ({"logicalType": "integer", "required": True}, "required", [1, 2, 3, 4], None, 1, pa.int64()),
    "required, of a NaN": ({"logicalType": "number", "required": True}, "required", [1.0, 2.0, -0.0, math.inf], math.nan, 1, pa.float64()),
    "unique": ({"logicalType": "integer", "unique": True}, "unique", [1, 2, 3, 4], 4, 2, pa.int64()),
    "unique, of strings": ({"logicalType": "string", "unique": True}, "unique", ["a", "A", "á", None], "á", 2, pa.string()),
    "unique, of zeros": ({"logicalType": "number", "unique": True}, "unique", [0.0, 1.0, 2.0, None], -0.0, 2, pa.float64()),
    "unique, of flags": ({"logicalType": "boolean", "unique": True}, "unique", [True, None, None, None], True, 2, pa.bool_()),
    "minimum": (opts("integer", minimum=1), "range", [1, 2, 3, None], 0, 1, pa.int64()),
    "maximum": (opts("integer", maximum=2**53 - 1), "range", [1, 2, 3, 2**53 - 1], 2**53, 1, pa.int64()),
    "minimum of small numbers": (opts("integer", minimum=1), "range", [1, 2, 3, 4], 0, 1, pa.uint8()),
    "exclusive minimum": (opts("number", exclusiveMinimum=0), "range", [1.5, 2.0, 3.0, math.inf], -0.0, 1, pa.float64()),
    "exclusive maximum": (opts("number", exclusiveMaximum=4.5), "range", [1.1, -math.inf, math.nan, 4.0], 4.5, 1, pa.float64()),
    "range of decimals": (opts("number", minimum=0.5, maximum=1), "range", [Decimal("0.50"), Decimal("1.00"), None, Decimal("0.51")], Decimal("1.01"), 1, pa.decimal128(9, 2)),
    "range of single precision": (opts("number", maximum=1), "range", [0.5, 0.25, 1.0, -1.0], 1.5, 1, pa.float32()),
    "range of dates": (opts("date", minimum="2014-01-01"), "range", [DAY, DAY, None, DAY], DAY - dt.timedelta(1), 1, pa.date32()),
    "range of timestamps": (opts("timestamp", maximum="2014-01-01T12:00:00"), "range", [NOON, NOON, None, NOON], NOON + SECOND, 1, pa.timestamp("us")),
    "exclusive limit of timestamps": (opts("timestamp", exclusiveMaximum="2014-01-01T12:00:00"), "range", [NOON - SECOND] * 4, NOON, 1, pa.timestamp("us")),
    "timestamps with a zone": (opts("timestamp", maximum="2014-01-01T14:00:00+02:00"), "range", [NOON] * 4, NOON + SECOND, 1, pa.timestamp("us", "Asia/Tokyo")),
    "timestamps of nanoseconds": (opts("timestamp", maximum="2014-01-01T12:00:00"), "range", [NOON] * 4, NOON + SECOND, 1, pa.timestamp("ns")),
    "range of times": (opts("time", minimum="08:00:00", exclusiveMaximum="17:30"), "range", [dt.time(8), dt.time(17, 29), None, dt.time(12)], dt.time(17, 30), 1, pa.time64("us")),
    "exclusive minimum of times": (opts("time", exclusiveMinimum="08:00:00"), "range", [dt.time(8, 0, 1)] * 4, dt.time(8), 1, pa.time64("us")),
    "shortest": (opts("string", minLength=2), "length", ["ab", "gü", None, "日本"], "ü", 1, pa.string()),
    "longest": (opts("string", maxLength=2), "length", ["ab", "🙂🙂", None, ""], "abc", 1, pa.string()),
    "pattern": (opts("string", pattern="^[A-Z]{2}$"), "pattern", ["AB", "CD", None, "EF"], "ABC", 1, pa.string()),
    "pattern, before a last newline": (opts("string", pattern="^[A-Z]{2}$"), "pattern", ["AB"] * 4, "AB\n", 1, pa.string()),
    "pattern is searched": (opts("string", pattern="[0-9]"), "pattern", ["a1", "2b", "c3c", "4"], "abc", 1, pa.string()),
    "pattern of digits": (opts("string", pattern=r"^\d+$"), "pattern", ["1", "23", "4", "5"], "٣", 1, pa.string()),
    "pattern of word signs": (opts("string", pattern=r"^\w+$"), "pattern", ["a", "b_1", "4", "5"], "ü", 1, pa.string()),
    "pattern of blanks": (opts("string", pattern=r"^\s$"), "pattern", [" ", "\t", "\n", "\r"], "\u000b", 1, pa.string()),
    "pattern of edges of words": (opts("string", pattern=r"\bein\b"), "pattern", ["ein", "zwei ein", "ein.", "üein"], "keins", 1, pa.string()),
    "pattern of any sign": (opts("string", pattern="^a.b$"), "pattern", ["a\rb", "a\u2028b", "a\u0085b", "a🙂b"], "a\nb", 1, pa.string()),
    "pattern of a class with two ampersands": (opts("string", pattern="^[a&&b]$"), "pattern", ["a", "b", "&", "a"], "c", 1, pa.string()),
    "pattern of a class in a class": (opts("string", pattern="^[a[b]$"), "pattern", ["a", "b", "[", "a"], "c", 1, pa.string()),
    "pattern of a named class": (opts("string", pattern="^[[:alpha:]]$"), "pattern", ["a", "b", "Z", "z"], ":", 1, pa.string()),
    "pattern of a script": (opts("string", pattern=r"^\p{Greek}+$"), "pattern", ["α", "βγ", "Ω", "δ"], "a", 1, pa.string()),
    "pattern without case": (opts("string", pattern="(?i)^straße$"), "pattern", ["Straße", "STRAßE", "straße", "straſze"[:4] + "ße"], "STRASSE", 1, pa.string()),
    "pattern with every awkward sign": (opts("string", pattern="""^'":x%s{2}$"""), "pattern", ["""'":x%ss"""] * 4, "'", 1, pa.string()),
    "multiple of a whole number": (opts("integer", multipleOf=5), "multiple", [0, 5, 10, -5], 6, 1, pa.int64()),
    "multiple of a fraction": (opts("number", multipleOf=0.1), "multiple", [0.3, 0.7, -0.0, None], 0.35, 1, pa.float64()),
    "multiple, of an infinity": (opts("number", multipleOf=2), "multiple", [2.0, 4.0, math.nan, None], math.inf, 1, pa.float64()),
    "multiple of decimals": (opts("number", multipleOf=0.05), "multiple", [Decimal("0.05"), Decimal("1.15"), None, Decimal("0.00")], Decimal("0.06"), 1, pa.decimal128(9, 2)),
    "e-mail": (form("email"), "format", ["a@b.de", "a.b+c@sub.example.org", None, "x_1@b-c.io"], "a@b", 1, pa.string()),
    "uuid": (form("uuid"), "format", ["123e4567-e89b-12d3-a456-426614174000", "123E4567-E89B-12D3-A456-426614174000", None, "00000000-0000-0000-0000-000000000000"], "123e4567e89b12d3a456426614174000", 1, pa.string()),
    "uri": (form("uri"), "format", ["https://example.org/a?b=c#d", "urn:isbn:0451450523", "mailto:a@b.de", "a:%20"], "example.org/a b", 1, pa.string()),
    "hostname": (form("hostname"), "format", ["localhost", "example.org", "a-b.c", "1.2"], "-a.org", 1, pa.string()),
    "ipv4": (form("ipv4"), "format", ["0.0.0.0", "255.255.255.255", "192.168.1.10", None], "256.1.1.1", 1, pa.string()),
    "ipv6": (form("ipv6"), "format", ["::", "2001:db8::1", "::ffff:192.0.2.1", "1:2:3:4:5:6:7:8"], "1::2::3", 1, pa.string()),
    "byte": (form("byte"), "format", ["", "YQ==", "YWI=", "YWJj"], "YQ=", 1, pa.string()),
    "i8": (form("i8", "integer"), "format", [-128, 127, 0, None], 128, 1, pa.int64()),
    "u32": (form("u32", "integer"), "format", [0, 2**32 - 1, 1, None], -1, 1, pa.int64()),
    "i64": (form("i64", "integer"), "format", [0, 2**63 - 1, 1, None], 2**64 - 1, 1, pa.uint64()),
    "f32": (form("f32", "number"), "format", [GREATEST, -GREATEST, 0.1, math.nan], 3.5e38, 1, pa.float64()),
    "f64": (form("f64", "number"), "format", [1.7e308, -1.7e308, 0.1, None], -math.inf, 1, pa.float64()),
    "enum": ({"logicalType": "integer", "enum": [{"value": 1}, {"value": 2}]}, "enum", [1, 2, None, 2], 3, 1, pa.int64()),
    "enum of dictionary words": ({"logicalType": "string", "enum": [{"value": "a"}, {"value": "b"}]}, "enum", ["a", "b", None, "b"], "c", 1, pa.dictionary(pa.int32(), pa.string())),
    "enum of times": ({"logicalType": "timestamp", "enum": [{"value": "2014-01-01T12:00:00"}]}, "enum", [NOON, NOON, None, NOON], NOON + SECOND, 1, pa.timestamp("us")),
    "physical length": ({"logicalType": "string", "physicalType": "VARCHAR(2)"}, "physical type", ["ab", "", None, "日本"], "abc", 1, pa.string()),
    "physical range": ({"logicalType": "integer", "physicalType": "smallint"}, "physical type", [-32768, 32767, None, 0], 32768, 1, pa.int64()),
    "physical decimal": ({"logicalType": "number", "physicalType": "DECIMAL(5,2)"}, "physical type", [999.99, -999.99, None, 0.0], 1000.0, 1, pa.float64()),
    "nullValues": (metric("string", "nullValues"), "asked", ["a", "b", "", "N/A"], None, 1, pa.string()),
    "missingValues": (metric("string", "missingValues", missingValues=["", "N/A"]), "asked", ["a", None, "n/a", " "], "N/A", 1, pa.string()),
    "missingValues, NULL too": (metric("integer", "missingValues", missingValues=[None, -99]), "asked", [1, 2, 3, 4], None, 1, pa.int64()),
    "invalidValues": (metric("string", "invalidValues", validValues=["f", "m", "it's"]), "asked", ["f", "m", None, "it's"], "F", 1, pa.string()),
    "invalidValues, of dates": (metric("date", "invalidValues", validValues=["2014-01-01"]), "asked", [DAY, DAY, None, DAY], DAY + dt.timedelta(1), 1, pa.date32()),
    "invalidValues, of flags": (metric("boolean", "invalidValues", validValues=[True]), "asked", [True, True, None, True], False, 1, pa.bool_()),
    "invalidValues, of a zero": (metric("number", "invalidValues", validValues=[0, 1]), "asked", [0.0, -0.0, 1.0, math.nan], 0.5, 1, pa.float64()),
    "invalidValues by pattern and list": (metric("string", "invalidValues", validValues=["f", "mm"], pattern="^.$"), "asked", ["f", "f", None, "f"], "mm", 1, pa.string()),
    "duplicateValues": (metric("string", "duplicateValues"), "asked", ["a", "b", None, None], "a", 2, pa.string()),
    "expectation, of NULLs": (custom("integer", "expect_column_values_to_not_be_null"), "asked", [1, 2, 3, 4], None, 1, pa.int64()),
    "expectation, of uniqueness": (custom("integer", "expect_column_values_to_be_unique"), "asked", [1, 2, 3, None], 3, 2, pa.int64()),
    "expectation, of a range": (custom("integer", "expect_column_values_to_be_between", min_value=1, strict_min=True), "asked", [2, 3, None, 4], 1, 1, pa.int64()),
    "expectation, of lengths": (custom("string", "expect_column_value_lengths_to_equal", value=2), "asked", ["ab", "cd", None, "ef"], "a", 1, pa.string()),
    "expectation, of a set": (custom("string", "expect_column_values_to_be_in_set", value_set=["a"]), "asked", ["a", "a", None, "a"], "b", 1, pa.string()),
    "expectation, of a pattern": (custom("string", "expect_column_values_to_match_regex", regex="^a"), "asked", ["a", "ab", None, "ac"], "ba", 1, pa.string()),
    "items": (opts("array", minItems=1, maxItems=2), "items", [["a"], ["a", None], None, ["a", "b"]], [], 1, pa.list_(pa.string())),
    "unique items": (opts("array", uniqueItems=True), "unique items", [[1, 2], [], None, [None, None]], [1, 2, 1], 1, pa.list_(pa.int64())),
    "field of an object": ({"logicalType": "object", "properties": [{"name": "in", **opts("integer", minimum=1)}]}, ".in: range", [{"in": 1}, {"in": None}, None, {"in": 2}], {"in": 0}, 1, pa.struct({"in": pa.int64()})),
    "field that is required": ({"logicalType": "object", "properties": [{"name": "in", "logicalType": "integer", "required": True}]}, ".in: required", [{"in": 1}, {"in": 2}, None, {"in": 2}], {"in": None}, 1, pa.struct({"in": pa.int64()})),
    "field by the object's option": (opts("object", required=["in"]), ".in: required", [{"in": 1}, {"in": 2}, None, {"in": 2}], {"in": None}, 1, pa.struct({"in": pa.int64()})),
    "field deep inside": ({"logicalType": "object", "properties": [{"name": "a", "logicalType": "object", "properties": [{"name": "b'c", **metric("string", "invalidValues", validValues=["x"])}]}]}, ".a.b'c: asked", [{"a": {"b'c": "x"}}] * 3 + [None], {"a": {"b'c": "y"}}, 1, pa.struct({"a": pa.struct({"b'c": pa.string()})})),
    "refers to a lookup": ({"logicalType": "string", "relationships": [{"to": "regions.code"}]}, "refers to regions.code", ["n", "s", None, "n"], "w", 1, pa.string()),
    "refers by ids": ({"logicalType": "integer", "relationships": [{"to": "schema/regions_tbl/properties/number_id"}]}, "refers to regions.number", [1, 2, None, 1], 3, 1, pa.int32()),
    "refers to its own table": ({"logicalType": "integer", "relationships": [{"to": "people.k0"}]}, "refers to people.k0", [1, 2, None, 1], 7, 1, pa.int64()),
    "query": (quality("integer", type="sql", query="SELECT count(*) FROM {table} WHERE {column} > 3"), "asked", [1, 2, None, 3], 4, None, pa.int64()),
    "query by its other names": (quality("integer", type="sql", query='SELECT count(*) FROM ${object} WHERE ${property} > 3 AND "k0" > 0;'), "asked", [1, 2, None, 3], 4, None, pa.int64()),
    "query of yes or no": (quality("integer", type="sql", query="SELECT count(*) = 0 FROM {model} WHERE {field} > 3", mustBe=True), "asked", [1, 2, None, 3], 4, None, pa.int64()),
    "query that fails": (quality("integer", type="sql", query="SELECT count(nobody) FROM {table}"), "asked", [1, 2, 3, 4], 5, None, pa.int64()),
    "query with a lookup": (quality("string", type="sql", query="SELECT count(*) FROM {schema} LEFT JOIN regions ON {column} = code WHERE code IS NULL"), "asked", ["n", "s", "n", "s"], "w", None, pa.string()),
}  # fmt: skip
TABLE_RULES: list[dict[str, Any]] = [
    {"id": "rows", "metric": "rowCount", "mustBeLessThan": 5},
    {"id": "pairs", "metric": "duplicateValues", "arguments": {"properties": ["p", "q"]}, "mustBe": 0},
    {"id": "gx pairs", "type": "custom", "engine": "greatExpectations", "implementation": "type: expect_compound_columns_to_be_unique\nkwargs: {column_list: [p, q]}"},
    {"id": "gx rows", "type": "custom", "engine": "greatExpectations", "implementation": "type: expect_table_row_count_to_be_between\nkwargs: {minValue: 1, maxValue: 4}"},
]  # fmt: skip
# p and q together: a NULL in a key makes it no duplicate, and no key that could be looked up.
PAIRS = {"p": [1, 1, None, None], "q": ["n", "s", "n", "n"]}
KEYS = [f"k{number}" for number in range(len(KINDS))]
NAMES = dict(zip(KINDS, (f"k{number + 1}" for number in range(len(KINDS))), strict=True))


def contract_of() -> str:
    columns = [{"name": NAMES[kind], **case[0]} for kind, case in KINDS.items()]
    pairs = [{"name": "p", "logicalType": "integer"}, {"name": "q", "logicalType": "string"}]
    relation = {"from": ["people.p", "people.q"], "to": ["regions.number", "regions.code"]}
    key = {"name": "k0", "logicalType": "integer", "primaryKey": True}
    people = {
        "name": "people",
        "properties": [key, *columns, *pairs],
        "quality": TABLE_RULES,
        "relationships": [relation],
    }
    regions = {
        "name": "regions",
        "id": "regions_tbl",
        "properties": [
            {"name": "code", "logicalType": "string"},
            {"name": "number", "id": "number_id", "logicalType": "integer"},
        ],
    }
    head = {"apiVersion": "v3.1.0", "kind": "DataContract", "id": "people", "version": "1.0.0"}
    return yaml.safe_dump({**head, "schema": [people, regions]}, allow_unicode=True)


def write(path: Path, *, faulty: bool) -> Path:
    columns = {"k0": pa.array([1, 2, 3, 4] + [4] * faulty, pa.int64())}
    for kind, (_, _, good, bad, _, stored) in KINDS.items():
        values = pa.array([*good, bad] if faulty else good, stored.value_type if _is_dictionary(stored) else stored)
        columns[NAMES[kind]] = values.dictionary_encode() if _is_dictionary(stored) else values
    for name, last in (("p", 1), ("q", "n")):
        columns[name] = pa.array(PAIRS[name] + [last] * faulty)
    pq.write_table(pa.table(columns), path, compression="none", use_dictionary=False, write_statistics=False)
    return path


def regions(path: Path) -> Path:
    columns = {"code": ["n", "s", "n"], "number": pa.array([1, 2, 1], pa.int64()), "x": [1, 2, 3]}
    pq.write_table(pa.table(columns), path, compression="none", use_dictionary=False, write_statistics=False)
    return path


def _is_dictionary(kind: pa.DataType) -> bool:
    return bool(pa.types.is_dictionary(kind))


def tear(path: Path, *columns: str) -> Path:
    """Every page of the columns (of all, where none is named) in ruins, the file's own schema whole."""
    data, metadata = bytearray(path.read_bytes()), pq.read_metadata(path)
    chunks = [metadata.row_group(0).column(place) for place in range(metadata.num_columns)]
    for chunk in chunks:
        if columns and chunk.path_in_schema not in columns:
            continue
        start = min(offset for offset in (chunk.data_page_offset, chunk.dictionary_page_offset) if offset)
        data[start : start + min(16, chunk.total_compressed_size)] = b"\xff" * min(16, chunk.total_compressed_size)
    path.write_bytes(data)
    return path


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Any]]:
    """DuckDB, pandas and one Spark session."""

    @functools.cache
    def engine(name: str) -> Any:
        if name == "spark":
            from assets.source.engines import spark_session

            return Spark(spark_session("local[2]", str(tmp_path_factory.mktemp("spark"))))
        return {"duckdb": DuckDB, "pandas": Pandas}[name]()

    yield engine


Found = dict[str, RuleResult]


@pytest.fixture(scope="module")
def found(engines: Callable[[str], Any], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Found]:
    """What an engine found in the clean file, in the one with a faulty row, and in the torn one."""
    folder = tmp_path_factory.mktemp("kinds [1]*")
    contract = read_contract(contract_of())
    lookup = regions(folder / "regions.parquet")
    files = {
        "clean": write(folder / "clean.parquet", faulty=False),
        "faulty": write(folder / "faulty.parquet", faulty=True),
        "torn": tear(write(folder / "torn.parquet", faulty=False)),
    }

    @functools.cache
    def check(engine: str, file: str) -> Found:
        lookups = {"regions": lookup}
        return {r.rule: r for r in check_contract(contract, files[file], engine=engines(engine), lookups=lookups)}

    return check


@pytest.fixture(scope="module")
def blind(engines: Callable[[str], Any], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Found]:
    """The torn file where nobody looks which columns can be read: what an engine itself makes of it. On Spark a few
    kinds, one of each way to ask it, for every failure costs a query there."""
    path = tear(write(tmp_path_factory.mktemp("blind") / "torn.parquet", faulty=False))

    @functools.cache
    def check(engine: str) -> Found:
        kinds = ON_SPARK if engine == "spark" else [*TORN, "query that fails"]
        people = [{"name": NAMES[kind], **KINDS[kind][0], "relationships": None} for kind in kinds]
        head = {"apiVersion": "v3.1.0", "kind": "DataContract", "id": "people", "version": "1.0.0"}
        contract = read_contract(yaml.safe_dump({**head, "schema": [{"name": "people", "properties": people}]}))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(counting, "unreadable", lambda table: frozenset())
            return {result.rule: result for result in check_contract(contract, path, engine=engines(engine))}

    return check


ON_SPARK = ("required", "unique", "minimum", "pattern", "invalidValues", "query that fails")


def rule_of(kind: str) -> str:
    rule = KINDS[kind][1]
    return f"{NAMES[kind]}{rule}" if rule.startswith(".") else f"{NAMES[kind]}: {rule}"


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "query that fails"])
def test_a_faulty_row_is_found_and_its_clean_twin_is_not(
    kind: str, engine: str, found: Callable[[str, str], Found]
) -> None:
    offending = KINDS[kind][4]
    clean, faulty = (found(engine, file)[rule_of(kind)] for file in ("clean", "faulty"))
    assert (clean.outcome, clean.unexpected) == (MET, None if offending is None else 0), clean.reason
    assert (faulty.outcome, faulty.unexpected) == (UNMET, offending), faulty.reason


QUERIES = [kind for kind in KINDS if kind.startswith("query")]
REFERRING = [kind for kind in KINDS if kind.startswith("refers")]
TORN = [kind for kind in KINDS if kind not in QUERIES]
FAILED = "the check itself failed ("


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", TORN)
def test_a_column_that_cannot_be_read_is_named_and_not_evaluated_and_no_pass(
    kind: str, engine: str, found: Callable[[str, str], Found]
) -> None:
    torn = found(engine, "torn")[rule_of(kind)]
    assert (torn.outcome, torn.tool_failed, torn.unexpected, torn.rows) == (NOT_EVALUATED, True, None, None)
    name = NAMES[kind] + (rule_of(kind).split(":")[0].removeprefix(NAMES[kind]))
    assert torn.reason == f"{FAILED}{name} cannot be read), so nothing is known"


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", QUERIES)
def test_a_query_of_columns_that_cannot_be_read_is_not_evaluated_and_no_pass(
    kind: str, engine: str, found: Callable[[str, str], Found]
) -> None:
    torn = found(engine, "torn")[rule_of(kind)]
    assert (torn.outcome, torn.tool_failed, torn.unexpected, torn.rows) == (NOT_EVALUATED, True, None, None)
    assert torn.reason.startswith(FAILED)


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_that_fails_where_a_column_can_be_read_is_told_by_its_exception(
    engine: str, blind: Callable[[str], Found]
) -> None:
    asked = {rule: result for rule, result in blind(engine).items() if not rule.endswith((": present", ": type"))}
    kinds = ON_SPARK if engine == "spark" else [kind for kind in TORN if kind not in REFERRING]
    assert {rule_of(kind) for kind in kinds} <= set(asked)
    for rule, torn in asked.items():
        assert (torn.outcome, torn.tool_failed, torn.unexpected) == (NOT_EVALUATED, True, None), rule
        assert re.fullmatch(r"the check itself failed \([\w ]+\), so nothing is known", torn.reason)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_lookup_that_cannot_be_read_is_named_and_spares_every_other_rule(
    engine: str, engines: Callable[[str], Any], tmp_path: Path
) -> None:
    """Of the lookup one column is torn: what refers to the other one is still evaluated."""
    kinds = [*REFERRING, "query with a lookup", "minimum"]
    contract = yaml.safe_load(contract_of())
    people = contract["schema"][0]
    kept = {"k0", "p", "q"} | {NAMES[kind] for kind in kinds}
    people["properties"] = [column for column in people["properties"] if column["name"] in kept]
    lookup = tear(regions(tmp_path / "regions.parquet"), "code")
    batch = write(tmp_path / "faulty.parquet", faulty=True)
    results = check_contract(
        read_contract(yaml.safe_dump(contract)), batch, engine=engines(engine), lookups={"regions": lookup}
    )
    found = {result.rule: result for result in results}
    failed = {rule: result.reason for rule, result in found.items() if result.tool_failed}
    named = f"{FAILED}regions.code cannot be read), so nothing is known"
    with_query = rule_of("query with a lookup")
    assert {rule: reason for rule, reason in failed.items() if rule != with_query} == {
        rule_of("refers to a lookup"): named,
        "p + q: refers to regions.number + code": named,
    }
    assert failed[with_query].startswith(FAILED)
    for kind in ("refers by ids", "refers to its own table", "minimum"):
        assert (found[rule_of(kind)].outcome, found[rule_of(kind)].unexpected) == (UNMET, 1)


@pytest.mark.parametrize("engine", ENGINES[::2])
def test_a_file_that_goes_while_it_is_checked_fails_every_rule_and_is_told_at_once(
    engine: str, engines: Callable[[str], Any], tmp_path: Path
) -> None:
    """The numbers of rows too, which stand in the file's end. pandas has read the file by then."""
    path = write(tmp_path / "clean.parquet", faulty=False)
    lookup = regions(tmp_path / "regions.parquet")
    results = check_contract(
        read_contract(contract_of()), path, engine=Going(engines(engine), path), lookups={"regions": lookup}
    )
    by_schema = (": present", ": type")
    asked = {result.rule: result for result in results if not result.rule.endswith(by_schema)}
    assert {rule_of(kind) for kind in KINDS} | set(TABLE) <= set(asked)
    assert {(r.outcome, r.tool_failed, r.unexpected, r.rows) for r in asked.values()} == {
        (NOT_EVALUATED, True, None, None)
    }


@dataclass(frozen=True)
class Going:
    """An engine under whose hands the file goes."""

    engine: Any
    path: Path

    def literal(self, value: Any) -> Any:
        return self.engine.literal(value)

    @contextmanager
    def rows(self, *shown: Any) -> Iterator[Any]:
        with self.engine.rows(*shown) as as_batch:
            yield lambda context: self._gone(as_batch(context))

    def _gone(self, batch: Any) -> Any:
        self.path.unlink()
        return batch


@pytest.mark.parametrize("engine", ENGINES)
def test_a_query_that_fails_is_not_evaluated_and_no_pass(engine: str, found: Callable[[str, str], Found]) -> None:
    for file in ("clean", "faulty"):
        failed = found(engine, file)[rule_of("query that fails")]
        assert (failed.outcome, failed.tool_failed) == (NOT_EVALUATED, True)


TABLE = {
    # rule: outcome and counts of the clean file, and of the one with another row (1, "n")
    "table: rows": ((MET, None, None), (UNMET, None, None)),
    "table: pairs": ((MET, 0, 2), (UNMET, 2, 3)),
    "table: gx pairs": ((MET, 0, 2), (UNMET, 2, 3)),
    "table: gx rows": ((MET, None, None), (UNMET, None, None)),
    "primary key: unique": ((MET, 0, 4), (UNMET, 2, 5)),
    "p + q: refers to regions.number + code": ((UNMET, 1, 2), (UNMET, 1, 3)),  # (1, "s") is no region of its own
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("rule", TABLE)
def test_rules_on_the_table_count_the_same_rows(rule: str, engine: str, found: Callable[[str, str], Found]) -> None:
    for file, expected in zip(("clean", "faulty"), TABLE[rule], strict=True):
        result = found(engine, file)[rule]
        assert (result.outcome, result.unexpected, result.rows) == expected, result.reason


@pytest.mark.parametrize("engine", ENGINES[1:])
@pytest.mark.parametrize("file", ["clean", "faulty", "torn"])
def test_every_result_is_the_same_on_every_engine(file: str, engine: str, found: Callable[[str, str], Found]) -> None:
    """Reasons too; where an exception is named, its name is the engine's own."""

    def unnamed(result: RuleResult) -> RuleResult:
        return replace(result, reason=re.sub(r"(?<=itself failed )\(\w+\)", "(its exception)", result.reason))

    mine, theirs = ({rule: unnamed(x) for rule, x in found(e, file).items()} for e in (engine, "duckdb"))
    assert mine == theirs


def test_the_shipped_contracts_ask_what_they_asked_before() -> None:
    """Counted by hand in the contracts: presence, type and NULL of each column, ranges, and what stands in quality."""
    for name, rules in (("compas_recidivism", 49), ("ma_employment", 84)):
        text = (Path(__file__).parents[2] / "data" / "systems" / name / "contract.yaml").read_text()
        assert len(compile_rules(read_contract(text))) == rules
