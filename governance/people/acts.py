"""One door: everything that a person does to the record passes here, under rules that stand beside the act.

An act is declared once. The same rule refuses it before its event is appended and finds it again when the record is
replayed (`acts_faults`), so that who decided what, and that they might, is provable from the ledger alone.
"""

from __future__ import annotations

import datetime as dt
import functools
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from pydantic import ValidationError

from governance.faults import UsageFault
from governance.people.accounts import (
    CUSTODIAN,
    ISSUED,
    OPENED,
    Account,
    Token,
    accounts_of,
    enter_account,
    enter_token,
    recognised,
    tokens_of,
)
from governance.people.exceptions import DUTIES, Exemption, enter_exemption, excepted, exemptions_of
from governance.people.personal import refuse_personal
from governance.record import ledger
from governance.record.canonical import canonical_bytes
from governance.record.ledger import Event
from governance.shapes import Strict

# The pipeline itself. It opens suspicions and attaches facts; nothing that a person has to answer for.
SERVICE = "service:aims"


# Hexadecimal by their shape, and now and then all digits like a telephone number.
DIGESTS = frozenset({"digest", "of_digest", "sha256"})


class Refused(UsageFault):
    """An act that may not be done: by this account, or not now. One sentence says why and what would help."""


class Before:
    """The record as it stood before an act."""

    def __init__(self, connection: sa.Connection, seq: int, at: dt.datetime) -> None:
        self._connection, self._seq, self.at = connection, seq, at

    def events(self, kind: str | None = None, *, subject: str | None = None, prefix: str = "") -> Iterator[Event]:
        """Events in order; `kind` may end in `*`, `prefix` is the start of the subject."""
        return ledger.events(self._connection, kind=kind, subject=subject, prefix=prefix, before=self._seq)

    def last(self, kind: str, subject: str) -> Event | None:
        """The newest event of this kind about this subject."""
        return ledger.last_event(self._connection, kind, subject, before=self._seq)

    @functools.cached_property
    def accounts(self) -> dict[str, Account]:
        """All accounts, closed ones too, by id."""
        return accounts_of(self.events("account.*"))

    @functools.cached_property
    def tokens(self) -> dict[str, Token]:
        """All tokens, ended ones too, by id."""
        return tokens_of(self.events("token.*"))

    @functools.cached_property
    def exemptions(self) -> dict[str, Exemption]:
        """All exceptions from separations of duty, asked for, granted and ended, by id."""
        return exemptions_of(self.events("exception.*"))

    @property
    def begun(self) -> str | None:
        """When the first account was opened, that is when the management system began; None before that."""
        return min((account.opened_at for account in self.accounts.values()), default=None)

    def account(self, name: str) -> Account | None:
        """The account of this id, as it stood."""
        return self.accounts.get(name)

    def exempt(self, duty: str, account: str, system: str) -> bool:
        """Whether a granted exception lets this account stand on both sides of a separation, on that day."""
        return excepted(self.exemptions.values(), duty, account, system, self.at.date())


class Replay(Before):
    """The record as it is read again, event by event: what acts are about is kept in memory and read once.

    What was against the rules is not entered: it counts for nothing in what comes after it.
    """

    def __init__(self, connection: sa.Connection, families: frozenset[str]) -> None:
        super().__init__(connection, 1, dt.datetime.min.replace(tzinfo=dt.UTC))
        self._families = families | {"account", "token", "exception"}
        self._left_out: set[int] = set()
        self._of_kind: dict[str, list[Event]] = defaultdict(list)
        self._of_subject: dict[tuple[str, str], list[Event]] = defaultdict(list)
        self.accounts, self.tokens, self.exemptions = {}, {}, {}

    def turn_to(self, event: Event) -> None:
        """From now on it is the record as it stood before this event."""
        self._seq, self.at = event.seq, dt.datetime.fromisoformat(event.at)

    def enter(self, event: Event) -> None:
        """The event is part of the record."""
        family = event.kind.split(".")[0]
        if family not in self._families:
            return
        self._of_kind[event.kind].append(event)
        self._of_subject[event.kind, event.subject].append(event)
        if family == "account":
            enter_account(self.accounts, event)
        elif family == "token":
            enter_token(self.tokens, event)
        elif family == "exception":
            enter_exemption(self.exemptions, event)

    def leave_out(self, event: Event) -> None:
        """The event was against the rules."""
        self._left_out.add(event.seq)

    def events(self, kind: str | None = None, *, subject: str | None = None, prefix: str = "") -> Iterator[Event]:
        """Events in order, as `Before` gives them."""
        if kind is None or kind.split(".")[0] not in self._families:
            found = super().events(kind, subject=subject, prefix=prefix)
            return (event for event in found if event.seq not in self._left_out)
        kinds = [k for k in self._of_kind if k.startswith(kind[:-1])] if kind.endswith("*") else [kind]
        lists = [self._of_kind.get(k, []) if subject is None else self._of_subject.get((k, subject), []) for k in kinds]
        kept = lists[0] if len(lists) == 1 else sorted((e for found in lists for e in found), key=lambda e: e.seq)
        # A copy: who reads on while the record grows sees the record as it was.
        return iter([event for event in kept if event.subject.startswith(prefix)])

    def last(self, kind: str, subject: str) -> Event | None:
        """The newest event of this kind about this subject."""
        if kind.split(".")[0] not in self._families:
            newest = super().last(kind, subject)
            if newest is None or newest.seq not in self._left_out:
                return newest
            return next(reversed(list(self.events(kind, subject=subject))), None)
        found = self._of_subject.get((kind, subject))
        return found[-1] if found else None


