"""What people agree to of the organisation's documents: approval, acknowledgement, acceptance of a risk, competence.

The pipeline enters what it found (a document's digest, author, version; each risk as it stands), so that every rule
can be held against the record alone. A person then names the digest that they read: what was changed in between is
not what they agreed to (5.2, 6.1.3, 7.2, 7.3, 7.5, A.2.2 to A.2.4).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from pydantic import Field, StringConstraints

from governance.organisation.laid_down import SHAPES, Organisation
from governance.organisation.management import Deadlines
from governance.people.acts import SERVICE, Act, Before, Named, Refused, apart
from governance.people.due import Due
from governance.people.roles import DECIDES, LEAD, PEOPLE
from governance.record import ledger
from governance.record.ledger import Event
from governance.shapes import Strict, Text

FOUND, APPROVED = "document.found", "document.approved"
REGISTERED, WITHDRAWN, ACCEPTED = "risk.registered", "risk.withdrawn", "risk.accepted"
ACKNOWLEDGED, COMPETENT = "policy.acknowledged", "competence.recorded"
# What only the pipeline appends.
AUTOMATIC = frozenset({FOUND, REGISTERED, WITHDRAWN})
# Digits of a digest that a person reads and types. 48 bits: two versions of one document never share them by chance.
DIGITS = 12

Digest = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9a-f]{12,64}$"),
    Field(description=f"Digest of what you read, as it is listed: at least its first {DIGITS} digits."),
]


class Agreement(Strict):
    """That somebody read these very bytes and agrees."""

    digest: Digest
    statement: Annotated[Text, Field(description="What you looked at, and why you agree.")]


class Acknowledgement(Strict):
    """That somebody read the policy."""

    digest: Digest


class CompetenceRecord(Strict):
    """That an account's holder can do what a role takes. No certificate and no name: those stay with the employer."""

    competence: Annotated[str, Field(description="Which, as in roles.yaml.")]
    basis: Annotated[Literal["training", "examination", "experience"], Field(description="What it rests on.")]
    until: Annotated[dt.date, Field(description="The last day on which this record holds.")]


def record(connection: sa.Connection, organisation: Organisation, *, at: dt.datetime) -> int:
    """Enters what changed since it was last entered: documents, risks, risks that are gone. Returns how many events."""
    before = ledger.head(connection)[0]
    for name, body in _documents(organisation).items():
        _enter(connection, FOUND, f"organisation/{name}", body, "sha256", at)
    risks = _risks(organisation)
    for name, body in risks.items():
        _enter(connection, REGISTERED, f"organisation/risk/{name}", body, "risk", at)
    for subject, newest in _registered(ledger.events(connection, kind="risk.*")).items():
        if newest.kind == REGISTERED and subject.rsplit("/", 1)[1] not in risks:
            body = {"risk": newest.body["risk"]}
            ledger.append(connection, WITHDRAWN, subject, body, actor=SERVICE, at=at)
    return ledger.head(connection)[0] - before


def due(before: Before, _deadlines: Deadlines) -> Iterator[Due]:
    """When each document must be looked at again, as it was found last. Looking again is approving a new version."""
    for event in {event.subject: event for event in before.events(FOUND)}.values():
        on = dt.date.fromisoformat(event.body["review_by"])
        name = event.subject.removeprefix("organisation/")
        yield Due(on, f"review/{name}", "organisation", f"review {name}.yaml ({event.body['owner']})", None)


def _registered(events: Iterable[Event]) -> dict[str, Event]:
    """Subject → the newest event that says whether the risk is in the register."""
    return {event.subject: event for event in events if event.kind in (REGISTERED, WITHDRAWN)}


def _enter(connection: sa.Connection, kind: str, subject: str, body: dict[str, Any], key: str, at: dt.datetime) -> None:
    last = ledger.last_event(connection, kind, subject)
    gone = ledger.last_event(connection, WITHDRAWN, subject) if kind == REGISTERED else None
    if last is None or last.body[key] != body[key] or (gone is not None and gone.seq > last.seq):
        ledger.append(connection, kind, subject, body, actor=SERVICE, at=at)


def _documents(organisation: Organisation) -> dict[str, dict[str, Any]]:
    return {
        name: {
            "sha256": organisation.documents[name].sha256,
            "version": titled.version,
            "author": titled.author,
            "owner": titled.owner,
            "review_by": titled.review_by.isoformat(),
            "demonstration": titled.demonstration,
            "competences": [item.id for item in organisation.roles.competences] if name == "roles" else [],
        }
        for name, titled in organisation.titled.items()
    }


def _risks(organisation: Organisation) -> dict[str, dict[str, Any]]:
    return {
        risk.id: {
            "risk": risk.digest,
            "document": organisation.documents["risks"].sha256,
            "owner": risk.owner,
            "author": risk.treatment.author,
            "option": risk.treatment.option,
            "level": organisation.risks.level(risk),
            "residual": organisation.risks.residual(risk),
        }
        for risk in organisation.risks.risks
    }


def _document(before: Before, name: str) -> Named:
    short = name.removeprefix("organisation/").removesuffix(".yaml")
    found = before.last(FOUND, f"organisation/{short}")
    if found is None:
        known = f"it is none of {', '.join(SHAPES)}" if short not in SHAPES else "record it: `aims documents --record`"
        raise Refused(f"The document {short!r} is not in the record; {known}.")
    return found.subject, {key: found.body[key] for key in ("sha256", "version", "author")}


