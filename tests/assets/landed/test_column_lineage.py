"""Column lineage in a real Dagster run. Truth: the declaration, read by a person."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dagster as dg

from assets.factory import assets_of, key
from assets.landed.column_sources import landed_from
from tests.conftest import BATCHES, Made, contract_yaml, made_rows, system_yaml, write_csv

STEPS = [
    {"id": "wage", "reason": "Sent as wage.", "rename": {"source": "wage", "column": "income"}},
    {"id": "heads", "reason": "By head.", "derive": {"column": "per_head", "expression": "income / (1 + children)"}},
    {"id": "some", "reason": "The rest is no loan.", "keep": "score >= 0"},
]


def declared(made: Made) -> None:
    system, contract = system_yaml(str(made.incoming)), contract_yaml()
    system["columns"]["per_head"] = {"roles": ["feature"], "meaning": "Income by head."}
    system["columns"]["day"]["kind"] = "timestamp"
    system["preparation"] = STEPS
    contract["schema"][0]["properties"].append({"name": "per_head", "logicalType": "number"})
    made.declare(system=system, contract=contract)
    for batch in BATCHES[:3]:
        rows = [{("wage" if k == "income" else k): v for k, v in row.items()} for row in made_rows(batch)]
        write_csv(made.incoming / f"{batch}.csv", rows)


def test_a_run_shows_schema_lineage_and_what_preparation_did(made: Made, load_made: Callable[[], Any]) -> None:
    declared(made)
    declaration = load_made()
    assets = assets_of(declaration)
    with dg.DagsterInstance.ephemeral() as instance:
        shown: dict[str, Any] = {}
        for names, batch in ((("reference",), None), (("batch", "profile", "measurements", "report"), BATCHES[2])):
            selection = [key(declaration, name) for name in names]
            result = dg.materialize(assets, selection=selection, partition_key=batch, instance=instance)
            for event in result.get_asset_materialization_events():
                shown[event.asset_key.path[-1]] = event.materialization.metadata  # type: ignore[union-attr]

    def came_from(asset: str) -> dict[str, set[tuple[str, str]]]:
        deps = shown[asset]["dagster/column_lineage"].value.deps_by_column
        return {name: {(dep.asset_key.path[-1], dep.column_name) for dep in found} for name, found in deps.items()}

    for asset in ("batch", "reference"):
        found = came_from(asset)
        assert found["income"] == {("production_source", "wage")}
        assert found["per_head"] == {("production_source", "wage"), ("production_source", "children")}
        assert found["score"] == {("production_source", "score")}
        schema = {column.name: column for column in shown[asset]["dagster/column_schema"].schema.columns}
        assert schema["per_head"].description == "Income by head."
        assert (schema["day"].type, schema["children"].type) == ("date", "bigint")
        assert not schema["score"].constraints.nullable and schema["income"].constraints.nullable
        assert set(schema) == set(found) == set(declaration.system.columns)
    measured = came_from("measurements")
    assert measured["per_head"] == {("batch", "per_head")}
    assert measured["day (week)"] == {("batch", "day")}
    steps = shown["batch"]["preparation"].value
    assert [step["id"] for step in steps] == ["wage", "heads", "some"]
    assert (steps[1]["rows_before"], steps[1]["rows_changed"]) == (300, 300)


def test_a_derived_column_of_a_derived_one_comes_from_the_source(made: Made, load_made: Callable[[], Any]) -> None:
    declared(made)
    system, contract = system_yaml(str(made.incoming)), contract_yaml()
    for name in ("per_head", "twice"):
        system["columns"][name] = {"roles": ["feature"]}
        contract["schema"][0]["properties"].append({"name": name, "logicalType": "number"})
    twice = {"id": "twice", "reason": "For a test.", "derive": {"column": "twice", "expression": "2 * per_head"}}
    made.declare(system=system | {"preparation": [*STEPS, twice]}, contract=contract)
    found = landed_from(load_made(), "production", ["income", "children", "score"])
    assert found["twice"] == ("wage", "children")
