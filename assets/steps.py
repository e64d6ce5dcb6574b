"""What happens to a batch, step by step, without Dagster: each step fetches, calls, keeps.

Every step may be repeated: what is already kept under the same inputs is not written again, and what a killed run
left undone is done by the next one.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assets.code import code_digest
from assets.home import Site
from assets.lake import keep_text
from assets.landing import Held, Landing, NotArrived, batch_part, land, landed, landed_batches
from assets.profiles import keep_profile, read_profile
from checks.provenance import missing_facts
from governance import periods
from governance.declarations import Declaration
from governance.ledger import Event
from governance.records import Measurement, Verdict
from governance.register import Judgement

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from checks.contract import RuleResult
    from monitors.levels import Contrast
    from monitors.profile import Profile
    from monitors.profiling import Shape


@dataclass(frozen=True)
class Checked:
    """What the data checks of one landed part said."""

    landing: Landing
    missing_facts: tuple[str, ...]
    unmet: tuple[dict[str, Any], ...]
    blocking: bool
    not_evaluated: tuple[dict[str, Any], ...]
    met: int


def land_and_check(declaration: Declaration, batch: str, part: Any, site: Site) -> Checked:
    """Lands one part of a batch and checks it.

    Raises
    ------
    Held
        It cannot be used: unreadable, not as declared, or a blocking rule of the contract is not met.
    NotArrived
        There is nothing yet.
    """
    landing = land(declaration, batch, part, site)
    checked = check(declaration, landing, site)
    if checked.blocking:
        reasons = [item["reason"] for item in checked.unmet if item["blocking"]]
        reasons += [f"provenance lacks {name}" for name in checked.missing_facts]
        reason = f"The contract is not met: {'; '.join(reasons[:5])}" + (
            f" (and {len(reasons) - 5} more)." if len(reasons) > 5 else "."
        )
        subject = f"{declaration.id}/{batch}/{part}"
        body = {
            "reason": reason,
            "digest": landing.digest,
            "declaration": declaration.digest,
            "run": site.run,
        }
        site.register.turn("batch.held", "batch.landed", subject, body, keys=("reason", "digest"), at=site.at)
        raise Held(reason)
    _let_go(landing, site)
    return checked


def _let_go(landing: Landing, site: Site) -> None:
    """What was held for its contract and now meets it (the contract changed) is landed again, in so many words."""
    subject = f"{landing.system}/{landing.batch}/{landing.part}"
    held, came = (site.register.last(kind, subject) for kind in ("batch.held", "batch.landed"))
    if held and came and held.seq > came.seq:
        site.register.record("batch.landed", subject, {**landing.body, "run": site.run}, at=site.at)


def check(declaration: Declaration, landing: Landing, site: Site) -> Checked:
    """Provenance and contract of a landed part. The outcome is an event; the same data is checked once."""
    subject = f"{declaration.id}/{landing.batch}/{landing.part}"
    key = {"digest": landing.digest, "contract": declaration.digests["contract.yaml"], "code": code_digest()}
    last = site.register.last("batch.checked", subject)
    if last and last.body["inputs"] == key and not last.body["tool_failed"]:
        body = last.body
    else:
        body = {"inputs": key, **_check_contract(declaration, landing), "run": site.run}
        site.register.record("batch.checked", subject, body, at=site.at)
    missing = missing_facts(landing.body)
    blocking = bool(missing) or any(item["blocking"] for item in body["unmet"])
    return Checked(landing, missing, tuple(body["unmet"]), blocking, tuple(body["not_evaluated"]), body["met"])


def _check_contract(declaration: Declaration, landing: Landing) -> dict[str, Any]:
    from checks.contract import RuleOutcome, check_contract, read_contract

    # Outcomes bring two columns of the contract; the others are checked where they arrive.
    only = {declaration.system.the("key"), declaration.system.the("label")} if landing.part == "outcomes" else None
    results = check_contract(read_contract(declaration.contract_text), landing.path)
    kept = [r for r in results if only is None or r.column in only]
    by_outcome: dict[RuleOutcome, list[RuleResult]] = {outcome: [] for outcome in RuleOutcome}
    for result in kept:
        by_outcome[result.outcome].append(result)
    return {
        "met": len(by_outcome[RuleOutcome.MET]),
        "unmet": [_as_plain(r) for r in by_outcome[RuleOutcome.UNMET]],
        "not_evaluated": [_as_plain(r) for r in by_outcome[RuleOutcome.NOT_EVALUATED]],
        "tool_failed": any(r.tool_failed for r in by_outcome[RuleOutcome.NOT_EVALUATED]),
    }


def _as_plain(result: RuleResult) -> dict[str, Any]:
    return {"rule": result.rule, "blocking": result.blocking, "reason": result.reason}


def freeze_reference(declaration: Declaration, site: Site) -> str:
    """Lands and checks the reference batches, freezes their bins, keeps their profile. Returns its digest.

    Raises
    ------
    Held, NotArrived
        A reference batch cannot be used: without all of them there is no reference.
    """
    system = declaration.system
    batches = periods.reference_batches(system)
    for batch in batches:
        land_and_check(declaration, batch, batch_part(declaration, batch), site)
    landings = dict(landed_batches(declaration, site, batches))
    inputs = {
        "batches": {batch: landing.digest for batch, landing in landings.items()},
        "outcomes": _outcome_digests(declaration, batches, site),
        "declaration": declaration.digests["system.yaml"],
        "code": code_digest(),
    }
    last = site.register.last("reference.frozen", declaration.id)
    if last and last.body["inputs"] == inputs and (site.home.profiles / f"{last.body['profile']}.parquet").exists():
        return str(last.body["profile"])
    profile = _profile_reference(declaration, [landing.path for landing in landings.values()])
    digest = keep_profile(site.home.profiles, profile)
    body = {
        "inputs": inputs,
        "profile": digest,
        "grid": profile.grid.digest,
        "rows": profile.rows,
        "run": site.run,
    }
    site.register.record("reference.frozen", declaration.id, body, at=site.at)
    return digest


def reference_profile(declaration: Declaration, site: Site) -> Profile:
    """The frozen reference.

    Raises
    ------
    NotArrived
        It was never frozen.
    """
    event = site.register.last("reference.frozen", declaration.id)
    if event is None:
        raise NotArrived(f"{declaration.id}: the reference has not been frozen; run its reference first.")
    return read_profile(site.home.profiles, event.body["profile"])


def judge_batch(declaration: Declaration, batch: str, site: Site) -> dict[str, Any]:
    """Profiles, measures and judges one landed batch, and keeps all of it. Returns the body of its event.

    Raises
    ------
    NotArrived
        The batch or the reference has not been landed.
    """
    landing = landed(declaration, batch, batch_part(declaration, batch), site)
    if landing is None:
        raise NotArrived(f"{declaration.id}: the batch {batch} has not been landed.")
    approve_as_declared(declaration, site)
    reference = reference_profile(declaration, site)
    outcomes = landed(declaration, batch, "outcomes", site) if declaration.system.sources.outcomes else None
    inputs = _inputs(declaration, batch, landing, outcomes, reference, site)
    subject = f"{declaration.id}/{batch}"
    last = site.register.last("batch.judged", subject)
    if last and {**last.body["inputs"], "profile": None} == inputs:
        return last.body
    profile = _profile(reference, landing, outcomes, declaration)
    inputs["profile"] = keep_profile(site.home.profiles, profile)
    judgement = _judge(declaration, batch, profile, reference, inputs, site)
    site.register.keep(judgement, at=site.at)
    event = site.register.last("batch.judged", subject)
    assert event is not None
    return event.body


def approve_as_declared(declaration: Declaration, site: Site) -> None:
    """Enters the approval that stands beside the assessment into the ledger, once per version.

    The file is a person's act under version control; the ledger notes that it was found and for which bytes.
    """
    approval = declaration.approval
    if approval is None or not declaration.is_approved:
        return
    body = {
        "assessment": declaration.assessment_digest,
        "version": declaration.assessment.version,
        "author": declaration.assessment.author,
        "approved_by": approval.approved_by,
        "approved_on": approval.approved_on.isoformat(),
        "demonstration": approval.demonstration,
        "basis": "approval.yaml",
    }
    site.register.record("assessment.approved", declaration.id, body, at=site.at, unless="assessment")


def write_report(declaration: Declaration, batch: str, site: Site) -> Path:
    """The page about one judged batch, made from what is kept. Written once per judgement."""
    from reports.batch_review import BatchReview, render

    body = site.register.judged_batches(declaration.id)[batch].body
    label = periods.label_of(declaration.system, batch)
    folder = site.home.reports / declaration.id
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / f"{label}-{body['results'][:12]}.html"
    if path.exists():
        return path
    compared = periods.part_of(declaration.system, batch) == "production"
    current = read_profile(site.home.profiles, body["inputs"]["profile"])
    measurements, verdicts = site.register.records(declaration.id, batch)
    span = declaration.system.reference
    review = BatchReview(
        system_name=declaration.system.name,
        system_id=declaration.id,
        batch=batch,
        batch_label=label,
        reference_label=f"{span.from_} to {span.to}",
        verdicts=verdicts,
        measurements=measurements,
        assessment=_with_owners(body["assessment"]),
        inputs=body["inputs"],
        as_known_on=body["as_known_on"],
    )
    reference = reference_profile(declaration, site) if compared else None
    return keep_text(path, render(review, reference, current, seed=body["results"]))


def _with_owners(assessment: dict[str, Any] | None) -> dict[str, Any] | None:
    """The assessment as it was quoted, with criterion → owner beside it, as the page shows it."""
    if assessment is None:
        return None
    return {**assessment, "owners": {name: item["owner"] for name, item in assessment["criteria"].items()}}


def review_window(declaration: Declaration, site: Site) -> str | None:
    """Measures everything judged so far as one window, from merged profiles. Returns the window's name."""
    judged = site.register.judged_batches(declaration.id)
    batches = [batch for batch in periods.all_batches(declaration.system) if batch in judged]
    if not batches:
        return None
    digests = {batch: judged[batch].body["inputs"]["profile"] for batch in batches}
    parts = [read_profile(site.home.profiles, digest) for digest in digests.values()]
    current = reference_profile(declaration, site).grid.digest
    if {part.grid.digest for part in parts} != {current}:
        return None
    whole = functools.reduce(operator.add, parts)
    window = f"{batches[0]}/{periods.end_of(declaration.system, batches[-1])}"
    inputs: dict[str, str | None] = {f"profile {batch}": digest for batch, digest in digests.items()}
    inputs |= {"code": code_digest(), "profile": keep_profile(site.home.profiles, whole)}
    site.register.keep(_judge(declaration, window, whole, None, inputs, site), at=site.at)
    return window


