"""The acts on an impact assessment: submit, approve, refuse, withdraw, keep (6.1.4, 8.4, A.5.2, A.5.3).

What is submitted is the file as it stands, with its text: who approved which bytes is then provable from the record
alone. What it changes is reckoned here from both texts, never typed, and reckoned again when the record is replayed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from governance.approval.approvals import (
    APPROVED,
    DUE,
    KEPT,
    OVERDUE,
    REFUSED,
    REPLAYED,
    SUBMITTED,
    WITHDRAWN,
    Version,
    in_force,
    is_demonstration,
    pending,
    unanswered,
    versions,
)
from governance.declared.changes import Changes, changes
from governance.declared.declarations import ASSESSMENT, Declaration, assessment_of, load, systems_folder
from governance.declared.system import Period
from governance.faults import DeclarationFaults
from governance.organisation.management import Deadlines
from governance.people.acts import Act, Before, Named, Refused, apart
from governance.people.due import Due
from governance.people.roles import DECIDES, TAKES_PART
from governance.people.said import Statement
from governance.record.canonical import digest, digest_of_bytes
from governance.record.ledger import Event
from governance.shapes import Strict, Text

# A version is kept no longer than this without a new look at it.
KEPT_DAYS_AT_MOST = 366
# Approvals that earlier versions of the program found in a file stay readable. They bring nothing into force.
AUTOMATIC = frozenset({REPLAYED, DUE, OVERDUE, APPROVED})


class Submission(Strict):
    """Why a version is put forward."""

    reason: Annotated[Text, Field(description="What has changed since the version in force, and why.")]


class Decision(Statement):
    """Agreement to these bytes and no others."""

    digest: Annotated[
        str,
        StringConstraints(pattern=r"^[0-9a-f]{8,64}$"),
        Field(description="Digest of what you looked at, as `aims assessment SYSTEM` shows it; 8 characters will do."),
    ]


class Refusal(Strict):
    """Why not."""

    reason: Annotated[Text, Field(description="Why.")]


class Keeping(Strict):
    """That the version in force still holds, although something happened."""

    reason: Annotated[Text, Field(description="What you looked at, and why the assessment still holds.")]
    trigger: Annotated[str | None, Field(description="Only this one (`RA-12`); all that are open where none.")] = None
    review_by: Annotated[
        dt.date | None, Field(description="The next review; needed where the review was what was due.")
    ] = None


def submission_of(declaration: Declaration, before: Before) -> dict[str, Any]:
    """What a submission says of the files: text, digest, and what it changes against the version in force."""
    assessment = declaration.assessment
    now = in_force(versions(before, declaration.id))
    period = declaration.system.batches.period
    return {
        "assessment": declaration.assessment_digest,
        "text": declaration.assessment_text,
        "version": assessment.version,
        "author": assessment.author,
        "review_by": assessment.review_by.isoformat(),
        "against": now.seq if now else None,
        "changes": _changes(now, declaration.assessment_text, period),
        "declared": {**declared_beside(declaration), "period": period},
    }


def declared_beside(declaration: Declaration) -> dict[str, Any]:
    """What an assessment was written for: where one of it changes later, somebody looks at the assessment again."""
    columns = {name: column.model_dump(mode="json") for name, column in declaration.system.columns.items()}
    release = declaration.model.release if declaration.model else ()
    return {
        "contract": declaration.digests["contract.yaml"],
        "columns": digest(columns),
        "release": {item.metric: repr(item.limit) for item in release},
    }


def from_disk(before: Before, system: str) -> Named:
    """The system, and its assessment as the file stands now."""
    try:
        declaration = load(systems_folder() / system)
    except DeclarationFaults as error:
        raise Refused(f"{system} has {len(error.faults)} faults in its declaration. See `aims check`.") from None
    return declaration.id, submission_of(declaration, before)


def _changes(now: Version | None, text: str, period: Period) -> dict[str, Any]:
    found = changes(assessment_of(now.text), assessment_of(text), period) if now else Changes()
    return found.as_body()


def _waiting(before: Before, system: str) -> Named:
    found = pending(versions(before, system))
    if found is None:
        raise Refused(f"No version of {system}'s assessment waits for a decision. See `aims assessment {system}`.")
    return system, {"submission": found.seq, "assessment": found.digest}


def _now(before: Before, system: str) -> Version:
    found = in_force(versions(before, system))
    if found is None:
        raise Refused(f"No version of {system}'s assessment is in force. See `aims assessment {system}`.")
    return found


def _standing(before: Before, system: str) -> Named:
    found = _now(before, system)
    return system, {"submission": found.seq, "assessment": found.digest}


def _standing_with_questions(before: Before, system: str) -> Named:
    found = _now(before, system)
    return system, {"submission": found.seq, "answers": [item.seq for item in unanswered(before, system)]}


def _may_submit(before: Before, event: Event) -> None:
    body, system = event.body, event.subject
    if digest_of_bytes(body["text"].encode()) != body["assessment"]:
        raise Refused(f"The digest {body['assessment'][:12]} is not that of the text.")
    assessment = assessment_of(body["text"])
    said = (assessment.system, assessment.version, assessment.author, assessment.review_by.isoformat())
    if said != (system, body["version"], body["author"], body["review_by"]):
        raise Refused(f"The submission says otherwise than the text of {ASSESSMENT}.")
    if event.actor != assessment.author:
        raise Refused(f"The author of {ASSESSMENT} is {assessment.author}: they submit it, and not {event.actor}.")
    known = versions(before, system)
    now, waiting = in_force(known), pending(known)
    for one in (now, waiting):
        if one and one.digest == body["assessment"]:
            raise Refused(f"Version {one.number} of {system}'s assessment with these bytes is {one.state} already.")
    if any(v.approved_seq and v.number == body["version"] and v.digest != body["assessment"] for v in known):
        raise Refused(f"Version {body['version']} was approved with other bytes: raise `version` in {ASSESSMENT}.")
    if body["against"] != (now.seq if now else None):
        raise Refused("It was compared with another version than the one in force.")
    if body["changes"] != _changes(now, body["text"], body["declared"]["period"]):
        raise Refused("What it says to have changed is not what has changed.")


def _is_waiting(before: Before, event: Event) -> Version:
    found = pending(versions(before, event.subject))
    if found is None or (found.seq, found.digest) != (event.body["submission"], event.body["assessment"]):
        raise Refused(f"That version of {event.subject}'s assessment does not wait for a decision.")
    return found


def _may_approve(before: Before, event: Event) -> None:
    version = _is_waiting(before, event)
    if not version.digest.startswith(event.body["digest"]):
        raise Refused(
            f"What waits for approval is {version.digest[:12]} (version {version.number}), and you name "
            f"{event.body['digest'][:12]}: look at it first, with `aims assessment {event.subject}`."
        )
    apart(before, event, (version.author, version.submitted_by), "author_approver")
    demonstration = is_demonstration(before, event.actor)
    now = in_force(versions(before, event.subject))
    if demonstration and now and not now.demonstration:
        raise Refused(f"Version {now.number} was approved by a real person: no demonstration takes its place.")
    if demonstration and not is_demonstration(before, version.submitted_by):
        raise Refused(f"Version {version.number} was submitted by a real person: no demonstration approves it.")
    if version.overdue(before.at.date()) and not demonstration:
        raise Refused(f"Its review was due by {version.review_by}: set a later `review_by` and submit it again.")
    if version.loosens and version.replay is None:
        raise Refused(
            f"Version {version.number} loosens what is promised, and what the past would have looked like under it "
            f"was not reckoned yet: run `aims replay {event.subject}` first."
        )


def _may_refuse(before: Before, event: Event) -> None:
    _is_waiting(before, event)


def _may_withdraw(before: Before, event: Event) -> None:
    found = _now(before, event.subject)
    if (found.seq, found.digest) != (event.body["submission"], event.body["assessment"]):
        raise Refused(f"That version of {event.subject}'s assessment is not in force.")


def _may_keep(before: Before, event: Event) -> None:
    version, body = _now(before, event.subject), event.body
    if body["submission"] != version.seq:
        raise Refused(f"That version of {event.subject}'s assessment is not in force.")
    apart(before, event, (version.author,), "author_approver")
    waiting = {item.seq: item for item in unanswered(before, event.subject)}
    if body["answers"] != list(waiting):
        raise Refused("The questions that it answers are not those that are open.")
    if not waiting:
        raise Refused(f"Nothing asks for a new look at {event.subject}'s assessment.")
    next_review = dt.date.fromisoformat(body["review_by"]) if body["review_by"] else None
    if any(item.trigger == "time" for item in waiting.values()) and next_review is None:
        raise Refused("The review was due: say by when the next one is (--review-by).")
    last = before.at.date() + dt.timedelta(days=KEPT_DAYS_AT_MOST)
    if next_review and not before.at.date() < next_review <= last:
        raise Refused(f"The next review is after today and by {last} at the latest, got {next_review}.")


def due(before: Before, deadlines: Deadlines) -> Iterator[Due]:
    """Reviews, questions without an answer, and submissions without a decision."""
    for system in _systems(before):
        known = versions(before, system)
        now, waiting = in_force(known), pending(known)
        if now:
            what = "review the impact assessment: submit-assessment or keep-assessment"
            yield Due(now.review_by, f"{system}/review/{now.seq}", system, what, now.author)
        for item in unanswered(before, system):
            if item.trigger != "time" and now:
                what = f"answer {item.trigger} ({item.what}): submit-assessment or keep-assessment"
                yield Due(answer_by(item.since, deadlines), f"RA-{item.seq}", system, what, now.author)
        if waiting:
            since = dt.date.fromisoformat(waiting.submitted_at[:10])
            by = since + dt.timedelta(days=deadlines.triage_days.of("major"))
            what = f"decide on version {waiting.number} of the impact assessment: approve- or refuse-assessment"
            yield Due(by, f"{system}/decide/{waiting.seq}", system, what, None)


def answer_by(since: dt.date, deadlines: Deadlines) -> dt.date:
    """The last day on which the answer to what asks for a new look is in time."""
    return since + dt.timedelta(days=deadlines.plan_days.of("major"))


def _systems(before: Before) -> list[str]:
    return sorted({event.subject for event in before.events(SUBMITTED)})


def submitting(declaration: Declaration) -> Act:
    """`submit-assessment` of a declaration that is read already, for the pipeline's demonstrations."""

    def read(before: Before, system: str) -> Named:
        return system, submission_of(declaration, before)

    return replace(SUBMIT, subject=read)


