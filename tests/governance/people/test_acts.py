"""The one door: what is refused leaves nothing behind, and what went past it is found when the record is replayed."""

from __future__ import annotations

import datetime as dt
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from governance.faults import UsageFault
from governance.people.acts import SERVICE, Before, Refused, Replay
from governance.people.personal import personal
from governance.processes import ACTS, BY_VERB, RECORDED
from governance.record import ledger
from governance.register import Register
from tests.governance.acting_people import MORNING, Door

APPOINTED = {"roles": ["engineer"], "systems": [], "teams": [], "demonstration": True}


def clean(staffed: Door) -> Door:
    staffed.act("lead", "open-account", "carl", roles=("engineer",), systems=("loans",), demonstration=True)
    return staffed


# The declarations


def test_every_act_has_a_verb_and_a_kind_of_its_own():
    assert len({act.verb for act in ACTS}) == len(ACTS)
    assert len({act.kind for act in RECORDED}) == len(RECORDED)


@pytest.mark.parametrize("act", RECORDED, ids=lambda act: act.verb)
def test_only_filing_a_concern_is_open_to_a_service(act: Any):
    assert ("service" in act.roles) == (act.verb == "report-concern")
    assert not act.kind.endswith((" ", ".")) and act.kind.count(".") == 1


# Refusing leaves nothing behind


@pytest.mark.parametrize(
    ("account", "verb", "subject", "said"),
    [
        ("nobody", "open-account", "dora", {"roles": ("engineer",)}),
        ("engineer", "open-account", "dora", {"roles": ("engineer",)}),
        ("desk", "open-account", "dora", {"roles": ("engineer",)}),
        (SERVICE, "open-account", "dora", {"roles": ("engineer",)}),
        (SERVICE, "close-account", "carl", {"reason": "why not"}),
        ("lead", "open-account", "carl", {"roles": ("engineer",)}),
        ("lead", "open-account", "dora", {"roles": ("wizard",)}),
        ("lead", "open-account", "dora", {}),
        ("lead", "open-account", "dora", {"roles": ("engineer",), "colour": "red"}),
        ("lead", "close-account", "carl", {"reason": "mail carl@example.org"}),
        ("lead", "open-account", "carl@example.org", {"roles": ("engineer",)}),
        ("lead", "grant-exception", "EX-9999", {"statement": "yes please"}),
    ],
    ids=[
        "an unknown account", "the wrong role", "a service", "the pipeline, somebody real", "the pipeline",
        "an id that is taken", "an unknown role", "nothing said", "an unknown key", "an e-mail address",
        "an e-mail address as the subject", "an exception that was never asked for",
    ],
)  # fmt: skip
def test_a_refused_act_leaves_nothing_behind(staffed: Door, account: str, verb: str, subject: str, said: Any):
    head = clean(staffed).register.head()
    with pytest.raises(UsageFault) as refused:
        staffed.act(account, verb, subject, **said)
    assert staffed.register.head() == head
    assert "\n" not in str(refused.value)
    assert "example.org" not in str(refused.value) + repr(refused.value.__cause__)
    assert staffed.faults() == []


def test_two_acts_in_one_transaction_stand_or_fall_together(staffed: Door):
    from governance.people.acts import perform

    head, opening = staffed.register.head(), BY_VERB["open-account"]
    said = {"roles": ("engineer",)}
    with pytest.raises(Refused), ledger.writing(staffed.register.engine) as connection:
        perform(connection, opening, "dora", said, account="lead", at=staffed.tick())
        perform(connection, opening, "dora", said, account="lead", at=staffed.tick())
    assert staffed.register.head() == head


# Replaying


FORGED: dict[str, tuple[str, str, dict[str, Any], str]] = {
    "by an unknown account": ("account.opened", "account/dora", APPOINTED, "ghost"),
    "by the wrong role": ("account.opened", "account/dora", APPOINTED, "engineer"),
    "by a service": ("account.opened", "account/dora", APPOINTED, "desk"),
    "by the pipeline": ("account.closed", "account/carl", {"reason": "why not"}, SERVICE),
    "by the pipeline, somebody real": ("account.opened", "account/dora", {**APPOINTED, "demonstration": False}, SERVICE),
    "by the custodian": ("account.closed", "account/carl", {"reason": "why not"}, "custodian"),
    "an id that is taken": ("account.opened", "account/carl", APPOINTED, "lead"),
    "their own account": ("account.changed", "account/lead", {**APPOINTED, "roles": ["governance_lead"]}, "lead"),
    "a token that was not theirs": ("account.opened", "account/dora", {**APPOINTED, "token": "abcdef"}, "lead"),
    "a key that is missing": ("account.opened", "account/dora", {"roles": ["engineer"], "systems": "loans"}, "lead"),
    "no key at all": ("account.closed", "account/carl", {}, "lead"),
    "a key too many": ("account.closed", "account/carl", {"reason": "left", "colour": "red"}, "lead"),
    "an exception nobody asked for": ("exception.granted", "loans/author_approver", {"request": 999, "statement": "yes"}, "lead"),
    "an exception of nothing": ("exception.granted", "loans/author_approver", {"statement": "yes please"}, "lead"),
    "an e-mail address": ("account.closed", "account/carl", {"reason": "see carl@example.org"}, "lead"),
    "a person where only the pipeline is": ("nonconformity.suspected", "loans/c/s", {"batch": "2014-01-01"}, "lead"),
    "a kind that nobody knows": ("account.blessed", "account/carl", {}, "lead"),
}  # fmt: skip


