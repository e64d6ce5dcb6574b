"""Truth: verdicts and cases written out by hand, with the state that a person would read off them."""

from __future__ import annotations

import datetime as dt
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.attainment import ATTAINED, MISSED, UNKNOWN, by_verdicts, by_waits
from governance.ledger import Event
from governance.nonconformity import CONFIRMED, CONTAINED, SUSPECTED, cases_of
from governance.objectives import ByCriterion, ByFigure
from governance.records import Outcome

DAY = dt.date(2026, 12, 31)
WORDS = {"c": "conforming", "w": "warning", "b": "breach", "i": "inconclusive", "n": "not_evaluated"}


def rows(*batches: str) -> list[dict[str, Any]]:
    """One letter a verdict, one word a batch."""
    return [
        {"batch": f"2026-{number:02}-01", "verdict": WORDS[letter]}
        for number, batch in enumerate(batches, 1)
        for letter in batch
    ]


def by(last: int, share: float = 1) -> ByCriterion:
    return ByCriterion(system="loans", criterion="income", last_batches=last, share_within_limit=share)


@pytest.mark.parametrize(
    ("batches", "last", "share", "state", "value"),
    [
        (["c", "w", "c"], 3, 1, ATTAINED, 1.0),
        (["c", "b", "c"], 3, 1, MISSED, 2 / 3),
        (["b", "c", "c"], 2, 1, ATTAINED, 1.0),
        (["c", "c", "b"], 2, 1, MISSED, 0.5),
        (["c", "i", "c"], 3, 1, UNKNOWN, None),
        (["c", "n", "c"], 3, 1, UNKNOWN, None),
        (["b", "i", "c"], 3, 1, MISSED, 1 / 3),
        (["c", "c"], 3, 1, UNKNOWN, None),
        ([], 1, 1, UNKNOWN, None),
        (["cc", "ci"], 2, 0.75, ATTAINED, 0.75),
        (["cc", "ib"], 2, 0.75, UNKNOWN, None),
        (["cb", "ib"], 2, 0.75, MISSED, 0.25),
        (["c" * 7 + "b" * 3], 1, 0.7, ATTAINED, 0.7),
        (["c" * 6 + "b" * 4], 1, 0.7, MISSED, 0.6),
        (["c" * 7 + "b" * 18], 1, 0.28, ATTAINED, 0.28),
    ],
    ids=[
        "all within", "one beyond", "what came before the last does not count", "the newest is beyond", "one inconclusive",
        "one not evaluated", "beyond whatever the unknown one is", "too few batches", "nothing", "enough, one unknown",
        "the unknown one decides", "too few even with it", "seven of ten", "six of ten", "seven of 25, though 0.28 * 25 > 7 to a computer",
    ],
)  # fmt: skip
def test_an_objective_is_attained_by_what_its_last_batches_show(
    batches: list[str], last: int, share: float, state: str, value: float | None
):
    found = by_verdicts(by(last, share), rows(*batches))
    assert found.state == state
    assert found.value == (None if value is None else pytest.approx(value))


@given(st.text("cwbin", min_size=1, max_size=5), st.sampled_from([0.25, 0.5, 0.8, 1.0]))
def test_what_is_not_known_never_decides(letters: str, share: float):
    """Truth: every way in which the unknown verdicts could turn out, tried."""
    unknown = [place for place, letter in enumerate(letters) if letter in "in"]
    outcomes = set()
    for turned in product("cb", repeat=len(unknown)):
        whole = list(letters)
        for place, letter in zip(unknown, turned, strict=True):
            whole[place] = letter
        outcomes.add(sum(letter in "cw" for letter in whole) / len(whole) >= share - 1e-12)
    expected = UNKNOWN if len(outcomes) == 2 else ATTAINED if outcomes == {True} else MISSED
    assert by_verdicts(by(1, share), rows(letters)).state == expected


def test_the_outcomes_of_this_test_are_those_that_a_verdict_can_have():
    assert set(WORDS.values()) == {str(outcome) for outcome in Outcome}


# Days


def case(seq: int, opened: str, *, confirmed: str | None = None, contained: str | None = None) -> list[Event]:
    evidence = {"severity": "major", "criterion": {"owner": "team:loans"}, "reason": "it is a breach"}
    body = {"batch": "2026-01-01", "verdict": "breach", "case": None, "previous_case": None, "evidence": evidence}
    subject = f"loans/income/s{seq}"
    events = [Event(seq, f"{opened}T12:00:00.000+00:00", "service:aims", SUSPECTED, subject, body)]
    said = {"case": seq, "reason": "It is so.", "owner": None, "severity": None, "token": None}
    if confirmed:
        events.append(Event(seq + 1, f"{confirmed}T12:00:00.000+00:00", "lead", CONFIRMED, subject, said))
    if contained:
        done = {"case": seq, "correction": "Stopped.", "consequences": "None.", "token": None}
        events.append(Event(seq + 2, f"{contained}T12:00:00.000+00:00", "lead", CONTAINED, subject, done))
    return events


@pytest.mark.parametrize(
    ("figure", "found", "target", "state", "value"),
    [
        ("days_to_triage", [("2026-12-01", "2026-12-05", None)], 4, ATTAINED, 4),
        ("days_to_triage", [("2026-12-01", "2026-12-05", None)], 3, MISSED, 4),
        ("days_to_triage", [("2026-12-28", None, None)], 4, UNKNOWN, 3),
        ("days_to_triage", [("2026-12-20", None, None)], 4, MISSED, 11),
        ("days_to_triage", [("2026-12-01", "2026-12-02", None), ("2026-12-28", None, None)], 4, ATTAINED, 3),
        ("days_to_triage", [("2025-12-01", None, None)], 4, UNKNOWN, None),
        ("days_to_contain", [("2026-12-01", "2026-12-05", "2026-12-15")], 10, ATTAINED, 10),
        ("days_to_contain", [("2026-12-01", "2026-12-05", "2026-12-15")], 9, MISSED, 10),
        ("days_to_contain", [("2026-12-01", "2026-12-05", None)], 14, MISSED, 26),
        ("days_to_contain", [("2026-12-01", "2026-12-25", None)], 14, UNKNOWN, 6),
        ("days_to_contain", [("2026-12-01", None, None)], 14, UNKNOWN, None),
        ("days_to_contain", [], 14, UNKNOWN, None),
    ],
    ids=[
        "on the last day", "a day late", "still waits, in time", "still waits, too long", "one done, one waits in time",
        "opened long ago", "contained on the last day", "contained a day late", "confirmed and left lying",
        "confirmed lately", "not confirmed, so nothing to contain", "no case",
    ],
)  # fmt: skip
def test_days_count_from_step_to_step_and_go_on_counting(
    figure: Any, found: Any, target: float, state: str, value: Any
):
    events = [
        event
        for number, (opened, confirmed, contained) in enumerate(found)
        for event in case(1 + 10 * number, opened, confirmed=confirmed, contained=contained)
    ]
    result = by_waits(ByFigure(figure=figure, target=target), cases_of(events), DAY)
    assert (result.state, result.value) == (state, value)
