"""Who may have persons erased and keys destroyed, what the record says of it, and that what was interrupted is finished."""

from __future__ import annotations

import datetime as dt
import json
import re
from typing import Any

import pytest

from assets.kept.home import Site, home, site
from assets.landed.landing import land
from assets.persons import keyring
from governance.cases.personal_orders import KINDS, due, orders_of
from governance.declared.declarations import load
from governance.people.acts import Before, Refused, perform
from governance.processes import BY_VERB
from governance.record import ledger
from governance.record.canonical import digest_of_bytes
from tests import orders
from tests.conftest import BATCHES, Made
from tests.pipelines.test_acting import Terminal
from tests.pipelines.test_nothing_personal_survives import everything

BATCH = BATCHES[2]
HERS, HIS = f"{BATCH}-17", f"{BATCH}-18"


def here(day: int = 1) -> Site:
    return site(at=dt.datetime(2024, 7, day, tzinfo=dt.UTC), run="test")


def the_orders() -> list[Any]:
    return list(orders_of(here().register.events(KINDS)).values())


@pytest.fixture
def landed(made: Made) -> Any:
    """One batch of the made system in the lake; returns its declaration."""
    made.send(BATCH)
    declaration = load(made.folder)
    land(declaration, BATCH, "production", here())
    return declaration


def test_an_auditor_sees_who_had_whom_erased_and_an_engineer_may_not(made: Made, landed: Any) -> None:
    terminal = Terminal(made)
    terminal.token("lena")
    for name, role in (("eve", "engineer"), ("oda", "system_owner")):
        terminal.aims("act", "open-account", name, "--role", role, by="lena")
        terminal.token(name, by="lena")
    asked = ("erase", "loans", "--ticket", "DPO-2024-17", "--ground", "consent_withdrawn")
    before = sorted(path.name for path in home().keys.iterdir())
    refused = orders.at_command(made, terminal.tokens["eve"], *asked, persons=f"{HERS}\n", check=2)
    assert "erase-persons takes the role governance_lead or system_owner, and eve has engineer" in refused.output
    assert here().register.events("personal.*") == []
    assert not [path.name for path in home().keys.iterdir() if path.name not in (*before, "suppression", "pseudonyms")]

    done = orders.at_command(made, terminal.tokens["oda"], *asked, persons=f"{HERS}\n{HIS}\n")
    (row,) = [json.loads(line) for line in made.aims("personal", "orders", "--json").output.splitlines()]
    assert row["id"] in done.output
    told = {
        name: row[name] for name in ("what", "about", "by", "ticket", "reason", "state", "persons", "rows", "files")
    }
    assert told == {
        "what": "erase", "about": "loans", "by": "oda", "ticket": "DPO-2024-17", "reason": "consent_withdrawn",
        "state": "finished", "persons": 2, "rows": 2, "files": 1,
    }  # fmt: skip
    found = orders.at_command(made, "", "find", "loans", "--json", persons=f"nobody\n{HIS}\n")
    (line,) = [json.loads(line) for line in found.output.splitlines()]
    assert (line["line"], line["id"], line["by"]) == (2, row["id"], "oda")
    assert HIS not in found.output and HIS not in done.output
    assert not list(home().keys.glob("erasing-*"))
    for path, text in everything(made.home):
        assert not re.search(rf"{HERS}(?!\d)|{HIS}(?!\d)", text), path
    assert made.aims("ledger", "verify").exit_code == 0


def test_what_was_interrupted_is_shown_until_it_is_resumed(made: Made, landed: Any) -> None:
    assert "Nothing was interrupted" in made.aims("personal", "resume").output
    order = orders.ask(landed, [HERS], "case", here(2))
    assert f"Not finished: {order.id}, erase loans" in made.aims("status").output
    assert json.loads(made.aims("personal", "orders", "--json", check=1).output)["state"] == "ordered"
    with here().register.reading() as connection:
        (item,) = due(Before(connection, ledger.head(connection)[0] + 1, here(3).at), None)  # type: ignore[arg-type]
    assert (item.id, item.system, item.owner, item.on.isoformat()) == (
        f"{order.id}/finish",
        "loans",
        "dora",
        "2024-07-02",
    )
    (path,) = home().lake.glob("*.parquet")
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + b"x")
    left = made.aims("personal", "resume", check=1)
    assert f"{order.id} stays open: lake/" in left.output and "was altered" in left.output
    path.write_bytes(whole)
    assert f"{order.id} (erase, loans) had been interrupted, and is done now" in made.aims("personal", "resume").output
    assert json.loads(made.aims("personal", "orders", "--json").output)["rows"] == 1
    assert "Not finished" not in made.aims("status").output