def shape_of(declaration: Declaration) -> Shape:
    """What of this system's data is counted."""
    from monitors.profiling import Shape

    system = declaration.system
    watched = [
        name
        for name, column in system.columns.items()
        if {"feature", "attribute", "score", "prediction"} & set(column.roles)
    ]
    attributes = set(system.having("attribute"))
    return Shape(
        numeric=tuple(n for n in watched if declaration.kind(n) == "numeric" and n not in attributes),
        categorical=tuple(n for n in watched if declaration.kind(n) != "numeric" or n in attributes),
        groupings=tuple(grouping.by for grouping in system.groupings),
        label=system.the("label"),
        prediction=system.the("prediction"),
        score=system.the("score"),
        threshold=system.threshold,
        score_is_probability=system.score_is_probability,
    )


def _profile_reference(declaration: Declaration, paths: Sequence[Path]) -> Profile:
    from monitors.profiling import freeze, profile

    table = _table(paths)
    return profile(table, freeze(table, shape_of(declaration)))


def _profile(reference: Profile, landing: Landing, outcomes: Landing | None, declaration: Declaration) -> Profile:
    from monitors.profiling import profile

    table = _table([landing.path])
    if outcomes is not None:
        key, label = declaration.system.the("key"), declaration.system.the("label")
        known = table._find_backend().read_parquet(outcomes.path)[[key, label]]
        base = table.drop(label) if label in table.columns else table
        table = base.left_join(known, key).drop(f"{key}_right")
    return profile(table, reference.grid)


