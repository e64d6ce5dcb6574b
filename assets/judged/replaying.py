"""What the past would have looked like under a version that promises less (6.3, 8.4): replayed before its approval.

Nothing is measured again: every past look is held against both versions by what was measured then, bounds included.
The record then holds which verdicts would have come out otherwise, and whoever approves can know it.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from assets.judged.agreed import record_now
from assets.judged.contrasts import contrasts_for
from assets.judged.reference import reference_profile
from assets.judged.rejudging import labels_of, looks_at
from assets.kept.home import Site
from governance.approval.approvals import REPLAYED, Version, pending, versions
from governance.declared.changes import changes_of
from governance.declared.declarations import Declaration
from governance.people.acts import SERVICE, Before
from governance.record import ledger
from governance.records import Outcome, Verdict
from monitors.judge import judge_all

# Flips that the event lists; all of them are counted.
LISTED = 1_000
NOT_JUDGED = "not judged"
# Batch or window, criterion, segment.
Question = tuple[str, str, str]


def replay_pending(declaration: Declaration, site: Site) -> dict[str, Any] | None:
    """Replays the version that waits for approval, if it loosens anything and was not replayed yet.

    Returns what the record now holds about it, or None where there is nothing to replay. Several processes may do it
    at once: the first one that is done is kept.
    """
    with record_now(site) as before:
        known = versions(before, declaration.id)
    waiting = pending(known)
    if waiting is None or not waiting.loosens or waiting.replay is not None:
        return waiting.replay if waiting else None
    against = next(version for version in known if version.seq == waiting.against)
    body = replayed(declaration, against, waiting, site)
    with ledger.writing(site.register.engine) as connection:
        now = pending(versions(Before(connection, ledger.head(connection)[0] + 1, site.at), declaration.id))
        if now is None or now.seq != waiting.seq or now.replay is not None:
            return now.replay if now else None
        said = {"submission": waiting.seq, "against": against.seq, "run": site.run, **body}
        ledger.append(connection, REPLAYED, declaration.id, said, actor=SERVICE, at=site.at)
    return body


def replayed(declaration: Declaration, old: Version, new: Version, site: Site) -> dict[str, Any]:
    """Counts, and the verdicts that would have come out otherwise, over everything that was measured."""
    touched = changes_of(new.changes).touched
    before = _verdicts(declaration.under(old.text), touched, site)
    after = _verdicts(declaration.under(new.text), touched, site)
    flips = [_flip(q, before.get(q), after.get(q)) for q in sorted({*before, *after}) if _differ(before, after, q)]
    ways = Counter(f"{flip['before']} → {flip['after']}" for flip in flips)
    return {
        "questions": len({*before, *after}),
        "flips": len(flips),
        "ways": dict(ways),
        "breaches_before": _breaches(before),
        "breaches_after": _breaches(after),
        "listed": flips[:LISTED],
    }


def _verdicts(declaration: Declaration, touched: frozenset[str], site: Site) -> dict[Question, Verdict]:
    """What these criteria make of every look, the newest one at each batch or window."""
    if site.register.last("reference.frozen", declaration.id) is None:
        return {}
    contrasts = contrasts_for(declaration, reference_profile(declaration, site))
    found: dict[Question, Verdict] = {}
    for criterion in declaration.criteria:
        for name, event in looks_at(declaration, criterion, site) if criterion.id in touched else ():
            measurements, _ = site.register.records_of(event)
            _, verdicts = judge_all(measurements, (criterion,), contrasts, labels_of(event))
            found |= {(name, criterion.id, verdict.segment): verdict for verdict in verdicts}
    return found


def _outcome(verdict: Verdict | None) -> str:
    return str(verdict.outcome) if verdict else NOT_JUDGED


def _differ(before: dict[Question, Verdict], after: dict[Question, Verdict], question: Question) -> bool:
    return _outcome(before.get(question)) != _outcome(after.get(question))


def _breaches(verdicts: dict[Question, Verdict]) -> int:
    return sum(verdict.outcome is Outcome.BREACH for verdict in verdicts.values())


def _flip(question: Question, before: Verdict | None, after: Verdict | None) -> dict[str, Any]:
    batch, criterion, segment = question
    either = before or after
    assert either is not None
    seen = either.measurement
    return {
        "batch": batch,
        "criterion": criterion,
        "segment": segment,
        "before": _outcome(before),
        "after": _outcome(after),
        "value": seen.value,
        "low": seen.low,
        "high": seen.high,
        "n": seen.n,
    }