@pytest.mark.parametrize("forged", FORGED, ids=str)
def test_an_event_that_went_past_the_door_is_found(staffed: Door, forged: str):
    kind, subject, body, actor = FORGED[forged]
    clean(staffed)
    assert staffed.faults() == []
    seq = staffed.forge(kind, subject, body, actor=actor)
    assert staffed.faulty() == [seq], staffed.faults()
    staffed.act("lead", "open-account", "emil", roles=("engineer",))
    assert staffed.faulty() == [seq], "what rests on nothing forged is not named"
    assert any(f"event {seq} " in fault for fault in staffed.register.faults())


def test_a_grant_that_stands_under_another_system_is_found(staffed: Door):
    asked = staffed.act(
        "engineer", "request-exception", "houses", duty="author_approver", account="owner", until="2026-04-01",
        reason="Two people only.", instead="A second look.",
    )  # fmt: skip
    seq = staffed.forge(
        "exception.granted", "loans/author_approver", {"request": asked.seq, "statement": "yes"}, actor="lead"
    )
    assert staffed.faulty() == [seq]


def test_what_rests_on_a_forged_event_is_named_with_it(staffed: Door):
    opened = staffed.forge("account.opened", "account/mole", {**APPOINTED, "roles": ["governance_lead"]}, actor="ghost")
    rests = staffed.act("mole", "open-account", "carl", roles=("engineer",))
    assert staffed.faulty() == [opened, rests.seq]


def test_an_act_dated_after_its_token_ended_is_found(staffed: Door):
    secret = staffed.issue("lead", "lead", days=2)
    body = {**APPOINTED, "token": staffed.tokens[secret]}
    staffed.forge("account.opened", "account/dora", body, actor="lead", at=staffed.at + dt.timedelta(days=2))
    assert staffed.faulty() == []
    late = staffed.forge("account.opened", "account/emil", body, actor="lead", at=staffed.at + dt.timedelta(days=3))
    assert staffed.faulty() == [late]


def test_an_act_with_somebody_elses_token_is_found(staffed: Door):
    """Ids of tokens stand in the record; that one of them is valid does not make it anybody's."""
    secret = staffed.issue("lead", "lead2")
    body = {**APPOINTED, "token": staffed.tokens[secret]}
    staffed.forge("account.opened", "account/dora", body, actor="lead2")
    assert staffed.faulty() == []
    seq = staffed.forge("account.opened", "account/emil", body, actor="lead")
    assert staffed.faulty() == [seq]


def test_events_of_the_pipeline_are_no_acts(staffed: Door):
    staffed.forge("batch.landed", "loans/2014-01-01", {"digest": "ab"}, actor=SERVICE)
    assert staffed.faults() == []


def test_the_replay_reads_the_record_as_the_door_does(staffed: Door, open_register: Any, tmp_path: Path):
    """Any reading of `Before`, by SQL and out of memory, event by event."""
    clean(staffed)
    staffed.forge("batch.landed", "loans/2014-01-01", {"digest": "ab"}, actor=SERVICE)
    for number in range(3):
        asked = staffed.act(
            "engineer", "request-exception", "loans", duty="author_approver", account="owner",
            until=f"2026-04-0{number + 1}", reason="Two people only.", instead="A second look.",
        )  # fmt: skip
        staffed.act("lead", "grant-exception", f"EX-{asked.seq}", statement="Nobody else is there.")
    queries: list[dict[str, Any]] = [
        {"kind": None}, {"kind": "account.*"}, {"kind": "exception.*", "prefix": "loans/"}, {"kind": "batch.*"},
        {"kind": "exception.*"}, {"kind": "exception.granted", "subject": "loans/author_approver"}, {"kind": "a*"},
    ]  # fmt: skip
    with staffed.register.reading() as connection:
        replay = Replay(connection, frozenset({"exception"}))
        for event in ledger.whole_events(connection):
            replay.turn_to(event)
            before = Before(connection, event.seq, dt.datetime.fromisoformat(event.at))
            assert (replay.accounts, replay.tokens) == (before.accounts, before.tokens)
            assert replay.exemptions == before.exemptions
            for query in queries:
                expected = [e for e in before.events(**query) if e.kind != "batch.landed"]
                assert list(replay.events(**query)) == expected, query
            for kind in ("exception.granted", "account.opened"):
                assert replay.last(kind, event.subject) == before.last(kind, event.subject)
            assert replay.last("batch.landed", "loans/2014-01-01") is None
            # The batch counts as one that was against the rules: no reading finds it, whatever is read by.
            (replay.leave_out if event.kind == "batch.landed" else replay.enter)(event)


