"""Who may do what: each rule with an account that meets it and a twin that does not."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.faults import UsageFault
from governance.people.accounts import CUSTODIAN, Appointment, Token, accounts_of, new_secret, recognised, tokens_of
from governance.people.acts import Refused, authenticate, perform
from governance.people.appointing import ISSUE
from governance.processes import BY_VERB
from governance.record import ledger
from tests.governance.acting_people import Door


def first(door: Door, name: str = "ann", **said: object) -> None:
    with ledger.writing(door.register.engine) as connection:
        body = {"roles": ("governance_lead",), **said}
        perform(connection, BY_VERB["open-account"], name, body, account=CUSTODIAN, at=door.tick())


def real(door: Door) -> dict[str, str]:
    """A real lead and two others, each with the text of a token."""
    first(door)
    secrets = {"ann": door.issue(CUSTODIAN, "ann")}
    for name, role in (("bob", "governance_lead"), ("eve", "engineer")):
        door.act_with_token(
            secrets["ann"], "open-account", name, roles=(role,), systems=("loans",) if name == "eve" else ()
        )
        secrets[name] = door.issue("ann", name, token=door.tokens[secrets["ann"]])
    return secrets


def token_of(door: Door, name: str) -> Token:
    with door.before() as before:
        return next(token for token in before.tokens.values() if token.account == name)


# The first account


def test_the_custodian_opens_the_first_account_and_no_second(door: Door):
    first(door)
    with pytest.raises(Refused, match="custodian opens the first account"):
        first(door, "bob")
    assert door.faults() == []


def test_the_first_account_must_be_a_governance_lead(door: Door):
    with pytest.raises(Refused, match="must have the role governance_lead"):
        first(door, roles=("engineer",))
    assert door.register.head()[0] == 0


def test_the_custodian_issues_a_token_only_where_no_lead_has_a_valid_one(door: Door):
    first(door)
    door.issue(CUSTODIAN, "ann", days=3)
    with pytest.raises(Refused, match="custodian"):
        door.issue(CUSTODIAN, "ann")
    door.tick(days=3)
    with pytest.raises(Refused, match="custodian"):  # its last day counts
        door.issue(CUSTODIAN, "ann")
    door.tick(days=1)
    door.issue(CUSTODIAN, "ann")
    assert door.faults() == []


def test_the_custodian_issues_no_token_for_anybody_but_a_governance_lead(door: Door):
    secrets = real(door)
    door.act_with_token(secrets["bob"], "revoke-token", door.tokens[secrets["ann"]], reason="lost")
    door.act_with_token(secrets["bob"], "revoke-token", door.tokens[secrets["bob"]], reason="lost")
    with pytest.raises(Refused, match="custodian"):
        door.issue(CUSTODIAN, "eve")
    door.issue(CUSTODIAN, "ann")


def test_demonstration_people_keep_nobody_real_from_beginning(staffed: Door):
    first(staffed)
    staffed.issue("lead", "lead")
    staffed.issue(CUSTODIAN, "ann")
    assert staffed.faults() == []


@pytest.mark.parametrize("verb", ["close-account", "revoke-token", "change-account"])
def test_the_custodian_does_nothing_else(door: Door, verb: str):
    secrets = real(door)
    subject = door.tokens[secrets["eve"]] if verb == "revoke-token" else "eve"
    said = {"roles": ("auditor",)} if verb == "change-account" else {"reason": "because"}
    with pytest.raises(Refused, match="nothing else"):
        door.act(CUSTODIAN, verb, subject, **said)


# Opening, changing, closing


@pytest.mark.parametrize("name", ["Ann", "a", "ann smith", "-ann", "custodian", "service", "x" * 42])
def test_what_is_no_id_is_refused(staffed: Door, name: str):
    with pytest.raises(Refused, match="is no account id|taken by the program"):
        staffed.act("lead", "open-account", name, roles=("engineer",))


def test_an_id_is_never_given_again(staffed: Door):
    staffed.act("lead", "close-account", "engineer", reason="left")
    with pytest.raises(Refused, match="ids are never given again"):
        staffed.act("lead", "open-account", "engineer", roles=("engineer",))


@pytest.mark.parametrize("roles", [("auditor", "engineer"), ("service", "governance_lead")])
def test_auditors_and_services_are_nothing_else(staffed: Door, roles: tuple[str, ...]):
    with pytest.raises(UsageFault, match="has no other role"):
        staffed.act("lead", "open-account", "carl", roles=roles)
    assert Appointment(roles=("engineer", "governance_lead"))


@pytest.mark.parametrize("verb", ["change-account", "close-account"])
def test_nobody_changes_their_own_account(staffed: Door, verb: str):
    said = {"roles": ("governance_lead",), "demonstration": True} if verb == "change-account" else {"reason": "enough"}
    with pytest.raises(Refused, match="their own account"):
        staffed.act("lead", verb, "lead", **said)
    staffed.act("lead2", verb, "lead", **said)


def test_a_real_account_is_never_turned_into_one_that_needs_no_token(door: Door):
    secrets = real(door)
    with pytest.raises(Refused, match="a real person's account and stays one"):
        door.act_with_token(secrets["ann"], "change-account", "eve", roles=("engineer",), demonstration=True)
    door.act_with_token(secrets["ann"], "change-account", "eve", roles=("engineer",), systems=("loans",))


@pytest.mark.parametrize("name", ["owner", "engineer", "reviewer", "auditor", "desk"])
def test_only_a_governance_lead_opens_accounts(staffed: Door, name: str):
    with pytest.raises(Refused, match="takes the role governance_lead"):
        staffed.act(name, "open-account", "carl", roles=("engineer",))


def test_a_closed_account_may_do_nothing_and_its_token_neither(door: Door):
    secrets = real(door)
    door.act_with_token(secrets["ann"], "close-account", "bob", reason="left")
    with pytest.raises(Refused, match="bob was closed"):
        door.act_with_token(secrets["bob"], "open-account", "carl", roles=("engineer",))
    with pytest.raises(Refused, match="no open account bob"):
        door.issue("ann", "bob", token=door.tokens[secrets["ann"]])
    with pytest.raises(Refused, match="no open account bob"):
        door.act_with_token(secrets["ann"], "change-account", "bob", roles=("engineer",))
    assert door.faults() == []


def test_an_account_of_one_system_acts_on_no_other(door: Door):
    secrets = real(door)
    said = {
        "duty": "author_approver",
        "account": "eve",
        "until": "2026-04-01",
        "reason": "alone",
        "instead": "a sample",
    }
    door.act_with_token(secrets["eve"], "request-exception", "loans", **said)
    with pytest.raises(Refused, match="may not act on houses, only on loans"):
        door.act_with_token(secrets["eve"], "request-exception", "houses", **said)


# Tokens


def test_a_token_can_be_used_on_its_last_day_and_not_after_it(door: Door):
    secrets = real(door)
    token = token_of(door, "bob")
    last = dt.datetime.combine(token.expires_on, dt.time(23, 59, 59), dt.UTC)
    door.act_with_token(secrets["bob"], "open-account", "carl", at=last, roles=("engineer",))
    with pytest.raises(UsageFault, match="expired on"):
        door.act_with_token(
            secrets["bob"], "open-account", "dora", at=last + dt.timedelta(seconds=1), roles=("engineer",)
        )
    assert door.faults() == []


def test_a_day_ends_in_utc_at_the_door_and_in_the_replay(door: Door):
    secrets = real(door)
    token = token_of(door, "bob")
    west, east = dt.timezone(dt.timedelta(hours=-8)), dt.timezone(dt.timedelta(hours=8))
    evening = dt.datetime.combine(token.expires_on, dt.time(20), west)  # in UTC the day after
    with pytest.raises(UsageFault, match="expired on"):
        door.act_with_token(secrets["bob"], "open-account", "carl", at=evening, roles=("engineer",))
    early = dt.datetime.combine(token.expires_on + dt.timedelta(days=1), dt.time(4), east)  # in UTC still the last day
    door.act_with_token(secrets["bob"], "open-account", "carl", at=early, roles=("engineer",))
    assert door.faults() == []


def test_a_revoked_token_is_of_no_use(door: Door):
    secrets = real(door)
    door.act_with_token(secrets["eve"], "revoke-token", door.tokens[secrets["eve"]], reason="lost it")
    with pytest.raises(UsageFault, match="was revoked"):
        door.act_with_token(secrets["eve"], "revoke-token", door.tokens[secrets["eve"]], reason="again")
    with pytest.raises(Refused, match="could be revoked"):
        door.act_with_token(secrets["ann"], "revoke-token", door.tokens[secrets["eve"]], reason="again")


def test_a_token_is_revoked_by_its_owner_or_a_governance_lead(door: Door):
    secrets = real(door)
    with pytest.raises(Refused, match="they or a governance lead"):
        door.act_with_token(secrets["eve"], "revoke-token", door.tokens[secrets["bob"]], reason="a whim")
    door.act_with_token(secrets["bob"], "revoke-token", door.tokens[secrets["eve"]], reason="left")


def test_a_token_for_some_acts_is_refused_for_others_and_gives_its_holder_no_more(door: Door):
    secrets = real(door)
    narrow = door.issue("ann", "bob", scopes=("token", "exception"), token=door.tokens[secrets["ann"]])
    with pytest.raises(Refused, match="open-account is not among them"):
        door.act_with_token(narrow, "open-account", "carl", roles=("engineer",))
    with pytest.raises(Refused, match="may not give themselves more"):
        door.issue("bob", "bob", token=door.tokens[narrow])
    door.issue("bob", "bob", scopes=("exception",), token=door.tokens[narrow])
    door.issue("bob", "eve", token=door.tokens[narrow])
    door.act_with_token(narrow, "revoke-token", door.tokens[secrets["eve"]], reason="left")


def test_a_tokens_id_is_never_given_again(door: Door):
    secrets = real(door)
    said = {"account": "ann", "sha256": "ab" * 32, "scopes": ("all",), "expires_on": "2026-03-09"}
    with pytest.raises(Refused, match="never given again"), ledger.writing(door.register.engine) as connection:
        mine = door.tokens[secrets["ann"]]
        perform(connection, ISSUE, door.tokens[secrets["bob"]], said, account="ann", token=mine, at=door.tick())


@pytest.mark.parametrize("days", [-1, 367])
def test_a_token_lives_a_year_at_most(door: Door, days: int):
    first(door)
    with pytest.raises(Refused, match="A token expires between"):
        door.issue(CUSTODIAN, "ann", days=days)
    door.issue(CUSTODIAN, "ann", days=366)


def test_a_wrong_token_is_refused_and_never_repeated(door: Door):
    secrets = real(door)
    right = secrets["ann"]
    for wrong in (
        right[:-1] + ("a" if right[-1] != "a" else "b"),
        right.replace("aims_", "sima_"),
        "aims_" + door.tokens[secrets["bob"]] + "_" + right.split("_", 2)[2],
        "aims__",
        "hunter2hunter2",
        "",
        "aims_\udcff_\udcff",
    ):
        with pytest.raises(UsageFault) as refused, door.register.reading() as connection:
            authenticate(connection, wrong, BY_VERB["open-account"], door.at)
        assert "is not known here" in str(refused.value)
        assert len(wrong) < 8 or wrong not in str(refused.value) + repr(refused.value.__cause__)
    with door.register.reading() as connection:
        assert authenticate(connection, f" {right}\n", BY_VERB["open-account"], door.at).account == "ann"


def test_an_account_without_a_token_does_nothing_unless_it_is_a_demonstration(door: Door):
    real(door)
    with pytest.raises(Refused, match="must act with a personal token"):
        door.act("ann", "open-account", "carl", roles=("engineer",))
    door.open("demo.lead", "governance_lead")
    door.act("demo.lead", "open-account", "carl", roles=("engineer",))


def test_no_token_stands_in_the_databases_bytes(door: Door, database: Path):
    secrets = real(door)
    kept = b"".join(path.read_bytes() for path in database.parent.iterdir())
    for secret in secrets.values():
        assert secret.split("_", 2)[2].encode() not in kept
        assert door.tokens[secret].encode() in kept, "the id of the token is what the record knows it by"


@given(st.text())
def test_no_text_is_a_token_of_nobody(text: str):
    with pytest.raises(UsageFault, match="not known here"):
        recognised(text, {}, dt.datetime(2026, 1, 1, tzinfo=dt.UTC))


def test_secrets_differ_and_only_their_hash_is_kept():
    made = [new_secret() for _ in range(100)]
    assert len({secret for _, secret, _ in made}) == len({name for name, _, _ in made}) == 100
    assert all(len(sha256) == 64 and sha256 not in secret for _, secret, sha256 in made)


# Exceptions


def ask(door: Door, **changed: str) -> str:
    said = {
        "duty": "author_approver", "account": "owner", "until": "2026-04-01", "reason": "Two people only.",
        "instead": "The auditor looks at it in April.", **changed,
    }  # fmt: skip
    return f"EX-{door.act('engineer', 'request-exception', 'loans', **said).seq}"


def test_an_exception_is_granted_by_a_third_person_only(staffed: Door):
    one = ask(staffed, account="lead")
    with pytest.raises(Refused, match="somebody else must grant it"):
        staffed.act("lead", "grant-exception", one, statement="I want it.")
    staffed.act("lead2", "grant-exception", one, statement="Nobody else is there.")
    with pytest.raises(Refused, match="was granted already"):
        staffed.act("lead2", "grant-exception", one, statement="Once more.")
    asked = staffed.act(
        "lead", "request-exception", "loans", duty="author_approver", account="owner", until="2026-04-01",
        reason="Two people only.", instead="A second look.",
    )  # fmt: skip
    with pytest.raises(Refused, match="asked for EX-"):
        staffed.act("lead", "grant-exception", f"EX-{asked.seq}", statement="I asked, I grant.")
    assert staffed.faults() == []


def test_an_exception_holds_from_its_grant_through_its_last_day(staffed: Door):
    def exempt(at: dt.datetime) -> bool:
        with staffed.before(at) as before:
            return before.exempt("author_approver", "owner", "loans")

    one, last = ask(staffed), dt.datetime(2026, 4, 1, 23, 59, tzinfo=dt.UTC)
    assert not exempt(last)
    staffed.act("lead", "grant-exception", one, statement="Nobody else is there.")
    assert exempt(last) and not exempt(last + dt.timedelta(minutes=1))
    with staffed.before(last) as before:
        assert not before.exempt("implementer_verifier", "owner", "loans")
        assert not before.exempt("author_approver", "owner2", "loans")
        assert not before.exempt("author_approver", "owner", "houses")
    staffed.act("engineer", "withdraw-exception", one, reason="Somebody was hired.")
    assert not exempt(staffed.at)
    with pytest.raises(Refused, match="withdrawn already"):
        staffed.act("engineer", "withdraw-exception", one, reason="Again.")


def test_an_exception_ends_within_a_quarter_and_is_for_people(staffed: Door):
    for until in ("2026-03-01", "2026-06-03"):
        with pytest.raises(Refused, match="An exception ends between"):
            ask(staffed, until=until)
    ask(staffed, until="2026-06-02")
    for nobody in ("desk", "stranger"):
        with pytest.raises(Refused, match="is for a person"):
            ask(staffed, account=nobody)
    one = ask(staffed, until="2026-03-02")
    with pytest.raises(Refused, match="which is over"):
        staffed.act("lead", "grant-exception", one, at=staffed.tick(days=1), statement="Too late.")


def test_an_event_about_what_was_never_there_makes_nothing_of_it(staffed: Door):
    with staffed.before() as before:
        known = len(before.accounts)
    for kind, subject, body in (
        (
            "account.changed",
            "account/ghost",
            {"roles": ["auditor"], "systems": [], "teams": [], "demonstration": False},
        ),
        ("account.closed", "account/ghost", {"reason": "gone"}),
        ("token.revoked", "token/ghost", {"reason": "gone"}),
        ("exception.granted", "loans/author_approver", {"request": 999, "statement": "yes"}),
    ):
        staffed.forge(kind, subject, body, actor="lead")
    with staffed.register.reading() as connection:
        assert len(accounts_of(ledger.events(connection, kind="account.*"))) == known
        assert tokens_of(ledger.events(connection, kind="token.*")) == {}
    with staffed.before() as before:
        assert before.exemptions == {}
    assert len(staffed.faults()) == 4