def _refers(*names: str) -> frozenset[str]:
    return frozenset(names)


SUBMIT = Act(
    "submit-assessment",
    SUBMITTED,
    "system",
    TAKES_PART,
    Submission,
    _may_submit,
    "Put the impact assessment forward for approval, as its file stands now.",
    from_disk,
    _refers("assessment", "text", "version", "author", "review_by", "against", "changes", "declared"),
)
APPROVE = Act(
    "approve-assessment",
    APPROVED,
    "system",
    DECIDES,
    Decision,
    _may_approve,
    "Approve the version that was submitted: it is in force from now on.",
    _waiting,
    _refers("submission", "assessment"),
)
REFUSE = Act(
    "refuse-assessment",
    REFUSED,
    "system",
    DECIDES,
    Refusal,
    _may_refuse,
    "Refuse the version that was submitted.",
    _waiting,
    _refers("submission", "assessment"),
)
WITHDRAW = Act(
    "withdraw-approval",
    WITHDRAWN,
    "system",
    DECIDES,
    Refusal,
    _may_withdraw,
    "Withdraw the approval of the version in force: nothing is judged until another one is approved.",
    _standing,
    _refers("submission", "assessment"),
)
KEEP = Act(
    "keep-assessment",
    KEPT,
    "system",
    DECIDES,
    Keeping,
    _may_keep,
    "Answer what asks for a new look: the version in force still holds.",
    _standing_with_questions,
    _refers("submission", "answers"),
)
ACTS = (SUBMIT, APPROVE, REFUSE, WITHDRAW, KEEP)