Rule = Callable[[Before, Event], None]


# The ledger's subject, and what the event says beside what the person said: which of several cases it is about.
Named = tuple[str, dict[str, Any]]


def as_given(_before: Before, name: str) -> Named:
    """The subject as it was typed."""
    return name, {}


@dataclass(frozen=True, slots=True)
class Act:
    """What may be done: the event that it leaves, who may do it, what must be said, and when it may not be done.

    Attributes
    ----------
    verb : str
        As typed: `confirm`.
    kind : str
        Of the event that it appends: `nonconformity.confirmed`.
    about : str
        What the subject is, for people: `case`, `system`, `account`.
    roles : frozenset of str
        An account with any of these may.
    says : type
        The shape of the event's body; its fields are the options of the command.
    rule : callable
        Raises `Refused` when it may not be done now, or not by this account.
    summary : str
        One line.
    subject : callable
        What is typed → the subject in the ledger, such as `NC-12` → `system/criterion/segment`, and `refers`.
    refers : frozenset of str
        Keys that `subject` adds to the body, such as `case`.
    then : callable or None
        What the record draws from it by itself, in the same transaction: a finding opens a suspicion.
    of_system : bool
        Whether the subject begins with a system's id, on which the account must be allowed to act.
    """

    verb: str
    kind: str
    about: str
    roles: frozenset[str]
    says: type[Strict]
    rule: Rule
    summary: str
    subject: Callable[[Before, str], Named] = as_given
    refers: frozenset[str] = frozenset()
    of_system: bool = True
    then: Callable[[sa.Connection, Event], object] | None = None


def apart(before: Before, event: Event, others: Iterable[str | None], duty: str) -> None:
    """Refuses when whoever acts stands on the other side already, unless an exception was granted (`DUTIES`)."""
    if event.actor in set(others) and not before.exempt(duty, event.actor, event.subject.split("/")[0]):
        raise Refused(
            f"{event.actor} may not do this: {DUTIES[duty]} Ask somebody else, or for an exception with an expiry "
            f"(`aims act request-exception`)."
        )


def perform(
    connection: sa.Connection,
    act: Act,
    subject: str,
    said: Mapping[str, Any],
    *,
    account: str,
    at: dt.datetime,
    token: str | None = None,
) -> Event:
    """Does it: the event is appended inside the caller's transaction, or nothing is.

    Parameters
    ----------
    subject : str
        As a person names it.
    account, token : str
        Ids of who acts, and of the token by which they were recognised.

    Raises
    ------
    Refused
        It may not be done.
    UsageFault
        What was said is incomplete or wrong.
    """
    seq, at = ledger.head(connection)[0] + 1, _as_recorded(at)
    before = Before(connection, seq, at)
    refuse_personal(act.about, subject)
    about, refers = act.subject(before, subject)
    said_so = {**_said(act, said).model_dump(mode="json"), **refers, "token": token}
    # As it will be read again: the rule must not see a number now and a text when the record is replayed.
    body = json.loads(canonical_bytes(said_so))
    _check(before, act, Event(seq, at.isoformat(), account, act.kind, about, body))
    event = ledger.append(connection, act.kind, about, body, actor=account, at=at)
    if act.then is not None:
        act.then(connection, event)
    return event


def authenticate(connection: sa.Connection, text: str, act: Act, at: dt.datetime) -> Token:
    """The token that this text is, for this act.

    Raises
    ------
    UsageFault
        It is unknown, has ended, or was not issued for such acts.
    """
    at = _as_recorded(at)
    token = recognised(text, Before(connection, ledger.head(connection)[0] + 1, at).tokens, at)
    if not token.covers(act.kind):
        raise Refused(f"The token {token.id} is for {', '.join(token.scopes)}, and {act.verb} is not among them.")
    return token


def act_with(
    engine: sa.Engine, act: Act, subject: str, said: Mapping[str, Any], *, token: str, at: dt.datetime
) -> Event:
    """Does it for whoever holds this token's text, in one transaction."""
    with ledger.writing(engine) as connection:
        held = authenticate(connection, token, act, at)
        return perform(connection, act, subject, said, account=held.account, token=held.id, at=at)


