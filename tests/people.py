"""Accounts with tokens of their own, for tests in which real people act, and the clock is the test's."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

from governance.people.accounts import CUSTODIAN, OPENED, accounts_of, new_secret
from governance.people.acts import act_with, acts_faults, perform
from governance.people.appointing import ACTS, ISSUE
from governance.processes import AUTOMATIC, BY_VERB, RECORDED
from governance.record import ledger
from governance.record.ledger import Event
from governance.register import Register

OPEN = next(act for act in ACTS if act.kind == OPENED)
ROLES = {
    "lena": ["governance_lead"],
    "luis": ["governance_lead"],
    "oda": ["system_owner"],
    "mia": ["ml_reviewer"],
    "ann": ["engineer"],
    "eve": ["engineer"],
    "max": ["engineer", "ml_reviewer", "system_owner", "governance_lead"],
    "ada": ["auditor"],
}


@dataclass
class People:
    """The accounts of `ROLES`, but those that are there already; `at` is when they act."""

    register: Register
    at: dt.datetime
    secrets: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        with ledger.writing(self.register.engine) as connection:
            there = accounts_of(ledger.events(connection, kind="account.*"))
            for name, roles in ROLES.items():
                if name in there:  # a demonstration's
                    continue
                perform(connection, OPEN, name, {"roles": roles}, account=self._lead, at=self.at, token=self._held)
                self._issue(connection, name)

    @property
    def _lead(self) -> str:
        return "lena" if "lena" in self.secrets else CUSTODIAN

    @property
    def _held(self) -> str | None:
        return self.secrets["lena"].split("_")[1] if "lena" in self.secrets else None

    def _issue(self, connection: Any, name: str) -> None:
        token, secret, sha256 = new_secret()
        expires = (self.at + dt.timedelta(days=366)).date().isoformat()
        said = {"account": name, "sha256": sha256, "scopes": ["all"], "expires_on": expires}
        perform(connection, ISSUE, token, said, account=self._lead, at=self.at, token=self._held)
        self.secrets[name] = secret

    def act(self, name: str, verb: str, subject: str, **said: Any) -> Event:
        """What somebody does, with their own token."""
        said = {key.replace("-", "_"): value for key, value in said.items()}
        return act_with(self.register.engine, BY_VERB[verb], subject, said, token=self.secrets[name], at=self.at)

    def faults(self) -> list[str]:
        """What replaying every act finds."""
        with self.register.reading() as connection:
            return list(acts_faults(connection, RECORDED, AUTOMATIC))
