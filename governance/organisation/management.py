"""The shape of `management.yaml`: what the management system is for, and the times it gives itself (Clause 4, 9, 10.2).

Also what every document of the organisation says of itself (7.5). That a document is approved is no field of it: it is
an act of somebody other than its author, over these very bytes.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from pydantic import Field, model_validator

from governance.people.roles import Role
from governance.shapes import AccountId, Identifier, Strict, Text

Days = Annotated[int, Field(ge=1, le=3660)]
Months = Annotated[int, Field(ge=1, le=60)]


class Titled(Strict):
    """What stands at the head of every document of the organisation.

    `owner` is the role that answers for it, `author` the account that wrote this version, `review_by` the day by which
    it must be looked at again. `demonstration: true` says that no real organisation stands behind it.
    """

    id: Identifier
    version: Annotated[int, Field(ge=1)]
    author: AccountId
    owner: Role
    review_by: dt.date
    demonstration: bool


class BySeverity(Strict):
    """Days for a nonconformity of each severity. The graver it is, the sooner."""

    minor: Days
    major: Days
    critical: Days

    @model_validator(mode="after")
    def _graver_is_sooner(self) -> BySeverity:
        if not self.critical <= self.major <= self.minor:
            found = f"critical {self.critical}, major {self.major}, minor {self.minor}"
            raise ValueError(f"The graver the sooner: must fulfil critical <= major <= minor, got {found}.")
        return self

    def of(self, severity: str) -> int:
        """Days for `minor`, `major` or `critical`."""
        return int(getattr(self, severity))


class Deadlines(Strict):
    """How long each step may take, in days, and how often the organisation looks at itself, in months.

    Each step is counted from the end of the one before it. `look_back_days` is how long after a case was closed a
    breach of the same kind counts as its return.
    """

    triage_days: BySeverity
    contain_days: BySeverity
    cause_days: BySeverity
    plan_days: BySeverity
    implement_days: BySeverity
    verify_days: BySeverity
    remind_before_days: Days
    escalate_after_days: Days
    look_back_days: Days
    audit_every_months: Months
    review_every_months: Months


class InterestedParty(Strict):
    """Whose needs count, and what they are (4.2)."""

    party: Text
    needs: Text


class Management(Titled):
    """`management.yaml`: scope, issues, interested parties, deadlines."""

    name: Text
    scope: Text
    issues: Annotated[tuple[Text, ...], Field(min_length=1)]
    interested_parties: Annotated[tuple[InterestedParty, ...], Field(min_length=1)]
    deadlines: Deadlines
