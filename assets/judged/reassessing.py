"""What asks for a new look at an assessment (8.4): entered once for each version, for a person to answer.

Read from the record and the declaration as they stand, and not from what has just run: a step that was killed, or a
second process, changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from assets.judged.agreed import Agreed, record_now
from assets.kept.home import Site
from governance.approval.approvals import DUE, OVERDUE, Version, in_force, reassessments, unanswered, versions
from governance.approval.assessing import answer_by, declared_beside
from governance.cases import nonconformity
from governance.declared.changes import changes
from governance.declared.declarations import Declaration, assessment_of
from governance.declared.metrics import METRICS
from governance.organisation.management import Deadlines
from governance.people.acts import SERVICE, Before
from governance.record import ledger
from governance.records import Outcome

if TYPE_CHECKING:
    from monitors.profile import Profile

# Evidence that an event names; there may be a breach in every batch of ten years.
NAMED = 20


@dataclass(frozen=True, slots=True)
class Question:
    """One thing that happened: `about` tells it from another of its kind, `evidence` are numbers of events."""

    trigger: str
    about: str
    what: str
    evidence: tuple[int, ...] = ()


def note_changes(declaration: Declaration, site: Site) -> int:
    """Enters what has happened since the version in force was approved; returns how much of it is new."""
    with record_now(site) as before:
        version = in_force(versions(before, declaration.id))
        found = list(_questions(before, declaration, version, site)) if version else []
    return sum(_note(declaration.id, question, site) for question in found)


def note_new_segments(promised: Agreed, batch: str, profile: Profile, reference: Profile, site: Site) -> None:
    """Enters groups that are large enough to be shown and that the reference did not have."""
    from monitors.unseen import unseen_groups

    if promised.version is None:
        return
    smallest = promised.declaration.system.smallest_group
    for grouping, group, rows in unseen_groups(profile, reference, smallest):
        what = f"{grouping}: {group} has {rows} rows in {batch} and none in the reference"
        _note(promised.declaration.id, Question("new_segment", f"{grouping}: {group}", what), site)


def suspect_overdue(system: str, deadlines: Deadlines, site: Site) -> int:
    """Opens a suspected nonconformity about 8.4 for what was not answered in time; returns how many are new."""
    with ledger.writing(site.register.engine) as connection:
        before, opened = Before(connection, ledger.head(connection)[0] + 1, site.at), 0
        now = in_force(versions(before, system))
        told = {event.body["due"] for event in before.events(OVERDUE, subject=system)}
        for item in unanswered(before, system):
            # The day of a review is a deadline by itself.
            last = now.review_by if now and item.trigger == "time" else answer_by(item.since, deadlines)
            if item.seq in told or site.at.date() <= last:
                continue
            reason = f"{item.trigger} was to be answered by {last}: {item.what}"
            said = {"due": item.seq, "trigger": item.trigger, "by": last.isoformat(), "submission": item.version}
            overdue = ledger.append(connection, OVERDUE, system, said, actor=SERVICE, at=site.at)
            nonconformity.suspect(
                connection,
                system=system,
                requirement="8.4",
                segment=item.trigger,
                source="requirement",
                severity="major",
                reason=reason,
                owner=None,
                evidence={"event": overdue.seq, "due": item.seq, "events": list(item.evidence)},
                at=site.at,
            )
            opened += 1
    return opened


def _note(system: str, question: Question, site: Site) -> bool:
    with record_now(site) as before:
        if not _is_new(before, system, question):
            return False
    with ledger.writing(site.register.engine) as connection:
        before = Before(connection, ledger.head(connection)[0] + 1, site.at)
        version = in_force(versions(before, system))
        if version is None or not _is_new(before, system, question):
            return False
        body = {
            "submission": version.seq,
            "assessment": version.digest,
            "trigger": question.trigger,
            "about": question.about,
            "what": question.what,
            "evidence": list(question.evidence),
            "run": site.run,
        }
        ledger.append(connection, DUE, system, body, actor=SERVICE, at=site.at)
    return True


def _is_new(before: Before, system: str, question: Question) -> bool:
    """Whether no question of its kind is open, and this very one was never answered."""
    version = in_force(versions(before, system))
    if version is None:
        return False
    known = [r for r in reassessments(before, system) if r.version == version.seq and r.trigger == question.trigger]
    return not any(r.answer is None or r.about == question.about for r in known)


def _questions(before: Before, declaration: Declaration, version: Version, site: Site) -> Iterator[Question]:
    yield from _new_model(before, declaration, version)
    yield from _schema(declaration, version)
    yield from _shifted(declaration, version, site)
    yield from _loosened(before, declaration, version)
    if version.overdue(before.at.date()):
        yield Question("time", version.review_by.isoformat(), f"its review was due by {version.review_by}")


def _new_model(before: Before, declaration: Declaration, version: Version) -> Iterator[Question]:
    """Another model than the last one that was known when the version was approved; the first of all is none."""
    made = [
        *before.events("model.trained", prefix=f"{declaration.id}/"),
        *before.events("release.granted", prefix=f"{declaration.id}/"),
    ]
    made.sort(key=lambda event: event.seq)
    known = [e for e in made if e.seq < (version.approved_seq or 0)] or made[:1]
    for event in made:
        if known and event.seq > known[-1].seq and event.body["model"] != known[-1].body["model"]:
            done = "released" if event.kind == "release.granted" else "trained"
            digest = event.body["model"]
            yield Question("new_model", digest, f"the model {digest[:12]} was {done}", (event.seq,))


def _schema(declaration: Declaration, version: Version) -> Iterator[Question]:
    now = declared_beside(declaration)
    other = [name for name in ("contract", "columns") if now[name] != version.declared[name]]
    if other:
        about = "/".join(now[name][:12] for name in ("contract", "columns"))
        words = {"contract": "contract.yaml", "columns": "the columns of system.yaml"}
        yield Question("schema_change", about, f"{' and '.join(words[name] for name in other)} changed since")


def _shifted(declaration: Declaration, version: Version, site: Site) -> Iterator[Question]:
    """A drift criterion about what people are like was breached under this version."""
    people = {*declaration.system.having("feature"), *declaration.system.having("attribute")}
    drift = {
        criterion.id: criterion.columns
        for criterion in assessment_of(version.text).criteria
        if METRICS[criterion.metric].is_distance and people & {column.split(" (")[0] for column in criterion.columns}
    }
    rows = [
        row
        for row in site.register.verdicts(system=declaration.id)
        if row["criterion"] in drift and row["verdict"] == Outcome.BREACH and row["assessment"] == version.digest
    ]
    if rows:
        judged = site.register.judged_batches(declaration.id)
        seen = sorted({(row["criterion"], row["segment"], row["batch"]) for row in rows})
        criterion, segment, batch = seen[0]
        what = f"{criterion} [{segment}] was breached in {batch}" + (f", {len(seen) - 1} more" if seen[1:] else "")
        evidence = sorted({judged[row["batch"]].seq for row in rows})[:NAMED]
        yield Question("population_shift", f"{criterion}/{segment}", what, tuple(evidence))


def _loosened(before: Before, declaration: Declaration, version: Version) -> Iterator[Question]:
    """Limits that nobody has approved so: in `model.yaml`, or in a draft that was not submitted."""
    release = declared_beside(declaration)["release"]
    for metric, was in version.declared["release"].items():
        now = release.get(metric)
        if now is None or _is_looser(metric, float(was), float(now)):
            words = f"the release limit of {metric} in model.yaml went from {was} to {now or 'none'}"
            yield Question("loosened_limit", f"{metric}/{now}", words)
    digest = declaration.assessment_digest
    if all(known.digest != digest for known in versions(before, declaration.id)):
        found = changes(assessment_of(version.text), declaration.assessment, declaration.system.batches.period)
        if found.loosens:
            words = f"{Path(declaration.folder.name, 'impact_assessment.yaml')} loosens and was not submitted: "
            yield Question("loosened_limit", digest, words + next(iter(found.lines())))


def _is_looser(metric: str, was: float, now: float) -> bool:
    return now > was if metric == "mean_absolute_error" else now < was
