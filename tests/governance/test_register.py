"""Truth: rows altered with raw SQL beside a twin that was not, and the rules of 10.2 written out once more, plainly."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.records import Outcome
from governance.register import MEASUREMENT_KEYS, PART_KEYS, VERDICT_KEYS, Register, results_digest
from tests.governance.conftest import NOON, look

BREACH, WARNING, CONFORMING = Outcome.BREACH, Outcome.WARNING, Outcome.CONFORMING
UNKNOWN, BROKEN = Outcome.INCONCLUSIVE, Outcome.NOT_EVALUATED
KEY = "stable/all"
Q3, Q4, Q1 = "2013-07-01", "2013-10-01", "2014-01-01"

Open = Callable[[Path], Register]


def keep(register: Register, outcome: Outcome, batch: str = Q3, data: str = "first", **changed: Any) -> bool:
    return register.keep(look({KEY: outcome}, batch=batch, data=data, **changed), at=NOON)


def kinds(register: Register) -> list[str]:
    return [event.kind for event in register.events("nonconformity.*")]


# Keeping


def test_the_same_look_is_kept_once(register: Register):
    assert keep(register, BREACH)
    before = (register.head(), register.measurements(superseded=True), register.verdicts(superseded=True))
    assert not keep(register, BREACH)
    # Neither a later run nor another moment makes it another look.
    assert not keep(register, CONFORMING, run="run-2", as_known_on="2021-01-01")
    assert (register.head(), register.measurements(superseded=True), register.verdicts(superseded=True)) == before


def test_a_new_look_supersedes_the_old_one_which_stays(register: Register):
    keep(register, WARNING, data="first", value=0.2)
    keep(register, CONFORMING, data="second", value=0.05)
    assert [(row["verdict"], row["value"]) for row in register.verdicts()] == [("conforming", 0.05)]
    assert [row["verdict"] for row in register.verdicts(superseded=True)] == ["warning", "conforming"]
    assert [row["value"] for row in register.measurements()] == [0.05, 0.125]
    assert [row["value"] for row in register.measurements(superseded=True)] == [0.2, 0.125, 0.05, 0.125]


def test_a_change_that_is_taken_back_is_a_look_of_its_own(register: Register):
    for data, value in (("first", 0.1), ("second", 0.2), ("first", 0.1), ("second", 0.2), ("first", 0.1)):
        assert keep(register, WARNING, data=data, value=value)
    assert [row["value"] for row in register.verdicts()] == [0.1]
    rows = register.verdicts(superseded=True)
    assert [row["value"] for row in rows] == [0.1, 0.2, 0.1, 0.2, 0.1]
    assert len({row["id"] for row in rows}) == 5
    assert register.faults() == []


def test_rows_are_named_after_what_went_in_and_not_after_when_they_came(tmp_path: Path, open_register: Open):
    one, other = open_register(tmp_path / "one.db"), open_register(tmp_path / "other.db")
    other.record("note.made", "elsewhere", {}, at=NOON)
    for register in (one, other):
        keep(register, BREACH)
    assert one.verdicts() == other.verdicts()
    assert one.measurements() == other.measurements()


def test_the_newest_look_of_every_batch_is_current(register: Register):
    for batch, data in ((Q3, "first"), (Q4, "first"), (Q3, "second")):
        keep(register, CONFORMING, batch, data)
    register.keep(look({KEY: CONFORMING}, system="rents"), at=NOON)
    assert [row["batch"] for row in register.verdicts(system="loans")] == [Q4, Q3]
    assert [row["batch"] for row in register.verdicts(system="loans", batch=Q3, superseded=True)] == [Q3, Q3]
    assert {batch: event.seq for batch, event in register.judged_batches("loans").items()} == {Q3: 3, Q4: 2}


def test_rows_have_exactly_the_keys_of_the_listing(register: Register):
    keep(register, BREACH)
    assert tuple(register.measurements()[0]) == MEASUREMENT_KEYS
    assert tuple(register.verdicts()[0]) == VERDICT_KEYS
    assert tuple(register.parts()[0]) == PART_KEYS


def test_records_come_back_as_they_went_in(register: Register):
    judgement = look({KEY: BREACH, "alike/region: north − south": UNKNOWN, "alive/all": BROKEN})
    register.keep(look({KEY: WARNING}, data="earlier"), at=NOON)
    register.keep(judgement, at=NOON)
    assert register.records("loans", Q3) == (judgement.measurements, judgement.verdicts)
    assert register.records("loans", Q4) == ((), ())
    assert register.part_records("loans", Q3) == judgement.parts
    assert {part.measurement for part in judgement.parts} < set(judgement.measurements)
    assert register.part_records("loans", Q4) == ()


def test_the_ledger_names_what_was_judged_and_how_much_of_it(register: Register):
    keep(register, CONFORMING)
    (event,) = register.events("batch.judged")
    assert (event.subject, event.actor) == (f"loans/{Q3}", "service:aims")
    assert event.body["inputs"] == {"data": "first", "outcomes": None}
    assert (event.body["measurements"], event.body["parts"], event.body["verdicts"]) == (2, 2, 1)


def test_without_an_approved_assessment_there_are_observations_and_no_suspicion(register: Register):
    register.keep(look(), at=NOON)
    assert len(register.measurements()) == 1
    assert (register.verdicts(), register.nonconformities()) == ([], [])
    assert register.faults() == []


# Altered results


def columns(table: str) -> list[str]:
    if table == "part":
        texts = ["id", "system", "batch", "measurement", "kind", "by", "about", "note"]
        return [*texts, "value", "share", "before", "after", "n"]
    numbers = ["value", "low", "high", "noise_floor", "n"]
    texts = ["id", "system", "batch", "segment", "reason"]
    if table == "verdict":
        more = ["criterion", "verdict", "direction", "severity", "assessment", "measurement", "warn", "limit"]
        more += ["family_alpha", "family_size"]
    else:
        more = [
            "metric",
            "column",
            "unit",
            "method",
            "reference",
            "against",
            "as_known_on",
            "alpha",
            "detectable",
            "broken",
        ]
    return [*texts, *numbers, *more]


NUMBERS = {"value", "low", "high", "noise_floor", "n", "alpha", "detectable", "broken", "warn", "limit"}
NUMBERS |= {"share", "before", "after"}
CASES = [(table, column) for table in ("measurement", "verdict", "part") for column in columns(table)]


@pytest.mark.parametrize(("table", "column"), CASES, ids=lambda part: part)
def test_any_altered_column_of_any_row_is_found(
    register: Register, tamper: Callable[..., None], table: str, column: str
):
    keep(register, BREACH)
    keep(register, CONFORMING, Q4)
    new = f'coalesce("{column}", 0) + 1' if column in NUMBERS else f"""coalesce("{column}", '') || 'x'"""
    tamper(f'UPDATE {table} SET "{column}" = {new} WHERE seq = 1 AND rowid = (SELECT min(rowid) FROM {table})')
    assert register.faults() == [f"event 1 (loans/{Q3}): its stored measurements, parts or verdicts were altered."]


def test_the_listed_columns_are_all_there_are(register: Register, database: Path):
    with closing(sqlite3.connect(database)) as connection:
        for table in ("measurement", "verdict", "part"):
            there = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            assert sorted(there) == sorted([*columns(table), "seq", "place"])


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        pytest.param("DELETE FROM verdict WHERE seq = 3", [3], id="a verdict removed"),
        pytest.param("DELETE FROM measurement WHERE seq = 3 AND metric = 'null_share'", [3], id="a measure removed"),
        pytest.param("DELETE FROM part WHERE seq = 3", [3], id="parts removed"),
        pytest.param("UPDATE part SET value = value / 2 WHERE seq = 3", [3], id="parts made smaller"),
        pytest.param("UPDATE verdict SET seq = 3", [1, 3], id="a verdict moved to another batch"),
        pytest.param(
            "INSERT INTO measurement SELECT 'm-new', seq, system, batch, metric, \"column\", segment, unit, method, "
            "reference, against, reason, value, low, high, alpha, noise_floor, detectable, n, broken, as_known_on, 9 "
            "FROM measurement WHERE seq = 3 LIMIT 1",
            [3],
            id="a measure added",
        ),
        pytest.param("UPDATE measurement SET value = x'00ff' WHERE seq = 3", [3], id="bytes for a number"),
        pytest.param("UPDATE verdict SET value = NULL WHERE seq = 3", [3], id="a value made unknown"),
    ],
)
def test_rows_removed_moved_or_added_are_found(
    register: Register, tamper: Callable[..., None], statement: str, found: list[int]
):
    keep(register, BREACH)  # events 1 and, the suspicion, 2
    keep(register, CONFORMING, Q4)  # event 3
    assert register.faults() == []
    tamper(statement)
    batches = {1: Q3, 3: Q4}
    assert register.faults() == [
        f"event {seq} (loans/{batches[seq]}): its stored measurements, parts or verdicts were altered." for seq in found
    ]


def test_rows_that_no_judgement_vouches_for_are_found(register: Register, tamper: Callable[..., None]):
    keep(register, BREACH)
    tamper("UPDATE verdict SET seq = 2", "UPDATE measurement SET seq = 77 WHERE metric = 'null_share'")
    tamper("UPDATE part SET seq = 78")
    assert register.faults() == [
        f"event 1 (loans/{Q3}): its stored measurements, parts or verdicts were altered.",
        "measurement rows refer to event 77, which judged nothing.",
        "part rows refer to event 78, which judged nothing.",
        "verdict rows refer to event 2, which judged nothing.",
    ]


@pytest.mark.parametrize("body", ["not json", "[]", "{}", '{"results":"0"}'], ids=str)
def test_an_event_that_no_longer_vouches_is_a_finding_and_no_crash(
    register: Register, tamper: Callable[..., None], body: str
):
    keep(register, CONFORMING)
    tamper(f"UPDATE event SET body = '{body}' WHERE seq = 1")
    assert register.faults() == [
        f"event 1 (batch.judged, loans/{Q3}) was altered: its content does not match its leaf.",
        f"event 1 (loans/{Q3}): its stored measurements, parts or verdicts were altered.",
    ]


@pytest.mark.parametrize("value", [0.1 + 0.2, 5e-324, 1e300, -0.0, 0, 1], ids=repr)
def test_a_clean_register_has_no_fault_whatever_the_number(register: Register, value: float):
    for outcome, batch in ((BREACH, Q3), (UNKNOWN, Q4), (BROKEN, Q1)):
        keep(register, outcome, batch, value=value)
    keep(register, CONFORMING, Q3, "second", value=value)
    assert register.faults() == []


ROWS = [
    {"id": "m-1", "seq": 1, "metric": "psi", "value": 0.25, "n": 120, "reason": None, "broken": False},
    {"id": "m-2", "seq": 1, "metric": "ks", "value": None, "n": 0, "reason": "no rows", "broken": True},
]
VERDICTS = [{"id": "v-1", "seq": 1, "measurement": "m-1", "verdict": "breach", "limit": 0.2}]


@given(st.permutations(ROWS), st.integers(1, 99))
@settings(deadline=None)
def test_the_digest_of_results_does_not_depend_on_order_or_place(rows: list[dict[str, Any]], seq: int):
    moved = [{**row, "seq": seq} for row in rows]
    assert results_digest(moved, VERDICTS) == results_digest(ROWS, VERDICTS)


@given(st.sampled_from([(i, key) for i, row in enumerate(ROWS) for key in row if key != "seq"]), st.data())
@settings(deadline=None)
def test_the_digest_of_results_depends_on_every_field(place: tuple[int, str], data: st.DataObject):
    index, key = place
    old = ROWS[index][key]
    new = data.draw(st.none() | st.booleans() | st.integers(0, 999) | st.floats(0, 1) | st.text(max_size=4))
    same = new == old and type(new) is type(old)
    changed = [{**row, key: new} if i == index and key != "id" else row for i, row in enumerate(ROWS)]
    if key == "id":
        changed[index] = {**ROWS[index], "id": f"m-{new}x"}
        same = False
    # A number and its text are one in the canonical form; JSON's 1 and true are not.
    same = same or (isinstance(new, str) and new == repr(old))
    assert (results_digest(changed, VERDICTS) == results_digest(ROWS, VERDICTS)) is same


def test_the_digest_of_results_covers_verdicts_and_their_number():
    base = results_digest(ROWS, VERDICTS)
    assert results_digest(ROWS, []) != base
    assert results_digest(ROWS[:1], VERDICTS) != base
    assert results_digest(ROWS, [{**VERDICTS[0], "verdict": "conforming"}]) != base


# Suspicions


def test_a_breach_opens_one_suspicion_with_its_evidence(register: Register):
    keep(register, BREACH)
    (case,) = register.nonconformities()
    (verdict,) = register.verdicts()
    assert (case.system, case.criterion, case.segment) == ("loans", "stable", "all")
    assert (case.state, case.severity, case.owner, case.batches) == ("suspected", "major", "team:loans", (Q3,))
    assert case.evidence["value"] == "0.3"
    assert (case.evidence["n"], case.evidence["limit"]) == (120, "0.25")
    assert case.evidence["measurement"] == verdict["measurement"]
    assert case.evidence["inputs"] == {"data": "first", "outcomes": None}
    assert case.evidence["assessment"] == {"sha256": "ab" * 32, "version": 1}
    assert case.evidence["criterion"] == {"owner": "team:loans", "version": 1}
    assert case.id == f"NC-{case.opened_seq}"
    parts = case.as_row()["evidence"]["parts"]
    assert [(part["about"], part["value"], part["share"]) for part in parts] == [
        ("over 10 to 20", 0.25, 0.75),
        ("(rest)", 0.05, None),
    ]


def test_a_row_of_the_listing_has_the_agreed_keys(register: Register):
    keep(register, BREACH)
    assert set(register.nonconformities()[0].as_row()) == {
        *("id", "system", "criterion", "segment", "state", "severity"),
        *("opened_at", "batches", "evidence", "owner", "due", "source", "round"),
    }


def test_a_later_breach_of_the_same_kind_joins_the_open_case_and_keeps_its_evidence(register: Register):
    keep(register, BREACH, Q3, value=0.3)
    keep(register, BREACH, Q4, value=0.9)
    (case,) = register.nonconformities()
    assert case.batches == (Q3, Q4)
    assert case.evidence["value"] == "0.3"
    assert kinds(register) == ["nonconformity.suspected", "nonconformity.attached"]


@pytest.mark.parametrize(
    ("system", "key"),
    [
        pytest.param("loans", "stable/region=north", id="another segment"),
        pytest.param("loans", "alike/all", id="another criterion"),
        pytest.param("rents", KEY, id="another system"),
    ],
)
def test_a_breach_of_another_kind_is_another_case(register: Register, system: str, key: str):
    keep(register, BREACH)
    register.keep(look({key: BREACH}, system=system, data="second"), at=NOON)
    assert [case.batches for case in register.nonconformities()] == [(Q3,), (Q3,)]
    assert len(register.nonconformities("rents")) == (system == "rents")


def test_a_segment_may_hold_a_slash(register: Register):
    judgement = look({KEY: BREACH})
    verdicts = (replace(judgement.verdicts[0], segment="race=A/B"),)
    register.keep(replace(judgement, verdicts=verdicts), at=NOON)
    assert [(case.criterion, case.segment) for case in register.nonconformities()] == [("stable", "race=A/B")]


@pytest.mark.parametrize("outcome", [WARNING, CONFORMING, UNKNOWN, BROKEN], ids=str)
def test_only_a_breach_opens_a_suspicion(register: Register, outcome: Outcome):
    keep(register, outcome)
    assert register.nonconformities() == []
    assert [row["verdict"] for row in register.verdicts()] == [str(outcome)]


@pytest.mark.parametrize("outcome", [WARNING, CONFORMING, UNKNOWN], ids=str)
def test_a_restated_value_is_attached_once_and_closes_nothing(register: Register, outcome: Outcome):
    keep(register, BREACH)
    keep(register, outcome, data="second")
    keep(register, outcome, data="third")
    (case,) = register.nonconformities()
    assert (case.state, case.batches, case.restated) == ("suspected", (Q3,), (Q3,))
    assert case.as_row()["evidence"]["restated"] == [Q3]
    assert kinds(register) == ["nonconformity.suspected", "nonconformity.restated"]


def test_a_broken_tool_restates_nothing(register: Register):
    keep(register, BREACH)
    keep(register, BROKEN, data="second")
    assert kinds(register) == ["nonconformity.suspected"]


def test_another_batch_without_a_breach_says_nothing_about_the_case(register: Register):
    keep(register, BREACH)
    keep(register, CONFORMING, Q4)
    assert kinds(register) == ["nonconformity.suspected"]


def test_a_breach_that_comes_back_takes_the_restatement_away(register: Register):
    for outcome, data in ((BREACH, "first"), (CONFORMING, "second"), (BREACH, "third")):
        keep(register, outcome, data=data)
    (case,) = register.nonconformities()
    assert (case.batches, case.restated) == ((Q3,), ())


def test_an_event_of_a_later_version_is_not_passed_over(register: Register):
    keep(register, BREACH)
    body = {"case": register.nonconformities()[0].opened_seq, "batch": Q3}
    register.record("nonconformity.dissolved", f"loans/{KEY}", body, at=NOON)
    with pytest.raises(ValueError, match=r"Unknown event 'nonconformity.dissolved' at 3"):
        register.nonconformities()


class Expected:
    """The register's rules in plain words: no state but what a reader of 10.2 would note on paper."""

    def __init__(self) -> None:
        self.cases: dict[tuple[str, str], tuple[list[str], set[str]]] = {}

    def see(self, system: str, key: str, batch: str, outcome: Outcome) -> None:
        if outcome is BREACH:
            batches, restated = self.cases.setdefault((system, key), ([], set()))
            if batch not in batches:
                batches.append(batch)
            restated.discard(batch)
        elif outcome is not BROKEN and (system, key) in self.cases:
            batches, restated = self.cases[system, key]
            restated |= {batch} & set(batches)


