"""Persons in a batch before it is written: held back, pseudonymised, redacted, or kept with a reason; and erased after."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from assets.judged.reference import freeze_reference
from assets.kept.home import Site, site
from assets.kept.lake import Altered
from assets.landed import landing
from assets.landed.checking import land_and_check
from assets.landed.landing import Held
from assets.orders import erasing
from assets.persons import keyring
from assets.persons.erased import erasures, lake_file
from governance.declared.declarations import load
from governance.faults import DeclarationFaults, UsageFault
from tests import orders
from tests import personal_corpus as corpus
from tests.conftest import BATCHES, PROVENANCE, REFERENCE, ROWS, Made, contract_yaml, made_rows, system_yaml, write_csv

BATCH = BATCHES[2]
JANE, HERS = "jane.doe@example.org", f"{BATCH}-17"


def here(day: int = 1) -> Site:
    return site(at=dt.datetime(2024, 7, day, tzinfo=dt.UTC), run="test")


def kept_files(place: Site) -> list[str]:
    return sorted(path.name for path in place.home.lake.iterdir())


def declare(made: Made, *, note: Any = None, **personal: Any) -> Any:
    """The made system with a column `note`, and with `personal` said of some columns."""
    system, contract = system_yaml(str(made.incoming)), contract_yaml()
    system["columns"]["note"] = {"roles": ["feature"], "kind": "text"} | ({"personal": note} if note else {})
    contract["schema"][0]["properties"].append({"name": "note", "logicalType": "string"})
    for name, said in personal.items():
        system["columns"][name]["personal"] = said
    system["sources"]["outcomes"] = {
        "kind": "file", "path": f"{made.incoming}/outcomes-{{batch}}.csv", "format": "csv", "provenance": PROVENANCE,
    }  # fmt: skip
    made.declare(system=system, contract=contract)
    return load(made.folder)


def rows_of(batch: str, note: Callable[[int], str] = "paid in {} parts".format) -> list[dict[str, Any]]:
    return [{**row, "note": note(place)} for place, row in enumerate(made_rows(batch))]


def send(made: Made, batch: str, note: Callable[[int], str] = "paid in {} parts".format) -> None:
    rows = rows_of(batch, note)
    write_csv(made.incoming / f"{batch}.csv", rows)
    write_csv(made.incoming / f"outcomes-{batch}.csv", [{"case": row["case"], "late": row["late"]} for row in rows])


def one_of_them(place: int) -> str:
    return f"please write to {JANE}" if place == 17 else f"paid in {place} parts"


def read(path: Path) -> pd.DataFrame:
    return pd.read_parquet(path)


# Looked for


def test_one_undeclared_address_holds_the_batch_back_before_anything_is_written(made: Made) -> None:
    declaration = declare(made)
    send(made, BATCH, one_of_them)
    with pytest.raises(Held, match=r"'note' holds 1 of 300 values with an e-mail address.*personal: redact") as held:
        landing.land(declaration, BATCH, "production", here())
    assert JANE not in str(held.value)
    assert kept_files(here()) == []
    assert [event.kind for event in here().register.events("batch.*")] == ["batch.held"]


def test_the_clean_twin_is_landed_and_says_who_looked(made: Made) -> None:
    declaration = declare(made)
    send(made, BATCH)
    found = landing.land(declaration, BATCH, "production", here())
    assert found.body["observed"]["personal"] == {"recognisers": ["built-in/2"]}


def test_a_column_that_is_only_called_so_is_landed_and_told(made: Made) -> None:
    system, contract = system_yaml(str(made.incoming)), contract_yaml()
    system["columns"]["surname"] = {"roles": ["feature"]}
    contract["schema"][0]["properties"].append({"name": "surname", "logicalType": "string"})
    made.declare(system=system, contract=contract)
    write_csv(made.incoming / f"{BATCH}.csv", [{**row, "surname": "north"} for row in made_rows(BATCH)])
    found = landing.land(load(made.folder), BATCH, "production", here())
    assert found.body["observed"]["personal"]["suspected_by_name"] == ["surname"]


def with_numbers(made: Made, kind: str, numbers: Callable[[int], Any], *, personal: Any = None) -> Any:
    """The made system with a column `patient` of numbers, and one batch that holds them."""
    system, contract = system_yaml(str(made.incoming)), contract_yaml()
    system["columns"]["patient"] = {"roles": ["feature"]} | ({"personal": personal} if personal else {})
    contract["schema"][0]["properties"].append({"name": "patient", "logicalType": kind})
    made.declare(system=system, contract=contract)
    write_csv(made.incoming / f"{BATCH}.csv", [{**r, "patient": numbers(n)} for n, r in enumerate(made_rows(BATCH))])
    return load(made.folder)


@pytest.mark.parametrize(("kind", "ending"), [("integer", ""), ("number", ".0")], ids=["whole", "with gaps"])
def test_national_numbers_that_come_as_numbers_hold_the_batch_back(made: Made, kind: str, ending: str) -> None:
    """With gaps they are written with a nought behind the point, and read as numbers that need not be whole."""
    draw = random.Random(5)
    declaration = with_numbers(made, kind, lambda place: "" if place % 3 else f"{corpus.nhs(draw).lstrip('0')}{ending}")
    with pytest.raises(
        Held, match=r"'patient' holds \d+ of 100 values with an? UK NHS number.*`string` in the contract"
    ):
        landing.land(declaration, BATCH, "production", here())
    assert kept_files(here()) == []
    assert [event.kind for event in here().register.events("batch.*")] == ["batch.held"]


def test_numbers_that_a_step_has_made_are_looked_at_however_short_they_came(made: Made) -> None:
    """The reader saw four digits; the step puts the others before them."""
    declaration = with_numbers(made, "integer", lambda place: place)
    draw = random.Random(5)
    values = {place: int(corpus.nhs(draw)) for place in range(40)}
    system = declaration.system.model_dump(mode="json", by_alias=True, exclude_none=True)
    step = {"id": "in_full", "recode": {"column": "patient", "values": values}, "reason": "numbers in full"}
    system["preparation"] = [step]
    contract = yaml.safe_load((made.folder / "contract.yaml").read_text(encoding="utf-8"))
    made.declare(system=system, contract=contract)
    with pytest.raises(Held, match=r"'patient' holds \d+ of 300 values with an? UK NHS number"):
        landing.land(load(made.folder), BATCH, "production", here())


def test_running_numbers_and_numbers_that_are_allowed_are_landed(made: Made) -> None:
    running = with_numbers(made, "integer", lambda place: 4_000_000_000 + place)
    landing.land(running, BATCH, "production", here())
    draw, allowed = random.Random(5), {"treatment": "allowed", "reason": "patients are followed by their number"}
    declaration = with_numbers(made, "integer", lambda _: corpus.nhs(draw), personal=allowed)
    found = landing.land(declaration, BATCH, "production", here())
    assert found.body["observed"]["personal"] == {"recognisers": ["built-in/2"], "allowed": ["patient"]}


def test_what_is_allowed_with_a_reason_is_kept_as_it_is(made: Made) -> None:
    declaration = declare(made, note={"treatment": "allowed", "reason": "complaints are handled by name"})
    send(made, BATCH, one_of_them)
    found = landing.land(declaration, BATCH, "production", here())
    assert JANE in read(found.path)["note"][17]
    assert found.body["observed"]["personal"]["allowed"] == ["note"]


def test_a_text_is_redacted_before_it_is_written(made: Made) -> None:
    declaration = declare(made, note="redact")
    send(made, BATCH, one_of_them)
    found = landing.land(declaration, BATCH, "production", here())
    notes = read(found.path)["note"]
    assert notes[17] == "please write to <e-mail address>" and notes[16] == "paid in 16 parts"


def test_recognisers_that_are_asked_for_are_named_and_others_refused(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    declaration = declare(made)
    send(made, BATCH)
    monkeypatch.setenv("AIMS_PERSONAL", "presidio")
    seen = landing.land(declaration, BATCH, "production", here()).body["observed"]["personal"]["recognisers"]
    assert seen[0] == "built-in/2" and seen[1].startswith("presidio/2")
    monkeypatch.setenv("AIMS_PERSONAL", "magic")
    with pytest.raises(UsageFault, match="AIMS_PERSONAL=magic is not known"):
        landing.land(declaration, BATCH, "production", here())


# Declared


@pytest.mark.parametrize(
    ("column", "said", "fault"),
    [
        ("region", "pseudonymise", "is for a column with the role key or entity"),
        ("case", "redact", "a key, an entity or a time is no text"),
        ("note", {"treatment": "allowed"}, "needs a `reason`"),
        ("note", "hide", "'pseudonymise', 'redact' or 'allowed'"),
        ("children", "redact", "to redact makes texts, and the contract says integer"),
        ("note", {"treatment": "redact", "why": "x"}, "unknown key"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_to_a_column_is_a_fault_with_its_line(
    made: Made, column: str, said: Any, fault: str
) -> None:
    with pytest.raises(DeclarationFaults, match=r"loans/system.yaml:\d+: .*" + fault):
        declare(made, **{column: said})


# Pseudonymised


def test_a_key_is_a_keyed_digest_of_its_text_and_outcomes_still_join(made: Made) -> None:
    declaration = declare(made, case="pseudonymise")
    send(made, BATCH)
    found = landing.land(declaration, BATCH, "production", here())
    outcomes = landing.land(declaration, BATCH, "outcomes", here())
    kept = read(found.path)["case"]
    # RFC 2104 by the standard library, over the parts that the docs name.
    key = next((here().home.keys / "pseudonyms").glob("*.key"))
    secret = bytes.fromhex(json.loads(key.read_text())["secret"])
    message = b"\0".join([b"aims.personal", b"pseudonym", b"loans", b"case", HERS.encode()])
    assert kept[17] == hmac.new(secret, message, hashlib.sha256).hexdigest()[:32]
    assert kept.is_unique and set(read(outcomes.path)["case"]) == set(kept)
    assert found.body["observed"]["personal"]["key"] == outcomes.body["observed"]["personal"]["key"] == key.stem
    assert key.stat().st_mode & 0o077 == 0


def test_whole_numbers_are_hashed_as_their_digits(made: Made) -> None:
    declaration = declare(made, case="pseudonymise")
    frames = pd.DataFrame(rows_of(BATCH)).assign(case=range(1_000, 1_000 + ROWS))
    source = {
        **system_yaml(str(made.incoming))["sources"]["production"],
        "path": f"{made.incoming}/{{batch}}.parquet",
        "format": "parquet",
    }
    frames["day"] = pd.to_datetime(frames["day"]).dt.date
    frames.to_parquet(made.incoming / f"{BATCH}.parquet")
    system = declaration.system.model_dump(mode="json", by_alias=True, exclude_none=True)
    system["sources"]["production"] = source
    made.declare(system=system, contract=_contract_with_note())
    found = landing.land(load(made.folder), BATCH, "production", here())
    key = keyring.ring(here().home)[-1]
    assert read(found.path)["case"][3] == key.pseudonym("loans", "case", "1003")


def _contract_with_note() -> dict[str, Any]:
    contract = contract_yaml()
    contract["schema"][0]["properties"].append({"name": "note", "logicalType": "string"})
    return contract


def test_a_batch_keeps_its_key_and_new_ones_get_the_new_key(made: Made) -> None:
    declaration = declare(made, case="pseudonymise")
    send(made, BATCH)
    send(made, BATCHES[3])
    first = landing.land(declaration, BATCH, "production", here())
    keyring.make_key(here(2))
    again = landing.land(declaration, BATCH, "production", here(3))
    other = landing.land(declaration, BATCHES[3], "production", here(3))
    late = landing.land(declaration, BATCH, "outcomes", here(3))
    assert (
        again.digest == first.digest and len(here().register.events("batch.landed", f"loans/{BATCH}/production")) == 1
    )
    named = [item.body["observed"]["personal"]["key"] for item in (first, other, late)]
    assert named[0] == named[2] != named[1]


def test_overlap_across_keys_is_not_evaluated(made: Made) -> None:
    declaration = declare(made, case="pseudonymise")
    for batch in (*REFERENCE, BATCH):
        send(made, batch)
    write_csv(
        made.incoming / f"{BATCH}.csv",
        [{**row, "case": f"{REFERENCE[0]}-{place}"} for place, row in enumerate(rows_of(BATCH))],
    )
    freeze_reference(declaration, here())
    keyring.make_key(here(2))
    seen = land_and_check(declaration, BATCH, "production", here(3)).overlap
    assert seen is not None and seen.rows is None and "different keys" in seen.reason


def test_under_one_key_the_same_rows_are_seen(made: Made) -> None:
    declaration = declare(made, case="pseudonymise")
    for batch in REFERENCE:
        send(made, batch)
    write_csv(
        made.incoming / f"{BATCH}.csv",
        [{**row, "case": f"{REFERENCE[0]}-{place}"} for place, row in enumerate(rows_of(BATCH))],
    )
    freeze_reference(declaration, here())
    with pytest.raises(Held, match="300 of 300 rows have a key that is in the reference"):
        land_and_check(declaration, BATCH, "production", here(3))


def test_without_its_key_the_outcomes_of_a_batch_are_held_back(made: Made) -> None:
    declaration = declare(made, case="pseudonymise")
    send(made, BATCH)
    found = landing.land(declaration, BATCH, "production", here())
    name = found.body["observed"]["personal"]["key"]
    path = keyring.folder_of(here().home) / f"{name}.key"
    orders.destroy(name, here(2))
    assert not path.exists()
    told = here().register.events("personal.*")
    assert {event.subject for event in told} == {f"keys/{name}"}
    assert [event.kind.split(".")[1] for event in told] == [
        "key_made",
        "destruction_requested",
        "destruction_granted",
        "key_destroyed",
    ]
    with pytest.raises(Held, match=f"pseudonymised with the key {name}, which is not there any more"):
        landing.land(declaration, BATCH, "outcomes", here(3))
    with pytest.raises(UsageFault, match="There is no key"):
        orders.destroy(name, here(3))


def test_keys_may_lie_elsewhere(made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIMS_PSEUDONYM_KEYS", str(tmp_path / "elsewhere"))
    send(made, BATCH)
    landing.land(declare(made, case="pseudonymise"), BATCH, "production", here())
    assert len(list((tmp_path / "elsewhere").glob("*.key"))) == 1
    assert not (here().home.keys / "pseudonyms").exists()


# Erased


@pytest.mark.parametrize("said", [None, "pseudonymise"], ids=["plain", "pseudonymised"])
def test_an_erased_person_is_gone_and_nothing_else_is(made: Made, said: str | None) -> None:
    declaration = declare(made, **({"case": said} if said else {}))
    send(made, BATCH)
    before = landing.land(declaration, BATCH, "production", here())
    outcomes = landing.land(declaration, BATCH, "outcomes", here())
    truth = [read(item.path).drop(index=17).reset_index(drop=True) for item in (before, outcomes)]
    was = [item.path for item in (before, outcomes)]
    done = orders.erase(declaration, [HERS], "case", here(2))
    assert sorted((item.part, item.rows) for item in done.replaced) == [("outcomes", 1), ("production", 1)]
    after = [landing.landed(declaration, BATCH, part, here(3)) for part in ("production", "outcomes")]
    for item, old, path, left in zip(after, (before, outcomes), was, truth, strict=True):
        assert item is not None and item.digest == old.digest and item.path != path and not path.exists()
        pd.testing.assert_frame_equal(read(item.path), left)
    said_of_it = json.dumps([event.body for event in here().register.events("personal.*")])
    assert HERS not in said_of_it
    assert all(name not in said_of_it for name in read_keys(before, done, said))


def read_keys(before: landing.Landing, done: erasing.Erasure, said: str | None) -> list[str]:
    """What stood for her, which the record must not hold either."""
    key = keyring.ring(here().home)
    return [key[-1].pseudonym("loans", "case", HERS)] if said else []


def test_an_erased_person_is_not_landed_again_and_nothing_is_judged_anew(made: Made) -> None:
    declaration = declare(made)
    send(made, BATCH)
    before = landing.land(declaration, BATCH, "production", here())
    orders.erase(declaration, [HERS], "case", here(2))
    again = landing.land(declaration, BATCH, "production", here(3))
    assert again.digest == before.digest and again.rows == ROWS - 1
    assert HERS not in set(read(again.path)["case"])
    assert len(here().register.events("batch.landed", f"loans/{BATCH}/production")) == 1
    assert len(kept_files(here())) == 1
    send(made, BATCHES[3])
    rows = rows_of(BATCHES[3])
    write_csv(made.incoming / f"{BATCHES[3]}.csv", [{**rows[0], "case": HERS}, *rows[1:]])
    later = landing.land(declaration, BATCHES[3], "production", here(3))
    assert later.rows == ROWS - 1


def test_superseded_and_held_files_are_searched_too(made: Made) -> None:
    declaration = declare(made)
    for place in range(2):
        send(made, BATCH, lambda n, place=place: f"version {place} of {n}")
        landing.land(declaration, BATCH, "production", here())
    rows = rows_of(BATCH)
    write_csv(made.incoming / f"{BATCH}.csv", [{**row, "region": "west"} for row in rows])
    with pytest.raises(Held):
        land_and_check(declaration, BATCH, "production", here())
    done = orders.erase(declaration, [HERS], "case", here(2))
    assert len(done.replaced) == 3
    assert all(HERS not in set(read(path)["case"]) for path in here().home.lake.glob("*.parquet"))


def test_the_reference_goes_on_without_the_person_and_is_not_frozen_anew(made: Made) -> None:
    declaration = declare(made)
    for batch in (*REFERENCE, BATCH):
        send(made, batch)
    frozen = freeze_reference(declaration, here())
    land_and_check(declaration, BATCH, "production", here())
    done = orders.erase(declaration, [f"{REFERENCE[0]}-3"], "case", here(2))
    assert done.rows == 1
    assert freeze_reference(declaration, here(3)) == frozen
    assert len(here().register.events("reference.frozen")) == 1
    assert land_and_check(declaration, BATCH, "production", here(3)).overlap is not None
    assert {"what": "counts", "name": "reference"}.items() <= done.remains[0].items()


def test_an_erasure_that_was_interrupted_is_finished_by_the_next(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    declaration = declare(made)
    send(made, BATCH)
    before = landing.land(declaration, BATCH, "production", here())

    class Killed(BaseException):
        pass

    def killed(*_: Any, **__: Any) -> None:
        raise Killed

    # Before it is recorded: the old file is still the one in use.
    with monkeypatch.context() as patched:
        patched.setattr(type(here().register), "record", killed)
        with pytest.raises(Killed):
            orders.erase(declaration, [HERS], "case", here(2))
    assert lake_file(here(), "loans", before.digest) == before.path
    # After it is recorded and before the old file goes.
    with monkeypatch.context() as patched:
        patched.setattr(erasing, "_remove", killed)
        with pytest.raises(Killed):
            orders.erase(declaration, [HERS], "case", here(2))
    assert before.path.exists()
    assert HERS not in set(read(lake_file(here(), "loans", before.digest))["case"])
    assert orders.erase(declaration, [HERS], "case", here(3)).replaced == []
    now = erasures(here(), "loans")[before.digest]
    assert kept_files(here()) == [f"{now}.parquet"]


def test_nobody_is_erased_who_is_not_there_and_an_altered_file_is_told(made: Made) -> None:
    declaration = declare(made)
    send(made, BATCH)
    found = landing.land(declaration, BATCH, "production", here())
    assert orders.erase(declaration, ["somebody else"], "case", here(2)).replaced == []
    found.path.write_bytes(found.path.read_bytes() + b"x")
    with pytest.raises(Altered):
        orders.erase(declaration, [HERS], "case", here(2))


def test_files_under_a_destroyed_key_are_named_as_what_remains(made: Made) -> None:
    declaration = declare(made, case="pseudonymise")
    send(made, BATCH)
    found = landing.land(declaration, BATCH, "production", here())
    orders.destroy(found.body["observed"]["personal"]["key"], here(2))
    done = orders.erase(declaration, [HERS], "case", here(2))
    assert done.replaced == [] and done.remains[0]["name"] == found.digest
    assert "can no longer be told" in done.remains[0]["note"]


def test_outcomes_of_an_erased_entity_go_by_the_keys_of_its_rows(made: Made) -> None:
    system, contract = system_yaml(str(made.incoming)), contract_yaml()
    system["columns"] |= {"person": {"roles": ["entity"], "personal": "pseudonymise"}}
    contract["schema"][0]["properties"].append({"name": "person", "logicalType": "string"})
    system["sources"]["outcomes"] = {
        "kind": "file", "path": f"{made.incoming}/outcomes-{{batch}}.csv", "format": "csv", "provenance": PROVENANCE,
    }  # fmt: skip
    made.declare(system=system, contract=contract)
    declaration, rows = load(made.folder), made_rows(BATCH)
    write_csv(made.incoming / f"{BATCH}.csv", [{**row, "person": f"p{n % 100}"} for n, row in enumerate(rows)])
    write_csv(made.incoming / f"outcomes-{BATCH}.csv", [{"case": row["case"], "late": row["late"]} for row in rows])
    for part in ("production", "outcomes"):
        landing.land(declaration, BATCH, part, here())
    done = orders.erase(declaration, ["p7"], erasing.naming_column(declaration, None), here(2))
    assert sorted((item.part, item.rows) for item in done.replaced) == [("outcomes", 3), ("production", 3)]
    left = landing.landed(declaration, BATCH, "outcomes", here(3))
    assert left is not None
    assert set(read(left.path)["case"]) == {f"{BATCH}-{n}" for n in range(ROWS) if n % 100 != 7}


def test_one_text_in_two_writings_of_unicode_is_one_person() -> None:
    key = keyring.Key("k", "2024", b"s" * 32)
    assert key.pseudonym("loans", "case", "Zoe\u0301") == key.pseudonym("loans", "case", "Zo\u00e9")
    others = {
        key.pseudonym(*what) for what in (("loans", "case", "7"), ("loans", "case", "007"), ("loan", "scase", "7"))
    }
    assert len(others) == 3
