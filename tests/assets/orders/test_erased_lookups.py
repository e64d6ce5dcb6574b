"""A person is erased from the tables that a batch's rows refer to, too; and from one system only, where two share a file."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from assets.kept.home import Site, home, site
from assets.landed.checking import check, land_and_check
from assets.landed.landing import land, landed
from assets.landed.lookups import land_lookups, lookup_files
from assets.on_demand.stored_files import look_at_all
from assets.persons.erased import lake_file
from governance.declared.declarations import load
from governance.lineage import KINDS, lineage_of
from tests import orders
from tests.conftest import BATCHES, PROVENANCE, Made, contract_yaml, made_rows, system_yaml, write_csv
from tests.pipelines.test_nothing_personal_survives import everything

BATCH, LATER = BATCHES[2], BATCHES[3]
HERS, OTHERS = "wq-73315", [f"pn-{n}" for n in range(9)]
HER_CASES = {f"{BATCH}-{n}" for n in range(300) if n % 10 == 9}
RULE = "person: refers to customers.id"


def here(day: int = 1) -> Site:
    return site(at=dt.datetime(2024, 7, day, tzinfo=dt.UTC), run="test")


def declare(made: Made, *, id_type: str = "string", guarantor: bool = False) -> Any:
    """Rows of ten persons; customers by person, applications by case, regions by nobody."""
    contract, system = contract_yaml(), system_yaml(str(made.incoming))
    system["columns"]["person"] = {"roles": ["entity"]}
    properties = contract["schema"][0]["properties"]
    properties[0]["relationships"] = [{"to": "applications.case"}]
    properties[4]["relationships"] = [{"to": "regions.code"}]
    named = [{"name": "person", "logicalType": "string", "relationships": [{"to": "customers.id"}]}]
    if guarantor:
        system["columns"]["guarantor"] = {"roles": ["feature"]}
        named.append({**named[0], "name": "guarantor"})
    properties += named
    tables: dict[str, Any] = {
        "customers": {"id": id_type, "town": "string"},
        "applications": {"case": "string", "form": "string"},
        "regions": {"code": "string"},
    }
    for name, types in tables.items():
        columns = [{"name": column, "logicalType": kind} for column, kind in types.items()]
        contract["schema"].append({"name": name, "properties": columns})
    system["sources"]["lookups"] = {
        name: {"kind": "file", "path": f"{made.incoming}/{name}.csv", "format": "csv", "provenance": PROVENANCE}
        for name in tables
    }
    made.declare(system=system, contract=contract)
    return load(made.folder)


def rows_of(batch: str, **more: Any) -> list[dict[str, Any]]:
    persons = [*OTHERS, HERS]
    return [{**row, "person": persons[n % 10], **more} for n, row in enumerate(made_rows(batch))]


def send(made: Made, batch: str = BATCH, *, persons: Any = (*OTHERS, HERS), **more: Any) -> None:
    """The batch and the tables that it refers to."""
    write_csv(made.incoming / f"{batch}.csv", rows_of(batch, **more))
    write_csv(made.incoming / "customers.csv", [{"id": person, "town": "here"} for person in persons])
    cases = [{"case": row["case"], "form": "long"} for one in (BATCH, LATER) for row in made_rows(one)]
    write_csv(made.incoming / "applications.csv", cases)
    write_csv(made.incoming / "regions.csv", [{"code": "north"}, {"code": "south"}])


def frame(declaration: Any, name: str) -> pd.DataFrame:
    return pd.read_parquet(lookup_files(declaration, here())[name])


def test_a_person_goes_from_lookups_and_what_refers_to_them_still_holds(made: Made) -> None:
    declaration = declare(made)
    send(made)
    before = land_and_check(declaration, BATCH, "production", here())
    assert {item["rule"] for item in before.unmet} == set()
    was = {name: frame(declaration, name) for name in ("customers", "applications", "regions")}
    assert orders.erase(declaration, ["nobody-1"], "person", here(2)).replaced == []
    done = orders.erase(declaration, [HERS], "person", here(2))
    assert sorted((item.batch, item.part, item.rows) for item in done.replaced) == [
        (BATCH, "production", 30),
        ("applications", "lookup", 30),
        ("customers", "lookup", 1),
    ]
    now = {name: frame(declaration, name) for name in was}
    left = {"customers": was["customers"]["id"] != HERS, "applications": ~was["applications"]["case"].isin(HER_CASES)}
    for name, rows in left.items():
        pd.testing.assert_frame_equal(now[name], was[name][rows].reset_index(drop=True))
    pd.testing.assert_frame_equal(now["regions"], was["regions"])
    unsearched = {item["name"]: item["note"] for item in done.remains if item["what"] == "lookup"}
    assert list(unsearched) == ["regions"] and "no rule of the contract tells" in unsearched["regions"]
    for path, text in everything(made.home):
        assert HERS not in text, path

    found = landed(declaration, BATCH, "production", here(3))
    assert found is not None
    again = check(declaration, found, here(3))
    assert again.unmet == () or list(again.unmet) == []
    assert RULE not in [item["rule"] for item in again.not_evaluated]
    assert {item.state for item in look_at_all(home(), here().register)} <= {"whole", "removed"}
    graph = lineage_of(here().register.events(KINDS))
    for item in done.replaced:
        new = f"erased:loans:{item.new}"
        assert [graph.nodes[one].digest for one in graph.up[new]] == [item.old]


def test_what_is_landed_afterwards_leaves_the_person_out_and_holds(made: Made) -> None:
    declaration = declare(made)
    send(made)
    land(declaration, BATCH, "production", here())
    land_lookups(declaration, here())
    orders.erase(declaration, [HERS], "person", here(2))
    landings = len(here().register.events("lookup.landed"))
    # Other bytes with the same rows are the landing of before; she is in them.
    customers = [{"id": person, "town": "here", "unasked": "x"} for person in (*OTHERS, HERS)]
    write_csv(made.incoming / "customers.csv", customers)
    land_lookups(declaration, here(3))
    assert len(here().register.events("lookup.landed")) == landings
    assert HERS not in set(frame(declaration, "customers")["id"])
    send(made, LATER, persons=(*OTHERS, HERS, "pn-10"))
    cases = [row["case"] for one in (BATCH, LATER) for row in made_rows(one)]
    write_csv(made.incoming / "applications.csv", [{"case": case, "form": "short"} for case in cases])
    later = land_and_check(declaration, LATER, "production", here(4))
    assert list(frame(declaration, "customers")["id"]) == [*OTHERS, "pn-10"]
    applications = frame(declaration, "applications")
    assert set(applications["form"]) == {"short"}
    assert set(applications["case"]) == set(cases) - HER_CASES
    assert here().register.events("lookup.held") == []
    assert (later.landing.rows, list(later.unmet)) == (270, [])
    for path, text in everything(made.home):
        assert HERS not in text, path


@pytest.mark.parametrize(
    ("column", "how", "names", "note"),
    [
        ("case", {}, ["customers", "regions"], "no rule of the contract tells, by case, whose its rows are"),
        ("person", {"id_type": "number"}, ["customers", "regions"], "refers to is of another type"),
    ],
    ids=["erased by another column", "written otherwise"],
)
def test_lookups_that_cannot_be_searched_are_named(
    made: Made, column: str, how: dict[str, Any], names: list[str], note: str
) -> None:
    declaration = declare(made, **how)
    persons = [str(n) for n in range(10)] if how else (*OTHERS, HERS)
    send(made, persons=persons)
    land(declaration, BATCH, "production", here())
    land_lookups(declaration, here())
    done = orders.erase(declaration, [f"{BATCH}-9" if column == "case" else HERS], column, here(2))
    told = {item["name"]: item["note"] for item in done.remains if item["what"] == "lookup"}
    assert sorted(told) == names and note in told["customers"]
    assert len(frame(declaration, "customers")) == 10
    assert ("applications", "lookup") in [(item.batch, item.part) for item in done.replaced]


def test_another_column_that_names_the_same_people_is_told(made: Made) -> None:
    declaration = declare(made, guarantor=True)
    send(made, guarantor=HERS)
    land(declaration, BATCH, "production", here())
    land_lookups(declaration, here())
    done = orders.erase(declaration, [HERS], "person", here(2))
    (told,) = [item for item in done.remains if item["what"] == "column"]
    assert told["name"] == "guarantor" and "refers to customers.id, too, and was not searched" in told["note"]


# Two systems


def twin(made: Made) -> Any:
    """Another system on the same file, whose id begins as the first one's."""
    other = made.systems / "loans_too"
    other.mkdir()
    for path in made.folder.iterdir():
        text = path.read_text("utf-8").replace("id: loans\n", "id: loans_too\n")
        (other / path.name).write_text(text.replace("system: loans\n", "system: loans_too\n"), "utf-8")
    (other / "approval.yaml").unlink()
    return load(other)