def _risk(before: Before, name: str) -> Named:
    subject = f"organisation/risk/{name.removeprefix('organisation/risk/')}"
    found = _current_risk(before, subject)
    return found.subject, {key: found.body[key] for key in ("risk", "owner", "author")}


def _account(_before: Before, name: str) -> Named:
    return f"account/{name.removeprefix('account/')}", {}


def _current_risk(before: Before, subject: str) -> Event:
    newest = _registered(before.events("risk.*", subject=subject)).get(subject)
    if newest is None or newest.kind == WITHDRAWN:
        raise Refused(f"There is no risk {subject.rsplit('/', 1)[1]!r} in the record. See `aims risks`.")
    return newest


def _is_what_was_read(event: Event, found: Event, key: str) -> None:
    """The digest that was named is that of what stands in the record, and so is everything the act refers to."""
    names = [name for name in ("sha256", "version", "author", "risk", "owner") if name in event.body]
    agrees = all(event.body[name] == found.body[name] for name in names)
    if not agrees or not found.body[key].startswith(event.body["digest"]):
        raise Refused(
            f"In force is {event.subject.split('/', 1)[1]} with the digest {found.body[key][:DIGITS]}, and you named "
            f"{event.body['digest'][:DIGITS]}: read what is in force."
        )


def _is_new(before: Before, event: Event, found: Event, *, by_anybody: bool) -> None:
    """Not done since what is in force was found. What came back after another version is agreed to anew."""
    for earlier in before.events(event.kind, subject=event.subject):
        if earlier.seq > found.seq and (by_anybody or earlier.actor == event.actor):
            raise Refused(f"{earlier.actor} did so already for what is in force (event {earlier.seq}).")


def _may_approve(before: Before, event: Event) -> None:
    found = before.last(FOUND, event.subject)
    if found is None:
        raise Refused(f"{event.subject} is not in the record: `aims documents --record`.")
    _is_what_was_read(event, found, "sha256")
    _is_new(before, event, found, by_anybody=True)
    account = before.account(event.actor)
    if account is None or found.body["owner"] not in account.roles:
        raise Refused(f"{event.subject} is answered for by the role {found.body['owner']}: one of them approves it.")
    apart(before, event, [found.body["author"]], "author_approver")


def _may_acknowledge(before: Before, event: Event) -> None:
    found = before.last(FOUND, event.subject)
    if found is None or event.subject != "organisation/policy":
        raise Refused("Only the policy is acknowledged: `aims act acknowledge-policy policy`.")
    _is_what_was_read(event, found, "sha256")
    approved = before.last(APPROVED, event.subject)
    if approved is None or approved.seq < found.seq:
        raise Refused("The policy as it stands is not approved: there is nothing to acknowledge yet.")
    _is_new(before, event, found, by_anybody=False)


def _may_accept(before: Before, event: Event) -> None:
    found = _current_risk(before, event.subject)
    _is_what_was_read(event, found, "risk")
    _is_new(before, event, found, by_anybody=True)
    account = before.account(event.actor)
    if account is None or not account.answers_for(found.body["owner"]):
        raise Refused(f"{found.body['owner']} answers for this risk, and {event.actor} does not answer for them.")
    apart(before, event, [found.body["author"]], "author_approver")


def _may_record_competence(before: Before, event: Event) -> None:
    name = event.subject.removeprefix("account/")
    account = before.account(name)
    if account is None or account.closed:
        raise Refused(f"There is no open account {name}. See `aims accounts`.")
    if event.actor == name:
        raise Refused(f"{name} does not attest their own competence: another governance lead does.")
    roles = before.last(FOUND, "organisation/roles")
    known = roles.body["competences"] if roles else []
    if event.body["competence"] not in known:
        raise Refused(f"roles.yaml describes no competence {event.body['competence']!r}, only {', '.join(known)}.")
    if dt.date.fromisoformat(event.body["until"]) < before.at.date():
        raise Refused(f"The record would have ended on {event.body['until']} already.")


ACTS = (
    Act(
        "approve-document",
        APPROVED,
        "document",
        DECIDES,
        Agreement,
        _may_approve,
        "Approve a document of the organisation, as it stands: policy, risks, objectives, applicability, ...",
        _document,
        frozenset({"sha256", "version", "author"}),
        of_system=False,
    ),
    Act(
        "acknowledge-policy",
        ACKNOWLEDGED,
        "policy",
        PEOPLE,
        Acknowledgement,
        _may_acknowledge,
        "Say that you have read the AI policy.",
        _document,
        frozenset({"sha256", "version", "author"}),
        of_system=False,
    ),
    Act(
        "accept-risk",
        ACCEPTED,
        "risk",
        DECIDES,
        Agreement,
        _may_accept,
        "Accept what is left of a risk that your team answers for.",
        _risk,
        frozenset({"risk", "owner", "author"}),
        of_system=False,
    ),
    Act(
        "record-competence",
        COMPETENT,
        "account",
        LEAD,
        CompetenceRecord,
        _may_record_competence,
        "Record that an account's holder can do what a role takes.",
        _account,
        of_system=False,
    ),
)