def calls_of_a_replay(door: Door, acts: int) -> int:
    """Calls that a replay makes once so many acts were done: the same count on every machine, busy or not."""
    with ledger.writing(door.register.engine) as connection:
        for number in range(acts // 2):
            at = MORNING + dt.timedelta(hours=1, seconds=number)
            name = f"account/p{number}"
            ledger.append(connection, "account.opened", name, {**APPOINTED, "token": None}, actor="lead", at=at)
            ledger.append(connection, "account.closed", name, {"reason": "left", "token": None}, actor="lead", at=at)
    calls: Counter[str] = Counter()
    before = sys.getprofile()
    sys.setprofile(lambda frame, event, argument: calls.update((event,)))
    try:
        faults = door.faults()
    finally:
        sys.setprofile(before)
    assert faults == []
    return calls["call"] + calls["c_call"]


def test_a_replay_takes_as_long_as_there_are_acts(tmp_path: Path, open_register: Any):
    """Four times the acts took sixteen times as long while every act read all those before it."""
    few, many = (calls_of_a_replay(Door(open_register(tmp_path / f"{n}.db")).staff(), n) for n in (500, 2000))
    assert many < 4.5 * few, (few, many)


# What no act may write


PERSONAL = {
    "write to jane.doe@example.org please": "e-mail",
    "call +49 151 23456789": "telephone",
    "call 030/1234567 at noon": "telephone",
    "(312) 555-0142": "telephone",
    "312-555-0142": "telephone",
    "01712345678": "telephone",
    "her number is 123-45-6789": "security",
    "4111 1111 1111 1111": "card",
    "GB82 WEST 1234 5698 7654 32": "bank",
    "a man born on 4 July 1970": "birth",
    "DOB: 1970-07-04": "birth",
}
NOBODYS = [
    "team:loans", "demo.lead", "since 2014-04-01 until 2014-07-01T12:30:00+00:00", "1,000,000 rows, 0.0125 to 0.5",
    "NC-12 and EX-1234", "12 000 000 rows", "doi:10.1214/aoms/1177729694", "0.123456789012", "v1.24.0-rc1",
    "2014Q2 to 2013Q3", "limit 0.25, n = 1200 of 3000", "9f86d081884c7d659a2feaa0c55ad015" * 2, "12345678" * 8,
    "ages 18-24, 25-44, 65-74", "A.6.2.6 and 10.2", "batch 2014-04-01/production", "stubborn 3", "1607.4(D)",
]  # fmt: skip


@pytest.mark.parametrize("text", PERSONAL, ids=str)
def test_what_looks_like_a_persons_data_is_refused_and_not_repeated(staffed: Door, text: str):
    assert PERSONAL[text] in (personal(text) or "")
    with pytest.raises(UsageFault, match="reason holds what looks like") as refused:
        staffed.act("lead", "close-account", "engineer", reason=f"As agreed, {text}")
    assert text not in str(refused.value)


@pytest.mark.parametrize("text", NOBODYS, ids=str)
def test_what_is_nobodys_is_not_refused(staffed: Door, text: str):
    assert personal(text) is None
    staffed.act("lead", "close-account", "engineer", reason=f"As agreed, {text}")


@given(st.text("0123456789", min_size=24, max_size=24), st.text("0123456789abcdef", min_size=24, max_size=24))
@example("012345678901234567890123", "0123456789ab0123456789ab")
def test_no_id_that_the_program_makes_reads_like_a_persons_data(digits: str, hexadecimal: str):
    """Verdicts, measurements, tokens, assessments, batches, digests: whatever their digits."""
    for text in (digits, hexadecimal):
        made = (
            f"v-{text}",
            f"m-{text}",
            f"t{text[:12]}",
            f"loans@{text[:16]}",
            f"loans/2013-01-01@{text[:10]}",
            (text * 3)[:64],
        )
        assert [item for item in made if personal(item)] == []


def test_a_persons_data_is_found_wherever_it_stands(staffed: Door):
    with pytest.raises(UsageFault, match="^systems holds what looks like an e-mail"):
        staffed.act("lead", "open-account", "dora", roles=("engineer",), systems=("loans", "x@example.org"))


def test_a_register_without_events_has_no_faults(register: Register):
    assert register.faults() == []