def test_a_list_of_before_orders_still_keeps_persons_out(made: Made, landed: Any) -> None:
    key = keyring.suppression_key(here())
    line = keyring.suppression(key, "loans", "case", HERS)
    (home().keys / "suppressed-loans").write_text(f"{line}\n", "ascii")
    body = {"sha256": digest_of_bytes(f"{line}\n".encode()), "run": ""}
    here().register.record("key.kept", "keys/suppressed-loans", body, at=here().at)
    found = orders.at_command(made, "", "find", "loans", "--json", persons=f"{HERS}\n{HIS}\n")
    row = json.loads(found.output)
    assert (row["line"], row["id"], row["state"]) == (1, None, "before orders were kept")
    orders.erase(landed, [HERS, HIS], "case", here(2))
    assert keyring.listed(here(), "loans")[line] == (the_orders()[0].seq,)
    orders.erase(landed, [HERS], "case", here(3))
    assert keyring.listed(here(), "loans")[line] == tuple(order.seq for order in the_orders())
    assert len(keyring.suppressed(here(), "loans")) == 2
    assert land(landed, BATCH, "production", here(3)).rows == 298


@pytest.mark.parametrize(
    ("ticket", "why"),
    [
        ("Jane Doe", "(Number of the request in your own register of them, such as DPO-2024-17. Never a name)"),
        ("jane", "match pattern"),
        ("jane.doe@example.org", "e-mail address"),
    ],
)
def test_a_ticket_is_a_number_and_never_a_name(made: Made, landed: Any, ticket: str, why: str) -> None:
    token = orders.first_token(made)
    asked = ("erase", "loans", "--ticket", ticket, "--ground", "objection")
    refused = orders.at_command(made, token, *asked, persons=f"{HERS}\n", check=2)
    assert why in refused.output and ticket not in refused.output
    assert the_orders() == []


def test_without_a_token_nobody_is_erased_and_no_key_changed(made: Made, landed: Any) -> None:
    for arguments in (("erase", "loans", *orders.ERASE), ("rotate", "--ticket", "D-1", "--reason", "due")):
        refused = orders.at_command(made, "", *arguments, persons=f"{HERS}\n", check=2)
        assert "Acts take a personal token" in refused.output
    assert the_orders() == []


def test_a_key_is_destroyed_by_two(made: Made, landed: Any) -> None:
    terminal = Terminal(made)
    terminal.token("lena")
    terminal.aims("act", "open-account", "luis", "--role", "governance_lead", by="lena")
    terminal.aims("act", "open-account", "eve", "--role", "engineer", by="lena")
    for name in ("luis", "eve"):
        terminal.token(name, by="lena")
    assert "Nothing has been pseudonymised" in made.aims("personal", "keys").output
    why = ("--ticket", "DPO-3", "--reason", "the year is over")
    name = orders.at_command(made, terminal.tokens["lena"], "rotate", *why).output.split()[0]
    assert name in made.aims("personal", "keys", "--json").output
    destroy = ("destroy-key", name, "--statement", "nothing needs it")
    assert "Nobody asked" in orders.at_command(made, terminal.tokens["luis"], *destroy, check=2).output
    assert "takes the role" in terminal.aims("act", "request-destroy-key", name, *why, by="eve", check=2).stderr
    terminal.aims("act", "request-destroy-key", name, *why, by="lena")
    assert "asks for that already" in terminal.aims("act", "request-destroy-key", name, *why, by="luis", check=2).stderr
    assert "takes the role" in orders.at_command(made, terminal.tokens["eve"], *destroy, check=2).output
    assert "whoever asked for something" in orders.at_command(made, terminal.tokens["lena"], *destroy, check=2).output
    assert name in made.aims("personal", "keys", "--json").output
    assert "is destroyed" in orders.at_command(made, terminal.tokens["luis"], *destroy).output
    assert "There is no key" in orders.at_command(made, terminal.tokens["luis"], *destroy, check=2).output
    assert not list(keyring.folder_of(home()).iterdir())
    *_, row = [json.loads(line) for line in made.aims("personal", "orders", "--json").output.splitlines()]
    assert [row[part] for part in ("what", "about", "by", "second", "state")] == [
        "destroy key", name, "lena", "luis", "finished",
    ]  # fmt: skip
    assert made.aims("ledger", "verify").exit_code == 0


def test_a_request_can_be_refused_and_made_again(made: Made, landed: Any) -> None:
    key = orders.rotate(here())
    orders.request(key.id, here(2))
    with pytest.raises(Refused, match="There is no key 'k0'"):
        orders.request("k0", here(2))
    said = {"reason": "still needed"}
    with ledger.writing(here().register.engine) as connection:
        perform(connection, BY_VERB["refuse-destroy-key"], key.id, said, account="dora", at=here(2).at)
    with pytest.raises(Refused, match="Nobody asked"):
        orders.let_destroy(key.id, here(2))
    orders.request(key.id, here(3), who="leo")
    with pytest.raises(Refused, match="whoever asked"):
        orders.let_destroy(key.id, here(3), who="leo")
    orders.let_destroy(key.id, here(3), who="lea")
