"""Who may act, as what, on which systems, and with which token (5.3, A.3.2).

Accounts and tokens are projections of the ledger like everything else. The record knows people by the id of their
account only; who stands behind an id is for the organisation's own directory.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Annotated

from pydantic import Field, StringConstraints, model_validator

from governance.faults import UsageFault
from governance.people.roles import Role
from governance.record.ledger import Event
from governance.shapes import AccountId, Strict, Team

# Whoever holds the folder `AIMS_HOME`: opens the first account, and may do nothing else.
CUSTODIAN = "custodian"
# A token lives no longer: who has left is forgotten by themselves at the latest then.
TOKEN_DAYS_AT_MOST = 366

OPENED, CHANGED, CLOSED = "account.opened", "account.changed", "account.closed"
ISSUED, REVOKED = "token.issued", "token.revoked"


class Appointment(Strict):
    """What an account may do: its roles, the systems it may act on, and the teams that it answers for."""

    roles: Annotated[tuple[Role, ...], Field(min_length=1, description="A role that the account has.")]
    systems: Annotated[tuple[str, ...], Field(description="A system that it may act on; all where none is named.")] = ()
    teams: Annotated[tuple[Team, ...], Field(description="A team (team:NAME) that it answers for.")] = ()
    demonstration: Annotated[bool, Field(description="Not a real person.")] = False

    @model_validator(mode="after")
    def _a_service_is_nothing_else(self) -> Appointment:
        if "service" in self.roles and len(self.roles) > 1:
            raise ValueError("A service account has no other role: it acts for nobody.")
        if "auditor" in self.roles and len(self.roles) > 1:
            raise ValueError("An auditor has no other role: whoever works on what is audited is not independent.")
        return self


class Ending(Strict):
    """Why an account or a token ends."""

    reason: Annotated[str, Field(min_length=3, description="Why.")]


class Issue(Strict):
    """A token as the record knows it: its hash, for whom, for what and until when."""

    account: AccountId
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    scopes: Annotated[tuple[str, ...], Field(min_length=1)]
    expires_on: dt.date


@dataclass(frozen=True, slots=True)
class Account:
    """One account as it stands. `systems` empty means all of them."""

    id: str
    roles: frozenset[str]
    systems: frozenset[str]
    teams: frozenset[str]
    demonstration: bool
    opened_at: str
    closed: bool = False

    def may_act_on(self, system: str) -> bool:
        """Whether the system is one of those that the account was opened for."""
        return not self.systems or system in self.systems

    def answers_for(self, party: str | None) -> bool:
        """Whether it is one of the people whom this `team:` (or address) stands for."""
        return party is not None and (party in self.teams or party == self.id)


@dataclass(frozen=True, slots=True)
class Token:
    """One personal token as the record knows it."""

    id: str
    account: str
    sha256: str
    scopes: tuple[str, ...]
    expires_on: dt.date
    revoked: bool = False

    def covers(self, kind: str) -> bool:
        """Whether acts of this kind (`nonconformity.confirmed`) are within its scopes."""
        return "all" in self.scopes or kind.split(".")[0] in self.scopes

    def is_valid(self, at: dt.datetime) -> bool:
        """Whether it could be used at this moment; it can on its last day."""
        return not self.revoked and at.date() <= self.expires_on


def accounts_of(events: Iterable[Event]) -> dict[str, Account]:
    """All accounts, closed ones too, from the events of the kinds `account.*`."""
    found: dict[str, Account] = {}
    for event in events:
        enter_account(found, event)
    return found


def enter_account(found: dict[str, Account], event: Event) -> None:
    """What one event makes of the accounts; one about an account that was never opened makes nothing of them."""
    name = event.subject.removeprefix("account/")
    if event.kind == OPENED:
        found[name] = _appointed(Account(name, frozenset(), frozenset(), frozenset(), False, event.at), event)
    elif event.kind == CHANGED and name in found:
        found[name] = _appointed(found[name], event)
    elif event.kind == CLOSED and name in found:
        found[name] = replace(found[name], closed=True)


def tokens_of(events: Iterable[Event]) -> dict[str, Token]:
    """All tokens, ended ones too, from the events of the kinds `token.*`."""
    found: dict[str, Token] = {}
    for event in events:
        enter_token(found, event)
    return found


def enter_token(found: dict[str, Token], event: Event) -> None:
    """What one event makes of the tokens; one about a token that was never issued makes nothing of them."""
    name = event.subject.removeprefix("token/")
    body = event.body
    if event.kind == ISSUED and body.keys() >= {"account", "sha256", "scopes", "expires_on"}:
        expires = dt.date.fromisoformat(body["expires_on"])
        found[name] = Token(name, body["account"], body["sha256"], tuple(body["scopes"]), expires)
    elif event.kind == REVOKED and name in found:
        found[name] = replace(found[name], revoked=True)


def new_secret() -> tuple[str, str, str]:
    """A token's id, the text that is shown once, and the hash that is kept.

    The secret has 256 random bits: a plain SHA-256 cannot be turned back, a slow hash would add nothing.
    """
    # A letter first: an id of digits alone would read like somebody's number.
    name, secret = f"t{secrets.token_hex(6)}", secrets.token_urlsafe(32)
    return name, f"aims_{name}_{secret}", _hash(secret)


def recognised(text: str, tokens: dict[str, Token], at: dt.datetime) -> Token:
    """The token that this text is.

    Raises
    ------
    UsageFault
        It is none, or has ended. The text itself is never repeated.
    """
    parts = text.strip().split("_", 2)
    token = tokens.get(parts[1]) if len(parts) == 3 and parts[0] == "aims" else None
    if token is None or not hmac.compare_digest(token.sha256, _hash(parts[2])):
        raise UsageFault("The token is not known here. Ask a governance lead for one (`aims token issue`).")
    if not token.is_valid(at):
        ended = "was revoked" if token.revoked else f"expired on {token.expires_on}"
        raise UsageFault(f"The token {token.id} of {token.account} {ended}. Ask a governance lead for another one.")
    return token


def _hash(secret: str) -> str:
    # What is no text (bytes of another encoding in the environment) is no token either, and no fault of ours.
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()


def _appointed(account: Account, event: Event) -> Account:
    body = event.body
    # Of what was written past the door, and misses something, comes an account that may do less.
    return replace(
        account,
        roles=frozenset(body.get("roles", ())),
        systems=frozenset(body.get("systems", ("nothing",))),
        teams=frozenset(body.get("teams", ())),
        demonstration=body.get("demonstration", False),
    )
