"""The level `frequency` where batches come late, are corrected or held: as if they had come in order.

Each batch's newest day is chosen here, so that the days between two batches are told by hand. Only levels are
evaluated: what else a contract asks does not depend on other batches.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import pytest

from assets.landed.checking import land_and_check, settled
from assets.source.refusals import Held
from governance.declared.declarations import Declaration, load
from tests.assets.conftest import here
from tests.conftest import BATCHES, Made, contract_yaml, made_rows, write_csv

MARCH, APRIL, MAY = BATCHES[2:]
FREQUENCY = {"property": "frequency", "value": 40, "unit": "d", "element": "loans.day"}
LATENCY = {"property": "latency", "value": 900, "unit": "d"}
RULE = "service level: frequency"
NEWEST = {MARCH: "2024-03-25", APRIL: "2024-04-20", MAY: "2024-05-10"}


@pytest.fixture(autouse=True)
def only_levels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("checks.expectations.check_contract", lambda *_, **__: ())


@pytest.fixture
def asking(made: Made) -> Made:
    declare(made, FREQUENCY)
    return made


def declare(made: Made, *levels: dict[str, Any]) -> None:
    contract = contract_yaml()
    contract["schema"].append({"name": "rooms", "properties": [{"name": "seen", "logicalType": "date"}]})
    contract["slaProperties"] = list(levels)
    made.declare(contract=contract)


def send(made: Made, batch: str, newest: str | None = None) -> None:
    """The batch's file: one row on its newest day, and one before."""
    days = (batch, newest or NEWEST[batch])
    rows = [{**row, "day": day} for row, day in zip(made_rows(batch, rows=2), days, strict=True)]
    write_csv(made.incoming / f"{batch}.csv", rows)


def land(made: Made, *batches: str) -> None:
    for batch in batches:
        if not (made.incoming / f"{batch}.csv").exists():
            send(made, batch)
        land_and_check(load(made.folder), batch, "production", here())


def checks_of(batch: str) -> list[dict[str, Any]]:
    return [event.body for event in here().register.history(f"loans/{batch}/production", ("batch.checked",))]


def frequency(batch: str) -> tuple[str, str]:
    """Outcome and reason of the level, as it was told last."""
    said = checks_of(batch)[-1]
    found = {
        item["rule"]: (key, item["reason"]) for key in ("met_rules", "unmet", "not_evaluated") for item in said[key]
    }
    return found[RULE]


def told(days: int) -> tuple[str, str]:
    limit = "must be at most 40 d"
    words = f"{days} d lie between the newest day of the batch before and of this one, {limit}"
    return "met_rules" if days <= 40 else "unmet", words


ALONE = ("not_evaluated", "frequency: there is no batch before this one")
IN_ORDER = {MARCH: ALONE, APRIL: told(26), MAY: told(20)}  # 25 March to 20 April, 20 April to 10 May


@pytest.mark.parametrize("order", list(itertools.permutations(IN_ORDER)))
def test_in_whatever_order_batches_come_the_level_says_what_it_says_in_order(
    order: Sequence[str], asking: Made
) -> None:
    land(asking, *order)
    assert {batch: frequency(batch) for batch in IN_ORDER} == IN_ORDER
    events = len(here().register.events())
    land(asking, *order)
    assert len(here().register.events()) == events, "what has its answer is not asked again"


def test_a_batch_that_comes_late_changes_the_answer_of_the_next_one_at_once(asking: Made) -> None:
    land(asking, MARCH, MAY)
    assert frequency(MAY) == told(46)  # 25 March to 10 May
    land(asking, APRIL)
    assert frequency(MAY) == told(20)
    assert [len(checks_of(batch)) for batch in (MARCH, APRIL, MAY)] == [1, 1, 2]
    before = [set(said["inputs"]["before"]) for said in checks_of(MAY)]
    assert before == [{MARCH}, {APRIL}]


def test_a_corrected_batch_changes_the_answer_of_the_next_one_and_of_no_other(asking: Made) -> None:
    land(asking, MARCH, APRIL, MAY)
    send(asking, MARCH, "2024-03-10")
    land(asking, MARCH)
    assert frequency(APRIL) == told(41)  # 10 March to 20 April
    assert [len(checks_of(batch)) for batch in (MARCH, APRIL, MAY)] == [2, 2, 1]


def test_a_batch_that_is_held_and_one_that_is_let_go_change_the_answer(
    asking: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows of April that stand in March, too, are held: the batch before May is then March."""
    land(asking, MARCH, MAY)
    rows = made_rows(MARCH, rows=2)
    write_csv(asking.incoming / f"{APRIL}.csv", [{**rows[0], "day": NEWEST[APRIL]}])
    with pytest.raises(Held):
        land(asking, APRIL)
    assert frequency(MAY) == told(46)
    assert len(checks_of(MAY)) == 1
    send(asking, APRIL)
    land(asking, APRIL)
    assert frequency(MAY) == told(20)


def test_a_late_batch_for_which_another_one_is_held_gives_the_third_another_batch_before(asking: Made) -> None:
    """April holds a row that March, which comes last, turns out to own: April is held, and before May is March."""
    land(asking, APRIL, MAY)
    assert frequency(MAY) == told(20)
    rows = made_rows(MARCH, rows=1) + made_rows(APRIL, rows=1)
    write_csv(asking.incoming / f"{MARCH}.csv", [{**row, "day": NEWEST[MARCH]} for row in rows])
    land(asking, MARCH)
    assert here().register.last("batch.held", f"loans/{APRIL}/production") is not None
    assert frequency(MAY) == told(46)


@pytest.mark.parametrize(
    "levels",
    [(), (LATENCY,), ({"property": "availability", "value": "99 %"},), ({**FREQUENCY, "element": "rooms.seen"},)],
    ids=["no level", "a level of one batch", "a level that no batch shows", "a frequency of a lookup"],
)
def test_where_no_frequency_is_asked_for_nothing_is_asked_again(levels: Any, made: Made) -> None:
    declare(made, *levels)
    land(made, MAY, MARCH, APRIL)
    send(made, MARCH, "2024-03-10")
    land(made, MARCH)
    assert [len(checks_of(batch)) for batch in (MARCH, APRIL, MAY)] == [2, 1, 1]
    assert all("before" not in said["inputs"] for batch in NEWEST for said in checks_of(batch))


def test_what_else_has_changed_is_left_to_the_batchs_own_run(asking: Made) -> None:
    """Under another contract a batch may be held, which only its own landing does."""
    land(asking, MARCH, MAY)
    declare(asking, FREQUENCY, LATENCY)
    land(asking, APRIL)
    assert len(checks_of(MAY)) == 1
    assert is_settled(load(asking.folder), MAY) is False
    land(asking, MAY)
    assert frequency(MAY) == told(20)
    assert is_settled(load(asking.folder), MAY) is True


def test_an_altered_next_batch_keeps_no_batch_from_landing(asking: Made) -> None:
    land(asking, MARCH, MAY)
    digest = checks_of(MAY)[0]["inputs"]["digest"]
    file = here().home.lake / f"{digest}.parquet"
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    land(asking, APRIL)
    assert len(checks_of(MAY)) == 1
    (noted,) = here().register.events("file.altered")
    assert noted.subject.endswith(f"{digest}.parquet")
    land(asking, MAY)
    assert frequency(MAY) == told(20)


def is_settled(declaration: Declaration, batch: str) -> bool:
    (digest,) = {said["inputs"]["digest"] for said in checks_of(batch)}
    return settled(declaration, f"loans/{batch}/production", digest, here()) is not None
