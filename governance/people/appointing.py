"""The acts on accounts, tokens and exceptions (5.3, A.3.2): who may let whom do what."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import Field

from governance.people.accounts import (
    CHANGED,
    CLOSED,
    CUSTODIAN,
    ISSUED,
    OPENED,
    REVOKED,
    TOKEN_DAYS_AT_MOST,
    Appointment,
    Ending,
    Issue,
)
from governance.people.acts import Act, Before, Named, Refused
from governance.people.exceptions import DAYS_AT_MOST, GRANTED, REQUESTED, WITHDRAWN, Exemption
from governance.people.roles import LEAD, PEOPLE
from governance.people.said import Statement
from governance.record.ledger import Event
from governance.shapes import AccountId, Strict, Text

Duty = Literal[
    "author_approver", "requester_approver", "implementer_verifier", "answerable_rejecter", "auditor_audited"
]


class Request(Strict):
    """An exception from a separation of duties, asked for before it is needed."""

    duty: Annotated[Duty, Field(description="Which separation.")]
    account: Annotated[AccountId, Field(description="For whom.")]
    until: Annotated[dt.date, Field(description=f"Its last day, at most {DAYS_AT_MOST} days from now.")]
    reason: Annotated[Text, Field(description="Why nobody else can do it.")]
    instead: Annotated[Text, Field(description="What makes up for it: a second look later, a sample, an outsider.")]


def _account(_before: Before, name: str) -> Named:
    return f"account/{name.removeprefix('account/')}", {}


def _token(_before: Before, name: str) -> Named:
    return f"token/{name.removeprefix('token/')}", {}


def _exemption(before: Before, name: str) -> Named:
    found = before.exemptions.get(name)
    if found is None:
        raise Refused(f"There is no exception {name!r}. See `aims exceptions`.")
    return f"{found.system}/{found.duty}", {"request": int(name.removeprefix("EX-"))}


def _may_open(before: Before, event: Event) -> None:
    name = event.subject.removeprefix("account/")
    if name in before.accounts:
        raise Refused(f"The account {name} is there already; ids are never given again.")
    _is_an_id(name)
    if event.actor == CUSTODIAN and "governance_lead" not in event.body["roles"]:
        raise Refused("The first account must have the role governance_lead: nobody else could open the next one.")


def _is_an_id(name: str) -> None:
    from pydantic import TypeAdapter, ValidationError

    try:
        TypeAdapter(AccountId).validate_python(name)
    except ValidationError:
        raise Refused(f"{name!r} is no account id: small letters, digits, dots and dashes, at most 41.") from None
    if name in (CUSTODIAN, "service"):
        raise Refused(f"The id {name!r} is taken by the program itself.")


def _may_change(before: Before, event: Event) -> None:
    """Nobody changes what they may do themselves, and the last governance lead stays."""
    name = event.subject.removeprefix("account/")
    account = before.account(name)
    if account is None or account.closed:
        raise Refused(f"There is no open account {name}. See `aims accounts`.")
    if event.actor == name:
        raise Refused(f"{name} may not change or close their own account: another governance lead does.")
    if event.body.get("demonstration", account.demonstration) != account.demonstration:
        kind = "a demonstration account" if account.demonstration else "a real person's account"
        raise Refused(f"{name} is {kind} and stays one: a demonstration account acts without a token.")


def _may_issue(before: Before, event: Event) -> None:
    if event.subject.removeprefix("token/") in before.tokens:
        raise Refused(f"The {event.subject} is there already; ids are never given again.")
    account = before.account(event.body["account"])
    if account is None or account.closed:
        raise Refused(f"There is no open account {event.body['account']}. See `aims accounts`.")
    last = before.at.date() + dt.timedelta(days=TOKEN_DAYS_AT_MOST)
    if not before.at.date() <= dt.date.fromisoformat(event.body["expires_on"]) <= last:
        raise Refused(f"A token expires between today and {last}, got {event.body['expires_on']}.")
    own = before.tokens.get(event.body.get("token") or "")
    if own and own.account == account.id and "all" not in own.scopes and not set(event.body["scopes"]) <= {*own.scopes}:
        raise Refused(f"{account.id} may not give themselves more than their token {own.id} is for.")


def _may_revoke(before: Before, event: Event) -> None:
    token = before.tokens.get(event.subject.removeprefix("token/"))
    if token is None or token.revoked:
        raise Refused(f"There is no token {event.subject.removeprefix('token/')} that could be revoked.")
    actor = before.account(event.actor)
    if token.account != event.actor and (actor is None or "governance_lead" not in actor.roles):
        raise Refused(f"The token is {token.account}'s: they or a governance lead revoke it.")


def _may_request(before: Before, event: Event) -> None:
    account = before.account(event.body["account"])
    if account is None or account.closed or "service" in account.roles:
        raise Refused(f"An exception is for a person with an open account, and {event.body['account']} is none.")
    last = before.at.date() + dt.timedelta(days=DAYS_AT_MOST)
    if not before.at.date() <= dt.date.fromisoformat(event.body["until"]) <= last:
        raise Refused(f"An exception ends between today and {last}, got {event.body['until']}.")


def _requested(before: Before, event: Event) -> Exemption:
    item = before.exemptions[f"EX-{event.body['request']}"]
    if event.subject != f"{item.system}/{item.duty}":
        raise Refused(f"{item.id} is about {item.system}/{item.duty} and not about {event.subject}.")
    return item


def _may_grant(before: Before, event: Event) -> None:
    item = _requested(before, event)
    if item.granted_by or item.withdrawn:
        raise Refused(f"{item.id} was {'withdrawn' if item.withdrawn else 'granted'} already.")
    if item.until < before.at.date():
        raise Refused(f"{item.id} was asked for until {item.until}, which is over.")
    if event.actor in (item.account, item.requested_by):
        # Of this rule there is no exception.
        raise Refused(f"{event.actor} asked for {item.id} or profits from it: somebody else must grant it.")


def _may_withdraw(before: Before, event: Event) -> None:
    if _requested(before, event).withdrawn:
        raise Refused(f"EX-{event.body['request']} was withdrawn already.")


def _subject_of_request(_before: Before, system: str) -> Named:
    return system, {}


ACTS = (
    Act("open-account", OPENED, "account", LEAD, Appointment, _may_open, "Open an account.", _account, of_system=False),
    Act(
        "change-account",
        CHANGED,
        "account",
        LEAD,
        Appointment,
        _may_change,
        "Give an account other roles, systems or teams.",
        _account,
        of_system=False,
    ),
    Act(
        "close-account",
        CLOSED,
        "account",
        LEAD,
        Ending,
        _may_change,
        "Close an account: it may do nothing from now on.",
        _account,
        of_system=False,
    ),
    Act(
        "revoke-token",
        REVOKED,
        "token",
        PEOPLE,
        Ending,
        _may_revoke,
        "End a token before its day.",
        _token,
        of_system=False,
    ),
    Act(
        "request-exception",
        REQUESTED,
        "system",
        PEOPLE,
        Request,
        _may_request,
        "Ask for an exception from a separation of duties.",
        _subject_of_request,
    ),
    Act(
        "grant-exception",
        GRANTED,
        "exception",
        LEAD,
        Statement,
        _may_grant,
        "Grant an exception that somebody else asked for.",
        _exemption,
        frozenset({"request"}),
    ),
    Act(
        "withdraw-exception",
        WITHDRAWN,
        "exception",
        PEOPLE,
        Ending,
        _may_withdraw,
        "End an exception before its day.",
        _exemption,
        frozenset({"request"}),
    ),
)
# Issued by `aims token issue`, which makes the secret: it is shown once and never an option of a command.
ISSUE = Act("issue-token", ISSUED, "token", LEAD, Issue, _may_issue, "Issue a personal token.", _token, of_system=False)