looks = st.tuples(
    st.sampled_from(["loans", "rents"]),
    st.sampled_from([Q3, Q4]),
    st.dictionaries(st.sampled_from([KEY, "stable/north", "alike/all"]), st.sampled_from(Outcome), min_size=1),
)


@given(st.lists(looks, max_size=10))
@settings(deadline=None, max_examples=25)
def test_any_verdicts_leave_one_open_case_per_kind_that_any_reader_finds_again(
    tmp_path_factory: pytest.TempPathFactory, seen: list[Any]
):
    path = tmp_path_factory.mktemp("register") / "register.db"
    register, expected = Register(path), Expected()
    for number, (system, batch, verdicts) in enumerate(seen):
        register.keep(look(verdicts, system=system, batch=batch, data=str(number)), at=NOON)
        for key, outcome in verdicts.items():
            expected.see(system, key, batch, outcome)
    cases = register.nonconformities()
    found = {(c.system, f"{c.criterion}/{c.segment}"): (list(c.batches), set(c.restated)) for c in cases}
    assert found == expected.cases
    assert len(cases) == len(found)
    assert {case.state for case in cases} <= {"suspected"}
    assert register.faults() == []
    register.engine.dispose()
    again = Register(path)
    assert again.nonconformities() == cases
    again.engine.dispose()