def _table(paths: Sequence[Path]) -> ir.Table:
    import ibis

    return ibis.duckdb.connect().read_parquet([str(path) for path in paths])


def _inputs(
    declaration: Declaration,
    batch: str,
    landing: Landing,
    outcomes: Landing | None,
    reference: Profile,
    site: Site,
) -> dict[str, str | None]:
    return {
        "data": landing.digest,
        "outcomes": outcomes.digest if outcomes else None,
        "reference": reference.digest,
        "system": declaration.digests["system.yaml"],
        "assessment": declaration.assessment_digest if declaration.is_approved else None,
        "labels": "mature" if _is_mature(declaration, batch, site) else "immature",
        "code": code_digest(),
        "profile": None,
    }


def _is_mature(declaration: Declaration, batch: str, site: Site) -> bool:
    import datetime as dt

    known_from = periods.end_of(declaration.system, batch) + dt.timedelta(days=declaration.system.labels.delay_days)
    return known_from <= site.at.date()


def _judge(
    declaration: Declaration,
    batch: str,
    profile: Profile,
    reference: Profile | None,
    inputs: dict[str, str | None],
    site: Site,
) -> Judgement:
    from monitors.judge import Labels, judge_all
    from monitors.levels import levels_of
    from monitors.measure import measure

    in_reference = "/" in batch or periods.part_of(declaration.system, batch) == "reference"
    criteria = () if in_reference or not declaration.is_approved else declaration.assessment.criteria
    contrasts = contrasts_for(declaration, profile)
    found = measure(
        profile,
        None if in_reference else reference,
        contrasts,
        levels_of(declaration.assessment.criteria, contrasts),
        seed=profile.digest,
    )
    labels = Labels(_coverage(found), inputs.get("labels") == "mature")
    measurements: tuple[Measurement, ...]
    verdicts: tuple[Verdict, ...]
    measurements, verdicts = judge_all(found, criteria, contrasts, labels)
    return Judgement(
        system=declaration.id,
        batch=batch,
        reference=reference.digest if reference and not in_reference else "",
        as_known_on=site.at.date().isoformat(),
        inputs=inputs,
        measurements=measurements,
        verdicts=verdicts,
        assessment=_assessment(declaration) if criteria else None,
        run=site.run,
    )


