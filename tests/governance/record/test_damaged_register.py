"""One altered byte anywhere in the file of the register: it is told, or every answer is that of the clean twin."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from governance.faults import UsageFault
from governance.records import Outcome
from governance.register import Register
from tests.governance.conftest import NOON, look

BATCHES = [f"20{year}-0{quarter}-01" for year in (13, 14) for quarter in (1, 4, 7)]
KINDS = ("batch.landed", "batch.checked", "batch.held")


def asked(register: Register) -> list[Any]:
    """Questions that go by each table and by each of its indexes."""
    about = [f"loans/{number}" for number in range(30)]
    return [
        register.events(),
        register.measurements(),
        register.verdicts(),
        register.parts(),
        register.nonconformities(),
        [register.last("batch.judged", f"loans/{batch}") for batch in BATCHES],
        [register.history(subject, KINDS) for subject in about],
        [register.verdicts(system="loans", batch=batch, superseded=True) for batch in BATCHES],
        [register.measurements(system="loans", batch=batch) for batch in BATCHES],
    ]


def found(path: Path, truth: list[Any]) -> str:
    """What becomes of a register: `told` by its faults or in one line, or `same` answers; else `wrong`."""
    try:
        register = Register(path)
    except UsageFault:
        return "told"
    try:
        return "told" if register.faults() else "same" if asked(register) == truth else "wrong"
    except UsageFault:
        return "told"
    finally:
        register.engine.dispose()


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Any]]:
    path = tmp_path_factory.mktemp("register") / "register.db"
    register = Register(path)
    for number, batch in enumerate(BATCHES):
        outcomes = {"stable/all": Outcome.CONFORMING if number % 3 else Outcome.BREACH, "other/all": Outcome.CONFORMING}
        register.keep(look(outcomes, batch=batch, data=str(number)), at=NOON)
    for number in range(90):
        register.record(KINDS[number % 3], f"loans/{number % 30}", {"rows": number, "reason": "x" * 40}, at=NOON)
    truth = asked(register)
    assert register.faults() == []
    register.engine.dispose()
    return path, truth


def test_an_altered_byte_is_told_or_changes_no_answer(written: tuple[Path, list[Any]], tmp_path: Path) -> None:
    path, truth = written
    raw, seen = path.read_bytes(), Counter[str]()
    for place in range(18, len(raw), 919):
        altered = tmp_path / "register.db"
        altered.write_bytes(raw[:place] + bytes([raw[place] ^ 1 << place % 7]) + raw[place + 1 :])
        become = found(altered, truth)
        assert become != "wrong", f"byte {place} of {len(raw)}, on page {place // 4096 + 1}"
        seen[become] += 1
    assert min(seen["told"], seen["same"]) > 20, seen


def test_an_index_that_finds_other_rows_than_are_there_is_named(
    written: tuple[Path, list[Any]], tmp_path: Path
) -> None:
    """The rows are whole, and the chain holds; a question that goes by the index would get another answer."""
    path, truth = written
    raw, altered = path.read_bytes(), tmp_path / "register.db"
    # The subject stands in the row, and once more in the index; beyond the rows there are only indexes.
    place = raw.rindex(b"batch.heldloans/29")
    assert raw.count(b"batch.heldloans/29") > 1
    altered.write_bytes(raw[:place] + b"batch.heldloans/99" + raw[place + 18 :])
    register = Register(altered)
    assert asked(register) != truth
    assert any("index" in fault and "damaged" in fault for fault in register.faults())
    register.engine.dispose()


def test_a_table_whose_description_was_altered_is_named(written: tuple[Path, list[Any]], tmp_path: Path) -> None:
    path, _ = written
    raw, altered = path.read_bytes(), tmp_path / "register.db"
    place = raw.index(b"family_size INTEGER")
    altered.write_bytes(raw[:place] + b"family_sizf" + raw[place + 11 :])
    register = Register(altered)
    assert [fault for fault in register.faults() if "verdict has other columns" in fault]
    register.engine.dispose()
