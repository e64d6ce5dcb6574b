"""A lookup beside a system's batches: landed, verified, and what its absence makes of the rules that need it."""

from typing import Any

import pytest

from assets.kept.lake import Altered
from assets.landed.checking import check, land_and_check
from assets.landed.lookups import land_lookups, lookup_digests
from assets.source.refusals import Held
from governance.declared.declarations import load
from governance.faults import DeclarationFaults
from tests.assets.conftest import here
from tests.conftest import BATCHES, PROVENANCE, Made, contract_yaml, made_rows, system_yaml, write_csv

BATCH = BATCHES[2]
RULE = "region: refers to regions.code"


def declare(made: Made, *, columns: Any = None, lookups: Any = None, levels: Any = None) -> None:
    contract, system = contract_yaml(), system_yaml(str(made.incoming))
    contract["schema"][0]["properties"][4]["relationships"] = [{"to": "regions.code"}]
    plain = [{"name": "code", "logicalType": "string", "required": True}, {"name": "n", "logicalType": "integer"}]
    contract["schema"].append({"name": "regions", "properties": columns or plain})
    contract["slaProperties"] = levels or []
    source = {"kind": "file", "path": str(made.incoming / "regions.csv"), "format": "csv", "provenance": PROVENANCE}
    system["sources"]["lookups"] = {"regions": source} if lookups is None else lookups
    made.declare(system=system, contract=contract)


def send_regions(made: Made, *codes: str) -> None:
    write_csv(made.incoming / "regions.csv", [{"code": code, "n": 1, "chief": "Wilhelmina"} for code in codes])


def not_evaluated(checked: Any) -> dict[str, str]:
    return {item["rule"]: item["reason"] for item in checked.not_evaluated}


def test_a_lookup_comes_late_changes_and_is_altered(made: Made) -> None:
    declare(made)
    made.send(BATCH)
    before = land_and_check(load(made.folder), BATCH, "production", here())
    assert not_evaluated(before)[RULE] == "the lookup regions is not there: declare its source, or send it"
    assert (before.tool_failed, before.blocking) == (False, False)
    (held,) = here().register.events("lookup.held")
    assert (held.subject, held.body["reason"]) == ("loans/regions", "The lookup regions is not there, or has no rows.")

    send_regions(made, "north", "south")
    met = land_and_check(load(made.folder), BATCH, "production", here())
    assert RULE not in not_evaluated(met)
    (came,) = here().register.events("lookup.landed")
    assert came.body["asserted"]["supplier"] == PROVENANCE["supplier"]
    assert (came.body["observed"]["rows"], came.body["observed"]["undeclared_dropped"]) == (2, ["chief"])
    events = len(here().register.events())
    land_and_check(load(made.folder), BATCH, "production", here())
    assert len(here().register.events()) == events, "the same batch beside the same lookup is checked once"

    send_regions(made, "north")
    south = sum(row["region"] == "south" for row in made_rows(BATCH))
    with pytest.raises(Held, match=f"{south} of 300 rows refer to nothing in regions.code"):
        land_and_check(load(made.folder), BATCH, "production", here())

    (made.incoming / "regions.csv").unlink()
    land_lookups(load(made.folder), here())
    digests = lookup_digests(load(made.folder), here())
    assert list(digests) == ["regions"], "a source that is gone takes nothing with it"
    file = here().home.lake / f"{digests['regions']}.parquet"
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    made.send(BATCHES[3])
    with pytest.raises(Altered, match="was altered"):
        land_and_check(load(made.folder), BATCHES[3], "production", here())


def test_a_lookup_that_is_not_as_declared_is_held_and_the_one_before_stays(made: Made) -> None:
    declare(made)
    made.send(BATCH)
    send_regions(made, "north", "south")
    land_and_check(load(made.folder), BATCH, "production", here())
    write_csv(made.incoming / "regions.csv", [{"kode": "north", "n": 1}])
    land_lookups(load(made.folder), here())
    assert "'code' is missing" in here().register.last("lookup.held", "loans/regions").body["reason"]  # type: ignore[union-attr]
    again = check(load(made.folder), land_and_check(load(made.folder), BATCH, "production", here()).landing, here())
    assert RULE not in not_evaluated(again)


def test_lookups_that_do_not_fit_the_contract_are_faults_with_a_place(made: Made) -> None:
    file = {"kind": "file", "path": "{batch}.csv", "format": "csv", "provenance": PROVENANCE}
    declare(made, lookups={"towns": {**file, "path": "towns.csv"}})
    with pytest.raises(DeclarationFaults, match="sources.lookups.towns: is no further table of contract.yaml"):
        load(made.folder)
    declare(made, lookups={"regions": file})
    with pytest.raises(DeclarationFaults, match="is one file for all batches"):
        load(made.folder)
    declare(made, columns=[{"name": "full_name", "logicalType": "string"}, {"name": "code", "logicalType": "string"}])
    with pytest.raises(DeclarationFaults, match="its column 'full_name' is personal"):
        load(made.folder)
    declare(made, columns=[{"name": "code", "logicalType": "object"}])
    with pytest.raises(DeclarationFaults, match="Column 'code' has the logicalType 'object'"):
        load(made.folder)


def test_service_levels_and_what_is_not_declared_stand_among_a_batchs_results(made: Made) -> None:
    """Batches of 2024 are landed years later, a month after each other."""
    levels = [
        {"property": "latency", "value": 30, "unit": "d"},
        {"property": "frequency", "value": 40, "unit": "d", "element": "loans.day"},
        {"property": "availability", "value": "99.9 %"},
    ]
    declare(made, levels=levels)
    for batch in BATCHES[2:4]:
        made.send(batch)
        checked = land_and_check(load(made.folder), batch, "production", here())
        unmet = {item["rule"]: item for item in checked.unmet}
        assert list(unmet) == ["service level: latency"]
        assert "old when it landed, must be at most 30 d" in unmet["service level: latency"]["reason"]
        assert not checked.blocking
        unknown = not_evaluated(checked)
        assert unknown["service level: availability"].startswith("availability: ")
        first = batch == BATCHES[2]
        assert ("service level: frequency" in unknown) is first
        assert checked.not_declared == ("accuracy", "coverage", "uniqueness")
    body = here().register.last("batch.checked", f"loans/{BATCHES[3]}/production").body  # type: ignore[union-attr]
    assert "service level: frequency" in [item["rule"] for item in body["met_rules"]]
    assert body["met"] == len(body["met_rules"])
