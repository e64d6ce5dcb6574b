"""Ages and gaps worked out by hand beside each case."""

import datetime as dt
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from checks.contract import read_contract
from checks.expectations import RuleOutcome, RuleResult, not_declared
from checks.rules import ContractFault
from checks.service_levels import NOT_SEEN, Arrival, Newest, columns_of, evaluate, levels_of, newest_in

MET, UNMET, NOT_EVALUATED = RuleOutcome.MET, RuleOutcome.UNMET, RuleOutcome.NOT_EVALUATED
NOON = dt.datetime(2024, 3, 1, 12)


def contract(*levels: dict[str, Any], **more: Any) -> Any:
    columns = [{"name": "seen", "logicalType": "timestamp"}, {"name": "day", "logicalType": "date"}]
    tables = [{"name": "visits", "properties": columns}, {"name": "rooms", "properties": columns}]
    head = {"apiVersion": "v3.1.0", "kind": "DataContract", "id": "visits", "version": "1"}
    return read_contract(yaml.safe_dump({**head, "schema": tables, "slaProperties": list(levels), **more}))


def result_of(
    level: dict[str, Any], newest: Newest, landed_at: dt.datetime, before: Newest | None = None
) -> RuleResult:
    levels = levels_of(contract(level), "seen")
    (column,) = columns_of(levels)
    (result,) = evaluate(levels, Arrival(landed_at, {column: newest}, {column: before} if before else None))
    return result


AGES = {
    # value and unit, newest, landed, outcome: each exactly at the limit, then a second beyond it
    "four days": ((4, "d"), NOON, NOON + dt.timedelta(days=4)),
    "half a day": ((0.5, "day"), NOON, NOON + dt.timedelta(hours=12)),
    "two hours": ((2, "h"), NOON, NOON + dt.timedelta(hours=2)),
    "ninety minutes": ((90, "m"), NOON, NOON + dt.timedelta(minutes=90)),
    "a week": ((1, "weeks"), NOON, NOON + dt.timedelta(days=7)),
    "a month, of the calendar": ((1, "months"), dt.datetime(2024, 1, 31), dt.datetime(2024, 2, 29)),
    "a year, of the calendar": ((1, "yr"), dt.datetime(2024, 2, 29), dt.datetime(2025, 2, 28)),
    "a quarter over New Year": ((1, "q"), dt.datetime(2023, 11, 15), dt.datetime(2024, 2, 15)),
    "a number as text": (("4", "d"), NOON, NOON + dt.timedelta(days=4)),
}


@pytest.mark.parametrize("case", AGES.values(), ids=AGES.keys())
@pytest.mark.parametrize("name", ["latency", "ly", "Freshness"])
def test_a_batch_is_as_old_as_its_newest_value_when_it_lands(name: str, case: Any) -> None:
    (value, unit), newest, landed = case
    level = {"property": name, "value": value, "unit": unit, "element": "visits.seen"}
    assert result_of(level, Newest(newest), landed).outcome is MET
    late = result_of(level, Newest(newest), landed + dt.timedelta(seconds=1))
    assert (late.outcome, late.blocking, late.dimension) == (UNMET, False, "timeliness")


def test_the_age_is_told_and_no_value() -> None:
    late = result_of({"property": "latency", "value": 4, "unit": "d"}, Newest(NOON), NOON + dt.timedelta(days=9))
    assert late.reason == "the newest seen was 9 d old when it landed, must be at most 4 d"


def test_frequency_is_the_time_since_the_batch_before() -> None:
    level = {"property": "frequency", "value": 1, "unit": "mo", "element": "seen"}
    here, before = dt.datetime(2024, 2, 28), dt.datetime(2024, 1, 28)
    assert result_of(level, Newest(here), NOON, Newest(before)).outcome is MET
    assert result_of(level, Newest(here + dt.timedelta(seconds=1)), NOON, Newest(before)).outcome is UNMET
    alone = result_of(level, Newest(here), NOON)
    assert (alone.outcome, alone.tool_failed) == (NOT_EVALUATED, False)
    assert alone.reason == "frequency: there is no batch before this one"


@pytest.mark.parametrize("name", [*NOT_SEEN, "uptimeOfTheMoon"])
def test_what_cannot_be_seen_in_a_batch_is_never_met(name: str) -> None:
    levels = levels_of(contract({"property": name, "value": "2032-05-12T09:30:10-08:00"}))
    (result,) = evaluate(levels, Arrival(NOON, {}, None))
    assert (result.outcome, result.tool_failed) == (NOT_EVALUATED, False)
    assert result.reason.startswith(f"{name}: ")


def test_a_level_that_no_batch_shows_says_what_to_write_instead() -> None:
    """Who agreed the contract reads this and mends it: by the name of the element, and with what is there to choose."""
    said = {
        "a slip": {"property": "frequenzy", "value": 1},
        "of a lookup": {"property": "latency", "value": 1, "element": "rooms.seen"},
        "of nothing": {"property": "latency", "value": 1},
    }
    found = {name: levels_of(contract(level))[0].why_not for name, level in said.items()}
    assert found == {
        "a slip": "it is none of the standard's properties; a batch shows latency, freshness and frequency",
        "of a lookup": "rooms.seen is in a lookup, which comes with no batch: name a column of visits",
        "of nothing": "it names no element, and no column has the role time: name the column that it is about as "
        "`element`",
    }


