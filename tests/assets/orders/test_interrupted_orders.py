"""An order that was interrupted at any step is finished when the next command comes, and by whose order stays known."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from assets.kept.home import Site, site
from assets.kept.lake import Altered
from assets.landed.landing import land, landed
from assets.orders import erasing, ordering
from assets.persons import keyring
from governance.cases.personal_orders import KINDS, orders_of
from governance.declared.declarations import load
from governance.faults import UsageFault
from governance.people.acts import SERVICE, Refused, perform
from governance.processes import BY_VERB
from governance.record import ledger
from governance.register import Register
from tests import orders
from tests.conftest import BATCHES, PROVENANCE, Made, contract_yaml, made_rows, system_yaml, write_csv

BATCH = BATCHES[2]
PERSON = "p7"
HERS = {f"{BATCH}-{n}" for n in range(300) if n % 100 == 7}


class Killed(BaseException):
    pass


def declare(made: Made, said: str | None) -> Any:
    """Rows of a hundred persons, three for each, with outcomes in a file of their own that knows keys alone."""
    system, contract = system_yaml(str(made.incoming)), contract_yaml()
    system["columns"] |= {"person": {"roles": ["entity"]} | ({"personal": said} if said else {})}
    contract["schema"][0]["properties"].append({"name": "person", "logicalType": "string"})
    system["sources"]["outcomes"] = {
        "kind": "file", "path": f"{made.incoming}/outcomes-{{batch}}.csv", "format": "csv", "provenance": PROVENANCE,
    }  # fmt: skip
    made.declare(system=system, contract=contract)
    rows = made_rows(BATCH)
    write_csv(made.incoming / f"{BATCH}.csv", [{**row, "person": f"p{n % 100}"} for n, row in enumerate(rows)])
    write_csv(made.incoming / f"outcomes-{BATCH}.csv", [{"case": row["case"], "late": row["late"]} for row in rows])
    declaration = load(made.folder)
    for part in ("production", "outcomes"):
        land(declaration, BATCH, part, here())
    return declaration


def dies(after: int, of: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, which kills its process when it is called for so many times and has done it."""
    calls = 0

    def counted(*arguments: Any, **more: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > after:
            raise Killed
        return of(*arguments, **more)

    return counted


def the_order() -> Any:
    (order,) = orders_of(here().register.events(KINDS)).values()
    return order


def here(day: int = 1) -> Site:
    return site(at=dt.datetime(2024, 7, day, tzinfo=dt.UTC), run="test")


# What is recorded: the list of who is left out, the file of outcomes, that of rows, and that it is done.
@pytest.mark.parametrize(
    ("what", "after", "said"),
    [
        ("record", 0, None),
        ("record", 1, None),
        ("record", 2, None),
        ("record", 2, "pseudonymise"),
        ("record", 3, "pseudonymise"),
        ("_remove", 0, None),
        ("_remove", 1, "pseudonymise"),
    ],
)
def test_an_erasure_killed_at_any_step_is_finished_without_the_persons_being_named_again(
    made: Made, monkeypatch: pytest.MonkeyPatch, what: str, after: int, said: str | None
) -> None:
    declaration = declare(made, said)
    order = orders.ask(declaration, [PERSON], "person", here(2))
    with monkeypatch.context() as patched:
        where = Register if what == "record" else erasing
        patched.setattr(where, what, dies(after, getattr(where, what)))
        with pytest.raises(Killed):
            erasing.erase(declaration, order, here(2))
    (left,) = ordering.left_open(here(3))
    assert left.id == order.id
    erasing.erase(declaration, left, here(3))
    done = the_order()
    assert (done.state, done.files, done.rows, done.by, done.at[:10]) == ("finished", 2, 6, "dora", "2024-07-02")
    kept = [landed(declaration, BATCH, part, here(4)) for part in ("production", "outcomes")]
    frames = [pd.read_parquet(item.path) for item in kept if item]
    assert [len(frame) for frame in frames] == [297, 297]
    key = keyring.ring(here().home)[-1].pseudonym("loans", "person", PERSON) if said else PERSON
    assert key not in set(frames[0]["person"])
    assert not HERS & {case for frame in frames for case in frame["case"]}
    assert len(list(here().home.lake.glob("*.parquet"))) == 2 and not list(here().home.keys.glob("erasing-*"))
    assert ordering.left_open(here(4)) == []


def test_an_order_whose_list_is_altered_or_gone_stays_open_until_it_is_given_up(made: Made) -> None:
    declaration = declare(made, None)
    order = orders.ask(declaration, [PERSON], "person", here(2))
    (path,) = here().home.keys.glob("erasing-*")
    whole = path.read_text("ascii")
    assert PERSON not in whole.replace("person", "")
    path.write_text(whole.replace('"column": "person"', '"column": "case"  '), "ascii")
    with pytest.raises(Altered, match=f"{order.id} cannot be finished: keys/erasing-.* was altered"):
        erasing.erase(declaration, order, here(3))
    path.unlink()
    with pytest.raises(Altered, match=f"is gone. Put your copy back; without one, give up {order.id}"):
        erasing.erase(declaration, order, here(3))
    assert the_order().is_open and here().register.events("personal.erased") == []
    orders.by("lea", here(3))
    with ledger.writing(here().register.engine) as connection:
        said = {"reason": "the list was lost with its disk"}
        perform(connection, BY_VERB["give-up-order"], order.id, said, account="lea", at=here(3).at)
    assert (the_order().state, ordering.left_open(here(4))) == ("given up", [])
    with ledger.writing(here().register.engine) as connection, pytest.raises(Refused, match="is not open"):
        perform(connection, BY_VERB["give-up-order"], order.id, said, account="lea", at=here(4).at)
    assert here().register.faults() == []


@pytest.mark.parametrize("when", ["before its bytes go", "after", "its file goes"])
def test_a_key_whose_destruction_was_killed_is_destroyed_by_the_next_command(
    made: Made, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    key = orders.rotate(here())
    orders.request(key.id, here(2))
    order = orders.let_destroy(key.id, here(2))
    stop = {"before its bytes go": (keyring.secrets, "token_bytes"), "after": (Register, "record")}
    with monkeypatch.context() as patched:
        patched.setattr(*stop.get(when, (Path, "unlink")), dies(0, print))
        with pytest.raises(Killed):
            keyring.destroy_key(here(2), order)
    assert (orders_by_id()[order.id].state == "finished") == (when == "its file goes")
    monkeypatch.setenv("AIMS_PSEUDONYM_KEYS", str(made.home / "elsewhere"))
    for left in ordering.left_open(here(3)):
        with pytest.raises(UsageFault, match="is not in .*elsewhere, so PD-.* cannot be finished"):
            ordering.carry_out(left, None, here(3))
    monkeypatch.delenv("AIMS_PSEUDONYM_KEYS")
    for left in ordering.left_open(here(3)):
        ordering.carry_out(left, None, here(3))
    assert orders_by_id()[order.id].state == "finished" and orders_by_id()[order.id].second == "leo"
    secret = key.secret.hex().encode()
    assert not any(secret in path.read_bytes() for path in here().home.keys.rglob("*") if path.is_file())


def orders_by_id() -> dict[str, Any]:
    return {order.id: order for order in orders_of(here().register.events(KINDS)).values()}


def test_one_key_comes_of_one_order_though_it_was_killed(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    order = ordering.order_rotation(orders.WHY, orders.by("lea", here()), here())
    with monkeypatch.context() as patched:
        patched.setattr(Register, "record", dies(0, Register.record))
        with pytest.raises(Killed):
            keyring.make_key(here(), order)
    (made_key,) = keyring.ring(here().home)
    ordering.carry_out(order, None, here(2))
    assert [key.id for key in keyring.ring(here().home)] == [made_key.id]
    assert the_order().state == "finished"
    assert orders.rotate(here(3)).id != made_key.id


def test_an_older_record_holds_and_what_it_did_without_an_order_is_shown_so(made: Made) -> None:
    """As the program wrote it before orders were acts; the same past the door, by a person, is a fault."""
    old = {"old": "0" * 64, "new": "1" * 64, "rows": 2, "run": ""}
    here().register.record("personal.key_made", "keys/k1", {"id": "k1", "since": "2024"}, at=here().at)
    for batch in BATCHES[:2]:
        here().register.record("personal.erased", f"loans/{batch}/production", old, at=here().at)
    here().register.record("personal.key_destroyed", "keys/k1", {"id": "k1"}, at=here().at)
    assert here().register.faults() == []
    shown = [(o.what, o.about, o.by, o.state, o.files, o.rows) for o in orders_by_id().values()]
    assert shown == [
        ("erase", "loans", None, "without an order", 2, 4),
        ("destroy key", "k1", None, "without an order", 0, 0),
    ]
    with ledger.writing(here().register.engine) as connection:
        ledger.append(connection, "personal.key_destroyed", "keys/k2", {"id": "k2"}, actor="eve", at=here().at)
        said = {**orders.WHY, "token": None}
        ledger.append(connection, "personal.rotation_ordered", "keys/pseudonyms", said, actor=SERVICE, at=here().at)
    found = here().register.faults()
    assert len(found) == 2
    assert "is no act of a person: eve did it" in found[0] and "is for people" in found[1]
