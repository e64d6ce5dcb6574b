"""How often DuckDB is asked, counted where Great Expectations hands a query to it."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from great_expectations.execution_engine import SqlAlchemyExecutionEngine

from checks import own_expectations
from checks.contract import read_contract
from checks.expectations import RuleOutcome, RuleResult, check_contract

MET, UNMET, NOT_EVALUATED = RuleOutcome.MET, RuleOutcome.UNMET, RuleOutcome.NOT_EVALUATED
COLUMNS = [f"x{number}" for number in range(16)]
Asked = list[list[tuple[str, str | None]]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Sixteen columns with a row each that is beyond the contract's maximum."""
    path = tmp_path / "rows.parquet"
    rows = pa.table({name: [1, 2, 30] for name in COLUMNS})
    pq.write_table(rows, path, compression="none", use_dictionary=False, write_statistics=False)
    return path


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """Every query for metrics: which metric, of which plain column."""
    queries: Asked = []
    real = SqlAlchemyExecutionEngine.resolve_metric_bundle

    def noting(self: Any, metric_fn_bundle: Any) -> Any:
        bundle = [one.metric_configuration for one in metric_fn_bundle]
        if bundle:
            queries.append([(metric.metric_name, metric.metric_domain_kwargs.get("column")) for metric in bundle])
        return real(self, metric_fn_bundle)

    monkeypatch.setattr(SqlAlchemyExecutionEngine, "resolve_metric_bundle", noting)
    return queries


def check(path: Path, quality: Any = None) -> dict[str, RuleResult]:
    columns = [{"name": n, "logicalType": "integer", "logicalTypeOptions": {"maximum": 9}} for n in COLUMNS]
    head = {"apiVersion": "v3.1.0", "kind": "DataContract", "id": "rows", "version": "1"}
    table = {"name": "rows", "properties": columns, "quality": quality}
    contract = read_contract(yaml.safe_dump({**head, "schema": [table]}))
    return {result.rule: result for result in check_contract(contract, path)}


def failing(monkeypatch: pytest.MonkeyPatch, *columns: str) -> None:
    """The engine fails at every query that looks at the values of a column, which can be read."""
    real = SqlAlchemyExecutionEngine.resolve_metric_bundle

    def brittle(self: Any, metric_fn_bundle: Any) -> Any:
        bundle = list(metric_fn_bundle)
        if any(_looks_at(one.metric_configuration, columns) for one in bundle):
            raise RuntimeError("a value that nobody may read here")
        return real(self, bundle)

    monkeypatch.setattr(SqlAlchemyExecutionEngine, "resolve_metric_bundle", brittle)


def _looks_at(metric: Any, columns: tuple[str, ...]) -> bool:
    return "between" in metric.metric_name and metric.metric_domain_kwargs.get("column") in columns


@pytest.fixture
def noted(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Callable[..., Asked]:
    """Notes the queries, failing ones too."""

    def begin(*columns: str) -> Asked:
        failing(monkeypatch, *columns)
        queries: Asked = request.getfixturevalue("asked")
        return queries

    return begin


def test_where_nothing_fails_a_metric_is_asked_for_once(path: Path, asked: Asked) -> None:
    assert {result.outcome for rule, result in check(path).items() if rule.endswith("range")} == {UNMET}
    assert max(_times(asked).values()) == 1
    assert len(asked) <= 3


@pytest.mark.parametrize("broken", [("c3",), ("c0", "c15")], ids=["one", "the first and the last"])
def test_what_failed_in_company_is_found_by_halves_and_spares_the_others(
    broken: tuple[str, ...], path: Path, noted: Callable[..., Asked]
) -> None:
    """A query of n metrics that fails for one of them is halved down to it: 2 log2(n) more queries at most."""
    asked = noted(*broken)
    found = check(path)
    for place, name in enumerate(COLUMNS):
        result = found[f"{name}: range"]
        if f"c{place}" in broken:
            assert (result.outcome, result.tool_failed) == (NOT_EVALUATED, True)
            assert result.reason == "the check itself failed (RuntimeError), so nothing is known"
        else:
            assert (result.outcome, result.unexpected, result.rows) == (UNMET, 1, 3)
    largest = max(len(query) for query in asked)
    assert len(asked) <= 3 + 2 * len(broken) * math.ceil(math.log2(largest))
    alone = [query[0] for query in asked if len(query) == 1 and query[0][1] in broken and "between" in query[0][0]]
    assert sorted(column for _, column in alone) == sorted(broken)  # type: ignore[type-var]


def test_a_column_that_the_file_does_not_give_is_asked_for_once_for_all_its_metrics(path: Path, asked: Asked) -> None:
    check(path)
    without_fault = len(asked)
    asked.clear()
    start = pq.read_metadata(path).row_group(0).column(3).data_page_offset
    data = bytearray(path.read_bytes())
    data[start : start + 16] = b"\xff" * 16
    path.write_bytes(data)
    found = check(path)
    assert found["x3: range"].reason == "the check itself failed (x3 cannot be read), so nothing is known"
    assert [found[f"{name}: range"].outcome for name in COLUMNS if name != "x3"] == [UNMET] * 15
    times = _times(asked)
    assert {times[metric] for metric in times if metric[1] == "c3"} == {1}
    assert max(times.values()) == 2  # in the query that failed, and in the one without the column
    assert len(asked) == without_fault + 1


def test_a_query_of_the_contract_is_asked_once_though_another_one_fails(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Great Expectations would ask three times for the failing one, and the others again each time."""
    queries: list[str] = []
    real = own_expectations._at_most_two
    monkeypatch.setattr(own_expectations, "_at_most_two", lambda query: queries.append(query) or real(query))
    said = {"broken": "SELEC", "also broken": "SELECT nobody FROM rows", "sound": "SELECT count(*) FROM rows"}
    quality = [{"type": "sql", "name": name, "query": query, "mustBe": 3} for name, query in said.items()]
    found = check(path, quality)
    assert sorted(queries) == sorted(said.values())
    assert found["table: sound"].outcome is MET
    reasons = {name: found[f"table: {name}"].reason.split("(")[1].split(")")[0] for name in ("broken", "also broken")}
    assert reasons == {"broken": "ParserException", "also broken": "BinderException"}


def _times(asked: Asked) -> dict[tuple[str, str | None], int]:
    every = [metric for query in asked for metric in query]
    return {metric: every.count(metric) for metric in every}