def files() -> set[str]:
    return {path.stem for path in home().lake.glob("*.parquet")}


def kept(declaration: Any) -> tuple[int, str]:
    found = landed(declaration, BATCH, "production", here(9))
    assert found is not None
    return len(pd.read_parquet(found.path)), Path(found.path).stem


@pytest.mark.parametrize("first_id", ["loans", "loans_too"])
def test_who_is_erased_from_one_system_stays_in_the_other_that_landed_the_same_bytes(made: Made, first_id: str) -> None:
    made.send(BATCH)
    ours, theirs = load(made.folder), twin(made)
    if first_id == theirs.id:
        ours, theirs = theirs, ours
    first, second = (land(one, BATCH, "production", here()) for one in (ours, theirs))
    assert first.digest == second.digest and files() == {first.digest}
    done = orders.erase(ours, [f"{BATCH}-17"], "case", here(2))
    (told,) = [item for item in done.remains if item["what"] == "system"]
    assert told["name"] == theirs.id and "keeps them" in told["note"]
    new = done.replaced[0].new
    assert (kept(ours), kept(theirs)) == ((299, new), (300, first.digest))
    assert files() == {first.digest, new}
    # Landed once more from the same source, each is what it was.
    for one in (ours, theirs):
        land(one, BATCH, "production", here(3))
    assert (kept(ours), kept(theirs), files()) == ((299, new), (300, first.digest), {first.digest, new})
    assert {item.state for item in look_at_all(home(), here().register)} == {"whole"}

    also = orders.erase(theirs, [f"{BATCH}-17"], "case", here(4))
    assert [item for item in also.remains if item["what"] == "system"] == []
    assert (kept(ours), kept(theirs), files()) == ((299, new), (299, new), {new})
    another = orders.erase(ours, [f"{BATCH}-18"], "case", here(5)).replaced[0].new
    assert (kept(ours), kept(theirs), files()) == ((298, another), (299, new), {new, another})
    assert {item.state for item in look_at_all(home(), here().register)} <= {"whole", "removed"}
    assert here().register.faults() == []


