"""Demonstration people who act at the door, and what the record holds before and after."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from governance import ledger
from governance.accounts import new_secret
from governance.acts import SERVICE, Before, act_with, acts_faults, perform
from governance.appointing import ISSUE
from governance.ledger import Event
from governance.processes import AUTOMATIC, RECORDED
from governance.register import Register

BY_VERB = {act.verb: act for act in RECORDED}
MORNING = dt.datetime(2026, 3, 2, 9, tzinfo=dt.UTC)
# Name → roles; two of each who must be two.
STAFF = {
    "lead": "governance_lead",
    "lead2": "governance_lead",
    "owner": "system_owner",
    "owner2": "system_owner",
    "engineer": "engineer",
    "reviewer": "ml_reviewer",
    "auditor": "auditor",
    "auditor2": "auditor",
    "desk": "service",
}


@dataclass
class Door:
    """One register and the people in front of it; every act is a minute later than the one before."""

    register: Register
    at: dt.datetime = MORNING
    tokens: dict[str, str] = field(default_factory=dict)

    def staff(self) -> Door:
        """Opens the demonstration accounts, as the pipeline may."""
        for name, role in STAFF.items():
            self.open(name, role)
        return self

    def open(self, name: str, *roles: str, **said: Any) -> Event:
        with ledger.writing(self.register.engine) as connection:
            body = {"roles": roles, "demonstration": True, **said}
            return perform(connection, BY_VERB["open-account"], name, body, account=SERVICE, at=self.tick())

    def act(self, account: str, verb: str, subject: str, /, at: dt.datetime | None = None, **said: Any) -> Event:
        """As a demonstration account, without a token."""
        with ledger.writing(self.register.engine) as connection:
            return perform(connection, BY_VERB[verb], subject, said, account=account, at=at or self.tick())

    def act_with_token(
        self, secret: str, verb: str, subject: str, /, at: dt.datetime | None = None, **said: Any
    ) -> Event:
        return act_with(self.register.engine, BY_VERB[verb], subject, said, token=secret, at=at or self.tick())

    def issue(
        self, by: str, account: str, *, scopes: tuple[str, ...] = ("all",), days: int = 30, token: str | None = None
    ) -> str:
        """A token for the account; returns its text."""
        name, secret, sha256 = new_secret()
        at = self.tick()
        said = {
            "account": account,
            "sha256": sha256,
            "scopes": scopes,
            "expires_on": (at + dt.timedelta(days=days)).date().isoformat(),
        }
        with ledger.writing(self.register.engine) as connection:
            perform(connection, ISSUE, name, said, account=by, at=at, token=token)
        self.tokens[secret] = name
        return secret

    def forge(self, kind: str, subject: str, body: dict[str, Any], *, actor: str, at: dt.datetime | None = None) -> int:
        """Past the door: the chain holds, the rules do not. Returns the event's number."""
        with ledger.writing(self.register.engine) as connection:
            return ledger.append(connection, kind, subject, body, actor=actor, at=at or self.tick()).seq

    @contextmanager
    def before(self, at: dt.datetime | None = None) -> Iterator[Before]:
        """The record as it stands now, for projections."""
        with self.register.reading() as connection:
            yield Before(connection, ledger.head(connection)[0] + 1, at or self.at)

    def faults(self) -> list[str]:
        with self.register.reading() as connection:
            return [*ledger.chain_faults(connection), *acts_faults(connection, RECORDED, AUTOMATIC)]

    def faulty(self) -> list[int]:
        """Numbers of the events that are named."""
        return [int(fault.split()[1]) for fault in self.faults()]

    def tick(self, **delta: float) -> dt.datetime:
        """A later moment: a minute, or `delta`."""
        self.at += dt.timedelta(**(delta or {"minutes": 1}))
        return self.at
