"""After an erasure every stored file is in the record again; and what keeps the persons out is vouched for by it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from assets.kept.home import home, site
from assets.persons import keyring
from governance.register import Register
from tests import orders
from tests.conftest import BATCHES, ROWS, Made, made_rows, write_csv

BATCH, LATER = BATCHES[2], BATCHES[3]
HERS = f"{BATCH}-7"


def erased(made: Made) -> Register:
    """One batch landed and judged, and one person erased from it at the command."""
    made.send_all()
    made.aims("run", "loans", BATCH)
    said = orders.at_command(made, orders.first_token(made), "erase", "loans", *orders.ERASE, persons=f"{HERS}\n")
    assert HERS not in said.output
    return home().register()


def test_the_files_hold_and_the_lineage_knows_the_new_one(made: Made) -> None:
    register = erased(made)
    (event,) = register.events("personal.erased")
    assert event.body["rows"] == 1
    said = made.aims("ledger", "verify").output
    assert "is gone" not in said and "is not in the record" not in said
    known = [json.loads(line) for line in made.aims("lineage", event.body["new"], "--json").output.splitlines()]
    digests = {row["digest"] for row in known}
    assert {event.body["old"], event.body["new"]} <= digests
    assert f"{ROWS} rows" in " ".join(row["label"] for row in known)


def flipped(whole: bytes, place: int) -> bytes:
    changed = bytearray(whole)
    changed[place] ^= 1
    return bytes(changed)


def spoil(path: Path, place: int) -> None:
    path.write_bytes(flipped(path.read_bytes(), place))


@pytest.mark.parametrize("place", [0, 20, -2], ids=["the first byte", "one inside", "the last sign"])
@pytest.mark.parametrize("name", ["suppressed-loans", "suppression"])
def test_who_was_erased_does_not_come_back_by_an_altered_byte(made: Made, name: str, place: int) -> None:
    erased(made)
    path = home().keys / name
    before = path.read_bytes()
    spoil(path, place)
    made.send(LATER)
    said = made.aims("run", "loans", LATER, check=None)
    assert said.exit_code != 0 and f"keys/{name}" in said.output
    assert home().register().last("batch.landed", f"loans/{LATER}/production") is None
    path.write_bytes(before)
    made.aims("run", "loans", LATER)


def test_a_key_of_pseudonyms_is_told_by_its_bytes(made: Made) -> None:
    made.send_all()
    made.aims("run", "loans", BATCH)
    key = keyring.make_key(site())
    assert [one.id for one in keyring.ring(home())] == [key.id]
    path = keyring.folder_of(home()) / f"{key.id}.key"
    whole = path.read_bytes()
    for place in range(0, len(whole), 9):
        path.write_bytes(flipped(whole, place))
        with pytest.raises(keyring.UsageFault, match=r"is not the key that was kept"):
            keyring.ring(home())
    path.write_bytes(whole)
    assert keyring.ring(home()) == [key]


@pytest.mark.parametrize("kind", ["int64", "int32"], ids=["keys", "landings"])
def test_an_altered_index_of_keys_is_named_and_made_anew(made: Made, kind: str) -> None:
    """The later batch holds the earlier one's rows: with a spoilt index that would go unnoticed."""
    made.send_all()
    made.aims("run", "loans", BATCH)
    (path,) = (path for path in (home().keyprints / "loans").glob("*.npy") if str(np.load(path).dtype) == kind)
    spoil(path, -3)
    # The same keys, under days of the later month.
    sent = [{**row, "day": row["day"].replace("2024-03-", "2024-04-")} for row in made_rows(BATCH)]
    write_csv(made.incoming / f"{LATER}.csv", sent)
    said = made.aims("run", "loans", LATER, check=1).output
    assert "All of its rows are those of the batch" in said or "stand in an earlier batch" in said
    (altered,) = home().register().events("file.altered")
    assert altered.subject == f"keyprints/loans/{path.name}"
