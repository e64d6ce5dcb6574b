"""What is held back, why, and the ways back: send it corrected, let it through after review, or discard it (A.7.4).

A person lets rows through for what was found wrong with them, by name: a release holds for those rows, those rules
and that contract, and for nothing that is found later. What could not be read, whose origin is unknown, or that holds
personal data cannot be let through by anybody.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from governance.batches import DISCARDED, KINDS, RELEASED, Standing, kinds_of, standing_of
from governance.people.acts import Act, Before, Named, Refused
from governance.people.roles import JUDGES
from governance.people.said import Why
from governance.record.ledger import Event
from governance.shapes import Strict

# What a person may look at and find good enough. All else is not known well enough to be judged by anybody.
RELEASABLE = frozenset({"contract", "overlap", "reference_overlap"})
Prefix = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{12,64}$")]


class Release(Strict):
    """Which rows are let through in spite of what was found, and why."""

    of_digest: Annotated[Prefix, Field(description="Of the held rows: 12 or more digits, from `aims quarantine`.")]
    reason: Why


class Discard(Strict):
    """Why what is held back will not be used."""

    reason: Why


def _standing(before: Before, subject: str) -> Standing:
    events = (event for kind in KINDS for event in before.events(kind, subject=subject))
    return standing_of(sorted(events, key=lambda event: event.seq))


def _subject(name: str) -> str:
    parts = name.split("/")
    if len(parts) == 2:
        parts.append("production")
    if len(parts) != 3:
        raise Refused(f"{name!r} names no batch. Write SYSTEM/BATCH, with the day on which the batch starts.")
    return "/".join(parts)


def _held(before: Before, name: str) -> Named:
    subject = _subject(name)
    held = _standing(before, subject).held
    if held is None:
        raise Refused(f"Nothing of {subject} is held back. See `aims quarantine`.")
    body = held.body
    return subject, {
        "held": held.seq,
        "digest": body.get("digest"),
        "rules": body.get("rules") or [],
        "contract": body.get("contract"),
    }


def _same_as_held(before: Before, event: Event) -> Event:
    """What is held as it stood, which must be what the act is about."""
    held = _standing(before, event.subject).held
    if held is None or held.seq != event.body["held"]:
        raise Refused(f"What the act is about is not held back any more in {event.subject}. See `aims quarantine`.")
    named = {name: held.body.get(name) or ([] if name == "rules" else None) for name in ("digest", "rules", "contract")}
    if {name: event.body[name] for name in named} != named:
        raise Refused("The act names other rows or rules than those that are held back.")
    return held


def _may_release(before: Before, event: Event) -> None:
    held = _same_as_held(before, event)
    kinds = kinds_of(held)
    never = sorted(set(kinds) - RELEASABLE)
    if never or not event.body["digest"] or not event.body["rules"]:
        why = ", ".join(never) or "no rule was named when it was held: let it be checked once more"
        raise Refused(f"This cannot be let through ({why}). Have it sent again, or discard it.")
    if not event.body["digest"].startswith(event.body["of_digest"]):
        raise Refused("Other rows are held back than those of this digest. See `aims quarantine`.")


def _may_discard(before: Before, event: Event) -> None:
    _same_as_held(before, event)


_REFERS = frozenset({"held", "digest", "rules", "contract"})
ACTS = (
    Act(
        "release-batch", RELEASED, "batch", JUDGES, Release, _may_release,
        "Let held rows through, for the rules that they were held for.", _held, _REFERS,
    ),
    Act(
        "discard-batch", DISCARDED, "batch", JUDGES, Discard, _may_discard,
        "What is held back will not be used: the batch counts as absent.", _held, _REFERS,
    ),
)  # fmt: skip
