"""Planted persons in every way that data comes in: none of them is found again in any byte under AIMS_HOME."""

from __future__ import annotations

import logging
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import assets.judged.judging
from tests import orders
from tests.conftest import BATCHES, Made, contract_yaml, made_rows, system_yaml, write_csv
from tests.personal_corpus import Planted, planted

HELD, BROKEN = BATCHES[3], BATCHES[4]
# What no shape tells can be dropped or declared, and not redacted.
HARD = {"by itself", "spelt out", "local"}


def declare(made: Made) -> None:
    system, contract = system_yaml(str(made.incoming)), contract_yaml()
    system["columns"]["case"]["personal"] = "pseudonymise"
    system["columns"]["note"] = {"roles": ["feature"], "kind": "text", "personal": "redact"}
    system["columns"]["remark"] = {"roles": ["feature"]}
    for name in ("note", "remark"):
        contract["schema"][0]["properties"].append({"name": name, "logicalType": "string"})
    made.declare(system=system, contract=contract)


def send(made: Made, batch: str, items: list[Planted], remark: str = "nothing to say") -> None:
    """Each planted value in a dropped, an undeclared and a redacted column, and in the key."""
    easy = [item for item in items if item.setting not in HARD]
    rows = [
        {
            **row,
            "case": f"{items[place % len(items)].value} {place}",
            "full_name": items[place % len(items)].text,
            "nobody_declared": items[-1 - place % len(items)].text,
            "note": easy[place % len(easy)].text,
            "remark": remark if place % 50 == 0 else "fine",
        }
        for place, row in enumerate(made_rows(batch))
    ]
    write_csv(made.incoming / f"{batch}.csv", rows)


def everything(home: Path) -> Iterator[tuple[Path, str]]:
    """Every file as text, with what Parquet and SQLite say of their content beside their bytes."""
    for path in sorted(path for path in home.rglob("*") if path.is_file()):
        yield path, path.read_bytes().decode("utf-8", errors="replace")
        if path.suffix == ".parquet":
            yield path, "\n".join(str(value) for column in pq.read_table(path).columns for value in column.to_pylist())
        elif path.suffix == ".db":
            with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
                yield path, "\n".join(connection.iterdump())


def test_nothing_planted_is_left_anywhere(
    made: Made, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    declare(made)
    items = list(planted())
    for place, batch in enumerate(BATCHES):
        send(made, batch, items[place * 200 : place * 200 + 260])
    send(made, HELD, items[:260], remark="they wrote from wilhelmina.q@example.org")
    profile = assets.judged.judging.profile_of_batch

    def breaks(reference: Any, landing: Any, *more: Any) -> Any:
        if landing.batch != BROKEN:
            return profile(reference, landing, *more)
        try:
            raise KeyError(items[0].value)
        except KeyError as cause:
            raise ValueError(f"cannot cast {items[300].text} and {items[-1].value}") from cause

    monkeypatch.setattr(assets.judged.judging, "profile_of_batch", breaks)
    with caplog.at_level(logging.INFO):
        done = made.aims("run", "loans", check=None)
        logging.getLogger("some.library").error("row %s is odd", items[41].text)
    assert done.exit_code == 3
    assert "2024-04: held back: The column 'remark' holds 6 of 300 values with an e-mail address" in done.output
    assert "broke (ValueError)" in done.output
    told = [*everything(made.home), (Path("the terminal"), done.output), (Path("the log"), caplog.text)]
    assert sum(path.suffix == ".parquet" for path, _ in told) > 8 and sum(path.suffix == ".db" for path, _ in told) > 3
    assert any("its text is withheld" in text and "judging.py" in text for _, text in told), "the trace is lost"
    values = sorted({item.value for item in items} | {"wilhelmina.q@example.org"}, key=len, reverse=True)
    anyone = re.compile(rf"(?<![\w.-])(?:{'|'.join(map(re.escape, values))})(?![\w-])")
    left = {(path.name, match[0]) for path, text in told for match in anyone.finditer(text)}
    assert left == set()


def test_a_fault_of_ours_is_told_without_its_text(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    import pipelines.command

    name = "".join(("ja", "ne"))  # the trace shows lines of code

    def breaks(*_: Any) -> None:
        raise LookupError(f"no row of {name}@example.org")

    monkeypatch.setattr(pipelines.command, "_system_row", breaks)
    done = made.aims("systems", check=3)
    assert "jane" not in done.output and "LookupError in pipelines/test_nothing_personal_survives.py" in done.output


def test_persons_are_erased_by_the_command_from_standard_input(made: Made) -> None:
    made.send_all()
    made.aims("run", "loans", BATCHES[2], check=None)
    before = made.aims("verdicts", "--json").output
    asked = f"{BATCHES[2]}-17\n{BATCHES[0]}-5\n"
    token = orders.first_token(made)
    done = orders.at_command(made, token, "erase", "loans", *orders.ERASE, persons=asked)
    assert "2 rows taken out of 2 files" in done.output and f"{BATCHES[2]}-17" not in done.output
    again = made.aims("run", "loans", BATCHES[2], check=None)
    assert "2024-03: nothing new" in again.output and "altered" not in again.output
    assert made.aims("verdicts", "--json").output == before
    for path, text in everything(made.home):
        assert not re.search(rf"{BATCHES[2]}-17(?!\d)", text), path
    assert made.aims("ledger", "verify", check=None).exit_code == 0
    nobody = orders.at_command(made, token, "erase", "loans", *orders.ERASE, check=2)
    assert "Give 1 to 1000 identifiers" in nobody.output