def contrasts_for(declaration: Declaration, profile: Profile) -> tuple[Contrast, ...]:
    """All contrasts of the system's groupings."""
    from monitors.levels import contrasts_of

    criteria = declaration.assessment.criteria
    found = [contrasts_of(grouping, profile.grid, criteria) for grouping in declaration.system.groupings]
    return tuple(contrast for part in found for contrast in part)


def _coverage(measurements: Iterable[Measurement]) -> float | None:
    return next((m.value for m in measurements if m.metric == "label_coverage" and m.segment is None), None)


def _assessment(declaration: Declaration) -> dict[str, Any]:
    """What a verdict quotes: the version in force, who approved it, and each criterion with owner and rationale."""
    approval = declaration.approval
    assert approval is not None
    wanted = {"limit", "warn", "owner", "harm", "rationale", "alpha", "min_n", "controls"}
    return {
        "id": declaration.assessment.id,
        "version": declaration.assessment.version,
        "sha256": declaration.assessment_digest,
        "approved_by": approval.approved_by,
        "approved_on": approval.approved_on.isoformat(),
        "demonstration": approval.demonstration,
        "criteria": {c.id: c.model_dump(include=wanted, mode="json") for c in declaration.assessment.criteria},
    }


def _outcome_digests(declaration: Declaration, batches: Sequence[str], site: Site) -> dict[str, str]:
    if not declaration.system.sources.outcomes:
        return {}
    found: dict[str, Event | None] = {
        batch: site.register.last("batch.landed", f"{declaration.id}/{batch}/outcomes") for batch in batches
    }
    return {batch: event.body["digest"] for batch, event in found.items() if event}