def acts_faults(connection: sa.Connection, acts: Iterable[Act], automatic: frozenset[str]) -> Iterator[str]:
    """Every act in the record that its rules would have refused, in words.

    `automatic` are the kinds that only the pipeline appends.
    """
    known = {act.kind: act for act in acts}
    replay = Replay(connection, frozenset(kind.split(".")[0] for kind in (*known, *automatic)))
    for event in ledger.whole_events(connection):
        act = known.get(event.kind)
        if act is None or (event.kind in automatic and event.actor == SERVICE):
            fault = None if event.actor == SERVICE else f"is no act of a person: {event.actor} did it."
        else:
            fault = _act_fault(replay, act, event)
        if fault is None:
            replay.enter(event)
            continue
        replay.leave_out(event)
        yield f"event {event.seq} ({event.kind}, {event.subject}) {fault}"


def _act_fault(replay: Replay, act: Act, event: Event) -> str | None:
    try:
        replay.turn_to(event)
        _said(act, {name: value for name, value in event.body.items() if name not in act.refers | {"token"}})
        _check(replay, act, event)
    except UsageFault as fault:
        return f"was against the rules: {fault}"
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        # Written past the door: it names what is not there, or in a form that no act leaves.
        return f"was against the rules: it cannot be read as {act.verb} ({type(error).__name__})."
    return None


def _as_recorded(at: dt.datetime) -> dt.datetime:
    """The moment as the ledger keeps it, so that a day ends at the same time now and when the record is replayed."""
    return dt.datetime.fromisoformat(at.astimezone(dt.UTC).isoformat(timespec="milliseconds"))


def _said(act: Act, said: Mapping[str, Any]) -> Strict:
    for name, value in said.items():
        if name not in DIGESTS:
            refuse_personal(name, value)
    try:
        return act.says.model_validate(dict(said))
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)
        words = "; ".join(_fault_in_words(act, fault) for fault in faults)
        raise UsageFault(f"{act.verb}: {words}. See `aims act {act.verb} --help`.") from None


def _fault_in_words(act: Act, fault: Mapping[str, Any]) -> str:
    """Where, what, and of a form that is not kept what the field is for."""
    where, what = ".".join(map(str, fault["loc"])), fault["msg"].removeprefix("Value error, ")
    field = act.says.model_fields.get(where)
    meant = field.description if field and fault["type"] == "string_pattern_mismatch" else None
    return f"{where or act.verb}: {what}{f' ({meant.rstrip(chr(46))})' if meant else ''}"


def _check(before: Before, act: Act, event: Event) -> None:
    if event.actor == SERVICE:
        _check_service(act, event)
    elif event.actor == CUSTODIAN:
        _check_custodian(before, act, event)
    else:
        _check_account(before, act, event)
    act.rule(before, event)


def _check_service(act: Act, event: Event) -> None:
    if act.kind != OPENED or not event.body["demonstration"]:
        raise Refused(
            f"{act.verb} is for people: the pipeline opens demonstration accounts and does nothing else here."
        )


def _check_custodian(before: Before, act: Act, event: Event) -> None:
    """Only what nobody else can do: the first account, and a token where no governance lead has one any more.

    Demonstration accounts are nobody: they keep nobody real from beginning.
    """
    people = [account for account in before.accounts.values() if not account.closed and not account.demonstration]
    leads = {account.id for account in people if "governance_lead" in account.roles}
    if act.kind == OPENED and not people:
        return
    held = any(token.account in leads and token.is_valid(before.at) for token in before.tokens.values())
    if act.kind == ISSUED and not held and event.body["account"] in leads:
        return
    raise Refused(
        "The custodian opens the first account, issues a governance lead's token where none of them has a valid one, "
        "and does nothing else. Act with a personal token."
    )


def _check_account(before: Before, act: Act, event: Event) -> None:
    account = before.account(event.actor)
    if account is None or account.closed:
        state = "was closed" if account else "is unknown"
        raise Refused(f"The account {event.actor} {state}: it may do nothing.")
    if not account.roles & act.roles:
        needed = " or ".join(sorted(act.roles))
        raise Refused(f"{act.verb} takes the role {needed}, and {account.id} has {', '.join(sorted(account.roles))}.")
    system = event.subject.split("/")[0]
    if act.of_system and not account.may_act_on(system):
        raise Refused(
            f"The account {account.id} may not act on {system}, only on {', '.join(sorted(account.systems))}."
        )
    _check_token(before, act, event)


def _check_token(before: Before, act: Act, event: Event) -> None:
    name = event.body.get("token")
    if name is None:
        account = before.account(event.actor)
        if account is not None and account.demonstration:
            return
        raise Refused(f"{event.actor} must act with a personal token; ask a governance lead for one.")
    token = before.tokens.get(name)
    if token is None or token.account != event.actor or not token.is_valid(before.at) or not token.covers(act.kind):
        raise Refused(f"The token {name} was not {event.actor}'s, not valid then, or not for such acts.")