def test_a_landing_that_is_the_one_of_before_removes_nothing_that_another_system_has(made: Made) -> None:
    """Ours comes once more in another order; without her it is the very file that the other system has."""
    made.send(BATCH)
    ours, theirs = load(made.folder), twin(made)
    land(ours, BATCH, "production", here())
    new = orders.erase(ours, [f"{BATCH}-17"], "case", here(2)).replaced[0].new
    turned = list(reversed(made_rows(BATCH)))
    write_csv(made.incoming / f"{BATCH}.csv", [row for row in turned if row["case"] != f"{BATCH}-17"])
    without = land(theirs, BATCH, "production", here(3)).digest
    write_csv(made.incoming / f"{BATCH}.csv", turned)
    land(ours, BATCH, "production", here(4))
    assert (kept(ours), kept(theirs)) == ((299, new), (299, without))
    assert files() == {new, without}


def test_a_file_that_was_replaced_for_all_before_orders_were_acts_stays_so(made: Made) -> None:
    """The record of an older version: the shared file was removed, and both systems used the new one."""
    made.send(BATCH)
    ours, theirs = load(made.folder), twin(made)
    first = land(ours, BATCH, "production", here())
    land(theirs, BATCH, "production", here())
    done = orders.erase(ours, [f"{BATCH}-17"], "case", here(2)).replaced[0]
    body = {"old": done.old, "new": done.new, "rows": 1, "run": ""}
    here().register.record("personal.erased", f"loans/{BATCH}/production", body, at=here(2).at)
    (home().lake / f"{first.digest}.parquet").unlink()
    assert lake_file(here(), "loans_too", first.digest).stem == done.new
    assert kept(theirs) == (299, done.new)