def test_each_element_is_a_level_and_one_without_is_about_the_time() -> None:
    both = contract({"property": "latency", "value": 1, "element": "visits.seen, day, rooms.seen"})
    found = [(level.rule, level.column, level.why_not is None) for level in levels_of(both)]
    assert found == [
        ("service level: latency, visits.seen", "seen", True),
        ("service level: latency, day", "day", True),
        ("service level: latency, rooms.seen", None, False),
    ]
    none = contract({"property": "latency", "value": 1}, {"property": "latency", "value": 2})
    assert [(level.rule, level.column) for level in levels_of(none, "day")] == [
        ("service level: latency", "day"),
        ("service level: latency (2)", "day"),
    ]
    assert levels_of(none)[0].why_not is not None
    deprecated = contract({"property": "latency", "value": 1}, slaDefaultElement="visits.seen")
    assert levels_of(deprecated, "day")[0].column == "seen"


WRONG = {
    "no number": ({"property": "latency", "value": "soon"}, "must be a number above 0, got 'soon'"),
    "nothing": ({"property": "frequency", "value": 0}, "must be a number above 0"),
    "an unknown unit": ({"property": "latency", "value": 1, "unit": "furlongs"}, "unit must be one of"),
    "half a month": ({"property": "latency", "value": 0.5, "unit": "mo"}, "whole number of mo"),
    "an unknown column": (
        {"property": "latency", "value": 1, "element": "visits.age"},
        "element must be a column of visits, got 'visits.age'",
    ),
    "an unknown table": (
        {"property": "latency", "value": 1, "element": "houses.seen"},
        "element must be in a table of the contract (visits, rooms), got 'houses.seen'",
    ),
}


@pytest.mark.parametrize(("level", "message"), WRONG.values(), ids=WRONG.keys())
def test_a_level_that_could_not_be_evaluated_is_refused(level: dict[str, Any], message: str) -> None:
    with pytest.raises(ContractFault, match=".") as caught:
        levels_of(contract(level))
    assert message in str(caught.value)


def test_the_newest_value_is_read_in_utc_and_a_day_lasts_until_its_midnight(tmp_path: Path) -> None:
    path = tmp_path / "visits.parquet"
    zoned = pa.array([NOON, None], pa.timestamp("us", "Asia/Tokyo"))  # Arrow takes them as UTC
    columns = {"seen": zoned, "day": [NOON.date(), None], "Seen": [NOON, NOON], "word": ["a", "b"]}
    pq.write_table(pa.table(columns | {"none": pa.array([None, None], pa.date32())}), path)
    found = newest_in(path, ("seen", "day", "Seen", "word", "none", "absent"))
    assert (found["seen"].moment, found["Seen"].moment) == (NOON, NOON)
    assert found["day"].moment == dt.datetime(2024, 3, 2)
    assert found["word"].why == "word is string, and neither a date nor a timestamp"
    assert found["none"].why == "none has no value, so there was nothing to look at"
    assert found["absent"].why == "absent is not in the file"
    assert not any(newest.tool_failed for newest in found.values())


def test_a_column_that_cannot_be_read_is_a_failure_of_the_tool(tmp_path: Path) -> None:
    path = tmp_path / "torn.parquet"
    table = pa.table({"seen": [NOON] * 9, "day": [NOON.date()] * 9})
    pq.write_table(table, path, compression="none", use_dictionary=False, write_statistics=False)
    start = pq.read_metadata(path).row_group(0).column(0).data_page_offset
    data = bytearray(path.read_bytes())
    data[start : start + 16] = b"\xff" * 16
    path.write_bytes(data)
    found = newest_in(path, ("seen", "day"))
    assert found["seen"].tool_failed
    assert re.fullmatch(
        r"the check itself failed \(seen cannot be read: \w+\), so nothing is known", found["seen"].why or ""
    )
    assert found["day"].moment == dt.datetime(2024, 3, 2)
    result = result_of({"property": "latency", "value": 1}, found["seen"], NOON)
    assert (result.outcome, result.tool_failed) == (NOT_EVALUATED, True)


def test_dimensions_that_nothing_asks_about_are_told() -> None:
    """The columns have types (conformity) and nothing else; a latency asks for timeliness, an availability does not."""
    without, seen = contract(), contract({"property": "latency", "value": 1})
    unseen = contract({"property": "availability", "value": "99 %"})
    others = ("accuracy", "completeness", "consistency", "coverage")
    assert not_declared(without) == (*others, "timeliness", "uniqueness")
    assert not_declared(seen, levels_of(seen, "seen")) == (*others, "uniqueness")
    assert not_declared(unseen, levels_of(unseen, "seen")) == (*others, "timeliness", "uniqueness")
