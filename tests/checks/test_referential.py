"""Relationships: how they are written, and what a lookup that is missing, torn or of another type makes of them."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from checks.contract import compile_rules, read_contract
from checks.expectations import RuleOutcome, RuleResult, check_contract
from checks.rules import ContractFault

MET, UNMET, NOT_EVALUATED = RuleOutcome.MET, RuleOutcome.UNMET, RuleOutcome.NOT_EVALUATED


def contract(*, of_column: Any = None, of_table: Any = None) -> Any:
    region = {"name": "region", "id": "region_id", "logicalType": "string"}
    tables = [
        {
            "name": "people",
            "id": "people_tbl",
            "properties": [
                {**region, **({"relationships": [of_column]} if of_column else {})},
                {"name": "year", "logicalType": "integer"},
            ],
            **({"relationships": [of_table]} if of_table else {}),
        },
        {
            "name": "regions",
            "id": "regions_tbl",
            "properties": [
                {"name": "code", "id": "code_id", "physicalName": "CODE", "logicalType": "string"},
                {"name": "year", "logicalType": "integer"},
                {"name": "where", "logicalType": "object", "properties": [{"name": "street", "logicalType": "string"}]},
            ],
        },
    ]
    head = {"apiVersion": "v3.1.0", "kind": "DataContract", "id": "people", "version": "1"}
    return read_contract(yaml.safe_dump({**head, "schema": tables}))


PEOPLE = {"region": ["n", "s", "w", None], "year": [1, 1, 2, 2]}
SIMPLE = {"to": "regions.code"}


def results(tmp_path: Path, agreed: Any, lookup: dict[str, Any] | None = None) -> dict[str, RuleResult]:
    pq.write_table(pa.table(PEOPLE), tmp_path / "people.parquet")
    lookups = {}
    if lookup is not None:
        lookups["regions"] = tmp_path / "regions.parquet"
        pq.write_table(pa.table(lookup), lookups["regions"])
    return {r.rule: r for r in check_contract(agreed, tmp_path / "people.parquet", lookups=lookups)}


@pytest.mark.parametrize("to", ["regions.code", "regions.CODE", "schema/regions_tbl/properties/code_id"])
def test_a_value_that_the_lookup_lacks_is_counted_however_often_the_lookup_has_the_others(
    to: str, tmp_path: Path
) -> None:
    """ "w" is in no row of the lookup; a NULL refers to nothing; "n" stands there twice and counts once."""
    found = results(tmp_path, contract(of_column={"to": to}), {"CODE": ["n", "n", "s", None]})
    rule = found["region: refers to regions.CODE"]
    assert (rule.outcome, rule.unexpected, rule.rows, rule.dimension) == (UNMET, 1, 3, "consistency")
    assert rule.reason == "1 of 3 rows refer to nothing in regions.CODE, must be 0"
    assert results(tmp_path, contract(of_column={"to": to}), {"CODE": ["n", "s", "w"]})[rule.rule].outcome is MET


def test_a_key_of_two_columns_is_found_as_a_whole(tmp_path: Path) -> None:
    agreed = contract(of_table={"from": ["people.region", "people.year"], "to": ["regions.code", "regions.year"]})
    found = results(tmp_path, agreed, {"CODE": ["n", "s", "w"], "year": [1, 2, 2]})
    (rule,) = (result for name, result in found.items() if "refers" in name)
    assert (rule.rule, rule.unexpected, rule.rows) == ("region + year: refers to regions.CODE + year", 1, 3)  # (s, 1)


ABSENT = {
    "not there": (None, "the lookup regions is not there: declare its source, or send it"),
    "without the column": ({"code": ["n"]}, "CODE is not in the lookup regions"),
    "of another type": ({"CODE": [1, 2]}, "region is string and regions.CODE is int64: they cannot be compared"),
}


@pytest.mark.parametrize(("lookup", "reason"), ABSENT.values(), ids=ABSENT.keys())
def test_without_its_lookup_a_rule_is_not_evaluated_and_not_broken(lookup: Any, reason: str, tmp_path: Path) -> None:
    rule = results(tmp_path, contract(of_column=SIMPLE), lookup)["region: refers to regions.CODE"]
    assert (rule.outcome, rule.reason, rule.tool_failed) == (NOT_EVALUATED, reason, False)


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (PEOPLE, "region is string and year is int64: they cannot be compared"),
        ({"region": ["n"]}, "year is not in the file"),
    ],
    ids=["of another type", "absent"],
)
def test_a_reference_into_its_own_table_is_told_by_the_files_columns(rows: Any, reason: str, tmp_path: Path) -> None:
    pq.write_table(pa.table(rows), tmp_path / "people.parquet")
    found = check_contract(contract(of_column={"to": "people.year", "id": "own"}), tmp_path / "people.parquet")
    (rule,) = (result for result in found if result.rule == "region: own")
    assert (rule.outcome, rule.reason, rule.tool_failed) == (NOT_EVALUATED, reason, False)


def test_a_lookup_that_cannot_be_read_is_a_failure_of_the_tool_and_spares_the_other_rules(tmp_path: Path) -> None:
    pq.write_table(pa.table(PEOPLE), tmp_path / "people.parquet")
    (tmp_path / "regions.parquet").write_bytes(b"PAR1 torn")
    agreed = contract(of_column={**SIMPLE, "id": "known"})
    lookups = {"regions": tmp_path / "regions.parquet"}
    found = {r.rule: r for r in check_contract(agreed, tmp_path / "people.parquet", lookups=lookups)}
    assert (found["region: known"].outcome, found["region: known"].tool_failed) == (NOT_EVALUATED, True)
    assert found["region: type"].outcome is MET


WRONG = {
    "from at a property": ({"of_column": {"from": "people.region", "to": "regions.code"}}, "have no `from`"),
    "no from at the table": ({"of_table": {"to": "regions.code"}}, "must have `from` and `to`"),
    "no to": ({"of_column": {"type": "foreignKey"}}, "a relationship must have `to`"),
    "one to many": ({"of_table": {"from": "people.region", "to": ["regions.code"]}}, "must both be lists"),
    "two to one": ({"of_table": {"from": ["people.region", "people.year"], "to": ["regions.code"]}}, "as many columns"),
    "two tables": ({"of_table": {"from": ["people.region", "people.year"], "to": ["regions.code", "people.year"]}}, "of one table"),
    "from elsewhere": ({"of_table": {"from": "regions.code", "to": "people.region"}}, "must be a column of people, got regions.CODE"),
    "an unknown column": ({"of_column": {"to": "regions.colour"}}, "'regions.colour' is 0 columns of the contract"),
    "an unknown table": ({"of_column": {"to": "towns.code"}}, "'towns.code' is 0 columns"),
    "another contract": ({"of_column": {"to": "other.yaml#/schema/a/properties/b"}}, "leads to another contract"),
    "into an object": ({"of_column": {"to": "regions.where.street"}}, "leads into an object"),
    "half an id": ({"of_column": {"to": "schema/regions_tbl/code_id"}}, "must be written schema/ID/properties/ID"),
    "another type": ({"of_column": {"type": "soulmate", "to": "regions.code"}}, "must be foreignKey, got 'soulmate'"),
}  # fmt: skip


@pytest.mark.parametrize(("given", "message"), WRONG.values(), ids=WRONG.keys())
def test_a_relationship_that_leads_nowhere_is_refused_by_name(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ContractFault, match=".") as caught:
        compile_rules(contract(**given))
    assert message in str(caught.value)
